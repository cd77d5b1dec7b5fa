"""Points with few bits strictly inside finished cells: the mean of the vertices, rounded, and exactly where no rounding is inside.

A point is inside a cell exactly if all units have the cell's signs there (and it is strictly inside the box of the domain). That is
checked for many cells at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpz_mat

from exactnn.cells._balls import UNIT, Balls, Bools, Floats, Ids, gated
from exactnn.cells._maps import Signs
from exactnn.cells._search_lp import Point
from exactnn.cells._subdivision import Piece, Subdivision
from exactnn.cells._vertices import Exact
from exactnn.exact.array import nearest_float
from exactnn.exact.polyhedron import Box

_BITS = (2, 6, 12, 24, 52)


class Interior:
    """Points inside the cells of a finished piece; and which cells are unbounded."""

    def __init__(self, run: Subdivision, piece: Piece) -> None:
        self.run, self.piece = run, piece
        self._start, self._members = piece.lattice.cell_vertices()
        far = run.vertices.walls[piece.ids] != 0
        self.unbounded: Bools = np.logical_or.reduceat(far[self._members], self._start[:-1])

    def points(self, cells: Sequence[int]) -> list[Point]:
        """A point (x_1, ..., x_d, w) strictly inside each of these cells, in integers: x / w."""
        chosen = np.asarray(cells, dtype=np.int64)
        found: dict[int, Point] = {}
        for proposals, unit in self._proposals(chosen):
            left = np.array([i for i in range(len(chosen)) if i not in found], dtype=np.int64)
            if not len(left):
                break
            left = left[np.isfinite(proposals[left]).all(axis=1)]
            good = inside(self.run, proposals[left], unit, self.piece.signs[chosen[left]])
            for i, row in zip(left[good].tolist(), proposals[left[good]].tolist(), strict=True):
                found[i] = (*map(int, row), unit)
        return [found[i] if i in found else self._exactly(int(cell)) for i, cell in enumerate(chosen)]

    def _proposals(self, cells: Ids) -> Iterator[tuple[Floats, int]]:
        """unit times a point for each cell, integers as floats."""
        lengths = np.diff(self._start)[cells]
        places = np.repeat(self._start[:-1][cells], lengths) + np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        mid = self.run.vertices.points.mid[self.piece.ids[self._members[places]]]
        starts = np.cumsum(lengths) - lengths
        mean = np.add.reduceat(mid, starts, axis=0) / lengths[:, None, None]
        level = 4.0 * (1.0 + np.maximum.reduceat(np.abs(mid[:, 0]).max(axis=1, initial=0.0), starts))
        for grown in (1.0, 2.0**10) if mean.shape[1] == 2 else (1.0,):
            with np.errstate(all="ignore"):  # only a proposal
                where = mean[:, 0] + (mean[:, 1] * (level * grown)[:, None] if mean.shape[1] == 2 else 0.0)
                where = np.where(np.abs(where) < 2.0**900, where, np.nan)
                for bits in _BITS:
                    yield np.rint(where * 2.0**bits), 1 << bits

    def _exactly(self, cell: int) -> Point:
        """The mean of x_0 + M x_1 over the vertices, for the first power of four M that is large enough."""
        ids = self.piece.ids[self._members[self._start[cell] : self._start[cell + 1]]]
        points: list[Exact] = self.run.vertices.exact_points(ids)
        n = len(points)
        zero = [sum((Fraction(p[0][j], p[2]) for p in points), Fraction(0)) / n for j in range(len(points[0][0]))]
        one = [sum((Fraction(p[1][j], p[2]) for p in points), Fraction(0)) / n for j in range(len(points[0][1]))]
        level = 1
        while True:
            point = tuple(a + level * b for a, b in zip(zero, one, strict=True))
            unit = math.lcm(*(v.denominator for v in point))
            tops = [int(v * unit) for v in point]
            if inside(self.run, np.array([tops], dtype=object), unit, self.piece.signs[cell][None])[0]:
                return (*tops, unit)
            if not any(one):
                raise AssertionError("the mean of a cell's vertices is not inside it; please report this")
            level *= 4


def inside(run: Subdivision, points: np.ndarray[Any, Any], unit: int, signs: Signs) -> Bools:
    """Whether all units have these signs (points, units) at points / unit, and the points are strictly inside the box of the domain.

    points : integers, as floats or as Python's. Floats with bounds of their errors settle most of them, integers the others.
    """
    program = run.program
    holds = np.ones(len(points), dtype=bool)
    if isinstance(program.domain, Box):
        low, high = (bound.to_fractions() for bound in program.domain.bounds)
        rows = points.tolist()
        holds[:] = [all(a * unit < int(v) < b * unit for v, a, b in zip(row, low, high, strict=True)) for row in rows]
    certain = _filtered(run, points, unit, signs, holds)
    left = np.flatnonzero(holds & ~certain)
    if len(left):
        rows = fmpz_mat(len(left), program.input_dim, [int(v) for row in points[left].tolist() for v in row])
        weights = [unit] * len(left)
        for s, z in enumerate(program.exact_values(rows, weights, signs[left], len(program.stages) - 1)):
            if s in run.open_stages:
                continue
            wanted = signs[left, program.first[s] : program.first[s + 1]]
            found = np.array([(v > 0) - (v < 0) for v in z.entries()], dtype=np.int8).reshape(wanted.shape)
            holds[left] &= (found == wanted).all(axis=1)
    return holds


def _filtered(run: Subdivision, points: np.ndarray[Any, Any], unit: int, signs: Signs, holds: Bools) -> Bools:
    """Whether floats settle each point; those that they find outside no longer hold.

    A unit of sign 0 vanishes on its whole cell, so that it needs no look.
    """
    program = run.program
    certain = np.ones(len(points), dtype=bool)
    with np.errstate(all="ignore"):  # a bound that overflowed decides nothing
        if points.dtype == object:
            mid = np.array([[nearest_float(v, unit) for v in row] for row in points.tolist()])
        else:
            mid = points / unit  # a power of two
        mid = mid.reshape(len(points), 1, program.input_dim)
        rad = np.abs(mid) * 2 * UNIT
        values = {0: Balls(mid, rad)}
        for s, form in enumerate(run.vertices.forms):
            if s in run.open_stages:
                continue
            wanted = signs[:, program.first[s] : program.first[s + 1]]
            found = form.apply({k: values[k] for k in {0, *form.matrices}})
            assert found.rad is not None
            beyond = np.abs(found.mid[:, 0]) > found.rad[:, 0]
            holds &= ~(beyond & (wanted != 0) & (np.sign(found.mid[:, 0]) != wanted)).any(axis=1)
            certain &= (beyond | (wanted == 0)).all(axis=1)
            values[s + 1] = gated(found, wanted)
    return certain | ~holds
