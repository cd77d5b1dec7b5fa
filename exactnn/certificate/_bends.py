"""Nodes with kinks as stages of units: value = base + sum over stages of jump max(z, 0), entry by entry.

A `piecewise_linear` node has a stage for each kink t, z = entry - t; a `prelu` one, z = entry; a `max_pool` one for each further entry
of its windows, z = entry - m, where m is the maximum of the entries before it, which becomes m + max(z, 0).
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm, prod
from typing import NamedTuple

from ._columns import ColumnValue, Row
from ._network import Node
from ._windows import Window


class Bend(NamedTuple):
    """A node at one of its stages; `kinks` and `jumps` are of piecewise_linear and prelu, `windows` of max_pool."""

    node: Node
    operand: ColumnValue
    total: dict[int, list[int]]  # the value so far, over `denominator`
    denominator: int
    grain: int  # kinks are integers over operand.denominator * grain
    kinks: list[int]
    jumps: list[list[int]]
    windows: list[list[int]]
    stage: int


def bend(node: Node, operand: ColumnValue, one: int) -> Bend:
    """The node before its first stage."""
    size = prod(node.shape)
    if node.op == "max_pool":
        window: Window = node.fields["window"]
        windows = window.entries(operand.shape, node.shape)
        total = {key: [column[w[0]] for w in windows] for key, column in operand.columns.items()}
        return Bend(node, operand, total, operand.denominator, 1, [], [], windows, 0)
    if node.op == "prelu":
        slopes, repeat = node.fields["slopes"], prod(node.shape[1:])
        slope = [n for n in slopes.numerators for _ in range(repeat)]
        over, grain, kinks, constant = slopes.denominator, 1, [0], 0
        jumps = [[over - n for n in slope]]
    else:
        bends: list[tuple[Fraction, Fraction]] = node.fields["kinks"]
        q, r = node.fields["slope"], node.fields["constant"]
        over = lcm(q.denominator, r.denominator, *(p.denominator for _, p in bends))
        grain = lcm(*(t.denominator for t, _ in bends))
        kinks = [int(t * grain) * operand.denominator for t, _ in bends]
        slope = [int(q * over)] * size
        constant = int(r * over) * operand.denominator * grain
        jumps = [[int(p * over)] * size for _, p in bends]
    total = {key: [s * n * grain for s, n in zip(slope, column, strict=True)] for key, column in operand.columns.items()}
    if constant:
        total[one] = [n + constant for n in total.get(one) or [0] * size]
    return Bend(node, operand, total, operand.denominator * grain * over, grain, kinks, jumps, [], 0)


def units(b: Bend, one: int) -> list[Row] | None:
    """z for each unit of the stage, up to one positive factor for all; None behind the last stage."""
    if b.node.op == "max_pool":
        chosen = [(i, w[b.stage + 1]) for i, w in enumerate(b.windows) if len(w) > b.stage + 1]
        return [_difference(b, i, e) for i, e in chosen] or None
    if b.stage == len(b.kinks):
        return None
    rows = []
    for i in range(prod(b.node.shape)):
        row = {key: n * b.grain for key, n in b.operand.row(i).items()}
        constant = row.pop(one, 0) - b.kinks[b.stage]
        rows.append({**row, one: constant} if constant else row)
    return rows


def _difference(b: Bend, i: int, entry: int) -> Row:
    row = b.operand.row(entry)
    for key, column in b.total.items():
        row[key] = row.get(key, 0) - column[i]
    return {key: n for key, n in row.items() if n}


def closed(b: Bend, parts: list[Row]) -> Bend:
    """The node behind this stage, max(z, 0) being `parts`, in the scale of `units`."""
    size = prod(b.node.shape)
    total = {key: list(column) for key, column in b.total.items()}
    if b.node.op == "max_pool":
        places = [i for i, w in enumerate(b.windows) if len(w) > b.stage + 1]
        jumps = [1] * len(places)
    else:
        places, jumps = list(range(size)), b.jumps[b.stage]
    for i, jump, part in zip(places, jumps, parts, strict=True):
        for key, n in part.items() if jump else ():
            total.setdefault(key, [0] * size)[i] += jump * n
    return b._replace(total=total, stage=b.stage + 1)
