"""relate: pairs rewritten by other code than the package's, degenerate weights, deep and convolutional networks, tiny differences."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Conv, Input, Network, Reshape, activation, relu
from exactnn.symmetry import Flip, Permutation, Relation, Scaling, SignFlip, fibre, relate
from tests.strategies import Chain, Shallow, chains, deep_pairs, equal_pairs, law, nudged, permuted, scaled, shallows

T3 = xn.mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])])
DEEP = xn.mlp([([[1, 2], [3, 4]], [0, 1]), ([[1, -1], [2, 1]], [-1, 1]), ([[1, 1]], [0])])


def same(f: Network, g: Network) -> bool:
    names = dict(zip(f.order, g.order, strict=True))
    return all(f.operation(a) == g.operation(b) and [names[o] for o in f.operands(a)] == list(g.operands(b)) for a, b in names.items())


def sound(f: Network, g: Network) -> Relation:
    """The relation, after what can be seen of it from outside; certificates are re-checked by conftest.py."""
    found = relate(f, g)
    assert found.kind in ("same orbit", "same function", "different", "unknown")
    assert (found.point is not None) == (found.kind == "different")
    if found.point is not None:
        assert f(found.point) != g(found.point)
    if found.transformation is not None:
        assert found.kind in ("same orbit", "same function")
        assert same(found.transformation.apply(f), g)
        flips = any(step["kind"] == "flip" for step in found.transformation.steps(f))
        assert flips == (found.kind == "same function")
    if found.kind != "unknown":
        assert found.certificate is found.verdict.certificate is not None
        assert xn.check(found.certificate)
    assert found.words in found.sentence
    return found


# --- examples ------------------------------------------------------------------------------------------------------------------


def test_each_kind() -> None:
    moved = (Permutation(0, [2, 0, 1]) @ Scaling(0, [2, "1/3", 5])).apply(T3)
    found = sound(T3, moved)
    assert (found.kind, found.detail) == ("same orbit", "orbit")
    assert found.transformation is not None
    assert found.words == "f = g, and a permutation and a positive scaling of neurons lead from f to g"
    found = sound(T3, T3)
    assert (found.kind, found.detail) == ("same orbit", "same weights")
    found = sound(T3, Flip([0, 1, 2]).apply(T3))
    assert (found.kind, found.detail) == ("same function", "other orbit")
    assert found.transformation is not None
    found = sound(T3, Flip([0]).apply(T3))
    assert (found.kind, found.transformation) == ("different", None)
    assert found.leads is not None
    assert found.sentence == "DIFFERENT: f and g are different functions (real arithmetic)"
    found = relate(
        DEEP, xn.mlp([([[1, 2], [3, 4], [0, 0]], [0, 1, 1]), ([[1, -1, 1], [2, 1, -1]], [-1, 1]), ([[1, 1]], [0])]), time_limit=0
    )
    assert (found.kind, found.point, found.certificate) == ("unknown", None, None)
    assert "time limit" in found.words


def test_it_is_the_one_of_symmetry_and_of_verify() -> None:
    from exactnn.verify import relation

    assert xn.symmetry.relate is relation.relate
    assert {"relate", "Relation"} <= set(xn.symmetry.__all__)
    with pytest.raises(AttributeError, match="no attribute 'relates'"):
        xn.symmetry.relates  # noqa: B018


def test_degenerate_weights_of_one_function() -> None:
    """No transformation leads from one to the other, and for one hidden layer that is decided."""
    pair = xn.mlp([([[1], [-1]], [0, 0]), ([[1, -1]], [0])])
    found = sound(pair, fibre(pair).families[0].at(5))
    assert (found.kind, found.detail, found.transformation) == ("same function", "other orbit", None)
    found = sound(pair, xn.mlp([([[1]], [0])]))
    assert (found.kind, found.detail) == ("same function", "other depth")
    found = sound(xn.mlp([([[1]], [0]), ([[1]], [0])], activation="abs"), xn.mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0])]))
    assert (found.kind, found.detail) == ("same function", "other activation")
    dead = xn.mlp([([[1, 0], [0, 1], [-1, -1], [1, 1]], [0, 0, 0, 7]), ([[1, 1, 1, 0]], [0])])
    found = sound(T3, dead)
    assert (found.kind, found.detail) == ("same function", "other width")


def test_neurons_without_weights() -> None:
    """w = 0 and b = 0; only the outgoing weight tells the scale."""
    f = xn.mlp([([[1], [0], [0]], [0, 0, 3]), ([[1, 2, 5]], [0])])
    g = (Permutation(0, [1, 2, 0]) @ Scaling(0, [2, 3, "1/7"])).apply(f)
    assert sound(f, g).kind == "same orbit"


def test_one_orbit_with_an_affine_layer_more() -> None:
    b = Builder()
    name = b.add("input", Input((2,)))
    for k, (weight, bias) in enumerate(([[[0, 1], [1, 0]], [1, 0]], [[[1, 0], [0, 2], [-1, -1]], [-1, 0, 1]])):
        name = b.add(f"affine{k}", Affine(RationalArray.of(weight), RationalArray.of(bias)), name)
    name = b.add("relu", relu(), name)
    g = b.build(["input"], [b.add("out", Affine(RationalArray.of([[1, "1/2", 1]]), RationalArray.of([0])), name)])
    found = sound(T3, g)
    assert (found.kind, found.detail, found.transformation) == ("same orbit", "orbit", None)


def test_odd_activations() -> None:
    f = xn.mlp([([[1, 2], [3, 4]], [1, 0]), ([[1, 2]], [3])], activation="tanh")
    found = sound(f, (SignFlip(0, [1]) @ Permutation(0, [1, 0])).apply(f))
    assert found.kind == "same orbit"
    assert "a sign flip" in found.words
    assert relate(f, xn.mlp([([[1, 2], [3, 4]], [1, 0]), ([[1, 3]], [3])], activation="tanh")).kind == "different"


def image() -> Network:
    b = Builder()
    x = b.add("x", Input((1, 3, 3)))
    for k, (weight, count) in enumerate(
        ([[[[[1, 2], [0, -1]]], [[[3, 1], [1, -2]]]], 2], [[[[[1]], [[-1]]], [[[2]], [[1]]], [[[0]], [[5]]]], 3])
    ):
        conv = Conv(RationalArray.of(weight), RationalArray.of(list(range(count))), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
        x = b.add(f"relu{k}", activation("relu"), b.add(f"conv{k}", conv, x))
    flat = b.add("flat", Reshape((12,)), x)
    return b.build(["x"], [b.add("y", Affine(RationalArray.of([list(range(1, 13))]), RationalArray.of([0])), flat)])


def test_convolutions() -> None:
    f = image()
    g = (Permutation(0, [1, 0]) @ Scaling(1, [2, "1/2", 3]) @ Permutation(1, [2, 0, 1])).apply(f)
    found = sound(f, g)
    assert found.kind == "same orbit"
    assert found.transformation is not None


# --- laws ------------------------------------------------------------------------------------------------------------------------


@given(shallows(units=("relu", "abs", "leaky_relu(1/10)")), st.data())
@law(40)
def test_moved_neurons_of_one_layer_are_found(f: Shallow, data: st.DataObject) -> None:
    n = len(f.neurons)
    order = data.draw(st.permutations(range(n)))
    factors = data.draw(st.lists(st.sampled_from([Fraction(q) for q in ("1/3", 1, 2, 5)]), min_size=n, max_size=n))
    assert sound(f.network(), scaled(permuted(f, order), factors).network()).kind == "same orbit"


@given(equal_pairs())
@law(40)
def test_rewritten_pairs_are_one_function(pair: tuple[Shallow, Shallow]) -> None:
    assert sound(pair[0].network(), pair[1].network()).kind in ("same orbit", "same function")


@given(deep_pairs())
@law(20)
def test_rewritten_deep_pairs(pair: tuple[Chain, Chain]) -> None:
    """The search cell by cell may be long: then unknown, and never different."""
    found = sound(pair[0].network(), pair[1].network())
    assert found.kind != "different"


@given(chains(), st.data())
@law(20)
def test_moved_neurons_of_deep_networks(f: Chain, data: st.DataObject) -> None:
    g = f
    for k in range(len(f.layers) - 1):
        n = len(f.layers[k][1])
        factors = data.draw(st.lists(st.sampled_from([Fraction(q) for q in ("1/3", 1, 2, 5)]), min_size=n, max_size=n))
        g = g.moved(k, data.draw(st.permutations(range(n))), factors)
    assert sound(f.network(), g.network()).kind in ("same orbit", "same function")  # among proportional neurons align may miss a way


@given(shallows(units=("relu",)), st.integers(0, 100))
@law(30)
def test_a_tiny_change_is_noticed(f: Shallow, place: int) -> None:
    g = nudged(f, place)
    found = sound(f.network(), g.network())
    assert (found.kind == "different") == (xn.symmetry.normal_form(f.network()) != xn.symmetry.normal_form(g.network()))


def test_a_difference_of_a_weight_by_its_last_bit() -> None:
    for net in (T3, DEEP):
        last = net.operation(net.order[-1])
        assert isinstance(last, Affine)
        weight = [list(row) for row in last.weight.to_rows()]
        weight[0][0] += Fraction(1, 2**60)
        b = Builder()
        for name in net.order:
            operation = Affine(RationalArray.of(weight), last.bias) if name == net.order[-1] else net.operation(name)
            b.add(name, operation, *net.operands(name))
        found = sound(net, b.build(net.inputs, net.outputs))
        assert found.kind == "different"


# --- bad input -------------------------------------------------------------------------------------------------------------------


def test_bad_input() -> None:
    import torch

    for wrong in ("f.onnx", None, torch.nn.Linear(2, 1), [T3]):
        with pytest.raises(ArgumentError, match="g: a Network is needed"):
            relate(T3, wrong)  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="f: a Network"):
            relate(wrong, T3)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="equal input and output sizes"):
        relate(T3, xn.mlp([([[1]], [0])]))
    with pytest.raises(ArgumentError, match="time_limit"):
        relate(T3, T3, time_limit=-1)
