"""Claims about two functions, on a domain or at points: equal, zero, kept by a transformation, how far apart, deciding alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

from exactnn.claims._claim import Claim, place, stated_domain
from exactnn.claims._work import products_of_an_entry, steps_of
from exactnn.exact.array import RationalArray
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.writing import json_number, json_tensor
from exactnn.network import Network
from exactnn.texts import exactly, number

_SHORT = 12  # characters of a fraction that needs no decimal beside it


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Claim):
    """|f_j(x) - g_j(x)| <= tolerance for all outputs j and all x of the domain (None: everywhere); g None stands for 0."""

    f: Network
    g: Network | None
    domain: Polyhedron | None
    tolerance: Fraction
    question: ClassVar[str]
    words: ClassVar[str]

    def describe(self) -> str:
        """The claim in words."""
        text = exactly(self.tolerance, _SHORT) or number(self.tolerance)
        within = f" within {text}" if self.tolerance else ""
        return f"{self.words}{within} {place(self.domain, self.f.input_dim)}"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, domain, tolerance."""
        domain = stated_domain(self.domain)
        return {"question": self.question, "answer": answer, "domain": domain, "tolerance": json_number(self.tolerance)}

    def models(self) -> dict[str, Network]:
        """f, and g if it is no part of the claim."""
        return {"f": self.f} if self.g is None else {"f": self.f, "g": self.g}


class EqualClaim(Comparison):
    """f = g."""

    question, words = "equal", "f = g"


@dataclass(frozen=True, eq=False, repr=False)
class ZeroClaim(Comparison):
    """f = 0."""

    g: None = field(default=None, init=False)
    question, words = "zero", "f = 0"


@dataclass(frozen=True, eq=False, repr=False)
class SymmetryClaim(Comparison):
    """T(f) = f; g is T(f), `transformation` its steps as the format writes them, from which the checker builds T(f) itself."""

    transformation: tuple[dict[str, Any], ...]
    question, words = "symmetry", "T(f) = f"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, domain, tolerance, transformation."""
        return {**super().stated(answer), "transformation": list(self.transformation)}

    def models(self) -> dict[str, Network]:
        """f alone."""
        return {"f": self.f}


class ImageClaim(EqualClaim):
    """T(f) = f, for a T(f) that the checker does not build: it stands in full as g, and f = g is stated."""

    words = "T(f) = f"


@dataclass(frozen=True, eq=False, repr=False)
class DeviationClaim(Comparison):
    """lower <= max over x of |f(x) - g(x)| <= tolerance; the evidence has a point that attains `lower`.

    `norm` is "linf", the largest |f_j - g_j|, or "l1", their sum; `lower` None stands for the tolerance: then this is the maximum.
    """

    lower: Fraction | None = None
    norm: str = "linf"
    question, words = "deviation", "the largest deviation of f from g"

    def describe(self) -> str:
        """The claim in words."""
        bracket = "" if self.lower is None else f", at least {exactly(self.lower, _SHORT) or number(self.lower)}"
        return f"{super().describe()}{bracket}{' (the sum over the outputs)' if self.norm == 'l1' else ''}"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, domain, tolerance; the lower end and the norm only where they say more."""
        bracket = {} if self.lower is None else {"lower": json_number(self.lower)}
        return {**super().stated(answer), **bracket, **({} if self.norm == "linf" else {"norm": self.norm})}


@dataclass(frozen=True, eq=False, repr=False)
class SameDecisionClaim(Claim):
    """{j : f_j(x) = max f(x)} = {j : g_j(x) = max g(x)} for all x of the domain (None: everywhere)."""

    f: Network
    g: Network
    domain: Polyhedron | None

    def describe(self) -> str:
        """The claim in words."""
        return f"f and g have the same maximal outputs {place(self.domain, self.f.input_dim)}"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, domain."""
        return {"question": "same_decision", "answer": answer, "domain": stated_domain(self.domain)}

    def models(self) -> dict[str, Network]:
        """f and g."""
        return {"f": self.f, "g": self.g}


@dataclass(frozen=True, eq=False, repr=False)
class EqualAtClaim(Claim):
    """f(x) = g(x) at each of these points, the rows of an array."""

    f: Network
    g: Network
    points: RationalArray

    #: Products that the checker does for one certificate (docs/certificate-format.md, Limits).
    WORK: ClassVar[int] = 1 << 28
    STEP: ClassVar[int] = 13  # products that a step of a network takes as long as, beside those of its entries

    @classmethod
    def work_at_a_point(cls, net: Network) -> int:
        """The products that the checker counts for one evaluation of a network."""
        operations = ((math.prod(net.shape(name)), net.operation(name)) for name in net.order)
        return sum(size * products_of_an_entry(operation) + cls.STEP * steps_of(operation) for size, operation in operations)

    def describe(self) -> str:
        """The claim in words."""
        count = len(self.points)
        return f"f = g at {count} point{'s' if count > 1 else ''} of R^{self.f.input_dim}"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, points."""
        return {"question": "equal_at", "answer": answer, "points": json_tensor(self.points)}

    def models(self) -> dict[str, Network]:
        """f and g."""
        return {"f": self.f, "g": self.g}
