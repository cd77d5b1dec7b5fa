"""The functions that activations approximate, with their slopes, in balls."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from flint import arb, arb_poly, fmpq_poly

from exactnn.errors import ArgumentError
from exactnn.exact.numbers import as_fraction
from exactnn.rational import _polynomials as poly
from exactnn.rational.era import ERA
from exactnn.rational.function import RationalFunction

#: From the ends of an interval to balls around all values and all slopes on it.
Target = Callable[[Fraction, Fraction], tuple[arb, arb]]
NAMES = ("gelu", "gelu_tanh", "silu", "swish", "relu", "leaky_relu", "tanh", "sigmoid", "softplus", "identity")

#: gelu_tanh is x (1 + tanh(x (INNER[0] + INNER[1] x^2))) / 2, with these decimals exactly (docs/network-format.md)
_INNER = (Fraction("0.7978845608028654"), Fraction("0.035677408136300125"))


def target(description: object) -> tuple[Target, tuple[Fraction, ...]]:
    """The function that a name, a RationalFunction or an ERA says, and its kinks."""
    if isinstance(description, ERA):
        description = description.to_rational_function()
    if isinstance(description, RationalFunction):
        return quotient(description), ()
    match = re.fullmatch(r"\s*(\w+)\s*(?:\(\s*([^()]*?)\s*\))?\s*", description) if isinstance(description, str) else None
    name, argument = (match.group(1).lower(), match.group(2)) if match else ("", None)
    if name in ("relu", "leaky_relu") and (argument is None or name == "leaky_relu"):
        slope = Fraction(0) if name == "relu" else as_fraction(argument or "0.01", f"target {description!r}")
        return _leaky(slope), (Fraction(0),)
    if name in _SMOOTH and argument is None:
        smooth = _SMOOTH[name]
        return (lambda lower, upper: smooth(poly.hull(lower, upper))), ()
    raise ArgumentError(f"target: one of {', '.join(NAMES)}, a RationalFunction or an ERA is needed, got {description!r}")


def quotient(r: RationalFunction) -> Target:
    """A rational function as a target."""
    slope = r.derivative()

    def values(lower: Fraction, upper: Fraction) -> tuple[arb, arb]:
        value, rise = (_around(f._top, lower, upper) / _around(f._bottom, lower, upper) for f in (r, slope))
        return value, rise

    return values


def _around(p: fmpq_poly, lower: Fraction, upper: Fraction) -> arb:
    """A ball around p on an interval, from its Taylor expansion in the middle: where p is small there, far smaller than p(ball)."""
    middle = poly.ball((lower + upper) / 2)
    if lower == upper:
        return poly.ball_value(p, middle)
    moved = arb_poly([arb(c) for c in p.coeffs()])(arb_poly([middle, arb(1)]))
    reach, total = poly.hull((lower - upper) / 2, (upper - lower) / 2), arb(0)
    for c in reversed(moved.coeffs()):
        total = total * reach + c
    return total


def _leaky(slope: Fraction) -> Target:
    def values(lower: Fraction, upper: Fraction) -> tuple[arb, arb]:
        low, high = (max(x, slope * x) if slope <= 1 else min(x, slope * x) for x in (lower, upper))
        least = min(low, high, Fraction(0) if lower < 0 < upper else low)
        value = poly.hull(least, max(low, high, Fraction(0) if lower < 0 < upper else low))
        if lower >= 0:
            return value, arb(1)
        return value, poly.ball(slope) if upper <= 0 else poly.ball(slope).union(arb(1))

    return values


def _sigmoid(x: arb) -> arb:
    return (1 + (x / 2).tanh()) / 2


def _gelu(x: arb) -> tuple[arb, arb]:
    phi = (1 + (x / arb(2).sqrt()).erf()) / 2
    return x * phi, phi + x * (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def _gelu_tanh(x: arb) -> tuple[arb, arb]:
    a, b = map(poly.ball, _INNER)
    t = (x * (a + b * x * x)).tanh()
    return x * (1 + t) / 2, (1 + t) / 2 + x * (1 - t * t) * (a + 3 * b * x * x) / 2


def _silu(x: arb) -> tuple[arb, arb]:
    s = _sigmoid(x)
    return x * s, s + x * s * (1 - s)


def _tanh(x: arb) -> tuple[arb, arb]:
    t = x.tanh()
    return t, 1 - t * t


def _logistic(x: arb) -> tuple[arb, arb]:
    s = _sigmoid(x)
    return s, s * (1 - s)


_SMOOTH: dict[str, Callable[[arb], tuple[arb, arb]]] = {
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
    "swish": _silu,
    "tanh": _tanh,
    "sigmoid": _logistic,
    "softplus": lambda x: ((1 + x.exp()).log(), _sigmoid(x)),
    "identity": lambda x: (x, arb(1)),
}
