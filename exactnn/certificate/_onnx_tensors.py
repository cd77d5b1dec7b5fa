"""Tensors in ONNX files: the exact rational numbers that their IEEE floats are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import NamedTuple

from ._numbers import LIMIT, Rejected, Tensor, lowest, need
from ._protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, Message

_TENSOR = {
    1: Field("dims", VARINT, True),
    2: Field("data_type", VARINT),
    4: Field("float_data", FIXED32, True),
    7: Field("int64_data", VARINT, True),
    8: Field("name", BYTES),
    9: Field("raw_data", BYTES),
    10: Field("double_data", FIXED64, True),
    14: Field("data_location", VARINT),
}
FLOAT, INT64, DOUBLE = 1, 7, 11
_DATA = {FLOAT: "float_data", INT64: "int64_data", DOUBLE: "double_data"}
_LAYOUT = {FLOAT: ("I", 8, 23), DOUBLE: ("Q", 11, 52)}  # letter for struct, bits of exponent and of significand


class Stored(NamedTuple):
    """A constant of the graph: its type, shape and the bits of its entries (for INT64 the entries)."""

    name: str
    data_type: int
    shape: tuple[int, ...]
    bits: Sequence[int]

    def real(self, step: str) -> Tensor:
        """Its entries as exact numbers; it must hold floats or doubles."""
        need(self.data_type in _LAYOUT, step, f"the constant {self.name} does not hold floats")
        need(prod(self.shape) > 0, step, f"the constant {self.name} is empty")
        _, exponent_bits, fraction_bits = _LAYOUT[self.data_type]
        where = f"{step}: constant {self.name}"
        pairs = [_dyadic(b, exponent_bits, fraction_bits, where, i) for i, b in enumerate(self.bits)]
        least = min(0, *(e for _, e in pairs))
        return lowest(Tensor(self.shape, [n << (e - least) for n, e in pairs], 1 << -least))

    def integers(self, step: str) -> Sequence[int]:
        """Its entries; it must hold integers on one axis."""
        need(self.data_type == INT64 and len(self.shape) == 1, step, f"{self.name} is no list of integers")
        return self.bits


def _dyadic(bits: int, exponent_bits: int, fraction_bits: int, step: str, place: int) -> tuple[int, int]:
    """n, e: the IEEE number with these bits is n * 2^e."""
    fraction = bits & ((1 << fraction_bits) - 1)
    exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1)
    negative = bits >> (fraction_bits + exponent_bits)
    if exponent == (1 << exponent_bits) - 1:
        raise Rejected(step, f"entry {place} is {'NaN' if fraction else 'infinite'}")
    if exponent:
        fraction += 1 << fraction_bits
    bias = (1 << (exponent_bits - 1)) - 1
    return (-fraction if negative else fraction), max(exponent, 1) - bias - fraction_bits


def single_float(attribute: Message | None, step: str) -> Fraction:
    """A float attribute, 1 where it is left out."""
    if attribute is None:
        return Fraction(1)
    need(attribute.has("f"), step, "an attribute is no float")
    (bits,) = struct.unpack("<I", attribute.blocks("f")[0])
    n, e = _dyadic(bits, 8, 23, f"{step}: attribute {attribute.text('name')}", 0)
    return Fraction(n) * Fraction(2) ** e


def read_tensor(data: bytes, step: str) -> Stored:
    """A tensor of floats, doubles or 64-bit integers; data in other files is refused."""
    message = Message(data, _TENSOR, (12, 16), step)
    name, kind = message.text("name"), message.integer("data_type")
    step = f"{step} {name}"
    need(kind in _DATA, step, f"entries of type {kind}; float, double and int64 are read")
    need(message.integer("data_location") == 0, step, "its data lies in another file")
    shape = tuple(message.integers("dims"))
    need(all(0 <= size <= LIMIT for size in shape) and prod(shape) <= LIMIT, step, "its shape is absurd")
    for field in ("raw_data", *_DATA.values()):
        need(field in ("raw_data", _DATA[kind]) or not message.has(field), step, f"it has {field}")
    need(not (message.has("raw_data") and message.has(_DATA[kind])), step, "it holds its data twice")
    if kind == INT64 and not message.has("raw_data"):
        bits: Sequence[int] = message.integers("int64_data")
    else:
        raw = b"".join(message.blocks("raw_data") or message.blocks(_DATA[kind]))
        letter = "q" if kind == INT64 else _LAYOUT[kind][0]
        need(len(raw) % struct.calcsize("<" + letter) == 0, step, "its data ends within a number")
        bits = struct.unpack(f"<{len(raw) // struct.calcsize('<' + letter)}{letter}", raw)
    need(len(bits) == prod(shape), step, f"{len(bits)} entries for the shape {list(shape)}")
    return Stored(name, kind, shape, bits)
