"""Pictures as files: which names they may have, and how an Axes is written, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exactnn.cli._options import check_target
from exactnn.errors import ArgumentError, MissingDependency
from exactnn.exact.progress import doing

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def check_picture(path: str | None, option: str, inputs: Sequence[str]) -> None:
    """Refuse, before long work, a name that no picture can have; and choose a way to draw that needs no screen."""
    if path is None:
        return
    from exactnn.pictures.axes import SUFFIXES

    if Path(path).suffix.lower() not in SUFFIXES:
        raise ArgumentError(f"{option}: a name that ends in {', '.join(SUFFIXES)} is needed, got {path!r}")
    check_target(path, option, inputs)
    try:
        import matplotlib
    except ImportError as error:
        raise MissingDependency(f"{option}: pictures need matplotlib, which is not installed; pip install 'exactnn[plot]'") from error
    matplotlib.use("Agg")


def write_picture(axes: Axes, path: str) -> None:
    """The figure that the axes belong to."""
    from exactnn.pictures.axes import save

    with doing(f"drawing {path}"):
        save(axes, path, tight=True)
