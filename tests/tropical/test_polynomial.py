"""Tropical polynomials: their semiring, their values, their functions."""

from __future__ import annotations

import itertools
import operator
import pickle
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box
from exactnn.errors import ArgumentError, DomainError, NotFiniteError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.polyhedron import Polyhedron
from exactnn.tropical import Terms, Tropical, TropicalPolynomial
from exactnn.tropical.terms import StoredBlock
from tests.strategies import TINY, law
from tests.tropical._drawn import Pairs, naive, pairs, points, polynomials

P = TropicalPolynomial
DIMENSIONS = pytest.mark.parametrize("d", [1, 2, 3])


# --- values ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", ["max", "min"])
@law(40)
@given(data=st.data())
def test_values_and_maximisers_are_those_of_the_terms(convention: str, data: Any) -> None:
    d = data.draw(st.integers(1, 3))
    given_terms: Pairs = data.draw(pairs(d))
    many = data.draw(st.lists(points(d), min_size=1, max_size=4))
    p = P(given_terms, convention=convention)
    values = [naive(given_terms, x, convention) for x in many]
    assert list(p.values(many).to_fractions()) == values
    for x, value in zip(many, values, strict=True):
        assert p(x) == value
        assert p.at(x) == Tropical(value, convention)
        best = {e for e, c in given_terms if naive([(e, c)], x) == value}
        assert p.argmax(x) == tuple(sorted(best))
    assert all(p.terms[e] == naive([(f, c) for f, c in given_terms if f == e], (0,) * d, convention) for e, _ in given_terms)


def test_values_at_no_points_and_of_no_terms() -> None:
    p, empty = P({(1, 2): 3}), P({}, 2)
    assert p.values(np.zeros((0, 2))).shape == p.values([]).shape == (0,)
    assert empty.at([1, 2]) == Tropical.zero()
    assert P({}, 2, convention="min").at([1, 2]) == Tropical.zero("min")
    assert empty.argmax([1, 2]) == ()
    with pytest.raises(ArgumentError, match="without terms"):
        empty((1, 2))


def test_numpy_and_numbers_as_input() -> None:
    p = P([(np.array([0.5, 2]), np.float32(0.25)), ([1, 0], "1/3")])
    assert p((np.float64(0.1), 1)) == Fraction(0.1) / 2 + 2 + Fraction(1, 4)
    assert p.values(np.array([[0.0, 0.0]])).item() == Fraction(1, 3)
    assert P({(1,): 0})(5) == 5
    assert P.from_table(np.array([[1.5, 2.0]])) == P({(2,): "3/2"})


class Lazy:
    """A block that counts how often its table is made."""

    def __init__(self, table: RationalArray) -> None:
        self.made, self._table = 0, table

    @property
    def count(self) -> int:
        return len(self._table)

    def table(self) -> RationalArray:
        self.made += 1
        return self._table

    def take(self, rows: Any) -> StoredBlock:
        return StoredBlock(self._table[rows])


def test_lazy_blocks_are_made_when_needed_only() -> None:
    blocks = [Lazy(RationalArray.of([[k, k, 1], [0, -k, 2]])) for k in range(1, 5)]
    p = P(Terms(blocks, 2))
    assert len(p) == 8
    assert sum(b.made for b in blocks) == 0
    assert p.terms[1, 1] == 1
    assert [b.made for b in blocks] == [1, 0, 0, 0]
    assert p((2, -1)) == 11
    assert [b.made for b in blocks] == [2, 1, 1, 1]
    assert p.argmax((2, -1)) == ((4, 1),)
    assert p((-2, -20)) == -21
    assert p.argmax((-2, -20)) == ((1, 1),)
    assert p.values([(2, -1), (-2, -20)]).to_fractions() == (11, -21)
    assert dict(p.terms) == {**{(k, 1): k for k in range(1, 5)}, **{(-k, 2): 0 for k in range(1, 5)}}
    assert list(p.terms.items()) == [(e, p.terms[e]) for e in p.terms]
    assert list(p.terms.values()) == [p.terms[e] for e in p.terms]
    assert (7, 7) not in p.terms
    assert "text" not in p.terms
    assert (1,) not in p.terms
    assert p == P(dict(p.terms))


# --- the semiring ------------------------------------------------------------------------------------------------------------


@law(25)
@given(data=st.data())
def test_the_laws_of_a_semiring(data: Any) -> None:
    d = data.draw(st.integers(1, 2))
    convention = data.draw(st.sampled_from(["max", "min"]))
    p, q, r = (data.draw(polynomials(d, 4, 0, convention)) for _ in range(3))
    zero, one = P({}, d, convention=convention), P.constant(0, d, convention=convention)
    assert p + q == q + p
    assert p * q == q * p
    assert (p + q) + r == p + (q + r)
    assert (p * q) * r == p * (q * r)
    assert p * (q + r) == p * q + p * r
    assert p + zero == p == p * one
    assert p * zero == zero
    assert p + p == p
    assert hash(p + q) == hash(q + p)


@law(25)
@given(data=st.data())
def test_evaluation_is_a_homomorphism(data: Any) -> None:
    d = data.draw(st.integers(1, 3))
    convention = data.draw(st.sampled_from(["max", "min"]))
    p, q = data.draw(polynomials(d, convention=convention)), data.draw(polynomials(d, convention=convention))
    x, n = data.draw(points(d)), data.draw(st.integers(0, 4))
    assert (p + q).at(x) == p.at(x) + q.at(x)
    assert (p * q)(x) == p(x) + q(x)
    assert (p**n)(x) == n * p(x) == p.scaled(n)(x)
    assert p.scaled("2/3")(x) == p(x) * 2 / 3
    assert (p + 1).at(x) == p.at(x) + 1
    assert (p * "1/3")(x) == p(x) + Fraction(1, 3)


@law(30)
@given(p=polynomials(2, 4), n=st.integers(0, 4))
def test_powers_are_formal_products(p: P, n: int) -> None:
    product = P.constant(0, 2)
    for _ in range(n):
        product = product * p
    assert p**n == product


def test_a_large_power_of_two_terms_has_one_term_more() -> None:
    p = P({(0, 1): 2, (3, 0): -1})
    assert len(p**1000) == 1001
    assert (p**1000).terms[3000, 0] == -1000
    assert (P({(1, 2): 3}) ** 10**9).terms[10**9, 2 * 10**9] == 3 * 10**9


def test_scalars_and_numpy_numbers_on_either_side() -> None:
    (x,) = P.variables(1)
    assert 2 + x == x + 2 == P({(0,): 2, (1,): 0})
    assert "1/2" * x == x * Fraction(1, 2) == np.float64(0.5) * x == P({(1,): "1/2"})
    assert Tropical(1) + x == x + 1
    assert x + Tropical.zero() == x
    assert x * Tropical.zero() == P({}, 1)
    assert P([((1,), Tropical.zero()), ((2,), Tropical(3))]) == P({(2,): 3})


def test_equal_exponents_merge_whatever_their_type() -> None:
    assert P([((1, "1/2"), 3), ((1.0, 0.5), 5), ((Fraction(1), 0.5), 4)]) == P({(1, 0.5): 5})
    assert P([((1,), 3), ((1,), 5)], convention="min") == P({(1,): 3}, convention="min")
    assert len(P([((1,), 0), ((1 + TINY,), 0)])) == 2
    big = P.from_table([[2**70, 2**80, 0], [1, 2**80, 0], [0, 0, 1]])
    assert big == P({(2**80, 0): 2**70, (0, 1): 0})


def test_polynomials_are_values() -> None:
    p = P({(1, 0): 2, (0, 1): "1/3"})
    assert pickle.loads(pickle.dumps(p)) == p  # noqa: S301
    assert len({p, P(list(p.terms.items())[::-1]), p.converted("min").converted("max")}) == 1
    assert p != P(dict(p.terms), convention="min")
    assert p != 3
    assert repr(p) == "TropicalPolynomial(max(x1 + 1/3, x0 + 2))"
    assert repr(P({(k,): 0 for k in range(9)})) == "TropicalPolynomial(max of 9 terms in 1 variables)"


# --- substitution ------------------------------------------------------------------------------------------------------------


@law(25)
@given(data=st.data())
def test_composition_with_affine_maps(data: Any) -> None:
    d, k = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    p = data.draw(polynomials(d))
    A = [data.draw(points(k)) for _ in range(d)]
    b, y = data.draw(points(d)), data.draw(points(k))
    x = [sum((a * v for a, v in zip(row, y, strict=True)), c) for row, c in zip(A, b, strict=True)]
    assert p.compose(A, b)(y) == p(x)
    monomials = [P.monomial(row, c) for row, c in zip(A, b, strict=True)]
    assert p.substitute(monomials) == p.compose(A, b)


@law(20)
@given(data=st.data())
def test_substitution_of_polynomials(data: Any) -> None:
    shape = st.tuples(st.integers(0, 2), st.integers(0, 2))
    p = P(data.draw(st.dictionaries(shape, st.integers(-3, 3), min_size=1, max_size=4)))
    q, r = data.draw(polynomials(2, 3)), data.draw(polynomials(2, 3))
    x = data.draw(points(2))
    assert p.substitute([q, r])(x) == p((q(x), r(x)))


def test_equal_exponents_merge_in_a_composition() -> None:
    p = P({(1, 0): 1, (0, 1): 2, (2, 2): 0})
    assert p.compose([[1], [1]]) == P({(1,): 2, (4,): 0})
    assert p.compose([[0], [0]], [5, 6]) == P({(0,): 22})


# --- the function ------------------------------------------------------------------------------------------------------------


def alone_somewhere(p: P, e: tuple[Fraction, ...]) -> bool:
    """By brute force in one variable: between and beyond all crossings of two terms there is a point in each piece."""
    rows = [(a, c) for (a,), c in p.terms.items()]
    cuts = sorted({(c2 - c1) / (a1 - a2) for (a1, c1), (a2, c2) in itertools.combinations(rows, 2)}) or [Fraction(0)]
    tries = [cuts[0] - 1, cuts[-1] + 1, *((s + t) / 2 for s, t in itertools.pairwise(cuts))]
    return any(p.argmax((x,)) == (e,) for x in tries)


@law(50)
@given(p=polynomials(1, 7))
def test_needed_terms_in_one_variable(p: P) -> None:
    assert set(p.reduced().terms) == {e for e in p.terms if alone_somewhere(p, e)}


@law(50)
@given(data=st.data())
def test_needed_terms_have_witnesses_and_the_others_none(data: Any) -> None:
    d = data.draw(st.integers(1, 3))
    p = data.draw(polynomials(d, 7, convention=data.draw(st.sampled_from(["max", "min"]))))
    r = p.reduced()
    assert set(r.terms.items()) <= set(p.terms.items())
    for e in r.terms:
        w = p.witness(e)
        assert p.argmax(w) == (e,)
        assert p.region(e).contains(w)
        assert p.region(e).dimension == d
    for e in set(p.terms) - set(r.terms):
        # by the module of polyhedra: {x : this term is at least all others} has no interior point
        sign = 1 if p.convention == "max" else -1
        rows = [([sign * (f - a) for f, a in zip(g, e, strict=True)], sign * (p.terms[e] - c)) for g, c in p.terms.items() if g != e]
        assert Polyhedron(*zip(*rows, strict=True)).dimension < d
        with pytest.raises(ArgumentError, match="alone the maximum at no point"):
            p.witness(e)


@law(40)
@given(data=st.data())
def test_equality_as_functions_against_values(data: Any) -> None:
    d = data.draw(st.integers(1, 2))
    p, q = data.draw(polynomials(d, 4)), data.draw(polynomials(d, 4))
    n = data.draw(st.integers(1, 3))
    assert (p**n).equals(p.scaled(n))
    assert p.reduced().equals(p)
    assert (p + q).equals(p) == (q + p).reduced().equals(p.reduced())
    assert p.equals(q) == (not parted(p, q))
    assert q.equals(p) == p.equals(q)
    if p.equals(q):
        assert all(p(x) == q(x) for x in data.draw(st.lists(points(d), max_size=5)))


def parted(p: P, q: P) -> bool:
    """Whether p and q differ at a witness w of a needed term t of one of them, or at some w + v and w - v where that one is t.

    If they do not, the other, being convex, is t around w too, and then both have the same needed terms.
    """
    for f in (p, q):
        for e in f.reduced().terms:
            w, step = f.witness(e), Fraction(1)
            while any(f.argmax(x) != (e,) for x in around(w, step)):
                step /= 2
            if any(p(x) != q(x) for x in (w, *around(w, step))):
                return True
    return False


def around(w: tuple[Fraction, ...], step: Fraction) -> list[tuple[Fraction, ...]]:
    return [tuple(v + s * (i == j) for j, v in enumerate(w)) for i in range(len(w)) for s in (step, -step)]


def test_equality_sees_a_gap_of_any_size() -> None:
    p = P({(0,): 0, (2,): 0, (1,): TINY})
    assert not p.equals(P({(0,): 0, (2,): 0}))
    assert P({(0,): 0, (2,): 0, (1,): -TINY}).equals(P({(0,): 0, (2,): 0}))
    assert P({(0,): 0, (2,): 0, (1,): 0}).equals(P({(0,): 0, (2,): 0}))
    assert not P({(0, 0): 0}).equals(P({(0, 0): 0, (TINY, 0): 0}))


def test_reduction_of_terms_in_any_order() -> None:
    """All three win at 0, but the first of them nowhere alone."""
    p = P(Terms([Lazy(RationalArray.of([[0, 1, 1], [0, 0, 0], [0, 2, 2]]))], 2))
    assert p.reduced() == P({(0, 0): 0, (2, 2): 0})
    assert P.of_needed(p.reduced().terms).witness((2, 2)) == p.witness((2, 2))


def test_reduction_on_a_domain() -> None:
    p = P({(0, 0): 0, (1, 0): 0, (0, 1): 0, (1, 1): -9})
    unit = Box([0, 0], [1, 1])
    assert p.reduced(unit) == P({(1, 0): 0, (0, 1): 0})
    assert p.equals(P({(1, 0): 0, (0, 1): 0}), unit)
    assert not p.equals(P({(1, 0): 0, (0, 1): 0}))
    assert p.reduced(Polyhedron.whole_space(2)) == p.reduced()
    for e in [(1, 0), (0, 1)]:
        assert unit.contains(p.witness(e, unit))
        assert p.argmax(p.witness(e, unit)) == (e,)
    with pytest.raises(ArgumentError, match="at no point"):
        p.witness((0, 0), unit)
    with pytest.raises(DomainError, match="interior"):
        p.reduced(Box([0, 0], [1, 0]))
    with pytest.raises(DomainError, match="R\\^2"):
        p.reduced(Box([0], [1]))


def test_reduction_of_a_layer_of_kinks_counts_regions() -> None:
    """prod_i max(0, h_i) has a needed term for each region of the lines h_i = 0: 1 + n + n (n - 1)/2 of n generic lines."""
    lines = [(1, 0, 0), (0, 1, 0), (1, 1, 1), (1, -2, 3), (3, 1, -7)]
    p = P.constant(0, 2)
    for a, b, c in lines:
        p = p * P({(0, 0): 0, (a, b): c})
    assert len(p.reduced()) == 1 + 5 + 10
    assert len(p) <= 32


def test_a_thousand_terms_tangent_to_a_paraboloid_are_all_needed() -> None:
    grid = [(a, b) for a in range(-7, 8) for b in range(-7, 8)]
    p = P({(a, b): Fraction(-(a * a + b * b), 2) for a, b in grid})
    assert len(p.reduced()) == len(grid)
    assert p.witness((3, -2)) is not None
    assert (p + P({("1/2", "1/2"): -10})).reduced() == p


# --- conventions -------------------------------------------------------------------------------------------------------------


@law(25)
@given(data=st.data())
def test_conversion_between_the_conventions(data: Any) -> None:
    d = data.draw(st.integers(1, 2))
    p, q, x = data.draw(polynomials(d)), data.draw(polynomials(d)), data.draw(points(d))
    m = p.converted("min")
    assert m.convention == "min"
    assert m.converted("max") == p
    assert p.converted("max") is p
    assert m([-v for v in x]) == -p(x)
    assert set(m.terms) == set(p.terms)
    assert (p + q).converted("min") == m + q.converted("min")
    assert (p * q).converted("min") == m * q.converted("min")
    assert p.negated()(x) == -p(x)
    assert p.negated().negated() == p
    assert m.reduced() == p.reduced().converted("min")


# --- bad input ---------------------------------------------------------------------------------------------------------------


def cases() -> Iterator[Any]:
    p = P({(1, 0): 0, (0, 1): 0})
    yield lambda: P({(1,): float("nan")}), NotFiniteError, "coefficient"
    yield lambda: P({(float("inf"),): 0}), NotFiniteError, "exponent"
    yield lambda: P({(1,): True}), ArgumentError, "boolean"
    yield lambda: P({1: 0}), ArgumentError, "tuple"
    yield lambda: P({(1,): 0, (1, 2): 0}), ShapeError, "1 exponents"
    yield lambda: P({}), ArgumentError, "dimension"
    yield lambda: P(7), ArgumentError, "mapping"
    yield lambda: P({(1,): 0}, convention="plus"), ArgumentError, '"max" or "min"'
    yield lambda: P({(1,): Tropical(0, "min")}), ArgumentError, "other convention"
    yield lambda: p((1,)), ShapeError, "2 numbers"
    yield lambda: p((1, float("nan"))), NotFiniteError, "x"
    yield lambda: p.values([[1, 2, 3]]), ShapeError, "points"
    yield lambda: p.values(np.array([[1, np.nan]])), NotFiniteError, "points"
    yield lambda: p + p.converted("min"), ArgumentError, "one convention"
    yield lambda: p * Tropical(0, "min"), ArgumentError, "one convention"
    yield lambda: p + P({(1,): 0}), ShapeError, "2 variables"
    yield lambda: p + float("nan"), NotFiniteError, "nan"
    yield lambda: operator.add(p, [1, 2]), TypeError, "unsupported"
    yield lambda: p**-1, ArgumentError, "scaled"
    yield lambda: p ** Fraction(1, 2), ArgumentError, "scaled"
    yield lambda: p.scaled(-1), ArgumentError, "convex"
    yield lambda: p.compose([[1]]), ShapeError, "2 rows"
    yield lambda: p.compose([[1], [2]], [1]), ShapeError, "b"
    yield lambda: p.substitute([p]), ArgumentError, "2 tropical polynomials"
    yield lambda: p.equals(3), ArgumentError, "other"
    yield lambda: p.witness((5, 5)), ArgumentError, "those of a term"
    yield lambda: p.region((1,)), ArgumentError, "those of a term"
    yield lambda: bool(p), ArgumentError, "neither true nor false"
    yield lambda: P.from_table([1, 2]), ShapeError, "table"


@pytest.mark.parametrize(("call", "kind", "words"), list(cases()))
def test_what_is_refused(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
