"""Certificates of temperatures: checked, refused where the bracket is wrong, against mpmath; and of why there is none."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cooling import Temperature, identities, optimal_temperature
from exactnn.cooling import _temperature_certificate as room
from exactnn.cooling._problem import Problem, read_problem
from exactnn.errors import ArgumentError, CertificateRejected, NoOptimalTemperature, Undecided
from exactnn.exact.writing import json_number
from tests.cooling.test_temperature import holds
from tests.strategies import law

F = Fraction
LOGITS, LABELS = [[4, 0]] * 10, [0] * 8 + [1] * 2


def problem(logits: Any, labels: Any) -> Problem:
    return read_problem(logits, labels, class_axis=-1, ignore_label=None)


def ends(document: dict[str, Any]) -> tuple[Fraction, Fraction]:
    """The bounds that a certificate states."""
    names = dict(document["claim"]["definitions"])
    return F(names["lower"]), F(names["upper"])


def with_numbers(document: dict[str, Any], **numbers: Fraction) -> dict[str, Any]:
    """The document with other numbers as definitions."""
    changed = copy.deepcopy(document)
    for pair in changed["claim"]["definitions"]:
        if pair[0] in numbers:
            pair[1] = json_number(numbers[pair[0]])
    return changed


def test_the_claim_is_about_the_bracket() -> None:
    tau = optimal_temperature(LOGITS, LABELS)
    assert tau.certificate is tau.certificate
    document = tau.certificate.document
    assert ends(document) == (tau.lower, tau.upper)
    assert (document["claim"]["tolerance"], [e[1] for e in document["claim"]["equations"]]) == (0, ["<="] * 5)
    assert xn.check(tau.certificate)
    assert "an optimal temperature" in repr(tau.certificate)


def test_a_bracket_without_the_optimum_is_rejected() -> None:
    """Stated in the certificate, beside the optimum, by as little as its width; and refused by the engine."""
    tau = optimal_temperature(LOGITS, LABELS)
    width = tau.upper - tau.lower
    for low, high in ((tau.lower - width, tau.lower), (tau.upper, tau.upper + width), (tau.upper, tau.lower), (F(1), F(2))):
        document = with_numbers(tau.certificate.document, lower=low, upper=high)
        assert ends(document) == (low, high)
        with pytest.raises(CertificateRejected, match=r"equation [1-4]"):
            xn.check(document)
        with pytest.raises(Undecided, match="fails at entry"):
            room.bracket_certificate(problem(LOGITS, LABELS), low, high)
    wide = room.bracket_certificate(problem(LOGITS, LABELS), tau.lower - width, tau.upper + width)
    assert xn.check(wide)


def test_ends_that_are_not_positive_are_rejected() -> None:
    """Both sides of the inequalities are 0 at tau = 0, and tau L'(tau) >= 0 at any tau < 0."""
    good = optimal_temperature(LOGITS, LABELS).certificate.document
    low, high = ends(good)
    for numbers in (
        {"upper": -high},
        {"lower": F(0), "upper": F(0)},
        {"lower": F(0)},
        {"lower": F(0), "inverse": F(0)},
        {"lower": -low, "inverse": -1 / low},
        {"lower": -low, "upper": -high, "inverse": -1 / low},
    ):
        with pytest.raises(CertificateRejected, match=r"equation [0-4]"):
            xn.check(with_numbers(good, **numbers))
    assert xn.check(with_numbers(good, lower=low / 2, inverse=3 / low, upper=high * 2))


def test_another_label_is_rejected() -> None:
    document = copy.deepcopy(optimal_temperature(LOGITS, LABELS).certificate.document)
    (q,) = (pair[1] for pair in document["claim"]["definitions"] if pair[0] == "q")
    assert q["numerators"][:2] == [1, 0]
    q["numerators"][:2] = [0, 1]
    with pytest.raises(CertificateRejected, match="equation"):
        xn.check(document)


@law(15)
@given(st.data())
def test_law(data: st.DataObject) -> None:
    """Rational logits, classes or distributions: the certificate is accepted, and mpmath finds the change of sign."""
    count, classes = data.draw(st.integers(1, 5)), data.draw(st.integers(2, 3))
    number = st.fractions(-4, 4, max_denominator=6) if data.draw(st.booleans()) else st.floats(-4, 4, width=32)
    rows = [[data.draw(number) for _ in range(classes)] for _ in range(count)]
    if data.draw(st.booleans()):
        labels: Any = [data.draw(st.integers(0, classes - 1)) for _ in range(count)]
    else:
        weights = [[data.draw(st.integers(0, 3)) for _ in range(classes)] for _ in range(count)]
        assume(all(map(sum, weights)))
        labels = [[F(w, sum(row)) for w in row] for row in weights]
    found: Any
    try:
        found = optimal_temperature(rows, labels)
    except NoOptimalTemperature as error:
        found = error
    assert xn.check(found.certificate)
    assert isinstance(found, NoOptimalTemperature) or holds(found, rows, labels)


@pytest.mark.parametrize("unit", [F(1, 2**1000), F(2**500), 1])
def test_units_and_offsets_of_logits(unit: Fraction) -> None:
    rows = [[unit * v + 10**6 * unit for v in row] for row in ([4, 0], [3, 1], [1, 2])]
    tau = optimal_temperature(rows, [0, 1, 1])
    assert xn.check(tau.certificate)
    assert xn.check(optimal_temperature([0.5, -2, 3, -1], [1, 0, 1, 1]).certificate)  # of class 1 against class 0
    assert xn.check(optimal_temperature(rows, [0, 1, 1], digits=100).certificate)


@pytest.mark.parametrize(
    ("logits", "labels", "reason"),
    [
        (LOGITS, [0] * 10, "accuracy-1"),
        ([[1, 1, 0], [2, 3, 3]], [["1/3", "2/3", 0], [0, 0, 1]], "accuracy-1"),
        (LOGITS, [1] * 8 + [0] * 2, "worse-than-chance"),
        (LOGITS, [0, 1] * 5, "worse-than-chance"),
        ([["1/3", "1/3"]] * 3, [0, 1, 1], "constant"),
    ],
)
def test_why_there_is_none(logits: Any, labels: Any, reason: str) -> None:
    with pytest.raises(NoOptimalTemperature) as caught:
        optimal_temperature(logits, labels)
    assert caught.value.reason == reason
    assert xn.check(caught.value.certificate)
    for other in ("accuracy-1", "worse-than-chance", "constant"):  # all have another one, but that equal logits have all
        if other != reason != "constant":
            with pytest.raises(Undecided, match="fails at entry"):
                room.no_optimum_certificate(problem(logits, labels), other)


def test_what_has_an_optimum_has_no_reason() -> None:
    for reason in ("accuracy-1", "worse-than-chance", "constant"):
        with pytest.raises(Undecided, match="fails at entry"):
            room.no_optimum_certificate(problem(LOGITS, LABELS), reason)


@pytest.mark.parametrize("unit", [1e-310, 5e-324, 1e-300, 1e-150, 1.0, 1e150, 4e307])
def test_value_is_in_the_bracket_or_out_of_range(unit: float) -> None:
    """tau = log(4)/(4 unit), beyond 2^1024 for the smallest logits."""
    tau = optimal_temperature([[4 * unit, 0]] * 5 if unit < 1e300 else [[unit, 0]] * 5, LABELS[:4] + LABELS[-1:])
    assert xn.check(tau.certificate)
    if tau.lower < 2**1024:
        assert tau.lower < F(tau.value) < tau.upper
    else:
        assert (tau.value, unit < 1e-300) == (np.inf, True)


def test_refusals() -> None:
    rng = np.random.default_rng(0)
    many = rng.normal(size=(9000, 2))
    with pytest.raises(ArgumentError, match="at most 16,384 logits are needed, since the checker is plain Python, got 9000 times 2"):
        _ = optimal_temperature(many, rng.integers(0, 2, 9000) | (many[:, 1] > many[:, 0])).certificate
    with pytest.raises(Undecided, match="the bounds stay proved"):
        _ = optimal_temperature(LOGITS, LABELS, digits=400).certificate
    with pytest.raises(ArgumentError, match="found by optimal_temperature"):
        _ = Temperature(F(1), F(2), 1.5).certificate
    with pytest.raises(ArgumentError, match="logits times tau"):
        _ = optimal_temperature([[4, 0], [4, 0], [4, 0], [-(10**5), 0]], [0, 0, 1, 1]).certificate
    assert NoOptimalTemperature("none").certificate is None


def test_equal_bounds_are_equal_temperatures() -> None:
    first, second = optimal_temperature(LOGITS, LABELS), optimal_temperature(LOGITS * 2, LABELS * 2)
    assert (first == second) is (tuple(first) == tuple(second) and first.value == second.value)
    assert xn.check(pickle.loads(pickle.dumps(first)).certificate)  # noqa: S301 - our own


def test_precision_0_is_for_inequalities() -> None:
    net = xn.mlp([([[1], [0]], [0, 0])])
    data = ([[4]] * 5, [0, 0, 0, 0, 1])
    assert identities["I5"].check(net, data, precision=0).question == "I5: 5 equations exactly at 5 points"
    with pytest.raises(ArgumentError, match="precision: a positive number"):
        identities["I2"].check(net, data, precision=0)
