"""Certified ranges, slopes and reports: exact cases, samples that never leave them, spikes."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import AtPole
from exactnn.exact.enclosure import written
from exactnn.rational import Enclosure, RationalFunction
from tests.rational._cases import X, functions, small
from tests.strategies import law


def exact(e: Enclosure) -> object:
    assert e.is_exact
    return e.lower


def test_ranges_that_are_rational() -> None:
    r = X / (X**2 + 1)
    assert exact(r.range().lower) == Fraction(-1, 2)
    assert exact(r.range().upper) == Fraction(1, 2)
    assert exact(r.range((2, None)).lower) == 0
    assert exact(r.range((2, None)).upper) == Fraction(2, 5)
    assert exact(r.range((Fraction(1, 3), Fraction(1, 3))).upper) == Fraction(3, 10)
    assert exact(r.sup_derivative()) == 1
    assert exact(RationalFunction([7]).range().upper) == 7
    assert exact(RationalFunction([7]).sup_derivative()) == 0
    assert exact(RationalFunction([1, -3]).sup_derivative()) == 3
    assert exact((X**2).range().lower) == 0
    assert exact((X**2).range().upper) == math.inf
    assert exact((X**2).sup_derivative()) == math.inf
    assert exact((X**2).sup_second_derivative()) == 2
    assert exact((-(X**3)).range().lower) == -math.inf


def test_poles_inside_make_infinite_ends_of_the_right_sign() -> None:
    r = 1 / X
    assert (exact(r.range().lower), exact(r.range().upper)) == (-math.inf, math.inf)
    assert (exact(r.range((0, 1)).lower), exact(r.range((0, 1)).upper)) == (1, math.inf)
    assert (exact(r.range((-1, 0)).lower), exact(r.range((-1, 0)).upper)) == (-math.inf, -1)
    s = -1 / (X**2 - 2) ** 2
    assert (exact(s.range().lower), exact(s.range().upper)) == (-math.inf, 0)
    assert exact(s.range((0, 1)).lower) == -1
    assert exact(s.sup_derivative()) == math.inf
    with pytest.raises(AtPole):
        r.range((0, 0))


@law(60)
@given(functions, small, st.integers(1, 6), st.integers(0, 20))
def test_no_sample_leaves_the_range(r: RationalFunction, low: Fraction, size: int, step: int) -> None:
    x = low + Fraction(size * step, 20)
    for f, (lower, upper) in ((r, r.range((low, low + size))), (r, r.range())) if not _is_pole(r, low, low + size) else ():
        if not _is_pole(f, x, x):
            assert lower.lower <= f(x) <= upper.upper
    slope = r.derivative()
    if not _is_pole(r, x, x):
        assert abs(slope(x)) <= r.sup_derivative().upper
        if not _is_pole(r, low, low + size):
            assert abs(slope(x)) <= r.sup_derivative((low, low + size)).upper
            assert r.sup_derivative((low, low + size)).width <= Fraction(1, 2**64)


def _is_pole(r: RationalFunction, low: Fraction, high: Fraction) -> bool:
    return bool(r.real_poles(interval=(low, high)))


@law(40)
@given(functions, small, st.integers(1, 4))
def test_the_bounds_are_attained(r: RationalFunction, low: Fraction, size: int) -> None:
    """The brackets are those of a fine sample, up to what the slope allows."""
    high = low + size
    if _is_pole(r, low - 1, high + 1) or r.is_polynomial:
        return
    found, slope = r.range((low, high)), r.sup_derivative((low, high))
    assert found.lower.width <= Fraction(1, 2**64)
    places = [low + Fraction(size * i, 400) for i in range(401)]
    values = [r(x) for x in places]
    reach = slope.upper * Fraction(size, 800)
    assert max(values) <= found.upper.upper
    assert found.upper.lower <= max(values) + reach
    assert found.lower.upper >= min(values) - reach


@law(30)
@given(functions)
def test_critical_points_are_those_of_sympy(r: RationalFunction) -> None:
    x = sympy.Symbol("x")
    top = sympy.Poly([sympy.Rational(c.numerator, c.denominator) for c in reversed(r.derivative().numerator)], x)
    assert len(r.critical_points()) == (top.count_roots() if top.degree() > 0 else 0)


def test_pole_free_is_not_spike_free() -> None:
    gap = Fraction(1, 10**6)
    r = 1 / ((X - 1) ** 2 + gap**2)
    assert r.real_poles() == ()
    report = r.report()
    assert exact(report.value) == 10**12
    assert report.value_at == (Enclosure(Fraction(1), Fraction(1)),)
    assert abs(float(report.slope) / (3 * math.sqrt(3) / 8 * 1e18) - 1) < 1e-12
    assert len(report.slope_at) == 2
    assert report.nearest_pole is not None
    assert gap in report.nearest_pole.distance
    assert "largest |r|: 1000000000000 at x = 1" in str(report)
    calm = r.report((2, 3))
    assert calm.value.upper <= 1
    assert calm.nearest_pole is not None
    assert calm.nearest_pole.distance.lower >= 1


def test_a_spike_far_beyond_floats() -> None:
    gap = Fraction(1, 10**200)
    r = 1 / ((X - 1) ** 2 + gap**2)
    assert exact(r.range().upper) == 10**400
    assert r.sup_derivative(width=1).lower > Fraction(10) ** 599


@law(60)
@given(st.fractions(), st.fractions(min_value=0, max_value=1))
def test_texts_of_brackets_are_right(lower: Fraction, width: Fraction) -> None:
    for size in (width, width / 2**80, Fraction(0)):
        text = written(lower, lower + size)
        number, _, slack = text.partition(" +- ")
        middle, radius = Fraction(number), Fraction(slack or 0)
        assert middle - radius <= lower
        assert lower + size <= middle + radius


def test_enclosures() -> None:
    e = Enclosure(Fraction(1, 4), Fraction(1, 2))
    assert list(e) == [Fraction(1, 4), Fraction(1, 2)]
    assert (e.midpoint, float(e), "0.3" in e, 1 in e) == (Fraction(3, 8), 0.375, True, False)
    assert Enclosure(math.inf, math.inf).width == 0
    assert not Enclosure(math.inf, math.inf).is_finite
    assert np.isinf(float(Enclosure(-math.inf, -math.inf)))
