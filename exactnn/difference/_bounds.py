"""Intervals for all entries of a batch of one: what every rule of the pass gets and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactnn.exact.array import RationalArray, concatenate


@dataclass(frozen=True)
class Bounds:
    """lo <= entries <= hi, both of shape (1, *shape), multiples of 2^-bits."""

    lo: RationalArray
    hi: RationalArray

    @property
    def largest(self) -> Fraction:
        """max over the entries of max(-lo, hi): no |entry| is larger."""
        return Fraction(max((-self.lo).maximum(self.hi).to_fractions()))

    def reshaped(self, shape: Sequence[int]) -> Bounds:
        """The entries, row-major, in another shape."""
        return Bounds(self.lo.reshape(1, *shape), self.hi.reshape(1, *shape))

    def apart(self, other: Bounds) -> Bounds:
        """What the values alone say of their difference:  l - u' <= d <= u - l'."""
        return Bounds(self.lo - other.hi, self.hi - other.lo)

    def within(self, other: Bounds) -> Bounds:
        """The intersection."""
        return Bounds(self.lo.maximum(other.lo), smaller(self.hi, other.hi))


def joined(parts: Sequence[Bounds]) -> Bounds:
    """The flat entries of all parts."""
    return Bounds(*(concatenate([a.reshape(1, -1) for a in side], axis=1) for side in ([p.lo for p in parts], [p.hi for p in parts])))


def smaller(a: RationalArray, b: RationalArray) -> RationalArray:
    """Entrywise minimum."""
    return -(-a).maximum(-b)


def outward(low: RationalArray, high: RationalArray, bits: int) -> Bounds:
    """Rounded down and up to multiples of 2^-bits."""
    return Bounds(_down(low, bits), -_down(-high, bits))


def _down(a: RationalArray, bits: int) -> RationalArray:
    if not (1 << bits) % a.denominator:
        return a
    return RationalArray((a.numerators.astype(object) << bits) // a.denominator, 1 << bits)
