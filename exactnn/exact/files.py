"""Files appear whole or not at all: written under another name in the same folder, then renamed."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from exactnn.errors import ArgumentError, LoadError, SaveError


def is_begun(path: Path, argument: str) -> bool:
    """Whether there is a file to go on from; SaveError for a path that cannot be, LoadError for what is no regular file."""
    try:
        begun, regular = path.exists(), path.is_file()
    except (OSError, ValueError) as error:  # a name that is too long, a null character
        raise SaveError(f"{argument}: the path of a file is needed, got one that cannot be: {error}") from None
    if begun and not regular:
        raise LoadError(f"{argument}: {os.fspath(path)!r} cannot be read: it is a folder, a pipe or a device; name another file")
    return begun


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text as UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file at `path` by one with these bytes; see `appearing`."""
    with appearing(path) as file:
        file.write(data)


@contextlib.contextmanager
def appearing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write to, which replaces the one at `path` at the end; on any error everything is left as it was (SaveError).

    A link is followed; what is no regular file (/dev/stdout, say) is written to directly.
    """
    try:
        given, target = Path(path), Path(os.path.realpath(os.fspath(path)))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"path: the path of a file is needed: {error}") from None
    try:
        if target.is_dir():
            raise SaveError(f"{target}: a file is needed, but this is a folder")
        if not target.parent.is_dir():
            raise SaveError(f"{target}: cannot be written: there is no folder {str(target.parent)!r}; make it first")
        with given.open("wb") if given.exists() and not given.is_file() else _replacing(target) as file:
            yield file
    except OSError as error:
        raise SaveError(f"{target}: cannot be written: {error.strerror or error}") from None


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _mode(target))
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those a new file gets."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
