"""docs/test-your-pass.md: its files are written, its commands run, and what they print is what the page shows."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "test-your-pass.md").read_text(encoding="utf-8")
PROGRAMS = {
    "pytest": [sys.executable, "-m", "pytest", "-p", "exactnn.testing.plugin"],
    "exactnn": [sys.executable, "-m", "exactnn"],
    "sed": ["sed"],
}


def _printed(command: str, folder: Path) -> str:
    """What it prints, but for the questions that were slow on this machine."""
    first, *words = shlex.split(command)
    words = [name for word in words for name in (map(str, folder.glob(word)) if "/*" in word else [word])]
    search = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    plain = {name: value for name, value in os.environ.items() if name not in ("EXACTNN_CERTIFICATES", "PYTEST_ADDOPTS", "COLUMNS")}
    run = subprocess.run(
        [*PROGRAMS[first], *words], cwd=folder, env=plain | {"PYTHONPATH": search}, capture_output=True, text=True, check=False
    )
    return "".join(line for line in run.stdout.splitlines(keepends=True) if not line.startswith("slow: "))


@pytest.mark.slow  # it starts pytest six times
def test_the_tutorial_is_true(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(python|console)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks].count("console") >= 5
    same = doctest.OutputChecker().check_output
    for kind, text in blocks:
        if kind == "python":
            name = re.match(r"# (test_\w+\.py)\n", text)
            assert name is not None
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
            continue
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            printed = _printed(command, tmp_path)
            assert same(shown, printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), f"$ {command}\n{printed}"


def test_what_it_installs_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r"pip install '\.\[([\w,]+)\]'", PAGE)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
