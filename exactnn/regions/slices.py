"""Networks on slices: a line, a plane or a k-dimensional affine space laid through the input space.

restrict(net, origin, directions)(t) = net(origin + sum_i t_i directions[i])
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from flint import fmpq, fmpz_mat

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.exact.calls import helpful
from exactnn.exact.numbers import fraction, short
from exactnn.network import Affine, Builder, Input, Network, Reshape, Source, check_network
from exactnn.network.graph import Slice, free_name

Point = tuple[Fraction, ...]


@helpful
def restrict(net: Network, origin: Any, directions: Any) -> Network:
    """t -> net(origin + sum_i t_i directions[i]), as a network whose only input is t.

    An exact affine node (and a reshape, for an input with several axes) takes the place of each input, under the input's name; the
    other nodes are those of `net` that an output depends on. If `net` was read from a file, certificates about the slice name that file
    and the slice.

    Parameters
    ----------
    net : Network
    origin : net.input_dim numbers, the flat point at t = 0 (several inputs concatenated, row-major)
    directions : k linearly independent vectors of net.input_dim numbers, 1 <= k <= net.input_dim

    Returns
    -------
    Network with input_dim k; domains of questions about it are sets of t

    Raises
    ------
    ShapeError, ArgumentError, NotFiniteError
        Naming the argument; for dependent directions, the relation between them.

    Examples
    --------
    >>> from exactnn.network import mlp
    >>> net = mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    >>> line = restrict(net, [0, "1/2"], [[1, -1]])
    >>> line([2]), net([2, "-3/2"])
    ((Fraction(2, 1),), (Fraction(2, 1),))
    """
    check_network(net)
    base = _vector(origin, "origin", net.input_dim)
    return on_slice(net, base, _independent(_directions(directions, net.input_dim)))


def on_slice(net: Network, base: RationalArray, matrix: RationalArray, keep: Iterable[str] = ()) -> Network:
    """t -> net(base + t matrix); nodes that no output depends on are left out, but for those to keep."""
    builder = Builder()
    t = builder.add(free_name("t", net.order), Input((len(matrix),)))
    columns = matrix.T
    start = 0
    for name in net.inputs:
        shape = net.shape(name)
        part = slice(start, start + math.prod(shape))
        start = part.stop
        point = Affine(columns[part], base[part])
        if len(shape) == 1:
            builder.add(name, point, t)
        else:
            flat = builder.add(free_name(f"{name}.flat", net.order, builder), point, t)
            builder.add(name, Reshape(shape), flat)
    for name in net.order:
        if name not in net.inputs:
            builder.add(name, net.operation(name), *net.operands(name))
    return builder.build([t], net.outputs, source=_source(net, Slice(base, matrix)), keep=keep)


def _source(net: Network, where: Slice) -> Source | None:
    """The file with the slice; None for a slice of a slice, which the certificate's format has no words for."""
    return None if net.source is None or net.source.slice is not None else replace(net.source, slice=where)


@helpful
def through(points: Any) -> tuple[Point, tuple[Point, ...]]:
    """(p_0, (p_1 - p_0, ..., p_k - p_0)): the line through 2 points, the plane through 3, ..., as `restrict` takes it.

    At t = 0 the slice is at p_0, at the i-th unit vector at p_i.

    Parameters
    ----------
    points : k + 1 >= 2 affinely independent flat points, of equal length

    Returns
    -------
    tuple
        origin, directions

    Raises
    ------
    ShapeError, ArgumentError, NotFiniteError
        If the points are fewer than 2, of unequal length, or lie in a space of lower dimension.

    Examples
    --------
    >>> through([[0, 0, 1], [1, 0, 1]])
    ((Fraction(0, 1), Fraction(0, 1), Fraction(1, 1)), ((Fraction(1, 1), Fraction(0, 1), Fraction(0, 1)),))
    """
    table = RationalArray.of(_rows(points), "points")
    if table.ndim != 2:
        raise ShapeError(f"points: a list of flat points is needed, got shape {table.shape}; flatten each point row-major")
    if len(table) < 2:
        raise ShapeError(f"points: at least 2 points are needed, for a line, got {len(table)}")
    steps = table[1:] - table[:1]
    relation = _relation(steps)
    if relation is not None:
        raise ArgumentError(
            f"points: affinely independent points are needed, but points[{relation[0] + 1}] lies in the span of those before it: "
            f"its difference from points[0] is {_combination(relation[1], 'points[{}] - points[0]', 1)}; leave it out"
        )
    return table[0].to_fractions(), steps.to_rows()


def _rows(values: Any) -> Any:
    """A list with an entry that is an array or tensor as one of plain lists."""
    if isinstance(values, (list, tuple)):
        return [v.tolist() if hasattr(v, "tolist") and not isinstance(v, RationalArray) else v for v in values]
    return values


def _vector(values: Any, argument: str, size: int) -> RationalArray:
    vector = RationalArray.of(_rows(values), argument)
    if vector.shape != (size,):
        advice = "; flatten it, row-major" if vector.size == size else ""
        raise ShapeError(
            f"{argument}: a flat vector of {size} numbers, the network's input_dim, is needed, got shape {vector.shape}{advice}"
        )
    return vector


def _directions(values: Any, size: int) -> RationalArray:
    matrix = RationalArray.of(_rows(values), "directions")
    if matrix.ndim != 2 or matrix.shape[1] != size or not len(matrix):
        advice = ""
        if matrix.shape == (size,):
            advice = "; for one direction give [direction]"
        elif matrix.ndim > 2:
            advice = "; flatten each direction, row-major"
        raise ShapeError(
            f"directions: a non-empty list of vectors of {size} numbers, the network's input_dim, is needed, "
            f"got shape {matrix.shape}{advice}"
        )
    return matrix


def _independent(matrix: RationalArray) -> RationalArray:
    relation = _relation(matrix)
    if relation is not None:
        raise ArgumentError(
            f"directions: linearly independent vectors are needed, but directions[{relation[0]}] is "
            f"{_combination(relation[1], 'directions[{}]', 0)}; leave it out, as the slice is the same without it"
        )
    return matrix


def _relation(rows: RationalArray) -> tuple[int, dict[int, Fraction]] | None:
    """The first row that is a combination of those before it, with the coefficients; None if the rows are independent."""
    count, width = rows.shape
    if not width:
        return 0, {}
    echelon, denominator, rank = fmpz_mat(width, count, rows.T.numerators.ravel().tolist()).rref()
    if rank == count:
        return None
    table = echelon.tolist()[:rank]
    pivots = [next(j for j, v in enumerate(row) if v) for row in table]
    first = next(j for j in range(count) if j not in pivots)
    return first, {p: fraction(fmpq(row[first], denominator)) for p, row in zip(pivots, table, strict=True) if row[first]}


def _combination(coefficients: dict[int, Fraction], name: str, shift: int) -> str:
    """Text of a linear combination, cut after a few terms."""
    terms = [f"{short(c, 40)} ({name.format(i + shift)})" for i, c in coefficients.items()]
    return " + ".join(terms[:3]) + (f" + ... ({len(terms)} terms)" if len(terms) > 3 else "") if terms else "zero"
