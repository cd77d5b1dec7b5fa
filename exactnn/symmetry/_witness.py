"""A rational point where a normal form is not zero (theory/symmetry.md 2.2), small and, on request, inside a polyhedron.

Small points are tried first. If they all fail, take a hyperplane h with J_h != 0 and a point p on it and on no other: along a direction
e with u_h . e != 0 the function has its only kink at p for |r| small, and

    F(p + r e) + F(p - r e) - 2 F(p) = r |u_h . e| J_h != 0,

so that F is not zero at one of the three points.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.symmetry._normal_form import NormalForm


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


def witness(form: NormalForm, tolerance: Fraction = Fraction(0)) -> RationalArray:
    """A point (inputs,) where some output of the non-zero normal form exceeds the tolerance (which may be 0 only: see below).

    With a tolerance > 0 there may be no such point; then only tolerance 0 is guaranteed.
    """
    dimension = form.slope.shape[1]
    for points in (small_points(dimension), _near_kinks(form), _first_slope(form)):
        hits = np.flatnonzero(_beyond(form(points), tolerance))
        if len(hits):
            return simplified(form, points[int(hits[0])], tolerance)
    for h in range(len(form.hyperplanes)):
        for p in _on_hyperplane(form, h):
            points = _three_points(form, h, p)
            hits = np.flatnonzero(_beyond(form(points), tolerance))
            if len(hits):
                return points[int(hits[0])]
    raise AssertionError("a normal form that is not zero has a witness")  # pragma: no cover - theorem A


def simplified(form: NormalForm, point: RationalArray, tolerance: Fraction = Fraction(0)) -> RationalArray:
    """The point with as many coordinates set to 0 as a greedy search by halves allows."""
    current = point
    size = max(point.size // 2, 1)
    while True:
        live = np.flatnonzero(current.nonzero())
        blocks = [live[i : i + size] for i in range(0, len(live), size)]
        for block in blocks:
            keep = np.ones(point.size, dtype=np.int64)
            keep[block] = 0
            candidate = current * RationalArray(keep)
            if _beyond(form(candidate.reshape(1, -1)), tolerance)[0]:
                current = candidate
        if size == 1:
            return current
        size //= 2


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


def _on_hyperplane(form: NormalForm, h: int) -> Iterator[RationalArray]:
    """Points of hyperplane h on no other hyperplane; the moment curve's argument shows that some of these are."""
    plane = form.normals[h]
    dimension = plane.size - 1
    axis = int(np.flatnonzero(plane.nonzero()[:-1])[0])
    pivot = Fraction(int(plane.numerators[axis]), plane.denominator)
    others = np.array([i for i in range(len(form.hyperplanes)) if i != h], dtype=np.int64)
    random = np.random.default_rng(1)
    for attempt in range(64):
        free = random.integers(-(2**attempt), 2**attempt + 1, dimension) if attempt < 30 else random.integers(-(2**30), 2**30, dimension)
        free[axis] = 0
        point = RationalArray(free)
        level = (plane[:-1] @ point.reshape(-1, 1)).item() + plane[-1].item()
        step = np.zeros(dimension, dtype=np.int64)
        step[axis] = 1
        point = point + RationalArray(step) * (-level / pivot)
        if not len(others) or form.levels(point.reshape(1, -1)).nonzero()[0, others].all():
            yield point


def _three_points(form: NormalForm, h: int, p: RationalArray, reach: Fraction = Fraction(1)) -> RationalArray:
    """p and p +- r e with r a power of two so small that only hyperplane h is met."""
    axis = int(np.flatnonzero(form.normals[h].nonzero()[:-1])[0])
    levels = form.levels(p.reshape(1, -1)).to_fractions()
    slopes = form.normals[:, axis].to_fractions()
    limit = min((abs(v / s) for i, (v, s) in enumerate(zip(levels, slopes, strict=True)) if i != h and s), default=reach)
    radius = Fraction(1)
    while radius > min(limit, reach):
        radius /= 2
    step = np.zeros(p.size, dtype=np.int64)
    step[axis] = 1
    move = RationalArray(step) * radius
    return concatenate([q.reshape(1, -1) for q in (p, p + move, p - move)])


def _beyond(values: RationalArray, tolerance: Fraction) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether some output of each row exceeds the tolerance in size."""
    return np.asarray(values.exceeds(tolerance).any(axis=1))
