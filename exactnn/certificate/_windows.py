"""Where entries lie: strides, and shapes that are broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ._numbers import Rejected


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
