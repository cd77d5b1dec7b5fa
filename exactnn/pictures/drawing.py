"""What pictures of the plane are drawn with: polygons, segments, dots, labels and legends; exact points are rounded here only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from exactnn.errors import Incomplete
from exactnn.pictures.axes import figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[Fraction, ...]
_BELOW = 36  # points of 1/72 inch from the axis to the legend: tick labels and the axis's name lie between


def floats(point: Sequence[Fraction]) -> tuple[float, ...]:
    """The point as it is drawn."""
    try:
        return tuple(map(float, point))
    except OverflowError:
        raise Incomplete("domain: a vertex lies too far out to be drawn in floats; give a smaller domain") from None


def columns(points: Sequence[Sequence[Fraction]]) -> tuple[list[float], list[float]]:
    """The coordinates across and up."""
    pairs = [floats(p) for p in points]
    return [p[0] for p in pairs], [p[1] for p in pairs]


def fill(axes: Axes, cells: Sequence[tuple[Sequence[Point], Any]], hatch: str | None = None, gid: str = "cells") -> Any:
    """Filled polygons with their colours, if there are any; the artist."""
    from matplotlib.collections import PolyCollection

    if cells:
        polygons: Any = [[floats(p) for p in cell] for cell, _ in cells]
        shades = [shade for _, shade in cells]
        edges: Any = {"edgecolors": "#aaaaaa"} if hatch else {"edgecolors": shades}
        return axes.add_collection(PolyCollection(polygons, facecolors=shades, linewidths=0.4, hatch=hatch, zorder=0, gid=gid, **edges))
    return None


def segments(
    axes: Axes, ends: Iterable[tuple[Point, Point]], colour: str, gid: str, width: float, *, style: Any = "solid", order: float = 2
) -> None:
    """Segments of one kind."""
    from matplotlib.collections import LineCollection

    lines: Any = [[floats(p) for p in segment] for segment in ends]
    if lines:
        drawn: Any = {"colors": colour, "linewidths": width, "linestyles": style, "capstyle": "round"}
        axes.add_collection(LineCollection(lines, zorder=order, gid=gid, **drawn))


def dots(axes: Axes, points: Sequence[Point], colour: str, gid: str) -> None:
    """Points of one kind."""
    if points:
        across, up = columns(points)
        axes.scatter(across, up, s=26, c=colour, zorder=3, gid=gid)


def label(axes: Axes, place: Point, text: str) -> None:
    """A short text on light ground, centred at the place."""
    back = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.5}
    across, up = floats(place)
    axes.text(across, up, text, ha="center", va="center", fontsize="small", zorder=4, bbox=back, clip_on=True)


def legend(axes: Axes, entries: Sequence[Any], *, below: float = _BELOW) -> None:
    """A legend below the Axes, under its name, whatever the size of the picture."""
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.transforms import ScaledTranslation

    if entries:
        shift = ScaledTranslation(0, -below / 72, figure_of(axes).dpi_scale_trans)
        labels = [(e[0] if type(e) is tuple else e).get_label() for e in entries]  # bars are a tuple with a label of its own
        place: Any = {"loc": "upper left", "bbox_to_anchor": (0, 0), "bbox_transform": axes.transAxes + shift, "borderaxespad": 0}
        longest = max(map(len, labels))
        axes.legend(
            handles=list(entries),
            labels=labels,
            ncols=max(1, min(len(entries), 110 // (longest + 12))),
            frameon=False,
            fontsize="small",
            handler_map={tuple: HandlerTuple(ndivide=None, pad=0)},
            **place,
        )


def limits(axes: Axes, low: Sequence[Fraction], high: Sequence[Fraction]) -> None:
    """The limits of the Axes, with equal units unless the window is long."""
    (left, bottom), (right, top) = floats(low), floats(high)
    if left >= right or bottom >= top:
        raise Incomplete("domain: it is too thin to be drawn in floats; give a larger one")
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_aspect("equal" if (right - left) / 4 <= top - bottom <= 4 * (right - left) else "auto")


def line_width(count: int, width: float) -> float:
    """Thinner where there are many."""
    return width if count <= 150 else max(0.25, width * float(150 / count) ** 0.5)


def counted(count: int, one: str, many: str) -> str:
    """ "1 vertex", "2 vertices"."""
    return f"{count:,} {one if count == 1 else many}"
