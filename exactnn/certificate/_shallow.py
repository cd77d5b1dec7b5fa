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

#: what else than permutations keeps the function of every network with this phi
MOVES = {"homogeneous": " and positive scalings", "mirror": "", "odd": " and sign flips"}


class Shallow(NamedTuple):
    """Numerators over the least common denominator: row i of ``weights`` is w_i, column i of ``outgoing`` a_i."""

    kind: str
    r: Fraction
    weights: list[list[int]]
    biases: list[int]
    outgoing: list[list[int]]


def family(network: Network, step: str) -> tuple[str, Fraction]:
    """The family of the only node that is not affine, and r; 0 for an odd phi."""
    found = [node for node in network.nodes if not operation(node.op, step).rule and node.op != "input"]
    names = ", ".join(show(node.name) for node in found[:3])
    need(len(found) == 1, step, f"one node that is not affine is expected, there are {len(found)}{names and ': '}{names}")
    (node,) = found
    fields, here = node.fields, f"{step}: node {show(node.name)[1:-1]}"
    function = fields.get("function")
    if function in ("silu", "gelu", "softplus"):
        return ("mirror", Fraction(1))
    if function in ("tanh", "sigmoid"):
        return ("odd", Fraction(0))
    if node.op == "prelu":
        slopes = set(fields["slopes"].fractions())
        need(len(slopes) == 1, here, "the slopes of this prelu are not all equal")
        q = slopes.pop()
        kinks = [(0, 1 - q)]
        need(q != 1, here, "a prelu of slope 1 is linear")
    else:
        need(node.op == "piecewise_linear", here, f"the fibres of networks with {function or node.op} are not known to this checker")
        q, kinks = fields["slope"], fields["kinks"]
        plain = len(kinks) == 1 and kinks[0][0] == 0 and fields["constant"] == 0
        need(plain, here, "this piecewise_linear function is not q t + p max(t, 0), p != 0")
    return ("homogeneous", 2 * q + kinks[0][1])


def read_shallow(network: Network, step: str) -> Shallow:
    """The network as W, b, A and its family; rejected unless it has one hidden layer."""
    (kind, r), d = family(network, step), network.input_size
    (units,), outputs = (made := staged(network, step, whole=True)).stages, made.outputs
    beside = [j for j, row in enumerate(outputs.rows) if any(0 <= key < d for key in row)]
    need(not beside, step, f"output {beside[:1]} depends on the input beside the activation")
    neurons = range(d, d + len(units.rows))
    weights, biases = dense(units, range(d), step), dense(units, (ONE,), step)
    return Shallow(kind, r, weights, [b for (b,) in biases], dense(outputs, neurons, step))


def dense(stage: Stage, keys: Sequence[int], step: str) -> list[list[int]]:
    """The coefficients of these keys as numerators over their least common denominator."""
    _budget.hold(len(stage.rows) * len(keys), step)
    found = [[row.get(key, 0) for key in keys] for row in stage.rows]
    divisor = gcd(stage.denominator, *chain.from_iterable(found))
    return found if divisor == 1 else [[v // divisor for v in row] for row in found]
