"""Depth-first search over activation patterns by exact linear programs: any dimension, memory proportional to the depth.

A node of the search is a cell {t : g_1(t) >= 0, ..., g_k(t) >= 0} of full dimension on which all earlier units have fixed signs, so that
the next unit is an affine form l there. Either l = 0 on the cell (sign 0), or l has one sign on its interior, for which

    factor l = gamma + sum_i y_i g_i,   factor > 0, gamma >= 0, y >= 0   (Farkas' lemma; or the same for -l),

is the proof, or points of the cell with l > 0 and with l < 0 exist, and both halves are cells. Points found by earlier linear programs are
remembered, so that most cuts are seen without a new one; proofs are identities, and kept, in a bounded number, for cells with the same g_i.

This way shares nothing but the stages with the face lattice (`_subdivision`), so that the two check each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import fmpz, fmpz_mat

from exactnn.cells._cell_maps import CellMaps
from exactnn.cells._known import Known, Plane
from exactnn.cells._layers import Layer
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

#: In the place of a stage that is not looked at.
_UNUSED = Layer.given(fmpz_mat(0, 0))


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


class Seed(NamedTuple):
    """A cell in so few numbers that the search goes on from there in another process; as JSON it is a list.

    signs : of all units, as far as they are fixed
    made : the units that cut, in order
    inner : the point inside
    stage : the stage at hand
    """

    signs: list[int]
    made: list[int]
    inner: list[int]
    stage: int


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
    seed : only the cells within this one are followed

    Attributes
    ----------
    found : how many cells were found
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
        seed: Seed | None = None,
    ) -> None:
        self.program = program
        self.maps = CellMaps(program, base, unit)
        self.work = Work(clock or Clock())
        self.limit = limit
        self.seed = seed
        self._last = last
        self._first_rows: dict[int, tuple[list[list[fmpz]], list[AffineRow]]] = {}
        self._known = Known()  # with the proofs that are kept
        self._waiting: list[SearchCell] | None = None
        self.found = 0
        self.region = program.domain if program.domain is not None else region
        self.stages = [s for s, stage in enumerate(program.stages) if stage.node and s not in open_stages]

    def restart(self, seed: Seed) -> None:
        """From now on the cells within this one; proofs about others are kept."""
        self.seed, self._waiting, self.found = seed, None, 0

    def leaves(self) -> Iterator[Leaf]:
        """The cells."""
        for cell, cut in self.walk():
            if cut is None:
                units = tuple(self._label(m) for m in cell.made)
                yield Leaf(np.array(cell.signs, dtype=np.int8), fractions(simplified_point(cell.inner, cell.forms)), cell.forms, units)

    def walk(self) -> Iterator[tuple[SearchCell, int | None]]:
        """The nodes in preorder, the side >= 0 first: (cell, unit that cuts it, None at a leaf). After Incomplete it goes on from there."""
        waiting = self._waiting = [self.root()] if self._waiting is None else self._waiting
        while waiting:
            cell = waiting.pop()
            try:
                cut = self._cut(cell)
            except Incomplete as stopped:
                waiting.append(cell)
                raise Incomplete(f"{stopped}; {self.found} cells were found", self.found) from None
            if cut is None:
                self.found += 1
                yield cell, None
                if self.limit is not None and self.found >= self.limit and waiting:
                    raise Incomplete(f"the limit of {self.limit} cells was reached", self.found)
            else:
                yield cell, cell.units[cut]
                waiting += reversed(cell.halves(cut))
        self._waiting = None

    def put_back(self, cell: SearchCell) -> None:
        """The last leaf of `walk` is to come once more."""
        assert self._waiting is not None
        self._waiting.append(cell)
        self.found -= 1

    def spread(self, least: int) -> list[tuple[SearchCell, int | None] | Seed]:
        """The nodes in preorder as those of `walk`, but only so many that there are about `least` cells; of those not looked at, seeds."""
        root: _Node = _Node(self.root())
        open_nodes, whole = deque([root]), 0
        while open_nodes and len(open_nodes) < least:
            node = open_nodes.popleft()
            try:
                cut = self._cut(node.cell)
            except Incomplete as stopped:
                found_so_far = whole + 1 + len(open_nodes)
                raise Incomplete(f"{stopped}; the cells were being shared out among tasks", found_so_far) from None
            node.looked_at = True
            whole += cut is None
            if cut is not None:
                node.unit = node.cell.units[cut]
                node.parts = [_Node(half) for half in node.cell.halves(cut)]
                open_nodes.extend(node.parts)
        found: list[tuple[SearchCell, int | None] | Seed] = []
        waiting = [root]
        while waiting:
            node = waiting.pop()
            found.append((node.cell, node.unit) if node.looked_at else self.seed_of(node.cell))
            waiting += reversed(node.parts)
        return found

    def seeds(self, least: int) -> list[Seed]:
        """About so many cells, the same on every run, that cover the domain."""
        nodes = self.spread(least)
        return [node if isinstance(node, Seed) else self.seed_of(node[0]) for node in nodes if isinstance(node, Seed) or node[1] is None]

    def seed_of(self, cell: SearchCell) -> Seed:
        """From which the search goes on; not for a cell at which it was asked for further units."""
        return Seed(list(cell.signs), [unit for unit in cell.made if unit >= 0], [int(v) for v in cell.inner], cell.stage)

    def root(self) -> SearchCell:
        """The whole domain, or the cell of the seed."""
        cell = self._domain()
        if self.seed is None:
            return cell
        signs, made, inner, stage = self.seed
        cell.signs, cell.inner = list(signs), tuple(inner)
        forms: dict[int, AffineRow] = {}
        for s in self.stages:
            if s > stage:
                break
            self._go_behind(cell)
            pending = self._go_to(cell, s)
            for j in pending:
                row, unit = cell.rows[j], cell.units[j]
                key, sign = upright(row), cell.signs[unit]
                if sign:
                    cell.known.fix(key, sign if key is row else -sign)
                    forms[unit] = row if sign > 0 else tuple(-c for c in row)
        for unit in made:
            form = forms[unit]
            cell.known.add(Plane.of(form, upright(form)), 1, Farkas(1, ((len(cell.forms), 1),)))
            cell.known.hold(form, len(cell.forms))
            cell.forms, cell.made = (*cell.forms, form), (*cell.made, unit)
        if cell.stage >= 0:
            cell.enter(cell.rows, cell.units, [j for j in pending if not cell.signs[cell.units[j]]])
        return cell

    def _domain(self) -> SearchCell:
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
        known = self._known.copy()
        for i, form in enumerate(forms):
            known.add(Plane.of(form, upright(form)), 1, Farkas(1, ((i, 1),)), unit=False)
            known.hold(form, i)
        return SearchCell(tuple(forms), tuple(made), inner, signs, (Layer.given(self.maps.base),), self.maps.width, self.work, known)

    def _label(self, made: int) -> int:
        if made < 0 and self.program.domain_units:
            return int(np.searchsorted(self.program.stages[0].places, -1 - made))
        return made

    def _cut(self, cell: SearchCell) -> int | None:
        """A unit that cuts the cell; all units of its stage that do not are fixed, and stages completed, on the way."""
        self.work.clock.check("the cells of a network were being searched")
        while True:
            cell.settle()
            while cell.pending:
                chosen = middle(cell)
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
        if cell.late:
            return False
        following = next((s for s in self.stages if s > cell.stage), None)
        self._go_behind(cell)
        if following is None:
            cell.late = True
            rows, units = self._last(cell) if self._last is not None else ([], [])
            cell.enter(rows, units, range(len(rows)))
        else:
            pending = self._go_to(cell, following)
            cell.enter(cell.rows, cell.units, pending)
        return True

    def _go_behind(self, cell: SearchCell) -> None:
        """Complete the stage at hand, all of whose units are fixed."""
        if cell.stage >= 0:
            first, done = self.program.first, cell.stage
            cell.complete(cell.signs[first[done] : first[done + 1]])

    def _go_to(self, cell: SearchCell, s: int) -> list[int]:
        """The rows and units of a stage; those that have no variables are fixed, the others are told."""
        first = self.program.first
        cell.layers = (*cell.layers, *[_UNUSED] * (s + 1 - len(cell.layers)))
        cell.table, cell.rows = self._rows(s, cell)
        cell.units, cell.stage = range(first[s], first[s + 1]), s
        pending = []
        for j, row in enumerate(cell.rows):
            if any(row[:-1]):
                pending.append(j)
            else:
                cell.signs[first[s] + j] = (row[-1] > 0) - (row[-1] < 0)
        return pending


@dataclass
class _Node:
    """Of the tree of a search in breadth."""

    cell: SearchCell
    unit: int | None = None
    looked_at: bool = False
    parts: list[_Node] = field(default_factory=list)


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
