"""Rational functions to draw, with poles that are planted, near the real line, or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import strategies as st

from exactnn.errors import ArgumentError
from exactnn.exact.polynomials import from_fractions
from exactnn.rational import RationalFunction
from exactnn.testing._numbers import TINY, numbers

#: what the denominator is, times a polynomial without real zeros
KINDS = ("free", "planted", "near", "cancelled")


@st.composite
def rational_functions(draw: st.DrawFn, *, poles: str | Sequence[str] = KINDS, degree: int = 2) -> RationalFunction:
    """r = P/Q, Q a product of (x - e)^2 + f^2 with f != 0, times

        free        1                                                     no real pole
        planted     (x - p)^k, with P(p) != 0                             a pole at p
        near        (x - p)^2 + 2^-60                                     none, but poles 2^-30 from the real line
        cancelled   (x - p), which divides P too                          none

    Parameters
    ----------
    poles : a kind, or several to choose from
    degree : at most so many zeros of the rest of P, and factors of the rest of Q
    """
    kinds = (poles,) if isinstance(poles, str) else tuple(poles) if isinstance(poles, (list, tuple)) else ()
    if not kinds or any(kind not in KINDS for kind in kinds):
        raise ArgumentError(f"poles: of {', '.join(KINDS)} at least one is needed, got {poles!r}")
    if not isinstance(degree, int) or isinstance(degree, bool) or degree < 0:
        raise ArgumentError(f"degree: a number >= 0 is needed, got {degree!r}")
    kind, small = draw(st.sampled_from(kinds)), st.sampled_from([Fraction(q) for q in (0, 1, -1, 2, "1/2", "-2/3", 5)])
    p, numerator, denominator = draw(numbers()), from_fractions([draw(small) or Fraction(1)]), from_fractions([Fraction(1)])
    for _ in range(draw(st.integers(0, degree))):
        zero = draw(small)
        if kind != "planted" or zero != p:
            numerator *= from_fractions([-zero, Fraction(1)])
    for _ in range(draw(st.integers(0, degree))):
        e, f = draw(small), draw(small) or Fraction(1)
        denominator *= from_fractions([e * e + f * f, -2 * e, Fraction(1)])
    if kind == "planted":
        for _ in range(draw(st.integers(1, 2))):
            denominator *= from_fractions([-p, Fraction(1)])
    elif kind == "near":
        denominator *= from_fractions([p * p + TINY, -2 * p, Fraction(1)])
    elif kind == "cancelled":
        numerator, denominator = (side * from_fractions([-p, Fraction(1)]) for side in (numerator, denominator))
    return RationalFunction(numerator, denominator)
