"""`exactnn calibrate`: brackets, errors, refusals, pictures, files, bad input."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from exactnn.cooling import expected_calibration_error, maximum_calibration_error, optimal_temperature
from tests.test_cli import Shell, shell  # noqa: F401 - a fixture


@pytest.fixture
def folder(shell: Shell, tmp_path: Path) -> Path:  # noqa: F811
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(60, 4)) * 2).astype(np.float32)
    y = (0.5 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    np.save("z.npy", z)
    np.save("y.npy", y)
    np.save("onehot.npy", np.eye(4, dtype=np.int64)[y])
    np.save("right.npy", z.argmax(axis=1))
    np.save("worst.npy", z.argmin(axis=1))
    np.save("zeros.npy", np.zeros((60, 4)))
    np.save("binary.npy", z[:, 0].astype(np.float64))
    np.save("bits.npy", (z[:, 0] + rng.logistic(size=60) > 0).astype(np.int64))
    np.save("pixels.npy", np.moveaxis(z.reshape(6, 10, 4), -1, 1))
    np.save("marked.npy", np.where(np.arange(60) < 50, y, 255).reshape(6, 10))
    np.save("nan.npy", np.where(z == z[3, 1], np.nan, z))
    np.save("text.npy", np.array(["a", "b"]))
    np.save("objects.npy", np.array([[1, None]], dtype=object), allow_pickle=True)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "z.npy").read_bytes()[:200])
    (tmp_path / "no.npy").write_text("1,2", encoding="utf-8")
    return tmp_path


def test_a_temperature_and_its_errors(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("calibrate z.npy y.npy --bins 10")
    z, y = np.load("z.npy"), np.load("y.npy")
    tau = optimal_temperature(z, y)
    assert (answer.code, answer.first) == (0, f"CALIBRATED: logits times tau = {tau.value!r} have the least loss")
    found = shell("calibrate z.npy y.npy --bins 10 --json --save p.npy").json
    assert (found["status"], found["samples"], found["bins"], found["reason"]) == ("done", 60, 10, None)
    assert [Fraction(found["tau"][end]) for end in ("lower", "upper")] == [tau.lower, tau.upper]
    p = np.load("p.npy")
    before = np.exp(z.astype(float) - z.max(axis=1, keepdims=True))
    for name, rows in (("before", before / before.sum(axis=1, keepdims=True)), ("after", p)):
        assert Fraction(found["errors"][name]["ece"]) == expected_calibration_error(rows, y, bins=10)
        assert Fraction(found["errors"][name]["mce"]) == maximum_calibration_error(rows, y, bins=10)
        assert Fraction(found["errors"][name]["weighted_mce"]) == maximum_calibration_error(rows, y, bins=10, weighted=True)
        assert found["errors"][name]["rmsce"] == expected_calibration_error(rows, y, bins=10, norm="l2")
    assert np.allclose(p, np.exp(tau.value * z) / np.exp(tau.value * z).sum(axis=1, keepdims=True), atol=1e-6)
    digits = shell("calibrate z.npy y.npy --digits 30 --json").json["tau"]
    assert tau.lower < Fraction(digits["lower"]) < Fraction(digits["upper"]) < tau.upper
    assert shell("calibrate z.npy y.npy --quiet").out == f"{answer.first}\n"


def test_pixels_and_binary_logits(shell: Shell, folder: Path) -> None:  # noqa: F811
    found = shell("calibrate pixels.npy marked.npy --class-axis 1 --ignore-label 255 --mode classwise --binning mass --json").json
    z, y = np.load("z.npy")[:50], np.load("y.npy")[:50]
    assert (found["samples"], found["tau"]["value"]) == (50, optimal_temperature(z, y).value)
    e = np.exp(z.astype(float) - z.max(axis=1, keepdims=True))
    assert Fraction(found["errors"]["before"]["ece"]) == expected_calibration_error(
        e / e.sum(axis=1, keepdims=True), y, mode="classwise", binning="mass"
    )
    assert shell("calibrate pixels.npy marked.npy --class-axis 1").code == 2
    binary = shell("calibrate binary.npy bits.npy --json").json
    assert binary["tau"]["value"] == optimal_temperature(np.load("binary.npy"), np.load("bits.npy")).value


@pytest.mark.parametrize(("pair", "reason"), [("z right", "accuracy-1"), ("z worst", "worse-than-chance"), ("zeros y", "constant")])
def test_no_optimum(shell: Shell, folder: Path, pair: str, reason: str) -> None:  # noqa: F811
    z, y = pair.split()
    answer = shell(f"calibrate {z}.npy {y}.npy --save p.npy")
    assert (answer.code, answer.first.split(":")[0]) == (1, f"NO OPTIMUM ({reason})")
    found = shell(f"calibrate {z}.npy {y}.npy --json").json
    assert (found["status"], found["tau"], found["reason"], list(found["errors"])) == ("refuted", None, reason, ["before"])
    assert not (folder / "p.npy").exists()


@pytest.mark.parametrize(("pair", "code"), [("z y", 0), ("z right", 1), ("z worst", 1), ("zeros y", 1), ("binary bits", 0)])
def test_a_certificate(shell: Shell, folder: Path, pair: str, code: int) -> None:  # noqa: F811
    z, y = pair.split()
    answer = shell(f"calibrate {z}.npy {y}.npy --certificate c.json")
    assert (answer.code, "exactnn check c.json" in answer.out) == (code, True)
    checked = shell("check c.json")
    assert checked.code == 0
    assert "hold exactly at 60 points" in checked.out or "holds exactly at 60 points" in checked.out
    assert shell(f"calibrate {z}.npy {y}.npy --json --certificate c.json.gz").json["certificate"] == "c.json.gz"


UNITS = {
    "subnormal": lambda z: np.ldexp(z, -1070),
    "large": lambda z: np.ldexp(z, 1023 - 7),
    "beyond a difference of floats": lambda z: np.ldexp(z - 64.0, 1024 - 7),
    "int64": lambda z: z.astype(np.int64) + (1 << 62),
    "uint64": lambda z: z.astype(np.uint64) + np.uint64(1 << 63),
    "int8": lambda z: (z - 64).astype(np.int8),
}


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_units_of_logits_change_nothing_afterwards(shell: Shell, tmp_path: Path, unit: str) -> None:  # noqa: F811
    """tau z is the same for multiples of z and of z + constant, where floats overflow, underflow or are sparse, too."""
    rng = np.random.default_rng(4)
    z = rng.integers(0, 128, size=(60, 3)).astype(float)
    np.save("y.npy", (0.02 * z + rng.gumbel(size=z.shape)).argmax(axis=1))
    np.save("z.npy", z)
    np.save("moved.npy", UNITS[unit](z))
    known, found = (shell(f"calibrate {name}.npy y.npy --json --save {name}p.npy").json for name in ("z", "moved"))
    assert np.allclose(np.load("zp.npy"), np.load("movedp.npy"), atol=1e-12, rtol=0)
    if unit in ("int64", "uint64", "int8"):
        assert abs(Fraction(known["errors"]["before"]["ece"]) - Fraction(found["errors"]["before"]["ece"])) < 1e-12
    if unit == "subnormal":
        assert found["tau"]["value"] is None
        assert abs(Fraction(found["tau"]["lower"]) / 2**1070 / Fraction(known["tau"]["lower"]) - 1) < 1e-12
        assert "e+3" in shell("calibrate moved.npy y.npy").first


def test_a_picture(shell: Shell, folder: Path) -> None:  # noqa: F811
    pytest.importorskip("matplotlib")
    assert shell("calibrate z.npy y.npy --plot p.png").code == 0
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")
    assert shell("calibrate z.npy right.npy --plot only.svg").code == 1
    assert (folder / "only.svg").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("gone.npy y.npy", "no file"),
        ("no.npy y.npy", "no .npy file"),
        ("cut.npy y.npy", "cannot be read"),
        ("text.npy y.npy", "dtype <U1"),
        ("objects.npy y.npy", "Python objects"),
        ("z.npy z.npy", "integers are needed"),
        ("z.npy onehot.npy", "one integer for each row"),
        ("nan.npy y.npy", "finite numbers are needed, got nan at index (3, 1)"),
        ("z.npy marked.npy", "one for each sample"),
        ("z.npy y.npy --bins 0", "--bins: an integer"),
        ("z.npy y.npy --digits 0", "--digits: an integer"),
        ("z.npy y.npy --class-axis 4", "--class-axis: an axis"),
        ("z.npy y.npy --plot p.jpg", "--plot"),
        ("z.npy y.npy --plot p.png --mode classwise", "--plot"),
        ("z.npy y.npy --save z.npy", "--save"),
        ("z.npy y.npy --save p.png --plot ./p.png", "a file each"),
        ("z.npy y.npy --save p.npy --certificate ./p.npy", "a file each"),
        ("z.npy y.npy --certificate z.npy", "--certificate"),
        ("z.npy y.npy --digits 400 --certificate c.json", "bounds stay proved"),
        ("pixels.npy marked.npy --class-axis 1", "named by --ignore-label"),
        ("z.npy y.npy --closed both", "--closed"),
    ],
)
def test_bad_input(shell: Shell, folder: Path, words: str, message: str) -> None:  # noqa: F811
    answer = shell(f"calibrate {words}")
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
