"""Largest and smallest values of a rational function on an interval, and where: poles, critical points and ends, each certified."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from flint import ctx

from exactnn.errors import ArgumentError, AtPole
from exactnn.exact import polynomials as poly
from exactnn.exact.enclosure import Bound, Enclosure, absolute
from exactnn.exact.numbers import Number, as_fraction, short
from exactnn.exact.roots import RealRoot, within
from exactnn.rational.intervals import Ends

if TYPE_CHECKING:
    from exactnn.rational.function import RationalFunction

#: Of a bracket, unless another width is asked for.
WIDTH = Fraction(1, 2**64)


@dataclass(frozen=True)
class Extreme:
    """A supremum or infimum, and enclosures of the places x where, as far as was computed, it is attained or approached."""

    value: Enclosure
    places: tuple[Enclosure, ...]


@dataclass(frozen=True)
class _Candidate:
    value: Enclosure
    place: Enclosure


def positive(width: Number, argument: str = "width") -> Fraction:
    """A width that was asked for."""
    found = as_fraction(width, argument)
    if found <= 0:
        raise ArgumentError(f"{argument}: a number > 0 is needed, got {short(found)}")
    return found


def extremes(r: RationalFunction, ends: Ends, width: Fraction) -> tuple[Extreme, Extreme]:
    """Infimum and supremum on the interval without the poles; finite ones in brackets of at most this width."""
    if ends[0] is not None and ends[0] == ends[1]:
        exact, place = r(ends[0]), Enclosure(ends[0], ends[0])
        single = Extreme(Enclosure(exact, exact), (place,))
        return single, single
    candidates = [*_at_poles(r, ends), *_at_ends(r, ends), *_at_critical_points(r, ends, width)]
    high = Enclosure(max(c.value.lower for c in candidates), max(c.value.upper for c in candidates))
    low = Enclosure(min(c.value.lower for c in candidates), min(c.value.upper for c in candidates))
    return (
        Extreme(low, tuple(c.place for c in candidates if c.value.lower <= low.upper)),
        Extreme(high, tuple(c.place for c in candidates if c.value.upper >= high.lower)),
    )


def peak(low: Extreme, high: Extreme) -> tuple[Enclosure, tuple[Enclosure, ...]]:
    """The largest absolute value, from infimum and supremum, and the places."""
    value = absolute(low.value, high.value)
    places = (*(low.places if -low.value.lower >= value.lower else ()), *(high.places if high.value.upper >= value.lower else ()))
    return value, tuple(sorted(set(places), key=lambda p: (p.lower, p.upper)))


def _at_poles(r: RationalFunction, ends: Ends) -> list[_Candidate]:
    """Infinite values on the sides of poles that lie in the interval."""
    found = []
    for pole in within(r._bottom, *ends):
        right = _sign_behind(r, pole, ends)
        place = pole.enclosure
        if ends[1] is None or pole.upper < ends[1]:
            found.append(_Candidate(_infinite(right), place))
        if ends[0] is None or pole.lower > ends[0]:
            found.append(_Candidate(_infinite(right * (-1) ** pole.multiplicity), place))
    return found


def _sign_behind(r: RationalFunction, pole: RealRoot, ends: Ends) -> int:
    """The sign of r just above the pole: that of P(t)/Q^(m)(t) at the pole t, which is not 0."""
    bottom = r._bottom
    for _ in range(pole.multiplicity):
        bottom = bottom.derivative()
    bits = 64
    while True:
        with ctx.workprec(bits):
            near = next(p for p in within(r._bottom, *ends, Fraction(1, 2**bits)) if p.lower <= pole.upper and p.upper >= pole.lower)
            x = poly.hull(near.lower, near.upper)
            ratio = poly.ball_value(r._top, x) * poly.ball_value(bottom, x)
            if ratio > 0:
                return 1
            if ratio < 0:
                return -1
        bits *= 2


def _at_ends(r: RationalFunction, ends: Ends) -> list[_Candidate]:
    """Values at finite ends that are no poles, and limits at infinite ends."""
    found = []
    for end, infinity in zip(ends, (-1, 1), strict=True):
        if end is None:
            at_infinity = r.at_infinity()
            value: Bound | None = at_infinity.limit
            if value is None:
                degree = len(at_infinity.polynomial) - 1
                value = math.inf * (1 if at_infinity.polynomial[-1] > 0 else -1) * infinity**degree
            found.append(_Candidate(Enclosure(value, value), _infinite(infinity)))
        else:
            try:
                exact = r(end)
            except AtPole:
                continue
            found.append(_Candidate(Enclosure(exact, exact), Enclosure(end, end)))
    return found


def _at_critical_points(r: RationalFunction, ends: Ends, width: Fraction) -> list[_Candidate]:
    slope = r.derivative()._top
    if slope.degree() < 1:
        return []
    bits = 64
    while True:
        found = [_Candidate(value_near(r, root), root.enclosure) for root in within(slope, *ends, Fraction(1, 2**bits))]
        if all(c.value.is_finite and c.value.width <= width for c in found):
            return found
        bits *= 2


def value_near(r: RationalFunction, root: RealRoot) -> Enclosure:
    """r at a real root of another polynomial; infinite bounds where more bits are needed."""
    if root.is_exact:
        exact = r(root.lower)
        return Enclosure(exact, exact)
    with ctx.workprec(2 * bits_of(root.width) + 64):
        x = poly.hull(root.lower, root.upper)
        y = poly.ball_value(r._top, x) / poly.ball_value(r._bottom, x)
        return Enclosure(*poly.ends(y)) if y.is_finite() else Enclosure(-math.inf, math.inf)


def bits_of(width: Fraction) -> int:
    """About -log2(width), at least 1."""
    return max(width.denominator.bit_length() - width.numerator.bit_length(), 1)


def _infinite(sign: int) -> Enclosure:
    return Enclosure(sign * math.inf, sign * math.inf)
