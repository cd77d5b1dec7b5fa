"""Points of few bits strictly inside a cell, on one side of a hyperplane that cuts it.

Let w be interior to a cell, l(w) > 0, and p a point of the closed cell with l(p) < 0. The segment from w to p enters l < 0 at
w + t (p - w), t = l(w) / (l(w) - l(p)), and is interior to the cell from there up to p. Floats round a point between to few bits, and
integers confirm that it is inside; if no rounding is, a rational t is taken exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import mul

import numpy as np
from flint import fmpq

from exactnn.cells._search_lp import AffineRow, Point, value_at
from exactnn.cells._table import FloatArray
from exactnn.exact.numbers import primitive, simplest_between

_BITS = (2, 4, 7, 12, 20, 34)


def across(
    form: AffineRow,
    origin: Sequence[float],
    beyond: Sequence[float],
    heights: tuple[float, float],
    forms: Sequence[AffineRow],
    rows: FloatArray,
) -> Point | None:
    """A point with all `forms` > 0 and form < 0; None if floats find none.

    origin : the inner point (x, 1), where all forms and `form` are > 0; beyond : (x, w), a sum of points (x, 1) and rays (x, 0) where all
        forms are about >= 0 and form < 0
    heights, rows : of `form`, divided by its largest coefficient, the values at both; the forms in floats, divided by theirs
    """
    above, below = heights[0], -heights[1]
    if not (0 < above < math.inf and 0 < below < math.inf):
        return None
    weight = beyond[-1]
    if weight:  # the middle between `beyond` and the place where the segment from the origin enters the other side
        share = (1 + above / (above + below / weight)) / 2
        entries = [a + share * (b / weight - a) for a, b in zip(origin, beyond, strict=True)]
        depth = share * (above + below / weight) - above
    else:
        step = 1.5 * above / below
        entries = [a + step * b for a, b in zip(origin, beyond, strict=True)]
        depth = above / 2
    with np.errstate(all="ignore"):  # a proposal
        room = min([*np.dot(rows, entries).tolist(), depth]) / (len(form) - 1)
    if not (0 < room < math.inf and all(map(math.isfinite, entries))):
        return None
    exponent = math.frexp(room)[1]
    for unit in (exponent - 1, exponent - 6):
        candidate = _rounded(entries[:-1], unit)
        if candidate is not None and value_at(form, candidate) < 0 and inside(candidate, forms):
            return candidate
    return None


def around(form: AffineRow, inner: Point, forms: Sequence[AffineRow]) -> tuple[Point, Point]:
    """Points with all `forms` > 0, on both sides (form > 0, form < 0) of a hyperplane through the inner point."""
    axis = max(range(len(form) - 1), key=lambda j: abs(form[j]))
    weight = inner[-1]
    reach = [fmpq(value_at(g, inner), weight * abs(g[axis])) for g in forms if g[axis]]
    step = fmpq(1)
    while any(step >= r for r in reach):
        step /= 2
    sides = []
    for sign in (1, -1) if form[axis] > 0 else (-1, 1):
        numerator, denominator = int(step.p), int(step.q)
        moved = [v * denominator for v in inner]
        moved[axis] += sign * numerator * weight
        sides.append(primitive(moved))
    return sides[0], sides[1]


def inside(point: Point, forms: Sequence[AffineRow]) -> bool:
    """Whether all forms are positive at the point."""
    return all(sum(map(mul, form, point)) > 0 for form in reversed(forms))  # the last cuts are the closest ones


def simplified_point(point: Point, forms: Sequence[AffineRow]) -> Point:
    """A point with few bits near a point where all forms are positive; they are positive there too."""
    for candidate in rounded_points(point):
        if sum(map(int.bit_length, candidate)) >= sum(map(int.bit_length, point)):
            break
        if inside(candidate, forms):
            return candidate
    return point


def rounded_points(point: Point) -> Iterator[Point]:
    """The point rounded to ever smaller dyadic units; nothing for a point beyond the range of floats."""
    try:
        floats = [v / point[-1] for v in point[:-1]]
    except OverflowError:
        return
    yield from _roundings(floats)


def _roundings(point: Sequence[float]) -> Iterator[Point]:
    """The point rounded to ever smaller dyadic units; nothing for no point."""
    if not point:
        return
    _, exponent = math.frexp(max(map(abs, point)))
    for bits in _BITS:
        candidate = _rounded(point, exponent - bits)
        if candidate is not None:
            yield candidate


def _rounded(point: Sequence[float], unit: int) -> Point | None:
    """The point in units of 2^unit; None for units that are too small."""
    if unit >= 0:
        return (*(round(math.ldexp(v, -unit)) << unit for v in point), 1)
    if unit > -1000:
        scale = 2.0**-unit
        return primitive([*[round(v * scale) for v in point], 1 << -unit])
    return None


def between(form: AffineRow, inner: Point, point: Point) -> Point:
    """A point of the open segment from inner to a point with form < 0, or ray, behind its place on the hyperplane."""
    above, below = value_at(form, inner), -value_at(form, point)
    weight, w = inner[-1], point[-1]
    if w:
        share = simplest_between(fmpq(above * w, above * w + below * weight), fmpq(1))
        p, q = int(share.p), int(share.q)
        return primitive([(q - p) * a * w + p * b * weight for a, b in zip(inner, point, strict=True)])
    length = simplest_between(fmpq(above, below * weight), None)
    p, q = int(length.p), int(length.q)
    return primitive([a * q + p * weight * b for a, b in zip(inner, point, strict=True)])
