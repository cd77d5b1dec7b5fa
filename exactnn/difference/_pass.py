"""One pass over two networks: an interval for every value of f, of g, and for the difference of those that correspond.

    d = a - b in [dl, du],  a in [l, u],  b in [l', u']:
    affine   (W h + c) - (V k + e) = (W - V) h + V (h - k) + (c - e)
    units    phi(a) - psi(b) = (phi - psi)(a) + psi(a) - psi(b); the latter by the slope of psi between a and b, or by its convexity
    maximum  max a_i - max b_i in [min dl_i, max du_i]
    always   l - u' <= d <= u - l'

Nodes correspond where they are reached from the outputs by the same operations. Where they are not, the last line is all that is
known, so that the pass holds for any two networks. Everything is a multiple of 2^-bits, rounded outwards once for each node.

References: docs/theory.md 17; the rules are those of ReluDiff (Paulsen, Wang, Wang 2020), in exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from exactnn.claims import products_of_an_entry
from exactnn.difference._bounds import Bounds, Ends, Exact, joined
from exactnn.difference._folding import folded, same_structure
from exactnn.difference._linear import Map, change, linear, shifted
from exactnn.difference._maximum import Maximum
from exactnn.difference._smooth import smooth_step, smooth_values
from exactnn.difference._units import Unit, unit
from exactnn.errors import NotPiecewiseLinear
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box
from exactnn.exact.progress import counted
from exactnn.network import Affine, Input, MaxPool, Network, PiecewiseLinear, PRelu, Reshape, Smooth
from exactnn.network.operations import Operation, Shape

#: fractional bits of all numbers
BITS = 64
#: products of entries and weights that the checker makes for one certificate (docs/certificate-format.md, Limits)
PRODUCTS = 1 << 30
_SMOOTH = 1 << 9  # an entry of a smooth node costs as much as so many products, with 64 bits

Pair = tuple[str, str]
#: what is known of a difference from the values in f, in g, and the differences of what the node reads
Step = Callable[[Sequence[Ends], Sequence[Ends], Sequence[Ends]], "Exact | None"]


class NotBounded(NotPiecewiseLinear):
    """A node that the pass has no rule for, or more work than the checker would repeat."""


def difference_bounds(f: Network, g: Network | None, box: Box, *, bits: int = BITS, clock: Clock | None = None) -> Bounds:
    """Bounds of f_j(x) - g_j(x) for all x of the box and each flat output j; of f_j(x) where g is None.

    Parameters
    ----------
    f, g : networks with equal numbers of inputs and outputs, without rational nodes
    box : in the dimension of the inputs
    bits : fractional bits of all numbers
    clock : Incomplete once its time has passed

    Returns
    -------
    Bounds
        of shape (1, outputs)

    Raises
    ------
    NotBounded, Incomplete

    Examples
    --------
    >>> from exactnn import Box, mlp
    >>> f = mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])
    >>> g = mlp([([[1], ["-3/4"]], [0, 0]), ([[1, 1]], [0])])
    >>> found = difference_bounds(f, g, Box(-1, 1).in_dimension(1))
    >>> found.lo.to_fractions(), found.hi.to_fractions()
    ((Fraction(-1, 4),), (Fraction(1, 4),))
    """
    lower, upper = (a.reshape(1, -1) for a in box.bounds)
    return Pass(f, g, bits=bits, clock=clock).bounds(lower, upper)


class Pass:
    """The pass over two networks, its weights prepared once for any number of boxes; arguments and errors as for `difference_bounds`.

    Examples
    --------
    >>> from exactnn import mlp
    >>> f, g = mlp([([[1]], [0])]), mlp([([[2]], [0])])
    >>> found = Pass(f, g).bounds(RationalArray.of([[0], [3]]), RationalArray.of([[1], [4]]))
    >>> found.lo.to_rows(), found.hi.to_rows()
    (((Fraction(-1, 1),), (Fraction(-4, 1),)), ((Fraction(0, 1),), (Fraction(-3, 1),)))
    """

    def __init__(self, f: Network, g: Network | None, *, bits: int = BITS, clock: Clock | None = None) -> None:
        self.bits, self.clock = bits, clock or Clock(None)
        work = Work(self.clock, bits)
        self.first = _Values(f, bits, work)
        self.second = None if g is None else _Values(g, bits, work)
        self.pairs = None if self.second is None else Pairs(self.first, self.second, work)
        self.work = work.done  # products, as the checker counts them, for one box

    def bounds(self, lower: RationalArray, upper: RationalArray) -> Bounds:
        """Bounds for each box of a batch.

        Parameters
        ----------
        lower, upper : (boxes, inputs)

        Returns
        -------
        Bounds
            of shape (boxes, outputs)
        """
        box = Ends.around(lower, upper, self.bits)
        a = self.first.run(box, self.clock)
        if self.second is None or self.pairs is None:
            return self.first.outputs(a).bounds(self.bits)
        return self.pairs.run(a, self.second.run(box, self.clock), self.clock).bounds(self.bits)


class Work:
    """The clock, and the products that the checker will count."""

    def __init__(self, clock: Clock, bits: int) -> None:
        self.clock, self.done = clock, 0
        self._smooth = _SMOOTH * max(bits // 64, 1) ** 2

    def spend(self, operation: Operation, shape: Shape) -> None:
        """One node, or one pair of nodes."""
        _look(self.clock)
        each = self._smooth if isinstance(operation, Smooth) else products_of_an_entry(operation)
        self.done += 2 * math.prod(shape) * each
        if self.done > PRODUCTS:
            raise NotBounded(f"more than {PRODUCTS} products are needed, which the checker would not make")


def _look(clock: Clock) -> None:
    clock.check("bounds of the difference were being computed")


class _Values:
    """An interval for each value of one network that its outputs need."""

    def __init__(self, net: Network, bits: int, work: Work) -> None:
        self.net, self.bits = net, bits
        self.nodes = folded(net)
        self.starts: dict[str, int] = {}
        start = 0
        for name in net.inputs:
            self.starts[name] = start
            start += math.prod(net.shape(name))
        needed = self._needed()
        self.parts: dict[str, Map] = {}
        self.rules: dict[str, Map] = {}
        for name in net.order:
            if name in needed:
                work.spend(self.nodes[name][0], net.shape(name))
                if name not in self.starts:
                    self.rules[name] = self._rule(name)

    def run(self, box: Ends, clock: Clock) -> dict[str, Ends]:
        """The intervals, by node."""
        found: dict[str, Ends] = {}
        for name, start in self.starts.items():
            shape = self.net.shape(name)
            part = box if len(self.starts) == 1 else Ends(box.array[..., start : start + math.prod(shape)])
            found[name] = part.reshaped(shape)
        for name, rule in counted("bounds layer by layer", self.rules.items(), unit="nodes"):
            _look(clock)
            found[name] = rule([found[o] for o in self.nodes[name][1]]).down().repeated(box.array.shape[1])
        return found

    def source(self, name: str) -> str:
        """The node whose flat entries this one repeats."""
        while isinstance(self.nodes[name][0], Reshape) or _is_identity(self.nodes[name][0]):
            (name,) = self.nodes[name][1]
        return name

    def outputs(self, found: dict[str, Ends]) -> Ends:
        """The flat output."""
        return joined([found[name] for name in self.net.outputs])

    def operand_shapes(self, name: str) -> list[Shape]:
        """The shapes that the operation of a node reads."""
        return [self.net.shape(o) for o in self.nodes[name][1]]

    def part(self, name: str) -> Map:
        """The linear part of an affine node; made once, since differences of values go through it too."""
        if name not in self.parts:
            self.parts[name] = linear(self.nodes[name][0], self.net.shape(name))
        return self.parts[name]

    def _needed(self) -> set[str]:
        seen: set[str] = set()
        left = list(self.net.outputs)
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                left += self.nodes[name][1]
        return seen

    def _rule(self, name: str) -> Map:
        operation, shape = self.nodes[name][0], self.net.shape(name)
        if operation.is_affine:
            return shifted(self.part(name), operation, shape, self.bits)
        if isinstance(operation, MaxPool):
            greatest = Maximum(operation, self.operand_shapes(name)[0], shape)
            return lambda operands: greatest.range(operands[0])
        if isinstance(operation, (PiecewiseLinear, PRelu)):
            own = unit(operation, len(shape), self.bits)
            return lambda operands: own.range(operands[0])
        if isinstance(operation, Smooth):
            return lambda operands: Exact(smooth_values(operation, operands[0], self.bits).array, 1)
        raise NotBounded(f"node {name!r}: bounds are known for piecewise linear and smooth operations, got {operation.kind}")


class Pairs:
    """An interval for the difference of each pair of values that correspond."""

    def __init__(self, first: _Values, second: _Values, work: Work) -> None:
        self.first, self.second = first, second
        sizes = [[math.prod(v.net.shape(n)) for n in v.net.outputs] for v in (first, second)]
        self.alike = sizes[0] == sizes[1]
        self.steps: dict[Pair, Step] = {}
        self.operands: dict[Pair, list[Pair]] = {}
        for pair in self._needed() if self.alike else ():
            work.spend(first.nodes[pair[0]][0], first.net.shape(pair[0]))
            self.steps[pair] = self._step(*pair)
        self.same = {pair for pair in self.steps if self._is_same_input(*pair)}

    def run(self, a: dict[str, Ends], b: dict[str, Ends], clock: Clock) -> Ends:
        """The difference of the flat outputs, from the values in both."""
        if not self.alike:
            return self.first.outputs(a).apart(self.second.outputs(b))
        found: dict[Pair, Ends] = {}
        for (p, q), step in self.steps.items():
            _look(clock)
            if (p, q) in self.same:
                found[p, q] = Ends(np.zeros_like(a[p].array))
                continue
            apart = a[p].apart(b[q].reshaped(self.first.net.shape(p)))
            shapes = self.second.operand_shapes(q)
            below = [found[pair].reshaped(shape) for pair, shape in zip(self.operands[p, q], shapes, strict=False)]
            own, other = ([values[o] for o in net.nodes[name][1]] for net, values, name in ((self.first, a, p), (self.second, b, q)))
            ruled = step(own, other, below)
            found[p, q] = apart if ruled is None else ruled.down().within(apart)
        return joined([found[pair] for pair in self.ends()])

    def ends(self) -> list[Pair]:
        """The pairs that the outputs are."""
        outputs = zip(self.first.net.outputs, self.second.net.outputs, strict=True)
        return [(self.first.source(a), self.second.source(b)) for a, b in outputs]

    def _is_same_input(self, a: str, b: str) -> bool:
        first, second = self.first, self.second
        if a not in first.starts or b not in second.starts:
            return False
        return math.prod(first.net.shape(a)) == math.prod(second.net.shape(b)) and first.starts[a] == second.starts[b]

    def correspond(self, a: str, b: str) -> bool:
        """Whether two nodes are one operation but for its numbers."""
        if self.first.net.shape(a) != self.second.net.shape(b):
            return False
        if not isinstance(self.first.nodes[a][0], Affine) and self.first.operand_shapes(a) != self.second.operand_shapes(b):
            return False
        return same_structure(self.first.nodes[a][0], self.second.nodes[b][0])

    def _find_operands(self, a: str, b: str) -> list[Pair]:
        """The pairs that those of two nodes are; none where the nodes have no rule in common."""
        if not self.correspond(a, b):
            return []
        operands = zip(self.first.nodes[a][1], self.second.nodes[b][1], strict=True)
        return [(self.first.source(p), self.second.source(q)) for p, q in operands]

    def _needed(self) -> list[Pair]:
        """The pairs that the outputs need, in the order of f."""
        left = self.ends()
        while left:
            pair = left.pop()
            if pair not in self.operands:
                self.operands[pair] = self._find_operands(*pair)
                left += self.operands[pair]
        place = {name: i for i, name in enumerate(self.first.net.order)}
        return sorted(self.operands, key=lambda pair: place[pair[0]])

    def _step(self, a: str, b: str) -> Step:
        """The rule of the operation, beside what the values say."""
        first, second, shape = self.first.nodes[a][0], self.second.nodes[b][0], self.first.net.shape(a)
        bits = self.first.bits
        if isinstance(first, Input) or not self.correspond(a, b):
            return lambda x, y, d: None
        if first.is_affine:
            return _affine_step(change(first, second, shape, bits), self.second.part(b))
        if isinstance(first, MaxPool):
            greatest = Maximum(first, self.first.operand_shapes(a)[0], shape)
            return lambda x, y, d: greatest.step(d[0])
        if isinstance(first, (PiecewiseLinear, PRelu)) and isinstance(second, (PiecewiseLinear, PRelu)):
            return _bent_step(unit(first, len(shape), bits), unit(second, len(shape), bits))
        assert isinstance(first, Smooth)
        return lambda x, y, d: smooth_step(first, x[0], y[0], d[0], bits)


def _affine_step(moved: Map | None, part: Map) -> Step:
    """(W h + c) - (V k + e) = (W - V) h + (c - e) + V (h - k)."""

    def step(x: Sequence[Ends], y: Sequence[Ends], d: Sequence[Ends]) -> Exact:
        if moved is None:
            return part(d)
        return moved(x) if all(e.is_zero for e in d) else moved(x) + part(d)

    return step


def _bent_step(first: Unit, second: Unit) -> Step:
    """phi(a) - psi(b) = (phi - psi)(a) + psi(a) - psi(b)."""
    moved = first.minus(second)

    def step(x: Sequence[Ends], y: Sequence[Ends], d: Sequence[Ends]) -> Exact:
        found = second.step(x[0], y[0], d[0])
        return found if moved is None else moved.range(x[0]) + found

    return step


def _is_identity(operation: Operation) -> bool:
    return isinstance(operation, PiecewiseLinear) and not operation.kinks and operation.slope == 1 and not operation.constant
