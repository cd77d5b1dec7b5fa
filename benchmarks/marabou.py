"""A question about two networks as Marabou's queries: variables, equations, ReLU constraints and bounds, all in doubles.

It knows no strict inequality: a query asks for a point with f_j - g_j >= t, or <= -t, for one output j.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

Matrix = Sequence[Sequence[Fraction]]
Exact = Sequence[tuple[Matrix, Sequence[Fraction]]]


class Query:
    """Variables x_0, ..., x_(d-1) in [-1, 1], and those that are made of them."""

    def __init__(self, core: Any, inputs: int) -> None:
        self.core = core
        self.inputs = list(range(inputs))
        self.count = inputs
        self.equations: list[Any] = []
        self.relus: list[tuple[int, int]] = []

    def affine(self, weight: Matrix, bias: Sequence[Fraction], variables: Sequence[int]) -> list[int]:
        """New variables z = W x + b."""
        found = self._new(len(bias))
        for row, b, z in zip(weight, bias, found, strict=True):
            equation = self.core.Equation()
            for w, v in zip(row, variables, strict=True):
                equation.addAddend(float(w), v)
            equation.addAddend(-1.0, z)
            equation.setScalar(-float(b))
            self.equations.append(equation)
        return found

    def relu(self, variables: Sequence[int]) -> list[int]:
        """New variables max(z, 0)."""
        found = self._new(len(variables))
        self.relus += zip(variables, found, strict=True)
        return found

    def network(self, layers: Exact) -> list[int]:
        """The variables of its outputs."""
        values = self.inputs
        for k, (weight, bias) in enumerate(layers):
            values = self.affine(weight, bias, self.relu(values) if k else values)
        return values

    def at_least(self, variable: int, bound: float) -> Any:
        """What Marabou is given."""
        query = self.core.InputQuery()
        query.setNumberOfVariables(self.count)
        for x in self.inputs:
            query.setLowerBound(x, -1.0)
            query.setUpperBound(x, 1.0)
        query.setLowerBound(variable, bound)
        for equation in self.equations:
            query.addEquation(equation)
        for z, y in self.relus:
            self.core.addReluConstraint(query, z, y)
        return query

    def _new(self, count: int) -> list[int]:
        self.count += count
        return list(range(self.count - count, self.count))


def ask_marabou(f: Exact, g: Exact, tolerance: Fraction, limit: float, log: Path) -> str:
    """ "proved" if all queries are unsatisfiable, "refuted" if one is not, else "gave up"."""
    core = importlib.import_module("maraboupy.MarabouCore")
    options = importlib.import_module("maraboupy.Marabou").createOptions
    end = time.monotonic() + limit
    for j in range(len(f[-1][1])):
        for sign in (1, -1):
            query = Query(core, len(f[0][0][0]))
            outputs = query.network(f)[j], query.network(g)[j]
            (gap,) = query.affine([[Fraction(sign), Fraction(-sign)]], [Fraction(0)], outputs)
            left = math.ceil(end - time.monotonic())
            if left <= 0:
                return "gave up"
            answer = core.solve(query.at_least(gap, float(tolerance)), options(timeoutInSeconds=left, verbosity=0), str(log))[0]
            if answer == "sat":
                return "refuted"
            if answer != "unsat":
                return "gave up"
    return "proved"
