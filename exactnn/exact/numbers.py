"""One number at a time: what the user gives becomes a rational without rounding, and back.

Floats come in here (and, in bulk, in `array`) as the dyadic rationals they are.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq, fmpz

from exactnn.errors import ArgumentError, NotFiniteError
from exactnn.texts import rounded

#: Whatever is accepted as a number; see `rational`.
Number = Any

_TEXT = re.compile(r"\s*[+-]?(\d+/\d+|(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?)\s*", re.ASCII)


def rational(value: Number, argument: str = "value") -> fmpq:
    """The rational number that `value` is, without rounding.

    Parameters
    ----------
    value : int, Fraction, Decimal, "3/7" or "0.1" (the exact decimal), float or numpy or torch scalar (the dyadic rational it is)
    argument : how an error message names it

    Returns
    -------
    flint.fmpq

    Raises
    ------
    NotFiniteError
        For NaN and infinity.
    ArgumentError
        For anything that is no number (booleans and complex numbers included).

    Examples
    --------
    >>> rational("0.1"), rational(0.1) == rational("0.1")
    (1/10, False)
    """
    q = as_fraction(value, argument)
    return fmpq(q.numerator, q.denominator)


def fraction(value: fmpq | fmpz | int) -> Fraction:
    """The same number as a `fractions.Fraction`, the form it has at the public border."""
    q = fmpq(value)
    return Fraction(int(q.p), int(q.q))


def rational_text(value: Fraction) -> str:
    """ "p/q", or "p" for an integer; of any size, which `str` refuses above 4,300 digits."""
    numerator, denominator = fmpz(value.numerator), fmpz(value.denominator)
    return str(numerator) if denominator == 1 else f"{numerator}/{denominator}"


def sum_text(terms: Iterable[tuple[Fraction, str]]) -> str:
    """The sum of multiples of what the names stand for, of 1 where a name is empty; terms of 0 are left out.

    Examples
    --------
    >>> sum_text([(Fraction(-1), "x"), (Fraction(0), "y"), (Fraction(3, 2), "")])
    '-x + 3/2'
    """
    text = ""
    for coefficient, name in terms:
        if coefficient:
            size = rational_text(abs(coefficient))
            part = size if not name else name if abs(coefficient) == 1 else f"{size} {name}"
            text += (" - " if text else "-") + part if coefficient < 0 else (" + " if text else "") + part
    return text or "0"


def primitive(row: Sequence[int]) -> tuple[int, ...]:
    """The integers divided by their greatest common divisor: the shortest positive multiple.

    Examples
    --------
    >>> primitive((-4, 6)), primitive((0, 0))
    ((-2, 3), (0, 0))
    """
    divisor = math.gcd(*row)
    return tuple(row) if divisor <= 1 else tuple([v // divisor for v in row])


def upright(row: tuple[int, ...]) -> tuple[int, ...]:
    """The row or minus the row, whichever has a positive first entry other than 0: opposite rows name one hyperplane."""
    first = row[0] or next((v for v in row if v), 1)
    return row if first > 0 else tuple([-v for v in row])


def simplest_between(low: fmpq | None, high: fmpq | None) -> fmpq:
    """0 if it is in the open interval (None: no bound), or 1 or -1, else the m 2^k in it with the greatest k, then least |m|.

    Examples
    --------
    >>> from flint import fmpq
    >>> simplest_between(fmpq(1, 3), fmpq(1, 2)), simplest_between(fmpq(5), None), simplest_between(None, fmpq(-1, 9))
    (3/8, 8, -1)
    """
    if (low is None or low < 0) and (high is None or high > 0):
        return fmpq(0)
    if high is not None and high <= 0:
        return -simplest_between(-high, None if low is None else -low)
    assert low is not None
    if (high is None or high > 1) and low < 1:
        return fmpq(1)
    top = high if high is not None else 2 * low + 1
    width = top - low
    k = int(width.p).bit_length() - int(width.q).bit_length() - 2  # 2^k <= width / 2: a multiple lies inside
    best = fmpq((low / power_of_two(k)).floor() + 1) * power_of_two(k)
    while True:
        k += 1
        value = fmpq((low / power_of_two(k)).floor() + 1) * power_of_two(k)
        if value >= top:
            return best
        best = value


def power_of_two(exponent: int) -> fmpq:
    """2^exponent."""
    return fmpq(1 << exponent) if exponent >= 0 else fmpq(1, 1 << -exponent)


def short(value: object, width: int = 60) -> str:
    """A number, or the text of something else, in at most `width` characters."""
    text = rational_text(value) if isinstance(value, Fraction) else str(value)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def approximately(value: Fraction) -> str:
    """A rational for a sentence: as it is in up to 24 characters, else six digits.

    Examples
    --------
    >>> approximately(Fraction(1, 3)), approximately(Fraction(10**40, 3**100))
    ('1/3', 'about 1.94033e-8')
    """
    if max(value.numerator.bit_length(), value.denominator.bit_length()) < 80:
        text = rational_text(value)
        if len(text) <= 24:
            return text
    text, same = rounded(value)
    return text if same else f"about {text}"


def shown(value: object) -> str:
    """A value in a message: at most 60 characters, and no integer too long for `str`."""
    if isinstance(value, int) and abs(value) >= 10**50:
        return f"an integer of about {len(hex(value)) * 6 // 5} digits"
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__} of {len(value)} entries"
    try:
        text = repr(value)
    except ValueError:  # it holds integers of more than 4,300 digits
        return f"a {type(value).__name__} with very long numbers"
    return text if len(text) <= 60 else text[:57] + "..."


def as_fraction(value: Number, argument: str = "value") -> Fraction:
    """As `rational`, with a `fractions.Fraction` as the answer."""
    if isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{argument}: a number is needed, got the boolean {value}; write 0 or 1")
    if isinstance(value, (int, Fraction)):
        return Fraction(value)
    if isinstance(value, (float, np.floating)):
        if not (math.isfinite(value) if isinstance(value, float) else np.isfinite(value)):  # a longdouble may be beyond every float
            raise NotFiniteError(f"{argument}: a finite number is needed, got {value}; it is no rational")
        return Fraction(*value.as_integer_ratio())
    if isinstance(value, (np.integer, numbers.Integral)):
        return Fraction(int(value))
    if isinstance(value, (fmpq, fmpz)):
        return fraction(value)
    if isinstance(value, numbers.Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, str):
        return _parse(value, argument)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise NotFiniteError(f"{argument}: a finite number is needed, got {value}; it is no rational")
        return _parse(str(value), argument)
    if np.ma.is_masked(value):
        raise ArgumentError(f"{argument}: a number is needed, got a masked one; fill masked arrays first, by .filled(0)")
    if hasattr(value, "item") and (not hasattr(value, "__len__") or getattr(value, "shape", None) == ()):  # a scalar of torch or numpy
        try:
            item = value.item()
        except (TypeError, RuntimeError, ValueError):  # a tensor on the device "meta", say
            raise ArgumentError(f"{argument}: a number is needed, got a {type(value).__name__} that holds none") from None
        return as_fraction(item, argument)
    raise ArgumentError(
        f"{argument}: a number is needed (int, Fraction, Decimal, text like '3/7' or '0.1', float, numpy or torch scalar), "
        f"got {type(value).__name__} {str(value)[:60]!r}"
    )


def _parse(text: str, argument: str) -> Fraction:
    lowered = text.strip().lower().lstrip("+-")
    if lowered in ("nan", "inf", "infinity"):
        raise NotFiniteError(f"{argument}: a finite number is needed, got {text!r}; it is no rational")
    if not _TEXT.fullmatch(text):
        raise ArgumentError(f"{argument}: a number like '3/7', '0.1' or '2.5e-3' is needed, got {text[:60]!r}")
    body = text.strip()
    if "/" in body:
        top, bottom = body.split("/")
        if fmpz(bottom) == 0:
            raise ArgumentError(f"{argument}: the denominator of {text[:60]!r} is zero")
        return Fraction(int(fmpz(top.lstrip("+"))), int(fmpz(bottom)))
    mantissa, _, exponent = body.lower().partition("e")
    whole, _, decimals = mantissa.partition(".")
    digits = (whole + decimals).lstrip("+")
    shift = int(exponent or 0) - len(decimals)
    number = int(fmpz(digits))
    return Fraction(number * 10**shift) if shift >= 0 else Fraction(number, 10**-shift)
