"""Pictures in space: the graph of an output over the plane, and the decision boundary of a network with three inputs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from exactnn.errors import ArgumentError
from exactnn.exact.clock import timed
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network
from exactnn.pictures import colours
from exactnn.pictures.axes import check_target, given_axes, save
from exactnn.pictures.drawing import floats, legend, line_width
from exactnn.regions import _picture
from exactnn.regions._classes import class_count, class_rows
from exactnn.regions._plot import REGIONS, class_names
from exactnn.regions._scene import Scene, scene
from exactnn.regions.region import Point, Region

if TYPE_CHECKING:
    from mpl_toolkits.mplot3d import Axes3D

_PAIRS = 10  # pairs of classes with colours of their own: those with the most polygons
_OTHERS = (0.45, 0.45, 0.45)
_ALPHA = 0.6

#: A polygon where two classes are the largest together, with the two.
Face = tuple[tuple[Point, ...], tuple[int, int]]


@timed
def plot_3d(
    net: Network,
    domain: Polyhedron | None = None,
    *,
    through: Any = None,
    output: int = 0,
    points: Any = None,
    labels: Sequence[object] | None = None,
    classes: Sequence[str] | None = None,
    title: str | None = None,
    ax: Axes3D | None = None,
    path: str | os.PathLike[str] | None = None,
    max_regions: int | None = REGIONS,
    time_limit: Number | None = None,
) -> Axes3D:
    """Draw in space: of 2 inputs the graph of an output, of 3 inputs the surface where the predicted class changes.

    2 inputs: above each region a flat polygon, equal affine maps of that output in equal colours; where the output is 0 a line.
    3 inputs: in each region the polygons where two outputs are equal and no other is larger, each pair of classes in its own colour; of a
    single output where it is 0 (where it is so all over a region, its border only). All corners are exact, and are rounded only when they
    are drawn.

    Parameters
    ----------
    domain : as for `plot`
    through : 3 or 4 data points of a network with any number of inputs: the picture is of the plane or space through them
    output : which output the graph shows
    ax : Axes with projection="3d"; None for a new figure
    points, labels, classes, title, path, max_regions, time_limit : as for `plot`

    Returns
    -------
    mpl_toolkits.mplot3d.Axes3D

    Raises
    ------
    MissingDependency, ArgumentError, ShapeError, SaveError, and whatever `iterate` raises

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [0, 0, 0]), ([[1, 1, -1]], [0])])
    >>> print(xn.regions.plot_3d(net, xn.Box(-1, 1)).get_title())
    network 3-3-1
    8 activation regions in this window; boundary of 6 polygons
    """
    check_target(ax, path)
    if ax is not None and ax.name != "3d":
        raise ArgumentError('ax: Axes in space are needed, made with projection="3d", got flat ones')
    limits: dict[str, Any] = {"max_regions": max_regions, "time_limit": time_limit}
    found = scene(net, domain, dimensions=(2, 3), through=through, points=points, labels=labels, title=title, **limits)
    names = class_names(found.net, classes)
    if isinstance(output, bool) or not isinstance(output, int) or not 0 <= output < found.net.output_dim:
        raise ArgumentError(f"output: a number from 0 to {found.net.output_dim - 1} is needed, got {output!r}")
    axes: Any = given_axes(ax, size=(6.8, 6.2), projection="3d")
    (_graph if found.net.input_dim == 2 else _surface)(axes, found, output, names)
    save(axes, path, tight=ax is None)
    space: Axes3D = axes
    return space


def _graph(axes: Any, found: Scene, output: int, names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

    keys = [(region.affine_map[0][output], region.affine_map[1][output]) for region in found.regions]
    distinct = sorted(set(keys))
    shades = dict(zip(distinct, colours.fills(len(distinct)), strict=True))
    lifted = graph_faces(found, output)
    shown = {"facecolors": [shades[k] for k in keys], "edgecolors": "#22223b", "linewidths": line_width(len(lifted), 0.7)}
    axes.add_collection3d(Poly3DCollection([[floats(p) for p in shape] for shape in lifted], gid="cells", **shown))
    heights = [p[2] for shape in lifted for p in shape]
    zero = {ends for shape in lifted if len(ends := _zeros(shape)) == 2}
    entries: list[Any] = [tuple(Patch(facecolor=c, label="equal colours: equal affine maps") for c in colours.fills(3))]
    if zero:
        lines = [[floats(p) for p in ends] for ends in sorted(zero)]
        axes.add_collection3d(Line3DCollection(lines, colors=colours.BOUNDARY, linewidths=2.2, zorder=4, gid="boundary"))
        entries.append(Line2D([], [], color=colours.BOUNDARY, linewidth=2.2, label=f"output {output} = 0"))
    low, high = (*found.low, min(heights)), (*found.high, max(heights))
    entries += found.data.draw(axes, found.low, found.high, [(*p, found.net(p)[output]) for p in found.data.points])
    _frame(axes, found, low, high, entries, f"output {output}" if found.net.output_dim > 1 else "output")
    axes.set_title(found.title, fontsize="medium")


def graph_faces(found: Scene, output: int) -> list[tuple[Point, ...]]:
    """Above each region the flat polygon of an output's graph."""
    both = zip(found.regions, found.shapes, strict=True)
    return [tuple((*p, _picture.value(region, p)[output]) for p in shape) for region, shape in both]


def _zeros(shape: Sequence[Point]) -> tuple[Point, ...]:
    """Where the border of a flat polygon crosses height 0."""
    ends: set[Point] = set()
    for p, q in _picture.edges(shape):
        if p[2] == 0:
            ends.add(p)
        if q[2] == 0:
            ends.add(q)
        if p[2] * q[2] < 0:
            t = p[2] / (p[2] - q[2])
            ends.add(tuple(a + t * (b - a) for a, b in zip(p, q, strict=True)))
    return tuple(sorted(ends))


def _surface(axes: Any, found: Scene, output: int, names: Sequence[str]) -> None:
    from matplotlib.colors import LightSource
    from matplotlib.patches import Patch
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    faces = boundary_faces(found.regions, found.frame)
    count = Counter(pair for _, pair in faces)
    named = sorted(pair for pair, _ in count.most_common(_PAIRS))
    shades = dict(zip(named, colours.strong(len(named)), strict=True))
    fills = [(*shades.get(pair, _OTHERS), _ALPHA) for _, pair in faces]
    look: Any = {
        "facecolors": fills,
        "edgecolors": [c[:3] for c in fills],
        "shade": True,
        "lightsource": LightSource(225, 55),
        "linewidths": line_width(len(faces), 0.7),
    }
    if faces:
        axes.add_collection3d(Poly3DCollection([[floats(p) for p in corners] for corners, _ in faces], gid="boundary", **look))
    entries: list[Any] = []
    for pair, shade in shades.items():
        text = "output = 0" if found.net.output_dim == 1 else f"{names[pair[0]]} | {names[pair[1]]}"
        entries.append(Patch(facecolor=(*shade, _ALPHA), edgecolor=shade, label=text))
    if len(count) > len(named):
        entries.append(Patch(facecolor=(*_OTHERS, _ALPHA), edgecolor=_OTHERS, label="other pairs of classes"))
    entries += found.data.draw(axes, found.low, found.high)
    _frame(axes, found, found.low, found.high, entries, found.axis_names[2])
    polygons = f"boundary of {len(faces):,} polygon{'' if len(faces) == 1 else 's'}" if faces else "no decision boundary"
    axes.set_title(f"{found.title}; {polygons}", fontsize="medium")


def boundary_faces(regions: Sequence[Region], frame: Box) -> list[Face]:
    """The polygons of the decision boundary in space, each once.

    In a region the outputs are affine. Where two are equal and no other is larger is a polygon, if the region has points on both sides; a
    polygon in the border of two regions is found from both.
    """
    found: dict[tuple[Point, ...], tuple[int, int]] = {}
    for region in regions:
        rows = class_rows(region)
        shape = region.polyhedron.intersection(frame)
        heights = [[row[0] + sum(a * x for a, x in zip(row[1:], p, strict=True)) for row in rows] for p in shape.vertices()]
        for i, j in combinations(range(class_count(len(rows))), 2):
            gaps = [values[i] - values[j] for values in heights]
            if rows[i] == rows[j] or min(gaps) > 0 or max(gaps) < 0:
                continue
            others = [k for k in range(len(rows)) if k != j]  # y_k <= y_j; with k = i also y_j <= y_i, so that the two are equal
            lower = [tuple(v - w for v, w in zip(rows[k], rows[j], strict=True)) for k in others]
            lower.append(tuple(w - v for v, w in zip(rows[i], rows[j], strict=True)))
            face = shape.intersection(Polyhedron([row[1:] for row in lower], [-row[0] for row in lower]))
            corners = face.vertices()
            if len(corners) >= 3:
                _, *normal = lower[-1]
                flat = max(range(3), key=lambda axis: abs(normal[axis]))  # seen along this axis the polygon keeps its corners
                found.setdefault(_picture.circle(corners, *(axis for axis in range(3) if axis != flat)), (i, j))
    return list(found.items())


def _frame(axes: Any, found: Scene, low: Point, high: Point, entries: Sequence[Any], third: str) -> None:
    from matplotlib.ticker import MaxNLocator

    (left, front, bottom), (right, back, top) = floats(low), floats(high)
    room = (top - bottom) * 0.05 or 1.0
    axes.set(xlim=(left, right), ylim=(front, back), zlim=(bottom - room, top + room) if found.net.input_dim == 2 else (bottom, top))
    axes.set(xlabel=found.axis_names[0], ylabel=found.axis_names[1], zlabel=third)
    axes.set_box_aspect((1, 1, 0.75 if found.net.input_dim == 2 else 1), zoom=0.95)
    axes.computed_zorder = False  # points and lines are seen through what is before them
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.labelpad = 8
    legend(axes, entries, below=30)
