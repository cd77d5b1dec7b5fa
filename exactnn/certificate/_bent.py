"""Piecewise linear functions beyond max(t, 0), step by step."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from . import _budget
from ._common import pack
from ._meaning import Linear, Step, bits, taken
from ._network import Node
from ._numbers import need, tensor
from ._operations import Fields, Shape
from ._piecewise import piecewise
from ._terms import Term


def read_prelu(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """A slope for each channel."""
    need(len(operands[0]) >= 1, step, "the operand has no channel axis")
    return {"slopes": tensor(raw["slopes"], f"{step}: slopes", operands[0][:1])}, operands[0]


def bent(i: int, node: Node, shape: Shape, x: int, at: int) -> Iterator[Step]:
    """max(x - k, 0) for each kink k, and then the sum; x itself is step ``x``, and ``at`` is the number of the first step made here."""
    size, functions, step = prod(node.shape), piecewise(node), f"node {node.name}"
    _budget.charge(size * len(functions[0].kinks), step)
    _budget.hold(2 * size * len(functions[0].kinks), step)
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
    table = pack([p for row in jumps for p in row], (len(jumps), len(functions)))
    long = max(bits(table), *[n.bit_length() for n in constant.as_integer_ratio()])
    _budget.charge(size * len(jumps) * (_budget.words(long) - 1), step)
    _budget.hold(size * len(jumps) * (_budget.words(long) - 1), step)
    weights = [w for w in table.numerators for _ in range(size // len(functions))]
    parts = [range(k * size, (k + 1) * size) for k in range(len(jumps))]
    ones = [row == [1] and table.denominator == 1 for row in jumps]
    terms = [Term(part, None if one else taken(weights, part)) for part, one in zip(parts, ones, strict=True)]
    constants = [constant.numerator] * size if constant else ()
    rule = Linear(node.shape, terms, None, table.denominator, constants, constant.denominator, longest=lambda: long)
    yield Step(i, "linear", tuple(used), rule)
