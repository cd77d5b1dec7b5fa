"""The decision boundary of a classifier with two inputs, exactly: where its largest output is attained at least twice.

    R_j = P_j + sum_{k != j} Q_k,     F_j - F_i = R_j - R_i

Each R_j is a maximum of affine functions, so that the boundary is a part of the tropical hypersurface of max_j R_j.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from exactnn.errors import ArgumentError, Incomplete, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.planar import Point, Row, Subdivision, Values, centre, far_frame, homogeneous, integer_rows, middle, subdivide
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap

_TERMS = 20_000


class Boundary(NamedTuple):
    """Segments and isolated points where the maximum is attained by two classes."""

    segments: list[tuple[Point, Point]]
    points: list[Point]


def decision_boundary(classes: Sequence[Sequence[Row]], cells: Subdivision) -> Boundary:
    """The part of the edges and vertices of max_j R_j that two classes attain.

    Along an edge the maximum is affine and each R_j is convex and not above it: where they agree at an inner point they agree all along.
    """
    owners = merged_rows(classes)
    rows = list(owners)
    values = Values(rows)

    def attained(point: Point) -> int:
        """How many classes have the maximum there: each has it by a row of its own, and rows of equal exponents are one in `owners`."""
        return len(set[int]().union(*(owners[rows[i]] for i in values.largest(homogeneous(point)))))

    segments = [edge.ends for edge in cells.edges if attained(middle(*edge.ends)) > 1]
    covered = {p for segment in segments for p in segment}
    corners = {p for cell in cells.cells.values() if attained(centre(cell)) > 1 for p in cell}
    points = [p for p in cells.vertices if p not in covered | corners and attained(p) > 1]
    return Boundary(segments, points)


def class_rows(F: TropicalRationalMap) -> list[list[Row]]:
    """The integer rows of each R_j, all times one number; terms that no cell of R_j needs are left out."""
    if not isinstance(F, TropicalRationalMap):
        raise ArgumentError(f"F: a TropicalRationalMap is needed, got {type(F).__name__}")
    tables = [planar_table(p) for p in (*F.numerators, *F.denominators)]
    scale = math.lcm(*(table.denominator for table in tables))
    every = [_needed(_times(integer_rows(table), scale // table.denominator)) for table in tables]
    tops, bottoms = every[: F.output_dim], every[F.output_dim :]
    if F.output_dim == 1:
        return [tops[0], bottoms[0]]
    if all(bottom == bottoms[0] for bottom in bottoms):
        return tops
    found = []
    for j, rows in enumerate(tops):
        for k, bottom in enumerate(bottoms):
            rows = rows if k == j else _product(rows, bottom)
        found.append(rows)
    return found


def _product(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """The terms of the sum of two maxima."""
    if len(rows) * len(others) > _TERMS:
        raise Incomplete(
            f"F: pictures of at most {_TERMS} sums of a numerator's and a denominator's terms are drawn, "
            f"got {len(rows) * len(others)}; reduce the map, or give it one common denominator"
        )
    best: dict[tuple[int, int], int] = {}
    for c, a, b in rows:
        for d, e, f in others:
            key = (a + e, b + f)
            best[key] = max(best.get(key, c + d), c + d)
    return _needed([(c, a, b) for (a, b), c in best.items()])


def _times(rows: Sequence[Row], factor: int) -> list[Row]:
    return [(factor * c, factor * a, factor * b) for c, a, b in rows]


def _needed(rows: Sequence[Row]) -> list[Row]:
    return [rows[i] for i in subdivide(rows, far_frame(rows)).cells]


def merged_rows(classes: Sequence[Sequence[Row]]) -> dict[Row, set[int]]:
    """The terms of max_j R_j, each with the classes that have it; of equal exponents the largest coefficient."""
    best: dict[tuple[int, int], int] = {}
    for rows in classes:
        for c, a, b in rows:
            best[a, b] = max(best.get((a, b), c), c)
    own = [set(rows) for rows in classes]
    return {(c, a, b): {j for j, rows in enumerate(own) if (c, a, b) in rows} for (a, b), c in best.items()}


def domain_inequalities(F: TropicalRationalMap) -> list[tuple[tuple[Fraction, ...], Fraction]]:
    """(a, b) for each inequality a . x <= b of the domain."""
    if F.domain is None:
        return []
    A, b = F.domain.in_dimension(2).rows
    return [(A[i].to_fractions(), bound) for i, bound in enumerate(b.to_fractions())]


def planar_table(polynomial: TropicalPolynomial) -> RationalArray:
    """The table of a polynomial in two variables; errors say what a picture needs."""
    if polynomial.dimension != 2:
        raise ShapeError(f"two variables are needed for a picture, got {polynomial.dimension}; put an affine map of two variables in first")
    if not len(polynomial.terms):
        raise ArgumentError("at least one term is needed for a picture, but this polynomial is -infinity")
    return polynomial.table
