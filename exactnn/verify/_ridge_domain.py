"""One hidden layer on a full-dimensional polyhedron (docs/theory.md 3).

Each kink hyperplane of the difference either meets the interior of P, or keeps one sign on P, which a Farkas combination proves. The
difference is zero on P exactly if no hyperplane meets the interior and the affine function that is left vanishes (theorem A, local form).
"""

from __future__ import annotations

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.progress import counted
from exactnn.forms import Fact
from exactnn.symmetry.ridge_forms import NormalForm
from exactnn.symmetry.witnesses import about_kink, power_of_two_below, reach_inside
from exactnn.verify._domain import with_variables
from exactnn.verify._signs import slack_proof


def signs_of_hyperplanes(
    form: NormalForm, region: Polyhedron, clock: Clock
) -> tuple[list[Fact | None], tuple[RationalArray, RationalArray]]:
    """For each hyperplane ("on" or "off", Farkas proof), None if it meets the interior; and the affine rest (M, k) of the others."""
    slope, offset = form.slope, form.offset
    facts: list[Fact | None] = []
    simple, rows = with_variables(region)
    for h, plane in enumerate(counted("kinks against the domain", form.hyperplanes, unit="kinks")):
        clock.check(f"{h} of {len(form.hyperplanes)} kink hyperplanes were placed against the domain", partial=h)
        fact = _sign(plane, simple, rows)
        facts.append(fact)
        if fact is not None and fact[0] == "on":
            jump = form.jumps[:, h].reshape(-1, 1)
            slope = slope + jump @ form.normals[h, :-1].reshape(1, -1)
            offset = offset + jump.reshape(-1) * form.normals[h, -1].item()
    return facts, (slope, offset)


def _sign(plane: tuple[int, ...], region: Polyhedron, rows: list[int]) -> Fact | None:
    for name, sign in (("on", 1), ("off", -1)):
        proof = slack_proof(region, rows, [sign * n for n in plane[:-1]], sign * plane[-1])
        if proof is not None:
            return name, proof
    return None


def crossing_witness(
    form: NormalForm, crossing: list[int], affine: tuple[RationalArray, RationalArray], region: Polyhedron, inside: RationalArray
) -> RationalArray | None:
    """A point of the region where the form is not zero; None if it vanishes there.

    If no hyperplane crosses the interior, the form is affine there; else one about a crossing kink (docs/theory.md 2).
    """
    if crossing:
        return about_kink(form, crossing, region, inside)
    slope, offset = affine
    return _affine_witness(slope, offset, region, inside)


def _affine_witness(slope: RationalArray, offset: RationalArray, region: Polyhedron, inside: RationalArray) -> RationalArray | None:
    """The interior point, or a step from it along one axis, as short as the region asks."""
    if slope.is_zero() and offset.is_zero():
        return None
    points = [inside]
    for axis in np.flatnonzero(slope.nonzero().any(axis=0))[:1]:
        move = RationalArray.unit(inside.size, int(axis))
        points.append(inside + move * power_of_two_below(reach_inside(region, inside, move)))
    for point in points:
        if not ((slope @ point.reshape(-1, 1)).reshape(-1) + offset).is_zero():
            return point
    raise AssertionError("an affine function that is not zero has a witness")  # pragma: no cover
