"""Continuous families of weights with one function, through given weights (theorem E, docs/theory.md 13).

dead          a_i = 0: w_i and b_i are free                                                          d + 1 parameters
constant      w_i = 0: a_i and b_i are free, c takes up a_i phi(b_i)                                 m + 1
duplicate     two neurons of one class and sign: L_i a_i + L_j a_j stays                             m
sliding       J_h = 0, one neuron on each side: their hyperplane moves in parallel                   1
stretching    the same without scaling (softplus, silu, gelu): (a, w, b) -> (a/s, s w, s b) for both 1
exchange      sum_h mu_h u_h = 0 over classes with neurons on both sides: N_h += mu_h delta          m
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from exactnn.errors import ArgumentError, NotRational
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, as_fraction
from exactnn.network import Network
from exactnn.symmetry._shallow import Shallow
from exactnn.texts import brief
from exactnn.value import Value

Weights = tuple[RationalArray, RationalArray, RationalArray, RationalArray]
Build = Callable[[list[Fraction]], Weights]


@dataclass(frozen=True, repr=False)
class Family(Value):
    """Networks with one function, one for each choice of rational parameters.

    Attributes
    ----------
    kind : "dead", "constant", "duplicate", "sliding", "stretching" or "exchange"
    neurons : those that change, counted from 0
    parameters : names of the parameters
    base : the network through which the family goes
    origin : the parameters' values there
    description : what may change, in words

    Examples
    --------
    >>> from exactnn import mlp, verify_equal
    >>> from exactnn.symmetry import fibre
    >>> net = mlp([([[1], [-1]], [0, 0]), ([[1, -1]], [0])])        # max(x, 0) - max(-x, 0) = x
    >>> (family,) = fibre(net).families
    >>> family.kind, family.parameters, verify_equal(family.at(5), net).proved
    ('sliding', ('t',), True)
    """

    kind: str
    neurons: tuple[int, ...]
    parameters: tuple[str, ...]
    base: Network
    origin: tuple[Fraction, ...]
    description: str
    _build: Build = field(repr=False, compare=False)
    _layer: Shallow = field(repr=False, compare=False)

    def _summary(self) -> str:
        return f"{self.kind}, neurons {brief(self.neurons, 30)}, parameters {brief(', '.join(self.parameters), 30)}"

    @property
    def dimension(self) -> int:
        """The number of parameters."""
        return len(self.parameters)

    def at(self, *values: Number) -> Network:
        """The network with these parameters."""
        if len(values) != len(self.parameters):
            raise ArgumentError(f"values: {len(self.parameters)} numbers ({', '.join(self.parameters)}) are needed, got {len(values)}")
        numbers = [as_fraction(v, name) for v, name in zip(values, self.parameters, strict=True)]
        if self.kind == "stretching" and numbers[0] <= 0:
            raise ArgumentError(f"{self.parameters[0]}: a positive number is needed, got {numbers[0]}")
        return self._layer.with_layer(*self._build(numbers))


def families(layer: Shallow) -> list[Family]:
    """The families through these weights; empty if their orbit is isolated in the fibre."""
    found = [_dead(layer, i) for i in layer.dead]
    found += [_constant(layer, i) for i in layer.constants if i not in layer.dead]
    idle = {*layer.dead, *layer.constants}
    both: list[tuple[int, int]] = []
    for neurons in layer.members.values():
        alive = [i for i in neurons if i not in idle]
        sides = [[i for i in alive if layer.signs[i] > 0], [i for i in alive if layer.signs[i] < 0]]
        if layer.family == "odd" or not layer.ratio:
            sides = [alive, []]
        found += [_duplicate(layer, side[0], j) for side in sides for j in side[1:]]
        if all(sides):
            both.append((sides[0][0], sides[1][0]))
            if len(alive) == 2 and _jump(layer, alive).is_zero():
                found += _linear(layer, *both[-1])
    return found + _exchanges(layer, both)


def _jump(layer: Shallow, neurons: Sequence[int]) -> RationalArray:
    factors = RationalArray.from_fractions([layer.factors[i] for i in neurons], (len(neurons),))
    return layer.outgoing[:, list(neurons)] @ factors


def _weights(layer: Shallow) -> Weights:
    return layer.weight, layer.bias, layer.outgoing, layer.constant


def _dead(layer: Shallow, i: int) -> Family:
    d = layer.weight.shape[1]

    def build(values: list[Fraction]) -> Weights:
        weight, bias, outgoing, constant = _weights(layer)
        row = RationalArray.from_fractions(values[:d], (d,))
        return _with_row(weight, i, row), _with_row(bias, i, RationalArray.of(values[d])), outgoing, constant

    names = (*(f"w_{k}" for k in range(d)), "b")
    origin = (*layer.weight[i].to_fractions(), layer.bias[i].item())
    return Family("dead", (i,), names, layer.net, origin, f"neuron {i} is read with weight 0: its incoming weights are free", build, layer)


def _constant(layer: Shallow, i: int) -> Family:
    m = len(layer.constant)

    def value(at: Fraction) -> Fraction:
        if layer.family == "homogeneous":
            return layer.activation_slope * at + layer.jump * max(at, Fraction(0))
        if at or layer.activation.function == "softplus":  # type: ignore[attr-defined]
            raise NotRational(f"family: the value of {layer.activation.name} at {at} is irrational, so that c would be")  # type: ignore[attr-defined]
        return Fraction(1, 2) if layer.activation.function == "sigmoid" else Fraction(0)  # type: ignore[attr-defined]

    def build(values: list[Fraction]) -> Weights:
        weight, bias, outgoing, constant = _weights(layer)
        column = RationalArray.from_fractions(values[:m], (m,))
        old = layer.bias[i].item()
        if values[m] == old and layer.family != "homogeneous" and column == outgoing[:, i]:
            return _weights(layer)
        constant = constant + outgoing[:, i] * value(old) - column * value(values[m])
        return weight, _with_row(bias, i, RationalArray.of(values[m])), _with_row(outgoing.T, i, column).T, constant

    names = (*(f"a_{j}" for j in range(m)), "b")
    origin = (*layer.outgoing[:, i].to_fractions(), layer.bias[i].item())
    what = f"neuron {i} has no incoming weight: the constants of the outputs can take up its value"
    return Family("constant", (i,), names, layer.net, origin, what, build, layer)


def _duplicate(layer: Shallow, i: int, j: int) -> Family:
    m = len(layer.constant)
    signs = [layer.signs[k] if layer.family == "odd" else 1 for k in (i, j)]
    shares = [Fraction(s) / layer.factors[k] for s, k in zip(signs, (i, j), strict=True)]

    def build(values: list[Fraction]) -> Weights:
        weight, bias, outgoing, constant = _weights(layer)
        delta = RationalArray.from_fractions(values, (m,))
        table = _with_row(outgoing.T, i, outgoing[:, i] + delta * shares[0])
        table = _with_row(table, j, outgoing[:, j] - delta * shares[1])
        if layer.family == "odd" and layer.activation.function == "sigmoid":  # type: ignore[attr-defined]
            turned = (shares[0] if signs[0] < 0 else Fraction(0)) - (shares[1] if signs[1] < 0 else Fraction(0))
            constant = constant - delta * turned  # phi(-t) = 1 - phi(t)
        return weight, bias, table.T, constant

    names = tuple(f"delta_{k}" for k in range(m))
    what = f"neurons {i} and {j} are multiples of one function: outgoing weight can move from one to the other"
    return Family("duplicate", (i, j), names, layer.net, (Fraction(0),) * m, what, build, layer)


def _linear(layer: Shallow, i: int, j: int) -> list[Family]:
    factors = [layer.factors[i], -layer.factors[j]]
    slope = layer.outgoing[:, i] * (layer.factors[i] * layer.ratio)  # a_i phi(L_i l) + a_j phi(-L_j l) = slope l

    def slide(values: list[Fraction]) -> Weights:
        weight, bias, outgoing, constant = _weights(layer)
        (t,) = values
        bias = _with_row(_with_row(bias, i, bias[i] + factors[0] * t), j, bias[j] + factors[1] * t)
        return weight, bias, outgoing, constant - slope * t

    def stretch(values: list[Fraction]) -> Weights:
        weight, bias, outgoing, constant = _weights(layer)
        (s,) = values
        table = outgoing.T
        for k in (i, j):
            weight, bias = _with_row(weight, k, weight[k] * s), _with_row(bias, k, bias[k] * s)
            table = _with_row(table, k, table[k] / s)
        return weight, bias, table.T, constant

    what = f"neurons {i} and {j} add to an affine function: their hyperplane can move"
    found = [Family("sliding", (i, j), ("t",), layer.net, (Fraction(0),), what, slide, layer)]
    if layer.family == "mirror":
        what = f"neurons {i} and {j} add to an affine function: both can be scaled"
        found.append(Family("stretching", (i, j), ("s",), layer.net, (Fraction(1),), what, stretch, layer))
    return found


def _exchanges(layer: Shallow, pairs: list[tuple[int, int]]) -> list[Family]:
    """One family for each relation between the normals of the hyperplanes with neurons on both sides."""
    if len(pairs) < 2:
        return []
    m, d = len(layer.constant), layer.weight.shape[1]
    planes = [layer.classes[i] for i, _ in pairs]
    rows = [RationalArray.from_fractions([Fraction(n, p[1]) for n in p[0]], (d + 1,)) for p in planes if p is not None]
    table = RationalArray.from_fractions([q for row in rows for q in row[:-1].to_fractions()], (len(rows), d))
    basis, nullity = table.T.to_flint().nullspace()
    found = []
    for r in range(nullity):
        relation = [Fraction(int(basis[h, r])) for h in range(len(pairs))]
        moved = [h for h, q in enumerate(relation) if q]
        found.append(_exchange(layer, [pairs[h] for h in moved], [relation[h] for h in moved], [rows[h][d].item() for h in moved], m))
    return found


def _exchange(layer: Shallow, pairs: list[tuple[int, int]], relation: list[Fraction], offsets: list[Fraction], m: int) -> Family:
    def build(values: list[Fraction]) -> Weights:
        weight, bias, outgoing, constant = _weights(layer)
        delta, table = RationalArray.from_fractions(values, (m,)), outgoing.T
        for (i, j), mu in zip(pairs, relation, strict=True):
            table = _with_row(table, i, table[i] - delta * (mu / layer.factors[i]))
            table = _with_row(table, j, table[j] + delta * (mu / layer.factors[j]))
        moved = sum(mu * v for mu, v in zip(relation, offsets, strict=True))
        return weight, bias, table.T, constant + delta * (moved * layer.ratio)

    neurons = tuple(k for pair in pairs for k in pair)
    names = tuple(f"delta_{k}" for k in range(m))
    what = (
        f"the normals of the hyperplanes of {', '.join(f'{i} and {j}' for i, j in pairs)} are dependent: slope can move between these pairs"
    )
    return Family("exchange", neurons, names, layer.net, (Fraction(0),) * m, what, build, layer)


def _with_row(table: RationalArray, i: int, row: RationalArray) -> RationalArray:
    """The array with another row i."""
    common = int(np.lcm(np.array(table.denominator, dtype=object), np.array(row.denominator, dtype=object)))
    numerators = table.numerators.astype(object) * (common // table.denominator)
    numerators[i] = row.numerators.astype(object) * (common // row.denominator)
    return RationalArray(numerators, common)
