"""A rational point where a normal form is not zero (docs/theory.md 2), small and, on request, inside a polyhedron.

Small points are tried first. If they all fail, take a hyperplane h with J_h != 0 and a point p on it and on no other: along a direction
e with u_h . e != 0 the function has its only kink at p for |r| small, and

    F(p + r e) + F(p - r e) - 2 F(p) = r |u_h . e| J_h != 0,

so that F is not zero at one of the three points.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.polyhedron import Polyhedron
from exactnn.symmetry.ridge_forms import NormalForm


def small_points(dimension: int, count: int = 64) -> RationalArray:
    """Points of few bits, smallest first: 0, unit vectors, then pseudo-random vectors of small integers (always the same)."""
    points = [np.zeros((1, dimension), dtype=np.int64)]
    if dimension <= count // 4:
        eye = np.eye(dimension, dtype=np.int64)
        points += [eye, -eye]
    if 3**dimension <= count * 2:
        points.append(np.array(list(itertools.product((-1, 0, 1), repeat=dimension)), dtype=np.int64))
    random = np.random.default_rng(0)
    left = count - sum(map(len, points))
    for reach in (1, 2, 8, 64):
        points.append(random.integers(-reach, reach + 1, (max(left // 4, 2), dimension)))
    return RationalArray(np.concatenate(points))


def witness(form: NormalForm) -> RationalArray:
    """A point (inputs,) where the normal form, which is not zero, has an output that is not 0; few bits where possible."""
    dimension = form.slope.shape[1]
    for points in (small_points(dimension), _near_kinks(form), _first_slope(form)):
        found = _first_hit(form, points)
        if found is not None:
            return simplified(form, found)
    everywhere = Polyhedron.whole_space(dimension)
    return about_kink(form, list(range(len(form.hyperplanes))), everywhere, RationalArray.zeros((dimension,)))


def simplified(form: NormalForm, point: RationalArray) -> RationalArray:
    """The point with as many coordinates set to 0 as a greedy search by halves allows; the form stays other than 0 there."""
    current = point
    size = max(point.size // 2, 1)
    while True:
        live = np.flatnonzero(current.nonzero())
        blocks = [live[i : i + size] for i in range(0, len(live), size)]
        for block in blocks:
            keep = np.ones(point.size, dtype=np.int64)
            keep[block] = 0
            candidate = current * RationalArray(keep)
            if not form(candidate.reshape(1, -1)).is_zero():
                current = candidate
        if size == 1:
            return current
        size //= 2


def about_kink(form: NormalForm, crossing: list[int], region: Polyhedron, inside: RationalArray) -> RationalArray:
    """A point of the region where the form is not 0, the hyperplanes `crossing` being those that meet its interior.

    From an interior point p on the first of them a direction within it is taken that leaves the others through p, with integers that
    grow until it does; a step so short that it stays inside and meets none of those that do not contain p. There, three points decide.
    """
    h, others = crossing[0], crossing[1:]
    p = _interior_point_on(form.hyperplanes[h], region, inside)
    normal = form.normals[h, :-1]
    axis = int(np.flatnonzero(normal.nonzero())[0])
    step = RationalArray.unit(inside.size, axis)
    through = [g for g in others if not _level(form.hyperplanes[g], p)]
    random = np.random.default_rng(0)
    for attempt in itertools.count():
        reach = 2 ** min(attempt, 30) if through else 0
        free = random.integers(-reach, reach + 1, inside.size)
        free[axis] = 0
        move = RationalArray(free)
        move = move - step * ((normal @ move.reshape(-1, 1)).item() / normal[axis].item())
        if not through or (form.normals[through, :-1] @ move.reshape(-1, 1)).nonzero().all():
            break
    size = power_of_two_below(reach_inside(region, p, move), Fraction(1, 2)) / 2
    while not form.levels((p + move * size).reshape(1, -1)).nonzero()[0, others].all():
        size /= 2
    found = _first_hit(form, _three(form, h, axis, p + move * size, region))
    assert found is not None  # docs/theory.md 2
    return found


def _first_hit(form: NormalForm, points: RationalArray) -> RationalArray | None:
    """The first of these points where some output is not 0."""
    hits = np.flatnonzero(form(points).nonzero().any(axis=1))
    return points[int(hits[0])] if len(hits) else None


def _near_kinks(form: NormalForm) -> RationalArray:
    """On each axis, points just beyond and halfway between the places where the kinks cross it."""
    dimension = form.slope.shape[1]
    rows = []
    for plane in form.hyperplanes[:16]:
        for axis in [i for i in range(dimension) if plane[i]][:4]:
            at = Fraction(-plane[-1], plane[axis])
            for value in (at + 1, at - 1, Fraction(at.numerator // at.denominator), at):
                row = [Fraction(0)] * dimension
                row[axis] = value
                rows.append(row)
    if not rows:
        return RationalArray.zeros((1, dimension))
    return RationalArray.from_fractions([q for row in rows for q in row], (len(rows), dimension))


def _first_slope(form: NormalForm) -> RationalArray:
    """The unit vector of the first input with a slope: without kinks the form differs from its value at 0 there."""
    sloping = np.flatnonzero(form.slope.nonzero().any(axis=0))
    point = np.zeros((1, form.slope.shape[1]), dtype=np.int64)
    point[0, sloping[:1]] = 1
    return RationalArray(point)


def _three(form: NormalForm, h: int, axis: int, q: RationalArray, region: Polyhedron) -> RationalArray:
    """q and q +- r e inside the region with no other kink between them."""
    levels = form.levels(q.reshape(1, -1)).to_fractions()
    slopes = form.normals[:, axis].to_fractions()
    limit = min((abs(v / s) for i, (v, s) in enumerate(zip(levels, slopes, strict=True)) if i != h and s and v), default=Fraction(1))
    step = RationalArray.unit(q.size, axis)
    move = step * power_of_two_below(*(reach_inside(region, q, step * side) for side in (1, -1)), limit)
    return concatenate([v.reshape(1, -1) for v in (q, q + move, q - move)])


def _interior_point_on(plane: tuple[int, ...], region: Polyhedron, inside: RationalArray) -> RationalArray:
    """Where the segment from the interior point to a point on the other side meets the hyperplane."""
    level = _level(plane, inside)
    if not level:
        return inside
    sign = 1 if level > 0 else -1
    far = region.nonnegative([sign * n for n in plane[:-1]], sign * plane[-1])
    point = RationalArray.of(list(far.point))  # type: ignore[union-attr]
    share = level / (level - _level(plane, point))
    return inside + (point - inside) * share


def _level(plane: tuple[int, ...], point: RationalArray) -> Fraction:
    return Fraction(plane[-1]) + sum((n * q for n, q in zip(plane[:-1], point.to_fractions(), strict=True)), Fraction(0))


def reach_inside(region: Polyhedron, point: RationalArray, move: RationalArray) -> Fraction | None:
    """The largest r with point + r move in the region, that has the point in its interior; None if there is none."""
    A, b = region.rows
    slack = (b - A @ point).to_fractions()
    return min((s / v for s, v in zip(slack, (A @ move).to_fractions(), strict=True) if v > 0), default=None)


def power_of_two_below(*limits: Fraction | None) -> Fraction:
    """The largest power of two that is at most 1 and at most each of these positive numbers (None: no limit)."""
    least = min([Fraction(1), *(q for q in limits if q is not None)])
    exponent = least.numerator.bit_length() - least.denominator.bit_length()
    power = Fraction(2) ** exponent
    return power if power <= least else power / 2
