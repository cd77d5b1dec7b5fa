import random
from fractions import Fraction
from itertools import pairwise

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from exactnn.certificate import _sturm
from exactnn.certificate._sturm import cancelled, count_zeros, has_real_zero, integer_polynomial
from tests.strategies import law


def times(a, b):
    found = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            found[i + j] += x * y
    return found


fractions = st.fractions(min_value=-20, max_value=20, max_denominator=9)
# (x - e)^2 + f with f > 0 has no real zero
positive = st.tuples(fractions, st.fractions(min_value=Fraction(1, 1000), max_value=5)).map(
    lambda p: [p[0] ** 2 + p[1], -2 * p[0], Fraction(1)]
)


@law(30)
@given(st.lists(positive, max_size=4), fractions.filter(bool), st.integers(0, 2))
def test_products_without_zeros(factors, constant, zeros):
    polynomial = [constant]
    for factor in factors:
        polynomial = times(polynomial, factor)
    assert not has_real_zero(polynomial + [Fraction(0)] * zeros)


@law(30)
@given(st.lists(positive, max_size=3), st.lists(fractions, min_size=1, max_size=4), fractions.filter(bool))
def test_products_with_zeros(factors, places, constant):
    polynomial = [constant]
    for factor in factors:
        polynomial = times(polynomial, factor)
    for place in places:
        polynomial = times(polynomial, [-place, Fraction(1)])
    assert has_real_zero(polynomial)


@pytest.mark.parametrize(
    ("polynomial", "expected"),
    [([1], False), ([0, 1], True), ([2, 0, -1], True), ([-2, 0, 0, 0, 1], True), ([1, 2, 1], True), ([1, 1, 1], False)],
)
def test_small(polynomial, expected):
    assert has_real_zero([Fraction(c) for c in polynomial]) is expected


def product(*factors):
    found = [Fraction(1)]
    for factor in factors:
        found = times(found, [Fraction(c) for c in factor])
    return found


def power(factor, exponent):
    return product(*[factor] * exponent)


def as_sympy(polynomial):
    return sympy.Poly([sympy.Rational(c.numerator, c.denominator) for c in reversed(polynomial)], sympy.Symbol("x"))


def one(polynomial, lower, upper):
    """The count, which sympy and both theorems have to confirm."""
    p = integer_polynomial(polynomial)
    bounds = [None if end is None else sympy.Rational(end.numerator, end.denominator) for end in (lower, upper)]
    expected = as_sympy(p).count_roots(*bounds) if len(p) > 1 else 0
    assert count_zeros(polynomial, lower, upper) == expected
    if lower is None or lower != upper:
        at_ends = sum(_sturm.value(p, end) == 0 for end in (lower, upper) if end is not None)
        assert _sturm._by_chain(p, lower, upper) == expected - at_ends
        assert _sturm._by_signs(p, lower, upper) in (None, expected - at_ends)


def intervals(places):
    places = sorted(set(places))
    yield None, None
    for place in places:
        yield from ((None, place), (place, None), (place, place))
    yield from pairwise(places)
    yield places[0], places[-1]


SMALL = st.lists(st.integers(-5, 5), min_size=1, max_size=5).filter(any)


@law(40)
@given(st.lists(st.tuples(SMALL, st.integers(1, 2)), min_size=1, max_size=3), st.lists(fractions, min_size=1, max_size=3), st.data())
def test_counts_are_those_of_sympy(factors, places, data):
    polynomial = product(*(factor for factor, exponent in factors for _ in range(exponent)))
    for place in places:
        if data.draw(st.booleans()):
            polynomial = times(polynomial, [-place, Fraction(1)])  # so that there are zeros at the ends
    for lower, upper in intervals(places):
        one(polynomial, lower, upper)


N = Fraction(1, 2**60)
HARD = {
    "x^17 - x - 1": [-1, -1, *[0] * 15, 1],
    "mignotte": [-2, 4 * 10**6, -2 * 10**12, *[0] * 6, 1],
    "mignotte above": [2, -4 * 10**6, 2 * 10**12, *[0] * 6, 1],
    "wilkinson": product(*([-k, 1] for k in range(1, 16))),
    "apart by 2^-60": product([-2, 0, 1], [N * N - 2, -2 * N, 1]),
    "cluster": product(*([-Fraction(1, 3) - k * N, 1] for k in range(4))),
    "near an irrational number": product([4 + N**2, 0, -4, 0, 1], [-1, -1, 0, 1]),
    "huge": [3**500, -(7**400), 0, 0, 0, 10**300],
    "double": product([-2, 0, 1], [-2, 0, 1], [3, 0, 0, 0, 1]),
    "powers of ten": product([-(10**40), 1], [1, 10**40], [-(10**41), 0, 1]),
    "cut at a zero": product([-1, 1], [-2, 1], [-4, 1], [1, 4], [0, 1], [0, 1], [5, -4, 1]),
    "constant": [-3],
}


@pytest.mark.parametrize("name", HARD)
def test_hard_ones(name):
    polynomial = [Fraction(c) for c in HARD[name]]
    ends = [Fraction(e) for e in (-10, 0, "1/3", 1, "1.4142135623730950488", "1.4142135623730950489", 2, 4, 10**45)]
    for lower, upper in intervals(ends):
        one(polynomial, lower, upper)


def test_chebyshev_and_legendre():
    for degree in (5, 12, 31):
        for polynomial in (sympy.chebyshevt_poly(degree, polys=True), sympy.legendre_poly(degree, polys=True)):
            coefficients = [Fraction(int(c.p), int(c.q)) for c in reversed(polynomial.all_coeffs())]
            assert count_zeros(coefficients) == count_zeros(coefficients, Fraction(-1), Fraction(1)) == degree
            one(coefficients, Fraction(0), Fraction(1, 2))


def test_signs_suffice_for_what_certificates_say():
    """No zero near the line, one zero in a short interval: Sturm's theorem is not needed."""
    for centre in ("1", "1/3", "0.7071067811865", "-123.456"):
        e = Fraction(centre)
        others = [[k * k + 1, k, 1] for k in range(1, 15)]
        polynomial = integer_polynomial(product(*others, [e * e + Fraction(1, 10**60), -2 * e, 1]))
        assert _sturm._by_signs(polynomial, None, None) == 0
        assert _sturm._by_signs(integer_polynomial(product(*others, [-2, 0, 1])), Fraction(14142135, 10**7), Fraction(14142136, 10**7)) == 1


def test_multiple_zeros_are_left_to_the_chain():
    for factor in ([-2, 0, 1], [-1, -1, 0, 1]):
        polynomial = integer_polynomial(product(factor, factor, [1, 0, 1]))
        assert _sturm._by_signs(polynomial, None, None) is None
        assert count_zeros([Fraction(c) for c in polynomial]) == as_sympy(factor).count_roots()
    assert _sturm._by_signs(integer_polynomial(power([1, 1, 1], 4)), None, None) == 0


def test_long_pieces_are_given_up(monkeypatch):
    seen, shifted = [], _sturm._shifted
    monkeypatch.setattr(_sturm, "_shifted", lambda p: seen.append(max(c.bit_length() for c in p)) or shifted(p))
    polynomial = [Fraction(c) for c in [-18, 0, 0, 84, 0, 0, -98, *[0] * 293, 1]]  # x^300 - 2 (7 x^3 - 3)^2
    assert _sturm._by_signs(integer_polynomial(polynomial), None, None) is None
    assert len(seen) < 2 * 256
    assert max(seen) < 10 * 301 * 7
    assert count_zeros(polynomial) == 4


def test_cancelling():
    generator, prime = random.Random(3), 2**61 - 1
    for _ in range(100):
        top, bottom, shared = (
            [Fraction(generator.randint(-4, 4)) for _ in range(generator.randint(1, 4))] + [Fraction(1)] for _ in range(3)
        )
        if generator.random() < 0.5:
            shared = [Fraction(1)]
        top, bottom = times(top, shared), times(bottom, shared)
        common = sympy.gcd(as_sympy(top), as_sympy(bottom))
        assert len(cancelled(top, bottom)) == len(bottom) - common.degree()
        assert len(cancelled([Fraction(0)], bottom)) == 1
    assert not _sturm._seen_coprime([1, 2], [2, 4])
    assert not _sturm._seen_coprime([1, prime], [2, 2 * prime])  # its prime divides a leading coefficient
    assert len(cancelled([Fraction(2), Fraction(2 * prime)], [Fraction(1), Fraction(prime)])) == 1
    assert not _sturm._seen_coprime([1, 0, 1], [1 + prime, prime, 1])  # coprime over Q, not modulo the prime
    assert len(cancelled([Fraction(1 + prime), Fraction(prime), Fraction(1)], [Fraction(1), Fraction(0), Fraction(1)])) == 3
