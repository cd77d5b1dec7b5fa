"""I24, a layer before a normalisation by the statistics of the data: against torch's gradients, broken, refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

import exactnn as xn
from exactnn.cooling import check_identities, identities
from exactnn.cooling._identity_enclosed import enclosing
from exactnn.cooling._identity_expressions import gradient, number, times, total
from exactnn.errors import ArgumentError, AssumptionBroken, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, BatchNorm, Builder, Conv, Input, Reshape, activation
from tests.cooling.test_identities import changed, convolutional, dense, refuted, samples
from tests.strategies import law

I24 = identities["I24"]


def images(groups: int = 1) -> tuple[xn.Network, Any]:
    """A convolution with stride and padding, before whatever norm; points and labels."""
    rng = np.random.default_rng(3)
    b = Builder()
    b.add("x", Input((2, 4, 3)))
    weight = RationalArray(rng.integers(-9, 10, (4, 2 // groups, 2, 2)), 8)
    b.add("conv", Conv(weight, RationalArray(rng.integers(-9, 10, 4), 8), (2, 1), ((1, 0), (0, 1)), (1, 1), groups), "x")
    b.add("gelu", activation("gelu"), "conv")
    b.add("flat", Reshape((24,)), "gelu")
    net = b.build(["x"], [b.add("last", Affine(RationalArray(rng.integers(-9, 10, (3, 24))), RationalArray.zeros((3,))), "flat")])
    return net, (rng.integers(-9, 10, (5, 24)) / 4, [0, 1, 2, 0, 1])


def normalise(z: torch.Tensor, norm: str, eps: float) -> torch.Tensor:
    if norm == "batch":
        return torch.batch_norm(z, None, None, None, None, True, 0.1, eps, False)  # functional.batch_norm refuses eps = 0
    return functional.instance_norm(z, eps=eps) if norm == "instance" else functional.layer_norm(z, z.shape[1:], eps=eps)


@pytest.mark.parametrize("eps", [0, "1/3"])
@pytest.mark.parametrize("norm", ["batch", "instance", "layer"])
@pytest.mark.parametrize("kind", ["dense", "conv", "groups"])
def test_the_gradients_are_torchs(norm: str, kind: str, eps: Any) -> None:
    """u = sigma^3 a, sigma from numpy: torch's backward pass through its own norm gives G and g; and the identity holds."""
    if kind == "dense" and norm == "instance":
        pytest.skip("one number for each channel and point")
    net, data = images(1 + (kind == "groups")) if kind != "dense" else (dense(1), samples(dense(1), 6))
    formula = I24.formula(net, data, norm=norm, eps=eps)
    assert formula.check().proved
    name = "conv" if kind != "dense" else "layer1"
    values = enclosing(formula.networks, formula.points, formula.definitions, 64)
    exact = [values.value(gradient(name, field, "u")).middle.to_float() for field in ("weight", "bias")]
    layer = net.operation(name)
    weight, bias = (torch.tensor(p.to_float(), requires_grad=True) for p in (layer.weight, layer.bias))
    x = torch.tensor(np.asarray(data[0], dtype=float))
    if kind == "dense":
        z = functional.linear(x, weight, bias)
    else:
        padded = functional.pad(x.reshape(5, 2, 4, 3), (0, 1, 1, 0))
        z = functional.conv2d(padded, weight, bias, stride=(2, 1), groups=1 + (kind == "groups"))
    axes = tuple(a for a in {"batch": (0, 2, 3), "instance": (2, 3), "layer": (1, 2, 3)}[norm] if a < z.ndim)
    variance = z.detach().numpy().var(axis=axes, keepdims=True) + float(Fraction(eps))
    a = values.value("a").middle.to_float().reshape(z.shape)
    (normalise(z, norm, float(Fraction(eps))) * torch.tensor(variance**1.5 * a)).sum().backward()
    for found, p in zip(exact, (weight, bias), strict=True):
        np.testing.assert_allclose(found, p.grad.numpy(), rtol=1e-10, atol=1e-10 * np.abs(exact[0]).max())
    assert np.abs(exact[0]).max() > 1


@law(15)
@given(st.integers(0, 10**6), st.sampled_from(["batch", "layer"]), st.sampled_from([0, "1/1000", 2]), st.data())
def test_law(seed: int, norm: str, eps: Any, data: st.DataObject) -> None:
    net = dense(seed, (2, 3, 2))
    points = np.random.default_rng(seed).integers(-3, 4, (3, 2))
    sent = [[data.draw(st.fractions(-3, 3, max_denominator=7)) for _ in range(3)] for _ in range(3)]
    (found,) = check_identities(
        net, (points, [0, 1, 1]), names="I24", norm=norm, eps=eps, sent=sent, c=data.draw(st.fractions("1/9", 9))
    ).values()
    if isinstance(found, AssumptionBroken):
        assert (found.assumption, eps) == ("variance is not zero", 0)
    else:
        assert found.proved


def test_broken_ones() -> None:
    net, data = images()
    for norm in ("batch", "instance", "layer"):
        formula = I24.formula(net, data, norm=norm)
        for e in formula.equations:
            if "(W, b)/c" in e.words and (norm == "layer" or e.words[0] == "G"):  # else g is 0
                for wrong in (1, "2/3", "9/4"):
                    assert refuted(replace(formula, equations=(e._replace(left=changed(e.left, "3/2", wrong)),))), e.words
            if "c^2 var" in e.words:
                assert refuted(replace(formula, equations=(e._replace(right=changed(e.right, "9/4", "3/2")),)))
        definitions = dict(formula.definitions)
        square, centred = "square", "centred"
        mean = definitions["u"][1][1][2][2]  # of a
        share = definitions["u"][1][2][2]  # of a (z - mean)
        for slope in (
            ["-", times(square, "a"), times(centred, share)],  # no mean of a
            ["*", square, ["-", "a", mean]],  # no second term
            ["-", times(square, ["-", "a", mean]), times("z", share)],  # z for z - mean
            ["-", times(2, square, ["-", "a", mean]), times(centred, share)],
        ):
            wrong_slope = tuple((n, ["reshape", slope, d[2]] if n == "u" else d) for n, d in formula.definitions)
            flows = tuple(e for e in formula.equations if "sum" in e.words or "<W" in e.words or "g_c" in e.words)
            assert flows
            assert refuted(replace(formula, definitions=wrong_slope, equations=flows)), (norm, slope)


def test_eps_is_not_asserted_to_be_zero() -> None:
    net, data = images()
    formula = I24.formula(net, data, eps="1/10")
    zero = tuple(e._replace(right=0) for e in formula.equations if "<W_c" in e.words)
    assert len(zero) == 2
    assert refuted(replace(formula, equations=zero))
    verdict = formula.check()
    assert verdict.proved
    value = enclosing(formula.networks, formula.points, formula.definitions, 64).value(
        total(times(number("1/10"), "a", "centred"), [0, 1, 3])
    )
    assert f"where eps leaves up to {float(max(map(abs, value.middle.to_fractions()))):.3g}: " in verdict.question
    own = replace(formula, definitions=tuple((n, changed(d, "9/40", "1/10")) for n, d in formula.definitions))  # eps for c^2 eps in g
    assert own.definitions != formula.definitions
    assert refuted(own)


def test_layers_are_chosen() -> None:
    net, data = dense(), samples(dense(), 6)
    for layer in (1, 2, "layer3"):
        assert I24.check(net, data, layer=layer).proved
    ones = RationalArray.of([1, 1])
    b = Builder()
    b.add("x", Input((2,)))
    b.add("first", Affine(RationalArray.of([[1, 2], [0, 1]]), ones), "x")
    b.add("relu", activation("relu"), "first")
    b.add("second", Affine(RationalArray.of([[1, -2], [3, 1]]), ones), "relu")
    net = b.build(["x"], [b.add("norm", BatchNorm(ones, ones, ones, ones, Fraction(0), "float32"), "second")])
    points = [[1, 2], [0, 1], [3, -1], [2, 2]]
    parameters = [e.left for e in I24.formula(net, (points, [0, 1, 0, 1])).equations[:1]]
    assert parameters == [["parameter", "g", "second", "weight"]]
    assert I24.check(net, (points, [0, 1, 0, 1])).proved
    assert I24.check(convolutional(), samples(convolutional(), 2), norm="instance").proved


def tokens() -> tuple[xn.Network, Any]:
    """An affine layer on three tokens of two numbers."""
    b = Builder()
    b.add("x", Input((6,)))
    b.add("rows", Reshape((3, 2)), "x")
    b.add("each", Affine(RationalArray.of([[1, 2], [3, -1], [0, "1/2"]]), RationalArray.of([1, 0, -1])), "rows")
    net = b.build(["x"], [b.add("flat", Reshape((9,)), "each")])
    return net, ([[1, 2, 3, 0, -1, 1], [0, 1, 1, 5, 2, 2], [2, -1, 0, 1, 1, 0]], [0, 1, 2])


@pytest.mark.parametrize("norm", ["batch", "instance", "layer"])
def test_tokens(norm: str) -> None:
    net, data = tokens()
    formula = I24.formula(net, data, norm=norm)
    assert formula.check().proved
    values = enclosing(formula.networks, formula.points, formula.definitions, 64)
    z = net.evaluate(data[0]).to_float().reshape(3, 3, 3)  # points, tokens, channels
    axes = {"batch": (0, 1), "instance": 1, "layer": 2}[norm]
    np.testing.assert_allclose(values.value("var").middle.to_float().ravel(), z.var(axis=axes).ravel(), rtol=1e-13)


def test_refusals() -> None:
    net, data = dense(), samples(dense())
    flat = xn.mlp([([[1, 2], [0, 0]], [0, 5])])
    with pytest.raises(AssumptionBroken, match=r"variance is not zero.*'layer1' are all equal in channel 1,"):
        I24.check(flat, ([[1, 2], [3, 4]], [0, 1]))
    assert I24.check(flat, ([[1, 2], [3, 4]], [0, 1]), eps="1/100").proved
    with pytest.raises(AssumptionBroken, match=r"variance is not zero.*in channel 0 at point 0,"):
        I24.check(net, data, norm="instance")
    with pytest.raises(AssumptionBroken, match=r"variance is not zero.*in point 1,"):
        I24.check(xn.mlp([([[1], [2]], [0, 0])]), ([[1], [0]], [0, 1]), norm="layer")
    b = Builder()
    b.add("x", Input((2,)))
    bare = b.build(["x"], [b.add("relu", activation("relu"), "x")])
    with pytest.raises(AssumptionBroken, match="affine or conv layer"):
        I24.check(bare, ([[1, 2]], [0]))
    curved = xn.mlp([([[1], [2]], [0, 0]), ([[1, 1], [1, 2]], [0, 1])], "gelu")
    three = ([[1], [2], [4]], [0, 1, 0])
    assert I24.check(curved, three).proved  # what comes behind the layer does not matter
    with pytest.raises(AssumptionBroken, match="rational logits"):
        I24.check(curved, three, layer=2)
    for wrong, message in (
        ({"norm": "group"}, "norm: one of 'batch'"),
        ({"eps": -1}, "eps: a number >= 0"),
        ({"c": 0}, "c: a positive number"),
        ({"layer": 4}, "layer: a number from 1 to 3"),
        ({"layer": True}, "layer: a number from 1 to 3"),
        ({"layer": "relu1"}, "layer: a number from 1 to 3, or a node of"),
    ):
        with pytest.raises(ArgumentError, match=message):
            I24.check(net, data, **wrong)
    with pytest.raises(ShapeError, match=r"sent: one number for each value of node 'layer1', shape \(4, 4\)"):
        I24.check(net, data, sent=[[1, 2]])
