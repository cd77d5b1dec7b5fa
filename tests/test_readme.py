"""The README and the guides in docs do what they say: their examples run, commands and links exist, exit codes are the ones in use."""

from __future__ import annotations

import doctest
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import exactnn
from exactnn.cli import _outcome, main

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.md"))


@pytest.mark.parametrize(
    ("document", "examples"),
    [
        ("README.md", 11),
        ("docs/difference.md", 20),
        ("docs/answers.md", 8),
        ("docs/regions.md", 25),
        ("docs/fibre.md", 30),
        ("docs/functional-dimension.md", 10),
        ("docs/zero-networks.md", 5),
        ("docs/rational.md", 30),
        ("docs/cooling.md", 18),
        ("docs/tropical.md", 30),
        ("docs/pictures.md", 12),
        ("docs/calibration.md", 17),
        ("docs/training.md", 35),
        ("docs/testing.md", 8),
    ],
)
def test_the_examples_run(document: str, examples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(ROOT / document), module_relative=False)
    assert result.failed == 0
    assert result.attempted >= examples


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_recipes_run(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a page of one question, short enough to be copied, and shows what it prints."""
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(recipe), module_relative=False)
    assert result.failed == 0
    assert result.attempted >= 4
    assert len(recipe.read_text(encoding="utf-8").splitlines()) <= 40


def as_file(examples: list[doctest.Example]) -> str:
    """What a person gets who copies the code into a file: nothing is shown but what is printed. An error that is shown is caught."""
    code = []
    for example in examples:
        if example.exc_msg is None:
            code.append(example.source)
        else:
            body = "".join(f"    {text}" for text in example.source.splitlines(keepends=True))
            code.append(
                f"try:\n{body}except Exception as error:\n    print(type(error).__name__)\nelse:\n    raise SystemExit('no error')\n"
            )
    return "".join(code)


def printed(examples: list[doctest.Example]) -> str:
    """What that file prints."""
    errors = {e.lineno: f"{e.exc_msg.partition(':')[0].rpartition('.')[2].strip()}\n" for e in examples if e.exc_msg is not None}
    return "".join(errors.get(e.lineno, e.want if e.source.startswith("print(") else "") for e in examples)


@pytest.mark.slow
@pytest.mark.parametrize("document", [README, *RECIPES], ids=lambda path: path.stem)
def test_it_runs_when_it_is_copied_into_a_file(document: Path, tmp_path: Path) -> None:
    """In a program and a folder of its own; the first one also in an interpreter that has neither docstrings nor assertions."""
    examples = doctest.DocTestParser().get_examples(document.read_text(encoding="utf-8"))
    script = tmp_path / "a person's script.py"
    script.write_text(as_file(examples), encoding="utf-8")
    for options in ([], ["-OO"]) if document == README else ([],):
        run = subprocess.run(
            [sys.executable, *options, "-W", "error::DeprecationWarning:exactnn", script.name],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert (run.returncode, run.stderr) == (0, "")
        assert run.stdout == printed(examples)


def test_every_question_has_a_recipe() -> None:
    """The table links to all recipes, and each of its rows to one."""
    rows = re.findall(r"^\| (.*?) \|", README.read_text(encoding="utf-8").partition("| question |")[2].partition("\n\n")[0], re.MULTILINE)
    linked = [re.search(r"\]\((docs/recipes/[a-z-]+\.md)\)$", row) for row in rows]
    assert all(linked), [row for row, link in zip(rows, linked, strict=True) if not link]
    assert {ROOT / link[1] for link in linked if link} == set(RECIPES)
    assert len(rows) >= 25


GUIDES = (
    "difference",
    "regions",
    "fibre",
    "functional-dimension",
    "zero-networks",
    "rational",
    "cooling",
    "tropical",
    "pictures",
    "calibration",
    "training",
    "cooling-study",
    "tropex",
    "testing",
    "faq",
    "glossary",
    "test-your-pass",
    "audits",
)


@pytest.mark.parametrize("document", ["README.md", *(f"docs/{name}.md" for name in GUIDES)])
def test_it_is_short(document: str) -> None:
    assert len((ROOT / document).read_text(encoding="utf-8").splitlines()) <= 150


def test_python_blocks_compile_and_name_what_exists() -> None:
    """The blocks that are shown and not run: clusters and models are not here."""
    texts = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("regions.md", "difference.md")]
    blocks = [block for text in texts for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
    assert len(blocks) == 3
    for block in blocks:
        compile(block, "docs", "exec")
        for keyword in re.findall(r"(\w+)=", block.partition("regions.count(")[2]):
            assert keyword in inspect.signature(exactnn.regions.count).parameters


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/command-line.md",
        "docs/json-output.md",
        "docs/difference.md",
        "docs/regions.md",
        "docs/fibre.md",
        "docs/functional-dimension.md",
        "docs/zero-networks.md",
        "docs/rational.md",
        "docs/cooling.md",
        "docs/tropical.md",
        "docs/pictures.md",
        "docs/tropical-formats.md",
        "docs/calibration.md",
        "docs/training.md",
        "docs/cooling-study.md",
        "docs/tropex.md",
        "docs/testing.md",
        "docs/faq.md",
        "docs/glossary.md",
        "docs/theory.md",
        "docs/certificate-format.md",
        "docs/network-format.md",
        *(f"docs/recipes/{path.name}" for path in RECIPES),
        "docs/test-your-pass.md",
        "docs/audits.md",
        "CONTRIBUTING.md",
    ],
)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = README.read_text(encoding="utf-8") + (ROOT / "docs/command-line.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"`exactnn ((?:symmetry |regions )?[a-z-]+)", text)) | set(
        re.findall(r"^\| `((?:symmetry |regions )?[a-z-]+) [A-Z]", text, re.MULTILINE)
    )
    assert {
        "equal",
        "zero",
        "symmetry verify",
        "symmetry normal-form",
        "symmetry align",
        "symmetry fibre",
        "symmetry find",
        "symmetry search-zero",
        "regions count",
        "tropical",
        "check",
        "info",
        "convert",
    } <= commands
    for command in sorted(commands):
        assert main([*command.split(), "--help"]) == 0, command
    capsys.readouterr()


def test_python_names_exist() -> None:
    table = README.read_text(encoding="utf-8").partition("## Questions")[2].partition("`domain` is a")[0]
    names = re.findall(r"`([a-z_.]+)\(", table)
    assert len(names) >= 6
    for name in names:
        found: object = exactnn
        for part in name.split("."):
            if name != "f":
                found = getattr(found, part)


def test_exit_codes() -> None:
    table = dict(re.findall(r"^\| (\d) \| (.*) \|$", README.read_text(encoding="utf-8"), re.MULTILINE))
    assert table == {
        str(_outcome.DONE): "proved, done, or certificate accepted",
        str(_outcome.REFUTED): "refuted",
        str(_outcome.BAD_INPUT): "wrong usage or input",
        str(_outcome.UNKNOWN): "unknown, or a certificate that was not decided within the checker's budget",
        str(_outcome.REJECTED): "certificate rejected",
    }
