"""Sums of two values and constant factors, where a size of 1 fits every size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from math import prod

from ._meaning import Linear
from ._network import Node
from ._numbers import Tensor, need, tensor
from ._operations import Fields, Shape
from ._terms import Term


def broadcast(first: Sequence[int], second: Sequence[int], step: str) -> Shape:
    """The common shape, aligned at the last axis, a size of 1 fitting every size."""
    pairs = list(zip_longest(reversed(first), reversed(second), fillvalue=1))
    need(all(a == b or 1 in (a, b) for a, b in pairs), step, f"shapes {list(first)} and {list(second)} do not fit together")
    return tuple(max(pair) for pair in reversed(pairs))


def spread(shape: Sequence[int], result: Sequence[int]) -> list[int]:
    """For each entry of ``result``, the flat index of the entry of ``shape`` that is broadcast to it."""
    places = [0]
    for size, wide in zip([1] * (len(result) - len(shape)) + [*shape], result, strict=True):
        places = [p * size + k % size for p in places for k in range(wide)]  # size is 1 or wide
    return places


def broadcast_to(a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The tensor repeated along the axes it lacks or has size 1 on."""
    return a if a.shape == shape else Tensor(shape, [a.numerators[p] for p in spread(a.shape, shape)], a.denominator)


def read_sum(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """Two values, of shapes that fit together."""
    return {}, broadcast(operands[0], operands[1], step)


def read_scale(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """A constant factor for each entry, broadcast to the operand."""
    factor = tensor(raw["factor"], f"{step}: factor")
    need(broadcast(factor.shape, operands[0], step) == operands[0], step, "the factor is larger than the operand")
    return {"factor": factor}, operands[0]


def added(node: Node, shapes: Sequence[Shape]) -> Linear:
    """a + b, or a - b."""
    size, behind = prod(node.shape), prod(shapes[0])
    first, second = (range(size) if shape == node.shape else spread(shape, node.shape) for shape in shapes)
    second = range(behind, behind + size) if type(second) is range else [behind + p for p in second]
    return Linear(node.shape, [Term(first), Term(second, [-1] * size if node.op == "subtract" else None)])


def scaled(node: Node, shapes: Sequence[Shape]) -> Linear:
    """The factor of each entry."""
    factor = node.fields["factor"]
    weights = [factor.numerators[p] for p in spread(factor.shape, node.shape)]
    return Linear(node.shape, [Term(range(prod(node.shape)), weights)], denominator=factor.denominator)
