"""Pictures of tropical curves and decision boundaries: every drawn segment lies on the exact set, and none is missing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError, DomainError, ShapeError
from exactnn.exact.planar import Values, far_frame, integer_rows, middle, rectangle, subdivide
from exactnn.tropical import TropicalPolynomial, TropicalRationalMap
from exactnn.tropical._decision import class_rows, decision_boundary, merged_rows
from exactnn.tropical.plot import plot, plot_decision_boundary
from tests.strategies import law
from tests.tropical._forms import CASES, PLANE, maximum, polynomials, spans, value, vertices

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

Point = tuple[Fraction, Fraction]
Term = tuple[Fraction, tuple[Fraction, ...]]
WINDOW = ((Fraction(-7, 3), Fraction(-5)), (Fraction(4), Fraction(22, 5)))
PLANAR = {name: p for name, p in CASES.items() if p.dimension == 2}
ZERO = TropicalPolynomial({(0, 0): 0})


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def shared(first: Term, second: Term, every: Sequence[Term]) -> tuple[Point, Point] | None:
    """The segment of the window where two terms are equal and no term is larger: the line between them, cut by each of the others."""
    (c, a), (d, b) = first, second
    normal, offset = (a[0] - b[0], a[1] - b[1]), d - c
    if normal == (0, 0):
        return None
    size = normal[0] ** 2 + normal[1] ** 2
    start, along = (normal[0] * offset / size, normal[1] * offset / size), (-normal[1], normal[0])
    halves = [(value(c, a, start) - value(e, f, start), (a[0] - f[0]) * along[0] + (a[1] - f[1]) * along[1]) for e, f in every]
    for j in (0, 1):
        halves += [(start[j] - WINDOW[0][j], along[j]), (WINDOW[1][j] - start[j], -along[j])]
    low, high = Fraction(-(10**80)), Fraction(10**80)
    for constant, slope in halves:  # constant + slope t >= 0
        if slope > 0:
            low = max(low, -constant / slope)
        elif slope < 0:
            high = min(high, -constant / slope)
        elif constant < 0:
            return None
    if low >= high:
        return None
    ends = sorted((start[0] + t * along[0], start[1] + t * along[1]) for t in (low, high))
    return ends[0], ends[1]


def rows_of(p: TropicalPolynomial) -> list[Term]:
    return [(c, a) for a, c in p.terms.items()]


def on_border(segment: tuple[Point, Point]) -> bool:
    """Whether a segment lies in a side of the window, where it has a cell on one side only."""
    return any(segment[0][j] == segment[1][j] == side[j] for j in (0, 1) for side in WINDOW)


def segments_of(pairs: Iterator[tuple[Term, Term]], every: Sequence[Term]) -> set[tuple[Point, Point]]:
    found = {segment for first, second in pairs if (segment := shared(first, second, every))}
    return {segment for segment in found if not on_border(segment)}


def drawn(axes: Any, gid: str) -> list[Any]:
    """The vertices of what is drawn under a name."""
    return [path.vertices for item in axes.collections if item.get_gid() == gid for path in item.get_paths()]


def floats(segments: Any) -> list[list[list[float]]]:
    return sorted([[float(v) for v in p] for p in segment] for segment in segments)


# --- curves ----------------------------------------------------------------------------------------------------------------


@law(60)
@given(polynomials(2))
def test_edges_are_where_two_terms_are_maximal(p: TropicalPolynomial) -> None:
    cells = subdivide(integer_rows(p.table), rectangle(*WINDOW))
    rows = rows_of(p)
    assert {edge.ends for edge in cells.edges} == segments_of(itertools.combinations(rows, 2), rows)
    for edge in cells.edges:
        assert all(value(*rows[i], middle(*edge.ends)) == maximum(p, middle(*edge.ends)) for i in edge.terms)
    for i, cell in cells.cells.items():
        assert all(value(*rows[i], corner) == maximum(p, corner) for corner in cell)


@law(60)
@given(polynomials(2))
def test_vertices_are_those_of_brute_force(p: TropicalPolynomial) -> None:
    rows = integer_rows(p.table)
    cells = subdivide(rows, far_frame(rows))
    assert set(cells.vertices) == (vertices(p) if spans(p) else set())


@pytest.mark.parametrize("name", [name for name in PLANAR if name != "huge"])
def test_the_picture_shows_the_curve_and_its_dual(name: str) -> None:
    p = PLANAR[name]
    curve, subdivision = plot(p)
    box = [Fraction(v) for v in (*curve.get_xlim(), *curve.get_ylim())]
    for a, b in drawn(curve, "curve"):
        x = tuple(Fraction(float(v)) for v in (a + b) / 2)
        best = sorted((value(*row, x) for row in rows_of(p)), reverse=True)
        assert best[0] - best[1] < Fraction(1, 10**9)
    for x, y in vertices(p):
        assert box[0] < x < box[1]
        assert box[2] < y < box[3]
    rows = integer_rows(p.table)
    whole = subdivide(rows, far_frame(rows))
    exponents = list(p.terms)
    duals = [tuple(exponents[i] for i in edge.terms) for edge in whole.edges]
    for edge, (a, b) in zip(whole.edges, duals, strict=True):
        (x0, y0), (x1, y1) = edge.ends
        assert (x1 - x0) * (a[0] - b[0]) + (y1 - y0) * (a[1] - b[1]) == 0
    assert floats(drawn(subdivision, "subdivision") + drawn(subdivision, "Newton polygon")) == floats(duals)
    assert len(drawn(curve, "curve")) == len(whole.edges)  # every segment and ray is in the window
    assert len(drawn(curve, "cells")) == len(whole.cells)
    assert "Tropical curve" in curve.get_title()
    assert curve.get_xlabel() == "$x_0$"


def test_the_dual_of_the_example() -> None:
    curve, subdivision = plot(PLANE)
    assert curve.get_title() == "Tropical curve: 4 terms, 2 vertices"
    assert floats(drawn(subdivision, "subdivision")) == [[[0.0, 1.0], [2.0, 0.0]]]
    assert [t.get_text() for t in curve.get_legend().get_texts()] == [
        "regions: each the colour of its term's exponents",
        "two terms are maximal",
    ]
    assert [t.get_text() for t in subdivision.get_legend().get_texts()] == ["exponents of a term", "lattice points"]
    (lattice,) = (item for item in subdivision.collections if item.get_gid() == "lattice")
    assert sorted(map(tuple, lattice.get_offsets().tolist())) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    assert {text.get_text() for text in curve.texts} == {"0", "2 + $x_1$", "-1 + $x_0$ + $x_1$", "1/3 + 2 $x_0$"}


def test_terms_that_are_never_alone_are_hollow() -> None:
    curve, subdivision = plot(TropicalPolynomial({(0, 0): 0, (1, 0): 0, (2, 0): 0, (1, 1): -1}))
    assert curve.get_title().startswith("Tropical curve: 3 of 4 terms")
    (hidden,) = (item for item in subdivision.collections if item.get_gid() == "never alone")
    assert hidden.get_offsets().tolist() == [[1, 0]]


def test_axes_and_windows_are_those_given(tmp_path: Any) -> None:
    from matplotlib import pyplot

    ax = pyplot.figure().add_subplot()
    assert plot(PLANE, axes=ax, window=xn.Box([0, "1/2"], [2, 3])) == (ax,)
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 2), (0.5, 3))
    pair = pyplot.subplots(1, 2)[1]
    assert plot(PLANE, axes=pair, window=xn.Box(-1, 1)) == tuple(pair)
    pair[0].figure.savefig(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"polynomial": CASES["space"]}, ShapeError, "two variables are needed for a picture, got 3"),
        ({"polynomial": TropicalPolynomial({}, 2)}, ArgumentError, "-infinity"),
        ({"polynomial": 3}, ArgumentError, "a TropicalPolynomial is needed, got int"),
        ({"window": 3}, ArgumentError, "window: a Box or None is needed, got int"),
        ({"window": xn.Box([0, 0], [0, 1])}, DomainError, "lower < upper"),
        ({"window": xn.Box([0, 0, 0], [1, 1, 1])}, DomainError, "R\\^2"),
        ({"window": xn.Box([0, 0], [1, 10**301])}, DomainError, "up to 1e300"),
        ({"window": xn.Box([1, 0], [1 + Fraction(1, 2**60), 1])}, DomainError, "not too thin"),
        ({"axes": []}, ArgumentError, "one or two matplotlib Axes"),
        ({"axes": 3}, ArgumentError, "ax: a matplotlib Axes or None is needed, got int"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plot(**{"polynomial": PLANE, **arguments})


# --- decision boundaries ------------------------------------------------------------------------------------------------------


def sums(p: TropicalPolynomial, q: TropicalPolynomial) -> list[Term]:
    """All sums of a term of each, the largest for each exponent."""
    found: dict[tuple[Fraction, ...], Fraction] = {}
    for (a, c), (b, d) in itertools.product(p.terms.items(), q.terms.items()):
        key = tuple(v + w for v, w in zip(a, b, strict=True))
        found[key] = max(found.get(key, c + d), c + d)
    return [(c, a) for a, c in found.items()]


@law(30)
@given(st.tuples(*[polynomials(2, most=4)] * 4))
def test_the_boundary_is_where_two_outputs_are_equal(four: tuple[TropicalPolynomial, ...]) -> None:
    assume(not four[2].equals(four[3]))  # a common denominator is left out, and then segments are cut at fewer points
    F = TropicalRationalMap(four[:2], four[2:])
    classes = class_rows(F)
    rows = list(merged_rows(classes))
    cells = subdivide(rows, rectangle(*WINDOW))
    boundary = decision_boundary(classes, cells)
    for x in (*(middle(*s) for s in boundary.segments), *(p for s in boundary.segments for p in s), *boundary.points):
        first, second = F(x)
        assert first == second
    tops, bottoms = sums(four[0], four[3]), sums(four[1], four[2])  # P_0 + Q_1 and P_1 + Q_0
    every = [*tops, *bottoms]
    full = [cell for i, cell in cells.cells.items() if len(merged_rows(classes)[rows[i]]) > 1]
    expected = segments_of(itertools.product(tops, bottoms), every)
    if full:  # on cells where both are equal more than the edges is in the set
        expected = {s for s in expected if not any(F(p)[0] == F(p)[1] and inside(p, cell) for cell in full for p in [middle(*s)])}
        assert expected <= set(boundary.segments)
    else:
        assert set(boundary.segments) == expected


def inside(p: Point, cell: Sequence[Point]) -> bool:
    """Whether a point is in a convex polygon, anticlockwise, or on its border."""
    turns = [(q[0] - r[0]) * (p[1] - r[1]) - (q[1] - r[1]) * (p[0] - r[0]) for r, q in zip(cell, (*cell[1:], cell[0]), strict=True)]
    return all(turn >= 0 for turn in turns)


def test_a_network_with_one_output() -> None:
    larger = TropicalPolynomial({(1, 0): 0, (0, 1): 0})
    ax = plot_decision_boundary(TropicalRationalMap((larger,), (ZERO,)))
    left, right, bottom, top = *ax.get_xlim(), *ax.get_ylim()
    assert floats(drawn(ax, "boundary")) == [[[0, bottom], [0, 0]], [[left, 0], [0, 0]]][::-1]
    assert right > 0 < top
    assert {text.get_text() for text in ax.texts} == {"$F_0 > 0$", "$F_0 < 0$"}
    assert ax.get_title() == "Decision boundary: $F_0 = 0$, 2 segments"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "$F_0 > 0$",
        "$F_0 < 0$",
        "decision boundary",
        "terms of one class meet",
    ]


def test_data_and_files(tmp_path: Any) -> None:
    larger = TropicalPolynomial({(1, 0): 0, (0, 1): 0})
    F = TropicalRationalMap((larger,), (ZERO,))
    for name in ("a.png", "b.png"):
        ax = plot_decision_boundary(F, points=[[8, 9], [-1, 0]], labels=["a", "b"], path=tmp_path / name)
    assert ax.get_xlim()[1] > 8
    assert [text.get_text() for text in ax.texts if text.get_gid() == "point label"] == ["a", "b"]
    assert ax.get_legend().get_texts()[-1].get_text() == "2 data points"
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    near = plot_decision_boundary(F, points=[[8, 9]], window=xn.Box(-1, 1))
    assert near.get_legend().get_texts()[-1].get_text() == "1 data point (1 outside of the picture)"
    with pytest.raises(ShapeError, match="points: rows of 2 numbers"):
        plot_decision_boundary(F, points=[[1]])
    with pytest.raises(ArgumentError, match="path: a name that ends in"):
        plot(PLANE, path="curve.tiff")
    plot(PLANE, path=tmp_path / "curve.svg")
    assert b"<svg" in (tmp_path / "curve.svg").read_bytes()


def test_where_outputs_touch() -> None:
    absolute = TropicalPolynomial({(1, 0): 0, (-1, 0): 0})
    ax = plot_decision_boundary(TropicalRationalMap((absolute,), (ZERO,)), window=xn.Box(-1, 1))
    assert floats(drawn(ax, "boundary")) == [[[0, -1], [0, 1]]]  # |x0| = 0, with F > 0 on both sides
    point = TropicalPolynomial({(1, 0): 0, (-1, 0): 0, (0, 1): 0, (0, -1): 0})
    ax = plot_decision_boundary(TropicalRationalMap((point,), (ZERO,)))
    assert drawn(ax, "boundary") == []
    (dots,) = (item for item in ax.collections if item.get_gid() == "boundary points")
    assert dots.get_offsets().tolist() == [[0, 0]]


def test_where_outputs_are_equal_on_a_cell() -> None:
    first, second = (TropicalPolynomial({(0, 0): 0, a: 0}) for a in ((1, 0), (0, 1)))
    ax = plot_decision_boundary(TropicalRationalMap((first, second), (ZERO, ZERO)), window=xn.Box(-1, 1))
    (tie,) = drawn(ax, "ties")
    assert {tuple(p) for p in tie} == {(-1, -1), (0, -1), (0, 0), (-1, 0)}
    assert "equal outputs" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_several_classes_on_a_domain() -> None:
    F = TropicalRationalMap(
        (PLANE, CASES["conic"], CASES["cross"]), (ZERO, ZERO, ZERO), domain=xn.Polyhedron([[1, 1], [-1, 0], [0, -1]], [3, 2, 4])
    )
    ax = plot_decision_boundary(F)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2, 7), (-4, 5))
    for a, b in drawn(ax, "boundary"):
        best = sorted(F(tuple(Fraction(float(v)) for v in (a + b) / 2)), reverse=True)
        assert best[0] - best[1] < Fraction(1, 10**9)
        assert all(v[0] + v[1] <= 3 + 1e-9 for v in (a, b))
    for cell in drawn(ax, "cells"):
        x = tuple(Fraction(float(v)) for v in np.mean(cell[:-1], axis=0))
        outputs = F(x)
        assert sum(v == max(outputs) for v in outputs) == 1
    flat = TropicalRationalMap((PLANE,), (ZERO,), domain=xn.Box([0, 0], [0, 1]))
    with pytest.raises(DomainError, match=r"F.domain: a domain with interior points is needed"):
        plot_decision_boundary(flat)
    with pytest.raises(ArgumentError, match="F: a TropicalRationalMap is needed, got TropicalPolynomial"):
        plot_decision_boundary(PLANE)  # type: ignore[arg-type]


def test_the_boundary_of_a_network_with_different_denominators_is_that_of_the_network() -> None:
    """max(x, y) - |x| = 1 just where y = 1 + |x|."""
    absolute = TropicalPolynomial({(1, 0): 0, (-1, 0): 0})
    one = TropicalPolynomial({(0, 0): 1})
    F = TropicalRationalMap((TropicalPolynomial({(1, 0): 0, (0, 1): 0}), one), (absolute, ZERO))
    ax = plot_decision_boundary(F, window=xn.Box(-2, 2))
    assert floats(drawn(ax, "boundary")) == [[[-1, 2], [0, 1]], [[0, 1], [1, 2]]]


def test_a_newton_polygon_too_large_for_its_lattice() -> None:
    """Networks with weights of 1e30 draw, without the dots."""
    axes = plot(TropicalPolynomial({(0, 0): 0, (10**30, 0): 0, (0, 10**30): 1, (10**30, 10**30): 0}))
    assert all(c.get_gid() != "lattice" for c in axes[1].collections)


@pytest.mark.parametrize("size", [3, 10**9, 10**40, 10**320])
def test_the_largest_rows_whatever_their_size(size: int) -> None:
    """Rows that differ by 1 in 10^320, and rows that tie, by integers alone."""
    rng = np.random.default_rng(0)
    base = [tuple(int(v) for v in row) for row in rng.integers(-3, 4, (12, 3))]
    rows = [(c * size + int(k), a * size, b) for k, (c, a, b) in zip(rng.integers(0, 2, 12), base, strict=True)]
    values = Values(rows)
    for x, y in rng.integers(-4, 5, (40, 2)).tolist():
        exact = [c * 3 + a * x + b * y for c, a, b in rows]
        assert values.largest((3, x, y)) == [i for i, v in enumerate(exact) if v == max(exact)]
