"""Arrays of balls: every entry a rational middle with a rational radius; without radii the numbers themselves.

    |entry - middle| <= radius

Sums and products are exact on middles and take up all errors in the radii; only `rounded` shortens numbers, and adds what it cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray

_FINE = 16  # bits by which radii are kept finer than middles


@dataclass(frozen=True)
class Balls:
    """Middles and radii of one shape; radius None where the middles are the numbers."""

    middle: RationalArray
    radius: RationalArray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.middle.shape

    def radii(self) -> RationalArray:
        """The radii, zeros if there are none."""
        return RationalArray.zeros(self.shape) if self.radius is None else self.radius

    def ends(self) -> tuple[RationalArray, RationalArray]:
        """The least and the greatest numbers."""
        return (self.middle, self.middle) if self.radius is None else (self.middle - self.radius, self.middle + self.radius)

    def __add__(self, other: Balls) -> Balls:
        return Balls(self.middle + other.middle, _both(self, other))

    def __sub__(self, other: Balls) -> Balls:
        return Balls(self.middle - other.middle, _both(self, other))

    def __mul__(self, other: Balls) -> Balls:
        """|x y - m n| <= |m| s + r |n| + r s."""
        middle = self.middle * other.middle
        if self.radius is None and other.radius is None:
            return Balls(middle)
        if other.radius is None:
            self, other = other, self
        assert other.radius is not None
        reach = abs(self.middle) * other.radius
        if self.radius is not None:
            reach = reach + self.radius * (abs(other.middle) + other.radius)
        return Balls(middle, reach)

    def sum(self, axes: Sequence[int] | None) -> Balls:
        """Sums over axes, which stay with length 1; over all entries, without axes, for None."""
        return Balls(_sum(self.middle, axes), None if self.radius is None else _sum(self.radius, axes))

    def largest(self) -> Balls:
        """The maximum over the last axis, which stays with length 1."""
        low, high = (end.max(axis=end.ndim - 1).reshape(*self.shape[:-1], 1) for end in self.ends())
        return Balls(low) if self.radius is None else between(low, high)

    def reshape(self, shape: Sequence[int]) -> Balls:
        """Row-major reshape."""
        return Balls(self.middle.reshape(*shape), None if self.radius is None else self.radius.reshape(*shape))

    def bits(self) -> int:
        """Those of the longest number of the middles."""
        return max(self.middle.bound.bit_length(), self.middle.denominator.bit_length())

    def rounded(self, bits: int) -> Balls:
        """Middles that are multiples of 2^-bits, unless the numbers are exact."""
        if self.radius is None:
            return self
        middle, radius, cut = self.middle, self.radius, Fraction(0)
        if middle.denominator > 1 << bits:
            middle, cut = _floor(middle, bits), Fraction(1, 1 << bits)
        if radius.denominator > 1 << (bits + _FINE):
            radius = -_floor(-radius, bits + _FINE)
        return Balls(middle, radius + cut)


def between(low: RationalArray, high: RationalArray) -> Balls:
    """Numbers from low to high, entry by entry."""
    return Balls((low + high) * Fraction(1, 2), (high - low) * Fraction(1, 2))


def _both(first: Balls, second: Balls) -> RationalArray | None:
    if first.radius is None and second.radius is None:
        return None
    return first.radii() + second.radii()  # broadcast as the middles are


def _sum(array: RationalArray, axes: Sequence[int] | None) -> RationalArray:
    if axes is None:
        return array.sum()
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(array.shape))
    return array.sum(axis=tuple(axes)).reshape(*kept)


def _floor(array: RationalArray, bits: int) -> RationalArray:
    return RationalArray(np.asarray(array.numerators.astype(object) * (1 << bits) // array.denominator, dtype=object), 1 << bits)
