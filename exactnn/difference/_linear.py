"""Affine operations on intervals:  2 (W [l, u] + b) = W (l + u) + 2 b +- |W| (l - u)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from exactnn.difference._bounds import Ends, Exact, times
from exactnn.exact.array import RationalArray
from exactnn.exact.limbs import CutMatrix, Limbs
from exactnn.network import Affine, BatchNorm, Constant, Conv, Reshape, Scale, Subtract
from exactnn.network.operations import Add, Operation, Shape, along_channels

Map = Callable[[Sequence[Ends]], Exact]


def linear(operation: Operation, shape: Shape) -> Map:
    """The linear part: the exact range of each entry of a value of this shape, without what is added."""
    if isinstance(operation, Constant):
        zero = _fixed(RationalArray.zeros(()), shape, 0)
        return lambda operands: zero
    weight = _weight(operation, len(shape))
    if isinstance(operation, Conv):
        return _Windows(operation, shape)
    if weight is not None:
        return _Matrix(weight, shape) if isinstance(operation, Affine) else _Factor(weight)
    if isinstance(operation, Reshape):
        return lambda operands: Exact(operands[0].reshaped(shape).array, 1)
    return _Positive(operation)


def shifted(part: Map, operation: Operation, shape: Shape, bits: int) -> Map:
    """The linear part, and what the operation adds."""
    return _plus(part, _shift(operation, len(shape)), shape, bits)


def change(first: Operation, second: Operation, shape: Shape, bits: int) -> Map | None:
    """(W - V) h + (c - e) for two operations of one structure; None where all their numbers are the same."""
    weight, shift = (_less(part(first, len(shape)), part(second, len(shape))) for part in (_weight, _shift))
    if weight is not None:
        part: Operation = replace(first, weight=weight) if isinstance(first, (Affine, Conv)) else Scale(weight)
        return _plus(linear(part, shape), shift, shape, bits)
    return None if shift is None else _plus(linear(Constant(shift), shape), shift, shape, bits)


def same_weights(first: Operation, second: Operation, ndim: int) -> bool:
    """Whether two operations of one structure differ in what they add at the most."""
    return _less(_weight(first, ndim), _weight(second, ndim)) is None


def _less(a: RationalArray | None, b: RationalArray | None) -> RationalArray | None:
    return None if a is None or b is None or a == b else a - b


def _plus(part: Map, shift: RationalArray | None, shape: Shape, bits: int) -> Map:
    if shift is None or shift.is_zero():
        return part
    added = _fixed(shift, shape, bits)
    return lambda operands: part(operands) + added


class _Matrix:
    """W x on the last axis."""

    def __init__(self, weight: RationalArray, shape: Shape) -> None:
        self.matrix, self.shape, self.over = weight.to_cut(), shape, 2 * weight.denominator

    def __call__(self, operands: Sequence[Ends]) -> Exact:
        found = self.matrix(operands[0].limbs)  # a folded map may read a vector that was reshaped
        return Exact(found.reshape(*found.shape[:2], *self.shape), self.over)


class _Windows:
    """A convolution, as a product of its kernels with the windows."""

    def __init__(self, operation: Conv, shape: Shape) -> None:
        self.operation, self.shape, self.over = operation, shape, 2 * operation.weight.denominator
        rows = operation.weight.numerators.reshape(operation.groups, shape[0] // operation.groups, -1)
        self.matrices = [CutMatrix(group) for group in rows]

    def __call__(self, operands: Sequence[Ends]) -> Exact:
        (x,) = operands
        index = self.operation.index(x.array.shape[3:])
        digits, places = x.limbs
        flat = digits.reshape(*digits.shape[:4], -1)  # (limbs, 2, batch, channels, entries)
        padded = np.concatenate([flat, np.zeros((*flat.shape[:4], 1))], axis=4)  # index -1 reads this zero
        windows = np.moveaxis(padded[..., index], 3, 4)  # (limbs, 2, batch, places, channels, kernel)
        width, parts = self.operation.weight.shape[1], []
        for group, matrix in enumerate(self.matrices):
            own = windows[..., group * width : (group + 1) * width, :]
            parts.append(matrix(Limbs(own.reshape(*own.shape[:4], -1), places)))
        found = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        return Exact(np.moveaxis(found, -1, 2).reshape(*x.array.shape[:2], *self.shape), self.over)


class _Factor:
    """A number for each entry."""

    def __init__(self, factor: RationalArray) -> None:
        self.numbers, self.over = factor.numerators.astype(object), factor.denominator

    def __call__(self, operands: Sequence[Ends]) -> Exact:
        return Exact(times(operands[0].array, self.numbers), self.over)


class _Positive:
    """What has coefficients >= 0 only, so that each end is a value; or a difference of two operands."""

    def __init__(self, operation: Operation) -> None:
        self.operation: Operation = Add() if isinstance(operation, Subtract) else operation
        self.turned = isinstance(operation, Subtract)

    def __call__(self, operands: Sequence[Ends]) -> Exact:
        arrays = [o.array[::-1] if self.turned and k else o.array for k, o in enumerate(operands)]
        found = self.operation.evaluate(*(RationalArray(a.reshape(-1, *a.shape[2:])) for a in arrays))
        return Exact(found.numerators.astype(object).reshape(2, -1, *found.shape[1:]), found.denominator)


def _fixed(value: RationalArray, shape: Shape, bits: int) -> Exact:
    """A constant that broadcasts to this shape, as an interval for any batch."""
    numbers = np.broadcast_to(np.asarray(value.numerators.astype(object) << bits, dtype=object), shape)  # a single one is no array
    return Exact(np.stack([numbers, -numbers])[:, None], value.denominator)


def _weight(operation: Operation, ndim: int) -> RationalArray | None:
    """What an operand is multiplied with."""
    if isinstance(operation, (Affine, Conv)):
        return operation.weight
    if isinstance(operation, BatchNorm):
        return along_channels(operation.scale, ndim)
    return operation.factor if isinstance(operation, Scale) else None


def _shift(operation: Operation, ndim: int) -> RationalArray | None:
    """What is added."""
    if isinstance(operation, Constant):
        return operation.value
    if isinstance(operation, Affine):
        return operation.bias
    if isinstance(operation, Conv):
        return along_channels(operation.bias, ndim)
    return along_channels(operation.shift, ndim) if isinstance(operation, BatchNorm) else None
