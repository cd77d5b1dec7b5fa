"""A simplex table in floats that many affine forms share, and that goes on from cell to cell: it proposes, integers decide.

A cell {x : g_i(x) >= 0} has a vertex where n of the g_i are 0 (or, as long as there are fewer, coordinates x_j are held at 0). With the slacks
s of these n as coordinates every x_j, every g_i and every form l that is asked about is

    T[row, :n] . s + T[row, n],

all of them in one table, so that one step to a neighbouring vertex (a rank-one update) shows the values of all forms there. A form whose
coefficients on the n slacks are >= 0 has its least value at this vertex, and the coefficients are the multipliers of the proof. A part of
the cell has one inequality more, which is a row of the table already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

#: What is less counts as 0.
EPSILON = 1e-9
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
    labels : n distinct rows that are 0 at the vertex, ~j for coordinate j held at 0
    """

    def __init__(self, rows: FloatArray, count: int, labels: Sequence[int]) -> None:
        self.rows, self.count, self.labels = rows, count, list(labels)
        self.width = rows.shape[1] - 1
        self.loose = np.array([label < 0 for label in labels], dtype=bool)
        self.free = int(self.loose.sum())
        self.refresh()

    def refresh(self) -> None:
        """The table from its basis."""
        n = self.width
        basis = np.zeros((n, n + 1))
        for c, label in enumerate(self.labels):
            if label < 0:
                basis[c, ~label] = 1.0
            else:
                basis[c] = self.rows[label]
        table = np.empty((n + len(self.rows), n + 1))
        try:
            inverse = np.linalg.inv(basis[:, :n])
        except np.linalg.LinAlgError:
            raise Unusable from None
        table[:n, :n] = inverse
        table[:n, n] = -(inverse @ basis[:, n])
        self._fill(table, self.rows, n)
        self.table, self.age = table, 0

    def _fill(self, table: FloatArray, rows: FloatArray, first: int) -> None:
        n = self.width
        table[first:] = rows[:, :n] @ table[:n]
        table[first:, n] += rows[:, n]

    def with_forms(self, forms: FloatArray) -> None:
        """Other forms in place of those at hand."""
        n, kept = self.width, self.width + self.count
        self.rows = np.concatenate([self.rows[: self.count], forms])
        if self.age > _STALE // 2:
            self.refresh()
            return
        table = np.empty((n + len(self.rows), n + 1))
        table[:kept] = self.table[:kept]
        self._fill(table, forms, kept)
        self.table = table

    def part(self, form: int, factors: FloatArray, chosen: Sequence[int]) -> Table:
        """The table of the part of the cell where a form, times its factor, is >= 0, with the chosen forms times theirs."""
        n, m = self.width, self.count
        other = Table.__new__(Table)
        other.width, other.count, other.age = n, m + 1, self.age
        other.labels, other.loose, other.free = list(self.labels), self.loose.copy(), self.free
        rows = [*range(m), m + form, *(m + k for k in chosen)]
        signs = np.concatenate([np.ones(m), factors[[form, *chosen]]])[:, None]
        other.rows = self.rows[rows] * signs
        other.table = np.concatenate([self.table[:n], self.table[n:][rows] * signs])
        return other

    # --- reading it ------------------------------------------------------------------------------------------------------------

    @property
    def inequalities(self) -> FloatArray:
        """The rows of the inequalities."""
        return self.table[self.width : self.width + self.count]

    @property
    def forms(self) -> FloatArray:
        """The rows of the forms."""
        return self.table[self.width + self.count :]

    @property
    def vertex(self) -> FloatArray:
        """(x, 1)."""
        return self._point(self.table[: self.width, self.width], 1.0)

    def ray(self, column: int, side: float) -> FloatArray:
        """(x, 0) in the direction in which this slack grows, or falls for side -1."""
        return self._point(side * self.table[: self.width, column], 0.0)

    def _point(self, entries: FloatArray, weight: float) -> FloatArray:
        point = np.empty(self.width + 1)
        point[:-1], point[-1] = entries, weight
        return point

    def least(self) -> Flags:
        """Which forms have their least value over the cell at this vertex, and not below 0."""
        n, forms = self.width, self.forms
        slopes = np.where(self.loose, -np.abs(forms[:, :n]), forms[:, :n]) if self.free else forms[:, :n]
        found: Flags = (slopes >= -EPSILON).all(axis=1) & (forms[:, n] >= -EPSILON)
        return found

    # --- steps -----------------------------------------------------------------------------------------------------------------

    def descend(self, form: int) -> tuple[int, float] | bool:
        """A step to a vertex where a form is not larger: True; False if there is none; (column, side) of a ray along which it falls."""
        slopes = self.table[self.width + self.count + form, : self.width]
        column, side = self._entering(slopes)
        if column < 0:
            return False
        slack = self.inequalities[:, self.width]
        row = self._blocking(self.inequalities[:, column] * side, slack)
        if row < 0:
            return column, side
        self._pivot(row, column)
        return True

    def raise_last(self) -> bool:
        """To a vertex where the last inequality, which was added after the others, holds; False if floats do not find one."""
        n, last = self.width, self.count - 1
        row = self.width + last
        for _ in range(4 * (self.count + n) + 20):
            value = self.table[row, n]
            if value >= -EPSILON:
                return True
            column, side = self._entering(-self.table[row, :n])
            if column < 0:
                return False
            rise = self.inequalities[:, column] * side
            slack = self.inequalities[:, n].copy()
            slack[last] = np.inf
            blocking = self._blocking(rise, slack)
            reach = np.inf if blocking < 0 else max(slack[blocking], 0.0) / -rise[blocking]
            self._pivot(last if -value / rise[last] <= reach else blocking, column)
        return False

    def _entering(self, slopes: FloatArray) -> tuple[int, float]:
        """The slack that lets a form with these slopes fall fastest, and its direction; -1 if none does."""
        score = np.where(self.loose, -np.abs(slopes), slopes) if self.free else slopes
        column = int(score.argmin())
        if not score[column] < -EPSILON:
            return -1, 0.0
        return column, -1.0 if slopes[column] > 0 else 1.0

    @staticmethod
    def _blocking(rise: FloatArray, slack: FloatArray) -> int:
        """The inequality met first, of several the one that is met most steeply; -1 for none."""
        (falling,) = (rise < -EPSILON).nonzero()
        if not len(falling):
            return -1
        steep, room = -rise[falling], np.maximum(slack[falling], 0.0)
        near = room / steep <= ((room + EPSILON) / steep).min()
        return int(falling[np.where(near, steep, 0.0).argmax()])

    def _pivot(self, row: int, column: int) -> None:
        table = self.table
        line = table[self.width + row].copy()
        factor = table[:, column] / line[column]
        line[column] -= 1.0
        table -= factor[:, None] * line
        self.free -= int(self.loose[column])
        self.labels[column], self.loose[column] = row, False
        self.age += 1
        if self.age > _STALE:
            self.refresh()


def float_rows(forms: Sequence[Sequence[int]], width: int) -> FloatArray:
    """Integer forms as floats, each divided by its largest coefficient."""
    try:
        rows = np.array(forms, dtype=np.float64).reshape(len(forms), width + 1)
        rows /= np.abs(rows[:, :width]).max(axis=1, initial=0.0)[:, None]
    except (OverflowError, FloatingPointError):
        rows = np.full((len(forms), width + 1), np.nan)
    if np.isfinite(rows).all():
        return rows
    try:
        return np.array([[c / top for c in form] for form in forms if (top := max(map(abs, form[:-1])))]).reshape(-1, width + 1)
    except OverflowError:
        raise Unusable from None


def float_point(point: Sequence[int]) -> FloatArray:
    """An integer point (x, w) as (x / w, 1), a ray (x, 0) with largest entry 1."""
    weight = point[-1] or max(map(abs, point))
    try:
        return np.array([v / weight for v in point])
    except OverflowError:
        raise Unusable from None
