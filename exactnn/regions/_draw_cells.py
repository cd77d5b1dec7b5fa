"""Pictures of regions in the plane: coloured polygons, the borders between them, the boundary between predicted classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from exactnn.cells import read_program
from exactnn.exact.planar import centre
from exactnn.network import MaxPool
from exactnn.pictures import colours
from exactnn.pictures.drawing import fill, label, legend, limits, line_width, segments
from exactnn.regions import _picture
from exactnn.regions._classes import ClassCell, class_cells, decision_segments
from exactnn.regions._scene import Scene
from exactnn.regions.region import Point, Region

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RAMP = ("#f6f3ea", "#c6dfd3", "#86bfc0", "#5496b5", "#3f679f")  # from light to dark, for any eye
_DOTTED = (0, (1, 1.6))
_APART = 7  # a name and a data point are this part of the picture's width apart, or half as much of its height
_LEAST = 80  # a class's name is written into a cell of at least one so-many-th of the picture


@dataclass(frozen=True)
class Look:
    """What is drawn, and how it is coloured; `shades` has a colour for each affine map or pattern of all networks that share a picture.

    cmap : a colormap that all colours of areas and graphs come from; None for our own
    """

    colour: str
    boundary: bool
    kinks: bool
    names: tuple[str, ...]
    shades: Mapping[Any, colours.Colour]
    cmap: Any = None

    def fills(self, count: int) -> list[colours.Colour]:
        """Of areas."""
        return colours.fills(count) if self.cmap is None else colours.spread(self.cmap, count)

    def classes(self, count: int) -> list[colours.Colour]:
        """Of areas of classes."""
        return colours.classes(count) if self.cmap is None else colours.spread(self.cmap, count)

    def graphs(self, count: int) -> list[colours.Colour]:
        """Of lines."""
        return colours.strong(count) if self.cmap is None else colours.spread(self.cmap, count)


def keys(colour: str, regions: Sequence[Region]) -> list[Any]:
    """What decides the colour of each region."""
    return [region.affine_map if colour == "affine" else region.pattern for region in regions]


def draw(axes: Axes, scene: Scene, look: Look) -> None:
    """The whole picture of a network with two inputs."""
    cells: list[ClassCell] = []
    if look.boundary or look.colour == "class":
        for region, shape in zip(scene.regions, scene.shapes, strict=True):
            cells += class_cells(region, shape)
    limits(axes, scene.low, scene.high)
    entries = _fill(axes, scene, look, cells)
    if look.kinks:
        found = _picture.kinks(scene.net, scene.regions, scene.shapes)
        entries += _plain(axes, found) if look.colour == "class" else _layers(axes, scene, found)
    if look.boundary:
        entries += _boundary(axes, decision_segments(cells))
    if look.colour == "class":
        _name_classes(axes, scene, look, cells)
    entries += scene.data.draw(axes, scene.low, scene.high)
    legend(axes, entries)
    axes.set(xlabel=scene.axis_names[0], ylabel=scene.axis_names[1])
    axes.set_title(scene.title, fontsize="medium")


def _fill(axes: Axes, scene: Scene, look: Look, cells: Sequence[ClassCell]) -> list[Any]:
    """The polygons, and what their colours mean."""
    from matplotlib.patches import Patch

    if look.colour == "class":
        return fill_classes(axes, look.names, cells, look.classes(len(look.names)))
    if look.colour == "active":
        _ramp(axes, scene, look.cmap)
        return []
    fill(axes, [(shape, look.shades[key]) for key, shape in zip(keys(look.colour, scene.regions), scene.shapes, strict=True)])
    text = "equal colours: equal affine maps" if look.colour == "affine" else "a colour for each region"
    return [tuple(Patch(facecolor=shade, label=text) for shade in look.fills(3))]


def fill_classes(axes: Axes, names: Sequence[str], cells: Sequence[ClassCell], shades: Sequence[colours.Colour]) -> list[Any]:
    """The cells of each class in its colour, ties hatched; legend entries for those that are there."""
    from matplotlib.patches import Patch

    single = [(cell, next(iter(cell.classes))) for cell in cells if len(cell.classes) == 1]
    tied = [cell for cell in cells if len(cell.classes) > 1]
    fill(axes, [(cell.corners, shades[j]) for cell, j in single])
    fill(axes, [(cell.corners, colours.TIED) for cell in tied], hatch="///", gid="ties")
    entries: list[Any] = [Patch(facecolor=shades[j], label=names[j]) for j in sorted({j for _, j in single})]
    if tied:
        entries.append(Patch(facecolor=colours.TIED, hatch="///", edgecolor=colours.GREY, label="equal largest outputs"))
    return entries


def _ramp(axes: Axes, scene: Scene, cmap: Any) -> None:
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    net = scene.net
    nodes = [name for _, name in read_program([net]).nodes]
    rows = [
        [part for part, name in zip(r.pattern, nodes, strict=True) if not isinstance(net.operation(name), MaxPool)] for r in scene.regions
    ]
    active = [sum(map(sum, row)) for row in rows]
    low, high = min(active), max(active)
    ramp = cmap or LinearSegmentedColormap.from_list("active", _RAMP)
    shown = fill(axes, [(shape, "white") for shape in scene.shapes])
    shown.set(array=active, cmap=ramp, norm=BoundaryNorm([v - 0.5 for v in range(low, high + 2)], ramp.N), edgecolors="face")
    step = max(1, math.ceil((high - low) / 8))
    axes.figure.colorbar(shown, ax=axes, label="active neurons", ticks=range(low, high + 1, step), shrink=0.8)


def _layers(axes: Axes, scene: Scene, found: Sequence[_picture.Kink]) -> list[Any]:
    """Segments in the colours of their layers, dotted where nothing bends."""
    from matplotlib.lines import Line2D

    layers = [name for name in scene.net.order if any(k.layer == name for k in found)]
    thick, thin = line_width(len(found), 1.2), line_width(len(found), 0.9)
    entries: list[Any] = []
    for name, shade in zip(layers, layer_shades(len(layers)), strict=True):
        entries.append(Line2D([], [], color=shade, linewidth=1.4, label=f"a neuron of layer {name} changes"))
        own = [k for k in found if k.layer == name]
        segments(axes, [k.ends for k in own if not k.bends], shade, f"no kinks {name}", thin, style=_DOTTED)
        segments(axes, [k.ends for k in own if k.bends], shade, f"kinks {name}", thick)
    if not all(k.bends for k in found):
        entries.append(Line2D([], [], color="#555555", linewidth=0.9, linestyle=_DOTTED, label="no kink of the function"))
    return entries


def _plain(axes: Axes, found: Sequence[_picture.Kink]) -> list[Any]:
    from matplotlib.lines import Line2D

    segments(axes, [k.ends for k in found], "#6f6f6f", "borders", line_width(len(found), 0.6))
    return [Line2D([], [], color="#6f6f6f", linewidth=0.8, label="border of a region")] if found else []


def _boundary(axes: Axes, found: Sequence[tuple[Point, Point]]) -> list[Any]:
    from matplotlib.lines import Line2D

    segments(axes, found, "white", "boundary rim", 4.0, order=2.4)
    segments(axes, found, colours.BOUNDARY, "boundary", 2.2, order=2.5)
    return [Line2D([], [], color=colours.BOUNDARY, linewidth=2.2, label="decision boundary")] if found else []


def _name_classes(axes: Axes, scene: Scene, look: Look, cells: Sequence[ClassCell]) -> None:
    """The name of each class in its largest cell where there is room, beside the data points if it can be."""
    (left, bottom), (right, top) = scene.low, scene.high
    width, height = right - left, top - bottom

    def is_apart(place: tuple[Fraction, Fraction]) -> bool:
        gaps = [(abs(place[0] - p[0]), abs(place[1] - p[1])) for p in scene.data.points]
        return all(_APART * across > width or 2 * _APART * up > height for across, up in gaps)

    for j, name in enumerate(look.names):
        own = [cell.corners for cell in cells if cell.classes == {j} and _LEAST * _area(cell.corners) > width * height]
        places = [centre([(p[0], p[1]) for p in corners]) for corners in sorted(own, key=_area, reverse=True)]
        for place in ([p for p in places if is_apart(p)] or places)[:1]:
            label(axes, place, name)


def _area(corners: Sequence[Point]) -> Fraction:
    pairs = zip(corners, (*corners[1:], corners[0]), strict=True)
    return abs(sum((p[0] * q[1] - p[1] * q[0] for p, q in pairs), Fraction(0))) / 2


def layer_shades(count: int) -> list[str]:
    """A colour for each layer."""
    return [colours.LAYERS[i % len(colours.LAYERS)] for i in range(count)]
