"""`exactnn cooling identities` and `cooling check`: answers, certificates, data files, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from tests.test_cli import Shell, shell  # noqa: F401 - a fixture


@pytest.fixture
def folder(shell: Shell, tmp_path: Path) -> Path:  # noqa: F811
    xn.save(xn.mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, "1/3"], [0, 2]], [1, -1])]), tmp_path / "net.json")
    xn.save(xn.mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1], [0, 2]], [1, -1])], "relu6"), tmp_path / "clipped.json")
    (tmp_path / "data.csv").write_text("1,1/2,0\n0.1,-3,1\n", encoding="utf-8")
    np.save(tmp_path / "rows.npy", np.array([[1, 0.5, 0], [0.25, -3, 1]]))
    np.savez(tmp_path / "data.npz", inputs=np.array([[1, 0.5]], dtype=np.float32), labels=np.array([[0.25, 0.75]]))
    np.savez(tmp_path / "other.npz", x=np.zeros(2))
    return tmp_path


def test_the_list(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("cooling identities")
    assert (answer.code, answer.first) == (0, f"{len(xn.cooling.identities)} identities")
    assert "I12: <W_{i+1}, G_{i+1}> = <W_i, G_i> + <b_i, g_i>" in answer.out
    rows = shell("cooling identities --json").json["identities"]
    assert [row["name"] for row in rows] == list(xn.cooling.identities)
    assert all(row["latex"] and row["assumptions"] for row in rows)


def test_one_with_its_certificate(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("cooling check net.json data.csv --identity I12 --certificate c.json.gz")
    assert (answer.code, answer.first) == (0, "PROVED: 1 of 1 identities hold at 2 points (real arithmetic)")
    assert "within 1e-60" in answer.out
    checked = shell("check c.json.gz")
    assert checked.code == 0
    assert "hold within" in checked.out
    assert shell("cooling check net.json data.npz --identity I3 --precision 1e-100 --tau 1/3").code == 0


def test_all(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("cooling check net.json rows.npy --json").json
    assert answer["status"] == "proved"
    assert {row["name"] for row in answer["identities"]} == set(xn.cooling.identities)
    assert all(row["status"] in ("proved", "refused") for row in answer["identities"])
    clipped = shell("cooling check clipped.json data.csv")
    assert clipped.code == 0
    assert "REFUSED I9: assumption 'homogeneous activations'" in clipped.out
    assert "refused" in clipped.first


def test_float64(shell: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    answer = shell("cooling check net.json data.csv --float64 --identity I12 --identity I21")
    assert answer.code == 0
    assert answer.first == "AGREES: 1 of 2 identities agree within the rounding of float64; 1 refused"
    table = answer.out.splitlines()[1:]
    assert table[0].startswith("  I12 <W_2, G_2> = <W_1, G_1> + <b_1, g_1>: sides up to ")
    assert all("rounding explains" in row for row in table[:2])
    assert "margins above x0" in table[2]
    found = shell("cooling check net.json data.csv --float64 --json --tau 1/3").json
    assert (found["status"], found["float64"]) == ("agrees", True)
    rows = {row["name"]: row for row in found["identities"]}
    assert set(rows) == set(xn.cooling.identities)
    assert all(e["largest"] <= e["bound"] < 1e-9 for e in rows["I3"]["equations"])
    xn.save(xn.mlp([([[1, -1], [1, 1]], [0, 0]), ([[1, 2], [3, 4]], [0, 1])]), "kink.json")
    Path("kink.csv").write_text("1,1,0\n2,1,1\n", encoding="utf-8")
    answer = shell("cooling check kink.json kink.csv --float64 --identity I12")
    assert (answer.code, answer.first) == (3, "UNKNOWN: 0 of 1 identities agree within the rounding of float64; 1 not told apart")
    assert shell("cooling check clipped.json data.csv --float64 --identity I9").code == 2
    build = xn.cooling.identities["I13"]._build

    def wrong(s: Any, **parameters: Any) -> Any:
        formula = build(s, **parameters)
        return replace(formula, equations=tuple(e._replace(right=["*", 2, e.right]) for e in formula.equations))

    broken = replace(xn.cooling.identities["I13"], _build=wrong)
    monkeypatch.setattr("exactnn.cooling._identities.identities", {**xn.cooling.identities, "I13": broken})
    answer = shell("cooling check net.json data.csv --float64 --identity I13")
    assert (answer.code, answer.first) == (1, "REFUTED: 0 of 1 identities agree within the rounding of float64; 1 differ beyond it")
    assert "refuted beyond rounding" in answer.out


def test_a_time_limit(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("cooling check net.json data.csv --identity I3 --time-limit 0")
    assert (answer.code, answer.first.partition(":")[0]) == (3, "UNKNOWN")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("clipped.json data.csv --identity I9", "homogeneous activations"),
        ("net.json data.csv --identity I28", "--identity: one of I1"),
        ("net.json data.csv --certificate c.json", "name it by --identity"),
        ("net.json nothing.csv", "no such file"),
        ("net.json net.json", "ends in .csv, .npy or .npz"),
        ("net.json other.npz", "arrays named inputs and labels are needed, got x"),
        ("net.json data.csv --float64 --precision 1e-9", "--precision: it is for checks that decide"),
        ("net.json data.csv --float64 --identity I2 --certificate c.json", "--certificate: it is for checks"),
        ("net.json data.csv --float64 --time-limit 1", "--time-limit: it is for checks"),
        ("net.json data.csv --precision 0", "precision: a positive number"),
        ("net.json data.csv --identity I22 --tau 1", "tau: a parameter of I22 is needed, none"),
    ],
)
def test_bad_input(shell: Shell, folder: Path, command: str, message: str) -> None:  # noqa: F811
    answer = shell(f"cooling check {command}")
    assert answer.code == 2
    assert message in answer.err
