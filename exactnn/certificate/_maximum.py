"""Maxima over windows, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from . import _budget
from ._meaning import Linear, Step
from ._network import Node
from ._operations import Shape
from ._terms import Term


def highest(i: int, node: Node, shape: Shape, x: int, at: int) -> Iterator[Step]:
    """m = e_0, then m + max(e_k - m, 0) for each further entry of the window."""
    window = node.fields["window"]
    size, behind, taps, step = prod(node.shape), prod(shape), prod(window.kernel), f"node {node.name}"
    _budget.hold(taps * (16 + 3 * size), step)
    windows = window.entries(shape, node.shape, step)
    yield Step(i, "linear", (x,), Linear(node.shape, [Term([w[0] for w in windows])]))
    for k in range(1, max(map(len, windows))):
        chosen = [e for e, w in enumerate(windows) if len(w) > k]
        less = [Term([windows[e][k] for e in chosen]), Term([behind + e for e in chosen], [-1] * len(chosen))]
        yield Step(i, "linear", (x, at), Linear((len(chosen),), less))
        yield Step(i, "positive", (at + 1,))
        found: Sequence[int] = range(size, 2 * size)
        if len(chosen) < size:
            places = dict(zip(chosen, found, strict=False))
            found = [places.get(e, -1) for e in range(size)]
        yield Step(i, "linear", (at, at + 2), Linear(node.shape, [Term(range(size)), Term(found)]))
        at += 3
