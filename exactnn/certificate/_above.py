"""Why a form is >= 0 on the domain: it is a nonnegative combination of functions that are, and of a number."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any

from . import _budget
from ._atoms import MAX, positive
from ._form import Form, combination, single
from ._load import load
from ._numbers import Rejected, index, items, need, rational, show


class Above:
    """The rule, for one network after the other; ``forms`` has the inputs, the domain, the atoms and what is stated of their bounds."""

    def __init__(self, forms: Any) -> None:
        self._forms, self.atoms = forms, forms.atoms
        self._slacks: dict[int, Form] = {}

    @cached_property
    def chords(self) -> Any:
        """What the stated bounds say."""
        return load("_chords.Chords")(self, self._forms.bounds)

    def nonnegative(self, form: Form, proof: Any, step: str) -> None:
        """The proof shows form = gamma + sum of coefficient * term, all terms being >= 0 on the domain."""
        terms: list[tuple[Fraction | int, Form]] = [(1, form)]
        with _budget.released():
            for i, raw in enumerate(items(proof, step)):
                here = f"{step}, proof term {i}"
                kind, number, coefficient = items(raw, here, 3)
                terms.append((-positive(rational(coefficient, here), here), self._term(kind, number, here)))
            rest = combination(terms)
        need(rest.is_constant(), step, "the terms of the proof do not add up to the form")
        if rest.constant < 0:
            raise Rejected(step, f"the proof leaves the negative constant {show(rest.constant)}")

    def within(self, first: Sequence[Form], second: Sequence[Form], tolerance: Fraction, proofs: Any) -> None:
        """tolerance -+ (f - g) >= 0 for each output, by a pair of proofs."""
        for j, (a, b, pair) in enumerate(zip(first, second, items(proofs, "forms: output", len(first)), strict=True)):
            for sign, proof in zip((-1, 1), items(pair, f"forms: output {j}", 2), strict=True):
                self.nonnegative(combination([(sign, a), (-sign, b)]).plus(tolerance), proof, f"forms: output {j}, sign {sign}")

    def _term(self, kind: Any, number: Any, step: str) -> Form:
        need(type(kind) is str and kind in ("slack", "chord", "atom", "mirror"), step, f"unknown kind of term {show(kind)}")
        if kind in ("slack", "chord"):
            need(self.atoms.grid == (), step, f"a {kind} is a number, not a function on a grid")
            bounded: Form = self._slack(number, step) if kind == "slack" else self.chords.chord(number, step)
            return bounded
        place = None
        if type(number) is list:  # [a, p]: atom a of a grid, at place p
            number, place = items(number, step, 2)
        atom = self.atoms.find(number, step)
        need(atom.kind == MAX, step, f"atom {number} is no maximum with 0")
        term = single(number)
        if kind == "mirror":  # max(-l, 0) = max(l, 0) - l
            term = combination([(1, term), (-1, atom.form)])
        if place is None:
            need(atom.grid == self.atoms.grid, step, f"atom {number} lives on another grid")
            return term
        need(self.atoms.grid == () != atom.grid, step, "a place is named only for an atom of a grid, in element layout")
        found: Form = self._forms.at(term, index(place, prod(atom.grid), step))
        return found

    def _slack(self, number: Any, step: str) -> Form:
        """b_r - A_r x for row r of the domain."""
        domain = self._forms.domain
        need(domain is not None, step, "there is no domain to have a slack in")
        r = index(number, len(domain.bounds), step)
        if r not in self._slacks:
            terms = [(-n, form) for n, form in zip(domain.row(r), self._forms.inputs, strict=True) if n]
            self._slacks[r] = combination(terms, domain.matrix.denominator, domain.bounds[r])
        return self._slacks[r]
