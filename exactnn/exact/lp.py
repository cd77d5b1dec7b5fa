"""Linear programs over Q with exact, verified answers.

    P = {x in Q^n : A x <= b, E x = d},   x free.

Each answer carries what proves it: a point; Farkas multipliers y >= 0 and z with y^T A + z^T E = 0,
y^T b + z^T d < 0; an optimal point with its dual; a point with a ray. Each is checked in integers before it is returned.

A float solver proposes a basis, FLINT solves it exactly, and the exact simplex method goes on from there if
the proposal was wrong; `statistics` counts how often.

References: A. Schrijver, Theory of Linear and Integer Programming, chapters 7 and 11.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

from flint import fmpq, fmpz, fmpz_mat

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact._float_lp import FloatRows, propose
from exactnn.exact._integer_rows import IntegerRows, Matrix, Vector, common, integer_rows, numbers
from exactnn.exact._simplex import Guess, Outcome, SingularBasis, solve, solving_seconds
from exactnn.exact.clock import Clock, clock_in_force
from exactnn.exact.numbers import Number, rational

__all__ = [
    "Feasible",
    "FloatRows",
    "Infeasible",
    "IntegerRows",
    "LinearSystem",
    "Negative",
    "Nonnegative",
    "Optimal",
    "Point",
    "Statistics",
    "Unbounded",
    "feasible",
    "guided",
    "maximise",
    "nonnegative",
    "solving_seconds",
    "statistics",
]

Point = tuple[fmpq, ...]

#: Up to this many entries of A the exact method starts from nothing; a float proposal would cost more.
DIRECT_LIMIT = 12


@dataclass(frozen=True)
class Feasible:
    """A point of the system."""

    point: Point


@dataclass(frozen=True)
class Infeasible:
    """y = farkas >= 0 and z = equality_multipliers with y^T A + z^T E = 0 and y^T b + z^T d < 0.

    For a question with strict rows, y^T b + z^T d = 0 is enough where y is positive at a strict row.
    """

    farkas: Point
    equality_multipliers: Point = ()


@dataclass(frozen=True)
class Optimal:
    """max c.x = value, attained at point; dual y >= 0, z: y^T A + z^T E = c and y^T b + z^T d = value."""

    point: Point
    value: fmpq
    dual: Point
    equality_multipliers: Point = ()


@dataclass(frozen=True)
class Unbounded:
    """point + s ray is in the system for all s >= 0, and c.ray > 0."""

    point: Point
    ray: Point


@dataclass(frozen=True)
class Nonnegative:
    """c.x + gamma = slack + y^T (b - A x) + z^T (d - E x) identically; y = multipliers >= 0, slack >= 0."""

    multipliers: Point
    slack: fmpq
    equality_multipliers: Point = ()


@dataclass(frozen=True)
class Negative:
    """A point of the system with c.point + gamma = value < 0."""

    point: Point
    value: fmpq


@dataclass
class Statistics:
    """How the float proposals fared since the last `reset`.

    accepted: right as they were; repaired: after exact pivots; rejected: no basis, so that the exact method began anew;
    direct: not asked for, the system being tiny or the origin feasible; pivots: exact pivots in all.
    """

    accepted: int = 0
    repaired: int = 0
    rejected: int = 0
    direct: int = 0
    pivots: int = 0

    def reset(self) -> None:
        """Set every count to 0."""
        for entry in fields(self):
            setattr(self, entry.name, 0)


#: The counts of this process.
statistics = Statistics()


class LinearSystem:
    """The polyhedron P = {x : A x <= b, E x = d}, prepared for several questions.

    Parameters
    ----------
    A : m x n matrix; b : m numbers
    equalities : (E, d), or None
    clock : asked between pivots; Incomplete once its time has passed; None for the one in force when a question is asked

    Examples
    --------
    >>> triangle = LinearSystem([[1, 1], [-1, 0], [0, -1]], [1, 0, 0])
    >>> triangle.maximise([1, 2]).value
    2
    >>> LinearSystem([[1], [-1]], [0, "-1/3"]).feasible()
    Infeasible(farkas=(1, 1), equality_multipliers=())
    """

    def __init__(self, A: Matrix, b: Matrix, *, equalities: tuple[Matrix, Matrix] | None = None, clock: Clock | None = None) -> None:
        self._clock = clock
        rows, rhs, scales, width = integer_rows(A, b, "A", "b")
        self.row_count, self.equality_count = len(rows), 0
        if equalities is not None:
            more, right, factors, columns = integer_rows(*equalities, "equalities[0]", "equalities[1]")
            if columns != width:
                raise ShapeError(f"equalities[0]: {width} columns are needed, as many as A has, got {columns}")
            self.equality_count = len(more)
            rows = rows + more + [[-a for a in row] for row in more]
            rhs = rhs + right + [-v for v in right]
            scales = scales + factors + factors
        self.width = width
        self._scales = scales
        #: The rows of A, of E and of -E in turn, as primitive integers.
        self.integers = IntegerRows(rows, rhs, width)

    @cached_property
    def _floats(self) -> FloatRows:
        return FloatRows(self.integers)

    def contains(self, point: Sequence[fmpq], *, strict: bool | Collection[int] = False) -> bool:
        """Whether A x <= b (strictly on the rows named) and E x = d."""
        slack = self.integers.slack(common(point))
        chosen = self._strict_rows(strict)
        return all(s >= 0 for s in slack) and all(slack[i] > 0 for i in chosen)

    def scale(self, i: int) -> fmpq:
        """integers.rows[i] / (the row given), a positive number."""
        return self._scales[i]

    def value(self, y: Sequence[fmpq], z: Sequence[fmpq] = ()) -> fmpq:
        """y^T b + z^T d."""
        multipliers = [*y, *z]
        rhs = (v / s for v, s in zip(self.integers.rhs, self._scales, strict=True))
        return sum((m * v for m, v in zip(multipliers, rhs, strict=False)), fmpq(0))

    def feasible(self, *, strict: bool | Collection[int] = False) -> Feasible | Infeasible:
        """A point of P, or the proof that there is none.

        Parameters
        ----------
        strict : indices of the rows of A that must hold with A_i x < b_i; True for all. The point is then far from these rows,
            as a ball's centre is: it maximises the least slack, in units of each row's size.
        """
        rows = self._strict_rows(strict)
        if rows:
            return self._strictly_feasible(rows)
        ended = self._guided(self.integers, None)
        if ended.point is None:
            return self._infeasible(ended.multipliers)
        return self._verified_point(ended.point, ())

    def maximise(self, c: Matrix) -> Optimal | Unbounded | Infeasible:
        """The maximum of c.x over P."""
        cost, scale = _integer_vector(c, self.width)
        ended = self._guided(self.integers, cost)
        if ended.point is None:
            return self._infeasible(ended.multipliers)
        point = self._verified_point(ended.point, ()).point
        if ended.ray is not None:
            self._verify_ray(ended.ray, cost)
            return Unbounded(point, _rationals(ended.ray))
        total, value = self.integers.combination(ended.multipliers)
        reached = _dot(cost, ended.point)
        _verify(total == [fmpq(v) for v in cost] and value == reached and min(ended.multipliers.values(), default=0) >= 0)
        dual, z = self._split({i: y / scale for i, y in ended.multipliers.items()})
        return Optimal(point, value / scale, dual, z)

    def nonnegative(self, c: Matrix, gamma: Number = 0) -> Nonnegative | Negative | Infeasible:
        """Decide whether c.x + gamma >= 0 on P.

        Returns
        -------
        Nonnegative
            Multipliers y >= 0 and slack >= 0 with c.x + gamma = slack + y^T (b - A x) + z^T (d - E x) for all x.
        Negative
            A point of P where c.x + gamma < 0.
        Infeasible
            P is empty, with the Farkas multipliers that prove it; any claim holds on it.
        """
        constant = rational(gamma, "gamma")
        numerators, denominator = _integer_vector(c, self.width)
        gradient = [fmpq(v, denominator) for v in numerators]
        best = self.maximise([-v for v in gradient])
        if isinstance(best, Infeasible):
            return best
        if isinstance(best, Optimal):
            slack = constant - best.value
            if slack >= 0:
                return Nonnegative(best.dual, slack, best.equality_multipliers)
            return Negative(best.point, slack)
        value = _inner(gradient, best.point) + constant
        fall = -_inner(gradient, best.ray)
        steps = fmpq(0) if value < 0 else fmpq((value / fall).floor() + 1)
        point = tuple(p + steps * r for p, r in zip(best.point, best.ray, strict=True))
        _verify(self.contains(point))
        return Negative(point, value - steps * fall)

    def _guided(self, system: IntegerRows, cost: list[int] | None) -> Outcome:
        return guided(system, cost, lambda: self._floats if system is self.integers else FloatRows(system), self._clock)

    def _strict_rows(self, strict: bool | Collection[int]) -> list[int]:
        if isinstance(strict, bool):
            return list(range(self.row_count)) if strict else []
        for i in strict:
            if not 0 <= i < self.row_count:
                raise ArgumentError(f"strict: row indices from 0 to {self.row_count - 1} are needed, got {i}")
        return sorted(set(strict))

    def _strictly_feasible(self, strict: list[int]) -> Feasible | Infeasible:
        """Maximise t subject to a_i.x + w_i t <= b_i on the strict rows, the other rows, and t <= 1."""
        system = self.integers
        chosen = set(strict)
        weights = [1 << system.bits[i] if i in chosen else 0 for i in range(len(system.rows))]
        rows = [[*row, w] for row, w in zip(system.rows, weights, strict=True)]
        lifted = IntegerRows([*rows, [0] * self.width + [1]], [*system.rhs, 1], self.width + 1)
        ended = self._guided(lifted, [0] * self.width + [1])
        if ended.point is not None and ended.point[0][-1] > 0:
            numerators, denominator = ended.point
            return self._verified_point((numerators[:-1], denominator), strict)
        return self._infeasible({i: y for i, y in ended.multipliers.items() if i < len(rows)}, chosen)

    def _verified_point(self, point: Vector, strict: Collection[int]) -> Feasible:
        slack = self.integers.slack(point)
        _verify(point[1] > 0 and all(s >= 0 for s in slack) and all(slack[i] > 0 for i in strict))
        return Feasible(_rationals(point))

    def _verify_ray(self, ray: Vector, cost: list[int]) -> None:
        rise = (self.integers.matrix * fmpz_mat(self.width, 1, ray[0])).entries()
        _verify(all(v <= 0 for v in rise) and _dot(cost, ray) > 0)

    def _infeasible(self, multipliers: dict[int, fmpq], strict: Collection[int] = ()) -> Infeasible:
        total, value = self.integers.combination(multipliers)
        proves = value < 0 or (value == 0 and any(multipliers.get(i, 0) > 0 for i in strict))
        _verify(proves and not any(total) and all(y >= 0 for y in multipliers.values()))
        return Infeasible(*self._split(multipliers))

    def _split(self, multipliers: dict[int, fmpq]) -> tuple[Point, Point]:
        """Multipliers of the integer rows as multipliers of the rows given: (y, z)."""
        m, e = self.row_count, self.equality_count
        y = [fmpq(0)] * (m + 2 * e)
        for i, v in multipliers.items():
            y[i] = v * self._scales[i]
        return tuple(y[:m]), tuple(y[m + k] - y[m + e + k] for k in range(e))


def feasible(
    A: Matrix, b: Matrix, *, strict: bool | Collection[int] = False, equalities: tuple[Matrix, Matrix] | None = None
) -> Feasible | Infeasible:
    """A point of {x : A x <= b, E x = d}, or the proof that there is none; see `LinearSystem.feasible`.

    Examples
    --------
    >>> feasible([[2], [-3]], [1, 1], strict=True)
    Feasible(point=(0,))
    """
    return LinearSystem(A, b, equalities=equalities).feasible(strict=strict)


def maximise(c: Matrix, A: Matrix, b: Matrix, *, equalities: tuple[Matrix, Matrix] | None = None) -> Optimal | Unbounded | Infeasible:
    """max c.x over {x : A x <= b, E x = d}; see `LinearSystem.maximise`.

    Examples
    --------
    >>> maximise([1], [[3]], [1])
    Optimal(point=(1/3,), value=1/3, dual=(1/3,), equality_multipliers=())
    """
    return LinearSystem(A, b, equalities=equalities).maximise(c)


def nonnegative(
    c: Matrix, gamma: Number, A: Matrix, b: Matrix, *, equalities: tuple[Matrix, Matrix] | None = None
) -> Nonnegative | Negative | Infeasible:
    """Decide whether c.x + gamma >= 0 on {x : A x <= b, E x = d}; see `LinearSystem.nonnegative`.

    Examples
    --------
    >>> nonnegative([1], "1/2", [[1], [-1]], [1, 0])
    Nonnegative(multipliers=(0, 1), slack=1/2, equality_multipliers=())
    """
    return LinearSystem(A, b, equalities=equalities).nonnegative(c, gamma)


def guided(
    system: IntegerRows, cost: list[int] | None, floats: Callable[[], FloatRows], clock: Clock | None, direct: int = DIRECT_LIMIT
) -> Outcome:
    """The exact method from a float proposal; from nothing where that is no basis, or for up to `direct` entries not worth its time."""
    clock = clock or clock_in_force()
    clock.check("a linear program was to be solved")
    guess: Guess | None = None
    asked = len(system.rows) * system.width > direct and not (cost is None and min(system.rhs, default=0) >= 0)
    if asked:
        guess = propose(floats(), cost, clock.left())
    ended: Outcome | None = None
    if guess is not None:
        try:
            ended = solve(system, cost, guess, clock)
        except SingularBasis:
            guess = None
    if ended is None:
        ended = solve(system, cost, None, clock)
    statistics.pivots += ended.pivots
    if not asked:
        statistics.direct += 1
    elif guess is None:
        statistics.rejected += 1
    elif ended.pivots:
        statistics.repaired += 1
    else:
        statistics.accepted += 1
    return ended


def _verify(holds: bool) -> None:
    if not holds:
        raise AssertionError("an exact linear program ended with an answer that does not check; please report this")


def _integer_vector(c: Matrix, width: int) -> tuple[list[int], int]:
    """(integers, factor > 0) with integers = factor c."""
    numerators, denominator = numbers(c, "c")
    if len(numerators) != width:
        raise ShapeError(f"c: {width} numbers are needed, one for each column of A, got {len(numerators)}")
    return numerators, denominator


def _rationals(vector: Vector) -> Point:
    return tuple(fmpq(v, vector[1]) for v in vector[0])


def _dot(cost: Sequence[int], vector: Vector) -> fmpq:
    return fmpq(sum((c * v for c, v in zip(cost, vector[0], strict=True) if c), fmpz(0)), vector[1])


def _inner(a: Sequence[fmpq], b: Sequence[fmpq]) -> fmpq:
    return sum((x * y for x, y in zip(a, b, strict=True)), fmpq(0))
