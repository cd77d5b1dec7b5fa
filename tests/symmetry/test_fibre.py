"""Orbits and fibres: the ground truth of the theory, brute force over small integer weights, families, planted flips."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Network, mlp, verify_equal, verify_symmetry
from exactnn.errors import ArgumentError, Incomplete, NotOneHiddenLayer, NotReduced, Undecided
from exactnn.exact.array import RationalArray
from exactnn.network import Add, Affine, Builder, Input, relu
from exactnn.symmetry import Flip, Permutation, Scaling, fibre, normal_form, orbits, search
from exactnn.symmetry._families import families
from exactnn.symmetry._fibre import _orbit_key
from exactnn.symmetry._shallow import shallow
from tests.strategies import law

PIECEWISE = ("relu", "leaky_relu(1/10)", "leaky_relu(-1/2)", "abs")
UNITS = (*PIECEWISE, "silu", "softplus", "gelu")


def one(weights, biases, outgoing, constant=None, unit="relu"):
    return mlp([(weights, biases), (outgoing, [0] * len(outgoing) if constant is None else list(constant))], activation=unit)


def terms(net: Network, ratio: Fraction):
    """r vec(a_i w_i^T), in fractions."""
    layer = shallow(net, "test")
    w = [layer.weight[i].to_fractions() for i in range(layer.width)]
    a = [layer.outgoing[:, i].to_fractions() for i in range(layer.width)]
    return [[ratio * p * q for p in a[i] for q in w[i]] for i in range(layer.width)]


def brute_orbits(net: Network, ratio: Fraction):
    v = terms(net, ratio)
    n = len(v)
    sets = [t for k in range(n + 1) for t in itertools.combinations(range(n), k)]
    found = [t for t in sets if all(not sum(v[i][c] for i in t) for c in range(len(v[0])))]
    return sorted(found, key=lambda t: (len(t), t))


RATIO = {"relu": 1, "leaky_relu(1/10)": Fraction(11, 10), "leaky_relu(-1/2)": Fraction(1, 2), "abs": 0}

# --- ground truth -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["relu", "leaky_relu(1/10)", "silu", "softplus", "gelu"])
def test_t3_two_orbits(unit):
    assert orbits(one([[1, 0], [0, 1], [-1, -1]], [0, 0, 0], [[1, 1, 1]], unit=unit)) == [(), (0, 1, 2)]


def test_t4_two_orbits_and_a_constant():
    f = one([[1], [1]], [0, -1], [[1, -1]])
    assert orbits(f) == [(), (0, 1)]
    assert Flip([0, 1]).apply(f) == one([[-1], [-1]], [0, 1], [[1, -1]], [1])
    found = fibre(f)
    assert (found.is_single_orbit, found.dimension, found.families) == (False, 2, ())
    assert [normal_form(g) for g in found.isolated] == [normal_form(f)] * 2


def test_t16_single_orbit_though_not_reduced():
    f = one([[1], [-1]], [0, 0], [[2, 1]])
    found = fibre(f)
    assert found.is_single_orbit is True
    assert (found.dimension, found.families, found.orbits) == (2, (), ((),))
    assert not found.is_reduced
    with pytest.raises(NotReduced, match=r"neurons 0, 1 are on one hyperplane.*fibre"):
        orbits(f)


def test_t9_a_linear_pair_slides():
    f = one([[1], [-1]], [0, 0], [[1, -1]])
    (family,) = fibre(f).families
    assert (family.kind, family.neurons, family.dimension) == ("sliding", (0, 1), 1)
    assert family.at(5) == one([[1], [-1]], [5, -5], [[1, -1]], [-5]) or verify_equal(family.at(5), f).proved
    assert fibre(f).is_single_orbit is False
    assert fibre(f).dimension == 3  # two scalings and the slide


def test_abs_has_every_flip():
    f = one([[1, 0], [0, 1], [1, 1]], [0, 0, 1], [[1, 2, -1]], unit="abs")
    assert len(orbits(f)) == 8
    assert all(verify_symmetry(f, Flip(t)).proved for t in orbits(f))
    with pytest.raises(Incomplete, match=r"more than|all 2"):
        orbits(one([[1]] * 30, list(range(30)), [[1] * 30], unit="abs"))


@pytest.mark.parametrize("unit", ["tanh", "sigmoid"])
def test_odd_units_have_one_orbit(unit):
    f = one([[1, 0], [0, 1], [-1, -1]], [0, 0, 0], [[1, 1, 1]], unit=unit)
    assert orbits(f) == [()]
    assert fibre(f).is_single_orbit
    assert fibre(f).dimension == 0
    doubled = one([[1], [-1], [2]], [0, 0, 1], [[1, 2, 3]], unit=unit)
    (family,) = fibre(doubled).families
    assert family.kind == "duplicate"
    assert verify_equal(family.at("5/7"), doubled).proved
    assert not fibre(doubled).is_single_orbit


PRIMES = [101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179]

# --- brute force ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", PIECEWISE)
@given(st.data())
@law(30)
def test_orbits_are_complete(unit, data):
    n, d, m = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    entry = st.integers(-2, 2)
    weights = data.draw(st.lists(st.lists(entry, min_size=d, max_size=d), min_size=n, max_size=n))
    outgoing = data.draw(st.lists(st.lists(entry, min_size=n, max_size=n), min_size=m, max_size=m))
    f = one(weights, list(range(n)), outgoing, [0] * m, unit)
    if not fibre(f).is_reduced:
        with pytest.raises(NotReduced):
            orbits(f)
        return
    found = orbits(f)
    assert found == brute_orbits(f, Fraction(RATIO[unit]))
    for t in found[:4]:
        assert verify_symmetry(f, Flip(t)).proved
    for k in range(n):
        if (k,) not in found:
            assert verify_symmetry(f, Flip([k])).refuted


def test_sixteen_neurons_against_brute_force():
    rng = np.random.default_rng(16)
    for _ in range(3):
        f = one(rng.integers(-3, 4, (16, 1)) * 2 + 1, PRIMES, rng.integers(-3, 4, (1, 16)) * 2 + 1)
        layer = shallow(f, "test")
        v = (layer.outgoing.numerators[0].astype(np.int64) * layer.weight.numerators[:, 0].astype(np.int64)).tolist()
        sums = [sum(v[i] for i in range(16) if mask >> i & 1) for mask in range(1 << 16)]
        expected = sorted((tuple(i for i in range(16) if mask >> i & 1) for mask, s in enumerate(sums) if not s), key=lambda t: (len(t), t))
        assert orbits(f) == expected


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["relu", "leaky_relu(1/2)", "abs"])
def test_every_equal_network_of_small_weights_is_reported(unit):
    """One input, |w|, |b| <= 1, |a| <= 2: all networks of the same width and function are isolated orbits, or have families."""
    rnd = random.Random(4)
    rows = [(w, b) for w in (-1, 0, 1) for b in (-1, 0, 1)]
    singles = 0
    for n, trials in ((1, 6), (2, 6), (3, 2)):
        neurons = [(a, w, b) for a in range(-2, 3) for w, b in rows if n < 3 or (a and w)]
        chosen = itertools.combinations_with_replacement(neurons, n)
        nets = [one([[w] for _, w, _ in c], [b for *_, b in c], [[a for a, *_ in c]], unit=unit) for c in chosen]
        forms = [normal_form(g) for g in nets]
        for _ in range(trials):
            i = rnd.randrange(len(nets))
            f, form = nets[i], forms[i]
            found = fibre(f)
            isolated = {_orbit_key(shallow(g, ""), ()) for g in found.isolated}
            for g in found.isolated:
                assert verify_equal(f, g).proved
                assert not families(shallow(g, ""))
            equal = [g for g, other in zip(nets, forms, strict=True) if (other.kinks, other.linear) == (form.kinks, form.linear)]
            loose = [g for g in equal if families(shallow(g, ""))]
            assert {_orbit_key(shallow(g, ""), ()) for g in equal if g not in loose} <= isolated
            assert not loose or (found.families and not found.is_single_orbit)
            if found.is_single_orbit:
                singles += 1
                assert isolated == {_orbit_key(shallow(f, ""), ())}
            else:
                assert found.families or len(isolated) > 1
            for family in found.families:
                check_family(family, f)
    assert singles > 0 or unit == "abs"


def check_family(family, f):
    """Its members are equal to f and, but for the parameters it starts from, not all in one orbit."""
    assert verify_equal(family.base, f).proved
    assert verify_equal(family.at(*family.origin), f).proved
    moved = [family.at(*(o + 1 + Fraction(k, 3) for k, o in enumerate(family.origin))) for _ in range(1)]
    assert all(verify_equal(g, f).proved for g in moved)
    keys = {_orbit_key(shallow(family.at(*(o + step for o in family.origin)), ""), ()) for step in (0, 1, 2, Fraction(1, 2))}
    assert len(keys) > 1


# --- families ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS)
def test_families_keep_the_function(unit):
    f = one(
        [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1], [2, 3], [2, 3], [0, 0], [1, 5]],
        [0, 0, 1, -1, 2, -2, 1, 1, 0, 1],
        [[1, 2, 3, 1, 1, 4, 1, 2, 1, 0], [1, -1, 0, 1, 2, -1, 5, 1, 1, 0]],
        (0, 1),
        unit,
    )
    found = fibre(f)
    kinds = sorted(family.kind for family in found.families)
    if unit == "abs":
        assert kinds == sorted(["dead", "constant"] + ["duplicate"] * 4)
    else:
        assert kinds == ["constant", "dead", "duplicate", "exchange"]
    for family in found.families:
        if family.kind == "constant" and unit not in PIECEWISE:
            continue  # its value is irrational but at 0
        check_family(family, f)
        with pytest.raises(ArgumentError, match="numbers"):
            family.at(*family.origin, 1)


@pytest.mark.parametrize("unit", ["silu", "softplus", "gelu"])
def test_linear_pairs_without_scaling(unit):
    f = one([[2], [-2]], [1, -1], [[3, -3]], unit=unit)
    slide, stretch = fibre(f).families
    assert (slide.kind, stretch.kind) == ("sliding", "stretching")
    for family in (slide, stretch):
        check_family(family, f)
    with pytest.raises(ArgumentError, match="positive"):
        stretch.at(0)


def test_a_family_elsewhere():
    """Two pairs on independent lines are isolated, but one pair can be spared, or a linear pair slide."""
    f = one([[1, 0], [-1, 0], [0, 1], [0, -1]], [0, 0, 0, 0], [[1, 2, 1, 3]])
    found = fibre(f)
    assert not families(shallow(f, ""))
    assert found.families
    assert not found.is_single_orbit
    for family in found.families:
        check_family(family, f)


def test_several_outputs_can_be_a_single_orbit():
    f = one([[1, 0], [-1, 0], [0, 1], [0, -1]], [0, 0, 0, 0], [[5, 1, 0, 2], [0, 3, 7, 11]])
    found = fibre(f)
    slope = normal_form(f).slope.to_fmpq_mat().rank()
    assert slope == 2
    assert found.is_single_orbit == (len(found.isolated) == 1 and not found.families)


# --- laws -------------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.sampled_from(["relu", "leaky_relu(1/10)", "silu"]))
@law(20)
def test_orbits_move_with_the_group(seed, unit):
    """Permuting neurons permutes the sets; scaling changes none; flipping T turns every set into its symmetric difference with T."""
    rng = np.random.default_rng(seed)
    n = 7
    f = one(rng.integers(-1, 2, (n, 2)), (10 * rng.permutation(n) + 1).tolist(), rng.integers(1, 3, (1, n)), unit=unit)
    if not fibre(f).is_reduced:
        return
    found = orbits(f)
    order = rng.permutation(n).tolist()
    moved = orbits(Permutation(0, order).apply(f))
    assert {frozenset(order[i] for i in t) for t in moved} == {frozenset(t) for t in found}
    if unit != "silu":
        assert orbits(Scaling(0, [Fraction(int(k), 3) for k in rng.integers(1, 9, n)]).apply(f)) == found
    for t in found[:3]:
        other = orbits(Flip(t).apply(f))
        assert {frozenset(s) ^ frozenset(t) for s in other} == {frozenset(s) for s in found}


def test_planted_flips_of_forty_neurons():
    rng = np.random.default_rng(40)
    weight, outgoing = rng.integers(-900, 901, (40, 3)), np.ones((1, 40), dtype=int)
    weight[9] = -weight[[3, 17, 30]].sum(axis=0)
    f = one(weight, rng.integers(1, 10**6, 40), outgoing)
    found = orbits(f)
    assert (3, 9, 17, 30) in found
    assert verify_symmetry(f, Flip((3, 9, 17, 30))).proved


# --- networks of other forms, bad input -------------------------------------------------------------------------------------


def test_several_inputs():
    b = Builder()
    x, y = b.add("x", Input((1,))), b.add("y", Input((1,)))
    total = b.add("sum", Add(), x, y)
    hidden = b.add("w", _affine([[1], [2], [-3]], [0, 1, 1]), total)
    act = b.add("act", relu(), hidden)
    net = b.build([x, y], [b.add("out", _affine([[1, 1, 1]], [0]), act)])
    assert orbits(net) == [(), (0, 1, 2)]


def _affine(weight, bias):
    return Affine(RationalArray.of(weight), RationalArray.of(bias))


def test_bad_input():
    deep = mlp([([[1]], [0]), ([[1]], [0]), ([[1]], [0])])
    for ask in (orbits, fibre):
        with pytest.raises(NotOneHiddenLayer, match=r"2 layers of activations.*verify_equal"):
            ask(deep)
        with pytest.raises(NotOneHiddenLayer, match="affine map"):
            ask(mlp([([[1]], [0])]))
        with pytest.raises(NotOneHiddenLayer, match="several kinks"):
            ask(one([[1]], [0], [[1]], unit="hardtanh"))
        with pytest.raises(ArgumentError, match="Network"):
            ask("net.onnx")
        with pytest.raises(ArgumentError, match="time_limit"):
            ask(one([[1]], [0], [[1]]), time_limit=-1)
    with pytest.raises(NotReduced, match="neuron 0 has no outgoing weight"):
        orbits(one([[1]], [0], [[0]]))
    with pytest.raises(NotReduced, match="neuron 1 has no incoming weight"):
        orbits(one([[1], [0]], [0, 1], [[1, 1]]))
    with pytest.raises(Incomplete, match="time limit"):
        orbits(one([[1]], [0], [[1]]), time_limit=0)
    with pytest.raises((Incomplete, Undecided), match="time limit"):
        fibre(one([[1]], [0], [[1]]), time_limit=0).is_single_orbit  # noqa: B018
    x = Builder()
    x.add("x", Input((1,)))
    x.add("a", _affine([[1]], [0]), "x")
    x.add("r", relu(), "a")
    x.add("o", _affine([[1]], [0]), "r")
    x.add("s", Add(), "o", "x")
    with pytest.raises(NotOneHiddenLayer, match="skips"):
        fibre(x.build(["x"], ["s"]))


def test_summary():
    text = fibre(one([[1], [-1]], [0, 0], [[2, 1]])).summary()
    assert "single orbit: True" in text
    assert "dimension: 2" in text


@pytest.mark.parametrize(
    ("unit", "first", "second"),
    [
        ("relu", ([[0], [1]], [0, 0], [[1, 2]]), ([[0], [2]], [0, 0], [["1/2", 1]])),
        ("relu", ([[0], [1]], [3, 0], [[-1, 2]]), ([[0], [1]], [6, 0], [["-1/2", 2]])),
        ("tanh", ([[0], [1]], [1, 0], [[1, 2]]), ([[0], [-1]], [-1, 0], [[-1, -2]])),
        ("tanh", ([[0], [1]], [0, 0], [[1, 2]]), ([[0], [1]], [0, 0], [[-1, 2]])),
        ("sigmoid", ([[0], [1]], [1, 0], [[1, 2]]), ([[0], [1]], [-1, 0], [[-1, 2]])),
    ],
)
def test_the_group_acts_on_constant_neurons_too(unit, first, second):
    assert not fibre(one(*first, unit=unit)).is_elsewhere(one(*second, unit=unit))
    assert fibre(one(*first, unit=unit)).is_elsewhere(one(first[0], first[1], [[5, 7]], unit=unit))


def test_large_networks_are_no_question_for_a_solver():
    rng = np.random.default_rng(0)
    net = one(rng.integers(-9, 10, (300, 200)), list(range(300)), rng.integers(-9, 10, (10, 300)))
    with pytest.raises(ArgumentError, match=r"at most 500000 terms.*orbits"):
        search(net)
    assert list(search(net, solver="exact")) == []
