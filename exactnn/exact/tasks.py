"""Long work in tasks: on an executor or in this process, and a file of finished tasks that survives a kill.

The file is text: one line that names the question, then one line for each finished task with a checksum, each written at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from pathlib import Path
from typing import Any

from exactnn.errors import ArgumentError, Incomplete, LoadError, SaveError
from exactnn.exact.clock import Clock
from exactnn.exact.executors import ended_abruptly, submit
from exactnn.exact.files import is_begun, write_text


def deadline_of(clock: Clock) -> float | None:
    """When the clock ends as a `time.time()`, for tasks that wait for their turn; None without a limit."""
    return None if clock.limit is None else time.time() + clock.left()


def clock_until(end: float | None) -> Clock:
    """The clock of a task with this deadline."""
    return Clock(None if end is None else max(end - time.time(), 0.0))


def finished(
    work: Callable[..., Any], tasks: Mapping[int, tuple[Any, ...]], executor: Executor | None, clock: Clock
) -> Generator[tuple[int, Any], None, None]:
    """(task, work(*its arguments)) in the order in which they are finished; close it to cancel the others.

    work : gives None once its deadline, which is among its arguments, has passed
    """
    late = f"the time limit of {clock.limit} s was reached"
    if executor is None:
        for number, arguments in tasks.items():
            result = work(*arguments)
            if result is None:
                raise Incomplete(late)
            yield number, result
        return
    running: dict[Future[Any], int] = {}
    try:
        for number, arguments in tasks.items():
            running[submit(executor, work, *arguments)] = number
        while running:
            done, _ = wait(running, timeout=min(1.0, max(clock.left(), 0.0)), return_when=FIRST_COMPLETED)
            failures: list[BaseException] = []
            for future in done:  # a failure must not lose what was finished at the same time
                number, error = running.pop(future), future.exception()
                if error is not None:
                    failures.append(error)
                elif (result := future.result()) is None:
                    failures.append(Incomplete(late))
                else:
                    yield number, result
            if failures:
                raise failures[0]
            if running and clock.left() <= 0:
                raise Incomplete(late)
    except BrokenExecutor as error:
        raise Incomplete(ended_abruptly(error)) from error
    finally:
        for future in running:
            future.cancel()


class TaskFile:
    """The file of finished tasks of one question.

    Parameters
    ----------
    path : of the file; it is made if there is none
    kind, version, question : what the file must say of itself

    Attributes
    ----------
    done : the results of the tasks that are in it

    Raises
    ------
    LoadError
        The file is of another question or damaged; it is left as it is. A last line that was cut off is ignored.
    SaveError
    """

    def __init__(self, path: str | os.PathLike[str], kind: str, version: int, question: str) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise ArgumentError(f"checkpoint: the path of a file, or None, is needed, got {type(path).__name__}")
        self.path = Path(path)
        self.question = question
        self.head = {"format": kind, "version": version, "question": question}
        self.done: dict[int, Any] = {}
        if is_begun(self.path, "checkpoint"):
            self._read()
        else:
            self._write_new()

    def _write_new(self) -> None:
        try:
            write_text(self.path, json.dumps(self.head) + "\n")
        except SaveError as error:
            raise SaveError(f"checkpoint: a file that can be written is needed: {error}") from None

    def _read(self) -> None:
        shown = repr(os.fspath(self.path))
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise LoadError(f"checkpoint: {shown} cannot be read: {error}; name another file") from None
        *whole, rest = data.split(b"\n")
        try:
            head, *entries = [json.loads(line) for line in whole]
        except (ValueError, RecursionError):
            raise LoadError(
                f"checkpoint: {shown} is damaged or no checkpoint of exactnn; it was left as it is: name another file"
            ) from None
        if head != self.head:
            if not isinstance(head, dict) or head.get("format") != self.head["format"]:
                raise LoadError(f"checkpoint: {shown} is no checkpoint of exactnn; it was left as it is: name another file")
            raise LoadError(
                f"checkpoint: {shown} belongs to another network, domain or question, or to another version of exactnn; it was left as "
                "it is: name another file, or the network it was made for"
            )
        for number, entry in enumerate(entries, 2):
            try:
                task, result = entry["task"], entry["result"]
                intact = entry["check"] == self._check(task, result)
            except (TypeError, KeyError):
                intact = False
            if not intact:
                raise LoadError(f"checkpoint: {shown} is damaged, line {number}; it was left as it is: name another file")
            self.done[task] = result
        if rest:  # cut off by a kill: drop it, so that the next line starts anew
            os.truncate(self.path, len(data) - len(rest))

    def _check(self, task: int, result: Any) -> str:
        return hashlib.sha256(json.dumps([self.question, task, result]).encode()).hexdigest()[:16]

    def add(self, task: int, result: Any) -> None:
        """Keep the result of a task, on the disk before this returns."""
        line = json.dumps({"task": task, "result": result, "check": self._check(task, result)}) + "\n"
        try:
            with self.path.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SaveError(
                f"checkpoint: {os.fspath(self.path)!r} cannot be written: {error}; what was finished before is in it, and the same call "
                "goes on from there"
            ) from None
