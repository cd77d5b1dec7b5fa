"""The max-plus and min-plus semirings."""

from __future__ import annotations

import math
import operator
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError, NotFiniteError
from exactnn.tropical import Tropical
from tests.strategies import law, numbers

CONVENTIONS = pytest.mark.parametrize("convention", ["max", "min"])


def scalars(convention: str) -> st.SearchStrategy[Tropical]:
    return st.one_of(st.just(Tropical.zero(convention)), numbers().map(lambda q: Tropical(q, convention)))


@CONVENTIONS
@law(60)
@given(data=st.data())
def test_the_laws_of_an_idempotent_semifield(convention: str, data: Any) -> None:
    a, b, c = (data.draw(scalars(convention)) for _ in range(3))
    zero, one = Tropical.zero(convention), Tropical.one(convention)
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a + zero == a == a * one == zero + a == one * a
    assert a * zero == zero == zero * a
    assert a + a == a
    n = data.draw(st.integers(0, 4))
    product = one
    for _ in range(n):
        product = product * a
    assert a**n == product
    assert (a + b) ** n == a**n + b**n
    if not a.is_zero():
        assert a / a == one
        assert (b / a) * a == b


@CONVENTIONS
@law(40)
@given(data=st.data())
def test_conversion_is_an_isomorphism_and_an_involution(convention: str, data: Any) -> None:
    a, b = data.draw(scalars(convention)), data.draw(scalars(convention))
    other = "min" if convention == "max" else "max"
    assert a.converted(other).converted(convention) == a
    assert (a + b).converted(other) == a.converted(other) + b.converted(other)
    assert (a * b).converted(other) == a.converted(other) * b.converted(other)
    assert (a < b) == (b.converted(other) < a.converted(other))
    assert Tropical.zero(convention).converted(other) == Tropical.zero(other)


@law(40)
@given(a=numbers(), b=numbers())
def test_values_and_order_are_those_of_the_numbers(a: Fraction, b: Fraction) -> None:
    s, t = Tropical(a), Tropical(b)
    assert (s + t).value == max(a, b)
    assert (Tropical(a, "min") + Tropical(b, "min")).value == min(a, b)
    assert (s * t).value == a + b
    assert (s / t).value == a - b
    assert (s < t, s <= t, s > t, s >= t) == (a < b, a <= b, a > b, a >= b)
    assert Tropical.zero() < s < Tropical(a + 1)
    assert Tropical.zero("min") > Tropical(a, "min")


def test_plain_numbers_on_either_side() -> None:
    a = Tropical(2)
    assert 3 + a == a + 3 == Tropical(3)
    assert 3 * a == a * 3 == Tropical(5)
    assert "1/3" + a == a
    assert 3 / a == Tropical(1)
    assert np.float64(0.5) * a == a * np.float64(0.5) == Tropical("5/2")
    assert a + -math.inf == a
    assert a > 1
    assert a ** Fraction(1, 2) == Tropical(1)


def test_values_are_frozen_hashable_and_written() -> None:
    assert {Tropical(2), Tropical("2"), Tropical(2.0)} == {Tropical(2)}
    assert Tropical(2) != Tropical(2, "min")
    assert Tropical(2) != 2
    assert pickle.loads(pickle.dumps(Tropical.zero("min"))) == Tropical.zero("min")  # noqa: S301
    assert repr(Tropical(-math.inf)) == "Tropical(-inf)"
    assert repr(Tropical(math.inf, "min")) == 'Tropical(inf, convention="min")'
    assert float(Tropical.zero()) == -math.inf
    assert float(Tropical("1/2")) == 0.5
    with pytest.raises(AttributeError):
        Tropical(1).value = Fraction(2)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: Tropical(1) + Tropical(1, "min"), ArgumentError, "one convention"),
        (lambda: Tropical(1) * Tropical.zero("min"), ArgumentError, "converted"),
        (lambda: Tropical(1) < Tropical(1, "min"), ArgumentError, "one convention"),
        (lambda: Tropical(1, "plus"), ArgumentError, '"max" or "min"'),
        (lambda: Tropical(math.nan), NotFiniteError, "nan"),
        (lambda: Tropical(math.inf), NotFiniteError, "max-plus"),
        (lambda: Tropical(-math.inf, "min"), NotFiniteError, "min-plus"),
        (lambda: Tropical(True), ArgumentError, "boolean"),
        (lambda: Tropical.zero() ** -1, ArgumentError, "no inverse"),
        (lambda: Tropical(1) / Tropical.zero(), ArgumentError, "no inverse"),
        (lambda: operator.add(Tropical(1), [1]), TypeError, "unsupported"),
    ],
)
def test_what_is_refused(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
