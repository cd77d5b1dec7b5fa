"""Partial fractions: reassembly is exact, sympy's apart agrees, the real splitting encloses the true coefficients."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
import sympy
from hypothesis import given

from exactnn.errors import ArgumentError
from exactnn.rational import RationalFunction
from tests.rational._cases import X, functions, small
from tests.strategies import law


def parts(r: RationalFunction) -> list[tuple[tuple[Fraction, ...], tuple[Fraction, ...], int]]:
    return [(p.numerator, p.factor, p.power) for p in r.partial_fractions().parts]


def test_p1_p2() -> None:
    found = (X**3 / (X**2 + 1)).partial_fractions()
    assert found.polynomial == (0, 1)
    assert parts(X**3 / (X**2 + 1)) == [((0, -1), (1, 0, 1), 1)]
    cancelled = RationalFunction([-1, 0, 1], [-1, 1]).partial_fractions()
    assert (cancelled.polynomial, cancelled.parts) == ((1, 1), ())


def test_p3() -> None:
    r = (X**5 + 1) / ((X**2 + 1) * ((X - 1) ** 2 + 4))
    assert r.partial_fractions().polynomial == (2, 1)
    assert parts(r) == [
        ((Fraction(1, 10), Fraction(3, 10)), (1, 0, 1), 1),
        ((Fraction(-19, 2), Fraction(-23, 10)), (5, -2, 1), 1),
    ]


def test_p4() -> None:
    r = (2 * X**3 + 3 * X) / ((X**2 + 1) * (X**2 + 4))
    assert parts(r) == [((0, Fraction(1, 3)), (1, 0, 1), 1), ((0, Fraction(5, 3)), (4, 0, 1), 1)]


def test_p5_p6() -> None:
    assert parts(1 / (X**2 + 1) ** 2) == [((1,), (1, 0, 1), 2)]
    assert parts(1 / ((X - 1) ** 2 * (X**2 + 1))) == [
        ((Fraction(-1, 2),), (-1, 1), 1),
        ((Fraction(1, 2),), (-1, 1), 2),
        ((0, Fraction(1, 2)), (1, 0, 1), 1),
    ]


@law(80)
@given(functions)
def test_reassembly_is_exact(r: RationalFunction) -> None:
    for squarefree in (False, True):
        found = r.partial_fractions(squarefree=squarefree)
        assert found.reassemble() == r
        whole = RationalFunction(found.polynomial)
        for part in found.parts:
            assert len(part.numerator) < len(part.factor)
            assert part.factor[-1] == 1
            whole += RationalFunction(part.numerator) / RationalFunction(part.factor) ** part.power
        assert whole == r


@law(25)
@given(functions, functions)
def test_apart_agrees(r: RationalFunction, s: RationalFunction) -> None:
    r *= s
    x = sympy.Symbol("x")
    found = sympy.Integer(0)
    for part in r.partial_fractions().parts:
        found += (RationalFunction(part.numerator) / RationalFunction(part.factor) ** part.power).to_sympy()
    found += RationalFunction(r.partial_fractions().polynomial).to_sympy()
    ours = sympy.Add.make_args(sympy.apart(sympy.together(found), x))
    assert len(ours) >= len(r.partial_fractions().parts)
    assert sympy.simplify(sympy.apart(sympy.cancel(r.to_sympy()), x) - found) == 0


def test_repeated_and_many_factors() -> None:
    r = 1 / ((X**2 + X + 1) ** 5 * (X - 2) ** 4 * (X**3 - 2) ** 2)
    assert r.partial_fractions().reassemble() == r
    many = RationalFunction([1])
    for k in range(1, 25):
        many /= (X - k) ** 2 + Fraction(1, k)
    assert len(many.partial_fractions().parts) == 24
    assert many.partial_fractions().reassemble() == many


def test_p19_is_split_over_the_reals() -> None:
    first, second = (1 / (X**4 + 1)).real_partial_fractions(bits=100).parts
    with mpmath.workdps(60):
        root = mpmath.sqrt(2)
        expected = [(0.5, 1 / (2 * root), 1, root, 1), (0.5, -1 / (2 * root), 1, -root, 1)]
        for part, values in zip((first, second), expected, strict=True):
            for enclosure, value in zip((*part.numerator, *part.factor), values, strict=True):
                assert enclosure.width <= Fraction(1, 2**100)
                assert mpmath.mpf(enclosure.lower.numerator) / enclosure.lower.denominator <= value + mpmath.mpf(10) ** -50
                assert mpmath.mpf(enclosure.upper.numerator) / enclosure.upper.denominator >= value - mpmath.mpf(10) ** -50
    assert first.pole.imag > first.pole.radius


@law(40)
@given(functions, small)
def test_the_real_splitting_encloses_the_function(r: RationalFunction, x: Fraction) -> None:
    split = r.real_partial_fractions(bits=80)
    for part in split.parts:
        assert len(part.factor) == (2 if part.pole.is_real else 3)
        assert all(e.width <= Fraction(1, 2**80) for e in (*part.numerator, *part.factor))
    if any(pole.lower - 1 < x < pole.upper + 1 for pole in r.real_poles()):
        return
    enclosure = split.value(x)
    assert enclosure.lower <= r(x) <= enclosure.upper
    assert enclosure.width < Fraction(1, 2**20)


def test_the_real_splitting_of_powers() -> None:
    r = (X**5 + 3) / ((X**2 + 1) ** 3 * (X**2 - 2) ** 2)
    split = r.real_partial_fractions(bits=120)
    assert sorted((p.power, len(p.factor)) for p in split.parts) == [(1, 2), (1, 2), (1, 3), (2, 2), (2, 2), (2, 3), (3, 3)]
    exact = {(p.factor, p.power): p.numerator for p in r.partial_fractions().parts}
    for part in split.parts:
        if len(part.factor) == 3:  # x^2 + 1 is rational: the digits are known
            digits = (*exact[(Fraction(1), Fraction(0), Fraction(1)), part.power], Fraction(0))[:2]
            for enclosure, value in zip(part.numerator, digits, strict=True):
                assert value in enclosure
    assert r(5) in split.value(Fraction(5))


def test_close_poles_are_told_apart() -> None:
    r = 1 / ((X**2 - 2) ** 2 * (X**2 - 2 - Fraction(1, 2**200)))
    assert len({p.pole for p in r.real_partial_fractions(bits=64).parts}) == 4
    with pytest.raises(ArgumentError, match="bits"):
        r.real_partial_fractions(bits=0)
