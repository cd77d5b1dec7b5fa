"""Every option of every command with what it cannot take: an exit code, a sentence or an answer, JSON of the schema; no traceback."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

import exactnn as xn
from exactnn.cli import _main
from tests._schema import problems
from tests.test_cli import Shell, shell  # noqa: F401
from tests.test_cli_usage import _leaves

pytestmark = pytest.mark.slow

#: words that each command is content with; f.json and its like are made by `shell`
WORDS = {
    "equal": "f.json g.json",
    "zero": "f.json",
    "deviation": "f.json moved.json --domain -1:1",
    "same-decision": "f.json g.json --domain -1:1",
    "run-error": "f.json --domain -1:1",
    "symmetry verify": "f.json --flip 0,1,2",
    "symmetry normal-form": "f.json",
    "symmetry align": "f.json copy.json",
    "symmetry orbits": "f.json",
    "symmetry fibre": "f.json",
    "symmetry find": "f.json g.json",
    "symmetry search-zero": "1 2 1",
    "regions count": "f.json",
    "regions list": "f.json --output o.jsonl",
    "regions plot": "f.json --output o.png",
    "tropical": "f.json",
    "poles": "--numerator 0,1 --denominator 1,0,1",
    "calibrate": "l.npy y.npy",
    "cooling identities": "",
    "cooling check": "f.json data.csv --identity I12",
    "report": "f.json",
    "info": "f.json",
    "check": "c.json",
    "convert": "f.json out.json",
}
#: values of any option: no numbers, numbers out of range, files that are not there, are folders, damaged, of another kind, an input
VALUES = ("", "x", "-1", "0", "1e400", "1/0", "nan", "inf", "1:-1", "1,,2", "99999999999999999999", "nowhere/x.json", "folder", "junk.json")
FILES = {
    "junk.json": b"\x00\xff{",
    "deep.json": b"[" * 100_000,
    "list.json": b"[1, 2]",
    "empty.csv": b"",
    "text.csv": b"a,b\n1,2\n",
    "cut.npy": b"\x93NUM",
}


@pytest.fixture
def folder(shell: Shell) -> Shell:  # noqa: F811
    rng = np.random.default_rng(0)
    np.save("l.npy", rng.standard_normal((30, 3)))
    np.save("y.npy", rng.integers(0, 3, 30))
    Path("data.csv").write_text("1,2,0\n0,1,0\n")
    xn.verify_equal(xn.load("f.json"), xn.load("g.json")).certificate.save("c.json")
    Path("folder").mkdir()
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    return shell


def wrong_lines() -> dict[str, list[list[str]]]:
    """Lines of each command, by its words."""
    lines = {}
    for command in _leaves(_main.whole_parser()):
        name = command.prog.removeprefix("exactnn ")
        base = WORDS[name].split()
        lines[name] = [[*name.split(), *base, "--nonsense"], [*name.split(), *base, "one.json", "more.json", "than.json", "allowed.json"]]
        for action in command._actions:
            if not action.option_strings or isinstance(action, argparse._HelpAction):
                continue
            option = action.option_strings[-1]
            values = VALUES if action.nargs != 0 else ("x",)
            more = tuple(FILES) if option in ("--domain", "--slice", "--at", "--transformation", "--checkpoint") else ()
            kept = [w for i, w in enumerate(base) if w != option and (i == 0 or base[i - 1] != option)]
            lines[name] += [[*name.split(), *kept, f"{option}={value}"] for value in (*values, *more)]
    return lines


LINES = wrong_lines()


@pytest.mark.parametrize("command", LINES)
def test_nothing_is_a_traceback(folder: Shell, command: str) -> None:
    left = {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    codes = set()
    for words in LINES[command]:
        limited = command not in (
            "poles",
            "calibrate",
            "cooling identities",
            "info",
            "check",
            "convert",
            "symmetry normal-form",
            "symmetry align",
        )
        limit = ["--time-limit", "2"] if limited and not any(w.startswith("--time-limit") for w in words) else []
        answer = folder("", *words, *limit, "--json")
        codes.add(answer.code)
        assert answer.code in (0, 1, 2, 3, 4), words
        assert "Traceback" not in answer.err
        if answer.code == 2:
            document = json.loads(answer.out)
            assert problems(document) == []
            assert document["status"] == "error"
            assert 10 < len(document["message"]) < 800, words
            assert answer.err.rstrip().endswith(document["message"].splitlines()[-1]), words
        for name, content in left.items():  # what an option names is written to
            if any(word.endswith(f"={name}") for word in words):
                Path(name).write_bytes(content)
            assert Path(name).read_bytes() == content, words
    assert 2 in codes


def test_every_command_is_here() -> None:
    assert set(LINES) == set(WORDS)
    assert sum(map(len, LINES.values())) > 1000
