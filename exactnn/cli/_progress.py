"""While a command runs: what it is doing and how far it is, told on stderr; and what Ctrl-C leaves behind."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from exactnn.cli._outcome import INTERRUPTED, Outcome, line
from exactnn.exact.progress import ended, reached, refreshed

#: seconds until the first line, and between two of them; a bar on a terminal is drawn anew as often as `_TICK` says
_FIRST, _PAUSE, _TICK = 5.0, 10.0, 1.0


class Watch:
    """A command at work: since when, and where it was when it was interrupted."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._start = time.monotonic()
        self._left = ""
        self._before = ended()

    def interrupt(self, number: int, frame: Any) -> None:
        """For the signal: where the work is, before its steps are left."""
        self._left = reached()
        signal.default_int_handler(number, frame)

    def told(self) -> str:
        """A line about the work; between two steps the command, and the step that is behind it."""
        last = ended()
        behind = f", after {last}" if last != self._before else ""
        return f"{self._elapsed():.0f} s: {line(reached() or f'{self._options.command}{behind}')}"

    def interrupted(self) -> Outcome:
        """What Ctrl-C prints."""
        where = f", {line(self._left)}" if self._left else ""
        message = f"interrupted after {self._elapsed():.1f} s{where}; {self._kept()}"
        document = {"status": "interrupted", "command": self._options.command, "message": message, "reached": self._left or None}
        return Outcome(INTERRUPTED, "", document)

    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    def _kept(self) -> str:
        """What is left to go on from."""
        checkpoint, folder = (getattr(self._options, name, "") for name in ("checkpoint", "save"))
        if checkpoint:
            if os.path.exists(checkpoint):
                return f"what is done is kept in {line(checkpoint)}, and the same command goes on from it"
            return f"nothing is kept in {line(checkpoint)} yet"
        if folder and os.path.isdir(folder):
            return f"what was found until then is in {line(folder)}"
        if checkpoint is None:
            return "nothing is kept; with --checkpoint FILE the work is, where it is done in parts, and the same command goes on from it"
        more = "; with --time-limit SECONDS it ends with what is known by then" if hasattr(self._options, "time_limit") else ""
        return f"nothing is kept{more}"


@contextlib.contextmanager
def watched(options: argparse.Namespace) -> Iterator[Watch]:
    """Tell how far the work is, unless --quiet; and remember it at Ctrl-C."""
    watch = Watch(options)
    here = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if here else None
    listens = before is signal.default_int_handler  # not where the caller has its own, or ignores it
    over = threading.Event()
    teller = threading.Thread(target=_tell, args=(watch, over), daemon=True)
    try:
        if listens:
            signal.signal(signal.SIGINT, watch.interrupt)
        if not options.quiet:
            teller.start()
        yield watch
    finally:
        over.set()
        if listens:
            signal.signal(signal.SIGINT, before)
        if teller.is_alive():
            teller.join()


def _tell(watch: Watch, over: threading.Event) -> None:
    """A line now and then, or the bar of a terminal drawn anew."""
    following = time.monotonic() + _FIRST
    while not over.wait(min(_TICK, _FIRST)):
        if refreshed() or time.monotonic() < following:
            continue
        following = time.monotonic() + _PAUSE
        with contextlib.suppress(OSError, AttributeError, ValueError):  # stderr is closed, or not there at all
            print(watch.told(), file=sys.stderr, flush=True)
