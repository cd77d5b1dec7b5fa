"""A tree of boxes, each of which is bounded (`_bounders`), or cut in two; the worst box first.

The middle of each box and the corner at which its bound is reached are tried as points, which a projected ascent moves uphill.

References: docs/theory.md 19.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from exactnn.difference._bounders import Bounder
from exactnn.difference._pass import NotBounded
from exactnn.difference._stages import ROUND, TINY, Floats, on_grid
from exactnn.difference._zonotope import Mask
from exactnn.exact.array import nearest_float
from exactnn.exact.polyhedron import Box


class Leaf(NamedTuple):
    """A box, its bound, and what proves it; the input to be cut; and the checker's work.

    A joint zonotope proves it with these pairs of units coupled (the output that is maximal, if it is asked); None: the interval pass.
    """

    bound: float
    lo: Floats
    hi: Floats
    couplings: Mask | None
    chosen: int | None
    cut: int
    work: float

    def written(self) -> list[Any]:
        """As docs/certificate-format.md writes it."""
        if self.couplings is None:
            return ["pass"]
        pairs = sum(1 << int(p) for p in np.flatnonzero(self.couplings))
        return ["leaf", f"{pairs:x}", *(() if self.chosen is None else (self.chosen,))]


class Grid:
    """The box in units of 2^-bits, rounded outwards, and as floats around it."""

    def __init__(self, box: Box, bits: int) -> None:
        self.bits = bits
        scale = 1 << bits
        lower, upper = (side.to_fractions() for side in box.bounds)
        self.low = [(q.numerator * scale) // q.denominator for q in lower]
        self.high = [-((-q.numerator * scale) // q.denominator) for q in upper]
        low, high = (np.array([nearest_float(n, scale) for n in side]) for side in (self.low, self.high))
        point = np.array([a == b and Fraction(v) * scale == a for a, b, v in zip(self.low, self.high, low.tolist(), strict=True)])
        wide = np.where(point, 0.0, 1.0)
        self.lo, self.hi = low - (np.abs(low) * ROUND + TINY) * wide, high + (np.abs(high) * ROUND + TINY) * wide
        if not (np.isfinite(self.lo).all() and np.isfinite(self.hi).all()):
            raise NotBounded("a side of the domain is beyond the range of float64")

    def middle(self, lo: Floats, hi: Floats) -> Floats:
        """The middle, on the grid."""
        return on_grid((lo + hi) / 2, self.bits)

    def inside(self, j: int, place: float) -> bool:
        """Whether a place on the grid is between the sides of input j: those of the floats are a little farther apart."""
        return self.low[j] < self.units(place) < self.high[j]

    def units(self, place: float) -> int:
        """A place on the grid as an integer."""
        return int(Fraction(place) * (1 << self.bits))

    def box(self, leaf: Leaf) -> tuple[list[int], list[int]]:
        """The sides of a box of the tree in units."""
        return self.sides(leaf.lo, leaf.hi)

    def sides(self, lo: Floats, hi: Floats) -> tuple[list[int], list[int]]:
        """The same, of a box given by its sides as floats."""
        low = [n if v == w else self.units(v) for v, w, n in zip(lo.tolist(), self.lo.tolist(), self.low, strict=True)]
        return low, [n if v == w else self.units(v) for v, w, n in zip(hi.tolist(), self.hi.tolist(), self.high, strict=True)]


class Boxes:
    """A tree of boxes on its way to a proof.

    Parameters
    ----------
    bounder : what bounds the question on each box
    grid : the box around the domain
    tried : is called with points (inputs, points) of the boxes where the bound may be attained

    Attributes
    ----------
    leaves : the boxes that are not cut, by the numbers of their nodes
    stuck : those of them that are too small to be cut
    """

    def __init__(self, bounder: Bounder, grid: Grid, tried: Callable[[Floats], None]) -> None:
        self.bounder, self.grid, self.tried = bounder, grid, tried
        self.leaves: dict[int, Leaf] = {}
        self.stuck: set[int] = set()
        self._cuts: dict[int, tuple[int, float, int]] = {}  # input, place, first child
        self._heap: list[tuple[float, int]] = []
        self._nodes = 1
        self.work = 0.0  # of the checker, for all leaves
        self.batch = bounder.batch
        self._evaluate([0], grid.lo[:, None], grid.hi[:, None])

    @property
    def bound(self) -> float:
        """The largest bound of all boxes."""
        top = -self._heap[0][0] if self._heap else -np.inf
        return max(top, *(self.leaves[node].bound for node in self.stuck)) if self.stuck else top

    def above(self, threshold: float) -> dict[int, Leaf]:
        """The boxes whose bound exceeds the threshold, by the numbers of their nodes."""
        return {node: leaf for node, leaf in self.leaves.items() if leaf.bound > threshold}

    def refine(self, threshold: float) -> bool:
        """Cut the worst boxes whose bound exceeds the threshold; whether there were any that could be cut."""
        ids: list[int] = []
        low: list[Floats] = []
        high: list[Floats] = []
        while self._heap and -self._heap[0][0] > threshold and len(ids) < self.batch:
            _, node = heapq.heappop(self._heap)
            leaf = self.leaves[node]
            place = self.grid.middle(leaf.lo, leaf.hi)[leaf.cut]
            if not (leaf.lo[leaf.cut] < place < leaf.hi[leaf.cut] and self.grid.inside(leaf.cut, float(place))):
                self.stuck.add(node)
                continue
            del self.leaves[node]
            self.work -= leaf.work
            self._cuts[node] = leaf.cut, float(place), self._nodes
            below, over = leaf.hi.copy(), leaf.lo.copy()
            below[leaf.cut] = over[leaf.cut] = place
            low += [leaf.lo, over]
            high += [below, leaf.hi]
            ids += [self._nodes, self._nodes + 1]
            self._nodes += 2
        if ids:
            self._evaluate(ids, np.array(low).T, np.array(high).T)
        return bool(ids)

    def _evaluate(self, ids: Sequence[int], lo: Floats, hi: Floats) -> None:
        found = self.bounder.judge(lo, hi)
        if found.towards is not None:
            centre = (lo + hi) / 2
            corner = np.where(found.towards > 0, hi, np.where(found.towards < 0, lo, centre))
            self.tried(np.concatenate([centre, corner], axis=1))
        scores = np.where(hi > lo, found.scores, -1.0)
        scores = np.where((scores > 0).any(axis=0), scores, hi - lo)  # nothing is known of what to cut: the widest
        cuts = scores.argmax(axis=0)
        for k, node in enumerate(ids):
            chosen = None if found.chosen is None else int(found.chosen[k])
            couplings = None if found.couplings is None else found.couplings[k]
            bound = float(found.bounds[k])
            self.leaves[node] = Leaf(bound, lo[:, k], hi[:, k], couplings, chosen, int(cuts[k]), float(found.work[k]))
            self.work += float(found.work[k])
            heapq.heappush(self._heap, (-bound, node))

    def written(self, others: Mapping[int, list[Any]]) -> list[Any]:
        """The tree in preorder as docs/certificate-format.md writes it; `others` stand for leaves that are proved otherwise."""
        result: list[Any] = []
        waiting = [0]
        while waiting:
            node = waiting.pop()
            if node in self._cuts:
                j, place, first = self._cuts[node]
                result.append(["split", j, self.grid.units(place)])
                waiting += [first + 1, first]
            else:
                result.append(others[node] if node in others else self.leaves[node].written())
        return result
