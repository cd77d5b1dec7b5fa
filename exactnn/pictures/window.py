"""The part of space that a picture shows, chosen exactly around points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from exactnn.exact.polyhedron import Box

Point = tuple[Fraction, ...]
_MANY = 12  # points, from which on a few far out do not count
_FENCE = 1  # of the way between the quartiles, beyond them


def around(points: Sequence[Point], dimension: int, *, margin: Fraction, trim: bool = True) -> Box:
    """A box with the points well inside; bounds with few bits.

    A side is at least half as long as the longest one; around a single point p the box reaches as far as from p to 0, or by 1 where p = 0.

    Parameters
    ----------
    margin : the sides are 1 + margin times as long as what the points span
    trim : of many points leave out, on each axis, those that are further from the quartiles than these are from each other
    """
    spans = [_span([p[j] for p in points], trim) for j in range(dimension)]
    most = max(b - a for a, b in spans) or 4 * (max(abs(a) for a, _ in spans) or Fraction(1))
    unit = Fraction(2) ** (most.numerator.bit_length() - most.denominator.bit_length() - 6)
    bounds = []
    for a, b in spans:
        half = (1 + margin) * max(b - a, most / 2) / 2
        bounds.append((math.floor(((a + b) / 2 - half) / unit) * unit, math.ceil(((a + b) / 2 + half) / unit) * unit))
    return Box([a for a, _ in bounds], [b for _, b in bounds])


def bounding_box(points: Sequence[Point]) -> Box:
    """The smallest box around points."""
    columns = list(zip(*points, strict=True))
    return Box([min(c) for c in columns], [max(c) for c in columns])


def _span(values: Sequence[Fraction], trim: bool) -> tuple[Fraction, Fraction]:
    ordered = sorted(values) or [Fraction(0)]
    if not trim or len(ordered) < _MANY:
        return ordered[0], ordered[-1]
    low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
    reach = _FENCE * (high - low)
    inside = [v for v in ordered if low - reach <= v <= high + reach]
    return (inside[0], inside[-1]) if low < high else (ordered[0], ordered[-1])
