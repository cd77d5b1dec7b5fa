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
from ._common import common
from ._network import Network
from ._numbers import Rejected, items, need, rationals, show

End = Fraction | None  # None: no bound


def integers(polynomial: Sequence[Fraction]) -> list[int]:
    """The multiple with coprime integer coefficients and a positive leading one, constant term first, without leading zeros; [] for 0.

    Polynomials are multiples of each other where these are equal; a product of such is such a one again (Gauss).
    """
    over = common(polynomial, "long denominators")
    found = [c.numerator * (over // c.denominator) for c in polynomial]
    while found and not found[-1]:
        found.pop()
    _budget.charge(len(found) * _budget.words(longest(found)) ** 2, "long coefficients")
    divisor = gcd(*found) if not found or found[-1] > 0 else -gcd(*found)
    return found if divisor == 1 else [c // divisor for c in found]


def longest(numbers: Iterable[int]) -> int:
    """The bits of the longest number."""
    return max(map(int.bit_length, numbers), default=0)


def need_no_zero(polynomial: Sequence[int], lower: End, upper: End, raw: Any, step: str) -> None:
    """Rejected unless the cuts show that the polynomial, which is not 0, has no zero between the two ends, nor at them."""
    cuts = rationals(raw, f"{step}: cuts")
    need(lower is not None or upper is not None or bool(cuts), f"{step}: cuts", "one is needed at least")
    for u, v in pairwise([lower, *cuts, upper]):
        need(u is None or v is None or u < v or (u == v and not cuts), f"{step}: cuts", "they are not in order, within the interval")
        with _budget.released():
            found = along(polynomial, u, v, step)
        if not (found[0] and found[-1] and (min(found) >= 0 or max(found) <= 0)):
            start, end = "-infinity" if u is None else show(u), "infinity" if v is None else show(v)
            raise Rejected(step, f"a zero from {start} to {end} is not excluded")


def along(p: Sequence[int], u: End, v: End, step: str) -> list[int]:
    """(1 + t)^n p((u + v t)/(1 + t)) up to a positive factor, one end being a number: the first sign and the last are those at the ends."""
    end = longest([n for end in (u, v) if end is not None for n in end.as_integer_ratio()])
    long = _budget.words(longest(p) + len(p) * (4 * end + 4))  # scaled by u, moved, scaled by v/u - 1, which has thrice the bits, moved
    _budget.charge(len(p) ** 2 * (1 + long // 8) + 2 * len(p) * long**2, step)  # sums, which take as long as numbers are; products
    _budget.hold(2 * len(p) * long, step)
    if u is None:  # p(-x) from -v on
        p, u, v = _scaled(p, Fraction(-1)), -v, None  # type: ignore[operator]
    width = Fraction(1) if v is None else v - u
    if u:
        p, width = _moved(_scaled(p, u)), width / u
    p = _scaled(p, width)  # of p(u + y) or p(u + (v - u) y), and y = t/(1 + t)
    return p if v is None else _moved(p[::-1])[::-1]


def _scaled(p: Sequence[int], factor: Fraction) -> list[int]:
    """p(factor t) times a positive number."""
    (a, b), n = factor.as_integer_ratio(), len(p) - 1
    return [c * a**k * b ** (n - k) for k, c in enumerate(p)]


def _moved(p: Sequence[int]) -> list[int]:
    """p(1 + t): the remainders of dividing by t - 1 again and again."""
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


def denominators(raw: Any) -> frozenset[tuple[int, ...]]:
    """The polynomials, up to factors, that a list of [coefficients, cuts] shows to have no real zero."""
    found = set()
    for k, pair in enumerate(items(raw, "denominators")):
        step = f"denominators[{k}]"
        coefficients, cuts = items(pair, step, 2)
        polynomial = integers(rationals(coefficients, step))
        need(bool(polynomial), step, "the polynomial is 0")
        need_no_zero(polynomial, None, None, cuts, step)
        found.add(tuple(polynomial))
    return frozenset(found)


def need_no_poles(nonzero: Collection[tuple[int, ...]], *networks: Network | None) -> None:
    """Rejected unless the denominators of all rational nodes are among those that have been shown to have no real zero."""
    for node in (node for network in networks if network is not None for node in network.nodes if node.op == "rational"):
        known = tuple(integers(node.fields["denominator"])) in nonzero
        need(known, f"node {node.name}", "its denominator is not shown to have no real zero, so there may be a pole")
