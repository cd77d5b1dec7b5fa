"""What a tropical map must be to a network, decided without the engine: Fractions, the regions of `exactnn.regions`, facet by facet.

Numerators and denominators are affine on each region, convex across each facet (hence convex: the domain is), and their difference is the
network's affine map on each region. That proves F = net on the whole domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import networkx as nx

import exactnn as xn
from exactnn.exact.polyhedron import Polyhedron
from exactnn.network import Network
from exactnn.tropical import TropicalPolynomial, TropicalRationalMap

Point = tuple[Fraction, ...]
#: (a_1, ..., a_d, c), the affine function a . x + c.
Line = tuple[Fraction, ...]


def at(line: Sequence[Any], x: Sequence[Fraction]) -> Fraction:
    *slope, constant = line
    return sum((a * v for a, v in zip(slope, x, strict=True)), Fraction(constant))


def minus(a: Sequence[Any], b: Sequence[Any]) -> Line:
    return tuple(u - v for u, v in zip(a, b, strict=True))


class Lines:
    """Affine functions, and their values at rational points, in integers: comparisons are exact, and quick."""

    def __init__(self, lines: Iterable[Sequence[Fraction]]) -> None:
        rows = [[Fraction(v) for v in line] for line in lines]
        scale = lcm(*(v.denominator for row in rows for v in row))
        self._rows = [[int(v * scale) for v in row] for row in rows]

    def values(self, x: Sequence[Fraction]) -> list[int]:
        """The values at a point, all times the same positive number."""
        unit = lcm(*(v.denominator for v in x))
        point = [*(int(v * unit) for v in x), unit]
        return [sum(a * v for a, v in zip(row, point, strict=True)) for row in self._rows]


def affine_term(p: TropicalPolynomial, exponents: Sequence[Fraction]) -> Line:
    return (*exponents, p.terms[tuple(exponents)])


def sizes(F: TropicalRationalMap) -> tuple[list[int], list[int]]:
    """The numbers of terms of the numerators and of the denominators."""
    return [len(p) for p in F.numerators], [len(q) for q in F.denominators]


@dataclass(frozen=True)
class Facets:
    """The regions of a network, and for each pair with a common facet the integer form h that is 0 on it and positive on the first.

    forms : (a, b) -> h
    maps : for each region the affine maps of the outputs
    """

    regions: tuple[xn.regions.Region, ...]
    forms: dict[tuple[int, int], tuple[int, ...]]
    maps: tuple[tuple[Line, ...], ...]

    @classmethod
    def of(cls, net: Network, domain: Polyhedron | None = None) -> Facets:
        graph: nx.Graph[int] = xn.regions.adjacency(net, domain)
        regions = tuple(graph.nodes[i]["region"] for i in range(len(graph)))
        forms = {}
        for a, b in graph.edges:
            mine = {(*i.normal, -i.offset) for i in regions[a].inequalities}
            theirs = {(*(-v for v in i.normal), i.offset) for i in regions[b].inequalities}
            (form,) = mine & theirs
            forms[a, b] = tuple(-v for v in form)
        maps = tuple(tuple((*row, c) for row, c in zip(*r.affine_map, strict=True)) for r in regions)
        return cls(regions, forms, maps)

    def weights(self, maps: Sequence[Line]) -> dict[tuple[int, int], Fraction]:
        """w with  map on a - map on b = w h  for each facet; the assertion fails for a function that is not continuous."""
        found = {}
        for (a, b), h in self.forms.items():
            difference = minus(maps[a], maps[b])
            k = next(i for i, v in enumerate(h) if v)
            w = Fraction(difference[k]) / h[k]
            assert all(v == w * u for v, u in zip(difference, h, strict=True)), "not continuous"
            found[a, b] = w
        return found


def region_terms(F: TropicalRationalMap, facets: Facets) -> Iterator[tuple[TropicalPolynomial, list[Line]]]:
    """For each numerator and denominator its affine maps on the regions, in the order of `facets`."""
    by_pattern = {r.pattern: r for r in F.regions}
    assert len(by_pattern) == len(F.regions) == len(facets.regions)
    own = [by_pattern[r.pattern] for r in facets.regions]
    for j, p in enumerate(F.numerators):
        yield p, [affine_term(p, r.numerators[j]) for r in own]
    for j, q in enumerate(F.denominators):
        yield q, [affine_term(q, r.denominators[j]) for r in own]


def examine(
    net: Network, F: TropicalRationalMap, domain: Polyhedron | None = None, *, nonnegative: bool = True, facets: Facets | None = None
) -> Facets:
    """Assert that F is the network on the domain, without a redundant term, and with true witnesses."""
    facets = Facets.of(net, domain) if facets is None else facets
    found = list(region_terms(F, facets))
    numerators, denominators = found[: F.output_dim], found[F.output_dim :]
    for j, ((_, p), (_, q)) in enumerate(zip(numerators, denominators, strict=True)):
        assert [minus(u, v) for u, v in zip(p, q, strict=True)] == [maps[j] for maps in facets.maps], "not the network on a region"
    for polynomial, maps in found:
        assert min(facets.weights(maps).values(), default=0) >= 0, "not convex"
        assert {(*e, c) for e, c in polynomial.terms.items()} == set(maps), "a term that belongs to no region"
        rows = list(dict.fromkeys(maps))
        lines, place = Lines(rows), {row: i for i, row in enumerate(rows)}
        for region, own in zip(facets.regions, maps, strict=True):
            values = lines.values(region.interior_point)
            assert values[place[own]] == max(values), "an own term is not maximal"
        if nonnegative:
            assert min((a for e in polynomial.terms for a in e), default=0) >= 0, "a negative exponent"
    witnessed(F, domain)
    for x in [F.witness(0, e) for e in list(F.numerators[0].terms)[:3]]:
        assert F(x) == net(x)
    for region in facets.regions[:6]:  # vertices are on kinks
        for x in (region.interior_point, *region.vertices()[:3]):
            assert F(x) == net(x)
    return facets


def witnessed(F: TropicalRationalMap, domain: Polyhedron | None = None) -> None:
    """Assert that each term alone is the maximum at its witness, and that the witness is inside the domain."""
    for side, polynomials in (("numerator", F.numerators), ("denominator", F.denominators)):
        for j, polynomial in enumerate(polynomials):
            rows = [(*e, c) for e, c in polynomial.terms.items()]
            lines = Lines(rows)
            for i, row in enumerate(rows):
                x = F.witness(j, row[:-1], of=side)
                values = lines.values(x)
                assert values[i] == max(values), "a term is not maximal at its witness"
                assert values.count(values[i]) == 1, "a term is not alone at its witness"
                if domain is not None:
                    A, b = domain.rows
                    assert all(at((*n, -c), x) < 0 for n, c in zip(A.to_rows(), b.to_fractions(), strict=True) if any(n))
