"""Evidence "rounding" for "execution_error": the pass that bounds a float run, repeated in integers and fractions.

Every node has lo <= h <= hi for its exact values and |run - h| <= e, whole multiples of 2^-bits, rounded outwards from numbers that are
exact in between (docs/certificate-format.md, "The run that rounds").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import prod
from operator import mul
from typing import Any, NamedTuple

from . import _budget
from ._affine import along_channels, broadcast_to, moves
from ._budget import Budget
from ._claim import Domain
from ._claim_run import ExecutionError
from ._network import Network, Node
from ._numbers import Tensor, index, mapping, need, pack
from ._rounding import FORMATS
from ._windows import Window

PRECISION = 4096  # bits at the most
_LONG = 2**10  # bits of a number whose products cost as much as those of short ones
NORM, BENT = 16, 16  # roundings of a batch norm; of a piecewise linear function, without one for each kink


class Format(NamedTuple):
    """u = 2^-bits, that of the sums, the smallest normal number, the largest number."""

    bits: int
    wide: int | None
    smallest: Fraction
    largest: Fraction

    def gamma(self, roundings: int, step: str) -> Fraction:
        """n u / (1 - n u)."""
        need(roundings < 1 << self.bits, step, "so many roundings have no bound in this format")
        return Fraction(roundings, (1 << self.bits) - roundings)

    def gamma_of_sum(self, roundings: int, behind: int, step: str) -> Fraction:
        """The same for a sum, with so many of its roundings behind it, which may be taken in a wider format and rounded."""
        if self.wide is None:
            return self.gamma(roundings, step)
        need(roundings < 1 << self.wide, step, "so many roundings have no bound in this format")
        return (1 + Fraction(roundings, (1 << self.wide) - roundings)) * (1 + self.gamma(behind + 1, step)) - 1

    def loss(self, value: Fraction, step: str) -> Fraction:
        """How far the number that a run has in place of `value` can be."""
        size = abs(value)
        need(size <= self.largest, step, "a number beyond the largest one of the format")
        p, q = size.numerator, size.denominator
        if p == 0 or (q & (q - 1) == 0 and size >= self.smallest and (p // (p & -p)).bit_length() <= self.bits):
            return Fraction(0)
        return Fraction(2, 1 << self.bits) * size + self.smallest


class Parts(NamedTuple):
    """What a batch norm needs of the affine map or convolution before it, into which it may be folded."""

    passed: list[Fraction]
    whole: list[Fraction]
    terms: int
    reach: Fraction
    heaviest: Fraction


class State(NamedTuple):
    """lo, hi, error of each entry, in units of 2^-bits."""

    lo: list[int]
    hi: list[int]
    error: list[int]
    parts: Parts | None = None


class Entry(NamedTuple):
    """One entry that a node reads: its ends, the error that it is read with, and the largest absolute value."""

    lo: Fraction
    hi: Fraction
    error: Fraction
    size: Fraction


def check_rounding(claim: ExecutionError, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """The bounds of the pass are at most those of the claim."""
    mapping(evidence, "evidence", ("method", "bits"))
    bits = index(evidence["bits"], PRECISION + 1, "bits")
    need(bits >= 16, "bits", "at least 16 bits are needed")
    assert claim.domain is not None
    need(len(claim.bounds) == f.output_size, "claim: bounds", f"{len(claim.bounds)} bounds for {f.output_size} outputs")
    p, least, most = FORMATS[claim.dtype]
    largest = (2 - Fraction(2, 1 << p)) * Fraction(2) ** most
    wide = None if claim.accumulation is None else FORMATS[claim.accumulation][0]
    run = _Run(Format(p, wide, Fraction(2) ** least, largest), bits, max(bits, -least))
    found = run.outputs(f, *_box(claim.domain))
    for j, (bound, stated) in enumerate(zip(found, claim.bounds, strict=True)):
        need(bound <= stated, f"rounding: output {j}", "the bound of the pass is above the claimed one")


def _box(domain: Domain) -> tuple[list[Fraction], list[Fraction]]:
    """The bounds that the rows with one coefficient give; other rows can only make the domain smaller."""
    size, over = domain.matrix.shape[1], domain.matrix.denominator
    lower: list[Fraction | None] = [None] * size
    upper: list[Fraction | None] = [None] * size
    for row, bound in domain.rows():
        live = [j for j, n in enumerate(row) if n]
        if len(live) == 1:
            j, value = live[0], bound * over / row[live[0]]
            side, better = (upper, min) if row[j] > 0 else (lower, max)
            known = side[j]
            side[j] = value if known is None else better(known, value)
    for j, (low, high) in enumerate(zip(lower, upper, strict=True)):
        need(low is not None and high is not None, "claim: domain", f"input {j} has no bounds of its own")
    return [q for q in lower if q is not None], [q for q in upper if q is not None]


class _Run(NamedTuple):
    """The pass; sums are taken in units of 2^-fine."""

    form: Format
    bits: int
    fine: int

    def outputs(self, f: Network, lower: Sequence[Fraction], upper: Sequence[Fraction]) -> list[Fraction]:
        """A bound for each flat output."""
        budget = Budget(_budget.RUN, "products", "rounding")
        starts, states = f.starts(), list[State]()
        for i, node in enumerate(f.nodes):
            step = f"rounding: node {node.name}"
            if node.op == "input":
                ends = range(starts[i], starts[i] + prod(node.shape))
                states.append(self._state((lower[k], upper[k], Fraction(0)) for k in ends))
                continue
            need(node.op in _RULES, step, f"{node.op} has no rule here")
            budget.step = step
            budget.spend(4 * prod(node.shape) * _terms(node) * (1 + _bits(node) // _LONG))
            states.append(_RULES[node.op](self, node, [states[p] for p in node.operands], [f.nodes[p].shape for p in node.operands], step))
        return [Fraction(n, 1 << self.bits) for i in f.outputs for n in states[i].error]

    def _state(self, entries: Iterator[tuple[Fraction, Fraction, Fraction]]) -> State:
        found = State([], [], [])
        for lo, hi, error in entries:
            found.lo.append((lo.numerator << self.bits) // lo.denominator)
            found.hi.append(-((-hi.numerator << self.bits) // hi.denominator))
            found.error.append(-((-error.numerator << self.bits) // error.denominator))
        return found

    def _entries(self, x: State) -> Iterator[Entry]:
        unit = 1 << self.bits
        for lo, hi, error in zip(x.lo, x.hi, x.error, strict=True):
            read = Fraction(error, unit) + self.form.smallest
            yield Entry(Fraction(lo, unit), Fraction(hi, unit), read, Fraction(max(hi, -lo), unit))

    def _fits(self, size: Fraction, step: str) -> None:
        need(size <= self.form.largest, step, "a run may overflow here")

    def constant(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """A constant, rounded to the format."""
        values = node.fields["value"].fractions()
        return self._state((q, q, self.form.loss(q, step)) for q in values)

    def linear(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """W x + b; sums of integers for each entry."""
        x, weight = operands[0], node.fields["weight"]
        terms = prod(weight.shape[1:])
        gamma = self.form.gamma_of_sum(terms + 1, 1, step)
        flushed = 2 * (terms + 1) * self.form.smallest * (1 + gamma)
        losses = [self.form.loss(Fraction(n, weight.denominator), step) for n in weight.numerators]
        lost = pack(losses, weight.shape)
        wide = Tensor(weight.shape, [abs(n) for n in weight.numerators], weight.denominator)
        if any(losses):
            wide = pack([abs(q) + loss for q, loss in zip(weight.fractions(), losses, strict=True)], weight.shape)
        biases = [(b, self.form.loss(b, step)) for b in node.fields["bias"].fractions()]
        shift, least = self.fine - self.bits, int(self.form.smallest * (1 << self.fine))
        sizes = [max(h, -low) for low, h in zip(x.lo, x.hi, strict=True)]
        errors = [(e << shift) + least for e in x.error]
        columns = (
            [low + h for low, h in zip(x.lo, x.hi, strict=True)],
            [h - low for low, h in zip(x.lo, x.hi, strict=True)],
            errors,
            [(s << shift) + e for s, e in zip(sizes, errors, strict=True)],
            sizes,
        )
        found: list[tuple[Fraction, Fraction, Fraction]] = []
        parts = Parts(
            [],
            [],
            terms,
            Fraction(terms * max(columns[3]), 1 << self.fine),
            Fraction(max(wide.numerators), wide.denominator),
        )
        for channel, places in _sums(node, shapes[0]):
            row = slice(channel * terms, (channel + 1) * terms)
            middles, radii, read, whole, size = ([c[p] if p >= 0 else 0 for p in places] for c in columns)
            bias, bias_lost = biases[channel]
            own = wide.numerators[row]
            middle = Fraction(_dot(weight.numerators[row], middles), weight.denominator << (self.bits + 1)) + bias
            radius = Fraction(_dot(own, radii), wide.denominator << (self.bits + 1))
            passed = Fraction(_dot(own, read), wide.denominator << self.fine) + bias_lost
            passed += Fraction(_dot(lost.numerators[row], size), lost.denominator << self.bits)
            total = Fraction(_dot(own, whole), wide.denominator << self.fine) + abs(bias) + bias_lost
            self._fits(total * (1 + gamma) + flushed, step)
            found.append((middle - radius, middle + radius, passed + total * gamma + flushed))
            parts.passed.append(passed)
            parts.whole.append(total)
        return self._state(iter(found))._replace(parts=parts)

    def batch_norm(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """s (x - mean) + bias as a run has it that computes s from the statistics."""
        form, fields = self.form, node.fields
        gamma, least, epsilon = form.gamma(NORM, step), form.smallest, fields["epsilon"]
        bits, lowest, _ = FORMATS[fields["precision"]]
        rules = []
        names = ("variance", "weight", "mean", "bias", "scale", "shift")
        for variance, weight, mean, bias, scale, shift in zip(*(fields[n].fractions() for n in names), strict=True):
            total = variance + epsilon
            need(variance >= 0 and epsilon >= 0 and total >= least * (1 << form.bits), step, "variance and epsilon have no bound in a run")
            for number in (mean, weight, bias, total):
                self._fits(2 * abs(number), step)
            change = abs(scale) * Fraction(2, 1 << bits) + Fraction(2) ** (lowest - bits + 2)
            rules.append((scale, shift, abs(scale) + change, change, 1 + 1 / total, abs(mean), abs(bias)))
        repeat, found, parts = prod(node.shape[1:]), [], operands[0].parts
        for i, x in enumerate(self._entries(operands[0])):
            scale, shift, wide, change, root, mean, bias = rules[i // repeat]
            apart = x.size + x.error + mean
            flushed = (root * (apart + 1) + wide + 1) * (8 * least)
            self._fits((apart * (wide + root) + bias) * (1 + gamma) + flushed, step)
            error = x.error * wide + change * (x.size + mean) + (apart * wide + bias) * gamma + flushed
            if parts is not None:
                folded = form.gamma_of_sum(parts.terms + 1 + NORM, 1 + NORM, step)
                whole = (parts.whole[i] + mean) * wide + bias
                flushed = (root * (parts.whole[i] + mean + 1) + wide + 1) * 8 + 4 * (parts.terms + 1 + parts.reach)
                flushed *= least * (1 + folded)
                self._fits((whole + wide * parts.heaviest) * (1 + folded) + flushed, step)
                error = max(error, parts.passed[i] * wide + change * (x.size + mean) + whole * folded + flushed)
            ends = sorted((scale * x.lo + shift, scale * x.hi + shift))
            found.append((ends[0], ends[1], error))
        return self._state(iter(found))

    def scale(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """Entries times constants."""
        gamma, least, found = self.form.gamma(3, step), self.form.smallest, []
        factors = broadcast_to(node.fields["factor"], node.shape).fractions()
        for x, factor in zip(self._entries(operands[0]), factors, strict=True):
            lost = self.form.loss(factor, step)
            wide = abs(factor) + lost
            whole = (x.size + x.error) * wide
            self._fits(whole * (1 + gamma) + 2 * least, step)
            ends = sorted((factor * x.lo, factor * x.hi))
            found.append((ends[0], ends[1], x.error * wide + x.size * lost + whole * gamma + 2 * least))
        return self._state(iter(found))

    def sum(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """One rounding of a sum or difference."""
        unit, found = Fraction(1, 1 << self.form.bits), []
        wide = []
        for x, shape in zip(operands, shapes, strict=True):
            lows, highs, errors = (broadcast_to(Tensor(shape, part, 1), node.shape).numerators for part in (x.lo, x.hi, x.error))
            wide.append(self._entries(State(lows, highs, errors)))
        for a, b in zip(*wide, strict=True):
            lo, hi = (a.lo - b.hi, a.hi - b.lo) if node.op == "subtract" else (a.lo + b.lo, a.hi + b.hi)
            error, size = a.error + b.error, max(hi, -lo)
            self._fits((size + error) * (1 + unit), step)
            found.append((lo, hi, error * (1 + unit) + size * unit + self.form.smallest))
        return self._state(iter(found))

    def average_pool(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """The mean over a window."""
        window: Window = node.fields["window"]
        terms, entries, found = prod(window.kernel), list(self._entries(operands[0])), []
        gamma = self.form.gamma_of_sum(terms + 3, 3, step)
        flushed = 2 * (terms + 1) * self.form.smallest * (1 + gamma)
        for row in window.entries(shapes[0], node.shape):
            count = terms if node.fields["count_padding"] else len(row)
            lo, hi, error, size = (sum(entries[p][k] for p in row) / Fraction(count) for k in range(4))
            whole = size + error
            self._fits(whole * terms * (1 + gamma) + flushed, step)
            found.append((lo, hi, error + whole * gamma + flushed))
        return self._state(iter(found))

    def max_pool(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """The maximum over a window."""
        entries, found = list(self._entries(operands[0])), []
        for row in node.fields["window"].entries(shapes[0], node.shape):
            lo, hi, error = (max(entries[p][k] for p in row) for k in range(3))
            found.append((lo, hi, error))
        return self._state(iter(found))

    def move(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """Entries in another order."""
        places = moves(node, shapes)
        found = State([], [], [])
        for k, i in places:
            found.lo.append(operands[k].lo[i])
            found.hi.append(operands[k].hi[i])
            found.error.append(operands[k].error[i])
        return found

    def piecewise_linear(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """q t + r + sum p max(t - k, 0)."""
        slope, constant, kinks = node.fields["slope"], node.fields["constant"], node.fields["kinks"]
        rule = self._bent(slope, constant, kinks, step)
        return self._state((*_range(slope, constant, kinks, x.lo, x.hi), rule(x)) for x in self._entries(operands[0]))

    def prelu(self, node: Node, operands: list[State], shapes: list[Any], step: str) -> State:
        """t or s t, by channel."""
        gamma, least, found = self.form.gamma(3, step), self.form.smallest, []
        slopes = along_channels(node.fields["slopes"], node.shape).fractions()
        for x, slope in zip(self._entries(operands[0]), slopes, strict=True):
            steepest = max(Fraction(1), abs(slope))
            error = x.error * steepest
            if slope not in (0, 1, -1):
                whole, flushed = (x.size + x.error) * abs(slope), (x.size + x.error + 1) * (2 * least)
                self._fits(whole * (1 + gamma) + flushed, step)
                error += whole * gamma + flushed
            found.append((*_range(slope, Fraction(0), [(Fraction(0), 1 - slope)], x.lo, x.hi), error))
        return self._state(iter(found))

    def _bent(
        self, slope: Fraction, constant: Fraction, kinks: Sequence[tuple[Fraction, Fraction]], step: str
    ) -> Callable[[Entry], Fraction]:
        """The error of an entry behind a piecewise linear function."""
        form, least = self.form, self.form.smallest
        slopes, parts = [slope], [constant]
        for at, jump in kinks:
            slopes.append(slopes[-1] + jump)
            parts.append(parts[-1] - jump * at)
        steepest = max(abs(s) for s in slopes)
        if all(s == 0 or (abs(s) == 1 and c == 0) for s, c in zip(slopes, parts, strict=True)):
            rounded = max((form.loss(c, step) for s, c in zip(slopes, parts, strict=True) if s == 0), default=Fraction(0))

            def chosen(x: Entry) -> Fraction:
                ends = _range(slope, constant, kinks, x.lo - x.error, x.hi + x.error)
                return min(x.error * steepest, ends[1] - ends[0]) + rounded

            return chosen
        if constant == 0 and all(at == 0 for at, _ in kinks):
            few = form.gamma(3, step)
            own = max((abs(s) for s in slopes if s not in (0, 1, -1)), default=Fraction(0))

            def leaky(x: Entry) -> Fraction:
                whole, flushed = (x.size + x.error) * own, (x.size + x.error + 1) * (2 * least)
                self._fits(whole * (1 + few) + flushed, step)
                return x.error * steepest + whole * few + flushed

            return leaky
        gamma = form.gamma(BENT + len(kinks), step)
        steep = abs(slope) + sum(abs(p) for _, p in kinks)
        fixed = abs(constant) + sum(abs(p * at) for at, p in kinks)
        places = sum((abs(at) for at, _ in kinks), Fraction(0))

        def general(x: Entry) -> Fraction:
            read = x.size + x.error
            whole, flushed = read * steep + fixed, (read + 1 + steep + places) * (8 * (len(kinks) + 1) * least)
            self._fits(whole * (1 + gamma) + flushed + read + places, step)
            return x.error * steepest + whole * gamma + flushed

        return general


def _range(
    slope: Fraction, constant: Fraction, kinks: Sequence[tuple[Fraction, Fraction]], lo: Fraction, hi: Fraction
) -> tuple[Fraction, Fraction]:
    """The least and the largest value between the ends, which are at an end or at a kink."""
    places = [lo, hi, *(t for t, _ in kinks if lo < t < hi)]
    values = [slope * t + constant + sum((p * (t - k) for k, p in kinks if t > k), Fraction(0)) for t in places]
    return min(values), max(values)


def _dot(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(map(mul, a, b))


def _terms(node: Node) -> int:
    """The numbers that one entry of the result takes."""
    if node.op in ("affine", "conv"):
        return prod(node.fields["weight"].shape[1:])
    if "window" in node.fields:
        return prod(node.fields["window"].kernel)
    return 1 + len(node.fields.get("kinks", ())) ** 2


def _bits(node: Node) -> int:
    """The bits of the longest number of a node."""
    tensors = [value for value in node.fields.values() if isinstance(value, Tensor)]
    return max((n.bit_length() for t in tensors for n in (t.denominator, *t.numerators)), default=0)


def _sums(node: Node, shape: tuple[int, ...]) -> Iterator[tuple[int, list[int]]]:
    """For each entry of an affine map or convolution, in order: its channel, and the flat entries that it reads, -1 for a zero."""
    if node.op == "affine":
        m, n = node.fields["weight"].shape
        for start in range(0, prod(shape), n):
            places = list(range(start, start + n))
            yield from ((i, places) for i in range(m))
        return
    weight, window = node.fields["weight"], node.fields["window"]
    out, inner, area = weight.shape[0], weight.shape[1], prod(shape[1:])
    taps = window.places(shape[1:], node.shape[1:])
    for o in range(out):
        first = o * node.fields["groups"] // out * inner
        for row in taps:
            yield o, [c * area + p if p >= 0 else -1 for c in range(first, first + inner) for p in row]


_RULES: dict[str, Callable[[_Run, Node, list[State], list[Any], str], State]] = {
    "constant": _Run.constant,
    "affine": _Run.linear,
    "conv": _Run.linear,
    "batch_norm": _Run.batch_norm,
    "scale": _Run.scale,
    "add": _Run.sum,
    "subtract": _Run.sum,
    "average_pool": _Run.average_pool,
    "max_pool": _Run.max_pool,
    "piecewise_linear": _Run.piecewise_linear,
    "prelu": _Run.prelu,
    **dict.fromkeys(("reshape", "transpose", "slice", "gather", "concat"), _Run.move),
}
