"""The workflow and the test of examples/guard, which people copy, do what they say."""

from __future__ import annotations

import os
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import exactnn as xn

ROOT = Path(__file__).resolve().parents[2]
GUARD = ROOT / "examples" / "guard"


@pytest.fixture
def steps() -> list[dict[str, Any]]:
    workflow = yaml.safe_load((GUARD / "exactnn.yml").read_text(encoding="utf-8"))
    assert set(workflow) == {"name", True, "permissions", "jobs"}  # YAML 1.1 reads the key `on` so
    (job,) = workflow["jobs"].values()
    assert set(job) == {"runs-on", "timeout-minutes", "steps"}  # a misspelt key is no error for YAML, but one for the server
    assert job["timeout-minutes"] > 0
    assert all(set(step) <= {"name", "uses", "run", "with", "if"} for step in job["steps"])
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_the_workflow_names_what_there_is(steps: list[dict[str, Any]]) -> None:
    assert all(("uses" in step) != ("run" in step) for step in steps)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    python = next(step["with"]["python-version"] for step in steps if step.get("uses", "").startswith("actions/setup-python"))
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]
    (install,) = (step["run"] for step in steps if "pip install" in step.get("run", ""))
    (package,) = (word for word in shlex.split(install) if word.startswith("exactnn["))
    assert set(package.removeprefix("exactnn[").rstrip("]").split(",")) <= set(project["optional-dependencies"])


def test_its_command_runs_the_test_and_keeps_the_certificates(
    steps: list[dict[str, Any]], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    (command,) = (shlex.split(step["run"]) for step in steps if "pytest" in step.get("run", ""))
    assert command[0] == "pytest"
    kept = next(step["with"]["path"] for step in steps if step.get("if") == "failure()")
    text = (GUARD / "test_passes.py").read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line and not line.startswith('"""')]) <= 12
    pytester.makepyfile(test_passes=text)
    options = ["-p", "exactnn.testing.plugin", *command[1:]]
    result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(passed=1)
    assert "questions: 100 proved, 0 refuted, 0 unknown" in result.outlines
    assert not (pytester.path / kept).exists()
    wrong = "made = copy.deepcopy(module)\n    made[-1].bias.data += 1\n    return made"
    pytester.makepyfile(test_passes=text.replace("return copy.deepcopy(module)", wrong))
    result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(failed=1)
    (certificate,) = (pytester.path / kept).rglob("*.json")
    assert xn.check(certificate)
