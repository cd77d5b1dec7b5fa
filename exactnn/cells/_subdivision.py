"""The subdivision of a domain into the cells of a network, unit by unit, in pieces that fit into memory.

Start from the box of the domain, or from [-M, M]^d with M larger than every number that occurs; cut by one unit after the other. Taken in
this order each unit is affine on every cell made so far, so that its signs at the vertices are all that a cut needs (see `_lattice`), and
exact signs (see `_vertices`) give the exact complex. A piece with many cells is divided, and its parts are finished one after the other:
whatever becomes of one cell depends on no other.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exactnn.cells import _lattice
from exactnn.cells._balls import Ids, Table
from exactnn.cells._lattice import Bools, Lattice, Pointers, Signs
from exactnn.cells._program import Program
from exactnn.cells._vertices import Exact, Statistics, Vertices
from exactnn.errors import ArgumentError, DomainError, EmptyDomain, Incomplete
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box, Polyhedron

#: Beyond this dimension the faces of a cell are too many; `_search` has no such limit.
DIMENSIONS = 6
#: A piece with more cells is divided.
PIECE = 4000


@dataclass
class Piece:
    """Some closed cells with all their faces, subdivided by the units before `unit`.

    ids : the vertices' numbers
    labels : for each facet the unit that made it, or -1 - (2 j + side) for a facet of the first box
    values : the current stage's pre-activations at the vertices
    kept : outputs of earlier stages that later ones read, at the first of the vertices
    mark : vertices from this number on are of no use to other pieces
    signs : of the cells (cells, units), once the piece is finished
    """

    lattice: Lattice
    ids: Ids
    labels: Pointers
    unit: int
    mark: int
    values: Table | None = None
    kept: dict[int, Table] = field(default_factory=dict)
    signs: Signs = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int8))

    @property
    def cells(self) -> int:
        """The number of cells."""
        return self.lattice.cells


class Subdivision:
    """One run: `pieces` yields finished pieces, which together are the complex of all units on the domain.

    Parameters
    ----------
    program : networks and domain
    prefix : signs of the first units; only the cells with these signs are followed
    piece : size at which a piece is divided; None for never
    open_stages : stages whose units do not cut; no other stage may read them
    exact : False for float signs with a tolerance, which only benchmarks use
    """

    def __init__(
        self,
        program: Program,
        clock: Clock,
        *,
        prefix: Signs | None = None,
        piece: int | None = PIECE,
        max_cells: int | None = None,
        exact: bool = True,
        open_stages: Collection[int] = (),
    ) -> None:
        d = program.input_dim
        if d > DIMENSIONS:
            raise ArgumentError(
                f"dimension: the face lattice goes to {DIMENSIONS} inputs, got {d}; counts and lists of regions have method='search', "
                "without such a limit, and exactnn.regions.restrict gives the network on a slice of its input"
            )
        self.program, self.clock, self.exact = program, clock, exact
        self.vertices = Vertices(program, self._wait, exact=exact)
        self.prefix = np.zeros(0, dtype=np.int8) if prefix is None else prefix
        self.limit = piece
        self.open_stages = open_stages
        self.max_cells = max_cells
        self.finished = 0
        self.open_cells = 0
        self._at: Piece | None = None

    @property
    def statistics(self) -> Statistics:
        """How the signs were found."""
        return self.vertices.statistics

    def start(self) -> Piece:
        """The whole domain as one cell."""
        program = self.program
        lattice, sides, facets = _lattice.box(program.input_dim)
        ids = self.vertices.start(*_corners(program.domain, sides))
        return Piece(lattice, ids, -1 - np.array(facets, dtype=np.int64), 0, self.vertices.count)

    def pieces(self, first: list[Piece] | None = None) -> Iterator[Piece]:
        """Finished pieces; each is valid until the next one is asked for."""
        stack = [self.start()] if first is None else list(first)
        while stack:
            piece = stack.pop()
            self.vertices.truncate(max(piece.mark, 0))
            self.open_cells = sum(p.cells for p in stack)
            while piece.unit < self.program.unit_count and (self.limit is None or piece.cells <= self.limit):
                self.step(piece)
                if not piece.cells:
                    break
            if not piece.cells:
                continue
            if piece.unit < self.program.unit_count:
                stack += self.divided(piece)
                continue
            self.finished += piece.cells
            piece.signs = self.cell_signs(piece)
            yield piece

    def step(self, piece: Piece) -> None:
        """Cut by the next unit."""
        program, unit = self.program, piece.unit
        self._at = piece
        self._wait()
        stage, column = program.stage_of(unit)
        if stage in self.open_stages:
            piece.unit = program.first[stage + 1]
            return
        if piece.values is None:
            piece.values = Table(self.vertices.enter(piece.ids, stage, piece.kept))
        sides = self._sides(unit)
        signs = self.vertices.signs[piece.ids, unit]
        if sides or (signs.min() < 0 < signs.max()):
            found = _lattice.cut(piece.lattice, signs)
            if isinstance(found, _lattice.Cut):
                new, values = self.vertices.divide(piece.ids, found.edges, piece.values, stage, column)
                piece.ids = np.concatenate([piece.ids, new])
                piece.values.append(values)
                piece.lattice = found.lattice
                piece.labels = np.where(found.facet_origin >= 0, piece.labels[found.facet_origin], unit)
                found = found.cell_sign
            if sides:
                self._keep(piece, np.isin(found, sides))
        piece.unit += 1
        if piece.unit == program.first[stage + 1]:
            self.vertices.leave(piece.ids, stage, piece.values, piece.kept)
            piece.values = None
        if self.max_cells is not None and self.finished + self.open_cells + piece.cells > self.max_cells and unit >= program.domain_units:
            total = self.finished + self.open_cells + piece.cells
            raise Incomplete(f"max_regions: there are more than {self.max_cells} regions", partial=total)

    def _sides(self, unit: int) -> list[int]:
        """The signs of the unit that are followed; empty for all."""
        if unit < self.program.domain_units:
            return [0, 1]
        return [int(self.prefix[unit])] if unit < len(self.prefix) else []

    def _keep(self, piece: Piece, cells: Bools) -> None:
        if cells.all():
            return
        if not cells.any():
            piece.lattice = Lattice(0, tuple((np.zeros(1, np.int64), np.zeros(0, np.int32)) for _ in range(self.program.input_dim + 1)))
            return
        piece.lattice, vertices, facets = _lattice.part(piece.lattice, cells)
        piece.ids, piece.labels = piece.ids[vertices], piece.labels[facets]
        piece.values = None if piece.values is None else piece.values.kept(vertices)
        piece.kept = {k: table.kept(vertices) for k, table in piece.kept.items()}

    def cell_signs(self, piece: Piece) -> Signs:
        """Signs (cells, units) of the units so far."""
        return piece.lattice.face_signs(self.vertices.signs[piece.ids, : piece.unit], self.program.input_dim)

    def divided(self, piece: Piece) -> list[Piece]:
        """The piece in parts of a quarter of the limit, each with its own faces; neighbouring cells stay together as far as they can."""
        assert self.limit is not None
        order = np.lexsort(self.cell_signs(piece).T[::-1])
        count = -(-piece.cells // max(self.limit // 4, 1))
        parts = []
        for chosen in np.array_split(order, count):
            mask = np.zeros(piece.cells, dtype=bool)
            mask[chosen] = True
            lattice, vertices, facets = _lattice.part(piece.lattice, mask)
            values = None if piece.values is None else piece.values.kept(vertices)
            kept = {k: table.kept(vertices) for k, table in piece.kept.items()}
            parts.append(Piece(lattice, piece.ids[vertices], piece.labels[facets], piece.unit, self.vertices.count, values, kept))
        return parts

    def _wait(self) -> None:
        if self._at is not None:
            self.clock.check(*self._progress(self._at))

    def _progress(self, piece: Piece) -> tuple[str, int]:
        """How far the work got, and a lower bound of the number of regions: a cell that is open yet holds one at least."""
        cells = self.open_cells + piece.cells
        least = self.finished + cells if self.program.patterns_are_signs and piece.unit >= self.program.domain_units else self.finished
        return f"{self.finished} regions were finished, {cells} cells were still to be cut", least


def _corners(domain: Polyhedron | None, sides: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[list[Exact], list[int]]:
    """Exact corners of the first box, and the set of infinitely far facets that each lies on."""
    d = sides.shape[1]
    if isinstance(domain, Box):
        bounds = [v.to_fractions() for v in domain.bounds]
        result = []
        for row in sides.tolist():
            point = [bounds[side][j] for j, side in enumerate(row)]
            q = math.lcm(*(v.denominator for v in point))
            result.append(([v.numerator * (q // v.denominator) for v in point], [0] * d, q))
        return result, [0] * len(sides)
    corners: list[Exact] = [([0] * d, [2 * side - 1 for side in row], 1) for row in sides.tolist()]
    return corners, [sum(1 << (2 * j + side) for j, side in enumerate(row)) for row in sides.tolist()]


def full_dimensional(domain: Polyhedron | None, dimension: int) -> Polyhedron | None:
    """The domain, in this dimension; EmptyDomain or DomainError if it has no interior."""
    if domain is None:
        return None
    if not isinstance(domain, Polyhedron):
        raise DomainError(f"domain: a Box, a Polyhedron or None (all of R^d) is needed, got {type(domain).__name__}")
    domain = domain.in_dimension(dimension)
    if domain.is_empty():
        raise EmptyDomain(f"domain: a set with interior points is needed, got {domain!r}, which is empty")
    if domain.dimension < dimension:
        raise DomainError(
            f"domain: a set with interior points is needed, got {domain!r} of dimension {domain.dimension} in R^{dimension}; "
            "take coordinates in it with exactnn.regions.restrict(net, hull.origin, hull.directions), hull = domain.affine_hull()"
        )
    return domain
