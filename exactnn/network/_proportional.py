"""Which neurons of a layer are positive multiples of one another, at every input, wherever they are read.

At each node neuron i is  factor_i * (the common function of its class),  factor_i > 0.  Rows that are multiples of one
primitive integer row start a class; a positively homogeneous activation keeps it, any other one splits it by the factor; a
batch norm, prelu or scale splits it where its numbers do not match.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.network.activation_facts import is_homogeneous
from exactnn.network.activations import PiecewiseLinear, PRelu, Rational, Smooth
from exactnn.network.graph import Network
from exactnn.network.neurons import Layer, channel_block, rows, spread
from exactnn.network.operations import Add, BatchNorm, Scale, Subtract

#: (class, positive factor) for each neuron
Classes = list[tuple[Hashable, Fraction]]


def classes(net: Network, layer: Layer) -> dict[str, Classes]:
    """For each node that carries the neurons, the class and the factor of each of them."""
    start = layer.layouts[layer.source]
    found = {layer.source: directions(concatenate(rows(net.operation(layer.source), start), axis=1))}
    for node in layer.layouts:
        if node == layer.source:
            continue
        operation, operands = net.operation(node), net.operands(node)
        before = found[operands[0]]
        layout = layer.layouts[operands[0]]
        shape = net.shape(operands[0])
        if isinstance(operation, (Add, Subtract)):
            second = found[operands[1]]
            found[node] = [((a, b, g / f), f) for (a, f), (b, g) in zip(before, second, strict=True)]
        elif isinstance(operation, PRelu):
            slopes: Sequence[Hashable] = [0] * layer.count
            if channel_block(shape, layout):
                slopes = [row.to_fractions() for row in _each(operation.slopes.reshape(layer.count, -1))]
            found[node] = [((c, s), f) for (c, f), s in zip(before, slopes, strict=True)]
        elif isinstance(operation, (PiecewiseLinear, Smooth, Rational)) and not is_homogeneous(operation):
            found[node] = [((c, f), Fraction(1)) for c, f in before]
        elif isinstance(operation, BatchNorm):
            if channel_block(shape, layout):
                factors = operation.scale.reshape(layer.count, -1) * _column(before)
                affine = concatenate([factors, operation.shift.reshape(layer.count, -1)], axis=1)
                found[node] = [((c, d), f) for (c, _), (d, f) in zip(before, directions(affine), strict=True)]
            else:  # every neuron has the same scales and shifts
                found[node] = [((c, f), Fraction(1)) for c, f in before]
        elif isinstance(operation, Scale) and operation.factor.size > 1:
            view = spread(operation.factor, shape).reshape(layout.outer, layout.count, layout.inner)
            factors = view.transpose(1, 0, 2).reshape(layout.count, -1) * _column(before)
            found[node] = [((c, d), f) for (c, _), (d, f) in zip(before, directions(factors), strict=True)]
        else:
            found[node] = before
    return found


def directions(table: RationalArray) -> Classes:
    """For each row the primitive integer row of the same direction, as a dictionary key, and the factor (1 for zeros).

    Examples
    --------
    >>> directions(RationalArray.of([["2/3", 2], [1, 3]]))[0][1]
    Fraction(2, 3)
    >>> len({key for key, _ in directions(RationalArray.of([["2/3", 2], [1, 3], [-1, -3]]))})
    2
    """
    numerators = table.numerators
    if numerators.dtype != object:
        common = np.gcd.reduce(numerators, axis=1)
        reduced = numerators // np.maximum(common, 1)[:, None]
        keys: list[Hashable] = [row.tobytes() for row in reduced]
    else:
        lists = [row.tolist() for row in numerators]
        common = [math.gcd(*row) for row in lists]
        keys = []
        for row, divisor in zip(lists, common, strict=True):
            short = [n // (divisor or 1) for n in row]
            fits = all(abs(n) < 1 << 62 for n in short)  # the key must not depend on the sizes of the other rows
            keys.append(np.array(short, dtype=np.int64).tobytes() if fits else tuple(short))
    return [(key, Fraction(int(g) or table.denominator, table.denominator)) for key, g in zip(keys, common, strict=True)]


def _column(before: Classes) -> RationalArray:
    return RationalArray.from_fractions((f for _, f in before), (len(before), 1))


def _each(table: RationalArray) -> list[RationalArray]:
    return [table[i] for i in range(len(table))]
