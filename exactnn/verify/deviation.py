"""The largest deviation of two networks on a bounded domain, exactly.

    max over x in the domain and outputs j of |f_j(x) - g_j(x)|

f - g is affine on the common cells of f and g, so that the maximum is attained at a vertex of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from tqdm import tqdm

from exactnn.cells import DIMENSIONS, FloatMap, Piece, Subdivision
from exactnn.claims import Certificate, DeviationClaim
from exactnn.difference import NotBounded, upper_bound
from exactnn.errors import ArgumentError, DomainError, Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number, approximately
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.writing import json_number
from exactnn.network import Network
from exactnn.verify._complete import Complete
from exactnn.verify._domain import Coordinates, coordinates
from exactnn.verify._joint import Joint
from exactnn.verify.equality import check_domain, check_pair

Point = tuple[Fraction, ...]
_BATCH = 512


@dataclass(frozen=True)
class Deviation:
    """lower <= max |f_j(x) - g_j(x)| <= upper on the domain.

    Attributes
    ----------
    lower, upper : equal, since the maximum is found exactly
    point : a point of the domain, a vertex of the common cells, at which it is attained
    values : (f(point), g(point))
    """

    lower: Fraction
    upper: Fraction
    point: Point
    values: tuple[Point, Point]
    norm: str
    claim: DeviationClaim = field(repr=False)
    semantics: str = "real arithmetic"

    @cached_property
    def certificate(self) -> Certificate:
        """The proof that `upper` is an upper bound and that `point` attains `lower`; made when first asked for, which can take long."""
        where = coordinates(self.claim.domain, self.claim.f.input_dim)
        clock = Clock()
        evidence = Complete(self.claim, where, clock, None).decide()
        if isinstance(evidence, RationalArray):
            raise AssertionError("a point beyond the largest deviation was found; please report this")
        return Certificate(self.claim, "proved", {**evidence, "point": [json_number(q) for q in self.point]}, clock)


@timed
def max_deviation(f: Network, g: Network, *, domain: Polyhedron, norm: str = "linf", time_limit: Number | None = None) -> Deviation:
    """max |f_j(x) - g_j(x)| over the domain and all outputs j, exactly.

    Parameters
    ----------
    f, g : piecewise linear networks with equal numbers of inputs and outputs
    domain : a bounded Box or Polyhedron of at most 6 dimensions (a slice of a larger input space is one)
    norm : "linf", the largest output counts
    time_limit : seconds; Incomplete with the largest deviation seen so far (`.partial`, a lower bound) once they have passed

    Raises
    ------
    ShapeError, DomainError, EmptyDomain, ArgumentError, NotPiecewiseLinear, Incomplete

    Examples
    --------
    >>> from exactnn import Box, max_deviation, mlp
    >>> f = mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0])])       # min(max(x, 0), 1)
    >>> found = max_deviation(f, mlp([([["1/2"]], [0])]), domain=Box(-2, 3))
    >>> found.upper, found.point
    (Fraction(1, 1), (Fraction(-2, 1),))
    """
    check_pair(f, g)
    if norm != "linf":
        raise ArgumentError(f"norm: 'linf' (the largest output) is needed, got {norm!r}")
    whole = check_domain(domain, f)
    if whole is None or not whole.is_bounded():
        raise DomainError(f"domain: a bounded Box or Polyhedron is needed, got {domain!r}; on an unbounded one the maximum may be infinite")
    clock = clock_in_force()
    where = coordinates(whole, f.input_dim)
    best = _Best(f, g, where)
    if not where.dimension:
        best.offer(where.to_input(RationalArray.zeros((1, 0)))[0].to_fractions())
    elif where.dimension > DIMENSIONS:
        raise DomainError(
            f"domain: at most {DIMENSIONS} dimensions are needed, got {where.dimension}; take a slice, or verify_equal with a tolerance"
        )
    else:
        joint = Joint(f, g, where)
        form = FloatMap(joint.difference)
        with tqdm(unit=" cells", delay=2, disable=None, leave=False) as bar:
            try:
                for run, piece in joint.pieces(clock):
                    best.search(run, piece, form)
                    bar.update(piece.cells)
            except Incomplete as stopped:
                with clock.grace():
                    words = f"a deviation of {approximately(best.value)} was seen{_at_most(f, g, whole)}"
                raise Incomplete(f"{stopped}; {words}", best.value) from None
    assert best.point is not None
    claim = DeviationClaim(f, g, whole, best.value)
    with clock.grace():
        values = f(best.point), g(best.point)
    return Deviation(best.value, best.value, best.point, values, norm, claim)


def _at_most(f: Network, g: Network, domain: Polyhedron) -> str:
    """What bounds layer by layer say of the largest deviation."""
    try:
        found = upper_bound(f, g, domain, clock=clock_in_force())
    except (NotBounded, Incomplete):  # too large
        return ""
    return "" if found is None else f"; none is larger than {found.text}"


class _Best:
    """The largest deviation at the points offered so far."""

    def __init__(self, f: Network, g: Network, where: Coordinates) -> None:
        self.f, self.g, self.where = f, g, where
        self.value = Fraction(0)
        self.point: Point | None = None

    def offer(self, x: Point) -> None:
        """One point of the domain."""
        found = max(abs(a - b) for a, b in zip(self.f(x), self.g(x), strict=True))
        if found > self.value or self.point is None:
            self.value, self.point = found, x

    def search(self, run: Subdivision, piece: Piece, form: FloatMap) -> None:
        """The vertices of a piece: floats with error bounds leave those that may exceed the value, which are computed exactly."""
        ids = piece.ids
        with np.errstate(all="ignore"):
            balls = run.vertices.values(ids, form)
        assert balls.rad is not None
        size = np.abs(balls.mid[:, 0]).max(axis=1)
        reach = (np.abs(balls.mid[:, 0]) + balls.rad[:, 0]).max(axis=1)
        order = np.argsort(-size, kind="stable")
        first = 1
        while len(order):
            chosen, order = order[:first], order[first:]
            self._exactly(run, ids[chosen])
            order = order[~(reach[order] <= _below(self.value))]
            first = _BATCH

    def _exactly(self, run: Subdivision, ids: Any) -> None:
        a, b = run.vertices.exact_outputs(ids)
        for k, (u, v) in enumerate(zip(a, b, strict=True)):
            found = max(abs(p - q) for p, q in zip(u, v, strict=True))
            if found > self.value or self.point is None:
                zero, _, q = run.vertices.exact_points(ids[k : k + 1])[0]
                t = RationalArray.from_fractions([Fraction(n, q) for n in zero], (1, len(zero)))
                self.value, self.point = found, self.where.to_input(t)[0].to_fractions()


def _below(value: Fraction) -> float:
    """A float that is not above the value."""
    try:
        found = value.numerator / value.denominator
    except OverflowError:
        return float(np.finfo(np.float64).max)
    return float(np.nextafter(found, -np.inf))
