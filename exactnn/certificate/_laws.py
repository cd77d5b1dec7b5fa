"""Part "matched" of evidence: steps that keep the function of every network with these activations."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ._load import load
from ._network import Network, Node
from ._numbers import need
from ._piecewise import piecewise
from ._transform import ACTIVATIONS, Layer, transformed


def matched(network: Network, steps: Sequence[Any]) -> Network:
    """The network after such steps."""
    return transformed(network, steps, "matched", _law)


def _law(layer: Layer, kind: str, factors: Sequence[Fraction]) -> Layer:
    """The layer, where the numbers of the source are multiplied.

    phi(L t) = L phi(t) for the factors L > 0 of a scaling, and for L = -1 of a sign flip: so for all that carries the neurons, if the
    constants of its affine nodes are multiplied by L, as those of the source are. For a flip phi(t) = phi(-t).
    """
    nodes, step = [layer.nodes[i] for i in layer.carrying], layer.step
    need(nodes[0].op != "batch_norm", step, "no affine or conv node makes the neurons")
    if kind == "flip":
        before = nodes[: layer.carrying.index(layer.at)]
        need(all(node.op != "batch_norm" for node in before), step, "a batch_norm stands before the layer")
        slopes = load("_flip.mirror_slopes")(layer)
        channels = max(layer.width, len(slopes))
        changing = [c for c in range(channels) if slopes[c % len(slopes)] and factors[c * layer.width // channels] < 0]
        need(not changing, step, "the activation of a neuron is not even")
    elif kind != "permutation":
        holds, law = (_is_homogeneous, "homogeneous") if kind == "scaling" else (_is_odd, "odd")
        for node in nodes:
            need(node.op not in ACTIVATIONS or holds(node), step, f"node {node.name} ({node.op}) is not {law}")
    if kind == "permutation" or all(node.op != "batch_norm" for node in nodes):
        return layer
    return layer._replace(changing=load("_layer.multiplied")(layer.nodes, layer.carrying, layer.carrying[0]))


def _is_homogeneous(node: Node) -> bool:
    """Whether phi(L t) = L phi(t) for all L > 0."""
    if node.op not in ("piecewise_linear", "prelu"):
        return False
    return all(not f.constant and all(t == 0 for t, _ in f.kinks) for f in piecewise(node))


def _is_odd(node: Node) -> bool:
    """Whether phi(-t) = -phi(t): phi(t) + phi(-t) has no kinks, so that it is a constant, and this is 2 phi(0)."""
    if node.op == "piecewise_linear":
        kinks = dict(node.fields["kinks"])
        at_zero = node.fields["constant"] - sum(p * t for t, p in kinks.items() if t < 0)
        return not at_zero and all(kinks.get(-t) == -p for t, p in kinks.items())
    return node.op == "smooth" and node.fields["function"] == "tanh"
