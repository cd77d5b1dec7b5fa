"""Two networks on the common cells of a domain: their units in one program, in coordinates of the domain's hull.

On every cell both networks are affine. So what holds for affine functions at the vertices of a bounded cell holds on the cell, and a
question about f and g is one about vertices, or about faces.
"""

from __future__ import annotations

import numpy as np

from exactnn.cells import Program, read_program
from exactnn.network import Network
from exactnn.regions.slices import on_slice
from exactnn.verify._domain import Coordinates


def joint_program(f: Network, g: Network | None, where: Coordinates) -> Program:
    """f and g, or f alone, over the coordinates t of a domain of dimension >= 1."""
    nets = [f] if g is None else [f, g]
    if where.origin is not None and where.directions is not None:
        # with nodes that no output depends on: certificates count their units
        nets = [on_slice(net, where.origin, where.directions, keep=net.order) for net in nets]
    return read_program(nets, where.region)


def maximisers(steps: np.ndarray[tuple[int, int], np.dtype[np.int8]]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which outputs are maximal, from the signs (faces, outputs - 1) of the units z_i - max(z_0, ..., z_(i-1))."""
    result = np.ones((len(steps), steps.shape[1] + 1), dtype=bool)
    for i in range(steps.shape[1]):
        result[:, : i + 1] &= (steps[:, i] <= 0)[:, None]
        result[:, i + 1] = steps[:, i] >= 0
    return result
