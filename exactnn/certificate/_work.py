"""What the values of a network cost, in products of an entry and a weight, so that they can be counted before they are made."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ._network import Network, Node
from ._numbers import Tensor
from ._windows import Window

_WINDOW = 4  # an entry of a window costs as much as so many products
_LONG = 2**10  # bits of a number whose products cost as much as those of short ones


def each(node: Node) -> int:
    """The products that one entry of a node is made of."""
    fields = node.fields
    if node.op in ("affine", "conv"):
        weight: Tensor = fields["weight"]
        return prod(weight.shape[1:])
    if node.op in ("max_pool", "average_pool"):
        window: Window = fields["window"]
        return _WINDOW * prod(window.kernel)
    if node.op == "piecewise_linear":
        return 1 + len(fields["kinks"])
    return len(fields["numerator"]) + len(fields["denominator"]) if node.op == "rational" else 1


def products(network: Network) -> int:
    """Those of all values of a network at a point."""
    return sum(prod(node.shape) * each(node) for node in network.nodes)


def longer(node: Node, operands: Sequence[Tensor]) -> int:
    """What a node costs beside that, where numbers are long: w words times a words for a product, a^2 to reduce an entry."""
    a = max((words(t) for t in operands), default=0)
    w = words(node.fields["weight"]) if node.op in ("affine", "conv") else 0
    return prod(node.shape) * (each(node) * ((1 + a) * (1 + w) - 1) + a * a)


def words(value: Tensor) -> int:
    """How many times the longest number is as long as one that counts as short."""
    longest = value.denominator.bit_length()
    for n in value.numerators:
        longest = max(longest, n.bit_length() if isinstance(n, int) else max(n.lo.bit_length(), n.hi.bit_length()))
    return longest // _LONG
