"""Clocks, peak memory, processes of their own, and the table. Standard library only."""

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
CHECKER = ROOT / "exactnn" / "certificate"


class Row(NamedTuple):
    """One line: what was measured, its seconds, the named baseline's seconds, and how they compare."""

    what: str
    seconds: float
    baseline: str = ""
    baseline_seconds: float | None = None
    gave_up: bool = False

    def cells(self) -> tuple[str, ...]:
        """The texts of its columns."""
        if self.baseline_seconds is None:
            return self.what, clock(self.seconds), self.baseline, "", ""
        ratio = self.baseline_seconds / self.seconds
        words = (
            f"{ratio:,.0f} times faster" if ratio >= 10 else f"{ratio:.1f} times faster" if ratio >= 1 else f"{1 / ratio:.1f} times slower"
        )
        prefix = "more than " if self.gave_up else ""
        return self.what, clock(self.seconds), self.baseline, ("> " if self.gave_up else "") + clock(self.baseline_seconds), prefix + words


def clock(seconds: float) -> str:
    if seconds >= 0.1:
        return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.0f} us"


def table(rows: Sequence[Row]) -> str:
    """The rows under each other, columns aligned."""
    cells = [("", "exactnn", "baseline", "its time", "exactnn is"), *(r.cells() for r in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(5)]
    return "\n".join("  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """The result, and the seconds it took on the wall clock."""
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def best(function: Callable[[], T], times: int = 3) -> tuple[T, float]:
    """The result, and the least of a few timings."""
    runs = [timed(function) for _ in range(times)]
    return runs[0][0], min(seconds for _, seconds in runs)


def peak() -> float:
    """The most memory that this process has held at once, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most / 1e3


def checked(verdict: Any, target: Path) -> float:
    """The seconds of the standalone checker in a process of its own."""
    assert verdict.certificate is not None
    verdict.certificate.save(target)
    command = [sys.executable, "-I", "-S", str(CHECKER), str(target)]
    done, seconds = timed(lambda: subprocess.run(command, capture_output=True, text=True, check=False))
    assert done.returncode == 0, done.stdout
    return seconds


def run_alone(module: str, *, quick: bool) -> tuple[str, list[str], list[list[Any]]]:
    """`module.run(quick)` in a process of its own: title, notes, rows."""
    command = [sys.executable, "-m", "benchmarks.measure", module, str(int(quick))]
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True)
    title, notes, rows = json.loads(done.stdout)
    return title, notes, rows


if __name__ == "__main__":
    answer = importlib.import_module(sys.argv[1]).run(quick=sys.argv[2] == "1")
    json.dump(answer, sys.stdout)
