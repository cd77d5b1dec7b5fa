"""Certificates and models in files: regular files of bounded size, and their JSON, read strictly."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from typing import Any

from . import _budget
from ._load import load
from ._models import Path
from ._numbers import BudgetExceeded, Rejected, afford, need, show

_GZIP = b"\x1f\x8b"  # what compressed files begin with
_LONG = 2**24  # bytes that are read to know their hash
_BYTES, _HOLE, _PACKED = 2**30, 2**25, 2**3  # of one file; of what is not there; times a file system may compress
_ZERO = re.compile("-0")
_INLINE, _TAKEN_OUT = '"inline":{', "Infinity"


def certificate(path: Path) -> tuple[Any, dict[int, str]]:
    """The document in a file, compressed or not, and the texts of what stands in it (`read_json`)."""
    data = read_file(path)
    _budget.account().own = len(data)
    if data.startswith(_GZIP):
        data = load("_gzip.decompressed")(data, "certificate")
    texts: dict[int, str] = {}
    return read_json(data, "certificate", texts), texts


def read_file(path: Path, step: str = "certificate", digest: str | None = None) -> bytes:
    """The bytes of a regular file: a pipe or a device might never end. ``digest``: nothing is kept of a long file with another hash.

    Holes take no room on a disk, so that only what lies there is a file's share of the budget.
    """
    if not stat.S_ISREG(_status(path).st_mode):  # not even opened: that alone may wait, or do something
        raise OSError(22, "not a regular file", path)
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(22, "not a regular file", path)
        _allow(status.st_size, getattr(status, "st_blocks", status.st_size) * 512, step)
        if digest is not None and status.st_size > _LONG:
            need(hashlib.file_digest(file, "sha256").hexdigest() == digest, step, other(path))
            file.seek(0)
        return file.read(status.st_size)  # of what says that it is empty, and is not (/proc), nothing


def other(path: Path) -> str:
    """Why it is none of the models."""
    return f"certificate for other networks: {show(os.fspath(path))} has another hash"


def _allow(size: int, stored: int, step: str) -> None:
    """A file of so many bytes, of which so many lie on the disk, is about to be read: BudgetExceeded if it is long, or mostly a hole.

    A file system may compress what it stores, or say nothing: what lies there counts as _PACKED times as much, and a page at the least.
    """
    there = _PACKED * max(stored, 2**12)
    most = _budget.account().factor * min(_BYTES, there + _HOLE)
    afford(size <= most, step, f"the file has {size} bytes, more than {most}: too large for this checker")
    _budget.allow(min(size, there))


def _status(path: Path) -> os.stat_result:
    try:
        return os.stat(path)
    except ValueError:  # a null character in the path
        raise OSError(22, "not a path", path) from None


def read_json(data: bytes, step: str, texts: dict[int, str] | None = None) -> Any:
    """The JSON document in UTF-8, without floats, NaN, infinities and repeated keys.

    ``texts`` gets the text of each object "inline", by the object's identity, if it is written with sorted keys, no spaces and ASCII alone,
    so that to write it again would give that text.
    """
    bodies: list[Any] = []
    unsorted: list[bool] = []

    def refuse(found: str) -> Any:
        if found == _TAKEN_OUT and bodies:
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
        plain = text.isascii()
        while texts is not None and (key := text.find(_INLINE, place)) >= 0:
            start = key + len(_INLINE) - 1
            if text[key - 1] == "\\":  # the end of another key
                end, rest = start, rest + text[place:start]
            else:
                unsorted.clear()
                body, end = decoder.raw_decode(text, start)
                found.append(body)
                rest += text[place:start] + _TAKEN_OUT
                if plain and not unsorted and all(text.find(c, start, end) < 0 for c in " \n\r\t\\") and not _ZERO.search(text, start, end):
                    texts[id(body)] = text[start:end]
            place = end
        bodies = found[::-1]
        return decoder.decode(rest + text[place:])
    except RecursionError:
        raise BudgetExceeded(step, "nested too deeply for this checker") from None
    except ValueError as error:  # not UTF-8, not JSON, or a decimal integer beyond Python's limit of digits
        raise Rejected(step, f"not a readable JSON document ({re.sub('use sys.*', 'write it in hexadecimal', str(error))[:200]})") from None
