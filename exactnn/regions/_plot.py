"""Pictures of linear regions with matplotlib: networks with two inputs as coloured cells, networks with one input as graphs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from exactnn.cells import full_dimensional, read_program
from exactnn.errors import ArgumentError, Incomplete, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.axes import given_axes
from exactnn.exact.clock import timed
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import MaxPool, Network
from exactnn.regions import _colours, _picture
from exactnn.regions._count import iterate
from exactnn.regions.region import Point, Region

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("affine", "active", "region")
#: A picture with more regions than this is asked for by max_regions only.
REGIONS = 20_000
_DOTTED = (0, (1, 1.6))


@timed
def plot(
    net: Network,
    domain: Polyhedron | None = None,
    *,
    ax: Axes | None = None,
    colour: str = "affine",
    kinks: bool = True,
    points: Any = None,
    max_regions: int | None = REGIONS,
    time_limit: Number | None = None,
) -> Axes:
    """Draw the activation regions of a network with 2 inputs, or the graph of a network with 1 input.

    The geometry is exact, and is rounded only when it is drawn. Networks with more inputs are shown on a slice: `restrict` them first.

    2 inputs: each region is a filled polygon. Segments between regions have the colour of the layer whose neurons change there (the
    first, if several do); they are dotted where the network has one affine map on both sides, so that the function has no kink there.
    Edges of the domain are not drawn. 1 input: the graph of each output with a dot at each of its breakpoints, and a line in the
    layer's colour wherever a neuron changes.

    Parameters
    ----------
    domain : a Box or Polyhedron with interior points. None (all of R^d) and other unbounded domains are shown in a window that holds every
        vertex of every region with a margin, and the points; cells are cut off exactly at its border. Lines that are nearly parallel meet
        far out and make that window wide: give a Box to look closer.
    ax : the matplotlib Axes to draw in; None for a new figure. Nothing is shown or saved: that is for the caller to do
    colour : "affine": equal affine maps have equal colours, different maps different ones, the same set of maps always the same ones.
        "active": by the number of active neurons (kinks below the pre-activation; max pooling has none). "region": each region its own.
        For 2 inputs only
    kinks : whether to draw the segments between regions
    points : data points, one row each, to draw on top
    max_regions, time_limit : as for `count`

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingDependency, ArgumentError, ShapeError, and whatever `iterate` raises

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1, -1], [0, 1], [0, -1]], [0, 0, 0]), ([[1, 1, -1]], [0])])  # max(x, y)
    >>> ax = xn.regions.plot(net, xn.Box(-1, 1))
    >>> ax.figure.savefig("max.png")  # doctest: +SKIP
    """
    _check(net, colour)
    axes = given_axes(ax)
    domain = full_dimensional(domain, net.input_dim)
    data = _points(points, net.input_dim)
    regions = list(iterate(net, domain, max_regions=max_regions, time_limit=time_limit))
    bounded = domain is not None and domain.is_bounded()
    frame = _picture.bounding_box(domain) if domain is not None and bounded else _picture.window(regions, data)
    shapes = [_picture.polygon(region, None if bounded else frame) for region in regions]
    pairs = [(region, shape) for region, shape in zip(regions, shapes, strict=True) if shape]
    (_cells if net.input_dim == 2 else _graph)(axes, net, pairs, frame, colour, kinks, data)
    return axes


Pairs = list[tuple[Region, tuple[Point, ...]]]


def _cells(axes: Axes, net: Network, pairs: Pairs, frame: Box, colour: str, kinks: bool, data: Sequence[Point]) -> None:
    from matplotlib.collections import PolyCollection

    polygons = [[_floats(p) for p in shape] for _, shape in pairs]
    cells = PolyCollection(polygons, linewidths=0.4, zorder=1, gid="cells")
    _fill(axes, cells, net, [region for region, _ in pairs], colour)
    axes.add_collection(cells)
    if kinks:
        _segments(axes, net, _picture.kinks(net, [r for r, _ in pairs], [s for _, s in pairs]))
    if data:
        across, up = zip(*map(_floats, data), strict=True)
        axes.scatter(across, up, s=22, c="#111111", edgecolors="white", linewidths=0.8, zorder=3, gid="points")
    (left, bottom), (right, top) = (_floats(v.to_fractions()) for v in frame.bounds)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    if left == right or bottom == top:
        raise Incomplete("domain: it is too thin to be drawn in floats; give a larger one")
    axes.set_aspect("equal" if (right - left) / 4 <= top - bottom <= 4 * (right - left) else "auto")
    first, second = _labels(net)
    axes.set(xlabel=first, ylabel=second)


def _segments(axes: Axes, net: Network, found: list[_picture.Kink]) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    layers = [name for name in net.order if any(k.layer == name for k in found)]
    legend = []
    for name, shade in zip(layers, _shades(len(layers)), strict=True):
        legend.append(Line2D([], [], color=shade, linewidth=1.2, label=name))
        for bends, style, width in ((False, _DOTTED, 0.9), (True, "solid", 1.2)):
            segments = [[_floats(p) for p in k.ends] for k in found if k.layer == name and k.bends == bends]
            if segments:
                gid = f"kinks {name}" if bends else f"no kinks {name}"
                lines: Any = {"colors": shade, "linestyles": style, "linewidths": width, "capstyle": "round"}
                axes.add_collection(LineCollection(segments, zorder=2, gid=gid, **lines))
    if not all(k.bends for k in found):
        legend.append(Line2D([], [], color="#555555", linewidth=0.9, linestyle=_DOTTED, label="no kink of the function"))
    _legend(axes, legend if len(legend) > 1 else [])


def _graph(axes: Axes, net: Network, pairs: Pairs, frame: Box, colour: str, kinks: bool, data: Sequence[Point]) -> None:
    ordered = sorted(pairs, key=lambda pair: pair[1])
    places = [ordered[0][1][0], *(shape[-1] for _, shape in ordered)]
    heights = [_picture.value(ordered[0][0], places[0])]
    heights += [_picture.value(region, shape[-1]) for region, shape in ordered]
    across = [_floats(p)[0] for p in places]
    if kinks:
        _changes(axes, net, [region for region, _ in ordered], across)
    for j in range(net.output_dim):
        shade = _colours.OUTPUTS[j % len(_colours.OUTPUTS)]
        up = [_floats(h)[j] for h in heights]
        axes.plot(across, up, color=shade, linewidth=1.8, zorder=2, label=f"output {j}", gid=f"output {j}")
        slopes = [region.affine_map[0][j] for region, _ in ordered]
        bends = [i for i in range(1, len(slopes)) if slopes[i] != slopes[i - 1]]
        axes.scatter([across[i] for i in bends], [up[i] for i in bends], s=20, color=shade, zorder=3, gid=f"breakpoints {j}")
        if data:
            values = [_floats(net(p))[j] for p in data]
            axes.scatter(
                [_floats(p)[0] for p in data], values, s=26, c="#111111", edgecolors="white", linewidths=0.8, zorder=4, gid="points"
            )
    _legend(axes, axes.lines[-net.output_dim :] if net.output_dim > 1 else [])
    (left,), (right,) = (_floats(v.to_fractions()) for v in frame.bounds)
    axes.set(xlim=(left, right), xlabel=_labels(net)[0], ylabel="output")


def _changes(axes: Axes, net: Network, regions: list[Region], across: list[float]) -> None:
    """A thin line at each end of a region where a neuron changes, in the colour of its layer."""
    found: dict[float, str] = {}
    rank = {name: i for i, name in enumerate(net.order)}
    for region, place in zip(regions, across[1:], strict=True):
        ends = [i for i in region.inequalities if i.normal[0] > 0]
        layers = [n.layer for i in ends for n in i.neurons]
        if layers and "domain" not in layers and place != across[-1]:
            found[place] = min(layers, key=rank.__getitem__)
    layers = [name for name in net.order if name in found.values()]
    shades = dict(zip(layers, _shades(len(layers)), strict=True))
    for place, layer in found.items():
        axes.axvline(place, color=shades[layer], linewidth=0.6, alpha=0.35, zorder=1, gid=f"kinks {layer}")


def _fill(axes: Axes, cells: Any, net: Network, regions: list[Region], colour: str) -> None:
    if colour != "active":
        keys: list[Any] = [region.affine_map if colour == "affine" else region.pattern for region in regions]
        distinct = sorted(set(keys))
        shades = dict(zip(distinct, _colours.fills(len(distinct)), strict=True))
        cells.set(facecolors=[shades[k] for k in keys], edgecolors=[shades[k] for k in keys])
        return
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    nodes = [name for _, name in read_program([net]).nodes]
    rows = [[part for part, name in zip(r.pattern, nodes, strict=True) if not isinstance(net.operation(name), MaxPool)] for r in regions]
    active = [sum(map(sum, row)) for row in rows]
    low, high = min(active), max(active)
    ramp = LinearSegmentedColormap.from_list("active", ["#f3f0e6", "#b9d7c9", "#6fb3b8", "#3f7fa6", "#37508c"])
    norm = BoundaryNorm([v - 0.5 for v in range(low, high + 2)], ramp.N) if low < high else None
    cells.set(array=active, cmap=ramp, norm=norm, edgecolors="face")
    step = max(1, math.ceil((high - low) / 8))
    axes.figure.colorbar(cells, ax=axes, label="active neurons", ticks=range(low, high + 1, step), shrink=0.8)


def _legend(axes: Axes, entries: Sequence[Any]) -> None:
    if entries:
        below: Any = {"loc": "upper left", "bbox_to_anchor": (0, -0.12), "borderaxespad": 0}
        axes.legend(handles=entries, ncols=min(len(entries), 4), frameon=False, fontsize="small", **below)


def _shades(count: int) -> list[str]:
    return [_colours.LAYERS[i % len(_colours.LAYERS)] for i in range(count)]


def _labels(net: Network) -> list[str]:
    sizes = {name: math.prod(net.shape(name)) for name in net.inputs}
    return [f"{name}[{i}]" if size > 1 else name for name, size in sizes.items() for i in range(size)]


def _check(net: Network, colour: str) -> None:
    if not isinstance(net, Network):
        raise ArgumentError(f"net: a Network is needed, got {type(net).__name__}; build one with mlp, load or from_torch")
    if colour not in COLOURS:
        raise ArgumentError(f"colour: one of {', '.join(map(repr, COLOURS))} is needed, got {colour!r}")
    if net.input_dim > 2:
        raise ArgumentError(
            f"net: a picture needs 1 or 2 inputs, got {net.input_dim}; take a slice with "
            "exactnn.regions.restrict(net, *exactnn.regions.through(points)), and plot that"
        )


def _points(points: Any, dimension: int) -> list[Point]:
    if points is None:
        return []
    table = RationalArray.of([v.tolist() if hasattr(v, "tolist") else v for v in points], "points")
    if table.ndim != 2 or table.shape[1] != dimension:
        raise ShapeError(f"points: rows of {dimension} numbers are needed, got shape {table.shape}")
    return list(table.to_rows())


def _floats(point: Sequence[Fraction]) -> tuple[float, ...]:
    try:
        return tuple(map(float, point))
    except OverflowError:
        raise Incomplete("domain: a vertex lies too far out to be drawn in floats; give a smaller domain") from None
