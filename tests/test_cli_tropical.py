"""`exactnn tropical`: the form told and written, at data points, at a limit; bad input, nothing left behind."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import exactnn as xn
from exactnn.exact.array import RationalArray
from exactnn.tropical import TropicalRationalMap, read_json
from tests.test_cli import Shell, files, shell  # noqa: F401 - a fixture

HIDDEN = ([[1, 0], [0, 1], [1, 1]], [0, 0, -1])
ONE = xn.mlp([HIDDEN, ([[1, 1, "-1/3"]], [0])])
THREE = xn.mlp([HIDDEN, ([[1, 1, "-1/3"], [0, 1, 2]], [0, 1]), ([[1, -1], [2, 1], [0, 1]], [0, 1, 1])])
POINTS = [[0, 0], ["1/3", "0.1"], [-1, 2], [3, "1e-3"]]


@pytest.fixture
def folder(shell: Shell, tmp_path: Path) -> Path:  # noqa: F811
    """The folder of `shell` with more models and points."""
    xn.save(ONE, "one.json")
    xn.save(THREE, "three.json")
    xn.save(xn.mlp([([[1]], [0]), ([[1]], [0])], activation="tanh"), "smooth.json")
    for name, text in {
        "points.csv": "".join(f"{a}, {b}\n" for a, b in POINTS) + "\n",
        "ragged.csv": "0,0\n1\n",
        "header.csv": "x,y\n0,0\n",
        "nan.csv": "0,0\n1,nan\n",
        "empty.csv": "\n",
        "wide.csv": "1,2,3\n",
        "zero.csv": "0,1/0\n",
        "text.npy": "0,0\n",
        "points.txt": "0,0\n",
    }.items():
        Path(name).write_text(text, encoding="utf-8")
    np.save("points.npy", np.array([[0.1, 2], [-1, 0.5]], dtype=np.float32))
    np.save("nan.npy", np.array([[np.nan, 0]]))
    np.save("line.npy", np.array([1.0, 2.0]))
    np.save("objects.npy", np.array([[Fraction(1), 2]], dtype=object))
    np.save("strings.npy", np.array([["1", "2"]]))
    whole = Path("points.npy").read_bytes()
    Path("short.npy").write_bytes(whole[:-4])
    Path("broken.npy").write_bytes(whole.replace(b"(2, 2)", b"((((2,"))
    more = b"(2, 9999999999), }"
    Path("huge.npy").write_bytes(whole.replace(b"(2, 2), }".ljust(len(more)), more))
    return tmp_path


def same(form: TropicalRationalMap, net: xn.Network) -> bool:
    points = RationalArray.of([[Fraction(7 * i % 11 - 5, 3), Fraction(5 * i % 13 - 6, 4)] for i in range(40)])
    return form.values(points) == net.evaluate(points)


def test_the_form_is_told(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("tropical one.json")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "DONE: the tropical form on all of R^2: 7 regions, terms: 4 in the numerator, 2 in the denominator; decomposition: construction",
        "  F0 = P0 - Q0, P0 = max(0, x1, x0, x0 + x1), Q0 = max(0, 1/3 x0 + 1/3 x1 - 1/3)",
    ]
    assert "extracted in" in answer.err
    found = shell("tropical three.json --reduce --domain -1:1 --json").json
    assert (found["status"], found["command"], found["regions"], found["points"], found["domain"]) == ("done", "tropical", 5, None, "-1:1")
    assert found["decomposition"] in ("irreducible", "minimal")
    assert [len(found["terms"][side]) for side in ("numerators", "denominators")] == [3, 3]
    assert shell("tropical one.json --domain 2:3").first.startswith("DONE: the tropical form on 2:3: 1 region, terms: 1 in")
    assert shell("tropical one.json --quiet").err == ""


@pytest.mark.parametrize("options", ["", "--reduce", "--unshifted", "--at points.csv"])
def test_the_form_is_written(shell: Shell, folder: Path, options: str) -> None:  # noqa: F811
    for name, net in (("one", ONE), ("three", THREE)):
        assert shell(f"tropical {name}.json {options} -o form.json").code == 0
        form = read_json("form.json")
        assert isinstance(form, TropicalRationalMap)
        if "--at" in options:
            assert all(form(x) == net(x) for x in POINTS)
        else:
            assert same(form, net)
        if options != "--unshifted":
            assert all(min(a) >= 0 for p in (*form.numerators, *form.denominators) for a in p.terms)


def test_formats(shell: Shell, folder: Path) -> None:  # noqa: F811
    text = shell("tropical one.json --format sympy")
    assert (text.code, text.out) == (0, shell("tropical one.json --format .SYMPY --json").json["text"])
    assert text.out.startswith("(Max(")
    for name, option in (("a.sympy", ""), ("a.txt", "--format sympy"), ("b.sympy", "--format sympy")):
        assert shell(f"tropical one.json -o {name} {option}").code == 0
        assert Path(name).read_text(encoding="utf-8") == text.out
    assert "form: a.txt" in shell("tropical one.json --output a.txt --format sympy").out


def test_at_points_with_a_certificate(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("tropical three.json --at points.csv --certificate c.json -o form.tex")
    assert answer.code == 0
    assert answer.first.startswith("DONE: the tropical form at the points of points.csv: 4 points, terms: ")
    assert shell("check c.json three.json").first.startswith("ACCEPTED: proved: f = g at 4 points of R^2")
    document = json.loads(Path("c.json").read_text(encoding="utf-8"))
    assert document["claim"]["question"] == "equal_at"
    found = shell("tropical one.json --at points.npy --json").json
    assert (found["points"], found["regions"], found["at"]) == (2, None, "points.npy")


def test_pictures(shell: Shell, folder: Path) -> None:  # noqa: F811
    pytest.importorskip("matplotlib")
    for line, suffix, head in (
        ("one.json", ".png", b"\x89PNG"),
        ("one.json --domain 0:1", ".svg", b"<?xml"),
        ("three.json --reduce", ".pdf", b"%PDF"),
        ("three.json --at points.csv", ".png", b"\x89PNG"),
    ):
        answer = shell(f"tropical {line} --plot p{suffix}")
        assert answer.code == 0
        assert f"picture: p{suffix}" in answer.out
        assert Path(f"p{suffix}").read_bytes().startswith(head)


@pytest.mark.parametrize("options", ["--time-limit 0", "--max-regions 3", "--at points.csv --time-limit 0"])
def test_a_limit(shell: Shell, folder: Path, options: str) -> None:  # noqa: F811
    before = files()
    answer = shell(f"tropical three.json {options} -o form.json --plot p.png")
    assert answer.code == 3
    assert answer.first.startswith("UNKNOWN: the tropical form ")
    assert answer.first.endswith("nothing was written")
    assert "(.partial)" not in answer.out
    assert files() == before
    found = shell(f"tropical three.json {options} --json").json
    assert found["status"] == "unknown"
    assert "limit" in found["reason"] or "more than 3" in found["reason"]


def test_a_limit_in_the_reduction(shell: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def stopped(self: TropicalRationalMap, **limits: object) -> TropicalRationalMap:
        raise xn.errors.Incomplete("the time limit was reached")

    monkeypatch.setattr(TropicalRationalMap, "reduce", stopped)
    answer = shell("tropical one.json --reduce")
    assert answer.code == 3
    assert "without --reduce the form is complete" in answer.first
    assert answer.out.splitlines()[1].startswith("  reached: 7 regions, terms: 4")


def test_a_checkpoint(shell: Shell, folder: Path) -> None:  # noqa: F811
    first = shell("tropical three.json --checkpoint part.txt")
    assert first.code == 0
    assert Path("part.txt").exists()
    assert shell("tropical three.json --checkpoint part.txt").out == first.out
    refused = shell("tropical one.json --checkpoint part.txt")
    assert (refused.code, "another network" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("smooth.json", "tanh1"),
        ("missing.json", "missing.json"),
        ("one.json -o form.txt", ".polymake"),
        ("one.json -o form.tex --format m2", "--format"),
        ("one.json --format doc", "--format"),
        ("one.json -o missing/form.tex", "--output"),
        ("one.json -o one.json", "--output"),
        ("one.json --at points.csv -o points.csv --format tex", "--output"),
        ("one.json --at points.csv -o c.json --certificate c.json", "one file"),
        ("one.json --certificate c.json", "--at"),
        ("one.json --at points.csv --reduce", "--reduce"),
        ("one.json --at points.csv --domain 0:1", "--domain"),
        ("one.json --at points.csv --max-regions 0", "--max-regions"),
        ("one.json --at points.csv --checkpoint part", "--checkpoint"),
        ("one.json --max-regions -1", "--max-regions"),
        ("one.json --domain 0:0", "--slice FILE, with points of it"),
        ("one.json --domain 1:0", "LO <= HI"),
        ("one.json --time-limit soon", "--time-limit"),
        ("one.json --plot p.gif", ".svg"),
        ("line.json --plot p.png", "--plot: a network with 2 inputs is needed, got 1"),
        ("one.json --at points.txt", ".npy or .csv"),
        ("one.json --at gone.csv", "gone.csv"),
        ("one.json --at ragged.csv", "line 2: 2 numbers"),
        ("one.json --at header.csv", "header"),
        ("one.json --at nan.csv", "line 2: a finite number"),
        ("one.json --at zero.csv", "line 1"),
        ("one.json --at empty.csv", "at least one point"),
        ("one.json --at wide.csv", "(n, 2)"),
        ("one.json --at text.npy", "numpy.save"),
        ("one.json --at nan.npy", "nan.npy"),
        ("one.json --at line.npy", "(n, 2)"),
        ("one.json --at objects.npy", "objects.npy"),
        ("one.json --at strings.npy", "real numbers"),
        ("one.json --at short.npy", "short.npy"),
        ("one.json --at broken.npy", "broken.npy"),
        ("one.json --at huge.npy", "huge.npy"),
    ],
)
def test_bad_input(shell: Shell, folder: Path, line: str, words: str) -> None:  # noqa: F811
    before = files()
    answer = shell(f"tropical {line}")
    assert answer.code == 2
    assert words in answer.err
    assert answer.out == ""
    assert files() == before
