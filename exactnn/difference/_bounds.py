"""Intervals for all entries of a batch: what the pass gives, and what its rules get and give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.exact.limbs import Limbs, cut

Integers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Bounds:
    """lo <= entries <= hi, both of shape (batch, *shape), multiples of 2^-bits."""

    lo: RationalArray
    hi: RationalArray

    @property
    def largest(self) -> Fraction:
        """max over the entries of max(-lo, hi): no |entry| is larger."""
        return Fraction(max((-self.lo).maximum(self.hi).to_fractions()))

    @property
    def sum(self) -> Fraction:
        """The sum of max(-lo, hi) over the entries: no sum of |entries| is larger."""
        return sum((-self.lo).maximum(self.hi).to_fractions(), Fraction(0))


class Ends:
    """l <= entries <= u, kept as the lower bounds (l, -u) of x and of -x: what holds for both is written once, and is rounded down.

    Parameters
    ----------
    array : (2, batch, *shape), Python's integers that count units of 2^-bits
    """

    def __init__(self, array: Integers) -> None:
        self.array = array

    @classmethod
    def around(cls, lo: RationalArray, hi: RationalArray, bits: int) -> Ends:
        """The least intervals in units of 2^-bits that hold [lo, hi]."""
        return cls(np.stack([(end.numerators.astype(object) << bits) // end.denominator for end in (lo, -hi)]))

    @property
    def lo(self) -> Integers:
        """The lower ends."""
        return np.asarray(self.array[0])

    @property
    def hi(self) -> Integers:
        """The upper ends."""
        return np.asarray(-self.array[1])

    @cached_property
    def limbs(self) -> Limbs:
        """l + u and l - u, for products with matrices."""
        low, turned = self.array
        return cut(both(low - turned, low + turned))

    @cached_property
    def is_zero(self) -> bool:
        """Whether every entry is known to be 0."""
        return not self.array.any()

    def bounds(self, bits: int) -> Bounds:
        """As rationals."""
        return Bounds(RationalArray(self.lo, 1 << bits), RationalArray(self.hi, 1 << bits))

    def reshaped(self, shape: Sequence[int]) -> Ends:
        """The entries, row-major, in another shape."""
        return self if self.array.shape[2:] == tuple(shape) else Ends(self.array.reshape(*self.array.shape[:2], *shape))

    def repeated(self, count: int) -> Ends:
        """The same for each of so many boxes."""
        array = self.array
        return self if array.shape[1] == count else Ends(np.broadcast_to(array, (2, count, *array.shape[2:])))

    def apart(self, other: Ends) -> Ends:
        """What the values alone say of their difference:  l - u' <= d <= u - l'."""
        return Ends(self.array + other.array[::-1])

    def within(self, other: Ends) -> Ends:
        """The intersection."""
        return Ends(np.maximum(self.array, other.array))


@dataclass(frozen=True)
class Exact:
    """Lower bounds (l, -u) before they are rounded: array / over, in units."""

    array: Integers
    over: int

    def __add__(self, other: Exact) -> Exact:
        if self.over == other.over:
            return Exact(self.array + other.array, self.over)
        over = math.lcm(self.over, other.over)
        return Exact(self.array * (over // self.over) + other.array * (over // other.over), over)

    def down(self) -> Ends:
        """Rounded outwards."""
        if self.over == 1:
            return Ends(self.array)
        shift = self.over.bit_length() - 1
        return Ends(self.array >> shift if self.over == 1 << shift else self.array // self.over)


def joined(parts: Sequence[Ends]) -> Ends:
    """The flat entries of all parts."""
    if len(parts) == 1:
        return parts[0].reshaped((math.prod(parts[0].array.shape[2:]),))
    return Ends(np.concatenate([p.array.reshape(*p.array.shape[:2], -1) for p in parts], axis=2))


def both(first: Integers, second: Integers) -> Integers:
    """Two arrays of one shape as one."""
    found = np.empty((2, *first.shape), dtype=object)
    found[0], found[1] = first, second
    return found


def times(ends: Integers, factor: Any) -> Integers:
    """Lower bounds (l, -u) of x and -x, times integers of any sign: for factors < 0 they change places."""
    if isinstance(factor, int):
        return np.asarray(ends * factor if factor >= 0 else ends[::-1] * -factor)
    mirrored = np.asarray(-factor, dtype=object)  # of an array without axes minus makes a Python integer, of any length
    return np.asarray(ends * np.maximum(factor, 0) + ends[::-1] * np.maximum(mirrored, 0), dtype=object)
