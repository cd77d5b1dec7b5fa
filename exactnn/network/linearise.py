"""The affine map of a network around each of many points, and exact gradients: which piece each unit is in, which entry each window takes.

    around x:  f(y) = f(x) + J (y - x),     unit: y -> s y + c, the slope s and constant c of its piece;  window: its largest entry

At a kink, or a tie of a window, the pattern is the one of x + eps v for small eps > 0 and a direction v (fixed pseudo-random integers):
what is tied is decided by the derivatives along v. Where these are tied too, the gradients are shown to agree, so that either choice is the
same function; else another direction is taken. So the map is that of a full-dimensional region whose closure holds x.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from exactnn.errors import ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import clock_in_force
from exactnn.network.activations import PiecewiseLinear, PRelu, Rational
from exactnn.network.backward import output_rows, sweep
from exactnn.network.graph import Network
from exactnn.network.operations import Add, Affine, BatchNorm, Constant, Input, Operation, Scale, Subtract, along_channels
from exactnn.network.pieces import Integers, Mask, chosen, levels, looked_up, pieces_at, sent_back, tangent, times_slope
from exactnn.network.windows import Conv, MaxPool

_ENTRIES = 1 << 22  # of the rows that show gradients to be 0, at once


@dataclass(frozen=True)
class Linearisation:
    """The affine maps of a network around n points.

    Attributes
    ----------
    net : the network
    pieces : for each piecewise linear node (n, *shape), how many kinks lie below each entry; for each max pooling node
        (n, channels, places), which place of its window each result is taken from
    tangents : for each node of a rational function its slopes and constants, (n, *shape)
    ties : for each node how many entries lie on a kink or in a tie, at all points together; nodes without any are left out
    """

    net: Network
    count: int
    pieces: Mapping[str, Integers]
    tangents: Mapping[str, tuple[RationalArray, RationalArray]]
    ties: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def take(self, points: Integers) -> Linearisation:
        """The maps around some of the points, by number; a point may occur several times."""
        pieces = {name: found[points] for name, found in self.pieces.items()}
        return Linearisation(self.net, len(points), pieces, {n: (s[points], c[points]) for n, (s, c) in self.tangents.items()})

    def values(self, points: RationalArray, keep: Iterable[str] | None = None) -> dict[str, RationalArray]:
        """Values (n, *shape) that the affine map around each point takes at a point of its own, (n, input_dim); as `Network.trace`."""
        net, values, kept = self.net, self.net.input_values(points), set(self.net.outputs if keep is None else keep)
        left = {name: len(net.consumers(name)) for name in net.order}
        clock = clock_in_force()
        for name in net.order:
            clock.check(f"the affine maps around points were being taken to node {name!r}")
            if name not in values:
                values[name] = self._value(name, values)
            for source in set(net.operands(name)):
                left[source] -= 1
                if not left[source] and source not in kept:
                    del values[source]
        return {name: values[name] for name in kept}

    def _value(self, name: str, values: Mapping[str, RationalArray]) -> RationalArray:
        operation, operands = self.net.operation(name), [values[o] for o in self.net.operands(name)]
        if isinstance(operation, Constant):
            return _repeated(operation.value, self.count)
        return operation.evaluate(*operands) if operation.is_affine else self.result(name, operands[0])

    def result(self, name: str, before: RationalArray) -> RationalArray:
        """What the piece around each point makes of the values (n, *shape) that a node without an affine function reads."""
        operation = self.net.operation(name)
        if isinstance(operation, MaxPool):
            return chosen(operation, before, self.pieces[name])
        if isinstance(operation, Rational):
            slopes, constants = self.tangents[name]
            return before * slopes + constants
        slopes, constants = levels(operation)
        scaled = times_slope(slopes, self.pieces[name], before)
        return scaled if constants.is_zero() else scaled + looked_up(constants, self.pieces[name])

    def step(self, name: str, rows: RationalArray, points: Integers | None = None, *, absolute: bool = False) -> tuple[RationalArray, ...]:
        """The step of a backward sweep: row i belongs to point i, or to points[i].

        With `absolute` all coefficients count by their absolute values: how far errors of the rows reach.
        """
        operation, shapes = self.net.operation(name), [self.net.shape(o) for o in self.net.operands(name)]
        if operation.is_affine and not absolute:
            return operation.adjoint(rows, *shapes)
        if operation.is_affine:
            parts = (operation.adjoint(rows, *shapes, part=part) for part in (1, -1))
            return tuple(a + b for a, b in zip(*parts, strict=True))
        if isinstance(operation, Rational):
            slopes = self.tangents[name][0] if points is None else self.tangents[name][0][points]
            return (rows * (abs(slopes) if absolute else slopes),)
        pieces = self.pieces[name] if points is None else self.pieces[name][points]
        if isinstance(operation, MaxPool):
            return (sent_back(operation, rows, pieces, shapes[0]),)
        slopes = levels(operation)[0]
        return (times_slope(abs(slopes) if absolute else slopes, pieces, rows),)

    def adjoints(self, rows: RationalArray, keep: Collection[str] = ()) -> dict[str, RationalArray]:
        """Rows on the outputs carried backwards.

        Parameters
        ----------
        rows : (n, r, output_dim), r rows for each point
        keep : nodes beside the inputs

        Returns
        -------
        dict
            At the inputs and at these nodes (n, r, *shape): the derivative of rows . f by the node's value. With the values of the operands
            it gives the gradient by a weight: for y = W x + b that of rows . f by W[i, j] is (row at y)[i] x[j].

        Raises
        ------
        ShapeError
        """
        net = self.net
        if rows.ndim != 3 or rows.shape[0] != self.count or rows.shape[2] != net.output_dim:
            raise ShapeError(f"rows: shape ({self.count}, rows, {net.output_dim}) is needed, got {rows.shape}")
        count, each = rows.shape[:2]
        points = np.repeat(np.arange(count), each)
        found = sweep(net, output_rows(net, rows.reshape(count * each, -1)), lambda name, r: self.step(name, r, points), keep)
        shapes = {name: (count, each, *net.shape(name)) for name in (*net.inputs, *keep)}
        return {n: found[n].reshape(*s) if n in found else RationalArray.zeros(s) for n, s in shapes.items()}

    def jacobian(self) -> RationalArray:
        """All derivatives (n, output_dim, input_dim); the flat inputs are those of `net(x)`.

        Examples
        --------
        >>> import exactnn as xn
        >>> net = xn.mlp([([[1, 1], [1, -1]], [0, 0]), ([[1, "1/2"]], [0])])
        >>> linearise(net, RationalArray.of([[3, 1], [1, 3]])).jacobian().to_fractions()
        (Fraction(3, 2), Fraction(1, 2), Fraction(1, 1), Fraction(1, 1))
        """
        size = self.net.output_dim
        rows = self.adjoints(_repeated(RationalArray.eye(size), self.count))
        return concatenate([rows[name].reshape(self.count, size, -1) for name in self.net.inputs], axis=2)


def linearise(
    net: Network, points: RationalArray, values: Mapping[str, RationalArray] | None = None, *, at_kinks: str = "beside"
) -> Linearisation:
    """The affine map of a network around each point, that of a region beside it where the point lies on a kink.

    Parameters
    ----------
    net : a network without smooth nodes; of a rational function it is the tangent
    points : (n, input_dim)
    values : exact values of all nodes that nodes without an affine function read, if they are known; as `net.trace` gives them
    at_kinks : "beside", that of a region beside the point; "left", at each kink the slope to its left and of each tied window the first
        entry (what torch's backward pass takes for ReLU, leaky ReLU, PReLU and max pooling), whether or not a region has them together

    Returns
    -------
    Linearisation
        Memory is needed for the values of all these nodes at all points: hand many points over in blocks.

    Raises
    ------
    NotRational
        A smooth node, or a pole of a rational function.
    """
    bends = [name for name in net.order if not (net.operation(name).is_affine or isinstance(net.operation(name), Input))]
    if values is None:
        read = {net.operands(name)[0] for name in bends}
        values = net.trace(points, keep=read | {n for n in bends if not isinstance(net.operation(n), (PiecewiseLinear, PRelu, MaxPool))})
    pieces: dict[str, Integers] = {}
    tangents: dict[str, tuple[RationalArray, RationalArray]] = {}
    tied = np.zeros(len(points), dtype=bool)
    ties: dict[str, int] = {}
    for name in bends:
        operation, before = net.operation(name), values[net.operands(name)[0]]
        if isinstance(operation, Rational):
            tangents[name] = tangent(operation, before)
            continue
        pieces[name], open_at = pieces_at(operation, before)
        if open_at.any():
            tied |= open_at.reshape(len(points), -1).any(axis=1)
            ties[name] = int(open_at.any(axis=3).sum() if isinstance(operation, MaxPool) else open_at.sum())
    found = Linearisation(net, len(points), pieces, tangents, ties)
    if at_kinks == "left":
        return found
    todo = np.flatnonzero(tied)
    for direction in _directions(net.input_dim):
        if not len(todo):
            break
        here = {name: value[todo] for name, value in values.items()}
        moved, unlucky = _beside(found.take(todo), points[todo], here, direction)
        for name, resolved in moved.pieces.items():
            pieces[name][todo] = resolved
        todo = todo[unlucky]
    return found


def _repeated(array: RationalArray, count: int) -> RationalArray:
    return RationalArray(np.broadcast_to(array.numerators, (count, *array.shape)), array.denominator)


# --- ties --------------------------------------------------------------------------------------------------------------------


def _directions(size: int) -> Iterator[RationalArray]:
    """Large positive integers, the same ones every time; without end."""
    source = random.Random(7)
    bits = 20
    while True:
        yield RationalArray(np.array([source.getrandbits(bits) + 1 for _ in range(size)], dtype=object))
        bits += 10


def _beside(
    around: Linearisation, points: RationalArray, values: Mapping[str, RationalArray], direction: RationalArray
) -> tuple[Linearisation, Mask]:
    """The maps at x + eps v, and for which points v is no direction without ties."""
    net, pieces = around.net, dict(around.pieces)
    found = Linearisation(net, len(points), pieces, around.tangents)
    moved = net.input_values(points + direction)  # values that the map takes at x + v
    ties: dict[str, Mask] = {}
    for name in net.order:
        if name in pieces:
            operand = net.operands(name)[0]
            pieces[name], tied = pieces_at(net.operation(name), values[operand], moved[operand] - values[operand])
            if tied.any():
                ties[name] = tied
        if name not in moved:
            moved[name] = found._value(name, moved)
    unlucky = np.zeros(len(points), dtype=bool)
    if ties:
        moving = _moving(found, moved)
        for name, tied in ties.items():
            owners, entries, others = _pairs(net, name, pieces[name], tied)
            flat = moving[net.operands(name)[0]].reshape(len(points), -1)
            live = flat[owners, entries] | ((others >= 0) & flat[owners, others])
            unlucky[_different(found, net.operands(name)[0], owners[live], entries[live], others[live])] = True
    return found, unlucky


def _pairs(net: Network, name: str, pieces: Integers, tied: Mask) -> tuple[Integers, Integers, Integers]:
    """The point of each tie, and the operand's flat entry whose gradient is to be 0, or (pooling) the two that are to have one gradient."""
    operation = net.operation(name)
    if not isinstance(operation, MaxPool):
        owners, entries = np.nonzero(tied.reshape(len(tied), -1))
        return owners, entries, np.full(len(owners), -1)
    _, *spatial = net.shape(net.operands(name)[0])
    index = operation.index(tuple(spatial))
    owners, channels, places, window = np.nonzero(tied)
    winner = pieces[owners, channels, places]
    other = window != winner
    owners, channels, places, window, winner = (a[other] for a in (owners, channels, places, window, winner))
    start = channels * math.prod(spatial)
    return owners, start + index[places, winner], start + index[places, window]


def _different(found: Linearisation, node: str, owners: Integers, entries: Integers, others: Integers) -> Integers:
    """The points where such a gradient, or difference of gradients, is not 0: decided by exact rows from these entries backwards."""
    size = math.prod(found.net.shape(node))
    step = max(1, _ENTRIES // max(size, found.net.input_dim))
    wrong = []
    for start in range(0, len(owners), step):
        own, first, second = (a[start : start + step] for a in (owners, entries, others))
        rows = np.zeros((len(own), size), dtype=np.int64)
        number = np.arange(len(own))
        rows[number, first] = 1
        rows[number[second >= 0], second[second >= 0]] = -1
        seeds = {node: RationalArray(rows).reshape(len(own), *found.net.shape(node))}
        back = sweep(found.net, seeds, lambda name, r, p=own: found.step(name, r, p))  # type: ignore[misc]
        for row in (back[n] for n in found.net.inputs if n in back):
            wrong.append(own[row.nonzero().reshape(len(own), -1).any(axis=1)])
    return np.unique(np.concatenate(wrong)) if wrong else np.zeros(0, dtype=np.int64)


def _moving(found: Linearisation, moved: Mapping[str, RationalArray]) -> dict[str, Mask]:
    """For each node the entries that may depend on the input: a cheap mask, all else is constant around the points."""
    net = found.net
    masks: dict[str, Mask] = {}
    for name in net.order:
        operation, shape = net.operation(name), moved[name].shape
        reads = [RationalArray(masks[o].astype(np.int64)) for o in net.operands(name)]
        if isinstance(operation, Input):
            masks[name] = np.ones(shape, dtype=bool)
        elif isinstance(operation, Constant):
            masks[name] = np.zeros(shape, dtype=bool)
        elif operation.is_affine:
            masks[name] = _absolute(operation, len(shape) - 1).evaluate(*reads).nonzero()
        elif isinstance(operation, MaxPool):
            masks[name] = chosen(operation, reads[0], found.pieces[name]).nonzero()
        else:
            table = levels(operation)[0] if name in found.pieces else None
            slopes = found.tangents[name][0] if table is None else looked_up(table, found.pieces[name])
            masks[name] = reads[0].nonzero() & slopes.nonzero()
    return masks


def _absolute(operation: Operation, axes: int) -> Operation:
    """Which entries are read, as an operation that takes counts to counts: |L| for its linear part L, with 1 for all that is not 0."""
    if isinstance(operation, Affine):
        return Affine(_ones(operation.weight), operation.bias * 0)
    if isinstance(operation, Conv):
        zero = operation.bias * 0
        return Conv(_ones(operation.weight), zero, operation.stride, operation.padding, operation.dilation, operation.groups)
    if isinstance(operation, BatchNorm):
        return Scale(along_channels(_ones(operation.scale), axes))
    if isinstance(operation, Scale):
        return Scale(_ones(operation.factor))
    return Add() if isinstance(operation, Subtract) else operation


def _ones(array: RationalArray) -> RationalArray:
    return RationalArray(array.nonzero().astype(np.int64))
