"""The matplotlib Axes that a picture is drawn in, and the file that it is written to, whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exactnn.errors import ArgumentError, MissingDependency
from exactnn.exact.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf", ".svg")
_DPI = 160
#: Without the time and the version, so that equal pictures are equal files; ids of an SVG come from this word, not from chance.
_METADATA: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
_SALT: Any = {"svg.hashsalt": "exactnn"}


def check_target(ax: Any, path: str | os.PathLike[str] | None = None) -> None:
    """Refuse before long work what `given_axes` or `save` would refuse after it."""
    try:
        from matplotlib import axes
    except ImportError:
        raise MissingDependency("pictures need the package matplotlib; install it with: pip install 'exactnn[plot]'") from None
    if ax is not None and not isinstance(ax, axes.Axes):
        raise ArgumentError(f"ax: a matplotlib Axes or None is needed, got {type(ax).__name__}")
    if path is not None:
        if not isinstance(path, (str, os.PathLike)):
            raise ArgumentError(f"path: the path of a file, or None, is needed, got {type(path).__name__}")
        if Path(path).suffix.lower() not in SUFFIXES:
            raise ArgumentError(f"path: a name that ends in {', '.join(SUFFIXES)} is needed, got {os.fspath(path)!r}")


def given_axes(ax: Any, *, size: tuple[float, float] = (6.4, 5.4), projection: str | None = None) -> Axes:
    """The Axes itself, or for None those of a new figure (of so many inches)."""
    check_target(ax)
    if ax is not None:
        found: Axes = ax
        return found
    from matplotlib import pyplot

    return pyplot.figure(figsize=size, layout="constrained").add_subplot(projection=projection)


def side_by_side(size: tuple[float, float]) -> tuple[Axes, Axes]:
    """The Axes of a new figure with two."""
    check_target(None)
    from matplotlib import pyplot

    _, (left, right) = pyplot.subplots(1, 2, figsize=size, layout="constrained")
    return left, right


def save(axes: Axes, path: str | os.PathLike[str] | None, *, tight: bool = False, dpi: int = _DPI) -> None:
    """Write the figure that the Axes belong to; nothing for None. `tight`: without the empty rim of a figure of our own."""
    if path is None:
        return
    from matplotlib import rc_context

    check_target(axes, path)
    data = io.BytesIO()
    suffix = Path(path).suffix.lower()
    with rc_context(_SALT):
        figure_of(axes).savefig(data, format=suffix[1:], dpi=dpi, metadata=_METADATA[suffix], bbox_inches="tight" if tight else None)
    write_bytes(path, data.getvalue())


def figure_of(axes: Axes) -> Figure:
    """The whole figure, for Axes of a part of it too."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ArgumentError("ax: Axes of a figure are needed, but these were removed from theirs; give others")
    return figure
