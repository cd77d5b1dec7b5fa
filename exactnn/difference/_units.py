"""Piecewise linear units on intervals: their range, and the range of the difference of two of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property, reduce
from itertools import accumulate
from operator import add
from typing import Any

import numpy as np

from exactnn.difference._bounds import Ends, Exact, Integers, both, times
from exactnn.exact.array import RationalArray
from exactnn.network import PiecewiseLinear, PRelu
from exactnn.network.operations import along_channels


@dataclass(frozen=True)
class Unit:
    """q t + r + sum_k p_k max(t - t_k, 0), the numbers shaped to act on a batch, on integers t that count units of 2^-bits."""

    slope: RationalArray
    constant: RationalArray
    kinks: tuple[tuple[Fraction, RationalArray], ...]
    bits: int

    def minus(self, other: Unit) -> Unit | None:
        """The difference of two functions; None where they are the same."""
        if self == other:
            return None
        jumps: dict[Fraction, RationalArray] = {}
        for at, jump in (*self.kinks, *((at, -jump) for at, jump in other.kinks)):
            jumps[at] = jumps[at] + jump if at in jumps else jump
        kinks = tuple(sorted(jumps.items(), key=lambda kink: kink[0]))
        return Unit(self.slope - other.slope, self.constant - other.constant, kinks, self.bits)

    # --- the numbers as integers -------------------------------------------------------------------------------------------

    @cached_property
    def scale(self) -> int:
        """The factor that makes slopes and constants integers."""
        return math.lcm(self.slope.denominator, self.constant.denominator, *(p.denominator for _, p in self.kinks))

    @cached_property
    def finer(self) -> int:
        """The factor that makes the places of the kinks integers."""
        return math.lcm(*(at.denominator for at, _ in self.kinks))

    @cached_property
    def places(self) -> list[int]:
        """Where the kinks are, in units, times `finer`."""
        return [int(at * self.finer) << self.bits for at, _ in self.kinks]

    @cached_property
    def jumps(self) -> list[Any]:
        """How the slope changes there, times `scale`."""
        return [self._whole(p) for _, p in self.kinks]

    @cached_property
    def slopes(self) -> list[Any]:
        """The slope of each piece, from the left, times `scale`."""
        return list(accumulate(self.jumps, initial=self._whole(self.slope)))

    @cached_property
    def offset(self) -> Any:
        """The constant, in units, times `scale` and `finer`."""
        return self._whole(self.constant) * (self.finer << self.bits)

    @cached_property
    def _starts_flat(self) -> bool:
        return bool(self.kinks) and not np.any(self.slopes[0])

    @cached_property
    def _has_no_offset(self) -> bool:
        return not np.any(self.offset)

    @cached_property
    def is_increasing(self) -> bool:
        """Whether no slope is negative."""
        return all(bool(np.all(slope >= 0)) for slope in self.slopes)

    @cached_property
    def is_convex(self) -> bool:
        """Whether no slope is smaller than one before."""
        return all(bool(np.all(jump >= 0)) for jump in self.jumps)

    def _whole(self, a: RationalArray) -> Any:
        """One number, or one for each channel."""
        numbers = a.numerators.astype(object) * (self.scale // a.denominator)
        return numbers if a.ndim else int(numbers)

    # --- on intervals ------------------------------------------------------------------------------------------------------

    def __call__(self, t: Integers) -> Integers:
        """The exact values, times `scale` and `finer`."""
        return self._at(_scaled(t, self.finer))

    def _at(self, fine: Integers) -> Integers:
        terms = [_scaled(np.maximum(fine - at if at else fine, 0), jump) for at, jump in zip(self.places, self.jumps, strict=True)]
        if not self._starts_flat:
            terms.append(fine * self.slopes[0])
        total = reduce(add, terms)
        return total if self._has_no_offset else total + self.offset

    def range(self, x: Ends) -> Exact:
        """The least and the largest value: at the ends, and at the kinks inside."""
        ends = both(x.lo, x.hi)
        first, second = self(ends)
        if self.is_increasing:
            return self._exact(both(first, -second))
        found = both(np.minimum(first, second), -np.maximum(first, second))
        low, high = _scaled(ends, self.finer)
        for at in self.places:
            inside = self._at(np.minimum(np.maximum(low, at), high))  # at an end if the kink lies outside
            found = np.minimum(found, both(inside, -inside))
        return self._exact(found)

    def step(self, x: Ends, y: Ends, d: Ends) -> Exact:
        """The range of  phi(a) - phi(b),  a in x, b in y, a - b in d."""
        return self._convex_step(x, y, d) if self.is_increasing and self.is_convex else self._sloping_step(x, y, d)

    def _convex_step(self, x: Ends, y: Ends, d: Ends) -> Exact:
        """phi(a) - phi(a - d) grows with d, with a where d >= 0, and as a falls where d <= 0; as does phi(b + d) - phi(b) with b."""
        step, up = d.array, d.array >= 0
        low, high = both(x.lo, y.lo), both(x.hi, y.hi)  # for the other bound, on b - a, they change places
        own, other = np.where(up, low, high), np.where(up, low[::-1], high[::-1])
        return self._exact(np.maximum(self(own) - self(own - step), self(other + step) - self(other)))

    def _sloping_step(self, x: Ends, y: Ends, d: Ends) -> Exact:
        """s d, with s a mean of the slopes that occur between x and y; 0 where nothing lies between."""
        low, turned = _scaled(np.minimum(x.array, y.array), self.finer)
        high = -turned
        found = np.zeros(d.array.shape, dtype=object)
        any_met = np.zeros(low.shape, dtype=bool)
        for k, slope in enumerate(self.slopes):
            met = np.ones(low.shape, dtype=bool)
            if k:
                met &= high > self.places[k - 1]
            if k < len(self.places):
                met &= low < self.places[k]
            product = times(d.array, slope)
            found = np.where(met & (~any_met | (product < found)), product, found)
            any_met |= met
        return Exact(found, self.scale)

    def slope_times(self, d: Ends) -> Exact:
        """The range of  phi(a) - phi(b),  a - b in d, whatever a and b are."""
        return Exact(reduce(np.minimum, (times(d.array, slope) for slope in self.slopes)), self.scale)

    def _exact(self, array: Integers) -> Exact:
        return Exact(array, self.scale * self.finer)


@cache
def unit(operation: PiecewiseLinear | PRelu, ndim: int, bits: int) -> Unit:
    """The function of an activation on operands with `ndim` axes."""
    form = operation.expansion()
    kinks = tuple((at, along_channels(jump, ndim)) for at, jump in form.kinks)
    return Unit(along_channels(form.slope, ndim), along_channels(form.constant, ndim), kinks, bits)


def _scaled(t: Integers, factor: Any) -> Integers:
    return t if isinstance(factor, int) and factor == 1 else t * factor
