"""A simplex table in floats that many affine forms share, and that goes on from cell to cell: it proposes, integers decide.

A cell {x : g_i(x) >= 0} has a vertex where n of the g_i are 0 (or, as long as there are fewer, coordinates x_j are held at 0). With the
slacks s of these n as coordinates every x_j, every g_i and every form l that is asked about is

    T[row, :n] . s + T[row, n],

all of them in one table, so that one step to a neighbouring vertex (a rank-one update) shows the values of all forms there. A form whose
coefficients on the n slacks are >= 0 has its least value at this vertex, and the coefficients are the multipliers of the proof. A part of
the cell has one inequality more, which is a row of the table already.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

#: What is less counts as 0; and what is less is not divided by.
EPSILON = 1e-9
_PIVOT = 1e-8
#: So many numbers are looked at by Python, which calls numpy no more often.
_SHORT = 40
#: Steps after which the table is computed afresh from its basis.
_STALE = 40


class Unusable(Exception):
    """The floats are no help for these numbers; internal."""


class Table:
    """The rows of a cell at one of its vertices.

    Parameters
    ----------
    rows : floats (rows, n + 1): the inequalities, then the forms; each divided by its largest coefficient
    count : how many are inequalities
    labels : n distinct inequalities that are 0 at the vertex, ~j for coordinate j held at 0

    Attributes
    ----------
    loose : of the n slacks those that are coordinates, `free` of them: their signs are free
    held : how many inequalities, the first, hold at the vertex; `hold` goes to one where all do
    """

    def __init__(self, rows: FloatArray, count: int, labels: Sequence[int]) -> None:
        self.width = n = rows.shape[1] - 1
        self.count, self.held, self.labels = count, count, list(labels)
        self.loose = np.array([label < 0 for label in labels], dtype=bool)
        self.free = int(self.loose.sum())
        self._set(np.empty((2, n + len(rows), n + 1)))
        self._given[n:] = rows
        self.refresh()

    def _set(self, both: FloatArray) -> None:
        """The rows as they are given, and behind them as they are at the vertex; the first n are the coordinates."""
        n = self.width
        self._both, self._given, self._table = both, both[0], both[1]
        self.rows, self.inequalities = self._given[n : n + self.count], self._table[n : n + self.count]
        self.given, self.forms = self._given[n + self.count :], self._table[n + self.count :]

    def refresh(self) -> None:
        """The table from its basis."""
        n, table = self.width, self._table
        basis = np.zeros((n, n + 1))
        for c, label in enumerate(self.labels):
            if label < 0:
                basis[c, ~label] = 1.0
            else:
                basis[c] = self.rows[label]
        try:
            inverse = np.linalg.inv(basis[:, :n])
        except np.linalg.LinAlgError:
            raise Unusable from None
        table[:n, :n] = inverse
        table[:n, n] = -(inverse @ basis[:, n])
        self._fill(n)
        self.age = 0

    def _fill(self, first: int) -> None:
        n = self.width
        table, given = self._table, self._given[first:]
        table[first:] = given[:, :n] @ table[:n]
        table[first:, n] += given[:, n]

    def entered(self, forms: FloatArray, cut: int | None, side: float) -> Table:
        """The same table with other forms; with a cut, of the part of the cell where that form times the side is >= 0."""
        kept, more = self.width + self.count, cut is not None
        other = self._other(np.empty((2, kept + more + len(forms), self.width + 1)), self.count + more)
        both = other._both
        both[:, :kept] = self._both[:, :kept]
        if cut is not None:
            both[:, kept] = self._both[:, kept + cut] if side > 0 else -self._both[:, kept + cut]
        other.given[:] = forms
        if other.age > _STALE // 2:
            other.refresh()
        else:
            other._fill(kept + more)
        return other

    def _other(self, both: FloatArray, count: int) -> Table:
        """At the same vertex."""
        other = Table.__new__(Table)
        other.width, other.count, other.held, other.age = self.width, count, self.held, self.age
        other.labels, other.loose, other.free = self.labels.copy(), self.loose.copy(), self.free
        other._set(both)
        return other

    def part(self, cut: int, side: float, chosen: Sequence[int], turned: Sequence[int]) -> Table:
        """The table of the part of the cell where a form times the side is >= 0, with these forms, and some of them turned, to look at."""
        kept = self.width + self.count
        both = self._both.take([*range(kept), kept + cut, *[kept + k for k in chosen]], 1)
        if side < 0:
            np.negative(both[:, kept], out=both[:, kept])
        for k in turned:
            np.negative(both[:, kept + 1 + k], out=both[:, kept + 1 + k])
        return self._other(both, self.count + 1)

    # --- reading it ------------------------------------------------------------------------------------------------------------

    def seen(self) -> FloatArray:
        """(x, 1) of the vertex, and the values of the forms there."""
        return self._seen(self.width, 1.0, 1.0)

    def seen_along(self, column: int, side: float) -> FloatArray:
        """(x, 0) in the direction in which this slack grows, or falls for side -1, and how the forms change along it."""
        return self._seen(column, side, 0.0)

    def _seen(self, column: int, factor: float, weight: float) -> FloatArray:
        n, entries = self.width, self._table[:, column]
        row = np.empty((1, n + 1 + len(self.forms)))
        np.multiply(entries[:n], factor, out=row[0, :n])
        row[0, n] = weight
        np.multiply(entries[n + self.count :], factor, out=row[0, n + 1 :])
        return row

    def least(self, left: Flags) -> list[int]:
        """Which of these forms have their least value over the cell at this vertex, and not below 0."""
        forms = self.forms
        if self.free:
            forms = forms.copy()
            forms[:, :-1] = np.where(self.loose, -np.abs(forms[:, :-1]), forms[:, :-1])
        found: list[int] = (left & (np.minimum.reduce(forms, axis=1) >= -EPSILON)).nonzero()[0].tolist()
        return found

    def support(self, chosen: Sequence[int]) -> list[int]:
        """The inequalities with which these forms grow, as far as floats tell."""
        tops = self.forms[chosen[0], :-1] if len(chosen) == 1 else np.maximum.reduce(self.forms[chosen, :-1], axis=0)
        return [label for label, top in zip(self.labels, tops.tolist(), strict=True) if top > EPSILON and label >= 0]

    # --- steps -----------------------------------------------------------------------------------------------------------------

    def descend(self, form: int) -> tuple[int, float] | bool:
        """A step to a vertex where a form is not larger: True; False if there is none; (column, side) of a ray along which it falls."""
        column, side = self._entering(self.forms[form, :-1])
        if column < 0:
            return False
        row = self._blocking(self.inequalities[:, column], side, self.inequalities[:, -1])
        if row < 0:
            return column, side
        self._pivot(row, column)
        return True

    def hold(self) -> bool:
        """To a vertex where all inequalities hold, also those that came with parts; False if floats do not find one."""
        while self.held < self.count:
            if not self._raise(self.held):
                return False
            self.held += 1
        return True

    def _raise(self, last: int) -> bool:
        """To a vertex where this inequality holds, as those before it do; False if floats do not find one."""
        for _ in range(4 * (self.count + self.width) + 20):
            line = self.inequalities[last]
            value = float(line[-1])
            if value >= -EPSILON:
                return True
            column, side = self._entering(-line[:-1])
            if column < 0:
                return False
            blocking = self._blocking(self.inequalities[:last, column], side, self.inequalities[:last, -1])
            if blocking >= 0:
                met = self.inequalities[blocking]
                if side * float(met[-1]) * float(line[column]) < side * value * float(met[column]):  # before this one is
                    self._pivot(blocking, column)
                    continue
            self._pivot(last, column)
        return False

    def _entering(self, slopes: FloatArray) -> tuple[int, float]:
        """The slack that lets a form with these slopes fall fastest, and its direction; -1 if none does."""
        score = np.where(self.loose, -np.abs(slopes), slopes) if self.free else slopes
        column = int(score.argmin())
        if not score[column] < -EPSILON:
            return -1, 0.0
        return column, -1.0 if slopes[column] > 0 else 1.0

    @staticmethod
    def _blocking(rise: FloatArray, side: float, slack: FloatArray) -> int:
        """The inequality met first where a slack that lets them rise so changes to this side, -1 for none."""
        if len(rise) > _SHORT:
            falling = (rise * side < -_PIVOT).nonzero()[0]
            return int(falling[(slack[falling] * side / rise[falling]).argmax()]) if len(falling) else -1
        row, nearest = -1, -math.inf
        for i, (slope, value) in enumerate(zip(rise.tolist(), slack.tolist(), strict=True)):
            if slope * side < -_PIVOT and (place := value * side / slope) > nearest:
                row, nearest = i, place
        return row

    def _pivot(self, row: int, column: int) -> None:
        table, line = self._table, self.inequalities[row]
        factor = table[:, column] / line[column]
        table -= np.dot(factor[:, None], line[None])
        table[:, column] = factor
        self.labels[column] = row
        if self.free:
            self.free -= int(self.loose[column])
            self.loose[column] = False
        self.age += 1
        if self.age > _STALE:
            self.refresh()


def float_rows(forms: Sequence[Sequence[int]], width: int) -> FloatArray:
    """Integer forms, none of them constant, as floats, each divided by its largest coefficient."""
    try:
        rows = np.array(forms, dtype=np.float64).reshape(len(forms), width + 1)
    except OverflowError:
        try:
            tops = [max(map(abs, form[:-1])) for form in forms]
            return np.array([[c / top for c in form] for form, top in zip(forms, tops, strict=True)])
        except OverflowError:
            raise Unusable from None
    rows /= np.maximum.reduce(np.abs(rows[:, :width]), axis=1, initial=0.0)[:, None]
    return rows


def float_point(point: Sequence[int]) -> FloatArray:
    """An integer point (x, w) as (x / w, 1), a ray (x, 0) with largest entry 1."""
    weight = point[-1] or max(map(abs, point))
    try:
        return np.array([v / weight for v in point])
    except OverflowError:
        raise Unusable from None
