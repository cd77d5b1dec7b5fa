"""proofs/: each file says what it shows, where that is used and what attacks it; nothing is assumed or left out."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from proofs.__main__ import NAMES
from proofs._prover import theorems
from tests.proofs._rocq import ROOT, THEORY, without_comments

PROOFS = ROOT / "proofs"
FILES = sorted(THEORY.glob("*.v"))
SCRIPTS = [PROOFS / f"{name}.py" for name in NAMES]
PROSE = sorted((PROOFS / "prose").glob("*.md"))
HEADER = ("Statement.", "Assumptions.", "Idea.", "Used in.", "Attacked by.", "References.")
#: what would make a theorem rest on something that is not proved
HOLES = (
    "Admitted",
    "admit",
    "Axiom",
    "Axioms",
    "Parameter",
    "Parameters",
    "Conjecture",
    "Hypothesis",
    "Variable",
    "give_up",
    "Abort",
    "bypass_check",
)


#: how the header of each kind of file begins and ends, and what stands before and behind its keys
SHAPES = {".v": ("(* ", "*)", "   {} "), ".py": ('"""', '"""', "{} "), ".md": ("# ", "\n## ", "**{}** ")}


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS, *PROSE], ids=lambda path: path.name)
def test_each_file_has_its_header(path: Path) -> None:
    text = path.read_text()
    start, end, key = SHAPES[path.suffix]
    assert text.startswith(start)
    header = text[: text.index(end, len(start))]
    places = [header.find("\n" + key.format(word)) for word in HEADER]
    assert -1 not in places
    assert places == sorted(places)
    exist(header, path)


def exist(text: str, path: Path) -> None:
    """All files named in the text exist, but for what is built."""
    for named in re.findall(r"\b(?:tests|exactnn|docs|proofs(?!/rocq/build)|prose)/[\w/.-]*\w", text):
        places = [place / f"{named}{suffix}" for place in (ROOT, PROOFS) for suffix in ("", ".py")]
        assert any(place.exists() for place in places), f"{path.name} names {named}, which does not exist"


@pytest.mark.parametrize("path", [*SCRIPTS, *PROSE], ids=lambda path: path.name)
def test_names_in_backticks_exist(path: Path) -> None:
    """A file, a theorem of a script or of Rocq, or another file of the folder."""
    known = {item.name for name in NAMES for item in theorems(importlib.import_module(f"proofs.{name}"))}
    known |= {name for file in FILES for name in re.findall(r"^Theorem (\w+)", file.read_text(), flags=re.MULTILINE)}
    known |= {"enclosure", "sides", "derivative"}  # words of the format of certificates
    text = path.read_text()
    text = re.findall(r'"""(.*?)"""', text, flags=re.DOTALL)[0] if path.suffix == ".py" else text
    exist(text, path)
    for named in re.findall(r"`([^`]+)`", text):
        file = named.split()[0]
        assert named in known or any((place / file).exists() for place in (ROOT, path.parent)), f"{path.name}: {named}"


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.name)
def test_prose_says_that_no_machine_has_checked_it(path: Path) -> None:
    text = path.read_text()
    assert "\n**Not machine-checked**" in text.replace("**Not machine-checked.**", "**Not machine-checked**")
    assert "\n## Proof" in text
    assert len(text.splitlines()) <= 150


def test_the_table_lists_all_scripts_and_prose() -> None:
    rows = re.findall(r"^\| `((?:prose/)?\w+\.(?:py|md))` \|(.*)\|$", (PROOFS / "README.md").read_text(), flags=re.MULTILINE)
    assert sorted(file for file, _ in rows) == sorted(str(path.relative_to(PROOFS)) for path in [*SCRIPTS, *PROSE])
    for file, rest in rows:
        cells = [cell.strip() for cell in rest.split("|")]
        assert len(cells) == 5, file
        text = (PROOFS / file).read_text()
        header = text[: text.index(SHAPES[Path(file).suffix][1], 3)]
        used = re.findall(r"`([^`]+)`", cells[2] + cells[3])
        assert len(used) >= 2, file
        for named in used:
            assert (ROOT / named).exists(), f"{file}: {named} does not exist"
            assert named in header, f"{file} does not name {named} itself"
        tools = ", ".join(tool for tool in ("sympy", "z3") if re.search(rf"^import {tool}$", text, flags=re.MULTILINE)) or "prose"
        assert cells[4] == tools, file


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_assumed(path: Path) -> None:
    """Variables and hypotheses stand in sections, where they become premises."""
    depth, text = 0, without_comments(path.read_text())
    for sentence in re.split(r"\.\s", text):
        words = sentence.split()
        if words[:1] == ["Section"]:
            depth += 1
        if words[:1] == ["End"]:
            depth -= 1
        for word in words:
            assert word not in HOLES or (word in ("Variable", "Hypothesis") and depth > 0), f"{path.name}: {sentence.strip()}"
    assert depth == 0


def test_every_file_is_compiled() -> None:
    listed = [line for line in (THEORY / "_CoqProject").read_text().splitlines() if line.endswith(".v")]
    assert sorted(listed) == [path.name for path in FILES]
    given = set()
    for name in listed:
        for needed in re.findall(r"From Exactnn Require (?:Export|Import) (\w+)", (THEORY / name).read_text()):
            assert f"{needed}.v" in given, f"{name} stands before {needed}.v, which it needs"
        given.add(name)


def test_the_table_names_theorems_that_exist() -> None:
    page = (ROOT / "proofs" / "README.md").read_text()
    assert len(page.splitlines()) <= 150
    rows = re.findall(r"^\| `(\w+)` in `rocq/(\w+\.v)` \|(.*)\|$", page, flags=re.MULTILINE)
    assert len(rows) >= 10
    for theorem, name, rest in rows:
        text = without_comments((THEORY / name).read_text())
        assert re.search(rf"^\s*(?:Theorem|Lemma|Corollary) {theorem}\b", text, flags=re.MULTILINE), f"{theorem} is not in {name}"
        for named in re.findall(r"`((?:tests|exactnn|docs)/[\w/.-]+)`", rest):
            assert (ROOT / named).exists(), f"{theorem}: {named} does not exist"
    shown = set(re.findall(r"Print Assumptions (\w+)\.", (THEORY / "Assumptions.v").read_text()))
    assert {theorem for theorem, _, _ in rows} == shown, "the table and Assumptions.v list the same theorems"
