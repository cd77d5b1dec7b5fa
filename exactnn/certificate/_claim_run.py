"""The claim that a float run of a network is off by so much at most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ._claim import Claim
from ._numbers import need, rationals, show

# the formats of a run, and a wider one in which it may be known to take its sums
DTYPES = {"float32": "float64", "float64": None, "bfloat16": "float32"}


class ExecutionError(Claim):
    """A run of f in a format, with sums in a wider one or not, is off by at most bounds[j] at output j."""

    keys = ("domain", "dtype", "accumulation", "bounds")
    names = ("f",)
    methods: ClassVar[Mapping[str, Mapping[str, str]]] = {"proved": {"rounding": "_execution.check_rounding"}}

    def read(self, document: dict[str, Any]) -> None:
        """The formats and the bounds."""
        self.dtype, self.accumulation = document["dtype"], document["accumulation"]
        need(type(self.dtype) is str and self.dtype in DTYPES, "claim: dtype", f"expected one of {list(DTYPES)}, found {show(self.dtype)}")
        fits = self.accumulation is None or self.accumulation == DTYPES[self.dtype]
        need(fits, "claim: accumulation", f"{show(self.accumulation)} does not go with {self.dtype}")
        self.bounds = rationals(document["bounds"], "claim: bounds")
        need(bool(self.bounds) and min(self.bounds) >= 0, "claim: bounds", "one bound >= 0 for each output is expected")
        need(self.domain is not None, "claim: domain", "a run has a bound on a box only")
