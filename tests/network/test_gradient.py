"""Exact gradients: against torch's autograd, exactly where floats are exact, and against differences of exact values."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError, AtKink, NotRational, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, BatchNorm, Conv, PRelu, Scale
from exactnn.network.edit import replaced
from exactnn.network.gradient import BackwardPass
from exactnn.network.parameters import parameters, with_parameters
from tests.network.test_linearise import convolutional, points_of, random_points, rational_network
from tests.strategies import graphs, law, numbers


def autograd(net: xn.Network, x: torch.Tensor, upstream: torch.Tensor) -> tuple[torch.Tensor, dict[tuple[str, str], np.ndarray]]:
    floats = net.to_torch()
    x = x.clone().requires_grad_()
    (floats.flat(x) * upstream).sum().backward()
    found = {}
    for name, key in floats.keys.items():
        for field, value in floats.units[key].named_parameters():
            if value.grad is not None:
                found[name, field] = value.grad.numpy()
    return x.grad, found


def integer_network(seed: int, unit: str) -> xn.Network:
    rng = np.random.default_rng(seed)
    widths = [4, 6, 5, 3]
    return xn.mlp([(rng.integers(-3, 4, (n, m)), rng.integers(-3, 4, n)) for m, n in itertools.pairwise(widths)], unit)


@pytest.mark.parametrize("unit", ["relu", "leaky_relu(1/4)"])
def test_equal_to_torch_at_integers_kinks_included(unit: str) -> None:
    """Small integers: torch's float64 run has no rounding, and its subgradients are those of "left"."""
    kinks = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        net = integer_network(seed, unit)
        x, u = rng.integers(-2, 3, (7, 4)), rng.integers(-2, 3, (7, 3))
        found = net.gradient(x, u)
        inputs, fields = autograd(net, torch.tensor(x, dtype=torch.float64), torch.tensor(u, dtype=torch.float64))
        assert found.inputs == RationalArray.of(inputs.numpy())
        assert {(n, f) for n, fs in found.parameters.items() for f in fs} == set(fields)
        assert all(found.parameters[name][field] == RationalArray.of(value) for (name, field), value in fields.items())
        kinks += sum(found.kinks.values())
    assert kinks > 0


@pytest.mark.parametrize("make", [convolutional, rational_network])
def test_against_torch(make) -> None:  # type: ignore[no-untyped-def]
    net = make()
    x = random_points(net, 5)
    upstream = torch.randn(5, net.output_dim, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = net.gradient(x, upstream)
    inputs, fields = autograd(net, x, upstream)
    np.testing.assert_allclose(found.inputs.to_float(), inputs.numpy(), rtol=1e-9, atol=1e-9)
    compared = 0
    for (name, field), value in fields.items():
        if field in found.parameters.get(name, {}):
            exact = found.parameters[name][field]
            np.testing.assert_allclose(exact.to_float(), value.reshape(exact.shape), rtol=1e-8, atol=1e-8)
            compared += 1
    assert compared >= (8 if make is convolutional else 6)


@law(40)
@given(graphs(), st.data())
def test_differences_by_inputs_and_parameters(net: xn.Network, data: st.DataObject) -> None:
    """Beside kinks f is differentiable: (F(p + h) - F(p - h)) / 2h is the slope, for operations of degree 1 or 2 in a number p."""
    x = RationalArray.of(data.draw(points_of(net, numbers())))
    u = RationalArray.of([[data.draw(numbers()) for _ in range(net.output_dim)] for _ in range(len(x))])
    found = net.gradient(x, u)
    if found.kinks:
        return
    step = Fraction(1, 2**400)

    def value(f: xn.Network, at: RationalArray) -> Fraction:
        return (f.evaluate(at) * u).sum().item()

    for _ in range(2):
        i, k = data.draw(st.integers(0, len(x) - 1)), data.draw(st.integers(0, net.input_dim - 1))
        change = np.zeros(x.shape, dtype=object)
        change[i, k] = 1
        move = RationalArray(change) * step
        assert (value(net, x + move) - value(net, x - move)) / (2 * step) == found.inputs[i, k].item()
    able = [(n, f) for n, fs in found.parameters.items() for f in fs if not isinstance(net.operation(n), BatchNorm)]
    for name, field in able:
        operation = net.operation(name)
        whole = parameters(operation)[field]
        place = data.draw(st.integers(0, whole.size - 1))
        one = np.zeros(whole.size, dtype=object)
        one[place] = 1
        move = RationalArray(one.reshape(whole.shape)) * step
        ends = [value(replaced(net, {name: with_parameters(operation, {field: whole + move * sign})}), x) for sign in (1, -1)]
        assert (ends[0] - ends[1]) / (2 * step) == found.parameters[name][field].reshape(-1)[place].item(), (name, field)


@law(25)
@given(graphs(), st.data())
def test_the_absolute_pass_bounds_what_errors_do(net: xn.Network, data: st.DataObject) -> None:
    x = RationalArray.of(data.draw(points_of(net, numbers())))
    back = BackwardPass(net, x)
    error = RationalArray.of([[data.draw(numbers()) for _ in range(net.output_dim)] for _ in range(len(x))])
    size = RationalArray(np.abs(error.numerators), error.denominator)
    rows, most = back.rows(error), back.rows(size, absolute=True)
    assert all(((most[n] - rows[n]).sign() >= 0).all() and ((most[n] + rows[n]).sign() >= 0).all() for n in net.order)
    fields, bounds = back.parameters(rows), back.parameters(most, absolute=True)
    for name, found in fields.items():
        for field, value in found.items():
            assert ((bounds[name][field] - value).sign() >= 0).all()
            assert ((bounds[name][field] + value).sign() >= 0).all()


def test_conventions_at_a_kink() -> None:
    net = xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])])  # |x|
    assert net.gradient([[0]], [[1]]).inputs.to_fractions() == (0,)
    assert net.gradient([[0]], [[1]], at_kinks="beside").inputs.to_fractions()[0] in (1, -1)
    assert dict(net.gradient([[0]], [[1]]).kinks) == {"relu1": 2}
    with pytest.raises(AtKink, match="2 entries of node 'relu1'"):
        net.gradient([[0]], [[1]], at_kinks="refuse")
    assert net.gradient([[2]], [[1]], at_kinks="refuse").inputs.to_fractions() == (1,)


def test_refusals() -> None:
    net = xn.mlp([([[1, 2]], [0])])
    with pytest.raises(ShapeError, match=r"upstream: .*\(1, 1\).*\(1, 2\)"):
        net.gradient([[1, 2]], [[1, 2]])
    with pytest.raises(ArgumentError, match="at_kinks"):
        net.gradient([[1, 2]], [[1]], at_kinks="right")
    with pytest.raises(NotRational):
        xn.mlp([([[1]], [0]), ([[1]], [0])], "tanh").gradient([[1]], [[1]])
    one = RationalArray.of([1])
    norm = BatchNorm(one, one, one, one, Fraction(0), "float64")
    with pytest.raises(ArgumentError, match="scale"):
        with_parameters(norm, {"scale": one})


def test_every_operation_with_numbers_is_in_the_table() -> None:
    assert [sorted(parameters(op)) for op in (Affine(RationalArray.eye(1), RationalArray.of([0])), Scale(RationalArray.of(2)))] == [
        ["bias", "weight"],
        ["factor"],
    ]
    assert sorted(parameters(PRelu(RationalArray.of([1])))) == ["slopes"]
    conv = Conv(RationalArray.of([[[1]]]), RationalArray.of([0]), (1,), ((0, 0),), (1,), 1)
    assert sorted(parameters(conv)) == ["bias", "weight"]
