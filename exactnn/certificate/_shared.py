"""Parts that f and g have in common: nodes that are the same function of the inputs, and the networks with such nodes as their inputs.

f = f' o h and g = g' o h agree wherever f' and g' do, whatever h is, so that evidence about f' and g' on all of space is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from . import _budget
from ._budget import words
from ._claim import Claim
from ._load import load
from ._meaning import bits
from ._network import Network, Node
from ._numbers import Tensor, items, need, text

Group = tuple[list[int], list[int]]  # nodes of f and of g that are the same


def without_shared(claim: Claim, f: Network, g: Network, stated: Any) -> tuple[Network, Network]:
    """f' and g', with an input in the place of each group of nodes that are the same."""
    step = "evidence: shared"
    groups: list[Group] = []
    for k, pair in enumerate(items(stated, step)):
        first, second = (items(names, f"{step}[{k}]") for names in items(pair, f"{step}[{k}]", 2))
        groups.append((_places(f, first, f"{step}[{k}]"), _places(g, second, f"{step}[{k}]")))
    need(bool(groups), step, "no node is named")
    for side, name in enumerate("fg"):
        named = [i for group in groups for i in group[side]]
        need(len(set(named)) == len(named), step, f"a node of {name} is named twice")
    if any(node.op == "rational" for network in (f, g) if network is not None for node in network.nodes):
        load("_signs.need_no_poles")(claim.nonzero, f, g)
    if not _all_same(f, f.nodes, g, g.nodes, groups):
        folded = load("_folding.folded")
        need(_all_same(f, folded(f, step), g, folded(g, step), groups), step, "nodes that are not the same")
    return _with_inputs(f, [a for a, _ in groups], step), _with_inputs(g, [b for _, b in groups], step)


def _places(network: Network, names: Sequence[Any], step: str) -> list[int]:
    need(len(names) > 0, step, "a node of each network is needed")
    known = {node.name: i for i, node in enumerate(network.nodes)}
    for name in names:
        need(text(name, step) in known, step, f"there is no node {name!r}")
    return [known[name] for name in names]


def _all_same(f: Network, first: Sequence[Node], g: Network, second: Sequence[Node], groups: Sequence[Group]) -> bool:
    """Whether the nodes of each group are one function, by the nodes given for f and g, which may be joined with ones before them."""
    classes = _Classes()
    a, b = classes.of(f, first), classes.of(g, second)
    return all(len({a[i] for i in p} | {b[j] for j in q}) == 1 for p, q in groups)


class _Classes:
    """One number for all nodes that are the same: equal operations with equal numbers that read the same."""

    def __init__(self) -> None:
        self._count = 0
        self._known: dict[tuple[Any, ...], list[tuple[Node, int]]] = {}

    def of(self, network: Network, nodes: Sequence[Node]) -> list[int]:
        """The number of each node."""
        starts, found = network.starts(), list[int]()
        for i, node in enumerate(nodes):
            if node.op == "reshape" or _is_identity(node):
                found.append(found[node.operands[0]])
                continue
            operands = [(found[p], () if node.op == "affine" else nodes[p].shape) for p in node.operands]
            if node.op == "add":
                operands.sort()
            shape = (starts[i], prod(node.shape)) if node.op == "input" else node.shape
            found.append(self._number((node.op, shape, *operands), node))
        return found

    def _number(self, kind: tuple[Any, ...], node: Node) -> int:
        """That of a node of this kind and with the same fields, tensors as numbers (not all are in lowest terms), or a new one."""
        known = self._known.setdefault(kind, [])
        for other, number in known:
            if all(_equal(value, other.fields[key]) for key, value in node.fields.items()):
                return number
        self._count += 1
        known.append((node, self._count))
        return self._count


def _equal(a: Any, b: Any) -> bool:
    _budget.charge(8 + (4 * len(a) if isinstance(a, list) else 0), "evidence: shared")
    if not isinstance(a, Tensor):
        return bool(a == b)
    if a.shape != b.shape:
        return False
    p, q = a.denominator, b.denominator
    each = 1 if p == q else words(bits(a)) * words(bits(b)) * _budget.PACKED
    _budget.charge(len(a.numerators) * each // _budget.PACKED, "evidence: shared")
    return a.numerators == b.numerators if p == q else all(m * q == n * p for m, n in zip(a.numerators, b.numerators, strict=True))


def _is_identity(node: Node) -> bool:
    return node.op == "piecewise_linear" and not node.fields["kinks"] and node.fields["slope"] == 1 and node.fields["constant"] == 0


def _with_inputs(network: Network, groups: Sequence[Sequence[int]], step: str) -> Network:
    """The network with an input for each group, before all other nodes; then those that an output still depends on."""
    nodes = [Node(network.nodes[i].name, "input", (), network.nodes[i].shape, {}) for i, *_ in groups]
    place: dict[int, int] = {i: k for k, group in enumerate(groups) for i in group[:1]}
    copies = {i: k for k, group in enumerate(groups) for i in group[1:]}
    kept = set(network.outputs)
    for i in reversed(range(len(network.nodes))):
        if i in kept and i not in place and i not in copies:
            kept.update(network.nodes[i].operands)
    for i in sorted(kept - set(place)):
        node = network.nodes[i]
        need(i in copies or node.op != "input", step, f"input {node.name} is needed, and must be named")
        if i in copies:
            node = Node(node.name, "reshape", (copies[i],), node.shape, {})
        else:
            node = node._replace(operands=tuple(place[p] for p in node.operands))
        place[i] = len(nodes)
        nodes.append(node)
    return Network(tuple(nodes), tuple(range(len(groups))), tuple(place[i] for i in network.outputs))
