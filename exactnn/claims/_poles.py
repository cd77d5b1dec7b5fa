"""The claim that rational functions have no pole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactnn.claims._claim import Claim
from exactnn.exact.numbers import short
from exactnn.exact.writing import json_number
from exactnn.network import Network


@dataclass(frozen=True, eq=False, repr=False)
class PoleFreeClaim(Claim):
    """None of the functions has a pole in the closed interval; those of a network are its rational activations.

    Attributes
    ----------
    f : the network; None for functions of their own
    functions : by name, as the format writes them (docs/certificate-format.md, "Poles"); one that stands alone is called r
    interval : its ends, None for no bound
    """

    f: Network | None
    functions: Mapping[str, dict[str, Any]]
    interval: tuple[Fraction | None, Fraction | None]

    @property
    def is_alone(self) -> bool:
        """Whether it is about one function, which is called r."""
        return self.f is None and list(self.functions) == ["r"]

    def describe(self) -> str:
        """The claim in words."""
        if self.f is not None:
            who = "no rational activation of the network has a pole"
        elif self.is_alone:
            who = "r has no pole"
        else:
            count = len(self.functions)
            who = f"none of {count} rational functions has a pole" if count > 1 else f"{next(iter(self.functions))!r} has no pole"
        return f"{who} on {_interval(self.interval)}"

    def stated(self, answer: str) -> dict[str, Any]:
        """Question, answer, functions (null: those of the network), interval."""
        functions = None
        if self.f is None:
            functions = [entry if self.is_alone else {"name": name, **entry} for name, entry in self.functions.items()]
        ends = None if self.interval == (None, None) else [None if end is None else json_number(end) for end in self.interval]
        return {"question": "pole_free", "answer": answer, "functions": functions, "interval": ends}

    def models(self) -> dict[str, Network]:
        """The network, if it is about one."""
        return {} if self.f is None else {"f": self.f}


def _interval(ends: tuple[Fraction | None, Fraction | None]) -> str:
    lower, upper = (None if end is None else short(end) for end in ends)
    if lower is None and upper is None:
        return "the real line"
    return f"[{lower}, {upper}]" if lower is not None and upper is not None else f"x >= {lower}" if upper is None else f"x <= {upper}"
