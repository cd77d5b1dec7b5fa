"""One question on a bounded domain: boxes from above, points from below, until they meet or the time is over."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from exactnn.difference._bounders import Zonotopes
from exactnn.difference._box import BoundingBox
from exactnn.difference._boxes import Boxes, Grid
from exactnn.difference._points import Point, Points
from exactnn.difference._questions import MARGIN, Question
from exactnn.difference._stages import Stages
from exactnn.difference._tree import Tree, bits_for
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network

_FIRST, _LESS = 1, 0.99
#: products that the checker makes for one certificate (docs/certificate-format.md, Limits), with room for the last batch
WORK = (1 << 34) * 15 // 16
#: the least gap that boxes close, since bounds that are proved are larger by a margin
NEAR = 8 * Fraction(MARGIN)


class Splitting(Tree):
    """max over the domain of the size of f - g (Distance), or of how far other outputs are from being maximal (Margin).

    Parameters
    ----------
    f, g : piecewise linear networks; g None stands for 0
    domain, around : the domain, and the box around it
    question : what is bounded
    tolerance : a positive number that the bound is compared with in the end, which sets the precision of the proof; None if unknown
    exact : the exact size at a point

    Raises
    ------
    NotBounded, NotPiecewiseLinear, Incomplete
        The networks are too large, or have no stages.
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
    ) -> None:
        self.around, self.question = around, question
        with threadpool_limits(1):
            self.stages = Stages(f, g)
            self.points = Points(self.stages, question, domain, around.box, exact)
            self.points.start()
            self.points.climb()
            self.points.confirm()
            size = tolerance or self.points.value
            self.grid = Grid(around.box, bits_for(size, self.stages.rounding()))
            self._slow = False
            # numbers of more than 256 bits count twice, and so on
            self._words = 1 + (self.grid.bits + self.stages.grain + 64) // 256
            self.boxes = Boxes(Zonotopes(self.stages, question), self.grid, self.points.offer)
            self._mark = _FIRST, self.boxes.bound  # leaves, and their bound

    def run(self, clock: Clock, *, tolerance: Fraction | None = None, gap: Fraction = Fraction(0)) -> None:
        """Cut boxes until all are within (1 + gap) times the tolerance, or a point exceeds it; without one until upper <= (1 + gap) lower.

        Cutting does not close a gap below NEAR: boxes with the maximum would be cut until they are points.
        """
        points, boxes = self.points, self.boxes
        with threadpool_limits(1), tqdm(unit=" boxes", delay=2, disable=None, leave=False) as bar:
            batches = 0
            while clock.left() > 0:
                if points.confirm():
                    points.climb()
                    points.confirm()
                if tolerance is not None and points.value is not None and points.value > tolerance:
                    return
                goal = (tolerance if tolerance is not None else points.value or Fraction(0)) * (1 + gap)
                if self.is_stalled or not boxes.refine(self.threshold(goal)):
                    return
                self._look()
                batches += 1
                bar.update(boxes.batch)
                if batches % 16 == 0:
                    bar.set_postfix_str(f"{float(points.value or 0):.3g} <= maximum <= {boxes.bound:.3g}, {len(boxes.leaves)} leaves")

    @property
    def is_stalled(self) -> bool:
        """Whether more boxes would not help (four times as many did not by a hundredth), or the checker would not go through them."""
        return self._slow or self.boxes.work * self._words > WORK

    def _look(self) -> None:
        leaves, bound = len(self.boxes.leaves), self.boxes.bound
        if leaves >= 4 * self._mark[0]:
            self._slow = bound > self._mark[1] * _LESS
            self._mark = leaves, bound

    @property
    def rounding(self) -> float:
        """By how much the checker's bounds may be off, since it counts units of 2^-bits."""
        return float(np.ldexp(self.stages.rounding(), -self.grid.bits))
