"""What is proved, and by what: identities of rational functions by sympy, statements about real numbers by z3.

A theorem is a function that gives obligations. Its keyword arguments are the constants of its statement; `wrong` holds for each of them
a value for which the statement is false, so that the tests see that it can fail. Nothing is sampled, nothing rounded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import sympy
import z3

_SECONDS = 60


class Undecided(Exception):
    """The solver gave no answer: nothing is proved and nothing refuted."""


@dataclass(frozen=True)
class Identity:
    """left = right as rational functions of their symbols, so wherever no denominator is 0; both may be matrices.

    A relation (w, n, r) stands for w^n = r, r free of w: powers of w are replaced, the first relation first.
    """

    left: Any
    right: Any = 0
    relations: tuple[tuple[sympy.Symbol, int, Any], ...] = ()

    def decide(self) -> bool:
        """Whether the numerator of left - right is the polynomial 0."""
        difference = self.left - self.right if self.right != 0 else self.left
        entries = list(difference) if isinstance(difference, sympy.MatrixBase) else [difference]
        return all(self._vanishes(sympy.sympify(entry)) for entry in entries)

    def _vanishes(self, entry: sympy.Expr) -> bool:
        numerator, denominator = sympy.fraction(sympy.together(entry))
        if self._reduced(denominator) == 0:
            raise Undecided("a denominator is 0")
        return bool(self._reduced(numerator) == 0)

    def _reduced(self, polynomial: sympy.Expr) -> sympy.Expr:
        polynomial = sympy.expand(polynomial)
        if not polynomial.is_polynomial(*polynomial.free_symbols):
            raise Undecided(f"not a polynomial of its symbols: {polynomial}")
        for symbol, power, value in self.relations:
            polynomial = sympy.expand(sympy.rem(polynomial, symbol**power - value, symbol))
        return polynomial


@dataclass(frozen=True)
class Valid:
    """A formula that holds for all real values of its variables."""

    formula: Any

    def decide(self) -> bool:
        """Whether its negation has no solution; an implication whose premise never holds says nothing, and is no theorem."""
        if z3.is_implies(self.formula) and not _satisfiable(self.formula.arg(0)):
            raise Undecided("the premise never holds")
        return not _satisfiable(z3.Not(self.formula))


@dataclass(frozen=True)
class Possible:
    """A formula that holds for some real values of its variables."""

    formula: Any

    def decide(self) -> bool:
        """Whether it has a solution."""
        return _satisfiable(self.formula)


def _satisfiable(formula: Any) -> bool:
    solver = z3.Solver()
    solver.set(timeout=_SECONDS * 1000)
    solver.add(formula)
    answer = solver.check()
    if answer == z3.unknown:
        raise Undecided(f"z3 gave no answer: {solver.reason_unknown()}")
    return bool(answer == z3.sat)


Obligation = Identity | Valid | Possible


@dataclass(frozen=True)
class Theorem:
    """A statement, what has to be shown for it, and values of its constants for which it is false."""

    name: str
    statement: str
    make: Callable[..., Obligation | Iterable[Obligation]]
    wrong: dict[str, Any]

    def holds(self, **constants: Any) -> bool:
        """Whether all obligations hold: proved if so, refuted if not."""
        made = self.make(**constants)
        obligations = [made] if isinstance(made, Obligation) else list(made)
        if not obligations:
            raise Undecided("nothing has to be shown")
        return all(obligation.decide() for obligation in obligations)


def theorem(**wrong: Any) -> Callable[[Callable[..., Any]], Theorem]:
    """Make a theorem of a function, whose docstring states it; each keyword argument needs a value for which the statement is false."""

    def mark(make: Callable[..., Any]) -> Theorem:
        name, statement = make.__name__, " ".join((inspect.getdoc(make) or "").split())
        if not statement or not wrong or set(inspect.signature(make).parameters) != set(wrong):
            raise TypeError(f"{name}: a statement, and a wrong value is needed for each of its constants, and a constant at least")
        return Theorem(name, statement, make, wrong)

    return mark


def theorems(module: ModuleType) -> list[Theorem]:
    """The theorems of a file, in its order."""
    return [value for value in vars(module).values() if isinstance(value, Theorem)]


def prove(modules: Iterable[ModuleType]) -> int:
    """Print what was proved of each file, or a sentence about what was not; 0 if all was, else 1."""
    failed = 0
    for module in modules:
        print(f"{module.__name__}: {(module.__doc__ or '').splitlines()[0]}")
        for item in theorems(module):
            try:
                answer = "proved" if item.holds() else "REFUTED: the statement is false"
            except Undecided as reason:
                answer = f"NOT PROVED: {reason}"
            failed += answer != "proved"
            print(f"  {answer}: {item.name}: {item.statement}")
    if failed:
        print(f"{failed} of these statements could not be proved.")
    return int(failed > 0)
