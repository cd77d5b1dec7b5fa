"""proofs/: each file says what it shows, where that is used and what attacks it; nothing is assumed or left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.proofs._rocq import ROOT, THEORY, without_comments

FILES = sorted(THEORY.glob("*.v"))
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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_has_its_header(path: Path) -> None:
    text = path.read_text()
    header = text[: text.index("*)")]
    assert text.startswith("(* ")
    places = [header.find(f"\n   {key} ") for key in HEADER]
    assert -1 not in places
    assert places == sorted(places)
    for named in re.findall(r"\b(?:tests|exactnn|docs)/[\w/.-]*\w", header):
        assert any((ROOT / f"{named}{suffix}").exists() for suffix in ("", ".py")), f"{path.name} names {named}, which does not exist"


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
