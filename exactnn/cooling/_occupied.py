"""The bins that have samples: how many, the sum of their confidences, the sum of their outcomes, all exact."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exactnn.cooling._bins import bins_of
from exactnn.cooling._predictions import Predictions
from exactnn.cooling._sums import grouped_sums
from exactnn.exact.array import RationalArray


@dataclass(frozen=True)
class Occupied:
    """The bins that have samples: number, size, sum of confidences, sum of outcomes."""

    places: list[int]
    sizes: list[int]
    confidences: list[Fraction]
    hits: list[Fraction]

    @property
    def gaps(self) -> list[Fraction]:
        """|B_j| gap_j."""
        return [abs(h - c) for h, c in zip(self.hits, self.confidences, strict=True)]


def occupied(predictions: Predictions, bins: int, binning: str, closed: str) -> Occupied:
    """What the errors are made of."""
    values, hits = predictions.confidences, predictions.hits
    found = bins_of(values, bins, mass=binning == "mass", right=closed == "right")
    places, groups = np.unique(found, return_inverse=True)
    count = len(places)
    if isinstance(values, RationalArray):
        tops = [0] * count
        for group, numerator in zip(groups.tolist(), values.numerators.tolist(), strict=True):
            tops[group] += numerator
        sums = [Fraction(top, values.denominator) for top in tops]
    else:
        sums = grouped_sums(values, groups.astype(np.int64), count)
    right = [Fraction(0)] * count
    shares = np.ones(len(hits), dtype=np.int64) if predictions.shares is None else predictions.shares
    for share in np.unique(shares[hits]).tolist():
        won = np.bincount(groups[hits & (shares == share)], minlength=count)
        right = [total + Fraction(int(w), share) for total, w in zip(right, won, strict=True)]
    return Occupied(places.tolist(), np.bincount(groups, minlength=count).tolist(), sums, right)
