"""Which sets T of neurons can have sum over T of v_i = 0, for integer vectors v_i most of which are linearly independent?

Candidates are increasing tuples: every T with that sum is among them, and others may be. The caller tests them exactly. So some entries of
the vectors are enough, modulo a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd
from operator import mul

from . import _budget
from ._numbers import need

Set = tuple[int, ...]


def by_elimination(vectors: Sequence[Sequence[int]], free: Sequence[int], p: int, step: str) -> Iterator[Set]:
    """The vectors that are not free make a square matrix M, invertible modulo p. So for every subset F of the free ones x_i is
    -(sum over F of y_f)_i modulo p for the others, where y_f M = v_f, and F belongs to a candidate if all of these are 0 or 1.
    """
    others = [i for i in range(len(vectors)) if i not in set(free)]
    n, masks = len(others), 1 << min(len(free), 1000)
    _budget.charge(n**3 // (2 * _budget.PACKED) + 2 * masks * (n + 1), step)
    _budget.hold((n * n // 4 if not free else n * (n + len(free))) + 3 * masks, step)  # of the triangle, packed, half of a square
    solved = _solved([vectors[i] for i in others], [vectors[f] for f in free], p, step)
    found = dict(enumerate(sums([1 << f for f in free], 1 << len(vectors))))  # the members, as bits
    for i, column in zip(others, zip(*solved, strict=True), strict=False):  # nothing is solved where none is free
        if any(column):
            totals = sums(column, p)
            found = {mask: bits | (1 << i if totals[mask] else 0) for mask, bits in found.items() if totals[mask] in (0, p - 1)}
    for bits in found.values():
        yield tuple(i for i in range(len(vectors)) if bits >> i & 1)


def _solved(matrix: Sequence[Sequence[int]], right: Sequence[Sequence[int]], p: int, step: str) -> list[list[int]]:
    """The y with y M = v modulo p for a square matrix M, for each v in ``right``: by elimination without exchanges.

    Equation k, of the entries in column k, becomes y_k + ... = ... by adding multiples of those before it. Behind y_k it is one integer,
    with so wide a field for each number that size p^2 + p fits.
    """
    size = len(matrix)
    width = ((size * p * p + p).bit_length() + 7) // 8
    low, packed, rows = 2 ** (8 * width) - 1, list[int](), list[list[int]]()
    for k, equation in enumerate(zip(*matrix, *right, strict=True)):
        rest = _packed([v % p for v in equation], width)
        for above in packed:
            rest = (rest >> 8 * width) + (p - (rest & low) % p) * above
        data = rest.to_bytes(width * (len(equation) - k), "little")
        first, *others = (int.from_bytes(data[at : at + width], "little") % p for at in range(0, len(data), width))
        need(gcd(first, p) == 1, step, f"row {k} has no invertible pivot modulo {p}")
        inverse = pow(first, -1, p)
        others = [v * inverse % p for v in others]
        packed.append(_packed(others, width))
        rows.append(others if right else [])
    found: list[list[int]] = []
    for f in range(len(right)):
        y: list[int] = []  # the last entry first
        for row in reversed(rows):
            y.append((row[len(y) + f] - sum(map(mul, row, reversed(y)))) % p)
        found.append(y[::-1])
    return found


def _packed(row: Sequence[int], width: int) -> int:
    return int.from_bytes(b"".join([v.to_bytes(width, "little") for v in row]), "little")


def sums(values: Sequence[int], modulus: int) -> list[int]:
    """For each mask the sum of the values with bits in it."""
    found = [0]
    for v in values:
        found += [(s + v) % modulus for s in found]
    return found
