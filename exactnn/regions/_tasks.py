"""Work on cells as many small tasks: for executors, and for checkpoints that survive a kill.

A task is the set of cells with given signs of the first units, or of the search those within one cell of it. The tasks of a program are the
same on every run. The checkpoint is a text file: one line that names the question, then one line for each finished task with a checksum,
each written at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Generator, Hashable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from exactnn.cells import IntegerMap, Program, Search, Seed, Subdivision, read_program
from exactnn.errors import Incomplete, LoadError, SaveError
from exactnn.exact.clock import Clock
from exactnn.exact.executors import ended_abruptly, submit
from exactnn.exact.files import is_begun, write_text
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network
from exactnn.regions._collector import Collector, search_cells

#: Makes an empty collector for a program, with a clock that long steps of it ask; it goes to other processes.
Make = Callable[[Program, Clock], Collector]
FORMAT = "exactnn-regions-checkpoint"
VERSION = 3
#: Tasks are made by cutting until there are this many cells; so there are fewer than twice as many.
TASKS = 128


def shares(program: Program, clock: Clock, method: str) -> list[Any]:
    """What the tasks are given: for the lattice signs of the first units, for the search seeds, as lists."""
    if method == "search":
        return [list(seed) for seed in Search(program, clock).seeds(TASKS)]
    return list(prefixes(program, clock))


def prefixes(program: Program, clock: Clock) -> list[list[int]]:
    """Signs of the first units, one row for each task of the lattice."""
    run = Subdivision(program, clock, piece=None)
    piece = run.start()
    while piece.unit < program.unit_count and (piece.cells < TASKS or piece.unit < program.domain_units):
        run.step(piece)
    rows: list[list[int]] = run.cell_signs(piece).tolist()
    return sorted(rows)


def carry_out(
    net: Network,
    domain: Polyhedron | None,
    make: Make,
    share: Any,
    deadline: float | None,
    max_regions: int | None,
    method: str = "lattice",
) -> Any:
    """[cells, what was collected] of one task, as plain lists and numbers (in a process of its own, perhaps on another machine).

    deadline : a `time.time()`, however long the task waited for its turn; None as the result once it has passed
    """
    program = _program(net, domain)
    clock = Clock(None if deadline is None else max(deadline - time.time(), 0.0))
    collector = make(program, clock)
    try:
        if method == "search":
            cells = max(search_cells(program, collector, clock, Seed(*share), max_regions), default=0)
        else:
            run = Subdivision(program, clock, prefix=np.array(share, dtype=np.int8), max_cells=max_regions)
            for piece in run.pieces():
                collector.piece(run, piece)
            cells = run.finished
    except Incomplete:
        if clock.left() <= 0:
            return None
        raise
    return [cells, collector.pack()]


def _program(net: Network, domain: Polyhedron | None) -> Program:
    # The signs of a prefix belong to the rows as they are given; equal sets may have other rows.
    return _made(net, domain, None if domain is None else (isinstance(domain, Box), *domain.rows))


@lru_cache(maxsize=4)
def _made(net: Network, domain: Polyhedron | None, rows: Hashable) -> Program:
    return read_program([net], domain)


def results(
    net: Network,
    domain: Polyhedron | None,
    make: Make,
    tasks: dict[int, Any],
    executor: Executor | None,
    clock: Clock,
    max_regions: int | None,
    method: str,
) -> Generator[tuple[int, Any], None, None]:
    """(task, [cells, what was collected]) in the order in which they are finished; close it to cancel the others."""
    deadline = None if clock.limit is None else time.time() + clock.left()
    late = f"the time limit of {clock.limit} s was reached"
    if executor is None:
        for number, share in tasks.items():
            result = carry_out(net, domain, make, share, deadline, max_regions, method)
            if result is None:
                raise Incomplete(late)
            yield number, result
        return
    running: dict[Future[Any], int] = {}
    try:
        for number, share in tasks.items():
            future = submit(executor, carry_out, net, domain, make, share, deadline, max_regions, method)
            running[future] = number
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


class Checkpoint:
    """The file of finished tasks.

    Raises LoadError if the file is of another question or damaged; it is left as it is. A last line that was cut off is ignored.
    """

    def __init__(self, path: str | os.PathLike[str], program: Program, key: str, tasks: dict[int, Any]) -> None:
        self.path = Path(path)
        self.question = fingerprint(program, key, tasks)
        self.head = {"format": FORMAT, "version": VERSION, "question": self.question}
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
            if not isinstance(head, dict) or head.get("format") != FORMAT:
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


def fingerprint(program: Program, key: str, tasks: dict[int, Any]) -> str:
    """A hash of the function, its units, the domain, what is collected, and the division into tasks."""
    digest = hashlib.sha256()

    def add(*parts: Any) -> None:
        for part in parts:
            text = str(part).encode()
            digest.update(b"%d:%b" % (len(text), text))

    def add_form(form: IntegerMap) -> None:
        add(f"{form.scale:x}", *(f"{v:x}" for v in form.constant))
        for k, m in sorted(form.matrices.items()):
            add(k, m.nrows(), m.ncols(), *(f"{int(v):x}" for v in m.entries()))

    add(key, program.input_dim, sorted(tasks.items()))
    for stage, form in zip(program.stages, program.integers, strict=True):
        kind = program.nets[stage.net].operation(stage.node).kind if stage.node else ""
        add(stage.node, kind, stage.part, stage.places.tolist())
        add_form(form)
    for form in program.output_integers:
        add_form(form)
    if isinstance(program.domain, Box):
        for bound in program.domain.bounds:
            add(*(f"{v.numerator:x}/{v.denominator:x}" for v in bound.to_fractions()))
    return digest.hexdigest()
