"""Pade activation units, exactly: rational, or piecewise rational where |.| changes its form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

from flint import fmpq, fmpq_poly

from exactnn.errors import ArgumentError, AtPole
from exactnn.exact import polynomials as poly
from exactnn.exact.enclosure import Enclosure
from exactnn.exact.numbers import Number, as_fraction, fraction, rational, rational_text, shown
from exactnn.exact.roots import RealRoot, real_roots, within
from exactnn.rational._analysis import Bounds, NearestPole
from exactnn.rational._bases import BASES, orthogonal
from exactnn.rational._extremes import WIDTH, Extreme, extremes, positive
from exactnn.rational.function import RationalFunction
from exactnn.rational.intervals import Ends, Interval, span
from exactnn.value import Value

FORMULAS = ("A", "B", "C", "D", "N")


@dataclass(frozen=True, repr=False)
class Piece(Value):
    """The function on the closed interval between two breakpoints; None for no end."""

    lower: RealRoot | None
    upper: RealRoot | None
    function: RationalFunction


@dataclass(frozen=True, init=False, repr=False)
class PadeUnit(Bounds):
    """P(x)/Q(x), P = a_0 p_0 + a_1 p_1 + ... + a_m p_m with p_k = x^k or another basis, and by formula

    - A: Q = 1 + |b_1 p_1| + |b_2 p_2| + ... + |b_n p_n|, rational between the zeros of the p_k: on x <= 0 and on x >= 0 for powers
    - B: Q = 1 + |b_1 p_1 + ... + b_n p_n|, rational between the zeros of the inner polynomial
    - C: Q = 1/10 + |b_0 p_0 + b_1 p_1 + ... + b_n p_n|, likewise
    - D: as B (the noise of training is left out)
    - N: Q = 1 + b_1 p_1 + ... + b_n p_n, which may have real zeros

    Parameters
    ----------
    numerator : (a_0, ..., a_m)
    denominator : (b_1, ..., b_n); for C (b_0, ..., b_n)
    formula : "A", "B", "C", "D" or "N"
    basis : "power", or orthogonal polynomials: "chebyshev" (T_k), "chebyshev_second" (U_k), "hermite" (He_k, leading coefficient 1),
        "hermite_physicists" (H_k, leading coefficient 2^k), "laguerre" (L_k), "legendre" (P_k)

    Notes
    -----
    Values are equal if coefficients, formula and basis are. Bounds and slopes are those from both sides at breakpoints.

    References
    ----------
    Molina, Schramowski, Kersting: Pade Activation Units, ICLR 2020. Biswas, Banerjee, Pandey: Orthogonal-Pade activation functions,
    2021 (formula A with the bases).

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
    >>> print(PadeUnit([1], [-1, 1], formula="C").report())         # 1/(1/10 + |x - 1|)
    largest |r|: 10 at x = 1; largest |r'|: 100 at x = 1; no pole
    >>> [str(p.lower) for p in PadeUnit([0, 1], [0, 2], basis="hermite").pieces]     # x/(1 + 2 |x^2 - 1|)
    ['None', '-1', '1']
    """

    numerator: tuple[Fraction, ...]
    denominator: tuple[Fraction, ...]
    formula: str
    basis: str

    def __init__(self, numerator: Iterable[Number], denominator: Iterable[Number], *, formula: str = "A", basis: str = "power") -> None:
        if formula not in FORMULAS:
            raise ArgumentError(f"formula: one of {', '.join(FORMULAS)} is needed, got {shown(formula)}")
        if basis not in BASES:
            raise ArgumentError(f"basis: one of {', '.join(BASES)} is needed, got {shown(basis)}")
        top = poly.polynomial(numerator, "numerator")
        inner = poly.polynomial(denominator, "denominator")
        object.__setattr__(self, "numerator", poly.fractions(top))
        object.__setattr__(self, "denominator", poly.fractions(inner) if inner else ())
        object.__setattr__(self, "formula", formula)
        object.__setattr__(self, "basis", basis)

    def __reduce__(self) -> tuple[Callable[..., PadeUnit], tuple[tuple[Fraction, ...], tuple[Fraction, ...]]]:
        return partial(PadeUnit, formula=self.formula, basis=self.basis), (self.numerator, self.denominator)

    def to_dict(self) -> dict[str, Any]:
        """The document that `exactnn.rational.from_document` reads."""
        from exactnn.rational.documents import to_document

        return to_document(self)

    @cached_property
    def _top(self) -> fmpq_poly:
        return sum(_terms(self.numerator, self.basis, 0), fmpq_poly([0]))

    @cached_property
    def _inner(self) -> list[fmpq_poly]:
        """The polynomials inside |.|; for N the one without the 1."""
        terms = _terms(self.denominator, self.basis, int(self.formula != "C"))
        return terms if self.formula == "A" else [sum(terms, fmpq_poly([0]))]

    @property
    def top(self) -> tuple[Fraction, ...]:
        """P's coefficients of powers of x."""
        return poly.fractions(self._top)

    @property
    def constant(self) -> Fraction:
        """What is added to the |.|, or for N to the inner polynomial: 1, for C 1/10. It is a lower bound of all denominators but N's."""
        return Fraction(1, 10) if self.formula == "C" else Fraction(1)

    @property
    def absolute(self) -> tuple[tuple[Fraction, ...], ...]:
        """The polynomials inside |.|, coefficients of powers of x: Q = constant + the sum of their absolute values. None for N."""
        return () if self.formula == "N" else tuple(poly.fractions(q) for q in self._inner if q)

    def __call__(self, x: Number) -> Fraction:
        """The value, exactly; AtPole at a pole (formula N)."""
        at = rational(x, "x")
        if self.formula == "N":
            return self.pieces[0].function(fraction(at))
        below = rational(self.constant) + sum((abs(poly.value(q, at)) for q in self._inner), fmpq(0))
        return fraction(poly.value(self._top, at) / below)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The rational functions, from left to right, with the breakpoints between them."""
        return self._pieces(None)

    def _pieces(self, width: Fraction | None) -> tuple[Piece, ...]:
        """q = lead(q) (odd part) (squares): q changes its sign where its odd part, which has simple zeros only, does."""
        constant = fmpq_poly([rational(self.constant)])
        if self.formula == "N":
            return (Piece(None, None, RationalFunction(self._top, constant + self._inner[0])),)
        odd = [_odd_part(q) for q in self._inner]
        changes = fmpq_poly([1])
        for q in odd:
            changes *= q // changes.gcd(q)
        breaks = real_roots(changes, width) if changes.degree() > 0 else []
        found = []
        for lower, upper in pairwise([None, *breaks, None]):
            inside = rational(_between(lower, upper))
            signs = [1 if q.coeffs()[-1] * poly.value(o, inside) > 0 else -1 for q, o in zip(self._inner, odd, strict=True) if q]
            below = sum((q * sign for q, sign in zip(filter(None, self._inner), signs, strict=True)), constant)
            found.append(Piece(lower, upper, RationalFunction(self._top, below)))
        return tuple(found)

    def to_rational_function(self) -> RationalFunction:
        """The function as one quotient of polynomials; ArgumentError where it is piecewise rational."""
        if len(self.pieces) > 1:
            where = ", ".join(str(piece.upper) for piece in self.pieces[:3] if piece.upper is not None)
            raise ArgumentError(
                f"PadeUnit: formula {self.formula} with these coefficients is only piecewise rational, in {len(self.pieces)} pieces (see "
                f"`pieces`): |.| changes its form at {where}{', ...' if len(self.pieces) > 4 else ''}; formula N and ERA are rational"
            )
        return self.pieces[0].function

    def real_poles(self, interval: Interval = None, *, width: Number | None = None) -> tuple[RealRoot, ...]:
        """The real poles: none for A, B, C and D, whose denominators are at least 1 (C: 1/10)."""
        ends = span(interval)
        if self.formula != "N":
            return ()
        return tuple(within(self.pieces[0].function._bottom, *ends, None if width is None else positive(width)))

    def nearest_pole(self, interval: Interval = None, *, width: Number = WIDTH) -> NearestPole | None:
        """As `RationalFunction.nearest_pole`; None for several pieces, too: such a function has values on the real line only."""
        if len(self.pieces) > 1:
            return None
        return self.pieces[0].function.nearest_pole(interval=interval, width=width)

    def _extremes(self, order: int, ends: Ends, width: Fraction) -> tuple[Extreme, Extreme]:
        """Of the derivative of this order on the pieces that meet the interval in more than a point."""
        if ends[0] is not None and ends[0] == ends[1] and order == 0:
            value = self(ends[0])
            single = Extreme(Enclosure(value, value), (Enclosure(ends[0], ends[0]),))
            return single, single
        if len(self.pieces) == 1:
            return extremes(self.pieces[0].function.derivative(order), ends, width)
        if ends[0] is not None and ends[0] == ends[1]:
            raise ArgumentError(f"interval: lower < upper is needed for slopes, got the point {rational_text(ends[0])}")
        limit = width
        while True:
            found = self._brackets(order, ends, limit, width / 4)
            if found is not None and all(extreme.value.width <= width for extreme in found):
                return found
            limit *= min(limit, Fraction(1, 2**32))

    def _brackets(self, order: int, ends: Ends, limit: Fraction, width: Fraction) -> tuple[Extreme, Extreme] | None:
        """Brackets from breakpoints known to this limit: each piece on the interval that it surely has, and on one that surely has it."""
        sure: list[tuple[Extreme, Extreme]] = []
        possible: list[tuple[Extreme, Extreme]] = []
        for piece in self._pieces(limit):
            left, right = piece.lower, piece.upper
            inner = _met(ends, None if left is None else left.upper, None if right is None else right.lower)
            outer = _met(ends, None if left is None else left.lower, None if right is None else right.upper)
            if outer is None:
                continue
            function = piece.function.derivative(order)
            try:
                found = extremes(function, outer, width)
                sure.extend([found] if inner == outer else [extremes(function, inner, width)] if inner is not None else [])
            except AtPole:  # pragma: no cover - of the piece's function, beyond the breakpoint
                return None
            possible.append((_at_breaks(found[0], left, right), _at_breaks(found[1], left, right)))
        if not sure:
            return None
        low = Enclosure(min(e.value.lower for e, _ in possible), min(e.value.upper for e, _ in sure))
        high = Enclosure(max(e.value.lower for _, e in sure), max(e.value.upper for _, e in possible))
        return (
            Extreme(low, tuple(place for e, _ in possible if e.value.lower <= low.upper for place in e.places)),
            Extreme(high, tuple(place for _, e in possible if e.value.upper >= high.lower for place in e.places)),
        )


def _at_breaks(extreme: Extreme, left: RealRoot | None, right: RealRoot | None) -> Extreme:
    """With the breakpoints themselves as places, where an end of their intervals is one."""
    near = {root.enclosure: end for root, end in ((left, left and left.lower), (right, right and right.upper)) if root is not None}
    places = (next((e for e, end in near.items() if place.lower == place.upper == end), place) for place in extreme.places)
    return Extreme(extreme.value, tuple(places))


def _terms(coefficients: tuple[Fraction, ...], basis: str, first: int) -> list[fmpq_poly]:
    """The coefficients times the basis polynomials from this index on."""
    members = orthogonal(basis, first + len(coefficients))[first:]
    return [p * rational(c) for c, p in zip(coefficients, members, strict=True)]


def _odd_part(q: fmpq_poly) -> fmpq_poly:
    """The product of (x - t) over the complex zeros t of odd multiplicity."""
    found = fmpq_poly([1])
    for factor, power in poly.factors(q, irreducible=False) if q else []:
        found *= factor if power % 2 else 1
    return found


def _between(lower: RealRoot | None, upper: RealRoot | None) -> Fraction:
    """A number between two breakpoints."""
    if lower is None or upper is None:
        return upper.lower - 1 if upper is not None else lower.upper + 1 if lower is not None else Fraction(0)
    return (lower.upper + upper.lower) / 2


def _met(ends: Ends, lower: Fraction | None, upper: Fraction | None) -> Ends | None:
    """The part of the interval between two numbers; None if it is a point or nothing."""
    low = max((end for end in (ends[0], lower) if end is not None), default=None)
    high = min((end for end in (ends[1], upper) if end is not None), default=None)
    return None if low is not None and high is not None and low >= high else (low, high)


def _decimal(*coefficients: str) -> tuple[Fraction, ...]:
    return tuple(as_fraction(c) for c in coefficients)


#: The rational ReLU of type (3, 2) of Boulle, Nakatsukasa, Townsend: Rational neural networks, 2020; its decimals exactly.
BOULLE = RationalFunction(_decimal("0.0218", "0.5", "1.5957", "1.1915"), _decimal("1", "0", "2.383"))
