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
_MEMORY = 24


class View:
    """A cell in floats.

    Parameters
    ----------
    forms, labels : the cell's inequalities, and those that are tight at a vertex (`Halfspaces.basis`)

    Attributes
    ----------
    names : of the forms that are looked at, in the table's order
    origin : the inner point (x, 1)
    signs : of each at the inner point, with which it is in the table; crossing : where it vanishes there, so that it changes its sign
    points : columns (x, 1) or (x, 0), of the cell; values : of the forms, with their signs, there; lowest : the least of these
    unsure : forms that floats do not decide
    """

    def __init__(self, forms: Sequence[AffineRow], labels: Sequence[int], width: int) -> None:
        self.table = Table(float_rows(forms, width), len(forms), labels)
        self.names: list[int] = []
        self.signs: FloatArray = np.ones(0)
        self.origin: FloatArray = np.zeros(width + 1)
        self.crossing: list[int] = []
        self.points: FloatArray = np.zeros((width + 1, 0))
        self.unsure: list[int] = []
        self._value(np.zeros((0, 0)))

    def _value(self, values: FloatArray) -> None:
        self.values = values
        self.lowest: FloatArray = np.minimum.reduce(values, axis=1) if values.size else np.zeros(len(values))

    def enter(self, names: Sequence[int], rows: Sequence[AffineRow], inner: Point) -> None:
        """Look at the rows of these names."""
        self.names = list(names)
        forms = float_rows([rows[j] for j in names], self.table.width)
        self.origin = float_point(inner)
        self.signs = self._signs(forms @ self.origin, rows, inner)
        forms *= self.signs[:, None]
        self.table.with_forms(forms)
        self._value(forms @ self.points)

    def _signs(self, values: FloatArray, rows: Sequence[AffineRow], inner: Point) -> FloatArray:
        """The signs of forms at an inner point, exactly where floats are near 0."""
        self.crossing = []
        near = np.abs(values) <= EPSILON * max(map(abs, self.origin.tolist()))
        for k in near.nonzero()[0].tolist():
            value = value_at(rows[self.names[k]], inner)
            values[k] = -1.0 if value < 0 else 1.0
            if not value:
                self.crossing.append(k)
        return np.copysign(1.0, values)

    def part(self, name: int, side: int, kept: Sequence[int], rows: Sequence[AffineRow], inner: Point, *, moved: bool) -> View:
        """The part where rows[name] times the side is >= 0; `moved`: its inner point is another one than here."""
        place = {j: k for k, j in enumerate(self.names)}
        cut, chosen = place[name], [place[j] for j in kept]
        other = View.__new__(View)
        other.names, other.unsure = list(kept), []
        factors = np.ones(1 + len(chosen))
        factors[0] = side * self.signs[cut]
        if moved:
            other.origin = float_point(inner)
            old = self.signs[chosen]
            other.signs = other._signs((self.table.given @ other.origin)[chosen] * old, rows, inner)
            factors[1:] = other.signs * old
        else:
            other.origin, other.signs = self.origin, self.signs[chosen]
            other.crossing = [k for k, j in enumerate(chosen) if j in self.crossing] if self.crossing else []
        other.table = self.table.part([cut, *chosen], factors)
        inside = (self.values[cut] * factors[0] >= -EPSILON).nonzero()[0][-_MEMORY:]
        other.points = self.points[:, inside]
        other._value(self.values[chosen][:, inside] * factors[1:, None])
        if not other.table.raise_last():
            raise Unusable
        return other

    def across(self, name: int, form: AffineRow, forms: Sequence[AffineRow]) -> Point | None:
        """A point with all forms of the cell > 0 on the other side of a hyperplane from the inner point, where `form` is > 0."""
        k = self.names.index(name)
        points = self.points[:, self.values[k] < -EPSILON]
        if not points.shape[1]:
            return None
        return across(form, self.origin, np.add.reduce(points, axis=1), forms, self.table.rows, self.table.given[k])

    def explore(self, names: Sequence[int], check: Callable[[], None]) -> Iterator[tuple[list[int], list[int]]]:
        """(labels, names): forms that seem to be fixed, with the inequalities whose combinations may prove it. Others change their sign."""
        table = self.table
        self.unsure = []
        left = self.lowest >= -EPSILON
        if self.crossing:
            left[self.crossing] = False
        if len(names) != len(self.names):
            wanted = set(names)
            left &= np.array([j in wanted for j in self.names], dtype=bool)
        self._see_vertex(left)
        size = steps = 4 * (table.count + table.width) + 20
        while len(left) and left[form := int(left.argmax())]:
            check()
            step = table.descend(form) if steps else False
            steps -= 1
            if step is True:
                self._see_vertex(left)
                continue
            if step is not False:
                self._see_ray(left, *step)
            else:
                found = table.least(left)
                if found:
                    yield list(table.labels), [self.names[k] for k in found]
                    left[found] = False
            if left[form]:
                left[form] = False
                self.unsure.append(self.names[form])
            steps = size

    def _see_vertex(self, left: Flags) -> None:
        """Remember the vertex, if it shows that forms change their sign; these are no longer left."""
        values = self.table.forms[:, -1]
        negative = left & (values < -EPSILON)
        if len(negative) and negative[negative.argmax()]:
            left ^= negative
            self._add(self.table.vertex(), values)

    def _see_ray(self, left: Flags, column: int, side: float) -> None:
        values = side * self.table.forms[:, column]
        left &= values >= -EPSILON
        self._add(self.table.ray(column, side), values)

    def add(self, point: Point) -> None:
        """Remember a point of the cell, or a ray."""
        found = float_point(point)
        self._add(found, self.table.given @ found)

    def _add(self, point: FloatArray, values: FloatArray) -> None:
        self.points = np.concatenate([self.points, point[:, None]], axis=1)
        self.values = np.concatenate([self.values, values[:, None]], axis=1)
        self.lowest = np.minimum(self.lowest, values)
