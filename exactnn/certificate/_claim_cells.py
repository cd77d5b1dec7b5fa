"""Claims about the pieces of networks: their number, the largest deviation of two networks, and whether they decide alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ._claim import Claim, Equal
from ._load import load
from ._numbers import integer, mapping, named, need, rational, show


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

    def support(self, f: Any, g: Any, evidence: Any) -> None:
        """Or by evidence for f = g, which says more."""
        if self.answer == "refuted" or named(evidence, "evidence", "method") != "equal":
            super().support(f, g, evidence)
            return
        inner = mapping(evidence, "evidence", ("method", "evidence"))["evidence"]
        Equal({"question": "equal", "answer": "proved", "tolerance": 0, "domain": self.written["domain"]}).support(f, g, inner)


class Deviation(Claim):
    """lower <= max |f - g| <= tolerance on the domain, for the largest |f_j - g_j| or their sum."""

    optional = ("lower", "norm")
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {"tree": "_tree.check_tree", "pass": "_difference.check_pass", "boxes": "_boxes.check_boxes"}
    }
    uses = ("_deviation.by_a_point",)

    def read(self, document: dict[str, Any]) -> None:
        """The lower end and the norm."""
        self.least = rational(document["lower"], "claim: lower") if "lower" in document else self.tolerance
        need(0 <= self.least <= self.tolerance, "claim: lower", "it is not between 0 and the tolerance")
        self.norm = document.get("norm", "linf")
        need(self.norm in ("linf", "l1"), "claim: norm", f'expected "linf" or "l1", found {show(self.norm)}')

    def support(self, f: Any, g: Any, evidence: Any) -> None:
        """From below by a point, from above by the rest of the evidence."""
        named(evidence, "evidence", "method")
        super().support(f, g, load(self.uses[0])(self, f, g, evidence))
