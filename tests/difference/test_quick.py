"""The pass in float64 beside the exact pass: never below it, hardly above, and no answer where it does not know one."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, check, mlp, verify_equal
from exactnn.difference import _bound, _pass, _quick, difference_bounds
from exactnn.difference._quick import quick_bound
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.network import Affine, Builder, Input, Reshape, relu
from tests.strategies import TINY, chains, law, renamed, weights, with_weight

NO_CLOCK = Clock(None)
STEPS = st.sampled_from([TINY, Fraction(1, 2**11), Fraction(-1, 3), Fraction(2)])


def random_pair(sizes: list[int], seed: int, step: float) -> tuple[Network, Network]:
    """A network, and a copy whose weights are off by at most a step; some weights are no floats."""
    generator = np.random.default_rng(seed)
    nets: list[list[Any]] = [[], []]
    for n, m in pairwise(sizes):
        W, b = generator.normal(size=(m, n)), generator.normal(size=m)
        off = generator.uniform(-step, step, (m, n))
        nets[0].append((RationalArray.of(W) / 3, b))
        nets[1].append((RationalArray.of(W) / 3 + RationalArray.of(off), b - step))
    return mlp(nets[0]), mlp(nets[1])


@law(25)
@given(st.data())
def test_it_is_never_below_the_exact_pass(data: Any) -> None:
    f = data.draw(chains(units=("relu",))).network()
    g = renamed(f, "g_")
    for _ in range(data.draw(st.integers(0, 3)) if weights(f) else 0):
        g = with_weight(g, data.draw(st.sampled_from(weights(g))), data.draw(STEPS))
    low = [data.draw(st.sampled_from([Fraction(q) for q in (-3, -1, 0, "1/3")])) for _ in range(f.input_dim)]
    box = Box(low, [q + data.draw(st.sampled_from([Fraction(v) for v in (0, TINY, 1, 4)])) for q in low])
    found = quick_bound(f, g, box, NO_CLOCK)
    assert found is None or difference_bounds(f, g, box).largest <= Fraction(found)


@pytest.mark.parametrize(("sizes", "step"), [([2, 3, 1], 1.0), ([6, 20, 20, 3], 1e-3), ([40, 60, 30, 5], 1e-9), ([4, 8, 2], 2.0**-60)])
def test_it_is_hardly_above(sizes: list[int], step: float) -> None:
    for seed in range(3):
        f, g = random_pair(sizes, seed, step)
        box = Box([-1] * sizes[0], [1] * sizes[0])
        exact = difference_bounds(f, g, box).largest
        found = quick_bound(f, g, box, NO_CLOCK)
        assert found is not None
        assert exact <= Fraction(found) <= exact * (1 + Fraction(1, 10**9)) + Fraction(1, 10**11)


def test_sums_that_cancel_keep_their_rounding() -> None:
    """(1 + s) x + 2^60 - 2^60 - x with s = 2^-52: floats alone would lose s, or find twice of it."""
    s = Fraction(1, 2**52)
    f = mlp([([[1 + s, 2**60], [1, 2**60]], [0, 0]), ([[1, -1]], [0])])
    g = mlp([([[1, 2**60], [1, 2**60]], [0, 0]), ([[1, -1]], [0])])
    box = Box([1, 1], [1, 1])
    found = quick_bound(f, g, box, NO_CLOCK)
    assert found is not None
    assert found >= difference_bounds(f, g, box).largest == s


def test_it_decides_what_is_clear_and_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = random_pair([3, 8, 2], 0, 2.0**-8)
    box = Box([-1] * 3, [1] * 3)
    exact = difference_bounds(f, g, box).largest
    calls: list[str] = []
    monkeypatch.setattr(_bound, "difference_bounds", lambda *a, **k: calls.append("exact") or difference_bounds(*a, **k))
    clear = verify_equal(f, g, domain=box, tolerance=2 * exact)
    assert clear.proved and not calls  # noqa: PT018
    narrow = verify_equal(f, g, domain=box, tolerance=exact)
    assert narrow.proved and calls  # noqa: PT018
    for verdict in (clear, narrow):
        assert verdict.certificate is not None and verdict.certificate.kind == "pass" and check(verdict.certificate)  # noqa: PT018


def test_what_it_does_not_walk() -> None:
    line = mlp([([[1]], [0])])
    box = Box([-1], [1])
    for f, g in (
        (mlp([([[1]], [0]), ([[1]], [0])], activation="leaky_relu(1/10)"), None),
        (mlp([([[1]], [0]), ([[1]], [0])]), line),  # other structures
        (mlp([([[Fraction(1, 3**700)]], [0])]), None),  # beyond float64
        (mlp([([[2**1001]], [0])]), None),
    ):
        assert quick_bound(f, g or f, box, NO_CLOCK) is None
    f = mlp([([[2**600]], [0]), ([[2**600]], [0])])
    assert quick_bound(f, f, box, NO_CLOCK) is None


def test_many_vectors_and_other_shapes() -> None:
    def net(shape: tuple[int, ...], matrix: list[list[int]], flat: bool) -> Network:
        b = Builder()
        now = b.add("x", Input(shape))
        if flat:
            now = b.add("flat", Reshape((4,)), now)
        now = b.add("h", Affine(RationalArray.of(matrix), RationalArray.zeros((len(matrix),))), now)
        return b.build(["x"], [b.add("u", relu(), now)])

    box = Box([-1] * 4, [1] * 4)
    rows, flat = net((2, 2), [[1, 2], [0, 1]], False), net((2, 2), [[1, 0, 2, 0]], True)
    assert quick_bound(rows, rows, box, NO_CLOCK) is None
    found = quick_bound(flat, net((4,), [[1, 0, 3, 0]], False), box, NO_CLOCK)
    assert found is not None
    assert 0 <= found - 1 < 1e-12


def test_no_more_work_than_the_checker_does(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = random_pair([3, 8, 2], 0, 2.0**-8)
    monkeypatch.setattr(_pass, "PRODUCTS", 100)
    assert quick_bound(f, g, Box([-1] * 3, [1] * 3), NO_CLOCK) is None


def test_a_planted_error_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what the roundings take, bounds fall below the exact ones: the comparison above can fail."""
    monkeypatch.setattr(_quick, "_outward", lambda v: v)
    monkeypatch.setattr(_quick, "ROUND", 0.0)
    below = 0
    for seed in range(10):
        f, g = random_pair([6, 20, 20, 3], seed, 1e-3)
        box = Box([-1] * 6, [1] * 6)
        found = quick_bound(f, g, box, NO_CLOCK)
        assert found is not None
        below += difference_bounds(f, g, box).largest > Fraction(found)
    assert below
