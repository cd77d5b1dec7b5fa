"""exactnn report: each statement with its verdict, true of networks whose facts are known; certificates that are accepted."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import exactnn as xn
from tests.test_cli import Shell, shell  # noqa: F401

#: neuron 3 is constant, neuron 4 dead; else f
SPARE = xn.mlp([([[1, 0], [0, 1], [-1, -1], [0, 0], [2, 2]], [0, 0, 0, 1, 0]), ([[1, 1, 1, 1, 0]], [-1])])


def test_one_network(shell: Shell) -> None:  # noqa: F811
    xn.save(SPARE, "spare.json")
    answer = shell("report spare.json")
    assert answer.code == 0
    assert answer.first == "REPORT: f = spare.json (real arithmetic)"
    lines = answer.out.splitlines()[1:]
    assert lines[0].startswith("  COMPUTED f: 2 inputs, 1 output, 1 hidden layer with 5 neurons, piecewise linear; 21 parameters")
    assert lines[1].startswith("  PROVED   f = a network with 3 neurons in place of 5, ")
    assert "neurons 3 (= 1) into the next biases; dead: relu1: neurons 3 dropped" in lines[1]
    assert "its weights are not reduced: neuron 4 has no outgoing weight" in lines[2]
    assert len(lines) == 3
    assert "no exact rewriting makes it smaller" in shell("report f.json").out


def test_two_networks_and_their_certificates(shell: Shell) -> None:  # noqa: F811
    xn.save(xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 0], [0, 1]], [0, 0])]), "two.json")
    xn.save(xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 0], [0, 1]], [0, "1/8"])]), "off.json")
    answer = shell("report two.json off.json --domain -1:1 --certificate proofs --json")
    assert answer.code == 0
    rows = answer.json["statements"]
    topics = ["size", "neurons that can go", "weights", "float32 runs", "equality", "deviation", "decisions"]
    assert list(dict.fromkeys(row["topic"] for row in rows)) == topics
    by = {row["topic"]: row for row in rows}
    assert by["equality"]["verdict"] == "refuted"
    assert by["deviation"]["verdict"] == "proved"
    assert "max |f - g| = 1/8; attained" in by["deviation"]["statement"]
    assert by["decisions"]["verdict"] == "refuted"
    assert sorted(map(str, Path("proofs").iterdir())) == sorted(row["certificate"] for row in rows if row["certificate"])
    for row in rows:
        assert (row["certificate"] is not None) == (row["verdict"] in ("proved", "refuted"))
        if row["certificate"] is not None:
            assert shell(f"check {row['certificate']}").code == 0


def test_equal_networks_without_a_domain(shell: Shell) -> None:  # noqa: F811
    out = shell("report f.json g.json").out
    assert "  PROVED   f = g on all of R^2: " in out
    assert "max |f - g|" not in out
    assert "float32 run " not in out


def test_what_is_not_known_is_said(shell: Shell) -> None:  # noqa: F811
    xn.save(xn.mlp([([[1, 2], [3, 4]], [0, 1]), ([[1, -1], [2, 1]], [0, 0])], activation="tanh"), "smooth.json")
    rows = shell("report smooth.json smooth.json --domain -1:1 --json").json["statements"]
    unknown = {row["topic"]: row["statement"] for row in rows if row["verdict"] == "unknown"}
    assert set(unknown) >= {"decisions", "float32 runs"}
    assert "piecewise linear" in unknown["decisions"]
    rows = shell("report f.json moved.json --time-limit 0 --json").json["statements"]
    assert "unknown" in {row["verdict"] for row in rows}


def test_on_a_slice(shell: Shell) -> None:  # noqa: F811
    Path("line.csv").write_text("0,0\n1,-1\n")
    answer = shell("report f.json g.json --slice line.csv --domain 0:1 --certificate proofs")
    assert answer.first == "REPORT: f = f.json and g = g.json on 0:1 (slice line.csv) (real arithmetic)"
    assert "1 input, " in answer.out
    for path in Path("proofs").iterdir():
        checked = shell(f"check {path}")
        assert checked.code == 0
        assert "model f at (0, 0) + t_0 (1, -1)" in checked.first


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("report f.json --time-limit -1", "--time-limit: seconds >= 0 are needed"),
        ("report f.json --certificate .", "--certificate: a new or empty folder is needed"),
        ("report nowhere.json", "this is not there"),
    ],
)
def test_bad_input(shell: Shell, line: str, message: str) -> None:  # noqa: F811
    answer = shell(line)
    assert answer.code == 2
    assert message in answer.err


def test_the_numbers_are_those_of_the_library(shell: Shell) -> None:  # noqa: F811
    upper = xn.execution_error(xn.load("f.json"), domain=xn.Box(-1, 1)).upper
    statement = next(r["statement"] for r in shell("report f.json --domain -1:1 --json").json["statements"] if r["topic"] == "float32 runs")
    said = Fraction(statement.split(" within ")[1].split()[0])
    assert upper <= said <= upper * Fraction(102, 100)
