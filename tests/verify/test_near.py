"""Counterexamples near the user's data, and the largest difference that was found, against brute force."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn.exact.array import RationalArray
from exactnn.network import Network
from exactnn.verdict import Verdict
from exactnn.verify._near import most_apart

CLAMP = xn.mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0])])  # min(max(x, 0), 1)
RELU = xn.mlp([([[1]], [0]), ([[1]], [0])])  # the same up to x = 1


def deep(seed: int, change: float = 0.0, outputs: int = 2) -> Network:
    draw = np.random.default_rng(seed)
    layers = [(draw.standard_normal((n, m)), draw.standard_normal(n)) for m, n in ((3, 6), (6, 5), (5, outputs))]
    layers[-1][0][0, 0] += change
    return xn.mlp(layers)


def gap(f: Network, g: Network, x: Any) -> Fraction:
    return max(abs(a - b) for a, b in zip(f(x), g(x), strict=True))


def consistent(verdict: Verdict, f: Network, g: Network) -> None:
    """What it tells is so."""
    x = verdict.counterexample
    assert x is not None
    assert verdict.values == (f(x), g(x))
    assert verdict.difference == gap(f, g, x)
    found = verdict.largest
    assert found is not None
    assert verdict.difference is not None
    assert found.value == abs(f(found.point)[found.output] - g(found.point)[found.output]) == gap(f, g, found.point)
    assert found.value >= verdict.difference > 0


def test_a_data_point_where_the_claim_fails_is_the_counterexample() -> None:
    verdict = xn.verify_equal(CLAMP, RELU, near=[[0], [5], [3]])
    assert verdict.counterexample == (5,)  # the largest difference of the data
    assert "exact values at the data" in verdict.reason
    consistent(verdict, CLAMP, RELU)


@pytest.mark.parametrize("data", [[["1/2"]], [[-7], ["1/2"], [0]], [[0.75], [-100]]])
def test_else_it_lies_on_the_way_to_one(data: list[list[Any]]) -> None:
    verdict = xn.verify_equal(CLAMP, RELU, near=data)
    (x,) = verdict.counterexample or ()
    far = xn.verify_equal(CLAMP, RELU).counterexample
    assert far is not None
    nearest = max(Fraction(p[0]) for p in data)
    assert 1 < x <= 1 + (far[0] - nearest) / 2**9  # the claim fails from 1 on, and the way was halved ten times
    consistent(verdict, CLAMP, RELU)


def test_a_tolerance_is_respected_on_the_way() -> None:
    domain = xn.Box(-2, 3)
    verdict = xn.verify_equal(CLAMP, RELU, domain=domain, tolerance="1/10", near=[[0], [-50]])
    (x,) = verdict.counterexample or ()
    assert Fraction(11, 10) < x < Fraction(6, 5)
    assert xn.verify_equal(CLAMP, RELU, domain=domain, tolerance=2, near=[[0]]).proved
    consistent(verdict, CLAMP, RELU)


def test_points_outside_the_domain_refute_nothing() -> None:
    assert xn.verify_equal(CLAMP, RELU, domain=xn.Box(-2, 1), near=[[5]]).proved
    verdict = xn.verify_equal(CLAMP, RELU, domain=xn.Box(-2, 2), near=[[5], [100]])
    assert verdict.counterexample is not None
    assert -2 <= verdict.counterexample[0] <= 2
    consistent(verdict, CLAMP, RELU)


@pytest.mark.parametrize("seed", range(4))
def test_deep_networks_on_boxes_and_everywhere(seed: int) -> None:
    f, g = deep(seed), deep(seed, 1e-3)
    data = np.random.default_rng(seed + 9).uniform(-1, 1, (20, 3))
    for options in ({}, {"domain": xn.Box(-2, 2)}, {"domain": xn.Box(-2, 2), "tolerance": "1/1000000"}):
        plain, near = xn.verify_equal(f, g, **options), xn.verify_equal(f, g, near=data, **options)
        assert plain.refuted
        assert near.refuted
        consistent(plain, f, g)
        consistent(near, f, g)
        gaps = [gap(f, g, row) for row in data]
        if max(gaps) > Fraction(options.get("tolerance", 0)):
            assert near.difference == max(gaps)


def test_zero_symmetry_and_smooth_networks() -> None:
    verdict = xn.verify_zero(CLAMP, near=[[-1], [-2]])
    assert verdict.counterexample is not None
    assert 0 < verdict.counterexample[0] < Fraction(1, 64)
    f = xn.mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 2]], [0])])
    flipped = xn.verify_symmetry(f, xn.symmetry.Flip([0]), near=[[3, 4], [0, -1]])
    assert flipped.counterexample == (3, 4)
    a, b = (xn.mlp([([[1]], [0]), ([[w]], [0])], activation="tanh") for w in (1, 2))
    smooth = xn.verify_equal(a, b, near=[[3], [7]])
    assert smooth.refuted
    assert smooth.counterexample in ((3,), (7,))
    assert (smooth.values, smooth.largest, smooth.difference) == (None, None, None)


def test_a_pole_among_the_data_is_passed_over() -> None:
    pole = xn.mlp([([[1]], [0]), ([[1]], [0])], activation=xn.rational.RationalFunction([1], [0, 1]))
    twice = xn.mlp([([[1]], [0]), ([[2]], [0])], activation=xn.rational.RationalFunction([1], [0, 1]))
    verdict = xn.verify_equal(pole, twice, near=[[0], [4]])
    assert verdict.counterexample == (4,)


def test_decisions() -> None:
    f, g = xn.mlp([([[1], [0]], [0, 0])]), xn.mlp([([[1], [0]], [-1, 0])])  # they differ on [0, 1]
    at_data = xn.verify_same_decision(f, g, domain=xn.Box(-5, 5), near=[[-1], ["1/3"]])
    assert at_data.counterexample == (Fraction(1, 3),)
    for data, lower, upper in (([[-1]], 0, Fraction(1, 8)), ([[3], [-4]], Fraction(7, 8), 1)):
        on_the_way = xn.verify_same_decision(f, g, domain=xn.Box(-5, 5), near=data)
        assert on_the_way.counterexample is not None
        assert lower <= on_the_way.counterexample[0] <= upper
    assert xn.verify_same_decision(f, f, domain=xn.Box(-5, 5), near=[[0]]).proved


def test_at_points_the_largest_is_told_too() -> None:
    verdict = xn.verify_equal_at(CLAMP, RELU, [[0], [2], [7], [3]])
    assert verdict.counterexample == (2,)
    assert verdict.largest is not None
    assert (verdict.largest.value, verdict.largest.point) == (6, (7,))


@pytest.mark.parametrize("bad", [[1, 2], [[1, 2]], [], "x", [[float("nan")]], [["a"]]])
def test_data_that_are_none_are_named(bad: Any) -> None:
    for ask in (lambda: xn.verify_equal(CLAMP, RELU, near=bad), lambda: xn.verify_same_decision(CLAMP, RELU, domain=None, near=bad)):
        with pytest.raises(xn.errors.ExactnnError, match="near"):
            ask()


# --- the largest deviation -------------------------------------------------------------------------------------------------------------


def test_the_largest_deviation_is_at_a_data_point_if_it_can_be() -> None:
    """min(max(x, 0), 1) against max(x, 0): all of [1, 3] x {y} for the l1 norm of two equal outputs, all y."""
    f, g = (xn.mlp([(w, b), ([[1] * len(b)], [0])]) for w, b in (([[1, 0]], [0]), ([[1, 0], [1, 0]], [0, -1])))
    domain = xn.Box([0, 0], [3, 1])
    found = xn.max_deviation(f, g, domain=domain, near=[[3, "1/3"], [1, 1], [9, 9]])
    assert found.is_exact
    assert found.point == (3, Fraction(1, 3))  # and not a vertex; 9, 9 is not in the domain
    assert found.upper == 2
    assert xn.check(found.certificate)
    assert xn.max_deviation(f, g, domain=domain, near=[[9, 9]]).upper == 2  # none in the domain: as without


SPIKE = [1 / 3] * 8


def spike() -> tuple[Network, Network]:
    """0 and max(1 - 40 |x - SPIKE|_1, 0), which random starts do not see."""
    d = len(SPIKE)
    eye = np.eye(d)
    tips = [(eye, [-s for s in SPIKE]), (-eye, SPIKE)]  # max(x - s, 0), max(s - x, 0)
    weight, bias = np.concatenate([tips[0][0], tips[1][0]]), np.concatenate([tips[0][1], tips[1][1]])
    bump = [(weight, bias), (-40 * np.ones((1, 2 * d)), [1])]
    return xn.mlp([*bump, ([[0]], [0])]), xn.mlp([*bump, ([[1]], [0])])


@pytest.mark.parametrize("time_limit", [0, 3])
def test_the_search_starts_at_the_data(time_limit: int) -> None:
    """A bump that only a start near it finds: at once, where there is no time to climb, and on its top where there is."""
    f, g = spike()
    domain = xn.Box(0, 1)
    beside = [s + 1 / 400 for s in SPIKE]
    own = gap(f, g, beside)
    assert own > 0
    found = xn.max_deviation(f, g, domain=domain, near=[beside, [0] * 8], time_limit=time_limit)
    if time_limit:
        assert found.lower > Fraction(9, 10)  # the top is 1
    assert found.lower >= own
    assert found.lower == gap(f, g, found.point)


@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_the_worst_of_many_data_points(norm: str) -> None:
    """At the end of the time the lower end is that of the worst point, which is exact; numerators of three outputs near 2^62."""
    big = [(np.eye(3) * 2.0**40, [0.0] * 3), (np.eye(3), [0] * 3)]
    f, g = (xn.mlp([big[0], (np.eye(3) * c, [0] * 3)]) for c in (1, 1 + 2.0**-20))
    data = np.random.default_rng(2).uniform(0, 1, (100, 3))
    own = [[abs(a - b) for a, b in zip(f(x), g(x), strict=True)] for x in data]
    worst = max(sum(row) if norm == "l1" else max(row) for row in own)
    found = xn.max_deviation(f, g, domain=xn.Box(0, 1), near=data, norm=norm, time_limit=0)
    assert found.lower >= worst
    assert any(found.point == tuple(map(Fraction, x)) for x in data) or found.lower > worst


def test_deviations_of_smooth_networks_from_the_data() -> None:
    """A step that is steep near one place only."""
    f, g = (xn.mlp([([[4000] * 3], [-4000]), ([[c]], [0])], activation="tanh") for c in (0, 1))
    wide = xn.Box(0, "2/5")
    found = xn.max_deviation(f, g, domain=wide, near=[["1/3"] * 3, ["2/5"] * 3], gap=1)
    assert found.lower > Fraction(99, 100)


@pytest.mark.parametrize(
    ("data", "words"),
    [([1, 2], "near: one row of 1 numbers"), ([[1, 2]], "near: shape"), ([[float("nan")]], "near"), ("data", "near")],
)
def test_bad_data(data: Any, words: str) -> None:
    with pytest.raises(xn.errors.ExactnnError, match=words):
        xn.max_deviation(CLAMP, RELU, domain=xn.Box(0, 1), near=data)


def test_more_data_than_is_computed_exactly() -> None:
    """Floats choose the largest of them."""
    draw = np.random.default_rng(1)
    f, g = deep(3), deep(3, 0.25)
    data = draw.uniform(-1, 1, (3000, 3))
    found = most_apart(f, g, RationalArray.of(data), "l1", 5)
    best = sorted(range(3000), key=lambda i: -sum(abs(a - b) for a, b in zip(f(data[i]), g(data[i]), strict=True)))[:5]
    assert found == RationalArray.of(data[best])
