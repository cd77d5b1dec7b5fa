"""The published JSON Schema: every command is in it, it is strict, and another validator reads it in the same way.

What the commands print is compared with it wherever a test of the command line asks for JSON (tests/test_cli.py, `Shell`).
"""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from typing import Any

import pytest

from exactnn.cli import _main
from tests._schema import SCHEMA, problems
from tests.test_cli import Shell, shell  # noqa: F401


def documents(shell: Shell) -> list[dict[str, Any]]:  # noqa: F811
    lines = (
        "equal f.json g.json",
        "equal f.json moved.json",
        "equal f.json nowhere.json",
        "equal f.json",
        "regions count deep.json --max-regions 1",
        "info f.json",
        "symmetry normal-form f.json",
        "report f.json g.json --domain -1:1",
        "deviation f.json moved.json --domain -1:1",
    )
    return [shell(f"{line} --json").json for line in lines]


def test_it_is_part_of_the_package() -> None:
    assert json.loads(files("exactnn.cli").joinpath("output.schema.json").read_text()) == SCHEMA


def test_every_command_is_in_it() -> None:
    stated = {entry["properties"].get("command", {}).get("const") for entry in SCHEMA["$defs"].values() if "properties" in entry}
    named = {f"{name} {one}" for name, (_, *rest) in _main._COMMANDS.items() if isinstance(rest[0], dict) for one in rest[0]}
    named |= {name for name, (_, *rest) in _main._COMMANDS.items() if not isinstance(rest[0], dict)}
    assert named - stated == set()


def _mutants(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for key in document:
        for value in ("no", 7, None, [], {"x": 1}):
            found.append({**document, key: value})
        found.append({k: v for k, v in document.items() if k != key})
    return [*found, {**document, "more": 1}]


def test_it_is_strict(shell: Shell) -> None:  # noqa: F811
    for document in documents(shell):
        assert problems(document) == []
        assert problems({**document, "more": 1}) != []
        bare = copy.deepcopy(document)
        del bare["status"]
        assert problems(bare) != []


def test_another_validator_agrees(shell: Shell) -> None:  # noqa: F811
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    seen = {True: 0, False: 0}
    for document in documents(shell):
        for one in (document, *_mutants(document)):
            valid = validator.is_valid(one)
            assert valid is (not problems(one))
            seen[valid] += 1
    assert min(seen.values()) > 20
