"""Enclosures of real functions by integers: every function gets and returns intervals with outward rounding.

An interval (lo, hi) at precision b stands for the numbers between lo / 2^b and hi / 2^b. Series have positive terms or are cut where a
geometric series bounds the rest; floor and ceiling divisions round outwards. No floats.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import isqrt

from ._numbers import afford, need

Interval = tuple[int, int]
GUARD = 32  # extra bits inside, so that rounding errors do not show
LARGEST = 1 << 12  # arguments beyond this are refused


def _exp_of_small(x: Interval, b: int) -> Interval:
    """exp on [0, 1/2]: the series has positive terms, and the rest is at most the last term taken."""
    lo, hi, low_term, high_term, n = 1 << b, 1 << b, 1 << b, 1 << b, 0
    while high_term > 1 or n < 4:
        n += 1
        low_term = (low_term * x[0] >> b) // n
        high_term = -((-high_term * x[1] >> b) // n)
        lo, hi = lo + low_term, hi + high_term
    return lo, hi + high_term + 1


def exp(x: Fraction, b: int) -> Interval:
    """exp(x), by exp(x) = exp(x / 2^k)^(2^k); for negative x by the reciprocal."""
    afford(abs(x) <= LARGEST, "enclosure", "an argument is too large to be enclosed by this checker")
    if x < 0:
        lo, hi = exp(-x, b + GUARD)
        one = 1 << (2 * b + GUARD)
        return one // hi, -(-one // lo)
    halvings = max(0, (int(x) + 1).bit_length() + 1)
    inner = b + 2 * halvings + GUARD + 2 * int(x)
    scaled = x * (1 << inner) / (1 << halvings)
    lo, hi = _exp_of_small((scaled.numerator // scaled.denominator, -(-scaled.numerator // scaled.denominator)), inner)
    for _ in range(halvings):
        lo, hi = lo * lo >> inner, -(-hi * hi >> inner)
    return lo >> (inner - b), -(-hi >> (inner - b))


def sigmoid(x: Fraction, b: int) -> Interval:
    """1 / (1 + exp(-x))."""
    if abs(x) > b:  # exp(-|x|) < 2^-b
        return ((1 << b) - 1, 1 << b) if x > 0 else (0, 1)
    if abs(x) > LARGEST // 2:
        x = Fraction(LARGEST // 2) * (1 if x > 0 else -1)
        lo, hi = sigmoid(x, b)
        return (lo, 1 << b) if x > 0 else (0, hi)
    e = exp(-x, b + GUARD)
    one = 1 << (b + GUARD)
    return (1 << (b + b + GUARD)) // (one + e[1]), -(-(1 << (b + b + GUARD)) // (one + e[0]))


def tanh(x: Fraction, b: int) -> Interval:
    """2 sigmoid(2 x) - 1."""
    lo, hi = sigmoid(2 * x, b)
    return 2 * lo - (1 << b), 2 * hi - (1 << b)


def softplus(x: Fraction, b: int) -> Interval:
    """log(1 + exp(x)) = max(x, 0) + 2 artanh(u / (2 + u)) with u = exp(-|x|), 0 < u <= 1."""
    top = max(x, Fraction(0)) * (1 << b)
    base = top.numerator // top.denominator, -(-top.numerator // top.denominator)
    if abs(x) > min(b, LARGEST):  # u < 2^-b
        return base[0], base[1] + 1
    u = exp(-abs(x), b + GUARD)
    w = b + GUARD
    low = _twice_artanh((u[0] << w) // ((2 << w) + u[0]), w, up=False)
    high = _twice_artanh(-(-(u[1] << w) // ((2 << w) + u[1])), w, up=True)
    return base[0] + (low >> GUARD), base[1] - (-high >> GUARD)


def log(x: Fraction, b: int) -> Interval:
    """log(m 2^e) = e log 2 + log m, 1 <= m < 2."""
    need(x > 0, "enclosure", "the logarithm of a number that is not positive")
    e = x.numerator.bit_length() - x.denominator.bit_length()
    e -= x < Fraction(2) ** e
    m, w = x / Fraction(2) ** e, b + GUARD + abs(e).bit_length()
    ends = sorted(e * end for end in _log_up_to_two(Fraction(2), w))
    rest = _log_up_to_two(m, w)
    return (ends[0] + rest[0]) >> (w - b), -(-(ends[1] + rest[1]) >> (w - b))


def _log_up_to_two(m: Fraction, b: int) -> Interval:
    """log m = 2 artanh((m - 1) / (m + 1)) for 1 <= m <= 2."""
    z = (m - 1) / (m + 1) * (1 << b)
    return _twice_artanh(z.numerator // z.denominator, b, up=False), _twice_artanh(-(-z.numerator // z.denominator), b, up=True)


def _twice_artanh(z: int, b: int, *, up: bool) -> int:
    """2 artanh(z / 2^b), z / 2^b from 0 to 1/3 (rounded): the sum of 2 z^(2 i + 1) / (2 i + 1), all roundings up, or down."""
    power, square, total, k = z, z * z, 0, 1
    while power:
        total += -(-2 * power // k) if up else 2 * power // k
        power = -(-power * square >> 2 * b) if up else power * square >> 2 * b
        k += 2
        if up and power <= 1:  # the rest is below the sum of 2 power z^(2 i), z <= 1/3
            total += 4
            break
    return total


@cache
def _pi(b: int) -> Interval:
    """Machin: pi = 16 arctan(1/5) - 4 arctan(1/239), alternating series."""
    w = b + GUARD

    def arctan(q: int) -> Interval:
        term, total, k, sign = (1 << w) // q, 0, 1, 1
        count = 0
        while term:
            total += sign * (term // k)
            term, k, sign, count = term // (q * q), k + 2, -sign, count + 1
        return total - 2 * count - 2, total + 2 * count + 2  # each term is off by less than two units

    five, other = arctan(5), arctan(239)
    return (16 * five[0] - 4 * other[1]) >> GUARD, -(-(16 * five[1] - 4 * other[0]) >> GUARD)


def normal(x: Fraction, b: int) -> Interval:
    """Phi(x) = 1/2 + exp(-x^2/2) / sqrt(2 pi) * sum_n x^(2 n + 1) / (1 * 3 * 5 * ... * (2 n + 1)) for x >= 0; Phi(-x) = 1 - Phi(x)."""
    if x < 0:
        lo, hi = normal(-x, b)
        return (1 << b) - hi, (1 << b) - lo
    if x * x > 2 * b:  # 1 - Phi(x) < exp(-x^2/2) < 2^-b
        return (1 << b) - 1, 1 << b
    if x > 64:  # 1 - Phi(x) < exp(-x^2/2), and x^2/2 > 2048
        return (1 << b) - 1 - exp(Fraction(-2048), b)[1], 1 << b
    w = b + 2 * GUARD + int(x * x)
    scaled = x * (1 << w)
    ends = []
    for up in (False, True):
        term = -(-scaled.numerator // scaled.denominator) if up else scaled.numerator // scaled.denominator
        square = term * term
        total, n = 0, 1
        while term:
            total += term
            n += 2
            product = term * square
            term = -((-product >> 2 * w) // n) if up else (product >> 2 * w) // n
            if up and term <= 1 and n > 2 * x * x:  # later terms at least halve
                total += 2 * term + 1
                break
        ends.append(total)
    bell = exp(-x * x / 2, w)
    circle = _pi(2 * w)
    root = isqrt(2 * circle[0] << 2 * w), isqrt(2 * circle[1] << 2 * w) + 1  # sqrt(2 pi) at precision 2 w
    lo = (ends[0] * bell[0] << w) // root[1]
    hi = -(-(ends[1] * bell[1] << w) // root[0])
    half = 1 << (b - 1)
    return half + (lo >> (w - b)), half - (-hi >> (w - b))


def density(x: Fraction, b: int) -> Interval:
    """exp(-x^2/2) / sqrt(2 pi)."""
    if x * x > 2 * b:  # exp(-x^2/2) < 2^-b
        return 0, 1
    if x * x > LARGEST:
        return 0, density(Fraction(64), b)[1]
    w = b + GUARD
    bell, circle = exp(-x * x / 2, w), _pi(2 * w)
    root = isqrt(2 * circle[0]), isqrt(2 * circle[1]) + 1
    return (bell[0] << b) // root[1], -((-bell[1] << b) // root[0])


MONOTONE: dict[str, Callable[[Fraction, int], Interval]] = {"tanh": tanh, "sigmoid": sigmoid, "softplus": softplus}
GATES: dict[str, Callable[[Fraction, int], Interval]] = {"silu": sigmoid, "gelu": normal}
#: gelu_tanh is x sigmoid(2 x (INNER[0] + INNER[1] x^2)), with these decimals exactly
INNER = (Fraction("0.7978845608028654"), Fraction("0.035677408136300125"))
