"""The complete procedure where the inputs are few: f - g on the cells of the joint face lattice of both (docs/theory.md 10, 11).

Without a tolerance the units that only outputs read do not cut. On a cell of the others

    f - g = a(t) + sum_h J_h max(h(t), 0),    h pairwise distinct hyperplanes,

is 0 exactly if a = 0 behind those h with J_h != 0 that do not meet the cell, and no other is left (theorem A). With a tolerance all units
cut, f - g is affine on each cell, and least at a vertex. The tree that the certificate holds is written from the same lattice (`CellTree`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from functools import cached_property
from itertools import product
from operator import mul
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from exactnn.cells import AffineRow, CellTree, Interior, Merged, Part, Piece, Point, Subdivision, parallel, polyhedron_of, value_at
from exactnn.claims import Comparison, DeviationClaim
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive, upright
from exactnn.exact.progress import Progress
from exactnn.symmetry.ridge_forms import NormalForm
from exactnn.verify._domain import Coordinates
from exactnn.verify._joint import Cells, in_steps, joint_program
from exactnn.verify._ridge_domain import crossing_witness
from exactnn.verify._stable import settled

Table = list[list[int]]
Answer = RationalArray | dict[str, Any]


class ByLattice:
    """f = g, f = 0 or T(f) = f within the tolerance, or the largest deviation, decided on the face lattice.

    Parameters
    ----------
    claim : what is asked; where : its domain in coordinates t, of dimension >= 1
    clock : Incomplete at the end of the time; also beyond as many cells as can be kept, or in more than 6 dimensions

    Attributes
    ----------
    cells : into how many the domain was cut so far; found : on how many of them no difference was found
    ended : why it cannot go on; None while it can
    """

    def __init__(self, claim: Comparison, where: Coordinates, clock: Clock) -> None:
        self.claim, self.where, self.clock = claim, where, clock
        self.cells = self.found = 0
        self.ended: str | None = None
        self._known: tuple[Merged, Cells | None] | None = None
        self._going: Generator[None, None, Answer] | None = None

    def decide(self, clock: Clock | None = None, most: int | None = None) -> Answer:
        """A point, in t, at which the outputs differ by more than the tolerance; or the evidence that there is none.

        clock, most : Incomplete at the end of this time, or beyond so many cells; the next call goes on from there
        """
        if self.ended is not None:
            raise Incomplete(self.ended)
        if self._going is None:
            self._going = self._steps(*self._settled(clock or self.clock))
        try:
            while True:
                next(self._going)
                if clock is not None:
                    clock.check("the cells of the face lattice were being made")
                if most is not None and self.cells > most:
                    break
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        raise Incomplete(f"there are more than {most} cells", self.cells)

    @property
    def progress(self) -> str:
        """How far it came, in words."""
        reason = "" if self.ended is None else f" ({self.ended})"
        return f"the face lattice had {self.cells} cells, {self.found} of them without a difference{reason}"

    def needed(self, clock: Clock) -> Part:
        """The program of what the difference depends on, with the signs that were proved, for the search."""
        return self._settled(clock)[0].part(opens=True)

    def signs(self, clock: Clock) -> list[tuple[int, int]]:
        """(unit, sign) of units of the joint program for which a sign was proved."""
        return sorted(self._settled(clock)[0].fixed.items())

    def _steps(self, merged: Merged, cells: Cells | None) -> Generator[None, None, Answer]:
        """With a pause after every unit and every cell."""
        try:
            if cells is None:
                cells = yield from self._cut(merged.part(opens=not self.claim.tolerance))
            yield from self._written(cells)
        except Incomplete as stopped:
            self.ended = f"{stopped}"
            raise
        return self.answer

    def _cut(self, part: Part) -> Generator[None, None, Cells]:
        steps = in_steps(part, self.where, self.clock)
        while True:
            try:
                self.cells = next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield

    def _settled(self, clock: Clock) -> tuple[Merged, Cells | None]:
        if self._known is None:
            self._known = settled(joint_program(self.claim.f, self.claim.g, self.where), self.where, clock)
        return self._known

    def written(self, cells: Cells) -> Answer:
        """The same, the cells being known."""
        for _ in self._written(cells):
            pass
        return self.answer

    def _written(self, cells: Cells) -> Iterator[None]:
        part, run, piece, basis = cells
        self.cells, self.found = piece.cells, 0
        #: for an open unit another one that had the same hyperplane on an earlier cell
        self._leader: dict[int, int] = {}
        self.part, self.program = part, part.program
        (self.form,) = part.program.output_integers
        rows = 0 if self.claim.domain is None else len(self.claim.domain.rows[0])
        tree = CellTree(run, piece, rows, self.clock, part.numbers, basis is not None)
        with Progress("writing the proofs on the cells of the networks", unit="cells") as bar:
            for cell in tree.leaves():
                bar.update(1)
                found = self._bounded(tree) if self.claim.tolerance else self._equal(tree, run, piece, cell)
                if isinstance(found, RationalArray):
                    self.answer: Answer = self._outside(found, basis)
                    return
                tree.end(found)
                self.found += 1
                yield
        self.answer = {"method": "tree", "hull": self.where.hull, "tree": tree.nodes}

    def _outside(self, point: RationalArray, basis: RationalArray | None) -> RationalArray:
        """The point of the cells' coordinates in t."""
        if basis is None:
            return point
        if self.where.region is not None:
            raise Incomplete("the networks differ, but perhaps outside of the domain only")
        return (point.reshape(1, -1) @ basis)[0]

    # --- equality ------------------------------------------------------------------------------------------------------------

    def _equal(self, tree: CellTree, run: Subdivision, piece: Piece, cell: int) -> RationalArray | None:
        """None, f - g being 0 on the leaf; or a point where it is not."""
        rest, jumps, units = self._difference(tree)
        crossing = []
        found = self._sides(tree, {h: units[h] for h in jumps if tree.known(h) is None})
        for h, jump in jumps.items():
            sign = found[h] if h in found else tree.known(h)
            if sign is None:
                crossing.append(h)
            elif sign > 0:
                rest = [[a + c * b for a, b in zip(line, h, strict=True)] for line, c in zip(rest, jump, strict=True)]
        if not crossing and not any(map(any, rest)):
            return None
        (inner,) = Interior(run, piece).points([cell])
        columns = np.array([jumps[h] for h in crossing], dtype=object).reshape(len(crossing), len(rest))
        table = np.array(rest, dtype=object).reshape(len(rest), self.program.input_dim + 1)
        slope, offset = RationalArray(table[:, :-1]), RationalArray(table[:, -1])
        form = NormalForm(tuple(crossing), RationalArray(columns.T), slope, offset)
        region = polyhedron_of(tree.inequalities, self.program.input_dim)
        point = crossing_witness(form, list(range(len(crossing))), (slope, offset), region, _as_array(inner))
        assert point is not None  # theorem A
        return point

    def _sides(self, tree: CellTree, units: dict[AffineRow, tuple[int, AffineRow]]) -> dict[AffineRow, int | None]:
        """The signs that hyperplanes keep on the leaf, whose proofs are written; None if one crosses it."""
        found: dict[AffineRow, int | None] = dict.fromkeys(units)
        guesses = dict(zip(units, tree.signs(list(units)), strict=True)) if units else {}
        for turn in (1, -1):
            left = {h: turn * guesses[h] for h, sign in found.items() if sign is None}
            proofs = tree.leasts([tuple([sign * c for c in h]) for h, sign in left.items()]) if left else []
            for (h, sign), proof in zip(left.items(), proofs, strict=True):
                if isinstance(proof, list):
                    number, own = units[h]
                    tree.fix(number, sign if own == h else -sign, own, proof)
                    found[h] = sign
        return found

    @cached_property
    def _weights(self) -> list[tuple[int, int, list[list[int]]]]:
        """(stage, first unit, for each unit its weights in scale (f - g)) of the open stages."""
        return [
            (k - 1, self.program.first[k - 1], [[int(v) for v in column] for column in matrix.transpose().tolist()])
            for k, matrix in self.form.matrices.items()
            if k - 1 in self.part.open
        ]

    def _difference(self, tree: CellTree) -> tuple[Table, dict[AffineRow, list[int]], dict[AffineRow, tuple[int, AffineRow]]]:
        """scale (f - g) = rest + sum_h jumps[h] max(h, 0) on the leaf; jumps other than 0, and for each h a unit z = c h or z = -c h.

        First units are put together that had one hyperplane before and have it here, too: most of them cancel, and need no more.
        """
        rest: list[list[Any]] = list(self._affine(tree))
        rows: dict[int, list[fmpz]] = {}
        totals: dict[int, list[Any]] = {}
        for stage, first, columns in self._weights:
            for j, (row, column) in enumerate(zip(tree.maps.stage(stage, tree.values).tolist(), columns, strict=True)):
                unit = first + j
                if not any(row[:-1]):
                    if row[-1] > 0:
                        for line, c in zip(rest, column, strict=True):
                            line[-1] += c * row[-1]
                    continue
                leader = self._leader.get(unit, unit)
                if leader == unit or leader not in rows or not parallel(row, rows[leader]):
                    leader, rows[unit], totals[unit] = unit, row, [0] * len(column)
                pivot = next(i for i, v in enumerate(row) if v)
                size, total = abs(row[pivot]), totals[leader]
                for i, c in enumerate(column):
                    if c:
                        total[i] += c * size
                        if row[pivot] < 0:  # max(-h, 0) = max(h, 0) - h
                            rest[i] = [a + c * b for a, b in zip(rest[i], row, strict=True)]
        jumps, units = self._left_over(rows, {unit: total for unit, total in totals.items() if any(total)})
        return [[int(v) for v in line] for line in rest], jumps, units

    def _left_over(
        self, rows: dict[int, list[fmpz]], totals: dict[int, list[int]]
    ) -> tuple[dict[AffineRow, list[int]], dict[AffineRow, tuple[int, AffineRow]]]:
        """The jumps, and a unit, of the hyperplanes whose units did not cancel; who has the same one is remembered."""
        jumps: dict[AffineRow, list[int]] = {}
        units: dict[AffineRow, tuple[int, AffineRow]] = {}
        for unit, total in totals.items():
            own = primitive([int(v) for v in rows[unit]])
            h = upright(own)
            pivot = next(v for v in h if v)
            if h in units:
                self._leader[unit] = units[h][0]
            else:
                units[h], jumps[h] = (unit, own), [0] * len(total)
            jumps[h] = [a + int(b) // pivot for a, b in zip(jumps[h], total, strict=True)]
        return {h: jump for h, jump in jumps.items() if any(jump)}, units

    def _affine(self, tree: CellTree) -> Table:
        """What the stages that are not open give to scale (f - g)."""
        width = tree.maps.width
        total = fmpz_mat(len(self.form.constant), 1, self.form.constant) * fmpz_mat(1, width + 1, [0] * width + [1])
        for k, matrix in self.form.matrices.items():
            if k - 1 not in self.part.open:
                total += matrix * tree.values[k]
        return [[int(v) for v in row] for row in total.tolist()]

    # --- within a tolerance --------------------------------------------------------------------------------------------------

    def _bounded(self, tree: CellTree) -> list[Any] | RationalArray | None:
        """For each output the proofs of tolerance - (f - g) >= 0 and tolerance + (f - g) >= 0; or a point where one is negative.

        None where f - g is 0. For a deviation in the l1 norm the proofs of tolerance - sum_j s_j (f - g)_j >= 0, for all signs s.
        """
        rest = self._affine(tree)
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
                form[-1] += tolerance.numerator * self.form.scale
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
        region = polyhedron_of(tree.inequalities, self.program.input_dim)
        inner = RationalArray.of(region.interior_point())
        start = (*inner.numerators.tolist(), inner.denominator)
        steps = 1
        while value_at(form, moved := tuple(a + steps * start[-1] * b for a, b in zip(start, point, strict=True))) >= 0:
            steps *= 2
        return _as_array(moved)


def _as_array(point: Point) -> RationalArray:
    return RationalArray(np.array([int(v) for v in point[:-1]], dtype=object), int(point[-1]))
