"""The wire format of protocol buffers: messages as lists of numbered fields, with every length checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ._numbers import Rejected, need

_VARINT, _BYTES = 0, 2
_SIZES = {1: 8, 5: 4}  # wire types of numbers of fixed length
# for each kind of field the wire type of one value, and whether it may have several
NUMBER, NUMBERS, DOUBLES, BLOCK, BLOCKS, FLOAT, FLOATS = (0, False), (0, True), (1, True), (2, False), (2, True), (5, False), (5, True)


def read_message(data: bytes, known: Mapping[int, tuple[str, tuple[int, bool]]], ignored: Collection[int], step: str) -> dict[str, Any]:
    """The values of the fields that occur, by name, of those that may have several a list: signed 64-bit numbers, else bytes."""
    found: dict[str, Any] = {name: [] for name, (_, several) in known.values() if several}
    for number, wire, value in _fields(data, step):
        if number in ignored:
            continue
        need(number in known, step, f"field {number} is not read here, and may change the meaning")
        name, (expected, several) = known[number]
        packed = several and wire == _BYTES != expected
        need(packed or wire == expected, step, f"{name} has a wrong wire type")
        need(several or name not in found, step, f"{name} occurs twice")
        if not several:
            found[name] = value
        else:
            found[name] += _varints(value, step) if packed and expected == _VARINT else [value]
    return found


def _fields(data: bytes, step: str) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position, step)
        number, wire = key >> 3, key & 7
        need(number > 0, step, "a field without a number")
        need(wire in (_VARINT, _BYTES, *_SIZES), step, f"unknown wire type {wire}")
        size, position = (_SIZES[wire], position) if wire in _SIZES else _varint(data, position, step)
        if wire == _VARINT:
            yield number, wire, size
            continue
        need(0 <= size <= len(data) - position, step, "a field is longer than what is left of the file")
        yield number, wire, data[position : position + size]
        position += size


def _varints(data: bytes, step: str) -> Iterator[int]:
    position = 0
    while position < len(data):
        value, position = _varint(data, position, step)
        yield value


def _varint(data: bytes, position: int, step: str) -> tuple[int, int]:
    """The signed number that starts at a position, and the position behind it."""
    value = 0
    for place in range(10):
        need(position + place < len(data), step, "the file ends within a number")
        byte = data[position + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80 and value < 2**64:
            return value - 2**64 if value >= 2**63 else value, position + place + 1
    raise Rejected(step, "an integer of more than 64 bits")
