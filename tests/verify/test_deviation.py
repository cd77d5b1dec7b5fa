"""The exact largest deviation, against vertices found another way, z3, points, and the proof of equality within a tolerance."""

from __future__ import annotations

import copy
import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cells import Subdivision
from exactnn.errors import ArgumentError, DomainError, EmptyDomain, NotPiecewiseLinear, ShapeError
from exactnn.network import Rational
from exactnn.verify._complete import Complete
from tests.cells._oracles import cells
from tests.regions.test_count import trained_like
from tests.strategies import TINY, law
from tests.verify._oracles import z3_differ


def joined(f: Any, g: Any) -> tuple[Any, Any]:
    """Hidden layers of f and g side by side, and the last layer for f - g; both as lists of layers with equally many hidden ones."""
    layers = []
    for k, ((wf, bf), (wg, bg)) in enumerate(zip(f[:-1], g[:-1], strict=True)):
        zf, zg = [0] * len(wg[0]), [0] * len(wf[0])
        rows = [*wf, *wg] if k == 0 else [[*r, *zf] for r in wf] + [[*zg, *r] for r in wg]
        layers.append((rows, [*bf, *bg]))
    (wf, bf), (wg, bg) = f[-1], g[-1]
    last = [[*r, *[-v for v in s]] for r, s in zip(wf, wg, strict=True)]
    return layers, (last, [a - b for a, b in zip(bf, bg, strict=True)])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any, int]:
    d, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    entry = st.sampled_from([Fraction(v) for v in (-1, 0, 1)] + [1 + TINY, Fraction(1, 3)])
    sizes = [d, *(draw(st.integers(1, 2)) for _ in range(draw(st.integers(1, 2)))), outputs]

    def network() -> Any:
        return [
            ([[draw(entry) for _ in range(m)] for _ in range(n)], [draw(entry) for _ in range(n)]) for m, n in itertools.pairwise(sizes)
        ]

    return network(), network(), d


@given(pairs(), st.booleans())
@law(30)
def test_against_all_vertices_of_all_cells(pair: Any, triangle: bool) -> None:
    f, g, d = pair
    unit = [tuple(Fraction(int(i == j)) for j in range(d)) for i in range(d)]
    rows = [(u, Fraction(1)) for u in unit] + [(tuple(-v for v in u), Fraction(1)) for u in unit]
    domain: Any = xn.Box([-1] * d, [1] * d)
    if triangle:
        rows.append((tuple([Fraction(1)] * d), Fraction(1, 2)))
        domain = xn.Polyhedron([list(a) for a, _ in rows], [b for _, b in rows])
    layers, last = joined(f, g)
    largest = Fraction(0)
    for cell, maps in cells(layers, last, rows):
        for v in cell.vertices():
            largest = max([largest, *(abs(c + sum(p * q for p, q in zip(a, v, strict=True))) for a, c in maps)])
    found = xn.max_deviation(xn.mlp(f), xn.mlp(g), domain=domain)
    assert found.lower == found.upper == largest
    assert domain.contains(found.point)
    assert max(abs(a - b) for a, b in zip(*found.values, strict=True)) == largest
    assert found.values == (xn.mlp(f)(found.point), xn.mlp(g)(found.point))
    assert z3_differ(xn.mlp(f), xn.mlp(g), rows, largest) is not True
    assert xn.check(found.certificate)


def test_trained_like_networks() -> None:
    """Beyond random points, by little; a certificate that the checker accepts, and none for less."""
    rng = np.random.default_rng(0)
    f = trained_like(rng, [2, 12, 12, 3])
    g = trained_like(rng, [2, 8, 3])
    found = xn.max_deviation(f, g, domain=xn.Box(-1, 1))
    points = rng.uniform(-1, 1, (20_000, 2))
    import torch

    with torch.no_grad():
        a, b = (n.to_torch()(torch.from_numpy(points)).numpy() for n in (f, g))
    sampled = float(np.abs(a - b).max())
    assert sampled * 0.98 < float(found.upper) * 0.98 < float(found.upper)
    assert sampled <= float(found.upper) + 1e-12
    assert float(found.upper) < 1.05 * sampled
    assert xn.check(found.certificate)
    less = found.upper - Fraction(1, 2**80)
    assert xn.verify_equal(f, g, domain=xn.Box(-1, 1), tolerance=less).refuted


def test_equal_networks_deviate_by_nothing() -> None:
    f = trained_like(np.random.default_rng(1), [3, 8, 8, 2])
    g = xn.symmetry.Permutation(1, [7, 1, 2, 3, 4, 5, 6, 0]).apply(xn.symmetry.Scaling(0, [Fraction(1, 3)] * 8).apply(f))
    found = xn.max_deviation(f, g, domain=xn.Box([-1] * 3, [1, 2, 3]))
    assert found.lower == found.upper == 0
    assert xn.check(found.certificate)


def test_slices_and_flat_domains() -> None:
    rng = np.random.default_rng(2)
    f, g = trained_like(rng, [8, 10, 2]), trained_like(rng, [8, 10, 2])
    flat = xn.Box([0] * 6 + [-1, -1], [0] * 6 + [1, 1])
    found = xn.max_deviation(f, g, domain=flat)
    plane = [[0] * 6 + [1, 0], [0] * 6 + [0, 1]]
    assert found.upper == xn.max_deviation(*(xn.regions.restrict(n, [0] * 8, plane) for n in (f, g)), domain=xn.Box(-1, 1)).upper
    assert flat.contains(found.point)
    point = xn.max_deviation(f, g, domain=xn.Box([1] * 8, [1] * 8))
    assert point.upper == max(abs(a - b) for a, b in zip(f([1] * 8), g([1] * 8), strict=True))


def test_bad_input() -> None:
    f = xn.mlp([([[1, 0]], [0]), ([[1]], [0])])
    with pytest.raises(ShapeError):
        xn.max_deviation(f, xn.mlp([([[1]], [0])]), domain=xn.Box(0, 1))
    with pytest.raises(ArgumentError, match="linf"):
        xn.max_deviation(f, f, domain=xn.Box(0, 1), norm="l7")
    with pytest.raises(DomainError, match="bounded"):
        xn.max_deviation(f, f, domain=xn.Polyhedron([[1, 0]], [0]))
    with pytest.raises(DomainError):
        xn.max_deviation(f, f, domain=None)  # type: ignore[arg-type]
    with pytest.raises(EmptyDomain):
        xn.max_deviation(f, f, domain=xn.Polyhedron([[1, 0], [-1, 0]], [0, -1]))
    with pytest.raises(DomainError, match=r"unbounded in the direction \(0, -?1\)"):
        xn.max_deviation(f, f, domain=xn.Polyhedron([[1, 0], [-1, 0]], [0, 1]))
    rational = xn.mlp([([[1]], [0]), ([[1]], [0])], activation=Rational.of([1], [1, 0, 1]))
    with pytest.raises(NotPiecewiseLinear):
        xn.max_deviation(rational, rational, domain=xn.Box(0, 1))


def test_what_time_leaves_is_a_bracket_with_a_point_and_a_proof() -> None:
    f, g = (trained_like(np.random.default_rng(s), [8, 30, 30, 2]) for s in (0, 1))
    domain = xn.Box([-1] * 8, [1] * 8)
    for norm in ("linf", "l1"):
        found = xn.max_deviation(f, g, domain=domain, norm=norm, time_limit=1)
        gaps = [abs(a - b) for a, b in zip(*found.values, strict=True)]
        assert found.lower == (sum(gaps) if norm == "l1" else max(gaps)) < found.upper
        assert not found.is_exact
        assert domain.contains(found.point)
        assert xn.check(found.certificate)
        points = np.random.default_rng(5).integers(-8, 9, (40, 8))
        for x in ([Fraction(int(v), 8) for v in row] for row in points):
            gaps = [abs(a - b) for a, b in zip(f(x), g(x), strict=True)]
            assert (sum(gaps) if norm == "l1" else max(gaps)) <= found.upper


def test_the_certificate_comes_from_the_cells_that_were_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second proof by the search; without the cells (a copy lacks them) they are made again."""
    monkeypatch.setattr(Complete, "decide", None)
    f = xn.mlp([([[1, 2], [-1, 1], [3, -1]], [0, 1, -1]), ([[1, -1, 2], [1, 1, 0]], [0, 0]), ([[1, -1], [0, 2]], [0, 0])])
    g = xn.mlp([([[1, 2], [-1, 1]], [0, "1/3"]), ([[1, -1], [1, 1]], [0, 0]), ([[1, -1], [0, 1]], [0, 0])])
    for norm in ("linf", "l1"):
        found = xn.max_deviation(f, g, domain=xn.Box([-1, -1], [1, 2]), norm=norm)
        assert found.is_exact
        assert found.cells is not None
        with monkeypatch.context() as patch:
            patch.setattr(Subdivision, "step", None)
            assert xn.check(found.certificate)
        copied = copy.copy(found)
        assert copied.cells is None
        assert xn.check(copied.certificate)
        assert copied.certificate.evidence == found.certificate.evidence
    split = xn.mlp(
        [
            ([[1, 2], [1, 2], [-1, 1], [3, -1]], [0, 0, 1, -1]),
            ([["1/2", "1/2", -1, 2], ["1/2", "1/2", 1, 0]], [0, 0]),
            ([[1, -1], [0, 2]], [0, 0]),
        ]
    )
    found = xn.max_deviation(f, split, domain=xn.Box([-1, -1], [1, 2]))
    assert (found.upper, found.certificate.kind) == (0, "tree")


def test_the_cells_of_a_permuted_copy_are_not_taken_for_those_of_the_network() -> None:
    f = xn.mlp([([[4, 2], [-1, 7], [3, -9]], [0, 1, -1]), ([[1, -1, 2], [1, 5, 0]], [0, 0]), ([[1, -1]], [0])])
    T = xn.symmetry.Permutation(0, [2, 0, 1])
    g = T.apply(xn.mlp([([[4, 2], [-1, 7], [3, -9]], [0, 1, "-9/10"]), ([[1, -1, 2], [1, 5, 0]], [0, 0]), ([[1, -1]], [0])]))
    found = xn.max_deviation(f, g, domain=xn.Box([-1, -1], [1, 2]))
    assert found.is_exact
    assert found.upper > 0
    assert xn.check(found.certificate)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_a_network_beside_itself(activation: str, norm: str) -> None:
    """Too many units for cells, and a bound of boxes would never reach 0 for a smooth one."""
    rng = np.random.default_rng(5)
    layers = [(rng.integers(-9, 9, (n, m)), rng.integers(-9, 9, n)) for m, n in itertools.pairwise([6, 40, 40, 3])]
    f, g = xn.mlp(layers, activation), xn.mlp(layers, activation)
    found = xn.max_deviation(f, g, domain=xn.Box(-1, 1), norm=norm, time_limit=5)
    assert (found.lower, found.upper) == (0, 0)
    assert xn.check(found.certificate)
    w, b = layers[-1]
    moved = xn.mlp([*layers[:-1], (w, [int(b[0]) + Fraction(1, 1 << 40), *b[1:]])], activation)
    assert xn.max_deviation(f, moved, domain=xn.Box(-1, 1), norm=norm, time_limit=5).upper >= Fraction(1, 1 << 40)
