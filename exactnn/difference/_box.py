"""The box around a domain: rows with one entry say it, linear programs find the rest, with multipliers as proof."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock, clock_in_force
from exactnn.exact.lp import Optimal
from exactnn.exact.numbers import fraction
from exactnn.exact.polyhedron import Box, Polyhedron

_SHARE = 0.25  # of the time that is left, for one side
_TIGHT = 8  # inputs beyond which a side that a row with one entry states is not made tighter
_INPUTS = 64  # beyond, only rows with one entry are used: two linear programs for each input would take too long


class BoundingBox(NamedTuple):
    """A box that holds a domain, and what the checker needs beyond its rows: [j, s, rows] for s x_j <= sum of y b_row."""

    box: Box
    proofs: list[Any]


def bounding_box(domain: Polyhedron | None, clock: Clock | None = None) -> BoundingBox | None:
    """The box around a non-empty domain; None if an input is not known to be bounded.

    It is the least one for up to 8 inputs; beyond, what the domain's rows with a single entry say is used as it stands, and for more than
    64 inputs nothing else.

    Examples
    --------
    >>> from exactnn import Polyhedron
    >>> found = bounding_box(Polyhedron([[1, 1], [-2, 0], [0, -1]], [1, 1, 0]))
    >>> found.box.upper, found.proofs
    ((Fraction(1, 1), Fraction(3, 2)), [[0, 1, [0, 2]], [1, 1, [0, 1]]])
    """
    if domain is None:
        return None
    clock = clock or clock_in_force()
    if isinstance(domain, Box):
        return BoundingBox(domain, [])
    sides, proofs = _stated(domain), []
    A, _ = domain.rows
    inputs = range(A.shape[1])
    if len(inputs) <= _INPUTS and (A.nonzero().sum(axis=1) > 1).any():
        for j in inputs:
            for s in (1, -1):
                if len(inputs) > _TIGHT and (j, s) in sides:
                    continue
                clock.check("the box around the domain was being computed")
                try:
                    with clock.at_most(clock.left() * _SHARE).running():
                        found = domain.maximise([s * (i == j) for i in inputs])
                except Incomplete:  # other ways to an answer need time too
                    clock.check("the box around the domain was being computed")
                    continue
                if isinstance(found, Optimal) and ((j, s) not in sides or fraction(found.value) < sides[j, s]):
                    sides[j, s] = fraction(found.value)
                    proofs.append([j, s, [r for r, y in enumerate(found.dual) if y]])
    if len(sides) < 2 * len(inputs):
        return None
    low, high = ([s * sides[j, s] for j in inputs] for s in (-1, 1))
    return BoundingBox(Box(RationalArray.of(low), RationalArray.of(high)), proofs)


def _stated(domain: Polyhedron) -> dict[tuple[int, int], Fraction]:
    """s x_j <= value, for each row with one entry."""
    A, b = domain.rows
    filled = A.nonzero()
    bounds = b.to_fractions()
    found: dict[tuple[int, int], Fraction] = {}
    for r in range(len(A)):
        if filled[r].sum() == 1:
            j = int(filled[r].argmax())
            entry = A[r, j].item()
            side, limit = (j, 1 if entry > 0 else -1), bounds[r] / abs(entry)
            found[side] = min(found.get(side, limit), limit)
    return found
