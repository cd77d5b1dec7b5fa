"""What an answer says about points: a counterexample near the user's own data, and the largest difference that was seen.

The claim is tried at the data first. If it fails elsewhere only, at x, the ways from x to the nearest data points p are halved,

    p + t (x - p),   t in (0, 1],   t = 1 fails,

and the t that stays is the least one found at which the claim still fails, in exact arithmetic; the certificate is about that point.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.claims import EqualAtClaim
from exactnn.errors import ArgumentError, NotRational
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network
from exactnn.network.points import as_points
from exactnn.texts import number
from exactnn.verdict import Difference

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Fails = Callable[[RationalArray], Mask]

_NEAREST, _HALVINGS = 4, 10
_TOGETHER = 1024  # points that are run in floats at once
_WORK = 1 << 26  # products that looking for a larger difference, or a nearer point, may take


def data_points(near: Any, net: Network) -> RationalArray | None:
    """The user's points as rows, taken without rounding; None for none."""
    return None if near is None else as_points(net, near, "near")


def at_most(nets: list[Network], count: int) -> int:
    """So many points are evaluated exactly, fewer of large networks, one at the least."""
    each = sum(EqualAtClaim.work_at_a_point(net) for net in nets)
    return max(1, min(count, _WORK // max(each, 1)))


def inside(domain: Polyhedron | None, points: RationalArray) -> Mask:
    """Which of the points lie in the domain."""
    if domain is None:
        return np.ones(len(points), dtype=np.bool_)
    return np.array([domain.contains(points[i].to_fractions()) for i in range(len(points))], dtype=np.bool_)


def most_apart(f: Network, g: Network, data: RationalArray, norm: str, count: int) -> RationalArray:
    """So many of the inputs at the most: those where |f - g| is largest in floats, the largest first; all of them as they are, if few."""
    if len(data) <= count:
        return data
    from exactnn.floats.ascent import gaps  # torch takes a second to import

    sizes = []
    try:
        for start in range(0, len(data), _TOGETHER):
            found = gaps(f, g, data[start : start + _TOGETHER].to_float())
            sizes.append(found.sum(axis=1) if norm == "l1" else found.max(axis=1))
    except ArgumentError:  # a weight is beyond the range of float64
        return data[:count]
    return data[np.argsort(-np.nan_to_num(np.concatenate(sizes), nan=0.0), kind="stable")[:count]]


def with_value(values: Callable[[RationalArray], RationalArray], points: RationalArray) -> tuple[RationalArray, RationalArray] | None:
    """The points that have a value (no pole lies there), and the values; None where no point has one."""
    try:
        return points, values(points)
    except NotRational:
        found = []
        for i in range(len(points)) if len(points) > 1 else ():
            one = with_value(values, points[i : i + 1])
            found += [] if one is None else [one]
        return (concatenate([p for p, _ in found]), concatenate([v for _, v in found])) if found else None


def moved(x: RationalArray, data: RationalArray, domain: Polyhedron | None, fails: Fails, points: int) -> tuple[RationalArray, str]:
    """A point where the claim fails on the way from x, where it does, to one of the nearest data points; and which, in words.

    points : how many may be tried
    """
    apart = np.abs(data.to_float() - x.to_float()).max(axis=1)
    chosen = np.argsort(apart, kind="stable")[: min(_NEAREST, max(1, points // _HALVINGS))]
    starts = data[chosen]
    moves = concatenate([x.reshape(1, -1)] * len(chosen)) - starts
    low, high = [Fraction(0)] * len(chosen), [Fraction(1)] * len(chosen)
    for _ in range(min(_HALVINGS, points)):
        middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
        tried = starts + moves * RationalArray.from_fractions(middle, (len(chosen), 1))
        failing = inside(domain, tried) & fails(tried)
        low = [a if f else m for a, m, f in zip(low, middle, failing, strict=True)]
        high = [m if f else b for m, b, f in zip(middle, high, failing, strict=True)]
    sizes = [share * max(abs(q) for q in moves[i].to_fractions()) for i, share in enumerate(high)]
    best = sizes.index(min(sizes))
    return starts[best] + moves[best] * high[
        best
    ], f"near point {chosen[best]} of the data, no coordinate further than {number(sizes[best], 12)}"


class Largest:
    """The largest difference of an output at the points that were seen."""

    def __init__(self) -> None:
        self.found: Difference | None = None

    def offer(self, points: RationalArray, differences: RationalArray) -> None:
        """f - g at these points, in rows."""
        if not differences.size:
            return
        i, j = divmod(int(np.abs(differences.numerators).argmax()), differences.shape[1])
        value = abs(differences[i, j].item())
        if self.found is None or value > self.found.value:
            self.found = Difference(value, points[i].to_fractions(), j)
