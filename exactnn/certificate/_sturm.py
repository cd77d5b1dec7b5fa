"""The distinct real zeros of a polynomial with rational coefficients, counted by Sturm's theorem."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm


def primitive(polynomial: Sequence[Fraction]) -> list[int]:
    """A positive multiple with coprime integer coefficients and without leading zeros; [] for 0."""
    common = lcm(*(c.denominator for c in polynomial))
    return _reduced([c.numerator * (common // c.denominator) for c in polynomial])


def _reduced(polynomial: list[int]) -> list[int]:
    while polynomial and polynomial[-1] == 0:
        polynomial.pop()
    content = gcd(*polynomial)
    return [c // content for c in polynomial] if content > 1 else polynomial


def _remainder(dividend: list[int], divisor: list[int]) -> list[int]:
    """A positive multiple of the remainder."""
    rest, lead = list(dividend), divisor[-1]
    while len(rest) >= len(divisor):
        shift, top = len(rest) - len(divisor), rest.pop()
        factor = gcd(top, lead)
        size, top = abs(lead) // factor, (top if lead > 0 else -top) // factor
        rest = [size * c for c in rest]
        for i, c in enumerate(divisor[:-1]):
            rest[shift + i] -= top * c
    return _reduced(rest)


def chain(polynomial: Sequence[Fraction]) -> list[list[int]]:
    """p, p', -rem(p, p'), ... up to positive factors, for p != 0; the last one is the greatest common divisor of p and p'."""
    found = [primitive(polynomial)]
    following = _reduced([k * c for k, c in enumerate(found[0])][1:])
    while following:
        found.append(following)
        following = [-c for c in _remainder(found[-2], found[-1])]
    return found


def cancelled(numerator: Sequence[Fraction], denominator: Sequence[Fraction]) -> list[Fraction]:
    """A multiple of the denominator, not 0, divided by its greatest common divisor with the numerator."""
    bottom = primitive(denominator)
    common, following = bottom, primitive(numerator)
    while following:
        common, following = following, _remainder(common, following)
    quotient: list[Fraction] = []
    rest = [Fraction(c) for c in bottom]
    while len(rest) >= len(common):
        top = rest.pop() / common[-1]
        quotient.append(top)
        for i, c in enumerate(common[:-1]):
            rest[len(rest) - len(common) + 1 + i] -= top * c
    return quotient[::-1]


def value(polynomial: Sequence[int | Fraction], x: Fraction) -> Fraction:
    """p(x)."""
    total = Fraction(0)
    for c in reversed(polynomial):
        total = total * x + c
    return total


def count_zeros(polynomial: Sequence[Fraction], lower: Fraction | None = None, upper: Fraction | None = None) -> int:
    """How many different t with lower <= t <= upper (None: no bound) are zeros of the polynomial, which is not 0.

    The chain loses as many sign changes from lower to upper as there are zeros in lower < t <= upper; a common factor of all its
    members matters nowhere but at its own zeros, and where lower or upper is a zero the polynomial is divided by t - lower first.
    """
    found, rest = 0, [Fraction(c) for c in polynomial]
    for end in {lower, upper} - {None}:
        assert end is not None
        found += value(rest, end) == 0
        while value(rest, end) == 0:
            rest = _without(rest, end)
    if lower is not None and lower == upper:
        return found
    members = chain(rest)
    return found + _changes(members, lower, -1) - _changes(members, upper, 1)


def _without(polynomial: list[Fraction], zero: Fraction) -> list[Fraction]:
    """p / (x - zero)."""
    quotient = [Fraction(0)]
    for c in reversed(polynomial):
        quotient.append(quotient[-1] * zero + c)
    return quotient[-2:0:-1]


def _changes(members: list[list[int]], x: Fraction | None, infinity: int) -> int:
    """Sign changes of the chain at x, or far out on the side of this sign; zeros are left out."""
    if x is None:
        values: list[Fraction] = [Fraction(p[-1] * infinity ** (len(p) - 1)) for p in members]
    else:
        values = [value(p, x) for p in members]
    return sum((a > 0) != (b > 0) for a, b in pairwise(v for v in values if v))


def has_real_zero(polynomial: Sequence[Fraction]) -> bool:
    """Whether the polynomial (constant term first, not zero) vanishes somewhere on the real line."""
    return count_zeros(polynomial) > 0
