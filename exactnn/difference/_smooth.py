"""Smooth units on intervals: their values by FLINT's balls, their slopes by a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import numpy as np
from flint import arb, ctx

from exactnn.difference._bounds import Ends, Exact, times
from exactnn.exact.array import integer_array
from exactnn.exact.polynomials import ball
from exactnn.network import Smooth

#: the slopes of each function lie between these, wherever its argument is (docs/theory.md 17)
SLOPES: dict[str, tuple[Fraction, Fraction]] = {
    "tanh": (Fraction(0), Fraction(1)),
    "sigmoid": (Fraction(0), Fraction(1, 4)),
    "softplus": (Fraction(0), Fraction(1)),
    "silu": (Fraction(-1, 10), Fraction(11, 10)),
    "gelu": (Fraction(-13, 100), Fraction(113, 100)),
    "gelu_tanh": (Fraction(-13, 100), Fraction(113, 100)),
}
#: gelu_tanh is t sigmoid(2 t (INNER[0] + INNER[1] t^2)), with these decimals exactly (docs/network-format.md)
_INNER = (Fraction("0.7978845608028654"), Fraction("0.035677408136300125"))
_EXTRA = 64  # bits beyond those asked for
_WIDER = 4  # units of 2^-bits, so that the checker's enclosures, which round at every step, lie inside

_MONOTONE: dict[str, Callable[[Fraction], arb]] = {
    "tanh": lambda t: ball(t).tanh(),
    "sigmoid": lambda t: _sigmoid(t),
    "softplus": lambda t: ball(max(t, Fraction(0))) + (-ball(abs(t))).exp().log1p(),
}
#: phi(t) = t gate(t), the gate increasing
_GATES: dict[str, Callable[[Fraction], arb]] = {
    "silu": lambda t: _sigmoid(t),
    "gelu": lambda t: (1 + (ball(t) / arb(2).sqrt()).erf()) / 2,
    "gelu_tanh": lambda t: _sigmoid(2 * t * (_INNER[0] + _INNER[1] * t * t)),
}


def smooth_values(operation: Smooth, x: Ends, bits: int) -> Ends:
    """The values on each interval, rounded outwards."""
    rule = _monotone if operation.function in _MONOTONE else _gated
    with ctx.workprec(bits + _EXTRA):
        ends = [
            rule(operation.function, Fraction(low, 1 << bits), Fraction(high, 1 << bits), bits)
            for low, high in zip(x.lo.ravel().tolist(), x.hi.ravel().tolist(), strict=True)
        ]
    return Ends(np.stack([integer_array((sign * e[side] for e in ends), x.lo.shape) for side, sign in ((0, 1), (1, -1))]))


def smooth_step(operation: Smooth, x: Ends, y: Ends, d: Ends, bits: int) -> Exact:
    """The range of phi(a) - phi(b), a in x, b in y, a - b in d, by the slopes on the hull of x and y."""
    low, turned = np.minimum(x.array, y.array)
    over = 1 << bits
    local, (least, most) = _LOCAL[operation.function], SLOPES[operation.function]
    with ctx.workprec(bits + _EXTRA):
        found = [
            local(Fraction(a, over), Fraction(-b, over), bits) for a, b in zip(low.ravel().tolist(), turned.ravel().tolist(), strict=True)
        ]
    ends = [(max(low, math.floor(least * over)), min(high, math.ceil(most * over))) for low, high in found]
    first, last = (integer_array((e[side] for e in ends), low.shape).astype(object) for side in (0, 1))
    return Exact(np.minimum(times(d.array, first), times(d.array, last)), over)


def smooth_slope(operation: Smooth, d: Ends) -> Exact:
    """The same where nothing is known of a and b."""
    slopes = SLOPES[operation.function]
    over = math.lcm(*(s.denominator for s in slopes))
    least, most = (times(d.array, int(s * over)) for s in slopes)
    return Exact(np.minimum(least, most), over)


def _monotone(name: str, low: Fraction, high: Fraction, bits: int) -> tuple[int, int]:
    phi = _MONOTONE[name]
    return _units(phi(low), bits)[0] - _WIDER, _units(phi(high), bits)[1] + _WIDER


def _gated(name: str, low: Fraction, high: Fraction, bits: int) -> tuple[int, int]:
    gate = _GATES[name]
    levels = _units(gate(low), bits)[0] - _WIDER, _units(gate(high), bits)[1] + _WIDER
    corners = [t * level for t in (low, high) for level in levels]
    bottom, top = min(corners), max(corners)
    return bottom.numerator // bottom.denominator, -(-top.numerator // top.denominator)


def _within(value: Callable[[Fraction], arb], low: Fraction, high: Fraction, bits: int) -> tuple[Fraction, Fraction]:
    """An increasing function on an interval, as the checker may see it."""
    over = 1 << bits
    return Fraction(_units(value(low), bits)[0] - _WIDER, over), Fraction(_units(value(high), bits)[1] + _WIDER, over)


def _in_units(low: Fraction, high: Fraction, bits: int) -> tuple[int, int]:
    over = 1 << bits
    return math.floor(low * over), math.ceil(high * over)


def _tanh_slopes(low: Fraction, high: Fraction, bits: int) -> tuple[int, int]:
    """1 - tanh^2."""
    v = _within(_MONOTONE["tanh"], low, high, bits)
    ends = [1 - t * t for t in v]
    return _in_units(min(ends), Fraction(1) if v[0] <= 0 <= v[1] else max(ends), bits)


def _bump(p: tuple[Fraction, Fraction]) -> tuple[Fraction, Fraction]:
    """p (1 - p)."""
    ends = [t * (1 - t) for t in p]
    return min(ends), Fraction(1, 4) if p[0] <= Fraction(1, 2) <= p[1] else max(ends)


def _sigmoid_slopes(low: Fraction, high: Fraction, bits: int) -> tuple[int, int]:
    return _in_units(*_bump(_within(_sigmoid, low, high, bits)), bits)


def _softplus_slopes(low: Fraction, high: Fraction, bits: int) -> tuple[int, int]:
    return _in_units(*_within(_sigmoid, low, high, bits), bits)


def _gated_slopes(name: str, low: Fraction, high: Fraction, bits: int) -> tuple[int, int]:
    """(t gate)' = gate + t gate';  gate' = p (1 - p) m' for gate = sigmoid(m), p its value; for gelu the normal density."""
    p = _within(_GATES[name], low, high, bits)
    if name == "gelu":
        near = Fraction(0) if low <= 0 <= high else min(abs(low), abs(high))
        far = max(abs(low), abs(high))
        first, last = (_within(_density, t, t, bits) for t in (far, near))
        q, turns = (first[0], last[1]), (low, high)
    else:
        c, e = (Fraction(1, 2), Fraction(0)) if name == "silu" else _INNER
        q, turns = _bump(p), (2 * low * (c + 3 * e * low * low), 2 * high * (c + 3 * e * high * high))  # t m', which increases
    corners = [s * t for s in q for t in turns]
    return _in_units(p[0] + min(corners), p[1] + max(corners), bits)


def _density(t: Fraction) -> arb:
    return (-ball(t * t) / 2).exp() / (2 * arb.pi()).sqrt()


_LOCAL: dict[str, Callable[[Fraction, Fraction, int], tuple[int, int]]] = {
    "tanh": _tanh_slopes,
    "sigmoid": _sigmoid_slopes,
    "softplus": _softplus_slopes,
    **{name: partial(_gated_slopes, name) for name in _GATES},
}


def _sigmoid(t: Fraction) -> arb:
    return (1 + (ball(t) / 2).tanh()) / 2


def _units(value: arb, bits: int) -> tuple[int, int]:
    """Integers below and above a ball times 2^bits."""
    middle, radius = value.mid(), value.rad()
    size = _up(radius, bits)
    return -_up(-middle, bits) - size, _up(middle, bits) + size


def _up(exact: arb, bits: int) -> int:
    mantissa, exponent = (int(part) for part in exact.man_exp())
    shift = exponent + bits
    return mantissa << shift if shift >= 0 else -(-mantissa >> -shift)
