"""Verdicts on poles: the ground truth, networks, intervals, bad input; every certificate is re-checked."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn import nn
from exactnn.errors import ArgumentError, DomainError, NotFiniteError
from exactnn.network import Builder, Input, Rational
from exactnn.rational import BOULLE, ERA, PadeUnit, RationalFunction
from exactnn.verify import activation_poles, rational_activations
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


@law(30)
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


@pytest.mark.parametrize(
    ("numerator", "denominator", "status"),
    [
        ((-1, 0, 1), (-1, 1), "proved"),  # x + 1
        ((0,), (0, 1), "proved"),
        ((-1, 1), (1, -2, 1), "refuted"),  # 1/(x - 1)
        ((-1, 1), (-1, 3, -3, 1), "refuted"),  # 1/(x - 1)^2
    ],
)
def test_nodes_that_are_not_in_lowest_terms(numerator: tuple[int, ...], denominator: tuple[int, ...], status: str) -> None:
    """A network keeps the coefficients as they are written."""
    builder = Builder()
    builder.add("x", Input((1,)))
    builder.add("r", Rational(numerator, denominator), "x")
    verdict = xn.verify_pole_free(builder.build(["x"], ["r"]))
    assert verdict.status == status
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
    assert [(row.name, len(row.real_poles)) for row in rows] == [("rational1", 2), ("rational2", 2)]
    assert all(row.nearest_pole.distance.upper == 0 for row in rows)
    plain = xn.verify_pole_free(xn.mlp([([[1]], [0]), ([[1]], [0])]))
    assert plain.proved
    assert xn.check(plain.certificate)


def test_what_is_positive_as_it_stands_needs_no_cuts() -> None:
    sigma = ERA((1, 2), [(1, 2, 3, 4), ("1/3", 0, -1, 0)], epsilon="1e-6")
    for f in (sigma, ERA((1, 0)), *(PadeUnit([0, 1, 2], [-1, 2, -3], formula=name) for name in "ABCD")):
        verdict = xn.verify_pole_free(f)
        assert verdict.proved
        assert "positive" in verdict.reason
        assert xn.check(verdict.certificate)
        assert verdict.certificate.evidence["functions"] == [None]
    for f in (PadeUnit([0, 1], [0, 1], formula="N"), ERA((1, 2), [(1, 2, 3, 0)])):
        verdict = xn.verify_pole_free(f)
        assert verdict.proved or verdict.refuted
        assert xn.check(verdict.certificate)
        assert verdict.certificate.evidence.get("functions") != [None]


def of_entry(entry: dict[str, object], x: Fraction) -> Fraction:
    """The claim's own function."""

    def value(coefficients: list[object]) -> Fraction:
        return sum((Fraction(c) * x**k for k, c in enumerate(coefficients)), Fraction(0))

    if "terms" in entry:
        return sum(value(t["numerator"]) / (Fraction(t["constant"]) + sum(abs(value(p)) for p in t["absolute"])) for t in entry["terms"])
    return value(entry["numerator"]) / value(entry["denominator"])


@law(30)
@given(
    st.one_of(
        st.builds(lambda a, t: ERA(a, t, epsilon=1), st.tuples(small, small), st.lists(st.tuples(small, small, small, small), max_size=3)),
        st.builds(
            lambda a, b, f, basis: PadeUnit(a, b, formula=f, basis=basis),
            st.lists(small, min_size=1, max_size=4),
            st.lists(small, max_size=4),
            st.sampled_from("ABCDN"),
            st.sampled_from(["power", "hermite", "legendre", "laguerre"]),
        ),
    ),
    small,
)
def test_the_claim_is_about_the_function(f: ERA | PadeUnit, x: Fraction) -> None:
    verdict = xn.verify_pole_free(f)
    assert verdict.status == ("refuted" if f.real_poles() else "proved")
    assert xn.check(verdict.certificate)
    (entry,) = verdict.certificate.document["claim"]["functions"]
    if f.formula != "N" if isinstance(f, PadeUnit) else True:
        assert of_entry(entry, x) == f(x)


def test_several_functions() -> None:
    functions = {"good": ERA((1, 0), [(1, 2, 3, 4)]), "unit": PadeUnit([0, 1], [1], formula="B"), "bad": 1 / (X**2 - 2), "tame": BOULLE}
    verdict = xn.verify_pole_free(functions)
    assert verdict.refuted
    assert verdict.function == functions["bad"]
    assert verdict.reason.startswith("'bad' has 2 poles there")
    assert verdict.counterexample is None
    assert xn.check(verdict.certificate)
    assert [entry["name"] for entry in verdict.certificate.document["claim"]["functions"]] == list(functions)
    verdict = xn.verify_pole_free(functions, interval=(-1, 1))
    assert verdict.proved
    assert "4 rational activations: 2 with denominators at least positive constants; the denominators of 2 have no" in verdict.reason
    assert xn.check(verdict.certificate)
    rows = activation_poles(functions)
    assert [row.nearest_pole is None for row in rows] == [False, True, False, False]
    assert str(rows[1]) == "unit: no real pole"
    assert str(rows[2]).startswith("bad: poles at -1.41421356237")


def test_lists_and_intervals_by_position() -> None:
    verdict = xn.verify_pole_free([BOULLE, 1 / X], (0, 1))
    assert verdict.reason.startswith("'1' has 1 pole")
    assert [row.name for row in activation_poles([BOULLE, 1 / X], (0, 1))] == ["0", "1"]
    assert xn.verify_pole_free({"sigma": BOULLE}).question == "'sigma' has no pole on the real line"
    assert (1 / X).real_poles((1, 2)) == ()


def test_distances_from_far_away() -> None:
    near = (1 / (X**2 + 1)).nearest_pole((10**60, None))
    assert near.distance.lower**2 <= 10**120 + 1 <= near.distance.upper**2
    assert near.distance.width <= Fraction(1, 2**64)
    exact = RationalFunction([1], ["5", -2, 1]).nearest_pole((10**400, None), width=Fraction(1, 10**500))  # 1 -+ 2 i
    assert exact.distance.lower**2 <= (10**400 - 1) ** 2 + 4 <= exact.distance.upper**2


def test_torch_modules() -> None:
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 4),
        nn.normalised(nn.ERA(4, "swish"), 4),
        torch.nn.Linear(4, 4),
        nn.SafePade("A", channels=4, groups=2),
        nn.SafePade("N", init="tanh"),
    )
    found = rational_activations(module)
    assert list(found) == ["1.activation", "3[0]", "3[1]", "4"]
    verdict = xn.verify_pole_free(module)
    assert verdict.proved
    assert xn.check(verdict.certificate)
    with torch.no_grad():
        module[4].b.copy_(torch.tensor([-1.0, 0, 0, 0]))  # 1 - x
    verdict = xn.verify_pole_free(module)
    assert verdict.refuted
    assert verdict.pole.value == 1
    assert verdict.reason.startswith("'4' has 1 pole there")
    assert verdict.function == module[4].exact()
    assert xn.check(verdict.certificate)
    assert xn.verify_pole_free(module, interval=(-5, 0)).proved
    assert list(rational_activations(nn.ERA(2))) == ["ERA"]
    with torch.no_grad():
        module[1].activation.f[1] = float("nan")
    with pytest.raises(NotFiniteError, match=r"^1\.activation: .*f\[1\]"):
        xn.verify_pole_free(module)
    with pytest.raises(ArgumentError, match=r"no rational activation"):
        xn.verify_pole_free(torch.nn.Linear(1, 1))


def test_too_large_for_the_checker_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    from exactnn.certificate import _budget

    monkeypatch.setattr(engine, "_LARGE", 2)
    monkeypatch.setattr(_budget, "WORK", (2**6, 0))
    assert xn.verify_pole_free(1 / (X**2 + 1)).proved
    assert xn.verify_pole_free(1 / (X**20 + 1), interval=(Fraction(1, 3), 2)).unknown
    verdict = xn.verify_pole_free(1 / (X**20 - 2), interval=(Fraction(1, 3), 2))
    assert verdict.unknown
    assert verdict.pole.lower < 2
    assert "too large" in verdict.reason


def test_a_numerator_with_a_zero_near_the_pole() -> None:
    """The interval of the pole is made so short that the numerator has no zero in it."""
    for gap in (Fraction(1, 10), Fraction(1, 10**30)):
        verdict = xn.verify_pole_free((X**3 - 2 - gap) / (X**3 - 2) ** 2)
        assert verdict.refuted
        assert xn.check(verdict.certificate)


def test_files_with_other_multiples(tmp_path: Path) -> None:
    """The checker reads 2/(2 x^2 - 2) and its like from the file as they stand."""
    path = tmp_path / "net.json"
    nodes = [
        {"name": "x", "op": "input", "operands": [], "shape": [1]},
        {"name": "y", "op": "rational", "operands": ["x"], "numerator": [2], "denominator": [-2, 0, 2]},
        {"name": "z", "op": "rational", "operands": ["x"], "numerator": [1], "denominator": ["-1/3", 0, "-1/3"]},
    ]
    for outputs in (["y", "z"], ["z"]):
        used = [nodes[0], *(n for n in nodes[1:] if n["name"] in outputs)]
        path.write_text(json.dumps({"format": "exactnn-network", "version": 1, "inputs": ["x"], "outputs": outputs, "nodes": used}))
        net = xn.load(path)
        for interval, proved in (((-2, 0), len(outputs) == 1), (None, len(outputs) == 1), ((2, None), True)):
            verdict = xn.verify_pole_free(net, interval=interval)
            assert (verdict.proved, verdict.refuted) == (proved, not proved)
            assert xn.check(verdict.certificate)
    assert xn.verify_equal(net, net).proved


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((3,), {}, ArgumentError, "r: "),
        (({},), {}, ArgumentError, "r: "),
        (({"a": 3},), {}, ArgumentError, "r: .*'a'"),
        (({"": X},), {}, ArgumentError, "r: "),
        ((ERA,), {}, ArgumentError, "r: "),
        ((ERA((1, 0)),), {"interval": (2, 1)}, DomainError, "interval"),
        (("x",), {}, ArgumentError, "r: "),
        ((X,), {"interval": (2, 1)}, DomainError, "interval"),
        ((X,), {"interval": 5}, ArgumentError, "interval"),
        ((X,), {"interval": (0, "y")}, ArgumentError, r"interval\[1\]"),
    ],
)
def test_bad_input(arguments: tuple[object, ...], keywords: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        xn.verify_pole_free(*arguments, **keywords)
    with pytest.raises(ArgumentError, match="r: "):
        activation_poles(3)
