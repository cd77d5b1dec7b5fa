"""What a tropical polynomial is as a function: the terms it needs, where each of them wins, where it bends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Self

import numpy as np

from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import Number, shown
from exactnn.exact.polyhedron import Polyhedron
from exactnn.tropical._arguments import domain_of, exponents_of
from exactnn.tropical._irredundant import cell, needed_rows
from exactnn.tropical.geometry import DualCell, Hypersurface, dual_subdivision, hypersurface, newton_vertices
from exactnn.tropical.semiring import Convention
from exactnn.tropical.terms import Exponents, StoredBlock, Terms, find
from exactnn.value import Value


class FunctionOfTerms(Value):
    """The questions about the function; what is formal is in `TropicalPolynomial`, the one class of this kind."""

    @property
    @abstractmethod
    def terms(self) -> Terms:
        """{exponents: coefficient}."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The number of variables."""

    @property
    @abstractmethod
    def convention(self) -> Convention:
        """ "max" or "min"."""

    @abstractmethod
    def _other(self, other: Any) -> Self | None:
        """The other operand, if it fits."""

    @abstractmethod
    def _with(self, terms: Terms) -> Self:
        """A polynomial of these terms."""

    @cached_property
    def table(self) -> RationalArray:
        """One row (coefficient, exponents) for each term."""
        return self.terms.table()

    @property
    def signed_table(self) -> RationalArray:
        """The table of max-plus terms that win where those of p do: its own, or minus it for a minimum."""
        return self.table if self.convention == "max" else -self.table

    @cached_property
    def _needed(self) -> list[int]:
        return needed_rows(self.signed_table)

    def reduced(self, domain: Polyhedron | None = None) -> Self:
        """The same function with the terms only that alone are the maximum somewhere: the canonical form of the function.

        Parameters
        ----------
        domain : ask for the interior of this set only; equal to p on the domain

        Raises
        ------
        DomainError
            If the domain has no interior point.

        Examples
        --------
        >>> from exactnn.tropical import TropicalPolynomial
        >>> TropicalPolynomial({(0,): 0, (1,): 0, (2,): 0}).reduced()
        TropicalPolynomial(max(0, 2 x))
        """
        return self._reduced if domain_of(domain) is None else self._kept(needed_rows(self.signed_table, domain))

    @cached_property
    def _reduced(self) -> Self:
        new = self._kept(self._needed)
        new.__dict__["_needed"] = list(range(len(new.terms)))
        return new

    def _kept(self, rows: list[int]) -> Self:
        if len(rows) == len(self.terms):
            return self
        block = StoredBlock(self.table[np.array(rows, dtype=np.int64)])
        return self._with(Terms([block], self.dimension))

    def equals(self, other: Self, domain: Polyhedron | None = None) -> bool:
        """Whether both are the same function (on a domain with interior points)."""
        if not isinstance(other, FunctionOfTerms):
            raise ArgumentError(f"other: a tropical polynomial is needed, got {shown(other)}")
        self._other(other)
        domain_of(domain)
        return self == other or self.reduced(domain) == other.reduced(domain)

    def witness(self, exponents: Sequence[Number], domain: Polyhedron | None = None) -> tuple[Fraction, ...]:
        """A point (in the interior of a domain) where this term alone is the maximum.

        Raises
        ------
        ArgumentError
            If there is no such term, or no such point.

        Examples
        --------
        >>> from exactnn.tropical import TropicalPolynomial
        >>> TropicalPolynomial({(0,): 0, (1,): 0, (2,): -5}).witness((1,))
        (Fraction(1, 1),)
        """
        row = self._row(exponents)
        region, inside = cell(self.signed_table, row, self._needed), domain_of(domain)
        if inside is not None:
            region = region.intersection(inside)
        if row not in self._needed or region.dimension < self.dimension:
            raise ArgumentError(f"exponents: the term {shown(exponents)} is alone the maximum at no point; .reduced() has those that are")
        return region.interior_point()

    def region(self, exponents: Sequence[Number]) -> Polyhedron:
        """{x : the term with these exponents is the maximum}, by inequalities against the other needed terms."""
        return cell(self.signed_table, self._row(exponents), self._needed)

    def _row(self, exponents: Sequence[Number]) -> int:
        key = exponents_of(exponents)
        row = find(self.table, key) if len(key) == self.dimension else None
        if row is None:
            raise ArgumentError(f"exponents: those of a term are needed, got {shown(exponents)}; p.terms has them")
        return row

    # --- geometry ----------------------------------------------------------------------------------------------------------

    def newton_polytope(self) -> tuple[Exponents, ...]:
        """The vertices of the convex hull of the exponents, in lexicographic order."""
        return newton_vertices(self)

    def upper_hull(self) -> tuple[tuple[Exponents, Fraction], ...]:
        """The vertices (exponents, coefficient) of the upper hull (for "min" the lower) of the lifted exponents: the terms of `reduced`.

        Examples
        --------
        >>> from exactnn.tropical import TropicalPolynomial
        >>> p = TropicalPolynomial({(0,): 0, (1,): -1, (2,): 0})
        >>> p.upper_hull() == (((0,), 0), ((2,), 0)), p.newton_polytope() == ((0,), (2,))
        (True, True)
        """
        return tuple(self.reduced().terms.rows())

    def dual_subdivision(self, *, limit: int = 10_000) -> tuple[DualCell, ...]:
        """The maximal cells of the subdivision of the Newton polytope that the coefficients induce, each with its dual point.

        Meant for low dimension. Incomplete beyond `limit` rays on the way.

        Examples
        --------
        >>> from exactnn.tropical import TropicalPolynomial
        >>> p = TropicalPolynomial({(0,): 0, (1,): 1, (2,): 1})
        >>> [(cell.exponents == ((k,), (k + 1,)), cell.point) for k, cell in enumerate(p.dual_subdivision())]
        [(True, (Fraction(-1, 1),)), (True, (Fraction(0, 1),))]
        """
        return dual_subdivision(self, limit=limit)

    def hypersurface(self, *, limit: int = 10_000) -> Hypersurface:
        """Where p bends: its vertices, and its cells of dimension d - 1 with their generators, exponents and multiplicities.

        Meant for low dimension. Incomplete beyond `limit` rays on the way.

        Examples
        --------
        >>> from exactnn.tropical import TropicalPolynomial
        >>> line = TropicalPolynomial({(0, 0): 0, (1, 0): 0, (0, 1): 0}).hypersurface()
        >>> line.vertices
        ((Fraction(0, 1), Fraction(0, 1)),)
        >>> [tuple(map(int, cell.rays[0])) for cell in line.cells]
        [(-1, 0), (0, -1), (1, 1)]
        """
        return hypersurface(self, limit=limit)
