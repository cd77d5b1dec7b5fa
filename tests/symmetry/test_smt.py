"""The builder of SMT-LIB questions: its text is what solvers read, and its three answers are never confused."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError, Incomplete, VerdictIsNotBoolean
from exactnn.exact.clock import Clock
from exactnn.symmetry._smt import Answer, Script, Value, both, either, number, term, total
from tests.strategies import law

ROOT = Path(__file__).resolve().parents[2]
ROWS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(-4, 4)), max_size=4)


def pythagoras(most: int) -> Script:
    script = Script("QF_NIA", f"Right triangles with integer sides up to {most}\nand a < b.")
    for name in "abc":
        script.declare(name)
        script.require(term("<=", 1, name, most))
    script.require(term("=", term("+", term("*", "a", "a"), term("*", "b", "b")), term("*", "c", "c")), "Pythagoras")
    script.require(term("<", "a", "b"))
    return script


def hard() -> Script:
    """x^3 + y^3 + z^3 = 42 has no small solution; no solver decides it soon."""
    script = Script("QF_NIA")
    for name in "xyz":
        script.declare(name)
    script.require(term("=", total(term("*", v, v, v) for v in "xyz"), 42))
    return script


def mixed() -> Script:
    script = Script("QF_LRA")
    script.declare("p", "Bool")
    script.declare("q", "Real")
    script.require(term("=", term("*", Fraction(3), "q"), term("ite", "p", Fraction(1), Fraction(-2))))
    return script


def test_models_are_all_and_once() -> None:
    script = pythagoras(20)
    wanted = {(a, b, c) for a, b, c in product(range(1, 21), repeat=3) if a < b and a * a + b * b == c * c}
    found = [tuple(model[n] for n in "abc") for model in script.models()]
    assert len(found) == len(wanted) == 6
    assert set(found) == wanted
    assert {m["c"] for m in script.models(["c"])} == {5, 10, 13, 15, 17, 20}


@law(30)
@given(ROWS)
def test_linear_questions_against_brute_force(rows: list[tuple[int, int, int]]) -> None:
    script = Script("QF_LIA")
    for name in "xy":
        script.declare(name)
        script.require(term("<=", -2, name, 2))
    for a, b, c in rows:
        script.require(either([term("<=", total([term("*", a, "x"), term("*", b, "y")]), c), term("=", "x", "y")]))
    wanted = {(x, y) for x, y in product(range(-2, 3), repeat=2) if all(a * x + b * y <= c or x == y for a, b, c in rows)}
    assert sorted((m["x"], m["y"]) for m in script.models(["x", "y"])) == sorted(wanted)


def test_values_have_their_types() -> None:
    found = list(mixed().models(["p"]))
    assert sorted((m["p"], m["q"]) for m in found) == [(False, Fraction(-2, 3)), (True, Fraction(1, 3))]
    assert all(type(m["p"]) is bool and type(m["q"]) is Fraction for m in found)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (-7, "(- 7)"), (Fraction(-1, 3), "(/ (- 1) 3)"), (Fraction(4), "4.0"), (False, "false")]
)
def test_numbers(value: int | Fraction, text: str) -> None:
    assert number(value) == text
    (claim,) = z3.parse_smt2_string(f"(declare-const v {'Bool' if value is False else 'Real'})(assert (= v {text}))")
    assert z3.simplify(claim.children()[1]).eq(
        z3.BoolVal(False) if value is False else z3.simplify(z3.Q(value.numerator, value.denominator))
    )


def test_empty_sums_and_connectives() -> None:
    assert (total([]), both([]), either([])) == ("0", "true", "false")
    assert (total(["a"]), both(["a"]), either(["a"])) == ("a", "a", "a")


def test_three_answers() -> None:
    script = mixed()
    assert script.solve().status == "sat"
    script.require(term(">", "q", Fraction(1)))
    assert script.solve() == Answer("unsat")
    stopped = pythagoras(5).solve(Clock(0))
    assert stopped.status == "unknown"
    assert stopped.reason == "the time limit of 0.0 s was reached"
    for answer in (stopped, Answer("sat"), Answer("unsat")):
        with pytest.raises(VerdictIsNotBoolean):
            bool(answer)


def test_the_clock_reaches_into_the_solver() -> None:
    clock = Clock("0.3")
    answer = hard().solve(clock)
    assert answer.status == "unknown"
    assert "time limit" in answer.reason
    assert clock.left() > -5


class Strikes(Clock):
    """A clock whose limit passes after so many looks at it."""

    looks = 3

    def left(self) -> float:
        self.looks -= 1
        return 1000.0 if self.looks >= 0 else 0.0


def test_models_that_stop_early_are_incomplete() -> None:
    found: list[dict[str, Value]] = []
    with pytest.raises(Incomplete, match="the solver did not go on: the time limit") as stop:
        found.extend(pythagoras(20).models(clock=Strikes(60)))
    assert stop.value.partial == found
    assert len(found) == 3


def test_an_irrational_value_is_unknown() -> None:
    script = Script("QF_NRA")
    script.declare("x", "Real")
    script.require(term("=", term("*", "x", "x"), Fraction(2)))
    answer = script.solve()
    assert answer.status == "unknown"
    assert "no rational" in answer.reason


def test_bad_questions() -> None:
    script = Script("QF_LIA")
    script.declare("x")
    for name in ("x", "", "1x", "a b", "and", "x)(assert false"):
        with pytest.raises(ArgumentError, match="name"):
            script.declare(name)
    with pytest.raises(ArgumentError, match="sort"):
        script.declare("y", "String")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="logic"):
        Script("QF_LIA)")
    with pytest.raises(ArgumentError, match="names"):
        next(script.models(["y"]))
    with pytest.raises(ArgumentError, match="term"):
        number(0.5)  # type: ignore[arg-type]
    script.require("(= x")
    with pytest.raises(ArgumentError, match="SMT-LIB"):
        script.solve()


def test_comments_cannot_become_commands() -> None:
    script = Script("QF_LIA", "first\n(assert false)")
    script.remark("second\n(assert false)")
    script.require(True, "third\n(assert false)")
    assert script.solve().status == "sat"
    assert script.text().count("; (assert false)") == 3


needs_cvc5 = pytest.mark.skipif(
    importlib.util.find_spec("cvc5") is None and shutil.which("cvc5") is None, reason="needs cvc5, the Python package or the program"
)


def cvc5_answer(text: str) -> str:
    """sat, unsat or unknown, by another solver."""
    if importlib.util.find_spec("cvc5") is None:
        run = subprocess.run(["cvc5", "--lang=smt2", "-"], input=text, capture_output=True, text=True, check=False, timeout=60)
        return run.stdout.split()[0]
    cvc5 = importlib.import_module("cvc5")
    solver = cvc5.Solver(cvc5.TermManager())
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "question")
    symbols, output = parser.getSymbolManager(), []
    while not (command := parser.nextCommand()).isNull():
        output += command.invoke(solver, symbols).split()
    return next(word for word in output if word in ("sat", "unsat", "unknown"))


@needs_cvc5
@pytest.mark.parametrize(("script", "answer"), [(pythagoras(13), "sat"), (pythagoras(4), "unsat"), (mixed(), "sat")])
def test_cvc5_reads_the_text(script: Script, answer: str) -> None:
    assert cvc5_answer(script.text()) == answer


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_control_c_stops_the_solver() -> None:
    program = """
from tests.symmetry.test_smt import hard
print("started", flush=True)
try:
    hard().solve()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    run = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == "started\n"
        time.sleep(1)
        run.send_signal(signal.SIGINT)
        assert run.communicate(timeout=30)[0] == "interrupted\n"
    finally:
        run.kill()


def test_import_does_not_load_z3() -> None:
    program = "import sys, exactnn.symmetry._smt; print('z3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
