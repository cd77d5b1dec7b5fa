"""The exact simplex method over Q, from any basis.

A system of n variables, A x <= b with integer rows, x free. A basis is a set of rows that hold with equality together
with columns held at 0, n in all:

    A_i x = b_i  (i tight),   x_j = 0  (j in zero),

with one solution x. Columns leave the basis and never come back, so that free variables, lineality and dependent rows
need no treatment of their own, and the empty set of rows (x = 0) is a basis to start from. Any basis a float solver
proposes will do too: if its x is feasible and its dual nonnegative, the answer is there without a pivot. Pivots are by
greatest violation at first and by Bland's least index after that, so that the method ends. Every step solves its small
square system afresh with FLINT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from flint import fmpq, fmpz, fmpz_mat

from exactnn.exact._integer_rows import IntegerRows, Vector
from exactnn.exact.clock import Clock
from exactnn.exact.progress import reached


@dataclass(frozen=True)
class Guess:
    """A basis to start from; `row` is a violated row that a float solver thinks proves infeasibility."""

    tight: list[int] = field(default_factory=list)
    zero: list[int] = field(default_factory=list)
    row: int = -1


@dataclass(frozen=True)
class Outcome:
    """A point and the multipliers of its tight rows; Farkas multipliers; or a point and a ray."""

    status: Literal["optimal", "infeasible", "unbounded"]
    point: Vector | None
    multipliers: dict[int, fmpq]
    ray: Vector | None
    basis: Guess
    pivots: int


#: FLINT takes about this times n^3 bits^1.5 seconds for a square system of n rows; nothing interrupts it (see `exactnn.exact.clock`).
_SECONDS = 4e-10


def solving_seconds(size: int, bits: int) -> float:
    """About how long FLINT solves a square system of so many rows with integers of so many bits."""
    return float(_SECONDS * size**3 * bits**1.5)


class SingularBasis(Exception):
    """The proposed rows and columns have no single common point; internal."""


class _Basis:
    """One basis and the two linear systems it stands for; rows of one entry are eliminated first."""

    def __init__(self, system: IntegerRows, tight: Sequence[int], zero: Sequence[int], wait: Callable[[float], None]) -> None:
        self.system, self.zero, self._wait = system, zero, wait
        single = system.single
        self.dense = [i for i in tight if single[i] < 0]
        self.fixed = {single[i]: i for i in tight if single[i] >= 0}
        held = set(zero)
        self.free = [j for j in range(system.width) if j not in held and j not in self.fixed]
        distinct = len(self.dense) + len(self.fixed) == len(tight) and held.isdisjoint(self.fixed)
        if not distinct or len(self.dense) != len(self.free):
            raise SingularBasis
        rows, size = system.rows, len(self.free)
        bits = max((system.bits[i] for i in self.dense), default=0)
        self._seconds = solving_seconds(size, bits)
        self.block = fmpz_mat(size, size, [rows[i][j] for i in self.dense for j in self.free])

    @cached_property
    def _wide(self) -> fmpz_mat:
        return fmpz_mat(len(self.dense), self.system.width, [a for i in self.dense for a in self.system.rows[i]])

    def solve(self, right: dict[int, int] | None = None, held: tuple[int, int] | None = None) -> Vector:
        """x with A_i x = right[i] on the tight rows (rhs if None), x_j = 0 on zero; held = (j, v) sets x_j = v."""
        system = self.system
        value = (lambda i: system.rhs[i]) if right is None else (lambda i: right.get(i, 0))
        known = [fmpz(0)] * system.width
        scale = fmpz(1)
        if self.fixed:
            for j, i in self.fixed.items():
                scale = scale.lcm(fmpz(system.rows[i][j]))
            for j, i in self.fixed.items():
                known[j] = value(i) * (scale // system.rows[i][j])
        if held is not None:
            known[held[0]] = held[1] * scale
        if not self.free:
            return known, scale
        wanted = fmpz_mat(len(self.dense), 1, [value(i) * scale for i in self.dense])
        if self.fixed or held is not None:
            wanted -= self._wide * fmpz_mat(system.width, 1, known)
        self._wait(self._seconds)
        numerators, denominator = _solve(self.block, wanted)
        if self.fixed or held is not None:
            known = [v * denominator for v in known]
        for j, v in zip(self.free, numerators, strict=True):
            known[j] = v
        return known, denominator * scale

    def combine(self, vector: Sequence[int]) -> tuple[dict[int, fmpq], dict[int, fmpq]]:
        """(y, z) with sum_tight y_i A_i + sum_zero z_j e_j = vector."""
        y: dict[int, fmpq] = {}
        rest: Sequence[int] | list[fmpz] = vector
        denominator = fmpz(1)
        if self.free:
            goal = fmpz_mat(len(self.free), 1, [vector[j] for j in self.free])
            self._wait(self._seconds)
            numerators, denominator = _solve(self.block.transpose(), goal)
            y = {i: fmpq(v, denominator) for i, v in zip(self.dense, numerators, strict=True)}
            if self.fixed or self.zero:
                used = fmpz_mat(1, len(numerators), numerators) * self._wide
                rest = [v * denominator - u for v, u in zip(vector, used.entries(), strict=True)]
        for j, i in self.fixed.items():
            y[i] = fmpq(rest[j], denominator * self.system.rows[i][j])
        return y, {j: fmpq(rest[j], denominator) for j in self.zero}


def solve(system: IntegerRows, cost: Sequence[int] | None, start: Guess | None = None, clock: Clock | None = None) -> Outcome:
    """Maximise cost . x over the system (find any point if cost is None), exactly, from a basis.

    Raises SingularBasis if the rows and columns of `start` are no basis, Incomplete when the clock has run down.
    """
    start = start or Guess(zero=list(range(system.width)))
    return _Run(system, cost, start, clock or Clock()).run()


class _Run:
    """One run of the method; `tight` and `zero` change, `pivots` counts."""

    def __init__(self, system: IntegerRows, cost: Sequence[int] | None, start: Guess, clock: Clock) -> None:
        self.system, self.cost, self.clock = system, cost, clock
        self.tight, self.zero, self.hint = list(start.tight), list(start.zero), start.row
        self.pivots = 0
        self.patience = 3 * (len(system.rows) + system.width) + 20

    def run(self) -> Outcome:
        basis = self._basis()
        cost = self.cost if self.cost is not None and any(self.cost) else None
        y, z = basis.combine(cost) if cost is not None else ({}, {})
        dual_feasible = not any(z.values()) and all(v >= 0 for v in y.values())
        ended = self._to_feasible(basis, cost if dual_feasible else None, y)
        if ended.status == "infeasible" or cost is None or dual_feasible:
            return ended
        self.patience += self.pivots
        return self._to_optimal(cost)

    def _to_feasible(self, basis: _Basis, cost: Sequence[int] | None, dual: dict[int, fmpq]) -> Outcome:
        """The dual simplex method; with cost None every basis is dual feasible."""
        system = self.system
        while True:
            point = basis.solve()
            self._wait()
            violated = [(i, s) for i, s in enumerate(system.slack(point)) if s < 0]
            if not violated:
                return self._outcome("optimal", point, dual if cost is not None else {})
            row = self._violated(violated)
            y, z = basis.combine(system.rows[row])
            loose = [j for j, v in z.items() if v]
            if loose:
                basis = self._pivot(row, column=max(loose, key=lambda j: abs(z[j])))
                dual = basis.combine(cost)[0] if cost is not None else {}
                continue
            candidates = sorted(i for i, v in y.items() if v > 0)
            if not candidates:
                farkas = {row: fmpq(1), **{i: -v for i, v in y.items() if v}}
                return self._outcome("infeasible", None, farkas)
            if cost is not None:
                leaving = min(candidates, key=lambda i: dual[i] / y[i])
            elif self.pivots < self.patience:
                leaving = max(candidates, key=lambda i: y[i] * (1 << system.bits[i]))
            else:
                leaving = candidates[0]
            basis = self._pivot(row, leaving=leaving)
            dual = basis.combine(cost)[0] if cost is not None else {}

    def _to_optimal(self, cost: Sequence[int]) -> Outcome:
        """The primal simplex method from a feasible basis."""
        basis = self._basis()
        while True:
            point = basis.solve()
            y, z = basis.combine(cost)
            loose = [j for j, v in z.items() if v]
            falling = sorted(i for i, v in y.items() if v < 0)
            leaving, column = None, None
            if loose:
                column = max(loose, key=lambda j: abs(z[j]))
                ray = basis.solve({}, held=(column, 1 if z[column] > 0 else -1))
            elif falling:
                leaving = falling[0]
                if self.pivots < self.patience:
                    leaving = min(falling, key=lambda i: y[i] * (1 << self.system.bits[i]))
                ray = basis.solve({leaving: -1})
            else:
                return self._outcome("optimal", point, y)
            row = self._blocking(point, ray[0])
            if row is None:
                return self._outcome("unbounded", point, {}, ray)
            basis = self._pivot(row, leaving=leaving, column=column)

    def _violated(self, violated: list[tuple[int, fmpz]]) -> int:
        if self.hint >= 0:
            hint, self.hint = self.hint, -1
            if any(i == hint for i, _ in violated):
                return hint
        if self.pivots >= self.patience or len(violated) == 1:
            return violated[0][0]
        bits = self.system.bits
        top = max(bits[i] for i, _ in violated)
        return min(violated, key=lambda pair: pair[1] << (top - bits[pair[0]]))[0]

    def _blocking(self, point: Vector, ray: list[fmpz]) -> int | None:
        """The first row met on the way from the point along the ray; the least index among several."""
        system = self.system
        rise = (system.matrix * fmpz_mat(system.width, 1, ray)).entries()
        slack = system.slack(point)
        best: int | None = None
        for i, v in enumerate(rise):
            if v > 0 and (best is None or slack[i] * rise[best] < slack[best] * v):
                best = i
        return best

    def _pivot(self, row: int, *, leaving: int | None = None, column: int | None = None) -> _Basis:
        if column is not None:
            self.zero.remove(column)
        if leaving is not None:
            self.tight.remove(leaving)
        self.tight.append(row)
        self.pivots += 1
        return self._basis()

    def _basis(self) -> _Basis:
        self._wait()
        return _Basis(self.system, self.tight, self.zero, self._wait)

    def _wait(self, seconds: float = 0.0) -> None:
        """Incomplete if the time is up, or will be before a step of so many seconds ends."""
        under_way = reached()
        step = f"step {self.pivots + 1} of an exact linear program was being taken"
        self.clock.check(f"{under_way}; {step}" if under_way else step, seconds=seconds)

    def _outcome(
        self,
        status: Literal["optimal", "infeasible", "unbounded"],
        point: Vector | None,
        multipliers: dict[int, fmpq],
        ray: Vector | None = None,
    ) -> Outcome:
        used = {i: v for i, v in multipliers.items() if v}
        return Outcome(status, point, used, ray, Guess(self.tight, self.zero), self.pivots)


def _solve(block: fmpz_mat, right: fmpz_mat) -> Vector:
    """block^-1 right, as numerators over a positive denominator."""
    try:
        solution: Any = block.solve(right)  # an fmpq_mat; FLINT's hints name its base class
        numerators, denominator = solution.numer_denom()
    except ZeroDivisionError:
        raise SingularBasis from None
    return numerators.entries(), denominator
