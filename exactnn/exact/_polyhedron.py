"""Polyhedra {x : A x <= b} and boxes {x : lower <= x <= upper} as exact values.

They are the domains of questions. What they are asked is decided exactly and comes back in Fractions; engines ask `system`,
`maximise` and `nonnegative`, which speak FLINT's numbers and return certificates (see `exactnn.exact.lp`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat

from exactnn.errors import DomainError, EmptyDomain, ShapeError
from exactnn.exact._generators import generate
from exactnn.exact._integer_rows import common
from exactnn.exact._redundancy import recession_ray, redundant_rows
from exactnn.exact._relative import RelativeInterior, relative_interior
from exactnn.exact._volume import volume
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.calls import helpful
from exactnn.exact.lp import Infeasible, LinearSystem, Negative, Nonnegative, Optimal, Unbounded
from exactnn.exact.numbers import Number, fraction, rational, sum_text
from exactnn.texts import number
from exactnn.value import ROWS, Value

Fractions = tuple[Fraction, ...]
Row = tuple[tuple[tuple[int, int], ...], int]  # the nonzero entries (column, integer), and the right hand side


@dataclass(frozen=True, repr=False)
class ImplicitEquality(Value):
    """Row i holds with equality on all of P: -A_i = y^T A and -b_i = y^T b with y = multipliers >= 0."""

    row: int
    multipliers: Fractions


@dataclass(frozen=True, repr=False)
class AffineHull(Value):
    """{origin + sum_k u_k directions[k]}, and the proofs that P lies in it."""

    origin: Fractions
    directions: tuple[Fractions, ...]
    equalities: tuple[ImplicitEquality, ...]


@dataclass(frozen=True, repr=False)
class Generators(Value):
    """P = conv(points) + cone(rays) + span(lines); no points if P is empty; vertices if there are no lines."""

    points: tuple[Fractions, ...]
    rays: tuple[Fractions, ...]
    lines: tuple[Fractions, ...]


class Polyhedron(Value):
    """P = {x in R^d : A x <= b}, bounded or not.

    Two polyhedra are equal if their inequalities are the same up to order, repetition and positive factors.

    Parameters
    ----------
    A : m x d numbers (nested lists, numpy, torch); for no inequality at all `Polyhedron.whole_space(d)`
    b : m numbers

    Raises
    ------
    ShapeError
        If A is ragged or no matrix, or b has not one number for each row.
    NotFiniteError
        For NaN and infinity; a bound at infinity is a row left out.

    Examples
    --------
    >>> triangle = Polyhedron([[-1, 0], [0, -1], [1, 1]], [0, 0, 1])
    >>> triangle
    Polyhedron(3 inequalities in R^2)
    >>> triangle.interior_point()
    (Fraction(1, 2), Fraction(1, 4))
    >>> len(triangle.vertices())
    3
    """

    @helpful
    def __init__(self, A: Any, b: Any) -> None:
        matrix = RationalArray.of(A.tolist() if isinstance(A, fmpq_mat) else A, "A")
        if matrix.ndim != 2:
            advice = "; for no inequality at all use Polyhedron.whole_space(d)" if matrix.size == 0 else ""
            raise ShapeError(f"A: a matrix (a list of rows) is needed, got shape {matrix.shape}{advice}")
        right = RationalArray.of(b.entries() if isinstance(b, fmpq_mat) else b, "b")
        if right.shape != (len(matrix),):
            raise ShapeError(f"b: {len(matrix)} numbers are needed, one for each row of A, got shape {right.shape}")
        self.__dict__["_given"] = (matrix, right)

    @classmethod
    def whole_space(cls, dimension: int) -> Polyhedron:
        """R^d as a polyhedron without inequalities."""
        return Polyhedron(np.zeros((0, dimension), dtype=np.int64), np.zeros(0, dtype=np.int64))

    # --- the value ------------------------------------------------------------

    @cached_property
    def rows(self) -> tuple[RationalArray, RationalArray]:
        """(A, b) as given, as arrays (for engines)."""
        given: tuple[RationalArray, RationalArray] = self.__dict__["_given"]
        return given

    @property
    def ambient_dimension(self) -> int:
        """d, the number of variables."""
        return self.rows[0].shape[1]

    @cached_property
    def system(self) -> LinearSystem:
        """The inequalities prepared for exact linear programs (for engines)."""
        return LinearSystem(*self.rows)

    @cached_property
    def inequalities(self) -> tuple[fmpq_mat, fmpq_mat]:
        """(A, b) as given, b a column (for engines)."""
        A, b = self.rows
        return A.to_fmpq_mat(), b.reshape(-1, 1).to_fmpq_mat()

    def in_dimension(self, dimension: int) -> Polyhedron:
        """This polyhedron, if it lies in R^dimension; DomainError otherwise."""
        if dimension != self.ambient_dimension:
            raise DomainError(
                f"domain: a set in R^{dimension} is needed, one coordinate for each input, "
                f"got {self!r}, which has {self.ambient_dimension} coordinates"
            )
        return self

    def intersection(self, other: Polyhedron) -> Polyhedron:
        """The points of both; first the inequalities of this one, then those of the other."""
        other = other.in_dimension(self.ambient_dimension)
        pairs = [concatenate(pair) for pair in zip(self.rows, other.rows, strict=True)]
        return Polyhedron(*pairs)

    @cached_property
    def _canonical(self) -> tuple[int, frozenset[Row]]:
        integers = self.system.integers
        rows = {_sparse(row, beta) for row, beta in zip(integers.rows, integers.rhs, strict=True)}
        return self.ambient_dimension, frozenset(row for row in rows if row[0] or row[1] < 0)

    def __eq__(self, other: object) -> bool:
        return self._canonical == other._canonical if isinstance(other, Polyhedron) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._canonical)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} is a value and cannot be changed; make a new one")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.__dict__["_given"]

    def _parts(self) -> Mapping[str, Any]:
        A, b = self.rows
        return {"A": A, "b": b}

    def _summary(self) -> str:
        count = len(self.rows[0])
        return f"{count} {'inequality' if count == 1 else 'inequalities'} in R^{self.ambient_dimension}"

    def _rows(self) -> list[tuple[str, str]]:
        A, b = self.rows
        texts = [sum_text((q, f"x{j}") for j, q in enumerate(A[i, :ROWS].to_fractions())) for i in range(min(len(A), ROWS))]
        more = " + ..." if A.shape[1] > ROWS else ""
        return [(str(i), f"{text}{more} <= {number(b[i].item())}") for i, text in enumerate(texts)]

    # --- questions ------------------------------------------------------------

    def contains(self, x: Sequence[Number]) -> bool:
        """Whether A x <= b."""
        return self._contains(self._point(x))

    def _contains(self, point: list[fmpq]) -> bool:
        return self.system.contains(point)

    def _point(self, x: Sequence[Number]) -> list[fmpq]:
        values = [rational(v, f"x[{j}]") for j, v in enumerate(x)]
        if len(values) != self.ambient_dimension:
            raise ShapeError(f"x: {self.ambient_dimension} numbers are needed, got {len(values)}")
        return values

    def is_empty(self) -> bool:
        """Whether no point satisfies all inequalities; `farkas` is the proof."""
        return isinstance(self._relative, Infeasible)

    def farkas(self) -> Fractions | None:
        """Multipliers y >= 0 with y^T A = 0 and y^T b < 0, which prove that P is empty; None if it is not."""
        found = self._relative
        return _fractions(found.farkas) if isinstance(found, Infeasible) else None

    @property
    def dimension(self) -> int:
        """Dimension of the affine hull; -1 if P is empty."""
        found = self._relative
        return -1 if isinstance(found, Infeasible) else len(found.directions)

    def interior_point(self) -> Fractions:
        """A point with few bits where every inequality that is no implicit equality is strict; EmptyDomain if P is empty."""
        return _fractions(self._nonempty().point)

    def affine_hull(self) -> AffineHull:
        """The smallest affine space that contains P, with proofs; EmptyDomain if P is empty."""
        found = self._nonempty()
        equalities = (ImplicitEquality(i, _fractions(y)) for i, (y, _) in sorted(found.implicit.items()))
        return AffineHull(_fractions(found.origin), tuple(_fractions(v) for v in found.directions), tuple(equalities))

    def is_bounded(self) -> bool:
        """Whether P lies in some ball (an empty P does)."""
        return self.is_empty() or recession_ray(self.system) is None

    def unbounded_direction(self) -> Fractions | None:
        """A vector r != 0 with coprime integers as entries, so that P contains x + t r for all its x and t >= 0; None if P is bounded."""
        ray = None if self.is_empty() else recession_ray(self.system)
        if ray is None:
            return None
        scale = math.lcm(*(int(v.q) for v in ray))
        whole = [int(v * scale) for v in ray]
        return tuple(Fraction(n, math.gcd(*whole)) for n in whole)

    def redundant_rows(self) -> dict[int, Fractions]:
        """The rows that follow from the others, of equal rows all but the first; EmptyDomain if P is empty.

        Returns
        -------
        dict
            For each such row i multipliers y >= 0 of the rows that stay, with y^T A = A_i and y^T b <= b_i.
        """
        self._nonempty()
        return {i: _fractions(y) for i, (y, _) in redundant_rows(self.system).items()}

    def vertices(self, *, limit: int = 10_000) -> tuple[Fractions, ...]:
        """The vertices in lexicographic order; none if P is empty or contains a line. Incomplete beyond `limit` rays on the way."""
        found = generate(self.system, limit)
        return () if found.lines else tuple(_fractions(p) for p in found.points)

    def generators(self, *, limit: int = 10_000) -> Generators:
        """Points, rays and lines that P is made of; meant for low dimension. Incomplete beyond `limit` rays on the way."""
        found = generate(self.system, limit)
        return Generators(*(tuple(map(_fractions, part)) for part in (found.points, found.rays, found.lines)))

    def volume(self) -> Fraction:
        """The volume in R^d, 0 for a set without interior; meant for low dimension. DomainError if it is unbounded.

        Examples
        --------
        >>> Polyhedron([[-1, 0], [0, -1], [1, 1]], [0, 0, 1]).volume()
        Fraction(1, 2)
        """
        if not self.is_bounded():
            raise DomainError(f"volume: a bounded polyhedron is needed, got {self!r}, which is unbounded; intersect it with a box first")
        points = generate(self.system, 100_000).points
        slack = [self.system.integers.slack(common(p)) for p in points]
        tight = [frozenset(i for i, s in enumerate(slack) if s[row] == 0) for row in range(len(self.rows[0]))]
        return fraction(volume(points, tight, self.ambient_dimension))

    def maximise(self, c: Any) -> Optimal | Unbounded | Infeasible:
        """The maximum of c.x over P, with its proof (for engines; FLINT's numbers)."""
        return self.system.maximise(c)

    def nonnegative(self, c: Any, gamma: Number = 0) -> Nonnegative | Negative | Infeasible:
        """Whether c.x + gamma >= 0 on P, with its proof (for engines; FLINT's numbers)."""
        return self.system.nonnegative(c, gamma)

    @cached_property
    def _relative(self) -> RelativeInterior | Infeasible:
        return relative_interior(self.system)

    def _nonempty(self) -> RelativeInterior:
        found = self._relative
        if isinstance(found, Infeasible):
            raise EmptyDomain(
                f"{self!r} is empty: its inequalities contradict each other, as the multipliers of .farkas() prove; "
                f"a polyhedron with a point is needed"
            )
        return found


def _fractions(point: Sequence[fmpq]) -> Fractions:
    return tuple(fraction(v) for v in point)


def _sparse(row: list[int], beta: int) -> Row:
    if not any(row):
        return (), (beta > 0) - (beta < 0)
    return tuple((j, a) for j, a in enumerate(row) if a), beta
