"""The claim that equations between gradients, values and weights hold at given data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from exactnn.claims._claim import Claim
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import rational_text
from exactnn.exact.writing import json_number, json_tensor
from exactnn.network import Network


@dataclass(frozen=True, eq=False, repr=False)
class IdentityClaim(Claim):
    """Every equation holds at these points, entry by entry, within the tolerance (docs/certificate-format.md, "Identities").

    Attributes
    ----------
    networks : f, and g where an equation has it
    points : (n, d)
    definitions : pairs of a name and an expression, each of the names before it
    equations : triples of an expression, "=" or "<=", and an expression
    title : the identity in words
    """

    networks: Mapping[str, Network]
    points: RationalArray
    definitions: tuple[tuple[str, Any], ...]
    equations: tuple[tuple[Any, str, Any], ...]
    tolerance: Fraction
    title: str

    #: Products that the checker does for one certificate (docs/certificate-format.md, Limits).
    WORK: ClassVar[int] = 1 << 30

    def describe(self) -> str:
        """The claim in words."""
        count, many = len(self.points), len(self.equations)
        within = f" within {_short(self.tolerance)}" if self.tolerance else " exactly"
        return f"{self.title}: {many} equation{'s' * (many > 1)}{within} at {count} point{'s' * (count > 1)}"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, points, definitions, equations, tolerance."""
        return {
            "question": "identity",
            "answer": answer,
            "points": json_tensor(self.points),
            "definitions": [list(pair) for pair in self.definitions],
            "equations": [list(triple) for triple in self.equations],
            "tolerance": json_number(self.tolerance),
        }

    def models(self) -> dict[str, Network]:
        """The networks."""
        return dict(self.networks)


def _short(value: Fraction) -> str:
    """1e-60, if that is what it is, for a denominator of 60 zeros."""
    text = rational_text(value)  # of any size
    zeros = text.removeprefix("1/1")
    return f"1e-{len(zeros)}" if zeros != text and not zeros.strip("0") else text
