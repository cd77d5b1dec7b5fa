"""Two networks on the common cells of a domain: the subdivision by the units of both, in coordinates of the domain's hull.

On every cell both networks are affine. So what holds for affine functions at the vertices of a bounded cell holds on the cell, and a
question about f and g is one about vertices, or about faces.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from exactnn.cells import Piece, Program, StageMap, Subdivision, read_program
from exactnn.exact.clock import Clock
from exactnn.network import Network
from exactnn.regions.slices import on_slice
from exactnn.verify._domain import Coordinates


class Joint:
    """f and g, or f alone, over the coordinates t of a domain of dimension >= 1."""

    def __init__(self, f: Network, g: Network | None, where: Coordinates) -> None:
        self.where = where
        nets = [f] if g is None else [f, g]
        if where.origin is not None and where.directions is not None:
            # with nodes that no output depends on: certificates count their units
            nets = [on_slice(net, where.origin, where.directions, keep=net.order) for net in nets]
        self.program = read_program(nets, where.region)

    @cached_property
    def difference(self) -> StageMap:
        """f - g."""
        return minus(*self.program.outputs)

    def pieces(self, clock: Clock, program: Program | None = None) -> Iterator[tuple[Subdivision, Piece]]:
        """Finished pieces of the subdivision by the units of the program, or of more units."""
        run = Subdivision(self.program if program is None else program, clock)
        for piece in run.pieces():
            yield run, piece


def minus(a: StageMap, b: StageMap) -> StageMap:
    """a - b."""
    blocks = dict(a.blocks)
    for k, block in b.blocks.items():
        blocks[k] = blocks[k] - block if k in blocks else -block
    return StageMap(blocks, a.constant - b.constant)


def maximisers(steps: np.ndarray[tuple[int, int], np.dtype[np.int8]]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which outputs are maximal, from the signs (faces, outputs - 1) of the units z_i - max(z_0, ..., z_(i-1))."""
    result = np.ones((len(steps), steps.shape[1] + 1), dtype=bool)
    for i in range(steps.shape[1]):
        result[:, : i + 1] &= (steps[:, i] <= 0)[:, None]
        result[:, i + 1] = steps[:, i] >= 0
    return result
