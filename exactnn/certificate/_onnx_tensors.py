"""Tensors in ONNX files: the exact rational numbers that their IEEE floats are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from math import isfinite, prod
from typing import Any, NamedTuple

from . import _budget
from ._common import lowest
from ._load import load
from ._numbers import Tensor, need
from ._protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, Message

_TENSOR = {
    1: Field("dims", VARINT, True),
    2: Field("data_type", VARINT),
    4: Field("float_data", FIXED32, True),
    7: Field("int64_data", VARINT, True),
    8: Field("name", BYTES),
    9: Field("raw_data", BYTES),
    10: Field("double_data", FIXED64, True),
    13: Field("external_data", BYTES, True),
    14: Field("data_location", VARINT),
}
INT64 = 7
_TYPES = {1: ("float_data", "f"), INT64: ("int64_data", "q"), 11: ("double_data", "d")}  # field, letter for struct


class Stored(NamedTuple):
    """A constant of the graph: its type, its shape, and its entries as Python reads them: a double holds every float."""

    name: str
    data_type: int
    shape: tuple[int, ...]
    entries: Sequence[float]

    def real(self, step: str) -> Tensor:
        """Its entries as exact numbers; it must hold floats or doubles."""
        need(self.data_type != INT64, step, f"the constant {self.name} does not hold floats")
        need(prod(self.shape) > 0, step, f"the constant {self.name} is empty")
        bad = next((i for i, x in enumerate(self.entries) if not isfinite(x)), None)
        need(bad is None, f"{step}: constant {self.name}", f"entry {bad} is NaN or infinite")
        pairs = [x.as_integer_ratio() for x in self.entries]
        common = max(d for _, d in pairs)  # powers of 2
        longest = common.bit_length() + max(n.bit_length() - d.bit_length() for n, d in pairs)
        _budget.hold(len(pairs) * _budget.words(longest), step)  # each time that the constant is read
        factors = {d: common // d for d in {d for _, d in pairs}}
        return lowest(Tensor(self.shape, [n * factors[d] for n, d in pairs], common))

    def integers(self, step: str) -> list[int]:
        """Its entries; it must hold integers on one axis."""
        need(self.data_type == INT64 and len(self.shape) == 1, step, f"{self.name} is no list of integers")
        return list(map(int, self.entries))


def single_float(attribute: Message | None, step: str) -> Fraction:
    """A float attribute, 1 where it is left out."""
    if attribute is None:
        return Fraction(1)
    need(attribute.has("f"), step, "an attribute is no float")
    (value,) = struct.unpack("<f", attribute.all("f")[0])
    need(isfinite(value), f"{step}: attribute {attribute.text('name')}", "it is NaN or infinite")
    return Fraction(value)


def read_tensor(data: bytes, step: str, files: Any) -> Stored:
    """A tensor of floats, doubles or 64-bit integers, whose data may lie in ``files``."""
    message = Message(data, _TENSOR, (12, 16), step)
    name, kind, shape = message.text("name"), message.integer("data_type"), tuple(message.all("dims"))
    step = f"{step} {name}"
    need(kind in _TYPES, step, f"entries of type {kind}; float, double and int64 are read")
    need(all(size >= 0 for size in shape), step, "its shape has a negative size")
    own, letter = _TYPES[kind]
    for field, _ in _TYPES.values():
        need(field == own or not message.has(field), step, f"it has {field}")
    outside = message.has("external_data") or message.integer("data_location") != 0
    need(outside + message.has("raw_data") + message.has(own) <= 1, step, "it holds its data twice")
    entries: Sequence[float] = message.all("int64_data")
    if kind != INT64 or outside or message.has("raw_data"):
        raw = load("_onnx_beside.external")(message, step, files) if outside else b"".join(message.all("raw_data") or message.all(own))
        size = struct.calcsize("<" + letter)
        need(len(raw) % size == 0, step, "its data ends within a number")
        entries = struct.unpack(f"<{len(raw) // size}{letter}", raw)
    need(len(entries) == prod(shape), step, f"{len(entries)} entries for the shape {list(shape)}")
    return Stored(name, kind, shape, entries)
