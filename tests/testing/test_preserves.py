"""assert_preserves on exact networks: planted wrong passes are caught and shrunk, right ones pass, misbehaviour is told apart."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume

import exactnn as xn
from exactnn.errors import ArgumentError, PropertyFailed
from exactnn.network import Network
from exactnn.testing import assert_preserves, convolutional_networks, degenerate_networks, networks, relu_mlps, residual_networks
from tests.testing import _planted as planted
from tests.testing._screen import fits

SHALLOW = relu_mlps(depth=1) | degenerate_networks(depth=1, activation="relu")
#: a wrong pass, the networks it is tried on, how many hidden neurons the report may have at most
WRONG: list[tuple[Callable[[Network], Network], Any, int]] = [
    (planted.permute_one_side, SHALLOW, 2),
    (planted.scale_negatively, SHALLOW, 1),
    (planted.off_by_one, SHALLOW, 1),
    (planted.transpose, SHALLOW, 2),
    (planted.drop_tiny, SHALLOW, 1),
    (planted.drop_constant, SHALLOW, 1),
    (planted.lose_the_slope, networks(activation="leaky_relu(1/10)", depth=(1, 2)), 2),
]


def failure(transformation: Any, **options: Any) -> PropertyFailed:
    with pytest.raises(PropertyFailed) as caught:
        assert_preserves(transformation, seed=5, **options)
    assert fits(str(caught.value))
    return caught.value


@pytest.mark.parametrize(("wrong", "tried", "most"), WRONG, ids=[w.__name__ for w, _, _ in WRONG])
def test_a_wrong_pass_is_caught_and_shrunk(wrong: Callable[[Network], Network], tried: Any, most: int, certificates: Path) -> None:
    found = failure(wrong, networks=tried)
    assert found.kind == "changed"
    small, image = found.networks
    assert isinstance(small, Network)
    assert planted.neurons(small) <= most
    text = str(found)
    assert len(text.splitlines()) <= 24
    # what the report shows is true: the code makes the network, and the two differ at the point
    code = next(line for line in text.splitlines() if line.startswith("f = "))
    assert eval(code.removeprefix("f = "), {"xn": xn}) == small  # noqa: S307 - our own
    x = found.verdict.counterexample  # type: ignore[attr-defined]
    assert small(x) != wrong(small)(x) == image(x)  # type: ignore[operator]
    shown = re.search(r"at x = \(([^)]*)\)", text)
    assert shown is not None
    assert [Fraction(q) for q in shown[1].split(", ")] == list(x)
    assert found.path is not None
    assert Path(found.path).parent == certificates
    assert xn.check(found.path)


def test_no_kind_of_networks_is_missed() -> None:
    """One run of hypothesis alone has, with seed 0, no convolution among 100 of three kinds."""
    seen: list[Network] = []

    def noted(net: Network) -> Network:
        seen.append(net)
        return net

    kinds = networks() | convolutional_networks() | residual_networks()
    for seed in range(3):
        seen.clear()
        assert assert_preserves(noted, networks=kinds, seed=seed, repeat=False).examples == len(seen) == 100
        operations = [{type(net.operation(name)).__name__ for name in net.order} for net in seen]
        padded = [net for net in seen if "conv" in net.graph and net.operation("conv").padding[0][0]]  # type: ignore[attr-defined]
        assert min(len(padded), *(sum(name in found for found in operations) for name in ("Conv", "Add", "MaxPool"))) >= 1
        assert len(set(seen)) > 80


def test_what_a_pass_assumes_does_not_count() -> None:
    calls = itertools.count()

    def picky(net: Network) -> Network:
        assume(next(calls) % 2)
        return net

    assert assert_preserves(picky, networks=SHALLOW, max_examples=24, seed=0, repeat=False).examples == 24


def test_a_bug_is_told_before_rounding() -> None:
    """1 and 1 + 2^-60 are one number to a float64; that they were exchanged is no rounding, and another example shows it."""
    beside = xn.mlp([([[1], ["1"]], [0, Fraction(1, 2**60)]), ([[1, 2]], [0])])
    apart = xn.mlp([([[1], [3]], [0, 0]), ([[1, 2]], [0])])
    near = xn.mlp([([[1 + Fraction(1, 2**60)], [1]], [0, 0]), ([[1, 2]], [0])])
    assert failure(planted.permute_one_side, networks=[near]).kind == "rounding"
    assert failure(planted.permute_one_side, networks=[near, apart, beside]).kind == "changed"


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "tried", "most"), WRONG, ids=[w.__name__ for w, _, _ in WRONG])
def test_a_wrong_pass_is_caught_whatever_the_seed(wrong: Callable[[Network], Network], tried: Any, most: int) -> None:
    for seed in range(10):
        with pytest.raises(PropertyFailed) as found:
            assert_preserves(wrong, networks=tried, seed=seed)
        assert found.value.kind == "changed"
        assert planted.neurons(found.value.networks[0]) <= most  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("right", [planted.permute, planted.scale, planted.drop_dead], ids=lambda p: p.__name__)
def test_a_right_pass_passes_on_deep_networks(right: Callable[[Network], Network]) -> None:
    tried = relu_mlps(depth=(1, 3)) | degenerate_networks(depth=(1, 3), activation="relu")
    done = assert_preserves(right, networks=tried, max_examples=300, seed=7)
    assert done.exactly == 300


@pytest.mark.parametrize("right", [planted.permute, planted.scale, planted.drop_dead], ids=lambda p: p.__name__)
def test_a_right_pass_passes(right: Callable[[Network], Network]) -> None:
    done = assert_preserves(right, networks=SHALLOW, max_examples=40, seed=5)
    assert (done.examples, done.exactly, done.within, done.unknown) == (40, 40, 0, 0)
    assert str(done) == "kept exactly: 40 of 40"


def test_rounding_is_told_from_a_bug() -> None:
    tried = networks(depth=1, activation="relu", weights=["0", "1", "-1", "1/3", "1/10", "-5/7"])
    exact = failure(planted.to_float32, networks=tried, precision="float32")
    assert exact.kind == "rounding"
    assert "each to the nearest number of float32, by at most" in str(exact)
    assert "certified on [-1, 1]^" in str(exact)
    box = xn.Box(-1, 1)
    done = assert_preserves(planted.to_float32, networks=tried, domain=box, tolerance="1e-5", max_examples=25, precision="float32", seed=5)
    assert done.within > 0
    assert done.exactly + done.within == 25
    assert done.ulps is not None
    assert done.ulps <= Fraction(1, 2)
    assert "weights changed by at most" in str(done)


def test_beyond_the_tolerance() -> None:
    found = failure(planted.off_by_one, networks=SHALLOW, domain=xn.Box(-1, 1), tolerance="1/2")
    assert (found.kind, "by more than 0.5" in str(found)) == ("changed", True)


# --- misbehaviour -------------------------------------------------------------------------------------------------------------


def _raises(net: Network) -> Network:
    raise ValueError("no such layer")


def test_one_that_raises() -> None:
    found = failure(_raises)
    assert found.kind == "raised"
    assert "_raises raised ValueError: no such layer at test_preserves.py:" in str(found)
    assert isinstance(found.__cause__, ValueError)
    assert "f = xn.mlp(" in str(found)


@pytest.mark.parametrize("value", [None, 3, "no file", b"no onnx"])
def test_one_that_returns_another_type(value: object) -> None:
    found = failure(lambda net: value)
    assert found.kind == "type"
    assert "not a Network" in str(found)


def test_one_that_returns_another_shape() -> None:
    found = failure(lambda net: xn.mlp([([[0] * (net.input_dim + 1)], [0])]))
    assert found.kind == "shape"
    assert "-> (1,)" in str(found)


def test_one_that_is_not_deterministic() -> None:
    calls = itertools.count()

    def drifts(net: Network) -> Network:
        layers, units = planted.layers_of(net)
        layers[0][1][0] += next(calls)
        return planted.rebuilt(layers, units)

    found = failure(drifts)
    assert found.kind == "not deterministic"
    assert "weights changed" in str(found)
    assert failure(drifts, repeat=False).kind == "changed"


def test_what_cannot_be_decided_is_its_own_outcome() -> None:
    tried = networks(inputs=2, depth=2, width=3, activation="tanh", weights=["1", "1/2", "-2/3", "2"])

    def nudged(net: Network) -> Network:
        layers, units = planted.layers_of(net)
        layers[0][0][0][0] += Fraction(1, 10**60)
        return planted.rebuilt(layers, units)

    options: dict[str, Any] = {"networks": tried, "max_examples": 2, "time_limit": 1}
    found = failure(nudged, **options)
    assert found.kind == "unknown"
    assert "UNKNOWN" in str(found)
    with pytest.raises(BaseException, match="UNKNOWN") as skipped:
        assert_preserves(nudged, unknown="skip", seed=5, **options)
    assert type(skipped.value).__name__ == "SkipTest"
    with pytest.raises(pytest.xfail.Exception):
        assert_preserves(nudged, unknown="xfail", seed=5, **options)


def test_what_fits_no_smaller_network_is_left_alone() -> None:
    """A domain for two inputs keeps two inputs; an error of another type, or an assumption of the pass, is another failure."""
    tried = relu_mlps(inputs=2, depth=1, width=3)
    found = failure(planted.off_by_one, networks=tried, domain=xn.Box([-1, -1], [1, 1]))
    (small, _) = found.networks
    assert isinstance(small, Network)
    assert (small.input_dim, planted.neurons(small)) == (2, 1)
    found = failure(planted.off_by_one, networks=tried, domain=lambda net: {2: xn.Box(0, 1)}[net.input_dim])
    assert found.networks[0].input_dim == 2  # type: ignore[attr-defined]

    def needs_three(net: Network) -> Network:
        if planted.neurons(net) < 3:
            raise IndexError("fewer than three")
        raise ValueError("three")

    found = failure(needs_three, networks=tried)
    assert "ValueError: three" in str(found)

    def assumes(net: Network) -> Network:
        assume(planted.neurons(net) > 1)
        return planted.off_by_one(net)

    (small, _) = failure(assumes, networks=tried).networks
    assert isinstance(small, Network)
    assert planted.neurons(small) == 2


def test_models_in_a_list() -> None:
    small = xn.mlp([([[1]], [0]), ([[1]], [0])])
    assert assert_preserves(planted.scale, networks=[small, small]).examples == 2
    (smaller, _) = failure(planted.off_by_one, networks=[small]).networks
    assert isinstance(smaller, Network)
    assert planted.neurons(smaller) == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_examples": 0}, "max_examples"),
        ({"unknown": "pass"}, "unknown"),
        ({"networks": 3}, "networks"),
        ({"networks": "model.onnx"}, "networks"),
        ({"tolerance": "much"}, "tolerance"),
    ],
)
def test_bad_arguments(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        assert_preserves(planted.scale, **options)
    with pytest.raises(ArgumentError, match="transformation"):
        assert_preserves("scale")  # type: ignore[arg-type]
