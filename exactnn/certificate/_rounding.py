"""Batch norms: weight / sqrt(radicand), rounded once to the nearest number of a float format, ties to even; integers only."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt, prod

from ._common import pack
from ._meaning import Linear
from ._network import Node
from ._numbers import Rejected, need, rational, show, tensor, text
from ._operations import Fields, Shape
from ._terms import Term

# name: (bits of the significand, smallest exponent of a normal number, largest exponent)
FORMATS = {"float16": (11, -14, 15), "bfloat16": (8, -126, 127), "float32": (24, -126, 127), "float64": (53, -1022, 1023)}


def _floor_log2(value: Fraction) -> int:
    """The k with 2^k <= value < 2^(k+1)."""
    n, d = value.numerator, value.denominator
    k = n.bit_length() - d.bit_length()  # the answer or one more
    return k if n << max(-k, 0) >= d << max(k, 0) else k - 1


def rounded_quotient(weight: Fraction, radicand: Fraction, precision: str, step: str) -> Fraction:
    """The number of the format nearest to weight / sqrt(radicand).

    With v = |weight| / sqrt(radicand) and the spacing 2^u of the format near v, let m be the floor of v / 2^u,
    which is the integer square root of floor(v^2 / 4^u). The nearest multiple is m + 1 or m as (2 m + 1)^2 is
    below or above 4 v^2 / 4^u, and the even one of them when these are equal.
    """
    if radicand <= 0:
        raise Rejected(step, "variance + epsilon is not positive")
    if weight == 0:
        return Fraction(0)
    bits, least, largest = FORMATS[precision]
    square = weight * weight / radicand
    exponent = _floor_log2(square) // 2  # 2^exponent <= v < 2^(exponent + 1)
    unit = max(exponent, least) - (bits - 1)  # below 2^least the spacing stays the same: subnormal numbers
    scaled = square / Fraction(4) ** unit
    m = isqrt(scaled.numerator // scaled.denominator)
    middle = (2 * m + 1) ** 2
    if middle < 4 * scaled or (middle == 4 * scaled and m % 2 == 1):
        m += 1
    value = m * Fraction(2) ** unit
    if value >= Fraction(2) ** (largest + 1):
        raise Rejected(step, f"the scale exceeds the range of {precision}")
    return value if weight > 0 else -value


def read_batch_norm(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """Scale and shift for each channel."""
    need(len(operands[0]) >= 1, step, "the operand has no channel axis")
    fields: Fields = {key: tensor(raw[key], f"{step}: {key}", operands[0][:1]) for key in ("mean", "variance", "weight", "bias")}
    fields |= {"epsilon": rational(raw["epsilon"], f"{step}: epsilon"), "precision": text(raw["precision"], f"{step}: precision")}
    need(fields["precision"] in FORMATS, step, f"unknown precision {show(fields['precision'])}")
    return with_scale(fields, step), operands[0]


def with_scale(fields: Fields, step: str) -> Fields:
    """The fields of a batch norm with its rounded ``scale`` and its ``shift`` = bias - scale mean."""
    scale = [
        rounded_quotient(w, v + fields["epsilon"], fields["precision"], f"{step}: channel {c}")
        for c, (w, v) in enumerate(zip(fields["weight"].fractions(), fields["variance"].fractions(), strict=True))
    ]
    means, biases = fields["mean"].fractions(), fields["bias"].fractions()
    shift = [b - s * m for b, s, m in zip(biases, scale, means, strict=True)]
    channels = (len(scale),)
    return {**fields, "scale": pack(scale, channels), "shift": pack(shift, channels)}


def scaled(node: Node, shapes: Sequence[Shape]) -> Linear:
    """scale x + shift in each channel."""
    scale, shift, area = node.fields["scale"], node.fields["shift"], prod(node.shape[1:])
    weights, constants = ([n for n in t.numerators for _ in range(area)] for t in (scale, shift))
    return Linear(node.shape, [Term(range(len(weights)), weights)], None, scale.denominator, constants, shift.denominator)
