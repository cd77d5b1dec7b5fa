"""The search for a rational point at which two networks differ: few bits first, then floats propose and exact values decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np

from exactnn.cells import rounded_points
from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import Clock, clock_in_force
from exactnn.exact.lp import Optimal, Unbounded
from exactnn.exact.progress import Progress, counted
from exactnn.network import Network
from exactnn.symmetry.smooth_forms import SmoothNormalForm, enclosures
from exactnn.symmetry.witnesses import small_points
from exactnn.verify._domain import Coordinates
from exactnn.verify._near import Largest

Floats = np.ndarray[Any, np.dtype[np.float64]]

SEPARATING = 256  # points at which smooth functions that differ are enclosed
_LEVELS = tuple(Fraction(q) for q in (0, 1, -1, "1/3", 3, -8))  # arguments of neurons at which phi is not nearly affine
_LARGE = 10**300  # beyond what float64 can tell apart


def sample_points(where: Coordinates, count: int = 64) -> RationalArray:
    """Points of the domain, in its coordinates: small ones, or an interior point, extreme points and points between them.

    Where the domain is unbounded, as many again lie further out, along sums of two of the directions in which it is.
    """
    if count not in where.samples:
        where.samples[count] = small_points(where.dimension, count) if where.region is None else _points_of_the_region(where, count)
    return where.samples[count]


def _points_of_the_region(where: Coordinates, count: int) -> RationalArray:
    random = np.random.default_rng(0)
    corners, rays = _extremes(where, min(count // 4, 16), random)
    points = [where.inside, *(_between(where.inside, c, 1, 1) for c in corners[1:]), *corners[1:]]
    while len(points) < count:
        i, j = random.integers(0, len(corners), 2)
        points.append(_between(corners[i], corners[j], int(random.integers(1, 5)), int(random.integers(1, 5))))
    for _ in range(count if rays else 0):
        (i, j), (a, b) = random.integers(0, len(rays), 2), random.integers(-1, 7, 2)
        points.append(corners[random.integers(0, len(corners))] + rays[i] * Fraction(2) ** int(a) + rays[j] * Fraction(2) ** int(b))
    return concatenate([p.reshape(1, -1) for p in points])


def far_out(points: RationalArray, where: Coordinates) -> RationalArray:
    """These points and, behind them, far ones where the domain is unbounded: a difference that grows passes any tolerance there."""
    if where.region is None:
        return concatenate([points, *(points * (1 << bits) for bits in (10, 40, 200))])
    _, rays = _extremes(where, 16, np.random.default_rng(0))
    far = [(where.inside + (ray + other) * (1 << bits)).reshape(1, -1) for bits in (10, 40, 200) for ray in rays for other in rays[:4]]
    return concatenate([points, *far])


def _extremes(where: Coordinates, count: int, random: np.random.Generator) -> tuple[list[RationalArray], list[RationalArray]]:
    """An interior point and extreme points in random directions; and rays, of largest entry 1, along which the domain is unbounded."""
    assert where.simple is not None
    corners, rays = [where.inside], []
    clock = clock_in_force()
    share = clock.at_most(clock.left() / 4)  # they are proposals, and other ways need time too
    for _ in counted("points of the domain", range(count), unit="points"):
        try:
            share.check("points of the domain were being sought")
            with share.running():
                best = where.simple.maximise([int(v) for v in random.integers(-8, 9, where.dimension)])
        except Incomplete:
            clock.check("points of the domain were being sought")
            break
        if isinstance(best, Optimal):
            corners.append(RationalArray.of(list(best.point)))
        elif isinstance(best, Unbounded):
            ray = RationalArray.of(list(best.ray))
            rays.append(ray * Fraction(ray.denominator, ray.bound))
            corners.append(RationalArray.of(list(best.point)) + ray * 4)
    return corners, rays


def differing_point(
    f: Network, g: Network | None, points: RationalArray, tolerance: Fraction, clock: Clock | None = None, seen: Largest | None = None
) -> RationalArray | None:
    """The first of these input points at which some output differs by more than the tolerance, by exact evaluation.

    A few of them first, then twice as many at a time: the clock is asked in between, and small points often decide. All differences
    that are computed are shown to `seen`.
    """
    start, block = 0, 8
    with Progress("exact values", unit="points", total=len(points)) as bar:
        while start < len(points):
            if clock is not None:
                clock.check(f"the values at {start} of {len(points)} points agreed, the others were being computed")
            chosen = points[start : start + block]
            values = f.evaluate(chosen)
            difference = values if g is None else values - g.evaluate(chosen)
            hits = np.flatnonzero(difference.exceeds(tolerance).any(axis=1))
            if seen is not None:
                seen.offer(chosen, difference)
            if len(hits):
                return chosen[int(hits[0])]
            bar.update(len(chosen))
            start, block = start + block, 2 * block
    return None


def fewer_bits(f: Network, g: Network | None, t: RationalArray, where: Coordinates, tolerance: Fraction) -> RationalArray:
    """The input at t, where f and g differ by more than the tolerance; or at t rounded to few bits, if they do so there too."""
    numerators = [int(v) for v in t.numerators.ravel()]
    for candidate in rounded_points((*numerators, t.denominator)):
        rounded = RationalArray(np.array(candidate[:-1], dtype=object).reshape(1, -1), candidate[-1])
        if sum(map(int.bit_length, candidate)) >= sum(map(int.bit_length, (*numerators, t.denominator))):
            break
        if where.simple is None or where.simple.contains(rounded[0].to_fractions()):
            found = differing_point(f, g, where.to_input(rounded), tolerance)
            if found is not None:
                return found
    return where.to_input(t.reshape(1, -1))[0]


def proposed_point(f: Network, g: Network | None, where: Coordinates, tolerance: Fraction, clock: Clock) -> RationalArray | None:
    """A differing point found by floats: many samples at several scales, the best ones moved uphill; exact values confirm it."""
    from exactnn.floats.ascent import largest_gaps  # torch takes a second to import

    starts = _float_points(where, 2048)
    patience = clock.at_most(20)
    for scale in [2.0**k for k in (0, -3, 3, -8, 8)] if where.region is None else [1.0]:
        if patience.left() <= 0:
            return None
        offset, basis = where.to_floats()
        try:
            candidates = largest_gaps(f, g, starts * scale, offset, basis, scale, patience.left())
        except ArgumentError:  # a weight is beyond the range of float64
            return None
        found = _confirm(f, g, candidates, where, tolerance, clock)
        if found is not None:
            return found
    return None


def proposed_outputs(f: Network, g: Network | None, where: Coordinates, tolerance: Fraction) -> list[tuple[RationalArray, int]]:
    """Up to 8 (point of the domain in its coordinates, output) where float64 values differ by more than the tolerance, few bits first."""
    points = sample_points(where, 128)
    return [(points[i], j) for i, j in _apart(f, g, where.to_input(points), tolerance)]


def differing_outputs(f: Network, g: Network | None, inputs: RationalArray, tolerance: Fraction) -> list[tuple[RationalArray, int]]:
    """Up to 8 (input, output) of these inputs where float64 values differ by more than the tolerance."""
    return [(inputs[i], j) for i, j in _apart(f, g, inputs, tolerance)]


def _apart(f: Network, g: Network | None, inputs: RationalArray, tolerance: Fraction) -> list[tuple[int, int]]:
    from exactnn.floats.ascent import gaps

    if tolerance > _LARGE:
        return []
    try:
        difference = gaps(f, g, inputs.to_float())
    except ArgumentError:  # a weight is beyond the range of float64
        return []
    difference = np.where(np.isfinite(difference), difference, 0.0)
    output = difference.argmax(axis=1)
    size = difference.max(axis=1)
    live = np.flatnonzero(size > max(float(tolerance) * (1 + 1e-9), 1e-12))
    clear = live[size[live] > 1e-6] if len(live) else live
    order = list(clear[:4]) + list(live[np.argsort(-size[live])][:4])
    return [(int(i), int(output[i])) for i in order]


def separating_points(
    parts: Sequence[SmoothNormalForm], where: Coordinates, bits: int, clock: Clock
) -> Iterator[tuple[RationalArray, int, int]]:
    """(point in the domain's coordinates, output, k) where enclosures of so many bits show that the sum of the parts is not 0, by 2^-k.

    Small points come first, then points of the domain at which some neuron's argument is small, or as small as it gets: neurons of large
    weights are indistinguishable from affine functions elsewhere. `SEPARATING` points at the most.
    """
    constant = not any(len(p.normals) for p in parts) and all(p.slope.is_zero() for p in parts)
    candidates = _bending_points(parts, where, clock)
    for t in islice(candidates, 1 if constant else SEPARATING):
        clock.check("the functions were being enclosed at points where they may differ")
        distances = [ball.distance() for ball in enclosures(parts, t.to_fractions(), bits)]
        clear = [(k, j) for j, k in enumerate(distances) if k is not None and k <= bits - (bits // 2 if bits <= 64 else 64)]
        if clear:
            k, j = min(clear)
            yield t, j, k


def _bending_points(parts: Sequence[SmoothNormalForm], where: Coordinates, clock: Clock) -> Iterator[RationalArray]:
    """Points of the domain: small ones, then some where w . t + b is 0, 1, -1, ... for classes (w, b) of the parts."""
    small = sample_points(where)
    yield from (small[i] for i in range(len(small)))
    rows = [(p.normals[i, :-1], p.normals[i, -1].item()) for p in parts for i in range(len(p.normals))]
    for w, b in rows[: SEPARATING // 8]:
        clock.check("points at which a neuron's argument is small were being sought")
        for i, level in enumerate(_LEVELS):
            yield _on_level(w, level - b, small[i] if where.region is None else None, where)


def _on_level(w: RationalArray, level: Fraction, start: RationalArray | None, where: Coordinates) -> RationalArray:
    """A point of the domain where w . t is the level, or as near to it as it gets; on all of R^d start with another entry."""
    if start is not None:
        axis = int(np.flatnonzero(w.nonzero())[0])
        return start + RationalArray.unit(w.size, axis) * ((level - (w @ start).item()) / w[axis].item())
    assert where.simple is not None
    gap = level - (w @ where.inside).item()
    if not gap:
        return where.inside
    best = where.simple.maximise((w if gap > 0 else -w).to_fractions())
    if isinstance(best, Unbounded):
        move = RationalArray.of(list(best.ray))
    else:
        assert isinstance(best, Optimal)
        move = RationalArray.of(list(best.point)) - where.inside
    share = gap / (w @ move).item() if (w @ move).item() else Fraction(1)
    return where.inside + move * (share if isinstance(best, Unbounded) else min(share, Fraction(1)))


def _confirm(
    f: Network, g: Network | None, candidates: Floats, where: Coordinates, tolerance: Fraction, clock: Clock
) -> RationalArray | None:
    """Exact values at the candidates, rounded to few bits first, then as they are; points outside the domain are left out."""
    for bits in (3, 10, 60):
        rounded = np.round(candidates * 2.0**bits) / 2.0**bits if bits < 60 else candidates
        rounded = rounded[np.isfinite(rounded).all(axis=1)]
        points = RationalArray.of(rounded) if len(rounded) else None
        if points is None:
            continue
        if where.simple is not None:
            inside = [i for i in range(len(points)) if where.simple.contains(points[i].to_fractions())]
            if not inside:
                continue
            points = points[np.array(inside)]
        found = differing_point(f, g, where.to_input(points), tolerance, clock)
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
