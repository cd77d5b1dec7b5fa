"""Piecewise linear functions on intervals: extremes at the ends and at the kinks inside; differences by slopes, or by convexity.

phi(a) - psi(b) = (phi - psi)(a) + psi(a) - psi(b),   where no value is known   s (a - b)  for all slopes s
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import prod
from typing import Any

from . import _budget
from ._common import common
from ._intervals import Bounds, Difference, Ends, Image, product
from ._network import Node
from ._numbers import need
from ._piecewise import Piecewise, piecewise


class Unit:
    """A piecewise linear function on intervals; what comes out is exact, times the `scale`."""

    def __init__(self, function: Piecewise, bits: int) -> None:
        self.function, self.bits = function, bits
        slope, constant, kinks = function
        numbers, step = (slope, constant, *(p for _, p in kinks)), "piecewise linear functions"
        self.scale = common(numbers, step) * common([k for k, _ in kinks], step)
        longest = max(n.bit_length() for q in (*numbers, *(k for k, _ in kinks)) for n in q.as_integer_ratio())
        long = _budget.words(self.scale.bit_length() + longest + bits) - 1
        _budget.charge((1 + len(kinks)) * long**2, step)
        _budget.hold(4 * (1 + len(kinks)) * long, step)
        #: (slope, constant) of each piece, times the scale; of each kink its place, rounded down and up, and the value there
        self.pieces, self.borders = [(int(slope * self.scale), int(constant * self.scale) << bits)], list[tuple[int, int, int]]()
        for k, p in kinks:
            place = k * (1 << bits)
            down = place.numerator // place.denominator
            self.borders.append((down, down + (place != down), int(self.pieces[-1][0] * place) + self.pieces[-1][1]))
            slope, constant = slope + p, constant - p * k
            self.pieces.append((int(slope * self.scale), int(constant * self.scale) << bits))
        slopes = [s for s, _ in self.pieces]
        self.steepest = Fraction(min(slopes), self.scale), Fraction(max(slopes), self.scale)
        self._convex = slopes[0] >= 0 and slopes == sorted(slopes)

    def minus(self, other: Unit) -> Unit | None:
        """The difference of two functions; None if they are the same."""
        (q, r, kinks), (s, t, others) = self.function, other.function
        jumps = dict(kinks)
        for k, p in others:
            jumps[k] = jumps.get(k, Fraction(0)) - p
        left = [(k, p) for k, p in sorted(jumps.items()) if p]
        return Unit(Piecewise(q - s, r - t, left), self.bits) if (q, r) != (s, t) or left else None

    def range(self, low: int, high: int) -> Ends:
        """The least and the largest value on [low, high]."""
        values = [self._value(low), self._value(high)]
        values += [value for down, _, value in self.borders if low <= down < high]
        return min(values), max(values)

    def step(self, x: Ends, y: Ends, d: Ends) -> Ends:
        """The least and the largest  phi(a) - phi(b)  for a in x, b in y, a - b in d."""
        if self._convex:
            return self._rise(x, y, d[0]), -self._rise(y, x, -d[1])
        low, high, last = min(x[0], y[0]), max(x[1], y[1]), len(self.borders)
        met = [
            s
            for i, (s, _) in enumerate(self.pieces)
            if (not i or self.borders[i - 1][0] < high) and (i == last or self.borders[i][1] > low)
        ]
        return product((min(met, default=0), max(met, default=0)), d)

    def _rise(self, x: Ends, y: Ends, d: int) -> int:
        """A lower bound where a - b >= d: phi(a) - phi(a - d) is least at the lower end of x for d >= 0, at the upper one otherwise."""
        a, b = (ends[d < 0] for ends in (x, y))
        return max(self._value(a) - self._value(a - d), self._value(b + d) - self._value(b))

    def _value(self, n: int) -> int:
        slope, constant = self.pieces[sum(n > down for down, _, _ in self.borders)]
        return slope * n + constant


def units(node: Node, bits: int) -> list[Unit]:
    """The function of a piecewise_linear node, or of each channel of a prelu node."""
    return [Unit(function, bits) for function in piecewise(node)]


class _Units:
    """What the function of a node makes of its operand."""

    def __init__(self, node: Node, bits: int) -> None:
        self.own = units(node, bits)
        self._repeat = prod(node.shape) // len(self.own)

    def __call__(self, x: Bounds) -> Bounds:
        own, repeat = self.own, self._repeat
        return mapped(zip(*x, strict=True), lambda i, ends: (own[i // repeat].range(*ends), own[i // repeat].scale))


def image(node: Node, shape: Sequence[int], bits: int, step: str) -> Image:
    """What the function of a node makes of its operand."""
    return _Units(node, bits)


def difference(a: Node, b: Node, shape: Sequence[int], bits: int, step: str, images: Sequence[Any]) -> Difference:
    """The difference of the functions of two nodes, whose units are made once."""
    first, second = (made.own if made else units(node, bits) for node, made in zip((a, b), images, strict=True))
    pairs = [(phi.minus(psi), psi) for phi, psi in zip(first, second, strict=True)]
    repeat = prod(a.shape) // len(pairs)

    def found(x: Bounds | None, y: Bounds | None, d: Bounds) -> Bounds:
        if x is None or y is None:
            need(all(change is None for change, _ in pairs), step, "other functions on values that are not bounded")
            return mapped(zip(*d, strict=True), lambda k, ends: (product(pairs[k // repeat][1].steepest, ends), 1))
        return mapped(zip(*x, *y, *d, strict=True), lambda k, ends: _step(*pairs[k // repeat], ends))

    return found


def _step(change: Unit | None, unit: Unit, ends: tuple[int, ...]) -> tuple[tuple[Any, Any], int]:
    """phi(a) - psi(b), times the scale behind it."""
    low, high = unit.step((ends[0], ends[1]), (ends[2], ends[3]), (ends[4], ends[5]))
    if change is None:
        return (low, high), unit.scale
    below, above = change.range(ends[0], ends[1])
    return (low * change.scale + below * unit.scale, high * change.scale + above * unit.scale), unit.scale * change.scale


def mapped(entries: Iterable[tuple[int, ...]], rule: Callable[[int, tuple[int, ...]], tuple[tuple[Any, Any], int]]) -> Bounds:
    """The ends that a rule gives for each entry, over its scale, rounded outwards."""
    found = [rule(i, ends) for i, ends in enumerate(entries)]
    return Bounds([low // scale for (low, _), scale in found], [-(-high // scale) for (_, high), scale in found])
