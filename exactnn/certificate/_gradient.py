"""Gradients of networks, backwards: rows at the output carried to the nodes, and multiplied with what the nodes read.

Entries are integers, or spans of integers where the rows are known to lie between bounds. At a kink the slope on its left is taken, of
tied entries of a window the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm, prod
from operator import mul
from typing import Any

from ._affine import MOVING, along_channels, broadcast_to, moves, over_common_denominator, product, sum_of, total
from ._enclosure import Span
from ._network import Network, Node
from ._numbers import Rejected, Tensor, need
from ._windows import Window, spread

FIELDS = {"affine": ("weight", "bias"), "conv": ("weight", "bias"), "scale": ("factor",)}


def field_of(network: Network, name: str, field: str, step: str) -> int:
    """The position of a node that has this field among its trainable ones."""
    for i, node in enumerate(network.nodes):
        if node.name == name:
            need(field in FIELDS.get(node.op, ()), step, f"a {node.op} node has no gradient by {field!r} here")
            return i
    raise Rejected(step, "there is no such node")


def gradients(network: Network, values: Sequence[Sequence[Tensor]], rows: Sequence[Tensor], step: str) -> dict[tuple[int, str], Tensor]:
    """For each node and field the gradient of  sum_n rows_n . f(x_n);  ``values`` are those of all nodes at each x_n."""
    reached: dict[int, list[tuple[Tensor, Tensor]]] = {}
    for trace, row in zip(values, rows, strict=True):
        for i, own in _carried(network, trace, row, step).items():
            if network.nodes[i].op in FIELDS:
                reached.setdefault(i, []).append((own, trace[network.nodes[i].operands[0]]))
    found = {}
    for i, pairs in reached.items():
        node = network.nodes[i]
        for field in FIELDS[node.op]:
            if node.op == "affine" and field == "weight":
                found[i, field] = _outer(node, pairs)
            else:
                found[i, field] = total([_by(node, field, *pair) for pair in pairs])
    return found


def _outer(node: Node, pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """sum of r x^T over all points and vectors."""
    m, k = node.fields["weight"].shape
    (rows, over), (reads, under) = (over_common_denominator([pair[side] for pair in pairs]) for side in (0, 1))
    flat = [n for numerators in rows for n in numerators]
    entries = [n for numerators in reads for n in numerators]
    left, right = [flat[i::m] for i in range(m)], [entries[j::k] for j in range(k)]
    sizes = [list(map(abs, column)) for column in right]
    factor = doubled(flat)
    found = [n for row in left for n in dots(row, right, sizes, factor)]
    return Tensor((m, k), found, over * under * factor)


def dots(vector: Sequence[Any], columns: Sequence[Sequence[int]], sizes: Sequence[Sequence[int]], factor: int) -> list[Any]:
    """Products of a vector with columns of integers, ``sizes`` their absolute values; for factor 2 twice these, as spans.

    twice [lo, hi] n = (lo + hi) n +- (hi - lo) |n|, so that all sums are sums of integers.
    """
    if factor == 1:
        return [sum(map(mul, vector, column)) for column in columns]
    ends = [(n.lo, n.hi) if isinstance(n, Span) else (n, n) for n in vector]
    middles, widths = [lo + hi for lo, hi in ends], [hi - lo for lo, hi in ends]
    centres = [sum(map(mul, middles, column)) for column in columns]
    return [Span(c - r, c + r) for c, r in zip(centres, (sum(map(mul, widths, size)) for size in sizes), strict=True)]


def doubled(vector: Sequence[Any]) -> int:
    """2 where there are spans, else 1."""
    return 2 if any(isinstance(n, Span) for n in vector) else 1


def _carried(network: Network, trace: Sequence[Tensor], row: Tensor, step: str) -> dict[int, Tensor]:
    """The rows at all nodes that the flat row at the output reaches."""
    found: dict[int, Tensor] = {}
    start = 0
    for i in network.outputs:
        size = prod(network.nodes[i].shape)
        _add(found, i, Tensor(network.nodes[i].shape, row.numerators[start : start + size], row.denominator))
        start += size
    for i in range(len(network.nodes) - 1, -1, -1):
        node = network.nodes[i]
        if i in found and node.operands:
            for operand, more in zip(node.operands, _back(node, found[i], [trace[p] for p in node.operands], step), strict=True):
                _add(found, operand, more)
    return found


def _add(found: dict[int, Tensor], i: int, more: Tensor) -> None:
    found[i] = sum_of(found[i], more) if i in found else more


def _back(node: Node, row: Tensor, operands: Sequence[Tensor], step: str) -> list[Tensor]:
    """The rows at the operands."""
    a, fields = operands[0], node.fields
    if node.op == "affine":
        weight: Tensor = fields["weight"]
        m, k = weight.shape
        columns = [weight.numerators[j::k] for j in range(k)]
        twice = doubled(row.numerators)
        lengths = [list(map(abs, column)) for column in columns] if twice == 2 else []
        found = [n for s in range(0, len(row.numerators), m) for n in dots(row.numerators[s : s + m], columns, lengths, twice)]
        return [Tensor(a.shape, found, row.denominator * weight.denominator * twice)]
    if node.op == "conv":
        return [_back_conv(node, row, a)]
    if node.op in ("scale", "batch_norm"):
        factor = broadcast_to(fields["factor"], node.shape) if node.op == "scale" else along_channels(fields["scale"], node.shape)
        return [product(factor, row)]
    if node.op in ("add", "subtract"):
        second = row if node.op == "add" else row._replace(numerators=[n * -1 for n in row.numerators])
        return [_scattered(r, spread(b.shape, node.shape), b.shape) for r, b in zip((row, second), operands, strict=True)]
    if node.op in MOVING:
        pairs = moves(node, [b.shape for b in operands])
        targets: list[list[Any]] = [[0] * prod(b.shape) for b in operands]
        for n, (which, place) in zip(row.numerators, pairs, strict=True):
            targets[which][place] = targets[which][place] + n
        return [Tensor(b.shape, target, row.denominator) for b, target in zip(operands, targets, strict=True)]
    if node.op == "average_pool":
        window: Window = fields["window"]
        entries, whole = window.entries(a.shape, node.shape), prod(window.kernel)
        sizes = [whole if fields["count_padding"] else len(e) for e in entries]
        common = lcm(*sizes)
        pooled: list[Any] = [0] * prod(a.shape)
        for n, places, size in zip(row.numerators, entries, sizes, strict=True):
            for p in places:
                pooled[p] = pooled[p] + n * (common // size)
        return [Tensor(a.shape, pooled, row.denominator * common)]
    if node.op == "max_pool":
        firsts = [max(places, key=lambda p: (a.numerators[p], -p)) for places in fields["window"].entries(a.shape, node.shape)]
        return [_scattered(row, firsts, a.shape)]
    if node.op in ("piecewise_linear", "prelu"):
        return [_back_unit(node, row, a)]
    raise Rejected(step, f"node {node.name}: {node.op} has no exact gradient here")


def _scattered(row: Tensor, places: Sequence[int], shape: tuple[int, ...]) -> Tensor:
    found: list[Any] = [0] * prod(shape)
    for n, p in zip(row.numerators, places, strict=True):
        found[p] = found[p] + n
    return Tensor(shape, found, row.denominator)


def _back_unit(node: Node, row: Tensor, a: Tensor) -> Tensor:
    """Times the slope at each entry: of the piece that ends there, at a kink."""
    if node.op == "prelu":
        slopes: Tensor = node.fields["slopes"]
        repeat = prod(a.shape[1:])
        negative = [s for s in slopes.numerators for _ in range(repeat)]
        found = [r * (slopes.denominator if x > 0 else s) for r, x, s in zip(row.numerators, a.numerators, negative, strict=True)]
        return Tensor(a.shape, found, row.denominator * slopes.denominator)
    kinks, first = node.fields["kinks"], node.fields["slope"]
    over = lcm(first.denominator, *(p.denominator for _, p in kinks))
    bends = [(t * a.denominator, int(p * over)) for t, p in kinks]
    found = [r * (int(first * over) + sum(p for t, p in bends if x > t)) for r, x in zip(row.numerators, a.numerators, strict=True)]
    return Tensor(a.shape, found, row.denominator * over)


def _back_conv(node: Node, row: Tensor, a: Tensor) -> Tensor:
    weight, groups = node.fields["weight"], node.fields["groups"]
    out, inner, *kernel = weight.shape
    taps, area, size = prod(kernel), prod(a.shape[1:]), prod(node.shape[1:])
    found: list[Any] = [0] * prod(a.shape)
    for place, reads in enumerate(node.fields["window"].places(a.shape[1:], node.shape[1:])):
        for o in range(out):
            r, channel = row.numerators[o * size + place], o * groups // out * inner
            for c in range(inner):
                for k, p in enumerate(reads):
                    if p >= 0:
                        at = (channel + c) * area + p
                        found[at] = found[at] + r * weight.numerators[(o * inner + c) * taps + k]
    return Tensor(a.shape, found, row.denominator * weight.denominator)


def _by(node: Node, field: str, row: Tensor, a: Tensor) -> Tensor:
    """The part of one point in the gradient by a field."""
    if node.op == "affine":
        m = node.fields["weight"].shape[0]
        return Tensor((m,), [sum(row.numerators[i::m]) for i in range(m)], row.denominator)
    if node.op == "scale":
        factor: Tensor = node.fields["factor"]
        return _scattered(product(row, a), spread(factor.shape, node.shape), factor.shape)
    weight, groups = node.fields["weight"], node.fields["groups"]
    out, inner, *kernel = weight.shape
    area, size = prod(a.shape[1:]), prod(node.shape[1:])
    rows = [row.numerators[o * size : (o + 1) * size] for o in range(out)]
    if field == "bias":
        return Tensor((out,), list(map(sum, rows)), row.denominator)
    places = node.fields["window"].places(a.shape[1:], node.shape[1:])
    grids = [[*a.numerators[c * area : (c + 1) * area], 0] for c in range(a.shape[0])]
    found = []
    for o in range(out):
        first = o * groups // out * inner
        for c in range(first, first + inner):
            for k in range(prod(kernel)):
                found.append(sum(r * grids[c][reads[k]] for r, reads in zip(rows[o], places, strict=True)))
    return Tensor(weight.shape, found, row.denominator * a.denominator)
