"""The search for a rational point at which two networks differ: few bits first, then floats propose and exact values decide."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import Clock
from exactnn.exact.lp import Optimal, Unbounded
from exactnn.network import Network
from exactnn.symmetry._witness import small_points
from exactnn.verify._domain import Coordinates

Floats = np.ndarray[Any, np.dtype[np.float64]]

_LARGE = 10**300  # beyond what float64 can tell apart


def sample_points(where: Coordinates, count: int = 64) -> RationalArray:
    """Points of the domain, in its coordinates: small ones, or an interior point, extreme points and points between them."""
    if where.region is None:
        return small_points(where.dimension, count)
    random = np.random.default_rng(0)
    corners = [where.inside]
    for _ in range(min(count // 4, 16)):
        best = where.region.maximise([int(v) for v in random.integers(-8, 9, where.dimension)])
        if isinstance(best, Optimal):
            corners.append(RationalArray.of(list(best.point)))
        elif isinstance(best, Unbounded):
            corners.append(RationalArray.of([p + 4 * r for p, r in zip(best.point, best.ray, strict=True)]))
    points = [where.inside, *(_between(where.inside, c, 1, 1) for c in corners[1:]), *corners[1:]]
    while len(points) < count:
        i, j = random.integers(0, len(corners), 2)
        points.append(_between(corners[i], corners[j], int(random.integers(1, 5)), int(random.integers(1, 5))))
    return concatenate([p.reshape(1, -1) for p in points])


def far_out(points: RationalArray, where: Coordinates) -> RationalArray:
    """On all of R^n these points and, behind them, far multiples: a difference that grows passes any tolerance there."""
    if where.region is not None:
        return points
    return concatenate([points, *(points * (1 << bits) for bits in (10, 40, 200))])


def differing_point(f: Network, g: Network | None, points: RationalArray, tolerance: Fraction) -> RationalArray | None:
    """The first of these input points at which some output differs by more than the tolerance, by exact evaluation."""
    values = f.evaluate(points)
    difference = values if g is None else values - g.evaluate(points)
    hits = np.flatnonzero(difference.exceeds(tolerance).any(axis=1))
    return points[int(hits[0])] if len(hits) else None


def proposed_point(f: Network, g: Network | None, where: Coordinates, tolerance: Fraction, clock: Clock) -> RationalArray | None:
    """A differing point found by floats: many samples at several scales, the best ones moved uphill; exact values confirm it."""
    from exactnn.nn.ascent import largest_gaps  # torch takes a second to import

    starts = _float_points(where, 2048)
    patience = Clock(min(max(clock.left(), 0.0), 20.0))
    for scale in [2.0**k for k in (0, -3, 3, -8, 8)] if where.region is None else [1.0]:
        if patience.left() <= 0:
            return None
        offset, basis = where.to_floats()
        try:
            candidates = largest_gaps(f, g, starts * scale, offset, basis, scale, patience.left())
        except ArgumentError:  # a weight is beyond the range of float64
            return None
        found = _confirm(f, g, candidates, where, tolerance)
        if found is not None:
            return found
    return None


def proposed_outputs(f: Network, g: Network | None, where: Coordinates, tolerance: Fraction) -> list[tuple[RationalArray, int]]:
    """Up to 8 (point of the domain in its coordinates, output) where float64 values differ by more than the tolerance, few bits first."""
    from exactnn.nn.ascent import gaps

    points = sample_points(where, 128)
    if tolerance > _LARGE:
        return []
    try:
        difference = gaps(f, g, where.to_input(points).to_float())
    except ArgumentError:  # a weight is beyond the range of float64
        return []
    difference = np.where(np.isfinite(difference), difference, 0.0)
    output = difference.argmax(axis=1)
    size = difference.max(axis=1)
    live = np.flatnonzero(size > max(float(tolerance) * (1 + 1e-9), 1e-12))
    clear = live[size[live] > 1e-6] if len(live) else live
    order = list(clear[:4]) + list(live[np.argsort(-size[live])][:4])
    return [(points[int(i)], int(output[i])) for i in order]


def _confirm(f: Network, g: Network | None, candidates: Floats, where: Coordinates, tolerance: Fraction) -> RationalArray | None:
    """Exact values at the candidates, rounded to few bits first, then as they are; points outside the domain are left out."""
    for bits in (3, 10, 60):
        rounded = np.round(candidates * 2.0**bits) / 2.0**bits if bits < 60 else candidates
        rounded = rounded[np.isfinite(rounded).all(axis=1)]
        points = RationalArray.of(rounded) if len(rounded) else None
        if points is None:
            continue
        if where.region is not None:
            inside = [i for i in range(len(points)) if where.region.contains(points[i].to_fractions())]
            if not inside:
                continue
            points = points[np.array(inside)]
        found = differing_point(f, g, where.to_input(points), tolerance)
        if found is not None:
            return found
    return None


def _float_points(where: Coordinates, count: int) -> Floats:
    random = np.random.default_rng(0)
    if where.region is None:
        return random.standard_normal((count, where.dimension))
    corners = sample_points(where, 48).to_float()
    weights = random.dirichlet(np.full(len(corners), 0.2), count)
    return np.asarray(weights @ corners)


def _between(a: RationalArray, b: RationalArray, u: int, v: int) -> RationalArray:
    return (a * u + b * v) / (u + v)
