"""A model file: its bytes, read once, and what they look like; hash and network come from the same bytes."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from exactnn.errors import ArgumentError, ExactnnError, LoadError, MissingDependency, NotFiniteError, ShapeError
from exactnn.exact.kinds import GZIP, looks_like
from exactnn.network import DataFile, Source

#: bytes of a model file, and of one that is compressed when it is not: many for few are no model
_MAX_FILE = 1 << 31
_MAX_CONTENT, _UNSUSPICIOUS, _MOST_TIMES = 1 << 30, 1 << 26, 100
_MOST_MEMBERS = 1 << 10


class NotFiniteInFile(LoadError, NotFiniteError):
    """A model file holds NaN or infinity where a weight belongs."""


@dataclass(frozen=True)
class ModelFile:
    """The bytes of one file, with its absolute path."""

    path: str
    data: bytes

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ModelFile:
        """Read a regular file; LoadError if there is none, or if it is empty."""
        try:
            given = Path(os.fspath(path))
        except TypeError:
            raise ArgumentError(f"path: the path of a file is needed, got {type(path).__name__}") from None
        try:
            full = os.path.abspath(given)
            if not given.is_file():
                here = "" if given.is_absolute() else f"; the current folder is {os.getcwd()!r}"
                what = "a folder" if given.is_dir() else "no regular file" if given.exists() else f"not there{here}"
                raise LoadError(f"{given}: a model file is needed, but this is {what}")
            size = given.stat().st_size
            if size > _MAX_FILE:
                raise LoadError(f"{given}: a model file of at most {_MAX_FILE} bytes is needed, but this one has {size}")
            with given.open("rb") as opened:
                data = opened.read(size + 1)
            if len(data) != size:
                raise LoadError(f"{given}: the file changes while it is read")
        except (OSError, ValueError) as error:  # ValueError: a null byte in the path
            raise LoadError(f"{str(given)!r}: cannot be read: {error}") from None
        if not data:
            raise LoadError(f"{given}: the file is empty")
        return cls(full, data)

    @property
    def suffix(self) -> str:
        """The suffix in lower case, ".onnx" say; that in front of ".gz", too."""
        suffixes = Path(self.path.lower()).suffixes
        return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])

    @cached_property
    def content(self) -> bytes:
        """The bytes of the model: those of the file, or what they are compressed from."""
        return _decompressed(self.data) if self.data.startswith(GZIP) else self.data

    @cached_property
    def sha256(self) -> str:
        """Hash of the bytes, as hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def looks_like(self) -> str | None:
        """The kind of file that the first bytes suggest, a key of `KINDS`; None if they suggest nothing."""
        return looks_like(self.data)

    def source(self, format: str, *, raw: bool = False, checkable: bool, data: tuple[DataFile, ...] = ()) -> Source:
        """Where a network came from, for its `source`."""
        return Source(path=self.path, sha256=self.sha256, format=format, raw=raw, checkable=checkable, data=data)


def _decompressed(data: bytes) -> bytes:
    """What gzip compressed, in one or more members; LoadError where that is damaged, or out of proportion."""
    most = min(_MAX_CONTENT, max(_UNSUSPICIOUS, _MOST_TIMES * len(data)))
    pieces: list[bytes] = []
    size, left = 0, data
    try:
        while left:
            if len(pieces) == _MOST_MEMBERS:
                raise LoadError(f"gzip: at most {_MOST_MEMBERS} members are read, but the file has more")
            member = zlib.decompressobj(wbits=31)
            pieces.append(member.decompress(left, most - size + 1))
            size += len(pieces[-1])
            if size > most:
                raise LoadError(f"gzip: at most {most} bytes are decompressed from {len(data)}, but these are more")
            if not member.eof:
                raise LoadError("gzip: the compressed data end in the middle; the file is truncated")
            left = member.unused_data
    except zlib.error as error:
        raise LoadError(f"gzip: the compressed data are damaged ({error})") from None
    return b"".join(pieces)


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Put `place` before the message of any error inside; what is no LoadError or ShapeError yet becomes a LoadError."""
    try:
        yield
    except NotFiniteError as error:
        raise NotFiniteInFile(f"{place}: {error}") from None
    except (LoadError, ShapeError) as error:
        raise type(error)(f"{place}: {error}") from None
    except MissingDependency:
        raise
    except ExactnnError as error:
        raise LoadError(f"{place}: {error}") from error
