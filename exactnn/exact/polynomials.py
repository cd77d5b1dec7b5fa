"""Polynomials over Q as python-flint has them: in from coefficients, out to Fractions, evaluated in rationals and in balls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from fractions import Fraction
from typing import Any, TypeVar

from flint import acb, arb, fmpq, fmpq_poly, fmpz_poly

from exactnn.errors import ArgumentError
from exactnn.exact.numbers import Number, fraction, rational, shown, sum_text

Ball = TypeVar("Ball", arb, acb)


def polynomial(coefficients: Iterable[Number], argument: str) -> fmpq_poly:
    """The polynomial with these coefficients, constant term first; an empty list is 0.

    Examples
    --------
    >>> polynomial([1, "1/2"], "numerator")
    1/2*x + 1
    """
    if isinstance(coefficients, fmpq_poly):
        return coefficients
    entries = listed(coefficients)
    if entries is None:
        raise ArgumentError(f"{argument}: a list of coefficients, constant term first, is needed, got {shown(coefficients)}")
    return fmpq_poly([rational(c, f"{argument}[{i}]") for i, c in enumerate(entries)])


def from_fractions(coefficients: Iterable[Fraction]) -> fmpq_poly:
    """The polynomial with these coefficients, constant term first."""
    return fmpq_poly([rational(c) for c in coefficients])


def listed(value: Any) -> tuple[Any, ...] | None:
    """The entries of a list, a tuple, an array; None for text, mappings, sets and what has no entries."""
    if isinstance(value, (str, bytes, Mapping, Set)):
        return None
    try:
        return tuple(value)
    except TypeError:  # a number, an array without axes
        return None


def fractions(p: fmpq_poly) -> tuple[Fraction, ...]:
    """The coefficients, constant term first, the last one not 0; (0,) for the polynomial 0."""
    return tuple(fraction(c) for c in p.coeffs()) or (Fraction(0),)


def monic(p: fmpq_poly) -> fmpq_poly:
    """p divided by its leading coefficient."""
    return p / p.coeffs()[-1]


def lowest_terms(top: fmpq_poly, bottom: fmpq_poly) -> tuple[fmpq_poly, fmpq_poly]:
    """The coprime polynomials with the same quotient, the second one monic; bottom is not 0."""
    common = top.gcd(bottom)
    top, bottom = top // common, bottom // common
    lead = bottom.coeffs()[-1]
    return top / lead, bottom / lead


def quotient_sum(quotients: Iterable[tuple[fmpq_poly, fmpq_poly]]) -> tuple[fmpq_poly, fmpq_poly]:
    """The sum of quotients over the product of their denominators; pairwise, so that the products stay balanced."""
    pairs = list(quotients)
    while len(pairs) > 1:
        rest = pairs[2 * (len(pairs) // 2) :]
        pairs = [(p * v + u * q, q * v) for (p, q), (u, v) in zip(pairs[::2], pairs[1::2], strict=False)] + rest
    return pairs[0]


def factors(p: fmpq_poly, *, irreducible: bool = True) -> list[tuple[fmpq_poly, int]]:
    """Monic pairwise coprime factors with their powers, whose product is p / lead(p): irreducible over Q, or squarefree."""
    whole = fmpz_poly(p.numer())
    _, found = whole.factor() if irreducible else whole.factor_squarefree()
    return [(monic(fmpq_poly(q)), int(k)) for q, k in found if q.degree() > 0]


def value(p: fmpq_poly, x: fmpq) -> fmpq:
    """p(x), by Horner's rule."""
    total = fmpq(0)
    for c in reversed(p.coeffs()):
        total = total * x + c
    return total


def ball_value(p: fmpq_poly, x: Ball) -> Ball:
    """A ball around p(x) for all x of the ball."""
    total: Any = x * 0
    for c in reversed(p.coeffs()):
        total = total * x + arb(c)
    found: Ball = total
    return found


def ball(q: Fraction) -> arb:
    """The number as a ball, at the precision at hand."""
    return arb(fmpq(q.numerator, q.denominator))


def hull(lower: Fraction, upper: Fraction) -> arb:
    """A ball that contains [lower, upper]."""
    return ball(lower) if lower == upper else ball(lower).union(ball(upper))


def dyadic(exact: arb) -> Fraction:
    """The number that a ball of radius 0 is."""
    mantissa, exponent = (int(part) for part in exact.man_exp())
    return Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)


def ends(x: arb) -> tuple[Fraction, Fraction]:
    """The ends of a finite ball."""
    middle, radius = dyadic(x.mid()), dyadic(x.rad())
    return middle - radius, middle + radius


def text(coefficients: Sequence[Fraction], variable: str = "x") -> str:
    """The polynomial, highest power first.

    Examples
    --------
    >>> text([Fraction(-1), Fraction(0), Fraction(3, 2)])
    '3/2 x^2 - 1'
    """
    names = ["", variable, *(f"{variable}^{power}" for power in range(2, len(coefficients)))]
    return sum_text(reversed(list(zip(coefficients, names, strict=False))))
