"""The box around a domain, read from its rows with one entry; a certificate needs to say nothing about it."""

from __future__ import annotations

from fractions import Fraction

from exactnn.exact.polyhedron import Box, Polyhedron


def bounding_box(domain: Polyhedron | None) -> Box | None:
    """The box that a domain's rows with one entry describe; None if they leave an input unbounded.

    Examples
    --------
    >>> from exactnn import Polyhedron
    >>> bounding_box(Polyhedron([[1, 0], [-2, 0], [0, 1], [0, -1], [1, 1]], [1, 1, 1, 0, 1])).lower
    (Fraction(-1, 2), Fraction(0, 1))
    """
    if domain is None or isinstance(domain, Box):
        return domain
    A, b = domain.rows
    low: dict[int, Fraction] = {}
    high: dict[int, Fraction] = {}
    filled = A.nonzero()
    bounds = b.to_fractions()
    for r in range(len(A)):
        if filled[r].sum() != 1:
            continue
        j = int(filled[r].argmax())
        entry = A[r, j].item()
        limit = bounds[r] / entry
        if entry > 0:
            high[j] = min(high.get(j, limit), limit)
        else:
            low[j] = max(low.get(j, limit), limit)
    inputs = range(A.shape[1])
    if not all(j in low and j in high for j in inputs):
        return None
    return Box([low[j] for j in inputs], [high[j] for j in inputs])
