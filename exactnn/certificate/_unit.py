"""Piecewise linear functions of one variable on intervals of dyadic numbers, in integers.

The ends of intervals count units of 2^-bits. What comes out is exact: integers over a common factor of such a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from math import lcm

from ._network import Node


class Unit:
    """q t + r + sum of p max(t - k, 0) over kinks (k, p), the k increasing."""

    def __init__(self, slope: Fraction, constant: Fraction, kinks: Sequence[tuple[Fraction, Fraction]], bits: int) -> None:
        self.slope, self.constant, self.kinks, self.bits = slope, constant, tuple(kinks), bits

    def same(self, other: Unit) -> bool:
        """Whether both are one function."""
        return (self.slope, self.constant, self.kinks) == (other.slope, other.constant, other.kinks)

    def minus(self, other: Unit) -> Unit:
        """The difference of two functions."""
        jumps: dict[Fraction, Fraction] = {}
        for sign, unit in ((1, self), (-1, other)):
            for k, p in unit.kinks:
                jumps[k] = jumps.get(k, Fraction(0)) + sign * p
        kinks = [(k, p) for k, p in sorted(jumps.items()) if p]
        return Unit(self.slope - other.slope, self.constant - other.constant, kinks, self.bits)

    @cached_property
    def scale(self) -> int:
        """The factor that makes the numbers of all pieces integers, also where they are evaluated at a kink."""
        over = lcm(self.slope.denominator, self.constant.denominator, *(p.denominator for _, p in self.kinks))
        return over * lcm(*(k.denominator for k, _ in self.kinks))

    @cached_property
    def pieces(self) -> list[tuple[int, int]]:
        """(slope, constant) of each piece, from the left, times the scale; constants in units."""
        slope, constant, found = self.slope, self.constant, []
        for k, p in (*self.kinks, (Fraction(0), Fraction(0))):
            found.append((int(slope * self.scale), int(constant * self.scale) << self.bits))
            slope, constant = slope + p, constant - p * k
        return found

    @cached_property
    def borders(self) -> list[tuple[int, int, int]]:
        """For each kink: the units below it, rounded down and up, and the value there times the scale."""
        found = []
        for (k, _), (slope, constant) in zip(self.kinks, self.pieces, strict=False):
            place = k * (1 << self.bits)
            down = place.numerator // place.denominator
            found.append((down, down + (place != down), int(slope * place) + constant))  # an integer, by the scale
        return found

    def range(self, low: int, high: int) -> tuple[int, int]:
        """The least and the largest value on [low, high], times the scale."""
        values = [self._value(low), self._value(high)]
        values += [value for down, _, value in self.borders if low <= down < high]
        return min(values), max(values)

    def slopes(self, low: int, high: int) -> tuple[int, int]:
        """The least and the largest slope inside (low, high), times the scale; (0, 0) where nothing lies inside."""
        last = len(self.pieces) - 1
        met = [
            slope
            for i, (slope, _) in enumerate(self.pieces)
            if (i == 0 or self.borders[i - 1][0] < high) and (i == last or self.borders[i][1] > low)
        ]
        return (min(met), max(met)) if met else (0, 0)

    @property
    def steepest(self) -> tuple[Fraction, Fraction]:
        """The least and the largest slope of all pieces."""
        found = [Fraction(slope, self.scale) for slope, _ in self.pieces]
        return min(found), max(found)

    def step(self, x: tuple[int, int], y: tuple[int, int], d: tuple[int, int]) -> tuple[int, int]:
        """The least and the largest  phi(a) - phi(b)  for a in x, b in y, a - b in d, times the scale."""
        if self.is_convex:
            return self._rise(x, y, d[0]), -self._rise(y, x, -d[1])
        corners = [s * t for s in self.slopes(min(x[0], y[0]), max(x[1], y[1])) for t in d]
        return min(corners), max(corners)

    @cached_property
    def is_convex(self) -> bool:
        """Whether the slopes are >= 0 and increase."""
        slopes = [slope for slope, _ in self.pieces]
        return slopes[0] >= 0 and slopes == sorted(slopes)

    def _rise(self, x: tuple[int, int], y: tuple[int, int], d: int) -> int:
        """A lower bound where a - b >= d: phi(a) - phi(a - d) is least at the lower end of x for d >= 0, at the upper one otherwise."""
        a, b = (ends[d < 0] for ends in (x, y))
        return max(self._value(a) - self._value(a - d), self._value(b + d) - self._value(b))

    def _value(self, n: int) -> int:
        piece = sum(n > down for down, _, _ in self.borders)
        slope, constant = self.pieces[piece]
        return slope * n + constant


def units(node: Node, bits: int) -> list[Unit]:
    """The function of a piecewise_linear node, or of each channel of a prelu node."""
    if node.op == "prelu":
        return [Unit(s, Fraction(0), [(Fraction(0), 1 - s)] if s != 1 else [], bits) for s in node.fields["slopes"].fractions()]
    return [Unit(node.fields["slope"], node.fields["constant"], node.fields["kinks"], bits)]
