"""A linear step on lists of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import add, mul
from typing import Any

from ._meaning import Linear, taken


def applied(rule: Linear, columns: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """For each list x, with a 0 behind its entries: the sums, times the denominator, without the constants."""
    if rule.blocks is None:
        return [_sum_of_terms(rule, x) for x in columns]
    found: list[list[Any]] = [[0] * prod(rule.shape) for _ in columns]
    for places, entries, rows in rule.blocks():
        for x, y in zip(columns, found, strict=True):
            part = taken(x, places)
            for e, row in zip(entries, rows, strict=True):
                y[e] = sum(map(mul, row, part))
    return found


def _sum_of_terms(rule: Linear, x: Sequence[Any]) -> list[Any]:
    total: list[Any] | None = None
    for places, weights in rule.terms:
        part = taken(x, places)
        if weights is not None:
            part = list(map(mul, part, weights))
        total = part if total is None else list(map(add, total, part))
    return [0] * prod(rule.shape) if total is None else total
