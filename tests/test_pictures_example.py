"""The pictures of the guides are drawn from what is in the repository, and are small."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if any(importlib.util.find_spec(name) is None for name in ("matplotlib", "sklearn", "onnx")):
    pytest.skip("needs the extras plot, examples and onnx", allow_module_level=True)

import matplotlib  # noqa: E402

matplotlib.use("Agg")
sys.path.insert(0, str(ROOT / "examples"))
import pictures  # noqa: E402


def words(path: Path) -> list[str]:
    """The texts of an SVG, which matplotlib writes as comments beside their outlines."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_each_is_drawn_as_it_was(name: str, tmp_path: Path) -> None:
    """The same words as in the picture that is kept: titles with counts, labels, numbers at the axes."""
    pictures.PICTURES[name](tmp_path / "again.svg")
    kept = pictures.IMAGES / f"{name}.svg"
    assert len(words(kept)) > 10
    assert words(tmp_path / "again.svg") == words(kept)
    assert kept.stat().st_size < 100_000


def test_each_is_shown_and_each_that_is_shown_is_there() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    shown = {Path(link).name for page in pages for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))}
    assert {f"{name}.svg" for name in pictures.PICTURES} <= shown
    assert {name for name in shown if not (pictures.IMAGES / name).exists()} == set()


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "pictures.py"), "nothing", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "no picture is called nothing; there are regions-digits" in run.stderr
    assert not (tmp_path / "out").exists()
