"""Values and gradients of a network at points in float64, with bounds on what rounding did to them.

As the exact evaluation and backward pass have them, in `Rounded` numbers. Where it is not sure on which side of a kink a number lies, or
which entry of a window is the largest, the slope is one between bounds: whatever is taken there, it is inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from exactnn.cooling._rounded import Rounded, concatenated, scattered
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import clock_in_force
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Concat,
    Constant,
    Conv,
    Gather,
    MaxPool,
    Network,
    Rational,
    Reshape,
    Scale,
    Slice,
    Subtract,
    Transpose,
)
from exactnn.network.activations import PiecewiseLinear, PRelu
from exactnn.network.operations import Operation, along_channels
from exactnn.network.pieces import levels, looked_up

Integers = np.ndarray[Any, np.dtype[np.int64]]
_MOVING = (Reshape, Transpose, Slice, Gather, Concat)


class RoundedPass:
    """A network at points: `values` of all nodes, `output` (n, C), and how many slopes are not `sure`."""

    def __init__(self, net: Network, points: RationalArray) -> None:
        self.net, self.points, self.count, self.unsure = net, points, len(points), 0
        self.values = {name: Rounded.of(value) for name, value in net.input_values(points).items()}
        self._slopes: dict[str, Rounded] = {}
        self._weights: dict[str, Rounded] = {}
        clock = clock_in_force()
        with np.errstate(all="ignore"):  # infinities are seen by what they are
            for name in net.order:
                clock.check(f"node {name!r} was being evaluated in float64")
                if name not in self.values:
                    self.values[name] = self._value(name, net.operation(name), [self.values[o] for o in net.operands(name)])
            self.output = concatenated([self.values[n].reshape((self.count, -1)) for n in net.outputs], 1)

    def parameters(self, sent: Rounded) -> dict[tuple[str, str], Rounded]:
        """By node and field: the gradient of sum_n sent_n . f(x_n) by weights and biases of layers, and factors."""
        rows: dict[str, Rounded] = {}
        found: dict[tuple[str, str], Rounded] = {}
        start, clock = 0, clock_in_force()
        with np.errstate(all="ignore"):
            for name in self.net.outputs:
                stop = start + math.prod(self.net.shape(name))
                own = sent.moved(lambda a, start=start, stop=stop: a[:, start:stop]).reshape((self.count, *self.net.shape(name)))  # type: ignore[misc]
                rows[name] = rows[name] + own if name in rows else own
                start = stop
            for name in reversed(self.net.order):
                clock.check(f"rows were being carried through node {name!r} in float64")
                operation, operands = self.net.operation(name), self.net.operands(name)
                own = rows.pop(name) if name in rows else _zeros((self.count, *self.net.shape(name)))
                for field, value in _by(operation, own, [self.values[o] for o in operands]).items():
                    found[name, field] = value
                if operands:
                    for operand, more in zip(operands, self._back(name, operation, own), strict=True):
                        rows[operand] = rows[operand] + more if operand in rows else more
        return found

    def _weight(self, name: str) -> Rounded:
        """Of a layer, made once."""
        if name not in self._weights:
            operation = self.net.operation(name)
            assert isinstance(operation, (Affine, Conv))
            self._weights[name] = Rounded.of(operation.weight)
        return self._weights[name]

    # --- forwards ----------------------------------------------------------------------------------------------------------

    def _value(self, name: str, operation: Operation, given: Sequence[Rounded]) -> Rounded:
        if isinstance(operation, Constant):
            value = Rounded.of(operation.value)
            return value.moved(lambda a: np.broadcast_to(a, (self.count, *a.shape)))
        x = given[0]
        if isinstance(operation, Affine):
            rows = x.reshape((-1, x.shape[-1])) @ self._weight(name).T
            return rows.reshape((*x.shape[:-1], -1)) + Rounded.of(operation.bias)
        if isinstance(operation, Conv):
            return self._convolved(name, operation, x)
        if isinstance(operation, Scale):
            return x * Rounded.of(operation.factor)
        if isinstance(operation, BatchNorm):
            scale, shift = (Rounded.of(along_channels(a, len(x.shape) - 1)) for a in (operation.scale, operation.shift))
            return x * scale + shift
        if isinstance(operation, (Add, Subtract)):
            a, b = _aligned(given)
            return a + b if isinstance(operation, Add) else a - b
        if isinstance(operation, _MOVING):
            flat = concatenated([v.reshape((self.count, -1)) for v in given], 1)
            places = _places(operation, [v.shape[1:] for v in given])
            return flat.moved(lambda a: a[:, places.ravel()].reshape(self.count, *places.shape))
        if isinstance(operation, AveragePool):
            total = _windows(x, operation.index(x.shape[2:])).sum([3])
            return (total * _shares(operation, x.shape[2:]).reshape((-1, 1))).reshape((*x.shape[:2], *operation.places(x.shape[2:])))
        if isinstance(operation, MaxPool):
            return self._largest(name, operation, x)
        if isinstance(operation, (PiecewiseLinear, PRelu)):
            return self._unit(name, operation, x)
        if isinstance(operation, Rational):
            return _horner(operation.numerator, x) / _horner(operation.denominator, x)
        raise ArgumentError(f"network: nodes with rational values are needed, got {name!r} ({operation.kind})")

    def _convolved(self, name: str, operation: Conv, x: Rounded) -> Rounded:
        index, parts = operation.index(x.shape[2:]), []
        for weight, inner, _ in _groups(operation, self._weight(name)):
            columns = _windows(x.moved(lambda a, inner=inner: a[:, inner]), index)  # type: ignore[misc]
            table = columns.moved(lambda a: a.transpose(0, 2, 1, 3).reshape(len(a) * len(index), -1)) @ weight.T
            parts.append(table.moved(lambda a: a.reshape(self.count, len(index), -1).transpose(0, 2, 1)))
        found = concatenated(parts, 1) + Rounded.of(operation.bias.reshape(-1, 1))
        return found.reshape((self.count, *operation.output_shape(x.shape[1:])))

    def _unit(self, name: str, operation: PiecewiseLinear | PRelu, x: Rounded) -> Rounded:
        """The affine function of the piece that x.middle seems to be in; beyond a kink that is not sure it is off by |jump| |x - kink|."""
        kinks = operation.expansion().kinks
        pieces, reach, wide = np.zeros(x.shape, dtype=np.int64), np.zeros(x.shape), np.zeros(x.shape)
        for at, jump in kinks:
            height = Rounded.of(along_channels(jump, len(x.shape) - 1))
            size = np.abs(height.middle) + height.radius
            off = x - Rounded.number(at) if at else x
            doubt = ~(np.abs(off.middle) > off.radius) & (off.radius > 0) & (size > 0)  # exactly on the kink: the left side counts
            pieces += off.middle > 0
            wide += np.where(doubt, size, 0)
            reach += np.where(doubt, 4 * size * off.radius, 0)
        slopes, constants = (Rounded.of(a).moved(lambda a: looked_up(a, pieces)) for a in levels(operation))
        value, sure = x * slopes + constants, (wide == 0) & (slopes.radius == 0) & (constants.middle == 0) & (constants.radius == 0)
        value = x.where(sure & (slopes.middle == 1), _zeros(x.shape).where(sure & (slopes.middle == 0), value))  # nothing is rounded there
        unsure = wide > 0
        near = Rounded.within(slopes.middle, slopes.radius + wide * (1 + 2.0**-40))
        self._slopes[name] = near.where(unsure, slopes)
        self.unsure += int(unsure.sum())
        return Rounded.within(value.middle, value.radius + reach).where(unsure, value)

    def _largest(self, name: str, operation: MaxPool, x: Rounded) -> Rounded:
        """Weights (n, channels, places, window): 1 at the largest entry; 0 or 1 where several may be it."""
        index = operation.index(x.shape[2:])
        entries = _windows(x, index)
        middle = np.where(index >= 0, entries.middle, -math.inf)
        first = middle.argmax(axis=3)[..., None]
        best, reach = (np.take_along_axis(a, first, axis=3) for a in (middle, entries.radius))
        own = np.arange(index.shape[1]) == first
        near = (reach + entries.radius) * (1 + 2.0**-50)
        rivals = (index >= 0) & ~own & ~((best - middle) > near) & (near > 0)  # exact ties: the first one counts
        some = rivals.any(axis=3, keepdims=True)
        weights = Rounded(own.astype(np.float64), (rivals | (own & some)).astype(np.float64))
        self._slopes[name] = weights
        self.unsure += int(some.sum())
        shape = (*x.shape[:2], *operation.places(x.shape[2:]))
        return Rounded(best, np.where(rivals | own, entries.radius, 0).max(axis=3, keepdims=True)).reshape(shape)

    # --- backwards ---------------------------------------------------------------------------------------------------------

    def _back(self, name: str, operation: Operation, rows: Rounded) -> list[Rounded]:
        """The rows at the operands."""
        shapes = [(self.count, *self.net.shape(o)) for o in self.net.operands(name)]
        shape = shapes[0]
        if isinstance(operation, Affine):
            return [(rows.reshape((-1, rows.shape[-1])) @ self._weight(name)).reshape(shape)]
        if isinstance(operation, Scale):
            return [rows * Rounded.of(operation.factor)]
        if isinstance(operation, BatchNorm):
            return [rows * Rounded.of(along_channels(operation.scale, len(shape) - 1))]
        if isinstance(operation, (Add, Subtract)):
            second = rows if isinstance(operation, Add) else Rounded(-rows.middle, rows.radius)
            return [_unbroadcast(r, s) for r, s in zip((rows, second), shapes, strict=True)]
        if isinstance(operation, _MOVING):
            places = _places(operation, [s[1:] for s in shapes]).reshape(-1)
            sizes = [math.prod(s[1:]) for s in shapes]
            flat = _sent_to(rows.reshape((self.count, -1)), places, sum(sizes))
            ends = np.cumsum([0, *sizes])
            return [
                flat.moved(lambda a, i=i: a[:, ends[i] : ends[i + 1]]).reshape(s)  # type: ignore[misc]
                for i, s in enumerate(shapes)
            ]
        if isinstance(operation, (PiecewiseLinear, PRelu)):
            return [rows * self._slopes[name]]
        spatial = shape[2:]
        if isinstance(operation, Conv):
            return [self._back_conv(name, operation, rows, spatial).reshape(shape)]
        if isinstance(operation, (MaxPool, AveragePool)):
            index = operation.index(spatial)
            weights = self._slopes[name] if isinstance(operation, MaxPool) else _shares(operation, spatial).reshape((-1, 1))
            each = rows.reshape((*rows.shape[:2], -1, 1)) * weights
            whole = each.moved(lambda a: np.broadcast_to(a, (*a.shape[:3], index.shape[1])))
            return [scattered(whole, index, math.prod(spatial)).reshape(shape)]
        raise ArgumentError(f"network: piecewise linear nodes are needed for gradients, got {name!r} ({operation.kind})")

    def _back_conv(self, name: str, operation: Conv, rows: Rounded, spatial: tuple[int, ...]) -> Rounded:
        index, parts = operation.index(spatial), []
        flat = rows.reshape((*rows.shape[:2], -1))
        for weight, _, outer in _groups(operation, self._weight(name)):
            own = flat.moved(lambda a, outer=outer: a[:, outer].transpose(0, 2, 1).reshape(-1, a[:, outer].shape[1]))  # type: ignore[misc]
            columns = (own @ weight).moved(lambda a: a.reshape(self.count, len(index), -1, index.shape[1]).transpose(0, 2, 1, 3))
            parts.append(scattered(columns, index, math.prod(spatial)))
        return concatenated(parts, 1)


def _by(operation: Operation, rows: Rounded, given: Sequence[Rounded]) -> dict[str, Rounded]:
    """The gradient by the fields that an identity may ask for."""
    if isinstance(operation, Affine):
        flat, x = rows.reshape((-1, rows.shape[-1])), given[0]
        return {"weight": flat.T @ x.reshape((-1, x.shape[-1])), "bias": flat.sum([0]).reshape((-1,))}
    if isinstance(operation, Conv):
        x = given[0]
        index, flat, parts = operation.index(x.shape[2:]), rows.reshape((*rows.shape[:2], -1)), []
        for _, inner, outer in _groups(operation, _zeros(operation.weight.shape)):
            columns = _windows(x.moved(lambda a, inner=inner: a[:, inner]), index)  # type: ignore[misc]
            table = columns.moved(lambda a: a.transpose(0, 2, 1, 3).reshape(len(a) * len(index), -1))
            own = flat.moved(lambda a, outer=outer: a[:, outer].transpose(1, 0, 2).reshape(a[:, outer].shape[1], -1))  # type: ignore[misc]
            parts.append(own @ table)
        return {"weight": concatenated(parts, 0).reshape(operation.weight.shape), "bias": flat.sum([0, 2]).reshape((-1,))}
    if isinstance(operation, Scale):
        return {
            "factor": _unbroadcast(rows * given[0], (len(rows.middle), *operation.factor.shape)).sum([0]).reshape(operation.factor.shape)
        }
    return {}


def _zeros(shape: Sequence[int]) -> Rounded:
    return Rounded(np.zeros(tuple(shape)), np.zeros(tuple(shape)))


def _horner(coefficients: Sequence[Any], x: Rounded) -> Rounded:
    total = _zeros(x.shape)
    for c in reversed(coefficients):
        total = total * x + Rounded.number(c)
    return total


def _groups(operation: Conv, whole: Rounded) -> list[tuple[Rounded, slice, slice]]:
    """For each group its weight (out, in kernel), and the channels that it reads and writes."""
    width, height = operation.weight.shape[1], operation.weight.shape[0] // operation.groups
    weight = whole.reshape((operation.groups, height, -1))
    return [
        (weight.moved(lambda a, g=g: a[g]), slice(g * width, (g + 1) * width), slice(g * height, (g + 1) * height))  # type: ignore[misc]
        for g in range(operation.groups)
    ]


def _windows(x: Rounded, index: Integers) -> Rounded:
    """(n, channels, places, window), zeros in the padding."""
    flat = x.reshape((*x.shape[:2], -1))
    return concatenated([flat, _zeros((*x.shape[:2], 1))], 2).moved(lambda a: a[:, :, index])


def _shares(operation: AveragePool, spatial: tuple[int, ...]) -> Rounded:
    """(places,): one over the number of entries in each window."""
    index = operation.index(spatial)
    counts = [math.prod(operation.kernel)] * len(index) if operation.count_padding else (index >= 0).sum(axis=1).tolist()
    return Rounded.of(1 / RationalArray.of(counts))


def _places(operation: Operation, shapes: Sequence[Sequence[int]]) -> Integers:
    """For each entry of the result of what only moves entries, its place in the operands, flat and joined."""
    starts = np.cumsum([0, *(math.prod(s) for s in shapes)])
    numbered = [RationalArray(np.arange(a, b).reshape(1, *s)) for a, b, s in zip(starts, starts[1:], shapes, strict=False)]
    return np.asarray(operation.evaluate(*numbered).numerators[0], dtype=np.int64)


def _sent_to(rows: Rounded, places: Integers, size: int) -> Rounded:
    """(n, size): the entries added up at these places, each of which may come several times."""
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], places[order])
    turn = np.empty(len(places), dtype=np.int64)  # how often the place came before
    turn[order] = np.arange(len(places)) - starts
    index = np.full((len(places), int(turn.max()) + 1), -1, dtype=np.int64)
    index[np.arange(len(places)), turn] = places
    each = rows.moved(lambda a: np.broadcast_to(a[..., None], (*a.shape, index.shape[1])))
    return scattered(each, index, size)


def _aligned(given: Sequence[Rounded]) -> list[Rounded]:
    """Ones go in behind the points, as broadcasting aligns at the last axis."""
    longest = max(len(v.shape) for v in given)
    return [v.reshape((v.shape[0], *(1,) * (longest - len(v.shape)), *v.shape[1:])) for v in given]


def _unbroadcast(rows: Rounded, shape: tuple[int, ...]) -> Rounded:
    """Summed over the axes along which an operand of this shape was repeated."""
    extra = len(rows.shape) - len(shape)
    repeated = [*range(1, 1 + extra), *(1 + extra + i for i, n in enumerate(shape[1:]) if n == 1 != rows.shape[1 + extra + i])]
    return (rows.sum(repeated) if repeated else rows).reshape(shape)
