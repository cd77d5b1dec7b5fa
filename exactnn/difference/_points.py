"""Points of a domain at which a difference is large: floats propose and climb, the exact values of the best one count."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from exactnn.difference._pass import NotBounded
from exactnn.difference._questions import Question
from exactnn.difference._stages import LARGEST, Floats, Stages, on_grid
from exactnn.exact.polyhedron import Box, Polyhedron

Point = tuple[Fraction, ...]
_KEPT = 24  # points that are climbed from
_STEPS = 60
_BITS = 30  # of a point, relative to the widest side of the box
_AGAIN = 1 + 2.0**-30  # how much larger a float must be for its exact value to be asked


class Proposals:
    """The points with the largest sizes in floats among those that were offered.

    Attributes
    ----------
    x, sizes : the points (inputs, points) and their sizes, the largest first
    """

    def __init__(self, stages: Stages, question: Question) -> None:
        self.stages, self.question = stages, question
        self.x: Floats = np.zeros((stages.sizes[0], 0))
        self.sizes: Floats = np.zeros(0)

    @property
    def largest(self) -> float:
        """The largest size; -infinity before anything was offered."""
        return float(self.sizes[0]) if len(self.sizes) else -np.inf

    def offer(self, x: Floats) -> None:
        """Points (inputs, points) as floats; the largest are kept."""
        sizes = self.question.sizes([v for v, _ in self.stages.values(x)])
        x, sizes = np.concatenate([self.x, x], axis=1), np.concatenate([self.sizes, sizes])
        best = np.argsort(-sizes, kind="stable")[:_KEPT]
        self.x, self.sizes = x[:, best], sizes[best]


class Points:
    """The best point so far.

    Parameters
    ----------
    stages, question : what is evaluated in floats
    domain : where points may lie; lo, hi : the box around it
    exact : the exact size at a point

    Attributes
    ----------
    value, point : the largest exact size, and where; None before a point was confirmed
    """

    def __init__(self, stages: Stages, question: Question, domain: Polyhedron, box: Box, exact: Callable[[Point], Fraction]) -> None:
        self.stages, self.question, self.domain, self.exact = stages, question, domain, exact
        self.lo, self.hi = (a.to_float() for a in box.bounds)
        if not (np.abs([self.lo, self.hi]) < LARGEST).all():
            raise NotBounded("a side of the domain is beyond the range of float64")
        self.sides = [a.to_fractions() for a in box.bounds]
        self.inside = None if isinstance(domain, Box) else tuple(domain.interior_point())
        self.value: Fraction | None = None
        self.point: Point | None = None
        self._asked = -np.inf  # the float size whose exact value was asked last
        self._proposals = Proposals(stages, question)

    def offer(self, x: Floats) -> None:
        """Points (inputs, points) as floats; the largest are kept."""
        self._proposals.offer(x)

    def climb(self, starts: Floats | None = None) -> None:
        """Move points along the signs of the gradient, in steps that become shorter, and keep what is better.

        starts : points (inputs, points) to begin with; None for those that are kept
        """
        if starts is not None:
            self.offer(starts)
        x, step = self._proposals.x if starts is None else starts, (self.hi - self.lo)[:, None] / 4
        lo, hi = self.lo[:, None], self.hi[:, None]
        for _ in range(_STEPS):
            found = self.stages.values(x)
            rows = self.question.rows([v for v, _ in found])
            slope = self.stages.gradient(rows, [on for _, on in found], len(self.lo))
            x = np.clip(x + step * np.sign(np.nan_to_num(slope)), lo, hi)
            step = step * 0.85
            self.offer(x)

    def confirm(self) -> bool:
        """Ask the exact value at the best point; whether it is larger than before."""
        largest, x = self._proposals.largest, self._proposals.x
        if not largest > self._asked * _AGAIN:
            return False
        self._asked = largest
        better = False
        for point in (self._rounded(x[:, 0]), self._within(x[:, 0])):
            before = self.value
            self.take(point)
            better |= self.value != before
        return better

    def take(self, x: Point) -> None:
        """A point of the domain."""
        found = self.exact(x)
        if self.value is None or found > self.value:
            self.value, self.point = found, x

    def start(self) -> None:
        """The middle, corners and random points of the box."""
        random = np.random.default_rng(0)
        n = len(self.lo)
        share = np.concatenate([np.full((n, 1), 0.5), random.random((n, 64)), random.integers(0, 2, (n, 64)).astype(np.float64)], axis=1)
        self.offer(self.lo[:, None] + (self.hi - self.lo)[:, None] * share)

    def _rounded(self, x: Floats) -> Point:
        """With few bits."""
        width = float((self.hi - self.lo).max())
        bits = _BITS - int(np.frexp(width)[1]) if width else 0
        return self._within(on_grid(x, bits))

    def _within(self, x: Floats) -> Point:
        """The nearest point of the box; of other domains, the last one on the way from an inner point."""
        point = tuple(min(max(Fraction(v), low), high) for v, low, high in zip(x.tolist(), *self.sides, strict=True))
        if self.inside is None or self.domain.contains(point):
            return point
        share = Fraction(1)
        A, b = self.domain.rows
        for row, bound in zip(A.to_rows(), b.to_fractions(), strict=True):
            start = sum((a * v for a, v in zip(row, self.inside, strict=True)), Fraction(0))
            change = sum((a * (v - w) for a, v, w in zip(row, point, self.inside, strict=True)), Fraction(0))
            if change > 0:
                share = min(share, (bound - start) / change)
        return tuple(w + share * (v - w) for v, w in zip(point, self.inside, strict=True))
