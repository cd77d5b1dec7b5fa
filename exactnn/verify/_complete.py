"""The complete procedure for piecewise linear networks of any depth: f - g on every cell (docs/theory.md 10).

The search fixes the units that other units read. On such a cell the units that only outputs read, which are left open, make

    f - g = a(t) + sum_h J_h max(h(t), 0),    h pairwise distinct hyperplanes,

one hidden layer. With J_h = 0 a hyperplane does not matter. By theorem A f = g on the cell exactly if no h with J_h != 0 meets its interior
and the affine function that is left is 0. With a tolerance these h cut the cell further, and on each part the affine difference is
compared with the tolerance by linear programs.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import lcm
from operator import mul
from typing import Any

import numpy as np
from flint import fmpz_mat

from exactnn.cells import (
    AffineRow,
    Farkas,
    Part,
    Point,
    Search,
    SearchCell,
    Seed,
    Tree,
    polyhedron_of,
    read_program,
    value_at,
)
from exactnn.claims import Comparison, DeviationClaim
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive, upright
from exactnn.exact.progress import Progress
from exactnn.symmetry.ridge_forms import NormalForm
from exactnn.verify._cell_difference import Difference, Differences
from exactnn.verify._domain import Coordinates
from exactnn.verify._ridge_domain import crossing_witness

#: outputs up to which a sum of absolute values is proved sign by sign
SIGNS = 8


class Complete:
    """f = g, f = 0 or T(f) = f within the tolerance, decided cell by cell.

    Parameters
    ----------
    claim : what is asked; where : its domain in coordinates t
    clock, limit : Incomplete at the end of the time, or beyond so many cells; `decide` goes on from there
    part : of the networks over t, on which f - g depends; None for all of them
    """

    def __init__(
        self,
        claim: Comparison,
        where: Coordinates,
        clock: Clock,
        limit: int | None,
        part: Part | None = None,
    ) -> None:
        self.claim, self.where, self.part = claim, where, part
        nets = [claim.f] if claim.g is None else [claim.f, claim.g]
        self.program = part.program if part is not None else read_program(nets)
        stages = self.program.stages
        read = {k for stage in stages for k in stage.form.blocks}
        self.open = [s for s in range(len(stages)) if s + 1 not in read] if part is None else list(part.open)
        matrix, self.unit = base(where) if part is None else (None, 1)
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
        self._differences = Differences(self.search, self.open, self.scale)
        self.tree = self._new_tree()

    def _new_tree(self) -> Tree:
        return Tree(self.program, 0 if self.claim.domain is None else len(self.claim.domain.rows[0]))

    def restart(self, seed: Seed) -> None:
        """From now on `decide` goes through the cells within this one, and writes a tree of these; what others taught is kept."""
        self.search.restart(seed)
        self.tree = self._new_tree()

    def decide(self, clock: Clock | None = None, limit: int | None = None) -> RationalArray | dict[str, Any]:
        """A point, in t, at which the outputs differ by more than the tolerance; or the evidence that there is none.

        clock, limit : others than those before, to go on after Incomplete
        """
        if clock is not None:
            self.search.work.clock, self.search.limit = clock, limit
        with Progress("going through the cells of the networks", unit="cells") as bar:
            for cell, unit in self.search.walk():
                if unit is None:
                    bar.update()
                try:
                    point = self._node(cell, unit)
                except Incomplete:
                    self.search.put_back(cell)
                    raise
                if point is not None:
                    return point
        return self.evidence(self.tree.nodes)

    def spread(self, least: int) -> RationalArray | list[Seed]:
        """A point as for `decide`, or about so many cells that are left to decide; their numbers stand in the tree in their places."""
        seeds: list[Seed] = []
        for node in self.search.spread(least):
            if isinstance(node, Seed):
                self.tree.nodes.append(len(seeds))
                seeds.append(node)
                continue
            self.search.found += node[1] is None
            point = self._node(*node)
            if point is not None:
                return point
        return seeds

    def evidence(self, nodes: list[Any]) -> dict[str, Any]:
        """With these nodes of the tree."""
        return {"method": "tree", "hull": self.where.hull, "tree": nodes if self.part is None else self.part.written(nodes)}

    def _node(self, cell: SearchCell, unit: int | None) -> RationalArray | None:
        """Write a node of the tree; a point where the claim does not hold, if there is one at a leaf."""
        if unit is not None:
            if cell.late and not self.claim.tolerance:
                return self._witness(cell, [j for j in list(cell.pending) if cell.divides(j)])
            self.tree.split(cell, unit)
            return None
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
        return None

    # --- the difference on a cell --------------------------------------------------------------------------------------------

    def _hyperplanes(self, cell: SearchCell) -> tuple[list[AffineRow], list[int]]:
        """The open units that matter, one for each hyperplane."""
        cell.note = self._differences.of(cell)
        chosen = [cell.note.units[h] for h in cell.note.jumps]
        return [form for _, form in chosen], [unit for unit, _ in chosen]

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
