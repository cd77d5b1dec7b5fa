"""Data of models that lie in files beside theirs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ._model_files import content
from ._models import Path, need_digest
from ._numbers import Rejected, need, show


def beside(stated: Any, step: str, models: Sequence[Path], given: Mapping[str, Sequence[Path]]) -> dict[str, bytes]:
    """The data that the certificate binds, by their names: files that are given, else those beside the first of these equal models."""
    need(type(stated) is dict and len(stated) > 0, step, "expected the hashes of data files by their names")
    for name in stated:
        inside = type(name) is str and not {"", ".", ".."} & set(name.split("/")) and "\\" not in name and ":" not in name
        need(inside, step, f"{show(name)} is no name within a folder")
    wanted = {name: need_digest(d, step) for name, d in stated.items()}
    for model in models:
        folder = os.path.dirname(model)
        try:
            found: dict[str, bytes] = {}  # by their hashes: what many names stand for is read once
            for name, d in wanted.items():
                found[d] = found.get(d) or content(given.get(d, [os.path.join(folder, name)])[0], step, d)
            return {name: found[d] for name, d in wanted.items()}
        except Rejected as error:
            why = error
    raise why
