"""A carrier is taken through a network: it says what the steps are for numbers, intervals, functions of the inputs, ..."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ._meaning import Step
from ._network import Network


def walk(network: Network, carrier: Any, program: Iterable[Step]) -> list[Any]:
    """The values of all nodes, by its steps."""
    return list(dict(made(network, carrier, program)).values())


def made(network: Network, carrier: Any, program: Iterable[Step]) -> Iterator[tuple[int, Any]]:
    """For each step its node and its value, which a carrier makes:

    carrier.input(node, start)              the inputs from the flat place ``start`` on
    carrier.linear(node, rule, operands)    a linear step
    carrier.positive(node, operand)         max(x, 0), entry by entry
    carrier.function(node, operand)         the node's function, entry by entry (of a `max_pool`, window by window)
    """
    values: list[Any] = []
    starts = network.starts()
    for step in program:
        node, operands = network.nodes[step.node], [values[p] for p in step.operands]
        if step.kind == "input":
            value = carrier.input(node, starts[step.node])
        elif step.rule is not None:
            value = carrier.linear(node, step.rule, operands)
        else:
            value = carrier.positive(node, operands[0]) if step.kind == "positive" else carrier.function(node, operands[0])
        values.append(value)
        yield step.node, value
