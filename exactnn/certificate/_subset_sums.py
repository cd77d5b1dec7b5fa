"""Which sets T of neurons can have sum over T of v_i = 0, for integer vectors v_i? Searches that miss none.

Each yields candidates, increasing tuples: every T with that sum is among them, and others may be. The caller tests them exactly. So the
searches may look at some entries of the vectors only, and count modulo a number. A set is also a vector x of n numbers 0 and 1.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import lcm
from operator import mul

from . import _budget
from ._budget import Budget
from ._numbers import Rejected

Set = tuple[int, ...]
HASH = 2**61 - 1  # a prime
BASE = 0x1234567_89ABCDEF % HASH  # entry c of a vector counts BASE^c


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
    triangle = Triangle([[v % p for v in vectors[i]] for i in others], p, bool(free), step)
    solved = [triangle.solve([v % p for v in vectors[f]]) for f in free]
    found: dict[int, list[int]] = {mask: [] for mask in range(2 ** len(free))}
    for place, column in enumerate(zip(*solved, strict=True)):
        if any(column):
            sums = _sums(column, p)
            found = {mask: members for mask, members in found.items() if sums[mask] in (0, p - 1)}
            for mask, members in found.items():
                if sums[mask]:
                    members.append(others[place])
    for mask, members in found.items():
        yield tuple(sorted([*members, *(f for k, f in enumerate(free) if mask >> k & 1)]))


def _sums(values: Sequence[int], modulus: int) -> list[int]:
    """For each mask the sum of the values with bits in it."""
    found = [0]
    for v in values:
        found += [(s + v) % modulus for s in found]
    return found


def by_halves(vectors: Sequence[Sequence[int]], step: str) -> Iterator[Set]:
    """Meet in the middle: sums over subsets of the first half that are the opposite of one of the second, as hashes modulo a prime."""
    n, middle = len(vectors), (len(vectors) + 1) // 2
    powers = [pow(BASE, c, HASH) for c in range(len(vectors[0]))]
    hashes = [sum(map(mul, v, powers)) % HASH for v in vectors]
    left, right = _sums(hashes[:middle], HASH), _sums([-h for h in hashes[middle:]], HASH)
    common = set(left).intersection(right)
    budget = Budget(_budget.SUBSETS, "candidates", step)
    pairs: dict[int, tuple[list[int], list[int]]] = {s: ([], []) for s in common}
    for side, sums in enumerate((left, right)):
        for mask, s in enumerate(sums):
            if s in common:
                pairs[s][side].append(mask)
    for first, second in pairs.values():
        budget.spend(len(first) * len(second))
    for first, second in pairs.values():
        for a, b in product(first, second):
            mask = a | b << middle
            yield tuple(i for i in range(n) if mask >> i & 1)


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
    budget = Budget(_budget.SUBSETS, "nodes", step)
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
                budget.spend(1)
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
    for p in (HASH, 2**31 - 1, 2**89 - 1):
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


def check_sizes(n: int, products: int, step: str) -> None:
    """Limits of the two ways of elimination."""
    _budget.within(n, _budget.ROWS, "neurons", step)
    Budget(_budget.SHALLOW, "products", step).spend(products)
