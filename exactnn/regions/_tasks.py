"""A count as many small tasks: for executors, and for checkpoints that survive a kill.

A task is the set of cells with given signs of the first units. The tasks of a program are the same on every run. The checkpoint is a text
file: one line that names the question, then one line for each finished task, each written at once.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from exactnn.errors import LoadError
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network
from exactnn.regions._merge import Tally
from exactnn.regions._program import Program
from exactnn.regions._subdivision import Subdivision

FORMAT = "exactnn-regions-checkpoint"
VERSION = 1
#: Tasks are made by cutting until there are this many cells.
TASKS = 128
#: Tasks that an executor is given ahead of time.
_AHEAD = 32


def prefixes(program: Program, clock: Clock) -> list[list[int]]:
    """Signs of the first units, one row for each task."""
    run = Subdivision(program, clock, piece=None)
    piece = run.start()
    while piece.unit < program.unit_count and (piece.cells < TASKS or piece.unit < program.domain_units):
        run.step(piece)
    rows: list[list[int]] = run.cell_signs(piece).tolist()
    return sorted(rows)


def carry_out(net: Network, domain: Polyhedron | None, definition: str, prefix: list[int], limit: float | None) -> Any:
    """The result of one task, as plain lists and numbers (in a process of its own, perhaps on another machine)."""
    program = _program(net, domain)
    tally = Tally(definition)
    run = Subdivision(program, Clock(limit), prefix=np.array(prefix, dtype=np.int8))
    for piece in run.pieces():
        tally.piece(run, piece)
    return pack(tally)


@lru_cache(maxsize=4)
def _program(net: Network, domain: Polyhedron | None) -> Program:
    return Program([net], domain)


def pack(tally: Tally) -> Any:
    """A tally as JSON."""
    if tally.definition == "connected":
        components, rim = tally.parts()
        return [components, [[facet.hex(), c] for facet, c in rim]]
    return [tally.total, [item.hex() if isinstance(item, bytes) else item for item in tally.seen]]


def unpack(tally: Tally, packed: Any) -> None:
    """Add the result of a task."""
    first, second = packed
    if tally.definition == "connected":
        tally.add([_key(k) for k in first], ((bytes.fromhex(facet), c) for facet, c in second))
    else:
        tally.total += first
        tally.seen.update(bytes.fromhex(item) if isinstance(item, str) else _key(item) for item in second)


def _key(item: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(v) for v in row) for row in item)


def results(
    net: Network, domain: Polyhedron | None, definition: str, tasks: dict[int, list[int]], executor: Executor | None, clock: Clock
) -> Iterator[tuple[int, Any]]:
    """(task, result) in the order in which they are finished."""
    limit = None if clock.limit is None else max(clock.left(), 0.0)
    if executor is None:
        for number, prefix in tasks.items():
            yield number, carry_out(net, domain, definition, prefix, limit if limit is None else max(clock.left(), 0.0))
        return
    waiting = list(tasks.items())
    running: dict[Future[Any], int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < _AHEAD:
                number, prefix = waiting.pop(0)
                left = None if limit is None else max(clock.left(), 0.0)
                running[executor.submit(carry_out, net, domain, definition, prefix, left)] = number
            done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
            clock.check(f"{len(waiting) + len(running)} of {len(tasks)} tasks were not finished")
    finally:
        for future in running:
            future.cancel()


class Checkpoint:
    """The file of finished tasks.

    Raises LoadError if the file is of another question or damaged; it is left as it is. A last line that was cut off is ignored.
    """

    def __init__(self, path: str | os.PathLike[str], program: Program, definition: str) -> None:
        self.path = Path(path)
        self.head = {"format": FORMAT, "version": VERSION, "question": fingerprint(program, definition)}
        self.done: dict[int, Any] = {}
        if self.path.exists():
            self._read()
        else:
            self._write_new()

    def _write_new(self) -> None:
        temporary = self.path.with_name(self.path.name + ".new")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(json.dumps(self.head) + "\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            raise LoadError(f"checkpoint: a file that can be written is needed, got {os.fspath(self.path)!r}: {error}") from None

    def _read(self) -> None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LoadError(f"checkpoint: {os.fspath(self.path)!r} cannot be read: {error}; name another file") from None
        lines = text.split("\n")
        whole, rest = lines[:-1], lines[-1]
        try:
            head, *entries = [json.loads(line) for line in whole]
            numbers = [(int(e["task"]), e["result"]) for e in entries]
        except (ValueError, TypeError, KeyError):
            raise LoadError(
                f"checkpoint: {os.fspath(self.path)!r} is damaged or no checkpoint of exactnn; it was left as it is: name another file"
            ) from None
        if head != self.head:
            raise LoadError(
                f"checkpoint: {os.fspath(self.path)!r} belongs to another network, domain or definition; it was left as it is: "
                "name another file, or the network it was made for"
            )
        self.done = dict(numbers)
        if rest:  # cut off by a kill: drop it, so that the next line starts anew
            size = len(text.encode()) - len(rest.encode())
            os.truncate(self.path, size)

    def add(self, task: int, result: Any) -> None:
        """Keep the result of a task, on the disk before this returns."""
        self.done[task] = result
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"task": task, "result": result}) + "\n")
            file.flush()
            os.fsync(file.fileno())


def fingerprint(program: Program, definition: str) -> str:
    """A hash of the function, its units and the domain."""
    digest = hashlib.sha256(f"{VERSION} {definition} {TASKS} {program.input_dim}".encode())
    for stage, form in zip(program.stages, program.integers, strict=True):
        digest.update(f"{stage.node} {stage.part} {form.scale} {form.constant}".encode())
        for k, matrix in sorted(form.matrices.items()):
            digest.update(f"{k} {matrix.tolist()}".encode())
    for form in program.output_integers:
        digest.update(f"{form.scale} {form.constant} {sorted((k, m.tolist()) for k, m in form.matrices.items())}".encode())
    if isinstance(program.domain, Box):
        digest.update(f"{[v.to_fractions() for v in program.domain.bounds]}".encode())
    return digest.hexdigest()
