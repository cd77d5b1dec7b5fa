"""Where the neurons of a hidden layer lie, from the weights that make them to the weights that read them.

A layer begins at its **source**: the first affine or conv node on the way back from the activation through the nodes named next
(its rows or channels are the neurons' incoming weights), or, where that way ends at any other node, the batch norm farthest back.
The checker (exactnn/certificate/_layer.py) defines the source alike, but refuses scale and transpose after it. A layer passes
through nodes that keep neurons apart (activations, batch norm, pooling, reshape, transpose, scale), and ends at its **sinks**,
the affine and conv nodes whose columns are the outgoing weights. At each node between, the entries of neuron i are, counted
row-major,

    (o count + i) inner + k,    0 <= o < outer,  0 <= k < inner.

Reordering and dropping neurons is taking an index along the middle of that; a reshape leaves it as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.network.activations import Activation, PRelu
from exactnn.network.graph import Network
from exactnn.network.operations import Add, Affine, BatchNorm, Operation, Reshape, Scale, Shape, Subtract, Transpose
from exactnn.network.windows import AveragePool, Conv, MaxPool

_PASSED = (Activation, BatchNorm, Scale, Reshape, Transpose, MaxPool, AveragePool)
_RULE = (
    "neurons are made by an affine or conv node, pass through activations, batch_norm, scale, pooling, reshape and "
    "transpose, and are read by affine and conv nodes"
)

Index = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Layout:
    """Entries of neuron i: (o count + i) inner + k, 0 <= o < outer, 0 <= k < inner."""

    outer: int
    count: int
    inner: int


@dataclass(frozen=True)
class Layer:
    """The neurons of a hidden layer.

    `source` makes them (an affine or conv node; a batch_norm if neither stands before it), `path` leads from it to the
    activation (both included), `layouts` has every node that carries them, in topological order, `sinks` read them.
    """

    source: str
    path: tuple[str, ...]
    count: int
    layouts: Mapping[str, Layout]
    sinks: tuple[str, ...]


def layer_at(net: Network, name: str) -> Layer:
    """The layer of an activation node.

    The neurons are the outputs of the affine node, or the channels of the conv node, that feeds it. (Where the outputs of
    an affine node are reshaped to (channels, spatial...) before the activation, they are these channels.)

    Raises
    ------
    ArgumentError
        Naming the node that the neurons cannot pass: an addition, a concatenation, an output of the network.

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> layer = layer_at(mlp([([[1], [2]], [0, 0]), ([[1, 1]], [0])]), "relu1")
    >>> layer.source, layer.count, layer.sinks
    ('layer1', 2, ('layer2',))
    """
    path = _path(net, name)
    source = path[0]
    operation, shape = net.operation(source), net.shape(source)
    if not isinstance(operation, Affine):
        return _follow(net, name, path, Layout(1, shape[0], math.prod(shape[1:])))
    lead, width = math.prod(shape[:-1]), shape[-1]
    channels = net.shape(name)[0]
    if lead == 1 and len(net.shape(name)) > len(shape) and channels != 1 and width % channels == 0:
        return _follow(net, name, path, Layout(1, channels, width // channels))
    return _follow(net, name, path, Layout(lead, width, 1))


def _path(net: Network, name: str) -> tuple[str, ...]:
    """The nodes from the source to the activation."""
    path = [name]
    while True:
        operands = net.operands(path[-1])
        operation = net.operation(operands[0])
        if len(operands) == 1 and isinstance(operation, (Affine, Conv)):
            return (operands[0], *reversed(path))
        if len(operands) != 1 or not isinstance(operation, _PASSED):
            norms = [p for p, n in enumerate(path) if isinstance(net.operation(n), BatchNorm)]
            if norms:  # no weights before it, but its own scale and shift are incoming weights of a kind
                return tuple(reversed(path[: norms[-1] + 1]))
            raise ArgumentError(
                f"layer {name!r}: node {operands[0]!r} ({operation.kind}) feeds it, where an affine or conv node is needed; {_RULE}"
            )
        path.append(operands[0])


def _follow(net: Network, name: str, path: tuple[str, ...], start: Layout) -> Layer:
    layouts, sinks = {path[0]: start}, []
    for node in net.order:
        operands = net.operands(node)
        if node == path[0] or not any(o in layouts for o in operands):
            continue
        operation = net.operation(node)
        shapes = [net.shape(o) for o in operands]
        found = {layouts.get(o) for o in operands}
        layout = found.pop()
        try:
            if layout is None or found or (len(set(shapes)) > 1):
                raise ArgumentError("its operands carry different neurons")
            if isinstance(operation, (Affine, Conv)):
                columns(operation, shapes[0], layout)
                sinks.append(node)
            else:
                layouts[node] = _after(operation, shapes[0], net.shape(node), layout)
        except ArgumentError as error:
            raise ArgumentError(f"layer {name!r}: its neurons cannot pass node {node!r} ({operation.kind}): {error}; {_RULE}") from None
    reached = [n for n in layouts if n in net.outputs]
    if reached:
        raise ArgumentError(f"layer {name!r}: its neurons are themselves output, at node {reached[0]!r}; {_RULE}")
    return Layer(path[0], path, start.count, layouts, tuple(sinks))


def _after(operation: Operation, before: Shape, after: Shape, layout: Layout) -> Layout:
    """The layout behind a node that keeps neurons apart."""
    if isinstance(operation, (Activation, BatchNorm, Scale, Reshape, Add, Subtract)):
        if isinstance(operation, (BatchNorm, PRelu)):
            channel_block(before, layout)
        return layout
    if isinstance(operation, (MaxPool, AveragePool)):
        block = channel_block(before, layout)
        if not block:
            raise ArgumentError("one neuron has entries in every channel")
        return Layout(1, layout.count, block * math.prod(after[1:]))
    if isinstance(operation, Transpose):
        axis, outer, inner = _axis(before, layout)
        place = operation.axes.index(axis)
        return Layout(outer * math.prod(after[:place]), layout.count, inner * math.prod(after[place + 1 :]))
    raise ArgumentError("it mixes neurons with other values")


def channel_block(shape: Shape, layout: Layout) -> int:
    """How many channels (axis 0) make one neuron; 0 where each channel has entries of every neuron."""
    rest = math.prod(shape[1:])
    if layout.outer == 1 and layout.inner % rest == 0:
        return layout.inner // rest
    if layout.outer % shape[0] == 0:
        return 0
    raise ArgumentError(f"its channels, axis 0 of {shape}, are not blocks of neurons")


def _axis(shape: Shape, layout: Layout) -> tuple[int, int, int]:
    """The axis along which neurons lie, and that axis as (outer, count, inner)."""
    for axis, size in enumerate(shape):
        outer, left = divmod(layout.outer, math.prod(shape[:axis]))
        inner, right = divmod(layout.inner, math.prod(shape[axis + 1 :]))
        if not left and not right and outer * layout.count * inner == size:
            return axis, outer, inner
    raise ArgumentError(f"no single axis of {shape} holds the neurons")


# --- weights --------------------------------------------------------------------------------------------------------------


def rows(operation: Operation, layout: Layout) -> tuple[RationalArray, RationalArray]:
    """Incoming weights (count, ...) and biases (count, ...) at the source, one row for each neuron."""
    assert isinstance(operation, (Affine, Conv))
    return operation.weight.reshape(layout.count, -1), operation.bias.reshape(layout.count, -1)


def with_rows(operation: Operation, weight: RationalArray, bias: RationalArray) -> Operation:
    """The source with these rows."""
    assert isinstance(operation, (Affine, Conv))
    bias = bias.reshape(-1)
    return replace(operation, weight=weight.reshape(bias.shape[0], *operation.weight.shape[1:]), bias=bias)


def columns(operation: Operation, shape: Shape, layout: Layout) -> RationalArray:
    """Outgoing weights (count, ...) at a sink that reads a value of this shape; ArgumentError if that is not what it reads."""
    assert isinstance(operation, (Affine, Conv))
    weight = operation.weight
    if isinstance(operation, Affine):
        outer, left = divmod(layout.outer, math.prod(shape[:-1]))
        if left or not outer:
            raise ArgumentError(f"it reads the last axis of {shape}, which does not hold all neurons")
        view = weight.reshape(weight.shape[0], outer, layout.count, layout.inner)
        return view.transpose(2, 0, 1, 3).reshape(layout.count, -1)
    if not channel_block(shape, layout):
        raise ArgumentError("one neuron has entries in every channel")
    groups, width = operation.groups, weight.shape[1]
    view = weight.reshape(groups, weight.shape[0] // groups, width, -1)
    return view.transpose(0, 2, 1, 3).reshape(layout.count, -1)


def with_columns(operation: Operation, shape: Shape, layout: Layout, values: RationalArray) -> Operation:
    """The sink with these outgoing weights (any number of neurons where it has one group)."""
    assert isinstance(operation, (Affine, Conv))
    count, weight = len(values), operation.weight
    if isinstance(operation, Affine):
        outer = layout.outer // math.prod(shape[:-1])
        view = values.reshape(count, weight.shape[0], outer, layout.inner).transpose(1, 2, 0, 3)
        return replace(operation, weight=view.reshape(weight.shape[0], -1))
    groups, height = operation.groups, weight.shape[0] // operation.groups
    width = count * channel_block(shape, layout) // groups
    view = values.reshape(groups, width, height, -1).transpose(0, 2, 1, 3)
    return replace(operation, weight=view.reshape(weight.shape[0], width, *operation.kernel))


# --- taking neurons -------------------------------------------------------------------------------------------------------


def taken(net: Network, layer: Layer, index: Sequence[int]) -> dict[str, Operation]:
    """The operations of the layer with new neuron i being old neuron index[i]; neurons that are not in `index` are gone.

    ArgumentError where a node does not allow that: groups of a convolution, a reshape that spreads neurons over several axes.
    """
    chosen = np.asarray(index, dtype=np.int64)
    changed: dict[str, Operation] = {}
    for node, layout in layer.layouts.items():
        operation = net.operation(node)
        if node == layer.source and not isinstance(operation, BatchNorm):
            _check_groups(node, operation, layout.count, chosen)
            weight, bias = rows(operation, layout)
            new = with_rows(operation, weight[chosen], bias[chosen])
        else:
            operand = net.operands(node)[0]
            new = _take(operation, chosen, net.shape(operand), net.shape(node), layer.layouts.get(operand, layout), layout)
        changed[node] = new
    for node in layer.sinks:
        operation, operand = net.operation(node), net.operands(node)[0]
        shape, layout = net.shape(operand), layer.layouts[operand]
        _check_groups(node, operation, layout.count, chosen)
        changed[node] = with_columns(operation, shape, layout, columns(operation, shape, layout)[chosen])
    return changed


def _take(operation: Operation, index: Index, shape: Shape, after_shape: Shape, before: Layout, after: Layout) -> Operation:
    if isinstance(operation, PRelu):
        return PRelu(by_channel(operation.slopes, index, shape, before))
    if isinstance(operation, BatchNorm):
        tensors = (operation.mean, operation.variance, operation.weight, operation.bias)
        mean, variance, weight, bias = (by_channel(t, index, shape, before) for t in tensors)
        return replace(operation, mean=mean, variance=variance, weight=weight, bias=bias)
    if isinstance(operation, Scale):
        return Scale(_take_factor(operation.factor, index, shape, before))
    if isinstance(operation, Reshape) and len(index) != after.count:
        return Reshape(reduced(after_shape, after, len(index)))
    return operation


def _take_factor(factor: RationalArray, index: Index, shape: Shape, layout: Layout) -> RationalArray:
    """A factor that broadcasts to the shape, with the neurons of `index`."""
    try:
        axis, outer, inner = _axis(shape, layout)
    except ArgumentError:  # neurons that are spread over several axes, and can change places all the same
        full = spread(factor, shape).reshape(layout.outer, layout.count, layout.inner)
        return full[:, index].reshape(*reduced(shape, layout, len(index)))
    axis += factor.ndim - len(shape)
    if axis < 0 or factor.shape[axis] == 1:
        return factor
    head, tail = factor.shape[:axis], factor.shape[axis + 1 :]
    view = factor.reshape(math.prod(head) * outer, layout.count, inner * math.prod(tail))
    return view[:, index].reshape(*head, outer * len(index) * inner, *tail)


def by_channel(values: RationalArray, index: Index, shape: Shape, layout: Layout) -> RationalArray:
    """One number for each channel, with the neurons of `index`."""
    if not channel_block(shape, layout):
        return values
    return values.reshape(layout.count, -1)[index].reshape(-1)


def reduced(shape: Shape, layout: Layout, count: int) -> Shape:
    """The shape with another number of neurons."""
    if count == layout.count:
        return shape
    axis, outer, inner = _axis(shape, layout)
    return (*shape[:axis], outer * count * inner, *shape[axis + 1 :])


def spread(values: RationalArray, shape: Shape) -> RationalArray:
    """Broadcast to the shape, as numpy does."""
    return RationalArray(np.broadcast_to(values.numerators, shape).copy(), values.denominator)


def _check_groups(node: str, operation: Operation, count: int, index: Index) -> None:
    """A convolution with groups allows only that neurons of one group change places."""
    if isinstance(operation, Conv) and operation.groups > 1:
        group = np.arange(count) * operation.groups // count
        if len(index) != count or count % operation.groups or (group[index] != group).any():
            raise ArgumentError(
                f"node {node!r}: a conv with {operation.groups} groups allows only that channels of one group change places"
            )
