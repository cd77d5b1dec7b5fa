"""Sums of multiples of vectors of integers, each vector packed into one large integer, so that Python multiplies them whole.

The entries stand `width` bytes apart: sum n_s 2^(8 width s). The width is so large that for all entries of the sum |n_s| < 2^(8 width - 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from operator import mul
from typing import NamedTuple

from ._budget import Budget

Keys = tuple[int, ...]


class Form(NamedTuple):
    """slots[0] + sum over s > 0 of slots[s] e_s + [-error, error], each e_s in [-1, 1]."""

    slots: list[int]
    error: int


class Term(NamedTuple):
    """Weights of the keys of each row, and their absolute values; no row's absolute values have a sum above ``norm``."""

    weights: Sequence[Keys]
    sizes: Sequence[Keys]
    norm: int


def term(weights: Sequence[Keys]) -> Term:
    """The weights with what is read off them."""
    sizes = [tuple(map(abs, row)) for row in weights]
    return Term(weights, sizes, max(map(sum, sizes), default=0))


def sums(
    keys: Sequence[Keys], used: frozenset[int], terms: Sequence[tuple[Term, Mapping[int, Form]]], least: int, budget: Budget
) -> list[tuple[list[int], int]]:
    """For each row the slots and the error of sum over terms and keys of weight form; keys without a form stand for 0."""
    found = [(t, {k: forms[k] for k in used & forms.keys()}) for t, forms in terms if t.norm]
    found = [(t, forms) for t, forms in found if forms]
    length = max(least, *(len(form.slots) for _, forms in found for form in forms.values()), 0)
    if not found:
        return [([0] * least, 0) for _ in keys]
    bound = sum(t.norm * max(max(map(abs, form.slots), default=0) for form in forms.values()) for t, forms in found)
    width = (bound.bit_length() + 8) // 8
    packed = [(t, {k: (pack(form.slots, width), form.error) for k, form in forms.items()}) for t, forms in found]
    words = length * (1 + width // 32)
    results: list[tuple[list[int], int]] = []
    last: Keys | None = None
    chosen: list[_Chosen] = []
    cost = 0
    for i, row in enumerate(keys):
        if row is not last:
            last = row
            chosen = [_chosen(t, row, forms) for t, forms in packed]
            cost = words * (1 + sum(len(c.live) for c in chosen))
        budget.spend(cost)
        total = error = 0
        for t, mask, live, errors in chosen:
            total += sum(map(mul, compress(t.weights[i], mask), live))
            error += sum(map(mul, compress(t.sizes[i], mask), errors))
        results.append((unpack(total, length, width), error))
    return results


class _Chosen(NamedTuple):
    term: Term
    mask: list[bool]
    live: list[int]
    errors: list[int]


def _chosen(t: Term, row: Keys, forms: Mapping[int, tuple[int, int]]) -> _Chosen:
    mask = [k in forms for k in row]
    live = [forms[k] for k in compress(row, mask)]
    return _Chosen(t, mask, [n for n, _ in live], [e for _, e in live])


def _middle(length: int, width: int) -> int:
    """2^(8 width - 1) in each entry."""
    return int.from_bytes((b"\x00" * (width - 1) + b"\x80") * length, "little")


def pack(slots: Sequence[int], width: int) -> int:
    """sum slots[s] 2^(8 width s)."""
    half = 1 << (8 * width - 1)
    return int.from_bytes(b"".join([(n + half).to_bytes(width, "little") for n in slots]), "little") - _middle(len(slots), width)


def unpack(total: int, length: int, width: int) -> list[int]:
    """The entries of a packed vector."""
    if not total:
        return [0] * length
    half, read = 1 << (8 * width - 1), int.from_bytes
    data = (total + _middle(length, width)).to_bytes(length * width, "little")
    return [read(data[s : s + width], "little") - half for s in range(0, length * width, width)]
