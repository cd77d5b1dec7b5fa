"""Evidence for "deviation": a point where f and g are at least `lower` apart, and a proof that nowhere they are more than the tolerance."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ._boxes import check_boxes
from ._claim_cells import Deviation
from ._difference import Pass, check_pass
from ._intervals import around, precision
from ._network import Network
from ._numbers import need, show
from ._point import at, values
from ._tree import check_tree

UPPER: dict[str, Callable[..., None]] = {"tree": check_tree, "pass": check_pass, "boxes": check_boxes}


def check_deviation(claim: Deviation, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """lower <= |f - g| at the point, in the norm of the claim, and |f - g| <= tolerance on the domain."""
    need("point" in evidence, "evidence", "missing key 'point'")
    if g is not None and any(node.op == "smooth" for net in (f, g) for node in net.nodes):
        gaps = _enclosed(claim, f, g, evidence)
    else:
        a, b = values(f, g, at(claim, f, evidence["point"]))
        gaps = [abs(u - v) for u, v in zip(a, b, strict=True)]
    gap = sum(gaps) if claim.norm == "l1" else max(gaps)
    need(gap >= claim.least, "point", f"the values are seen to differ by {show(gap)} only")
    UPPER[evidence["method"]](claim, f, g, {key: value for key, value in evidence.items() if key != "point"})


def _enclosed(claim: Deviation, f: Network, g: Network, evidence: dict[str, Any]) -> list[Fraction]:
    """By how much the outputs differ at least, from the intervals of evidence "pass" at the point: the values are irrational."""
    need("bits" in evidence, "evidence", "missing key 'bits'")
    bits = precision(evidence["bits"])
    point = at(claim, f, evidence["point"])
    found = Pass(f, g, bits).outputs(around(point, point, bits))
    return [Fraction(max(a, -b, 0), 1 << bits) for a, b in zip(found.lo, found.hi, strict=True)]
