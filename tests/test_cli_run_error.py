"""`exactnn run-error`: the bound, its certificate, JSON, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import exactnn as xn
from tests.test_cli import Shell, shell  # noqa: F401 - a fixture


@pytest.fixture
def folder(shell: Shell, tmp_path: Path) -> Path:  # noqa: F811
    layers = [([["1/3", 1], [1, -1]], [0, "1/2"]), ([[1, -1]], [0])]
    xn.save(xn.mlp(layers), tmp_path / "f.json")
    xn.save(xn.mlp(layers, "tanh"), tmp_path / "smooth.json")
    return tmp_path


def test_bound_and_certificate(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("run-error f.json --domain -1:1 --certificate c.json")
    assert answer.code == 0
    assert answer.first.startswith("|float32 run - exact| <= ")
    assert answer.first.endswith(", on -1:1")
    assert "for each output: " in answer.out
    checked = shell("check c.json")
    assert checked.code == 0
    assert "a float32 run of f is off by at most" in checked.out


def test_json(shell: Shell, folder: Path) -> None:  # noqa: F811
    found = {}
    for dtype in ("float32", "float64", "bfloat16"):
        document = json.loads(shell(f"run-error f.json --domain -1:1 --dtype {dtype} --json").out)
        assert (document["status"], document["dtype"], document["domain"]) == ("done", dtype, "-1:1")
        assert document["per_output"] == [document["upper"]]
        bound = xn.execution_error(xn.load("f.json"), domain=xn.Box(-1, 1), dtype=dtype).upper
        assert document["upper"] == f"{bound.numerator}/{bound.denominator}"
        found[dtype] = bound
    assert found["float64"] < found["float32"] < found["bfloat16"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("f.json", "--domain: a box is needed"),
        ("smooth.json --domain -1:1", "is a smooth"),
        ("f.json --domain -1e39:1", "may exceed the largest one of float32"),
        ("missing.json --domain -1:1", "missing.json"),
        ("f.json --domain -1:1 --certificate f.json", "is an input of this command"),
    ],
)
def test_bad_input(shell: Shell, folder: Path, words: str, said: str) -> None:  # noqa: F811
    answer = shell(f"run-error {words}")
    assert answer.code == 2
    assert said in answer.err
