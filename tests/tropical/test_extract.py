"""Full extraction: F is the network, on regions, on kinks and at random points; no term is redundant, each witness is true.

`_judge.examine` proves all of this without the engine; the tests here say for which networks, domains and limits.
"""

from __future__ import annotations

import copy
import functools
import itertools
import multiprocessing
import pickle
import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

import exactnn as xn
from exactnn.errors import ArgumentError, DomainError, EmptyDomain, ExactnnError, Incomplete, LoadError, NotPiecewiseLinear
from exactnn.network import Builder, Input, Network, activation
from exactnn.regions import _tasks
from exactnn.regions import collect as collecting
from exactnn.tropical import TropicalPolynomial, TropicalRationalMap, _collector, extract
from exactnn.tropical._shift import Shift, shift_of
from tests.strategies import HOMOGENEOUS, PIECEWISE, TINY, chains, domains, graphs, law, polyhedron
from tests.tropical._judge import Facets, examine, sizes, witnessed
from tests.tropical._layer_by_layer import layer_by_layer
from tests.tropical._recursion import terms
from tests.tropical._zoo import ZOO, affine, chain, tent

P, R = TropicalPolynomial, TropicalRationalMap
TRIANGLE = xn.Polyhedron([[1, 1], [-1, 0], [0, -1], [2, 2]], [2, 1, "1/2", 4])


def some_points(d: int, count: int = 8) -> list[tuple[Fraction, ...]]:
    draw = random.Random(d)
    return [tuple(Fraction(draw.randint(-12, 12), draw.choice((1, 2, 7))) for _ in range(d)) for _ in range(count)]


def few(net: Network, domain: Any = None, most: int = 40) -> bool:
    """Whether there are few enough regions for a fast test."""
    try:
        return xn.regions.count(net, domain, max_regions=most) <= most
    except Incomplete:
        return False


def shape(F: TropicalRationalMap) -> list[tuple[frozenset[Any], frozenset[Any]]]:
    """Numerators and denominators, each as its terms relative to the least exponents and the value at 0 of the denominator's first term."""
    found = []
    for p, q in zip(F.numerators, F.denominators, strict=True):
        least = [min(column) for column in zip(*p.terms, *q.terms, strict=True)]
        base = q.terms[min(q.terms)]
        p_terms, q_terms = (
            frozenset((tuple(a - m for a, m in zip(e, least, strict=True)), c - base) for e, c in side.terms.items()) for side in (p, q)
        )
        found.append((p_terms, q_terms))
    return found


# --- known forms -------------------------------------------------------------------------------------------------------------


def test_the_worked_example() -> None:
    """Theory, section 1: x is max(2x, x) - max(x, 0)."""
    F = extract(ZOO["identity"]())
    assert F.numerators == (P({(2,): 0, (1,): 0}),)
    assert F.denominators == (P({(1,): 0, (0,): 0}),)
    assert F.decomposition == "construction"
    assert [(r.pattern, r.numerators, r.denominators) for r in F.regions] in (
        [(((1, 0),), ((2,),), ((1,),)), (((0, 1),), ((1,),), ((0,),))],
        [(((0, 1),), ((1,),), ((0,),)), (((1, 0),), ((2,),), ((1,),))],
    )
    assert F.equals(R.identity(1))
    G = extract(ZOO["identity"](), nonnegative=False)
    assert G.numerators == (P({(1,): 0, (0,): 0}),)
    assert G.denominators == (P({(0,): 0, (-1,): 0}),)


def test_known_functions() -> None:
    x, y = P.variables(2)
    zero, one = P.constant(0, 2), P.constant(0, 1)
    known = {
        "max(x, y)": R((x + y,), (zero,)),
        "sort2": R((x + y, x * y), (zero, x + y)),
        "|x| + |y| - |x + y|": R(((x**2 + 0) * (y**2 + 0),), ((x * y) ** 2 + 0,)),
        "relu(x) - relu(x)": R((one,), (one,)),
        "zero": R((zero,), (zero,)),
        "constant": R((P.constant("3/7", 2),), (zero,)),
        "affine": R.affine([[1, "-2/3"], [0, 5]], [1, -1]),
    }
    for name, G in known.items():
        assert extract(ZOO[name]()).equals(G), name


@pytest.mark.parametrize("k", range(1, 6))
def test_tents(k: int) -> None:
    """2^k + 2 regions of the function; the construction's terms are those of composition layer by layer."""
    layers: list[Any] = [([[1], [1]], [0, Fraction(-1, 2)]), *[([[2, -4], [2, -4]], [0, Fraction(-1, 2)])] * (k - 1), ([[2, -4]], [0])]
    net = tent(k)
    F = extract(net)
    examine(net, F)
    assert shape(F) == shape(layer_by_layer(layers))
    assert sizes(F.reduce()) == (([2 ** (k - 1) + 2], [2 ** (k - 1) + 1]) if k > 1 else ([2], [2]))  # a term more than kinks of a sign


def rival() -> dict[str, tuple[TropicalRationalMap, int, int, tuple[int, int]]]:
    """The cases of TropicalNN.jl (theory, 2.3): map, linear regions, maps on them, terms after reduction."""
    (x,), (u, v) = P.variables(1), P.variables(2)
    square = P({(2, 0): 0, (1, 1): 1, (0, 2): 0, (1, 0): 1, (0, 1): 1, (0, 0): 0})
    one, two = P.constant(0, 1), P.constant(0, 2)
    return {
        "max(0, x, 2x)": (R((0 + x + x**2,), (one,)), 2, 2, (2, 1)),
        "max(0, 2x, x - 1)": (R((0 + x**2 + x * -1,), (one,)), 2, 2, (2, 1)),
        "max(x, y) / max(x, y)": (R((u + v,), (u + v,)), 1, 1, (1, 1)),
        "q / q": (R((square,), (square,)), 1, 1, (1, 1)),
        "four pieces": (R((0 + x + x**2 * -2,), (0 + x**2 * -2,)), 4, 4, (3, 2)),
        "max(x, y)": (R((u + v,), (two,)), 2, 2, (2, 1)),
    }


@pytest.mark.parametrize("name", rival())
def test_cases_of_the_nearest_rival(name: str) -> None:
    F, regions, _, terms_left = rival()[name]
    net = F.to_network()
    assert xn.regions.count(net, definition="connected") == regions
    G = extract(net)
    examine(net, G)
    assert G.equals(F)
    assert tuple(side[0] for side in sizes(G.reduce())) == terms_left


# --- every kind of node ------------------------------------------------------------------------------------------------------


@functools.cache
def made(name: str) -> tuple[Network, TropicalRationalMap, Facets]:
    net = ZOO[name]()
    F = extract(net)
    return net, F, Facets.of(net)


@pytest.mark.parametrize("name", ZOO)
def test_the_map_is_the_network(name: str) -> None:
    net, F, facets = made(name)
    examine(net, F, facets=facets)
    assert len(F.regions) == xn.regions.count(net)
    assert len({id(q) for q in F.denominators}) == 1
    for x in some_points(net.input_dim):
        assert F(x) == net(x)


@pytest.mark.parametrize("name", [n for n in ZOO if not n.startswith("conv, average")])
def test_without_the_last_shift_it_is_the_same_map(name: str) -> None:
    net, F, facets = made(name)
    G = extract(net, nonnegative=False)
    examine(net, G, nonnegative=False, facets=facets)
    assert shape(G) == shape(F)


@pytest.mark.parametrize("name", [n for n in ZOO if n not in ("conv, average pooling", "conv, average pooling of padding")])
def test_no_term_is_redundant(name: str) -> None:
    """By exact linear programs, in polynomials that know nothing of the extraction."""
    _, F, _ = made(name)
    for p in {id(p): p for p in (*F.numerators, *F.denominators)}.values():
        assert P(dict(p.terms.items())).reduced() == p


@pytest.mark.parametrize("name", ZOO)
def test_the_search_gives_the_same_map(name: str) -> None:
    net, F, _ = made(name)
    G = extract(net, method="search")
    assert F == G
    assert len(F.regions) == len(G.regions)
    assert {r.pattern: r for r in F.regions} == {r.pattern: r for r in G.regions}
    witnessed(G)


@law(25)
@given(graphs())
def test_any_graph(net: Network) -> None:
    if net.input_dim > 4 or not few(net):
        return
    F = extract(net)
    examine(net, F)
    for x in some_points(net.input_dim, 3):
        assert F(x) == net(x)


@law(20)
@given(chains(st.integers(1, 2), depth=2, units=PIECEWISE), st.data())
def test_chains_on_domains(given_chain: Any, data: Any) -> None:
    net = given_chain.network()
    domain = polyhedron(data.draw(domains(net.input_dim)), net.input_dim)
    if domain.is_empty() or domain.dimension < net.input_dim or not few(net, domain):
        return
    F = extract(net, domain)
    examine(net, F, domain)
    witnessed(extract(net, domain, method="search"), domain)


# --- independent constructions -----------------------------------------------------------------------------------------------


def interior(net: Network) -> list[tuple[Fraction, ...]]:
    return [r.interior_point for r in xn.regions.iterate(net)]


@law(25)
@given(chains(st.integers(1, 2), units=(*HOMOGENEOUS, "relu6", "hardtanh", "clip(-1/2, 3)")))
def test_the_recursion_written_out_has_the_same_terms(c: Any) -> None:
    net = c.network()
    if not few(net):
        return
    F = extract(net)
    *numerators, denominator = terms(c.layers, c.unit, interior(net))
    assert [dict(p.terms.items()) for p in F.numerators] == numerators
    assert dict(F.denominators[0].terms.items()) == denominator


@law(10)
@given(chains(st.integers(1, 2), depth=2, units=("relu",)))
def test_composition_layer_by_layer_has_the_same_terms(c: Any) -> None:
    layers = (*c.layers[:-1], tuple(part[:1] for part in c.layers[-1]))  # one output: there the shifts agree
    net = replace(c, layers=layers).network()
    if not few(net, most=25):
        return
    assert shape(extract(net)) == shape(layer_by_layer(layers))


@pytest.mark.parametrize("seed", range(4))
def test_terms_are_the_vertices_of_newton_polytopes(seed: int) -> None:
    """A homogeneous network: all coefficients are 0, and the terms that are needed are the vertices of a polygon."""
    net = chain((2, 4, 3, 1), "abs" if seed % 2 else "relu", seed, homogeneous=True)
    F = extract(net)
    for p in (F.numerators[0], F.denominators[0]):
        assert set(p.terms.values()) == {0}
        exponents = np.array([[float(a) for a in e] for e in p.terms])
        assert len(ConvexHull(exponents).vertices) == len(p)
    assert len(F.regions) == xn.regions.count(net)


def test_terms_are_corners_of_the_upper_hull() -> None:
    """In one variable the points (exponent, coefficient) of the terms lie on a strictly concave chain."""
    F = extract(chain((1, 4, 3, 1), seed=3))
    for p in (F.numerators[0], F.denominators[0]):
        chain_of = sorted((*e, c) for e, c in p.terms.items())
        slopes = [(c1 - c0) / (a1 - a0) for (a0, c0), (a1, c1) in itertools.pairwise(chain_of)]
        assert len(slopes) > 2
        assert all(s > t for s, t in itertools.pairwise(slopes))


# --- planted mistakes --------------------------------------------------------------------------------------------------------


def low_raised(shift: Shift) -> Shift:
    """Lo of the first entry that has one below 0 is taken half."""
    bounds = dict(shift.bounds)
    for node, (low, high) in shift.bounds.items():
        values = low.to_fractions()
        if min(values) < 0:
            i = values.index(min(values))
            changed = [v / 2 if k == i else v for k, v in enumerate(values)]
            bounds[node] = type(low).from_fractions(changed, low.shape), high
            return Shift(bounds, shift.inputs)
    raise AssertionError("no bound to change")


def high_lowered(shift: Shift) -> Shift:
    return Shift({n: (low, high - high * Fraction(1, 2)) for n, (low, high) in shift.bounds.items()}, shift.inputs)


def inputs_halved(shift: Shift) -> Shift:
    return Shift(shift.bounds, shift.inputs * Fraction(1, 2))


def as_in_the_reference(shift: Shift) -> Shift:
    """No concave part: the slope of phi alone is merged."""
    return Shift({n: (low, high * 0) for n, (low, high) in shift.bounds.items()}, shift.inputs)


PLANTED: list[tuple[Callable[[Shift], Shift], str]] = [
    (low_raised, "deep relu"),
    (low_raised, "deep abs"),
    (low_raised, "deep leaky_relu(1/10)"),
    (low_raised, "max pooling"),
    (low_raised, "residual"),
    (low_raised, "concurrent, deep"),
    (high_lowered, "deep relu6"),
    (high_lowered, "deep leaky_relu(3)"),
    (as_in_the_reference, "deep hardtanh"),
    (inputs_halved, "deep relu"),
]


@pytest.mark.parametrize(("change", "name"), PLANTED, ids=[f"{c.__name__}, {n}" for c, n in PLANTED])
def test_a_planted_mistake_in_the_shift_is_seen(change: Callable[[Shift], Shift], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = ZOO[name]()
    examine(net, extract(net))
    monkeypatch.setattr(_collector, "shift_of", lambda *a, **k: change(shift_of(*a, **k)))
    wrong = extract(net)
    with pytest.raises(AssertionError, match=r"not convex|not maximal|not the network on a region|negative exponent"):
        examine(net, wrong)
    if change is not inputs_halved:  # which is right, but for the signs of the exponents
        with pytest.raises(AssertionError, match=r"not maximal|not alone"):
            witnessed(wrong)


# --- domains -----------------------------------------------------------------------------------------------------------------

DOMAINS = {
    "box": xn.Box([-1, -1], [2, 1]),
    "triangle": TRIANGLE,
    "unbounded": xn.Polyhedron([[1, -1], [-1, -2]], [0, 3]),
    "a slab": xn.Polyhedron([[1, 1], [-1, -1]], [1, 0]),
    "half a plane, whose boundary is a kink": xn.Polyhedron([[-1, 0]], [0]),
    "2^-60 wide": xn.Box([0, -1], [TINY, 1]),
    "whole space": xn.Polyhedron.whole_space(2),
}


@pytest.mark.parametrize("place", DOMAINS)
@pytest.mark.parametrize("name", ["sort2", "max pooling", "deep hardtanh"])
def test_domains(name: str, place: str) -> None:
    net, domain = ZOO[name](), DOMAINS[place]
    F = extract(net, domain)
    examine(net, F, domain)
    assert len(F.regions) == xn.regions.count(net, domain)
    assert F.domain == domain
    G = extract(net, domain, method="search")
    assert F == G
    witnessed(G, domain)
    for p in (F.numerators[0], F.denominators[0]):
        assert P(dict(p.terms.items())).reduced(domain) == p


def test_a_domain_without_interior_is_refused() -> None:
    net = ZOO["sort2"]()
    with pytest.raises(DomainError, match=r"interior points is needed.*restrict"):
        extract(net, xn.Box([0, 1], [1, 1]))
    with pytest.raises(EmptyDomain, match="empty"):
        extract(net, xn.Polyhedron([[1, 0], [-1, 0]], [0, -1]))
    with pytest.raises(DomainError, match="Box"):
        extract(net, [[0, 1], [0, 1]])  # type: ignore[arg-type]
    with pytest.raises(ArgumentError):
        extract(net, xn.Box([0] * 3, [1] * 3))
    line = xn.regions.restrict(net, [0, 1], [[1, 0]])
    examine(line, extract(line))


# --- limits ------------------------------------------------------------------------------------------------------------------

LARGER = functools.partial(chain, (2, 6, 5, 2), seed=11)


def within(partial: Any, F: TropicalRationalMap) -> None:
    """A map of some of F's terms, with their witnesses."""
    assert isinstance(partial, TropicalRationalMap)
    for some, every in zip((*partial.numerators, *partial.denominators), (*F.numerators, *F.denominators), strict=True):
        assert set(some.terms.items()) <= set(every.terms.items())
    witnessed(partial)
    assert 0 < len(partial.regions) < len(F.regions)


def test_what_was_reached_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    net = LARGER()
    F = extract(net)
    with pytest.raises(Incomplete, match=r"more than 7 regions; the terms of 7 regions were kept") as caught:
        extract(net, method="search", max_regions=7)
    within(caught.value.partial, F)
    with pytest.raises(Incomplete, match=r"more than 7 regions; the terms of \d+ regions were kept") as caught:
        extract(net, max_regions=7)  # the lattice finishes a piece, which may be larger
    within(caught.value.partial, F)
    assert 7 < len(caught.value.partial.regions) < len(F.regions)
    with pytest.raises(Incomplete, match="time limit"):
        extract(net, time_limit=0)
    monkeypatch.setattr(collecting, "PIECE", 4)
    assert extract(net) == F
    with pytest.raises(Incomplete, match="more than 20 regions") as caught:
        extract(net, max_regions=20)
    within(caught.value.partial, F)
    assert extract(net, max_regions=len(F.regions)) == F


def test_workers_of_any_speed_give_the_same_witnesses() -> None:
    net = LARGER()
    found = []
    for _ in range(3):
        with ThreadPoolExecutor(2) as threads:
            F = extract(net, executor=threads)
        found.append(([F.witness(0, a) for a in F.numerators[0].terms], list(F.regions)))
    assert found[0] == found[1] == found[2]


def test_a_part_is_reduced_as_the_map_that_it_is() -> None:
    """Not as the network's, to which it is not equal."""
    net = ZOO["deep relu"]()
    with pytest.raises(Incomplete) as caught:
        extract(net, method="search", max_regions=5)
    part = caught.value.partial
    assert isinstance(part, TropicalRationalMap)
    assert not part.equals(extract(net))
    less = part.reduce()
    assert less.equals(part)
    assert all(proof.check() for proof in less.proofs)


@pytest.mark.parametrize("name", ["deep relu", "max pooling", "affine"])
def test_maps_can_be_copied_and_pickled(name: str) -> None:
    F = extract(ZOO[name](), TRIANGLE)
    G = F.reduce()
    sent = pickle.loads(pickle.dumps((F, G)))  # noqa: S301
    for one, other in zip((F, G, F), (*sent, copy.deepcopy(F)), strict=True):
        assert one == other
        assert list(one.regions) == list(other.regions)
        assert other.reduce() == G
        witnessed(other, TRIANGLE)
        assert all(proof.check() for proof in other.proofs)


def test_limits_of_maps_with_pooling() -> None:
    net = ZOO["max pooling"]()
    with pytest.raises(Incomplete) as caught:
        extract(net, method="search", max_regions=5)
    within(caught.value.partial, extract(net))


# --- executors and checkpoints -----------------------------------------------------------------------------------------------

TASKS = [("larger", None), ("max pooling", xn.Box([-2, -2], [3, 3])), ("deep hardtanh", TRIANGLE)]


def network(name: str) -> Network:
    return LARGER() if name == "larger" else ZOO[name]()


@pytest.mark.parametrize(("name", "domain"), TASKS)
def test_tasks_give_the_same_map(name: str, domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tasks, "TASKS", 20)
    net = network(name)
    F = extract(net, domain)
    with ThreadPoolExecutor(2) as threads:
        for method in ("lattice", "search"):
            G = extract(net, domain, executor=threads, method=method)
            assert F == G
            assert {r.pattern: r for r in F.regions} == {r.pattern: r for r in G.regions}
            witnessed(G, domain)


@pytest.mark.slow
def test_processes() -> None:
    net = LARGER()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        G = extract(net, executor=processes)
        assert extract(net) == G
        examine(net, G)
        assert extract(net, TRIANGLE, executor=processes, nonnegative=False) == extract(net, TRIANGLE, nonnegative=False)


@pytest.mark.parametrize("method", ["lattice", "search"])
def test_an_interrupted_extraction_goes_on(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tasks, "TASKS", 20)
    net, file = LARGER(), tmp_path / "terms"
    F = extract(net)
    with pytest.raises(Incomplete, match=r"\d+ of \d+ tasks were finished; the terms of \d+ regions were kept") as caught:
        extract(net, checkpoint=file, max_regions=len(F.regions) // 2, method=method)
    within(caught.value.partial, F)
    kept = len(file.read_text().splitlines())
    assert kept > 2
    G = extract(net, checkpoint=file, method=method)
    assert len(file.read_text().splitlines()) > kept
    assert extract(net, checkpoint=file, method=method) == F == G
    examine(net, G)


def test_foreign_checkpoints_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tasks, "TASKS", 10)
    net, file = LARGER(), tmp_path / "terms"
    extract(net, checkpoint=file)
    text = file.read_text()
    with pytest.raises(LoadError):
        extract(net, checkpoint=file, nonnegative=False)
    with pytest.raises(LoadError):
        extract(chain((2, 6, 5, 2), seed=12), checkpoint=file)
    with pytest.raises(LoadError):
        extract(net, TRIANGLE, checkpoint=file)
    with pytest.raises(LoadError):
        xn.regions.count(net, checkpoint=file)
    assert file.read_text() == text
    other = tmp_path / "count"
    xn.regions.count(net, checkpoint=other)
    with pytest.raises(LoadError):
        extract(net, checkpoint=other)


# --- many inputs -------------------------------------------------------------------------------------------------------------


def test_beyond_six_inputs_by_search() -> None:
    rows = [[int(i == j) - int(i == j + 1) for j in range(9)] for i in (0, 3, 5)]
    net = xn.mlp([(rows, [0, 1, -1]), ([[1, -1, 2], [1, 1, 1]], [0, -1]), ([[1, -2]], [0])])
    F = extract(net)
    regions = list(xn.regions.iterate(net))
    assert len(F.regions) == len(regions) == xn.regions.count(net)
    witnessed(F)
    own = {r.pattern: r for r in F.regions}
    for region in regions:
        x, r = region.interior_point, own[region.pattern]
        assert F(x) == net(x)
        assert F.numerators[0].argmax(x) == r.numerators
        assert F.denominators[0].argmax(x) == r.denominators
    with pytest.raises(ArgumentError, match="6 inputs"):
        extract(net, method="lattice")
    inside = extract(net, xn.Box([-1] * 9, [1] * 9))
    witnessed(inside, xn.Box([-1] * 9, [1] * 9))


# --- what is refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["tanh", "sigmoid", "gelu", "softplus", "silu"])
def test_smooth_units_are_refused(unit: str) -> None:
    b = Builder()
    x = b.add("x", Input((2,)))
    h = b.add("the_unit", activation(unit), b.add("a", affine([[1, 2]]), x))
    net = b.build([x], [b.add("b", affine([[1]]), h)])
    with pytest.raises(NotPiecewiseLinear, match=rf"node 'the_unit': {unit}.*replace it by a piecewise linear function"):
        extract(net)


def test_bad_arguments(tmp_path: Path) -> None:
    net = ZOO["sort2"]()
    with pytest.raises(ArgumentError, match="net: a Network"):
        extract(42)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="nonnegative: True or False"):
        extract(net, nonnegative=1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="method: one of"):
        extract(net, method="fast")
    for wrong in (-1, 2.5, True):
        with pytest.raises(ArgumentError, match="max_regions"):
            extract(net, max_regions=wrong)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="time_limit"):
        extract(net, time_limit=-1)
    with pytest.raises(ArgumentError, match="executor"):
        extract(net, executor=3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="checkpoint"):
        extract(net, checkpoint=3)  # type: ignore[arg-type]
    with pytest.raises(ExactnnError):
        extract(net, checkpoint=tmp_path)


def test_witnesses_of_what_is_no_term() -> None:
    F = extract(ZOO["sort2"]())
    (e, *_) = F.numerators[1].terms
    for of, j, exponents in (
        ("numerator", 1, (99, 99)),
        ("denominator", 0, (1,)),
        ("numerator", 2, e),
        ("both", 0, e),
        ("numerator", -1, e),
    ):
        with pytest.raises(ArgumentError):
            F.witness(j, exponents, of=of)
    for wrong in (None, 5, "ab", [[1, 2]], [float("nan"), 1]):
        with pytest.raises(ArgumentError):
            F.witness(0, wrong)  # type: ignore[arg-type]


def test_regions_are_a_sequence() -> None:
    F = extract(ZOO["max pooling"]())
    assert list(F.regions) == [F.regions[i] for i in range(len(F.regions))]
    assert list(F.regions[2:5]) == [F.regions[i] for i in (2, 3, 4)]
    assert F.regions[-1] == list(F.regions)[-1]
    with pytest.raises(IndexError):
        F.regions[len(F.regions)]
    with pytest.raises(ArgumentError, match="no regions"):
        (F * 1).regions  # noqa: B018
