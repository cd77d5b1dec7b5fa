"""Factors for the neurons of a copy that was scaled: exact where the copy shows them exactly, else near ones that keep numbers short.

A factor L multiplies the weights before a neuron, and 1/L those behind it, for all neurons of a layer over one denominator. Numerators
that have nothing in common would make that as long as all of them together, so that factors which rounding has blurred are taken as

    2^k 3^a 5^b 7^c ...,   small exponents,

dense enough: log2 L is approximated by an integer combination of log2 3, log2 5, ... and 1, by lattice reduction and Babai's rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import fmpz_mat

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

_LEAST, _MOST = 8, 40  # bits that a product of primes may be asked to be right in
_GRAIN = 10  # bits of the logarithms by which exponents are weighed
_WINDOW = 3  # times the blur, in which a simple fraction is sought: rounding may move all weights of a neuron the same way
_CLEAR = 64  # so many times rarer than a fraction this simple must one be that is there by chance
_BITS = 256  # of the least common multiple of simple numerators, and of simple denominators


class Blurred(NamedTuple):
    """A factor that is known up to rounding: value > 0, and by how much it may be off, as a share of it."""

    value: float
    off: float


def chosen(proposed: Sequence[Fraction | Blurred]) -> list[Fraction]:
    """For each neuron the exact factor, or one near the blurred one: the simple fraction that it seems to be, else a product of primes."""
    found = [simple(p) if isinstance(p, Blurred) else p for p in proposed]
    blurred = {i: p for i, p in enumerate(proposed) if isinstance(p, Blurred)}
    above = below = 1
    for i in sorted(blurred, key=lambda i: _size(found[i])):
        own = found[i]
        if own is None:
            continue
        above, below = math.lcm(above, own.numerator), math.lcm(below, own.denominator)
        if max(above, below).bit_length() > _BITS:
            found[i] = None
    left = [i for i in blurred if found[i] is None]
    if left:
        bits = -math.log2(min(blurred[i].off for i in left)) + 4
        products = near_products([blurred[i].value for i in left], math.ceil(min(max(bits, _LEAST), _MOST)))
        for i, own in zip(left, products, strict=True):
            found[i] = own
    return [q for q in found if q is not None]


def simple(p: Blurred) -> Fraction | None:
    """The simplest fraction within the blur, if so simple a one is hardly there by chance.

    Examples
    --------
    >>> simple(Blurred(0.30000001, 1e-7)), simple(Blurred(0.27182818, 1e-7))
    (Fraction(3, 10), None)
    """
    mantissa, twos = math.frexp(p.value)
    off = _WINDOW * p.off
    if off >= 1:
        return None
    top, bottom = _simplest(int(math.ldexp(mantissa * (1 - off), 60)), math.ceil(math.ldexp(mantissa * (1 + off), 60)), 1 << 60)
    return Fraction(top, bottom) * Fraction(2) ** twos if top * bottom * off * _CLEAR <= 1 else None


def near_products(values: Sequence[float], bits: int) -> list[Fraction]:
    """For each value > 0 a number 2^k 3^a 5^b ... that is off by about 2^-bits of it.

    Examples
    --------
    >>> found = near_products([3.14159265, 0.1], 20)
    >>> [abs(float(q) / v - 1) < 2**-19 for q, v in zip(found, [3.14159265, 0.1], strict=True)]
    [True, True]
    """
    primes = _odd_primes(max(4, bits // 2))
    logs = np.log2(primes)
    fine = bits + 2 + _GRAIN
    weights = np.round(logs * 2**_GRAIN).astype(np.int64)
    n = len(primes)
    rows = [[int(weights[i]) * (i == j) for j in range(n)] + [round(float(logs[i]) * 2**fine)] for i in range(n)]
    basis = np.array(fmpz_mat([*rows, [0] * n + [1 << fine]]).lll().table(), dtype=object).astype(np.float64)
    q, r = np.linalg.qr(basis.T)
    targets = np.log2(np.asarray(values, dtype=np.float64))
    left = np.zeros((len(targets), n + 1))
    left[:, n] = targets * 2.0**fine
    vectors = np.zeros_like(left)
    for k in range(n, -1, -1):
        step = np.round((left @ q[:, k]) / r[k, k])[:, None] * basis[k]
        left, vectors = left - step, vectors + step
    exponents = np.round(vectors[:, :n] / weights).astype(np.int64)
    twos = np.round(targets - exponents @ logs).astype(np.int64)
    return [_product(primes, e, k) for e, k in zip(exponents.tolist(), twos.tolist(), strict=True)]


def _product(primes: Sequence[int], exponents: Sequence[int], twos: int) -> Fraction:
    top, bottom = (math.prod(p ** max(sign * e, 0) for p, e in zip((2, *primes), (twos, *exponents), strict=True)) for sign in (1, -1))
    return Fraction(top, bottom)


def _odd_primes(count: int) -> list[int]:
    found: list[int] = []
    n = 3
    while len(found) < count:
        if all(n % p for p in found):
            found.append(n)
        n += 2
    return found


def _simplest(low: int, high: int, one: int) -> tuple[int, int]:
    """Numerator and denominator of the fraction with the least denominator in 0 < low/one <= high/one, by their continued fractions."""
    (a, b), (c, d) = (low, one), (high, one)
    p, q, before, behind = 1, 0, 0, 1
    while True:
        whole = -(-a // b)
        if whole * d <= c:
            return whole * p + before, whole * q + behind
        whole -= 1
        p, q, before, behind = whole * p + before, whole * q + behind, p, q
        a, b, c, d = d, c - whole * d, b, a - whole * b


def _size(q: Fraction | None) -> int:
    return 0 if q is None else max(q.numerator, q.denominator)
