"""Smooth functions on intervals of rational numbers: what their values and their slopes lie between.

tanh(t) = 2 p(2 t) - 1,  softplus' = p,  p' = p (1 - p)  with the sigmoid p;  silu, gelu and gelu_tanh are t gate(t), the gates
p(t), the normal distribution and p(m(t)), m(t) = 2 t (c + e t^2), all increasing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil, floor

from . import _real
from ._intervals import Bounds, Difference, Image, around, product
from ._network import Node

Interval = tuple[Fraction, Fraction]

_C, _E = Fraction("0.7978845608028654"), Fraction("0.035677408136300125")  # with these decimals exactly
#: the slopes of each function lie between these, wherever its argument is
SLOPES = {
    "tanh": (Fraction(0), Fraction(1)),
    "sigmoid": (Fraction(0), Fraction(1, 4)),
    "softplus": (Fraction(0), Fraction(1)),
    "silu": (Fraction(-1, 10), Fraction(11, 10)),
    "gelu": (Fraction(-13, 100), Fraction(113, 100)),
    "gelu_tanh": (Fraction(-13, 100), Fraction(113, 100)),
}
_MONOTONE = {"tanh": _real.tanh, "sigmoid": _real.sigmoid, "softplus": _real.softplus}


def values(name: str, x: Interval, bits: int) -> Interval:
    """Bounds of the values."""
    if name in _MONOTONE:
        return _increasing(_MONOTONE[name], x, bits)
    return product(x, _gate(name, x, bits))


def slopes(name: str, x: Interval, bits: int) -> Interval:
    """Bounds of the derivative, and so of all mean slopes:  (t gate(t))' = gate(t) + t gate'(t)."""
    if name in ("tanh", "sigmoid", "softplus"):
        factor = 2 if name == "tanh" else 1
        p = _increasing(_real.sigmoid, (factor * x[0], factor * x[1]), bits)
        low, high = p if name == "softplus" else (factor**2 * t for t in _bump(p))
    else:
        p = _gate(name, x, bits)
        if name == "gelu":  # gate' is the density, which falls as |t| grows
            near = Fraction(0) if x[0] <= 0 <= x[1] else min(map(abs, x))
            rest = product(x, (_number(_real.density, max(map(abs, x)), bits, 0), _number(_real.density, near, bits, 1)))
        elif name == "silu":
            rest = product(x, _bump(p))
        else:  # t m'(t) increases
            rest = product((2 * x[0] * (_C + 3 * _E * x[0] ** 2), 2 * x[1] * (_C + 3 * _E * x[1] ** 2)), _bump(p))
        low, high = p[0] + rest[0], p[1] + rest[1]
    return max(low, SLOPES[name][0]), min(high, SLOPES[name][1])


def image(node: Node, shape: Sequence[int], bits: int, step: str) -> Image:
    """What the function of a node makes of its operand."""
    name, unit = node.fields["function"], 1 << bits

    def found(x: Bounds) -> Bounds:
        pairs = [values(name, (Fraction(a, unit), Fraction(b, unit)), bits) for a, b in zip(*x, strict=True)]
        return around((low for low, _ in pairs), (high for _, high in pairs), bits)

    return found


def difference(a: Node, b: Node, shape: Sequence[int], bits: int, step: str, images: object) -> Difference | None:
    """s (a - b) for all slopes s between a and b, or anywhere, if both nodes have the same function."""
    name, unit = a.fields["function"], 1 << bits

    def found(x: Bounds | None, y: Bounds | None, d: Bounds) -> Bounds:
        steepest = [SLOPES[name]] * len(d.lo)
        if x is not None and y is not None:
            ends = zip(map(min, x.lo, y.lo), map(max, x.hi, y.hi), strict=True)
            steepest = [slopes(name, (Fraction(low, unit), Fraction(high, unit)), bits) for low, high in ends]
        pairs = [product(s, pair) for s, pair in zip(steepest, zip(*d, strict=True), strict=True)]
        return Bounds([floor(low) for low, _ in pairs], [ceil(high) for _, high in pairs])

    return found if a.fields == b.fields else None


def _gate(name: str, x: Interval, bits: int) -> Interval:
    if name == "gelu_tanh":
        x = 2 * x[0] * (_C + _E * x[0] ** 2), 2 * x[1] * (_C + _E * x[1] ** 2)
    return _increasing(_real.normal if name == "gelu" else _real.sigmoid, x, bits)


def _bump(p: Interval) -> Interval:
    """p (1 - p)."""
    ends = [t * (1 - t) for t in p]
    return min(ends), Fraction(1, 4) if p[0] <= Fraction(1, 2) <= p[1] else max(ends)


def _increasing(function: Callable[[Fraction, int], tuple[int, int]], x: Interval, bits: int) -> Interval:
    return _number(function, x[0], bits, 0), _number(function, x[1], bits, 1)


def _number(function: Callable[[Fraction, int], tuple[int, int]], t: Fraction, bits: int, side: int) -> Fraction:
    return Fraction(function(t, bits)[side], 1 << bits)
