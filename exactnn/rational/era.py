"""ERA, enhanced rational activations, exactly (theory: docs/theory.md, section 14)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from flint import ctx, fmpq_poly

from exactnn.errors import ArgumentError, AtPole, NotAnERA
from exactnn.exact import polynomials as poly
from exactnn.exact.calls import helpful
from exactnn.exact.enclosure import Enclosure, absolute
from exactnn.exact.numbers import Number, as_fraction, rational_text, short, shown
from exactnn.exact.roots import RealRoot, real_roots
from exactnn.rational._analysis import Analysis, Range
from exactnn.rational._extremes import positive
from exactnn.rational.function import AtInfinity, RationalFunction
from exactnn.rational.intervals import Interval, span
from exactnn.rational.partial_fractions import PartialFractions, RealPartialFractions
from exactnn.texts import fitted
from exactnn.value import FORMULA

Term = tuple[Fraction, Fraction, Fraction, Fraction]


@dataclass(frozen=True, init=False, repr=False)
class ERA(Analysis):
    """sigma(x) = a x + b + sum_i (c_i x + d_i) / ((x - e_i)^2 + f_i^2 + epsilon).

    Canonical: fractions with equal e and f^2 are added, those with c = d = 0 dropped, the rest sorted. Only F = f^2 + epsilon matters
    to the function, so that equal functions are equal values, with equal hashes, whatever their epsilon.

    Parameters
    ----------
    linear : (a, b)
    fractions : (c, d, e, f) for each fraction; the sign of f does not matter, f = 0 is a pole if epsilon is 0
    epsilon : >= 0; 1e-6 in the authors' torch code, 0 in their TensorFlow code

    Raises
    ------
    ArgumentError
        Naming the argument that is no number, has a wrong length, or is negative (epsilon).

    References
    ----------
    Trimmel, Zanfir, Hartley, Sminchisescu: ERA: Enhanced Rational Activations, ECCV 2022.

    Examples
    --------
    >>> sigma = ERA(linear=("1/2", 3), fractions=[(0, -10, 0, 2)])
    >>> sigma
    ERA(1/2 x + 3 + (-10) / (x^2 + 4))
    >>> sigma(1), sigma.real_poles(), str(sigma.sup_derivative())
    (Fraction(3, 2), (), '1.31189881605 +- 2.1e-12')
    """

    linear: tuple[Fraction, Fraction]
    terms: tuple[Term, ...]  # (c, d, e, F) with F = f^2 + epsilon
    epsilon: Fraction = field(compare=False)

    @helpful
    def __init__(self, linear: Sequence[Number], fractions: Iterable[Sequence[Number]] = (), epsilon: Number = 0) -> None:
        found = _numbers(fractions, "f")
        self._set(linear, [(c, d, e, f * f) for c, d, e, f in found], epsilon)

    @classmethod
    def with_squares(cls, linear: Sequence[Number], fractions: Iterable[Sequence[Number]] = (), epsilon: Number = 0) -> ERA:
        """The same from (c, d, e, f^2), where f itself may be irrational.

        Examples
        --------
        >>> ERA.with_squares((0, 0), [(0, 1, 0, 2)])
        ERA(0 + 1 / (x^2 + 2))
        """
        found = _numbers(fractions, "f_squared")
        for i, (*_, square) in enumerate(found):
            if square < 0:
                raise ArgumentError(f"fractions[{i}]: f_squared >= 0 is needed, got {rational_text(square)}")
        made = cls.__new__(cls)
        made._set(linear, found, epsilon)
        return made

    def _set(self, linear: Sequence[Number], squares: list[Term], epsilon: Number) -> None:
        line = poly.listed(linear)
        if line is None or len(line) != 2:
            raise ArgumentError(f"linear: a pair (a, b) is needed, got {shown(linear)}")
        shift = as_fraction(epsilon, "epsilon")
        if shift < 0:
            raise ArgumentError(f"epsilon: a number >= 0 is needed, got {shown(epsilon)}")
        merged: dict[tuple[Fraction, Fraction], tuple[Fraction, Fraction]] = {}
        for c, d, e, square in squares:
            before = merged.get((e, square + shift), (Fraction(0), Fraction(0)))
            merged[e, square + shift] = before[0] + c, before[1] + d
        terms = tuple((c, d, e, size) for (e, size), (c, d) in sorted(merged.items()) if c or d)
        object.__setattr__(self, "linear", (as_fraction(line[0], "linear[0]"), as_fraction(line[1], "linear[1]")))
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "epsilon", shift)

    @classmethod
    def from_rational_function(cls, r: RationalFunction) -> ERA:
        """r as an ERA with epsilon = 0; NotAnERA unless r has no real pole, only simple poles, grows at most like x, and splits over Q.

        Examples
        --------
        >>> ERA.from_rational_function(RationalFunction([0, 0, 0, 1], [1, 0, 1]))
        ERA(x + (-x) / (x^2 + 1))
        """
        whole = r.at_infinity().polynomial
        if len(whole) > 2:
            raise NotAnERA(f"{short(r, 80)} grows like x^{len(whole) - 1}; an ERA grows at most like x")
        poles = real_roots(r._bottom)
        if poles:
            raise NotAnERA(f"{short(r, 80)} has a real pole, {poles[0]}; an ERA with all f != 0 has none")
        parts = r.partial_fractions().parts
        for part in parts:
            if part.power > 1:
                raise NotAnERA(
                    f"{short(r, 80)} has poles of order {part.power}, at the zeros of {poly.text(part.factor)}; an ERA has simple ones"
                )
        for part in parts:
            if len(part.factor) != 3:
                raise NotAnERA(
                    f"{short(r, 80)} is an ERA, but not with rational coefficients: {short(poly.text(part.factor))} is irreducible over Q; "
                    "its quadratic factors are in real_partial_fractions()"
                )
        fractions = []
        for part in parts:
            constant, slope = (*part.numerator, Fraction(0))[:2]
            e = -part.factor[1] / 2
            fractions.append((slope, constant, e, part.factor[0] - e * e))
        return cls.with_squares((*(whole[1:] or (0,)), whole[0]), fractions)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).with_squares, (self.linear, self.fractions, self.epsilon)

    @property
    def fractions(self) -> tuple[Term, ...]:
        """(c, d, e, f^2) of each fraction."""
        return tuple((c, d, e, size - self.epsilon) for c, d, e, size in self.terms)

    @property
    def degree(self) -> int:
        """Twice the number of fractions."""
        return 2 * len(self.terms)

    @property
    def numerator(self) -> tuple[Fraction, ...]:
        """Of the quotient of polynomials; with `denominator`, what makes an ERA an activation of `xn.mlp`."""
        return self.to_rational_function().numerator

    @property
    def denominator(self) -> tuple[Fraction, ...]:
        """Of the quotient of polynomials."""
        return self.to_rational_function().denominator

    def to_rational_function(self) -> RationalFunction:
        """The same function as P/Q."""
        return self._quotient

    @cached_property
    def _quotient(self) -> RationalFunction:
        pairs = [(poly.from_fractions(self.linear[::-1]), fmpq_poly([1]))]
        for c, d, e, size in self.terms:
            pairs.append((poly.from_fractions([d, c]), poly.from_fractions([e * e + size, -2 * e, Fraction(1)])))
        return RationalFunction(*poly.quotient_sum(pairs))

    def _function(self) -> RationalFunction:
        return self._quotient

    def real_poles(self, interval: Interval = None, *, width: Number | None = None) -> tuple[RealRoot, ...]:
        """As `RationalFunction.real_poles`; none where every F > 0."""
        if all(size > 0 for *_, size in self.terms):
            span(interval)
            return ()
        return super().real_poles(interval=interval, width=width)

    def __call__(self, x: Number) -> Fraction:
        """sigma(x), exactly; AtPole at a pole."""
        at = as_fraction(x, "x")
        total = self.linear[0] * at + self.linear[1]
        for c, d, e, size in self.terms:
            below = (at - e) ** 2 + size
            if not below:
                raise AtPole(f"x: a pole of {short(self, 80)}, got {short(at, 80)}")
            total += (c * at + d) / below
        return total

    def partial_fractions(self) -> PartialFractions:
        """Over the rationals; the fractions themselves unless some F is 0."""
        return self._quotient.partial_fractions()

    def real_partial_fractions(self, *, bits: int = 64) -> RealPartialFractions:
        """As `RationalFunction.real_partial_fractions`."""
        return self._quotient.real_partial_fractions(bits=bits)

    def derivative(self, order: int = 1) -> RationalFunction:
        """The derivative of this order, which is no ERA."""
        return self._quotient.derivative(order)

    def at_infinity(self) -> AtInfinity:
        """The line a x + b, and the leading term of the rest: (sum of c)/x + O(x^-2)."""
        return self._quotient.at_infinity()

    def gradient(self, x: Number) -> dict[str, Any]:
        """The derivatives of sigma(x) by its coefficients: "a", "b" numbers, "c", "d", "e", "f_squared" tuples.

        By f it is 2 f times that by f^2. sigma = a s_a + b s_b + sum (c s_c + d s_d), and
        x sigma' = a s_a - sum (c s_c + 2 d s_d + e s_e + 2 F s_F), F = f^2 + epsilon.

        Examples
        --------
        >>> ERA((1, 0), [(0, 1, 0, 1)]).gradient(1)["f_squared"]
        (Fraction(-1, 4),)
        """
        at = as_fraction(x, "x")
        below = [(at - e) ** 2 + size for _, _, e, size in self.terms]
        if not all(below):
            raise AtPole(f"x: a fraction has a pole at {rational_text(at)}")
        above = [c * at + d for c, d, _, _ in self.terms]
        return {
            "a": at,
            "b": Fraction(1),
            "c": tuple(at / q for q in below),
            "d": tuple(1 / q for q in below),
            "e": tuple(2 * (at - e) * p / q**2 for (_, _, e, _), p, q in zip(self.terms, above, below, strict=True)),
            "f_squared": tuple(-p / q**2 for p, q in zip(above, below, strict=True)),
        }

    def scale_input(self, factor: Number) -> ERA:
        """x -> sigma(factor x), factor != 0.

        Examples
        --------
        >>> sigma = ERA((1, 0), [(1, 2, 3, 4)], epsilon=1)
        >>> sigma.scale_input(2)(5) == sigma(10)
        True
        """
        k = as_fraction(factor, "factor")
        if not k:
            raise ArgumentError("factor: a number that is not 0 is needed, got 0")
        a, b = self.linear
        scaled = [(c / k, d / k**2, e / k, square / k**2) for c, d, e, square in self.fractions]
        return ERA.with_squares((a * k, b), scaled, self.epsilon / k**2)

    def scale_output(self, factor: Number) -> ERA:
        """x -> factor sigma(x). So sigma'(beta z) = s sigma(z) for sigma' = sigma.scale_output(s).scale_input(1/beta)."""
        k = as_fraction(factor, "factor")
        a, b = self.linear
        return ERA.with_squares((k * a, k * b), [(k * c, k * d, e, square) for c, d, e, square in self.fractions], self.epsilon)

    def fraction_ranges(self, *, width: Number = Fraction(1, 2**64)) -> tuple[Range, ...]:
        """The closure of the values of each fraction: (k -+ sqrt(k^2 + c^2 F))/(2 F), k = c e + d."""
        limit = positive(width)
        return tuple(_fraction_range(term, limit) for term in self.terms)

    def deviation_bound(self, *, width: Number = Fraction(1, 2**64)) -> Enclosure:
        """sum over the fractions of their largest absolute values, a bound of |sigma(x) - (a x + b)|; rarely the least one."""
        found = [absolute(r.lower, r.upper) for r in self.fraction_ranges(width=positive(width) / (len(self.terms) or 1))]
        return Enclosure(sum((e.lower for e in found), Fraction(0)), sum((e.upper for e in found), Fraction(0)))

    def to_dict(self) -> dict[str, Any]:
        """The document that `exactnn.rational.from_document` reads."""
        from exactnn.rational.documents import to_document

        return to_document(self)

    def _summary(self) -> str:
        return str(self)

    def __str__(self) -> str:
        parts = [poly.text((self.linear[1], self.linear[0]))]
        for c, d, e, size in self.terms:
            top, bottom = poly.text((d, c)), "x" if not e else f"({poly.text((-e, Fraction(1)))})"
            below = f"({bottom}^2 + {rational_text(size)})" if size else f"{bottom}^2"
            parts.append(f"{f'({top})' if ' ' in top or top.startswith('-') else top} / {below}")
        return fitted(" + ".join(parts), FORMULA)


def _fraction_range(term: Term, width: Fraction) -> Range:
    c, d, e, size = term
    k = c * e + d
    if not size:
        least = -c * c / (4 * k) if k else None
        low = least if least is not None and k > 0 else -math.inf
        high = least if least is not None and k < 0 else math.inf
        return Range(Enclosure(low, low), Enclosure(high, high))
    root = _root(k * k + c * c * size, 2 * size * width)
    return Range(
        Enclosure((k - root.upper) / (2 * size), (k - root.lower) / (2 * size)),
        Enclosure((k + root.lower) / (2 * size), (k + root.upper) / (2 * size)),
    )


def _root(q: Fraction, width: Fraction) -> Enclosure:
    """sqrt(q), q >= 0."""
    top, bottom = math.isqrt(q.numerator), math.isqrt(q.denominator)
    if top**2 == q.numerator and bottom**2 == q.denominator:
        return Enclosure(Fraction(top, bottom), Fraction(top, bottom))
    bits = 64
    while True:
        with ctx.workprec(bits):
            lower, upper = poly.ends(poly.ball(q).sqrt())
        if upper - lower <= width:
            return Enclosure(lower, upper)
        bits *= 2


def _numbers(fractions: Iterable[Sequence[Number]], last: str) -> list[Term]:
    rows = poly.listed(fractions)
    if rows is None:
        raise ArgumentError(f"fractions: a list of (c, d, e, {last}) is needed, got {shown(fractions)}")
    found = []
    for i, row in enumerate(rows):
        numbers = poly.listed(row)
        if numbers is None or len(numbers) != 4:
            raise ArgumentError(f"fractions[{i}]: four numbers (c, d, e, {last}) are needed, got {shown(row)}")
        c, d, e, f = (as_fraction(v, f"fractions[{i}][{j}]") for j, v in enumerate(numbers))
        found.append((c, d, e, f))
    return found
