"""Vectors {key: Fraction} without zeros, keys ONE (the constant), (1, k) for coordinate k, others for functions; and rule Farkas."""

from fractions import Fraction
from math import gcd, prod

from tests.certificate.second.values import count, integer, need, several

ONE = (0, 0)


def add(*terms):
    """The sum of c v over the pairs (c, v)."""
    total = {}
    for c, v in terms:
        for key in v:
            total[key] = total.get(key, 0) + c * v[key]
    return {key: w for key, w in total.items() if w}


def const(value):
    return {ONE: Fraction(value)} if value else {}


def is_constant(v):
    return set(v) <= {ONE}


def applied(row, operand):
    """The row, whose coordinates are places of the operand, at these vectors."""
    return add(*((w, const(1) if key == ONE else operand[key[1]]) for key, w in row.items()))


def primitive(v):
    """The form of v: coprime integers, a positive multiple of v."""
    over = prod({w.denominator for w in v.values()})
    whole = [int(w * over) for w in v.values()]
    common = gcd(*whole)
    return {key: Fraction(w // common) for key, w in zip(v, whole, strict=True)}


def nonnegative(v, given, proof):
    """Rule Farkas: the proof shows that v >= 0 where all the vectors given are (forms by themselves)."""
    need(remainder(v, given, proof)[1] >= 0, "gamma is below 0")


def remainder(v, given, proof):
    """(factor, gamma) with factor h = gamma + sum y g, h the form of v, y >= 0."""
    need(isinstance(proof, list), "a proof is a list")
    if len(proof) == 2 and isinstance(proof[1], list) and not isinstance(proof[0], list):
        factor, terms = integer(proof[0]), proof[1]
        need(factor > 0, "a factor that is not positive")
    else:
        factor, terms = 1, several(count)(proof)
    target = add((factor, primitive(v)))
    if all(isinstance(term, list) for term in terms):
        pairs = [(count(i), integer(y)) for i, y in several(several(lambda u: u, 2))(terms)]
        need(all(i < len(given) and y > 0 for i, y in pairs), "a row that is not there, or y <= 0")
    else:
        rows = several(count)(terms)
        need(all(i < len(given) for i in rows), "a row that is not there")
        pairs = list(zip(rows, solution(target, [given[i] for i in rows]), strict=True))
        need(all(y >= 0 for _, y in pairs), "a multiplier below 0")
    rest = add((1, target), *((-y, given[i]) for i, y in pairs))
    need(is_constant(rest), "no constant is left")
    return factor, rest.get(ONE, Fraction(0))


def solution(target, forms):
    """The only y for which target - sum y g is constant, where the forms g have independent coefficients."""
    keys = {key for v in (target, *forms) for key in v if key != ONE}
    rows = [[v.get(key, Fraction(0)) for v in (*forms, target)] for key in keys]
    for column in range(len(forms)):
        pivot = next((r for r in rows[column:] if r[column]), None)
        need(pivot is not None, "rows that depend on each other")
        rows.remove(pivot)
        pivot = [w / pivot[column] for w in pivot]
        rows = [[w - row[column] * p for w, p in zip(row, pivot, strict=True)] for row in rows]
        rows.insert(column, pivot)
    need(not any(row[-1] for row in rows[len(forms) :]), "no combination of these rows")
    return [row[-1] for row in rows[: len(forms)]]
