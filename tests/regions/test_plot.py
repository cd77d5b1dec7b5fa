"""What pictures of regions show: polygons, colours, kinks, the window, the points."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn.errors import ArgumentError, Incomplete, MissingDependency, SaveError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Input, MaxPool, Reshape, relu
from exactnn.regions import _picture
from exactnn.regions._classes import ClassCell, class_cells, decision_segments
from tests.regions.test_count import trained_like

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

Point = tuple[Fraction, ...]
WINDOW = xn.Box([-1, -1], [1, 1])
MAX = xn.mlp([([[1, -1], [0, 1], [0, -1]], [0, 0, 0]), ([[1, 1, -1]], [0])])  # max(x, y)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def part(ax: Any, name: str) -> Any:
    (found,) = [c for c in ax.get_children() if c.get_gid() == name]
    return found


def area(polygon: Any) -> float:
    x, y = polygon[:-1].T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def legend(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def point_labels(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_gid() == "point label"]


def polygons(ax: Any) -> list[Any]:
    return [p.vertices for p in part(ax, "cells").get_paths()]


def test_cells_fill_the_box_and_equal_maps_have_equal_colours() -> None:
    ax = xn.regions.plot(MAX, xn.Box(-1, 1))
    shapes = polygons(ax)
    assert len(shapes) == 4
    assert sum(map(area, shapes)) == pytest.approx(4)
    assert len({tuple(c) for c in part(ax, "cells").get_facecolor()}) == 2
    assert ax.get_xlim() == ax.get_ylim() == (-1, 1)
    by_region = xn.regions.plot(MAX, xn.Box(-1, 1), colour="region")
    assert len({tuple(c) for c in part(by_region, "cells").get_facecolor()}) == 4


def test_kinks_are_told_from_lines_where_nothing_bends() -> None:
    ax = xn.regions.plot(MAX, xn.Box(-1, 1))
    bends = part(ax, "kinks relu1").get_segments()
    flat = part(ax, "no kinks relu1").get_segments()
    assert sum(float(np.hypot(*(b - a))) for a, b in bends) == pytest.approx(2 * 2**0.5)  # the diagonal
    assert sum(float(np.hypot(*(b - a))) for a, b in flat) == pytest.approx(2)  # the axis y = 0
    without = xn.regions.plot(MAX, xn.Box(-1, 1), kinks=False)
    assert not [c for c in without.get_children() if str(c.get_gid()).startswith("kinks")]


def test_many_cells() -> None:
    net = trained_like(np.random.default_rng(0), [2, 8, 8, 1])
    ax = xn.regions.plot(net, xn.Box(-1, 1))
    shapes = polygons(ax)
    assert len(shapes) == xn.regions.count(net, xn.Box(-1, 1))
    assert sum(map(area, shapes)) == pytest.approx(4)
    active = xn.regions.plot(net, xn.Box(-1, 1), colour="active")
    counts = [sum(map(sum, r.pattern)) for r in xn.regions.iterate(net, xn.Box(-1, 1))]
    assert sorted(part(active, "cells").get_array()) == sorted(counts)


def test_the_window_of_the_plane_holds_the_vertices_in_the_middle() -> None:
    net = trained_like(np.random.default_rng(1), [2, 5, 4, 1])
    ax = xn.regions.plot(net)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    vertices = {v for region in xn.regions.iterate(net) for v in region.vertices()}
    shown = [v for v in vertices if left < v[0] < right and bottom < v[1] < top]
    assert len(vertices) / 2 <= len(shown) < len(vertices)
    assert right - left < max(x for x, _ in vertices) - min(x for x, _ in vertices)
    assert sum(map(area, polygons(ax))) == pytest.approx((right - left) * (top - bottom))
    title = f"{xn.regions.count(net)} activation regions of the whole plane, {len(polygons(ax))} in this window"
    assert ax.get_title().splitlines() == ["network 2-5-4-1", f"{title} with {len(polygons(ax))} affine maps"]


def test_the_window_of_few_vertices_holds_them_all() -> None:
    net = trained_like(np.random.default_rng(1), [2, 3, 1])
    ax = xn.regions.plot(net)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    found = [v for region in xn.regions.iterate(net) for v in region.vertices()]
    assert found
    assert all(left < x < right and bottom < y < top for x, y in found)


@pytest.mark.parametrize(
    ("layers", "low", "high"),
    [
        ([([[1, 1]], [0])], (-1, -1), (1, 1)),  # no vertex, no border: affine
        ([([[1, 0], [1, 0]], [0, -4]), ([[1, 1]], [0])], (0, 0), (4, 0)),  # strips, without a vertex
        ([([[1, 0], [0, 1]], [-7, 5]), ([[1, 1]], [0])], (7, -5), (7, -5)),  # one vertex, not at 0
    ],
)
def test_windows_without_much_to_hold(layers: Any, low: Any, high: Any) -> None:
    ax = xn.regions.plot(xn.mlp(layers))
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert left < low[0] <= high[0] < right
    assert bottom < low[1] <= high[1] < top
    assert sum(map(area, polygons(ax))) == pytest.approx((right - left) * (top - bottom))


def test_colours_do_not_depend_on_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    net = trained_like(np.random.default_rng(3), [2, 6, 4, 1])

    def colours() -> dict[bytes, tuple[float, ...]]:
        ax = xn.regions.plot(net, xn.Box(-1, 1))
        return {p.tobytes(): tuple(c) for p, c in zip(polygons(ax), part(ax, "cells").get_facecolor(), strict=True)}

    first, found = colours(), list(xn.regions.iterate(net, xn.Box(-1, 1)))
    assert len(set(first.values())) == len({r.affine_map for r in found})
    monkeypatch.setattr("exactnn.regions._scene.iterate", lambda *_, **__: iter(found[::-1]))
    assert colours() == first


def test_the_legend_names_the_layers() -> None:
    ax = xn.regions.plot(trained_like(np.random.default_rng(1), [2, 5, 4, 1]), xn.Box(-1, 1))
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["equal colours: equal affine maps", "a neuron of layer relu1 changes", "a neuron of layer relu2 changes"]
    flat = xn.regions.plot(MAX, xn.Box(-1, 1), colour="region").get_legend()
    assert flat is not None
    assert [text.get_text() for text in flat.get_texts()][::2] == ["a colour for each region", "no kink of the function"]


def test_max_pooling_has_borders_of_neurons_on_both_sides() -> None:
    """max(x, y, x + y) by pooling: three rays, drawn once each."""
    b = Builder()
    x = b.add("x", Input((2,)))
    rows = b.add("rows", Affine(RationalArray.of([[1, 0], [0, 1], [1, 1]]), RationalArray.of([0, 0, 0])), x)
    pool = b.add("pool", MaxPool((3,), (1,), ((0, 0),), (1,)), b.add("row", Reshape((1, 3)), rows))
    ax = xn.regions.plot(b.build([x], [b.add("y", Reshape((1,)), pool)]), xn.Box(-1, 1))
    assert len(polygons(ax)) == 3
    assert sum(float(np.hypot(*(q - p))) for p, q in part(ax, "kinks pool").get_segments()) == pytest.approx(2 + 2**0.5)
    assert not [c for c in ax.get_children() if str(c.get_gid()).startswith("no kinks")]


def test_it_draws_where_it_is_told_with_points_on_top() -> None:
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    found = xn.regions.plot(MAX, xn.Box(-1, 1), ax=ax, points=[[0, "1/2"], [0.25, -1], [3, 0]], title="max(x, y)")
    assert found is ax
    assert part(ax, "points").get_offsets().tolist() == [[0, 0.5], [0.25, -1], [3, 0]]
    assert point_labels(ax) == ["0", "1", "2"]
    assert legend(ax)[-1] == "3 data points (1 outside of the picture)"
    assert ax.get_title().startswith("max(x, y)\n4 activation regions in this window")


def test_the_window_is_around_the_data() -> None:
    ax = xn.regions.plot(MAX, points=[[1, 1], [3, 2]], labels=["a", "b"])
    assert ax.get_xlim() == (0.5, 3.5)
    assert ax.get_ylim() == (0.75, 2.25)
    assert point_labels(ax) == ["a", "b"]
    assert ax.get_title().splitlines()[1] == "2 activation regions in this window with 2 affine maps"
    alone = xn.regions.plot(MAX, points=[[4, 0]])
    assert alone.get_xlim()[0] < 4 < alone.get_xlim()[1]
    far = xn.regions.plot(trained_like(np.random.default_rng(1), [2, 5, 4, 1]), points=[[0, 0], [1, 1]])
    assert far.get_xlim() == far.get_ylim() == (-0.25, 1.25)


def test_many_points_have_a_marker_for_each_label() -> None:
    rows = [[i / 20, (i * i % 7) / 7] for i in range(20)]
    ax = xn.regions.plot(MAX, points=rows, labels=[i % 3 for i in range(20)])
    assert [len(part(ax, f"points {k}").get_offsets()) for k in range(3)] == [7, 7, 6]
    assert legend(ax)[-3:] == ["data: 0", "data: 1", "data: 2"]
    assert point_labels(ax) == []
    assert legend(xn.regions.plot(MAX, points=rows))[-1] == "20 data points"


def test_one_input_is_drawn_as_graphs() -> None:
    net = xn.mlp([([[1], [1]], [0, -1]), ([[1, -1], [0, 1]], [0, 0])])
    ax = xn.regions.plot(net, xn.Box(-1, 2))
    first = part(ax, "output 0")
    assert first.get_xdata().tolist() == [-1, 0, 1, 2]
    assert first.get_ydata().tolist() == [0, 0, 1, 1]
    assert part(ax, "breakpoints 0").get_offsets().tolist() == [[0, 0], [1, 1]]
    assert part(ax, "breakpoints 1").get_offsets().tolist() == [[1, 0]]


def test_slices() -> None:
    net = trained_like(np.random.default_rng(2), [5, 6, 3])
    data = [[0, 0, 0, 0, 0], [1, 0, 0, 1, 0], [0, 1, 1, 0, 0]]
    restricted = xn.regions.restrict(net, *xn.regions.through(data))
    ax = xn.regions.plot(restricted, xn.Box(0, 1), points=[[0, 0], [1, 0], [0, 1]])
    assert sum(map(area, polygons(ax))) == pytest.approx(1)
    same = xn.regions.plot(net, xn.Box(0, 1), through=data, labels=["a", "b", "c"])
    assert [p.tolist() for p in polygons(same)] == [p.tolist() for p in polygons(ax)]
    assert part(same, "points").get_offsets().tolist() == [[0, 0], [1, 0], [0, 1]]
    assert point_labels(same) == ["a", "b", "c"]
    assert same.get_title().startswith("network 5-6-3, plane through 3 data points\n")
    assert (same.get_xlabel(), same.get_ylabel()) == ("from a (at 0) to b (at 1)", "from a (at 0) to c (at 1)")
    line = xn.regions.plot(net, through=data[:2])
    assert part(line, "output 0").get_xdata().tolist()[::2][0] == line.get_xlim()[0] < 0 < 1 < line.get_xlim()[1]


def test_points_in_the_shape_of_the_input() -> None:
    flat = trained_like(np.random.default_rng(2), [4, 6, 3])
    first, last = (flat.operation(name) for name in ("layer1", "layer2"))
    build = Builder()
    build.add("image", Input((1, 2, 2)))
    build.add("row", Reshape((4,)), "image")
    build.add("first", first, "row")
    build.add("kink", relu(), "first")
    build.add("last", last, "kink")
    net = build.build(["image"], ["last"])
    images = np.random.default_rng(3).integers(-3, 4, (3, 1, 2, 2))
    drawn, same = xn.regions.plot(net, through=images), xn.regions.plot(flat, through=images.reshape(3, 4))
    assert len(polygons(drawn)) > 1
    assert [p.tolist() for p in polygons(drawn)] == [p.tolist() for p in polygons(same)]
    assert len(polygons(xn.regions.plot(net, through=list(images)))) == len(polygons(same))


def test_two_networks_have_one_window_and_one_set_of_colours() -> None:
    pruned = xn.mlp([([[1, -1], [0, 1], [0, 0]], [0, 0, 0]), ([[1, 1, -1]], [0])])
    left, right = xn.regions.plot_pair(MAX, pruned, points=[[-1, -1], [1, 1]], titles=["f", "g"], path=None)
    assert left.figure is right.figure
    assert (left.get_xlim(), left.get_ylim()) == (right.get_xlim(), right.get_ylim())
    assert [ax.get_title().splitlines()[0] for ax in (left, right)] == ["f", "g"]
    assert (left.get_ylabel(), right.get_ylabel()) == ("input[1]", "")
    twice = xn.regions.plot_pair(MAX, MAX, WINDOW)
    assert [ax.get_legend() is None for ax in twice] == [False, True]
    (a, b), (c, d) = left.get_xlim(), left.get_ylim()
    window = xn.Box([Fraction(a), Fraction(c)], [Fraction(b), Fraction(d)])
    shades = []
    for net, ax in ((MAX, left), (pruned, right)):
        found = zip(xn.regions.iterate(net, window), part(ax, "cells").get_facecolor(), strict=True)
        shades.append({region.affine_map: tuple(c) for region, c in found})
    common = set(shades[0]) & set(shades[1])
    assert common
    assert all(shades[0][key] == shades[1][key] for key in common)
    assert len({*shades[0].values(), *shades[1].values()}) == len({*shades[0], *shades[1]})


# --- predicted classes ------------------------------------------------------------------------------------------------------


def largest(net: xn.Network, point: Sequence[Fraction]) -> set[int]:
    values = net(point)
    values = values if len(values) > 1 else (*values, Fraction(0))
    return {j for j, v in enumerate(values) if v == max(values)}


def crosses(p: Point, q: Point, a: Point, b: Point) -> bool:
    """Whether two segments meet."""

    def turn(o: Point, s: Point, t: Point) -> Fraction:
        return (s[0] - o[0]) * (t[1] - o[1]) - (s[1] - o[1]) * (t[0] - o[0])

    return turn(p, q, a) * turn(p, q, b) <= 0 and turn(a, b, p) * turn(a, b, q) <= 0


def cells_of(net: xn.Network, box: xn.Box) -> list[ClassCell]:
    return [cell for r in xn.regions.iterate(net, box) for cell in class_cells(r, _picture.polygon(r, None))]


def centred(seed: int, widths: Sequence[int]) -> xn.Network:
    """Random small integers, and outputs that are all 0 at 0, so that boundaries meet there."""
    rng = np.random.default_rng(seed)
    layers = [(rng.integers(-3, 4, (n, m)).tolist(), rng.integers(-2, 3, n).tolist()) for m, n in itertools.pairwise(widths)]
    W, b = layers[-1]
    values = xn.mlp(layers)([0] * widths[0])
    return xn.mlp([*layers[:-1], (W, [c - v for c, v in zip(b, values, strict=True)])])


CLASSIFIERS = {
    "three classes": centred(4, [2, 6, 5, 3]),
    "one output": centred(5, [2, 7, 1]),
    "ten classes": centred(6, [2, 5, 10]),
    "max": MAX,
    "constant": xn.mlp([([[0, 0]] * 3, [1, 3, 2])]),
    "touching": xn.mlp([([[1, 0], [-1, 0]], [0, 0]), ([[1, 1], [0, 0]], [0, 0])]),  # |x| and 0
    "tied on a half plane": xn.mlp([([[1, 0]], [0]), ([[1], [0]], [0, 0])]),  # relu(x) and 0
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_class_cells_and_the_decision_boundary(name: str) -> None:
    net = CLASSIFIERS[name]
    cells = cells_of(net, WINDOW)
    assert sum(_exact_area(c.corners) for c in cells) == 4
    for cell in cells:
        inside = tuple(sum(c) / len(cell.corners) for c in zip(*cell.corners, strict=True))
        assert largest(net, inside) == cell.classes
    boundary = decision_segments(cells)
    for a, b in boundary:
        middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        across = (b[1] - a[1], a[0] - b[0])
        sides = [largest(net, tuple(m + s * v / 10**12 for m, v in zip(middle, across, strict=True))) for s in (1, -1)]
        assert len(largest(net, middle)) > 1
        assert sides[0] != sides[1] or largest(net, middle) > sides[0]
    grid = {(i, j): (Fraction(2 * i - 15, 16), Fraction(2 * j - 15, 16)) for i in range(16) for j in range(16)}
    steps = [(grid[i, j], grid[k]) for i, j in grid for k in ((i + 1, j), (i, j + 1)) if k in grid]
    met = 0
    for p, q in steps:
        if largest(net, p) != largest(net, q):
            met += 1
            assert any(crosses(p, q, *segment) for segment in boundary)
    assert bool(met) == (name not in ("constant", "touching"))


def _exact_area(corners: Sequence[Point]) -> Fraction:
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return abs(sum((p[0] * q[1] - p[1] * q[0] for p, q in pairs), Fraction(0))) / 2


@pytest.mark.parametrize("name", ["three classes", "ten classes", "touching"])
def test_the_boundary_is_that_of_the_tropical_form(name: str) -> None:
    net = CLASSIFIERS[name]
    ours = drawn_length(xn.regions.plot(net, WINDOW, colour="class"))
    theirs = drawn_length(xn.tropical.plot_decision_boundary(xn.tropical.extract(net), window=WINDOW))
    assert ours == pytest.approx(theirs)
    assert ours > 1


def drawn_length(ax: Any) -> float:
    return sum(float(np.hypot(*(b - a))) for a, b in part(ax, "boundary").get_segments())


def test_classes_are_named_and_ties_are_hatched() -> None:
    ax = xn.regions.plot(CLASSIFIERS["tied on a half plane"], WINDOW, colour="class", classes=["cat", "dog"])
    assert legend(ax) == ["cat", "equal largest outputs", "border of a region", "decision boundary"]
    assert [text.get_text() for text in ax.texts] == ["cat"]
    (hatched,) = part(ax, "ties").get_paths()
    assert area(hatched.vertices) == pytest.approx(2)
    assert len(part(ax, "boundary").get_segments()) == 1
    one = xn.regions.plot(MAX, WINDOW, colour="class")
    assert legend(one)[:2] == ["output > 0", "output < 0"]
    over = xn.regions.plot(MAX, WINDOW, boundary=True)
    assert legend(over)[-1] == "decision boundary"
    without = xn.regions.plot(MAX, WINDOW, colour="class", boundary=False)
    assert not [c for c in without.get_children() if c.get_gid() == "boundary"]


def test_classes_on_a_line() -> None:
    net = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 0], [0, 1], [0, 0]], [0, 0, "1/2"])])  # relu(x), relu(-x), 1/2
    ax = xn.regions.plot(net, xn.Box(-1, 1), colour="class", points=[[0.75]], labels=["p"])
    places = sorted(float(line.get_xdata()[0]) for line in ax.lines if line.get_gid() == "boundary")
    assert places == [-0.5, 0.5]
    assert [patch.get_gid() for patch in ax.patches] == ["class 1", "class 2", "class 2", "class 0"]
    assert point_labels(ax) == ["p"]
    assert part(ax, "points").get_offsets().tolist() == [[0.75, 0.75]]


def test_degenerate_networks() -> None:
    constant = xn.mlp([([[0, 0]], [3])])
    ax = xn.regions.plot(constant)
    assert ax.get_title().splitlines()[1] == "1 activation region of the whole plane with 1 affine map"
    assert xn.regions.plot(constant, xn.Box(-1, 1), colour="active").get_title().endswith("1 activation region in this window")
    assert xn.regions.plot(xn.mlp([([[0]], [3])]), colour="class").get_xlabel() == "input"
    thin = xn.regions.plot(MAX, xn.Box([0, 0], [1, "1e-9"]))
    assert thin.get_aspect() == "auto"


# --- files and errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_pictures_are_equal_files(tmp_path: Path, suffix: str) -> None:
    first, second = (tmp_path / f"{k}.{suffix}" for k in "ab")
    for path in (first, second):
        xn.regions.plot(MAX, WINDOW, points=[[0, 0]], path=path)
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes()) > 1000
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_nothing_is_left_of_a_picture_that_fails(tmp_path: Path) -> None:
    from matplotlib import pyplot

    kept = tmp_path / "kept.png"
    kept.write_bytes(b"old")
    with pytest.raises(Incomplete):
        xn.regions.plot(MAX, max_regions=2, path=kept)
    with pytest.raises(ArgumentError, match=r"path: a name that ends in \.png, \.pdf, \.svg is needed, got 'a\.gif'"):
        xn.regions.plot(MAX, path="a.gif")
    with pytest.raises(SaveError):
        xn.regions.plot(MAX, path=tmp_path / "no folder" / "a.png")
    assert kept.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [kept]
    assert len(pyplot.get_fignums()) <= 1


def test_without_matplotlib_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (xn.regions.plot, xn.regions.plot_3d, lambda net: xn.regions.plot_pair(net, net)):
        with pytest.raises(MissingDependency, match=r"pip install 'exactnn\[plot\]'"):
            draw(MAX)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"net": trained_like(np.random.default_rng(0), [3, 2, 1])}, ArgumentError, r"exactnn\.regions\.restrict"),
        ({"net": 3}, ArgumentError, "net: a Network is needed"),
        ({"colour": "red"}, ArgumentError, "colour: one of 'affine', 'class'"),
        ({"color": "red"}, ArgumentError, "color: one of 'affine', 'class', 'active', 'region', what colours tell, is needed, got 'red'"),
        ({"color": "class", "colour": "region"}, ArgumentError, "color: the other spelling of colour, got 'class' beside colour='region'"),
        (
            {"cmap": "virids"},
            ArgumentError,
            "cmap: a matplotlib colormap, or the name of one, is needed, got 'virids'; did you mean 'viridis'",
        ),
        ({"cmap": 3}, ArgumentError, "cmap: a matplotlib colormap, or the name of one, is needed, got 3; 'viridis' is one"),
        ({"boundary": "yes"}, ArgumentError, "boundary"),
        ({"ax": 3}, ArgumentError, "ax: a matplotlib Axes"),
        ({"points": [[1, 2, 3]]}, ShapeError, "points: rows of 2 numbers are needed"),
        ({"points": [[1, 2]], "labels": ["a", "b"]}, ShapeError, "labels: a label for each of 1 point is needed, got 2"),
        ({"points": [[1, 2]], "labels": "a"}, ArgumentError, "labels: a list"),
        ({"classes": ["a"]}, ShapeError, "classes: 2 names are needed"),
        ({"classes": 5}, ArgumentError, "classes: a list of 2 names"),
        ({"title": 5}, ArgumentError, "title"),
        ({"path": 5}, ArgumentError, "path"),
        ({"through": [[0, 0]] * 2}, ArgumentError, "points"),
        ({"through": [[0, 0], [0, 1]], "points": [[0]]}, ArgumentError, "points: with through"),
        ({"net": trained_like(np.random.default_rng(0), [3, 2, 1]), "through": np.eye(4, 3)}, ShapeError, "through: 2 or 3 data points"),
        ({"max_regions": 2}, Incomplete, "max_regions: there are more than 2 regions"),
        ({"net": xn.mlp([([[1, 0]], [-(Fraction(10) ** 400)]), ([[1]], [0])])}, Incomplete, "too far out to be drawn in floats"),
        ({"domain": xn.Box([0, 0], [1, Fraction(1, 10**400)])}, Incomplete, "too thin"),
    ],
)
def test_bad_input(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        xn.regions.plot(**{"net": MAX, **arguments})


def test_bad_pairs() -> None:
    with pytest.raises(ArgumentError, match="g: a Network is needed"):
        xn.regions.plot_pair(MAX, 3)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="g: 2 inputs and 1 outputs, as f has"):
        xn.regions.plot_pair(MAX, xn.mlp([([[1]], [0])]))
    with pytest.raises(ArgumentError, match="axes: two matplotlib Axes"):
        xn.regions.plot_pair(MAX, MAX, axes=[None])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match="titles: two texts"):
        xn.regions.plot_pair(MAX, MAX, titles=["a"])


def test_color_and_cmap() -> None:
    """Either spelling; a colormap takes the place of our colours, from one end to the other, in the legend too."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    def seen(ax: Any) -> set[tuple[float, ...]]:
        return {tuple(c[:3]) for c in part(ax, "cells").get_facecolor()}

    assert seen(xn.regions.plot(MAX, WINDOW, color="region")) == seen(xn.regions.plot(MAX, WINDOW, colour="region"))
    for name in ("viridis", "Set2"):
        cmap = colormaps[name]
        ends = [cmap(0.0)[:3], cmap(1.0)[:3]] if name == "viridis" else [cmap(0)[:3], cmap(1)[:3]]
        assert seen(xn.regions.plot(MAX, WINDOW, cmap=name)) == set(ends) == seen(xn.regions.plot(MAX, WINDOW, cmap=cmap))
    classes = xn.regions.plot(MAX, WINDOW, color="class", cmap="viridis")
    shown = [to_rgb(handle.get_facecolor()) for handle in classes.get_legend().get_patches()]
    assert set(shown) <= {tuple(map(float, colormaps["viridis"](v)[:3])) for v in (0.0, 1.0)}
    active = xn.regions.plot(MAX, WINDOW, color="active", cmap="magma")
    assert part(active, "cells").get_cmap().name == "magma"
    line = xn.regions.plot(xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1], [1, 0]], [0, 0])]), xn.Box(-1, 1), cmap="viridis")
    assert [to_rgb(graph.get_color()) for graph in line.lines[-2:]] == [to_rgb(colormaps["viridis"](v)) for v in (0.0, 1.0)]
    left, right = xn.regions.plot_pair(MAX, MAX, WINDOW, color="region", cmap="viridis")
    assert seen(left) == seen(right)
