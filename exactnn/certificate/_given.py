"""Files that the caller gives, to be used instead of the paths in the certificate."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ._files import read_json
from ._model_files import content
from ._models import Path, canonical
from ._numbers import Rejected, need, show


def among(entries: Mapping[str, Any], given: Sequence[Path]) -> dict[str, list[Path]]:
    """The paths of the files that are given, by their hashes; each must be one of the models or of their data."""
    stated = [entry for entry in entries.values() if type(entry) is dict]
    wanted = [entry.get("sha256") for entry in stated]
    wanted += [digest for entry in stated if type(entry.get("data")) is dict for digest in entry["data"].values()]
    inline, found = any("inline" in entry for entry in stated), dict[str, list[Path]]()
    for path in given:
        data = content(path, "models")
        digest = hashlib.sha256(data).hexdigest()
        known = digest in wanted or (inline and _inline_hash(data) in wanted)
        need(known, "models", f"certificate for other networks: {show(os.fspath(path))} is none of its models")
        found.setdefault(digest, []).append(path)
    return found


def _inline_hash(data: bytes) -> str:
    """The hash that the content of a file would have as an inline model."""
    try:
        return hashlib.sha256(canonical(read_json(data, "models"), "models")).hexdigest()
    except (Rejected, RecursionError):  # no JSON, or too deep for a network
        return ""
