"""The networks that a certificate speaks about: read from it, or from files (`_model_files`), and bound to it by their hashes."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from . import _budget
from ._load import load
from ._network import Network, read_network
from ._numbers import Rejected, mapping, named, need, text

Path = str | os.PathLike[str]
Texts = Mapping[int, str] | None  # see `read_json`
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


_write = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


class Model(NamedTuple):
    """A network of the certificate, with what the reader is told about it."""

    network: Network
    sha256: str
    source: str
    slice: Any = None  # as written, if the network is the model on a slice


def canonical(document: Any, step: str) -> bytes:
    """The one text that json writes for the object with sorted keys and no spaces."""
    try:
        return _write(document).encode("ascii")
    except (TypeError, ValueError):
        raise Rejected(step, "no JSON object, or an integer too long for decimal notation (write it in hexadecimal)") from None


def read_models(document: Any, names: Sequence[str], folder: Path, given: Sequence[Path] = (), texts: Texts = None) -> dict[str, Model]:
    """The models with these names. Files in ``given`` are used instead of the paths written."""
    entries = mapping(document, "models", names)
    files: Mapping[str, list[Path]] = load("_given.among")(entries, given) if given else {}
    return {name: _model(entries[name], f"model {name}", folder, files, texts) for name in names}


def _model(entry: Any, step: str, folder: Path, files: Mapping[str, list[Path]], texts: Texts) -> Model:
    digest = need_digest(named(entry, step, "sha256"), f"{step}: sha256")
    whole = {key: value for key, value in entry.items() if key != "slice"}
    if "inline" in whole:
        inline = mapping(whole, step, ("sha256", "inline"))["inline"]
        known = texts.get(id(inline)) if texts else None
        written = known.encode("ascii") if known else canonical(inline, step)
        if texts is None:  # no file, whose bytes would have been counted when it was read
            _budget.allow(len(written))
        need(hashlib.sha256(written).hexdigest() == digest, step, "the inline network has another hash")
        found = Model(read_network(inline, step), digest, "inline")
    else:
        found = load("_model_files.read")(whole, digest, step, folder, files)
    if "slice" not in entry:
        return found
    return found._replace(network=load("_slice.sliced")(found.network, entry["slice"], f"{step}: slice"), slice=entry["slice"])


def need_digest(value: Any, step: str) -> str:
    """The hash that is stated."""
    need(_DIGEST.match(text(value, step)) is not None, step, "expected 64 hexadecimal digits")
    return str(value)
