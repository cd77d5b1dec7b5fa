"""The tropical semiring: the numbers with -infinity, whose sum is the maximum and whose product is the sum.

    a (+) b = max(a, b),   a (.) b = a + b,   a^n = n a;   zero = -infinity,   one = 0

With convention "min" the sum is the minimum and zero is +infinity. x -> -x is an isomorphism of the two, and how they are converted.
"""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Number as AnyNumber
from typing import Any, Literal, cast

from flint import fmpq, fmpz

from exactnn.errors import ArgumentError, NotFiniteError
from exactnn.exact.numbers import Number, as_fraction, shown
from exactnn.texts import exactly, number
from exactnn.value import Value

Convention = Literal["max", "min"]


def checked(convention: str) -> Convention:
    """The convention, if it is one."""
    if convention in ("max", "min"):
        return cast(Convention, convention)
    raise ArgumentError(f'convention: "max" or "min" is needed, got {shown(convention)}')


def one_convention(first: str, second: str) -> None:
    """ArgumentError if two operands follow different conventions."""
    if first != second:
        raise ArgumentError(
            f"convention: both operands must follow one convention, got {first} and {second}; "
            f'convert one of them first, by .converted("{first}")'
        )


class Tropical(Value):
    """A number of the max-plus (or min-plus) semiring; operators are the tropical ones, and plain numbers may stand on either side.

    Parameters
    ----------
    value : a number; None or -infinity for the zero of max-plus, None or infinity for that of min-plus
    convention : "max" or "min"

    Attributes
    ----------
    value : the number as a Fraction; None for zero
    convention : "max" or "min"

    Raises
    ------
    NotFiniteError
        For NaN, and for the infinity that is not zero.
    ArgumentError
        For operands of two conventions.

    Examples
    --------
    >>> a, b = Tropical(2), Tropical("1/3")
    >>> a + b, a * b, a ** 3, a + Tropical.zero()
    (Tropical(2), Tropical(7/3), Tropical(6), Tropical(2))
    >>> a.converted("min")
    Tropical(-2, convention="min")
    """

    __slots__ = ("convention", "value")
    __array_ufunc__ = None  # numpy's numbers leave the operators to this class

    value: Fraction | None
    convention: Convention

    def __init__(self, value: Number | None, convention: str = "max") -> None:
        if isinstance(value, Tropical):
            one_convention(checked(convention), value.convention)
            value = value.value
        object.__setattr__(self, "convention", checked(convention))
        object.__setattr__(self, "value", finite_or_zero(value, self.convention, "value"))

    @classmethod
    def zero(cls, convention: str = "max") -> Tropical:
        """The neutral element of the sum: -infinity, or +infinity for "min"."""
        return cls(None, convention)

    @classmethod
    def one(cls, convention: str = "max") -> Tropical:
        """The neutral element of the product: 0."""
        return cls(0, convention)

    def is_zero(self) -> bool:
        """Whether this is the semiring's zero, an infinity."""
        return self.value is None

    def converted(self, convention: str) -> Tropical:
        """The image in the semiring of the other convention, x -> -x; the number itself for its own convention."""
        if checked(convention) == self.convention:
            return self
        return Tropical(None if self.value is None else -self.value, convention)

    # --- the semiring ------------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tropical:
        b = self._other(other)
        if b is None:
            return NotImplemented
        if b.value is None:
            return self
        if self.value is None:
            return b
        better = max if self.convention == "max" else min
        return Tropical(better(self.value, b.value), self.convention)

    def __mul__(self, other: Any) -> Tropical:
        b = self._other(other)
        if b is None:
            return NotImplemented
        return Tropical(None if self.value is None or b.value is None else self.value + b.value, self.convention)

    def __truediv__(self, other: Any) -> Tropical:
        b = self._other(other)
        return NotImplemented if b is None else self * b**-1

    def __rtruediv__(self, other: Any) -> Tropical:
        b = self._other(other)
        return NotImplemented if b is None else b / self

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: Number) -> Tropical:
        """The n-fold product n x, for any rational n; zero to a positive power is zero, to the power 0 one."""
        n = as_fraction(exponent, "exponent")
        if self.value is not None:
            return Tropical(n * self.value, self.convention)
        if n < 0:
            raise ArgumentError(f"exponent: zero ({self!r}) has no inverse, so that 0 or a positive exponent is needed, got {n}")
        return self if n else Tropical.one(self.convention)

    def _other(self, other: Any) -> Tropical | None:
        return Tropical(other, self.convention) if is_scalar(other) else None

    # --- the value ---------------------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tropical):
            return NotImplemented
        return self.value == other.value and self.convention == other.convention

    def __hash__(self) -> int:
        return hash((self.value, self.convention))

    def _key(self) -> tuple[int, Fraction]:
        """Its place in the order of the extended numbers."""
        if self.value is None:
            return (-1 if self.convention == "max" else 1), Fraction(0)
        return 0, self.value

    def __lt__(self, other: Any) -> bool:
        """The usual order of numbers, -infinity first, in both conventions."""
        b = self._other(other)
        return NotImplemented if b is None else self._key() < b._key()

    def __le__(self, other: Any) -> bool:
        b = self._other(other)
        return NotImplemented if b is None else self._key() <= b._key()

    def __gt__(self, other: Any) -> bool:
        b = self._other(other)
        return NotImplemented if b is None else self._key() > b._key()

    def __ge__(self, other: Any) -> bool:
        b = self._other(other)
        return NotImplemented if b is None else self._key() >= b._key()

    def __float__(self) -> float:
        if self.value is None:
            return -math.inf if self.convention == "max" else math.inf
        return float(self.value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Tropical is a value and cannot be changed; make a new one")

    def __reduce__(self) -> tuple[Any, ...]:
        return Tropical, (self.value, self.convention)

    def __str__(self) -> str:
        if self.value is None:
            return "-inf" if self.convention == "max" else "inf"
        return exactly(self.value, 60) or number(self.value)

    def _parts(self) -> dict[str, Any]:
        return {"value": self.value, "convention": self.convention}

    def _summary(self) -> str:
        return str(self) if self.convention == "max" else f'{self}, convention="min"'


def is_scalar(value: object) -> bool:
    """Whether an operand is one number (or a text, which may name one), not a polynomial, a matrix or an array."""
    return isinstance(value, (Tropical, AnyNumber, str, fmpq, fmpz))


def finite_or_zero(value: Number | None, convention: Convention, argument: str) -> Fraction | None:
    """The number, or None for the zero of this convention."""
    if value is None or (isinstance(value, str) and value.strip().lower() == ("-inf" if convention == "max" else "inf")):
        return None
    if isinstance(value, float) and math.isinf(value):
        if (value < 0) == (convention == "max"):
            return None
        raise NotFiniteError(f"{argument}: {value} is no element of the {convention}-plus semiring, whose zero is {-value}")
    return as_fraction(value, argument)
