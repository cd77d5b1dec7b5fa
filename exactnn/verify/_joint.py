"""Two networks on the common cells of a domain: their units in one program, in coordinates of the domain's hull.

On every cell both networks are affine. So what holds for affine functions at the vertices of a bounded cell holds on the cell, and a
question about f and g is one about vertices, or about faces.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from exactnn.cells import DIMENSIONS, Part, Piece, Program, Subdivision, read_program
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.network import Network
from exactnn.regions.slices import on_slice
from exactnn.verify._domain import Coordinates

#: Cells that are kept at once, by dimension: about half a gigabyte, as the faces of a cell grow in number with it.
_CELLS = (0, 60_000, 60_000, 60_000, 30_000, 20_000, 8_000)


class Cells(NamedTuple):
    """All cells of a part of a program, in coordinates s, t = basis^T s (None: t = s)."""

    part: Part
    run: Subdivision
    piece: Piece
    basis: RationalArray | None = None


def joint_program(f: Network, g: Network | None, where: Coordinates) -> Program:
    """f and g, or f alone, over the coordinates t of a domain of dimension >= 1."""
    nets = [f] if g is None else [f, g]
    if where.origin is not None and where.directions is not None:
        # with nodes that no output depends on: certificates count their units
        nets = [on_slice(net, where.origin, where.directions, keep=net.order) for net in nets]
    return read_program(nets, where.region)


def most_cells(dimension: int) -> int:
    """How many cells the lattice is followed to."""
    return _CELLS[dimension]


def in_steps(part: Part, where: Coordinates, clock: Clock, most: int | None = None) -> Generator[int, None, Cells]:
    """All cells of a part of a program over a domain, unit by unit; in the directions that matter alone, if that is right or needed.

    Gives how many there are after each unit. Incomplete beyond `most` cells, or those that can be kept at once.
    """
    basis = None
    if part.program.domain is None or where.dimension > DIMENSIONS:
        narrow, rows = part.narrowed()
        if len(rows) < where.dimension:
            part, basis = narrow, rows
    dimension = part.program.input_dim
    if dimension > DIMENSIONS:
        raise Incomplete(f"the networks differ in {dimension} directions, and the face lattice goes to {DIMENSIONS}")
    limit = most_cells(dimension)
    run = Subdivision(part.program, clock, piece=None, max_cells=limit if most is None else min(most, limit), open_stages=part.open)
    piece = run.start()
    while piece.unit < part.program.unit_count:
        run.step(piece)
        yield piece.cells
    piece.signs = run.cell_signs(piece)
    return Cells(part, run, piece, basis)


def at_once(steps: Generator[int, None, Cells]) -> Cells:
    """The cells."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def maximisers(steps: np.ndarray[tuple[int, int], np.dtype[np.int8]]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which outputs are maximal, from the signs (faces, outputs - 1) of the units z_i - max(z_0, ..., z_(i-1))."""
    result = np.ones((len(steps), steps.shape[1] + 1), dtype=bool)
    for i in range(steps.shape[1]):
        result[:, : i + 1] &= (steps[:, i] <= 0)[:, None]
        result[:, i + 1] = steps[:, i] >= 0
    return result
