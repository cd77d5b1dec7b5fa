"""What is known of linear functions on a cell: which hyperplanes do not cross it, and for each primitive u bounds low <= u . t <= high.

A unit on a hyperplane {u . t = o} that another unit is fixed on is fixed by it, and needs no proof of its own (docs/certificate-format.md,
"tree"). One that is parallel to what is known has one sign where o <= low or high <= o, and the proof of the bound, times a number, is its
proof. Any proof is an identity, which holds on every cell that has its inequalities: those that were found are kept for later cells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import gcd
from typing import NamedTuple

from flint import fmpq

from exactnn.cells._search_lp import AffineRow, Farkas

Direction = tuple[int, ...]
#: side, factor, inequalities with their multipliers, independent: factor side key = gamma + sum_i multiplier_i g_i.
_Identity = tuple[int, int, tuple[tuple[AffineRow, int], ...], bool]

#: Kept proofs have at most so many numbers, and of each hyperplane there are at most so many.
_NUMBERS, _PROOFS = 500_000, 8


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


class _Bound:
    """side u . t >= side value, by the proof of a form size (u . t - offset) >= surplus (None for 0)."""

    __slots__ = ("_surplus", "_value", "proof", "side", "size")

    def __init__(self, side: int, offset: fmpq, size: int, proof: Farkas, surplus: Callable[[], fmpq] | None) -> None:
        self.side, self.size, self.proof = side, size, proof
        self._value, self._surplus = offset, surplus

    @property
    def value(self) -> fmpq:
        """The bound."""
        if self._surplus is not None:
            self._value += self.side * self._surplus() / self.size
            self._surplus = None
        return self._value

    def implies(self, offset: fmpq) -> bool:
        """Whether side (u . t - offset) >= 0 by it."""
        return bool((self.value - offset) * self.side >= 0)


class _Kept:
    """Proofs about keys of hyperplanes; the latest ones, when they are many."""

    def __init__(self) -> None:
        self._identities: dict[AffineRow, deque[_Identity]] = {}
        self._numbers = 0

    def add(self, key: AffineRow, identity: _Identity) -> None:
        """One more; where there are too many numbers, it is the first one anew."""
        size = (len(identity[2]) + 1) * len(key)
        if self._numbers + size > _NUMBERS:
            self._identities.clear()
            self._numbers = 0
        self._numbers += size
        self._identities.setdefault(key, deque(maxlen=_PROOFS)).appendleft(identity)

    def of(self, key: AffineRow) -> Iterable[_Identity]:
        """Those about one key, the latest first."""
        return self._identities.get(key, ())


class Known:
    """What is known on one cell."""

    def __init__(self) -> None:
        self._sides: dict[AffineRow, int] = {}  # of hyperplanes that units are fixed on: the sign of u . t - offset
        self._bounds: dict[Direction, tuple[_Bound, ...]] = {}  # of u . t, one for each side
        self._places: dict[AffineRow, int] = {}  # of the cell's inequalities
        self._kept = _Kept()  # all cells of a search share it

    def copy(self) -> Known:
        """Another one that knows the same."""
        other = Known.__new__(Known)
        other._sides, other._bounds, other._places = self._sides.copy(), self._bounds.copy(), self._places.copy()
        other._kept = self._kept
        return other

    def hold(self, form: AffineRow, place: int) -> None:
        """form >= 0 is the inequality in this place."""
        self._places[form] = place

    def keep(self, key: AffineRow, side: int, proof: Farkas, forms: Sequence[AffineRow]) -> None:
        """A proof that side times the key's form is >= 0 on a cell with these inequalities, for other cells."""
        self._kept.add(key, (side, proof.factor, tuple([(forms[i], y) for i, y in proof.terms]), proof.independent))

    def recall(self, key: AffineRow) -> tuple[int, Farkas] | None:
        """(side, proof) of a key's form, by a proof from another cell whose inequalities this one has, too."""
        places = self._places
        for side, factor, terms, independent in self._kept.of(key):
            if all(g in places for g, _ in terms):
                return side, Farkas(factor, tuple([(places[g], y) for g, y in terms]), independent)
        return None

    def add(self, plane: Plane, sign: int, proof: Farkas, surplus: Callable[[], fmpq] | None = None, *, unit: bool = True) -> None:
        """sign form >= surplus >= 0 (None for 0) on the cell, by this proof; `unit`: a unit has this form, and is fixed.

        surplus : asked for where another form is parallel
        """
        key, direction, offset, size = plane
        side = sign if size > 0 else -sign
        if unit:
            self._sides[key] = side
        bound = _Bound(side, offset, abs(size), proof, surplus)
        known = self._bounds.get(direction)
        if known is not None:
            if any(old.side == side and old.implies(bound.value) for old in known):
                return
            known = tuple(old for old in known if old.side != side)
        self._bounds[direction] = (bound,) if not known else (*known, bound)

    def fix(self, key: AffineRow, side: int) -> None:
        """A unit with this hyperplane is fixed, at this sign of the key's form."""
        self._sides[key] = side

    def side(self, key: AffineRow) -> int:
        """At which sign the key's form is fixed by a unit with this hyperplane; 0 if there is none."""
        return self._sides.get(key, 0)

    def follows(self, plane: Plane) -> tuple[int, Farkas] | None:
        """(sign, proof) of a form that does not change its sign by a bound that is known."""
        for bound in self._bounds.get(plane.direction, ()):
            if bound.implies(plane.offset):
                size, (factor, terms, independent) = abs(plane.size), bound.proof
                divisor = gcd(size, bound.size)
                scaled = tuple((i, y * (size // divisor)) for i, y in terms)
                return bound.side if plane.size > 0 else -bound.side, Farkas(factor * (bound.size // divisor), scaled, independent)
        return None
