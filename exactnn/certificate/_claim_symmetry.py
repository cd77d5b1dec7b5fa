"""The claim that a transformation of a network keeps its function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._claim import Equal
from ._network import Network
from ._numbers import items
from ._transform import transformed


class Symmetry(Equal):
    """|T(f)_j - f_j| <= tolerance on the domain, T a list of steps."""

    keys = ("tolerance", "domain", "transformation")
    names = ("f",)

    def read(self, document: dict[str, Any]) -> None:
        """The steps as written, which are read when T(f) is made."""
        self.transformation = items(document["transformation"], "claim: transformation")

    def networks(self, models: Mapping[str, Network]) -> tuple[Network | None, Network | None]:
        """f and T(f)."""
        return models["f"], transformed(models["f"], self.transformation)
