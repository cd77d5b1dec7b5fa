"""Steps under way, in words: nested, counted, gone when they end, also by an error."""

from __future__ import annotations

import io
import sys

import pytest

from exactnn.exact.progress import Progress, counted, doing, ended, reached, refreshed


def test_steps_are_nested_and_counted() -> None:
    seen = []
    with doing("comparing"):
        for item in counted("points", [5, 6, 7], unit="points"):
            seen.append((item, reached()))
        assert reached() == "comparing"
    assert seen == [(item, f"comparing, points: {k} of 3 points") for k, item in enumerate((5, 6, 7))]
    assert reached() == ""


def test_a_decorator_and_recursion() -> None:
    @doing("counting down")
    def count(n: int) -> str:
        return count(n - 1) if n else reached()

    assert count(3) == "counting down"
    assert reached() == ""


def test_a_count_without_an_end_and_a_note() -> None:
    with Progress("cells", unit="cells") as cells:
        cells.update(4)
        cells.tell("0.1 <= maximum")
        assert reached() == "cells: 4 cells (0.1 <= maximum)"


def test_what_ended_last() -> None:
    with doing("first"), counted_steps():
        pass
    assert ended() == "first"
    with doing("second"):
        assert ended() == "first"


def counted_steps() -> Progress:
    return Progress("", unit="steps")


def test_errors_end_steps() -> None:
    def loop() -> None:
        for _ in counted("steps", range(3)):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop()
    assert reached() == ""
    with pytest.raises(ZeroDivisionError), doing("a step"):
        raise ZeroDivisionError
    assert reached() == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bars_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, drawn in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress("cells", total=7, unit="cells") as cells:
            cells.update(3)
            assert refreshed() is drawn
        assert ("3/7" in stream.getvalue()) is drawn
        assert refreshed() is False
