"""Max-plus matrices against networkx and plain loops; layers as pairs of matrices."""

from __future__ import annotations

import itertools
import math
import operator
import pickle
from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError, NotFiniteError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.tropical import LayerMatrices, Tropical, TropicalMatrix, TropicalPolynomial, TropicalRationalMap
from tests.strategies import law, numbers
from tests.tropical._drawn import points

M = TropicalMatrix


@st.composite
def matrices(draw: st.DrawFn, rows: int, columns: int, convention: str = "max") -> M:
    entry = st.one_of(st.none(), numbers())
    return M([[draw(entry) for _ in range(columns)] for _ in range(rows)], convention)


@pytest.mark.parametrize("convention", ["max", "min"])
@law(20)
@given(data=st.data())
def test_sums_and_products_are_those_of_the_entries(convention: str, data: Any) -> None:
    m, k, n = (data.draw(st.integers(1, 3)) for _ in range(3))
    A, B, C = (data.draw(matrices(*shape, convention)) for shape in [(m, k), (k, n), (m, k)])
    zero = Tropical.zero(convention)
    for i, j in itertools.product(range(m), range(n)):
        assert (A @ B)[i, j] == sum((A[i, r] * B[r, j] for r in range(k)), zero)
    for i, j in itertools.product(range(m), range(k)):
        assert (A + C)[i, j] == A[i, j] + C[i, j]
        assert (A * 2)[i, j] == (2 * A)[i, j] == A[i, j] * 2
        assert A.T[j, i] == A[i, j]
    x = [data.draw(numbers()) for _ in range(k)]
    assert A @ x == tuple(sum((A[i, r] * x[r] for r in range(k)), zero) for i in range(m))


@law(20)
@given(data=st.data())
def test_the_laws_of_a_semiring(data: Any) -> None:
    n = data.draw(st.integers(1, 3))
    A, B, C = (data.draw(matrices(n, n)) for _ in range(3))
    one, zero = M.identity(n), M.zero(n, n)
    assert A + B == B + A
    assert (A @ B) @ C == A @ (B @ C)
    assert A @ (B + C) == A @ B + A @ C
    assert (A + B) @ C == A @ C + B @ C
    assert A @ one == one @ A == A + zero == A == A + A
    assert A @ zero == zero == A * Tropical.zero()
    assert (A @ B).T == B.T @ A.T
    product = one
    for k in range(5):
        assert A**k == product
        product = product @ A
    assert hash(A + B) == hash(B + A)
    m = A.converted("min")
    assert m.converted("max") == A
    assert (A @ B).converted("min") == m @ B.converted("min")
    assert (A + B).converted("min") == m + B.converted("min")


@law(40)
@given(data=st.data())
def test_the_kleene_star_is_the_weight_of_the_best_paths(data: Any) -> None:
    n = data.draw(st.integers(1, 4))
    A = data.draw(matrices(n, n, "min"))
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_weighted_edges_from((i, j, A[i, j].value) for i in range(n) for j in range(n) if not A[i, j].is_zero())
    if nx.negative_edge_cycle(graph):
        for B in (A, A.converted("max")):
            with pytest.raises(ArgumentError, match=r"no cycle of (positive|negative) weight"):
                B.star()
        return
    star = A.star()
    for i, paths in nx.all_pairs_bellman_ford_path_length(graph):
        for j in range(n):
            assert star[i, j] == Tropical(paths.get(j), "min")
    one = M.identity(n, convention="min")
    assert star == one + A @ star == star @ star == (one + A) ** n
    assert star.converted("max") == A.converted("max").star()


def test_input_of_every_kind() -> None:
    A = M([[0, None], ["1/3", -math.inf]])
    assert M(np.array([[0, -np.inf], [0.5, 1]])) == M([[0, None], ["1/2", 1]])
    assert M([[Tropical(0), Tropical.zero()], ["1/3", None]]) == A
    assert M(RationalArray.of([[1, "1/2"]])) == M([[1, 0.5]])
    assert pickle.loads(pickle.dumps(A)) == A  # noqa: S301
    assert A.shape == (2, 2)
    assert A[1, 0] == Tropical("1/3")
    assert repr(A) == "TropicalMatrix([[0, -inf], [1/3, -inf]])"
    assert repr(A.converted("min")) == 'TropicalMatrix([[0, inf], [-1/3, inf]], convention="min")'
    assert M([[2**80, None]]) @ M([[1], [0]]) == M([[2**80 + 1]])
    assert M.zero(2, 0) @ M.zero(0, 2) == M.zero(2, 2)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: M([[0, 1], [2]]), ShapeError, "equal length"),
        (lambda: M(3), ShapeError, "matrix"),
        (lambda: M([[math.nan]]), NotFiniteError, "entries\\[0, 0\\]"),
        (lambda: M([[0, math.inf]]), NotFiniteError, "max-plus"),
        (lambda: M([[0]]) @ M([[0], [1]]), ShapeError, "inner sizes"),
        (lambda: M([[0]]) + M([[0, 1]]), ShapeError, "equal shapes"),
        (lambda: M([[0]]) @ M([[0]], "min"), ArgumentError, "one convention"),
        (lambda: M([[0]]) + M([[0]], "min"), ArgumentError, "one convention"),
        (lambda: M([[Tropical(0, "min")]]), ArgumentError, "one convention"),
        (lambda: M([[0, 1]]) ** 2, ShapeError, "square"),
        (lambda: M([[0, 1]]).star(), ShapeError, "square"),
        (lambda: M([[0]]) ** -1, ArgumentError, "n >= 0"),
        (lambda: M([[1]]).star(), ArgumentError, "weight 1 through node 0"),
        (lambda: operator.add(M([[1]]), 3), TypeError, "unsupported"),
    ],
)
def test_what_is_refused(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


# --- layers ------------------------------------------------------------------------------------------------------------------


@law(20)
@given(data=st.data())
def test_a_layer_is_a_pair_of_matrices(data: Any) -> None:
    d, m = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    W, b = [data.draw(points(d)) for _ in range(m)], data.draw(points(m))
    layer = LayerMatrices.of(W, b)
    rows = [(c, *row) for row, c in zip(W, b, strict=True)]  # the bias as column 0
    negative = tuple(sum((max(-row[k], Fraction(0)) for row in rows), Fraction(0)) for k in range(1 + d))
    assert layer.negative.to_rows() == (negative,)
    assert layer.positive.to_rows() == tuple(tuple(v + n for v, n in zip(row, negative, strict=True)) for row in rows)
    assert min(v for row in layer.positive.to_rows() for v in row) >= 0
    x = data.draw(points(d))
    value = tuple(c + sum((w * v for w, v in zip(row, x, strict=True)), Fraction(0)) for row, c in zip(W, b, strict=True))
    assert layer(x) == layer.to_map()(x) == value
    assert [a.to_fractions() for a in layer.layer()] == [tuple(v for row in W for v in row), tuple(b)]
    assert LayerMatrices.of_map(layer.to_map()) == layer


def test_the_layer_of_the_worked_example() -> None:
    """Theory, section 1: W2 = (1, -1) has A+ = (1, 0) and A- = (0, 1)."""
    layer = LayerMatrices.of([[1, -1]])
    assert layer.positive.to_rows() == ((0, 1, 0),)
    assert layer.negative.to_rows() == ((0, 0, 1),)


def test_rows_of_terms_are_polynomials_and_maps() -> None:
    p, q = TropicalPolynomial({(0, 1): 2, (3, 0): "1/2"}), TropicalPolynomial({(1, 1): 0})
    assert TropicalPolynomial.from_table(p.table) == p
    F = TropicalRationalMap((p,), (q,))
    assert TropicalRationalMap.from_tables(*F.tables) == F
    with pytest.raises(ArgumentError, match=r"F\.tables"):
        LayerMatrices.of_map(F)
