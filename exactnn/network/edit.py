"""Editing a network: a mutable draft of its operations and operands, made into a new network at the end."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx

from exactnn.network.graph import Network, add_node, free_name
from exactnn.network.operations import Operation


class Draft:
    """Operations, operands and shapes by node name. Edits keep the shape of every node that stays."""

    def __init__(self, net: Network) -> None:
        self.inputs = net.inputs
        self.outputs = net.outputs
        self.operations: dict[str, Operation] = {n: net.operation(n) for n in net.order}
        self.operands: dict[str, tuple[str, ...]] = {n: net.operands(n) for n in net.order}
        self.shapes = {n: net.shape(n) for n in net.order}

    def readers(self, name: str) -> list[str]:
        """The nodes that read it, once for each operand position."""
        return [reader for reader, operands in self.operands.items() for o in operands if o == name]

    def is_private(self, name: str) -> bool:
        """Whether exactly one node reads it, once, and it is no output: only that node sees a change of its value."""
        return name not in self.outputs and len(self.readers(name)) == 1

    def put(self, name: str, operation: Operation, *operands: str) -> None:
        """Set a node; nodes that nothing needs any more go."""
        self._set(name, operation, operands)
        self.prune()

    def add(self, name: str, operation: Operation, *operands: str) -> str:
        """A new node with this name, or the first of name_2, name_3, ... that is free; it goes unless something comes to need it."""
        new = free_name(name, (), self.operations)
        self._set(new, operation, operands)
        return new

    def _set(self, name: str, operation: Operation, operands: tuple[str, ...]) -> None:
        self.operations[name] = operation
        self.operands[name] = operands
        self.shapes[name] = operation.output_shape(*(self.shapes[o] for o in operands))

    def bypass(self, name: str, operand: str) -> None:
        """Whatever reads the node reads `operand`, a node of the same shape, instead."""
        for reader, operands in self.operands.items():
            if name in operands:
                self.operands[reader] = tuple(operand if o == name else o for o in operands)
        self.outputs = tuple(operand if o == name else o for o in self.outputs)
        self.prune()

    def fresh(self, name: str) -> str:
        """The first of name_2, name_3, ... that is free."""
        return free_name(name, [name], self.operations)

    def prune(self) -> None:
        """Drop the nodes that no output depends on (inputs stay)."""
        needed, found = set(self.inputs), list(self.outputs)
        while found:
            name = found.pop()
            if name not in needed or name in self.outputs:
                needed.add(name)
                found.extend(o for o in self.operands[name] if o not in needed)
        for name in [n for n in self.operations if n not in needed]:
            del self.operations[name], self.operands[name], self.shapes[name]

    def network(self) -> Network:
        """The network as it stands, without nodes that nothing needs."""
        self.prune()
        return self.whole()

    def whole(self) -> Network:
        """The network as it stands, with nodes that nothing needs."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(self.operations)  # first of all, so that they keep this order
        for name, operation in self.operations.items():
            add_node(graph, name, operation, self.operands[name])
        return Network(graph, self.inputs, self.outputs)


def replaced(net: Network, operations: Mapping[str, Operation]) -> Network:
    """The network with other operations at some nodes; names and edges stay, also of nodes that no output depends on."""
    draft = Draft(net)
    draft.operations.update(operations)
    return draft.whole()
