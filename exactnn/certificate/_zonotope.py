"""Joint zonotopes: the values of f, of g and of their difference on a box, as affine functions of shared symbols, unit by unit.

All numbers are integers that count units of 2^-bits. A form is c + sum g_s e_s + [-r, r], every e_s in [-1, 1], each e_s a function of the
input; r takes in all rounding. Symbols: one for each input that is not fixed, and a new one wherever max(z, 0) is relaxed. The difference
keeps the symbols of f (and of the inputs) and all others apart, so that what it shares with f's forms has the same places.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, zip_longest
from math import lcm
from typing import NamedTuple, TypeVar

from . import _budget
from ._network import Network
from ._packed import Columns, Form, Keys, Range, Rows, Sides
from ._stages import ONE, Row, Stage, staged

T = TypeVar("T")
UNIT = 2**8  # an affine function costs so many products, whatever it reads
DENSE = 4  # a matrix is treated as a whole if it has at most so many entries for each that is not 0


class Apart(NamedTuple):
    """A difference: `own` over the places of f's forms, `other` over symbols that f's forms lack, and the error."""

    own: Sequence[int]
    other: Sequence[int]
    error: int


class Outputs(NamedTuple):
    """The forms of the outputs, and the ranges of their differences (of f where there is no g)."""

    f: list[Form]
    g: list[Form]
    differences: list[Range]


class _Lines(NamedTuple):
    """The affine functions of a stage, those together that read the same keys."""

    size: int
    rows: list[Rows]

    def values(self, forms: dict[int, Form], sides: Sides, step: str) -> list[Form]:
        """The forms, from those of the keys."""
        return self._placed([(rows, rows.combined([(rows.weights, forms)], sides, step)) for rows in self.rows])

    def changes(self, forms: dict[int, Form], own: dict[int, Form], sides: Sides, step: str) -> list[Form]:
        """sum of (w - w') form + w' own, in the slots of f's forms."""
        return self._placed(
            [(rows, rows.combined([(rows.change, forms), (rows.weights, own)], sides, step)) for rows in self.rows if rows.change]
        )

    def others(self, other: dict[int, Form], step: str) -> list[Form]:
        """sum of w' other."""
        return self._placed([(rows, rows.combined([(rows.weights, other)], None, step)) for rows in self.rows])

    def spans(self, of: dict[int, Range], delta: dict[int, Range] | None, box: Sequence[Range], one: int, step: str) -> list[Range]:
        """The intervals, from those of the keys; of a difference with those of max(a, 0) and of max(a, 0) - max(b, 0)."""
        found = []
        for rows in self.rows:
            pairs = [(rows.weights, of)] if rows.change is None or delta is None else [(rows.change, of), (rows.weights, delta)]
            found.append((rows, rows.spans(pairs, box, one, step)))
        return self._placed(found)

    def _placed(self, parts: list[tuple[Rows, list[T]]]) -> list[T]:
        placed = {i: value for rows, values in parts for i, value in zip(rows.places, values, strict=True)}
        return [placed[i] for i in range(self.size)]


class _Relaxed(NamedTuple):
    """max(a, 0) = slope a + shift + shift e, e the symbol at `place`; slope in units of 2^-bits."""

    slope: int
    shift: int
    place: int


class Joint:
    """Both networks as stages, ready for any number of boxes."""

    def __init__(self, f: Network, g: Network | None, bits: int) -> None:
        self.bits, self.step = bits, "boxes"
        self._f = staged(f, "boxes: f")
        self._g = None if g is None else staged(g, "boxes: g")
        self.paired = self._g is not None and self._g.sizes == self._f.sizes
        #: the number of pairs of units
        self.pairs = sum(self._f.sizes) if self.paired else 0
        self._lines = [[_compiled(s, net.inputs) for s in (*net.stages, net.outputs)] for net in (self._f, self._g) if net is not None]
        self._both: list[_Lines] = []
        if self._g is not None and self.paired:
            steps = zip((*self._f.stages, self._f.outputs), (*self._g.stages, self._g.outputs), strict=True)
            self._both = [_difference(a, b, self._f.inputs) for a, b in steps]
        # of networks that are paired both and their difference go on together, else one network after the other
        self._ahead = [_ahead([*self._lines, self._both])] if self._both else [_ahead([lines]) for lines in self._lines]
        self._read = set().union(*(ahead[0] for ahead in self._ahead))
        #: a box costs no less than so many products
        self.least = UNIT * sum(line.size for lines in (*self._lines, self._both) for line in lines)

    def outputs(self, lo: Sequence[int], hi: Sequence[int], couplings: int = 0) -> Outputs:
        """On the box lo <= x <= hi; bit p of ``couplings``: the pair of units p is coupled."""
        run = _Run(self, lo, hi)
        last = len(self._f.stages)
        if self._both:
            for k in range(last):
                couplings = run.pair_stage([lines[k] for lines in self._lines], self._both[k], couplings)
                run.forget((0, 1), self._ahead[0][k + 1])
            ends = run.pairs([lines[last] for lines in self._lines], self._both[last])
            return Outputs([a for a, *_ in ends], [b for _, b, *_ in ends], [ranges[2] for *_, ranges in ends])
        found = []
        for i, lines in enumerate(self._lines):
            for k, line in enumerate(lines[:-1]):
                run.stage(i, line)
                run.forget((i,), self._ahead[i][k + 1])
            found.append(run.values(i, lines[-1]))
        if len(found) == 1:
            return Outputs([a for a, _ in found[0]], [], [ends for _, ends in found[0]])
        pairs = [(a, b, sharpened(p, q, run.reach(run.separate(a, b)))[2]) for (a, p), (b, q) in zip(*found, strict=True)]
        return Outputs([a for a, *_ in pairs], [b for _, b, _ in pairs], [d for *_, d in pairs])

    def reads(self, key: int) -> bool:
        """Whether anything is made of the value with this key."""
        return key in self._read


def _ahead(programs: Sequence[Sequence[_Lines]]) -> list[set[int]]:
    """The keys that each stage, or one behind it, reads in one of the programs."""
    found: list[set[int]] = [set()]
    for lines in zip(*map(reversed, programs), strict=True):
        found.append(found[-1].union(*(rows.weights.keys for line in lines for rows in line.rows)))
    return found[::-1]


def _compiled(stage: Stage, inputs: int) -> _Lines:
    """The rows of a stage."""
    return _Lines(len(stage.rows), [_rows(places, keys, stage, None, inputs) for keys, places in _grouped(stage.rows)])


def _difference(a: Stage, b: Stage, inputs: int) -> _Lines:
    """(w - w') and w', over one denominator."""
    common = lcm(a.denominator, b.denominator)
    p, q = common // a.denominator, common // b.denominator
    weights = [{k: q * n for k, n in row.items()} for row in b.rows]
    changes = []
    for first, second in zip(a.rows, weights, strict=True):
        # keys of weight 0 stay: both matrices are about the same keys
        changes.append({k: p * first.get(k, 0) - second.get(k, 0) for k in first.keys() | second.keys()})
    stages = Stage(changes, common), Stage(weights, common)
    return _Lines(len(changes), [_rows(places, keys, *stages, inputs) for keys, places in _grouped(changes)])


def _grouped(rows: Sequence[Row]) -> list[tuple[Keys, list[int]]]:
    """Rows that are treated as one matrix: all of them, if few of its entries are 0; else those with the same keys."""
    union = set().union(*rows)
    if len(union) * len(rows) <= DENSE * sum(map(len, rows)):
        return [(tuple(sorted(union)), list(range(len(rows))))]
    found: dict[Keys, list[int]] = {}
    for i, row in enumerate(rows):
        found.setdefault(tuple(sorted(row)), []).append(i)
    return list(found.items())


def _rows(places: list[int], keys: Keys, first: Stage, second: Stage | None, inputs: int) -> Rows:
    """The rows at these places; with a second stage its weights are the weights, and those of the first one the change."""
    # a power of 2 becomes one of 256, which is divided by quickly
    bits = first.denominator.bit_length() - 1
    grain = 1 << -bits % 8 if first.denominator == 1 << bits else 1

    def columns(stage: Stage, chosen: Keys) -> Columns:
        return Columns(chosen, [[grain * stage.rows[i].get(key, 0) for i in places] for key in chosen])

    units = tuple(key for key in keys if key >= inputs)
    constants = [grain * first.rows[i].get(ONE, 0) for i in places]
    entries = columns(first, tuple(key for key in keys if 0 <= key < inputs))
    if second is None:
        return Rows(places, grain * first.denominator, constants, entries, columns(first, units))
    return Rows(places, grain * first.denominator, constants, entries, columns(second, units), columns(first, units))


def reach(slots: Sequence[int], error: int) -> Range:
    """The range of a form."""
    radius = sum(map(abs, slots)) - abs(slots[0]) + error
    return slots[0] - radius, slots[0] + radius


def _common(a: Range, b: Range) -> Range:
    return max(a[0], b[0]), min(a[1], b[1])


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
        self.joint, self.bits, self.step = joint, joint.bits, joint.step
        centres = [(a + b) // 2 for a, b in zip(lo, hi, strict=True)]
        radii = [max(b - c, c - a) for a, b, c in zip(lo, hi, centres, strict=True)]
        places = [k if radius else 0 for k, radius in zip(accumulate(1 if radius else 0 for radius in radii), radii, strict=True)]
        count = 1 + sum(radius > 0 for radius in radii)
        self.sides = Sides(centres, radii, places, count, 1 << self.bits)
        self.count = [count, count]  # slots of f's forms, of g's
        self.other = 0  # slots of differences beside those of f
        self.known: list[dict[int, Form]] = [{}, {}]
        self.own: dict[int, Form] = {}  # differences, in two halves
        self.others: dict[int, Form] = {}
        self.box = list(zip(lo, hi, strict=True))
        self.spans: list[dict[int, Range]] = [{}, {}]  # intervals of max(z, 0)
        self.apart: dict[int, Range] = {}  # and of max(a, 0) - max(b, 0)
        self.next = [len(lo), len(lo)]  # keys
        self.before = _budget.account().held

    def forget(self, networks: Sequence[int], ahead: set[int]) -> None:
        """Keep nothing of these networks, and of a difference, but what is read later."""
        for kept in (*(side[i] for i in networks for side in (self.known, self.spans)), self.own, self.others, self.apart):
            for key in kept.keys() - ahead:
                del kept[key]
        numbers = sum(len(form.slots) for forms in (*self.known, self.own, self.others) for form in forms.values())
        _budget.account().held = self.before + numbers * (1 + self.bits // 256)

    def values(self, i: int, lines: _Lines) -> list[tuple[Form, Range]]:
        """The affine functions of a stage of network i, and their ranges."""
        forms = lines.values(self.known[i], self.sides, self.step)
        spans = lines.spans(self.spans[i], None, self.box, self.sides.one, self.step)
        return [(form, _common(reach(*form), span)) for form, span in zip(forms, spans, strict=True)]

    def pairs(self, lines: Sequence[_Lines], both: _Lines) -> list[tuple[Form, Form, Apart, tuple[Range, Range, Range]]]:
        """Those of both networks, and of their differences, the ranges sharpened."""
        spans = both.spans(self.spans[0], self.apart, self.box, self.sides.one, self.step)
        found = []
        for (a, p), (b, q), d, span in zip(*map(self.values, (0, 1), lines), self.differences(both), spans, strict=True):
            found.append((a, b, d, sharpened(p, q, _common(self.reach(d), span))))
        return found

    def differences(self, lines: _Lines) -> list[Apart]:
        """(c - c') + (w - w') x + sum of (w - w') max(a, 0) + w' (max(a, 0) - max(b, 0))."""
        own = lines.changes(self.known[0], self.own, self.sides, self.step)
        other = lines.others(self.others, self.step)
        return [Apart(a.slots, b.slots, a.error + b.error) for a, b in zip(own, other, strict=True)]

    def reach(self, d: Apart) -> Range:
        """The range of a difference."""
        low, high = reach(d.own, d.error)
        more = sum(map(abs, d.other))
        return low - more, high + more

    def separate(self, a: Form, b: Form) -> Apart:
        """a - b of networks that are not paired: they share the inputs' symbols."""
        shared = self.sides.slots
        own = [x - y for x, y in zip_longest(a.slots, b.slots[:shared], fillvalue=0)]
        return Apart(own, b.slots[shared:], a.error + b.error)

    def stage(self, i: int, lines: _Lines) -> None:
        """The units of a stage of network i alone."""
        for form, ends in self.values(i, lines):
            self._unit(i, form, ends)
            self.next[i] += 1

    def pair_stage(self, lines: Sequence[_Lines], both: _Lines, couplings: int) -> int:
        """The units of a stage of both networks; the couplings of the stages behind."""
        for a, b, d, ranges in self.pairs(lines, both):
            key = self.next[0]
            first, second = self._unit(0, a, ranges[0]), self._unit(1, b, ranges[1])
            if self.joint.reads(key):
                delta = self._coupled(d, ranges[2]) if couplings & 1 else self._relaxed(a, d, first, second)
                if delta is not None:
                    self._keep(key, delta)
                self.apart[key] = _between(*ranges)
            self.next = [key + 1, key + 1]
            couplings >>= 1
        return couplings

    def _keep(self, key: int, d: Apart) -> None:
        self.own[key] = Form(d.own, d.error)
        if d.other:
            self.others[key] = Form(d.other, 0)

    def _unit(self, i: int, a: Form, ends: Range) -> _Relaxed:
        """Keep the form and the interval of max(a, 0), if it is read later and not 0."""
        relaxed, key = self._line(i, ends), self.next[i]
        if self.joint.reads(key) and ends[1] > 0:
            form = self._above(a, relaxed) if relaxed.place else a
            self.known[i][key], self.spans[i][key] = form, (max(ends[0], 0), ends[1])
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
        apart = [q * n for n in d.other]
        own, other = ([n >> self.bits for n in slots] for slots in (exact, apart))
        error = (abs(change) * a.error + q * d.error >> self.bits) + 1 + len(own) - exact.count(0) + len(other) - apart.count(0)
        own[0] += first.shift - second.shift
        if first.place:
            own = _added(own, first.place, first.shift)
        if second.place:
            self.other += 1
            other = _added(other, self.other - 1, -second.shift)
        return Apart(own, other, error)


def _between(a: Range, b: Range, d: Range) -> Range:
    """max(a, 0) - max(b, 0) = s d, s in [0, 1] a mean slope between a and b: 1 where both are >= 0, 0 where both are <= 0."""
    if max(a[1], b[1]) <= 0:
        return 0, 0
    slope = d if min(a[0], b[0]) >= 0 else (min(d[0], 0), max(d[1], 0))
    return _common(slope, (max(a[0], 0) - max(b[1], 0), max(a[1], 0) - max(b[0], 0)))


def _added(slots: Sequence[int], place: int, coefficient: int) -> list[int]:
    """The slots with a new symbol's coefficient at its place behind them."""
    return [*slots, *[0] * (place - len(slots)), coefficient]
