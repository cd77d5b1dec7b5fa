"""Tropical polynomials: the maximum (or the minimum) of finitely many affine functions with exact coefficients."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.numbers import Number, as_fraction, rational_text, shown, sum_text
from exactnn.texts import fitted
from exactnn.tropical._arguments import exponents_of, listed, point_of, whole
from exactnn.tropical._evaluation import attaining, extremes
from exactnn.tropical._function import FunctionOfTerms
from exactnn.tropical.semiring import Convention, Tropical, checked, is_scalar, one_convention
from exactnn.tropical.terms import Exponents, Terms, merged
from exactnn.value import FORMULA

_PRODUCTS = 1 << 22  # sums of two terms that one power may make


class TropicalPolynomial(FunctionOfTerms):
    """p(x) = max_a (c_a + a . x) over finitely many exponents a, each once; exponents and coefficients rational, of any sign.

    With convention "min" it is the minimum. `==` and `hash` are those of the formal polynomial, the set of its terms; `equals` asks for
    the function. p + q is the tropical sum max(p, q), p * q the tropical product, the sum of the functions; numbers may stand on either
    side as the constants they are.

    Parameters
    ----------
    terms : {exponents: coefficient} or pairs; of equal exponents the term that wins stays
    dimension : number of variables; only needed without terms (p = -infinity)
    convention : "max" or "min"

    Raises
    ------
    ArgumentError, ShapeError, NotFiniteError
        For exponents that are no tuples of one length, and for what is no number.

    Examples
    --------
    >>> p = TropicalPolynomial({(0, 0): 0, (2, 0): "1/3", (0, 1): 2, (1, 1): -1})
    >>> p(("-1/6", -2)), p.argmax(("-1/6", 0))
    (Fraction(0, 1), ((Fraction(0, 1), Fraction(1, 1)),))
    >>> x, y = TropicalPolynomial.variables(2)
    >>> p == 0 + x**2 * "1/3" + y * 2 + x * y * -1
    True
    >>> (x + y) ** 2
    TropicalPolynomial(max(2 x1, x0 + x1, 2 x0))
    >>> ((x + y) ** 2).equals(x**2 + y**2), (x + y) ** 2 == x**2 + y**2
    (True, False)

    References
    ----------
    D. Maclagan, B. Sturmfels, Introduction to Tropical Geometry (2015).
    """

    __array_ufunc__ = None  # numpy's numbers leave the operators to this class

    def __init__(
        self, terms: Mapping[Any, Any] | Iterable[tuple[Any, Any]], dimension: int | None = None, *, convention: str = "max"
    ) -> None:
        self._convention = checked(convention)
        self._terms = Terms.of(terms, dimension, keep_largest=convention == "max")

    # --- making ------------------------------------------------------------------------------------------------------------

    @classmethod
    def from_table(cls, table: Any, *, convention: str = "max") -> TropicalPolynomial:
        """The polynomial with one term for each row (coefficient, exponents), as `table` gives them.

        Examples
        --------
        >>> TropicalPolynomial.from_table([[1, 2, 0], [0, 0, 1]])
        TropicalPolynomial(max(x1, 2 x0 + 1))
        """
        rows = RationalArray.of(table, "table", ndim=2)
        if rows.shape[1] < 1:
            raise ShapeError(f"table: rows (coefficient, exponents) are needed, got shape {rows.shape}")
        return cls(Terms.of_table(rows, keep_largest=checked(convention) == "max"), convention=convention)

    @classmethod
    def of_needed(cls, terms: Terms) -> TropicalPolynomial:
        """The polynomial of terms of which each is alone the maximum somewhere, as their maker knows (for engines; not checked)."""
        new = cls(terms)
        new.__dict__["_needed"] = list(range(len(terms)))
        return new

    @classmethod
    def constant(cls, value: Any, dimension: int, *, convention: str = "max") -> TropicalPolynomial:
        """The constant, which may be a `Tropical`; without terms for the semiring's zero."""
        scalar, d = Tropical(value, convention), whole(dimension, "dimension", 0)
        return cls({} if scalar.value is None else {(0,) * d: scalar.value}, d, convention=convention)

    @classmethod
    def monomial(cls, exponents: Sequence[Number], coefficient: Number = 0, *, convention: str = "max") -> TropicalPolynomial:
        """coefficient + exponents . x."""
        return cls([(exponents_of(exponents), coefficient)], convention=convention)

    @classmethod
    def variables(cls, dimension: int, *, convention: str = "max") -> tuple[TropicalPolynomial, ...]:
        """The polynomials x0, x1, ..."""
        d = whole(dimension, "dimension", 0)
        return tuple(cls.monomial([int(i == j) for j in range(d)], convention=convention) for i in range(d))

    def _with(self, terms: Terms) -> TropicalPolynomial:
        return TropicalPolynomial(terms, convention=self._convention)

    def _from(self, table: RationalArray) -> TropicalPolynomial:
        """A polynomial of this convention from rows whose exponents may be equal."""
        return self._with(Terms.of_table(table, keep_largest=self._convention == "max"))

    # --- the value ---------------------------------------------------------------------------------------------------------

    @property
    def terms(self) -> Terms:
        """{exponents: coefficient}."""
        return self._terms

    @property
    def dimension(self) -> int:
        """The number of variables."""
        return self._terms.dimension

    @property
    def convention(self) -> Convention:
        """ "max" or "min"."""
        return self._convention

    @cached_property
    def _canonical(self) -> RationalArray:
        return merged(self.table)

    def __len__(self) -> int:
        return len(self._terms)

    def __bool__(self) -> bool:
        raise ArgumentError("a tropical polynomial is neither true nor false; ask p == q, p.equals(q), or len(p) > 0 for a term")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TropicalPolynomial):
            return NotImplemented
        if self is other:
            return True
        same = (self._convention, self.dimension, len(self)) == (other._convention, other.dimension, len(other))
        return same and self._canonical == other._canonical

    def __hash__(self) -> int:
        return hash((self._convention, self._canonical))

    def __str__(self) -> str:
        """max(x0 + 1, 2 x1), or how many terms there are where these are many."""
        if len(self) > 6 or self.dimension > 6:
            return f"{self._convention} of {len(self)} terms in {self.dimension} variables"
        names = [f"x{i}" for i in range(self.dimension)] if self.dimension > 1 else ["x"]
        texts = [sum_text([*zip(a, names, strict=False), (c, "")]) for a, c in self._terms.rows()]
        return fitted(f"{self._convention}({', '.join(texts)})", FORMULA)

    def _parts(self) -> dict[str, Any]:
        return {"convention": self._convention, **self._terms._parts()}

    def _summary(self) -> str:
        return str(self)

    def _rows(self) -> list[tuple[str, str]]:
        return self._terms._rows()

    # --- values ------------------------------------------------------------------------------------------------------------

    def __call__(self, x: Sequence[Number]) -> Fraction:
        """p(x). A polynomial without terms has no value among the Fractions; its value is `Tropical.zero()`, which `at` returns.

        Raises
        ------
        ArgumentError
            If p has no terms.
        """
        return self.values([self._point(x)]).item()

    def at(self, x: Sequence[Number]) -> Tropical:
        """p(x) as a scalar of the semiring; its zero for a polynomial without terms.

        Examples
        --------
        >>> TropicalPolynomial({}, 1).at([5]), TropicalPolynomial({(2,): 1}).at([5])
        (Tropical(-inf), Tropical(11))
        """
        point = self._point(x)
        return Tropical(self.values([point]).item() if len(self) else None, self._convention)

    def values(self, points: Any) -> RationalArray:
        """p at each of m points, exactly and in one go.

        Parameters
        ----------
        points : (m, d) numbers

        Returns
        -------
        RationalArray
            m numbers.
        """
        X = self._points(points)
        if not len(self):
            zero = Tropical.zero(self._convention)
            raise ArgumentError(f"p: a polynomial without terms is {zero!r} everywhere, which no Fraction is; use .at")
        return extremes(self._terms, X, self._convention)

    def argmax(self, x: Sequence[Number]) -> tuple[Exponents, ...]:
        """The exponents of all terms with c_a + a . x = p(x), in lexicographic order."""
        point = self._point(x)
        if not len(self):
            return ()
        return attaining(self._terms, point, self.values([point]).item())

    def _point(self, x: Sequence[Number]) -> tuple[Fraction, ...]:
        return point_of(x, self.dimension, "variable").to_fractions()

    def _points(self, points: Any) -> RationalArray:
        X = RationalArray.of(points, "points")
        if X.size == 0 and X.ndim <= 2 and not len(X):
            return RationalArray.zeros((0, self.dimension))
        if X.ndim != 2 or X.shape[1] != self.dimension:
            raise ShapeError(f"points: an array (m, {self.dimension}) is needed, one row for each point, got shape {X.shape}")
        return X

    # --- the semiring of polynomials ---------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> TropicalPolynomial:
        q = self._other(other)
        if q is None:
            return NotImplemented
        if not len(q):
            return self
        return q if not len(self) else self._from(concatenate([self.table, q.table]))

    def __mul__(self, other: Any) -> TropicalPolynomial:
        q = self._other(other)
        if q is None:
            return NotImplemented
        width = 1 + self.dimension
        sums = self.table.reshape(len(self), 1, width) + q.table.reshape(1, len(q), width)
        return self._from(sums.reshape(len(self) * len(q), width))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: int) -> TropicalPolynomial:
        """The formal n-fold product, with all its terms; as a function it is n p, which `scaled` gives with as few terms as p has.

        ArgumentError where it would take more than 2^22 sums of two terms.
        """
        n = as_fraction(exponent, "exponent")
        if n.denominator != 1 or n < 0:
            raise ArgumentError(
                f"exponent: an integer n >= 0 is needed for the n-fold product, got {shown(exponent)}; "
                "p.scaled(n) is the function n p for any rational n >= 0"
            )
        count = n.numerator
        if count == 0:
            return TropicalPolynomial.constant(0, self.dimension, convention=self._convention)
        if len(self) <= 1:
            return self.scaled(n)
        if len(self) == 2:  # k times the one and n - k times the other
            _check_products(count + 1, count)
            once = np.arange(count + 1)
            return self._from(RationalArray(np.stack([once, count - once], axis=1)) @ self.table)
        result, made = self, 0
        _check_products((count - 1) * len(self) ** 2, count)  # no factor makes the terms fewer
        for _ in range(count - 1):  # squaring would multiply two large polynomials
            made += len(result) * len(self)
            _check_products(made, count)
            result = result * self
        return result

    def scaled(self, factor: Number) -> TropicalPolynomial:
        """The function n p for a rational n >= 0: each term times n.

        Examples
        --------
        >>> TropicalPolynomial({(0,): 0, (1,): 2}).scaled("1/2")
        TropicalPolynomial(max(0, 1/2 x + 1))
        """
        n = as_fraction(factor, "factor")
        if n < 0:
            raise ArgumentError(f"factor: a number >= 0 is needed, for p is convex and a negative multiple is not, got {rational_text(n)}")
        if n == 0 and len(self):
            return TropicalPolynomial.constant(0, self.dimension, convention=self._convention)
        return self if n == 1 else self._from(self.table * n)

    def _other(self, other: Any) -> TropicalPolynomial | None:
        if isinstance(other, TropicalPolynomial):
            one_convention(self._convention, other._convention)
            if other.dimension != self.dimension:
                raise ShapeError(f"dimension: both polynomials must have {self.dimension} variables, got {other.dimension}")
            return other
        if not is_scalar(other):
            return None
        return TropicalPolynomial.constant(other, self.dimension, convention=self._convention)

    # --- substitution ------------------------------------------------------------------------------------------------------

    def compose(self, A: Any, b: Any = None) -> TropicalPolynomial:
        """p(A x + b): coefficients c + a . b, exponents a A; equal ones are merged.

        Parameters
        ----------
        A : (d, k) numbers
        b : d numbers; zeros if left out

        Examples
        --------
        >>> TropicalPolynomial({(1, 0): 0, (0, 1): 0}).compose([[2], [-1]], [0, 3])
        TropicalPolynomial(max(-x + 3, 2 x))
        """
        matrix = RationalArray.of(A, "A")
        if matrix.ndim != 2 or len(matrix) != self.dimension:
            raise ShapeError(f"A: a matrix with {self.dimension} rows is needed, one for each variable, got shape {matrix.shape}")
        shift = RationalArray.zeros((self.dimension,)) if b is None else RationalArray.of(b, "b")
        if shift.shape != (self.dimension,):
            raise ShapeError(f"b: {self.dimension} numbers are needed, one for each row of A, got shape {shift.shape}")
        first = RationalArray.unit(1 + matrix.shape[1], 0).reshape(1, -1)
        onto = concatenate([first, concatenate([shift.reshape(-1, 1), matrix], axis=1)])
        return self._from(self.table @ onto)

    def substitute(self, polynomials: Sequence[TropicalPolynomial]) -> TropicalPolynomial:
        """p(q_1, ..., q_d), formally.

        Exponents of any sign where all q_i are monomials (of one term each: an affine map); otherwise integers >= 0.
        """
        parts = listed(polynomials, "polynomials", "a tuple of tropical polynomials, one for each variable,")
        if len(parts) != self.dimension or not parts or not all(isinstance(q, TropicalPolynomial) for q in parts):
            raise ArgumentError(f"polynomials: {self.dimension} tropical polynomials are needed, one for each variable, got {shown(parts)}")
        for q in parts:
            one_convention(self._convention, q._convention)
            parts[0]._other(q)
        if all(len(q) == 1 for q in parts):
            rows = concatenate([q.table for q in parts])
            return self.compose(rows[:, 1:], rows[:, 0])
        total = TropicalPolynomial({}, parts[0].dimension, convention=self._convention)
        for exponents, coefficient in self._terms.rows():
            product = TropicalPolynomial.constant(coefficient, total.dimension, convention=self._convention)
            for a, q in zip(exponents, parts, strict=True):
                product = product * (q.scaled(a) if len(q) == 1 and a >= 0 else q**a)
            total = total + product
        return total

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write p for another system, by suffix: .json .tex .sympy .smt2 .polymake .m2 .gfan .jl; docs/tropical-formats.md."""
        from exactnn.tropical.formats import write

        write(self, path)

    # --- the other convention ----------------------------------------------------------------------------------------------

    def converted(self, convention: str) -> TropicalPolynomial:
        """The image q under x -> -x of the coefficients, an isomorphism of the two semirings of polynomials:

            q(-x) = -p(x),   the same exponents, the coefficients negated

        Examples
        --------
        >>> TropicalPolynomial({(0,): 0, (1,): 2}).converted("min")
        TropicalPolynomial(min(0, x - 2))
        """
        if checked(convention) == self._convention:
            return self
        sign = RationalArray.of([-1] + [1] * self.dimension)
        return self._swapped(lambda table: table * sign)

    def negated(self) -> TropicalPolynomial:
        """The function -p, of the other convention:  q(x) = -p(x),  exponents and coefficients negated."""
        return self._swapped(lambda table: -table)

    def _swapped(self, change: Callable[[RationalArray], RationalArray]) -> TropicalPolynomial:
        other = "min" if self._convention == "max" else "max"
        return TropicalPolynomial(Terms.of_table(change(self.table)), convention=other)


def _check_products(made: int, count: int) -> None:
    if made > _PRODUCTS:
        raise ArgumentError(
            f"exponent: a product with at most {_PRODUCTS} sums of two terms on the way is needed, but {shown(count)} factors take more; "
            f"scaled({shown(count)}) is the same function, with no more terms than one factor has"
        )
