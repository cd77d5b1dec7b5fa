"""Weights that a file holds as small integers with scales; values that are rounded to integers on the way jump, and are refused."""

from __future__ import annotations

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.load._onnx.reader import Node, axis_in, folds, operator
from exactnn.load._onnx.typed import Array, numbers, tensor_of
from exactnn.load._onnx.values import Operand, Tensor

_KINDS = ("int8", "uint8", "int16", "uint16")  # whose products with a scale float64 holds


@operator("DequantizeLinear", attributes="axis block_size output_dtype")
def of_a_value(node: Node) -> Operand:
    """Of a value that depends on the input: it was rounded to integers, and so jumps."""
    raise UnsupportedOperation(
        "DequantizeLinear of a value that depends on the input is part of a quantised model, whose values jump; of constants, as quantised "
        "weights are, it is computed. Load the model as it was before quantisation, or with weights alone quantised"
    )


@folds("DequantizeLinear")
def dequantised(node: Node) -> Tensor:
    """(x - zero point) scale, rounded once to the type of the scale; one scale and zero point, or one for each place along an axis."""
    tensor, scale = node.tensor(0, "the operand"), node.tensor(1, "the scale")
    zero = node.tensor(2, "the zero point") if len(node.inputs) > 2 and node.inputs[2] else None
    if tensor.kind not in _KINDS:
        raise UnsupportedOperation(f"integers of one of the types {', '.join(_KINDS)} are needed, got {tensor.kind}")
    if zero is not None and zero.kind != tensor.kind:
        raise LoadError(f"the zero point: the type of the integers, {tensor.kind}, is needed, got {zero.kind}")
    if scale.kind not in ("float16", "float32"):
        raise UnsupportedOperation(f"a scale of float16 or float32 is needed, got {scale.kind}")
    if node.attributes.integer("block_size", 0) or node.attributes.integer("output_dtype", 0):
        raise UnsupportedOperation("attributes block_size and output_dtype are not read here; export with a scale for each channel")
    shape = tensor.shape
    one = scale.shape in ((), (1,))
    axis = -1 if one else axis_in(node.attributes.integer("axis", 1), len(shape))
    allowed = ((), (1,)) if one else ((shape[axis],),)

    def along(entries: Tensor) -> Array:
        if entries.shape not in allowed:
            raise LoadError(f"scale and zero point: shape {list(allowed[-1])} is needed, got {list(entries.shape)}")
        return numbers(entries).astype(np.float64).reshape([-1 if a == axis else 1 for a in range(len(shape))])

    whole = numbers(tensor).astype(np.float64) - (0 if zero is None else along(zero))
    with np.errstate(all="ignore"):
        return tensor_of(node.outputs[0], scale.kind, (whole * along(scale)).astype(scale.kind))
