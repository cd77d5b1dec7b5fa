"""Data of models that lie in files beside theirs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ._model_files import bound
from ._models import File, Path, need_digest
from ._numbers import Rejected, need, show


def with_data(stated: Any, step: str, candidates: Sequence[tuple[Path, Path]], files: Sequence[File]) -> tuple[str, Mapping[str, bytes]]:
    """The first of equal model files beside which, or among the given files, lies the data that the certificate binds; and that data."""
    need(type(stated) is dict and len(stated) > 0, step, "expected the hashes of data files by their names")
    for name in stated:
        inside = type(name) is str and not {"", ".", ".."} & set(name.split("/")) and "\\" not in name and ":" not in name
        need(inside, step, f"{show(name)} is no name within a folder")
    wanted, given = {name: need_digest(d, step) for name, d in stated.items()}, {found: content for _, content, found in files}
    for shown, place in candidates:
        try:
            beside = {n: given[d] if d in given else bound(os.path.join(os.path.dirname(place), n), d, step, n) for n, d in wanted.items()}
        except Rejected:
            if (shown, place) == candidates[-1]:
                raise
            continue
        break
    listed = ", ".join(f"{name} (sha256 {digest})" for name, digest in stated.items())
    return f"{os.fspath(shown)} with its data in {listed}", beside
