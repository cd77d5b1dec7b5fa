"""Matrices of integers applied to forms: each column is packed into one large integer, so that Python multiplies columns whole.

The entries of a column stand `width` bytes apart: sum over i of n_i 2^(8 width i). The width is so large that |n_i| < 2^(8 width - 1) for
all entries of all sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress, zip_longest
from operator import mul
from typing import NamedTuple

from . import _budget

Slots = Sequence[int]
Part = tuple[Sequence[int], Sequence[Mapping[int, int]]]  # keys, and for each row their weights


class Form(NamedTuple):
    """A value  c + sum g_s e_s + [-error, error], each e_s in [-1, 1], that lies in an interval, too."""

    own: Slots  # c, and then the g_s
    other: Slots = ()  # those of symbols that only differences have
    error: int = 0
    sum: int = 0  # of both ends of the interval
    length: int = 0

    @property
    def zeros(self) -> int:
        """How many coefficients are 0."""
        return self.own.count(0) + self.other.count(0)

    @property
    def room(self) -> int:
        """What it keeps: a 0 takes a fifth of what another number takes."""
        return 8 + len(self.own) + len(self.other) - 4 * self.zeros // 5

    def within(self, low: int, high: int) -> Form:
        """With this interval."""
        return Form(self.own, self.other, self.error, low + high, high - low)


class Rows:
    """Affine functions that read the same keys, over one denominator: the sum of some matrices times forms."""

    def __init__(self, places: list[int], denominator: int, parts: Sequence[Part]) -> None:
        #: where they belong in their stage
        self.places, self._denominator = places, denominator
        self._parts = [(keys, [[row.get(key, 0) for row in rows] for key in keys]) for keys, rows in parts]
        self._norm = max(sum(abs(n) for _, rows in parts for n in rows[i].values()) for i in range(len(places)))
        self._width = 0
        self._packed: list[tuple[list[int], list[int]]] = []

    def forms(self, sources: Sequence[Mapping[int, Form]], largest: int, step: str) -> list[Form]:
        """The forms, from those of the keys for each part, with coefficients below four times the largest; keys without a form stand for 0.

        Each coefficient is rounded down at the end, which the error takes in: less than 1 for each that is not 0 in all rows.
        """
        live = [[key in known for key in keys] for (keys, _), known in zip(self._parts, sources, strict=True)]
        read = [[known[key] for key in keys if key in known] for (keys, _), known in zip(self._parts, sources, strict=True)]
        every, held = [form for forms in read for form in forms], _budget.account().held
        self._fit(max([largest, *(form.error for form in every)]))
        width, count, whole = self._width, len(self.places), 2 * self._denominator
        slots = max((len(form.own) for form in every), default=0) + max((len(form.other) for form in every), default=0)
        filled = sum(len(form.own) + len(form.other) - form.zeros for form in every)
        _budget.hold(slots * count * (1 + width // 32), step)
        products = count * (min(slots, filled) + filled) * (1 + width // 16)
        _budget.charge(1 + 16 * slots + products // _budget.PACKED, step)
        own: list[int] = []
        other: list[int] = []
        error = middle = radius = 0  # of the interval they are doubled
        for packed, mask, forms in zip(self._packed, live, read, strict=True):
            columns, sizes = (list(compress(side, mask)) for side in packed)
            own = _plus(own, [_times(columns, slot) for slot in zip_longest(*(form.own for form in forms), fillvalue=0)])
            other = _plus(other, [_times(columns, slot) for slot in zip_longest(*(form.other for form in forms), fillvalue=0)])
            error += _times(sizes, [form.error for form in forms])
            middle += _times(columns, [form.sum for form in forms])
            radius += _times(sizes, [form.length for form in forms])
        found = unpack([*own, *other], count, width, self._denominator)
        errors, low, high = unpack([error, middle - radius, -middle - radius], count, width, 1)
        inexact = len(found) - own.count(0) - other.count(0) if self._denominator > 1 else 0
        _budget.account().held = held
        _budget.hold(count * (8 + len(found)) - 4 * sum(entries.count(0) for entries in found) // 5, step)
        return [
            Form(row[: len(own)], row[len(own) :], inexact - (-e // self._denominator)).within(a // whole, -(b // whole))
            for row, e, a, b in zip(zip(*found, strict=True) if found else [()] * count, errors, low, high, strict=True)
        ]

    def _fit(self, largest: int) -> None:
        """The columns packed so widely that all sums fit, once for all that do not need more."""
        width = 4 * (1 + max(4 * self._norm * largest, self._denominator).bit_length() // 32)  # and their sign
        if width > self._width:
            self._width = width
            self._packed = [
                ([pack(column, width) for column in columns], [pack(list(map(abs, column)), width) for column in columns])
                for _, columns in self._parts
            ]


def _times(columns: Sequence[int], numbers: Sequence[int]) -> int:
    """The sum of products."""
    return sum(map(mul, compress(columns, numbers), filter(None, numbers)))


def _plus(a: list[int], b: list[int]) -> list[int]:
    return [m + n for m, n in zip_longest(a, b, fillvalue=0)] if a and b else a or b


def pack(column: Sequence[int], width: int) -> int:
    """sum column[i] 2^(8 width i)."""
    half = 1 << (8 * width - 1)
    data = b"".join([(n + half).to_bytes(width, "little") for n in column])
    return int.from_bytes(data, "little") - _each(half, len(column), width)


def unpack(packed: Sequence[int], count: int, width: int, denominator: int) -> list[list[int]]:
    """The entries of each, divided by the denominator and rounded down: by a power of 2 all at once."""
    half, shift, size, read = 1 << (8 * width - 1), denominator.bit_length() - 1, count * width, int.from_bytes
    middle, places = _each(half, count, width), [slice(i, i + width) for i in range(0, size, width)]
    if denominator != 1 << shift:
        return [[n // denominator for n in entries] for entries in unpack(packed, count, width, 1)]
    own, half = _each((1 << (8 * width - shift)) - 1, count, width), half >> shift  # without what is shifted in from the next entry
    data = [((n + middle) >> shift & own).to_bytes(size, "little") if n else b"" for n in packed]
    return [[read(text[place], "little") - half for place in places] if text else [0] * count for text in data]


def _each(n: int, count: int, width: int) -> int:
    """A number that is not negative in each entry."""
    return int.from_bytes(n.to_bytes(width, "little") * count, "little")
