"""Claims that state a value: the number of regions, the orbits of a fibre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exactnn.claims._claim import Claim, place, stated_domain
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network


@dataclass(frozen=True, eq=False, repr=False)
class RegionCountClaim(Claim):
    """f has exactly `count` full-dimensional activation regions on the domain (None: everywhere)."""

    f: Network
    domain: Polyhedron | None
    count: int

    def describe(self) -> str:
        """The claim in words."""
        return f"f has exactly {self.count} activation regions {place(self.domain, self.f.input_dim)}"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, domain, count."""
        return {"question": "regions", "answer": answer, "domain": stated_domain(self.domain), "count": self.count}

    def models(self) -> dict[str, Network]:
        """f."""
        return {"f": self.f}


@dataclass(frozen=True, eq=False, repr=False)
class OrbitsClaim(Claim):
    """The networks of f's width with the function f are f with one of these sets of neurons flipped, up to permutation and scaling."""

    f: Network
    flips: tuple[tuple[int, ...], ...]

    def describe(self) -> str:
        """The claim in words."""
        return f"the networks of this width with the function f have {len(self.flips)} orbit{'s' if len(self.flips) != 1 else ''}"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, domain (none), flips."""
        return {"question": "orbits", "answer": answer, "domain": None, "flips": [list(neurons) for neurons in self.flips]}

    def models(self) -> dict[str, Network]:
        """f."""
        return {"f": self.f}
