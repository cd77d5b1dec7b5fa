"""Poles: ground truth, Sturm counts of sympy, enclosures of mpmath's roots, degenerate polynomials."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import mpmath
import pytest
import sympy
from flint import fmpq_poly, fmpz_poly
from hypothesis import given

from exactnn.exact.numbers import rational
from exactnn.rational import ERA, ComplexRoot, RationalFunction
from tests.rational._cases import X, from_factors, functions
from tests.strategies import law


def over(p: fmpz_poly) -> RationalFunction:
    """1/p."""
    return RationalFunction([1], [int(c) for c in p.coeffs()])


@pytest.mark.parametrize(
    ("r", "expected"),
    [
        (X**3 / (X**2 + 1), []),  # P1
        (RationalFunction([-1, 0, 1], [-1, 1]), []),  # P2
        (1 / (X**2 + 1) ** 2, []),  # P5
        (1 / ((X - 1) ** 2 * (X**2 + 1)), [(1, 2)]),  # P6
        (1 / (3 * X - 1) ** 3, [(Fraction(1, 3), 3)]),
        (X / (X**3 - X), [(-1, 1), (1, 1)]),
        (RationalFunction([5]), []),
    ],
)
def test_rational_poles_are_points(r: RationalFunction, expected: list[tuple[Fraction, int]]) -> None:
    assert [(pole.value, pole.multiplicity) for pole in r.real_poles()] == expected


@pytest.mark.parametrize("k", [10, 30, 60])
def test_p7(k: int) -> None:
    gap = Fraction(1, 10**k)
    r = 1 / ((X - 1) ** 2 + gap**2)
    assert r.real_poles() == ()
    near = r.nearest_pole(width=gap / 10**6)
    assert near is not None
    assert gap in near.distance
    assert near.distance.width <= gap / 10**6
    assert near.distance.lower > 0
    assert [pole.value for pole in (1 / ((X - 1) ** 2 - gap**2)).real_poles()] == [1 - gap, 1 + gap]


def test_p9_p11() -> None:
    (pole,) = (1 / (X**5 - X - 1)).real_poles(width=Fraction(1, 10**30))
    assert pole.lower < Fraction("1.1673039782614186842560458998548421807205603715255") < pole.upper
    assert pole.width <= Fraction(1, 10**30)
    assert len(over(fmpz_poly.chebyshev_t(12)).real_poles()) == 12
    legendre = fmpq_poly.legendre_p(7)
    assert len(RationalFunction([1], legendre.coeffs()).real_poles()) == 7


def test_numpy_is_fooled_and_this_is_not() -> None:
    assert (1 / (X**20 + 2 * (10**6 * X - 1) ** 2)).real_poles() == ()
    assert (1 / ((X - 1) ** 2 + Fraction("1e-20"))).real_poles() == ()


def test_poles_of_different_order_that_are_close() -> None:
    r = 1 / ((X**2 - 2) ** 2 * (X**2 - 2 - Fraction(1, 2**200)) ** 3)
    found = r.real_poles()
    assert [pole.multiplicity for pole in found] == [3, 2, 2, 3]
    assert all(a.upper < b.lower for a, b in pairwise(found))
    discs = r.poles()
    assert all(abs(a.real - b.real) > a.radius + b.radius for a, b in pairwise(discs))


def test_2_to_the_minus_60_apart() -> None:
    third = Fraction(1, 3)
    r = 1 / ((X - third) * (X - third - Fraction(1, 2**60)))
    assert [p.value for p in r.real_poles()] == [third, third + Fraction(1, 2**60)]
    irrational = 1 / ((X**2 - 2) * ((X - Fraction(1, 2**60)) ** 2 - 2))
    assert len(irrational.real_poles()) == 4


def test_huge_coefficients() -> None:
    big = 10**400
    r = 1 / (big * X**2 - 2 * big - 1)
    (low, high) = r.real_poles()
    assert low.upper < 0 < high.lower
    assert (1 / (X - big)).real_poles()[0].value == big
    assert (1 / ((big * X - 1) * (X**2 - 3))).real_poles()[1].value == Fraction(1, big)


@law(80)
@given(from_factors())
def test_real_roots_are_found_exactly(case: tuple[list[Fraction], list[Fraction]]) -> None:
    polynomial, roots = case
    found = RationalFunction([1], polynomial).real_poles()
    assert [(p.value, p.multiplicity) for p in found] == [(t, roots.count(t)) for t in sorted(set(roots))]


@law(60)
@given(functions, functions)
def test_counts_are_those_of_sympy(r: RationalFunction, s: RationalFunction) -> None:
    r *= s
    x = sympy.Symbol("x")
    bottom = sympy.Poly([sympy.Rational(c.numerator, c.denominator) for c in reversed(r.denominator)], x)
    found = r.real_poles()
    assert len(found) == (bottom.count_roots() if r.degrees[1] else 0)
    assert len(r.real_poles(interval=(-1, 2))) == (bottom.count_roots(-1, 2) if r.degrees[1] else 0)
    assert all(a.upper < b.lower for a, b in pairwise(found))
    for pole in found:
        at = [sum(c * t**k for k, c in enumerate(r.denominator)) for t in (pole.lower, pole.upper)]
        assert at[0] == 0 if pole.is_exact else pole.multiplicity % 2 == 0 or at[0] * at[1] < 0


@law(30)
@given(functions, functions)
def test_discs_contain_mpmath_roots(r: RationalFunction, s: RationalFunction) -> None:
    r *= s
    discs = r.poles()
    assert sum(z.multiplicity for z in discs) == r.degrees[1]
    assert len([z for z in discs if z.is_real]) == len(r.real_poles())
    square_free = [c for p in r.partial_fractions(squarefree=True).parts for c in [p.factor]]
    with mpmath.workdps(50):
        for factor in dict.fromkeys(square_free):
            roots = mpmath.polyroots([mpmath.mpf(c.numerator) / c.denominator for c in reversed(factor)], maxsteps=500, extraprec=400)
            for root in roots:
                inside = [z for z in discs if distance(z, root) <= mpmath.mpf(z.radius.numerator) / z.radius.denominator + 1e-40]
                assert len(inside) == 1


def distance(z: ComplexRoot, root: mpmath.mpc) -> mpmath.mpf:
    return abs(root - mpmath.mpc(mpmath.mpf(z.real.numerator) / z.real.denominator, mpmath.mpf(z.imag.numerator) / z.imag.denominator))


def test_nearest_pole_of_an_interval() -> None:
    r = 1 / ((X - 3) * ((X - 10) ** 2 + 1))
    near = r.nearest_pole()
    assert near is not None
    assert (near.distance.lower, near.distance.upper) == (0, 0)
    assert near.pole.is_real
    near = r.nearest_pole(interval=(-1, 1))
    assert near is not None
    assert 2 in near.distance
    near = r.nearest_pole(interval=(6, 9))
    assert near is not None
    with mpmath.workdps(40):
        assert abs(float(near.distance) - float(mpmath.sqrt(2))) < 1e-12
    assert near.pole.imag != 0
    assert RationalFunction([1, 2]).nearest_pole() is None


def test_p17_era_with_f_0() -> None:
    assert [(p.value, p.multiplicity) for p in ERA((1, 0), [(1, 1, 2, 0)]).real_poles()] == [(2, 2)]
    assert [(p.value, p.multiplicity) for p in ERA((1, 0), [(1, -2, 2, 0)]).real_poles()] == [(2, 1)]
    assert ERA((1, 0), [(0, 0, 2, 0)]).real_poles() == ()
    assert ERA((1, 0), [(1, 1, 2, 0)], epsilon="1e-6").real_poles() == ()


def test_rational_numbers_from_flint_are_accepted() -> None:
    assert RationalFunction([rational("1/3")]).numerator == (Fraction(1, 3),)
