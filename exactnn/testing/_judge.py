"""Is g the function f? Kept, rounded within a certified bound, changed, or not decided."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from exactnn.errors import ExactnnError
from exactnn.exact.numbers import Number, as_fraction
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network
from exactnn.testing._weights import WeightChanges, weight_changes
from exactnn.verdict import Verdict
from exactnn.verify import max_deviation, verify_equal

#: seconds that are spent to see whether a function was kept exactly where a tolerance is allowed, and on the bound of a failure
_EXACT_FIRST, _BOUND = 1, 5
#: a bound that is a hundredth above the best point found says as much on a screen; few cells are gone through for the exact one anyway
_GAP = Fraction(1, 100)


@dataclass(frozen=True)
class Judgement:
    """What became of a function.

    Attributes
    ----------
    kind : "kept" (exactly), "within" (the tolerance, proved), "rounding" or "changed" (refuted; the weights tell which), "unknown"
    verdict : the answer it rests on
    changes : what became of the weights; None where they cannot be compared
    seconds : what it took
    """

    kind: str
    verdict: Verdict
    changes: WeightChanges | None = None
    seconds: float = 0

    @property
    def holds(self) -> bool:
        """Whether the property was proved."""
        return self.verdict.proved


def judge(
    f: Network, g: Network, *, domain: Polyhedron | None, tolerance: Number, precision: str | None, time_limit: Number | None
) -> Judgement:
    """Compare g with f; the exact question first, then the one with the tolerance."""
    start = time.monotonic()
    found = _judged(f, g, domain, tolerance, precision, time_limit)
    return replace(found, seconds=time.monotonic() - start)


def _judged(
    f: Network, g: Network, domain: Polyhedron | None, tolerance: Number, precision: str | None, time_limit: Number | None
) -> Judgement:
    allowed = as_fraction(tolerance, "tolerance")
    if allowed > 0:
        first = _EXACT_FIRST if time_limit in (None, math.inf) else min(as_fraction(time_limit, "time_limit"), Fraction(_EXACT_FIRST))
        exact = verify_equal(f, g, domain=domain, time_limit=first)
        if exact.proved:
            return Judgement("kept", exact)
    verdict = verify_equal(f, g, domain=domain, tolerance=tolerance, time_limit=time_limit)
    if verdict.proved and not allowed:
        return Judgement("kept", verdict)
    changes = weight_changes(f, g, precision or "float64")
    if verdict.refuted:
        return Judgement("rounding" if changes is not None and changes.is_rounding else "changed", verdict, changes)
    return Judgement("within" if verdict.proved else "unknown", verdict, changes)


def certified_bound(f: Network, g: Network, domain: Polyhedron | None) -> tuple[Fraction, Fraction, str] | None:
    """lower <= max |f - g| <= upper and the box, in words: the domain if it is bounded, else [-1, 1]^d; None where it takes too long."""
    box: Any = domain
    where = "the domain"
    if domain is None or not domain.in_dimension(f.input_dim).is_bounded():
        box, where = Box([-1] * f.input_dim, [1] * f.input_dim), f"[-1, 1]^{f.input_dim}"
    try:
        found = max_deviation(f, g, domain=box, gap=_GAP, time_limit=_BOUND)
    except ExactnnError:  # of smooth networks, or beyond sizes: the failure itself is certified
        return None
    return found.lower, found.upper, where
