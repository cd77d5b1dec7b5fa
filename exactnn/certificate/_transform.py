"""T(f): a network whose hidden layers are permuted, scaled or flipped.

The channels of an activation node are blocks of entries in row-major order, axis 0 being the channel axis. The
nodes before it, back to the affine map or convolution that feeds it, and the nodes after it, up to the affine
maps and convolutions that read it, hold the same blocks, because none of the nodes between mixes channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm, prod
from operator import mul
from typing import Any

from ._network import Network, Node
from ._numbers import Rejected, Tensor, index, items, mapping, need, pack, rationals, show, text
from ._operations import with_scale

ACTIVATIONS = ("piecewise_linear", "prelu", "smooth", "rational")
KEEPING = ("reshape", "max_pool", "average_pool")  # nodes without parameters that keep channels apart
FIELDS = {"permutation": "order", "scaling": "factors", "flip": "neurons", "sign_flip": "neurons"}


def transformed(network: Network, steps: Sequence[Any]) -> Network:
    """The network after all steps, first to last."""
    for i, raw in enumerate(steps):
        step = f"transformation, step {i}"
        need(type(raw) is dict, step, f"expected an object, found {show(raw)}")
        kind = text(raw.get("kind"), f"{step}: kind")
        need(kind in FIELDS, step, f"unknown kind {show(kind)}")
        mapping(raw, step, ("kind", "layer", FIELDS[kind]))
        layer = _Layer(network, text(raw["layer"], f"{step}: layer"), step)
        listed = items(raw[FIELDS[kind]], f"{step}: {FIELDS[kind]}")
        network = layer.apply(kind, listed)
    return network


class _Layer:
    """A hidden layer: an activation node with the nodes that feed it and the nodes that read it."""

    def __init__(self, network: Network, name: str, step: str) -> None:
        self._nodes, self._network, self._step = list(network.nodes), network, step
        found = [i for i, node in enumerate(network.nodes) if node.name == name and node.op in ACTIVATIONS]
        need(bool(found), step, f"there is no activation node {show(name)}")
        self._at = found[0]
        shape = network.nodes[self._at].shape
        need(len(shape) >= 1, step, "the layer has no channel axis")
        self._count = shape[0]
        self._before = self._feeders()
        self._readers, self._between = self._follow()

    def _only_reader(self, i: int) -> None:
        readers = sum(node.operands.count(i) for node in self._nodes)
        alone = readers == 1 and i not in self._network.outputs
        need(alone, self._step, f"node {self._nodes[i].name} is used outside the layer")

    def _feeders(self) -> list[int]:
        """Back from the activation to the affine map or convolution, which comes last."""
        found = []
        i = self._nodes[self._at].operands[0]
        while True:
            node = self._nodes[i]
            known = (*KEEPING, "batch_norm", "affine", "conv")
            need(node.op in known, self._step, f"node {node.name} ({node.op}) stands before the layer")
            self._blocks(i)
            self._only_reader(i)
            found.append(i)
            if node.op in ("affine", "conv"):
                need(node.op == "conv" or len(node.shape) == 1, self._step, f"{node.name} works on several vectors")
                return found
            i = node.operands[0]

    def _follow(self) -> tuple[list[int], list[int]]:
        """The affine maps and convolutions that read the layer, and the nodes in between."""
        readers, between, todo = [], [], [self._at]
        while todo:
            i = todo.pop()
            self._blocks(i)
            need(i not in self._network.outputs, self._step, f"node {self._nodes[i].name} is an output")
            for k, node in enumerate(self._nodes):
                if i not in node.operands:
                    continue
                if node.op in KEEPING:
                    between.append(k)
                    todo.append(k)
                    continue
                fits = node.op == "conv" or (node.op == "affine" and len(self._nodes[i].shape) == 1)
                need(fits, self._step, f"node {node.name} ({node.op}) reads the layer")
                readers.append(k)
        return readers, between

    def _blocks(self, i: int) -> int:
        """How many indices of axis 0 of a node make one channel of the layer."""
        shape = self._nodes[i].shape
        whole = len(shape) >= 1 and shape[0] % self._count == 0
        need(whole, self._step, f"node {self._nodes[i].name} does not keep the channels of the layer apart")
        return shape[0] // self._count

    def apply(self, kind: str, listed: list[Any]) -> Network:
        """The network after one step."""
        if kind == "permutation":
            self._permute([index(v, self._count, f"{self._step}: order") for v in listed])
        elif kind == "scaling":
            factors = rationals(listed, f"{self._step}: factors", self._count)
            need(all(f > 0 for f in factors), self._step, "the factors must be positive")
            self._scale(factors)
        else:
            neurons = {index(v, self._count, f"{self._step}: neurons") for v in listed}
            need(len(neurons) == len(listed), self._step, "a neuron is listed twice")
            factors = [Fraction(-1 if i in neurons else 1) for i in range(self._count)]
            if kind == "sign_flip":
                path = (*self._before, *self._between)
                pooled = any(self._nodes[i].op == "max_pool" for i in path)
                need(not pooled, self._step, "a maximum does not commute with a change of sign")
                self._scale(factors)
            else:
                self._flip(neurons, factors)
        return self._network._replace(nodes=tuple(self._nodes))

    def _set(self, i: int, **fields: Any) -> None:
        node = self._nodes[i]
        fields = {**node.fields, **fields}
        if node.op == "batch_norm":
            fields = with_scale(fields, f"{self._step}: node {node.name}")
        self._nodes[i] = node._replace(fields=fields)

    def _permute(self, order: list[int]) -> None:
        """New channel i is old channel order[i]: rows before, parameters of the layer, columns behind."""
        need(sorted(order) == list(range(self._count)), self._step, "the order is no permutation of the layer")
        if self._nodes[self._at].op == "prelu":
            self._set(self._at, slopes=_rows(self._nodes[self._at].fields["slopes"], order))
        for i in self._before:
            node = self._nodes[i]
            need(node.fields.get("groups", 1) == 1, self._step, f"{node.name} works in groups of channels")
            keys = [key for key in ("weight", "bias", "mean", "variance") if key in node.fields]
            self._set(i, **{key: _rows(node.fields[key], order) for key in keys})
        for i in self._readers:
            node = self._nodes[i]
            need(node.fields.get("groups", 1) == 1, self._step, f"{node.name} works in groups of channels")
            self._set(i, weight=_columns(node.fields["weight"], order))

    def _scale(self, factors: Sequence[Fraction]) -> None:
        """Channel i times factors[i] by the last parameters before the layer; divided again behind it."""
        i = next(i for i in self._before if self._nodes[i].op not in KEEPING)
        fields = self._nodes[i].fields
        repeated = [f for f in factors for _ in range(self._blocks(i))]
        self._set(i, weight=_times_rows(fields["weight"], repeated), bias=_times_rows(fields["bias"], repeated))
        for i in self._readers:
            node = self._nodes[i]
            inverse = [1 / f for f in factors]
            self._set(i, weight=_times_columns(node.fields["weight"], inverse, node.fields.get("groups", 1)))

    def _flip(self, neurons: set[int], factors: Sequence[Fraction]) -> None:
        """(a, w, b) -> (a, -w, -b) and c -> c + sum of r a b, where phi(t) - phi(-t) = r t."""
        dense = len(self._before) == 1 and not self._between and len(self._nodes[self._at].shape) == 1
        dense = dense and all(self._nodes[i].op == "affine" for i in (*self._before, *self._readers))
        need(dense, self._step, "a flip needs affine nodes directly before and behind the layer")
        i = self._before[0]
        fields = self._nodes[i].fields
        ratios = _odd_slopes(self._nodes[self._at], self._step)
        biases = fields["bias"].fractions()
        moved = [ratios[k] * biases[k] if k in neurons else Fraction(0) for k in range(self._count)]
        self._set(i, weight=_times_rows(fields["weight"], factors), bias=_times_rows(fields["bias"], factors))
        shift = pack(moved, (self._count,))
        for i in self._readers:
            weight, bias = self._nodes[i].fields["weight"], self._nodes[i].fields["bias"]
            m, n = weight.shape
            under = weight.denominator * shift.denominator
            sums = [
                old + Fraction(sum(map(mul, weight.numerators[j * n : (j + 1) * n], shift.numerators)), under)
                for j, old in enumerate(bias.fractions())
            ]
            self._set(i, bias=pack(sums, (m,)))


def _odd_slopes(node: Node, step: str) -> list[Fraction]:
    """r for each neuron, where phi(t) - phi(-t) = r t.

    For q t + c + sum p max(t - s, 0) the kinks of the difference cancel when s and -s have the same p, and then
    r = 2 q + sum p.
    """
    if node.op == "prelu":
        return [1 + s for s in node.fields["slopes"].fractions()]
    if node.op == "piecewise_linear":
        sizes = dict(node.fields["kinks"])
        if all(sizes.get(-t) == p for t, p in sizes.items()):
            return [2 * node.fields["slope"] + sum(sizes.values())] * node.shape[0]
    elif node.op == "smooth" and node.fields["function"] in ("silu", "gelu", "gelu_tanh", "softplus"):
        return [Fraction(1)] * node.shape[0]
    raise Rejected(step, "for this activation phi(t) - phi(-t) is not linear: there is no flip")


def _rows(a: Tensor, order: Sequence[int]) -> Tensor:
    """Blocks of axis 0 in another order."""
    size = len(a.numerators) // len(order)
    return a._replace(numerators=[n for i in order for n in a.numerators[i * size : (i + 1) * size]])


def _columns(a: Tensor, order: Sequence[int]) -> Tensor:
    """Blocks of axis 1 in another order."""
    size, row = prod(a.shape[1:]) // len(order), prod(a.shape[1:])
    starts = range(0, len(a.numerators), row)
    return a._replace(numerators=[n for s in starts for i in order for n in a.numerators[s + i * size : s + (i + 1) * size]])


def _times_rows(a: Tensor, factors: Sequence[Fraction]) -> Tensor:
    """Index i of axis 0 times factors[i]."""
    size = prod(a.shape[1:])
    return _times(a, factors, (i for i in range(a.shape[0]) for _ in range(size)))


def _times_columns(a: Tensor, factors: Sequence[Fraction], groups: int) -> Tensor:
    """Blocks of axis 1 times their factors; with groups, row o reads the channels of its group only."""
    out, inner = a.shape[:2]
    taps, block = prod(a.shape[2:]), inner * groups // len(factors)
    return _times(
        a,
        factors,
        ((o * groups // out * inner + c) // block for o in range(out) for c in range(inner) for _ in range(taps)),
    )


def _times(a: Tensor, factors: Sequence[Fraction], which: Iterator[int]) -> Tensor:
    common = lcm(*(f.denominator for f in factors))
    whole = [int(f * common) for f in factors]
    found = [n * whole[i] for n, i in zip(a.numerators, which, strict=True)]
    return Tensor(a.shape, found, a.denominator * common)
