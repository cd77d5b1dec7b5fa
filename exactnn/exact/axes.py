"""The matplotlib Axes that a picture is drawn in; here because every room that draws may import this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exactnn.errors import ArgumentError, MissingDependency

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def given_axes(ax: Any) -> Axes:
    """The Axes itself, or for None those of a new figure."""
    try:
        from matplotlib import axes, pyplot
    except ImportError:
        raise MissingDependency("pictures need the package matplotlib; install it with: pip install 'exactnn[plot]'") from None
    if ax is None:
        return pyplot.subplots(layout="constrained")[1]
    if not isinstance(ax, axes.Axes):
        raise ArgumentError(f"ax: a matplotlib Axes or None is needed, got {type(ax).__name__}")
    return ax
