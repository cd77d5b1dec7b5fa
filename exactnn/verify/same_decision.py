"""Do two classifiers decide alike everywhere: is the set of maximal outputs the same at every point of a domain?

On the common cells of f, g and the running maxima of their outputs, the set of maximal outputs is constant on the relative interior of
every face. So up to 6 dimensions it is compared on all faces of all dimensions, ties included, and the proof is written from the same faces
(`_faces`). The answer in more dimensions comes from a search over the cells with linear programs (`_alike`). For networks with many units
a tree of boxes comes first (`difference`): where one output of f and of g exceeds all others by a margin, nothing is left to decide; points
where the decisions differ are proposed by floats. Networks whose equality is seen at once decide alike: the certificate says f = g.
"""

from __future__ import annotations

import os
from concurrent.futures import Executor
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.cells import DIMENSIONS, read_program
from exactnn.claims import Certificate, EqualClaim, SameDecisionClaim
from exactnn.difference import Margin, Resources
from exactnn.errors import Incomplete, NotPiecewiseLinear
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.writing import json_number
from exactnn.network import Network
from exactnn.verdict import Verdict
from exactnn.verify._alike import Alike
from exactnn.verify._boxes import LONG_SHARE, Failure, OpenBoxes, concluded, curved_node, maximal, resources, splitting
from exactnn.verify._decision import Decision
from exactnn.verify._domain import Coordinates, coordinates
from exactnn.verify._faces import ByFaces
from exactnn.verify._matched import matched
from exactnn.verify._near import at_most, data_points, inside, moved
from exactnn.verify.equality import asked_domain, check_pair

Point = tuple[Fraction, ...]
#: seconds for boxes, and where units are few; how many units are few
_SECONDS, _QUICKLY, _FEW_UNITS = 60.0, 2.0, 100
#: data points at once; points on the way to data
_BLOCK, _TRIES = 256, 40


@timed
def verify_same_decision(
    f: Network,
    g: Network,
    *,
    domain: Polyhedron | None,
    near: Any = None,
    time_limit: Number | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Verdict:
    """Decide whether {j : f_j(x) = max f(x)} = {j : g_j(x) = max g(x)} for all x of the domain.

    Parameters
    ----------
    f, g : piecewise linear networks with equal numbers of inputs and outputs
    domain : a Box or Polyhedron; None for all of R^d
    near : your data, points (n, input_dim) or n inputs in their own shape: where the decisions differ at one of them, or on the way to one,
        that is the counterexample
    time_limit : seconds; None for none, but at most 60 for boxes
    executor : any `concurrent.futures.Executor` (of a Dask client, `client.get_executor()`), whose workers cut boxes; None: this process
    checkpoint : the path of a file that keeps the boxes, and from which a later call of the same question goes on (its time limit may be
        another one); compressed if its name ends in .gz. Both are for a bounded domain; for networks of more than 100 units boxes then get
        nine tenths of the time, without a limit as long as they take. Cells are gone through without either

    Returns
    -------
    Verdict
        Refuted with a point at which the sets differ (a tie of one network that the other does not have counts).

    Raises
    ------
    ShapeError, DomainError, EmptyDomain, ArgumentError, LoadError and SaveError (checkpoint)
    NotPiecewiseLinear
        For smooth and rational nodes.

    Examples
    --------
    >>> from exactnn import Box, mlp, verify_same_decision
    >>> f, g = mlp([([[1], [-1]], [0, 0])]), mlp([([[3], [-5]], [0, 0])])
    >>> verify_same_decision(f, g, domain=None).status
    'proved'
    >>> verify_same_decision(f, mlp([([[1], [-1]], [0, "1e-30"])]), domain=Box(0, 1)).counterexample
    (Fraction(0, 1),)
    """
    check_pair(f, g)
    _check_piecewise_linear(f, g)
    whole = asked_domain(domain, f)
    clock = clock_in_force()
    claim = SameDecisionClaim(f, g, whole)
    means, data = resources(claim, executor, checkpoint), data_points(near, f)
    try:
        where = coordinates(whole, f.input_dim)
        found = None if data is None else _at_data(claim, data, clock)
        if found is None:
            found = _by_equality(claim, clock, means)
        if found is None:
            found = _by_boxes(claim, where, clock, means, data)
        if found is not None:
            return found
        answer = _on_cells(claim, where, clock)
        if isinstance(answer, dict):
            how = "on every cell the same outputs are maximal at the same points"
            return Verdict("proved", claim.describe(), how, Certificate(claim, "proved", answer, clock))
        return _refuted(claim, answer, clock, data)
    except Incomplete as stopped:
        return Verdict("unknown", claim.describe(), f"{stopped}; no difference was seen there")


def _on_cells(claim: SameDecisionClaim, where: Coordinates, clock: Clock) -> Point | dict[str, Any]:
    """A point, in x, at which the sets of maximal outputs differ, or the evidence that there is none."""
    found = ByFaces(claim, where, clock).decide() if 0 < where.dimension <= DIMENSIONS else None
    if found is None:
        answer = Alike(claim, where, clock).decide()
        return where.to_input(answer.reshape(1, -1))[0].to_fractions() if isinstance(answer, RationalArray) else answer
    return found


def _check_piecewise_linear(f: Network, g: Network) -> None:
    for argument, net in (("f", f), ("g", g)):
        curved = curved_node(net)
        if curved is not None:
            raise NotPiecewiseLinear(
                f"{argument}: {curved}, and decisions are compared for piecewise linear networks only: their cells are polyhedra, on which "
                "exact linear programs say what is maximal. A monotone function of the outputs (a sigmoid at the end) changes no decision: "
                "leave it out; else ask how far apart smooth networks are (max_deviation, exactnn deviation)"
            )


def _by_equality(claim: SameDecisionClaim, clock: Clock, means: Resources) -> Verdict | None:
    """f = g on the domain, where that is seen at once."""
    found = Decision(EqualClaim(claim.f, claim.g, claim.domain, Fraction(0)), clock, means).at_once()
    if found is None:
        return None
    inner = found.certificate
    certificate = None if inner is None else Certificate(claim, "proved", {"method": "equal", "evidence": inner.evidence}, clock)
    return Verdict("proved", claim.describe(), f"f = g: {found.reason}", certificate)


def _by_boxes(claim: SameDecisionClaim, where: Coordinates, clock: Clock, means: Resources, data: RationalArray | None) -> Verdict | None:
    """The same output by a margin on each box of a tree; boxes with a tie or a border of decisions are searched cell by cell, if few."""
    if claim.domain is None or not where.dimension or claim.f.output_dim == 1:
        return None
    few = where.dimension <= DIMENSIONS and read_program([claim.f]).unit_count <= _FEW_UNITS
    if few and not means.any:
        return None
    other = matched(claim.f, claim.g)
    asked = claim if other is None else replace(claim, g=other.network)
    tree = splitting(asked, Margin(), clock, Fraction(1), means)
    if isinstance(tree, str):
        return None
    small = tree.stages.units <= _FEW_UNITS
    short = min(_QUICKLY if small else _SECONDS, clock.left() / 2)
    clock = clock.at_most(clock.left() * LONG_SHARE if means.any and not small else short)
    tree.run(clock, tolerance=Fraction(0))
    try:
        found = concluded(asked, tree, Fraction(0), clock, OpenBoxes(asked))
    except Incomplete:
        return None
    if found is None:
        return None
    if isinstance(found, Failure):
        return _refuted(claim, found.point.to_fractions(), clock, data)
    how = f"the same output is maximal in both on each of {found.boxes}"
    evidence = found.evidence if other is None else other.stated(found.evidence)
    return Verdict("proved", claim.describe(), how, Certificate(claim, "proved", evidence, clock))


def _at_data(claim: SameDecisionClaim, data: RationalArray, clock: Clock) -> Verdict | None:
    """Refuted at the first data point of the domain where the decisions differ."""
    own = data[np.flatnonzero(inside(claim.domain, data))]
    for start in range(0, len(own), _BLOCK):
        clock.check(f"the decisions at {start} of {len(own)} data points agreed, the others were being computed")
        differ = np.flatnonzero(_apart(claim, own[start : start + _BLOCK]))
        if len(differ):
            return _answer(
                claim, own[start + int(differ[0])].to_fractions(), clock, "the sets of maximal outputs differ at one of the data"
            )
    return None


def _apart(claim: SameDecisionClaim, points: RationalArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """At which of the points the sets of maximal outputs differ."""
    values = [net.evaluate(points).numerators for net in (claim.f, claim.g)]
    a, b = (v == v.max(axis=1, keepdims=True) for v in values)
    return np.asarray((a != b).any(axis=1), dtype=bool)


def _refuted(claim: SameDecisionClaim, point: Point, clock: Clock, data: RationalArray | None) -> Verdict:
    """The sets of maximal outputs differ at this point of the domain."""
    how = "the sets of maximal outputs differ"
    if data is None:
        return _answer(claim, _fewer_bits(claim.f, claim.g, claim.domain, point), clock, how)
    tries = at_most([claim.f, claim.g], _TRIES)
    near, where = moved(RationalArray.of(point), data, claim.domain, lambda tried: _apart(claim, tried), tries)
    return _answer(claim, near.to_fractions(), clock, f"{how}; {where}")


def _answer(claim: SameDecisionClaim, point: Point, clock: Clock, how: str) -> Verdict:
    f, g = claim.f, claim.g
    values = f(point), g(point)
    assert maximal(values[0]) != maximal(values[1])
    evidence: dict[str, object] = {"method": "point", "point": [json_number(q) for q in point]}
    for name, found in zip("fg", values, strict=True):
        evidence[name] = [json_number(q) for q in found]
    certificate = Certificate(claim, "refuted", evidence, clock)
    return Verdict("refuted", claim.describe(), how, certificate, point, values)


def _fewer_bits(f: Network, g: Network, domain: Polyhedron | None, point: Point) -> Point:
    """The point rounded to multiples of 1, 1/4, 1/16, ..., as soon as the sets differ there; else the point itself."""
    for bits in range(0, 64, 2):
        near = tuple(Fraction(round(v * (1 << bits)), 1 << bits) for v in point)
        if (domain is None or domain.contains(near)) and maximal(f(near)) != maximal(g(near)):
            return near
    return point
