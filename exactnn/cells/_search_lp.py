"""The least value of an affine form on a cell {x : g_i(x) >= 0}, with its proof or the point that beats 0.

Affine forms are integer tuples (c_1, ..., c_d, k): c . x + k. Points are integer tuples (x_1, ..., x_d, w): the point x / w, or for
w = 0 the direction x; then the form's value there, times w, is one scalar product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd, lcm
from operator import mul

from flint import fmpz

from exactnn.exact.clock import Clock
from exactnn.exact.lp import FloatRows, IntegerRows, guided
from exactnn.exact.numbers import primitive

AffineRow = tuple[int, ...]
Point = tuple[int, ...]

#: Up to this many entries the exact simplex method starts from nothing; a float proposal would cost more.
_DIRECT = 6


@dataclass
class Work:
    """The clock of a search, and the number of linear programs it has solved."""

    clock: Clock
    programs: int = 0


@dataclass(frozen=True)
class Farkas:
    """factor * form = gamma + sum_i multiplier_i g_i with factor > 0, multipliers > 0 and gamma >= 0, all integers."""

    factor: int
    terms: tuple[tuple[int, int], ...]  # (i, multiplier)


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
        terms = tuple((i, int(fmpz(scale) * y.p // y.q)) for i, y in ended.multipliers.items())
        divisor = gcd(scale, *(y for _, y in terms))
        proof = Farkas(scale // divisor, tuple((i, y // divisor) for i, y in terms))
        assert self.proves(proof, form)
        return proof

    def proves(self, proof: Farkas, form: AffineRow) -> bool:
        """Whether the proof shows form >= 0."""
        total = [proof.factor * c for c in form]
        for i, y in proof.terms:
            for j, c in enumerate(self.forms[i]):
                total[j] -= y * c
        positive = proof.factor > 0 and all(y > 0 for _, y in proof.terms)
        return positive and not any(total[:-1]) and total[-1] >= 0
