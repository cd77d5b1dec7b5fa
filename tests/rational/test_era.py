"""ERA: facts E1 to E9 of theory/era_cooling.md as laws."""

from __future__ import annotations

import copy
import math
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError, AtPole, NotAnERA, NotFiniteError
from exactnn.rational import BOULLE, ERA, RationalFunction
from tests.rational._cases import X, small
from tests.strategies import law

rows = st.lists(st.tuples(small, small, small, small), max_size=3)
eras = st.builds(ERA, st.tuples(small, small), rows, st.sampled_from([Fraction(0), Fraction(1, 10**6)]))
pole_free = st.builds(ERA, st.tuples(small, small), st.lists(st.tuples(small, small, small, small.filter(bool)), max_size=3))


@law(60)
@given(st.tuples(small, small), rows, st.sampled_from([0, Fraction(1, 10**6)]), small)
def test_the_formula(linear: tuple[Fraction, Fraction], fractions: list[tuple[Fraction, ...]], epsilon: Fraction, x: Fraction) -> None:
    sigma = ERA(linear=linear, fractions=fractions, epsilon=epsilon)
    quotient = linear[0] * X + linear[1]
    for c, d, e, f in fractions:
        quotient += (c * X + d) / ((X - e) ** 2 + f**2 + epsilon)
    assert sigma.to_rational_function() == quotient
    if any((x - e) ** 2 + f**2 + epsilon == 0 for _, _, e, f in fractions):
        return
    assert sigma(x) == linear[0] * x + linear[1] + sum((c * x + d) / ((x - e) ** 2 + f**2 + epsilon) for c, d, e, f in fractions)


@law(60)
@given(st.tuples(small, small), rows)
def test_e1_poles(linear: tuple[Fraction, Fraction], fractions: list[tuple[Fraction, ...]]) -> None:
    sigma = ERA(linear, fractions)
    assert ERA(linear, fractions, epsilon="1/1000000").real_poles() == ()
    merged: dict[Fraction, tuple[Fraction, Fraction]] = {}
    for c, d, e, f in fractions:
        if not f:
            merged[e] = (merged.get(e, (0, 0))[0] + c, merged.get(e, (0, 0))[1] + d)
    expected = [(e, 2 if c * e + d else 1) for e, (c, d) in sorted(merged.items()) if c or d]
    assert [(p.value, p.multiplicity) for p in sigma.real_poles()] == expected


def test_e1_complex_poles() -> None:
    sigma = ERA((0, 0), [(1, 2, 3, "1/2")], epsilon="1/100")
    upper, lower = sigma.poles()
    for pole in (upper, lower):
        assert abs(pole.real - 3) <= pole.radius
    size = Fraction(1, 4) + Fraction(1, 100)
    low, high = upper.imaginary_part
    assert low**2 <= size <= high**2
    assert lower.imag == -upper.imag


@law(40)
@given(pole_free, small)
def test_e2_ranges(sigma: ERA, x: Fraction) -> None:
    bound = sigma.deviation_bound()
    a, b = sigma.linear
    assert abs(sigma(x) - a * x - b) <= bound.upper
    for (c, d, e, size), found in zip(sigma.terms, sigma.fraction_ranges(), strict=True):
        exact = ((c * X + d) / ((X - e) ** 2 + size)).range()
        for ours, theirs in zip((found.lower, found.upper), (exact.lower, exact.upper), strict=True):
            assert ours.lower <= theirs.upper
            assert theirs.lower <= ours.upper
            assert ours.width <= Fraction(1, 2**60)


def test_e2_at_a_pole() -> None:
    (up,) = ERA((0, 0), [(1, 1, 0, 0)]).fraction_ranges()
    assert (up.lower.lower, up.upper.upper) == (Fraction(-1, 4), math.inf)
    (down,) = ERA((0, 0), [(1, -1, 0, 0)]).fraction_ranges()
    assert (down.lower.lower, down.upper.upper) == (-math.inf, Fraction(1, 4))


@law(40)
@given(eras, small)
def test_e3_gradient(sigma: ERA, x: Fraction) -> None:
    if any((x - e) ** 2 + size == 0 for _, _, e, size in sigma.terms):
        with pytest.raises(AtPole):
            sigma.gradient(x)
        return
    g = sigma.gradient(x)
    a, b = sigma.linear
    linear = a * g["a"] + b * g["b"] + sum(t[0] * c + t[1] * d for t, c, d in zip(sigma.terms, g["c"], g["d"], strict=True))
    assert linear == sigma(x)
    inner = sum(
        t[0] * c + 2 * t[1] * d + t[2] * e + 2 * t[3] * s
        for t, c, d, e, s in zip(sigma.terms, g["c"], g["d"], g["e"], g["f_squared"], strict=True)
    )
    assert x * sigma.derivative()(x) == a * g["a"] - inner  # the infinitesimal form of E4


@law(40)
@given(pole_free, small.filter(bool), small.filter(bool), small)
def test_e4_e5_scaling(sigma: ERA, beta: Fraction, s: Fraction, z: Fraction) -> None:
    assert sigma.scale_input(beta)(z) == sigma(beta * z)
    bridge = sigma.scale_output(s).scale_input(1 / beta)
    assert bridge(beta * z) == s * sigma(z)
    assert bridge.epsilon == sigma.epsilon * beta**2


@law(60)
@given(st.tuples(small, small), rows, st.randoms())
def test_e6_symmetries_are_equality(linear: tuple[Fraction, Fraction], fractions: list[tuple[Fraction, ...]], random: object) -> None:
    sigma = ERA(linear, fractions)
    shuffled = [(c, d, e, -f) for c, d, e, f in reversed(fractions)]
    assert ERA(linear, shuffled) == sigma
    assert hash(ERA(linear, shuffled)) == hash(sigma)
    halves = [(c / 2, d / 2, e, f) for c, d, e, f in fractions for _ in range(2)]
    assert ERA(linear, halves) == sigma
    assert ERA.with_squares(linear, [(c, d, e, f * f) for c, d, e, f in fractions]) == sigma


def test_equal_functions_are_equal_whatever_their_epsilon() -> None:
    assert ERA.with_squares((1, 0), [(0, 1, 0, 1)], epsilon=1) == ERA.with_squares((1, 0), [(0, 1, 0, 2)])
    assert len(ERA((0, 0), [(1, 2, 0, 1), (-1, -2, 0, 1)]).terms) == 0


@law(80)
@given(pole_free)
def test_e7_there_and_back(sigma: ERA) -> None:
    assert sigma.to_rational_function().to_era() == sigma
    parts = sigma.partial_fractions()
    assert parts.reassemble() == sigma.to_rational_function()
    assert {(p.factor, p.numerator) for p in parts.parts} == {
        ((e * e + size, -2 * e, Fraction(1)), (d, c) if c else (d,)) for c, d, e, size in sigma.terms
    }


@pytest.mark.parametrize(
    ("r", "reason"),
    [
        (X**2, "grows like x"),
        (1 / (X - 1), "real pole"),
        (1 / (X**2 + 1) ** 2, "order 2"),
        (1 / (X**4 + 1), "irreducible over Q"),
    ],
)
def test_e7_refusals_say_why(r: RationalFunction, reason: str) -> None:
    with pytest.raises(NotAnERA, match=reason):
        r.to_era()


def test_p13_boulle() -> None:
    sigma = BOULLE.to_era()
    assert sigma == ERA.with_squares(("1/2", "15957/23830"), [(0, "-7718753/28393445", 0, "1000/2383")])
    assert sigma.real_poles() == ()
    assert BOULLE.numerator[0] * Fraction("2.383") == Fraction("0.0218")


@law(40)
@given(pole_free)
def test_e8_asymptotics(sigma: ERA) -> None:
    end = sigma.at_infinity()
    total = sum(c for c, *_ in sigma.terms)
    assert RationalFunction(end.polynomial) == sigma.linear[0] * X + sigma.linear[1]
    assert end.slope == sigma.linear[0]
    if total:
        assert (end.decay, end.tail) == (1, total)
    else:
        assert end.decay != 1


def test_it_is_an_activation_and_a_value() -> None:
    sigma = ERA(("1/2", 1), [(0, -1, 0, 2)], epsilon=0.5)
    net = xn.mlp([([[1]], [0]), ([[1]], [0])], activation=sigma)
    assert net([3]) == (sigma(3),)
    for again in (pickle.loads(pickle.dumps(sigma)), copy.deepcopy(sigma)):  # noqa: S301 - our own
        assert again == sigma
        assert again.epsilon == sigma.epsilon
    assert sigma.fractions == ((0, -1, 0, 4),)
    assert sigma.degree == 2
    with pytest.raises(AtPole):
        ERA((0, 0), [(0, 1, 2, 0)])(2)
    assert ERA((0, 0), [(1, -2, 2, 0), (-1, 2, 2, 0)])(2) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ERA((1,), []), "linear"),
        (lambda: ERA("ab", []), "linear"),
        (lambda: ERA((1, "x"), []), r"linear\[1\]"),
        (lambda: ERA((1, 0), [(1, 2, 3)]), r"fractions\[0\]"),
        (lambda: ERA((1, 0), [(1, 2, 3, 4), (1, 2, None, 4)]), r"fractions\[1\]\[2\]"),
        (lambda: ERA((1, 0), 5), "fractions"),
        (lambda: ERA((1, 0), [], epsilon=-1), "epsilon"),
        (lambda: ERA.with_squares((1, 0), [(1, 2, 3, -4)]), "f_squared >= 0"),
        (lambda: ERA((1, 0), []).scale_input(0), "factor"),
    ],
)
def test_bad_input(make: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()  # type: ignore[operator]


def test_nan_is_refused() -> None:
    with pytest.raises(NotFiniteError, match=r"fractions\[0\]\[3\]"):
        ERA((1, 0), [(1, 2, 3, float("nan"))])
