"""Networks before they are walked together: affine maps that one node reads from another are one node; and which nodes correspond."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.network import Affine, BatchNorm, Constant, Conv, Network, PiecewiseLinear, PRelu, Reshape, Scale, Subtract
from exactnn.network.operations import Add, Operation, Shape, along_channels
from exactnn.network.parts import Shared, shared

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


Node = tuple[Operation, tuple[str, ...]]


def in_common(f: Network, g: Network) -> Shared | None:
    """What is left without the parts that both have: nodes as they stand, if these are all, else folded; None for inputs alone."""
    found = shared(f, g)
    return found if found is not None and found.whole else shared(f, g, folded)


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
            found[name] = _into_bias(net, found, name, operation.sign) or _with_constant(net, name, operation.sign)
        elif isinstance(operation, Scale):
            found[name] = _into_rows(net, found, name, operation)
        operation, operands = found[name]
        if isinstance(operation, Affine) and not isinstance(net.operation(name), BatchNorm):
            found[name] = _with_diagonal(net, found, operation, operands)
    return found


def _into_rows(net: Network, found: dict[str, Node], name: str, scale: Scale) -> Node:
    """Behind a convolution or an affine map:  s (W h + b) = (s W) h + s b, one number s for each row."""
    (source,) = net.operands(name)
    inner, further = found[source]
    if isinstance(inner, (Affine, Conv)):
        factor = _by_rows(inner, net.shape(source), scale.factor)
        if factor is not None:
            return replace(inner, weight=inner.weight * along_channels(factor, inner.weight.ndim), bias=inner.bias * factor), further
    return scale, (source,)


def _into_bias(net: Network, found: dict[str, Node], name: str, sign: int) -> Node | None:
    """+-(W h + b) +- c, one number c for each row of a convolution or an affine map."""
    first, second = net.operands(name)
    for source, place, own, other in ((first, second, 1, sign), (second, first, sign, 1)):
        (inner, further), constant = found[source], net.operation(place)
        if isinstance(inner, (Affine, Conv)) and isinstance(constant, Constant) and net.shape(source) == net.shape(name):
            added = _by_rows(inner, net.shape(name), constant.value)
            if added is not None:
                return replace(inner, weight=inner.weight * own, bias=inner.bias * own + added * other), further
    return None


def _by_rows(inner: Affine | Conv, shape: Shape, value: RationalArray) -> RationalArray | None:
    """The value as one number for each row of a convolution or an affine map with a result of this shape; None if it is not."""
    axis = len(shape) - 1 if isinstance(inner, Affine) else 0
    if value.ndim > len(shape):
        return None
    sizes = (1,) * (len(shape) - value.ndim) + value.shape
    if math.prod(sizes) != sizes[axis]:
        return None
    return RationalArray.zeros((shape[axis],)) + value.reshape(-1)


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
