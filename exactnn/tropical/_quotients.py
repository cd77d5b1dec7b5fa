"""Differences of tropical polynomials: their affine images, and what numerator and denominator have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.tropical.polynomial import TropicalPolynomial

Polynomials = Sequence[TropicalPolynomial]
Pair = tuple[TropicalPolynomial, TropicalPolynomial]


def affine_image(numerators: Polynomials, denominators: Polynomials, W: RationalArray, b: RationalArray, *, shared: bool) -> list[Pair]:
    """Numerator and denominator of each entry of W (P - Q) + b; see `TropicalRationalMap.affine_image`."""
    minus = (-W).relu()
    if not shared:
        plus = W.relu()
        zero = RationalArray.zeros((1,))
        return [
            (
                _combined(plus[i], minus[i], numerators, denominators, b[i : i + 1]),
                _combined(minus[i], plus[i], numerators, denominators, zero),
            )
            for i in range(len(W))
        ]
    below, down = minus.sum(axis=0), (-b).relu().sum(axis=0).reshape(1)
    above, up = W + below, b + down.item()
    most = concatenate([above, below.reshape(1, -1)]).max(axis=0)
    bottom = _combined(below, most - below, numerators, denominators, down)
    tops = [_combined(above[i], most - above[i], numerators, denominators, up[i : i + 1]) for i in range(len(W))]
    return [(top, bottom) for top in tops]


def _combined(
    u: RationalArray, v: RationalArray, numerators: Polynomials, denominators: Polynomials, b: RationalArray
) -> TropicalPolynomial:
    """sum_k u_k P_k + v_k Q_k + b, u and v >= 0; equal polynomials are taken once, with the sum of their factors."""
    factors: dict[TropicalPolynomial, RationalArray] = {}
    for weights, polynomials in ((u, numerators), (v, denominators)):
        for k in np.flatnonzero(weights.nonzero()).tolist():
            q = polynomials[k]
            factors[q] = factors[q] + weights[k] if q in factors else weights[k]
    total = TropicalPolynomial.constant(b.item(), numerators[0].dimension)
    for q, factor in factors.items():
        total = total * q.scaled(factor.item())
    return total


def larger(p: TropicalPolynomial, q: TropicalPolynomial, r: TropicalPolynomial, s: TropicalPolynomial) -> Pair:
    """max(p - q, r - s) as one difference."""
    return (p + r, q) if q is s or q == s else (p * s + r * q, q * s)


def simplified(p: TropicalPolynomial, q: TropicalPolynomial) -> Pair:
    """The same difference, p and q reduced: least exponents 0, and single terms where p is q times a monomial."""
    if len(p) == len(q) > 1:
        # adding a monomial keeps the lexicographic order of the exponents, so that equal places belong together
        differences = ordered(p) - ordered(q)
        if all(differences[i] == differences[0] for i in range(1, len(p))):
            p, q = TropicalPolynomial.from_table(differences[:1]), TropicalPolynomial.constant(0, p.dimension)
    tables = (p.table, q.table)
    least = -((-concatenate(tables)).max(axis=0))
    keep = RationalArray.of([0] + [1] * p.dimension)
    p, q = (TropicalPolynomial.from_table(t - least * keep) for t in tables)
    return p, q


def ordered(p: TropicalPolynomial) -> RationalArray:
    """The table in lexicographic order of the exponents."""
    return TropicalPolynomial.from_table(p.table).table
