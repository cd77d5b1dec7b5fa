"""Reading Add and Sub of a constant in ONNX files."""

from __future__ import annotations

from . import _budget
from ._made import stated
from ._numbers import Tensor, need
from ._onnx import Call, Computed, Reader
from ._onnx_tensors import Stored

_WIDEST_IDENTITY = 4096  # vectors up to this length are shifted by an affine node


def add(reader: Reader, call: Call) -> Computed:
    """The sum."""
    return _shift(reader, call, "add")


def subtract(reader: Reader, call: Call) -> Computed:
    """The difference."""
    return _shift(reader, call, "subtract")


def _shift(reader: Reader, call: Call, op: str) -> Computed:
    """Add or Sub of a constant, on either side: to a vector an affine map, else the constant becomes a node of its own."""
    left, right = (isinstance(reader.values.get(i), Stored) for i in call.inputs)
    need(left != right, call.step, "one side must be a constant")
    a, name = reader.computed(call.inputs[left], call.step), call.inputs[right]
    value = reader.stored(name, call.step).real(call.step)
    shape = value.shape
    if reader.batch and len(shape) >= len(a.full):
        need(len(shape) == len(a.full) and shape[0] == 1, call.step, "the constant reaches over the batch axis")
        shape = shape[1:]
    below = a.full[reader.batch :]
    if len(below) == 1 and shape in ((), (1,), below) and below[0] <= _WIDEST_IDENTITY:
        signs = (-1 if op == "subtract" and left else 1), (-1 if op == "subtract" and not left else 1)
        return reader.affine(call, a, *_shifting(below[0], value, *signs, call.step))
    if name not in reader.constants:
        reader.constants[name] = shape
        reader.emit(name, "constant", [], shape, value=stated(value._replace(shape=shape)))
    need(reader.constants[name] == shape, call.step, "the constant is used in two shapes")
    rank = max(len(below), len(shape))
    pairs = zip((1,) * (rank - len(below)) + below, (1,) * (rank - len(shape)) + shape, strict=True)
    full = (*a.full[: reader.batch], *(max(pair) for pair in pairs))
    return reader.emit(call.name, op, [name, a.node] if left else [a.node, name], full)


def _shifting(n: int, constant: Tensor, of_value: int, of_constant: int, step: str) -> tuple[Tensor, Tensor]:
    """x -> of_value x + of_constant c on vectors of length n, as weight and bias."""
    _budget.hold(n * n // 4, step)  # small numbers, once
    weight = [0] * (n * n)
    weight[:: n + 1] = [of_value] * n
    bias = [of_constant * c for c in constant.numerators] * (n // len(constant.numerators))
    return Tensor((n, n), weight, 1), Tensor((n,), bias, constant.denominator)
