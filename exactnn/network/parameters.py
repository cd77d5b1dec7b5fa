"""The numbers of each operation that training changes, and the gradient by them: one table.

    r . y,  y = W x + b:     d/dW = r x^T,     d/db = r,     summed over the points

A batch norm y = scale (x - mean) + bias stands with its scale and bias: the scale is one number, rounded from weight and variance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.network.activations import PRelu, Rational, horner
from exactnn.network.operations import Affine, BatchNorm, Constant, Operation, Scale, along_channels, unbroadcast
from exactnn.network.windows import Conv

Fields = dict[str, RationalArray]


def parameters(operation: Operation) -> Fields:
    """The trainable numbers of an operation by field; of a batch norm "scale" and "bias"; none for most operations.

    Examples
    --------
    >>> sorted(parameters(Affine(RationalArray.eye(2), RationalArray.zeros((2,)))))
    ['bias', 'weight']
    """
    found = {}
    for name in _fields(operation):
        value = getattr(operation, name)
        found[name] = value if isinstance(value, RationalArray) else RationalArray.of(list(value))
    return found


def with_parameters(operation: Operation, values: Mapping[str, RationalArray]) -> Operation:
    """The operation with other numbers in these fields; ArgumentError for fields that are no free numbers (a batch norm's scale)."""
    for name in values:
        if name not in _fields(operation) or isinstance(operation, (BatchNorm, Rational)):
            raise ArgumentError(f"{name}: a field of {operation.kind} that can be set is needed; it has {list(_fields(operation))}")
    changed: dict[str, Any] = dict(values)
    return replace(operation, **changed)  # type: ignore[type-var]


def parameter_rows(operation: Operation, rows: RationalArray, value: RationalArray | None, *, absolute: bool = False) -> Fields:
    """The gradient of  sum_n rows_n . y_n  by the parameters.

    Parameters
    ----------
    rows : (n, *shape of the result)
    value : of the operand, (n, *shape); None for a constant
    absolute : the coefficients of the rows by their absolute values: how far errors of the rows can reach
    """
    if type(operation) not in _TABLE:
        return {}
    if value is not None and absolute:
        value = abs(value)
    return _TABLE[type(operation)][1](operation, rows, value, absolute)


def _fields(operation: Operation) -> tuple[str, ...]:
    return _TABLE[type(operation)][0] if type(operation) in _TABLE else ()


def _affine(operation: Any, rows: RationalArray, value: Any, absolute: bool) -> Fields:
    m, k = operation.weight.shape
    flat = rows.reshape(-1, m)
    return {"weight": flat.T @ value.reshape(-1, k), "bias": flat.sum(axis=0)}


def _conv(operation: Any, rows: RationalArray, value: Any, absolute: bool) -> Fields:
    """Each kernel entry meets the operand's entries that the window's places read."""
    shape, index = operation.weight.shape, operation.index(value.shape[2:])
    width, height = shape[1], shape[0] // operation.groups
    flat = rows.reshape(len(rows), shape[0], -1)
    source = concatenate([value.reshape(*value.shape[:2], -1), RationalArray.zeros((*value.shape[:2], 1))], axis=2)
    parts = []
    for group in range(operation.groups):
        columns = source[:, group * width : (group + 1) * width][:, :, index]  # (n, channels, places, window)
        table = columns.transpose(0, 2, 1, 3).reshape(len(rows) * index.shape[0], width * index.shape[1])
        own = flat[:, group * height : (group + 1) * height].transpose(1, 0, 2).reshape(height, -1)
        parts.append(own @ table)
    return {"weight": concatenate(parts).reshape(*shape), "bias": flat.sum(axis=(0, 2))}


def _batch_norm(operation: Any, rows: RationalArray, value: Any, absolute: bool) -> Fields:
    axes, mean = (0, *range(2, rows.ndim)), along_channels(operation.mean, rows.ndim - 1)
    centred = value + abs(mean) if absolute else value - mean
    return {"scale": (rows * centred).sum(axis=axes), "bias": rows.sum(axis=axes)}


def _scale(operation: Any, rows: RationalArray, value: Any, absolute: bool) -> Fields:
    return {"factor": unbroadcast(rows * value, operation.factor.shape).sum(axis=0)}


def _constant(operation: Any, rows: RationalArray, value: Any, absolute: bool) -> Fields:
    return {"value": rows.sum(axis=0)}


def _prelu(operation: Any, rows: RationalArray, value: Any, absolute: bool) -> Fields:
    below = value if absolute else -((-value).relu())
    return {"slopes": (rows * below).sum(axis=(0, *range(2, rows.ndim)))}


def _rational(operation: Any, rows: RationalArray, value: Any, absolute: bool) -> Fields:
    """d/dp_k = t^k / Q,  d/dq_k = -P t^k / Q^2."""
    entries = value.to_fractions()
    bottoms = [horner(operation.denominator, t) for t in entries]
    tops = [horner(operation.numerator, t) for t in entries]
    first = [1 / q for q in bottoms]
    second = [-p / (q * q) for p, q in zip(tops, bottoms, strict=True)]
    found = {}
    for name, factors in (("numerator", first), ("denominator", second)):
        size, powers = len(getattr(operation, name)), list(factors)
        sums = []
        for _ in range(size):
            column = RationalArray.from_fractions([abs(p) for p in powers] if absolute else powers, value.shape)
            sums.append((rows * column).sum().item())
            powers = [p * t for p, t in zip(powers, entries, strict=True)]
        found[name] = RationalArray.from_fractions(sums, (size,))
    return found


#: the fields that are trained, and the gradient by them
_TABLE: dict[type[Operation], tuple[tuple[str, ...], Callable[[Any, RationalArray, Any, bool], Fields]]] = {
    Affine: (("weight", "bias"), _affine),
    Conv: (("weight", "bias"), _conv),
    BatchNorm: (("scale", "bias"), _batch_norm),
    Scale: (("factor",), _scale),
    Constant: (("value",), _constant),
    PRelu: (("slopes",), _prelu),
    Rational: (("numerator", "denominator"), _rational),
}
