"""Intervals on a tree of boxes: for smooth networks, and for those too large for linear bounds."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import numpy as np

from exactnn.difference._box import BoundingBox
from exactnn.difference._boxes import Boxes, Grid
from exactnn.difference._intervals import Intervals
from exactnn.difference._pass import Pass
from exactnn.difference._questions import Distance
from exactnn.difference._stages import Floats
from exactnn.difference._tree import Tree, bits_for
from exactnn.exact.clock import Clock
from exactnn.exact.progress import Progress
from exactnn.network import Network

_INPUTS = 16  # that are not fixed; beyond, a cut changes little
_HANDFUL = 32  # boxes that are tried then
_SECONDS, _SHARE = 0.5, 0.25  # for a batch, which is not interrupted; of the time, for ranking the inputs
_FIRST = 16  # boxes before the next look ahead, which is at four times as many


class Coarse(Tree):
    """max over a box of |f - g|, from above only.

    Parameters
    ----------
    f, g : networks without rational nodes; g None stands for 0
    around : the box around the domain
    question : the norm
    size : about what the bound will be compared with, which sets the precision; None if unknown
    clock : Incomplete once its time has passed

    Raises
    ------
    NotBounded, Incomplete
    """

    def __init__(self, f: Network, g: Network | None, around: BoundingBox, question: Distance, size: Fraction | None, clock: Clock) -> None:
        self.around, self.question = around, question
        self.grid = Grid(around.box, bits_for(size))
        interval = Pass(f, g, bits=self.grid.bits, clock=clock)
        free = int((self.grid.hi > self.grid.lo).sum())
        bounder = Intervals(interval, self.grid, question.norm)
        start = time.monotonic()
        bounder.judge(self.grid.lo[:, None], self.grid.hi[:, None])
        seconds = max(time.monotonic() - start, 1e-9)  # any other box takes about as long
        if free <= _INPUTS and free * seconds < clock.left() * _SHARE:
            bounder.rank()
        self.most = bounder.most if free <= _INPUTS else min(bounder.most, _HANDFUL)
        bounder.batch = max(min(bounder.batch, self.most // 4, int(_SECONDS / seconds)), 2)
        self.boxes = Boxes(bounder, self.grid, _nothing)
        interval.clock = Clock(None)  # a cut that is begun is finished: the tree would lose a box

    def run(self, clock: Clock, goal: Fraction, *, patient: bool = False) -> None:
        """Cut boxes until all are within the goal, or the checker takes no more, or the time is over.

        Unless it is patient, also once the goal is seen to be too far off.
        """
        boxes, threshold = self.boxes, self.threshold(goal)
        seen, look = boxes.bound, _FIRST
        with Progress("interval bounds on boxes", unit="boxes") as bar:
            while clock.left() > 0 and len(boxes.leaves) + boxes.batch <= self.most and boxes.refine(threshold):
                bar.update(boxes.batch)
                if len(boxes.leaves) >= look:
                    bar.tell(f"maximum <= {boxes.bound:.3g}, {len(boxes.leaves)} leaves")
                    if not patient and _boxes_needed(len(boxes.leaves), seen, boxes.bound, threshold) > self.most:
                        return
                    seen, look = boxes.bound, 4 * look


def _boxes_needed(count: int, before: float, now: float, goal: float) -> float:
    """How many there would be if four times as many always changed the bound by the same factor."""
    if not 0 < goal < now:
        return 0.0 if now <= goal else math.inf
    if not now < before:
        return math.inf
    return float(count * 4 ** min(np.log(now / goal) / np.log(before / now), 64.0))


def _nothing(x: Floats) -> None:
    """Points are sought elsewhere."""
