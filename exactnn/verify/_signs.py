"""Proofs that a form keeps one sign on the domain, for the "on" and "off" lines of a certificate.

Coordinates t and atoms a = max(l, 0) are taken as free variables bound only by  A t <= b,  a >= 0,  a >= l  and, where low <= l <= high
is proved first, by the chord  a <= high (l - low)/(high - low).  A form that is nonnegative on that polyhedron is nonnegative on the
domain, and the exact linear program's multipliers are the proof. Sound, and incomplete: the relaxation forgets that a = 0 or a = l.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq

from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.exact.lp import LinearSystem, Nonnegative, Optimal
from exactnn.exact.numbers import Number, fraction, rational
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.writing import from_json_number, json_number
from exactnn.forms import Atoms, Fact, Row
from exactnn.verify._domain import with_variables

Proof = list[list[object]]
_SHARE = 0.25  # of the time that is left, for one sign
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Bounds:
    """low <= l <= high with proofs, low <= 0 <= high; `used` once a proof names the chord."""

    low: Fraction
    below: Proof
    high: Fraction
    above: Proof
    used: bool = False

    @property
    def slope(self) -> Fraction:
        """Slope of the chord of max(l, 0)."""
        return self.high / (self.high - self.low)


class Signs:
    """Decides signs of forms by samples (to see quickly that both occur) and exact linear programs.

    Parameters
    ----------
    region : the domain in the coordinates; None for everything
    samples : points of it (batch, dimension), as floats: they only propose
    limit : forms over more variables than this are left undecided
    chords : up to this many atoms in a question, upper bounds of atoms are used too
    """

    def __init__(self, region: Polyhedron | None, samples: Floats, clock: Clock, *, limit: int = 400, chords: int = 120) -> None:
        self.region, self._rows = region, list[int]()
        if region is not None:
            self.region, self._rows = with_variables(region)
        self.samples = samples
        self.clock = clock
        self.limit = limit
        self.chords = chords
        self._values: dict[int, tuple[Floats, Floats]] = {}
        self._bounds: dict[int, Bounds | None] = {}
        self._decided: dict[tuple[tuple[int, ...], tuple[int, ...], int], Fact | None] = {}

    def decide(self, row: Row, atoms: Atoms) -> Fact | None:
        """ "on" with a proof of form >= 0, "off" with one of form <= 0, or None."""
        key = (row.ids, row.nums, row.constant)
        if key not in self._decided:
            self._decided[key] = self._decide(Row(*key, Fraction(1)), atoms)
        fact = self._decided[key]
        return None if fact is None else scaled(fact, row.factor)

    def _decide(self, row: Row, atoms: Atoms) -> Fact | None:
        self.clock.check("signs of neurons on the domain were being decided")
        low, high = self._range(row, atoms)
        if low < 0 < high:
            return None
        for name, form in (("on", row), ("off", row.mirrored())):
            if (name == "on" and low < 0) or (name == "off" and high > 0):
                continue
            proof = self.nonnegative(form, atoms)
            if proof is not None:
                return name, proof
        return None

    def nonnegative(self, row: Row, atoms: Atoms) -> Proof | None:
        """A proof of form >= 0, or None; also where the linear program takes more than its share of the time."""
        try:
            with self.clock.at_most(self.clock.left() * _SHARE).running():
                return self._nonnegative(row, atoms)
        except Incomplete:
            self.clock.check("signs of neurons on the domain were being decided")
            return None

    def _nonnegative(self, row: Row, atoms: Atoms) -> Proof | None:
        used = self._closure(row, atoms)
        if used is None:
            return None
        n = atoms.dimension
        if not used and self.region is not None:
            gradient = [_coefficient(row, k) * row.factor for k in range(n)]
            return slack_proof(self.region, self._rows, gradient, row.constant * row.factor)
        if not used:  # an affine form on all of R^n
            return [] if not row.ids and row.constant >= 0 else None
        if n + len(used) > self.limit:
            return None
        system, names = self._relaxation(used, atoms)
        cost = self._cost(row, used, n)
        result = system.nonnegative([c * rational(row.factor) for c in cost], row.constant * row.factor)
        return self._proof(result.multipliers, names, atoms) if isinstance(result, Nonnegative) else None

    def evidence(self, atoms: Atoms) -> list[list[object]]:
        """The bounds that proofs use, for the certificate."""
        found = ((a, b) for a, b in self._bounds.items() if b is not None and atoms.made[a - atoms.dimension].number is not None)
        return [[atoms.number(a), json_number(b.low), b.below, json_number(b.high), b.above] for a, b in found if b.used]

    def _relaxation(self, used: list[int], atoms: Atoms) -> tuple[LinearSystem, list[tuple[str, int]]]:
        """Rows  A t <= b,  -a <= 0,  l - a <= 0  and, with bounds of l,  a <= chord;  and what each stands for."""
        n = atoms.dimension
        width = n + len(used)
        left: list[list[fmpq]] = []
        right: list[fmpq] = []
        names: list[tuple[str, int]] = []
        if self.region is not None:
            A, b = self.region.inequalities
            left = [[*row, *[fmpq(0)] * len(used)] for row in A.table()]
            right = list(b.entries())
            names = [("slack", i) for i in self._rows]
        for place, a in enumerate(used):
            inner = atoms.made[a - n].row
            assert inner is not None
            form = self._cost(inner, used, n)
            unit = [fmpq(0)] * width
            unit[n + place] = fmpq(1)
            left += [[-v for v in unit], [f - v for f, v in zip(form, unit, strict=True)]]
            right += [fmpq(0), fmpq(-inner.constant)]
            names += [("atom", a), ("mirror", a)]
            bounds = self._bound(a, atoms) if len(used) <= self.chords else None
            if bounds is not None:
                slope = rational(bounds.slope)
                low = rational(bounds.low)
                left.append([v - slope * f for f, v in zip(form, unit, strict=True)])
                right.append(slope * (inner.constant - low))
                names.append(("chord", a))
        return LinearSystem(left, right), names

    def _bound(self, a: int, atoms: Atoms) -> Bounds | None:
        """Proved bounds of the form inside an atom, by two linear programs over earlier atoms; None if there are none."""
        if a not in self._bounds:
            self._bounds[a] = None
            self.clock.check("bounds of neurons on the domain were being proved")
            inner = atoms.made[a - atoms.dimension].row
            used = None if inner is None or self.region is None else self._closure(inner, atoms)
            if used is None or inner is None:
                return None
            system, names = self._relaxation(used, atoms)
            cost = self._cost(inner, used, atoms.dimension)
            best = system.maximise(cost)
            least = system.maximise([-c for c in cost])
            if isinstance(best, Optimal) and isinstance(least, Optimal):
                high = max(_round_up(fraction(best.value) + inner.constant), Fraction(0))
                low = min(-_round_up(fraction(least.value) - inner.constant), Fraction(0))
                if low < high:
                    proofs = [self._proof(found.dual, names, atoms) for found in (least, best)]
                    self._bounds[a] = Bounds(low, proofs[0], high, proofs[1])
        return self._bounds[a]

    def _proof(self, multipliers: Sequence[fmpq], names: list[tuple[str, int]], atoms: Atoms) -> Proof:
        proof: Proof = []
        for (kind, index), y in zip(names, multipliers, strict=True):
            if y:
                if kind == "chord":
                    bounds = self._bounds[index]
                    assert bounds is not None
                    bounds.used = True
                proof.append([kind, index if kind == "slack" else atoms.number(index), json_number(fraction(y))])
        return proof

    @staticmethod
    def _cost(row: Row, used: list[int], n: int) -> list[fmpq]:
        """The coefficients of the form in the relaxation's variables."""
        place = {a: n + i for i, a in enumerate(used)}
        cost = [fmpq(0)] * (n + len(used))
        for b, c in zip(row.ids, row.nums, strict=True):
            cost[b if b < n else place[b]] = fmpq(c)
        return cost

    def _closure(self, row: Row, atoms: Atoms) -> list[int] | None:
        """The numbered max atoms that the form needs, with those inside them; None if another kind of atom occurs."""
        seen: set[int] = set()
        stack = [a for a in row.ids if a >= atoms.dimension]
        while stack:
            a = stack.pop()
            if a in seen:
                continue
            atom = atoms.made[a - atoms.dimension]
            if atom.kind != "max" or atom.row is None or atom.spatial or atom.number is None:
                return None
            seen.add(a)
            if len(seen) > self.limit:
                return None
            stack += [b for b in atom.row.ids if b >= atoms.dimension]
        return sorted(seen)

    def _range(self, row: Row, atoms: Atoms) -> tuple[float, float]:
        """A value below 0 and one above 0 that samples are sure to reach; 0 where rounding, or an atom without a float, hides it."""
        try:
            values, sizes = self._sampled(row, atoms)
        except (KeyError, OverflowError):
            return 0.0, 0.0
        if not len(values) or not np.isfinite(sizes).all():
            return 0.0, 0.0
        slack = 1e-9 * (1.0 + sizes)  # far above the rounding errors of fewer than a million terms, nested or not
        return min(float((values + slack).min()), 0.0), max(float((values - slack).max()), 0.0)

    def _sampled(self, row: Row, atoms: Atoms) -> tuple[Floats, Floats]:
        """Values at the samples, and the sums of the terms' sizes, to which rounding errors are relative."""
        total = np.full(len(self.samples), float(row.constant))
        sizes = np.abs(total)
        with np.errstate(all="ignore"):
            for a, c in zip(row.ids, row.nums, strict=True):
                values, own = self._atom(a, atoms)
                total = total + float(c) * values
                sizes = sizes + abs(float(c)) * own
        return total, sizes

    def _atom(self, a: int, atoms: Atoms) -> tuple[Floats, Floats]:
        if a < atoms.dimension:
            return self.samples[:, a], np.abs(self.samples[:, a])
        if a not in self._values:
            atom = atoms.made[a - atoms.dimension]
            if atom.kind != "max" or atom.row is None:
                raise KeyError(a)
            values, sizes = self._sampled(atom.row, atoms)
            self._values[a] = np.maximum(values, 0.0), sizes
        return self._values[a]


def slack_proof(region: Polyhedron, rows: Sequence[int], gradient: Sequence[Number], constant: Number) -> Proof | None:
    """The rows of the domain, by these numbers, that prove gradient . t + constant >= 0, with their multipliers; None if it is not."""
    found = region.nonnegative(gradient, constant)
    if not isinstance(found, Nonnegative):
        return None
    return [["slack", i, json_number(fraction(y))] for i, y in zip(rows, found.multipliers, strict=True) if y]


def scaled(fact: Fact, factor: Fraction) -> Fact:
    """The fact for a positive multiple of the form."""
    name, proof = fact
    return name, [[kind, index, json_number(from_json_number(y) * factor)] for kind, index, y in proof]


def _round_up(value: Fraction) -> Fraction:
    """The least multiple of 2^-20 (or of a millionth part of a large value) that is not below: bounds of few bits."""
    unit = Fraction(1, 1 << 20) * max(1, abs(value.numerator) // value.denominator)
    return -((-value) // unit) * unit


def _coefficient(row: Row, identity: int) -> int:
    return row.nums[row.ids.index(identity)] if identity in row.ids else 0
