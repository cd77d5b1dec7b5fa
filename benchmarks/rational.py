"""Rational functions beside sympy: partial fractions, counting and isolating real poles, the check of a pole certificate."""

from __future__ import annotations

import math
import signal
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import sympy
from sympy.core.cache import clear_cache

import exactnn as xn
from benchmarks.measure import Row, best, checked, timed
from exactnn.rational import PartialFractions, RationalFunction

T = TypeVar("T")
X = sympy.Symbol("x")
Coefficients = list[Fraction]


class Case(NamedTuple):
    """P/Q with the factors of Q, coefficients with the constant term first."""

    kind: str
    top: Coefficients
    factors: list[Coefficients]

    @property
    def function(self) -> RationalFunction:
        """As a value; its denominator is multiplied out."""
        bottom = RationalFunction([1])
        for q in self.factors:
            bottom *= RationalFunction(q)
        return RationalFunction(self.top) / bottom


def case(kind: str, degree: int, seed: int = 0) -> Case:
    """`quadratics`: n/2 different ones without real zeros; `near`: the last of them has zeros 1 +- 10^-30 i; `irreducible`: x^n - x - 1."""
    rng = np.random.default_rng(seed)
    top = [Fraction(c) for c in rng.integers(-9, 9, degree, endpoint=True).tolist()]
    top[-1] = Fraction(1)
    if kind == "irreducible":
        return Case(kind, top, [[Fraction(c) for c in (-1, -1, *(0,) * (degree - 2), 1)]])
    size = max(6, math.isqrt(4 * degree))
    pairs = [(b, c) for b in range(-size, size + 1) for c in range(1, 2 * size) if b * b < 4 * c]
    factors = [[Fraction(pairs[i][1]), Fraction(pairs[i][0]), Fraction(1)] for i in rng.choice(len(pairs), degree // 2, replace=False)]
    if kind == "near":
        factors[-1] = [1 + Fraction(1, 10**60), Fraction(-2), Fraction(1)]
    return Case(kind, top, factors)


# --- sympy ------------------------------------------------------------------------------------------------------------------


class OutOfTime(BaseException):
    """Not an Exception, so that nothing inside sympy catches it."""


def limited(function: Callable[[], T], limit: float, times: int = 3) -> tuple[T | None, float]:
    """The result and the least seconds of a few runs; None, and the limit, where the first takes longer. Caches are emptied before each."""

    def stop(_: int, __: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    try:
        seconds = math.inf
        for _ in range(times):
            clear_cache()
            signal.setitimer(signal.ITIMER_REAL, limit)
            result, spent = timed(function)
            signal.setitimer(signal.ITIMER_REAL, 0)
            seconds = min(seconds, spent)
            if spent > 1:
                break
    except OutOfTime:
        return None, limit
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return result, seconds


def as_sympy(coefficients: Coefficients) -> Any:
    """The polynomial as a sympy Poly over Q."""
    return sympy.Poly([sympy.Rational(c.numerator, c.denominator) for c in reversed(coefficients)], X, domain="QQ")


def as_function(expression: Any) -> RationalFunction:
    """A sympy quotient as a value of ours."""

    def coefficients(side: Any) -> Coefficients:
        return [Fraction(int(c.p), int(c.q)) for c in reversed(sympy.Poly(side, X, domain="QQ").all_coeffs())]

    return RationalFunction(*map(coefficients, sympy.fraction(sympy.together(expression))))


def summands(found: PartialFractions) -> set[RationalFunction]:
    """The terms of partial fractions, each as a value."""
    parts = {RationalFunction(part.numerator) / RationalFunction(part.factor) ** part.power for part in found.parts}
    return parts | ({RationalFunction(found.polynomial)} if any(found.polynomial) else set())


def same(ours: object, theirs: object, what: str) -> None:
    if ours != theirs:
        raise AssertionError(f"{what}: exactnn has {ours}, sympy {theirs}")


def meet(ours: tuple[Any, ...], theirs: list[Any], what: str) -> None:
    """Raises unless there are as many intervals, and those of the same place meet."""
    same(len(ours), len(theirs), what)
    for a, ((lower, upper), _) in zip(ours, theirs, strict=True):
        if a.lower > Fraction(int(upper.p), int(upper.q)) or a.upper < Fraction(int(lower.p), int(lower.q)):
            raise AssertionError(f"{what}: {a} and {lower} to {upper}")


# --- what is measured -------------------------------------------------------------------------------------------------------


class Asked:
    """sympy's answers; a question that it gave up is not asked again at a larger degree."""

    def __init__(self, limit: float) -> None:
        self.limit, self.given_up = limit, set[str]()

    def row(self, what: str, seconds: float, question: str, function: Callable[[], T], compare: Callable[[T], None]) -> list[Row]:
        """The row beside sympy, the answers compared; none once it gave up."""
        if question in self.given_up:
            return []
        answer, theirs = limited(function, self.limit)
        name = f"sympy {question.split(',')[0]}"
        if answer is None:
            self.given_up.add(question)
            return [Row(what, seconds, f"{name}: gave up", theirs, True)]
        compare(answer)
        return [Row(what, seconds, name, theirs)]


def fraction_rows(one: Case, degree: int, asked: Asked, most: int) -> list[Row]:
    """Partial fractions, factoring included, beside apart with the factors given, and without them up to a degree."""
    r, label = one.function, f"partial fractions: degree {degree}, {one.kind}"
    found, seconds = best(r.partial_fractions, 5)
    same(found.reassemble(), r, label)

    def compare(theirs: Any) -> None:
        same(summands(found), {as_function(term) for term in sympy.Add.make_args(theirs)}, label)

    top = as_sympy(one.top).as_expr()
    factored = top / sympy.Mul(*(as_sympy(q).as_expr() for q in one.factors))
    rows = asked.row(label, seconds, f"apart of the factored quotient, {one.kind}", lambda: sympy.apart(factored, X), compare)
    if one.kind == "quadratics" and degree <= most:
        expanded = top / as_sympy(list(r.denominator)).as_expr()
        rows += asked.row(label, seconds, f"apart of the expanded quotient, {one.kind}", lambda: sympy.apart(expanded, X), compare)
    return rows


def pole_rows(one: Case, degree: int, asked: Asked, target: Path) -> list[Row]:
    """Isolating intervals, and the verdict with its certificate, beside sympy's counts and intervals."""
    r, label = one.function, f"degree {degree}, {one.kind}"
    polynomial = as_sympy(list(r.denominator))
    poles, seconds = best(r.real_poles, 5)

    def count(theirs: Any) -> None:
        same(len(poles), int(theirs), label)

    what = f"real poles: {label}, {len(poles)} of them"
    rows = asked.row(what, seconds, f"Poly.intervals, {one.kind}", polynomial.intervals, lambda found: meet(poles, found, label))
    rows += asked.row(what, seconds, f"Poly.count_roots, {one.kind}", polynomial.count_roots, count)
    verdict, seconds = best(lambda: xn.verify_pole_free(r), 5)
    same(verdict.status, "refuted" if poles else "proved", label)
    what = f"verify_pole_free: {label}, {verdict.status}"
    rows += asked.row(what, seconds, f"Poly.count_roots, {one.kind}", polynomial.count_roots, count) or [Row(what, seconds)]
    answer, inside = best(lambda: xn.check(verdict.certificate), 3)
    same(answer, True, label)
    return [
        *rows,
        Row("  its certificate checked, in this process", inside),
        Row("  its certificate checked, a process of its own", checked(verdict, target)),
    ]


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    degrees, limit, most = ((4, 8), 5.0, 4) if quick else ((4, 8, 16, 32, 64), 20.0, 16)
    kinds = ("quadratics", "near", "irreducible")
    asked, rows = Asked(limit), []
    sympy.apart(1 / (X**2 + X), X)  # its modules are loaded
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            for degree in degrees:
                rows += fraction_rows(case(kind, degree), degree, asked, most)
        for kind in kinds:
            for degree in degrees:
                rows += pole_rows(case(kind, degree), degree, asked, Path(folder) / "certificate.json")
    numbers, given_up = sympy.polys.domains.ZZ.dtype.__module__, "; ".join(sorted(asked.given_up))
    notes = [
        f"sympy {sympy.__version__} with the integers of {numbers}: one run, or the best of 3 within a second; caches emptied before each, "
        f"limit {limit:g} s; what it gave up is not asked at larger degrees{given_up and ': '}{given_up}.",
        "every answer of sympy's is compared with ours. exactnn starts from the denominator multiplied out; partial_fractions factors it.",
        "near: the last quadratic has the zeros 1 +- 10^-30 i; irreducible: x^n - x - 1, which has two real zeros.",
        "real poles: exactnn's intervals have about 64 bits, sympy's only hold one zero each.",
    ]
    return "Rational functions beside sympy", notes, rows
