"""The table of atoms: the functions of the input that forms are made of."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from . import _budget
from ._form import Form, same, single
from ._numbers import Rejected, need

Shape = tuple[int, ...]
MAX = ("max",)  # the kind of atoms max(l, 0)


class Atom(NamedTuple):
    """A numbered atom: the function that ``kind`` makes of the form, on a grid (() for a single number)."""

    kind: tuple[Any, ...]
    grid: Shape
    form: Form


class Atoms:
    """Numbered atoms are known by 0, 1, 2, ..., base atoms by negative integers, one for each distinct key."""

    def __init__(self) -> None:
        self.numbered: list[Atom] = []
        self.grid: Shape = ()  # that of the forms at hand; they are numbers, unless `_grid` says otherwise
        self._keys: dict[tuple[Any, ...], int] = {}

    def base(self, *key: Any) -> int:
        """The base atom with this key; equal keys are equal functions."""
        _budget.hold(0 if key in self._keys else 6, "forms")
        return self._keys.setdefault(key, -1 - len(self._keys))

    def use(self, number: Any, kind: tuple[Any, ...], form: Form, step: str) -> Form:
        """Atom ``number`` as a form: made here if it is the next one, else it must be this very function."""
        need(type(number) is int, step, "the number of an atom must be an integer")
        if number == len(self.numbered):
            self.numbered.append(Atom(kind, self.grid, form))
        else:
            atom = self.find(number, step)
            need((atom.kind, atom.grid) == (kind, self.grid), step, f"atom {number} was made by another operation, or on another grid")
            need(same(atom.form, form), step, f"the form is not the one that atom {number} stands for")
        return single(number)

    def find(self, number: Any, step: str) -> Atom:
        """A numbered atom that exists."""
        if type(number) is not int or not 0 <= number < len(self.numbered):
            raise Rejected(step, f"there is no such atom (the next new one is {len(self.numbered)})")
        return self.numbered[number]


def positive(value: Fraction, step: str) -> Fraction:
    """The value, Rejected unless it is > 0."""
    need(value.numerator > 0, step, "the factor must be positive")
    return value
