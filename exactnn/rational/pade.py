"""Pade activation units, exactly: rational, or piecewise rational where |.| changes its form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from flint import fmpq, fmpq_poly

from exactnn.errors import ArgumentError, AtPole
from exactnn.exact.numbers import Number, as_fraction, fraction, rational, rational_text
from exactnn.rational import _polynomials as poly
from exactnn.rational._analysis import NearestPole, Range
from exactnn.rational._extremes import Ends, Interval, extremes, positive, span
from exactnn.rational.enclosure import Enclosure, absolute
from exactnn.rational.function import RationalFunction
from exactnn.rational.roots import RealRoot, real_roots, within

FORMULAS = ("A", "B", "C", "D", "N")
_WIDTH = Fraction(1, 2**64)


@dataclass(frozen=True)
class Piece:
    """The function on the closed interval between two breakpoints; None for no end."""

    lower: RealRoot | None
    upper: RealRoot | None
    function: RationalFunction


@dataclass(frozen=True, init=False)
class PadeUnit:
    """P(x)/Q(x), P = a_0 + a_1 x + ... + a_m x^m, and by formula

    - A: Q = 1 + |b_1 x| + |b_2 x^2| + ... + |b_n x^n|, rational on x <= 0 and on x >= 0
    - B: Q = 1 + |b_1 x + ... + b_n x^n|, rational between the zeros of the inner polynomial
    - C: Q = 1/10 + |b_0 + b_1 x + ... + b_n x^n|, likewise
    - D: as B (the noise of training is left out)
    - N: Q = 1 + b_1 x + ... + b_n x^n, which may have real zeros

    Parameters
    ----------
    numerator : (a_0, ..., a_m)
    denominator : (b_1, ..., b_n); for C (b_0, ..., b_n)
    formula : "A", "B", "C", "D" or "N"

    Notes
    -----
    Values are equal if coefficients and formula are.

    References
    ----------
    Molina, Schramowski, Kersting: Pade Activation Units, ICLR 2020.

    Examples
    --------
    >>> unit = PadeUnit([0, 1], [0, -1], formula="B")             # x/(1 + |x^2|)
    >>> unit(2), len(unit.pieces), print(unit.range())
    from -1/2 to 1/2
    (Fraction(2, 5), 1, None)
    >>> for piece in PadeUnit([0, 1], [1], formula="A").pieces:    # x/(1 + |x|)
    ...     print(piece.function)
    -x / (x - 1)
    x / (x + 1)
    """

    numerator: tuple[Fraction, ...]
    denominator: tuple[Fraction, ...]
    formula: str

    def __init__(self, numerator: Iterable[Number], denominator: Iterable[Number], *, formula: str = "A") -> None:
        if formula not in FORMULAS:
            raise ArgumentError(f"formula: one of {', '.join(FORMULAS)} is needed, got {formula!r}")
        top = poly.polynomial(numerator, "numerator")
        inner = poly.polynomial(denominator, "denominator")
        object.__setattr__(self, "numerator", poly.fractions(top))
        object.__setattr__(self, "denominator", poly.fractions(inner) if inner else ())
        object.__setattr__(self, "formula", formula)

    def __reduce__(self) -> tuple[Callable[..., PadeUnit], tuple[tuple[Fraction, ...], tuple[Fraction, ...], str]]:
        return _unit, (self.numerator, self.denominator, self.formula)

    @cached_property
    def _top(self) -> fmpq_poly:
        return fmpq_poly([rational(c) for c in self.numerator])

    @cached_property
    def _inner(self) -> fmpq_poly:
        """The polynomial inside |.|; for A and N that of the denominator without the 1."""
        coefficients = [rational(c) for c in self.denominator]
        return fmpq_poly(coefficients if self.formula == "C" else [fmpq(0), *coefficients])

    @property
    def _base(self) -> fmpq:
        return fmpq(1, 10) if self.formula == "C" else fmpq(1)

    def __call__(self, x: Number) -> Fraction:
        """The value, exactly; AtPole at a pole (formula N)."""
        at = rational(x, "x")
        if self.formula == "N":
            return self.pieces[0].function(fraction(at))
        if self.formula == "A":
            below = self._base + sum((abs(c * at**k) for k, c in enumerate(self._inner.coeffs())), fmpq(0))
        else:
            below = self._base + abs(poly.value(self._inner, at))
        return fraction(poly.value(self._top, at) / below)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The rational functions, from left to right, with the breakpoints between them."""
        return self._pieces(None)

    def _pieces(self, width: Fraction | None) -> tuple[Piece, ...]:
        inner, base = self._inner, fmpq_poly([self._base])
        if self.formula == "N":
            return (Piece(None, None, RationalFunction(self._top, base + inner)),)
        if self.formula == "A":
            right = fmpq_poly([abs(c) for c in inner.coeffs()])
            left = fmpq_poly([abs(c) * (-1) ** k for k, c in enumerate(inner.coeffs())])
            breaks = [RealRoot(Fraction(0), Fraction(0))] if left != right else []
            sides = [left, right] if breaks else [right]
        else:
            breaks = [root for root in real_roots(inner, width) if root.multiplicity % 2] if inner.degree() > 0 else []
            sign = 1 if not inner or inner.coeffs()[-1] > 0 else -1  # of the inner polynomial behind the last breakpoint
            sides = [inner * (sign * (-1) ** (len(breaks) - i)) for i in range(len(breaks) + 1)]
        ends = [None, *breaks, None]
        return tuple(
            Piece(lower, upper, RationalFunction(self._top, base + side))
            for lower, upper, side in zip(ends[:-1], ends[1:], sides, strict=True)
        )

    def to_rational_function(self) -> RationalFunction:
        """The function as one quotient of polynomials; ArgumentError where it is piecewise rational."""
        if len(self.pieces) > 1:
            raise ArgumentError(f"PadeUnit: formula {self.formula} with these coefficients has {len(self.pieces)} pieces; see pieces")
        return self.pieces[0].function

    def real_poles(self, *, interval: Interval = None, width: Number | None = None) -> tuple[RealRoot, ...]:
        """The real poles: none for A, B, C and D, whose denominators are at least 1 (C: 1/10)."""
        ends = span(interval)
        if self.formula != "N":
            return ()
        return tuple(within(self.pieces[0].function._bottom, *ends, None if width is None else positive(width)))

    def nearest_pole(self, *, interval: Interval = None, width: Number = _WIDTH) -> NearestPole | None:
        """As `RationalFunction.nearest_pole`, for a unit of one piece; ArgumentError for more, which are not analytic."""
        return self.to_rational_function().nearest_pole(interval=interval, width=width)

    def range(self, interval: Interval = None, *, width: Number = _WIDTH) -> Range:
        """Infimum and supremum on the interval, in rational brackets of at most this width."""
        return self._range(0, span(interval), positive(width))

    def sup_derivative(self, interval: Interval = None, *, width: Number = _WIDTH) -> Enclosure:
        """The least Lipschitz constant on the interval: sup |r'|, at breakpoints from both sides."""
        found = self._range(1, span(interval), positive(width))
        return absolute(found.lower, found.upper)

    def _range(self, order: int, ends: Ends, width: Fraction) -> Range:
        """Of the derivative of this order on the pieces that meet the interval in more than a point."""
        if ends[0] is not None and ends[0] == ends[1] and order == 0:
            value = self(ends[0])
            return Range(Enclosure(value, value), Enclosure(value, value))
        if self.formula == "N" or len(self.pieces) == 1:
            low, high = extremes(self.pieces[0].function.derivative(order), ends, width)
            return Range(low.value, high.value)
        if ends[0] is not None and ends[0] == ends[1]:
            raise ArgumentError(f"interval: lower < upper is needed for slopes, got the point {rational_text(ends[0])}")
        limit = width
        while True:
            found = self._brackets(order, ends, limit, width / 4)
            if found is not None and found.lower.width <= width and found.upper.width <= width:
                return found
            limit /= 2**32

    def _brackets(self, order: int, ends: Ends, limit: Fraction, width: Fraction) -> Range | None:
        """Brackets from breakpoints known to this limit: each piece on the interval that it surely has, and on one that surely has it."""
        sure: list[Range] = []
        possible: list[Range] = []
        for piece in self._pieces(limit):
            low, high = piece.lower, piece.upper
            inner = _met(ends, None if low is None else low.upper, None if high is None else high.lower)
            outer = _met(ends, None if low is None else low.lower, None if high is None else high.upper)
            if outer is None:
                continue
            function = piece.function.derivative(order)
            try:
                possible.append(_of(function, outer, width))
                sure.extend([possible[-1]] if inner == outer else [_of(function, inner, width)] if inner is not None else [])
            except AtPole:  # pragma: no cover - of the piece's function, beyond the breakpoint
                return None
        if not sure:
            return None
        return Range(
            Enclosure(min(r.lower.lower for r in possible), min(r.lower.upper for r in sure)),
            Enclosure(max(r.upper.lower for r in sure), max(r.upper.upper for r in possible)),
        )


def _of(r: RationalFunction, ends: Ends, width: Fraction) -> Range:
    low, high = extremes(r, ends, width)
    return Range(low.value, high.value)


def _met(ends: Ends, lower: Fraction | None, upper: Fraction | None) -> Ends | None:
    """The part of the interval between two numbers; None if it is a point or nothing."""
    low = max((end for end in (ends[0], lower) if end is not None), default=None)
    high = min((end for end in (ends[1], upper) if end is not None), default=None)
    return None if low is not None and high is not None and low >= high else (low, high)


def _unit(numerator: tuple[Fraction, ...], denominator: tuple[Fraction, ...], formula: str) -> PadeUnit:
    return PadeUnit(numerator, denominator, formula=formula)


def _decimal(*coefficients: str) -> tuple[Fraction, ...]:
    return tuple(as_fraction(c) for c in coefficients)


#: The rational ReLU of type (3, 2) of Boulle, Nakatsukasa, Townsend: Rational neural networks, 2020; its decimals exactly.
BOULLE = RationalFunction(_decimal("0.0218", "0.5", "1.5957", "1.1915"), _decimal("1", "0", "2.383"))
