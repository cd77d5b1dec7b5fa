"""The exact terms of the data points: one backward pass for each output, rows of many points at once.

    own term at x_i:  numerator j: the affine map of f_j + Q around x_i,  denominator: that of Q        (Q: `_shift`)

Backwards, a row B at a unit y = phi(z) becomes  s B + sum over the kinks below of Q's weight;  at a window it goes to the largest entry,
with -Lo (largest - first) of Q; at the inputs + K. The constants are the values of the same affine maps at 0, by a forward pass.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray, affine_table, concatenate
from exactnn.network import Affine, MaxPool, Network, PiecewiseLinear, PRelu
from exactnn.network.backward import output_rows, sweep
from exactnn.network.linearise import Linearisation
from exactnn.network.operations import along_channels, scattered
from exactnn.tropical._shift import Shift, first_entries

Indices = np.ndarray[Any, np.dtype[np.int64]]


class Weights:
    """Q of a network, node by node.

    Attributes
    ----------
    units : for a unit node (slopes, constants), each (pieces, entries): what Q adds there, slopes z + constants, on each piece
    windows : for a pooling node (Lo, at): Lo for each result, (channels, places), and its sum at the first entries, (channels, size)
    inputs : K
    first : the affine node by which alone the network reads its input, a vector; None where there is no such node
    """

    def __init__(self, net: Network, shift: Shift) -> None:
        self.net, self.inputs = net, shift.inputs
        self.units: dict[str, tuple[RationalArray, RationalArray]] = {}
        self.windows: dict[str, tuple[RationalArray, RationalArray]] = {}
        readers = [name for name in net.order if set(net.operands(name)) & set(net.inputs)]
        alone = len(readers) == len(net.inputs) == 1 and not set(net.inputs) & set(net.outputs)
        is_vector = len(net.shape(net.inputs[0])) == 1
        self.first = readers[0] if alone and is_vector and isinstance(net.operation(readers[0]), Affine) else None
        for name, (low, high) in shift.bounds.items():
            operation = net.operation(name)
            if isinstance(operation, MaxPool):
                channels, *spatial = net.shape(net.operands(name)[0])
                own = low.reshape(channels, -1)
                index = operation.index(tuple(spatial))
                self.windows[name] = own, scattered(own, first_entries(index), int(np.prod(spatial)))
            else:
                assert isinstance(operation, (PiecewiseLinear, PRelu))
                self.units[name] = _unit(operation, low, high, net.shape(name))


def _unit(operation: PiecewiseLinear | PRelu, low: RationalArray, high: RationalArray, shape: tuple[int, ...]) -> Any:
    slopes = [RationalArray.zeros((1, low.size))]
    constants = [slopes[0]]
    for at, jump in operation.expansion().kinks:
        jumps = along_channels(jump, len(shape)) + RationalArray.zeros(shape)
        weight = ((-jumps).relu().reshape(-1) * high - jumps.relu().reshape(-1) * low).reshape(1, -1)
        slopes.append(slopes[-1] + weight)
        constants.append(constants[-1] - weight * at)
    return concatenate(slopes), concatenate(constants)


class ExactTerms:
    """The own terms of n points. `constants` (n, outputs + 1): those of the numerators and, last, of the denominator."""

    def __init__(self, weights: Weights, points: RationalArray, around: Linearisation, constants: RationalArray | None = None) -> None:
        self.weights, self.points, self.around = weights, points, around
        zeros = RationalArray.zeros((len(around), weights.net.input_dim))
        self.constants = self.values(zeros) if constants is None else constants

    @classmethod
    def joined(cls, parts: list[ExactTerms]) -> ExactTerms:
        """The terms of all points of several."""
        if len(parts) == 1:
            return parts[0]
        net, maps = parts[0].weights.net, [p.around for p in parts]
        pieces: Mapping[str, Any] = {name: np.concatenate([m.pieces[name] for m in maps]) for name in maps[0].pieces}
        around = Linearisation(net, sum(map(len, maps)), pieces, {})
        return cls(parts[0].weights, concatenate([p.points for p in parts]), around, concatenate([p.constants for p in parts]))

    def take(self, points: Indices) -> ExactTerms:
        """The terms of some of the points."""
        return ExactTerms(self.weights, self.points[points], self.around.take(points), self.constants[points])

    def __len__(self) -> int:
        return len(self.around)

    @property
    def net(self) -> Network:
        """The network."""
        return self.weights.net

    @property
    def patterns(self) -> list[bytes]:
        """For each point a text that points share exactly if all their units and windows are in the same pieces."""
        found = [np.ascontiguousarray(p).reshape(len(self), -1).view(np.uint8) for p in self.around.pieces.values() if p.size]
        if not found:
            return [b""] * len(self)
        return [row.tobytes() for row in np.concatenate(found, axis=1)]

    def values(self, points: RationalArray) -> RationalArray:
        """Values (n, outputs + 1) of the own terms of point i at points[i]."""
        net, weights, count = self.weights.net, self.weights, len(points)
        bends = {name: net.operands(name)[0] for name in (*weights.units, *weights.windows)}
        values = self.around.values(points, keep={*bends.values(), *net.outputs})
        total = (points @ weights.inputs).reshape(-1)
        for name, (slopes, constants) in weights.units.items():
            pieces = self.around.pieces[name].reshape(count, -1)
            entry = np.arange(pieces.shape[1])
            total = total + (values[bends[name]].reshape(count, -1) * slopes[pieces, entry]).sum(axis=1)
            if not constants.is_zero():
                total = total + constants[pieces, entry].sum(axis=1)
        for name, (low, at) in weights.windows.items():
            flat = values[bends[name]].reshape(count, -1)
            taken = self.around.result(name, values[bends[name]]).reshape(count, -1)
            total = total + flat @ at.reshape(-1) - taken @ low.reshape(-1)
        outputs = concatenate([values[n].reshape(count, -1) for n in net.outputs], axis=1)
        column = total.reshape(count, 1)
        return concatenate([outputs + column, column], axis=1)

    def marks(self) -> RationalArray:
        """A fingerprint of each point's exponents, (n, outputs + 1): their value in one direction. Equal exponents have equal ones."""
        source = random.Random(11)
        direction = [source.getrandbits(30) for _ in range(self.net.input_dim)]
        points = RationalArray(np.broadcast_to(np.array(direction, dtype=np.int64), (len(self), len(direction))))
        return self.values(points) - self.constants

    def exponents(self, output: int, points: Indices) -> RationalArray:
        """The exponents (k, d) of the own terms of these points; of the denominator where `output` is the number of outputs."""
        net, found = self.net, self._rows(output, points)
        shapes = {n: (len(points), int(np.prod(net.shape(n)))) for n in net.inputs}
        parts = [found[n].reshape(*s) if n in found else RationalArray.zeros(s) for n, s in shapes.items()]
        return concatenate(parts, axis=1) + self.weights.inputs

    def _rows(self, output: int, points: Indices, stop: tuple[str, ...] = ()) -> dict[str, RationalArray]:
        """The rows of these points at the inputs, without K, or at nodes before."""
        weights, net, around = self.weights, self.net, self.around.take(points)
        count = len(points)

        def step(name: str, rows: RationalArray) -> tuple[RationalArray, ...]:
            if name in weights.windows:
                low, at = weights.windows[name]
                (back,) = around.step(name, rows - low.reshape(*rows.shape[1:]))
                return (back + at.reshape(*back.shape[1:]),)
            pulled = around.step(name, rows)
            if name in weights.units:
                pieces = around.pieces[name].reshape(count, -1)
                more = weights.units[name][0][pieces, np.arange(pieces.shape[1])]
                return (pulled[0] + more.reshape(*pulled[0].shape),)
            return pulled

        rows = np.zeros((count, net.output_dim), dtype=np.int64)
        if output < net.output_dim:
            rows[:, output] = 1
        return sweep(net, output_rows(net, RationalArray(rows)), step, stop=stop)

    def table(self, output: int, points: Indices) -> RationalArray:
        """Rows (constant, exponents)."""
        constants = self.constants[points, output]
        first = self.weights.first
        if first is None:
            return concatenate([constants.reshape(-1, 1), self.exponents(output, points)], axis=1)
        layer = self.net.operation(first)
        assert isinstance(layer, Affine)
        return affine_table(constants, self._rows(output, points, (first,))[first], layer.weight, self.weights.inputs)
