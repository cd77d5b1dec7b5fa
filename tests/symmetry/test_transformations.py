from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.certificate._network import read_network
from exactnn.certificate._transform import transformed
from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    BatchNorm,
    Builder,
    Concat,
    Input,
    Network,
    PiecewiseLinear,
    PRelu,
    Rational,
    Reshape,
    Scale,
    Subtract,
    activation,
    mlp,
    relu,
)
from exactnn.network.document import document
from exactnn.symmetry.transformations import Composition, Flip, Permutation, Scaling, SignFlip, Transformation
from tests._networks import batch_norm, conv, convolutional, dense, numbers, points, same_values, with_spare
from tests.strategies import law

SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.lists(st.integers(1, 4), min_size=3, max_size=5)
HOMOGENEOUS = ["relu", "leaky_relu(1/10)", "abs", "identity", "prelu"]


def draw_dense(rng: np.random.Generator, widths: list[int], unit: str) -> Network:
    if unit == "prelu":  # one set of slopes for each layer
        widths = [widths[0], *[widths[1]] * (len(widths) - 2), widths[-1]]
        return dense(rng, widths, PRelu(numbers(rng, widths[1])))
    return dense(rng, widths, unit)


def draw_permutation(net: Network, rng: np.random.Generator, layer: int | str, count: int) -> Permutation:
    return Permutation(layer, rng.permutation(count).tolist())


def draw_scaling(net: Network, rng: np.random.Generator, layer: int | str, count: int, *, powers: bool = False) -> Scaling:
    if powers:
        return Scaling(layer, [Fraction(2) ** int(k) for k in rng.integers(-3, 4, count)])
    return Scaling(layer, [Fraction(int(a), int(b)) for a, b in rng.integers(1, 9, (count, 2))])


def draw_subset(rng: np.random.Generator, count: int) -> list[int]:
    return np.flatnonzero(rng.integers(0, 2, count)).tolist()


@st.composite
def transformed_dense(draw: st.DrawFn) -> tuple[Network, Transformation, Transformation, np.random.Generator]:
    """A dense ReLU network with two transformations of it."""
    rng = np.random.default_rng(draw(SEEDS))
    widths = draw(WIDTHS)
    net = dense(rng, widths)

    def one() -> Transformation:
        layer = int(rng.integers(0, len(widths) - 2))
        count = widths[layer + 1]
        kind = rng.integers(0, 4)
        if kind == 0:
            return draw_permutation(net, rng, layer, count)
        if kind == 1:
            return draw_scaling(net, rng, net.hidden_layers[layer], count)
        return Flip(draw_subset(rng, count), layer=layer) if kind == 2 else SignFlip(layer, draw_subset(rng, count))

    return net, one(), one(), rng


# --- laws -----------------------------------------------------------------------------------------------------------------


@law(60)
@given(transformed_dense())
def test_group_laws(case: tuple[Network, Transformation, Transformation, np.random.Generator]) -> None:
    net, t1, t2, _ = case
    for t in (t1, t2, t1 @ t2):
        assert t.inverse().apply(t.apply(net)) == net
        assert t.apply(t.inverse().apply(net)) == net
        assert t.inverse().inverse() == t
        assert t.apply(net).order == net.order
    assert (t1 @ t2).apply(net) == t1.apply(t2.apply(net))
    assert (t1 @ t2).inverse() == t2.inverse() @ t1.inverse()
    assert (t1 @ t2) @ t1 == t1 @ (t2 @ t1)
    assert (t1 @ t2).steps(net) == t2.steps(net) + t1.steps(net)


@law(60)
@given(SEEDS, WIDTHS, st.sampled_from([*HOMOGENEOUS, "relu6", "hardtanh"]))
def test_permutations_keep_every_dense_network(seed: int, widths: list[int], unit: str) -> None:
    rng = np.random.default_rng(seed)
    net = draw_dense(rng, widths, unit)
    for layer, name in enumerate(net.hidden_layers):
        moved = draw_permutation(net, rng, layer, net.shape(name)[0]).apply(net)
        assert same_values(net, moved, rng)


@law(60)
@given(SEEDS, WIDTHS, st.sampled_from(HOMOGENEOUS))
def test_scalings_keep_positively_homogeneous_networks(seed: int, widths: list[int], unit: str) -> None:
    rng = np.random.default_rng(seed)
    net = draw_dense(rng, widths, unit)
    for layer, name in enumerate(net.hidden_layers):
        assert same_values(net, draw_scaling(net, rng, layer, net.shape(name)[0]).apply(net), rng)


@law(60)
@given(SEEDS, st.integers(1, 4))
def test_what_they_do_to_the_weights(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    net = dense(rng, [3, width, 2])
    first, last = net.operation("layer1"), net.operation("layer2")
    assert isinstance(first, Affine)
    assert isinstance(last, Affine)
    w, b, a, c = first.weight, first.bias, last.weight, last.bias
    order = rng.permutation(width).tolist()
    assert Permutation(0, order).apply(net) == mlp([(w[order], b[order]), (a[:, order], c)])
    scaling = draw_scaling(net, rng, 0, width)
    f = RationalArray.of(scaling.factors)
    inverse = RationalArray.of([1 / x for x in scaling.factors])
    assert scaling.apply(net) == mlp([(w * f.reshape(-1, 1), b * f), (a * inverse, c)])
    chosen = draw_subset(rng, width)
    sign = RationalArray.of([-1 if i in chosen else 1 for i in range(width)])
    picked = RationalArray.of([int(i in chosen) for i in range(width)])
    assert Flip(chosen).apply(net) == mlp([(w * sign.reshape(-1, 1), b * sign), (a, c + a @ (b * picked))])
    assert SignFlip(0, chosen).apply(net) == mlp([(w * sign.reshape(-1, 1), b * sign), (a * sign, c)])


ODD_PART_LINEAR = {
    "relu": 1,
    "leaky_relu(1/10)": Fraction(11, 10),
    "abs": 0,
    "identity": 2,
    PiecewiseLinear.of("1/3", 5, [(-2, 3), (0, "1/2"), (2, 3)]): Fraction(2, 3) + Fraction(13, 2),
    Rational.of([1, 3, 1, 3], [1, 0, 1]): 6,  # 3 t + 1
    Rational.of([1, 1, 0, 1], [1, 0, 1]): 2,  # t + 1 / (1 + t^2)
    Rational.of([2, 0, 1], [1, 0, 1]): 0,  # even
}


@pytest.mark.parametrize("unit", ODD_PART_LINEAR, ids=str)
@given(SEEDS, st.integers(1, 4))
@law(20)
def test_a_flip_changes_the_function_by_a_linear_map(unit: Any, seed: int, width: int) -> None:
    # f - T(f) = r sum of a_i w_i x over the flipped neurons, theory 2.6
    rng = np.random.default_rng(seed)
    net = dense(rng, [2, width, 2], unit)
    chosen = draw_subset(rng, width)
    first, last = net.operation("layer1"), net.operation("layer2")
    assert isinstance(first, Affine)
    assert isinstance(last, Affine)
    r = ODD_PART_LINEAR[unit]
    slope = last.weight[:, chosen] @ first.weight[chosen] * r if chosen else RationalArray.zeros((2, 2))
    at = points(net, rng)
    assert net.evaluate(at) - Flip(chosen).apply(net).evaluate(at) == (slope @ at.T).T


def test_a_flip_of_prelu_takes_each_neurons_slope() -> None:
    net = mlp([([[1], [1]], [2, 2]), ([[1, 1]], [0])], activation=PRelu(RationalArray.of([0, "1/2"])))
    flipped = Flip([0, 1]).apply(net)
    assert flipped.operation("layer2") == Affine(RationalArray.of([[1, 1]]), RationalArray.of([2 + 3]))
    for x in (-5, 0, 5):
        assert net([x])[0] - flipped([x])[0] == Fraction(5, 2) * x


@pytest.mark.parametrize("unit", ["silu", "gelu", "gelu_tanh", "softplus"])
def test_a_flip_of_smooth_units(unit: str) -> None:
    # T17: phi(x) - phi(-x) - phi(x+1) + phi(-x-1) + 1 = 0; flipping the neurons at x and x+1 keeps it, by r = 1
    net = mlp([([[1], [-1], [1], [-1]], [0, 0, 1, -1]), ([[1, -1, -1, 1]], [1])], activation=unit)
    flipped = Flip([0, 2]).apply(net)
    assert flipped.operation("layer2").bias.to_fractions() == (0,)  # type: ignore[attr-defined]
    phi = {
        "silu": lambda t: t / (1 + math.exp(-t)),
        "gelu": lambda t: t * (1 + math.erf(t / math.sqrt(2))) / 2,
        "gelu_tanh": lambda t: t * (1 + math.tanh(0.7978845608028654 * t + 0.035677408136300125 * t**3)) / 2,
        "softplus": lambda t: math.log1p(math.exp(t)),
    }[unit]

    def value(n: Network, x: float) -> float:
        first, last = n.operation("layer1"), n.operation("layer2")
        hidden = [phi(t) for t in first.weight.to_float()[:, 0] * x + first.bias.to_float()]  # type: ignore[attr-defined]
        return float(last.weight.to_float()[0] @ hidden + last.bias.to_float()[0])  # type: ignore[attr-defined]

    for x in (-2.0, -0.3, 0.7, 4.0):
        assert value(net, x) == pytest.approx(0, abs=1e-12)
        assert value(flipped, x) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("unit", ["identity", "hardtanh", Rational.of([0, 1], [1, 0, 1])], ids=str)
@given(SEEDS, st.integers(1, 4))
@law(20)
def test_sign_flips_keep_odd_networks(unit: Any, seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    net = dense(rng, [2, width, 2], unit)
    flipped = SignFlip(0, draw_subset(rng, width)).apply(net)
    assert same_values(net, flipped, rng)


# --- the named cases T1, T2, ... -----------------------------------------------------------------------


def line(*neurons: tuple[Any, Any, Any], constant: Any = 0, unit: str = "relu") -> Network:
    """constant + sum a phi(w x + b) over (a, w, b)."""
    a, w, b = zip(*neurons, strict=True)
    return mlp([([list(v) if isinstance(v, tuple) else [v] for v in w], list(b)), ([list(a)], [constant])], activation=unit)


def test_t3_the_flip_of_three_is_the_other_orbit() -> None:
    f = line((1, (1, 0), 0), (1, (0, 1), 0), (1, (-1, -1), 0))
    g = line((1, (-1, 0), 0), (1, (0, -1), 0), (1, (1, 1), 0))
    assert Flip([0, 1, 2]).apply(f) == g
    assert same_values(f, g, np.random.default_rng(0), 50)
    assert not same_values(f, Flip([0, 1]).apply(f), np.random.default_rng(0), 50)


def test_t4_the_flip_of_a_pair() -> None:
    f = line((1, 1, 0), (-1, 1, -1))
    assert Flip([0, 1]).apply(f) == line((1, -1, 0), (-1, -1, 1), constant=1)
    assert same_values(f, Flip([0, 1]).apply(f), np.random.default_rng(0), 50)


def test_t7_a_lone_flip_is_no_symmetry() -> None:
    f = line((1, 1, 0))
    assert Flip([0]).apply(f) == line((1, -1, 0))
    assert f([1]) != Flip([0]).apply(f)([1])


def test_t19_leaky() -> None:
    f = line((1, 1, 0), (-1, -1, 0), unit="leaky_relu(1/10)")
    assert f([7]) == (Fraction(77, 10),)
    assert Flip([0, 1]).apply(f)([7]) == (Fraction(-77, 10),)  # sum a w^T = 2, so no symmetry: -r x instead of r x
    even = line((1, 1, 0), (1, -1, 0), unit="leaky_relu(1/10)")
    assert same_values(even, Flip([0, 1]).apply(even), np.random.default_rng(0), 20)


@law(60)
@given(SEEDS, st.integers(1, 5))
def test_every_flip_keeps_an_abs_network(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    net = dense(rng, [2, width, 1], "abs")
    assert same_values(net, Flip(draw_subset(rng, width)).apply(net), rng)


def test_scaling_where_the_kink_is_not_at_zero_acts_but_is_no_symmetry() -> None:
    net = mlp([([[1]], [0]), ([[1]], [0])], activation="relu6")
    doubled = Scaling(0, [2]).apply(net)
    assert (net([6]), doubled([6])) == ((6,), (3,))


# --- convolutions, batch norm, pooling -----------------------------------------------------------------------------------

CONVOLUTIONAL = {
    "unit": st.sampled_from(["relu", "leaky_relu(1/3)", "prelu", "abs"]),
    "padding": st.integers(0, 1),
    "norms": st.sampled_from([(), ("before",), ("after",), ("before", "after")]),
    "pool": st.sampled_from(["none", "max", "average"]),
    "head": st.sampled_from(["flatten", "average", "transposed"]),
}


@given(SEEDS, st.fixed_dictionaries(CONVOLUTIONAL))
@law(60)
def test_permutations_and_scalings_keep_convolutional_networks(seed: int, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(seed)
    net = convolutional(rng, **options)
    counts = {"unit1": 4, "unit2": 3, "unit3": 3}
    for name, count in counts.items():
        scaling = draw_scaling(net, rng, name, count, powers=name == "unit1" and "before" in options["norms"])
        t = scaling @ draw_permutation(net, rng, name, count)
        moved = t.apply(net)
        assert moved.order == net.order
        assert same_values(net, moved, rng, 3)
        assert t.inverse().apply(moved) == net
        net = moved


@law(60)
@given(SEEDS)
def test_a_scaling_through_batch_norm_multiplies_its_weight_and_bias(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = convolutional(rng, norms=("before",))
    scaled = Scaling(0, [2, 1, "1/4", 8]).apply(net)
    before, after = net.operation("norm1"), scaled.operation("norm1")
    factors = RationalArray.of([2, 1, "1/4", 8])
    assert isinstance(before, BatchNorm)
    assert isinstance(after, BatchNorm)
    assert (after.weight, after.bias, after.mean) == (before.weight * factors, before.bias * factors, before.mean)
    assert net.operation("conv1") == scaled.operation("conv1")


def test_a_factor_that_does_not_commute_with_rounding_is_refused() -> None:
    builder = Builder()
    builder.add("x", Input((1,)))
    builder.add("w", Affine(RationalArray.of([[1]]), RationalArray.of([0])), "x")
    one = RationalArray.of([1])
    builder.add("norm", BatchNorm(one, one * 2, one, one, Fraction(0), "float32"), "w")  # scale 1 / sqrt 2
    builder.add("relu", relu(), "norm")
    builder.add("y", Affine(RationalArray.of([[1]]), RationalArray.of([0])), "relu")
    net = builder.build(["x"], ["y"])
    assert same_values(net, Scaling(0, [2]).apply(net), np.random.default_rng(0))
    with pytest.raises(ArgumentError, match=r"rounding of its scale to float32; powers of two do.*fold_affine"):
        Scaling(0, [3]).apply(net)


def test_a_batch_norm_without_weights_before_it_can_be_scaled_not_permuted() -> None:
    rng = np.random.default_rng(4)
    builder = Builder()
    builder.add("x", Input((3, 4)))
    builder.add("norm", batch_norm(rng, 3), "x")
    builder.add("relu", relu(), "norm")
    builder.add("y", conv(rng, 2, 3, (2,)), "relu")
    net = builder.build(["x"], ["y"])
    assert same_values(net, Scaling(0, [2, 4, "1/2"]).apply(net), rng)
    with pytest.raises(ArgumentError, match="an affine or conv node that makes the neurons is needed"):
        Permutation(0, [1, 0, 2]).apply(net)


def test_groups_let_channels_of_one_group_change_places() -> None:
    rng = np.random.default_rng(5)
    builder = Builder()
    builder.add("x", Input((4, 6)))
    builder.add("first", conv(rng, 4, 4, (2,), groups=2), "x")
    builder.add("relu", relu(), "first")
    builder.add("second", conv(rng, 2, 4, (2,), groups=2), "relu")
    net = builder.build(["x"], ["second"])
    assert same_values(net, Permutation(0, [1, 0, 3, 2]).apply(net), rng)
    assert same_values(net, Scaling(0, [2, 3, 5, 7]).apply(net), rng)
    with pytest.raises(ArgumentError, match="groups"):
        Permutation(0, [2, 1, 0, 3]).apply(net)


@given(SEEDS)
@law(20)
def test_a_flip_through_batch_norm_and_average_pooling(seed: int) -> None:
    # abs: r = 0, every flip keeps the function; relu: flipping twice gives the network back, and the difference is linear
    rng = np.random.default_rng(seed)
    net = convolutional(rng, unit="abs", norms=("before", "after"), head="average")
    chosen = draw_subset(rng, 4)
    assert same_values(net, Flip(chosen).apply(net), rng, 3)
    net = convolutional(rng, unit="relu", norms=("before", "after"), head="average")
    flipped = Flip(chosen).apply(net)
    assert Flip(chosen).apply(flipped) == net
    at = points(net, rng)
    values, moved = (n.trace(at, keep=["conv2"])["conv2"] for n in (net, flipped))
    zero = RationalArray.zeros((1, net.input_dim))
    base = net.trace(zero, keep=["conv2"])["conv2"] - flipped.trace(zero, keep=["conv2"])["conv2"]
    assert base.is_zero()  # with no constant part left the difference vanishes at 0
    twice = (n.trace(at * 2, keep=["conv2"])["conv2"] for n in (net, flipped))
    difference = next(twice) - next(twice)
    assert difference == (values - moved) * 2


def test_a_flip_that_no_bias_can_take_up_is_refused() -> None:
    rng = np.random.default_rng(6)
    with pytest.raises(ArgumentError, match="padding"):
        Flip([0]).apply(convolutional(rng, padding=1))
    with pytest.raises(ArgumentError, match="affine nodes only"):
        Flip([0]).apply(convolutional(rng, pool="max"))
    with pytest.raises(ArgumentError, match="max_pool"):
        SignFlip(0, [0]).apply(convolutional(rng, pool="max"))


# --- graphs --------------------------------------------------------------------------------------------------------------


def graph(join: Any = None, *, output_hidden: bool = False, branches: int = 1) -> Network:
    """x (3) -> w -> r1 .. rk -> join -> y."""
    rng = np.random.default_rng(7)
    builder = Builder()
    builder.add("x", Input((3,)))
    builder.add("w", Affine(numbers(rng, 3, 3), numbers(rng, 3)), "x")
    units = [relu(), activation("abs"), activation("leaky_relu(2)")]
    last = [builder.add(f"r{i}", units[i], "w") for i in range(branches)]
    if join is not None:
        last = [builder.add("join", join, *(last if branches > 1 else [*last, "x"]))]
    width = builder.build(["x"], last).output_dim
    builder.add("y", Affine(numbers(rng, 2, width), numbers(rng, 2)), last[0])
    builder.add("z", Affine(numbers(rng, 1, width), numbers(rng, 1)), last[0])
    return builder.build(["x"], ["y", "z", *(["r0"] if output_hidden else [])])


@pytest.mark.parametrize("join", [Add(), Subtract()])
def test_branches_of_one_layer_move_together(join: Any) -> None:
    net = graph(join, branches=2)
    rng = np.random.default_rng(1)
    t = Scaling("r1", [2, 3, "1/5"]) @ Permutation("r0", [1, 2, 0])
    assert same_values(net, t.apply(net), rng, 20)
    assert t.inverse().apply(t.apply(net)) == net


def test_a_scaling_of_one_branch_only_is_refused() -> None:
    rng = np.random.default_rng(9)
    builder = Builder()
    builder.add("x", Input((3,)))
    builder.add("w", Affine(numbers(rng, 3, 3), numbers(rng, 3)), "x")
    builder.add("r", relu(), "w")
    builder.add("n", batch_norm(rng, 3), "w")
    builder.add("s", relu(), "n")  # its incoming weights are those of the norm
    builder.add("sum", Add(), "r", "s")
    builder.add("y", Affine(numbers(rng, 2, 3), numbers(rng, 2)), "sum")
    net = builder.build(["x"], ["y"])
    with pytest.raises(ArgumentError, match=r"node 'sum' \(add\): it adds neurons that are scaled to neurons that are not"):
        Scaling("s", [2, 4, 8]).apply(net)
    assert same_values(net, Permutation("s", [2, 0, 1]).apply(net), rng)


def test_a_flip_needs_weights_of_its_own() -> None:
    rng = np.random.default_rng(10)
    builder = Builder()
    builder.add("x", Input((3,)))
    builder.add("w", Affine(numbers(rng, 3, 3), numbers(rng, 3)), "x")
    builder.add("r", activation("abs"), "w")
    builder.add("y", Affine(numbers(rng, 2, 3), numbers(rng, 2)), "r")
    builder.add("z", Affine(numbers(rng, 2, 3), numbers(rng, 2)), "w")
    assert same_values(builder.build(["x"], ["y"]), Flip([0]).apply(builder.build(["x"], ["y"])), rng)
    with pytest.raises(ArgumentError, match="needs incoming weights of its own, but node 'w' is read by others too"):
        Flip([0]).apply(builder.build(["x"], ["y", "z"]))


def test_every_reader_gets_its_columns() -> None:
    net = graph()
    assert net.consumers("r0") == ("y", "z")
    t = Permutation(0, [2, 0, 1]) @ Scaling(0, [2, 3, "1/5"])
    assert same_values(net, t.apply(net), np.random.default_rng(1), 20)


@pytest.mark.parametrize("join", [Add(), Concat(0)])
def test_a_residual_connection_is_refused(join: Any) -> None:
    with pytest.raises(ArgumentError, match=r"layer 'r0': its neurons cannot pass node 'join' \((add|concat)\)"):
        Permutation(0, [1, 0, 2]).apply(graph(join))


def test_neurons_that_are_output_are_refused() -> None:
    with pytest.raises(ArgumentError, match="its neurons are themselves output"):
        Scaling(0, [1, 2, 3]).apply(graph(output_hidden=True))


def test_a_layer_that_no_weights_feed_is_refused() -> None:
    builder = Builder()
    builder.add("x", Input((2,)))
    builder.add("r", relu(), "x")
    builder.add("y", Affine(RationalArray.eye(2), RationalArray.zeros((2,))), "r")
    with pytest.raises(ArgumentError, match=r"'x' \(input\) feeds it, where an affine or conv node is needed"):
        Permutation(0, [1, 0]).apply(builder.build(["x"], ["y"]))


def test_dense_layers_with_leading_axes_and_reshapes_to_channels() -> None:
    rng = np.random.default_rng(8)
    builder = Builder()
    builder.add("x", Input((3, 2)))  # three places, the affine node acts on the last axis
    builder.add("w", Affine(numbers(rng, 4, 2), numbers(rng, 4)), "x")
    builder.add("p", PRelu(numbers(rng, 3)), "w")  # its channels are the places
    builder.add("v", Affine(numbers(rng, 6, 4), numbers(rng, 6)), "p")
    builder.add("flat", Reshape((18,)), "v")
    builder.add("u", Affine(numbers(rng, 6, 18), numbers(rng, 6)), "flat")
    builder.add("grid", Reshape((3, 2)), "u")  # three channels of two entries
    builder.add("r", relu(), "grid")
    builder.add("s", Scale(numbers(rng, 3, 2)), "r")
    builder.add("c", conv(rng, 2, 3, (2,)), "s")
    net = builder.build(["x"], ["c"])
    t = Permutation("p", [3, 1, 0, 2]) @ Scaling("p", [1, 2, 3, 4]) @ Permutation("r", [2, 0, 1]) @ Scaling("r", [5, 6, 7])
    assert same_values(net, t.apply(net), rng, 10)
    assert t.inverse().apply(t.apply(net)) == net


# --- the contract with the checker ---------------------------------------------------------------------------------------


def plain(network: Any) -> list[Any]:
    """What a network of the checker holds, numbers as fractions."""
    return [(n.name, n.op, n.operands, n.shape, {k: value(v) for k, v in n.fields.items()}) for n in network.nodes]


def value(field: Any) -> Any:
    return (field.shape, field.fractions()) if hasattr(field, "fractions") else field


def agree_with_checker(net: Network, t: Transformation) -> None:
    by_checker = transformed(read_network(document(net), "f"), t.steps(net))
    assert plain(by_checker) == plain(read_network(document(t.apply(net)), "g"))


@given(transformed_dense())
@law(50)
def test_the_checker_builds_the_same_dense_network(
    case: tuple[Network, Transformation, Transformation, np.random.Generator],
) -> None:
    net, t1, t2, _ = case
    agree_with_checker(net, t1 @ t2)


@given(SEEDS, st.fixed_dictionaries({**CONVOLUTIONAL, "norms": st.sampled_from([(), ("before",)])}))
@law(30)
def test_the_checker_builds_the_same_convolutional_network(seed: int, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(seed)
    options["head"] = "flatten" if options["head"] == "transposed" else options["head"]
    net = convolutional(rng, **options)
    for name, count in {"unit1": 4, "unit2": 3, "unit3": 3}.items():
        agree_with_checker(net, draw_scaling(net, rng, name, count, powers=True) @ draw_permutation(net, rng, name, count))
        if options["pool"] != "max":
            agree_with_checker(net, SignFlip(name, draw_subset(rng, count)))


# --- values, errors ------------------------------------------------------------------------------------------------------


def test_values() -> None:
    t = Scaling("relu1", ["1/2", 3.0]) @ Permutation(0, np.array([1, 0])) @ Flip({1, 0}) @ SignFlip(1, (2, 0))
    text = "Scaling('relu1', [\"1/2\", 3]) @ Permutation(0, [1, 0]) @ Flip([0, 1]) @ SignFlip(1, [0, 2])"
    assert repr(t) == text
    names = {"Scaling": Scaling, "Permutation": Permutation, "Flip": Flip, "SignFlip": SignFlip, "Composition": Composition}
    for value in (t, *t.parts, Composition(), Composition([Flip([1], layer="relu2")])):
        again = eval(repr(value), names)  # noqa: S307 - the text is our own
        assert again == value
        assert hash(again) == hash(value)
    assert len({Permutation(0, [1, 0]), Permutation(0, (1, 0)), Permutation(1, [1, 0]), Scaling(0, [1, 1])}) == 3
    assert Composition([Composition([Flip([1])]), Flip([2])]).parts == (Flip([1]), Flip([2]))
    net = line((1, 1, 0), (2, 3, 4))
    assert Composition().apply(net) is net
    with pytest.raises(AttributeError):
        t.parts = ()  # type: ignore[misc]


def test_steps_are_the_certificates() -> None:
    net = line((1, 1, 0), (2, 3, 4))
    t = Flip([1]) @ SignFlip(0, [0]) @ Scaling("relu1", ["1/2", 3]) @ Permutation(0, [1, 0])
    assert t.steps(net) == [
        {"kind": "permutation", "layer": "relu1", "order": [1, 0]},
        {"kind": "scaling", "layer": "relu1", "factors": ["1/2", 3]},
        {"kind": "sign_flip", "layer": "relu1", "neurons": [0]},
        {"kind": "flip", "layer": "relu1", "neurons": [1]},
    ]


def test_the_only_layer_needs_no_name() -> None:
    net = line((1, 1, 0), (2, 3, 4))
    for short, long in (
        (Permutation(order=[1, 0]), Permutation(0, [1, 0])),
        (Scaling(factors=[2, "1/3"]), Scaling("relu1", [2, "1/3"])),
        (SignFlip(neurons=[1]), SignFlip(0, [1])),
    ):
        assert short.apply(net) == long.apply(net)
        assert short.steps(net) == long.steps(net)
        assert short.inverse().apply(short.apply(net)) == net
    assert [repr(t) for t in (Permutation(order=[1, 0]), Scaling(factors=["1/2"]), SignFlip(neurons=[1]))] == [
        "Permutation(order=[1, 0])",
        'Scaling(factors=["1/2"])',
        "SignFlip(neurons=[1])",
    ]
    deep = mlp([([[1], [1]], [0, 0]), ([[1, 2], [3, 4]], [0, 0]), ([[1, 1]], [0])])
    for short in (Permutation(order=[1, 0]), Scaling(factors=[2, 1]), SignFlip(neurons=[1])):
        with pytest.raises(ArgumentError, match="layer: 0 to 1 or one of relu1, relu2 is needed, got none, where there are several"):
            short.apply(deep)
    with pytest.raises(ShapeError, match="the hidden layer: it has 2 neurons"):
        Permutation(order=[0]).apply(net)
    for kind, argument in ((Permutation, "order"), (Scaling, "factors"), (SignFlip, "neurons")):
        with pytest.raises(ArgumentError, match=f"{argument}: a list is needed, got NoneType"):
            kind()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Permutation(0, [0, 2]), "order: each of 0 to 1 once is needed"),
        (lambda: Permutation(0, [0, 0]), "order: each of 0 to 1 once is needed"),
        (lambda: Permutation(0, [0, -1]), "order: integers counted from 0 are needed, got -1"),
        (lambda: Permutation(0, [True, False]), "order: integers counted from 0 are needed, got True"),
        (lambda: Permutation(0, [0, 1.0]), "order: integers counted from 0 are needed, got 1.0"),
        (lambda: Permutation(0, 3), "order: a list is needed, got int"),  # type: ignore[arg-type]
        (lambda: Permutation(0, "01"), "order: a list is needed, got str"),  # type: ignore[arg-type]
        (lambda: Permutation(-1, [0]), "layer: integers counted from 0 are needed"),
        (lambda: Permutation(None, [0]), "layer: integers counted from 0 are needed"),  # type: ignore[arg-type]
        (lambda: Scaling(0, [1, 0]), r"factors\[1\]: a positive number is needed, got 0"),
        (lambda: Scaling(0, ["-1/2"]), r"factors\[0\]: a positive number is needed, got -1/2; Flip and SignFlip change signs"),
        (lambda: Scaling(0, [float("nan")]), r"factors\[0\]: a finite number is needed"),
        (lambda: Scaling(0, [None]), r"factors\[0\]: a number is needed"),
        (lambda: Flip([1, 1]), "neurons: each neuron once is needed"),
        (lambda: Flip([-1]), "neurons: integers counted from 0"),
        (lambda: SignFlip(0, ["a"]), "neurons: integers counted from 0"),  # type: ignore[list-item]
        (lambda: Composition([1]), "parts: transformations are needed, got int"),  # type: ignore[list-item]
    ],
)
def test_bad_arguments(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("t", "error", "message"),
    [
        (Permutation(0, [0, 1, 2]), ShapeError, "layer 0: it has 2 neurons, so an order of that length is needed, got 3"),
        (Scaling("relu1", [1]), ShapeError, "layer 'relu1': it has 2 neurons, so factors of that length is needed, got 1"),
        (Flip([2]), ArgumentError, "neurons: 0 to 1 are the neurons of layer 0, got 2"),
        (SignFlip(0, [5]), ArgumentError, "neurons: 0 to 1 are the neurons of layer 0, got 5"),
        (Permutation(1, [0]), ArgumentError, "layer: 0 to 0 or one of relu1 is needed, got 1"),
        (Permutation("layer1", [0]), ArgumentError, "layer: 0 to 0 or one of relu1 is needed, got 'layer1'"),
    ],
)
def test_what_does_not_fit_the_network(t: Transformation, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        t.apply(line((1, 1, 0), (2, 3, 4)))


@pytest.mark.parametrize("unit", ["tanh", "sigmoid", "hardtanh", Rational.of([0, 1], [1, 0, 1])], ids=str)
def test_a_flip_needs_a_linear_odd_part(unit: Any) -> None:
    with pytest.raises(ArgumentError, match=r"phi\(t\) - phi\(-t\) = r t"):
        Flip([0]).apply(line((1, 1, 0), unit=unit))


def test_only_networks_and_transformations() -> None:
    with pytest.raises(ArgumentError, match="net: a Network is needed, got int"):
        Permutation(0, [0]).apply(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Permutation(0, [0]) @ 3  # type: ignore[operator]


def test_nodes_that_no_output_depends_on_stay() -> None:
    """As an exact JSON file may have them: the checker, which builds T(f) itself, has lines for them, too."""
    net = mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1], [-1, -1, -1]], [0, 1]), ([[1, 1]], [0])])
    net = with_spare(net, "input")
    for move in (Permutation("relu1", [2, 0, 1]), Flip([0, 1, 2], layer="relu1"), Scaling("relu2", [2, 3])):
        assert move.apply(net).order == net.order
        verdict = xn.verify_symmetry(net, move)
        assert verdict.proved
        assert verdict.certificate is not None
        assert xn.check(verdict.certificate)
