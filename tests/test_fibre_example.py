"""The example about fibres runs to its end in an empty folder, quickly, and what it prints is so."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import exactnn as xn

ROOT = Path(__file__).resolve().parents[1]
needs_data = pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs the extra examples")


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module


def rows(text: str, header: str) -> dict[str, dict[str, str]]:
    """The table whose header is this one, by the names in its first column; cells are two blanks apart, at the header's places."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.split()[:1] == ["64-h-10"] and header in line)
    starts = [m.start() for m in re.finditer(r"(?<=  )\S", lines[first])]
    names = [lines[first][a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
    found = {}
    for line in lines[first + 1 :]:
        if not line.strip():
            break
        cells = [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        found[cells[0]] = dict(zip(names, cells, strict=True))
    return found


@pytest.mark.slow
@needs_data
def test_the_example(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "fibre.py"), "--out", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = rows(done.stdout, "one orbit"), rows(done.stdout, "|theta|")
    assert list(first) == list(second)
    for hidden in (8, 16, 32, 64):
        answer, margin = first[f"h = {hidden}, trained"], second[f"h = {hidden}, trained"]
        assert (answer["one orbit"], answer["orbits"]) == ("yes", "1")
        assert {answer[name] for name in ("dimension", "neurons", "least")} == {str(hidden)}
        assert float(answer["right"].rstrip("%")) > 90
        distances = {name: float(margin[name].split()[0]) for name in ("dead", "constant", "parallel", "rank")}
        radius = float(margin["radius"].split()[0])
        assert 0 < radius <= min(distances["dead"], distances["constant"], distances["parallel"])
        assert float(margin["angle"].rstrip("°")) > 1

    twice, flips, both = (
        first[name] for name in ("h = 16, neuron 0 twice", "h = 16, three neurons that can flip", "h = 8, neuron 0 on both sides")
    )
    assert (twice["one orbit"], twice["dimension"], twice["neurons"], twice["least"]) == ("no", str(16 + 65), "17", "16")
    assert (flips["one orbit"], flips["orbits"], flips["dimension"], flips["neurons"], flips["least"]) == ("no", "2", "19", "19", "19")
    assert (both["one orbit"], both["orbits"], both["dimension"], both["neurons"], both["least"]) == ("yes", "", "9", "9", "9")
    assert second["h = 16, neuron 0 twice"]["parallel"] == second["h = 8, neuron 0 on both sides"]["parallel"] == "0"
    assert second["h = 16, three neurons that can flip"]["rank"] == "0"
    assert second["h = 16, three neurons that can flip"]["parallel"] != "0"
    assert "flipping neurons 16, 17, 18 keeps the function" in done.stdout

    kept = sorted((tmp_path / "out").iterdir())
    assert len(kept) == sum(bool(row["certificate"]) for row in first.values())
    assert len(kept) >= 7
    assert all(xn.check(path) for path in kept)


def test_the_margins() -> None:
    margins = load("examples/digits/margins.py").margins
    weight, bias, outgoing = [[3, 4], [0, 1], [1, 0]], [0, 1, 1], [[1, 0, 0], [0, 2, 1]]
    m = margins(xn.mlp([(weight, bias), (outgoing, [5, 7])]))
    terms = np.array([np.outer(np.array(outgoing)[:, i], weight[i]).ravel() for i in range(3)])
    assert m.norm == pytest.approx(math.sqrt(25 + 2 + 2 + 1 + 4 + 1))
    assert (m.dead, m.constant) == (1, 1)
    assert m.parallel == pytest.approx(1)  # (0, 1, 1) and (1, 0, 1): eigenvalues 3 and 1 of [[2, 1], [1, 2]]
    assert m.angle == pytest.approx(math.degrees(math.acos(4 / (5 * math.sqrt(2)))))
    assert m.rank == pytest.approx(math.sqrt(np.linalg.eigvalsh(terms @ terms.T)[0]))
    assert m.size == pytest.approx(math.sqrt(25 + 4 + 1))
    assert m.steepest == pytest.approx(math.sqrt(26))
    assert m.steepest * m.radius + m.radius**2 / 2 == pytest.approx(m.rank)


def test_the_radius() -> None:
    """A change by delta moves V by at most R |delta| + |delta|^2 / 2, and each distance is reached by degenerate weights."""
    margins = load("examples/digits/margins.py").margins
    rng = np.random.default_rng(0)
    weight, bias, outgoing = (a.astype(float) for a in (rng.integers(-3, 4, (4, 3)), rng.integers(-3, 4, 4), rng.integers(1, 4, (2, 4))))
    m = margins(xn.mlp([(weight, bias), (outgoing, [0, 0])]))
    assert 0 < m.radius <= min(m.dead, m.constant, m.parallel)

    def terms(w: np.ndarray, a: np.ndarray) -> np.ndarray:
        return np.einsum("ji,ik->ijk", a, w)

    ratios = []
    for scale in (0.01, 0.1, 1, 10):
        for w, a in [(rng.standard_normal(weight.shape), rng.standard_normal(outgoing.shape)) for _ in range(10)] + [(weight, outgoing)]:
            step = scale * math.hypot(np.linalg.norm(w), np.linalg.norm(a))
            moved = np.linalg.norm(terms(weight + scale * w, outgoing + scale * a) - terms(weight, outgoing))
            ratios.append(moved / (m.steepest * step + step**2 / 2))
    i = int(np.argmax((weight**2).sum(axis=1) + (outgoing**2).sum(axis=0)))  # the steepest change
    w, a = np.zeros_like(weight), np.zeros_like(outgoing)
    inward, outward = np.linalg.norm(weight[i]), np.linalg.norm(outgoing[:, i])
    w[i], a[:, i] = weight[i] * outward / inward, outgoing[:, i] * inward / outward
    step = 1e-6 * math.hypot(np.linalg.norm(w), np.linalg.norm(a))
    moved = np.linalg.norm(terms(weight + 1e-6 * w, outgoing + 1e-6 * a) - terms(weight, outgoing))
    ratios.append(moved / (m.steepest * step + step**2 / 2))
    assert max(ratios) == pytest.approx(1, rel=1e-3)
    assert max(ratios) <= 1 + 1e-9

    dead = outgoing.copy()
    dead[:, np.linalg.norm(outgoing, axis=0).argmin()] = 0
    assert np.linalg.norm(outgoing - dead) == pytest.approx(m.dead)
    assert xn.verify_single_orbit(xn.mlp([(weight, bias), (dead, [0, 0])])).refuted
