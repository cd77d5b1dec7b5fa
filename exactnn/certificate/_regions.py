"""Evidence "tree" for "regions": the leaves are the activation regions.

Sound: each leaf has an interior point, all units are fixed on it by proofs, and the leaves cover the domain.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import Any

from ._cells import Cell
from ._farkas import AffineRow
from ._network import Network
from ._numbers import integer, items, mapping, need, show
from ._tree import walk


def check_regions(claim: Any, f: Network, g: None, evidence: dict[str, Any]) -> None:
    """The leaves are the activation regions, and counted."""
    mapping(evidence, "evidence", ("method", "hull", "tree"))
    pools = [node.name for node in f.nodes if node.op == "max_pool"]
    need(not pools, "tree", f"regions of networks with max pooling (node {pools[:1]}) are not counted by units")
    walk(claim, f, [f], evidence, _region, True)
    leaves = sum(node[0] == "leaf" for node in evidence["tree"])
    need(leaves == claim.regions, "tree", f"it has {leaves} leaves, not {show(claim.regions)}")


def _region(cell: Cell, path: Sequence[AffineRow], raw: Any, step: str) -> None:
    """All units are fixed, and [w, [x...]] is a point x / w strictly inside the cell: so the cell is full-dimensional."""
    raw_weight, raw_point = items(raw, step, 2)
    weight = integer(raw_weight, step)
    need(weight > 0, step, "the denominator of the point must be positive")
    point = [*(integer(v, step) for v in items(raw_point, step, cell.one)), weight]
    for i, form in enumerate(path):
        value = sum(map(mul, form, point))
        need(value > 0 or (value == 0 and not any(form)), step, f"the point is not strictly inside inequality {i}")
