"""Questions in SMT-LIB 2: one text is what a person reads, what any solver reads, and what z3 is given here.

A `Script` collects constants and asserted terms. `text()` is the whole question, ready for a file; `solve` hands exactly this text to z3.
Terms are text. `term("+", "x", Fraction(1, 3))` is "(+ x (/ 1 3))": an int is a numeral, a Fraction a number of sort Real, a bool true or
false, and text is taken as it is. A solver's answer is one of three, sat, unsat, unknown, and no truth value.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from exactnn.errors import ArgumentError, Incomplete, VerdictIsNotBoolean
from exactnn.exact.clock import Clock
from exactnn.exact.writing import LONG

Term = str | int | Fraction
Value = int | Fraction | bool
Sort = Literal["Bool", "Int", "Real"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
_RESERVED = re.compile("true|false|and|or|not|xor|ite|let|forall|exists|distinct|div|mod|abs|par|as|match")
_LONGEST = 2**31 - 1  # milliseconds, of z3
_READING = 0.7e-6  # seconds for a character, about


def number(value: Term) -> str:
    """The term of a number or truth value; text stays.

    Examples
    --------
    >>> number(-2), number(Fraction(1, 3)), number(Fraction(-2)), number(True), number("x")
    ('(- 2)', '(/ 1 3)', '(- 2.0)', 'true', 'x')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Fraction)) and max(abs(value.numerator), value.denominator) >= LONG:
        raise ArgumentError("term: numbers of at most 4,000 digits can be written in SMT-LIB 2, got a longer one")
    if isinstance(value, int):
        return str(value) if value >= 0 else f"(- {-value})"
    if isinstance(value, Fraction):
        top, bottom = value.numerator, value.denominator
        if bottom == 1:
            return f"{top}.0" if top >= 0 else f"(- {-top}.0)"
        return f"(/ {number(top)} {bottom})"
    raise ArgumentError(f"term: text, an int, a Fraction or a bool is needed, got {type(value).__name__}")


def term(operation: str, *terms: Term) -> str:
    """(operation terms ...).

    Examples
    --------
    >>> term("<=", term("*", 2, "x"), -3)
    '(<= (* 2 x) (- 3))'
    """
    return f"({operation} {' '.join(map(number, terms))})"


def total(terms: Iterable[Term], zero: Term = 0) -> str:
    """The sum, of any number of terms.

    Examples
    --------
    >>> total([]), total(["x"]), total(["x", "y"])
    ('0', 'x', '(+ x y)')
    """
    parts = [number(t) for t in terms]
    return number(zero) if not parts else parts[0] if len(parts) == 1 else term("+", *parts)


def both(terms: Iterable[Term]) -> str:
    """All of them are true; of none it is true."""
    parts = [number(t) for t in terms]
    return "true" if not parts else parts[0] if len(parts) == 1 else term("and", *parts)


def either(terms: Iterable[Term]) -> str:
    """One of them at least is true; of none it is false."""
    parts = [number(t) for t in terms]
    return "false" if not parts else parts[0] if len(parts) == 1 else term("or", *parts)


def nonzero(value: Term) -> str:
    """It is not 0."""
    return term("not", term("=", value, 0))


def differ(names: Sequence[str], values: Sequence[Term]) -> str:
    """One at least of the names has not the value given for it."""
    return term("not", both(term("=", name, value) for name, value in zip(names, values, strict=True)))


@dataclass(frozen=True)
class Answer:
    """What the solver says: "sat" with the values of all constants, "unsat", or "unknown" with the reason."""

    status: Literal["sat", "unsat", "unknown"]
    values: dict[str, Value] = field(default_factory=dict)
    reason: str = ""

    def __bool__(self) -> bool:
        raise VerdictIsNotBoolean(
            f"a solver's answer has three values; compare .status with 'sat', 'unsat' or 'unknown' (it is {self.status!r})"
        )


class Script:
    """A question about constants, as SMT-LIB 2.

    Parameters
    ----------
    logic : "QF_LIA", "QF_NIA", "QF_LRA", "QF_NRA", "QF_UF", ...
    title : what is asked; goes into the text as a comment

    Examples
    --------
    >>> script = Script("QF_LIA", "Which even numbers lie between 3 and 7?")
    >>> x, half = script.declare("x"), script.declare("half")
    >>> script.require(term("<", 3, x, 7), "between 3 and 7")
    >>> script.require(term("=", x, term("*", 2, half)))
    >>> print(script.text(), end="")
    ; Which even numbers lie between 3 and 7?
    (set-logic QF_LIA)
    (set-option :produce-models true)
    (declare-const x Int)
    (declare-const half Int)
    ; between 3 and 7
    (assert (< 3 x 7))
    (assert (= x (* 2 half)))
    (check-sat)
    (get-model)
    >>> script.solve().status, sorted(model["x"] for model in script.models(["x"]))
    ('sat', [4, 6])
    """

    def __init__(self, logic: str, title: str = "") -> None:
        if not re.fullmatch(r"[A-Z_]+", logic):
            raise ArgumentError(f"logic: a name like QF_LIA is needed, got {logic!r}")
        self.logic = logic
        self.constants: dict[str, Sort] = {}
        self._title = _comment(title)
        self._body: list[str] = []

    def declare(self, name: str, sort: Sort = "Int") -> str:
        """A new constant; returns its name, which is its term."""
        if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
            raise ArgumentError(f"name: a letter followed by letters, digits, _ and . is needed, got {name!r}")
        if name in self.constants:
            raise ArgumentError(f"name: {name!r} is declared already")
        if sort not in ("Bool", "Int", "Real"):
            raise ArgumentError(f"sort: Bool, Int or Real is needed, got {sort!r}")
        self.constants[name] = sort
        self._body.append(_declaration(name, sort))
        return name

    def require(self, claim: Term, comment: str = "") -> None:
        """Assert a term of sort Bool, under a comment."""
        self._body += [*_comment(comment), f"(assert {number(claim)})"]

    def remark(self, comment: str) -> None:
        """A comment in this place of the text."""
        self._body += _comment(comment)

    def text(self) -> str:
        """The whole question, as a file for any solver."""
        head = [*self._title, f"(set-logic {self.logic})", "(set-option :produce-models true)"]
        return "\n".join([*head, *self._body, "(check-sat)", "(get-model)", ""])

    def session(self) -> Session:
        """z3 with this text."""
        return Session(self)

    def solve(self, clock: Clock | None = None) -> Answer:
        """One model, or that there is none, or unknown (the clock's limit reached, say)."""
        return self.session().solve(clock)

    def models(self, names: Sequence[str] | None = None, clock: Clock | None = None) -> Iterator[dict[str, Value]]:
        """One model for each combination of values of the named constants (default: of all); ends when there are no more.

        Raises
        ------
        Incomplete
            Where the solver does not know, or the time limit is reached; `partial` lists the models so far.
        """
        chosen = list(self.constants if names is None else names)
        for name in chosen:
            if name not in self.constants:
                raise ArgumentError(f"names: declared constants are needed, got {name!r}")
        found: list[dict[str, Value]] = []
        seconds = len(self.text()) * _READING
        if clock is not None and seconds > 0.1:  # z3 reads in one go
            clock.check("a solver was to read the question", found, seconds=seconds)
        session = self.session()
        while (answer := session.solve(clock)).status == "sat":
            found.append(answer.values)
            yield answer.values
            session.require(differ(chosen, [self._literal(name, answer.values[name]) for name in chosen]))
        if answer.status == "unknown":
            raise Incomplete(f"the solver did not go on: {answer.reason}", found)

    def _literal(self, name: str, value: Value) -> Term:
        return Fraction(value) if self.constants[name] == "Real" else value


class Session:
    """A script in z3, to which more can be asserted from one answer to the next. z3 is imported here, where it is first needed."""

    def __init__(self, script: Script) -> None:
        import z3

        self._z3 = z3
        self._context = z3.Context()
        self._solver = z3.SolverFor(script.logic, ctx=self._context)
        self._solver.set("ctrl_c", False)  # z3 would take the signal, and may lose it
        self._script = script
        self._declarations = "".join(_declaration(n, s) for n, s in script.constants.items())
        self._add(script.text())

    def require(self, claim: Term) -> None:
        """Assert one more term about the script's constants."""
        self._add(f"{self._declarations}(assert {number(claim)})")

    def solve(self, clock: Clock | None = None) -> Answer:
        """sat, unsat or unknown for all that was asserted so far."""
        z3, solver = self._z3, self._solver
        clock = clock or Clock()
        left, late = clock.left(), f"the time limit of {clock.limit} s was reached"
        if left <= 0:
            return Answer("unknown", reason=late)
        solver.set("timeout", max(1, math.ceil(1000 * left)) if 1000 * left < _LONGEST else _LONGEST)
        found = self._check()
        if isinstance(found, z3.Z3Exception):  # out of memory, say
            return Answer("unknown", reason=str(found))
        if found == z3.unsat:
            return Answer("unsat")
        if found != z3.sat:
            return Answer("unknown", reason=late if clock.left() <= 0 else str(solver.reason_unknown()))
        model, values = solver.model(), dict[str, Value]()
        for name, sort in self._script.constants.items():
            value = _value(z3, model.eval(z3.Const(name, getattr(z3, f"{sort}Sort")(self._context)), model_completion=True))
            if value is None:
                return Answer("unknown", reason=f"the solver's value of {name} is no rational number")
            values[name] = value
        return Answer("sat", values)

    def _check(self) -> Any:
        """z3's answer or error; in a thread of its own, so that Ctrl-C reaches this one, which then stops z3."""
        answers: list[Any] = []

        def check() -> None:
            try:
                answers.append(self._solver.check())
            except self._z3.Z3Exception as error:
                answers.append(error)

        thread = threading.Thread(target=check, daemon=True)
        thread.start()
        try:
            thread.join()
        except BaseException:
            self._context.interrupt()
            thread.join()
            raise
        return answers[0]

    def _add(self, text: str) -> None:
        try:
            self._solver.add(self._z3.parse_smt2_string(text, ctx=self._context))
        except self._z3.Z3Exception as error:
            raise ArgumentError(f"script: SMT-LIB 2 is needed, got what z3 cannot read: {error}") from None


def _value(z3: Any, value: Any) -> Value | None:
    if z3.is_int_value(value):
        return int(value.as_long())
    if z3.is_rational_value(value):
        return Fraction(value.numerator_as_long(), value.denominator_as_long())
    if z3.is_true(value) or z3.is_false(value):
        return bool(z3.is_true(value))
    return None


def _declaration(name: str, sort: Sort) -> str:
    return f"(declare-const {name} {sort})"


def _comment(text: str) -> list[str]:
    return [f"; {line}".rstrip() for line in text.splitlines()]
