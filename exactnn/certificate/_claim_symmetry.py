"""The claim that a transformation of a network keeps its function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._claim import Equal
from ._load import load
from ._network import Network
from ._numbers import items


class Symmetry(Equal):
    """|T(f)_j - f_j| <= tolerance on the domain, T a list of steps."""

    keys = ("tolerance", "domain", "transformation")
    uses = ("_transform.transformed",)
    names = ("f",)
    beside = ("shared", "denominators")

    def read(self, document: dict[str, Any]) -> None:
        """The steps as written, which are read when T(f) is made."""
        self.transformation = items(document["transformation"], "claim: transformation")

    def networks(self, models: Mapping[str, Network]) -> tuple[Network | None, Network | None]:
        """f and T(f)."""
        return models["f"], load(self.uses[0])(models["f"], self.transformation)
