"""Models in files: found by their hashes, among those that are given or where the certificate says, and read by their formats."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ._files import read_file, read_json
from ._load import load
from ._models import Model, Path
from ._network import read_network
from ._numbers import Unreadable, mapping, need, show, text

_FORMATS: dict[str, tuple[str, ...]] = {"json": (), "nnet": ("raw",), "onnx": ("data",), "onnx.gz": ("data",)}  # with what else is said


def content(path: Path, step: str, digest: str | None = None) -> bytes:
    """The bytes of a file, with this hash if there is one, where it can be read."""
    try:
        return read_file(path, step, digest)
    except OSError as error:
        name = os.fspath(path)
        shown = show(name if len(name) <= 60 else f"...{name[-57:]}")
        why = f"cannot read {shown}: {error.strerror}; if the file has moved, name it behind the certificate"
        raise Unreadable(step, why) from None


def read(entry: dict[str, Any], digest: str, step: str, folder: Path, given: Mapping[str, Sequence[Path]]) -> Model:
    """The model with this hash, of the format that the entry says."""
    kind = text(entry.get("format"), f"{step}: format")
    need(kind in _FORMATS, step, f"unknown format {show(kind)}")
    mapping(entry, step, ("sha256", "format", "path"), _FORMATS[kind])
    path = text(entry["path"], f"{step}: path")
    places = given.get(digest) or [os.path.join(folder, path)]
    data, source = content(places[0], step, digest), os.fspath(places[0]) if digest in given else path
    if kind == "json":
        return Model(read_network(read_json(data, step), step), digest, source)
    if kind == "nnet":
        raw = entry.get("raw", False)
        need(type(raw) is bool, f"{step}: raw", "expected true or false")
        return Model(load("_nnet.read_nnet")(data, raw, step), digest, f"{source} (raw: without its normalisation)" if raw else source)
    if kind == "onnx.gz":
        data = load("_gzip.decompressed")(data, step)
    beside = load("_model_data.beside")(entry["data"], f"{step}: data", places, given) if "data" in entry else {}
    listed = ", ".join(f"{name} (sha256 {stated})" for name, stated in entry.get("data", {}).items())
    return Model(load("_onnx.read_onnx")(data, step, beside), digest, f"{source} with its data in {listed}" if listed else source)
