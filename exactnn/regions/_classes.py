"""Predicted classes on linear regions, exactly: on each region the outputs are affine, and the largest of them is the class.

With one output f the classes are f > 0 and f < 0, as of the outputs (f, 0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise

from exactnn.exact.numbers import primitive, upright
from exactnn.exact.planar import FRAME, homogeneous, middle, subdivide
from exactnn.regions import _picture
from exactnn.regions._picture import Segment
from exactnn.regions.region import Point, Region

#: c, a_1, ..., a_d of c + a . x, times a number that all outputs of a region share
Row = tuple[int, ...]


@dataclass(frozen=True)
class ClassCell:
    """A part of a region, with interior, on which the same classes are the largest: one, or several that are equal all over it."""

    corners: tuple[Point, ...]
    classes: frozenset[int]
    rows: tuple[Row, ...]

    def largest_at(self, point: Point) -> frozenset[int]:
        """All classes that are the largest at a point of the cell."""
        values = _values(self.rows, point)
        best = max(values)
        return frozenset(j for j, v in enumerate(values) if v == best)


def class_count(outputs: int) -> int:
    """The number of classes of so many outputs."""
    return max(2, outputs)


def class_rows(region: Region) -> tuple[Row, ...]:
    """The outputs on a region as integer rows over one denominator; below a single one, zero."""
    matrix, constant = region.affine_map
    scale = math.lcm(*(v.denominator for v in constant), *(v.denominator for row in matrix for v in row))
    rows = [tuple(int(v * scale) for v in (c, *row)) for c, row in zip(constant, matrix, strict=True)]
    return tuple(rows) if len(rows) > 1 else (rows[0], (0,) * len(rows[0]))


def class_cells(region: Region, corners: Sequence[Point]) -> list[ClassCell]:
    """The cells of one region's polygon (or interval)."""
    rows = class_rows(region)
    owners: dict[Row, set[int]] = {}
    for j, row in enumerate(rows):
        owners.setdefault(row, set()).add(j)
    if len(corners[0]) == 1:
        return _intervals(rows, corners)
    distinct = [(row[0], row[1], row[2]) for row in _needed(list(owners), corners)]
    if len(distinct) == 1:
        return [ClassCell(tuple(corners), frozenset(owners[distinct[0]]), rows)]
    frame = [(homogeneous((p[0], p[1])), FRAME) for p in corners]
    return [ClassCell(cell, frozenset(owners[distinct[i]]), rows) for i, cell in subdivide(distinct, frame).cells.items()]


def decision_segments(cells: Sequence[ClassCell]) -> list[Segment]:
    """Where the largest output is attained by more classes than beside it, or by others on the two sides; without the picture's border."""
    lines: dict[tuple[int, ...], list[tuple[Segment, ClassCell]]] = {}
    for cell in cells:
        for segment in _picture.edges(cell.corners):
            lines.setdefault(_line(*segment), []).append((segment, cell))
    found = []
    for on_line in lines.values():
        for piece, sides in _picture.pieces(on_line):
            if len(sides) == 2 and (sides[0].classes != sides[1].classes or _touches(piece, sides[0])):
                found.append(piece)
    return sorted(found)


def _touches(piece: Segment, cell: ClassCell) -> bool:
    """Whether another class is as large as the cell's along its edge; it is at one inner point iff it is along all of it."""
    (a, b), (c, d) = piece
    return cell.largest_at(middle((a, b), (c, d))) > cell.classes


def _values(rows: Sequence[Row], point: Point) -> list[int]:
    """The values of rows at a point, all times one positive number, so that they are integers."""
    w = math.lcm(*(v.denominator for v in point))
    scaled = [v.numerator * (w // v.denominator) for v in point]
    return [row[0] * w + sum(a * x for a, x in zip(row[1:], scaled, strict=True)) for row in rows]


def _needed(rows: Sequence[Row], corners: Sequence[Point]) -> list[Row]:
    """Without the rows that one row is above at every corner, and so everywhere."""
    table = list(zip(*(_values(rows, p) for p in corners), strict=True))
    best = max(table, key=min)
    below = [all(v < w for v, w in zip(values, best, strict=True)) for values in table]
    return [row for row, out in zip(rows, below, strict=True) if not out]


def _intervals(rows: tuple[Row, ...], corners: Sequence[Point]) -> list[ClassCell]:
    (low,), (high,) = corners
    crossings = {Fraction(d - c, a - b) for (c, a), (d, b) in combinations(rows, 2) if a != b}
    found: list[ClassCell] = []
    for a, b in pairwise([low, *sorted(x for x in crossings if low < x < high), high]):
        cell = ClassCell(((a,), (b,)), frozenset(), rows)
        best = cell.largest_at(((a + b) / 2,))
        if found and found[-1].classes == best:
            found[-1] = ClassCell((found[-1].corners[0], (b,)), best, rows)
        else:
            found.append(ClassCell(cell.corners, best, rows))
    return found


def _line(p: Point, q: Point) -> tuple[int, ...]:
    """The line through two points, a primitive integer row with a positive first entry."""
    (w, x, y), (v, s, t) = homogeneous((p[0], p[1])), homogeneous((q[0], q[1]))
    return upright(primitive((x * t - y * s, y * v - w * t, w * s - x * v)))
