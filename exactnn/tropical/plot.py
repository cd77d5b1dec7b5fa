"""Pictures with matplotlib: tropical curves beside their dual subdivisions, and decision boundaries of classifiers with two inputs.

The geometry is exact, and is rounded only when it is drawn.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from exactnn.errors import ArgumentError, DomainError
from exactnn.exact.calls import helpful
from exactnn.exact.numbers import rational_text, sum_text
from exactnn.exact.planar import Point, Polygon, Row, Subdivision, centre, far_frame, integer_rows, place, rectangle, restricted, subdivide
from exactnn.exact.polyhedron import Box
from exactnn.pictures import colours
from exactnn.pictures.axes import check_target, given_axes, save, side_by_side
from exactnn.pictures.data import Data
from exactnn.pictures.drawing import columns, counted, dots, fill, floats, label, legend, limits, segments
from exactnn.tropical._decision import Boundary, class_rows, decision_boundary, domain_inequalities, merged_rows, planar_table
from exactnn.tropical._window import shown_window
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVE = "#22223b"
_NAMED = 14  # terms whose names stand in the picture
_LONG = 24  # characters of such a name, at most
_LEAST = Fraction(1, 250)  # of the picture, for a cell whose name is written into it
_LATTICE = 2500  # lattice points that are drawn


@helpful
def plot(
    polynomial: TropicalPolynomial,
    *,
    axes: Axes | Sequence[Axes] | None = None,
    window: Box | None = None,
    path: str | os.PathLike[str] | None = None,
) -> tuple[Axes, ...]:
    """Draw the tropical curve of a polynomial in two variables, and beside it the dual subdivision of its Newton polygon.

    The curve is where two terms are maximal together. Each region between its segments belongs to one term; it has the colour of that
    term's exponents in the subdivision. Segments of the curve and of the subdivision that cross are dual: each is orthogonal to its dual.
    Exponents of terms that are nowhere maximal alone are hollow, and small grey dots are the lattice points of the Newton polygon.

    Parameters
    ----------
    polynomial : in two variables
    axes : two matplotlib Axes, for curve and subdivision; one, for the curve alone; None for a new
        figure. Nothing is shown: that is for the caller to do
    window : what is shown of the curve; None for its vertices with a margin, so that each unbounded ray is seen (of many vertices those in
        the middle, if a few are far out)
    path : where to write the figure, too: .png, .pdf or .svg

    Returns
    -------
    the Axes that were drawn in

    Raises
    ------
    MissingDependency, ArgumentError, ShapeError, DomainError, SaveError

    Examples
    --------
    >>> from exactnn.tropical import TropicalPolynomial
    >>> line = TropicalPolynomial({(0, 0): 0, (1, 0): 1, (0, 1): "1/2"})
    >>> curve, subdivision = plot(line)
    >>> curve.get_title()
    'Tropical curve: 3 terms, 1 vertex'
    >>> axes = plot(line, path="line.svg")  # doctest: +SKIP
    """
    check_target(None, path)
    rows = _rows(polynomial)
    whole = subdivide(rows, far_frame(rows))
    low, high = shown_window(window, [*whole.vertices, *_feet(whole)])
    shown = subdivide(rows, rectangle(low, high))
    where = _two_axes(axes)
    shades = dict(zip(whole.cells, colours.fills(len(whole.cells)), strict=True))
    exponents = list(polynomial.terms)
    fill(where[0], [(cell, shades[i]) for i, cell in shown.cells.items()])
    segments(where[0], [edge.ends for edge in shown.edges], _CURVE, "curve", 1.8)
    inside = [p for p in whole.vertices if all(a <= v <= b for a, v, b in zip(low, p, high, strict=True))]
    dots(where[0], inside, _CURVE, "vertices")
    if len(shown.cells) <= _NAMED:
        room = (high[0] - low[0]) * (high[1] - low[1])
        for i, cell in shown.cells.items():
            names = [polynomial.terms[exponents[i]], *exponents[i]]
            text = sum_text(zip(names, ("", "$x_0$", "$x_1$"), strict=True))
            if 2 * _LEAST * room < _area(cell):  # the area counts twice
                label(where[0], _inward(centre(cell), text, low, high), text if len(text) <= _LONG else f"term {i}")
    limits(where[0], low, high)
    count = f"{len(whole.cells)} of {len(rows)} terms" if len(whole.cells) < len(rows) else counted(len(rows), "term", "terms")
    where[0].set(xlabel="$x_0$", ylabel="$x_1$")
    where[0].set_title(f"Tropical curve: {count}, {counted(len(whole.vertices), 'vertex', 'vertices')}", fontsize="medium")
    if len(where) == 2:
        _subdivision(where[1], exponents, whole, shades)
    _legends(where, list(shades.values()))
    save(where[0], path, tight=axes is None)
    return where


@helpful
def plot_decision_boundary(
    F: TropicalRationalMap,
    *,
    ax: Axes | None = None,
    window: Box | None = None,
    points: Any = None,
    labels: Sequence[object] | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Axes:
    """Draw the decision boundary of a classifier with two inputs: where its largest output is attained at least twice.

    With R_j = P_j + (sum of Q_k over k != j) the outputs F_j = P_j - Q_j are in the order of the R_j, so that the boundary is the part of
    the tropical hypersurface of max_j R_j where terms of different classes meet; for two outputs it is P_0 + Q_1 = P_1 + Q_0. With one
    output the classes are F_0 > 0 and F_0 < 0, and the boundary is P_0 = Q_0. Where outputs are equal on a whole cell, the cell is hatched.

    Parameters
    ----------
    F : with two inputs. On a domain, only the domain is drawn
    ax : the matplotlib Axes to draw in; None for a new figure. Nothing is shown: that is for the caller to do
    window : what is shown; None for the domain if it is bounded, and else for all ends of segments of the boundary and the points, with a
        margin (of many those in the middle, if a few are far out)
    points, labels : data points, one row each, and a label for each
    path : where to write the figure, too: .png, .pdf or .svg

    Raises
    ------
    MissingDependency, ArgumentError, ShapeError, DomainError, Incomplete, SaveError

    Examples
    --------
    >>> from exactnn.tropical import TropicalPolynomial, TropicalRationalMap
    >>> larger, zero = TropicalPolynomial({(1, 0): 0, (0, 1): 0}), TropicalPolynomial({(0, 0): 0})
    >>> ax = plot_decision_boundary(TropicalRationalMap((larger,), (zero,)))  # max(x0, x1) = 0
    >>> ax.get_title()
    'Decision boundary: $F_0 = 0$, 2 segments'
    """
    check_target(ax, path)
    classes = class_rows(F)
    data = Data.of(points, labels, 2)
    inequalities = domain_inequalities(F)
    merged = merged_rows(classes)
    rows = list(merged)
    far = far_frame(rows, inequalities)
    domain = restricted(far, inequalities)
    if not domain:
        raise DomainError("F.domain: a domain with interior points is needed for a picture, but this one has none")
    ends: list[Point] = []
    if window is None and F.domain is not None and F.domain.is_bounded():
        corners = F.domain.in_dimension(2).vertices()
        window = Box([min(p[j] for p in corners) for j in (0, 1)], [max(p[j] for p in corners) for j in (0, 1)])
    elif window is None:
        ends = [*_ends(decision_boundary(classes, subdivide(rows, domain)), far), *((x, y) for x, y in data.points)]
    low, high = shown_window(window, ends)
    shown = subdivide(rows, restricted(rectangle(low, high), inequalities))
    boundary = decision_boundary(classes, shown)
    axes = given_axes(ax)
    names = ("$F_0 > 0$", "$F_0 < 0$") if F.output_dim == 1 else tuple(f"class {j}" for j in range(F.output_dim))
    shades = colours.classes(len(names))
    tied = [cell for i, cell in shown.cells.items() if len(merged[rows[i]]) > 1]
    single = [(cell, next(iter(merged[rows[i]]))) for i, cell in shown.cells.items() if len(merged[rows[i]]) == 1]
    fill(axes, [(cell, shades[j]) for cell, j in single])
    fill(axes, [(cell, colours.TIED) for cell in tied], hatch="///", gid="ties")
    own_bends = {edge.ends for edge in shown.edges} - set(boundary.segments)
    segments(axes, sorted(own_bends), colours.GREY, "bends", 0.6)
    segments(axes, boundary.segments, colours.BOUNDARY, "boundary", 2.0)
    dots(axes, boundary.points, colours.BOUNDARY, "boundary points")
    for j, name in enumerate(names):
        own = [cell for cell, k in single if k == j]
        if own:
            label(axes, centre(max(own, key=_area)), name)
    limits(axes, low, high)
    entries = _legend(names, shades, {j for _, j in single}, ties=bool(tied), bends=bool(own_bends))
    legend(axes, [*entries, *data.draw(axes, low, high)])
    what = "$F_0 = 0$" if F.output_dim == 1 else "$F_0 = F_1$" if F.output_dim == 2 else "largest output attained twice"
    axes.set(xlabel="$x_0$", ylabel="$x_1$")
    axes.set_title(f"Decision boundary: {what}, {counted(len(boundary.segments), 'segment', 'segments')}", fontsize="medium")
    save(axes, path, tight=ax is None)
    return axes


def _legend(names: Sequence[str], shades: Sequence[Any], present: set[int], *, ties: bool, bends: bool) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Any] = [Patch(facecolor=shades[j], label=names[j]) for j in sorted(present)]
    if ties:
        entries.append(Patch(facecolor=colours.TIED, hatch="///", edgecolor=colours.GREY, label="equal outputs"))
    entries.append(Line2D([], [], color=colours.BOUNDARY, linewidth=2.0, label="decision boundary"))
    if bends:
        entries.append(Line2D([], [], color=colours.GREY, linewidth=0.8, label="terms of one class meet"))
    return entries


def _legends(axes: Sequence[Axes], shades: Sequence[Any]) -> None:
    """What the colours and the dots mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    several = tuple(Patch(facecolor=shade, label="regions: each the colour of its term's exponents") for shade in shades[:3])
    legend(axes[0], [several, Line2D([], [], color=_CURVE, linewidth=1.8, label="two terms are maximal")])
    for ax in axes[1:]:
        dot: Any = {"linestyle": "", "marker": "o", "markeredgecolor": _CURVE}
        entries = [Line2D([], [], color=shades[0], markersize=7, label="exponents of a term", **dot)]
        gids = {item.get_gid() for item in ax.collections}
        if "never alone" in gids:
            entries.append(Line2D([], [], color="white", markersize=5, label="of a term that is nowhere maximal alone", **dot))
        if "lattice" in gids:
            entries.append(Line2D([], [], color="#b5b5b5", linestyle="", marker=".", label="lattice points"))
        legend(ax, entries)


def _rows(polynomial: TropicalPolynomial) -> list[Row]:
    if not isinstance(polynomial, TropicalPolynomial):
        raise ArgumentError(f"polynomial: a TropicalPolynomial is needed, got {type(polynomial).__name__}")
    return integer_rows(planar_table(polynomial))


def _two_axes(axes: Any) -> tuple[Axes, ...]:
    if axes is None:
        return side_by_side((11, 5.4))
    listed = list(axes) if isinstance(axes, Iterable) else [axes]
    if len(listed) not in (1, 2) or any(ax is None for ax in listed):
        raise ArgumentError(f"axes: one or two matplotlib Axes or None are needed, got {len(listed)}")
    return tuple(given_axes(ax) for ax in listed)


def _feet(cells: Subdivision) -> list[Point]:
    """The points nearest to 0 of lines that are edges as a whole."""
    return [_foot(*edge.ends) for edge in cells.edges if all(edge.cut)]


def _ends(boundary: Boundary, far: Polygon) -> list[Point]:
    """What a window has to show of a boundary: its isolated points, the ends of its segments, and the feet of whole lines."""
    side = max(abs(v) for v in place(far[0][0]))
    found = list(boundary.points)
    for segment in boundary.segments:
        ends = [p for p in segment if max(map(abs, p)) < side]
        found += ends or [_foot(*segment)]
    return found


def _foot(p: Point, q: Point) -> Point:
    along = (q[0] - p[0], q[1] - p[1])
    t = -(p[0] * along[0] + p[1] * along[1]) / (along[0] ** 2 + along[1] ** 2)
    return p[0] + t * along[0], p[1] + t * along[1]


def _subdivision(axes: Axes, exponents: Sequence[tuple[Fraction, ...]], whole: Subdivision, shades: dict[int, Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    places = [(a[0], a[1]) for a in exponents]
    corners = [places[i] for i in whole.cells]
    low = (min(p[0] for p in corners), min(p[1] for p in corners))
    high = (max(p[0] for p in corners), max(p[1] for p in corners))
    outline = [edge for edge in whole.edges if any(edge.cut)]
    lattice = _lattice([(places[e.terms[0]], places[e.terms[1]]) for e in outline], corners, low, high)
    if lattice:
        axes.scatter(*columns(lattice), s=10, c="#b5b5b5", zorder=2.5, gid="lattice")
    segments(axes, [(places[i], places[j]) for e in whole.edges if not any(e.cut) for i, j in [e.terms]], _CURVE, "subdivision", 1.2)
    segments(axes, [(places[i], places[j]) for e in outline for i, j in [e.terms]], _CURVE, "Newton polygon", 2.2)
    axes.scatter(*columns(corners), s=70, c=[shades[i] for i in whole.cells], edgecolors=_CURVE, zorder=3, gid="exponents")
    hidden = [places[i] for i in range(len(places)) if i not in whole.cells]
    if hidden:
        axes.scatter(*columns(hidden), s=34, facecolors="white", edgecolors="#777777", zorder=3, gid="never alone")
    if len(corners) <= _NAMED:
        for p in corners:
            text, at = f"({rational_text(p[0])}, {rational_text(p[1])})", floats(p)
            axes.annotate(text, (at[0], at[1]), xytext=(6, 6), textcoords="offset points", fontsize="small", zorder=4)
    side = max(high[0] - low[0], high[1] - low[1]) or Fraction(1)
    limits(axes, tuple(v - side / 6 for v in low), tuple(v + side / 6 for v in high))
    if all(v.denominator == 1 for p in places for v in p):
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.set(xlabel="exponent of $x_0$", ylabel="exponent of $x_1$")
    axes.set_title("Dual subdivision of the Newton polygon", fontsize="medium")


def _lattice(outline: Sequence[tuple[Point, Point]], corners: Sequence[Point], low: Point, high: Point) -> list[Point]:
    """The integer points of the Newton polygon, if they are not too many."""
    columns = [range(math.ceil(a), math.floor(b) + 1) for a, b in zip(low, high, strict=True)]
    if math.prod(max(0, c.stop - c.start) for c in columns) > _LATTICE:  # a range too long for a machine integer has no len
        return []
    middle_point = centre(corners)

    def inside(point: Point) -> bool:
        """On the side of the centre for each edge of the polygon; a polygon without interior is its edges' line."""
        for p, q in outline:
            there, here = _turn(p, q, middle_point), _turn(p, q, point)
            if there * here < 0 or (there == 0 and here != 0):
                return False
        return True

    points = [(Fraction(x), Fraction(y)) for x in columns[0] for y in columns[1]]
    return [point for point in points if inside(point)]


def _turn(p: Point, q: Point, r: Point) -> Fraction:
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])


def _inward(place: Point, text: str, low: Point, high: Point) -> Point:
    """The place moved as far inward as a text of this length needs, about 1/60 of the picture's longer side for each letter."""
    half = max(high[0] - low[0], high[1] - low[1]) * min(len(text.replace("$", "").replace("_", "")), 50) / 120
    return min(max(place[0], low[0] + half), high[0] - half), place[1]


def _area(polygon: Sequence[Point]) -> Fraction:
    pairs = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    return abs(sum((p[0] * q[1] - p[1] * q[0] for p, q in pairs), Fraction(0)))
