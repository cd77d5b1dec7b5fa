"""Lines of activation nodes: which atom stands for max(z, 0), or why z has one sign; smooth functions likewise."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Any

from . import _budget
from ._atoms import Atoms, Shape, positive
from ._form import Form, combination, constant, single
from ._network import Node
from ._numbers import Rejected, items, need, rational, show

MAX = ("max",)
AT_ZERO: dict[str, Fraction | int] = {"tanh": 0, "sigmoid": Fraction(1, 2), "silu": 0, "gelu": 0, "gelu_tanh": 0}


class Kinks:
    """What max(z, 0) is, by a line of the certificate."""

    def __init__(self, atoms: Atoms, slack: Callable[[Any, str], Form], bounds: Any) -> None:
        self.atoms = atoms
        self._slack = slack  # row r of the domain to the form b_r - A_r x, which is >= 0 there
        self._stated: dict[int, list[Any]] = {}  # atom to [a, lo, proof, hi, proof] as written
        for entry in items(bounds, "forms: bounds"):
            entry = items(entry, "forms: bounds", 5)
            need(type(entry[0]) is int and entry[0] not in self._stated, "forms: bounds", "an atom is named once, by an integer")
            self._stated[entry[0]] = entry
        self._bounds: dict[int, tuple[Fraction, Fraction]] = {}
        self._below: int | None = None  # while bounds of an atom are proved, chords of earlier atoms only

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
            self.nonnegative(z.times(Fraction(-1)), line[1], grid, step)
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
        need(rest.constant >= 0, step, f"the proof leaves the negative constant {show(rest.constant)}")

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
            atom = self.atoms.find(number, here)
            need(atom.kind == MAX and atom.grid == (), here, "bounds are stated for maxima that are numbers")
            outer, self._below = self._below, number
            self.nonnegative(atom.form.plus(-lo), below, (), f"{here}: lo")
            self.nonnegative(atom.form.times(Fraction(-1)).plus(hi), above, (), f"{here}: hi")
            self._below = outer
            self._bounds[number] = lo, hi
        return self._bounds[number]

    def _chord(self, number: Any, grid: Shape, step: str) -> Form:
        """max(l, 0) is convex, so on [lo, hi] it lies below its chord: hi (l - lo) / (hi - lo) - atom >= 0."""
        atom = self.atoms.find(number, step)
        need(grid == (), step, "a chord is a number, not a function on a grid")
        need(self._below is None or number < self._below, step, "bounds rest on bounds of earlier atoms only")
        lo, hi = self._bound(number, step)
        return combination([(hi / (hi - lo), atom.form.plus(-lo)), (-1, single(number))])

    def _term(self, kind: Any, number: Any, grid: Shape, step: str) -> Form:
        if kind == "slack":
            need(grid == (), step, "a slack is a number, not a function on a grid")
            return self._slack(number, step)
        if kind == "chord":
            return self._chord(number, grid, step)
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


def named(node: Node, form: Form, line: Any, grid: Shape, atoms: Atoms, step: str) -> Form:
    """One atom for each function of a `smooth` or `rational` node and form, up to sign: phi(-t) = -phi(t), 1 - phi(t), phi(t) - t."""
    name, line = node.fields.get("function"), items(line, step)
    if line == ["zero"]:
        need(name in AT_ZERO, step, f"{name} has no rational value at 0")
        need(form.is_constant() and form.constant == 0, step, "the form is not 0")
        return constant(AT_ZERO[str(name)])
    need(len(line) == 3 and line[0] == "atom", step, 'expected ["atom", a, s] or ["zero"]')
    sign = line[2]
    need(type(sign) is int and sign in ((1,) if name is None else (1, -1)), step, f"the sign must be 1{' or -1' * bool(name)}")
    kind = ("smooth", name) if name else ("rational", node.fields["numerator"], node.fields["denominator"])
    inner = form.times(Fraction(sign))
    atom = atoms.use(line[1], kind, grid, inner, step)
    if sign == 1:
        return atom
    if name in ("tanh", "sigmoid"):
        return atom.times(Fraction(-1)).plus(Fraction(name == "sigmoid"))
    return combination([(1, atom), (-1, inner)])
