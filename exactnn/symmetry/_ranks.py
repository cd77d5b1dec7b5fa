"""The rank of large matrices of rational numbers, row by row: from below modulo a prime, and exactly.

A rank modulo a prime is a lower bound. Rows P and columns C that are independent modulo the prime are so over the rational numbers. The
rank of M is no larger if every row is a combination of P, which X = P_C^-1 P_rest tells:  M_rest = M_C X.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import fmpz_mat, nmod_mat

from exactnn.exact.array import RationalArray
from exactnn.exact.clock import clock_in_force

Integers = np.ndarray[Any, np.dtype[np.int64]]
_PRIMES = (2**31 - 1, 2**31 - 19, 2**31 - 61)
_SPEED = 1e9  # products in a second; nothing interrupts them


class Basis:
    """Rows that are independent modulo a prime, out of those that were added."""

    def __init__(self) -> None:
        self._rows: Integers | None = None

    @property
    def rank(self) -> int:
        """How many."""
        return 0 if self._rows is None else len(self._rows)

    def add(self, parts: Sequence[RationalArray]) -> None:
        """Rows of these matrices, each matrix times its denominator."""
        found = [(part.numerators % _PRIMES[0]).astype(np.int64) for part in parts]
        rows = np.concatenate(found if self._rows is None else [self._rows, *found])
        self._rows = rows[_independent(rows, _PRIMES[0])]


def _independent(rows: Integers, prime: int) -> list[int]:
    """The rows that are no combination of those before them modulo a prime; entries 0 <= q < prime."""
    count, columns = rows.shape
    seconds = count * columns * min(rows.shape) / _SPEED
    clock_in_force().check(f"the rank of {count} derivatives by {columns} parameters was to be computed", seconds=seconds)
    reduced, rank = nmod_mat(columns, count, rows.T.ravel().tolist(), prime).rref()
    found, place = [], 0
    for i in range(int(rank)):
        while int(reduced[i, place]) == 0:
            place += 1
        found.append(place)
        place += 1
    return found


def exact_rank(parts: Sequence[RationalArray]) -> int:
    """The rank of the rows of these matrices over the rational numbers."""
    distinct = {tuple(row) for part in parts for row in part.numerators.tolist()}
    rows = np.array(sorted(distinct), dtype=object)
    for prime in _PRIMES:
        small = (rows % prime).astype(np.int64)
        chosen = _independent(small, prime)
        columns = _independent(np.ascontiguousarray(small[chosen].T), prime)
        if _spanned(rows, chosen, columns):
            return len(chosen)
    return int(fmpz_mat(rows.tolist()).rank())


def _spanned(rows: Any, chosen: list[int], columns: list[int]) -> bool:
    """Whether all rows are combinations of the chosen ones, which are independent on these columns."""
    rest = [j for j in range(rows.shape[1]) if j not in set(columns)]
    if not chosen or not rest:
        return bool(rest == [] or not rows.any())
    clock_in_force().check("all derivatives were to be written by independent ones")
    known, other = fmpz_mat(rows[:, columns].tolist()), fmpz_mat(rows[:, rest].tolist())
    square, right = fmpz_mat(rows[np.ix_(chosen, columns)].tolist()), fmpz_mat(rows[np.ix_(chosen, rest)].tolist())
    combinations: Any = square.solve(right)  # an fmpq_mat
    numerators, denominator = combinations.numer_denom()
    return bool(known * numerators == other * denominator)
