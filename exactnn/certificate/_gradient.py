"""Gradients of networks: rows at the output are sent back by the transposes of what was done, and multiplied with what the nodes read.

At a kink the slope on its left is taken, of tied entries of a window the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from math import lcm, prod
from operator import mul

from . import _budget
from ._balls import Ball, gathered, plus
from ._meaning import Linear, bits, linear
from ._network import Network, Node
from ._numbers import Rejected, Tensor, need
from ._operations import operation
from ._piecewise import piecewise
from ._rows import by_entry
from ._tensors import absolute, over_common_denominator, product

FIELDS = {"affine": ("weight", "bias"), "conv": ("weight", "bias"), "scale": ("factor",)}


def field_of(network: Network, name: str, field: str, step: str) -> int:
    """The position of a node that has this field among its trainable ones."""
    for i, node in enumerate(network.nodes):
        if node.name == name:
            need(field in FIELDS.get(node.op, ()), step, f"a {node.op} node has no gradient by {field!r} here")
            return i
    raise Rejected(step, "there is no such node")


def gradients(network: Network, values: Sequence[Sequence[Tensor]], rows: Sequence[Ball], step: str) -> dict[tuple[int, str], Ball]:
    """For each node and field the gradient of  sum_n rows_n . f(x_n);  ``values`` are those of all nodes at each x_n."""
    rules = {
        i: linear(node, [network.nodes[p].shape for p in node.operands])
        for i, node in enumerate(network.nodes)
        if operation(node.op, node.name).rule and node.operands
    }
    reached: dict[int, list[tuple[Ball, Tensor]]] = {}
    long = max(bits(row.centre) for row in rows)
    for i, rule in rules.items():
        length = long + max(bits(trace[p]) for trace in values for p in network.nodes[i].operands)
        _budget.charge(rule.work(2 * len(rows), length) + 8 * rule.work(1, 1), f"{step}: node {network.nodes[i].name}")
        _budget.hold(4 * prod(rule.shape) * max(rule.taps, 1) if network.nodes[i].op in FIELDS else 0, step)
    for trace, row in zip(values, rows, strict=True):
        for i, own in _carried(network, rules, trace, row, step).items():
            if network.nodes[i].op in FIELDS:
                reached.setdefault(i, []).append((own, trace[network.nodes[i].operands[0]]))
    return {(i, field): _by(network.nodes[i], field, pairs) for i, pairs in reached.items() for field in FIELDS[network.nodes[i].op]}


def _carried(network: Network, rules: dict[int, Linear], trace: Sequence[Tensor], row: Ball, step: str) -> dict[int, Ball]:
    """The rows at all nodes that the flat row at the output reaches."""
    found: dict[int, Ball] = {}

    def add(nodes: Sequence[int], flat: Ball) -> None:
        """A flat row for the entries of these nodes, one after the other."""
        start = 0
        for i in nodes:
            part = flat.taken(start, network.nodes[i].shape)
            found[i] = plus(found[i], part, step) if i in found else part
            start += prod(part.shape)

    add(network.outputs, row)
    for i in range(len(network.nodes) - 1, -1, -1):
        node = network.nodes[i]
        if i not in found or not node.operands:
            continue
        back = (
            _sent(rules[i], found[i], sum(prod(network.nodes[p].shape) for p in node.operands))
            if i in rules
            else _back(node, found[i], trace[node.operands[0]], step)
        )
        add(node.operands, back)
    return found


def _sent(rule: Linear, row: Ball, size: int) -> Ball:
    """The row at the entries of all operands."""
    return row.mapped(lambda t: _transposed(rule, t, size), lambda t: _transposed(rule, t, size, abs))


def _transposed(rule: Linear, row: Tensor, size: int, change: Callable[[int], int] = int) -> Tensor:
    """The row times the matrix, or that of the absolute weights; entries at the place -1 are 0 and end up behind all others."""
    found, numbers = [0] * (size + 1), row.numerators
    for places, weights in rule.terms:
        for p, n in zip(places, numbers if weights is None else map(mul, map(change, weights), numbers), strict=True):
            found[p] += n
    for places, entries, rows in rule.blocks() if rule.blocks else ():
        part = [numbers[e] for e in entries]
        for p, column in zip(places, zip(*rows, strict=True), strict=True):
            found[p] += sum(map(mul, map(change, column), part))
    return Tensor((size,), found[:-1], row.denominator * rule.denominator)


def _back(node: Node, row: Ball, a: Tensor, step: str) -> Ball:
    """The row at the operand of a function."""
    if node.op == "max_pool":
        firsts = [max(places, key=lambda p: (a.numerators[p], -p)) for places in node.fields["window"].entries(a.shape, node.shape, step)]
        return row.mapped(lambda t: gathered(t, firsts, a.shape))
    need(node.op in ("piecewise_linear", "prelu"), step, f"node {node.name}: {node.op} has no exact gradient here")
    found, functions = list[int](), piecewise(node)
    over = lcm(*(q.denominator for f in functions for q in (f.slope, *(p for _, p in f.kinks))))
    repeat = len(a.numerators) // len(functions)
    for c, (slope, _, kinks) in enumerate(functions):
        bends = [(t * a.denominator, int(p * over)) for t, p in kinks]
        found += [int(slope * over) + sum(p for t, p in bends if x > t) for x in a.numerators[c * repeat : (c + 1) * repeat]]
    slopes = Tensor(a.shape, found, over)
    return row.mapped(lambda t: product(slopes, t), lambda t: product(absolute(slopes), t))


def _by(node: Node, field: str, pairs: Sequence[tuple[Ball, Tensor]]) -> Ball:
    """The gradient by a field: with its numbers in the places of their values, the rule tells where each of them is used."""
    value: Tensor = node.fields[field]
    numbered = Tensor(value.shape, list(range(len(value.numerators))), 1)
    rule = linear(node._replace(fields={**node.fields, field: numbered}), [pairs[0][1].shape])
    one = len(pairs[0][1].numerators)  # stands for 1
    uses: list[tuple[list[int], list[int]]] = [([], []) for _ in numbered.numerators]  # entries, and what they are multiplied with there
    for e, (places, numbers) in enumerate((((one,), (n,)) for n in rule.constants) if field == "bias" else by_entry(rule)):
        for p, number in zip(places, numbers, strict=True):
            uses[number][0].append(e)
            uses[number][1].append(p)
    reads = [x for _, x in pairs]
    centre = _sums(uses, [r.centre for r, _ in pairs], reads, value.shape)
    if all(r.radius is None for r, _ in pairs):
        return Ball(centre)
    radii = [r.radius or Tensor(r.shape, [0] * prod(r.shape), 1) for r, _ in pairs]
    return Ball(centre, _sums(uses, radii, list(map(absolute, reads)), value.shape))


def _sums(uses: Sequence[tuple[list[int], list[int]]], rows: Sequence[Tensor], reads: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
    """For each number the sum of row times read, over its uses and all points."""
    (first, over), (second, under) = over_common_denominator(rows), over_common_denominator(reads)
    left, right = list(zip(*first, strict=True)), [*zip(*second, strict=True), (under,) * len(reads)]
    found = []
    for entries, places in uses:
        if len(entries) == 1:
            found.append(sum(map(mul, left[entries[0]], right[places[0]])))
        else:
            chosen = chain.from_iterable(left[e] for e in entries), chain.from_iterable(right[p] for p in places)
            found.append(sum(map(mul, *chosen)))
    return Tensor(shape, found, over * under)
