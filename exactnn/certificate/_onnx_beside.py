"""Tensors of ONNX models whose data lie in other files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ._numbers import need, show
from ._protobuf import BLOCK, read_message

_ENTRY = {1: ("key", BLOCK), 2: ("value", BLOCK)}, ()
_COUNT = re.compile("[0-9]{1,18}")


def external(blocks: Sequence[bytes], step: str, files: Mapping[str, bytes]) -> memoryview:
    """The part of another file that the tensor names."""
    pairs = [read_message(block, *_ENTRY, step) for block in blocks]
    keys = {pair.get("key", b"").decode(): pair.get("value", b"").decode() for pair in pairs}
    need(len(keys) == len(pairs) and keys.keys() <= {"location", "offset", "length", "checksum"}, step, "keys of another file")
    for key in ("offset", "length"):
        need(_COUNT.fullmatch(keys.get(key, "0")) is not None, step, f"its {key} is no number")
    name = keys.get("location", "")
    need(name in files, step, f"its data lies in the file {show(name)}, which the certificate does not bind")
    data, start = memoryview(files[name]), int(keys.get("offset", "0"))
    end = start + int(keys["length"]) if "length" in keys else len(data)
    need(start <= end <= len(data), step, f"the file {show(name)} ends before its data")
    return data[start:end]
