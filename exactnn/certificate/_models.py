"""The networks that a certificate speaks about: read from it or from files, and bound to it by their hashes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from . import _budget
from ._gzip import decompressed
from ._network import Network, read_network
from ._nnet import read_nnet
from ._numbers import BudgetExceeded, Rejected, Unreadable, boolean, mapping, need, read_json, show, text
from ._onnx import read_onnx
from ._slice import sliced

Path = str | os.PathLike[str]
File = tuple[Path, bytes, str]  # path, content, hash
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FORMATS = ("json", "nnet", "onnx", "onnx.gz")
_LONG = 2**24  # bytes that are read to know their hash
_MEMBERS = 2**10  # parts of a model file, each compressed by itself


class Model(NamedTuple):
    """A network of the certificate, with what the reader is told about it."""

    network: Network
    sha256: str
    source: str
    slice: Any = None  # as written, if the network is the model on a slice

    @property
    def told(self) -> dict[str, Any]:
        """For JSON: hash, source, and the slice if there is one."""
        return {"sha256": self.sha256, "source": self.source} | ({} if self.slice is None else {"slice": self.slice})


def read_file(path: Path, step: str = "certificate", digest: str | None = None) -> bytes:
    """The bytes of a regular file: a pipe or a device might never end. ``digest``: nothing is kept of a long file with another hash.

    Holes take no room on a disk, so that only what lies there is a file's share of the budget.
    """
    if not stat.S_ISREG(_status(path).st_mode):  # not even opened: that alone may wait, or do something
        raise OSError(f"not a regular file: {os.fspath(path)!r}")
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"not a regular file: {os.fspath(path)!r}")
        _budget.read(status.st_size, getattr(status, "st_blocks", status.st_size) * 512, step)
        if digest is not None and status.st_size > _LONG:
            need(hashlib.file_digest(file, "sha256").hexdigest() == digest, step, _other(path))
            file.seek(0)
        return file.read(status.st_size)  # of what says that it is empty, and is not (/proc), nothing


def _status(path: Path) -> os.stat_result:
    try:
        return os.stat(path)
    except ValueError:  # a null character in the path
        raise OSError(f"not a path: {os.fspath(path)!r}") from None


def canonical_hash(document: Any, step: str) -> str:
    """sha256 of the one text that json writes for the object with sorted keys and no spaces."""
    try:
        written = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    except ValueError:
        raise Rejected(step, "an integer too long for decimal notation (write it in hexadecimal)") from None
    except TypeError:
        raise Rejected(step, "the inline network is no JSON object") from None
    return hashlib.sha256(written.encode("ascii")).hexdigest()


def read_models(document: Any, names: Sequence[str], folder: Path, given: Sequence[Path]) -> dict[str, Model]:
    """The models with these names. Files in ``given`` are used instead of the paths in the certificate."""
    entries = mapping(document, "models", names)
    files = []
    for path in given:
        data = _content(path, "models")
        files.append((path, data, hashlib.sha256(data).hexdigest()))
    stated = [entries[name] for name in names if type(entries[name]) is dict]
    wanted = {entry["sha256"] for entry in stated if type(entry.get("sha256")) is str}
    for data in (entry["data"] for entry in stated if type(entry.get("data")) is dict):
        wanted.update(found for found in data.values() if type(found) is str)
    inline = any("inline" in entry for entry in stated)
    for path, data, digest in files:
        known = digest in wanted or (inline and _inline_hash(data) in wanted)
        need(known, "models", f"certificate for other networks: {show(os.fspath(path))} is none of its models")
    return {name: _model(entries[name], f"model {name}", folder, files) for name in names}


def _content(path: Path, step: str, digest: str | None = None) -> bytes:
    try:
        return read_file(path, step, digest)
    except OSError as error:
        raise Unreadable(
            step, f"cannot read {show(os.fspath(path))}: {error}; if the file has moved, name it behind the certificate"
        ) from None


def _inline_hash(data: bytes) -> str | None:
    """The hash that the content of a file would have as an inline model."""
    try:
        return canonical_hash(read_json(data, "models"), "models")
    except (Rejected, BudgetExceeded):
        return None


def _model(entry: Any, step: str, folder: Path, files: Sequence[File]) -> Model:
    need(type(entry) is dict, step, f"expected an object, found {show(entry)}")
    if "slice" not in entry:
        return _whole(entry, step, folder, files)
    found = _whole({key: value for key, value in entry.items() if key != "slice"}, step, folder, files)
    return found._replace(network=sliced(found.network, entry["slice"], f"{step}: slice"), slice=entry["slice"])


def _whole(entry: dict[str, Any], step: str, folder: Path, files: Sequence[File]) -> Model:
    digest = text(entry.get("sha256"), f"{step}: sha256")
    need(_DIGEST.match(digest) is not None, f"{step}: sha256", "expected 64 hexadecimal digits")
    if "inline" in entry:
        mapping(entry, step, ("sha256", "inline"))
        need(canonical_hash(entry["inline"], step) == digest, step, "the inline network has another hash")
        return Model(read_network(entry["inline"], step), digest, "inline")
    kind = text(entry.get("format"), f"{step}: format")
    need(kind in _FORMATS, step, f"unknown format {show(kind)}")
    more = ("raw",) if kind == "nnet" else ("data",) if kind.startswith("onnx") else ()
    mapping(entry, step, ("sha256", "format", "path"), more)
    path = text(entry["path"], f"{step}: path")
    candidates = [(candidate, candidate, content) for candidate, content, found in files if found == digest]
    if not candidates:
        place = os.path.join(folder, path)
        candidates = [(path, place, _bound(place, digest, step, path))]
    source, data = os.fspath(candidates[0][0]), candidates[0][2]
    if kind == "json":
        return Model(read_network(read_json(data, step), step), digest, source)
    if kind.startswith("onnx"):
        data = decompressed(data, step, _MEMBERS) if kind == "onnx.gz" else data
        if "data" not in entry:
            return Model(read_onnx(data, step), digest, source)
        source, beside = _with_data(entry["data"], step, [(shown, place) for shown, place, _ in candidates], files)
        return Model(read_onnx(data, step, beside), digest, source)
    raw = boolean(entry.get("raw", False), f"{step}: raw")
    return Model(read_nnet(data, raw, step), digest, f"{source} (raw: without its normalisation)" if raw else source)


def _bound(place: Path, digest: str, step: str, shown: Path) -> bytes:
    """The content of a file, which must have this hash."""
    data = _content(place, step, digest)
    need(hashlib.sha256(data).hexdigest() == digest, step, _other(shown))
    return data


def _other(path: Path) -> str:
    return f"certificate for other networks: {show(os.fspath(path))} has another hash"


def _with_data(stated: Any, step: str, candidates: Sequence[tuple[Path, Path]], files: Sequence[File]) -> tuple[str, Mapping[str, bytes]]:
    """The first of equal model files beside which, or among the given files, lies the data that the certificate binds; and that data."""
    step = f"{step}: data"
    need(type(stated) is dict and len(stated) > 0, step, "expected the hashes of data files by their names")
    for name, digest in stated.items():
        need(
            type(name) is str and not {"", ".", ".."} & set(name.split("/")) and "\\" not in name and ":" not in name,
            step,
            f"{show(name)} is no name within a folder",
        )
        need(_DIGEST.match(text(digest, step)) is not None, step, "expected 64 hexadecimal digits")
    given = {found: content for _, content, found in files}
    for i, (shown, place) in enumerate(candidates):
        folder = os.path.dirname(place)
        try:
            beside = {n: given[d] if d in given else _bound(os.path.join(folder, n), d, step, n) for n, d in stated.items()}
        except Rejected:
            if i == len(candidates) - 1:
                raise
            continue
        listed = ", ".join(f"{name} (sha256 {digest})" for name, digest in stated.items())
        return f"{os.fspath(shown)} with its data in {listed}", beside
    raise AssertionError("there is at least one candidate")
