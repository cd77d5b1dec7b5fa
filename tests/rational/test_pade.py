"""Pade activation units: the formulas themselves, and dense samples, as oracles."""

from __future__ import annotations

import copy
import math
import pickle
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError, AtPole
from exactnn.rational import Enclosure, PadeUnit, RationalFunction
from tests.rational._cases import X, small
from tests.strategies import law

tables = st.tuples(st.lists(small, min_size=1, max_size=4), st.lists(small, min_size=1, max_size=4))


SCIPY = {
    "power": lambda k: np.poly1d([1] + [0] * k),
    "chebyshev": scipy.special.chebyt,
    "chebyshev_second": scipy.special.chebyu,
    "hermite": scipy.special.hermitenorm,
    "hermite_physicists": scipy.special.hermite,
    "laguerre": scipy.special.laguerre,
    "legendre": scipy.special.legendre,
}


@cache
def members(basis: str) -> list[list[Fraction]]:
    """Coefficients of p_0, ..., p_4: scipy's floats are near rationals with denominators up to 24."""
    return [[Fraction(c).limit_denominator(24) for c in SCIPY[basis](k).coeffs] for k in range(5)]


def formula(name: str, a: list[Fraction], b: list[Fraction], x: Fraction, basis: str = "power") -> Fraction:
    p = [sum(c * x**i for i, c in enumerate(reversed(row))) for row in members(basis)]
    top = sum(c * p[k] for k, c in enumerate(a))
    inner = [c * p[k + (name != "C")] for k, c in enumerate(b)]
    bottom = {
        "A": 1 + sum(map(abs, inner)),
        "B": 1 + abs(sum(inner)),
        "C": Fraction(1, 10) + abs(sum(inner)),
        "D": 1 + abs(sum(inner)),
        "N": 1 + sum(inner),
    }[name]
    return top / bottom


@law(60)
@given(tables, st.sampled_from("ABCDN"), small, st.sampled_from(["power", *SCIPY]))
def test_values_and_pieces(table: tuple[list[Fraction], list[Fraction]], name: str, x: Fraction, basis: str) -> None:
    unit = PadeUnit(*table, formula=name, basis=basis)
    try:
        expected = formula(name, *table, x, basis)
    except ZeroDivisionError:
        if x in [pole.value for pole in unit.real_poles()]:
            with pytest.raises(AtPole):
                unit(x)
        return
    assert unit(x) == expected
    here = [p for p in unit.pieces if (p.lower is None or p.lower.upper <= x) and (p.upper is None or x <= p.upper.lower)]
    assert here or any(p.upper is not None and p.upper.lower <= x <= p.upper.upper for p in unit.pieces)
    for piece in here:
        assert piece.function(x) == expected


@law(25)
@given(tables, st.sampled_from("ABCDN"), small, st.integers(1, 4), st.sampled_from(["power", "hermite", "legendre"]))
def test_range_and_slope(table: tuple[list[Fraction], list[Fraction]], name: str, low: Fraction, size: int, basis: str) -> None:
    unit, high = PadeUnit(*table, formula=name, basis=basis), low + size
    if unit.real_poles(interval=(low, high)):
        assert unit.sup_derivative((low, high)).lower == math.inf
        return
    found, slope = unit.range((low, high)), unit.sup_derivative((low, high))
    for e in (found.lower, found.upper, slope):
        assert e.width <= Fraction(1, 2**64)
    places = [low + Fraction(size * i, 200) for i in range(201)]
    values = [unit(x) for x in places]
    reach = slope.upper * Fraction(size, 400)
    assert found.upper.lower - reach <= max(values) <= found.upper.upper
    assert found.lower.lower <= min(values) <= found.lower.upper + reach
    report = unit.report((low, high), width=Fraction(1, 2**64))
    assert report.slope.lower <= slope.upper
    assert slope.lower <= report.slope.upper
    largest = max(abs(found.lower.upper), abs(found.upper.upper))
    assert report.value.lower <= largest <= report.value.upper + Fraction(1, 2**60)
    for e in (
        *report.value_at,
        *report.slope_at,
    ):  # a place that is no number of few digits is irrational: a breakpoint or a critical point
        assert not e.is_exact or e.lower.denominator < 10**9
    for place in report.value_at:
        assert abs(abs(unit(min(max(place.lower, low), high))) - report.value.upper) <= 2 * Fraction(1, 2**60) * (1 + slope.upper)
    steepest = max(abs(v - w) * 200 / size for v, w in zip(values[1:], values[:-1], strict=True))
    assert steepest <= slope.upper


def test_kinks_and_the_dip_of_c() -> None:
    a = PadeUnit([0, 1], [1], formula="A")
    assert [str(p.lower) for p in a.pieces] == ["None", "0"]
    assert str(a.sup_derivative()) == "1"
    b = PadeUnit([1], [0, -2, 0, 1], formula="B")  # 1 + |x^4 - 2 x^2|: zeros -sqrt 2, 0 (double), sqrt 2
    assert len(b.pieces) == 3
    with pytest.raises(ArgumentError, match=r"3 pieces .* at -1\.41421356237 "):
        b.to_rational_function()
    c = PadeUnit([1], [-1, 1], formula="C")
    assert c.range().upper == Enclosure(Fraction(10), Fraction(10))
    assert c.sup_derivative().lower == 100
    assert PadeUnit([1], [0, 0], formula="B").pieces[0].function == RationalFunction([1])
    assert PadeUnit([1, 2], [], formula="A")(3) == 7
    assert PadeUnit([0, 1], [0, 1], formula="A").to_rational_function() == X / (1 + X**2)


def test_it_is_a_value() -> None:
    unit = PadeUnit([0, 1], [1, 2], formula="C")
    for again in (pickle.loads(pickle.dumps(unit)), copy.deepcopy(unit)):  # noqa: S301 - our own
        assert again == unit
        assert hash(again) == hash(unit)
    assert unit != PadeUnit([0, 1], [1, 2], formula="B")
    assert unit != PadeUnit([0, 1], [1, 2], formula="C", basis="legendre")


def test_breakpoints_of_orthogonal_bases() -> None:
    """Formula A with He_2, He_3: x^2 - 1 and x^3 - 3 x change their signs at -sqrt 3, -1, 0, 1, sqrt 3."""
    unit = PadeUnit([1], [0, 1, 1], formula="A", basis="hermite")
    breaks = [p.upper for p in unit.pieces[:-1]]
    assert [b.value for b in breaks[1:-1]] == [-1, 0, 1]
    assert [round(float(b), 9) for b in (breaks[0], breaks[-1])] == [-1.732050808, 1.732050808]
    assert PadeUnit([1], [0, 0, 1], basis="legendre").pieces[1].function(0) == 1
    even = PadeUnit([1], [1, 0, "1/2"], formula="B", basis="chebyshev")  # x + 2 x^3 - 3/2 x has three zeros
    assert len(even.pieces) == 4
    # a zero that two inner polynomials share, one of them doubly: U_1^2-like terms x and T_3 = 4 x^3 - 3 x
    assert len(PadeUnit([1], [1, 0, 1], formula="A", basis="chebyshev").pieces) == 4


def test_activations_of_networks_are_the_function_and_not_its_coefficients() -> None:
    unit = PadeUnit([0, 1], [0, 1], formula="B")  # x/(1 + x^2); its coefficients as P/Q would be x/(x)
    net = xn.mlp([([[1]], [0]), ([[1]], [0])], activation=unit)
    assert net([2]) == (Fraction(2, 5),)
    with pytest.raises(ArgumentError, match="piecewise"):
        xn.mlp([([[1]], [0]), ([[1]], [0])], activation=PadeUnit([0, 1], [1], formula="B"))
