"""What people meet when something is not as it should be: wrong usage, Ctrl-C, the usual mistakes; and help, completion, progress."""

from __future__ import annotations

import argparse
import ast
import contextlib
import gzip
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exactnn as xn
from exactnn.cli import _main, _progress
from exactnn.cli._words import in_options
from exactnn.errors import CertificateRejected, Incomplete, LoadError
from exactnn.exact import progress
from exactnn.exact.progress import Progress, counted, doing
from exactnn.verify import _decision
from tests.test_cli import ROOT, Shell, shell  # noqa: F401

# --- wrong usage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "usage", "message"),
    [
        ("equal f.json g.json --tolerence 1", "exactnn equal", "--tolerence 1; did you mean --tolerance?"),
        ("symmetry orbits f.json --limit 3", "exactnn symmetry orbits", "no option or argument of this command: --limit 3"),
        ("equl f.json g.json", "exactnn", "did you mean equal?"),
        ("regions cuont f.json", "exactnn regions", "did you mean count?"),
        ("equal f.json", "exactnn equal", "missing: G"),
        ("check", "exactnn check", "missing: CERT;"),
        ("equal f.json g.json more.json", "exactnn equal", "no option or argument of this command: more.json"),
        ("regions count f.json --workers x", "exactnn regions count", "--workers: a whole number is needed, got 'x'"),
        ("regions count f.json --workers", "exactnn regions count", "--workers: a value is needed behind it"),
        ("run-error f.json --dtype int8", "exactnn run-error", "--dtype: one of 'float32'"),
        ("", "exactnn", "missing: COMMAND"),
    ],
)
def test_wrong_usage_is_about_its_command(shell: Shell, line: str, usage: str, message: str) -> None:  # noqa: F811
    answer = shell(line)
    assert (answer.code, answer.out) == (2, "")
    assert re.match(rf"usage: {usage} (\[|FILE|COMMAND)", answer.err)
    last = answer.err.splitlines()[-1]
    assert message in last
    assert last.endswith(f"; {usage} --help tells more")
    document = shell(f"{line} --json").json
    assert (document["status"], document["error"]) == ("error", "UsageError")
    assert message in document["message"]
    assert document["usage"].startswith(f"usage: {usage} ")


def test_the_arguments_of_other_commands_are_unknown(shell: Shell) -> None:  # noqa: F811
    """Each command alone says what it takes: what a prefix of an option would match is refused."""
    assert shell("equal f.json g.json --toler 1").code == 2
    assert shell("info f.json --domain 0:1").code == 2


# --- help, version, completion -------------------------------------------------------------------------------------------


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield parser
    for group in groups:
        for command in group.choices.values():
            yield from _leaves(command)


def test_every_command_has_an_example_that_parses() -> None:
    found = 0
    for command in _leaves(_main.whole_parser()):
        (example,) = re.findall(r"^Example: (exactnn .*)$", command.epilog or "", re.MULTILINE)
        assert example.startswith(f"{command.prog} ")
        words = _main.joined(example.split()[1:])
        assert callable(_main._parser(words).parse_args(words).run)
        found += 1
    assert found >= 23


def test_defaults_that_help_names_are_true() -> None:
    """The numbers in parentheses are those of the library."""
    from exactnn.cli._options import EQUAL_LIMIT
    from exactnn.regions._plot import REGIONS
    from exactnn.verify import deviation

    assert f"after {_decision._CELLS:,} cells or {_decision._SECONDS:.0f} s" in EQUAL_LIMIT
    helps = {command.prog: " ".join(command.format_help().split()) for command in _leaves(_main.whole_parser())}
    assert f"bracket that was found ({deviation._SECONDS:.0f})" in helps["exactnn deviation"]
    assert f"stop beyond N regions ({REGIONS:,})" in helps["exactnn regions plot"]
    for command in _leaves(_main.whole_parser()):
        for action in command._actions:
            default = action.default
            if isinstance(default, str) and default != argparse.SUPPRESS and action.option_strings:
                assert default in (action.help or ""), f"{command.prog} {action.option_strings}: {default} is its default"


def test_versions_without_imports() -> None:
    program = "import sys; from exactnn.cli import main; main(['--version']); print(sorted({'torch', 'z3', 'flint'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert out[0] == f"exactnn {xn.__version__}"
    assert {line.split()[0] for line in out} >= {"exactnn", "Python", "FLINT", "z3", "torch"}
    assert out[-1] == "[]"


@pytest.mark.skipif(importlib.util.find_spec("shtab") is None, reason="needs the extra completion")
def test_completion(shell: Shell) -> None:  # noqa: F811
    answer = shell("--completion bash")
    assert answer.code == 0
    assert "--tolerance" in answer.out
    assert "same-decision" in answer.out


def test_completion_without_its_package(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setitem(sys.modules, "shtab", None)
    answer = shell("--completion bash")
    assert answer.code == 2
    assert "pip install 'exactnn[completion]'" in answer.err


# --- the usual mistakes --------------------------------------------------------------------------------------------------


def test_a_name_with_spaces(shell: Shell) -> None:  # noqa: F811
    Path("my models").mkdir()
    Path("f.json").rename("my models/f.json")
    assert shell("info", "my models/f.json").code == 0
    for line in ("info my models/f.json", "equal my models/f.json g.json", "equal g.json my models/f.json", "zero my models/f.json"):
        answer = shell(line)
        assert answer.code == 2
        assert "the name 'my models/f.json' has spaces: put it in quotes" in answer.err
    assert shell("equal", "my models/f.json", "g.json", "--certificate", "my models/c.json").code == 0
    assert shell("check", "my models/c.json").code == 0


def test_a_state_dict(shell: Shell) -> None:  # noqa: F811
    Path("net.pt").write_bytes(b"PK\x03\x04 anything")
    answer = shell("info net.pt")
    assert answer.code == 2
    assert "never unpickled" in answer.err
    assert "module.load_state_dict(torch.load(FILE, weights_only=True))" in answer.err
    assert "xn.save(xn.from_torch(module, input_shape), 'model.json')" in answer.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("info .", "this is a folder"),
        ("info nowhere.onnx", "this is not there"),
        ("info notes.txt", "the suffix .onnx, .onnx.gz, .nnet or .json is needed"),
        ("info empty.onnx", "empty"),
        ("info c.json", "exactnn check"),
        ("equal f.json zero.json", "equal input and output sizes"),
        ("deviation f.json g.json", "--domain: a bounded domain is needed, such as --domain -1:1"),
        ("equal f.json g.json --domain 1:-1", "LO <= HI"),
        ("equal f.json g.json --time-limit -1", "--time-limit: seconds >= 0 is needed, got -1"),
        ("regions count f.json --max-regions -1", "--max-regions: a number >= 0 is needed"),
        ("regions plot zero5.json --output p.png", "take a slice by --slice FILE"),
    ],
)
def test_usual_mistakes(shell: Shell, line: str, message: str) -> None:  # noqa: F811
    Path("notes.txt").write_text("no model")
    Path("empty.onnx").write_bytes(b"")
    xn.verify_equal(xn.load("f.json"), xn.load("g.json")).certificate.save("c.json")
    xn.save(xn.mlp([([[1] * 5], [0]), ([[1]], [0])]), "zero5.json")
    answer = shell(line)
    assert answer.code in (2, 4)
    assert message in answer.err + answer.out


#: what people give to `check` in the place of a certificate: name, content, words
NO_CERTIFICATES: dict[str, tuple[bytes | None, str]] = {
    "f.json": (None, "is a model (an exact network)"),
    "f.onnx": (None, "is a model (an ONNX protobuf)"),
    "f.onnx.gz": (None, "is a model (an ONNX protobuf)"),
    "f.nnet": (None, "is a model (NNET text)"),
    "odd.onnx": (b"\x12\x03abc", "is a model (an ONNX protobuf)"),
    "net.pt": (b"PK\x03\x04 anything", "is a model (a pickle, or a zip archive as torch.save writes it)"),
    "net.h5": (b"\x89HDF\r\n", "is a model (an HDF5 file)"),
    "lfs.json": (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    "form.json": (None, "is a file of the format exactnn-tropical"),
    "nowhere.json": (None, "cannot be read: No such file"),
    "folder": (None, "is a folder; name one of the files in it"),
}


@pytest.mark.parametrize("name", NO_CERTIFICATES)
def test_what_is_no_certificate_is_not_rejected(shell: Shell, name: str) -> None:  # noqa: F811
    """It is wrong usage; a certificate that is damaged is rejected still."""
    content, words = NO_CERTIFICATES[name]
    if content is not None:
        Path(name).write_bytes(content)
    elif "onnx" in name:
        pytest.importorskip("onnx")
        xn.save(xn.load("f.json"), "f.onnx")
        Path("f.onnx.gz").write_bytes(gzip.compress(Path("f.onnx").read_bytes()))
    elif name == "f.nnet":
        xn.save(xn.load("f.json"), name)
    elif name == "form.json":
        xn.tropical.extract(xn.load("f.json")).export(name)
    elif name == "folder":
        Path(name).mkdir()
    answer = shell(f"check {name}")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"exactnn: {name}: a certificate is needed, but this {words}")
    if "is a model" in words:
        assert answer.err.endswith("exactnn info tells what is in a model; a certificate comes with an answer: --certificate OUT.json\n")
    assert shell(f"check {name} --json").json["error"] == "LoadError"
    with pytest.raises(LoadError, match=re.escape(f"a certificate is needed, but this {words}")):
        xn.check(name)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"no JSON at all",
        b'{"format": "another", "models": {"f": {"inline": {"format": "exactnn-network"}}}}',
        b'{"format": "exactnn-certificate"}',
        gzip.compress(b"{}", mtime=0)[:-9],
        gzip.compress(b"x", mtime=0),
        b"\x1f\x8b?",
    ],
)
def test_a_damaged_certificate_is_rejected(shell: Shell, content: bytes) -> None:  # noqa: F811
    Path("c.json").write_bytes(content)
    assert (shell("check c.json").code, shell("check c.json").first[:9]) == (4, "REJECTED:")
    with pytest.raises(CertificateRejected):
        xn.check("c.json")


@pytest.mark.skipif(importlib.util.find_spec("onnx") is None, reason="needs the extra onnx")
def test_softmax_at_the_end(shell: Shell) -> None:  # noqa: F811
    from onnx import TensorProto, helper, save

    graph = helper.make_graph(
        [helper.make_node("Softmax", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), "soft.onnx")
    answer = shell("info soft.onnx")
    assert answer.code == 2
    assert "logits" in answer.err
    assert "Softmax" in answer.err


# --- messages of the library ---------------------------------------------------------------------------------------------

#: what would be Python in a message of the command line
_PYTHON = re.compile(
    r"\bNone\b|exactnn\.[a-z_]+\.|\bxn\.|=True|=False|verify_[a-z]|max_deviation|time_limit|max_regions|from_torch|input_dim"
)
#: rooms and modules whose messages no command meets: torch modules in Python, pictures' and polynomials' own arguments
_ELSEWHERE = ("certificate", "testing", "nn", "cli", "floats")
#: messages that only Python's callers meet: wrong types of arguments, which the command line makes itself
_TYPES = re.compile(
    r"(net|network|models|executor|domain|ax|axes|window|form|mode|widths|checkpoint|data|how|interval|digits|ignore_label|first_layer|"
    r"max_regions|max_changes|r|inner|activation|time_limit|layers|): "
)


def _messages() -> Iterator[tuple[str, str]]:
    """Every text that an error of the package is made of, with its place."""
    for path in sorted((ROOT / "exactnn").rglob("*.py")):
        if path.relative_to(ROOT / "exactnn").parts[0] in _ELSEWHERE or "torch" in path.name:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                for argument in node.exc.args[:1]:
                    parts = [c.value if isinstance(c, ast.Constant) else "X" for c in _leaf_texts(argument)]
                    yield f"{path.name}:{node.lineno}", "".join(map(str, parts))


def _leaf_texts(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.JoinedStr):
        return [leaf for value in node.values for leaf in _leaf_texts(value)]
    if isinstance(node, ast.BinOp):
        return [*_leaf_texts(node.left), *_leaf_texts(node.right)]
    return [node]


def test_messages_name_options_and_not_python() -> None:
    left = {
        place: told
        for place, message in _messages()
        if _PYTHON.search(told := in_options(message)) and not (_TYPES.match(message) and "a Network" in message)
    }
    known = {place: text for place, text in left.items() if re.search(_ONLY_PYTHON, text)}
    assert {place: text for place, text in left.items() if place not in known} == {}


#: what no command line can bring about, by words of the message
_ONLY_PYTHON = "|".join(
    (
        r"a Network is needed",
        r"a Box, a Polyhedron or None",
        r"list of paths of model files",
        r"matplotlib Axes",
        r"^title: a text or None",
        r"^boundary: True, False or None",
        r"a Box or None",
        r"needs the package",
        r"its own; give it to fibre",
        r"False is needed with first_layer",
        r"a pair \(lower, upper\)",
        r"got None",
        r"or None, (is|are) needed",
        r"of a torch module",
        r"from_torch",
        r"keyword only",
        r"an integer or None",
    )
)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("time_limit: seconds >= 0, or None for no limit, is needed, got -1", "--time-limit: seconds >= 0 is needed, got -1"),
        ("x.json: max_regions: there are more than 3 regions", "x.json: --max-regions: there are more than 3 regions"),
        ("basis: power is needed", "--basis: power is needed"),
        ("a.json: 'r': basis: power is needed", "a.json: 'r': basis: power is needed"),
        ("--checkpoint: a file is needed", "--checkpoint: a file is needed"),
        ("20000 cells; give a time_limit for a longer search", "20000 cells; --time-limit SECONDS makes the search longer"),
        ("a smaller one (exactnn.regions.restrict)", "a smaller one (--slice FILE)"),
        ("ask verify_equal, verify_symmetry, or symmetry.align", "ask exactnn equal, exactnn symmetry verify, or exactnn symmetry align"),
    ],
)
def test_words(message: str, told: str) -> None:
    assert in_options(message) == told


def test_a_reason_in_the_words_of_the_command_line(shell: Shell) -> None:  # noqa: F811
    answer = shell("regions count deep.json --max-regions 1")
    assert answer.code == 3
    assert "--max-regions: there are more than 1 regions" in answer.first
    assert "--max-regions" in shell("regions count deep.json --max-regions 1 --json").json["reason"]


# --- progress and Ctrl-C -------------------------------------------------------------------------------------------------


def _slow(*_: Any, **__: Any) -> xn.Verdict:
    with doing("comparing"):
        for k in counted("parts", range(40), unit="parts"):
            if k == 3:
                time.sleep(0.4)
    return xn.Verdict("unknown", "f = g", "not asked")


def test_progress_is_told_unless_quiet(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("exactnn.verify.verify_equal", _slow)
    monkeypatch.setattr(_progress, "_FIRST", 0.05)
    monkeypatch.setattr(_progress, "_PAUSE", 0.1)
    lines = [line for line in shell("equal f.json g.json").err.splitlines() if "comparing" in line]
    assert 1 <= len(lines) <= 6
    assert any(re.fullmatch(r"\d+ s: comparing, parts: 3 of 40 parts", line) for line in lines)
    assert shell("equal f.json g.json --quiet").err == ""


def test_between_steps_the_command_is_named_and_what_is_behind(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def slow(*_: Any, **__: Any) -> Any:
        time.sleep(0.3)
        raise Incomplete("enough")

    monkeypatch.setattr("exactnn.verify.verify_equal", slow)
    monkeypatch.setattr(_progress, "_FIRST", 0.05)
    monkeypatch.setattr(_progress, "_PAUSE", 0.1)
    assert re.search(r"^\d s: equal, after reading g\.json$", shell("equal f.json g.json").err, re.MULTILINE)


def test_each_long_step_has_a_name(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Every step that a command goes through is told to whoever asks."""
    seen: list[str] = []
    real = progress.Step.__enter__

    def enter(step: progress.Step) -> Any:
        seen.append(step.what)
        return real(step)

    monkeypatch.setattr(progress.Step, "__enter__", enter)
    for line, words in {
        "regions count f.json --certificate c.json": ["finding regions", "finding regions, with a proof of each"],
        "check c.json": ["checking c.json"],
        "convert f.json h.json": ["writing h.json"],
        "symmetry normal-form f.json": ["the least width"],
        "symmetry orbits f.json": ["sets of neurons that can be flipped"],
        "deviation f.json g.json --domain -1:1": ["neurons of g in the order of those of f", "how far apart f and g are"],
    }.items():
        seen.clear()
        assert shell(line).code == 0
        assert set(words) <= set(seen), line


def test_short_work_is_silent(shell: Shell) -> None:  # noqa: F811
    err = shell("equal f.json g.json").err
    assert not re.search(r"^\d+ s: ", err, re.MULTILINE)


def _interrupted(*_: Any, **__: Any) -> None:
    with doing("comparing"), Progress("parts", total=40, unit="parts") as parts:
        parts.update(3)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ("", "nothing is kept; with --checkpoint FILE the work is"),
        ("--domain 0:1 --tolerance 1 --checkpoint part", "nothing is kept in part yet"),
    ],
)
def test_ctrl_c_says_what_was_reached(shell: Shell, monkeypatch: pytest.MonkeyPatch, options: str, kept: str) -> None:  # noqa: F811
    monkeypatch.setattr("exactnn.verify.verify_equal", _interrupted)
    before = signal.getsignal(signal.SIGINT)
    for quiet in ("", " --quiet"):
        answer = shell(f"equal f.json g.json {options}{quiet}")
        assert (answer.code, answer.out) == (130, "")
        last = answer.err.splitlines()[-1]
        assert re.match(r"exactnn: interrupted after [\d.]+ s, comparing, parts: 3 of 40 parts; ", last)
        assert kept in last
    document = shell(f"equal f.json g.json {options} --json").json
    assert (document["status"], document["reached"]) == ("interrupted", "comparing, parts: 3 of 40 parts")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_long_question_as_a_process(tmp_path: Path) -> None:
    """Two functions that no cheap method tells apart: the process says what it does, and ends at SIGINT with where it was."""
    rng = np.random.default_rng(0)
    layers = [
        (rng.standard_normal((b, a)).astype(np.float32), rng.standard_normal(b).astype(np.float32)) for a, b in pairwise([6, 24, 24, 24, 2])
    ]
    xn.save(xn.mlp(layers), tmp_path / "f.json")
    xn.save(xn.mlp([*layers[:-1], (layers[-1][0] + np.float32(2**-20), layers[-1][1])]), tmp_path / "g.json")
    command = [sys.executable, "-m", "exactnn", "same-decision", "f.json", "g.json", "--domain=-1:1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if re.match(r"\d+ s: [a-z]", line):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert (process.returncode, out) == (130, "")
    assert re.match(r"exactnn: interrupted after [\d.]+ s[,;] ", err.splitlines()[-1])  # between two steps there is none
    assert "Traceback" not in err


def test_json_of_an_interrupt_before_any_work(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_main, "_parser", stop)
    answer = shell("equal f.json g.json --json")
    assert answer.code == 130
    assert json.loads(answer.out)["status"] == "interrupted"
