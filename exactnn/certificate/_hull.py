"""The hull: a domain of lower dimension, written as origin + sum of t_k * direction_k."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ._atoms import Atoms
from ._claim import Domain
from ._form import Form, from_fractions
from ._numbers import index, items, mapping, need, rational, rationals

Vector = dict[int, Fraction]  # without the zeros


def _vector(values: Sequence[Fraction]) -> Vector:
    return {i: v for i, v in enumerate(values) if v}


def _dot(a: Vector, b: Vector) -> Fraction:
    return sum((v * b[i] for i, v in a.items() if i in b), Fraction(0))


def _add_multiple(total: Vector, k: Fraction, a: Vector) -> None:
    for i, v in a.items():
        total[i] = total.get(i, Fraction(0)) + k * v


def read_hull(raw: Any, domain: Domain, dimension: int, atoms: Atoms) -> list[Form]:
    """The inputs x_i as forms in the coordinates t_k.

    Shown here: A_i x = b_i on the domain for each equality; A_i origin = b_i; and the identity matrix is
    sum_k direction_k coordinates_k^T + sum_i coefficients_i A_i. Applied to x - origin, for x in the domain,
    the second sum vanishes, so x = origin + sum_k t_k direction_k with t_k = coordinates_k (x - origin).
    """
    raw = mapping(raw, "hull", ("origin", "directions", "coordinates", "equalities"))
    origin = rationals(raw["origin"], "hull: origin", dimension)
    directions = [
        _vector(rationals(v, f"hull: directions[{k}]", dimension)) for k, v in enumerate(items(raw["directions"], "hull: directions"))
    ]
    identity: list[Vector] = [{} for _ in range(dimension)]  # by columns
    for k, v in enumerate(items(raw["coordinates"], "hull: coordinates", len(directions))):
        for j, c in _vector(rationals(v, f"hull: coordinates[{k}]", dimension)).items():
            _add_multiple(identity[j], c, directions[k])
    for e, v in enumerate(items(raw["equalities"], "hull: equalities")):
        step = f"hull: equality {e}"
        v = mapping(v, step, ("row", "coefficients", "farkas"))
        r = index(v["row"], len(domain.bounds), f"{step}: row")
        row = _row(domain, r)
        _check_equality(domain, row, domain.bounds[r], v["farkas"], step)
        need(_dot(row, _vector(origin)) == domain.bounds[r], step, "the origin does not satisfy it")
        coefficients = _vector(rationals(v["coefficients"], f"{step}: coefficients", dimension))
        for j, c in row.items():
            _add_multiple(identity[j], c, coefficients)
    for j, column in enumerate(identity):
        right = {i: v for i, v in column.items() if v} == {j: 1}
        need(right, "hull", f"column {j}: directions, coordinates and equalities do not add up to the identity")
    return [from_fractions(origin[i], {atoms.coordinate(k): d[i] for k, d in enumerate(directions) if i in d}) for i in range(dimension)]


def _row(domain: Domain, r: int) -> Vector:
    return {i: Fraction(n, domain.matrix.denominator) for i, n in enumerate(domain.row(r)) if n}


def _check_equality(domain: Domain, row: Vector, bound: Fraction, farkas: Any, step: str) -> None:
    """A row a x <= b of the domain is an equality there: y >= 0 with y A = -a and y b <= -b gives -a x <= -b."""
    combined: Vector = dict(row)
    total = bound
    for term in items(farkas, f"{step}: farkas"):
        s, y = items(term, f"{step}: farkas", 2)
        s, y = index(s, len(domain.bounds), f"{step}: farkas"), rational(y, f"{step}: farkas")
        need(y >= 0, f"{step}: farkas", "a negative multiplier")
        _add_multiple(combined, y, _row(domain, s))
        total += y * domain.bounds[s]
    need(not any(combined.values()), f"{step}: farkas", "the rows do not add up to minus the row")
    need(total <= 0, f"{step}: farkas", "the bounds do not add up to minus the bound or less")
