"""What can be asked of a rational function: poles, critical points, range, slopes; the same for `RationalFunction` and `ERA`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from flint import ctx

from exactnn.exact import polynomials as poly
from exactnn.exact.enclosure import Bound, Enclosure
from exactnn.exact.numbers import Number
from exactnn.exact.roots import ComplexRoot, RealRoot, complex_roots, within
from exactnn.rational._extremes import WIDTH, Extreme, extremes, peak, positive
from exactnn.rational.intervals import Ends, Interval, span
from exactnn.value import Value

if TYPE_CHECKING:
    from exactnn.rational.function import RationalFunction


@dataclass(frozen=True, repr=False)
class NearestPole(Value):
    """A pole whose distance from an interval, or from the real line, is the least one, up to the brackets' widths."""

    distance: Enclosure
    pole: ComplexRoot


@dataclass(frozen=True, repr=False)
class Range(Value):
    """The closure of the set of values has this least and this largest element; infinite ones are -math.inf and math.inf."""

    lower: Enclosure
    upper: Enclosure

    def __iter__(self) -> Iterator[Enclosure]:
        return iter((self.lower, self.upper))

    def __str__(self) -> str:
        return f"from {self.lower} to {self.upper}"


@dataclass(frozen=True, repr=False)
class Report(Value):
    """How large |r| and |r'| get on an interval, and where; and how near the nearest pole is.

    `value_at` and `slope_at` enclose the places; several if they attain it as far as was computed. Infinite places are limits.
    """

    value: Enclosure
    value_at: tuple[Enclosure, ...]
    slope: Enclosure
    slope_at: tuple[Enclosure, ...]
    nearest_pole: NearestPole | None

    def __str__(self) -> str:
        def where(places: tuple[Enclosure, ...]) -> str:
            return " and ".join(f"x = {p}" for p in places)

        near = self.nearest_pole
        pole = "no pole" if near is None else f"nearest pole {near.pole}, at distance {near.distance} from the interval"
        largest = f"largest |r|: {self.value} at {where(self.value_at)}; largest |r'|: {self.slope} at {where(self.slope_at)}"
        return f"{largest}; {pole}"


class Bounds(Value):
    """Questions about the largest and smallest values, and slopes."""

    @abstractmethod
    def _extremes(self, order: int, ends: Ends, width: Fraction) -> tuple[Extreme, Extreme]:
        """Infimum and supremum of the derivative of this order on the interval."""

    @abstractmethod
    def nearest_pole(self, interval: Interval = None, *, width: Number = WIDTH) -> NearestPole | None:
        """A pole nearest to the interval, with a bracket of the distance; None if there is none."""

    def range(self, interval: Interval = None, *, width: Number = WIDTH) -> Range:
        """Infimum and supremum of r on the interval (without its poles), in rational brackets of at most this width.

        Examples
        --------
        >>> from exactnn.rational import RationalFunction
        >>> r = RationalFunction([0, 1], [1, 0, 1])                                      # x/(x^2 + 1)
        >>> print(r.range())
        from -1/2 to 1/2
        >>> print(r.range((2, None)))
        from 0 to 2/5
        """
        low, high = self._extremes(0, span(interval), positive(width))
        return Range(low.value, high.value)

    def sup_derivative(self, interval: Interval = None, *, width: Number = WIDTH) -> Enclosure:
        """sup |r'| on the interval: the least Lipschitz constant; infinite where a pole or growth makes it so.

        Examples
        --------
        >>> from exactnn.rational import RationalFunction
        >>> print(RationalFunction([0, 1], [1, 0, 1]).sup_derivative())
        1
        """
        return peak(*self._extremes(1, span(interval), positive(width)))[0]

    def report(self, interval: Interval = None, *, width: Number = Fraction(1, 2**40)) -> Report:
        """The largest value and slope with their places, and the nearest pole. Pole-free is not spike-free.

        Examples
        --------
        >>> from exactnn.rational import RationalFunction
        >>> spike = RationalFunction([1], ["1.000001", -2, 1]).report()                    # 1/((x - 1)^2 + 10^-6)
        >>> print(spike.value, "at", spike.value_at[0])
        1000000 at 1
        >>> print(spike.slope, "at", *spike.slope_at, sep="; ")
        649519052.838 +- 3.3e-4; at; 0.999422649731 +- 1.9e-13; 1.00057735027 +- 8.2e-13
        >>> float(spike.nearest_pole.distance)
        0.001
        """
        ends, limit = span(interval), positive(width)
        found = [peak(*self._extremes(order, ends, limit)) for order in (0, 1)]
        return Report(*found[0], *found[1], self.nearest_pole(interval=interval, width=limit))


class Analysis(Bounds):
    """Questions about poles and bounds."""

    @abstractmethod
    def _function(self) -> RationalFunction:
        """The function as a quotient of polynomials."""

    def _extremes(self, order: int, ends: Ends, width: Fraction) -> tuple[Extreme, Extreme]:
        return extremes(self._function().derivative(order), ends, width)

    def real_poles(self, interval: Interval = None, *, width: Number | None = None) -> tuple[RealRoot, ...]:
        """The distinct real poles in increasing order, what cancels having been cancelled: isolating intervals, rational poles as points.

        Parameters
        ----------
        interval : (lower, upper), closed, ends of None for no bound; None for the real line
        width : the largest width of an isolating interval; None for about 64 bits of relative accuracy

        Examples
        --------
        >>> from exactnn.rational import RationalFunction
        >>> [(str(t), t.multiplicity) for t in RationalFunction([1], [0, 0, -2, 0, 1]).real_poles()]        # 1/(x^2 (x^2 - 2))
        [('-1.41421356237 +- 3.1e-12', 1), ('0', 2), ('1.41421356237 +- 3.1e-12', 1)]
        """
        return tuple(within(self._function()._bottom, *span(interval), None if width is None else positive(width)))

    def poles(self, *, width: Number | None = None) -> tuple[ComplexRoot, ...]:
        """All distinct complex poles, each in a disc with rational centre and radius that holds no other: real ones first, then pairs.

        Parameters
        ----------
        width : the largest diameter of a disc; None for about 64 bits

        Examples
        --------
        >>> from exactnn.rational import RationalFunction
        >>> [complex(z) for z in RationalFunction([1], [4, 0, 1]).poles()]
        [2j, -2j]
        """
        return tuple(complex_roots(self._function()._bottom, None if width is None else positive(width)))

    def nearest_pole(self, interval: Interval = None, *, width: Number = WIDTH) -> NearestPole | None:
        """A pole nearest to the interval (the real line), with a bracket of the distance; None if there is no pole at all.

        Examples
        --------
        >>> from exactnn.rational import RationalFunction
        >>> near = RationalFunction([1], ["1.0001", -2, 1]).nearest_pole()                # (x - 1)^2 + 10^-4
        >>> float(near.distance), Fraction(1, 100) in near.distance
        (0.01, True)
        """
        bottom, ends, limit = self._function()._bottom, span(interval), positive(width)
        if bottom.degree() < 1:
            return None
        bits = Fraction(1, 4) * limit
        while True:
            poles = complex_roots(bottom, bits)
            real = within(bottom, *ends, bits)
            inside = [t.enclosure for t in real]
            measured = [(_distance(z, ends, limit), z) for z in poles]
            if inside:
                zero = Enclosure(Fraction(0), Fraction(0))
                at = next(
                    z for z in poles if z.is_real and any(z.real - z.radius <= t.upper and t.lower <= z.real + z.radius for t in inside)
                )
                return NearestPole(zero, at)
            lower, upper = min(d.lower for d, _ in measured), min(d.upper for d, _ in measured)
            if upper - lower <= limit:
                return NearestPole(Enclosure(lower, upper), min(measured, key=lambda m: m[0].upper)[1])
            bits /= 2**16

    def critical_points(self, interval: Interval = None, *, width: Number | None = None) -> tuple[RealRoot, ...]:
        """The real zeros of r', in isolating intervals; none for a constant."""
        slope = self._function().derivative()
        if not slope:
            return ()
        return tuple(within(slope._top, *span(interval), None if width is None else positive(width)))

    def sup_second_derivative(self, interval: Interval = None, *, width: Number = WIDTH) -> Enclosure:
        """sup |r''| on the interval."""
        return peak(*self._extremes(2, span(interval), positive(width)))[0]


def _distance(z: ComplexRoot, ends: Ends, width: Fraction) -> Enclosure:
    """The distance of a pole from the interval, rounded by less than the width; that of a real pole is taken to be outside."""
    lower, upper = ends
    aside = Fraction(0) if lower is None else max(lower - z.real, Fraction(0))
    aside += Fraction(0) if upper is None else max(z.real - upper, Fraction(0))
    if not aside or not z.imag:
        size: Bound = aside + abs(z.imag)
        return Enclosure(max(size - z.radius, Fraction(0)), size + z.radius)
    numbers = (aside, z.imag, z.radius, width)
    with ctx.workprec(64 + 2 * sum(n.bit_length() for q in numbers for n in (q.numerator, q.denominator))):
        low, high = poly.ends((poly.ball(aside) ** 2 + poly.ball(z.imag) ** 2).sqrt())
    return Enclosure(max(low - z.radius, Fraction(0)), high + z.radius)
