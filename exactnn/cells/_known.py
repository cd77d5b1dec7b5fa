"""What is known of linear functions on a cell: which hyperplanes do not cross it, and for each primitive u bounds low <= u . t <= high.

A unit on a hyperplane {u . t = o} that another unit is fixed on is fixed by it, and needs no proof of its own (docs/certificate-format.md,
"tree"). One that is parallel to what is known has one sign where o <= low or high <= o, and the proof of the bound, times a number, is its
proof.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

from flint import fmpq

from exactnn.cells._search_lp import AffineRow, Farkas

Direction = tuple[int, ...]


class Plane(NamedTuple):
    """form = size (u . t - offset), u primitive with first entry > 0; key: the form or its opposite, so that equal hyperplanes have one."""

    key: AffineRow
    direction: Direction
    offset: fmpq
    size: int

    @classmethod
    def of(cls, form: AffineRow, key: AffineRow) -> Plane:
        """That of a form that is not constant, and its key (`upright`)."""
        normal = key[:-1]
        size = gcd(*normal)
        return cls(key, normal if size == 1 else tuple(c // size for c in normal), fmpq(-key[-1], size), size if form is key else -size)


class _Bound(NamedTuple):
    value: fmpq
    size: int  # of the form whose proof it is
    proof: Farkas


class Known:
    """What is known on one cell."""

    def __init__(self) -> None:
        self._sides: dict[AffineRow, int] = {}  # of hyperplanes that units are fixed on: the sign of u . t - offset
        self._bounds: dict[tuple[Direction, int], _Bound] = {}  # (u, 1): u . t >= value; (u, -1): u . t <= value

    def copy(self) -> Known:
        """Another one that knows the same."""
        other = Known()
        other._sides, other._bounds = dict(self._sides), dict(self._bounds)
        return other

    def add(self, plane: Plane, sign: int, proof: Farkas, surplus: fmpq | None = None, *, unit: bool = True) -> None:
        """sign form >= surplus >= 0 (None for 0) on the cell, by this proof; `unit`: a unit has this form, and is fixed."""
        side = sign if plane.size > 0 else -sign
        if unit:
            self._sides[plane.key] = side
        bound = plane.offset if surplus is None else plane.offset + side * surplus / abs(plane.size)
        old = self._bounds.get((plane.direction, side))
        if old is None or (bound - old.value) * side > 0:
            self._bounds[plane.direction, side] = _Bound(bound, abs(plane.size), proof)

    def fix(self, key: AffineRow, side: int) -> None:
        """A unit with this hyperplane is fixed, at this sign of the key's form."""
        self._sides[key] = side

    def side(self, key: AffineRow) -> int:
        """At which sign the key's form is fixed by a unit with this hyperplane; 0 if there is none."""
        return self._sides.get(key, 0)

    def follows(self, plane: Plane) -> tuple[int, Farkas] | None:
        """(sign, proof) of a form that does not change its sign by a bound that is known."""
        for side in (1, -1):
            bound = self._bounds.get((plane.direction, side))
            if bound is not None and (bound.value - plane.offset) * side >= 0:
                proof, size = bound.proof, abs(plane.size)
                divisor = gcd(size, bound.size)
                terms = tuple((i, y * (size // divisor)) for i, y in proof.terms)
                return side if plane.size > 0 else -side, Farkas(proof.factor * (bound.size // divisor), terms)
        return None
