"""The functions that activations approximate: their Taylor coefficients, in balls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

from flint import arb, arb_poly, arb_series, ctx, fmpq_poly

from exactnn.errors import ArgumentError
from exactnn.exact import polynomials as poly
from exactnn.exact.numbers import as_fraction, rational
from exactnn.rational.era import ERA
from exactnn.rational.function import RationalFunction

#: From the ends of an interval without kinks inside, and n, to balls around f(x), f'(x), ..., f^(n)(x)/n! for all x in it.
Target = Callable[[Fraction, Fraction, int], list[arb]]
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
        return _taylor(_SMOOTH[name]), ()
    raise ArgumentError(f"target: one of {', '.join(NAMES)}, a RationalFunction or an ERA is needed, got {description!r}")


def quotient(r: RationalFunction) -> Target:
    """A rational function as a target."""

    def coefficients(lower: Fraction, upper: Fraction, order: int) -> list[arb]:
        with _length(order + 1):
            top, bottom = (_moved(p, lower, upper) for p in (r._top, r._bottom))
            return _listed(top / bottom, order) if 0 not in bottom[0] else [arb.nan()] * (order + 1)

    return coefficients


def _taylor(smooth: Callable[[arb_series], arb_series]) -> Target:
    def coefficients(lower: Fraction, upper: Fraction, order: int) -> list[arb]:
        with _length(order + 1):
            return _listed(smooth(arb_series([poly.hull(lower, upper), 1])), order)

    return coefficients


def _leaky(slope: Fraction) -> Target:
    def coefficients(lower: Fraction, upper: Fraction, order: int) -> list[arb]:
        rise = arb(1) if lower >= 0 else poly.ball(slope)
        return [rise * poly.hull(lower, upper), rise, *[arb(0)] * (order - 1)][: order + 1]

    return coefficients


@contextmanager
def _length(terms: int) -> Iterator[None]:
    """python-flint keeps so many terms of a series."""
    before, ctx.cap = ctx.cap, terms
    try:
        yield
    finally:
        ctx.cap = before


def _listed(series: arb_series, order: int) -> list[arb]:
    return [series[k] for k in range(order + 1)]


def _moved(p: fmpq_poly, lower: Fraction, upper: Fraction) -> arb_series:
    """p(x + u) in powers of u for all x of an interval, by the exact expansion in its middle: near a zero far sharper than p(ball)."""
    moved = arb_poly(p(fmpq_poly([rational((lower + upper) / 2), 1])))
    if lower < upper:
        moved = moved(arb_poly([poly.hull((lower - upper) / 2, (upper - lower) / 2), 1]))
    return arb_series(moved)


def _tanh(x: arb_series) -> arb_series:
    """By the addition theorem: tanh(t + u) = tanh t + (1 - tanh^2 t) tanh u/(1 + tanh t tanh u), where u begins with 0."""
    t = x[0].lower().tanh().union(x[0].upper().tanh())  # of a wide ball, arb's tanh is nan
    e = (2 * arb_series([0, *x.coeffs()[1:]])).exp()
    small = (e - 1) / (e + 1)
    return t + (1 - t * t) * small / (1 + t * small)


def _sigmoid(x: arb_series) -> arb_series:
    return (1 + _tanh(x / 2)) / 2


def _gelu(x: arb_series) -> arb_series:
    return x * (1 + (x / arb(2).sqrt()).erf()) / 2


def _gelu_tanh(x: arb_series) -> arb_series:
    a, b = map(poly.ball, _INNER)
    return x * (1 + _tanh(x * (a + b * x * x))) / 2


def _softplus(x: arb_series) -> arb_series:
    return x[0].max(0) + (-abs(x[0])).exp().log1p() + (_sigmoid(x) * x.derivative()).integral()


def _silu(x: arb_series) -> arb_series:
    return x * _sigmoid(x)


_SMOOTH: dict[str, Callable[[arb_series], arb_series]] = {
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
    "swish": _silu,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "identity": lambda x: x,
}
