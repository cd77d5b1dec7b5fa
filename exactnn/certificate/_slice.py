"""A network on a slice of its inputs: t -> network(origin + sum_i t_i directions[i]), an affine node in the place of each input."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, count
from math import prod
from typing import Any

from ._common import lowest
from ._network import Network, Node
from ._numbers import Tensor, mapping, need, tensor


def sliced(network: Network, document: Any, step: str) -> Network:
    """The network on the slice that an object ``{"origin": Tensor (d), "directions": Tensor (k, d)}`` describes.

    First its input, then what stands for the old ones, then the other nodes; without those that no output depends on.
    """
    raw = mapping(document, step, ("origin", "directions"))
    d, starts = network.input_size, network.starts()
    origin = tensor(raw["origin"], f"{step}: origin", (d,))
    directions = tensor(raw["directions"], f"{step}: directions")
    need(directions.shape[1:] == (d,), f"{step}: directions", f"rows of {d} entries, one for each input, are expected")
    kept = set(network.outputs)
    for i in reversed(range(len(network.nodes))):
        kept.update(network.nodes[i].operands if i in kept else ())
    taken = {node.name for node in network.nodes}
    nodes = [Node(_free("t", taken), "input", (), directions.shape[:1], {})]
    places: dict[int, int] = {}  # of the old nodes among the new ones
    order = [*starts, *(i for i in range(len(network.nodes)) if i not in starts)]
    for i in (i for i in order if i in kept):
        node = network.nodes[i]
        if i in starts:
            vector = (prod(node.shape),)
            columns = range(starts[i], starts[i] + prod(node.shape))
            fields = {"weight": _columns(directions, columns, vector + directions.shape[:1]), "bias": _columns(origin, columns, vector)}
            nodes.append(Node(node.name if node.shape == vector else _free(f"{node.name}.flat", taken), "affine", (0,), vector, fields))
            if node.shape != vector:
                nodes.append(Node(node.name, "reshape", (len(nodes) - 1,), node.shape, {}))
        else:
            nodes.append(node._replace(operands=tuple(places[o] for o in node.operands)))
        places[i] = len(nodes) - 1
    return Network(tuple(nodes), (0,), tuple(places[o] for o in network.outputs))


def _columns(value: Tensor, columns: Iterable[int], shape: tuple[int, ...]) -> Tensor:
    """Columns of a matrix, or entries of a vector, as rows."""
    entries = [n for j in columns for n in value.numerators[j :: value.shape[-1]]]
    return lowest(Tensor(shape, entries, value.denominator))


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first of name_2, name_3, ... that is not taken; now it is."""
    found = next(text for text in chain([name], (f"{name}_{k}" for k in count(2))) if text not in taken)
    taken.add(found)
    return found
