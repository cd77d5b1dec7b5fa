"""Enclosures of sums of activations at rational points, by FLINT's ball arithmetic (arb).

Every value is a ball [mid - rad, mid + rad] that contains the exact number. For looking for points, and for telling constants apart;
certificates are checked by enclosures of the checker's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from flint import arb, ctx

from exactnn.exact.polynomials import ball

_EXTRA = 32  # bits beyond those asked for


class Ball:
    """A real number that is known up to a radius."""

    def __init__(self, enclosure: arb) -> None:
        self._ball = enclosure

    def distance(self) -> int | None:
        """A k >= 0, about the least one, for which the number's distance from 0 is more than 2^-k; None if it may be 0."""
        mantissa, exponent = self._ball.abs_lower().man_exp()
        return max(2 - int(exponent) - int(mantissa).bit_length(), 0) if mantissa else None

    def between(self, bits: int) -> tuple[Fraction, Fraction]:
        """Multiples of 2^-bits below and above the number."""
        middle, radius = (_scaled(part, bits + _EXTRA) for part in (self._ball.mid(), self._ball.rad()))
        low, high = middle - radius - 1, middle + 1 + radius + 1  # both were rounded down
        return Fraction(low >> _EXTRA, 1 << bits), Fraction(-(-high >> _EXTRA), 1 << bits)


def value(start: Sequence[Fraction], terms: Sequence[tuple[str, Fraction, Sequence[Fraction]]], bits: int) -> list[Ball]:
    """start_j + sum of c_j phi(t) over terms (phi, t, c), for each j.

    Examples
    --------
    >>> (ball,) = value([Fraction(0)], [("softplus", Fraction(0), [Fraction(1)])], 10)     # log 2 = 0.693...
    >>> ball.between(10)
    (Fraction(709, 1024), Fraction(355, 512))
    """
    with ctx.workprec(bits + _EXTRA):
        total = [ball(q) for q in start]
        for name, place, column in terms:
            level = phi(name, place)
            for j, c in enumerate(column):
                if c:
                    total[j] += ball(c) * level
        return [Ball(t) for t in total]


def phi(name: str, t: Fraction) -> arb:
    """A ball around phi(t), at the precision at hand."""
    x = ball(t)
    if name == "relu":
        return ball(max(t, Fraction(0)))
    if name == "tanh":
        return x.tanh()
    if name == "softplus":  # log(1 + exp(t)) = max(t, 0) + log(1 + exp(-|t|))
        return ball(max(t, Fraction(0))) + (-ball(abs(t))).exp().log1p()
    if name == "gelu":
        return x * (1 + (x / arb(2).sqrt()).erf()) / 2
    if name == "gelu_tanh":
        return x * (1 + ball(t * (_INNER[0] + _INNER[1] * t * t)).tanh()) / 2
    return x * (1 + (x / 2).tanh()) / 2  # silu


#: gelu_tanh is t (1 + tanh(t (INNER[0] + INNER[1] t^2))) / 2, with these decimals exactly (docs/network-format.md)
_INNER = (Fraction("0.7978845608028654"), Fraction("0.035677408136300125"))


def _scaled(exact: arb, bits: int) -> int:
    """The integer part of the number times 2^bits."""
    mantissa, exponent = (int(part) for part in exact.man_exp())
    shift = exponent + bits
    return mantissa << shift if shift >= 0 else mantissa >> -shift
