"""All cells of a network, for what collects something of each: in one run, in tasks, with a checkpoint, by either engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from typing import Any

import numpy as np

from exactnn.cells import DIMENSIONS, PIECE, Piece, Program, Statistics, Subdivision
from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.clock import Clock, clock_in_force
from exactnn.exact.executors import check_executor
from exactnn.exact.progress import Progress
from exactnn.network import Network, check_network
from exactnn.regions import _tasks
from exactnn.regions._collector import Collector, search_cells
from exactnn.regions._tasks import Make

__all__ = [
    "Collector",
    "Make",
    "check_arguments",
    "check_choice",
    "check_max_regions",
    "chosen_method",
    "collect",
    "ending",
    "pieces",
    "statistics",
]

_SMALL = 1000  # cells of a piece where a limit is to leave something
#: seconds after which a search without any limit ends
SECONDS = 120.0
_ADVICE = (
    "without a limit a search ends there: give a time_limit for a longer one, a smaller domain (a Box around your data, say), or count on "
    "a slice: exactnn.regions.restrict(net, *exactnn.regions.through(points))"
)

#: How the signs of this process's runs were found.
statistics = Statistics()


def collect(
    collector: Collector,
    make: Make,
    net: Network,
    program: Program,
    method: str,
    clock: Clock,
    *,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    max_regions: int | None = None,
    partly: bool = False,
) -> None:
    """Show a collector all full-dimensional cells of the network's program.

    Parameters
    ----------
    collector : takes them; at a limit it holds what was reached
    make : makes an empty one, for tasks; picklable where there is an executor
    method : "lattice" or "search"
    executor, checkpoint, max_regions : as for `exactnn.regions.count`
    partly : whether something is to be kept at a limit: the lattice then works in smaller pieces, and sees `max_regions` only when so many
        are finished

    Raises
    ------
    Incomplete
        At a limit.
    """
    check_executor(executor)
    if checkpoint is not None and not isinstance(checkpoint, (str, os.PathLike)):
        raise ArgumentError(f"checkpoint: the path of a file, or None, is needed, got {type(checkpoint).__name__}")
    if executor is not None or checkpoint is not None:
        _in_tasks(net, program, make, collector, method, clock, executor, checkpoint, max_regions)
    elif method == "search":
        with Progress("finding regions", unit="regions") as shown:
            for _ in search_cells(program, collector, clock, max_regions=max_regions):
                shown.update()
    elif partly and (clock.limit is not None or max_regions is not None):
        size = _SMALL if max_regions is None else min(_SMALL, max(max_regions, 16))
        for run, piece in pieces(program, clock, None, size=size):
            collector.piece(run, piece)
            _few(run.finished, max_regions)
    else:
        for run, piece in pieces(program, clock, max_regions):
            collector.piece(run, piece)


@contextmanager
def ending(method: str, *limits: object) -> Iterator[Clock]:
    """The clock of a count. A search without a time limit and these other limits, which may go on for ever, ends after `SECONDS`."""
    clock = clock_in_force()
    if method != "search" or clock.limit is not None or any(limit is not None for limit in limits):
        yield clock
        return
    clock = Clock(SECONDS)
    try:
        with clock.running():
            yield clock
    except Incomplete as stopped:
        raise Incomplete(f"{stopped}; {_ADVICE}", stopped.partial) from stopped.__cause__


def pieces(
    program: Program, clock: Clock, max_regions: int | None, *, size: int = PIECE, whole: bool = False
) -> Iterator[tuple[Subdivision, Piece]]:
    """The finished pieces of the face lattice, with their run; `whole` for one piece only."""
    run = Subdivision(program, clock, max_cells=max_regions, piece=None if whole else size)
    with Progress("finding regions", unit="regions") as shown:
        try:
            for piece in run.pieces():
                yield run, piece
                shown.update(run.finished - shown.done)
        finally:
            statistics.add(run.statistics)


def _in_tasks(
    net: Network,
    program: Program,
    make: Make,
    collector: Collector,
    method: str,
    clock: Clock,
    executor: Executor | None,
    checkpoint: str | os.PathLike[str] | None,
    max_regions: int | None,
) -> None:
    tasks = dict(enumerate(_tasks.shares(program, clock, method)))
    total, finished = len(tasks), 0
    file = None if checkpoint is None else _tasks.checkpoint_of(checkpoint, program, collector.key, tasks)
    ready: dict[int, Any] = dict(file.done) if file else {}
    cells = sum(size for size, _ in ready.values())
    tasks = {number: share for number, share in tasks.items() if number not in ready}
    found = _tasks.results(net, program.domain, make, tasks, executor, clock, max_regions, method)
    with Progress("finding regions, in parts", unit="parts", total=len(tasks)) as shown, closing(found):
        try:
            _few(cells, max_regions)
            for number, (size, result) in found:
                if file is not None:
                    file.add(number, [size, result])
                ready[number] = size, result
                while finished in ready:  # in the order of the tasks, so that what is collected does not depend on the workers' speed
                    collector.unpack(ready.pop(finished)[1])
                    finished += 1
                cells += size
                shown.update()
                _few(cells, max_regions)
        except Incomplete as stopped:
            done = finished + len(ready)
            raise Incomplete(f"{stopped}; {done} of {total} tasks were finished") from stopped.__cause__
        finally:
            for number in sorted(ready):
                collector.unpack(ready[number][1])


def _few(cells: int, max_regions: int | None) -> None:
    if max_regions is not None and cells > max_regions:
        raise Incomplete(f"max_regions: there are more than {max_regions} regions")


def check_arguments(net: object, max_regions: object) -> None:
    """ArgumentError unless they are a network and a number of regions, or None."""
    check_network(net)
    check_max_regions(max_regions)


def check_max_regions(max_regions: object) -> None:
    """ArgumentError unless it is a number of regions, or None."""
    whole = isinstance(max_regions, (int, np.integer)) and not isinstance(max_regions, bool)
    if max_regions is not None and not (whole and max_regions >= 0):  # type: ignore[operator]
        raise ArgumentError(f"max_regions: an integer >= 0, or None for no limit, is needed, got {max_regions!r}")


def chosen_method(method: str, net: Network) -> str:
    """The engine: the one asked for, or the lattice where it goes."""
    check_choice("method", method, ("auto", "lattice", "search"))
    if method == "auto":
        return "lattice" if net.input_dim <= DIMENSIONS else "search"
    return method


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """ArgumentError unless the value is allowed."""
    if value not in allowed:
        raise ArgumentError(f"{name}: one of {', '.join(map(repr, allowed))} is needed, got {value!r}")
