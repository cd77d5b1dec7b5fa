from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from flint import fmpq, fmpz
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError, ExactnnError, NotFiniteError
from exactnn.exact.numbers import as_fraction, fraction, rational, rational_text
from tests.strategies import law


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, Fraction(3)),
        (-(2**200), Fraction(-(2**200))),
        (Fraction(3, 7), Fraction(3, 7)),
        ("3/7", Fraction(3, 7)),
        (" -3/6 ", Fraction(-1, 2)),
        ("+4/2", Fraction(2)),
        ("0.1", Fraction(1, 10)),
        ("-.5", Fraction(-1, 2)),
        ("5.", Fraction(5)),
        ("+2.5e-3", Fraction(1, 400)),
        ("1E3", Fraction(1000)),
        ("007", Fraction(7)),
        ("-0.5", Fraction(-1, 2)),
        (0.1, Fraction(3602879701896397, 2**55)),
        (-0.0, Fraction(0)),
        (5e-324, Fraction(1, 2**1074)),
        (np.float32(0.1), Fraction(13421773, 2**27)),
        (np.float16(0.1), Fraction(1638, 2**14)),
        (np.longdouble(1) + np.finfo(np.longdouble).eps, 1 + Fraction(*np.finfo(np.longdouble).eps.as_integer_ratio())),
        (np.int8(-128), Fraction(-128)),
        (np.uint64(2**64 - 1), Fraction(2**64 - 1)),
        (np.array(0.5), Fraction(1, 2)),
        (torch.tensor(0.1), Fraction(13421773, 2**27)),
        (torch.tensor(7), Fraction(7)),
        (np.finfo(np.longdouble).max, Fraction(*np.finfo(np.longdouble).max.as_integer_ratio())),  # beyond every float64
        (Decimal("0.1"), Fraction(1, 10)),
        (Decimal("-1.50E-7"), Fraction(-3, 2 * 10**7)),
        (Decimal("1E+5000"), Fraction(10**5000)),
        (fmpq(3, 7), Fraction(3, 7)),
        (fmpz(9), Fraction(9)),
        (sympy.Rational(3, 7), Fraction(3, 7)),
        (sympy.Integer(5), Fraction(5)),
    ],
)
def test_what_counts_as_a_number(value: Any, expected: Fraction) -> None:
    assert as_fraction(value) == expected
    assert type(as_fraction(value)) is Fraction
    assert rational(value) == fmpq(expected.numerator, expected.denominator)
    assert fraction(rational(value)) == expected


@law(80)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_the_dyadic_rationals_they_are(x: float) -> None:
    assert as_fraction(x) == Fraction(x)
    assert as_fraction(repr(x)) == Fraction(repr(x))  # the decimal, not the float


@law(80)
@given(st.fractions(), st.integers(0, 3))
def test_text_and_back(q: Fraction, zeros: int) -> None:
    assert as_fraction(rational_text(q)) == q
    assert rational_text(q) == str(q)
    assert as_fraction(f"{q.numerator}.{'0' * zeros}") == q.numerator


def test_numbers_of_many_digits() -> None:
    # Python refuses to turn more than 4300 digits into text or back
    q = Fraction(3**20_000, 2**20_000)
    assert as_fraction(rational_text(q)) == q
    assert as_fraction("0." + "1" * 6000) == Fraction((10**6000 - 1) // 9, 10**6000)


NOT_FINITE = [math.nan, math.inf, -math.inf, np.float32("nan"), torch.tensor(math.inf), "nan", "-inf", "Infinity"]


@pytest.mark.parametrize("value", [*NOT_FINITE, *map(Decimal, ("nan", "snan", "-inf"))])
def test_not_finite(value: Any) -> None:
    with pytest.raises(NotFiniteError, match=r"bias: a finite number is needed.*no rational"):
        rational(value, "bias")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "the boolean True; write 0 or 1"),
        (np.bool_(False), "the boolean False"),
        (torch.tensor(True), "the boolean True"),
        (1j, "complex"),
        (None, "NoneType"),
        ("", "a number like"),
        ("1/0", "the denominator of '1/0' is zero"),
        ("1/-2", "a number like"),
        ("1 2", "a number like"),
        ("1_000", "a number like"),
        ("0x10", "a number like"),
        ("1e9999999", "a number like"),
        (".", "a number like"),
        ("\u0663", "a number like"),  # an arabic digit
        ("1/2/3", "a number like"),
        ("0.5/2", "a number like"),
        (Decimal("1e9999999"), "a number like"),
        (np.ma.masked, "a masked one"),
        (torch.empty((), device="meta"), "a Tensor that holds none"),
        (np.array([1.0, 2.0]), "ndarray"),
        ([1], "list"),
        (b"1", "bytes"),
        (sympy.sqrt(2), "Pow"),
    ],
)
def test_what_is_no_number(value: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        as_fraction(value, "W")
    assert str(caught.value).startswith("W: ")
    assert isinstance(caught.value, ExactnnError)
    assert not isinstance(caught.value, NotFiniteError)
