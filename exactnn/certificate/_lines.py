"""Lines of activation nodes: which atom stands for max(z, 0), or why z has one sign."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Any

from . import _budget
from ._atoms import Atoms, Shape, positive
from ._form import Form, combination, constant, single
from ._load import load
from ._numbers import Rejected, items, need, rational, show

MAX = ("max",)


class Kinks:
    """What max(z, 0) is, by a line of the certificate."""

    def __init__(self, atoms: Atoms, slack: Callable[[Any, str], Form], bounds: Any) -> None:
        self.atoms = atoms
        self._slack = slack  # row r of the domain to the form b_r - A_r x, which is >= 0 there
        self._chords = load("_chords.Chords")(self, bounds) if items(bounds, "forms: bounds") else None

    def positive_part(self, z: Form, line: Any, grid: Shape, step: str) -> Form:
        """The form of max(z, 0); null leaves it unnamed, an atom that is equal to no other."""
        if line is None:
            return single(self.atoms.unnamed())
        line = items(line, step)
        if len(line) == 4 and line[0] == "atom":
            # z = s F l with F > 0, so max(z, 0) = F max(s l, 0), and max(-l, 0) = max(l, 0) - l
            s, factor = line[2], positive(rational(line[3], step), step)
            if type(s) is not int or s not in (1, -1):
                raise Rejected(step, f"the sign must be 1 or -1, not {show(s)}")
            atom = self.atoms.use(line[1], MAX, grid, z.times(s if factor == 1 else s / factor), step).times(factor)
            return atom if s == 1 else combination([(1, atom), (1, z)])
        if len(line) == 2 and line[0] == "on":
            self.nonnegative(z, line[1], grid, step)
            return z
        if len(line) == 2 and line[0] == "off":
            self.nonnegative(z.times(-1), line[1], grid, step)
            return constant(0)
        raise Rejected(step, 'expected ["atom", a, s, F], ["on", proof] or ["off", proof]')

    def nonnegative(self, form: Form, proof: Any, grid: Shape, step: str) -> None:
        """The proof shows form = gamma + sum of coefficient * term, all terms being >= 0 on the domain."""
        terms: list[tuple[Fraction | int, Form]] = [(1, form)]
        with _budget.released():
            for i, raw in enumerate(items(proof, step)):
                here = f"{step}, proof term {i}"
                kind, number, coefficient = items(raw, here, 3)
                terms.append((-positive(rational(coefficient, here), here), self._term(kind, number, grid, here)))
            rest = combination(terms)
        need(rest.is_constant(), step, "the terms of the proof do not add up to the form")
        if rest.constant < 0:
            raise Rejected(step, f"the proof leaves the negative constant {show(rest.constant)}")

    def finish(self) -> None:
        """Rejected if a stated bound does not hold, used or not."""
        if self._chords is not None:
            self._chords.finish()

    def _term(self, kind: Any, number: Any, grid: Shape, step: str) -> Form:
        if kind == "slack":
            need(grid == (), step, "a slack is a number, not a function on a grid")
            return self._slack(number, step)
        if kind == "chord":
            if self._chords is None:
                raise Rejected(step, f"no bounds are stated for atom {show(number)}")
            chord: Form = self._chords.chord(number, grid, step)
            return chord
        need(type(kind) is str and kind in ("atom", "mirror"), step, f"unknown kind of term {show(kind)}")
        place = None
        if type(number) is list:  # [a, p]: atom a of a grid, at place p
            number, place = items(number, step, 2)
        atom = self.atoms.find(number, step)
        need(atom.kind == MAX, step, f"atom {number} is no maximum with 0")
        term = single(number)
        if kind == "mirror":  # max(-l, 0) = max(l, 0) - l
            term = combination([(1, term), (-1, atom.form)])
        if place is None:
            need(atom.grid == grid, step, f"atom {number} lives on another grid")
            return term
        places = prod(atom.grid)
        need(grid == () and atom.grid != (), step, "a place is named only for an atom of a grid, in element layout")
        need(type(place) is int and 0 <= place < places, step, "there is no such place on the grid")
        return self.atoms.at(term, place)
