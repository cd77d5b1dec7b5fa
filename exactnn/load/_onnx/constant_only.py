"""Operators that only compute with constants, as exporters spell out shapes: ranges, sizes, places of entries; and those that jump."""

from __future__ import annotations

import math

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._onnx.reader import Node, operator
from exactnn.load._onnx.typed import numbers, settled
from exactnn.load._onnx.values import Operand, Tensor, full_shape


@operator("Size")
def size(node: Node) -> Tensor:
    """The number of entries."""
    operand = node.operand()
    if not isinstance(operand, Tensor) and operand.batched:
        node.reader.refuse_dynamic()
    return Tensor(node.outputs[0], "int64", np.array(math.prod(full_shape(operand)), dtype=np.int64))


@operator("Range")
def steps(node: Node) -> Tensor:
    """start, start + step, ... below the limit."""
    tensors = [node.tensor(i, what) for i, what in enumerate(("the start", "the limit", "the step"))]
    kind = tensors[0].kind
    start, limit, step = (t.rational.item() for t in tensors)
    if not step:
        raise LoadError("a step other than 0 is needed")
    count = max(math.ceil((limit - start) / step), 0)
    node.reader.budget.tensor((count or 1,))
    exact = RationalArray.of(np.arange(count)) * step + start
    found = settled(Tensor(node.outputs[0], kind, exact))
    if found.rational != exact:
        raise UnsupportedOperation(f"steps that {kind} rounds, in an order in which programs differ; let the file hold the numbers")
    return found


@operator("NonZero")
def places(node: Node) -> Tensor:
    """The places of the entries that are not 0."""
    array = numbers(node.tensor(0, "the operand"))
    return Tensor(node.outputs[0], "int64", np.array(np.nonzero(array), dtype=np.int64).reshape(array.ndim, -1))


_JUMPS = ("Floor", "Ceil", "Round", "IsNaN", "IsInf", "Mod")


@operator(*_JUMPS, attributes="fmod detect_negative detect_positive")
def jumping(node: Node) -> Operand:
    """Of a value that depends on the input there is no exact meaning here; constants are computed elsewhere."""
    raise UnsupportedOperation(
        f"{node.type} of a value that depends on the input is not continuous, and so no operation of a network here; "
        "of constants it is computed. Ask about the network up to this node"
    )


_CURVED = {
    "Sqrt": "its values are no rational numbers",
    "Exp": "its values are no rational numbers",
    "Log": "its values are no rational numbers",
    "Sin": "its values are no rational numbers",
    "Cos": "its values are no rational numbers",
    "ReduceProd": "a product of several values that depend on the input is not piecewise linear",
}


@operator(*_CURVED, attributes="axes keepdims noop_with_empty_axes")
def curved(node: Node) -> Operand:
    """Of a value that depends on the input there is no exact meaning here; constants are computed elsewhere."""
    raise UnsupportedOperation(
        f"{node.type} of a value that depends on the input is not known here: {_CURVED[node.type]}; of constants it is computed"
    )
