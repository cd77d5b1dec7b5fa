"""Forms: a rational constant plus a rational combination of atoms.

An atom is a function of the networks' input, known here by an integer only. The linear part of a form is
``factor`` times integer coefficients: scaling a form costs nothing, forms of one layer share their tuple of
atoms, and sums run over integers. Two forms that agree as combinations are equal as functions, whatever the
atoms are; nothing else is ever concluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain, repeat
from math import gcd, lcm, prod
from operator import itemgetter, mul
from typing import NamedTuple

from . import _budget
from ._budget import PACKED, words
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

    def times(self, k: Fraction | int) -> Form:
        """k times this form."""
        return self if k == 1 else _kept(Form(self.constant and self.constant * k, self.factor * k, self.atoms, self.coefficients))

    def plus(self, k: Fraction) -> Form:
        """This form plus a constant."""
        return _kept(Form(self.constant + k if self.constant else k, self.factor, self.atoms, self.coefficients)) if k else self

    def is_constant(self) -> bool:
        """Whether no atom occurs."""
        return not self.factor or not any(self.coefficients)


def _kept(form: Form, numbers: int = 0) -> Form:
    """A new form, with so many numbers that it shares with no other."""
    (a, b), (c, d) = form.constant.as_integer_ratio(), form.factor.as_integer_ratio()
    _budget.hold(FORM + numbers + (a.bit_length() + b.bit_length() + c.bit_length() + d.bit_length() >> 6), _STEP)
    return form


def constant(value: Fraction | int) -> Form:
    """A form without atoms."""
    return _kept(Form(Fraction(value)))


def single(atom: int) -> Form:
    """One atom."""
    _budget.hold(FORM + 2, _STEP)
    return Form(_ZERO, _ONE, (atom,), (1,))


def same(a: Form, b: Form) -> bool:
    """Whether the two forms have equal constants and equal coefficients."""
    if a.constant != b.constant:
        return False
    if a.is_constant() or b.is_constant():
        return a.is_constant() and b.is_constant()
    if a.atoms != b.atoms:
        with _budget.released():
            return combination([(1, a), (-1, b)]).is_constant()
    (m, n), (r, s) = a.factor.as_integer_ratio(), b.factor.as_integer_ratio()
    p, q = m * s, n * r  # p c = q d for each coefficient c of a and d of b
    _budget.charge(2 * len(a.atoms) * words(p.bit_length() + q.bit_length()), _STEP)
    common = gcd(p, q)
    return _times(p // common, a.coefficients) == _times(q // common, b.coefficients)


def _times(k: int, coefficients: Sequence[int]) -> list[int]:
    return list(coefficients if k == 1 else map(mul, coefficients, repeat(k)))


def _over(value: Fraction, denominator: int) -> int:
    """The numerator over a multiple of its denominator."""
    return value.numerator * (denominator // value.denominator)


def _least(values: Iterable[Fraction]) -> int:
    """The least common denominator, charged as it grows."""
    found = 1
    for denominator in {value.denominator for value in values}:
        if found % denominator:
            _budget.charge(words(found.bit_length()) * words(denominator.bit_length()), _STEP)
            found = lcm(found, denominator)
    return found


def _longest(numbers: Iterable[int]) -> int:
    """How many times the longest number is as long as a short one."""
    return words(max(map(abs, numbers), default=0).bit_length())


def combination(terms: Sequence[tuple[Fraction | int, Form]], under: int = 1, shift: Fraction = _ZERO) -> Form:
    """The sum of k times form, divided by ``under``, plus the shift; cancelled atoms are left out."""
    if len(terms) == 1:
        ((k, form),) = terms
        return form.times(k if under == 1 else Fraction(k, under)).plus(shift)
    constants = [form.constant * k for k, form in terms if form.constant]
    factors = [form.factor if k == 1 else form.factor * k for k, form in terms]
    common = _least([*constants, *factors])
    found: dict[int, int] = {}
    for factor, (_, form) in zip(factors, terms, strict=True):
        k = _over(factor, common)
        _budget.charge(4 * len(form.atoms) * words(k.bit_length()) * _longest(form.coefficients), _STEP)
        for atom, c in zip(form.atoms, form.coefficients, strict=True):
            found[atom] = found.get(atom, 0) + k * c
    kept = {atom: c for atom, c in found.items() if c}
    if constants:
        shift += Fraction(sum([_over(value, common) for value in constants]), common * under)
    numbers = len(kept) * (1 + _longest(kept.values()))
    return _kept(Form(shift, Fraction(1, common * under), tuple(kept), list(kept.values())), numbers)


def products(rows: Sequence[Sequence[int]], rule: Linear, biases: Sequence[Fraction], forms: Sequence[Form]) -> list[Form]:
    """For each row w and bias: bias + sum of w[i] / denominator * forms[i].

    The forms are turned into columns, one for each atom: the positions i where it occurs, with integer
    coefficients over one denominator. An atom that occurs once costs one product a row; forms that are
    different atoms in order, times one number, cost none: the row itself has their coefficients.
    """
    common = _least([q for form in forms for q in (form.constant, form.factor)])
    numbers = sum([len(form.atoms) + 1 for form in forms])
    _budget.charge(numbers * words(common.bit_length()), _STEP)
    _budget.hold(numbers * words(common.bit_length()), _STEP)
    columns: dict[int, dict[int, int]] = {}
    for i, form in enumerate(forms):
        k = _over(form.factor, common)
        for atom, c in zip(form.atoms, form.coefficients, strict=True):
            if value := k * c:
                columns.setdefault(atom, {})[i] = value
    known = sorted(columns, key=abs)
    once, often = [atom for atom in known if len(columns[atom]) == 1], [atom for atom in known if len(columns[atom]) > 1]
    places, factors = [i for atom in once for i in columns[atom]], [c for atom in once for c in columns[atom].values()]
    sums = [(itemgetter(*columns[atom]), list(columns[atom].values())) for atom in often]
    constants = [_over(form.constant, common) for form in forms]
    alike = not sums and places == list(range(len(forms))) and len(set(factors)) == 1
    if not alike:
        long = _longest(chain(factors, constants, *[values for _, values in sums]))
        _budget.charge(len(rows) * (FORM + numbers) * long * words(rule.longest()) // PACKED, _STEP)
        _budget.hold(len(rows) * numbers * (long + words(rule.longest()) - 1), _STEP)
    _budget.hold(len(rows) * (FORM + words(common.bit_length())), _STEP)
    under, still, atoms, found = rule.denominator * common, not any(constants), (*once, *often), list[Form]()
    scale = Fraction(factors[0] if alike else 1, under)
    for row, bias in zip(rows, biases, strict=True):
        coefficients = row
        if not alike:
            coefficients = [*map(mul, map(row.__getitem__, places), factors), *[sum(map(mul, at(row), values)) for at, values in sums]]
        found.append(Form(bias if still else bias + Fraction(sum(map(mul, row, constants)), under), scale, atoms, coefficients))
    return found


def combined(rule: Linear, operands: Sequence[Form], step: str) -> list[Form]:
    """The rule on forms."""
    shifts = [Fraction(c, rule.over) if c else _ZERO for c in rule.constants] or [_ZERO] * prod(rule.shape)
    _budget.hold(len(shifts), step)
    _budget.charge(8 * len(shifts), step)
    forms = [*operands, Form(_ZERO)]  # the place -1
    if rule.blocks is None:
        terms = [(weights or [1] * len(shifts), taken(forms, places)) for places, weights in rule.terms]
        return [combination([(w[e], x[e]) for w, x in terms], rule.denominator, shift) for e, shift in enumerate(shifts)]
    found = forms[-1:] * len(shifts)
    for places, entries, rows in rule.blocks():
        sums = products(rows, rule, [shifts[e] for e in entries], taken(forms, places))
        for e, form in zip(entries, sums, strict=True):
            found[e] = form
    return found
