"""How many linear regions there are, under each definition; and one region after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial

import networkx as nx
import numpy as np

from exactnn.cells import DIMENSIONS, Program, Signs, StageMap, full_dimensional, read_program
from exactnn.errors import ArgumentError, Incomplete, Undecided
from exactnn.exact.array import RationalArray
from exactnn.exact.calls import helpful
from exactnn.exact.clock import Clock, clock_in_force, timed
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.progress import counted
from exactnn.network import Network
from exactnn.regions._cells import facets_between, maps_of, regions_of
from exactnn.regions._leaves import searched_regions
from exactnn.regions._merge import DEFINITIONS, Key, Tally, closed_components, make_tally
from exactnn.regions.collect import check_arguments, check_choice, chosen_method, collect, ending, pieces
from exactnn.regions.region import Region


@timed
def count(
    net: Network,
    domain: Polyhedron | None = None,
    *,
    definition: str = "activation",
    method: str = "auto",
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    max_regions: int | None = None,
    time_limit: Number | None = None,
) -> int:
    """The exact number of linear regions of a piecewise linear network on a domain.

    Parameters
    ----------
    domain : a Box or Polyhedron with interior points; None for all of R^d
    definition :
        "activation" (the default): activation patterns with full-dimensional sets; a unit is active where its pre-activation is > 0.
        "pattern": all activation patterns, those of lower-dimensional sets too.
        "connected": maximal open connected sets on which the network is affine, the linear regions of the thesis (Definition 8.4).
        "closed-connected": for each affine map that the network has on some open set, the connected components with interior of the
        closed set of points where cells agree with that map.
        "affine": distinct affine maps on open sets.
        "convex": the fewest convex pieces of a polyhedral complex. Bounded only: between "connected" and "activation"; Undecided with the
        bounds (`.lower`, `.upper`) unless they meet.
        With these the counts fall: pattern >= activation >= connected >= closed-connected >= affine.
    method : "lattice" (subdivision of a face lattice, up to 6 inputs), "search" (exact linear programs, any number of inputs, for
        "activation" and "affine"), or "auto" for the first that applies
    executor : any concurrent.futures.Executor; the count is divided into tasks. Not for "closed-connected"
    checkpoint : the path of a file to which finished tasks go and from which an interrupted count is taken up. Not for "closed-connected"
    max_regions : Incomplete beyond this many full-dimensional cells (with max pooling a pattern may have several)
    time_limit : seconds; Incomplete with the partial count (`.partial`) once they have passed. None: no limit, but for the search, which
        may need more time than anyone has: without time_limit, max_regions, executor and checkpoint it ends after 120 s (math.inf: never)

    Raises
    ------
    NotPiecewiseLinear, EmptyDomain, DomainError, ArgumentError, Incomplete, Undecided, LoadError and SaveError (checkpoint)

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]], [0] * 6), ([[1, 1, 1, 1, -1, -1]], [0])])
    >>> [xn.regions.count(net, definition=d) for d in ("pattern", "activation", "connected", "closed-connected", "affine")]
    [13, 6, 6, 5, 5]

    References
    ----------
    Stargalla, Hertrich, Reichman, 2025 (the definitions); thesis section 8; docs/regions.md.
    """
    check_choice("definition", definition, (*DEFINITIONS, "convex"))
    check_arguments(net, max_regions)
    method = chosen_method(method, net)
    domain = full_dimensional(domain, net.input_dim)
    if method == "search" and definition not in ("activation", "affine"):
        raise ArgumentError(
            f"definition: the search, which is used beyond {DIMENSIONS} inputs, counts 'activation' and 'affine', got {definition!r}; "
            "restrict the network to a slice for the others (exactnn.regions.restrict)"
        )
    with ending(method, executor, checkpoint, max_regions) as clock:
        program = read_program([net], domain)
        if definition == "convex":
            return _convex(net, program, clock, executor, checkpoint, max_regions)
        if definition == "closed-connected":
            if executor is not None or checkpoint is not None:
                raise ArgumentError(
                    "definition: 'closed-connected' is counted in one piece, without executor and checkpoint; leave them out"
                )
            return _closed(program, clock, max_regions)
        return _counted(net, program, definition, method, clock, executor, checkpoint, max_regions)


def _counted(
    net: Network,
    program: Program,
    definition: str,
    method: str,
    clock: Clock,
    executor: Executor | None,
    checkpoint: str | os.PathLike[str] | None,
    max_regions: int | None,
) -> int:
    tally, make = Tally(definition), partial(make_tally, definition=definition)
    try:
        collect(tally, make, net, program, method, clock, executor=executor, checkpoint=checkpoint, max_regions=max_regions)
    except Incomplete as stopped:
        least = stopped.partial if definition == "activation" and isinstance(stopped.partial, int) else tally.count
        raise Incomplete(f"{stopped}; counted so far under {definition!r}: {tally.count}", max(least, tally.count)) from stopped.__cause__
    return tally.count


def _convex(
    net: Network,
    program: Program,
    clock: Clock,
    executor: Executor | None,
    checkpoint: str | os.PathLike[str] | None,
    max_regions: int | None,
) -> int:
    """The cells are a complex of convex pieces, and each connected region needs one at least."""
    if checkpoint is not None:
        raise ArgumentError("checkpoint: for one count at a time, 'convex' takes two; leave it out")
    lower = _counted(net, program, "connected", "lattice", clock, executor, None, max_regions)
    upper = sum(piece.cells for _, piece in pieces(program, clock, max_regions))
    if lower < upper:
        raise Undecided(
            f"the least number of convex regions is between {lower} (definition 'connected') and {upper} (all cells); "
            "exactly it is not computed here",
            lower,
            upper,
        )
    return lower


def _closed(program: Program, clock: Clock, max_regions: int | None) -> int:
    """The count "closed-connected"; Incomplete with what was counted of it."""
    tally = [0]
    try:
        _count_closed(program, clock, max_regions, tally)
    except Incomplete as stopped:
        raise Incomplete(f"{stopped}; counted so far under 'closed-connected': {tally[0]}", tally[0]) from None
    return tally[0]


def _count_closed(program: Program, clock: Clock, max_regions: int | None, tally: list[int]) -> None:
    """For each affine map L cut the cells by f - L and count the components, with interior, of its zero set."""
    signs: dict[Key, Signs] = {}
    for run, piece in pieces(program, clock, max_regions, whole=True):
        for row, key in zip(piece.signs, maps_of(run.program, piece.signs), strict=True):
            signs.setdefault(key, row.copy())
    for key in counted("closed sets of affine maps", signs, unit="maps"):
        zero = _difference(program, key[0], program.output_integers[0].scale)
        found = 0
        for run, piece in pieces(zero, clock, None, whole=True):
            members = closed_components(run, piece, len(zero.stages) - 1)
            found += len(set(members.values()))
        tally[0] += found


def _difference(program: Program, key: tuple[int, ...], scale: int) -> Program:
    """The program with one more stage, whose units are the outputs minus the affine map A x + b (rows of A and b times the scale)."""
    d, form = program.input_dim, program.outputs[0]
    table = RationalArray(np.array(key, dtype=object).reshape(form.size, d + 1), scale)
    blocks = dict(form.blocks)
    blocks[0] = blocks[0] - table[:, :d] if 0 in blocks else -table[:, :d]
    return program.extended(StageMap(blocks, form.constant - table[:, d]))


@helpful
def iterate(
    net: Network,
    domain: Polyhedron | None = None,
    *,
    method: str = "auto",
    max_regions: int | None = None,
    time_limit: Number | None = None,
) -> Iterator[Region]:
    """The activation regions one after the other; memory does not grow with their number (but for networks with max pooling).

    Parameters and errors as for `count`; the first `max_regions` regions come before Incomplete does. The search, beyond 6 inputs, takes
    some linear programs for each region; with max pooling it is through before the first region comes.

    Examples
    --------
    >>> import exactnn as xn
    >>> net = xn.mlp([([[1], [1]], [0, -1]), ([[1, -2]], [0])])
    >>> for region in xn.regions.iterate(net):
    ...     print(region.pattern, region.interior_point[0], region.affine_map[0][0][0], [i.neurons[0].index for i in region.inequalities])
    ((0, 0),) -2 0 [0]
    ((1, 1),) 9/2 -1 [1]
    ((1, 0),) 1/2 1 [0, 1]
    """
    check_arguments(net, max_regions)
    clock = Clock(time_limit)
    with clock.running():
        program = read_program([net], full_dimensional(domain, net.input_dim))
    if chosen_method(method, net) == "search":
        regions: Iterator[Region] = counted("finding regions", searched_regions(program, clock), unit="regions")
    else:
        found_pieces = pieces(program, clock, None, whole=not program.patterns_are_signs)
        regions = (region for run, piece in found_pieces for region in regions_of(run, piece))
    for found, region in enumerate(regions):
        if found == max_regions:
            raise Incomplete(f"max_regions: there are more than {max_regions} regions", found)
        yield region


@timed
def adjacency(
    net: Network, domain: Polyhedron | None = None, *, max_regions: int | None = None, time_limit: Number | None = None
) -> nx.Graph[int]:
    """The graph of activation regions: node attribute "region", an edge for each common facet with attribute "neurons".

    Parameters and errors as for `count`; all regions are held in memory.
    """
    check_arguments(net, max_regions)
    clock = clock_in_force()
    program = read_program([net], full_dimensional(domain, net.input_dim))
    graph: nx.Graph[int] = nx.Graph()
    for run, piece in pieces(program, clock, max_regions, whole=True):
        for number, region in enumerate(regions_of(run, piece)):
            graph.add_node(number, region=region)
        for (a, b), neurons in facets_between(run, piece).items():
            graph.add_edge(a, b, neurons=neurons)
    return graph
