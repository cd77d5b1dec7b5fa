"""Exact backpropagation: the gradient of  sum_n u_n . f(x_n)  by parameters, inputs and the values of all nodes.

    r_out = u,     r_operand = L^T r  (L the linear part, or the slopes at the point),     d/dparameter as `parameters` says

The chain rule of a loss l: hand over u_n = dl/df(x_n), rational numbers; all results are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from exactnn.errors import ArgumentError, AtKink, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import clock_in_force
from exactnn.network.backward import output_rows, sweep
from exactnn.network.graph import Network, flat
from exactnn.network.linearise import linearise
from exactnn.network.parameters import parameter_rows
from exactnn.network.points import as_points
from exactnn.value import Value

#: what is taken at a kink, where there is no derivative
CONVENTIONS = ("left", "beside", "refuse")


@dataclass(frozen=True, repr=False)
class Gradient(Value):
    """The derivatives of  sum_n u_n . f(x_n).

    Attributes
    ----------
    parameters : node -> field -> array of the field's shape, summed over the points; of a batch norm by its "scale" and "bias"
    nodes : node -> (n, *shape), by the value of the node at each point (for an input node, by the input)
    inputs : (n, input_dim)
    kinks : node -> how many entries lie on a kink or in a tie, at all points; empty where f is differentiable along the way
    at_kinks : the convention for these
    """

    parameters: Mapping[str, Mapping[str, RationalArray]]
    nodes: Mapping[str, RationalArray]
    inputs: RationalArray
    kinks: Mapping[str, int]
    at_kinks: str


class BackwardPass:
    """The values and slopes of a network at points, for any number of backward passes.

    Parameters
    ----------
    net : a network without smooth nodes
    points : (n, input_dim)
    at_kinks : "left", "beside" or "refuse"; see `gradient`
    """

    def __init__(self, net: Network, points: RationalArray, at_kinks: str = "left") -> None:
        self.net, self.points, self.at_kinks = net, points, at_kinks
        self.values = net.trace(points)
        self._around = linearise(net, points, self.values, at_kinks="beside" if at_kinks == "beside" else "left")
        if at_kinks == "refuse" and self.kinks:
            name, count = next(iter(self.kinks.items()))
            few = "y" if count == 1 else "ies"
            raise AtKink(
                f"points: {count} entr{few} of node {name!r} lie on a kink or in a tie, where there is no gradient; move the points, "
                'or say which one is meant, at_kinks="left" or "beside"'
            )

    @property
    def kinks(self) -> Mapping[str, int]:
        """How many entries of each node lie on a kink or in a tie."""
        return self._around.ties

    @cached_property
    def output(self) -> RationalArray:
        """The flat output (n, output_dim)."""
        return flat(self.values, self.net.outputs)

    def rows(self, upstream: RationalArray, *, absolute: bool = False) -> dict[str, RationalArray]:
        """Rows (n, output_dim) at the output, carried to all nodes; zeros where none come. `absolute`: as in `Linearisation.step`."""
        net, count = self.net, len(self.points)
        seeds = output_rows(net, upstream)
        found = sweep(net, seeds, lambda name, r: self._around.step(name, r, absolute=absolute), net.order)
        return {n: found[n] if n in found else RationalArray.zeros((count, *net.shape(n))) for n in net.order}

    def parameters(self, rows: Mapping[str, RationalArray], *, absolute: bool = False) -> dict[str, dict[str, RationalArray]]:
        """The gradients by the parameters of all nodes that have any."""
        found, clock = {}, clock_in_force()
        for name in self.net.order:
            clock.check(f"the gradient by the parameters of node {name!r} was to be computed")
            operands = self.net.operands(name)
            fields = parameter_rows(self.net.operation(name), rows[name], self.values[operands[0]] if operands else None, absolute=absolute)
            if fields:
                found[name] = fields
        return found


def gradient(net: Network, points: Any, upstream: Any, *, at_kinks: str = "left") -> Gradient:
    """The exact derivatives of  sum_n u_n . f(x_n);  as `Network.gradient` says."""
    if at_kinks not in CONVENTIONS:
        raise ArgumentError(f"at_kinks: one of {', '.join(map(repr, CONVENTIONS))} is needed, got {at_kinks!r}")
    rows = as_points(net, points)
    given = RationalArray.of(upstream, "upstream")
    if given.shape != (len(rows), net.output_dim):
        raise ShapeError(f"upstream: one row for each point, shape ({len(rows)}, {net.output_dim}), is needed, got {given.shape}")
    back = BackwardPass(net, rows, at_kinks)
    nodes = back.rows(given)
    return Gradient(back.parameters(nodes), nodes, flat(nodes, net.inputs), back.kinks, at_kinks)
