"""`exactnn regions`, `deviation` and `same-decision`: answers, exit codes, JSON, bad input, nothing left behind."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import exactnn as xn
from tests.test_cli import ROOT, Shell, shell  # noqa: F401 - a fixture

ABS = [([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]], [0] * 6), ([[1, 1, 1, 1, -1, -1]], [0])]


@pytest.fixture
def folder(shell: Shell, tmp_path: Path) -> Path:  # noqa: F811
    """The folder of `shell` with more models and slices."""
    xn.save(xn.mlp(ABS), tmp_path / "abs.json")
    xn.save(xn.mlp([([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [0, 0, -1]), ([[1, 1, 1], [1, 0, 0]], [0, 0])]), tmp_path / "three.json")
    xn.save(xn.mlp([([[1]], [0]), ([[1]], [0])], activation="tanh"), tmp_path / "smooth.json")
    (tmp_path / "plane.json").write_text('{"origin": [0, 0, 0.5], "directions": [[1, 0, 0], [0, 1, "1/3"]]}', encoding="utf-8")
    (tmp_path / "points.json").write_text('{"points": [[0, 0, 0], [1, 0, 0], [0, 0, 2]]}', encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("definition", "count"), [("pattern", 13), ("activation", 6), ("connected", 6), ("closed-connected", 5), ("affine", 5), ("convex", 6)]
)
def test_count(shell: Shell, folder: Path, definition: str, count: int) -> None:  # noqa: F811
    answer = shell(f"regions count abs.json --definition {definition}")
    assert (answer.code, answer.first) == (0, f"{count} linear regions ({definition}) on all of R^2")
    found = shell(f"regions count abs.json --definition {definition} --json").json
    assert (found["status"], found["count"], found["definition"], found["command"]) == ("done", count, definition, "regions count")
    assert found["models"]["f"]["path"].endswith("abs.json")


def test_count_on_a_domain_in_processes_and_again_from_a_checkpoint(shell: Shell, folder: Path) -> None:  # noqa: F811
    assert shell("regions count abs.json --domain 1:2").first == "1 linear region (activation) on 1:2"
    assert shell("regions count abs.json --workers 2 --checkpoint part.txt").code == 0
    assert (folder / "part.txt").exists()
    assert shell("regions count abs.json --checkpoint part.txt").first == "6 linear regions (activation) on all of R^2"
    before = (folder / "part.txt").read_bytes()
    refused = shell("regions count f.json --checkpoint part.txt")
    assert refused.code == 2
    assert "another network" in refused.err
    assert (folder / "part.txt").read_bytes() == before


def test_a_count_with_a_certificate(shell: Shell, folder: Path) -> None:  # noqa: F811
    assert shell("regions count abs.json --certificate c.json").code == 0
    accepted = shell("check c.json")
    assert accepted.code == 0
    assert "exactly 6 activation regions" in accepted.first
    document = json.loads((folder / "c.json").read_text(encoding="utf-8"))
    document["claim"]["count"] = 7
    (folder / "c.json").write_text(json.dumps(document), encoding="utf-8")
    assert shell("check c.json").code == 4


def test_slices(shell: Shell, folder: Path) -> None:  # noqa: F811
    assert shell("regions count three.json").first == "8 linear regions (activation) on all of R^3"
    assert shell("regions count three.json --slice plane.json").first == "6 linear regions (activation) on all of R^2 (slice plane.json)"
    assert (
        shell("regions count three.json --slice points.json --domain 0:1").first
        == "2 linear regions (activation) on 0:1 (slice points.json)"
    )


def test_list(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("regions list abs.json")
    assert answer.code == 0
    regions = [json.loads(line) for line in answer.out.splitlines()]
    assert len(regions) == 6
    net = xn.mlp(ABS)
    for region in regions:
        x = [Fraction(v) for v in region["interior_point"]]
        A, b = region["affine_map"]["A"], region["affine_map"]["b"]
        assert net(x) == (sum((Fraction(a) * v for a, v in zip(A[0], x, strict=True)), Fraction(b[0])),)
        assert all(
            sum(Fraction(a) * v for a, v in zip(i["normal"], x, strict=True)) < Fraction(i["offset"]) for i in region["inequalities"]
        )
        assert all(name == "relu1" for i in region["inequalities"] for name, _, _ in i["neurons"])
        assert not region["bounded"]
    written = shell("regions list abs.json --domain -1:1 --output r.jsonl")
    assert (written.code, written.first) == (0, "6 regions on -1:1 written to r.jsonl")
    assert all(json.loads(line)["bounded"] for line in (folder / "r.jsonl").read_text(encoding="utf-8").splitlines())
    some = shell("regions list abs.json --max-regions 2")
    assert some.code == 3
    assert len(some.out.splitlines()) == 2
    assert "more than 2" in some.err


def test_plot(shell: Shell, folder: Path) -> None:  # noqa: F811
    pytest.importorskip("matplotlib")
    for suffix, head in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        assert shell(f"regions plot abs.json --domain -1:1 --output p{suffix}").code == 0
        assert (folder / f"p{suffix}").read_bytes().startswith(head)
    assert shell("regions plot three.json --slice plane.json --colour active --output q.png").code == 0
    assert shell("regions plot three.json --slice plane.json --colour class --output slice.svg").code == 0
    drawn = (folder / "slice.svg").read_text(encoding="utf-8")
    assert "three.json, slice plane.json" in drawn
    assert "in this window" in drawn
    assert "decision boundary" in drawn
    refused = shell("regions plot three.json --output s.png")
    assert refused.code == 2
    assert "take a slice by --slice FILE" in refused.err
    assert not (folder / "s.png").exists()
    assert shell("regions plot abs.json --output p.gif").code == 2
    stopped = shell("regions plot abs.json --max-regions 3 --output s.png")
    assert stopped.code == 3
    assert stopped.first.startswith("UNKNOWN: no picture")
    assert not (folder / "s.png").exists()


def test_what_stops_a_count(shell: Shell, folder: Path) -> None:  # noqa: F811
    stopped = shell("regions count abs.json --max-regions 3 --json")
    assert stopped.code == 3
    assert stopped.json["status"] == "unknown"
    assert stopped.json["count"] is None
    assert stopped.json["partial"] > 3
    layers = [([[1, 0], [0, 1], [0, -1]], [0] * 3), ([[1, 0, 0], [1, -1, 1]], [0, 0]), ([[-1, 1]], [0])]
    xn.save(xn.mlp(layers), folder / "convex.json")
    open_ = shell("regions count convex.json --definition convex --json")
    assert open_.code == 3
    assert (open_.json["lower"], open_.json["upper"]) == (3, 5)
    assert shell("regions count abs.json --time-limit 0").code == 3


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("regions count smooth.json", "tanh"),
        ("regions count abs.json --domain 0:0", "--slice FILE, with points of it"),
        ("regions count abs.json --workers 0", "--workers"),
        ("regions count abs.json --max-regions -1", "--max-regions"),
        ("regions count abs.json --definition affine --certificate c.json", "--certificate"),
        ("regions count three.json --slice abs.json", "origin"),
        ("regions count abs.json --slice plane.json", "plane.json: origin"),
        ("regions count missing.json", "missing.json"),
        ("deviation f.json g.json", "--domain"),
        ("deviation f.json line.json --domain 0:1", "equal input"),
        ("same-decision f.json line.json", "equal input"),
    ],
)
def test_bad_input(shell: Shell, folder: Path, line: str, words: str) -> None:  # noqa: F811
    answer = shell(line)
    assert answer.code == 2
    assert words in answer.err
    assert answer.out == ""


def test_workers_end_with_a_killed_main_process(folder: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = [4, 30, 30, 1]
    xn.save(xn.mlp([(rng.normal(size=(n, m)), rng.normal(size=n)) for m, n in itertools.pairwise(sizes)]), folder / "large.json")
    command = [sys.executable, "-m", "exactnn", "regions", "count", "large.json", "--workers", "2"]
    main = subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{main.pid}/task/{main.pid}/children")
    if not children.exists():
        main.kill()
        pytest.skip("no /proc here to see the workers in")
    workers: list[str] = []
    until = time.monotonic() + 60
    while len(workers) < 2 and time.monotonic() < until and main.poll() is None:
        workers = children.read_text(encoding="utf-8").split()
        time.sleep(0.1)
    main.kill()
    main.wait()
    assert len(workers) >= 2
    until = time.monotonic() + 20
    while (alive := [w for w in workers if Path(f"/proc/{w}").exists()]) and time.monotonic() < until:
        time.sleep(0.2)
    assert alive == []


@pytest.mark.parametrize(
    ("whole_group", "workers"),
    [
        (True, ["--workers", "2"]),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((True, []), (False, []), (False, ["--workers", "2"]))),
    ],
)
def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(folder: Path, workers: list[str], whole_group: bool) -> None:
    """A terminal sends SIGINT to all processes, `kill` to one."""
    rng = np.random.default_rng(0)
    sizes = [3, 30, 30, 1]
    xn.save(xn.mlp([(rng.normal(size=(n, m)), rng.normal(size=n)) for m, n in itertools.pairwise(sizes)]), folder / "large.json")
    command = [sys.executable, "-m", "exactnn", "regions", "count", "large.json", "--checkpoint", "part", *workers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    main = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    file, until = folder / "part", time.monotonic() + 60
    while main.poll() is None and time.monotonic() < until and not (file.exists() and file.read_bytes().count(b"\n") > 5):
        time.sleep(0.01)
    (os.killpg if whole_group else os.kill)(main.pid, signal.SIGINT)
    try:
        out, err = main.communicate(timeout=30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(main.pid, signal.SIGKILL)
    assert (main.returncode, out) == (130, b"")
    assert re.fullmatch(
        rb"exactnn: interrupted after [\d.]+ s.*; what is done is kept in part, and the same "
        rb"command goes on from it",
        err.splitlines()[-1],
    )
    assert b"Traceback" not in err
    done = file.read_bytes().splitlines()[1:-1]
    assert len(done) >= 4
    net = xn.load(folder / "large.json")
    assert xn.regions.count(net, checkpoint=file) == xn.regions.count(net)
    assert set(done) <= set(file.read_bytes().splitlines())


def test_an_answer_that_cannot_be_written(folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    command = [sys.executable, "-m", "exactnn", "regions", "list", "abs.json"]
    with open("/dev/full", "wb") as full:
        answer = subprocess.run(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert answer.returncode == 2
    assert b"stdout" in answer.stderr
    assert b"Traceback" not in answer.stderr


def test_a_reader_that_has_seen_enough(folder: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m exactnn regions list abs.json | head -1; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, check=False)
    assert answer.returncode == 0
    assert answer.stdout.count(b"\n") == 1
    assert b"Traceback" not in answer.stderr


def test_a_list_that_fails_leaves_nothing(shell: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    (folder / "r.jsonl").write_bytes(b"older\n")
    before = sorted(p.name for p in folder.iterdir())

    def three(*_: object, **__: object) -> Iterator[xn.regions.Region]:
        yield from itertools.islice(found, 3)
        raise KeyboardInterrupt

    found = list(xn.regions.iterate(xn.mlp(ABS)))
    monkeypatch.setattr(xn.regions, "iterate", three)
    assert shell("regions list abs.json --output r.jsonl").code == 130
    assert (folder / "r.jsonl").read_bytes() == b"older\n"
    assert sorted(p.name for p in folder.iterdir()) == before


def test_no_progress_when_quiet(shell: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def count(*_: object, **__: object) -> int:
        print("a progress bar", file=sys.stderr)
        return 6

    monkeypatch.setattr(xn.regions, "count", count)
    assert "a progress bar" in shell("regions count abs.json").err
    assert shell("regions count abs.json --quiet").err == ""


def test_deviation(shell: Shell, folder: Path) -> None:  # noqa: F811
    answer = shell("deviation f.json moved.json --domain -1:1 --certificate d.json")
    assert answer.code == 0
    assert answer.first.startswith("max |f - g| = 1/1" + "0" * 30)
    found = shell("deviation f.json moved.json --domain -1:1 --json").json
    assert found["lower"] == found["upper"] == "1/1" + "0" * 30
    assert abs(Fraction(found["values"]["f"][0]) - Fraction(found["values"]["g"][0])) == Fraction(1, 10**30)
    assert "max |f_j - g_j| =" in shell("check d.json").first
    assert shell("deviation f.json g.json --domain -1:1").first.startswith("max |f - g| = 0,")


def test_same_decision(shell: Shell, folder: Path) -> None:  # noqa: F811
    xn.save(xn.mlp([([[2, 0, 0], [0, 2, 0], [0, 0, 2]], [0, 0, -2]), ([[1, 1, 1], [1, 0, 0]], [0, 0])]), folder / "twice.json")
    xn.save(xn.mlp([([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [0, 0, -2]), ([[1, 1, 1], [1, 0, 0]], [0, 0])]), folder / "other.json")
    proved = shell("same-decision three.json twice.json --certificate s.json")
    assert proved.code == 0
    assert proved.first.startswith("PROVED: f and g have the same maximal outputs")
    assert shell("check s.json").code == 0
    refuted = shell("same-decision three.json other.json --domain -3:3 --certificate s.json")
    assert refuted.code == 1
    assert shell("check s.json").first.startswith("ACCEPTED: refuted")


def test_a_closed_stdout_is_no_refutation(folder: Path) -> None:
    command = f"{sys.executable} -m exactnn regions list f.json >&-"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stderr=subprocess.PIPE, check=False)
    assert answer.returncode == 2
    assert b"Traceback" not in answer.stderr
