"""What pictures of regions show: polygons, colours, kinks, the window, the points."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn.errors import ArgumentError, Incomplete, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Input, MaxPool, Reshape
from tests.regions.test_count import trained_like

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

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


def test_the_window_of_the_plane_holds_every_vertex() -> None:
    net = trained_like(np.random.default_rng(1), [2, 5, 4, 1])
    ax = xn.regions.plot(net)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for region in xn.regions.iterate(net):
        for x, y in region.vertices():
            assert left < x < right
            assert bottom < y < top
    assert sum(map(area, polygons(ax))) == pytest.approx((right - left) * (top - bottom))


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
    monkeypatch.setattr("exactnn.regions._plot.iterate", lambda *_, **__: iter(found[::-1]))
    assert colours() == first


def test_the_legend_names_the_layers() -> None:
    ax = xn.regions.plot(trained_like(np.random.default_rng(1), [2, 5, 4, 1]), xn.Box(-1, 1))
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[:2] == ["relu1", "relu2"]
    assert xn.regions.plot(xn.mlp([([[1, 0]], [0]), ([[1]], [0])])).get_legend() is None


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
    found = xn.regions.plot(MAX, xn.Box(-1, 1), ax=ax, points=[[0, "1/2"], [0.25, -1]])
    assert found is ax
    assert part(ax, "points").get_offsets().tolist() == [[0, 0.5], [0.25, -1]]


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
    origin, directions = xn.regions.through([[0, 0, 0, 0, 0], [1, 0, 0, 1, 0], [0, 1, 1, 0, 0]])
    ax = xn.regions.plot(xn.regions.restrict(net, origin, directions), xn.Box(0, 1), points=[[0, 0], [1, 0], [0, 1]])
    assert sum(map(area, polygons(ax))) == pytest.approx(1)


def test_bad_input() -> None:
    with pytest.raises(ArgumentError, match="restrict"):
        xn.regions.plot(trained_like(np.random.default_rng(0), [3, 2, 1]))
    with pytest.raises(ArgumentError, match="colour"):
        xn.regions.plot(MAX, colour="red")
    with pytest.raises(ArgumentError, match="ax"):
        xn.regions.plot(MAX, ax=3)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="points"):
        xn.regions.plot(MAX, points=[[1, 2, 3]])
    with pytest.raises(Incomplete):
        xn.regions.plot(MAX, max_regions=2)
    far = xn.mlp([([[1, 0]], [-(Fraction(10) ** 400)]), ([[1]], [0])])
    with pytest.raises(Incomplete, match="floats"):
        xn.regions.plot(far)
