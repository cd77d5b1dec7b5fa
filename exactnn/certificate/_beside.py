"""What evidence may have beside its method, in the order in which it is taken up."""

from __future__ import annotations

from copy import copy
from typing import Any

from ._claim import Claim
from ._load import load
from ._numbers import items, need

BESIDE = {"matched": "_laws.matched", "denominators": "_signs.denominators", "shared": "_shared.without_shared"}
FITTING = {  # by question; what is proved besides helps proofs alone
    "equal": {"matched", "denominators", "shared"},
    "zero": {"denominators"},
    "symmetry": {"denominators", "shared"},
    "same_decision": {"matched"},
    "deviation": {"matched"},
}


def taken_up(claim: Claim, f: Any, g: Any, evidence: dict[str, Any]) -> tuple[Claim, Any, Any, dict[str, Any]]:
    """What the method is asked: about g with its neurons in another order, about f and g without what they have in common."""
    claim = copy(claim)  # the one that was stated stays as it is
    beside = [key for key in BESIDE if key in evidence]
    for key in beside:
        fits = key in FITTING.get(claim.question, ()) and (key == "matched" or claim.answer == "proved")
        need(fits, "evidence", f"{key!r} cannot be part of {claim.answer!r} of {claim.question!r}")
    if "matched" in evidence:
        g = load(BESIDE["matched"])(g, items(evidence["matched"], "evidence: matched"))
    if "denominators" in evidence:
        claim.nonzero = load(BESIDE["denominators"])(evidence["denominators"])
    if "shared" in evidence:
        f, g = load(BESIDE["shared"])(claim, f, g, evidence["shared"])
        claim.domain = None
    return claim, f, g, {key: value for key, value in evidence.items() if key not in BESIDE}
