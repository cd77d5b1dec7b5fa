"""The search that goes on from cell to cell in floats, beside one that starts every linear program anew; and its parts beside the whole."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from exactnn import Box, Network, Polyhedron, mlp
from exactnn.cells import AffineRow, Farkas, Program, Search, SearchCell, Seed, full_dimensional, read_program
from exactnn.cells import _known as known_module
from exactnn.cells import _search_cell as cell_module
from exactnn.cells._known import Known, Plane
from exactnn.cells._search_lp import Halfspaces, Work
from exactnn.cells._table import Unusable, float_rows
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.exact.lp import Feasible, feasible
from exactnn.exact.numbers import primitive, upright

HUGE = 2**1200


def cold(program: Program, rows: Sequence[AffineRow]) -> set[tuple[int, ...]]:
    """Signs of all cells, by an exact linear program with strict rows for each side of each unit, on its own."""
    d = program.input_dim

    def is_cell(forms: list[AffineRow]) -> bool:
        if not forms:
            return True
        return isinstance(feasible([[-c for c in g[:-1]] for g in forms], [g[-1] for g in forms], strict=True), Feasible)

    found = set()
    waiting: list[tuple[tuple[int, ...], list[AffineRow]]] = [((1,) * program.domain_units, list(rows))]
    while waiting:
        signs, forms = waiting.pop()
        if len(signs) == program.unit_count:
            found.add(signs)
            continue
        stage, column = program.stage_of(len(signs))
        padded = np.zeros((1, program.unit_count), dtype=np.int8)
        padded[0, : len(signs)] = signs
        *_, (matrix, _) = program.cell_maps(padded, stage + 1)
        row = tuple(int(matrix[column, k]) for k in range(d + 1))
        if not any(row[:-1]):
            waiting.append(((*signs, (row[-1] > 0) - (row[-1] < 0)), forms))
            continue
        for sign in (1, -1):
            side = [*forms, tuple(sign * c for c in row)]
            if is_cell(side):
                waiting.append(((*signs, sign), side))
    return found


def proves(proof: Farkas, form: Sequence[int], cell: SearchCell | Halfspaces) -> bool:
    """factor * form = gamma + sum of multiplier * inequality, in Python's integers."""
    rest = [proof.factor * c for c in form]
    for i, y in proof.terms:
        rest = [r - y * c for r, c in zip(rest, cell.forms[i], strict=True)]
    return proof.factor > 0 and all(y > 0 for _, y in proof.terms) and not any(rest[:-1]) and rest[-1] >= 0


def warm(program: Program, seed: Seed | None = None) -> list[tuple[int, ...]]:
    """Signs of all cells by the search; every proof is checked."""
    search = Search(program, seed=seed)
    signs = []
    for cell, unit in search.walk():
        for made, sign, proof in cell.facts:
            stage, column = program.stage_of(made)
            padded = np.array(cell.signs, dtype=np.int8)[None]
            *_, (matrix, _) = program.cell_maps(padded, stage + 1)
            form = primitive([sign * int(matrix[column, k]) for k in range(program.input_dim + 1)])
            assert proves(proof, form, cell)
        if unit is None:
            signs.append(tuple(cell.signs))
    return signs


def instances(seed: int) -> tuple[Network, Polyhedron | None]:
    """Degenerate in turn: duplicate, opposite, parallel and concurrent hyperplanes, 2^-60 apart, huge and tiny numbers."""
    rng = np.random.default_rng(seed)
    d, hidden = int(rng.integers(1, 4)), [(5,), (3, 3), (4, 2), (2, 2, 2)][seed % 4]
    layers: list[Any] = []
    for m, n in itertools.pairwise((d, *hidden)):
        weight: Any = (
            rng.integers(-1, 2, (n, m)).astype(object) if seed % 3 else np.rint(rng.standard_normal((n, m)) * 64).astype(int).astype(object)
        )
        bias = rng.integers(-1, 2, n).astype(object)
        weight[-1] = -2 * weight[0]
        bias[-1] = -2 * bias[0] + (seed % 2) * Fraction(1, 2**60)
        if seed % 5 == 0:
            weight[0], bias[0] = weight[0] * Fraction(1, HUGE), bias[0] * Fraction(1, HUGE)
            weight[1] = weight[1] * HUGE
        layers.append((weight.tolist(), bias.tolist()))
    domain = (None, Box([-1] * d, [2] * d), Polyhedron([[1] * d, [-1] + [0] * (d - 1)], [1, 0]))[seed % 3]
    return mlp([*layers, ([[1] * hidden[-1]], [0])]), domain


@pytest.mark.parametrize("seed", range(16))
def test_warm_and_cold(seed: int) -> None:
    net, domain = instances(seed)
    program = read_program([net], full_dimensional(domain, net.input_dim))
    search = Search(program)
    wanted = cold(program, search.root().forms)
    found = warm(program)
    assert len(found) == len(set(found))
    assert set(found) == wanted


@pytest.mark.parametrize("seed", range(0, 16, 5))
def test_without_floats(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where floats are of no use the same cells come from exact programs."""
    net, domain = instances(seed)
    program = read_program([net], full_dimensional(domain, net.input_dim))
    expected = sorted(warm(program))
    monkeypatch.setattr(cell_module, "_NUMBERS", 0)
    assert sorted(warm(program)) == expected


def test_floats_that_are_wrong_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table whose numbers are noise costs time, and changes no cell."""
    net = mlp([([[1, 2], [2, 1], [1, -1], [3, 1]], [0, -1, 1, "1/3"]), ([[1, -1, 1, 1], [1, 1, -2, 1]], [-1, 0]), ([[1, 1]], [0])])
    program = read_program([net], None)
    expected = sorted(warm(program))
    rng = np.random.default_rng(0)

    def noisy(forms: Any, width: int) -> Any:
        rows = float_rows(forms, width)
        return rows + rng.standard_normal(rows.shape) / 4

    monkeypatch.setattr("exactnn.cells._view.float_rows", noisy)
    search = Search(program)
    assert sorted(tuple(cell.signs) for cell, unit in search.walk() if unit is None) == expected
    assert search.work.programs > 0


def test_numbers_beyond_floats() -> None:
    with pytest.raises(Unusable):
        float_rows([[1, HUGE]], 1)
    assert float_rows([[HUGE, HUGE // 2]], 1).tolist() == [[1.0, 0.5]]


@pytest.mark.parametrize("width", [2, 5, 12, 13, 20])
def test_proofs_of_many_forms_at_once(width: int) -> None:
    """Sides of a box and other inequalities; few ones are solved as they are, of many the sides apart."""
    rng = np.random.default_rng(width)
    sides = [(*[int(j == i) * int(rng.integers(1, 4)) for j in range(width)], int(rng.integers(5))) for i in range(width)]
    ends = ((2, -3, 1), (5, 7, 4))  # independent, whatever the other coefficients
    others = [(*[int(v) for v in rng.integers(-9, 10, width - 2)], *end) for end in ends]
    cell = Halfspaces((*sides, *others), width, Work(Clock()))
    labels = [*range(width - 2), width, width + 1]
    factors = rng.integers(0, 4, (4, width))
    forms = []
    for line in factors:
        total = [sum(int(y) * cell.forms[i][j] for i, y in zip(labels, line, strict=True)) for j in range(width + 1)]
        forms.append((*total[:-1], total[-1] + 1))
    forms.append(tuple(-c for c in cell.forms[width]))
    *proofs, none = cell.combined(labels, forms)
    assert none is None
    for proof, form, line in zip(proofs, forms, factors, strict=False):
        assert proof is not None
        assert {i: Fraction(y, proof.factor) for i, y in proof.terms} == {i: y for i, y in zip(labels, line, strict=True) if y}
        assert proves(proof, form, cell)
    lower = (*forms[0][:-1], forms[0][-1] - 2)
    assert cell.combined(labels, [lower]) == [None]
    twice = [*range(width - 2), width, width]
    assert cell.combined(twice, forms) == [None] * len(forms)
    few = [label for label, y in zip(labels, factors[0], strict=True) if y]
    same, none = cell.combined(few, [forms[0], lower])
    assert same is not None
    assert {*same.terms} == {*proofs[0].terms}
    assert none is None
    assert cell.combined(few[1:], forms[:1]) == [None]
    assert cell.combined([], forms[:1]) == [None]
    held = [*range(width - 1), ~(width - 1)]
    inside, across = ((*[2] * (width - 1), last, 99) for last in (0, 1))
    first, second = cell.combined(held, [inside, across])
    assert first is not None
    assert second is None
    assert proves(first, inside, cell)


def test_known() -> None:
    """3 x - 6 >= 0 is known with a surplus of 3: so x >= 3, which bounds whatever is parallel."""

    def plane(form: AffineRow) -> Plane:
        return Plane.of(form, upright(form))

    known = Known()
    cell = Halfspaces(((1, -3),), 1, Work(Clock()))
    proof = cell.least((3, -6))
    assert proof == Farkas(1, ((0, 3),))
    known.add(plane((3, -6)), 1, proof, lambda: plane((3, -6)).offset + 1)
    assert known.side((1, -2)) == 0
    assert known.side((3, -6)) == 1
    assert known.follows(plane((-2, 6))) == (-1, Farkas(3, ((0, 6),)))
    assert known.follows(plane((2, -7))) is None
    assert known.follows(plane((1, 5))) == (1, Farkas(3, ((0, 3),)))
    other = known.copy()
    other.fix((7, 1), -1)
    assert (other.side((7, 1)), known.side((7, 1))) == (-1, 0)


@pytest.mark.parametrize("seed", [1, 2, 6, 8])
def test_seeds_cover_the_domain(seed: int) -> None:
    net, domain = instances(seed)
    program = read_program([net], full_dimensional(domain, net.input_dim))
    whole = warm(program)
    for least in (1, 4, 1000):
        seeds = Search(program).seeds(least)
        parts = [signs for s in seeds for signs in warm(program, Seed(*json.loads(json.dumps(s))))]
        assert sorted(parts) == sorted(whole)
        assert len(seeds) >= min(least, len(whole))


def test_a_search_that_was_stopped_goes_on() -> None:
    net, domain = instances(1)
    program = read_program([net], full_dimensional(domain, net.input_dim))
    whole = warm(program)
    search, found, stops = Search(program, limit=1), [], 0
    for limit in (2, 3, None):
        try:
            for cell, unit in search.walk():
                found += [tuple(cell.signs)] if unit is None else []
        except Incomplete:
            search.limit, stops = limit, stops + 1
    found += [tuple(cell.signs) for cell, unit in search.walk() if unit is None]
    assert stops == 3
    assert found == whole
    late = Search(program, Clock(0))
    with pytest.raises(Incomplete, match="0 cells were found"):
        list(late.walk())
    late.work.clock = Clock()
    assert [tuple(cell.signs) for cell, unit in late.walk() if unit is None] == whole


def test_proofs_are_recalled_where_their_inequalities_hold() -> None:
    """x + y >= 1 by x >= 0 and y >= 1, whatever else is known and wherever these stand; not without one of them."""
    form, key = (1, 1, -1), (1, 1, -1)
    cell = [(-1, 0, 7), (0, 1, -1), (1, 0, 0)]
    proof = Farkas(1, ((2, 1), (1, 1)), independent=True)
    known = Known()
    known.keep(key, 1, proof, cell)
    assert known.recall(key) is None
    other = known.copy()
    for place, g in enumerate([(1, 0, 0), (3, -1, 5), (0, 1, -1)]):
        other.hold(g, place)
    found = other.recall(key)
    assert found is not None
    assert found == (1, Farkas(1, ((0, 1), (2, 1)), independent=True))
    assert proves(found[1], form, Halfspaces(((1, 0, 0), (3, -1, 5), (0, 1, -1)), 2, Work(Clock())))
    assert other.recall((1, 1, 0)) is None
    assert known.recall(key) is None
    less = known.copy()
    less.hold((1, 0, 0), 0)
    less.hold((0, 1, -2), 1)
    assert less.recall(key) is None


def test_kept_proofs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_module, "_NUMBERS", 40)
    known, cell = Known(), [(0, 1, -1), (1, 0, 0)]
    for place, g in enumerate(cell):
        known.hold(g, place)
    for bound in range(12):  # 9 numbers each
        known.keep((1, 1, bound), 1, Farkas(1, ((0, 1), (1, 1))), cell)
        assert known.recall((1, 1, bound)) == (1, Farkas(1, ((0, 1), (1, 1))))
        kept = sum(known.recall((1, 1, other)) is not None for other in range(12))
        assert 1 <= kept <= 4


@pytest.mark.parametrize("seed", range(16))
def test_with_and_without_proofs_from_other_cells(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cells."""
    net, domain = instances(seed)
    program = read_program([net], full_dimensional(domain, net.input_dim))
    found = sorted(warm(program))
    monkeypatch.setattr(Known, "keep", lambda *_: None)
    assert sorted(warm(program)) == found


def test_proofs_recalled_in_a_search() -> None:
    """x > z by x > y and y > z, and the opposite: on one side of {w = 0} by floats, on the other one by what is kept."""
    search = Search(read_program([mlp([([[1, 0, 0, 0], [0, 1, -1, 0], [0, 0, 1, -1], [0, 1, 0, -1]], [0] * 4), ([[1] * 4], [0])])]))
    assert sum(unit is None for _, unit in search.walk()) == 12
    assert (search.work.proofs, search.work.recalled, search.work.programs) == (2, 2, 0)
