"""Affine operations as a linear part and a shift:  W [c - r, c + r] + b = W c + b +- |W| r."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cached_property

import numpy as np

from exactnn.difference._bounds import Bounds
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, BatchNorm, Constant, Conv, Network, PiecewiseLinear, PRelu, Reshape, Scale, Subtract
from exactnn.network.operations import Add, Operation, Shape, along_channels

_ADDED = 1 << 10  # entries of a vector to which a constant is added
#: the fields in which operations of one structure may differ
_LOOSE: dict[type[Operation], tuple[str, ...]] = {
    Affine: ("weight", "bias"),
    Conv: ("weight", "bias"),
    Scale: ("factor",),
    Constant: ("value",),
    BatchNorm: ("mean", "variance", "weight", "bias", "epsilon", "precision"),
    PiecewiseLinear: ("slope", "constant", "kinks"),
    PRelu: ("slopes",),
}


class Linear:
    """The linear part of an affine operation (None for constants), and what is added to it (None for nothing)."""

    def __init__(self, part: Operation | None, shift: RationalArray | None) -> None:
        self.part, self.shift = part, shift

    @cached_property
    def absolute(self) -> Operation | None:
        """The linear part with the absolute values of its coefficients."""
        part = self.part
        if isinstance(part, Subtract):
            return Add()
        if isinstance(part, (Affine, Conv)):
            return replace(part, weight=_absolute(part.weight))
        return Scale(_absolute(part.factor)) if isinstance(part, Scale) else part

    def ends(self, operands: Sequence[Bounds], shape: Shape, *, shifted: bool = True) -> tuple[RationalArray, RationalArray]:
        """The exact range of each entry of a value of this shape; without the shift if wanted."""
        if self.part is None:
            assert self.shift is not None
            value = self.shift.reshape(1, *self.shift.shape)
            return (value, value) if shifted else (RationalArray.zeros(value.shape),) * 2
        assert self.absolute is not None
        centre = self.part.evaluate(*(a.lo + a.hi for a in operands))
        radius = self.absolute.evaluate(*(a.hi - a.lo for a in operands))
        low, high = ((a / 2).reshape(1, *shape) for a in (centre - radius, centre + radius))
        if self.shift is None or not shifted:
            return low, high
        return low + self.shift, high + self.shift

    def minus(self, other: Linear) -> Linear | None:
        """The operation with the coefficients of this one less those of the other, of the same structure; None if they are the same."""
        part, shift = self.part, self.shift
        if shift is not None and other.shift is not None:
            shift = shift - other.shift
        same = shift is None or shift.is_zero()
        if isinstance(part, (Affine, Conv)) and isinstance(other.part, (Affine, Conv)):
            weight = part.weight - other.part.weight
            return None if same and weight.is_zero() else Linear(replace(part, weight=weight), shift)
        if isinstance(part, Scale) and isinstance(other.part, Scale):
            factor = part.factor - other.part.factor
            return None if same and factor.is_zero() else Linear(Scale(factor), shift)
        return None if same else Linear(None, shift)


def linear(operation: Operation, ndim: int) -> Linear:
    """The parts of an affine operation whose value has `ndim` axes."""
    if isinstance(operation, Constant):
        return Linear(None, operation.value)
    if isinstance(operation, BatchNorm):
        return Linear(Scale(along_channels(operation.scale, ndim)), along_channels(operation.shift, ndim))
    if isinstance(operation, (Affine, Conv)):
        shift = operation.bias if isinstance(operation, Affine) else along_channels(operation.bias, ndim)
        return Linear(replace(operation, bias=RationalArray.zeros(operation.bias.shape)), shift)
    return Linear(operation, None)


Node = tuple[Operation, tuple[str, ...]]


def folded(net: Network) -> dict[str, Node]:
    """Operation and operands of each node, joined with an affine map that it reads, where that is cheap and exact."""
    found: dict[str, Node] = {}
    for name in net.order:
        operation, operands = net.operation(name), net.operands(name)
        if isinstance(operation, BatchNorm):
            found[name] = _with_norm(found[operands[0]], operation, operands, len(net.shape(name)))
        else:
            found[name] = operation, operands
        if isinstance(operation, (Add, Subtract)):
            found[name] = _with_constant(net, name, operation.sign)
        operation, operands = found[name]
        if isinstance(operation, Affine) and not isinstance(net.operation(name), BatchNorm):
            found[name] = _with_diagonal(net, found, operation, operands)
    return found


def _with_constant(net: Network, name: str, sign: int) -> Node:
    """A single vector to which a constant is added, or the other way round, as an affine map."""
    shape, (first, second) = net.shape(name), net.operands(name)
    size = math.prod(shape)
    if shape[-1:] == (size,) and size <= _ADDED:
        for source, place, own, other in ((first, second, 1, sign), (second, first, sign, 1)):
            constant = net.operation(place)
            if isinstance(constant, Constant) and net.shape(source) == shape:
                bias = (RationalArray.zeros(shape) + constant.value * other).reshape(size)
                return Affine(RationalArray.eye(size) * own, bias), (source,)
    return net.operation(name), net.operands(name)


def _with_norm(below: Node, norm: BatchNorm, operands: tuple[str, ...], ndim: int) -> Node:
    """Behind a convolution or an affine map of one axis:  s (W h + b) + t = (s W) h + (s b + t)."""
    inner, further = below
    if isinstance(inner, Conv) or (isinstance(inner, Affine) and ndim == 1):
        weight = inner.weight * along_channels(norm.scale, inner.weight.ndim)
        return replace(inner, weight=weight, bias=inner.bias * norm.scale + norm.shift), further
    return norm, operands


def _with_diagonal(net: Network, found: dict[str, Node], outer: Affine, operands: tuple[str, ...]) -> Node:
    """W (V h + c) + b = (W V) h + (W c + b), where W or V is diagonal; a single vector may be reshaped in between."""
    size = outer.weight.shape[1]
    (name,) = operands
    while isinstance(found[name][0], Reshape) and math.prod(net.shape(name)) == size:
        (name,) = found[name][1]
    inner, further = found[name]
    if not isinstance(inner, Affine) or net.shape(name)[-1] != size:
        return outer, operands
    diagonal = _diagonal(outer.weight)
    if diagonal is not None:
        weight = inner.weight * diagonal.reshape(-1, 1)
    elif (within := _diagonal(inner.weight)) is not None:
        weight = outer.weight * within
    else:
        return outer, operands
    return Affine(weight, outer.weight @ inner.bias + outer.bias), further


def _diagonal(a: RationalArray) -> RationalArray | None:
    """The diagonal of a matrix that has nothing else."""
    m, n = a.shape
    if m != n or a.nonzero().sum() != a.nonzero().diagonal().sum():
        return None
    places = np.arange(n)
    return a[places, places]


def same_structure(a: Operation, b: Operation) -> bool:
    """Whether two operations agree but for weights and the numbers of units, whose shapes agree."""
    if type(a) is not type(b):
        return False
    loose = _LOOSE.get(type(a), ())
    for field in fields(a):  # type: ignore[arg-type]
        own, other = getattr(a, field.name), getattr(b, field.name)
        if field.name not in loose:
            if own != other:
                return False
        elif isinstance(own, RationalArray) and own.shape != other.shape:
            return False
    return True


def _absolute(a: RationalArray) -> RationalArray:
    return a.maximum(-a)
