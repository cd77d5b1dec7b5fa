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
    largest = max(abs(v) for row in rows for v in row)
    table = np.array(rows, dtype=np.int64 if largest < 1 << 60 else object)
    cells = {i: cell for i in range(len(rows)) if (cell := _cell(table, largest, i, frame))}
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


def at(row: Row, point: Point) -> Fraction:
    """The value of a row."""
    return row[0] + row[1] * point[0] + row[2] * point[1]


def middle(p: Point, q: Point) -> Point:
    """The midpoint."""
    return (p[0] + q[0]) / 2, (p[1] + q[1]) / 2


def centre(polygon: Sequence[Point]) -> Point:
    """The mean of the corners, which lies inside."""
    return sum((p[0] for p in polygon), Fraction(0)) / len(polygon), sum((p[1] for p in polygon), Fraction(0)) / len(polygon)


def place(point: Homogeneous) -> Point:
    """The point of homogeneous coordinates."""
    return Fraction(point[1], point[0]), Fraction(point[2], point[0])


def _cell(table: np.ndarray[Any, Any], largest: int, i: int, frame: Polygon) -> Polygon:
    """Where row i of the table is maximal: cut by the term that is most above it at a corner, until none is."""
    above = table - table[i]
    cell = frame
    while cell:
        points = [p for p, _ in cell]
        fits = 6 * largest * max(abs(v) for p in points for v in p) < 1 << 62
        most = (above @ np.array(points, dtype=np.int64 if fits else object).T).max(axis=1)
        j = int(most.argmax())
        if most[j] <= 0:
            break
        cell = _cut(cell, (-int(above[j, 0]), -int(above[j, 1]), -int(above[j, 2])), j)
    return cell


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
