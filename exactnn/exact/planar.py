"""Maxima of affine functions of two variables, exactly: the cells where each term is maximal, and the segments between them.

Points are integers (w, x, y), w > 0, for (x / w, y / w), and rows integers (c, a, b) for c + a x + b y, so that a term minus another has
the sign of a dot product. A cell is what the half planes "at least as large as term j" leave of a convex frame; each of its edges
remembers the j (or the side of the frame) that cut it. Cells that are no more than a segment are left out: the others cover the frame,
and any two of them that touch along a segment share a whole edge, since they are the cells of a regular subdivision.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import primitive

Row = tuple[int, int, int]
Homogeneous = tuple[int, int, int]
Point = tuple[Fraction, Fraction]
FRAME = -1

Indices = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
_ROUNDING = 2.0**-49  # of a sum of three products of rounded numbers, relative to the sum of their sizes: 8 units of 2^-52
_TINY = 2.0**-1000  # more than what underflow loses

#: corner points in order, each with what cut the edge from it to the next: a term, or FRAME
Polygon = list[tuple[Homogeneous, int]]


@dataclass(frozen=True)
class Edge:
    """Where two terms are maximal together: a segment of the frame, between cells of dimension 2.

    terms : the two, the smaller number first
    ends : its ends, in lexicographic order
    cut : for each end, whether it lies on the frame and not where edges meet
    """

    terms: tuple[int, int]
    ends: tuple[Point, Point]
    cut: tuple[bool, bool]


@dataclass(frozen=True)
class Subdivision:
    """The cells of dimension 2 by their terms, and the edges between them."""

    cells: dict[int, tuple[Point, ...]]
    edges: tuple[Edge, ...]

    @property
    def vertices(self) -> list[Point]:
        """Where edges end inside of the frame, in lexicographic order."""
        return sorted({p for edge in self.edges for p, cut in zip(edge.ends, edge.cut, strict=True) if not cut})


def integer_rows(table: RationalArray) -> list[Row]:
    """The rows of a table times its denominator."""
    return [(int(c), int(a), int(b)) for c, a, b in table.numerators.tolist()]


def rectangle(low: Point, high: Point) -> Polygon:
    """The frame [low_0, high_0] x [low_1, high_1], anticlockwise."""
    corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
    return [(homogeneous(corner), FRAME) for corner in corners]


Inequality = tuple[Sequence[Fraction], Fraction]


def far_frame(rows: Sequence[Row], inequalities: Sequence[Inequality] = ()) -> Polygon:
    """A square with every vertex inside: of the subdivision, of a domain, and where the two meet.

    By Cramer's rule a vertex is a quotient of minors of integers, hence at most 8 max |a| max |c|; so is the foot of each line.
    """
    every = [*rows, *map(_integers, inequalities)]
    largest = 8 * max(1, *(abs(v) for _, *a in every for v in a)) * max(1, *(abs(c) for c, _, _ in every)) + 1
    far = Fraction(largest)
    return rectangle((-far, -far), (far, far))


def restricted(frame: Polygon, inequalities: Iterable[Inequality]) -> Polygon:
    """What a . x <= b leaves of the frame; empty unless it has interior points."""
    for inequality in inequalities:
        frame = _cut(frame, _integers(inequality), FRAME)
    return frame


def _integers(inequality: Inequality) -> Row:
    """a . x <= b as a row that is to be >= 0."""
    a, b = inequality
    scale = math.lcm(b.denominator, *(v.denominator for v in a))
    return int(b * scale), int(-a[0] * scale), int(-a[1] * scale)


def subdivide(rows: Sequence[Row], frame: Polygon) -> Subdivision:
    """The cells and edges of max_i rows[i] . (1, x, y) in a convex frame."""
    values = Values(rows)
    cells = {i: cell for i in range(len(rows)) if (cell := values.cell(i, frame))}
    border = [frame[k][0] for k in range(len(frame))]
    found: dict[tuple[Homogeneous, Homogeneous], list[int]] = {}
    for i, cell in cells.items():
        for k, (p, label) in enumerate(cell):
            if label != FRAME:
                q = cell[(k + 1) % len(cell)][0]
                found.setdefault((p, q) if place(p) < place(q) else (q, p), []).append(i)
    edges = []
    for (p, q), terms in sorted(found.items(), key=lambda item: (place(item[0][0]), place(item[0][1]))):
        if len(terms) == 2:  # an edge that lies in the frame's border has a cell on one side only
            cut = (_on_border(p, border), _on_border(q, border))
            edges.append(Edge((min(terms), max(terms)), (place(p), place(q)), cut))
    return Subdivision({i: tuple(place(p) for p, _ in cell) for i, cell in cells.items()}, tuple(edges))


def homogeneous(point: Point) -> Homogeneous:
    """(w, x, y), shortest."""
    x, y = point
    w = math.lcm(x.denominator, y.denominator)
    return w, int(x * w), int(y * w)


def middle(p: Point, q: Point) -> Point:
    """The midpoint."""
    return (p[0] + q[0]) / 2, (p[1] + q[1]) / 2


def centre(polygon: Sequence[Point]) -> Point:
    """The mean of the corners, which lies inside."""
    return sum((p[0] for p in polygon), Fraction(0)) / len(polygon), sum((p[1] for p in polygon), Fraction(0)) / len(polygon)


def place(point: Homogeneous) -> Point:
    """The point of homogeneous coordinates."""
    return Fraction(point[1], point[0]), Fraction(point[2], point[0])


class Values:
    """The values of rows at points: floats with a bound of their own error say which rows can matter, integers decide among these.

    Attributes
    ----------
    rows : as they were given
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        unit = max(1, *(abs(v) for row in rows for v in row))
        self._floats = np.array([[v / unit for v in row] for row in rows])  # at most 1; a quotient of integers is rounded once

    def bounds(self, numbers: Indices, points: Sequence[Homogeneous]) -> tuple[Floats, Floats]:
        """Lower and upper bounds (rows, points) of the values of these rows at (w, x, y), in some unit for each point."""
        units = [max(abs(v) for v in p) for p in points]
        at = np.array([[v / unit for v in p] for p, unit in zip(points, units, strict=True)]).T
        table = self._floats[numbers]
        values, errors = table @ at, _ROUNDING * (np.abs(table) @ np.abs(at)) + _TINY
        return values - errors, values + errors

    def largest(self, point: Homogeneous) -> list[int]:
        """All rows that are the maximum at a point."""
        low, high = self.bounds(np.arange(len(self.rows)), [point])
        near = np.flatnonzero(high[:, 0] >= low.max()).tolist()
        values = [_dot(self.rows[i], point) for i in near]
        best = max(values)
        return [i for i, value in zip(near, values, strict=True) if value == best]

    def cell(self, i: int, frame: Polygon) -> Polygon:
        """Where row i is the maximum: cut by a row that is above it at a corner, until there is none."""
        numbers, cell = np.arange(len(self.rows)), frame
        while cell:
            points = [p for p, _ in cell]
            low, high = self.bounds(numbers, points)
            own = int(np.searchsorted(numbers, i))  # it is never dropped
            gaps = (low - high[own]).max(axis=1)
            j = int(numbers[gaps.argmax()])
            if gaps[gaps.argmax()] <= 0:  # floats see none
                numbers = numbers[(high >= low[own]).any(axis=1)]
                above = ((max(_dot(self.rows[k], p) - _dot(self.rows[i], p) for p in points), int(k)) for k in numbers)
                most, j = max(above, key=lambda pair: pair[0])
                if most <= 0:
                    break
            else:
                numbers = numbers[(high >= low[own]).any(axis=1)]  # what is below at all corners stays below
            cell = _cut(cell, _minus(self.rows[i], self.rows[j]), j)
        return cell


def _dot(row: Row, point: Homogeneous) -> int:
    return row[0] * point[0] + row[1] * point[1] + row[2] * point[2]


def _minus(row: Row, other: Row) -> Row:
    return row[0] - other[0], row[1] - other[1], row[2] - other[2]


def _on_border(point: Homogeneous, corners: Sequence[Homogeneous]) -> bool:
    for k, p in enumerate(corners):
        q = corners[(k + 1) % len(corners)]
        if _determinant(point, p, q) == 0:
            return True
    return False


def _determinant(p: Homogeneous, q: Homogeneous, r: Homogeneous) -> int:
    return (
        p[0] * (q[1] * r[2] - q[2] * r[1])
        - p[1] * (q[0] * r[2] - q[2] * r[0])
        + p[2] * (q[0] * r[1] - q[1] * r[0])
    )  # fmt: skip


def _cut(polygon: Polygon, row: Row, label: int) -> Polygon:
    """The part of a convex polygon where row . (w, x, y) >= 0; empty if it has no interior points. The new edge gets the label."""
    c, a, b = row
    values = [c * w + a * x + b * y for (w, x, y), _ in polygon]
    if all(v >= 0 for v in values):
        return polygon if any(values) else []
    if all(v <= 0 for v in values):
        return []
    found: Polygon = []
    for k, (p, own) in enumerate(polygon):
        q, value, following = polygon[(k + 1) % len(polygon)][0], values[k], values[(k + 1) % len(polygon)]
        if value >= 0:
            leaves = value == 0 and following < 0
            found.append((p, label if leaves else own))
        if value > 0 > following:
            found.append((_crossing(p, value, q, following), label))
        elif value < 0 < following:
            found.append((_crossing(p, value, q, following), own))
    return found


def _crossing(p: Homogeneous, value: int, q: Homogeneous, following: int) -> Homogeneous:
    """Where the function is 0 between two points with values of opposite signs."""
    u, v = abs(following), abs(value)
    w, x, y = primitive((p[0] * u + q[0] * v, p[1] * u + q[1] * v, p[2] * u + q[2] * v))
    return w, x, y
