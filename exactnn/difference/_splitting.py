"""One question on a bounded domain: boxes from above, points from below, until they meet or the time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from exactnn.difference._bounders import Zonotopes
from exactnn.difference._box import BoundingBox
from exactnn.difference._boxes import Boxes, Grid
from exactnn.difference._checkpoint import Checkpoint, State
from exactnn.difference._points import Point, Points
from exactnn.difference._questions import MARGIN, Question
from exactnn.difference._stages import Stages
from exactnn.difference._tree import Tree, bits_for
from exactnn.difference._workers import Job, Workers
from exactnn.exact.array import nearest_float
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.progress import Progress
from exactnn.exact.tasks import TaskFile
from exactnn.network import Network

_FIRST, _LESS = 1, 0.99
#: products that the checker makes for one certificate (docs/certificate-format.md, Limits), with room for the last batch
WORK = (1 << 34) * 15 // 16
#: the least gap that boxes close, since bounds that are proved are larger by a margin
NEAR = 8 * Fraction(MARGIN)


@dataclass(frozen=True)
class Resources:
    """What long work may use: the workers of an executor, and a file to go on from, of boxes or of tasks; None for neither."""

    executor: Executor | None = None
    checkpoint: Checkpoint | None = None
    tasks: TaskFile | None = None

    @property
    def any(self) -> bool:
        """Whether there are any: long work is expected then."""
        return self.executor is not None or self.checkpoint is not None or self.tasks is not None


class Splitting(Tree):
    """max over the domain of the size of f - g (Distance), or of how far other outputs are from being maximal (Margin).

    Parameters
    ----------
    f, g : piecewise linear networks; g None stands for 0
    domain, around : the domain, and the box around it
    question : what is bounded
    tolerance : a positive number that the bound is compared with in the end, which sets the precision of the proof; None if unknown
    resources : who works, and where it is kept
    exact : the exact size at a point

    Raises
    ------
    NotBounded, NotPiecewiseLinear, Incomplete
        The networks are too large, or have no stages.
    LoadError
        The checkpoint is damaged.
    """

    def __init__(
        self,
        f: Network,
        g: Network | None,
        domain: Polyhedron,
        around: BoundingBox,
        question: Question,
        exact: Callable[[Point], Fraction],
        tolerance: Fraction | None = None,
        resources: Resources = Resources(),
    ) -> None:
        self.around, self.question, self.resources = around, question, resources
        with threadpool_limits(1):
            self.stages = Stages(f, g)
            self.points = Points(self.stages, question, domain, around.box, exact)
            self.points.start()
            self.points.climb()
            self.points.confirm()
            begun = None if resources.checkpoint is None else resources.checkpoint.state
            bits = bits_for(tolerance or self.points.value, self.stages.rounding())
            self.grid = Grid(around.box, max(bits, begun.bits if begun else 0))
            self._slow = False
            # numbers of more than 256 bits count twice, and so on
            self._words = 1 + (self.grid.bits + self.stages.grain + 64) // 256
            self.boxes = Boxes(Zonotopes(self.stages, question), self.grid, self.points.offer)
            self.root = self.boxes.leaves[0]
            self._mark = _FIRST, self.boxes.bound  # leaves, and their bound
            if begun is not None:
                self._restore(begun, domain)

    def _restore(self, begun: State, domain: Polyhedron) -> None:
        assert self.resources.checkpoint is not None
        try:
            if begun.point is not None:
                if len(begun.point) != len(self.grid.lo) or not domain.contains(begun.point):
                    raise ValueError("its point is not in the domain")
                self.points.take(begun.point)
            self.boxes.restore(begun.tree, begun.bits)
        except ValueError as reason:
            raise self.resources.checkpoint.damaged(reason) from None

    def run(self, clock: Clock, *, tolerance: Fraction | None = None, gap: Fraction = Fraction(0)) -> None:
        """Cut boxes until all are within (1 + gap) times the tolerance, or a point exceeds it; without one until upper <= (1 + gap) lower.

        Cutting does not close a gap below NEAR: boxes with the maximum would be cut until they are points.
        """
        points, boxes = self.points, self.boxes
        with (
            threadpool_limits(1),
            Progress("linear bounds on boxes", unit="boxes") as bar,
            self._growing(clock, tolerance) as refine,
        ):
            batches = 0
            while clock.left() > 0:
                if points.confirm():
                    points.climb()
                    points.confirm()
                if tolerance is not None and points.value is not None and points.value > tolerance:
                    return
                goal = (tolerance if tolerance is not None else points.value or Fraction(0)) * (1 + gap)
                if self.is_stalled or not refine(self.threshold(goal)):
                    return
                self._look()
                batches += 1
                bar.update(len(boxes.leaves) - bar.done)
                if batches % 16 == 0:
                    bar.tell(f"{float(points.value or 0):.3g} <= maximum <= {boxes.bound:.3g}")
                if self.resources.checkpoint is not None and self.resources.checkpoint.is_due():
                    self._save()

    @contextmanager
    def _growing(self, clock: Clock, tolerance: Fraction | None) -> Iterator[Callable[[float], bool]]:
        """What cuts boxes, here or in workers; whatever ends it, the file holds what there is."""
        try:
            if self.resources.executor is None:
                yield self.boxes.refine
                return
            job = Job(self.stages, self.grid, self.question)
            enough = np.inf if tolerance is None else nearest_float(*tolerance.as_integer_ratio())
            workers = Workers(self.resources.executor, self.boxes, job, self.points, clock, enough, WORK / self._words)
            try:
                yield workers.refine
            finally:
                workers.close()
        finally:
            if self.resources.checkpoint is not None:
                self._save()

    def _save(self) -> None:
        assert self.resources.checkpoint is not None
        self.resources.checkpoint.save(State(self.grid.bits, self.points.point, self.boxes.outline()))

    @property
    def is_stalled(self) -> bool:
        """Whether more boxes would not help (four times as many did not by a hundredth), or the checker would not go through them."""
        return self._slow or self.boxes.work * self._words > WORK

    def _look(self) -> None:
        leaves, bound = len(self.boxes.leaves), self.boxes.bound
        judged = min(self.boxes.out.values(), default=leaves)  # a box that was handed out before still has the bound it had then
        if judged >= 4 * self._mark[0] and bound < np.inf:
            self._slow = bound > self._mark[1] * _LESS
            self._mark = leaves, bound

    @property
    def rounding(self) -> float:
        """By how much the checker's bounds may be off, since it counts units of 2^-bits."""
        return float(np.ldexp(self.stages.rounding(), -self.grid.bits))

    @property
    def upper(self) -> Fraction:
        """No size on the domain exceeds it; that of the first box, if not all boxes of a checkpoint were bounded in time."""
        return self.proved(self.root.bound) if self.boxes.bound == np.inf else super().upper

    def evidence(self, others: dict[int, list[Any]] | None = None) -> dict[str, Any]:
        """As docs/certificate-format.md writes it; `others`: nodes that stand for leaves proved another way."""
        known = others or {}
        if any(leaf.bound == np.inf and node not in known for node, leaf in self.boxes.leaves.items()):
            return {**super().evidence({}), "tree": [self.root.written()]}
        return super().evidence(known)
