"""T(f): a network whose hidden layers are permuted, scaled or flipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm, prod
from typing import Any

from . import _budget
from ._budget import words
from ._layer import Layer
from ._load import load
from ._meaning import AFFINE, linear, piecewise
from ._network import Network, Node
from ._numbers import Rejected, Tensor, index, items, lowest, mapping, need, pack, rationals, show, text

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
            _flip(layer, _signs(layer, listed), kept)
        else:
            _scale(layer, _factors(layer, listed) if kind == "scaling" else _signs(layer, listed), kind == "scaling", kept)
        network = network._replace(nodes=tuple(layer.nodes))
    return network


def _factors(layer: Layer, listed: list[Any]) -> list[Fraction]:
    """One positive factor for each neuron."""
    factors = rationals(listed, f"{layer.step}: factors", layer.count)
    need(all(f > 0 for f in factors), layer.step, "the factors must be positive")
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
        _move(layer, i, keys, order, ones)


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
            node, name = layer.nodes[i], "positively homogeneous" if is_scaling else "odd"
            held = node.op not in CURVED or (_is_homogeneous(node) if is_scaling else _is_odd(node))
            need(held, layer.step, f"node {node.name} ({node.op}) is not {name}")
        carrying = [*layer.before, *layer.between]
    order = list(range(layer.count))
    _move(layer, layer.before[-1] if kept else _last_with_weights(layer), ("weight", "bias"), order, factors)
    for i in carrying:
        if layer.nodes[i].op == "batch_norm":  # scale (L a - L mean) + L bias = L (scale (a - mean) + bias)
            _move(layer, i, ("mean", "bias"), order, factors)
    for i in layer.readers:
        _move(layer, i, ("weight",), order, [1 / f for f in factors])


def _last_with_weights(layer: Layer) -> int:
    """The last node before the activation that has weight and bias."""
    return next(i for i in layer.before if layer.nodes[i].op in ("affine", "conv", "batch_norm"))


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


def _odd_slopes(node: Node, step: str) -> list[Fraction]:
    """r for each channel, or one r for all, where phi(t) - phi(-t) = r t.

    For q t + c + sum p max(t - s, 0) the kinks of the difference cancel when s and -s have the same p, and then
    r = 2 q + sum p.
    """
    if node.op in ("piecewise_linear", "prelu"):
        functions = piecewise(node)
        if all(dict(f.kinks).get(-t) == p for f in functions for t, p in f.kinks):
            return [2 * f.slope + sum(p for _, p in f.kinks) for f in functions]
    elif node.op == "smooth" and node.fields["function"] in ("silu", "gelu", "gelu_tanh", "softplus"):
        return [Fraction(1)]
    raise Rejected(step, "for this activation phi(t) - phi(-t) is not linear: there is no flip")


def _flip(layer: Layer, signs: Sequence[Fraction], kept: bool) -> None:
    """(a, w, b) -> (a, -w, -b) and c -> c + sum of r a b, where phi(t) - phi(-t) = r t; r is 0 where the function is ``kept``.

    b is what the layer gets where the source gets 0; the sum is what r b, on the flipped neurons, adds to the readers.
    """
    nodes, ratios = layer.nodes, _odd_slopes(layer.nodes[layer.at], layer.step)
    size, inner = prod(nodes[layer.at].shape), layer.inner(layer.at)
    shape = nodes[nodes[layer.before[-1]].operands[0]].shape
    _budget.hold(8 * (size + prod(shape)), layer.step)
    slopes = [ratios[k * len(ratios) // size] if signs[k // inner % layer.count] < 0 else Fraction(0) for k in range(size)]
    for i in (*layer.before, *layer.between):
        need(nodes[i].op in AFFINE, layer.step, f"a flip cannot pass node {nodes[i].name} ({nodes[i].op})")
        need(not kept or nodes[i].op != "batch_norm" or i in layer.between, layer.step, "a batch_norm stands before the layer")
    need(not kept or not any(slopes), layer.step, "the activation of a neuron is not even")
    value = Tensor(shape, [0] * prod(shape), 1)
    for i in reversed(layer.before):
        value = linear(nodes[i], [value.shape]).value([value])
    moved = [v * r for v, r in zip(value.fractions(), slopes, strict=True)]
    values = {layer.at: pack(moved, nodes[layer.at].shape)}
    for i in (*layer.between, *layer.readers):
        operand = values[nodes[i].operands[0]]
        values[i] = linear(nodes[i], [operand.shape]).value([operand], constants=False)
    _move(layer, _last_with_weights(layer), ("weight", "bias"), list(range(layer.count)), signs)
    for i in layer.readers if any(slopes) else ():
        node, entries = nodes[i], values[i].fractions()
        bias = node.fields["bias"].fractions()
        area = len(entries) // len(bias)  # places; an affine map has its rows on the last axis, a conv on the first
        places = [entries[k :: len(bias)] if node.op == "affine" else entries[k * area : (k + 1) * area] for k in range(len(bias))]
        alike = all(len(set(row)) == 1 for row in places)
        need(alike, layer.step, f"no bias of node {node.name} can take up the sum, which depends on the place")
        _set(layer, i, {"bias": pack([c + row[0] for c, row in zip(bias, places, strict=True)], (len(bias),))})


def _set(layer: Layer, i: int, fields: dict[str, Tensor]) -> None:
    node = layer.nodes[i]
    changed = {**node.fields, **fields}
    if node.op == "batch_norm":
        changed = load("_rounding.with_scale")(changed, f"{layer.step}: node {node.name}")
    layer.nodes[i] = node._replace(fields=changed)


def _move(layer: Layer, i: int, keys: Sequence[str], order: Sequence[int], factors: Sequence[Fraction]) -> None:
    """Fields of node i: what belongs to neuron k becomes what belonged to neuron order[k], times the factor of k."""
    node, common = layer.nodes[i], lcm(*(f.denominator for f in factors))
    whole, found = [int(f * common) for f in factors], {}
    for key in keys:
        if key not in node.fields:
            continue
        a: Tensor = node.fields[key]
        share = len(a.numerators) // layer.count  # entries in a row that belong to one neuron, but for those of a reader
        which = list(_neurons_of_columns(layer, node) if i in layer.readers else (k // share for k in range(len(a.numerators))))
        long = words(common.bit_length() + a.denominator.bit_length())
        _budget.charge(4 * len(which) * long**2, layer.step)
        _budget.hold(len(which) * long, layer.step)
        parts: list[list[int]] = [[] for _ in factors]
        for n, k in zip(a.numerators, which, strict=True):
            parts[k].append(n)
        rest = [iter(parts[k]) for k in order]
        found[key] = lowest(Tensor(a.shape, [next(rest[k]) * whole[k] for k in which], a.denominator * common))
    _set(layer, i, found)


def _neurons_of_columns(layer: Layer, node: Node) -> Iterator[int]:
    """The neuron that each weight of a reader belongs to; with groups, output o reads the channels of its group only."""
    weight: Tensor = node.fields["weight"]
    if node.op == "affine":
        share = layer.inner(node.operands[0])
        return (k // share % layer.count for k in range(len(weight.numerators)))
    groups, (out, inner) = node.fields["groups"], weight.shape[:2]
    block, taps = layer.channels(node.operands[0]), prod(weight.shape[2:])
    return ((o * groups // out * inner + c) // block for o in range(out) for c in range(inner) for _ in range(taps))
