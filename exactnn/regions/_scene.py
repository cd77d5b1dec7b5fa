"""What is to be drawn of a network: its slice, the part of the input space, the regions there, the data points; all exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePath
from typing import Any

from exactnn.cells import full_dimensional
from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network, check_network
from exactnn.network.points import as_points
from exactnn.pictures.data import Data
from exactnn.pictures.drawing import counted
from exactnn.pictures.window import around, bounding_box
from exactnn.regions import _picture
from exactnn.regions._count import iterate
from exactnn.regions.region import Point, Region
from exactnn.regions.slices import restrict
from exactnn.regions.slices import through as slice_through

_MARGIN = Fraction(3, 10)
_AROUND_DATA = Fraction(1, 2)
_PLACES = {1: "line", 2: "plane", 3: "space"}


@dataclass(frozen=True)
class Scene:
    """Regions, and the part of each that is in the frame (2 inputs: its polygon), in the same order."""

    net: Network
    title: str
    axis_names: tuple[str, ...]
    frame: Box
    regions: tuple[Region, ...]
    shapes: tuple[tuple[Point, ...], ...]
    data: Data

    @property
    def low(self) -> Point:
        """The lower corner of what is shown."""
        return self.frame.bounds[0].to_fractions()

    @property
    def high(self) -> Point:
        """The upper corner of what is shown."""
        return self.frame.bounds[1].to_fractions()


def scene(
    net: Network,
    domain: Polyhedron | None,
    *,
    dimensions: tuple[int, ...],
    through: Any = None,
    points: Any = None,
    labels: Any = None,
    title: str | None = None,
    max_regions: int | None = None,
    time_limit: Any = None,
) -> Scene:
    """Everything that `plot` draws; errors name its arguments."""
    check_network(net)
    if title is not None and not isinstance(title, str):
        raise ArgumentError(f"title: a text or None is needed, got {type(title).__name__}")
    name = _name(net) if title is None else title
    names = _axis_names(net)
    if through is not None:
        if points is not None:
            raise ArgumentError("points: with through the data points are those of through; give one of the two")
        net, points, where = _slice(net, through, dimensions)
        name += where if title is None else ""
        names = _slice_names(net.input_dim, labels)
    if net.input_dim not in dimensions:
        allowed = " or ".join(map(str, dimensions))
        raise ArgumentError(
            f"net: a picture needs {allowed} inputs, got {net.input_dim}; give data points, through=[a, b, c], or take a slice with "
            "exactnn.regions.restrict(net, *exactnn.regions.through(points)), and plot that"
        )
    data = Data.of(points, labels, net.input_dim)
    domain = full_dimensional(domain, net.input_dim)
    at = _PLACES[net.input_dim]
    place = f"of the whole {at}" if domain is None else "on the domain"
    if domain is None and data.points:
        domain, place = around(data.points, net.input_dim, margin=_AROUND_DATA, trim=False), "in this window"
    regions = tuple(iterate(net, domain, max_regions=max_regions, time_limit=time_limit))
    if domain is not None and domain.is_bounded():
        frame, clip = domain if isinstance(domain, Box) else bounding_box(domain.vertices()), None
        place = "in this window" if isinstance(domain, Box) else place
    else:
        frame = clip = around([*_picture.landmarks(regions), *data.points], net.input_dim, margin=_MARGIN)
    shapes = [() if net.input_dim > 2 else _picture.polygon(region, clip) for region in regions]
    kept = [(region, shape) for region, shape in zip(regions, shapes, strict=True) if shape or net.input_dim > 2]
    shown = f", {len(kept):,} in this window" if len(kept) < len(regions) else ""
    heading = f"{name}\n{counted(len(regions), 'activation region', 'activation regions')} {place}{shown}"
    return Scene(net, heading, names, frame, tuple(r for r, _ in kept), tuple(s for _, s in kept), data)


def _slice(net: Network, through: Any, dimensions: Sequence[int]) -> tuple[Network, list[list[int]], str]:
    origin, directions = slice_through(as_points(net, through, "through"))
    count = len(directions)
    if count not in dimensions:
        allowed = " or ".join(str(d + 1) for d in dimensions)
        raise ShapeError(f"through: {allowed} data points are needed for a picture, got {count + 1}")
    corners = [[int(i == j + 1) for j in range(count)] for i in range(count + 1)]
    return restrict(net, origin, directions), corners, f", {_PLACES[count]} through {count + 1} data points"


def _slice_names(dimension: int, labels: Any) -> tuple[str, ...]:
    given = labels if isinstance(labels, (list, tuple)) and len(labels) == dimension + 1 else [f"point {i}" for i in range(dimension + 1)]
    named = list(map(str, given))
    return tuple(f"from {named[0]} (at 0) to {named[i + 1]} (at 1)" for i in range(dimension))


def _name(net: Network) -> str:
    """The file it was read from, or its widths."""
    if net.source is not None:
        return PurePath(net.source.path).name
    widths = [net.input_dim, *(math.prod(net.shape(layer)) for layer in net.hidden_layers), net.output_dim]
    return f"network {'-'.join(map(str, widths))}" if len(widths) <= 8 else f"network {net.input_dim} -> {net.output_dim}"


def _axis_names(net: Network) -> tuple[str, ...]:
    sizes = {name: math.prod(net.shape(name)) for name in net.inputs}
    return tuple(f"{name}[{i}]" if size > 1 else name for name, size in sizes.items() for i in range(size))
