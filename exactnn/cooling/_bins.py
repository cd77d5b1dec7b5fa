"""The bin of each confidence, decided exactly.

    equal width, closed on the right:  (j - 1)/N < p <= j/N, and p = 0 in the first bin
    equal width, closed on the left:   (j - 1)/N <= p < j/N, and p = 1 in the last bin
    equal mass:                        the same with F(p) = #{q <= p}/n  (left: #{q < p}/n)  in place of p

Equal confidences have equal F, so that equal mass keeps ties together, whatever the order of the samples, and has empty bins instead.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.cooling._reading import Integers, Numbers, comparable
from exactnn.exact.array import RationalArray

_SMALL = 1 << 62


def bins_of(confidences: Numbers, bins: int, *, mass: bool, right: bool) -> Integers:
    """The numbers 0, ..., bins - 1 of the bins.

    Examples
    --------
    >>> halves = np.array([0.0, 0.5, 1.0])
    >>> bins_of(halves, 2, mass=False, right=True), bins_of(halves, 2, mass=False, right=False)
    (array([0, 0, 1]), array([0, 1, 1]))
    """
    if mass:
        ranks, size = _ranks(confidences, right)
        return _quotients(ranks, size, bins, right)
    if isinstance(confidences, RationalArray):
        return _quotients(confidences.numerators, confidences.denominator, bins, right)
    scaled = confidences * bins
    near = np.rint(scaled)
    found = (np.ceil(scaled) - 1 if right else np.floor(scaled)).astype(np.int64)
    # one rounding: the product is within 2^-53 of itself, so that only those this close to an integer may be on its other side
    doubtful = np.flatnonzero(np.abs(scaled - near) <= scaled * 2.0**-51)
    if doubtful.size:
        values, places = np.unique(confidences[doubtful], return_inverse=True)
        exact = np.array([_quotient(Fraction(v) * bins, right) for v in values.tolist()], dtype=np.int64)
        found[doubtful] = exact[places]
    return np.clip(found, 0, bins - 1)


def _quotient(scaled: Fraction, right: bool) -> int:
    return -(-scaled.numerator // scaled.denominator) - 1 if right else scaled.numerator // scaled.denominator


def _quotients(numerators: np.ndarray[Any, Any], denominator: int, bins: int, right: bool) -> Integers:
    if numerators.dtype != object and denominator * bins >= _SMALL:  # no numerator exceeds the denominator
        numerators = numerators.astype(object)
    scaled = numerators * bins
    found = -(-scaled // denominator) - 1 if right else scaled // denominator
    return np.asarray(np.clip(found.astype(np.int64), 0, bins - 1))


def _ranks(confidences: Numbers, right: bool) -> tuple[Integers, int]:
    """How many are at most as large, or (left) less; and how many there are."""
    _, places, counts = np.unique(comparable(confidences), return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - (0 if right else counts)
    return below[places].astype(np.int64), int(confidences.size)
