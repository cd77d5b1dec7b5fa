"""Where a piecewise linear network is differentiable by its parameters: where nothing that moves with them is at a kink or in a tie.

Near the given weights and a point, an entry *moves* if it may change with them: what an affine or conv node gives does (by its bias), and
what a unit makes of it on a piece of slope other than 0. An entry that does not move may lie on a kink: max(max(t, 0), 0) for t < 0, or the
entries of a pooling window that are all 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.network import Add, Affine, BatchNorm, Constant, Conv, Input, MaxPool, Network, Operation, Scale, Subtract
from exactnn.network.pieces import chosen, levels, looked_up, pieces_at

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def smooth(net: Network, values: Mapping[str, RationalArray]) -> Mask:
    """For each point whether the network is differentiable by its parameters there; `values` of all nodes (n, *shape)."""
    count = len(values[net.order[0]])
    found = np.ones(count, dtype=bool)
    moving: dict[str, Mask] = {}
    for name in net.order:
        operation, shape = net.operation(name), values[name].shape
        reads = [moving[o] for o in net.operands(name)]
        if isinstance(operation, (Input, Affine, Conv)):
            moving[name] = np.ones(shape, dtype=bool)
        elif isinstance(operation, Constant):
            moving[name] = np.zeros(shape, dtype=bool)
        elif operation.is_affine:
            moving[name] = _reached(operation, reads, shape)
        else:
            before = values[net.operands(name)[0]]
            pieces, tied = pieces_at(operation, before)
            if isinstance(operation, MaxPool):
                index = operation.index(before.shape[2:])
                entries = reads[0].reshape(*before.shape[:2], -1)[:, :, index]
                moving[name] = chosen(operation, RationalArray(reads[0].astype(np.int64)), pieces).nonzero()
            else:
                entries = reads[0]
                moving[name] = reads[0] & looked_up(levels(operation)[0], pieces).nonzero()
            found &= ~(tied & entries).reshape(count, -1).any(axis=1)
    return found


def _reached(operation: Operation, reads: list[Mask], shape: tuple[int, ...]) -> Mask:
    """What an affine operation without weights of its own gives: where an entry that it reads moves (a factor 0 is not looked at)."""
    if isinstance(operation, (Scale, BatchNorm)):
        (mask,) = reads
        return np.broadcast_to(mask.reshape(len(mask), *[1] * (len(shape) - mask.ndim), *mask.shape[1:]), shape)
    counts = [RationalArray(mask.astype(np.int64)) for mask in reads]
    return (Add() if isinstance(operation, Subtract) else operation).evaluate(*counts).nonzero()
