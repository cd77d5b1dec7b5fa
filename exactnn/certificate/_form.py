"""Forms: a rational constant plus a rational combination of atoms.

An atom is a function of the networks' input, known here by an integer only. The linear part of a form is
``factor`` times integer coefficients: scaling a form costs nothing, forms of one layer share their tuple of
atoms, and sums run over integers. Two forms that agree as combinations are equal as functions, whatever the
atoms are; nothing else is ever concluded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import repeat
from math import gcd, lcm, prod
from operator import itemgetter, mul
from typing import NamedTuple

from . import _budget
from ._budget import LONG, words
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
        return self if k == 1 else _kept(Form(self.constant and k * self.constant, k * self.factor, self.atoms, self.coefficients))

    def plus(self, k: Fraction) -> Form:
        """This form plus a constant."""
        return _kept(Form(self.constant + k if self.constant else k, self.factor, self.atoms, self.coefficients)) if k else self

    def is_constant(self) -> bool:
        """Whether no atom occurs."""
        return not self.factor or not any(self.coefficients)


_NOTHING = Form(_ZERO)


def _kept(form: Form, numbers: int = 0) -> Form:
    """A new form, with so many numbers that it shares with no other."""
    (a, b), (c, d) = form.constant.as_integer_ratio(), form.factor.as_integer_ratio()
    _budget.hold(FORM + numbers + (a.bit_length() + b.bit_length() + c.bit_length() + d.bit_length() >> 6), _STEP)
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
    (m, n), (r, s) = a.factor.as_integer_ratio(), b.factor.as_integer_ratio()
    p, q = _reduced(m * s, n * r)  # p c = q d for each coefficient c of a and d of b
    _budget.charge((len(a.atoms) + len(b.atoms)) * words(p.bit_length() + q.bit_length()), _STEP)
    if a.atoms == b.atoms:
        return _times(p, a.coefficients) == _times(q, b.coefficients)
    first = {atom: p * c for atom, c in zip(a.atoms, a.coefficients, strict=True) if c}
    return first == {atom: q * d for atom, d in zip(b.atoms, b.coefficients, strict=True) if d}


def _over(value: Fraction, denominator: int) -> int:
    """The numerator over a multiple of its denominator."""
    return value.numerator * (denominator // value.denominator)


def _times(k: int, coefficients: Sequence[int]) -> list[int]:
    return list(coefficients if k == 1 else map(mul, coefficients, repeat(k)))


def _least(denominators: Iterable[int]) -> int:
    """The least common multiple, charged as it grows."""
    found = 1
    for denominator in set(denominators):
        if found % denominator:
            _budget.charge(words(found.bit_length()) * words(denominator.bit_length()), _STEP)
            found = lcm(found, denominator)
    return found


def combination(terms: Iterable[tuple[Fraction | int, Form]], under: int = 1, shift: Fraction = _ZERO) -> Form:
    """The sum of k times form, divided by ``under``, plus the shift; cancelled atoms are left out."""
    total, parts = _ZERO, []
    for k, form in terms:
        (a, b), (c, d) = k.as_integer_ratio(), form.factor.as_integer_ratio()
        if form.constant:
            part = form.constant if a == b else form.constant * k
            total = total + part if total else part
            if total.denominator >> LONG:
                _budget.charge(words(total.denominator.bit_length()) ** 2, _STEP)
        parts.append((a * c, 1, form) if b * d == 1 else (*_reduced(a * c, b * d), form))
    common = _least([q for _, q, _ in parts])
    found: dict[int, int] = {}
    for p, q, form in parts:
        k = p * (common // q)
        if k:
            long = words(max(map(abs, form.coefficients), default=0).bit_length())
            _budget.charge(len(form.atoms) * words(k.bit_length()) * long, _STEP)
            for atom, c in zip(form.atoms, form.coefficients, strict=True):
                found[atom] = found.get(atom, 0) + k * c
    kept = {atom: c for atom, c in found.items() if c}
    longest = words(max(map(abs, kept.values()), default=0).bit_length())
    total = (total if under == 1 else total / under) + shift if total else shift
    return _kept(Form(total, Fraction(1, common * under), tuple(kept), list(kept.values())), len(kept) * (1 + longest))


def _reduced(p: int, q: int) -> tuple[int, int]:
    """p / q in lowest terms."""
    common = gcd(p, q)
    return p // common, q // common


def products(
    rows: Sequence[Sequence[int]], denominator: int, biases: Sequence[Fraction], forms: Sequence[Form], bits: Callable[[], int]
) -> list[Form]:
    """For each row w and bias: bias + sum of w[i] / denominator * forms[i]; ``bits`` has that of the longest w[i].

    The forms are turned into columns, one for each atom: the positions i where it occurs, with integer
    coefficients over one denominator. An atom that occurs once costs one product a row; forms that are
    different atoms in order, times one number, cost none: the row itself has their coefficients.
    """
    common, unit = _least([form.factor.denominator for form in forms]), _least([form.constant.denominator for form in forms])
    if (more := words(common.bit_length()) - 1) and len({form.factor for form in forms}) > 1:  # then all coefficients are as long
        numbers = (1 + len(rows)) * sum(len(form.atoms) + 1 for form in forms)
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
    table = [columns[atom] for atom in atoms]
    once = [k for k, (at, _) in enumerate(table) if len(at) == 1]
    places, factors = [table[k][0][0] for k in once], [table[k][1][0] for k in once]
    often = [(k, itemgetter(*at), values) for k, (at, values) in enumerate(table) if len(at) > 1]
    share = 0  # the number by which all forms are multiples of one atom each
    whole = list(range(len(forms)))
    if places == whole[::-1] and not often:  # inputs have descending numbers
        atoms, places, factors = atoms[::-1], whole, factors[::-1]
    if places == whole and not often and len(set(factors)) == 1:
        share = factors[0]
    else:
        longest = max(max(map(abs, values)) for values in (factors or [0], *[values for *_, values in often]))
        size = FORM + len(places) + sum([len(values) for *_, values in often])
        _budget.charge(len(rows) * size * words(longest.bit_length()) * words(bits()) // 4, _STEP)
    scale = Fraction(share or 1, denominator * common)

    constants = [_over(form.constant, unit) for form in forms]
    still = not any(constants)
    long = scale.numerator.bit_length() + scale.denominator.bit_length() + (0 if still else (denominator * unit).bit_length())
    _budget.hold(len(rows) * (FORM + (long >> 6)), _STEP)
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
    shifts = [Fraction(c, rule.over) if c else _ZERO for c in rule.constants] or [_ZERO] * prod(rule.shape)
    _budget.hold(len(shifts), step)
    _budget.charge(8 * len(shifts), step)
    forms = [*operands, _NOTHING]  # the place -1
    found = [_NOTHING] * len(shifts)
    if rule.blocks is None:
        for e, shift in enumerate(shifts):
            terms = [(1 if weights is None else weights[e], forms[places[e]]) for places, weights in rule.terms]
            if len(terms) == 1:
                ((weight, form),) = terms
                form = form if weight == rule.denominator else form.times(Fraction(weight, rule.denominator))
                found[e] = form.plus(shift)
            else:
                size = FORM + sum([len(form.atoms) for _, form in terms])
                _budget.charge(4 * size, step)
                _budget.hold(size, step)
                found[e] = combination(terms, rule.denominator, shift)
        return found
    for places, entries, rows in rule.blocks():
        read = taken(forms, places)
        _budget.hold(len(rows) * (FORM + sum([len(form.atoms) for form in read])), step)
        for e, form in zip(entries, products(rows, rule.denominator, [shifts[e] for e in entries], read, rule.longest), strict=True):
            found[e] = form
    return found
