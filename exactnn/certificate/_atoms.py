"""The table of atoms, the functions of the input that forms are made of, and the two layouts of a value."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

from . import _budget
from ._form import FORM, Form, same, single
from ._numbers import Rejected, need

Shape = tuple[int, ...]


class NodeForms(NamedTuple):
    """The forms of a node.

    With a ``grid`` (the axes of the shape after the first) there is one form for each channel, which holds at
    every place of the grid: the channel layout. With grid () there is one form for each entry, row-major.
    """

    shape: Shape
    grid: Shape
    forms: list[Form]


class Atom(NamedTuple):
    """A numbered atom: the function that ``kind`` makes of the form, on a grid (() for a single number)."""

    kind: tuple[Any, ...]
    grid: Shape
    form: Form


class Atoms:
    """Numbered atoms are known by 0, 1, 2, ..., base atoms by negative integers, one for each distinct key."""

    def __init__(self) -> None:
        self.numbered: list[Atom] = []
        self._keys: dict[tuple[Any, ...], int] = {}
        self._first: dict[int, int] = {}  # for the base atom of an input channel: the flat index of its first entry

    def base(self, *key: Any) -> int:
        """The base atom with this key; equal keys are equal functions."""
        _budget.hold(0 if key in self._keys else 6, "forms")
        return self._keys.setdefault(key, -1 - len(self._keys))

    def unnamed(self) -> int:
        """A base atom of its own."""
        return self.base("unnamed", len(self._keys))

    def coordinate(self, k: int) -> int:
        """The coordinate t_k."""
        return self.base("coordinate", k)

    def input_channel(self, first: int, grid: Shape) -> int:
        """A channel of an input with spatial axes, whose first entry is x_first."""
        atom = self.base("input", first, grid)
        self._first[atom] = first
        return atom

    def element(self, atom: int, place: int) -> int:
        """The number that an atom on a grid has at one place."""
        if atom in self._first:
            return self.coordinate(self._first[atom] + place)
        return self.base("element", atom, place)

    def at(self, form: Form, place: int) -> Form:
        """A form on a grid, at one place of it."""
        return Form(form.constant, form.factor, tuple([self.element(a, place) for a in form.atoms]), form.coefficients)

    def elements(self, value: NodeForms) -> list[Form]:
        """One form for each entry."""
        if not value.grid:
            return value.forms
        size = sum(len(form.atoms) + FORM for form in value.forms) * prod(value.grid)
        _budget.hold(size, "forms")
        _budget.charge(size, "forms")
        return [self.at(form, place) for form in value.forms for place in range(prod(value.grid))]

    def use(self, number: Any, kind: tuple[Any, ...], grid: Shape, form: Form, step: str) -> Form:
        """Atom ``number`` as a form: made here if it is the next one, else it must be this very function."""
        need(type(number) is int, step, "the number of an atom must be an integer")
        if number == len(self.numbered):
            self.numbered.append(Atom(kind, grid, form))
        else:
            atom = self.find(number, step)
            need(atom.kind == kind, step, f"atom {number} was made by another operation")
            need(atom.grid == grid, step, f"atom {number} lives on another grid")
            need(same(atom.form, form), step, f"the form is not the one that atom {number} stands for")
        return single(number)

    def find(self, number: Any, step: str) -> Atom:
        """A numbered atom that exists."""
        if type(number) is not int or not 0 <= number < len(self.numbered):
            raise Rejected(step, f"there is no such atom (the next new one is {len(self.numbered)})")
        return self.numbered[number]


class Lines:
    """The lines that a certificate gives for one node, taken in order."""

    def __init__(self, lines: Sequence[Any], step: str) -> None:
        self._lines, self.taken, self._step = lines, 0, step

    def take(self, step: str) -> Any:
        """The next line."""
        need(self.taken < len(self._lines), step, "there is no line for it")
        self.taken += 1
        return self._lines[self.taken - 1]

    def finish(self) -> None:
        """Rejected if a line is left over."""
        need(self.taken == len(self._lines), self._step, f"{len(self._lines)} lines, but {self.taken} are needed")


def positive(value: Fraction, step: str) -> Fraction:
    """The value, Rejected unless it is > 0."""
    need(value.numerator > 0, step, "the factor must be positive")
    return value
