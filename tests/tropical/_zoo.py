"""Small networks of every kind of node, for the tests of extraction and reduction; each has at most some 60 regions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

import exactnn as xn
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Concat,
    Conv,
    Gather,
    Input,
    MaxPool,
    Network,
    PRelu,
    Reshape,
    Slice,
    Subtract,
    activation,
)
from tests.strategies import TINY

HALF = Fraction(1, 2)
UNITS = ("relu", "leaky_relu(1/10)", "leaky_relu(3)", "leaky_relu(-1/2)", "abs", "relu6", "hardtanh", "clip(-1/2, 3)")


def affine(weight: Any, bias: Any = None) -> Affine:
    rows = RationalArray.of(weight)
    return Affine(rows, RationalArray.zeros((len(rows),)) if bias is None else RationalArray.of(bias))


def tensor(*shape: int, seed: int = 0) -> RationalArray:
    """Small rationals, none of them 0."""
    numbers = np.random.default_rng(seed).integers(1, 5, shape)
    return RationalArray(numbers * np.where(np.random.default_rng(seed + 99).random(shape) < 0.5, -1, 1), 2)


def chain(widths: tuple[int, ...], unit: str = "relu", seed: int = 0, *, homogeneous: bool = False) -> Network:
    """A dense chain."""
    layers = []
    for i, (m, n) in enumerate(itertools.pairwise(widths)):
        bias = RationalArray.zeros((n,)) if homogeneous else tensor(n, seed=seed + 50 + i)
        layers.append((tensor(n, m, seed=seed + i), bias))
    return xn.mlp(layers, activation=unit)


def tent(k: int) -> Network:
    """2 relu(x) - 4 relu(x - 1/2), composed k times."""
    layers: list[Any] = [([[1], [1]], [0, -HALF]), *[([[2, -4], [2, -4]], [0, -HALF])] * (k - 1), ([[2, -4]], [0])]
    return xn.mlp(layers)


def hidden(rows: Any, offsets: Any, last: Any = None) -> Network:
    """One hidden layer."""
    return xn.mlp([(rows, offsets), ([[1] * len(rows)] if last is None else last, [0] * len(last or [0]))])


def convolutional(pool: str) -> Network:
    """Conv, units, pooling with overlap and padding, units, dense, on 3 or 4 inputs."""
    b = Builder()
    x = b.add("x", Input((1, 4)))
    channels = 2 if pool == "max" else 1
    x = b.add("conv", Conv(tensor(channels, 1, 2), tensor(channels, seed=1), (1,), ((1, 0),), (1,), 1), x)
    mean, variance, scale, bias = tensor(channels, seed=2), RationalArray.of([1, 4][:channels]), tensor(channels, seed=5), tensor(channels)
    x = b.add("norm", BatchNorm(mean, variance, scale, bias, Fraction(1, 1000), "float32"), x)
    if pool == "max":
        x = b.add("pool", MaxPool((2,), (2,), ((1, 1),), (1,)), x)
    else:
        x = b.add("unit", activation("relu"), x)
        x = b.add("pool", AveragePool((3,), (2,), ((1, 1),), pool == "average, padded"), x)
    x = b.add("flat", Reshape((b.build(["x"], [x]).output_dim,)), x)
    width = b.build(["x"], [x]).output_dim
    x = b.add("dense", affine(tensor(2, width, seed=6), [1, -1]), x)
    return b.build(["x"], [b.add("unit2", activation("leaky_relu(-1/2)"), x)])


def pooled() -> Network:
    """Max pooling in two dimensions, with overlap and padding, an entry twice (ties on full-dimensional cells), then units."""
    b = Builder()
    x = b.add("x", Input((2,)))
    a = b.add("a", affine([[1, 2], [-1, 1], [-1, 1], [2, -1], [0, 3], [1, -2]], [0, 1, 1, -1, 0, 2]), x)
    pool = b.add("pool", MaxPool((2, 2), (1, 1), ((0, 1), (0, 0)), (1, 1)), b.add("grid", Reshape((1, 2, 3)), a))
    flat = b.add("flat", Reshape((4,)), pool)
    return b.build([x], [b.add("y", affine([[1, -1, 1, 2], [-1, -1, 0, 1]], [0, 1]), b.add("unit", activation("abs"), flat))])


def pools_only() -> Network:
    """Pooling behind pooling, nothing between."""
    b = Builder()
    x = b.add("x", Input((1, 4)))
    first = b.add("pool1", MaxPool((2,), (1,), ((0, 0),), (1,)), x)
    return b.build([x], [b.add("pool2", MaxPool((2,), (1,), ((0, 1),), (1,)), first)])


def residual() -> Network:
    """x + block(x), twice; the second join subtracts."""
    b = Builder()
    x = b.add("x", Input((2,)))
    h = b.add("unit1", activation("relu"), b.add("a1", affine([[1, -2], [2, 1]], [1, 0]), x))
    s = b.add("join1", Add(), x, b.add("a2", affine([[-1, 1], [1, 2]], [0, -1]), h))
    t = b.add("unit2", activation("abs"), s)
    return b.build([x], [b.add("join2", Subtract(), b.add("a3", affine([[1, -1], [-2, 1]]), t), s)])


def units_after_units() -> Network:
    """Units of all kinds without an affine layer between."""
    b = Builder()
    x = b.add("x", Input((2,)))
    h = b.add("grid", Reshape((1, 2)), b.add("lead", activation("leaky_relu(-1/2)"), x))
    h = b.add("flat", Reshape((1,)), b.add("pool", MaxPool((2,), (1,), ((0, 0),), (1,)), h))
    for i, unit in enumerate(("abs", "clip(-1/2, 3)", "leaky_relu(3)", "abs")):
        h = b.add(f"unit{i}", activation(unit), h)
    return b.build([x], [h])


def many_ends() -> Network:
    """Two inputs, three outputs, one of them an output twice, one the input itself."""
    b = Builder()
    x, y = b.add("x", Input((1,))), b.add("y", Input((1,)))
    both = b.add("both", Concat(0), x, y)
    h = b.add("unit", activation("relu"), b.add("a", affine([[1, -1], [1, 1], [-2, 1]], [0, -1, 1]), both))
    g = b.add("gather", Gather(RationalArray.of([2, 0, 2, 1])), h)
    s = b.add("slice", Slice((1,), (4,), (2,)), g)
    return b.build(
        [x, y], [b.add("prelu", PRelu(RationalArray.of([3, "-1/2"])), b.add("b", affine([[1, -1], [-1, 2]], [0, 1]), s)), g, g, x]
    )


def all_on_a_cell() -> Network:
    """relu(x) + relu(-x) - |x| is 0, and the unit that reads it has pre-activation 0 on every cell."""
    b = Builder()
    x = b.add("x", Input((1,)))
    h = b.add("unit1", activation("relu"), b.add("a", affine([[1], [-1], [1]], [0, 0, -1]), x))
    k = b.add("unit2", activation("abs"), b.add("b", affine([[1, 0, -1], [0, 1, 0]], [-1, 0]), h))
    zero = b.add("unit3", activation("relu"), b.add("c", affine([[1, 0], [0, 1], [1, 1]], [0, 0, 0]), k))
    return b.build([x], [b.add("d", affine([[1, -1, 2]]), zero)])


ZOO: dict[str, Callable[[], Network]] = {
    "identity": lambda: hidden([[1], [-1]], [0, 0], [[1, -1]]),
    "max(x, y)": lambda: hidden([[1, -1], [0, 1], [0, -1]], [0] * 3, [[1, 1, -1]]),
    "sort2": lambda: hidden([[1, -1], [1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 5, [[1, 0, 0, 1, -1], [-1, 1, -1, 0, 0]]),
    "|x| + |y| - |x + y|": lambda: hidden([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]], [0] * 6, [[1, 1, 1, 1, -1, -1]]),
    "max(-y, min(0, -x))": lambda: xn.mlp([([[1, 0], [0, 1], [0, -1]], [0] * 3), ([[1, 0, 0], [1, -1, 1]], [0, 0]), ([[-1, 1]], [0])]),
    "relu(x) - relu(x)": lambda: hidden([[1], [1]], [0, 0], [[1, -1]]),
    "bump": lambda: hidden([[1], [1], [1]], [0, -1, -2], [[1, -2, 1]]),
    "tent": lambda: tent(3),
    "zero": lambda: hidden([[1, 2], [-1, 3]], [0, 1], [[0, 0]]),
    "constant": lambda: xn.mlp([([[0, 0]], ["3/7"])]),
    "affine": lambda: xn.mlp([([[1, "-2/3"], [0, 5]], [1, -1])]),
    "constant units": lambda: hidden([[0, 0], [0, 0], [1, 0]], [2, -1, 0], [[1, -1, -2]]),
    "duplicate, opposite, parallel": lambda: hidden(
        [[1, 1], [2, 2], [-1, -1], [1, 1]], [1, 2, -1, -3], [[1, -2, "1/3", -1], [-1, 1, 1, 1]]
    ),
    "concurrent": lambda: hidden([[1, 0], [0, 1], [1, 1], [1, -1]], [0] * 4, [[1, -1, 1, -1]]),
    "2^-60 apart": lambda: hidden([[1, 0], [1, 0], [1, TINY], [0, 1]], [0, TINY, 0, 0], [[1, -1, 1, -1]]),
    "dead units": lambda: xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[-1, -1], [1, -1]], [-1, 0]), ([[5, -1], [-3, 1]], [0, 1])]),
    "0 on a full-dimensional cell": lambda: xn.mlp([([[1], [-1]], [0, 0]), ([[1, 0], [-1, 0]], [0, 0]), ([[3, -1]], [0])]),
    "0 behind abs": all_on_a_cell,
    "concurrent, deep": lambda: chain((2, 3, 2, 1), homogeneous=True, seed=4),
    "three inputs": lambda: chain((3, 3, 2, 2), seed=2),
    "a unit at the inputs": units_after_units,
    "max pooling": pooled,
    "pooling behind pooling": pools_only,
    "conv, max pooling": lambda: convolutional("max"),
    "conv, average pooling": lambda: convolutional("average"),
    "conv, average pooling of padding": lambda: convolutional("average, padded"),
    "residual": residual,
    "several inputs and outputs": many_ends,
    **{f"deep {unit}": lambda unit=unit: chain((2, 3, 2, 2), unit, seed=7) for unit in UNITS},  # type: ignore[misc]
}
