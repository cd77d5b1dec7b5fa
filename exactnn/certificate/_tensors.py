"""Arithmetic of tensors of integers over one denominator, entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm
from operator import add, mul, sub

from ._numbers import Tensor


def product(a: Tensor, b: Tensor) -> Tensor:
    """a b."""
    return Tensor(a.shape, list(map(mul, a.numerators, b.numerators)), a.denominator * b.denominator)


def sum_of(a: Tensor, b: Tensor, minus: bool = False) -> Tensor:
    """a + b, or a - b."""
    (first, second), common = over_common_denominator((a, b))
    return Tensor(a.shape, list(map(sub if minus else add, first, second)), common)


def absolute(a: Tensor) -> Tensor:
    """The absolute values."""
    return a._replace(numerators=list(map(abs, a.numerators)))


def over_common_denominator(tensors: Sequence[Tensor]) -> tuple[list[list[int]], int]:
    """Their numerators over one denominator."""
    common = lcm(*(a.denominator for a in tensors))
    return [a.numerators if a.denominator == common else [n * (common // a.denominator) for n in a.numerators] for a in tensors], common
