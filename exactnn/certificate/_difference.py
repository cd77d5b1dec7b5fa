"""Evidence "pass" for "proved": an interval for every value of f, of g, and for the difference of those that correspond.

    d = a - b:  affine     (W h + c) - (V k + e) = (W - V) h + V (h - k) + (c - e)
                units      phi(a) - psi(b) = (phi - psi)(a) + psi(a) - psi(b)
                maximum    between the least and the largest difference in the window
                always     l - u' <= d <= u - l'

Every operation rounds outwards once. Nodes correspond where they are reached from the outputs by the same operations.

Sound: every operation is done on intervals that hold all its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import lcm, prod
from operator import add, sub
from typing import Any, NamedTuple

from . import _budget
from ._apply import applied
from ._claim import Claim
from ._intervals import Bounds, Unit, box_of, image, joined, mapped, need_within, precision, product, reweighted, units
from ._load import load
from ._meaning import Linear, linear
from ._network import Network, Node
from ._numbers import mapping, need
from ._operations import operation
from ._tensors import sum_of

#: the fields that multiply entries, and those that are added
WEIGHT = {"affine": "weight", "conv": "weight", "batch_norm": "scale", "scale": "factor"}
SHIFT = {"constant": "value", "affine": "bias", "conv": "bias", "batch_norm": "shift"}
_SMOOTH = 2**10  # what an entry of a smooth node costs, with 64 bits
Pair = tuple[int, int]


def check_pass(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """|f_j - g_j| <= tolerance on the box that the domain lies in, or everywhere; g None stands for 0."""
    mapping(evidence, "evidence", ("method", "bits"), ("box",))
    bits, proofs = precision(evidence["bits"]), evidence.get("box", [])
    both = Pass(f, g, bits)
    if proofs is None or claim.domain is None:
        need("box" not in evidence or proofs is None, "box", "null is expected where there is no domain")
        need(g is not None, "claim: domain", "the values of one network are not bounded on all of R^d")
        found = both.outputs(None)
    else:
        found = both.outputs(box_of(claim.domain, bits, proofs))
    need_within(claim, found, bits, "pass")


class Rule(NamedTuple):
    """Sums of entries, and the same with absolute weights."""

    sums: Linear
    sizes: Linear


class Pass:
    """The pass for both networks, on any number of boxes."""

    def __init__(self, f: Network, g: Network | None, bits: int) -> None:
        self.bits = bits
        self._first = _Nodes(f, bits, "f")
        self._second = None if g is None else _Nodes(g, bits, "g")
        self._pairs = None if self._second is None else _Pairs(self._first, self._second)

    def outputs(self, box: Bounds | None) -> Bounds:
        """Bounds of the flat output of f - g, or of f, on the box; None: on all of R^d, where no value may have to be known."""
        with _budget.released():
            return self._outputs(box)

    def _outputs(self, box: Bounds | None) -> Bounds:
        first = self._first.values(box) if box else {}
        if self._second is None or self._pairs is None:
            return joined([first[i] for i in self._first.outputs])
        second = self._second.values(box) if box else {}
        need(bool(box) or self._pairs.alike, "pass", "the outputs do not correspond, and their values are not bounded")
        if self._pairs.alike:
            return self._pairs.differences(first, second)
        return joined([first[i] for i in self._first.outputs]).apart(joined([second[i] for i in self._second.outputs]))


class _Nodes:
    """One network, folded: what its outputs need, in order."""

    def __init__(self, network: Network, bits: int, name: str) -> None:
        self.bits, self.name, self.starts = bits, name, network.starts()
        self.nodes: Sequence[Node] = load("_folding.folded")(network, "evidence") if _needs_folding(network) else network.nodes
        source: list[int] = []
        for i, node in enumerate(self.nodes):  # the node whose flat entries node i repeats
            source.append(source[node.operands[0]] if node.op == "reshape" or _is_identity(node) else i)
        self.shapes = [[self.nodes[p].shape for p in node.operands] for node in self.nodes]
        self.operands = [[source[p] for p in node.operands] for node in self.nodes]
        self.outputs = [source[i] for i in network.outputs]
        self.needed = sorted(_reached(self.outputs, lambda i: self.operands[i]))
        self.rules: dict[int, Rule] = {}
        self.units: dict[int, list[Unit]] = {}
        for i in self.needed:
            node = self.nodes[i]
            _budget.hold(6 * prod(node.shape), f"pass: {name}: node {node.name}")  # places and weights
            if operation(node.op, name).rule:
                self.rules[i] = _rule(linear(node, self.shapes[i]))
            elif node.op in ("piecewise_linear", "prelu"):
                self.units[i] = units(node, bits)

    def values(self, box: Bounds) -> dict[int, Bounds]:
        """An interval for each value."""
        found: dict[int, Bounds] = {}
        for i in self.needed:
            node, step = self.nodes[i], f"pass: {self.name}: node {self.nodes[i].name}"
            self.charge(i, step)
            if node.op == "input":
                start, end = self.starts[i], self.starts[i] + prod(node.shape)
                found[i] = Bounds(box.lo[start:end], box.hi[start:end])
                continue
            operands = joined([found[p] for p in self.operands[i]])
            if i in self.rules:
                found[i] = combined([(self.rules[i], operands)], self.rules[i].sums, self.bits)
            else:
                found[i] = image(node, self.shapes[i][0], operands, self.bits, step, self.units.get(i, ()))
        return found

    def charge(self, i: int, step: str) -> None:
        """What the values of a node cost."""
        node, words = self.nodes[i], _budget.words(self.bits)
        size = prod(node.shape)
        _budget.hold(2 * size * words, step)
        if i in self.rules:
            _budget.charge(self.rules[i].sums.work(2, self.bits), step)
        elif node.op == "smooth":
            _budget.charge(size * _SMOOTH * (1 + self.bits // 512) ** 2, step)
        else:
            window = node.fields.get("window")
            _budget.charge(4 * size * (prod(window.kernel) if window else 1 + len(node.fields.get("kinks", ()))), step)


def _reached(ends: Iterable[Any], before: Callable[[Any], Iterable[Any]]) -> set[Any]:
    seen, left = set[Any](), list(ends)
    while left:
        here = left.pop()
        if here not in seen:
            seen.add(here)
            left += before(here)
    return seen


def _is_identity(node: Node) -> bool:
    return node.op == "piecewise_linear" and (node.fields["slope"], node.fields["constant"], node.fields["kinks"]) == (1, 0, [])


class _Related(NamedTuple):
    """Two nodes of one kind: the pairs that they read, the difference of their rules, or those of their functions with g's functions."""

    below: list[Pair]
    change: Rule | None = None
    units: Sequence[tuple[Unit | None, Unit]] = ()


class _Pairs:
    """The pairs of nodes that correspond, as far as the outputs need them."""

    def __init__(self, first: _Nodes, second: _Nodes) -> None:
        self.first, self.second, self.bits = first, second, first.bits
        self._related: dict[Pair, _Related | None] = {}
        sizes = [[prod(net.nodes[i].shape) for i in net.outputs] for net in (first, second)]
        self.alike = sizes[0] == sizes[1]
        self._ends = list(zip(first.outputs, second.outputs, strict=False))
        self._needed = sorted(_reached(self._ends, self._below)) if self.alike else []

    def _below(self, pair: Pair) -> list[Pair]:
        self._related[pair] = found = self._relate(*pair)
        return [] if found is None else found.below

    def _relate(self, i: int, j: int) -> _Related | None:
        a, b = self.first.nodes[i], self.second.nodes[j]
        below = list(zip(self.first.operands[i], self.second.operands[j], strict=False))
        if a.op == b.op == "input":
            same = prod(a.shape) == prod(b.shape) and self.first.starts[i] == self.second.starts[j]
            return _Related([]) if same else None
        if a.op != b.op or a.shape != b.shape or (a.op != "affine" and self.first.shapes[i] != self.second.shapes[j]):
            return None
        if i in self.first.units:
            return _Related(below, units=[(p.minus(q), q) for p, q in zip(self.first.units[i], self.second.units[j], strict=True)])
        change = _change(a, b)
        if i not in self.first.rules or change is None:
            return _Related(below) if change and a.op in ("smooth", "max_pool") else None
        _budget.charge(self.first.rules[i].sums.work(1, 1), f"pass: nodes {a.name} and {b.name}")
        rule = linear(change, self.first.shapes[i])
        if a.op not in WEIGHT or not any(change.fields[WEIGHT[a.op]].numerators):
            rule = Linear(rule.shape, constants=rule.constants, over=rule.over)
        return _Related(below, _rule(rule))

    def differences(self, x: dict[int, Bounds], y: dict[int, Bounds]) -> Bounds:
        """Those of the flat outputs, from the values; without values the weights and functions must be the same."""
        found: dict[Pair, Bounds] = {}
        for pair in self._needed:
            (i, j), related = pair, self._related[pair]
            step = f"pass: nodes {self.first.nodes[i].name} and {self.second.nodes[j].name}"
            self.first.charge(i, step)
            need(bool(x) or related is not None, step, "other operations on values that are not bounded")
            ruled = self._ruled(i, j, related, [found[p] for p in related.below], x, y, step) if related else None
            if x:
                apart = x[i].apart(y[j])
                ruled = Bounds(list(map(max, ruled.lo, apart.lo)), list(map(min, ruled.hi, apart.hi))) if ruled else apart
            assert ruled is not None
            found[pair] = ruled
        return joined([found[pair] for pair in self._ends])

    def _ruled(
        self, i: int, j: int, related: _Related, below: list[Bounds], x: dict[int, Bounds], y: dict[int, Bounds], step: str
    ) -> Bounds:
        """The rule of the operation."""
        node, d = self.first.nodes[i], joined(below)
        if node.op == "input":
            return Bounds([0] * prod(node.shape), [0] * prod(node.shape))
        if related.change is not None:
            parts = [(self.second.rules[j], d)] if any(d.lo) or any(d.hi) else []
            if related.change.sums.terms or related.change.sums.blocks:
                need(bool(x), step, "other weights on values that are not bounded")
                parts.append((related.change, joined([x[p] for p in self.first.operands[i]])))
            return combined(parts, related.change.sums, self.bits)
        if node.op == "max_pool":
            rows = node.fields["window"].entries(self.first.shapes[i][0], node.shape, step)
            return Bounds([min(d.lo[p] for p in row) for row in rows], [max(d.hi[p] for p in row) for row in rows])
        values = [x[self.first.operands[i][0]], y[self.second.operands[j][0]]] if x else []
        entries = zip(*(ends for bounds in (*values, d) for ends in bounds), strict=True)
        if node.op == "smooth":
            slopes = load("_smooth.between")
            return mapped(entries, lambda k, ends: (product(slopes(node.fields["function"], ends[:-2], self.bits), ends[-2:]), 1))
        need(bool(x) or all(change is None for change, _ in related.units), step, "other functions on values that are not bounded")
        repeat = len(d.lo) // len(related.units)
        return mapped(entries, lambda k, ends: _unit_step(*related.units[k // repeat], ends))


def _needs_folding(network: Network) -> bool:
    """Whether entries may have factors and constants of their own beside an affine map or a convolution."""
    factors = any(node.op in ("batch_norm", "scale", "add", "subtract") for node in network.nodes)
    behind = {network.nodes[node.operands[0]].op for node in network.nodes if node.op == "affine"}
    return factors or bool(behind & {"affine", "conv", "reshape"})


def _unit_step(change: Unit | None, unit: Unit, ends: tuple[int, ...]) -> tuple[tuple[Any, Any], int]:
    """phi(a) - psi(b) = (phi - psi)(a) + psi(a) - psi(b), or s (a - b) for all slopes s."""
    if len(ends) == 2:
        return product(unit.steepest, (ends[0], ends[1])), 1
    low, high = unit.step((ends[0], ends[1]), (ends[2], ends[3]), (ends[4], ends[5]))
    if change is None:
        return (low, high), unit.scale
    below, above = change.range(ends[0], ends[1])
    return (low * change.scale + below * unit.scale, high * change.scale + above * unit.scale), unit.scale * change.scale


def combined(parts: Sequence[tuple[Rule, Bounds]], constants: Linear, bits: int) -> Bounds:
    """The sum of W [c - r, c + r] = W c -+ |W| r, and the constants of a rule, rounded outwards."""
    whole = lcm(constants.over, *(2 * rule.sums.denominator for rule, _ in parts))
    low = [n * (whole // constants.over) << bits for n in constants.constants or [0] * prod(constants.shape)]
    high = low
    for rule, (lo, hi) in parts:
        factor = whole // (2 * rule.sums.denominator)
        (centre,), (radius,) = applied(rule.sums, [[*map(add, lo, hi), 0]]), applied(rule.sizes, [[*map(sub, hi, lo), 0]])
        low = [n + factor * (c - r) for n, c, r in zip(low, centre, radius, strict=True)]
        high = [n + factor * (c + r) for n, c, r in zip(high, centre, radius, strict=True)]
    return Bounds([n // whole for n in low], [-(-n // whole) for n in high])


def _rule(sums: Linear) -> Rule:
    return Rule(sums, reweighted(sums, abs, sums.denominator))


def _change(a: Node, b: Node) -> Node | None:
    """The node with the weights of a less those of b; None for operations that differ in more."""
    loose = [table[a.op] for table in (WEIGHT, SHIFT) if a.op in table]
    fixed = [key for key in a.fields if key not in loose] if a.op != "batch_norm" else []  # whose scale and shift say all
    if (
        a.op != b.op
        or any(a.fields[key].shape != b.fields[key].shape for key in loose)
        or any(a.fields[key] != b.fields[key] for key in fixed)
    ):
        return None
    return a._replace(fields={**a.fields, **{key: sum_of(a.fields[key], b.fields[key], minus=True) for key in loose}})
