"""Cuts that show a polynomial to have no real zero in an interval: on each piece its coefficients have one sign.

With x = (u + v t)/(1 + t) the piece from u to v is t > 0, and (1 + t)^n p(x) is a polynomial in t; if all of its coefficients are >= 0, or
all <= 0, and the first and the last are not 0, then p has no zero from u to v. Where p has none, pieces that are small enough have this
(Vincent, Obreshkoff; as in `roots`, whose choice of cuts this is).
"""

from __future__ import annotations

from fractions import Fraction

from flint import fmpq, fmpq_poly, fmpz, fmpz_poly

from exactnn.errors import ArgumentError
from exactnn.exact.numbers import fraction, simplest_between

_ONE_MORE = fmpz_poly([1, 1])  # t + 1


def sign_cuts(p: fmpz_poly, lower: Fraction | None = None, upper: Fraction | None = None) -> list[Fraction]:
    """Numbers that cut the interval, both ends included (None: no bound), into pieces on which p, without a zero there, shows one sign.

    Examples
    --------
    >>> sign_cuts(fmpz_poly([1, 0, 1])), sign_cuts(fmpz_poly([-2, 0, 1]), Fraction(-1), Fraction(1))
    ([Fraction(0, 1)], [])
    >>> sign_cuts(fmpz_poly([1, -2, 2]))
    [Fraction(0, 1), Fraction(1, 1)]
    """
    waiting: list[tuple[Fraction | None, Fraction | None]] = [(lower, upper)]
    cuts: list[Fraction] = []
    if lower is None and upper is None:
        waiting, cuts = [(None, Fraction(0)), (Fraction(0), None)], [Fraction(0)]
    while waiting:
        u, v = waiting.pop()
        c = _along(p, u, v)
        if not (c and c[0] and c[-1]) or u == v:
            if c and c[0]:
                continue
            raise ArgumentError(f"p: a polynomial without a zero from {lower} to {upper} is needed")
        if min(c) >= 0 or max(c) <= 0:
            continue
        size = abs(Fraction(int(c[0]), int(c[-1])))
        t = Fraction(2) ** int((size.numerator.bit_length() - size.denominator.bit_length()) / (len(c) - 1))
        below, above = (_place(u, v, t * k) for k in (Fraction(1, 2), Fraction(2)))
        cut = fraction(simplest_between(*(fmpq(*x.as_integer_ratio()) for x in sorted((below, above)))))
        cuts.append(cut)
        waiting += [(u, cut), (cut, v)]
    return sorted(cuts)


def _place(u: Fraction | None, v: Fraction | None, t: Fraction) -> Fraction:
    """(u + v t)/(1 + t)"""
    if u is None:
        assert v is not None
        return v - 1 / t
    return u + t if v is None else (u + v * t) / (1 + t)


def _along(p: fmpz_poly, u: Fraction | None, v: Fraction | None) -> list[fmpz]:
    """The coefficients of (1 + t)^n p((u + v t)/(1 + t)), t^n p(v - 1/t) or p(u + t), up to a positive factor."""
    if u is None or v is None:
        end, step = (v, -1) if u is None else (u, 1)
        assert end is not None
        c = list(fmpq_poly(p)(fmpq_poly([fmpq(*end.as_integer_ratio()), step])).numer())
        return c if v is None else c[::-1]
    width = v - u
    inner = fmpq_poly(p)(fmpq_poly([fmpq(*u.as_integer_ratio()), fmpq(*width.as_integer_ratio())])).numer()
    padded = list(inner) + [fmpz(0)] * (p.degree() + 1 - len(inner))
    found = list(fmpz_poly(padded[::-1])(_ONE_MORE))
    return (found + [fmpz(0)] * (len(padded) - len(found)))[::-1]
