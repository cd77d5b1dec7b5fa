"""Claims at finitely many points: two networks have the same values there."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

from . import _budget
from ._claim import Claim
from ._network import Network
from ._numbers import Tensor, need, tensor


class EqualAt(Claim):
    """f = g at each of the points."""

    keys: ClassVar[tuple[str, ...]] = ("points",)
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {"values": "_at_points.check_values"},
        "refuted": {"point": "_at_points.check_one_point"},
    }

    def read(self, document: dict[str, Any]) -> None:
        """One row for each point."""
        self.points: Tensor = tensor(document["points"], "claim: points")
        need(len(self.points.shape) == 2, "claim: points", "one row for each point is expected")

    def rows(self, f: Network) -> list[list[Fraction]]:
        """The points, as inputs of f."""
        count, size = self.points.shape
        need(size == f.input_size, "claim: points", f"{size} entries for {f.input_size} inputs")
        _budget.hold(3 * count * size, "claim: points")
        flat = self.points.fractions()
        return [flat[i * size : (i + 1) * size] for i in range(count)]
