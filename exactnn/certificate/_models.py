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
from ._network import Network, read_network
from ._numbers import BudgetExceeded, Rejected, Unreadable, boolean, mapping, need, read_json, show, text

Path = str | os.PathLike[str]
File = tuple[Path, bytes, str]  # path, content, hash
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FORMATS: dict[str, tuple[str, ...]] = {"json": (), "nnet": ("raw",), "onnx": ("data",), "onnx.gz": ("data",)}  # with what else is said
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
        raise OSError(22, "not a regular file", path)
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(22, "not a regular file", path)
        _budget.read(status.st_size, getattr(status, "st_blocks", status.st_size) * 512, step)
        if digest is not None and status.st_size > _LONG:
            need(hashlib.file_digest(file, "sha256").hexdigest() == digest, step, _other(path))
            file.seek(0)
        return file.read(status.st_size)  # of what says that it is empty, and is not (/proc), nothing


def _status(path: Path) -> os.stat_result:
    try:
        return os.stat(path)
    except ValueError:  # a null character in the path
        raise OSError(22, "not a path", path) from None


def canonical_hash(document: Any, step: str, known: str | None = None) -> str:
    """sha256 of the one text that json writes for the object with sorted keys and no spaces; where it is known, it is not written again."""
    try:
        written = known or json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    except ValueError:
        raise Rejected(step, "an integer too long for decimal notation (write it in hexadecimal)") from None
    except TypeError:
        raise Rejected(step, "the inline network is no JSON object") from None
    return hashlib.sha256(written.encode("ascii")).hexdigest()


def read_models(
    document: Any, names: Sequence[str], folder: Path, given: Sequence[Path] = (), texts: Mapping[int, str] | None = None
) -> dict[str, Model]:
    """The models with these names. Files in ``given`` are used instead of the paths written; ``texts``: see `read_json`."""
    entries = mapping(document, "models", names)
    stated = [entry for entry in entries.values() if type(entry) is dict]
    wanted = [entry.get("sha256") for entry in stated]
    wanted += [digest for entry in stated if type(entry.get("data")) is dict for digest in entry["data"].values()]
    inline, files = any("inline" in entry for entry in stated), list[File]()
    for path in given:
        data = _content(path, "models")
        digest = hashlib.sha256(data).hexdigest()
        known = digest in wanted or (inline and _inline_hash(data) in wanted)
        need(known, "models", f"certificate for other networks: {show(os.fspath(path))} is none of its models")
        files.append((path, data, digest))
    return {name: _model(entries[name], f"model {name}", folder, files, texts or {}) for name in names}


def _content(path: Path, step: str, digest: str | None = None) -> bytes:
    try:
        return read_file(path, step, digest)
    except OSError as error:
        why = f"cannot read {show(os.fspath(path))}: {error.strerror}; if the file has moved, name it behind the certificate"
        raise Unreadable(step, why) from None


def _inline_hash(data: bytes) -> str:
    """The hash that the content of a file would have as an inline model."""
    try:
        return canonical_hash(read_json(data, "models"), "models")
    except (Rejected, BudgetExceeded):
        return ""


def _model(entry: Any, step: str, folder: Path, files: Sequence[File], texts: Mapping[int, str]) -> Model:
    need(type(entry) is dict, step, f"expected an object, found {show(entry)}")
    found = _whole({key: value for key, value in entry.items() if key != "slice"}, step, folder, files, texts)
    if "slice" not in entry:
        return found
    from ._slice import sliced

    return found._replace(network=sliced(found.network, entry["slice"], f"{step}: slice"), slice=entry["slice"])


def _whole(entry: dict[str, Any], step: str, folder: Path, files: Sequence[File], texts: Mapping[int, str]) -> Model:
    digest = _digest(entry.get("sha256"), f"{step}: sha256")
    if "inline" in entry:
        inline = mapping(entry, step, ("sha256", "inline"))["inline"]
        need(canonical_hash(inline, step, texts.get(id(inline))) == digest, step, "the inline network has another hash")
        return Model(read_network(inline, step), digest, "inline")
    kind = text(entry.get("format"), f"{step}: format")
    need(kind in _FORMATS, step, f"unknown format {show(kind)}")
    mapping(entry, step, ("sha256", "format", "path"), _FORMATS[kind])
    path = text(entry["path"], f"{step}: path")
    candidates = [(candidate, candidate, content) for candidate, content, found in files if found == digest]
    if not candidates:
        place = os.path.join(folder, path)
        candidates = [(path, place, _bound(place, digest, step, path))]
    source, data = os.fspath(candidates[0][0]), candidates[0][2]
    if kind == "json":
        return Model(read_network(read_json(data, step), step), digest, source)
    if kind == "nnet":
        from ._nnet import read_nnet

        raw = boolean(entry.get("raw", False), f"{step}: raw")
        return Model(read_nnet(data, raw, step), digest, f"{source} (raw: without its normalisation)" if raw else source)
    from ._onnx import read_onnx

    if kind == "onnx.gz":
        from ._gzip import decompressed

        data = decompressed(data, step, _MEMBERS)
    beside: Mapping[str, bytes] = {}
    if "data" in entry:
        source, beside = _with_data(entry["data"], f"{step}: data", [(shown, place) for shown, place, _ in candidates], files)
    return Model(read_onnx(data, step, beside), digest, source)


def _digest(value: Any, step: str) -> str:
    need(_DIGEST.match(text(value, step)) is not None, step, "expected 64 hexadecimal digits")
    return str(value)


def _bound(place: Path, digest: str, step: str, shown: Path) -> bytes:
    """The content of a file, which must have this hash."""
    data = _content(place, step, digest)
    need(hashlib.sha256(data).hexdigest() == digest, step, _other(shown))
    return data


def _other(path: Path) -> str:
    return f"certificate for other networks: {show(os.fspath(path))} has another hash"


def _with_data(stated: Any, step: str, candidates: Sequence[tuple[Path, Path]], files: Sequence[File]) -> tuple[str, Mapping[str, bytes]]:
    """The first of equal model files beside which, or among the given files, lies the data that the certificate binds; and that data."""
    need(type(stated) is dict and len(stated) > 0, step, "expected the hashes of data files by their names")
    for name in stated:
        inside = type(name) is str and not {"", ".", ".."} & set(name.split("/")) and "\\" not in name and ":" not in name
        need(inside, step, f"{show(name)} is no name within a folder")
    wanted, given = {name: _digest(d, step) for name, d in stated.items()}, {found: content for _, content, found in files}
    for shown, place in candidates:
        try:
            beside = {n: given[d] if d in given else _bound(os.path.join(os.path.dirname(place), n), d, step, n) for n, d in wanted.items()}
        except Rejected:
            if (shown, place) == candidates[-1]:
                raise
            continue
        break
    listed = ", ".join(f"{name} (sha256 {digest})" for name, digest in stated.items())
    return f"{os.fspath(shown)} with its data in {listed}", beside
