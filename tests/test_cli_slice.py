"""--slice: from all three kinds of files, for every command that has it, and in certificates, which hold for the model they came from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import exactnn as xn
from exactnn.regions import count, restrict
from tests.test_cli import Shell, shell  # noqa: F401

THREE = xn.mlp([([[1, 0, 1], [0, 1, -1], [1, 1, 0], [2, -1, 1]], [0, 1, -1, 0]), ([[1, -1, 2, 1]], [0])])
POINTS = [[0, 0, 1], [1, 0, 1], [0, 1, 1]]


@pytest.fixture
def folder(shell: Shell) -> None:  # noqa: F811
    """A model with 3 inputs, another that equals it where the third is 1, and one plane in every form."""
    xn.save(THREE, "three.json")
    xn.save(xn.mlp([([[1, 0, 0], [0, 1, 0], [1, 1, 0], [2, -1, 0]], [1, 0, -1, 1]), ([[1, -1, 2, 1]], [0])]), "other.json")
    Path("plane.json").write_text(json.dumps({"origin": POINTS[0], "directions": [[1, 0, 0], [0, 1, 0]]}))
    Path("points.json").write_text(json.dumps({"points": POINTS}))
    Path("points.csv").write_text("0, 0, 1\n1, 0, 1\n0, 1, 1\n")
    np.save("points.npy", np.array(POINTS, dtype=np.float32))


@pytest.mark.parametrize("name", ["plane.json", "points.json", "points.csv", "points.npy"])
def test_every_kind_of_file(shell: Shell, folder: None, name: str) -> None:  # noqa: F811
    expected = count(restrict(THREE, POINTS[0], [[1, 0, 0], [0, 1, 0]]))
    answer = shell(f"regions count three.json --slice {name}")
    assert (answer.code, answer.first) == (0, f"{expected} linear regions (activation) on all of R^2 (slice {name})")


def test_a_sliced_count_is_accepted_for_the_model_it_came_from(shell: Shell, folder: None) -> None:  # noqa: F811
    assert shell("regions count three.json --slice points.npy --certificate c.json").code == 0
    answer = shell("check c.json three.json")
    assert answer.code == 0
    assert "f(t) = model f at (0, 0, 1) + t_0 (1, 0, 0) + t_1 (0, 1, 0)" in answer.first
    assert "three.json" in answer.out.splitlines()[1]
    document = shell("check c.json --json").json
    assert document["models"]["f"]["slice"]["origin"]["numerators"] == [0, 0, 1]
    assert shell("check c.json f.json").code == 4
    certificate = json.loads(Path("c.json").read_text())
    certificate["models"]["f"]["slice"]["origin"]["numerators"] = [0, 0, 0]
    Path("c.json").write_text(json.dumps(certificate))
    answer = shell("check c.json three.json")
    assert (answer.code, answer.first[:9]) == (4, "REJECTED:")


@pytest.mark.parametrize(
    ("line", "whole", "sliced"),
    [
        ("equal three.json other.json", 1, 0),
        ("same-decision three.json other.json --domain -1:1", 0, 0),
        ("deviation three.json other.json --domain -1:1", 0, 0),
        ("zero three.json", 1, 1),
        ("symmetry verify three.json --permutation 1,0,3,2", 0, 0),
        ("tropical three.json", 0, 0),
    ],
)
def test_every_command(shell: Shell, folder: None, line: str, whole: int, sliced: int) -> None:  # noqa: F811
    assert shell(line).code == whole
    own = "" if line.startswith("tropical") else " --certificate c.json"
    answer = shell(f"{line} --slice points.csv{own}")
    assert answer.code == sliced
    assert "slice points.csv" in answer.out
    if own:
        checked = shell("check c.json three.json")
        assert checked.code == 0
        assert "(0, 0, 1) + t_0 (1, 0, 0) + t_1 (0, 1, 0)" in checked.first
    document = shell(f"{line} --slice points.csv --json").json
    assert document["slice"] == "points.csv"
    assert document.get("float32_error") is None


def test_the_deviation_on_a_slice(shell: Shell, folder: None) -> None:  # noqa: F811
    assert shell("deviation three.json other.json --domain -1:1 --slice points.csv --json").json["upper"] == "0"
    assert shell("deviation three.json other.json --domain -1:1 --json").json["upper"] != "0"


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (None, "nowhere.json", "--slice: a .json, .npy or .csv file is needed, but 'nowhere.json' is no file"),
        (None, "nowhere.csv", "--slice: nowhere.csv: there is no such file"),
        ("[1]", "s.json", "--slice: s.json: an object"),
        ('{"origin": [0, 0], "directions": [[1, 0, 0]]}', "s.json", "--slice: s.json: origin: a flat vector of 3 numbers"),
        ('{"origin": [0, 0, 0], "directions": [[1, 0, 0], [2, 0, 0]]}', "s.json", "linearly independent"),
        ("0,0,1\n", "s.csv", "at least 2 points are needed"),
        ("0,0\n1,0\n", "s.csv", "--slice: s.csv: points: rows of 3 numbers, one for each input of the model, are needed, got rows of 2"),
        ('{"points": [[0, 0, 0, 0], [1, 0, 0, 0]]}', "s.json", "--slice: s.json: points: rows of 3 numbers, one for each input"),
        ("x,y,z\n", "s.csv", "there is no header"),
        ("", "s.npy", "no .npy file"),
    ],
)
def test_bad_slices(shell: Shell, folder: None, content: str | None, name: str, message: str) -> None:  # noqa: F811
    if content is not None:
        Path(name).write_text(content)
    answer = shell(f"equal three.json other.json --slice {name}")
    assert answer.code == 2
    assert message in answer.err


def test_a_run_is_one_of_the_whole_model(shell: Shell, folder: None) -> None:  # noqa: F811
    assert shell("run-error three.json --domain 0:1 --slice points.csv").code == 2
