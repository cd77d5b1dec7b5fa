"""What floats see of a cell: a vertex with its table, and points and rays at which forms were negative. It proposes, integers decide.

Forms are taken with the sign that they have at the cell's inner point, so that one is fixed if it is nowhere negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from exactnn.cells._search_lp import AffineRow, Point, value_at
from exactnn.cells._search_points import across
from exactnn.cells._table import EPSILON, Flags, FloatArray, Table, Unusable, float_point, float_rows

Places = np.ndarray[Any, np.dtype[np.intp]]

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
    seen : rows: a point (x, 1) or ray (x, 0) of the cell, and behind it the values of the forms, with their signs, there
    lowest : the least of these values for each form, or 0
    unsure : forms that floats do not decide
    """

    def __init__(self, forms: Sequence[AffineRow], labels: Sequence[int], width: int) -> None:
        self.table = Table(float_rows(forms, width), len(forms), labels)
        self.names: list[int] = []
        self.signs: list[float] = []
        self.origin: FloatArray = np.zeros(width + 1)
        self.crossing: list[int] = []
        self.unsure: list[int] = []
        self._see(np.zeros((0, width + 1)))

    def _see(self, seen: FloatArray) -> None:
        self.seen = seen
        self.lowest: FloatArray = np.minimum.reduce(seen[:, self.table.width + 1 :], axis=0, initial=0.0)

    def entered(self, names: Sequence[int], rows: Sequence[AffineRow], inner: Point, cut: tuple[int, int] | None = None) -> View:
        """What is seen of the rows of these names; with a cut (name, side), on the part where rows[name] times the side is >= 0.

        rows : of these names (that of the cut is one of those at hand)
        """
        other = View.__new__(View)
        other.names, other.unsure = list(names), []
        forms = float_rows([rows[j] for j in names], self.table.width)
        other.origin = float_point(inner)
        values = forms @ other.origin
        other.signs = other._signs(values.tolist(), rows, inner)
        forms *= np.array(other.signs)[:, None]
        first = self.table.width + 1
        if cut is None:
            other.table, points = self.table.entered(forms, None, 1.0), self.seen[:, :first]
        else:
            k = self.names.index(cut[0])
            side = cut[1] * self.signs[k]
            other.table = self.table.entered(forms, k, side)
            points = self.seen[self._inside(k, side), :first]
        seen = np.empty((len(points), first + len(names)))
        seen[:, :first] = points
        seen[:, first:] = points @ forms.T
        other._see(seen)
        return other

    def _inside(self, k: int, side: float) -> Places:
        """The points that are remembered where form number k times the side is >= 0."""
        values = self.seen[:, self.table.width + 1 + k]
        places: Places = (values * side >= -EPSILON).nonzero()[0]
        return places[-_MEMORY:]

    def _signs(self, values: Sequence[float], rows: Sequence[AffineRow], inner: Point) -> list[float]:
        """The signs of the forms at an inner point, by their values there, exactly where floats are near 0."""
        self.crossing = []
        tiny = EPSILON * max(map(abs, self.origin.tolist()))
        signs = []
        for k, value in enumerate(values):
            if value > tiny:
                signs.append(1.0)
            elif value < -tiny:
                signs.append(-1.0)
            else:
                exact = value_at(rows[self.names[k]], inner)
                signs.append(-1.0 if exact < 0 else 1.0)
                if not exact:
                    self.crossing.append(k)
        return signs

    def part(self, name: int, side: int, kept: Sequence[int], rows: Sequence[AffineRow], inner: Point, *, moved: bool) -> View:
        """The part where rows[name] times the side is >= 0; `moved`: its inner point is another one than here."""
        place = {j: k for k, j in enumerate(self.names)}
        cut, chosen = place[name], [place[j] for j in kept]
        other = View.__new__(View)
        other.names, other.unsure = list(kept), []
        old = [self.signs[k] for k in chosen]
        turned: list[int] = []
        if moved:
            other.origin = float_point(inner)
            values = (self.table.given @ other.origin).tolist()
            other.signs = other._signs([values[k] * s for k, s in zip(chosen, old, strict=True)], rows, inner)
            turned = [k for k, (a, b) in enumerate(zip(old, other.signs, strict=True)) if a != b]
        else:
            other.origin, other.signs = self.origin, old
            other.crossing = [k for k, j in enumerate(chosen) if j in self.crossing] if self.crossing else []
        sign = side * self.signs[cut]
        other.table = self.table.part(cut, sign, chosen, turned)
        first = self.table.width + 1
        seen = self.seen.take(self._inside(cut, sign), 0).take([*range(first), *[first + k for k in chosen]], 1)
        if turned and len(seen):
            seen[:, [first + k for k in turned]] *= -1.0
        other._see(seen)
        return other

    def signs_of(self, names: Sequence[int]) -> list[int]:
        """The signs at the inner point."""
        return [int(self.signs[self.names.index(j)]) for j in names]

    def across(self, name: int, form: AffineRow, forms: Sequence[AffineRow]) -> Point | None:
        """A point with all forms of the cell > 0 on the other side of a hyperplane from the inner point, where `form` is > 0."""
        k, first = self.names.index(name), self.table.width + 1
        total = np.dot(self.seen[:, first + k] < -EPSILON, self.seen)  # 0 if there is none, which is no proposal
        heights = float(np.dot(self.table.given[k], self.origin)), float(total[first + k])
        return across(form, self.origin.tolist(), total[:first].tolist(), heights, forms, self.table.rows)

    def explore(self, names: Sequence[int], check: Callable[[], None]) -> Iterator[tuple[list[int], list[int], list[int]]]:
        """(few, labels, names): forms that seem to be fixed, with inequalities whose combinations may prove it. Others change their sign.

        few : those that floats combine, of the `labels` that are 0 at the vertex
        """
        table = self.table
        self.unsure = []
        left = self.lowest >= -EPSILON
        if self.crossing:
            left[self.crossing] = False
        if len(names) != len(self.names):
            wanted = set(names)
            left &= np.array([j in wanted for j in self.names], dtype=bool)
        size = steps = 4 * (table.count + table.width) + 20
        if not (len(left) and left[left.argmax()]):
            return
        if not table.hold():
            raise Unusable
        self._see_vertex(left)
        while left[form := int(left.argmax())]:
            if not steps & 15:
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
                    yield table.support(found), table.labels.copy(), [self.names[k] for k in found]
                    left[found] = False
            if left[form]:
                left[form] = False
                self.unsure.append(self.names[form])
            steps = size

    def _see_vertex(self, left: Flags) -> None:
        """Remember the vertex, if it shows that forms change their sign; these are no longer left."""
        values = self.table.forms[:, -1]
        if values[values.argmin()] >= -EPSILON:
            return
        negative = left & (values < -EPSILON)
        if negative[negative.argmax()]:
            left ^= negative
            self._add(self.table.seen())

    def _see_ray(self, left: Flags, column: int, side: float) -> None:
        seen = self.table.seen_along(column, side)
        left &= seen[0, self.table.width + 1 :] >= -EPSILON
        self._add(seen)

    def add(self, point: Point) -> None:
        """Remember a point of the cell, or a ray."""
        found = float_point(point)
        self._add(np.concatenate([found, self.table.given @ found])[None])

    def _add(self, seen: FloatArray) -> None:
        self.seen = np.concatenate([self.seen, seen])
        self.lowest = np.minimum(self.lowest, seen[0, self.table.width + 1 :])
