"""Rows of coefficients carried from the outputs of a network to its inputs: one pass, whatever happens at the nodes.

    r . f(x) = (rows at a node) . (its value) + ...,     the rows of operands that several nodes read are added up

At an affine node the step is its adjoint; what happens at the others is said by who asks: slopes for a gradient, intervals for bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

from exactnn.exact.array import RationalArray
from exactnn.exact.clock import clock_in_force
from exactnn.network.graph import Network

#: For a node and the rows (n, *shape) at its value, the rows at each of its operands.
Step = Callable[[str, RationalArray], tuple[RationalArray, ...]]


def sweep(
    net: Network, seeds: Mapping[str, RationalArray], step: Step, keep: Collection[str] = (), *, stop: Collection[str] = ()
) -> dict[str, RationalArray]:
    """Carry rows backwards.

    Parameters
    ----------
    seeds : rows (n, *shape) at some nodes
    step : asked for each node with operands that rows reach
    keep : further nodes whose rows are wanted
    stop : nodes whose rows are wanted, and carried no further

    Returns
    -------
    dict of the rows at all inputs that rows reach, and at the nodes in `keep` and `stop` that they reach
    """
    rows = dict(seeds)
    wanted = {*net.inputs, *keep, *stop}
    clock = clock_in_force()
    for name in reversed(net.order):
        if name not in rows:
            continue
        clock.check(f"rows of coefficients were being carried through node {name!r}")
        own = rows[name] if name in wanted else rows.pop(name)
        operands = net.operands(name)
        if operands and name not in stop:
            for operand, more in zip(operands, step(name, own), strict=True):
                rows[operand] = rows[operand] + more if operand in rows else more
    return {name: found for name, found in rows.items() if name in wanted}


def output_rows(net: Network, rows: RationalArray) -> dict[str, RationalArray]:
    """Rows (n, output_dim) on the flat output as rows at the output nodes."""
    seeds: dict[str, RationalArray] = {}
    start = 0
    for name in net.outputs:
        shape = net.shape(name)
        size = math.prod(shape)
        own = rows[:, start : start + size].reshape(len(rows), *shape)
        seeds[name] = seeds[name] + own if name in seeds else own
        start += size
    return seeds
