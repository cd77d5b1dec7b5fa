"""Points inside cells: strictly inside the polyhedra that `exactnn.regions` gives, with few bits, by floats and without them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cells import Interior, Piece, Subdivision, _interior, read_program
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.network import Network
from tests.strategies import PIECEWISE, TINY, chains, domains, law, polyhedron, shallows
from tests.tropical._zoo import ZOO, chain, hidden


def pieces(net: Network, domain: Any = None, piece: int | None = None) -> list[tuple[Subdivision, Piece]]:
    run = Subdivision(read_program([net], domain), Clock(), piece=piece)
    return [(run, p) for p in run.pieces()]


def strictly_inside(net: Network, domain: Any = None) -> list[tuple[int, ...]]:
    """The points of all cells, each of which is inside the region of its pattern; which cells are unbounded is right too."""
    regions = {r.pattern: r for r in xn.regions.iterate(net, domain)}
    found = []
    for run, piece in pieces(net, domain):
        interior = Interior(run, piece)
        points = interior.points(range(piece.cells))
        for point, signs, unbounded in zip(points, piece.signs, interior.unbounded.tolist(), strict=True):
            *tops, unit = point
            assert unit > 0
            assert all(type(v) is int for v in point)
            region = regions.pop(run.program.named_pattern(run.program.patterns(signs[None])[0]))
            for i in region.inequalities:
                assert sum(a * v for a, v in zip(i.normal, tops, strict=True)) < i.offset * unit
            assert unbounded != region.is_bounded
            found.append(point)
    assert not regions
    return found


NETWORKS: dict[str, tuple[Network, Any]] = {
    **{
        name: (ZOO[name](), None)
        for name in ("identity", "sort2", "tent", "affine", "2^-60 apart", "0 behind abs", "three inputs", "residual")
    },
    "a line in the plane, no vertex": (hidden([[1, 1]], ["1/3"]), None),
    "parallel lines, far out": (hidden([[1, 2]] * 3, [0, -(10**30), 10**40]), None),
    "coordinates beyond floats": (hidden([[1], [1]], [-(10**400), -(10**400) - 1]), None),
    "slivers": (hidden([[1, 0], [1, Fraction(1, 2**200)], [0, 1]], [0, 0, 1]), None),
    "a thin box": (hidden([[1, 1], [1, -1]], [0, 0]), xn.Box([0, -1], [TINY, 1])),
    "a box thinner than floats": (hidden([[1, -1]], [0]), xn.Box([1, 0], [1 + Fraction(1, 2**80), 2])),
    "a box far out": (hidden([[1, -1], [1, 1]], [0, 0]), xn.Box([10**50, 10**50], [10**50 + 1, 10**50 + 1])),
    "a cone": (hidden([[1, 0], [0, 1]], [-1, -1]), xn.Polyhedron([[1, -1], [-1, "1/2"]], [0, 0])),
    "a triangle, a corner on a kink": (hidden([[1, 1], [1, 0]], [0, -1]), xn.Polyhedron([[1, 1], [-1, 0], [0, -1]], [1, 0, 0])),
    "a half-line": (ZOO["tent"](), xn.Polyhedron([[-1]], ["-1/3"])),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("bits", [_interior._BITS, (), (0,)], ids=["rounded", "exactly", "integers"])
def test_points_are_inside(name: str, bits: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_interior, "_BITS", bits)
    strictly_inside(*NETWORKS[name])


def test_points_have_few_bits() -> None:
    points = strictly_inside(chain((2, 5, 4, 1), seed=3))
    assert sum(p[-1] <= 64 for p in points) > len(points) * 0.9
    assert max(abs(v).bit_length() for p in points for v in p) < 60


def test_floats_decide_nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """With proposals that are wrong everywhere the exact means are taken."""
    net = chain((2, 5, 4, 1), seed=3)
    proposals = Interior._proposals

    def far(self: Interior, cells: Any) -> Any:
        for top, unit in proposals(self, cells):
            yield np.roll(top, 1, axis=0), unit
            yield np.full_like(top, np.nan), unit
            yield np.full_like(top, np.inf), unit

    monkeypatch.setattr(Interior, "_proposals", far)
    strictly_inside(net)
    strictly_inside(net, xn.Box([-1, -1], [1, 1]))


def test_kinks_and_sides_are_not_inside() -> None:
    """Points on the boundary of cells and of the domain, and points in other cells, hold nowhere."""
    net = hidden([[1, 0], [0, 1]], [0, 0])
    for domain, wanted in ((xn.Box([-1, -1], [1, 1]), 1), (xn.Polyhedron([[1, 0]], [1]), 1), (None, 2)):
        ((run, piece),) = pieces(net, domain)
        found = 0
        for signs in piece.signs:
            tries = [[0, 0], [1, 0], [0, 1], [2, 2], [4, 3], [3, 1]]  # times 1/2, times 1/1
            for unit in (1, 2, 4):
                holds = _interior.inside(run, np.array(tries), unit, np.repeat(signs[None], len(tries), axis=0))
                for point, good in zip(tries, holds, strict=True):
                    x = [Fraction(v, unit) for v in point]
                    true = all((v > 0) - (v < 0) == s for v, s in zip(x, signs[-2:].tolist(), strict=True) if s) and all(x)
                    if isinstance(domain, xn.Box):
                        true &= all(-1 < v < 1 for v in x)
                    elif domain is not None:
                        true &= x[0] < 1
                    assert good == true
                    found += good
        assert found >= wanted


@pytest.mark.parametrize("domain", [None, xn.Box([-3, -3], [3, 3])])
def test_pieces_and_some_cells_only(domain: Any) -> None:
    """The same points for some cells of a piece, in the order in which they are asked for; and in small pieces."""
    net = chain((2, 6, 5, 2), seed=11)
    ((run, whole),) = pieces(net, domain)
    every = Interior(run, whole).points(range(whole.cells))
    some = [7, 3, whole.cells - 1, 0]
    assert Interior(run, whole).points(some) == [every[i] for i in some]
    assert Interior(run, whole).points([]) == []
    known = {whole.signs[i].tobytes() for i in range(whole.cells)}
    run = Subdivision(read_program([net], domain), Clock(), piece=5)
    for piece in run.pieces():
        points = Interior(run, piece).points(range(piece.cells))
        for point, signs in zip(points, piece.signs, strict=True):
            known.remove(signs.tobytes())
            assert _interior.inside(run, np.array([point[:-1]], dtype=object), point[-1], signs[None]).tolist() == [True]
    assert not known


@law(25)
@given(chains(st.integers(1, 2), depth=2, units=PIECEWISE), st.data())
def test_any_chain(given_chain: Any, data: Any) -> None:
    net = given_chain.network()
    domain = polyhedron(data.draw(domains(net.input_dim)), net.input_dim) if data.draw(st.booleans()) else None
    if domain is not None and (domain.is_empty() or domain.dimension < net.input_dim):
        domain = None
    try:
        xn.regions.count(net, domain, max_regions=40)
    except Incomplete:
        return
    strictly_inside(net, domain)


@law(15)
@given(shallows(st.integers(1, 3), width=4))
def test_any_shallow_network(given_net: Any) -> None:
    strictly_inside(given_net.network())


def test_a_network_without_units() -> None:
    net = xn.mlp([([[1, 2]], [3])])
    assert len(strictly_inside(net)) == 1
    assert strictly_inside(net, xn.Box([1, 5], [2, 6])) == [(6, 22, 4)]
    assert RationalArray.of([6, 22]) == 4 * RationalArray.of(["3/2", "11/2"])
