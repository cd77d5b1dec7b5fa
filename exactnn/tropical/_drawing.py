"""What pictures of the plane are drawn with: polygons, segments, dots and labels of exact points, and the window."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from exactnn.errors import ArgumentError, DomainError
from exactnn.exact.polyhedron import Box
from exactnn.tropical._planar import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARGIN = Fraction(2, 5)
_FAR_OUT = 8  # times what the middle nine tenths span
_LARGEST = Fraction(10**300)


def shown_window(window: Box | None, points: Sequence[Point]) -> tuple[Point, Point]:
    """The corners of what is shown: the window given, or all points with a margin; of many points the middle ones, if a few are far out."""
    if window is not None:
        if not isinstance(window, Box):
            raise ArgumentError(f"window: a Box or None is needed, got {type(window).__name__}")
        low, high = (bound.to_fractions() for bound in _box(window).bounds)
    else:
        spans = [_span([p[j] for p in points]) for j in (0, 1)]
        most = max(b - a for a, b in spans) or Fraction(2)
        halves = [max(b - a, most / 2) * (Fraction(1, 2) + _MARGIN) for a, b in spans]
        middles = [(a + b) / 2 for a, b in spans]
        low, high = (tuple(m + sign * h for m, h in zip(middles, halves, strict=True)) for sign in (-1, 1))
    if any(a >= b for a, b in zip(low, high, strict=True)):
        raise DomainError("window: a box with lower < upper on both axes is needed")
    if max(abs(v) for v in (*low, *high)) > _LARGEST or any(float(a) == float(b) for a, b in zip(low, high, strict=True)):
        raise DomainError("window: a box that floats can draw is needed (up to 1e300, and not too thin); give another one")
    return (low[0], low[1]), (high[0], high[1])


def _span(values: Sequence[Fraction]) -> tuple[Fraction, Fraction]:
    """From the least to the largest; without the outer twentieths, if there are many values and most of the way is there."""
    ordered = sorted(values) or [Fraction(0)]
    outer = len(ordered) // 20
    low, high = ordered[outer], ordered[-1 - outer]
    whole = ordered[-1] - ordered[0]
    return (low, high) if low < high and whole > _FAR_OUT * (high - low) else (ordered[0], ordered[-1])


def _box(window: Box) -> Box:
    found = window.in_dimension(2)
    assert isinstance(found, Box)
    return found


def fill(axes: Axes, cells: Sequence[tuple[Sequence[Point], Any]], hatch: str | None = None, gid: str = "cells") -> None:
    """Filled polygons with their colours."""
    from matplotlib.collections import PolyCollection

    if cells:
        polygons = [[floats(p) for p in cell] for cell, _ in cells]
        colours = [colour for _, colour in cells]
        edges: Any = {"edgecolors": "#aaaaaa"} if hatch else {"edgecolors": colours}
        axes.add_collection(PolyCollection(polygons, facecolors=colours, linewidths=0.4, hatch=hatch, zorder=0, gid=gid, **edges))


def segments(axes: Axes, segments: Iterable[tuple[Point, Point]], colour: str, gid: str, width: float) -> None:
    """Segments of one kind."""
    from matplotlib.collections import LineCollection

    lines = [[floats(p) for p in segment] for segment in segments]
    if lines:
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, capstyle="round", zorder=2, gid=gid))


def dots(axes: Axes, points: Sequence[Point], colour: str, gid: str) -> None:
    """Points of one kind."""
    if points:
        across, up = columns(points)
        axes.scatter(across, up, s=26, c=colour, zorder=3, gid=gid)


def label(axes: Axes, place: Point, text: str) -> None:
    """A short text on light ground, centred at the place."""
    back = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.5}
    axes.text(*floats(place), text, ha="center", va="center", fontsize="small", zorder=4, bbox=back, clip_on=True)


def limits(axes: Axes, low: Sequence[Fraction], high: Sequence[Fraction]) -> None:
    """The limits of the Axes, with equal units unless the window is long."""
    (left, bottom), (right, top) = floats(low), floats(high)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_aspect("equal" if (right - left) / 4 <= top - bottom <= 4 * (right - left) else "auto")


def floats(point: Sequence[Fraction]) -> tuple[float, float]:
    """The point as it is drawn."""
    return float(point[0]), float(point[1])


def fills(count: int) -> list[tuple[float, float, float]]:
    """Light colours, each hue the golden angle away from the one before."""
    from matplotlib.colors import hsv_to_rgb

    golden = (3 - math.sqrt(5)) / 2
    found = []
    for i in range(count):
        red, green, blue = hsv_to_rgb(((0.58 + i * golden) % 1, 0.22 + 0.1 * (i % 3), 0.97 - 0.05 * (i % 2)))
        found.append((float(red), float(green), float(blue)))
    return found


def counted(count: int, one: str, many: str) -> str:
    """ "1 vertex", "2 vertices"."""
    return f"{count} {one if count == 1 else many}"


def columns(points: Sequence[Sequence[Fraction]]) -> tuple[list[float], list[float]]:
    """The coordinates across and up."""
    pairs = [floats(p) for p in points]
    return [x for x, _ in pairs], [y for _, y in pairs]
