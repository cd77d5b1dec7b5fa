"""Tropical polynomials: the maximum of finitely many affine functions with exact coefficients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number
from exactnn.tropical.terms import Terms


class TropicalPolynomial:
    """p(x) = max_a (c_a + a . x) over finitely many exponents a, each once; exponents and coefficients rational.

    Parameters
    ----------
    terms : {exponents: coefficient}; of equal exponents the term that wins stays
    dimension : number of variables; only needed without terms (p = -infinity)
    """

    def __init__(self, terms: Mapping[Any, Any] | Iterable[tuple[Any, Any]], dimension: int | None = None) -> None:
        self._terms = Terms.of(terms, dimension)

    @property
    def terms(self) -> Terms:
        """{exponents: coefficient}."""
        return self._terms

    @property
    def dimension(self) -> int:
        """The number of variables."""
        return self._terms.dimension

    @cached_property
    def table(self) -> RationalArray:
        """One row (coefficient, exponents) for each term."""
        return self._terms.table()

    def __call__(self, x: Sequence[Number]) -> Fraction:
        point = RationalArray.of([1, *x], "x")
        return max((self.table @ point).to_fractions())

    def __len__(self) -> int:
        return len(self._terms)
