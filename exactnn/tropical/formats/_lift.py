"""Integer exponents for systems that know no others.

    term c + a . x,   a_i = s_i + b_i / S,   c = r + k / C,      b_i, k integers >= 0

S and s are the same for all polynomials of a form, and so are C and r: differences P_j - Q_j lose the shifts.

    p(x) = s . x + max (c + b . y),              x = S y           exponents scaled
    p(x) = r + s . x + max (k + b . z) / C,      x = S z / C       coefficients scaled too, to be exponents of a variable t

A system with trivial valuations computes the fan of h(u, v) = max (k u + b . v): its slice at u = 1 is the hypersurface of
max (k + b . z), so that a ray (u, v) with u > 0 is the point x = S v / (C u).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactnn.errors import NotRepresentable
from exactnn.exact.numbers import rational_text, short
from exactnn.tropical.formats._form import Term

Row = tuple[int, ...]


@dataclass(frozen=True)
class Scale:
    """value = shift + integer / factor, for each coordinate its own shift, all integers >= 0."""

    factor: Fraction
    shift: tuple[Fraction, ...]

    def integers(self, vector: Sequence[Fraction]) -> Row:
        """The integers of a vector."""
        return tuple(int((v - s) * self.factor) for v, s in zip(vector, self.shift, strict=True))

    @property
    def shift_text(self) -> str:
        """(s_0, s_1, ...)."""
        return f"({', '.join(map(rational_text, self.shift))})"


def exponent_scale(named: Mapping[str, Sequence[Term]]) -> Scale:
    """S and s of all polynomials; S is the least integer, so that integers stay as they are, up to the shift, and so do multiplicities."""
    vectors = [a for rows in named.values() for _, a in rows]
    shift = tuple(min(column) for column in zip(*vectors, strict=True))
    return Scale(Fraction(_common_denominator([v - s for a in vectors for v, s in zip(a, shift, strict=True)])), shift)


def coefficient_scale(named: Mapping[str, Sequence[Term]]) -> Scale:
    """C and r of all polynomials; C is the least rational, below 1 where the differences of coefficients have a common factor."""
    values = [c for rows in named.values() for c, _ in rows]
    differences = [c - min(values) for c in values]
    bottom = _common_denominator(differences)
    return Scale(Fraction(bottom, math.gcd(*(int(v * bottom) for v in differences)) or 1), (min(values),))


def _common_denominator(values: Sequence[Fraction]) -> int:
    return math.lcm(*(v.denominator for v in values))


def lifted(named: Mapping[str, Sequence[Term]], reader: str, most: int) -> tuple[dict[str, list[Row]], list[str]]:
    """The exponents (k, b) of each polynomial over t, x0, x1, ..., and the comment that says what they stand for."""
    exponents, coefficients = exponent_scale(named), coefficient_scale(named)
    found = {name: [coefficients.integers((c,)) + exponents.integers(a) for c, a in rows] for name, rows in named.items()}
    scaled = f"exponents times {short(exponents.factor)}, coefficients times {short(coefficients.factor)} as exponents of t"
    check(found, reader, most, scaled, ".polymake and .jl, which take any coefficients, or ")
    (r,) = coefficients.shift
    words = [
        "The monomial t^k x0^b0 x1^b1 ... stands for the term c + a . x with a_i = s_i + b_i / S and c = r + k / C, where",
        f"  exponents:     S = {rational_text(exponents.factor)}, s = {exponents.shift_text}",
        f"  coefficients:  C = {rational_text(coefficients.factor)}, r = {rational_text(r)}, lifted to the exponents of t",
        "so that p(x) = r + s . x + h(1, C x / S) / C with h(u, v) = max (k u + b . v).",
        "In max-plus a ray (u, v) with u > 0 of the fan of h is the point x = S v / (C u) of the hypersurface of p.",
    ]
    return found, words


def check(named: Mapping[str, Sequence[Row]], reader: str, most: int, scaled: str, others: str = "") -> None:
    """NotRepresentable if an exponent is above what the reader can hold."""
    top, name, i = max((max(row, default=0), name, i) for name, rows in named.items() for i, row in enumerate(rows))
    if top > most:
        raise NotRepresentable(
            f"{reader}: integer exponents of at most {most} are needed, but term {i} of {name} needs one of about "
            f"10^{math.log10(top):.0f} ({scaled}); round the numbers of the form to fewer digits first, "
            f"or use {others}.json, .smt2, .sympy or .tex, which hold any form"
        )
