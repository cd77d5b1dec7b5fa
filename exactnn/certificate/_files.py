"""Certificates and models in files: regular files of bounded size, and their JSON, read strictly."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Any

from . import _budget
from ._load import load
from ._models import Path
from ._numbers import Rejected, afford, need, show

_LONG = 2**24  # bytes that are read to know their hash
_BYTES, _HOLE, _PACKED = 2**30, 2**25, 2**3  # of one file; of what is not there; times a file system may compress
_INLINE = re.compile(r'"inline":(?={)(?<!\\"inline":)')  # a key, not the end of one
_ZERO = re.compile("-0")


def certificate(path: Path) -> tuple[Any, dict[int, str], Path]:
    """The document in a file, compressed or not, the texts of what stands in it (`read_json`), and where paths in it start."""
    data = read_file(path)
    _budget.account().own = len(data)
    if data.startswith(b"\x1f\x8b"):  # as what gzip compressed does
        data = load("_gzip.decompressed")(data, "certificate")
    texts: dict[int, str] = {}
    return read_json(data, "certificate", texts), texts, os.path.dirname(path)


def read_file(path: Path, step: str = "certificate", digest: str | None = None) -> bytes:
    """The bytes of a regular file: a pipe or a device might never end. ``digest``: nothing is kept of a long file with another hash.

    Holes take no room on a disk, so that only what lies there is a file's share of the budget. A file system may compress what it stores,
    or say nothing: what lies there counts as _PACKED times as much, and a page at the least.
    """
    name = os.fspath(path)
    if os.path.exists(name) and not os.path.isfile(name):  # not even opened: that alone may wait, or do something
        raise OSError(22, "not a regular file", path)
    try:  # what has taken its place since does not wait either, and says that it is empty, so that nothing of it is read
        opened = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError:  # a null character, or half a character
        raise OSError(22, "not a path", path) from None
    with open(opened, "rb") as file:
        status = os.fstat(file.fileno())
        there = _PACKED * max(getattr(status, "st_blocks", status.st_size) * 512, 2**12)
        most = _budget.account().factor * min(_BYTES, there + _HOLE)
        afford(status.st_size <= most, step, f"the file has {status.st_size} bytes, more than {most}: too large for this checker")
        _budget.allow(min(status.st_size, there))
        other = f"certificate for other networks: {show(name)} has another hash"
        if digest is not None and status.st_size > _LONG:
            need(hashlib.file_digest(file, "sha256").hexdigest() == digest, step, other)
            file.seek(0)
        data = file.read(status.st_size)  # of what says that it is empty, and is not (/proc), nothing
    need(digest is None or hashlib.sha256(data).hexdigest() == digest, step, other)  # it may have changed
    return data


def read_json(data: bytes, step: str, texts: dict[int, str] | None = None) -> Any:
    """The JSON document in UTF-8, without floats, NaN, infinities and repeated keys.

    ``texts`` gets the text of each object "inline", by the object's identity, if it is written with sorted keys, no spaces and ASCII alone,
    so that to write it again would give that text.
    """
    bodies: list[Any] = []
    unsorted: list[bool] = []

    def refuse(found: str) -> Any:
        if found == "Infinity" and bodies:  # it stands for an object that was read
            return bodies.pop()
        raise Rejected(step, f'{show(found)} is no exact number (integers and "p/q" are)')

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        need(len(result) == len(pairs), step, "a key occurs twice in one object")
        unsorted.extend([True] * (list(result) != sorted(result)))
        return result

    decoder = json.JSONDecoder(parse_float=refuse, parse_constant=refuse, object_pairs_hook=unique)
    try:
        text, place, rest, found = data.decode("utf-8"), 0, "", list[Any]()
        while texts is not None and (key := _INLINE.search(text, place)):
            unsorted.clear()
            body, end = decoder.raw_decode(text, key.end())
            found.append(body)
            rest += text[place : key.end()] + "Infinity"
            written, place = text[key.end() : end], end
            if written.isascii() and not unsorted and not _ZERO.search(written) and not any(part in written for part in " \n\r\t\\"):
                texts[id(body)] = written
        bodies = found[::-1]
        return decoder.decode(rest + text[place:])
    except ValueError as error:  # not UTF-8, not JSON, or a decimal integer beyond Python's limit of digits
        raise Rejected(step, f"not a readable JSON document ({re.sub('use sys.*', 'write it in hexadecimal', str(error))[:200]})") from None
