"""Bad arguments of public calls: each is refused by a message that names the argument and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn.errors import ArgumentError, DomainError, ExactnnError, NotFiniteError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.floats.own_terms import difference
from exactnn.tropical import LayerMatrices, TropicalMatrix, TropicalPolynomial, TropicalRationalMap, extract_at, formats

P, R, M = TropicalPolynomial, TropicalRationalMap, TropicalMatrix
p = P({(0, 0): 0, (1, 0): 0, (0, 1): 1})
F = R((p,), (P.constant(0, 2),))
A = M([[0, 1], [None, 2]])
NET = xn.mlp([([[1, 1], [1, -1]], [0, 0]), ([[1, -1]], [0])])
G = extract_at(NET, [[1, 2], [3, -4]])

Call = Callable[[], Any]


def exponents() -> Iterator[tuple[Call, str]]:
    words = r"exponents: a tuple of numbers, such as \(2, 0\), is needed, got "
    yield lambda: F.witness(0, None), words + "None"  # type: ignore[arg-type]
    yield lambda: F.witness(0, "10"), words + "'10'"
    yield lambda: P.monomial(3), words + "3"  # type: ignore[arg-type]
    yield lambda: P.monomial("12"), words + "'12'"
    yield lambda: p.witness(3), words + "3"  # type: ignore[arg-type]
    yield lambda: p.region(None), words + "None"  # type: ignore[arg-type]
    yield lambda: p.region((None, 1)), r"exponents\[0\]: a number is needed"


def integers() -> Iterator[tuple[Call, str]]:
    for wrong in ("a", -1, True, 0.5, None):
        if wrong is not None:
            yield lambda wrong=wrong: P({}, dimension=wrong), f"dimension: an integer >= 0 is needed, got {wrong!r}"
        yield lambda wrong=wrong: P.variables(wrong), f"dimension: an integer >= 0 is needed, got {wrong!r}"
        yield lambda wrong=wrong: P.constant(1, wrong), f"dimension: an integer >= 0 is needed, got {wrong!r}"
        yield lambda wrong=wrong: R.identity(wrong), f"dimension: an integer >= 1 is needed, got {wrong!r}"
        yield lambda wrong=wrong: M.identity(wrong), f"size: an integer >= 0 is needed, got {wrong!r}"
        yield lambda wrong=wrong: M.zero(wrong, 2), f"rows: an integer >= 0 is needed, got {wrong!r}"
        yield lambda wrong=wrong: M.zero(2, wrong), f"columns: an integer >= 0 is needed, got {wrong!r}"
        yield lambda wrong=wrong: p.dual_subdivision(limit=wrong), f"limit: an integer >= 0 is needed, got {wrong!r}"
        yield lambda wrong=wrong: p.hypersurface(limit=wrong), f"limit: an integer >= 0 is needed, got {wrong!r}"
        yield lambda wrong=wrong: G.own_terms(wrong), f"point: an integer from 0 to 1 is needed, got {wrong!r}"
        yield lambda wrong=wrong: F.witness(wrong, (1, 0)), f"output: an integer from 0 to 0 is needed, got {wrong!r}"
    yield lambda: P({(1,): 0}, dimension="a"), "dimension: an integer"  # type: ignore[arg-type]
    yield lambda: R.identity(0), "dimension: an integer >= 1"
    yield lambda: F["a"], "output: an integer is needed, got 'a'"  # type: ignore[index]
    yield lambda: A[0], r"place: row and column, A\[i, j\], are needed, got 0"  # type: ignore[index]
    yield lambda: A["a"], "place: row and column"  # type: ignore[index]
    yield lambda: A[0, 2], "place: an integer from -2 to 1 is needed, got 2"
    yield lambda: A[0, "a"], "place: an integer from -2 to 1 is needed, got 'a'"  # type: ignore[index]


def others() -> Iterator[tuple[Call, str]]:
    yield lambda: R(3, 4), "numerators: a tuple of tropical polynomials, one for each output, is needed, got 3"  # type: ignore[arg-type]
    yield lambda: R((p,), 4), "denominators: a tuple of tropical polynomials"  # type: ignore[arg-type]
    yield lambda: R(p, p), "numerators: a tuple of tropical polynomials"  # type: ignore[arg-type]
    yield lambda: R.from_tables(3, 4), "numerators: a list of tables, one for each output, is needed, got 3"  # type: ignore[arg-type]
    yield lambda: R.from_tables([p.table], 4), "denominators: a list of tables"  # type: ignore[arg-type]
    yield (
        lambda: R((p,), (p,), decomposition="foo"),
        "decomposition: one of partial, construction, irreducible, minimal is needed, got 'foo'",
    )
    yield lambda: R((p,), (p,), decomposition=["minimal"]), "decomposition: one of"  # type: ignore[arg-type]
    yield lambda: p.substitute(None), "polynomials: a tuple of tropical polynomials"  # type: ignore[arg-type]
    yield lambda: LayerMatrices.of_map(3), "F: a TropicalRationalMap is needed, got 3"  # type: ignore[arg-type]
    yield lambda: F.to_network(integer="x"), "integer: True or False is needed, got 'x'"  # type: ignore[arg-type]
    yield lambda: F.affine_image([[1]], shared=1), "shared: True or False"  # type: ignore[arg-type]
    yield lambda: F.affine_image([[1]], prune="no"), "prune: True or False"  # type: ignore[arg-type]
    yield lambda: extract_at(NET, [[0, 0]], nonnegative="yes"), "nonnegative: True or False is needed, got 'yes'"  # type: ignore[arg-type]
    yield lambda: p.export(3), "path: "  # type: ignore[arg-type]


@pytest.mark.parametrize(("call", "words"), [*exponents(), *integers(), *others()])
def test_arguments_are_refused_by_name(call: Call, words: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{words}"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: p.reduced(3),
        lambda: p.witness((1, 0), 3),
        lambda: p.equals(p, 3),
        lambda: R((p,), (p,), domain=3),
    ],
)
def test_domains_are_sets(call: Call) -> None:
    with pytest.raises(DomainError, match=r"^domain: a Box, a Polyhedron or None \(all of R\^d\) is needed, got 3"):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: A @ 3, "other: a TropicalMatrix or a vector"),
        (lambda: A @ None, "other: a TropicalMatrix or a vector"),
        (lambda: A @ "12", "other: a TropicalMatrix or a vector"),
        (lambda: LayerMatrices.of([[1, 2]])(3), "x: 2 numbers are needed, one for each input"),
        (lambda: LayerMatrices.of([[1, 2]])([1]), "x: 2 numbers"),
        (lambda: R.affine(np.zeros((2, 0))), "W: a column for each input"),
        (lambda: F(3), "x: 2 numbers are needed, one for each input"),
        (lambda: p(3), "x: 2 numbers are needed, one for each variable"),
    ],
)
def test_vectors_are_refused_by_name(call: Call, words: str) -> None:
    with pytest.raises(ShapeError, match=f"^{words}"):
        call()


def test_what_is_allowed_still_is() -> None:
    assert P.monomial(np.array([2, 1])) == P.monomial(RationalArray.of([2, 1])) == P.monomial(range(2, 0, -1)) == P({(2, 1): 0})
    assert p.witness([1, 0]) == p.witness(np.array([1, 0])) == F.witness(np.int64(0), RationalArray.of([1, 0]))
    assert P.variables(0) == ()
    assert P({}, np.int64(2)) == P({}, 2)
    assert LayerMatrices.of([[2]], [1])(3) == LayerMatrices.of([[2]], [1])([3]) == (7,)
    assert A @ np.array([0, 1]) == A @ RationalArray.of([0, 1]) == A @ (0, 1)
    assert list(F) == [F[0]] == [F[np.int64(-1)]]
    assert M.identity(0).shape == (0, 0)
    assert G.own_terms(np.int64(1)) == G.own_terms(1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: P({(1,): 0, (0,): 0}) ** 10**7,
        lambda: p ** (10**7),
        lambda: p**100_000,
        lambda: F ** (10**9),
        lambda: F ** -(10**9),
        lambda: P({tuple(int(i == j) for j in range(9)): 0 for i in range(9)}) ** 200,
    ],
)
def test_powers_of_too_many_terms_name_scaled(call: Call) -> None:
    with pytest.raises(ArgumentError, match=r"^exponent: a product with at most 4194304 sums .*scaled\("):
        call()


def test_powers_within_the_limit() -> None:
    assert len(P({(1,): 0, (0,): 0}) ** 100_000) == 100_001
    assert P.monomial((1,), 2) ** 10**9 == P.monomial((10**9,), 2 * 10**9)
    assert len(p**20) == 21 * 22 // 2


# --- floats ------------------------------------------------------------------------------------------------------------------

STEEP = xn.mlp([([[10**200], [-(10**200)]], [0, 0]), ([[10**200, 1]], [0])])
LONG = xn.mlp([([[10**400]], [0]), ([[1]], [0])])
HIGH = xn.mlp([([[1], [-1]], [0, 0]), ([[10**308, 10**308]], [10**308])])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: extract_at(NET, [[10**400, 2]], arithmetic="float64"), "points: a number is"),
        (lambda: extract_at(STEEP, [[1]], arithmetic="float64"), "points: values of the network"),
        (lambda: extract_at(STEEP, [[1e-300]], arithmetic="float64", nonnegative=False).numerators[0].table, "net: exponents"),
        (lambda: extract_at(LONG, [[1]], arithmetic="float64"), "node '[^']*': a number is"),
        (lambda: extract_at(HIGH, [[10**10]], arithmetic="float64"), "points: values of the network"),
        (lambda: extract_at(STEEP, [[1], [-1]]).evaluate([[1]]), "points: values of terms"),
        (lambda: extract_at(STEEP, [[1], [-1]]).cross_terms([[1]]), "points: values of terms"),
        (lambda: G.evaluate([[10**400, 1]]), "points: a number is"),
        (lambda: extract_at(HIGH, [[1]]).evaluate([[1e300]]), "points: values of terms"),
        (lambda: difference(np.array([[1e308]]), np.array([[-1e308]])), "points: values of the map"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_floats_beyond_float64_are_refused(call: Call, words: str) -> None:
    with pytest.raises(NotFiniteError, match=f"^{words}.* beyond float64; use exact arithmetic: extract_at"):
        call()


def test_exact_arithmetic_has_no_such_bound() -> None:
    found = extract_at(STEEP, [[1], [-1]])
    assert found([10**200]) == STEEP([10**200]) == (10**600,)
    with pytest.raises(
        NotFiniteError, match=r"^dtype: torch.float64 holds not all numbers of the terms; choose a wider dtype, or use exact"
    ):
        found.to_torch()


# --- look-ups ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arithmetic", ["exact", "float64"])
def test_look_ups_make_no_table_twice(monkeypatch: pytest.MonkeyPatch, arithmetic: str) -> None:
    points = [[k, (k * k) % 7 - 3] for k in range(-6, 7)]
    net = xn.mlp([([["1/3", 1], [1, -1], [2, "1/7"], [1, "1/2"]], [0, 1, -2, 5]), ([[1, -1, "2/5", 3]], [0])])
    monkeypatch.setattr("exactnn.tropical.at_points._per_block", lambda net: 2)
    terms = extract_at(net, points, arithmetic=arithmetic).numerators[0].terms
    assert len(terms.blocks) > 1
    pairs = list(terms.rows())
    made: list[int] = []
    for kind in {type(block) for block in terms.blocks}:
        table = kind.table
        monkeypatch.setattr(kind, "table", lambda self, table=table: made.append(self.count) or table(self))
    assert {e: terms[e] for e in terms} == dict(pairs)
    assert sum(count > 1 for count in made) <= 2 * len(terms.blocks)  # once for the iteration, once for the index
    made.clear()
    assert (7, 7) not in terms
    assert ("1/3", None) not in terms
    assert made == []


def test_rows_of_one_hash_are_told_apart() -> None:
    assert hash(-1) == hash(-2)
    terms = P({(-1,): 5, (-2,): 7}).terms
    assert (terms[-1,], terms[-2,]) == (5, 7)
    halves = P({("1/2", "-1/2"): 1, (1, -1): 2, ("1/2", -1): 3}).terms
    assert (halves["1/2", "-1/2"], halves[1, -1], halves["1/2", -1]) == (1, 2, 3)
    assert (1, "-1/2") not in halves


# --- files -------------------------------------------------------------------------------------------------------------------


def test_polynomials_export_themselves(tmp_path: Path) -> None:
    for suffix in (".json", ".tex", ".smt2"):
        p.export(tmp_path / f"p{suffix}")
        assert (tmp_path / f"p{suffix}").read_text() == formats.text(p, suffix)
    assert formats.read_json(tmp_path / "p.json") == p
    with pytest.raises(ExactnnError, match="ends with one of"):
        p.export(tmp_path / "p.txt")
