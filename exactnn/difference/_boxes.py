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

_NONE = -1  # for the cut of a box that is not bounded yet

#: As checkpoints hold a tree, in preorder: [input, place in units of the grid] for a cut, 0 for a leaf.
Outline = list[Any]


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

    @classmethod
    def unbounded(cls, lo: Floats, hi: Floats) -> Leaf:
        """A box of which nothing is known yet."""
        return cls(np.inf, lo, hi, np.zeros(0, dtype=bool), None, _NONE, 0.0)

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


class Branch(NamedTuple):
    """Trees that grew from some boxes, the nodes 0, 1, ... of their common numbering: cuts (input, place, first child), leaves."""

    nodes: int
    cuts: dict[int, tuple[int, float, int]]
    leaves: dict[int, Leaf]
    stuck: set[int]

    @property
    def work(self) -> float:
        """Of the checker, for the leaves."""
        return sum(leaf.work for leaf in self.leaves.values())


class Boxes:
    """A tree of boxes on its way to a proof.

    Parameters
    ----------
    bounder : what bounds the question on each box
    grid : the box around the domain
    tried : is called with points (inputs, points) of the boxes where the bound may be attained
    roots : the boxes to begin with, for a part of a larger tree; None for the whole one

    Attributes
    ----------
    leaves : the boxes that are not cut, by the numbers of their nodes
    stuck : those of them that are too small to be cut
    out : those of them that are being worked on elsewhere, with how many leaves there were when they were handed out
    """

    def __init__(self, bounder: Bounder, grid: Grid, tried: Callable[[Floats], None], roots: Sequence[Leaf] | None = None) -> None:
        self.bounder, self.grid, self.tried = bounder, grid, tried
        self.leaves = dict(enumerate([Leaf.unbounded(grid.lo, grid.hi)] if roots is None else roots))
        self.stuck: set[int] = set()
        self.out: dict[int, int] = {}
        self._cuts: dict[int, tuple[int, float, int]] = {}  # input, place, first child
        self._heap = [(-leaf.bound, node) for node, leaf in self.leaves.items()]
        heapq.heapify(self._heap)
        self._nodes = len(self.leaves)
        self.work = sum(leaf.work for leaf in self.leaves.values())  # of the checker, for all leaves
        self.batch = bounder.batch
        if roots is None:
            self.refine(-np.inf)

    @property
    def bound(self) -> float:
        """The largest bound of all boxes."""
        top = -self._heap[0][0] if self._heap else -np.inf
        return max([top, *(self.leaves[node].bound for node in (*self.stuck, *self.out))])

    def above(self, threshold: float) -> dict[int, Leaf]:
        """The boxes whose bound exceeds the threshold, by the numbers of their nodes."""
        return {node: leaf for node, leaf in self.leaves.items() if leaf.bound > threshold}

    def refine(self, threshold: float) -> bool:
        """Cut the worst boxes whose bound exceeds the threshold, after bounding those that are not; whether there were any to cut."""
        ids: list[int] = []
        low: list[Floats] = []
        high: list[Floats] = []
        while self._heap and -self._heap[0][0] > threshold and len(ids) < self.batch:
            _, node = heapq.heappop(self._heap)
            leaf = self.leaves[node]
            if leaf.cut == _NONE:
                low.append(leaf.lo)
                high.append(leaf.hi)
                ids.append(node)
                continue
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

    # --- parts of the tree elsewhere, and on disk -------------------------------------------------------------------------------

    @property
    def branch(self) -> Branch:
        """The whole tree."""
        return Branch(self._nodes, self._cuts, self.leaves, self.stuck)

    def count(self, threshold: float, most: int) -> int:
        """How many boxes here exceed the threshold, counted to about `most`."""
        found, waiting = 0, [0]
        while waiting and found < most:
            k = waiting.pop()
            if k < len(self._heap) and -self._heap[k][0] > threshold:  # those below it in the heap are no worse
                found += 1
                waiting += [2 * k + 1, 2 * k + 2]
        return found

    def hand_out(self, threshold: float, most: int) -> list[int]:
        """The worst boxes whose bound exceeds the threshold, at most so many, to be worked on elsewhere."""
        found: list[int] = []
        while self._heap and -self._heap[0][0] > threshold and len(found) < most:
            found.append(heapq.heappop(self._heap)[1])
        self.out.update(dict.fromkeys(found, len(self.leaves)))
        return found

    def take_back(self, nodes: Sequence[int], branch: Branch | None) -> None:
        """What grew from boxes that were handed out, its roots in their order; None for nothing."""
        for node in nodes:
            self.out.pop(node)
        if branch is None:
            for node in nodes:
                heapq.heappush(self._heap, (-self.leaves[node].bound, node))
            return
        start = self._nodes - len(nodes)
        self._nodes += branch.nodes - len(nodes)
        for node in nodes:
            self.work -= self.leaves.pop(node).work
        for k, (j, place, first) in branch.cuts.items():
            self._cuts[_renumbered(k, nodes, start)] = j, place, first + start
        for k, leaf in branch.leaves.items():
            node = _renumbered(k, nodes, start)
            self.leaves[node] = leaf
            self.work += leaf.work
            if k in branch.stuck:
                self.stuck.add(node)
            else:
                heapq.heappush(self._heap, (-leaf.bound, node))

    def outline(self) -> Outline:
        """The cuts, from which `restore` makes the tree again."""
        result: Outline = []
        waiting = [0]
        while waiting:
            cut = self._cuts.get(waiting.pop())
            if cut is None:
                result.append(0)
            else:
                j, place, first = cut
                result.append([j, self.grid.units(place)])
                waiting += [first + 1, first]
        return result

    def restore(self, outline: Outline, bits: int) -> None:
        """Make the cuts of an outline in units of 2^-bits, at most those of the grid; `refine` bounds all leaves anew.

        ValueError for what is no outline of a tree.
        """
        grid, finer = self.grid, self.grid.bits - bits
        cuts: dict[int, tuple[int, float, int]] = {}
        leaves: dict[int, Leaf] = {}
        nodes, waiting = 1, [(0, grid.lo, grid.hi)]
        for item in outline:
            if not waiting:
                raise ValueError("there are nodes behind the last leaf")
            node, lo, hi = waiting.pop()
            if item == 0:
                leaves[node] = Leaf.unbounded(lo, hi)
                continue
            j, n = item[0], item[1] << finer
            if not (0 <= j < len(lo) and grid.low[j] < n < grid.high[j]):
                raise ValueError("a cut is outside of the box")
            place = nearest_float(n, 1 << grid.bits)
            if not (lo[j] < place < hi[j] and grid.units(place) == n):
                raise ValueError("a cut is outside of its box, or not where a float can be")
            below, over = hi.copy(), lo.copy()
            below[j] = over[j] = place
            cuts[node] = j, place, nodes
            waiting += [(nodes + 1, over, hi), (nodes, lo, below)]
            nodes += 2
        if waiting:
            raise ValueError("leaves are missing")
        self._cuts, self.leaves, self._nodes = cuts, leaves, nodes
        self.stuck, self.out, self.work = set(), {}, 0.0
        self._heap = [(-np.inf, node) for node in leaves]

    # --- evidence ----------------------------------------------------------------------------------------------------------------

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


def _renumbered(k: int, nodes: Sequence[int], start: int) -> int:
    return nodes[k] if k < len(nodes) else k + start
