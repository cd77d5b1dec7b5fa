"""The face lattice of a subdivided box, and its cut by a hypersurface.

Faces of dimension k are numbered 0, 1, ...; boundary[k] lists the facets of each k-face (compressed rows). A cut needs nothing but the
sign of a function at every vertex, where the function is affine on every cell:

    a face is cut  iff  it has a vertex with + and one with -;   it lies inside the hypersurface  iff  it has neither.

A cut k-face becomes an upper half, a lower half, and a wall of dimension k - 1 between them. Facets of a half: the facets on its side, the
halves of cut facets, the wall. Facets of a wall: the walls of cut facets, and the ridges of the face that lie inside the hypersurface. All
other faces stay. So concurrent, parallel, duplicate and opposite hyperplanes, and hyperplanes through vertices, are nothing special.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

Bools = np.ndarray[Any, np.dtype[np.bool_]]
Index = np.ndarray[Any, np.dtype[np.int32]]
Pointers = np.ndarray[Any, np.dtype[np.int64]]
Signs = np.ndarray[Any, np.dtype[np.int8]]
Rows = tuple[Pointers, Index]

_COLUMNS = 256  # units whose signs are found at a time, so that memory stays small
_SIGN = np.array([0, 1, -1, 0], dtype=np.int8)  # of a face, from the bits 1 (has a +) and 2 (has a -)


@dataclass(frozen=True)
class Lattice:
    """Faces of all dimensions of a pure complex; boundary[0] is empty, boundary[k] = (pointers, facets)."""

    vertices: int
    boundary: tuple[Rows, ...]

    @property
    def dimension(self) -> int:
        """The dimension of the cells."""
        return len(self.boundary) - 1

    def count(self, k: int) -> int:
        """The number of k-faces."""
        return self.vertices if k == 0 else len(self.boundary[k][0]) - 1

    @property
    def cells(self) -> int:
        """The number of faces of full dimension."""
        return self.count(self.dimension)

    @property
    def edges(self) -> Index:
        """The two ends of each edge."""
        return self.boundary[1][1].reshape(-1, 2)

    def face_bits(self, bits: np.ndarray[Any, Any], upto: int | None = None) -> list[np.ndarray[Any, Any]]:
        """For the faces of each dimension the bitwise or over their vertices (bits: one row, or one number, for each vertex)."""
        result = [bits]
        for k in range(1, (self.dimension if upto is None else upto) + 1):
            pointers, facets = self.boundary[k]
            result.append(np.bitwise_or.reduceat(result[-1][facets], pointers[:-1], axis=0))
        return result

    def face_signs(self, signs: Signs, k: int) -> Signs:
        """Signs (k-faces, units) on the relative interiors, from signs at vertices; no face may be cut."""
        found = np.empty((self.count(k), signs.shape[1]), dtype=np.int8)
        for first in range(0, signs.shape[1], _COLUMNS):
            chosen = signs[:, first : first + _COLUMNS]
            bits = ((chosen > 0) | ((chosen < 0) << 1)).astype(np.uint8)
            found[:, first : first + _COLUMNS] = _SIGN[self.face_bits(bits, k)[k]]
        return found

    def cell_vertices(self) -> Rows:
        """The vertices of each cell, each once."""
        pointers, members = self.boundary[self.dimension]
        for k in range(self.dimension - 1, 0, -1):
            pointers, members = _compose(pointers, members, *self.boundary[k])
        return pointers, members


@dataclass(frozen=True)
class Cut:
    """What a cut made.

    edges : ends (vertices) of the cut edges; their new vertices follow the old ones in this order
    cell_sign : for each new cell the function's sign
    facet_origin : for each new facet the old one, -1 for a wall
    """

    lattice: Lattice
    edges: Index
    cell_sign: Signs
    facet_origin: Pointers


def box(dimension: int) -> tuple[Lattice, np.ndarray[Any, np.dtype[np.int64]], list[int]]:
    """The box: its lattice, the sides (0 lower, 1 upper) of each corner, and for each facet 2 j (x_j lower) or 2 j + 1 (upper)."""
    faces: list[list[tuple[int, ...]]] = [[] for _ in range(dimension + 1)]
    number: dict[tuple[int, ...], int] = {}
    for face in itertools.product((0, 1, 2), repeat=dimension):
        k = face.count(2)
        number[face] = len(faces[k])
        faces[k].append(face)
    boundary: list[Rows] = [(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32))]
    for k in range(1, dimension + 1):
        rows = [[number[(*f[:i], side, *f[i + 1 :])] for i, kind in enumerate(f) if kind == 2 for side in (0, 1)] for f in faces[k]]
        boundary.append((np.arange(len(rows) + 1, dtype=np.int64) * (2 * k), np.array(rows, dtype=np.int32).ravel()))
    corners = np.array(faces[0], dtype=np.int64).reshape(-1, dimension)
    facets = [next(2 * j + side for j, side in enumerate(f) if side < 2) for f in faces[dimension - 1]]
    return Lattice(len(corners), tuple(boundary)), corners, facets


def cut(lattice: Lattice, sign: Signs) -> Cut | Signs:
    """The lattice cut where the sign changes; only the signs of the cells if no cell is cut."""
    d = lattice.dimension
    bits = lattice.face_bits(((sign > 0) | ((sign < 0) << 1)).astype(np.uint8))
    divided = [b == 3 for b in bits]
    if not divided[d].any():
        whole: Signs = _SIGN[bits[d]]
        return whole
    cuts = [int(c.sum()) for c in divided]
    kept = [len(c) - n for c, n in zip(divided, cuts, strict=True)]
    same = [_numbers(~c, 0) for c in divided]
    upper = [_numbers(c, kept[k]) for k, c in enumerate(divided)]
    lower = [_numbers(c, kept[k] + cuts[k]) for k, c in enumerate(divided)]
    wall = [_numbers(c, kept[k - 1] + 2 * cuts[k - 1] if k else 0) for k, c in enumerate(divided)]
    parts = _Parts(lattice, bits, divided, same, upper, lower, wall)
    boundary = [lattice.boundary[0]]
    for k in range(1, d + 1):
        total = kept[k] + 2 * cuts[k] + (cuts[k + 1] if k < d else 0)
        boundary.append(parts.rows(k, total - kept[k]))
    ends = lattice.edges[divided[1]]
    staying, halved = np.flatnonzero(~divided[d]), np.flatnonzero(divided[d])
    cell_sign = np.concatenate([_SIGN[bits[d][staying]], np.ones(len(halved), np.int8), np.full(len(halved), -1, np.int8)])
    quiet, split = np.flatnonzero(~divided[d - 1]), np.flatnonzero(divided[d - 1])
    facet_origin = np.concatenate([quiet, split, split, np.full(cuts[d], -1)])
    new = Lattice(lattice.vertices + cuts[1], tuple(boundary))
    return Cut(new, ends, cell_sign, facet_origin)


@dataclass(frozen=True)
class _Parts:
    """Old faces and the new numbers of what becomes of them."""

    lattice: Lattice
    bits: list[np.ndarray[Any, np.dtype[np.uint8]]]
    divided: list[Bools]
    same: list[Index]
    upper: list[Index]
    lower: list[Index]
    wall: list[Index]

    def rows(self, k: int, new: int) -> Rows:
        """The facets of the new k-faces: those that stay, upper halves, lower halves, walls (`new` of the latter three)."""
        pointers, facets = self.lattice.boundary[k]
        if not self.divided[k].any():  # so that no facet is cut, and all numbers stay
            old, members = pointers, facets
            owners: list[Any] = []
            columns: list[Any] = []
        else:
            sizes = np.diff(pointers)
            moved = np.repeat(self.divided[k], sizes)
            members = self.same[k - 1][facets[~moved]]
            old = _pointers(sizes[~self.divided[k]])
            owners, columns = self._halves(k, np.repeat(np.arange(len(sizes)), sizes)[moved], facets[moved])
        if k < self.lattice.dimension and self.divided[k + 1].any():
            for owner, column in self._walls(k):
                owners.append(owner)
                columns.append(column)
        if not owners:
            return old, members
        first = len(old) - 1
        owner, column = np.concatenate(owners) - first, np.concatenate(columns)
        order = np.argsort(owner, kind="stable")
        lengths = np.bincount(owner, minlength=new)
        return np.concatenate([old, old[-1] + np.cumsum(lengths)]), np.concatenate([members, column[order]]).astype(np.int32)

    def _halves(self, k: int, face: Pointers, facet: Index) -> tuple[list[Any], list[Any]]:
        owners, columns = [], []
        both = self.divided[k - 1][facet]
        halved = np.flatnonzero(self.divided[k])
        for half, side in ((self.upper, 1), (self.lower, 2)):
            whole = self.bits[k - 1][facet] == side
            owners += [half[k][face[whole]], half[k][face[both]], half[k][halved]]
            columns += [self.same[k - 1][facet[whole]], half[k - 1][facet[both]], self.wall[k][halved]]
        return owners, columns

    def _walls(self, k: int) -> list[tuple[Any, Any]]:
        """The k-dimensional walls inside cut faces of dimension k + 1."""
        pointers, facets = self.lattice.boundary[k + 1]
        sizes = np.diff(pointers)
        chosen = np.repeat(self.divided[k + 1], sizes)
        face, facet = np.repeat(np.arange(len(sizes)), sizes)[chosen], facets[chosen]
        both = self.divided[k][facet]
        result = [(self.wall[k + 1][face[both]], self.wall[k][facet[both]])]
        inside = self.bits[k - 1] == 0
        if inside.any():
            face, facet = face[~both], facet[~both]
            start, ridges = self.lattice.boundary[k]
            lengths = np.diff(start)[facet]
            which = np.repeat(np.arange(len(facet)), lengths)
            ridge = ridges[start[:-1][facet][which] + _offsets(lengths)]
            lies = inside[ridge]
            pairs = np.stack([self.wall[k + 1][face[which[lies]]], self.same[k - 1][ridge[lies]]], axis=1)
            pairs = np.unique(pairs, axis=0)
            result.append((pairs[:, 0], pairs[:, 1]))
        return result


def part(lattice: Lattice, cells: Bools) -> tuple[Lattice, Pointers, Pointers]:
    """The closed cells of a mask with all their faces: the lattice, and the old numbers of its vertices and of its facets."""
    d = lattice.dimension
    kept: list[Pointers] = [np.zeros(0, dtype=np.int64)] * d + [np.flatnonzero(cells)]
    boundary: list[Rows] = [lattice.boundary[0]] * (d + 1)
    for k in range(d, 0, -1):
        pointers, facets = lattice.boundary[k]
        lengths = np.diff(pointers)[kept[k]]
        members = facets[np.repeat(pointers[:-1][kept[k]], lengths) + _offsets(lengths)]
        live = np.zeros(lattice.count(k - 1), dtype=bool)
        live[members] = True
        kept[k - 1] = np.flatnonzero(live)
        boundary[k] = (_pointers(lengths), _numbers(live, 0)[members])
    return Lattice(len(kept[0]), tuple(boundary)), kept[0], kept[d - 1]


def _numbers(mask: Bools, first: int) -> Index:
    """first, first + 1, ... at the places of the mask."""
    return np.asarray(np.cumsum(mask) + (first - 1), dtype=np.int32)


def _pointers(lengths: Pointers) -> Pointers:
    return np.concatenate([[0], np.cumsum(lengths)])


def _offsets(lengths: Pointers) -> Pointers:
    """0, 1, ..., n_0 - 1, 0, 1, ..., n_1 - 1, ..."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) - np.repeat(ends - lengths, lengths), dtype=np.int64)


def _compose(pointers: Pointers, members: Index, below: Pointers, facets: Index) -> Rows:
    """For each row the union of the rows of its members."""
    lengths = np.diff(below)[members]
    owner = np.repeat(np.repeat(np.arange(len(pointers) - 1), np.diff(pointers)), lengths)
    found = facets[np.repeat(below[:-1][members], lengths) + _offsets(lengths)]
    width = int(found.max(initial=0)) + 1
    pairs = np.unique(owner * width + found)
    rows = pairs // width
    return _pointers(np.bincount(rows, minlength=len(pointers) - 1)), (pairs % width).astype(np.int32)
