"""exp, logsumexp and softmax of power series in float64 with bounds, by recursion on the coefficients.

E = exp(a):        k E_k = sum_{j=1..k} j a_j E_{k-j}
s = softmax(a), l = logsumexp(a):   k l_k = sum_j j <a_j, s_{k-j}>,   k s_k = sum_j j (a_j - l_j) s_{k-j},   s_0 = exp(a_0 - l_0)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from exactnn.cooling._rounded import Rounded

Series = list[Rounded]


def exponential(a: Series) -> Series:
    """exp, entry by entry."""
    found = [a[0].exp()]
    for k in range(1, len(a)):
        found.append(_mean(a, found, k))
    return found


def log_sum_exp(a: Series) -> Series:
    """Over the last axis, which stays with length 1."""
    return _both(a)[1]


def softmax(a: Series) -> Series:
    """Over the last axis."""
    return _both(a)[0]


def _both(a: Series) -> tuple[Series, Series]:
    last = [len(a[0].shape) - 1]
    middle = a[0].middle.max(axis=-1, keepdims=True)
    top = Rounded(middle, np.zeros(middle.shape))  # any number would do
    logs = [(a[0] - top).exp().sum(last).log() + top]
    shares = [(a[0] - logs[0]).exp()]
    for k in range(1, len(a)):
        logs.append(_mean(a, shares, k).sum(last))
        shares.append(_mean([x - y for x, y in zip(a, logs, strict=False)], shares, k))
    return shares, logs


def _mean(a: Sequence[Rounded], found: Sequence[Rounded], k: int) -> Rounded:
    """sum_{j=1..k} (j/k) a_j found_{k-j}."""
    total = None
    for j in range(1, k + 1):
        part = a[j] * found[k - j] * Rounded.number(Fraction(j, k))
        total = part if total is None else total + part
    assert total is not None
    return total
