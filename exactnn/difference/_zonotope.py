"""Joint zonotopes: f, g and f - g on many boxes at once, as affine forms in shared symbols.

    value = c + sum_s g_s e_s + [-r, r],  e_s in [-1, 1]:  one symbol for each input, for each unit of f and of g that is not stable,
    and for each difference max(a, 0) - max(b, 0) that is bounded by d = a - b alone

    max(a, 0) = lam a + h + h e,          lam = u/(u - l),  2 h = -lam l             for l < 0 < u
    delta     = (lam_f - lam_g) a + lam_g d + h_f - h_g + h_f e_f - h_g e_g           (separate)
    delta     = d/2 + k e,                2 k = max(|dl|, |du|)                       (coupled: delta lies between 0 and d)

In float64; the remainder r takes every rounding and underflow, so that the ranges hold; it is 0 only for values that are 0 everywhere.
The checker repeats the pass in integers.

References: docs/theory.md 19; the joint propagation is that of VeryDiff (Teuber et al. 2024), in floats there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from exactnn.difference._pass import NotBounded
from exactnn.difference._stages import LARGEST, ROUND, TINY, Combination, Floats, Stages

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Rows = np.ndarray[Any, np.dtype[np.intp]]


class Range(NamedTuple):
    """lo <= values <= hi, both (entries, boxes)."""

    lo: Floats
    hi: Floats

    def at(self, rows: Rows) -> Range:
        """These entries."""
        return Range(self.lo[rows], self.hi[rows])

    @property
    def positive(self) -> Range:
        """That of max(., 0)."""
        return Range(np.maximum(self.lo, 0), np.maximum(self.hi, 0))


class Form:
    """Entries on boxes: parts[i] (entries, boxes, symbols of group i), the first symbol of group 0 being the centre; rest (entries, boxes).

    Group 0: centre and inputs; then a network's own symbols; a difference has those of f and then all others. A form may know fewer
    symbols of a group than there are; the others have coefficient 0.
    """

    def __init__(self, parts: Sequence[Floats], rest: Floats, rows: Rows | None = None, size: Floats | None = None) -> None:
        """`rows`: which entries of a value these are, the others being 0; None for all. `size`: at least what `size` would find."""
        self.parts, self.rest, self.rows = tuple(parts), rest, rows
        if size is not None:
            self.size = size

    def at(self, rows: Rows) -> Form:
        """These entries; what is known of them is kept."""
        parts = self.parts if len(rows) == len(self.rest) else [p[rows] for p in self.parts]
        found = Form(parts, self.rest[rows], rows)
        found.spread = self.spread[rows]
        return found

    @cached_property
    def spread(self) -> Floats:
        """sum |g_s|, up to the rounding of the sum."""
        return _spread(self.parts)

    @cached_property
    def size(self) -> Floats:
        """|c| + sum |g_s| + r, up to the rounding of the sum."""
        return self.spread + np.abs(self.parts[0][:, :, 0]) + self.rest

    def range(self) -> Range:
        """The least and the largest value."""
        centre = self.parts[0][:, :, 0]
        symbols = sum(p.shape[2] for p in self.parts)
        spread = (self.spread + self.rest) * (1 + (symbols + 8) * ROUND) + np.abs(centre) * (8 * ROUND)
        found = Range(centre - spread, centre + spread)
        if not (np.abs(found.lo).max(initial=0) < LARGEST and np.abs(found.hi).max(initial=0) < LARGEST):
            raise NotBounded("a value of a network may be beyond the range of float64")
        return found


class Symbols(NamedTuple):
    """New symbols: the entries and boxes that have one, its place in its group and its coefficient; how many the group has now."""

    rows: Rows
    boxes: Rows
    places: Rows
    coefficients: Floats
    end: int

    def put(self, part: Floats, factor: Floats | None = None) -> None:
        """Write the coefficients into a part of that group where they are still 0, times a factor (entries, boxes)."""
        at = self.rows, self.boxes
        part[(*at, self.places)] = self.coefficients if factor is None else self.coefficients * factor[at]


class Relaxed(NamedTuple):
    """max(t, 0) lies in lam t + half + half e, e a new symbol where half > 0."""

    lam: Floats
    half: Floats
    symbols: Symbols


class Pass(NamedTuple):
    """What one pass over a batch of boxes found.

    Attributes
    ----------
    outputs : ranges of f, of g (None for one network) and of the difference (f itself for one network)
    forms : the forms of these, in this order
    couplings : (boxes, units), which differences are coupled
    scores : (inputs, boxes), how much each input moves the units that are not stable
    work : (boxes,), at least the products that the checker counts
    """

    outputs: tuple[Range, Range | None, Range]
    forms: tuple[Form, Form | None, Form]
    couplings: Mask
    scores: Floats
    work: Floats


def joint_pass(stages: Stages, lo: Floats, hi: Floats) -> Pass:
    """The joint zonotopes on the boxes lo <= x <= hi, both (inputs, boxes). NotBounded where a range leaves that of float64."""
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is seen by the ranges
        return _Walk(stages, lo, hi).run()


class _Walk:
    def __init__(self, stages: Stages, lo: Floats, hi: Floats) -> None:
        self.stages, (inputs, boxes) = stages, lo.shape
        centre = (lo + hi) / 2
        radius = np.maximum(hi - centre, centre - lo) * (1 + 4 * ROUND)
        first = np.zeros((inputs, boxes, 1 + inputs))
        first[:, :, 0] = centre
        first[np.arange(inputs), :, 1 + np.arange(inputs)] = radius
        self.box = Range(lo, hi)
        self.x = Form([first, np.zeros((inputs, boxes, 0))], np.zeros((inputs, boxes)))
        self.ends = [0] * 3  # symbols so far of f, of g, of differences beside those of f
        self.boxes = boxes
        self.scores: Floats = np.zeros((inputs, boxes))
        self.couplings: list[Mask] = []
        self.work = _Work(inputs, boxes)

    def run(self) -> Pass:
        nets = self.stages.nets
        if len(nets) == 1:
            (a,) = self._apart([0])
            return Pass((a.range(), None, a.range()), (a, None, a), self._coupled(), self.scores, self.work.total)
        if self.stages.paired:
            ranges, (a, b, d) = self._paired()
        else:
            a, b = self._apart([0, 1])
            d = _difference(a, b)
            first, second = a.range(), b.range()
            ranges = first, second, _sharper(d.range(), first, second)
        return Pass(ranges, (a, b, d), self._coupled(), self.scores, self.work.total)

    def _coupled(self) -> Mask:
        if not self.couplings:
            return np.zeros((self.boxes, 0), dtype=bool)
        return np.concatenate(self.couplings).T

    def _apart(self, which: Sequence[int]) -> list[Form]:
        """The outputs of each network by itself."""
        found = []
        for net in which:
            values, ranges = [self.x], [self.box]
            for stage in self.stages.nets[net][:-1]:
                z = combined(stage, values)
                self.work.spend(stage, [net])
                bounds = _within(z.range(), *interval(stage, ranges))
                ranges.append(bounds.positive)
                rows = np.flatnonzero((bounds.hi > 0).any(axis=1))
                z, bounds = z.at(rows), bounds.at(rows)
                self._score(z, bounds, bounds)
                relaxed = self._relaxed(bounds, net)
                self.work.keep(net, bounds.hi > 0, relaxed.half)
                values.append(_shaped(z, relaxed))
            self.work.spend(self.stages.nets[net][-1], [net])
            found.append(combined(self.stages.nets[net][-1], values))
        return found

    def _paired(self) -> tuple[tuple[Range, Range, Range], tuple[Form, Form, Form]]:
        f, g = self.stages.nets
        start, none = self.x.parts
        zero = np.zeros_like(self.x.rest)
        first, second = [self.x], [self.x]
        deltas = [Form([np.zeros_like(start), none, none], zero)]
        ranges = [self.box], [self.box], [Range(zero, zero)]
        for s, change in enumerate(self.stages.changes):
            a, b = combined(f[s], first), combined(g[s], second)
            d = added(combined(g[s], deltas, constant=False), combined(change, first))
            self.work.spend(f[s], [0, 0])  # once with the change of the weights
            self.work.spend(g[s], [1, 2])
            x, y = _within(a.range(), *interval(f[s], ranges[0])), _within(b.range(), *interval(g[s], ranges[1]))
            e = _within(d.range(), *_sum_of(interval(g[s], ranges[2], constant=False), interval(change, ranges[0])))
            e = _sharper(e, x, y)
            if s == len(self.stages.changes) - 1:
                return (x, y, e), (a, b, d)
            x, y = _within(x, y.lo + e.lo, y.hi + e.hi), _within(y, x.lo - e.hi, x.hi - e.lo)
            for known, found in zip(ranges, (x.positive, y.positive, _delta_range(x, y, e)), strict=True):
                known.append(found)
            rows = np.flatnonzero(((x.hi > 0) | (y.hi > 0)).any(axis=1))
            coupled = np.zeros((len(x.lo), self.boxes), dtype=bool)
            a, b, d, x, y, e = a.at(rows), b.at(rows), d.at(rows), x.at(rows), y.at(rows), e.at(rows)
            self._score(a, x, y)
            own, other = self._relaxed(x, 0), self._relaxed(y, 1)
            delta, coupled[rows] = self._delta(a, d, e, own, other)
            deltas.append(delta)
            self.work.keep(0, x.hi > 0, own.half)
            self.work.keep(1, y.hi > 0, other.half)
            self.work.keep_differences((x.hi > 0) | (y.hi > 0), other.half, coupled)
            first.append(_shaped(a, own))
            second.append(_shaped(b, other))
            self.couplings.append(coupled)
        raise AssertionError("there is no last stage")

    def _relaxed(self, x: Range, group: int) -> Relaxed:
        lam, half = _line(x)
        return Relaxed(lam, half, self._symbols(half, group))

    def _symbols(self, coefficients: Floats, group: int) -> Symbols:
        """New symbols, one for each entry with a coefficient."""
        start = self.ends[group]
        live = coefficients != 0
        rows, boxes = np.nonzero(live)
        places = start + (np.cumsum(live, axis=0) - 1)[rows, boxes]
        self.ends[group] = start + int(live.sum(axis=0).max(initial=0))
        return Symbols(rows, boxes, places, coefficients[rows, boxes], self.ends[group])

    def _delta(self, a: Form, d: Form, e: Range, own: Relaxed, other: Relaxed) -> tuple[Form, Mask]:
        """max(a, 0) - max(b, 0), for each entry and box by the narrower of the two forms; and where that is the coupled one."""
        change = own.lam - other.lam
        k = np.maximum(np.abs(e.lo), np.abs(e.hi)) / 2
        halved = d.spread / 2 + k
        stable = (own.half == 0) & (other.half == 0) & (change == 0)
        coupled: Mask = (halved < _separate(a, d, own, other, np.where(stable, -np.inf, halved))) & ~stable
        by_d, by_a = np.where(coupled, 0.5, other.lam), np.where(coupled, 0.0, change)
        halves = np.where(coupled, 0.0, own.half + other.half)
        size = by_d * d.size + np.abs(by_a) * a.size + halves
        rest = by_d * d.rest + np.abs(by_a) * a.rest + np.where(coupled, 0.0, size) * (8 * ROUND)
        same = (d.rest == 0) & (coupled | stable)
        rest = rest * (1 + 8 * ROUND) + np.where(same, 0.0, TINY)
        fresh = self._symbols(np.where(coupled, k, -other.half), 2)
        ends = d.parts[0].shape[2], self.ends[0], fresh.end
        base, of_f, others = (_scaled(part, by_d, end) for part, end in zip(d.parts, ends, strict=True))
        mixed = np.flatnonzero((by_a != 0).any(axis=1))
        if len(mixed):
            for total, part in ((base, a.parts[0]), (of_f, a.parts[1])):
                total[mixed, :, : part.shape[2]] += part[mixed] * by_a[mixed, :, None]
        base[:, :, 0] += np.where(coupled, 0.0, own.half - other.half)
        own.symbols.put(of_f, np.where(coupled, 0.0, 1.0))
        fresh.put(others)
        size = (size + np.where(coupled, k, halves)) * (1 + 16 * ROUND) + rest
        return Form([base, of_f, others], rest, a.rows, size), coupled

    def _score(self, z: Form, x: Range, y: Range) -> None:
        """sum over units that are not stable of |coefficient of the input| / (u - l)."""
        open_ = ((x.lo < 0) & (x.hi > 0)) | ((y.lo < 0) & (y.hi > 0))
        weight = np.where(open_, 1 / np.maximum(x.hi - x.lo, 1e-200), 0.0)
        self.scores += np.einsum("ebi,eb->ib", np.abs(z.parts[0][:, :, 1:]), weight)


# --- forms -------------------------------------------------------------------------------------------------------------------


def combined(stage: Combination, values: Sequence[Form], *, constant: bool = True) -> Form:
    """sum_k B_k values[k], and the constant; the remainder takes what rounding changes."""
    boxes = values[0].rest.shape[1]
    terms: list[list[Floats]] = [[] for _ in values[0].parts]
    rest, size = np.zeros((stage.size, boxes)), np.zeros((stage.size, boxes))
    for k, block in stage.blocks.items():
        form = values[k]
        absolute = stage.absolute[k]
        if form.rows is not None and len(form.rows) < block.shape[1]:
            block, absolute = block[:, form.rows], absolute[:, form.rows]
        for products, part in zip(terms, form.parts, strict=True):
            width = part.shape[2]
            products.append((block @ part.reshape(len(part), boxes * width)).reshape(stage.size, boxes, width))
        rest += absolute @ form.rest
        size += absolute @ form.size
    if not stage.blocks:
        terms = [[np.zeros((stage.size, boxes, part.shape[2]))] for part in values[0].parts]
    parts = [_sum(products) for products in terms]
    if constant:
        parts[0][:, :, 0] += stage.constant[:, None]
        size += np.abs(stage.constant)[:, None]
    return Form(parts, (rest + stage.error * size) * (1 + 2.0**-20) + np.where(_live(stage, values, size), TINY, 0.0))


def _live(stage: Combination, values: Sequence[Form], size: Floats) -> Mask:
    """Which entries are not 0 everywhere, where the size may be 0 by underflow, too."""
    live = size > 0
    if not live.all():
        for k, block in stage.absolute.items():
            rows = values[k].rows
            filled = (block if rows is None else block[:, rows]) > 0
            live |= filled.astype(np.float64) @ (values[k].size > 0) > 0
    return live


class _Work:
    """What the checker counts for each box: for each affine function 2^8, and products of weights and coefficients that are not 0."""

    def __init__(self, inputs: int, boxes: int) -> None:
        self.total: Floats = np.zeros(boxes)
        self._inputs = np.full(boxes, float(inputs))
        self.slots = [1 + self._inputs] * 2  # of the forms of f, of g
        self.other: Floats = np.zeros(boxes)  # of differences beside those of f
        self.read: list[list[tuple[Floats, Floats]]] = [
            [(self._inputs, self.slots[0])],
            [(self._inputs, self.slots[0])],
            [(self._inputs, self.other)],
        ]

    def spend(self, stage: Combination, which: Sequence[int]) -> None:
        """A stage that reads these values: 0 those of f, 1 of g, 2 differences."""
        for i in which:
            products = sum((rows * slots for k, (rows, slots) in enumerate(self.read[i]) if k in stage.blocks), self.slots[0])
            self.total = self.total + stage.size * (2.0**9 + products)

    def keep(self, which: int, live: Mask, fresh: Floats) -> None:
        """Units that are not 0 everywhere, and new symbols, of f or g."""
        self.slots[which] = self.slots[which] + (fresh != 0).sum(axis=0)
        self.read[which].append((live.sum(axis=0).astype(np.float64), self.slots[which]))

    def keep_differences(self, live: Mask, fresh: Floats, coupled: Mask) -> None:
        """Differences that are not 0 everywhere, with new symbols of g and of their own."""
        self.other = self.other + (fresh != 0).sum(axis=0) + coupled.sum(axis=0)
        self.read[2].append((live.sum(axis=0).astype(np.float64), self.slots[0] + self.other))


def interval(stage: Combination, values: Sequence[Range], *, constant: bool = True) -> Range:
    """The range of sum_k B_k y_k, and the constant, where only the ranges of the y_k are known."""
    centre = np.zeros((stage.size, values[0].lo.shape[1]))
    radius, size = np.zeros_like(centre), np.zeros_like(centre)
    for k, block in stage.blocks.items():
        lo, hi = values[k]
        middle = (lo + hi) / 2
        half = np.maximum(hi - middle, middle - lo) * (1 + 4 * ROUND)
        centre += block @ middle
        radius += stage.absolute[k] @ half
        size += stage.absolute[k] @ (np.abs(middle) + half)
    if constant:
        centre += stage.constant[:, None]
        size += np.abs(stage.constant)[:, None]
    radius += stage.error * size * (1 + 2.0**-20) + TINY
    return Range(centre - radius, centre + radius)


def _sum_of(a: Range, b: Range) -> Range:
    return Range(a.lo + b.lo, a.hi + b.hi)  # rounded once: within what `Combination.error` has beyond the terms of its sums


def _delta_range(x: Range, y: Range, d: Range) -> Range:
    """max(a, 0) - max(b, 0) = s d, s one of the slopes between a and b; and what the values say."""
    on, off = np.minimum(x.lo, y.lo) >= 0, np.maximum(x.hi, y.hi) <= 0
    lo = np.where(on, d.lo, np.where(off, 0.0, np.minimum(d.lo, 0.0)))
    hi = np.where(on, d.hi, np.where(off, 0.0, np.maximum(d.hi, 0.0)))
    return _sharper(Range(lo, hi), x.positive, y.positive)


def added(a: Form, b: Form) -> Form:
    """a + b; b may know fewer groups."""
    parts = [_sum([p, b.parts[i]]) if i < len(b.parts) else p for i, p in enumerate(a.parts)]
    return Form(parts, (a.rest + b.rest + (a.size + b.size) * (2 * ROUND)) * (1 + 4 * ROUND))


def less_chosen(form: Form, chosen: np.ndarray[Any, np.dtype[np.int64]]) -> Form:
    """Each entry less the entry `chosen` of its box."""
    boxes = np.arange(len(chosen))
    size = form.size
    rest = (form.rest + form.rest[chosen, boxes] + (size + size[chosen, boxes]) * (2 * ROUND)) * (1 + 4 * ROUND)
    return Form([part - part[chosen, boxes] for part in form.parts], rest)


def _difference(a: Form, b: Form) -> Form:
    parts = [a.parts[0] - b.parts[0], a.parts[1], -b.parts[1]]
    return Form(parts, (a.rest + b.rest + (a.size + b.size) * (2 * ROUND)) * (1 + 4 * ROUND))


def _shaped(z: Form, to: Relaxed) -> Form:
    """lam z + half + the new symbols, of the last group."""
    lam, half = to.lam, to.half
    parts = [*(_scaled(p, lam, p.shape[2]) for p in z.parts[:-1]), _scaled(z.parts[-1], lam, to.symbols.end)]
    parts[0][:, :, 0] += half
    to.symbols.put(parts[-1])
    size = lam * z.size + half
    rest = lam * z.rest * (1 + 4 * ROUND) + size * (4 * ROUND) + np.where((lam > 0) & (z.rest > 0), TINY, 0.0)
    return Form(parts, rest, z.rows, (size + half) * (1 + 8 * ROUND) + rest)


def _scaled(part: Floats, factor: Floats, width: int) -> Floats:
    """The part times a factor (entries, boxes), with room for so many symbols."""
    found = np.empty((*part.shape[:2], width))
    np.multiply(part, factor[:, :, None], out=found[:, :, : part.shape[2]])
    found[:, :, part.shape[2] :] = 0
    return found


def _separate(a: Form, d: Form, own: Relaxed, other: Relaxed, enough: Floats) -> Floats:
    """How wide the separate form is, up to rounding; or only its two new symbols, where they are enough already."""
    found = own.half + other.half
    rows = np.flatnonzero((found <= enough).any(axis=1))
    by_d, by_a = other.lam[rows, :, None], (own.lam - other.lam)[rows, :, None]
    if len(rows):
        found[rows] += _spread([_sum([p[rows] * by_d, *(q[rows] * by_a for q in a.parts[i : i + 1])]) for i, p in enumerate(d.parts)])
    return found


def _line(x: Range) -> tuple[Floats, Floats]:
    """(lam, half): max(t, 0) lies in lam t + half + [-half, half] on the range."""
    crossing = (x.lo < 0) & (x.hi > 0)
    lam = np.where(crossing, x.hi / np.where(crossing, x.hi - x.lo, 1.0), (x.lo >= 0).astype(np.float64))
    lam = np.clip(lam, 0.0, 1.0)
    most = np.maximum((1 - lam) * x.hi, -lam * x.lo) * (1 + 8 * ROUND)
    return lam, np.where(crossing, most / 2 + TINY, 0.0)


def _sharper(d: Range, x: Range, y: Range) -> Range:
    """With  l - u' <= d <= u - l'."""
    return _within(d, x.lo - y.hi, x.hi - y.lo)


def _within(x: Range, lo: Floats, hi: Floats) -> Range:
    """The intersection with [lo, hi], each end of which was rounded once."""
    return Range(np.maximum(x.lo, lo - np.abs(lo) * ROUND - TINY), np.minimum(x.hi, hi + np.abs(hi) * ROUND + TINY))


def _spread(parts: Sequence[Floats]) -> Floats:
    """sum of |.| over all symbols but the first of group 0, which is the centre."""
    return sum((_length(part) for part in parts[1:]), _length(parts[0][:, :, 1:]))


def _length(part: Floats) -> Floats:
    """sum of |.| over the symbols."""
    if not part.shape[2]:
        return np.zeros(part.shape[:2])
    return np.asarray(np.abs(part).sum(axis=2))


def _sum(parts: Sequence[Floats]) -> Floats:
    """The sum of arrays that know different numbers of symbols; of one, itself."""
    if len(parts) == 1:
        return parts[0]
    width = max(p.shape[2] for p in parts)
    found = np.zeros((*parts[0].shape[:2], width))
    for part in parts:
        found[:, :, : part.shape[2]] += part
    return found
