"""Volume of a bounded polyhedron, by triangulating its face lattice from one vertex of each face.

    vol(P) = sum over simplices |det(v_1 - v_0, ..., v_d - v_0)| / d!

A face is the set of its vertices; its facets are the largest of its intersections with the sets of vertices that lie on a row of A x <= b
(J. Cohen, T. Hickey, Two algorithms for determining volumes of convex polyhedra, 1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from flint import fmpq, fmpq_mat

Vertices = frozenset[int]


def volume(points: Sequence[Sequence[fmpq]], tight: Sequence[Vertices], dimension: int) -> fmpq:
    """The volume of the convex hull of the points (all its vertices), `tight` the vertices on each inequality."""
    if len(points) <= dimension:
        return fmpq(0)
    total = fmpq(0)
    for simplex in _simplices(frozenset(range(len(points))), tuple(set(tight)), dimension):
        base = points[simplex[0]]
        rows = [[v - u for u, v in zip(base, points[i], strict=True)] for i in simplex[1:]]
        total += abs(fmpq_mat(rows).det())
    return total / math.factorial(dimension)


def _simplices(face: Vertices, tight: Sequence[Vertices], dimension: int) -> Iterator[tuple[int, ...]]:
    """Simplices (vertex numbers) that make up a face of this dimension."""
    apex = min(face)
    if dimension == 0:
        yield (apex,)
        return
    cuts = {face & rows for rows in tight if not face <= rows}
    facets = [c for c in cuts if c and not any(c < other for other in cuts)]
    for facet in facets:
        if apex not in facet:
            for simplex in _simplices(facet, tight, dimension - 1):
                yield (apex, *simplex)
