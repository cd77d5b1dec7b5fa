"""Random small networks for the tests, from a seed: dense chains and convolutional networks, with weights that are often degenerate."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.load.json import network_from_document
from exactnn.network import (
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Conv,
    Input,
    MaxPool,
    Network,
    PRelu,
    Reshape,
    Scale,
    Transpose,
    activation,
    mlp,
)
from exactnn.network.document import document

Generator = np.random.Generator


def numbers(rng: Generator, *shape: int) -> RationalArray:
    """Small rationals over one denominator."""
    return RationalArray(rng.integers(-6, 7, shape), int(rng.integers(1, 6)))


def points(net: Network, rng: Generator, count: int = 5) -> RationalArray:
    """Small rational points, 0 among them."""
    values = rng.integers(-9, 10, (count, net.input_dim))
    values[0] = 0
    return RationalArray(values, 3)


def same_values(f: Network, g: Network, rng: Generator, count: int = 5) -> bool:
    """Whether f and g agree, exactly, at random points."""
    at = points(f, rng, count)
    return f.evaluate(at) == g.evaluate(at)


def dense(rng: Generator, widths: Sequence[int], unit: Any = "relu") -> Network:
    """An mlp of these widths (input first, output last)."""
    return mlp([(numbers(rng, n, m), numbers(rng, n)) for m, n in pairwise(widths)], activation=unit)


def degenerate(rng: Generator, widths: Sequence[int], unit: Any = "relu") -> Network:
    """An mlp with neurons that are constant, dead, multiples, opposites, equal, or equal but for 2^-60."""
    layers = []
    for m, n in pairwise(widths):
        table = rng.integers(-2, 3, (n, m + 1)).astype(object) * Fraction(1, 2)
        for i in range(1, n):
            kind, other = rng.integers(0, 8), int(rng.integers(0, i))
            if kind == 0:
                table[i, :m] = 0
            elif kind == 1:
                table[i] = 0
            elif kind == 2:
                table[i] = table[other]
            elif kind == 3:
                table[i] = table[other] * Fraction(int(rng.integers(1, 6)), 3)
            elif kind == 4:
                table[i] = -table[other]
            elif kind == 5:
                table[i] = table[other]
                table[i, m] += Fraction(1, 2**60)
        layers.append((table[:, :m], table[:, m]))
    for number, (weight, _) in enumerate(layers[1:], 1):
        weight[:, rng.random(weight.shape[1]) < 0.2 * (number % 2 + 1)] = 0
    return mlp(layers, activation=unit)


def batch_norm(rng: Generator, channels: int, precision: str = "float32") -> BatchNorm:
    """Any batch norm with a positive variance."""
    mean, weight, bias = (numbers(rng, channels) for _ in range(3))
    variance = RationalArray(rng.integers(1, 9, channels), 4)
    return BatchNorm(mean, variance, weight, bias, Fraction(1, 1000), precision)


def conv(rng: Generator, outputs: int, inputs: int, kernel: Sequence[int], *, padding: int = 0, stride: int = 1, groups: int = 1) -> Conv:
    """A convolution with the same padding, stride on every axis."""
    axes = len(kernel)
    weight = numbers(rng, outputs, inputs // groups, *kernel)
    return Conv(weight, numbers(rng, outputs), (stride,) * axes, ((padding, padding),) * axes, (1,) * axes, groups)


def convolutional(
    rng: Generator,
    *,
    unit: Any = "relu",
    padding: int = 0,
    norms: Sequence[str] = (),
    pool: str = "none",
    head: str = "flatten",
    repeated: bool = False,
) -> Network:
    """(2, 5, 4) -> conv 4 [norm] unit [pool] [norm] -> conv 3 unit -> head -> affine 3 unit -> affine 2.

    norms: "before" or "after" the first activation, or both. unit: "prelu" gives slopes by channel.
    head: "flatten", "average" or "transposed". repeated: several channels and neurons are constant, multiples or dead.
    """
    builder = Builder()
    current = builder.add("x", Input((2, 5, 4)))

    def unit_for(channels: int) -> Any:
        return PRelu(numbers(rng, channels)) if unit == "prelu" else activation(unit)

    def add(name: str, operation: Any) -> None:
        nonlocal current
        current = builder.add(name, operation, current)

    first, second = conv(rng, 4, 2, (2, 2), padding=padding), conv(rng, 3, 4, (2, 2), padding=padding)
    if repeated:
        first, second = _repeated(rng, first), _repeated(rng, second)
    add("conv1", first)
    if "before" in norms:
        add("norm1", batch_norm(rng, 4))
    add("unit1", unit_for(4))
    if pool == "max":
        add("pool", MaxPool((2, 2), (1, 1), ((0, 1), (1, 0)), (1, 1)))
    if pool == "average":
        add("pool", AveragePool((2, 2), (1, 1), ((0, 1), (1, 0)), bool(rng.integers(0, 2))))
    if "after" in norms:
        add("norm2", batch_norm(rng, 4))
    add("conv2", second)
    add("unit2", unit_for(3))
    shape = _shape(builder, current)
    if head == "average":
        add("average", AveragePool(shape[1:], (1, 1), ((0, 0), (0, 0)), True))
        shape = (3, 1, 1)
    if head == "transposed":
        add("last", Transpose((1, 2, 0)))
        shape = (*shape[1:], 3)
        add("scale", Scale(numbers(rng, 3)))
    size = int(np.prod(shape))
    add("flat", Reshape((size,)))
    third, last = numbers(rng, 3, size), numbers(rng, 2, 3)
    if repeated:
        third = RationalArray(np.where(rng.random((3, 1)) < 0.3, 0, third.numerators), third.denominator)
        last = RationalArray(np.where(rng.random((1, 3)) < 0.3, 0, last.numerators), last.denominator)
    add("affine1", Affine(third, numbers(rng, 3)))
    add("unit3", unit_for(3))
    add("affine2", Affine(last, numbers(rng, 2)))
    return builder.build(["x"], [current])


def _repeated(rng: Generator, operation: Conv) -> Conv:
    weight, bias = operation.weight.numerators.copy(), operation.bias.numerators * operation.weight.denominator
    weight *= operation.bias.denominator
    for i in range(1, len(weight)):
        kind, other = rng.integers(0, 5), int(rng.integers(0, i))
        factor = {0: None, 1: 0, 2: int(rng.integers(1, 4))}.get(int(kind))
        if factor is not None:
            weight[i] = weight[other] * factor
            bias[i] = bias[other] * factor if kind == 2 else bias[i]
    weight[:, rng.random(weight.shape[1]) < 0.2] = 0
    denominator = operation.weight.denominator * operation.bias.denominator
    return Conv(
        RationalArray(weight, denominator),
        RationalArray(bias, denominator),
        operation.stride,
        operation.padding,
        operation.dilation,
        operation.groups,
    )


def _shape(builder: Builder, name: str) -> tuple[int, ...]:
    return builder.build(["x"], [name]).shape(name)


def with_spare(net: Network, operand: str) -> Network:
    """The network with an activation `spare`, which nothing reads, right behind what it reads: as an exact JSON file may have it."""
    written = document(net)
    place = [node["name"] for node in written["nodes"]].index(operand)
    spare = {"name": "spare", "op": "piecewise_linear", "operands": [operand], "slope": 0, "constant": 0, "kinks": [[1, 1]]}
    written["nodes"].insert(place + 1, spare)
    return network_from_document(written)
