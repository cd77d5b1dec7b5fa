"""What every operation of a network does to entries, said once.

A step makes a list of numbers (row-major entries) from those of earlier steps, and is one of four:

    input      flat inputs of the network
    linear     y[e] = constants[e] / over + sum of w x[p] / denominator, x the entries of all operands, one operand after the other
    positive   y[e] = max(x[e], 0)
    function   a curve of each entry (`smooth`, `rational`)

Piecewise linear operations come down to the first three:  q t + r + sum of p max(t - k, 0)  for the kinks k, and
max(a, b) = a + max(b - a, 0)  from entry to entry of a window. Who bounds values asks for these operations ``whole``, as functions, too.
The rule of `affine` stands here, those of other operations in the modules that `_operations` names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

from . import _budget
from ._load import load
from ._network import Network, Node
from ._numbers import Tensor
from ._operations import Shape, operation

RELU = {"slope": 0, "constant": 0, "kinks": [(0, 1)]}
#: places, entries, rows: y[entries[i]] = sum over k of rows[i][k] x[places[k]]; the place -1 holds 0
Block = tuple[Sequence[int], Sequence[int], Sequence[Sequence[int]]]


class Linear(NamedTuple):
    """constants / over + (the sum of the terms, or what the blocks say) / denominator; no constants are zeros."""

    shape: Shape
    terms: Sequence[Any] = ()  # `Term`s of _terms
    blocks: Callable[[], Iterator[Block]] | None = None
    denominator: int = 1
    constants: Sequence[int] = ()
    over: int = 1
    taps: int = 0  # entries in a row of a block
    longest: Callable[[], int] = lambda: 1  # the bits of the longest number of a weight or constant: looked for only when asked for

    def work(self, lists: int, length: int) -> int:
        """What it costs to make the entries of so many lists from numbers of at most so many bits."""
        size, long, weights = lists * prod(self.shape), _budget.words(length), _budget.words(self.longest())
        products = size * (self.taps or len(self.terms)) * long * weights
        return 200 + 4 * size * max(long, weights) ** 2 + (products if long * weights > 1 else products // _budget.PACKED)


def bits(value: Tensor) -> int:
    """Of the longest number."""
    return max(value.denominator, max(value.numerators), -min(value.numerators)).bit_length()


def taken(x: Sequence[Any], places: Sequence[int]) -> Any:
    """The entries at these places."""
    return x[places.start : places.stop : places.step] if type(places) is range else [x[p] for p in places]


def linear(node: Node, shapes: Sequence[Shape]) -> Linear:
    """What an affine operation does to operands of these shapes."""
    found: Linear = load(operation(node.op, node.name).rule)(node, shapes)
    values, known = [value for value in node.fields.values() if isinstance(value, Tensor)], dict[int, int]()
    return Linear(*found[:-1], lambda: known.get(0) or known.setdefault(0, max(map(bits, values), default=1)))


def affine(node: Node, shapes: Sequence[Shape]) -> Linear:
    """The weight on each vector on the last axis, and the bias."""
    weight, bias, count = node.fields["weight"], node.fields["bias"], prod(node.shape[:-1])
    m, n = weight.shape
    rows = [weight.numerators[i * n : (i + 1) * n] for i in range(m)]

    def blocks() -> Iterator[Block]:
        return ((range(k * n, (k + 1) * n), range(k * m, (k + 1) * m), rows) for k in range(count))

    return Linear(node.shape, (), blocks, weight.denominator, bias.numerators * count, bias.denominator, n)


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
    size, step = prod(node.shape), f"node {node.name}"
    _budget.charge(size, step)
    _budget.hold(2 * size, step)  # places, and what is multiplied there
    if node.op == "input":
        yield Step(i, "input")
    elif operation(node.op, step).rule:
        yield Step(i, "linear", operands, linear(node, shapes))
    elif whole or node.op in ("smooth", "rational"):
        yield Step(i, "function", operands)
    elif node.fields == RELU:
        yield Step(i, "positive", operands)
    else:
        yield from load("_maximum.highest" if node.op == "max_pool" else "_bent.bent")(i, node, shapes[0], operands[0], at)
