"""The slopes that a smooth function has on an interval: its derivative, enclosed.

tanh' = 1 - tanh^2,  softplus' = sigmoid,  sigmoid' = sigmoid (1 - sigmoid),  (t gate(t))' = gate(t) + t gate'(t)
"""

from __future__ import annotations

from fractions import Fraction

from . import _real

Interval = tuple[Fraction, Fraction]

#: the slopes of each function lie between these, wherever its argument is
SLOPES = {
    "tanh": (Fraction(0), Fraction(1)),
    "sigmoid": (Fraction(0), Fraction(1, 4)),
    "softplus": (Fraction(0), Fraction(1)),
    "silu": (Fraction(-1, 10), Fraction(11, 10)),
    "gelu": (Fraction(-13, 100), Fraction(113, 100)),
    "gelu_tanh": (Fraction(-13, 100), Fraction(113, 100)),
}


def slopes(name: str, x: Interval, bits: int) -> Interval:
    """Bounds of the derivative on an interval, which no mean of slopes leaves."""
    low, high = _LOCAL[name](x, bits)
    least, most = SLOPES[name]
    return max(low, least), min(high, most)


def _sigmoid(x: Interval, bits: int) -> Interval:
    unit = 1 << bits
    return Fraction(_real.sigmoid(x[0], bits)[0], unit), Fraction(_real.sigmoid(x[1], bits)[1], unit)


def _tanh_slopes(x: Interval, bits: int) -> Interval:
    unit = 1 << bits
    low, high = Fraction(_real.tanh(x[0], bits)[0], unit), Fraction(_real.tanh(x[1], bits)[1], unit)
    return _below_one((low, high))


def _below_one(v: Interval) -> Interval:
    """1 - v^2."""
    ends = [1 - t * t for t in v]
    return min(ends), Fraction(1) if v[0] <= 0 <= v[1] else max(ends)


def _sigmoid_slopes(x: Interval, bits: int) -> Interval:
    return _bump(_sigmoid(x, bits))


def _bump(p: Interval) -> Interval:
    """p (1 - p)."""
    ends = [t * (1 - t) for t in p]
    return min(ends), Fraction(1, 4) if p[0] <= Fraction(1, 2) <= p[1] else max(ends)


def _silu_slopes(x: Interval, bits: int) -> Interval:
    p = _sigmoid(x, bits)
    return _sum(p, _product(x, _bump(p)))


def _gelu_tanh_slopes(x: Interval, bits: int) -> Interval:
    """gate = sigmoid(m),  t gate' = p (1 - p) t m',  with m = 2 t (c + e t^2) and t m' = 2 c t + 6 e t^3 increasing."""
    c, e = _real.INNER
    p = _sigmoid((2 * x[0] * (c + e * x[0] ** 2), 2 * x[1] * (c + e * x[1] ** 2)), bits)
    return _sum(p, _product((2 * x[0] * (c + 3 * e * x[0] ** 2), 2 * x[1] * (c + 3 * e * x[1] ** 2)), _bump(p)))


def _gelu_slopes(x: Interval, bits: int) -> Interval:
    """gate' is the density of the normal distribution, which falls as |t| grows."""
    unit = 1 << bits
    p = Fraction(_real.normal(x[0], bits)[0], unit), Fraction(_real.normal(x[1], bits)[1], unit)
    near = Fraction(0) if x[0] <= 0 <= x[1] else min(map(abs, x))
    q = Fraction(_real.density(max(map(abs, x)), bits)[0], unit), Fraction(_real.density(near, bits)[1], unit)
    return _sum(p, _product(x, q))


def _sum(a: Interval, b: Interval) -> Interval:
    return a[0] + b[0], a[1] + b[1]


def _product(a: Interval, b: Interval) -> Interval:
    corners = [s * t for s in a for t in b]
    return min(corners), max(corners)


_LOCAL = {
    "tanh": _tanh_slopes,
    "sigmoid": _sigmoid_slopes,
    "softplus": _sigmoid,
    "silu": _silu_slopes,
    "gelu": _gelu_slopes,
    "gelu_tanh": _gelu_tanh_slopes,
}
