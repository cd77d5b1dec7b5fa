"""Sums of floats without rounding, in bulk.

    x = m 2^e,  m = (h 2^26 + l) 2^-53 with integers |h| <= 2^27, |l| < 2^26:  sum x = sum_e 2^(e - 53) (2^26 sum h + sum l)

The sums of h and l for one exponent are integers below 2^53 for up to 2^26 numbers at once, so that float64 adds them without rounding.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from exactnn.cooling._reading import Floats, Integers

_AT_ONCE = 1 << 22


def grouped_sums(values: Floats, groups: Integers, count: int) -> list[Fraction]:
    """For each group 0, ..., count - 1 the exact sum of the values in it.

    Examples
    --------
    >>> grouped_sums(np.array([1e300, 2.0**-60, -1e300]), np.array([0, 0, 0]), 2)
    [Fraction(1, 1152921504606846976), Fraction(0, 1)]
    """
    total = [Fraction(0)] * count
    for start in range(0, values.size, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        mantissa, exponent = np.frexp(values[part])
        mantissa *= 2.0**27
        high = np.trunc(mantissa)
        low = (mantissa - high) * 2.0**26
        least = int(exponent.min())
        span = int(exponent.max()) - least + 1
        key = groups[part] * span + (exponent - least)
        keys, places = np.arange(count * span), key
        if count * span > 4 * key.size + (1 << 16):
            keys, places = np.unique(key, return_inverse=True)
        highs = np.bincount(places, weights=high, minlength=len(keys))
        lows = np.bincount(places, weights=low, minlength=len(keys))
        for place in np.flatnonzero((highs != 0) | (lows != 0)).tolist():
            group, up = divmod(int(keys[place]), span)
            integer = (int(highs[place]) << 26) + int(lows[place])
            total[group] += Fraction(integer) * Fraction(2) ** (least + up - 53)
    return total


def exact_sum(values: Floats) -> Fraction:
    """The sum of all of them.

    Examples
    --------
    >>> exact_sum(np.array([0.1, 0.2])) == Fraction(0.1) + Fraction(0.2)
    True
    """
    flat = values.ravel()
    return grouped_sums(flat, np.zeros(flat.shape, dtype=np.int64), 1)[0]
