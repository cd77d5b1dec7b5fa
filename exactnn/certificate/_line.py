"""Evidence "line": one input dimension, piecewise linear nodes; both networks are computed in full and compared.

The line is cut into cells on which every value of the network is affine, slope * t + intercept. Going through
the nodes, a cell is cut further wherever an entry crosses a kink (or two entries under a maximum cross) strictly
inside it. On a cell without such a crossing the sign at one inner point is the sign everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, pairwise
from math import prod
from typing import Any, NamedTuple

from . import _budget
from ._affine import AFFINE, affine_value
from ._budget import Budget
from ._claim import Claim
from ._network import Network, Node
from ._numbers import Rejected, Tensor, mapping, need, pack, show
from ._windows import Window
from ._work import each, longer

SlopeIntercept = tuple[Fraction, Fraction]  # slope, intercept


class Segment(NamedTuple):
    """The closed interval from low to high; None is an infinite end."""

    low: Fraction | None
    high: Fraction | None

    def sample(self) -> Fraction:
        """An inner point (the point itself, where there is only one)."""
        if self.low is not None and self.high is not None:
            return (self.low + self.high) / 2
        if self.low is not None:
            return self.low + 1
        return self.high - 1 if self.high is not None else Fraction(0)

    def cut(self, points: set[Fraction]) -> list[Segment]:
        """The parts between those of the points that lie strictly inside."""
        inner = sorted(t for t in points if (self.low is None or self.low < t) and (self.high is None or t < self.high))
        return [Segment(a, b) for a, b in pairwise([self.low, *inner, self.high])]


def check_line(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """|f - g| <= tolerance on every cell; g None stands for the zero function."""
    mapping(evidence, "evidence", ("method",))
    need(f.input_size == 1, "line", f"the networks have {f.input_size} inputs, not one")
    whole = _interval(claim)
    if whole is None:
        return  # the domain is empty: the claim holds for lack of points
    budget = Budget(_budget.LINE, "steps on cells of the line", "line")
    made = Budget(_budget.VALUES, "products on cells of the line", "line")
    for cell, first in pieces(f, whole, "line: f", budget, made):
        if g is None:
            _compare(claim.tolerance, cell, first, [(Fraction(0), Fraction(0))] * len(first))
        else:
            for part, second in pieces(g, cell, "line: g", budget, made):
                _compare(claim.tolerance, part, first, second)


def _interval(claim: Claim) -> Segment | None:
    """The domain as an interval, None when it is empty."""
    low: Fraction | None = None
    high: Fraction | None = None
    if claim.domain is None:
        return Segment(None, None)
    for (numerator,), bound in claim.domain.rows():
        if numerator == 0:
            if bound < 0:
                return None
            continue
        end = bound * claim.domain.matrix.denominator / numerator
        if numerator > 0:
            high = end if high is None else min(high, end)
        else:
            low = end if low is None else max(low, end)
    return None if low is not None and high is not None and low > high else Segment(low, high)


def _compare(tolerance: Fraction, cell: Segment, first: Sequence[SlopeIntercept], second: Sequence[SlopeIntercept]) -> None:
    """On a cell the difference is affine: its ends bound it, and where it has none the slopes must agree."""
    ends = [t for t in cell if t is not None] or [cell.sample()]
    for j, ((a, b), (c, d)) in enumerate(zip(first, second, strict=True)):
        if None in cell and a != c:
            raise Rejected(f"line: output {j}", "the slopes differ towards infinity")
        for t in ends:
            gap = abs((a - c) * t + b - d)
            need(gap <= tolerance, f"line: output {j}", f"the values differ by {show(gap)} at {show(t)}")


def pieces(network: Network, whole: Segment, step: str, budget: Budget, made: Budget) -> Iterator[tuple[Segment, list[SlopeIntercept]]]:
    """Cells that cover ``whole``, each with the affine functions that the outputs are there. ``made``: of products."""
    # a cell, the values of the first nodes on it, and how many nodes are known to have no crossing inside it
    todo: list[tuple[Segment, list[tuple[Tensor, Tensor]], int]] = [(whole, [], 0)]
    while todo:
        cell, values, smooth = todo.pop()
        while len(values) < len(network.nodes):
            node = network.nodes[len(values)]
            operands = [values[p] for p in node.operands]
            budget.step = f"{step}: node {node.name}"
            budget.spend(8 + prod(node.shape))
            if node.op == "input":
                values.append((Tensor(node.shape, [1], 1), Tensor(node.shape, [0], 1)))
            elif node.op in AFFINE:
                made.step = budget.step
                made.spend(2 * prod(node.shape) * each(node) + sum(longer(node, part) for part in zip(*operands, strict=True)))
                slopes = affine_value(node, [s for s, _ in operands], linear=True)
                values.append((slopes, affine_value(node, [c for _, c in operands])))
            else:
                entries, shape = _entries(*operands[0]), operands[0][0].shape
                if len(values) >= smooth:
                    budget.spend(_bends(node))
                    parts = cell.cut(_crossings(node, entries, shape, f"{step}: node {node.name}"))
                    todo.extend((part, list(values), len(values) + 1) for part in parts)
                    break  # and take this node up again on each part
                values.append(_split(_bent(node, entries, shape, cell.sample()), node.shape))
        else:
            budget.step = f"{step}: outputs"
            budget.spend(network.output_size)
            yield cell, [e for i in network.outputs for e in _entries(*values[i])]


def _entries(slopes: Tensor, intercepts: Tensor) -> list[SlopeIntercept]:
    return list(zip(slopes.fractions(), intercepts.fractions(), strict=True))


def _split(entries: Sequence[SlopeIntercept], shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return pack([a for a, _ in entries], shape), pack([b for _, b in entries], shape)


def _windows(node: Node, entries: Sequence[SlopeIntercept], shape: tuple[int, ...]) -> list[list[SlopeIntercept]]:
    """For each entry of a maximum pooling, the entries of its operand (of this shape) in its window."""
    window: Window = node.fields["window"]
    return [[entries[p] for p in row] for row in window.entries(shape, node.shape)]


def _bends(node: Node) -> int:
    """How many places `_crossings` looks at."""
    if node.op == "max_pool":
        window: Window = node.fields["window"]
        taps = prod(window.kernel)
        return prod(node.shape) * (taps * (taps - 1) // 2)
    return prod(node.shape) * len(node.fields.get("kinks", (0,)))


def _crossings(node: Node, entries: Sequence[SlopeIntercept], shape: tuple[int, ...], step: str) -> set[Fraction]:
    """The places where an entry meets a kink, or two entries of a window meet."""
    if node.op == "piecewise_linear":
        kinks = [t for t, _ in node.fields["kinks"]]
        return {(t - b) / a for a, b in entries if a for t in kinks}
    if node.op == "prelu":
        return {-b / a for a, b in entries if a}
    if node.op == "max_pool":
        pairs = (pair for row in _windows(node, entries, shape) for pair in combinations(row, 2))
        return {(d - b) / (a - c) for (a, b), (c, d) in pairs if a != c}
    raise Rejected(step, f"{node.op} is not piecewise linear")


def _bent(node: Node, entries: Sequence[SlopeIntercept], shape: tuple[int, ...], t: Fraction) -> list[SlopeIntercept]:
    """The node's entries on a cell without crossings, decided at its inner point t."""
    if node.op == "max_pool":
        return [max(row, key=lambda e: e[0] * t + e[1]) for row in _windows(node, entries, shape)]
    found = []
    repeat = prod(node.shape[1:])
    for i, (a, b) in enumerate(entries):
        x = a * t + b
        if node.op == "prelu":
            slopes: Tensor = node.fields["slopes"]
            slope = Fraction(slopes.numerators[i // repeat], slopes.denominator) if x < 0 else Fraction(1)
            found.append((slope * a, slope * b))
        else:
            bends = [(kink, p) for kink, p in node.fields["kinks"] if x > kink]
            slope = node.fields["slope"] + sum(p for _, p in bends)
            found.append((slope * a, slope * b + node.fields["constant"] - sum(kink * p for kink, p in bends)))
    return found
