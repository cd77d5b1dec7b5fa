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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from exactnn.errors import NotRepresentable
from exactnn.exact.numbers import rational_text
from exactnn.tropical.formats._form import Term

Row = tuple[int, ...]


@dataclass(frozen=True)
class Scale:
    """value = shift + integer / factor, for each coordinate its own shift, all integers >= 0."""

    factor: int
    shift: tuple[Fraction, ...]

    @classmethod
    def of(cls, vectors: Sequence[Sequence[Fraction]]) -> Scale:
        """The least factor, and the greatest shift."""
        shift = tuple(min(column) for column in zip(*vectors, strict=True))
        return cls(math.lcm(*(v.denominator for row in vectors for v in _above(row, shift))), shift)

    def integers(self, vector: Sequence[Fraction]) -> Row:
        """The integers of a vector."""
        return tuple(int(v * self.factor) for v in _above(vector, self.shift))

    @property
    def shift_text(self) -> str:
        """(s_0, s_1, ...)."""
        return f"({', '.join(map(rational_text, self.shift))})"


def _above(row: Sequence[Fraction], shift: Sequence[Fraction]) -> Iterable[Fraction]:
    return (v - s for v, s in zip(row, shift, strict=True))


def exponent_scale(named: Mapping[str, Sequence[Term]]) -> Scale:
    """S and s of all polynomials."""
    return Scale.of([a for rows in named.values() for _, a in rows])


def coefficient_scale(named: Mapping[str, Sequence[Term]]) -> Scale:
    """C and r of all polynomials."""
    return Scale.of([(c,) for rows in named.values() for c, _ in rows])


def lifted(named: Mapping[str, Sequence[Term]], reader: str, most: int) -> tuple[dict[str, list[Row]], list[str]]:
    """The exponents (k, b) of each polynomial over t, x0, x1, ..., and the comment that says what they stand for."""
    exponents, coefficients = exponent_scale(named), coefficient_scale(named)
    found = {name: [coefficients.integers((c,)) + exponents.integers(a) for c, a in rows] for name, rows in named.items()}
    check(found, reader, most, f"exponents were multiplied by S = {exponents.factor}, coefficients by C = {coefficients.factor}")
    (r,) = coefficients.shift
    words = [
        "The monomial t^k x0^b0 x1^b1 ... stands for the term c + a . x with a_i = s_i + b_i / S and c = r + k / C, where",
        f"  exponents:     S = {exponents.factor}, s = {exponents.shift_text}",
        f"  coefficients:  C = {coefficients.factor}, r = {rational_text(r)}, lifted to the exponents of t",
        "so that p(x) = r + s . x + h(1, C x / S) / C with h(u, v) = max (k u + b . v).",
        "In max-plus a ray (u, v) with u > 0 of the fan of h is the point x = S v / (C u) of the hypersurface of p.",
    ]
    return found, words


def check(named: Mapping[str, Sequence[Row]], reader: str, most: int, scaled: str) -> None:
    """NotRepresentable if an exponent is above what the reader can hold."""
    for name, rows in named.items():
        for i, row in enumerate(rows):
            if max(row, default=0) > most:
                place = f"term {i} of {name} needs one of about 10^{math.log10(max(row)):.0f}"
                raise NotRepresentable(
                    f"{reader}: integer exponents of at most {most} are needed, but {place} ({scaled}); "
                    f"round the numbers of the form to fewer digits first, or use .json, .smt2, .sympy or .tex, which hold any"
                )
