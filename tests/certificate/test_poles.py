"""Certificates about poles: right ones are accepted, changed ones rejected unless what they say is true."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import sympy

from exactnn import certificate as checker
from exactnn.certificate import BudgetExceeded, Rejected, _budget, check, examine
from exactnn.certificate.telling import sentence
from tests.certificate.test_mutations import at, changes, paths

FOLDER = Path(checker.__file__).parent


def certificate(answer, functions, interval, evidence):
    claim = {
        "question": "pole_free",
        "answer": answer,
        "functions": [f if isinstance(f, dict) else {"numerator": f[0], "denominator": f[1]} for f in functions],
        "interval": interval,
    }
    return {
        "format": "exactnn-certificate",
        "version": 2,
        "semantics": "real arithmetic",
        "claim": claim,
        "models": {},
        "evidence": evidence,
        "about": {},
    }


def pole(function, low, high, cuts=(), **cancelled):
    return {"method": "pole", "function": function, "between": [low, high], "cuts": list(cuts), **cancelled}


def signs(*entries):
    """For each function its cuts, None for a sum of terms, or a triple with the reduced numerator and denominator."""
    keys = ("cuts", "numerator", "denominator")
    return {
        "method": "signs",
        "functions": [None if e is None else dict(zip(keys, e if isinstance(e, tuple) else (e,), strict=False)) for e in entries],
    }


def terms(*entries, **more):
    return {**more, "terms": [{"numerator": n, "constant": c, "absolute": p} for n, c, p in entries]}


SQUARE = [4, 0, -4, 0, 1]  # (x^2 - 2)^2
CLOSE = [f"{10**120 + 1}/{10**120}", -2, 1]
RIGHT = {
    "no zero": certificate("proved", [([1], [1, 0, 1])], None, signs([0])),
    "cancelled": certificate("proved", [([-1, 0, 1], [-1, 1])], None, signs(([0], [1, 1], [1]))),
    "not cancelled twice": certificate("refuted", [([-1, 1], [1, -2, 1])], None, pole(0, 1, 1, numerator=[1], factors=[[-1, 1], [1]])),
    "zero numerator": certificate("proved", [([], [-1, 1]), ([0], [0, 1])], None, signs(([0], [], [1]), ([1], [0], [2]))),
    "between": certificate("refuted", [([1], [-2, 0, 1])], [0, 2], pole(0, 1, "3/2")),
    "double": certificate("refuted", [([1], SQUARE)], [None, 2], pole(0, 1, 2, numerator=[1], factors=[[-2, 0, 1], [-2, 0, 1]])),
    "cuts for the numerator": certificate("refuted", [([1, 0, 1], [-2, 0, 1])], [-2, 2], pole(0, -1, 2, [0, "1/2", 1])),
    "outside": certificate("proved", [([1], [-2, 0, 1])], ["-7/5", "7/5"], signs([])),
    "at the end": certificate("refuted", [([1], [0, 1])], [0, 1], pole(0, 0, 0)),
    "behind the end": certificate("proved", [([1], [0, 1])], ["1/1000000000000", None], signs([])),
    "second": certificate("refuted", [([1], [1]), ([3], [1, 2])], None, pole(1, -1, 0)),
    "close": certificate("proved", [([1], CLOSE)], None, signs([0, 1])),
    "a sum": certificate("proved", [terms(([1, 2], 1, []), ([3], "1/10", [[1, -2, 1], [0, 1]]))], None, signs(None)),
    "a sum and a quotient": certificate("refuted", [terms(([1], 1, [[-9, 0, 1]])), ([1], [-1, 1])], [0, 2], pole(1, 1, 1)),
    "names": certificate(
        "proved", [terms(([1], "1/1000", [[]]), name="a"), {"name": "b", "numerator": [1], "denominator": [2]}], None, signs(None, [3])
    ),
    "leading zeros": certificate("proved", [([1, 0, 0], [1, 0, 1, 0, 0])], None, signs([0])),
}


def is_right(document):
    """By sympy."""
    x, claim, evidence = sympy.Symbol("x"), document["claim"], document["evidence"]

    def polynomial(coefficients):
        return sum((sympy.Rational(Fraction(c)) * x**k for k, c in enumerate(coefficients)), sympy.Integer(0))

    low, high = (None if e is None else sympy.Rational(Fraction(e)) for e in claim["interval"] or (None, None))

    def poles(function, low, high):
        if "terms" in function:
            bottoms = [sympy.Rational(Fraction(t["constant"])) + sum(abs(polynomial(p)) for p in t["absolute"]) for t in function["terms"]]
            assert all(b.subs(x, k) > 0 for b in bottoms for k in range(-5, 5))
            return 0
        bottom = sympy.Poly(sympy.fraction(sympy.cancel(polynomial(function["numerator"]) / polynomial(function["denominator"])))[1], x)
        return bottom.count_roots(low, high) if bottom.degree() > 0 else 0

    if claim["answer"] == "proved":
        return not any(poles(f, low, high) for f in claim["functions"])
    a, b = (sympy.Rational(Fraction(e)) for e in evidence["between"])
    return (low is None or low <= a) and (high is None or b <= high) and poles(claim["functions"][evidence["function"]], a, b) >= 1


@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_are_accepted(name):
    assert check(RIGHT[name])
    assert is_right(RIGHT[name])
    accepted = examine(RIGHT[name], (), None)
    assert "pole" in sentence(accepted)
    assert accepted.models == {}


@pytest.mark.parametrize("name", RIGHT)
def test_changed_ones_are_rejected_unless_right(name):
    rejected = 0
    for path in [p for p in paths(RIGHT[name]) if p and p[0] in ("claim", "evidence", "models")]:
        for value in changes(at(RIGHT[name], path)):
            mutant = copy.deepcopy(RIGHT[name])
            at(mutant, path[:-1])[path[-1]] = value
            try:
                check(mutant)
            except Rejected:
                rejected += 1
            else:
                assert is_right(mutant), (path, value)
    assert rejected > 5


@pytest.mark.parametrize(
    ("document", "step"),
    [
        (certificate("proved", [([1], [-2, 0, 1])], None, signs([0])), "evidence: functions[0]"),
        (certificate("proved", [([1], [-2, 0, 1])], None, signs(([0], [1], [1]))), "evidence: functions[0]"),
        (certificate("proved", [([1], [-2, 0, 1])], None, signs(([0], [0], [0]))), "evidence: functions[0]"),
        (certificate("proved", [([1], [-2, 0, 1])], None, signs(None)), "evidence: functions[0]"),
        (certificate("proved", [([1], [1])], None, signs([0], [0])), "evidence: functions"),
        (certificate("proved", [terms(([1], 1, []))], None, signs([0])), "evidence: functions[0]"),
        (certificate("refuted", [([1], [1, 0, 1])], None, pole(0, -9, 9)), "evidence: between"),
        (certificate("refuted", [([1], [-2, 0, 1])], None, pole(0, -2, 2)), "evidence: between"),
        (certificate("refuted", [([0], [-1, 1])], None, pole(0, 1, 1)), "evidence: numerator"),
        (certificate("refuted", [([1], [1, 1])], None, pole(0, 1, 1, numerator=[1], factors=[[-1, 1], [1]])), "evidence"),
        (certificate("refuted", [([0], [1])], None, pole(0, 1, 1, numerator=[0], factors=[[-1, 1], [0]])), "evidence"),
        (certificate("refuted", [([1], [-2, 0, 1])], [0, 1], pole(0, 1, 2)), "evidence: between"),
        (certificate("refuted", [([1], [-2, 0, 1])], None, pole(1, 1, 2)), "evidence: function"),
        (certificate("refuted", [([-1, 1], [-1, 1])], None, pole(0, 1, 1)), "evidence: numerator"),
        (certificate("proved", [([1], [0, 0])], None, signs([0])), "claim: functions[0]: denominator"),
        (certificate("proved", [], None, signs([0])), "claim: functions"),
        (certificate("proved", [terms(([1], 0, [[1, 0, 1]]))], None, signs([0])), "claim: functions[0]: terms[0]: constant"),
        (certificate("proved", [terms(([1], 1, []), ([1], "-1/3", []))], None, signs([0])), "claim: functions[0]: terms[1]: constant"),
        (certificate("proved", [terms(([1], 1, [3]))], None, signs([0])), "claim: functions[0]: terms[0]: absolute[0]"),
        (certificate("proved", [terms(([1], 1, []), denominator=[1])], None, signs([0])), "claim: functions[0]"),
        (certificate("proved", [terms(([1], 1, []), name=3)], None, signs([0])), "claim: functions[0]: name"),
        (certificate("refuted", [terms(([1], 1, [[-1, 1]]))], None, pole(0, 1, 1)), "evidence: function"),
        (certificate("proved", [([1], [1])], [2, 1], signs([0])), "claim: interval"),
        (certificate("proved", [([1], [1])], None, pole(0, 1, 1)), "evidence"),
        (certificate("proved", [([1], [1.5])], None, signs([0])), "claim: functions[0]: denominator[0]"),
    ],
)
def test_wrong_ones_name_the_step(document, step):
    with pytest.raises(Rejected) as rejected:
        check(document)
    assert rejected.value.step == step


def test_a_polynomial_that_is_too_long_is_not_decided(monkeypatch):
    document = certificate("proved", [([1], [1, *[0] * 99, 1])], ["1/3", None], signs([]))
    assert check(document)
    monkeypatch.setattr(_budget, "WORK", (10**3, 0))
    with pytest.raises(BudgetExceeded, match=r"evidence: functions\[0\]: more than"):
        check(document)


def test_models_and_functions_exclude_each_other():
    net = {"format": "exactnn-network", "version": 1, "inputs": ["x"], "outputs": ["x"], "nodes": []}
    document = {**RIGHT["no zero"], "models": {"f": {"sha256": "0" * 64, "inline": net}}}
    with pytest.raises(Rejected, match="unknown key"):
        check(document)
    missing = copy.deepcopy(RIGHT["no zero"])
    missing["claim"]["functions"] = None
    with pytest.raises(Rejected, match="missing key"):
        check(missing)


def test_sentences():
    def said(name):
        return sentence(examine(RIGHT[name], (), None))

    assert said("no zero") == "proved: (1)/(1 + x^2) has no pole on the real line"
    assert said("second") == "refuted: one of (1)/(1), (3)/(1 + 2 x) has a pole on the real line"
    assert said("zero numerator") == "proved: none of (0)/(-1 + x), (0)/(x) has a pole on the real line"
    assert said("double") == "refuted: (1)/(4 - 4 x^2 + x^4) has a pole on the interval from -infinity to 2"
    assert "sha256" in said("close")
    assert said("a sum") == "proved: (1 + 2 x)/(1) + (3)/(1/10 + |1 - 2 x + x^2| + |x|) has no pole on the real line"


def test_the_folder_alone_checks_it(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(RIGHT["between"]))
    run = subprocess.run([sys.executable, "-I", "-S", str(FOLDER), str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith("accepted: refuted: (1)/(-2 + x^2) has a pole")
