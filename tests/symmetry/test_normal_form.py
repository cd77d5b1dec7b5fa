"""The normal form is a complete invariant: equal exactly when the functions are, by judges that share nothing with it."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Network, from_torch, mlp
from exactnn.errors import ArgumentError, NotOneHiddenLayer, Undecided
from exactnn.exact.array import RationalArray
from exactnn.network import Add, Affine, AveragePool, Builder, Concat, Constant, Conv, Input, MaxPool, Reshape, activation, relu
from exactnn.symmetry import NormalForm, normal_form
from tests.strategies import (
    TINY,
    Shallow,
    equal_pairs,
    flipped,
    law,
    nudged,
    numbers,
    permuted,
    scaled,
    shallows,
)
from tests.verify._oracles import same_in_the_plane, value, z3_differ


def one(*neurons: tuple[Any, Any, Any], c: Any = 0) -> Network:
    """c + sum a s(w x + b) in one variable, neurons as (a, w, b)."""
    return mlp([([[w] for _, w, _ in neurons], [b for _, _, b in neurons]), ([[a for a, _, _ in neurons]], [c])])


def linear(slope: Any, *kinks: tuple[Any, Any]) -> Network:
    """sum J s(x - t) + slope x, kinks as (J, t)."""
    neurons = [(j, 1, -Fraction(t)) for j, t in kinks]
    return one(*neurons, (slope, 1, 0), (-Fraction(slope), -1, 0))


def formula(nf: NormalForm, x: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """k + M x + sum_h J_h max(u_h . x + v_h, 0), from the public dictionary."""
    found = [k + sum(m * q for m, q in zip(row, x, strict=True)) for k, row in zip(nf.constant, nf.linear, strict=True)]
    for (*u, v), jump in nf.kinks.items():
        level = max(sum(p * q for p, q in zip(u, x, strict=True)) + v, Fraction(0))
        found = [q + j * level for q, j in zip(found, jump, strict=True)]
    return tuple(found)


# --- what it is -----------------------------------------------------------------------------------------------------------


def test_the_numbers_of_the_theory() -> None:
    nf = normal_form(one((2, 1, 0), (1, -1, 0)))  # T16
    assert nf.kinks == {(1, 0): (Fraction(3),)}
    assert nf.linear == ((Fraction(-1),),)
    assert nf.constant == (0,)


def test_hyperplanes_are_primitive_over_slope_and_offset() -> None:
    f = mlp([([[Fraction(4, 3), -2]], [Fraction(2, 3)]), ([[5]], [0])])
    assert normal_form(f).kinks == {(2, -3, 1): (Fraction(10, 3),)}
    g = mlp([([[0, -4]], [8]), ([[5]], [0])])
    assert normal_form(g).kinks == {(0, 1, -2): (Fraction(20),)}


def test_parallel_hyperplanes_stay_apart() -> None:
    assert set(normal_form(one((1, 2, 0), (1, 2, 1), (1, 1, 1))).kinks) == {(1, 0), (2, 1), (1, 1)}


@given(shallows())
@law(60)
def test_its_form_and_its_formula(f: Shallow) -> None:
    nf = normal_form(f.network())
    for (*u, v), jump in nf.kinks.items():
        assert Fraction(0) != next(q for q in u if q) > 0
        assert Fraction(1) == math.gcd(*u, v)
        assert any(jump)
    assert list(nf.kinks) == sorted(nf.kinks)
    for x in itertools.product((Fraction(-3), Fraction(1, 7), Fraction(2**40)), repeat=f.inputs):
        assert formula(nf, x) == value(f.network(), x)
        assert nf(RationalArray.of([list(x)])).to_fractions() == value(f.network(), x)


@given(shallows())
@law(40)
def test_its_network_has_the_same_normal_form(f: Shallow) -> None:
    nf = normal_form(f.network())
    again = normal_form(nf.to_network())
    assert again == nf
    assert hash(again) == hash(nf)
    assert (again.kinks, again.linear, again.constant) == (nf.kinks, nf.linear, nf.constant)
    assert nf.to_network() == again.to_network()
    rank = nf.slope.to_fmpq_mat().rank()
    width = len(nf.hyperplanes) + 2 * rank
    assert len(nf.to_network().hidden_layers) == (1 if width else 0)


# --- invariance -----------------------------------------------------------------------------------------------------------


@given(shallows(), st.data())
@law(40)
def test_permutation_and_scaling(f: Shallow, data: st.DataObject) -> None:
    nf = normal_form(f.network())
    order = data.draw(st.permutations(range(len(f.neurons))))
    moved = permuted(f, order)
    assert normal_form(moved.network()) == nf
    if f.homogeneous:
        factors = [data.draw(st.sampled_from([Fraction(1), Fraction(3, 2), 2**60, TINY])) for _ in order]
        assert normal_form(scaled(moved, [Fraction(q) for q in factors]).network()) == nf


@given(shallows(units=("relu",), width=4), st.data())
@law(40)
def test_zero_sum_flips(f: Shallow, data: st.DataObject) -> None:
    """(a, w, b) -> (a, -w, -b) on T, c -> c + sum a b: kept exactly if sum a w^T = 0."""
    chosen = data.draw(st.sets(st.integers(0, max(len(f.neurons) - 1, 0)))) if f.neurons else set()
    neurons = [(tuple(-q for q in w), -b, a) if i in chosen else (w, b, a) for i, (w, b, a) in enumerate(f.neurons)]
    extra = [sum((f.neurons[i][2][j] * f.neurons[i][1] for i in chosen), Fraction(0)) for j in range(len(f.constants))]
    g = replace(f, neurons=tuple(neurons), constants=tuple(c + e for c, e in zip(f.constants, extra, strict=True)))
    zero_sum = not any(
        sum((f.neurons[i][2][j] * f.neurons[i][0][k] for i in chosen), Fraction(0))
        for j in range(len(f.constants))
        for k in range(f.inputs)
    )
    assert (normal_form(f.network()) == normal_form(g.network())) is zero_sum
    assert normal_form(flipped(f, sorted(chosen)).network()) == normal_form(f.network())


@given(equal_pairs())
@law(80)
def test_equal_functions_have_equal_forms_and_hashes(pair: tuple[Shallow, Shallow]) -> None:
    f, g = (normal_form(s.network()) for s in pair)
    assert f == g
    assert hash(f) == hash(g)
    assert len({f, g}) == 1
    assert repr(f) == repr(g)


# --- completeness ---------------------------------------------------------------------------------------------------------


@given(equal_pairs(st.integers(1, 2)), st.integers(0, 10**6), st.sampled_from([TINY, Fraction(1), Fraction(-1, 3)]))
@law(60)
def test_equal_exactly_if_the_functions_are(pair: tuple[Shallow, Shallow], place: int, step: Fraction) -> None:
    f, g = pair[0], nudged(pair[1], place, step)
    same = same_in_the_plane(f.network(), g.network(), [*f.kinks(), *g.kinks()])
    assert (normal_form(f.network()) == normal_form(g.network())) is same


@given(equal_pairs(st.just(3), width=3), st.integers(0, 10**6))
@law(10)
def test_equal_exactly_if_z3_finds_no_difference(pair: tuple[Shallow, Shallow], place: int) -> None:
    f, g = pair[0].network(), nudged(pair[1], place).network()
    differ = z3_differ(f, g)
    assert differ is None or (normal_form(f) != normal_form(g)) is differ


@given(shallows(st.integers(1, 2), width=4))
@law(40)
def test_is_zero(f: Shallow) -> None:
    zero = Shallow(f.inputs, (), (Fraction(0),) * len(f.constants)).network()
    assert normal_form(f.network()).is_zero() is same_in_the_plane(f.network(), zero, f.kinks())


def test_other_functions_have_other_forms() -> None:
    forms = [normal_form(one((1, 1, k))) for k in range(20)] + [normal_form(one((k, 1, 0))) for k in range(2, 20)]
    assert len(set(forms)) == len(forms)
    assert normal_form(one((1, 1, 0))) != "x"


# --- what folds to one hidden layer ---------------------------------------------------------------------------------------


def test_identity_layers_and_constant_layers_fold() -> None:
    f = mlp([([[2]], [1]), ([[3]], [0])])
    deep = mlp([([[1]], [0]), ([[2]], [1]), ([[1]], [0])], activation="identity")
    assert normal_form(deep) == normal_form(mlp([([[2]], [1])]))
    assert normal_form(mlp([([[0]], [-3]), ([[1]], [5]), ([[2]], [0])])) == normal_form(mlp([([[0]], [10])]))
    assert normal_form(f) != normal_form(deep)


def test_a_dead_second_layer_folds() -> None:
    """s(-s(x) - 1) is decided only on the image: no fold without a domain; s(0 s(x) - 1) is."""
    assert normal_form(mlp([([[1]], [0]), ([[0]], [-1]), ([[7]], [2])])) == normal_form(mlp([([[0]], [2])]))


def test_residual_and_concatenation() -> None:
    b = Builder()
    x = b.add("x", Input((2,)))
    h = b.add("h", relu(), b.add("a", Affine(RationalArray.of([[1, 2], [3, 4]]), RationalArray.of([0, 1])), x))
    joined = b.add("joined", Concat(0), x, h, b.add("one", Constant(RationalArray.of([1]))))
    doubled = b.add("doubled", Add(), joined, joined)
    net = b.build([x], [b.add("out", Affine(RationalArray.of([[1, 0, 1, 1, 3]]), RationalArray.of([0])), doubled)])
    nf = normal_form(net)
    assert nf.kinks == {(1, 2, 0): (2,), (3, 4, 1): (2,)}
    assert (nf.linear, nf.constant) == (((2, 0),), (6,))


def test_convolution_and_pooling_fold_entry_by_entry() -> None:
    b = Builder()
    x = b.add("x", Input((1, 3)))
    c = b.add("c", Conv(RationalArray.of([[[1, -1]]]), RationalArray.of([1]), (1,), ((1, 0),), (1,), 1), x)
    p = b.add("p", AveragePool((3,), (1,), ((0, 0),), True), b.add("r", relu(), c))
    net = b.build([x], [b.add("flat", Reshape((1,)), p)])
    rows = [[-1, 0, 0], [1, -1, 0], [0, 1, -1]]
    dense = mlp([(rows, [1, 1, 1]), ([[Fraction(1, 3)] * 3], [0])])
    assert normal_form(net) == normal_form(dense)
    pooled = b.build([x], [b.add("m", MaxPool((3,), (1,), ((0, 0),), (1,)), c)])
    with pytest.raises(NotOneHiddenLayer):  # max of three is max(max(a, b), c): two layers
        normal_form(pooled)


@pytest.mark.parametrize("unit", ["relu", "relu6", "hardtanh", "leaky_relu(1/4)"])
def test_torch_modules(unit: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    units = {
        "relu": torch.nn.ReLU(),
        "relu6": torch.nn.ReLU6(),
        "hardtanh": torch.nn.Hardtanh(),
        "leaky_relu(1/4)": torch.nn.LeakyReLU(0.25),
    }
    module = torch.nn.Sequential(torch.nn.Linear(3, 5), units[unit], torch.nn.Linear(5, 2))
    f = from_torch(module, (3,))
    first, last = module[0], module[2]
    g = mlp([(first.weight, first.bias), (last.weight, last.bias)], activation=unit)
    assert normal_form(f) == normal_form(g)


@pytest.mark.parametrize(
    "net",
    [
        mlp([([[1]], [0]), ([[1]], [1]), ([[1]], [0])]),
        mlp([([[1]], [0]), ([[1]], [1]), ([[1]], [0])], activation="tanh"),
        mlp([([[1], [2]], [0, 1]), ([[1, 1]], [0])], activation="gelu_tanh"),
    ],
)
def test_others_are_refused(net: Network) -> None:
    with pytest.raises(NotOneHiddenLayer, match="one hidden layer"):
        normal_form(net)


def test_something_that_is_no_network() -> None:
    with pytest.raises(ArgumentError, match=r"net.*Network.*exactnn.load"):
        normal_form("model.onnx")  # type: ignore[arg-type]


def test_the_hidden_unit_may_have_several_kinks() -> None:
    f = mlp([([[1]], [0]), ([[1]], [0])], activation="hardtanh")
    assert normal_form(f).kinks == {(1, 1): (1,), (1, -1): (-1,)}
    assert normal_form(f).constant == (-1,)
    assert activation("hardtanh") == f.operation(f.hidden_layers[0])


# --- minimal width --------------------------------------------------------------------------------------------------------


def test_t29_minimal_width() -> None:
    assert normal_form(linear(-5, (2, 0), (3, 1))).minimal_width == 2
    assert normal_form(linear(-4, (2, 0), (3, 1))).minimal_width == 3
    assert normal_form(linear(-2, (2, 0), (3, 1))).minimal_width == 2
    assert normal_form(linear(0, (2, 0), (3, 1))).minimal_width == 2


def test_minimal_width_without_kinks() -> None:
    assert normal_form(mlp([([[0]], [7])])).minimal_width == 0
    assert normal_form(mlp([([[3]], [7])])).minimal_width == 2
    assert normal_form(mlp([([[1, 2], [2, 4]], [7, 0])])).minimal_width == 2
    assert normal_form(mlp([([[1, 2], [0, 1]], [7, 0])])).minimal_width == 4
    assert normal_form(one((2, 1, 0), (1, -1, 0))).minimal_width == 2  # T16


@given(shallows(st.integers(1, 3), units=("relu",), width=4, outputs=1))
@law(60)
def test_minimal_width_against_all_assignments(f: Shallow) -> None:
    nf = normal_form(f.network())
    assert nf.minimal_width == least_width(nf)
    assert nf.minimal_width <= len(f.neurons)


@given(shallows(st.integers(1, 2), units=("relu",), width=4))
@law(40)
def test_minimal_width_of_several_outputs_against_all_assignments(f: Shallow) -> None:
    nf = normal_form(f.network())
    assert len(nf.kinks) <= nf.minimal_width <= min(len(f.neurons), least_width_of_all(nf))
    assert nf.minimal_width == least_width_of_all(nf)


@pytest.mark.parametrize(
    ("slope", "kinks"),
    [(-5, ((2, 0), (3, 1))), (-4, ((2, 0), (3, 1))), (1, ((1, 0),)), (-1, ((1, 0),)), (1, ()), (-1, ((2, 0), (-3, 1)))],
)
def test_minimal_width_in_one_variable_against_z3(slope: int, kinks: tuple[tuple[int, int], ...]) -> None:
    width = normal_form(linear(slope, *kinks)).minimal_width
    assert realisable(slope, kinks, width)
    assert not realisable(slope, kinks, width - 1)


def test_minimal_width_of_many_kinks() -> None:
    """x + sum of 40 kinks of jump 1: no kinks turned over make the slope -1 a sum of jumps, one neuron more does."""
    assert normal_form(linear(1, *((1, t) for t in range(40)))).minimal_width == 41
    assert normal_form(linear(-7, *((1, t) for t in range(40)))).minimal_width == 40
    assert normal_form(linear(-7, *((2, t) for t in range(40)))).minimal_width == 41


def test_minimal_width_of_several_outputs_is_open_where_there_are_too_many_ranks() -> None:
    """Jumps (1, 0) and (0, 1) in the plane, a slope with entries that their sums do not have."""
    weight = [[1, 0]] * 12 + [[0, 1]] * 12
    bias = [*range(12), *range(12)]
    pairs = [[1, 1], [-1, -1], [1, -1], [-1, 1]]
    outgoing = [[1] * 12 + [0] * 12 + ["1/2", "-1/2", "1/3", "-1/3"], [0] * 12 + [1] * 12 + ["1/5", "-1/5", "1/7", "-1/7"]]
    nf = normal_form(mlp([(weight + pairs, [*bias, 0, 0, 0, 0]), (outgoing, [0, 0])]))
    with pytest.raises(Undecided) as raised:
        nf.minimal_width  # noqa: B018
    assert (raised.value.lower, raised.value.upper) == (26, 28)
    assert normal_form(nf.to_network()) == nf
    assert width_of(nf) == 28


@given(shallows(st.integers(1, 3), units=("relu",), width=4))
@law(80)
def test_its_network_has_the_minimal_width(f: Shallow) -> None:
    nf = normal_form(f.network())
    assert width_of(nf) == nf.minimal_width
    assert normal_form(nf.to_network()) == nf


def width_of(nf: NormalForm) -> int:
    """Hidden neurons of its network."""
    net = nf.to_network()
    return net.shape("relu1")[0] if net.hidden_layers else 0


def test_minimal_width_of_many_independent_kinks_is_linear_algebra() -> None:
    d = 14
    eye = [[int(i == j) for j in range(d)] for i in range(d)]
    f = mlp([(eye, [1] * d), (eye, [0] * d)])
    assert normal_form(f).minimal_width == d
    half = [[-q if i < 7 else q for q in row] for i, row in enumerate(eye)]
    assert normal_form(mlp([(half, [1] * d), (eye, [0] * d)])).minimal_width == d


def least_width_of_all(nf: NormalForm) -> int:
    """Several outputs: every side for every hyperplane (+, -, both), the rest of the slope by rank-one terms."""
    planes, least = list(nf.kinks.items()), 99
    for sides in itertools.product("+-b", repeat=len(planes)):
        total = [list(row) for row in nf.linear]
        both = [list(plane[:-1]) for side, (plane, _) in zip(sides, planes, strict=True) if side == "b"]
        for side, (plane, jump) in zip(sides, planes, strict=True):
            if side == "-":
                total = [[q + a * u for q, u in zip(row, plane[:-1], strict=True)] for row, a in zip(total, jump, strict=True)]
        least = min(least, len(planes) + len(both) + 2 * (rank(total + both) - rank(both)))
    return least


def least_width(nf: NormalForm) -> int:
    """One output: the least n for which n neurons can be put on hyperplanes with either sign so that jumps and slope come out right.

    On hyperplane h with only positive neurons the slope is -0, with only negative ones -J u, with both anything along u (linear algebra);
    two neurons on a new hyperplane give any slope.
    """
    planes, (slope,) = list(nf.kinks.items()), nf.linear[:1]
    count = len(planes)
    best = count + 2 if any(slope) else count
    for signs in itertools.product(("+", "-", "both"), repeat=count):
        rest = list(slope)
        free = []
        for sign, ((*u, _), jump) in zip(signs, planes, strict=True):
            if sign == "-":
                rest = [r + jump[0] * q for r, q in zip(rest, u, strict=True)]
            if sign == "both":
                free.append(u)
        width = count + signs.count("both")
        if width < best and (rank([*free, rest]) == rank(free)):
            best = width
    return best


def rank(rows: list[Any]) -> int:
    """Rank of a matrix of Fractions, by elimination."""
    table = [[Fraction(q) for q in row] for row in rows]
    found = 0
    for column in range(len(table[0]) if table else 0):
        pivot = next((i for i in range(found, len(table)) if table[i][column]), None)
        if pivot is None:
            continue
        table[found], table[pivot] = table[pivot], table[found]
        for i in range(found + 1, len(table)):
            factor = table[i][column] / table[found][column]
            table[i] = [p - factor * q for p, q in zip(table[i], table[found], strict=True)]
        found += 1
    return found


def realisable(slope: int, kinks: tuple[tuple[int, int], ...], width: int) -> bool:
    """Whether z3 finds c + sum a_i s(e_i (x - t_i)), e_i = +-1, width neurons, equal to sum J s(x - t) + slope x."""
    if width < 0:
        return False
    solver = z3.Solver()
    a, t = ([z3.Real(f"{name}{i}") for i in range(width)] for name in "at")
    c = z3.Real("c")

    def positive(v: Any) -> Any:
        return z3.If(v > 0, v, 0)

    signs_found = []
    for signs in itertools.product((1, -1), repeat=width):

        def net(x: Any, signs: Any = signs) -> Any:
            return c + sum(q * positive(e * (x - s)) for q, s, e in zip(a, t, signs, strict=True))

        def goal(x: Any) -> Any:
            return slope * x + sum(j * positive(x - s) for j, s in kinks)

        solver.push()
        places = [z3.RealVal(s) for _, s in kinks] + t + [z3.RealVal(0)]
        solver.add(*(net(x) == goal(x) for x in places))
        solver.add(sum((q for q, e in zip(a, signs, strict=True) if e > 0), z3.RealVal(0)) == slope + sum(j for j, _ in kinks))
        solver.add(sum((-q for q, e in zip(a, signs, strict=True) if e < 0), z3.RealVal(0)) == slope)
        signs_found.append(solver.check())
        solver.pop()
    assert z3.unknown not in signs_found
    return z3.sat in signs_found


@given(numbers(), numbers())
@law(20)
def test_hash_and_equality_do_not_depend_on_the_way_numbers_are_written(w: Fraction, b: Fraction) -> None:
    f = mlp([([[w]], [b]), ([[1]], [0])])
    g = mlp([([[f"{w.numerator}/{w.denominator}"]], [str(b)]), ([[1.0]], [0.0])])
    assert normal_form(f) == normal_form(g)
    assert {normal_form(f): 1}[normal_form(g)] == 1
