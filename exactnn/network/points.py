"""Data points as they are handed in: one row for each, taken without rounding."""

from __future__ import annotations

import math
from typing import Any

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network.graph import Network


def as_points(net: Network, points: Any, argument: str = "points") -> RationalArray:
    """Points (n, input_dim), n > 0, given so or in the shape of a network's only input; errors name the argument.

    Raises
    ------
    ShapeError, NotFiniteError, ArgumentError

    Examples
    --------
    >>> import exactnn as xn
    >>> as_points(xn.mlp([([[1, 2]], [0])]), [[0.5, "1/3"]]).to_fractions()
    (Fraction(1, 2), Fraction(1, 3))
    """
    array = RationalArray.of(points, argument)
    return array.reshape(len(array), net.input_dim) if check_shape(net, array.shape, argument) else array


def as_inputs(net: Network, x: Any) -> tuple[tuple[int, ...], RationalArray]:
    """One input or a batch of them, as (the batch's axes, the inputs as rows (n, input_dim)).

    An input is a flat vector (input_dim,) or, of a network with one input, an array of that input's shape; a batch has further axes in
    front. A batch of flat vectors is refused where it could be an input: where the input's own shape is (1, ..., 1, input_dim).

    Raises
    ------
    ShapeError, NotFiniteError, ArgumentError

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1, 2]], [0])])
    >>> [as_inputs(net, x)[0] for x in ([1, 2], [[1, 2]], [[[1, 2]], [[3, 4]]])]
    [(), (1,), (2, 1)]
    """
    array = RationalArray.of(x, "x")
    shape, size = array.shape, net.input_dim
    own = net.shape(net.inputs[0]) if len(net.inputs) == 1 else (size,)
    if shape in ((size,), own):
        return (), array.reshape(1, size)
    front = len(shape) - len(own)
    if own and front > 0 and shape[front:] == own:
        return shape[:front], array.reshape(math.prod(shape[:front]), size)
    ambiguous = len(own) > 1 and math.prod(own[:-1]) == 1
    if len(shape) > 1 and shape[-1] == size and not ambiguous:
        return shape[:-1], array.reshape(math.prod(shape[:-1]), size)
    flat = f"a flat point of {size} number{'s' * (size != 1)}"
    one = flat if own == (size,) else f"{flat} or an array of shape {own}"
    several = f"(n, {', '.join(map(str, own))})"
    if size == 1 and len(shape) == 1:
        raise ShapeError(f"x: {one} is needed, got shape {shape}; for a batch of {shape[0]} points write shape ({shape[0]}, 1)")
    raise ShapeError(f"x: {one} is needed, or a batch {several} of them, got shape {shape}")


def check_shape(net: Network, shape: tuple[int, ...], argument: str = "points") -> bool:
    """Whether points of this shape are to be flattened; ShapeError, ArgumentError if they do not fit the network."""
    size = net.input_dim
    if shape and shape[0] == 0:
        raise ArgumentError(f"{argument}: at least one point is needed, got shape {shape}")
    if len(shape) == 1:
        more = "; that is one point: write [point]" if shape[0] == size else ""
        raise ShapeError(f"{argument}: one row of {size} numbers for each point, shape (n, {size}), is needed, got shape {shape}{more}")
    own = net.shape(net.inputs[0])
    if len(shape) > 1 and len(net.inputs) == 1 and shape[1:] == own and math.prod(own) == size:
        return len(shape) != 2
    if len(shape) != 2 or shape[1] != size:
        also = f" or (n, {str(own)[1:].rstrip(',)')})" if len(net.inputs) == 1 and own != (size,) else ""
        raise ShapeError(f"{argument}: shape (n, {size}){also} is needed, got {shape}")
    return False
