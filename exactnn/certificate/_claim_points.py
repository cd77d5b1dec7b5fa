"""Claims at finitely many points: two networks have the same values there, or equations between values and gradients hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import _words
from ._claim import Claim
from ._identity import read_equations
from ._numbers import Tensor, need, tensor


class EqualAt(Claim):
    """f = g at each of the points."""

    keys = ("points",)
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {"values": "_at_points.check_values"},
        "refuted": {"point": "_at_points.check_one_point"},
    }

    def read(self, document: dict[str, Any]) -> None:
        """One row for each point."""
        self.points: Tensor = tensor(document["points"], "claim: points")
        need(len(self.points.shape) == 2, "claim: points", "one row for each point is expected")

    def says(self, f: Any) -> str:
        """How many points."""
        count = self.points.shape[0]
        relation = "f = g at" if self.answer == "proved" else "f differs from g at one of"
        return f"{relation} {count} point{'s' * (count > 1)} of R^{f.input_size}"

    def details(self, f: Any) -> str:
        """The points."""
        return f": {_words.points(self.points.fractions(), f.input_size)}"


class Identity(Claim):
    """Equations between weights, gradients and values of networks at data points."""

    keys = ("points", "definitions", "equations", "tolerance")
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "proved": {"sides": "_sides.check_sides"},
        "refuted": {"sides": "_sides.check_sides"},
    }

    def read(self, document: dict[str, Any]) -> None:
        """The equations, and which networks they speak of."""
        self.equations = read_equations(document)
        self.names = self.equations.networks

    def says(self, f: Any) -> str:
        """How many equations."""
        count, many = self.equations.points.shape[0], len(self.equations.triples)
        within = f"within {_words.above(self.tolerance)}" if self.tolerance else "exactly"
        who = f"{many} equation{'s' * (many > 1)} between weights, gradients and values of {' and '.join(self.names)}"
        holds = f"hold{'s' * (many == 1)}" if self.answer == "proved" else "do not all hold" if many > 1 else "does not hold"
        return f"{who} {holds} {within} at {count} point{'s' * (count > 1)}"

    def details(self, f: Any) -> str:
        """The equations are long."""
        raise _words.Long
