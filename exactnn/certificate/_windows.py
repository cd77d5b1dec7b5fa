"""Sliding windows of convolutions and pooling, and the index maps of the operations that only move entries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from . import _budget
from ._numbers import Rejected


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
        sizes = []
        wide = [size + begin + end for size, (begin, end) in zip(grid, self.padding, strict=True)]
        for size, kernel, stride, dilation in zip(wide, self.kernel, self.stride, self.dilation, strict=True):
            room = size - dilation * (kernel - 1) - 1
            if room < 0:
                raise Rejected(step, "the window is larger than the padded grid")
            sizes.append(room // stride + 1)
        taps = prod(sizes) * prod(self.kernel)
        _budget.charge(max(prod(wide), taps), step)
        _budget.hold(2 * prod(sizes) + taps, step)  # their places
        return tuple(sizes)

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

    def entries(self, shape: Sequence[int], result: Sequence[int]) -> list[list[int]]:
        """For each entry of a pooling of (channels, grid), the flat entries of the operand in its window, padding left out."""
        area, places = prod(shape[1:]), self.places(shape[1:], result[1:])
        return [[c * area + p for p in row if p >= 0] for c in range(shape[0]) for row in places]

    def has_empty(self, grid: Sequence[int], result: Sequence[int]) -> bool:
        """Whether some window holds nothing but padding (it is a product of windows on the axes)."""
        for size, out, kernel, stride, (begin, _), dilation in zip(
            grid, result, self.kernel, self.stride, self.padding, self.dilation, strict=True
        ):
            for i in range(out):
                first = i * stride - begin
                if not any(0 <= first + k * dilation < size for k in range(kernel)):
                    return True
        return False


def strided(shape: Sequence[int], strides: Sequence[int], start: int = 0) -> list[int]:
    """start + sum of index * stride, over all indices of ``shape`` in row-major order."""
    found = [start]
    for size, stride in zip(shape, strides, strict=True):
        found = [f + stride * k for f in found for k in range(size)]
    return found


def strides(shape: Sequence[int]) -> list[int]:
    """The row-major strides of a shape."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def broadcast(first: Sequence[int], second: Sequence[int], step: str) -> tuple[int, ...]:
    """The common shape, aligned at the last axis, a size of 1 fitting every size."""
    rank = max(len(first), len(second))
    pairs = zip([1] * (rank - len(first)) + [*first], [1] * (rank - len(second)) + [*second], strict=True)
    shape = []
    for a, b in pairs:
        if a != b and 1 not in (a, b):
            raise Rejected(step, f"shapes {list(first)} and {list(second)} do not fit together")
        shape.append(max(a, b))
    return tuple(shape)


def spread(shape: Sequence[int], result: Sequence[int]) -> list[int]:
    """For each entry of ``result``, the flat index of the entry of ``shape`` that is broadcast to it."""
    missing = len(result) - len(shape)
    steps = [0 if size == 1 else stride for size, stride in zip(shape, strides(shape), strict=True)]
    return strided(result, [0] * missing + steps)
