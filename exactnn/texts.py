"""Exact values as short texts: a decimal beside a fraction, a vector in a line, and what JSON holds of either.

Every text is bounded, however long the numbers are; a decimal is rounded correctly, and says "about" unless it is the number itself.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction
from itertools import islice
from numbers import Integral
from typing import Any

_LONG = 10**4000  # from here on integers stand in hexadecimal, as in the formats: readers of JSON refuse longer decimals
_FEW, _MANY = 6, 10_000  # entries of a vector that are shown; and that are looked through for the few which are not 0
_PLAIN = 6  # digits before the point without an exponent


def rounded(value: Fraction, digits: int = 6) -> tuple[str, bool]:
    """The nearest decimal with so many digits (ties to even), of any size, and whether it is the number itself.

    Examples
    --------
    >>> rounded(Fraction(1, 3), 4), rounded(Fraction(-5, 8)), rounded(Fraction(2, 3 * 10**400), 2)
    (('0.3333', False), ('-0.625', True), ('6.7e-401', False))
    """
    if not value:
        return "0", True
    size = abs(value)
    top, bottom = size.numerator, size.denominator
    order = math.floor((top.bit_length() - bottom.bit_length() - 1) * math.log10(2))  # 10^order is at most the number, or 10 times it
    while True:
        kept = max(digits, order + 1) if order < _PLAIN else digits
        shift = kept - 1 - order
        whole, rest = divmod(top * 10**shift, bottom) if shift >= 0 else divmod(top, bottom * 10**-shift)
        if whole < 10**kept:
            break
        order += 1
    half = 2 * rest - (bottom if shift >= 0 else bottom * 10**-shift)
    whole += half > 0 or (half == 0 and whole % 2 == 1)
    text = str(whole)
    order += len(text) - kept
    return ("-" if value < 0 else "") + _placed(text.rstrip("0"), order), not rest


def _placed(figures: str, order: int) -> str:
    """The figures with the point behind the first one times 10^order."""
    if not -4 <= order < _PLAIN:
        return f"{figures[0]}{'.' if figures[1:] else ''}{figures[1:]}e{order:+}"
    if order < 0:
        return f"0.{'0' * (-order - 1)}{figures}"
    figures = figures.ljust(order + 1, "0")
    return f"{figures[: order + 1]}{'.' if figures[order + 1 :] else ''}{figures[order + 1 :]}"


def exactly(value: Fraction | int, width: int = 40) -> str | None:
    """ "p", "p/q" or "p/2^k", if that takes at most `width` characters; else None.

    Examples
    --------
    >>> exactly(Fraction(1, 3)), exactly(Fraction(-2453195495472253, 2**53)), exactly(Fraction(10**99))
    ('1/3', '-2453195495472253/2^53', None)
    """
    top, bottom = value.numerator, value.denominator
    power = bottom.bit_length() - 1
    dyadic = power > 20 and bottom == 1 << power
    if max(top.bit_length(), 0 if dyadic else bottom.bit_length()) > 4 * width:
        return None
    text = f"{top}/2^{power}" if dyadic else f"{top}/{bottom}" if bottom != 1 else f"{top}"
    return text if len(text) <= width else None


def number(value: Fraction | int, width: int = 40) -> str:
    """A number for a sentence: the fraction with a decimal beside it, or the decimal alone where the fraction is long.

    Examples
    --------
    >>> number(Fraction(1, 3)), number(Fraction(1, 4)), number(Fraction(-2453195495472253, 2**53))
    ('1/3, about 0.3333', '1/4 = 0.25', '-2453195495472253/2^53, about -0.2724')
    >>> number(Fraction(7)), number(Fraction(10**99, 7)), number(Fraction(1, 10**400))
    ('7', 'about 1.42857e+98', '1e-400')
    """
    exact = exactly(value, width)
    if exact is not None and value.denominator == 1:
        return exact
    text, same = rounded(Fraction(value), 6 if exact is None else 4)
    if exact is None:
        return text if same else f"about {text}"
    return f"{exact} = {text}" if same else f"{exact}, about {text}"


def vector(values: Sequence[Fraction | int], width: int = 100) -> str:
    """A point for a sentence: its numbers if they are few, else those that are not 0, or the first ones.

    Examples
    --------
    >>> vector([Fraction(1, 3), Fraction(-5, 8)]), vector([Fraction(2), Fraction(0)])
    ('(1/3, -5/8), about (0.3333, -0.625)', '(2, 0)')
    >>> vector([Fraction(0)] * 63 + [Fraction(1, 2)])
    '64 numbers, all 0 but [63] = 1/2 = 0.5'
    """
    count = len(values)
    if count <= _FEW:
        return _fitting(values, "", width)
    if count <= _MANY:
        live = [i for i, q in enumerate(values) if q]
        if not live:
            return f"{count} zeros"
        if len(live) <= _FEW // 2:
            return fitted(f"{count} numbers, all 0 but " + ", ".join(f"[{i}] = {number(values[i], 24)}" for i in live), width)
    return _fitting(values[:_FEW], ", ...", width, f"{count} numbers: ")


def _fitting(values: Sequence[Fraction | int], more: str, width: int, before: str = "") -> str:
    """The numbers exactly with decimals beside them, if that fits; else decimals alone."""
    found = [rounded(Fraction(q), 4) for q in values]
    decimals = f"({', '.join(text for text, _ in found)}{more})"
    same = all(is_exact for _, is_exact in found)
    texts = [exactly(q, 24) for q in values]
    if None not in texts:
        exact = f"({', '.join(map(str, texts))}{more})"
        both = exact if all(q.denominator == 1 for q in values) else f"{exact} = {decimals}" if same else f"{exact}, about {decimals}"
        if len(before) + len(both) <= width:
            return before + both
    return fitted(f"{before}{'' if same else 'about '}{decimals}", width)


def fitted(text: str, width: int) -> str:
    """The text on one line, cut where it is longer than `width`; characters that print nothing are escaped."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: width + 1])
    return shown if len(shown) <= width else shown[: width - 3] + "..."


def brief(value: object, width: int = 60) -> str:
    """Any part of a value on one line.

    Examples
    --------
    >>> brief((Fraction(1, 2),)), brief(None), brief({"a": 1}), brief(["x", "y"]), brief(10**9999)
    ('(1/2) = (0.5)', 'none', '1 entry: a', '2 entries: x, y', '1e+9999')
    """
    if value is None:
        return "none"
    if isinstance(value, str):
        return fitted(value, width)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (Integral, Fraction)):
        return fitted(number(value if isinstance(value, Fraction) else int(value), min(width, 40)), width)
    if isinstance(value, (list, tuple, Mapping, AbstractSet)):
        if isinstance(value, (list, tuple)) and value and all(_is_number(v) for v in islice(value, _MANY)):
            return vector(value, width)
        if not value:
            return "none"
        first = ", ".join(brief(v, width) for v in islice(value, _FEW))
        return fitted(f"{len(value)} {'entry' if len(value) == 1 else 'entries'}: {first}", width)
    return fitted(repr(value), width)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, Fraction)) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """The value in what JSON has: a Fraction as the text "p/q" or "p", a tuple as a list, a `Value` as its dictionary.

    Integers of more than 4,000 digits are hexadecimal texts; so are p and q. Infinities are the texts "inf" and "-inf". A mapping whose
    keys are no texts is a list of pairs.

    Examples
    --------
    >>> plain({"x": (Fraction(1, 2), Fraction(3)), "count": 2})
    {'x': ['1/2', '3'], 'count': 2}
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Fraction):
        return str(plain(value.numerator)) if value.denominator == 1 else f"{plain(value.numerator)}/{plain(value.denominator)}"
    if isinstance(value, Integral):
        whole = int(value)
        return whole if -_LONG < whole < _LONG else hex(whole)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: plain(v) for key, v in value.items()}
        return [[plain(key), plain(v)] for key, v in value.items()]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, AbstractSet):
        return [plain(v) for v in sorted(value)]
    return value.to_dict()


def screen(head: str, rows: Iterable[tuple[str, str]], width: int = 118, lines: int = 23) -> str:
    """A heading and one line for each row, so many lines at the most."""
    shown = [fitted(head, width)]
    listed = list(islice(rows, lines))
    indent = max((len(name) for name, _ in listed), default=0)
    for name, text in listed:
        shown.append(fitted(f"  {name:<{indent}}  {text}", width))
    if len(shown) > lines:
        shown[lines:] = ["  ..."]
    return "\n".join(shown)
