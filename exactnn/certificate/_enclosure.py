"""Evidence "enclosure" for "refuted": at a rational point the values of smooth networks are irrational, so they are enclosed by the pass.

Two outputs whose difference lies beyond the tolerance differ by more than the tolerance.

Sound: the intervals hold the values at the point.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ._claim import Claim
from ._difference import Pass
from ._intervals import around, precision
from ._network import Network
from ._numbers import index, mapping, need
from ._point import at


def check_enclosure(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """One output of f and of g differs by more than the tolerance at a point of the domain; g None stands for 0."""
    mapping(evidence, "evidence", ("method", "point", "output", "bits"))
    point = at(claim, f, evidence["point"])
    j, bits = index(evidence["output"], f.output_size, "output"), precision(evidence["bits"])
    found, *others = (Pass(net, None, bits).outputs(around(point, point, bits)) for net in (f, g) if net is not None)
    for other in others:
        found = found.apart(other)
    gap = Fraction(max(found.lo[j], -found.hi[j]), 1 << bits)
    need(gap > claim.tolerance, "enclosure", f"the enclosures of output {j} are not further apart than the tolerance")
