"""Evidence for "deviation": a point where f and g are at least `lower` apart, and a proof that nowhere they are more than the tolerance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._boxes import check_boxes
from ._claim import Claim
from ._decision import values
from ._difference import check_pass
from ._network import Network
from ._numbers import need, show
from ._tree import check_tree

UPPER: dict[str, Callable[..., None]] = {"tree": check_tree, "pass": check_pass, "boxes": check_boxes}


def check_deviation(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """lower <= |f - g| at the point, in the norm of the claim, and |f - g| <= tolerance on the domain."""
    need("point" in evidence, "evidence", "missing key 'point'")
    a, b = values(claim, f, g, evidence["point"])
    gaps = [abs(u - v) for u, v in zip(a, b, strict=True)]
    gap = sum(gaps) if claim.norm == "l1" else max(gaps)
    need(gap >= claim.least, "point", f"the values differ by {show(gap)} only")
    UPPER[evidence["method"]](claim, f, g, {key: value for key, value in evidence.items() if key != "point"})
