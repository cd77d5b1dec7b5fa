"""Networks with one hidden layer, f(x) = c + sum over i < n of a_i phi(w_i . x + b_i), read off their nodes.

All nodes but one are affine, and every way from an input to an output passes through that one, the activation. Its operand has n
entries, row-major, which are the neurons. The affine nodes before it are composed to W (n, d) and b, those behind it to A (m, n);
what else they add, c, is not needed. Of A, of W and of b the numerators over the least common denominator are kept.

phi is of one of three families:

    homogeneous   phi(t) = q t + p max(t, 0), p != 0:   phi(L t) = L phi(t) for L > 0,  phi(t) - phi(-t) = r t,  r = p + 2 q
    mirror        silu, gelu, softplus:                 phi(t) - phi(-t) = t,  r = 1
    odd           tanh, sigmoid:                        phi(t) + phi(-t) is a constant
"""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import NamedTuple

from . import _budget
from ._affine import AFFINE, affine_value
from ._budget import Budget
from ._network import Network
from ._numbers import Tensor, need, show
from ._rows import Linear, compose, dense, needed


class Family(NamedTuple):
    """What is known of phi; ``r`` is that of the module's docstring, and 0 for an odd phi."""

    kind: str
    r: Fraction

    @property
    def moves(self) -> str:
        """What keeps the function of every network with this phi."""
        more = {"homogeneous": " and positive scalings", "mirror": "", "odd": " and sign flips"}[self.kind]
        return f"permutations{more} of neurons"


class Shallow(NamedTuple):
    """Numerators over the least common denominator: row i of ``weights`` is w_i, column i of ``outgoing`` a_i."""

    family: Family
    weights: list[list[int]]
    biases: list[int]
    outgoing: list[list[int]]


def activation(network: Network, step: str) -> int:
    """The position of the only node that is not affine."""
    found = [i for i, node in enumerate(network.nodes) if node.op not in AFFINE and node.op != "input"]
    names = ", ".join(show(network.nodes[i].name) for i in found[:3])
    need(len(found) == 1, step, f"one node that is not affine is expected, there are {len(found)}{names and ': '}{names}")
    return found[0]


def family(network: Network, step: str) -> Family:
    """The family of the network's activation."""
    node = network.nodes[activation(network, step)]
    fields, here = node.fields, f"{step}: node {show(node.name)[1:-1]}"
    if node.op == "smooth":
        function = fields["function"]
        if function in ("silu", "gelu", "softplus"):
            return Family("mirror", Fraction(1))
        need(function in ("tanh", "sigmoid"), here, f"the fibres of {function} networks are not known to this checker")
        return Family("odd", Fraction(0))
    if node.op == "piecewise_linear":
        kinks: list[tuple[Fraction, Fraction]] = fields["kinks"]
        plain = len(kinks) == 1 and kinks[0][0] == 0 and fields["constant"] == 0
        need(plain, here, "this piecewise_linear function is not q t + p max(t, 0), p != 0")
        q, p = fields["slope"], kinks[0][1]
    else:
        need(node.op == "prelu", here, f"the fibres of networks with {node.op} are not known to this checker")
        slopes = set(fields["slopes"].fractions())
        need(len(slopes) == 1, here, "the slopes of this prelu are not all equal")
        q = slopes.pop()
        p = 1 - q
        need(p != 0, here, "a prelu of slope 1 is linear")
    return Family("homogeneous", p + 2 * q)


def read_shallow(network: Network, step: str) -> Shallow:
    """The network as W, b, A and its family; rejected unless it has one hidden layer."""
    known, at = family(network, step), activation(network, step)
    _no_skip(network, at, step)
    budget = Budget(_budget.SHALLOW, "products", step)
    (operand,) = network.nodes[at].operands
    n, d = prod(network.nodes[at].shape), network.input_size
    budget.spend(n * (d + network.output_size))
    starts = {i: Linear([((first + k,), (1,)) for k in range(prod(network.nodes[i].shape))], 1) for i, first in network.starts().items()}
    before = compose(network, starts, [operand], budget)
    weights = dense([before.get(operand)], [n], d)
    biases = _at_zero(network, operand).numerators
    behind = compose(network, {at: Linear([((i,), (1,)) for i in range(n)], 1)}, network.outputs, budget)
    outgoing = dense([behind.get(i) for i in network.outputs], [prod(network.nodes[i].shape) for i in network.outputs], n)
    return Shallow(known, weights, biases, outgoing)


def _no_skip(network: Network, at: int, step: str) -> None:
    """Rejected if an output depends on an input beside the activation."""
    beside: set[int] = set()
    for i, node in enumerate(network.nodes):
        if node.op == "input" or (i != at and not beside.isdisjoint(node.operands)):
            beside.add(i)
    for i in network.outputs:
        need(i not in beside, step, f"output {show(network.nodes[i].name)} depends on the input beside the activation")


def _at_zero(network: Network, wanted: int) -> Tensor:
    """The value of an affine node where the input is 0, in lowest terms."""
    values: dict[int, Tensor] = {}
    for i in needed(network, [wanted]):
        node = network.nodes[i]
        zeros = Tensor(node.shape, [0] * prod(node.shape), 1)
        values[i] = zeros if node.op == "input" else affine_value(node, [values[k] for k in node.operands])
    return values[wanted]
