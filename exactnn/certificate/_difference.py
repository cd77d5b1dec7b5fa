"""Evidence "pass" for "proved": an interval for every value of f, of g, and for the difference of those that correspond.

All numbers are integers that count units of 2^-bits, and every operation rounds outwards once. Nodes correspond where they are
reached from the outputs by the same operations; where they are not, their difference is only known from their own intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod
from operator import neg
from typing import Any, NamedTuple

from . import _budget
from ._affine import AFFINE, affine_value, sum_of
from ._budget import Budget
from ._claim import Claim, Domain
from ._enclosure import smooth_range
from ._folding import folded
from ._network import Network, Node
from ._numbers import Tensor, index, items, mapping, need, rational
from ._slopes import SLOPES, slopes
from ._unit import units
from ._windows import Window
from ._work import each

PRECISION = 1024  # bits at the most
_SMOOTH = 2**9  # an entry of a smooth node costs as much as so many products, with 64 bits
_LINEAR = {"affine": "weight", "conv": "weight", "batch_norm": "scale", "scale": "factor"}
_SHIFT = {"affine": "bias", "conv": "bias", "batch_norm": "shift", "constant": "value"}
_OTHER = {"batch_norm": ("mean", "variance", "weight", "bias", "epsilon", "precision")}  # what scale and shift were made of


class Bounds(NamedTuple):
    """lo <= entries <= hi, in units of 2^-bits, row-major."""

    shape: tuple[int, ...]
    lo: list[int]
    hi: list[int]


def check_pass(claim: Claim, f: Network, g: Network | None, evidence: dict[str, Any]) -> None:
    """|f_j - g_j| <= tolerance on the box that the domain lies in, or everywhere; g None stands for 0."""
    mapping(evidence, "evidence", ("method", "bits"), ("box",))
    bits = precision(evidence["bits"])
    proofs = evidence.get("box", [])
    if proofs is None or claim.domain is None:
        need("box" not in evidence or proofs is None, "box", "null is expected where there is no domain")
        need(g is not None, "claim: domain", "the values of one network are not bounded on all of R^d")
        found = Pass(f, g, bits).everywhere()
    else:
        found = difference(claim.domain, f, g, bits, proofs)
    need_within(claim, found, bits, "pass")


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


def difference(domain: Domain | None, f: Network, g: Network | None, bits: int, proofs: Any) -> Bounds:
    """Bounds of the flat output of f - g, or of f."""
    need(domain is not None, "claim: domain", "the pass needs a bounded domain")
    assert domain is not None
    box = box_of(domain, bits, proofs)
    return Pass(f, g, bits).outputs(box)


class Pass:
    """The pass for both networks, on any number of boxes."""

    def __init__(self, f: Network, g: Network | None, bits: int) -> None:
        self.bits, self.budget = bits, Budget(_budget.PASS, "products", "evidence")
        self._networks = [(net, folded(net, "evidence")) for net in (f, g) if net is not None]

    def outputs(self, box: Bounds) -> Bounds:
        """Bounds of the flat output of f - g, or of f, on the box."""
        pairs = zip(self._networks, "fg", strict=False)
        first, *more = [_Values(net, nodes, box, self.bits, self.budget, name) for (net, nodes), name in pairs]
        return _Pairs(first, more[0], self.budget).outputs() if more else first.outputs()

    def everywhere(self) -> Bounds:
        """Bounds of the flat output of f - g on all of R^d, where weights are the same and no value has to be known."""
        first, second = (_Values(net, nodes, None, self.bits, self.budget, "") for net, nodes in self._networks)
        pairs = _Pairs(first, second, self.budget)
        need(pairs.alike, "pass", "the outputs do not correspond, and their values are not bounded")
        return pairs.outputs()


def box_of(domain: Domain, bits: int, proofs: Any) -> Bounds:
    """The box that rows with one entry and the given combinations of rows describe."""
    size = domain.matrix.shape[1]
    sides: dict[tuple[int, int], Fraction] = {}  # s x_j <= value

    def add(j: int, s: int, limit: Fraction) -> None:
        sides[j, s] = min(sides.get((j, s), limit), limit)

    for row, bound in domain.rows():
        places = [j for j, a in enumerate(row) if a]
        if len(places) == 1:
            a = row[places[0]]
            add(places[0], 1 if a > 0 else -1, bound * domain.matrix.denominator / abs(a))
    for k, side in enumerate(items(proofs, "box")):
        step = f"box: side {k}"
        j, s, terms = items(side, step, 3)
        j = index(j, size, step)
        need(type(s) is int and s in (1, -1), step, "the sign must be 1 or -1")
        add(j, s, _combined(domain, j, s, terms, step))
    need(len(sides) == 2 * size, "claim: domain", "an input is not bounded on both sides")
    lo = [-_ceil(sides[j, -1] * (1 << bits)) for j in range(size)]
    hi = [_ceil(sides[j, 1] * (1 << bits)) for j in range(size)]
    need(all(a <= b for a, b in zip(lo, hi, strict=True)), "claim: domain", "the domain is empty")
    return Bounds((size,), lo, hi)


def _combined(domain: Domain, j: int, s: int, terms: Any, step: str) -> Fraction:
    """sum of y b for y >= 0 with sum of y A = s e_j."""
    total, bound = [Fraction(0)] * domain.matrix.shape[1], Fraction(0)
    for term in items(terms, step):
        r, y = items(term, step, 2)
        r, y = index(r, len(domain.bounds), step), rational(y, step)
        need(y >= 0, step, "a negative multiplier")
        bound += y * domain.bounds[r]
        total = [t + y * a for t, a in zip(total, domain.row(r), strict=True)]
    goal = [Fraction(s * domain.matrix.denominator * (i == j)) for i in range(len(total))]
    need(total == goal, step, "the rows do not add up to the side")
    return bound


def _ceil(q: Fraction) -> int:
    return -(-q.numerator // q.denominator)


class _Values:
    """An interval for each value of one network that its outputs need; for none without a box."""

    def __init__(self, network: Network, nodes: Sequence[Node], box: Bounds | None, bits: int, budget: Budget, name: str) -> None:
        self.network, self.bits, self.starts = network, bits, network.starts()
        self.nodes = nodes  # folded
        self.found: dict[int, Bounds] = {}
        if box is None:
            return
        for i in sorted(self._needed()):
            node = self.nodes[i]
            budget.step = f"pass: {name}: node {node.name}"
            spend(budget, node, bits)
            operands = [self.found[p] for p in node.operands]
            if node.op == "input":
                start, size = self.starts[i], prod(node.shape)
                self.found[i] = Bounds(node.shape, box.lo[start : start + size], box.hi[start : start + size])
            elif node.op in AFFINE:
                self.found[i] = outward([affine_parts(node, operands, bits)], bits)
            else:
                self.found[i] = _bent(node, operands[0], bits, budget.step)

    def source(self, i: int) -> int:
        """The node whose flat entries node i repeats."""
        while self.nodes[i].op == "reshape" or _identity(self.nodes[i]):
            (i,) = self.nodes[i].operands
        return i

    def outputs(self) -> Bounds:
        """The flat output."""
        return _joined([self.found[i] for i in self.network.outputs])

    def _needed(self) -> set[int]:
        seen: set[int] = set()
        left = list(self.network.outputs)
        while left:
            i = left.pop()
            if i not in seen:
                seen.add(i)
                left += self.nodes[i].operands
        return seen


class _Pairs:
    """An interval for the difference of each pair of values that correspond."""

    def __init__(self, first: _Values, second: _Values, budget: Budget) -> None:
        self.first, self.second, self.bits = first, second, first.bits
        self.found: dict[tuple[int, int], Bounds] = {}
        sizes = [[prod(v.nodes[i].shape) for i in v.network.outputs] for v in (first, second)]
        self.alike = sizes[0] == sizes[1]
        if not self.alike:
            return
        for i, j in sorted(self._needed()):
            budget.step = f"pass: nodes {first.nodes[i].name} and {second.nodes[j].name}"
            spend(budget, first.nodes[i], self.bits)
            self.found[i, j] = self._sharpened(i, j) if first.found else self._everywhere(i, j, budget.step)

    def outputs(self) -> Bounds:
        """The difference of the flat outputs."""
        if not self.alike:
            return _apart(self.first.outputs(), self.second.outputs())
        return _joined([self.found[pair] for pair in self._ends()])

    def _ends(self) -> list[tuple[int, int]]:
        pairs = zip(self.first.network.outputs, self.second.network.outputs, strict=True)
        return [(self.first.source(i), self.second.source(j)) for i, j in pairs]

    def _operands(self, i: int, j: int) -> list[tuple[int, int]]:
        a, b = self.first.nodes[i], self.second.nodes[j]
        if not _same_structure(self.first, a, self.second, b):
            return []
        return [(self.first.source(p), self.second.source(q)) for p, q in zip(a.operands, b.operands, strict=True)]

    def _needed(self) -> set[tuple[int, int]]:
        seen: set[tuple[int, int]] = set()
        left = self._ends()
        while left:
            pair = left.pop()
            if pair not in seen:
                seen.add(pair)
                left += self._operands(*pair)
        return seen

    def _sharpened(self, i: int, j: int) -> Bounds:
        """The rule of the operation, and  l - u' <= d <= u - l'."""
        apart = _apart(self.first.found[i], self.second.found[j])
        rule = self._rule(i, j)
        if rule is None:
            return apart
        return Bounds(apart.shape, list(map(max, rule.lo, apart.lo)), list(map(min, rule.hi, apart.hi)))

    def _rule(self, i: int, j: int) -> Bounds | None:
        a, b = self.first.nodes[i], self.second.nodes[j]
        if a.op == b.op == "input":
            return self._inputs(i, j)
        if not _same_structure(self.first, a, self.second, b):
            return None
        below, x = self._below(i, j), [self.first.found[p] for p in a.operands]
        if a.op in AFFINE:
            return self._affine(a, b, x, below)
        if a.op == "max_pool":
            return _spread(a, below[0])
        y = [self.second.found[q] for q in b.operands]
        if a.op == "smooth":
            return _smooth_rule(a, (x[0], y[0], below[0]), self.bits)
        return _bent_rule(a, b, (x[0], y[0], below[0]), self.bits)

    def _everywhere(self, i: int, j: int, step: str) -> Bounds:
        """The same without any values: weights and functions must be the same, and s d has all slopes s."""
        a, b = self.first.nodes[i], self.second.nodes[j]
        if a.op == b.op == "input":
            found = self._inputs(i, j)
            need(found is not None, step, "other inputs, whose difference is not bounded")
            assert found is not None
            return found
        need(_same_structure(self.first, a, self.second, b), step, "other operations on values that are not bounded")
        below = self._below(i, j)
        if a.op in AFFINE:
            key = _LINEAR.get(a.op)
            same = key is None or not any(sum_of(a.fields[key], b.fields[key], minus=True).numerators)
            need(same, step, "other weights on values that are not bounded")
            return self._affine(a, b, [_zero(self.first.nodes[p].shape) for p in a.operands], below)
        if a.op == "max_pool":
            return _spread(a, below[0])
        if a.op == "smooth":
            ends = [SLOPES[a.fields["function"]]]
        else:
            first, second = units(a, self.bits), units(b, self.bits)
            need(all(p.same(q) for p, q in zip(first, second, strict=True)), step, "other functions on values that are not bounded")
            ends = [unit.steepest for unit in second]
        return _sloped(a.shape, below[0], ends)

    def _inputs(self, i: int, j: int) -> Bounds | None:
        """0 where both are the same inputs."""
        a, b = self.first.nodes[i], self.second.nodes[j]
        same = prod(a.shape) == prod(b.shape) and self.first.starts[i] == self.second.starts[j]
        return _zero(a.shape) if same else None

    def _below(self, i: int, j: int) -> list[Bounds]:
        """The differences of the operands, in the shapes that they have in g."""
        shapes = [self.second.nodes[q].shape for q in self.second.nodes[j].operands]
        return [self.found[pair]._replace(shape=shape) for pair, shape in zip(self._operands(i, j), shapes, strict=True)]

    def _affine(self, a: Node, b: Node, x: Sequence[Bounds], below: Sequence[Bounds]) -> Bounds:
        """(W - V) x + V d + (c - e)."""
        parts = [affine_parts(b, below, self.bits, linear=True)]
        change = _minus(a, b)
        return outward(parts if change is None else [affine_parts(change, x, self.bits), *parts], self.bits)


def _zero(shape: tuple[int, ...]) -> Bounds:
    return Bounds(shape, [0] * prod(shape), [0] * prod(shape))


def _spread(node: Node, d: Bounds) -> Bounds:
    """The difference of maxima lies between the least and the largest one in the window."""
    window: Window = node.fields["window"]
    rows = window.entries(d.shape, node.shape)
    return Bounds(node.shape, [min(d.lo[p] for p in row) for row in rows], [max(d.hi[p] for p in row) for row in rows])


def _sloped(shape: tuple[int, ...], d: Bounds, ends: Sequence[tuple[Fraction, Fraction]]) -> Bounds:
    """s d for all s between these ends, one pair for each channel."""
    repeat = len(d.lo) // len(ends)

    def values(k: int, step: tuple[int, ...]) -> tuple[int, int]:
        corners = [s * t for s in ends[k // repeat] for t in step]
        low, high = min(corners), max(corners)
        return low.numerator // low.denominator, -(-high.numerator // high.denominator)

    return _mapped(shape, zip(d.lo, d.hi, strict=True), values)


def spend(budget: Budget, node: Node, bits: int) -> None:
    """For each entry what it is made of, for centres and radii."""
    budget.spend(2 * prod(node.shape) * (_SMOOTH * max(bits // 64, 1) ** 2 if node.op == "smooth" else each(node)))


def affine_parts(node: Node, operands: Sequence[Bounds], bits: int, *, linear: bool = False) -> tuple[Tensor, Tensor]:
    """Centre and radius:  W [c - r, c + r] + b = W c + b +- |W| r, exactly."""
    centres = [Tensor(a.shape, [x + y for x, y in zip(a.lo, a.hi, strict=True)], 2 << bits) for a in operands]
    radii = [Tensor(a.shape, [y - x for x, y in zip(a.lo, a.hi, strict=True)], 2 << bits) for a in operands]
    return affine_value(node, centres, linear), affine_value(_absolute(node), radii, True)


def outward(parts: Sequence[tuple[Tensor, Tensor]], bits: int) -> Bounds:
    """The sum of centres +- radii, rounded outwards."""
    centre, radius = parts[0]
    for more, wider in parts[1:]:
        centre, radius = sum_of(centre, more), sum_of(radius, wider)
    low, high = sum_of(centre, radius, minus=True), sum_of(centre, radius)
    lo = [(n << bits) // low.denominator for n in low.numerators]
    return Bounds(centre.shape, lo, [-((-n << bits) // high.denominator) for n in high.numerators])


def _absolute(node: Node) -> Node:
    if node.op == "subtract":
        return node._replace(op="add")
    key = _LINEAR.get(node.op)
    if key is None:
        return node
    weight: Tensor = node.fields[key]
    return node._replace(fields={**node.fields, key: weight._replace(numerators=list(map(abs, weight.numerators)))})


def _minus(a: Node, b: Node) -> Node | None:
    """The node with the weights of a less those of b; None where all of them are the same."""
    keys = [table[a.op] for table in (_LINEAR, _SHIFT) if a.op in table]
    changes = {key: sum_of(a.fields[key], b.fields[key], minus=True) for key in keys}
    if not any(any(change.numerators) for change in changes.values()):
        return None
    return a._replace(fields={**a.fields, **changes})


def _same_structure(first: _Values, a: Node, second: _Values, b: Node) -> bool:
    """The same operation on operands of the same shapes, but for its weights and the numbers of units."""
    if a.op != b.op or a.shape != b.shape or len(a.operands) != len(b.operands) or a.op in ("input", "rational"):
        return False
    if a.op != "affine" and any(first.nodes[p].shape != second.nodes[q].shape for p, q in zip(a.operands, b.operands, strict=True)):
        return False
    weights = [table[a.op] for table in (_LINEAR, _SHIFT) if a.op in table]
    if any(a.fields[key].shape != b.fields[key].shape for key in weights):
        return False
    loose = {*weights, *_OTHER.get(a.op, ()), *({"slope", "constant", "kinks", "slopes"} if a.op in ("piecewise_linear", "prelu") else ())}
    return all(a.fields[key] == b.fields[key] for key in a.fields if key not in loose)


def _identity(node: Node) -> bool:
    return node.op == "piecewise_linear" and not node.fields["kinks"] and node.fields["slope"] == 1 and node.fields["constant"] == 0


def _bent(node: Node, a: Bounds, bits: int, step: str) -> Bounds:
    """The values of an operation that is not affine."""
    if node.op == "max_pool":
        window: Window = node.fields["window"]
        rows = window.entries(a.shape, node.shape)
        return Bounds(node.shape, [max(a.lo[p] for p in row) for row in rows], [max(a.hi[p] for p in row) for row in rows])
    need(node.op != "rational", step, "rational functions are not treated by the pass")
    if node.op == "smooth":
        return _mapped(node.shape, zip(a.lo, a.hi, strict=True), lambda k, x: _smooth_values(node.fields["function"], x, bits))
    own = units(node, bits)
    repeat = len(a.lo) // len(own)

    def values(k: int, x: tuple[int, ...]) -> tuple[int, int]:
        unit = own[k // repeat]
        low, high = unit.range(x[0], x[1])
        return low // unit.scale, -(-high // unit.scale)

    return _mapped(node.shape, zip(a.lo, a.hi, strict=True), values)


def _bent_rule(a: Node, b: Node, bounds: tuple[Bounds, Bounds, Bounds], bits: int) -> Bounds:
    """phi(x) - psi(y) = (phi - psi)(x) + psi(x) - psi(y)."""
    first, second = units(a, bits), units(b, bits)
    changes = [None if p.same(q) else p.minus(q) for p, q in zip(first, second, strict=True)]
    x, y, d = bounds
    repeat = len(x.lo) // len(first)

    def values(k: int, ends: tuple[int, ...]) -> tuple[int, int]:
        unit, change = second[k // repeat], changes[k // repeat]
        low, high = unit.step((ends[0], ends[1]), (ends[2], ends[3]), (ends[4], ends[5]))
        scale = unit.scale
        if change is not None:
            below, above = change.range(ends[0], ends[1])
            low, high = low * change.scale + below * scale, high * change.scale + above * scale
            scale *= change.scale
        return low // scale, -(-high // scale)

    return _mapped(a.shape, zip(x.lo, x.hi, y.lo, y.hi, d.lo, d.hi, strict=True), values)


def _smooth_values(name: str, x: tuple[int, ...], bits: int) -> tuple[int, int]:
    low, high = smooth_range(name, (Fraction(x[0], 1 << bits), Fraction(x[1], 1 << bits)), bits)
    return (low.numerator << bits) // low.denominator, -((-high.numerator << bits) // high.denominator)


def _smooth_rule(node: Node, bounds: tuple[Bounds, Bounds, Bounds], bits: int) -> Bounds:
    """phi(x) - phi(y) = s d, with s between the slopes on the hull of both."""
    x, y, d = bounds
    unit = 1 << bits

    def values(k: int, ends: tuple[int, ...]) -> tuple[int, int]:
        hull = Fraction(min(ends[0], ends[2]), unit), Fraction(max(ends[1], ends[3]), unit)
        corners = [s * t for s in slopes(node.fields["function"], hull, bits) for t in ends[4:]]
        low, high = min(corners), max(corners)
        return low.numerator // low.denominator, -(-high.numerator // high.denominator)

    return _mapped(node.shape, zip(x.lo, x.hi, y.lo, y.hi, d.lo, d.hi, strict=True), values)


def _mapped(shape: tuple[int, ...], entries: Any, rule: Callable[[int, tuple[int, ...]], tuple[int, int]]) -> Bounds:
    pairs = [rule(k, ends) for k, ends in enumerate(entries)]
    return Bounds(shape, [low for low, _ in pairs], [high for _, high in pairs])


def _apart(a: Bounds, b: Bounds) -> Bounds:
    """What the values alone say of their difference."""
    lo = [x - y for x, y in zip(a.lo, b.hi, strict=True)]
    return Bounds(a.shape, lo, [x - y for x, y in zip(a.hi, b.lo, strict=True)])


def _joined(parts: Sequence[Bounds]) -> Bounds:
    lo, hi = [n for part in parts for n in part.lo], [n for part in parts for n in part.hi]
    return Bounds((len(lo),), lo, hi)
