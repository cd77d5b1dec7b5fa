"""Functions of one value that may jump: comparisons, signs, and what sums, products and choices make of them until they are continuous.

Such a function is affine between its breaks, with a value of its own at each of them. All arithmetic is by values: three in each interval
tell whether a result is affine there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from exactnn.exact.numbers import rational_text
from exactnn.load._curves import Curve, at, preimages

_MOST_BREAKS = 64
_ONE, _NONE = Fraction(1), Fraction(0)


@dataclass(frozen=True)
class Broken:
    """slope t + constant in each interval between breaks, and values at the breaks."""

    breaks: tuple[Fraction, ...]
    values: tuple[Fraction, ...]
    pieces: tuple[tuple[Fraction, Fraction], ...]

    @classmethod
    def of(cls, curve: Curve) -> Broken:
        """A continuous one."""
        found = by_values(lambda t: at(curve, t), [k for k, _ in curve.kinks])
        assert found is not None
        return found

    def __call__(self, t: Fraction) -> Fraction:
        i = bisect_left(self.breaks, t)
        if i < len(self.breaks) and self.breaks[i] == t:
            return self.values[i]
        slope, constant = self.pieces[i]
        return slope * t + constant

    def jump(self) -> tuple[Fraction, Fraction, Fraction] | None:
        """The first place with a jump, and what lies left and right of it, or left of it and at it; None if it is continuous."""
        for t, value, left, right in zip(self.breaks, self.values, self.pieces, self.pieces[1:], strict=False):
            low, high = left[0] * t + left[1], right[0] * t + right[1]
            if not low == value == high:
                return t, low, high if high != low else value
        return None

    @property
    def is_mask(self) -> bool:
        """Whether its values are 0 and 1 only."""
        return {*self.values, *(c for _, c in self.pieces)} <= {0, 1} and not any(slope for slope, _ in self.pieces)

    def zeros(self) -> list[Fraction]:
        """Where it changes its sign inside an interval."""
        found = []
        for i, (slope, constant) in enumerate(self.pieces):
            if slope:
                zero = -constant / slope
                if bisect_left(self.breaks, zero) == i and zero not in self.breaks[i : i + 1]:
                    found.append(zero)
        return found


def by_values(function: Callable[[Fraction], Fraction], breaks: Iterable[Fraction]) -> Broken | None:
    """The function with these values; None if it is not affine in each interval, or has too many breaks."""
    places = sorted(set(breaks))
    if len(places) > _MOST_BREAKS:
        return None
    pieces: list[tuple[Fraction, Fraction]] = []
    for i in range(len(places) + 1):
        start, step = _inside(places, i)
        first, second, third = (function(start + k * step) for k in range(3))
        if first + third != 2 * second:
            return None
        slope = (second - first) / step
        pieces.append((slope, first - slope * start))
    kept = [i for i, t in enumerate(places) if pieces[i] != pieces[i + 1] or function(t) != pieces[i][0] * t + pieces[i][1]]
    remaining = tuple(places[i] for i in kept)
    return Broken(remaining, tuple(map(function, remaining)), (*(pieces[i] for i in kept), pieces[-1]))


def _inside(places: list[Fraction], i: int) -> tuple[Fraction, Fraction]:
    """A point in interval i, and a step that three points of it are apart."""
    if not places:
        return _NONE, _ONE
    if i == 0:
        return places[0] - 3, _ONE
    if i == len(places):
        return places[-1] + 1, _ONE
    step = (places[i] - places[i - 1]) / 4
    return places[i - 1] + step, step


def compared(above: Curve, below: Curve, *, strict: bool) -> Broken | None:
    """1 where above > below, or >= if not `strict`, else 0."""
    difference = by_values(lambda t: at(above, t) - at(below, t), [k for k, _ in (*above.kinks, *below.kinks)])
    if difference is None:
        return None
    places = [*difference.breaks, *difference.zeros()]
    return by_values(lambda t: Fraction(difference(t) > 0 or (not strict and difference(t) == 0)), places)


def into(inner: Curve, outer: Broken) -> Broken | None:
    """outer(inner)."""
    return by_values(lambda t: outer(at(inner, t)), [*(k for k, _ in inner.kinks), *preimages(inner, outer.breaks)])


def jumps(function: Broken) -> str:
    """Where a function that is not continuous jumps, in words."""
    jump = function.jump()
    assert jump is not None
    place, low, high, step = map(_short, (*jump, jump[2] - jump[1]))
    return f"jumps at {place} from {low} to {high}, by {step}"


def _short(value: Fraction) -> str:
    text = rational_text(value)
    return text if len(text) <= 20 else f"about {float(value):.6g}"
