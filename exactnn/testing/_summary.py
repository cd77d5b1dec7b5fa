"""The lines of pytest's summary: how many questions were proved, refuted, not decided; the slowest ones; where certificates lie."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import Counter
from pathlib import PurePosixPath

import pytest

from exactnn.testing._running import near

#: the attribute of a report that holds what its test asked and wrote
TOLD = "exactnn"
_SLOWEST, _FILES = 3, 5  # lines
_SLOW = 0.5  # seconds


class Summary:
    """What reports tell, over all tests; a plugin of its own. `folder`: that of --exactnn-certificates."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._counts: Counter[str] = Counter()
        self._slowest: list[tuple[float, str, str, str]] = []
        self._certificates: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test asked; from workers of xdist too."""
        told = getattr(report, TOLD, None)
        if told is None:
            return
        self._certificates += told["certificates"]
        self._counts.update(status for _, status, _ in told["questions"])
        asked = [(seconds, status, report.nodeid, by) for by, status, seconds in told["questions"]]
        self._slowest = heapq.nlargest(_SLOWEST, self._slowest + asked)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """A section, if anything was asked."""
        if not self._counts and not self._certificates:
            return
        terminalreporter.section("exactnn")
        terminalreporter.line("questions: " + ", ".join(f"{self._counts[s]} {s}" for s in ("proved", "refuted", "unknown")))
        slow = [row for row in self._slowest if row[0] >= _SLOW]
        for seconds, status, test, by in slow:
            terminalreporter.line(f"slow: {seconds:.1f} s, {status}: {by} in {test}")
        files = sorted(set(self._certificates))
        for path in files[:_FILES]:
            terminalreporter.line(f"certificate: {near(path)}")
        if len(files) > _FILES:
            terminalreporter.line(f"and {len(files) - _FILES} more certificates" + (f" in {near(self._folder)}" if self._folder else ""))


def folder_name(node: str) -> str:
    """A name for a folder of a test of its own: letters, digits and hyphens, and a digest, since others would become the same.

    Examples
    --------
    >>> folder_name("tests/test_a.py::test_b[../c d]")
    'test_a-test_b-c-d-a5809ede'
    """
    file, _, test = node.partition("::")
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", f"{PurePosixPath(file).stem}-{test}").strip("-")
    return f"{plain[:60]}-{hashlib.sha256(node.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
