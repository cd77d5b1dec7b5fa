"""Forms: a rational constant plus a rational combination of atoms.

An atom is a function of the networks' input, known here by an integer only. The linear part of a form is
``factor`` times integer coefficients: scaling a form costs nothing, forms of one layer share their tuple of
atoms, and sums run over integers. Two forms that agree as combinations are equal as functions, whatever the
atoms are; nothing else is ever concluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import repeat
from math import lcm, prod
from operator import itemgetter, mul
from typing import NamedTuple

from . import _budget
from ._budget import words
from ._meaning import Linear, taken

_ZERO, _ONE = Fraction(0), Fraction(1)
FORM = 12  # numbers that a form takes, beside its atoms
_STEP = "forms"


class Form(NamedTuple):
    """constant + factor * sum of coefficients[k] * atoms[k]."""

    constant: Fraction
    factor: Fraction = _ZERO
    atoms: tuple[int, ...] = ()
    coefficients: Sequence[int] = ()

    def times(self, k: Fraction) -> Form:
        """k times this form."""
        return self if k == 1 else _kept(Form(k * self.constant, k * self.factor, self.atoms, self.coefficients))

    def plus(self, k: Fraction) -> Form:
        """This form plus a constant."""
        return self if k == 0 else _kept(self._replace(constant=self.constant + k))

    def is_constant(self) -> bool:
        """Whether no atom occurs."""
        return self.factor == 0 or not any(self.coefficients)


def _kept(form: Form, numbers: int = 0) -> Form:
    """A new form, with so many numbers that it shares with no other."""
    (a, b), (c, d) = form.constant.as_integer_ratio(), form.factor.as_integer_ratio()
    _budget.hold(FORM + numbers + 4 * words(a.bit_length() + b.bit_length() + c.bit_length() + d.bit_length()) - 4, _STEP)
    return form


def constant(value: Fraction | int) -> Form:
    """A form without atoms."""
    return _kept(Form(Fraction(value)))


def single(atom: int, coefficient: Fraction | int = 1) -> Form:
    """A multiple of one atom."""
    if coefficient == 1:
        _budget.hold(FORM + 2, _STEP)
        return Form(_ZERO, _ONE, (atom,), (1,))
    return _kept(Form(_ZERO, Fraction(coefficient), (atom,), (1,)), 2)


def same(a: Form, b: Form) -> bool:
    """Whether the two forms have equal constants and equal coefficients."""
    if a.constant != b.constant:
        return False
    if a.is_constant() or b.is_constant():
        return a.is_constant() and b.is_constant()
    p, q = (a.factor / b.factor).as_integer_ratio()  # p c = q d for each coefficient c of a and d of b
    _budget.charge((len(a.atoms) + len(b.atoms)) * words(p.bit_length() + q.bit_length()), _STEP)
    if a.atoms == b.atoms:
        return list(_times(p, a.coefficients)) == list(_times(q, b.coefficients))
    first = {atom: p * c for atom, c in zip(a.atoms, a.coefficients, strict=True) if c}
    return first == {atom: q * d for atom, d in zip(b.atoms, b.coefficients, strict=True) if d}


def _over(value: Fraction, denominator: int) -> int:
    """The numerator over a multiple of its denominator."""
    return value.numerator * (denominator // value.denominator)


def _times(k: int, coefficients: Sequence[int]) -> Iterable[int]:
    return coefficients if k == 1 else map(mul, coefficients, repeat(k))


def _least(denominators: Iterable[int]) -> int:
    """The least common multiple, charged as it grows."""
    found = 1
    for denominator in set(denominators):
        if found % denominator:
            _budget.charge(words(found.bit_length()) * words(denominator.bit_length()), _STEP)
            found = lcm(found, denominator)
    return found


def combination(terms: Iterable[tuple[Fraction | int, Form]]) -> Form:
    """The sum of k times form; cancelled atoms are left out."""
    terms = [(Fraction(k), form) for k, form in terms]
    shifts, factors = [k * form.constant for k, form in terms], [k * form.factor for k, form in terms]
    unit, common = _least(c.denominator for c in shifts), _least(f.denominator for f in factors)
    _budget.charge(len(terms) * (words(unit.bit_length()) + words(common.bit_length())), _STEP)
    total = Fraction(sum(_over(c, unit) for c in shifts), unit)
    found: dict[int, int] = {}
    for factor, (_, form) in zip(factors, terms, strict=True):
        k = _over(factor, common)
        if k:
            _budget.charge(len(form.atoms) * words(k.bit_length()), _STEP)
            for atom, c in zip(form.atoms, form.coefficients, strict=True):
                found[atom] = found.get(atom, 0) + k * c
    kept = {atom: c for atom, c in found.items() if c}
    longest = words(max((c.bit_length() for c in kept.values()), default=0))
    return _kept(Form(total, Fraction(1, common), tuple(kept), list(kept.values())), len(kept) * (1 + longest))


def products(rows: Sequence[Sequence[int]], denominator: int, biases: Sequence[Fraction], forms: Sequence[Form]) -> list[Form]:
    """For each row w and bias: bias + sum of w[i] / denominator * forms[i].

    The forms are turned into columns, one for each atom: the positions i where it occurs, with integer
    coefficients over one denominator. An atom that occurs once costs one product a row; forms that are
    different atoms in order, times one number, cost none: the row itself has their coefficients.
    """
    common = _least(form.factor.denominator for form in forms)
    unit = _least(form.constant.denominator for form in forms)
    more, numbers = words(common.bit_length()) - 1, (1 + len(rows)) * sum(len(form.atoms) + 1 for form in forms)
    if more and len({form.factor for form in forms}) > 1:  # over a long denominator all coefficients are as long
        _budget.charge(numbers * more, _STEP)
        _budget.hold(numbers * more, _STEP)
    _budget.charge((1 + len(rows)) * len(forms) * (words(unit.bit_length()) - 1), _STEP)
    columns: dict[int, tuple[list[int], list[int]]] = {}
    for i, form in enumerate(forms):
        k = _over(form.factor, common)
        for atom, c in zip(form.atoms, form.coefficients, strict=True) if k else ():
            if c:
                positions, values = columns.setdefault(atom, ([], []))
                positions.append(i)
                values.append(k * c)
    atoms = tuple(sorted(columns))
    once = [k for k, atom in enumerate(atoms) if len(columns[atom][0]) == 1]
    places = [columns[atoms[k]][0][0] for k in once]
    factors = [columns[atoms[k]][1][0] for k in once]
    often = [(k, itemgetter(*columns[a][0]), columns[a][1]) for k, a in enumerate(atoms) if len(columns[a][0]) > 1]
    share = 0  # the number by which all forms are multiples of one atom each
    whole = list(range(len(forms)))
    if places == whole[::-1] and not often:  # inputs have descending numbers
        atoms, places, factors = atoms[::-1], whole, factors[::-1]
    if places == whole and not often and len(set(factors)) == 1:
        share = factors[0]
    scale = Fraction(share or 1, denominator * common)

    constants = [_over(form.constant, unit) for form in forms]
    still = not any(constants)
    long = words(sum(map(int.bit_length, scale.as_integer_ratio()))) + words(0 if still else (denominator * unit).bit_length()) - 2
    _budget.hold(len(rows) * (FORM + 4 * long), _STEP)
    found = []
    for row, bias in zip(rows, biases, strict=True):
        coefficients = row if share else list(map(mul, map(row.__getitem__, places), factors))
        if often:
            spread = [0] * len(atoms)
            for k, c in zip(once, coefficients, strict=True):
                spread[k] = c
            for k, at, values in often:
                spread[k] = sum(map(mul, at(row), values))
            coefficients = spread
        if not still:
            bias += Fraction(sum(map(mul, row, constants)), denominator * unit)
        found.append(Form(bias, scale, atoms, coefficients))
    return found


def combined(rule: Linear, operands: Sequence[Form], step: str) -> list[Form]:
    """The rule on forms."""
    shifts = [Fraction(c, rule.over) for c in rule.constants] or [_ZERO] * prod(rule.shape)
    _budget.hold(len(shifts), step)
    _budget.charge(8 * len(shifts), step)
    sizes = [len(form.atoms) for form in operands]
    bits = max((c.bit_length() for form in operands for c in form.coefficients), default=1)
    forms = [*operands, constant(0)]  # the place -1
    found = [forms[-1]] * len(shifts)
    if rule.blocks is None:
        for e, shift in enumerate(shifts):
            terms = [(1 if weights is None else weights[e], forms[places[e]]) for places, weights in rule.terms]
            if len(terms) == 1:
                found[e] = terms[0][1].times(Fraction(terms[0][0], rule.denominator)).plus(shift)
            else:
                size = FORM + sum(len(form.atoms) for _, form in terms)
                _budget.charge(4 * size * words(bits), step)
                _budget.hold(size, step)
                found[e] = combination([(Fraction(w, rule.denominator), form) for w, form in terms]).plus(shift)
        return found
    for places, entries, rows in rule.blocks():
        size = FORM + sum(sizes[p] for p in places if p >= 0)
        _budget.charge(len(rows) * size * words(bits) * words(rule.bits) // 4, step)
        _budget.hold(len(rows) * size, step)
        made = products(rows, rule.denominator, [shifts[e] for e in entries], taken(forms, places))
        for e, form in zip(entries, made, strict=True):
            found[e] = form
    return found
