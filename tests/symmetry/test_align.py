"""align: whatever it returns takes f to g, parameter by parameter; what a permutation, scaling or flip made is found again."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Network, mlp, verify_equal, verify_symmetry
from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import PRelu
from exactnn.symmetry import Flip, Permutation, Scaling, SignFlip, Transformation, align
from tests.strategies import (
    TINY,
    Chain,
    Shallow,
    chains,
    graphs,
    law,
    nudged,
    positives,
    renamed,
    replaced,
    shallows,
    weights,
    with_weight,
)
from tests.verify._oracles import value
from tests.verify.test_deep import MOVABLE, STRUCTURES, Parts, moved


def same(f: Network, g: Network) -> bool:
    """Equal operations node by node, in the order of g's names after f's."""
    names = dict(zip(f.order, g.order, strict=True))
    return all(f.operation(a) == g.operation(b) and [names[o] for o in f.operands(a)] == list(g.operands(b)) for a, b in names.items())


def found(f: Network, g: Network) -> Transformation:
    transformation = align(f, g)
    assert transformation is not None
    assert same(transformation.apply(f), g)
    assert same(transformation.inverse().apply(g), f)
    return transformation


# --- examples -----------------------------------------------------------------------------------------------------------------


def test_permutation_and_scaling_of_one_layer() -> None:
    f = mlp([([[1, 2], [3, 4], [5, 7]], [0, 1, 2]), ([[1, 2, 3]], [4])])
    g = Scaling(0, [2, "1/3", 5]).apply(Permutation(0, [2, 0, 1]).apply(f))
    assert repr(found(f, g)) == "Scaling('relu1', [2, \"1/3\", 5]) @ Permutation('relu1', [2, 0, 1])"
    assert verify_symmetry(f, found(f, g)).proved


def test_a_flip_of_one_layer() -> None:
    f = mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 3]), ([[1, 1, 1]], [0])])
    assert found(f, Flip([0, 1, 2]).apply(f)) is not None
    g = Flip([1]).apply(Permutation(0, [1, 2, 0]).apply(f))
    assert not verify_equal(f, g).proved
    found(f, g)


@pytest.mark.parametrize("unit", ["relu", "leaky_relu(1/10)"])
def test_flips_among_opposite_neurons(unit: str) -> None:
    """Both neurons lie on one hyperplane; only their outgoing weights tell which is which."""
    f = mlp([([[1], [-1]], [0, 0]), ([[2, 1]], [0])], activation=unit)
    for chosen in ([0], [1], [0, 1]):
        found(f, Flip(chosen).apply(f))
        found(f, Permutation(0, [1, 0]).apply(Flip(chosen).apply(f)))


def test_sign_flips_of_tanh() -> None:
    f = mlp([([[1, 2], [-3, 1], [1, 2]], [1, 0, 1]), ([[1, 2, 5]], [0])], activation="tanh")
    for chosen in ([0], [1], [0, 1, 2], [0, 2]):
        found(f, SignFlip(0, chosen).apply(Permutation(0, [2, 0, 1]).apply(f)))
    opposite = mlp([([[1], [-1]], [0, 0]), ([[2, 1]], [0])], activation="tanh")
    found(opposite, SignFlip(0, [0, 1]).apply(opposite))


def test_a_neuron_without_incoming_weights_can_be_scaled() -> None:
    f = mlp([([[0], [1], [0]], [0, 0, 0]), ([[3, 1, -5], [0, 2, 1]], [0, 1])])
    found(f, Scaling(0, [2, 1, "1/7"]).apply(Permutation(0, [2, 1, 0]).apply(f)))


def test_a_sign_flip_of_a_neuron_that_is_always_zero() -> None:
    f = mlp([([[0], [1], [0]], [0, 0, 0]), ([[3, 1, -5], [0, 2, 1]], [0, 1])], activation="tanh")
    for chosen in ([0], [0, 2], [1, 2]):
        found(f, SignFlip(0, chosen).apply(f))
        found(f, Permutation(0, [2, 0, 1]).apply(SignFlip(0, chosen).apply(f)))


def test_the_identity() -> None:
    f = mlp([([[1], [2]], [0, 1]), ([[1, 3]], [0])])
    assert same(found(f, f).apply(f), f)


def test_none_where_there_is_none() -> None:
    f = mlp([([[1], [2]], [0, 1]), ([[1, 3]], [0])])
    wider = mlp([([[1], [2], [3]], [0, 1, 0]), ([[1, 3, 0]], [0])])
    deeper = mlp([([[1], [2]], [0, 1]), ([[1, 3]], [0]), ([[1]], [0])])
    other_unit = mlp([([[1], [2]], [0, 1]), ([[1, 3]], [0])], activation="abs")
    two_inputs = mlp([([[1, 0], [2, 0]], [0, 1]), ([[1, 3]], [0])])
    linear = mlp([([[1]], [0])])
    changed = mlp([([[1], [2]], [0, 1]), ([[1, 3 + TINY]], [0])])
    for g in (wider, deeper, other_unit, linear, changed):
        assert align(f, g) is None
        assert align(g, f) is None
    two_outputs = mlp([([[1], [2]], [0, 1]), ([[1, 3], [1, 3]], [0, 0])])
    for g in (two_inputs, two_outputs):
        with pytest.raises(ShapeError, match="f and g: networks of equal input and output sizes"):
            align(f, g)


@pytest.mark.parametrize(("f", "g"), [(1, None), (None, 1)])
def test_something_that_is_no_network(f: Any, g: Any) -> None:
    net = mlp([([[1]], [0])])
    with pytest.raises(ArgumentError, match=r"[fg]: a Network"):
        align(f or net, g or net)


@pytest.mark.parametrize("make", STRUCTURES)
def test_deep_structures(make: Any) -> None:
    f = make(Parts(7))
    g = moved(f, make, 3)
    transformation = found(f, g)
    assert verify_symmetry(f, transformation).proved
    assert {step["layer"] for step in transformation.steps(f)} <= set(MOVABLE[make])
    assert align(f, with_weight(g, weights(g)[0], TINY)) is None


def test_prelu_slopes_belong_to_their_neurons() -> None:
    f = Shallow(
        1,
        tuple(((Fraction(k),), Fraction(1), (Fraction(1),)) for k in (1, 2, 3)),
        (Fraction(0),),
        (Fraction(0), Fraction(1, 4), Fraction(1, 4)),
    )
    net = f.network()
    g = Permutation(0, [2, 1, 0]).apply(net)
    found(net, g)
    assert align(net, replaced(net, "unit1", PRelu(RationalArray.of([Fraction(1, 4), 0, Fraction(1, 4)])))) is None


# --- laws -----------------------------------------------------------------------------------------------------------------------


@given(shallows(units=("relu", "leaky_relu(1/10)", "abs", "hardtanh", "prelu", "tanh", "silu"), width=5), st.data())
@law(60)
def test_shallow_networks_are_found_again(f: Shallow, data: st.DataObject) -> None:
    if not f.neurons:
        return
    net = f.network()
    count = len(f.neurons)
    g = Permutation(0, data.draw(st.permutations(range(count)))).apply(net)
    if f.homogeneous:
        g = Scaling(0, [data.draw(positives()) for _ in range(count)]).apply(g)
    chosen = sorted(data.draw(st.sets(st.integers(0, count - 1))))
    if f.unit == "tanh":
        g = SignFlip(0, chosen).apply(g)
    elif f.unit == "relu":
        g = Flip(chosen).apply(g)
    found(net, g)


@given(shallows(units=("relu", "hardtanh", "tanh"), width=4), st.integers(0, 10**6))
@law(40)
def test_what_is_found_is_right(f: Shallow, place: int) -> None:
    g = nudged(f, place)
    transformation = align(f.network(), g.network())
    if transformation is not None:
        assert same(transformation.apply(f.network()), g.network())


@given(chains(), st.data())
@law(40)
def test_deep_chains(f: Chain, data: st.DataObject) -> None:
    """With neurons of an inner layer that are multiples of each other a transformation may be missed; what is found is right."""
    g = f
    for layer in range(len(f.layers) - 1):
        count = len(f.layers[layer][1])
        g = g.moved(layer, data.draw(st.permutations(range(count))), [data.draw(positives()) for _ in range(count)])
    left, right = f.network(), g.network()
    transformation = align(left, right)
    if transformation is not None:
        assert same(transformation.apply(left), right)
        x = [Fraction(1, 3)] * left.input_dim
        assert value(left, x) == value(right, x)


@given(graphs(units=("relu", "hardtanh", "prelu", "tanh")), st.data())
@law(60)
def test_graphs_do_not_break_it(f: Network, data: st.DataObject) -> None:
    identity = align(f, f)
    assert identity is None or same(identity.apply(f), f)
    align(f, renamed(f, "again "))
    places = weights(f)
    if places:
        g = with_weight(f, data.draw(st.sampled_from(places)), TINY)
        transformation = align(f, g)
        assert transformation is None or same(transformation.apply(f), g)


@pytest.mark.parametrize("unit", ["silu", "gelu", "softplus", "gelu_tanh"])
def test_flips_of_smooth_neurons(unit: str) -> None:
    try:
        f = mlp([([[1, 0], [0, 1], [-1, -1]], [0, 1, 3]), ([[1, 1, 1]], [0])], activation=unit)
    except ArgumentError:
        pytest.skip(f"mlp has no {unit}")
    g = Permutation(0, [2, 0, 1]).apply(Flip([0, 1, 2]).apply(f))
    assert verify_symmetry(f, found(f, g)).proved
    assert align(f, Flip([1]).apply(f)) is not None
    assert verify_equal(f, Flip([1]).apply(f)).refuted
