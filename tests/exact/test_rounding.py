from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError
from exactnn.exact.rounding import FORMATS, round_quotient_by_root, round_rational
from tests.strategies import law

DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.fractions(min_value=Fraction(1, 10**30), max_value=10**30)


@law(100)
@given(DOUBLES)
@example(float(np.float32(1) + np.float32(2**-23)) + 2.0**-25)
@example(1 + 2.0**-24)  # a tie, to even
@example(1 + 3 * 2.0**-24)  # a tie, to even, upwards
@example(2.0**-149)
@example(2.0**-150)  # a tie between 0 and the least number
@example(math.nextafter(2.0**-150, 1))
@example(2.0**-126 - 2.0**-150)
@example(3.4028235677973366e38)  # the least double that numpy rounds to infinity
@example(math.nextafter(3.4028235677973366e38, 0))
def test_float32_and_float16_as_numpy_rounds(x: float) -> None:
    for name, kind in (("float32", np.float32), ("float16", np.float16)):
        with np.errstate(over="ignore"):
            expected = kind(x)
        if np.isinf(expected):
            with pytest.raises(ArgumentError, match="beyond the largest number"):
                round_rational(Fraction(x), name)
        else:
            assert round_rational(Fraction(x), name) == Fraction(float(expected))


@law(100)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
@example(1 + 2.0**-8)
@example(2.0**-134)
def test_bfloat16_as_torch_rounds(x: float) -> None:
    expected = torch.tensor(x, dtype=torch.float32).to(torch.bfloat16).item()
    assume(math.isfinite(expected))
    assert round_rational(Fraction(x), "bfloat16") == Fraction(expected)


@law(100)
@given(st.fractions(), st.integers(-1100, 1000))
@example(Fraction(1, 3), -1074)
@example(Fraction(2**53 + 1), 0)
@example(Fraction(2**54 - 1), 0)
def test_float64_as_python_divides(q: Fraction, shift: int) -> None:
    value = q * Fraction(2) ** shift
    try:
        expected = value.numerator / value.denominator  # correctly rounded, by the language
    except OverflowError:
        with pytest.raises(ArgumentError, match="beyond the largest number"):
            round_rational(value, "float64")
    else:
        assert round_rational(value, "float64") == Fraction(expected)


@law(100)
@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_square_roots_as_the_processor_rounds(x: float) -> None:
    q = Fraction(x)
    assert round_quotient_by_root(q, q, "float64") == Fraction(math.sqrt(x))
    assert round_quotient_by_root(-q, q, "float64") == -Fraction(math.sqrt(x))


@law(100)
@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False, width=32))
def test_square_roots_in_float32(x: float) -> None:
    assert round_quotient_by_root(Fraction(x), Fraction(x), "float32") == Fraction(float(np.sqrt(np.float32(x))))


@law(100)
@given(st.sampled_from(sorted(FORMATS)), POSITIVE, POSITIVE)
def test_no_number_of_the_format_is_nearer(precision: str, weight: Fraction, radicand: Fraction) -> None:
    # with t = weight / sqrt(radicand) and result r, both r - ulp/2 <= t <= r + ulp/2 are comparisons of squares
    try:
        result = round_quotient_by_root(weight, radicand, precision)
    except ArgumentError:
        assume(False)
    bits, least, _ = FORMATS[precision]
    square = weight * weight / radicand
    exponent = math.floor(math.log2(result)) if result else least
    unit = Fraction(2) ** (max(exponent, least) - bits + 1)
    assert result % unit == 0
    at_power = result == Fraction(2) ** exponent and exponent > least
    low = result - (unit / 4 if at_power else unit / 2)
    assert max(low, Fraction(0)) ** 2 <= square <= (result + unit / 2) ** 2


def test_simple_values() -> None:
    assert round_quotient_by_root(Fraction(3), Fraction(1, 4), "float16") == 6
    assert round_quotient_by_root(Fraction(0), Fraction(2), "float32") == 0
    assert round_rational(Fraction(0), "bfloat16") == 0
    assert round_rational(Fraction(-1, 3), "float32") == -Fraction(float(np.float32(1 / 3)))


@pytest.mark.parametrize("radicand", [Fraction(0), Fraction(-1), Fraction(-(10**400))])
def test_a_radicand_that_is_not_positive(radicand: Fraction) -> None:
    with pytest.raises(ArgumentError, match=r"variance \+ epsilon: a positive number is needed, got (0|-1)"):
        round_quotient_by_root(Fraction(1), radicand, "float32")


def test_an_unknown_format() -> None:
    with pytest.raises(ArgumentError, match="precision: one of float16, bfloat16, float32, float64 is needed, got 'float8'"):
        round_rational(Fraction(1), "float8")
