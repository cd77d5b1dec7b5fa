"""Claims, numbers, domains, steps and sets in short words; what would be long raises Long, and the hash of the claim stands for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from ._load import load
from ._numbers import rational, show

LONG = 200  # characters, and bits of a number
_LISTS = {"permutation": "order", "scaling": "factors", "flip": "neurons", "sign_flip": "neurons"}


class Long(Exception):
    """A text that nobody would read."""


def accepted(claim: Any, models: Mapping[str, Any]) -> str:
    """A claim, and which models are taken on slices."""
    sliced = [(name, model.slice) for name, model in models.items() if model.slice is not None]
    slices = "".join(f"; {name}(t) = model {name} at {load('_slice.shown')(written)}" for name, written in sliced)
    return f"{claim.sentence(models['f'].network if 'f' in models else None)}{slices}"


def sentence(claim: Any, f: Any) -> str:
    """A claim in words, with its hash where they would be long."""
    try:
        details = claim.details(f)
    except Long:
        details = f"; the claim has the sha256 {claim.sha256}"
    return f"{claim.answer}: {claim.says(f)}{details}"


def comparison(claim: Any, f: Any) -> str:
    """f and what it is compared with."""
    other = {"equal": "g", "zero": "0", "symmetry": "T(f)"}[claim.question]
    if claim.answer == "proved":
        return f"{f'|f_j - ({other})_j| <= {show(claim.tolerance)}' if claim.tolerance else f'f = {other}'} on {place(claim, f)}"
    excess = f" by more than {show(claim.tolerance)}" if claim.tolerance else ""
    return f"at a point of {place(claim, f).removeprefix('all of ')}, f differs from {other}{excess}"


def inequalities(claim: Any) -> str:
    """The rows of the domain."""
    number(claim.tolerance)
    return "" if claim.domain is None else f"; the rows: {rows(claim.domain.rows(), claim.domain.matrix.denominator)}"


def place(claim: Any, f: Any) -> str:
    """The domain, and whether it is known to have a point."""
    if claim.domain is None:
        return f"all of R^{f.input_size}"
    note = {True: "", False: " (which is empty)", None: " (which may be empty)"}[claim.inhabited]
    return f"all of the polyhedron A x <= b in R^{f.input_size} given by {len(claim.domain.bounds)} rows{note}"


def number(value: Fraction) -> str:
    """p or p/q."""
    if max(abs(value.numerator), value.denominator).bit_length() > LONG:
        raise Long
    return str(value)


def joined(texts: Iterable[str], separator: str = ", ") -> str:
    """The texts, as far as they are short together."""
    found = ""
    for text in texts:
        found += separator * bool(found) + text
        if len(found) > LONG:
            raise Long
    return found


def terms(pairs: Iterable[tuple[Fraction, str]]) -> str:
    """The sum of numbers times names: x_0 - 1/2 x_1"""
    shown = ((number(c), name) for c, name in pairs if c)
    written = (name if name and size == "1" else f"-{name}" if name and size == "-1" else f"{size} {name}".strip() for size, name in shown)
    return joined(written, " + ").replace("+ -", "- ") or "0"


def rows(matrix: Iterable[tuple[Sequence[int], Fraction]], denominator: int) -> str:
    """x_0 + 2 x_1 <= 1/2, -x_1 <= 0"""
    lefts = ((((Fraction(n, denominator), f"x_{k}") for k, n in enumerate(row)), bound) for row, bound in matrix)
    return joined(f"{terms(left)} <= {number(bound)}" for left, bound in lefts)


def points(entries: Sequence[Fraction], size: int) -> str:
    """(1, 1/2), (0, 3)"""
    return joined(f"({joined(map(number, entries[k : k + size]))})" for k in range(0, len(entries), size))


def steps(transformation: Sequence[Any]) -> str:
    """flip [0, 2] at 'relu1', then scaling [1/2, 3] at 'relu2'; the steps have been checked before."""
    listed = ((step, joined(number(rational(v, "")) for v in step[_LISTS[step["kind"]]])) for step in transformation)
    return joined((f"{step['kind']} [{numbers}] at {step['layer']!a}" for step, numbers in listed), ", then ") or "the identity"


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


def inhabited(matrix: Iterable[tuple[Sequence[int], Fraction]]) -> bool | None:
    """Whether A x <= b has a solution x; None where that takes more than a look: every row bounds one entry, or 0 is a solution."""
    sides: dict[tuple[int, bool], Fraction] = {}  # for an entry, above and below, the least b / |a|
    by_entries = at_zero = True
    for row, bound in matrix:
        places = [k for k, n in enumerate(row) if n]
        if not places and bound < 0:
            return False
        at_zero, by_entries = at_zero and bound >= 0, by_entries and len(places) <= 1
        if len(places) == 1:
            a = row[places[0]]
            side = places[0], a > 0
            sides[side] = min(sides.get(side, bound / abs(a)), bound / abs(a))
    if any(up and end + sides.get((k, False), -end) < 0 for (k, up), end in sides.items()):
        return False
    return True if by_entries or at_zero else None
