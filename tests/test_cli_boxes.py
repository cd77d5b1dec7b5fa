"""`--workers` and `--checkpoint` of the questions that boxes decide."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import exactnn as xn
from exactnn.verify import _decision
from tests.difference.test_executor import pair, tolerance
from tests.test_cli import Shell, shell

__all__ = ["shell"]


@pytest.fixture
def models(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two networks in the folder of the shell."""
    for name, net in zip("pq", pair(), strict=True):
        xn.save(net, f"{name}.json")
    xn.save(xn.mlp([([[1, 0, 0, 0]], [0]), ([[1], [2]], [0, 0])], activation="tanh"), "t.json")
    monkeypatch.setattr(_decision, "_QUICK_BOXES", 60.0)
    monkeypatch.setattr(_decision.Decision, "_within_tolerance", lambda *_: None)


@pytest.mark.usefixtures("models")
def test_equal_in_processes_and_again_from_a_checkpoint(shell: Shell) -> None:
    asked = f"equal p.json q.json --domain -1:1 --tolerance {tolerance()} --certificate c.json"
    found = shell(f"{asked} --workers 2 --checkpoint boxes.gz")
    assert (found.code, found.first.partition(":")[0]) == (0, "PROVED")
    assert "boxes" in found.first
    assert Path("boxes.gz").read_bytes().startswith(b"\x1f\x8b")
    assert shell("check c.json p.json q.json").code == 0
    assert shell(f"{asked} --checkpoint boxes.gz").code == 0
    refused = shell("equal p.json q.json --domain -1:1 --tolerance 1 --checkpoint boxes.gz")
    assert refused.code == 2
    assert "belongs to other networks, another domain, norm or tolerance" in refused.err


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    "line",
    [
        "zero p.json --domain -1:1 --tolerance 100",
        "symmetry verify p.json --permutation 0:1,0,2,3,4,5,6,7 --domain -1:1 --tolerance 100",
        "deviation p.json p.json --domain -1:1",
        "same-decision p.json p.json --domain 0.9:1",
    ],
)
def test_the_others_take_them(line: str, shell: Shell) -> None:
    assert shell(f"{line} --time-limit 20 --workers 1 --checkpoint boxes").code == 0
    assert json.loads(Path("boxes").read_text())["format"] == "exactnn-boxes-checkpoint"


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("equal p.json q.json --domain -1:1 --tolerance 1 --workers 0", "--workers"),
        ("equal p.json q.json --domain -1:1 --tolerance 1 --checkpoint p.json", "--checkpoint"),
        ("equal p.json q.json --domain -1:1 --tolerance 1 --checkpoint no/boxes", "--checkpoint"),
        ("equal p.json q.json --domain -1:1 --tolerance 1 --checkpoint boxes --certificate ./boxes", "a file each is needed"),
        ("regions count p.json --domain -1:1 --checkpoint boxes --certificate boxes", "a file each is needed"),
        ("same-decision p.json t.json --domain -1:1 --workers 1", "g: node 'tanh1' is tanh, and decisions are compared for piecewise"),
        ("deviation p.json t.json --domain -1:1 --workers 1", "exactnn: --workers: "),
        ("deviation p.json q.json --domain 1:-1", "exactnn: --domain: LO <= HI is needed, got '1:-1'"),
        ("symmetry verify p.json --flip 0:9", "exactnn: --flip: 0 to 7 are the neurons of layer 'relu1', got 9"),
        ("symmetry verify p.json --scaling 0:1,0,1,1,1,1,1,1", "exactnn: --scaling: number 1 of the list: a positive number"),
        ("equal p.json t.json --domain -1:1 --checkpoint boxes", "piecewise linear networks only"),
        ("zero p.json --tolerance 1 --workers 1", "bounded domain"),
        ("same-decision p.json q.json --workers 1", "bounded domain"),
    ],
)
def test_refused(line: str, wrong: str, shell: Shell) -> None:
    found = shell(line)
    assert found.code == 2
    assert wrong in found.err
    assert not Path("boxes").exists()


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    for name, net in zip("pq", pair((6, 40, 40, 40, 2)), strict=True):
        xn.save(net, tmp_path / f"{name}.json")
    command = [sys.executable, "-m", "exactnn", "deviation", "p.json", "q.json", "--domain", "-1:1", "--checkpoint", "boxes"]
    environment = {**os.environ, "PYTHONPATH": str(Path(xn.__file__).parents[1])}
    file = tmp_path / "boxes"
    child = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not file.exists() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(2)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)
    assert child.returncode == 130
    f, g = pair((6, 40, 40, 40, 2))
    found = xn.max_deviation(f, g, domain=xn.Box(-1, 1), checkpoint=file, gap=1000, time_limit=30)
    assert found.lower <= found.upper
