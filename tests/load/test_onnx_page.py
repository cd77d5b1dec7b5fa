"""docs/onnx.md names the operators that are read and those that are refused, each once."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest

from exactnn.load import onnx as loader
from exactnn.load._onnx.reader import FOLDS, OPERATORS
from exactnn.load._onnx.refused import REFUSED, reason

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")
LOGITS = {"Softmax", "LogSoftmax", "Hardmax", "ArgMax"}


def listed(title: str) -> list[str]:
    """The operators in the first column of the table under a title."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_the_page_lists_the_operators_that_are_read() -> None:
    names = listed("Operators that are read")
    assert len(names) == len(set(names))
    assert set(names) == set(OPERATORS)


def test_the_page_lists_the_operators_that_are_refused_with_reasons() -> None:
    names = listed("Operators that are refused")
    assert len(names) == len(set(names))
    assert set(names) == set(REFUSED) | LOGITS
    assert not set(names) & set(OPERATORS)


def test_what_folds_constants_is_an_operator() -> None:
    assert set(FOLDS) <= set(OPERATORS)


@pytest.mark.parametrize("name", sorted({*REFUSED, *(n for n in OPERATORS if "." not in n)}))
def test_the_names_are_those_of_the_standard(name: str) -> None:
    assert onnx.defs.has(name)
    assert not reason("Relu")


def test_the_versions_are_those_of_the_loader() -> None:
    assert f"Operator sets {loader.OLDEST} to {loader.NEWEST}" in PAGE
