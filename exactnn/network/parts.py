"""Parts that two networks have in common, from the inputs on, and networks with such parts as their inputs.

    f = f' o h,  g = g' o h:   f' = g'  =>  f = g

Two nodes are the same if they are equal operations, with equal numbers, of the same operands; inputs if they begin at the same flat
coordinate. A dictionary finds them by their hash and decides by comparing. Reshapes and the identity are passed over; the operands of
a sum may stand in either order. docs/certificate-format.md, "Shared", is the same rule for the checker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import networkx as nx

from exactnn.network.activations import PiecewiseLinear
from exactnn.network.graph import Network, add_node
from exactnn.network.operations import Add, Affine, Input, Operation, Reshape

#: the operation and the operands of each node, perhaps joined with what stands before it
Nodes = Mapping[str, tuple[Operation, tuple[str, ...]]]


class Shared(NamedTuple):
    """Two networks without what they have in common.

    Attributes
    ----------
    f, g : with an input for each group, and the same outputs as before
    groups : for each input the nodes of f and those of g that it stands for
    whole : whether nothing else is left, so that both are the same function
    """

    f: Network
    g: Network
    groups: list[tuple[list[str], list[str]]]
    whole: bool


def as_they_are(net: Network) -> Nodes:
    """The nodes of a network, none of them joined."""
    return {name: (net.operation(name), net.operands(name)) for name in net.order}


def shared(f: Network, g: Network, read: Callable[[Network], Nodes] = as_they_are) -> Shared | None:
    """What is left of two networks without the parts that both have; None if they have no more than inputs in common.

    Parameters
    ----------
    f, g : with equally many inputs
    read : gives the nodes by which they are compared

    Examples
    --------
    >>> import exactnn as xn
    >>> body = [([[1, 2], [3, 4]], [0, 1])]
    >>> f, g = xn.mlp([*body, ([[1, 1]], [0])]), xn.mlp([*body, ([[1, 2]], [0])])
    >>> found = shared(f, g)
    >>> found.groups, found.f.input_dim, found.whole, shared(f, f).whole
    ([(['relu1'], ['relu1'])], 2, False, True)
    """
    known: dict[Hashable, int] = {}
    a, b = (_classes(net, read(net), known) for net in (f, g))
    common = {a[n] for n in _moving(f)} & {b[n] for n in _moving(g)}
    first, second = _ends(f, a, common), _ends(g, b, common)
    ends = sorted({a[n] for n in first} | {b[n] for n in second})
    if {a[n] for n in f.inputs}.issuperset(ends) or not common.issuperset(ends):  # an input that the other network has not is still needed
        return None
    groups = [(_members(f, a, first, k), _members(g, b, second, k)) for k in ends]
    whole = [a[n] for n in f.outputs] == [b[n] for n in g.outputs] and common.issuperset(a[n] for n in f.outputs)
    return Shared(_cut(f, [p for p, _ in groups]), _cut(g, [q for _, q in groups]), groups, whole)


def _classes(net: Network, nodes: Nodes, known: dict[Hashable, int]) -> dict[str, int]:
    """One number for all nodes that are the same."""
    found: dict[str, int] = {}
    start = 0
    for name in net.inputs:
        size = math.prod(net.shape(name))
        found[name] = known.setdefault((start, size), len(known))
        start += size
    for name in net.order:
        operation, operands = nodes[name]
        if isinstance(operation, Input):
            continue
        if isinstance(operation, Reshape) or _is_identity(operation):
            found[name] = found[operands[0]]
            continue
        read = [(found[o], () if isinstance(operation, Affine) else net.shape(o)) for o in operands]
        key = operation, net.shape(name), tuple(sorted(read) if isinstance(operation, Add) else read)
        found[name] = known.setdefault(key, len(known))
    return found


def _moving(net: Network) -> set[str]:
    """The nodes that depend on an input."""
    found = set(net.inputs)
    for name in net.order:
        if any(o in found for o in net.operands(name)):
            found.add(name)
    return found


def _ends(net: Network, classes: Mapping[str, int], common: Iterable[int]) -> set[str]:
    """The nodes of common classes, and the inputs, that are reached first on the way back from the outputs."""
    common, found = set(common), set[str]()
    seen, left = set[str](), list(net.outputs)
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if classes[name] in common or name in net.inputs:
            found.add(name)
        else:
            left += net.operands(name)
    return found


def _members(net: Network, classes: Mapping[str, int], ends: set[str], wanted: int) -> list[str]:
    """The ends of a class; any node of it, where it is no end of this network."""
    members = [name for name in net.order if classes[name] == wanted]
    return [name for name in members if name in ends] or members[:1]


def _cut(net: Network, groups: Sequence[Sequence[str]]) -> Network:
    """The network with an input for each group, before all other nodes; then those that an output still depends on."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    inputs = [names[0] for names in groups]
    copies = {name: names[0] for names in groups for name in names[1:]}
    kept, left = set(inputs), list(net.outputs)
    while left:
        name = left.pop()
        if name not in kept:
            kept.add(name)
            left += () if name in copies else net.operands(name)
    for name in inputs:
        add_node(graph, name, Input(net.shape(name)), ())
    for name in net.order:
        if name in kept and name not in graph:
            graph.add_node(name)  # before the edges, which would add nodes in their order
            if name in copies:
                add_node(graph, name, Reshape(net.shape(name)), (copies[name],))
            else:
                add_node(graph, name, net.operation(name), net.operands(name))
    return Network(graph, inputs, net.outputs)


def _is_identity(operation: Operation) -> bool:
    return isinstance(operation, PiecewiseLinear) and not operation.kinks and operation.slope == 1 and not operation.constant
