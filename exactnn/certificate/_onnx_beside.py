"""Tensors of ONNX models whose data lie in other files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ._numbers import need, show
from ._protobuf import BYTES, Field, Message

_ENTRY = {1: Field("key", BYTES), 2: Field("value", BYTES)}
_EXTERNAL = 1
_COUNT = re.compile("[0-9]{1,18}")


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


def external(message: Message, step: str, files: Beside | None) -> bytes:
    """The part of another file that the tensor names."""
    need(message.integer("data_location") == _EXTERNAL, step, "its data lies in another file, or not")
    pairs = [Message(block, _ENTRY, (), step) for block in message.all("external_data")]
    keys = {pair.text("key"): pair.text("value") for pair in pairs}
    need(len(keys) == len(pairs) and keys.keys() <= {"location", "offset", "length", "checksum"}, step, "keys of another file")
    for key in ("offset", "length"):
        need(_COUNT.fullmatch(keys.get(key, "0")) is not None, step, f"its {key} is no number")
    length = int(keys["length"]) if "length" in keys else None
    return (files or Beside({})).piece(keys.get("location", ""), int(keys.get("offset", "0")), length, step)
