"""Bounds that are stated for what is inside of maxima, and what follows: max(l, 0) lies below a chord."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ._above import Above
from ._atoms import MAX
from ._form import Form, combination, single
from ._numbers import items, need, rational


class Chords:
    """The bounds of atoms, each proved when it is first used."""

    def __init__(self, proofs: Above, bounds: Sequence[Any]) -> None:
        self._proofs = proofs
        self._stated: dict[int, list[Any]] = {}  # atom to [a, lo, proof, hi, proof] as written
        for entry in bounds:
            entry = items(entry, "forms: bounds", 5)
            need(type(entry[0]) is int and entry[0] not in self._stated, "forms: bounds", "an atom is named once, by an integer")
            self._stated[entry[0]] = entry
        self._bounds: dict[int, tuple[Fraction, Fraction]] = {}
        self._below: int | None = None  # while bounds of an atom are proved, chords of earlier atoms only

    def finish(self) -> None:
        """Rejected if a stated bound does not hold, used or not."""
        for number in self._stated:
            self.chord(number, f"forms: bounds of atom {number}")

    def chord(self, number: Any, step: str) -> Form:
        """max(l, 0) is convex, so on [lo, hi] it lies below its chord: hi (l - lo) / (hi - lo) - atom >= 0."""
        inner = self._proofs.atoms.find(number, step).form
        need(self._below is None or number < self._below, step, "bounds rest on bounds of earlier atoms only")
        if number not in self._bounds:
            self._bounds[number] = self._proved(number, step)
        lo, hi = self._bounds[number]
        return combination([(hi / (hi - lo), inner.plus(-lo)), (-1, single(number))])

    def _proved(self, number: int, step: str) -> tuple[Fraction, Fraction]:
        """lo <= l <= hi for the form l inside the atom max(l, 0), lo <= 0 <= hi and lo < hi."""
        need(number in self._stated, step, f"no bounds are stated for atom {number}")
        _, low, below, high, above = self._stated[number]
        here, atom = f"forms: bounds of atom {number}", self._proofs.atoms.find(number, step)
        lo, hi = rational(low, here), rational(high, here)
        need(lo <= 0 <= hi and lo < hi, here, "lo <= 0 <= hi and lo < hi is needed")
        need(atom.kind == MAX and atom.grid == (), here, "bounds are stated for maxima that are numbers")
        outer, self._below = self._below, number
        self._proofs.nonnegative(atom.form.plus(-lo), below, f"{here}: lo")
        self._proofs.nonnegative(atom.form.times(-1).plus(hi), above, f"{here}: hi")
        self._below = outer
        return lo, hi
