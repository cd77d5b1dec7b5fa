"""Tensors in ONNX files: the exact rational numbers that their IEEE floats are."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import isfinite, prod
from typing import NamedTuple

from . import _budget
from ._load import load
from ._numbers import AXES, Tensor, afford, need
from ._protobuf import BLOCK, BLOCKS, DOUBLES, FLOATS, NUMBER, NUMBERS, read_message

_DATA = {4: ("float_data", FLOATS), 7: ("int64_data", NUMBERS), 9: ("raw_data", BLOCK), 10: ("double_data", DOUBLES)}
_ABOUT = {1: ("dims", NUMBERS), 2: ("data_type", NUMBER), 8: ("name", BLOCK), 13: ("external_data", BLOCKS), 14: ("data_location", NUMBER)}
_TENSOR = {**_ABOUT, **_DATA}, (12, 16)
SINGLE, INT64 = 1, 7
_TYPES = {SINGLE: ("float_data", "f"), INT64: ("int64_data", "q"), 11: ("double_data", "d")}  # field, letter for struct


class Stored(NamedTuple):
    """A constant of the graph: its type, its shape, and its entries as they lie in the file."""

    name: str
    data_type: int
    shape: tuple[int, ...]
    data: bytes | memoryview

    def real(self, step: str) -> Tensor:
        """Its entries as exact numbers; it must hold floats or doubles."""
        step = f"{step}: constant {self.name}"
        need(self.data_type != INT64, step, "it does not hold floats")
        need(all(size > 0 for size in self.shape), step, "it is empty")
        _budget.hold(prod(self.shape), step)  # each time that the constant is read
        entries = struct.unpack(f"<{prod(self.shape)}{_TYPES[self.data_type][1]}", self.data)
        need(all(map(isfinite, entries)), step, "an entry is NaN or infinite")
        pairs = [x.as_integer_ratio() for x in entries]
        common = max(d for _, d in pairs)  # powers of 2, and odd numerators above them
        longest = common.bit_length() + max(n.bit_length() - d.bit_length() for n, d in pairs)
        _budget.hold(len(pairs) * (_budget.words(longest) - 1), step)
        factors = {d: common // d for d in {d for _, d in pairs}}
        return Tensor(self.shape, [n * factors[d] for n, d in pairs], common)

    def integers(self, step: str) -> list[int]:
        """Its entries, sizes of axes; it must hold integers on one axis."""
        need(self.data_type == INT64 and len(self.shape) == 1, step, f"{self.name} is no list of integers")
        afford(self.shape[0] <= AXES, step, f"more than {AXES} axes: too large for this checker")
        return list(struct.unpack(f"<{self.shape[0]}q", self.data))


def read_tensor(block: bytes, step: str, files: Mapping[str, bytes]) -> Stored:
    """A tensor of floats, doubles or 64-bit integers, whose data may lie in ``files``."""
    message = read_message(block, *_TENSOR, step)
    name, kind, shape = message.get("name", b"").decode(), message.get("data_type", 0), tuple(message["dims"])
    step = f"{step} {name}"
    need(kind in _TYPES, step, f"entries of type {kind}; float, double and int64 are read")
    own, letter = _TYPES[kind]
    found = [key for key in ("raw_data", "external_data", "float_data", "int64_data", "double_data") if message.get(key, []) != []]
    need(found in ([], [own], ["raw_data"], ["external_data"]), step, f"it holds its data in {' and '.join(found)}")
    outside = found == ["external_data"]
    need(message.get("data_location", 0) == outside, step, "its data lies in another file, or not")
    if outside:
        data = load("_onnx_beside.external")(message["external_data"], step, files)
    elif found == ["int64_data"]:
        data = struct.pack(f"<{len(message[own])}q", *message[own])
    else:
        data = message.get("raw_data", b"") or b"".join(message[own])
    need(len(data) == prod(shape) * struct.calcsize(f"<{letter}"), step, f"{len(data)} bytes for the shape {list(shape)}")
    return Stored(name, kind, shape, data)
