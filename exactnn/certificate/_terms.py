"""Linear steps by which each entry is a sum of few others: entries are moved, added up, or multiplied by factors of their own."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import add, mul
from typing import Any, NamedTuple

from ._meaning import Linear, taken


class Term(NamedTuple):
    """y[e] = weights[e] x[places[e]] for every entry; the place -1 holds 0, and no weights are ones."""

    places: Sequence[int]
    weights: Sequence[int] | None = None


def summed(rule: Linear, x: Sequence[Any]) -> list[Any]:
    """The sum of the terms, for entries x with a 0 behind them."""
    total: list[Any] | None = None
    for places, weights in rule.terms:
        part = taken(x, places)
        if weights is not None:
            part = list(map(mul, part, weights))
        total = part if total is None else list(map(add, total, part))
    return [0] * prod(rule.shape) if total is None else total
