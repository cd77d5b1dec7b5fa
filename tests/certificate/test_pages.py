"""The pages of the format: their examples are accepted, every rule and method stands in them, and their links lead somewhere."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from exactnn.certificate import Rejected, _claim, _load, check
from tests.certificate._build import affine, box, certificate, mlp, network, node

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "certificate-format.md", *sorted((DOCS / "certificate").glob("*.md"))]
F = mlp(([[1], [-1]], [0, 0]), ([[1, -1]], [0]))  # max(x, 0) - max(-x, 0)
G = network([node("x", "input", shape=[1]), affine("h", "x", [[1]], [0])])


def examples() -> list[dict[str, object]]:
    """Evidence in the core's page that is written in full."""
    blocks = re.findall(r"```json\n(.*?)```", (DOCS / "certificate" / "core.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    return [json.loads(block) for block in blocks if "..." not in block]


def test_the_examples_are_accepted() -> None:
    found = examples()
    assert [evidence["method"] for evidence in found] == ["tree", "forms"]
    for evidence in found:
        assert check(certificate("equal", "proved", (F, G), evidence))
    text = (DOCS / "certificate" / "core.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"With the domain -1 <= x <= 1 and the tolerance 2, `(\{.*?\})` proves", text)
    passing = json.loads(said)
    assert check(certificate("equal", "proved", (F, G), passing, domain=box((-1, 1)), tolerance=2))
    with pytest.raises(Rejected):
        check(certificate("equal", "proved", (F, G), passing, domain=box((-1, 1)), tolerance=1))


def test_every_question_and_method_is_in_the_pages() -> None:
    first, *others = (page.read_text(encoding="utf-8") for page in PAGES)
    rules = first[first.index("## Rules") : first.index("## What one must read")]
    for question, name in _claim.QUESTIONS.items():
        assert f"| `{question}` |" in first
        for methods in _load.load(name).methods.values():
            for method in methods:
                assert re.search(rf"\b{method}\b", rules), method
                assert any(f'"method": "{method}"' in text for text in others), method


def test_links_and_lengths() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 150, page
        links = re.findall(r"\]\(([^)#]+)\)", text)
        assert [link for link in links if not (page.parent / link).is_file()] == [], page
    listed = set(re.findall(r"\]\(certificate/(\w+)\.md\)", PAGES[0].read_text(encoding="utf-8")))
    assert listed == {page.stem for page in PAGES[1:]}


def test_every_rule_says_why_it_is_sound_in_the_code_too() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    rules = [
        line.strip("| ").split(" | ") for line in text[text.index("## Rules") : text.index("## What one")].splitlines() if line[:2] == "| "
    ]
    assert len(rules) > 10
    folder = Path(_claim.__file__).parent
    said = " ".join(re.sub(r"\s+", " ", ast.get_docstring(ast.parse(path.read_text())) or "") for path in sorted(folder.rglob("*.py")))
    assert [name for name, why, _ in rules[1:] if f"Sound: {why}." not in said] == []


def test_every_rule_says_why_it_is_sound() -> None:
    for page in PAGES[1:]:
        if page.stem not in ("limits",):
            text = page.read_text(encoding="utf-8").lower()
            assert "*sound because" in text, page
