"""The claim that a run in floats is near the exact network."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactnn.claims._claim import Claim, place, stated_domain
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.writing import json_number
from exactnn.network import Network


@dataclass(frozen=True, eq=False, repr=False)
class ExecutionErrorClaim(Claim):
    """A run of f in `dtype` is at most bounds[j] off at output j, for all inputs of that format in the domain.

    Its sums are taken in `accumulation`, if that is not None.
    """

    f: Network
    domain: Polyhedron
    dtype: str
    accumulation: str | None
    bounds: tuple[Fraction, ...]

    def describe(self) -> str:
        """The claim in words."""
        sums = "" if self.accumulation is None else f", its sums in {self.accumulation},"
        return f"a {self.dtype} run of f{sums} is within {float(max(self.bounds)):.6g} of f {place(self.domain, self.f.input_dim)}"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, domain, dtype, accumulation, bounds."""
        bounds = [json_number(q) for q in self.bounds]
        return {
            "question": "execution_error",
            "answer": answer,
            "domain": stated_domain(self.domain),
            "dtype": self.dtype,
            "accumulation": self.accumulation,
            "bounds": bounds,
        }

    def models(self) -> dict[str, Network]:
        """f."""
        return {"f": self.f}
