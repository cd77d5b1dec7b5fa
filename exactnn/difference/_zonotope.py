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

    Group 0: centre and inputs; then the symbols of f, of g, and of coupled differences. A form may know fewer symbols of a group than
    there are; the others have coefficient 0.
    """

    def __init__(self, parts: Sequence[Floats], rest: Floats, rows: Rows | None = None) -> None:
        """`rows`: which entries of a value these are, the others being 0; None for all."""
        self.parts, self.rest, self.rows = tuple(parts), rest, rows

    def at(self, rows: Rows) -> Form:
        """These entries."""
        return Form([p[rows] for p in self.parts], self.rest[rows], rows)

    @cached_property
    def spread(self) -> Floats:
        """sum |g_s|, up to the rounding of the sum."""
        found = _length(self.parts[0][:, :, 1:])
        for part in self.parts[1:]:
            found = found + _length(part)
        return found

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
        groups = 1 + len(stages.nets)
        self.box = Range(lo, hi)
        self.x = Form([first, *(np.zeros((inputs, boxes, 0)) for _ in range(groups - 1))], np.zeros((inputs, boxes)))
        self.ends = [0] * 3  # symbols so far of f, of g, of coupled differences
        self.boxes, self.inputs = boxes, inputs
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
            values, ranges = [self._start(1 + net)], [self.box]
            for stage in self.stages.nets[net][:-1]:
                z = combined(stage, values)
                self.work.spend(stage, [net])
                bounds = _within(z.range(), *interval(stage, ranges))
                ranges.append(bounds.positive)
                rows = np.flatnonzero((bounds.hi > 0).any(axis=1))
                z, bounds = z.at(rows), bounds.at(rows)
                self._score(z, bounds, bounds)
                lam, half = _relaxed(bounds)
                self.work.keep(net, bounds.hi > 0, half)
                values.append(_shaped(z, lam, half, self._symbols(half, net)))
            self.work.spend(self.stages.nets[net][-1], [net])
            found.append(combined(self.stages.nets[net][-1], values))
        return found

    def _paired(self) -> tuple[tuple[Range, Range, Range], tuple[Form, Form, Form]]:
        f, g = self.stages.nets
        start = self.x.parts[0]
        zero = np.zeros_like(self.x.rest)
        none = np.zeros((self.inputs, self.boxes, 0))
        first, second = [self._start(1)], [self._start(2)]
        deltas = [Form([np.zeros_like(start), none, none, none], zero)]
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
            for own, found in zip(ranges, (x.positive, y.positive, _delta_range(x, y, e)), strict=True):
                own.append(found)
            rows = np.flatnonzero(((x.hi > 0) | (y.hi > 0)).any(axis=1))
            coupled = np.zeros((len(x.lo), self.boxes), dtype=bool)
            a, b, d, x, y, e = a.at(rows), b.at(rows), d.at(rows), x.at(rows), y.at(rows), e.at(rows)
            self._score(a, x, y)
            lam, half = _relaxed(x)
            lam2, half2 = _relaxed(y)
            mine, other = self._symbols(half, 0), self._symbols(half2, 1)
            delta, coupled[rows] = self._delta(a, d, e, (lam, half, mine), (lam2, half2, other))
            deltas.append(delta)
            self.work.keep(0, x.hi > 0, half)
            self.work.keep(1, y.hi > 0, half2)
            self.work.keep_differences((x.hi > 0) | (y.hi > 0), half2, coupled)
            first.append(_shaped(a, lam, half, mine))
            second.append(_shaped(b, lam2, half2, other))
            self.couplings.append(coupled)
        raise AssertionError("there is no last stage")

    def _start(self, group: int) -> Form:
        """The inputs, for a network whose symbols are group 1 of its own forms."""
        return Form([self.x.parts[0], self.x.parts[group]], self.x.rest)

    def _symbols(self, coefficients: Floats, group: int) -> Floats:
        """New symbols, one for each entry with a coefficient: (entries, boxes, symbols so far)."""
        start = self.ends[group]
        live = coefficients != 0
        place = np.cumsum(live, axis=0) - 1
        most = int(live.sum(axis=0).max(initial=0))
        found = np.zeros((*coefficients.shape, start + most))
        rows, boxes = np.nonzero(live)
        found[rows, boxes, start + place[rows, boxes]] = coefficients[rows, boxes]
        self.ends[group] = start + most
        return found

    def _delta(
        self, a: Form, d: Form, e: Range, own: tuple[Floats, Floats, Floats], other: tuple[Floats, Floats, Floats]
    ) -> tuple[Form, Mask]:
        """max(a, 0) - max(b, 0), for each entry and box by the narrower of the two forms; and where that is the coupled one."""
        (lam, half, mine), (lam2, half2, theirs) = own, other
        change = lam - lam2
        base = d.parts[0] * lam2[:, :, None] + a.parts[0] * change[:, :, None]
        base[:, :, 0] += half - half2
        of_f = _sum([d.parts[1] * lam2[:, :, None], a.parts[1] * change[:, :, None], mine])
        of_g = _sum([d.parts[2] * lam2[:, :, None], -theirs])
        of_d = d.parts[3] * lam2[:, :, None]
        k = np.maximum(np.abs(e.lo), np.abs(e.hi)) / 2
        separate = sum((_length(p) for p in (of_f, of_g, of_d)), _length(base[:, :, 1:]))
        halved = d.spread / 2 + k
        stable = (half == 0) & (half2 == 0) & (change == 0)
        coupled: Mask = (halved < separate) & ~stable
        rest = lam2 * d.rest + np.abs(change) * a.rest + (lam2 * d.size + np.abs(change) * a.size + half + half2) * (8 * ROUND)
        same = (d.rest == 0) & (coupled | stable)
        rest = np.where(coupled, d.rest / 2, rest) * (1 + 8 * ROUND) + np.where(same, 0.0, TINY)
        at = coupled[:, :, None]
        base = np.where(at, d.parts[0] / 2, base)
        of_f = np.where(at, _padded(d.parts[1] / 2, of_f.shape[2]), of_f)
        of_g = np.where(at, _padded(d.parts[2] / 2, of_g.shape[2]), of_g)
        of_d = np.where(at, d.parts[3] / 2, of_d)
        fresh = self._symbols(np.where(coupled, k, 0.0), 2)
        return Form([base, of_f, of_g, _sum([of_d, fresh])], rest, a.rows), coupled

    def _score(self, z: Form, x: Range, y: Range) -> None:
        """sum over units that are not stable of |coefficient of the input| / (u - l)."""
        open_ = ((x.lo < 0) & (x.hi > 0)) | ((y.lo < 0) & (y.hi > 0))
        weight = np.where(open_, 1 / np.maximum(x.hi - x.lo, 1e-200), 0.0)
        self.scores += np.einsum("ebi,eb->ib", np.abs(z.parts[0][:, :, 1:]), weight)


# --- forms -------------------------------------------------------------------------------------------------------------------


def combined(stage: Combination, values: Sequence[Form], *, constant: bool = True) -> Form:
    """sum_k B_k values[k], and the constant; the remainder takes what rounding changes."""
    boxes = values[0].rest.shape[1]
    groups = len(values[0].parts)
    widths = [max((values[k].parts[i].shape[2] for k in stage.blocks), default=0) for i in range(groups)]
    widths[0] = values[0].parts[0].shape[2]  # the centre and all inputs, also of a constant
    parts = [np.zeros((stage.size, boxes, w)) for w in widths]
    rest, size = np.zeros((stage.size, boxes)), np.zeros((stage.size, boxes))
    for k, block in stage.blocks.items():
        form = values[k]
        absolute = stage.absolute[k]
        if form.rows is not None:
            block, absolute = block[:, form.rows], absolute[:, form.rows]
        for total, part in zip(parts, form.parts, strict=True):
            width = part.shape[2]
            total[:, :, :width] += (block @ part.reshape(len(part), boxes * width)).reshape(stage.size, boxes, width)
        rest += absolute @ form.rest
        size += absolute @ form.size
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


def _shaped(z: Form, lam: Floats, half: Floats, fresh: Floats) -> Form:
    """lam z + half + the new symbols, of the last group."""
    parts = [p * lam[:, :, None] for p in z.parts]
    parts[0][:, :, 0] += half
    parts[-1] = _sum([parts[-1], fresh])
    rest = lam * z.rest * (1 + 4 * ROUND) + (lam * z.size + half) * (4 * ROUND) + np.where((lam > 0) & (z.rest > 0), TINY, 0.0)
    return Form(parts, rest, z.rows)


def _relaxed(x: Range) -> tuple[Floats, Floats]:
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


def _length(part: Floats) -> Floats:
    """sum of |.| over the symbols."""
    if not part.shape[2]:
        return np.zeros(part.shape[:2])
    return np.asarray(np.abs(part).sum(axis=2))


def _padded(part: Floats, width: int) -> Floats:
    if part.shape[2] == width:
        return part
    found = np.zeros((*part.shape[:2], width))
    found[:, :, : part.shape[2]] = part
    return found


def _sum(parts: Sequence[Floats]) -> Floats:
    """The sum of arrays that know different numbers of symbols."""
    width = max(p.shape[2] for p in parts)
    found = np.zeros((*parts[0].shape[:2], width))
    for part in parts:
        found[:, :, : part.shape[2]] += part
    return found
