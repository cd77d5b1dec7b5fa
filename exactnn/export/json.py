"""Networks as exact JSON (docs/network-format.md), and the hash that binds a certificate to one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from fractions import Fraction
from typing import Any

from exactnn.exact.array import RationalArray
from exactnn.export._atomic import write_text
from exactnn.network import Network, Operation

_LONG = 10**4000  # longer integers are written in hexadecimal, since readers may refuse so many decimal digits


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


def canonical_hash(document: dict[str, Any]) -> str:
    """SHA-256 of the object's canonical text, in hexadecimal: how a certificate names a network that it holds."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def save_json(net: Network, path: str | os.PathLike[str]) -> None:
    """Write the network as exact JSON, one node a line; loading it gives an equal network."""
    whole = document(net)
    nodes = whole.pop("nodes")
    head = json.dumps(whole, ensure_ascii=True)[:-1]
    lines = ",\n".join("  " + json.dumps(node, ensure_ascii=True) for node in nodes)
    write_text(path, f'{head},\n "nodes": [\n{lines}]}}\n')


def tensor(array: RationalArray) -> dict[str, Any]:
    """An array as the format's Tensor."""
    numerators: list[Any] = array.numerators.ravel().tolist()
    if array.bound >= _LONG:
        numerators = [integer(n) for n in numerators]
    return {"shape": list(array.shape), "denominator": integer(array.denominator), "numerators": numerators}


def integer(value: int) -> int | str:
    """An integer as the format writes it."""
    return int(value) if -_LONG < value < _LONG else hex(value)


def rational(value: Fraction) -> int | str:
    """A rational as the format writes it: an integer, or "p/q" (each in hexadecimal if it is long)."""
    return integer(value.numerator) if value.denominator == 1 else f"{integer(value.numerator)}/{integer(value.denominator)}"


def _fields(operation: Operation) -> dict[str, Any]:
    """The fields of the operation's row in the format: they have the names of its attributes."""
    assert dataclasses.is_dataclass(operation)
    return {field.name: _plain(getattr(operation, field.name)) for field in dataclasses.fields(operation)}


def _plain(value: Any) -> Any:
    if isinstance(value, RationalArray):
        return tensor(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Fraction):
        return rational(value)
    return value
