"""The search by z3 against the exact lists: the same flips, and what else the neurons can do at the same width."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import mlp, verify_equal, verify_symmetry
from exactnn.errors import ArgumentError, Incomplete, NotOneHiddenLayer
from exactnn.symmetry import Flip, fibre, normal_form, orbits, search
from tests.strategies import law


def one(weights, biases, outgoing, unit="relu"):
    return mlp([(weights, biases), (outgoing, [0] * len(outgoing))], activation=unit)


T3 = one([[1, 0], [0, 1], [-1, -1]], [0, 0, 0], [[1, 1, 1]])


def test_t3():
    found = search(T3)
    (only,) = found
    assert only.flips == (0, 1, 2)
    assert only.transformation == Flip([0, 1, 2])
    assert verify_symmetry(T3, only.transformation).proved
    assert verify_equal(T3, only.network).proved
    assert found.complete
    assert found.summary.startswith("1 other type of weights with this function, complete")


@given(st.data(), st.sampled_from(["relu", "leaky_relu(1/10)", "silu"]))
@law(15)
def test_z3_finds_the_orbits(data, unit):
    n, d, m = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    entry = st.integers(-2, 2)
    weights = data.draw(st.lists(st.lists(entry, min_size=d, max_size=d), min_size=n, max_size=n))
    outgoing = data.draw(st.lists(st.lists(entry, min_size=n, max_size=n), min_size=m, max_size=m))
    f = one(weights, [2 * k + 1 for k in range(n)], outgoing, unit)
    own = fibre(f)
    if unit == "silu" and any(not any(row) for row in weights):
        return  # constants of irrational value
    found = list(search(f))
    for symmetry in found:
        assert verify_equal(f, symmetry.network).proved
    if own.is_reduced:
        assert sorted(s.flips for s in found) == sorted(orbits(f)[1:])
        assert sorted(s.flips for s in search(f, solver="exact")) == sorted(orbits(f)[1:])
    elif own.is_single_orbit:
        assert found == []
    else:  # every isolated orbit that carries all its neurons on the classes at hand is of a type of its own
        types = {_type(s.network) for s in found} | {_type(f)}
        assert {_type(g) for g in own.isolated} <= types


def _type(net):
    from exactnn.symmetry._shallow import shallow

    layer = shallow(net, "")
    return frozenset((layer.classes[i], layer.signs[i]) for i in range(layer.width) if i not in layer.dead and i not in layer.constants)


def test_splits_and_merges():
    """max(x, 0) + 2 max(-x, 0) + max(x - 1, 0) in other ways: either line may carry the second neuron."""
    f = one([[1], [-1], [1]], [0, 0, -1], [[1, 2, 1]])
    found = list(search(f))
    assert len(found) == len(fibre(f).isolated) - 1 + sum(1 for s in found if s.flips is None and _dead(s.network))
    assert all(verify_equal(f, s.network).proved and s.flips is None for s in found)
    assert any(_type(s.network) != _type(f) for s in found)


def _dead(net):
    from exactnn.symmetry._shallow import shallow

    return bool(shallow(net, "").dead)


def test_bounds():
    f = one([[1], [1], [2], [3]], [1, 3, 5, 7], [[1, -1, 1, -1]])  # a w = 1, -1, 2, -3
    assert sorted(s.flips for s in search(f)) == [(0, 1), (0, 2, 3)]
    assert [s.flips for s in search(f, max_changes=2)] == [(0, 1)]
    assert [s.flips for s in search(f, max_changes=2, solver="exact")] == [(0, 1)]
    assert list(search(f, max_weight=Fraction(1, 2))) == []
    assert len(list(search(f, max_weight=1))) == 2


def test_the_question_as_text():
    text = search(T3).smt2()
    assert text.startswith("; Other weights with the function")
    assert "(set-logic QF_LRA)" in text
    assert text.endswith("(check-sat)\n(get-model)\n")


@pytest.mark.skipif(shutil.which("cvc5") is None, reason="cvc5 is not installed")
def test_cvc5_agrees(tmp_path):
    for net, answer in ((T3, "sat"), (one([[1, 0], [0, 1], [-1, -2]], [0, 0, 0], [[1, 1, 1]]), "unsat")):
        (tmp_path / "q.smt2").write_text(search(net).smt2())
        run = subprocess.run(["cvc5", "--produce-models", str(tmp_path / "q.smt2")], capture_output=True, text=True, check=False)
        assert run.stdout.splitlines()[0] == answer


def test_bad_input():
    with pytest.raises(NotOneHiddenLayer, match="search: a network with one hidden layer"):
        search(mlp([([[1]], [0]), ([[1]], [0]), ([[1]], [0])]))
    with pytest.raises(ArgumentError, match="solver"):
        search(T3, solver="cvc5")
    with pytest.raises(ArgumentError, match="every change of sign is a symmetry"):
        search(one([[1]], [0], [[1]], "tanh"))
    with pytest.raises(ArgumentError, match="max_weight"):
        search(T3, max_weight=0)
    for wrong in (0, True, 1.5, "2"):
        with pytest.raises(ArgumentError, match="max_changes"):
            search(T3, max_changes=wrong)
    with pytest.raises(Incomplete, match="time limit"):
        list(search(T3, time_limit=0))


def test_networks_it_finds_have_the_normal_form():
    f = one([[1, 0], [-1, 0], [0, 1], [1, 1]], [0, 0, 1, -1], [[1, 2, 2, -2]])
    found = list(search(f))
    assert found
    assert all(normal_form(s.network) == normal_form(f) for s in found)
