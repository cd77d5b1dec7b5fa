"""T(f): a network whose hidden layers are permuted, scaled or flipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm, prod
from typing import Any

from ._affine import AFFINE, affine_value
from ._layer import ACTIVATIONS, Layer
from ._network import Network, Node
from ._numbers import Rejected, Tensor, index, items, lowest, mapping, need, pack, rationals, show, text
from ._operations import with_scale

FIELDS = {"permutation": "order", "scaling": "factors", "flip": "neurons", "sign_flip": "neurons"}


def transformed(network: Network, steps: Sequence[Any]) -> Network:
    """The network after all steps, first to last."""
    for i, raw in enumerate(steps):
        layer, kind, listed = _read(network, raw, f"transformation, step {i}")
        _apply(layer, kind, listed)
        network = network._replace(nodes=tuple(layer.nodes))
    return network


def matched(network: Network, steps: Sequence[Any]) -> Network:
    """The network after steps that keep the function of every network."""
    for i, raw in enumerate(steps):
        layer, kind, listed = _read(network, raw, f"matched, step {i}")
        if kind == "permutation":
            _apply(layer, kind, listed)
        elif kind == "flip":
            _flip_even(layer, listed)
        else:
            _rescale(layer, kind, listed)
        network = network._replace(nodes=tuple(layer.nodes))
    return network


def _read(network: Network, raw: Any, step: str) -> tuple[Layer, str, list[Any]]:
    """The layer that a step is about, its kind, and what it lists."""
    need(type(raw) is dict, step, f"expected an object, found {show(raw)}")
    kind = text(raw.get("kind"), f"{step}: kind")
    need(kind in FIELDS, step, f"unknown kind {show(kind)}")
    mapping(raw, step, ("kind", "layer", FIELDS[kind]))
    layer = Layer(network, text(raw["layer"], f"{step}: layer"), step)
    return layer, kind, items(raw[FIELDS[kind]], f"{step}: {FIELDS[kind]}")


def _rescale(layer: Layer, kind: str, listed: list[Any]) -> None:
    """phi(L t) = L phi(t) for the factors L > 0 of a scaling, for L = -1 of a sign flip: so for all that carries the neurons, if the
    constants of its affine nodes are multiplied by L, as those of the source are."""
    is_scaling = kind == "scaling"
    factors = _factors(layer, listed) if is_scaling else _signs(layer, listed)
    if not is_scaling:
        _need_no_maximum(layer)
    need(layer.has_source, layer.step, "no affine or conv node makes the neurons")
    for i in (*layer.before, layer.at, *layer.between):
        node = layer.nodes[i]
        if node.op in ACTIVATIONS:
            kept = _is_homogeneous(node) if is_scaling else _is_odd(node)
            need(kept, layer.step, f"node {node.name} ({node.op}) is not {'positively homogeneous' if is_scaling else 'odd'}")
    _multiply(layer, layer.before[-1], factors, ("weight", "bias"))
    _carry(layer, (*layer.before, *layer.between), factors)


def _flip_even(layer: Layer, listed: list[Any]) -> None:
    """(a, w, b) -> (a, -w, -b), where phi(-t) = phi(t)."""
    signs = _signs(layer, listed)
    need(all(layer.nodes[i].op != "batch_norm" for i in layer.before), layer.step, "a batch_norm stands before the layer")
    ratios = _odd_slopes(layer.nodes[layer.at], layer.step)
    even = all(not r for r, sign in zip(_by_neuron(layer, ratios), signs, strict=True) if sign < 0)
    need(even, layer.step, "the activation of a neuron is not even")
    _flip(layer, {i for i, sign in enumerate(signs) if sign < 0}, signs)


def _by_neuron(layer: Layer, ratios: Sequence[Fraction]) -> list[Fraction]:
    """What is one number for all neurons, or one for each channel, where a neuron is a channel, as one for each neuron."""
    if len(ratios) == 1:
        return [ratios[0]] * layer.count
    need(len(ratios) == layer.count, layer.step, "the neurons are not the channels of the activation")
    return list(ratios)


def _is_homogeneous(node: Node) -> bool:
    """Whether phi(L t) = L phi(t) for all L > 0."""
    if node.op == "piecewise_linear":
        return not node.fields["constant"] and all(t == 0 for t, _ in node.fields["kinks"])
    return node.op == "prelu"


def _is_odd(node: Node) -> bool:
    """Whether phi(-t) = -phi(t): phi(t) + phi(-t) has no kinks, so that it is a constant, and this is 2 phi(0)."""
    if node.op == "piecewise_linear":
        kinks = dict(node.fields["kinks"])
        at_zero = node.fields["constant"] - sum(p * t for t, p in kinks.items() if t < 0)
        return not at_zero and all(kinks.get(-t) == -p for t, p in kinks.items())
    return node.op == "smooth" and node.fields["function"] == "tanh"


def _apply(layer: Layer, kind: str, listed: list[Any]) -> None:
    """One step; the nodes of the layer are replaced."""
    if kind == "permutation":
        _permute(layer, [index(v, layer.count, f"{layer.step}: order") for v in listed])
    elif kind == "scaling":
        _scale(layer, _factors(layer, listed))
    elif kind == "flip":
        signs = _signs(layer, listed)
        _flip(layer, {i for i, sign in enumerate(signs) if sign < 0}, signs)
    else:
        signs = _signs(layer, listed)
        _need_no_maximum(layer)
        _scale(layer, signs)


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


def _need_no_maximum(layer: Layer) -> None:
    pooled = any(layer.nodes[i].op == "max_pool" for i in (*layer.before, *layer.between))
    need(not pooled, layer.step, "a maximum does not commute with a change of sign")


def _set(layer: Layer, i: int, **fields: Any) -> None:
    node = layer.nodes[i]
    fields = {**node.fields, **fields}
    if node.op == "batch_norm":
        fields = with_scale(fields, f"{layer.step}: node {node.name}")
    layer.nodes[i] = node._replace(fields=fields)


def _permute(layer: Layer, order: list[int]) -> None:
    """New neuron i is old neuron order[i]: parameters of the nodes that carry the neurons, columns of the readers."""
    need(sorted(order) == list(range(layer.count)), layer.step, "the order is no permutation of the layer")
    need(layer.has_source, layer.step, "no affine or conv node makes the neurons")
    for i in (*layer.before, *layer.between, layer.at, *layer.readers):
        node = layer.nodes[i]
        need(node.fields.get("groups", 1) == 1, layer.step, f"node {node.name} works in groups of channels")
        if i in layer.readers:
            _set(layer, i, weight=_columns(node.fields["weight"], order, _share(layer, node)))
        else:
            keys = [key for key in ("weight", "bias", "mean", "variance", "slopes") if key in node.fields]
            _set(layer, i, **{key: _rows(node.fields[key], order) for key in keys})


def _scale_incoming(layer: Layer, factors: Sequence[Fraction]) -> None:
    """Neuron i times factors[i], by the weight and bias of the last node before the activation that has them."""
    i = next(i for i in layer.before if layer.nodes[i].op in ("affine", "conv", "batch_norm"))
    _multiply(layer, i, factors, ("weight", "bias"))


def _scale(layer: Layer, factors: Sequence[Fraction]) -> None:
    """Incoming weights times the factors, outgoing ones divided; a batch norm in between follows the scale."""
    _scale_incoming(layer, factors)
    _carry(layer, layer.between, factors)


def _carry(layer: Layer, carrying: Sequence[int], factors: Sequence[Fraction]) -> None:
    """The batch norms that the neurons pass follow the scale, and the readers' weights are divided."""
    for i in carrying:
        if layer.nodes[i].op == "batch_norm":  # scale (L a - L mean) + L bias = L (scale (a - mean) + bias)
            _multiply(layer, i, factors, ("mean", "bias"))
    inverse = [1 / f for f in factors]
    for i in layer.readers:
        node = layer.nodes[i]
        which = _neurons_of_columns(layer, node)
        _set(layer, i, weight=_times(node.fields["weight"], inverse, which))


def _multiply(layer: Layer, i: int, factors: Sequence[Fraction], keys: Sequence[str]) -> None:
    """Fields of node i that have one index for each neuron, or a run of them, times the neuron's factor."""
    fields = layer.nodes[i].fields
    rows = [f for f in factors for _ in range(fields["bias"].shape[0] // layer.count)]
    _set(layer, i, **{key: _times_rows(fields[key], rows) for key in keys})


def _flip(layer: Layer, neurons: set[int], signs: Sequence[Fraction]) -> None:
    """(a, w, b) -> (a, -w, -b) and c -> c + sum of r a b, where phi(t) - phi(-t) = r t.

    b is what the layer gets where the source gets 0; the sum is what r b, on the flipped neurons, adds to the readers.
    """
    for i in (*layer.before, *layer.between):
        node = layer.nodes[i]
        need(node.op in AFFINE, layer.step, f"a flip cannot pass node {node.name} ({node.op})")
    operand = layer.nodes[layer.nodes[layer.before[-1]].operands[0]].shape
    constants = Tensor(operand, [0] * prod(operand), 1)
    for i in reversed(layer.before):
        constants = affine_value(layer.nodes[i], [constants])
    ratios = _odd_slopes(layer.nodes[layer.at], layer.step)
    size, inner = prod(constants.shape), layer.inner(layer.at)
    moved = [
        v * ratios[k * len(ratios) // size] if k // inner % layer.count in neurons else Fraction(0)
        for k, v in enumerate(constants.fractions())
    ]
    values = {layer.at: pack(moved, layer.nodes[layer.at].shape)}
    for i in (*layer.between, *layer.readers):
        values[i] = affine_value(layer.nodes[i], [values[layer.nodes[i].operands[0]]], linear=True)
    _scale_incoming(layer, signs)
    for i in layer.readers:
        node, entries = layer.nodes[i], values[i].fractions()
        bias = node.fields["bias"].fractions()
        area = len(entries) // len(bias)  # places; an affine map has its rows on the last axis, a conv on the first
        places = [entries[k :: len(bias)] if node.op == "affine" else entries[k * area : (k + 1) * area] for k in range(len(bias))]
        need(
            all(len(set(row)) == 1 for row in places),
            layer.step,
            f"no bias of node {node.name} can take up the sum, which depends on the place",
        )
        _set(layer, i, bias=pack([c + row[0] for c, row in zip(bias, places, strict=True)], (len(bias),)))


def _odd_slopes(node: Node, step: str) -> list[Fraction]:
    """r for each channel, or one r for all, where phi(t) - phi(-t) = r t.

    For q t + c + sum p max(t - s, 0) the kinks of the difference cancel when s and -s have the same p, and then
    r = 2 q + sum p.
    """
    if node.op == "prelu":
        return [1 + s for s in node.fields["slopes"].fractions()]
    if node.op == "piecewise_linear":
        sizes = dict(node.fields["kinks"])
        if all(sizes.get(-t) == p for t, p in sizes.items()):
            return [2 * node.fields["slope"] + sum(sizes.values())]
    elif node.op == "smooth" and node.fields["function"] in ("silu", "gelu", "gelu_tanh", "softplus"):
        return [Fraction(1)]
    raise Rejected(step, "for this activation phi(t) - phi(-t) is not linear: there is no flip")


def _rows(a: Tensor, order: Sequence[int]) -> Tensor:
    """Blocks of axis 0 in another order."""
    size = len(a.numerators) // len(order)
    return a._replace(numerators=[n for i in order for n in a.numerators[i * size : (i + 1) * size]])


def _share(layer: Layer, node: Node) -> int:
    """How many weights in a row of a reader, without groups, belong to one neuron."""
    if node.op == "affine":
        return layer.inner(node.operands[0])
    weight: Tensor = node.fields["weight"]
    return layer.channels(node.operands[0]) * prod(weight.shape[2:])


def _columns(a: Tensor, order: Sequence[int], share: int) -> Tensor:
    """Each run of ``share`` weights for each neuron, the neurons in another order."""
    runs = range(0, len(a.numerators), share * len(order))
    return a._replace(numerators=[n for s in runs for i in order for n in a.numerators[s + i * share : s + (i + 1) * share]])


def _neurons_of_columns(layer: Layer, node: Node) -> Iterator[int]:
    """The neuron that each weight of a reader belongs to; with groups, output o reads the channels of its group only."""
    weight: Tensor = node.fields["weight"]
    if node.op == "affine":
        share = layer.inner(node.operands[0])
        return (k // share % layer.count for k in range(len(weight.numerators)))
    groups, (out, inner) = node.fields["groups"], weight.shape[:2]
    block, taps = layer.channels(node.operands[0]), prod(weight.shape[2:])
    return ((o * groups // out * inner + c) // block for o in range(out) for c in range(inner) for _ in range(taps))


def _times_rows(a: Tensor, factors: Sequence[Fraction]) -> Tensor:
    """Index i of axis 0 times factors[i]."""
    size = prod(a.shape[1:])
    return _times(a, factors, (i for i in range(a.shape[0]) for _ in range(size)))


def _times(a: Tensor, factors: Sequence[Fraction], which: Iterator[int]) -> Tensor:
    common = lcm(*(f.denominator for f in factors))
    whole = [int(f * common) for f in factors]
    found = [n * whole[i] for n, i in zip(a.numerators, which, strict=True)]
    return lowest(Tensor(a.shape, found, a.denominator * common))
