"""A network is called with flat points, with arrays in the input's own shape, and with batches of either."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import Add, Affine, Builder, Input, Network, Reshape


def summed(*shape: int, outputs: int = 2) -> Network:
    """(sum of (k + 1) x_k, ...) of an input of this shape."""
    size = math.prod(shape)
    builder = Builder()
    source = builder.add("x", Input(shape))
    flat = builder.add("flat", Reshape((size,)), source)
    weight = RationalArray.of([[(j + 1) * (k + 1) for k in range(size)] for j in range(outputs)])
    return builder.build([source], [builder.add("y", Affine(weight, RationalArray.zeros((outputs,))), flat)])


def expected(x: np.ndarray[Any, Any]) -> tuple[Fraction, ...]:
    total = sum((k + 1) * Fraction(float(v)) for k, v in enumerate(x.ravel()))
    return (total, 2 * total)


def entry(values: Any, index: tuple[int, ...]) -> Any:
    for i in index:
        values = values[i]
    return values


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.lists(st.integers(0, 3), max_size=2), st.booleans(), st.integers(0, 99))
def test_every_shape(own: list[int], front: list[int], flat: bool, seed: int) -> None:
    net, size = summed(*own), math.prod(own)
    x = np.random.default_rng(seed).integers(-9, 9, (*front, *own)) / 8
    given_as = x.reshape((*front, size)) if flat else x
    if flat and front and len(own) > 1 and math.prod(own[:-1]) == 1:
        if given_as.shape != tuple(own):
            return
        front = []  # it is one input
    values = net(given_as)
    for index in np.ndindex(*front):
        assert entry(values, index) == expected(x.reshape((*front, *own))[index])
    lengths, level = [], values
    for _ in front:
        lengths.append(len(level))
        if not level:
            break
        level = level[0]
    assert lengths == front[: len(lengths)]


def test_one_flat_point_is_as_it_was() -> None:
    net = summed(2)
    assert net([1, "1/2"]) == (Fraction(2), Fraction(4))
    assert net([[1, "1/2"]]) == (net([1, "1/2"]),)
    assert net(np.zeros((0, 2))) == ()
    assert net(torch.tensor([[1.0, 0.5], [0.0, 0.0]])) == ((2, 4), (0, 0))


def test_a_convolution_takes_images_and_batches_of_them() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(12, 2)).double()
    net = xn.from_torch(module, (2, 3, 3))
    x = torch.randn(4, 2, 3, 3, dtype=torch.float64)
    values = net(x)
    with torch.no_grad():
        np.testing.assert_allclose(np.array(values, dtype=float), module(x).numpy(), rtol=1e-12)
    assert net(x[2]) == net(x[2].flatten()) == values[2]
    assert net.evaluate(x).to_rows() == values
    assert net(x.reshape(2, 2, 2, 3, 3))[1][0] == values[2]


@pytest.mark.parametrize(
    ("own", "shape", "words"),
    [
        ((2, 3), (3, 2), r"x: a flat point of 6 numbers or an array of shape \(2, 3\) is needed, or a batch \(n, 2, 3\) of them"),
        ((2,), (3,), r"x: a flat point of 2 numbers is needed, or a batch \(n, 2\) of them, got shape \(3,\)"),
        ((2,), (), r"got shape \(\)"),
        ((1,), (4,), r"for a batch of 4 points write shape \(4, 1\)"),
        ((1, 5), (2, 5), r"a batch \(n, 1, 5\) of them, got shape \(2, 5\)"),
    ],
)
def test_other_shapes_are_refused(own: tuple[int, ...], shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        summed(*own)(np.zeros(shape))


def test_several_inputs_come_flat() -> None:
    builder = Builder()
    a, b = (builder.add(name, Input((2,))) for name in "ab")
    net = builder.build([a, b], [builder.add("sum", Add(), a, b)])
    assert net([1, 2, 3, 4]) == (4, 6)
    assert net([[1, 2, 3, 4]] * 3) == ((4, 6),) * 3
    with pytest.raises(ShapeError, match=r"a flat point of 4 numbers is needed, or a batch \(n, 4\)"):
        net([[1, 2], [3, 4]])
