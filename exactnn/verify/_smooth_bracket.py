"""A bracket for smooth networks: intervals on boxes from above; from below points proposed by floats, whose values are enclosed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from exactnn.claims import DeviationClaim
from exactnn.difference import BITS, least_sizes
from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box
from exactnn.network import Smooth
from exactnn.verify import _search
from exactnn.verify._boxes import coarse
from exactnn.verify._domain import Coordinates

Point = tuple[Fraction, ...]
_SAMPLES, _STARTS, _SECONDS = 32, 64, 10.0
_PLACES = 30  # bits of a point, relative to the widest side of the box


class SmoothBracket(NamedTuple):
    """lower <= |f - g| at the point, |f - g| <= upper on the domain; and the evidence for both."""

    lower: Fraction
    upper: Fraction
    point: Point
    evidence: dict[str, Any]


def is_smooth(claim: DeviationClaim) -> bool:
    """Whether values at points are irrational."""
    return any(isinstance(net.operation(name), Smooth) for net in claim.models().values() for name in net.order)


def smooth_bracket(claim: DeviationClaim, where: Coordinates, clock: Clock, gap: Fraction) -> SmoothBracket:
    """Cut boxes until upper <= (1 + gap) lower, or the time is over. Incomplete if there is no bound at all."""
    samples = where.to_input(_search.sample_points(where, _SAMPLES))
    guess, _ = _best(claim, samples, BITS)
    tree = coarse(claim, clock, guess or None)
    if isinstance(tree, str):
        raise Incomplete(tree)
    lower, point = _best(claim, concatenate([samples, *_climbed(claim, clock)]), tree.grid.bits)
    tree.run(clock, lower * (1 + gap), patient=True)
    with clock.grace():
        return SmoothBracket(lower, max(tree.upper, lower), point, tree.evidence())


def _best(claim: DeviationClaim, points: RationalArray, bits: int) -> tuple[Fraction, Point]:
    """The largest value that is reached for certain, and where."""
    sizes = least_sizes(claim.f, claim.g, points, claim.norm, bits)
    k = max(range(len(sizes)), key=sizes.__getitem__)
    return sizes[k], tuple(points[k].to_fractions())


def _climbed(claim: DeviationClaim, clock: Clock) -> list[RationalArray]:
    """Points of a box where floats climb to."""
    if not isinstance(claim.domain, Box) or clock.left() <= 0:
        return []
    from exactnn.floats.ascent import largest_gaps  # torch takes a second to import

    low, high = (side.to_float() for side in claim.domain.bounds)
    random = np.random.default_rng(0)
    shares = np.concatenate([random.integers(0, 2, (_STARTS, len(low))), random.random((_STARTS, len(low)))])
    width = float((high - low).max())
    try:
        seconds = min(_SECONDS, max(clock.left() / 4, 0.0))
        found = largest_gaps(claim.f, claim.g, low + (high - low) * shares, None, None, width, seconds, (low, high))
    except ArgumentError:  # a weight is beyond the range of float64
        return []
    found = found[np.isfinite(found).all(axis=1)]
    places = _PLACES - int(np.frexp(width)[1]) if width else 0
    sides = [side.to_fractions() for side in claim.domain.bounds]
    rounded = np.ldexp(np.rint(np.ldexp(found, places)), -places)
    inside = [[min(max(Fraction(v), a), b) for v, a, b in zip(x, *sides, strict=True)] for x in rounded.tolist()]
    return [RationalArray.of(inside)] if inside else []
