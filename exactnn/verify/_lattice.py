"""The complete procedure where the inputs are few: f - g on the cells of the joint face lattice of both (docs/theory.md 10, 11).

Without a tolerance the units that only outputs read do not cut. On a cell of the others

    f - g = a(t) + sum_h J_h max(h(t), 0),    h pairwise distinct hyperplanes,

is 0 exactly if a = 0 behind those h with J_h != 0 that do not meet the cell, and no other is left (theorem A). With a tolerance all units
cut, f - g is affine on each cell, and least at a vertex. The tree that the certificate holds is written from the same lattice (`CellTree`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import gcd, lcm
from operator import mul
from typing import Any

import numpy as np
from flint import fmpz_mat

from exactnn.cells import AffineRow, CellTree, Interior, Piece, Point, Subdivision, polyhedron_of, value_at
from exactnn.claims import Comparison, DeviationClaim
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive, upright
from exactnn.exact.progress import Progress
from exactnn.symmetry.ridge_forms import NormalForm
from exactnn.verify._domain import Coordinates
from exactnn.verify._joint import Joint
from exactnn.verify._ridge_domain import crossing_witness

Table = list[list[int]]


class ByLattice:
    """f = g, f = 0 or T(f) = f within the tolerance, or the largest deviation, decided on the face lattice.

    Parameters
    ----------
    claim : what is asked; where : its domain in coordinates t, of dimension >= 1
    clock, cells : Incomplete at the end of the time, or beyond so many cells at once
    """

    def __init__(self, claim: Comparison, where: Coordinates, clock: Clock, cells: int | None = None) -> None:
        self.claim, self.where, self.clock = claim, where, clock
        self.joint = Joint(claim.f, claim.g, where)
        self.program = self.joint.program
        stages = self.program.stages
        read = {k for stage in stages for k in stage.form.blocks}
        own = [s for s in range(len(stages)) if s + 1 not in read and stages[s].node]
        self.open = [] if claim.tolerance else own
        self.run = Subdivision(self.program, clock, piece=None, max_cells=cells, open_stages=self.open)
        self.scale = lcm(*(form.scale for form in self.program.output_integers))
        #: how many cells without a difference were found
        self.found = 0

    def decide(self) -> RationalArray | dict[str, Any]:
        """A point, in t, at which the outputs differ by more than the tolerance; or the evidence that there is none."""
        (piece,) = self.run.pieces()
        return self.written(self.run, piece)

    def written(self, run: Subdivision, piece: Piece) -> RationalArray | dict[str, Any]:
        """The same, the cells being known."""
        tree = CellTree(run, piece, 0 if self.claim.domain is None else len(self.claim.domain.rows[0]), self.clock)
        with Progress("writing the proofs on the cells of the networks", unit="cells") as bar:
            for cell in tree.leaves():
                bar.update(1)
                found = self._bounded(tree) if self.claim.tolerance else self._equal(tree, run, piece, cell)
                if isinstance(found, RationalArray):
                    return found
                tree.end(found)
                self.found += 1
        return {"method": "tree", "hull": self.where.hull, "tree": tree.nodes}

    # --- equality ------------------------------------------------------------------------------------------------------------

    def _equal(self, tree: CellTree, run: Subdivision, piece: Piece, cell: int) -> None | RationalArray:
        """None, f - g being 0 on the leaf; or a point where it is not."""
        rest, jumps, units = self._difference(tree)
        crossing = []
        for h, jump in jumps.items():
            sign = tree.known(h)
            if sign is None:
                sign = self._side(tree, h, units[h])
            if sign is None:
                crossing.append(h)
            elif sign > 0:
                rest = [[a + c * b for a, b in zip(line, h, strict=True)] for line, c in zip(rest, jump, strict=True)]
        if not crossing and not any(map(any, rest)):
            return None
        (inner,) = Interior(run, piece).points([cell])
        columns = np.array([jumps[h] for h in crossing], dtype=object).reshape(len(crossing), len(rest))
        table = np.array(rest, dtype=object).reshape(len(rest), self.where.dimension + 1)
        slope, offset = RationalArray(table[:, :-1]), RationalArray(table[:, -1])
        form = NormalForm(tuple(crossing), RationalArray(columns.T), slope, offset)
        region = polyhedron_of(tree.inequalities, self.where.dimension)
        point = crossing_witness(form, list(range(len(crossing))), (slope, offset), region, _as_array(inner))
        assert point is not None  # theorem A
        return point

    def _side(self, tree: CellTree, h: AffineRow, unit: tuple[int, AffineRow]) -> int | None:
        """The sign that a hyperplane keeps on the leaf, whose proof is written; None if it crosses it."""
        for sign in (1, -1):
            form = tuple(sign * c for c in h)
            proof = tree.least(form)
            if isinstance(proof, list):
                number, own = unit
                tree.fix(number, sign if own == h else -sign, own, proof)
                return sign
        return None

    def _difference(self, tree: CellTree) -> tuple[Table, dict[AffineRow, list[int]], dict[AffineRow, tuple[int, AffineRow]]]:
        """scale (f - g) = rest + sum_h jumps[h] max(h, 0) on the leaf; jumps other than 0, and for each h a unit z = c h or z = -c h."""
        maps, program = tree.maps, self.program
        ones = fmpz_mat(1, maps.width + 1, [0] * maps.width + [1])
        opened = {s: [[int(v) for v in row] for row in maps.stage(s, tree.values).tolist()] for s in self.open}
        total: fmpz_mat | None = None
        jumps: dict[AffineRow, list[int]] = {}
        units: dict[AffineRow, tuple[int, AffineRow]] = {}
        bent: list[tuple[list[int], AffineRow]] = []
        for sign, form in zip((1, -1), program.output_integers, strict=False):
            factor = sign * (self.scale // form.scale)
            part = fmpz_mat(len(form.constant), 1, form.constant) * ones
            for k, matrix in form.matrices.items():
                if k - 1 not in opened:
                    part += matrix * tree.values[k]
                    continue
                weights = matrix.transpose().tolist()
                for j, row in enumerate(opened[k - 1]):
                    column = [factor * int(v) for v in weights[j]]
                    size = gcd(*row)
                    if not any(row[:-1]):
                        if row[-1] > 0:
                            bent.append(([c * row[-1] for c in column], (*[0] * maps.width, 1)))
                        continue
                    own = tuple(v // size for v in row)
                    h = upright(own)
                    units.setdefault(h, (program.first[k - 1] + j, own))
                    jump = jumps.setdefault(h, [0] * len(column))
                    for i, c in enumerate(column):
                        jump[i] += c * size
                    if h is not own:  # max(-h, 0) = max(h, 0) - h
                        bent.append(([-c * size for c in column], h))
            total = part * factor if total is None else total + part * factor
        assert total is not None
        rest = [[int(v) for v in row] for row in total.tolist()]
        for column, h in bent:
            for line, c in zip(rest, column, strict=True):
                if c:
                    line[:] = [a + c * b for a, b in zip(line, h, strict=True)]
        return rest, {h: jump for h, jump in jumps.items() if any(jump)}, units

    # --- within a tolerance --------------------------------------------------------------------------------------------------

    def _bounded(self, tree: CellTree) -> None | list[Any] | RationalArray:
        """For each output the proofs of tolerance - (f - g) >= 0 and tolerance + (f - g) >= 0; or a point where one is negative.

        None where f - g is 0. For a deviation in the l1 norm the proofs of tolerance - sum_j s_j (f - g)_j >= 0, for all signs s.
        """
        rest, _, _ = self._difference(tree)
        if not any(map(any, rest)):
            return None
        if isinstance(self.claim, DeviationClaim) and self.claim.norm == "l1":
            sums = [[sum(map(mul, signs, column)) for column in zip(*rest, strict=True)] for signs in product((1, -1), repeat=len(rest))]
            return self._within(tree, sums, (-1,))
        pairs = []
        for line in rest:
            found = self._within(tree, [line], (-1, 1))
            if isinstance(found, RationalArray):
                return found
            pairs.append(found)
        return pairs

    def _within(self, tree: CellTree, lines: Sequence[Sequence[int]], signs: Sequence[int]) -> list[Any] | RationalArray:
        """For each line and sign the proof of tolerance + sign line / scale >= 0; or a point where one is negative."""
        tolerance, proofs = self.claim.tolerance, []
        for line in lines:
            for sign in signs:
                form = [sign * tolerance.denominator * c for c in line]
                form[-1] += tolerance.numerator * self.scale
                row = primitive(form)
                found = tree.least(row)
                if not isinstance(found, list):
                    return self._finite(tree, row, found)
                proofs.append(found)
        return proofs

    def _finite(self, tree: CellTree, form: AffineRow, point: Point) -> RationalArray:
        """The point; for a ray along which the form falls, a point far enough on it, from one of the leaf."""
        if point[-1]:
            return _as_array(point)
        region = polyhedron_of(tree.inequalities, self.where.dimension)
        inner = RationalArray.of(region.interior_point())
        start = (*inner.numerators.tolist(), inner.denominator)
        steps = 1
        while value_at(form, moved := tuple(a + steps * start[-1] * b for a, b in zip(start, point, strict=True))) >= 0:
            steps *= 2
        return _as_array(moved)


def _as_array(point: Point) -> RationalArray:
    return RationalArray(np.array([int(v) for v in point[:-1]], dtype=object), int(point[-1]))
