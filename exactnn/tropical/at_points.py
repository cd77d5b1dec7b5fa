"""TropEx: the terms of a network at data points, one for each point and output, and the tropical rational map that they make.

    f_j = P_j - Q;   G_j = max_i (own term of P_j at x_i) - max_i (own term of Q at x_i);   G_j(x_i) = f_j(x_i) for all i

The own term is the affine map of P_j (of Q) on a full-dimensional activation region whose closure holds x_i. All P_j and Q are convex, so
that it is maximal there among all terms, and G equals the network at every data point. Elsewhere numerator and denominator may be won by
terms of different data points (cross terms): there G may be affine as the network never was.
Reference: theory/tropical.md section 1; Trimmel, Petzka, Sminchisescu, TropEx (ICLR 2021).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from exactnn.claims import Certificate, EqualAtClaim
from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number
from exactnn.exact.writing import json_tensor
from exactnn.network import Network, check_network
from exactnn.network.linearise import linearise
from exactnn.network.points import as_points
from exactnn.tropical._arguments import flag, whole
from exactnn.tropical._networks import max_pool_network
from exactnn.tropical._own_terms import ExactTerms, Weights
from exactnn.tropical._shift import shift_of
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap
from exactnn.tropical.terms import Block, Exponents, StoredBlock, Terms
from exactnn.value import Value

if TYPE_CHECKING:
    import torch

    from exactnn.floats.own_terms import FloatTerms

Indices = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]

_ENTRIES = 1 << 22  # of all nodes' values, or of the rows of a block, at once
_FEW = 8  # points at which the data points' patterns are faster than tables


@dataclass(frozen=True, repr=False)
class OwnTerms(Value):
    """The terms of one data point: (exponents, coefficient) for each numerator, and for the denominator."""

    numerators: tuple[tuple[Exponents, Fraction], ...]
    denominator: tuple[Exponents, Fraction]


@dataclass(frozen=True, repr=False)
class CrossTerms(Value):
    """Where the winners of numerator and denominator belong to no common data point: mask (points, outputs), and its share."""

    mask: np.ndarray[Any, np.dtype[np.bool_]]

    def _parts(self) -> dict[str, Any]:
        return {"share": self.share, "mask": self.mask.tolist()}

    def _summary(self) -> str:
        return f"{int(self.mask.sum())} of {self.mask.size} pairs of a point and an output"

    @property
    def share(self) -> Fraction:
        """The share of pairs (point, output) that are so."""
        return Fraction(int(self.mask.sum()), self.mask.size)


class OwnBlock:
    """The own terms of some points in one polynomial; the table is made when it is asked for."""

    def __init__(self, source: ExactTerms | FloatTerms, output: int, points: Indices) -> None:
        self._source, self._output, self._points = source, output, points

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self._points)

    def table(self) -> RationalArray:
        """The rows (count, 1 + d): coefficient, exponents."""
        return RationalArray.of(self._source.table(self._output, self._points))

    def take(self, rows: Indices) -> Block:
        """Some of the rows; floats are rounded as they are in the whole table, which depends on all of its rows."""
        if isinstance(self._source, ExactTerms):
            return OwnBlock(self._source, self._output, self._points[rows])
        return StoredBlock(RationalArray.of(self._source.table(self._output, self._points)[rows]))

    def floats(self) -> Floats:
        """The rows in float64."""
        table = self._source.table(self._output, self._points)
        return table.to_float() if isinstance(table, RationalArray) else table


@dataclass(frozen=True, eq=False, repr=False)
class PointwiseMap(TropicalRationalMap):
    """A tropical rational map with one term for each data point and polynomial; equal terms stand once.

    Attributes
    ----------
    numerators, denominators : for each output; all denominators are one
    net : the network
    arithmetic : "exact", or "float64": then the terms are right up to rounding only
    owners : (n, outputs + 1): the number of point i's own term among the terms of numerator j, and, last, of the denominator
    """

    net: Network = field(kw_only=True)
    arithmetic: str = field(kw_only=True)
    owners: Indices = field(kw_only=True)
    _source: ExactTerms | FloatTerms = field(kw_only=True)
    _clock: Clock = field(kw_only=True)

    @property
    def count(self) -> int:
        """The number of data points."""
        return len(self._source)

    @cached_property
    def points(self) -> RationalArray:
        """The data points (n, d)."""
        return RationalArray.of(self._source.points)

    @cached_property
    def certificate(self) -> Certificate:
        """That the map equals the network at all data points, for the standalone checker.

        Raises
        ------
        ArgumentError
            In float64 it does not; and where the checker would need more than 2^28 products.
        """
        if self.arithmetic != "exact":
            raise ArgumentError("certificate: a map made with arithmetic='exact' is needed; in float64 it is equal up to rounding only")
        terms = sum({id(p): len(p.terms) for p in (*self.numerators, *self.denominators)}.values())
        # of the map's network: its terms, their row, the window over them with three steps for each, and a few nodes of its outputs
        own = EqualAtClaim.work_at_a_point(self.net) + self.input_dim + (5 + 3 * EqualAtClaim.STEP) * (1 + self.output_dim)
        each = self.input_dim + 5 + 3 * EqualAtClaim.STEP
        if self.count * (own + each * terms) > EqualAtClaim.WORK:
            most = _fewer(own, each * (1 + self.output_dim))
            raise ArgumentError(
                f"certificate: the checker would evaluate the network and {terms} terms at {self.count} points, more than 2^28 products; "
                + (f"a map at {most} points or fewer has a certificate" if most else "the network alone is too large for it")
            )
        values = self.net.evaluate(self.points)
        network = max_pool_network(self.numerators, self.denominators)
        claim = EqualAtClaim(self.net, network, self.points)
        return Certificate(claim, "proved", {"method": "values", "values": json_tensor(values)}, self._clock)

    def own_terms(self, point: int) -> OwnTerms:
        """The terms of data point number `point`."""
        number, found = np.array([whole(point, "point", 0, self.count - 1)]), []
        for j in range(self.output_dim + 1):
            constant, *exponents = OwnBlock(self._source, j, number).table().to_fractions()
            found.append((tuple(exponents), constant))
        return OwnTerms(tuple(found[:-1]), found[-1])

    def values(self, points: Any) -> RationalArray:
        """Exact values (m, outputs) at points (m, d); at a few points without making the tables, by the pattern of each data point."""
        rows, source = as_points(self.net, points), self._source
        if not isinstance(source, ExactTerms) or len(rows) > _FEW:
            return super().values(rows)
        found = []
        for point in (rows[i] for i in range(len(rows))):
            tops = []
            for part in _blocks(self.count, _per_block(self.net)):
                repeated = RationalArray(np.broadcast_to(point.numerators, (len(part), self.input_dim)), point.denominator)
                tops.append(source.take(part).values(repeated).max(axis=0).reshape(1, -1))
            highest = concatenate(tops).max(axis=0)
            found.append((highest[:-1] - highest[-1]).reshape(1, -1))
        return concatenate(found)

    def evaluate(self, points: Any) -> Floats:
        """Values (n, outputs) at new points (n, input_dim), in float64, block of terms by block of terms.

        All tables are made, and let go again: for many calls `to_torch()` keeps them. Numerators and denominator may be much larger than
        their difference, and each value is off by their rounding.
        """
        from exactnn.floats.own_terms import difference

        found = [values for values, _ in self._maxima(points)]
        return difference(np.stack(found[:-1], axis=1), found[-1][:, None])

    def cross_terms(self, points: Any) -> CrossTerms:
        """At which new points (n, input_dim), for which outputs, the map takes numerator and denominator from different data points.

        The winners are found in float64; of terms that tie the first one wins.
        """
        *numerators, (_, below) = self._maxima(points)
        mask = np.zeros((len(below), len(numerators)), dtype=bool)
        width = len(self.denominators[0].terms)
        for j, (_, above) in enumerate(numerators):
            mask[:, j] = ~np.isin(above * width + below, self.owners[:, j] * width + self.owners[:, -1])
        return CrossTerms(mask)

    def _maxima(self, points: Any) -> list[tuple[Floats, Indices]]:
        from exactnn.floats.own_terms import float_points, maxima

        x = float_points(self.net, points)
        return [maxima(self._floats(p), x) for p in (*self.numerators, self.denominators[0])]

    def _floats(self, polynomial: TropicalPolynomial) -> Iterator[Floats]:
        return (block.floats() for block in polynomial.terms.blocks if isinstance(block, OwnBlock))

    def to_torch(self, dtype: Any = None) -> torch.nn.Module:
        """The map as a torch module, (n, input_dim) to (n, outputs), which keeps all tables, rounded to `dtype` (float64)."""
        from exactnn.floats.own_terms import MaxPlusMap

        tables = [np.concatenate(list(self._floats(p))) for p in (*self.numerators, self.denominators[0])]
        return MaxPlusMap(tables, range(self.output_dim), [self.output_dim] * self.output_dim, dtype).eval()

    def _summary(self) -> str:
        sizes = ", ".join(str(len(p.terms)) for p in self.numerators[:4]) + (", ..." if self.output_dim > 4 else "")
        words = f"{sizes} in the numerator{'s' if self.output_dim > 1 else ''}, {len(self.denominators[0].terms)} in the denominator"
        return f"{self.count} points, {self.input_dim} -> {self.output_dim}, {self.arithmetic}; terms: {words}"


@timed
def extract_at(
    net: Network, points: Any, *, arithmetic: str = "exact", nonnegative: bool = True, time_limit: Number | None = None
) -> PointwiseMap:
    """A tropical rational map that equals the network at all points: one term for each point, output and sign.

    Parameters
    ----------
    net : a piecewise linear network
    points : (n, input_dim), or n inputs of a network with one input, n > 0
    arithmetic : "exact", or "float64" for whole data sets: the same terms up to rounding (a point within rounding of a kink may get the
        term of the other side)
    nonnegative : whether a common affine function is added to numerators and denominator that makes all exponents >= 0
    time_limit : seconds, looked at before each block of points; None for none

    Returns
    -------
    PointwiseMap
        A TropicalRationalMap whose tables are made block by block when they are asked for; `certificate` says that it equals the network
        at all points, `own_terms(i)` are the terms of point i, `evaluate(points)` and `to_torch()` are for new points in floats.

    Raises
    ------
    NotPiecewiseLinear
        Naming the smooth or rational node.
    ShapeError, NotFiniteError, ArgumentError
    Incomplete
        The time limit was reached; `partial` is the map at the points done so far (None without one).

    Examples
    --------
    The identity as relu(x) - relu(-x); max(2x, x) - max(x, 0) = x from one point on each side:

    >>> import exactnn as xn
    >>> net = xn.mlp([([[1], [-1]], [0, 0]), ([[1, -1]], [0])])
    >>> G = extract_at(net, [[1], [-1]])
    >>> [[int(a) for (a,) in p.terms] for p in (G.numerators[0], G.denominators[0])]
    [[2, 1], [1, 0]]
    >>> G([-5]), xn.check(G.certificate)
    ((Fraction(-5, 1),), True)
    """
    check_network(net)
    if arithmetic not in ("exact", "float64"):
        raise ArgumentError(f"arithmetic: 'exact' or 'float64' is needed, got {arithmetic!r}")
    clock = clock_in_force()
    weights = Weights(net, shift_of(net, nonnegative=flag(nonnegative, "nonnegative")))
    return (_exactly if arithmetic == "exact" else _in_floats)(weights, points, clock)


def _exactly(weights: Weights, points: Any, clock: Clock) -> PointwiseMap:
    net, rows = weights.net, as_points(weights.net, points)
    parts: list[ExactTerms] = []
    marks: list[RationalArray] = []
    seen: set[bytes] = set()
    for part in _growing_blocks(len(rows), _per_block(net)):
        try:
            clock.check("the terms of points were being made")
            terms = ExactTerms(weights, rows[part], linearise(net, rows[part]))
            patterns = terms.patterns
            new = [i for pattern, i in {p: i for i, p in reversed(list(enumerate(patterns)))}.items() if pattern not in seen]
            if new:
                marks.append(terms.take(np.array(sorted(new), dtype=np.int64)).marks())
        except Incomplete:
            raise _stopped(clock, int(part[0]), len(rows), lambda: _exact_map(ExactTerms.joined(parts), marks, Clock())) from None
        seen.update(patterns)
        parts.append(terms)
    return _exact_map(ExactTerms.joined(parts), marks, clock)


def _in_floats(weights: Weights, points: Any, clock: Clock) -> PointwiseMap:
    from exactnn.floats.own_terms import FloatTerms, float_points

    net, rows = weights.net, float_points(weights.net, points)
    source = FloatTerms(net, weights.units, weights.windows, weights.inputs, weights.first)
    for part in _growing_blocks(len(rows), _per_block(net)):
        if clock.left() <= 0:
            raise _stopped(clock, int(part[0]), len(rows), lambda: _float_map(source, Clock()))
        source.add(rows[part])
    return _float_map(source, clock)


def _stopped(clock: Clock, done: int, count: int, partial: Callable[[], PointwiseMap]) -> Incomplete:
    """At so many points, whose map is made if that does not take long."""
    words = f"the time limit of {round(clock.limit or 0.0, 3)} s was reached at {done} of {count} points"
    if not done:
        return Incomplete(words)
    try:
        with clock.grace():
            return Incomplete(f"{words}; `partial` is the map of these", partial())
    except Incomplete:
        return Incomplete(f"{words}, too many for a map of these in time")


def _float_map(source: FloatTerms, clock: Clock) -> PointwiseMap:
    """Points of one pattern share their terms."""
    firsts, numbers = _first_of_each(source.close().patterns)
    columns = source.net.output_dim + 1
    return _map(source, "float64", [firsts] * columns, np.repeat(numbers[:, None], columns, axis=1), clock)


def _exact_map(source: ExactTerms, parts: Sequence[RationalArray], clock: Clock) -> PointwiseMap:
    """Points with equal exponents share their term: seen from the pattern, else from a fingerprint of the exponents, else exactly.

    parts : the fingerprints of the first point of each pattern, in their order
    """
    firsts, numbers = _first_of_each(source.patterns)
    marks = concatenate(parts)
    chosen, owners = [], []
    for j in range(marks.shape[1]):
        groups: dict[int, list[int]] = {}
        for i, mark in enumerate(marks[:, j].numerators.tolist()):
            groups.setdefault(mark, []).append(i)
        unsure = np.array([i for group in groups.values() if len(group) > 1 for i in group], dtype=np.int64)
        keys: list[Any] = list(range(len(firsts)))
        for part in _blocks(len(unsure), _per_block(source.net)):
            table = source.exponents(j, firsts[unsure[part]])
            for i, row in zip(unsure[part].tolist(), table.numerators.tolist(), strict=True):
                common = math.gcd(table.denominator, *row)
                keys[i] = (table.denominator // common, *(v // common for v in row))
        own, number = _first_of_each(keys)
        constants = source.constants[firsts, j]
        assert constants == constants[own[number]], "equal exponents with different coefficients; please report this"
        chosen.append(firsts[own])
        owners.append(number[numbers])
    return _map(source, "exact", chosen, np.stack(owners, axis=1), clock)


def _first_of_each(keys: Sequence[Any]) -> tuple[Indices, Indices]:
    """The place of the first of each kind, and for each place the number of its kind."""
    kinds: dict[Any, int] = {}
    firsts, numbers = [], []
    for i, key in enumerate(keys):
        if key not in kinds:
            kinds[key] = len(kinds)
            firsts.append(i)
        numbers.append(kinds[key])
    return np.array(firsts, dtype=np.int64), np.array(numbers, dtype=np.int64)


def _map(source: Any, arithmetic: str, chosen: Sequence[Indices], owners: Indices, clock: Clock) -> PointwiseMap:
    net: Network = source.net
    polynomials = []
    for j, points in enumerate(chosen):
        blocks = [OwnBlock(source, j, points[part]) for part in _blocks(len(points), _per_block(net))]
        polynomials.append(TropicalPolynomial(Terms(blocks, net.input_dim)))
    *numerators, denominator = polynomials
    shared = (denominator,) * len(numerators)
    return PointwiseMap(
        tuple(numerators), shared, decomposition="partial", net=net, arithmetic=arithmetic, owners=owners, _source=source, _clock=clock
    )


def _fewer(own: int, each: int) -> int:
    """The largest n with n own + n^2 each <= 2^28: so many points, if each has terms of its own."""
    n = 0
    for bit in range(28, -1, -1):
        more = n + (1 << bit)
        n = more if more * (own + more * each) <= EqualAtClaim.WORK else n
    return n


def _per_block(net: Network) -> int:
    """How many points at once."""
    return max(1, min(1 << 11, _ENTRIES // sum(math.prod(net.shape(n)) for n in net.order)))


def _growing_blocks(count: int, size: int) -> Iterator[Indices]:
    """Blocks of up to so many, the first ones small: the clock is asked in between, and how long a block takes is not known before."""
    start, step = 0, min(16, size)
    while start < count:
        yield np.arange(start, min(start + step, count))
        start, step = start + step, min(2 * step, size)


def _blocks(count: int, size: int) -> Iterator[Indices]:
    return (np.arange(start, min(start + size, count)) for start in range(0, count, size))
