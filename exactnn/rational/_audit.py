"""Does a published table of coefficients approximate its target under the formula it is used with? Answers with certified bounds."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from flint import arb, ctx

from exactnn.errors import ArgumentError, DomainError, Incomplete
from exactnn.exact.numbers import Number
from exactnn.rational import _polynomials as poly
from exactnn.rational._analysis import NearestPole, Range
from exactnn.rational._extremes import Interval, extremes, peak, positive, span
from exactnn.rational._targets import Target, quotient, target
from exactnn.rational.enclosure import Bound, Enclosure
from exactnn.rational.era import ERA
from exactnn.rational.function import RationalFunction
from exactnn.rational.pade import PadeUnit, Piece
from exactnn.rational.roots import RealRoot

#: cells after which the search for the largest error stops with what it has
_CELLS = 50_000


@dataclass(frozen=True)
class Audit:
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
        lower, upper = (float(end) for end in self.interval)
        return (
            f"formula {self.unit.formula} against {self.target} on [{lower:g}, {upper:g}]: {poles}; largest error {self.error} near "
            f"x = {float(self.error_at):.6g}; values {self.range}; largest slope {self.slope}"
        )


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

    Branch and bound: on a cell, |r - target| is bounded by balls of its values, by the mean value theorem with balls of its slopes, and
    by its ends where the slope has one sign.

    Raises
    ------
    Incomplete
        After 50,000 cells; `partial` is the bracket so far.

    Examples
    --------
    >>> swish = ERA(("1/2", "3.54267"), [(0, "-51.74989", 0, "3.82326")])
    >>> error, at = maximum_error(swish, "swish")
    >>> print(error)
    0.0062364995 +- 2.9e-10
    """
    unit = r.to_rational_function() if isinstance(r, ERA) else r
    if not isinstance(unit, (RationalFunction, PadeUnit)):
        raise ArgumentError(f"r: a RationalFunction, an ERA or a PadeUnit is needed, got {type(r).__name__}")
    (lower, upper), limit = _bounded(interval), positive(width)
    poles = unit.real_poles(interval=(lower, upper))
    reference, kinks = _targets(target)
    if isinstance(target, (RationalFunction, ERA)) and target.real_poles(interval=(lower, upper)):
        raise ArgumentError("target: a function without poles in the interval is needed")
    if poles:
        return Enclosure(math.inf, math.inf), poles[0].midpoint
    if isinstance(unit, PadeUnit) and len(unit.pieces) == 1:
        unit = unit.pieces[0].function
    if isinstance(unit, RationalFunction) and isinstance(target, (RationalFunction, ERA)):
        return _difference(unit - (target.to_rational_function() if isinstance(target, ERA) else target), (lower, upper), limit)
    return _Search(_segments(unit, lower, upper, kinks), reference, limit, 106 + 2 * min(_size(unit), 2**12)).run()


def _targets(description: str | RationalFunction | ERA) -> tuple[Target, tuple[Fraction, ...]]:
    return target(description)


def _difference(r: RationalFunction, ends: tuple[Fraction, Fraction], limit: Fraction) -> tuple[Enclosure, Fraction]:
    """max |r| by critical points, without a search."""
    width = limit
    while True:
        value, places = peak(*extremes(r, ends, width))
        at = min(max(Fraction(places[0].midpoint), ends[0]), ends[1])
        least = min(abs(r(at)), value.lower)
        if value.upper - least <= limit:
            return Enclosure(least, value.upper), at
        width /= 2**32


@dataclass(frozen=True)
class _Segment:
    """On [lower, upper] the function is one of these at each point."""

    lower: Fraction
    upper: Fraction
    functions: tuple[Target, ...]


def _segments(unit: RationalFunction | PadeUnit, lower: Fraction, upper: Fraction, kinks: tuple[Fraction, ...]) -> list[_Segment]:
    """The interval cut at breakpoints, around those that are not rational, and at kinks of the target."""
    pieces = [Piece(None, None, unit)] if isinstance(unit, RationalFunction) else list(unit.pieces)
    functions = [quotient(piece.function) for piece in pieces]
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


def _size(unit: RationalFunction | PadeUnit) -> int:
    """Bits of the coefficients."""
    functions = [unit] if isinstance(unit, RationalFunction) else [piece.function for piece in unit.pieces]
    coefficients = [c for f in functions for c in (*f.numerator, *f.denominator)]
    return max(max(c.numerator.bit_length(), c.denominator.bit_length()) for c in coefficients)


class _Search:
    """Branch and bound for the largest |r - target|."""

    def __init__(self, segments: list[_Segment], reference: Target, width: Fraction, bits: int) -> None:
        self._reference, self._width, self._bits = reference, width, bits
        self._best, self._at = Fraction(-1), segments[0].lower
        self._waiting: list[tuple[Bound, int, Fraction, Fraction, tuple[Target, ...]]] = []
        self._count = 0
        for segment in segments:
            for end in (segment.lower, segment.upper):
                self._try(end, segment.functions)
            self._add(segment.lower, segment.upper, segment.functions)

    def run(self) -> tuple[Enclosure, Fraction]:
        """The bracket, and the point of the lower bound."""
        while self._waiting:
            bound, _, lower, upper, functions = heapq.heappop(self._waiting)
            top = -bound
            if top <= self._best + self._width:
                return Enclosure(self._best, max(top, self._best + self._width / 2)), self._at  # cells were left out up to there
            if self._count > _CELLS:
                bracket = Enclosure(self._best, top)
                raise Incomplete(f"the largest error: after {_CELLS} cells it is known to be in {bracket}", bracket)
            middle = _short((lower + upper) / 2, upper - lower)
            self._try(middle, functions)
            self._add(lower, middle, functions)
            self._add(middle, upper, functions)
        return Enclosure(self._best, self._best + self._width / 2), self._at

    def _try(self, x: Fraction, functions: tuple[Target, ...]) -> None:
        """The error at a point; with several functions, the least of theirs."""
        with ctx.workprec(self._bits + 4 * _bits(self._width)):
            sizes = [abs(self._error(f, x, x)[0]) for f in functions]
        if all(size.is_finite() for size in sizes):
            found = min(max(poly.ends(size)[0], Fraction(0)) for size in sizes)
            if found > self._best:
                self._best, self._at = found, x

    def _add(self, lower: Fraction, upper: Fraction, functions: tuple[Target, ...]) -> None:
        """Put a cell into the queue, unless nothing above the best error by more than half the width is in it."""
        self._count += 1
        with ctx.workprec(self._bits + 4 * _bits(min(upper - lower, self._width) if upper > lower else self._width)):
            top = max(self._bound(f, lower, upper) for f in functions)
        if top > self._best + self._width / 2:
            heapq.heappush(self._waiting, (-top, self._count, lower, upper, functions))

    def _bound(self, function: Target, lower: Fraction, upper: Fraction) -> Bound:
        """An upper bound of the error on a cell."""
        value, slope = self._error(function, lower, upper)
        bounds = [_upper(value)]
        if slope.is_finite():
            middle = (lower + upper) / 2
            if slope > 0 or slope < 0:
                bounds.append(max(_upper(self._error(function, x, x)[0]) for x in (lower, upper)))
            else:
                bounds.append(_upper(self._error(function, middle, middle)[0]) + _upper(slope) * (upper - lower) / 2)
        return min(bounds)

    def _error(self, function: Target, lower: Fraction, upper: Fraction) -> tuple[arb, arb]:
        (value, slope), (wanted, rise) = function(lower, upper), self._reference(lower, upper)
        return value - wanted, slope - rise


def _upper(x: arb) -> Bound:
    """An upper bound of |x|."""
    return max(map(abs, poly.ends(x))) if x.is_finite() else math.inf


def _bits(width: Fraction) -> int:
    return max(width.denominator.bit_length() - width.numerator.bit_length(), 1)


def _short(x: Fraction, width: Fraction) -> Fraction:
    """A dyadic number nearby, so that bisection keeps numbers short."""
    unit = 1 << (_bits(width) + 3)
    return Fraction(round(x * unit), unit)


def _bounded(interval: Interval) -> tuple[Fraction, Fraction]:
    lower, upper = span(interval)
    if lower is None or upper is None:
        raise DomainError(f"interval: a bounded one is needed, got {interval!r}")
    return lower, upper
