"""What the runner of a test tells the assertions, and what they tell it. Without a runner nothing is told and nothing is kept."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from exactnn.errors import ArgumentError

if TYPE_CHECKING:
    from exactnn.verdict import Verdict

V = TypeVar("V", bound="Verdict")


@dataclass(eq=False)
class RunningTest:
    """The test that runs.

    Attributes
    ----------
    time_limit : seconds for each question of an assertion that names no limit; None for what the assertion takes
    folder : where certificates of failures go; None for where they go without a runner
    questions : what was asked and not yet reported: the assertion, the status of the verdict, seconds
    certificates : the files that were written and not yet reported
    """

    time_limit: float | None = None
    folder: Path | None = None
    questions: list[tuple[str, str, float]] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)


_tests: list[RunningTest] = []  # the last one runs: a test may run pytest itself


@contextlib.contextmanager
def running(test: RunningTest) -> Iterator[RunningTest]:
    """Inside, it is the test that runs."""
    _tests.append(test)
    try:
        yield test
    finally:
        _tests.pop()


def running_test() -> RunningTest | None:
    """The test that runs, if a runner has said so."""
    return _tests[-1] if _tests else None


def asked(by: str, question: Callable[[], V]) -> V:
    """The verdict, of which the runner knows then."""
    start = time.monotonic()
    verdict = question()
    if not hasattr(verdict, "status"):
        raise ArgumentError(f"question: one that is answered by a verdict is needed, as verify_equal is; {by} returned {verdict!r}")
    note_question(by, verdict.status, time.monotonic() - start)
    return verdict


def note_question(by: str, status: str, seconds: float) -> None:
    """Let the runner know of an answer."""
    if _tests:
        _tests[-1].questions.append((by, status, seconds))


def note_certificate(path: str) -> None:
    """Let the runner know of a file."""
    if _tests:
        _tests[-1].certificates.append(path)


def limit_or_default(given: Any, without: Any = None) -> Any:
    """The time limit that was given; else that of the runner; else `without`."""
    if given is not None:
        return given
    return _tests[-1].time_limit if _tests and _tests[-1].time_limit is not None else without


def near(path: str) -> str:
    """Relative to the current folder, if it lies there."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the folder is gone, another drive
        return path
    return path if relative.startswith("..") else relative
