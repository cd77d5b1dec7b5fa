"""What a claim is: its text, what it states, and the networks that it is about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.writing import json_tensor
from exactnn.network import Network
from exactnn.value import Value


class Claim(Value, ABC):
    """A question with what makes it definite; the answer is the certificate's."""

    @abstractmethod
    def describe(self) -> str:
        """The claim in words."""

    @abstractmethod
    def stated(self, answer: str) -> dict[str, Any]:
        """The claim, answered "proved" or "refuted", as docs/certificate-format.md writes it."""

    @abstractmethod
    def models(self) -> dict[str, Network]:
        """The networks that it is about, by name."""

    def _parts(self) -> dict[str, Any]:
        return {"claim": self.describe(), "models": self.models()}

    def _summary(self) -> str:
        return self.describe()


def place(domain: Polyhedron | None, dimension: int) -> str:
    """Where a claim is made, in words; None is all of R^dimension."""
    return f"on all of R^{dimension}" if domain is None else f"on the domain ({domain!r})"


def stated_domain(domain: Polyhedron | None) -> dict[str, Any] | None:
    """{"A", "b"}; None for everything."""
    return None if domain is None else {name: json_tensor(rows) for name, rows in zip("Ab", domain.rows, strict=True)}
