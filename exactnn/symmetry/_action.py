"""Carrying transformations out: rows multiplied at the weights before a layer, columns divided behind it, constants moved.

What counts as the incoming and outgoing weights of a layer is said in `transformations`, and in docs/certificate-format.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.network.graph import Network
from exactnn.network.neurons import Layer, channel_block, columns, rows, with_columns, with_rows
from exactnn.network.operations import Affine, BatchNorm, Operation
from exactnn.network.windows import Conv


def scaled_layer(net: Network, layer: Layer, factors: RationalArray, start: str | None = None) -> dict[str, Operation]:
    """Incoming weights and biases multiplied, from the node `start` of the layer's path on, outgoing weights divided."""
    start = _start(net, layer) if start is None else start
    changed = scaled_source(net, layer, factors, start)
    carrying = {start}
    for node in net.order:
        operands = net.operands(node)
        if node == start or not any(o in carrying for o in operands):
            continue
        operation = net.operation(node)
        if node in layer.sinks:
            changed[node] = _divided(net, layer, node, factors)
            continue
        if not all(o in carrying for o in operands):
            raise ArgumentError(f"node {node!r} ({operation.kind}): it adds neurons that are scaled to neurons that are not")
        carrying.add(node)
        if isinstance(operation, BatchNorm):
            by_channel = _channel_factors(net, layer, node, factors)
            changed[node] = replace(operation, mean=operation.mean * by_channel, bias=operation.bias * by_channel)
    return changed


def _start(net: Network, layer: Layer) -> str:
    """The node whose weights and biases count as incoming: the last batch norm before the activation, else the source."""
    norms = [n for n in layer.path if isinstance(net.operation(n), BatchNorm)]
    return norms[-1] if norms else layer.source


def scaled_source(net: Network, layer: Layer, factors: RationalArray, start: str | None = None) -> dict[str, Operation]:
    """Incoming weights and biases multiplied."""
    node = _start(net, layer) if start is None else start
    operation, layout = net.operation(node), layer.layouts[node]
    if isinstance(operation, BatchNorm):
        by_channel = _channel_factors(net, layer, node, factors)
        scaled = replace(operation, weight=operation.weight * by_channel, bias=operation.bias * by_channel)
        if scaled.scale != operation.scale * by_channel:
            raise ArgumentError(
                f"node {node!r} (batch_norm): these factors do not commute with the rounding of its scale to "
                f"{operation.precision}; powers of two do; for others fold it into the weights first "
                "(exactnn.network.rewrite.fold_affine)"
            )
        return {node: scaled}
    weight, bias = rows(operation, layout)
    column = factors.reshape(-1, 1)
    return {node: with_rows(operation, weight * column, bias * column)}


def _channel_factors(net: Network, layer: Layer, node: str, factors: RationalArray) -> RationalArray:
    block = channel_block(net.shape(node), layer.layouts[node])
    if not block:
        raise ArgumentError(f"node {node!r} (batch_norm): each of its channels has entries of every neuron; no factor can pass it")
    return RationalArray(np.repeat(factors.numerators, block), factors.denominator)


def _divided(net: Network, layer: Layer, node: str, factors: RationalArray) -> Operation:
    operand = net.operands(node)[0]
    shape, layout = net.shape(operand), layer.layouts[operand]
    return with_columns(net.operation(node), shape, layout, columns(net.operation(node), shape, layout) * (1 / factors.reshape(-1, 1)))


def moved_constants(net: Network, layer: Layer, name: str, neurons: Sequence[int], slope: RationalArray) -> dict[str, Operation]:
    """The sinks with  r sum a_i b_i  over the flipped neurons added to their biases, b_i constant before the activation."""
    after = [n for n in layer.layouts if n not in layer.path]
    for node in (*layer.path, *after):
        if node != name and not net.operation(node).is_affine:
            raise ArgumentError(
                f"layer {name!r}: a flip needs affine nodes only between the weights and this activation, "
                f"got node {node!r} ({net.operation(node).kind})"
            )
    value = RationalArray.zeros((1, *net.shape(net.operands(layer.path[0])[0])))
    for node in layer.path[:-1]:
        if len(net.consumers(node)) > 1:
            raise ArgumentError(f"layer {name!r}: a flip needs incoming weights of its own, but node {node!r} is read by others too")
        value = net.operation(node).evaluate(value)
    layout = layer.layouts[name]
    if slope.ndim:
        slope = slope.reshape(-1, *(1,) * (len(net.shape(name)) - 1))
    mask = np.zeros((1, layout.count, 1), dtype=np.int64)
    mask[0, list(neurons)] = 1
    flat = (value * slope).reshape(layout.outer, layout.count, layout.inner) * RationalArray(mask)
    values = {name: flat.reshape(1, *net.shape(name))}
    for node in after:
        values[node] = _linear(net.operation(node), *(values[o] for o in net.operands(node)))
    changed: dict[str, Operation] = {}
    for node in layer.sinks:
        operation = net.operation(node)
        assert isinstance(operation, (Affine, Conv))
        added = _linear(operation, values[net.operands(node)[0]])[0]
        outputs = operation.bias.shape[0]
        table = added.reshape(-1, outputs) if isinstance(operation, Affine) else added.reshape(outputs, -1).T
        if table != RationalArray(np.broadcast_to(table.numerators[:1], table.shape).copy(), table.denominator):
            raise ArgumentError(
                f"layer {name!r}: the sum of a_i b_i differs between places of node {node!r} (its padding, say), "
                "so that no bias can take it up"
            )
        changed[node] = replace(operation, bias=operation.bias + table[0])
    return changed


def _linear(operation: Operation, *values: RationalArray) -> RationalArray:
    zeros = (RationalArray.zeros(v.shape) for v in values)
    return operation.evaluate(*values) - operation.evaluate(*zeros)
