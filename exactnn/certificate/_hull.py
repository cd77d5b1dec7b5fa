"""The hull: a domain of lower dimension, written as origin + sum of t_k * direction_k."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from . import _budget
from ._claim import Claim, Domain
from ._common import pack
from ._farkas import AffineRow, nonnegative, primitive, slacks
from ._numbers import index, items, mapping, need, rationals


def within(claim: Claim, raw: Any, forms: Sequence[AffineRow], dimension: int) -> tuple[list[AffineRow], list[AffineRow], int]:
    """The forms in x as forms in t, primitive, and the inputs x as forms in t over one denominator."""
    need(claim.question != "regions", "hull", "regions are counted without one")
    inputs, denominator = read_hull(raw, claim.domain, dimension)
    found = []
    for form in forms:
        total = [0] * len(inputs[0])
        total[-1] = form[-1] * denominator
        for c, row in zip(form[:-1], inputs, strict=True):
            if c:
                total = [t + c * v for t, v in zip(total, row, strict=True)]
        found.append(primitive(total))
    return found, inputs, denominator


def read_hull(raw: Any, domain: Domain | None, dimension: int) -> tuple[list[AffineRow], int]:
    """The inputs x_i as forms in the coordinates t_k, over one denominator.

    Shown here: A_i x = b_i on the domain for each equality; A_i origin = b_i; and the identity matrix is
    sum_k direction_k coordinates_k^T + sum_i coefficients_i A_i. Applied to x - origin, for x in the domain,
    the second sum vanishes, so x = origin + sum_k t_k direction_k with t_k = coordinates_k (x - origin).
    """
    need(domain is not None, "hull", "there is no domain that it could belong to")
    assert domain is not None
    raw = mapping(raw, "hull", ("origin", "directions", "coordinates", "equalities"))
    origin = rationals(raw["origin"], "hull: origin", dimension)
    directions, coordinates = (
        [rationals(v, f"hull: {key}[{k}]", dimension) for k, v in enumerate(items(raw[key], f"hull: {key}"))]
        for key in ("directions", "coordinates")
    )
    need(len(directions) == len(coordinates), "hull: coordinates", f"expected {len(directions)} entries, found {len(coordinates)}")
    pairs = list(zip(coordinates, directions, strict=True))
    given = slacks(domain, "hull")
    for e, v in enumerate(items(raw["equalities"], "hull: equalities")):
        step = f"hull: equality {e}"
        v = mapping(v, step, ("row", "coefficients", "farkas"))
        r = index(v["row"], len(domain.bounds), f"{step}: row")
        nonnegative([-c for c in given[r]], given, v["farkas"], f"{step}: farkas")  # A_r x >= b_r
        slack = sum((c * x for c, x in zip(given[r], origin, strict=False)), Fraction(given[r][-1]))
        need(slack == 0, step, "the origin does not satisfy it")
        row = [Fraction(n, domain.matrix.denominator) for n in domain.row(r)]
        pairs.append((row, rationals(v["coefficients"], f"{step}: coefficients", dimension)))
    sparse = [(row, [(i, v) for i, v in enumerate(column) if v]) for row, column in pairs]
    for j in range(dimension):
        total: dict[int, Fraction] = {}
        for row, entries in sparse:
            if row[j]:
                _budget.charge(4 * len(entries), "hull")
                for i, v in entries:
                    total[i] = total[i] + row[j] * v if i in total else row[j] * v
                    _budget.charge(4 * (_budget.words(total[i].denominator.bit_length()) - 1), "hull")
        need({i: v for i, v in total.items() if v} == {j: 1}, "hull", f"directions, coordinates and equalities do not add up in column {j}")
    rows = [[*(d[i] for d in directions), origin[i]] for i in range(dimension)]
    (_, numerators, denominator), size = pack([v for row in rows for v in row], (dimension, len(directions) + 1)), len(directions) + 1
    _budget.hold(len(numerators) * (_budget.words(denominator.bit_length()) - 1), "hull")
    return [tuple(numerators[k : k + size]) for k in range(0, len(numerators), size)], denominator
