"""The exact network format (docs/network-format.md): from a JSON object to nodes with known shapes."""

from __future__ import annotations

from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

from . import _budget
from ._load import load
from ._numbers import headed, items, mapping, named, need, show, text
from ._operations import Fields, Shape, operation


class Node(NamedTuple):
    """One operation; operands are positions in the network's list of nodes, all smaller than its own."""

    name: str
    op: str
    operands: tuple[int, ...]
    shape: Shape
    fields: Fields  # the checked fields of the operation: Tensors, Windows, Fractions, ints, tuples


class Network(NamedTuple):
    """Nodes in topological order; inputs and outputs are positions in that list."""

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def input_size(self) -> int:
        """The dimension of the flat input."""
        return sum(prod(self.nodes[i].shape) for i in self.inputs)

    @property
    def output_size(self) -> int:
        """The dimension of the flat output."""
        return sum(prod(self.nodes[i].shape) for i in self.outputs)

    def starts(self) -> dict[int, int]:
        """For each input node, the flat position of its first entry."""
        sizes = [prod(self.nodes[i].shape) for i in self.inputs]
        return dict(zip(self.inputs, accumulate(sizes, initial=0), strict=False))


def read_network(document: Any, step: str) -> Network:
    """The network that a JSON object in the exact network format describes."""
    document = headed(document, step, {"format": "exactnn-network", "version": 1}, ("inputs", "outputs", "nodes"))
    nodes: list[Node] = []
    places: dict[str, int] = {}
    for i, raw in enumerate(items(document["nodes"], f"{step}: nodes")):
        here = f"{step}: nodes[{i}]"
        name, op = named(raw, here, "name"), named(raw, here, "op")
        here = f"{step}: node {show(name)[1:-1]}"
        need(name not in places, here, "the name occurs twice")
        kind = operation(op, here)
        mapping(raw, here, ("name", "op", "operands", *kind.fields))
        operands = tuple(_place(v, places, here) for v in items(raw["operands"], f"{here}: operands", kind.operands))
        fields, found = load(kind.read)(raw, [nodes[p].shape for p in operands], here)
        _budget.charge(1 + prod(found), here)  # whatever is asked about a network, its entries are looked at
        places[name] = i
        nodes.append(Node(name, op, operands, found, fields))
    inputs, outputs = (
        tuple(_place(v, places, f"{step}: {key}") for v in items(document[key], f"{step}: {key}")) for key in ("inputs", "outputs")
    )
    listed = sorted(inputs) == [i for i, node in enumerate(nodes) if node.op == "input"] and bool(inputs)
    need(listed, f"{step}: inputs", "every input node must be listed once, and nothing else")
    need(bool(outputs), f"{step}: outputs", "a network needs an output")
    network = Network(tuple(nodes), inputs, outputs)
    _budget.charge(network.output_size, f"{step}: outputs")
    return network


def _place(name: Any, places: dict[str, int], step: str) -> int:
    need(text(name, step) in places, step, f"there is no earlier node {show(name)}")
    return places[name]
