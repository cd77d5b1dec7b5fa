"""Intervals for entries, in integers that count units of 2^-bits: the box around a domain, and what functions do to intervals.

max_pool            maxima of the lower and of the upper ends
piecewise linear    extremes at the ends of an interval and at the kinks inside; differences by slopes, or by convexity
smooth              enclosures of values and slopes (_smooth)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from math import prod
from operator import neg
from typing import Any, NamedTuple

from . import _budget
from ._claim import Claim, Domain
from ._common import common
from ._load import load
from ._meaning import Block, Linear
from ._network import Node
from ._numbers import index, items, need
from ._piecewise import Piecewise, piecewise

PRECISION = 4096  # bits at the most
Ends = tuple[int, int]


class Bounds(NamedTuple):
    """lo <= entries <= hi, in units of 2^-bits."""

    lo: list[int]
    hi: list[int]

    def apart(self, other: Bounds) -> Bounds:
        """What the values alone say of their difference."""
        return Bounds([a - b for a, b in zip(self.lo, other.hi, strict=True)], [a - b for a, b in zip(self.hi, other.lo, strict=True)])


def product(x: Sequence[Any], y: Sequence[Any]) -> tuple[Any, Any]:
    """The least and the largest s t for s in x, t in y."""
    corners = [s * t for s in x for t in y]
    return min(corners), max(corners)


def joined(parts: Sequence[Bounds]) -> Bounds:
    """One behind the other."""
    return parts[0] if len(parts) == 1 else Bounds([n for part in parts for n in part.lo], [n for part in parts for n in part.hi])


def precision(raw: Any) -> int:
    """The bits of the intervals."""
    bits = index(raw, PRECISION + 1, "bits")
    need(bits >= 16, "bits", "at least 16 bits are needed")
    return bits


def need_within(claim: Claim, found: Bounds, bits: int, step: str) -> None:
    """Rejected unless differences between these bounds are within the tolerance: each of them, or for "l1" their absolute values' sum."""
    sizes = list(map(max, map(neg, found.lo), found.hi))
    if claim.norm == "l1":
        need(Fraction(sum(sizes), 1 << bits) <= claim.tolerance, step, "the bound of the sum exceeds the tolerance")
    for j, size in enumerate(sizes):
        need(Fraction(size, 1 << bits) <= claim.tolerance, f"{step}: output {j}", "the bound exceeds the tolerance")


def box_of(domain: Domain | None, bits: int, proofs: Any) -> Bounds:
    """The box of rows with one entry, and of the sides that are proved."""
    need(domain is not None, "claim: domain", "a bounded domain is needed")
    assert domain is not None
    size = domain.matrix.shape[1]
    found: list[tuple[int, int, Fraction]] = load("_limits.limits")(domain, proofs) if items(proofs, "box") else []
    for row, bound in domain.rows():
        if row.count(0) == size - 1:
            a = max(row) or min(row)
            found.append((row.index(a), 1 if a > 0 else -1, bound * domain.matrix.denominator / abs(a)))
    sides: dict[tuple[int, int], Fraction] = {}  # s x_j <= value
    for j, s, limit in found:
        sides[j, s] = min(sides.get((j, s), limit), limit)
    for j in range(size):
        need((j, 1) in sides and (j, -1) in sides, "claim: domain", f"input {j} is not bounded on both sides")
    box = around([-sides[j, -1] for j in range(size)], [sides[j, 1] for j in range(size)], bits)
    need(all(a <= b for a, b in zip(box.lo, box.hi, strict=True)), "claim: domain", "the domain is empty")
    return box


def reweighted(rule: Linear, change: Callable[[int], int], denominator: int) -> Linear:
    """The rule with other weights over another denominator, and no constants."""
    terms = [term._replace(weights=[change(n) for n in term.weights or [1] * len(term.places)]) for term in rule.terms]
    blocks, made = rule.blocks, dict[int, list[int]]()  # the same rows come again at other places

    def changed() -> Iterator[Block]:
        for places, entries, rows in blocks() if blocks else ():
            yield Block(places, entries, [made.get(id(row)) or made.setdefault(id(row), list(map(change, row))) for row in rows])

    return rule._replace(terms=terms, blocks=blocks and changed, denominator=denominator, constants=())


def around(low: Iterable[Fraction], high: Iterable[Fraction], bits: int) -> Bounds:
    """Rounded outwards."""
    lo = [(q.numerator << bits) // q.denominator for q in low]
    return Bounds(lo, [-((-q.numerator << bits) // q.denominator) for q in high])


class Unit:
    """A piecewise linear function on intervals; what comes out is exact, times the `scale`."""

    def __init__(self, function: Piecewise, bits: int) -> None:
        self.function, self.bits = function, bits
        slope, constant, kinks = function
        numbers, step = (slope, constant, *(p for _, p in kinks)), "piecewise linear functions"
        self.scale = common(numbers, step) * common([k for k, _ in kinks], step)
        longest = max(n.bit_length() for q in (*numbers, *(k for k, _ in kinks)) for n in q.as_integer_ratio())
        long = _budget.words(self.scale.bit_length() + longest + bits) - 1
        _budget.charge((1 + len(kinks)) * long**2, step)
        _budget.hold(4 * (1 + len(kinks)) * long, step)
        #: (slope, constant) of each piece, times the scale; of each kink its place, rounded down and up, and the value there
        self.pieces, self.borders = [(int(slope * self.scale), int(constant * self.scale) << bits)], list[tuple[int, int, int]]()
        for k, p in kinks:
            place = k * (1 << bits)
            down = place.numerator // place.denominator
            self.borders.append((down, down + (place != down), int(self.pieces[-1][0] * place) + self.pieces[-1][1]))
            slope, constant = slope + p, constant - p * k
            self.pieces.append((int(slope * self.scale), int(constant * self.scale) << bits))
        slopes = [s for s, _ in self.pieces]
        self.steepest = Fraction(min(slopes), self.scale), Fraction(max(slopes), self.scale)
        self._convex = slopes[0] >= 0 and slopes == sorted(slopes)

    def minus(self, other: Unit) -> Unit | None:
        """The difference of two functions; None if they are the same."""
        (q, r, kinks), (s, t, others) = self.function, other.function
        jumps = dict(kinks)
        for k, p in others:
            jumps[k] = jumps.get(k, Fraction(0)) - p
        left = [(k, p) for k, p in sorted(jumps.items()) if p]
        return Unit(Piecewise(q - s, r - t, left), self.bits) if (q, r) != (s, t) or left else None

    def range(self, low: int, high: int) -> Ends:
        """The least and the largest value on [low, high]."""
        values = [self._value(low), self._value(high)]
        values += [value for down, _, value in self.borders if low <= down < high]
        return min(values), max(values)

    def step(self, x: Ends, y: Ends, d: Ends) -> Ends:
        """The least and the largest  phi(a) - phi(b)  for a in x, b in y, a - b in d."""
        if self._convex:
            return self._rise(x, y, d[0]), -self._rise(y, x, -d[1])
        low, high, last = min(x[0], y[0]), max(x[1], y[1]), len(self.borders)
        met = [
            s
            for i, (s, _) in enumerate(self.pieces)
            if (not i or self.borders[i - 1][0] < high) and (i == last or self.borders[i][1] > low)
        ]
        return product((min(met, default=0), max(met, default=0)), d)

    def _rise(self, x: Ends, y: Ends, d: int) -> int:
        """A lower bound where a - b >= d: phi(a) - phi(a - d) is least at the lower end of x for d >= 0, at the upper one otherwise."""
        a, b = (ends[d < 0] for ends in (x, y))
        return max(self._value(a) - self._value(a - d), self._value(b + d) - self._value(b))

    def _value(self, n: int) -> int:
        slope, constant = self.pieces[sum(n > down for down, _, _ in self.borders)]
        return slope * n + constant


def units(node: Node, bits: int) -> list[Unit]:
    """The function of a piecewise_linear node, or of each channel of a prelu node."""
    return [Unit(function, bits) for function in piecewise(node)]


def image(node: Node, shape: Sequence[int], x: Bounds, bits: int, step: str, own: Sequence[Unit] = ()) -> Bounds:
    """The values of a function node whose operand has this shape; ``own``: its units, if they are at hand."""
    if node.op == "max_pool":
        rows = node.fields["window"].entries(shape, node.shape, step)
        return Bounds([max(x.lo[p] for p in row) for row in rows], [max(x.hi[p] for p in row) for row in rows])
    need(node.op != "rational", step, "rational functions are not bounded here")
    if node.op == "smooth":
        name, unit, values = node.fields["function"], 1 << bits, load("_smooth.values")
        pairs = [values(name, (Fraction(a, unit), Fraction(b, unit)), bits) for a, b in zip(*x, strict=True)]
        return around((low for low, _ in pairs), (high for _, high in pairs), bits)
    own = own or units(node, bits)
    repeat = prod(node.shape) // len(own)
    return mapped(zip(*x, strict=True), lambda i, ends: (own[i // repeat].range(*ends), own[i // repeat].scale))


def mapped(entries: Iterable[tuple[int, ...]], rule: Callable[[int, tuple[int, ...]], tuple[tuple[Any, Any], int]]) -> Bounds:
    """The ends that a rule gives for each entry, over its scale, rounded outwards."""
    found = [rule(i, ends) for i, ends in enumerate(entries)]
    return Bounds([low // scale for (low, _), scale in found], [-(-high // scale) for (_, high), scale in found])
