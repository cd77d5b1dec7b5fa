"""Claims about the pieces of networks: their number, the largest deviation of two networks, and whether they decide alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ._claim import Claim, Equal
from ._numbers import integer, mapping, need, rational, show


class Regions(Claim):
    """f has exactly so many activation regions on the domain."""

    keys = ("domain", "count")
    names = ("f",)
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {"proved": {"tree": "_regions.check_regions"}}

    def read(self, document: dict[str, Any]) -> None:
        """Their number."""
        self.regions = integer(document["count"], "claim: count")


class SameDecision(Claim):
    """The same maximal outputs on the domain."""

    keys = ("domain",)
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {"tree": "_decision.check_decision_tree", "boxes": "_boxes.check_boxes"},
        "refuted": {"point": "_decision.check_decision_point"},
    }
    uses = ("_maximum.highest", "_moving.joined")  # for the maximum of the outputs
    beside = ("matched",)
    follows = "_claim_cells.by_equality"


class Deviation(Claim):
    """lower <= max |f - g| <= tolerance on the domain, for the largest |f_j - g_j| or their sum."""

    optional = ("lower", "norm")
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {"tree": "_tree.check_tree", "pass": "_difference.check_pass", "boxes": "_boxes.check_boxes"}
    }
    beside = ("matched",)
    follows = "_deviation.by_a_point"

    def read(self, document: dict[str, Any]) -> None:
        """The lower end and the norm."""
        self.least = rational(document["lower"], "claim: lower") if "lower" in document else self.tolerance
        need(0 <= self.least <= self.tolerance, "claim: lower", "it is not between 0 and the tolerance")
        self.norm = document.get("norm", "linf")
        need(self.norm in ("linf", "l1"), "claim: norm", f'expected "linf" or "l1", found {show(self.norm)}')


def by_equality(claim: SameDecision, f: Any, g: Any, evidence: dict[str, Any]) -> tuple[Claim, Any]:
    """f = g, which says more, by the evidence for that, if there is such evidence."""
    if claim.answer != "proved" or evidence.get("method") != "equal":
        return claim, evidence
    stated = {"question": "equal", "answer": "proved", "tolerance": 0, "domain": claim.written["domain"]}
    inner = mapping(evidence, "evidence", ("method", "evidence"))["evidence"]
    need(type(inner) is dict, "evidence", f"expected an object, found {show(inner)}")
    return Equal(stated), inner
