"""Gradients of networks: rows at the outputs are sent back through the steps, and multiplied with what the nodes read.

A linear step sends W^T u back, and max(x, 0) those entries where x > 0: at a kink the slope on its left is taken, of tied entries of a
window the first. Where a row is known up to a radius, so is what absolute values of all weights and values send back of the radius.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from operator import mul

from . import _budget
from ._balls import Ball
from ._intervals import reweighted
from ._meaning import Linear, Step, bits, linear
from ._network import Network, Node
from ._numbers import Rejected, Tensor, need
from ._rows import by_entry
from ._tensors import absolute, over_common_denominator, sum_of

FIELDS = {"affine": ("weight", "bias"), "conv": ("weight", "bias"), "scale": ("factor",)}
Gradients = dict[tuple[int, str], Tensor]  # by position of a node, and field


def field_of(network: Network, name: str, field: str, step: str) -> int:
    """The position of a node that has this field among its trainable ones."""
    for i, node in enumerate(network.nodes):
        if node.name == name:
            need(field in FIELDS.get(node.op, ()), step, f"a {node.op} node has no gradient by {field!r} here")
            return i
    raise Rejected(step, "there is no such node")


def gradients(network: Network, program: Sequence[Step], runs: Sequence[Sequence[Tensor]], sent: Ball, step: str) -> list[Gradients]:
    """The gradients of  sum_n sent_n . f(x_n), and radii, if ``sent`` has them;  ``runs`` are the values of all steps at each x_n."""
    found = [_exact(network, program, runs, sent.centre, step)]
    if sent.radius is not None:
        program = [made._replace(rule=made.rule and reweighted(made.rule, abs, made.rule.denominator)) for made in program]
        found.append(_exact(network, program, [list(map(absolute, run)) for run in runs], sent.radius, step))
    return found


def _exact(network: Network, program: Sequence[Step], runs: Sequence[Sequence[Tensor]], sent: Tensor, step: str) -> Gradients:
    size, reached = sent.shape[1], dict[int, list[tuple[Tensor, Tensor]]]()
    for n, run in enumerate(runs):
        row = sent._replace(numerators=sent.numerators[n * size : (n + 1) * size])
        for i, own, read in _sent_back(network, program, run, row, step):
            reached.setdefault(i, []).append((own, read))
    by_field = [(i, field, pairs) for i, pairs in reached.items() for field in FIELDS[network.nodes[i].op]]
    return {(i, field): _by(network.nodes[i], field, pairs, step) for i, field, pairs in by_field}


def _sent_back(
    network: Network, program: Sequence[Step], run: Sequence[Tensor], row: Tensor, step: str
) -> Iterable[tuple[int, Tensor, Tensor]]:
    """For each node with gradients that the row at the output reaches: where, the row there, and what the node reads."""
    found: dict[int, Tensor] = {}

    def add(steps: Iterable[int], flat: Tensor) -> None:
        """A row for the entries of these steps, one after the other."""
        start = 0
        for k in steps:
            end = start + len(run[k].numerators)
            part = Tensor(run[k].shape, flat.numerators[start:end], flat.denominator)
            found[k], start = sum_of(found[k], part) if k in found else part, end

    ends = {made.node: k for k, made in enumerate(program)}
    add([ends[i] for i in network.outputs], row)
    for k in range(len(program) - 1, -1, -1):
        i, kind, operands, rule = program[k]
        if k not in found or not operands:
            continue
        here, node = found.pop(k), network.nodes[i]
        _budget.charge(len(here.numerators) + (rule.work(1, bits(here)) if rule else 0), f"{step}: node {node.name}")
        if rule is not None:
            if node.op in FIELDS:
                yield i, here, run[operands[0]]
            add(operands, _transposed(rule, here, sum(len(run[p].numerators) for p in operands)))
        else:
            need(kind == "positive", step, f"node {node.name}: {node.op} has no exact gradient here")
            add(operands, here._replace(numerators=[n if y else 0 for n, y in zip(here.numerators, run[k].numerators, strict=True)]))


def _transposed(rule: Linear, row: Tensor, size: int) -> Tensor:
    """The row times the matrix; entries at the place -1 are 0 and end up behind all others."""
    found, numbers = [0] * (size + 1), row.numerators
    for places, weights in rule.terms:
        for p, n in zip(places, numbers if weights is None else map(mul, weights, numbers), strict=True):
            found[p] += n
    for places, entries, rows in rule.blocks() if rule.blocks else ():
        part = [numbers[e] for e in entries]
        for p, column in zip(places, zip(*rows, strict=True), strict=True):
            found[p] += sum(map(mul, column, part))
    return Tensor((size,), found[:-1], row.denominator * rule.denominator)


def _by(node: Node, field: str, pairs: Sequence[tuple[Tensor, Tensor]], step: str) -> Tensor:
    """The gradient by a field: with its numbers in the places of their values, the rule tells where each of them is used."""
    shape = node.fields[field].shape
    numbered = Tensor(shape, list(range(prod(shape))), 1)
    rule = linear(node._replace(fields={**node.fields, field: numbered}), [pairs[0][1].shape])
    products, long = prod(rule.shape) * max(rule.taps, 1), (_budget.words(max(map(bits, part))) for part in zip(*pairs, strict=True))
    _budget.charge(products * (8 + len(pairs) * prod(long)), f"{step}: node {node.name}")
    with _budget.released():
        _budget.hold(4 * products, step)
    (rows, over), (reads, under) = map(over_common_denominator, zip(*pairs, strict=True))
    left, right = list(zip(*rows, strict=True)), [*zip(*reads, strict=True), (under,) * len(pairs)]  # at each entry all points; 1
    found = [0] * prod(shape)
    for row, (places, numbers) in zip(left, (((-1,), (n,)) for n in rule.constants) if field == "bias" else by_entry(rule), strict=True):
        for p, n in zip(places, numbers, strict=True):
            found[n] += sum(map(mul, row, right[p]))
    return Tensor(shape, found, over * under)
