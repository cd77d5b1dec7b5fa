"""Affine nodes composed: each entry of a value as a row, a combination of variables with integer coefficients over one denominator.

Constant parts are left out here; they are the values where all variables are 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import gcd, lcm, prod
from operator import mul
from typing import NamedTuple

from ._affine import along_channels, broadcast_to, moves
from ._budget import Budget
from ._network import Network, Node
from ._windows import Window, spread

Row = tuple[Sequence[int], Sequence[int]]  # variables, each once, and their coefficients


class Linear(NamedTuple):
    """Entries as rows over variables, over one denominator."""

    rows: list[Row]
    denominator: int


def needed(network: Network, wanted: Iterable[int], ends: Iterable[int] = ()) -> list[int]:
    """The wanted nodes and those that they depend on, in order; not what stands before the ends."""
    found, waiting = set(), list(wanted)
    while waiting:
        i = waiting.pop()
        if i not in found:
            found.add(i)
            waiting += () if i in ends else network.nodes[i].operands
    return sorted(found)


def compose(network: Network, starts: Mapping[int, Linear], wanted: Sequence[int], budget: Budget) -> dict[int, Linear]:
    """The linear parts of the nodes wanted, as functions of the starts; constant nodes are left out."""
    found: dict[int, Linear] = {}
    for i in needed(network, wanted, starts):
        node = network.nodes[i]
        if i in starts:
            found[i] = starts[i]
            continue
        budget.spend(prod(node.shape) * _length(node))
        if any(k in found for k in node.operands):
            found[i] = _applied(node, [network.nodes[k].shape for k in node.operands], [found.get(k) for k in node.operands], budget)
    return found


def _length(node: Node) -> int:
    """At most so many terms in an entry of the node."""
    if node.op == "affine":
        return int(node.fields["weight"].shape[1])
    if node.op == "conv":
        return prod(node.fields["weight"].shape[1:])
    return prod(node.fields["window"].kernel) if node.op == "average_pool" else len(node.operands) or 1


def _applied(node: Node, shapes: Sequence[tuple[int, ...]], operands: Sequence[Linear | None], budget: Budget) -> Linear:
    """The linear part of an affine node on rows: each entry is a combination of entries of the operands."""
    common = lcm(*(a.denominator for a in operands if a is not None))
    rows: list[Row] = []
    for shape, a in zip(shapes, operands, strict=True):
        if a is None:
            rows += [((), ())] * prod(shape)
        elif a.denominator == common:
            rows += a.rows
        else:
            rows += [(keys, [v * (common // a.denominator) for v in values]) for keys, values in a.rows]
    terms, under = _terms(node, shapes)
    if all(len(keys) == 1 for keys, _ in rows) and len({keys[0] for keys, _ in rows}) == len(rows):  # different variables
        names, factors = [keys[0] for keys, _ in rows], [values[0] for _, values in rows]
        plain = all(f == 1 for f in factors)
        found: list[Row] = [
            ([names[k] for k in places], numbers if plain else list(map(mul, numbers, (factors[k] for k in places))))
            for places, numbers in terms
        ]
        return Linear(found, common * under)
    return Linear([_combination(rows, places, numbers, budget) for places, numbers in terms], common * under)


def _combination(rows: Sequence[Row], places: Sequence[int], numbers: Sequence[int], budget: Budget) -> Row:
    total: dict[int, int] = {}
    for k, c in zip(places, numbers, strict=True):
        if c:
            keys, values = rows[k]
            budget.spend(len(keys))
            for key, v in zip(keys, values, strict=True):
                total[key] = total.get(key, 0) + c * v
    return list(total), list(total.values())


def _terms(node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[Iterator[Row], int]:
    """For each entry of an affine node: entries of its operands, counted through all of them, and integers over the denominator."""
    fields = node.fields
    if node.op == "affine":
        (m, n), numbers = fields["weight"].shape, fields["weight"].numerators
        rows = [numbers[i * n : (i + 1) * n] for i in range(m)]
        return ((range(k, k + n), row) for k in range(0, prod(shapes[0]), n) for row in rows), fields["weight"].denominator
    if node.op == "conv":
        return _conv_terms(node, shapes[0]), fields["weight"].denominator
    if node.op == "average_pool":
        window: Window = fields["window"]
        windows, whole = window.entries(shapes[0], node.shape), prod(window.kernel)
        sizes = [whole if fields["count_padding"] else len(row) for row in windows]
        common = lcm(*sizes)
        return ((row, [common // size] * len(row)) for row, size in zip(windows, sizes, strict=True)), common
    if node.op in ("batch_norm", "scale"):
        factor = along_channels(fields["scale"], node.shape) if node.op == "batch_norm" else broadcast_to(fields["factor"], node.shape)
        return (((i,), (v,)) for i, v in enumerate(factor.numerators)), factor.denominator
    if node.op in ("add", "subtract"):
        sign, behind = (-1 if node.op == "subtract" else 1), prod(shapes[0])
        pairs = zip(spread(shapes[0], node.shape), spread(shapes[1], node.shape), strict=True)
        return (((p, behind + q), (1, sign)) for p, q in pairs), 1
    first = [sum(map(prod, shapes[:k])) for k in range(len(shapes))]
    return (((first[k] + i,), (1,)) for k, i in moves(node, shapes)), 1


def _conv_terms(node: Node, shape: tuple[int, ...]) -> Iterator[Row]:
    weight, groups = node.fields["weight"], node.fields["groups"]
    out, inner = weight.shape[:2]
    taps, area = prod(weight.shape[2:]), prod(shape[1:])
    windows = [[(t, p) for t, p in enumerate(row) if p >= 0] for row in node.fields["window"].places(shape[1:], node.shape[1:])]
    for o in range(out):
        first, kernel = o * groups // out * inner, weight.numerators[o * inner * taps : (o + 1) * inner * taps]
        for window in windows:
            places = [(first + c) * area + p for c in range(inner) for _, p in window]
            yield places, [kernel[c * taps + t] for c in range(inner) for t, _ in window]


def dense(parts: Sequence[Linear | None], sizes: Sequence[int], width: int) -> list[list[int]]:
    """All rows as lists of numerators over their least common denominator."""
    common = lcm(*(a.denominator for a in parts if a is not None))
    found = []
    for a, size in zip(parts, sizes, strict=True):
        for keys, values in a.rows if a is not None else [((), ())] * size:
            row, factor = [0] * width, common // a.denominator if a is not None else 1
            for key, v in zip(keys, values, strict=True):
                row[key] = v * factor
            found.append(row)
    divisor = common
    for row in found:
        if divisor == 1:
            break
        divisor = gcd(divisor, *row)
    return found if divisor == 1 else [[v // divisor for v in row] for row in found]
