"""Points of few bits strictly inside a cell, on one side of a hyperplane that cuts it.

Let w be interior to a cell, l(w) > 0, and p a point of the closed cell with l(p) < 0. The segment from w to p enters l < 0 at
w + t (p - w), t = l(w) / (l(w) - l(p)), and is interior to the cell up to p; so is the mean of such points. Floats round the mean to
few bits, and integers confirm that it is inside; if no rounding is, a rational t is taken exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from flint import fmpq

from exactnn.cells._search_lp import AffineRow, Point, value_at
from exactnn.exact.numbers import primitive, simplest_between

_BITS = (2, 4, 7, 12, 20, 34)


def across(form: AffineRow, inner: Point, points: Sequence[Point], forms: Sequence[AffineRow]) -> Point:
    """A point with all `forms` > 0 and form < 0; inner has all > 0 and form > 0, the points all >= 0 and form < 0."""
    for candidate in _roundings(_mean(form, inner, points)):
        if value_at(form, candidate) < 0 and inside(candidate, forms):
            return candidate
    return _between(form, inner, points[0])


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
    return all(value_at(g, point) > 0 for g in forms)


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


def _mean(form: AffineRow, inner: Point, points: Sequence[Point]) -> list[float]:
    """The mean of the points and of the places where their segments from the inner point enter the other side; [] beyond floats."""
    weight = inner[-1]
    try:
        origin = [v / weight for v in inner[:-1]]
        total, count = [0.0] * len(origin), 0
        for point in points:
            w = point[-1]
            above, below = value_at(form, inner), -value_at(form, point)
            if w:
                share = (above * w) / (above * w + below * weight)
                end = [v / w for v in point[:-1]]
                enters = [a + share * (b - a) for a, b in zip(origin, end, strict=True)]
            else:
                length = above / (below * weight)
                enters = [a + length * v for a, v in zip(origin, point, strict=False)]
                end = [a + length * v for a, v in zip(enters, point, strict=False)]
            total = [t + a + b for t, a, b in zip(total, enters, end, strict=True)]
            count += 2
    except OverflowError:
        return []
    mean = [t / count for t in total]
    return mean if all(map(math.isfinite, mean)) else []


def _roundings(point: Sequence[float]) -> Iterator[Point]:
    """The point rounded to ever smaller dyadic units; nothing for no point."""
    if not point:
        return
    _, exponent = math.frexp(max(map(abs, point)))
    for bits in _BITS:
        unit = exponent - bits
        if unit >= 0:
            yield (*(round(math.ldexp(v, -unit)) << unit for v in point), 1)
        elif unit > -1000:
            yield primitive([*(round(math.ldexp(v, -unit)) for v in point), 1 << -unit])


def _between(form: AffineRow, inner: Point, point: Point) -> Point:
    """A point of the open segment, or ray, behind its place on the hyperplane."""
    above, below = value_at(form, inner), -value_at(form, point)
    weight, w = inner[-1], point[-1]
    if w:
        share = simplest_between(fmpq(above * w, above * w + below * weight), fmpq(1))
        p, q = int(share.p), int(share.q)
        return primitive([(q - p) * a * w + p * b * weight for a, b in zip(inner, point, strict=True)])
    length = simplest_between(fmpq(above, below * weight), None)
    p, q = int(length.p), int(length.q)
    return primitive([a * q + p * weight * b for a, b in zip(inner, point, strict=True)])
