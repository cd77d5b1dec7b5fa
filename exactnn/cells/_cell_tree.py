"""The cells of a face lattice as a tree of closed cells that can be re-checked (docs/certificate-format.md, "tree").

The lattice knows the exact sign of every unit at every vertex. So at each node of the tree it is known which units cut the cell; one that
does not keeps its sign on it, and the proof is made from the inequalities that are tight at the vertex where it is least (`_corner`). A unit
whose hyperplane is that of one fixed before needs no proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import fmpz_mat

from exactnn.cells._balls import Bools, Floats, Ids
from exactnn.cells._cell_maps import CellMaps, Values, masked_rows
from exactnn.cells._corner import support
from exactnn.cells._maps import Signs
from exactnn.cells._search import halfspaces
from exactnn.cells._search_lp import AffineRow, Farkas, Halfspaces, Point, Work
from exactnn.cells._subdivision import Piece, Subdivision
from exactnn.cells._tree import independent
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import primitive
from exactnn.exact.polyhedron import Box
from exactnn.exact.writing import json_integer

#: Floats closer to 0 than this, relative to their terms, may be 0; proposals only.
_NEAR = 1e-9


@dataclass
class _Node:
    """A node that waits: what it takes over from the one above, and the side of the split by which it is made.

    depth, known : lengths of the path and of the list of known forms to go back to
    cells, vertices : those in the closed cell
    values : outputs of the stages that are complete; stage, forms : the one at hand; pending : those of its units that are not fixed
    """

    depth: int
    known: int
    side: AffineRow | None
    unit: int
    cells: Ids
    vertices: Ids
    values: Values
    stage: int
    forms: list[AffineRow]
    pending: list[int]


class CellTree:
    """Walk through the cells of a finished piece, which holds all cells of its run, and write the tree.

    Parameters
    ----------
    run, piece : the subdivision, made without dividing pieces
    rows : the number of rows of the domain in the certificate
    clock : asked at every node

    Attributes
    ----------
    nodes : the tree, in preorder
    programs : how many proofs needed a linear program
    """

    def __init__(self, run: Subdivision, piece: Piece, rows: int, clock: Clock) -> None:
        program = run.program
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
        self._known: dict[AffineRow, int] = {}
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
        waiting = [_Node(len(self._path), 0, None, 0, cells, vertices, (self.maps.base,), -1, [], [])]
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
    def inequalities(self) -> tuple[AffineRow, ...]:
        """Those of the leaf."""
        return tuple(self._path)

    def known(self, form: AffineRow) -> int | None:
        """The sign at which a form was fixed."""
        return self._known.get(form)

    def fix(self, unit: int, sign: int, form: AffineRow, proof: list[Any]) -> None:
        """The unit has this sign on the leaf, since sign times its form is >= 0."""
        self._fact(unit, sign, proof)
        self._learn(form, sign)

    def least(self, form: AffineRow) -> list[Any] | Point:
        """The proof, as it is written, that form >= 0 on the leaf; or a point of it (a ray, possibly) where it is not."""
        assert self._at is not None
        return self._proofs([form], self._at.vertices, None)[0]

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
            self._learn(node.side, 1)

    def _learn(self, form: AffineRow, sign: int) -> None:
        for own, s in ((form, sign), (tuple(-c for c in form), -sign)):
            if own not in self._known:
                self._known[own] = s
                self._order.append(own)

    def _fact(self, unit: int, sign: int, proof: list[Any]) -> None:
        number = unit - self.program.domain_units
        short = all(isinstance(i, int) for i in proof)
        self._facts.append([number, sign, proof] if short else [number, sign, *proof])

    def _settle(self, node: _Node) -> None:
        """Fix the pending units that do not cut the cell."""
        pending = [j for j in node.pending if node.forms[j] not in self._known]
        node.pending = []
        if not pending:
            return
        first = self.program.first[node.stage]
        signs = self._cell_signs[np.ix_(node.cells, [first + j for j in pending])]
        above, below = (signs > 0).any(axis=0).tolist(), (signs < 0).any(axis=0).tolist()
        fixed: list[tuple[int, int]] = []
        seen: set[AffineRow] = set()
        for j, up, down in zip(pending, above, below, strict=True):
            if up and down:
                node.pending.append(j)
            elif (form := node.forms[j]) not in seen:
                seen |= {form, tuple(-c for c in form)}
                fixed.append((j, 1 if up else -1))
        if not fixed:
            return
        forms = [node.forms[j] if sign > 0 else tuple(-c for c in node.forms[j]) for j, sign in fixed]
        units = [first + j for j, _ in fixed]
        for (_, sign), unit, form, proof in zip(fixed, units, forms, self._proofs(forms, node.vertices, units), strict=True):
            assert isinstance(proof, list), "a unit has another sign on a cell than at its vertices; please report this"
            self._fact(unit, sign, proof)
            self._learn(form, 1)

    def _advance(self, node: _Node) -> bool:
        """Complete the stage at hand and enter the next one; False behind the last."""
        maps, first, done = self.maps, self.program.first, node.stage
        following = [s for s in self.stages if s > done]
        if done >= 0:
            z = maps.stage(done, node.values)
            signs = self._cell_signs[node.cells[0], first[done] : first[done + 1]].tolist()
            node.values = (*node.values, masked_rows(z.tolist(), signs, maps.width))
        if not following:
            return False
        s = node.stage = following[0]
        node.values = (*node.values, *[fmpz_mat(0, 0)] * (s + 1 - len(node.values)))
        node.forms = [primitive([int(v) for v in row]) for row in maps.stage(s, node.values).tolist()]
        node.pending = [j for j, form in enumerate(node.forms) if any(form[:-1])]
        return True

    def _halves(self, node: _Node) -> list[_Node]:
        """Cut by the unit that shares out the cells most evenly; below, above."""
        first = self.program.first[node.stage]
        signs = self._cell_signs[np.ix_(node.cells, [first + j for j in node.pending])]
        up = (signs > 0).sum(axis=0)
        j = node.pending[int(np.argmax(np.minimum(up, len(node.cells) - up)))]
        unit, form = first + j, node.forms[j]
        self.nodes.append(["split", self._facts, unit - self.program.domain_units])
        halves = []
        for sign in (-1, 1):
            cells = node.cells[self._cell_signs[node.cells, unit] == sign]
            vertices = node.vertices[self._signs[node.vertices, unit] * sign >= 0]
            side = form if sign > 0 else tuple(-c for c in form)
            pending = [i for i in node.pending if i != j]
            depth, known = len(self._path), len(self._order)
            halves.append(_Node(depth, known, side, unit, cells, vertices, node.values, node.stage, node.forms, pending))
        return halves

    # --- proofs --------------------------------------------------------------------------------------------------------------

    def _proofs(self, forms: Sequence[AffineRow], vertices: Ids, units: list[int] | None) -> list[list[Any] | Point]:
        """For each form that it is >= 0 on the cell with these vertices; units: those whose forms they are, up to the sign."""
        found: list[list[Any] | Point] = []
        lowest = self._lowest(forms, vertices, units)
        tight = self._signs[np.ix_(lowest, self._columns)] == 0
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
            values = np.where(self._signs[np.ix_(vertices, units)] == 0, -np.inf, values)
        return np.asarray(vertices[np.argmin(values, axis=0)], dtype=np.int64)

    def _by_program(self, form: AffineRow) -> list[Any] | Point:
        found = Halfspaces(tuple(self._path), self.maps.width, self._work).least(form)
        if not isinstance(found, Farkas):
            return found
        rows = [i for i, _ in found.terms]
        if independent([self._path[i] for i in rows]):
            return [self._places[i] for i in rows]
        return [json_integer(found.factor), [[self._places[i], json_integer(y)] for i, y in found.terms]]


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
