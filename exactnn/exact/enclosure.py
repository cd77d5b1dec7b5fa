"""A real number that is known to lie between two rationals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from exactnn.exact.numbers import Number, as_fraction, rational_text
from exactnn.value import Value

#: A rational, or math.inf or -math.inf; no other float.
Bound = Fraction | float


@dataclass(frozen=True, repr=False)
class Enclosure(Value):
    """The statement lower <= t <= upper about a number t; lower == upper gives t itself. Infinite t: both ends are math.inf or -math.inf.

    Examples
    --------
    >>> e = Enclosure(Fraction(1, 3), Fraction(1, 2))
    >>> e.width, Fraction(2, 5) in e, e.is_exact
    (Fraction(1, 6), True, False)
    >>> lower, upper = e
    """

    lower: Bound
    upper: Bound

    @property
    def is_exact(self) -> bool:
        """Whether the number itself is known."""
        return self.lower == self.upper

    @property
    def is_finite(self) -> bool:
        """Whether the number is certainly finite."""
        return isinstance(self.lower, Fraction) and isinstance(self.upper, Fraction)

    @property
    def width(self) -> Bound:
        """upper - lower, 0 for an infinite number that is known."""
        if self.is_exact:
            return Fraction(0)
        return self.upper - self.lower if self.is_finite else math.inf

    @property
    def midpoint(self) -> Bound:
        """The middle."""
        if self.is_exact:
            return self.lower
        return (self.lower + self.upper) / 2 if self.is_finite else (self.lower if isinstance(self.lower, float) else self.upper)

    def __contains__(self, number: Number) -> bool:
        return bool(self.lower <= (number if number in (math.inf, -math.inf) else as_fraction(number, "number")) <= self.upper)

    def __iter__(self) -> Iterator[Bound]:
        return iter((self.lower, self.upper))

    def __float__(self) -> float:
        return float(self.midpoint)

    def __str__(self) -> str:
        return written(self.lower, self.upper)

    def _summary(self) -> str:
        return str(self)


def absolute(low: Enclosure, high: Enclosure) -> Enclosure:
    """max(-low, high): the largest absolute value of what ranges from low to high."""
    return Enclosure(max(-low.upper, high.lower, Fraction(0)), max(-low.lower, high.upper, Fraction(0)))


def written(lower: Bound, upper: Bound) -> str:
    """One short text for a bracket: the number itself, or a decimal with an error bound.

    Examples
    --------
    >>> written(Fraction(1, 3), Fraction(1, 3)), written(Fraction(1, 3), Fraction(1, 3) + Fraction(1, 2**20))
    ('1/3', '0.3333338 +- 4.9e-7')
    """
    if isinstance(lower, float) or isinstance(upper, float):
        return str(lower) if lower == upper else f"[{lower}, {upper}]"
    if lower == upper and max(abs(lower.numerator), lower.denominator) < 10**30:
        return rational_text(lower)
    middle, radius = (lower + upper) / 2, (upper - lower) / 2
    shown, exponent = _decimal(middle, 12 if not radius else max(_order(middle) - _order(radius) + 1, 1) if middle else 1)
    slack = radius + abs(middle - shown)
    number = _plain(shown, exponent)
    return number if not slack else f"{number} +- {_rounded_up(slack)}"


def _order(q: Fraction) -> int:
    """The k with 10^k <= |q| < 10^(k + 1)."""
    q = abs(q)
    k = math.floor((q.numerator.bit_length() - q.denominator.bit_length()) * 0.30103) - 1
    while Fraction(10) ** (k + 1) <= q:
        k += 1
    return k


def _decimal(q: Fraction, digits: int) -> tuple[Fraction, int]:
    """The nearest decimal with so many significant digits (at most 12), and the exponent of its last one."""
    if not q:
        return q, 0
    exponent = _order(q) - min(digits, 12) + 1
    unit = Fraction(10) ** exponent
    return round(q / unit) * unit, exponent


def _plain(q: Fraction, exponent: int) -> str:
    if not q:
        return "0"
    order = _order(q)
    digits = str(abs(int(q / Fraction(10) ** min(exponent, order)))).rstrip("0") or "0"
    sign = "-" if q < 0 else ""
    if 0 <= order < 15:
        digits = digits.ljust(order + 1, "0")
        return f"{sign}{digits[: order + 1]}" + (f".{digits[order + 1 :]}" if digits[order + 1 :] else "")
    if -5 <= order < 0:
        return f"{sign}0.{'0' * (-order - 1)}{digits}"
    return f"{sign}{digits[0]}" + (f".{digits[1:]}" if digits[1:] else "") + f"e{order}"


def _rounded_up(q: Fraction) -> str:
    order = _order(q)
    tenths = math.ceil(q / Fraction(10) ** (order - 1))
    if tenths == 100:
        tenths, order = 10, order + 1
    return f"{tenths // 10}.{tenths % 10}e{order}"
