"""Files beside an ONNX model that hold bytes of its tensors: inside its folder only, each read once, hashed as a whole.

The location in a tensor's header is not trusted: it may name no place outside of the model's folder, neither by its text nor by a link
on the way, and bytes that are not there are refused before anything of their size is made.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from exactnn.errors import LoadError
from exactnn.exact.numbers import shown
from exactnn.network import DataFile

#: bytes of all data files together, and of all tensors that are cut out of them
MAX_BYTES = 1 << 31
_KEYS = {"location", "offset", "length", "checksum"}
_COUNT = re.compile("[0-9]{1,18}", re.ASCII)
_ONE_FILE = "or save the model as one file (onnx.save_model(onnx.load(path), path, save_as_external_data=False))"


class DataFiles:
    """The data files of one model, read when a tensor first needs them."""

    def __init__(self, model: str) -> None:
        self._folder = Path(model).parent
        self._read: dict[str, bytes] = {}
        self._hashes: dict[str, str] = {}
        self._taken = 0
        self.plain = True  # whether the standalone checker reads them: every name is written in one way

    @property
    def files(self) -> tuple[DataFile, ...]:
        """Those that were read, with their hashes, by their names."""
        return tuple(DataFile(name, self._hashes[name]) for name in sorted(self._hashes))

    def again(self, entries: Iterable[tuple[str, str]]) -> bytes:
        """The bytes of a tensor that has been read before."""
        keys = dict(entries)
        content = self._content(keys["location"], None)
        start = int(keys.get("offset", "0"))
        return content[start : start + int(keys["length"])] if "length" in keys else content[start:]

    def piece(self, entries: Iterable[tuple[str, str]], size: int) -> memoryview:
        """The bytes of a tensor of `size` bytes, from the keys and values of its header."""
        stated = list(entries)
        if not all(isinstance(text, str) for pair in stated for text in pair):
            raise LoadError("its data lie in another file: texts in UTF-8 are needed to find them; the file is damaged")
        keys = dict(stated)
        if len(keys) < len(stated) or not keys.keys() <= _KEYS or "location" not in keys:
            raise LoadError(
                f"its data lie in another file: the keys location, offset, length, checksum, each at most once, are needed to find them, "
                f"got {shown(', '.join(k for k, _ in stated))}"
            )
        content = self._content(keys["location"], keys.get("checksum"))
        start = _count(keys, "offset", 0)
        length = _count(keys, "length", max(len(content) - start, 0))
        if length != size:
            raise LoadError(f"{size} bytes are needed for its shape, but its data in {shown(keys['location'])} have {length}")
        if start + length > len(content):
            raise LoadError(
                f"bytes {start} to {start + length} of {shown(keys['location'])} are needed, but the file has {len(content)}; "
                "it is truncated, or belongs to another model"
            )
        self._taken += length
        if self._taken > MAX_BYTES:
            raise LoadError(f"its data: tensors of at most {MAX_BYTES} bytes together are read from other files, got more")
        return memoryview(content)[start : start + length]

    def _content(self, location: str, checksum: str | None) -> bytes:
        name = "/".join(_parts(location))
        self.plain = self.plain and name == location and ":" not in name
        if name not in self._read:
            left = MAX_BYTES - sum(map(len, self._read.values()))
            self._read[name] = _bytes(self._folder, name, left)
            self._hashes[name] = hashlib.sha256(self._read[name]).hexdigest()
        content = self._read[name]
        if checksum and hashlib.sha1(content, usedforsecurity=False).hexdigest() != checksum.lower():
            raise LoadError(f"its data: {shown(name)} has another SHA-1 than the model says; it belongs to another model")
        return content


def _parts(location: str) -> list[str]:
    """The steps from the model's folder to the file; LoadError for a path that is absolute or leads out of the folder."""
    parts = location.split("/")
    absolute = location.startswith("/") or (len(parts[0]) == 2 and parts[0].endswith(":"))
    if absolute or ".." in parts or not location.isprintable() or "\\" in location or not set(parts) - {"", "."}:
        raise LoadError(
            "its data lie in another file: one in the folder of the model is needed, named relative to it and with / between folders, "
            f"got {shown(location)}; put the file there, {_ONE_FILE}"
        )
    return [part for part in parts if part not in ("", ".")]


def _bytes(folder: Path, name: str, most: int) -> bytes:
    """All bytes of a regular file that no link leads to."""
    path = folder
    try:
        for part in name.split("/"):
            path = path / part
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode) or bool(getattr(found, "st_reparse_tag", 0)):
                raise LoadError(f"its data: {str(path)!r} is a link, which is not followed; put the file itself there, {_ONE_FILE}")
        if not stat.S_ISREG(found.st_mode):
            raise LoadError(f"its data: a regular file is needed, but {str(path)!r} is none")
        if found.st_size > most:
            raise LoadError(f"its data: files of at most {MAX_BYTES} bytes together are read, but {str(path)!r} has {found.st_size}")
        # what was looked at is what is read, even if somebody changes the folder meanwhile
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb") as file:
            opened = os.fstat(file.fileno())
            if (opened.st_dev, opened.st_ino) != (found.st_dev, found.st_ino):
                raise LoadError(f"its data: {str(path)!r} changes while it is read")
            return file.read(found.st_size)
    except OSError as error:
        raise LoadError(f"its data: {str(path)!r} cannot be read: {error.strerror or error}; put the file there, {_ONE_FILE}") from None


def _count(keys: dict[str, str], key: str, default: int) -> int:
    text = keys.get(key)
    if text is None:
        return default
    if not _COUNT.fullmatch(text):
        raise LoadError(f"its data in another file: {key}: a number from 0 to 10^18 is needed, got {shown(text)}")
    return int(text)
