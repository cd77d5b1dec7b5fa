"""Joint zonotopes: the values of f, of g and of their difference on a box, as affine functions of shared symbols, unit by unit.

All numbers are integers that count units of 2^-bits. A form is c + sum g_s e_s + [-r, r], every e_s in [-1, 1], each e_s a function of the
input; r takes in all rounding. Symbols: one for each input that is not fixed, and a new one wherever max(z, 0) is relaxed. The difference
keeps the symbols of f (and of the inputs) and all others apart, so that what it shares with f's forms has the same places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from math import lcm
from typing import NamedTuple

from . import _budget
from ._intervals import Bounds
from ._network import Network
from ._packed import Form, Rows, Slots
from ._relu import positive, risen
from ._stages import ONE, Row, Stage, staged

UNIT = 2**8  # an affine function costs so many products, whatever it reads
DENSE = 4  # a matrix is treated as a whole if it has at most so many entries for each that is not 0
DIFFERENCE = 2  # where the differences stand behind f and g


class Outputs(NamedTuple):
    """The forms of the outputs, and the ranges of their differences (of f where there is no g)."""

    f: list[Form]
    g: list[Form]
    differences: Bounds


class _Line(NamedTuple):
    """max(a, 0) = slope a + shift + shift e, e the symbol at `place`; slope in units of 2^-bits."""

    slope: int
    shift: int
    place: int


class Joint:
    """Both networks as stages, ready for any number of boxes."""

    def __init__(self, f: Network, g: Network | None, bits: int) -> None:
        self.bits, self.step = bits, "boxes"
        nets = [staged(net, f"boxes: {name}") for net, name in ((f, "f"), (g, "g")) if net is not None]
        programs = [[*net.stages, net.outputs] for net in nets]
        self.paired = len(nets) == 2 and nets[0].sizes == nets[1].sizes
        #: the number of pairs of units
        self.pairs = sum(nets[0].sizes) if self.paired else 0
        self.rows = [[_compiled([stage]) for stage in program] for program in programs]
        if self.paired:
            self.rows.append([_compiled([_change(a, b), b]) for a, b in zip(*programs, strict=True)])
        #: of networks that are paired both and their difference go on together, else one network after the other
        together = [programs] if self.paired else [[program] for program in programs]
        self.ahead = [_ahead(group) for group in together]
        #: a box costs no less than so many products
        self.least = UNIT * sum(len(rows.places) for program in self.rows for stage in program for rows in stage)

    def outputs(self, box: Bounds, couplings: int = 0) -> Outputs:
        """On the box; bit p of ``couplings``: the pair of units p is coupled."""
        run, last = _Run(self, box), len(self.rows[0]) - 1
        if self.paired:
            for k in range(last):
                couplings = run.pairs(k, couplings)
            (f, g, _), (_, _, ends) = run.read_pairs(last)
            return Outputs(f, g, ends)
        f, ends = run.alone(0)
        if len(self.rows) == 1:
            return Outputs(f, [], ends)
        g, others = run.alone(1)
        apart = bounds(reach(minus(a, b, run.slots)) for a, b in zip(f, g, strict=True))
        return Outputs(f, g, apart.within(ends.apart(others)))


def _change(a: Stage, b: Stage) -> Stage:
    """The affine functions of a less those of b."""
    common = lcm(a.denominator, b.denominator)
    p, q = common // a.denominator, common // b.denominator
    rows = [{key: p * u.get(key, 0) - q * v.get(key, 0) for key in u.keys() | v.keys()} for u, v in zip(a.rows, b.rows, strict=True)]
    return Stage(rows, common)  # keys of weight 0 stay: what is about both a and b reads them all


def _compiled(stages: Sequence[Stage]) -> list[Rows]:
    """The rows of a stage, or of one and of another whose sum they are."""
    stage, *others = stages
    found = []
    for keys, places in _grouped(stage.rows):
        parts = [(keys, [stage.rows[i] for i in places])]
        for other in others:
            factor = stage.denominator // other.denominator
            parts.append((keys, [{key: factor * n for key, n in other.rows[i].items()} for i in places]))
        found.append(Rows(places, stage.denominator, parts))
    return found


def _grouped(rows: Sequence[Row]) -> list[tuple[list[int], list[int]]]:
    """Rows that are treated as one matrix: all of them, if few of its entries are 0; else those with the same keys."""
    union = set().union(*rows)
    if len(union) * len(rows) <= DENSE * sum(map(len, rows)):
        return [(sorted(union), list(range(len(rows))))]
    found: dict[tuple[int, ...], list[int]] = {}
    for i, row in enumerate(rows):
        found.setdefault(tuple(sorted(row)), []).append(i)
    return [(list(keys), places) for keys, places in found.items()]


def _ahead(programs: Sequence[Sequence[Stage]]) -> list[set[int]]:
    """The keys that each stage, or one behind it, reads in one of the programs."""
    found: list[set[int]] = [{ONE}]
    for stages in zip(*map(reversed, programs), strict=True):
        found.append(found[-1].union(*(row for stage in stages for row in stage.rows)))
    return found[::-1]


def reach(form: Form) -> tuple[int, int]:
    """The range of a form."""
    centre, *slots = form.own or (0,)
    radius = sum(map(abs, slots)) + sum(map(abs, form.other)) + form.error
    return centre - radius, centre + radius


def minus(a: Form, b: Form, shared: int) -> Form:
    """a - b, of which so many slots are about the same symbols."""
    own = [x - y for x, y in zip_longest(a.own, b.own[:shared], fillvalue=0)]
    return Form(own, b.own[shared:], a.error + b.error)


def bounds(ends: Iterable[tuple[int, int]]) -> Bounds:
    """As two lists."""
    return Bounds(*map(list, zip(*ends, strict=True)))


def sharpened(a: Bounds, b: Bounds, d: Bounds) -> tuple[Bounds, Bounds, Bounds]:
    """The ranges of a, b and d = a - b, each made no larger by the two others."""
    d = d.within(a.apart(b))
    return a.within(b.plus(d)), b.within(a.apart(d)), d


class _Run:
    """One box: what has been passed."""

    def __init__(self, joint: Joint, box: Bounds) -> None:
        self.joint, self.bits, self.one = joint, joint.bits, 1 << joint.bits
        self.before = _budget.account().held
        self.largest = self.one  # no affine function is larger; units and their differences have coefficients below four times as much
        self.next = [len(box.lo)] * 3  # keys
        self.slots = 1  # of the inputs
        known = {ONE: Form([self.one]).within(self.one, self.one)}
        for j, (low, high) in enumerate(zip(*box, strict=True)):
            centre = (low + high) // 2
            radius = max(high - centre, centre - low)
            known[j] = Form(_added([centre], self.slots, radius) if radius else [centre]).within(low, high)
            self.slots += radius > 0
            self.largest = max(self.largest, abs(centre) + radius)
        self.known: list[dict[int, Form]] = [known, known.copy(), {}]
        self.count = [self.slots, self.slots, 0]  # slots of f's forms, of g's, and of differences beside those of f

    def read(self, i: int, k: int, known: Sequence[Mapping[int, Form]]) -> tuple[list[Form], Bounds]:
        """The affine functions of a stage: forms, and ranges, within those that intervals alone give."""
        placed: dict[int, Form] = {}
        for rows in self.joint.rows[i][k]:
            placed.update(zip(rows.places, rows.forms(known, self.largest, self.joint.step), strict=True))
        forms = [placed[p] for p in range(len(placed))]
        ranges = bounds(map(reach, forms))
        self.largest = max(self.largest, -min(ranges.lo), max(ranges.hi))
        return forms, ranges.within(bounds(((form.sum - form.length) // 2, (form.sum + form.length) // 2) for form in forms))

    def read_pairs(self, k: int) -> tuple[list[list[Form]], tuple[Bounds, Bounds, Bounds]]:
        """Those of both networks and of their differences, (w - w') f + w' (f - g)."""
        f, g, apart = self.known
        (a, p), (b, q), (d, r) = (self.read(i, k, known) for i, known in enumerate(([f], [g], [f, apart])))
        return [a, b, d], sharpened(p, q, r)

    def pairs(self, k: int, couplings: int) -> int:
        """The units of a stage of both networks; the couplings of the stages behind."""
        forms, (p, q, r) = self.read_pairs(k)
        ends = [zip(*x, strict=True) for x in (p, q, r, positive(p), positive(q), risen(p, q, r))]
        for a, b, d, first, second, third, *above in zip(*forms, *ends, strict=True):
            lines = self.line(0, *first), self.line(1, *second)
            delta = self.coupled(d, *third) if couplings & 1 else self.relaxed(a, d, *lines)
            for i, form in enumerate((self.above(a, lines[0]), self.above(b, lines[1]), delta)):
                self.keep(i, form, *above[i])
            couplings >>= 1
        self.forget((0, 1, 2), self.joint.ahead[0][k + 1])
        return couplings

    def alone(self, i: int) -> tuple[list[Form], Bounds]:
        """The outputs of network i, which is not paired."""
        for k in range(len(self.joint.rows[i])):
            forms, ends = self.read(i, k, [self.known[i]])
            if k + 1 < len(self.joint.rows[i]):
                for form, pair, above in zip(forms, zip(*ends, strict=True), zip(*positive(ends), strict=True), strict=True):
                    self.keep(i, self.above(form, self.line(i, *pair)), *above)
                self.forget([i], self.joint.ahead[i][k + 1])
        return forms, ends

    def keep(self, i: int, form: Form | None, low: int, high: int) -> None:
        """What the next key stands for, unless it is 0."""
        if form is not None:
            self.known[i][self.next[i]] = form.within(low, high)
        self.next[i] += 1

    def forget(self, networks: Iterable[int], ahead: set[int]) -> None:
        """Keep nothing of these but what is read later."""
        for i in networks:
            self.known[i] = {key: form for key, form in self.known[i].items() if key in ahead}
        numbers = sum(form.room for known in self.known for form in known.values())
        _budget.account().held = self.before + numbers * (1 + self.bits // 256)

    def line(self, i: int, low: int, high: int) -> _Line:
        """max(x, 0) - slope x lies between 0 and the larger of (1 - slope) u and -slope l, for l <= x <= u."""
        if low >= 0 or high <= 0:
            return _Line(self.one if low >= 0 else 0, 0, 0)
        slope = self.one * high // (high - low)
        most = max((self.one - slope) * high, -slope * low)
        self.count[i] += 1
        return _Line(slope, -(-most // (2 * self.one)), self.count[i] - 1)

    def above(self, a: Form, line: _Line) -> Form | None:
        """max(a, 0); None for 0."""
        if not line.place:
            return a if line.slope else None
        own = [n * line.slope >> self.bits for n in a.own]
        error = (a.error * line.slope >> self.bits) + 1 + len(own)
        own[0] += line.shift
        return Form(_added(own, line.place, line.shift), (), error)

    def coupled(self, d: Form, low: int, high: int) -> Form:
        """max(a, 0) - max(b, 0) lies between 0 and d: d/2 + e |d|/2."""
        own, other = ([n >> 1 for n in slots] for slots in d[:2])
        error = (d.error + 1) // 2 + len(own) - d.own.count(0) + len(other) - d.other.count(0)
        self.count[DIFFERENCE] += 1
        return Form(own, _added(other, self.count[DIFFERENCE] - 1, (max(-low, high) + 1) // 2), error)

    def relaxed(self, a: Form, d: Form, first: _Line, second: _Line) -> Form | None:
        """slope_f a - slope_g (a - d) and both shifts with their symbols; None for 0."""
        p, q = first.slope, second.slope
        if p == q and not first.place and not second.place:
            return d if p else None
        change = p - q
        exact = [change * x + q * y for x, y in zip_longest(a.own, d.own, fillvalue=0)] if change else [q * y for y in d.own]
        apart = [q * n for n in d.other]
        own, other = ([n >> self.bits for n in slots] for slots in (exact, apart))
        error = (abs(change) * a.error + q * d.error >> self.bits) + 1 + len(own) - exact.count(0) + len(other) - apart.count(0)
        own[0] += first.shift - second.shift
        if first.place:
            own = _added(own, first.place, first.shift)
        if second.place:
            self.count[DIFFERENCE] += 1
            other = _added(other, self.count[DIFFERENCE] - 1, -second.shift)
        return Form(own, other, error)


def _added(slots: Slots, place: int, coefficient: int) -> list[int]:
    """The slots with a new symbol's coefficient at its place behind them."""
    return [*slots, *[0] * (place - len(slots)), coefficient]
