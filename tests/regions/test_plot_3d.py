"""Pictures in space: the graph of an output, and the surface between classes, which every line crosses where its class changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

import exactnn as xn
from exactnn.errors import ArgumentError, ShapeError
from exactnn.regions import _picture
from exactnn.regions._plot_3d import _zeros, boundary_faces, graph_faces
from exactnn.regions._scene import scene
from tests.regions.test_plot import MAX, WINDOW, centred, largest, legend, part

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

Point = tuple[Fraction, ...]
CUBE = xn.Box([-1] * 3, [1] * 3)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    from matplotlib import pyplot

    yield
    pyplot.close("all")


def test_the_graph_is_drawn_above_its_regions() -> None:
    ax = xn.regions.plot_3d(MAX, WINDOW, points=[[0.5, 0.25]])
    faces = graph_faces(scene(MAX, WINDOW, dimensions=(2,)), 0)
    flat = [_picture.polygon(region, None) for region in xn.regions.iterate(MAX, WINDOW)]
    assert faces == [tuple((*p, max(p)) for p in shape) for shape in flat]
    assert len(part(ax, "cells").get_facecolor()) == len(flat) == 4
    assert len(part(ax, "boundary").get_colors()) == 1
    assert {_zeros(face) for face in faces if len(_zeros(face)) == 2} == {((-1, 0, 0), (0, 0, 0)), ((0, -1, 0), (0, 0, 0))}
    assert list(part(ax, "points")._offsets3d[2]) == [0.5]
    assert legend(ax) == ["equal colours: equal affine maps", "output 0 = 0", "1 data point"]
    assert ax.get_title() == "network 2-3-1\n4 activation regions in this window"


def meets(face: Sequence[Point], start: Point, axis: int) -> Fraction | None:
    """Where the line through a point along an axis meets a convex polygon, with a border that no line here touches."""
    a, b, c = face[0], face[1], face[2]
    u, v = [[q[k] - a[k] for k in range(3)] for q in (b, c)]
    normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
    if not normal[axis]:
        return None
    t = sum(n * (x - y) for n, x, y in zip(normal, a, start, strict=True)) / normal[axis]
    k, m = [i for i in range(3) if i != axis]
    turns = {
        (q[k] - p[k]) * (start[m] - p[m]) - (q[m] - p[m]) * (start[k] - p[k]) > 0 for p, q in zip(face, [*face[1:], face[0]], strict=True)
    }
    return start[axis] + t if len(turns) == 1 else None


@pytest.mark.parametrize(("seed", "widths"), [(1, [3, 4, 3]), (2, [3, 4, 3, 1]), (3, [3, 5, 4])])
def test_lines_cross_the_surface_where_their_class_changes(seed: int, widths: list[int]) -> None:
    net = centred(seed, widths)
    faces = boundary_faces(list(xn.regions.iterate(net, CUBE)), CUBE)
    for corners, (i, j) in faces:
        inside = tuple(sum(c) / len(corners) for c in zip(*corners, strict=True))
        assert {i, j} <= largest(net, inside)
    ticks = [Fraction(k, 7) + Fraction(1, 97) for k in (-6, -3, 1, 4)]
    changes = 0
    for axis, (p, q) in product(range(3), product(ticks, [t + Fraction(1, 89) for t in ticks])):
        start = tuple({0: (Fraction(0), p, q), 1: (p, Fraction(0), q), 2: (p, q, Fraction(0))}[axis])
        at = sorted({t for corners, _ in faces if (t := meets(corners, start, axis)) is not None})
        seen = []
        for low, high in pairwise([Fraction(-1), *at, Fraction(1)]):
            between = [low + (high - low) * Fraction(k, 10) for k in (1, 4, 9)]
            own = {frozenset(largest(net, (*start[:axis], x, *start[axis + 1 :]))) for x in between}
            assert len(own) == 1
            seen.append(own.pop())
        assert all(a != b for a, b in pairwise(seen))
        changes += len(at)
    assert changes > 10


def test_the_surface_is_drawn() -> None:
    net = xn.mlp([([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [0, 0, 0])])  # the largest coordinate
    ax = xn.regions.plot_3d(net, CUBE, classes=["x", "y", "z"], points=[[0, 0, 1]], labels=["up"])
    assert legend(ax) == ["x | y", "x | z", "y | z", "1 data point"]
    assert [text.get_text().strip() for text in ax.texts] == ["up"]
    assert ax.get_title().endswith("1 activation region in this window; boundary of 3 polygons")
    assert len(part(ax, "boundary").get_facecolor()) == 3
    nothing = xn.regions.plot_3d(xn.mlp([([[0, 0, 0]], [1])]), CUBE)
    assert nothing.get_title().endswith("no decision boundary")


def test_slices_and_files(tmp_path: Path) -> None:
    net = centred(5, [6, 5, 3])
    data = [[int(i == j) for i in range(6)] for j in range(4)]
    ax = xn.regions.plot_3d(net, through=data, labels=list("abcd"), path=tmp_path / "a.png")
    assert ax.get_title().startswith("network 6-5-3, space through 4 data points\n")
    assert ax.get_zlabel() == "from a (at 0) to d (at 1)"
    xn.regions.plot_3d(net, through=data, labels=list("abcd"), path=tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"net": centred(0, [1, 2, 1])}, ArgumentError, "net: a picture needs 2 or 3 inputs, got 1"),
        ({"net": centred(0, [5, 2, 1])}, ArgumentError, r"regions\.restrict"),
        ({"output": 1}, ArgumentError, "output: a number from 0 to 0"),
        ({"through": [[0, 0], [1, 1]]}, ShapeError, "through: 3 or 4 data points"),
        ({"path": "a.txt"}, ArgumentError, "path: a name that ends in"),
    ],
)
def test_bad_input(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        xn.regions.plot_3d(**{"net": MAX, "domain": WINDOW, **arguments})


def test_flat_axes_are_refused() -> None:
    from matplotlib import pyplot

    with pytest.raises(ArgumentError, match="3d"):
        xn.regions.plot_3d(MAX, WINDOW, ax=pyplot.subplots()[1])
