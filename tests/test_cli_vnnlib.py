"""--domain FILE.vnnlib: boxes and polyhedra of inputs, decimals as they are written, and a refusal of everything else."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from pathlib import Path

import pytest

from exactnn.cli._domain import read_domain
from exactnn.errors import ExactnnError
from exactnn.exact.polyhedron import Box
from tests.test_cli import Shell, shell  # noqa: F401

DECLARED = "(declare-const X_0 Real)\n(declare-const X_1 Real)\n(declare-const Y_0 Real) ; a comment (declare-const X_7 Real)\n"
BOX = "(assert (<= X_0 0.1))\n(assert (>= X_0 -0.3000000000000000000001))\n(assert (and (<= X_1 1.5e-3) (>= X_1 (- 2))))\n"
SECOND = """(vnnlib-version <2.0>)
(declare-network net (declare-input X float32 [1,2]) (declare-output Y float32 [1,1]))
"""


def read(text: str, folder: Path) -> tuple[Box, list[str]]:
    path = folder / "d.vnnlib"
    path.write_text(text)
    told: list[str] = []
    return read_domain(str(path), told.append), told


def test_a_box_of_version_1(tmp_path: Path) -> None:
    box, told = read(DECLARED + BOX + "(assert (or (>= Y_0 3) (and (<= Y_0 2))))", tmp_path)
    assert isinstance(box, Box)
    assert box == Box([Fraction("-0.3000000000000000000001"), -2], [Fraction(1, 10), Fraction(3, 2000)])
    assert len(told) == 1
    assert "1 constraint of outputs" in told[0]
    assert read(DECLARED + BOX, tmp_path)[1] == []


def test_the_tightest_bounds_and_equations(tmp_path: Path) -> None:
    box, _ = read(DECLARED + BOX + "(assert (<= X_0 7))(assert (<= (* 2 X_0) 0.1))(assert (= X_1 0))", tmp_path)
    assert box == Box([Fraction("-0.3000000000000000000001"), 0], [Fraction(1, 20), 0])


def test_a_polyhedron(tmp_path: Path) -> None:
    found, _ = read(DECLARED + BOX + "(assert (<= (+ X_0 (* 3 X_1) (- 0.5)) (- X_1 1)))", tmp_path)
    assert not isinstance(found, Box)
    for point, inside in (((0, -1), True), ((0, 0), False), ((Fraction(1, 10), Fraction(-3, 10)), True), ((0, -3), False)):
        x, y = point
        assert (x + 3 * y - Fraction(1, 2) <= y - 1 and y >= -2) is inside
        matrix, bounds = found.rows
        rows = zip(matrix.to_rows(), bounds.to_fractions(), strict=True)
        assert all(a[0] * x + a[1] * y <= b for a, b in rows) is inside


@pytest.mark.skipif(importlib.util.find_spec("vnnlib") is None, reason="needs the extra onnx")
def test_a_box_of_version_2(tmp_path: Path) -> None:
    rest = "(assert (and (<= X[0,0] 0.1) (>= X[0,0] (- 0.25)) (>= X[0,1] 0.0)))(assert (<= X[0,1] 1.0))(assert (<= Y[0,0] 3.0))"
    box, told = read(SECOND + rest, tmp_path)
    assert box == Box([Fraction(-1, 4), 0], [Fraction(1, 10), 1])
    assert len(told) == 1
    found, _ = read(SECOND + "(assert (<= (+ (* 2.0 X[0,1]) X[0,0]) 1.0))", tmp_path)
    matrix, bounds = found.rows
    assert (matrix.to_rows(), bounds.to_fractions()) == (((1, 2),), (1,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DECLARED, "the file has none"),
        (DECLARED + "(assert (<= Y_0 1))", "the file has none"),
        (DECLARED + "(assert (or (<= X_0 1) (<= X_1 1)))", "'or' of inputs"),
        (DECLARED + "(assert (or (and (<= X_0 1) (>= Y_0 1)) (<= X_1 1)))", "inputs alone, or of outputs alone"),
        (DECLARED + "(assert (<= X_0 Y_0))", "got one of X_0, Y_0"),
        (DECLARED + "(assert (<= 1 0))", "no variable"),
        (DECLARED + "(assert (< X_0 1))", "write <= or >="),
        (DECLARED + "(assert (<= (* X_0 X_1) 1))", "X_0 and X_1 are multiplied"),
        (DECLARED + "(assert (not (<= X_0 1)))", "got 'not'"),
        (DECLARED + "(assert (<= (abs X_0) 1))", "got"),
        (DECLARED + "(assert (<= X_2 1))", "no VNN-LIB file"),
        (DECLARED + "(declare-const Z_0 Real)(assert (<= Z_0 1))", "got one of Z_0"),
        ("(declare-const X_1 Real)(assert (<= X_1 1))", "X_0, X_1, ..., each declared once"),
        (DECLARED + "(assert (<= X_0 1)", "no VNN-LIB file"),
        ("", "got none"),
        (DECLARED + BOX + "(assert (>= X_0 1))", "lower"),
    ],
)
def test_what_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ExactnnError) as caught:
        read(text, tmp_path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"--domain: {tmp_path / 'd.vnnlib'}: ")


def test_in_a_command(shell: Shell) -> None:  # noqa: F811
    Path("d.vnnlib").write_text(DECLARED + BOX + "(assert (<= Y_0 1))")
    answer = shell("same-decision f.json moved.json --domain d.vnnlib --certificate c.json")
    assert answer.code == 0
    assert "passed over" in answer.err
    assert shell("check c.json").code == 0
    assert "passed over" not in shell("same-decision f.json moved.json --domain d.vnnlib --quiet").err
    assert shell("equal zero.json zero.json --domain d.vnnlib").code == 2
    assert shell("equal f.json g.json --domain nowhere.vnnlib").code == 2


def test_the_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vnnlib", None)
    with pytest.raises(ExactnnError, match=r"exactnn\[vnnlib\]"):
        read(SECOND, tmp_path)
