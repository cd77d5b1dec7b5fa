"""A piecewise linear network as a tropical rational map, in full."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from typing import overload

import numpy as np

from exactnn.cells import Point, Program, full_dimensional, read_program
from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network
from exactnn.regions.collect import check_arguments, chosen_method, collect
from exactnn.tropical._collector import TermCollector, make_collector
from exactnn.tropical._shift import shift_of
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap
from exactnn.tropical.terms import Exponents, StoredBlock, Terms


def extract(
    net: Network,
    domain: Polyhedron | None = None,
    *,
    nonnegative: bool = True,
    method: str = "auto",
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    max_regions: int | None = None,
    time_limit: Number | None = None,
) -> TropicalRationalMap:
    """F with  f_j(x) = F_j(x) = P_j(x) - Q(x)  for all x of the domain, P_j and Q tropical polynomials without a redundant term.

    P_j = f_j + Q and Q are convex (the common denominator Q is made of the network's own units) and affine on each activation region.
    So the affine maps on the regions are all their terms, and each is the strict maximum at a point inside its region: one term for each
    region, duplicates removed, no linear program.

    Parameters
    ----------
    net : piecewise linear: dense, convolution, batch norm, leaky ReLU, abs, clips, pooling, residual joins
    domain : a Box or Polyhedron with interior points, on which the map stands for the network; None for all of R^d
    nonnegative : whether all exponents are to be >= 0, as the theory wants; else the last shift, at the inputs, is left out
    method, executor, checkpoint, max_regions, time_limit : as for `exactnn.regions.count`

    Returns
    -------
    TropicalRationalMap
        With `.witness(j, exponents)` for each term and `.regions` with the terms of each activation region.

    Raises
    ------
    NotPiecewiseLinear
        For a smooth node, which the message names.
    Incomplete
        At a limit; `.partial` is the map of the terms that were found, each with its witness.
    EmptyDomain, DomainError, ArgumentError, LoadError and SaveError (checkpoint)

    Examples
    --------
    >>> import exactnn as xn
    >>> F = xn.tropical.extract(xn.mlp([([[1], [-1]], [0, 0]), ([[1, -1]], [0])]))  # x = max(x, 0) - max(-x, 0)
    >>> F.numerators[0], F.denominators[0]
    (TropicalPolynomial(max(x, 2 x)), TropicalPolynomial(max(0, x)))
    >>> F.witness(0, (2,))
    (Fraction(2, 1),)

    References
    ----------
    Zhang, Naitzat, Lim, 2018; thesis paper I (TropEx); docs/theory.md 16.
    """
    check_arguments(net, max_regions)
    if not isinstance(nonnegative, bool):
        raise ArgumentError(f"nonnegative: True or False is needed, got {nonnegative!r}")
    method = chosen_method(method, net)
    clock = Clock(time_limit)
    shift_of(net)  # refuses a smooth node with a way out
    program = read_program([net], full_dimensional(domain, net.input_dim))
    collector = make_collector(program, nonnegative=nonnegative)
    make = partial(make_collector, nonnegative=nonnegative)
    try:
        collect(collector, make, net, program, method, clock, executor=executor, checkpoint=checkpoint, max_regions=max_regions)
    except Incomplete as stopped:
        reached = _map(collector) if collector.count else None
        raise Incomplete(f"{stopped}; the terms of {collector.count} regions were kept (.partial)", reached) from stopped.__cause__
    return _map(collector)


@dataclass(frozen=True)
class RegionTerms:
    """An activation region and its terms: f_j = (numerators[j] term) - (denominators[j] term) on it.

    pattern : as in `exactnn.regions.Region`
    numerators, denominators : for each output the exponents of its term
    """

    pattern: tuple[tuple[int, ...], ...]
    numerators: tuple[Exponents, ...]
    denominators: tuple[Exponents, ...]


@dataclass(frozen=True, eq=False)
class Origin(Sequence[RegionTerms]):
    """Where the terms of a map come from: the regions of a network, as a sequence, and a witness for each term.

    tables, points : for each output's numerator, then for the denominator: its sorted rows, and their witnesses (x, w), x / w
    signs, own : for each region the signs of its first cell, and the place of its term in each table
    """

    program: Program
    tables: tuple[RationalArray, ...]
    points: tuple[tuple[Point, ...], ...]
    signs: tuple[bytes, ...]
    own: tuple[tuple[int, ...], ...]

    @cached_property
    def _places(self) -> tuple[dict[Exponents, int], ...]:
        return tuple({_exponents(t, i): i for i in range(len(t))} for t in self.tables)

    def witness(self, output: int | None, exponents: Exponents) -> Exponents | None:
        """The witness of a numerator's term, or (None) of the denominator's; None where there is no such term."""
        number = len(self.tables) - 1 if output is None else output
        place = self._places[number].get(exponents)
        if place is None:
            return None
        *tops, unit = self.points[number][place]
        return tuple(Fraction(v, unit) for v in tops)

    def __len__(self) -> int:
        return len(self.own)

    @overload
    def __getitem__(self, index: int) -> RegionTerms: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RegionTerms]: ...
    def __getitem__(self, index: int | slice) -> RegionTerms | Sequence[RegionTerms]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        signs = np.frombuffer(self.signs[index], dtype=np.int8)
        *tops, bottom = (_exponents(t, i) for t, i in zip(self.tables, self.own[index], strict=True))
        pattern = self.program.named_pattern(self.program.patterns(signs[None])[0])
        return RegionTerms(pattern, tuple(tops), (bottom,) * len(tops))


def _exponents(table: RationalArray, i: int) -> Exponents:
    return tuple(Fraction(v, table.denominator) for v in table.numerators[i, 1:].tolist())


def _map(collector: TermCollector) -> TropicalRationalMap:
    d = collector.program.input_dim
    tables, points, places = [], [], []
    for terms, witnesses in zip(collector.terms, collector.witnesses, strict=True):
        rows = list(terms)
        order = sorted(range(len(rows)), key=lambda i, rows=rows: rows[i])  # type: ignore[misc]
        table = np.empty((len(rows), d + 1), dtype=object)
        table[:, 1:], table[:, 0] = [rows[i][:d] for i in order], [rows[i][d] for i in order]
        tables.append(RationalArray(table, collector.scale))
        points.append(tuple(witnesses[i] for i in order))
        places.append(np.argsort(np.array(order, dtype=np.int64)).tolist())
    own = tuple(tuple(place[n] for place, n in zip(places, numbers, strict=True)) for numbers in collector.own)
    origin = Origin(collector.program, tuple(tables), tuple(points), tuple(collector.signs), own)
    *numerators, denominator = (TropicalPolynomial(Terms([StoredBlock(t)], d)) for t in tables)
    return TropicalRationalMap(tuple(numerators), (denominator,) * len(numerators), domain=collector.program.domain, origin=origin)
