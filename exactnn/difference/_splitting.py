"""One question on a bounded domain: boxes from above, points from below, until they meet or the time is over."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from exactnn.difference._box import BoundingBox
from exactnn.difference._boxes import Boxes, Grid, Leaf
from exactnn.difference._points import Point, Points
from exactnn.difference._questions import MARGIN, Question
from exactnn.difference._stages import Stages
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.network import Network

_BITS, _MOST_BITS = 64, 1024
#: the least gap that boxes close, since bounds that are proved are larger by a margin
NEAR = 8 * Fraction(MARGIN)


class Splitting:
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
            self.grid = Grid(around.box, _bits(size, self.stages.rounding()))
            self.boxes = Boxes(self.stages, self.grid, question, self.points.offer)

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
                if not boxes.refine(self._threshold(goal)):
                    return
                batches += 1
                bar.update(boxes.batch)
                if batches % 16 == 0:
                    bar.set_postfix_str(f"{float(points.value or 0):.3g} <= maximum <= {boxes.bound:.3g}, {len(boxes.leaves)} leaves")

    def open(self, tolerance: Fraction) -> dict[int, Leaf]:
        """The boxes that are not known to be within the tolerance, by the numbers of their nodes."""
        return self.boxes.above(self._threshold(tolerance))

    def _threshold(self, tolerance: Fraction) -> float:
        return self.question.threshold(tolerance, self._rounding)

    @property
    def _rounding(self) -> float:
        """By how much the checker's bounds may be off, since it counts units of 2^-bits."""
        return float(np.ldexp(self.stages.rounding(), -self.grid.bits))

    @property
    def upper(self) -> Fraction:
        """No size on the domain exceeds it, as the evidence proves."""
        bound = self.boxes.bound
        return Fraction(bound) * (1 + Fraction(MARGIN) * 2) + Fraction(self._rounding if bound else 0)

    def evidence(self, others: dict[int, list[Any]] | None = None) -> dict[str, Any]:
        """As docs/certificate-format.md writes it; `others`: nodes that stand for leaves proved another way."""
        proofs = {"box": self.around.proofs} if self.around.proofs else {}
        return {"method": "boxes", "bits": self.grid.bits, **proofs, "tree": self.boxes.written(others or {})}

    def box(self, leaf: Leaf) -> Box:
        """The box of a leaf, its sides on the grid."""
        low, high = self.grid.box(leaf)
        unit = 1 << self.grid.bits
        return Box([Fraction(n, unit) for n in low], [Fraction(n, unit) for n in high])


def _bits(size: Fraction | None, rounding: float) -> int:
    """Fractional bits: 64 for numbers of the size 1, more for smaller ones; so many that `rounding` units are little beside the size."""
    less = size.denominator.bit_length() - size.numerator.bit_length() if size else _BITS
    need = max(_BITS + max(less, 0), int(np.frexp(rounding / MARGIN)[1]) + 4 + (less if size else 0))
    return min(-(-need // 32) * 32, _MOST_BITS)
