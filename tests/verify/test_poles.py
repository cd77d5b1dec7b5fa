"""Verdicts on poles: the ground truth, networks, intervals, bad input; every certificate is re-checked."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError, DomainError
from exactnn.rational import BOULLE, ERA, RationalFunction
from exactnn.verify import activation_poles
from exactnn.verify import poles as engine
from tests.rational._cases import X, from_factors, functions, small
from tests.strategies import law


@pytest.mark.parametrize(
    ("r", "status"),
    [
        (X**3 / (X**2 + 1), "proved"),  # P1
        (RationalFunction([-1, 0, 1], [-1, 1]), "proved"),  # P2
        (1 / (X**2 + 1) ** 2, "proved"),  # P5
        (1 / ((X - 1) ** 2 * (X**2 + 1)), "refuted"),  # P6
        (1 / ((X - 1) ** 2 + Fraction(1, 10**120)), "proved"),  # P7
        (1 / ((X - 1) ** 2 - Fraction(1, 10**120)), "refuted"),
        (1 / (X**5 - X - 1), "refuted"),  # P9
        (1 / (X**2 - 2) ** 2, "refuted"),
        (BOULLE, "proved"),  # P13
        (ERA((1, 0), [(0, 1, 2, 0)]), "refuted"),  # P17
        (ERA((1, 0), [(0, 0, 2, 0)]), "proved"),
        (ERA((1, 0), [(0, 1, 2, 0)], epsilon=1e-6), "proved"),
        (1 / (X**4 + 1), "proved"),  # P19
        (RationalFunction([0]), "proved"),
    ],
)
def test_ground_truth(r: RationalFunction | ERA, status: str, tmp_path: object) -> None:
    verdict = xn.verify_pole_free(r)
    assert verdict.status == status
    assert xn.check(verdict.certificate)
    assert xn.check(verdict.certificate.save(f"{tmp_path}/c.json"))
    assert verdict.semantics == "real arithmetic"
    if status == "refuted":
        assert verdict.pole == r.real_poles()[0]
        assert verdict.counterexample == (None if verdict.pole.value is None else (verdict.pole.value,))


@law(60)
@given(from_factors(), functions, small, st.integers(0, 4))
def test_the_engine_and_the_checker_agree(
    case: tuple[list[Fraction], list[Fraction]], r: RationalFunction, low: Fraction, size: int
) -> None:
    polynomial, _ = case
    s = r / RationalFunction(polynomial)
    for interval in (None, (low, low + size), (low, None), (None, low)):
        verdict = xn.verify_pole_free(s, interval=interval)
        assert verdict.status == ("refuted" if s.real_poles(interval=interval) else "proved")
        assert xn.check(verdict.certificate)


def test_intervals() -> None:
    r = 1 / (X**2 - 2)
    assert xn.verify_pole_free(r, interval=(-1, 1)).proved
    assert xn.verify_pole_free(r, interval=("1.41421356", "1.41421357")).refuted
    assert xn.verify_pole_free(1 / X, interval=(0, 1)).refuted
    assert xn.verify_pole_free(1 / X, interval=(Fraction(1, 2**200), None)).proved
    assert xn.verify_pole_free(1 / X, interval=(0, 0)).refuted
    assert xn.verify_pole_free(1 / X, interval=(1, 1)).proved
    assert "[-1, 1]" in xn.verify_pole_free(r, interval=(-1, 1)).question
    assert "x >= 2" in xn.verify_pole_free(r, interval=(2, None)).question


def test_numbers_too_long_for_str() -> None:
    huge = 10**5000
    verdict = xn.verify_pole_free(1 / (X - huge), interval=(huge - 1, None))
    assert verdict.refuted
    assert verdict.pole.value == huge
    assert xn.check(verdict.certificate)
    assert "..." in verdict.question
    assert str(verdict)
    with pytest.raises(DomainError, match="interval"):
        xn.verify_pole_free(X, interval=(huge, 0))


def test_networks() -> None:
    good, bad = RationalFunction([0, 1], [1, 0, 1]), RationalFunction([1], [-2, 0, 1])
    net = xn.mlp([([[1], [2]], [0, 1]), ([[1, 1]], [0])], activation=good)
    verdict = xn.verify_pole_free(net)
    assert verdict.proved
    assert xn.check(verdict.certificate)
    net = xn.mlp([([[1], [2]], [0, 1]), ([[1, 1]], [0]), ([[1]], [0])], activation=bad)
    verdict = xn.verify_pole_free(net)
    assert verdict.refuted
    assert verdict.counterexample is None
    assert verdict.function == bad
    assert "rational1" in verdict.reason
    assert xn.check(verdict.certificate)
    assert xn.verify_pole_free(net, interval=(-1, 1)).proved
    rows = activation_poles(net)
    assert [(row.node, len(row.real_poles)) for row in rows] == [("rational1", 2), ("rational2", 2)]
    assert all(row.nearest_pole.distance.upper == 0 for row in rows)
    plain = xn.verify_pole_free(xn.mlp([([[1]], [0]), ([[1]], [0])]))
    assert plain.proved
    assert xn.check(plain.certificate)


def test_too_large_for_the_checker_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_STURM", 10)
    assert xn.verify_pole_free(1 / (X**2 + 1)).unknown
    verdict = xn.verify_pole_free(1 / (X**2 - 1))
    assert verdict.unknown
    assert verdict.pole.value == -1
    assert "too large" in verdict.reason


def test_the_limit_is_that_of_the_checker() -> None:
    from exactnn.certificate import _budget

    assert engine._STURM == _budget.STURM


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((3,), {}, ArgumentError, "r: "),
        (("x",), {}, ArgumentError, "r: "),
        ((X,), {"interval": (2, 1)}, DomainError, "interval"),
        ((X,), {"interval": 5}, ArgumentError, "interval"),
        ((X,), {"interval": (0, "y")}, ArgumentError, r"interval\[1\]"),
    ],
)
def test_bad_input(arguments: tuple[object, ...], keywords: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        xn.verify_pole_free(*arguments, **keywords)
    with pytest.raises(ArgumentError, match="net"):
        activation_poles(X)
