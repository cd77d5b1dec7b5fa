"""The least value of an affine form on a cell {x : g_i(x) >= 0}, with its proof or the point that beats 0.

Affine forms are integer tuples (c_1, ..., c_d, k): c . x + k. Points are integer tuples (x_1, ..., x_d, w): the point x / w, or for
w = 0 the direction x; then the form's value there, times w, is one scalar product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd, lcm
from operator import mul
from typing import NamedTuple

from flint import fmpz, fmpz_mat

from exactnn.exact.clock import Clock
from exactnn.exact.lp import FloatRows, IntegerRows, guided, solving_seconds
from exactnn.exact.numbers import primitive

AffineRow = tuple[int, ...]
Point = tuple[int, ...]

#: Up to this many entries the exact simplex method starts from nothing; a float proposal would cost more.
_DIRECT = 6

#: Up to so many inequalities those with one variable are no case of their own.
_FEW = 12


@dataclass
class Work:
    """The clock of a search, and how its forms were decided.

    proofs : proofs that were right as floats proposed them; programs : exact linear programs, where floats were no help
    recalled : proofs from other cells; points : points across a hyperplane found from those that floats saw
    """

    clock: Clock
    proofs: int = 0
    programs: int = 0
    points: int = 0
    recalled: int = 0


class Farkas(NamedTuple):
    """factor * form = gamma + sum_i multiplier_i g_i with factor > 0, multipliers > 0 and gamma >= 0, all integers.

    independent : whether the coefficients of these g_i are known to be linearly independent
    """

    factor: int
    terms: tuple[tuple[int, int], ...]  # (i, multiplier)
    independent: bool = False


def value_at(form: Sequence[int], point: Sequence[int]) -> int:
    """The form's value at the point, times the point's last entry."""
    return sum(map(mul, form, point))


class Halfspaces:
    """The closed cell {x : g_i(x) >= 0}, which has a point."""

    def __init__(self, forms: Sequence[AffineRow], width: int, work: Work) -> None:
        self.forms, self.width, self.work = forms, width, work

    @cached_property
    def _integers(self) -> IntegerRows:
        return IntegerRows([[-c for c in g[:-1]] for g in self.forms], [g[-1] for g in self.forms], self.width)

    @cached_property
    def _floats(self) -> FloatRows:
        return FloatRows(self._integers)

    def basis(self) -> list[int]:
        """Inequalities that hold with equality at one point of the cell, and ~j for coordinates that are 0 there; `width` in all."""
        basis = guided(self._integers, None, lambda: self._floats, self.work.clock, _DIRECT).basis
        return [*basis.tight, *(~j for j in basis.zero)]

    def least(self, form: AffineRow) -> Farkas | Point:
        """The proof that form >= 0 on the cell, or a point of it (a ray, possibly) with form < 0."""
        cost = [-c for c in form[:-1]]
        if not self.forms:
            return (*cost, 0)
        self.work.programs += 1
        ended = guided(self._integers, cost, lambda: self._floats, self.work.clock, _DIRECT)
        assert ended.point is not None  # the cell has a point
        numerators, denominator = ended.ray or ended.point
        point = primitive([*map(int, numerators), 0 if ended.ray else int(denominator)])
        if value_at(form, point) < 0:
            assert all(value_at(g, point) >= 0 for g in self.forms)
            return point
        scale = lcm(*(int(y.q) for y in ended.multipliers.values()))
        multipliers = [int(fmpz(scale) * y.p // y.q) for y in ended.multipliers.values()]
        proof = self._proof(form, list(ended.multipliers), multipliers, scale, range(self.width))
        assert proof is not None
        return proof

    def combined(self, labels: Sequence[int], forms: Sequence[AffineRow]) -> list[Farkas | None]:
        """For each form the proof with multipliers of these inequalities alone, if they are independent; None if there is none.

        labels : some of those that `basis` gives
        """
        fixed = {}  # column: an inequality with this variable alone
        held = {~i for i in labels if i < 0}
        dense = [i for i in labels if i >= 0]
        if len(dense) > _FEW:
            for i in dense:
                row = self.forms[i]
                if row[:-1].count(0) == self.width - 1:
                    fixed[next(j for j, c in enumerate(row) if c)] = i
            alone = set(fixed.values())
            dense = [i for i in dense if i not in alone]
        free = [j for j in range(self.width) if j not in fixed and j not in held]
        solution = self._solved(dense, free, forms)
        if solution is None:
            return [None] * len(forms)
        columns, denominator = solution
        if fixed:
            factor = lcm(*(self.forms[i][j] for j, i in fixed.items()))
            columns, denominator = [column and [factor * v for v in column] for column in columns], factor * denominator
            for form, column in zip(forms, columns, strict=True):
                if column is not None:
                    known = list(zip(dense, column, strict=True))
                    rest = [denominator * form[j] - sum(y * self.forms[k][j] for k, y in known) for j in fixed]
                    column += [value // self.forms[i][j] for value, (j, i) in zip(rest, fixed.items(), strict=True)]
        rows = [*dense, *fixed.values()]
        return [
            None if column is None else self._proof(form, rows, column, denominator, held, independent=True)
            for form, column in zip(forms, columns, strict=True)
        ]

    def _solved(self, chosen: Sequence[int], free: Sequence[int], forms: Sequence[AffineRow]) -> tuple[list[list[int] | None], int] | None:
        """For each form the multipliers, over one denominator > 0, with which these inequalities have its coefficients in these columns.

        None for a form that has none, and for all if the inequalities are dependent.
        """
        size = len(chosen)
        if not size:
            return [None if any(form[j] for j in free) else [] for form in forms], 1
        if size > len(free):
            return None
        self._wait(size, self.forms[chosen[0]])
        columns = [*zip(*[self.forms[i] for i in chosen], *forms, strict=True)]
        reduced, bottom, _ = fmpz_mat([columns[j] for j in free]).rref()
        denominator = int(bottom)
        if not denominator or reduced[size - 1, size - 1] != bottom:  # the first columns are not independent
            return None
        side = 1 if denominator > 0 else -1
        found: list[list[int] | None] = []
        for k in range(size, size + len(forms)):
            outside = any(reduced[i, k] for i in range(size, len(free)))
            found.append(None if outside else [side * int(reduced[i, k]) for i in range(size)])
        return found, side * denominator

    def _proof(
        self,
        form: AffineRow,
        rows: Sequence[int],
        multipliers: Sequence[int],
        factor: int,
        columns: Iterable[int],
        *,
        independent: bool = False,
    ) -> Farkas | None:
        """factor * form = gamma + sum of multiplier * row; None where these are not >= 0, or where it is not so in one of the columns."""
        if factor <= 0 or min(multipliers, default=0) < 0:
            return None
        for j in columns:
            if factor * form[j] != sum([y * self.forms[i][j] for i, y in zip(rows, multipliers, strict=True)]):
                return None
        if factor * form[-1] < sum([y * self.forms[i][-1] for i, y in zip(rows, multipliers, strict=True)]):
            return None
        divisor = gcd(factor, *multipliers)
        return Farkas(factor // divisor, tuple([(i, y // divisor) for i, y in zip(rows, multipliers, strict=True) if y]), independent)

    def _wait(self, size: int, form: AffineRow) -> None:
        """Incomplete if solving for so many rows like this takes longer than there is time."""
        self.work.clock.check("a proof was to be solved for", seconds=solving_seconds(size, max(map(int.bit_length, form))))
