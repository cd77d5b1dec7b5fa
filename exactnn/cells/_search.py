"""Depth-first search over activation patterns by exact linear programs: any dimension, memory proportional to the depth.

A node of the search is a cell {t : g_1(t) >= 0, ..., g_k(t) >= 0} of full dimension on which all earlier units have fixed signs, so that
the next unit is an affine form l there. Either l = 0 on the cell (sign 0), or l has one sign on its interior, for which

    factor l = gamma + sum_i y_i g_i,   factor > 0, gamma >= 0, y >= 0   (Farkas' lemma; or the same for -l),

is the proof, or points of the cell with l > 0 and with l < 0 exist, and both halves are cells. Points found by earlier linear programs are
remembered, so that most cuts are seen without a new one.

This way shares nothing but the stages with the face lattice (`_subdivision`), so that the two check each other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import fmpz, fmpz_mat

from exactnn.cells._cell_maps import CellMaps
from exactnn.cells._known import Known, Plane
from exactnn.cells._maps import Signs
from exactnn.cells._program import Program
from exactnn.cells._search_cell import SearchCell
from exactnn.cells._search_lp import AffineRow, Farkas, Point, Work
from exactnn.cells._search_order import middle
from exactnn.cells._search_points import simplified_point
from exactnn.errors import DomainError, Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive, upright
from exactnn.exact.polyhedron import Polyhedron


@dataclass(frozen=True)
class Leaf:
    """A full-dimensional cell: the signs of all units on its interior.

    signs : int8, one for each unit of the program (those of a domain first, +1)
    interior_point : where all inequalities are strict
    inequalities : integer rows (c_1, ..., c_d, k): c . x + k >= 0; they describe the cell, some may be redundant
    units : the unit that made each inequality; -1 - r for row r of a domain that is a Box
    """

    signs: Signs
    interior_point: tuple[Fraction, ...]
    inequalities: tuple[AffineRow, ...]
    units: tuple[int, ...]


class Search:
    """All full-dimensional cells of a program, one after the other.

    Parameters
    ----------
    program : networks as stages; its domain, if it has one, is the domain of the search
    clock : asked at every node and in every linear program; Incomplete with the number of cells found so far
    region, base, unit : a full-dimensional polyhedron in t, for inputs x = (base (t, 1)) / unit; None for x = t
    open_stages : stages whose units are not looked at
    last : asked when the other stages are complete, for further units, with their forms, that are to be fixed or to cut the cell
    limit : Incomplete beyond so many cells
    prefix : signs of the first units; only the cells with these signs are followed
    """

    def __init__(
        self,
        program: Program,
        clock: Clock | None = None,
        *,
        region: Polyhedron | None = None,
        base: fmpz_mat | None = None,
        unit: int = 1,
        open_stages: Collection[int] = (),
        last: Callable[[SearchCell], tuple[list[AffineRow], list[int]]] | None = None,
        limit: int | None = None,
        prefix: Sequence[int] = (),
    ) -> None:
        self.program = program
        self.maps = CellMaps(program, base, unit)
        self.work = Work(clock or Clock())
        self.limit = limit
        self.prefix = prefix
        self._last = last
        self._first_rows: dict[int, tuple[list[list[fmpz]], list[AffineRow]]] = {}
        #: how many cells were found
        self.found = 0
        self.region = program.domain if program.domain is not None else region
        self.stages = [s for s, stage in enumerate(program.stages) if stage.node and s not in open_stages]

    def leaves(self) -> Iterator[Leaf]:
        """The cells."""
        for cell, cut in self.walk():
            if cut is None:
                units = tuple(self._label(m) for m in cell.made)
                yield Leaf(np.array(cell.signs, dtype=np.int8), fractions(simplified_point(cell.inner, cell.forms)), cell.forms, units)

    def walk(self) -> Iterator[tuple[SearchCell, int | None]]:
        """The nodes in preorder, the side >= 0 first: (cell, unit that cuts it, None at a leaf)."""
        waiting = [self.root()]
        while waiting:
            cell = waiting.pop()
            try:
                self.work.clock.check("the cells of a network were being searched")
                cut = self._cut(cell)
            except Incomplete as stopped:
                raise Incomplete(f"{stopped}; {self.found} cells were found", self.found) from None
            if cut is None:
                self.found += 1
                yield cell, None
                if self.limit is not None and self.found >= self.limit and waiting:
                    raise Incomplete(f"the limit of {self.limit} cells was reached", self.found)
                continue
            unit = cell.units[cut]
            if unit >= len(self.prefix):
                yield cell, unit
            above, below = cell.halves(cut)
            if unit < len(self.prefix):
                waiting.append(above if self.prefix[unit] > 0 else below)
            else:
                waiting += [below, above]

    def prefixes(self, least: int) -> list[list[int]]:
        """Signs of the first units, as many of them as divide the cells into `least` sets; one row for each set, the same on every run."""
        cells, unit = [self.root()], self.program.domain_units
        while len(cells) < least and unit < self.program.unit_count:
            self.work.clock.check("the cells of a network were being shared out among tasks", len(cells))
            cells = [part for cell in cells for part in self._divided(cell, unit)]
            unit += 1
        return sorted(cell.signs[:unit] for cell in cells)

    def _divided(self, cell: SearchCell, unit: int) -> list[SearchCell]:
        """The parts of a cell, on which all units before this one are fixed, above and below it."""
        if self._cut(cell) is None:
            return [cell]
        place = next((j for j in cell.pending if cell.units[j] == unit), None)
        return [cell] if place is None or not cell.divides(place) else list(cell.halves(place))

    def root(self) -> SearchCell:
        """The whole domain."""
        forms: list[AffineRow] = []
        made: list[int] = []
        inner: Point = (*[0] * self.maps.width, 1)
        if self.region is not None:
            if self.region.dimension < self.maps.width:
                raise DomainError(
                    f"domain: a set with interior points in R^{self.maps.width} is needed, got {self.region!r} of dimension "
                    f"{self.region.dimension}; exactnn.regions.restrict gives the network on a slice of its input"
                )
            forms, made = halfspaces(self.region)
            inner = _integers(self.region.interior_point())
        signs = [0] * self.program.unit_count
        signs[: self.program.domain_units] = [1] * self.program.domain_units
        known = Known()
        for i, form in enumerate(forms):
            known.add(Plane.of(form, upright(form)), 1, Farkas(1, ((i, 1),)), unit=False)
        return SearchCell(tuple(forms), tuple(made), inner, signs, (self.maps.base,), self.maps.width, self.work, known)

    def _label(self, made: int) -> int:
        if made < 0 and self.program.domain_units:
            return int(np.searchsorted(self.program.stages[0].places, -1 - made))
        return made

    def _cut(self, cell: SearchCell) -> int | None:
        """A unit that cuts the cell; all units of its stage that do not are fixed, and stages completed, on the way."""
        while True:
            cell.settle()
            while cell.pending:
                first = cell.pending[0]
                chosen = first if cell.units[first] < len(self.prefix) else middle(cell)
                if cell.divides(chosen):
                    return chosen
            if not self._advance(cell):
                return None

    def _rows(self, s: int, cell: SearchCell) -> tuple[list[list[fmpz]], list[AffineRow]]:
        """A stage's units as forms on a cell, as they are and divided by their greatest common divisors."""
        found = self._first_rows.get(s)
        if found is None:
            table = self.maps.stage(s, cell.values).tolist()
            found = table, [primitive([int(v) for v in row]) for row in table]
            if self.program.integers[s].matrices.keys() <= {0}:  # the same on all cells
                self._first_rows[s] = found
        return found

    def _advance(self, cell: SearchCell) -> bool:
        """Complete the stage at hand and enter the next one; False behind the last."""
        maps, first = self.maps, self.program.first
        done = cell.stage
        following = [s for s in self.stages if s > done]
        if cell.late:
            return False
        if done >= 0:
            cell.values = (*cell.values, maps.masked(cell.table, cell.signs[first[done] : first[done + 1]]))
        if not following:
            cell.late = True
            rows, units = self._last(cell) if self._last is not None else ([], [])
            cell.enter(rows, units, range(len(rows)))
            return True
        s = following[0]
        cell.values = (*cell.values, *[fmpz_mat(0, 0)] * (s + 1 - len(cell.values)))
        cell.table, rows = self._rows(s, cell)
        pending = []
        for j, row in enumerate(rows):
            if any(row[:-1]):
                pending.append(j)
            else:
                cell.signs[first[s] + j] = (row[-1] > 0) - (row[-1] < 0)
        cell.stage = s
        cell.enter(rows, range(first[s], first[s + 1]), pending)
        return True


def polyhedron_of(forms: Sequence[AffineRow], width: int) -> Polyhedron:
    """{x in R^width : c . x + k >= 0 for all forms (c, k)}."""
    if not forms:
        return Polyhedron.whole_space(width)
    table = np.array(forms, dtype=object).reshape(len(forms), width + 1)
    return Polyhedron(RationalArray(-table[:, :-1]), RationalArray(table[:, -1]))


def fractions(point: Point) -> tuple[Fraction, ...]:
    """An integer point (x, w) as x / w."""
    return tuple(Fraction(v, point[-1]) for v in point[:-1])


def _integers(point: tuple[Fraction, ...]) -> Point:
    array = RationalArray.from_fractions(list(point), (len(point),))
    return (*array.numerators.tolist(), array.denominator)


def halfspaces(region: Polyhedron) -> tuple[list[AffineRow], list[int]]:
    """The rows b - A x >= 0, less those without variables, as primitive integers, and -1 - r for row r."""
    A, b = region.rows
    forms, made = [], []
    for r in range(len(A)):
        row, bound = A[r], b[r : r + 1]
        if not row.is_zero():
            scale = row.denominator, bound.denominator
            form = [-v * scale[1] for v in row.numerators.tolist()] + [int(bound.numerators[0]) * scale[0]]
            forms.append(primitive(form))
            made.append(-1 - r)
    return forms, made
