"""The pytest plugin: where certificates of failing assertions go, a time limit for those that name none, and a summary of what was asked.

    pytest --exactnn-certificates DIR --exactnn-time-limit SECONDS

It comes with the package (entry point `pytest11`), or by `-p exactnn.testing.plugin`. It imports pytest and nothing else until a test
asks a question, and is silent where none does. It has no assertions for pytest to rewrite (PYTEST_DONT_REWRITE).
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import math
import os
import stat
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from exactnn.testing._running import RunningTest, asked, note_certificate, running
from exactnn.testing._summary import TOLD, Summary, folder_name

_MARKER = "exactnn(time_limit=None): a test of what networks compute; time_limit: seconds for each assertion that names no limit"
_TEST = pytest.StashKey[RunningTest]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options."""
    group = parser.getgroup("exactnn", "exactnn")
    group.addoption(
        "--exactnn-certificates",
        metavar="DIR",
        type=_folder,
        help="write certificates of failing assertions to a folder for each test in DIR (by default exactnn-certificates beside the test)",
    )
    group.addoption(
        "--exactnn-time-limit",
        metavar="S",
        type=_seconds,
        help="seconds for each question of an assertion that names no time limit (inf for no limit)",
    )


def _folder(text: str) -> str:
    """An absolute path; workers of xdist get it as it is."""
    try:
        usable = bool(text) and stat.S_ISDIR(os.stat(text).st_mode)
    except FileNotFoundError:
        usable = bool(text)
    except (OSError, ValueError):  # a file on the way, a null character, too long
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"a folder, or the name of a new one, is needed, got {text!r}")
    return os.path.abspath(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"seconds above 0, or inf for no limit, are needed, got {text!r}")
    return seconds


def pytest_configure(config: pytest.Config) -> None:
    """The marker, and the summary."""
    config.addinivalue_line("markers", _MARKER)
    config.pluginmanager.register(Summary(config.option.exactnn_certificates), "exactnn-summary")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """The assertions know which test runs."""
    folder = item.config.option.exactnn_certificates
    test = RunningTest(item.config.option.exactnn_time_limit, Path(folder, folder_name(item.nodeid)) if folder else None)
    item.stash[_TEST] = test
    with running(test):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The marker's time limit."""
    marker = item.get_closest_marker("exactnn")
    if marker is None:
        return
    limit = marker.kwargs.get("time_limit")
    if marker.args or set(marker.kwargs) - {"time_limit"}:
        pytest.fail(f"marker exactnn: time_limit=SECONDS alone is allowed, got {marker.args or marker.kwargs}", pytrace=False)
    if limit is not None:
        try:
            item.stash[_TEST].time_limit = _seconds(str(limit))
        except argparse.ArgumentTypeError as error:
            pytest.fail(f"marker exactnn: time_limit: {error}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A report tells what was asked and written since the last one; a worker of xdist sends it so to the process with the summary."""
    report = yield
    test = item.stash.get(_TEST, None)
    if test is not None and (test.questions or test.certificates):
        vars(report)[TOLD] = {"questions": test.questions[:], "certificates": test.certificates[:]}
        test.questions.clear()
        test.certificates.clear()
    return report


@pytest.fixture
def certificate_dir(request: pytest.FixtureRequest) -> Path:
    """A folder for certificates of this test alone: below that of --exactnn-certificates, else a temporary one."""
    test = request.node.stash[_TEST]
    folder: Path = test.folder or request.getfixturevalue("tmp_path") / "exactnn-certificates"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        pytest.fail(f"--exactnn-certificates: {folder} cannot be made: {error.strerror}", pytrace=False)
    return folder


@pytest.fixture
def exactnn_ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Ask a question of exactnn: `verdict = exactnn_ask(xn.verify_equal, f, g, domain=box)`.

    The verdict counts in the summary, and is not judged: that is the test's. The time limit is that of the option or the marker, where
    the question takes one and the call names none. With --exactnn-certificates the certificate is written there.
    """
    test, numbers = request.node.stash[_TEST], itertools.count(1)

    def ask(question: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        name = question.__name__
        if test.time_limit is not None and "time_limit" in inspect.signature(question).parameters:
            options.setdefault("time_limit", test.time_limit)
        verdict = asked(name, lambda: question(*arguments, **options))
        if test.folder is not None and verdict.certificate is not None:
            target = request.getfixturevalue("certificate_dir") / f"{name}-{next(numbers)}.json"
            note_certificate(str(verdict.certificate.save(target)))
        return verdict

    return ask
