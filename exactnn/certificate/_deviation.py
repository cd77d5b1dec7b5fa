"""Evidence for "deviation": a point where f and g are at least so far apart."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ._claim_cells import Deviation
from ._load import load
from ._network import Network
from ._numbers import need, show
from ._point import at, values


def by_a_point(claim: Deviation, f: Network, g: Network, evidence: dict[str, Any]) -> dict[str, Any]:
    """The evidence for what is left, max |f - g| <= tolerance; rejected unless lower <= |f - g| at the point, in its norm."""
    need("point" in evidence, "evidence", "missing key 'point'")
    if any(node.op == "smooth" for net in (f, g) for node in net.nodes):
        gaps = _enclosed(claim, f, g, evidence)
    else:
        a, b = values(f, g, at(claim, f, evidence["point"]))
        gaps = [abs(u - v) for u, v in zip(a, b, strict=True)]
    gap = sum(gaps) if claim.norm == "l1" else max(gaps)
    need(gap >= claim.least, "point", f"the values are seen to differ by {show(gap)} only")
    return {key: value for key, value in evidence.items() if key != "point"}


def _enclosed(claim: Deviation, f: Network, g: Network, evidence: dict[str, Any]) -> list[Fraction]:
    """By how much the outputs differ at least, from the intervals of evidence "pass" at the point: the values are irrational."""
    need("bits" in evidence, "evidence", "missing key 'bits'")
    bits = load("_intervals.precision")(evidence["bits"])
    point = at(claim, f, evidence["point"])
    found = load("_difference.Pass")(f, g, bits).outputs(load("_intervals.around")(point, point, bits))  # which the method needs, too
    return [Fraction(max(a, -b, 0), 1 << bits) for a, b in zip(found.lo, found.hi, strict=True)]
