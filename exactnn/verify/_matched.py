"""A network with its neurons in the order of another one's: g' = P(g) has g's function, and is near f where g is a rounded, permuted copy.

Layer by layer from the inputs, the permutation of g's neurons is the assignment with the least sum over neurons of
|(w, b) of f's neuron - (w, b) of g's neuron|^2, in floats: a proposal, since any permutation keeps the function.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from exactnn.claims import Certificate, SymmetryClaim, accepted
from exactnn.errors import ExactnnError
from exactnn.exact.array import concatenate
from exactnn.network import Affine, Conv, Network
from exactnn.network.neurons import layer_at
from exactnn.symmetry.transformations import Permutation, Step
from exactnn.verify._images import checker_builds

_MOST = 4096  # neurons of a layer
#: how much nearer, as squares of distances, g's weights must become
_NEARER = 0.25


class Matched(NamedTuple):
    """P(g), and P as certificates write it."""

    network: Network
    steps: list[Step]

    def stated(self, evidence: dict[str, Any]) -> dict[str, Any]:
        """Evidence about P(g) as evidence about g."""
        return {**evidence, "matched": self.steps}


def matched(f: Network, g: Network | None) -> Matched | None:
    """g with the neurons of its hidden layers in the order of f's; None where that is the one they have, or none is seen."""
    if g is None or len(f.hidden_layers) != len(g.hidden_layers):
        return None
    found = g
    steps: list[Step] = []
    for first, second in zip(f.hidden_layers, g.hidden_layers, strict=True):
        try:
            order = _order(_neurons(f, first), _neurons(found, second))
            if order is not None:
                move = Permutation(second, order)
                steps += move.steps(found)
                found = move.apply(found)
        except ExactnnError:  # neurons that cannot be permuted there: a residual connection, say
            continue
    if not steps or not checker_builds(SymmetryClaim(g, found, None, Fraction(0), tuple(steps))):
        return None
    return Matched(found, steps)


def read_by_checker(nets: Iterable[Network]) -> bool:
    """Whether a certificate about them names a file, in which the checker may see other nodes than the loader."""
    return any(net.source is not None and net.source.checkable for net in nets)


def is_accepted(certificate: Certificate) -> bool:
    """Whether the checker, where it reads a network's file itself, finds its neurons where they are said to be."""
    return not read_by_checker(certificate.models.values()) or accepted(certificate)


def _neurons(net: Network, layer: str) -> np.ndarray:
    """Incoming weights and bias of each neuron, as floats; empty for a layer without weights of its own."""
    at = layer_at(net, layer)
    operation = net.operation(at.source)
    if not isinstance(operation, (Affine, Conv)):
        return np.zeros((0, 0))
    rows = operation.weight.reshape(at.count, -1)
    return concatenate([rows, operation.bias.reshape(at.count, -1)], axis=1).to_float()


def _order(a: np.ndarray, b: np.ndarray) -> list[int] | None:
    """The places in b of what is nearest to each row of a; None for the order that they have."""
    if a.shape != b.shape or not 2 <= len(a) <= _MOST or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    exponent = int(np.frexp(max(np.abs(a).max(initial=0), np.abs(b).max(initial=0)))[1])
    a, b = np.ldexp(a, -exponent), np.ldexp(b, -exponent)  # their squares are floats
    apart = float(((a - b) ** 2).sum())
    if apart <= 2.0**-10 * float((a**2).sum()):
        return None
    from scipy.optimize import linear_sum_assignment  # not before it is needed: slow to import

    costs = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)[None, :]
    _, order = linear_sum_assignment(costs)
    if float(((a - b[order]) ** 2).sum()) > _NEARER * apart or (order == np.arange(len(order))).all():
        return None
    return [int(k) for k in order]
