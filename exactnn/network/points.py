"""Data points as they are handed in: one row for each, taken without rounding."""

from __future__ import annotations

import math
from typing import Any

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network.graph import Network


def as_points(net: Network, points: Any) -> RationalArray:
    """Points (n, input_dim), n > 0, given so or in the shape of a network's only input.

    Raises
    ------
    ShapeError, NotFiniteError, ArgumentError

    Examples
    --------
    >>> import exactnn as xn
    >>> as_points(xn.mlp([([[1, 2]], [0])]), [[0.5, "1/3"]]).to_fractions()
    (Fraction(1, 2), Fraction(1, 3))
    """
    array = RationalArray.of(points, "points")
    return array.reshape(len(array), net.input_dim) if check_shape(net, array.shape) else array


def check_shape(net: Network, shape: tuple[int, ...]) -> bool:
    """Whether points of this shape are to be flattened; ShapeError, ArgumentError if they do not fit the network."""
    size = net.input_dim
    if shape and shape[0] == 0:
        raise ArgumentError(f"points: at least one point is needed, got shape {shape}")
    if len(shape) == 1:
        more = "; that is one point: write [point]" if shape[0] == size else ""
        raise ShapeError(f"points: one row of {size} numbers for each point, shape (n, {size}), is needed, got shape {shape}{more}")
    own = net.shape(net.inputs[0])
    if len(shape) > 1 and len(net.inputs) == 1 and shape[1:] == own and math.prod(own) == size:
        return len(shape) != 2
    if len(shape) != 2 or shape[1] != size:
        also = f" or (n, {str(own)[1:].rstrip(',)')})" if len(net.inputs) == 1 and own != (size,) else ""
        raise ShapeError(f"points: shape (n, {size}){also} is needed, got {shape}")
    return False
