"""Evidence "enclosure" for "refuted": at a rational point the values of smooth networks are irrational, so they are enclosed.

The entries of tensors become spans [lo, hi] of integers over one denominator; affine operations act on spans as on integers, smooth
functions round outwards to the precision that the certificate asks for. Two outputs whose spans are further apart than the
tolerance differ by more than the tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

from . import _budget, _real
from ._affine import AFFINE, affine_value
from ._budget import Budget
from ._claim import Claim
from ._network import Network, Node
from ._numbers import Rejected, Tensor, index, mapping, need, pack, rationals
from ._point import inside
from ._windows import Window
from ._work import longer, products

PRECISION = 4096  # bits at the most


class Span:
    """The integers from lo to hi, for sums, differences and products with integers and with each other."""

    __slots__ = ("hi", "lo")

    def __init__(self, lo: int, hi: int) -> None:
        self.lo, self.hi = lo, hi

    def __add__(self, other: Span | int) -> Span:
        if isinstance(other, Span):
            return Span(self.lo + other.lo, self.hi + other.hi)
        return Span(self.lo + other, self.hi + other)

    __radd__ = __add__

    def __sub__(self, other: Span | int) -> Span:
        return self + other * -1

    def __rsub__(self, other: int) -> Span:
        return self * -1 + other

    def __mul__(self, other: Span | int) -> Span:
        if isinstance(other, Span):
            corners = self.lo * other.lo, self.lo * other.hi, self.hi * other.lo, self.hi * other.hi
            return Span(min(corners), max(corners))
        return Span(self.lo * other, self.hi * other) if other >= 0 else Span(self.hi * other, self.lo * other)

    __rmul__ = __mul__


def check_enclosure(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """One output of f and of g, enclosed at a point of the domain, differs by more than the tolerance; g None stands for 0."""
    mapping(evidence, "evidence", ("method", "point", "output", "bits"))
    point = rationals(evidence["point"], "point", f.input_size)
    if claim.domain is not None:
        inside(claim.domain, point)
    j = index(evidence["output"], f.output_size, "output")
    bits = index(evidence["bits"], PRECISION + 1, "bits")
    need(bits >= 16, "bits", "at least 16 bits are needed")
    first = _output(f, point, j, bits, "enclosure: f")
    second = (Fraction(0), Fraction(0)) if g is None else _output(g, point, j, bits, "enclosure: g")
    gap = max(first[0] - second[1], second[0] - first[1])
    need(gap > claim.tolerance, "enclosure", f"the enclosures of output {j} are not further apart than the tolerance")


def _output(network: Network, point: Sequence[Fraction], j: int, bits: int, step: str) -> tuple[Fraction, Fraction]:
    """Bounds of flat output j."""
    starts = network.starts()
    values: list[Tensor] = []
    budget, made = Budget(_budget.ENCLOSURE, "bits of entries", step), Budget(_budget.SPANS, "products", step)
    made.spend(products(network))
    for i, node in enumerate(network.nodes):
        if node.op == "input":
            values.append(_as_spans(pack(point[starts[i] : starts[i] + prod(node.shape)], node.shape)))
            continue
        operands = [values[p] for p in node.operands]
        made.step = f"{step}: node {node.name}"
        made.spend(longer(node, operands))
        if node.op in AFFINE:
            values.append(_as_spans(affine_value(node, operands)))
        else:
            budget.step = f"{step}: node {node.name}"
            budget.spend(prod(node.shape) * bits * (1 + len(node.fields.get("kinks", ()))))
            values.append(_bent(node, operands[0], bits, f"{step}: node {node.name}"))
    for i in network.outputs:
        size = len(values[i].numerators)
        if j < size:
            span: Any = values[i].numerators[j]
            return Fraction(span.lo, values[i].denominator), Fraction(span.hi, values[i].denominator)
        j -= size
    raise Rejected(step, "there is no such output")


def _as_spans(value: Tensor) -> Tensor:
    """Constants come as integers."""
    if any(isinstance(n, int) for n in value.numerators):
        spans: list[Any] = [Span(n, n) if isinstance(n, int) else n for n in value.numerators]
        return value._replace(numerators=spans)
    return value


def _bent(node: Node, a: Tensor, bits: int, step: str) -> Tensor:
    spans: list[Any] = a.numerators
    if node.op == "max_pool":
        window: Window = node.fields["window"]
        windows = [[spans[p] for p in row] for row in window.entries(a.shape, node.shape)]
        found: list[Any] = [Span(max(s.lo for s in row), max(s.hi for s in row)) for row in windows]
        return Tensor(node.shape, found, a.denominator)
    ends = [(Fraction(s.lo, a.denominator), Fraction(s.hi, a.denominator)) for s in spans]
    pairs = [_entry(node, i * (a.shape[0] if a.shape else 1) // len(ends), x, bits, step) for i, x in enumerate(ends)]
    outward: list[Any] = [Span((lo.numerator << bits) // lo.denominator, -((-hi.numerator << bits) // hi.denominator)) for lo, hi in pairs]
    return Tensor(node.shape, outward, 1 << bits)


def _entry(node: Node, channel: int, x: tuple[Fraction, Fraction], bits: int, step: str) -> tuple[Fraction, Fraction]:
    """Bounds of one entry."""
    if node.op == "piecewise_linear":
        return _bends(node.fields["slope"], node.fields["constant"], node.fields["kinks"], x)
    if node.op == "prelu":
        slope = node.fields["slopes"].fractions()[channel]
        return _bends(slope, Fraction(0), [(Fraction(0), 1 - slope)], x)
    if node.op == "smooth":
        return smooth_range(node.fields["function"], x, bits)
    raise Rejected(step, f"{node.op} is not enclosed")


def _bends(
    slope: Fraction, constant: Fraction, kinks: Sequence[tuple[Fraction, Fraction]], x: tuple[Fraction, Fraction]
) -> tuple[Fraction, Fraction]:
    """A piecewise linear function takes its bounds at the ends of the interval or at kinks inside."""
    places = [*x, *(t for t, _ in kinks if x[0] < t < x[1])]
    values = [slope * t + constant + sum((p * (t - k) for k, p in kinks if t > k), Fraction(0)) for t in places]
    return min(values), max(values)


def smooth_range(name: str, x: tuple[Fraction, Fraction], bits: int) -> tuple[Fraction, Fraction]:
    """Bounds of a smooth function on an interval."""
    if name in _real.MONOTONE:
        ends = _real.MONOTONE[name](x[0], bits)[0], _real.MONOTONE[name](x[1], bits)[1]
        return Fraction(ends[0], 1 << bits), Fraction(ends[1], 1 << bits)
    if name == "gelu_tanh":  # x sigmoid(2 x (c + d x^2)), and the inner function is increasing
        low, high = (2 * t * (_real.INNER[0] + _real.INNER[1] * t * t) for t in x)
        gate = _real.sigmoid(low, bits)[0], _real.sigmoid(high, bits)[1]
    else:
        gate = _real.GATES[name](x[0], bits)[0], _real.GATES[name](x[1], bits)[1]
    corners = [t * Fraction(s, 1 << bits) for t in x for s in gate]
    return min(corners), max(corners)
