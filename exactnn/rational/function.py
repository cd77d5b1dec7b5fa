"""Rational functions of one variable over Q, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flint import fmpq, fmpq_poly

from exactnn.errors import ArgumentError, AtPole, ExactnnError
from exactnn.exact import polynomials as poly
from exactnn.exact.calls import helpful
from exactnn.exact.numbers import Number, fraction, rational, short, shown
from exactnn.rational._analysis import Analysis
from exactnn.rational.partial_fractions import PartialFractions, RealPartialFractions, over_q, over_r
from exactnn.texts import fitted
from exactnn.value import FORMULA, Value

if TYPE_CHECKING:
    from exactnn.rational.era import ERA


@dataclass(frozen=True, repr=False)
class AtInfinity(Value):
    """How r behaves for large |x|:  r(x) = polynomial(x) + tail x^-decay + O(x^-(decay + 1)).

    Attributes
    ----------
    polynomial : the polynomial part, constant term first
    tail, decay : the leading term of the rest, of decay >= 1; both 0 if r is the polynomial
    limit : lim r(x) if it is finite, else None
    slope : lim r'(x) if it is finite, else None
    """

    polynomial: tuple[Fraction, ...]
    tail: Fraction
    decay: int

    @property
    def limit(self) -> Fraction | None:
        """lim r(x), the same for both directions; None if |r| grows."""
        return self.polynomial[0] if len(self.polynomial) == 1 else None

    @property
    def slope(self) -> Fraction | None:
        """lim r'(x), the same for both directions; None if |r'| grows."""
        if len(self.polynomial) > 2:
            return None
        return self.polynomial[1] if len(self.polynomial) == 2 else Fraction(0)


@dataclass(frozen=True, init=False, repr=False)
class RationalFunction(Analysis):
    """r(x) = P(x)/Q(x), P and Q polynomials over Q. Canonical: coprime, Q monic; so equal functions are equal values, with equal hashes.

    Parameters
    ----------
    numerator, denominator : coefficients, constant term first: int, Fraction, "3/7" or "0.1" (the exact decimal), float or numpy or torch
        scalar (the dyadic rational it is)

    Raises
    ------
    ArgumentError
        If the denominator is the polynomial 0, or an argument is no list of numbers.

    Examples
    --------
    >>> r = RationalFunction([-1, 0, 1], [-1, 1])           # (x^2 - 1)/(x - 1): the pole cancels
    >>> r
    RationalFunction(x + 1)
    >>> s = 1 / (r * r + 1)
    >>> s, s(1), s.derivative()
    (RationalFunction(1 / (x^2 + 2 x + 2)), Fraction(1, 5), RationalFunction((-2 x - 2) / (x^4 + 4 x^3 + 8 x^2 + 8 x + 4)))
    """

    numerator: tuple[Fraction, ...]
    denominator: tuple[Fraction, ...]

    @helpful
    def __init__(self, numerator: Iterable[Number], denominator: Iterable[Number] = (1,)) -> None:
        top, bottom = poly.polynomial(numerator, "numerator"), poly.polynomial(denominator, "denominator")
        if not bottom:
            raise ArgumentError("denominator: a polynomial that is not zero is needed, got only zeros")
        top, bottom = poly.lowest_terms(top, bottom)
        object.__setattr__(self, "numerator", poly.fractions(top))
        object.__setattr__(self, "denominator", poly.fractions(bottom))
        self.__dict__["_top"], self.__dict__["_bottom"] = top, bottom

    @classmethod
    def from_operation(cls, operation: Any) -> RationalFunction:
        """The function of a network's rational activation, or of anything with coefficients `numerator` and `denominator`, or a method
        `to_rational_function()` that gives such.

        The other way: such a function is an activation, `xn.mlp(layers, activation=r)`.
        """
        convert = getattr(operation, "to_rational_function", None)
        form = convert() if callable(convert) else operation
        for side in ("numerator", "denominator"):
            if not hasattr(getattr(form, side, None), "__iter__"):
                raise ArgumentError(f"operation: something with coefficients numerator and denominator is needed, got {shown(operation)}")
        return cls(form.numerator, form.denominator)

    @classmethod
    def x(cls) -> RationalFunction:
        """The function x.

        Examples
        --------
        >>> x = RationalFunction.x()
        >>> x**3 / (x**2 + 1)
        RationalFunction(x^3 / (x^2 + 1))
        """
        return cls((0, 1))

    @cached_property
    def _top(self) -> fmpq_poly:
        return poly.from_fractions(self.numerator)

    @cached_property
    def _bottom(self) -> fmpq_poly:
        return poly.from_fractions(self.denominator)

    def __reduce__(self) -> tuple[type[RationalFunction], tuple[tuple[Fraction, ...], tuple[Fraction, ...]]]:
        return type(self), (self.numerator, self.denominator)

    @property
    def is_polynomial(self) -> bool:
        """Whether the denominator is 1."""
        return len(self.denominator) == 1

    @property
    def degrees(self) -> tuple[int, int]:
        """Degrees of numerator and denominator, after cancelling; (0, 0) for 0."""
        return len(self.numerator) - 1, len(self.denominator) - 1

    def __call__(self, x: Number) -> Fraction:
        """r(x), exactly; AtPole at a pole."""
        at = rational(x, "x")
        bottom = poly.value(self._bottom, at)
        if not bottom:
            raise AtPole(f"x: {short(fraction(at))} is a pole of {short(self)}, which has no value there")
        return fraction(poly.value(self._top, at) / bottom)

    def __bool__(self) -> bool:
        return any(self.numerator)

    def __add__(self, other: Any) -> RationalFunction:
        s = _as_function(other)
        if s is None:
            return NotImplemented
        return RationalFunction(self._top * s._bottom + s._top * self._bottom, self._bottom * s._bottom)

    def __neg__(self) -> RationalFunction:
        return RationalFunction(-self._top, self._bottom)

    def __pos__(self) -> RationalFunction:
        return self

    def __sub__(self, other: Any) -> RationalFunction:
        s = _as_function(other)
        return NotImplemented if s is None else self + -s

    def __mul__(self, other: Any) -> RationalFunction:
        s = _as_function(other)
        return NotImplemented if s is None else RationalFunction(self._top * s._top, self._bottom * s._bottom)

    def __truediv__(self, other: Any) -> RationalFunction:
        s = _as_function(other)
        if s is None:
            return NotImplemented
        if not s:
            raise ArgumentError("division: a function that is not zero is needed, got the function 0")
        return RationalFunction(self._top * s._bottom, self._bottom * s._top)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> RationalFunction:
        return (-self).__add__(other)

    def __rtruediv__(self, other: Any) -> RationalFunction:
        s = _as_function(other)
        return NotImplemented if s is None else s / self

    def __pow__(self, exponent: int) -> RationalFunction:
        if isinstance(exponent, bool) or not isinstance(exponent, int):
            return NotImplemented
        if exponent < 0:
            return 1 / self**-exponent
        return RationalFunction(self._top**exponent, self._bottom**exponent)

    def derivative(self, order: int = 1) -> RationalFunction:
        """The derivative of this order."""
        if isinstance(order, bool) or not isinstance(order, int) or order < 0:
            raise ArgumentError(f"order: an integer >= 0 is needed, got {shown(order)}")
        found = self
        for _ in range(order):
            p, q = found._top, found._bottom
            found = RationalFunction(p.derivative() * q - p * q.derivative(), q * q)
        return found

    def compose(self, inner: RationalFunction) -> RationalFunction:
        """x -> r(inner(x)); AtPole if inner is a constant at which r has a pole.

        Examples
        --------
        >>> r = RationalFunction([1], [1, 0, 1])
        >>> r.compose(RationalFunction([-1, 2]))
        RationalFunction(1/4 / (x^2 - x + 1/2))
        """
        if not isinstance(inner, RationalFunction):
            raise ArgumentError(f"inner: a RationalFunction is needed, got {shown(inner)}; for a x + b take compose_affine(a, b)")
        size = max(self.degrees)
        powers = [fmpq_poly([1])]
        for _ in range(size):
            powers.append(powers[-1] * inner._bottom)

        def filled(p: fmpq_poly) -> fmpq_poly:
            """inner._bottom^size p(inner)."""
            total = fmpq_poly([0])
            coefficients = p.coeffs() + [fmpq(0)] * (size + 1 - len(p.coeffs()))
            for k, c in enumerate(reversed(coefficients)):
                total = total * inner._top + powers[k] * c
            return total

        bottom = filled(self._bottom)
        if not bottom:
            raise AtPole(f"inner: it is the constant {short(inner)}, a pole of {short(self)}")
        return RationalFunction(filled(self._top), bottom)

    def compose_affine(self, a: Number, b: Number = 0) -> RationalFunction:
        """x -> r(a x + b)."""
        return self.compose(RationalFunction([rational(b, "b"), rational(a, "a")]))

    def at_infinity(self) -> AtInfinity:
        """The polynomial part and the leading term of the rest.

        Examples
        --------
        >>> end = RationalFunction([0, 0, 0, 1], [1, 0, 1]).at_infinity()            # x^3/(x^2 + 1) = x - 1/x + ...
        >>> end.polynomial == (0, 1), end.slope == 1, end.limit, (end.tail, end.decay) == (-1, 1)
        (True, True, None, True)
        """
        whole, rest = divmod(self._top, self._bottom)
        if not rest:
            return AtInfinity(poly.fractions(whole), Fraction(0), 0)
        return AtInfinity(poly.fractions(whole), fraction(rest.coeffs()[-1]), self._bottom.degree() - rest.degree())

    def partial_fractions(self, *, squarefree: bool = False) -> PartialFractions:
        """The polynomial part and the parts with powers of the irreducible factors of Q over the rationals, exactly.

        With `squarefree`, of the factors of the squarefree factorisation, which costs greatest common divisors only.
        """
        return over_q(self._top, self._bottom, irreducible=not squarefree)

    def real_partial_fractions(self, *, bits: int = 64) -> RealPartialFractions:
        """The parts with powers of the linear and quadratic factors of Q over the reals, in certified intervals of at most 2^-bits."""
        return over_r(self._top, self._bottom, bits)

    def to_era(self) -> ERA:
        """The same function as an `ERA`, exactly; NotAnERA, with the reason, where there is none with rational coefficients."""
        from exactnn.rational.era import ERA

        return ERA.from_rational_function(self)

    def to_sympy(self, variable: str = "x") -> Any:
        """The quotient as a sympy expression."""
        import sympy

        x = sympy.Symbol(variable)

        def expression(coefficients: tuple[Fraction, ...]) -> Any:
            return sum((sympy.Rational(c.numerator, c.denominator) * x**k for k, c in enumerate(coefficients)), sympy.Integer(0))

        return expression(self.numerator) / expression(self.denominator)

    def _function(self) -> RationalFunction:
        return self

    def to_dict(self) -> dict[str, Any]:
        """The document that `exactnn.rational.from_document` reads."""
        from exactnn.rational.documents import to_document

        return to_document(self)

    def _summary(self) -> str:
        return str(self)

    def __str__(self) -> str:
        top, bottom = poly.text(self.numerator), poly.text(self.denominator)
        if self.is_polynomial:
            return fitted(top, FORMULA)
        return fitted(f"{f'({top})' if ' ' in top else top} / {f'({bottom})' if ' ' in bottom else bottom}", FORMULA)


def _as_function(other: Any) -> RationalFunction | None:
    if isinstance(other, RationalFunction):
        return other
    try:
        return RationalFunction([rational(other)])
    except ExactnnError:
        return None
