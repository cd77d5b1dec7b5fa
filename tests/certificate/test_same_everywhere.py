"""The command line, Python and a copy of the folder give the same verdict in the same words, for each question and for what is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exactnn import certificate as checker
from exactnn.certificate import BudgetExceeded, Rejected, Unreadable, examine
from exactnn.certificate._claim import QUESTIONS
from exactnn.certificate._load import load
from exactnn.certificate.telling import sentence
from exactnn.cli import main
from tests.certificate import test_at_points, test_fibre, test_identity, test_mutations_of_bounds, test_poles, test_tree
from tests.certificate._build import box, certificate, mlp, tensor
from tests.certificate._cases import CASES, smooth_net
from tests.certificate._hostile import added, nnet, of_file
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


BESIDE = ("matched", "shared", "denominators")
NET = mlp(([[1, 2], [3, 4]], [1, 0]), ([[1, -1]], [0]))
ORDER = [{"kind": "permutation", "layer": "r0", "order": [1, 0]}]
CURVED = smooth_net("silu", [(1, 1, 0)])
ON_A_BOX: dict[str, Any] = {"domain": box((-1, 1), (-1, 1)), "tolerance": 100}
TREE = {"method": "tree", "hull": None, "tree": [["leaf", [], None]]}
PASS = {"method": "pass", "bits": 16}
LEAF = {"method": "boxes", "bits": 16, "tree": [["leaf", "0"]]}
APART = {"method": "enclosure", "point": [1], "output": 0, "bits": 40}
BY_EQUAL = certificate("same_decision", "proved", (NET, NET), {"method": "equal", "evidence": TREE})
del BY_EQUAL["claim"]["tolerance"]
SLICED = certificate("equal", "proved", (NET, NET), TREE)
LINE = {"origin": tensor([1, 2]), "directions": tensor([[3, 4]])}
SLICED["models"] = {name: {**model, "slice": LINE} for name, model in SLICED["models"].items()}
#: what the cases of the other tests lack
MORE = {
    "zero by pass": certificate("zero", "proved", (NET,), PASS, **ON_A_BOX),
    "zero by boxes": certificate("zero", "proved", (NET,), LEAF, **ON_A_BOX),
    "not zero": certificate("zero", "refuted", (CURVED,), APART),
    "symmetry by a tree": certificate("symmetry", "proved", (NET,), TREE, transformation=ORDER),
    "symmetry by pass": certificate("symmetry", "proved", (NET,), PASS, transformation=ORDER, **ON_A_BOX),
    "symmetry by boxes": certificate("symmetry", "proved", (NET,), LEAF, transformation=ORDER, **ON_A_BOX),
    "no symmetry": certificate(
        "symmetry", "refuted", (CURVED,), APART, transformation=[{"kind": "sign_flip", "layer": "r0", "neurons": [0]}]
    ),
    "decisions by equality": BY_EQUAL,
    "sliced": SLICED,
    "matched": certificate("equal", "proved", (NET, NET), {**TREE, "matched": ORDER}),
}


def kind(document: Any) -> str:
    """Question, answer, method, what its evidence has beside, and how its models are given."""
    claim, evidence = document["claim"], document["evidence"]
    models = sorted({key for model in document["models"].values() for key in model if key not in ("sha256", "inline")})
    return " ".join([claim["question"], claim["answer"], evidence["method"], *(key for key in BESIDE if key in evidence), *models])


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
        MORE,
    )
    found: dict[str, object] = {}
    for document in (document for cases in sources for document in cases.values()):
        claim, evidence = document["claim"], document["evidence"]
        name = kind(document)
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


def test_every_method_is_among_them() -> None:
    """Of each question and answer; what may stand beside the evidence; slices. Files are in the test itself."""
    names = set(documents())
    for question, place in QUESTIONS.items():
        claim = load(place)
        for answer, methods in claim.methods.items():
            for method in methods:
                assert f"{question} {answer} {method}" in names
    assert {word for name in names for word in name.split()} >= {*BESIDE, "slice"}
    assert "same_decision proved equal" in names


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
    return 0, f"accepted: {sentence(accepted)} (real arithmetic)"


def test_the_same_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(Path(checker.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    paths = []
    for k, document in enumerate(documents().values()):
        path = tmp_path / f"{k}.json"
        path.write_text(json.dumps(document).replace('"DEEP"', "[" * 10**5 + "]" * 10**5))
        paths.append(path)
    for name, content in {"onnx": added(2, 1), "nnet": nnet(3, 2), "json": json.dumps(NET).encode()}.items():
        path = tmp_path / f"{name}.certificate.json"
        document = of_file(tmp_path, f"model.{name}", content, name)
        document["evidence"] = TREE
        path.write_text(json.dumps(document))
        changed = tmp_path / f"{name}.changed.certificate.json"
        document["models"]["g"]["sha256"] = "0" * 64
        changed.write_text(json.dumps(document))
        paths += [path, changed]
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
