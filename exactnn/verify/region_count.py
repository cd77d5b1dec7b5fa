"""How many activation regions a network has, with a certificate (docs/certificate-format.md, "Tree")."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from exactnn.exact.clock import Clock
from exactnn.exact.numbers import Number
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network
from exactnn.regions._count import check_arguments
from exactnn.regions._subdivision import full_dimensional
from exactnn.regions._tree import count_with_tree
from exactnn.verify.certificates import Certificate, Claim


@dataclass(frozen=True)
class RegionCount:
    """The number of full-dimensional activation regions, and what the standalone checker needs to re-check it."""

    value: int
    certificate: Certificate


def certified_region_count(
    net: Network, domain: Polyhedron | None = None, *, max_regions: int | None = None, time_limit: Number | None = None
) -> RegionCount:
    """The number of activation regions of a piecewise linear network on a domain with interior points, certified.

    Parameters
    ----------
    net : without max pooling
    domain : Box or Polyhedron; None for all of R^d
    max_regions : Incomplete beyond so many; the certificate takes some hundred bytes for each
    time_limit : seconds; None for none

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
    count, evidence = count_with_tree(net, where, Clock(time_limit), max_regions)
    return RegionCount(count, Certificate(Claim("regions", net, None, where, Fraction(0), count=count), "proved", evidence))
