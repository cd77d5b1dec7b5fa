"""The wire format of protocol buffers: messages as lists of numbered fields, with every length checked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from ._numbers import Rejected, need

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """The name of a known field and the wire type of one value of it."""

    name: str
    wire: int
    repeated: bool = False


class Message:
    """The values of the fields, by name: ints for VARINT, bytes for all others."""

    def __init__(self, data: bytes, known: Mapping[int, Field], ignored: Collection[int], step: str) -> None:
        self._step = step
        self._ints: dict[str, list[int]] = {}
        self._bytes: dict[str, list[bytes]] = {}
        for number, wire, value in _fields(data, step):
            if number in ignored:
                continue
            need(number in known, step, f"field {number} is not read here, and may change the meaning")
            field = known[number]
            if wire == VARINT == field.wire:
                assert isinstance(value, int)
                self._ints.setdefault(field.name, []).append(value)
            elif wire == BYTES and field.repeated and field.wire == VARINT:  # packed
                assert isinstance(value, bytes)
                self._ints.setdefault(field.name, []).extend(_varints(value, step))
            else:
                packed = wire == BYTES and field.repeated and field.wire in (FIXED32, FIXED64)
                need(wire == field.wire or packed, step, f"{field.name} has a wrong wire type")
                assert isinstance(value, bytes)
                self._bytes.setdefault(field.name, []).append(value)
        for field in known.values():
            values = len(self._ints.get(field.name, ())) + len(self._bytes.get(field.name, ()))
            need(field.repeated or values <= 1, step, f"{field.name} occurs twice")

    def has(self, name: str) -> bool:
        """Whether the field occurs."""
        return name in self._ints or name in self._bytes

    def integers(self, name: str) -> list[int]:
        """All values of a VARINT field, as signed 64-bit numbers."""
        return [v - 2**64 if v >= 2**63 else v for v in self._ints.get(name, ())]

    def integer(self, name: str, default: int = 0) -> int:
        """The value of a VARINT field."""
        return (self.integers(name) or [default])[0]

    def blocks(self, name: str) -> list[bytes]:
        """All values of a field of bytes, texts, messages or fixed numbers."""
        return self._bytes.get(name, [])

    def texts(self, name: str) -> list[str]:
        """All values of a text field."""
        try:
            return [value.decode("utf-8") for value in self.blocks(name)]
        except UnicodeDecodeError:
            raise Rejected(self._step, f"{name} is not UTF-8") from None

    def text(self, name: str) -> str:
        """The value of a text field, empty where it does not occur."""
        return (self.texts(name) or [""])[0]


def _varint(data: bytes, position: int, step: str) -> tuple[int, int]:
    """The number that starts at a position, and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        need(position < len(data), step, "the file ends within a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            need(value < 2**64, step, "an integer of more than 64 bits")
            return value, position
    raise Rejected(step, "an integer of more than 64 bits")


def _varints(data: bytes, step: str) -> Iterator[int]:
    position = 0
    while position < len(data):
        value, position = _varint(data, position, step)
        yield value


def _fields(data: bytes, step: str) -> Iterator[tuple[int, int, int | bytes]]:
    """Number, wire type and value of each field."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position, step)
        number, wire = key >> 3, key & 7
        need(number > 0, step, "a field without a number")
        if wire == VARINT:
            value, position = _varint(data, position, step)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, position = _varint(data, position, step)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        else:
            raise Rejected(step, f"unknown wire type {wire}")
        need(length <= len(data) - position, step, "a field is longer than what is left of the file")
        yield number, wire, data[position : position + length]
        position += length
