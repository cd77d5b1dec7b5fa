"""Evidence "pass" for "proved": an interval for every value of f, of g, and for the difference of those that correspond.

    d = a - b:  affine     (W h + c) - (V k + e) = (W - V) h + V (h - k) + (c - e)
                max(t, 0)  by its convexity (_relu); other functions in the modules that _intervals names
                always     l - u' <= d <= u - l'

Every operation rounds outwards once. Nodes correspond where they are reached from the outputs by the same operations.

Sound: every operation is done on intervals that hold all its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from math import lcm, prod
from operator import add, sub
from typing import Any, NamedTuple

from . import _budget
from ._apply import applied
from ._claim import Claim
from ._intervals import FUNCTIONS, Bounds, Difference, Image, box_of, joined, need_within, precision, reweighted
from ._load import load
from ._meaning import RELU, Block, Linear, linear
from ._network import Network, Node
from ._numbers import mapping, need
from ._operations import operation
from ._relu import positive, risen

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


class Pass:
    """The pass for both networks, on any number of boxes."""

    def __init__(self, f: Network, g: Network | None, bits: int) -> None:
        self._nets = [_Nodes(net, bits, name) for net, name in ((f, "f"), (g, "g")) if net is not None]
        sizes = [[prod(net.nodes[i].shape) for i in net.outputs] for net in self._nets]
        self._pairs = _Pairs(self._nets[0], self._nets[1]) if len(sizes) == 2 and sizes[0] == sizes[1] else None

    def outputs(self, box: Bounds | None) -> Bounds:
        """Bounds of the flat output of f - g, or of f, on the box; None: on all of R^d, where no value may have to be known."""
        with _budget.released():
            values = [net.values(box) if box else {} for net in self._nets]
            if self._pairs:
                return self._pairs.differences(values[0], values[1])
            need(bool(box), "pass", "the outputs do not correspond, and their values are not bounded")
            first, *second = (joined([found[i] for i in net.outputs]) for net, found in zip(self._nets, values, strict=True))
            return first.apart(second[0]) if second else first


class Rule(NamedTuple):
    """Sums of entries, and the same with absolute weights."""

    sums: Linear
    sizes: Linear


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
        self.images: dict[int, Image] = {}  # of functions other than max(t, 0)
        for i in self.needed:
            node, step = self.nodes[i], f"pass: {name}: node {self.nodes[i].name}"
            _budget.hold(6 * prod(node.shape), step)  # places and weights
            if operation(node.op, step).rule:
                self.rules[i] = _rule(linear(node, self.shapes[i]))
            elif node.op != "input" and node.fields != RELU:
                need(node.op in FUNCTIONS, step, f"{node.op} functions are not bounded here")
                self.images[i] = load(f"{FUNCTIONS[node.op]}.image")(node, self.shapes[i][0], bits, step)

    def values(self, box: Bounds) -> dict[int, Bounds]:
        """An interval for each value."""
        found: dict[int, Bounds] = {}
        for i in self.needed:
            self.charge(i, f"pass: {self.name}: node {self.nodes[i].name}")
            if i in self.starts:
                start, end = self.starts[i], self.starts[i] + prod(self.nodes[i].shape)
                found[i] = Bounds(box.lo[start:end], box.hi[start:end])
                continue
            operands = joined([found[p] for p in self.operands[i]])
            if i in self.rules:
                found[i] = _combined([(self.rules[i], operands)], self.rules[i].sums, self.bits)
            else:
                found[i] = self.images.get(i, positive)(operands)
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


def _needs_folding(network: Network) -> bool:
    """Whether entries may have factors and constants of their own beside an affine map or a convolution."""
    factors = any(node.op in ("batch_norm", "scale", "add", "subtract") for node in network.nodes)
    behind = {network.nodes[node.operands[0]].op for node in network.nodes if node.op == "affine"}
    return factors or bool(behind & {"affine", "conv", "reshape"})


class _Pairs:
    """The pairs of nodes that correspond, as far as the outputs need them."""

    def __init__(self, first: _Nodes, second: _Nodes) -> None:
        self.first, self.second = first, second
        self._rules: dict[Pair, Difference | None] = {}
        self._ends = list(zip(first.outputs, second.outputs, strict=True))
        self._needed = sorted(_reached(self._ends, self._below))

    def _below(self, pair: Pair) -> list[Pair]:
        """The pairs that it reads, if there is a rule for it."""
        (i, j), operands = pair, (self.first.operands[pair[0]], self.second.operands[pair[1]])
        step = f"pass: nodes {self.first.nodes[i].name} and {self.second.nodes[j].name}"
        self._rules[pair] = rule = self._rule(i, j, step)
        return list(zip(*operands, strict=True)) if rule else []

    def _rule(self, i: int, j: int, step: str) -> Difference | None:
        """What the operation says of the difference; None for different operations."""
        a, b, shapes = self.first.nodes[i], self.second.nodes[j], self.first.shapes[i]
        if a.op == b.op == "input":
            zeros = [0] * prod(a.shape)
            same = prod(a.shape) == prod(b.shape) and self.first.starts[i] == self.second.starts[j]
            return (lambda x, y, d: Bounds(zeros, zeros)) if same else None
        if a.op != b.op or a.shape != b.shape or (a.op != "affine" and shapes != self.second.shapes[j]):
            return None
        if i in self.first.rules:
            return self._affine(self.first.rules[i], self.second.rules[j], step)
        if a.fields == b.fields == RELU:
            return _relu
        images = self.first.images.get(i), self.second.images.get(j)  # none of max(t, 0)
        found: Difference | None = load(f"{FUNCTIONS[a.op]}.difference")(a, b, shapes[0], self.first.bits, step, images)
        return found

    def _affine(self, first: Rule, second: Rule, step: str) -> Difference | None:
        """(W - V) h + V (h - k) + (c - e)."""
        _budget.charge(first.sums.work(1, 1), step)
        change = _less(first.sums, second.sums)
        if change is None:
            return None
        rule, bits = _rule(change), self.first.bits

        def difference(x: Bounds | None, y: Bounds | None, d: Bounds) -> Bounds:
            parts = [(second, d)] if any(d.lo) or any(d.hi) else []
            if change.terms or change.blocks:
                need(x is not None, step, "other weights on values that are not bounded")
                assert x is not None
                parts.append((rule, x))
            return _combined(parts, change, bits)

        return difference

    def differences(self, x: dict[int, Bounds], y: dict[int, Bounds]) -> Bounds:
        """Those of the flat outputs, from the values; without values the weights and functions must be the same."""
        found: dict[Pair, Bounds] = {}
        for pair in self._needed:
            (i, j), rule = pair, self._rules[pair]
            step = f"pass: nodes {self.first.nodes[i].name} and {self.second.nodes[j].name}"
            self.first.charge(i, step)
            need(bool(x) or rule is not None, step, "other operations on values that are not bounded")
            operands = self.first.operands[i], self.second.operands[j]
            if rule:
                below = joined([found[p] for p in zip(*operands, strict=True)])
                known = [joined([values[p] for p in read]) if values else None for values, read in zip((x, y), operands, strict=True)]
                found[pair] = rule(known[0], known[1], below)
            if x:
                apart = x[i].apart(y[j])
                found[pair] = found[pair].within(apart) if rule else apart
        return joined([found[pair] for pair in self._ends])


def _relu(x: Bounds | None, y: Bounds | None, d: Bounds) -> Bounds:
    """max(a, 0) - max(b, 0); between 0 and a - b, whatever these are."""
    if x is None or y is None:
        return Bounds([min(n, 0) for n in d.lo], [max(n, 0) for n in d.hi])
    return risen(x, y, d)


def _combined(parts: Sequence[tuple[Rule, Bounds]], constants: Linear, bits: int) -> Bounds:
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


def _less(a: Linear, b: Linear) -> Linear | None:
    """a - b, with no sums where these are the same; None if they read other places."""
    size, common, over = prod(a.shape), lcm(a.denominator, b.denominator), lcm(a.over, b.over)
    made: dict[tuple[int, int], list[int]] = {}  # the same rows come again at other places

    def less(u: Sequence[int], v: Sequence[int], p: int = common // a.denominator, q: int = common // b.denominator) -> list[int]:
        return [m * p - n * q for m, n in zip(u, v, strict=True)]

    def both() -> Iterator[tuple[Any, ...]]:
        return zip_longest(a.blocks() if a.blocks else (), b.blocks() if b.blocks else (), fillvalue=())

    if [s.places for s in a.terms] != [t.places for t in b.terms]:
        return None
    changed = [less(s.weights or [1] * size, t.weights or [1] * size) for s, t in zip(a.terms, b.terms, strict=True)]
    for s, t in both():
        if s[:2] != t[:2]:
            return None
        made |= {(id(u), id(v)): less(u, v) for u, v in zip(s[2], t[2], strict=True) if (id(u), id(v)) not in made}
    constants = less(a.constants or [0] * size, b.constants or [0] * size, over // a.over, over // b.over)
    if not any(map(any, (*made.values(), *changed))):
        return Linear(a.shape, constants=constants, over=over)

    def blocks() -> Iterator[Block]:
        return ((*s[:2], [made[id(u), id(v)] for u, v in zip(s[2], t[2], strict=True)]) for s, t in both())

    terms = [term._replace(weights=weights) for term, weights in zip(a.terms, changed, strict=True)]
    return Linear(a.shape, terms, a.blocks and blocks, common, constants, over)
