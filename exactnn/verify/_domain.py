"""A domain in coordinates in which it is full-dimensional, with the proof that it lies there.

P = {x : A x <= b} lies in its affine hull {origin + sum_k t_k direction_k}; in t it is {t : (A D^T) t <= b - A origin}, which has
interior points. docs/certificate-format.md, "Hull", is what the checker sees of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.exact.writing import json_number
from exactnn.forms import Dense, Forms

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Coordinates:
    """x = origin + directions^T t; the polyhedron in t (None: everything); `hull` for the certificate (None: x = t)."""

    dimension: int
    region: Polyhedron | None
    origin: RationalArray | None = None
    directions: RationalArray | None = None
    hull: dict[str, Any] | None = None

    @property
    def base(self) -> Forms | None:
        """The input as forms in t; None for x = t."""
        if self.directions is None or self.origin is None:
            return None
        rows = np.arange(self.origin.size)
        parts = (Dense(rows, np.arange(self.dimension), self.directions.T),) if self.dimension else ()
        return Forms(self.origin, parts)

    def to_input(self, t: RationalArray) -> RationalArray:
        """The inputs (batch, d) at coordinates (batch, n)."""
        if self.directions is None or self.origin is None:
            return t
        if not self.dimension:
            return concatenate([self.origin.reshape(1, -1)] * len(t))
        return t @ self.directions + self.origin

    def to_floats(self) -> tuple[Floats | None, Floats | None]:
        """(origin, directions) as floats, None for x = t; for proposals."""
        if self.directions is None or self.origin is None:
            return None, None
        return self.origin.to_float(), self.directions.to_float()

    @cached_property
    def simple(self) -> Polyhedron | None:
        """The region, for proposals: without its rows that have no variables."""
        return None if self.region is None else with_variables(self.region)[0]

    @cached_property
    def samples(self) -> dict[int, RationalArray]:
        """Points of the domain that were made, by how many there are."""
        return {}

    @cached_property
    def inside(self) -> RationalArray:
        """An interior point, in t."""
        if self.simple is None or not self.dimension:
            return RationalArray.zeros((self.dimension,))
        return RationalArray.of(self.simple.interior_point())


def with_variables(region: Polyhedron) -> tuple[Polyhedron, list[int]]:
    """The same non-empty set by the rows that have variables (one row at least), and their numbers.

    The others are true: most sides of a box, for example, in coordinates of the few inputs that are not fixed.
    """
    A, b = region.rows
    live = np.flatnonzero(A.nonzero().any(axis=1))
    live = live if len(live) else np.arange(1)
    return (region if len(live) == len(b) else Polyhedron(A[live], b[live])), live.tolist()


def coordinates(domain: Polyhedron | None, dimension: int) -> Coordinates:
    """Full-dimensional coordinates of a non-empty domain in R^dimension; EmptyDomain if it has no point."""
    if domain is None or domain.dimension == dimension:
        return Coordinates(dimension, domain)
    A, b = domain.rows
    if isinstance(domain, Box):
        origin, directions, evidence = _hull_of_box(domain)
    else:
        hull = domain.affine_hull()
        origin = RationalArray.of(hull.origin)
        directions = RationalArray.from_fractions([q for v in hull.directions for q in v], (len(hull.directions), dimension))
        evidence = _evidence(hull, directions, A, b, dimension)
    region = Polyhedron(A @ directions.T, b - A @ origin) if len(directions) else None
    return Coordinates(len(directions), region, origin, directions, evidence)


def _hull_of_box(box: Box) -> tuple[RationalArray, RationalArray, dict[str, Any]]:
    """Origin, directions and evidence, of which no linear program is needed: x_j = lower_j = upper_j for some j."""
    low, high = box.bounds
    dimension, fixed = len(low), (high - low).sign() == 0
    origin, unit = RationalArray(np.where(fixed, low.numerators, 0), low.denominator), np.eye(dimension, dtype=np.int64)
    free, rows = unit[~fixed], unit.tolist()
    evidence = {
        "origin": [json_number(q) for q in origin.to_fractions()],
        "directions": free.tolist(),
        "coordinates": free.tolist(),
        "equalities": [{"row": j, "coefficients": rows[j], "farkas": [1, [[dimension + j, 1]]]} for j in np.flatnonzero(fixed).tolist()],
    }
    return origin, RationalArray(free), evidence


def _evidence(hull: Any, directions: RationalArray, A: RationalArray, b: RationalArray, dimension: int) -> dict[str, Any]:
    """I = sum_k direction_k (outer) coordinates_k + sum_e coefficients_e (outer) A_e, by inverting a square basis."""
    chosen: list[Any] = []
    basis = directions
    for equality in hull.equalities:  # equality rows that complete the directions to a basis
        row = A[equality.row].reshape(1, -1)
        joined = concatenate([*(A[e.row].reshape(1, -1) for e in chosen), row])
        if joined.to_fmpq_mat().rank() == len(chosen) + 1:
            chosen.append(equality)
        if len(chosen) == dimension - len(basis):
            break
    rows = concatenate([A[e.row].reshape(1, -1) for e in chosen])
    square = concatenate([_dual(directions, rows), rows])  # maps x to (t, equality values)
    inverse = square.to_fmpq_mat().inv().table()
    n = len(directions)
    fractions = [[Fraction(int(q.p), int(q.q)) for q in row] for row in inverse]
    dual = square[:n] if n else None
    return {
        "origin": [json_number(q) for q in hull.origin],
        "directions": [[json_number(q) for q in v] for v in hull.directions],
        "coordinates": [] if dual is None else [[json_number(q) for q in dual[k].to_fractions()] for k in range(n)],
        "equalities": [
            {
                "row": e.row,
                "coefficients": [json_number(fractions[i][n + j]) for i in range(dimension)],
                "farkas": _farkas(e, A, b),
            }
            for j, e in enumerate(chosen)
        ],
    }


def _farkas(equality: Any, A: RationalArray, b: RationalArray) -> list[Any]:
    """[factor, [[r, y]...]]: factor (A_i x - b_i) is gamma + sum of y g_r, g_r the form of b_r - A_r x, all in coprime integers."""

    def content(row: int) -> Fraction:
        entries = [*A[row].to_fractions(), b[row].item()]
        return Fraction(math.gcd(*(q.numerator for q in entries)) or 1, math.lcm(*(q.denominator for q in entries)))

    own = content(equality.row)
    terms = {r: Fraction(y) * content(r) / own for r, y in enumerate(equality.multipliers) if y}
    factor = math.lcm(*(y.denominator for y in terms.values()))
    return [json_number(Fraction(factor)), [[r, json_number(y * factor)] for r, y in terms.items()]]


def _dual(directions: RationalArray, rows: RationalArray) -> RationalArray:
    """C with C directions^T = I; then with rows directions^T = 0 the inverse of (C, rows) begins with directions^T."""
    if not len(directions):
        return RationalArray.zeros((0, rows.shape[1]))
    gram = (directions @ directions.T).to_fmpq_mat().inv().table()
    n = len(directions)
    inverse = RationalArray.from_fractions([Fraction(int(q.p), int(q.q)) for row in gram for q in row], (n, n))
    return inverse @ directions
