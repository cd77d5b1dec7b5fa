"""What a picture of linear regions shows, still exact: each region's polygon or interval, and the segments between regions."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

from exactnn.exact.numbers import upright
from exactnn.exact.polyhedron import Box
from exactnn.network import Network
from exactnn.regions.region import Point, Region

Segment = tuple[Point, Point]
Side = TypeVar("Side")


@dataclass(frozen=True)
class Kink:
    """A piece of the border between two regions.

    layer : the first node of the network with a neuron that changes there
    bends : whether the network has different affine maps on the two sides
    """

    ends: Segment
    layer: str
    bends: bool


def landmarks(regions: Sequence[Region]) -> list[Point]:
    """The vertices of all regions; where a region has none, the points of its borders that are nearest to 0."""
    shown: set[Point] = set()
    for region in regions:
        shown |= set(region.vertices() or [_foot(i.normal, i.offset) for i in region.inequalities])
    return sorted(shown)


def polygon(region: Region, clip: Box | None) -> tuple[Point, ...]:
    """The vertices of a region in the box, anticlockwise (in one dimension: the two ends); none if nothing of it lies there."""
    shape = region.polyhedron if clip is None else region.polyhedron.intersection(clip)
    corners = shape.vertices()
    if len(region.interior_point) == 1 or len(corners) < 3:
        return corners if len(corners) > len(region.interior_point) else ()
    return circle(corners)


def circle(corners: Sequence[Point], across: int = 0, up: int = 1) -> tuple[Point, ...]:
    """The corners of a convex polygon anticlockwise, as they are seen in these two coordinates."""
    ordered = sorted(corners, key=lambda p: (p[across], p[up]))
    first, last = ordered[0], ordered[-1]

    def turn(p: Point) -> Fraction:
        return (last[across] - first[across]) * (p[up] - first[up]) - (last[up] - first[up]) * (p[across] - first[across])

    lower = [p for p in ordered if turn(p) <= 0]
    return (*lower, *(p for p in reversed(ordered) if turn(p) > 0))


def kinks(net: Network, regions: Sequence[Region], polygons: Sequence[tuple[Point, ...]]) -> list[Kink]:
    """The borders between regions, in pieces that have one region on each side; borders of the domain are left out."""
    rank = {name: i for i, name in enumerate(net.order)}
    lines: dict[tuple[int, ...], list[tuple[Segment, tuple[Any, str]]]] = {}
    for region, corners in zip(regions, polygons, strict=True):
        for a, b in edges(corners):
            for border in region.inequalities:
                if _on(border.normal, border.offset, a) and _on(border.normal, border.offset, b):
                    layers = [n.layer for n in border.neurons]
                    if "domain" not in layers:
                        layer = min(layers, key=rank.__getitem__)
                        lines.setdefault(upright((*border.normal, border.offset)), []).append(((a, b), (region.affine_map, layer)))
    found = []
    for on_line in lines.values():
        for piece, sides in pieces(on_line):
            layer = min((layer for _, layer in sides), key=rank.__getitem__)
            found.append(Kink(piece, layer, any(affine_map != sides[0][0] for affine_map, _ in sides)))
    return found


def edges(corners: Sequence[Point]) -> Iterator[Segment]:
    """The sides of a polygon, the smaller end first."""
    for a, b in zip(corners, (*corners[1:], *corners[:1]), strict=True):
        yield min(a, b), max(a, b)


def pieces(on_line: Sequence[tuple[Segment, Side]]) -> Iterator[tuple[Segment, list[Side]]]:
    """Segments of one line, cut at each other's ends, with what lies at each piece."""
    stops = sorted({end for segment, _ in on_line for end in segment})
    found: dict[Segment, list[Side]] = {}
    for (a, b), side in on_line:
        for piece in itertools.pairwise(stops[bisect_left(stops, a) : bisect_right(stops, b)]):
            found.setdefault(piece, []).append(side)
    yield from found.items()


def value(region: Region, point: Point) -> Point:
    """A x + b."""
    matrix, constant = region.affine_map
    return tuple(sum((a * x for a, x in zip(row, point, strict=True)), c) for row, c in zip(matrix, constant, strict=True))


def _foot(normal: tuple[int, ...], offset: int) -> Point:
    square = sum(a * a for a in normal)
    return tuple(Fraction(a * offset, square) for a in normal)


def _on(normal: tuple[int, ...], offset: int, point: Point) -> bool:
    return sum(a * x for a, x in zip(normal, point, strict=True)) == offset
