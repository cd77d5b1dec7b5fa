"""A linear step on lists of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import mul
from typing import Any

from ._load import load
from ._meaning import Linear, taken


def applied(rule: Linear, columns: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """For each list x, with a 0 behind its entries: the sums, times the denominator, without the constants."""
    if rule.blocks is None:
        return [load("_terms.summed")(rule, x) for x in columns]
    found: list[list[Any]] = [[0] * prod(rule.shape) for _ in columns]
    for places, entries, rows in rule.blocks():
        for x, y in zip(columns, found, strict=True):
            part = taken(x, places)
            for e, row in zip(entries, rows, strict=True):
                y[e] = sum(map(mul, row, part))
    return found
