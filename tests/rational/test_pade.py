"""Pade activation units and the audit of coefficient tables: the formulas themselves, and dense samples, as oracles."""

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
from exactnn.errors import ArgumentError, AtPole, DomainError
from exactnn.rational import BOULLE, ERA, Enclosure, PadeUnit, RationalFunction, audit, maximum_error
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


TARGETS = {
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "gelu_tanh": lambda x: x * (1 + np.tanh(x * (0.7978845608028654 + 0.035677408136300125 * x * x))) / 2,
    "silu": lambda x: x * scipy.special.expit(x),
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu(0.01)": lambda x: np.maximum(x, 0.01 * x),
    "tanh": np.tanh,
    "sigmoid": scipy.special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
    "identity": lambda x: x,
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", "ABCN")
def test_the_largest_error_is_that_of_a_fine_sample(name: str, kind: str) -> None:
    a, b = [0.02, 0.5, 0.45, 0.1, 0.01, 0.002], [0.1, 0.3, -0.05, 0.04]
    found = audit(a, b, formula=kind, target=name)
    xs = np.linspace(-3, 3, 40001)
    inner = [c * xs ** (k + (kind != "C")) for k, c in enumerate(b)]
    total = sum(inner)
    bottom = {"A": 1 + sum(map(np.abs, inner)), "B": 1 + np.abs(total), "C": 0.1 + np.abs(total), "N": 1 + total}[kind]
    error = np.abs(sum(c * xs**k for k, c in enumerate(a)) / bottom - TARGETS[name](xs)).max()
    assert found.error.width <= Fraction(1, 10**9)
    assert float(found.error.lower) - 1e-4 * max(error, 1) <= error <= float(found.error.upper) + 1e-12
    assert found.is_pole_free


def test_reference_fits_of_the_theory() -> None:
    """Section 1: errors of the public fits, with coefficients rounded as there."""
    swish = ERA(("1/2", "3.54267"), [(0, "-51.74989", 0, "3.82326")])
    assert abs(float(maximum_error(swish, "swish")[0]) - 6.24e-3) < 1e-5
    assert abs(float(maximum_error(swish, "swish", interval=(-10, 10))[0]) - 1.91) < 1e-2
    relu = ERA(("1/2", "2.1806"), [(0, "-10.41756", 0, "2.25055")])
    assert abs(float(maximum_error(relu, "relu")[0]) - 1.24e-1) < 1e-3
    gelu = ERA(("1/2", "2.59946"), [(0, "-17.82011", 0, "2.6212")])
    assert abs(float(maximum_error(gelu, "gelu_tanh")[0]) - 1.97e-2) < 1e-4


def test_an_error_of_zero_and_a_pole() -> None:
    error, _ = maximum_error(BOULLE, BOULLE.to_era())
    assert 0 in error
    assert error.width <= Fraction(1, 10**9)
    found = audit([1], [1], formula="N", target="relu")
    assert [p.value for p in found.real_poles] == [-1]
    assert (found.error.lower, found.error_at) == (math.inf, -1)
    assert found.nearest_pole is not None
    assert found.nearest_pole.distance.upper == 0
    assert "poles at -1" in str(found)
    outside = audit([1], ["1/4"], formula="N", target="relu")
    assert not outside.is_pole_free
    assert outside.error.is_finite
    assert outside.nearest_pole is not None
    assert 1 in outside.nearest_pole.distance


def test_the_bracket_holds_the_error_where_balls_are_not_points() -> None:
    """At the point found the error is irrational; the upper end must be above it, however thin the last cell."""
    error, at = maximum_error(RationalFunction([0]), "tanh", interval=(-3, 3), width=Fraction(1, 10**6))
    assert abs(at) == 3
    more, _ = maximum_error(RationalFunction([0]), "tanh", interval=(-3, 3), width=Fraction(1, 10**25))
    assert error.lower <= more.upper
    assert more.lower <= error.upper
    assert more.width <= Fraction(1, 10**25)


def test_a_spike_between_floats() -> None:
    gap = Fraction(1, 10**30)
    error, at = maximum_error(1 / ((X - Fraction(1, 3)) ** 2 + gap**2), "relu", width=1)
    assert abs(error.lower - 10**60) <= 2
    assert abs(at - Fraction(1, 3)) < gap


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"formula": "E"}, "formula"),
        ({"basis": "fourier"}, "basis"),
        ({"target": "gelux"}, "target"),
        ({"target": 3}, "target"),
        ({"interval": None}, "interval"),
        ({"interval": (0, None)}, "interval"),
        ({"interval": (1, 0)}, "interval"),
        ({"width": 0}, "width"),
        ({"target": RationalFunction([1], [0, 1])}, "target"),
    ],
)
def test_bad_input(arguments: dict[str, object], message: str) -> None:
    with pytest.raises((ArgumentError, DomainError), match=message):
        audit([0, 1], [1], **arguments)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"denominator\[0\]"):
        audit([0, 1], ["x"])
