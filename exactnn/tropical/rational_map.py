"""Tropical rational maps: tuples of differences of tropical polynomials."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.numbers import Number, as_fraction, shown
from exactnn.exact.polyhedron import Polyhedron
from exactnn.texts import fitted
from exactnn.tropical._arguments import domain_of, exponents_of, flag, listed, point_of, whole
from exactnn.tropical._quotients import affine_image, larger, same, simplified
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.semiring import is_scalar
from exactnn.value import ROWS, Value

T = TypeVar("T")
Pairs = Sequence[tuple[TropicalPolynomial, TropicalPolynomial]]

#: what may be known of the numbers of terms of a map, see `reduce`
DECOMPOSITIONS = ("partial", "construction", "irreducible", "minimal")

if TYPE_CHECKING:
    from exactnn.network import Network
    from exactnn.tropical.decomposition import Decomposition
    from exactnn.tropical.origin import Origin, RegionTerms


@dataclass(frozen=True, repr=False)
class TropicalRationalMap(Value):
    """F_j(x) = numerators[j](x) - denominators[j](x).

    The operators are the tropical ones, output by output: F + G is max(F, G), F * G the sum and F / G the difference of the functions;
    a number, or one for each output, may stand on either side. `==` is equality of the polynomials, `equals` that of the functions.

    Parameters
    ----------
    numerators, denominators : as many max-plus polynomials each, in the same variables, each with a term
    domain : where the map stands for the network that it was made of; None for everywhere
    decomposition : "construction", "irreducible" or "minimal"; "partial" for the terms of some regions or data points only, where alone the
        map equals the network
    origin : the regions of the network that it was extracted from
    proofs : for each output why it is irreducible or minimal

    Raises
    ------
    ArgumentError, ShapeError
        For polynomials that do not fit together, or are of the convention "min" (`negated` gives them in max-plus).

    Examples
    --------
    >>> x = TropicalRationalMap.identity(1)
    >>> F = x.affine_image([[1], [-1]]).relu().affine_image([[1, -1]])        # relu(x) - relu(-x)
    >>> F.numerators[0], F.denominators[0]
    (TropicalPolynomial(max(x, 2 x)), TropicalPolynomial(max(0, x)))
    >>> F.equals(x), F.simplify() == x
    (True, True)
    """

    numerators: tuple[TropicalPolynomial, ...]
    denominators: tuple[TropicalPolynomial, ...]
    domain: Polyhedron | None = field(default=None, kw_only=True)
    decomposition: str = field(default="construction", kw_only=True)
    origin: Origin | None = field(default=None, kw_only=True, compare=False, repr=False)
    proofs: tuple[Decomposition, ...] = field(default=(), kw_only=True, compare=False, repr=False)

    __array_ufunc__ = None  # numpy's numbers leave the operators to this class

    def __post_init__(self) -> None:
        for name in ("numerators", "denominators"):
            object.__setattr__(
                self, name, tuple(listed(getattr(self, name), name, "a tuple of tropical polynomials, one for each output,"))
            )
        if len(self.numerators) != len(self.denominators) or not self.numerators:
            raise ShapeError(
                f"denominators: as many as numerators, and one at least, are needed, got {len(self.numerators)} numerators "
                f"and {len(self.denominators)} denominators"
            )
        for p in (*self.numerators, *self.denominators):
            if not isinstance(p, TropicalPolynomial):
                raise ArgumentError(f"numerators, denominators: tropical polynomials are needed, got {shown(p)}")
            if p.convention != "max":
                raise ArgumentError(f'numerators, denominators: max-plus polynomials are needed, got {p!r} of "min"; -p is p.negated()')
            if p.dimension != self.input_dim:
                raise ShapeError(f"numerators, denominators: {self.input_dim} variables are needed in each, got {p.dimension} in {p!r}")
            if not len(p):
                raise ArgumentError("numerators, denominators: a term in each is needed, got a polynomial without any, which is -infinity")
        domain_of(self.domain)
        if not isinstance(self.decomposition, str) or self.decomposition not in DECOMPOSITIONS:
            raise ArgumentError(f"decomposition: one of {', '.join(DECOMPOSITIONS)} is needed, got {shown(self.decomposition)}")

    def _parts(self) -> dict[str, Any]:
        names = ("input_dim", "output_dim", "decomposition", "domain", "numerators", "denominators")
        return {name: getattr(self, name) for name in names}

    def _summary(self) -> str:
        sizes = ", ".join(f"{len(p)} - {len(q)}" for p, q in zip(self.numerators[:4], self.denominators, strict=False))
        more = ", ..." if self.output_dim > 4 else ""
        return f"{self.input_dim} -> {self.output_dim}, {self.decomposition}; terms {sizes}{more}"

    def _rows(self) -> list[tuple[str, str]]:
        where = "everywhere" if self.domain is None else repr(self.domain)
        pairs = zip(self.numerators[:ROWS], self.denominators, strict=False)
        return [("equal on", where), *((f"output {j}", f"{fitted(str(p), 50)} - {fitted(str(q), 50)}") for j, (p, q) in enumerate(pairs))]

    # --- making ------------------------------------------------------------------------------------------------------------

    @classmethod
    def affine(cls, W: Any, b: Any = None) -> TropicalRationalMap:
        """x -> W x + b, with one term in each numerator, exponents >= 0, and one shared denominator.

        Examples
        --------
        >>> F = TropicalRationalMap.affine([[1, -2]], [3])
        >>> F.numerators, F.denominators
        ((TropicalPolynomial(max(x0 + 3)),), (TropicalPolynomial(max(2 x1)),))
        """
        matrix = RationalArray.of(W, "W", ndim=2)
        if not matrix.shape[1]:
            raise ShapeError(f"W: a column for each input, and one at least, are needed, got shape {matrix.shape}")
        return cls.identity(matrix.shape[1]).affine_image(matrix, b, shared=True)

    @classmethod
    def identity(cls, dimension: int) -> TropicalRationalMap:
        """x -> x."""
        d = whole(dimension, "dimension", 1)
        return cls(TropicalPolynomial.variables(d), (TropicalPolynomial.constant(0, d),) * d)

    @classmethod
    def from_tables(cls, numerators: Sequence[Any], denominators: Sequence[Any]) -> TropicalRationalMap:
        """The map of such matrices as `tables` gives, one row (coefficient, exponents) for each term."""
        both = {"numerators": numerators, "denominators": denominators}
        parts = [listed(tables, name, "a list of tables, one for each output,") for name, tables in both.items()]
        return cls(*(tuple(map(TropicalPolynomial.from_table, tables)) for tables in parts))

    def _made(self, pairs: Pairs, domain: Polyhedron | None) -> TropicalRationalMap:
        """Every operation makes its result here; what belongs to the operands (witnesses, say) is left out."""
        numerators, denominators = zip(*pairs, strict=True)
        return TropicalRationalMap(numerators, denominators, domain=domain)

    # --- the value ---------------------------------------------------------------------------------------------------------

    @property
    def input_dim(self) -> int:
        """d."""
        return self.numerators[0].dimension

    @property
    def output_dim(self) -> int:
        """The number of outputs."""
        return len(self.numerators)

    @property
    def tables(self) -> tuple[tuple[RationalArray, ...], tuple[RationalArray, ...]]:
        """The matrices of the numerators and those of the denominators, one row (coefficient, exponents) for each term."""
        return tuple(p.table for p in self.numerators), tuple(q.table for q in self.denominators)

    def __getitem__(self, output: int) -> TropicalRationalMap:
        """One output as a map of its own."""
        j = whole(output, "output")
        return self._made([(self.numerators[j], self.denominators[j])], self.domain)

    def __len__(self) -> int:
        return len(self.numerators)

    def __bool__(self) -> bool:
        return True

    def __call__(self, x: Sequence[Number]) -> tuple[Fraction, ...]:
        return self.values(point_of(x, self.input_dim, "input").reshape(1, -1)).to_fractions()

    def values(self, points: Any) -> RationalArray:
        """F at each of m points, exactly and in one go.

        Parameters
        ----------
        points : (m, d) numbers

        Returns
        -------
        RationalArray
            (m, outputs) numbers.
        """
        at = _once(lambda p: p.values(points))
        columns = [(at(p) - at(q)).reshape(-1, 1) for p, q in zip(self.numerators, self.denominators, strict=True)]
        return concatenate(columns, axis=1)

    # --- where the terms come from -----------------------------------------------------------------------------------------

    @property
    def regions(self) -> Sequence[RegionTerms]:
        """The activation regions of the network that the map was extracted from, each with its terms.

        ArgumentError for a map that was made in another way.
        """
        if self.origin is None:
            raise ArgumentError(
                "regions: a map that `extract` made of a network, or `reduce` of such a map, is needed; this one has no regions"
            )
        return self.origin

    def witness(self, output: int, exponents: Sequence[Number], of: str = "numerator") -> tuple[Fraction, ...]:
        """A point, inside the domain, where this term alone is the maximum.

        Parameters
        ----------
        output : j
        exponents : of the term
        of : "numerator" or "denominator"

        Raises
        ------
        ArgumentError
            If there is no such term, or none where it alone is the maximum.
        """
        if of not in ("numerator", "denominator"):
            raise ArgumentError(f"of: 'numerator' or 'denominator' is needed, got {shown(of)}")
        output, key = whole(output, "output", 0, self.output_dim - 1), exponents_of(exponents)
        if self.origin is not None:
            found = self.origin.witness(output if of == "numerator" else self.origin.denominators[output], key)
        else:
            found = (self.numerators if of == "numerator" else self.denominators)[output].witness(key, self.domain)
        if found is None:
            raise ArgumentError(f"exponents: those of a term that alone is the maximum somewhere are needed, got {shown(exponents)}")
        return found

    # --- other forms -------------------------------------------------------------------------------------------------------

    def reduce(self, *, max_regions: int | None = None, time_limit: Number | None = None) -> TropicalRationalMap:
        """The same map with fewer terms, and the proof that none can be taken away: see `decomposition` and `proofs` of the result.

        "minimal" : numerators and denominators have the fewest terms of all decompositions of each output, both at once
        "irreducible" : no convex function, affine on the cells of the map but not affine, can be taken from numerator and denominator

        Each output gets its own denominator. Terms are nowhere more than before.

        Parameters
        ----------
        max_regions, time_limit : Incomplete beyond so many cells or seconds

        References
        ----------
        Brandenburg, Grillo, Hertrich, 2024; docs/theory.md 16.
        """
        from exactnn.tropical._reduce import reduced_map

        return reduced_map(self, max_regions, time_limit=time_limit)

    def check(self) -> bool:
        """Repeat the proofs of a map that `reduce` made, exactly, and compare them with its terms.

        True, or AssertionError naming the step that fails; ArgumentError for a map without proofs. That the map is the function of some
        network is another question: `equals`, or `verify_equal` with `to_network()`.
        """
        from exactnn.tropical.decomposition import check_map

        return check_map(self)

    def to_network(self, integer: bool = False) -> Network:
        """A network with the same function.

        Parameters
        ----------
        integer : the construction of the theorem of Zhang, Naitzat and Lim (thesis Theorem 8.3): integer weights, rational biases, units
            max(x, 0). Exponents with the common denominator s make it s times the map; the network's `reading` says so. Else: affine maps,
            a maximum over the terms of each polynomial (max pooling), differences.

        Examples
        --------
        >>> F = TropicalRationalMap.affine([[1], [-1]]).relu()
        >>> [N([-3]) for N in (F.to_network(), F.to_network(integer=True))]
        [(Fraction(0, 1), Fraction(3, 1)), (Fraction(0, 1), Fraction(3, 1))]
        """
        from exactnn.tropical._networks import integer_network, max_pool_network

        if not flag(integer, "integer"):
            return max_pool_network(self.numerators, self.denominators)
        scale = lcm(*(p.table[:, 1:].denominator for p in (*self.numerators, *self.denominators)))
        network = integer_network(self.numerators, self.denominators, scale)
        return network if scale == 1 else network.read(f"it is {scale} times the map, whose exponents have this common denominator")

    def to_sympy(self) -> tuple[Any, ...]:
        """Each output as a sympy expression Max(...) - Max(...) in x0, x1, ..."""
        from exactnn.tropical.formats import to_sympy

        expressions = to_sympy(self)
        return tuple(expressions)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the map for another system, by suffix: .json .tex .sympy .smt2 .polymake .m2 .gfan .jl; docs/tropical-formats.md."""
        from exactnn.tropical.formats import write

        write(self, path)

    # --- the semifield of rational functions -------------------------------------------------------------------------------

    def __add__(self, other: Any) -> TropicalRationalMap:
        G = self._other(other)
        return NotImplemented if G is None else self._zipped(G, larger)

    def __mul__(self, other: Any) -> TropicalRationalMap:
        G = self._other(other)
        return NotImplemented if G is None else self._zipped(G, lambda p, q, r, s: (p * r, q * s))

    def __truediv__(self, other: Any) -> TropicalRationalMap:
        G = self._other(other)
        return NotImplemented if G is None else self._zipped(G, lambda p, q, r, s: (p * s, q * r))

    def __rtruediv__(self, other: Any) -> TropicalRationalMap:
        G = self._other(other)
        return NotImplemented if G is None else G._zipped(self, lambda p, q, r, s: (p * s, q * r))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: int) -> TropicalRationalMap:
        """The formal n-fold product, for a negative n of the inverse; `scaled` is the function n F with as few terms as F has."""
        n = as_fraction(exponent, "exponent")
        if n.denominator != 1:
            raise ArgumentError(
                f"exponent: an integer is needed, got {shown(exponent)}; F.scaled(n) is the function n F for any rational n"
            )
        return self._each(lambda p, q: (p ** int(n), q ** int(n)) if n >= 0 else (q ** int(-n), p ** int(-n)))

    def scaled(self, factor: Number) -> TropicalRationalMap:
        """The function n F for any rational n: each term times |n|, numerators and denominators swapped where n < 0."""
        n = as_fraction(factor, "factor")
        return self._each(lambda p, q: (p.scaled(n), q.scaled(n)) if n >= 0 else (q.scaled(-n), p.scaled(-n)))

    def maximum(self, other: Any) -> TropicalRationalMap:
        """max(F, G), which is F + G."""
        result: TropicalRationalMap = self + other
        return result

    def relu(self) -> TropicalRationalMap:
        """max(F, 0) = (P + Q)/Q."""
        return self._each(lambda p, q: (p + q, q))

    def _each(self, change: Callable[[TropicalPolynomial, TropicalPolynomial], tuple[Any, Any]]) -> TropicalRationalMap:
        return self._made([change(p, q) for p, q in zip(self.numerators, self.denominators, strict=True)], self.domain)

    def _other(self, other: Any) -> TropicalRationalMap | None:
        """The other operand as a map; None if it is nothing of the kind."""
        if isinstance(other, TropicalPolynomial):
            polynomials: tuple[TropicalPolynomial, ...] = (other,)
        elif is_scalar(other) or isinstance(other, (list, tuple, np.ndarray, RationalArray)):
            numbers = [other] * self.output_dim if is_scalar(other) else RationalArray.of(other, "other", ndim=1).to_fractions()
            polynomials = tuple(TropicalPolynomial.constant(v, self.input_dim) for v in numbers)
        elif isinstance(other, TropicalRationalMap):
            return other
        else:
            return None
        return TropicalRationalMap(polynomials, tuple(TropicalPolynomial.constant(0, p.dimension) for p in polynomials))

    def _zipped(self, other: TropicalRationalMap, change: Callable[..., tuple[Any, Any]]) -> TropicalRationalMap:
        if (other.input_dim, other.output_dim) != (self.input_dim, self.output_dim):
            raise ShapeError(
                f"other: {self.input_dim} inputs and {self.output_dim} outputs are needed, got {other.input_dim} and {other.output_dim}"
            )
        pairs = zip(self.numerators, self.denominators, other.numerators, other.denominators, strict=True)
        return self._made([change(*four) for four in pairs], _common(self.domain, other.domain))

    # --- composition with affine maps --------------------------------------------------------------------------------------

    def compose(self, A: Any, b: Any = None) -> TropicalRationalMap:
        """F(A x + b), on the preimage of the domain.

        Parameters
        ----------
        A : (d, k) numbers; b : d numbers, zeros if left out
        """
        domain = self.domain
        if domain is not None:
            C, e = domain.rows
            matrix = RationalArray.of(A, "A", ndim=2)
            domain = Polyhedron(C @ matrix, e if b is None else e - C @ RationalArray.of(b, "b"))
        change = _once(lambda p: p.compose(A, b))
        return self._made([(change(p), change(q)) for p, q in zip(self.numerators, self.denominators, strict=True)], domain)

    def affine_image(self, W: Any, b: Any = None, *, shared: bool = False, prune: bool = False) -> TropicalRationalMap:
        """W F + b, with W+ = max(W, 0) and W- = max(-W, 0):

            sum_k W+_ik P_k + W-_ik Q_k + b_i   over   sum_k W+_ik Q_k + W-_ik P_k

        Parameters
        ----------
        W : (m, outputs) numbers; b : m numbers, zeros if left out
        shared : one denominator for all outputs, and a bias >= 0 in every term: with A- = sum_i W-_i, A+ = W + A- (the bias as a column of
            them) and M the entrywise maximum of their rows,  sum_k A+_ik P_k + (M_k - A+_ik) Q_k  over  sum_k A-_k P_k + (M_k - A-_k) Q_k
        prune : drop redundant terms after each product, by exact linear programs; without it a sum has the product of all numbers of terms
        """
        matrix = RationalArray.of(W, "W", ndim=2)
        if matrix.shape[1] != self.output_dim or not len(matrix):
            raise ShapeError(f"W: {self.output_dim} columns are needed, one for each output, and a row, got shape {matrix.shape}")
        bias = RationalArray.zeros((len(matrix),)) if b is None else RationalArray.of(b, "b")
        if bias.shape != (len(matrix),):
            raise ShapeError(f"b: {len(matrix)} numbers are needed, one for each row of W, got shape {bias.shape}")
        options = {"shared": flag(shared, "shared"), "prune": flag(prune, "prune")}
        return self._made(affine_image(self.numerators, self.denominators, matrix, bias, **options), self.domain)

    # --- the functions -----------------------------------------------------------------------------------------------------

    def reduced(self) -> TropicalRationalMap:
        """The same polynomials with the terms only that alone are the maximum somewhere (in the interior of the domain)."""
        change = _once(lambda p: p.reduced(self.domain))
        return self._each(lambda p, q: (change(p), change(q)))

    def simplify(self) -> TropicalRationalMap:
        """The same map, `reduced`, and without what numerator and denominator have in common: a common monomial is taken out, so that the
        least exponents and the first coefficient of the denominator are 0; of multiples by a monomial a single term is left.

        Examples
        --------
        >>> p = TropicalPolynomial({(1,): 5, (3,): 4, (2,): 0})
        >>> TropicalRationalMap((p,), (TropicalPolynomial({(1,): 2, (2,): 3}),)).simplify().numerators
        (TropicalPolynomial(max(3, 2 x + 2)),)
        """
        return self.reduced()._each(simplified)

    def _equal_by_regions(self, other: TropicalRationalMap) -> bool | None:
        """The answer of `equals` for two maps that come from all regions of one network: region by region; None for others."""
        a, b = self.origin, other.origin
        if a is None or b is None or a.program.nets != b.program.nets or self.domain != other.domain or not (a.whole and b.whole):
            return None
        for F, origin in ((self, a), (other, b)):
            tables = (*F.numerators, *(F.denominators[origin.denominators.index(i)] for i in sorted(set(origin.denominators))))
            if any(p.table != table for p, table in zip(tables, origin.tables, strict=True)):
                return None
        mine, others = a.maps(), b.maps()
        return mine == others if mine.keys() == others.keys() else None

    def equals(self, other: TropicalRationalMap) -> bool:
        """Whether both are the same map: P + S = R + Q as functions, for F = P - Q and G = R - S; everywhere, or on their common domain.

        Raises
        ------
        DomainError
            If the common domain has no interior point.
        """
        if not isinstance(other, TropicalRationalMap):
            raise ArgumentError(f"other: a tropical rational map is needed, got {shown(other)}")
        if (other.input_dim, other.output_dim) != (self.input_dim, self.output_dim):
            return False
        known = self._equal_by_regions(other)
        if known is not None:
            return known
        domain = _common(self.domain, other.domain)
        F, G = (R._made(list(zip(R.numerators, R.denominators, strict=True)), domain).reduced() for R in (self, other))
        if domain is None:  # a difference is often seen at once
            points = RationalArray.of([[(7 * k + 3 * j) % 23 - 11 for j in range(self.input_dim)] for k in range(32)])
            if F.values(points) != G.values(points):
                return False
        return all(same(*four, domain) for four in zip(F.numerators, F.denominators, G.numerators, G.denominators, strict=True))


def _once(change: Callable[[TropicalPolynomial], T]) -> Callable[[TropicalPolynomial], T]:
    """The function, called once for each polynomial: outputs often share a denominator, and are to share its image."""
    known: dict[int, T] = {}

    def cached(p: TropicalPolynomial) -> T:
        if id(p) not in known:
            known[id(p)] = change(p)
        return known[id(p)]

    return cached


def _common(a: Polyhedron | None, b: Polyhedron | None) -> Polyhedron | None:
    """Where both maps stand for something."""
    if a is None or b is None or a == b:
        return b if a is None else a
    return a.intersection(b)
