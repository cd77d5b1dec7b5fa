"""Piecewise linear functions, as nodes have them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from ._network import Node

_ZERO = Fraction(0)


class Piecewise(NamedTuple):
    """q t + r + sum of p max(t - k, 0) over the kinks (k, p), the k increasing."""

    slope: Fraction
    constant: Fraction
    kinks: Sequence[tuple[Fraction, Fraction]]


def piecewise(node: Node) -> list[Piecewise]:
    """The function of a `piecewise_linear` node, or of each channel of a `prelu` node (p may be 0 there)."""
    if node.op == "prelu":
        return [
            Piecewise(s, _ZERO, [(_ZERO, Fraction(s.denominator - s.numerator, s.denominator))]) for s in node.fields["slopes"].fractions()
        ]
    return [Piecewise(node.fields["slope"], node.fields["constant"], node.fields["kinks"])]
