"""Points of a box that floats climb to, from corners, random starts and the user's data; exact values or enclosures decide."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from exactnn.claims import DeviationClaim
from exactnn.difference import on_grid
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box

Point = tuple[Fraction, ...]
_STARTS, _SECONDS = 64, 10.0
_PLACES = 30  # bits of a point, relative to the widest side of the box


def climbed(claim: DeviationClaim, clock: Clock, near: RationalArray | None = None) -> list[Point]:
    """Points where |f - g| is large in floats, the best first; none for other domains, and where floats cannot hold a number.

    near : inputs of the domain to start from, beside corners and random ones
    """
    if not isinstance(claim.domain, Box) or clock.left() <= 0:
        return []
    low, high = (side.to_float() for side in claim.domain.bounds)
    if not np.isfinite([low, high]).all():
        return []
    from exactnn.floats.ascent import largest_gaps  # torch takes a second to import

    random = np.random.default_rng(0)
    shares = np.concatenate([random.integers(0, 2, (_STARTS, len(low))), random.random((_STARTS, len(low)))])
    starts = low + (high - low) * shares
    if near is not None:
        starts = np.concatenate([near.to_float(), starts])
    width = float((high - low).max())
    try:
        seconds = min(_SECONDS, max(clock.left() / 4, 0.0))
        found = largest_gaps(claim.f, claim.g, starts, None, None, width, seconds, (low, high))
    except ArgumentError:  # a weight is beyond the range of float64
        return []
    found = found[np.isfinite(found).all(axis=1)]
    places = _PLACES - int(np.frexp(width)[1]) if width else 0
    sides = [side.to_fractions() for side in claim.domain.bounds]
    rounded = on_grid(found, places).tolist()
    return [tuple(min(max(Fraction(v), a), b) for v, a, b in zip(x, *sides, strict=True)) for x in rounded]
