"""A piecewise linear network as a tropical rational map, in full."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

from exactnn.cells import full_dimensional, read_program
from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.clock import clock_in_force, timed
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network
from exactnn.regions.collect import check_arguments, chosen_method, collect
from exactnn.tropical._collector import make_collector
from exactnn.tropical._shift import shift_of
from exactnn.tropical.origin import Origin
from exactnn.tropical.polynomial import TropicalPolynomial
from exactnn.tropical.rational_map import TropicalRationalMap
from exactnn.tropical.terms import StoredBlock, Terms


@timed
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
    clock = clock_in_force()
    domain = full_dimensional(domain, net.input_dim)
    shift_of(net)  # names a smooth node with a way out, before `read_program` refuses it
    program = read_program([net], domain)
    make = partial(make_collector, nonnegative=nonnegative)
    collector = make(program, clock)
    try:
        collect(
            collector, make, net, program, method, clock, executor=executor, checkpoint=checkpoint, max_regions=max_regions, partly=True
        )
    except Incomplete as stopped:
        with clock.grace():
            reached = map_of(replace(collector.origin, whole=False), program.domain, "partial") if collector.count else None
        raise Incomplete(f"{stopped}; the terms of {collector.count} regions were kept (.partial)", reached) from stopped.__cause__
    return map_of(collector.origin, program.domain)


def map_of(origin: Origin, domain: Polyhedron | None, decomposition: str = "construction") -> TropicalRationalMap:
    """The map whose terms these regions have."""
    d = origin.program.input_dim
    made = [TropicalPolynomial.of_needed(Terms([StoredBlock(t)], d)) for t in origin.tables]
    outputs = len(origin.denominators)
    return TropicalRationalMap(
        tuple(made[:outputs]), tuple(made[i] for i in origin.denominators), domain=domain, decomposition=decomposition, origin=origin
    )
