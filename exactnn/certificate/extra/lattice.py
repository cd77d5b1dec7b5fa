"""Evidence "lattice" for "orbits": all sets of neurons whose sum vanishes, by the values of linear forms that are bounded on them.

Sound: every x of 0 and 1 with sum 0 has integers c_t = y_t x within the bounds that the multipliers give, all of these are tried, and the
rows and directions together determine x.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm
from operator import mul
from typing import Any

from .. import _budget
from .._claim_orbits import Orbits
from .._fibre import Fibre
from .._network import Network
from .._numbers import Rejected, integer, items, mapping, rationals
from .._subset_sums import Set

PRIMES = 2**61 - 1, 2**31 - 1, 2**89 - 1


def check_lattice(claim: Orbits, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """All sets of neurons whose sum vanishes at the columns given, by a search through the values of linear forms that are bounded."""
    step = "orbits: lattice"
    mapping(evidence, "evidence", ("method", "columns", "directions", "multipliers"))
    fibre = Fibre(claim, f, step)
    n, rows = fibre.count, list(zip(*fibre.vectors(evidence["columns"]), strict=True))
    raw = items(evidence["directions"], step)
    _budget.charge(n * (len(rows) + len(raw)) * (n + len(raw)), step)  # for the inverse
    _budget.hold((n + len(rows) + len(raw)) * (n + len(raw)), step)
    directions = [[integer(v, step) for v in items(y, step, n)] for y in raw]
    listed = items(evidence["multipliers"], step, len(raw))
    multipliers = [rationals(row, f"{step}: multipliers", len(rows) + t) for t, row in enumerate(listed)]
    fibre.settle(by_directions(rows, directions, multipliers, n, step))


def by_directions(
    rows: Sequence[Sequence[int]], directions: Sequence[Sequence[int]], multipliers: Sequence[Sequence[Fraction]], n: int, step: str
) -> Iterator[Set]:
    """Every solution x of v x = 0, v the rows, has integers c_t = y_t x, which are sought one after the other: for
    g_t = y_t + sum z_s v^s + sum_{i<t} m_i y_i, g_t x = c_t + sum m_i c_i lies between the sums of negative and positive entries of
    g_t. Together the rows and directions determine x.
    """
    bounds = []
    for t, (y, numbers) in enumerate(zip(directions, multipliers, strict=True)):
        scale = lcm(*(m.denominator for m in numbers))
        whole = [m.numerator * (scale // m.denominator) for m in numbers]
        g = [scale * v for v in y]
        for factor, row in zip(whole, [*rows, *directions[:t]], strict=True):
            if factor:
                g = [a + factor * b for a, b in zip(g, row, strict=True)]
        bounds.append((scale, whole[len(rows) :], sum(v for v in g if v < 0), sum(v for v in g if v > 0)))
    p, table = _inverse([*rows, *directions], n, len(rows), step)
    chosen: list[int] = []
    waiting: list[Iterator[int]] = []
    while True:
        if len(chosen) == len(directions):
            x = _zero_one(table, chosen, p)
            if x is not None:
                yield tuple(i for i, v in enumerate(x) if v)
        else:
            scale, factors, low, high = bounds[len(chosen)]
            shift = sum(map(mul, factors, chosen))
            waiting.append(iter(range(-((shift - low) // scale), (high - shift) // scale + 1)))
        while len(waiting) > 0:
            del chosen[len(waiting) - 1 :]
            value = next(waiting[-1], None)
            if value is not None:
                _budget.charge(8 + n * (len(chosen) + 1 == len(directions)), step)
                chosen.append(value)
                break
            waiting.pop()
        else:
            return


def _zero_one(table: Sequence[Sequence[int]], values: Sequence[int], p: int) -> list[int] | None:
    found = []
    for row in table:
        x = sum(map(mul, row, values)) % p
        if x > 1:
            return None
        found.append(x)
    return found


def _inverse(matrix: Sequence[Sequence[int]], n: int, zeros: int, step: str) -> tuple[int, list[list[int]]]:
    """A prime p and n rows R with x = R c modulo p whenever matrix x = (0, ..., 0, c), ``zeros`` zeros."""
    q = len(matrix) - zeros
    for p in PRIMES:
        rest = [[v % p for v in row] + [int(k - zeros == t) for t in range(q)] for k, row in enumerate(matrix)]
        done: list[list[int]] = []
        for column in range(n):
            pivot = next((k for k, row in enumerate(rest) if row[column]), None)
            if pivot is None:
                break
            row = rest.pop(pivot)
            inverse = pow(row[column], -1, p)
            row = [v * inverse % p for v in row]
            rest, done = (
                [[(a - r[column] * b) % p for a, b in zip(r, row, strict=True)] if r[column] else r for r in part] for part in (rest, done)
            )
            done.append(row)
        else:
            return p, [row[n:] for row in done]
    raise Rejected(step, "columns and directions do not determine the neurons")
