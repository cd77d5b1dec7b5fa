"""The terms of a tropical polynomial: a mapping from exponents to coefficients, kept as integer tables.

    row (c, a_1, ..., a_d) of a table  <->  term c + a . x,     one row for each exponent a

This is how TropEx writes a tropical rational map: matrices with one row for each term, the bias in column 0. `Fraction`s are made row by
row as they are asked for; a block may even make its table when it is asked for (the terms of a thousand data points of a network with 784
inputs would take more than a gigabyte as Fractions).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.numbers import as_fraction

Exponents = tuple[Fraction, ...]


class Block(Protocol):
    """Some rows of a table, which may be made anew whenever they are asked for."""

    @property
    def count(self) -> int:
        """The number of rows."""

    def table(self) -> RationalArray:
        """The rows (count, 1 + d): coefficient, exponents."""


class StoredBlock:
    """Rows that are kept."""

    def __init__(self, table: RationalArray) -> None:
        self._table = table

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self._table)

    def table(self) -> RationalArray:
        """The rows."""
        return self._table


class Terms(Mapping[Exponents, Fraction]):
    """{exponents: coefficient}, one coefficient for each exponent.

    Parameters
    ----------
    blocks : tables of rows with exponents that differ, over all blocks
    dimension : d
    """

    def __init__(self, blocks: Sequence[Block], dimension: int) -> None:
        self.blocks = tuple(blocks)
        self.dimension = dimension
        self._index: dict[Exponents, Fraction] | None = None

    @classmethod
    def of(cls, terms: Mapping[Any, Any] | Iterable[tuple[Any, Any]], dimension: int | None, *, keep_largest: bool = True) -> Terms:
        """The terms of pairs (exponents, coefficient); of equal exponents the largest coefficient (or the least)."""
        if isinstance(terms, Terms):
            return terms
        pairs = terms.items() if isinstance(terms, Mapping) else terms
        found: dict[Exponents, Fraction] = {}
        better = max if keep_largest else min
        try:
            pairs = [(exponents, coefficient) for exponents, coefficient in pairs]
        except (TypeError, ValueError):
            raise ArgumentError(f"terms: a mapping {{exponents: coefficient}} is needed, got {terms!r}") from None
        for exponents, coefficient in pairs:
            if not isinstance(exponents, (tuple, list)):
                raise ArgumentError(f"terms: exponents as a tuple of numbers, such as (2, 0), are needed, got {exponents!r}")
            key = tuple(as_fraction(a, "exponent") for a in exponents)
            dimension = len(key) if dimension is None else dimension
            if len(key) != dimension:
                raise ShapeError(f"terms: {dimension} exponents in each term are needed, got {len(key)} in {exponents!r}")
            value = as_fraction(coefficient, "coefficient")
            found[key] = better(found[key], value) if key in found else value
        if dimension is None:
            raise ArgumentError("dimension: the number of variables is needed where there are no terms")
        rows = [v for key in sorted(found) for v in (found[key], *key)]
        return cls([StoredBlock(RationalArray.from_fractions(rows, (len(found), 1 + dimension)))], dimension)

    @classmethod
    def of_table(cls, table: RationalArray) -> Terms:
        """The rows of a table whose exponents differ, in lexicographic order of the exponents."""
        rows = table.numerators
        order = sorted(range(len(rows)), key=lambda i: rows[i, 1:].tolist())
        return cls([StoredBlock(table[np.array(order, dtype=np.int64)])], table.shape[1] - 1)

    def tables(self) -> Iterator[RationalArray]:
        """The tables (rows, 1 + d), one block after the other."""
        return (block.table() for block in self.blocks if block.count)

    def table(self) -> RationalArray:
        """All rows."""
        tables = list(self.tables())
        return concatenate(tables) if tables else RationalArray.zeros((0, 1 + self.dimension))

    def __len__(self) -> int:
        return sum(block.count for block in self.blocks)

    def __iter__(self) -> Iterator[Exponents]:
        return (exponents for exponents, _ in self._rows())

    def __getitem__(self, exponents: object) -> Fraction:
        if self._index is None:
            self._index = dict(self._rows())
        return self._index[exponents]  # type: ignore[index]

    def _rows(self) -> Iterator[tuple[Exponents, Fraction]]:
        for table in self.tables():
            for row in table.numerators.tolist():
                values = [Fraction(v, table.denominator) for v in row]
                yield tuple(values[1:]), values[0]

    def __repr__(self) -> str:
        return f"Terms({len(self)} terms in {self.dimension} variables)" if len(self) > 6 else f"Terms({dict(self._rows())})"
