"""From finished pieces of a subdivision to regions: exact inequalities, affine maps, points inside."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpz_mat

from exactnn.cells import Interior, Piece, Program, Signs, Subdivision, output_maps
from exactnn.exact.polyhedron import Box
from exactnn.regions.region import Inequality, Neuron, Point, Region

#: A row (normal, offset) of integers: normal . x <= offset.
Row = tuple[tuple[int, ...], int]
#: Cells that are treated together: up to so many, and so many numbers.
_BATCH, _NUMBERS = 256, 2_000_000


def maps_of(program: Program, signs: Signs) -> Iterator[tuple[tuple[int, ...], ...]]:
    """For each cell a key of its affine maps, one for each network: equal maps have equal keys, over all cells of the program."""
    d, size = program.input_dim, _batch(program)
    for start in range(0, len(signs), size):
        batch = signs[start : start + size]
        tables = [[[int(v) for v in row] for row in m.tolist()] for m, _ in output_maps(program, batch)]
        for c in range(len(batch)):
            yield tuple(tuple(v for row in table for v in row[c * (d + 1) : (c + 1) * (d + 1)]) for table in tables)


def _batch(program: Program) -> int:
    return max(1, min(_BATCH, _NUMBERS // ((program.unit_count + 1) * (program.input_dim + 1))))


def matrices(program: Program, signs: Signs) -> tuple[list[tuple[fmpz_mat, int]], list[tuple[fmpz_mat, int]]]:
    """`cell_maps` of these cells: of the stages, and of the outputs."""
    found = list(program.cell_maps(signs))
    stages = len(program.stages)
    return found[:stages], found[stages:]


def regions_of(run: Subdivision, piece: Piece) -> Iterator[Region]:
    """The regions of a finished piece, in the order of its cells; cells of one pattern (max pooling makes such) are one region."""
    program, lattice, d = run.program, piece.lattice, run.program.input_dim
    groups = grouped(program, piece.signs)
    start, members = lattice.boundary[d]
    facet_zeros = lattice.face_signs(run.vertices.signs[piece.ids], d - 1) == 0
    inner = _inner_facets(groups, start, members, lattice.count(d - 1))
    inside = Interior(run, piece)
    patterns = program.patterns(piece.signs)
    order = np.argsort(groups, kind="stable")
    borders = np.flatnonzero(np.diff(groups[order], prepend=-1, append=-1))
    size = _batch(program)
    for first in range(0, len(borders) - 1, size):
        last = min(first + size, len(borders) - 1)
        cells = order[borders[first] : borders[last]]
        stages, outputs = matrices(program, piece.signs[cells])
        place = {int(c): i for i, c in enumerate(cells)}
        points = inside.points(order[borders[first:last]].tolist())
        for g in range(first, last):
            run.clock.check(f"the inequalities of {run.finished} regions were being made")
            own = order[borders[g] : borders[g + 1]]
            rows: dict[Row, set[Neuron]] = {}
            for cell in own.tolist():
                for facet in members[start[cell] : start[cell + 1]].tolist():
                    label = int(piece.labels[facet])
                    if facet in inner or (label < 0 and not isinstance(program.domain, Box)):
                        continue
                    row = _box_row(program, label) if label < 0 else _row(program, stages, piece.signs, place[cell], cell, label)
                    names = rows.setdefault(row, set())
                    if label < 0:
                        names.add(Neuron("domain", _box_index(d, label)))
                    zero = np.flatnonzero(facet_zeros[facet] & (piece.signs[cell] != 0))
                    names.update(neuron_of(program, int(u)) for u in zero)
            yield Region(
                program.named_pattern(patterns[own[0]]),
                tuple(Fraction(v, points[g - first][-1]) for v in points[g - first][:-1]),
                tuple(Inequality(*row, tuple(sorted(rows[row], key=rank))) for row in rows),
                affine_map(outputs[0], place[int(own[0])], d),
                not any(inside.unbounded[cell] for cell in own),
            )


def facets_between(run: Subdivision, piece: Piece) -> dict[tuple[int, int], tuple[Neuron, ...]]:
    """The pairs of regions, numbered as `regions_of` gives them, with a common facet, and the neurons that make it."""
    program, lattice = run.program, piece.lattice
    groups = grouped(program, piece.signs)
    start, members = lattice.boundary[program.input_dim]
    owner = np.repeat(np.arange(piece.cells), np.diff(start))
    order = np.argsort(members, kind="stable")
    facets, first, sides = np.unique(members[order], return_index=True, return_counts=True)
    zeros = lattice.face_signs(run.vertices.signs[piece.ids], program.input_dim - 1) == 0
    found: dict[tuple[int, int], set[Neuron]] = {}
    for facet, at in zip(facets[sides == 2].tolist(), first[sides == 2].tolist(), strict=True):
        cell, other = owner[order[at]], owner[order[at + 1]]
        a, b = sorted((int(groups[cell]), int(groups[other])))
        if a != b:
            made = np.flatnonzero(zeros[facet] & (piece.signs[cell] != 0))
            found.setdefault((a, b), set()).update(neuron_of(program, int(u)) for u in made)
    return {pair: tuple(sorted(neurons, key=rank)) for pair, neurons in found.items()}


def grouped(program: Program, signs: Signs) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For each cell the number of its pattern; numbers in the order of first appearance."""
    if program.patterns_are_signs:
        return np.arange(len(signs))
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(row.tobytes(), len(seen)) for row in program.patterns(signs)], dtype=np.int64)


def _inner_facets(groups: np.ndarray[Any, Any], start: np.ndarray[Any, Any], members: np.ndarray[Any, Any], facets: int) -> set[int]:
    """Facets between two cells of one group."""
    low, high = np.full(facets, np.iinfo(np.int64).max), np.full(facets, -1)
    owner = groups[np.repeat(np.arange(len(start) - 1), np.diff(start))]
    np.minimum.at(low, members, owner)
    np.maximum.at(high, members, owner)
    twice = np.bincount(members, minlength=facets) == 2
    return set(np.flatnonzero(twice & (low == high)).tolist())


def _row(program: Program, stages: list[tuple[fmpz_mat, int]], signs: Signs, place: int, cell: int, unit: int) -> Row:
    """sign (a . x + c) >= 0 as a row of coprime integers."""
    stage, column = program.stage_of(unit)
    d, matrix = program.input_dim, stages[stage][0]
    sign = int(signs[cell, unit])
    values = [sign * int(matrix[column, place * (d + 1) + k]) for k in range(d + 1)]
    g = math.gcd(*values)
    return tuple(-v // g for v in values[:d]), values[d] // g


def _box_index(d: int, label: int) -> int:
    j, side = divmod(-1 - label, 2)
    return j if side else d + j


def _box_row(program: Program, label: int) -> Row:
    j, side = divmod(-1 - label, 2)
    assert isinstance(program.domain, Box)
    bound = program.domain.bounds[side].to_fractions()[j]
    sign = 1 if side else -1
    normal = [0] * program.input_dim
    normal[j] = sign * bound.denominator
    return tuple(normal), sign * bound.numerator


def neuron_of(program: Program, unit: int) -> Neuron:
    """The neuron that a unit of the program belongs to."""
    stage, column = program.stage_of(unit)
    found = program.stages[stage]
    return Neuron(found.node or "domain", int(found.places[column]), found.part)


def rank(neuron: Neuron) -> tuple[bool, str, int, int]:
    """Order among neurons: those of the domain first."""
    return neuron.layer != "domain", neuron.layer, neuron.index, neuron.part


def affine_map(output: tuple[fmpz_mat, int], place: int, d: int) -> tuple[tuple[Point, ...], Point]:
    """(A, b) of the cell in this place, from its network's columns over one scale."""
    matrix, scale = output
    rows = [[Fraction(int(matrix[j, place * (d + 1) + k]), scale) for k in range(d + 1)] for j in range(matrix.nrows())]
    return tuple(tuple(row[:d]) for row in rows), tuple(row[d] for row in rows)
