"""Matrices of integers applied to vectors, each column packed into one large integer, so that Python multiplies columns whole.

The entries of a column stand `width` bytes apart: sum over i of n_i 2^(8 width i). The width is so large that |n_i| < 2^(8 width - 1) for
all entries of all sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress, zip_longest
from operator import mul
from typing import NamedTuple

from . import _budget

Keys = tuple[int, ...]
Range = tuple[int, int]


class Form(NamedTuple):
    """slots[0] + sum over s > 0 of slots[s] e_s + [-error, error], each e_s in [-1, 1]."""

    slots: Sequence[int]
    error: int


class Sides(NamedTuple):
    """The inputs of a box: their middles, their half widths, and the slots of their symbols, 0 where the width is 0."""

    centres: list[int]
    radii: list[int]
    places: list[int]
    slots: int
    one: int  # the constant 1


class Columns:
    """Columns of integers of one length, those of some keys."""

    def __init__(self, keys: Keys, columns: Sequence[Sequence[int]]) -> None:
        self.keys, self._columns = keys, columns
        #: the largest sum of absolute values in a row
        self.norm = max(map(sum, zip(*(map(abs, column) for column in columns), strict=True)), default=0)
        self._width = 0
        self._packed: list[int] = []
        self._sizes: list[int] = []

    def at(self, width: int) -> tuple[list[int], list[int]]:
        """The columns, and those of the absolute values, packed."""
        if width != self._width:
            self._width = width
            self._packed = [pack(column, width) for column in self._columns]
            self._sizes = [pack(list(map(abs, column)), width) for column in self._columns]
        return self._packed, self._sizes


class _Term(NamedTuple):
    """A matrix and the forms that it is applied to: for each slot that one of them has the coefficients of all."""

    columns: Columns
    mask: list[bool]
    slots: dict[int, tuple[int, ...]]
    errors: list[int]
    length: int
    work: int  # how many coefficients are not 0

    @property
    def largest(self) -> int:
        """The largest absolute value in a sum."""
        ends = [end for scalars in self.slots.values() for end in (max(scalars), -min(scalars))]
        return self.columns.norm * max([*ends, *self.errors])


def _term(columns: Columns, forms: Mapping[int, Form]) -> _Term | None:
    mask = [key in forms for key in columns.keys]
    live = [forms[key] for key in compress(columns.keys, mask)]
    rows = list(zip_longest(*(form.slots for form in live), fillvalue=0))
    slots = {s: scalars for s, scalars in enumerate(rows) if any(scalars)}
    work = len(live) * (1 + len(slots)) - sum(scalars.count(0) for scalars in slots.values())
    return _Term(columns, mask, slots, [form.error for form in live], len(rows), work) if rows and columns.norm else None


class Rows:
    """Affine functions that read the same keys, over one denominator; `change` is a second matrix for differences."""

    def __init__(
        self, places: list[int], denominator: int, constants: list[int], inputs: Columns, weights: Columns, change: Columns | None = None
    ) -> None:
        #: where they belong in their stage
        self.places = places
        self.weights, self.change = weights, change
        self._denominator = denominator
        self._constants, self._inputs = Columns((0,), [constants]), inputs
        largest = max(columns.norm for columns in (self._constants, inputs, weights, change) if columns is not None)
        self._width = max(1 + _whole_bytes(denominator), _width(largest))

    def combined(self, pairs: Sequence[tuple[Columns, Mapping[int, Form]]], sides: Sides | None, step: str) -> list[Form]:
        """sum of weight form over all pairs, with the constant and the inputs if there are sides; keys without a form stand for 0.

        Each coefficient is rounded down at the end, which the error takes in: less than 1 for each that is not 0 in all rows.
        """
        count, denominator = len(self.places), self._denominator
        terms = [term for term in (_term(*pair) for pair in pairs) if term is not None]
        length = max(sides.slots if sides else 0, *(term.length for term in terms), 0)
        bound = sum(term.largest for term in terms)
        if sides:
            bound += self._constants.norm * sides.one + self._inputs.norm * max(map(abs, (*sides.centres, *sides.radii)), default=0)
        width = self._fit(bound)
        _budget.hold(count * length * (1 + width // 32), step)
        used = len(set().union(*(term.slots for term in terms)))
        products = count * (used + sum(term.work for term in terms)) * (1 + width // 16)
        _budget.charge(1 + 16 * length + products // _budget.PACKED, step)
        totals, error = [0] * length, 0
        for columns, mask, slots, errors, *_ in terms:
            packed, sizes = columns.at(width)
            live = list(compress(packed, mask))
            for s, scalars in slots.items():
                totals[s] += sum(map(mul, live, scalars))
            error += sum(map(mul, compress(sizes, mask), errors))
        if sides:
            self._add_inputs(totals, sides, width, step)
        inexact = length - totals.count(0) if denominator > 1 else 0
        entries = unpack(totals, count, width, denominator)
        errors = [inexact - (-n // denominator) for n in unpack([error], count, width, 1)[0]]
        return list(map(Form, zip(*entries, strict=True) if entries else [()] * count, errors))

    def spans(self, pairs: Sequence[tuple[Columns, Mapping[int, Range]]], box: Sequence[Range], one: int, step: str) -> list[Range]:
        """The interval of sum of weight interval over all pairs, with the constant and the inputs; keys without an interval stand for 0."""
        count, denominator = len(self.places), self._denominator
        terms = [(columns, {k: spans[k] for k in columns.keys if k in spans}) for columns, spans in pairs]
        terms.append((self._inputs, {j: box[j] for j in self._inputs.keys}))
        sizes = [columns.norm * max((max(abs(lo), abs(hi)) for lo, hi in spans.values()), default=0) for columns, spans in terms]
        width = self._fit(2 * (sum(sizes) + self._constants.norm * one))
        _budget.charge(1 + count * sum(len(spans) for _, spans in terms) * (1 + width // 32), step)
        middle, radius = 2 * one * self._constants.at(width)[0][0], 0  # twice these
        for columns, spans in terms:
            mask = [key in spans for key in columns.keys]
            ends = [spans[key] for key in compress(columns.keys, mask)]
            packed, absolute = columns.at(width)
            middle += sum(map(mul, compress(packed, mask), [lo + hi for lo, hi in ends]))
            radius += sum(map(mul, compress(absolute, mask), [hi - lo for lo, hi in ends]))
        low, high = unpack([middle - radius, middle + radius], count, width, 1)
        return [(lo // (2 * denominator), -(-hi // (2 * denominator))) for lo, hi in zip(low, high, strict=True)]

    def _fit(self, bound: int) -> int:
        """The width, larger from now on if numbers up to the bound need it: in steps, since all columns are packed anew."""
        if bound >> (8 * self._width - 1):
            self._width = _width(bound)
        return self._width

    def _add_inputs(self, totals: list[int], sides: Sides, width: int, step: str) -> None:
        """The constants, and the middles and half widths of the inputs."""
        inputs = self._inputs
        _budget.charge(1 + len(inputs.keys) * len(self.places) // 2, step)
        totals[0] += self._constants.at(width)[0][0] * sides.one
        for j, column in zip(inputs.keys, inputs.at(width)[0], strict=True):
            totals[0] += column * sides.centres[j]
            if sides.places[j]:
                totals[sides.places[j]] += column * sides.radii[j]


def _width(bound: int) -> int:
    """Bytes for numbers up to the bound, and their sign; four at a time."""
    return 4 * (1 + bound.bit_length() // 32)


def _whole_bytes(denominator: int) -> int:
    """k for 2^(8 k), else 0."""
    return (denominator.bit_length() - 1) // 8 if not denominator & (denominator - 1) and denominator.bit_length() % 8 == 1 else 0


def _middle(count: int, width: int) -> int:
    """2^(8 width - 1) in each entry."""
    return int.from_bytes((b"\x00" * (width - 1) + b"\x80") * count, "little")


def pack(column: Sequence[int], width: int) -> int:
    """sum column[i] 2^(8 width i)."""
    half = 1 << (8 * width - 1)
    return int.from_bytes(b"".join([(n + half).to_bytes(width, "little") for n in column]), "little") - _middle(len(column), width)


def unpack(totals: Sequence[int], count: int, width: int, denominator: int) -> list[list[int]]:
    """The entries of each, divided by the denominator and rounded down; for a power of 256 the bytes below it are left out."""
    middle, skip = _middle(count, width), _whole_bytes(denominator)
    half, nothing, size, read = 1 << (8 * (width - skip) - 1), [0] * count, count * width, int.from_bytes
    places = [slice(i + skip, i + width) for i in range(0, size, width)]
    found = []
    for total in totals:
        if not total:
            found.append(nothing)
            continue
        data = (total + middle).to_bytes(size, "little")
        entries = [read(data[place], "little") - half for place in places]
        found.append(entries if skip or denominator == 1 else [n // denominator for n in entries])
    return found
