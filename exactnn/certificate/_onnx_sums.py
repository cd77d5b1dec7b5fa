"""Reading Add and Sub of a constant in ONNX files."""

from __future__ import annotations

from . import _budget
from ._load import load
from ._made import stated
from ._numbers import Tensor, need
from ._onnx import Call, Computed, Reader
from ._onnx_tensors import Stored

_WIDEST_IDENTITY = 4096  # vectors up to this length are shifted by an affine node


def shifted(reader: Reader, call: Call) -> Computed:
    """Add or Sub of a constant, on either side: to a vector an affine map, else the constant becomes a node of its own."""
    left, right = (isinstance(reader.values.get(i), Stored) for i in call.inputs)
    need(left != right, call.step, "one side must be a constant")
    a, name = reader.value(call.inputs[left], Computed, call.step), call.inputs[right]
    value = reader.value(name, Stored, call.step).real(call.step)
    shape, below, minus = value.shape, a.full[reader.batch :], call.operation == "Sub"
    if reader.batch and len(shape) >= len(a.full):
        need(len(shape) == len(a.full) and shape[0] == 1, call.step, "the constant reaches over the batch axis")
        shape = shape[1:]
    if len(below) == 1 and shape in ((), (1,), below) and below[0] <= _WIDEST_IDENTITY:
        n = below[0]
        _budget.hold(n * n // 4, call.step)  # small numbers, once
        weight = [0] * (n * n)
        weight[:: n + 1] = [-1 if minus and left else 1] * n
        bias = [-c if minus and right else c for c in value.numerators] * (n // len(value.numerators))
        return reader.affine(call, a, Tensor((n, n), weight, 1), Tensor((n,), bias, value.denominator))
    if name not in reader.constants:
        reader.constants[name] = shape
        reader.emit(name, "constant", [], shape, value=stated(value._replace(shape=shape)))
    need(reader.constants[name] == shape, call.step, "the constant is used in two shapes")
    full = (*a.full[: reader.batch], *load("_broadcast.broadcast")(below, shape, call.step))
    return reader.emit(call.name, "subtract" if minus else "add", [name, a.node] if left else [a.node, name], full)
