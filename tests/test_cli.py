"""The command line: every command, every exit code, the JSON objects, bad input, and nothing left behind on failure."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import exactnn as xn
from exactnn.cli import _outcome, main
from exactnn.cli._outcome import point_text, short
from tests._schema import problems

ROOT = Path(__file__).resolve().parents[1]
needs_onnx = pytest.mark.skipif(importlib.util.find_spec("onnx") is None, reason="needs the extra onnx")

TRIANGLE = [([[1, 0], [0, 1], [-1, -1]], [0, 0, 0]), ([[1, 1, 1]], [0])]
MODELS: dict[str, xn.Network] = {
    "f": xn.mlp(TRIANGLE),  # T3 of the theory: f and g are equal, and no permutation or scaling of each other
    "g": xn.mlp([([[-1, 0], [0, -1], [1, 1]], [0, 0, 0]), ([[1, 1, 1]], [0])]),
    "moved": xn.mlp([([[1, 0], [0, 1], [-1, -1]], [0, 0, "1e-30"]), ([[1, 1, 1]], [0])]),
    "copy": xn.mlp([([[0, 3], [-1, -1], ["1/2", 0]], [0, 0, 0]), ([["1/3", 1, 2]], [0])]),
    "wide": xn.mlp([([[1, 0], [0, 1], [-1, -1], [2, 2]], [0, 0, 0, 1]), ([[1, 1, 1, 0]], [0])]),
    "zero": xn.mlp([([[1], [-1], [1], [-1]], [1, -1, 2, -2]), ([[1, -1, -1, 1]], [1])]),
    "positive": xn.mlp([([[1]], [0]), ([[1]], [0])]),  # max(x, 0)
    "line": xn.mlp([([[1]], [0])]),  # x
    "deep": xn.mlp([([[1, 2], [3, 4]], [0, 1]), ([[1, -1], [2, 1]], [0, 0]), ([[1, 1]], [0])]),
    "third": xn.mlp([([["1/3"]], [0])]),
}


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def first(self) -> str:
        return self.out.splitlines()[0]

    @property
    def json(self) -> dict[str, Any]:
        assert self.out.count("\n") == 1
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


class Shell:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, line: str, *more: str) -> Answer:
        self.capsys.readouterr()
        words = [*line.split(), *more]
        code = main(words)
        answer = Answer(code, *self.capsys.readouterr())
        if "--json" in words:
            assert [problem for text in answer.out.splitlines() for problem in problems(json.loads(text))] == []
        return answer


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line in a folder that holds MODELS as exact JSON."""
    monkeypatch.chdir(tmp_path)
    for name, net in MODELS.items():
        xn.save(net, f"{name}.json")
    return Shell(capsys)


def files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path().iterdir()}


# --- equal, zero ---------------------------------------------------------------------------------------------------------


def test_equal_proved(shell: Shell) -> None:
    answer = shell("equal f.json g.json --certificate c.json")
    assert answer.code == 0
    assert answer.first.startswith("PROVED: f = g on all of R^2 (real arithmetic). ")
    assert "c.json" in answer.out
    assert "read f.json" in answer.err
    assert "read" not in answer.out
    checked = shell("check c.json")
    assert checked.code == 0
    assert checked.first == "ACCEPTED: proved: f = g on all of R^2 (real arithmetic)"
    assert shell("check c.json g.json f.json").code == 0


def test_equal_refuted(shell: Shell) -> None:
    answer = shell("equal f.json moved.json --certificate c.json")
    assert answer.code == 1
    assert answer.first.startswith("REFUTED: f = g on all of R^2 (real arithmetic). ")
    assert answer.out.splitlines()[1:3] == [
        "  at x = (0, 0)",
        "  f(x) = 0, g(x) = 1/1000000000000000000000000000000, difference -1/1000000000000000000000000000000",
    ]
    assert shell("check c.json").code == 0


def test_a_certificate_is_compressed_where_its_name_says_so(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_outcome, "_LARGE", 500)
    answer = shell("equal f.json g.json --certificate c.json.gz")
    assert "(exactnn check c.json.gz)" in answer.out
    assert shell("check c.json.gz f.json g.json").code == 0
    answer = shell("equal f.json g.json --certificate c.json")
    assert "(exactnn check c.json; 0.0 MB, compressed where the name ends in .gz)" in answer.out
    assert Path("c.json.gz").stat().st_size < Path("c.json").stat().st_size
    Path("c.json.gz").write_bytes(Path("c.json.gz").read_bytes()[:-1])
    answer = shell("check c.json.gz")
    assert (answer.code, answer.first.split(": ")[:3]) == (4, ["REJECTED", "certificate", "gzip"])


def test_unknown_writes_no_certificate(shell: Shell) -> None:
    before = files()
    answer = shell("equal f.json g.json --time-limit 0 --certificate c.json")
    assert answer.code == 3
    assert answer.first.startswith("UNKNOWN: f = g on all of R^2 (real arithmetic). the time limit")
    assert "no certificate" in answer.err
    assert files() == before


def test_zero(shell: Shell) -> None:
    answer = shell("zero zero.json --certificate c.json")
    assert (answer.code, answer.first[:27]) == (0, "PROVED: f = 0 on all of R^1")
    assert shell("check c.json").first == "ACCEPTED: proved: f = 0 on all of R^1 (real arithmetic)"
    answer = shell("zero f.json")
    assert answer.code == 1
    assert "f(x) = 1" in answer.out


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("0:1", "proved"),
        ("1/3:2.5", "proved"),
        ("0:0", "proved"),
        ("-1:1", "refuted"),
        ("-1e-30:1", "refuted"),
        ("-1:-.5", "refuted"),
        ({"A": [[-1]], "b": [0]}, "proved"),
        ({"A": [["-1/7"], [1]], "b": [0, 3]}, "proved"),
        ({"A": [[1]], "b": [0.25]}, "refuted"),
        ({"lower": [0], "upper": 1}, "proved"),
        ({"lower": "-1/9", "upper": 1}, "refuted"),
    ],
)
def test_domains(shell: Shell, domain: Any, status: str) -> None:
    """max(x, 0) and x are equal exactly on the domains without negative numbers."""
    given = domain
    if isinstance(domain, dict):
        Path("domain.json").write_text(json.dumps(domain))
        given = "domain.json"
    answer = shell(f"equal positive.json line.json --json --certificate c.json --domain {given}").json
    assert answer["status"] == status
    assert answer["domain"] == given
    assert shell("check c.json").code == 0
    assert shell(f"equal positive.json line.json --domain={given}").code == {"proved": 0, "refuted": 1}[status]


def test_domain_numbers_are_exact(shell: Shell) -> None:
    """0.1 is one tenth, which is below the float of that name."""
    xn.save(xn.mlp([([[1]], ["-1/10"]), ([[1]], [0])]), "beyond.json")  # max(x - 1/10, 0)
    Path("domain.json").write_text('{"lower": 0, "upper": 0.1}')
    assert shell("zero beyond.json --domain domain.json").code == 0
    Path("domain.json").write_text(f'{{"lower": 0, "upper": "{Fraction(0.1)}"}}')
    assert shell("zero beyond.json --domain domain.json").code == 1


def test_tolerance(shell: Shell) -> None:
    xn.save(xn.mlp([TRIANGLE[0], ([[1, 1, 1]], ["1/10"])]), "higher.json")
    answer = shell("equal f.json higher.json --tolerance 0.1 --certificate c.json")
    assert (answer.code, answer.first[:44]) == (0, "PROVED: f = g within 1/10 on all of R^2 (rea")
    assert shell("check c.json").code == 0
    assert shell("equal f.json higher.json --tolerance 99/1000 --certificate c.json").code == 1
    assert shell("check c.json").code == 0
    assert shell("equal f.json higher.json --tolerance 1e-1 --domain -1:1 --json").json["tolerance"] == "1/10"


def test_smooth_networks(shell: Shell) -> None:
    for name, weight in (("tanh", [[1], [2]]), ("swapped", [[2], [1]]), ("other", [[1], [3]])):
        xn.save(xn.mlp([(weight, [0, 0]), ([[1, 1]], [0])], activation="tanh"), f"{name}.json")
    assert shell("equal tanh.json swapped.json --certificate c.json").code == 0
    assert shell("check c.json").code == 0
    answer = shell("equal tanh.json other.json --certificate c.json")
    assert answer.code == 1
    assert "  at x = (" in answer.out
    assert "irrational" in answer.out
    assert shell("check c.json").code == 0
    document = shell("equal tanh.json other.json --json").json
    assert document["counterexample"]
    assert document["values"] is None


def test_json_of_a_question(shell: Shell) -> None:
    document = shell("equal deep.json f.json --json --quiet --certificate c.json").json
    assert set(document) == {
        *("status", "command", "question", "semantics", "reason", "domain", "slice", "tolerance", "counterexample", "values"),
        *("float32_error", "models", "certificate", "seconds", "versions"),
    }
    assert document["status"] == "refuted"
    assert document["command"] == "equal"
    assert document["semantics"] == "real"
    assert document["tolerance"] == "0"
    assert document["certificate"] == "c.json"
    assert document["seconds"] >= 0
    assert document["versions"]["exactnn"] == xn.__version__
    for name, file in (("f", "deep.json"), ("g", "f.json")):
        assert document["models"][name]["sha256"] == hashlib.sha256(Path(file).read_bytes()).hexdigest()
        assert Path(document["models"][name]["path"]) == Path(file).resolve()
    point = [Fraction(q) for q in document["counterexample"]]
    f, g = ([Fraction(q) for q in document["values"][k]] for k in "fg")
    assert list(MODELS["deep"](point)) == f
    assert list(MODELS["f"](point)) == g
    assert f != g


def test_quiet_is_one_line(shell: Shell) -> None:
    for line in ("equal f.json moved.json", "info f.json", "symmetry normal-form f.json", "zero zero.json"):
        answer = shell(f"{line} --quiet")
        assert (answer.out.count("\n"), answer.err) == (1, "")


# --- symmetry ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("--flip 0,1,2", 0),
        ("--flip 0:2,1,0", 0),
        ("--flip relu1:0,1,2", 0),
        ("--flip 0", 1),
        ("--flip 0,1", 1),
        ("--permutation 2,0,1", 0),
        ("--scaling 0:1/2,3,0.1", 0),
        ("--sign-flip 0", 1),
        ("--flip 0 --flip 1,2", 0),
        ("--permutation 0:1,2,0 --flip relu1:0,1,2 --scaling 1,2,3", 0),
    ],
)
def test_symmetry_verify(shell: Shell, options: str, code: int) -> None:
    answer = shell(f"symmetry verify f.json {options} --certificate c.json")
    assert answer.code == code
    assert answer.first.startswith(("PROVED", "REFUTED")[code] + ": T(f) = f on all of R^2")
    assert "  T = " in answer.out
    assert shell("check c.json").code == 0


def test_options_are_applied_in_their_order(shell: Shell) -> None:
    document = shell("symmetry verify f.json --permutation 2,0,1 --scaling 1,2,3 --json").json
    assert document["transformation"] == [
        {"kind": "permutation", "layer": "relu1", "order": [2, 0, 1]},
        {"kind": "scaling", "layer": "relu1", "factors": [1, 2, 3]},
    ]
    first = xn.symmetry.Permutation(0, [2, 0, 1])
    both = xn.symmetry.Scaling(0, [1, 2, 3]) @ first
    xn.save(both.apply(MODELS["f"]), "both.json")
    Path("T.json").write_text(json.dumps(document["transformation"]))
    found = shell("symmetry align f.json both.json --json").json["transformation"]
    assert found == document["transformation"]
    assert shell("symmetry verify f.json --transformation T.json --json").json["transformation"] == found


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([{"kind": "flip", "layer": "relu1", "neurons": [0, 1, 2]}], 0),
        ({"kind": "flip", "neurons": [0, 1, 2]}, 0),
        ({"transformation": [{"kind": "flip", "layer": 0, "neurons": [0]}]}, 1),
        ([{"kind": "scaling", "layer": 0, "factors": ["1/2", 0.1, 3]}, {"kind": "permutation", "layer": 0, "order": [1, 2, 0]}], 0),
    ],
)
def test_transformation_files(shell: Shell, steps: Any, code: int) -> None:
    Path("T.json").write_text(json.dumps(steps))
    assert shell("symmetry verify f.json --transformation T.json").code == code


def test_a_layer_is_needed_where_there_are_several(shell: Shell) -> None:
    assert shell("symmetry verify deep.json --permutation 0:1,0").code == 0
    assert shell("symmetry verify deep.json --permutation relu2:1,0").code == 0
    answer = shell("symmetry verify deep.json --permutation 1,0")
    assert answer.code == 2
    assert "0 to 1 or one of relu1, relu2" in answer.err


def test_normal_form(shell: Shell) -> None:
    answer = shell("symmetry normal-form f.json")
    assert answer.code == 0
    assert answer.first.startswith("NORMAL FORM sha256:")
    assert len({shell(f"symmetry normal-form {n}.json").first for n in ("f", "g", "copy", "wide")}) == 1
    assert shell("symmetry normal-form moved.json").first != answer.first
    document = shell("symmetry normal-form f.json --json").json
    canonical = json.dumps(document["normal_form"], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    assert answer.first == "NORMAL FORM sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
    assert document["hyperplanes"] == 3
    assert document["minimal_width"] == {"lower": 3, "upper": 3}
    assert document["normal_form"]["hyperplanes"] == [[0, 1, 0], [1, 0, 0], [1, 1, 0]]
    assert shell("symmetry normal-form zero.json --json").json["minimal_width"] == {"lower": 0, "upper": 0}
    deep = shell("symmetry normal-form deep.json")
    assert deep.code == 2
    assert "one hidden layer" in deep.err


def test_align(shell: Shell) -> None:
    answer = shell("symmetry align f.json copy.json --save T.json --certificate c.json")
    assert answer.code == 0
    assert answer.first.startswith("PROVED: f = g")
    assert "T(f) = g, parameter by parameter" in answer.out
    assert shell("check c.json").code == 0
    assert shell("symmetry verify f.json --transformation T.json").code == 0
    document = shell("symmetry align f.json g.json --json").json
    assert document["transformation"] == [{"kind": "flip", "layer": "relu1", "neurons": [0, 1, 2]}]


def test_the_identity_is_a_transformation(shell: Shell) -> None:
    answer = shell("symmetry align f.json f.json --save T.json")
    assert answer.code == 0
    assert json.loads(Path("T.json").read_text()) == []
    answer = shell("symmetry verify f.json --transformation T.json --certificate c.json")
    assert answer.code == 0
    assert shell("check c.json").code == 0
    Path("T.json").write_text("5")
    answer = shell("symmetry verify f.json --transformation T.json")
    assert answer.code == 2
    assert "a list of steps is needed" in answer.err


def test_align_without_a_transformation(shell: Shell) -> None:
    before = files()
    answer = shell("symmetry align f.json moved.json --save T.json")
    assert answer.code == 1
    assert "no transformation" in answer.out
    answer = shell("symmetry align f.json wide.json --save T.json")
    assert answer.code == 3
    assert answer.first.startswith("UNKNOWN")
    assert "f = g is proved" in answer.first
    assert shell("symmetry align f.json wide.json --json").json["status"] == "unknown"
    assert files() == before


def test_align_with_a_flip_that_changes_the_function(shell: Shell) -> None:
    xn.save(xn.symmetry.Flip([0]).apply(MODELS["f"]), "flipped.json")
    document = shell("symmetry align f.json flipped.json --json").json
    assert document["status"] == "refuted"
    assert document["transformation"] == [{"kind": "flip", "layer": "relu1", "neurons": [0]}]


# --- info, check, convert ------------------------------------------------------------------------------------------------


def test_info(shell: Shell) -> None:
    answer = shell("info f.json")
    assert answer.code == 0
    assert answer.first == "Network(2 -> 1: affine, relu, affine)"
    assert hashlib.sha256(Path("f.json").read_bytes()).hexdigest() in answer.out
    document = shell("info f.json --json").json
    assert document["inputs"] == [{"name": "input", "shape": [2]}]
    assert (document["input_dim"], document["output_dim"], document["parameters"]) == (2, 1, 13)
    assert [n["function"] or n["op"] for n in document["nodes"]] == ["input", "affine", "relu", "affine"]
    assert document["hidden_layers"] == [{"layer": 0, "name": "relu1", "function": "relu", "shape": [3]}]
    assert document["piecewise_linear"] is True


@pytest.mark.parametrize(
    ("weight", "numbers"),
    [
        ("1", "float32"),
        (f"1/{2**149}", "float32"),
        (f"1/{2**150}", "float64"),
        (str(1 + Fraction(1, 2**23)), "float32"),
        (str(1 + Fraction(1, 2**24)), "float64"),
        (str(2**128), "float64"),
        (str(1 + Fraction(1, 2**53)), "dyadic"),
        (str(2**1024), "dyadic"),
        (f"1/{2**1075}", "dyadic"),
        ("0.1", "rational"),
    ],
)
def test_the_numbers_of_the_weights(shell: Shell, weight: str, numbers: str) -> None:
    xn.save(xn.mlp([([[weight, 3]], [0])]), "weight.json")
    assert shell("info weight.json --json").json["numbers"]["format"] == numbers


def test_a_rejected_certificate(shell: Shell) -> None:
    shell("equal f.json moved.json --certificate c.json")
    document = json.loads(Path("c.json").read_text())
    document["evidence"]["f"] = [1]
    Path("c.json").write_text(json.dumps(document))
    answer = shell("check c.json")
    assert answer.code == 4
    assert answer.first.startswith("REJECTED: ")
    found = shell("check c.json --json")
    assert found.code == 4
    assert found.json["status"] == "rejected"
    assert found.json["step"]


@pytest.mark.changes_models
def test_a_certificate_for_other_models(shell: Shell) -> None:
    shell("equal f.json g.json --certificate c.json")
    assert shell("check c.json moved.json").code == 4
    Path("g.json").write_bytes(Path("moved.json").read_bytes())
    answer = shell("check c.json")
    assert answer.code == 4
    assert "other networks" in answer.first
    assert hashlib.sha256(Path("g.json").read_bytes()).hexdigest() not in answer.out + answer.err
    Path("c.json").write_text("{}")
    assert shell("check c.json").code == 4


@pytest.mark.changes_models
def test_a_certificate_whose_models_are_gone(shell: Shell) -> None:
    shell("equal f.json g.json --certificate c.json")
    assert shell("check c.json nowhere.json").code == 2
    Path("g.json").rename("elsewhere.json")
    assert shell("check c.json f.json moved.json").code == 4  # the other file is none of its models
    for json_too in ("", " --json"):
        answer = shell(f"check c.json{json_too}")
        assert answer.code == 2
        assert "g.json" in answer.err
        assert "if the file has moved" in answer.err
    assert shell("check c.json elsewhere.json").code == 0


@needs_onnx
def test_convert(shell: Shell) -> None:
    answer = shell("convert f.json f.onnx")
    assert (answer.code, answer.first) == (0, "CONVERTED: f.json to f.onnx, without rounding")
    assert shell("convert f.onnx back.json").code == 0
    assert shell("equal f.json back.json --certificate c.json").code == 0
    assert shell("equal f.onnx f.json").code == 0
    assert shell("info f.onnx --json").json["models"]["f"]["format"] == "onnx"


@needs_onnx
def test_convert_rounds_only_when_asked(shell: Shell) -> None:
    before = files()
    for dtype in ("", " --dtype float32", " --dtype float64"):
        answer = shell(f"convert third.json third.onnx{dtype}")
        assert answer.code == 2
        assert "1/3" in answer.err
        assert "with --rounding" in answer.err
        assert ("or --dtype float64 if" in answer.err) is ("64" not in dtype)
        assert "=" not in answer.err
        assert files() == before
    document = shell("convert third.json third.onnx --dtype float64 --rounding --json").json
    assert document["rounded"] is True
    assert document["dtype"] == "float64"
    assert xn.load("third.onnx")([1]) == (Fraction(1 / 3),)
    assert shell("equal third.json third.onnx").code == 1
    assert shell("convert third.onnx again.onnx --dtype float64").first.endswith("without rounding")


def test_raw_nnet(shell: Shell) -> None:
    text = "// max(x, 0)\n2,1,1,1,\n1,1,1,\n0,\n-9,\n9,\n3,0,\n2,5,\n1,\n0,\n1,\n0,\n"  # mean 3, range 2; outputs times 5
    Path("n.nnet").write_text(text)
    assert shell("equal n.nnet positive.json --raw --certificate c.json").code == 0
    assert shell("check c.json").code == 0
    assert shell("equal n.nnet positive.json").code == 1
    assert shell("info n.nnet --raw --json").json["models"]["f"]["raw"] is True


# --- bad input -----------------------------------------------------------------------------------------------------------

BAD_USAGE = [
    "",
    "nonsense",
    "equal f.json",
    "equal f.json g.json h.json",
    "equal f.json g.json --nonsense",
    "equal f.json g.json --dom 0:1",
    "symmetry",
    "symmetry nonsense f.json",
    "convert f.json f.onnx --dtype float16",
]

BAD_INPUT = [
    ("equal f.json missing.json", "not there"),
    ("equal f.json zero.json", "equal input and output sizes"),
    ("equal f.json .", "folder"),
    ("zero broken.json", "broken.json"),
    ("zero net.pt", "never unpickled"),
    ("zero f.json --domain 1:0", "--domain: LO <= HI"),
    ("zero f.json --domain 0:inf", "inf"),
    ("zero f.json --domain nan:0", "nan"),
    ("zero f.json --domain 0:x", "x"),
    ("zero f.json --domain 1/0:2", "zero"),
    ("zero f.json --domain missing.json", "missing.json"),
    ("zero f.json --domain broken.json", "broken.json"),
    ("zero f.json --domain deepest.json", "nested"),
    ("zero f.json --domain binary.json", "UTF-8"),
    ("zero f.json --domain f.json", '"lower"'),
    ("zero f.json --domain nan.json", "NaN"),
    ("zero f.json --domain twice.json", "each key once"),
    ("zero f.json --domain bool.json", "boolean"),
    ("zero f.json --domain ragged.json", "ragged"),
    ("zero f.json --domain empty.json", "empty"),
    ("zero f.json --domain line3.json", "R^2"),
    ("zero f.json --tolerance -1", "--tolerance: a number >= 0"),
    ("zero f.json --tolerance x", "tolerance"),
    ("zero f.json --time-limit -1", "--time-limit: seconds"),
    ("zero f.json --time-limit soon", "time-limit"),
    ("zero f.json --certificate missing/c.json", "existing folder"),
    ("zero f.json --certificate .", "existing folder"),
    ("zero f.json --certificate f.json", "is an input"),
    ("equal f.json g.json --certificate ./g.json", "is an input"),
    ("symmetry verify f.json", "a transformation is needed"),
    ("symmetry verify f.json --flip 0,0", "once"),
    ("symmetry verify f.json --flip 3", "0 to 2"),
    ("symmetry verify f.json --flip x", "neuron numbers"),
    ("symmetry verify f.json --flip=-1", "neuron numbers"),
    ("symmetry verify f.json --flip 7:0", "relu1"),
    ("symmetry verify f.json --flip layer1:0", "relu1"),
    ("symmetry verify f.json --permutation 0,1", "length"),
    ("symmetry verify f.json --permutation 0,1,1", "once"),
    ("symmetry verify f.json --scaling 1,0,1", "positive"),
    ("symmetry verify f.json --scaling 1,-2,1", "positive"),
    ("symmetry verify f.json --scaling 1,nan,1", "finite"),
    ("symmetry verify f.json --transformation missing.json", "missing.json"),
    ("symmetry verify f.json --transformation f.json", "is needed"),
    ("symmetry verify f.json --transformation list.json", "is needed"),
    ("symmetry verify f.json --transformation extra.json", "is needed"),
    ("symmetry verify f.json --transformation odd.json", "layer"),
    ("symmetry verify zero.json --flip 0 --domain line3.json", "R^1"),
    ("symmetry align f.json g.json --save f.json", "is an input"),
    ("check missing.json", "cannot be read"),
    ("check .", "this is a folder"),
    ("convert f.json f.json", "is an input"),
    ("convert f.json f.txt", "suffix"),
    ("convert f.json missing/f.onnx", "existing folder"),
    ("info f.txt", "f.txt"),
]

BAD_FILES = {
    "broken.json": b'{"format": "exactnn-network", ',
    "net.pt": b"PK\x03\x04",
    "deepest.json": b'{"A": ' + b"[" * 100_000,
    "binary.json": b"\xff\xfe\x00",
    "nan.json": b'{"lower": NaN, "upper": 1}',
    "twice.json": b'{"lower": 0, "lower": 1, "upper": 1}',
    "bool.json": b'{"lower": false, "upper": 1}',
    "ragged.json": b'{"A": [[1, 2], [3]], "b": [0, 0]}',
    "empty.json": b'{"A": [[1, 0], [-1, 0]], "b": [0, -1]}',
    "line3.json": b'{"lower": [0, 0, 0], "upper": 1}',
    "list.json": b"[3]",
    "extra.json": b'{"kind": "flip", "layer": 0, "neurons": [0], "more": 1}',
    "odd.json": b'{"kind": "flip", "layer": [0], "neurons": [0]}',
    "f.txt": b"hello",
}


@pytest.fixture
def bad(shell: Shell) -> Shell:
    for name, content in BAD_FILES.items():
        Path(name).write_bytes(content)
    return shell


@pytest.mark.parametrize("line", BAD_USAGE)
def test_wrong_usage(bad: Shell, line: str) -> None:
    before = files()
    answer = bad(line)
    assert (answer.code, answer.out) == (2, "")
    assert "usage: exactnn" in answer.err
    assert files() == before


@pytest.mark.parametrize(("line", "said"), BAD_INPUT)
def test_bad_input(bad: Shell, line: str, said: str) -> None:
    before = files()
    answer = bad(line)
    assert (answer.code, answer.out) == (2, "")
    message = answer.err.splitlines()[-1]
    assert message.startswith("exactnn: ")
    assert said in message
    assert len(message) < 800
    assert "Traceback" not in answer.err
    assert files() == before
    document = bad(f"{line} --json").json
    assert set(document) == {"status", "error", "message"}
    assert document["status"] == "error"
    assert files() == before


def test_a_long_integer_in_a_domain(bad: Shell) -> None:
    Path("long.json").write_text('{"lower": 0, "upper": ' + "9" * 6000 + "}")
    assert bad("zero zero.json --domain long.json").code == 0


def test_an_unwritable_folder(shell: Shell) -> None:
    os.mkdir("locked")
    os.chmod("locked", 0o500)
    if os.access("locked", os.W_OK):  # a superuser may write anywhere
        pytest.skip("permissions do not bind this user")
    assert shell("zero zero.json --certificate locked/c.json").code == 2
    os.chmod("locked", 0o700)


def test_help_and_version(shell: Shell) -> None:
    assert shell("--version").out.startswith(f"exactnn {xn.__version__}\nPython 3.")
    for command in (
        "",
        "equal",
        "zero",
        "symmetry",
        "symmetry verify",
        "symmetry normal-form",
        "symmetry align",
        "info",
        "check",
        "convert",
        "report",
    ):
        answer = shell(f"{command} --help")
        assert answer.code == 0
        assert "usage: exactnn" in answer.out


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (MemoryError, 3)])
def test_interrupts(shell: Shell, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], code: int) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("exactnn.verify.verify_equal", stop)
    before = files()
    answer = shell("equal f.json g.json --certificate c.json")
    assert (answer.code, answer.out) == (code, "")
    assert "Traceback" not in answer.err
    assert files() == before


# --- as a process --------------------------------------------------------------------------------------------------------


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    search = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": search}
    return subprocess.run([sys.executable, "-m", "exactnn", *arguments], env=environment, text=True, check=False, **options)


def test_as_a_process(shell: Shell) -> None:
    done = process("equal", "f.json", "moved.json", "--certificate", "c.json", capture_output=True)
    assert done.returncode == 1
    assert done.stdout.startswith("REFUTED: ")
    assert "read f.json" in done.stderr
    assert process("check", "c.json", "--quiet", capture_output=True).stdout.startswith("ACCEPTED")
    assert process("zero", "missing.json", capture_output=True).returncode == 2


def test_a_reader_that_leaves(shell: Shell) -> None:
    read, write = os.pipe()
    os.close(read)
    done = process("info", "f.json", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


# --- numbers for people --------------------------------------------------------------------------------------------------


def test_short_numbers() -> None:
    assert short(Fraction(0)) == "0"
    assert short(Fraction(-7, 3)) == "-7/3"
    assert short(Fraction(3, 2**149)) == "3/2^149"
    assert short(Fraction(10**60 + 1, 3**100)) == "about 1940325217482.6328 (61/48 digits)"
    assert short(Fraction(-(10**400), 3)).startswith("about -3.3333333333333333e+399")
    assert short(Fraction(-(10**9000), 7)).startswith("about -1.4285714285714286e+8999 (9001/1 digits)")
    assert len(short(Fraction(3**50000, 2**50000))) < 80


def test_points() -> None:
    assert point_text([Fraction(1, 2), Fraction(0)]) == "(1/2, 0)"
    sparse = [Fraction(0)] * 64
    assert point_text(sparse) == "64 coordinates, all zero"
    sparse[13] = Fraction(-3)
    assert point_text(sparse) == "64 coordinates, all zero but x[13] = -3"
    assert point_text([Fraction(1)] * 64).endswith("x[7] = 1, ... (64 in all)")
