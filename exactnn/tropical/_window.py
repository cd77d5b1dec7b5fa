"""The window that pictures of the plane show."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from exactnn.errors import ArgumentError, DomainError
from exactnn.exact.planar import Point
from exactnn.exact.polyhedron import Box
from exactnn.pictures.window import around

_MARGIN = Fraction(4, 5)
_LARGEST = Fraction(10**300)


def shown_window(window: Box | None, points: Sequence[Point]) -> tuple[Point, Point]:
    """The corners of what is shown: the window given, or all points with a margin; of many points the middle ones, if a few are far out."""
    if window is not None and not isinstance(window, Box):
        raise ArgumentError(f"window: a Box or None is needed, got {type(window).__name__}")
    found = around(points or [(Fraction(0), Fraction(0))], 2, margin=_MARGIN) if window is None else window.in_dimension(2)
    assert isinstance(found, Box)
    low, high = (bound.to_fractions() for bound in found.bounds)
    if any(a >= b for a, b in zip(low, high, strict=True)):
        raise DomainError("window: a box with lower < upper on both axes is needed")
    if max(abs(v) for v in (*low, *high)) > _LARGEST or any(float(a) == float(b) for a, b in zip(low, high, strict=True)):
        raise DomainError("window: a box that floats can draw is needed (up to 1e300, and not too thin); give another one")
    return (low[0], low[1]), (high[0], high[1])
