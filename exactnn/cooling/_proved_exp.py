"""exp(-x) for many x at once in float64, with a proved error.

    exp(-x) = 2^-k e^r,   k = rint(x / log 2),   r = k log 2 - x,   e^r = sum_{i<=13} r^i / i! + remainder

For 0 <= x <= 700 the value y that is computed has  |y - exp(-x)| <= 8 u exp(-x),  u = 2^-53. Only additions, multiplications and rint of
float64 are used, each of which IEEE 754 rounds to nearest; no library's exp is believed. Counted, in units of u:

    r    log 2 = L1 + L2 + t with L1 of 32 bits, so that k L1 is exact, and |k t| < 2^-76. Two sums, each below 0.35, are rounded, and
         k L2, below 2^-22: |r - its true value| <= 0.71, |r| <= 0.34658, since k is within 0.5 + 2^-40 of x / log 2
    sum  the remainder is below 0.06, and Horner's scheme has q_i = c_i + r q_(i+1) with errors E_i <= 0.3466 (E_(i+1) + |q_(i+1)|) + |q_i|
         + (error of c_i, at most |c_i| u and 0 for i <= 2); |q_3| < 0.19, |q_2| < 0.57, |q_1| < 1.2, |q_0| < 1.42: E_3 < 0.5, E_2 < 0.81,
         E_1 < 1.7, E_0 < 2.5
    all  2.5/0.707 + 0.06/0.707 + 0.71 < 4.4 of e^r >= 0.707; 2^-k is exact. Products of errors, far below 0.01, are in the 8.

References: docs/theory.md 21.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: |exp_minus(x) - exp(-x)| <= ERROR exp(-x) for 0 <= x <= LARGEST.
ERROR = 2.0**-50
LARGEST = 700.0

_INVERSE = 1.4426950408889634  # 1 / log 2
_HIGH = 0xB17217F7 / 2.0**32  # the first 32 bits of log 2 = 0.B17217F7 D1CF79ABC9E3B398 03F2F6AF ... in base 16
_LOW = float(0xD1CF79ABC9E3B398) / 2.0**96
_INVERSE_FACTORIALS = tuple(1 / factorial(i) for i in range(14))


def exp_minus(x: Floats, k: Floats, r: Floats) -> Floats:
    """exp(-x) for 0 <= x <= 700; it is written over x, and k and r are room of the same shape.

    Examples
    --------
    >>> exp_minus(np.array([0.0, 1.0]), np.empty(2), np.empty(2))
    array([1.        , 0.36787944])
    """
    np.multiply(x, _INVERSE, out=k)
    np.rint(k, out=k)
    np.multiply(k, _HIGH, out=r)
    np.subtract(r, x, out=r)
    np.multiply(k, _LOW, out=x)
    np.add(r, x, out=r)
    x.fill(_INVERSE_FACTORIALS[13])
    for coefficient in reversed(_INVERSE_FACTORIALS[:13]):
        np.multiply(x, r, out=x)
        np.add(x, coefficient, out=x)
    powers = (1023 - k.astype(np.int64)) << 52  # the bits of 2^-k, k <= 1010
    np.multiply(x, powers.view(np.float64), out=x)
    return x
