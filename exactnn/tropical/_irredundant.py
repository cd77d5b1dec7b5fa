"""The terms of a maximum of affine functions that are needed, by exact linear programs.

    term i is needed  <=>  there is x with  c_i + a_i . x > c_j + a_j . x  for all j != i

Clarkson's way: a term is held against those that are known to be needed only. Where it beats them all, the winner of all terms at that
point is a new one of them; so each linear program has as many rows as there are needed terms. Of several winners at a point the one with
the lexicographically largest exponents is needed: it alone wins at x + (e, e^2, ..., e^d) for small e > 0.

Reference: K. L. Clarkson, More output-sensitive geometric algorithms, FOCS (1994).
"""

from __future__ import annotations

import random

import numpy as np

from exactnn.errors import DomainError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.lp import Feasible, LinearSystem
from exactnn.exact.numbers import fraction
from exactnn.exact.polyhedron import Polyhedron

_SEEDS = 64  # points at which winners are read off before the first linear program


def needed_rows(table: RationalArray, domain: Polyhedron | None = None) -> list[int]:
    """The rows (c, a) of a table, with exponents that differ, that alone are the maximum somewhere (in the interior of the domain)."""
    rows = table if domain is None else _inside(table, domain)
    count, d = len(rows), rows.shape[1] - 1
    if count < 2:
        return list(range(count))
    if d == 1 and domain is None:
        return _hull(rows.numerators.tolist())
    found = sorted(set(winners(rows, _seeds(d) if domain is None else RationalArray.of([domain.interior_point()]))))
    known, open_rows = set(found), [i for i in range(count) if i not in set(found)]
    while open_rows:
        i = open_rows[-1]
        if i in known:
            open_rows.pop()
            continue
        point = LinearSystem(*_cell(rows, i, found, domain)).feasible(strict=True)
        if not isinstance(point, Feasible):
            open_rows.pop()
            continue
        (winner,) = winners(rows, RationalArray.from_fractions([fraction(v) for v in point.point], (1, d)))
        known.add(winner)
        found.append(winner)
    return sorted(found)


def _hull(rows: list[list[int]]) -> list[int]:
    """The needed rows (c, a) in one variable: the upper hull of the points (a, c)."""
    kept: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: rows[i][1]):
        c, a = rows[i]
        while len(kept) > 1:
            (c1, a1), (c0, a0) = rows[kept[-1]], rows[kept[-2]]
            if (c1 - c0) * (a - a0) > (c - c0) * (a1 - a0):  # the last point lies above the chord
                break
            kept.pop()
        kept.append(i)
    return sorted(kept)


def cell(table: RationalArray, i: int, others: list[int]) -> Polyhedron:
    """{x : row i of the table is at least each of the others}."""
    return Polyhedron(*_cell(table, i, [j for j in others if j != i], None))


def winners(table: RationalArray, points: RationalArray) -> list[int]:
    """For each point (m, d) the row that wins there; of several the one with the lexicographically largest exponents."""
    ones = RationalArray(np.ones((1, len(points)), dtype=np.int64))
    scores = (table @ concatenate([ones, points.T])).numerators
    best = np.asarray(scores == scores.max(axis=0))
    exponents = table.numerators[:, 1:].tolist()
    return [max(np.flatnonzero(column).tolist(), key=exponents.__getitem__) for column in best.T]


def _cell(table: RationalArray, i: int, others: list[int], domain: Polyhedron | None) -> tuple[RationalArray, RationalArray]:
    rows, own = table[np.array(others, dtype=np.int64)], table[i : i + 1]
    A, b = rows[:, 1:] - own[:, 1:], (own - rows)[:, 0]
    if domain is None:
        return A, b
    C, e = domain.rows
    live = C.nonzero().any(axis=1)
    return concatenate([A, C[live]]), concatenate([b, e[live]])


def _inside(table: RationalArray, domain: Polyhedron) -> RationalArray:
    """The table, where the domain has interior points."""
    d = table.shape[1] - 1
    if domain.in_dimension(d).dimension < d:
        raise DomainError(
            f"domain: a domain with interior points is needed, got {domain!r} of dimension {domain.dimension}; "
            "go over to its affine hull first, by .compose()"
        )
    return table


def _seeds(d: int) -> RationalArray:
    """A few integer points, small and large."""
    draw = random.Random(0)
    sizes = (3, 30, 1000, 10**6)
    return RationalArray.of([[0] * d] + [[draw.randint(-s, s) for _ in range(d)] for s in sizes for _ in range(_SEEDS // len(sizes))])
