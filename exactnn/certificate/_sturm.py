"""Whether a polynomial with rational coefficients has a real zero, by Sturm's theorem."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm


def _primitive(polynomial: Sequence[Fraction]) -> list[Fraction]:
    """A positive multiple with coprime integer coefficients and without leading zeros."""
    found = list(polynomial)
    while found and found[-1] == 0:
        found.pop()
    if not found:
        return []
    common = lcm(*(c.denominator for c in found))
    factor = Fraction(common, gcd(*(int(c * common) for c in found)))
    return [c * factor for c in found]


def _remainder(dividend: list[Fraction], divisor: list[Fraction]) -> list[Fraction]:
    rest = list(dividend)
    while len(rest) >= len(divisor):
        quotient, shift = rest[-1] / divisor[-1], len(rest) - len(divisor)
        for i, c in enumerate(divisor):
            rest[shift + i] -= quotient * c
        rest.pop()
    return rest


def _changes(signs: list[bool]) -> int:
    return sum(a != b for a, b in pairwise(signs))


def has_real_zero(polynomial: Sequence[Fraction]) -> bool:
    """Whether the polynomial (constant term first, not zero) vanishes somewhere on the real line.

    The chain p, p', -rem, ... loses as many sign changes from minus to plus infinity as p has distinct real zeros.
    """
    first = _primitive(polynomial)
    chain = [first, _primitive([k * c for k, c in enumerate(first)][1:])]
    while chain[-1]:
        chain.append(_primitive([-c for c in _remainder(chain[-2], chain[-1])]))
    chain.pop()
    right = [p[-1] > 0 for p in chain]
    left = [(p[-1] > 0) == (len(p) % 2 == 1) for p in chain]
    return _changes(left) != _changes(right)
