"""Which nodes of two networks are the same, and what is left of the networks without them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.difference._folding import folded
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    BatchNorm,
    Builder,
    Concat,
    Constant,
    Conv,
    Input,
    Network,
    Reshape,
    Scale,
    Subtract,
    activation,
    relu,
)
from exactnn.network.parts import as_they_are, shared
from tests._networks import convolutional, degenerate, points
from tests.strategies import law

BODY = [([[1, 2], [3, 4], [0, 1]], [0, 1, "1/2"])]
F, G = xn.mlp([*BODY, ([[1, 1, 2]], [0])]), xn.mlp([*BODY, ([[1, 2, 0]], [0])])


def dense(weight: Any, bias: Any) -> Affine:
    return Affine(RationalArray.of(weight), RationalArray.of(bias))


def test_equal_networks_are_nothing_but_shared() -> None:
    found = shared(F, F)
    assert found is not None
    assert found.whole
    assert found.groups == [([F.outputs[0]], [F.outputs[0]])]
    assert found.f == found.g
    assert found.f.order == F.outputs


def test_what_is_left_reads_what_is_shared() -> None:
    found = shared(F, G)
    assert found is not None
    assert not found.whole
    assert found.f.inputs == found.g.inputs == ("relu1",)
    assert found.f.order == ("relu1", F.outputs[0])
    assert found.f([1, 1, 1]) == (Fraction(4),)
    assert found.g([1, 1, 1]) == (Fraction(3),)


def test_inputs_alone_are_nothing_to_share() -> None:
    assert shared(F, xn.mlp([([[1, 2], [3, 4], [0, 2]], [0, 1, "1/2"]), ([[1, 1, 2]], [0])])) is None
    line = xn.mlp([([[1]], [0])])
    assert shared(line, xn.mlp([([[2]], [0])])) is None


@pytest.mark.parametrize("step", [Fraction(1), Fraction(1, 2**60)])
def test_weights_that_are_a_little_apart_are_others(step: Fraction) -> None:
    moved = xn.mlp([([[1, 2], [3, 4 + step], [0, 1]], [0, 1, "1/2"]), ([[1, 1, 2]], [0])])
    assert shared(F, moved) is None


def test_a_hash_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All arrays and all operations with one hash: what is shared is what was shared before."""
    other = xn.mlp([([[1, 2], [3, 5], [0, 1]], [0, 1, "1/2"]), ([[1, 1, 2]], [0])])
    monkeypatch.setattr(RationalArray, "__hash__", lambda self: 7)
    for kind in (Affine, type(relu())):
        monkeypatch.setattr(kind, "__hash__", lambda self: 7)
    assert hash(dense([[1]], [0])) == hash(dense([[2]], [5])) == hash(relu()) == 7
    assert shared(F, other) is None
    first, second = shared(F, F), shared(F, G)
    assert first is not None
    assert first.whole
    assert second is not None
    assert not second.whole


def two_inputs(first: str, second: str, *, order: tuple[str, str] = ("a", "b"), minus: bool = False) -> Network:
    b = Builder()
    b.add("a", Input((2,)))
    b.add("b", Input((2,)))
    b.add("sum", Subtract() if minus else Add(), first, second)
    b.add("out", relu(), "sum")
    return b.build(order, ["out"])


def test_sums_may_be_read_in_either_order_and_inputs_may_not() -> None:
    one = two_inputs("a", "b")
    found = shared(one, two_inputs("b", "a"))
    assert found is not None
    assert found.whole
    assert shared(two_inputs("a", "b", minus=True), two_inputs("b", "a", minus=True)) is None
    assert shared(two_inputs("a", "b", minus=True), two_inputs("a", "b", minus=True, order=("b", "a"))) is None


def test_equal_subgraphs_of_other_names_are_one_input() -> None:
    """f computes its first layer twice, g once."""
    b = Builder()
    b.add("x", Input((2,)))
    for name in "ab":
        b.add(f"h{name}", dense([[1, 2], [3, 4]], [0, 1]), "x")
        b.add(f"r{name}", relu(), f"h{name}")
    b.add("out", Subtract(), "ra", "rb")
    twice = b.build(["x"], ["out"])
    once = xn.mlp([([[1, 2], [3, 4]], [0, 1]), ([[0, 0], [0, 0]], [0, 0])])
    found = shared(twice, once)
    assert found is not None
    assert found.groups == [(["ra", "rb"], ["relu1"])]
    assert found.f.input_dim == 2
    assert found.f([3, 5]) == (Fraction(0), Fraction(0))
    verdict = xn.verify_equal(twice, once)
    assert verdict.proved


def split_inputs(sizes: tuple[int, ...]) -> Network:
    """max(W a + c, 0) + V b on five inputs: a are the first two, b the other three, in one input or in two."""
    b = Builder()
    names = ["abc"[i] for i in range(len(sizes))]
    for name, size in zip(names, sizes, strict=True):
        b.add(name, Input((size,)))
    b.add("h", dense([[1, 2], [3, 4]], [0, 1]), "a")
    b.add("r", relu(), "h")
    b.add("rest", Concat(0), *names[1:])
    b.add("k", dense([[1, 1, 1], [0, 1, 2]], [0, 0]), "rest")
    b.add("sum", Add(), "r", "k")
    b.add("out", relu(), "sum")
    return b.build(names, ["out"])


def test_an_input_that_only_one_of_both_has_is_not_left_out() -> None:
    """The first layer is shared, but what stands beside it is read through inputs of other sizes."""
    f, g = split_inputs((2, 3)), split_inputs((2, 1, 2))
    assert shared(f, g) is None
    verdict = xn.verify_equal(f, g)
    assert verdict.proved
    assert verdict.certificate is not None
    assert xn.check(verdict.certificate)


def flattened(*, first: bool) -> Network:
    """A layer read as it is and flat, by two branches; or everything flat."""
    b = Builder()
    b.add("x", Input((2, 2)))
    b.add("r", relu(), "x")
    b.add("flat", Reshape((4,)), "r")
    b.add("one", dense([[1, 2, 3, 4]], [0]), "flat")
    rows = dense([[1, 1]], [int(first)])
    b.add("two", rows, "r")
    b.add("two.flat", Reshape((2,)), "two")
    b.add("head", dense([[1, 0]], [0]), "two.flat")
    b.add("out", Add(), "one", "head")
    return b.build(["x"], ["out"])


def test_a_value_and_its_reshape_are_one_input() -> None:
    f, g = flattened(first=True), flattened(first=False)
    found = shared(f, g)
    assert found is not None
    assert found.f.input_dim == 4 + 1  # the layer, and what is made of it in both
    at = [1, 2, 3, 4, 30]
    assert found.f(at)[0] - found.g(at)[0] == 1
    rng = np.random.default_rng(0)
    assert all(a[0] - b[0] == 1 for a, b in zip(f(points(f, rng).to_rows()), g(points(g, np.random.default_rng(0)).to_rows()), strict=True))


def image(*, whole: bool) -> Network:
    """A convolution with a batch norm, a factor and a constant behind it, or with all of them in its numbers."""
    weight, bias = RationalArray.of([[[[1, 2]]], [[[3, 4]]]]), RationalArray.of([1, -1])
    norm = BatchNorm(
        RationalArray.of([1, 2]), RationalArray.of([0, 3]), RationalArray.of([1, 4]), RationalArray.of([0, 5]), Fraction(1), "float32"
    )
    factor, more = RationalArray.of([[["1/2"]], [[4]]]), RationalArray.of([[[7]], [[8]]])
    b = Builder()
    b.add("x", Input((1, 2, 3)))
    if whole:
        scale = norm.scale * factor.reshape(2)
        total = (bias * norm.scale + norm.shift) * factor.reshape(2) + more.reshape(2)
        b.add("conv", Conv(weight * scale.reshape(2, 1, 1, 1), total, (1, 1), ((0, 0), (0, 0)), (1, 1), 1), "x")
    else:
        b.add("a", Conv(weight, bias, (1, 1), ((0, 0), (0, 0)), (1, 1), 1), "x")
        b.add("n", norm, "a")
        b.add("s", Scale(factor), "n")
        b.add("c", Constant(more))
        b.add("conv", Add(), "c", "s")
    b.add("r", relu(), "conv")
    b.add("flat", Reshape((8,)), "r")
    b.add("out", dense([list(range(8))], [1]), "flat")
    return b.build(["x"], ["out"])


def test_what_is_joined_with_a_convolution_is_the_same_only_where_it_is_read_so() -> None:
    f, g = image(whole=False), image(whole=True)
    assert shared(f, g, as_they_are) is None
    found = shared(f, g, folded)
    assert found is not None
    assert found.whole
    at = points(f, np.random.default_rng(1))
    assert f.evaluate(at) == g.evaluate(at)
    verdict = xn.verify_equal(f, g)
    assert verdict.proved
    assert verdict.certificate is not None
    assert "shared" in verdict.certificate.evidence


@given(st.integers(0, 10**6))
@law(60)
def test_two_networks_agree_where_what_is_left_of_them_does(seed: int) -> None:
    """Random networks with equal, opposite and zero rows, and a change of one parameter: h in f = f' o h is the same in g."""
    rng = np.random.default_rng(seed)
    net = convolutional(rng) if rng.integers(2) else degenerate(rng, [2, 3, 3, 2], rng.choice(["relu", "abs", "hardtanh"]))
    names = [n for n in net.order if isinstance(net.operation(n), Affine)]
    other = net
    if names:
        at = str(rng.choice(names))
        operation = net.operation(at)
        assert isinstance(operation, Affine)
        changed = Affine(operation.weight, operation.bias + RationalArray.unit(len(operation.bias), 0))
        other = xn.network.edit.replaced(net, {at: changed})
    found = shared(net, other, folded)
    if found is None:
        return
    inputs = points(net, rng)
    groups = [(p[0], q[0]) for p, q in found.groups]
    first, second = net.trace(inputs), other.trace(inputs)
    values = [first[p].reshape(len(inputs), -1) for p, _ in groups]
    assert values == [second[q].reshape(len(inputs), -1) for _, q in groups]
    joined = RationalArray.of([[v for part in values for v in part[i].to_fractions()] for i in range(len(inputs))])
    assert found.f.evaluate(joined) == net.evaluate(inputs)
    assert found.g.evaluate(joined) == other.evaluate(inputs)
    assert not found.whole or net.evaluate(inputs) == other.evaluate(inputs)


def test_activations_of_other_numbers_are_others() -> None:
    f, g = (xn.mlp([([[1]], [0]), ([[1]], [0])], activation=f"leaky_relu({slope})") for slope in ("1/10", "1/9"))
    found = shared(f, g)
    assert found is not None
    assert [p for p, _ in found.groups] == [[f.operands(f.hidden_layers[0])[0]]]
    assert activation("relu") == relu()
