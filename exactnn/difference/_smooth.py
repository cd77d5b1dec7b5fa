"""Smooth units on intervals: their values by FLINT's balls, their slopes by a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from flint import arb, ctx

from exactnn.difference._bounds import Ends, Exact, times
from exactnn.exact.array import integer_array
from exactnn.exact.polynomials import ball
from exactnn.network import Smooth

#: the slopes of each function lie between these; for others only their values are compared (docs/theory.md 17)
SLOPES: dict[str, tuple[Fraction, Fraction]] = {
    "tanh": (Fraction(0), Fraction(1)),
    "sigmoid": (Fraction(0), Fraction(1, 4)),
    "softplus": (Fraction(0), Fraction(1)),
    "silu": (Fraction(-1, 10), Fraction(11, 10)),
    "gelu": (Fraction(-13, 100), Fraction(113, 100)),
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


def smooth_step(operation: Smooth, d: Ends) -> Exact | None:
    """The range of phi(a) - phi(b), a - b in d, by the slopes; None where they are not known."""
    slopes = SLOPES.get(operation.function)
    if slopes is None:
        return None
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
