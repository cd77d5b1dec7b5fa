"""Convolution and pooling: windows that slide over a grid, how they are read, and what is done to the entries in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product, zip_longest
from math import lcm, prod
from typing import NamedTuple

from . import _budget
from ._meaning import Block, Linear
from ._network import Node
from ._numbers import count, items, need, tensor
from ._operations import Fields, Shape
from ._terms import Term


class Window(NamedTuple):
    """A window of kernel[k] taps, dilation[k] apart, moved by stride[k] over the grid with its padding."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    @property
    def padded(self) -> bool:
        """Whether some window may reach over the edge."""
        return any(begin or end for begin, end in self.padding)

    def moved(self, grid: Sequence[int], step: str) -> tuple[int, ...]:
        """The grid of the results: floor((size + begin + end - dilation (kernel - 1) - 1) / stride) + 1."""
        wide = [size + begin + end for size, (begin, end) in zip(grid, self.padding, strict=True)]
        rooms = [size - dilation * (kernel - 1) - 1 for size, kernel, dilation in zip(wide, self.kernel, self.dilation, strict=True)]
        need(min(rooms) >= 0, step, "the window is larger than the padded grid")
        sizes = tuple(room // stride + 1 for room, stride in zip(rooms, self.stride, strict=True))
        taps = prod(sizes) * prod(self.kernel)
        _budget.charge(max(prod(wide), taps), step)
        _budget.hold(2 * prod(sizes) + taps, step)  # their places
        return sizes

    def places(self, grid: Sequence[int], result: Sequence[int]) -> list[list[int]]:
        """For each place of the result (row-major), the flat place on the grid of each tap; -1 is padding."""
        lines = []  # on each axis: for each place of the result, the coordinate of each tap or -1
        for size, out, kernel, stride, (begin, _), dilation in zip(
            grid, result, self.kernel, self.stride, self.padding, self.dilation, strict=True
        ):
            taps = [[i * stride - begin + k * dilation for k in range(kernel)] for i in range(out)]
            lines.append([[t if 0 <= t < size else -1 for t in row] for row in taps])
        found = []
        for rows in product(*lines):
            flat = [0]
            for size, row in zip(grid, rows, strict=True):
                flat = [-1 if f < 0 or t < 0 else f * size + t for f in flat for t in row]
            found.append(flat)
        return found

    def entries(self, shape: Sequence[int], result: Sequence[int], step: str) -> list[list[int]]:
        """For each entry of a pooling of (channels, grid), the flat entries of the operand in its window, padding left out."""
        _budget.charge(prod(result) * prod(self.kernel), step)
        _budget.hold(prod(result) * prod(self.kernel), step)
        area, places = prod(shape[1:]), self.places(shape[1:], result[1:])
        return [[c * area + p for p in row if p >= 0] for c in range(shape[0]) for row in places]


def _window(raw: Fields, kernel: Shape, step: str) -> Window:
    axes = len(kernel)
    stride, dilation = (
        tuple(count(v, f"{step}: {key}", 1) for v in items(raw.get(key, [1] * axes), f"{step}: {key}", axes))
        for key in ("stride", "dilation")
    )
    pairs = (items(v, f"{step}: padding", 2) for v in items(raw["padding"], f"{step}: padding", axes))
    return Window(kernel, stride, tuple((count(a, f"{step}: padding"), count(b, f"{step}: padding")) for a, b in pairs), dilation)


def read_conv(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """The weight slides over the grid, channels in groups."""
    weight, groups, (a,) = tensor(raw["weight"], f"{step}: weight"), count(raw["groups"], step, 1), operands
    need(len(weight.shape) >= 3, step, "the weight must have three or more axes")
    out, inner, *kernel = weight.shape
    need(len(a) == len(weight.shape) - 1, step, f"operand shape {list(a)} does not fit the weight")
    need(a[0] == inner * groups and out % groups == 0, step, "channels and groups do not fit")
    window, bias = _window(raw, tuple(kernel), step), tensor(raw["bias"], f"{step}: bias", (out,))
    return {"weight": weight, "bias": bias, "window": window, "groups": groups}, (out, *window.moved(a[1:], step))


def read_pool(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """A maximum or an average over each window."""
    (a,) = operands
    kernel = tuple(count(v, f"{step}: kernel", 1) for v in items(raw["kernel"], f"{step}: kernel"))
    need(len(kernel) >= 1 and len(a) == len(kernel) + 1, step, "the kernel does not fit the operand")
    window = _window(raw, kernel, step)
    grid, counted = window.moved(a[1:], step), raw.get("count_padding", False)
    need(type(counted) is bool, f"{step}: count_padding", "expected true or false")
    need(counted or all(max(row) >= 0 for row in window.places(a[1:], grid)), step, "a window holds nothing but padding")
    return {"window": window, "count_padding": counted}, (a[0], *grid)


def average(node: Node, shapes: Sequence[Shape]) -> Linear:
    """The mean over each window."""
    window, taps = node.fields["window"], prod(node.fields["window"].kernel)
    windows = window.entries(shapes[0], node.shape, f"node {node.name}")
    counted = [taps if node.fields["count_padding"] else len(places) for places in windows]
    common = lcm(*set(counted))
    weights = [common // n for n in counted]
    return Linear(node.shape, [Term(places, weights) for places in zip_longest(*windows, fillvalue=-1)], denominator=common)


def convolution(node: Node, shapes: Sequence[Shape]) -> Linear:
    """The kernels at each place of the result, and the bias of each channel."""
    weight, bias, size = node.fields["weight"], node.fields["bias"], prod(node.shape[1:])
    taps = prod(weight.shape[1:])
    _budget.charge(prod(node.shape) * taps, f"node {node.name}")
    constants = [n for n in bias.numerators for _ in range(size)]
    return Linear(node.shape, (), _kernels(node, shapes[0]), weight.denominator, constants, bias.denominator, taps)


def _kernels(node: Node, shape: Shape) -> Callable[[], Iterator[Block]]:
    """At each place of the result."""
    weight, groups = node.fields["weight"], node.fields["groups"]
    out, inner = weight.shape[:2]
    taps, area, size = prod(weight.shape[1:]), prod(shape[1:]), prod(node.shape[1:])
    kernels = [weight.numerators[o * taps : (o + 1) * taps] for o in range(out)]
    windows = node.fields["window"].places(shape[1:], node.shape[1:])
    parts = [
        (range(g * inner * area, (g + 1) * inner * area, area), range(g * out // groups, (g + 1) * out // groups)) for g in range(groups)
    ]

    def blocks() -> Iterator[Block]:
        for place, window in enumerate(windows):
            for channels, outs in parts:
                places = [c + p if p >= 0 else -1 for c in channels for p in window]
                entries = range(outs.start * size + place, outs.stop * size + place, size)
                yield places, entries, kernels[outs.start : outs.stop]

    return blocks
