"""Values of many affine functions at many points, exactly, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.tropical.terms import Exponents, Terms

_AT_ONCE = 1 << 21  # values (terms times points) of one batch


def extremes(terms: Terms, points: RationalArray, convention: str) -> RationalArray:
    """max_a (c_a + a . x), or the minimum, at each of the points (m, d); there must be a term."""
    ones = RationalArray(np.ones((1, len(points)), dtype=np.int64))
    columns = concatenate([ones, points.T])
    sign = 1 if convention == "max" else -1
    best: RationalArray | None = None
    for table in terms.tables():
        signed = table if sign == 1 else -table
        step = max(1, _AT_ONCE // len(table))
        parts = [(signed @ columns[:, k : k + step]).max(axis=0) for k in range(0, len(points), step)]
        found = concatenate(parts) if parts else RationalArray.zeros((0,))
        best = found if best is None else best.maximum(found)
    assert best is not None
    return best if sign == 1 else -best


def attaining(terms: Terms, point: Sequence[Fraction], value: Fraction) -> tuple[Exponents, ...]:
    """The exponents of the terms that have this value at the point, in lexicographic order."""
    column = RationalArray.from_fractions([Fraction(1), *point], (1 + len(point),))
    found: list[Exponents] = []
    for table in terms.tables():
        hits = np.flatnonzero((table @ column - value).numerators == 0)
        found += table[hits, 1:].to_rows() if len(hits) else ()
    return tuple(sorted(found))
