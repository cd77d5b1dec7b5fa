"""Which values of a network share a factor, and how many layers lie before each."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import networkx as nx

from exactnn.errors import AssumptionBroken
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Concat,
    Constant,
    Conv,
    Gather,
    Input,
    MaxPool,
    Network,
    Rational,
    Reshape,
    Scale,
    Slice,
    Subtract,
    Transpose,
)
from exactnn.network.activation_facts import is_homogeneous

_LINEAR = (Add, Subtract, AveragePool, MaxPool, Concat, Gather, Reshape, Scale, Slice, Transpose)


@dataclass(frozen=True)
class Levels:
    """Layers on the longest way to each node, `last` to the outputs; nodes in `plain` keep the factor 1 whatever their level."""

    level: dict[str, int]
    last: int
    plain: frozenset[str]


def levels(net: Network, own_norms: bool) -> Levels:
    """The level of each node: nodes that a sum, a join or the end ties together, round a cycle if need be, count as one value.

    Parameters
    ----------
    own_norms : whether batch norms are layers, the value that each reads being kept as it is

    Raises
    ------
    AssumptionBroken
        "carries a factor", "a layer before each batch norm"
    """
    plain = frozenset(_before_norm(net, n) for n in net.order if isinstance(net.operation(n), BatchNorm)) if own_norms else frozenset()
    layers = (Affine, Conv, BatchNorm) if own_norms else (Affine, Conv)
    ties: nx.DiGraph[str] = nx.DiGraph()
    ties.add_nodes_from(net.order)
    for name in net.order:
        operation = net.operation(name)
        if not (isinstance(operation, (Affine, Conv, BatchNorm, Rational, Input, Constant, *_LINEAR)) or is_homogeneous(operation)):
            label = getattr(operation, "name", operation.kind)
            raise AssumptionBroken(
                "carries a factor", f"node {name!r} ({label}) is not positively homogeneous, so that no factor passes it"
            )
        for operand in net.operands(name):
            ties.add_edge(operand, name)
            if not isinstance(operation, layers):
                ties.add_edge(name, operand)
    for first, second in (*itertools.pairwise(net.outputs), *itertools.pairwise(net.inputs)):
        ties.add_edges_from([(first, second), (second, first)])
    groups = nx.condensation(ties)
    member: dict[str, int] = groups.graph["mapping"]
    unmoved = {member[name] for name in plain} - {member[name] for name in net.order if name not in plain}
    found: dict[int, int] = {}
    for group in nx.topological_sort(groups):
        found[group] = max((found[before] + (group not in unmoved) for before in groups.predecessors(group)), default=0)
    start, last = found[member[net.inputs[0]]], found[member[net.outputs[0]]]
    level = {name: min(max(found[member[name]] - start, 0), last - start) for name in net.order}
    return Levels(level, last - start, plain)


def _before_norm(net: Network, name: str) -> str:
    """The layer that a batch norm reads, and nothing else does."""
    (operand,) = net.operands(name)
    if not isinstance(net.operation(operand), (Affine, Conv)) or len(net.consumers(operand)) > 1 or operand in net.outputs:
        raise AssumptionBroken(
            "a layer before each batch norm",
            f"batch_norm {name!r} reads {operand!r} ({net.operation(operand).kind}), but a layer that only it reads is needed "
            'for norms="own"; norms="carry" has no such condition',
        )
    return operand
