"""Models in files: found by their hashes, among those that are given or where the certificate says, and read by their formats."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ._files import other, read_file, read_json
from ._load import load
from ._models import File, Model, Path, canonical_hash, need_digest
from ._network import read_network
from ._numbers import BudgetExceeded, Rejected, Unreadable, mapping, need, show, text

_FORMATS: dict[str, tuple[str, ...]] = {"json": (), "nnet": ("raw",), "onnx": ("data",), "onnx.gz": ("data",)}  # with what else is said
_MEMBERS = 2**10  # parts of a model file, each compressed by itself


def among(entries: Mapping[str, Any], given: Sequence[Path]) -> list[File]:
    """The files that are given, each of which is one of the models or of their data."""
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
    return files


def _content(path: Path, step: str, digest: str | None = None) -> bytes:
    try:
        return read_file(path, step, digest)
    except OSError as error:
        name = os.fspath(path)
        shown = show(name if len(name) <= 60 else f"...{name[-57:]}")
        why = f"cannot read {shown}: {error.strerror}; if the file has moved, name it behind the certificate"
        raise Unreadable(step, why) from None


def _inline_hash(data: bytes) -> str:
    """The hash that the content of a file would have as an inline model."""
    try:
        return canonical_hash(read_json(data, "models"), "models")
    except (Rejected, BudgetExceeded):
        return ""


def read(entry: dict[str, Any], digest: str, step: str, folder: Path, files: Sequence[File]) -> Model:
    """The model with this hash, of the format that the entry says."""
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
        raw = entry.get("raw", False)
        need(type(raw) is bool, f"{step}: raw", "expected true or false")
        return Model(load("_nnet.read_nnet")(data, raw, step), digest, f"{source} (raw: without its normalisation)" if raw else source)
    if kind == "onnx.gz":
        data = load("_gzip.decompressed")(data, step, _MEMBERS)
    beside: Mapping[str, bytes] = {}
    if "data" in entry:
        source, beside = _with_data(entry["data"], f"{step}: data", [(shown, place) for shown, place, _ in candidates], files)
    return Model(load("_onnx.read_onnx")(data, step, beside), digest, source)


def _bound(place: Path, digest: str, step: str, shown: Path) -> bytes:
    """The content of a file, which must have this hash."""
    data = _content(place, step, digest)
    need(hashlib.sha256(data).hexdigest() == digest, step, other(shown))
    return data


def _with_data(stated: Any, step: str, candidates: Sequence[tuple[Path, Path]], files: Sequence[File]) -> tuple[str, Mapping[str, bytes]]:
    """The first of equal model files beside which, or among the given files, lies the data that the certificate binds; and that data."""
    need(type(stated) is dict and len(stated) > 0, step, "expected the hashes of data files by their names")
    for name in stated:
        inside = type(name) is str and not {"", ".", ".."} & set(name.split("/")) and "\\" not in name and ":" not in name
        need(inside, step, f"{show(name)} is no name within a folder")
    wanted, given = {name: need_digest(d, step) for name, d in stated.items()}, {found: content for _, content, found in files}
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
