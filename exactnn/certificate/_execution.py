"""Evidence "rounding" for "execution_error": the pass that bounds a float run, repeated in integers and fractions.

Every node has lo <= h <= hi for its exact values and |run - h| <= e, whole multiples of 2^-bits, rounded outwards from numbers that are
exact in between (docs/certificate-format.md, "The run that rounds"). With E = e + (the smallest normal number), m = max(|lo|, |hi|),
W' = |W| + loss(W), k roundings on the way to an entry and G = gamma_k, the rule of every sum W x + b is

    e' = W' E + loss(W) m + loss(b) + G S + F,    S = W' (m + E) + b',    F = 2 k (the smallest normal number) (1 + G)

(docs/certificate/runs.md counts k: an average of n entries has n - 1 sums and one quotient.)

Sound: by induction over the nodes, e bounds how far a run can be off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import chain
from math import lcm, prod
from operator import add, sub
from typing import Any, NamedTuple

from . import _budget
from ._apply import applied
from ._claim_run import ExecutionError
from ._intervals import FUNCTIONS, Bounds, around, box_of, precision, reweighted
from ._load import load
from ._meaning import Linear, steps
from ._network import Network, Node
from ._numbers import Tensor, mapping, need
from ._piecewise import Piecewise, piecewise
from ._rounding import FORMATS
from ._units import Unit
from ._walk import walk

NORM, BENT = 16, 16  # roundings of a batch norm; of a piecewise linear function, without one for each kink


class Format(NamedTuple):
    """u = 2^-bits, that of the sums, the smallest normal number, the largest number."""

    bits: int
    wide: int | None
    smallest: Fraction
    largest: int

    def gamma(self, roundings: int, step: str, bits: int | None = None) -> Fraction:
        """n u / (1 - n u)."""
        unit = 1 << (bits or self.bits)
        need(roundings < unit, step, "so many roundings have no bound in this format")
        return Fraction(roundings, unit - roundings)

    def gamma_of_sum(self, roundings: int, behind: int, step: str) -> Fraction:
        """The same for a sum, with so many of its roundings behind it, which may be taken in a wider format and rounded."""
        if self.wide is None:
            return self.gamma(roundings, step)
        return (1 + self.gamma(roundings, step, self.wide)) * (1 + self.gamma(behind + 1, step)) - 1

    def loss(self, value: Fraction, step: str) -> Fraction:
        """How far the number that a run has in place of `value` can be."""
        p, q = abs(value.numerator), value.denominator
        need(p <= self.largest * q, step, "a number beyond the largest one of the format")
        if p == 0 or (q & (q - 1) == 0 and p * self.smallest.denominator >= q and (p // (p & -p)).bit_length() <= self.bits):
            return Fraction(0)
        return Fraction(2 * p, q << self.bits) + self.smallest

    def fits(self, size: Fraction, step: str) -> None:
        """Rejected if a number may be beyond the largest one."""
        need(size <= self.largest, step, "a run may overflow here")


class Parts(NamedTuple):
    """What a batch norm needs of the affine map or convolution before it, into which it may be folded."""

    passed: list[Fraction]
    whole: list[Fraction]
    terms: int
    reach: Fraction
    heaviest: Fraction


class State(NamedTuple):
    """lo, hi, error of each entry, in units of 2^-bits."""

    shape: tuple[int, ...]
    ends: Bounds
    error: list[int]
    parts: Parts | None = None


class Entry(NamedTuple):
    """One entry that a node reads: the largest absolute value, the error that it is read with, and both together."""

    size: Fraction
    error: Fraction
    whole: Fraction


def check_rounding(claim: ExecutionError, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """The bounds of the pass are at most those of the claim."""
    mapping(evidence, "evidence", ("method", "bits"))
    units = precision(evidence["bits"])
    need(len(claim.bounds) == f.output_size, "claim: bounds", f"{len(claim.bounds)} bounds for {f.output_size} outputs")
    p, least, most = FORMATS[claim.dtype]
    largest = ((1 << p) - 1) << (most + 1 - p)
    wide = None if claim.accumulation is None else FORMATS[claim.accumulation][0]
    run = _Run(Format(p, wide, Fraction(2) ** least, largest), units, max(units, -least), box_of(claim.domain, units, []))
    states = walk(f, run, steps(f, whole=True))
    found = [Fraction(n, 1 << units) for i in f.outputs for n in states[i].error]
    for j, (bound, stated) in enumerate(zip(found, claim.bounds, strict=True)):
        need(bound <= stated, f"rounding: output {j}", "the bound of the pass is above the claimed one")


class _Run:
    """The pass; sums are taken in units of 2^-fine."""

    def __init__(self, form: Format, bits: int, fine: int, box: Bounds) -> None:
        self.form, self.bits, self.fine, self.box = form, bits, fine, box
        self._least = int(form.smallest * (1 << fine))

    def input(self, node: Node, start: int) -> State:
        """The box: inputs are read without an error."""
        end = start + prod(node.shape)
        return State(node.shape, Bounds(self.box.lo[start:end], self.box.hi[start:end]), [0] * (end - start))

    def _state(self, node: Node, ends: Bounds, errors: Iterable[Fraction], parts: Parts | None = None) -> State:
        return State(node.shape, ends, [-((-e.numerator << self.bits) // e.denominator) for e in errors], parts)

    def _read(self, x: State) -> list[int]:
        """E, in units of 2^-fine."""
        return [(e << (self.fine - self.bits)) + self._least for e in x.error]

    def _entries(self, x: State) -> Iterable[Entry]:
        for low, high, read in zip(*x.ends, self._read(x), strict=True):
            size, error = Fraction(max(high, -low), 1 << self.bits), Fraction(read, 1 << self.fine)
            yield Entry(size, error, size + error)

    def linear(self, node: Node, rule: Linear, operands: list[State]) -> State:
        """W x + b; moves round nothing."""
        step = f"rounding: node {node.name}"
        columns = [[*chain.from_iterable(part), 0] for part in ((x.ends.lo for x in operands), (x.ends.hi for x in operands))]
        weights = sum(len(value.numerators) for value in node.fields.values() if isinstance(value, Tensor))
        _budget.charge(rule.work(8, self.fine + 32) + 64 * (weights + prod(rule.shape)) * _budget.words(self.fine), step)
        if not rule.constants and [term.weights for term in rule.terms] == [None]:  # entries are moved
            lo, hi, error = applied(rule, [*columns, [*chain.from_iterable(x.error for x in operands), 0]])
            return State(node.shape, Bounds(lo, hi), error)
        if node.op == "batch_norm":
            return self._batch_norm(node, operands[0], step)
        terms, form, shift = rule.taps or len(rule.terms), self.form, self.fine - self.bits
        count = max(terms - 1, 0) + (node.op not in ("add", "subtract", "constant")) + (node.op in ("affine", "conv"))
        gamma = form.gamma_of_sum(count, 1, step) if count else Fraction(0)
        flushed = 2 * count * form.smallest * (1 + gamma)
        lost, wide, heaviest = self._weights(rule, step)
        sizes = [max(high, -low) << shift for low, high in zip(*columns, strict=True)]
        read = [*chain.from_iterable(map(self._read, operands)), 0]
        both, widths = list(map(add, sizes, read)), list(map(sub, columns[1], columns[0]))
        (middle,), (errors, reach, radius) = applied(rule, [list(map(add, *columns))]), applied(wide, [read, both, widths])
        if lost:
            errors = list(map(add, errors, *applied(lost, [sizes])))
        biases = [Fraction(n, rule.over) for n in rule.constants] or [Fraction(0)] * len(middle)
        known, unit = {b: form.loss(b, step) for b in set(biases)}, wide.denominator << self.fine
        passed = [Fraction(n, unit) + known[b] for n, b in zip(errors, biases, strict=True)]
        whole = [Fraction(n, unit) + abs(b) + known[b] for n, b in zip(reach, biases, strict=True)]
        size = max(whole) * (terms if node.op == "average_pool" else 1)  # which is summed first
        form.fits(size * (1 + gamma) + flushed if count else Fraction(0), step)
        centres = [Fraction(n, rule.denominator << (self.bits + 1)) + b for n, b in zip(middle, biases, strict=True)]
        radii = [Fraction(n, wide.denominator << (self.bits + 1)) for n in radius]
        ends = around(map(sub, centres, radii), map(add, centres, radii), self.bits)
        parts = Parts(passed, whole, terms, Fraction(terms * max(both), 1 << self.fine), heaviest)
        bounds = (e + s * gamma + flushed for e, s in zip(passed, whole, strict=True))
        return self._state(node, ends, bounds, parts if node.op in ("affine", "conv") else None)

    def _weights(self, rule: Linear, step: str) -> tuple[Linear | None, Linear, Fraction]:
        """loss(W), if there is any, W', and the largest W'."""
        used = {n for term in rule.terms for n in term.weights or (1,)}
        used.update(n for _, _, rows in (rule.blocks() if rule.blocks else ()) for row in rows for n in row)
        losses = {n: self.form.loss(Fraction(n, rule.denominator), step) for n in used}
        common = lcm(rule.denominator, *{loss.denominator for loss in losses.values()})
        lost = {n: loss.numerator * (common // loss.denominator) for n, loss in losses.items()}
        wide = {n: abs(n) * (common // rule.denominator) + lost[n] for n in used}
        first, second = (reweighted(rule, changed.__getitem__, common) for changed in (lost, wide))
        return first if any(lost.values()) else None, second, Fraction(max(wide.values(), default=0), common)

    def _batch_norm(self, node: Node, x: State, step: str) -> State:
        """s (x - mean) + bias as a run has it that computes s from the statistics."""
        form, fields, gamma = self.form, node.fields, self.form.gamma(NORM, step)
        least, epsilon = form.smallest, fields["epsilon"]
        digits, lowest, _ = FORMATS[fields["precision"]]
        rules = []
        names = ("variance", "weight", "mean", "bias", "scale", "shift")
        for variance, weight, mean, bias, scale, shift in zip(*(fields[n].fractions() for n in names), strict=True):
            total = variance + epsilon
            need(variance >= 0 and epsilon >= 0 and total >= least * (1 << form.bits), step, "variance and epsilon have no bound in a run")
            for number in (mean, weight, bias, total):
                form.fits(2 * abs(number), step)
            change = abs(scale) * Fraction(2, 1 << digits) + Fraction(2) ** (lowest - digits + 2)
            rules.append((scale, shift, abs(scale) + change, change, 1 + 1 / total, abs(mean), abs(bias)))
        repeat, errors, values = prod(node.shape[1:]), [], []
        for i, (entry, *ends) in enumerate(zip(self._entries(x), *x.ends, strict=True)):
            scale, shift, wide, change, root, mean, bias = rules[i // repeat]
            apart, found = entry.whole + mean, Fraction(0)
            ways = [(entry.error, apart, gamma, Fraction(0), root * apart)]
            if (parts := x.parts) is not None:
                folded = form.gamma_of_sum(parts.terms + 1 + NORM, 1 + NORM, step)
                more = Fraction(4 * (parts.terms + 1 + parts.reach))
                ways.append((parts.passed[i], parts.whole[i] + mean, folded, more, wide * parts.heaviest))
            for passed, whole, rounded, more, beside in ways:
                flushed = (8 * (root * (whole + 1) + wide + 1) + more) * least * (1 + rounded)
                form.fits((whole * wide + bias + beside) * (1 + rounded) + flushed, step)
                found = max(found, passed * wide + change * (entry.size + mean) + (whole * wide + bias) * rounded + flushed)
            errors.append(found)
            values.append(sorted(scale * Fraction(end, 1 << self.bits) + shift for end in ends))
        low, high = zip(*values, strict=True)
        return self._state(node, around(low, high, self.bits), errors)

    def function(self, node: Node, x: State) -> State:
        """A maximum over windows, or a piecewise linear function."""
        step = f"rounding: node {node.name}"
        need(node.op in ("max_pool", "piecewise_linear", "prelu"), step, f"{node.op} has no rule here")
        _budget.charge(40 * len(x.error) * (1 + len(node.fields.get("kinks", ()))) * _budget.words(self.fine), step)
        ends = load(f"{FUNCTIONS[node.op]}.image")(node, x.shape, self.bits, step)(x.ends)
        if node.op == "max_pool":
            read = self._read(x)
            rows = node.fields["window"].entries(x.shape, node.shape, step)
            return self._state(node, ends, (Fraction(max(read[p] for p in row), 1 << self.fine) for row in rows))
        rules = [self._bent(function, step) for function in piecewise(node)]
        repeat, shift = len(x.error) // len(rules), self.fine - self.bits
        pairs = zip(self._entries(x), self._read(x), *x.ends, strict=True)
        errors = (rules[i // repeat](e, (lo << shift) - n, (hi << shift) + n) for i, (e, n, lo, hi) in enumerate(pairs))
        return self._state(node, ends, errors)

    def _bent(self, function: Piecewise, step: str) -> Callable[[Entry, int, int], Fraction]:
        """The error of an entry behind a piecewise linear function, which it and its run reach from these ends, in units of 2^-fine."""
        form, least, unit = self.form, self.form.smallest, Unit(function, self.fine)
        slope, constant, kinks = function
        long = _budget.words(unit.scale.bit_length()) - 1  # fractions with so long a denominator are put in lowest terms
        _budget.charge(8 * (1 + len(kinks)) * long**2, step)
        pieces = [(Fraction(s, unit.scale), Fraction(c >> self.fine, unit.scale)) for s, c in unit.pieces]
        steepest = max(abs(s) for s, _ in pieces)
        own = max((abs(s) for s, _ in pieces if s not in (0, 1, -1)), default=Fraction(0))
        if not own and all(s == 0 or c == 0 for s, c in pieces):  # the entry, its negative, or a constant
            rounded = max((form.loss(c, step) for s, c in pieces if s == 0), default=Fraction(0))

            def chosen(x: Entry, low: int, high: int) -> Fraction:
                least_value, most_value = unit.range(low, high)
                return min(x.error * steepest, Fraction(most_value - least_value, unit.scale << self.fine)) + rounded

            return chosen
        few = constant == 0 and all(at == 0 for at, _ in kinks)  # the entry times one of two numbers
        gamma = form.gamma(3 if few else BENT + len(kinks), step)
        steep = own if few else abs(slope) + sum(abs(p) for _, p in kinks)
        fixed = abs(constant) + sum((abs(p * at) for at, p in kinks), Fraction(0))
        places = sum((abs(at) for at, _ in kinks), Fraction(0))
        smallest = 2 * least if few else 8 * (len(kinks) + 1) * least

        def computed(x: Entry, low: int, high: int) -> Fraction:
            whole = x.whole * steep + fixed
            flushed = (x.whole + 1 + (0 if few else steep + places)) * smallest
            form.fits(whole * (1 + gamma) + flushed + (0 if few else x.whole + places), step)
            return x.error * steepest + whole * gamma + flushed

        return computed
