"""Differences of tropical polynomials: their affine images, and what numerator and denominator have in common."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.polyhedron import Polyhedron
from exactnn.tropical.polynomial import TropicalPolynomial

Polynomials = Sequence[TropicalPolynomial]
Pair = tuple[TropicalPolynomial, TropicalPolynomial]


def affine_image(
    numerators: Polynomials, denominators: Polynomials, W: RationalArray, b: RationalArray, *, shared: bool, prune: bool
) -> list[Pair]:
    """Numerator and denominator of each entry of W (P - Q) + b; see `TropicalRationalMap.affine_image`."""

    def combined(u: RationalArray, v: RationalArray, constant: Fraction) -> TropicalPolynomial:
        return _combined([(u, numerators), (v, denominators)], constant, prune)

    minus = (-W).relu()
    if not shared:
        plus = W.relu()
        return [(combined(plus[i], minus[i], b[i].item()), combined(minus[i], plus[i], Fraction(0))) for i in range(len(W))]
    below, down = minus.sum(axis=0), (-b).relu().sum().item()
    above, up = W + below, b + down
    most = concatenate([above, below.reshape(1, -1)]).max(axis=0)
    bottom = combined(below, most - below, down)
    return [(combined(above[i], most - above[i], up[i].item()), bottom) for i in range(len(W))]


def _combined(parts: Sequence[tuple[RationalArray, Polynomials]], constant: Fraction, prune: bool) -> TropicalPolynomial:
    """The sum of non-negative multiples of polynomials; equal polynomials are taken once, with the sum of their factors."""
    factors: dict[TropicalPolynomial, Fraction] = {}
    for weights, polynomials in parts:
        for k in np.flatnonzero(weights.nonzero()).tolist():
            factors[polynomials[k]] = factors.get(polynomials[k], Fraction(0)) + weights[k].item()
    total = TropicalPolynomial.constant(constant, parts[0][1][0].dimension)
    for p, factor in sorted(factors.items(), key=lambda item: len(item[0])):
        several = len(total) > 1 and len(p) > 1
        total = total * p.scaled(factor)
        total = total.reduced() if prune and several else total
    return total


def larger(p: TropicalPolynomial, q: TropicalPolynomial, r: TropicalPolynomial, s: TropicalPolynomial) -> Pair:
    """max(p - q, r - s) as one difference."""
    return (p + r, q) if q is s or q == s else (p * s + r * q, q * s)


def same(p: TropicalPolynomial, q: TropicalPolynomial, r: TropicalPolynomial, s: TropicalPolynomial, domain: Polyhedron | None) -> bool:
    """Whether p - q = r - s, all four reduced on the domain."""
    if q == s:
        return p == r
    return p != r and (p * s).equals(r * q, domain)


def simplified(p: TropicalPolynomial, q: TropicalPolynomial) -> Pair:
    """The same difference, p and q reduced: single terms where p is q times a monomial; least exponents 0, first coefficient of q 0."""
    top, bottom = ordered(p), ordered(q)
    if len(p) == len(q):
        # adding a monomial keeps the lexicographic order of the exponents, so that equal places belong together
        differences = top - bottom
        if (differences - differences[:1]).is_zero():
            top, bottom = differences[:1], RationalArray.zeros((1, 1 + p.dimension))
    least = -((-concatenate([top, bottom])[:, 1:]).max(axis=0))
    common = concatenate([bottom[0, :1], least])
    return TropicalPolynomial.from_table(top - common), TropicalPolynomial.from_table(bottom - common)


def ordered(p: TropicalPolynomial) -> RationalArray:
    """The table in lexicographic order of the exponents."""
    return TropicalPolynomial.from_table(p.table).table
