"""One hidden layer on a full-dimensional polyhedron (theory/symmetry.md 2.3).

Each kink hyperplane of the difference either meets the interior of P, or keeps one sign on P, which a Farkas combination proves. The
difference is zero on P exactly if no hyperplane meets the interior and the affine function that is left vanishes (theorem A, local form).
"""

from __future__ import annotations

from fractions import Fraction
from itertools import count

import numpy as np
from tqdm import tqdm

from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.lp import Nonnegative
from exactnn.exact.numbers import fraction
from exactnn.exact.polyhedron import Polyhedron
from exactnn.symmetry._atoms import Fact, json_number
from exactnn.symmetry._normal_form import NormalForm
from exactnn.verify._clock import Clock


def signs_of_hyperplanes(
    form: NormalForm, region: Polyhedron, clock: Clock
) -> tuple[list[Fact | None], tuple[RationalArray, RationalArray]]:
    """For each hyperplane ("on" or "off", Farkas proof), None if it meets the interior; and the affine rest (M, k) of the others."""
    slope, offset = form.slope, form.offset
    facts: list[Fact | None] = []
    progress = tqdm(form.hyperplanes, desc="kinks against the domain", delay=2, disable=None, leave=False)
    for h, plane in enumerate(progress):
        clock.check(f"{h} of {len(form.hyperplanes)} kink hyperplanes were placed against the domain", partial=h)
        fact = _sign(plane, region)
        facts.append(fact)
        if fact is not None and fact[0] == "on":
            jump = form.jumps[:, h].reshape(-1, 1)
            slope = slope + jump @ form.normals[h, :-1].reshape(1, -1)
            offset = offset + jump.reshape(-1) * form.normals[h, -1].item()
    return facts, (slope, offset)


def _sign(plane: tuple[int, ...], region: Polyhedron) -> Fact | None:
    for name, sign in (("on", 1), ("off", -1)):
        found = region.nonnegative([sign * n for n in plane[:-1]], sign * plane[-1])
        if isinstance(found, Nonnegative):
            return name, [["slack", i, json_number(fraction(y))] for i, y in enumerate(found.multipliers) if y]
    return None


def crossing_witness(
    form: NormalForm,
    crossing: list[int],
    affine: tuple[RationalArray, RationalArray],
    region: Polyhedron,
    inside: RationalArray,
) -> RationalArray | None:
    """A point of the region where the form is not zero; None if it vanishes there.

    With a crossing hyperplane h: p on it, interior, on no other crossing hyperplane; one of p, p + r e, p - r e (theory 2.2).
    """
    if not crossing:
        slope, offset = affine
        return _affine_witness(slope, offset, region, inside)
    candidates = _about_kink(form, crossing, region, inside)
    hits = np.flatnonzero(form(candidates).nonzero().any(axis=1))
    if len(hits):
        return candidates[int(hits[0])]
    raise AssertionError("a hyperplane that meets the interior has a witness")  # pragma: no cover - theorem A


def _affine_witness(slope: RationalArray, offset: RationalArray, region: Polyhedron, inside: RationalArray) -> RationalArray | None:
    """The interior point, or a step from it along one axis, as short as the region asks."""
    if slope.is_zero() and offset.is_zero():
        return None
    points = [inside]
    for axis in range(inside.size):
        if slope[:, axis].is_zero():
            continue
        step = np.zeros(inside.size, dtype=np.int64)
        step[axis] = 1
        length = Fraction(1)
        while not region.contains((inside + RationalArray(step) * length).to_fractions()):
            length /= 2
        points.append(inside + RationalArray(step) * length)
        break
    for point in points:
        if not ((slope @ point.reshape(-1, 1)).reshape(-1) + offset).is_zero():
            return point
    raise AssertionError("an affine function that is not zero has a witness")  # pragma: no cover


def _about_kink(form: NormalForm, crossing: list[int], region: Polyhedron, inside: RationalArray) -> RationalArray:
    """Three points about an interior point of the first crossing hyperplane that lies on no other one.

    From an interior point p on it a direction within it is taken that leaves the others through p, with integers that grow until it does;
    a step so short that it stays inside and meets none of those that do not contain p.
    """
    h, others = crossing[0], crossing[1:]
    p = _interior_point_on(form.hyperplanes[h], region, inside)
    normal = form.normals[h, :-1]
    axis = int(np.flatnonzero(normal.nonzero())[0])
    step = np.zeros(inside.size, dtype=np.int64)
    step[axis] = 1
    through = [g for g in others if not _level(form.hyperplanes[g], p)]
    random = np.random.default_rng(0)
    for attempt in count():
        reach = 2 ** min(attempt, 30) if through else 0
        free = random.integers(-reach, reach + 1, inside.size)
        free[axis] = 0
        move = RationalArray(free)
        move = move - RationalArray(step) * ((normal @ move.reshape(-1, 1)).item() / normal[axis].item())
        if not through or (form.normals[through, :-1] @ move.reshape(-1, 1)).nonzero().all():
            break
    size = Fraction(1, 4)
    while not (_strictly_inside(region, p + move * size) and form.levels((p + move * size).reshape(1, -1)).nonzero()[0, others].all()):
        size /= 4
    return _three(form, h, axis, p + move * size, region)


def _three(form: NormalForm, h: int, axis: int, q: RationalArray, region: Polyhedron) -> RationalArray:
    """q and q +- r e inside the region with no other kink between them."""
    levels = form.levels(q.reshape(1, -1)).to_fractions()
    slopes = form.normals[:, axis].to_fractions()
    limit = min((abs(v / s) for i, (v, s) in enumerate(zip(levels, slopes, strict=True)) if i != h and s and v), default=Fraction(1))
    step = np.zeros(q.size, dtype=np.int64)
    step[axis] = 1
    radius = Fraction(1)
    while radius > limit or not all(region.contains((q + RationalArray(step) * r).to_fractions()) for r in (radius, -radius)):
        radius /= 2
    move = RationalArray(step) * radius
    return concatenate([v.reshape(1, -1) for v in (q, q + move, q - move)])


def _interior_point_on(plane: tuple[int, ...], region: Polyhedron, inside: RationalArray) -> RationalArray:
    """Where the segment from the interior point to a point on the other side meets the hyperplane."""
    level = _level(plane, inside)
    if not level:
        return inside
    sign = 1 if level > 0 else -1
    far = region.nonnegative([sign * n for n in plane[:-1]], sign * plane[-1])
    point = RationalArray.of(list(far.point))  # type: ignore[union-attr]
    share = level / (level - _level(plane, point))
    return inside + (point - inside) * share


def _level(plane: tuple[int, ...], point: RationalArray) -> Fraction:
    return Fraction(plane[-1]) + sum((n * q for n, q in zip(plane[:-1], point.to_fractions(), strict=True)), Fraction(0))


def _strictly_inside(region: Polyhedron, point: RationalArray) -> bool:
    A, b = region.rows
    slack = b - (A @ point.reshape(-1, 1)).reshape(-1)
    live = A.nonzero().any(axis=1)
    return bool((slack.sign()[live] > 0).all())
