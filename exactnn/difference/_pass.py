"""One pass over two networks: an interval for every value of f, of g, and for the difference of those that correspond.

    d = a - b in [dl, du],  a in [l, u],  b in [l', u']:
    affine   (W h + c) - (V k + e) = (W - V) h + V (h - k) + (c - e)
    units    phi(a) - psi(b) = (phi - psi)(a) + slope of psi between a and b * d
    maximum  max a_i - max b_i in [min dl_i, max du_i]
    always   l - u' <= d <= u - l'

Nodes correspond where they are reached from the outputs by the same operations. Where they are not, the last line is all that is
known, so that the pass holds for any two networks. Everything is a multiple of 2^-bits, rounded outwards once for each node.

References: docs/theory.md 17; the rules are those of ReluDiff (Paulsen, Wang, Wang 2020), in exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tqdm import tqdm

from exactnn.claims import products_of_an_entry
from exactnn.difference._bounds import Bounds, joined, outward
from exactnn.difference._linear import folded, linear, same_structure
from exactnn.difference._smooth import SLOPES, smooth_values
from exactnn.difference._units import difference_of_units, scaled, unit
from exactnn.errors import NotPiecewiseLinear
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box
from exactnn.network import Affine, Input, MaxPool, Network, PiecewiseLinear, PRelu, Reshape, Smooth
from exactnn.network.operations import Operation, Shape

#: fractional bits of all numbers
BITS = 64
#: products of entries and weights that the checker makes for one certificate (docs/certificate-format.md, Limits)
PRODUCTS = 1 << 30
_SMOOTH = 1 << 9  # an entry of a smooth node costs as much as so many products


class NotBounded(NotPiecewiseLinear):
    """A node that the pass has no rule for, or more work than the checker would repeat."""


class _Work:
    """The clock, and the products that the checker will count."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.left = clock, PRODUCTS

    def spend(self, operation: Operation, shape: Shape) -> None:
        """One node, or one pair of nodes."""
        self.clock.check("bounds of the difference were being computed")
        each = _SMOOTH if isinstance(operation, Smooth) else products_of_an_entry(operation)
        self.left -= 2 * math.prod(shape) * each
        if self.left < 0:
            raise NotBounded(f"more than {PRODUCTS} products are needed, which the checker would not make")


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
    work = _Work(clock or Clock(None))
    first = _Values(f, box, bits, work)
    if g is None:
        return first.outputs()
    return _Pairs(first, _Values(g, box, bits, work), work).outputs()


class _Values:
    """An interval for each value of one network that its outputs need."""

    def __init__(self, net: Network, box: Box, bits: int, work: _Work) -> None:
        self.net, self.bits = net, bits
        self.nodes = folded(net)
        self.found: dict[str, Bounds] = {}
        low, high = (a.reshape(1, -1) for a in box.bounds)
        self.starts: dict[str, int] = {}
        start = 0
        for name in net.inputs:
            self.starts[name] = start
            size = math.prod(net.shape(name))
            self.found[name] = outward(low[:, start : start + size], high[:, start : start + size], bits).reshaped(net.shape(name))
            start += size
        needed = self._needed()
        for name in tqdm(net.order, desc="bounds", unit=" nodes", delay=2, disable=None, leave=False):
            if name in needed:
                work.spend(self.nodes[name][0], net.shape(name))
                if name not in self.found:
                    self.found[name] = self._value(name)

    def source(self, name: str) -> str:
        """The node whose flat entries this one repeats."""
        while isinstance(self.nodes[name][0], Reshape) or _is_identity(self.nodes[name][0]):
            (name,) = self.nodes[name][1]
        return name

    def outputs(self) -> Bounds:
        """The flat output."""
        return joined([self.found[name] for name in self.net.outputs])

    def operand_shapes(self, name: str) -> list[Shape]:
        """The shapes that the operation of a node reads."""
        return [self.net.shape(o) for o in self.nodes[name][1]]

    def _needed(self) -> set[str]:
        seen: set[str] = set()
        left = list(self.net.outputs)
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                left += self.nodes[name][1]
        return seen

    def _value(self, name: str) -> Bounds:
        operation, operands = self.nodes[name]
        below = [self.found[o] for o in operands]
        if operation.is_affine:
            shape = self.net.shape(name)
            return outward(*linear(operation, len(shape)).ends(below, shape), self.bits)
        (x,) = below
        if isinstance(operation, MaxPool):
            return Bounds(operation.evaluate(x.lo), operation.evaluate(x.hi))
        if isinstance(operation, (PiecewiseLinear, PRelu)):
            return outward(*unit(operation, x.lo.ndim - 1).range(x), self.bits)
        if isinstance(operation, Smooth):
            return smooth_values(operation, x, self.bits)
        raise NotBounded(f"node {name!r}: bounds are known for piecewise linear and smooth operations, got {operation.kind}")


class _Pairs:
    """An interval for the difference of each pair of values that correspond."""

    def __init__(self, first: _Values, second: _Values, work: _Work) -> None:
        self.first, self.second, self.bits = first, second, first.bits
        self.found: dict[tuple[str, str], Bounds] = {}
        sizes = [[math.prod(v.net.shape(n)) for n in v.net.outputs] for v in (first, second)]
        self.alike = sizes[0] == sizes[1]
        place = {name: i for i, name in enumerate(first.net.order)}
        pairs = sorted(self._needed(), key=lambda pair: place[pair[0]]) if self.alike else []
        for pair in tqdm(pairs, desc="bounds of the difference", unit=" nodes", delay=2, disable=None, leave=False):
            work.spend(first.nodes[pair[0]][0], first.net.shape(pair[0]))
            self.found[pair] = self._sharpened(*pair)

    def outputs(self) -> Bounds:
        """The difference of the flat outputs."""
        if not self.alike:
            return self.first.outputs().apart(self.second.outputs())
        return joined([self.found[pair] for pair in self._ends()])

    def _ends(self) -> list[tuple[str, str]]:
        outputs = zip(self.first.net.outputs, self.second.net.outputs, strict=True)
        return [(self.first.source(a), self.second.source(b)) for a, b in outputs]

    def _correspond(self, a: str, b: str) -> bool:
        if self.first.net.shape(a) != self.second.net.shape(b):
            return False
        if not isinstance(self.first.nodes[a][0], Affine) and self.first.operand_shapes(a) != self.second.operand_shapes(b):
            return False
        return same_structure(self.first.nodes[a][0], self.second.nodes[b][0])

    def _operands(self, a: str, b: str) -> list[tuple[str, str]]:
        if not self._correspond(a, b):
            return []
        operands = zip(self.first.nodes[a][1], self.second.nodes[b][1], strict=True)
        return [(self.first.source(p), self.second.source(q)) for p, q in operands]

    def _needed(self) -> set[tuple[str, str]]:
        seen: set[tuple[str, str]] = set()
        left = self._ends()
        while left:
            pair = left.pop()
            if pair not in seen:
                seen.add(pair)
                left += self._operands(*pair)
        return seen

    def _sharpened(self, a: str, b: str) -> Bounds:
        """The rule of the operation, and what the values say."""
        apart = self.first.found[a].apart(self.second.found[b].reshaped(self.first.net.shape(a)))
        rule = self._rule(a, b)
        return apart if rule is None else rule.within(apart)

    def _rule(self, a: str, b: str) -> Bounds | None:
        first, second = self.first.nodes[a][0], self.second.nodes[b][0]
        if isinstance(first, Input) and isinstance(second, Input):
            zero = RationalArray.zeros((1, *first.shape))
            same = math.prod(first.shape) == math.prod(second.shape) and self.first.starts[a] == self.second.starts[b]
            return Bounds(zero, zero) if same else None
        if not self._correspond(a, b):
            return None
        shapes = self.second.operand_shapes(b)
        below = [self.found[pair].reshaped(shape) for pair, shape in zip(self._operands(a, b), shapes, strict=True)]
        x = [self.first.found[o] for o in self.first.nodes[a][1]]
        y = [self.second.found[o] for o in self.second.nodes[b][1]]
        if first.is_affine:
            return self._affine((first, second), x, below, self.first.net.shape(a))
        if isinstance(first, MaxPool):
            return Bounds(-first.evaluate(-below[0].lo), first.evaluate(below[0].hi))
        if isinstance(first, (PiecewiseLinear, PRelu)) and isinstance(second, (PiecewiseLinear, PRelu)):
            ndim = below[0].lo.ndim - 1
            return difference_of_units(unit(first, ndim), unit(second, ndim), x[0], y[0], below[0], self.bits)
        if isinstance(first, Smooth) and first.function in SLOPES:
            least, most = (RationalArray.of(s) for s in SLOPES[first.function])
            return outward(*scaled(least, most, below[0]), self.bits)
        return None

    def _affine(self, pair: tuple[Operation, Operation], x: Sequence[Bounds], below: Sequence[Bounds], shape: Shape) -> Bounds:
        first, second = (linear(operation, len(shape)) for operation in pair)
        low, high = second.ends(below, shape, shifted=False)
        change = first.minus(second)
        if change is not None:
            less, more = change.ends(x, shape)
            low, high = low + less, high + more
        return outward(low, high, self.bits)


def _is_identity(operation: Operation) -> bool:
    return isinstance(operation, PiecewiseLinear) and not operation.kinks and operation.slope == 1 and not operation.constant
