"""A network on a slice of its inputs: t -> network(origin + sum_i t_i directions[i]), an affine node in the place of each input."""

from __future__ import annotations

from math import prod
from typing import Any

from ._common import lowest
from ._network import Network, Node
from ._numbers import Tensor, mapping, need, tensor


def sliced(network: Network, document: Any, step: str) -> Network:
    """The network on the slice that an object ``{"origin": Tensor (d), "directions": Tensor (k, d)}`` describes."""
    raw = mapping(document, step, ("origin", "directions"))
    size = network.input_size
    origin = tensor(raw["origin"], f"{step}: origin", (size,))
    directions = tensor(raw["directions"], f"{step}: directions")
    need(directions.shape[1:] == (size,), f"{step}: directions", f"rows of {size} entries, one for each input, are expected")
    taken = {node.name for node in network.nodes}
    nodes = [Node(_free("t", taken), "input", (), directions.shape[:1], {})]
    places: dict[int, int] = {}  # of the old nodes among the new ones
    for i, start in network.starts().items():
        name, shape = network.nodes[i].name, network.nodes[i].shape
        fields = {"weight": _columns(directions, start, prod(shape)), "bias": _part(origin, start, prod(shape))}
        if len(shape) == 1:
            nodes.append(Node(name, "affine", (0,), shape, fields))
        else:
            flat = _free(f"{name}.flat", taken)
            nodes.append(Node(flat, "affine", (0,), (prod(shape),), fields))
            nodes.append(Node(name, "reshape", (len(nodes) - 1,), shape, {}))
        places[i] = len(nodes) - 1
    for i, node in enumerate(network.nodes):
        if i not in places:
            places[i] = len(nodes)
            nodes.append(node._replace(operands=tuple(places[o] for o in node.operands)))
    return _needed(nodes, [places[o] for o in network.outputs])


def _needed(nodes: list[Node], outputs: list[int]) -> Network:
    """Without the nodes that no output depends on; the input stays."""
    kept = {0, *outputs}
    for i in reversed(range(len(nodes))):
        if i in kept:
            kept.update(nodes[i].operands)
    places = {old: new for new, old in enumerate(sorted(kept))}
    moved = [nodes[i]._replace(operands=tuple(places[o] for o in nodes[i].operands)) for i in places]
    return Network(tuple(moved), (0,), tuple(places[o] for o in outputs))


def _columns(directions: Tensor, start: int, count: int) -> Tensor:
    """The columns from ``start`` on, as rows."""
    k, d = directions.shape
    entries = [directions.numerators[i * d + j] for j in range(start, start + count) for i in range(k)]
    return lowest(Tensor((count, k), entries, directions.denominator))


def _part(origin: Tensor, start: int, count: int) -> Tensor:
    return lowest(Tensor((count,), origin.numerators[start : start + count], origin.denominator))


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of name_2, name_3, ... that is not taken; now it is."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate
