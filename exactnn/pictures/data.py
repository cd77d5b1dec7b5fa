"""Data points in pictures: a few with a label each, many with a marker for each label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.pictures import colours
from exactnn.pictures.drawing import counted, floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[Fraction, ...]
NAMED = 12  # points that are labelled one by one
_MARKERS = "osD^vPX<>p"


@dataclass(frozen=True)
class Data:
    """Points with a label each; without labels a few have their numbers."""

    points: tuple[Point, ...]
    labels: tuple[str, ...] | None

    @classmethod
    def of(cls, points: Any, labels: Any, dimension: int) -> Data:
        """From rows of numbers, and a label for each or None; errors name the argument."""
        rows: tuple[Point, ...] = ()
        if points is not None:
            table = RationalArray.of([v.tolist() if hasattr(v, "tolist") else v for v in points], "points")
            if len(table) and (table.ndim != 2 or table.shape[1] != dimension):
                raise ShapeError(f"points: rows of {dimension} numbers are needed, got shape {table.shape}")
            rows = tuple(table.to_rows()) if len(table) else ()
        if labels is None:
            return cls(rows, None)
        if isinstance(labels, str) or not hasattr(labels, "__iter__"):
            raise ArgumentError(f"labels: a list with a label for each point is needed, got {type(labels).__name__}")
        texts = tuple(str(label) for label in labels)
        if len(texts) != len(rows):
            raise ShapeError(f"labels: a label for each of {counted(len(rows), 'point', 'points')} is needed, got {len(texts)}")
        return cls(rows, texts)

    def draw(self, axes: Axes, low: Sequence[Fraction], high: Sequence[Fraction], places: Sequence[Point] | None = None) -> list[Any]:
        """Draw them, and return entries for the legend.

        low, high : what the picture shows; the legend says how many points lie outside
        places : where they are drawn, if elsewhere than they are (on a graph)
        """
        from matplotlib.lines import Line2D

        if not self.points:
            return []
        at = [floats(p) for p in (self.points if places is None else places)]
        outside = sum(any(not a <= v <= b for a, v, b in zip(low, p, high, strict=True)) for p in self.points)
        note = f" ({outside} outside of the picture)" if outside else ""
        found = []
        solid = {"depthshade": False} if len(at[0]) == 3 else {}
        for name, members, marker in self._groups():
            look: Any = {"s": 24, "c": colours.POINT, "marker": marker, "edgecolors": "white", "linewidths": 0.8, "zorder": 5, **solid}
            axes.scatter(*zip(*(at[i] for i in members), strict=True), gid=f"points {name}".strip(), **look)
            text = f"data: {name}" if name else counted(len(at), "data point", "data points") + note
            found.append(Line2D([], [], color=colours.POINT, marker=marker, markeredgecolor="white", linestyle="", label=text))
        if len(found) > 1 and note:
            found.append(Line2D([], [], linestyle="", label=note.strip(" ()")))
        if len(at) <= NAMED:
            for p, text in zip(at, self.labels or map(str, range(len(at))), strict=True):
                _write(axes, p, text)
        return found

    def _groups(self) -> list[tuple[str, list[int], str]]:
        """Name, members and marker: of many points those of each label, if these are few."""
        names = sorted(set(self.labels or ()))
        if self.labels is None or len(self.points) <= NAMED or len(names) > len(_MARKERS):
            return [("", list(range(len(self.points))), _MARKERS[0])]
        members = [[i for i, own in enumerate(self.labels) if own == name] for name in names]
        return list(zip(names, members, _MARKERS, strict=False))


def _write(axes: Any, place: tuple[float, ...], text: str) -> None:
    """A label beside its point, with a light rim."""
    from matplotlib.patheffects import withStroke

    look: Any = {"zorder": 6, "path_effects": [withStroke(linewidth=2.5, foreground="white")], "gid": "point label"}
    if len(place) == 3:
        axes.text(*place, f"  {text}", **look)
    else:
        left, right = axes.get_xlim()
        side, shift = ("left", 6) if place[0] < left + 0.7 * (right - left) else ("right", -6)
        axes.annotate(text, place, (shift, 5), textcoords="offset points", ha=side, annotation_clip=True, **look)
