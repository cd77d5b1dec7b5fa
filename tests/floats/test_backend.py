"""Networks as torch modules: the same function in floats, and back."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import exactnn as xn
from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.load.torch import from_torch
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Concat,
    Constant,
    Conv,
    Input,
    MaxPool,
    Network,
    Operation,
    PiecewiseLinear,
    PRelu,
    Rational,
    Reshape,
    Scale,
    Slice,
    Smooth,
    Subtract,
    Transpose,
    clip,
    leaky_relu,
    relu,
)


def numbers(*shape: int, seed: int = 0, positive: bool = False) -> RationalArray:
    """Random dyadic rationals of few bits, so that float64 adds and multiplies them without rounding."""
    source = random.Random(seed)
    flat = [Fraction(source.randint(1 if positive else -16, 16), 8) for _ in range(int(np.prod(shape)))]
    return RationalArray.from_fractions(flat, shape)


def one(operation: Operation, *shapes: tuple[int, ...]) -> Network:
    """The network of one operation."""
    builder = Builder()
    inputs = [builder.add(f"x{i}", Input(shape)) for i, shape in enumerate(shapes)]
    return builder.build(inputs, [builder.add("y", operation, *inputs)])


def batch_norm(channels: int) -> BatchNorm:
    mean, weight, bias = (numbers(channels, seed=s) for s in (1, 2, 3))
    return BatchNorm(mean, numbers(channels, positive=True), weight, bias, Fraction(1, 1024), "float32")


EXACT: dict[str, Network] = {
    "affine": one(Affine(numbers(3, 4), numbers(3)), (4,)),
    "affine on rows": one(Affine(numbers(3, 4), numbers(3)), (2, 4)),
    "conv": one(Conv(numbers(4, 1, 2, 3), numbers(4), (1, 2), ((1, 1), (2, 2)), (2, 1), 2), (2, 4, 5)),
    "conv, one-sided padding": one(Conv(numbers(2, 1, 3), numbers(2), (2,), ((0, 2),), (1,), 1), (1, 4)),
    "conv 3d, one-sided padding": one(Conv(numbers(1, 1, 2, 2, 2), numbers(1), (1,) * 3, ((0, 1),) * 3, (1,) * 3, 1), (1, 2, 2, 2)),
    "relu": one(relu(), (5,)),
    "abs": one(PiecewiseLinear.of(-1, 0, [(0, 2)]), (5,)),
    "leaky relu": one(leaky_relu("1/8"), (5,)),
    "clip": one(clip("-1/2", 1), (5,)),
    "kinks": one(PiecewiseLinear.of("1/2", 1, [(-1, 2), (0, "-1/4"), ("1/2", 3)]), (5,)),
    "prelu": one(PRelu(numbers(3)), (3, 2)),
    "prelu of a vector": one(PRelu(numbers(3)), (3,)),
    "batch norm": one(batch_norm(3), (3, 2, 2)),
    "batch norm of a vector": one(batch_norm(3), (3,)),
    "max pool": one(MaxPool((2, 3), (2, 1), ((1, 1), (0, 0)), (1, 2)), (2, 4, 6)),
    "max pool, ceil mode": one(MaxPool((3,), (2,), ((1, 2),), (1,)), (2, 4)),
    "max pool, one-sided padding": one(MaxPool((3, 2), (1, 1), ((0, 2), (1, 0)), (1, 1)), (1, 3, 3)),
    "average pool": one(AveragePool((2, 2), (2, 1), ((1, 1), (1, 1)), True), (2, 3, 4)),
    "average pool, one-sided padding": one(AveragePool((2,), (1,), ((0, 1),), True), (2, 3)),
    "average pool, in ceil mode": one(AveragePool((2,), (2,), ((0, 1),), False), (2, 3)),
    "average pool, of entries inside": one(AveragePool((2, 2), (1, 1), ((1, 1), (1, 1)), False), (1, 3, 3)),
    "average pool, inside and one-sided": one(AveragePool((2,), (1,), ((1, 0),), False), (1, 4)),
    "reshape": one(Reshape((3, 2)), (2, 3)),
    "transpose": one(Transpose((2, 0, 1)), (2, 3, 4)),
    "slice": one(Slice((1, 0), (4, 3), (2, 1)), (4, 3)),
    "concat": one(Concat(1), (2, 1), (2, 3)),
    "add": one(Add(), (2, 3), (3,)),
    "add a number": one(Add(), (), (2, 2)),
    "subtract": one(Subtract(), (3,), (2, 1, 3)),
    "scale": one(Scale(numbers(2, 1)), (2, 3)),
    "square": one(Rational.of([1, "1/2", 1], [1]), (3,)),
}


def points(net: Network, count: int = 4) -> torch.Tensor:
    return torch.from_numpy(numbers(count, net.input_dim, seed=5).to_float())


@pytest.mark.parametrize("name", EXACT)
def test_every_operation_to_the_last_bit(name: str) -> None:
    net = EXACT[name]
    x = points(net)
    found = net.to_torch().flat(x)
    assert RationalArray.of(found) == net.evaluate(RationalArray.of(x))


@pytest.mark.parametrize("name", EXACT)
def test_back_again(name: str) -> None:
    net = EXACT[name]
    back = from_torch(net.to_torch(), tuple(net.shape(n) for n in net.inputs) if len(net.inputs) > 1 else net.shape(net.inputs[0]))
    x = RationalArray.of(points(net))
    assert back.evaluate(x) == net.evaluate(x)
    kinds = {net.operation(n).kind for n in net.order}
    if kinds <= {"input", "affine", "conv", "piecewise_linear", "max_pool"} and "one-sided" not in name and name != "kinks":
        assert [back.operation(n) for n in back.order] == [net.operation(n) for n in net.order]


SMOOTH: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "silu": lambda x: x / (1 + torch.exp(-x)),
    "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "gelu_tanh": lambda x: x * (1 + torch.tanh(x * (0.7978845608028654 + 0.035677408136300125 * x**2))) / 2,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions(name: str) -> None:
    net = one(Smooth(name), (3,))
    x = torch.tensor([[-40.0, -2.5, -1e-3], [0.0, 1.5, 21.0], [24.0, 49.0, 60.0]], dtype=torch.float64)
    torch.testing.assert_close(net.to_torch()(x), SMOOTH[name](x), rtol=1e-14, atol=1e-16)
    back = from_torch(net.to_torch(), 3)
    assert back.operation(back.outputs[0]) == Smooth(name)


def test_rational_function() -> None:
    operation = Rational.of([1, -2, 0, 1], ["1/4", 0, 1])
    module = one(operation, (2,)).to_torch()
    x = torch.tensor([[0.5, -3.0]], dtype=torch.float64)
    torch.testing.assert_close(module(x), (1 - 2 * x + x**3) / (0.25 + x**2))
    assert from_torch(module, 2).operation("units.1_y") == operation


def shaped() -> Network:
    """Two inputs, two outputs, a constant, a node read twice."""
    b = Builder()
    x, y = b.add("x", Input((2, 3))), b.add("y.0", Input((3,)))
    c = b.add("c", Constant(numbers(2, 3)))
    s = b.add("s", Add(), x, y)
    d = b.add("d", Add(), s, s)
    r = b.add("r", relu(), b.add("e", Subtract(), d, c))
    return b.build([x, y], [r, c, y])


def test_native_and_flat_shapes() -> None:
    net = shaped()
    module = net.to_torch()
    flat = points(net)
    x, y = flat[:, :6].reshape(-1, 2, 3), flat[:, 6:]
    outputs = module(x, y)
    assert [tuple(o.shape) for o in outputs] == [(4, 2, 3), (4, 2, 3), (4, 3)]
    expected = net.evaluate(RationalArray.of(flat))
    assert RationalArray.of(torch.cat([o.flatten(1) for o in outputs], dim=1)) == expected
    assert RationalArray.of(module.flat(flat)) == expected
    assert torch.equal(module(flat), module.flat(flat))
    assert from_torch(module, ((2, 3), (3,))).evaluate(RationalArray.of(flat)) == expected


def test_one_output_is_a_tensor() -> None:
    net = xn.mlp([([[1, 2]], [3])])
    assert net.to_torch()(torch.tensor([[1.0, 1.0]], dtype=torch.float64)).tolist() == [[6.0]]


def test_a_number_as_output() -> None:
    net = one(Reshape(()), (1,))
    x = torch.ones(2, 1, dtype=torch.float64)
    assert net.to_torch()(x).shape == (2,)
    assert net.to_torch().flat(x).shape == (2, 1)


@pytest.mark.parametrize("shapes", [[(2, 4)], [(2, 2, 3)], [(2, 9), (2, 3)], [(9,)], []])
def test_other_shapes_are_refused(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ShapeError, match=r"\(batch, 2, 3\), \(batch, 3\), or one of \(batch, 9\)"):
        shaped().to_torch()(*(torch.zeros(s) for s in shapes))


def test_flat_refuses_other_shapes() -> None:
    with pytest.raises(ShapeError, match=r"\(batch, 9\)"):
        shaped().to_torch().flat(torch.zeros(9))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_weights_are_rounded_to_the_dtype(dtype: torch.dtype) -> None:
    net = xn.mlp([([["1/3", "-0.1"]], ["2/7"])], activation="leaky_relu(1/10)")
    module = net.to_torch(dtype=dtype)
    assert module(torch.ones(1, 2, dtype=dtype)).dtype == dtype
    weight = next(iter(module.parameters()))
    assert weight.tolist() == torch.tensor([[1 / 3, -0.1]], dtype=dtype).tolist()
    rounded = from_torch(module, 2)
    assert abs(rounded([1, 2])[0] - net([1, 2])[0]) < Fraction(1, 64)


def test_gradients_and_moving() -> None:
    module = xn.mlp([(numbers(3, 2), numbers(3)), (numbers(1, 3), numbers(1))], activation="tanh").to_torch()
    x = torch.ones(1, 2, dtype=torch.float64, requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert all(p.grad is not None for p in module.parameters())
    assert module.float()(torch.ones(1, 2)).dtype == torch.float32
    assert not module.training


def test_state_dict_names_the_nodes() -> None:
    module = from_torch(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).eval(), 2).to_torch()
    assert list(module.state_dict()) == ["units.1_0.weight", "units.1_0.bias", "units.3_2.weight", "units.3_2.bias"]
    assert module.keys["2"] == "3_2"


def test_bad_dtypes_and_numbers_beyond_them() -> None:
    net: Any = xn.mlp([([[10**5]], [0])])
    for dtype in (torch.int32, torch.float8_e4m3fn, "float32", float):
        with pytest.raises(ArgumentError, match="dtype"):
            net.to_torch(dtype)
    with pytest.raises(ArgumentError, match="range"):
        net.to_torch(torch.float16)
    with pytest.raises(ArgumentError, match="range"):
        xn.mlp([([[10**400]], [0])]).to_torch()
