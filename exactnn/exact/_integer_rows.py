"""Rows of integers: the form in which a linear system reaches the simplex method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flint import fmpq, fmpq_mat, fmpz, fmpz_mat

from exactnn.errors import ShapeError
from exactnn.exact.array import RationalArray

#: A matrix or a vector: RationalArray, FLINT's matrices, or (nested) sequences of numbers.
Matrix = Any
#: Integer numerators over one positive denominator.
Vector = tuple[list[fmpz], fmpz]


@dataclass(frozen=True)
class IntegerRows:
    """The system {x : rows x <= rhs} with integer entries, in the forms the simplex method reads."""

    rows: list[list[int]]
    rhs: list[int]
    width: int

    @cached_property
    def matrix(self) -> fmpz_mat:
        """The rows as FLINT's matrix."""
        return fmpz_mat(len(self.rows), self.width, [a for row in self.rows for a in row])

    @cached_property
    def column(self) -> fmpz_mat:
        """The right hand sides as FLINT's column."""
        return fmpz_mat(len(self.rows), 1, self.rhs)

    @cached_property
    def single(self) -> list[int]:
        """For each row the column of its only nonzero entry, or -1."""
        result = []
        for row in self.rows:
            live = [j for j, a in enumerate(row) if a] if row.count(0) == self.width - 1 else []
            result.append(live[0] if live else -1)
        return result

    @cached_property
    def bits(self) -> list[int]:
        """For each row the bit length of its greatest entry."""
        return [max(max(row), -min(row)).bit_length() if row else 0 for row in self.rows]

    def slack(self, point: Vector) -> list[fmpz]:
        """(rhs - rows x) times the denominator of x."""
        numerators, denominator = point
        product = self.matrix * fmpz_mat(self.width, 1, numerators)
        return (self.column * denominator - product).entries()

    def combination(self, multipliers: dict[int, fmpq]) -> tuple[list[fmpq], fmpq]:
        """(y^T rows, y^T rhs)."""
        used = list(multipliers)
        numerators, denominator = common([multipliers[i] for i in used])
        block = fmpz_mat(len(used), self.width + 1, [a for i in used for a in (*self.rows[i], self.rhs[i])])
        total = (fmpz_mat(1, len(used), numerators) * block).entries()
        return [fmpq(v, denominator) for v in total[:-1]], fmpq(total[-1], denominator)


def integer_rows(A: Matrix, b: Matrix, name: str, right: str) -> tuple[list[list[int]], list[int], list[fmpq], int]:
    """Rows (a | beta) of integers with gcd 1, the positive factors they were multiplied by, and the number of columns."""
    entries, denominator, width = matrix(A, name)
    values, divisor = numbers(b, right)
    if len(values) != len(entries):
        raise ShapeError(f"{right}: {len(entries)} numbers are needed, one for each row of {name}, got {len(values)}")
    multiple = math.lcm(denominator, divisor)
    up, across = multiple // denominator, multiple // divisor
    rows, rhs, scales = [], [], []
    for row, value in zip(entries, values, strict=True):
        g = math.gcd(*row) * up
        g = math.gcd(g, value * across) or 1
        rows.append([a * up // g for a in row] if up != g else row)
        rhs.append(value * across // g)
        scales.append(fmpq(multiple, g))
    return rows, rhs, scales, width


def matrix(A: Matrix, name: str) -> tuple[list[list[int]], int, int]:
    """Integer numerators, their common denominator, and the number of columns."""
    if isinstance(A, fmpz_mat):
        A = fmpq_mat(A)
    if isinstance(A, fmpq_mat):
        numerators, denominator = A.numer_denom()
        return [[int(a) for a in row] for row in numerators.tolist()], int(denominator), A.ncols()
    array = RationalArray.of(A, name)
    if array.ndim != 2:
        advice = "; for no rows at all give numpy.zeros((0, n))" if array.size == 0 else ""
        raise ShapeError(f"{name}: a matrix (a list of rows) is needed, got shape {array.shape}{advice}")
    return array.numerators.tolist(), array.denominator, array.shape[1]


def numbers(b: Matrix, name: str) -> tuple[list[int], int]:
    """Integer numerators of a vector, and their common denominator."""
    if isinstance(b, (fmpq_mat, fmpz_mat)):
        b = b.entries()
    if isinstance(b, (list, tuple)) and all(isinstance(v, fmpq) for v in b):
        numerators, denominator = common(b)
        return [int(v) for v in numerators], int(denominator)
    array = RationalArray.of(b, name)
    if array.ndim != 1:
        raise ShapeError(f"{name}: a vector (a flat list) is needed, got shape {array.shape}")
    return array.numerators.tolist(), array.denominator


def common(values: Sequence[fmpq]) -> Vector:
    """The values over their common denominator."""
    denominator = fmpz(1)
    for v in values:
        denominator = denominator.lcm(v.q)
    return [v.p * (denominator // v.q) for v in values], denominator
