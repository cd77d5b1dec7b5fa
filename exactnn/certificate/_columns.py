"""Values of nodes as combinations of functions on a cell: t_1, ..., t_n, the constant 1, and rectified units that were left open.

The functions have keys: k - 1 for t_k, n for 1, larger numbers for open units. A value has one column for each function that occurs:
the coefficients of its entries, integers over one denominator. Only identities are used that hold wherever the functions are defined.
"""

from __future__ import annotations

from math import gcd, lcm, prod
from typing import NamedTuple

from ._affine import affine_value
from ._network import Node
from ._numbers import Tensor

Row = dict[int, int]  # key to coefficient, without zeros


class ColumnValue(NamedTuple):
    """sum over keys of columns[key] / denominator, an array of this shape for each column."""

    shape: tuple[int, ...]
    columns: dict[int, list[int]]
    denominator: int

    def row(self, i: int) -> Row:
        """Entry i, times the denominator."""
        return {key: column[i] for key, column in self.columns.items() if column[i]}


def affine(node: Node, operands: list[ColumnValue], one: int) -> ColumnValue:
    """An operation that is affine, column by column."""
    keys = {key for value in operands for key in value.columns} | {one}
    found = {}
    for key in sorted(keys):
        parts = [Tensor(v.shape, v.columns.get(key) or [0] * prod(v.shape), v.denominator) for v in operands]
        found[key] = affine_value(node, parts, linear=key != one)
    common = lcm(*(tensor.denominator for tensor in found.values()))
    columns = {key: [n * (common // t.denominator) for n in t.numerators] for key, t in found.items()}
    return lowest(node.shape, columns, common)


def lowest(shape: tuple[int, ...], columns: dict[int, list[int]], denominator: int) -> ColumnValue:
    """The value without columns of zeros, in lowest terms."""
    kept = {key: column for key, column in columns.items() if any(column)}
    divisor = gcd(denominator, *(n for column in kept.values() for n in column))
    if divisor != 1:
        kept = {key: [n // divisor for n in column] for key, column in kept.items()}
    return ColumnValue(shape, kept, denominator // divisor)


def divided(row: Row) -> tuple[int, Row]:
    """(c, p) with row = c p, c > 0, and p of greatest common divisor 1; c = 0 for the zero row."""
    divisor = gcd(*row.values())
    return divisor, {key: n // divisor for key, n in row.items()} if divisor > 1 else row
