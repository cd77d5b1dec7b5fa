"""Quotients of polynomials as activations: how they are read, and their exact values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

from . import _budget
from ._budget import words
from ._common import pack
from ._meaning import bits
from ._network import Node
from ._numbers import Tensor, need, rationals
from ._operations import Fields, Shape


def read_rational(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """Numerator and denominator, constant terms first."""
    fields = {key: tuple(rationals(raw[key], f"{step}: {key}")) for key in ("numerator", "denominator")}
    need(any(fields["denominator"]), step, "the denominator is the zero polynomial")
    return fields, operands[0]


def values(node: Node, operand: Tensor, step: str) -> Tensor:
    """Of all entries; rejected where the denominator vanishes."""
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
    return reduce(lambda value, c: value * x + c, reversed(polynomial), Fraction(0))
