"""The gallery of published coefficient tables: its numbers again, from the formulas in floating point and from sympy."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import sympy

import exactnn as xn
from exactnn.rational import BOULLE, ERA
from exactnn.rational._targets import target
from tests.test_fibre_example import load

ROOT = Path(__file__).resolve().parents[1]
gallery = load("examples/era/gallery.py")
TABLES: dict[str, dict[str, Any]] = {t["name"]: t for t in json.loads((ROOT / "examples/era/gallery.json").read_text(encoding="utf-8"))}
JOBS = [(t["name"], formula) for t in TABLES.values() for formula in (t["formula"], *t.get("also", ()))]
RUN = ("boulle-relu", "kat-gelu", "ra-C-gelu", "ra-N-gelu", "ra-N-2-2-identity", "reich-leaky-relu-m0-5", "reich-swish", "era-2-swish")
TARGETS: dict[str, Callable[[Any], Any]] = {
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "swish": lambda x: x * scipy.special.expit(x),
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu(-0.5)": lambda x: np.where(x > 0, x, -0.5 * x),
    "identity": lambda x: x,
}


def exactly(table: dict[str, Any], formula: str, x: Fraction) -> Fraction:
    """The formulas once more."""
    if formula == "ERA":
        (a, b), terms, epsilon = map(Fraction, table["linear"]), table["fractions"], Fraction(table["epsilon"])
        parts = [tuple(map(Fraction, term)) for term in terms]
        return a * x + b + sum((c * x + d) / ((x - e) ** 2 + f**2 + epsilon) for c, d, e, f in parts)
    top = sum(Fraction(c) * x**k for k, c in enumerate(table["numerator"]))
    inner = [Fraction(c) * x ** (k + (formula in "ABN")) for k, c in enumerate(table["denominator"])]
    bottom = {
        "A": 1 + sum(map(abs, inner)),
        "B": 1 + abs(sum(inner)),
        "C": Fraction(1, 10) + abs(sum(inner)),
        "N": 1 + sum(inner),
        "P/Q": sum(inner),
    }[formula]
    return top / bottom


class Floats:
    """A table under a formula, in doubles: P/(base + |q_1| + |q_2| + ...)."""

    def __init__(self, table: dict[str, Any], formula: str) -> None:
        numbers = {side: [float(Fraction(c)) for c in table[side]] for side in ("numerator", "denominator")}
        self.top = np.polynomial.Polynomial(numbers["numerator"])
        whole = numbers["denominator"] if formula == "C" else [0.0, *numbers["denominator"]]
        parts = [[0.0] * k + [c] for k, c in enumerate(whole)] if formula == "A" else [whole]
        self.inner = [np.polynomial.Polynomial(part) for part in parts]
        self.base, self.signed = 0.1 if formula == "C" else 1.0, formula == "N"

    def turns(self) -> list[float]:
        """Where a |.| has its kink."""
        if self.signed:
            return []
        return [float(z.real) for q in self.inner if q.degree() and any(q.coef) for z in q.trim().roots() if abs(z.imag) < 1e-9]

    def value_and_slope(self, x: Any, side: float = 0.0) -> tuple[Any, Any]:
        """At a kink, the slope of this side."""
        signs = [1.0 if self.signed else np.sign(q(x + side)) for q in self.inner]
        bottom = self.base + sum(s * q(x) for s, q in zip(signs, self.inner, strict=True))
        rise = sum(s * q.deriv()(x) for s, q in zip(signs, self.inner, strict=True))
        return self.top(x) / bottom, (self.top.deriv()(x) * bottom - self.top(x) * rise) / bottom**2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, list[dict[str, Any]]]:
    """The folder, what was printed, and the rows."""
    out = tmp_path_factory.mktemp("gallery") / "out"
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", ["gallery.py", "--out", str(out), *(part for name in RUN for part in ("--only", name))])
        gallery.main()
    return out, printed.getvalue(), json.loads((out / "gallery.json").read_text(encoding="utf-8"))


def test_the_tables_are_complete() -> None:
    assert 12 <= len(TABLES) <= 60
    assert len({t["name"] for t in TABLES.values()}) == len(json.loads((ROOT / "examples/era/gallery.json").read_text(encoding="utf-8")))
    for t in TABLES.values():
        coefficients = {"linear", "fractions", "epsilon"} if t["formula"] == "ERA" else {"numerator", "denominator"}
        needed = {"name", "source", "formula", "target", "interval"} | coefficients
        assert needed <= set(t) <= needed | {"also", "note"}, t["name"]
        assert re.fullmatch(r"[\w-]+", t["name"])
        assert re.search(r"repository \S+/\S+, .*@ [0-9a-f]{7}\b", t["source"]), t["name"]
        assert t["formula"] in ("A", "B", "C", "D", "N", "P/Q", "ERA")
        also = t.get("also", [])
        assert t["formula"] not in also
        assert len(set(also)) == len(also)
        assert set(also) <= set("ABCDN")
        lower, upper = map(Fraction, t["interval"])
        assert lower < upper
        target(t["target"])
        numbers = [t["linear"], *t["fractions"], [t["epsilon"]]] if t["formula"] == "ERA" else [t["numerator"], t["denominator"]]
        for c in (c for part in numbers for c in part):
            assert isinstance(c, str)
            Fraction(c)


@pytest.mark.parametrize("formula", sorted({formula for _, formula in JOBS}))
def test_values_are_those_of_the_formula(formula: str) -> None:
    points = [Fraction(k, 7) for k in range(-70, 71, 9)]
    for name in (name for name, f in JOBS if f == formula):
        r = gallery.function(TABLES[name], formula)
        assert [r(x) for x in points] == [exactly(TABLES[name], formula, x) for x in points], name


def test_what_is_written(run: tuple[Path, str, list[dict[str, Any]]]) -> None:
    out, text, rows = run
    assert [(r["table"], r["formula"]) for r in rows] == [(name, f) for name, f in JOBS if name in RUN]
    assert (out / "gallery.md").read_text(encoding="utf-8").endswith(text)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) == len(rows) + 2
    assert len({len(line) for line in lines}) == 1
    assert not list(out.rglob("*.new"))
    for row, line in zip(rows, lines[2:], strict=True):
        formula = row["formula"] if row["own"] else f"({row['formula']})"
        assert [c.strip() for c in line.split("|")][1:4] == [row["table"], formula, row["target"]]
        certificate = json.loads((out / row["certificate"]).read_text(encoding="utf-8"))
        assert xn.check(out / row["certificate"])
        assert ("refuted" if row["poles"] else "proved") in json.dumps(certificate["claim"])
        lower, upper = (float(Fraction(end)) if end != "inf" else math.inf for end in row["error"])
        assert 0 <= lower <= upper
        assert math.isinf(upper) or upper - lower <= 3.001e-6
    summary = text.splitlines()[-1]
    assert summary.startswith(f"What is seen. {len(RUN)} tables, {len(rows)} audits, {len(rows) - len(RUN)} of them")
    poles = [r["table"] for r in rows if r["own"] and r["poles"]]
    assert f"Real poles: {len(poles)} (" in summary
    assert all(name in summary for name in poles)
    assert "kat-gelu under B" in summary


@pytest.mark.parametrize(("name", "formula"), [job for job in JOBS if job[0] in RUN and job[1] != "ERA"])
def test_against_doubles_and_sympy(run: tuple[Path, str, list[dict[str, Any]]], name: str, formula: str) -> None:
    row = next(r for r in run[2] if (r["table"], r["formula"]) == (name, formula))
    table, r = TABLES[name], Floats(TABLES[name], formula)
    lower, upper = (float(end) for end in table["interval"])
    poles = []
    if formula == "N":
        x = sympy.Symbol("x")
        top, bottom = ([sympy.Rational(c) for c in part] for part in (table["numerator"], ["1", *table["denominator"]]))
        p, q = (sympy.Poly(list(reversed(c)), x) for c in (top, bottom))
        q = sympy.quo(q, sympy.gcd(p, q))
        poles = [float(root) for root in sympy.real_roots(q)]
        assert q.count_roots() == len(set(poles)) == len(row["poles"])
        away = [math.hypot(max(abs(z.real) - 10, 0), z.imag) for z in np.roots([float(c) for c in q.all_coeffs()])]
        near = [float(end) for end in row["nearest_pole"]]
        assert near[0] * (1 - 1e-6) <= min(away) <= near[1] * (1 + 1e-6)
    assert [float(p) for p in row["poles"]] == pytest.approx(sorted(poles), rel=1e-5)
    if any(lower <= p <= upper for p in poles):
        assert row["error"] == ["inf", "inf"]
    else:
        xs = np.concatenate([np.linspace(lower, upper, 200_001), [t for t in r.turns() if lower <= t <= upper]])
        error = np.abs(r.value_and_slope(xs)[0] - TARGETS[table["target"]](xs)).max()
        assert float(row["error"][0]) - 1e-6 <= error <= float(row["error"][1]) + 1e-12
    if any(abs(p) <= 10 for p in poles):
        assert row["value"] == row["slope"] == ["inf", "inf"]
        return
    turns = np.array([t for t in r.turns() if abs(t) <= 10])
    grid = np.concatenate([np.linspace(-10, 10, 400_001), turns])
    value = np.abs(r.value_and_slope(grid)[0]).max()
    slope = max(np.abs(r.value_and_slope(at, side)[1]).max(initial=0) for at, side in ((grid[:-1], 0), (turns, 1e-7), (turns, -1e-7)))
    for found, shown in ((value, row["value"]), (slope, row["slope"])):
        assert float(shown[0]) * (1 - 1e-6) <= found <= float(shown[1]) * (1 + 1e-6)


def test_findings(run: tuple[Path, str, list[dict[str, Any]]]) -> None:
    """What the tables are known for; and P13 of the theory: Boulle's function has no pole, and its form as an ERA."""
    rows = {(r["table"], r["formula"]): r for r in run[2]}
    worst = {key: float(r["error"][1]) for key, r in rows.items()}
    assert worst["kat-gelu", "A"] > 1 > 300 * worst["kat-gelu", "B"]
    assert float(rows["ra-C-gelu", "C"]["slope"][0]) > 1e7
    assert worst["ra-N-gelu", "N"] < 0.005
    assert min(abs(float(p)) for p in rows["ra-N-gelu", "N"]["poles"]) == pytest.approx(3.0015, abs=1e-4)
    assert worst["reich-leaky-relu-m0-5", "N"] == math.inf
    assert worst["reich-leaky-relu-m0-5", "A"] < 0.03
    assert gallery.function(TABLES["boulle-relu"], "N").to_rational_function() == BOULLE
    assert rows["boulle-relu", "N"]["poles"] == []
    constant = Fraction(-7718753, 28393445)
    assert BOULLE.to_era() == ERA.with_squares(("1/2", "15957/23830"), [(0, constant, 0, "1000/2383")])


@pytest.mark.parametrize(
    ("name", "at", "published", "meant"), [("reich-swish", 1, "1/28", "3/28"), ("reich-sigmoid", 3, "1/10008", "1/1008")]
)
def test_two_tables_are_a_digit_away_from_pade_approximants(name: str, at: int, published: str, meant: str) -> None:
    """P/Q - f, times Q (1 + exp(-x)), begins with x^10 or later for f = x/(1 + exp(-x)) and 1/(1 + exp(-x))."""
    table, shift = TABLES[name], int(name == "reich-swish")
    whole = [Fraction((-1) ** k, math.factorial(k)) + (k == 0) for k in range(10)]  # 1 + exp(-x)
    assert table["denominator"][at] == published
    zeros = []
    for number in (published, meant):
        top = list(map(Fraction, table["numerator"]))
        bottom = list(map(Fraction, ["1", *table["denominator"][:at], number, *table["denominator"][at + 1 :]]))
        product = [sum(top[i] * whole[k - i] for i in range(min(k + 1, len(top)))) for k in range(10)]
        below = [Fraction(0)] * shift + bottom + [Fraction(0)] * 10
        zeros.append(next((k for k in range(10) if product[k] != below[k]), 10))
    assert zeros[0] < zeros[1] == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nobody"], "--only: no table 'nobody'; there are ra-A-relu"),
        (["--width", "0"], "--width: a number above 0 is needed, got '0'"),
        (["--width", "wide"], "--width: a number above 0 is needed, got 'wide'"),
        (["--out", "{file}"], "cannot be a folder"),
        (["--outt", "x"], "unrecognized arguments: --outt"),
    ],
)
def test_bad_arguments(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setattr(sys, "argv", ["gallery.py", *(a.format(file=file) for a in arguments)])
    with pytest.raises(SystemExit) as stop:
        gallery.main()
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
