"""ONNX operators that make one number of the entries along axes: sums, means, bounds, norms."""

from __future__ import annotations

import math

import numpy as np

from exactnn import network as ops
from exactnn.errors import LoadError
from exactnn.exact.array import RationalArray
from exactnn.load._onnx.constants import check_noop
from exactnn.load._onnx.quotients import applied
from exactnn.load._onnx.reader import Node, axis_in, operator
from exactnn.load._onnx.values import OnnxValue, Operand, Tensor, full_shape
from exactnn.network.windows import whole_pool

_MINUS = ops.PiecewiseLinear.of(-1, 0, [])


@operator(
    "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceSumSquare", attributes="axes keepdims noop_with_empty_axes"
)
def reduce(node: Node) -> Operand:
    """Mean, sum, maximum, minimum, sum of absolute values or of squares over axes; over all spatial axes it is a pooling."""
    operand, axes = node.operand(), node.integers("axes", 1, "the list of axes")
    full = full_shape(operand)
    if not axes:
        if node.attributes.flag("noop_with_empty_axes"):
            check_noop(node)
            return operand
        axes = list(range(len(full)))
    keep = node.attributes.flag("keepdims", True)
    reduced = {axis_in(a, len(full)) for a in axes}
    if len(reduced) < len(axes):
        raise LoadError(f"axes: each axis once is needed, got {axes}")
    if isinstance(operand, Tensor) or (operand.batched and 0 in reduced):
        operand = node.reader.unbatched(operand)
    batched = isinstance(operand, OnnxValue) and operand.batched
    inner = tuple(sorted(a - batched for a in reduced))
    left = tuple(n for i, n in enumerate(operand.shape) if i not in inner)
    kept = tuple(1 if i in inner else n for i, n in enumerate(operand.shape))
    target = kept if keep else left
    result = _reduced(node, _prepared(node, operand), inner, batched)
    return result if result.shape == target else node.emit(ops.Reshape(target), result, batched=batched)


def _prepared(node: Node, operand: Operand) -> Operand:
    """What is summed up."""
    if node.type == "ReduceL1":
        return node.apply(ops.PiecewiseLinear.of(-1, 0, [(0, 2)]), operand)
    if node.type == "ReduceSumSquare" and isinstance(operand, OnnxValue):
        return applied(node, ops.Rational.of([0, 0, 1], [1]), operand)
    return operand


def _reduced(node: Node, operand: Operand, axes: tuple[int, ...], batched: bool) -> Operand:
    shape = operand.shape
    size = math.prod(shape[a] for a in axes)
    if not axes or (size == 1 and len(axes) == len(shape)):
        return operand
    spatial = batched and len(shape) > 1 and axes == tuple(range(1, len(shape)))
    if spatial and node.type in ("ReduceMean", "ReduceMax"):
        pool = whole_pool(shape[1:], (1,) * (len(shape) - 1), maximum=node.type == "ReduceMax")
        return node.emit(pool, operand, batched=batched)
    others = tuple(i for i in range(len(shape)) if i not in axes)
    if others + axes != tuple(range(len(shape))):
        operand = node.emit(ops.Transpose(others + axes), operand, batched=batched)
    if node.type in ("ReduceMax", "ReduceMin"):
        return _bound(node, operand, math.prod(shape[i] for i in others), size, batched)
    if len(axes) != 1:
        operand = node.emit(ops.Reshape((*(shape[i] for i in others), size)), operand, batched=batched)
    weight = RationalArray(np.ones((1, size), dtype=np.int64), size if node.type == "ReduceMean" else 1)
    return node.emit(ops.Affine(weight, RationalArray.zeros((1,))), operand, batched=batched)


def _bound(node: Node, operand: Operand, count: int, size: int, batched: bool) -> Operand:
    """The largest of each row as the maximum over one window; the least is minus the largest of the opposites."""
    if operand.shape != (count, size):
        operand = node.emit(ops.Reshape((count, size)), operand, batched=batched)
    if node.type == "ReduceMin":
        operand = node.emit(_MINUS, operand, batched=batched)
    operand = node.emit(whole_pool((size,), (1,), maximum=True), operand, batched=batched)
    return node.emit(_MINUS, operand, batched=batched) if node.type == "ReduceMin" else operand
