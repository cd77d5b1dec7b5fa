"""Neurons that are flipped: what phi(t) - phi(-t) = r t leaves is added to the biases of those who read them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from . import _budget
from ._common import pack
from ._evaluate import Numbers, value
from ._meaning import bits, linear
from ._numbers import Rejected, Tensor, need
from ._operations import operation
from ._piecewise import piecewise
from ._transform import Layer, move


def flip(layer: Layer, order: Sequence[int], signs: Sequence[Fraction]) -> None:
    """(a, w, b) -> (a, -w, -b) and c -> c + sum of r a b, where phi(t) - phi(-t) = r t.

    b is what the activation gets where the source gets 0. Of the neurons that are flipped, and no others, it changes its sign: r b is
    r / 2 times the difference. The sum is what that adds to the readers.
    """
    nodes, at = layer.nodes, layer.nodes[layer.at]
    for i in layer.carrying:
        affine = operation(nodes[i].op, layer.step).rule
        need(i == layer.at or bool(affine), layer.step, f"a flip cannot pass node {nodes[i].name} ({nodes[i].op})")
    old = _at_zero(layer)
    move(layer, min(layer.changing), ("weight", "bias"), order, signs)
    ratios = mirror_slopes(layer)
    added = [(b - c) * ratios[k * len(ratios) // len(old)] / 2 for k, (b, c) in enumerate(zip(old, _at_zero(layer), strict=True))]
    values = {layer.at: pack(added, at.shape)}
    for i in (*layer.carrying, *layer.readers) if any(added) else ():
        node = nodes[i]
        if i > layer.at:
            operand = values[node.operands[0]]
            rule = linear(node, [operand.shape])
            _budget.charge(rule.work(1, bits(operand)), layer.step)
            values[i] = value(rule, [operand], constants=False)
        if i in layer.readers:
            entries, bias = values[i].fractions(), node.fields["bias"].fractions()
            area = len(entries) // len(bias)  # places; an affine map has its rows on the last axis, a conv on the first
            places = [entries[k :: len(bias)] if node.op == "affine" else entries[k * area : (k + 1) * area] for k in range(len(bias))]
            alike = all(len(set(row)) == 1 for row in places)
            need(alike, layer.step, f"no bias of node {node.name} can take up the sum, which depends on the place")
            taken = pack([c + row[0] for c, row in zip(bias, places, strict=True)], (len(bias),))
            nodes[i] = node._replace(fields={**node.fields, "bias": taken})


def _at_zero(layer: Layer) -> list[Fraction]:
    """What the activation gets where the source gets 0."""
    nodes = layer.nodes
    shape = nodes[nodes[layer.carrying[0]].operands[0]].shape
    _budget.hold(prod(shape), layer.step)
    found = Tensor(shape, [0] * prod(shape), 1)
    for i in layer.carrying:
        if i < layer.at:
            found = Numbers((), layer.step).linear(nodes[i], linear(nodes[i], [found.shape]), [found])
    return found.fractions()


def mirror_slopes(layer: Layer) -> list[Fraction]:
    """r for each channel, or one r for all, where phi(t) - phi(-t) = r t.

    For q t + c + sum p max(t - s, 0) the kinks of the difference cancel when s and -s have the same p, and then
    r = 2 q + sum p.
    """
    node = layer.nodes[layer.at]
    if node.op in ("piecewise_linear", "prelu"):
        functions = piecewise(node)
        if all(dict(f.kinks).get(-t) == p for f in functions for t, p in f.kinks):
            return [2 * f.slope + sum(p for _, p in f.kinks) for f in functions]
    elif node.op == "smooth" and node.fields["function"] in ("silu", "gelu", "gelu_tanh", "softplus"):
        return [Fraction(1)]
    raise Rejected(layer.step, "for this activation phi(t) - phi(-t) is not linear: there is no flip")
