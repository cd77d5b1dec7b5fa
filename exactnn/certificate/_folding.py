"""Affine maps that one node reads from another as one node, before two networks are walked together.

What is joined: a batch norm, a factor for each row or a constant for each row behind a convolution or an affine map; two affine maps, one
of them diagonal; a constant added to a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import mul

from . import _budget
from ._affine import affine_value, along_channels, broadcast_to, sum_of
from ._budget import Budget
from ._network import Network, Node
from ._numbers import Tensor
from ._work import words

_ADDED = 2**10  # entries of a vector to which a constant is added


def folded(network: Network, step: str) -> list[Node]:
    """The nodes, each joined with an affine map that it reads, where that is cheap and exact."""
    budget = Budget(_budget.FOLDED, "numbers of folded nodes", step)
    nodes: list[Node] = []
    for node in network.nodes:
        if node.op == "batch_norm":
            nodes.append(_with_norm(nodes[node.operands[0]], node, budget))
            continue
        if node.op in ("add", "subtract"):
            node = _into_bias(nodes, node, budget) or _with_constant(nodes, node, budget)
        elif node.op == "scale":
            node = _into_rows(nodes[node.operands[0]], node, budget)
        nodes.append(_with_diagonal(nodes, node, budget) if node.op == "affine" else node)
    return nodes


def _with_norm(inner: Node, node: Node, budget: Budget) -> Node:
    """Behind a convolution or an affine map of one axis:  s (W h + b) + t = (s W) h + (s b + t)."""
    if inner.op != "conv" and (inner.op != "affine" or len(inner.shape) > 1):
        return node
    scale, shift = node.fields["scale"], node.fields["shift"]
    _spend(budget, inner.fields["weight"], scale)
    weight = _by_channel(inner.fields["weight"], scale)
    bias = sum_of(_by_channel(inner.fields["bias"], scale), shift)
    return inner._replace(name=node.name, fields={**inner.fields, "weight": weight, "bias": bias})


def _into_rows(inner: Node, node: Node, budget: Budget) -> Node:
    """Behind a convolution or an affine map:  s (W h + b) = (s W) h + s b, one number s for each row."""
    factor = _by_rows(inner, node.fields["factor"])
    if factor is None:
        return node
    _spend(budget, inner.fields["weight"], factor)
    weight, bias = (_by_channel(inner.fields[key], factor) for key in ("weight", "bias"))
    return inner._replace(name=node.name, fields={**inner.fields, "weight": weight, "bias": bias})


def _into_bias(nodes: Sequence[Node], node: Node, budget: Budget) -> Node | None:
    """+-(W h + b) +- c, one number c for each row of a convolution or an affine map."""
    sign = -1 if node.op == "subtract" else 1
    p, q = node.operands
    for source, place, own, other in ((p, q, 1, sign), (q, p, sign, 1)):
        inner, constant = nodes[source], nodes[place]
        if constant.op == "constant" and inner.shape == node.shape:
            added = _by_rows(inner, constant.fields["value"])
            if added is not None:
                _spend(budget, inner.fields["weight"], added)
                weight, bias = (a._replace(numerators=[own * n for n in a.numerators]) for a in _parameters(inner))
                added = added._replace(numerators=[other * n for n in added.numerators])
                return inner._replace(name=node.name, fields={**inner.fields, "weight": weight, "bias": sum_of(bias, added)})
    return None


def _parameters(node: Node) -> tuple[Tensor, Tensor]:
    return node.fields["weight"], node.fields["bias"]


def _by_rows(inner: Node, value: Tensor) -> Tensor | None:
    """The value as one number for each row of a convolution or an affine map; None for other nodes and other values."""
    if inner.op not in ("affine", "conv") or len(value.shape) > len(inner.shape):
        return None
    rows = inner.shape[-1 if inner.op == "affine" else 0]
    sizes = (1,) * (len(inner.shape) - len(value.shape)) + value.shape
    if prod(sizes) != sizes[-1 if inner.op == "affine" else 0]:
        return None
    return Tensor((rows,), value.numerators * (rows // len(value.numerators)), value.denominator)


def _with_constant(nodes: Sequence[Node], node: Node, budget: Budget) -> Node:
    """A single vector to which a constant is added, or the other way round, as an affine map."""
    size, sign = prod(node.shape), -1 if node.op == "subtract" else 1
    if node.shape[-1:] != (size,) or size > _ADDED:
        return node
    p, q = node.operands
    if nodes[q].op == "constant" and nodes[p].shape == node.shape:
        source, place, own, other = p, q, 1, sign
    elif nodes[p].op == "constant" and nodes[q].shape == node.shape:
        source, place, own, other = q, p, sign, 1
    else:
        return node
    budget.spend(size * size)
    value = broadcast_to(nodes[place].fields["value"], node.shape)
    weight = Tensor((size, size), [own * (i == j) for i in range(size) for j in range(size)], 1)
    bias = Tensor((size,), [other * n for n in value.numerators], value.denominator)
    return Node(node.name, "affine", (source,), node.shape, {"weight": weight, "bias": bias})


def _with_diagonal(nodes: Sequence[Node], node: Node, budget: Budget) -> Node:
    """W (V h + c) + b = (W V) h + (W c + b), where W or V is diagonal; a single vector may be reshaped in between."""
    weight: Tensor = node.fields["weight"]
    (m, n), (p,) = weight.shape, node.operands
    while nodes[p].op == "reshape" and prod(nodes[p].shape) == n:
        (p,) = nodes[p].operands
    inner = nodes[p]
    if inner.op != "affine" or inner.shape[-1] != n:
        return node
    first, shift = inner.fields["weight"], inner.fields["bias"]
    outer, within = _diagonal(weight), _diagonal(first)
    if outer is not None:
        _spend(budget, first, weight)
        joint = _by_channel(first, outer)
    elif within is not None:
        _spend(budget, weight, first)
        joint = Tensor((m, n), list(map(mul, weight.numerators, within.numerators * m)), weight.denominator * within.denominator)
    else:
        return node
    fields = {"weight": joint, "bias": affine_value(node._replace(shape=(m,)), [shift])}
    return node._replace(operands=inner.operands, fields=fields)


def _diagonal(a: Tensor) -> Tensor | None:
    """The diagonal of a matrix that has nothing else."""
    m, n = a.shape
    found = a.numerators[:: n + 1]
    if m != n or sum(map(bool, found)) != sum(map(bool, a.numerators)):
        return None
    return Tensor((n,), found, a.denominator)


def _by_channel(a: Tensor, scale: Tensor) -> Tensor:
    factors = along_channels(scale, a.shape).numerators
    return Tensor(a.shape, [n * s for n, s in zip(a.numerators, factors, strict=True)], a.denominator * scale.denominator)


def _spend(budget: Budget, weight: Tensor, factor: Tensor) -> None:
    """The numbers of a weight are about to be multiplied."""
    budget.spend(len(weight.numerators) * (1 + words(weight) + words(factor)))
