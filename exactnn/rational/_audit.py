"""Does a published table of coefficients approximate its target under the formula it is used with? Answers with certified bounds."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction
from itertools import pairwise

from flint import arb, ctx

from exactnn.errors import ArgumentError, DomainError, Incomplete
from exactnn.exact import polynomials as poly
from exactnn.exact.calls import helpful
from exactnn.exact.enclosure import Bound, Enclosure
from exactnn.exact.numbers import Number
from exactnn.exact.roots import RealRoot
from exactnn.rational import _targets
from exactnn.rational._analysis import NearestPole, Range
from exactnn.rational._extremes import bits_of, extremes, peak, positive
from exactnn.rational._targets import Target
from exactnn.rational.era import ERA
from exactnn.rational.function import RationalFunction
from exactnn.rational.intervals import Interval, span
from exactnn.rational.pade import PadeUnit, Piece
from exactnn.value import Value

#: the highest derivative in Taylor's theorem
_ORDER = 12
#: cells after which the search for the largest error stops with what it has
_CELLS = 50_000


@dataclass(frozen=True, repr=False)
class Audit(Value):
    """What a table of coefficients is worth on an interval; all numbers are certified.

    Attributes
    ----------
    unit : the function
    target : what it is to approximate
    interval : the bounds
    real_poles : all real poles, inside and outside the interval
    nearest_pole : to the interval, with its distance; None without poles, and for piecewise rational functions
    error : max |r - target| on the interval; infinite if it holds a pole
    error_at : a point where the error is at least error.lower; a pole's place if it is infinite
    range : infimum and supremum of r on the interval
    slope : sup |r'| on the interval: how far it is from spike-free
    """

    unit: PadeUnit
    target: str
    interval: tuple[Fraction, Fraction]
    real_poles: tuple[RealRoot, ...]
    nearest_pole: NearestPole | None
    error: Enclosure
    error_at: Fraction
    range: Range
    slope: Enclosure

    @property
    def is_pole_free(self) -> bool:
        """Whether there is no real pole at all."""
        return not self.real_poles

    def __str__(self) -> str:
        poles = f"poles at {', '.join(map(str, self.real_poles))}" if self.real_poles else "no real pole"
        lower, upper, at = map(_digits, (*self.interval, self.error_at))
        return (
            f"formula {self.unit.formula} against {self.target} on [{lower}, {upper}]: {poles}; largest error {self.error} near "
            f"x = {at}; values {self.range}; largest slope {self.slope}"
        )


@helpful
def audit(
    numerator: Iterable[Number],
    denominator: Iterable[Number],
    *,
    formula: str = "A",
    basis: str = "power",
    target: str | RationalFunction | ERA = "gelu",
    interval: Interval = (-3, 3),
    width: Number = Fraction(1, 10**9),
) -> Audit:
    """Poles, the largest error, the range and the largest slope of a Pade activation unit, each exactly or in a certified bracket.

    Parameters
    ----------
    numerator : (a_0, ..., a_m)
    denominator : (b_1, ..., b_n), for C (b_0, ..., b_n); see `PadeUnit`
    formula : "A", "B", "C", "D" or "N"
    basis : "power", or orthogonal polynomials as in `PadeUnit`
    target : "gelu", "gelu_tanh", "silu" ("swish"), "relu", "leaky_relu(0.01)", "tanh", "sigmoid", "softplus", "identity",
        a RationalFunction or an ERA
    interval : (lower, upper), bounded
    width : the largest width of a bracket

    Examples
    --------
    >>> found = audit([0, "1/2", "1/2"], [0, 1], formula="N", target="silu", interval=(-1, 1))
    >>> found.is_pole_free, str(found.range)
    (True, 'from -0.103553390593 +- 2.8e-13 to 1/2')
    """
    ends, limit = _bounded(interval), positive(width)
    unit = PadeUnit(numerator, denominator, formula=formula, basis=basis)
    error, at = maximum_error(unit, target, interval=ends, width=limit)
    return Audit(
        unit,
        str(target),
        ends,
        unit.real_poles(),
        unit.nearest_pole(interval=ends, width=limit),
        error,
        at,
        unit.range(ends, width=limit),
        unit.sup_derivative(ends, width=limit),
    )


def maximum_error(
    r: RationalFunction | ERA | PadeUnit,
    target: str | RationalFunction | ERA,
    *,
    interval: Interval = (-3, 3),
    width: Number = Fraction(1, 10**9),
) -> tuple[Enclosure, Fraction]:
    """max |r - target| on a bounded interval in a rational bracket of at most this width, and a point where it is at least the lower bound.

    Branch and bound: on a cell, |r - target| is bounded by Taylor's theorem at its middle, with balls, and by its values at the ends
    where the slope has one sign.

    Raises
    ------
    Incomplete
        After 50,000 cells; `partial` is the bracket so far.

    Examples
    --------
    >>> swish = ERA(("1/2", "3.54267"), [(0, "-51.74989", 0, "3.82326")])
    >>> error, at = maximum_error(swish, "swish")
    >>> print(error)
    0.00623649928669 +- 4.7e-15
    """
    unit = r.to_rational_function() if isinstance(r, ERA) else r
    if not isinstance(unit, (RationalFunction, PadeUnit)):
        raise ArgumentError(f"r: a RationalFunction, an ERA or a PadeUnit is needed, got {type(r).__name__}")
    (lower, upper), limit = _bounded(interval), positive(width)
    poles = unit.real_poles(interval=(lower, upper))
    reference, kinks = _targets.target(target)
    if isinstance(target, (RationalFunction, ERA)) and target.real_poles(interval=(lower, upper)):
        raise ArgumentError("target: a function without poles in the interval is needed")
    if poles:
        return Enclosure(math.inf, math.inf), poles[0].midpoint
    if isinstance(unit, PadeUnit) and len(unit.pieces) == 1:
        unit = unit.pieces[0].function
    if isinstance(unit, RationalFunction) and isinstance(target, (RationalFunction, ERA)):
        return _difference(unit - (target.to_rational_function() if isinstance(target, ERA) else target), (lower, upper), limit)
    return _Search(_segments(unit, lower, upper, kinks, limit / 2**64), reference, limit).run()


def _difference(r: RationalFunction, ends: tuple[Fraction, Fraction], limit: Fraction) -> tuple[Enclosure, Fraction]:
    """max |r| by critical points, without a search."""
    bits = bits_of(limit)
    while True:
        value, places = peak(*extremes(r, ends, min(limit, Fraction(1, 1 << bits))))
        at = min(max(Fraction(places[0].midpoint), ends[0]), ends[1])
        least = min(abs(r(at)), value.lower)
        if value.upper - least <= limit:
            return Enclosure(least, value.upper), at
        bits *= 2


@dataclass(frozen=True)
class _Segment:
    """On [lower, upper] the function is one of these at each point."""

    lower: Fraction
    upper: Fraction
    functions: tuple[Target, ...]


def _segments(
    unit: RationalFunction | PadeUnit, lower: Fraction, upper: Fraction, kinks: tuple[Fraction, ...], width: Fraction
) -> list[_Segment]:
    """The interval cut at breakpoints, around those that are not rational (by at most this width), and at kinks of the target."""
    pieces = [Piece(None, None, unit)] if isinstance(unit, RationalFunction) else list(unit._pieces(width))
    functions = [_targets.quotient(piece.function) for piece in pieces]
    whole: list[_Segment] = []
    for i, piece in enumerate(pieces):
        low, high = piece.lower, piece.upper
        whole.append(_Segment(lower if low is None else low.upper, upper if high is None else high.lower, (functions[i],)))
        if high is not None and not high.is_exact:
            whole.append(_Segment(high.lower, high.upper, (functions[i], functions[i + 1])))
    found: list[_Segment] = []
    for segment in whole:
        start, end = max(segment.lower, lower), min(segment.upper, upper)
        if start > end:
            continue
        places = sorted({start, end, *(k for k in kinks if start < k < end)})
        found.extend(_Segment(x, y, segment.functions) for x, y in pairwise(places if len(places) > 1 else places * 2))
    return found


class _Search:
    """Branch and bound for the largest |r - target|."""

    def __init__(self, segments: list[_Segment], reference: Target, width: Fraction) -> None:
        self._reference, self._width = reference, width
        self._best, self._at = Fraction(-1), segments[0].lower
        self._most: Bound = Fraction(0)  # at the points seen, and on the cells left out
        self._waiting: list[tuple[Bound, int, Fraction, Fraction, Fraction, tuple[Target, ...]]] = []
        self._count = 0
        for segment in segments:
            for end in (segment.lower, segment.upper):
                self._at_point(end, segment.functions, 0)
            self._add(segment.lower, segment.upper, segment.functions)

    def run(self) -> tuple[Enclosure, Fraction]:
        """The bracket, and the point of the lower bound."""
        while True:
            top = max(self._most, -self._waiting[0][0]) if self._waiting else self._most
            if top <= self._best + self._width:
                return Enclosure(self._best, top), self._at
            if self._count > _CELLS or not self._waiting:
                bracket = Enclosure(self._best, top)
                raise Incomplete(f"the largest error: after {self._count} cells it is known to be in {bracket}", bracket)
            _, _, lower, middle, upper, functions = heapq.heappop(self._waiting)
            self._add(lower, middle, functions)
            self._add(middle, upper, functions)

    def _at_point(self, x: Fraction, functions: tuple[Target, ...], order: int, bits: int = 64) -> tuple[list[list[arb]], int]:
        """Taylor coefficients of the errors, and the bits at which c_0 is sharp; with several functions the error is one of theirs."""
        limit = poly.ball(self._width / 16)
        while True:
            with ctx.workprec(bits):
                found = [self._error(f, x, x, order) for f in functions]
            if not all(c[0].is_finite() for c in found):  # pragma: no cover - a piece's pole, beyond its breakpoint
                self._most = math.inf
                return found, bits
            if all(c[0].rad() < limit for c in found):
                break
            bits *= 2
        ends = [poly.ends(c[0]) for c in found]
        self._most = max(self._most, *(max(-low, high) for low, high in ends))
        least = min(max(low, -high, Fraction(0)) for low, high in ends)
        if least > self._best:
            self._best, self._at = least, x
        return found, bits

    def _add(self, lower: Fraction, upper: Fraction, functions: tuple[Target, ...]) -> None:
        """Put a cell into the queue, unless nothing above the best error by more than half the width is in it."""
        self._count += 1
        middle = _short((lower + upper) / 2, upper - lower) if lower < upper else lower
        reach = max(middle - lower, upper - middle)
        size = reach.denominator.bit_length() - reach.numerator.bit_length() if reach else 0
        near, bits = self._at_point(middle, functions, _ORDER, 64 + bits_of(self._width) + 4 * abs(size))
        with ctx.workprec(bits):
            whole = [self._error(f, lower, upper, _ORDER) for f in functions]
        with ctx.workprec(64):
            top = max(_largest(*both, poly.ball(reach).upper()) for both in zip(near, whole, strict=True))
        if top > self._best + self._width / 2:
            heapq.heappush(self._waiting, (-top, self._count, lower, middle, upper, functions))
        else:
            self._most = max(self._most, top)

    def _error(self, function: Target, lower: Fraction, upper: Fraction, order: int) -> list[arb]:
        """Taylor coefficients of r - target."""
        return [c - d for c, d in zip(function(lower, upper, order), self._reference(lower, upper, order), strict=True)]


def _largest(near: list[arb], whole: list[arb], reach: arb) -> Bound:
    """An upper bound of |f| on a cell; -1 if it is largest at an end. Near: Taylor coefficients in the middle m, whole: on all of the cell.

    f(m + t) = near[0] + near[1] t + ... + near[n-1] t^(n-1) + whole[n] t^n for each n, and f' has no zero if near[1] outweighs the rest.
    """
    bounds, least, slope = [_upper(whole[0])], _upper(near[0]), near[1].abs_lower()
    values, slopes, power = arb(0), arb(0), arb(1)  # sums over k = 1, ..., n-1 of |near[k]| reach^k, and for k > 1 of its derivatives
    for n in range(1, len(near)):
        known, rest = near[n].abs_upper() * power, whole[n].abs_upper() * power
        if n > 1 and slopes + n * rest < slope:
            return Fraction(-1)
        bounds.append(least + _upper(values + rest * reach))
        values, slopes, power = values + known * reach, slopes + (n * known if n > 1 else 0), power * reach
    return min(bounds)


def _upper(x: arb) -> Bound:
    """An upper bound of |x|."""
    return max(map(abs, poly.ends(x))) if x.is_finite() else math.inf


def _short(x: Fraction, width: Fraction) -> Fraction:
    """A dyadic number nearby, so that bisection keeps numbers short."""
    unit = 1 << (bits_of(width) + 3)
    return Fraction(round(x * unit), unit)


def _bounded(interval: Interval) -> tuple[Fraction, Fraction]:
    lower, upper = span(interval)
    if lower is None or upper is None:
        raise DomainError(f"interval: a bounded one is needed, got {interval!r}")
    return lower, upper


def _digits(x: Fraction) -> str:
    """Six digits, for numbers of any size."""
    return f"{Context(prec=6, Emax=MAX_EMAX, Emin=MIN_EMIN).divide(Decimal(x.numerator), Decimal(x.denominator)):g}"
