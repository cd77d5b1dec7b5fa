"""Polynomials without zeros, by signs: if all coefficients of sum c_k t^k have one sign, the first and the last not 0, it is not 0 for
any t >= 0, nor in the limit.

So q has no zero from u to v, both included, if that holds for (1 + t)^n q(x), x = (u + v t)/(1 + t); or, without a bound, for
t^n q((v t - 1)/t), or q(u + t). The certificate cuts an interval where it does not hold for the whole.

Sound: coefficients of one sign have no positive zero; a change of sign has one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from math import gcd
from typing import Any

from . import _budget
from ._common import pack
from ._network import Network
from ._numbers import Rejected, items, need, rationals, show

End = Fraction | None  # None: no bound


def integers(polynomial: Sequence[Fraction]) -> list[int]:
    """A positive multiple with coprime integer coefficients, constant term first, without leading zeros; [] for 0."""
    found = list(pack(polynomial, (len(polynomial),)).numerators)
    while found and not found[-1]:
        found.pop()
    _budget.charge(len(found) * _budget.words(longest(found)) ** 2, "long coefficients")
    divisor = gcd(*found)
    return [c // divisor for c in found] if divisor > 1 else found


def longest(numbers: Iterable[int]) -> int:
    """The bits of the longest number."""
    return max(map(int.bit_length, numbers), default=0)


def value(polynomial: Sequence[int], x: Fraction, step: str) -> int:
    """p(x) times a positive number."""
    size, end = longest(polynomial), longest(x.as_integer_ratio())
    _budget.charge(len(polynomial) * _budget.words(size + len(polynomial) * end) * _budget.words(max(size, end)), step)
    total, power = 0, 1
    for c in reversed(polynomial):
        total, power = total * x.numerator + c * power, power * x.denominator
    return total


def need_no_zero(polynomial: Sequence[int], lower: End, upper: End, raw: Any, step: str) -> None:
    """Rejected unless the cuts show that the polynomial, which is not 0, has no zero between the two ends, nor at them."""
    cuts = rationals(raw, f"{step}: cuts")
    need(lower is not None or upper is not None or bool(cuts), f"{step}: cuts", "one is needed at least")
    ends: list[End] = [lower, *cuts, upper]
    for u, v in pairwise(ends):
        need(u is None or v is None or u < v or (u == v and not cuts), f"{step}: cuts", "they are not in order, within the interval")
    for u, v in pairwise(ends):
        with _budget.released():
            found = _along(polynomial, u, v, step)
        if not (found[0] and found[-1] and (min(found) >= 0 or max(found) <= 0)):
            start, end = "-infinity" if u is None else show(u), "infinity" if v is None else show(v)
            raise Rejected(step, f"a zero from {start} to {end} is not excluded")


def _along(p: Sequence[int], u: End, v: End, step: str) -> list[int]:
    """(1 + t)^n p((u + v t)/(1 + t)) up to a positive factor, one end being a number."""
    end = longest([n for end in (u, v) if end is not None for n in end.as_integer_ratio()])
    long = _budget.words(longest(p) + len(p) * (4 * end + 4))  # p is moved to u, then scaled by v - u, which has twice the bits, and moved
    _budget.charge(len(p) ** 2 * (1 + long // 8) + 2 * len(p) * long**2, step)  # sums, which take as long as numbers are; products
    _budget.hold(2 * len(p) * long, step)
    if u is None or v is None:  # p(v - 1/t) t^n or p(u + t)
        found = _moved(p, v if u is None else u)  # type: ignore[arg-type]
        return found if u is not None else [-c if k % 2 else c for k, c in enumerate(found)][::-1]
    if u == v:
        return [value(p, u, step)] * 2
    (a, b), n = (v - u).as_integer_ratio(), len(p) - 1
    scaled = [c * a**k * b ** (n - k) for k, c in enumerate(_moved(p, u))]  # of p(u + (v - u) y), y = t/(1 + t)
    return _shifted(scaled[::-1])[::-1]


def _moved(p: Sequence[int], u: Fraction) -> list[int]:
    """p(u + t) times a positive number."""
    (a, b), n = u.as_integer_ratio(), len(p) - 1
    if a == 0:
        return list(p)
    shifted = _shifted([c * a**k * b ** (n - k) for k, c in enumerate(p)])  # b^n p(a/b (1 + s)), s = t b/a
    return [c // a**k * b**k for k, c in enumerate(shifted)]


def _shifted(p: Sequence[int]) -> list[int]:
    """p(t + 1): the remainders of dividing by t - 1 again and again."""
    found, rest = [], list(p[::-1])
    while rest:
        rest = list(accumulate(rest))
        found.append(rest.pop())
    return found


def product(p: Sequence[int], q: Sequence[int], step: str) -> list[int]:
    """p q."""
    _budget.charge(len(p) * len(q) * _budget.words(longest(p)) * _budget.words(longest(q)), step)
    found = [0] * (len(p) + len(q) - 1) if p and q else []
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            found[i + j] += a * b
    return found


def same(p: Sequence[int], q: Sequence[int]) -> bool:
    """Whether p is a positive or negative multiple of q, or both are 0."""
    _budget.charge(2 * len(p) * _budget.words(longest(p)) * _budget.words(longest(q)), "long coefficients")
    return len(p) == len(q) and all(a * q[-1] == b * p[-1] for a, b in zip(p, q, strict=True))


def denominators(raw: Any) -> frozenset[tuple[Fraction, ...]]:
    """The polynomials, up to factors, that a list of [coefficients, cuts] shows to have no real zero."""
    found = set()
    for k, pair in enumerate(items(raw, "denominators")):
        step = f"denominators[{k}]"
        coefficients, cuts = items(pair, step, 2)
        polynomial = integers(rationals(coefficients, step))
        need(bool(polynomial), step, "the polynomial is 0")
        need_no_zero(polynomial, None, None, cuts, step)
        found.add(monic(polynomial))
    return frozenset(found)


def monic(polynomial: Sequence[Fraction | int]) -> tuple[Fraction, ...]:
    """A polynomial other than 0, constant term first, divided by its leading coefficient."""
    degree = max(k for k, c in enumerate(polynomial) if c)
    long = _budget.words(longest([n for c in polynomial for n in c.as_integer_ratio()]))
    _budget.charge(4 * len(polynomial) * long**2, "long coefficients")
    return tuple(Fraction(c, polynomial[degree]) for c in polynomial[: degree + 1])


def need_no_poles(nonzero: Collection[tuple[Fraction, ...]], *networks: Network | None) -> None:
    """Rejected unless the denominators of all rational nodes are among those that have been shown to have no real zero."""
    for node in (node for network in networks if network is not None for node in network.nodes if node.op == "rational"):
        known = monic(node.fields["denominator"]) in nonzero
        need(known, f"node {node.name}", "its denominator is not shown to have no real zero, so there may be a pole")
