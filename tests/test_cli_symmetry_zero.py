"""`exactnn symmetry search-zero`: answers, exit codes, JSON, files, bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
import z3

import exactnn as xn
from exactnn.symmetry import search_zero
from exactnn.symmetry.zero_networks import formula
from tests.test_cli import Shell, files, shell  # noqa: F401 - a fixture

BOUNDS = "integer weights of absolute value at most 1, irreducible"


def test_found(shell: Shell) -> None:  # noqa: F811
    answer = shell("symmetry search-zero 1 4 1")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        f"FOUND: 2 zero networks, complete for these bounds: 1 input, 4 neurons, 1 output, {BOUNDS}",
        "  max(x, 0) - max(-x, 0) + max(-x + 1, 0) - max(x - 1, 0) - 1 = 0",
        "  max(x + 1, 0) - max(-x - 1, 0) + max(-x + 1, 0) - max(x - 1, 0) - 2 = 0",
        "  each proved to be 0 on all of R^1, as by exactnn zero",
    ]
    assert "searched in" in answer.err
    quiet = shell("symmetry search-zero 1 4 1 --quiet --solver z3")
    assert (quiet.out.splitlines(), quiet.err) == ([answer.first], "")


def test_none(shell: Shell) -> None:  # noqa: F811
    answer = shell("symmetry search-zero 1 3 1 --save out")
    assert answer.code == 0
    assert answer.first.startswith(f"NONE: no zero networks, complete for these bounds: 1 input, 3 neurons, 1 output, {BOUNDS} (an irre")
    assert not Path("out").exists()


def test_json_has_all_of_it(shell: Shell) -> None:  # noqa: F811
    document = shell("symmetry search-zero 2 6 1 --json").json
    assert (document["status"], document["command"], document["count"], document["complete"]) == ("done", "symmetry search-zero", 10, True)
    assert [n["formula"] for n in document["networks"]] == [formula(net) for net in search_zero(2, 6, 1)]
    for entry in document["networks"]:
        net = xn.mlp([(entry["W"], entry["b"]), (entry["a"], entry["c"])])
        assert formula(net) == entry["formula"]
        assert xn.verify_zero(net).status == "proved"
    limited = shell("symmetry search-zero 2 6 1 --limit 3 --json").json
    assert (limited["status"], limited["count"], limited["complete"]) == ("done", 3, False)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("1 6 2 --fewest", 12),
        ("1 4 2 --nonzero", 9),
        ("1 4 1 --outputs 2", 6),
        ("1 2 1 --reducible", 60),
        ("2 4 0", 0),
        ("2 9 1 --fewest", 4),
    ],
)
def test_options(shell: Shell, line: str, count: int) -> None:  # noqa: F811
    document = shell(f"symmetry search-zero {line} --json").json
    assert (document["count"], document["complete"]) == (count, True)


def test_files(shell: Shell) -> None:  # noqa: F811
    answer = shell("symmetry search-zero 1 4 2 --save out --smt2 question.smt2")
    assert answer.code == 0
    names = sorted(path.name for path in Path("out").iterdir())
    assert len(names) == 24
    assert names[:2] == ["zero-0001.certificate.json", "zero-0001.json"]
    for name in names:
        if "certificate" in name:
            assert shell(f"check out/{name} out/{name.replace('.certificate', '')}").code == 0
        else:
            assert shell(f"zero out/{name}").code == 0
    solver = z3.Solver()
    solver.from_file("question.smt2")
    assert solver.check() == z3.sat


def test_time_limit(shell: Shell) -> None:  # noqa: F811
    answer = shell("symmetry search-zero 2 8 2 --time-limit 0")
    assert answer.code == 3
    assert answer.first.startswith("UNKNOWN: no zero networks, not complete: 2 inputs, 8 neurons")
    assert "the time limit of 0.0 s was reached" in answer.first
    document = shell("symmetry search-zero 2 10 2 --time-limit 1 --json --quiet").json
    assert document["status"] == "unknown"
    assert document["count"] == len(document["networks"]) > 0
    assert not document["complete"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 4 1", "inputs: an integer >= 1 is needed, got 0"),
        ("1 0 1", "neurons: an integer >= 1 is needed, got 0"),
        ("1 4 -1", "MAX_WEIGHT: an integer >= 0 is needed, got -1"),
        ("1 4 1.5", "MAX_WEIGHT: a whole number is needed, got '1.5'"),
        ("1 4", "missing: MAX_WEIGHT"),
        ("1 4 1 --outputs 0", "outputs: an integer >= 1 is needed, got 0"),
        ("1 4 1 --limit -1", "limit: an integer >= 0 is needed, got -1"),
        ("1 4 1 --time-limit -1", "--time-limit: seconds >= 0"),
        ("1 4 1 --time-limit soon", "--time-limit: a number"),
        ("1 4 1 --solver cvc5", "is needed, got 'cvc5'"),
        ("1 4 1 --save f.json", "--save: a new or empty folder is needed, got 'f.json'"),
        ("1 4 1 --save .", "--save: a new or empty folder is needed, got '.'"),
        ("1 4 1 --save no/out", "--save: a folder in an existing one is needed, got 'no/out'"),
        ("1 4 1 --smt2 no/out.smt2", "--smt2: a file in an existing folder is needed, got 'no/out.smt2'"),
        ("9 4 1", "a smaller search is needed"),
    ],
)
def test_bad_input(shell: Shell, line: str, message: str) -> None:  # noqa: F811
    before = files()
    answer = shell(f"symmetry search-zero {line}")
    assert answer.code == 2
    assert message in answer.err
    assert answer.out == ""
    assert files() == before
