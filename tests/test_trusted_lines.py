"""The lines that a claim rests on: the page shows them as they are, what is loaded is what is counted, and what was reached is kept."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import trusted_lines
from tests.certificate._cases import CASES
from tests.certificate._onnx_bytes import initializer, model, operation, value_info

FOLDER = Path(trusted_lines._trusted.FOLDER)
LOADED = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("copied", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
package = importlib.util.module_from_spec(spec)
sys.modules["copied"] = package
spec.loader.exec_module(package)
accepted = package.examine(sys.argv[2], (), None)
loaded = {name.removeprefix("copied.") for name in sys.modules if name.startswith("copied.")}
counted = package._check.load("_trusted.modules")([*(u.rpartition(".")[0] for u in accepted.uses)])
print(json.dumps([sorted(loaded), sorted(counted)]))
"""


def test_the_page_shows_the_lines() -> None:
    """make trusted-lines ARGS=--write makes it so."""
    text = trusted_lines.PAGE.read_text(encoding="utf-8")
    assert trusted_lines.page(text, trusted_lines.table()) == text


def test_goals_that_were_reached_are_kept() -> None:
    found = trusted_lines.totals()
    assert set(found) == set(trusted_lines.GOALS)
    assert {name for name, count in found.items() if count > trusted_lines.GOALS[name]} <= trusted_lines.OPEN


@pytest.mark.parametrize("question", trusted_lines.METHODS)
def test_a_certificate_rests_on_no_more_lines_than_its_method_may_have(question: str) -> None:
    found = {method: count for methods in trusted_lines.counts(question).values() for method, count in methods.items()}
    assert set(found) == set(trusted_lines.METHODS[question])
    assert {method: count for method, count in found.items() if count > trusted_lines.METHODS[question][method]} == {}


@pytest.mark.parametrize("kind", trusted_lines.READ)
def test_one_that_reads_a_file_rests_on_no_more_lines_than_it_may(kind: str) -> None:
    found, most = trusted_lines.reading(kind), trusted_lines.READ[kind]
    assert set(found) == set(most)
    assert {method: count for method, count in found.items() if count > most[method]} == {}


def test_each_question_has_goals() -> None:
    assert set(trusted_lines.METHODS) == set(trusted_lines._claim.QUESTIONS)


def test_what_no_claim_loads() -> None:
    """Of what lies in the folder, but is left out of the union."""
    named = [trusted_lines._core(question, method) for question in trusted_lines.METHODS for method in trusted_lines.METHODS[question]]
    loaded = trusted_lines._trusted.modules({name for names in named for name in names})
    assert loaded.keys().isdisjoint(trusted_lines.LOADED_BY_NONE)


@pytest.mark.parametrize("name", ["T6", "T7", "T10", "T26 off", "flip", "rational", "shared part"])
def test_what_is_loaded_is_what_is_counted(name: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(CASES[name]))
    _loaded(path)


@pytest.mark.parametrize("added", [False, True])
def test_of_the_reader_of_onnx_is_loaded_what_the_model_needs(added: bool, tmp_path: Path) -> None:
    """Without Add the reading that `reading` counts is all: relu(2 x), or relu(2 x) + 1, is not 0 at 1."""
    nodes = [operation("MatMul", ["x", "w"], ["m"]), operation("Relu", ["m"], ["r"]), operation("Add", ["r", "c"], ["y"])]
    constants, last = [initializer("w", (1, 1), [2.0]), initializer("c", (1,), [1.0])], "y" if added else "r"
    data = model(nodes[: 2 + added], constants, [value_info("x", (1, 1))], [value_info(last, (1, 1))])
    (tmp_path / "f.onnx").write_bytes(data)
    f = {"sha256": hashlib.sha256(data).hexdigest(), "format": "onnx", "path": "f.onnx"}
    claim = {"question": "zero", "answer": "refuted", "tolerance": 0, "domain": None}
    evidence = {"method": "point", "point": [1], "f": [2 + added], "g": [0]}
    path = tmp_path / "c.json"
    path.write_text(json.dumps({**CASES["T7"], "claim": claim, "models": {"f": f}, "evidence": evidence}))
    loaded = _loaded(path)
    assert ("_onnx_sums" in loaded) == added
    assert loaded.isdisjoint({"_onnx_moving", "_onnx_beside", "_model_data", "_gzip", "_given"})
    if not added:
        point = trusted_lines._core("equal", "point")
        kept = trusted_lines._trusted.modules([*point, *trusted_lines._IN_FILES, *trusted_lines.FILES["ONNX"]])
        assert loaded <= kept.keys()


def _loaded(path: Path) -> set[str]:
    """What is loaded to check this certificate, which is what is counted."""
    run = subprocess.run([sys.executable, "-I", "-S", "-c", LOADED, str(FOLDER), str(path)], capture_output=True, text=True, check=True)
    loaded, counted = json.loads(run.stdout)
    assert {*loaded} - {"_trusted"} == {*counted} - {"__init__"}
    return {*loaded} - {"_trusted"}


def test_lines_are_those_without_blanks_comments_and_docstrings() -> None:
    import ast

    source = '"""Doc.\n\nMore."""\n\n# a comment\nimport os\n\n\ndef f():\n    """Doc."""\n    return "# no comment"\n'
    assert trusted_lines._trusted.lines(source, ast.parse(source)) == 3
