"""The cells of a network as a polyhedral complex with its facets and ridges, and functions that are affine on its cells.

A function that is affine on each cell is continuous iff across each facet, between cells a and b,

    L_a - L_b = w h,        h the facet's primitive integer form, h >= 0 on a,

for a number w, its weight; it is convex iff all w >= 0. Weights belong to a function iff around each ridge  sum of +-w h = 0  over the
facets there, in the direction of going round: the domain is convex, so that every closed way is made of such rounds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import fmpz_mat

from exactnn.cells import Piece, Program, Subdivision
from exactnn.exact.clock import Clock
from exactnn.exact.disjoint import DisjointSets
from exactnn.exact.numbers import primitive
from exactnn.exact.progress import counted
from exactnn.regions.collect import pieces
from exactnn.tropical.origin import Row

Sides = np.ndarray[Any, np.dtype[np.int64]]
#: (entries, cells, d + 1) integers.
Rows = np.ndarray[Any, np.dtype[np.object_]]
_BATCH = 256


@dataclass(frozen=True)
class Complex:
    """Cells, the facets between two of them, and the ridges inside.

    Attributes
    ----------
    sides : for each facet its cells (a, b)
    forms : for each facet h
    rounds : for each ridge the facets around it, each with 1 where it is crossed from a to b, else -1
    outputs, scales : for each form of outputs its affine maps, for each entry and each cell, and the factor they are multiplied by
    unit_functions : functions z 1_C, z the pre-activation of a unit and C a connected set of cells where it has one sign;
        facet -> weight of each, times some positive factor
    simple : whether no wall of a unit runs through an older ridge: around each ridge the walls of two units at most meet
    """

    sides: tuple[tuple[int, int], ...]
    forms: tuple[Row, ...]
    rounds: tuple[tuple[tuple[int, int], ...], ...]
    outputs: tuple[tuple[tuple[Row, ...], ...], ...]
    scales: tuple[int, ...]
    cells: int
    unit_functions: tuple[dict[int, int], ...]
    simple: bool

    def weights(self, maps: Sequence[Row]) -> list[int]:
        """The weights of a function, whose maps are given on all cells, times the same factor.

        Raises AssertionError if it is not continuous.
        """
        return [
            _weight([u - v for u, v in zip(maps[a], maps[b], strict=True)], h) for (a, b), h in zip(self.sides, self.forms, strict=True)
        ]

    def function(self, weights: Sequence[int], width: int) -> list[Row]:
        """The function with these weights that is 0 on cell 0."""
        across: list[list[tuple[int, int, int]]] = [[] for _ in range(self.cells)]
        for f, (a, b) in enumerate(self.sides):
            across[a].append((b, f, -1))
            across[b].append((a, f, 1))
        maps: list[Row | None] = [None] * self.cells
        maps[0] = (0,) * width
        stack = [0]
        while stack:
            cell = stack.pop()
            own = maps[cell]
            assert own is not None
            for other, f, sign in across[cell]:
                if maps[other] is None:
                    step = sign * weights[f]
                    maps[other] = tuple(u + step * v for u, v in zip(own, self.forms[f], strict=True)) if step else own
                    stack.append(other)
        reached = [m for m in maps if m is not None]
        if len(reached) < self.cells:
            raise AssertionError("the cells of a convex domain hang together; please report this")
        return reached


def complex_of(program: Program, clock: Clock, max_regions: int | None = None) -> tuple[Complex, Subdivision, Piece]:
    """The complex of a program with one network, all cells in one piece."""
    run, piece = next(pieces(program, clock, max_regions, whole=True))
    d, lattice = program.input_dim, piece.lattice
    start, members = lattice.boundary[d]
    owner = np.repeat(np.arange(piece.cells), np.diff(start))
    order = np.argsort(members, kind="stable")
    facets, first, count = np.unique(members[order], return_index=True, return_counts=True)
    inner = np.flatnonzero(count == 2)
    sides = np.stack([owner[order[first[inner]]], owner[order[first[inner] + 1]]], axis=1).reshape(-1, 2)
    units = piece.labels[facets[inner]]
    forms, outputs, stages = _forms(program, piece, sides, units, clock)
    number = {int(f): i for i, f in enumerate(facets[inner].tolist())}
    pairs = tuple((int(a), int(b)) for a, b in sides.tolist())
    rounds = tuple(_rounds(lattice.boundary[d - 1], number, pairs)) if d > 1 else ()
    scales = tuple(form.scale for form in program.output_integers)
    made = tuple(_unit_functions(program, piece, sides, forms, stages, clock))
    simple = all(len({int(units[f]) for f, _ in way}) <= 2 for way in rounds)
    return Complex(pairs, tuple(forms), rounds, outputs, scales, piece.cells, made, simple), run, piece


def _forms(
    program: Program, piece: Piece, sides: Sides, units: np.ndarray[Any, Any], clock: Clock
) -> tuple[list[Row], tuple[tuple[tuple[Row, ...], ...], ...], list[Rows]]:
    """For each facet the form of its unit on its first cell, positive there; and the maps of the outputs and of the units on all cells."""
    width = program.input_dim + 1
    parts: list[list[Rows]] = []
    for begin in range(0, piece.cells, _BATCH):
        clock.check("the facets of the cells were being found")
        signs = piece.signs[begin : begin + _BATCH]
        parts.append([_rows(matrix, len(signs), width) for matrix, _ in program.cell_maps(signs)])
    found = [np.concatenate(part, axis=1) for part in zip(*parts, strict=True)]
    stages, outputs = found[: len(program.stages)], found[len(program.stages) :]
    forms = []
    for cell, unit in zip(sides[:, 0].tolist(), units.tolist(), strict=True):
        stage, column = program.stage_of(unit)
        sign = int(piece.signs[cell, unit])
        forms.append(primitive([sign * v for v in stages[stage][column, cell].tolist()]))
    return forms, tuple(tuple(tuple(map(tuple, rows)) for rows in form.tolist()) for form in outputs), stages


def _rows(matrix: fmpz_mat, cells: int, width: int) -> Rows:
    entries = np.empty(matrix.nrows() * cells * width, dtype=object)
    entries[:] = [int(v) for v in matrix.entries()]
    return entries.reshape(matrix.nrows(), cells, width)


def _unit_functions(
    program: Program, piece: Piece, sides: Sides, forms: Sequence[Row], stages: Sequence[Rows], clock: Clock
) -> Iterator[dict[int, int]]:
    """Weights of z 1_C for each unit's pre-activation z and each connected set C of cells where it is positive, or negative."""
    a, b = sides[:, 0], sides[:, 1]
    for unit in counted("units of the network", range(program.domain_units, program.unit_count), unit="units"):
        clock.check("the weights of the units were being found")
        stage, column = program.stage_of(unit)
        sign, rows = piece.signs[:, unit], stages[stage][column]
        together = (sign[a] == sign[b]) & (sign[a] != 0)
        component = _components(piece.cells, sides[together])
        apart = rows[a] - rows[b]
        bends = np.flatnonzero((apart != 0).any(axis=1) | (sign[a] != sign[b]))
        found: dict[int, dict[int, int]] = {}
        for f in bends.tolist():
            if together[f]:
                found.setdefault(component[a[f]], {})[f] = _weight(apart[f].tolist(), forms[f])
                continue
            for cell, factor in ((a[f], 1), (b[f], -1)):
                if sign[cell]:
                    found.setdefault(component[cell], {})[f] = factor * _weight(rows[cell].tolist(), forms[f])
        yield from found.values()


def _weight(difference: Sequence[int], h: Row) -> int:
    """w with difference = w h; a difference of integers, h primitive."""
    k = next(i for i, v in enumerate(h) if v)
    w = difference[k] // h[k]
    if any(v != w * u for v, u in zip(difference, h, strict=True)):
        raise AssertionError("a function on a complex is not continuous; please report this")
    return w


def _components(cells: int, pairs: Sides) -> list[int]:
    """For each cell the representative of those that it is joined to."""
    sets = DisjointSets(cells)
    for i, j in pairs.tolist():
        sets.join(i, j)
    return [sets.find(i) for i in range(cells)]


def _rounds(boundary: tuple[Any, Any], number: dict[int, int], sides: Sequence[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], ...]]:
    """For each ridge with inner facets only the facets, in the order of going round."""
    pointers, ridges = boundary
    around: dict[int, list[int]] = {}
    for facet, (a, b) in enumerate(itertools.pairwise(pointers.tolist())):
        for ridge in ridges[a:b].tolist():
            around.setdefault(ridge, []).append(facet)
    for members in around.values():
        if all(f in number for f in members):
            yield _round([number[f] for f in members], sides)


def _round(facets: list[int], sides: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Each cell at the ridge has two of the facets: from one cell to the next until the first comes again."""
    at: dict[int, list[int]] = {}
    for f in facets:
        for cell in sides[f]:
            at.setdefault(cell, []).append(f)
    f = facets[0]
    cell, way = sides[f][1], [(f, 1)]
    while len(way) < len(facets):
        one, two = at[cell]
        f = two if one == f else one
        forward = sides[f][0] == cell
        way.append((f, 1 if forward else -1))
        cell = sides[f][1] if forward else sides[f][0]
    return tuple(way)
