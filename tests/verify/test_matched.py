"""Rounded copies whose neurons are in another order."""

from __future__ import annotations

import copy
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn import certificate as checker
from exactnn.certificate._evaluate import evaluate
from exactnn.certificate._transform import matched
from exactnn.network import Network
from exactnn.network.document import document
from exactnn.network.neurons import layer_at
from exactnn.symmetry.transformations import Permutation
from exactnn.verify import _decision, _matched, deviation
from tests._networks import convolutional

WITHIN = Fraction(1, 200)


def dense(sizes: tuple[int, ...], seed: int) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal((m, n)) / n**0.5, rng.standard_normal(m) / 4) for n, m in pairwise(sizes)]


def rounded(layers: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [(w.astype(np.float16), b.astype(np.float16)) for w, b in layers]


def shuffled(net: Network, seed: int) -> Network:
    rng = np.random.default_rng(seed)
    for layer in net.hidden_layers:
        count = len(_matched._neurons(net, layer))
        net = Permutation(layer, rng.permutation(count).tolist()).apply(net)
    return net


LAYERS = dense((4, 14, 12, 3), 0)
F, COPY = xn.mlp(LAYERS), xn.mlp(rounded(LAYERS))
BOX = xn.Box([-1] * 4, [1] * 4)


@pytest.mark.parametrize("seed", range(3))
def test_a_shuffled_copy_is_as_near_as_the_copy(seed: int) -> None:
    g = shuffled(COPY, seed)
    verdict = xn.verify_equal(F, g, domain=BOX, tolerance=WITHIN)
    assert verdict.status == "proved"
    assert verdict.certificate is not None
    moved = verdict.certificate.document["evidence"]["matched"]
    assert [step["kind"] for step in moved] == ["permutation"] * 2
    assert verdict.certificate.kind == xn.verify_equal(F, COPY, domain=BOX, tolerance=WITHIN).certificate.kind


def test_largest_deviations_of_shuffled_copies() -> None:
    """Exactly, by all cells; and by boxes, to a factor of 2, which the certificate says."""
    layers = dense((2, 5, 4, 2), 1)
    f, near = xn.mlp(layers), xn.mlp(rounded(layers))
    own, found = (xn.max_deviation(f, g, domain=xn.Box([-1] * 2, [1] * 2)) for g in (near, shuffled(near, 3)))
    assert own.is_exact
    assert (found.lower, found.upper) == (own.lower, own.upper)
    layers = dense((7, 6, 2), 1)
    f, near = xn.mlp(layers), xn.mlp(rounded(layers))
    g = shuffled(near, 3)
    wide = xn.max_deviation(f, g, domain=xn.Box([-1] * 7, [1] * 7), gap=1)
    assert 0 < wide.lower <= wide.upper <= 2 * wide.lower
    assert wide.claim.g is g
    assert "matched" in wide.certificate.evidence
    assert xn.check(wide.certificate)


def test_a_shuffled_copy_that_is_too_far_is_refuted() -> None:
    far = [(w + (k == 1) * 0.05, b) for k, (w, b) in enumerate(LAYERS)]
    g = shuffled(xn.mlp(far), 1)
    verdict = xn.verify_equal(F, g, domain=BOX, tolerance=Fraction(1, 100))
    assert verdict.status == "refuted"
    x = verdict.counterexample
    assert max(abs(a - b) for a, b in zip(F(x), g(x), strict=True)) > Fraction(1, 100)


def test_order_is_kept_where_nothing_is_nearer() -> None:
    assert _matched.matched(F, COPY) is None
    assert _matched.matched(F, xn.mlp(dense((4, 14, 12, 3), 5))) is None  # no copy at all
    assert _matched.matched(F, xn.mlp(dense((4, 14, 3), 0))) is None
    assert _matched.matched(F, None) is None
    twins = [(np.repeat(w, 1, axis=0), b) for w, b in LAYERS]
    twins[0][0][1] = twins[0][0][0]  # two neurons alike
    assert _matched.matched(xn.mlp(twins), xn.mlp(rounded(twins))) is None


@pytest.mark.parametrize("large", [1e160, 1e200])
def test_a_weight_whose_square_is_no_float(large: float) -> None:
    """In g alone: the distances were infinite, and no assignment is the least."""
    g = [(w.copy(), b) for w, b in LAYERS]
    g[0][0][3, 0] = large
    verdict = xn.verify_equal(F, shuffled(xn.mlp(g), 1), domain=BOX, tolerance=WITHIN)
    assert verdict.status == "refuted"


@pytest.mark.parametrize("exponent", [-900, 600])
def test_units_of_weights_change_no_order(exponent: int) -> None:
    """Where squares underflow or overflow, too."""
    f, g = ([(np.ldexp(w, exponent), np.ldexp(b, exponent)) for w, b in dense((4, 14, 3), k)] for k in (0, 0))
    order = np.random.default_rng(0).permutation(14)
    g = [(g[0][0][order], g[0][1][order]), (g[1][0][:, order], g[1][1])]
    found = _matched.matched(xn.mlp(f), xn.mlp(g))
    assert found is not None
    assert found.network == xn.mlp(f)


@pytest.mark.parametrize("suffix", [".json", ".nnet"])
def test_files(tmp_path: Path, suffix: str) -> None:
    g = shuffled(COPY, 2)
    xn.save(g, tmp_path / f"g{suffix}")
    loaded = xn.load(tmp_path / f"g{suffix}")
    verdict = xn.verify_equal(F, loaded, domain=BOX, tolerance=WITHIN)
    assert verdict.status == "proved"
    assert verdict.certificate is not None
    assert "matched" in verdict.certificate.document["evidence"]
    assert xn.check(verdict.certificate)


def test_what_the_checker_does_not_see_is_proved_without(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = dense((2, 4, 1), 3)
    f, g = xn.mlp(layers), shuffled(xn.mlp(rounded(layers)), 1)
    for module in (_decision, deviation):
        monkeypatch.setattr(module, "is_accepted", lambda certificate: False)
    box = xn.Box([-1] * 2, [1] * 2)
    verdict = xn.verify_equal(f, g, domain=box, tolerance=WITHIN)
    assert verdict.status == "proved"
    assert verdict.certificate is not None
    assert "matched" not in verdict.certificate.document["evidence"]


# --- the checker ---------------------------------------------------------------------------------------------------------------------


def proof() -> dict[str, Any]:
    verdict = xn.verify_equal(F, shuffled(COPY, 0), domain=BOX, tolerance=WITHIN)
    assert verdict.certificate is not None
    return copy.deepcopy(verdict.certificate.document)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda steps: steps[0]["order"].reverse(), "differ|tolerance"),
        (lambda steps: steps[0].update(order=[0] * 14), "no permutation"),
        (lambda steps: steps[0].update(order=list(range(13))), "no permutation"),
        (lambda steps: steps[0].update(kind="scaling", factors=["2"] * 14), "expected a permutation"),
        (lambda steps: steps[0].update(layer="none"), "activation node"),
        (lambda steps: steps.pop(), "differ|tolerance"),
        (lambda steps: steps.append(7), "expected a permutation"),
    ],
)
def test_changed_steps_are_rejected(change: Any, words: str) -> None:
    document = proof()
    change(document["evidence"]["matched"])
    with pytest.raises(checker.Rejected, match=words):
        checker.check(document)


def test_other_questions_and_shapes() -> None:
    document = proof()
    document["evidence"]["matched"] = {"kind": "permutation"}
    with pytest.raises(checker.Rejected, match="matched"):
        checker.check(document)
    zero = xn.verify_zero(xn.mlp([([[1]], [0]), ([[0]], [0])]), domain=xn.Box(0, 1), tolerance=1).certificate
    assert zero is not None
    stated = copy.deepcopy(zero.document)
    stated["evidence"]["matched"] = []
    with pytest.raises(checker.Rejected, match="'matched' cannot be part"):
        checker.check(stated)


@given(st.integers(0, 10**6), st.sampled_from(["flatten", "average"]), st.sampled_from(["none", "max", "average"]), st.booleans())
def test_permuted_networks_have_one_function_for_the_checker_too(seed: int, head: str, pool: str, norm: bool) -> None:
    """By the checker's own evaluation, of the network that it builds itself."""
    rng = np.random.default_rng(seed)
    net = convolutional(rng, unit="prelu", norms=("before", "after") if norm else (), pool=pool, head=head)
    counts = [layer_at(net, layer).count for layer in net.hidden_layers]
    steps = [
        {"kind": "permutation", "layer": k, "order": rng.permutation(n).tolist()} for k, n in zip(net.hidden_layers, counts, strict=True)
    ]
    own = checker.read_network(document(net), "g")
    moved = matched(own, steps)
    x = [Fraction(int(n), 8) for n in rng.integers(-16, 17, net.input_dim)]
    assert evaluate(moved, x, "g") == evaluate(own, x, "g") == list(net(x))


def test_decisions_of_a_shuffled_copy() -> None:
    """More than 100 units, so that boxes are asked."""
    rng = np.random.default_rng(4)
    first, second, last = dense((3, 60, 50, 2), 4)
    layers = [first, second, (last[0], last[1] + [30, 0])]
    f, g = xn.mlp(layers), shuffled(xn.mlp(rounded(layers)), int(rng.integers(9)))
    verdict = xn.verify_same_decision(f, g, domain=xn.Box(["-1/4"] * 3, ["1/4"] * 3))
    assert verdict.status == "proved"
    assert verdict.certificate is not None
    assert "matched" in verdict.certificate.evidence
