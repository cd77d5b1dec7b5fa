"""Constants, and operations that only move entries: reshape, transpose, slice, gather, concat."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ._meaning import Linear
from ._network import Node
from ._numbers import count, index, items, need, shape, tensor
from ._operations import Fields, Shape
from ._terms import Term


def read_constant(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """Its value."""
    value = tensor(raw["value"], f"{step}: value")
    return {"value": value}, value.shape


def read_reshape(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """The same entries in another shape."""
    found = shape(raw["shape"], step)
    need(prod(found) == prod(operands[0]), step, f"{list(operands[0])} cannot become {list(found)}")
    return {}, found


def read_transpose(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """Axes in another order."""
    rank = len(operands[0])
    axes = tuple(index(v, rank, f"{step}: axes") for v in items(raw["axes"], f"{step}: axes", rank))
    need(len(set(axes)) == rank, step, "an axis occurs twice")
    return {"axes": axes}, tuple(operands[0][axis] for axis in axes)


def read_slice(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """Some indices of each axis."""
    (a,), keys = operands, (("starts", 0), ("stops", 0), ("steps", 1))
    columns = [[count(v, f"{step}: {key}", least) for v in items(raw[key], f"{step}: {key}", len(a))] for key, least in keys]
    taken = tuple(range(size)[start:stop:by] for size, start, stop, by in zip(a, *columns, strict=True))
    need(all(taken), step, "the slice is empty")
    return {"taken": taken}, tuple(map(len, taken))


def read_gather(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """The entries at some places."""
    places = tensor(raw["index"], f"{step}: index")
    need(places.denominator == 1, step, "an index is no whole number")
    need(all(0 <= p < prod(operands[0]) for p in places.numerators), step, f"an index beyond the entries of {list(operands[0])}")
    return {"index": places}, places.shape


def read_concat(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """Operands one behind the other on an axis."""
    need(len(operands) >= 1, step, "needs an operand")
    first = operands[0]
    axis = index(raw["axis"], len(first), f"{step}: axis")
    need(len(set(map(len, operands))) == 1, step, "the operands differ in their number of axes")
    need(len({a[:axis] + a[axis + 1 :] for a in operands}) == 1, step, "shapes do not fit")
    return {"axis": axis}, (*first[:axis], sum(a[axis] for a in operands), *first[axis + 1 :])


def constant(node: Node, shapes: Sequence[Shape]) -> Linear:
    """The value."""
    value = node.fields["value"]
    return Linear(node.shape, constants=value.numerators, over=value.denominator)


def reshaped(node: Node, shapes: Sequence[Shape]) -> Linear:
    """Row-major entries stay where they are."""
    return Linear(node.shape, [Term(range(prod(node.shape)))])


def transposed(node: Node, shapes: Sequence[Shape]) -> Linear:
    """The sum of index * stride, the strides in the new order of the axes."""
    places = [0]
    for axis in node.fields["axes"]:
        stride = prod(shapes[0][axis + 1 :])
        places = [p + stride * k for p in places for k in range(shapes[0][axis])]
    return Linear(node.shape, [Term(places)])


def sliced(node: Node, shapes: Sequence[Shape]) -> Linear:
    """The indices that are taken, axis by axis."""
    places = [0]
    for size, taken in zip(shapes[0], node.fields["taken"], strict=True):
        places = [p * size + k for p in places for k in taken]
    return Linear(node.shape, [Term(places)])


def gathered(node: Node, shapes: Sequence[Shape]) -> Linear:
    """The places as they are written."""
    return Linear(node.shape, [Term(node.fields["index"].numerators)])


def joined(node: Node, shapes: Sequence[Shape]) -> Linear:
    """For each index of the axes before, a block of each operand."""
    axis = node.fields["axis"]
    blocks = [(sum(map(prod, shapes[:k])), prod(shape[axis:])) for k, shape in enumerate(shapes)]  # the first one, and how long each is
    outer = range(prod(node.shape[:axis]))
    return Linear(node.shape, [Term([first + o * size + i for o in outer for first, size in blocks for i in range(size)])])
