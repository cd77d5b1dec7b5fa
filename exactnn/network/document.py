"""A network as an exact JSON object (docs/network-format.md), and the hash that binds a certificate to one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from fractions import Fraction
from typing import Any

from exactnn.exact.array import RationalArray
from exactnn.exact.writing import json_number, json_tensor
from exactnn.network.graph import Network
from exactnn.network.operations import Operation


def document(net: Network) -> dict[str, Any]:
    """The JSON object of a network: nodes in topological order, every number exact.

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([["1/2", 3]], [0])])
    >>> document(net)["nodes"][1]["weight"]
    {'shape': [1, 2], 'denominator': 2, 'numerators': [1, 6]}
    """
    nodes = []
    for name in net.order:
        operation = net.operation(name)
        nodes.append({"name": name, "op": operation.kind, "operands": list(net.operands(name)), **_fields(operation)})
    return {
        "format": "exactnn-network",
        "version": 1,
        "inputs": list(net.inputs),
        "outputs": list(net.outputs),
        "nodes": nodes,
    }


def canonical_text(document: dict[str, Any]) -> str:
    """The one text of an object, by which it is known: keys sorted, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def canonical_hash(document: dict[str, Any]) -> str:
    """SHA-256 of the object's canonical text, in hexadecimal: how a certificate names a network that it holds."""
    return hash_of_text(canonical_text(document))


def hash_of_text(text: str) -> str:
    """SHA-256 of a canonical text, in hexadecimal."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _fields(operation: Operation) -> dict[str, Any]:
    """The fields of the operation's row in the format: they have the names of its attributes."""
    assert dataclasses.is_dataclass(operation)
    return {field.name: _plain(getattr(operation, field.name)) for field in dataclasses.fields(operation)}


def _plain(value: Any) -> Any:
    if isinstance(value, RationalArray):
        return json_tensor(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Fraction):
        return json_number(value)
    return value
