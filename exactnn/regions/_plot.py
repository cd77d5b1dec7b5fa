"""Pictures of linear regions with matplotlib: networks with two inputs as coloured cells, networks with one input as graphs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.clock import timed
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network, check_network
from exactnn.pictures import colours
from exactnn.pictures.axes import check_target, given_axes, save, side_by_side
from exactnn.pictures.drawing import counted
from exactnn.regions import _draw_cells, _draw_graph
from exactnn.regions._classes import class_count
from exactnn.regions._draw_cells import Look
from exactnn.regions._scene import Scene, scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("affine", "class", "active", "region")
#: A picture with more regions than this is asked for by max_regions only.
REGIONS = 20_000


@timed
def plot(
    net: Network,
    domain: Polyhedron | None = None,
    *,
    through: Any = None,
    colour: str = "affine",
    color: str | None = None,
    cmap: Any = None,
    boundary: bool | None = None,
    kinks: bool = True,
    points: Any = None,
    labels: Sequence[object] | None = None,
    classes: Sequence[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    path: str | os.PathLike[str] | None = None,
    max_regions: int | None = REGIONS,
    time_limit: Number | None = None,
) -> Axes:
    """Draw the activation regions of a network with 2 inputs, or the graph of a network with 1 input; of more inputs, a slice.

    The geometry is exact, and is rounded only when it is drawn. The title has the network, the number of activation regions, and where.

    2 inputs: each region is a filled polygon. Segments between regions have the colour of the layer whose neurons change there (the
    first, if several do); they are dotted where the network has one affine map on both sides, so that the function has no kink there.
    Edges of the domain are not drawn. 1 input: the graph of each output with a dot at each of its breakpoints, and a line in the
    layer's colour wherever a neuron changes.

    Parameters
    ----------
    domain : a Box or Polyhedron with interior points. None: a window around the data points, if there are some; else all of R^d, shown in a
        window around the vertices of all regions (of many those in the middle: far out are few). Cells are cut off exactly at its border
    through : 2 or 3 data points of a network with any number of inputs, flat or in the shape of its only input: the picture is of the line
        or plane through them, and shows them.
        The first is at 0, the others at the unit vectors; `domain` is then about that slice
    colour : "affine": equal affine maps have equal colours, different maps different ones, the same set of maps always the same ones.
        "class": by the largest output, with one output by its sign; equal ones hatched. "active": by the number of active neurons (kinks
        below the pre-activation; max pooling has none; 2 inputs only). "region": each region its own
    color : the other spelling of `colour`
    cmap : a matplotlib colormap, or its name, that the colours of areas and graphs come from; None for colours that are far apart
    boundary : whether to draw the decision boundary, as segments: where the largest output is attained twice, which need not be at a kink.
        None: with colour "class"
    kinks : whether to draw the segments between regions
    points, labels : data points, one row each, and a label for each; without labels a few are numbered
    classes : a name for each output (of one output: for > 0 and < 0)
    title : what stands in the place of the network's file or widths
    ax : the matplotlib Axes to draw in; None for a new figure. Nothing is shown: that is for the caller to do
    path : where to write the figure, too: .png, .pdf or .svg
    max_regions, time_limit : as for `count`

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingDependency, ArgumentError, ShapeError, SaveError, and whatever `iterate` raises

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1, -1], [0, 1], [0, -1]], [0, 0, 0]), ([[1, 1, -1]], [0])])  # max(x, y)
    >>> print(xn.regions.plot(net, xn.Box(-1, 1)).get_title())
    network 2-3-1
    4 activation regions in this window with 2 affine maps
    >>> ax = xn.regions.plot(net, points=[[0, 1], [2, 0]], labels=["a", "b"], colour="class", path="max.svg")  # doctest: +SKIP
    """
    check_target(ax, path)
    colour, cmap = _checked_look(colour, color, cmap, boundary)
    limits: dict[str, Any] = {"max_regions": max_regions, "time_limit": time_limit}
    found = scene(net, domain, dimensions=(1, 2), through=through, points=points, labels=labels, title=title, **limits)
    (look,) = _looks([found], colour, cmap, boundary, kinks, classes)
    axes = given_axes(ax)
    _draw(axes, found, look)
    save(axes, path, tight=ax is None)
    return axes


@timed
def plot_pair(
    f: Network,
    g: Network,
    domain: Polyhedron | None = None,
    *,
    through: Any = None,
    colour: str = "affine",
    color: str | None = None,
    cmap: Any = None,
    boundary: bool | None = None,
    kinks: bool = True,
    points: Any = None,
    labels: Sequence[object] | None = None,
    classes: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    axes: Sequence[Axes] | None = None,
    path: str | os.PathLike[str] | None = None,
    max_regions: int | None = REGIONS,
    time_limit: Number | None = None,
) -> tuple[Axes, Axes]:
    """Draw two networks of the same inputs side by side: one window, and equal affine maps (or classes) in equal colours.

    Parameters
    ----------
    f, g : with equally many inputs, 1 or 2 or (with `through`) more, and equally many outputs
    domain, through, colour, color, cmap, boundary, kinks, points, labels, classes, path, max_regions, time_limit : as for `plot`. Where
        the window is chosen by the vertices, those of f choose it
    titles : two texts in the place of the networks' files or widths
    axes : two matplotlib Axes to draw in; None for a new figure

    Returns
    -------
    tuple of two matplotlib.axes.Axes

    Raises
    ------
    MissingDependency, ArgumentError, ShapeError, SaveError, and whatever `iterate` raises

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1, -1], [0, 1], [0, -1]], [0, 0, 0]), ([[1, 1, -1]], [0])])  # max(x, y)
    >>> left, right = xn.regions.plot_pair(net, xn.mlp([([[1, 1]], [0])]), xn.Box(-1, 1), titles=["max", "sum"])
    >>> print(right.get_title())
    sum
    1 activation region in this window with 1 affine map
    """
    given = None if axes is None else _two(axes)
    for ax in given or (None,):
        check_target(ax, path)
    colour, cmap = _checked_look(colour, color, cmap, boundary)
    if titles is not None and (isinstance(titles, str) or len(titles) != 2):
        raise ArgumentError("titles: two texts, or None, are needed")
    names = titles or (None, None)
    limits: dict[str, Any] = {"max_regions": max_regions, "time_limit": time_limit}
    shared: dict[str, Any] = {"dimensions": (1, 2), "through": through, "points": points, "labels": labels, **limits}
    first = scene(f, domain, title=names[0], **shared)
    _check_pair(f, g)
    second = scene(g, first.frame if domain is None else domain, title=names[1], **shared)
    looks = _looks([first, second], colour, cmap, boundary, kinks, classes)
    left, right = given or side_by_side((11, 5.8))
    _draw(left, first, looks[0])
    _draw(right, second, looks[1])
    if given is None:
        _share(left, right)
    save(left, path, tight=given is None)
    return left, right


def _two(axes: Any) -> tuple[Axes, Axes]:
    listed = list(axes) if hasattr(axes, "__iter__") else [axes]
    if len(listed) != 2 or any(ax is None for ax in listed):
        raise ArgumentError(f"axes: two matplotlib Axes, or None, are needed, got {len(listed)}")
    return listed[0], listed[1]


def _draw(axes: Axes, found: Scene, look: Look) -> None:
    (_draw_cells if found.net.input_dim == 2 else _draw_graph).draw(axes, found, look)
    if look.colour == "affine":
        distinct = len({region.affine_map for region in found.regions})
        axes.set_title(f"{axes.get_title()} with {counted(distinct, 'affine map', 'affine maps')}", fontsize="medium")


def _share(left: Axes, right: Axes) -> None:
    """One name of the axis up, numbers on it once if they are the same, and one legend if both say the same."""
    right.set_ylabel("")
    right.tick_params(labelleft=left.get_ylim() != right.get_ylim())
    first, second = left.get_legend(), right.get_legend()
    if first and second and [t.get_text() for t in first.get_texts()] == [t.get_text() for t in second.get_texts()]:
        second.remove()


def _looks(scenes: Sequence[Scene], colour: str, cmap: Any, boundary: bool | None, kinks: bool, classes: Any) -> list[Look]:
    names = class_names(scenes[0].net, classes)
    keys = sorted({key for found in scenes for key in _draw_cells.keys(colour, found.regions)}) if colour in ("affine", "region") else []
    look = Look(colour, colour == "class" if boundary is None else boundary, kinks, names, {}, cmap)
    return [replace(look, shades=dict(zip(keys, look.fills(len(keys)), strict=True)))] * len(scenes)


def class_names(net: Network, classes: Any) -> tuple[str, ...]:
    """The names of the classes: those given, if there are as many as there have to be."""
    count = class_count(net.output_dim)
    if classes is None:
        return ("output > 0", "output < 0") if net.output_dim == 1 else tuple(f"class {j}" for j in range(count))
    if isinstance(classes, str) or not hasattr(classes, "__iter__"):
        raise ArgumentError(f"classes: a list of {count} names is needed, got {type(classes).__name__}")
    names = tuple(map(str, classes))
    if len(names) != count:
        raise ShapeError(f"classes: {count} names are needed, one for each {'sign' if net.output_dim == 1 else 'output'}, got {len(names)}")
    return names


def _checked_look(colour: str, color: str | None, cmap: Any, boundary: object) -> tuple[str, Any]:
    """What colours tell, and the colormap."""
    chosen, name = colours.spelt(colour, color, "affine")
    if chosen not in COLOURS:
        raise ArgumentError(
            f"{name}: one of {', '.join(map(repr, COLOURS))}, what colours tell, is needed, got {chosen!r}; cmap says which"
        )
    if boundary not in (None, True, False):
        raise ArgumentError(f"boundary: True, False or None is needed, got {boundary!r}")
    return chosen, colours.colormap(cmap)


def _check_pair(f: Network, g: Network) -> None:
    check_network(g, "g")
    if (f.input_dim, f.output_dim) != (g.input_dim, g.output_dim):
        raise ShapeError(f"g: {f.input_dim} inputs and {f.output_dim} outputs, as f has, are needed, got {g.input_dim} and {g.output_dim}")
