"""The affine map around a point: against exact differences of the network, against torch, on kinks and ties."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import NotFiniteError, NotRational, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Conv, Input, MaxPool, Reshape, Subtract, relu
from exactnn.network import linearise as module
from exactnn.network.linearise import linearise
from exactnn.network.points import as_points
from tests.strategies import graphs, law, numbers

#: many of them lie on kinks and ties
COORDINATES = st.sampled_from([Fraction(q) for q in ("0", "0", "0", "1", "-1", "1/2", "2", "-3/7")])


def points_of(net: xn.Network, coordinates: st.SearchStrategy[Fraction] = COORDINATES) -> st.SearchStrategy[list[list[Fraction]]]:
    row = st.lists(coordinates, min_size=net.input_dim, max_size=net.input_dim)
    return st.lists(row, min_size=1, max_size=4)


def agrees_beside(net: xn.Network, point: list[Fraction], jacobian: RationalArray, direction: RationalArray) -> bool:
    """Whether net(x + eps v) = net(x) + eps J v exactly, for a small eps."""
    slope = (jacobian @ direction).to_fractions()
    here = net(point)
    for eps in (Fraction(1, 2**60), Fraction(1, 2**300)):
        beside = net([x + eps * v for x, v in zip(point, direction.to_fractions(), strict=True)])
        if all(b == h + eps * s for b, h, s in zip(beside, here, slope, strict=True)):
            return True
    return False


@law(120)
@given(graphs(), st.data())
def test_the_map_is_the_networks_own_beside_the_point(net: xn.Network, data: st.DataObject) -> None:
    rows = data.draw(points_of(net))
    x = RationalArray.of(rows)
    around = linearise(net, x)
    own, values = around.values(x), net.trace(x, keep=net.outputs)
    assert all(own[name] == values[name] for name in net.outputs)
    jacobian = around.jacobian()
    for i, row in enumerate(rows):
        directions = itertools.islice(module._directions(net.input_dim), 3)
        assert any(agrees_beside(net, row, jacobian[i], v) for v in directions)


@law(40)
@given(graphs(), st.data())
def test_values_are_those_of_the_jacobian(net: xn.Network, data: st.DataObject) -> None:
    x = RationalArray.of(data.draw(points_of(net, numbers())))
    y = RationalArray.of([data.draw(st.lists(numbers(), min_size=net.input_dim, max_size=net.input_dim)) for _ in range(len(x))])
    around = linearise(net, x)
    jacobian, start, end = around.jacobian(), net.evaluate(x), around.values(y)
    for i in range(len(x)):
        found = [v for name in net.outputs for v in end[name][i].to_fractions()]
        assert found == list((start[i] + jacobian[i] @ (y[i] - x[i])).to_fractions())


def random_points(net: xn.Network, count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, net.input_dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def convolutional() -> xn.Network:
    module = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3, padding=1),
        torch.nn.BatchNorm2d(3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(3, stride=2, padding=1),
        torch.nn.Conv2d(3, 2, 2),
        torch.nn.Hardtanh(),
        torch.nn.AvgPool2d(2, stride=1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 3),
    )
    torch.manual_seed(1)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return xn.from_torch(module.double().eval(), (2, 7, 7))


def rational_network() -> xn.Network:
    unit = xn.rational.RationalFunction([1, 2, 0, 1], [1, 0, 1])
    return xn.mlp([([[1, -2], [3, 1], [1, 1]], [0, 1, 2]), ([[1, 1, -1], [2, 0, 1]], [0, 1]), ([[1, 2]], [0])], unit)


@pytest.mark.parametrize("make", [convolutional, rational_network, lambda: xn.mlp([([[1, 2], [3, -1]], [1, 0]), ([[1, -5]], [0])], "abs")])
def test_against_torch(make) -> None:  # type: ignore[no-untyped-def]
    net = make()
    x = random_points(net, 5)
    floats = net.to_torch()
    expected = torch.func.vmap(torch.func.jacrev(lambda p: floats.flat(p[None])[0]))(x)
    found = linearise(net, RationalArray.of(x)).jacobian().to_float()
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_rational_slopes_are_exact() -> None:
    net = rational_network()
    x = [Fraction(1, 3), Fraction(-2, 5)]
    jacobian = linearise(net, RationalArray.of([x])).jacobian().to_fractions()
    # (r(x + h) - r(x - h)) / 2h is off by O(h^2)
    step = Fraction(1, 10**12)
    for k in range(2):
        up, down = ([v + sign * step * (i == k) for i, v in enumerate(x)] for sign in (1, -1))
        difference = (net(up)[0] - net(down)[0]) / (2 * step)
        assert abs(difference - jacobian[k]) < Fraction(1, 10**18)


def test_gradients_by_weights() -> None:
    """The rows at a node times the values that it reads."""
    net = xn.mlp([([[1, -2], [3, 1]], [0, 1]), ([[1, 2], [-1, 1]], [0, -1]), ([[1, "1/3"]], [0])])
    x = RationalArray.of([["1/2", "-1/3"], [2, 5]])
    values = net.trace(x)
    around = linearise(net, x, values)
    rows = around.adjoints(RationalArray.of([[[1]], [[1]]]), keep=["layer2", "layer1"])
    assert {name: r.shape for name, r in rows.items()} == {"input": (2, 1, 2), "layer1": (2, 1, 2), "layer2": (2, 1, 2)}
    float_net = net.to_torch()
    float_net.flat(torch.from_numpy(x.to_float())).sum().backward()
    for name, operand in (("layer1", "input"), ("layer2", "relu1")):
        gradient = rows[name][:, 0].T @ values[operand]
        np.testing.assert_allclose(gradient.to_float(), float_net.units[float_net.keys[name]].weight.grad.numpy(), rtol=1e-12)


def one_channel(*spatial: int) -> Builder:
    builder = Builder()
    builder.add("x", Input((1, *spatial)))
    return builder


def test_windows_of_zeros_behind_relu_need_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pooling of zeros: seen to be constant by the cheap mask alone."""
    builder = one_channel(4, 4)
    builder.add(
        "c",
        Conv(
            RationalArray.of([[[[1, 2], [3, -1]]], [[[-1, -1], [-1, -1]]]]),
            RationalArray.of([-1, "-1/2"]),
            (1, 1),
            ((1, 1),) * 2,
            (1, 1),
            1,
        ),
        "x",
    )
    builder.add("r", relu(), "c")
    builder.add("p", MaxPool((2, 2), (1, 1), ((0, 0),) * 2, (1, 1)), "r")
    net = builder.build(["x"], ["p"])
    asked = []
    different = module._different
    monkeypatch.setattr(module, "_different", lambda *a: asked.append(len(a[2])) or different(*a))
    x = RationalArray.of([[0] * 16, [1, 0, 0, 0] * 4, [-1] * 16])
    around = linearise(net, x)
    assert asked
    assert sum(asked) == 0
    assert all(agrees_beside(net, list(x[i].to_fractions()), around.jacobian()[i], next(module._directions(16))) for i in range(3))


def test_units_that_vanish_identically_are_shown_to() -> None:
    """relu(x) - relu(x) is 0 in every direction, by cancellation: any piece will do, and exact rows say so."""
    builder = Builder()
    builder.add("x", Input((2,)))
    builder.add("r", relu(), "x")
    builder.add("d", Subtract(), "r", "r")
    builder.add("s", relu(), "d")
    net = builder.build(["x"], ["s"])
    around = linearise(net, RationalArray.of([[1, 2], [0, 0]]))
    assert around.jacobian().is_zero()


def test_an_unlucky_direction_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """relu(x - y) at 0 in direction (1, 1): no change along it, but a gradient; max(x, y) likewise."""
    tried = []

    def directions(size: int):  # type: ignore[no-untyped-def]
        for v in ([1, 1], [2, 1]):
            tried.append(v)
            yield RationalArray.of(v)

    monkeypatch.setattr(module, "_directions", directions)
    net = xn.mlp([([[1, -1], [1, 1]], [0, 0]), ([[1, 0]], [0])])
    assert linearise(net, RationalArray.of([[0, 0], [1, 1], [1, 0]])).jacobian().to_fractions() == (1, -1, 1, -1, 1, -1)
    assert tried == [[1, 1], [2, 1]]
    builder = one_channel(2)
    builder.add("p", MaxPool((2,), (1,), ((0, 0),), (1,)), "x")
    assert linearise(builder.build(["x"], ["p"]), RationalArray.of([[3, 3]])).jacobian().to_fractions() == (1, 0)


def test_all_zero_input_without_biases() -> None:
    rng = np.random.default_rng(3)
    net = xn.mlp([(rng.integers(-2, 3, (6, 4)), [0] * 6), (rng.integers(-2, 3, (5, 6)), [0] * 5), (rng.integers(-2, 3, (2, 5)), [0] * 2)])
    jacobian = linearise(net, RationalArray.zeros((1, 4))).jacobian()[0]
    assert agrees_beside(net, [Fraction(0)] * 4, jacobian, next(module._directions(4)))


def test_a_smooth_node_is_named() -> None:
    with pytest.raises(NotRational, match="tanh"):
        linearise(xn.mlp([([[1]], [0]), ([[1]], [0])], "tanh"), RationalArray.of([[1]]))
    with pytest.raises(NotRational, match="pole"):
        linearise(xn.mlp([([[1]], [0]), ([[1]], [0])], xn.rational.RationalFunction([1], [0, 1])), RationalArray.of([[0]]))


def test_rows_of_another_shape_are_refused() -> None:
    net = xn.mlp([([[1, 2]], [0])])
    with pytest.raises(ShapeError, match=r"rows: shape \(1, rows, 1\)"):
        linearise(net, RationalArray.of([[1, 2]])).adjoints(RationalArray.of([[1]]))


def test_points_as_they_are_handed_in() -> None:
    net = xn.mlp([([[1, 2, 3]], [0])])
    assert as_points(net, torch.ones(2, 3)).shape == (2, 3)
    builder = one_channel(2, 2)
    builder.add("f", Reshape((4,)), "x")
    builder.add("y", Affine(RationalArray.of([[1, 2, 3, 4]]), RationalArray.of([0])), "f")
    images = builder.build(["x"], ["y"])
    assert as_points(images, np.ones((5, 1, 2, 2))).shape == as_points(images, np.ones((5, 4))).shape == (5, 4)
    for points, words in [
        ([1, 2, 3], "that is one point: write"),
        ([[1, 2]], r"shape \(n, 3\) is needed"),
        (7, "needed"),
        ([], "at least one point"),
        (np.zeros((0, 3)), "at least one point"),
        (np.zeros((2, 3, 1)), "needed"),
    ]:
        with pytest.raises(xn.errors.ExactnnError, match=words):
            as_points(net, points)
    with pytest.raises(NotFiniteError, match=r"index \(1, 2\)"):
        as_points(net, np.array([[1, 2, 3], [1, 2, np.nan]]))
