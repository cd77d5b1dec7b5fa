"""Reading ONNX operations that only move entries: Flatten, Reshape, Identity; and Constant."""

from __future__ import annotations

from math import prod

from ._numbers import need, show
from ._onnx import Call, Computed, Reader
from ._onnx_tensors import Stored, read_tensor


def flatten(reader: Reader, call: Call) -> Computed:
    """Two axes: those before one, and those from it on."""
    a, axis = reader.value(call.inputs[0], Computed, call.step), call.integer("axis", 1)
    need(-len(a.full) <= axis <= len(a.full), call.step, f"there is no axis {axis}")
    axis += len(a.full) if axis < 0 else 0
    return _reshaped(reader, call, a, (prod(a.full[:axis]), prod(a.full[axis:])))


def reshape(reader: Reader, call: Call) -> Computed:
    """The entries in another shape."""
    a, sizes = reader.value(call.inputs[0], Computed, call.step), reader.value(call.inputs[1], Stored, call.step).integers(call.step)
    for i in [i for i, size in enumerate(sizes) if size == 0]:  # it keeps the size of that axis, unless it is meant literally
        need(call.integer("allowzero") == 0 and i < len(a.full), call.step, "an axis of size 0, or no such axis to keep")
        sizes[i] = a.full[i]
    need(min(sizes, default=1) >= -1 and sizes.count(-1) <= 1, call.step, "not a shape")
    known = -prod(sizes)
    if -1 in sizes and prod(a.full) % known == 0:
        sizes[sizes.index(-1)] = prod(a.full) // known
    need(prod(sizes) == prod(a.full), call.step, "the sizes do not fit")
    return _reshaped(reader, call, a, tuple(sizes))


def _reshaped(reader: Reader, call: Call, a: Computed, full: tuple[int, ...]) -> Computed:
    return reader.emit(call.name, "reshape", [a.node], full, shape=reader.flat(full, call.step))


def identity(reader: Reader, call: Call) -> Stored | Computed:
    """What it reads."""
    need(call.inputs[0] in reader.values, call.step, f"there is no value {show(call.inputs[0])}")
    return reader.values[call.inputs[0]]


def constant(reader: Reader, call: Call) -> Stored:
    """A tensor in the node; without one the empty message, which is no tensor."""
    return read_tensor(call.attributes.get("value", {}).get("t", b""), call.step, reader.files)
