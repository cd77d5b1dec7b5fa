"""Boxes {x : lower <= x <= upper}: polyhedra whose questions have closed answers, in any dimension."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

import numpy as np
from flint import fmpq

from exactnn.errors import DomainError, NotFiniteError, ShapeError
from exactnn.exact._polyhedron import Fractions, Polyhedron, Row
from exactnn.exact._relative import RelativeInterior
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.calls import helpful
from exactnn.exact.lp import Infeasible, Negative, Nonnegative, Optimal, Point
from exactnn.exact.numbers import Number, approximately, fraction, rational, simplest_between
from exactnn.texts import number
from exactnn.value import ROWS


class Box(Polyhedron):
    """{x : lower <= x <= upper}; as a polyhedron its rows are x_j <= upper_j (j = 0, ..., d-1), then -x_j <= -lower_j.

    Parameters
    ----------
    lower, upper : d finite numbers each; a scalar is repeated as often as the other has entries. Two scalars give a box that
        takes its dimension from the network it is used with, by `in_dimension`.

    Raises
    ------
    DomainError
        If some lower > upper.
    NotFiniteError
        For NaN and infinity.
    ShapeError
        If the lengths differ, or are 0.

    Examples
    --------
    >>> Box(-1, ["1/2", 3]).interior_point()
    (Fraction(0, 1), Fraction(0, 1))
    >>> Box(0, 1).in_dimension(3).vertices()[0]
    (Fraction(0, 1), Fraction(0, 1), Fraction(0, 1))
    """

    @helpful
    def __init__(self, lower: Any, upper: Any) -> None:
        low, high = _bound(lower, "lower"), _bound(upper, "upper")
        if low.ndim == 1 and high.ndim == 0:
            high = _repeat(high, len(low))
        elif low.ndim == 0 and high.ndim == 1:
            low = _repeat(low, len(high))
        if low.shape != high.shape:
            raise ShapeError(f"upper: {len(low)} numbers are needed, as many as lower has, got {len(high)}")
        if low.ndim and not len(low):
            raise ShapeError("lower: at least one number is needed, got an empty list; a box lies in R^d with d >= 1")
        wrong = np.flatnonzero(np.atleast_1d((high - low).sign()) < 0)
        if wrong.size:
            j = int(wrong[0])
            where = f"[{j}]" if low.ndim else ""
            raise DomainError(
                f"lower{where}: at most upper{where} is allowed, got lower {_shown(low, j)} > upper {_shown(high, j)}; "
                f"exchange them or mend the bounds"
            )
        self.__dict__["_given"] = (low, high)

    @property
    def bounds(self) -> tuple[RationalArray, RationalArray]:
        """(lower, upper) as arrays (for engines); scalars as long as the dimension is open."""
        given: tuple[RationalArray, RationalArray] = self.__dict__["_given"]
        return given

    @property
    def lower(self) -> Fractions | Fraction:
        """The lower bounds; one number as long as the dimension is open."""
        return self.bounds[0].to_fractions() if self.bounds[0].ndim else self.bounds[0].item()

    @property
    def upper(self) -> Fractions | Fraction:
        """The upper bounds; one number as long as the dimension is open."""
        return self.bounds[1].to_fractions() if self.bounds[1].ndim else self.bounds[1].item()

    @property
    def ambient_dimension(self) -> int:
        """d, the number of variables; ShapeError as long as it is open."""
        if self.bounds[0].ndim == 0:
            raise ShapeError(f"{self!r} has scalar bounds and no dimension yet; use .in_dimension(d), or give lower or upper as a list")
        return len(self.bounds[0])

    def in_dimension(self, dimension: int) -> Polyhedron:
        """This box in R^dimension, where scalar bounds are repeated; DomainError if it has another dimension."""
        low, high = self.bounds
        if low.ndim:
            return super().in_dimension(dimension)
        return Box(_repeat(low, dimension), _repeat(high, dimension))

    @cached_property
    def rows(self) -> tuple[RationalArray, RationalArray]:
        d = self.ambient_dimension
        sides = np.zeros((2 * d, d), dtype=np.int64)
        places = np.arange(d)
        sides[places, places], sides[d + places, places] = 1, -1
        return RationalArray(sides), concatenate([self.bounds[1], -self.bounds[0]])

    @cached_property
    def _pairs(self) -> list[tuple[fmpq, fmpq]]:
        self.ambient_dimension  # noqa: B018 - raises while the dimension is open
        return list(zip(*(_numbers(v) for v in self.bounds), strict=True))

    @cached_property
    def _canonical(self) -> tuple[int, frozenset[Row]]:
        if self.bounds[0].ndim == 0:
            return -1, frozenset({_side(0, 1, _numbers(self.bounds[1])[0]), _side(0, -1, -_numbers(self.bounds[0])[0])})
        upper = {_side(j, 1, high) for j, (_, high) in enumerate(self._pairs)}
        return len(self._pairs), frozenset(upper | {_side(j, -1, -low) for j, (low, _) in enumerate(self._pairs)})

    def _parts(self) -> Mapping[str, Any]:
        return {"lower": self.lower, "upper": self.upper}

    def _summary(self) -> str:
        low, high = self.bounds
        if low.ndim == 0:
            return f"{_shown(low, 0)}, {_shown(high, 0)}"
        if low.size and low == _repeat(low[0], len(low)) and high == _repeat(high[0], len(high)):
            return f"[{_shown(low, 0)}, {_shown(high, 0)}]^{len(low)}"
        return f"in R^{len(low)}"

    def _rows(self) -> list[tuple[str, str]]:
        low, high = (bound.reshape(-1)[:ROWS].to_fractions() for bound in self.bounds)
        names = ["each x"] if not self.bounds[0].ndim else [f"x{j}" for j in range(len(low))]
        return [(name, f"from {number(a)} to {number(b)}") for name, a, b in zip(names, low, high, strict=True)]

    def _contains(self, point: list[fmpq]) -> bool:
        return all(low <= v <= high for v, (low, high) in zip(point, self._pairs, strict=True))

    @cached_property
    def _inside(self) -> Point:
        return tuple(point for point, _ in self._middles)

    @cached_property
    def _middles(self) -> list[tuple[fmpq, Fraction]]:
        """For each coordinate a number strictly between the bounds, where they differ; found once where sides are alike."""
        self.ambient_dimension  # noqa: B018 - raises while the dimension is open
        denominators = [v.denominator for v in self.bounds]

        @cache
        def middle(*numerators: int) -> tuple[fmpq, Fraction]:
            low, high = (fmpq(n, d) for n, d in zip(numerators, denominators, strict=True))
            point = low if low == high else simplest_between(low, high)
            return point, fraction(point)

        return [middle(*ends) for ends in zip(*(v.numerators.tolist() for v in self.bounds), strict=True)]

    def is_empty(self) -> bool:
        """False: no box is."""
        self.ambient_dimension  # noqa: B018 - raises while the dimension is open
        return False

    def farkas(self) -> None:
        """None: no box is empty."""
        self.is_empty()

    @property
    def dimension(self) -> int:
        """The number of coordinates with lower < upper."""
        self.ambient_dimension  # noqa: B018 - raises while the dimension is open
        return int((self.bounds[1] - self.bounds[0]).nonzero().sum())

    def interior_point(self) -> Fractions:
        """A point with few bits, strictly between the bounds where they differ."""
        return tuple(shown for _, shown in self._middles)

    @cached_property
    def _relative(self) -> RelativeInterior | Infeasible:
        pairs = self._pairs
        d = len(pairs)
        origin = tuple(low if low == high else fmpq(0) for low, high in pairs)
        free = [j for j, (low, high) in enumerate(pairs) if low < high]
        directions = tuple(_unit(d, j) for j in free)
        implicit: dict[int, tuple[Point, Point]] = {}
        for j, (low, high) in enumerate(pairs):
            if low == high:
                implicit[j], implicit[d + j] = (_unit(2 * d, d + j), ()), (_unit(2 * d, j), ())
        return RelativeInterior(self._inside, origin, directions, implicit)

    def unbounded_direction(self) -> None:
        """None: a box is bounded."""
        return None

    def is_bounded(self) -> bool:
        """True: every box is."""
        self.ambient_dimension  # noqa: B018 - raises while the dimension is open
        return True

    def maximise(self, c: Any) -> Optimal:
        """The maximum of c.x, with its proof: max c.x = sum over j of max(c_j lower_j, c_j upper_j) (for engines)."""
        cost = self._cost(c)
        point = tuple(high if v > 0 else low for v, (low, high) in zip(cost, self._pairs, strict=True))
        zero = fmpq(0)
        dual = tuple(max(v, zero) for v in cost) + tuple(max(-v, zero) for v in cost)
        return Optimal(point, sum((v * x for v, x in zip(cost, point, strict=True)), zero), dual)

    def nonnegative(self, c: Any, gamma: Number = 0) -> Nonnegative | Negative:
        """Whether c.x + gamma >= 0 on the box, with its proof, without a linear program (for engines)."""
        best = self.maximise([-v for v in self._cost(c)])
        least = rational(gamma, "gamma") - best.value
        return Nonnegative(best.dual, least) if least >= 0 else Negative(best.point, least)

    def _cost(self, c: Any) -> list[fmpq]:
        if isinstance(c, (list, tuple)):
            cost = [v if isinstance(v, fmpq) else rational(v, f"c[{j}]") for j, v in enumerate(c)]
        else:
            cost = _numbers(RationalArray.of(c, "c", ndim=1))
        if len(cost) != len(self._pairs):
            raise ShapeError(f"c: {len(self._pairs)} numbers are needed, one for each coordinate, got {len(cost)}")
        return cost


def _bound(value: Any, name: str) -> RationalArray:
    try:
        array = RationalArray.of(value, name)
    except NotFiniteError as error:
        raise NotFiniteError(f"{error}; a box is bounded: for an unbounded domain use Polyhedron(A, b)") from None
    if array.ndim > 1:
        raise ShapeError(f"{name}: a number or a flat list is needed, got shape {array.shape}; flatten it row by row")
    return array


def _repeat(value: RationalArray, times: int) -> RationalArray:
    numerator = value.numerators.reshape(1)
    return RationalArray(np.repeat(numerator, times), value.denominator)


def _shown(value: RationalArray, j: int) -> str:
    q = value.reshape(-1)[j].item()
    return str(q) if max(abs(q.numerator), q.denominator) < 10**12 else approximately(q)


def _numbers(array: RationalArray) -> list[fmpq]:
    denominator = array.denominator
    return [fmpq(v, denominator) for v in array.numerators.ravel().tolist()]


def _unit(size: int, j: int) -> tuple[fmpq, ...]:
    return tuple(fmpq(int(i == j)) for i in range(size))


def _side(j: int, sign: int, bound: fmpq) -> Row:
    """sign x_j <= bound as a primitive integer row."""
    p, q = int(bound.p), int(bound.q)
    g = math.gcd(p, q)
    return ((j, sign * q // g),), p // g
