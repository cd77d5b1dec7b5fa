"""What every operation of a network does to entries, said once.

A step makes a list of numbers (row-major entries) from those of earlier steps, and is one of four:

    input      flat inputs of the network
    linear     y[e] = constants[e] / over + sum of w x[p] / denominator, x the entries of all operands, one operand after the other
    positive   y[e] = max(x[e], 0)
    function   a curve of each entry (`smooth`, `rational`)

Piecewise linear operations come down to the first three:  q t + r + sum of p max(t - k, 0)  for the kinks k, and
max(a, b) = a + max(b - a, 0)  from entry to entry of a window. Who bounds values asks for these operations ``whole``, as functions, too.
A carrier says what linear, positive and function are for numbers, intervals, functions of the inputs, ...; `walk` takes it through a
network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import chain
from math import gcd, lcm, prod
from operator import add, mul
from typing import Any, NamedTuple, Protocol, TypeVar

from . import _budget
from ._load import load
from ._network import Network, Node
from ._numbers import Tensor, common, lowest
from ._windows import spread, strided, strides

T = TypeVar("T")
Shape = tuple[int, ...]
MOVING = frozenset(("reshape", "transpose", "slice", "gather", "concat"))
WINDOWED = frozenset(("conv", "average_pool"))
AFFINE = MOVING | WINDOWED | {"constant", "affine", "batch_norm", "add", "subtract", "scale"}
#: the fields that multiply entries, and those that are added
WEIGHT = {"affine": "weight", "conv": "weight", "batch_norm": "scale", "scale": "factor"}
SHIFT = {"constant": "value", "affine": "bias", "conv": "bias", "batch_norm": "shift"}


class Columns(NamedTuple):
    """Entry i is the sum over the keys of columns[key][i] / denominator times a function; a column of zeros may be left out."""

    size: int
    columns: Mapping[int, Sequence[Any]]
    denominator: int

    def column(self, key: int, common: int) -> Sequence[Any]:
        """One column, over a multiple of the denominator."""
        found, factor = self.columns.get(key), common // self.denominator
        if found is None:
            return [0] * self.size
        return found if factor == 1 else [n * factor for n in found]

    def row(self, i: int) -> dict[int, int]:
        """Entry i, times the denominator, without zeros."""
        return {key: column[i] for key, column in self.columns.items() if column[i]}

    @property
    def bits(self) -> int:
        """Of the longest number."""
        ends = [max(max(column), -min(column)) for column in self.columns.values() if column]
        return max(self.denominator, *ends).bit_length() if ends else self.denominator.bit_length()

    def lowest(self) -> Columns:
        """The same without columns of zeros, in lowest terms."""
        kept = {key: column for key, column in self.columns.items() if any(column)}
        divisor = gcd(self.denominator, *chain.from_iterable(kept.values())) if self.denominator > 1 else 1
        if divisor != 1:
            kept = {key: [n // divisor for n in column] for key, column in kept.items()}
        return Columns(self.size, kept, self.denominator // divisor)


class Block(NamedTuple):
    """y[entries[i]] = sum over k of rows[i][k] x[places[k]]; the place -1 holds 0."""

    places: Sequence[int]
    entries: Sequence[int]
    rows: Sequence[Sequence[int]]


class Term(NamedTuple):
    """y[e] = weights[e] x[places[e]] for every entry; the place -1 holds 0, and no weights are ones."""

    places: Sequence[int]
    weights: Sequence[int] | None = None


class Linear(NamedTuple):
    """constants / over + (the sum of the terms, or what the blocks say) / denominator; no constants are zeros."""

    shape: Shape
    terms: Sequence[Term] = ()
    blocks: Callable[[], Iterator[Block]] | None = None
    denominator: int = 1
    constants: Sequence[int] = ()
    over: int = 1
    taps: int = 0  # entries in a row of a block
    longest: Callable[[], int] = lambda: 1  # the bits of the longest number of a weight or constant: looked for only when asked for

    @property
    def bits(self) -> int:
        """Of the longest number of a weight or constant."""
        return self.longest()

    def work(self, lists: int, length: int) -> int:
        """What it costs to make the entries of so many lists from numbers of at most so many bits."""
        size, long = lists * prod(self.shape), _budget.words(length)
        each, product = self.taps or len(self.terms), long * _budget.words(self.bits)
        return (
            200
            + size * 4 * max(long, _budget.words(self.bits)) ** 2
            + (size * each * product if product > 1 else size * each // _budget.PACKED)
        )

    def value(self, operands: Sequence[Tensor], constants: bool = True) -> Tensor:
        """The entries, in lowest terms, from those of the operands; without the constants what is linear in them."""
        made = self.combined([Columns(len(a.numerators), {0: a.numerators}, a.denominator) for a in operands], 0 if constants else None)
        return lowest(Tensor(self.shape, list(made.column(0, made.denominator)), made.denominator))

    def combined(self, operands: Sequence[Columns], one: int | None) -> Columns:
        """The same for sums of functions, column by column; ``one`` is the key of the function 1, which the constants go with."""
        keys = list(dict.fromkeys(key for a in operands for key in a.columns))
        shared = lcm(*(a.denominator for a in operands))
        found = dict(
            zip(keys, self.apply([[*chain.from_iterable(a.column(key, shared) for a in operands), 0] for key in keys]), strict=True)
        )
        under = shared * self.denominator
        if one is not None and self.constants:
            both = lcm(under, self.over)
            if both != under:
                found = {key: [n * (both // under) for n in column] for key, column in found.items()}
            shift = both // self.over
            constants = self.constants if shift == 1 else [c * shift for c in self.constants]
            found[one] = list(map(add, found[one], constants)) if one in found else list(constants)
            under = both
        return Columns(prod(self.shape), found, under)

    def apply(self, columns: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """For each list x of numbers or spans, with a 0 behind its entries: the sums, times the denominator, without the constants."""
        if self.blocks is None:
            return [self._sum_of_terms(x) for x in columns]
        found: list[list[Any]] = [[0] * prod(self.shape) for _ in columns]
        for places, entries, rows in self.blocks():
            for x, y in zip(columns, found, strict=True):
                part = taken(x, places)
                for e, row in zip(entries, rows, strict=True):
                    y[e] = sum(map(mul, row, part))
        return found

    def _sum_of_terms(self, x: Sequence[Any]) -> list[Any]:
        total: list[Any] | None = None
        for places, weights in self.terms:
            part = taken(x, places)
            if weights is not None:
                part = list(map(mul, part, weights))
            total = part if total is None else list(map(add, total, part))
        return [0] * prod(self.shape) if total is None else total


def bits(value: Tensor) -> int:
    """Of the longest number."""
    return max(value.denominator, max(value.numerators), -min(value.numerators)).bit_length()


def taken(x: Sequence[Any], places: Sequence[int]) -> Any:
    """The entries at these places."""
    return x[places.start : places.stop : places.step] if type(places) is range else [x[p] for p in places]


def linear(node: Node, shapes: Sequence[Shape]) -> Linear:
    """What an operation in AFFINE does to operands of these shapes."""
    fields, size = node.fields, prod(node.shape)
    length = cache(lambda: max((bits(value) for value in fields.values() if isinstance(value, Tensor)), default=1))
    weight: Tensor | None = fields[WEIGHT[node.op]] if node.op in WEIGHT else None
    constants: Sequence[int] = ()
    over, under = 1, weight.denominator if weight else 1
    if node.op in SHIFT:
        shift: Tensor = fields[SHIFT[node.op]]
        repeat = size // len(shift.numerators)  # one number for each row or channel
        constants = shift.numerators * repeat if node.op == "affine" else [n for n in shift.numerators for _ in range(repeat)]
        over = shift.denominator
    if node.op == "affine":
        return Linear(node.shape, (), _vectors(fields["weight"], size), under, constants, over, shapes[0][-1], length)
    found = Linear(node.shape, (), None, under, constants, over, longest=length)
    if node.op == "constant":
        return found
    if node.op in WINDOWED:
        windowed: Linear = load("_windowed.linear")(node, shapes[0], found)
        return windowed
    if weight is not None:  # batch_norm, scale
        repeat = prod(node.shape[1:])
        which = spread(weight.shape, node.shape) if node.op == "scale" else [c for c in range(node.shape[0]) for _ in range(repeat)]
        return found._replace(terms=[Term(range(size), [weight.numerators[p] for p in which])])
    if node.op in ("add", "subtract"):
        first, second = (range(size) if shape == node.shape else spread(shape, node.shape) for shape in shapes)
        behind = prod(shapes[0])
        second = range(behind, behind + size) if type(second) is range else [behind + p for p in second]
        return found._replace(terms=[Term(first), Term(second, [-1] * size if node.op == "subtract" else None)])
    return found._replace(terms=[Term(moves(node, shapes))])


def moves(node: Node, shapes: Sequence[Shape]) -> Sequence[int]:
    """For each entry of an operation in MOVING its place among the entries of the operands."""
    if node.op == "reshape":
        return range(prod(node.shape))
    if node.op == "gather":
        places: list[int] = node.fields["index"].numerators
        return places
    if node.op == "concat":
        blocks = [prod(shape[node.fields["axis"] :]) for shape in shapes]  # entries in a row, for one index of the axes before
        firsts = [sum(map(prod, shapes[:k])) for k in range(len(shapes))]
        outer = range(prod(node.shape[: node.fields["axis"]]))
        return [first + o * size + i for o in outer for first, size in zip(firsts, blocks, strict=True) for i in range(size)]
    steps, start = strides(shapes[0]), 0
    if node.op == "transpose":
        steps = [steps[axis] for axis in node.fields["axes"]]
    else:
        ranges: tuple[range, ...] = node.fields["taken"]
        start = sum(r.start * s for r, s in zip(ranges, steps, strict=True))
        steps = [r.step * s for r, s in zip(ranges, steps, strict=True)]
    return strided(node.shape, steps, start)


def _vectors(weight: Tensor, size: int) -> Callable[[], Iterator[Block]]:
    """The weight on each vector on the last axis."""
    m, n = weight.shape
    rows = [weight.numerators[i * n : (i + 1) * n] for i in range(m)]
    return lambda: (Block(range(k * n, (k + 1) * n), range(k * m, (k + 1) * m), rows) for k in range(size // m))


class Piecewise(NamedTuple):
    """q t + r + sum of p max(t - k, 0) over the kinks (k, p), the k increasing."""

    slope: Fraction
    constant: Fraction
    kinks: Sequence[tuple[Fraction, Fraction]]


def piecewise(node: Node) -> list[Piecewise]:
    """The function of a `piecewise_linear` node, or of each channel of a `prelu` node (p may be 0 there)."""
    if node.op == "prelu":
        return [Piecewise(s, Fraction(0), [(Fraction(0), 1 - s)]) for s in node.fields["slopes"].fractions()]
    return [Piecewise(node.fields["slope"], node.fields["constant"], node.fields["kinks"])]


_RELU = Piecewise(Fraction(0), Fraction(0), [(Fraction(0), Fraction(1))])


class Step(NamedTuple):
    """One step of node ``node``, whose value its last step makes; operands are steps."""

    node: int
    kind: str
    operands: tuple[int, ...] = ()
    rule: Linear | None = None  # of a linear step


def steps(network: Network, whole: bool = False) -> Iterator[Step]:
    """The network, step by step; ``whole``: piecewise linear operations are functions, too."""
    ends: list[int] = []  # of each node the step of its value
    count = 0
    for i, node in enumerate(network.nodes):
        operands = tuple(ends[p] for p in node.operands)
        for step in node_steps(i, node, [network.nodes[p].shape for p in node.operands], operands, count, whole):
            yield step
            count += 1
        ends.append(count - 1)


def node_steps(i: int, node: Node, shapes: Sequence[Shape], operands: tuple[int, ...], at: int, whole: bool = False) -> Iterator[Step]:
    """The steps of node i; its operands have these shapes and are these steps, and the first step made here has the number ``at``."""
    window = node.fields.get("window")
    step, size, taps, bends = f"node {node.name}", prod(node.shape), prod(window.kernel) if window else 0, len(node.fields.get("kinks", ()))
    _budget.charge(size * (1 + taps + bends), step)
    _budget.hold(size * (2 + 2 * bends + (0 if node.op == "conv" else taps)), step)  # places, and what is multiplied there
    if node.op == "max_pool" and not whole:
        _budget.hold(taps * (16 + 3 * size), step)
    if node.op == "input":
        return iter([Step(i, "input")])
    if node.op in AFFINE:
        return iter([Step(i, "linear", operands, linear(node, shapes))])
    if whole or node.op in ("smooth", "rational"):
        return iter([Step(i, "function", operands)])
    if node.op == "max_pool":
        highest: Iterator[Step] = load("_windowed.highest")(i, node, shapes[0], operands[0], at)
        return highest
    return _bent(i, node, operands[0], at)


def _bent(i: int, node: Node, x: int, at: int) -> Iterator[Step]:
    """max(x - k, 0) for each kink k, and then the sum; x itself is step ``x``, and ``at`` is the number of the first step made here."""
    size, functions = prod(node.shape), piecewise(node)
    if functions == [_RELU]:
        yield Step(i, "positive", (x,))
        return
    used, jumps = [], []
    for number, (kink, _) in enumerate(functions[0].kinks):
        shifted = x
        if kink:
            rule = Linear(node.shape, [Term(range(size))], constants=[-kink.numerator] * size, over=kink.denominator)
            yield Step(i, "linear", (x,), rule)
            shifted, at = at, at + 1
        yield Step(i, "positive", (shifted,))
        used.append(at)
        jumps.append([f.kinks[number][1] for f in functions])
        at += 1
    slopes, constant = [f.slope for f in functions], functions[0].constant
    if any(slopes) or not used:
        used, jumps = [x, *used], [slopes, *jumps]
    if len(used) == 1 and jumps[0] == [1] and not constant and used[0] != x:
        return
    step = f"node {node.name}"
    denominator = common([p for row in jumps for p in row], step)
    long = denominator.bit_length() + max(
        n.bit_length() for p in (constant, *(p for row in jumps for p in row)) for n in p.as_integer_ratio()
    )
    _budget.charge(size * len(jumps) * (_budget.words(long) - 1), step)
    _budget.hold(size * len(jumps) * (_budget.words(long) - 1), step)
    terms = []
    for k, row in enumerate(jumps):
        weights = [int(p * denominator) for p in row for _ in range(size // len(row))]
        terms.append(Term(range(k * size, (k + 1) * size), None if row == [1] and denominator == 1 else weights))
    constants = [constant.numerator] * size if constant else ()
    rule = Linear(node.shape, terms, None, denominator, constants, constant.denominator, longest=lambda: long)
    yield Step(i, "linear", tuple(used), rule)


class Carrier(Protocol[T]):
    """What the steps are for values of one kind."""

    def input(self, node: Node, start: int) -> T:
        """The inputs from the flat place ``start`` on."""

    def linear(self, node: Node, rule: Linear, operands: list[T]) -> T:
        """A linear step of the node."""

    def positive(self, node: Node, operand: T) -> T:
        """max(x, 0), entry by entry."""

    def function(self, node: Node, operand: T) -> T:
        """The node's function, entry by entry (of a `max_pool`, window by window)."""


def walk(network: Network, carrier: Carrier[T], program: Iterable[Step]) -> list[T]:
    """The values of all nodes, by its steps."""
    values: list[T] = []
    ends: dict[int, T] = {}
    starts = network.starts()
    for step in program:
        node, operands = network.nodes[step.node], [values[p] for p in step.operands]
        if step.kind == "input":
            value = carrier.input(node, starts[step.node])
        elif step.rule is not None:
            value = carrier.linear(node, step.rule, operands)
        else:
            value = carrier.positive(node, operands[0]) if step.kind == "positive" else carrier.function(node, operands[0])
        values.append(value)
        ends[step.node] = value
    return list(ends.values())
