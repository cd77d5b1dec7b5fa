"""Brackets by boxes hold the exact maximum that the vertices of all cells give; nothing is proved that a point contradicts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn import Box, Network, Polyhedron, mlp
from exactnn.errors import CertificateRejected
from exactnn.verify import deviation
from tests.regions.test_count import trained_like
from tests.strategies import TINY, law
from tests.verify.test_deviation import pairs

LITTLE = Fraction(1, 2**40)


@pytest.fixture
def by_boxes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """max_deviation by boxes only: the cells of the whole domain are taken for too many."""

    def found(*args: Any, **options: Any) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(deviation, "_VERTICES", 0)
            answer = xn.max_deviation(*args, **options)
            assert xn.check(answer.certificate)
            assert answer.certificate.kind in ("boxes", "pass") or answer.evidence is None
            return answer

    return found


def sorting(compared: Sequence[tuple[int, int]], inputs: int = 3, shift: Fraction = Fraction(0)) -> Network:
    """The inputs, all >= 0, in increasing order, if these comparisons sort; the largest one shifted.

    A layer: u = max(x_j - x_i, 0) and all x, which are active; then (x_i, x_j) becomes (x_j - u, x_i + u).
    """
    now = [[Fraction(i == j) for i in range(inputs)] for j in range(inputs)]
    layers: list[Any] = []
    for i, j in compared:
        rows = [*now, [b - a for a, b in zip(now[i], now[j], strict=True)]]
        layers.append((rows, [0] * len(rows)))
        now = [[Fraction(k == n) for k in range(inputs + 1)] for n in range(inputs)]
        low, high = [*now[j][:-1], Fraction(-1)], [*now[i][:-1], Fraction(1)]
        now[i], now[j] = low, high
    return mlp([*layers, (now, [0] * (inputs - 1) + [shift])])


BUBBLE, OTHER = [(0, 1), (1, 2), (0, 1)], [(1, 2), (0, 1), (1, 2)]
UNIT = Box([0] * 3, [1] * 3)


# --- against the cells ----------------------------------------------------------------------------------------------------------


@given(pairs(), st.sampled_from(["linf", "l1"]), st.sampled_from(["box", "triangle", "flat", "point", "tiny"]))
@law(20)
def test_the_maximum_is_in_the_bracket(pair: Any, norm: str, kind: str) -> None:
    layers, others, d = pair
    f, g = mlp(layers), mlp(others)
    domain: Any = Box([-1] * d, [1] * d)
    if kind == "triangle":
        domain = Polyhedron([[1] * d, *([-int(i == j) for i in range(d)] for j in range(d))], [Fraction(3, 2)] + [1] * d)
    elif kind != "box":
        width = {"flat": Fraction(2), "point": Fraction(0), "tiny": TINY}[kind]
        domain = Box([Fraction(1, 3)] * d, [Fraction(1, 3) + width] + [Fraction(1, 3) + (0 if kind != "tiny" else TINY)] * (d - 1))
    exact = xn.max_deviation(f, g, domain=domain, norm=norm)
    assert exact.is_exact
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(deviation, "_VERTICES", 0)
        gap = 0 if norm == "linf" and kind != "triangle" else Fraction(1, 1000)
        found = xn.max_deviation(f, g, domain=domain, norm=norm, gap=gap, time_limit="1/2")
    assert found.lower <= exact.upper <= found.upper
    assert domain.contains(found.point)
    gaps = [abs(a - b) for a, b in zip(f(found.point), g(found.point), strict=True)]
    assert found.lower == (sum(gaps) if norm == "l1" else max(gaps))
    assert xn.check(found.certificate)


def test_the_search_ends_at_the_maximum(by_boxes: Any) -> None:
    """The boxes that resist are searched cell by cell: lower and upper end meet."""
    for sizes in ([2, 3, 1], [2, 6, 2], [3, 4, 2]):
        f, g = (trained_like(np.random.default_rng(s), sizes) for s in (1, 11))
        domain = Box([-1] * sizes[0], [1] * sizes[0])
        found = by_boxes(f, g, domain=domain, time_limit=60)
        exact = xn.max_deviation(f, g, domain=domain).upper
        assert found.lower == found.upper == exact
        assert domain.contains(found.point)
        assert xn.verify_equal(f, g, domain=domain, tolerance=exact, time_limit=60).proved
        assert xn.verify_equal(f, g, domain=domain, tolerance=exact * (1 - LITTLE), time_limit=60).refuted
        near = by_boxes(f, g, domain=domain, norm="l1", time_limit=60)  # the sum is not searched by cells
        assert near.lower <= near.upper <= near.lower * (1 + Fraction(1, 2**15))


def test_a_gap_ends_the_search(by_boxes: Any) -> None:
    f, g = (trained_like(np.random.default_rng(s), [2, 4, 2]) for s in (3, 4))
    domain = Box([-1, -1], [1, 1])
    for norm in ("linf", "l1"):
        found = by_boxes(f, g, domain=domain, norm=norm, gap="1/2", time_limit=30)
        assert found.lower <= found.upper <= found.lower * Fraction(3, 2) * (1 + Fraction(1, 2**16))
        assert found.lower <= xn.max_deviation(f, g, domain=domain, norm=norm).upper <= found.upper


def test_the_same_network_in_many_dimensions() -> None:
    f = trained_like(np.random.default_rng(5), [12, 20, 20, 3])
    for norm in ("linf", "l1"):
        found = xn.max_deviation(f, f, domain=Box(-1, 1), norm=norm)
        assert found.lower == found.upper == 0
        assert found.evidence["method"] == "pass"  # no box is cut


# --- functions that are known ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [Fraction(0), LITTLE, Fraction(1, 3)])
def test_two_ways_to_sort(shift: Fraction) -> None:
    f, g = sorting(BUBBLE), sorting(OTHER, shift=shift)
    assert f(["3/4", "1/2", 1]) == (Fraction(1, 2), Fraction(3, 4), 1)
    assert xn.max_deviation(f, g, domain=UNIT).upper == shift
    if shift:
        assert xn.verify_equal(f, g, domain=UNIT, tolerance=shift * (1 - LITTLE)).refuted
        assert xn.verify_equal(f, g, domain=UNIT).refuted


@pytest.mark.parametrize("shift", [Fraction(0), LITTLE, Fraction(1, 3)])
def test_two_ways_to_write_the_larger_one(by_boxes: Any, shift: Fraction) -> None:
    """x + max(y - x, 0) and y + max(x - y, 0), the inputs carried by active neurons, twice."""
    f, g = (sorting([pair, pair], 2, more) for pair, more in (((0, 1), Fraction(0)), ((0, 1), shift)))
    first, second = mlp([([[1, 0], [-1, 1]], [0, 0]), ([[1, 1]], [0])]), mlp([([[0, 1], [1, -1]], [0, 0]), ([[1, 1]], [shift])])
    square = Box([0, 0], [1, 1])
    for a, b in ((f, g), (first, second)):
        assert xn.max_deviation(a, b, domain=square).upper == shift
        found = by_boxes(a, b, domain=square, time_limit=2)
        assert found.lower == shift <= found.upper
        assert xn.verify_equal(a, b, domain=square, tolerance=shift + Fraction(1, 2)).proved
        assert not xn.verify_equal(a, b, domain=square, tolerance=shift, time_limit=10).refuted
        if shift:
            assert xn.verify_equal(a, b, domain=square, tolerance=shift * (1 - LITTLE)).refuted


def test_neurons_permuted_scaled_and_mixed(by_boxes: Any) -> None:
    """Copies by symmetries, and one by a mixture of neurons that are always active; one weight 2^-40 off is seen."""
    f = sorting([(0, 1)], 2)
    scaled = xn.symmetry.Scaling(0, [3, Fraction(1, 7), 2]).apply(xn.symmetry.Permutation(0, [2, 0, 1]).apply(f))
    # max(x + y, 0) and max(x - y + 1, 0) instead of max(x, 0) and max(y, 0): all active on the square
    first = mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, -1]], [0]), ([[1]], [0])])
    mixed, wrong = (mlp([([[1, 1], [1, -1]], [0, 1]), ([[0, 1 + step]], [-1]), ([[1]], [0])]) for step in (0, LITTLE))
    square = Box([0, 0], [1, 1])
    for a, b in ((f, scaled), (first, mixed)):
        assert xn.max_deviation(a, b, domain=square).upper == 0
        assert by_boxes(a, b, domain=square, time_limit=2).lower == 0
        assert xn.verify_equal(a, b, domain=square, tolerance=Fraction(1, 4)).proved
    assert xn.max_deviation(first, wrong, domain=square).upper == 2 * LITTLE
    assert xn.verify_equal(first, wrong, domain=square, tolerance=2 * LITTLE, time_limit=20).proved
    assert xn.verify_equal(first, wrong, domain=square, tolerance=2 * LITTLE * (1 - LITTLE), time_limit=20).refuted


# --- tolerances around the maximum ----------------------------------------------------------------------------------------------


@given(pairs())
@law(15)
def test_tolerances_around_the_maximum(pair: Any) -> None:
    layers, others, d = pair
    f, g = mlp(layers), mlp(others)
    domain = Box([-1] * d, [1] * d)
    largest = xn.max_deviation(f, g, domain=domain).upper
    if not largest:
        assert xn.verify_equal(f, g, domain=domain, time_limit=5).proved
        return
    assert not xn.verify_equal(f, g, domain=domain, tolerance=largest, time_limit=1).refuted
    assert not xn.verify_equal(f, g, domain=domain, tolerance=largest * (1 - LITTLE), time_limit=1).proved


def test_perturbed_copies_against_ascent() -> None:
    """What is proved holds at the best of many points."""
    rng = np.random.default_rng(6)
    layers = [(rng.normal(size=(n, m)) / m**0.5, rng.normal(size=n) * 0.3) for m, n in ((4, 10), (10, 10), (10, 2))]
    f = mlp(layers)
    for step in (1e-3, 1e-2):
        g = mlp([(w * (1 + step * rng.standard_normal(w.shape)), b) for w, b in layers])
        found = xn.max_deviation(f, g, domain=Box(-1, 1), gap="1/2", time_limit=3)
        x = rng.integers(-64, 65, (60, 4))
        values = [(f([Fraction(int(v), 64) for v in row]), g([Fraction(int(v), 64) for v in row])) for row in x]
        sampled = max(abs(a - b) for u, v in values for a, b in zip(u, v, strict=True))
        assert sampled <= found.upper
        assert found.lower >= sampled * Fraction(1, 2)


# --- evidence -------------------------------------------------------------------------------------------------------------------


def test_brackets_are_not_accepted_for_less(by_boxes: Any) -> None:
    f, g = sorting(BUBBLE), sorting(OTHER, shift=Fraction(1, 3))
    document = by_boxes(f, g, domain=UNIT, time_limit=1).certificate.document
    for key, value in (("tolerance", "1/4"), ("lower", 10), ("norm", "l2")):
        changed = copy.deepcopy(document)
        changed["claim"][key] = value
        with pytest.raises(CertificateRejected):
            xn.check(changed)


def test_weights_that_no_float_holds() -> None:
    """No zonotopes and no ascent then, but the pass and a point."""
    d = 7
    f, g = (mlp([([[1] * d, [2] * d], [0, -1]), ([["1e400", w]], [0])]) for w in (1, 2))
    found = xn.max_deviation(f, g, domain=Box([-1] * d, [1] * d), time_limit=10)
    assert found.lower <= 2 * d - 1 <= found.upper
    assert found.lower == abs(f(found.point)[0] - g(found.point)[0])
    assert xn.check(found.certificate)
