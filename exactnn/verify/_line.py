"""One input dimension: networks as piecewise linear functions of one variable, decided completely at any depth.

Activation by activation, the breakpoints found so far make every pre-activation affine between them and beyond the outermost; each
place where one crosses a kink becomes a breakpoint. With all of them known, two networks agree exactly if they agree at the breakpoints,
between which both are affine, and at one point beyond each end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.progress import counted
from exactnn.network import MaxPool, Network, PiecewiseLinear, PRelu

LIMIT = 200_000
_LEAST, _MOST, _BITS = 32, 4096, 1024  # points in one block; beyond the least number, their common denominator has at most so many bits


def breakpoints(nets: list[Network], domain: Polyhedron | None, clock: Clock) -> list[Fraction]:
    """Points of the domain, increasing, such that every network is affine between neighbours and beyond the ends.

    On an unbounded side the last two points lie on the affine piece that goes to infinity. Raises Incomplete beyond the time limit or
    `LIMIT` points.
    """
    low, high = (None, None) if domain is None else interval(domain)
    inner: set[Fraction] = {q for q in (low, high) if q is not None} or {Fraction(0)}
    for net in nets:
        for name in net.order:
            operation = net.operation(name)
            if isinstance(operation, (PiecewiseLinear, PRelu, MaxPool)):
                points = _with_ends(sorted(inner), low, high)
                (operand,) = net.operands(name)
                for part in counted(f"breakpoints at {name}", blocks(points), unit="blocks"):
                    clock.check(f"{len(inner)} breakpoints of the functions of one variable found", partial=len(inner))
                    values = net.trace(_column(part), keep=[operand])[operand]
                    left = low if part[0] == points[0] else part[0]
                    right = high if part[-1] == points[-1] else part[-1]
                    for level in _levels(operation, values):
                        inner |= _crossings(part, level, left, right)
                if len(inner) > LIMIT:
                    raise Incomplete(f"more than {LIMIT} breakpoints on the line", partial=len(inner))
    return _with_ends(sorted(inner), low, high)


def blocks(points: list[Fraction]) -> Iterator[list[Fraction]]:
    """The points, increasing, some at a time, with a common denominator that stays small; the last of a block is the first of the next."""
    start, end = 0, 0
    while end < len(points):
        common, end = points[start].denominator, start + 1
        while end < len(points) and end - start < _MOST and (end - start < _LEAST or common.bit_length() <= _BITS):
            common = math.lcm(common, points[end].denominator)
            end += 1
        yield points[start:end]
        start = end - 1


def far_points(f: Network, g: Network | None, points: list[Fraction], domain: Polyhedron | None, tolerance: Fraction) -> list[Fraction]:
    """On each open side where f - g is not constant beyond the breakpoints, a point so far out that it exceeds the tolerance."""
    low, high = (None, None) if domain is None else interval(domain)
    found = []
    for near, far, is_open in ((1, 0, low is None), (-2, -1, high is None)):
        if not is_open:
            continue
        pair = _column([points[near], points[far]])
        gap = f.evaluate(pair) if g is None else f.evaluate(pair) - g.evaluate(pair)
        a, b = gap[0].to_fractions(), gap[1].to_fractions()
        for v, w in zip(a, b, strict=True):
            if v != w:  # w + k (w - v) at k steps beyond
                steps = (tolerance + abs(w)) // abs(w - v) + 1
                found.append(points[far] + steps * (points[far] - points[near]))
                break
    return found


def interval(domain: Polyhedron) -> tuple[Fraction | None, Fraction | None]:
    """The ends of a non-empty polyhedron in R^1; None for an open side."""
    low: Fraction | None = None
    high: Fraction | None = None
    A, b = domain.rows
    for a, c in zip(A.to_fractions(), b.to_fractions(), strict=True):
        if a > 0:
            high = c / a if high is None else min(high, c / a)
        elif a < 0:
            low = c / a if low is None else max(low, c / a)
    return low, high


def _levels(operation: PiecewiseLinear | PRelu | MaxPool, values: RationalArray) -> list[RationalArray]:
    """Functions (points, many) at whose zeros the operation may have a kink."""
    if isinstance(operation, MaxPool):
        index = operation.index(values.shape[2:])
        flat = values.reshape(*values.shape[:2], -1)
        found = []
        for window in index:
            entries = flat[:, :, window[window >= 0]]
            for i in range(entries.shape[2]):
                for j in range(i):
                    found.append(entries[:, :, i] - entries[:, :, j])
        return found
    flat = values.reshape(len(values), -1)
    return [flat - at for at, _ in operation.expansion().kinks]


def _crossings(points: list[Fraction], levels: RationalArray, low: Fraction | None, high: Fraction | None) -> set[Fraction]:
    """Zeros strictly between neighbouring points, or beyond the outer ones on an unbounded side."""
    signs = levels.sign().astype(np.int64)
    found: set[Fraction] = set()
    for i, j in zip(*np.nonzero(signs[1:] * signs[:-1] < 0), strict=True):
        found.add(_zero(points[i], points[i + 1], levels[int(i), int(j)].item(), levels[int(i) + 1, int(j)].item()))
    if len(points) > 1:
        for near, far, open_side in ((1, 0, low is None), (-2, -1, high is None)):
            if open_side:
                a, b = levels[near].to_fractions(), levels[far].to_fractions()
                for v, w in zip(a, b, strict=True):
                    if w and v != w and (abs(w) < abs(v) or v * w < 0):  # moving towards zero
                        zero = _zero(points[near], points[far], v, w)
                        if (zero < points[far]) if far == 0 else (zero > points[far]):
                            found.add(zero)
    found.update(points[int(i)] for i in np.flatnonzero((signs == 0).any(axis=1)))  # an outer point may be a kink too
    return found


def _zero(x0: Fraction, x1: Fraction, v0: Fraction, v1: Fraction) -> Fraction:
    return x0 - v0 * (x1 - x0) / (v1 - v0)


def _with_ends(inner: list[Fraction], low: Fraction | None, high: Fraction | None) -> list[Fraction]:
    """One more point beyond each open end."""
    return ([inner[0] - 1] if low is None else []) + inner + ([inner[-1] + 1] if high is None else [])


def _column(points: list[Fraction]) -> RationalArray:
    return RationalArray.from_fractions(points, (len(points), 1))
