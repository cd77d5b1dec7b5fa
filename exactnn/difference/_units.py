"""Piecewise linear units on intervals: their range, and the range of their slope."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

import numpy as np

from exactnn.difference._bounds import Bounds, outward, smaller
from exactnn.exact.array import RationalArray, concatenate
from exactnn.network import PiecewiseLinear, PRelu
from exactnn.network.operations import along_channels


@dataclass(frozen=True)
class Unit:
    """q t + r + sum_k p_k max(t - t_k, 0), the numbers shaped to act on a batch."""

    slope: RationalArray
    constant: RationalArray
    kinks: tuple[tuple[Fraction, RationalArray], ...]

    def __call__(self, x: RationalArray) -> RationalArray:
        """Exact values."""
        result = x * self.slope + self.constant
        for at, jump in self.kinks:
            result = result + (x - at).relu() * jump
        return result

    def minus(self, other: Unit) -> Unit | None:
        """The difference of two functions; None where they are the same."""
        if self == other:
            return None
        jumps: dict[Fraction, RationalArray] = {}
        for at, jump in (*self.kinks, *((at, -jump) for at, jump in other.kinks)):
            jumps[at] = jumps[at] + jump if at in jumps else jump
        return Unit(self.slope - other.slope, self.constant - other.constant, tuple(sorted(jumps.items(), key=lambda kink: kink[0])))

    def range(self, x: Bounds) -> tuple[RationalArray, RationalArray]:
        """The least and largest value on each interval: at its ends, and at the kinks inside."""
        first, second = self(x.lo), self(x.hi)
        low, high = smaller(first, second), first.maximum(second)
        for at, _ in self.kinks:
            inside = self(smaller(x.lo.maximum(at), x.hi))  # at an end if the kink lies outside
            low, high = smaller(low, inside), high.maximum(inside)
        return low, high

    def slopes(self, low: RationalArray, high: RationalArray) -> tuple[RationalArray, RationalArray]:
        """The least and largest slope inside each (low, high); 0 where nothing lies inside."""
        jumps = (jump for _, jump in self.kinks)
        zero = RationalArray.zeros((1,) * low.ndim)
        each = concatenate([zero + s for s in accumulate(jumps, initial=self.slope)])  # (pieces, ...)
        least: np.ndarray[tuple[int, ...], np.dtype[np.object_]] = np.zeros(low.shape, dtype=object)
        most, found = least.copy(), np.zeros(low.shape, dtype=bool)
        places = [at for at, _ in self.kinks]
        for k, slope in enumerate(each.numerators):
            met = np.ones(low.shape, dtype=bool)
            if k:
                met &= (high - places[k - 1]).sign() > 0
            if k < len(places):
                met &= (low - places[k]).sign() < 0
            least = np.where(met & (~found | (slope < least)), slope, least)
            most = np.where(met & (~found | (slope > most)), slope, most)
            found |= met
        return RationalArray(least.astype(object), each.denominator), RationalArray(most.astype(object), each.denominator)


def unit(operation: PiecewiseLinear | PRelu, ndim: int) -> Unit:
    """The function of an activation on operands with `ndim` axes."""
    form = operation.expansion()
    kinks = tuple((at, along_channels(jump, ndim)) for at, jump in form.kinks)
    return Unit(along_channels(form.slope, ndim), along_channels(form.constant, ndim), kinks)


def difference_of_units(first: Unit, second: Unit, x: Bounds, y: Bounds, d: Bounds, bits: int) -> Bounds:
    """phi(x) - psi(y) = (phi - psi)(x) + slope d, the slope one of psi between x and y.

    For a monotone 1-Lipschitz unit that is [min(0, dl), max(0, du)]; d itself where the unit has slope 1 between x and y, and 0 where
    it is constant there.
    """
    least, most = second.slopes(smaller(x.lo, y.lo), x.hi.maximum(y.hi))
    low, high = scaled(least, most, d)
    change = first.minus(second)
    if change is not None:
        below, above = change.range(x)
        low, high = low + below, high + above
    return outward(low, high, bits)


def scaled(least: RationalArray, most: RationalArray, d: Bounds) -> tuple[RationalArray, RationalArray]:
    """The range of s d, least <= s <= most."""
    corners = [s * t for s in (least, most) for t in (d.lo, d.hi)]
    low = high = corners[0]
    for corner in corners[1:]:
        low, high = smaller(low, corner), high.maximum(corner)
    return low, high
