"""The weights of convex functions on a complex: classes of facets, their linear relations, and the least ones above given bounds.

Around a ridge where two hyperplanes cross, the two facets of each have the same weight, whatever the function. Facets that are joined in
this way are one class. The other ridges give linear equations among classes, and few degrees of freedom are left. A basis is known where no
wall of a unit runs through an older ridge: the functions z 1_C (`Complex.unit_functions`; docs/theory.md 16). Elsewhere elimination modulo
a prime shows whether there are more (a rank modulo a prime is never too large), and exact elimination finds them. In these coordinates the
least weights are one small exact linear program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import fmpq

from exactnn.exact.clock import Clock
from exactnn.exact.disjoint import DisjointSets
from exactnn.exact.lp import LinearSystem, Optimal
from exactnn.exact.progress import counted
from exactnn.tropical._complex import Complex
from exactnn.tropical.origin import Row

#: Ranks are taken modulo this prime.
_PRIME = (1 << 61) - 1


@dataclass(frozen=True)
class Least:
    """Weights of the classes, and the multipliers of their lower and of their upper bounds."""

    weights: tuple[fmpq, ...]
    lower: tuple[fmpq, ...]
    upper: tuple[fmpq, ...]


class Classes:
    """The classes of the facets of a complex, and the equations among them.

    Attributes
    ----------
    of : for each facet its class
    count : the number of classes
    """

    def __init__(self, complex_: Complex, clock: Clock) -> None:
        self._complex, self._clock = complex_, clock
        sets = DisjointSets(len(complex_.sides))
        self._ridges = []
        for way in complex_.rounds:
            pairs = _crossing(way, complex_.forms)
            if pairs is None:
                self._ridges.append(way)
            else:
                for f, g in pairs:
                    sets.join(f, g)
        number: dict[int, int] = {}
        self.of = [number.setdefault(sets.find(f), len(number)) for f in range(len(complex_.sides))]
        self.count = len(number)
        sizes = [0] * self.count
        for k, h in zip(self.of, complex_.forms, strict=True):
            sizes[k] += max(map(abs, h[:-1]))
        #: For each class the sum of max |entry of the normal| over its facets: what a unit of weight adds to all jumps of gradients.
        self.sizes = tuple(sizes)

    def _equations(self) -> Iterator[dict[int, int]]:
        for way in counted("ridges of the form", self._ridges, unit="ridges"):
            self._clock.check("the weights of convex functions on the cells were being related")
            forms: dict[int, list[int]] = {}
            for f, sign in way:
                h = self._complex.forms[f]
                total = forms.setdefault(self.of[f], [0] * len(h))
                forms[self.of[f]] = [u + sign * v for u, v in zip(total, h, strict=True)]
            for i in range(len(h)):
                row = {k: total[i] for k, total in forms.items() if total[i]}
                if row:
                    yield row

    @cached_property
    def basis(self) -> tuple[dict[int, fmpq], ...]:
        """Weights class -> number of functions that span all functions affine on the cells, but for those that are affine."""
        found: list[dict[int, fmpq]] = []
        independent = _Modular()
        for weights in self._complex.unit_functions:
            self._clock.check("the weights of the units were being compared")
            own = {self.of[f]: w for f, w in weights.items() if w}
            if independent.add(own):
                found.append({k: fmpq(w) for k, w in own.items()})
        if self._complex.simple:
            return tuple(found)
        equations = _Modular()
        for row in self._equations():
            equations.add(row)
        if len(found) == self.count - equations.rank:
            return tuple(found)
        return tuple(self._eliminated())

    def _eliminated(self) -> Iterator[dict[int, fmpq]]:
        """The basis by exact elimination."""
        pivots: dict[int, dict[int, fmpq]] = {}  # class -> the others' factors: class = sum of factor times class
        for row in self._equations():
            rest = _without({k: fmpq(v) for k, v in row.items()}, pivots)
            if rest:
                k = min(rest)
                first = rest.pop(k)
                pivots[k] = {j: -v / first for j, v in rest.items()}
        for free in range(self.count):
            if free not in pivots:
                values = {free: fmpq(1)}
                for k in sorted(pivots, reverse=True):
                    total = sum((factor * values[j] for j, factor in pivots[k].items() if j in values), fmpq(0))
                    if total:
                        values[k] = total
                yield values

    def vanishes(self, form: Sequence[fmpq]) -> bool:
        """Whether  sum of form[k] weight[k]  is 0 for the weights of every function."""
        return not any(sum((form[k] * w for k, w in weights.items()), fmpq(0)) for weights in self.basis)

    def least(self, lower: Sequence[int], upper: Sequence[int]) -> Least:
        """min  sum of size[k] weight[k]  over the weights of functions with 0 <= lower[k] <= weight[k] <= upper[k]."""
        width = len(self.basis)
        rows: list[dict[int, fmpq]] = [{} for _ in range(self.count)]
        for i, weights in enumerate(self.basis):
            scale = max(map(abs, weights.values()))
            for k, w in weights.items():
                rows[k][i] = w / scale
        strongest: dict[tuple[int, tuple[tuple[int, fmpq], ...]], tuple[fmpq, int, fmpq]] = {}
        for k, row in enumerate(rows):
            if row:  # else the weight is 0 for every function, and so are its bounds, which come from functions
                first = abs(next(iter(row.values())))
                key = tuple((i, v / first) for i, v in row.items())
                for side, bound in ((1, fmpq(lower[k])), (-1, -fmpq(upper[k]))):
                    if (side, key) not in strongest or bound / first > strongest[side, key][0]:
                        strongest[side, key] = bound / first, k, first
        table = []
        for side, key in strongest:
            entries = [fmpq(0)] * width
            for i, v in key:
                entries[i] = -side * v
            table.append(entries)
        objective = [sum((self.sizes[k] * row[i] for k, row in enumerate(rows) if i in row), fmpq(0)) for i in range(width)]
        system = LinearSystem(table, [-bound for bound, _, _ in strongest.values()], clock=self._clock)
        best = system.maximise([-v for v in objective])
        if not isinstance(best, Optimal):
            raise AssertionError("the weights of the construction are between the bounds; please report this")
        multipliers = {1: [fmpq(0)] * self.count, -1: [fmpq(0)] * self.count}
        for y, ((side, _), (_, k, first)) in zip(best.dual, strongest.items(), strict=True):
            multipliers[side][k] = y / first
        found = [sum((v * best.point[i] for i, v in row.items()), fmpq(0)) for row in rows]
        return Least(tuple(found), tuple(multipliers[1]), tuple(multipliers[-1]))


class _Modular:
    """The rank of integer vectors modulo a prime."""

    def __init__(self) -> None:
        self._pivots: dict[int, dict[int, int]] = {}

    @property
    def rank(self) -> int:
        """It is at most the rank over the rationals."""
        return len(self._pivots)

    def add(self, vector: dict[int, int]) -> bool:
        """Whether a vector is independent of those before."""
        rest = {k: r for k, v in vector.items() if (r := v % _PRIME)}
        while rest:
            k = min(rest)
            pivot = self._pivots.get(k)
            factor = rest.pop(k)
            if pivot is None:
                inverse = pow(factor, -1, _PRIME)
                self._pivots[k] = {j: v * inverse % _PRIME for j, v in rest.items()}
                return True
            for j, v in pivot.items():
                total = (rest.get(j, 0) - factor * v) % _PRIME
                if total:
                    rest[j] = total
                else:
                    rest.pop(j, None)
        return False


def _crossing(way: Sequence[tuple[int, int]], forms: Sequence[Row]) -> list[tuple[int, int]] | None:
    """The two facets of each of two hyperplanes that cross, None for any other ridge."""
    planes: dict[Row, list[int]] = {}
    for f, _ in way:
        planes.setdefault(_plane(forms[f]), []).append(f)
    if len(way) == 4 and len(planes) == 2 and all(len(facets) == 2 for facets in planes.values()):
        return [(a, b) for a, b in planes.values()]
    return None


def _plane(form: Row) -> Row:
    return form if next(v for v in form if v) > 0 else tuple(-v for v in form)


def _without(row: dict[int, fmpq], pivots: dict[int, dict[int, fmpq]]) -> dict[int, fmpq]:
    """The row with the pivots' classes expressed by the others."""
    rest = dict(row)
    while True:
        k = next((j for j in rest if j in pivots), None)
        if k is None:
            return rest
        factor = rest.pop(k)
        for j, v in pivots[k].items():
            total = rest.get(j, fmpq(0)) + factor * v
            if total:
                rest[j] = total
            else:
                rest.pop(j, None)
