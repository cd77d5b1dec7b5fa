"""Operators that only move entries: what numpy does to the places of the entries says what the network's gather does to them.

A file's operator acts on the batch axis as on any other. With a batch size that the file leaves open, it is tried on two points: each
may take its own entries only, and both alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._onnx.reader import Node, Reader, axis_in
from exactnn.load._onnx.typed import Array, numbers, one_kind, tensor_of
from exactnn.load._onnx.values import OnnxValue, Operand, Tensor, exact
from exactnn.network import Concat, Gather, Reshape
from exactnn.network.operations import Shape

Pick = Callable[..., Array]


def picked(node: Node, operands: Sequence[Operand], pick: Pick) -> Operand:
    """The result of a numpy function that takes its entries from these operands, each of its full shape in the file."""
    tensors = [o for o in operands if isinstance(o, Tensor)]
    if len(tensors) == len(operands):
        node.reader.plain = False
        return tensor_of(node.outputs[0], one_kind(*tensors), _tried(pick, [numbers(t) for t in tensors]))
    reader = node.reader
    own = [isinstance(o, OnnxValue) and o.batched for o in operands]
    sizes = [math.prod(o.shape) for o in operands]
    found = _tried(pick, _places(operands, own, reader.batch))
    batched = any(own) and found.shape[:1] == (reader.batch,)
    shared = np.repeat(~np.array(own), sizes)  # entries that do not depend on the point
    if reader.batch > 1:
        _check_alike(reader, found, shared)
    elif reader.dynamic and any(own):
        try:
            _check_points(reader, found, _tried(pick, _places(operands, own, 2)), shared)
        except LoadError:
            reader.refuse_dynamic()
    index = found[0] if batched else found
    if not index.size:
        raise LoadError("a result with entries is needed, but it has none")
    reader.budget.tensor(index.shape)
    reader.plain = False
    return _gathered(node, operands, sizes, index, batched=batched)


def tried_on_two(node: Node, operand: Operand) -> bool:
    """Whether a function of this operand is tried on two points, where the file has one, or an open number of them."""
    return node.reader.dynamic and node.reader.batch == 1 and isinstance(operand, OnnxValue) and operand.batched


def _places(operands: Sequence[Operand], own: Sequence[bool], points: int) -> list[Array]:
    """Numbers for the entries of all operands: those of the points one after the other, where an operand has the batch axis."""
    total, start, places = sum(math.prod(o.shape) for o in operands), 0, []
    for operand, batched in zip(operands, own, strict=True):
        first = start + np.arange(math.prod(operand.shape), dtype=np.int64).reshape(operand.shape)
        places.append(np.stack([first + p * total for p in range(points)]) if batched else first)
        start += math.prod(operand.shape)
    return places


def moved(node: Node, operand: Operand, move: Pick) -> Operand:
    """The result of a numpy function that moves the entries of one operand."""
    return picked(node, [operand], move)


def zero() -> Tensor:
    """One 0, as a further operand to take entries from."""
    return exact(RationalArray.zeros(()))


def _tried(pick: Pick, arrays: Sequence[Array]) -> Array:
    try:
        return np.asarray(pick(*arrays))
    except (ValueError, IndexError) as error:
        raise LoadError(f"shapes and indices that fit together are needed ({str(error)[:120]})") from None


def _check_points(reader: Reader, one: Array, both: Array, shared: Array) -> None:
    """Each of two points takes the same entries as one alone, of its own."""
    total = len(shared)
    if both.shape[:1] != (2,) or one.shape != (1, *both.shape[1:]):
        reader.refuse_dynamic()
    first, second = both
    if (first != one[0]).any() or (second != np.where(shared[first], first, first + total)).any():
        reader.refuse_dynamic()


def _check_alike(reader: Reader, found: Array, shared: Array) -> None:
    """All points of a file for a fixed number of them take the same entries, each of its own."""
    total = len(shared)
    if found.shape[:1] != (reader.batch,) or (found[0] >= total).any():
        reader.refuse_dynamic()
    own = np.where(shared[found[0]], 0, total)
    if any((found[p] != found[0] + p * own).any() for p in range(1, reader.batch)):
        reader.refuse_dynamic()


def _gathered(node: Node, operands: Sequence[Operand], sizes: Sequence[int], index: Array, *, batched: bool) -> Operand:
    """The entries at these places of all operands together; those of which nothing is taken are left out."""
    parts: list[Operand] = []
    start = kept = 0
    target = np.array(index)
    for operand, size in zip(operands, sizes, strict=True):
        inside = (index >= start) & (index < start + size)
        if inside.any():
            target[inside] = index[inside] - start + kept
            parts.append(operand)
            kept += size
        start += size
    if len(parts) == 1:
        return _taken(node, parts[0], target, batched=batched)
    flat = [o if len(o.shape) == 1 else node.emit(Reshape((math.prod(o.shape),)), o) for o in parts]
    return _taken(node, node.emit(Concat(0), *flat, batched=batched), target, batched=batched)


def _taken(node: Node, operand: Operand, index: Array, *, batched: bool) -> Operand:
    if index.size == math.prod(operand.shape) and (index.ravel() == np.arange(index.size)).all():
        if index.shape == operand.shape and isinstance(operand, OnnxValue):
            return OnnxValue(operand.node, operand.shape, batched)
        return node.emit(Reshape(index.shape), operand, batched=batched)
    return node.emit(Gather(RationalArray(index)), operand, batched=batched)


def checked_result(node: Node, shape: Shape) -> Shape:
    """A shape that a file asks for, before anything of that size is made."""
    return node.reader.budget.tensor(shape)


def indices_of(node: Node, position: int, what: str = "the indices") -> Array:
    """A constant operand of integers."""
    tensor = node.tensor(position, what)
    if not tensor.is_integer or tensor.kind == "bool":
        raise LoadError(f"{what}: integers are needed, got {tensor.kind}")
    return numbers(tensor).astype(np.int64)


def wrapped(indices: Array, size: int, what: str = "indices") -> Array:
    """Indices counted from 0; LoadError beyond the size."""
    if ((indices < -size) | (indices >= size)).any():
        raise LoadError(f"{what}: -{size} to {size - 1} is needed, got {int(indices.min())} to {int(indices.max())}")
    return np.where(indices < 0, indices + size, indices)


def axis_of(node: Node, rank: int, default: int | None = None) -> int:
    """The attribute `axis`, counted from 0."""
    return axis_in(node.attributes.integer("axis", default), rank)


def one_of(value: str, *known: str, what: str) -> str:
    """The value itself, if it is one that is known."""
    if value not in known:
        raise UnsupportedOperation(f"{what}: {', '.join(map(repr, known))} is known here, got {value!r}")
    return value
