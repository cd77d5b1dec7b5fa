"""Enclosures of real functions by integers: every function gets a rational number and returns an interval, rounded outwards.

An interval (lo, hi) at precision b stands for the numbers between lo / 2^b and hi / 2^b. All series have positive terms and are cut where
each further term is at most half of the one before. No floats.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache
from math import isqrt

from ._numbers import afford, need

Interval = tuple[int, int]
GUARD = 32  # extra bits inside, so that rounding errors do not show
LARGEST = 1 << 12  # arguments of exp beyond this are refused


def ends(q: Fraction, b: int) -> Interval:
    """The number itself."""
    return (q.numerator << b) // q.denominator, -((-q.numerator << b) // q.denominator)


def _sum(first: Interval, ratio: Interval, up: Interval, down: Interval, b: int) -> Interval:
    """t_0 + t_1 + ..., t_0 = first, t_n = t_(n-1) ratio u_n / d_n, u_n = up[0] + n up[1]; ratio u_n <= d_n / 2 from some n on."""
    (lo, hi), (low, high), u, d = first, first, sum(up), sum(down)
    while high > 1 or 2 * ratio[1] * u > d << b:
        low, high = (low * ratio[0] * u >> b) // d, -((-high * ratio[1] * u >> b) // d)
        lo, hi, u, d = lo + low, hi + high, u + up[1], d + down[1]
    return lo, hi + high  # the rest is at most the last term


def _cut(x: Interval, bits: int) -> Interval:
    return x[0] >> bits, -(-x[1] >> bits)


def _quotient(x: Interval, y: Interval, b: int) -> Interval:
    """x / y for x >= 0, y > 0 at one precision."""
    return (x[0] << b) // y[1], -((-x[1] << b) // y[0])


@lru_cache(maxsize=2**14)  # the same ones come again where a series moves in one direction after the other
def exp(x: Fraction, b: int) -> Interval:
    """exp(x) = exp(x / 2^k)^(2^k) = (sum of (x / 2^k)^n / n!)^(2^k); for negative x the reciprocal."""
    afford(abs(x.numerator) <= LARGEST * x.denominator, "enclosure", "an argument is too large to be enclosed by this checker")
    if x.numerator < 0:
        one = 1 << (b + GUARD)
        return _quotient((one, one), exp(-x, b + GUARD), b)
    halvings = (int(x) + 1).bit_length() + 1
    w = b + 2 * halvings + GUARD + 2 * int(x)
    lo, hi = _sum((1 << w, 1 << w), ends(Fraction(x.numerator, x.denominator << halvings), w), (1, 0), (0, 1), w)
    for _ in range(halvings):
        lo, hi = _cut((lo * lo, hi * hi), w)
    return _cut((lo, hi), w - b)


def sigmoid(x: Fraction, b: int) -> Interval:
    """1 / (1 + exp(-x))."""
    if abs(x) > b:  # exp(-|x|) < 2^-b
        return ((1 << b) - 1, 1 << b) if x > 0 else (0, 1)
    one, e = 1 << (b + GUARD), exp(-x, b + GUARD)
    return _quotient((one, one), (one + e[0], one + e[1]), b)


def tanh(x: Fraction, b: int) -> Interval:
    """2 sigmoid(2 x) - 1."""
    lo, hi = sigmoid(2 * x, b)
    return 2 * lo - (1 << b), 2 * hi - (1 << b)


def softplus(x: Fraction, b: int) -> Interval:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    base = ends(max(x, Fraction(0)), b)
    if abs(x) > b:  # exp(-|x|) < 2^-b
        return base[0], base[1] + 1
    low, high = (log(1 + Fraction(u, 1 << (b + GUARD)), b) for u in exp(-abs(x), b + GUARD))
    return base[0] + low[0], base[1] + high[1]


def log(x: Fraction, b: int) -> Interval:
    """log(m 2^e) = e log 2 + log m, 1 <= m < 2."""
    need(x > 0, "enclosure", "the logarithm of a number that is not positive")
    e = x.numerator.bit_length() - x.denominator.bit_length()
    e -= x < Fraction(2) ** e
    w = b + GUARD + abs(e).bit_length()
    low, high = sorted(e * end for end in _log_up_to_two(Fraction(2), w))
    rest = _log_up_to_two(x / Fraction(2) ** e, w)
    return _cut((low + rest[0], high + rest[1]), w - b)


def _log_up_to_two(m: Fraction, b: int) -> Interval:
    """log m = 2 artanh(z) = sum of 2 z^(2 n + 1) / (2 n + 1), z = (m - 1) / (m + 1), for 1 <= m <= 2."""
    z = (m - 1) / (m + 1)
    return _sum(ends(2 * z, b), ends(z * z, b), (-1, 2), (1, 2), b)


@cache
def _root(b: int) -> Interval:
    """sqrt(2 pi), by pi = sum of 2 n! / (1 * 3 * 5 * ... * (2 n + 1))."""
    w = 2 * (b + GUARD)
    lo, hi = _sum((2 << w, 2 << w), (1 << w, 1 << w), (0, 1), (1, 2), w)
    return _cut((isqrt(2 * lo), isqrt(2 * hi) + 1), GUARD)


def density(x: Fraction, b: int) -> Interval:
    """exp(-x^2/2) / sqrt(2 pi)."""
    if x * x > 2 * b:  # exp(-x^2/2) < 2^-b
        return 0, 1
    return _quotient(exp(-x * x / 2, b + GUARD), _root(b + GUARD), b)


def normal(x: Fraction, b: int) -> Interval:
    """Phi(x) = 1/2 + density(x) * sum of x^(2 n + 1) / (1 * 3 * 5 * ... * (2 n + 1)) for x >= 0; Phi(-x) = 1 - Phi(x)."""
    if x < 0:
        lo, hi = normal(-x, b)
        return (1 << b) - hi, (1 << b) - lo
    if x * x > 2 * b:  # 1 - Phi(x) < exp(-x^2/2) < 2^-b
        return (1 << b) - 1, 1 << b
    w = b + 2 * GUARD + int(x * x)
    total, bell = _sum(ends(x, w), ends(x * x, w), (1, 0), (1, 2), w), density(x, w)
    rest = _cut((total[0] * bell[0], total[1] * bell[1]), 2 * w - b)
    return (1 << (b - 1)) + rest[0], (1 << (b - 1)) + rest[1]
