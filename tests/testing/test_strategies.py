"""What the strategies draw is what they say, seen by exact values at drawn points or by a verdict, and it shrinks to small things."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import exactnn as xn
from exactnn import testing as xt
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.network import Add, Affine, BatchNorm, Conv, Network
from tests.strategies import HOMOGENEOUS, TINY, law

#: to find one example, whatever its size
ONE = settings(max_examples=1000, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=list(HealthCheck))


def test_sizes_are_those_asked_for() -> None:
    @law(30)
    @given(xt.networks(inputs=2, outputs=(2, 3), depth=2, width=st.just(3), activation="abs", weights=[1, "1/3"]))
    def holds(net: Network) -> None:
        assert (net.input_dim, [net.shape(n) for n in net.hidden_layers]) == (2, [(3,), (3,)])
        assert net.output_dim in (2, 3)
        first = net.operation("layer1")
        assert isinstance(first, Affine)
        assert set(first.weight.to_fractions()) <= {Fraction(1), Fraction(1, 3)}

    holds()


def test_networks_shrink_to_few_neurons_and_small_integers() -> None:
    bent = find(xt.relu_mlps(depth=1), lambda f: f([1] * f.input_dim) != f([-1] * f.input_dim), random=Random(1))
    assert (bent.input_dim, bent.output_dim) == (1, 1)
    assert sum(bent.shape(n)[0] for n in bent.hidden_layers) <= 2
    first = bent.operation("layer1")
    assert isinstance(first, Affine)
    assert all(abs(q) <= 1 for q in first.weight.to_fractions())


def _lines(net: Network) -> list[tuple[Fraction, ...]]:
    first = net.operation("layer1")
    assert isinstance(first, Affine)
    return [(*w, b) for w, b in zip(first.weight.to_rows(), first.bias.to_fractions(), strict=True)]


def _near(net: Network) -> bool:
    lines = _lines(net)
    return any(sum(map(abs, (p - q for p, q in zip(a, b, strict=True)))) == TINY for a in lines for b in lines)


SPECIAL: dict[str, Any] = {
    "zero row": lambda net: any(not any(line[:-1]) for line in _lines(net)),
    "duplicate": lambda net: len({line for line in _lines(net) if any(line[:-1])}) < len(_lines(net)),
    "opposite": lambda net: any(tuple(-q for q in line) in _lines(net) for line in _lines(net) if any(line[:-1])),
    "parallel": lambda net: any(a[:-1] == b[:-1] and a != b for a in _lines(net) for b in _lines(net) if any(a[:-1])),
    "2^-60 apart": _near,
    "zero column": lambda net: any(not any(column) for column in net.operation("layer2").weight.T.to_rows()),
}


@pytest.mark.parametrize("special", SPECIAL)
def test_degenerate_networks_are(special: str) -> None:
    drawn = xt.degenerate_networks(inputs=2, depth=1, width=3, weights=[1, -2, 3, "1/2", 5])
    find(drawn, SPECIAL[special], settings=ONE)


@law(25)
@given(xt.equal_pairs(), st.data())
def test_equal_pairs_are_equal(pair: tuple[Network, Network], data: st.DataObject) -> None:
    f, g = pair
    for _ in range(3):
        x = data.draw(xt.points(f) | xt.points(g))
        assert f(x) == g(x)


@law(15)
@given(xt.equal_pairs(activation=["relu"], deep=False) | xt.equal_pairs(activation=["relu"], deep=True))
def test_equal_pairs_are_proved(pair: tuple[Network, Network]) -> None:
    xt.assert_same_function(*pair)


@law(25)
@given(xt.zero_networks(), st.data())
def test_zero_networks_are_zero(net: Network, data: st.DataObject) -> None:
    assert not any(net(data.draw(xt.points(net))))
    xt.assert_zero(net)


def test_some_zero_networks_have_no_zero() -> None:
    def full(net: Network) -> bool:
        return all(all(array.to_fractions()) for n in ("layer1", "layer2") for array in vars(net.operation(n)).values())

    find(xt.zero_networks(inputs=2, outputs=1, hyperplanes=3), full, settings=ONE)


@law(25)
@given(xt.symmetric_pairs(), st.data())
def test_symmetric_pairs_are(pair: Any, data: st.DataObject) -> None:
    net, transformation = pair
    image = transformation.apply(net)
    x = data.draw(xt.points(net) | xt.points(image))
    assert image(x) == net(x)
    xt.assert_symmetry(net, transformation)


@law(20)
@given(xt.near_symmetric_pairs())
def test_near_symmetric_pairs_are_not(pair: Any) -> None:
    net, transformation = pair
    with pytest.raises(xt.PropertyFailed) as failed:
        xt.assert_symmetry(net, transformation)
    x = failed.value.verdict.counterexample  # type: ignore[attr-defined]
    assert transformation.apply(net)(x) != net(x)


@law(40)
@given(st.sampled_from(["free", "planted", "near", "cancelled"]).flatmap(lambda k: st.tuples(st.just(k), xt.rational_functions(poles=k))))
def test_rational_functions_have_the_poles_they_say(drawn: Any) -> None:
    kind, r = drawn
    if kind != "planted":
        xt.assert_pole_free(r)
        return
    with pytest.raises(xt.PropertyFailed, match="r has a pole"):
        xt.assert_pole_free(r)


@law(40)
@given(st.data())
def test_points_love_kinks(data: st.DataObject) -> None:
    net = xn.mlp([([[2, 1]], [-3]), ([[1]], [-1]), ([[1]], [0])])
    x = data.draw(xt.points(net))
    assert len(x) == 2
    assert all(isinstance(q, Fraction) for q in x)


def test_points_are_on_kinks_of_both_layers() -> None:
    net = xn.mlp([([[2, 1]], [-3]), ([[1]], [-1]), ([[1]], [0])])
    for name in ("layer1", "layer2"):

        def at_kink(x: Any, name: str = name) -> bool:
            return x != (0, 0) and net.trace(RationalArray.of([x]), keep=[name])[name].is_zero()

        find(xt.points(net), at_kink, settings=ONE)


@law(20)
@given(st.integers(1, 3).flatmap(lambda d: st.tuples(st.just(d), xt.boxes(d))))
def test_boxes_have_points(drawn: Any) -> None:
    d, box = drawn
    assert len(box.interior_point()) == d


def test_graphs_of_all_kinds() -> None:
    @law(20)
    @given(xt.convolutional_networks(), xt.residual_networks())
    def holds(conv: Network, residual: Network) -> None:
        assert any(isinstance(conv.operation(n), Conv) for n in conv.order)
        assert any(isinstance(residual.operation(n), Add) for n in residual.order)
        for net in (conv, residual):
            assert eval(xt.network_code(net).removeprefix("f = "), {"xn": xn}) == net  # noqa: S307 - our own

    holds()
    normed = find(xt.convolutional_networks(), lambda net: any(isinstance(net.operation(n), BatchNorm) for n in net.order), settings=ONE)
    assert eval(xt.network_code(normed).removeprefix("f = "), {"xn": xn}) == normed  # noqa: S307 - our own


@pytest.mark.parametrize(
    "unit", [*HOMOGENEOUS, "hardtanh", "clip(-1/2, 3)", "tanh", "gelu_tanh", xn.rational.RationalFunction([0, 1], [1, 0, "1/3"])]
)
def test_code_makes_the_network_again(unit: Any) -> None:
    net = xn.mlp([([["1/3", 2**70]], [0]), ([[1]], ["-5/7"])], unit)
    assert eval(xt.network_code(net, "g").removeprefix("g = "), {"xn": xn}) == net  # noqa: S307 - our own


@pytest.mark.parametrize(
    "make",
    [
        lambda: xt.networks(inputs=0),
        lambda: xt.networks(width=(3, 2)),
        lambda: xt.networks(weights="1"),
        lambda: xt.networks(weights=[]),
        lambda: xt.float_numbers("float8"),
        lambda: xt.rational_functions(poles="some"),
        lambda: xt.onnx_models(form="text"),
        lambda: xt.networks(inputs=(1, 2, 3)),
        lambda: xt.torch_modules(kinds=["recurrent"]),
    ],
)
def test_bad_arguments(make: Any) -> None:
    with pytest.raises(ArgumentError):
        find(make(), lambda _: True, settings=ONE)


def test_torch_and_onnx_are_imported_when_they_are_used() -> None:
    program = "import sys, exactnn.testing as xt; xt.torch_modules(), xt.onnx_models(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"torch", "onnx", "z3", "matplotlib"}.isdisjoint(run.stdout.split())
    assert "hypothesis" in run.stdout.split()


def test_without_hypothesis_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['hypothesis'] = None; import exactnn as xn; xn.mlp; xn.testing.assert_zero; xn.testing.networks"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert (
        "MissingDependency: exactnn.testing.networks needs the package hypothesis; install it with: pip install 'exactnn[testing]'"
        in run.stderr
    )
