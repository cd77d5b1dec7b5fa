"""Tropical rational maps: their operators, their composition with affine maps and ReLU, and whole chains of layers."""

from __future__ import annotations

import itertools
import operator
import pickle
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box
from exactnn.errors import ArgumentError, DomainError, NotFiniteError, ShapeError
from exactnn.tropical import TropicalPolynomial, TropicalRationalMap
from tests.strategies import TINY, law, numbers
from tests.tropical._drawn import naive, points, polynomials
from tests.tropical._layer_by_layer import layer_by_layer, run

P, R = TropicalPolynomial, TropicalRationalMap


@st.composite
def maps(draw: st.DrawFn, d: int, outputs: int, size: int = 3) -> R:
    numerators, denominators = ([draw(polynomials(d, size)) for _ in range(outputs)] for _ in range(2))
    if draw(st.booleans()):
        denominators = denominators[:1] * outputs
    return R(tuple(numerators), tuple(denominators))


def linear(W: Sequence[Any], b: Sequence[Any], x: Sequence[Fraction]) -> tuple[Fraction, ...]:
    return run([(W, b)], x)


# --- operators ---------------------------------------------------------------------------------------------------------------


@law(30)
@given(data=st.data())
def test_operators_are_those_of_the_functions(data: Any) -> None:
    d, m = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    F, G, x = data.draw(maps(d, m)), data.draw(maps(d, m)), data.draw(points(d))
    f, g = F(x), G(x)
    assert f == tuple(naive(p.terms.items(), x) - naive(q.terms.items(), x) for p, q in zip(F.numerators, F.denominators, strict=True))
    assert (F + G)(x) == F.maximum(G)(x) == tuple(map(max, f, g))
    assert (F * G)(x) == tuple(map(operator.add, f, g))
    assert (F / G)(x) == tuple(map(operator.sub, f, g))
    assert F.relu()(x) == tuple(max(v, 0) for v in f)
    n = data.draw(st.integers(-3, 3))
    assert (F**n)(x) == F.scaled(n)(x) == tuple(n * v for v in f)
    assert F.scaled("-3/2")(x) == tuple(v * Fraction(-3, 2) for v in f)
    assert (F * 3)(x) == (3 * F)(x) == tuple(v + 3 for v in f)
    assert (F / 3)(x) == tuple(v - 3 for v in f)
    assert (3 / F)(x) == tuple(3 - v for v in f)
    assert (F + "1/3")(x) == F.maximum("1/3")(x) == tuple(max(v, Fraction(1, 3)) for v in f)
    shift = list(range(1, m + 1))
    assert (F * shift)(x) == (shift * F)(x) == (np.array(shift) * F)(x) == tuple(map(operator.add, f, shift))
    assert tuple(F[j](x)[0] for j in range(m)) == f
    p = F.numerators[0]
    assert ((p * F[0])(x), (p + F[0])(x), (p / F[0])(x)) == ((p(x) + f[0],), (max(p(x), f[0]),), (p(x) - f[0],))


@law(30)
@given(data=st.data())
def test_values_of_many_points(data: Any) -> None:
    F = data.draw(maps(2, 3))
    many = data.draw(st.lists(points(2), min_size=1, max_size=4))
    assert F.values(many).to_rows() == tuple(F(x) for x in many)
    assert F.values(np.zeros((0, 2))).shape == (0, 3)


@law(20)
@given(data=st.data())
def test_composition_with_affine_maps_before_and_after(data: Any) -> None:
    d, m, k = (data.draw(st.integers(1, 2)) for _ in range(3))
    F = data.draw(maps(d, m))
    A, b = [data.draw(points(k)) for _ in range(d)], data.draw(points(d))
    y = data.draw(points(k))
    assert F.compose(A, b)(y) == F(linear(A, b, y))
    assert F.compose(A)(y) == F(linear(A, [0] * d, y))
    W, c = [data.draw(points(m)) for _ in range(3)], data.draw(points(3))
    x = data.draw(points(d))
    for shared in (False, True):
        G = F.affine_image(W, c, shared=shared)
        assert G(x) == linear(W, c, F(x))
        if shared:
            assert len(set(G.denominators)) == 1
        H = F.affine_image(W, c, shared=shared, prune=True)
        assert H(x) == G(x)
        assert H.reduced() == G.reduced()
    assert R.affine(W, c)(F(x)) == linear(W, c, F(x))
    assert R.identity(d)(x) == x


@law(20)
@given(data=st.data())
def test_equality_as_functions_and_simplification(data: Any) -> None:
    d = data.draw(st.integers(1, 2))
    F, G, p = data.draw(maps(d, 1)), data.draw(maps(d, 1)), data.draw(polynomials(d, 3))
    one = P.constant(0, d)
    same = F * p / p
    assert same.equals(F)
    assert F.equals(same)
    assert (F + G).equals(G + F)
    assert (F / F).equals(R((one,), (one,)))
    assert (F / F).simplify() == R((one,), (one,))
    assert not (F * p).equals(F * p * TINY)
    assert (F + G).equals(F) == (F + G).simplify().equals(F.simplify())
    S = F.simplify()
    assert S.equals(F)
    for q in (*S.numerators, *S.denominators):
        assert q.reduced() == q
    rows = [e for q in (S.numerators[0], S.denominators[0]) for e in q.terms]
    assert [min(column) for column in zip(*rows, strict=True)] == [0] * d
    x = data.draw(points(d))
    assert S(x) == F(x)
    assert next(iter(S.denominators[0].terms.values())) == 0
    assert R(tuple(q * p for q in S.numerators), tuple(q * p for q in S.denominators)).equals(F)


def test_a_quotient_of_multiples_by_a_monomial_is_a_monomial() -> None:
    p = P({(0, 0): 1, (2, 1): 0, (0, 3): "1/2"})
    F = R((p * P.monomial((2, -1), 5),), (p,))
    assert F.simplify() == R((P.monomial((2, 0), 5),), (P.monomial((0, 1)),))


def test_functions_that_differ_by_2_to_the_minus_60_far_out() -> None:
    (x,) = P.variables(1)
    F = R((x + 0,), (P.constant(0, 1),))
    assert not F.equals(F + R((x.scaled(2) * -(2**70),), (P.constant(0, 1),)))
    assert not F.equals(R((x + TINY,), (P.constant(0, 1),)))


# --- domains -----------------------------------------------------------------------------------------------------------------


def test_domains_go_along() -> None:
    half, other = Box([0], [2]), Box([1], [3])
    x = P.variables(1)[0]
    F, G = R((x + 0,), (P.constant(0, 1),), domain=half), R((x + 0,), (P.constant(0, 1),), domain=other)
    assert F.relu().domain is half
    assert F.affine_image([[2]]).domain is half
    assert (F * 3).domain is half
    both = (F * G).domain
    assert both is not None
    assert [both.contains((v,)) for v in (0, 1, 2, 3)] == [False, True, True, False]
    back = F.compose([[2]], [-4]).domain  # 0 <= 2 y - 4 <= 2
    assert back is not None
    assert [back.contains((v,)) for v in (1, 2, 3, 4)] == [False, True, True, False]
    assert F.reduced().numerators == (x,)
    assert F.equals(R((x,), (P.constant(0, 1),)))
    assert not R((x + 0,), (P.constant(0, 1),)).equals(R((x,), (P.constant(0, 1),)))
    with pytest.raises(DomainError):
        R((x,), (x,), domain=Box([1], [1])).reduced()


# --- chains of layers --------------------------------------------------------------------------------------------------------


def test_the_worked_example() -> None:
    """Theory, section 1: relu(x) - relu(-x) is max(2x, x) - max(x, 0)."""
    F = layer_by_layer([([[1], [-1]], [0, 0]), ([[1, -1]], [0])])
    assert F.numerators == (P({(2,): 0, (1,): 0}),)
    assert F.denominators == (P({(1,): 0, (0,): 0}),)
    assert F.simplify() == R.identity(1)
    assert F.equals(R.identity(1))


@law(25)
@given(data=st.data())
def test_chains_are_composed_exactly(data: Any) -> None:
    sizes = data.draw(st.sampled_from([(1, 2, 1), (1, 2, 2, 1), (2, 2, 2), (2, 3, 1), (2, 2, 2, 1), (3, 2, 2)]))
    layers = [([data.draw(points(n)) for _ in range(m)], data.draw(points(m))) for n, m in itertools.pairwise(sizes)]
    F = layer_by_layer(layers)
    assert len(set(F.denominators)) == 1
    for p in (*F.numerators, *F.denominators):
        assert min((v for e in p.terms for v in e), default=Fraction(0)) >= 0  # what the shift is for
    for x in data.draw(st.lists(points(sizes[0]), min_size=1, max_size=4)):
        assert F(x) == run(layers, x)
    for p in F.numerators:  # also where three pieces meet or one term begins to win
        for e in list(p.terms)[:3]:
            x = p.witness(e)
            assert F(x) == run(layers, x)


def test_two_tents_have_as_many_pieces_as_they_should() -> None:
    """2 relu(x) - 4 relu(x - 1/2), composed k times, has 2^k + 2 linear pieces for k >= 2 (theory, section 2.1)."""
    first, last = ([[1], [1]], [0, "-1/2"]), ([[2, -4]], [0])
    middle = ([[2, -4], [2, -4]], [0, "-1/2"])
    for k in (2, 3):
        F = layer_by_layer([first, *[middle] * (k - 1), last])
        p, q = F.numerators[0], F.denominators[0]
        kinks = sorted({v for f in (p, q) for v in f.hypersurface().vertices})
        slopes = [p.argmax(x)[0][0] - q.argmax(x)[0][0] for x in [(kinks[0][0] - 1,), *between(kinks), (kinks[-1][0] + 1,)]]
        assert sum(a != b for a, b in itertools.pairwise(slopes)) + 1 == 2**k + 2


def between(kinks: Sequence[Sequence[Fraction]]) -> list[tuple[Fraction]]:
    return [((a[0] + b[0]) / 2,) for a, b in itertools.pairwise(kinks)]


def test_a_chain_of_three_layers_with_random_integers() -> None:
    draw = np.random.default_rng(0)
    for sizes in [(2, 4, 4, 1), (3, 4, 3, 2)]:
        pairs = itertools.pairwise(sizes)
        layers = [(draw.integers(-8, 9, (m, n)).tolist(), draw.integers(-8, 9, m).tolist()) for n, m in pairs]
        F = layer_by_layer(layers)
        many = [[Fraction(int(v), 7) for v in row] for row in draw.integers(-40, 41, (40, sizes[0]))]
        assert F.values(many).to_rows() == tuple(run(layers, x) for x in many)


# --- values and bad input ----------------------------------------------------------------------------------------------------


def test_maps_are_values() -> None:
    F = R.affine([[1, -2]], [3])
    assert pickle.loads(pickle.dumps(F)) == F  # noqa: S301
    assert len({F, R.affine([[1, -2]], [3])}) == 1
    assert (F.input_dim, F.output_dim, len(F)) == (2, 1, 1)
    assert R([P({(1,): 0})], [P({(0,): 0})]) == R.identity(1)
    assert R.identity(1)(5) == (5,)


p1, one1 = P({(1,): 0, (0,): 0}), P.constant(0, 1)
F1 = R((p1,), (one1,))


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: R((), ()), ShapeError, "one at least"),
        (lambda: R((p1,), ()), ShapeError, "as many"),
        (lambda: R((p1,), (P({(1, 0): 0}),)), ShapeError, "1 variables"),
        (lambda: R((p1,), (p1.converted("min"),)), ArgumentError, "negated"),
        (lambda: R((P({}, 1),), (one1,)), ArgumentError, "-infinity"),
        (lambda: R((3,), (one1,)), ArgumentError, "tropical polynomials"),  # type: ignore[arg-type]
        (lambda: F1((1, 2)), ShapeError, "1 numbers"),
        (lambda: F1((float("nan"),)), NotFiniteError, "x"),
        (lambda: F1.values([[1, 2]]), ShapeError, "points"),
        (lambda: F1 + R.identity(2), ShapeError, "1 inputs and 1 outputs"),
        (lambda: F1 * [1, 2], ShapeError, "1 outputs"),
        (lambda: F1 * float("nan"), NotFiniteError, "nan"),
        (lambda: operator.add(F1, None), TypeError, "unsupported"),
        (lambda: F1**0.5, ArgumentError, "scaled"),
        (lambda: F1.compose([[1], [2]]), ShapeError, "1 rows"),
        (lambda: F1.affine_image([[1, 2]]), ShapeError, "1 columns"),
        (lambda: F1.affine_image([[1]], [1, 2]), ShapeError, "b: 1 numbers"),
        (lambda: F1.affine_image([[float("inf")]]), NotFiniteError, "W"),
        (lambda: F1.equals(p1), ArgumentError, "other"),  # type: ignore[arg-type]
    ],
)
def test_what_is_refused(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


@law(20)
@given(v=numbers(), w=numbers())
def test_a_constant_map(v: Fraction, w: Fraction) -> None:
    F = R.affine([[0, 0]], [v])
    assert F((w, 1)) == (v,)
    assert F.compose([[0], [0]])((w,)) == (v,)
