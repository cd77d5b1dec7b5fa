"""Polynomials without zeros by cuts: what is accepted has none, by sympy, and the engine's cuts are accepted wherever there is none."""

from fractions import Fraction
from itertools import pairwise

import pytest
import sympy
from flint import fmpz_poly
from hypothesis import given
from hypothesis import strategies as st

from exactnn.certificate import Rejected, _signs
from exactnn.exact.signs import sign_cuts
from tests.strategies import law

fractions = st.fractions(min_value=-20, max_value=20, max_denominator=9)
SMALL = st.lists(st.integers(-5, 5), min_size=1, max_size=5).filter(any)


def product(*factors):
    found = [Fraction(1)]
    for factor in factors:
        found = [
            sum((a * Fraction(factor[k - i]) for i, a in enumerate(found) if 0 <= k - i < len(factor)), Fraction(0))
            for k in range(len(found) + len(factor) - 1)
        ]
    return found


def zeros(polynomial, lower, upper):
    """By sympy."""
    p = sympy.Poly([sympy.Rational(c.numerator, c.denominator) for c in reversed(polynomial)], sympy.Symbol("x"))
    return p.count_roots(*(None if e is None else sympy.Rational(e.numerator, e.denominator) for e in (lower, upper))) if p.degree() else 0


def shown(polynomial, lower, upper, cuts):
    """Whether the checker sees that there is no zero."""
    written = [c.numerator if c.denominator == 1 else f"{c.numerator}/{c.denominator}" for c in cuts]
    try:
        _signs.need_no_zero(_signs.integers(polynomial), lower, upper, written, "here")
    except Rejected:
        return False
    return True


def one(polynomial, lower, upper):
    """The engine's cuts where there is no zero; where there is one, whatever the cuts, it is not excluded."""
    places = [Fraction(k, 3) for k in range(-30, 30) if (lower is None or lower < k / 3) and (upper is None or upper > k / 3)]
    if zeros(polynomial, lower, upper):
        assert not shown(polynomial, lower, upper, places)
        assert not shown(polynomial, lower, upper, places[::7])
    else:
        assert shown(polynomial, lower, upper, sign_cuts(fmpz_poly(_signs.integers(polynomial)), lower, upper))


def intervals(places):
    places = sorted(set(places))
    yield None, None
    for place in places:
        yield from ((None, place), (place, None), (place, place))
    yield from pairwise(places)
    yield places[0], places[-1]


@law(40)
@given(st.lists(SMALL, min_size=1, max_size=3), st.lists(fractions, min_size=1, max_size=3), st.data())
def test_zeros_are_those_of_sympy(factors, places, data):
    polynomial = product(*factors)
    for place in places:
        if data.draw(st.booleans()):
            polynomial = product(polynomial, [-place, 1])  # so that there are zeros at the ends
    for lower, upper in intervals(places):
        one(polynomial, lower, upper)


@law(60)
@given(SMALL, SMALL, st.lists(fractions, max_size=4), st.sampled_from([(None, None), (None, Fraction(2)), (Fraction(-3), Fraction(5, 2))]))
def test_no_cuts_whatever_hide_a_zero(first, second, cuts, ends):
    polynomial = product(first, second)
    if shown(polynomial, *ends, sorted(set(cuts))):
        assert zeros(polynomial, *ends) == 0


N = Fraction(1, 2**60)
HARD = {
    "x^17 - x - 1": [-1, -1, *[0] * 15, 1],
    "mignotte": [-2, 4 * 10**6, -2 * 10**12, *[0] * 6, 1],
    "mignotte above": [2, -4 * 10**6, 2 * 10**12, *[0] * 6, 1],
    "wilkinson": product(*([-k, 1] for k in range(1, 16))),
    "apart by 2^-60": product([-2, 0, 1], [N * N - 2, -2 * N, 1]),
    "near an irrational number": product([4 + N**2, 0, -4, 0, 1], [-1, -1, 0, 1]),
    "near a double zero": product([4 + N**2, 0, -4, 0, 1], [3, 0, 0, 0, 1]),
    "huge": [3**500, -(7**400), 0, 0, 0, 10**300],
    "double": product([-2, 0, 1], [-2, 0, 1], [3, 0, 0, 0, 1]),
    "multiple and not real": product(*[[1, 1, 1]] * 4),
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


@pytest.mark.parametrize(
    ("cuts", "reason"),
    [
        ([], "one is needed at least"),
        ([1, 0], "not in order"),
        ([0, 0], "not in order"),
        ([0], "a zero from 0 to infinity is not excluded"),
        (["x"], "expected"),
        (0, "expected a list"),
    ],
)
def test_bad_cuts(cuts, reason):
    with pytest.raises(Rejected, match=reason):
        _signs.need_no_zero([2, -2, 1], None, None, cuts, "here")


def test_cuts_lie_within_the_interval():
    for cuts in ([3], [5], [2], [4]):
        with pytest.raises(Rejected, match="not in order, within the interval"):
            _signs.need_no_zero([1, 0, 1], Fraction(3), Fraction(3), cuts, "here")
    for cuts in ([1], [2], [0]):
        with pytest.raises(Rejected, match="not in order, within the interval"):
            _signs.need_no_zero([1, 0, 1], Fraction(1), Fraction(2), [0, *cuts], "here")


def test_zeros_at_ends_and_at_infinity_count():
    assert not shown([Fraction(0), Fraction(1)], Fraction(0), Fraction(1), [])
    assert not shown([Fraction(0), Fraction(1)], Fraction(-1), Fraction(0), [])
    assert not shown([Fraction(1), Fraction(-1)], Fraction(0), None, [])
    assert shown([Fraction(1), Fraction(1)], Fraction(0), None, [])


@law(40)
@given(SMALL, SMALL, st.fractions(max_denominator=5).filter(bool))
def test_products(p, q, factor):
    both = product(p, q)
    found = _signs.product(_signs.integers([Fraction(c) for c in p]), _signs.integers([Fraction(c) for c in q]), "here")
    assert found == _signs.integers([factor * c for c in both])
    changed = [both[0] + 1, *both[1:]]
    scale = {Fraction(a) / b for a, b in zip(changed, both, strict=True) if b} if any(changed) else set()
    alike = len(scale) == 1 and all((a == 0) == (b == 0) for a, b in zip(changed, both, strict=True))
    assert (found == _signs.integers(changed)) is alike
