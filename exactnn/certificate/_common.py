"""Numbers brought over one denominator, and in lowest terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import gcd, lcm

from . import _budget
from ._budget import words
from ._numbers import Tensor


def common(values: Iterable[Fraction], step: str) -> int:
    """The least common denominator, which may be as long as all denominators together."""
    denominators = {v.denominator for v in values}
    long = words(sum(d.bit_length() for d in denominators)) - 1
    _budget.charge(len(denominators) * long, step)
    return lcm(*denominators)


def pack(values: Sequence[Fraction], shape: tuple[int, ...]) -> Tensor:
    """The tensor with these entries, over their least common denominator."""
    denominator = common(values, "long denominators")
    long = words(denominator.bit_length()) - 1
    if long:
        _budget.charge(len(values) * long, "long denominators")
        with _budget.released():  # they have to fit; who keeps them holds them
            _budget.hold(len(values) * (1 + long), "long denominators")
    return Tensor(shape, [v.numerator * (denominator // v.denominator) for v in values], denominator)


def lowest(value: Tensor) -> Tensor:
    """The same tensor without the factor common to all numerators and the denominator."""
    if value.denominator == 1:
        return value
    _budget.charge(len(value.numerators) * (words(value.denominator.bit_length()) ** 2 - 1), "long denominators")
    factor = gcd(value.denominator, *value.numerators)
    if factor == 1:
        return value
    return Tensor(value.shape, [n // factor for n in value.numerators], value.denominator // factor)
