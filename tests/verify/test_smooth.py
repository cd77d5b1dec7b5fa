"""Smooth networks with one hidden layer are decided, down to differences of 2^-4000; mpmath judges the points with many digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, Polyhedron, Verdict, check, mlp, verify_equal, verify_symmetry, verify_zero
from exactnn.exact.array import RationalArray
from exactnn.network import Add, Affine, Builder, Input, activation, relu
from exactnn.symmetry import Scaling, SignFlip, SmoothNormalForm, normal_form
from tests.strategies import TINY, Shallow, law, nudged
from tests.symmetry.test_smooth_form import MIRRORED, UNITS, alike, close_to, one, values

ALL = (*UNITS, "gelu_tanh")


def proved(verdict: Verdict) -> bool:
    assert verdict.proved, str(verdict)
    return check(verdict.certificate)


def refuted(verdict: Verdict) -> bool:
    assert verdict.refuted, str(verdict)
    assert verdict.certificate is not None
    assert verdict.certificate.kind in ("enclosure", "point")
    return check(verdict.certificate)


def differ(f: Shallow, g: Shallow, x: Sequence[Fraction], digits: int) -> bool:
    """Whether so many digits of mpmath's see a difference."""
    with mpmath.workdps(digits + 60):
        return any(abs(a - b) > mpmath.mpf(10) ** -digits for a, b in zip(values(f, x), values(g, x), strict=True))


# --- ground truth ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", MIRRORED)
def test_t17(unit: str) -> None:
    zero = one((1, 1, 0), (-1, -1, 0), (-1, 1, 1), (1, -1, -1), c=1, unit=unit)
    assert proved(verify_zero(zero))
    assert proved(verify_equal(zero, normal_form(zero).to_network()))
    assert refuted(verify_equal(one((Fraction(1, 2), 2, 0), unit=unit), one((1, 1, 0), unit=unit)))
    assert refuted(verify_zero(one((1, 1, 0), (-1, -1, 0), (-1, 1, 1), (1, -1, -1), c=1 + TINY, unit=unit)))


def test_t18() -> None:
    assert proved(verify_zero(one((1, 1, 0), (1, -1, 0), unit="tanh")))
    assert proved(verify_zero(one((1, 0, 1), (1, 0, -1), unit="tanh")))
    assert refuted(verify_zero(one((1, 0, 1), (-1, 0, 2), unit="tanh")))


@pytest.mark.parametrize("unit", ALL)
@pytest.mark.parametrize("factor", [2, 1 + TINY, 1 + Fraction(1, 2**1000), TINY, 2**60])
def test_a_scaling_is_refused_with_a_point(unit: str, factor: Any) -> None:
    f = one((1, 1, 0), (3, "1/2", 1), unit=unit)
    verdict = verify_symmetry(f, Scaling(0, [factor, 1]))
    assert refuted(verdict)
    assert verdict.counterexample is not None


def test_a_sign_flip_of_tanh_and_of_silu() -> None:
    assert proved(verify_symmetry(one((1, 1, 0), (3, 2, 1), unit="tanh"), SignFlip(0, [1])))
    assert refuted(verify_symmetry(one((1, 1, 0), (TINY, 2, 1), unit="silu"), SignFlip(0, [1])))


# --- small differences ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ALL)
@pytest.mark.parametrize("bits", [60, 300, *(pytest.param(bits, marks=pytest.mark.slow) for bits in (1000, 3800))])
def test_weights_that_are_nearly_equal(unit: str, bits: int) -> None:
    step = Fraction(1, 2**bits)
    f = one((1, 1, 0), unit=unit)
    for g in (one((1, 1 + step, 0), unit=unit), one((1, 1, step), unit=unit), one((1, 1, 0), (step, 2, 3), unit=unit)):
        assert refuted(verify_equal(f, g, domain=Box(Fraction(1, 3), Fraction(1, 2)) if bits < 1000 else None))


@pytest.mark.parametrize("unit", UNITS)
def test_a_difference_of_tenth_order(unit: str) -> None:
    """sum_k (-1)^k binomial(10, k) phi(x + k h) is h^10 phi^(10)."""
    step = Fraction(1, 2**40)
    assert refuted(verify_zero(one(*(((-1) ** k * math.comb(10, k), 1, k * step) for k in range(11)), unit=unit)))


@pytest.mark.parametrize("unit", ALL)
def test_neurons_of_large_weights_differ_in_a_thin_strip(unit: str) -> None:
    large = 2**70
    f, g = one((1, large, 0), unit=unit), one((1, large, 1), unit=unit)
    assert refuted(verify_equal(f, g))
    assert refuted(verify_equal(one((1, 1, large), unit=unit), one((1, 1, large + 1), unit=unit)))
    assert refuted(verify_equal(f, g, domain=Box(-large, large)))
    rows = [[large, -3 * large]], [[large, -3 * large]]
    f, g = (mlp([(w, [b]), ([[1]], [0])], activation=unit) for w, b in zip(rows, (5 * large, 5 * large + 1), strict=True))
    assert refuted(verify_equal(f, g))
    assert refuted(verify_equal(f, g, domain=Box([0, 0], [large, large])))
    half_plane = Polyhedron([[1, 0], [0, 1]], [-large, -1])  # unbounded; the strip crosses it
    assert refuted(verify_equal(f, g, domain=half_plane))


def test_a_difference_that_is_too_small_for_certificates_is_unknown_with_its_reason() -> None:
    f, g = one((1, 2**70, 0), unit="tanh"), one((1, 2**70, 1), unit="tanh")
    verdict = verify_equal(f, g, domain=Box(1, 2))  # about exp(-2^71)
    assert verdict.unknown
    assert "the functions differ (theorems S and L" in verdict.reason
    assert "256 points" in verdict.reason
    assert "4096 bits" in verdict.reason
    verdict = verify_equal(one((1, 0, 1), unit="silu"), mlp([([[0]], [close_to("silu")])]))
    assert verdict.unknown
    assert "the functions differ" in verdict.reason


def test_a_constant_of_gelu_may_be_unknown() -> None:
    f = one((1, 0, 1), unit="gelu")
    verdict = verify_equal(f, mlp([([[0]], [close_to("gelu")])]))
    assert verdict.unknown
    assert "no theorem is known to us that says whether" in verdict.reason
    assert "gelu(1)" in verdict.reason
    assert refuted(verify_equal(f, mlp([([[0]], [close_to("gelu", 1100)])])))
    assert refuted(verify_equal(f, mlp([([[TINY]], [close_to("gelu")])])))


def test_the_time_limit_is_kept() -> None:
    f, g = one((1, 2**70, 0), unit="tanh"), one((1, 2**70, 1), unit="tanh")
    verdict = verify_equal(f, g, domain=Box(1, 2), time_limit=0)
    assert verdict.unknown
    assert "time limit" in verdict.reason


# --- laws -----------------------------------------------------------------------------------------------------------------


@given(alike())
@law(25)
def test_equal_functions_are_proved_equal(pair: tuple[Shallow, Shallow]) -> None:
    f, g = (s.network() for s in pair)
    assert proved(verify_equal(f, g))
    form = normal_form(f)
    again = form.to_network(activation=str(pair[0].unit)) if isinstance(form, SmoothNormalForm) else form.to_network()
    assert proved(verify_equal(f, again))


@given(alike(), st.integers(0, 10**6), st.sampled_from([TINY, Fraction(1, 1000), Fraction(1), Fraction(1, 2**300)]))
@law(40)
def test_other_functions_are_refuted(pair: tuple[Shallow, Shallow], place: int, step: Fraction) -> None:
    f, g = pair[0], nudged(pair[1], place, step)
    verdict = verify_equal(f.network(), g.network())
    if normal_form(f.network()) == normal_form(g.network()):
        assert proved(verdict)
        return
    if verdict.unknown:  # phi(2^70) - phi(2^70 + 1), say, which is about exp(-2^70)
        assert "the functions differ" in verdict.reason or ("no theorem is known" in verdict.reason and f.unit == "gelu")
        assert any(abs(b) > 2**60 and not any(w) for w, b, _ in (*f.neurons, *g.neurons))
        return
    assert refuted(verdict)
    assert verdict.counterexample is not None
    assert differ(f, g, verdict.counterexample, 1250)


@given(alike(st.just(2)), st.integers(0, 10**6), st.sampled_from([TINY, Fraction(1)]), st.sampled_from(["box", "line", "cone"]))
@law(20)
def test_on_domains(pair: tuple[Shallow, Shallow], place: int, step: Fraction, kind: str) -> None:
    """On a domain with interior points functions are equal exactly if they are everywhere; on a line they may be so more often."""
    f, g = pair[0], nudged(pair[1], place, step)
    domains = {
        "box": Box([-1, Fraction(1, 7)], [Fraction(1, 3), 2]),
        "line": Polyhedron([[1, -1], [-1, 1], [1, 0], [-1, 0]], [0, 0, 3, 3]),  # x = y
        "cone": Polyhedron([[-1, 0], [1, -1]], [0, 0]),
    }
    assert proved(verify_equal(f.network(), pair[1].network(), domain=domains[kind]))
    verdict = verify_equal(f.network(), g.network(), domain=domains[kind])
    same = normal_form(f.network()) == normal_form(g.network())
    if same:
        assert proved(verdict)
    elif verdict.refuted:
        assert check(verdict.certificate)
        assert verdict.counterexample is not None
        assert domains[kind].contains(verdict.counterexample)
        assert differ(f, g, verdict.counterexample, 1250)
    elif verdict.unknown:
        assert "the functions differ" in verdict.reason
    else:
        assert kind == "line"


def test_on_a_line_neurons_meet() -> None:
    f = mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, -1]], [0])], activation="tanh")
    diagonal = Polyhedron([[1, -1], [-1, 1]], [0, 0])
    assert proved(verify_zero(f, domain=diagonal))
    assert refuted(verify_zero(f))
    nearly = Polyhedron([[1, -1 - TINY], [-1, 1 + TINY]], [0, 0])
    assert refuted(verify_zero(f, domain=nearly))
    assert proved(verify_zero(f, domain=Polyhedron([[1, 0], [-1, 0], [0, 1], [0, -1]], [3, -3, 3, -3])))
    assert refuted(verify_zero(f, domain=Polyhedron([[1, 0], [-1, 0], [0, 1], [0, -1]], [3, -3, 2, -2])))


# --- several activations --------------------------------------------------------------------------------------------------


def test_activations_are_told_apart_where_they_nearly_agree() -> None:
    """phi(2^90 x)/2^90 is within 2^-90 of max(x, 0) for all three, and they differ from it, and from each other, near 0."""
    steep = [one((Fraction(1, 2**90), 2**90, 0), unit=unit) for unit in MIRRORED]
    for f in steep:
        assert refuted(verify_equal(f, one((1, 1, 0), unit="relu")))
        for g in steep:
            assert verify_equal(f, g).status == ("proved" if f is g else "refuted")


def test_a_layer_that_mixes_activations() -> None:
    def mixed(slope: Fraction) -> Network:
        b = Builder()
        x = b.add("x", Input((1,)))
        scaled = b.add("a", Affine(RationalArray.of([[slope]]), RationalArray.of([1])), x)
        total = b.add("s1", Add(), b.add("t", activation("tanh"), x), b.add("g", activation("gelu"), scaled))
        return b.build([x], [b.add("s2", Add(), total, b.add("r", relu(), x))])

    f = mixed(Fraction(1))
    assert proved(verify_equal(f, mixed(Fraction(1))))
    assert refuted(verify_equal(f, mixed(1 + TINY)))
    assert refuted(verify_equal(f, mixed(1 + TINY), domain=Box(1, 2)))


def test_equalities_between_activations_have_no_certificates() -> None:
    half = mlp([([["1/2"]], [0]), ([["1/2"]], ["1/2"])], activation="tanh")
    verdict = verify_equal(half, one((1, 1, 0), unit="sigmoid"))
    assert verdict.unknown
    assert "the functions are equal by laws between tanh, sigmoid and silu" in verdict.reason
    assert refuted(verify_equal(half, one((1, 1, TINY), unit="sigmoid")))


@pytest.mark.parametrize("unit", ["tanh", "sigmoid", "softplus"])
def test_values_beyond_a_tolerance_on_a_box_refute(unit: str) -> None:
    first = ([[1, 2], [-1, "1/2"]], [0, "1/3"])
    f, g = (mlp([first, ([[1, 1]], [bias])], activation=unit) for bias in (0, "1/100"))
    assert verify_equal(f, g, domain=Box(-1, 1), tolerance="1/1000").refuted
    assert verify_zero(f, domain=Box(-1, 1), tolerance="1/1000").refuted
