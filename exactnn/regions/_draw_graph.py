"""Graphs of networks with one input: the outputs, their breakpoints, where neurons change, the predicted classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from exactnn.errors import Incomplete
from exactnn.pictures import colours
from exactnn.pictures.drawing import floats, legend
from exactnn.regions import _picture
from exactnn.regions._classes import ClassCell, class_cells
from exactnn.regions._draw_cells import Look, layer_shades
from exactnn.regions._scene import Scene
from exactnn.regions.region import Point, Region

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED = 10  # outputs that the legend names


def draw(axes: Axes, scene: Scene, look: Look) -> None:
    """The whole picture of a network with one input."""
    from matplotlib.lines import Line2D

    order = sorted(range(len(scene.shapes)), key=scene.shapes.__getitem__)
    regions, shapes = [scene.regions[i] for i in order], [scene.shapes[i] for i in order]
    places = [shapes[0][0], *(shape[-1] for shape in shapes)]
    across = [floats(p)[0] for p in places]
    (left,), (right,) = floats(scene.low), floats(scene.high)
    if left >= right:
        raise Incomplete("domain: it is too thin to be drawn in floats; give a larger one")
    entries: list[Any] = []
    if look.boundary or look.colour == "class":
        cells = [cell for region, shape in zip(regions, shapes, strict=True) for cell in class_cells(region, shape)]
        entries += _classes(axes, look, cells)
    if look.kinks:
        entries += _changes(axes, scene, regions, across)
    heights = [_picture.value(regions[0], places[0])]
    heights += [_picture.value(region, shape[-1]) for region, shape in zip(regions, shapes, strict=True)]
    outputs = _outputs(axes, look.graphs(scene.net.output_dim), regions, across, heights)
    if 1 < len(outputs) <= _NAMED:
        entries = [*outputs, *entries]
    if any(item.get_gid() == f"breakpoints {j}" for item in axes.collections for j in range(len(outputs))):
        entries.append(Line2D([], [], color="#555555", linestyle="", marker="o", markersize=4, label="breakpoint"))
    points = [(p, scene.net(p)) for p in scene.data.points]
    drawn = [(p, v) for j in range(scene.net.output_dim) for p, v in ((p, (*p, values[j])) for p, values in points)]
    if scene.data.points and scene.net.output_dim == 1:
        entries += scene.data.draw(axes, scene.low, scene.high, [v for _, v in drawn])
    elif scene.data.points:
        entries += scene.data.draw(axes, scene.low, scene.high, [(*p, max(values)) for p, values in points])
    legend(axes, entries)
    axes.set(xlim=(left, right), xlabel=scene.axis_names[0], ylabel="output" if scene.net.output_dim == 1 else "outputs")
    axes.set_title(scene.title, fontsize="medium")
    axes.margins(y=0.08)


def _outputs(
    axes: Axes, shades: Sequence[colours.Colour], regions: Sequence[Region], across: Sequence[float], heights: Sequence[Point]
) -> list[Any]:
    for j, shade in enumerate(shades):
        up = [floats(h)[j] for h in heights]
        axes.plot(across, up, color=shade, linewidth=1.8, zorder=2, label=f"output {j}", gid=f"output {j}")
        slopes = [region.affine_map[0][j] for region in regions]
        bends = [i for i in range(1, len(slopes)) if slopes[i] != slopes[i - 1]]
        if bends:
            axes.scatter([across[i] for i in bends], [up[i] for i in bends], s=20, color=shade, zorder=3, gid=f"breakpoints {j}")
    return list(axes.lines[-len(shades) :])


def _classes(axes: Axes, look: Look, cells: Sequence[ClassCell]) -> list[Any]:
    """The predicted class as ground, and where it changes."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Any] = []
    if look.colour == "class":
        shades = [colours.lighter(shade) for shade in look.graphs(len(look.names))]  # as the graphs
        for cell in cells:
            (low,), (high,) = map(floats, cell.corners)
            own = next(iter(cell.classes)) if len(cell.classes) == 1 else None
            shade: Any = colours.TIED if own is None else shades[own]
            axes.axvspan(low, high, facecolor=shade, linewidth=0, zorder=0, gid="ties" if own is None else f"class {own}")
        shown = sorted({next(iter(cell.classes)) for cell in cells if len(cell.classes) == 1})
        entries += [Patch(facecolor=shades[j], label=look.names[j]) for j in shown]
        if any(len(cell.classes) > 1 for cell in cells):
            entries.append(Patch(facecolor=colours.TIED, edgecolor=colours.GREY, label="equal largest outputs"))
    changes = [b.corners[0] for a, b in pairwise(cells) if a.classes != b.classes or a.largest_at(a.corners[1]) > a.classes]
    for place in changes:
        axes.axvline(floats(place)[0], color=colours.BOUNDARY, linewidth=1.6, zorder=1.5, gid="boundary")
    if changes:
        entries.append(Line2D([], [], color=colours.BOUNDARY, linewidth=1.6, label="decision boundary"))
    return entries


def _changes(axes: Axes, scene: Scene, regions: Sequence[Region], across: Sequence[float]) -> list[Any]:
    """A thin line at each end of a region where a neuron changes, in the colour of its layer."""
    from matplotlib.lines import Line2D

    found: dict[float, str] = {}
    rank = {name: i for i, name in enumerate(scene.net.order)}
    for region, place in zip(regions, across[1:], strict=True):
        layers = [n.layer for i in region.inequalities if i.normal[0] > 0 for n in i.neurons]
        if layers and "domain" not in layers and place != across[-1]:
            found[place] = min(layers, key=rank.__getitem__)
    layers = [name for name in scene.net.order if name in found.values()]
    shades = dict(zip(layers, layer_shades(len(layers)), strict=True))
    for place, layer in found.items():
        axes.axvline(place, color=shades[layer], linewidth=0.8, alpha=0.5, zorder=1, gid=f"kinks {layer}")
    return [
        Line2D([], [], color=shade, linewidth=0.8, alpha=0.6, label=f"a neuron of layer {name} changes") for name, shade in shades.items()
    ]
