"""Questions on a bounded domain by a tree of boxes (`difference`), and the search over cells on the boxes that resist.

Source: docs/theory.md 19.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from exactnn.claims import Comparison, DeviationClaim, SameDecisionClaim
from exactnn.difference import Checkpoint, Coarse, Distance, Leaf, Margin, NotBounded, Resources, Splitting, bounding_box
from exactnn.errors import ArgumentError, Incomplete, NotPiecewiseLinear
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import Clock
from exactnn.exact.executors import check_executor
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.exact.progress import counted
from exactnn.exact.tasks import TaskFile
from exactnn.network import Network, Rational, Smooth
from exactnn.network.document import canonical_hash, document
from exactnn.verify._alike import Alike
from exactnn.verify._complete import Complete
from exactnn.verify._domain import coordinates
from exactnn.verify._parts import FORMAT, VERSION

Point = tuple[Fraction, ...]
#: of the time, for boxes where people bring an executor or a checkpoint
LONG_SHARE = 0.9
_ALONE = Resources()
_FEW = 64  # boxes that resist, which may be left to the search over cells


def resources(claim: Comparison | SameDecisionClaim, executor: Executor | None, checkpoint: str | os.PathLike[str] | None) -> Resources:
    """The arguments `executor` and `checkpoint` of a question; its file is opened, and made if there is none.

    They help where boxes are cut, and where equality (tolerance 0) is decided cell by cell. ArgumentError where neither is done for this
    question, LoadError for a file of another one.
    """
    check_executor(executor)
    if executor is None and checkpoint is None:
        return Resources()
    name = "executor" if checkpoint is None else "checkpoint"
    if isinstance(claim, (DeviationClaim, SameDecisionClaim)):
        if claim.domain is None:
            raise ArgumentError(f"{name}: it helps with boxes, which need a bounded domain; give one, or leave it out")
    elif claim.domain is None and claim.tolerance:
        raise ArgumentError(
            f"{name}: it helps with boxes, which need a bounded domain, and with equality cell by cell, of tolerance 0; give a domain, or "
            "leave it out"
        )
    for net in claim.models().values():
        curved = curved_node(net)
        if curved is not None:
            raise ArgumentError(
                f"{name}: boxes are cut by workers and kept in files for piecewise linear networks only, and {curved}; leave it out: for "
                "others boxes are cut in this process, within the time limit"
            )
    if checkpoint is None:
        return Resources(executor)
    if isinstance(claim, (DeviationClaim, SameDecisionClaim)) or claim.tolerance:
        return Resources(executor, Checkpoint(checkpoint, fingerprint(claim)))
    return Resources(executor, tasks=TaskFile(checkpoint, FORMAT, VERSION, fingerprint(claim)))


def curved_node(net: Network) -> str | None:
    """The first node that is smooth or rational, in words; None for piecewise linear networks."""
    for name in net.order:
        operation = net.operation(name)
        if isinstance(operation, (Smooth, Rational)):
            return f"node {name!r} is {operation.name if isinstance(operation, Smooth) else 'a rational function'}"
    return None


def fingerprint(claim: Comparison | SameDecisionClaim) -> str:
    """A hash of networks, domain, norm and tolerance."""
    nets = [None if net is None else canonical_hash(document(net)) for net in (claim.f, claim.g)]
    text = json.dumps([claim.stated("proved"), nets], sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def splitting(
    claim: Comparison | SameDecisionClaim,
    question: Distance | Margin,
    clock: Clock,
    tolerance: Fraction | None = None,
    means: Resources = _ALONE,
) -> Splitting | str:
    """The search by boxes before its first cut; or why there is none."""
    assert claim.domain is not None
    try:
        around = bounding_box(claim.domain, clock)
        if around is None:
            return "the domain is not known to be bounded"
        return Splitting(claim.f, claim.g, claim.domain, around, question, sizes(claim.f, claim.g, question), tolerance, means)
    except (NotBounded, NotPiecewiseLinear) as reason:
        return f"there are no linear bounds of the difference ({reason})"


def coarse(claim: Comparison, clock: Clock, size: Fraction | None) -> Coarse | str:
    """The tree of boxes for intervals before its first cut; or why there is none."""
    try:
        around = bounding_box(claim.domain, clock)
        if around is None:
            return "the domain is not known to be bounded"
        norm = claim.norm if isinstance(claim, DeviationClaim) else "linf"
        return Coarse(claim.f, claim.g, around, Distance(norm), size, clock)
    except NotBounded as reason:
        return f"there are no bounds of the difference layer by layer ({reason})"


def sizes(f: Network, g: Network | None, question: Distance | Margin) -> Callable[[Point], Fraction]:
    """The exact size of a question at a point."""

    def size(x: Point) -> Fraction:
        first = f(x)
        second = (Fraction(0),) * len(first) if g is None else g(x)
        if isinstance(question, Margin):
            return Fraction(maximal(first) != maximal(second))
        return distance(first, second, question.norm)

    return size


def distance(u: Sequence[Fraction], v: Sequence[Fraction], norm: str) -> Fraction:
    """max |u_j - v_j| for "linf", the sum for "l1"."""
    gaps = [abs(a - b) for a, b in zip(u, v, strict=True)]
    return sum(gaps, Fraction(0)) if norm == "l1" else max(gaps)


class Proof(NamedTuple):
    """Evidence that the claim holds on all boxes; how many there are, some of them perhaps searched cell by cell."""

    evidence: dict[str, Any]
    boxes: str


class Failure(NamedTuple):
    """An input at which the claim fails, and how it was found."""

    point: RationalArray
    how: str


class OpenBoxes:
    """The searches cell by cell on boxes that resist, each of which goes on where it was stopped."""

    def __init__(self, claim: Comparison | SameDecisionClaim) -> None:
        self.claim = claim
        self._begun: dict[tuple[bytes, bytes], Complete | Alike] = {}
        self._ended: dict[tuple[bytes, bytes], list[Any]] = {}

    def decide(self, tree: Splitting, leaves: dict[int, Leaf], clock: Clock) -> dict[int, list[Any]] | RationalArray:
        """The claim on each of these boxes: nodes for the evidence; or a point, an input, at which it fails.

        Incomplete at the end of the time.
        """
        for done, leaf in enumerate(counted("boxes that resist, cell by cell", leaves.values(), unit="boxes")):
            try:
                point = self._decide(tree, leaf, clock)
            except Incomplete as stopped:
                reason = f"{stopped}".partition(";")[0]
                raise Incomplete(
                    f"the search cell by cell ended with {done} of {len(leaves)} boxes that bounds left open: {reason}"
                ) from None
            if point is not None:
                return point
        return {node: self._ended[_place(leaf)] for node, leaf in leaves.items()}

    def _decide(self, tree: Splitting, leaf: Leaf, clock: Clock) -> RationalArray | None:
        """A point of the box at which the claim fails, if there is one."""
        place = _place(leaf)
        if place in self._ended:
            return None
        if place not in self._begun:
            inside = replace(self.claim, domain=restricted(self.claim.domain, tree, leaf))
            where = coordinates(inside.domain, self.claim.f.input_dim)
            if isinstance(inside, SameDecisionClaim):
                self._begun[place] = Alike(inside, where, clock)
            else:
                self._begun[place] = Complete(inside, where, clock, None)
        search = self._begun[place]
        answer = search.decide(clock)
        if isinstance(answer, RationalArray):
            return search.where.to_input(answer.reshape(1, -1))[0]
        self._ended[place] = ["exact", answer["hull"], answer["tree"]]
        del self._begun[place]
        return None


def _place(leaf: Leaf) -> tuple[bytes, bytes]:
    return leaf.lo.tobytes(), leaf.hi.tobytes()


def concluded(
    claim: Comparison | SameDecisionClaim, tree: Splitting, tolerance: Fraction, clock: Clock, boxes: OpenBoxes
) -> Proof | Failure | None:
    """What a tree that was grown says, boxes that resist being searched cell by cell if they are few; None for nothing.

    Incomplete at the end of the time for cells.
    """
    points = tree.points
    if points.point is not None and points.value is not None and points.value > tolerance:
        return Failure(RationalArray.of(list(points.point)), "a point found by ascent from boxes, confirmed exactly")
    resisting = tree.open(tolerance)
    others: dict[int, list[Any]] = {}
    if resisting:
        if not few_resist(claim, tree, tolerance):
            return None
        answer = boxes.decide(tree, resisting, clock)
        if isinstance(answer, RationalArray):
            return Failure(answer, "the outputs differ on a cell inside a box on which no bound suffices")
        others = answer
    count = len(tree.boxes.leaves)
    cells = f", on {len(others)} of them cell by cell" if others else ""
    return Proof(tree.evidence(others), f"{count} box{'es' if count > 1 else ''}{cells}")


def few_resist(claim: Comparison | SameDecisionClaim, tree: Splitting, tolerance: Fraction) -> bool:
    """Whether the boxes that resist are so few that their cells can be searched."""
    return isinstance(claim.domain, Box) and len(tree.open(tolerance)) <= _FEW


def restricted(domain: Polyhedron | None, tree: Splitting, leaf: Leaf) -> Polyhedron:
    """The domain with the sides of a box of the tree as further rows, x_j <= hi_j and -x_j <= -lo_j for each j in turn."""
    assert domain is not None
    A, b = domain.rows
    low, high = tree.box(leaf).bounds
    d = len(low)
    sides = concatenate([RationalArray.eye(d), -RationalArray.eye(d)])
    turns = np.arange(2 * d).reshape(2, d).T.ravel()
    return Polyhedron(concatenate([A, sides[turns]]), concatenate([b, concatenate([high, -low])[turns]]))


def maximal(values: Point) -> set[int]:
    """The outputs that attain the maximum."""
    top = max(values)
    return {j for j, v in enumerate(values) if v == top}
