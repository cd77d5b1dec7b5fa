"""Short names for the code of a report: a graph, an array and a number from plain lists and texts."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, as_fraction
from exactnn.network import Builder, Network


def graph(nodes: Sequence[tuple[Any, ...]], inputs: Sequence[str], outputs: Sequence[str]) -> Network:
    """The network of these nodes (name, operation, *names of operands), in an order in which operands come first.

    Examples
    --------
    >>> from exactnn.network import Input, relu
    >>> graph([("x", Input((1,))), ("y", relu(), "x")], ["x"], ["y"])([-3])
    (Fraction(0, 1),)
    """
    builder = Builder()
    for name, operation, *operands in nodes:
        builder.add(name, operation, *operands)
    return builder.build(inputs, outputs)


def array(values: Any) -> RationalArray:
    """Nested lists of numbers as an array of rationals; see `exactnn.exact.array.RationalArray.of`."""
    return RationalArray.of(values)


def number(value: Number) -> Fraction:
    """The rational that a number or a text is."""
    return as_fraction(value)
