"""The baseline "plain Fractions": what one would write with Python's fractions module and no more thought than needed.

Everything here costs time in proportion to the number of neurons, so that a slice of neurons measures the whole.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

Vector = list[Fraction]


def exact(values: Any) -> list[Any]:
    """Nested lists of floats as Fractions."""
    return [exact(v) for v in values] if isinstance(values, list) else Fraction(values)


def normal_form(weights: Sequence[Vector], biases: Vector, outgoing: Sequence[Vector], constant: Vector) -> tuple[Any, ...]:
    """({(u, v): J}, M, k) with f = k + M x + sum J max(u.x + v, 0), for f = constant + sum outgoing[i] max(weights[i].x + biases[i], 0)."""
    inputs, outputs = len(weights[0]), len(constant)
    jumps: dict[tuple[int, ...], Vector] = defaultdict(lambda: [Fraction(0)] * outputs)
    linear = [[Fraction(0)] * inputs for _ in range(outputs)]
    offset = list(constant)
    for w, b, a in zip(weights, biases, outgoing, strict=True):
        if not any(w):
            offset = [k + aj * max(b, Fraction(0)) for k, aj in zip(offset, a, strict=True)]
            continue
        row = [*w, b]
        denominator = math.lcm(*(q.denominator for q in row))
        integers = [q.numerator * (denominator // q.denominator) for q in row]
        common = math.gcd(*integers)
        negative = next(n for n in integers if n) < 0
        plane = tuple(n // (-common if negative else common) for n in integers)
        factor = Fraction(common, denominator)
        jumps[plane] = [j + factor * aj for j, aj in zip(jumps[plane], a, strict=True)]
        if negative:
            for line, aj in zip(linear, a, strict=True):
                for i, wi in enumerate(w):
                    if wi and aj:
                        line[i] += aj * wi
            offset = [k + aj * b for k, aj in zip(offset, a, strict=True)]
    kept = {plane: tuple(jump) for plane, jump in jumps.items() if any(jump)}
    return kept, linear, offset


def value(layers: Sequence[tuple[Sequence[Vector], Vector]], x: Vector) -> Vector:
    """The output of a ReLU network at one point."""
    for number, (weight, bias) in enumerate(layers, 1):
        x = [sum((w * t for w, t in zip(row, x, strict=True) if w and t), b) for row, b in zip(weight, bias, strict=True)]
        if number < len(layers):
            x = [max(t, Fraction(0)) for t in x]
    return x
