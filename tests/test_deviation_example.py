"""The example about deviations: brackets hold and are certified, copies are what they are called, and what is left out is said."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import os
import random
import re
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import exactnn as xn
from tests.certificate._account import assert_paid

ROOT = Path(__file__).resolve().parents[1]
if any(importlib.util.find_spec(name) is None for name in ("sklearn", "onnx")):
    pytest.skip("needs the extras examples and onnx", allow_module_level=True)

sys.path.insert(0, str(ROOT / "examples"))
from deviation import cases, data, measure, networks, report  # noqa: E402
from deviation import run as program  # noqa: E402
from era.design import Refused  # noqa: E402

NAMES = ["float16", "int8", "pruned", "tuned", "folded", "exported"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command writes."""
    out = tmp_path_factory.mktemp("deviation")
    assert program.main(["--quick", "--seconds", "1", "--out", str(out)]) == 0
    return out


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "deviation.csv").open(encoding="utf-8", newline="") as file:
        return {line["pair"]: line for line in csv.DictReader(file)}


# --- from end to end ---------------------------------------------------------------------------------------------------------


def test_brackets(folder: Path) -> None:
    found = rows(folder)
    assert list(found) == NAMES
    for line in found.values():
        lower, upper, seen = (Fraction(line[name]) for name in ("lower", "upper", "at_points"))
        assert 0 < lower <= upper
        assert 0 < seen <= upper
        assert line["accepted"] == "True"
        assert 0 <= float(line["alike"]) <= 1
        assert float(line["seconds"]) > 0
        for run in ("float32_run_f", "float32_run_g"):
            assert 0 < Fraction(line[run]) < 1
    assert Fraction(found["folded"]["upper"]) < Fraction(found["float16"]["lower"]) < Fraction(found["int8"]["lower"])


@pytest.mark.slow
def test_certificates(folder: Path) -> None:
    """Each is accepted; the claim is that of the table, about the files that were written."""
    for name, line in rows(folder).items():
        path = folder / f"{name}.certificate.json.gz"
        assert_paid(path, name, work=2, room=Fraction(5, 4))  # zonotopes of 784 inputs
        assert path.stat().st_size == int(line["certificate_bytes"])
        document = json.loads(gzip.decompress(path.read_bytes()))
        claim = document["claim"]
        assert claim["question"] == "deviation"
        upper = Fraction(claim["tolerance"])
        lower = Fraction(claim.get("lower", upper))
        assert 0 <= Fraction(line["upper"]) - upper < upper / 10**10
        assert 0 <= lower - Fraction(line["lower"]) < upper / 10**10
        if name in NAMES[:4]:
            assert document["models"]["g"]["path"] == f"models/{name}.onnx"
    for name in ("classifier", "convolutional", *NAMES):
        assert_paid(folder / f"{name}.run.certificate.json.gz", name)


def test_sampled_differences_are_inside(folder: Path) -> None:
    """Of the files that were written, without rounding, at corners and random points of the box."""
    draw, found = random.Random(0), rows(folder)
    f = xn.load(folder / "models" / "classifier.onnx")
    for name in NAMES[:4]:
        g = xn.load(folder / "models" / f"{name}.onnx")
        for high in (1, 1, 1, 255, 255, 255):
            x = [Fraction(draw.randint(0, high), high) for _ in range(64)]
            assert max(abs(a - b) for a, b in zip(f(x), g(x), strict=True)) <= Fraction(found[name]["upper"])


def test_float32_runs_are_inside(folder: Path) -> None:
    f = xn.load(folder / "models" / "classifier.onnx")
    bound = Fraction(rows(folder)["float16"]["float32_run_f"])
    x = data.small().test_x[:20]
    with torch.no_grad():
        runs = f.to_torch(dtype=torch.float32)(x)
    for point, run in zip(x, runs, strict=True):
        exact = f([Fraction(float(q)) for q in point])
        assert max(abs(Fraction(float(a)) - b) for a, b in zip(run, exact, strict=True)) <= bound


def test_the_report(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(table) == 2 + len(NAMES)
    assert {line.count("|") for line in table} == {len(report.HEADER) + 1}
    assert "Left out, as no --data FOLDER was given: ACAS Xu" in text
    if importlib.util.find_spec("matplotlib") is not None:
        assert "![brackets](deviation.png)" in text
        assert (folder / "deviation.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_command(tmp_path: Path, folder: Path) -> None:
    """In an empty folder, and the same models again."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "deviation" / "run.py"), "--quick", "--seconds", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == " ".join(report.HEADER).split()
    assert len([line for line in lines if re.match(r"(64-8-8-10|CNN), ", line)]) == len(NAMES)
    assert done.stderr.count("at most 1 s for the bracket") == len(NAMES)
    for name in ("classifier", *NAMES[:4]):
        model = Path("models") / f"{name}.onnx"
        assert (tmp_path / "out" / "deviation-quick" / model).read_bytes() == (folder / model).read_bytes()


# --- the pairs ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def images() -> data.Images:
    return data.small()


@pytest.fixture(scope="module")
def model(images: data.Images) -> nn.Sequential:
    return networks.classifier(images, (8, 6), epochs=1)


def weights(model: nn.Sequential) -> list[torch.Tensor]:
    return [p.detach() for p in model.parameters()]


def test_half(model: nn.Sequential) -> None:
    for p, q in zip(weights(model), weights(networks.half(model)), strict=True):
        assert torch.equal(q, q.half().float())
        assert not torch.equal(p, q)
        assert ((p - q).abs() <= p.abs() * 2.0**-11 + 2.0**-25).all()


def test_eight_bits(model: nn.Sequential) -> None:
    for p, q in zip(weights(model), weights(networks.eight_bits(model)), strict=True):
        if p.dim() == 1:
            assert torch.equal(p, q)
            continue
        scale = p.abs().max().double() / 127
        steps = q.double() / scale
        assert (steps - steps.round()).abs().max() < 1e-4
        assert steps.abs().max().round() == 127
        assert ((p - q).double().abs() <= scale * 0.5001).all()
        assert not torch.equal(p, q)


def test_pruned(model: nn.Sequential) -> None:
    before, after = (torch.cat([w.flatten() for w in weights(m) if w.dim() > 1]) for m in (model, networks.pruned(model)))
    gone = after == 0
    assert int(gone.sum()) == len(before) // 10
    assert torch.equal(before[~gone], after[~gone])
    assert before[gone].abs().max() < before[~gone].abs().min()


def test_tuned(model: nn.Sequential, images: data.Images) -> None:
    """Twenty small steps, which lower the loss and leave the original alone."""
    before = [w.clone() for w in weights(model)]
    tuned = networks.tuned(model, images)
    assert all(torch.equal(p, q) for p, q in zip(before, weights(model), strict=True))
    assert all(0 < (p - q).abs().max() < 0.1 for p, q in zip(before, weights(tuned), strict=True))
    with torch.no_grad():
        old, new = (nn.functional.cross_entropy(m(images.x), images.y) for m in (model, tuned))
    assert new < old
    assert not tuned.training


def test_folded(images: data.Images) -> None:
    model = networks.convolutional(images, (2, 3), epochs=1)
    folded = networks.folded(model)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded)
    with torch.no_grad():
        f, g = (m.double()(images.test_x[:50].double()) for m in (model, folded))
    assert 0 < (f - g).abs().max() < 1e-4


def acasxu(folder: Path) -> Path:
    """Two files of one small network with the inputs of ACAS Xu, one bias 1/8 larger in the NNET file."""
    draw = random.Random(1)
    first, last = ([[Fraction(draw.randint(-8, 8), 8) for _ in range(n)] for _ in range(m)] for n, m in ((5, 4), (4, 5)))
    (folder / "acasxu").mkdir()
    for suffix, bias in ((".onnx", Fraction(0)), (".nnet", Fraction(1, 8))):
        xn.save(xn.mlp([(first, [0] * 4), (last, [bias, 0, 0, 0, 0])]), folder / "acasxu" / f"net{suffix}")
    return folder / "acasxu" / "net.onnx"


def test_acasxu(tmp_path: Path) -> None:
    case = cases.read_twice(acasxu(tmp_path))
    row = measure.Measuring(tmp_path, 2).row(case)
    assert row.lower <= Fraction(1, 8) <= row.upper
    assert row.at_points == Fraction(1, 8)
    assert row.right is None
    assert all(proof.accepted for proof in row.proofs)
    for side, compare in zip(case.domain.bounds, (torch.ge, torch.le), strict=True):
        assert compare(case.points, torch.tensor(side.to_float())).all()
    assert report.cells(row)[report.HEADER.index("alike")] == ""


def test_mnist(tmp_path: Path) -> None:
    """The first 8,000 test images train; pixels are divided by 255."""

    def write(name: str, array: np.ndarray) -> None:
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (tmp_path / f"t10k-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes(), 1))

    pictures = np.zeros((10_000, 28, 28))
    pictures[:, 3, 5] = np.arange(10_000) % 256
    write("images-idx3", pictures)
    write("labels-idx1", np.arange(10_000) % 10)
    found = data.mnist(tmp_path)
    assert (found.x.shape, found.test_x.shape) == ((8000, 784), (2000, 784))
    assert found.test_x[1, 3 * 28 + 5].item() == pytest.approx((8001 % 256) / 255)
    assert found.x.max().item() == 1
    assert found.test_y[:3].tolist() == [0, 1, 2]
    write("labels-idx1", np.arange(9_999) % 10)
    with pytest.raises(Refused, match=r"10000 images of 28 x 28 with labels 0 to 9 are needed, got .*\(9999,\)"):
        data.mnist(tmp_path)


# --- what is said ------------------------------------------------------------------------------------------------------------


def test_rounding() -> None:
    third = Fraction(1, 3)
    assert (report.down(third), report.up(third)) == ("0.333", "0.334")
    assert (report.down(third / 10**6), report.up(third / 10**6)) == ("3.33e-7", "3.34e-7")
    assert (report.down(Fraction(0)), report.up(Fraction(0))) == ("0", "0")
    assert report.up(Fraction(1, 8)) == report.down(Fraction(1, 8)) == "0.125"


def test_what_is_left_out(tmp_path: Path) -> None:
    assert "MNIST" in cases.left_out(None, quick=False)[0]
    acasxu(tmp_path)
    (note,) = cases.left_out(tmp_path, quick=False)
    assert note.startswith("MNIST is left out: there is no mnist/t10k-images-idx3-ubyte.gz")
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(b"")
    assert cases.left_out(tmp_path, quick=False) == []
    assert cases.left_out(tmp_path, quick=True) == ["MNIST is left out: --quick trains on the digits."]


def test_bad_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for arguments, message in (
        (["--seconds", "0"], "--seconds: a number > 0 is needed, got 0"),
        (["--data", str(tmp_path)], "is needed in this folder, got neither"),
        (["--out", str(tmp_path / "file")], "cannot be written"),
    ):
        assert program.main(arguments) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        program.main(["--seconds", "soon"])


def test_too_little_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A pair without a bracket is named, with the reason, and has no line in the table."""
    case = cases.read_twice(acasxu(tmp_path))
    monkeypatch.setattr(program, "cases", lambda *_, **__: iter([case]))

    def nothing(*_: object, **__: object) -> None:
        raise xn.errors.Incomplete("there is no bound")

    monkeypatch.setattr(xn, "max_deviation", nothing)
    assert program.main(["--out", str(tmp_path / "out"), "--seconds", "1e-9"]) == 0
    said = capsys.readouterr().out
    assert "ACAS Xu, ONNX and NNET is left out: there was no bracket in 1e-09 s (" in said
    assert rows(tmp_path / "out") == {}
    assert "there was no bracket" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_a_rejected_certificate_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Certificates that are empty when the checker reads them: the table and the exit status say so."""
    case = cases.read_twice(acasxu(tmp_path))
    monkeypatch.setattr(program, "cases", lambda *_, **__: iter([case]))
    save = measure.Certificate.save

    def emptied(certificate: measure.Certificate, path: Path) -> Path:
        save(certificate, path).write_text("{}", encoding="utf-8")
        return path

    monkeypatch.setattr(measure.Certificate, "save", emptied)
    assert program.main(["--out", str(tmp_path / "out"), "--seconds", "1"]) == 1
    said = capsys.readouterr()
    assert "REJECTED" in said.out
    assert "rejected by the checker" in said.err
    assert [line["accepted"] for line in rows(tmp_path / "out").values()] == ["False"]
