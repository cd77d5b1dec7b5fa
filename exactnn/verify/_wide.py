"""A bracket for networks too large for linear bounds: one interval pass from above, ascent in floats from below."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from exactnn.claims import DeviationClaim
from exactnn.difference import NotBounded, upper_bound
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.verify._ascent import climbed

Point = tuple[Fraction, ...]
_EXACTLY = 3  # points whose values are computed


def wide_bracket(
    claim: DeviationClaim, offer: Callable[[Point], None], clock: Clock, reason: str, near: RationalArray | None = None
) -> tuple[Fraction, dict[str, Any]]:
    """An upper bound with its evidence; points are offered, as many as time allows. Incomplete, with the reason, if there is no bound.

    near : inputs of the domain that floats climb from, too
    """
    assert claim.domain is not None
    assert claim.g is not None
    try:
        found = upper_bound(claim.f, claim.g, claim.domain, norm=claim.norm)
    except NotBounded as why:
        raise Incomplete(f"{reason}, and {why}") from None
    offer(tuple(claim.domain.interior_point()))
    for x in climbed(claim, clock, near)[:_EXACTLY]:
        if clock.left() > 0:
            offer(x)
    return found.value, found.evidence
