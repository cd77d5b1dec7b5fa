"""A tree of boxes that grows in the workers of an executor: each gets a few of the worst boxes, and gives back what it cut them into.

Whatever a worker does not give back stays a leaf with the bound it had, so that the tree is a proof at any time.
"""

from __future__ import annotations

import contextlib
import os
import time
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from exactnn.difference._bounders import Zonotopes
from exactnn.difference._boxes import Boxes, Branch, Grid, Leaf
from exactnn.difference._points import Points, Proposals
from exactnn.difference._questions import Question
from exactnn.difference._stages import Floats, Stages
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.exact.executors import ended_abruptly, submit

_SECONDS = 2.0  # of a task
_ALONE = 1.0  # seconds in this process, until there are boxes for all
_ROOTS, _POINTS = 64, 4  # of a task: boxes and points that come back
_TASKS, _FEWEST, _MOST = 16, 2, 1024  # at a time: to begin with, and the range in which that number follows the workers


@dataclass(frozen=True)
class Job:
    """What all tasks of one question share."""

    stages: Stages
    grid: Grid
    question: Question
    process: int = field(default_factory=os.getpid)


class Grown(NamedTuple):
    """What a task brings back: the trees, the best points (inputs, points), the size at the first in floats, and the seconds it took."""

    branch: Branch
    points: Floats
    largest: float
    seconds: float


def grow(job: Job, roots: list[Leaf], threshold: float, enough: float, deadline: float) -> Grown:
    """Cut boxes for some seconds (in a process of its own, perhaps on another machine), until none exceeds the threshold.

    enough : a size that ends the work when a point has more
    deadline : a `time.time()`, however long the task waited for its turn
    """
    start = time.monotonic()
    until = start + min(_SECONDS, deadline - time.time())
    seen = Proposals(job.stages, job.question)
    boxes = Boxes(Zonotopes(job.stages, job.question), job.grid, seen.offer, roots)
    # Threads are limited by the process that hands out the tasks.
    with contextlib.nullcontext() if os.getpid() == job.process else threadpool_limits(1):
        while start < until and boxes.refine(threshold) and seen.largest <= enough and time.monotonic() < until:
            pass
    return Grown(boxes.branch, seen.x[:, :_POINTS].copy(), seen.largest, time.monotonic() - start)


class Workers:
    """The tasks of one tree.

    Parameters
    ----------
    executor, boxes, job : who works, on what
    points : take what the tasks find
    clock : ends the tasks
    enough : a size that decides the question when a point has more
    most : work of the checker; trees that would bring more than that are not joined, and nothing more is done then
    """

    def __init__(
        self, executor: Executor, boxes: Boxes, job: Job, points: Points, clock: Clock, enough: float, most: float = np.inf
    ) -> None:
        self.executor, self.boxes, self.job, self.points, self.clock, self.enough = executor, boxes, job, points, clock, enough
        self.most, self.full = most, False
        self.deadline = time.time() + clock.left()
        self._running: dict[Future[Grown], tuple[list[int], float]] = {}
        self._most = _TASKS
        self._alone = clock.at_most(_ALONE)

    def refine(self, threshold: float) -> bool:
        """As `Boxes.refine`, and some of it elsewhere: until a task ends, or for a second."""
        if self.full:
            return False
        if not self._running and self._alone.left() > 0 and self.boxes.count(threshold, 2 * self._most) < 2 * self._most:
            return self.boxes.refine(threshold)
        try:
            self._submit(threshold)
            if not self._running:
                return False
            done, _ = wait(self._running, timeout=min(1.0, max(self.clock.left(), 0.0)), return_when=FIRST_COMPLETED)
            failures = [error for future in done if (error := self._take(future)) is not None]
            if failures:  # only now, so that nothing is lost of what ended at the same time
                raise failures[0]
        except BrokenExecutor as error:
            raise Incomplete(ended_abruptly(error)) from error
        return True

    def close(self) -> None:
        """Cancel what has not begun; at the end of the time wait a little for what has."""
        late = self.clock.left() <= 0
        waiting = [future for future in self._running if not future.cancel()]
        if late and waiting:
            wait(waiting, timeout=min(0.5, (self.clock.limit or 0.0) / 20))
        for future in waiting:
            if future.done():
                self._take(future)
        self.boxes.take_back([node for nodes, _ in self._running.values() for node in nodes], None)
        self._running.clear()

    def _submit(self, threshold: float) -> None:
        free = self._most - len(self._running)
        if free <= 0:
            return
        size = min(max(self.boxes.count(threshold, free * _ROOTS) // free, 1), _ROOTS)
        nodes = self.boxes.hand_out(threshold, free * size)
        for k in range(free):
            share = nodes[k::free]  # good and bad ones for each
            if share:
                roots = [self.boxes.leaves[node] for node in share]
                future = submit(self.executor, grow, self.job, roots, threshold, self.enough, self.deadline)
                self._running[future] = share, time.monotonic()

    def _take(self, future: Future[Grown]) -> BaseException | None:
        """Join what a task found to the tree; or why it failed."""
        nodes, sent = self._running.pop(future)
        error = future.exception()
        if error is not None:
            self.boxes.take_back(nodes, None)
            return error
        found = future.result()
        self.full = self.full or self.boxes.work + found.branch.work > self.most
        self.boxes.take_back(nodes, None if self.full else found.branch)
        self.points.offer(found.points)
        if found.largest > self.enough:  # were that true, it would be the last task: so floats err here, and are not to stop any other
            self.enough = np.inf
        waited = time.monotonic() - sent - found.seconds
        if found.seconds >= _SECONDS / 2:  # as many tasks as keep all workers busy, and few that wait long with an old threshold
            if waited < found.seconds:
                self._most = min(self._most + 1, _MOST)
            elif waited > 3 * found.seconds:
                self._most = max(self._most - 1, _FEWEST)
        return None
