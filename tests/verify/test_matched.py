"""Copies, rounded or changed a little, whose neurons are in another order, scaled, or of the other sign."""

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
from exactnn.certificate import building
from exactnn.certificate._evaluate import evaluate
from exactnn.certificate.building import matched
from exactnn.difference import upper_bound
from exactnn.exact.array import RationalArray
from exactnn.exact.writing import json_number
from exactnn.network import Add, Affine, BatchNorm, Builder, Input, MaxPool, Network, PRelu, activation
from exactnn.network.activation_facts import is_homogeneous, is_odd
from exactnn.network.document import document
from exactnn.network.neurons import layer_at
from exactnn.network.rewrite import fold_affine
from exactnn.symmetry.transformations import Flip, Permutation, Scaling, SignFlip, rescaled
from exactnn.verify import _matched
from tests._networks import convolutional, points, with_spare
from tests.strategies import law

WITHIN = Fraction(1, 200)


def dense(sizes: tuple[int, ...], seed: int) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal((m, n)) / n**0.5, rng.standard_normal(m) / 4) for n, m in pairwise(sizes)]


def rounded(layers: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [(w.astype(np.float16), b.astype(np.float16)) for w, b in layers]


def shuffled(net: Network, seed: int) -> Network:
    rng = np.random.default_rng(seed)
    for layer in net.hidden_layers:
        count = layer_at(net, layer).count
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


def test_a_file_that_the_checker_reads_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its nodes might have other names for it: the proof is about g as it is."""
    layers = dense((2, 4, 1), 3)
    f, g = xn.mlp(layers), shuffled(xn.mlp(rounded(layers)), 2)
    xn.save(g, tmp_path / "g.nnet")
    loaded = xn.load(tmp_path / "g.nnet")
    assert _matched.matched(f, loaded) is not None
    read = building.read_models

    def renamed(*arguments: Any) -> Any:
        found = read(*arguments)
        network = found["g"].network
        nodes = tuple(node._replace(name=f"{node.name}2") for node in network.nodes)
        return {"g": found["g"]._replace(network=network._replace(nodes=nodes))}

    monkeypatch.setattr(building, "read_models", renamed)
    assert _matched.matched(f, loaded) is None
    assert _matched.matched(f, g) is not None
    verdict = xn.verify_equal(f, loaded, domain=xn.Box([-1] * 2, [1] * 2), tolerance=WITHIN)
    assert verdict.status == "proved"
    assert verdict.certificate is not None
    assert "matched" not in verdict.certificate.document["evidence"]


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "g.nnet"
    xn.save(shuffled(COPY, 2), path)
    loaded = xn.load(path)
    path.unlink()
    assert _matched.matched(F, loaded) is None


# --- the checker ---------------------------------------------------------------------------------------------------------------------


def proof() -> dict[str, Any]:
    factors = [3] * 7 + ["2/5"] * 7
    verdict = xn.verify_equal(F, Scaling(0, factors).apply(shuffled(COPY, 0)), domain=BOX, tolerance=WITHIN)
    assert verdict.certificate is not None
    return copy.deepcopy(verdict.certificate.document)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda steps: steps[0]["order"].reverse(), "differ|tolerance"),
        (lambda steps: steps[0].update(order=[0] * 14), "listed twice"),
        (lambda steps: steps[0].update(order=list(range(13))), "expected 14 entries"),
        (lambda steps: steps[0].update(kind="scaling"), "unknown key|missing"),
        (lambda steps: steps[0].update(kind="rotation"), "unknown kind"),
        (lambda steps: steps[0].update(layer="none"), "activation node"),
        (lambda steps: steps.pop(), "differ|tolerance"),
        (lambda steps: steps.append(7), "expected an object"),
        (lambda steps: steps[1]["factors"].__setitem__(0, "9/7"), "differ|tolerance"),
        (lambda steps: steps[1]["factors"].__setitem__(0, 0), "must be positive"),
        (lambda steps: steps[1]["factors"].__setitem__(0, "-1/2"), "must be positive"),
        (lambda steps: steps[1]["factors"].pop(), "14"),
        (lambda steps: steps.append({"kind": "sign_flip", "layer": steps[0]["layer"], "neurons": [0]}), "not odd"),
        (lambda steps: steps.append({"kind": "flip", "layer": steps[0]["layer"], "neurons": [0]}), "not even"),
    ],
)
def test_changed_steps_are_rejected(change: Any, words: str) -> None:
    document = proof()
    assert checker.check(document)
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


def allowed(net: Network, layer: str, kind: str, neurons: list[int]) -> bool:
    """Whether a step keeps the function, with these units and what the neurons pass."""
    found = layer_at(net, layer)
    unit, passed = net.operation(layer), [net.operation(n) for n in found.layouts]
    pooled = any(isinstance(op, MaxPool) for op in passed)
    if kind == "sign_flip":
        return is_odd(unit) and not pooled
    if kind == "flip":
        even = all(unit.slopes[i].item() == -1 for i in neurons) if isinstance(unit, PRelu) else unit == activation("abs")
        return even and not pooled and not any(isinstance(net.operation(n), BatchNorm) for n in found.path)
    return kind == "permutation" or is_homogeneous(unit)


@given(
    st.integers(0, 10**6),
    st.sampled_from(["flatten", "average"]),
    st.sampled_from(["none", "max", "average"]),
    st.sampled_from(["prelu", "relu", "hardtanh", "identity", "abs"]),
    st.booleans(),
)
@law(60)
def test_steps_that_are_allowed_keep_the_function(seed: int, head: str, pool: str, unit: str, norm: bool) -> None:
    """By the checker's own evaluation, of the network that it builds itself; those that are not allowed are named."""
    rng = np.random.default_rng(seed)
    net = convolutional(rng, unit=unit, norms=("before", "after") if norm else (), pool=pool, head=head)
    own = moved = building.read_network(document(net), "g")
    x = [Fraction(int(n), 8) for n in rng.integers(-16, 17, net.input_dim)]
    for layer in net.hidden_layers:
        count = layer_at(net, layer).count
        neurons = [0, *(1 + np.flatnonzero(rng.integers(0, 2, count - 1))).tolist()]
        steps = {
            "flip": {"neurons": neurons},
            "sign_flip": {"neurons": neurons},
            "scaling": {"factors": [json_number(Fraction(int(a), int(b))) for a, b in rng.integers(1, 7, (count, 2))]},
            "permutation": {"order": rng.permutation(count).tolist()},
        }
        for kind, parameters in steps.items():
            step = [{"kind": kind, "layer": layer, **parameters}]
            if allowed(net, layer, kind, neurons):
                moved = matched(moved, step)
            else:
                with pytest.raises(checker.Rejected):
                    matched(moved, step)
    assert evaluate(moved, x, "g") == evaluate(own, x, "g") == list(net(x))


@pytest.mark.parametrize(
    ("unit", "kind"),
    [("relu6", "scaling"), ("tanh", "scaling"), ("silu", "flip"), ("sigmoid", "sign_flip"), ("leaky_relu(1/10)", "flip")],
)
def test_steps_that_change_a_function_are_refused(unit: str, kind: str) -> None:
    net = building.read_network(document(xn.mlp([([[1], [2]], [0, 1]), ([[3, 4]], [0])], activation=unit)), "g")
    parameters = {"factors": [1, 2]} if kind == "scaling" else {"neurons": [1]}
    with pytest.raises(checker.Rejected, match=r"homogeneous|not odd|not even"):
        matched(net, [{"kind": kind, "layer": net.nodes[2].name, **parameters}])


def test_a_norm_alone_makes_no_neurons() -> None:
    build = Builder()
    x = build.add("x", Input((2,)))
    norm = build.add("norm", BatchNorm(*(RationalArray.of(v) for v in ([0, 1], [1, 1], [1, 2], [3, 1])), Fraction(0), "float32"), x)
    unit = build.add("unit", activation("relu"), norm)
    build.add("out", Affine(RationalArray.of([[1, 1]]), RationalArray.of([0])), unit)
    net = build.build(["x"], ["out"])
    with pytest.raises(checker.Rejected, match="makes the neurons"):
        matched(building.read_network(document(net), "g"), [{"kind": "scaling", "layer": "unit", "factors": [2, 3]}])


# --- scaled copies -------------------------------------------------------------------------------------------------------------------


def moved_about(net: Network, rng: np.random.Generator) -> Network:
    """T(net) for a random T that keeps the function of every network with these units."""
    for layer in net.hidden_layers:
        unit, count = net.operation(layer), layer_at(net, layer).count
        net = Permutation(layer, rng.permutation(count).tolist()).apply(net)
        some = np.flatnonzero(rng.integers(0, 2, count)).tolist()
        if is_homogeneous(unit):
            factors = [Fraction(int(a), int(b)) for a, b in rng.integers(1, 12, (count, 2))]
            net = rescaled(net, layer, factors)
        if is_odd(unit):
            net = SignFlip(layer, some).apply(net)
        if unit == activation("abs"):
            net = Flip(some, layer=layer).apply(net)
    return net


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(2, 6), min_size=1, max_size=3),
    st.sampled_from(["relu", "leaky_relu(1/10)", "abs", "identity", "hardtanh", "tanh"]),
)
@law(60)
def test_a_moved_copy_is_put_back(seed: int, widths: list[int], unit: str) -> None:
    """With one weight that is 1e-6 off, every factor, sign and place is found exactly, and so the bracket is that of the copy."""
    rng = np.random.default_rng(seed)
    layers = dense((4, *widths, 2), seed)
    f = xn.mlp(layers, activation=unit)
    layers[0][0][0, 0] += 1e-6
    copied = xn.mlp(layers, activation=unit)
    g = moved_about(copied, rng)
    found = _matched.matched(f, g)
    assert found is not None or g == copied
    assert found is None or found.network == copied


def test_the_bracket_of_a_scaled_copy_is_that_of_the_copy() -> None:
    layers = dense((7, 12, 10, 3), 2)
    f = xn.mlp(layers)
    layers[1][0][3, 4] += 1e-6
    copied = xn.mlp(layers)
    g = moved_about(copied, np.random.default_rng(3))
    domain = xn.Box([-1] * 7, [1] * 7)
    own, found = (xn.max_deviation(f, net, domain=domain, gap=1) for net in (copied, g))
    assert (found.lower, found.upper, found.point) == (own.lower, own.upper, own.point)
    assert 0 < found.upper < Fraction(1, 10**4)
    assert found.claim.g is g
    assert [step["kind"] for step in found.certificate.evidence["matched"]] == ["permutation", "scaling"] * 2
    assert xn.check(found.certificate)
    verdict = xn.verify_equal(f, g, domain=domain, tolerance="1/10000")
    assert verdict.status == "proved"
    assert verdict.certificate.kind == "pass"


@pytest.mark.parametrize(("precision", "most"), [("float16", 2), ("float32", 2)])
def test_rounded_copies_with_any_factors(precision: str, most: int) -> None:
    """Within a small factor of the copy that is only rounded; without the factors it is a million times as far."""
    layers = dense((4, 14, 12, 3), 0)
    f = xn.mlp(layers)
    rng = np.random.default_rng(1)
    scaled = [(w.copy(), b.copy()) for w, b in layers]
    for k in range(2):
        factors = np.exp(rng.uniform(-2, 2, len(scaled[k][1])))
        scaled[k] = scaled[k][0] * factors[:, None], scaled[k][1] * factors
        scaled[k + 1] = scaled[k + 1][0] / factors, scaled[k + 1][1]
    g, copied = (xn.mlp([(w.astype(precision), b.astype(precision)) for w, b in net]) for net in (scaled, layers))
    found = _matched.matched(f, shuffled(g, 5))
    assert found is not None
    near, own, far = (upper_bound(f, net, BOX).value for net in (found.network, copied, g))
    assert near < most * own < far / 100


@given(st.integers(0, 10**6), st.sampled_from(["prelu", "relu", "abs"]), st.booleans(), st.sampled_from(["none", "max", "average"]))
@law(60)
def test_channels_and_batch_norms(seed: int, unit: str, norm: bool, pool: str) -> None:
    """The neurons of a copy that was scaled at its sources are found as they were, whatever the batch norms' scales."""
    rng = np.random.default_rng(seed)
    f = convolutional(rng, unit=unit, norms=("before", "after") if norm else (), pool=pool)
    g = f
    for layer in g.hidden_layers:
        count = layer_at(g, layer).count
        g = rescaled(g, layer, [Fraction(int(a), int(b)) for a, b in rng.integers(1, 7, (count, 2))])
        g = Permutation(layer, rng.permutation(count).tolist()).apply(g)
    x = points(f, rng)
    found = _matched.matched(f, g)
    assert f.evaluate(x) == g.evaluate(x)
    if found is not None:
        assert found.network.evaluate(x) == f.evaluate(x)
        assert evaluate(matched(building.read_network(document(g), "g"), found.steps), x[0].to_fractions(), "g") == list(
            f(x[0].to_fractions())
        )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("unit", "pool"), [("relu", "max"), ("prelu", "average"), ("abs", "none")])
def test_channels_are_put_back_exactly(seed: int, unit: str, pool: str) -> None:
    f = convolutional(np.random.default_rng(seed), unit=unit, norms=("before", "after"), pool=pool)
    rng = np.random.default_rng(seed)
    g = f
    for layer in f.hidden_layers:
        count = layer_at(g, layer).count
        g = rescaled(g, layer, [Fraction(int(a), int(b)) for a, b in rng.integers(1, 7, (count, 2))])
        g = Permutation(layer, rng.permutation(count).tolist()).apply(g)
    found = _matched.matched(f, g)
    assert found is not None
    domain = xn.Box(0, 1).in_dimension(f.input_dim)
    assert upper_bound(f, found.network, domain).value == 0 < upper_bound(f, g, domain).value


def residual(first: Any, second: Any, last: Any) -> Network:
    """last relu(h + second relu(first h)), h = relu(x): the neurons of h are joined with others, and stay; those between move."""
    build = Builder()
    h = build.add("h", activation("relu"), build.add("x", Input((4,))))
    between = build.add("r", activation("relu"), build.add("first", Affine(*map(RationalArray.of, first)), h))
    joined = build.add("sum", Add(), h, build.add("second", Affine(*map(RationalArray.of, second)), between))
    build.add("y", Affine(*map(RationalArray.of, last)), build.add("s", activation("relu"), joined))
    return build.build(["x"], ["y"])


def test_residual_connections() -> None:
    layers = dense((4, 6, 4, 2), 8)
    f = residual(*layers)
    copied = residual((layers[0][0] + 1e-9, layers[0][1]), *layers[1:])
    g = rescaled(Permutation("r", [3, 1, 0, 2, 5, 4]).apply(copied), "r", [Fraction(n, 4) for n in range(1, 7)])
    found = _matched.matched(f, g)
    assert found is not None
    assert {step["layer"] for step in found.steps} == {"r"}
    near, own = (upper_bound(f, net, BOX).value for net in (found.network, copied))
    assert 0 < near < 2 * own
    verdict = xn.verify_equal(f, g, domain=BOX, tolerance="1/1000000")
    assert verdict.status == "proved"


def test_a_norm_that_was_folded() -> None:
    """f = conv, batch norm, relu against its folded copy, permuted and scaled."""
    rng = np.random.default_rng(7)
    f = convolutional(rng, norms=("before",), pool="none")
    g = moved_about(fold_affine(f).network, rng)
    found = _matched.matched(f, g)
    assert found is not None
    domain = xn.Box(0, 1).in_dimension(f.input_dim)
    assert upper_bound(f, found.network, domain).value == 0 < upper_bound(f, g, domain).value


def test_twins_are_told_apart_by_what_reads_them() -> None:
    """Neurons of one direction in the first of two layers: only when the second is in order one sees which is which."""
    layers = dense((3, 9, 8, 2), 4)
    layers[0][0][1], layers[0][1][1] = 2 * layers[0][0][0], 2 * layers[0][1][0]
    f = xn.mlp(layers)
    for seed in range(6):
        g = moved_about(f, np.random.default_rng(seed))
        found = _matched.matched(f, g)
        assert found is not None
        assert found.network == f


@pytest.mark.parametrize("seed", range(4))
def test_twins_that_only_the_output_tells_apart(seed: int) -> None:
    """f(x) = h(x) - 1/2 h(x), with h's neurons twice in each layer: which copy is which is tried out."""
    own = dense((3, 6, 5, 1), 6)
    first = (np.concatenate([own[0][0]] * 2), np.concatenate([own[0][1]] * 2))
    second = (np.kron(np.eye(2), own[1][0]), np.concatenate([own[1][1]] * 2))
    last = (np.concatenate([own[2][0], own[2][0] / -2], axis=1), own[2][1])
    f = xn.mlp([first, second, last])
    found = _matched.matched(f, moved_about(f, np.random.default_rng(seed)))
    assert found is not None
    assert upper_bound(f, found.network, xn.Box([-1] * 3, [1] * 3)).value == 0


def test_dead_and_constant_neurons() -> None:
    layers = dense((3, 6, 2), 5)
    layers[0][0][2] = 0
    layers[0][0][4], layers[0][1][4] = 0, 0
    layers[1][0][:, 5] = 0
    f = xn.mlp(layers)
    found = _matched.matched(f, moved_about(f, np.random.default_rng(0)))
    assert found is not None
    assert upper_bound(f, found.network, xn.Box([-1] * 3, [1] * 3)).value == 0


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


@pytest.mark.parametrize("behind", ["relu1", "relu2", "layer3"])
def test_nodes_that_no_output_depends_on_stay(behind: str) -> None:
    """They count among the units of a tree, in the engine and in the checker."""
    layers = dense((2, 4, 3, 2), 5)
    f, g = (with_spare(xn.mlp(own), behind) for own in (layers, rounded(layers)))
    g = shuffled_but(g, "spare")
    assert "spare" in g.order
    box = xn.Box([-1] * 2, [1] * 2)
    verdict = xn.verify_equal(f, g, domain=box, tolerance=WITHIN)
    assert verdict.proved
    found = xn.max_deviation(f, g, domain=box)
    assert found.is_exact
    for certificate in (verdict.certificate, found.certificate):
        assert certificate is not None
        assert "matched" in certificate.evidence
        assert xn.check(certificate)


def shuffled_but(net: Network, spare: str) -> Network:
    for layer in net.hidden_layers:
        if layer != spare:
            net = Permutation(layer, list(range(layer_at(net, layer).count))[::-1]).apply(net)
    return net
