"""max(t, 0) on intervals, and its differences.

a - b >= d:  max(a, 0) - max(b, 0) >= max(a, 0) - max(a - d, 0),  which grows with a where d >= 0, and falls as a grows where d <= 0
"""

from __future__ import annotations

from operator import neg

from ._intervals import Bounds, Ends


def positive(x: Bounds) -> Bounds:
    """max(a, 0)."""
    return Bounds([max(n, 0) for n in x.lo], [max(n, 0) for n in x.hi])


def risen(x: Bounds, y: Bounds, d: Bounds) -> Bounds:
    """max(a, 0) - max(b, 0) for a in x, b in y, a - b in d."""
    lo = [_rise(*ends) for ends in zip(zip(*x, strict=True), zip(*y, strict=True), d.lo, strict=True)]
    hi = [-_rise(*ends) for ends in zip(zip(*y, strict=True), zip(*x, strict=True), map(neg, d.hi), strict=True)]
    return Bounds(lo, hi)


def _rise(x: Ends, y: Ends, d: int) -> int:
    """A lower bound where a - b >= d: max(a, 0) - max(a - d, 0) is least at the lower end of x for d >= 0, at the upper one otherwise."""
    a, b = (ends[d < 0] for ends in (x, y))
    return max(max(a, 0) - max(a - d, 0), max(b + d, 0) - max(b, 0))
