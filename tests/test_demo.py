"""The demo runs to its end in an empty folder, quickly, and what it writes is what it says."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import exactnn as xn
from exactnn.cli import main
from tests.certificate._account import assert_paid

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "examples" / "digits" / "digits.onnx"
needs_extras = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sklearn", "onnx")), reason="needs the extras examples and onnx"
)


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    search = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py"), "--out", "out"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": search, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_extras
def test_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 60
    assert done.stdout.count("PROVED") == 2
    assert done.stdout.count("REFUTED") == 2
    assert done.stdout.count("accepted: proved") == 2
    assert done.stdout.count("accepted: refuted") == 2
    assert "sees no difference at all" in done.stdout
    assert "\033[" not in done.stdout
    out = tmp_path / "out"
    written = {p.name for p in out.iterdir()}
    assert written == ({"digits_plane.svg"} if importlib.util.find_spec("matplotlib") else set()) | {
        "digits_copy.onnx",
        "digits_moved.onnx",
        "equal.certificate.json",
        "different.certificate.json",
        "flip.certificate.json",
        "zero.certificate.json",
    }
    assert all(f"out{os.sep}{name}" in done.stdout for name in written)
    for path in out.glob("*.certificate.json"):
        assert_paid(path, path.name)

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sample = re.search(r"\$ exactnn equal .*\n((?:.*\n)*?)```", readme)
    assert sample
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main(["equal", str(MODEL), "out/digits_moved.onnx"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line for line in sample[1].splitlines() if line.strip() != "..." and line not in said] == []


@needs_extras
def test_the_committed_classifier() -> None:
    from sklearn.datasets import load_digits

    net = xn.load(MODEL)
    assert net.source is not None
    assert net.source.checkable
    assert (net.input_dim, net.output_dim, len(net.hidden_layers)) == (64, 10, 1)
    images, labels = load_digits(return_X_y=True)
    values = np.array([[float(v) for v in net((image / 16).tolist())] for image in images[:50]])
    assert (values.argmax(axis=1) == labels[:50]).mean() >= 0.9
    assert MODEL.stat().st_size < 20_000
