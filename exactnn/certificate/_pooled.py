"""Maxima over windows on intervals: the lower ends have a maximum, and the upper ones."""

from __future__ import annotations

from ._intervals import Bounds, Difference, Image
from ._network import Node
from ._operations import Shape


def image(node: Node, shape: Shape, bits: int, step: str) -> Image:
    """What a maximum makes of its operand."""
    windows = node.fields["window"].entries(shape, node.shape, step)
    return lambda x: Bounds([max(x.lo[p] for p in row) for row in windows], [max(x.hi[p] for p in row) for row in windows])


def difference(a: Node, b: Node, shape: Shape, bits: int, step: str, images: object) -> Difference | None:
    """Between the least and the largest difference in the window, if both have the same windows."""
    if a.fields != b.fields:
        return None
    windows = a.fields["window"].entries(shape, a.shape, step)
    return lambda x, y, d: Bounds([min(d.lo[p] for p in row) for row in windows], [max(d.hi[p] for p in row) for row in windows])
