"""The exact value of a network at a rational point: the meaning of its operations for numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain
from math import lcm, prod

from . import _budget
from ._apply import applied
from ._budget import words
from ._common import lowest, pack
from ._load import load
from ._meaning import Linear, Step, bits, steps
from ._network import Network, Node
from ._numbers import Rejected, Tensor
from ._walk import walk


def evaluate(network: Network, point: Sequence[Fraction], step: str, program: Iterable[Step] | None = None) -> list[Fraction]:
    """The flat output at a flat input; ``program``: its steps, where it is evaluated more than once."""
    with _budget.released():
        values = walk(network, Numbers(point, step), steps(network) if program is None else program)
        return [v for i in network.outputs for v in values[i].fractions()]


def value(rule: Linear, operands: Sequence[Tensor], constants: bool = True) -> Tensor:
    """The entries of a linear step, in lowest terms, from those of the operands; without the constants what is linear in them."""
    under = lcm(*(a.denominator for a in operands))
    scaled = (a.numerators if a.denominator == under else [n * (under // a.denominator) for n in a.numerators] for a in operands)
    (found,) = applied(rule, [[*chain.from_iterable(scaled), 0]])
    under *= rule.denominator
    if constants and rule.constants:
        over = lcm(under, rule.over)
        p, q, under = over // under, over // rule.over, over
        found = [p * n + q * c for n, c in zip(found, rule.constants, strict=True)]
    return lowest(Tensor(rule.shape, found, under))


class Numbers:
    """Entries are integers over one denominator."""

    def __init__(self, point: Sequence[Fraction], step: str) -> None:
        self.point, self.step = point, step

    def input(self, node: Node, start: int) -> Tensor:
        """A part of the point."""
        return pack(self.point[start : start + prod(node.shape)], node.shape)

    def linear(self, node: Node, rule: Linear, operands: Sequence[Tensor]) -> Tensor:
        """Products of short numbers are a sixteenth of an operation; long ones cost the product of their lengths."""
        step, size = f"{self.step}: node {node.name}", prod(rule.shape)
        length = max(map(bits, operands), default=1)
        _budget.charge(rule.work(1, length), step)
        _budget.hold(size * words(length + rule.longest()), step)
        return value(rule, operands)

    def positive(self, node: Node, operand: Tensor) -> Tensor:
        """max(n, 0)."""
        return operand._replace(numerators=[n if n > 0 else 0 for n in operand.numerators])

    def function(self, node: Node, operand: Tensor) -> Tensor:
        """A quotient of polynomials; a smooth function has no exact values."""
        step = f"{self.step}: node {node.name}"
        if node.op != "rational":
            raise Rejected(step, f"{node.op} takes irrational values; evidence by a point needs exact ones")
        found: Tensor = load("_quotients.values")(node, operand, step)
        return found
