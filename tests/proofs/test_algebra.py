"""What computer algebra and z3 prove: every statement is proved, and refuted where one of its constants is wrong."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from proofs.__main__ import NAMES
from proofs._prover import Theorem, theorems

ALL = [pytest.param(item, id=f"{name}-{item.name}") for name in NAMES for item in theorems(importlib.import_module(f"proofs.{name}"))]
WRONG = [
    pytest.param(item, {key: value}, id=f"{name}-{item.name}-{key}")
    for name in NAMES
    for item in theorems(importlib.import_module(f"proofs.{name}"))
    for key, value in item.wrong.items()
]


@pytest.mark.parametrize("item", ALL)
def test_the_statement_is_proved(item: Theorem) -> None:
    assert item.holds()


@pytest.mark.parametrize(("item", "constants"), WRONG)
def test_with_a_wrong_constant_it_is_refuted(item: Theorem, constants: dict[str, Any]) -> None:
    assert not item.holds(**constants)
