"""The harness of exactnn.testing: a hundred examples of each kind, beside the passes without a question; a bug found and shrunk."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import nn

import exactnn as xn
from benchmarks.measure import Row, timed
from exactnn import testing
from exactnn.network import Affine, Network, rewrite
from exactnn.testing import PropertyFailed

BOX = xn.Box(-1, 1)


def simplify(net: Network) -> Network:
    return rewrite.simplify(net).network


def fold(module: nn.Module) -> nn.Module:
    """Every batch norm folded into the layer before it, in float32."""
    layers: list[Any] = []
    for layer in copy.deepcopy(module).children():
        if isinstance(layer, nn.BatchNorm2d):
            layers.append(nn.utils.fuse_conv_bn_eval(layers.pop(), layer))
        else:
            layers.append(layer)
    return nn.Sequential(*layers).eval()


def off_by_one(net: Network) -> Network:
    """A planted bug: the last bias is one larger."""
    last = net.operation(net.outputs[0])
    assert isinstance(last, Affine)
    layers = [(op.weight.to_rows(), list(op.bias.to_fractions())) for op in map(net.operation, net.order) if isinstance(op, Affine)]
    layers[-1][1][-1] += 1
    return xn.mlp(layers)


def without_mean(module: nn.Module) -> nn.Module:
    """A planted bug: a batch norm is folded as if its mean were 0."""
    made = copy.deepcopy(module)
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None:
            layer.running_mean.zero_()
    return fold(made)


def drawn(strategy: Any, transformation: Callable[[Any], Any], examples: int) -> float:
    """The seconds of drawing and transforming alone, as a property test without exactnn would."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    rules = settings(max_examples=examples, phases=[Phase.generate], deadline=None, database=None, suppress_health_check=list(HealthCheck))

    def one(model: Any) -> None:
        transformation(model)

    return timed(seed(0)(rules(given(strategy)(one))))[1]


def run(*, quick: bool) -> tuple[str, list[str], list[Row]]:
    examples = 20 if quick else 100
    shallow = testing.relu_mlps(depth=1) | testing.degenerate_networks(depth=1, activation="relu")
    deep = testing.relu_mlps(depth=(2, 3)) | testing.degenerate_networks(depth=(2, 3), activation="relu")
    convolutions = testing.torch_modules(kinds=["convolutional"], batch_norm=True)
    cases: list[tuple[str, Any, Callable[[Any], Any], dict[str, Any], float]] = [
        ("one hidden layer, simplified", shallow, simplify, {}, 10),
        ("two and three hidden layers, simplified", deep, simplify, {}, 60),
        ("convolutions, batch norm folded, within 1/100000", convolutions, fold, {"domain": BOX, "tolerance": "1e-5"}, 60),
    ]
    testing.assert_preserves(simplify, networks=shallow, max_examples=1)  # what is imported once
    rows, notes = [], []
    for name, strategy, transformation, options, goal in cases:
        arguments = {"networks": strategy, "max_examples": examples, "seed": 0, **options}
        done, seconds = timed(lambda t=transformation, a=arguments: testing.assert_preserves(t, **a))  # type: ignore[misc]
        assert done.exactly + done.within == examples
        rows.append(Row(f"{examples} of {name}", seconds, "drawn and transformed alone", drawn(strategy, transformation, examples)))
        notes.append(f"{name}: {done} (goal for 100: {goal} s).")
    bugs: list[tuple[str, Any, Callable[[Any], Any], dict[str, Any]]] = [
        ("a bias off by one, deep", deep, off_by_one, {}),
        ("batch norm folded without the mean, convolutions", convolutions, without_mean, {"domain": BOX, "tolerance": "1e-5"}),
    ]
    for name, strategy, transformation, options in bugs:
        found, seconds = timed(lambda s=strategy, t=transformation, o=options: _failure(s, t, o))  # type: ignore[misc]
        assert found.kind == "changed"
        sizes = [net.hidden_layers for net in found.networks if isinstance(net, Network)]
        rows.append(Row(f"found and shrunk: {name}", seconds))
        notes.append(f"{name}: {len(sizes[0])} hidden layers are left, {len(str(found).splitlines())} lines (goal: 60 s).")
    return "Property-based tests of passes (exactnn.testing)", notes, rows


def _failure(strategy: Any, transformation: Callable[[Any], Any], options: dict[str, Any]) -> PropertyFailed:
    try:
        testing.assert_preserves(transformation, networks=strategy, seed=0, certificates="", **options)
    except PropertyFailed as failure:
        return failure
    raise AssertionError("the planted bug was not found")
