"""The cells of a face lattice as a tree of closed cells that can be re-checked (docs/certificate-format.md, "tree").

The lattice knows the exact sign of every unit at every vertex. So at each node of the tree it is known which units cut the cell; one that
does not keeps its sign on it, and the proof is made from the inequalities that are tight at the vertex where it is least (`_corner`).
A unit whose hyperplane is that of one fixed before needs no proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from exactnn.cells._balls import Bools, Floats, Ids
from exactnn.cells._cell_maps import CellMaps, Values
from exactnn.cells._corner import support
from exactnn.cells._maps import Signs
from exactnn.cells._search import halfspaces
from exactnn.cells._search_lp import AffineRow, Farkas, Halfspaces, Point, Work
from exactnn.cells._subdivision import Piece, Subdivision
from exactnn.cells._tree import independent
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive
from exactnn.exact.polyhedron import Box
from exactnn.exact.writing import json_integer

#: Floats closer to 0 than this, relative to their terms, may be 0; proposals only.
_NEAR = 1e-9


Rows = list[list[fmpz]]


@dataclass
class _Node:
    """A node that waits: what it takes over from the one above, and the side of the split by which it is made.

    depth, known : lengths of the path and of the list of known forms to go back to
    cells, vertices : those in the closed cell; table : the signs (cells, units) of the stage at hand
    values : outputs of the stages that are complete; rows : the units of each stage, as they are computed
    stage : the one at hand; forms : its units that were pending when it was entered; pending : those that are
    """

    depth: int
    known: int
    side: AffineRow | None
    unit: int
    cells: Ids
    vertices: Ids
    table: Signs
    values: Values
    rows: dict[int, Rows]
    stage: int
    forms: dict[int, AffineRow]
    pending: list[int]


class CellTree:
    """Walk through the cells of a finished piece, which holds all cells of its run, and write the tree.

    Parameters
    ----------
    run, piece : the subdivision, made without dividing pieces
    rows : the number of rows of the domain in the certificate
    clock : asked at every node
    numbers : the units' numbers in a certificate about a program of which this one is a part; None for the same program
    short : whether all proofs are to be by inequalities alone, which hold in other coordinates too; Incomplete where one is not

    Attributes
    ----------
    nodes : the tree, in preorder
    programs : how many proofs needed a linear program
    """

    def __init__(
        self, run: Subdivision, piece: Piece, rows: int, clock: Clock, numbers: Sequence[int] | None = None, short: bool = False
    ) -> None:
        program = run.program
        self._numbers = [u - program.domain_units for u in range(program.unit_count)] if numbers is None else numbers
        self._short = short
        self.program, self.rows, self.maps = program, rows, CellMaps(program)
        self.stages = [s for s, stage in enumerate(program.stages) if stage.node and s not in run.open_stages]
        self.nodes: list[Any] = []
        self._work = Work(clock)
        self._cell_signs = piece.signs
        self._points = run.vertices.points.mid[piece.ids]
        self._path, made = halfspaces(program.domain) if program.domain is not None else ([], [])
        self._places, self._own = [-1 - m for m in made], len(made)
        self._columns = list(range(program.domain_units)) or [program.unit_count + i for i in range(len(made))]
        own = run.vertices.signs[piece.ids]
        self._signs: Signs = own if program.domain_units else np.hstack([own, _off(program.domain, self._points, len(made))])
        self._known: dict[AffineRow, tuple[int, int]] = {}
        #: for a unit one of an earlier stage that had the same hyperplane on the cell where it was looked for
        self._partner: dict[int, tuple[int, int]] = {}
        self._order: list[AffineRow] = []
        self._at: _Node | None = None
        self._facts: list[Any] = []

    @property
    def programs(self) -> int:
        """How many proofs needed a linear program."""
        return self._work.programs

    def leaves(self) -> Iterator[int]:
        """The cells, by their numbers in the piece; each is to be ended by `end` before the next one is asked for."""
        cells, vertices = np.arange(len(self._cell_signs)), np.arange(len(self._points))
        table = self._cell_signs[:, :0]
        waiting = [_Node(len(self._path), 0, None, 0, cells, vertices, table, (self.maps.base,), {}, -1, {}, [])]
        while waiting:
            self._work.clock.check("the proofs on the cells of the networks were being written")
            node = self._at = waiting.pop()
            self._enter(node)
            self._facts = []
            while True:
                self._settle(node)
                if node.pending or not self._advance(node):
                    break
            if node.pending:
                waiting += self._halves(node)
            else:
                yield int(node.cells[0])

    def end(self, end: Any) -> None:
        """Write the leaf at hand."""
        self.nodes.append(["leaf", self._facts, end])

    # --- the leaf at hand ----------------------------------------------------------------------------------------------------

    @property
    def values(self) -> Values:
        """The outputs of all stages but the open ones, as affine functions on the leaf."""
        assert self._at is not None
        return self._at.values

    @property
    def vertices(self) -> Ids:
        """Those of the piece that lie on the leaf."""
        assert self._at is not None
        return self._at.vertices

    @property
    def inequalities(self) -> tuple[AffineRow, ...]:
        """Those of the leaf."""
        return tuple(self._path)

    def known(self, form: AffineRow) -> int | None:
        """The sign at which a form was fixed."""
        found = self._known.get(form)
        return None if found is None else found[0]

    def fix(self, unit: int, sign: int, form: AffineRow, proof: list[Any]) -> None:
        """The unit has this sign on the leaf, since sign times its form is >= 0."""
        self._fact(unit, sign, proof)
        self._learn(form, sign, unit)

    def signs(self, forms: Sequence[AffineRow]) -> list[int]:
        """Guesses at the signs that forms keep on the leaf, if they keep one: those of their largest values at a vertex."""
        assert self._at is not None
        table = np.array([_floats(form) for form in forms])
        points = self._points[self._at.vertices]
        values = points[:, 0] @ table[:, :-1].T + table[:, -1]
        if points.shape[1] == 2:
            values = np.concatenate([values, (points[:, 1] @ table[:, :-1].T) / _NEAR])
        largest = values[np.argmax(np.abs(values), axis=0), np.arange(len(forms))]
        return [1 if v >= 0 else -1 for v in largest.tolist()]

    def largest_ratio(self, above: AffineRow, below: AffineRow) -> float:
        """About the largest above / below at a vertex of the leaf where the latter is positive; both are >= 0."""
        points = self._points[self.vertices]
        found = []
        with np.errstate(all="ignore"):
            for part in range(points.shape[1]):
                a, b = (points[:, part] @ np.array(_floats(row)[:-1]) + (0 if part else _floats(row)[-1]) for row in (above, below))
                level = _NEAR * (1 + np.abs(points[:, part]).max(axis=1, initial=0.0))
                found.append(np.where(b > level, a / b, 0.0).max(initial=0.0))
            return float(max(found)) * (max(map(abs, above)) / max(map(abs, below)))

    def least(self, form: AffineRow) -> list[Any] | Point:
        """The proof, as it is written, that form >= 0 on the leaf; or a point of it (a ray, possibly) where it is not."""
        return self.leasts([form])[0]

    def leasts(self, forms: Sequence[AffineRow]) -> list[list[Any] | Point]:
        """The same of several forms."""
        assert self._at is not None
        return self._proofs(forms, self._at.vertices, None)

    # --- nodes ---------------------------------------------------------------------------------------------------------------

    def _enter(self, node: _Node) -> None:
        """Go back to what was known above it, and take its side of the split."""
        del self._path[node.depth :], self._places[node.depth :], self._columns[node.depth :]
        for form in self._order[node.known :]:
            del self._known[form]
        del self._order[node.known :]
        if node.side is not None:
            self._path.append(node.side)
            self._places.append(self.rows + node.depth - self._own)
            self._columns.append(node.unit)
            self._learn(node.side, 1, node.unit)

    def _learn(self, form: AffineRow, sign: int, unit: int) -> None:
        for own, s in ((form, sign), (tuple([-c for c in form]), -sign)):
            if own not in self._known:
                self._known[own] = s, unit
                self._order.append(own)

    def _fact(self, unit: int, sign: int, proof: list[Any]) -> None:
        self._facts.append([self._numbers[unit], sign, proof])

    def _settle(self, node: _Node) -> None:
        """Fix the pending units that do not cut the cell."""
        pending = [j for j in node.pending if node.forms[j] not in self._known]
        node.pending = []
        if not pending:
            return
        chosen = node.table[:, pending]
        above, below = (np.atleast_1d((part > 0).any(axis=0)).tolist() for part in (chosen, -chosen))
        fixed: list[int] = []
        forms: list[AffineRow] = []
        seen: set[AffineRow] = set()
        for j, up, down in zip(pending, above, below, strict=True):
            if up and down:
                node.pending.append(j)
                continue
            form = node.forms[j]
            if form not in seen:
                turned = tuple([-c for c in form])
                seen |= {form, turned}
                fixed.append(j if up else ~j)
                forms.append(form if up else turned)
        if not fixed:
            return
        first = self.program.first[node.stage]
        units = [first + (j if j >= 0 else ~j) for j in fixed]
        for j, unit, form, proof in zip(fixed, units, forms, self._proofs(forms, node.vertices, units), strict=True):
            assert isinstance(proof, list), "a unit has another sign on a cell than at its vertices; please report this"
            self._fact(unit, 1 if j >= 0 else -1, proof)
            self._learn(form, 1, unit)

    def _advance(self, node: _Node) -> bool:
        """Complete the stage at hand and enter the next one; False behind the last."""
        first, done = self.program.first, node.stage
        following = [s for s in self.stages if s > done]
        if done >= 0:
            zero = [0] * (self.maps.width + 1)
            node.values = (*node.values, fmpz_mat([row if s > 0 else zero for row, s in zip(node.rows[done], node.table[0], strict=True)]))
        if not following:
            return False
        s = node.stage = following[0]
        node.values = (*node.values, *[fmpz_mat(0, 0)] * (s + 1 - len(node.values)))
        rows = self.maps.stage(s, node.values).tolist()
        node.rows = {**node.rows, s: rows}
        node.table = self._cell_signs[node.cells, first[s] : first[s + 1]]
        node.forms, node.pending = {}, []
        for j, row in enumerate(rows):
            if not any(row[:-1]):
                continue
            unit = first[s] + j
            partner = self._partner.get(unit)
            if partner is not None and parallel(row, node.rows[partner[0]][partner[1]]):
                continue
            form = primitive([int(v) for v in row])
            known = self._known.get(form)
            if known is None:
                node.forms[j] = form
                node.pending.append(j)
            else:
                self._partner[unit] = self.program.stage_of(known[1])
        return True

    def _halves(self, node: _Node) -> list[_Node]:
        """Cut by the unit that shares out the cells most evenly; below, above."""
        up = (node.table[:, node.pending] > 0).sum(axis=0)
        j = node.pending[int(np.argmax(np.minimum(up, len(node.cells) - up)))]
        unit, form = self.program.first[node.stage] + j, node.forms[j]
        self.nodes.append(["split", self._facts, self._numbers[unit]])
        depth, known, pending = len(self._path), len(self._order), [i for i in node.pending if i != j]
        column, own = node.table[:, j], self._signs[node.vertices, unit]
        halves = []
        for sign in (-1, 1):
            chosen = column == sign
            cells, vertices = node.cells[chosen], node.vertices[own * sign >= 0]
            side = form if sign > 0 else tuple(-c for c in form)
            table, stage = node.table[chosen], node.stage
            halves.append(_Node(depth, known, side, unit, cells, vertices, table, node.values, node.rows, stage, node.forms, pending))
        return halves

    # --- proofs --------------------------------------------------------------------------------------------------------------

    def _proofs(self, forms: Sequence[AffineRow], vertices: Ids, units: list[int] | None) -> list[list[Any] | Point]:
        """For each form that it is >= 0 on the cell with these vertices; units: those whose forms they are, up to the sign."""
        found: list[list[Any] | Point] = []
        lowest = self._lowest(forms, vertices, units)
        tight = self._signs[lowest[:, None], np.array(self._columns, dtype=np.int64)] == 0
        for form, row in zip(forms, tight, strict=True):
            chosen = support(form, self._path, np.flatnonzero(row).tolist())
            found.append(self._by_program(form) if chosen is None else [self._places[i] for i in chosen])
        return found

    def _lowest(self, forms: Sequence[AffineRow], vertices: Ids, units: list[int] | None) -> Ids:
        """A vertex for each form where it seems to be least: among the finite ones, and those at which it does not grow with M."""
        table = np.array([_floats(form) for form in forms])
        points = self._points[vertices]
        values: Floats = points[:, 0] @ table[:, :-1].T + table[:, -1]
        if points.shape[1] == 2:
            far = points[:, 1] @ table[:, :-1].T
            level = np.abs(points[:, 1]).max(axis=1, initial=0.0, keepdims=True)
            values = np.where(far > _NEAR * level, np.inf, values)
        if units is not None:
            values = np.where(self._signs[vertices[:, None], np.array(units)] == 0, -np.inf, values)
        return np.asarray(vertices[np.argmin(values, axis=0)], dtype=np.int64)

    def _by_program(self, form: AffineRow) -> list[Any] | Point:
        found = Halfspaces(tuple(self._path), self.maps.width, self._work).least(form)
        if not isinstance(found, Farkas):
            return found
        rows = [i for i, _ in found.terms]
        if independent([self._path[i] for i in rows]):
            return [self._places[i] for i in rows]
        if self._short:
            raise Incomplete("a proof on a cell of the networks does not hold in all coordinates")
        return [json_integer(found.factor), [[self._places[i], json_integer(y)] for i, y in found.terms]]


def parallel(row: Sequence[fmpz], other: Sequence[fmpz]) -> bool:
    """Whether both are multiples of each other; no form without variables is a multiple of one with some."""
    a, b = row[0], other[0]
    if not a or not b:
        pivot = next((i for i, v in enumerate(row[:-1]) if v), None)
        if pivot is None or not other[pivot]:
            return False
        a, b = row[pivot], other[pivot]
    return all(v * b == w * a for v, w in zip(row, other, strict=True))


def _floats(form: AffineRow) -> list[float]:
    size = max(map(abs, form))
    return [c / size for c in form] if size else [0.0] * len(form)


def _off(domain: Any, points: Floats, count: int) -> Signs:
    """For the rows of a box 0 at the vertices that lie on it, so far as floats tell, else 1."""
    result = np.ones((len(points), count), dtype=np.int8)
    if isinstance(domain, Box):
        A, b = domain.rows
        table, bound = A.to_float(), b.to_float()
        values = points[:, 0] @ table.T - bound
        on: Bools = np.abs(values) <= _NEAR * (np.abs(points[:, 0]) @ np.abs(table).T + np.abs(bound))
        result[on] = 0
    return result
