"""The one rule about inequalities:  scale form = gamma + sum of y_i g_i,  scale > 0, all y_i >= 0, all g_i >= 0:  so form >= gamma / scale.

An affine form is a tuple of integers: coefficients, and a constant. The multipliers y are written down, or the checker finds them where
the g_i are linearly independent.

Sound: a nonnegative combination of functions that are >= 0 is >= 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

from . import _budget
from ._claim import Domain
from ._numbers import index, integer, items, need

AffineRow = tuple[int, ...]


def primitive(form: Sequence[int]) -> AffineRow:
    """Divided by the greatest common divisor."""
    divisor = gcd(*form) or 1
    return tuple(form) if divisor == 1 else tuple(c // divisor for c in form)


def slacks(domain: Domain | None, step: str) -> list[AffineRow]:
    """b_r - A_r x for each row, primitive; none without a domain."""
    if domain is None:
        return []
    _budget.hold(len(domain.matrix.numerators), step)
    scale = domain.matrix.denominator
    return [primitive([*(-bound.denominator * n for n in row), bound.numerator * scale]) for row, bound in domain.rows()]


def nonnegative(form: Sequence[int], given: Sequence[AffineRow], proof: Any, step: str) -> None:
    """Rejected unless the proof, [factor, [[i, y]...]] or the numbers [i...] alone, shows form >= 0 where all ``given`` are."""
    raw, terms = (1, proof) if _is_rows(proof) else items(proof, step, 2)
    factor = integer(raw, step)
    need(factor > 0, step, "the factor must be positive")
    _, rest = remainder([factor * c for c in form], given, terms, step)
    need(rest >= 0, step, "the constant that remains is negative")


def remainder(form: Sequence[int], given: Sequence[AffineRow], terms: Any, step: str) -> tuple[int, int]:
    """(scale, gamma), from [[i, y]...] with scale 1, or from [i...]; rejected unless what remains is a constant."""
    if _is_rows(terms):
        return _found(form, [given[index(i, len(given), step)] for i in terms], step)
    rest = list(form)
    for term in items(terms, step):
        i, y = items(term, step, 2)
        i, y = index(i, len(given), step), integer(y, step)
        need(y > 0, step, "a multiplier that is not positive")
        _budget.charge(len(rest) * _budget.words(y.bit_length()), step)
        rest = [r - y * c for r, c in zip(rest, given[i], strict=True)]
    need(not any(rest[:-1]), step, "the inequalities do not add up to the function")
    return 1, rest[-1]


def _is_rows(raw: Any) -> bool:
    """Whether a proof is a list of numbers of inequalities and nothing else."""
    return type(raw) is list and all(type(i) is int for i in raw)


def _found(form: Sequence[int], chosen: Sequence[AffineRow], step: str) -> tuple[int, int]:
    """The same with the only y there are.

    Gauss and Jordan without fractions: every entry is a determinant of the table, so that each division leaves no remainder.
    """
    count, n = len(chosen), len(form) - 1
    need(count <= n, step, "the rows are not independent")
    bits = max(c.bit_length() for row in (form, *chosen) for c in row)
    _budget.charge(n * count * (count + 1) * _budget.words(count * bits) ** 2, step)
    table = [[*(row[j] for row in chosen), form[j]] for j in range(n)]
    last = 1
    for k in range(count):
        pivot = next((r for r in range(k, n) if table[r][k]), -1)
        need(pivot >= 0, step, "the rows are not independent")
        table[k], table[pivot] = table[pivot], table[k]
        top = table[k]
        table = [line if line is top else [(top[k] * v - line[k] * w) // last for v, w in zip(line, top, strict=True)] for line in table]
        last = top[k]
    need(not any(line[count] for line in table[count:]), step, "the inequalities do not add up to the function")
    sign = 1 if last > 0 else -1
    multipliers = [sign * line[count] for line in table[:count]]
    need(all(y >= 0 for y in multipliers), step, "a multiplier that is negative")
    return sign * last, sign * last * form[-1] - sum(y * row[-1] for y, row in zip(multipliers, chosen, strict=True))
