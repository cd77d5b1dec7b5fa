"""A linear step entry by entry, for those who ask what one entry depends on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from ._meaning import Linear


def by_entry(rule: Linear) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """For each entry, in order, places and weights; those at the place -1 are left out."""
    if rule.blocks is None:
        size = prod(rule.shape)
        ones = [1] * size
        pairs = [[*zip(places, weights or ones, strict=True)] for places, weights in rule.terms]
        for e in range(size):
            kept = [pair[e] for pair in pairs if pair[e][0] >= 0]
            yield [p for p, _ in kept], [w for _, w in kept]
        return
    found: list[Any] = [((), ())] * prod(rule.shape)
    for places, entries, rows in rule.blocks():
        padded = type(places) is not range and -1 in places
        inside = [k for k, p in enumerate(places) if p >= 0] if padded else []
        places = [places[k] for k in inside] if padded else places
        for e, row in zip(entries, rows, strict=True):
            found[e] = places, [row[k] for k in inside] if padded else row
    yield from found
