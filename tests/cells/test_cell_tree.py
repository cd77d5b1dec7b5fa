"""Proofs from tight inequalities, the tree of a lattice's cells, and stages that do not cut."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from flint import fmpz
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cells import CellTree, Interior, Subdivision, parallel, read_program
from exactnn.cells._corner import support
from exactnn.cells._search_lp import Farkas, Halfspaces, Work
from exactnn.exact.clock import Clock
from tests.strategies import TINY, law
from tests.verify.test_complete import random_net

ENTRIES = st.integers(-3, 3) | st.sampled_from([2**60, 2**60 + 1])
THREE = st.lists(ENTRIES, min_size=3, max_size=3)


@st.composite
def corners(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """Inequalities that are all tight at 0, often dependent, and a form."""
    n = draw(st.integers(1, 3))
    row = st.lists(ENTRIES, min_size=n, max_size=n).filter(any)
    rows = [(*draw(row), 0) for _ in range(draw(st.integers(1, 5)))]
    return rows, (*draw(row), draw(st.integers(-1, 1)))


@law(200)
@given(corners())
def test_tight_rows_prove_what_a_linear_program_proves(corner: tuple[list[tuple[int, ...]], tuple[int, ...]]) -> None:
    rows, form = corner
    found = support(form, rows, range(len(rows)))
    judge = Halfspaces(tuple(rows), len(form) - 1, Work(Clock())).least(form)
    assert (found is not None) == isinstance(judge, Farkas)
    if found is not None:
        chosen = Halfspaces(tuple(rows[i] for i in found), len(form) - 1, Work(Clock()))
        assert isinstance(chosen.least(form), Farkas) or (not found and not any(form[:-1]))


def test_no_choice_among_too_many() -> None:
    rows = [(1, k, k * k, 0) for k in range(12)]
    assert support((1, 0, 0, 0), rows, range(12)) is None
    assert support((1, 0, 0, 0), rows, [0, 3]) == [0]
    assert support((0, 0, 0, 1), rows, []) == []
    assert support((0, 0, 0, -1), rows, [0]) is None


@law(100)
@given(
    st.lists(ENTRIES, min_size=3, max_size=3).filter(lambda v: any(v[:-1])), st.lists(ENTRIES, min_size=3, max_size=3), ENTRIES.filter(bool)
)
def test_parallel_rows(row: list[int], other: list[int], factor: int) -> None:
    a, b = [fmpz(v) for v in row], [fmpz(v) for v in other]
    assert parallel(a, [factor * v for v in a])
    expected = any(b[:-1]) and all(row[i] * other[j] == row[j] * other[i] for i, j in itertools.combinations(range(3), 2))
    assert parallel(a, b) == expected


@pytest.mark.parametrize("domain", [None, xn.Box([-1, -1], [2, 1]), xn.Polyhedron([[1, 1], [-1, 0]], [1, TINY])])
def test_leaves_are_the_cells_each_once(domain: xn.Polyhedron | None) -> None:
    f = random_net(np.random.default_rng(3), 2, 5, 4, 1)
    run = Subdivision(read_program([f], domain), Clock(), piece=None)
    (piece,) = run.pieces()
    tree = CellTree(run, piece, 0 if domain is None else len(domain.rows[0]), Clock())
    seen = []
    for cell in tree.leaves():
        (point,) = Interior(run, piece).points([cell])
        assert all(sum(c * v for c, v in zip(g, point, strict=True)) > 0 for g in tree.inequalities)
        seen.append(cell)
        tree.end(None)
    assert sorted(seen) == list(range(piece.cells))
    assert len(seen) == xn.regions.count(f, domain)
    assert [node[0] for node in tree.nodes].count("split") == len(seen) - 1


def test_open_stages_do_not_cut() -> None:
    f = xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1], [1, -1]], [-1, 0]), ([[1, 1]], [0])])
    program = read_program([f])
    (piece,) = Subdivision(program, Clock(), piece=None, open_stages=[1]).pieces()
    (whole,) = Subdivision(program, Clock(), piece=None).pieces()
    assert piece.cells == 4 < whole.cells
    assert not piece.signs[:, 2:].any()
    run = Subdivision(program, Clock(), piece=None, open_stages=[1])
    (piece,) = run.pieces()
    for point, signs in zip(Interior(run, piece).points(range(4)), piece.signs, strict=True):
        x = [Fraction(v, point[-1]) for v in point[:-1]]
        assert [1 if v > 0 else -1 for v in x] == signs[:2].tolist()
