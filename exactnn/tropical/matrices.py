"""Matrices over the tropical semiring.

(A (+) B)_ij = max(A_ij, B_ij),   (A (.) B)_ij = max_k (A_ik + B_kj),   A* = I (+) A (+) A^2 (+) ...
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.numbers import as_fraction, shown
from exactnn.tropical._arguments import whole
from exactnn.tropical.semiring import Convention, Tropical, checked, finite_or_zero, is_scalar, one_convention
from exactnn.value import ROWS, Value


class TropicalMatrix(Value):
    """A matrix with entries of the max-plus (or min-plus) semiring.

    Operators: A + B entrywise maximum, A @ B the product (B may be a vector, a list of entries), a * A adds the scalar a to each entry,
    A ** n the n-fold product.

    Parameters
    ----------
    entries : m x n numbers; None or -infinity for the zero of max-plus, None or infinity for that of min-plus
    convention : "max" or "min"

    Raises
    ------
    ShapeError
        For rows of different lengths, and operands whose sizes do not fit.
    NotFiniteError
        For NaN, and for the infinity that is not zero.

    Examples
    --------
    >>> A = TropicalMatrix([[None, 2], [-3, None]])
    >>> A @ A
    TropicalMatrix([[-1, -inf], [-inf, -1]])
    >>> A.star()
    TropicalMatrix([[0, 2], [-3, 0]])
    >>> A @ [0, 5]
    (Tropical(7), Tropical(-3))
    """

    __array_ufunc__ = None  # numpy's numbers leave the operators to this class

    def __init__(self, entries: Any, convention: str = "max") -> None:
        self._convention = checked(convention)
        rows = _rows(entries, self._convention)
        width = len(rows[0]) if rows else 0
        if any(len(row) != width for row in rows):
            raise ShapeError(f"entries: rows of equal length are needed, got lengths {sorted({len(row) for row in rows})}")
        flat = [v for row in rows for v in row]
        self._finite = np.array([v is not None for v in flat], dtype=bool).reshape(len(rows), width)
        self._numbers = RationalArray.from_fractions([v or Fraction(0) for v in flat], (len(rows), width))

    @classmethod
    def identity(cls, size: int, *, convention: str = "max") -> TropicalMatrix:
        """0 on the diagonal, the semiring's zero elsewhere."""
        n = whole(size, "size", 0)
        return cls._made(RationalArray.zeros((n, n)), np.eye(n, dtype=bool), checked(convention))

    @classmethod
    def zero(cls, rows: int, columns: int, *, convention: str = "max") -> TropicalMatrix:
        """The semiring's zero everywhere."""
        shape = whole(rows, "rows", 0), whole(columns, "columns", 0)
        return cls._made(RationalArray.zeros(shape), np.zeros(shape, dtype=bool), checked(convention))

    @classmethod
    def _made(cls, numbers: RationalArray, finite: np.ndarray[Any, Any], convention: Convention) -> TropicalMatrix:
        new = object.__new__(cls)
        new._convention, new._finite = convention, finite
        new._numbers = numbers if finite.all() else RationalArray(np.where(finite, numbers.numerators, 0), numbers.denominator)
        return new

    # --- the value ---------------------------------------------------------------------------------------------------------

    @property
    def convention(self) -> Convention:
        """ "max" or "min"."""
        return self._convention

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self._finite.shape[0], self._finite.shape[1]

    def __getitem__(self, place: tuple[int, int]) -> Tropical:
        if not isinstance(place, tuple) or len(place) != 2:
            raise ArgumentError(f"place: row and column, A[i, j], are needed, got {shown(place)}")
        i, j = (whole(v, "place", -n, n - 1) for v, n in zip(place, self.shape, strict=True))
        return Tropical(self._numbers[i, j].item() if self._finite[i, j] else None, self._convention)

    def rows(self) -> tuple[tuple[Tropical, ...], ...]:
        """All entries."""
        return tuple(tuple(self[i, j] for j in range(self.shape[1])) for i in range(self.shape[0]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TropicalMatrix):
            return NotImplemented
        same = self._convention == other._convention and self.shape == other.shape
        return same and bool((self._finite == other._finite).all()) and self._numbers == other._numbers

    def __hash__(self) -> int:
        return hash((self._convention, self.shape, self._finite.tobytes(), self._numbers))

    def _parts(self) -> dict[str, Any]:
        rows = [[None if entry.value is None else entry.value for entry in row] for row in self.rows()]
        return {"shape": self.shape, "convention": self._convention, "rows": rows}

    def _summary(self) -> str:
        if self._finite.size > 36:
            return f"shape={self.shape}, convention={self._convention!r}"
        texts = ", ".join(f"[{', '.join(map(str, row))}]" for row in self.rows())
        return f"[{texts}]" if self._convention == "max" else f'[{texts}], convention="min"'

    def _rows(self) -> list[tuple[str, str]]:
        columns = min(self.shape[1], ROWS)
        more = ", ..." if columns < self.shape[1] else ""
        return [(str(i), ", ".join(str(self[i, j]) for j in range(columns)) + more) for i in range(min(self.shape[0], ROWS))]

    @property
    def T(self) -> TropicalMatrix:
        """The transpose."""
        return self._made(self._numbers.T, self._finite.T, self._convention)

    def converted(self, convention: str) -> TropicalMatrix:
        """The image under x -> -x in the other convention; itself for its own."""
        return self if checked(convention) == self._convention else self._made(-self._numbers, self._finite, checked(convention))

    # --- the semiring of matrices ------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> TropicalMatrix:
        if not isinstance(other, TropicalMatrix):
            return NotImplemented
        one_convention(self._convention, other._convention)
        if self.shape != other.shape:
            raise ShapeError(f"matrix sum: equal shapes are needed, got {self.shape} and {other.shape}")
        numbers = _stacked(self._numbers, other._numbers)
        return self._extreme(numbers, np.stack([self._finite, other._finite]), 0)

    def __mul__(self, scalar: Any) -> TropicalMatrix:
        if not is_scalar(scalar):
            return NotImplemented
        value = Tropical(scalar, self._convention).value
        if value is None:
            return TropicalMatrix.zero(*self.shape, convention=self._convention)
        return self._made(self._numbers + value, self._finite, self._convention)

    __rmul__ = __mul__

    def __matmul__(self, other: Any) -> Any:
        """The product with a matrix, or with a vector of numbers (a tuple of `Tropical`)."""
        if not isinstance(other, TropicalMatrix):
            column = TropicalMatrix(
                [[v] for v in _entries(other, "other: a TropicalMatrix or a vector (a list of entries)")], self._convention
            )
            return tuple(row[0] for row in (self @ column).rows())
        one_convention(self._convention, other._convention)
        (m, k), (inner, n) = self.shape, other.shape
        if k != inner:
            raise ShapeError(f"matrix product: inner sizes must agree, got {self.shape} and {other.shape}")
        if k == 0:
            return TropicalMatrix.zero(m, n, convention=self._convention)
        sums = self._numbers.reshape(m, k, 1) + other._numbers.reshape(1, k, n)
        return self._extreme(sums, self._finite.reshape(m, k, 1) & other._finite.reshape(1, k, n), 1)

    def __pow__(self, exponent: int) -> TropicalMatrix:
        """The n-fold product."""
        self._square("a power")
        n = as_fraction(exponent, "exponent")
        if n.denominator != 1 or n < 0:
            raise ArgumentError(f"exponent: an integer n >= 0 is needed, got {shown(exponent)}")
        result, square, left = TropicalMatrix.identity(self.shape[0], convention=self._convention), self, n.numerator
        while left:
            if left & 1:
                result = result @ square
            left >>= 1
            if left:
                square = square @ square
        return result

    def star(self) -> TropicalMatrix:
        """The Kleene star I (+) A (+) A^2 (+) ...: the weights of the best paths, of any length.

        Raises
        ------
        ArgumentError
            If a cycle has positive weight (for "min" a negative one), so that there is no best path.
        """
        self._square("the Kleene star")
        best = self
        for k in range(self.shape[0]):  # paths through the first k nodes (Floyd, Warshall)
            best._without_cycles()
            first, second = (
                self._made(best._numbers[at], best._finite[at], self._convention) for at in (np.s_[:, k : k + 1], np.s_[k : k + 1])
            )
            best = best + first @ second
        best._without_cycles()
        return best + TropicalMatrix.identity(self.shape[0], convention=self._convention)

    def _without_cycles(self) -> None:
        sign = 1 if self._convention == "max" else -1
        for i, weight in enumerate(self._numbers[np.arange(len(self._finite)), np.arange(len(self._finite))].to_fractions()):
            if sign * weight > 0:  # the semiring's zero is kept as 0
                kind = "positive" if sign == 1 else "negative"
                raise ArgumentError(f"matrix: no cycle of {kind} weight may exist, got one of weight {weight} through node {i}")

    def _square(self, what: str) -> None:
        if self.shape[0] != self.shape[1]:
            raise ShapeError(f"matrix: {what} needs a square matrix, got shape {self.shape}")

    def _extreme(self, numbers: RationalArray, finite: np.ndarray[Any, Any], axis: int) -> TropicalMatrix:
        """The maximum (or minimum) of the finite entries along an axis."""
        signed = numbers if self._convention == "max" else -numbers
        lowest = np.where(finite, signed.numerators, -signed.bound - 1)
        best = RationalArray(np.asarray(lowest.max(axis=axis), dtype=lowest.dtype), signed.denominator)
        return self._made(best if self._convention == "max" else -best, np.asarray(finite.any(axis=axis)), self._convention)


def _rows(entries: Any, convention: Convention) -> list[list[Fraction | None]]:
    rows = [list(_entries(row)) for row in _entries(entries)]
    found: list[list[Fraction | None]] = []
    for i, row in enumerate(rows):
        found.append([])
        for j, value in enumerate(row):
            if isinstance(value, Tropical):
                one_convention(convention, value.convention)
                value = value.value
            found[-1].append(finite_or_zero(value, convention, f"entries[{i}, {j}]"))
    return found


def _entries(values: Any, words: str = "entries: a matrix (a list of rows)") -> Iterator[Any]:
    if isinstance(values, RationalArray):
        values = values.to_rows() if values.ndim == 2 else values.to_fractions()
    if not isinstance(values, (list, tuple, range)):
        values = np.asarray(values).tolist()
    if not isinstance(values, (list, tuple, range)):
        raise ShapeError(f"{words} is needed, got {shown(values)}")
    return iter(values)


def _stacked(a: RationalArray, b: RationalArray) -> RationalArray:
    return concatenate([a.reshape(1, *a.shape), b.reshape(1, *b.shape)])
