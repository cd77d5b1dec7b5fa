"""Neurons that are flipped: what phi(t) - phi(-t) = r t leaves is added to the biases of those who read them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from . import _budget
from ._common import pack
from ._evaluate import value
from ._laws import odd_slopes
from ._layer import Layer
from ._meaning import linear
from ._numbers import Tensor, need
from ._operations import operation
from ._transform import last_with_weights, move, set_fields


def flip(layer: Layer, signs: Sequence[Fraction], kept: bool) -> None:
    """(a, w, b) -> (a, -w, -b) and c -> c + sum of r a b, where phi(t) - phi(-t) = r t; r is 0 where the function is ``kept``.

    b is what the layer gets where the source gets 0; the sum is what r b, on the flipped neurons, adds to the readers.
    """
    nodes, ratios = layer.nodes, odd_slopes(layer.nodes[layer.at], layer.step)
    size, inner = prod(nodes[layer.at].shape), layer.inner(layer.at)
    shape = nodes[nodes[layer.before[-1]].operands[0]].shape
    _budget.hold(8 * (size + prod(shape)), layer.step)
    slopes = [ratios[k * len(ratios) // size] if signs[k // inner % layer.count] < 0 else Fraction(0) for k in range(size)]
    for i in (*layer.before, *layer.between):
        need(bool(operation(nodes[i].op, layer.step).rule), layer.step, f"a flip cannot pass node {nodes[i].name} ({nodes[i].op})")
        need(not kept or nodes[i].op != "batch_norm" or i in layer.between, layer.step, "a batch_norm stands before the layer")
    need(not kept or not any(slopes), layer.step, "the activation of a neuron is not even")
    moved = Tensor(shape, [0] * prod(shape), 1)
    for i in reversed(layer.before):
        moved = value(linear(nodes[i], [moved.shape]), [moved])
    added = [v * r for v, r in zip(moved.fractions(), slopes, strict=True)]
    values = {layer.at: pack(added, nodes[layer.at].shape)}
    for i in (*layer.between, *layer.readers):
        operand = values[nodes[i].operands[0]]
        values[i] = value(linear(nodes[i], [operand.shape]), [operand], constants=False)
    move(layer, last_with_weights(layer), ("weight", "bias"), list(range(layer.count)), signs)
    for i in layer.readers if any(slopes) else ():
        node, entries = nodes[i], values[i].fractions()
        bias = node.fields["bias"].fractions()
        area = len(entries) // len(bias)  # places; an affine map has its rows on the last axis, a conv on the first
        places = [entries[k :: len(bias)] if node.op == "affine" else entries[k * area : (k + 1) * area] for k in range(len(bias))]
        alike = all(len(set(row)) == 1 for row in places)
        need(alike, layer.step, f"no bias of node {node.name} can take up the sum, which depends on the place")
        set_fields(layer, i, {"bias": pack([c + row[0] for c, row in zip(bias, places, strict=True)], (len(bias),))})
