from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exactnn.certificate._sturm import has_real_zero


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


@settings(max_examples=60, deadline=None)
@given(st.lists(positive, max_size=4), fractions.filter(bool), st.integers(0, 2))
def test_products_without_zeros(factors, constant, zeros):
    polynomial = [constant]
    for factor in factors:
        polynomial = times(polynomial, factor)
    assert not has_real_zero(polynomial + [Fraction(0)] * zeros)


@settings(max_examples=60, deadline=None)
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
