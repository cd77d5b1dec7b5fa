"""Bounds that are stated for what is inside of maxima, and what follows: max(l, 0) lies below a chord."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ._atoms import Shape
from ._form import Form, combination, single
from ._lines import MAX, Kinks
from ._numbers import items, need, rational


class Chords:
    """The bounds of atoms, each proved when it is first used."""

    def __init__(self, kinks: Kinks, bounds: Sequence[Any]) -> None:
        self._kinks = kinks
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
            self._bound(number, f"forms: bounds of atom {number}")

    def _bound(self, number: int, step: str) -> tuple[Fraction, Fraction]:
        """lo <= l <= hi for the form l inside the atom max(l, 0), lo <= 0 <= hi and lo < hi."""
        if number not in self._bounds:
            need(number in self._stated, step, f"no bounds are stated for atom {number}")
            need(self._below is None or number < self._below, step, "bounds rest on bounds of earlier atoms only")
            _, low, below, high, above = self._stated[number]
            here = f"forms: bounds of atom {number}"
            lo, hi = rational(low, here), rational(high, here)
            need(lo <= 0 <= hi and lo < hi, here, "lo <= 0 <= hi and lo < hi is needed")
            atom = self._kinks.atoms.find(number, here)
            need(atom.kind == MAX and atom.grid == (), here, "bounds are stated for maxima that are numbers")
            outer, self._below = self._below, number
            self._kinks.nonnegative(atom.form.plus(-lo), below, (), f"{here}: lo")
            self._kinks.nonnegative(atom.form.times(Fraction(-1)).plus(hi), above, (), f"{here}: hi")
            self._below = outer
            self._bounds[number] = lo, hi
        return self._bounds[number]

    def chord(self, number: Any, grid: Shape, step: str) -> Form:
        """max(l, 0) is convex, so on [lo, hi] it lies below its chord: hi (l - lo) / (hi - lo) - atom >= 0."""
        atom = self._kinks.atoms.find(number, step)
        need(grid == (), step, "a chord is a number, not a function on a grid")
        need(self._below is None or number < self._below, step, "bounds rest on bounds of earlier atoms only")
        lo, hi = self._bound(number, step)
        return combination([(hi / (hi - lo), atom.form.plus(-lo)), (-1, single(number))])
