"""Rounding a rational, or the square root of one, once and correctly to a binary float format.

The nearest number of the format, ties to the even mantissa. An integer square root decides, so that the result is the same on every
platform and a checker can repeat it. Used for batch norm's scale and for writing ONNX.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import rational_text

#: name -> (bits of precision, least exponent of a normal number, largest exponent)
FORMATS = {"float16": (11, -14, 15), "bfloat16": (8, -126, 127), "float32": (24, -126, 127), "float64": (53, -1022, 1023)}


def round_rational(value: Fraction, precision: str) -> Fraction:
    """The number of the format nearest to `value`; ArgumentError beyond the format's range."""
    sign = -1 if value < 0 else 1
    return sign * _round(value * value, precision)


def are_floats(array: RationalArray, precision: str) -> bool:
    """Whether every entry is a number of the format "float32" or "float64".

    Examples
    --------
    >>> are_floats(RationalArray.of(["1/2", 3]), "float32"), are_floats(RationalArray.of(["1/3"]), "float64")
    (True, False)
    """
    with np.errstate(over="ignore"):
        narrow = array.to_float().astype(precision)
    return bool(np.isfinite(narrow).all()) and RationalArray.of(narrow) == array


def round_quotient_by_root(weight: Fraction, radicand: Fraction, precision: str) -> Fraction:
    """weight / sqrt(radicand), rounded once to the format.

    Raises ArgumentError unless radicand > 0, and beyond the format's range.

    Examples
    --------
    >>> round_quotient_by_root(Fraction(1), Fraction(4), "float32")
    Fraction(1, 2)
    """
    if radicand <= 0:
        raise ArgumentError(f"variance + epsilon: a positive number is needed, got {rational_text(radicand)[:60]}")
    sign = -1 if weight < 0 else 1
    return sign * _round(weight * weight / radicand, precision)


def _round(square: Fraction, precision: str) -> Fraction:
    """sqrt(square) >= 0 rounded to nearest, ties to even."""
    if precision not in FORMATS:
        raise ArgumentError(f"precision: one of {', '.join(FORMATS)} is needed, got {precision!r}")
    bits, least, largest = FORMATS[precision]
    if square == 0:
        return Fraction(0)
    top, bottom = square.numerator, square.denominator
    exponent = (top.bit_length() - bottom.bit_length()) // 2  # within one of floor(log2(root))
    while Fraction(4) ** exponent > square:
        exponent -= 1
    while Fraction(4) ** (exponent + 1) <= square:
        exponent += 1
    unit = max(exponent, least) - bits + 1  # the grid's spacing is 2^unit
    scaled = 4 * square / Fraction(4) ** unit
    doubled = math.isqrt(scaled.numerator // scaled.denominator)  # floor(2 root / 2^unit)
    mantissa, half = divmod(doubled, 2)
    if half and (mantissa % 2 or doubled * doubled != scaled):  # above the midpoint, or on it with an odd mantissa
        mantissa += 1
    result = mantissa * Fraction(2) ** unit
    if result >= Fraction(2) ** (largest + 1):
        raise ArgumentError(f"{precision}: the value is about 2^{exponent}, beyond the largest number of this format")
    return result
