"""What a person meets first: help and tab completion, and a sentence for those who bring something that is no network."""

from __future__ import annotations

import importlib
import pydoc
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch

import exactnn as xn
from exactnn.errors import ArgumentError, DomainError, LoadError, ShapeError
from exactnn.network import check_network

NET = xn.mlp([([[1], [-1]], [0, 0]), ([[1, -1]], [0])])
ROOMS = ("network", "load", "export", "symmetry", "regions", "tropical", "rational", "verify", "nn", "testing", "certificate")


@pytest.mark.parametrize(
    "first", ["xn.load", "xn.from_torch", "import exactnn.load", "import exactnn.load.json", "from exactnn.load import load"]
)
def test_load_is_the_function_whatever_came_first(first: str) -> None:
    program = f"import exactnn as xn, types\n{first}\nassert isinstance(xn.load, types.FunctionType), xn.load\nprint(xn.load.__module__)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert (run.returncode, run.stdout) == (0, "exactnn.load\n"), run.stderr


def test_help_shows_the_function() -> None:
    importlib.import_module("exactnn.load.json")
    text = pydoc.plain(pydoc.render_doc(xn.load))
    assert text.startswith("Python Library Documentation: function load in module exactnn.load")
    assert "The network in a file, to the last bit." in text
    assert "path : a file whose suffix is" in text


def test_load_can_be_replaced_in_a_test_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    real = xn.load
    with monkeypatch.context() as patch:
        patch.setattr(xn, "load", "another")
        assert xn.load == "another"  # type: ignore[comparison-overlap]
    assert xn.load is real


def test_tab_completion_shows_public_names_alone() -> None:
    assert {"load", "mlp", "verify_equal", "regions", "tropical", "symmetry"} <= set(dir(xn))
    assert [name for name in dir(xn) if name.startswith("_") and name != "__version__"] == []
    for name in ROOMS:
        room = importlib.import_module(f"exactnn.{name}")
        assert dir(room) == sorted(room.__all__)
        assert all(hasattr(room, public) for public in dir(room))
    assert not any(isinstance(getattr(xn.regions, name), types.ModuleType) for name in dir(xn.regions))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.nn.Linear(1, 1), "got Linear; exactnn.from_torch(module, input_shape) makes one"),
        (torch.nn.Linear, "got the class Linear; make an instance of it first"),
        (torch.nn.Linear(1, 1).state_dict(), "got a state_dict (OrderedDict); it has weights and no graph: module.load_state_dict"),
        ("a model.onnx", "got the text 'a model.onnx'; exactnn.load('a model.onnx') reads one from a file"),
        (Path("model.onnx"), "got the path 'model.onnx'; exactnn.load('model.onnx')"),
        ("x" * 10_000, "xxx...'; exactnn.load("),
        ([([[1]], [0])], "got a list; exactnn.mlp([(W1, b1), ..., (Wk, bk)]) makes one"),
        (xn.tropical.extract(NET), "got TropicalRationalMap; its .to_network() makes one"),
        (None, "got NoneType; exactnn.mlp, exactnn.load and exactnn.from_torch make one"),
        (3.5, "got float; exactnn.mlp"),
    ],
)
def test_what_is_no_network_is_told_how_to_become_one(value: Any, words: str) -> None:
    box = xn.Box(-1, 1)
    askers = {
        "f": [
            lambda: xn.verify_equal(value, NET),
            lambda: xn.verify_zero(value),
            lambda: xn.verify_symmetry(value, xn.symmetry.Flip([0])),
            lambda: xn.verify_same_decision(value, NET, domain=box),
            lambda: xn.verify_equal_at(value, NET, [[0]]),
            lambda: xn.max_deviation(value, NET, domain=box),
            lambda: xn.symmetry.align(value, NET),
        ],
        "g": [lambda: xn.verify_equal(NET, value), lambda: xn.max_deviation(NET, value, domain=box)],
        "net": [
            lambda: xn.execution_error(value, domain=box),
            lambda: xn.save(value, "net.json"),
            lambda: xn.regions.count(value),
            lambda: xn.regions.restrict(value, [0], [[1]]),
            lambda: xn.certified_region_count(value),
            lambda: xn.tropical.extract(value),
            lambda: xn.tropical.extract_at(value, [[0]]),
            lambda: xn.symmetry.normal_form(value),
            lambda: xn.symmetry.fibre(value),
            lambda: xn.symmetry.Flip([0]).apply(value),
            lambda: xn.symmetry.Permutation(0, [1, 0]).apply(value),
        ],
    }
    for argument, asks in askers.items():
        for ask in asks:
            with pytest.raises(ArgumentError) as caught:
                ask()
            assert str(caught.value).startswith(f"{argument}: a Network is needed, got ")
            assert words in str(caught.value)
            assert len(str(caught.value)) < 300


def test_a_network_is_a_network() -> None:
    check_network(NET)


def test_an_onnx_model_in_memory_is_told_so() -> None:
    onnx = pytest.importorskip("onnx")
    with pytest.raises(ArgumentError, match=r"got ModelProto; save it with onnx.save"):
        xn.verify_zero(onnx.ModelProto())


@pytest.mark.parametrize("value", [[-1, 1], (-1, 1), "-1:1"])
def test_what_is_no_domain_is_told_what_one_is(value: Any) -> None:
    for ask in (
        lambda: xn.verify_zero(NET, domain=value),
        lambda: xn.max_deviation(NET, NET, domain=value),
        lambda: xn.regions.count(NET, value),
        lambda: xn.tropical.extract(NET, value),
    ):
        with pytest.raises(DomainError, match=r"^domain: a Box, a Polyhedron or None .* is needed, got .*; xn\.Box\(-1, 1\) is one$"):
            ask()


def test_usual_mistakes_with_layers() -> None:
    layer = torch.nn.Linear(2, 3)
    with pytest.raises(
        ShapeError, match=r"^b1: shape \(2,\) is needed, .* got \(3,\); W1 is \(outputs, inputs\), and this one looks transposed"
    ):
        xn.mlp([(layer.weight.T, layer.bias)])
    with pytest.raises(ShapeError, match=r"got \(4,\)$"):
        xn.mlp([(layer.weight, [0] * 4)])
    with pytest.raises(ArgumentError, match=r"^layers\[0\]: a pair \(W, b\) is needed, got Linear; exactnn\.from_torch reads modules$"):
        xn.mlp([layer])  # type: ignore[list-item]


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError) as caught:
        xn.load("models/f.onnx")
    assert str(caught.value) == f"models/f.onnx: a model file is needed, but this is not there; the current folder is {str(tmp_path)!r}"
    with pytest.raises(LoadError, match=r"not there$"):
        xn.load(tmp_path / "f.onnx")
