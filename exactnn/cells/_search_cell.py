"""One cell of the search: {t : g_i(t) >= 0}, full-dimensional, with what is known about the units on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from exactnn.cells._cell_maps import Values
from exactnn.cells._search_lp import AffineRow, Farkas, Halfspaces, Point, Work, value_at
from exactnn.cells._search_points import across, around

#: A cell remembers at most so many of its points.
_MEMORY = 48


@dataclass
class SearchCell:
    """A closed cell with its interior point, and the units of the stage at hand as affine forms on it.

    Attributes
    ----------
    forms, made : the inequalities g_i >= 0, and what made each: unit u, or -1 - r for row r of the domain
    inner : where all g_i are positive
    points : further points and rays of the cell
    signs : of all units, as far as they are fixed
    values : the stages that are complete
    rows, units : the units of the stage at hand, divided by their greatest common divisors, and their numbers
    late : whether all stages are complete, the rows being those that the search was asked for at the end; note : of who asked
    pending : those of them that are not fixed
    facts : (unit, sign, proof) of units that were fixed since the last split
    """

    forms: tuple[AffineRow, ...]
    made: tuple[int, ...]
    inner: Point
    points: list[Point]
    signs: list[int]
    values: Values
    width: int
    work: Work
    stage: int = -1
    rows: list[AffineRow] = field(default_factory=list)
    units: Sequence[int] = ()
    pending: list[int] = field(default_factory=list)
    tables: list[list[int]] = field(default_factory=list)  # the signs of `rows` at each of `points`
    own: list[int] = field(default_factory=list)  # and at `inner`
    late: bool = False
    note: Any = None
    facts: list[tuple[int, int, Farkas]] = field(default_factory=list)

    @cached_property
    def system(self) -> Halfspaces:
        """The inequalities prepared for linear programs."""
        return Halfspaces(self.forms, self.width, self.work)

    @cached_property
    def _index(self) -> dict[AffineRow, int]:
        return {g: i for i, g in enumerate(self.forms)}

    def enter(self, rows: list[AffineRow], units: Sequence[int], pending: list[int]) -> None:
        """Go on to the units of a stage."""
        self.rows, self.units, self.pending = rows, units, pending
        self.own = self._signs(self.inner)
        self.tables = [self._signs(p) for p in self.points]

    def _signs(self, point: Point) -> list[int]:
        values = [value_at(row, point) for row in self.rows]
        return [(v > 0) - (v < 0) for v in values]

    def settle(self) -> Iterator[tuple[int, int, Farkas]]:
        """Take those units out of `pending` that do not change their sign on the cell: (unit, sign, proof)."""
        pending, self.pending = self.pending, []
        for j in pending:
            found = self.fixed(j)
            if found is None:
                self.pending.append(j)
            else:
                yield self.units[j], *found

    def fixed(self, j: int) -> tuple[int, Farkas] | None:
        """(sign, proof) of a form of `rows` that does not change its sign on the cell, None of one that does; it is not constant."""
        sign = self.own[j]
        if sign == 0 or any(table[j] == -sign for table in self.tables):
            return None
        found = self.place(self.rows[j] if sign > 0 else tuple(-c for c in self.rows[j]))
        if isinstance(found, Farkas):
            return sign, found
        self.points.append(found)
        self.tables.append(self._signs(found))
        return None

    def place(self, form: AffineRow) -> Farkas | Point:
        """The proof that form >= 0 on the cell, or a point where it is not."""
        known = self._index.get(form)
        if known is not None:
            return Farkas(1, ((known, 1),))
        return self.system.least(form)

    def halves(self, j: int) -> tuple[SearchCell, SearchCell]:
        """The parts where the form of rows[j], which changes its sign here, is >= 0 and <= 0."""
        form, unit = self.rows[j], self.units[j]
        inner = self._inner_points(j)
        halves = []
        for side in (0, 1):
            sign = 1 - 2 * side
            kept = [i for i, table in enumerate(self.tables) if table[j] != -sign][-_MEMORY:]
            half = SearchCell(
                forms=(*self.forms, form if sign > 0 else tuple(-c for c in form)),
                made=(*self.made, unit),
                inner=inner[side],
                points=[self.points[i] for i in kept],
                signs=list(self.signs),
                values=self.values,
                width=self.width,
                work=self.work,
                stage=self.stage,
                rows=self.rows,
                units=self.units,
                late=self.late,
                note=self.note,
                pending=[i for i in self.pending if i != j],
                tables=[self.tables[i] for i in kept],
            )
            half.signs[unit] = sign
            half.own = self.own if inner[side] is self.inner else half._signs(inner[side])
            halves.append(half)
        return halves[0], halves[1]

    def _inner_points(self, j: int) -> tuple[Point, Point]:
        form, sign = self.rows[j], self.own[j]
        if sign == 0:
            return around(form, self.inner, self.forms)
        beyond = [p for p, table in zip(self.points, self.tables, strict=True) if table[j] == -sign]
        if sign > 0:
            return self.inner, across(form, self.inner, beyond, self.forms)
        return across(tuple(-c for c in form), self.inner, beyond, self.forms), self.inner
