"""Layers whose neurons are channels, or are carried by more nodes than their activation.

The way back from the activation through the operations of BACK ends at the source, an affine map or a convolution; where it ends at any
other node, the batch_norm farthest back is the source. The neurons are the rows of the affine map, or the channels of the other sources.
At every node between there and the affine maps and convolutions that read the layer, entry (o n + i) run + k, counted row-major, belongs to
neuron i of n, 0 <= o < outer, 0 <= k < run: elementwise nodes and reshapes leave every entry in its place, and nodes that treat channels
(axis 0) one by one are only passed where each neuron is a block of whole channels (outer is 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from . import _budget
from ._network import Network, Node
from ._numbers import Tensor, need
from ._transform import ACTIVATIONS, Layer

CARRYING = (*ACTIVATIONS, "batch_norm", "max_pool", "average_pool", "reshape")
BACK = (*CARRYING, "scale", "transpose")  # these two do not carry neurons: between source and activation they are refused
BY_CHANNEL = ("batch_norm", "prelu", "max_pool", "average_pool", "conv")
READING = ("affine", "conv")


def found(network: Network, at: int, kind: str, step: str) -> Layer:
    """The layer of the activation at this place, for a step of this kind."""
    nodes, way = list(network.nodes), [at]
    while nodes[way[-1]].op in BACK:
        way.append(nodes[way[-1]].operands[0])
    end = nodes[way[-1]]
    while nodes[way[-1]].op not in (*READING, "batch_norm"):
        way.pop()
        need(bool(way), step, f"node {end.name} ({end.op}) stands where an affine or conv node should")
    source, shape = nodes[way[-1]], nodes[at].shape
    outer, count = 1, source.shape[0]
    if source.op == "affine":
        outer, count = prod(source.shape[:-1]), source.shape[-1]
        if outer == 1 and len(shape) > len(source.shape) and shape[0] > 1:
            count = shape[0]  # the rows are reshaped to channels on a grid: these are the neurons
    carrying, inside, before = {way[-1]}, set(way), set(way[1:])
    readers: dict[int, tuple[int, Sequence[int]]] = {}
    for i, node in enumerate(nodes):
        if carrying.isdisjoint(node.operands):
            continue
        here, shape = f"node {node.name} ({node.op})", nodes[node.operands[0]].shape
        need(i in inside or before.isdisjoint(node.operands), step, f"{here} is another reader of a node before the activation")
        need(node.op in (*CARRYING, *READING), step, f"{here} stands between the source of the neurons and what reads them")
        need(node.op not in BY_CHANNEL or (outer == 1 and shape[0] % count == 0), step, f"{here} has channels of several neurons each")
        need(node.op != "affine" or outer % prod(shape[:-1]) == 0, step, f"{here} reads a few of the neurons only")
        if node.op in CARRYING:
            carrying.add(i)
            continue
        readers[i] = prod(shape) // (outer * count), range(count)
        if node.op == "conv":
            readers[i] = _columns(node, count, step)
    need(carrying.isdisjoint(network.outputs), step, "a node that carries the neurons is an output")
    if kind == "permutation":
        need(source.op != "batch_norm", step, "no affine or conv node makes the neurons")
        grouped = [nodes[i].name for i in (way[-1], *readers) if nodes[i].fields.get("groups", 1) != 1]
        need(not grouped, step, f"nodes {grouped} work in groups of channels")
    pooled = kind == "sign_flip" and any(nodes[i].op == "max_pool" for i in carrying)
    need(not pooled, step, "a maximum does not commute with a change of sign")
    if kind == "permutation":
        changing = {i: [key for key, value in nodes[i].fields.items() if isinstance(value, Tensor)] for i in sorted(carrying)}
    else:
        changing = multiplied(nodes, sorted(carrying), max(i for i in carrying if i < at and "weight" in nodes[i].fields))
    return Layer(nodes, step, at, sorted(carrying), changing, readers, count)


def multiplied(nodes: Sequence[Node], carrying: Sequence[int], first: int) -> dict[int, list[str]]:
    """Weight and bias of node ``first``. A batch norm behind it follows: scale (L a - L mean) + L bias = L (scale (a - mean) + bias)."""
    return {first: ["weight", "bias"]} | {i: ["mean", "bias"] for i in carrying if i > first and nodes[i].op == "batch_norm"}


def _columns(node: Node, count: int, step: str) -> tuple[int, Sequence[int]]:
    """Those of a convolution: with groups, the outputs of one group read the channels of their group only."""
    weight, groups = node.fields["weight"], node.fields["groups"]
    size = len(weight.numerators)
    row, band = size // weight.shape[0], size // groups
    if groups == 1:
        return row // count, range(count)
    _budget.charge(4 * size, step)
    _budget.hold(size, step)
    return 1, [(k // band * row + k % row) * count // (row * groups) for k in range(size)]
