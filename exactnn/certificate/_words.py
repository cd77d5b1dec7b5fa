"""Domains, transformations and sets in short words; None for what would be long, for which the hash of the claim stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from ._numbers import rational

LONG = 200  # characters
_LISTS = {"permutation": "order", "scaling": "factors", "flip": "neurons", "sign_flip": "neurons"}


def number(value: Fraction) -> str | None:
    """p or p/q."""
    if max(abs(value.numerator), value.denominator).bit_length() > LONG:
        return None
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def above(value: Fraction) -> str:
    """A short decimal that is not below a number >= 0."""
    top, bottom = value.numerator, value.denominator
    if max(top, bottom).bit_length() > 2**14:
        return "the bound in the certificate"
    exponent = (top.bit_length() - bottom.bit_length()) * 30103 // 100000 - 4
    digits = -(-top * 10 ** max(-exponent, 0) // (bottom * 10 ** max(exponent, 0)))
    while digits >= 10**4:
        digits, exponent = -(-digits // 10), exponent + 1
    shown = str(digits)
    return f"{shown[0]}.{shown[1:] or '0'}e{exponent + len(shown) - 1}" if digits else "0"


def rows(matrix: Iterable[tuple[Sequence[int], Fraction]], denominator: int) -> str | None:
    """x_0 + 2 x_1 <= 1/2, -x_1 <= 0"""
    found: list[str] = []
    for numerators, bound in matrix:
        left = ""
        for k, n in enumerate(numerators):
            if n:
                size = number(Fraction(abs(n), denominator))
                if size is None or len(left) > LONG:
                    return None
                sign = ("-" if n < 0 else "") if not left else (" - " if n < 0 else " + ")
                left += f"{sign}{'' if size == '1' else size + ' '}x_{k}"
        right = number(bound)
        found.append(f"{left or '0'} <= {right}")
        if right is None or sum(map(len, found)) > LONG:
            return None
    return ", ".join(found)


def points(entries: Sequence[Fraction], size: int) -> str | None:
    """(1, 1/2), (0, 3)"""
    if len(entries) > LONG:
        return None
    texts = [number(v) for v in entries]
    if None in texts:
        return None
    found = ", ".join(f"({', '.join(t for t in texts[k : k + size] if t is not None)})" for k in range(0, len(texts), size))
    return found if len(found) <= LONG else None


def combination(origin: Sequence[Fraction], directions: Sequence[Fraction]) -> str | None:
    """(0, 1/2) + t_0 (1, 0) + t_1 (0, 1)"""
    found = points([*origin, *directions], len(origin))
    if found is None:
        return None
    first, *others = found[1:-1].split("), (")
    return " + ".join([f"({first})", *(f"t_{i} ({text})" for i, text in enumerate(others))])


def steps(transformation: Sequence[Any]) -> str | None:
    """flip [0, 2] at 'relu1', scaling [1/2, 3] at 'relu2'; the steps have been checked before."""
    found: list[str] = []
    for step in transformation:
        listed = step[_LISTS[step["kind"]]]
        if len(listed) > LONG or len(step["layer"]) > LONG:
            return None
        texts = [number(rational(v, "transformation")) for v in listed]
        if None in texts:
            return None
        found.append(f"{step['kind']} [{', '.join(t for t in texts if t is not None)}] at {step['layer']!a}")
        if sum(map(len, found)) > LONG:
            return None
    return ", then ".join(found)


def sets(flips: Iterable[Sequence[int]]) -> str | None:
    """{}, {0, 2}"""
    found = ""
    for neurons in flips:
        if len(neurons) > LONG:
            return None
        found += f"{', ' if found else ''}{{{', '.join(map(str, neurons))}}}"
        if len(found) > LONG:
            return None
    return found


def inhabited(matrix: Iterable[tuple[Sequence[int], Fraction]], size: int) -> bool | None:
    """Whether A x <= b has a solution x; None where that takes more than a look: every row bounds one entry, or 0 is a solution."""
    low: dict[int, Fraction] = {}
    high: dict[int, Fraction] = {}
    by_entries = at_zero = True
    for numerators, bound in matrix:
        at_zero = at_zero and bound >= 0
        places = [k for k, n in enumerate(numerators) if n]
        if not places and bound < 0:
            return False
        by_entries = by_entries and len(places) <= 1
        if len(places) == 1:
            (k,) = places
            end = bound / numerators[k] * size
            if numerators[k] > 0:
                high[k] = min(end, high.get(k, end))
            else:
                low[k] = max(end, low.get(k, end))
    if any(k in high and low[k] > high[k] for k in low):
        return False
    return True if by_entries or at_zero else None
