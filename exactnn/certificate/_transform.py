"""T(f): a network whose hidden layers are permuted, scaled or flipped.

A layer is an activation with the nodes that carry its neurons, from the **source** that makes them on, and the nodes that read them. Where
the source is an affine map that nothing else reads, and affine maps are all that reads the activation, neuron i is entry i of each vector;
all other layers are those of `_layer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm
from operator import mul
from typing import Any, NamedTuple

from . import _budget
from ._budget import words
from ._load import load
from ._network import Network, Node
from ._numbers import Tensor, index, items, mapping, named, need, rationals, show, text

FIELDS = {"permutation": "order", "scaling": "factors", "flip": "neurons", "sign_flip": "neurons"}
ACTIVATIONS = ("piecewise_linear", "prelu", "smooth", "rational")


class Layer(NamedTuple):
    """Positions in ``nodes``: the activation, what carries the neurons, the source first, and what reads them.

    ``changing``: the tensors that are changed where the neurons are made and carried, for each node those of these fields.
    ``readers``: for each how many of its weights in a row belong to one neuron, and to which such runs do, over and over again.
    """

    nodes: list[Node]
    step: str
    at: int
    carrying: Sequence[int]
    changing: Mapping[int, Sequence[str]]
    readers: Mapping[int, tuple[int, Sequence[int]]]
    width: int


def transformed(network: Network, steps: Sequence[Any], label: str = "transformation", law: Callable[..., Layer] | None = None) -> Network:
    """The network after all steps, first to last; a ``law`` rejects those that do not keep the function of every network."""
    for number, raw in enumerate(steps):
        step = f"{label}, step {number}"
        kind = named(raw, step, "kind")
        need(kind in FIELDS, step, f"unknown kind {show(kind)}")
        mapping(raw, step, ("kind", "layer", FIELDS[kind]))
        layer = _found(network, text(raw["layer"], f"{step}: layer"), kind, step)
        order, factors = _read(layer.width, kind, raw[FIELDS[kind]], f"{step}: {FIELDS[kind]}")
        if law is not None:
            layer = law(layer, kind, factors)
        change = load("_flip.flip") if kind == "flip" else _change
        change(layer, order, factors)
        network = network._replace(nodes=tuple(layer.nodes))
    return network


def _found(network: Network, name: str, kind: str, step: str) -> Layer:
    """The layer of the activation with this name."""
    nodes = list(network.nodes)
    at = next((i for i, node in enumerate(nodes) if node.name == name and node.op in ACTIVATIONS), -1)
    need(at >= 0, step, f"there is no activation node {show(name)}")
    (source,) = nodes[at].operands
    readers = [i for i, node in enumerate(nodes) if at in node.operands]
    beside = [i for i, node in enumerate(nodes) if source in node.operands and i != at]
    plain = nodes[at].op != "prelu" and all(nodes[i].op == "affine" for i in (source, *readers))
    if beside or not plain or not {source, at}.isdisjoint(network.outputs):
        other: Layer = load("_layer.found")(network, at, kind, step)
        return other
    count = nodes[at].shape[-1]
    return Layer(nodes, step, at, (source, at), {source: ("weight", "bias")}, dict.fromkeys(readers, (1, range(count))), count)


def _read(count: int, kind: str, raw: Any, step: str) -> tuple[Sequence[int], list[Fraction]]:
    """Old neuron order[i] becomes new neuron i, with its incoming weights times factors[i]."""
    if kind == "scaling":
        factors = rationals(raw, step, count)
        need(all(f > 0 for f in factors), step, "the factors must be positive")
        return range(count), factors
    neurons = [index(v, count, step) for v in items(raw, step, count if kind == "permutation" else None)]
    flipped = set(neurons)
    need(len(flipped) == len(neurons), step, "a neuron is listed twice")
    if kind == "permutation":
        return neurons, [Fraction(1)] * count
    return range(count), [Fraction(-1 if i in flipped else 1) for i in range(count)]


def _change(layer: Layer, order: Sequence[int], factors: Sequence[Fraction]) -> None:
    """The numbers of the neurons in this order, times these factors, which the readers undo."""
    for i, keys in layer.changing.items():
        move(layer, i, keys, order, factors)
    for i in layer.readers:
        move(layer, i, ("weight",), order, [1 / f for f in factors])


def move(layer: Layer, i: int, keys: Sequence[str], order: Sequence[int], factors: Sequence[Fraction]) -> None:
    """Tensors of node i: what belongs to neuron n becomes what belonged to neuron order[n], times the factor of n."""
    node, common = layer.nodes[i], lcm(*(f.denominator for f in factors))
    whole, fields = [f.numerator * (common // f.denominator) for f in factors], dict(node.fields)
    for key in keys:
        a = fields[key]
        size, long = len(a.numerators), words(common.bit_length() + a.denominator.bit_length())
        _budget.charge(4 * size * long**2, layer.step)
        _budget.hold(size * long, layer.step)
        run, neurons = layer.readers.get(i, (size // layer.width, range(layer.width)))
        starts = [(k + order[n] - n) * run for k, n in enumerate(neurons)]
        places = [p for start in starts for p in range(start, start + run)]
        times, period = [whole[n] for n in neurons for _ in range(run)], len(places)
        parts = (a.numerators[at : at + period] for at in range(0, size, period))
        numerators = [m for part in parts for m in map(mul, map(part.__getitem__, places), times)]
        divisor = gcd(a.denominator * common, *numerators)
        fields[key] = Tensor(a.shape, numerators if divisor == 1 else [m // divisor for m in numerators], a.denominator * common // divisor)
    if node.op == "batch_norm":
        fields = load("_rounding.with_scale")(fields, f"{layer.step}: node {node.name}")
    layer.nodes[i] = node._replace(fields=fields)
