"""The command line, Python and a copy of the folder give the same verdict in the same words, for each question and for what is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exactnn import certificate as checker
from exactnn.certificate import BudgetExceeded, Rejected, Unreadable, examine
from exactnn.cli import main
from tests.certificate import test_at_points, test_fibre, test_identity, test_mutations_of_bounds, test_poles, test_tree
from tests.certificate._cases import CASES
from tests.certificate.test_mutations import changes

ALONE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import contextlib, importlib.util, io
spec = importlib.util.spec_from_file_location("alone", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
package = importlib.util.module_from_spec(spec)
sys.modules["alone"] = package
spec.loader.exec_module(package)
main = importlib.import_module("alone._command").main
found = []
for path in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main([path])
    found.append([code, out.getvalue().splitlines()])
print(json.dumps(found))
"""


def documents() -> dict[str, object]:
    """One of each question, answer and method; with a claim of the other answer, and with another number in the evidence."""
    sources = (
        CASES,
        test_fibre.CASES,
        test_poles.RIGHT,
        test_at_points.CASES,
        test_identity.CASES,
        test_tree.GOOD,
        test_mutations_of_bounds.CASES,
    )
    found: dict[str, object] = {}
    for document in (document for cases in sources for document in cases.values()):
        claim, evidence = document["claim"], document["evidence"]
        name = f"{claim['question']} {claim['answer']} {evidence['method']}"
        if name not in found:
            found[name] = document
            turned = "refuted" if claim["answer"] == "proved" else "proved"
            found[f"{name}, turned"] = {**document, "claim": {**claim, "answer": turned}}
            key = next(reversed(evidence))
            found[f"{name}, changed"] = {**document, "evidence": {**evidence, key: [*changes(evidence[key]), "odd"][0]}}
    found["no certificate"] = []
    found["another version"] = {**CASES["T6"], "version": 3}
    found["too deep"] = {**CASES["T6"], "evidence": {"method": "forms", "hull": None, "f": {}, "g": {}, "output": "DEEP"}}
    return found


def in_python(path: Path) -> tuple[int, str]:
    """Exit code and words, from Python."""
    try:
        accepted = examine(str(path), (), None)
    except Unreadable as error:
        return 2, str(error)
    except Rejected as error:
        return 4, f"rejected: {error}"
    except BudgetExceeded as error:
        return 3, f"not decided: {error}"
    return 0, f"accepted: {accepted.sentence} (real arithmetic)"


def test_the_same_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(Path(checker.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    paths = []
    for k, document in enumerate(documents().values()):
        path = tmp_path / f"{k}.json"
        path.write_text(json.dumps(document).replace('"DEEP"', "[" * 10**5 + "]" * 10**5))
        paths.append(path)
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ALONE, str(folder)],
        input=json.dumps(list(map(str, paths))),
        capture_output=True,
        text=True,
        check=True,
    )
    codes = set()
    for path, (code, lines) in zip(paths, json.loads(run.stdout), strict=True):
        expected = in_python(path)
        codes.add(code)
        assert (code, lines[0].casefold()) == (expected[0], expected[1].casefold())
        capsys.readouterr()
        assert main(["check", str(path)]) == code
        shown = capsys.readouterr().out.splitlines()
        assert shown[0].casefold() == expected[1].casefold()
        if code == 0:
            assert shown[1:] == lines[1:]  # models, and what was trusted
    assert codes == {0, 3, 4}
