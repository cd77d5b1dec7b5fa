"""Convolutions and affine maps made one with the factors and constants of single entries around them, before two networks are compared.

One s and t for each row (channel):  s (W h + b) + t = (s W) h + (s b + t);   for each column:  W (s h + t) + b = (W s) h + (W t + b).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import mul

from . import _budget
from ._evaluate import value
from ._meaning import bits, linear
from ._network import Network, Node
from ._numbers import Tensor
from ._tensors import product, sum_of


def folded(network: Network, step: str) -> list[Node]:
    """The nodes, each joined with one that it reads, where that is cheap and exact."""
    nodes: list[Node] = []
    for node in network.nodes:
        node = _with_rows(nodes, node, step)
        while (joined := _with_columns(nodes, node, step)) is not node:
            node = joined
        nodes.append(node)
    return nodes


def _with_rows(nodes: Sequence[Node], node: Node, step: str) -> Node:
    """s and t behind a convolution or an affine map."""
    for p in node.operands:
        inner = nodes[_vector(nodes, node, p)]
        if inner.op in ("affine", "conv") and (found := _each(nodes, node, p, inner)):
            weight, bias = (inner.fields[key] for key in ("weight", "bias"))
            _charge(weight, found[0], step)
            fields = {**inner.fields, "weight": _by_row(weight, found[0]), "bias": sum_of(_by_row(bias, found[0]), found[1])}
            return inner._replace(name=node.name, shape=node.shape, fields=fields)
    return node


def _with_columns(nodes: Sequence[Node], node: Node, step: str) -> Node:
    """s and t before an affine map."""
    if node.op != "affine":
        return node
    inner, weight = nodes[_vector(nodes, node, node.operands[0])], node.fields["weight"]
    for p in inner.operands if inner.shape[-1] == weight.shape[1] else ():
        if found := _each(nodes, inner, p, node._replace(shape=inner.shape)):
            _charge(weight, found[0], step)
            factor = found[0]._replace(shape=weight.shape, numerators=found[0].numerators * weight.shape[0])
            shift = value(linear(node._replace(shape=weight.shape[:1]), [found[1].shape]), [found[1]])
            return node._replace(operands=(p,), fields={"weight": product(weight, factor), "bias": shift})
    return node


def _vector(nodes: Sequence[Node], node: Node, p: int) -> int:
    """The node that an affine map reads, behind reshapes of a single vector."""
    while node.op == "affine" and nodes[p].op == "reshape" and prod(nodes[p].shape) == node.fields["weight"].shape[1]:
        (p,) = nodes[p].operands
    return p


def _each(nodes: Sequence[Node], node: Node, p: int, rows: Node) -> tuple[Tensor, Tensor] | None:
    """s and t, if the node is s h + t, h the value of node p: one of each for each row or channel, as the node ``rows`` has them."""
    axis = -1 if rows.op == "affine" else 0
    size, sign, first = rows.shape[axis], -1 if node.op == "subtract" else 1, p == node.operands[0]
    zeros, ones, signs = (Tensor((size,), [n] * size, 1) for n in (0, 1, sign))
    if node.op == "affine" and axis == -1 and (diagonal := _diagonal(node.fields["weight"])) and diagonal.shape == (size,):
        return diagonal, node.fields["bias"]
    if node.op == "batch_norm" and (axis == 0 or len(node.shape) == 1):
        return node.fields["scale"], node.fields["shift"]
    if node.op == "scale" and (factor := _by_rows(node.fields["factor"], node.shape, axis)):
        return factor, zeros
    if node.op in ("add", "subtract") and nodes[p].shape == node.shape:
        other = nodes[node.operands[first]]
        if other.op == "constant" and (value := _by_rows(other.fields["value"], node.shape, axis)):
            return (ones, product(value, signs)) if first else (signs, value)
    return None


def _by_rows(value: Tensor, shape: tuple[int, ...], axis: int) -> Tensor | None:
    """What is broadcast to a shape as one number for each place on one axis of it, if that is what it is."""
    sizes = (1,) * (len(shape) - len(value.shape)) + value.shape
    if prod(sizes) != sizes[axis]:
        return None
    return Tensor((shape[axis],), value.numerators * (shape[axis] // len(value.numerators)), value.denominator)


def _diagonal(a: Tensor) -> Tensor | None:
    """The diagonal of a matrix that has nothing else."""
    m, n = a.shape
    found = a.numerators[:: n + 1]
    return Tensor((n,), found, a.denominator) if m == n and sum(map(bool, found)) == sum(map(bool, a.numerators)) else None


def _by_row(a: Tensor, factor: Tensor) -> Tensor:
    repeat = len(a.numerators) // len(factor.numerators)
    factors = [n for n in factor.numerators for _ in range(repeat)]
    return Tensor(a.shape, list(map(mul, a.numerators, factors)), a.denominator * factor.denominator)


def _charge(weight: Tensor, factor: Tensor, step: str) -> None:
    """The numbers of a weight are about to be multiplied."""
    long = [_budget.words(bits(t)) for t in (weight, factor)]
    _budget.charge(len(weight.numerators) * long[0] * long[1], step)
    _budget.hold(len(weight.numerators) * sum(long), step)
