"""Which sets T of neurons can have sum over T of v_i = 0, for integer vectors v_i most of which are linearly independent?

Candidates are increasing tuples: every T with that sum is among them, and others may be. The caller tests them exactly. So some entries of
the vectors are enough, modulo a number.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from . import _budget
from ._numbers import Rejected

Set = tuple[int, ...]


class Triangle:
    """M = L U modulo p for a square M, L lower triangular, U upper triangular with diagonal 1; no rows are exchanged.

    Row k of U, without its 1, is one integer, with so wide a field for each entry that size p^2 + p fits: row i of M becomes row i of U
    by adding multiples of rows k < i. ``rows`` of L are kept if asked for.
    """

    def __init__(self, matrix: Sequence[Sequence[int]], p: int, keep: bool, step: str) -> None:
        self.p, self.size, self.width = p, len(matrix), ((len(matrix) * p * p + p).bit_length() + 7) // 8
        self.upper: list[int] = []
        self.rows: list[array[int]] = []
        for i, row in enumerate(matrix):
            left, rest = self._reduce(row)
            width = self.width
            data = rest.to_bytes(width * (self.size - i), "little")
            values = [int.from_bytes(data[k : k + width], "little") % p for k in range(0, len(data), width)]
            try:
                inverse = pow(values[0], -1, p)
            except ValueError:
                raise Rejected(step, f"row {i} has no invertible pivot modulo {p}") from None
            self.upper.append(self._pack([v * inverse % p for v in values[1:]]))
            if keep:
                self.rows.append(array("L", [*left, values[0]]))

    def _pack(self, row: Sequence[int]) -> int:
        return int.from_bytes(b"".join([v.to_bytes(self.width, "little") for v in row]), "little")

    def _reduce(self, row: Sequence[int]) -> tuple[list[int], int]:
        """Coefficients of the rows of U that there are, and what is left of the row, packed, its first fields gone."""
        p, bits = self.p, 8 * self.width
        rest, low, left = self._pack(row), 2**bits - 1, []
        for u in self.upper:
            factor = (rest & low) % p
            rest = (rest >> bits) + (p - factor) * u
            left.append(factor)
        return left, rest

    def solve(self, row: Sequence[int]) -> list[int]:
        """The y with y M = row modulo p."""
        p, z, found = self.p, self._reduce(row)[0], [0] * self.size
        for i in range(self.size - 1, -1, -1):
            found[i] = y = z[i] * pow(self.rows[i][i], -1, p) % p
            z = [(a - y * b) % p for a, b in zip(z[:i], self.rows[i], strict=False)] if y else z[:i]
        return found


def by_elimination(vectors: Sequence[Sequence[int]], free: Sequence[int], p: int, step: str) -> Iterator[Set]:
    """The vectors that are not free make a square matrix M, invertible modulo p. So for every subset F of the free ones x_i is
    -(sum over F of y_f)_i modulo p for the others, where y_f M = v_f, and F belongs to a candidate if all of these are 0 or 1.
    """
    others = [i for i in range(len(vectors)) if i not in set(free)]
    n, masks = len(others), 1 << min(len(free), 1000)
    _budget.charge(n**3 // (2 * _budget.PACKED) + 2 * masks * (n + 1), step)
    _budget.hold(n * n // 4 + 3 * masks, step)  # of the triangle, packed, half of a square
    triangle = Triangle([[v % p for v in vectors[i]] for i in others], p, bool(free), step)
    solved = [triangle.solve([v % p for v in vectors[f]]) for f in free]
    found: dict[int, list[int]] = {mask: [] for mask in range(masks)}
    for place, column in enumerate(zip(*solved, strict=True)):
        if any(column):
            totals = sums(column, p)
            found = {mask: members for mask, members in found.items() if totals[mask] in (0, p - 1)}
            for mask, members in found.items():
                if totals[mask]:
                    members.append(others[place])
    for mask, members in found.items():
        yield tuple(sorted([*members, *(f for k, f in enumerate(free) if mask >> k & 1)]))


def sums(values: Sequence[int], modulus: int) -> list[int]:
    """For each mask the sum of the values with bits in it."""
    found = [0]
    for v in values:
        found += [(s + v) % modulus for s in found]
    return found
