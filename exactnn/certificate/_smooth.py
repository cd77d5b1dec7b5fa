"""Smooth functions on intervals of rational numbers: what their values and their slopes lie between.

tanh(t) = 2 p(2 t) - 1,  softplus' = p,  p' = p (1 - p)  with the sigmoid p;  silu, gelu and gelu_tanh are t gate(t), the gates
p(t), the normal distribution and p(m(t)), m(t) = 2 t (c + e t^2), all increasing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from . import _real
from ._intervals import product

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


def between(name: str, ends: Sequence[int], bits: int) -> Interval:
    """Bounds of the slopes between a and b, whose ends these are in units of 2^-bits; or anywhere."""
    if not ends:
        return SLOPES[name]
    return slopes(name, (Fraction(min(ends[0], ends[2]), 1 << bits), Fraction(max(ends[1], ends[3]), 1 << bits)), bits)


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
