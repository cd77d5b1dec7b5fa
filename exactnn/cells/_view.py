"""What floats see of a cell: a vertex with its table, and points and rays at which forms were negative. It proposes, integers decide.

Forms are taken with the sign that they have at the cell's inner point, so that one is fixed if it is nowhere negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from exactnn.cells._search_lp import AffineRow, Point, value_at
from exactnn.cells._search_points import across
from exactnn.cells._table import EPSILON, Flags, FloatArray, Table, Unusable, float_point, float_rows

#: A cell remembers at most so many of its points.
_MEMORY = 48


class View:
    """A cell in floats.

    Parameters
    ----------
    forms, labels : the cell's inequalities, and those that are tight at a vertex (`Halfspaces.basis`)

    Attributes
    ----------
    names : of the forms that are looked at, in the table's order
    signs : of each at the inner point, 0 where it vanishes there; the table has the form times that sign
    points : columns (x, 1) or (x, 0), of the cell; values : of the forms, with their signs, there
    unsure : forms that floats do not decide
    """

    def __init__(self, forms: Sequence[AffineRow], labels: Sequence[int], width: int) -> None:
        self.table = Table(float_rows(forms, width), len(forms), labels)
        self.names: list[int] = []
        self.signs: FloatArray = np.zeros(0)
        self.points: FloatArray = np.zeros((width + 1, 0))
        self.values: FloatArray = np.zeros((0, 0))
        self.unsure: list[int] = []

    def enter(self, names: Sequence[int], rows: Sequence[AffineRow], inner: Point) -> None:
        """Look at the rows of these names."""
        self.names = list(names)
        forms = float_rows([rows[j] for j in names], self.table.width)
        self.signs = _signs(forms, self.names, rows, inner)
        forms *= _oriented(self.signs)[:, None]
        self.table.with_forms(forms)
        self.values = forms @ self.points

    def part(self, name: int, side: int, kept: Sequence[int], rows: Sequence[AffineRow], inner: Point, *, moved: bool) -> View:
        """The part where rows[name] times the side is >= 0; `moved`: its inner point is another one than here."""
        place = {j: k for k, j in enumerate(self.names)}
        cut, chosen = place[name], [place[j] for j in kept]
        other = View.__new__(View)
        other.names, other.unsure = list(kept), []
        old = _oriented(self.signs)
        factors = np.ones(len(old))
        factors[cut] = side * old[cut]
        if moved:
            forms = self.table.rows[self.table.count :][chosen] * old[chosen, None]
            other.signs = _signs(forms, other.names, rows, inner)
            factors[chosen] = _oriented(other.signs) * old[chosen]
        else:
            other.signs = self.signs[chosen]
        other.table = self.table.part(cut, factors, chosen)
        inside = np.flatnonzero(self.values[cut] * factors[cut] >= -EPSILON)[-_MEMORY:]
        other.points = self.points[:, inside]
        other.values = self.values[np.ix_(chosen, inside)] * factors[chosen, None]
        if not other.table.raise_last():
            raise Unusable
        return other

    def across(self, name: int, form: AffineRow, inner: Point, forms: Sequence[AffineRow]) -> Point | None:
        """A point with all forms of the cell > 0 on the other side of a hyperplane from the inner point, where `form` is > 0."""
        k = self.names.index(name)
        points = self.points[:, self.values[k] < -EPSILON]
        if not points.shape[1]:
            return None
        rows = self.table.rows
        return across(form, inner, points, forms, rows[: self.table.count], rows[self.table.count + k])

    def explore(self, names: Sequence[int], check: Callable[[], None]) -> Iterator[tuple[list[int], list[int]]]:
        """(labels, names): forms that seem to be fixed, with the inequalities whose combinations may prove it. Others change their sign."""
        table, size = self.table, 4 * (self.table.count + self.table.width) + 20
        wanted = set(names)
        left = np.array([j in wanted for j in self.names], dtype=bool) & (self.signs != 0)
        left &= ~(self.values < -EPSILON).any(axis=1)
        self.unsure = []
        self._see_vertex(left)
        steps = size
        while left.any():
            check()
            form = int(left.argmax())
            step = table.descend(form) if steps else False
            steps -= 1
            if step is True:
                self._see_vertex(left)
                continue
            if step is not False:
                column, side = step
                self._see_ray(left, column, side)
                if left[form]:
                    self._give_up(left, form)
                continue
            found = table.least() & left
            if found[form]:
                yield list(table.labels), [self.names[k] for k in np.flatnonzero(found)]
                left &= ~found
            else:
                self._give_up(left, form)
            steps = size

    def _give_up(self, left: Flags, form: int) -> None:
        left[form] = False
        self.unsure.append(self.names[form])

    def _see_vertex(self, left: Flags) -> None:
        """Remember the vertex, if it shows that forms change their sign; these are no longer left."""
        values = self.table.forms[:, -1]
        negative = left & (values < -EPSILON)
        if negative.any():
            left &= ~negative
            self._add(self.table.vertex, values)

    def _see_ray(self, left: Flags, column: int, side: float) -> None:
        values = side * self.table.forms[:, column]
        left &= values >= -EPSILON
        self._add(self.table.ray(column, side), values)

    def add(self, point: Point) -> None:
        """Remember a point of the cell, or a ray."""
        found = float_point(point)
        self._add(found, self.table.rows[self.table.count :] @ found)

    def _add(self, point: FloatArray, values: FloatArray) -> None:
        self.points = np.concatenate([self.points, point[:, None]], axis=1)
        self.values = np.concatenate([self.values, values[:, None]], axis=1)


def _oriented(signs: FloatArray) -> FloatArray:
    return np.where(signs < 0, -1.0, 1.0)


def _signs(forms: FloatArray, names: Sequence[int], rows: Sequence[AffineRow], inner: Point) -> FloatArray:
    """The signs of forms at an inner point, exactly where floats are near 0."""
    point = float_point(inner)
    values = forms @ point
    signs: FloatArray = np.sign(values)
    for k in np.flatnonzero(np.abs(values) <= EPSILON * np.abs(point).max()).tolist():
        value = value_at(rows[names[k]], inner)
        signs[k] = (value > 0) - (value < 0)
    return signs
