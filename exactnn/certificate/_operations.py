"""The operations of the network format: for each, its fields, read and checked, the shape of its value, and its rule if it is affine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ._numbers import Rejected, items, need, rational, rationals, shape, tensor

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


_SLIDING = "stride", "padding", "dilation"
#: fields, number of operands or None, what reads it (from the fields as written, the operands' shapes, and the step's name), and what
#: gives its rule (from the node and the operands' shapes), if it is affine
OPERATIONS: dict[str, tuple[tuple[str, ...], int | None, str, str]] = {
    "input": (("shape",), 0, "_operations.read_input", ""),
    "affine": (("weight", "bias"), 1, "_operations.read_affine", "_meaning.affine"),
    "piecewise_linear": (("slope", "constant", "kinks"), 1, "_operations.read_piecewise_linear", ""),
    "prelu": (("slopes",), 1, "_bent.read_prelu", ""),
    "smooth": (("function",), 1, "_curved.read_smooth", ""),
    "rational": (("numerator", "denominator"), 1, "_quotients.read_rational", ""),
    "max_pool": (("kernel", *_SLIDING), 1, "_windowed.read_pool", ""),
    "average_pool": (("kernel", "stride", "padding", "count_padding"), 1, "_windowed.read_pool", "_windowed.average"),
    "conv": (("weight", "bias", *_SLIDING, "groups"), 1, "_windowed.read_conv", "_windowed.convolution"),
    "batch_norm": (("mean", "variance", "weight", "bias", "epsilon", "precision"), 1, "_rounding.read_batch_norm", "_rounding.scaled"),
    "constant": (("value",), 0, "_moving.read_constant", "_moving.constant"),
    "reshape": (("shape",), 1, "_moving.read_reshape", "_moving.reshaped"),
    "transpose": (("axes",), 1, "_moving.read_transpose", "_moving.transposed"),
    "slice": (("starts", "stops", "steps"), 1, "_moving.read_slice", "_moving.sliced"),
    "gather": (("index",), 1, "_moving.read_gather", "_moving.gathered"),
    "concat": (("axis",), None, "_moving.read_concat", "_moving.joined"),
    "add": ((), 2, "_broadcast.read_sum", "_broadcast.added"),
    "subtract": ((), 2, "_broadcast.read_sum", "_broadcast.added"),
    "scale": (("factor",), 1, "_broadcast.read_scale", "_broadcast.scaled"),
}
AFFINE = {op for op, (*_, rule) in OPERATIONS.items() if rule}
