"""Sides of a box around a domain that its rows imply."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ._claim import Domain
from ._farkas import remainder, slacks
from ._numbers import index, items, need


def limits(domain: Domain, proofs: Any) -> list[tuple[int, int, Fraction]]:
    """(j, s, b) with s x_j <= b, of [j, s, rows]:  scale (-s x_j) = gamma + sum of y (b - A x),  so  s x_j <= -gamma / scale."""
    size, given, found = domain.matrix.shape[1], slacks(domain, "box"), []
    for k, proof in enumerate(items(proofs, "box")):
        step = f"box: side {k}"
        j, s, rows = items(proof, step, 3)
        j = index(j, size, step)
        need(type(s) is int and s in (1, -1), step, "the sign must be 1 or -1")
        scale, gamma = remainder([*(-s * (i == j) for i in range(size)), 0], given, rows, step)
        found.append((j, s, Fraction(-gamma, scale)))
    return found
