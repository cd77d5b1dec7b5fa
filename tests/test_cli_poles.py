"""`exactnn poles`: coefficients, JSON of activations, models; answers, exit codes, pictures, bad input."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

import exactnn as xn
from exactnn.rational import BOULLE, ERA, RationalFunction, from_document, to_document
from tests.test_cli import Shell, shell  # noqa: F401 - a fixture

X = RationalFunction.x()
GOOD = {"swish": ERA(("1/2", "3.54267"), [(0, "-51.74989", 0, "3.82326")]), "boulle": BOULLE}


@pytest.fixture
def folder(shell: Shell, tmp_path: Path) -> Path:  # noqa: F811
    layers = [([[1]], [0]), ([[1]], [0]), ([[1]], [0])]
    xn.save(xn.mlp(layers, activation=BOULLE), tmp_path / "boulle_net.json")
    xn.save(xn.mlp(layers, activation=1 / (X**2 - 2)), tmp_path / "bad_net.json")
    functions = {name: to_document(f) for name, f in GOOD.items()}
    (tmp_path / "good.json").write_text(json.dumps(functions), encoding="utf-8")
    (tmp_path / "bad.json").write_text(json.dumps({**functions, "x": {"numerator": [1], "denominator": ["-0.25", 0, 1]}}), encoding="utf-8")
    (tmp_path / "decimals.json").write_text('[{"numerator": [1], "denominator": [0.1], "formula": "N"}]', encoding="utf-8")
    (tmp_path / "one.json").write_text('{"numerator": [1], "denominator": [0.1, 1]}', encoding="utf-8")
    return tmp_path


def test_coefficients(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("poles --numerator 1 --denominator 1,0,1")
    assert (answer.code, answer.first.split("(")[0]) == (0, "PROVED: r has no pole on the real line ")
    assert "nearest pole: (0) + i (1), at distance 1" in answer.out
    assert "largest |r'| on [-10, 10]: 0.649519052838" in answer.out
    answer = shell("poles --numerator -1,1 --denominator -2,0,1 --certificate c.json")
    assert answer.code == 1
    assert "poles: -1.41421356237 +- 3.1e-12, 1.41421356237 +- 3.1e-12" in answer.out
    assert shell("check c.json").code == 0
    assert shell("poles --numerator 1 --denominator -2,0,1 --interval -1:1 --certificate c.json").code == 0
    assert shell("check c.json").code == 0
    assert shell("poles --numerator 1 --denominator 0,1 --interval :-1/1000").code == 0
    assert shell("poles --numerator 1 --denominator 0,1 --interval -1/1000:").code == 1
    refuted = shell("poles --numerator 1 --denominator 0,1 --json").json
    assert refuted["counterexample"] == ["0"]
    assert refuted["functions"][0]["real_poles"] == [{"lower": "0", "upper": "0", "order": 1}]
    assert refuted["functions"][0]["largest_value"] == ["inf", "inf"]


def test_units_and_eras(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("poles --numerator 0,1 --denominator 1 --formula A --json").json
    (row,) = answer["functions"]
    assert (answer["status"], row["nearest_pole"], row["largest_slope"]) == ("proved", None, ["1", "1"])
    assert from_document(row["function"])(3) == Fraction(3, 4)
    assert shell("poles --numerator 0,1 --denominator 0,-2 --formula N --basis legendre").code == 1  # 1 - 2 P_2 = 2 - 3 x^2
    spike = shell("poles --linear 1/2,3.5 --fraction 0,-51.7,0,3.82 --fraction 0,1,5.304,-0.00191 --certificate c.json --json").json
    (row,) = spike["functions"]
    distance = [Fraction(end) for end in row["nearest_pole"]["distance"]]
    assert distance[0] <= Fraction("0.00191") <= distance[1]
    assert Fraction(row["largest_value"][0]) > 274000
    assert shell("check c.json").code == 0
    assert shell("poles --linear 1,0 --fraction 0,1,2,0").code == 1
    assert shell("poles --fraction 0,1,2,0 --epsilon 1e-6").code == 0


def test_files(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("poles good.json --certificate c.json")
    assert answer.code == 0
    assert [line.strip() for line in answer.out.splitlines() if line.startswith("  ") and not line.startswith("   ")][:2] == [
        "swish",
        "boulle",
    ]
    assert "none of swish" not in answer.out
    assert shell("check c.json").code == 0
    found = shell("poles good.json --json").json
    assert {row["name"]: from_document(row["function"]) for row in found["functions"]} == GOOD
    refuted = shell("poles bad.json --certificate c.json")
    assert refuted.code == 1
    assert "'x' has 2 poles there, the first at -1/2 (simple)" in refuted.first
    assert shell("check c.json").code == 0
    (row,) = shell("poles decimals.json --interval -11:0 --json").json["functions"]
    assert (row["name"], row["real_poles"][0]["lower"]) == ("0", "-10")
    assert shell("poles one.json --json").json["counterexample"] == ["-1/10"]
    assert shell("poles good.json --quiet").out.count("\n") == 1


def test_models(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("poles boulle_net.json --certificate c.json --json").json
    assert (answer["status"], [row["name"] for row in answer["functions"]]) == ("proved", ["rational1", "rational2"])
    assert answer["models"]["f"]["path"].endswith("boulle_net.json")
    assert shell("check c.json boulle_net.json").code == 0
    assert shell("check c.json bad_net.json").code == 4
    refuted = shell("poles bad_net.json --certificate c.json")
    assert refuted.code == 1
    assert shell("check c.json").code == 0
    none = shell("poles f.json")
    assert (none.code, "no" in none.err and "rational activations is needed" in none.err) == (2, True)


def test_pictures(shell: Shell, folder: Path) -> None:  # noqa: F811
    pytest.importorskip("matplotlib")
    for name, head in (("p.png", b"\x89PNG"), ("p.svg", b"<?xml"), ("p.pdf", b"%PDF")):
        answer = shell(f"poles bad.json --window -2:2 --plot {name}")
        assert answer.code == 1
        assert (folder / name).read_bytes().startswith(head)
        assert f"picture: {name}" in answer.out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("poles", "FILE, or --numerator and --denominator"),
        ("poles --numerator 1", "got --numerator"),
        ("poles --numerator 1 --denominator 1 --linear 1,2", "got --numerator, --denominator, --linear"),
        ("poles good.json --numerator 1", "either FILE or coefficients"),
        ("poles --numerator x --denominator 1", "--numerator[0]: "),
        ("poles --numerator 1,,2 --denominator 1", "--numerator[1]: "),
        ("poles --numerator 1 --denominator 0", "--denominator: "),
        ("poles --numerator 1 --denominator 1 --formula A --basis legendres", "--basis: "),
        ("poles --linear 1 --fraction 1,2,3,4", "--linear: "),
        ("poles --linear 1,2 --fraction 1,2,3", "--fraction[0]: "),
        ("poles --linear 1,2 --fraction 1,2,3,nan", "--fraction[0][3]: "),
        ("poles --linear 1,2 --epsilon -1", "epsilon"),
        ("poles --numerator 0,1 --denominator -1,-2 --basis legendre", "--basis: "),
        ("poles good.json --interval 3", "--interval: LO:HI"),
        ("poles good.json --interval 3:2", "--interval: LO <= HI"),
        ("poles good.json --interval a:", "--interval: "),
        ("poles good.json --window 1:", "--window: "),
        ("poles good.json --window 1:1", "--window: "),
        ("poles good.json --plot x.txt", "--plot: "),
        ("poles good.json --plot nowhere/x.png", "--plot: "),
        ("poles good.json --certificate good.json", "--certificate: "),
        ("poles missing.json", "missing.json"),
        ("poles missing.onnx", "missing.onnx"),
        ("poles empty.json", "empty.json: "),
        ("poles wrong.json", "wrong.json: 'a': "),
        ("poles text.json", "text.json: "),
        ("poles number.json", "number.json: "),
        ("poles twice.json", "twice.json: "),
    ],
)
def test_bad_input(shell: Shell, folder: Path, command: str, message: str) -> None:  # noqa: F811
    (folder / "empty.json").write_text("{}", encoding="utf-8")
    (folder / "wrong.json").write_text('{"a": {"numerator": [1], "denominators": [1]}}', encoding="utf-8")
    (folder / "text.json").write_text("x", encoding="utf-8")
    (folder / "number.json").write_text("3", encoding="utf-8")
    (folder / "twice.json").write_text('{"a": 1, "a": 2}', encoding="utf-8")
    before = sorted(folder.iterdir())
    answer = shell(command)
    assert answer.code == 2
    assert message in answer.err
    assert answer.out == ""
    assert sorted(folder.iterdir()) == before
