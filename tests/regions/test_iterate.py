"""Regions one by one: their inequalities, points, maps, volumes, and the graph of neighbours."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given

import exactnn as xn
from exactnn.cells import Subdivision, read_program
from exactnn.errors import ArgumentError, DomainError, Incomplete
from exactnn.exact.clock import Clock
from exactnn.regions import Neuron
from tests.cells._oracles import patterns
from tests.regions.test_count import hidden, problems, sliced, trained_like
from tests.strategies import law


def at(net: xn.Network, layer: str, x: Any) -> list[Fraction]:
    """The exact pre-activations of a layer."""
    (operand,) = net.operands(layer)
    from exactnn.exact.array import RationalArray

    return list(net.trace(RationalArray.of([list(x)]), keep=[operand])[operand].to_fractions())


@given(problems(most=3))
@law(60)
def test_regions_against_brute_force(problem: Any) -> None:
    layers, last, rows, domain = problem
    net = xn.mlp([*layers, last])
    wanted = {p for p, _ in patterns(layers, rows)}
    found = list(xn.regions.iterate(net, domain))
    assert {tuple(itertools.chain(*r.pattern)) for r in found} == wanted
    assert len(found) == len(wanted)
    for region in found:
        x = region.interior_point
        assert domain is None or domain.contains(x)
        assert tuple(tuple(int(v > 0) for v in at(net, layer, x)) for layer in net.hidden_layers) == region.pattern
        assert all(sum(a * v for a, v in zip(i.normal, x, strict=True)) < i.offset for i in region.inequalities)
        assert not region.inequalities or not region.polyhedron.redundant_rows()
        assert region.is_bounded == region.polyhedron.is_bounded()
        A, b = region.affine_map
        assert tuple(c + sum(u * v for u, v in zip(row, x, strict=True)) for row, c in zip(A, b, strict=True)) == net(x)


def told(region: xn.regions.Region) -> Any:
    """All of a region but its point and the order of its inequalities."""
    return region.pattern, frozenset(region.inequalities), region.affine_map, region.is_bounded


@given(problems(most=3))
@law(40)
def test_the_search_finds_the_same_regions(problem: Any) -> None:
    layers, last, _, domain = problem
    net = xn.mlp([*layers, last])
    ways = [list(xn.regions.iterate(net, domain, method=method)) for method in ("lattice", "search")]
    assert len(ways[0]) == len(ways[1])
    assert set(map(told, ways[0])) == set(map(told, ways[1]))
    for region in ways[1]:
        assert all(sum(a * v for a, v in zip(i.normal, region.interior_point, strict=True)) < i.offset for i in region.inequalities)


@given(sliced())
@law(40)
def test_the_search_finds_the_same_regions_of_any_graph(net: xn.Network) -> None:
    """Max pooling too, where a region is a union of cells."""
    assume(0 < read_program([net]).unit_count <= 24)
    ways = [[told(r) for r in xn.regions.iterate(net, method=method)] for method in ("lattice", "search")]
    assert len(ways[0]) == len(ways[1])
    assert set(ways[0]) == set(ways[1])


def test_beyond_six_inputs() -> None:
    net = trained_like(np.random.default_rng(5), [8, 5, 2, 1])
    regions = list(xn.regions.iterate(net))
    assert len(regions) == xn.regions.count(net) == len({r.pattern for r in regions})
    for region in regions:
        A, b = region.affine_map
        x = region.interior_point
        assert tuple(c + sum(u * v for u, v in zip(row, x, strict=True)) for row, c in zip(A, b, strict=True)) == net(x)
        assert tuple(tuple(int(v > 0) for v in at(net, layer, x)) for layer in net.hidden_layers) == region.pattern
        assert not region.polyhedron.redundant_rows()
    with pytest.raises(Incomplete, match="more than 7 regions") as caught:
        list(xn.regions.iterate(net, max_regions=7))
    assert caught.value.partial == 7
    with pytest.raises(Incomplete, match="time limit"):
        list(xn.regions.iterate(net, time_limit=0))
    with pytest.raises(ArgumentError, match=r"6 inputs, got 8.*restrict"):
        xn.regions.adjacency(net)
    with pytest.raises(ArgumentError, match="method: one of"):
        list(xn.regions.iterate(net, method="fast"))


@given(problems(most=3))
@law(40)
def test_neurons_of_facets_vanish_there(problem: Any) -> None:
    layers, last, _, domain = problem
    net = xn.mlp([*layers, last])
    for region in xn.regions.iterate(net, domain):
        for inequality in region.inequalities:
            facet = region.polyhedron.intersection(xn.Polyhedron([[-v for v in inequality.normal]], [-inequality.offset]))
            assert facet.dimension == net.input_dim - 1
            x = facet.interior_point()
            values = {(layer, k): v for layer in net.hidden_layers for k, v in enumerate(at(net, layer, x))}
            inside = {(layer, k): v for layer in net.hidden_layers for k, v in enumerate(at(net, layer, region.interior_point))}
            wanted = {Neuron(layer, k) for (layer, k), v in values.items() if not v and inside[layer, k]}
            assert {n for n in inequality.neurons if n.layer != "domain"} == wanted
            assert inequality.neurons


@pytest.mark.parametrize("d", [1, 2, 3])
def test_volumes_add_up(d: int) -> None:
    net = trained_like(np.random.default_rng(d), [d, 6, 5, 1])
    box = xn.Box([-1] * d, [2] * d)
    regions = list(xn.regions.iterate(net, box))
    assert len(regions) > 5
    assert sum(r.volume() for r in regions) == 3**d
    with pytest.raises(DomainError, match="unbounded"):
        next(r for r in xn.regions.iterate(net) if not r.is_bounded).volume()


@pytest.mark.parametrize("sizes", [[2, 9, 1], [2, 5, 5, 1], [3, 5, 4, 1]])
def test_neighbours(sizes: list[int]) -> None:
    """Mean degree at most 2 d (Gaines, Bi); neighbours differ by the neurons of their facet, and only by these if they are generic."""
    d = sizes[0]
    net = trained_like(np.random.default_rng(7), sizes)
    graph = xn.regions.adjacency(net)
    assert graph.number_of_nodes() == xn.regions.count(net)
    assert nx.is_connected(graph)
    assert sum(k for _, k in graph.degree) <= 2 * d * graph.number_of_nodes()
    for a, b, neurons in graph.edges(data="neurons"):
        p, q = (dict(zip(net.hidden_layers, graph.nodes[n]["region"].pattern, strict=True)) for n in (a, b))
        differ = {
            Neuron(layer, k) for layer in net.hidden_layers for k, (u, v) in enumerate(zip(p[layer], q[layer], strict=True)) if u != v
        }
        assert differ == set(neurons)


def test_an_opposite_pair_makes_one_facet() -> None:
    graph = xn.regions.adjacency(hidden([[1, 0], [-1, 0], [0, 1]], [0, 0, 0]))
    assert sorted(len(neurons) for _, _, neurons in graph.edges(data="neurons")) == [1, 1, 2, 2]


@pytest.mark.parametrize("seed", range(4))
def test_euler(seed: int) -> None:
    """V - E + F = 1 for the plane, unbounded cells counted; the box at infinity adds its own vertices and edges."""
    program = read_program([trained_like(np.random.default_rng(seed), [2, 7, 6, 1])])
    run = Subdivision(program, Clock(), piece=None)
    (piece,) = run.pieces()
    lattice = piece.lattice
    walls = run.vertices.walls[piece.ids]
    ends = walls[lattice.edges]
    inner = int(((ends[:, 0] & ends[:, 1]) == 0).sum())  # edges that do not lie on the infinitely far box
    assert int((walls == 0).sum()) - inner + lattice.cells == 1


def test_pooling_merges_cells() -> None:
    """max over three inputs: three regions, whichever way the maximum is taken; ties are no regions of their own."""
    from exactnn.network import Builder, Input, MaxPool, Reshape

    b = Builder()
    x = b.add("x", Input((3,)))
    image = b.add("image", Reshape((1, 3)), x)
    pool = b.add("pool", MaxPool((3,), (3,), ((0, 0),), (1,)), image)
    net = b.build([x], [pool])
    regions = list(xn.regions.iterate(net))
    assert sorted(r.pattern for r in regions) == [((1,),), ((2,),), ((4,),)]
    assert all(len(r.inequalities) == 2 for r in regions)
    assert xn.regions.count(net, definition="pattern") == 7  # each non-empty set of maximisers
    assert sorted(d for _, d in xn.regions.adjacency(net).degree) == [2, 2, 2]
    cube = xn.Box([0] * 3, [1] * 3)
    assert [r.volume() for r in xn.regions.iterate(net, cube)] == [Fraction(1, 3)] * 3


def test_polyhedral_domain() -> None:
    net = hidden([[1, 0], [0, 1]], [0, 0])
    triangle = xn.Polyhedron([[1, 1], [-1, 0], [0, -1], [0, 0]], [1, 1, 1, 5])
    regions = list(xn.regions.iterate(net, triangle))
    assert len(regions) == 4
    assert sum(r.volume() for r in regions) == triangle.volume()
    named = {n for r in regions for i in r.inequalities for n in i.neurons if n.layer == "domain"}
    assert named == {Neuron("domain", 0), Neuron("domain", 1), Neuron("domain", 2)}


def test_small_cells_have_points_inside() -> None:
    thin = Fraction(1, 2**200)
    net = hidden([[1, 0], [1, 0], [0, 1], [1, 1]], [Fraction(-1, 3), Fraction(-1, 3) - thin, 0, 0])
    regions = list(xn.regions.iterate(net))
    assert len(regions) == xn.regions.count(net) == 10
    for region in regions:
        x = region.interior_point
        assert all(sum(a * v for a, v in zip(i.normal, x, strict=True)) < i.offset for i in region.inequalities)


def test_a_stream_can_be_left_early_or_limited() -> None:
    net = trained_like(np.random.default_rng(0), [3, 14, 14, 1])
    stream = xn.regions.iterate(net)
    seen = [next(stream).pattern for _ in range(500)]
    assert len(set(seen)) == 500
    with pytest.raises(Incomplete, match="more than 1000"):
        list(xn.regions.iterate(net, max_regions=1000))


def test_memory_does_not_grow_with_the_count() -> None:
    """The vertices held at any time are those of a few pieces."""
    net = trained_like(np.random.default_rng(1), [3, 18, 18, 1])
    run = Subdivision(read_program([net]), Clock(), piece=300)
    most, total = 0, 0
    for piece in run.pieces():
        most = max(most, run.vertices.count)
        total += piece.cells
    assert total == xn.regions.count(net)
    assert most < total // 2
