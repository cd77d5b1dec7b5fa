"""Work on cells as many small tasks: for executors, and for checkpoints that survive a kill.

A task is the set of cells with given signs of the first units, or of the search those within one cell of it. The tasks of a program are the
same on every run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Hashable
from concurrent.futures import Executor
from functools import lru_cache
from typing import Any

import numpy as np

from exactnn.cells import IntegerMap, Program, Search, Seed, Subdivision, read_program
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.exact.tasks import TaskFile, clock_until, deadline_of, finished
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
    clock = clock_until(deadline)
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
    end = deadline_of(clock)
    calls = {number: (net, domain, make, share, end, max_regions, method) for number, share in tasks.items()}
    return finished(carry_out, calls, executor, clock)


def checkpoint_of(path: str | os.PathLike[str], program: Program, key: str, tasks: dict[int, Any]) -> TaskFile:
    """The file of finished tasks; LoadError if it is of another question or damaged, SaveError."""
    return TaskFile(path, FORMAT, VERSION, fingerprint(program, key, tasks))


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

    # A seed's point may be another one elsewhere, where floats round in another way.
    add(key, program.input_dim, [(n, share if share and isinstance(share[0], int) else share[:2]) for n, share in sorted(tasks.items())])
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
