from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import NotRational
from exactnn.exact.array import RationalArray
from exactnn.load.json import network_from_document
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Constant,
    Conv,
    Input,
    MaxPool,
    Network,
    Operation,
    PRelu,
    Rational,
    Reshape,
    Scale,
    Slice,
    Subtract,
    Transpose,
    activation,
    leaky_relu,
    mlp,
    relu,
)
from exactnn.network.document import document
from exactnn.network.rewrite import (
    Dropped,
    Merged,
    MergedLayer,
    Origin,
    Reduced,
    ReducedLayer,
    Rewriting,
    Steps,
    drop_dead_neurons,
    fold_affine,
    fold_constant_neurons,
    merge_neurons,
    simplify,
)
from tests._networks import batch_norm, conv, convolutional, degenerate, dense, numbers, points
from tests.strategies import law

SEEDS = st.integers(0, 2**32 - 1)
ALL = [fold_affine, merge_neurons, fold_constant_neurons, drop_dead_neurons, simplify]
UNITS = ["relu", "leaky_relu(1/10)", "abs", "identity", "relu6", "hardtanh", Rational.of([1, 2, 3], [1])]


def widths(net: Network) -> list[int]:
    """Neurons (channels) of each hidden layer."""
    return [net.shape(n)[0] for n in net.hidden_layers]


def chain(shape: tuple[int, ...], *operations: Operation) -> Network:
    """n0 = input, n1, n2, ..."""
    builder = Builder()
    current = builder.add("n0", Input(shape))
    for i, operation in enumerate(operations, 1):
        current = builder.add(f"n{i}", operation, current)
    return builder.build(["n0"], [current])


def kinds(net: Network) -> list[str]:
    return [net.operation(n).kind for n in net.order if n not in net.inputs]


def check(net: Network, rewriting: Rewriting, rng: np.random.Generator) -> None:
    """Same values, and the witness tells the truth about every neuron."""
    new, witness = rewriting.network, rewriting.witness
    at = points(net, rng)
    assert net.evaluate(at) == new.evaluate(at)
    assert (new == net) is not bool(witness)
    assert bool(witness) is bool(witness.describe())
    old_values, new_values = net.trace(at), new.trace(at)
    seen: dict[str, list[int]] = {}
    for name in new.hidden_layers:
        for i in range(new.shape(name)[0]):
            origins = witness.neuron(name, i)
            assert origins
            for origin in origins:
                assert old_values[origin.node][:, origin.index] == new_values[name][:, i] * origin.factor
                seen.setdefault(origin.node, []).append(origin.index)
    assert all(len(set(indices)) == len(indices) for indices in seen.values())  # no old neuron is claimed twice


# --- every rewriting keeps every value -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rewrite", ALL)
@given(SEEDS, st.lists(st.integers(1, 5), min_size=2, max_size=5), st.sampled_from(UNITS))
@law(60)
def test_degenerate_dense_networks(rewrite: Any, seed: int, sizes: list[int], unit: Any) -> None:
    rng = np.random.default_rng(seed)
    net = degenerate(rng, sizes, unit)
    check(net, rewrite(net), rng)


@pytest.mark.parametrize("rewrite", ALL)
@given(
    SEEDS,
    st.fixed_dictionaries(
        {
            "unit": st.sampled_from(["relu", "prelu", "relu6", "identity"]),
            "padding": st.integers(0, 1),
            "norms": st.sampled_from([(), ("before",), ("after",), ("before", "after")]),
            "pool": st.sampled_from(["none", "max", "average"]),
            "head": st.sampled_from(["flatten", "average", "transposed"]),
        }
    ),
)
@law(40)
def test_degenerate_convolutional_networks(rewrite: Any, seed: int, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(seed)
    net = convolutional(rng, repeated=True, **options)
    check(net, rewrite(net), rng)


@law(60)
@given(SEEDS, st.lists(st.integers(1, 5), min_size=2, max_size=5))
def test_nothing_is_left_to_simplify(seed: int, sizes: list[int]) -> None:
    simple = simplify(degenerate(np.random.default_rng(seed), sizes)).network
    for rewrite in ALL:
        again = rewrite(simple)
        assert again.network == simple
        assert not again.witness
        assert again.witness.describe() == ""


@law(60)
@given(SEEDS, st.lists(st.integers(1, 5), min_size=2, max_size=5))
def test_what_simplify_leaves(seed: int, sizes: list[int]) -> None:
    # Independent of the implementation: no zero row, no zero column, no two rows that are positive multiples.
    simple = simplify(degenerate(np.random.default_rng(seed), sizes)).network
    affine = [simple.operation(n) for n in simple.order if simple.operation(n).kind == "affine"]
    for first, second in pairwise(affine):
        assert isinstance(first, Affine)
        assert isinstance(second, Affine)
        rows = [(*first.weight[i].to_fractions(), first.bias.to_fractions()[i]) for i in range(len(first.weight))]
        assert all(any(row[:-1]) for row in rows)
        directions = [tuple(x / sum(map(abs, row)) for x in row) for row in rows]
        assert len(set(directions)) == len(rows)
        assert second.weight.nonzero().any(axis=0).all()


# --- fold_affine ---------------------------------------------------------------------------------------------------------


def test_affine_maps_are_composed() -> None:
    rng = np.random.default_rng(0)
    net = dense(rng, [3, 5, 1, 2, 2], "identity")
    folded = fold_affine(net)
    assert kinds(folded.network) == ["affine"]
    w, b = RationalArray.eye(3), RationalArray.zeros((3,))
    for k in range(1, 5):
        op = net.operation(f"layer{k}")
        assert isinstance(op, Affine)
        w, b = op.weight @ w, op.weight @ b + op.bias
    assert folded.network.operation(folded.network.order[-1]) == Affine(w, b)
    assert "fold: layer1 into layer2" in folded.witness.describe()
    check(net, folded, rng)


ONE = RationalArray.of(1)


@pytest.mark.parametrize(
    ("shape", "operations", "left"),
    [
        ((3,), ["affine", "norm", "relu", "affine"], ["affine", "piecewise_linear", "affine"]),
        ((3,), ["affine", "relu", "norm", "affine"], ["affine", "piecewise_linear", "affine"]),
        ((3,), ["affine", "relu", "norm", "relu", "affine"], None),
        ((3,), ["norm", "affine"], ["affine"]),
        ((3,), ["norm", "scale", "norm", "scale0", "affine", "norm", "scale"], ["affine"]),
        ((3,), ["affine", "linear", "scale0"], ["affine"]),
        ((3, 4, 4), ["conv", "norm", "relu"], ["conv", "piecewise_linear"]),
        ((3, 4, 4), ["padded", "norm", "relu"], ["conv", "piecewise_linear"]),
        ((3, 4, 4), ["norm", "scale", "conv"], ["conv"]),
        ((3, 4, 4), ["norm", "padded"], ["batch_norm", "conv"]),
        ((3, 4, 4), ["scale", "padded"], ["conv"]),
        ((3, 4, 4), ["linear", "padded"], ["piecewise_linear", "conv"]),
        ((3, 4, 4), ["scale0", "linear0", "padded"], ["conv"]),
        ((4, 4, 4), ["scale", "grouped", "norm"], ["conv"]),
        ((3, 4, 4), ["grid", "conv"], ["scale", "conv"]),
        ((3, 4, 4), ["conv", "grid"], ["conv", "scale"]),
        ((3, 4), ["last", "norm"], ["affine", "batch_norm"]),
        ((3, 4), ["norm", "last"], ["batch_norm", "affine"]),
        ((3, 4), ["last", "flat", "join"], ["affine", "reshape", "affine"]),
        ((3, 4), ["norm", "flat", "join"], ["reshape", "affine"]),
        ((3,), ["affine", "row", "norm1", "row3", "affine"], ["affine"]),
        ((3,), ["affine", "row", "affine"], ["affine", "reshape"]),
        ((3, 4, 4), ["conv", "flat27", "scale0", "join27"], ["conv", "reshape", "affine"]),
        ((3,), ["row", "flat3", "row", "relu"], ["reshape", "piecewise_linear"]),
        ((3, 4), ["same", "transpose", "slice", "one", "identity", "relu"], ["piecewise_linear"]),
        ((3, 4), ["swap", "relu"], None),
        ((3,), ["affine", "identity", "affine"], ["affine"]),
        ((3,), ["affine", "relu", "identity", "affine"], ["affine", "piecewise_linear", "affine"]),
    ],
)
def test_what_folds(shape: tuple[int, ...], operations: list[str], left: list[str] | None) -> None:
    rng = np.random.default_rng(1)
    linear, linear0 = leaky_relu(1), leaky_relu(1)
    linear, linear0 = type(linear).of("2/3", 5, []), type(linear0).of("2/3", 0, [])
    named: dict[str, Operation] = {
        "affine": Affine(numbers(rng, 3, 3), numbers(rng, 3)),
        "last": Affine(numbers(rng, 4, 4), numbers(rng, 4)),
        "join": Affine(numbers(rng, 2, 12), numbers(rng, 2)),
        "join27": Affine(numbers(rng, 2, 27), numbers(rng, 2)),
        "norm": batch_norm(rng, shape[0]),
        "norm1": batch_norm(rng, 1),
        "scale": Scale(numbers(rng, shape[0], *(1,) * (len(shape) - 1))),
        "scale0": Scale(RationalArray.of("5/7")),
        "grid": Scale(numbers(rng, *((3, 4, 4) if operations[0] == "grid" else (3, 3, 3)))),
        "conv": conv(rng, 3, 3, (2, 2)),
        "padded": conv(rng, 3, 3, (2, 2), padding=1),
        "grouped": conv(rng, 4, 4, (2, 2), groups=2),
        "relu": relu(),
        "linear": linear,
        "linear0": linear0,
        "identity": activation("identity"),
        "flat": Reshape((12,)),
        "flat27": Reshape((27,)),
        "flat3": Reshape((3,)),
        "row": Reshape((1, 3)),
        "row3": Reshape((3,)),
        "same": Reshape((3, 4)),
        "transpose": Transpose((0, 1)),
        "swap": Transpose((1, 0)),
        "slice": Slice((0, 0), (3, 4), (1, 1)),
        "one": Scale(ONE),
    }
    net = chain(shape, *(named[o] for o in operations))
    folded = fold_affine(net)
    assert kinds(folded.network) == (kinds(net) if left is None else left)
    at = points(net, rng)
    assert net.evaluate(at) == folded.network.evaluate(at)
    assert bool(folded.witness) is (left is not None and left != kinds(net))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("operation", [Add(), Subtract()])
@pytest.mark.parametrize("shape", [(3,), (1,), (2, 3), ()])
def test_adding_a_constant_folds(order: tuple[int, int], operation: Operation, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    for before in (True, False):
        builder = Builder()
        x = builder.add("x", Input((3,)))
        constant = builder.add("k", Constant(numbers(rng, *shape)))
        affine = Affine(numbers(rng, 3, 3), numbers(rng, 3))
        x = builder.add("w", affine, x) if before else x
        pair = (x, constant)
        x = builder.add("sum", operation, *(pair[i] for i in order))
        y = x if before else builder.add("w", affine, x)
        net = builder.build(["x"], [y])
        folded = fold_affine(net)
        # (2, 3) makes two rows of one, and "w" acts on each of them: the sum has another shape than its operand and stays
        assert (kinds(folded.network) == ["affine"]) is (shape != (2, 3))
        at = points(net, rng)
        assert net.evaluate(at) == folded.network.evaluate(at)


def test_constants_are_computed() -> None:
    builder = Builder()
    builder.add("x", Input((2,)))
    builder.add("k", Constant(RationalArray.of([1, -2])))
    builder.add("r", relu(), "k")
    builder.add("t", activation("tanh"), "k")  # irrational: stays
    builder.add("y", Add(), "x", "r")
    builder.add("w", Affine(RationalArray.eye(2), RationalArray.zeros((2,))), "y")
    net = builder.build(["x"], ["w", "t"])
    folded = fold_affine(net).network
    assert folded.operation("w") == Affine(RationalArray.eye(2), RationalArray.of([1, 0]))
    assert folded.operation("t") == activation("tanh")


def test_what_others_read_is_left_alone() -> None:
    rng = np.random.default_rng(3)
    builder = Builder()
    builder.add("x", Input((3,)))
    builder.add("w", Affine(numbers(rng, 3, 3), numbers(rng, 3)), "x")
    builder.add("v", Affine(numbers(rng, 3, 3), numbers(rng, 3)), "w")
    builder.add("n", batch_norm(rng, 3), "w")
    builder.add("r", relu(), "w")
    net = builder.build(["x"], ["v", "n", "r"])
    assert fold_affine(net).network == net
    again = builder.build(["x"], ["v", "w"])
    assert fold_affine(again).network == again
    output = builder.build(["x"], ["n", "w"])
    assert fold_affine(output).network == output
    assert kinds(fold_affine(builder.build(["x"], ["v"])).network) == ["affine"]


@pytest.mark.parametrize("operation", [Add(), Subtract()])
def test_affine_branches_are_added(operation: Operation) -> None:
    rng = np.random.default_rng(4)
    builder = Builder()
    builder.add("x", Input((3,)))
    builder.add("w", Affine(numbers(rng, 3, 3), numbers(rng, 3)), "x")
    builder.add("v", Affine(numbers(rng, 3, 3), numbers(rng, 3)), "x")
    builder.add("y", operation, "w", "v")
    builder.add("z", operation, "x", "y")
    net = builder.build(["x"], ["z"])
    folded = fold_affine(net)
    assert kinds(folded.network) == ["affine"]
    check(net, folded, rng)


def test_several_inputs_and_outputs() -> None:
    rng = np.random.default_rng(5)
    builder = Builder()
    builder.add("a", Input((2,)))
    builder.add("b", Input((2,)))
    builder.add("i", activation("identity"), "a")
    builder.add("n", batch_norm(rng, 2), "b")
    builder.add("w", Affine(numbers(rng, 2, 2), numbers(rng, 2)), "n")
    net = builder.build(["a", "b"], ["w", "i"])
    folded = fold_affine(net)
    assert folded.network.inputs == ("a", "b")
    assert folded.network.outputs == ("w", "a")
    check(net, folded, rng)


# --- merge ---------------------------------------------------------------------------------------------------------------


def line(*neurons: tuple[Any, Any, Any], constant: Any = 0, unit: Any = "relu") -> Network:
    """constant + sum a phi(w x + b) over (a, w, b)."""
    a, w, b = zip(*neurons, strict=True)
    return mlp([([[v] for v in w], list(b)), ([list(a)], [constant])], activation=unit)


def test_t5_one_neuron_in_three_guises() -> None:
    one = line((6, 1, 1))
    for net in (line((3, 2, 2)), line((2, 1, 1), (4, 1, 1)), one):
        simple = merge_neurons(net)
        assert widths(simple.network) == [1]
        check(net, simple, np.random.default_rng(0))
    merged = merge_neurons(line((2, 1, 1), (4, 1, 1)))
    assert merged.network == one
    assert merged.witness == Merged((MergedLayer("relu1", (((0, Fraction(1)), (1, Fraction(1))),)),))


def test_only_positive_multiples_are_merged() -> None:
    tiny = Fraction(1, 2**60)
    net = line((1, 1, 1), (1, -1, -1), (1, 1, 1 + tiny), (1, 1 + tiny, 1), (1, "1/3", "1/3"), (5, 0, 0), (2, 0, 0))
    merged = merge_neurons(net)
    assert widths(merged.network) == [5]
    assert merged.witness.neuron("relu1", 0) == (Origin("relu1", 0, Fraction(1)), Origin("relu1", 4, Fraction(1, 3)))
    check(net, merged, np.random.default_rng(0))


@pytest.mark.parametrize("unit", ["relu6", "tanh", "gelu", Rational.of([0, 1], [1, 0, 1])], ids=str)
def test_other_units_merge_equal_neurons_only(unit: Any) -> None:
    net = line((1, 1, 1), (1, 2, 2), (3, 1, 1), unit=unit)
    merged = merge_neurons(net)
    assert merged.network == line((4, 1, 1), (1, 2, 2), unit=unit)


def test_prelu_neurons_merge_when_their_slopes_agree() -> None:
    unit = PRelu(RationalArray.of(["1/2", "1/3", "1/2"]))
    net = line((1, 1, 1), (1, 2, 2), (3, 2, 2), unit=unit)
    merged = merge_neurons(net)
    assert merged.network == line((7, 1, 1), (1, 2, 2), unit=PRelu(RationalArray.of(["1/2", "1/3"])))


def test_batch_norm_between_decides_what_is_proportional() -> None:
    rows = RationalArray.of([[1, 2], [2, 4], [1, 2]])
    scale = RationalArray.of([1, 1, 1])
    # scales 1 and shifts 3, 6, 4: the first two stay proportional after the norm, the third does not
    norm = BatchNorm(scale * 0, scale, scale, RationalArray.of([3, 6, 4]), Fraction(0), "float32")
    net = chain(
        (2,), Affine(rows, RationalArray.of([5, 10, 5])), norm, relu(), Affine(RationalArray.of([[1, 1, 1]]), RationalArray.of([0]))
    )
    merged = merge_neurons(net)
    assert widths(merged.network) == [2]
    assert merged.network.operation("n4") == Affine(RationalArray.of([[3, 1]]), RationalArray.of([0]))
    check(net, merged, np.random.default_rng(0))


def test_a_batch_norm_whose_channels_hold_all_neurons() -> None:
    rng = np.random.default_rng(16)
    rows = RationalArray.of([[1, 2], [2, 4], [1, 2]])
    last = Affine(numbers(rng, 1, 3), numbers(rng, 1))
    # three places with a norm for each; equal neurons stay equal, multiples do not stay multiples
    net = chain((3, 2), Affine(rows, RationalArray.of([5, 10, 5])), batch_norm(rng, 3), relu(), last)
    merged = merge_neurons(net)
    assert merged.network.shape("n1") == (3, 2)
    at = points(net, rng)
    assert net.evaluate(at) == merged.network.evaluate(at)


def test_layers_that_a_merge_lets_merge() -> None:
    net = mlp([([[1], [2]], [0, 0]), ([[2, 0], [0, 1]], [3, 3]), ([[1, 1]], [0])])
    assert widths(merge_neurons(net).network) == [1, 1]
    check(net, merge_neurons(net), np.random.default_rng(0))


def test_the_factor_is_another_for_each_reader() -> None:
    # relu keeps the factor 2, relu6 does not: merged where only relu is read, kept where relu6 is read too
    rng = np.random.default_rng(6)
    for both in (False, True):
        builder = Builder()
        builder.add("x", Input((1,)))
        builder.add("w", Affine(RationalArray.of([[1], [2]]), RationalArray.of([1, 2])), "x")
        builder.add("r", relu(), "w")
        builder.add("s", activation("relu6"), "w")
        builder.add("y", Affine(numbers(rng, 1, 2), numbers(rng, 1)), "r")
        builder.add("z", Affine(numbers(rng, 1, 2), numbers(rng, 1)), "s")
        net = builder.build(["x"], ["y", "z"] if both else ["y"])
        assert widths(merge_neurons(net).network) == ([2, 2] if both else [1])
        check(net, merge_neurons(net), rng)


def test_a_sum_of_branches_merges_where_both_grow_alike() -> None:
    # r2 = 2 r1; with the scales (1, 1) the sums are r1 + r1 and 2 (r1 + r1), with (1, 2) they are not found to be proportional
    rng = np.random.default_rng(15)
    for factors, left in (((3, 3), [1]), ((1, 2), [2])):
        builder = Builder()
        builder.add("x", Input((1,)))
        builder.add("w", Affine(RationalArray.of([[1], [2]]), RationalArray.of([1, 2])), "x")
        builder.add("r", relu(), "w")
        builder.add("s", Scale(RationalArray.of(factors)), "r")
        builder.add("sum", Add(), "r", "s")
        builder.add("y", Affine(numbers(rng, 1, 2), numbers(rng, 1)), "sum")
        net = builder.build(["x"], ["y"])
        assert widths(merge_neurons(net).network) == left
        check(net, merge_neurons(net), rng)


def repeated_channels(rng: np.random.Generator, **options: Any) -> list[Operation]:
    """conv whose channels 0, 1, 3 are multiples 1, 2, 1/2."""
    first = conv(rng, 4, 2, (2, 2), **options)
    factors = RationalArray.of([1, 2, 1, "1/2"])
    weight = first.weight[[0, 0, 2, 0]] * factors.reshape(4, 1, 1, 1)
    return [Conv(weight, first.bias[[0, 0, 2, 0]] * factors, first.stride, first.padding, first.dilation, 1)]


@pytest.mark.parametrize("padding", [0, 1])
def test_channels_merge_through_pooling(padding: int) -> None:
    rng = np.random.default_rng(7)
    pools = [
        MaxPool((2, 2), (2, 2), ((1, 1), (1, 1)), (1, 1)),
        AveragePool((2, 2), (1, 1), ((0, 1), (1, 0)), False),
        relu(),
    ]
    last = conv(rng, 2, 4, (2, 2), padding=1)
    net = chain((2, 6, 6), *repeated_channels(rng, padding=padding), leaky_relu("1/3"), *pools, last)
    merged = merge_neurons(net)
    assert [merged.network.shape(n)[0] for n in merged.network.order] == [2, 2, 2, 2, 2, 2, 2]
    assert merged.witness.neuron("n5", 0)[1:] == (Origin("n5", 1, Fraction(2)), Origin("n5", 3, Fraction(1, 2)))
    check(net, merged, rng)


def test_groups_are_left_alone() -> None:
    rng = np.random.default_rng(8)
    operations = repeated_channels(rng)
    net = chain((2, 4, 4), *operations, relu(), conv(rng, 2, 4, (2, 2), groups=2))
    for rewrite in (merge_neurons, fold_constant_neurons, drop_dead_neurons):
        assert rewrite(net).network == net
    ungrouped = chain((2, 4, 4), *operations, relu(), conv(rng, 2, 4, (2, 2)))
    assert widths(merge_neurons(ungrouped).network) == [2]


# --- constants -----------------------------------------------------------------------------------------------------------


def test_t6_constants_on_and_off() -> None:
    net = line((1, 1, 0), (2, 0, 3), (7, 0, -5), constant=-6)
    folded = fold_constant_neurons(net)
    assert folded.network == line((1, 1, 0))
    (layer,), (constants,) = folded.witness.layers, folded.witness.constants  # type: ignore[attr-defined]
    assert layer == ReducedLayer("relu1", (0,))
    assert [(c.index, c.value) for c in constants] == [(1, 3), (2, 0)]


def test_irrational_constants_stay() -> None:
    net = line((1, 0, 0), (2, 0, 1), (7, 1, 1), constant=3, unit="tanh")
    assert fold_constant_neurons(net).network == line((2, 0, 1), (7, 1, 1), constant=3, unit="tanh")
    net = line((1, 0, 0), (7, 1, 1), constant=3, unit="sigmoid")
    assert fold_constant_neurons(net).network == line((7, 1, 1), constant="7/2", unit="sigmoid")
    net = line((1, 0, 0), (7, 1, 1), constant=3, unit="softplus")
    assert fold_constant_neurons(net).network == net


def test_rational_constants_fold_and_poles_stay() -> None:
    unit = Rational.of([1], [0, 1])  # 1 / t
    net = line((1, 0, 2), (7, 1, 1), unit=unit)
    assert fold_constant_neurons(net).network == line((7, 1, 1), constant="1/2", unit=unit)
    net = line((1, 0, 0), (7, 1, 1), unit=unit)
    assert fold_constant_neurons(net).network == net  # nowhere defined, and so it stays
    dead = line((1, 1, 0), (0, 1, 1), unit=unit)
    assert drop_dead_neurons(dead).network == dead  # undefined at -1, and so it stays
    polynomial = Rational.of([1, 0, 2], [3])
    assert drop_dead_neurons(line((1, 1, 0), (0, 1, 1), unit=polynomial)).network == line((1, 1, 0), unit=polynomial)


def test_neurons_without_real_poles_go() -> None:
    unit = Rational.of([1], [1, 0, 1])  # 1 / (1 + t^2)
    dead = line((1, 1, 0), (0, 1, 1), unit=unit)
    assert drop_dead_neurons(dead).network == line((1, 1, 0), unit=unit)


@pytest.mark.parametrize(
    ("rewriting", "incoming", "outgoing"), [(drop_dead_neurons, 1, 0), (fold_constant_neurons, 0, 1), (simplify, 1, 0)]
)
@pytest.mark.parametrize("has_pole", [True, False])
def test_a_pole_before_a_layer_that_goes_stays(rewriting: Any, incoming: int, outgoing: int, has_pole: bool) -> None:
    """Without neurons left, a conv becomes a constant; 1/x before it must not go with them, 1/(1 + x^2) may."""
    net = chain(
        (2,),
        Rational.of([1], [0, 1] if has_pole else [1, 0, 1]),
        Affine(RationalArray.of([[incoming] * 2] * 2), RationalArray.of([1, 2])),
        relu(),
        Reshape((2, 1)),
        Conv(RationalArray.of([[[outgoing], [outgoing]]]), RationalArray.of([5]), (1,), ((0, 0),), (1,), 1),
    )
    new = rewriting(net).network
    assert new([1, 2]) == net([1, 2])
    assert any(isinstance(new.operation(n), Rational) for n in new.order) is has_pole
    if has_pole:
        with pytest.raises(NotRational):
            new([0, 1])
    else:
        assert new([0, 1]) == net([0, 1])


def test_a_layer_of_constants_goes() -> None:
    net = mlp([([[1, 2], [3, 4]], [1, 2]), ([[0, 0], [0, 0]], [3, -4]), ([[1, 2], [3, 4]], [5, 6])])
    folded = fold_constant_neurons(net)
    assert kinds(folded.network) == ["affine", "piecewise_linear", "affine"]
    assert folded.network.operation("layer3") == Affine(RationalArray.zeros((2, 2)), RationalArray.of([8, 15]))
    check(net, folded, np.random.default_rng(0))
    simple = simplify(net)
    assert simple.network.order == ("input", "layer3")
    assert simple.network([7, 7]) == (8, 15)
    check(net, simple, np.random.default_rng(0))


def constant_channels(rng: np.random.Generator, biases: list[int], *, padding: int, last: Operation) -> Network:
    """conv with two channels without weights, relu, last."""
    first = conv(rng, 3, 2, (2, 2), padding=padding)
    weight = first.weight * RationalArray.of([1, 0, 0]).reshape(3, 1, 1, 1)
    first = Conv(weight, RationalArray.of([1, *biases]), first.stride, first.padding, first.dilation, 1)
    return chain((2, 4, 4), first, relu(), last)


@pytest.mark.parametrize(
    ("biases", "padding", "left"),
    [([2, 3], 0, 1), ([2, -3], 0, 1), ([2, 3], 1, 3), ([-2, 3], 1, 2), ([-2, -3], 1, 1)],
)
def test_constant_channels(biases: list[int], padding: int, left: int) -> None:
    rng = np.random.default_rng(9)
    net = constant_channels(rng, biases, padding=1, last=conv(rng, 2, 3, (2, 2), padding=padding))
    folded = fold_constant_neurons(net)
    assert widths(folded.network) == [left]
    check(net, folded, rng)


def test_constant_channels_into_an_affine_node() -> None:
    rng = np.random.default_rng(10)
    net = constant_channels(rng, [2, 3], padding=0, last=Reshape((27,)))
    net = chain((2, 4, 4), *(net.operation(f"n{i}") for i in (1, 2, 3)), Affine(numbers(rng, 2, 27), numbers(rng, 2)))
    folded = fold_constant_neurons(net)
    assert folded.network.shape("n3") == (9,)
    check(net, folded, rng)


def test_a_convolutional_layer_of_constants_becomes_a_constant() -> None:
    rng = np.random.default_rng(11)
    first = conv(rng, 2, 1, (2,), padding=1)
    net = chain(
        (1, 4),
        Conv(first.weight * 0, first.bias, first.stride, first.padding, first.dilation, 1),
        relu(),
        conv(rng, 3, 2, (2,)),
        relu(),
        Reshape((12,)),
        Affine(numbers(rng, 2, 12), numbers(rng, 2)),
    )
    check(net, fold_constant_neurons(net), rng)
    simple = simplify(net)
    assert kinds(simple.network) == ["constant"]
    check(net, simple, rng)


# --- dead neurons --------------------------------------------------------------------------------------------------------


def test_dead_neurons_go_and_what_only_they_read() -> None:
    net = mlp([([[1], [2], [3]], [0, 1, 2]), ([[1, 0, 0], [0, 1, 0]], [0, 1]), ([[1, 0]], [0])])
    dropped = drop_dead_neurons(net)
    assert widths(dropped.network) == [1, 1]
    assert dropped.witness == Dropped((ReducedLayer("relu2", (0,)), ReducedLayer("relu1", (0,))), ((1,), (1, 2)))
    check(net, dropped, np.random.default_rng(0))


def test_a_network_without_a_living_neuron_is_constant() -> None:
    net = mlp([([[1, 2], [3, 4]], [0, 1]), ([[0, 0], [0, 0]], [7, 8])])
    dropped = drop_dead_neurons(net)
    assert dropped.network == Network(_only_affine(), ["input"], ["layer2"])
    assert dropped.network([1, 1]) == (7, 8)
    assert dropped.witness == Dropped((ReducedLayer("relu1", ()),), ((0, 1),))


def _only_affine() -> Any:
    builder = Builder()
    builder.add("input", Input((2,)))
    builder.add("layer2", Affine(RationalArray.zeros((2, 2)), RationalArray.of([7, 8])), "input")
    return builder.build(["input"], ["layer2"]).graph


def test_dead_channels() -> None:
    rng = np.random.default_rng(12)
    last = conv(rng, 2, 4, (2, 2), padding=1)
    live = RationalArray.of([1, 0, 1, 0]).reshape(1, 4, 1, 1)
    last = Conv(last.weight * live, last.bias, last.stride, last.padding, last.dilation, 1)
    net = chain((2, 4, 4), conv(rng, 4, 2, (2, 2)), batch_norm(rng, 4), PRelu(numbers(rng, 4)), batch_norm(rng, 4), last)
    dropped = drop_dead_neurons(net)
    assert [dropped.network.shape(f"n{i}")[0] for i in range(1, 6)] == [2, 2, 2, 2, 2]
    check(net, dropped, rng)


def test_residual_networks_are_left_alone_where_neurons_are_shared() -> None:
    rng = np.random.default_rng(13)
    builder = Builder()
    builder.add("x", Input((2,)))
    builder.add("w", Affine(RationalArray.of([[1, 1], [1, 1], [0, 0]]), RationalArray.of([1, 1, 1])), "x")
    builder.add("r", relu(), "w")
    builder.add("v", Affine(RationalArray.of([[1, 2, 0], [1, 2, 0], [3, 3, 0]]), RationalArray.of([1, 1, 1])), "r")
    builder.add("s", relu(), "v")
    builder.add("u", Affine(numbers(rng, 3, 3), numbers(rng, 3)), "s")
    builder.add("sum", Add(), "r", "u")
    net = builder.build(["x"], ["sum"])
    simple = simplify(net)
    assert {n: simple.network.shape(n)[0] for n in simple.network.hidden_layers} == {"r": 3, "s": 2}
    check(net, simple, rng)


# --- witnesses -----------------------------------------------------------------------------------------------------------


def test_steps_lead_back_through_all_of_them() -> None:
    first = Merged((MergedLayer("r", (((0, Fraction(1)), (2, Fraction(3))), ((1, Fraction(1)),))),))
    second = Dropped((ReducedLayer("r", (0,)),), ((1,),))
    third = Merged(())
    steps = Steps.of([first, Steps((second,)), third])
    assert steps.steps == (first, second)
    assert steps.neuron("r", 0) == (Origin("r", 0, Fraction(1)), Origin("r", 2, Fraction(3)))
    assert steps.neuron("other", 5) == (Origin("other", 5, Fraction(1)),)
    assert steps.describe() == "merge: r: neurons 2 (3 times) with neuron 0\ndead: r: neurons 1 dropped"
    assert isinstance(second, Reduced)
    assert hash(steps) == hash(Steps((first, second)))


def test_a_large_network_is_quick() -> None:
    rng = np.random.default_rng(14)
    weight = rng.standard_normal((400, 200)).astype(np.float32)
    weight[200:] = weight[:200] * 2
    net = mlp([(weight, np.zeros(400)), (rng.standard_normal((10, 400)).astype(np.float32), np.zeros(10))])
    assert widths(simplify(net).network) == [200]


def test_nodes_that_no_output_depends_on_are_no_obstacle() -> None:
    """As an exact JSON file may have them: activations, and a sum that reads a layer beside what the outputs need."""
    net = mlp([([[1, 0], [1, 0], [-1, -1]], [0, 0, 0]), ([[1, 1, 1], [-1, -1, -1], [0, 0, 0]], [0, 1, 0]), ([[1, 1, 5]], [0])])
    written = document(net)
    relu_of = {"op": "piecewise_linear", "slope": 0, "constant": 0, "kinks": [[0, 1]]}
    written["nodes"] += [
        {"name": "sum", "op": "add", "operands": ["relu2", "layer2"]},
        {**relu_of, "name": "spare", "operands": ["sum"]},
    ]
    found = simplify(network_from_document(written)).network
    assert found.order == simplify(net).network.order
    assert found([3, -5]) == net([3, -5])
