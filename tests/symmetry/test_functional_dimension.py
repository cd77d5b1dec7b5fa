"""functional_dimension: against the rank of derivatives by a backward pass of its own, at points of all regions, for any weights."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import sympy
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError, AtKink, NotPiecewiseLinear, Undecided
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Conv, Input, MaxPool, Network, Reshape, activation
from exactnn.symmetry import Permutation, Scaling, functional_dimension
from exactnn.symmetry import _functional_dimension as engine
from exactnn.symmetry._ranks import Basis, exact_rank
from tests.strategies import graphs, law

Layers = list[tuple[list[list[Fraction]], list[Fraction]]]
KINDS = {"relu": (0, 1), "leaky_relu(1/10)": (Fraction(1, 10), 1), "abs": (-1, 1)}


def layers_of(widths: list[int], source: random.Random, size: int = 3) -> Layers:
    def number() -> Fraction:
        return Fraction(source.randint(-size, size))

    return [([[number() for _ in range(a)] for _ in range(b)], [number() for _ in range(b)]) for a, b in pairwise(widths)]


def network(layers: Layers, unit: str = "relu") -> Network:
    return xn.mlp(layers, activation=unit)


# --- the oracle --------------------------------------------------------------------------------------------------------------


def run(layers: Layers, x: list[Fraction], unit: str) -> tuple[list[list[Fraction]], list[list[Fraction]]] | None:
    """Values that each layer reads, and slopes behind each hidden layer; None at a kink."""
    below, above = KINDS[unit]
    read, slopes = [x], []
    for k, (W, b) in enumerate(layers):
        z = [sum((w * v for w, v in zip(row, read[-1], strict=True)), c) for row, c in zip(W, b, strict=True)]
        if k == len(layers) - 1:
            return read, slopes
        if 0 in z:
            return None
        slopes.append([Fraction(above if v > 0 else below) for v in z])
        read.append([s * v for s, v in zip(slopes[-1], z, strict=True)])
    raise AssertionError


def derivatives(layers: Layers, x: list[Fraction], unit: str) -> list[list[Fraction]]:
    """For each output its derivatives by all weights and biases."""
    found = run(layers, x, unit)
    assert found is not None
    read, slopes = found
    result = []
    for j in range(len(layers[-1][1])):
        back = [Fraction(int(i == j)) for i in range(len(layers[-1][1]))]
        row: list[Fraction] = []
        for k in reversed(range(len(layers))):
            row = [d * v for d in back for v in read[k]] + back + row
            if k:
                W = layers[k][0]
                back = [s * sum(W[i][q] * back[i] for i in range(len(back))) for q, s in enumerate(slopes[k - 1])]
        result.append(row)
    return result


def points_in(layers: Layers, p: tuple[Fraction, ...], unit: str) -> list[list[Fraction]]:
    """p and, for each direction, a point beside it with the same slopes."""
    own = run(layers, list(p), unit)
    if own is None:
        return []
    found = [list(p)]
    for i in range(len(p)):
        step = Fraction(1)
        while True:
            q = [v + step * (k == i) for k, v in enumerate(p)]
            there = run(layers, q, unit)
            if there is not None and there[1] == own[1]:
                break
            step /= 2
        found.append(q)
    return found


def brute(layers: Layers, unit: str = "relu") -> int | None:
    """The rank at d + 1 points of each region, which another engine lists; None without any smooth point."""
    regions = xn.regions.iterate(network(layers, unit))
    rows = [row for r in regions for x in points_in(layers, r.interior_point, unit) for row in derivatives(layers, x, unit)]
    distinct = sorted(set(map(tuple, rows)))
    return int(sympy.Matrix(distinct).rank()) if distinct else None


def value(layers: Layers, unit: str = "relu") -> int | None:
    try:
        return functional_dimension(network(layers, unit))
    except AtKink:
        return None


def bounds(net: Network) -> tuple[object, object]:
    try:
        found = functional_dimension(net)
    except Undecided as still:
        return still.lower, still.upper
    return found, found


# --- examples ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d", "m"), [(1, 1, 1), (3, 2, 1), (4, 3, 2), (5, 1, 3)])
def test_reduced_weights_of_one_layer(n: int, d: int, m: int) -> None:
    """All parameters but one scaling for each neuron."""
    W = [[Fraction((i + 2) ** (k + 1)) for k in range(d)] for i in range(n)]
    A = [[Fraction(i * i + j + 1) for i in range(n)] for j in range(m)]
    layers = [(W, [Fraction(i) for i in range(n)]), (A, [Fraction(0)] * m)]
    assert value(layers) == n * (d + m + 1) + m - n == brute(layers)


def test_the_dimension_depends_on_the_weights() -> None:
    """The inhomogeneity of arXiv 2209.04036: one architecture, several functional dimensions."""
    first = [[Fraction(1), Fraction(0)], [Fraction(0), Fraction(1)], [Fraction(1), Fraction(1)]]
    zero = [Fraction(0)] * 3
    found = set()
    for a in ([1, 2, 3], [1, 2, 0], [1, 0, 0], [0, 0, 0]):
        layers = [(first, zero), ([[Fraction(q) for q in a]], [Fraction(0)])]
        assert value(layers) == brute(layers)
        found.add(value(layers))
    assert found == {10, 8, 6, 4}
    deep = [([[1]], [0]), ([[1]], [1]), ([[1]], [0])]
    assert functional_dimension(xn.mlp(deep)) == 3  # of 6 parameters, less two scalings; the second neuron is affine on max(x, 0) >= 0
    assert functional_dimension(xn.mlp([deep[0], ([[-1]], [-1]), deep[2]])) == 1  # and here it is dead, everywhere


def test_an_affine_map_and_products_of_them() -> None:
    assert functional_dimension(xn.mlp([([[1, 2], [3, 4], [5, 6]], [0, 0, 0])])) == 9
    b = Builder()
    x = b.add("x", Input((2,)))
    h = b.add("h", Affine(RationalArray.of([[1, 1]]), RationalArray.of([0])), x)
    net = b.build([x], [b.add("y", Affine(RationalArray.of([[2], [3]]), RationalArray.of([0, 0])), h)])
    assert functional_dimension(net) == 5  # matrices of rank one have 3 dimensions, and there are 2 biases; of 3 + 4 parameters


def test_784_1000_10() -> None:
    source = np.random.default_rng(0)
    f = xn.mlp([(source.integers(-999, 999, (b, a)), source.integers(-999, 999, b)) for a, b in ((784, 1000), (1000, 10))])
    assert functional_dimension(f, time_limit=300) == 1000 * (784 + 10 + 1) + 10 - 1000


@pytest.mark.parametrize("unit", KINDS)
def test_degenerate_neurons(unit: str) -> None:
    """Duplicates, opposite and parallel ones, dead and constant ones, alone and together."""
    base = [([1, 0], 0, [1, 2]), ([0, 1], 1, [1, -1])]
    cases = {
        "duplicate": [([2, 0], 0, [3, 1])],
        "duplicate, one direction": [([2, 0], 0, [2, 4])],
        "opposite": [([-1, 0], 0, [1, 2])],
        "opposite, other weights": [([-3, 0], 0, [0, 1])],
        "parallel": [([1, 0], 5, [1, 2])],
        "dead": [([1, 1], 1, [0, 0])],
        "constant on": [([0, 0], 2, [1, 0])],
        "constant off": [([0, 0], -2, [1, 0])],
        "cancelling": [([1, 0], 0, [-1, -2])],
        "linear pair": [([-1, 0], 0, [-1, -2])],
        "both sides twice": [([-1, 0], 0, [1, 2]), ([0, -2], -2, [1, 1]), ([2, 0], 0, [0, 1])],
        "everything": [([-1, 0], 0, [1, 2]), ([0, 0], 1, [1, 1]), ([0, 0], -1, [2, 1]), ([1, 1], 0, [0, 0]), ([2, 2], 0, [1, 0])],
    }
    found = {}
    for name, more in cases.items():
        W, b, a = zip(*base, *more, strict=True)
        layers = [
            ([[Fraction(q) for q in w] for w in W], [Fraction(q) for q in b]),
            ([[Fraction(q[j]) for q in a] for j in (0, 1)], [Fraction(0)] * 2),
        ]
        found[name] = value(layers, unit)
        assert found[name] == brute(layers, unit), name
        assert found[name] == engine._Bounds(network(layers, unit)).value(), name  # by cells, without the theorem about one layer
    assert len(set(found.values())) >= 4


def test_deep_networks_of_many_cells_meet_the_bound() -> None:
    source = random.Random(5)
    net = network(
        [
            (
                [[Fraction(source.randint(-99, 99), 7) for _ in range(a)] for _ in range(b)],
                [Fraction(source.randint(-99, 99), 3) for _ in range(b)],
            )
            for a, b in ((6, 12), (12, 10), (10, 3))
        ]
    )
    count = 6 * 12 + 12 + 12 * 10 + 10 + 10 * 3 + 3
    assert bounds(net) == (count - 22, count - 22)


def test_torch_sees_the_same_rank() -> None:
    """In floats, for generic weights, from torch's own backward pass."""
    source = random.Random(3)
    for widths in ([2, 4, 1], [2, 3, 3, 2]):
        layers = [
            ([[Fraction(source.uniform(-1, 1)) for _ in range(a)] for _ in range(b)], [Fraction(source.uniform(-1, 1)) for _ in range(b)])
            for a, b in pairwise(widths)
        ]
        net = network(layers)
        module = net.to_torch(dtype=torch.float64)
        parameters = list(module.parameters())
        rows = []
        torch.manual_seed(0)
        for x in torch.randn(600, widths[0], dtype=torch.float64) * 3:
            for out in module(x.reshape(1, -1)).reshape(-1):
                grads = torch.autograd.grad(out, parameters, retain_graph=True)
                rows.append(torch.cat([g.reshape(-1) for g in grads]))
        found = functional_dimension(net)
        assert int(torch.linalg.matrix_rank(torch.stack(rows), rtol=1e-9)) == found


def test_convolutions() -> None:
    """Shared weights: the dense network with the same function has more parameters and another dimension."""
    b = Builder()
    x = b.add("x", Input((4,)))
    image = b.add("image", Reshape((1, 4)), x)
    conv = Conv(RationalArray.of([[[1, 2]], [[-1, 3]]]), RationalArray.of([1, -2]), (1,), ((0, 0),), (1,), 1)
    h = b.add("relu", activation("relu"), b.add("conv", conv, image))
    y = b.add("y", Affine(RationalArray.of([[1, 2, 3, -1, 5, 2]]), RationalArray.of([0])), b.add("flat", Reshape((6,)), h))
    net = b.build([x], [y])
    assert functional_dimension(net) == 6 + 7 - 2
    pooled = b.add("pool", MaxPool((3,), (1,), ((0, 0),), (1,)), h)
    z = b.add("z", Affine(RationalArray.of([[1, 2]]), RationalArray.of([0])), b.add("small", Reshape((2,)), pooled))
    with_pool = b.build([x], [z])
    assert functional_dimension(with_pool) == 6 + 3 - 2  # where all entries of a window are off, they tie, and f is differentiable


def test_two_activations_in_a_row_have_the_same_neurons() -> None:
    """Their scalings count once: leaky_relu(relu(t)) = relu(t)."""
    b = Builder()
    x = b.add("x", Input((2,)))
    h = b.add("h", Affine(RationalArray.of([[1, 2], [3, -1]]), RationalArray.of([1, 2])), x)
    h = b.add("second", activation("leaky_relu(1/10)"), b.add("first", activation("relu"), h))
    net = b.build([x], [b.add("y", Affine(RationalArray.of([[1, 5]]), RationalArray.of([0])), h)])
    assert functional_dimension(net) == functional_dimension(xn.mlp([([[1, 2], [3, -1]], [1, 2]), ([[1, 5]], [0])])) == 7


def test_windows_pass_on_what_lies_beside() -> None:
    """An output that reads one window depends on all of its entries: the row of the entry beside it is not dead."""
    b = Builder()
    x = b.add("x", Input((2,)))
    h = b.add("h", Affine(RationalArray.of([[1, 2], [3, -1], [1, 1]]), RationalArray.of([1, 2, 3])), x)
    pool = b.add("pool", MaxPool((3,), (1,), ((1, 1),), (1,)), b.add("row", Reshape((1, 3)), h))
    y = b.add("y", Affine(RationalArray.of([[1, 0, 0]]), RationalArray.of([0])), b.add("flat", Reshape((3,)), pool))
    # max(h_0, h_1): 6; max(h_0, h_1, h_2) and max(h_1, h_2) by the other two weights, 1; less the functions among them that agree
    net = b.build([x], [y])
    found = functional_dimension(net)
    sides = [[Fraction(p, 3), Fraction(q, 5)] for p in range(-40, 41, 3) for q in range(-41, 41, 4)]
    rows = []
    for point in sides:
        derivative = net.gradient(RationalArray.of([point]), [[1]]).parameters
        rows.append([q for fields in derivative.values() for part in fields.values() for q in part.to_fractions()])
    assert found == int(sympy.Matrix(rows).rank())


@pytest.mark.parametrize("bits", [3, 40])
def test_ranks_of_matrices(bits: int) -> None:
    """Of products of two random matrices, with rows that depend on others; with a multiple of the prime, too."""
    source = random.Random(bits)

    def numbers(a: int, b: int) -> RationalArray:
        return RationalArray.of([[Fraction(source.getrandbits(bits) - 2 ** (bits - 1), 3) for _ in range(b)] for _ in range(a)])

    for rank in (1, 3, 5):
        matrix = numbers(12, rank) @ numbers(rank, 7)
        expected = int(sympy.Matrix(12, 7, [sympy.Rational(q.numerator, q.denominator) for q in matrix.to_fractions()]).rank())
        parts = [matrix[:5], matrix[5:] * Fraction(1, 7)]
        basis = Basis()
        for part in parts:
            basis.add([part])
        assert exact_rank(parts) == expected >= basis.rank
    many = RationalArray.of([[1, 0], [1, 2**31 - 1]])  # of rank 1 modulo the first prime
    basis = Basis()
    basis.add([many])
    assert (basis.rank, exact_rank([many])) == (1, 2)
    zero = RationalArray.zeros((3, 4))
    assert exact_rank([zero]) == 0
    assert exact_rank([RationalArray.eye(4)]) == 4


# --- laws ----------------------------------------------------------------------------------------------------------------------


def small(draw: st.DrawFn, widths: list[int], unit: str) -> Layers:
    number = st.integers(-2, 2).map(Fraction)
    return [([[draw(number) for _ in range(a)] for _ in range(b)], [draw(number) for _ in range(b)]) for a, b in pairwise(widths)]


@given(st.data(), st.integers(1, 2), st.integers(0, 5), st.integers(1, 2), st.sampled_from(sorted(KINDS)))
@law(40)
def test_one_layer_is_the_rank_on_all_regions(data: st.DataObject, d: int, n: int, m: int, unit: str) -> None:
    layers = small(data.draw, [d, n, m], unit) if n else small(data.draw, [d, m], unit)
    assert value(layers, unit) == brute(layers, unit)


@given(st.data(), st.integers(1, 2), st.lists(st.integers(1, 3), min_size=2, max_size=3), st.integers(1, 2), st.sampled_from(sorted(KINDS)))
@law(25)
def test_deep_ones_are_the_rank_on_all_regions(data: st.DataObject, d: int, hidden: list[int], m: int, unit: str) -> None:
    layers = small(data.draw, [d, *hidden, m], unit)
    assert value(layers, unit) == brute(layers, unit)


@given(st.data(), st.lists(st.integers(1, 3), min_size=1, max_size=2))
@law(25)
def test_permutations_and_scalings_change_nothing(data: st.DataObject, hidden: list[int]) -> None:
    layers = small(data.draw, [2, *hidden, 1], "relu")
    before = value(layers)
    assume(before is not None)
    net = network(layers)
    for k, width in enumerate(hidden):
        factors = data.draw(st.lists(st.sampled_from([Fraction(q) for q in ("1/3", 1, 2, 5)]), min_size=width, max_size=width))
        net = Scaling(k, factors).apply(Permutation(k, data.draw(st.permutations(range(width)))).apply(net))
    assert functional_dimension(net) == before


@given(graphs(units=("relu", "abs", "leaky_relu(1/10)")), st.integers(0, 99))
@law(15)
def test_no_rank_at_points_is_larger(net: Network, seed: int) -> None:
    """Any graph: residual, convolutional, pooled. The gradients are those of `Network.gradient`, at points without a kink."""
    source = random.Random(seed)
    rows = []
    for _ in range(20):
        x = [[Fraction(source.randint(-(10**4), 10**4), 997) for _ in range(net.input_dim)]]
        for j in range(net.output_dim):
            found = net.gradient(x, [[int(i == j) for i in range(net.output_dim)]])
            if not found.kinks:
                parts = [
                    found.parameters[n][f] for n in net.order if isinstance(net.operation(n), (Affine, Conv)) for f in ("weight", "bias")
                ]
                rows.append([q for part in parts for q in part.to_fractions()])
    assume(rows and rows[0])
    try:
        upper = bounds(net)[1]
    except AtKink:
        upper = 0
    assert exact_rank([RationalArray.of(rows)]) <= upper  # type: ignore[operator]


# --- limits and refusals ---------------------------------------------------------------------------------------------------------


def test_undecided_with_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [
        ([[Fraction(1)], [Fraction(2)]], [Fraction(1), Fraction(-1)]),
        ([[Fraction(1), Fraction(1)], [Fraction(2), Fraction(1)]], [Fraction(9), Fraction(9)]),
        ([[Fraction(1), Fraction(1)]], [Fraction(0)]),
    ]
    exact = brute(layers)
    net = network(layers)
    assert exact is not None
    assert functional_dimension(net) == exact
    monkeypatch.setattr(engine, "_CELLS", 1)
    with pytest.raises(Undecided, match=r"between \d+ and \d+ of 13 parameters") as caught:
        functional_dimension(net)
    assert caught.value.lower <= exact <= caught.value.upper < 13  # type: ignore[operator]
    with pytest.raises(Undecided, match="time limit") as caught:
        functional_dimension(net, time_limit=0)
    assert caught.value.lower <= exact <= caught.value.upper  # type: ignore[operator]


def test_refusals() -> None:
    with pytest.raises(NotPiecewiseLinear, match=r"'tanh1' is not.*symmetry\.fibre"):
        functional_dimension(xn.mlp([([[1]], [0]), ([[1]], [0])], activation="tanh"))
    with pytest.raises(AtKink, match="the weights and the bias of neuron 1 are all 0"):
        functional_dimension(xn.mlp([([[1], [0]], [0, 0]), ([[1, 1]], [0])]))
    with pytest.raises(AtKink, match="on every cell"):
        functional_dimension(xn.mlp([([[1]], [0]), ([[0]], [0]), ([[1]], [0])]))
    for wrong in (None, "f.onnx", [([[1]], [0])]):
        with pytest.raises(ArgumentError, match="net: a Network is needed, got"):
            functional_dimension(wrong)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="time_limit"):
        functional_dimension(xn.mlp([([[1]], [0])]), time_limit=-1)
