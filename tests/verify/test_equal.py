"""verify_equal, verify_zero and verify_symmetry on all of R^d: the named cases T1, T2, ..., and laws."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, Verdict, check, mlp, verify_equal, verify_symmetry, verify_zero
from exactnn.errors import VerdictIsNotBoolean
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Conv, Input, MaxPool, Rational, Reshape, Subtract, relu
from exactnn.symmetry import Flip, Permutation, Scaling, SignFlip, normal_form
from tests.strategies import TINY, Shallow, equal_pairs, graphs, law, nudged, numbers, renamed, shallows, weights, with_weight
from tests.verify._oracles import assert_sound, run, same_in_the_plane, value, z3_differ


def net(*neurons: tuple[Any, Any, Any], c: Any = 0, unit: Any = "relu") -> Network:
    """c + sum a phi(w x + b), neurons as (a, w, b); w a list for several inputs, a and c lists for several outputs."""
    listed = [v if isinstance(v, list) else [v] for v in (c, *(n[0] for n in neurons))]
    weight = [n[1] if isinstance(n[1], list) else [n[1]] for n in neurons]
    out = [[a[j] for a in listed[1:]] for j in range(len(listed[0]))]
    return mlp([(weight, [n[2] for n in neurons]), (out, listed[0])], activation=unit)


def ramp(slope: Any = 1) -> Network:
    return net((1, slope, 0))


@dataclass(frozen=True)
class Big:
    """An mpmath number that Fractions can be added to and multiplied by."""

    number: Any

    def __add__(self, other: Any) -> Big:
        return Big(self.number + as_big(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Big:
        return Big(self.number - as_big(other))

    def __mul__(self, other: Any) -> Big:
        return Big(self.number * as_big(other))

    __rmul__ = __mul__


def as_big(value: Any) -> Any:
    return value.number if isinstance(value, Big) else mpmath.mpf(Fraction(value).numerator) / Fraction(value).denominator


def positive_part(v: Any) -> Any:
    return Big(max(as_big(v), mpmath.mpf(0)))


def smooth_function(name: str, v: Any) -> Any:
    x = as_big(v)
    found = {
        "tanh": lambda: mpmath.tanh(x),
        "sigmoid": lambda: 1 / (1 + mpmath.exp(-x)),
        "silu": lambda: x / (1 + mpmath.exp(-x)),
        "softplus": lambda: mpmath.log1p(mpmath.exp(-abs(x))) + max(x, 0),
        "gelu": lambda: x * mpmath.ncdf(x),
        "gelu_tanh": lambda: x * (1 + mpmath.tanh(x * (mpmath.mpf("0.7978845608028654") + mpmath.mpf("0.035677408136300125") * x * x))) / 2,
    }
    return Big(found[name]())


def proved(verdict: Verdict) -> bool:
    assert verdict.proved, str(verdict)
    assert verdict.counterexample is None
    return check(verdict.certificate)


def differ(f: Network, g: Network) -> bool:
    """Refuted, for networks with smooth nodes: the values at the point differ by floats of 120 digits too."""
    verdict = verify_equal(f, g)
    assert verdict.refuted, str(verdict)
    assert verdict.counterexample is not None
    assert gap(f, g, verdict.counterexample) > 1e-30
    return check(verdict.certificate)


def gap(f: Network, g: Network, x: Sequence[Fraction]) -> Fraction:
    """max |f_j(x) - g_j(x)|, with 120 digits (constants near 2^70 and weights near 10^-30 meet)."""
    with mpmath.workdps(120):
        point = [mpmath.mpf(q.numerator) / q.denominator for q in x]
        left, right = (run(n, [Big(q) for q in point], positive_part, smooth_function) for n in (f, g))
        largest = max(abs(as_big(a) - as_big(b)) for a, b in zip(left, right, strict=True))
        return Fraction(*map(int, mpmath.libmp.to_rational(largest._mpf_)))


def refuted(verdict: Verdict, f: Network, g: Network | None = None) -> bool:
    return assert_sound(verdict, f, g) == "refuted"


# --- ground truth ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0, 1])
def test_t1_four_neurons_that_are_zero(shift: int) -> None:
    f = net((1, 1, shift), (-1, -1, -shift), (-1, 1, shift + 1), (1, -1, -shift - 1), c=1)
    assert proved(verify_zero(f))
    assert proved(verify_equal(f, net((5, 0, 0))))


def test_t2_six_neurons_that_are_zero_without_constants() -> None:
    rows = [[1, 0], [0, 1], [-1, -1]]
    f = net(*((1, w, 0) for w in rows), *((-1, [-q for q in w], 0) for w in rows))
    assert proved(verify_zero(f))


def test_t3_equal_and_not_permuted() -> None:
    rows = [[1, 0], [0, 1], [-1, -1]]
    f, g = net(*((1, w, 0) for w in rows)), net(*((1, [-q for q in w], 0) for w in rows))
    assert proved(verify_equal(f, g))
    assert proved(verify_symmetry(f, Flip([0, 1, 2])))
    for part in ([0], [1], [0, 1], [1, 2]):
        assert refuted(verify_symmetry(f, Flip(part)), f, Flip(part).apply(f))


def test_t4_a_flip_of_both_neurons() -> None:
    f, g = net((1, 1, 0), (-1, 1, -1)), net((1, -1, 0), (-1, -1, 1), c=1)
    assert proved(verify_equal(f, g))
    assert proved(verify_symmetry(f, Flip([0, 1])))
    assert refuted(verify_symmetry(f, Flip([0])), f, Flip([0]).apply(f))


def test_t5_merging_and_scaling_across_widths() -> None:
    nets = [net((3, 2, 2)), net((2, 1, 1), (4, 1, 1)), net((6, 1, 1))]
    assert all(proved(verify_equal(f, g)) for f in nets for g in nets)


def test_t6_constant_neurons() -> None:
    assert proved(verify_equal(net((1, 1, 0), (2, 0, 3), (7, 0, -5), c=-6), ramp()))


def test_t7_same_jumps_another_slope() -> None:
    f, g = ramp(1), ramp(-1)
    verdict = verify_equal(f, g)
    assert refuted(verdict, f, g)
    assert verdict.counterexample == (Fraction(1),)


def test_t8_abs_in_two_ways() -> None:
    assert proved(verify_equal(net((1, 1, 0), (1, -1, 0)), net(("1/2", 2, 0), ("1/3", -3, 0))))


def test_t9_a_linear_pair_slides() -> None:
    assert proved(verify_equal(net((1, 1, 0), (-1, -1, 0)), net((1, 1, 5), (-1, -1, -5), c=-5)))


def test_t10_ten_to_the_minus_thirty() -> None:
    f = net((1, 1, 0), (-1, 1, Fraction(1, 10**30)))
    assert refuted(verify_zero(f), f)


def test_t11_decimals_and_doubles() -> None:
    third = Fraction(1, 10) + Fraction(2, 10)
    assert proved(verify_zero(net((1, third, 0), (-1, "3/10", 0))))
    assert proved(verify_zero(net((1, third, 0), (-1, "0.3", 0))))
    doubles = net((1, 0.1 + 0.2, 0), (-1, 0.3, 0))
    assert refuted(verify_zero(doubles), doubles)


def test_t16_two_neurons_on_one_hyperplane() -> None:
    f, linear = net((2, 1, 0), (1, -1, 0)), net((1, 1, 0), (-1, -1, 0))
    assert proved(verify_equal(f, net((3, 1, 0), (1, -1, 7), (-1, 1, -7), c=-7)))
    assert proved(verify_equal(linear, mlp([([[1]], [0])])))


@pytest.mark.parametrize("unit", ["silu", "gelu", "gelu_tanh", "softplus"])
def test_t17_smooth_zero_network(unit: str) -> None:
    assert proved(verify_zero(net((1, 1, 0), (-1, -1, 0), (-1, 1, 1), (1, -1, -1), c=1, unit=unit)))
    assert differ(net(("1/2", 2, 0), unit=unit), net((1, 1, 0), unit=unit))


@pytest.mark.parametrize("unit", ["silu", "gelu", "gelu_tanh", "softplus", "tanh", "sigmoid"])
def test_t17_no_scaling_symmetry(unit: str) -> None:
    f = net((1, 1, 0), (3, "1/2", 1), unit=unit)
    verdict = verify_symmetry(f, Scaling(0, [2, 1]))
    assert verdict.refuted
    assert check(verdict.certificate)
    assert proved(verify_symmetry(f, Permutation(0, [1, 0])))


def test_t18_tanh() -> None:
    assert proved(verify_zero(net((1, 1, 0), (1, -1, 0), unit="tanh")))
    assert proved(verify_zero(net((1, 0, 1), (1, 0, -1), unit="tanh")))
    f = net((1, 0, 1), (-1, 0, 2), unit="tanh")
    assert differ(f, net((0, 0, 0), unit="tanh"))
    assert verify_zero(f).refuted
    f = net((3, 2, 1), (5, 1, -4), unit="tanh")
    assert proved(verify_symmetry(f, SignFlip(0, [0, 1])))


def test_t19_leaky_relu() -> None:
    unit = "leaky_relu(1/10)"
    assert proved(verify_equal(net((1, 1, 0), (-1, -1, 0), unit=unit), mlp([([["11/10"]], [0])])))
    assert proved(verify_equal(net((1, 1, 0), (1, -1, 0), unit=unit), net(("9/10", 1, 0), unit="abs")))


def test_t22_across_depths() -> None:
    deep = mlp([([[1], [-1]], [0, 0]), ([[1, -1]], [0]), ([[1]], [0])])
    assert proved(verify_equal(deep, ramp()))


def test_t23_deep_zero_with_no_zero_weight() -> None:
    deep = mlp([([[1], [-1]], [0, 0]), ([[-1, -1]], [0]), ([[1]], [0])])
    assert proved(verify_zero(deep))
    plane = mlp([([[1, 2], [-1, -3]], [1, 1]), ([[-1, -1]], [-1]), ([[1]], [0])])
    assert proved(verify_zero(plane))


@pytest.mark.parametrize("v", [0, 1, "-7/3", 10**40])
def test_t24_free_weight_behind_a_dead_neuron(v: Any) -> None:
    deep = mlp([([[1], [-1]], [0, 0]), ([[1, 1], [-1, -1]], [0, -1]), ([[1, v]], [0])])
    assert proved(verify_equal(deep, net((1, 1, 0), unit="abs")))


def test_t26_tent_of_a_tent() -> None:
    def tents(quarter: Any) -> tuple[Network, Network]:
        rows, bias, out = [[1]] * 3, [0, "-1/2", -1], [[2, -4, 2]]
        inner = np.array(out, dtype=object).repeat(3, axis=0).tolist()
        deep = mlp([(rows, bias), (inner, bias), (out, [0])])
        places = [0, quarter, Fraction(1, 2), Fraction(3, 4), 1]
        return deep, net(*((a, 1, -at) for a, at in zip((4, -8, 8, -8, 4), places, strict=True)))

    assert proved(verify_equal(*tents(Fraction(1, 4))))
    f, g = tents(Fraction(1, 4) + TINY)
    assert refuted(verify_equal(f, g), f, g)


def test_the_counterexample_is_small() -> None:
    f = mlp([(np.eye(40, dtype=int), np.zeros(40, dtype=int)), (np.ones((1, 40), dtype=int), [0])])
    g = mlp([(np.eye(40, dtype=int), np.zeros(40, dtype=int)), ([[1] * 39 + [1 + TINY]], [0])])
    x = verify_equal(f, g).counterexample
    assert x is not None
    assert sum(bool(q) for q in x) == 1


# --- verdicts -------------------------------------------------------------------------------------------------------------


def test_a_verdict_has_no_truth_value() -> None:
    with pytest.raises(VerdictIsNotBoolean, match=r"proved.*ask \.proved"):
        bool(verify_zero(net((1, 0, -1))))


def test_a_verdict_says_what_it_is_about() -> None:
    verdict = verify_equal(ramp(1), ramp(-1))
    assert verdict.semantics == "real arithmetic"
    assert str(verdict).startswith("REFUTED: f = g on all of R^1 (real arithmetic)")
    assert verdict.values == ((Fraction(1),), (Fraction(0),))


# --- laws -----------------------------------------------------------------------------------------------------------------


@given(equal_pairs())
@law(30)
def test_equal_by_construction_is_proved(pair: tuple[Shallow, Shallow]) -> None:
    f, g = (s.network() for s in pair)
    assert proved(verify_equal(f, g))
    assert proved(verify_equal(g, f))


@given(equal_pairs(), st.integers(0, 10**6), st.sampled_from([TINY, -TINY, Fraction(1), Fraction(1, 3)]))
@law(30)
def test_one_changed_parameter(pair: tuple[Shallow, Shallow], place: int, step: Fraction) -> None:
    f, g = pair
    h = nudged(g, place, step)
    verdict = verify_equal(f.network(), h.network())
    status = assert_sound(verdict, f.network(), h.network())
    assert status in ("proved", "refuted")
    if f.inputs <= 2:
        assert (status == "proved") is same_in_the_plane(f.network(), h.network(), [*f.kinks(), *h.kinks()])
    elif status == "proved":
        assert z3_differ(f.network(), h.network()) is not True


@given(shallows(st.integers(1, 2)), st.data())
@law(30)
def test_any_two_networks_against_exact_values_at_all_vertices(f: Shallow, data: st.DataObject) -> None:
    g = data.draw(shallows(st.just(f.inputs)).filter(lambda g: len(g.constants) == len(f.constants)))
    status = assert_sound(verify_equal(f.network(), g.network()), f.network(), g.network())
    assert status == ("proved" if same_in_the_plane(f.network(), g.network(), [*f.kinks(), *g.kinks()]) else "refuted")


@given(shallows(st.just(3), width=4, outputs=1), st.data())
@law(15)
def test_any_two_networks_against_z3(f: Shallow, data: st.DataObject) -> None:
    g = data.draw(shallows(st.just(3), width=4, outputs=1))
    status = assert_sound(verify_equal(f.network(), g.network()), f.network(), g.network())
    differ = z3_differ(f.network(), g.network())
    assert differ is None or status == ("refuted" if differ else "proved")


@given(shallows())
@law(15)
def test_zero_is_equality_with_the_zero_network(f: Shallow) -> None:
    zero = Shallow(f.inputs, (), (Fraction(0),) * len(f.constants))
    assert verify_zero(f.network()).status == verify_equal(f.network(), zero.network()).status
    assert assert_sound(verify_zero(f.network()), f.network()) in ("proved", "refuted")


@given(shallows(units=("relu", "abs", "leaky_relu(1/10)"), outputs=2), st.data())
@law(20)
def test_a_flip_is_a_symmetry_exactly_if_the_sum_vanishes(f: Shallow, data: st.DataObject) -> None:
    """Flip_T keeps f exactly when r sum_T a_i w_i^T = 0 (docs/theory.md 5)."""
    if not f.neurons:
        return
    chosen = sorted(data.draw(st.sets(st.integers(0, len(f.neurons) - 1))))
    total = sum((np.outer(f.neurons[i][2], f.neurons[i][0]) for i in chosen), np.zeros((1, 1), dtype=object))
    verdict = verify_symmetry(f.network(), Flip(chosen))
    keeps = f.mirror == 0 or not total.any()
    assert verdict.status == ("proved" if keeps else "refuted")
    assert assert_sound(verdict, f.network(), Flip(chosen).apply(f.network())) == verdict.status


@given(shallows(units=("relu", "leaky_relu(2)", "prelu", "hardtanh"), width=4), st.data())
@law(15)
def test_scalings_keep_homogeneous_networks(f: Shallow, data: st.DataObject) -> None:
    if not f.neurons:
        return
    factors = [data.draw(st.sampled_from([Fraction(1), Fraction(2), Fraction(5, 3)])) for _ in f.neurons]
    verdict = verify_symmetry(f.network(), Scaling(0, factors))
    assert assert_sound(verdict, f.network(), Scaling(0, factors).apply(f.network())) in ("proved", "refuted")
    if f.homogeneous:
        assert verdict.proved


SMOOTH_UNITS = ("tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus")


@given(equal_pairs(units=SMOOTH_UNITS, width=3))
@law(20)
def test_smooth_networks_that_are_equal_by_construction(pair: tuple[Shallow, Shallow]) -> None:
    f, g = (s.network() for s in pair)
    assert proved(verify_equal(f, g))


@given(equal_pairs(units=SMOOTH_UNITS, width=3), st.integers(0, 10**6), st.sampled_from([TINY, Fraction(1, 1000), Fraction(1)]))
@law(30)
def test_smooth_networks_with_one_changed_parameter(pair: tuple[Shallow, Shallow], place: int, step: Fraction) -> None:
    """Nothing is proved that 120 digits refute at random points; what is refuted differs."""
    f, g = pair[0].network(), nudged(pair[1], place, step).network()
    verdict = verify_equal(f, g)
    if verdict.refuted:
        assert verdict.counterexample is not None
        assert gap(f, g, verdict.counterexample) > 0
    if not verdict.unknown:
        assert check(verdict.certificate)
    if verdict.proved:
        rng = np.random.default_rng(0)
        for _ in range(10):
            x = [Fraction(int(q), 16) for q in rng.integers(-64, 65, f.input_dim)]
            assert gap(f, g, x) < 1e-35


@given(graphs(units=(*SMOOTH_UNITS, "relu"), nodes=6), st.data())
@law(25)
def test_graphs_with_smooth_nodes(f: Network, data: st.DataObject) -> None:
    assert proved(verify_equal(f, renamed(f, "again ")))
    places = weights(f)
    if not places:
        return
    g = with_weight(f, data.draw(st.sampled_from(places)), data.draw(st.sampled_from([TINY, Fraction(1)])))
    domain = data.draw(st.sampled_from([None, Box(-1, 1), Box(1, 1)]))
    tolerance = data.draw(st.sampled_from([Fraction(0), TINY / 2, Fraction(1)]))
    verdict = verify_equal(f, g, domain=domain, tolerance=tolerance, time_limit=20)
    if not verdict.unknown:
        assert check(verdict.certificate)
    if verdict.counterexample is not None:
        assert gap(f, g, verdict.counterexample) > tolerance
    if verdict.proved:
        rng = np.random.default_rng(0)
        for _ in range(5):
            x = [Fraction(1) if domain == Box(1, 1) else Fraction(int(q), 64) for q in rng.integers(-64, 65, f.input_dim)]
            assert gap(f, g, x) <= tolerance + Fraction(1, 10**35)


@pytest.mark.parametrize("unit", SMOOTH_UNITS)
def test_smooth_constants_and_values_at_zero(unit: str) -> None:
    """phi(0) is rational but for softplus; other constants are only equal to themselves."""
    zero = mlp([([[0]], [0]), ([[1]], [0])], activation=unit)
    level = {"sigmoid": Fraction(1, 2)}.get(unit, Fraction(0))
    assert verify_equal(zero, mlp([([[0]], [level])])).status == ("refuted" if unit == "softplus" else "proved")
    f = net((1, 0, 1), (1, 1, 0), unit=unit)
    assert proved(verify_equal(f, net((1, 1, 0), (1, 0, 1), unit=unit)))
    assert verify_equal(f, net((1, 1, 0), (1, 0, 1 + TINY), unit=unit)).status != "proved"


def test_units_are_not_mixed_up() -> None:
    nets = [net((1, 1, 0), unit=unit) for unit in (*SMOOTH_UNITS, "relu", "hardtanh")]
    for f, g in itertools.combinations(nets, 2):
        assert verify_equal(f, g).refuted
    half = mlp([([["1/2"]], [0]), ([["1/2"]], ["1/2"])], activation="tanh")  # sigmoid(x) = (1 + tanh(x/2))/2, which is not claimed
    assert verify_equal(half, net((1, 1, 0), unit="sigmoid")).status in ("unknown", "proved")


def test_rational_activations() -> None:
    def with_unit(numerator: list[Any], denominator: list[Any], shift: Any = 0) -> Network:
        return mlp([([[1, 2], [3, 4]], [0, 1]), ([[1, 1 + shift]], [0])], activation=Rational.of(numerator, denominator))

    f = with_unit([0, 1], [1, 0, 1])
    assert proved(verify_equal(f, with_unit([0, 3], [3, 0, 3])))
    g = with_unit([0, 1], [1, 0, 1], TINY)
    assert assert_sound(verify_equal(f, g), f, g) == "refuted"
    assert proved(verify_equal(with_unit([0, 1], [1]), with_unit([0, 5], [5])))


def test_poles_are_not_passed_over() -> None:
    """1/x times 0 is not 0 at x = 0: there is no value there, and no certificate."""
    pole = Rational.of([1], [0, 1])
    f = mlp([([[1]], [0]), ([[0]], [0])], activation=pole)
    verdict = verify_equal(f, mlp([([[0]], [0])]))
    assert verdict.unknown
    assert "pole" in verdict.reason
    g = mlp([([[1]], [0]), ([[2]], [0])], activation=pole)
    h = mlp([([[1]], [0]), ([[1]], [0])], activation=pole)
    assert assert_sound(verify_equal(g, h), g, h) == "refuted"
    assert verify_equal(h, h).unknown


# --- attacks --------------------------------------------------------------------------------------------------------------


def cancelled(bias: int) -> Network:
    """relu(x + bias - x): a constant, seen only after the two affine maps are subtracted."""
    b = Builder()
    x = b.add("x", Input((1,)))
    shifted = b.add("shifted", Affine(RationalArray.of([[1]]), RationalArray.of([bias])), x)
    same = b.add("same", Affine(RationalArray.of([[1]]), RationalArray.of([0])), x)
    difference = b.add("difference", Subtract(), shifted, same)
    return b.build([x], [b.add("r", relu(), difference)])


@pytest.mark.parametrize("bias", [-5, -(2**61), -(2**70), 2**70])
def test_a_cancelled_form_with_a_large_constant_keeps_its_sign(bias: int) -> None:
    """numpy's gcd of a single negative Python integer is negative."""
    f = cancelled(bias)
    assert proved(verify_equal(f, mlp([([[0]], [max(bias, 0)])])))
    wrong = mlp([([[0]], [bias])])
    assert verify_equal(f, wrong).status == ("proved" if bias >= 0 else "refuted")


def test_a_linear_difference_that_no_prepared_point_shows() -> None:
    """M x with M orthogonal to every point that is tried first."""
    from exactnn.symmetry.witnesses import small_points

    d = 100
    tried = small_points(d)
    kernel = tried.to_fmpq_mat().rref()[0].table()
    pivots = [next(j for j, q in enumerate(row) if q) for row in kernel if any(row)]
    free = next(j for j in range(d) if j not in pivots)
    slope = [Fraction(0)] * d
    slope[free] = Fraction(1)
    for row, pivot in zip(kernel, pivots, strict=False):
        slope[pivot] = -Fraction(int(row[free].p), int(row[free].q))
    f = mlp([([slope], [0])])
    assert (tried @ RationalArray.of(slope).reshape(-1, 1)).is_zero()
    assert refuted(verify_zero(f), f)


def test_a_difference_on_a_far_small_cell() -> None:
    """A bump 2^-90 wide at 2^80: no value differs elsewhere."""
    at, width = 2**80, Fraction(1, 2**90)
    f = net((1, 1, -at), (-2, 1, -at - width), (1, 1, -at - 2 * width))
    assert refuted(verify_zero(f), f)


def test_a_bump_at_the_crossing_of_many_lines() -> None:
    """Concurrent hyperplanes: their common point lies on all of them, so that a witness must leave it."""
    lines = [[1, 0], [0, 1], [1, 1], [1, -1], [2, 1], [1, 2]]
    f = net(*((1, w, -sum(w)) for w in lines), *((-1, w, -sum(w)) for w in lines[1:]), (-1, [1, TINY], -1 - TINY))
    assert refuted(verify_zero(f), f)


@pytest.mark.parametrize("big", [Fraction(10) ** 1300, Fraction(10) ** 5000, 1 / Fraction(7) ** 6000], ids=["1300", "5000", "-5000"])
def test_numbers_of_thousands_of_digits(big: Fraction, tmp_path: Path) -> None:
    """Beyond float64, and beyond the 4,300 digits that Python reads and writes as decimals."""
    f, g = mlp([([[big, 1]], [1]), ([[1]], [0])]), mlp([([[1, 1 / big]], [1 / big]), ([[big]], [0])])
    h = mlp([([[1, 1 / big]], [1 / big]), ([[big + 1]], [0])])
    for domain in (None, Box(-1, 1), Box([-big, 0], [1, 1]), Box([1, 1], [1, 1])):
        for other, status in ((g, "proved"), (h, "refuted")):
            verdict = verify_equal(f, other, domain=domain)
            assert verdict.status == status
            assert verdict.certificate is not None
            assert check(verdict.certificate)
            assert check(verdict.certificate.save(tmp_path / "certificate.json"))
            assert str(verdict).startswith(status.upper())
    within = verify_equal(f, h, tolerance=3 / big + 3, domain=Box(-1, 1), time_limit=20)
    assert within.status in ("proved", "unknown")
    assert verify_equal(f, h, tolerance=big, time_limit=20).status in ("refuted", "unknown")
    scaling = verify_symmetry(f, Scaling(0, [big]))
    assert proved(scaling)
    smooth, other = (mlp([([[big, 1]], [1]), ([[a]], [0])], activation="tanh") for a in (1, big))
    assert verify_equal(smooth, other, tolerance=10**400).status in ("proved", "refuted", "unknown")


def test_no_inputs_matter() -> None:
    f = mlp([([[0, 0]], [1]), ([[3]], [0])])
    assert proved(verify_equal(f, mlp([([[0, 0]], [3])])))
    assert refuted(verify_equal(f, mlp([([[0, 0]], [3 + TINY])])), f, mlp([([[0, 0]], [3 + TINY])]))


def test_networks_of_other_structure() -> None:
    """Flat input against an image, several inputs against one, a convolution against its matrix."""
    b = Builder()
    x = b.add("x", Input((1, 2, 2)))
    kernel = RationalArray.of([[[[1, 2], [3, 4]]], [[[-1, 0], [0, 1]]]])
    y = b.add("conv", Conv(kernel, RationalArray.of([5, 0]), (1, 1), ((0, 0), (0, 0)), (1, 1), 1), x)
    r = b.add("relu", relu(), y)
    flat = b.add("flat", Reshape((2,)), r)
    image = b.build([x], [b.add("last", Affine(RationalArray.of([[1, 1]]), RationalArray.of([0])), flat)])
    dense = net((1, [1, 2, 3, 4], 5), (1, [-1, 0, 0, 1], 0))
    assert proved(verify_equal(image, dense))
    assert normal_form(image) == normal_form(dense)
    other = net((1, [1, 2, 3, 4], 5), (1, [-1, 0, TINY, 1], 0))
    assert refuted(verify_equal(image, other), image, other)


def test_max_pooling_is_one_hidden_layer() -> None:
    b = Builder()
    x = b.add("x", Input((1, 2)))
    pooled = b.build([x], [b.add("max", MaxPool((2,), (1,), ((0, 0),), (1,)), x)])
    f = net((1, [1, -1], 0), (1, [0, 1], 0), (-1, [0, -1], 0))
    assert proved(verify_equal(pooled, f))
    assert normal_form(pooled) == normal_form(f)


def test_wide_networks_with_large_numbers() -> None:
    rng = np.random.default_rng(5)
    w = rng.standard_normal((60, 20)).astype(np.float32)
    b, a = rng.standard_normal(60).astype(np.float32), rng.standard_normal((3, 60)).astype(np.float32)
    f = mlp([(w, b), (a, [0, 0, 0])])
    order = rng.permutation(60)
    powers = 2.0 ** rng.integers(-4, 5, 60)
    g = mlp([(w[order] * powers[:, None], b[order] * powers), (a[:, order] / powers, [0, 0, 0])])
    assert proved(verify_equal(f, g))
    a[1, 7] = np.nextafter(a[1, 7], np.float32(9))
    h = mlp([(w, b), (a, [0, 0, 0])])
    assert refuted(verify_equal(f, h), f, h)


@given(numbers(), numbers(), numbers())
@law(15)
def test_single_neurons(w: Fraction, b: Fraction, a: Fraction) -> None:
    f = net((a, w, b))
    assert verify_zero(f).proved is (not a or (not w and b <= 0))
    assert verify_equal(f, replace(Shallow(1, (), (value(f, [0])[0],))).network()).proved is (not a or not w)
