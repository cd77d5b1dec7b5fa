"""Joint zonotopes: the values of f, of g and of their difference on a box, as affine functions of shared symbols, unit by unit.

All numbers are integers that count units of 2^-bits. A form is c + sum g_s e_s + [-r, r], every e_s in [-1, 1], each e_s a function of the
input; r takes in all rounding. Symbols: one for each input that is not fixed, and a new one wherever max(z, 0) is relaxed. The difference
keeps the symbols of f (and of the inputs) and all others apart, so that what it shares with f's forms has the same places.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from math import lcm
from typing import NamedTuple

from ._budget import Budget
from ._network import Network
from ._packed import Form, Keys, Term, sums, term
from ._stages import ONE, Row, Stage, staged

Range = tuple[int, int]


class Apart(NamedTuple):
    """A difference: `own` over the places of f's forms, `other` over symbols that f's forms lack, and the error."""

    own: list[int]
    other: list[int]
    error: int


class Outputs(NamedTuple):
    """The forms of the outputs, and the ranges of their differences (of f where there is no g)."""

    f: list[Form]
    g: list[Form]
    differences: list[Range]


class _Lines(NamedTuple):
    """The rows of a stage; `change` is of a pair: (w - w') beside the weights w' of g."""

    denominator: int
    constants: list[int]
    inputs: list[list[tuple[int, int]]]
    keys: list[Keys]
    used: frozenset[int]
    weights: Term
    change: Term | None


class _Relaxed(NamedTuple):
    """max(a, 0) = slope a + shift + shift e, e the symbol at `place`; slope in units of 2^-bits."""

    slope: int
    shift: int
    place: int


class Joint:
    """Both networks as stages, ready for any number of boxes."""

    def __init__(self, f: Network, g: Network | None, bits: int, budget: Budget) -> None:
        self.bits, self.budget = bits, budget
        self._f = staged(f, budget, "f")
        self._g = None if g is None else staged(g, budget, "g")
        self.paired = self._g is not None and self._g.sizes == self._f.sizes
        #: the number of pairs of units
        self.pairs = sum(self._f.sizes) if self.paired else 0
        self._lines = [[_compiled(s, net.inputs) for s in (*net.stages, net.outputs)] for net in (self._f, self._g) if net is not None]
        self._both: list[_Lines] = []
        if self._g is not None and self.paired:
            steps = zip((*self._f.stages, self._f.outputs), (*self._g.stages, self._g.outputs), strict=True)
            self._both = [_difference(a, b, self._f.inputs) for a, b in steps]
        self._read = frozenset().union(*(line.used for lines in (*self._lines, self._both) for line in lines))
        #: a leaf costs no less than this
        self.least = sum(len(line.constants) for lines in (*self._lines, self._both) for line in lines)

    def outputs(self, lo: Sequence[int], hi: Sequence[int], couplings: int = 0) -> Outputs:
        """On the box lo <= x <= hi; bit p of ``couplings``: the pair of units p is coupled."""
        run = _Run(self, lo, hi)
        last = len(self._f.stages)
        if self._both:
            for k in range(last):
                couplings = run.pair_stage([lines[k] for lines in self._lines], self._both[k], couplings)
            a, b = (run.values(i, lines[last]) for i, lines in enumerate(self._lines))
            d = run.differences(self._both[last])
            return Outputs(a, b, [sharpened(reach(*x), reach(*y), run.reach(z))[2] for x, y, z in zip(a, b, d, strict=True)])
        found = []
        for i, lines in enumerate(self._lines):
            for line in lines[:-1]:
                run.stage(i, line)
            found.append(run.values(i, lines[-1]))
        if len(found) == 1:
            return Outputs(found[0], [], [reach(*form) for form in found[0]])
        a, b = found
        return Outputs(a, b, [run.reach(run.separate(x, y)) for x, y in zip(a, b, strict=True)])

    def reads(self, key: int) -> bool:
        """Whether anything is made of the value with this key."""
        return key in self._read


def _units(row: Row, inputs: int) -> Keys:
    return tuple(sorted(key for key in row if key >= inputs))


def _compiled(stage: Stage, inputs: int) -> _Lines:
    known: dict[Keys, Keys] = {}  # rows of the same keys share one tuple
    keys = [known.setdefault(k, k) for k in (_units(row, inputs) for row in stage.rows)]
    weights = term([tuple(row[k] for k in ks) for row, ks in zip(stage.rows, keys, strict=True)])
    constants, entries = [r.get(ONE, 0) for r in stage.rows], [_entries(r, inputs) for r in stage.rows]
    return _Lines(stage.denominator, constants, entries, keys, frozenset().union(*known), weights, None)


def _entries(row: Row, inputs: int) -> list[tuple[int, int]]:
    return [(key, n) for key, n in row.items() if 0 <= key < inputs and n]


def _difference(a: Stage, b: Stage, inputs: int) -> _Lines:
    """(w - w') and w' over the keys of both rows and one denominator."""
    common = lcm(a.denominator, b.denominator)
    p, q = common // a.denominator, common // b.denominator
    known: dict[Keys, Keys] = {}
    rows = [({k: p * n for k, n in r.items()}, {k: q * n for k, n in s.items()}) for r, s in zip(a.rows, b.rows, strict=True)]
    changes = [{k: r.get(k, 0) - s.get(k, 0) for k in r.keys() | s.keys()} for r, s in rows]
    keys = [known.setdefault(k, k) for k in (_units(c, inputs) for c in changes)]
    change = term([tuple(c[k] for k in ks) for c, ks in zip(changes, keys, strict=True)])
    weights = term([tuple(s.get(k, 0) for k in ks) for (_, s), ks in zip(rows, keys, strict=True)])
    constants, entries = [c.get(ONE, 0) for c in changes], [_entries(c, inputs) for c in changes]
    return _Lines(common, constants, entries, keys, frozenset().union(*known), weights, change)


def reach(slots: Sequence[int], error: int) -> Range:
    """The range of a form."""
    radius = sum(map(abs, slots)) - abs(slots[0]) + error
    return slots[0] - radius, slots[0] + radius


def lead(a: Form, b: Form) -> int:
    """What a - b is at least, for forms over the same symbols."""
    return reach([x - y for x, y in zip_longest(a.slots, b.slots, fillvalue=0)], a.error + b.error)[0]


def sharpened(a: Range, b: Range, d: Range) -> tuple[Range, Range, Range]:
    """The ranges of a, b and d = a - b, each made no larger by the two others."""
    low, high = max(d[0], a[0] - b[1]), min(d[1], a[1] - b[0])
    first = max(a[0], b[0] + low), min(a[1], b[1] + high)
    second = max(b[0], a[0] - high), min(b[1], a[1] - low)
    return first, second, (low, high)


class _Run:
    """One box: the forms of what has been passed."""

    def __init__(self, joint: Joint, lo: Sequence[int], hi: Sequence[int]) -> None:
        self.joint, self.bits, self.budget = joint, joint.bits, joint.budget
        self.centres = [(a + b) // 2 for a, b in zip(lo, hi, strict=True)]
        self.radii = [max(b - c, c - a) for a, b, c in zip(lo, hi, self.centres, strict=True)]
        self.places: list[int] = []  # of each input's symbol among the slots, 0 where it is fixed
        count = 1
        for radius in self.radii:
            self.places.append(count if radius else 0)
            count += 1 if radius else 0
        self.least = count
        self.count = [count, count]  # slots of f's forms, of g's
        self.other = 0  # slots of differences beside those of f
        self.known: list[dict[int, Form]] = [{}, {}]
        self.own: dict[int, Form] = {}  # differences, in two halves
        self.others: dict[int, Form] = {}
        self.next = [len(lo), len(lo)]  # keys

    def values(self, i: int, lines: _Lines) -> list[Form]:
        """The affine functions of a stage of network i."""
        found = sums(lines.keys, lines.used, [(lines.weights, self.known[i])], self.least, self.budget)
        return [self._rounded(lines, k, slots, error) for k, (slots, error) in enumerate(found)]

    def differences(self, lines: _Lines) -> list[Apart]:
        """(c - c') + (w - w') x + sum of (w - w') max(a, 0) + w' (max(a, 0) - max(b, 0))."""
        assert lines.change is not None
        own = sums(lines.keys, lines.used, [(lines.change, self.known[0]), (lines.weights, self.own)], self.least, self.budget)
        other = sums(lines.keys, lines.used, [(lines.weights, self.others)], 0, self.budget)
        found = []
        for k, ((slots, error), (more, _)) in enumerate(zip(own, other, strict=True)):
            form = self._rounded(lines, k, slots, error)
            inexact = len(more) - more.count(0)
            found.append(Apart(form.slots, [n // lines.denominator for n in more], form.error + inexact))
        return found

    def _rounded(self, lines: _Lines, k: int, slots: list[int], error: int) -> Form:
        """Row k with its constant and inputs, over the denominator; what is rounded is off by less than 1."""
        total = slots[0] + (lines.constants[k] << self.bits)
        self.budget.spend(len(lines.inputs[k]))
        for j, weight in lines.inputs[k]:
            total += weight * self.centres[j]
            if self.places[j]:
                slots[self.places[j]] += weight * self.radii[j]
        slots[0] = total
        inexact = len(slots) - slots.count(0)
        return Form([n // lines.denominator for n in slots], -(-error // lines.denominator) + inexact)

    def reach(self, d: Apart) -> Range:
        """The range of a difference."""
        low, high = reach(d.own, d.error)
        more = sum(map(abs, d.other))
        return low - more, high + more

    def separate(self, a: Form, b: Form) -> Apart:
        """a - b of networks that are not paired: they share the inputs' symbols."""
        least = self.least
        own = [x - y for x, y in zip_longest(a.slots, b.slots[:least], fillvalue=0)]
        return Apart(own, b.slots[least:], a.error + b.error)

    def stage(self, i: int, lines: _Lines) -> None:
        """The units of a stage of network i alone."""
        for form in self.values(i, lines):
            self._unit(i, form, reach(*form))
            self.next[i] += 2

    def pair_stage(self, lines: Sequence[_Lines], both: _Lines, couplings: int) -> int:
        """The units of a stage of both networks; the couplings of the stages behind."""
        forms = zip(self.values(0, lines[0]), self.values(1, lines[1]), self.differences(both), strict=True)
        for a, b, d in forms:
            ranges = sharpened(reach(*a), reach(*b), self.reach(d))
            key = self.next[0]
            first, second = self._unit(0, a, ranges[0]), self._unit(1, b, ranges[1])
            if self.joint.reads(key):
                delta = self._coupled(d, ranges[2]) if couplings & 1 else self._relaxed(a, d, first, second)
                if delta is not None:
                    self._keep(key, delta)
            if self.joint.reads(key + 1):
                self._keep(key + 1, d)
            self.next = [key + 2, key + 2]
            couplings >>= 1
        return couplings

    def _keep(self, key: int, d: Apart) -> None:
        self.own[key] = Form(d.own, d.error)
        if d.other:
            self.others[key] = Form(d.other, 0)

    def _unit(self, i: int, a: Form, ends: Range) -> _Relaxed:
        """Keep the forms of a and of max(a, 0) that are read later."""
        relaxed, key = self._line(i, ends), self.next[i]
        if self.joint.reads(key + 1):
            self.known[i][key + 1] = a
        if self.joint.reads(key) and (relaxed.slope or relaxed.place):
            self.known[i][key] = self._above(a, relaxed) if relaxed.place else a
        return relaxed

    def _line(self, i: int, ends: Range) -> _Relaxed:
        """max(x, 0) - slope x lies between 0 and the larger of (1 - slope) u and -slope l, for l <= x <= u."""
        low, high = ends
        one = 1 << self.bits
        if low >= 0:
            return _Relaxed(one, 0, 0)
        if high <= 0:
            return _Relaxed(0, 0, 0)
        slope = (high << self.bits) // (high - low)
        most = max((one - slope) * high, -slope * low)
        self.count[i] += 1
        return _Relaxed(slope, -(-most >> (self.bits + 1)), self.count[i] - 1)

    def _above(self, a: Form, relaxed: _Relaxed) -> Form:
        slope, shift, place = relaxed
        slots = [n * slope >> self.bits for n in a.slots]
        error = (a.error * slope >> self.bits) + 1 + len(slots)
        slots[0] += shift
        return Form(_added(slots, place, shift), error)

    def _coupled(self, d: Apart, ends: Range) -> Apart:
        """max(a, 0) - max(b, 0) lies between 0 and d: d/2 + e |d|/2."""
        own, other = ([n >> 1 for n in slots] for slots in (d.own, d.other))
        error = (d.error + 1) // 2 + len(own) - d.own.count(0) + len(other) - d.other.count(0)
        self.other += 1
        return Apart(own, _added(other, self.other - 1, (max(abs(ends[0]), abs(ends[1])) + 1) // 2), error)

    def _relaxed(self, a: Form, d: Apart, first: _Relaxed, second: _Relaxed) -> Apart | None:
        """slope_f a - slope_g (a - d) and both shifts with their symbols."""
        p, q = first.slope, second.slope
        if p == q and not first.place and not second.place:
            return d if p else None
        change = p - q
        exact = [change * x + q * y for x, y in zip_longest(a.slots, d.own, fillvalue=0)] if change else [q * y for y in d.own]
        own, other = [n >> self.bits for n in exact], [q * n >> self.bits for n in d.other]
        error = (abs(change) * a.error + q * d.error >> self.bits) + 1 + len(own) - exact.count(0) + len(other) - other.count(0)
        own[0] += first.shift - second.shift
        if first.place:
            own = _added(own, first.place, first.shift)
        if second.place:
            self.other += 1
            other = _added(other, self.other - 1, -second.shift)
        return Apart(own, other, error)


def _added(slots: list[int], place: int, coefficient: int) -> list[int]:
    """The slots with a new symbol's coefficient at its place behind them."""
    return [*slots, *[0] * (place - len(slots)), coefficient]
