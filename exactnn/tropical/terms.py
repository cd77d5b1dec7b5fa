"""The terms of a tropical polynomial: a mapping from exponents to coefficients, kept as integer tables.

    row (c, a_1, ..., a_d) of a table  <->  term c + a . x,     one row for each exponent a

This is how TropEx writes a tropical rational map: matrices with one row for each term, the bias in column 0. `Fraction`s are made row by
row as they are asked for; a block may even make its table when it is asked for (the terms of a thousand data points of a network with 784
inputs would take more than a gigabyte as Fractions).
"""

from __future__ import annotations

import math
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from fractions import Fraction
from itertools import islice
from typing import Any, Protocol

import numpy as np

from exactnn.errors import ArgumentError, ExactnnError, ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.numbers import as_fraction, shown
from exactnn.texts import number as shown_number
from exactnn.texts import vector
from exactnn.tropical._arguments import exponents_of, whole
from exactnn.tropical.semiring import Tropical
from exactnn.value import ROWS, Value

Exponents = tuple[Fraction, ...]
Indices = np.ndarray[Any, np.dtype[np.int64]]


class Block(Protocol):
    """Some rows of a table, which may be made anew whenever they are asked for."""

    @property
    def count(self) -> int:
        """The number of rows."""

    def table(self) -> RationalArray:
        """The rows (count, 1 + d): coefficient, exponents."""

    def take(self, rows: Indices) -> Block:
        """Some of the rows, the same as in the table; more cheaply than by the table of all, where that can be."""


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

    def take(self, rows: Indices) -> StoredBlock:
        """Some of the rows."""
        return StoredBlock(self._table[rows])


class Terms(Value, Mapping[Exponents, Fraction]):
    """{exponents: coefficient}, one coefficient for each exponent.

    Parameters
    ----------
    blocks : tables of rows with exponents that differ, over all blocks
    dimension : d

    Examples
    --------
    >>> terms = Terms.of({(0, 0): "1/3", (2, 0): 0}, None)
    >>> len(terms), terms[2, 0], (1, 1) in terms
    (2, Fraction(0, 1), False)
    """

    def __init__(self, blocks: Sequence[Block], dimension: int) -> None:
        self.blocks = tuple(blocks)
        self.dimension = dimension
        self._places: dict[int, list[tuple[int, int]]] = {}  # hash of exponents -> (block, row), for the first blocks
        self._indexed = 0  # so many of them

    @classmethod
    def of(cls, terms: Mapping[Any, Any] | Iterable[tuple[Any, Any]], dimension: int | None, *, keep_largest: bool = True) -> Terms:
        """The terms of pairs (exponents, coefficient), in order; of equal exponents the largest coefficient stays (or the least)."""
        dimension = None if dimension is None else whole(dimension, "dimension", 0)
        if isinstance(terms, Terms):
            if dimension not in (None, terms.dimension):
                raise ShapeError(f"dimension: these terms have {terms.dimension} variables, got dimension {dimension}")
            return terms
        pairs = terms.items() if isinstance(terms, Mapping) else terms
        found: dict[Exponents, Fraction] = {}
        better = max if keep_largest else min
        try:
            pairs = [(exponents, coefficient) for exponents, coefficient in pairs]
        except (TypeError, ValueError):
            raise ArgumentError(f"terms: a mapping {{exponents: coefficient}} is needed, got {shown(terms)}") from None
        for exponents, coefficient in pairs:
            if not isinstance(exponents, (tuple, list, np.ndarray)):
                raise ArgumentError(f"terms: exponents as a tuple of numbers, such as (2, 0), are needed, got {shown(exponents)}")
            key = tuple(as_fraction(a, "exponent") for a in exponents)
            dimension = len(key) if dimension is None else dimension
            if len(key) != dimension:
                raise ShapeError(f"terms: {dimension} exponents in each term are needed, got {len(key)} in {shown(exponents)}")
            if isinstance(coefficient, Tropical):
                if coefficient.convention != ("max" if keep_largest else "min"):
                    raise ArgumentError(f"terms: a coefficient is {coefficient!r}, of the other convention; convert it by .converted()")
                if coefficient.value is None:  # the semiring's zero: no term at all
                    continue
                coefficient = coefficient.value
            value = as_fraction(coefficient, "coefficient")
            found[key] = better(found[key], value) if key in found else value
        if dimension is None:
            raise ArgumentError("dimension: the number of variables is needed where there are no terms")
        rows = [v for key in sorted(found) for v in (found[key], *key)]
        return cls([StoredBlock(RationalArray.from_fractions(rows, (len(found), 1 + dimension)))], dimension)

    @classmethod
    def of_table(cls, table: RationalArray, *, keep_largest: bool = True) -> Terms:
        """The rows of a table in lexicographic order of the exponents; of equal exponents the largest coefficient (or the least)."""
        return cls([StoredBlock(merged(table, keep_largest=keep_largest))], table.shape[1] - 1)

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
        return (exponents for exponents, _ in self.rows())

    def __getitem__(self, exponents: object) -> Fraction:
        try:
            wanted = exponents_of(exponents)
        except ExactnnError:
            raise KeyError(exponents) from None
        scale = math.lcm(*(a.denominator for a in wanted))
        for row in self._rows_of(hash((scale, *(int(a * scale) for a in wanted)))) if len(wanted) == self.dimension else ():
            coefficient, *found = row.table().to_fractions()
            if tuple(found) == wanted:
                return coefficient
        raise KeyError(exponents)

    def _rows_of(self, mark: int) -> Iterator[Block]:
        """The rows whose exponents have this hash. Each table is made once for the index, when no earlier one has the row."""
        for number, row in self._places.get(mark, ()):
            yield self.blocks[number].take(np.array([row]))
        while self._indexed < len(self.blocks):
            number, own = self._indexed, []
            for row, found in enumerate(_marks(self.blocks[number].table())):
                self._places.setdefault(found, []).append((number, row))
                if found == mark:
                    own.append(row)
            self._indexed = number + 1
            for row in own:
                yield self.blocks[number].take(np.array([row]))

    def items(self) -> ItemsView[Exponents, Fraction]:
        """The pairs, block by block."""
        return _Items(self)

    def values(self) -> ValuesView[Fraction]:
        """The coefficients, block by block."""
        return _Values(self)

    def rows(self) -> Iterator[tuple[Exponents, Fraction]]:
        """(exponents, coefficient) of each term, block by block."""
        for table in self.tables():
            for row in table.numerators.tolist():
                values = [Fraction(v, table.denominator) for v in row]
                yield tuple(values[1:]), values[0]

    def _parts(self) -> dict[str, Any]:
        terms = [{"exponents": exponents, "coefficient": coefficient} for exponents, coefficient in self.rows()]
        return {"dimension": self.dimension, "terms": terms}

    def _summary(self) -> str:
        return f"{len(self)} terms in {self.dimension} variables" if len(self) > 6 else f"{dict(self.rows())}"

    def _rows(self) -> list[tuple[str, str]]:
        return [(vector(exponents, 50), shown_number(coefficient)) for exponents, coefficient in islice(self.rows(), ROWS)]


class _Items(ItemsView[Exponents, Fraction]):
    """Pairs without a look-up for each."""

    _mapping: Terms

    def __iter__(self) -> Iterator[tuple[Exponents, Fraction]]:
        return self._mapping.rows()


class _Values(ValuesView[Fraction]):
    """Coefficients without a look-up for each."""

    _mapping: Terms

    def __iter__(self) -> Iterator[Fraction]:
        return (coefficient for _, coefficient in self._mapping.rows())


def _marks(table: RationalArray) -> Iterator[int]:
    """A hash of the exponents of each row, as integers over their least common denominator."""
    for row in table.numerators[:, 1:].tolist():
        common = math.gcd(table.denominator, *row)
        yield hash((table.denominator // common, *(v // common for v in row)))


def find(table: RationalArray, exponents: Sequence[Fraction]) -> int | None:
    """The row of a table that has these exponents; None if there is none."""
    scaled = [a * table.denominator for a in exponents]
    if any(a.denominator != 1 for a in scaled):
        return None
    numerators = table.numerators[:, 1:]
    if numerators.dtype != object and any(abs(a.numerator) >> 62 for a in scaled):
        return None
    key = np.array([a.numerator for a in scaled], dtype=numerators.dtype)
    rows = np.flatnonzero((numerators == key).all(axis=1))
    return int(rows[0]) if len(rows) else None


def merged(table: RationalArray, *, keep_largest: bool = True) -> RationalArray:
    """The rows in lexicographic order of their exponents; of equal exponents the largest coefficient stays (or the least)."""
    rows = table.numerators
    if len(rows) < 2:
        return table
    signed = rows[:, 0] if keep_largest else -rows[:, 0]
    if rows.dtype != object:
        order = np.lexsort((-signed, *rows[:, :0:-1].T))
    else:
        keys = [(row, -c) for row, c in zip(rows[:, 1:].tolist(), signed.tolist(), strict=True)]
        order = np.array(sorted(range(len(rows)), key=keys.__getitem__), dtype=np.int64)
    exponents = rows[order, 1:]
    first = np.concatenate([[True], np.asarray(exponents[1:] != exponents[:-1], dtype=bool).any(axis=1)])
    return table[order[first]]
