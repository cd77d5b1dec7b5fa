"""The wire format of protocol buffers: messages as lists of numbered fields, with every length checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from ._numbers import Rejected, need

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZES = {FIXED64: 8, FIXED32: 4}


class Field(NamedTuple):
    """The name of a known field and the wire type of one value of it."""

    name: str
    wire: int
    repeated: bool = False


class Message:
    """The values of the fields, by name: signed 64-bit numbers for VARINT, bytes for all others."""

    def __init__(self, data: bytes, known: Mapping[int, Field], ignored: Collection[int], step: str) -> None:
        self._step = step
        self._values: dict[str, list[Any]] = {field.name: [] for field in known.values()}
        for number, wire, value in _fields(data, step):
            if number in ignored:
                continue
            need(number in known, step, f"field {number} is not read here, and may change the meaning")
            name, expected, repeated = known[number]
            packed = wire == BYTES != expected and repeated
            need(packed or wire == expected, step, f"{name} has a wrong wire type")
            self._values[name] += _varints(value, step) if packed and expected == VARINT else [value]
            need(repeated or len(self._values[name]) == 1, step, f"{name} occurs twice")

    def has(self, name: str) -> bool:
        """Whether the field occurs."""
        return bool(self._values[name])

    def all(self, name: str) -> list[Any]:
        """All values of a field."""
        return self._values[name]

    def integer(self, name: str) -> int:
        """The value of a VARINT field, 0 where it does not occur."""
        return int((self._values[name] or [0])[0])

    def texts(self, name: str) -> list[str]:
        """All values of a text field."""
        try:
            return [value.decode("utf-8") for value in self._values[name]]
        except UnicodeDecodeError:
            raise Rejected(self._step, f"{name} is not UTF-8") from None

    def text(self, name: str) -> str:
        """The value of a text field, empty where it does not occur."""
        return (self.texts(name) or [""])[0]


def _varint(data: bytes, position: int, step: str) -> tuple[int, int]:
    """The number that starts at a position, without a sign, and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        need(position < len(data), step, "the file ends within a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    need(byte < 0x80 and value < 2**64, step, "an integer of more than 64 bits")
    return value, position


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _varints(data: bytes, step: str) -> Iterator[int]:
    position = 0
    while position < len(data):
        value, position = _varint(data, position, step)
        yield _signed(value)


def _fields(data: bytes, step: str) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position, step)
        number, wire = key >> 3, key & 7
        need(number > 0, step, "a field without a number")
        need(wire in (VARINT, BYTES, *_SIZES), step, f"unknown wire type {wire}")
        size, position = (_SIZES[wire], position) if wire in _SIZES else _varint(data, position, step)
        if wire == VARINT:
            yield number, wire, _signed(size)
            continue
        need(size <= len(data) - position, step, "a field is longer than what is left of the file")
        yield number, wire, data[position : position + size]
        position += size
