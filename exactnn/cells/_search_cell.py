"""One cell of the search: {t : g_i(t) >= 0}, full-dimensional, with what is known about the units on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flint import fmpq, fmpz

from exactnn.cells._known import Known, Plane
from exactnn.cells._layers import Layer, Values
from exactnn.cells._search_lp import AffineRow, Farkas, Halfspaces, Point, Work, value_at
from exactnn.cells._search_points import across, around, between
from exactnn.cells._table import Unusable, float_point, float_rows
from exactnn.cells._view import View
from exactnn.exact.numbers import upright

#: Tables with more numbers than this are not kept: the float proposals of every program then start afresh.
_NUMBERS = 200_000
#: A cell without a table remembers at most so many of its points.
_MEMORY = 48


@dataclass
class SearchCell:
    """A closed cell with its interior point, and the units of the stage at hand as affine forms on it.

    Attributes
    ----------
    forms, made : the inequalities g_i >= 0, and what made each: unit u, or -1 - r for row r of the domain
    inner : where all g_i are positive
    signs : of all units, as far as they are fixed
    layers : the input, and the stages that are complete
    stage, table : the number of the stage at hand, and its units as forms
    known : bounds of linear functions on the cell
    rows, units : the units of the stage at hand, divided by their greatest common divisors, and their numbers
    parallel : whether some of the pending units are
    late : whether all stages are complete, the rows being those that the search was asked for at the end; note : of who asked
    pending : those of them that are not fixed, one for each hyperplane, the first unit that has it
    alike : for each of these all units with its hyperplane, and whether with the same (1) or the opposite sign (-1)
    points : some of the cell, and rays, for cells that floats do not look at
    facts : (unit, sign, proof) of units that were fixed since the last split and do not follow from what is known
    """

    forms: tuple[AffineRow, ...]
    made: tuple[int, ...]
    inner: Point
    signs: list[int]
    layers: tuple[Layer, ...]
    width: int
    work: Work
    known: Known
    stage: int = -1
    table: list[list[fmpz]] = field(default_factory=list)
    rows: list[AffineRow] = field(default_factory=list)
    units: Sequence[int] = ()
    pending: list[int] = field(default_factory=list)
    planes: dict[int, Plane] = field(default_factory=dict)
    alike: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    parallel: bool = False
    late: bool = False
    note: Any = None
    facts: list[tuple[int, int, Farkas]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    _system: Halfspaces | None = None
    _view: View | None = None
    _part: tuple[View, list[AffineRow], int, int, bool] | None = None
    _sides: dict[int, tuple[Point, Point]] = field(default_factory=dict)

    @property
    def system(self) -> Halfspaces:
        """The inequalities prepared for linear programs."""
        if self._system is None:
            self._system = Halfspaces(self.forms, self.width, self.work)
        return self._system

    @property
    def values(self) -> Values:
        """The stages that are complete, as matrices that are made when they are asked for."""
        return Values(self.layers)

    def complete(self, signs: Sequence[int]) -> None:
        """The stage at hand has these signs."""
        self.layers = (*self.layers, Layer(self.table, signs, self.width))

    def enter(self, rows: list[AffineRow], units: Sequence[int], pending: Sequence[int]) -> None:
        """Go on to the units of a stage."""
        self.rows, self.units, self.pending = rows, units, []
        self.planes, self.alike = {}, {}
        first: dict[AffineRow, int] = {}
        for j in pending:
            row = rows[j]
            key = upright(row)
            sign = 1 if key is row else -1
            side = self.known.side(key)
            if side:
                self.signs[units[j]] = side * sign
                continue
            same = first.setdefault(key, j)
            if same == j:
                self.planes[j], self.alike[j] = Plane.of(row, key), [(j, 1)]
                self.pending.append(j)
            else:
                self.alike[same].append((j, sign if self.planes[same].size > 0 else -sign))
        self._follow()
        self.parallel = len({self.planes[j].direction for j in self.pending}) < len(self.pending)
        if self.pending:
            self._look()

    def _look(self) -> None:
        """Let floats look at the rows that are pending."""
        if (len(self.forms) + len(self.pending) + self.width) * (self.width + 1) > _NUMBERS:
            self._view, self._part = None, None
            return
        part, self._part = self._part, None
        try:
            if part is not None:
                view, _, j, side, _ = part
                self._view = view.entered(self.pending, self.rows, self.inner, (j, side))
            else:
                view = self._view or View(self.forms, self.system.basis(), self.width)
                self._view = view.entered(self.pending, self.rows, self.inner)
        except Unusable:
            self._view = None

    @property
    def view(self) -> View | None:
        """What floats see of the rows that are pending. It is made when it is asked for, since many cells have nothing left to look at."""
        if self._part is not None:
            view, rows, j, side, moved = self._part
            self._part = None
            try:
                self._view = view.part(j, side, self.pending, rows, self.inner, moved=moved)
            except Unusable:
                self._view = None
        return self._view

    def settle(self) -> None:
        """Fix those units that do not change their sign on the cell, as far as floats see them; they leave `pending`."""
        if not self.pending:
            return
        if self.view is None:
            self._look()
        view = self.view
        unsure: Sequence[int] = list(self.pending)
        if view is not None:
            try:
                for few, labels, names in view.explore(self.pending, self._check):
                    wrong = self._prove(few, names)
                    if wrong and len(few) < len(labels):
                        wrong = self._prove(labels, wrong)
                    view.unsure += wrong
                unsure = view.unsure
            except Unusable:
                self._view = None
        for j in unsure:
            if not self.signs[self.units[j]] and self._seen_beyond(j) is None:
                self._certainly(j)
        self._drop()

    def _check(self) -> None:
        self.work.clock.check("units were being looked at")

    def _prove(self, labels: list[int], names: list[int]) -> list[int]:
        """Fix these forms by combinations of these inequalities; those that floats were wrong about."""
        wrong = []
        assert self._view is not None
        signs = self._view.signs_of(names)  # a wrong one has no proof
        proofs = self.system.combined(labels, [_times(self.rows[j], s) for j, s in zip(names, signs, strict=True)])
        for j, sign, proof in zip(names, signs, proofs, strict=True):
            if proof is None:
                wrong.append(j)
            else:
                self.work.proofs += 1
                self._found(j, sign, proof)
        return wrong

    def _certainly(self, j: int) -> None:
        """Fix a unit if it has one sign on the cell, by an exact linear program."""
        value = value_at(self.rows[j], self.inner)
        if value:
            sign = 1 if value > 0 else -1
            found = self.system.least(_times(self.rows[j], sign))
            if isinstance(found, Farkas):
                self._found(j, sign, found)
            else:
                self._remember(found)

    def _remember(self, point: Point) -> None:
        """A point of the cell, or a ray, at which a form has the other sign than at the inner point."""
        if self.view is not None:
            self.view.add(point)
        else:
            self.points = [*self.points[1 - _MEMORY :], point]

    def _seen_beyond(self, j: int) -> Point | None:
        """Without floats, a point that is remembered, on the other side of a hyperplane than the inner point."""
        if not self.points:
            return None
        side = value_at(self.rows[j], self.inner)
        return next((p for p in self.points if value_at(self.rows[j], p) * side < 0), None)

    def _found(self, j: int, sign: int, proof: Farkas) -> None:
        plane = self.planes[j]
        self.known.keep(plane.key, sign if plane.size > 0 else -sign, proof, self.forms)
        self._fix(j, sign, proof)

    def _fix(self, j: int, sign: int, proof: Farkas) -> None:
        forms, constant = self.forms, sign * self.rows[j][-1]

        def surplus() -> fmpq:
            return fmpq(proof.factor * constant - sum(y * forms[i][-1] for i, y in proof.terms), proof.factor)

        self.known.add(self.planes[j], sign, proof, surplus)
        self.facts.append((self.units[j], sign, proof))
        self._set(j, sign)

    def _set(self, j: int, sign: int) -> None:
        for i, same in self.alike[j]:
            self.signs[self.units[i]] = sign * same

    def _follow(self) -> None:
        """Fix the units whose signs follow from what is known; no unit that is fixed is pending any more."""
        left = []
        for j in self.pending:
            if self.signs[self.units[j]]:
                continue
            plane = self.planes[j]
            side = self.known.side(plane.key)
            if side:
                self._set(j, side if plane.size > 0 else -side)
            elif (found := self.known.follows(plane)) is not None:
                self._fix(j, *found)
            elif not self._recalled(j):
                left.append(j)
        self.pending = left

    def _recalled(self, j: int) -> bool:
        """Fix a unit by a proof from another cell, if there is one."""
        plane = self.planes[j]
        found = self.known.recall(plane.key)
        if found is None:
            return False
        side, proof = found
        self.work.recalled += 1
        self._fix(j, side if plane.size > 0 else -side, proof)
        return True

    def _drop(self) -> None:
        """No unit that is fixed, or follows from one that is, is pending any more."""
        if self.parallel:
            self._follow()
        else:
            self.pending = [j for j in self.pending if not self.signs[self.units[j]]]

    def place(self, form: AffineRow) -> Farkas | Point:
        """The proof that form >= 0 on the cell, or a point where it is not."""
        return self.system.least(form)

    def divides(self, j: int) -> bool:
        """Whether the form of rows[j] changes its sign on the cell, which is certain then; else it is fixed."""
        if j in self._sides:
            return True
        row, inner = self.rows[j], self.inner
        value = value_at(row, inner)
        if value == 0:
            self._sides[j] = around(row, inner, self.forms)
            return True
        sign = 1 if value > 0 else -1
        form = _times(row, sign)
        point = self._across(j, form)
        if point is not None:
            self.work.points += 1
        else:
            found = self._seen_beyond(j) or self.system.least(form)
            if isinstance(found, Farkas):
                self._found(j, sign, found)
                self._drop()
                return False
            point = between(form, inner, found)
        self._sides[j] = (inner, point) if sign > 0 else (point, inner)
        return True

    def _across(self, j: int, form: AffineRow) -> Point | None:
        """A point inside, of few bits, where `form`, which is > 0 at the inner point, is < 0; None if floats find none."""
        if self.view is not None:
            return self.view.across(j, form, self.forms)
        beyond = self._seen_beyond(j)
        if beyond is None:
            return None
        try:
            rows = float_rows([*self.forms, form], self.width)
            ends = float_point(self.inner), float_point(beyond)
            heights = float(rows[-1] @ ends[0]), float(rows[-1] @ ends[1])
            return across(form, ends[0].tolist(), ends[1].tolist(), heights, self.forms, rows[:-1])
        except Unusable:
            return None

    def halves(self, j: int) -> tuple[SearchCell, SearchCell]:
        """The parts where the form of rows[j], which divides the cell, is >= 0 and <= 0."""
        halves, view = [], self.view
        for side, inner in zip((1, -1), self._sides[j], strict=True):
            known, form = self.known.copy(), _times(self.rows[j], side)
            known.add(self.planes[j], side, Farkas(1, ((len(self.forms), 1),)))
            known.hold(form, len(self.forms))
            half = SearchCell(
                forms=(*self.forms, form),
                made=(*self.made, self.units[j]),
                inner=inner,
                signs=list(self.signs),
                layers=self.layers,
                width=self.width,
                work=self.work,
                known=known,
                stage=self.stage,
                table=self.table,
                rows=self.rows,
                units=self.units,
                planes=self.planes,
                alike=self.alike,
                parallel=self.parallel,
                late=self.late,
                note=self.note,
                pending=self.pending,
                points=[p for p in self.points if value_at(self.rows[j], p) * side >= 0],
            )
            half._set(j, side)
            half._drop()
            if not half.parallel:
                half.pending = [i for i in half.pending if not half._recalled(i)]
            if view is not None:
                half._part = view, self.rows, j, side, inner is not self.inner
            halves.append(half)
        return halves[0], halves[1]


def _times(form: AffineRow, sign: int) -> AffineRow:
    return form if sign > 0 else tuple([-c for c in form])
