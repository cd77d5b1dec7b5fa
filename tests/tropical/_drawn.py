"""Hypothesis strategies of tropical polynomials, and evaluation written out as an oracle."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from exactnn.tropical import TropicalPolynomial
from tests.strategies import TINY, numbers

Pairs = list[tuple[tuple[Fraction, ...], Fraction]]


def exponents() -> st.SearchStrategy[Fraction]:
    """Small numbers, so that equal, collinear and non-spanning exponents come up; some 2^-60 apart."""
    return st.sampled_from([Fraction(q) for q in (0, 0, 0, 1, 1, 2, 3, -1, "1/2", "-2/3", 1 + TINY)])


def pairs(d: int, size: int = 5, least: int = 1) -> st.SearchStrategy[Pairs]:
    """Terms, of which some may have the same exponents."""
    return st.lists(st.tuples(st.tuples(*[exponents()] * d), numbers()), min_size=least, max_size=size)


def points(d: int) -> st.SearchStrategy[tuple[Fraction, ...]]:
    return st.tuples(*[numbers()] * d)


@st.composite
def polynomials(draw: st.DrawFn, d: int, size: int = 5, least: int = 1, convention: str = "max") -> TropicalPolynomial:
    return TropicalPolynomial(draw(pairs(d, size, least)), d, convention=convention)


def naive(terms: Any, x: Sequence[Any], convention: str = "max") -> Fraction:
    """max (or min) over (exponents, coefficient) of c + a . x."""
    found = [Fraction(c) + sum((Fraction(a) * Fraction(v) for a, v in zip(e, x, strict=True)), Fraction(0)) for e, c in terms]
    return max(found) if convention == "max" else min(found)
