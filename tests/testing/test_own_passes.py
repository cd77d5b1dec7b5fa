"""This project's own rewriting, writing and reading, under the harness that it offers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import exactnn as xn
from exactnn import testing as xt
from exactnn.network import rewrite

pytestmark = pytest.mark.exactnn
UNITS = ("relu", "leaky_relu(1/4)", "abs", "hardtanh")
FLOATS = xt.float_numbers("float32")
DECIMALS = ["0", "1", "-1", "1/2", "-3/4", "2", "1/8"]


def kept(transformation: Any, networks: Any, examples: int = 25) -> None:
    done = xt.assert_preserves(transformation, networks=networks, max_examples=examples, seed=17)
    assert done.exactly == examples


@pytest.mark.parametrize(
    "rewriting",
    [rewrite.simplify, rewrite.fold_affine, rewrite.merge_neurons, rewrite.fold_constant_neurons, rewrite.drop_dead_neurons],
)
def test_rewriting(rewriting: Callable[[xn.Network], Any]) -> None:
    kept(lambda net: rewriting(net).network, xt.relu_mlps() | xt.degenerate_networks() | xt.residual_networks())


def test_simplified_convolutions() -> None:
    kept(lambda net: rewrite.simplify(net).network, xt.convolutional_networks(activation=UNITS), 10)


@pytest.mark.parametrize(
    ("name", "networks"),
    [
        ("net.json", xt.networks() | xt.degenerate_networks() | xt.convolutional_networks() | xt.residual_networks()),
        ("net.onnx", xt.networks(activation=UNITS, weights=FLOATS) | xt.residual_networks(activation=UNITS, weights=FLOATS)),
        ("net.nnet", xt.relu_mlps(weights=DECIMALS)),
    ],
)
def test_written_and_read_again(name: str, networks: Any, tmp_path: Path) -> None:
    def written(net: xn.Network) -> xn.Network:
        xn.save(net, tmp_path / name)
        return xn.load(tmp_path / name)

    kept(written, networks)


def test_to_a_module_and_back() -> None:
    def there_and_back(net: xn.Network) -> xn.Network:
        return xn.from_torch(net.to_torch(), net.input_dim)

    kept(there_and_back, xt.relu_mlps(weights=xt.float_numbers("float64"), depth=1) | xt.networks(activation=UNITS, weights=FLOATS), 6)


def test_modules_to_networks_and_back() -> None:
    """Of modules: read exactly, made a module again in float64, whose weights are the same numbers."""

    def back(module: Any) -> Any:
        return xn.from_torch(module, module.input_shape).to_torch()

    kept(back, xt.torch_modules(kinds=["dense"], depth=1, batch_norm=False), 4)
