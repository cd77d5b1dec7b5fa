"""A bracket for smooth networks: intervals on boxes from above; from below points proposed by floats, whose values are enclosed."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from exactnn.claims import DeviationClaim
from exactnn.difference import BITS, least_sizes
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import Clock
from exactnn.exact.progress import counted
from exactnn.network import Network, Smooth
from exactnn.verify import _search
from exactnn.verify._ascent import climbed
from exactnn.verify._boxes import coarse
from exactnn.verify._domain import Coordinates

Point = tuple[Fraction, ...]
_SAMPLES, _TOGETHER = 32, 4
_SHARE = 0.2  # of the time, for values at points


class SmoothBracket(NamedTuple):
    """lower <= |f - g| at the point, |f - g| <= upper on the domain; and the evidence for both."""

    lower: Fraction
    upper: Fraction
    point: Point
    evidence: dict[str, Any]


def is_smooth(nets: Iterable[Network]) -> bool:
    """Whether values at points are irrational."""
    return any(isinstance(net.operation(name), Smooth) for net in nets for name in net.order)


def smooth_bracket(
    claim: DeviationClaim, where: Coordinates, clock: Clock, gap: Fraction, near: RationalArray | None = None
) -> SmoothBracket:
    """Cut boxes until upper <= (1 + gap) lower, or the time is over. Incomplete if there is no bound at all.

    near : inputs of the domain that are tried first, and that floats climb from
    """
    samples = where.to_input(_search.sample_points(where, _SAMPLES))
    if near is not None:
        samples = concatenate([near, samples])
    guess, _ = _best(claim, samples, BITS, clock.at_most(clock.left() * _SHARE))
    tree = coarse(claim, clock, guess or None)
    if isinstance(tree, str):
        raise Incomplete(tree)
    points = climbed(claim, clock, near)
    tried = concatenate([RationalArray.of(points), samples]) if points else samples  # the best ones first
    lower, point = _best(claim, tried, tree.grid.bits, clock.at_most(clock.left() * _SHARE))
    tree.run(clock, lower * (1 + gap), patient=True)
    with clock.grace():
        return SmoothBracket(lower, max(tree.upper, lower), point, tree.evidence())


def _best(claim: DeviationClaim, points: RationalArray, bits: int, clock: Clock) -> tuple[Fraction, Point]:
    """The largest value that is reached for certain, and where; at the first points at least, at all if there is time."""
    sizes: list[Fraction] = []
    for start in counted("enclosures at points", range(0, len(points), _TOGETHER), unit="groups of points"):
        if start and clock.left() <= 0:
            break
        sizes += least_sizes(claim.f, claim.g, points[start : start + _TOGETHER], claim.norm, bits)
    k = max(range(len(sizes)), key=sizes.__getitem__)
    return sizes[k], tuple(points[k].to_fractions())
