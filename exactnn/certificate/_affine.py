"""The exact values of the operations that are affine in their operands.

Every tensor is integers over one denominator, so that an entry costs integer products only. With ``linear`` true
the constant parts are left out: then the result is the linear part of the operation, applied to the operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm, prod
from operator import add, mul, sub

from ._network import Node
from ._numbers import Tensor, lowest
from ._windows import Window, spread, strided, strides

MOVING = frozenset(("reshape", "transpose", "slice", "gather", "concat"))
AFFINE = MOVING | {"constant", "affine", "conv", "average_pool", "batch_norm", "add", "subtract", "scale"}


def affine_value(node: Node, operands: Sequence[Tensor], linear: bool = False) -> Tensor:
    """The value of an operation in AFFINE, or of its linear part."""
    fields = node.fields
    if node.op == "constant":
        value: Tensor = fields["value"]
        return Tensor(value.shape, [0] * len(value.numerators), 1) if linear else value
    if node.op == "affine":
        bias: Tensor = fields["bias"]
        found = _affine(fields["weight"], operands[0], node.shape)
        shift = bias._replace(numerators=bias.numerators * (prod(node.shape) // len(bias.numerators)))
    elif node.op == "conv":
        found, shift = _conv(node, operands[0]), along_channels(fields["bias"], node.shape)
    elif node.op == "batch_norm":
        found = product(operands[0], along_channels(fields["scale"], node.shape))
        shift = along_channels(fields["shift"], node.shape)
    else:
        return lowest(_linear_value(node, operands))
    return lowest(found if linear else sum_of(found, shift))


def _linear_value(node: Node, operands: Sequence[Tensor]) -> Tensor:
    """The operations without a constant part."""
    if node.op == "average_pool":
        return _average(node, operands[0])
    if node.op == "scale":
        return product(operands[0], broadcast_to(node.fields["factor"], node.shape))
    if node.op in ("add", "subtract"):
        first, second = (broadcast_to(a, node.shape) for a in operands)
        return sum_of(first, second, node.op == "subtract")
    lists, common = over_common_denominator(operands)
    moved = [lists[k][i] for k, i in moves(node, [a.shape for a in operands])]
    return Tensor(node.shape, moved, common)


def moves(node: Node, shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, int]]:
    """For each entry of a reshape, transpose, slice, gather or concat: which operand and which flat entry of it."""
    if node.op == "concat":
        axis = node.fields["axis"]
        blocks = [prod(s[axis:]) for s in shapes]  # entries in a row, for one index of the axes before
        outer = range(prod(node.shape[:axis]))
        return [(k, o * size + i) for o in outer for k, size in enumerate(blocks) for i in range(size)]
    if node.op == "gather":
        return [(0, p) for p in node.fields["index"].numerators]
    steps, start = strides(shapes[0]), 0
    if node.op == "transpose":
        steps = [steps[axis] for axis in node.fields["axes"]]
    elif node.op == "slice":
        taken: tuple[range, ...] = node.fields["taken"]
        start = sum(r.start * s for r, s in zip(taken, steps, strict=True))
        steps = [r.step * s for r, s in zip(taken, steps, strict=True)]
    else:
        return [(0, p) for p in range(prod(node.shape))]
    return [(0, p) for p in strided(node.shape, steps, start)]


def along_channels(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """One value for each channel (axis 0), repeated over the grid."""
    repeat = prod(shape[1:])
    return Tensor(shape, [n for n in values.numerators for _ in range(repeat)], values.denominator)


def broadcast_to(a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The tensor repeated along the axes it lacks or has size 1 on."""
    if a.shape == shape:
        return a
    return Tensor(shape, [a.numerators[p] for p in spread(a.shape, shape)], a.denominator)


def over_common_denominator(tensors: Sequence[Tensor]) -> tuple[list[list[int]], int]:
    """Their numerators over one denominator."""
    common = lcm(*(a.denominator for a in tensors))
    factors = [common // a.denominator for a in tensors]
    pairs = zip(tensors, factors, strict=True)
    return [a.numerators if f == 1 else [n * f for n in a.numerators] for a, f in pairs], common


def product(a: Tensor, b: Tensor) -> Tensor:
    """a b, entry by entry."""
    return Tensor(a.shape, list(map(mul, a.numerators, b.numerators)), a.denominator * b.denominator)


def sum_of(a: Tensor, b: Tensor, minus: bool = False) -> Tensor:
    """a + b, or a - b, entry by entry."""
    (first, second), common = over_common_denominator((a, b))
    return Tensor(a.shape, list(map(sub if minus else add, first, second)), common)


def total(tensors: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape."""
    lists, common = over_common_denominator(tensors)
    return Tensor(tensors[0].shape, list(map(sum, zip(*lists, strict=True))), common)


def _affine(weight: Tensor, a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """weight applied to each vector on the last axis of a."""
    m, n = weight.shape
    rows = [weight.numerators[i * n : (i + 1) * n] for i in range(m)]
    vectors = [a.numerators[k : k + n] for k in range(0, len(a.numerators), n)]
    products = [sum(map(mul, row, v)) for v in vectors for row in rows]
    return Tensor(shape, products, weight.denominator * a.denominator)


def _conv(node: Node, a: Tensor) -> Tensor:
    """Cross-correlation: for each place the taps are collected once, then multiplied by every kernel."""
    weight, groups = node.fields["weight"], node.fields["groups"]
    window: Window = node.fields["window"]
    out, inner = weight.shape[:2]
    area, taps = prod(a.shape[1:]), prod(weight.shape[1:])
    kernels = [weight.numerators[o * taps : (o + 1) * taps] for o in range(out)]
    # one zero behind each channel's grid stands for the padding, at which place -1 points
    grids = [[*a.numerators[c * area : (c + 1) * area], 0] for c in range(a.shape[0])]
    found: list[list[int]] = [[] for _ in range(out)]
    for places in window.places(a.shape[1:], node.shape[1:]):
        for g in range(groups):
            patch = [grid[p] for grid in grids[g * inner : (g + 1) * inner] for p in places]
            for o in range(g * out // groups, (g + 1) * out // groups):
                found[o].append(sum(map(mul, kernels[o], patch)))
    return Tensor(node.shape, [n for channel in found for n in channel], weight.denominator * a.denominator)


def _average(node: Node, a: Tensor) -> Tensor:
    """The mean over each window; the padding counts as zeros, or not at all."""
    window: Window = node.fields["window"]
    windows, whole = window.entries(a.shape, node.shape), prod(window.kernel)
    sizes = [whole if node.fields["count_padding"] else len(row) for row in windows]
    common = lcm(*sizes)
    found = [sum(a.numerators[p] for p in row) * (common // size) for row, size in zip(windows, sizes, strict=True)]
    return Tensor(node.shape, found, a.denominator * common)
