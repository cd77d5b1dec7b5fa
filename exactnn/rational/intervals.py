"""Intervals as arguments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from exactnn.errors import ArgumentError, DomainError
from exactnn.exact import polynomials as poly
from exactnn.exact.numbers import Number, as_fraction, short, shown

#: (lower, upper), either end None (or an infinity) for no bound; None for the whole real line.
Interval = Sequence[Number | None] | None
Ends = tuple[Fraction | None, Fraction | None]


def span(interval: Interval) -> Ends:
    """The ends of an interval, checked.

    Examples
    --------
    >>> span(None), span((0, None)) == (Fraction(0), None)
    ((None, None), True)
    """
    if interval is None:
        return None, None
    pair = poly.listed(interval)
    if pair is None or len(pair) != 2:
        raise ArgumentError(f"interval: a pair (lower, upper), or None for the real line, is needed, got {shown(interval)}")
    lower, upper = (
        None if end is None or (isinstance(end, float) and end == infinite) else as_fraction(end, f"interval[{i}]")
        for i, (end, infinite) in enumerate(zip(pair, (-math.inf, math.inf), strict=True))
    )
    if lower is not None and upper is not None and lower > upper:
        raise DomainError(f"interval: lower <= upper is needed, got {short(lower)} and {short(upper)}")
    return lower, upper
