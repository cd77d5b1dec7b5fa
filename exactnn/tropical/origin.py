"""Where the terms of a map come from: the activation regions of a network, with the terms of each, and a point for each term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import overload

import numpy as np

from exactnn.cells import Point, Program, Signs
from exactnn.exact.array import RationalArray
from exactnn.tropical.terms import Exponents
from exactnn.value import Value

#: (a_1, ..., a_d, c), all times the scale of its table.
Row = tuple[int, ...]


@dataclass(frozen=True, repr=False)
class RegionTerms(Value):
    """An activation region and its terms: f_j = (numerators[j] term) - (denominators[j] term) on it.

    pattern : as in `exactnn.regions.Region`
    numerators, denominators : for each output the exponents of its term
    """

    pattern: tuple[tuple[int, ...], ...]
    numerators: tuple[Exponents, ...]
    denominators: tuple[Exponents, ...]


@dataclass(frozen=True, eq=False)
class Origin(Sequence[RegionTerms]):
    """The regions as a sequence, and a witness for each term.

    Attributes
    ----------
    program : the network's
    tables : for each output the numerator's sorted rows (coefficient, exponents), and behind them those of the denominators
    denominators : for each output the number of its denominator's table
    points : for each row of each table a point (x, w), x / w, where that term alone is the maximum
    signs, own : for each region the signs of its first cell, and the place of its term in each table
    whole : whether these are all regions of the program
    """

    program: Program
    tables: tuple[RationalArray, ...]
    denominators: tuple[int, ...]
    points: tuple[tuple[Point, ...], ...]
    signs: tuple[bytes, ...]
    own: tuple[tuple[int, ...], ...]
    whole: bool = True

    @cached_property
    def _places(self) -> tuple[dict[Exponents, int], ...]:
        return tuple({_exponents(t, i): i for i in range(len(t))} for t in self.tables)

    def witness(self, table: int, exponents: Exponents) -> Exponents | None:
        """A point where this term of a table alone is the maximum; None where there is no such term."""
        place = self._places[table].get(exponents)
        if place is None:
            return None
        *tops, unit = self.points[table][place]
        return tuple(Fraction(v, unit) for v in tops)

    def maps(self) -> dict[bytes, tuple[tuple[Fraction, ...], ...]]:
        """For each region, by its signs, the affine map of each output (coefficient, exponents): numerator's term minus denominator's."""
        found = {}
        for signs, own in zip(self.signs, self.own, strict=True):
            rows = []
            for j, q in enumerate(self.denominators):
                p = self.tables[j]
                top, bottom = p.numerators[own[j]].tolist(), self.tables[q].numerators[own[q]].tolist()
                m, n = p.denominator, self.tables[q].denominator
                rows.append(tuple(Fraction(u * n - v * m, m * n) for u, v in zip(top, bottom, strict=True)))
            found[signs] = tuple(rows)
        return found

    def __len__(self) -> int:
        return len(self.own)

    @overload
    def __getitem__(self, index: int) -> RegionTerms: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RegionTerms]: ...
    def __getitem__(self, index: int | slice) -> RegionTerms | Sequence[RegionTerms]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        signs = np.frombuffer(self.signs[index], dtype=np.int8)
        terms = [_exponents(t, i) for t, i in zip(self.tables, self.own[index], strict=True)]
        pattern = self.program.named_pattern(self.program.patterns(signs[None])[0])
        return RegionTerms(pattern, tuple(terms[: len(self.denominators)]), tuple(terms[i] for i in self.denominators))


class Gathered:
    """The terms of regions as they come, each with the first region that has it.

    Attributes
    ----------
    terms : for each table row -> number, in order of appearance
    points : for each row a point (x, w); who adds regions adds these
    signs, own : for each region the signs of its first cell, and the number of its row in each table
    """

    def __init__(self, program: Program, tables: int) -> None:
        self.program = program
        self.terms: list[dict[Row, int]] = [{} for _ in range(tables)]
        self.points: list[list[Point]] = [[] for _ in range(tables)]
        self.signs: list[bytes] = []
        self.own: list[tuple[int, ...]] = []
        self._patterns: set[bytes] = set()

    def is_new(self, signs: Signs) -> bool:
        """Whether no cell of the same pattern came before (with max pooling a region has several cells)."""
        if self.program.patterns_are_signs:
            return True
        pattern = self.program.patterns(signs[None])[0].tobytes()
        if pattern in self._patterns:
            return False
        self._patterns.add(pattern)
        return True

    def add(self, signs: Signs, rows: Sequence[Row]) -> list[int]:
        """One region; the tables that get a new row."""
        sizes = list(map(len, self.terms))
        own = [terms.setdefault(row, size) for row, terms, size in zip(rows, self.terms, sizes, strict=True)]
        self.own.append(tuple(own))
        self.signs.append(signs.tobytes())
        return [p for p, (number, size) in enumerate(zip(own, sizes, strict=True)) if number == size]

    def origin(self, scales: Sequence[int], denominators: Sequence[int]) -> Origin:
        """The regions, with the rows of each table sorted and divided by its scale."""
        d = self.program.input_dim
        tables, points, places = [], [], []
        for terms, found, scale in zip(self.terms, self.points, scales, strict=True):
            rows = list(terms)
            order = sorted(range(len(rows)), key=rows.__getitem__)
            table = np.empty(len(rows) * (d + 1), dtype=object)
            table[:] = [v for i in order for v in (rows[i][d], *rows[i][:d])]
            tables.append(RationalArray(table.reshape(-1, d + 1), scale))
            points.append(tuple(found[i] for i in order))
            places.append(np.argsort(np.array(order, dtype=np.int64)).tolist())
        own = tuple(tuple(place[n] for place, n in zip(places, numbers, strict=True)) for numbers in self.own)
        return Origin(self.program, tuple(tables), tuple(denominators), tuple(points), tuple(self.signs), own)


def _exponents(table: RationalArray, i: int) -> Exponents:
    return tuple(Fraction(v, table.denominator) for v in table.numerators[i, 1:].tolist())
