"""Rows with few atoms each: what convolutions, pooling and shortcuts make of the entries of a value.

row_i = sum over starts[i] <= k < starts[i + 1] of values[k] atom_ids[k]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.errors import ExactnnError
from exactnn.exact.array import RationalArray, concatenate

Ids = np.ndarray[Any, np.dtype[np.int64]]

ENTRIES = 40_000_000  # matrices above this many entries are not made
_BLOCK = 1 << 20  # products, or entries of a matrix, at once
_SMALL = 1 << 62  # int64 sums stay below


class TooLarge(ExactnnError):
    """The forms would need more memory than this method allows itself."""


@dataclass(frozen=True)
class Sparse:
    """Rows over atoms; within a row the ids ascend and no value is 0."""

    starts: Ids
    ids: Ids
    values: RationalArray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def counts(self) -> Ids:
        """The number of atoms in each row."""
        return np.diff(self.starts)

    def scaled(self, factors: RationalArray) -> Sparse:
        """Row i times factors[i]."""
        rows = np.repeat(np.arange(len(self)), self.counts)
        if factors.nonzero().all():
            return Sparse(self.starts, self.ids, self.values * factors[rows])
        return gathered(rows, self.ids, self.values * factors[rows], len(self))

    def take(self, chosen: Ids) -> Sparse:
        """The rows `chosen`, in that order."""
        counts = self.counts[chosen]
        return Sparse(_starts(counts), self.ids[(places := _spread(self.starts[chosen], counts))], self.values[places])

    def image(self, weight: RationalArray | None) -> tuple[Ids, RationalArray]:
        """weight @ rows as (ids ascending, matrix); None stands for the identity."""
        ids = np.unique(self.ids)
        height = len(self) if weight is None else weight.shape[0]
        if height * len(ids) > ENTRIES:
            raise TooLarge(f"forms of {height} entries over {len(ids)} atoms")
        if weight is None:
            return ids, self._matrix(ids, 0, len(self))
        total = RationalArray.zeros((height, len(ids)))
        step = max(_BLOCK // max(len(ids), 1), 1)
        for start in range(0, len(self), step):
            total = total + weight[:, start : start + step] @ self._matrix(ids, start, min(start + step, len(self)))
        return ids, total

    def _matrix(self, ids: Ids, start: int, stop: int) -> RationalArray:
        """Some rows as a matrix over the ids."""
        part = slice(int(self.starts[start]), int(self.starts[stop]))
        numerators = np.zeros((stop - start, len(ids)), dtype=self.values.numerators.dtype)
        numerators[np.repeat(np.arange(stop - start), self.counts[start:stop]), np.searchsorted(ids, self.ids[part])] = (
            self.values.numerators[part]
        )
        return RationalArray(numerators, self.values.denominator)

    def integers(self, constant: RationalArray) -> list[tuple[list[int], list[int], int, Fraction]]:
        """Each row plus its constant as (ids, coprime numbers, constant, factor > 0)."""
        denominator = math.lcm(self.values.denominator, constant.denominator)
        own, other = denominator // self.values.denominator, denominator // constant.denominator
        ids, values, starts = self.ids.tolist(), self.values.numerators.tolist(), self.starts.tolist()
        found = []
        for i, c in enumerate(constant.numerators.tolist()):
            numbers = [own * v for v in values[starts[i] : starts[i + 1]]]
            common = math.gcd(c * other, *numbers) or 1
            row = [v // common for v in numbers], c * other // common
            found.append((ids[starts[i] : starts[i + 1]], *row, Fraction(common, denominator) if c or numbers else Fraction(1)))
        return found

    def windows(self, rows: Ids, weights: RationalArray, look: Callable[[], None]) -> Sparse:
        """Row e of the result is sum_t weights[t, e] row rows[t, e], -1 standing for 0.

        Parameters
        ----------
        rows, weights : (taps, entries)
        look : called between two blocks of products
        """
        counts = np.append(self.counts, 0)[rows]
        each = counts.sum(axis=0)
        blocks, start = [], 0
        cuts = np.searchsorted(np.cumsum(each), np.arange(_BLOCK, int(each.sum()) + _BLOCK, _BLOCK))
        kept = 0
        for stop in np.unique(np.append(np.minimum(cuts + 1, rows.shape[1]), rows.shape[1])).tolist():
            look()
            block = self._window(rows[:, start:stop], weights[:, start:stop])
            kept += len(block.ids)
            if kept > ENTRIES // 4:
                raise TooLarge(f"forms of {rows.shape[1]} entries with more than {ENTRIES // 4} terms")
            blocks.append(block)
            start = stop
        return stacked(blocks)

    def _window(self, rows: Ids, weights: RationalArray) -> Sparse:
        live = (rows >= 0).ravel()
        read = rows.ravel()[live]
        targets = np.broadcast_to(np.arange(rows.shape[1]), rows.shape).ravel()[live]
        counts = self.counts[read]
        places = _spread(self.starts[read], counts)
        values = self.values[places] * weights.reshape(-1)[np.repeat(np.flatnonzero(live), counts)]
        return gathered(np.repeat(targets, counts), self.ids[places], values, rows.shape[1])


def gathered(rows: Ids, ids: Ids, values: RationalArray, size: int) -> Sparse:
    """sum of values[k] atom ids[k] into row rows[k], of so many rows."""
    order = np.lexsort((ids, rows))
    rows, ids, numerators = rows[order], ids[order], values.numerators[order]
    if len(rows):
        first = np.append(True, (rows[1:] != rows[:-1]) | (ids[1:] != ids[:-1]))
        if not first.all():
            starts = np.flatnonzero(first)
            most = int(np.diff(np.append(starts, len(rows))).max())
            if numerators.dtype != object and values.bound * most >= _SMALL:
                numerators = numerators.astype(object)
            rows, ids, numerators = rows[first], ids[first], np.add.reduceat(numerators, starts)
        live = np.asarray(numerators != 0, dtype=bool)
        if not live.all():
            rows, ids, numerators = rows[live], ids[live], numerators[live]
    return Sparse(_starts(np.bincount(rows, minlength=size)), ids, RationalArray(numerators, values.denominator))


def stacked(blocks: Sequence[Sparse]) -> Sparse:
    """The rows of all blocks, one after the other."""
    counts = np.concatenate([block.counts for block in blocks])
    return Sparse(_starts(counts), np.concatenate([block.ids for block in blocks]), concatenate([block.values for block in blocks]))


def _starts(counts: Ids) -> Ids:
    return np.append(0, np.cumsum(counts)).astype(np.int64)


def _spread(starts: Ids, counts: Ids) -> Ids:
    """starts[0], starts[0] + 1, ..., counts[0] of them, then those of starts[1], and so on."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
