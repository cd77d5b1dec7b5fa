"""Arrays of float64 numbers with bounds on what rounding did to them: arithmetic in which every operation counts its own roundings.

    |x - middle| <= radius,   u = 2^-53:   fl(a + b): u |fl(a + b)|,   fl(a b): u |fl(a b)| + 2^-1075,   n terms: (n - 1) u sum |terms|

in whatever order the sum is made, fused or not (Higham, Accuracy and Stability, 3.1 and 4.2). Radii are sums of products of numbers >= 0
and are rounded, too: `within` makes them larger by 16 u, which is more than what ten roundings take off, and by 2^-1000 for underflows.
Of numbers beyond float64 nothing is known: middle 0, radius infinity. No middle is infinite, and nothing is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.cooling._proved_exp import ERROR, LARGEST, exp_minus
from exactnn.exact.array import RationalArray

Floats = np.ndarray[Any, np.dtype[np.float64]]

UNIT = 2.0**-53
_TINY = 2.0**-1000


def _loss(terms: int) -> float:
    """Twice what a sum of so many products loses, in relation to the sum of their sizes."""
    return 2 * (terms + 8) * UNIT


@dataclass(frozen=True)
class Rounded:
    """Middles and radii of one shape."""

    middle: Floats
    radius: Floats

    @classmethod
    def within(cls, middle: Any, radius: Any) -> Rounded:
        """A computed middle and radius, with what rounding took off the radius."""
        wider = np.asarray(radius * (1 + 2.0**-49) + _TINY)
        known = np.isfinite(middle) & np.isfinite(wider)
        if known.all():
            return cls(np.asarray(middle), wider)
        return cls(np.where(known, middle, 0.0), np.where(known, wider, math.inf))

    @classmethod
    def of(cls, array: RationalArray) -> Rounded:
        """The nearest floats; radius 0 where these are the numbers themselves."""
        middle = array.to_float()
        found = cls.within(middle, UNIT * np.abs(middle))
        return cls(found.middle, np.where(_is_rounded(array, found.middle), found.radius, 0.0))

    @classmethod
    def number(cls, value: Fraction | int) -> Rounded:
        """One number."""
        return cls.of(RationalArray.of(value))

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(self.middle.shape)

    def bits(self) -> int:
        """Those of a float."""
        return 53

    def __add__(self, other: Rounded) -> Rounded:
        middle = self.middle + other.middle
        return Rounded.within(middle, self.radius + other.radius + UNIT * np.abs(middle))

    def __sub__(self, other: Rounded) -> Rounded:
        return self + Rounded(-other.middle, other.radius)

    def __mul__(self, other: Rounded) -> Rounded:
        middle = self.middle * other.middle
        reach = np.abs(self.middle) * other.radius + self.radius * (np.abs(other.middle) + other.radius)
        return Rounded.within(middle, reach + UNIT * np.abs(middle))

    def __truediv__(self, other: Rounded) -> Rounded:
        """x/y - m/n = (x - m - (m/n) (y - n))/y; infinite radii where y may be 0. Quotients come first: what underflows is not divided."""
        size, middle = np.abs(other.middle) - other.radius, self.middle / other.middle
        reach = self.radius / size + (1 + 2 * UNIT) * np.abs(middle) * (other.radius / size) + UNIT * np.abs(middle)
        return Rounded.within(middle, np.where(size > 0, reach, math.inf))

    def __matmul__(self, other: Rounded) -> Rounded:
        """Of matrices."""
        loss = _loss(self.shape[1])
        size, wide = np.abs(self.middle), np.abs(other.middle)
        reach = size @ (other.radius + loss * wide + _TINY)  # loss * wide may underflow
        if self.radius.any():
            reach += self.radius @ (wide + other.radius)
        return Rounded.within(self.middle @ other.middle, reach * (1 + loss) + self.shape[1] * _TINY)

    def sum(self, axes: Sequence[int] | None) -> Rounded:
        """Sums over axes, which stay with length 1; over all entries, without axes, for None."""
        chosen = tuple(range(self.middle.ndim)) if axes is None else tuple(axes)
        loss = _loss(math.prod(self.shape[axis] for axis in chosen))

        def over(a: Floats) -> Floats:
            return np.asarray(a.sum(axis=chosen, keepdims=axes is not None))

        return Rounded.within(over(self.middle), (over(self.radius) + loss * over(np.abs(self.middle))) * (1 + loss))

    def largest(self) -> Rounded:
        """The maximum over the last axis, which stays with length 1."""
        return Rounded(self.middle.max(axis=-1, keepdims=True), self.radius.max(axis=-1, keepdims=True))

    def reshape(self, shape: Sequence[int]) -> Rounded:
        """Row-major reshape."""
        return self.moved(lambda a: a.reshape(tuple(shape)))

    def moved(self, move: Callable[[Floats], Floats]) -> Rounded:
        """What only moves entries."""
        return Rounded(move(self.middle), move(self.radius))

    @property
    def T(self) -> Rounded:
        """The transpose."""
        return self.moved(np.transpose)

    def where(self, mask: Any, other: Rounded) -> Rounded:
        """These numbers where the mask says so, else the others."""
        return Rounded(np.where(mask, self.middle, other.middle), np.where(mask, self.radius, other.radius))

    def exp(self) -> Rounded:
        """exp(x): within 8 u at -|middle| (`_proved_exp`), one more for 1/exp; |exp(x) - exp(m)| <= exp(m) (r + r^2) for r <= 1."""
        size = np.abs(self.middle)
        clipped = np.asarray(np.minimum(size, LARGEST))
        down = exp_minus(clipped, np.empty_like(clipped), np.empty_like(clipped))
        value = np.where(self.middle > 0, 1 / down, down)
        spread = np.where(self.radius <= 1, self.radius * (1 + self.radius), math.inf)
        far = np.where(self.middle > 0, math.inf, 4.0)  # exp(-x) lies between 0 and exp(-700)
        part = np.where(size <= LARGEST, 2 * ERROR + (1 + 4 * ERROR) * spread, far + spread)
        return Rounded.within(value, value * part)

    def log(self) -> Rounded:
        """log(x): a float l is proposed, and log m = l + log(m exp(-l)), |log(1 + t)| <= |t|/(1 - |t|); |log x - log m| <= r/(m - r)."""
        value = np.log(self.middle)
        near = Rounded(self.middle, np.zeros(self.shape)) * Rounded(-value, np.zeros(self.shape)).exp()
        off = np.abs(near.middle - 1) + near.radius
        sure = (off < 0.5) & (self.middle > self.radius)
        reach = off / (1 - off) + self.radius / (self.middle - self.radius)
        return Rounded.within(value, np.where(sure, reach, math.inf))


def _is_rounded(array: RationalArray, middle: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which entries are not these floats: n / (odd 2^twos) is one if odd divides n and the quotient has at most 53 bits."""
    numerators, denominator = array.numerators, array.denominator
    twos = (denominator & -denominator).bit_length() - 1
    odd = denominator >> twos
    if numerators.dtype == object or twos > 900 or odd >= 1 << 62:  # few arrays, and slow
        return (RationalArray.of(middle) - array).nonzero()
    whole = numerators // odd
    return np.asarray((whole.astype(np.float64).astype(np.int64) != whole) | (whole * odd != numerators))


def concatenated(parts: Sequence[Rounded], axis: int) -> Rounded:
    """Joined along an axis."""
    return Rounded(np.concatenate([p.middle for p in parts], axis), np.concatenate([p.radius for p in parts], axis))


def scattered(entries: Rounded, index: np.ndarray[Any, np.dtype[np.int64]], size: int) -> Rounded:
    """(..., size): entries (..., places, k) added up where index (places, k) says, which has no number twice in a column; -1 is dropped."""
    shape = (*entries.shape[:-2], size + 1)
    middle, radius, sizes = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for k in range(index.shape[1]):
        middle[..., index[:, k]] += entries.middle[..., k]
        radius[..., index[:, k]] += entries.radius[..., k]
        sizes[..., index[:, k]] += np.abs(entries.middle[..., k])
    loss = _loss(index.shape[1])
    lost = 0.0 if index.shape[1] == 1 else loss * sizes
    return Rounded.within(middle, (radius + lost) * (1 + loss)).moved(lambda a: a[..., :size])
