"""The operations of the network format: for each, its fields, read and checked, the shape of its value, and its rule if it is affine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

from ._load import load
from ._numbers import Rejected, items, need, rational, rationals, shape, show, tensor

Shape = tuple[int, ...]
Fields = dict[str, Any]


def read_input(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """Its shape."""
    return {}, shape(raw["shape"], step)


def read_affine(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """weight x + bias on the last axis."""
    weight = tensor(raw["weight"], f"{step}: weight")
    need(len(weight.shape) == 2, step, "the weight must have two axes")
    (m, n), (a,) = weight.shape, operands
    if a[-1:] != (n,):
        raise Rejected(step, f"the weight takes {n} entries on the last axis of an operand of shape {list(a)}")
    return {"weight": weight, "bias": tensor(raw["bias"], f"{step}: bias", (m,))}, (*a[:-1], m)


def read_piecewise_linear(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    """slope t + constant + sum of p max(t - k, 0) over the kinks [k, p]."""
    kinks = [rationals(v, f"{step}: kinks[{i}]", 2) for i, v in enumerate(items(raw["kinks"], f"{step}: kinks"))]
    need(all(p != 0 for _, p in kinks), step, "a kink of size 0")
    need(all(s < t for (s, _), (t, _) in pairwise(kinks)), step, "the kinks are not increasing")
    slope, constant = (rational(raw[key], f"{step}: {key}") for key in ("slope", "constant"))
    return {"slope": slope, "constant": constant, "kinks": [(t, p) for t, p in kinks]}, operands[0]


class Operation(NamedTuple):
    """How a node is read, and what it does."""

    fields: tuple[str, ...]
    operands: int | None  # how many
    read: str  # from the fields as written, the operands' shapes and the step's name: the fields, checked, and the shape of the value
    rule: str = ""  # if it is affine: from the node and the operands' shapes, what it does to entries


_COMMON = {
    "input": Operation(("shape",), 0, "_operations.read_input"),
    "affine": Operation(("weight", "bias"), 1, "_operations.read_affine", "_meaning.affine"),
    "piecewise_linear": Operation(("slope", "constant", "kinks"), 1, "_operations.read_piecewise_linear"),
}


def operation(name: str, step: str) -> Operation:
    """The one with this name."""
    found = _COMMON.get(name) or load("_others.OTHERS").get(name)
    if found is None:
        raise Rejected(step, f"unknown operation {show(name)}")
    return found
