"""What a picture of linear regions shows, still exact: the window, each region's polygon or interval, the segments between regions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from exactnn.exact.numbers import upright
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network
from exactnn.regions.region import Point, Region

Segment = tuple[Point, Point]
_MARGIN = Fraction(13, 10)


@dataclass(frozen=True)
class Kink:
    """A piece of the border between two regions.

    layer : the first node of the network with a neuron that changes there
    bends : whether the network has different affine maps on the two sides
    """

    ends: Segment
    layer: str
    bends: bool


def window(regions: Sequence[Region], points: Sequence[Point]) -> Box:
    """A box with all vertices and points well inside; bounds with few bits.

    Where a region has no vertex, the points of its border that are nearest to 0 take their place. A side is at least half as long as the
    longest one; around a single point p the box reaches as far as from p to 0, or by 1 where p = 0.
    """
    shown: list[Point] = list(points)
    for region in regions:
        shown += region.vertices() or [_foot(i.normal, i.offset) for i in region.inequalities]
    d = len(regions[0].interior_point)
    low = [min((p[j] for p in shown), default=Fraction(0)) for j in range(d)]
    high = [max((p[j] for p in shown), default=Fraction(0)) for j in range(d)]
    most = max(b - a for a, b in zip(low, high, strict=True)) or 4 * (max(map(abs, low)) or Fraction(1))
    unit = Fraction(2) ** (most.numerator.bit_length() - most.denominator.bit_length() - 6)
    bounds = []
    for a, b in zip(low, high, strict=True):
        half = _MARGIN * max(b - a, most / 2) / 2
        bounds.append((math.floor(((a + b) / 2 - half) / unit) * unit, math.ceil(((a + b) / 2 + half) / unit) * unit))
    return Box([a for a, _ in bounds], [b for _, b in bounds])


def bounding_box(domain: Polyhedron) -> Box:
    """The smallest box around a bounded domain."""
    if isinstance(domain, Box):
        return domain
    columns = list(zip(*domain.vertices(), strict=True))
    return Box([min(c) for c in columns], [max(c) for c in columns])


def polygon(region: Region, clip: Box | None) -> tuple[Point, ...]:
    """The vertices of a region in the box, in a circle (in one dimension: the two ends); none if nothing of it lies there."""
    shape = region.polyhedron if clip is None else region.polyhedron.intersection(clip)
    corners = shape.vertices()
    if len(region.interior_point) == 1 or len(corners) < 3:
        return corners if len(corners) > len(region.interior_point) else ()
    first, last = corners[0], corners[-1]
    lower = [p for p in corners if _turn(first, last, p) <= 0]
    return (*lower, *(p for p in reversed(corners) if _turn(first, last, p) > 0))


def kinks(net: Network, regions: Sequence[Region], polygons: Sequence[tuple[Point, ...]]) -> list[Kink]:
    """The borders between regions, in pieces that have one region on each side; borders of the domain are left out."""
    rank = {name: i for i, name in enumerate(net.order)}
    sides: dict[tuple[int, ...], list[tuple[Segment, Any, str]]] = {}
    for region, corners in zip(regions, polygons, strict=True):
        for a, b in zip(corners, (*corners[1:], *corners[:1]), strict=True):
            for border in region.inequalities:
                if _on(border.normal, border.offset, a) and _on(border.normal, border.offset, b):
                    layers = [n.layer for n in border.neurons]
                    if "domain" not in layers:
                        layer = min(layers, key=rank.__getitem__)
                        sides.setdefault(upright((*border.normal, border.offset)), []).append(
                            ((min(a, b), max(a, b)), region.affine_map, layer)
                        )
    return [kink for found in sides.values() for kink in _pieces(found, rank)]


def _pieces(found: list[tuple[Segment, Any, str]], rank: dict[str, int]) -> Iterator[Kink]:
    """Segments on one line, cut at each other's ends, with what lies on both sides."""
    stops = sorted({end for segment, _, _ in found for end in segment})
    pieces: dict[Segment, list[tuple[Any, str]]] = {}
    for (a, b), affine_map, layer in found:
        inside = [p for p in stops if a <= p <= b]
        for piece in itertools.pairwise(inside):
            pieces.setdefault(piece, []).append((affine_map, layer))
    for piece, both in pieces.items():
        yield Kink(piece, min((layer for _, layer in both), key=rank.__getitem__), any(m != both[0][0] for m, _ in both))


def value(region: Region, point: Point) -> Point:
    """A x + b."""
    matrix, constant = region.affine_map
    return tuple(sum((a * x for a, x in zip(row, point, strict=True)), c) for row, c in zip(matrix, constant, strict=True))


def _foot(normal: tuple[int, ...], offset: int) -> Point:
    square = sum(a * a for a in normal)
    return tuple(Fraction(a * offset, square) for a in normal)


def _turn(a: Point, b: Point, c: Point) -> Fraction:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _on(normal: tuple[int, ...], offset: int, point: Point) -> bool:
    return sum(a * x for a, x in zip(normal, point, strict=True)) == offset
