"""How many activation regions a network has, with a certificate (docs/certificate-format.md, "Tree")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exactnn.cells import Search, Tree, full_dimensional, read_program, simplified_point
from exactnn.claims import Certificate, RegionCountClaim
from exactnn.errors import ArgumentError
from exactnn.exact.clock import Clock, timed
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Polyhedron
from exactnn.exact.progress import Progress
from exactnn.exact.writing import json_integer
from exactnn.network import MaxPool, Network
from exactnn.regions.collect import check_arguments, ending
from exactnn.value import Value


@dataclass(frozen=True, repr=False)
class RegionCount(Value):
    """The number of full-dimensional activation regions, and what the standalone checker needs to re-check it."""

    value: int
    certificate: Certificate

    def _parts(self) -> dict[str, Any]:
        return {"value": self.value, "certificate": self.certificate.kind}


@timed
def certified_region_count(
    net: Network, domain: Polyhedron | None = None, *, max_regions: int | None = None, time_limit: Number | None = None
) -> RegionCount:
    """The number of activation regions of a piecewise linear network on a domain with interior points, certified.

    Parameters
    ----------
    net : without max pooling
    domain : Box or Polyhedron; None for all of R^d
    max_regions : Incomplete beyond so many; the certificate takes some hundred bytes for each
    time_limit : seconds; None: without max_regions the search ends after 120 s (math.inf: never)

    Raises
    ------
    NotPiecewiseLinear, DomainError, ArgumentError, Incomplete (with the number of regions found so far)

    Examples
    --------
    >>> from exactnn import check, mlp
    >>> found = certified_region_count(mlp([([[1, 0], [0, 1], [1, 1]], [0, 0, -1]), ([[1, 1, 1]], [0])]))
    >>> found.value, check(found.certificate)
    (7, True)
    """
    check_arguments(net, max_regions)
    where = full_dimensional(domain, net.input_dim)
    with ending("search", max_regions) as clock:
        count, evidence = count_with_tree(net, where, clock, max_regions)
    return RegionCount(count, Certificate(RegionCountClaim(net, where, count), "proved", evidence, clock))


def count_with_tree(
    net: Network, domain: Polyhedron | None = None, clock: Clock | None = None, limit: int | None = None
) -> tuple[int, Any]:
    """The number of activation regions on a full-dimensional domain, and the evidence for it.

    Raises
    ------
    NotPiecewiseLinear, ArgumentError (max pooling), DomainError, Incomplete (with the number of regions found)
    """
    pools = [name for name in net.order if isinstance(net.operation(name), MaxPool)]
    if pools:
        raise ArgumentError(f"net: a network without max pooling is needed for a certified number of regions, got one at node {pools[0]!r}")
    program = read_program([net], domain)
    search = Search(program, clock, limit=limit)
    tree = Tree(program, 0 if domain is None else len(domain.rows[0]))
    with Progress("finding regions, with a proof of each", unit="regions") as shown:
        for cell, unit in search.walk():
            if unit is not None:
                tree.split(cell, unit)
            else:
                *numerators, weight = simplified_point(cell.inner, cell.forms)
                tree.leaf(cell, [json_integer(weight), [json_integer(v) for v in numerators]])
                shown.update()
    return search.found, {"method": "tree", "hull": None, "tree": tree.nodes}
