"""Evidence for "deviation": a point where f and g are at least so far apart; for the norm "l1" the leaves of a tree."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from ._cells import Cell
from ._claim_cells import Deviation
from ._farkas import AffineRow
from ._load import load
from ._network import Network
from ._numbers import afford, items, need, show
from ._point import at, values
from ._tree import Pairs, at_most

SIGNED = 8  # outputs whose sum of absolute values is written sign by sign


def need_lower(claim: Deviation, f: Network, g: Network, evidence: dict[str, Any]) -> None:
    """Rejected unless lower <= |f - g| at the point, in the norm of the claim."""
    need("point" in evidence, "evidence", "missing key 'point'")
    if any(node.op == "smooth" for net in (f, g) for node in net.nodes):
        gaps = _enclosed(claim, f, g, evidence)
    else:
        a, b = values(f, g, at(claim, f, evidence["point"]))
        gaps = [abs(u - v) for u, v in zip(a, b, strict=True)]
    gap = sum(gaps) if claim.norm == "l1" else max(gaps)
    need(gap >= claim.least, "point", f"the values are seen to differ by {show(gap)} only")


def _enclosed(claim: Deviation, f: Network, g: Network, evidence: dict[str, Any]) -> list[Fraction]:
    """By how much the outputs differ at least, from the intervals of evidence "pass" at the point: the values are irrational."""
    need("bits" in evidence, "evidence", "missing key 'bits'")
    bits = load("_intervals.precision")(evidence["bits"])
    point = at(claim, f, evidence["point"])
    found = load("_difference.Pass")(f, g, bits).outputs(load("_intervals.around")(point, point, bits))  # which the method needs, too
    return [Fraction(max(a, -b, 0), 1 << bits) for a, b in zip(found.lo, found.hi, strict=True)]


def bounded(cell: Cell, path: Sequence[AffineRow], pairs: Pairs, tolerance: Fraction, raw: Any, step: str) -> None:
    """For the norm "l1" a proof for each choice of signs: tolerance - sum of s_j (f - g)_j >= 0."""
    afford(len(pairs) <= SIGNED, step, f"the sum over more than {SIGNED} outputs has too many signs for this checker")
    for signs, proof in zip(product((1, -1), repeat=len(pairs)), items(raw, step, 2 ** len(pairs)), strict=True):
        terms = [(sign * c, value) for sign, pair in zip(signs, pairs, strict=True) for c, value in pair]
        at_most(cell, path, terms, tolerance, proof, f"{step}, signs {list(signs)}")
