"""Transformations of exact networks, right and wrong ones, as a user might write them: nothing of the package's own rewriting."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import exactnn as xn
from exactnn.exact.rounding import round_rational
from exactnn.network import Affine, Network

Layers = list[tuple[list[list[Fraction]], list[Fraction]]]


def layers_of(net: Network) -> tuple[Layers, list[object]]:
    """Weights as nested lists, and the units between them."""
    operations = [net.operation(n) for n in net.order if n not in net.inputs]
    affine = [op for op in operations if isinstance(op, Affine)]
    layers = [([list(row) for row in op.weight.to_rows()], list(op.bias.to_fractions())) for op in affine]
    return layers, [op for op in operations if not isinstance(op, Affine)]


def rebuilt(layers: Layers, units: list[object]) -> Network:
    return xn.mlp([(w, b) for w, b in layers], units[0] if units else "relu")


def on_layers(change: Callable[[Layers], None]) -> Callable[[Network], Network]:
    def transformation(net: Network) -> Network:
        layers, units = layers_of(net)
        change(layers)
        return rebuilt(layers, units)

    transformation.__name__ = change.__name__
    return transformation


def _move(layers: Layers, order: Callable[[int], list[int]], factor: Fraction, both: bool) -> None:
    (w, b), (v, _) = layers[0], layers[1]
    places = order(len(b))
    w[:], b[:] = [[factor * q for q in w[i]] for i in places], [factor * b[i] for i in places]
    if both:
        v[:] = [[row[i] / factor for i in places] for row in v]


def _reverse(count: int) -> list[int]:
    return list(range(count))[::-1]


def _same(count: int) -> list[int]:
    return list(range(count))


@on_layers
def permute(layers: Layers) -> None:
    _move(layers, _reverse, Fraction(1), True)


@on_layers
def permute_one_side(layers: Layers) -> None:
    _move(layers, _reverse, Fraction(1), False)


@on_layers
def scale(layers: Layers) -> None:
    _move(layers, _same, Fraction(3, 2), True)


@on_layers
def scale_negatively(layers: Layers) -> None:
    _move(layers, _same, Fraction(-2), True)


@on_layers
def off_by_one(layers: Layers) -> None:
    layers[-1][1][-1] += 1


@on_layers
def transpose(layers: Layers) -> None:
    w = layers[0][0]
    if len(w) == len(w[0]):
        w[:] = [list(column) for column in zip(*w, strict=True)]


@on_layers
def drop_tiny(layers: Layers) -> None:
    """Neurons with small outgoing weights go, whatever they are multiplied with."""
    v = layers[1][0]
    for j in range(len(v[0])):
        if all(abs(row[j]) < Fraction(1, 10**6) for row in v):
            for row in v:
                row[j] = Fraction(0)


@on_layers
def drop_constant(layers: Layers) -> None:
    """A neuron without incoming weights is taken for one that does nothing."""
    (w, _), (v, _) = layers[0], layers[1]
    for j, row in enumerate(w):
        if not any(row):
            for out in v:
                out[j] = Fraction(0)


@on_layers
def drop_dead(layers: Layers) -> None:
    """Rightly: a neuron that is never active, or read by nothing."""
    (w, b), (v, _) = layers[0], layers[1]
    for j, row in enumerate(w):
        if (not any(row) and b[j] <= 0) or not any(out[j] for out in v):
            w[j], b[j] = [Fraction(0)] * len(row), Fraction(0)
            for out in v:
                out[j] = Fraction(0)


def lose_the_slope(net: Network) -> Network:
    layers, _ = layers_of(net)
    return xn.mlp([(w, b) for w, b in layers], "relu")


def to_float32(net: Network) -> Network:
    """Rounded to float32, each weight to the nearest."""
    layers, units = layers_of(net)
    return rebuilt([([[_near(q) for q in row] for row in w], [_near(q) for q in b]) for w, b in layers], units)


def _near(value: Fraction) -> Fraction:
    return round_rational(value, "float32")


def neurons(net: Network) -> int:
    """Hidden neurons."""
    return sum(len(op.bias) for n in net.order if isinstance(op := net.operation(n), Affine)) - net.output_dim
