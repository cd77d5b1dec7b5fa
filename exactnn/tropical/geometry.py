"""The hypersurface of a tropical polynomial and the subdivision of its Newton polytope that is dual to it, in low dimension.

    epigraph  {(x, y) : y >= c_a + a . x for all a}        its vertices lie over those of the hypersurface,
    cell of the subdivision  <->  point of the hypersurface: the exponents of all terms that are the maximum there

All of it is read off the generators of the epigraph, exactly. Where the exponents span less than R^d, the
hypersurface is a cylinder: its cells then have points, but no vertices.

Reference: D. Maclagan, B. Sturmfels, Introduction to Tropical Geometry (2015), chapter 3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import fmpq, fmpq_mat

from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.numbers import primitive
from exactnn.exact.polyhedron import Generators, Polyhedron
from exactnn.tropical._arguments import whole
from exactnn.tropical._irredundant import needed_rows
from exactnn.tropical.terms import Exponents
from exactnn.value import Value

if TYPE_CHECKING:
    from exactnn.tropical._function import FunctionOfTerms

Fractions = tuple[Fraction, ...]


@dataclass(frozen=True, repr=False)
class DualCell(Value):
    """A maximal cell of the dual subdivision: conv(exponents).

    Attributes
    ----------
    exponents : those of all terms that are the maximum at `point`, in lexicographic order; also those that lie inside the cell
    point : the dual vertex of the hypersurface; where the exponents span less than R^d, a point of the dual affine space
    """

    exponents: tuple[Exponents, ...]
    point: Fractions


@dataclass(frozen=True, repr=False)
class HypersurfaceCell(Value):
    """A cell of dimension d - 1, conv(points) + cone(rays) + span(lines), between the regions of two terms.

    Attributes
    ----------
    exponents : those of all terms that are the maximum on the whole cell, which lie on one segment, in lexicographic order
    points, rays, lines : generators, directions as primitive integer vectors; in the plane two points for a segment, a point and a ray for
        a half-line
    multiplicity : the lattice length of the segment of exponents, where its ends differ by integers; else None
    polyhedron : the cell by inequalities
    """

    exponents: tuple[Exponents, ...]
    points: tuple[Fractions, ...]
    rays: tuple[Fractions, ...]
    lines: tuple[Fractions, ...]
    multiplicity: int | None
    polyhedron: Polyhedron = field(repr=False, compare=False)

    @property
    def ends(self) -> tuple[Exponents, Exponents]:
        """The exponents of the two regions that the cell separates."""
        return self.exponents[0], self.exponents[-1]


@dataclass(frozen=True, repr=False)
class Hypersurface(Value):
    """Where at least two terms of a tropical polynomial are the maximum: where it bends.

    Attributes
    ----------
    vertices : in lexicographic order; none where the hypersurface contains lines
    cells : its cells of dimension d - 1, in lexicographic order of their exponents
    lines : a basis of the directions along which all of it is invariant
    """

    vertices: tuple[Fractions, ...]
    cells: tuple[HypersurfaceCell, ...]
    lines: tuple[Fractions, ...]


def dual_subdivision(p: FunctionOfTerms, *, limit: int = 10_000) -> tuple[DualCell, ...]:
    """The maximal cells, in lexicographic order of their points."""
    faces = _Faces(p, limit)
    return tuple(DualCell(faces.exponents(tight), x) for x, tight in zip(faces.points, faces.tight_at_points.T, strict=True))


def hypersurface(p: FunctionOfTerms, *, limit: int = 10_000) -> Hypersurface:
    """The hypersurface with its cells."""
    faces = _Faces(p, limit)
    vertices = () if faces.lines else tuple(x for x, tight in zip(faces.points, faces.tight_at_points.T, strict=True) if tight.sum() > 1)
    cells = [faces.cell(i, j) for i, j in faces.neighbours()]
    return Hypersurface(vertices, tuple(sorted(cells, key=lambda c: c.exponents)), faces.lines)


def newton_vertices(p: FunctionOfTerms) -> tuple[Exponents, ...]:
    """The exponents that are vertices of the convex hull of all: the needed terms once all coefficients are 0."""
    keep = RationalArray.of([0] + [1] * p.dimension)
    rows = needed_rows(p.table * keep)
    return tuple(sorted(p.table[np.array(rows, dtype=np.int64), 1:].to_rows())) if rows else ()


class _Faces:
    """Which terms are the maximum at which generators of the epigraph."""

    def __init__(self, p: FunctionOfTerms, limit: int) -> None:
        limit = whole(limit, "limit", 0)
        self.table, self.signed, self.d = p.table, p.signed_table, p.dimension
        self.needed = needed_rows(self.signed)
        found = _epigraph(self.signed[np.array(self.needed, dtype=np.int64)], limit) if self.needed else Generators((), (), ())
        self._points, self._rays = found.points, tuple(v for v in found.rays if any(v[:-1]))
        self.points = tuple(v[:-1] for v in found.points)
        self.rays = tuple(_direction(v[:-1]) for v in self._rays)
        self.lines = tuple(_direction(v[:-1]) for v in found.lines)
        self._lines = found.lines
        self.tight_at_points = _tight(self.signed, self._points, 1)
        self.tight_at_rays = _tight(self.signed, self._rays, 0)

    def exponents(self, tight: np.ndarray[Any, Any]) -> tuple[Exponents, ...]:
        """Those of the terms of a mask."""
        return tuple(sorted(self.table[np.flatnonzero(tight), 1:].to_rows()))

    def neighbours(self) -> list[tuple[int, int]]:
        """The pairs of needed terms whose regions share a face of dimension d - 1."""
        masks = {i: _bits(np.concatenate([self.tight_at_points[i], self.tight_at_rays[i]])) for i in self.needed}
        candidates: set[tuple[int, int]] = set()
        needed = np.array(self.needed, dtype=np.int64)
        for column in self.tight_at_points.T:
            candidates.update(itertools.combinations(needed[column[needed]].tolist(), 2))
        fewest = self.d - len(self.lines)  # generators that a face of dimension d - 1 has at least, beside the lines
        return [(i, j) for i, j in sorted(candidates) if (masks[i] & masks[j]).bit_count() >= fewest and self._is_wall(i, j)]

    def _common(self, i: int, j: int) -> tuple[list[int], list[int]]:
        points = np.flatnonzero(self.tight_at_points[i] & self.tight_at_points[j]).tolist()
        return points, np.flatnonzero(self.tight_at_rays[i] & self.tight_at_rays[j]).tolist()

    def _is_wall(self, i: int, j: int) -> bool:
        points, rays = self._common(i, j)
        first = self._points[points[0]]
        directions = [[a - b for a, b in zip(self._points[k], first, strict=True)] for k in points[1:]]
        directions += [list(v) for v in (*(self._rays[k] for k in rays), *self._lines)]
        return _rank(directions, self.d + 1) == self.d - 1

    def cell(self, i: int, j: int) -> HypersurfaceCell:
        """The common face of two regions."""
        points, rays = self._common(i, j)
        whole = np.asarray(np.concatenate([self.tight_at_points[:, points], self.tight_at_rays[:, rays]], axis=1).all(axis=1))
        exponents = self.exponents(whole)
        needed = set(self.needed)
        others = np.flatnonzero(self.tight_at_points[:, points].any(axis=1))  # each face of the cell has one of its points
        order = [j, *(k for k in others.tolist() if k in needed and k not in (i, j))]
        own = self.signed[i : i + 1]
        differences = self.signed[np.array(order, dtype=np.int64)] - own
        rows = concatenate([-differences[:1], differences])
        return HypersurfaceCell(
            exponents,
            tuple(sorted(self.points[k] for k in points)),
            tuple(sorted(self.rays[k] for k in rays)),
            self.lines,
            _lattice_length(exponents[0], exponents[-1]),
            Polyhedron(rows[:, 1:], -rows[:, 0]),
        )


def _epigraph(table: RationalArray, limit: int) -> Generators:
    down = RationalArray(np.full((len(table), 1), -1, dtype=np.int64))
    return Polyhedron(concatenate([table[:, 1:], down], axis=1), -table[:, 0]).generators(limit=limit)


def _tight(table: RationalArray, generators: Sequence[Fractions], weight: int) -> np.ndarray[Any, Any]:
    """Mask (terms, generators): c weight + a . x = y."""
    rows = [[weight, *v] for v in generators]
    if not rows:
        return np.zeros((len(table), 0), dtype=bool)
    columns = RationalArray.of(rows).T
    return np.asarray((table @ columns[:-1] - columns[-1:]).numerators == 0, dtype=bool)


def _direction(v: Fractions) -> Fractions:
    """The primitive integer vector of this direction."""
    scale = math.lcm(*(a.denominator for a in v))
    return tuple(map(Fraction, primitive([int(a * scale) for a in v])))


def _bits(mask: np.ndarray[Any, Any]) -> int:
    return int.from_bytes(np.packbits(mask).tobytes(), "big")


def _rank(rows: list[list[Fraction]], width: int) -> int:
    if not rows:
        return 0
    return int(fmpq_mat(len(rows), width, [fmpq(v.numerator, v.denominator) for row in rows for v in row]).rref()[1])


def _lattice_length(a: Exponents, b: Exponents) -> int | None:
    differences = [x - y for x, y in zip(a, b, strict=True)]
    return None if any(v.denominator != 1 for v in differences) else math.gcd(*(v.numerator for v in differences))
