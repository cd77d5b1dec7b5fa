"""The ranges of the joint zonotopes contain every exact value and difference, whatever the operations, weights and boxes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, mlp
from exactnn.difference import NotBounded, _stages, _zonotope
from exactnn.difference._boxes import Grid
from exactnn.difference._stages import Stages
from exactnn.difference._zonotope import Range, joint_pass
from tests.difference.test_pass import nearby, points
from tests.strategies import PIECEWISE, TINY, chains, graphs, law, weights, with_weight

STEPS = st.sampled_from([Fraction(0), TINY, Fraction(1, 2**200), Fraction(2**60), Fraction(1, 2**11), Fraction(-1, 3), Fraction(2)])
CENTRES = st.sampled_from([Fraction(q) for q in (0, 0, 1, -1, "1/3", 10**6, -(2**40))])
WIDTHS = st.sampled_from([Fraction(q) for q in (0, TINY, Fraction(1, 2**30), "1/2", 1, 1, 3, 10**9)])


@st.composite
def areas(draw: st.DrawFn, dimension: int) -> Box:
    """Boxes: large, tiny, far from 0, flat, or points."""
    centre = [draw(CENTRES) for _ in range(dimension)]
    widths = [draw(WIDTHS) for _ in range(dimension)]
    return Box([c - w for c, w in zip(centre, widths, strict=True)], [c + w for c, w in zip(centre, widths, strict=True)])


@st.composite
def copies(draw: st.DrawFn, net: Network) -> Network:
    """The network with some weights changed, by little or by much: the same units in the same order."""
    places = weights(net)
    for _ in range(draw(st.integers(0, 3)) if places else 0):
        net = with_weight(net, draw(st.sampled_from(places)), draw(STEPS))
    return net


def contained(f: Network, g: Network | None, boxes: Sequence[Box], seed: int = 0, count: int = 6) -> bool:
    """Whether f, g and f - g lie in the ranges found for these boxes together, at corners and at points inside; exactly."""
    grids = [Grid(box, 64) for box in boxes]
    lo, hi = (np.array([getattr(grid, side) for grid in grids]).T for side in ("lo", "hi"))
    found = joint_pass(Stages(f, g), lo, hi).outputs
    for k, box in enumerate(boxes):
        x = points(box, seed + k, count)
        first = f.evaluate(x)
        second = None if g is None else g.evaluate(x)
        difference = first if second is None else first - second
        for values, ranges in zip((first, second, difference), found, strict=True):
            if values is None:
                assert ranges is None
                continue
            low, high = ([Fraction(v) for v in side[:, k].tolist()] for side in ranges)
            for row in values.to_rows():
                if not all(a <= v <= b for a, v, b in zip(low, row, high, strict=True)):
                    return False
    return True


@law(40)
@given(st.data(), st.integers(0, 1000))
def test_graphs_and_copies(data: Any, seed: int) -> None:
    f = data.draw(graphs())
    assert contained(f, data.draw(copies(f)), data.draw(st.lists(areas(f.input_dim), min_size=1, max_size=3)), seed)


@law(20)
@given(st.data(), st.integers(0, 1000))
def test_chains(data: Any, seed: int) -> None:
    f = data.draw(chains(units=PIECEWISE))
    g = f.nudged(data.draw(st.integers(0, 60)), data.draw(STEPS))
    assert contained(f.network(), g.network(), data.draw(st.lists(areas(f.network().input_dim), min_size=1, max_size=3)), seed)


@law(20)
@given(st.data(), st.integers(0, 1000))
def test_networks_that_do_not_match(data: Any, seed: int) -> None:
    f = data.draw(graphs())
    assert contained(f, data.draw(nearby(f)), data.draw(st.lists(areas(f.input_dim), min_size=1, max_size=2)), seed)


@law(20)
@given(st.data(), st.integers(0, 1000))
def test_one_network_and_zero(data: Any, seed: int) -> None:
    f = data.draw(graphs())
    assert contained(f, None, data.draw(st.lists(areas(f.input_dim), min_size=1, max_size=3)), seed)


@law(20)
@given(st.data())
def test_a_network_and_itself_differ_by_exactly_nothing(data: Any) -> None:
    f = data.draw(st.one_of(graphs(), chains(units=PIECEWISE).map(lambda c: c.network())))
    grid = Grid(data.draw(areas(f.input_dim)), 64)
    low, high = joint_pass(Stages(f, f), grid.lo[:, None], grid.hi[:, None]).outputs[2]
    assert not low.any()
    assert not high.any()


@law(15)
@given(st.data())
def test_boxes_do_not_depend_on_their_neighbours(data: Any) -> None:
    """Several boxes at once have the ranges of each by itself, up to the order in which floats are added."""
    f = data.draw(graphs())
    stages = Stages(f, data.draw(copies(f)))
    grids = [Grid(data.draw(areas(f.input_dim)), 64) for _ in range(3)]
    together = joint_pass(stages, *(np.array([getattr(g, side) for g in grids]).T for side in ("lo", "hi")))
    for k, grid in enumerate(grids):
        alone = joint_pass(stages, grid.lo[:, None], grid.hi[:, None])
        for i in (0, 1):
            ours, theirs = together.outputs[i], alone.outputs[i]
            assert ours is not None
            assert theirs is not None
            size = np.maximum(np.abs(theirs.lo), np.abs(theirs.hi))
            assert (np.abs(np.array(ours)[:, :, k : k + 1] - np.array(theirs)) <= 2.0**-30 * size).all()


# --- numbers beyond float64 -----------------------------------------------------------------------------------------------------


def homogeneous(factors: Sequence[Fraction]) -> Network:
    """max(x - y, 0), its square layers scaled by these factors."""
    first, *middle, last = factors
    layers: list[Any] = [([[first, -first], [-first, first]], [0, 0])]
    layers += [([[q, 0], [0, q]], [0, 0]) for q in middle]
    return mlp([*layers, ([[last, 0]], [0])])


@pytest.mark.parametrize("size", [10**60, 10**140])
def test_large_and_small_weights_that_cancel(size: int) -> None:
    f = homogeneous([Fraction(size), Fraction(1), Fraction(1, size)])
    g = homogeneous([Fraction(1, size), Fraction(2), Fraction(size)])
    for box in (Box([-1, -1], [1, 1]), Box([0, 0], [TINY, 0]), Box([3, 3], [3, 3])):
        assert contained(f, g, [box])
        assert contained(f, f, [box])


@pytest.mark.parametrize(
    "factors",
    [
        [Fraction(10**200), Fraction(10**200), Fraction(1, 10**300)],  # a value overflows, the output does not
        [Fraction(10**320), Fraction(1)],  # a weight does
        [Fraction(1, 10**320), Fraction(1)],  # a weight underflows
    ],
)
def test_what_float64_cannot_hold_is_not_bounded(factors: list[Fraction]) -> None:
    """A range that is no number must not be taken for that of an inactive unit."""
    f = homogeneous(factors)
    with pytest.raises(NotBounded, match="float64"):
        joint_pass(Stages(f, homogeneous([Fraction(1)] * len(factors))), -np.ones((2, 1)), np.ones((2, 1)))


def test_underflow_is_part_of_the_remainder() -> None:
    """1e-200 * 1e-200 * 1e250 * 1e250 = 1e100, which floats lose after two layers."""
    f = homogeneous([Fraction(1, 10**200), Fraction(1, 10**200), Fraction(10**250), Fraction(10**250)])
    assert contained(f, homogeneous([Fraction(1)] * 4), [Box([-1, -1], [1, 1])])


# --- planted errors -------------------------------------------------------------------------------------------------------------

UNIT = mlp([([[1]], [0]), ([[1]], [0])])
SHIFTED = mlp([([[1]], ["-1/8"]), ([[1]], [0])])
#: max(x - 1/2, 0) + max(x + 10, 0) and max(x + 1/2, 0) + x/2: not paired
ONE = mlp([([[1], [1]], ["-1/2", 10]), ([[1, 1]], [0])])
OTHER = mlp([([[1], [1], [0]], ["1/2", 10, 0]), ([[1, "1/2", 0]], [0])])
#: two layers, so that what is known of max(a, 0) - max(b, 0) is used
LATER = [mlp([([[1]], [shift]), ([[1], [-1]], [0, 1]), ([[1, 1]], [0])]) for shift in (0, "-1/8")]
#: (2^60 x + 1/3) - 2^60 x
CANCELLING = mlp([([[2**60], [2**60]], ["1/3", 0]), ([[1, -1]], [0])])
CASES = [(UNIT, SHIFTED), (SHIFTED, UNIT), (ONE, OTHER), (OTHER, ONE), (LATER[0], LATER[1]), (LATER[1], LATER[0]), (CANCELLING, UNIT)]
AREAS = [Box([a], [b]) for a, b in itertools.combinations_with_replacement([Fraction(q) for q in (-1, "-1/3", "1/16", 1)], 2)]


def all_contained() -> bool:
    return all(contained(f, g, AREAS, seed) for f, g in CASES for seed in (0, 1))


@pytest.fixture
def sound_before() -> None:
    """The rules as they are pass where a planted error is to be seen."""
    assert all_contained()


@pytest.mark.usefixtures("sound_before")
class TestPlanted:
    """Each of these rules is wrong, and seen to be."""

    def test_rounding_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_stages, "ROUND", 0.0)
        monkeypatch.setattr(_zonotope, "ROUND", 0.0)
        assert not all_contained()

    def test_slope_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        line = _zonotope._line
        monkeypatch.setattr(_zonotope, "_line", lambda x: (line(x)[0] * 1.5, line(x)[1]))
        assert not all_contained()

    def test_half_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        line = _zonotope._line
        monkeypatch.setattr(_zonotope, "_line", lambda x: (line(x)[0], line(x)[1] * 0))
        assert not all_contained()

    def test_coupled_with_half_the_reach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        delta = _zonotope._Walk._delta
        monkeypatch.setattr(_zonotope._Walk, "_delta", lambda self, a, d, e, *rest: delta(self, a, d, Range(e.lo / 2, e.hi / 2), *rest))
        assert not all_contained()

    def test_sizes_that_are_too_small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What bounds the rounding of later sums."""
        made = _zonotope.Form.__init__
        monkeypatch.setattr(_zonotope.Form, "__init__", lambda self, parts, rest, rows=None, size=None: made(self, parts, rest, rows, rest))
        assert not all_contained()

    def test_units_of_two_networks_share_a_symbol(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def shared(a: Any, b: Any) -> Any:
            own = _zonotope._sum([a.parts[1], -b.parts[1]])
            return _zonotope.Form([a.parts[0] - b.parts[0], own, own * 0], a.rest + b.rest)

        monkeypatch.setattr(_zonotope, "_difference", shared)
        assert not all_contained()

    def test_difference_of_units_without_zero(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_zonotope, "_delta_range", lambda x, y, d: d)
        assert not all_contained()

    def test_stable_where_only_one_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A difference passes as it is if f's unit is active, whatever g's does."""
        between = _zonotope._delta_range
        monkeypatch.setattr(_zonotope, "_delta_range", lambda x, y, d: between(x, x, d))
        assert not all_contained()

    def test_ranges_of_the_difference_used_the_wrong_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sharper = _zonotope._sharper
        monkeypatch.setattr(_zonotope, "_sharper", lambda d, x, y: sharper(Range(-d.hi, -d.lo), x, y))
        assert not all_contained()
