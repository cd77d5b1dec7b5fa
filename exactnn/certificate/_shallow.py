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

from collections.abc import Sequence
from fractions import Fraction
from itertools import chain
from math import gcd
from typing import NamedTuple

from . import _budget
from ._network import Network
from ._numbers import need, show
from ._operations import operation
from ._stages import ONE, Stage, staged


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
    found = [i for i, node in enumerate(network.nodes) if not operation(node.op, node.name).rule and node.op != "input"]
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
    known, d = family(network, step), network.input_size
    (units,), outputs = (made := staged(network, step, whole=True)).stages, made.outputs
    beside = [j for j, row in enumerate(outputs.rows) if any(0 <= key < d for key in row)]
    need(not beside, step, f"output {beside[:1]} depends on the input beside the activation")
    neurons = range(d, d + len(units.rows))
    weights, biases = dense(units, range(d), step), dense(units, (ONE,), step)
    return Shallow(known, weights, [b for (b,) in biases], dense(outputs, neurons, step))


def dense(stage: Stage, keys: Sequence[int], step: str) -> list[list[int]]:
    """The coefficients of these keys as numerators over their least common denominator."""
    _budget.hold(len(stage.rows) * len(keys), step)
    found = [[row.get(key, 0) for key in keys] for row in stage.rows]
    divisor = gcd(stage.denominator, *chain.from_iterable(found))
    return found if divisor == 1 else [[v // divisor for v in row] for row in found]
