"""Exact numbers as JSON holds them: integers, "p/q", arrays; the formats of networks and of certificates write them alike.

Long integers are written in hexadecimal, since readers, Python's among them, refuse decimals of more than 4,300 digits.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from exactnn.exact.array import RationalArray

#: From here on integers are too long for decimals.
LONG = 10**4000


def json_integer(value: int) -> int | str:
    """An integer as the formats write it.

    Examples
    --------
    >>> json_integer(12), json_integer(10**4000)[:2]
    (12, '0x')
    """
    return int(value) if -LONG < value < LONG else hex(value)


def json_number(value: Fraction) -> int | str:
    """A rational as the formats write it: an integer, or "p/q" (each in hexadecimal if it is long)."""
    return json_integer(value.numerator) if value.denominator == 1 else f"{json_integer(value.numerator)}/{json_integer(value.denominator)}"


def from_json_number(value: int | str) -> Fraction:
    """What `json_number` wrote.

    Examples
    --------
    >>> from_json_number(json_number(Fraction(-3, 7)))
    Fraction(-3, 7)
    """
    if isinstance(value, int):
        return Fraction(value)
    top, _, bottom = value.partition("/")
    return Fraction(int(top, 0), int(bottom, 0) if bottom else 1)


def json_tensor(array: RationalArray) -> dict[str, Any]:
    """An array as the formats' Tensor: integers over one denominator, row-major.

    Examples
    --------
    >>> json_tensor(RationalArray.of([["1/2", 3]]))
    {'shape': [1, 2], 'denominator': 2, 'numerators': [1, 6]}
    """
    numerators: list[Any] = array.numerators.ravel().tolist()
    if array.bound >= LONG:
        numerators = [json_integer(n) for n in numerators]
    return {"shape": list(array.shape), "denominator": json_integer(array.denominator), "numerators": numerators}
