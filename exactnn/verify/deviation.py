"""The largest deviation of two networks on a bounded domain: a bracket that closes with time, exact where a search ends.

    lower <= max over x in the domain of |f(x) - g(x)| <= upper,  |.| the largest output (linf) or the sum over the outputs (l1)

f - g is affine on the common cells of f and g, so that the maximum is attained at a vertex of one: up to 6 inputs, where there are few
cells, these are gone through. Else boxes bound it from above and points from below (`difference`); the boxes that resist in the end are
searched cell by cell.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from exactnn.cells import DIMENSIONS, FloatMap, Piece, Subdivision
from exactnn.claims import Certificate, DeviationClaim
from exactnn.difference import NEAR, Distance, NotBounded, Resources, Splitting, in_common, upper_bound
from exactnn.errors import ArgumentError, DomainError, Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number, as_fraction
from exactnn.exact.polyhedron import Box, Polyhedron
from exactnn.exact.progress import Progress, doing
from exactnn.exact.writing import json_number
from exactnn.network import Network
from exactnn.texts import number, screen, vector
from exactnn.value import Value
from exactnn.verify._boxes import OpenBoxes, distance, resources, splitting
from exactnn.verify._complete import SIGNS, Complete
from exactnn.verify._domain import Coordinates, coordinates
from exactnn.verify._joint import Cells, joint_program
from exactnn.verify._lattice import ByLattice
from exactnn.verify._matched import Matched, matched
from exactnn.verify._near import at_most, data_points, inside, most_apart
from exactnn.verify._smooth_bracket import is_smooth, smooth_bracket
from exactnn.verify._stable import settled
from exactnn.verify._wide import wide_bracket
from exactnn.verify.equality import check_domain, check_pair

Point = tuple[Fraction, ...]
_BATCH = 512
_DATA, _BLOCK = 1024, 128  # points of the user's that are computed exactly; so many at once
_SECONDS = 120.0  # without a time limit
_UNITS = 1 << 11  # of more units the cells are not looked at
_VERTICES = 1 << 21  # of so many arrangements of the units at most the cells are gone through
_LONG = 8  # entries of a vector that are shown
_NORMS = ("linf", "l1")
_ROUNDED = 2.0**-40  # more than a sum of floats over the outputs is off


@dataclass(frozen=True, repr=False)
class Deviation(Value):
    """lower <= max |f(x) - g(x)| <= upper on the domain, the largest output (linf) or their sum (l1).

    Attributes
    ----------
    lower, upper : the bracket; equal where the maximum is known
    point : a point of the domain at which the deviation is `lower`; of smooth networks, at least that
    values : (f(point), g(point)); None for smooth networks, whose values are irrational
    norm : "linf" or "l1"
    """

    lower: Fraction
    upper: Fraction
    point: Point
    values: tuple[Point, Point] | None
    norm: str
    claim: DeviationClaim = field(repr=False)
    evidence: dict[str, Any] | None = field(default=None, repr=False)
    cells: Cells | None = field(default=None, repr=False, compare=False)
    matched: Matched | None = field(default=None, repr=False, compare=False)  # g, as the cells know it
    semantics: str = "real arithmetic"

    @property
    def is_exact(self) -> bool:
        """Whether the maximum is known."""
        return self.lower == self.upper

    @cached_property
    def certificate(self) -> Certificate:
        """The proof of both ends. Where all cells were gone through it is written from them when first asked for."""
        clock = Clock()
        evidence = self.evidence if self.evidence is not None else self._on_cells(clock)
        return Certificate(self.claim, "proved", {**evidence, "point": [json_number(q) for q in self.point]}, clock)

    def _on_cells(self, clock: Clock) -> dict[str, Any]:
        """The proof of the upper end from the cells at hand; where they were too many to be kept, they are made once more."""
        claim = self.claim if self.matched is None else replace(self.claim, g=self.matched.network)
        where = coordinates(claim.domain, claim.f.input_dim)
        try:
            if where.dimension:
                lattice = ByLattice(claim, where, clock)
                answer = lattice.decide() if self.cells is None else lattice.written(self.cells)
            else:
                answer = Complete(claim, where, clock, None).decide()
        except Incomplete:  # more cells than fit into memory
            answer = Complete(claim, where, clock, None).decide()
        if isinstance(answer, RationalArray):
            raise AssertionError("a point beyond the largest deviation was found; please report this")
        return answer if self.matched is None else self.matched.stated(answer)

    def __getstate__(self) -> dict[str, Any]:
        """Without the cells: the certificate can be written without them."""
        return {**self.__dict__, "cells": None}

    def _parts(self) -> dict[str, Any]:
        names = ("lower", "upper", "is_exact", "norm", "point", "values", "semantics")
        parts = {name: getattr(self, name) for name in names}
        return {**parts, "values": None if self.values is None else dict(zip("fg", self.values, strict=True))}

    def _summary(self) -> str:
        largest = "max |f - g|" if self.norm == "linf" else "max sum |f_j - g_j|"
        if self.is_exact:
            return f"{largest} = {number(self.upper)}"
        return f"{number(self.lower, 24)} <= {largest} <= {number(self.upper, 24)}"

    def _rows(self) -> list[tuple[str, str]]:
        attained = "" if self.values is not None else ", at least"
        rows = [(f"{'the maximum' if self.is_exact else 'the lower end'} at x{attained}", vector(self.point))]
        rows += [(f"{name}(x)", vector(value)) for name, value in zip("fg", self.values or (), strict=False)]
        return [*rows, ("domain", repr(self.claim.domain)), ("certificate", ".certificate.save(path) writes it")]

    def __str__(self) -> str:
        return screen(self._summary(), self._rows())


@timed
def max_deviation(
    f: Network,
    g: Network,
    *,
    domain: Polyhedron,
    norm: str = "linf",
    gap: Number = 0,
    near: Any = None,
    time_limit: Number | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Deviation:
    """A bracket of max |f(x) - g(x)| over the domain, with a point that attains its lower end and a certificate of both ends.

    Parameters
    ----------
    f, g : networks with equal numbers of inputs and outputs
    domain : a bounded Box or Polyhedron
    norm : "linf", the largest |f_j - g_j|, or "l1", their sum
    gap : a rational >= 0; the search ends once upper <= (1 + gap) lower; 0 for the exact maximum
    near : your data, points (n, input_dim) or n inputs in their own shape: those in the domain are tried first and climbed from, and of
        points with the largest deviation that was found `point` is one of them (of smooth networks, not always)
    time_limit : seconds; None for 120
    executor : any `concurrent.futures.Executor` (of a Dask client, `client.get_executor()`), whose workers cut boxes; None: this process
    checkpoint : the path of a file that keeps the boxes, and from which a later call of the same question goes on (gap and time limit may
        be others); compressed if its name ends in .gz. Cells are gone through without either

    Returns
    -------
    Deviation
        With `lower` = `upper` where the search ended in time; for smooth networks a bracket, closed as far as time and gap ask.

    Raises
    ------
    ShapeError, DomainError, EmptyDomain, ArgumentError, LoadError and SaveError (checkpoint)
    NotPiecewiseLinear
        For rational nodes.
    Incomplete
        There is no bound at all within the time: the networks are too large.

    Examples
    --------
    >>> from exactnn import Box, max_deviation, mlp
    >>> f = mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0])])       # min(max(x, 0), 1)
    >>> found = max_deviation(f, mlp([([["1/2"]], [0])]), domain=Box(-2, 3))
    >>> found.lower, found.upper, found.point
    (Fraction(1, 1), Fraction(1, 1), (Fraction(-2, 1),))
    """
    check_pair(f, g)
    if norm not in _NORMS:
        raise ArgumentError(f"norm: 'linf' (the largest output) or 'l1' (the sum over the outputs) is needed, got {norm!r}")
    share = as_fraction(gap, "gap")
    if share < 0:
        raise ArgumentError(f"gap: a number >= 0 is needed, got {gap}")
    whole = check_domain(domain, f)
    if whole is None:
        raise DomainError("domain: a bounded Box or Polyhedron is needed, got None; on all of R^d the maximum may be infinite")
    direction = whole.unbounded_direction()
    if direction is not None:
        where = _shown(direction)
        raise DomainError(f"domain: a bounded Box or Polyhedron is needed, got {domain!r}, which is unbounded in the direction {where}")
    clock = clock_in_force()
    if clock.limit is None:
        clock = Clock(_SECONDS)
    claim = DeviationClaim(f, g, whole, Fraction(0), norm=norm)
    data = data_points(near, f)
    if data is not None:
        data = data[np.flatnonzero(inside(whole, data))]
    return Bracket(claim, clock, share, resources(claim, executor, checkpoint), data if data is not None and len(data) else None).answer()


class Bracket:
    """One question on its way to an answer; `claim.tolerance` is open. `near`: inputs of the domain, the user's data."""

    def __init__(self, claim: DeviationClaim, clock: Clock, gap: Fraction, means: Resources, near: RationalArray | None = None) -> None:
        self.claim, self.clock, self.gap, self.means = claim, clock, gap, means
        self.f, self.g, self.question = claim.f, claim.g, Distance(claim.norm)
        assert self.g is not None
        self.where = coordinates(claim.domain, self.f.input_dim)
        self.tree: Splitting | None = None
        self.best = _Best(self.f, self.g, self.where, claim.norm)
        self.near = None if near is None else most_apart(self.f, self.g, near, claim.norm, at_most([self.f, self.g], _DATA))
        self.cells: Cells | None = None

    def answer(self) -> Deviation:
        """The cells, if they are few; else boxes, and cells on those that resist; whatever time leaves, a bracket."""
        with doing("neurons of g in the order of those of f"):
            moved = matched(self.f, self.g)
        if moved is None:
            return self._bracket()
        found = Bracket(replace(self.claim, g=moved.network), self.clock, self.gap, self.means, self.near)._bracket()
        claim = replace(found.claim, g=self.g)
        if found.evidence is None:
            return replace(found, claim=claim, matched=moved)
        return replace(found, claim=claim, evidence=moved.stated(found.evidence))

    def _bracket(self) -> Deviation:
        same = self._same()
        if same is not None:
            return same
        if is_smooth(self.claim.models().values()):
            found = smooth_bracket(self.claim, self.where, self.clock, self.gap, self.near)
            claim = replace(self.claim, tolerance=found.upper, lower=None if found.lower == found.upper else found.lower)
            return Deviation(found.lower, found.upper, found.point, None, claim.norm, claim, found.evidence)
        try:
            return self._answer()
        except Incomplete as stopped:
            with self.clock.grace():
                if self.tree is not None and self.tree.points.point is not None:
                    self.best.offer(self.tree.points.point)
                    return self._found(max(self.tree.upper, self.best.value), self.tree.evidence())
                return self._found(*wide_bracket(self.claim, self.best.offer, Clock(0), f"{stopped}"))

    def _same(self) -> Deviation | None:
        """0, where both are the same operations with the same numbers: one interval pass sees that no difference comes up."""
        f, g, domain = self.f, self.g, self.claim.domain
        assert g is not None
        assert domain is not None
        common = in_common(f, g)
        if common is None or not common.whole:
            return None
        try:
            bound = upper_bound(f, g, domain, enough=Fraction(0), clock=self.clock)
        except NotBounded:
            return None
        if bound.value:
            return None
        point = tuple(domain.interior_point())
        values = None if is_smooth(self.claim.models().values()) else (f(point), g(point))
        return Deviation(
            bound.value, bound.value, point, values, self.claim.norm, replace(self.claim, tolerance=bound.value), bound.evidence
        )

    @doing("how far apart f and g are")
    def _answer(self) -> Deviation:
        if self.near is not None:
            self.best.offer_worst(self.near, self.clock)
        if not self.where.dimension:
            self.best.offer(self.where.to_input(RationalArray.zeros((1, 0)))[0].to_fractions())
            return self._found(self.best.value, None)
        if self._by_cells():
            return self._found(self.best.value, None)
        tree = splitting(self.claim, self.question, self.clock, means=self.means)
        if isinstance(tree, str):
            return self._found(*wide_bracket(self.claim, self.best.offer, self.clock, tree, self.near))
        self.tree = tree
        if self.best.point is not None:
            tree.points.take(self.best.point)
        if self.near is not None:
            tree.points.climb(self.near.to_float().T)
        seconds = self.clock.left()
        tree.run(self.clock.at_most(seconds if self.gap or not self._exactly_later else seconds / 2), gap=max(self.gap, NEAR))
        others = None
        if not self.gap and self._exactly_later:
            others = self._on_boxes(tree)
        with self.clock.grace():
            assert tree.points.point is not None
            self.best.offer(tree.points.point)
            return self._found(self.best.value if others is not None else max(tree.upper, self.best.value), tree.evidence(others))

    def _by_cells(self) -> bool:
        """Go through the vertices of all common cells, if they can be few."""
        if self.where.dimension > DIMENSIONS or (self.claim.norm == "l1" and self.f.output_dim > SIGNS):
            return False
        clock = self.clock.at_most(self.clock.left() / 2)
        try:
            program = joint_program(self.f, self.g, self.where)
            if program.unit_count > _UNITS:
                return False
            merged, _ = settled(program, self.where, clock)
            part = merged.part()
            if math.comb(part.program.unit_count + self.where.dimension, self.where.dimension) > _VERTICES:
                return False
            run = Subdivision(part.program, clock)
            with Progress("going through the cells of the networks", unit="cells") as bar:
                for piece in run.pieces():
                    self.best.search(run, piece)
                    bar.update(piece.cells)
                    self.cells = Cells(part, run, piece) if run.finished == piece.cells and not run.open_cells else None
        except Incomplete:
            return False
        return True

    @property
    def _exactly_later(self) -> bool:
        return isinstance(self.claim.domain, Box) and self.claim.norm == "linf"

    def _on_boxes(self, tree: Splitting) -> dict[int, list[Any]] | None:
        """The boxes whose bound exceeds the best point, cell by cell, until no better point is found; None at the end of the time."""
        while self.clock.left() > 0:
            best = tree.points.value
            assert best is not None
            try:
                found = OpenBoxes(replace(self.claim, tolerance=best)).decide(tree, tree.open(best), self.clock)
            except Incomplete:
                return None
            if not isinstance(found, RationalArray):
                return found
            tree.points.take(found.to_fractions())
        return None

    def _found(self, upper: Fraction, evidence: dict[str, Any] | None) -> Deviation:
        best = self.best
        assert self.g is not None
        assert best.point is not None
        with self.clock.grace():
            values = self.f(best.point), self.g(best.point)
        lower = None if best.value == upper else best.value
        claim = replace(self.claim, tolerance=upper, lower=lower)
        return Deviation(best.value, upper, best.point, values, claim.norm, claim, evidence, None if evidence is not None else self.cells)


class _Best:
    """The largest deviation at the points offered so far."""

    def __init__(self, f: Network, g: Network, where: Coordinates, norm: str) -> None:
        self.f, self.g, self.where, self.norm = f, g, where, norm
        self.value = Fraction(0)
        self.point: Point | None = None

    def offer(self, x: Point) -> None:
        """One point of the domain."""
        found = distance(self.f(x), self.g(x), self.norm)
        if found > self.value or self.point is None:
            self.value, self.point = found, x

    def offer_worst(self, points: RationalArray, clock: Clock) -> None:
        """The one of these points where the deviation is largest, as far as time allows; of some at the least."""
        for start in range(0, len(points), _BLOCK):
            if start and clock.left() <= 0:
                break
            block = points[start : start + _BLOCK]
            with clock.still():
                gaps = abs(self.f.evaluate(block) - self.g.evaluate(block))
                sizes = gaps.sum(axis=1) if self.norm == "l1" else gaps.max(axis=1)
                self.offer(block[int(sizes.numerators.argmax())].to_fractions())

    def search(self, run: Subdivision, piece: Piece) -> None:
        """The vertices of a piece: floats with error bounds leave those that may exceed the value, which are computed exactly."""
        ids = piece.ids
        with np.errstate(all="ignore"):
            balls = run.vertices.values(ids, FloatMap(run.program.outputs[0]))
        assert balls.rad is not None
        size, reach = np.abs(balls.mid[:, 0]), np.abs(balls.mid[:, 0]) + balls.rad[:, 0]
        if self.norm == "l1":
            size, reach = size.sum(axis=1), reach.sum(axis=1) * (1 + _ROUNDED)
        else:
            size, reach = size.max(axis=1), reach.max(axis=1)
        order = np.argsort(-size, kind="stable")
        first = 1
        while len(order):
            chosen, order = order[:first], order[first:]
            self._exactly(run, ids[chosen])
            order = order[~(reach[order] <= _below(self.value))]
            first = _BATCH

    def _exactly(self, run: Subdivision, ids: Any) -> None:
        (differences,) = run.vertices.exact_outputs(ids)
        for k, gaps in enumerate(differences):
            found = distance(gaps, [Fraction(0)] * len(gaps), self.norm)
            if found > self.value or self.point is None:
                zero, _, q = run.vertices.exact_points(ids[k : k + 1])[0]
                t = RationalArray.from_fractions([Fraction(n, q) for n in zero], (1, len(zero)))
                self.value, self.point = found, self.where.to_input(t)[0].to_fractions()


def _shown(direction: Point) -> str:
    """The vector; of a long one the entries other than 0."""
    entries = {f"x_{j}": q for j, q in enumerate(direction) if q}
    if len(direction) <= _LONG:
        return f"({', '.join(map(str, direction))})"
    listed = [f"{name} = {q}" for name, q in entries.items()]
    return ", ".join(listed[:_LONG]) + (", ..." if len(listed) > _LONG else ", all others 0")


def _below(value: Fraction) -> float:
    """A float that is not above the value."""
    try:
        found = value.numerator / value.denominator
    except OverflowError:
        return float(np.finfo(np.float64).max)
    return float(np.nextafter(found, -np.inf))
