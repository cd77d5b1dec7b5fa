"""Reading numbers, tensors and lists strictly: whatever is not exactly what the format asks for is Rejected.

A JSON document holds only None, bool, int, str, list and dict here (floats, NaN and repeated keys are refused
when it is read, `_files`). ``True`` is an ``int`` for Python but not for the format, hence ``type(x) is int`` throughout.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from math import prod
from operator import countOf
from typing import Any, NamedTuple

from . import _budget
from ._budget import BudgetExceeded as BudgetExceeded
from ._budget import Ended, words
from ._budget import afford as afford

AXES = 64  # of one value
COUNT = 2**64  # sizes and strides are smaller, so that products of them can be written in messages
_HEXADECIMAL = re.compile(r"-?0x[0-9a-fA-F]+\Z")
_DECIMAL = re.compile(r"-?[0-9]+\Z")


class Rejected(Ended):
    """The certificate does not prove its claim; ``step`` names the place, ``reason`` says what is wrong there."""


class Unreadable(Rejected):
    """A file that the certificate, or the caller, names cannot be read; nothing was found wrong with the certificate."""


def need(truth: bool, step: str, reason: str) -> None:
    """Rejected unless ``truth``."""
    if not truth:
        raise Rejected(step, reason)


class Tensor(NamedTuple):
    """numerators / denominator in row-major order; the denominator is positive."""

    shape: tuple[int, ...]
    numerators: list[int]
    denominator: int

    def fractions(self) -> list[Fraction]:
        """The entries one by one, each with its own denominator."""
        _budget.hold(len(self.numerators) * (words(self.denominator.bit_length()) - 1), "fractions")
        return [Fraction(n, self.denominator) for n in self.numerators]


def show(value: object) -> str:
    """A short text for messages; never fails, however large or odd the value."""
    if type(value) is str:
        return ascii(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, Fraction):
        return show(value.numerator) if value.denominator == 1 else f"{show(value.numerator)}/{show(value.denominator)}"
    if type(value) is int and value.bit_length() > 200:
        return f"(an integer of {value.bit_length()} bits)"
    return str(value) if value is None or type(value) in (bool, int) else f"(a {type(value).__name__})"


def integer(value: Any, step: str) -> int:
    """A JSON integer, or a hexadecimal string for the very long ones."""
    if type(value) is int:
        return value
    if type(value) is str and _HEXADECIMAL.match(value):
        return int(value, 16)
    raise Rejected(step, f"expected an integer, found {show(value)}")


def rational(value: Any, step: str) -> Fraction:
    """An integer or "p/q", q > 0, p and q decimal (of at most 4,300 digits) or hexadecimal."""
    if type(value) is not str or value.count("/") != 1:
        return Fraction(value if type(value) is int else integer(value, step))
    try:
        p, q = (int(t) if _DECIMAL.match(t) else integer(t, step) for t in value.split("/"))
    except ValueError:
        raise Rejected(step, "a decimal integer with too many digits (write it in hexadecimal)") from None
    need(q > 0, step, "a fraction needs a positive denominator")
    _budget.charge(words(p.bit_length()) * words(q.bit_length()), step)
    return Fraction(p, q)


def count(value: Any, step: str, least: int = 0) -> int:
    """An integer >= ``least`` (sizes, strides, positions)."""
    if type(value) is not int or value < least:
        raise Rejected(step, f"expected an integer >= {least}, found {show(value)}")
    afford(value < COUNT, step, "a size or stride of 2^64 or more: too large for this checker")
    return value


def index(value: Any, below: int, step: str) -> int:
    """An integer i with 0 <= i < below."""
    if type(value) is not int or not 0 <= value < below:
        raise Rejected(step, f"expected an index from 0 to {below - 1}, found {show(value)}")
    return value


def text(value: Any, step: str) -> str:
    """A non-empty string."""
    if type(value) is not str or not value:
        raise Rejected(step, f"expected a non-empty string, found {show(value)}")
    return value


def named(value: Any, step: str, key: str) -> str:
    """The non-empty string that an object has at this key; its other keys are looked at later."""
    if type(value) is not dict:
        raise Rejected(step, f"expected an object, found {show(value)}")
    return text(value.get(key), f"{step}: {key}")


def items(value: Any, step: str, length: int | None = None) -> list[Any]:
    """A list, of the given length if there is one."""
    if type(value) is not list:
        raise Rejected(step, f"expected a list, found {show(value)}")
    if length is not None and len(value) != length:
        raise Rejected(step, f"expected {show(length)} entries, found {len(value)}")
    return value


def rationals(value: Any, step: str, length: int | None = None) -> list[Fraction]:
    """A list of rationals."""
    return [rational(v, f"{step}[{i}]") for i, v in enumerate(items(value, step, length))]


def mapping(value: Any, step: str, required: Sequence[str], optional: Collection[str] = ()) -> dict[str, Any]:
    """An object with all the required keys and no other than these and the optional ones."""
    if type(value) is not dict:
        raise Rejected(step, f"expected an object, found {show(value)}")
    for key in required:
        if key not in value:
            raise Rejected(step, f"missing key {show(key)}")
    for key in value:
        if key not in required and key not in optional:
            raise Rejected(step, f"unknown key {show(key)}")
    return value


def headed(value: Any, step: str, head: Mapping[str, Any], keys: Sequence[str], optional: Collection[str] = ()) -> dict[str, Any]:
    """An object of this format and version, with all of the keys, and no other than these and the optional ones."""
    for key, stated in head.items():
        found = value.get(key) if type(value) is dict else value
        if type(found) is not type(stated) or found != stated:
            raise Rejected(step, f"{key} {show(stated)} is needed, found {show(found)}")
    return mapping(value, step, (*head, *keys), optional)


def shape(value: Any, step: str) -> tuple[int, ...]:
    """Positive sizes, as many as an array has axes."""
    afford(len(items(value, step)) <= AXES, step, f"more than {AXES} axes: too large for this checker")
    return tuple(count(v, step, 1) for v in value)


def tensor(value: Any, step: str, expected: tuple[int, ...] | None = None) -> Tensor:
    """{"shape", "denominator", "numerators"}, of the expected shape if there is one."""
    value = mapping(value, step, ("shape", "denominator", "numerators"))
    sizes = shape(value["shape"], f"{step}: shape")
    if expected is not None and sizes != expected:
        raise Rejected(step, f"expected shape {list(expected)}, found {list(sizes)}")
    denominator = integer(value["denominator"], f"{step}: denominator")
    need(denominator > 0, step, "the denominator must be positive")
    numerators = items(value["numerators"], f"{step}: numerators", prod(sizes))
    if countOf(map(type, numerators), int) != len(numerators):  # one pass in C for the common case; strings may be hexadecimal
        numerators = [integer(n, f"{step}: numerators[{i}]") for i, n in enumerate(numerators)]
    return Tensor(sizes, numerators, denominator)
