"""A bracket for networks too large for linear bounds: one interval pass from above, ascent in floats from below."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.claims import DeviationClaim
from exactnn.difference import NotBounded, upper_bound
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box

Point = tuple[Fraction, ...]
_STARTS, _SECONDS, _EXACTLY = 64, 10.0, 3


def wide_bracket(claim: DeviationClaim, offer: Callable[[Point], None], clock: Clock, reason: str) -> tuple[Fraction, dict[str, Any]]:
    """An upper bound with its evidence; points are offered, as many as time allows. Incomplete, with the reason, if there is no bound."""
    assert claim.domain is not None
    assert claim.g is not None
    try:
        found = upper_bound(claim.f, claim.g, claim.domain, norm=claim.norm)
    except NotBounded as why:
        raise Incomplete(f"{reason}, and {why}") from None
    offer(tuple(claim.domain.interior_point()))
    ends = claim.domain.bounds if isinstance(claim.domain, Box) else ()
    low, high = (side.to_float() for side in ends) if ends else (np.zeros(0), np.zeros(0))
    if ends and clock.left() > 0 and np.isfinite([low, high]).all():
        from exactnn.floats.ascent import largest_gaps  # torch takes a second to import

        random = np.random.default_rng(0)
        starts = low + (high - low) * random.integers(0, 2, (_STARTS, len(low)))
        width = float((high - low).max())
        points = largest_gaps(claim.f, claim.g, starts, None, None, width, min(_SECONDS, max(clock.left() / 4, 0.0)), (low, high))
        sides = [side.to_fractions() for side in ends]
        for x in points[np.isfinite(points).all(axis=1)][:_EXACTLY]:
            if clock.left() > 0:
                offer(tuple(min(max(Fraction(float(v)), a), b) for v, a, b in zip(x, *sides, strict=True)))
    return found.value, found.evidence
