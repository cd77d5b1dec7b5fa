"""The optimal temperature: closed forms, mpmath beside both engines, the proved exponential, refusals, laws, bad input."""

from __future__ import annotations

import math
import pickle
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cooling import Temperature, optimal_temperature
from exactnn.cooling import expected_calibration_error as ece
from exactnn.cooling import temperature as room
from exactnn.cooling._proved_exp import ERROR, LARGEST, exp_minus
from exactnn.cooling._slope import Samples
from exactnn.cooling._sums import exact_sum, grouped_sums
from exactnn.errors import ArgumentError, ExactnnError, Incomplete, NoOptimalTemperature, NotFiniteError, ShapeError
from tests.strategies import law

F = Fraction


def rational(value: mpmath.mpf) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_
    return F(-mantissa if sign else mantissa) * F(2) ** exponent


def derivative(rows: Any, targets: Any, tau: Any) -> mpmath.mpf:
    """L'(tau), by mpmath; targets are classes or rows of weights."""
    total = mpmath.mpf(0)
    for row, target in zip(rows, targets, strict=True):
        z = [mpmath.mpf(F(v).numerator) / F(v).denominator for v in row]
        q = [F(k == target) for k in range(len(z))] if isinstance(target, int) else [F(v) for v in target]
        weights = [mpmath.mpf(v.numerator) / v.denominator for v in q]
        e = [mpmath.exp(tau * (v - max(z))) for v in z]
        mean = mpmath.fdot(e, z) / mpmath.fsum(e)
        total += mpmath.fsum(w * (mean - v) for w, v in zip(weights, z, strict=True))
    return total


def holds(found: Temperature, rows: Any, targets: Any) -> bool:
    """Whether L' changes its sign between the bounds, by mpmath; logits may be 1e-324 beside others of 1."""
    with mpmath.workdps(800):
        ends = (derivative(rows, targets, mpmath.mpf(e.numerator) / e.denominator) for e in (found.lower, found.upper))
        return next(ends) < 0 < next(ends)


# --- closed forms ------------------------------------------------------------------------------------------------------------


def one_logit(m: Any, classes: int, right: int, n: int) -> tuple[list[list[Any]], list[int]]:
    """T1: logits (m, 0, ..., 0), `right` of n samples in class 0."""
    return [[m] + [0] * (classes - 1)] * n, [0] * right + [1] * (n - right)


@pytest.mark.parametrize(
    ("m", "classes", "right", "n", "shown"),
    [(4, 2, 8, 10, ".34657359"), (8, 10, 9, 10, ".54930614"), ("0.01", 2, 99, 100, "459.5"), (1000, 2, 8, 10, ".001386")],
)
@pytest.mark.parametrize("digits", [None, 40])
def test_one_logit(m: Any, classes: int, right: int, n: int, shown: str, digits: int | None) -> None:
    found = optimal_temperature(*one_logit(m, classes, right, n), digits=digits)
    with mpmath.workdps(80):
        size = mpmath.mpf(F(m).numerator) / F(m).denominator
        tau = rational(mpmath.log(mpmath.mpf(right) * (classes - 1) / (n - right)) / size)
    assert found.lower < tau < found.upper
    assert (found.upper - found.lower) / tau < F(1, 10 ** (digits or 12))
    assert abs(found.value - float(shown)) <= 10.0 ** -len(shown.split(".")[1])
    if digits is None:
        assert found.lower < found.value < found.upper
        assert float(found) == found.value
        assert found.value in found


def test_its_confidences_are_calibrated() -> None:  # T1: conf = a and ECE = 0 but for the rounding of softmax
    rows, labels = one_logit(8, 10, 9, 10)
    e = np.exp(optimal_temperature(rows, labels).value * (np.array(rows, dtype=float) - 8))
    assert ece(e / e.sum(axis=1, keepdims=True), labels) < F(1, 10**14)


@pytest.mark.parametrize("kind", [np.array, torch.tensor, lambda rows: [[F(v) for v in row] for row in rows]])
def test_label_smoothing_has_an_optimum(kind: Any) -> None:  # T5, at accuracy 1
    smooth = [[0.875, 0.0625, 0.0625]] * 4
    found = optimal_temperature(kind([[3.0, 0.0, 0.0]] * 4), kind(smooth))
    with mpmath.workdps(40):
        tau = rational(mpmath.log(mpmath.mpf(7) / 8 * 2 * 8) / 3)
    assert found.lower < tau < found.upper
    assert found.width < F(1, 10**13)


def test_a_binary_logit_is_one_against_zero() -> None:
    z, y = [1.5, -0.25, 2.0, -3.0], [1, 1, 0, 0]
    assert optimal_temperature(np.array(z), y) == optimal_temperature([[0.0, v] for v in z], y)
    assert optimal_temperature([F(v) for v in z], y) == optimal_temperature([[0, F(v)] for v in z], y)


# --- refusals ----------------------------------------------------------------------------------------------------------------

EPSILON = 2.0**-52


@pytest.mark.parametrize(
    ("logits", "labels", "reason", "limit"),
    [
        (one_logit(8, 10, 10, 10)[0], [0] * 10, "accuracy-1", math.inf),
        (*one_logit(4, 2, 4, 10), "worse-than-chance", 0),
        (*one_logit(4, 2, 5, 10), "worse-than-chance", 0),  # a = 1/C: tau* = 0
        (*one_logit(0.1, 10, 1, 10), "worse-than-chance", 0),
        ([[2, 2, 2]] * 5, [0, 1, 2, 0, 1], "constant", None),
        ([[2, 2], [3, 3]], [0, 1], "constant", None),
        ([[1, 1, 0]], [1], "accuracy-1", math.inf),  # a tie at the top is no error
        ([[0.5, 0.5 + EPSILON]], [0], "worse-than-chance", 0),
        ([[1e300, -1e300]], [0], "accuracy-1", math.inf),
        ([[1e300, -1e300]], [1], "worse-than-chance", 0),
        ([[3.0]], [[1.0]], None, None),
        ([0.5, 2.0, -1.0], [1, 1, 0], "accuracy-1", math.inf),
        ([[1, 0], [0, 1]], [["1/2", "1/2"], ["1/2", "1/2"]], "worse-than-chance", 0),
    ],
)
@pytest.mark.parametrize("exact", [False, True])
def test_no_optimum(logits: Any, labels: Any, reason: str | None, limit: Any, exact: bool) -> None:
    if exact:
        logits = [[F(v) for v in row] for row in logits] if isinstance(logits[0], list) else [F(v) for v in logits]
    with pytest.raises(ArgumentError if reason is None else NoOptimalTemperature) as raised:
        optimal_temperature(logits, labels)
    if isinstance(raised.value, NoOptimalTemperature):
        assert (raised.value.reason, raised.value.limit) == (reason, limit)
        again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own
        assert (str(again), again.reason, again.limit) == (str(raised.value), reason, limit)
        assert xn.check(again.certificate)


def test_the_sign_at_zero_is_exact() -> None:
    """Sums that floats get wrong: L'(0) is 0, or 2^-60 to either side of it."""
    tiny = 2.0**-60
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [tiny, 0.0]])
    for labels, fine in (([0, 0, 1], False), ([0, 0, 0], True)):
        for logits in (rows, [[F(v) for v in row] for row in rows.tolist()]):
            if fine:
                found = optimal_temperature(logits, labels)  # mean of the margins 2^-60: tau* is about 2^-60
                assert holds(found, rows.tolist(), labels)
                assert found.value < 2.0**-55
            else:
                with pytest.raises(NoOptimalTemperature, match="smaller,"):
                    optimal_temperature(logits, labels)
    with pytest.raises(NoOptimalTemperature, match="equal,"):
        optimal_temperature(np.array([[0.1, 0.0], [0.1, 0.0]]), [0, 1])


# --- beside mpmath -----------------------------------------------------------------------------------------------------------


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[list[float]], list[int]]:
    classes, n = draw(st.integers(2, 4)), draw(st.integers(1, 6))
    number = st.integers(-3, 3).map(float) | st.floats(-4, 4, width=32) | st.floats(-1, 1).map(lambda v: v * 1e-3)
    rows = draw(st.lists(st.lists(number, min_size=classes, max_size=classes), min_size=n, max_size=n))
    return rows, draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))


@given(problems())
@law(60)
def test_beside_mpmath(problem: Any) -> None:
    rows, labels = problem
    exact = [[F(v) for v in row] for row in rows]
    at_zero = sum(sum(row) / len(row) - row[y] for row, y in zip(exact, labels, strict=True))
    at_infinity = sum(max(row) - row[y] for row, y in zip(exact, labels, strict=True))
    if at_zero < 0 < at_infinity:
        found, again = optimal_temperature(np.array(rows), labels), optimal_temperature(exact, labels, digits=25)
        assert holds(found, rows, labels)
        assert holds(again, rows, labels)
        assert again.width < again.lower / 10**25
        assert max(found.lower, again.lower) < min(found.upper, again.upper)
        assert found.lower > 0
    else:
        for logits in (np.array(rows), exact):
            with pytest.raises(NoOptimalTemperature) as raised:
                optimal_temperature(logits, labels)
            constant = all(len(set(row)) == 1 for row in rows)
            assert raised.value.reason == ("constant" if constant else "accuracy-1" if not at_infinity else "worse-than-chance")


@given(problems(), st.floats(-3, 3))
@law(60)
def test_a_wrong_guess_proves_nothing_wrong(problem: Any, power: float) -> None:
    rows, labels = problem
    if refusal(np.array(rows), labels) is None:
        samples = Samples(np.array(rows), np.array(labels), None)
        found = room._bracket(samples, room.propose(samples) * 10**power)
        assert found is None or holds(found, rows, labels)


def refusal(logits: Any, labels: Any) -> str | None:
    try:
        optimal_temperature(logits, labels)
    except NoOptimalTemperature as error:
        return error.reason
    return None


@given(problems(), st.integers(-40, 40))
@law(40)
def test_laws(problem: Any, k: int) -> None:
    """Scaling by k divides tau by k; order, shifts, and repetition change nothing."""
    rows, labels = np.array(problem[0]), problem[1]
    reason = refusal(rows, labels)
    if reason is not None:
        assert refusal(rows * 2.0**k, labels) == refusal(rows[::-1], labels[::-1]) == reason
        return
    found = optimal_temperature(rows, labels)
    scaled = optimal_temperature(rows * 2.0**k, labels)
    assert (scaled.lower * F(2) ** k, scaled.upper * F(2) ** k) == (found.lower, found.upper)
    exact = [[F(v) / 3 + i for v in row] for i, row in enumerate(problem[0])]
    thirds = optimal_temperature(exact * 2, labels * 2, digits=20)
    assert max(thirds.lower / 3, found.lower) < min(thirds.upper / 3, found.upper)
    turned = optimal_temperature(rows[::-1, ::-1], [rows.shape[1] - 1 - y for y in labels[::-1]])
    assert max(turned.lower, found.lower) < min(turned.upper, found.upper)


def test_many_samples() -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(3000, 20)) * 3
    y = (0.7 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    found = optimal_temperature(z, y)
    assert found.width < found.lower / 10**12
    some = slice(0, 40)
    assert holds(optimal_temperature(z[some], y[some]), z[some].tolist(), y[some].tolist())
    pixels = z.reshape(30, 10, 10, 20)
    marked = np.where(np.arange(3000) < 40, y, 255).reshape(30, 10, 10)
    few = optimal_temperature(torch.tensor(np.moveaxis(pixels, -1, 1)), torch.tensor(marked), class_axis=1, ignore_label=255)
    assert few == optimal_temperature(z[some], y[some])


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e307])
def test_logits_of_any_size(size: float) -> None:
    rows = np.array([[4.0, 0.0], [1.0, 0.0], [2.0, 0.5]]) * size
    found = optimal_temperature(rows, [0, 1, 0])
    assert holds(found, rows.tolist(), [0, 1, 0])


def test_what_floats_cannot_decide_goes_to_balls(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[1e308, 0.0], [1e-300, 0.0], [1e-300, 0.0], [0.0, 1e-300]]  # scaled by the first, the others vanish
    calls = []
    enclosed = room._enclosed
    monkeypatch.setattr(room, "_enclosed", lambda *a: calls.append(a) or enclosed(*a))
    found = optimal_temperature(np.array(rows), [0, 0, 0, 0])
    assert len(calls) == 1
    assert holds(found, rows, [0, 0, 0, 0])


# --- the parts of the proof --------------------------------------------------------------------------------------------------


def test_the_exponential_keeps_its_bound() -> None:
    rng = np.random.default_rng(0)
    halves = np.arange(2020) / 2 * math.log(2)  # where the argument reduction changes
    x = np.concatenate([rng.uniform(0, 700, 4000), rng.uniform(0, 3, 2000), 10.0 ** rng.uniform(-320, 2.8, 2000), halves])
    x = np.concatenate([x, np.nextafter(halves, 0), [0.0, LARGEST, 5e-324]])
    x = x[(x <= LARGEST) & (x >= 0)]
    found = exp_minus(x.copy(), np.empty_like(x), np.empty_like(x))
    with ctx.workprec(120):
        for value, y in zip(x.tolist(), found.tolist(), strict=True):
            true = (-arb(value)).exp()
            assert abs(arb(y) - true) <= true * ERROR / 2  # half of what is proved is enough here
    assert set(found[x == 0].tolist()) == {1.0}


@given(problems(), st.floats(0, 50))
@law(60)
def test_the_slope_keeps_its_bound(problem: Any, tau: float) -> None:
    rows, labels = problem
    samples = Samples(np.array(rows), np.array(labels), None)
    here = samples.proved(tau)
    with mpmath.workdps(60):
        true = derivative(rows, labels, mpmath.mpf(tau) * mpmath.mpf(2) ** -samples.exponent) * mpmath.mpf(2) ** -samples.exponent
        assert abs(here.value - true) <= here.error
    assert here.error <= 1e-12 * max(1.0, tau) * len(rows)


@given(st.lists(st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2)), max_size=30))
@law(60)
def test_sums_are_exact(pairs: Any) -> None:
    values, groups = np.array([v for v, _ in pairs]), np.array([g for _, g in pairs], dtype=np.int64)
    assert grouped_sums(values, groups, 3) == [sum((F(v) for v, g in pairs if g == k), F(0)) for k in range(3)]
    assert exact_sum(values) == sum((F(v) for v, _ in pairs), F(0))


# --- bad input ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logits", "labels", "options", "error", "words"),
    [
        (np.zeros((0, 3)), np.zeros(0, dtype=int), {}, ArgumentError, "at least one sample"),
        ([], [], {}, ArgumentError, "at least one sample"),
        ([[1.0], [2.0]], [0, 0], {}, ArgumentError, "at least two classes"),
        ([[math.nan, 1.0]], [0], {}, NotFiniteError, r"logits\[0, 0\]: .* nan"),
        ([[1.0, -math.inf]], [0], {}, NotFiniteError, "logits"),
        ([[1.0, 0.0]], [2], {}, ArgumentError, "0 to 1 are needed, got 2"),
        ([[1.0, 0.0]], [-1], {}, ArgumentError, "got -1"),
        ([[1.0, 0.0]], [[0.5, 0.4]], {}, ArgumentError, "labels: rows that sum to 1"),
        ([[1.0, 0.0]], [["1/2", "1/3"]], {}, ArgumentError, "off by -1/6"),
        ([[1.0, 0.0]], [[0.5, 0.5]], {"ignore_label": 3}, ArgumentError, "integer labels"),
        ([[1.0, 0.0]], [0, 1], {}, ShapeError, "one for each sample"),
        (1.0, 0, {}, ShapeError, "one number"),
        ([[1, 0]], [0], {"digits": 0}, ArgumentError, "digits"),
        ([[1, 0]], [0], {"class_axis": 5}, ArgumentError, "class_axis"),
        ([[10**400, 0], [1, 0]], [0, 1], {}, ArgumentError, "below 2"),
        ([["x", 0]], [0], {}, ArgumentError, "logits"),
    ],
)
def test_bad_input(logits: Any, labels: Any, options: Any, error: type[ExactnnError], words: str) -> None:
    with pytest.raises(error, match=words):
        optimal_temperature(logits, labels, **options)


def test_a_time_limit() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(800, 50))
    with pytest.raises(Incomplete, match="enclosed"):
        optimal_temperature(z, (z + rng.gumbel(size=z.shape)).argmax(axis=1), digits=100, time_limit="0.1")


def test_it_is_public() -> None:
    assert xn.cooling.optimal_temperature is optimal_temperature
    found = optimal_temperature([[4, 0]] * 5, [0, 0, 0, 0, 1])
    assert str(found).startswith("0.34657359")
    assert repr(found) == f"Temperature({found})"


def test_beside_scikit_learn() -> None:
    """Its optimiser stops early, so that it agrees to some digits; and it has numbers where there is no optimum."""
    calibration = pytest.importorskip("sklearn.calibration")
    if not hasattr(calibration, "_TemperatureScaling"):
        pytest.skip("this scikit-learn has no temperature scaling")
    rng = np.random.default_rng(2)
    z = rng.normal(size=(500, 6)) * 2
    y = (0.8 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    theirs = calibration._TemperatureScaling().fit(z, y).beta_
    assert abs(theirs - optimal_temperature(z, y).value) < 1e-5
    assert refusal(z, z.argmax(axis=1)) == "accuracy-1"
    assert np.isfinite(calibration._TemperatureScaling().fit(z, z.argmax(axis=1)).beta_)
