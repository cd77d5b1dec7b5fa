"""All subsets with a given sum: every way against brute force, planted solutions, limits."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.symmetry import _subset_sums
from exactnn.symmetry._subset_sums import PRIMES, WORD, Vectors, _elimination, _Search, subset_sums
from tests.strategies import law

PRIME = PRIMES[0]


def vectors(rows):
    table = np.array(rows, dtype=object).reshape(len(rows), -1)
    return Vectors(len(table), table.shape[1], lambda columns: table[:, list(columns)])


def brute(rows, target):
    n = len(rows)
    found = [
        chosen
        for size in range(n + 1)
        for chosen in itertools.combinations(range(n), size)
        if all(sum(rows[i][c] for i in chosen) == t for c, t in enumerate(target))
    ]
    return sorted(found, key=lambda t: (len(t), t))


def by(way, rows, target=None, limit=1 << 20):
    search = _Search(vectors(rows), target, Clock(), limit)
    search._choose_columns()
    if way == "halves" or not search.basis:
        return search._halves()
    return search._lattice() if way == "lattice" else search._free()


small = st.integers(1, 9).flatmap(
    lambda n: st.integers(1, 3).flatmap(
        lambda d: st.tuples(
            st.lists(st.lists(st.integers(-3, 3), min_size=d, max_size=d), min_size=n, max_size=n),
            st.lists(st.integers(-3, 3), min_size=d, max_size=d),
            st.sampled_from([1, 2**30, 2**70, 3**50]),
        )
    )
)


@given(small, st.booleans())
@law(60)
def test_every_way_finds_all_subsets(case, homogeneous):
    rows, target, scale = case
    rows = [[scale * v for v in row] for row in rows]
    target = [0] * len(target) if homogeneous else [scale * t for t in target]
    expected = brute(rows, target)
    assert list(subset_sums(vectors(rows), target).subsets) == expected
    for way in ("free", "halves", "lattice"):
        assert list(by(way, rows, target).subsets) == expected


def test_numbers_that_nearly_cancel():
    """2^-60 apart, and equal modulo the prime."""
    big = 2**60
    assert subset_sums(vectors([[big], [-big - 1], [1]])).subsets == ((), (0, 1, 2))
    assert subset_sums(vectors([[big], [-big - 1], [2]])).subsets == ((),)
    assert subset_sums(vectors([[PRIME], [1], [-1], [2 * PRIME]])).subsets == ((), (1, 2))
    assert subset_sums(vectors([[2**64], [3 * 2**64], [2**63], [-(2**63)]] + [[0]] * 0)).subsets == ((), (2, 3))


WAYS = [(40, 3, 10**4, "halves"), (40, 3, 10**8, "lattice"), (60, 4, 10**14, "lattice"), (70, 60, 50, "free")]


@pytest.mark.parametrize("factor", [2**64, PRIMES[0], PRIMES[1], PRIMES[0] * PRIMES[1], WORD, 2**64 * WORD])
@pytest.mark.parametrize("limit", [2, 1 << 20])
def test_no_factor_hides_a_subset(factor, limit):
    """Entries that vanish modulo what is computed modulo: every candidate is compared before it counts."""
    if factor % WORD == 0 and limit == 2:
        factor *= 3
    size = 8 if factor % WORD == 0 else 18  # there everything is a candidate
    rows = [[1]] + [[factor * 3**k] for k in range(size)] + [[5 * factor * 3**size], [-5 * factor * 3**size]]
    expected = ((), (size + 1, size + 2))
    assert subset_sums(vectors(rows), limit=limit).subsets == expected
    for way in ("halves", "lattice"):
        assert by(way, rows, limit=limit).subsets == expected


def test_numbers_beyond_floats():
    rows = [[10**400 * 3**k] for k in range(28)] + [[10**420], [-(10**420)]]
    assert subset_sums(vectors(rows)).subsets == ((), (28, 29))
    with pytest.raises(Incomplete, match="excluded"):
        subset_sums(vectors([[3**k * PRIMES[0] * PRIMES[1]] for k in range(60)]))


@pytest.mark.parametrize(("n", "d", "size", "way"), WAYS)
def test_planted_subsets_are_found(n, d, size, way):
    rng = np.random.default_rng(n + d)
    rows = rng.integers(-size, size + 1, size=(n, d)).astype(object)
    rows[7] = -(rows[1] + rows[5] + rows[11])
    rows[20] = -(rows[2] + rows[33])
    found = subset_sums(vectors(rows.tolist()))
    planted = {(), (1, 5, 7, 11), (2, 20, 33), (1, 2, 5, 7, 11, 20, 33)}
    assert planted <= set(found.subsets)
    assert all(not rows[list(t)].sum(axis=0).any() for t in found.subsets)
    assert found.evidence["method"] == way
    if way != "halves":
        assert set(found.subsets) == planted


def test_halves_and_lattice_agree():
    rng = np.random.default_rng(5)
    rows = rng.integers(-2000, 2001, size=(24, 2)).tolist()
    halves, lattice = by("halves", rows), by("lattice", rows)
    assert halves.subsets == lattice.subsets
    assert len(halves.subsets) > 1
    for t in halves.subsets:
        assert all(sum(rows[i][c] for i in t) == 0 for c in range(2))


def test_too_many_subsets():
    start = time.perf_counter()
    with pytest.raises(Incomplete, match="more than 50 sets") as raised:
        subset_sums(vectors([[1]] * 20 + [[-1]] * 20), limit=50)
    assert time.perf_counter() - start < 30
    assert len(raised.value.partial) == 50
    assert all(sum(1 if i < 20 else -1 for i in t) == 0 for t in raised.value.partial)
    with pytest.raises(Incomplete, match="all 2\\^30"):
        subset_sums(Vectors(30, 0, lambda columns: np.zeros((30, 0), dtype=object)))


def test_too_many_elements_say_what_is_excluded():
    rng = np.random.default_rng(3)
    rows = rng.integers(-(2**40), 2**40, size=(90, 1))
    rows[50] = -rows[3] - rows[70]
    with pytest.raises(Incomplete, match="of the sets of at most 6 neurons all but 2 are excluded") as raised:
        subset_sums(vectors(rows.tolist()))
    assert raised.value.partial == ((), (3, 50, 70))


@pytest.mark.slow
def test_z3_tries_what_is_left(monkeypatch):
    monkeypatch.setattr(_subset_sums, "WIDEST", 20)
    monkeypatch.setattr(_subset_sums, "NODES", 0)
    monkeypatch.setattr(_subset_sums, "_CHUNK", 100)  # few small sets
    rows = [[1]] * 13 + [[-7]] + [[1000]] * 13
    found = subset_sums(vectors(rows), clock=Clock(300))
    assert len(found.subsets) == 1 + 1716  # C(13, 7)
    assert found.evidence is None
    assert all(sum(rows[i][0] for i in t) == 0 for t in found.subsets)
    rng = np.random.default_rng(3)
    hard = rng.integers(-(2**40), 2**40, size=(90, 1)).tolist()
    with pytest.raises(Incomplete, match=r"time limit.*excluded") as raised:
        subset_sums(vectors(hard), clock=Clock(2))
    assert raised.value.partial == ((),)


def test_the_first_elements_in_all_ways(monkeypatch):
    """Beyond twice HALF elements."""
    monkeypatch.setattr(_subset_sums, "HALF", 4)
    monkeypatch.setattr(_subset_sums, "_CHUNK", 4)
    rng = np.random.default_rng(1)
    rows = rng.integers(-3, 4, size=(11, 1)).tolist()
    assert list(by("halves", rows).subsets) == brute(rows, [0])
    assert list(by("halves", rows, [2]).subsets) == brute(rows, [2])


@pytest.mark.slow
def test_time_limit():
    with pytest.raises(Incomplete, match="time limit"):
        subset_sums(vectors([[1], [2]]), clock=Clock(0))
    rng = np.random.default_rng(2)
    with pytest.raises(Incomplete, match="of all sets were gone through"):
        subset_sums(vectors(rng.integers(-20000, 20000, size=(54, 2)).tolist()), clock=Clock(3))


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32), st.sampled_from([0.02, 0.1, 1.0]))
@law(30)
def test_elimination(n, d, seed, density):
    rng = np.random.default_rng(seed)
    table = (rng.integers(-1, 2, size=(n, d)) * (rng.random((n, d)) < density)).astype(object)
    rows, columns = _elimination(table, PRIME, Clock())
    rest = [[int(v) % PRIME for v in row] for row in table]
    found = []  # row by row, in plain integers
    for i, row in enumerate(rest):
        for _, c, pivot in found:
            row = [(a - row[c] * b) % PRIME for a, b in zip(row, pivot, strict=True)]
        c = next((c for c, v in enumerate(row) if v), None)
        if c is not None:
            found.append((i, c, [v * pow(row[c], -1, PRIME) % PRIME for v in row]))
    assert rows == [i for i, _, _ in found]
    assert columns == [c for _, c, _ in found]
