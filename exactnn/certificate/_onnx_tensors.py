"""Tensors in ONNX files: the exact rational numbers that their IEEE floats are."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import NamedTuple

from ._numbers import LIMIT, Rejected, Tensor, afford, lowest, need, show
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
_ENTRY = {1: Field("key", BYTES), 2: Field("value", BYTES)}
_EXTERNAL = 1
_COUNT = re.compile("[0-9]{1,18}")
FLOAT, INT64, DOUBLE = 1, 7, 11
_DATA = {FLOAT: "float_data", INT64: "int64_data", DOUBLE: "double_data"}
_LAYOUT = {FLOAT: ("I", 8, 23), DOUBLE: ("Q", 11, 52)}  # letter for struct, bits of exponent and of significand


class Beside:
    """The files beside a model that hold tensors, by their names; all tensors together take no more bytes than there are."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files, self._left = files, sum(map(len, files.values()))

    def piece(self, name: str, start: int, length: int | None, step: str) -> bytes:
        """So many bytes from a place on; without a length, all that are left."""
        need(name in self._files, step, f"its data lies in the file {show(name)}, which the certificate does not bind")
        data = self._files[name]
        length = len(data) - start if length is None else length
        need(0 <= length <= len(data) - start, step, f"the file {show(name)} ends before its data")
        self._left -= length
        need(self._left >= 0, step, "tensors share their data")
        return data[start : start + length]


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


def read_tensor(data: bytes, step: str, files: Beside) -> Stored:
    """A tensor of floats, doubles or 64-bit integers, whose data may lie in ``files``."""
    message = Message(data, _TENSOR, (12, 16), step)
    name, kind = message.text("name"), message.integer("data_type")
    step = f"{step} {name}"
    need(kind in _DATA, step, f"entries of type {kind}; float, double and int64 are read")
    shape = tuple(message.integers("dims"))
    need(all(size >= 0 for size in shape), step, "its shape has a negative size")
    afford(max(shape, default=1) <= LIMIT and prod(shape) <= LIMIT, step, f"it has more than {LIMIT} entries: too large for this checker")
    for field in ("raw_data", *_DATA.values()):
        need(field in ("raw_data", _DATA[kind]) or not message.has(field), step, f"it has {field}")
    outside = message.has("external_data") or message.integer("data_location") != 0
    need(outside + message.has("raw_data") + message.has(_DATA[kind]) <= 1, step, "it holds its data twice")
    if kind == INT64 and not outside and not message.has("raw_data"):
        bits: Sequence[int] = message.integers("int64_data")
    else:
        inside = b"".join(message.blocks("raw_data") or message.blocks(_DATA[kind]))
        raw = _external(message, step, files) if outside else inside
        letter = "q" if kind == INT64 else _LAYOUT[kind][0]
        need(len(raw) % struct.calcsize("<" + letter) == 0, step, "its data ends within a number")
        bits = struct.unpack(f"<{len(raw) // struct.calcsize('<' + letter)}{letter}", raw)
    need(len(bits) == prod(shape), step, f"{len(bits)} entries for the shape {list(shape)}")
    return Stored(name, kind, shape, bits)


def _external(message: Message, step: str, files: Beside) -> bytes:
    """The part of another file that the tensor names."""
    need(message.integer("data_location") == _EXTERNAL, step, "its data lies in another file, or not")
    pairs = [Message(block, _ENTRY, (), step) for block in message.blocks("external_data")]
    keys = {pair.text("key"): pair.text("value") for pair in pairs}
    need(len(keys) == len(pairs) and keys.keys() <= {"location", "offset", "length", "checksum"}, step, "keys of another file")
    for key in ("offset", "length"):
        need(_COUNT.fullmatch(keys.get(key, "0")) is not None, step, f"its {key} is no number")
    length = int(keys["length"]) if "length" in keys else None
    return files.piece(keys.get("location", ""), int(keys.get("offset", "0")), length, step)
