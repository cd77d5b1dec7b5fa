"""The audit of coefficient tables: dense samples, mpmath, and critical points where there are such, as oracles."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.optimize
import scipy.special
import torch
from flint import ctx
from hypothesis import given
from hypothesis import strategies as st

import exactnn.nn
from exactnn.errors import ArgumentError, DomainError, Incomplete
from exactnn.exact.polynomials import ends
from exactnn.rational import BOULLE, ERA, Enclosure, PadeUnit, RationalFunction, _audit, audit, maximum_error
from exactnn.rational._targets import quotient, target
from tests.rational._cases import X, functions, small
from tests.strategies import law

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


# --- against other computations --------------------------------------------------------------------------------------------

MPMATH: dict[str, Callable[[Any], Any]] = {
    "gelu": lambda x: x * mpmath.ncdf(x),
    "gelu_tanh": lambda x: x * (1 + mpmath.tanh(x * (mpmath.mpf("0.7978845608028654") + mpmath.mpf("0.035677408136300125") * x * x))) / 2,
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "identity": lambda x: x,
}


def real(q: Fraction) -> Any:
    return mpmath.mpf(q.numerator) / q.denominator


@pytest.mark.parametrize("name", [*MPMATH, "leaky_relu(0.01)", "quotient"])
@pytest.mark.parametrize(
    "cell", [(0, 1), ("-1/7", "-1/7"), *(pytest.param(cell, marks=pytest.mark.slow) for cell in ((-3, "-2.5"), (2, "2.25"), (5, 6)))]
)
def test_taylor_coefficients(name: str, cell: tuple[Any, Any]) -> None:
    """At all points of a cell they are in the balls, and at a single point the balls are small."""
    low, high = map(Fraction, cell)
    if name == "quotient":
        function, f = quotient((X + 3) / (X**2 + 2)), lambda x: (x + 3) / (x * x + 2)
    else:
        function, f = target(name)[0], MPMATH.get(name, lambda x: x if low >= 0 else x / 100)
    for order in (0, 1, 12):
        balls = function(low, high, order)
        assert len(balls) == order + 1
        for i in range(4):
            x = low + (high - low) * Fraction(i, 3)
            with mpmath.workdps(100), ctx.workprec(200):
                for k, (value, sharp) in enumerate(zip(mpmath.taylor(f, real(x), order), function(x, x, order), strict=True)):
                    assert sharp.rad() < 1e-30
                    for lower, upper in (ends(balls[k]), ends(sharp)):
                        assert real(lower) - mpmath.mpf(10) ** -70 <= value <= real(upper) + mpmath.mpf(10) ** -70


def test_the_two_sides_of_a_kink() -> None:
    function = target("leaky_relu(1/4)")[0]
    for cell, rise in (((-1, 0), Fraction(1, 4)), ((0, 1), Fraction(1))):
        value, slope, *rest = function(*map(Fraction, cell), 3)
        assert ends(value)[0] <= rise * cell[0] < rise * cell[1] <= ends(value)[1]
        assert ends(slope) == (rise, rise)
        assert rest == [0, 0]


@law(60)
@given(functions, st.sampled_from([*MPMATH, "relu", "leaky_relu(0.01)"]), small, st.integers(1, 40), st.integers(3, 25))
def test_both_ends_of_the_bracket(r: RationalFunction, name: str, low: Fraction, size: int, digits: int) -> None:
    interval = (low, high := low + Fraction(size, 10))
    if r.real_poles(interval=interval):
        assert maximum_error(r, name, interval=interval)[0].lower == math.inf
        return
    found, at = maximum_error(r, name, interval=interval, width=Fraction(1, 10**digits))
    assert low <= at <= high
    assert found.width <= Fraction(1, 10**digits)
    g = MPMATH.get(name, lambda x: max(x, x * (0 if name == "relu" else mpmath.mpf(1) / 100)))
    with mpmath.workdps(60):
        assert abs(real(r(at)) - g(real(at))) >= real(found.lower) - mpmath.mpf(10) ** -50
        for i in range(101):
            x = low + (high - low) * Fraction(i, 100)
            assert abs(real(r(x)) - g(real(x))) <= real(found.upper)


@law(80)
@given(functions, small, st.fractions(0, 12, max_denominator=30), st.integers(-2, 40))
def test_the_search_agrees_with_critical_points(r: RationalFunction, low: Fraction, size: Fraction, digits: int) -> None:
    """Against "identity" there is a search, against x none."""
    interval, width = (low, low + size), Fraction(10) ** -digits
    (searched, _), (solved, _) = (maximum_error(r, g, interval=interval, width=width) for g in ("identity", X))
    assert max(searched.lower, solved.lower) <= min(searched.upper, solved.upper)
    assert max(searched.width, solved.width) <= width


@pytest.mark.parametrize("kind", "ABC")
def test_piecewise_functions_at_breakpoints(kind: str) -> None:
    """|x^4 - 2 x^2| has its kinks at +-sqrt 2, and so has this error its maximum."""
    unit = PadeUnit([10], [0, 0, -2, 0, 1] if kind == "C" else [0, -2, 0, 1], formula=kind)
    if kind == "A":  # 1 + 2 x^2 + x^4
        unit = PadeUnit([10], [0, 0, 1, 0, 0, -1], formula=kind, basis="hermite")
    for width in (Fraction(1, 10**9), Fraction(1, 10**50)):
        found, at = maximum_error(unit, "identity", width=width)
        assert found.width <= width
        with mpmath.workdps(80):
            inside = real(found.lower), real(found.upper)
            if kind != "A":
                assert inside[0] <= (100 if kind == "C" else 10) + mpmath.sqrt(2) <= inside[1]
            assert abs(real(unit(at)) - real(at)) >= inside[0]
            assert all(abs(real(unit(x := Fraction(i, 500))) - real(x)) <= inside[1] for i in range(-1500, 1501))


def test_wide_intervals_and_many_digits() -> None:
    for name in ("swish", "gelu", "gelu_tanh", "softplus"):
        found, at = maximum_error(X + 1 / (X**2 + 1), name, interval=(-(10**9), 10**9))
        assert at == -(10**9)
        assert 10**9 in Enclosure(found.lower, found.upper + Fraction(1, 10**9))
    found, _ = maximum_error(1 / (X**2 + 1), "tanh", interval=(-(10**40), 10**40))
    best = scipy.optimize.minimize_scalar(lambda x: np.tanh(x) - 1 / (x * x + 1), bounds=(-2, 0), method="bounded")
    assert abs(float(found) + best.fun) < 1e-8
    found, _ = maximum_error(10**60 * X, "tanh")
    assert found.lower <= 3 * 10**60 - Fraction(math.tanh(3)) <= found.upper + Fraction(1, 10**15)
    assert found.width <= Fraction(1, 10**9)
    for gap, height in ((Fraction(1, 10**200), 10**200), (Fraction(1, 10**20), 10**20)):
        found, _ = maximum_error(1 / ((X**2 - 2) ** 2 + gap), X - X, width=Fraction(1, 10**100))  # no search
        assert height in found
        assert found.width <= Fraction(1, 10**100)


def test_a_search_that_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_audit, "_CELLS", 3)
    with pytest.raises(Incomplete, match="after 5 cells it is known to be in") as caught:
        maximum_error(BOULLE, "gelu", width=Fraction(1, 10**15))
    monkeypatch.undo()
    exact, _ = maximum_error(BOULLE, "gelu", width=Fraction(1, 10**15))
    assert caught.value.partial.lower <= exact.lower <= exact.upper <= caught.value.partial.upper


# --- the fits ----------------------------------------------------------------------------------------------------------------

STATED = {  # in the notes of exactnn.nn.ERA, for degrees 2, 4, 6
    "swish": ("3.2e-3", "4.6e-7", "6e-9"),
    "gelu": ("1.1e-2", "1.4e-3", "1.5e-6"),
    "relu": ("6.8e-2", "1.5e-2", "4.0e-3"),
    "tanh": ("2.0e-3", "1.4e-6", "2.5e-10"),
}
IN_FLOAT32 = {("swish", 4): "5.1e-7", ("swish", 6): "4e-8", ("tanh", 6): "6e-9"}


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_errors_that_are_stated_for_fits(name: str, dtype: torch.dtype) -> None:
    """They are bounds, and rounded up by at most a tenth."""
    notes = " ".join(str(exactnn.nn.ERA.__doc__).split())
    assert f"{name} {', '.join(STATED[name])}" in notes
    for degree, text in zip((2, 4, 6), STATED[name], strict=True):
        if dtype == torch.float32 and (name, degree) in IN_FLOAT32:
            text = IN_FLOAT32[name, degree]
            assert text in notes
        stated = Fraction(text)
        found, _ = maximum_error(exactnn.nn.ERA(degree, name, dtype=dtype).exact(), name, width=stated / 1000)
        assert stated * Fraction(9, 10) <= found.lower <= found.upper <= stated


def test_a_fit_to_tanh_in_12_digits() -> None:
    r = exactnn.nn.ERA(6, "tanh", dtype=torch.float64).exact()
    found, at = maximum_error(r, "tanh", width=Fraction(1, 10**15))
    assert found.width <= Fraction(1, 10**15)
    with mpmath.workdps(50):
        sample = max(abs(real(r(x := Fraction(i, 500))) - mpmath.tanh(real(x))) for i in range(-1500, 1501))
        assert sample <= real(found.upper)
        assert sample >= real(found.lower) * 0.999
        assert real(found.lower) <= abs(real(r(at)) - mpmath.tanh(real(at))) <= real(found.upper)


# --- reports and refusals ----------------------------------------------------------------------------------------------------


def test_reports_of_large_and_small_numbers() -> None:
    found = audit([0, 1], [], formula="N", target="relu", interval=(-(10**400), Fraction(1, 3)))
    assert "on [-1.00000e+400, 0.333333]" in str(found)
    assert "near x = -1.00000e+400" in str(found)
    assert "on [-3, 3]" in str(audit([0, 1], [], formula="N", target="relu"))


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
