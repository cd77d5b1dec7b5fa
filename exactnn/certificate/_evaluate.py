"""The exact value of a network at a rational point: the meaning of its operations for numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import prod

from . import _budget
from ._budget import words
from ._meaning import Linear, Step, bits, steps, walk
from ._network import Network, Node
from ._numbers import Rejected, Tensor, need, pack


def evaluate(network: Network, point: Sequence[Fraction], step: str, program: Iterable[Step] | None = None) -> list[Fraction]:
    """The flat output at a flat input; ``program``: its steps, where it is evaluated more than once."""
    with _budget.released():
        values = walk(network, Numbers(point, step), steps(network) if program is None else program)
        return [v for i in network.outputs for v in values[i].fractions()]


def trace(network: Network, point: Sequence[Fraction], step: str) -> list[Tensor]:
    """The values of all nodes at a flat input."""
    return walk(network, Numbers(point, step), steps(network))


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
        _budget.hold(size * words(length + rule.bits), step)
        return rule.value(operands)

    def positive(self, node: Node, operand: Tensor) -> Tensor:
        """max(n, 0)."""
        return operand._replace(numerators=[n if n > 0 else 0 for n in operand.numerators])

    def function(self, node: Node, operand: Tensor) -> Tensor:
        """A quotient of polynomials; a smooth function has no exact values."""
        step = f"{self.step}: node {node.name}"
        if node.op != "rational":
            raise Rejected(step, f"{node.op} takes irrational values; evidence by a point needs exact ones")
        polynomials = node.fields["numerator"], node.fields["denominator"]
        length = bits(operand) + max(n.bit_length() for p in polynomials for c in p for n in c.as_integer_ratio())
        degree = max(map(len, polynomials))
        _budget.charge(len(operand.numerators) * degree * words(length * degree) ** 2, step)
        _budget.hold(len(operand.numerators) * words(length * degree) * 6, step)
        found = []
        for x in operand.fractions():
            above, below = (_horner(p, x) for p in polynomials)
            need(below != 0, step, "a pole: the denominator vanishes here")
            found.append(above / below)
        return pack(found, operand.shape)


def _horner(polynomial: Sequence[Fraction], x: Fraction) -> Fraction:
    value = Fraction(0)
    for c in reversed(polynomial):
        value = value * x + c
    return value
