"""The interval pass on the boxes of a tree: weaker than joint zonotopes, but it knows smooth functions and networks of any size."""

from __future__ import annotations

import numpy as np

from exactnn.difference._bounders import Bounder, Judgement
from exactnn.difference._bounds import Bounds
from exactnn.difference._boxes import Grid
from exactnn.difference._pass import PRODUCTS, NotBounded, Pass
from exactnn.difference._stages import Floats
from exactnn.exact.array import RationalArray

_MOST = 64  # boxes of a batch
_WORK = 1 << 24  # products of the pass, for all boxes of a batch


class Intervals(Bounder):
    """The interval pass.

    The best input to cut is that of the largest width times influence: how much less the bound of the whole box is without that width,
    once inputs were ranked by it (one more box for each); else the widest.
    """

    def __init__(self, interval: Pass, grid: Grid, norm: str) -> None:
        self.interval, self.grid, self.norm = interval, grid, norm
        self.most: int = PRODUCTS // interval.work
        self.batch = int(np.clip(_WORK // interval.work, 2, _MOST))
        self.influence = np.ones(len(grid.lo))

    def judge(self, lo: Floats, hi: Floats) -> Judgement:
        """Bounds."""
        width = hi - lo
        return Judgement(self._bounds(lo, hi), None, None, width * self.influence[:, None], None, np.zeros(lo.shape[1]))

    def rank(self) -> None:
        """Find the influence of each input."""
        lo, hi = self.grid.lo, self.grid.hi
        free = np.flatnonzero(hi > lo)
        middle = self.grid.middle(lo, hi)
        low, high = (np.repeat(side[:, None], len(free) + 1, axis=1) for side in (lo, hi))
        for k, j in enumerate(free):
            low[j, k] = high[j, k] = middle[j]
        bounds = np.concatenate(
            [self._bounds(low[:, k : k + self.batch], high[:, k : k + self.batch]) for k in range(0, len(free) + 1, self.batch)]
        )
        found = np.zeros(len(lo))
        found[free] = np.maximum(bounds[-1] - bounds[:-1], 0) / (hi - lo)[free]
        self.influence = found

    def _bounds(self, lo: Floats, hi: Floats) -> Floats:
        boxes = [self.grid.sides(low, high) for low, high in zip(lo.T, hi.T, strict=True)]
        unit = 1 << self.grid.bits
        low, high = (RationalArray(np.array(side, dtype=object), unit) for side in zip(*boxes, strict=True))
        found = sizes(self.interval.bounds(low, high), self.norm)
        if not np.isfinite(found).all():
            raise NotBounded("the bound of the difference is beyond the range of float64")
        return found


def sizes(found: Bounds, norm: str) -> Floats:
    """The norm of what the bounds allow, for each box; rounded to the nearest float."""
    reach = (-found.lo).maximum(found.hi)
    if norm == "l1":
        return np.asarray(reach.sum(axis=1).to_float())
    return np.asarray(reach.to_float().max(axis=1))
