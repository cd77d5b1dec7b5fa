"""What bounds a question on the boxes of a tree: joint zonotopes here, and the interval pass in `_intervals`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from exactnn.difference._questions import Indices, Question
from exactnn.difference._stages import Floats, Stages
from exactnn.difference._zonotope import Mask, joint_pass

_NUMBERS = 1 << 22  # of one form of a stage, for all boxes of a batch
_MOST = 16  # boxes of a batch


class Judgement(NamedTuple):
    """For each box its bound and what proves it; scores of cuts, and where a point may be (`Judged`), both (inputs, boxes).

    work : for each box at least the products that the checker counts for a joint zonotope
    """

    bounds: Floats
    couplings: Mask | None
    chosen: Indices | None
    scores: Floats
    towards: Floats | None
    work: Floats


class Bounder(ABC):
    """Bounds of a question on boxes.

    Attributes
    ----------
    batch : how many boxes are best bounded at once
    """

    batch: int

    @abstractmethod
    def judge(self, lo: Floats, hi: Floats) -> Judgement:
        """Boxes are columns, (inputs, boxes)."""


class Zonotopes(Bounder):
    """Joint zonotopes, for piecewise linear networks.

    The best input to cut has the largest sum, over the units that are not stable, of |coefficient of the input * its half-width| / (u - l):
    nearly free, and better than the widest input or the steepest one.
    """

    def __init__(self, stages: Stages, question: Question) -> None:
        self.stages, self.question = stages, question
        self.batch = int(np.clip(_NUMBERS // (max(stages.sizes) * (65 + stages.sizes[0])), 2, _MOST))

    def judge(self, lo: Floats, hi: Floats) -> Judgement:
        """Bounds, couplings, and the directions of corners."""
        found = joint_pass(self.stages, lo, hi)
        judged = self.question.judge(found)
        return Judgement(judged.bounds, found.couplings, judged.chosen, found.scores, judged.towards, found.work)
