"""Vertices, rays and lines of a polyhedron by the double description method, in integers.

    {x : A x <= b} = conv(points) + cone(rays) + span(lines)        (Minkowski, Weyl)

The polyhedron is the slice t = 1 of the cone {(t, x) : t >= 0, b t - A x >= 0}; inequalities are added one at
a time, and two rays on different sides of a new one span a new ray iff no third ray is tight wherever both are.
Reference: K. Fukuda, A. Prodon, Double description method revisited, LNCS 1120 (1996).
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import fmpq

from exactnn.errors import Incomplete
from exactnn.exact.clock import clock_in_force
from exactnn.exact.lp import LinearSystem, Point
from exactnn.exact.numbers import primitive

_Integers = tuple[int, ...]


@dataclass(frozen=True)
class Generated:
    """Generators; rays and lines are primitive integer vectors. No points: the polyhedron is empty."""

    points: tuple[Point, ...]
    rays: tuple[Point, ...]
    lines: tuple[Point, ...]


def generate(system: LinearSystem, limit: int) -> Generated:
    """All generators; Incomplete if more than `limit` rays are needed on the way."""
    integers = system.integers
    width = system.width + 1
    lines: list[_Integers] = [tuple(int(i == j) for j in range(width)) for i in range(width)]
    rays: list[tuple[_Integers, int]] = []  # a ray, and the bit mask of the inequalities that are tight at it
    halfspaces = [(1, *(0,) * system.width)]
    halfspaces += [(beta, *(-a for a in row)) for row, beta in zip(integers.rows, integers.rhs, strict=True)]
    clock = clock_in_force()
    for step, h in enumerate(halfspaces):
        clock.check(f"the vertices of a polyhedron were being found, {step} of {len(halfspaces)} inequalities done")
        bit = 1 << step
        outside = next((line for line in lines if _dot(h, line)), None)
        if outside is None:
            rays = _cut(rays, h, bit)
        else:
            up = outside if _dot(h, outside) > 0 else tuple(-v for v in outside)
            lines = [_onto(line, h, up) for line in lines if line is not outside]
            rays = [(_onto(ray, h, up), mask | bit) for ray, mask in rays] + [(up, bit - 1)]
        if len(rays) > limit:
            raise Incomplete(
                f"vertices: more than {limit} rays after {step} of {len(halfspaces)} inequalities "
                f"in dimension {system.width}; raise limit, or ask in a lower dimension"
            )
    points = sorted(tuple(fmpq(v, ray[0]) for v in ray[1:]) for ray, _ in rays if ray[0])
    directions = sorted(ray[1:] for ray, _ in rays if not ray[0])
    if not points:
        return Generated((), (), ())
    return Generated(
        tuple(points),
        tuple(tuple(map(fmpq, ray)) for ray in directions),
        tuple(tuple(map(fmpq, line[1:])) for line in lines),
    )


def _cut(rays: list[tuple[_Integers, int]], h: _Integers, bit: int) -> list[tuple[_Integers, int]]:
    """The extreme rays after h.v >= 0 is added to a pointed cone (modulo lines in the hyperplane)."""
    values = [_dot(h, ray) for ray, _ in rays]
    above = [(ray, mask, v) for (ray, mask), v in zip(rays, values, strict=True) if v > 0]
    below = [(ray, mask, v) for (ray, mask), v in zip(rays, values, strict=True) if v < 0]
    kept = [(ray, mask) for ray, mask, _ in above]
    kept += [(ray, mask | bit) for (ray, mask), v in zip(rays, values, strict=True) if v == 0]
    clock = clock_in_force()
    for p, mask_p, v_p in above:
        clock.check("the vertices of a polyhedron were being found")
        for n, mask_n, v_n in below:
            common = mask_p & mask_n
            if all(common & ~mask or ray is p or ray is n for ray, mask in rays):
                new = primitive([v_p * y - v_n * x for x, y in zip(p, n, strict=True)])
                kept.append((new, common | bit))
    return kept


def _onto(v: _Integers, h: _Integers, up: _Integers) -> _Integers:
    """v moved along the line `up` into the hyperplane h.v = 0, times a positive factor."""
    value = _dot(h, v)
    if value == 0:
        return v
    rise = _dot(h, up)
    return primitive([rise * x - value * y for x, y in zip(v, up, strict=True)])


def _dot(h: _Integers, v: _Integers) -> int:
    return sum(a * b for a, b in zip(h, v, strict=True))
