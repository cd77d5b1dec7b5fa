"""Equality within a tolerance: sound in both directions, complete for one variable."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Polyhedron, check, mlp, verify_equal, verify_symmetry, verify_zero
from exactnn.symmetry import Scaling
from tests.strategies import TINY, Chain, Rows, Shallow, box, chains, law, nudged, polyhedron, shallows
from tests.verify._oracles import as_lines, assert_sound, value, z3_differ

TOLERANCES = st.sampled_from([TINY, Fraction(1, 1000), Fraction(1, 3), Fraction(2), Fraction(100)])
RELU = mlp([([[1]], [0]), ([[1]], [0])])


def largest_gap(f: Any, g: Any, low: Fraction | None, high: Fraction | None) -> Fraction | None:
    """max |f - g| on an interval, exactly, by `Line`; None if it is infinite."""
    best = Fraction(0)
    for a, b in zip(as_lines(f), as_lines(g), strict=True):
        gap = a - b
        if (low is None and gap.left) or (high is None and gap.right):
            return None
        places = [x for x in gap.xs if (low is None or low <= x) and (high is None or x <= high)]
        places += [q for q in (low, high) if q is not None]
        best = max([best, *(abs(gap.at(x)) for x in places or [gap.xs[0]])])
    return best


def interval(low: Fraction | None, high: Fraction | None) -> Polyhedron | None:
    rows: Rows = ([] if low is None else [((Fraction(-1),), -low)]) + ([] if high is None else [((Fraction(1),), high)])
    return polyhedron(rows, 1) if rows else None


# --- exactly at the border ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [Fraction(1), Fraction(1, 3), TINY, Fraction(10**30)])
def test_the_tolerance_itself_is_allowed_and_nothing_above(gap: Fraction) -> None:
    g = mlp([([[1]], [0]), ([[1]], [gap])])
    for tolerance in (gap, gap + TINY, 2 * gap):
        verdict = verify_equal(RELU, g, tolerance=tolerance)
        assert verdict.proved, str(verdict)
        assert check(verdict.certificate)
    below = gap - TINY / 2
    assert assert_sound(verify_equal(RELU, g, tolerance=below), RELU, g, tolerance=below) == "refuted"


def test_several_variables_and_outputs_at_the_border() -> None:
    f = mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1], [2, -1]], [0, 0])])
    g = mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1], [2, -1]], ["1/7", "-1/5"])])
    verdict = verify_equal(f, g, tolerance="1/5")
    assert verdict.proved, str(verdict)
    assert check(verdict.certificate)
    assert assert_sound(verify_equal(f, g, tolerance="199/1000"), f, g, tolerance="199/1000") == "refuted"


def test_on_a_box() -> None:
    """x + s(y) against x + s(y + 1): they differ by at most 1, by exactly 1 where y >= 0."""
    f, g = (mlp([([[1, 0], [-1, 0], [0, 1]], [0, 0, b]), ([[1, -1, 1]], [0])]) for b in (0, 1))
    domain, rows = box([-5, -5], [5, 5])
    verdict = verify_equal(f, g, domain=domain, tolerance=1)
    assert assert_sound(verdict, f, g, rows, 1) in ("proved", "unknown")
    assert assert_sound(verify_equal(f, g, domain=domain, tolerance="1/2"), f, g, rows, "1/2") == "refuted"
    assert assert_sound(verify_equal(f, g, domain=domain, tolerance=100), f, g, rows, 100) == "proved"


def test_a_difference_that_grows_far_out_only() -> None:
    """Slope 2^-40: the tolerance is exceeded beyond 2^40."""
    slope = Fraction(1, 2**40)
    g = mlp([([[1], [1]], [0, 0]), ([[1, slope]], [0])])
    assert assert_sound(verify_equal(RELU, g, tolerance=1), RELU, g, tolerance=1) == "refuted"
    deep = mlp([([[1], [1]], [0, 0]), ([[1, slope]], [0]), ([[1]], [0])])
    assert assert_sound(verify_equal(RELU, deep, tolerance=1), RELU, deep, tolerance=1) == "refuted"
    domain, rows = box([-1], [2**40])
    assert assert_sound(verify_equal(RELU, deep, domain=domain, tolerance=1), RELU, deep, rows, 1) == "proved"
    domain, rows = box([-1], [2**40 + TINY])
    assert assert_sound(verify_equal(RELU, deep, domain=domain, tolerance=1), RELU, deep, rows, 1) == "refuted"


def test_zero_and_symmetries_take_tolerances_too() -> None:
    tiny = mlp([([[1]], [0]), ([[0]], [TINY])])
    assert verify_zero(tiny).refuted
    assert check(verify_zero(tiny, tolerance=TINY).certificate)
    f = mlp([([[1], [2]], [0, 1]), ([[1, 1]], [0])])
    assert check(verify_symmetry(f, Scaling(0, [2, 3]), tolerance="1/10").certificate)


# --- laws --------------------------------------------------------------------------------------------------------------


@given(chains(st.just(1), units=("relu", "abs", "hardtanh")), st.integers(0, 10**6), TOLERANCES, st.data())
@law(30)
def test_one_variable_is_decided(f: Chain, place: int, tolerance: Fraction, data: st.DataObject) -> None:
    g = f.nudged(place, data.draw(st.sampled_from([TINY, Fraction(1, 1000), Fraction(1)])))
    ends = st.sampled_from([None, Fraction(-2), Fraction(0), Fraction(7, 3)])
    low, high = data.draw(ends), data.draw(ends)
    if low is not None and high is not None and low > high:
        low, high = high, low
    f_net, g_net = f.network(), g.network()
    gap = largest_gap(f_net, g_net, low, high)
    if data.draw(st.booleans()) and gap:
        tolerance = gap - data.draw(st.sampled_from([Fraction(0), min(TINY, gap / 2)]))
    domain = interval(low, high)
    rows = list(zip([tuple(r) for r in _matrix(domain)], domain.rows[1].to_fractions(), strict=True)) if domain else []
    status = assert_sound(verify_equal(f_net, g_net, domain=domain, tolerance=tolerance), f_net, g_net, rows, tolerance)
    assert status == ("proved" if gap is not None and gap <= tolerance else "refuted")


def _matrix(domain: Polyhedron) -> list[list[Fraction]]:
    A = domain.rows[0]
    return [list(A[i].to_fractions()) for i in range(len(A))]


@given(shallows(st.integers(1, 2), width=3, outputs=2), st.integers(0, 10**6), TOLERANCES, st.data())
@law(30)
def test_shallow_on_a_box_against_z3(f: Shallow, place: int, tolerance: Fraction, data: st.DataObject) -> None:
    g = nudged(f, place, data.draw(st.sampled_from([Fraction(1, 1000), Fraction(1)])))
    reach = data.draw(st.sampled_from([Fraction(1), Fraction(5, 2)]))
    domain, rows = box([-reach] * f.inputs, [reach] * f.inputs)
    f_net, g_net = f.network(), g.network()
    status = assert_sound(verify_equal(f_net, g_net, domain=domain, tolerance=tolerance, time_limit=20), f_net, g_net, rows, tolerance)
    differ = z3_differ(f_net, g_net, rows, tolerance, milliseconds=3000)
    assert differ is None or status == "unknown" or status == ("refuted" if differ else "proved")


@given(chains(st.integers(2, 3), depth=2, units=("relu", "leaky_relu(1/10)")), st.integers(0, 10**6), TOLERANCES)
@law(15)
def test_deep_on_a_box_against_z3(f: Chain, place: int, tolerance: Fraction) -> None:
    g = f.nudged(place, Fraction(1, 1000))
    f_net, g_net = f.network(), g.network()
    domain, rows = box([-1] * f_net.input_dim, [1] * f_net.input_dim)
    status = assert_sound(verify_equal(f_net, g_net, domain=domain, tolerance=tolerance, time_limit=20), f_net, g_net, rows, tolerance)
    differ = z3_differ(f_net, g_net, rows, tolerance, milliseconds=3000)
    assert differ is None or status == "unknown" or status == ("refuted" if differ else "proved")


@given(shallows(st.integers(1, 3), width=4), TOLERANCES)
@law(20)
def test_a_proof_without_tolerance_is_one_with_it(f: Shallow, tolerance: Fraction) -> None:
    order = list(reversed(range(len(f.neurons))))
    unit = f.unit if isinstance(f.unit, str) else tuple(f.unit[i] for i in order)
    g = Shallow(f.inputs, tuple(f.neurons[i] for i in order), f.constants, unit)
    for domain in (None, Box([-1] * f.inputs, [1] * f.inputs)):
        verdict = verify_equal(f.network(), g.network(), domain=domain, tolerance=tolerance)
        assert assert_sound(verdict, f.network(), g.network(), tolerance=tolerance) == "proved"


@given(shallows(st.integers(1, 2), units=("relu",), width=3, outputs=1), TOLERANCES)
@law(20)
def test_nothing_is_proved_that_a_grid_refutes(f: Shallow, tolerance: Fraction) -> None:
    zero = Shallow(f.inputs, (), (Fraction(0),)).network()
    domain, rows = box([-1] * f.inputs, [2] * f.inputs)
    verdict = verify_zero(f.network(), domain=domain, tolerance=tolerance)
    status = assert_sound(verdict, f.network(), zero, rows, tolerance)
    grid = itertools.product([Fraction(k, 2) for k in range(-2, 5)], repeat=f.inputs)
    if any(abs(value(f.network(), x)[0]) > tolerance for x in grid):
        assert status != "proved"
