"""Rational functions as values: canonical form, ring laws, derivatives, composition, behaviour at infinity; sympy as the oracle."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import assume, given

import exactnn as xn
from exactnn.errors import ArgumentError, AtPole, ExactnnError, NotFiniteError
from exactnn.rational import RationalFunction
from tests.rational._cases import X, functions, small
from tests.strategies import law


def test_canonical_form_makes_equal_functions_equal_values() -> None:
    r = RationalFunction([-1, 0, 1], [-1, 1])
    assert r == RationalFunction([1, 1]) == RationalFunction([2, 4, 2], [2, 2])
    assert hash(r) == hash(RationalFunction([1, 1]))
    assert r.denominator == (1,)
    assert r.is_polynomial
    assert RationalFunction([0, 0], [5, 1]) == RationalFunction([]) == X - X
    assert not RationalFunction([0])
    assert r.degrees == (1, 0)
    assert repr(RationalFunction([1], [1, 0, 2])) == "RationalFunction(1/2 / (x^2 + 1/2))"


def test_every_kind_of_number() -> None:
    assert RationalFunction([1, "3/7", "0.1", 0.5, np.float32(0.25), Fraction(1, 3)]).numerator == (
        1,
        Fraction(3, 7),
        Fraction(1, 10),
        Fraction(1, 2),
        Fraction(1, 4),
        Fraction(1, 3),
    )
    assert RationalFunction([0.1]) != RationalFunction(["0.1"])


@law(60)
@given(functions, functions, functions, small)
def test_ring_laws(r: RationalFunction, s: RationalFunction, t: RationalFunction, x: Fraction) -> None:
    assert r + s == s + r
    assert (r + s) + t == r + (s + t)
    assert r * (s + t) == r * s + r * t
    assert r - r == RationalFunction([0])
    assert r - s == -(s - r)
    assert 2 + r == r + 2
    assert 1 - r == -(r - 1)
    if s:
        assert r / s * s == r
        assert 1 / s == s**-1
        assert s**3 == s * s * s
        assert s**-2 == 1 / (s * s)
    try:
        values = r(x), s(x)
    except AtPole:
        return
    assert (r * s)(x) == values[0] * values[1]
    assert (r + s)(x) == values[0] + values[1]


@law(60)
@given(functions, functions)
def test_derivative_rules(r: RationalFunction, s: RationalFunction) -> None:
    assert (r * s).derivative() == r.derivative() * s + r * s.derivative()
    assert (r + s).derivative() == r.derivative() + s.derivative()
    assert r.derivative(2) == r.derivative().derivative()
    assert r.derivative(0) == r
    if s.degrees != (0, 0):
        assume(len(s.numerator) > 1 or len(s.denominator) > 1)
        try:
            composed = r.compose(s)
        except AtPole:
            return
        assert composed.derivative() == r.derivative().compose(s) * s.derivative()


@law(30)
@given(functions, functions, small)
def test_composition_is_evaluation(r: RationalFunction, s: RationalFunction, x: Fraction) -> None:
    try:
        inner = s(x)
        expected = r(inner)
    except AtPole:
        return
    assert r.compose(s)(x) == expected
    assert r.compose_affine(2, "1/3") == r.compose(RationalFunction(["1/3", 2]))


@pytest.mark.slow
@law(40)
@given(functions)
def test_sympy_agrees(r: RationalFunction) -> None:
    x = sympy.Symbol("x")
    top, bottom = sympy.fraction(sympy.cancel(r.to_sympy()))
    again = RationalFunction(*(list(map(str, reversed(sympy.Poly(p, x).all_coeffs()))) for p in (top, bottom)))
    assert again == r
    assert sympy.simplify(sympy.diff(r.to_sympy(), x) - r.derivative().to_sympy()) == 0


def test_at_infinity() -> None:
    end = (X**3 / (X**2 + 1)).at_infinity()
    assert (end.polynomial, end.tail, end.decay, end.slope, end.limit) == ((0, 1), -1, 1, 1, None)
    end = (3 + 1 / X**2).at_infinity()
    assert (end.limit, end.slope, end.tail, end.decay) == (3, 0, 1, 2)
    assert (X**2).at_infinity().slope is None
    assert RationalFunction([0]).at_infinity().limit == 0


@law(40)
@given(functions)
def test_at_infinity_is_a_limit(r: RationalFunction) -> None:
    end = r.at_infinity()
    rest = r - RationalFunction(end.polynomial)
    if not end.decay:
        assert not rest
    else:
        assert (rest * X**end.decay).at_infinity().limit == end.tail != 0


def test_a_pole_names_the_point() -> None:
    with pytest.raises(AtPole, match="1/3 is a pole"):
        (1 / (3 * X - 1))("1/3")
    assert issubclass(AtPole, ExactnnError)
    with pytest.raises(AtPole, match="constant 2"):
        (1 / (X - 2)).compose(RationalFunction([2]))


def test_it_is_an_activation_and_comes_from_one() -> None:
    r = RationalFunction([0, 1], [1, 0, 1])
    net = xn.mlp([([[1]], [0]), ([[2]], [1])], activation=r)
    assert net([2]) == (1 + 2 * r(2),)
    (operation,) = (net.operation(n) for n in net.order if net.operation(n).kind == "rational")
    assert RationalFunction.from_operation(operation) == r


def test_values_are_frozen_and_can_be_copied() -> None:
    r = RationalFunction([1], [1, 1])
    with pytest.raises(AttributeError):
        r.numerator = (Fraction(1),)  # type: ignore[misc]
    assert r(1) == Fraction(1, 2)
    for again in (pickle.loads(pickle.dumps(r)), copy.deepcopy(r), copy.copy(r)):  # noqa: S301 - our own
        assert again == r
        assert again(1) == Fraction(1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [0, 0]), "denominator"),
        (([1], []), "denominator"),
        ((5, [1]), "numerator"),
        (("12", [1]), "numerator"),
        (([1, "x"], [1]), r"numerator\[1\]"),
        (([1], [1, True]), r"denominator\[1\]"),
        (([None], [1]), r"numerator\[0\]"),
        (({1: 2}, [1]), "numerator"),
    ],
)
def test_bad_coefficients_name_the_argument(arguments: tuple[object, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        RationalFunction(*arguments)  # type: ignore[arg-type]


def test_other_bad_input() -> None:
    r = RationalFunction([1], [1, 1])
    with pytest.raises(NotFiniteError, match="denominator"):
        RationalFunction([1], [float("nan")])
    with pytest.raises(ArgumentError, match="division"):
        r / 0
    with pytest.raises(ArgumentError, match="order"):
        r.derivative(-1)
    with pytest.raises(ArgumentError, match="inner"):
        r.compose(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="interval"):
        r.range("ab")
    with pytest.raises(ArgumentError, match="interval"):
        r.real_poles(interval=(2, 1))
    with pytest.raises(ArgumentError, match=r"interval\[0\]"):
        r.real_poles(interval=("a", 1))
    with pytest.raises(ArgumentError, match="width"):
        r.poles(width=0)
    with pytest.raises(ArgumentError, match="operation"):
        RationalFunction.from_operation(3)
    with pytest.raises(TypeError):
        r + "x"  # type: ignore[operator]
    with pytest.raises(TypeError):
        r**0.5  # type: ignore[operator]
