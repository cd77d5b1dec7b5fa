"""T(f): a network whose hidden layers are permuted, scaled or flipped."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm, prod
from typing import Any

from . import _budget
from ._budget import words
from ._common import lowest
from ._layer import Layer
from ._load import load
from ._network import Network, Node
from ._numbers import Tensor, index, items, mapping, need, rationals, show, text

FIELDS = {"permutation": "order", "scaling": "factors", "flip": "neurons", "sign_flip": "neurons"}
CURVED = ("piecewise_linear", "prelu", "smooth", "rational")


def transformed(network: Network, steps: Sequence[Any]) -> Network:
    """The network after all steps, first to last."""
    return _after(network, steps, "transformation", False)


def matched(network: Network, steps: Sequence[Any]) -> Network:
    """The network after steps that keep the function of every network."""
    return _after(network, steps, "matched", True)


def _after(network: Network, steps: Sequence[Any], label: str, kept: bool) -> Network:
    for number, raw in enumerate(steps):
        step = f"{label}, step {number}"
        need(type(raw) is dict, step, f"expected an object, found {show(raw)}")
        kind = text(raw.get("kind"), f"{step}: kind")
        need(kind in FIELDS, step, f"unknown kind {show(kind)}")
        mapping(raw, step, ("kind", "layer", FIELDS[kind]))
        layer = Layer(network, text(raw["layer"], f"{step}: layer"), step)
        listed = items(raw[FIELDS[kind]], f"{step}: {FIELDS[kind]}")
        if kind == "permutation":
            _permute(layer, [index(v, layer.count, f"{step}: order") for v in listed])
        elif kind == "flip":
            load("_flip.flip")(layer, _signs(layer, listed), kept)
        else:
            _scale(layer, _factors(layer, listed) if kind == "scaling" else _signs(layer, listed), kind == "scaling", kept)
        network = network._replace(nodes=tuple(layer.nodes))
    return network


def _factors(layer: Layer, listed: list[Any]) -> list[Fraction]:
    """One positive factor for each neuron."""
    factors = rationals(listed, f"{layer.step}: factors", layer.count)
    need(all(f.numerator > 0 for f in factors), layer.step, "the factors must be positive")
    return factors


def _signs(layer: Layer, listed: list[Any]) -> list[Fraction]:
    """-1 for the neurons listed, 1 for the others."""
    neurons = {index(v, layer.count, f"{layer.step}: neurons") for v in listed}
    need(len(neurons) == len(listed), layer.step, "a neuron is listed twice")
    return [Fraction(-1 if i in neurons else 1) for i in range(layer.count)]


def _permute(layer: Layer, order: list[int]) -> None:
    """New neuron i is old neuron order[i]: parameters of the nodes that carry the neurons, columns of the readers."""
    need(sorted(order) == list(range(layer.count)), layer.step, "the order is no permutation of the layer")
    need(layer.has_source, layer.step, "no affine or conv node makes the neurons")
    ones = [Fraction(1)] * layer.count
    for i in (*layer.before, layer.at, *layer.between, *layer.readers):
        need(layer.nodes[i].fields.get("groups", 1) == 1, layer.step, f"node {layer.nodes[i].name} works in groups of channels")
        keys = ("weight",) if i in layer.readers else ("weight", "bias", "mean", "variance", "slopes")
        move(layer, i, keys, order, ones)


def _scale(layer: Layer, factors: Sequence[Fraction], is_scaling: bool, kept: bool) -> None:
    """Incoming weights times the factors, outgoing ones divided; a batch norm in between follows the scale.

    Where the function is ``kept``, phi(L t) = L phi(t) for the factors L > 0 of a scaling, for L = -1 of a sign flip: so for all that
    carries the neurons, if the constants of its affine nodes are multiplied by L, as those of the source are.
    """
    carrying = layer.between
    if not is_scaling:
        pooled = any(layer.nodes[i].op == "max_pool" for i in (*layer.before, *layer.between))
        need(not pooled, layer.step, "a maximum does not commute with a change of sign")
    if kept:
        need(layer.has_source, layer.step, "no affine or conv node makes the neurons")
        for i in (*layer.before, layer.at, *layer.between):
            node, name = layer.nodes[i], "homogeneous" if is_scaling else "odd"
            held = node.op not in CURVED or load(f"_laws.is_{name}")(node)
            need(held, layer.step, f"node {node.name} ({node.op}) is not {name}")
        carrying = [*layer.before, *layer.between]
    order = list(range(layer.count))
    move(layer, layer.before[-1] if kept else last_with_weights(layer), ("weight", "bias"), order, factors)
    for i in carrying:
        if layer.nodes[i].op == "batch_norm":  # scale (L a - L mean) + L bias = L (scale (a - mean) + bias)
            move(layer, i, ("mean", "bias"), order, factors)
    for i in layer.readers:
        move(layer, i, ("weight",), order, [Fraction(f.denominator, f.numerator) for f in factors])


def last_with_weights(layer: Layer) -> int:
    """The last node before the activation that has weight and bias."""
    return next(i for i in layer.before if layer.nodes[i].op in ("affine", "conv", "batch_norm"))


def set_fields(layer: Layer, i: int, fields: dict[str, Tensor]) -> None:
    """Other fields of node i; of a batch_norm also the scale that follows from them."""
    node = layer.nodes[i]
    changed = {**node.fields, **fields}
    if node.op == "batch_norm":
        changed = load("_rounding.with_scale")(changed, f"{layer.step}: node {node.name}")
    layer.nodes[i] = node._replace(fields=changed)


def move(layer: Layer, i: int, keys: Sequence[str], order: Sequence[int], factors: Sequence[Fraction]) -> None:
    """Fields of node i: what belongs to neuron k becomes what belonged to neuron order[k], times the factor of k."""
    node, common = layer.nodes[i], lcm(*(f.denominator for f in factors))
    whole, found = [f.numerator * (common // f.denominator) for f in factors], {}
    for key in keys:
        if key not in node.fields:
            continue
        a: Tensor = node.fields[key]
        share = len(a.numerators) // layer.count  # entries in a row that belong to one neuron, but for those of a reader
        which = _neurons_of_columns(layer, node) if i in layer.readers else [k // share for k in range(len(a.numerators))]
        long = words(common.bit_length() + a.denominator.bit_length())
        _budget.charge(4 * len(which) * long**2, layer.step)
        _budget.hold(len(which) * long, layer.step)
        parts: list[list[int]] = [[] for _ in factors]
        for n, k in zip(a.numerators, which, strict=True):
            parts[k].append(n)
        rest = [iter(parts[k]) for k in order]
        found[key] = lowest(Tensor(a.shape, [next(rest[k]) * whole[k] for k in which], a.denominator * common))
    set_fields(layer, i, found)


def _neurons_of_columns(layer: Layer, node: Node) -> list[int]:
    """The neuron that each weight of a reader belongs to; with groups, output o reads the channels of its group only."""
    weight: Tensor = node.fields["weight"]
    if node.op == "affine":
        share = layer.inner(node.operands[0])
        return [k // share % layer.count for k in range(len(weight.numerators))]
    groups, (out, inner) = node.fields["groups"], weight.shape[:2]
    block, taps = layer.channels(node.operands[0]), prod(weight.shape[2:])
    return [(o * groups // out * inner + c) // block for o in range(out) for c in range(inner) for _ in range(taps)]
