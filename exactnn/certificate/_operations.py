"""The operations of the network format: for each, its fields, read and checked, and the shape of its value."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Any

from ._numbers import boolean, count, index, items, need, pack, rational, rationals, shape, show, tensor, text
from ._rounding import FORMATS, rounded_quotient
from ._windows import Window, broadcast

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
    need(a[-1:] == (n,), step, f"the weight takes {n} entries on the last axis of an operand of shape {list(a)}")
    return {"weight": weight, "bias": tensor(raw["bias"], f"{step}: bias", (m,))}, (*a[:-1], m)


def _window(raw: Fields, kernel: Shape, step: str) -> Window:
    axes = len(kernel)
    stride, dilation = (
        tuple(count(v, f"{step}: {key}", 1) for v in items(raw.get(key, [1] * axes), f"{step}: {key}", axes))
        for key in ("stride", "dilation")
    )
    pairs = (items(v, f"{step}: padding", 2) for v in items(raw["padding"], f"{step}: padding", axes))
    return Window(kernel, stride, tuple((count(a, f"{step}: padding"), count(b, f"{step}: padding")) for a, b in pairs), dilation)


def _conv(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    weight, groups, (a,) = tensor(raw["weight"], f"{step}: weight"), count(raw["groups"], step, 1), operands
    need(len(weight.shape) >= 3, step, "the weight must have three or more axes")
    out, inner, *kernel = weight.shape
    need(len(a) == len(weight.shape) - 1, step, f"operand shape {list(a)} does not fit the weight")
    need(a[0] == inner * groups and out % groups == 0, step, "channels and groups do not fit")
    window, bias = _window(raw, tuple(kernel), step), tensor(raw["bias"], f"{step}: bias", (out,))
    return {"weight": weight, "bias": bias, "window": window, "groups": groups}, (out, *window.moved(a[1:], step))


def _pool(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    (a,) = operands
    kernel = tuple(count(v, f"{step}: kernel", 1) for v in items(raw["kernel"], f"{step}: kernel"))
    need(len(kernel) >= 1 and len(a) == len(kernel) + 1, step, "the kernel does not fit the operand")
    window = _window(raw, kernel, step)
    grid, counted = window.moved(a[1:], step), boolean(raw.get("count_padding", False), f"{step}: count_padding")
    need(counted or not window.has_empty(a[1:], grid), step, "a window holds nothing but padding")
    return {"window": window, "count_padding": counted}, (a[0], *grid)


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


def _rational(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    fields = {key: tuple(rationals(raw[key], f"{step}: {key}")) for key in ("numerator", "denominator")}
    need(any(fields["denominator"]), step, "the denominator is the zero polynomial")
    return fields, operands[0]


def _batch_norm(raw: Fields, operands: list[Shape], step: str) -> tuple[Fields, Shape]:
    need(len(operands[0]) >= 1, step, "the operand has no channel axis")
    fields: Fields = {key: tensor(raw[key], f"{step}: {key}", operands[0][:1]) for key in ("mean", "variance", "weight", "bias")}
    fields |= {"epsilon": rational(raw["epsilon"], f"{step}: epsilon"), "precision": text(raw["precision"], f"{step}: precision")}
    need(fields["precision"] in FORMATS, step, f"unknown precision {show(fields['precision'])}")
    return with_scale(fields, step), operands[0]


def with_scale(fields: Fields, step: str) -> Fields:
    """The fields of a batch norm with its rounded ``scale`` and its ``shift`` = bias - scale mean."""
    scale = [
        rounded_quotient(w, v + fields["epsilon"], fields["precision"], f"{step}: channel {c}")
        for c, (w, v) in enumerate(zip(fields["weight"].fractions(), fields["variance"].fractions(), strict=True))
    ]
    means, biases = fields["mean"].fractions(), fields["bias"].fractions()
    shift = [b - s * m for b, s, m in zip(biases, scale, means, strict=True)]
    channels = (len(scale),)
    return {**fields, "scale": pack(scale, channels), "shift": pack(shift, channels)}


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


# operation: (its fields, number of operands or None, reader)
_Reader = Callable[[Fields, list[Shape], str], tuple[Fields, Shape]]
OPERATIONS: dict[str, tuple[tuple[str, ...], int | None, _Reader]] = {
    "input": (("shape",), 0, _input),
    "constant": (("value",), 0, _constant),
    "affine": (("weight", "bias"), 1, _affine),
    "conv": (("weight", "bias", "stride", "padding", "dilation", "groups"), 1, _conv),
    "piecewise_linear": (("slope", "constant", "kinks"), 1, _piecewise_linear),
    "prelu": (("slopes",), 1, _prelu),
    "smooth": (("function",), 1, _smooth),
    "rational": (("numerator", "denominator"), 1, _rational),
    "max_pool": (("kernel", "stride", "padding", "dilation"), 1, _pool),
    "average_pool": (("kernel", "stride", "padding", "count_padding"), 1, _pool),
    "batch_norm": (("mean", "variance", "weight", "bias", "epsilon", "precision"), 1, _batch_norm),
    "reshape": (("shape",), 1, _reshape),
    "transpose": (("axes",), 1, _transpose),
    "slice": (("starts", "stops", "steps"), 1, _slice),
    "gather": (("index",), 1, _gather),
    "concat": (("axis",), None, _concat),
    "add": ((), 2, _add),
    "subtract": ((), 2, _add),
    "scale": (("factor",), 1, _scale),
}
