"""The complete procedure for piecewise linear networks of any depth: f - g on every cell (docs/theory.md 10).

The search fixes the units that other units read. On such a cell the units that only outputs read, which are left open, make

    f - g = a(t) + sum_h J_h max(h(t), 0),    h pairwise distinct hyperplanes,

one hidden layer. With J_h = 0 a hyperplane does not matter. By theorem A f = g on the cell exactly if no h with J_h != 0 meets its interior
and the affine function that is left is 0. With a tolerance these h cut the cell further, and on each part the affine difference is
compared with the tolerance by linear programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import lcm
from operator import mul
from typing import Any

import numpy as np
from flint import fmpz_mat

from exactnn.cells import AffineRow, Farkas, Point, Search, SearchCell, Tree, polyhedron_of, read_program, value_at
from exactnn.claims import Comparison, DeviationClaim
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive, upright
from exactnn.exact.progress import Progress
from exactnn.symmetry.ridge_forms import NormalForm
from exactnn.verify._domain import Coordinates
from exactnn.verify._ridge_domain import crossing_witness

#: outputs up to which a sum of absolute values is proved sign by sign
SIGNS = 8
Columns = tuple[int, ...]  # one number for each output


@dataclass(frozen=True)
class Difference:
    """scale (f - g) = rest + sum_h jumps[h] max(h, 0) on a cell, in integers; units: for each h one unit z = c h or z = -c h."""

    rest: list[list[int]]
    jumps: dict[AffineRow, Columns]
    units: dict[AffineRow, tuple[int, AffineRow]]


class Complete:
    """f = g, f = 0 or T(f) = f within the tolerance, decided cell by cell.

    Parameters
    ----------
    claim : what is asked; where : its domain in coordinates t
    clock, limit : Incomplete at the end of the time, or beyond so many cells
    """

    def __init__(self, claim: Comparison, where: Coordinates, clock: Clock, limit: int | None) -> None:
        self.claim, self.where = claim, where
        self.program = read_program([claim.f] if claim.g is None else [claim.f, claim.g])
        stages = self.program.stages
        read = {k for stage in stages for k in stage.form.blocks}
        self.open = [s for s in range(len(stages)) if s + 1 not in read]
        matrix, self.unit = base(where)
        self.search = Search(
            self.program,
            clock,
            region=where.region,
            base=matrix,
            unit=self.unit,
            open_stages=self.open,
            last=self._hyperplanes,
            limit=limit,
        )
        self.scale = lcm(*(form.scale for form in self.program.output_integers))
        self.tree = Tree(self.program, 0 if claim.domain is None else len(claim.domain.rows[0]))

    def decide(self) -> RationalArray | dict[str, Any]:
        """A point, in t, at which the outputs differ by more than the tolerance; or the evidence that there is none."""
        with Progress("going through the cells of the networks", unit="cells") as bar:
            return self._walk(bar)

    def _walk(self, bar: Progress) -> RationalArray | dict[str, Any]:
        for cell, unit in self.search.walk():
            bar.update(unit is None)
            if unit is not None:
                if cell.late and not self.claim.tolerance:
                    return self._witness(cell, list(cell.pending))
                self.tree.split(cell, unit)
                continue
            rest = self._affine(cell)
            if not any(map(any, rest)):
                self.tree.leaf(cell, None)
            elif not self.claim.tolerance:
                return self._witness(cell, [])
            else:
                pairs = self._bounded(cell, rest)
                if isinstance(pairs, RationalArray):
                    return pairs
                self.tree.leaf(cell, pairs)
        return {"method": "tree", "hull": self.where.hull, "tree": self.tree.nodes}

    # --- the difference on a cell --------------------------------------------------------------------------------------------

    def _hyperplanes(self, cell: SearchCell) -> tuple[list[AffineRow], list[int]]:
        """The open units that matter, one for each hyperplane."""
        cell.note = self._difference(cell)
        chosen = [cell.note.units[h] for h in cell.note.jumps]
        return [form for _, form in chosen], [unit for unit, _ in chosen]

    def _difference(self, cell: SearchCell) -> Difference:
        maps, program = self.search.maps, self.program
        rest: list[list[int]] | None = None
        jumps: dict[AffineRow, list[int]] = {}
        units: dict[AffineRow, tuple[int, AffineRow]] = {}
        opened: dict[int, list[list[int]]] = {s: _table(maps.stage(s, cell.values)) for s in self.open}
        for sign, form in zip((1, -1), program.output_integers, strict=False):
            factor = sign * (self.scale // form.scale)
            total = fmpz_mat(len(form.constant), 1, form.constant) * fmpz_mat(1, maps.width + 1, [0] * maps.width + [self.unit])
            for k, matrix in form.matrices.items():
                if k - 1 not in opened:
                    total += matrix * cell.values[k]
            part = [[factor * v for v in row] for row in _table(total)]
            rest = part if rest is None else [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(rest, part, strict=True)]
            for k, matrix in form.matrices.items():
                if k - 1 not in opened:
                    continue
                weights = _table(matrix.transpose())
                for j, row in enumerate(opened[k - 1]):
                    column = [factor * v for v in weights[j]]
                    self._add(rest, jumps, units, row, column, program.first[k - 1] + j)
        assert rest is not None
        live = {h: tuple(jump) for h, jump in jumps.items() if any(jump)}
        return Difference(rest, live, units)

    @staticmethod
    def _add(
        rest: list[list[int]],
        jumps: dict[AffineRow, list[int]],
        units: dict[AffineRow, tuple[int, AffineRow]],
        row: list[int],
        column: list[int],
        unit: int,
    ) -> None:
        """Add column max(row, 0)."""
        if not any(row[:-1]):
            if row[-1] > 0:
                for line, c in zip(rest, column, strict=True):
                    line[-1] += c * row[-1]
            return
        form = primitive(row)
        pivot = next(j for j, v in enumerate(form) if v)
        size = row[pivot] // form[pivot]
        h = upright(form)
        units.setdefault(h, (unit, form))
        total = jumps.setdefault(h, [0] * len(column))
        for i, c in enumerate(column):
            total[i] += c * size
            if h is not form:  # max(-h, 0) = max(h, 0) - h
                rest[i] = [a - c * size * b for a, b in zip(rest[i], h, strict=True)]

    def _affine(self, cell: SearchCell) -> list[list[int]]:
        """scale (f - g) on a leaf, on which no hyperplane that matters is open any more."""
        found: Difference = cell.note
        rest = found.rest
        for h, jump in found.jumps.items():
            if value_at(h, cell.inner) > 0:
                rest = [[a + c * b for a, b in zip(line, h, strict=True)] for line, c in zip(rest, jump, strict=True)]
        return rest

    # --- answers ---------------------------------------------------------------------------------------------------------------

    def _bounded(self, cell: SearchCell, rest: list[list[int]]) -> list[Any] | RationalArray:
        """For each output the proofs of tolerance - (f - g) >= 0 and tolerance + (f - g) >= 0; or a point where one is negative.

        For a deviation in the l1 norm the proofs of tolerance - sum_j s_j (f - g)_j >= 0, for all signs s.
        """
        if isinstance(self.claim, DeviationClaim) and self.claim.norm == "l1":
            sums = [[sum(map(mul, signs, column)) for column in zip(*rest, strict=True)] for signs in product((1, -1), repeat=len(rest))]
            return self._within(cell, sums, -1)
        pairs = []
        for line in rest:
            pair = [self._within(cell, [line], sign) for sign in (-1, 1)]
            for found in pair:
                if isinstance(found, RationalArray):
                    return found
            pairs.append([found[0] for found in pair])
        return pairs

    def _within(self, cell: SearchCell, lines: list[list[int]], sign: int) -> list[Any] | RationalArray:
        """For each line the proof of tolerance + sign line / scale >= 0; or a point where one is negative."""
        tolerance, proofs = self.claim.tolerance, []
        for line in lines:
            form = [sign * tolerance.denominator * c for c in line]
            form[-1] += tolerance.numerator * self.scale * self.unit
            row = primitive(form)
            found = self._least(cell, row)
            if not isinstance(found, Farkas):
                return _as_array(_finite(row, found, cell.inner))
            proofs.append(self.tree.proof(cell, found))
        return proofs

    @staticmethod
    def _least(cell: SearchCell, row: AffineRow) -> Farkas | Point:
        if any(row[:-1]):
            return cell.place(row)
        return Farkas(1, ()) if row[-1] >= 0 else cell.inner

    def _witness(self, cell: SearchCell, pending: list[int]) -> RationalArray:
        """A point of the cell where f - g is not 0; the rows `pending` of the cell are hyperplanes with jumps that cut it."""
        found: Difference = cell.note
        crossing = {h: found.jumps[h] for h in sorted(upright(cell.rows[j]) for j in pending)}
        rest = found.rest
        for h, jump in found.jumps.items():
            if h not in crossing and value_at(h, cell.inner) > 0:
                rest = [[a + c * b for a, b in zip(line, h, strict=True)] for line, c in zip(rest, jump, strict=True)]
        table = np.array(rest, dtype=object).reshape(len(rest), self.search.maps.width + 1)
        columns = np.array([crossing[h] for h in crossing], dtype=object).reshape(len(crossing), len(rest))
        slope, offset = RationalArray(table[:, :-1]), RationalArray(table[:, -1])
        form = NormalForm(tuple(crossing), RationalArray(columns.T), slope, offset)
        point = crossing_witness(
            form, list(range(len(crossing))), (slope, offset), polyhedron_of(cell.forms, cell.width), _as_array(cell.inner)
        )
        assert point is not None  # theorem A
        return point


def base(where: Coordinates) -> tuple[fmpz_mat | None, int]:
    """x = (B (t, 1)) / q as (B, q); None for x = t."""
    if where.origin is None or where.directions is None:
        return None, 1
    d = where.origin.size
    unit = lcm(where.origin.denominator, where.directions.denominator if where.dimension else 1)
    table = np.zeros((d, where.dimension + 1), dtype=object)
    table[:, -1] = where.origin.numerators.astype(object) * (unit // where.origin.denominator)
    if where.dimension:
        table[:, :-1] = where.directions.numerators.T.astype(object) * (unit // where.directions.denominator)
    return fmpz_mat(d, where.dimension + 1, [int(v) for v in table.ravel()]), unit


def _table(matrix: fmpz_mat) -> list[list[int]]:
    return [[int(v) for v in row] for row in matrix.tolist()]


def _as_array(point: Point) -> RationalArray:
    return RationalArray.from_fractions([Fraction(v, point[-1]) for v in point[:-1]], (len(point) - 1,))


def _finite(form: AffineRow, point: Point, inner: Point) -> Point:
    """The point; for a ray along which the form falls, a point far enough on it, from the inner one."""
    if point[-1]:
        return point
    steps = 1
    while value_at(form, moved := tuple(a + steps * inner[-1] * b for a, b in zip(inner, point, strict=True))) >= 0:
        steps *= 2
    return moved
