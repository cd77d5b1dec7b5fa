"""Networks that files of other formats stand for: written in the exact format, and read."""

from __future__ import annotations

from typing import Any

from ._network import Network, read_network
from ._numbers import Tensor


def made(nodes: list[dict[str, Any]], inputs: list[str], outputs: list[str], step: str) -> Network:
    """The network of nodes that a file of another format stands for."""
    return read_network({"format": "exactnn-network", "version": 1, "nodes": nodes, "inputs": inputs, "outputs": outputs}, step)


def stated(value: Tensor) -> dict[str, Any]:
    """A tensor as the format has it."""
    return {"shape": list(value.shape), "denominator": value.denominator, "numerators": value.numerators}
