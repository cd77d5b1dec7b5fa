"""Counts under each definition, from finished pieces of a subdivision or cells of the search; results of pieces and tasks are joined.

activation   full-dimensional activation patterns
pattern      activation patterns of all points, lower-dimensional ones too: those of the relative interiors of all faces
affine       distinct affine maps of full-dimensional cells
connected    maximal open connected sets with one affine map: cells joined over facets with equal maps on both sides
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exactnn.cells import Piece, Program, SearchCell, Subdivision
from exactnn.exact.clock import Clock
from exactnn.exact.disjoint import DisjointSets
from exactnn.regions._cells import maps_of

DEFINITIONS = ("activation", "pattern", "connected", "closed-connected", "affine")
#: An affine map, as `maps_of` gives it.
Key = tuple[tuple[int, ...], ...]


@dataclass
class Tally:
    """What has been counted so far.

    total : patterns, where no two pieces can have the same one
    seen : patterns or affine maps
    components, rim : for "connected" the affine map of each component so far, and the component at each facet whose other side is in
        another piece
    """

    definition: str
    total: int = 0
    seen: set[Hashable] = field(default_factory=set)
    components: list[Key] = field(default_factory=list)
    rim: dict[bytes, int] = field(default_factory=dict)
    roots: DisjointSets = field(default_factory=DisjointSets)

    @property
    def key(self) -> str:
        """The definition."""
        return self.definition

    @property
    def count(self) -> int:
        """The number of regions counted so far."""
        if self.definition == "connected":
            return sum(1 for _ in self.roots.roots())
        return self.total + len(self.seen)

    def piece(self, run: Subdivision, piece: Piece) -> None:
        """Count a finished piece."""
        program = run.program
        if self.definition == "activation":
            if program.patterns_are_signs:
                self.total += piece.cells
            else:
                self.seen.update(row.tobytes() for row in program.patterns(piece.signs))
        elif self.definition == "pattern":
            signs = run.vertices.signs[piece.ids]
            for k in range(program.input_dim + 1):
                self.seen.update(row.tobytes() for row in np.unique(program.patterns(piece.lattice.face_signs(signs, k)), axis=0))
        elif self.definition == "affine":
            self.seen.update(maps_of(program, piece.signs))
        else:
            self.add(*_components(run, piece))

    def cell(self, program: Program, cell: SearchCell) -> None:
        """Count one cell, of "activation" or "affine"."""
        row = np.array(cell.signs, dtype=np.int8)[None]
        if self.definition == "affine":
            self.seen.update(maps_of(program, row))
        elif program.patterns_are_signs:
            self.total += 1
        else:
            self.seen.add(program.patterns(row)[0].tobytes())

    def add(self, components: list[Key], rim: Iterable[tuple[bytes, int]]) -> None:
        """Join components of another piece, or task, to those of the same map across a common facet."""
        first = self.roots.extend(len(components))
        self.components += components
        for facet, component in rim:
            here = first + component
            there = self.rim.pop(facet, None)
            if there is None:
                self.rim[facet] = here
            elif self.components[here] == self.components[there]:
                self.roots.join(here, there)

    def pack(self) -> Any:
        """The tally as JSON; the numbers of affine maps in hexadecimal, in which they may have any length."""
        if self.definition == "connected":
            components, rim = self.parts()
            return [[_text(key) for key in components], [[facet.hex(), c] for facet, c in rim]]
        return [self.total, [item.hex() if isinstance(item, bytes) else _text(item) for item in self.seen]]

    def unpack(self, packed: Any) -> None:
        """Add the result of a task."""
        first, second = packed
        if self.definition == "connected":
            self.add([_key(k) for k in first], ((bytes.fromhex(facet), c) for facet, c in second))
        else:
            self.total += first
            self.seen.update(bytes.fromhex(item) if isinstance(item, str) else _key(item) for item in second)

    def parts(self) -> tuple[list[Key], list[tuple[bytes, int]]]:
        """The components and the rim, for `add`."""
        number = {root: i for i, root in enumerate(self.roots.roots())}
        return [self.components[r] for r in number], [(facet, number[self.roots.find(c)]) for facet, c in self.rim.items()]


def make_tally(program: Program, clock: Clock, *, definition: str) -> Tally:
    """An empty tally."""
    return Tally(definition)


def _text(key: Any) -> list[list[str]]:
    return [[f"{v:x}" for v in row] for row in key]


def _key(item: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(v, 16) for v in row) for row in item)


def _components(run: Subdivision, piece: Piece) -> tuple[list[Key], list[tuple[bytes, int]]]:
    """Components of cells of equal maps within a piece, and the component at each facet towards other pieces."""
    d = run.program.input_dim
    lattice = piece.lattice
    keys = list(maps_of(run.program, piece.signs))
    roots = DisjointSets()
    roots.extend(piece.cells)
    start, members = lattice.boundary[d]
    owner = np.repeat(np.arange(piece.cells), np.diff(start))
    order = np.argsort(members, kind="stable")
    facets, first, sides = np.unique(members[order], return_index=True, return_counts=True)
    open_facets: list[tuple[int, int]] = []
    for facet, at, count in zip(facets.tolist(), first.tolist(), sides.tolist(), strict=True):
        cell = int(owner[order[at]])
        if count == 2:
            other = int(owner[order[at + 1]])
            if keys[cell] == keys[other]:
                roots.join(cell, other)
        elif piece.labels[facet] >= run.program.domain_units:
            open_facets.append((facet, cell))
    number = {root: i for i, root in enumerate(roots.roots())}
    components = [keys[r] for r in number]
    if not open_facets:
        return components, []
    signs = lattice.face_signs(run.vertices.signs[piece.ids], d - 1)
    return components, [(signs[facet].tobytes(), number[roots.find(cell)]) for facet, cell in open_facets]


def closed_components(run: Subdivision, piece: Piece, stage: int) -> dict[int, int]:
    """Closed connected sets on which units of a stage vanish: for each cell in one of them the number of its set.

    The stage's units (differences of the network to one affine map) must have cut the piece.
    """
    program, lattice = run.program, piece.lattice
    first, end = program.first[stage : stage + 2]
    signs = run.vertices.signs[piece.ids, first:end]
    zero: list[Any] = []
    offsets = [0]
    bits = (signs != 0).astype(np.uint8)
    for level in lattice.face_bits(bits):
        zero.append(~level.any(axis=1))
        offsets.append(offsets[-1] + len(level))
    roots = DisjointSets()
    roots.extend(offsets[-1])
    for k in range(1, lattice.dimension + 1):
        start, members = lattice.boundary[k]
        owner = np.repeat(np.arange(len(start) - 1), np.diff(start))
        for i in np.flatnonzero(zero[k][owner]).tolist():
            roots.join(offsets[k] + int(owner[i]), offsets[k - 1] + int(members[i]))
    cells = np.flatnonzero(zero[lattice.dimension]).tolist()
    return {c: roots.find(offsets[lattice.dimension] + c) for c in cells}
