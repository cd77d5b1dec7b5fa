"""ONNX operators that rearrange entries, and those that compute with shapes (at batch size 1)."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from exactnn.errors import LoadError
from exactnn.exact.array import RationalArray
from exactnn.load._limits import checked_size
from exactnn.load._onnx.moves import moved, tried_on_two
from exactnn.load._onnx.reader import Node, axis_in, operator
from exactnn.load._onnx.typed import Array
from exactnn.load._onnx.values import OnnxValue, Operand, Tensor, full_shape
from exactnn.network import Concat, Slice, Transpose
from exactnn.network.operations import Shape, broadcast

_OPEN_END = (1 << 31) - 1  # ends from here on mean "to the end"


@operator("Flatten", attributes="axis")
def flatten(node: Node) -> Operand:
    """A matrix: the axes before `axis` as its first, the others as its second."""
    operand = node.operand()
    full = full_shape(operand)
    axis = node.attributes.integer("axis", 1)
    axis = len(full) if axis == len(full) else axis_in(axis, max(len(full), 1))
    target = (math.prod(full[:axis]), math.prod(full[axis:]))
    return node.reader.reshaped(operand, target, batch_stays=axis > 0)


@operator("Reshape", attributes="allowzero")
def reshape(node: Node) -> Operand:
    """Row-major reshape; 0 copies a size (unless `allowzero`), one -1 takes what is left."""
    operand, target = node.operand(), node.tensor(1, "the shape").integers()
    full = full_shape(operand)
    if node.attributes.flag("allowzero"):
        node.reader.plain = False
    else:
        if any(n == 0 and i >= len(full) for i, n in enumerate(target)):
            raise LoadError(f"shape: 0 copies a size, but {list(full)} has none there, got {target}")
        target = [full[i] if n == 0 else n for i, n in enumerate(target)]
    if target.count(-1) > 1 or any(n < -1 for n in target):
        raise LoadError(f"shape: sizes and at most one -1 are needed, got {target}")
    entries, known = math.prod(full), math.prod(n for n in target if n != -1)
    if -1 in target:
        if known == 0 or entries % known:
            raise LoadError(f"shape: a shape for the {entries} entries of {list(full)} is needed, got {target}")
        target = [entries // known if n == -1 else n for n in target]
    elif known != entries:
        raise LoadError(f"shape: a shape for the {entries} entries of {list(full)} is needed, got {target}")
    return node.reader.reshaped(operand, target, batch_stays=True)


@operator("Transpose", attributes="perm")
def transpose(node: Node) -> Operand:
    """Axes in another order."""
    operand = node.operand()
    rank = len(full_shape(operand))
    order = node.attributes.integers("perm")
    order = list(range(rank))[::-1] if order is None else order
    if sorted(order) != list(range(rank)):
        raise LoadError(f"attribute perm: a permutation of {rank} axes is needed, got {order}")
    if isinstance(operand, OnnxValue) and operand.batched:
        if order[0] == 0:
            return node.apply(Transpose(tuple(a - 1 for a in order[1:])), operand)
        operand = node.reader.unbatched(operand)
    return node.apply(Transpose(tuple(order)), operand)


@operator("Squeeze", attributes="axes")
def squeeze(node: Node) -> Operand:
    """Without some axes of size 1; by default without all of them."""
    operand, axes = node.operand(), node.integers("axes", 1, "the list of axes")
    full = full_shape(operand)
    batched = isinstance(operand, OnnxValue) and operand.batched
    if axes is None:
        gone = {i for i, n in enumerate(full) if n == 1 and not (i == 0 and batched and node.reader.dynamic)}
    else:
        gone = {axis_in(a, len(full)) for a in axes}
    if any(full[i] != 1 for i in gone):
        raise LoadError(f"axes of size 1 are needed, got axes {sorted(gone)} of shape {list(full)}")
    target = [n for i, n in enumerate(full) if i not in gone]
    return node.reader.reshaped(operand, target, batch_stays=0 not in gone)


@operator("Unsqueeze", attributes="axes")
def unsqueeze(node: Node) -> Operand:
    """With additional axes of size 1."""
    operand, axes = node.operand(), node.integers("axes", 1, "the list of axes")
    if not axes:
        raise LoadError("axes: a list of axes is needed, but it is left out or empty")
    full = full_shape(operand)
    rank = len(full) + len(axes)
    new = {axis_in(a, rank) for a in axes}
    if len(new) < len(axes):
        raise LoadError(f"axes: each axis once is needed, got {axes}")
    sizes = iter(full)
    target = [1 if i in new else next(sizes) for i in range(rank)]
    return node.reader.reshaped(operand, target, batch_stays=0 not in new)


@operator("Concat", attributes="axis")
def concat(node: Node) -> Operand:
    """Operands joined along an axis."""
    operands = node.operands()
    rank = len(full_shape(operands[0]))
    axis = axis_in(node.attributes.integer("axis"), rank)
    if any(len(full_shape(o)) != rank for o in operands):
        raise LoadError(f"operands with {rank} axes are needed, got {[list(full_shape(o)) for o in operands]}")
    values = [o for o in operands if isinstance(o, OnnxValue)]
    if axis == 0 or not any(v.batched for v in values):
        return node.emit(Concat(axis), *(node.reader.unbatched(o) for o in operands))
    if any(full_shape(o)[0] != node.reader.batch or (isinstance(o, Tensor) and not node.reader.same_rows(o)) for o in operands):
        raise LoadError(f"operands with the batch axis in front are needed, got {[list(full_shape(o)) for o in operands]}")
    return node.emit(Concat(axis - 1), *(node.reader.stripped(o, rank) for o in operands), batched=True)


@operator("Slice", attributes="starts ends axes")
def slice_(node: Node) -> Operand:
    """Entries from start to end, both cut off at the ends of the axis, in positive steps."""
    operand = node.operand()
    full = full_shape(operand)
    starts, ends = node.integers("starts", 1, "the starts"), node.integers("ends", 2, "the ends")
    if starts is None or ends is None:
        raise LoadError("starts and ends are needed, but left out")
    axes = node.integers("axes", 3, "the list of axes")
    axes = list(range(len(starts))) if axes is None else [axis_in(a, len(full)) for a in axes]
    stepping = node.optional_tensor(4, "the steps")
    steps = [1] * len(starts) if stepping is None else stepping.integers()
    if not len(starts) == len(ends) == len(axes) == len(steps) or len(set(axes)) < len(axes):
        raise LoadError(f"one start, end and step for each axis are needed, got {starts}, {ends}, {steps} for axes {axes}")
    if 0 in steps:
        raise LoadError(f"steps other than 0 are needed, got {steps}")
    if any(a >= len(full) for a in axes):
        raise LoadError(f"axes of shape {list(full)} are needed, got {axes}")
    if isinstance(operand, Tensor):
        array = operand.rational
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            kept = list(range(*slice(start, end, step).indices(full[axis])))
            array = RationalArray(array.numerators.take(kept, axis=axis), array.denominator)
        return Tensor(node.outputs[0], operand.kind, array)
    if min(steps, default=1) < 0:
        cuts = [slice(None)] * len(full)
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            cuts[axis] = slice(start, None if step < 0 and end < -full[axis] else end, step)
        return moved(node, operand, lambda x: x[tuple(cuts)])
    cut = [(0, n, 1) for n in full]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if axis == 0 and isinstance(operand, OnnxValue) and operand.batched and start == 0 and step == 1 and end >= _OPEN_END:
            continue
        cut[axis] = slice(start, end, step).indices(full[axis])
        if axis == 0 and isinstance(operand, OnnxValue) and operand.batched:
            operand = node.reader.unbatched(operand)
    return _sliced(node, operand, cut)


def _sliced(node: Node, operand: Operand, cut: list[tuple[int, int, int]]) -> Operand:
    if isinstance(operand, OnnxValue) and operand.batched:
        cut = cut[1:]
    starts, stops, steps = zip(*cut, strict=True)
    return node.apply(Slice(starts, stops, steps), operand)


def _along(node: Node, operand: Operand, axis: int, bounds: tuple[int, int, int]) -> Operand:
    """The entries of one axis in these bounds."""
    return _sliced(node, operand, [bounds if i == axis else (0, n, 1) for i, n in enumerate(full_shape(operand))])


@operator("Split", attributes="axis split num_outputs")
def split(node: Node) -> list[Operand]:
    """Consecutive pieces along an axis, one for each output."""
    operand, sizes = node.operand(), node.integers("split", 1, "the sizes")
    full = full_shape(operand)
    axis = axis_in(node.attributes.integer("axis", 0), len(full))
    pieces = node.attributes.integer("num_outputs", len(node.outputs))
    if pieces != len(node.outputs):
        raise LoadError(f"attribute num_outputs: {len(node.outputs)}, the number of outputs, is needed, got {pieces}")
    if sizes is None:
        longest = -(-full[axis] // pieces)
        sizes = [longest] * (pieces - 1) + [full[axis] - longest * (pieces - 1)]
    if len(sizes) != pieces or sum(sizes) != full[axis] or min(sizes) < 1:
        raise LoadError(f"{pieces} positive sizes with sum {full[axis]} are needed, got {sizes}")
    if axis == 0:
        operand = node.reader.unbatched(operand)
    results, start = [], 0
    for size in sizes:
        results.append(_along(node, operand, axis, (start, start + size, 1)))
        start += size
    return results


@operator("Gather", attributes="axis")
def gather(node: Node) -> Operand:
    """Entries at constant indices along an axis."""
    operand, tensor = node.operand(), node.tensor(1, "the indices")
    full = full_shape(operand)
    axis = axis_in(node.attributes.integer("axis", 0), len(full))
    if not tensor.is_integer:
        raise LoadError(f"indices: integers are needed, got {tensor.kind}")
    flat = Tensor(tensor.name, tensor.kind, tensor.rational.reshape(-1))
    indices = [axis_in(i, full[axis], "indices") for i in flat.integers()]
    target = (*full[:axis], *tensor.shape, *full[axis + 1 :])
    if isinstance(operand, Tensor):
        node.reader.budget.tensor(target)
        taken = RationalArray(operand.rational.numerators.take(indices, axis=axis), operand.rational.denominator)
        return Tensor(node.outputs[0], operand.kind, taken.reshape(*target))
    steps = {b - a for a, b in pairwise(indices)}
    if tensor.shape and len(steps) <= 1 and min(steps, default=1) > 0 and indices:  # evenly spaced: a slice
        if axis == 0:
            operand = node.reader.unbatched(operand)
        result = _along(node, operand, axis, (indices[0], indices[-1] + 1, min(steps, default=1)))
        return result if full_shape(result) == target else node.reader.reshaped(result, target, batch_stays=True)
    node.reader.budget.tensor(target)
    return moved(node, operand, lambda x: np.take(x, np.array(indices).reshape(tensor.shape), axis=axis))


@operator("Expand")
def expand(node: Node) -> Operand:
    """Repeated along axes of size 1."""
    operand, sizes = node.operand(), tuple(node.tensor(1, "the shape").integers())
    full = full_shape(operand)
    checked_size(sizes)
    target = broadcast(full, sizes)
    if target == full:
        return operand
    node.reader.budget.tensor(target)
    return moved(node, operand, lambda x: _expanded(x, target, dynamic=tried_on_two(node, operand)))


def _expanded(x: Array, target: Shape, *, dynamic: bool) -> Array:
    """Broadcast, the axis of two points where the file has one as it is."""
    return np.broadcast_to(x, (len(x), *target[1:]) if dynamic and len(target) == x.ndim and target[0] == 1 else target)


@operator("Shape", attributes="start end")
def shape(node: Node) -> Tensor:
    """The sizes of the axes, that of the batch axis being 1."""
    full = full_shape(node.operand())
    end = node.attributes.integer("end", len(full))
    sizes = full[node.attributes.integer("start", 0) : end]
    return Tensor(node.outputs[0], "int64", np.array(sizes, dtype=np.int64))


@operator("ConstantOfShape", attributes="value")
def constant_of_shape(node: Node) -> Tensor:
    """One number repeated."""
    sizes = node.reader.budget.tensor(tuple(node.tensor(0, "the shape").integers()))
    value = node.attributes.tensor("value", node.outputs[0])
    if value is None:
        return Tensor(node.outputs[0], "float32", np.zeros(sizes, dtype=np.float32))
    if math.prod(value.shape) != 1:
        raise LoadError(f"attribute value: one number is needed, got shape {list(value.shape)}")
    return Tensor(node.outputs[0], value.kind, np.full(sizes, np.asarray(value.data).reshape(-1)[0]))
