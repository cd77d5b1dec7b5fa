"""Verdicts on fibres: proved with certificates that the checker accepts, refuted with another network, unknown with what is excluded."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn import certified_orbits, check, mlp, verify_equal, verify_single_orbit
from exactnn.errors import ArgumentError, CertificateRejected, Incomplete, NotOneHiddenLayer, NotReduced
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Input, PiecewiseLinear, Reshape
from exactnn.symmetry import _subset_sums, fibre, orbits, search
from tests.strategies import law

UNITS = ("relu", "leaky_relu(1/10)", "abs", "silu", "gelu", "softplus", "tanh", "sigmoid")


def one(weights, biases, outgoing, unit="relu"):
    return mlp([(weights, biases), (outgoing, [0] * len(outgoing))], activation=unit)


def random_net(seed, n, d, m, unit="relu"):
    rng = np.random.default_rng(seed)
    parts = [rng.standard_normal(s).astype(np.float32) for s in ((n, d), (n,), (m, n), (m,))]
    return mlp([(parts[0], parts[1]), (parts[2], parts[3])], activation=unit)


T3 = one([[1, 0], [0, 1], [-1, -1]], [0, 0, 0], [[1, 1, 1]])
T16 = one([[1], [-1]], [0, 0], [[2, 1]])
T9 = one([[1], [-1]], [0, 0], [[1, -1]])


@pytest.mark.parametrize(("size", "kind"), [((5, 2, 1), "free"), ((32, 16, 10), "free"), ((30, 3, 1), "lattice"), ((60, 4, 1), "lattice")])
def test_trained_like_networks_are_one_orbit(size, kind, tmp_path):
    f = random_net(1, *size)
    verdict = verify_single_orbit(f, time_limit=60)
    assert verdict.proved, verdict
    assert verdict.certificate.kind == kind
    assert check(verdict.certificate)
    assert check(verdict.certificate.save(tmp_path / "c.json"))
    assert orbits(f) == [()]


@pytest.mark.slow
def test_meeting_in_the_middle_has_a_certificate():
    rng = np.random.default_rng(36)
    f = one(rng.integers(-900, 901, (36, 2)), rng.integers(10**5, 10**6, 36), np.ones((1, 36), dtype=int))
    found = certified_orbits(f)
    assert found.certificate.kind == "halves"
    assert len(found.flips) > 1
    assert check(found.certificate)


def test_a_list_that_is_too_short_or_too_long_is_rejected():
    found = certified_orbits(T3)
    document = json.loads(json.dumps(found.certificate.document))
    assert check_document(document)
    document["claim"]["flips"] = [[]]
    with pytest.raises(CertificateRejected):
        check_document(document)
    document["claim"]["flips"] = [[], [0], [0, 1, 2]]
    with pytest.raises(CertificateRejected):
        check_document(document)


def check_document(document):
    from exactnn import certificate

    try:
        return certificate.check(document)
    except certificate.Rejected as rejected:
        raise CertificateRejected(rejected.step, rejected.reason) from None


def test_the_ground_truth():
    assert verify_single_orbit(T16).proved
    assert check(verify_single_orbit(T16).certificate)
    for net, word in ((T3, "flipping neurons 0, 1, 2"), (T9, "sliding")):
        verdict = verify_single_orbit(net)
        assert verdict.refuted
        assert word in verdict.reason
        assert check(verdict.certificate)
        assert verdict.certificate.document["claim"]["question"] == "equal"


@pytest.mark.parametrize("unit", UNITS)
@given(st.data())
@law(12)
def test_verdicts_agree_with_the_fibre(unit, data):
    n, d, m = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    entry = st.integers(-2, 2)
    weights = data.draw(st.lists(st.lists(entry, min_size=d, max_size=d), min_size=n, max_size=n))
    outgoing = data.draw(st.lists(st.lists(entry, min_size=n, max_size=n), min_size=m, max_size=m))
    biases = data.draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n))
    f = one(weights, biases, outgoing, unit)
    verdict = verify_single_orbit(f)
    if verdict.unknown:  # constants of irrational value
        assert unit not in ("relu", "leaky_relu(1/10)", "abs")
        return
    assert check(verdict.certificate)
    assert verdict.proved == fibre(f).is_single_orbit
    if fibre(f).is_reduced:
        found = certified_orbits(f)
        assert list(found.flips) == orbits(f)
        assert check(found.certificate)


def test_what_is_found_on_the_way_refutes():
    many = one([[1]] * 24, list(range(24)), [[1, -1] * 12])
    for net in (many, one([[1]] * 30, list(range(30)), [[1] * 30], "abs")):
        verdict = verify_single_orbit(net)
        assert verdict.refuted
        assert "flipping" in verdict.reason
        assert check(verdict.certificate)


def test_families_whose_parameters_move_along_the_orbit():
    """A dead neuron (1, 1) moved by equal steps would stay a multiple of itself; 50 others are hard to go through."""
    f = random_net(5, 50, 2, 1)
    layer1, layer2 = f.operation("layer1"), f.operation("layer2")
    weight, bias = layer1.weight.to_fractions(), layer1.bias.to_fractions()
    rows = [[*weight[2 * i : 2 * i + 2]] for i in range(50)]
    net = mlp([([*rows, [1, 1]], [*bias, 1]), ([[*layer2.weight.to_fractions(), 0]], [0])])
    verdict = verify_single_orbit(net, time_limit=20)
    assert verdict.refuted
    assert "dead" in verdict.reason


@pytest.mark.parametrize("unit", ["silu", "gelu", "softplus"])
def test_constants_of_irrational_value_can_be_flipped(unit):
    f = one([[0], [1], [2]], [1, 0, 1], [[1, 1, 1]], unit)
    assert fibre(f).orbits == ((), (0,))
    verdict = verify_single_orbit(f)
    assert verdict.refuted
    assert "flipping neuron 0 keeps" in verdict.reason
    assert check(verdict.certificate)


def test_tiny_weights_beside_large_ones():
    """All but one term vanish modulo 2^64."""
    w = [2.0**-70] + [float(3**k) for k in range(18)] + [1.0, -3.0]
    f = one([[v] for v in w], [float(i * i + 1) for i in range(len(w))], [[1.0] * len(w)])
    assert orbits(f) == [(), (2, 20)]
    assert fibre(f).is_single_orbit is False
    assert verify_single_orbit(f).refuted
    assert check(certified_orbits(f).certificate)
    rows = [[2.0**-70]] + [[float(3**k)] for k in range(18)]
    rows[3], rows[5] = [-rows[3][0]], [-rows[5][0]]
    assert xn.symmetry.normal_form(one(rows, [float(i * i + 1) for i in range(19)], [[1.0] * 19])).minimal_width == 19


def test_neurons_that_are_entries():
    """One affine node on two rows: four neurons, where Flip turns over pairs of them."""
    b = Builder()
    b.add("x", Input((2, 1)))
    b.add("l", Affine(RationalArray.of([[2], [1]]), RationalArray.of([1, 1])), "x")
    b.add("a", PiecewiseLinear.of(0, 0, [(0, 1)]), "l")
    b.add("f", Reshape((4,)), "a")
    b.add("o", Affine(RationalArray.of([[1, -2, 1, 3]]), RationalArray.of([0])), "f")
    net = b.build(["x"], ["o"])
    assert orbits(net) == [(), (0, 1)]
    assert all(verify_equal(g, net).proved for g in fibre(net).isolated)
    assert verify_single_orbit(net).refuted
    for symmetry in (*search(net), *search(net, solver="exact")):
        assert symmetry.transformation is None
        assert verify_equal(symmetry.network, net).proved


def test_what_the_checker_does_not_take_has_no_certificate():
    flat = one([[1]] * 17, [k * k + 3 for k in range(17)], [[1] * 17], "abs")
    assert certified_orbits(flat).certificate is None
    b = Builder()
    b.add("x", Input((2,)))
    b.add("twice", PiecewiseLinear.of(2, 0, []), "x")
    b.add("l", Affine(RationalArray.of([[2, 1], [1, 5]]), RationalArray.of([1, 1])), "twice")
    b.add("a", PiecewiseLinear.of(0, 0, [(0, 1)]), "l")
    b.add("o", Affine(RationalArray.of([[1, -2]]), RationalArray.of([0])), "a")
    net = b.build(["x"], ["o"])
    assert fibre(net).is_single_orbit
    assert verify_single_orbit(net).unknown


def test_long_lists_are_not_needed_for_one():
    weights = [[1] if k % 2 else [-1] for k in range(26)]
    biases = [k * k * (1 if k % 2 else -1) for k in range(26)]
    assert fibre(one([*weights, [1]], [*biases, 5], [[1] * 26 + [0]])).dimension == 28
    assert verify_single_orbit(one([*weights, [-1]], [*biases, -1], [[1] * 26 + ["1/2"]])).refuted


def test_constants_of_rational_value():
    f = one([[0], [1]], [0, 0], [[1, 1]], "silu")
    verdict = verify_single_orbit(f)
    assert verdict.refuted
    assert "(constant)" in verdict.reason
    assert verify_single_orbit(one([[0], [1]], [1, 0], [[1, 1]], "tanh")).unknown


def test_a_fibre_can_be_asked_again():
    found = fibre(T3)
    assert found.orbits == ((), (0, 1, 2))
    assert verify_single_orbit(found).refuted
    assert verify_single_orbit(fibre(T16)).proved
    with pytest.raises(ArgumentError, match="time limit of its own"):
        verify_single_orbit(found, time_limit=1)


@pytest.mark.slow
def test_searches_too_large_for_a_certificate_are_unknown(monkeypatch):
    monkeypatch.setattr(_subset_sums, "NODES", 0)
    f = random_net(2, 44, 2, 1)
    monkeypatch.setattr(_subset_sums, "HALF", 20)
    verdict = verify_single_orbit(f, time_limit=1)
    assert verdict.unknown
    assert "of all sets were gone through" in verdict.reason
    big = verify_single_orbit(random_net(3, 200, 2, 1))
    assert big.unknown
    assert "are excluded" in big.reason


def test_bad_input():
    deep = mlp([([[1]], [0]), ([[1]], [0]), ([[1]], [0])])
    with pytest.raises(NotOneHiddenLayer, match="certified_orbits"):
        certified_orbits(deep)
    with pytest.raises(NotOneHiddenLayer):
        verify_single_orbit(deep)
    with pytest.raises(NotReduced):
        certified_orbits(T16)
    with pytest.raises(ArgumentError):
        verify_single_orbit("f")
    with pytest.raises(Incomplete):
        certified_orbits(T3, time_limit=0)
    assert verify_single_orbit(T3, time_limit=0).unknown
    assert xn.verify_single_orbit is verify_single_orbit
