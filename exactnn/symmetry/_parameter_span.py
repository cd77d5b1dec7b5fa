"""The derivatives by the parameters as functions of x: their coefficients on one cell after the other, and relations between them.

Inside a cell f is affine in x, and so is every df_j/dtheta_k: d + 1 numbers tell it, its values at 0, e_1, ..., e_d, on that cell's piece.
With one row for each cell, output j and such point, and one column for each parameter, the rank of the matrix over all cells is the
dimension of the span of the df/dtheta_k. Fewer cells give a lower bound, and so does the rank modulo a prime.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product

import numpy as np

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import clock_in_force
from exactnn.network import Affine, AveragePool, Conv, MaxPool, Network, PiecewiseLinear, PRelu, Reshape, Transpose
from exactnn.network.backward import output_rows, sweep
from exactnn.network.linearise import Linearisation, linearise
from exactnn.network.neurons import layer_at, rows
from exactnn.network.parameters import parameter_rows
from exactnn.symmetry._smooth_points import smooth

_AT_ONCE = 1 << 20  # numbers
_CARRYING = (PRelu, MaxPool, AveragePool, Reshape, Transpose)  # with g(c t) = c g(t) for c > 0


class ParameterSpan:
    """The functions df/dtheta_k of a piecewise linear network, theta the weights and biases of its affine and conv nodes."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self._seen: set[bytes] = set()
        self.nodes = [name for name in net.order if isinstance(net.operation(name), (Affine, Conv))]

    @cached_property
    def count(self) -> int:
        """How many parameters there are."""
        return sum(op.weight.size + op.bias.size for op in map(self.net.operation, self.nodes) if isinstance(op, (Affine, Conv)))

    @cached_property
    def rows_of_a_cell(self) -> int:
        """m (d + 1)."""
        return self.net.output_dim * (self.net.input_dim + 1)

    def rows(self, points: RationalArray) -> list[RationalArray]:
        """The rows (cells m (d + 1), parameters) of the cells around these points that were not asked for before.

        Points without derivatives are left out.
        """
        values = self.net.trace(points)
        around = linearise(self.net, points, values, at_kinks="left")
        new = []
        for i in np.flatnonzero(smooth(self.net, values)).tolist():
            key = b"".join(np.ascontiguousarray(found[i]).tobytes() for found in around.pieces.values())
            if key not in self._seen:
                self._seen.add(key)
                new.append(i)
        step = max(1, _AT_ONCE // (self.rows_of_a_cell * self.count))
        return [self._rows(around.take(np.array(new[i : i + step]))) for i in range(0, len(new), step)]

    def _rows(self, around: Linearisation) -> RationalArray:
        """The rows of some cells."""
        net, d, m, cells = self.net, self.net.input_dim, self.net.output_dim, len(around)
        clock_in_force().check(f"the derivatives on {len(self._seen)} cells were being computed")
        sent = around.adjoints(_repeated(RationalArray.eye(m), cells), self.nodes)
        basis = _repeated(concatenate([RationalArray.zeros((1, d)), RationalArray.eye(d)]), cells).reshape(cells * (d + 1), d)
        read = {net.operands(name)[0] for name in self.nodes}
        values = around.take(np.repeat(np.arange(cells), d + 1)).values(basis, read | set(net.outputs))
        parts = []
        for name in self.nodes:
            value = values[net.operands(name)[0]]
            parts += self._derivatives(name, sent[name], value.reshape(cells, d + 1, *value.shape[1:]))
        return concatenate(parts, axis=1)

    def _derivatives(self, name: str, sent: RationalArray, value: RationalArray) -> list[RationalArray]:
        """By weight and bias, for rows `sent` (cells, m, *shape) and values (cells, d + 1, *shape of the operand)."""
        operation, cells, m, points = self.net.operation(name), len(sent), sent.shape[1], value.shape[1]
        if isinstance(operation, Affine) and value.ndim == 3:
            weight = sent.reshape(cells, m, 1, -1, 1) * value.reshape(cells, 1, points, 1, -1)
            bias = sent.reshape(cells, m, 1, -1) * RationalArray(np.ones((1, 1, points, 1), dtype=np.int64))
            return [part.reshape(cells * m * points, -1) for part in (weight, bias)]
        triples = product(range(cells), range(m), range(points))
        found = [parameter_rows(operation, sent[k, j : j + 1], value[k, i : i + 1]) for k, j, i in triples]
        return [concatenate([f[field].reshape(1, -1) for f in found]) for field in ("weight", "bias")]

    # --- relations -----------------------------------------------------------------------------------------------------------

    @cached_property
    def relations(self) -> int:
        """Independent relations that hold for all x, so that the rank is at most `count` less these.

        df/dtheta_k = 0 for parameters from which no way of weights other than 0 leads to an output; and for each other neuron of a
        hidden layer whose activation is positively homogeneous  sum over its incoming theta_k df/dtheta_k = the sum over its outgoing ones.
        These are independent: its incoming weights, with the bias, are not all 0 (there would be no point without a kink), and are, among
        the neurons of its layer and of later ones, incoming for this neuron only.
        """
        dead = 0
        for name in self.nodes:
            operation, read = self.net.operation(name), self.net.shape(self.net.operands(name)[0])
            ones = RationalArray(np.ones((1, *read), dtype=np.int64))
            fields = parameter_rows(operation, self._reaching[name], ones, absolute=True)
            dead += sum(int((~found.nonzero()).sum()) for found in fields.values())
        scaled: dict[str, int] = {}  # by the source: two activations, one behind the other, have the same neurons
        for name in self.net.hidden_layers:
            source, neurons = self._scaled(name)
            scaled[source] = max(scaled.get(source, 0), neurons)
        return dead + sum(scaled.values())

    @cached_property
    def _reaching(self) -> dict[str, RationalArray]:
        """For each affine or conv node (1, *shape): 1 where a way of weights other than 0 may lead from the entry to an output."""
        seeds = output_rows(self.net, RationalArray(np.ones((1, self.net.output_dim), dtype=np.int64)))
        found = sweep(self.net, seeds, self._back, self.nodes)
        return {n: _mask(found[n]) if n in found else RationalArray.zeros((1, *self.net.shape(n))) for n in self.nodes}

    def _back(self, name: str, own: RationalArray) -> tuple[RationalArray, ...]:
        operation, shapes = self.net.operation(name), [self.net.shape(o) for o in self.net.operands(name)]
        own = _mask(own)
        if operation.is_affine:
            parts = (operation.adjoint(own, *shapes, part=part) for part in (1, -1))
            return tuple(_mask(abs(a) + abs(b)) for a, b in zip(*parts, strict=True))
        if isinstance(operation, (PiecewiseLinear, PRelu)):
            return (own,)
        return (RationalArray(np.ones((1, *shapes[0]), dtype=np.int64)),)

    def _scaled(self, name: str) -> tuple[str, int]:
        """The source of a layer, and how many of its neurons can be scaled and reach an output; 0 where that is not seen."""
        net = self.net
        try:
            layer = layer_at(net, name)
        except ArgumentError:
            return name, 0
        carrying = [net.operation(n) for n in layer.layouts if n != layer.source]
        if not isinstance(net.operation(layer.source), (Affine, Conv)) or not all(map(_is_homogeneous, carrying)):
            return layer.source, 0
        layout = layer.layouts[layer.source]
        reached = self._reaching[layer.source].nonzero().reshape(layout.outer, layout.count, layout.inner).any(axis=(0, 2))
        incoming = [part.nonzero().any(axis=1) for part in rows(net.operation(layer.source), layout)]
        return layer.source, int((reached & (incoming[0] | incoming[1])).sum())


def _mask(array: RationalArray) -> RationalArray:
    return RationalArray(array.nonzero().astype(np.int64))


def _is_homogeneous(operation: object) -> bool:
    if isinstance(operation, PiecewiseLinear):
        return not operation.constant and all(at == 0 for at, _ in operation.kinks)
    return isinstance(operation, _CARRYING)


def _repeated(array: RationalArray, count: int) -> RationalArray:
    return RationalArray(np.broadcast_to(array.numerators, (count, *array.shape)), array.denominator)
