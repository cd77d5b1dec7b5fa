"""The operations of the network format: for each, its fields, read and checked, and the shape of its value."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

from ._numbers import Rejected, count, index, items, need, rational, rationals, shape, show, tensor, text
from ._windows import broadcast

Shape = tuple[int, ...]
Fields = dict[str, Any]
SMOOTH = ("tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus")


def _input(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    return {}, shape(raw["shape"], step)


def _constant(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    value = tensor(raw["value"], f"{step}: value")
    return {"value": value}, value.shape


def _affine(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    weight = tensor(raw["weight"], f"{step}: weight")
    need(len(weight.shape) == 2, step, "the weight must have two axes")
    (m, n), (a,) = weight.shape, operands
    if a[-1:] != (n,):
        raise Rejected(step, f"the weight takes {n} entries on the last axis of an operand of shape {list(a)}")
    return {"weight": weight, "bias": tensor(raw["bias"], f"{step}: bias", (m,))}, (*a[:-1], m)


def _piecewise_linear(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    kinks = [rationals(v, f"{step}: kinks[{i}]", 2) for i, v in enumerate(items(raw["kinks"], f"{step}: kinks"))]
    need(all(p != 0 for _, p in kinks), step, "a kink of size 0")
    need(all(s < t for (s, _), (t, _) in pairwise(kinks)), step, "the kinks are not increasing")
    slope, constant = (rational(raw[key], f"{step}: {key}") for key in ("slope", "constant"))
    return {"slope": slope, "constant": constant, "kinks": [(t, p) for t, p in kinks]}, operands[0]


def _prelu(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    need(len(operands[0]) >= 1, step, "the operand has no channel axis")
    return {"slopes": tensor(raw["slopes"], f"{step}: slopes", operands[0][:1])}, operands[0]


def _smooth(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    name = text(raw["function"], f"{step}: function")
    need(name in SMOOTH, step, f"unknown function {show(name)}")
    return {"function": name}, operands[0]


def _reshape(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    found = shape(raw["shape"], step)
    need(prod(found) == prod(operands[0]), step, f"{list(operands[0])} cannot become {list(found)}")
    return {}, found


def _transpose(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    rank = len(operands[0])
    axes = tuple(index(v, rank, f"{step}: axes") for v in items(raw["axes"], f"{step}: axes", rank))
    need(len(set(axes)) == rank, step, "an axis occurs twice")
    return {"axes": axes}, tuple(operands[0][axis] for axis in axes)


def _slice(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    (a,), keys = operands, (("starts", 0), ("stops", 0), ("steps", 1))
    columns = [[count(v, f"{step}: {key}", least) for v in items(raw[key], f"{step}: {key}", len(a))] for key, least in keys]
    taken = tuple(range(size)[start:stop:by] for size, start, stop, by in zip(a, *columns, strict=True))
    need(all(taken), step, "the slice is empty")
    return {"taken": taken}, tuple(map(len, taken))


def _gather(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    places = tensor(raw["index"], f"{step}: index")
    need(places.denominator == 1, step, "an index is no whole number")
    need(all(0 <= p < prod(operands[0]) for p in places.numerators), step, f"an index beyond the entries of {list(operands[0])}")
    return {"index": places}, places.shape


def _concat(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    need(len(operands) >= 1, step, "needs an operand")
    first = operands[0]
    axis = index(raw["axis"], len(first), f"{step}: axis")
    need(len(set(map(len, operands))) == 1, step, "the operands differ in their number of axes")
    need(len({a[:axis] + a[axis + 1 :] for a in operands}) == 1, step, "shapes do not fit")
    return {"axis": axis}, (*first[:axis], sum(a[axis] for a in operands), *first[axis + 1 :])


def _add(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    return {}, broadcast(operands[0], operands[1], step)


def _scale(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    factor = tensor(raw["factor"], f"{step}: factor")
    need(broadcast(factor.shape, operands[0], step) == operands[0], step, "the factor is larger than the operand")
    return {"factor": factor}, operands[0]


#: its fields, number of operands or None, and what reads it: from the fields as written, the operands' shapes, and the step's name
OPERATIONS: dict[str, tuple[tuple[str, ...], int | None, str]] = {
    "input": (("shape",), 0, "_operations._input"),
    "constant": (("value",), 0, "_operations._constant"),
    "affine": (("weight", "bias"), 1, "_operations._affine"),
    "conv": (("weight", "bias", "stride", "padding", "dilation", "groups"), 1, "_windowed.read_conv"),
    "piecewise_linear": (("slope", "constant", "kinks"), 1, "_operations._piecewise_linear"),
    "prelu": (("slopes",), 1, "_operations._prelu"),
    "smooth": (("function",), 1, "_operations._smooth"),
    "rational": (("numerator", "denominator"), 1, "_quotients.read_rational"),
    "max_pool": (("kernel", "stride", "padding", "dilation"), 1, "_windowed.read_pool"),
    "average_pool": (("kernel", "stride", "padding", "count_padding"), 1, "_windowed.read_pool"),
    "batch_norm": (("mean", "variance", "weight", "bias", "epsilon", "precision"), 1, "_rounding.read_batch_norm"),
    "reshape": (("shape",), 1, "_operations._reshape"),
    "transpose": (("axes",), 1, "_operations._transpose"),
    "slice": (("starts", "stops", "steps"), 1, "_operations._slice"),
    "gather": (("index",), 1, "_operations._gather"),
    "concat": (("axis",), None, "_operations._concat"),
    "add": ((), 2, "_operations._add"),
    "subtract": ((), 2, "_operations._add"),
    "scale": (("factor",), 1, "_operations._scale"),
}
