"""Fewer terms: the same function, nowhere more terms, and proofs that none can be taken away, judged by other linear programs.

The judge does not know ridges, classes or bases. A function that is affine on the regions is one affine map for each region, with
L_a - L_b = w h across each facet: these are the unknowns of its linear programs, floats (HiGHS) or exact (z3).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

import exactnn as xn
from exactnn.cells import read_program
from exactnn.errors import ArgumentError, Incomplete
from exactnn.exact.clock import Clock
from exactnn.network import Network
from exactnn.tropical import Decomposition, TropicalPolynomial, TropicalRationalMap, _weights, extract
from exactnn.tropical._complex import complex_of
from tests.strategies import PIECEWISE, TINY, chains, domains, graphs, law, polyhedron, shallows
from tests.tropical._drawn import polynomials
from tests.tropical._judge import Facets, examine, minus, region_terms, sizes, witnessed
from tests.tropical._zoo import UNITS, ZOO, chain, hidden, tent

P, R = TropicalPolynomial, TropicalRationalMap
Weights = Mapping[tuple[int, int], Fraction]
POOLING = ("max pooling", "pooling behind pooling", "conv, max pooling", "a unit at the inputs")


def few(net: Network, domain: Any = None, most: int = 40) -> bool:
    try:
        return xn.regions.count(net, domain, max_regions=most) <= most
    except Incomplete:
        return False


def not_more(F: TropicalRationalMap, G: TropicalRationalMap) -> bool:
    """Whether F has nowhere more terms than G."""
    return all(a <= b for some, every in zip(sizes(F), sizes(G), strict=True) for a, b in zip(some, every, strict=True))


def weights(F: TropicalRationalMap, facets: Facets) -> list[tuple[Weights, Weights, Weights]]:
    """For each output the facet weights of F_j, of its numerator and of its denominator."""
    found = [maps for _, maps in region_terms(F, facets)]
    pairs = zip(found[: F.output_dim], found[F.output_dim :], strict=True)
    return [(facets.weights([minus(u, v) for u, v in zip(p, q, strict=True)]), facets.weights(p), facets.weights(q)) for p, q in pairs]


def common_summand(facets: Facets, p: Weights, q: Weights) -> bool:
    """Whether a convex function, affine on the regions but not affine, can be taken from both: by z3, exactly."""
    room = {e: min(p[e], q[e]) for e in facets.forms}
    d = len(facets.regions[0].interior_point)
    solver = z3.Solver()
    L = [[z3.Real(f"L{c}_{i}") for i in range(d + 1)] for c in range(len(facets.regions))]
    solver.add(*(v == 0 for v in L[0]))
    total = z3.RealVal(0)
    for e, h in facets.forms.items():
        a, b = e
        if room[e]:
            w = z3.Real(f"w{a}_{b}")
            solver.add(w >= 0, w <= z3.Q(room[e].numerator, room[e].denominator))
            total = total + w
            solver.add(*(L[a][i] - L[b][i] == w * h[i] for i in range(d + 1)))
        else:
            solver.add(*(L[a][i] == L[b][i] for i in range(d + 1)))
    solver.add(total > 0)
    answer = solver.check()
    assert answer in (z3.sat, z3.unsat)
    return bool(answer == z3.sat)


def least(facets: Facets, low: Weights, high: Weights) -> float:
    """min  sum of max |normal of h| w  over the functions affine on the regions with low <= w <= high: by HiGHS."""
    edges, d, n = list(facets.forms), len(facets.regions[0].interior_point), len(facets.regions)
    rows = []
    for k, e in enumerate(edges):
        for i, v in enumerate(facets.forms[e]):
            row = np.zeros(len(edges) + n * (d + 1))
            row[k] = -v
            row[len(edges) + e[0] * (d + 1) + i], row[len(edges) + e[1] * (d + 1) + i] = 1, -1
            rows.append(row)
    cost = [size(facets, e) for e in edges] + [0] * (n * (d + 1))
    limits: list[Any] = [(float(low[e]), float(high[e])) for e in edges] + [(None, None)] * (n * (d + 1))
    solution = linprog(cost, A_eq=np.array(rows), b_eq=np.zeros(len(rows)), bounds=limits)
    assert solution.status == 0, solution.message
    return float(solution.fun)


def size(facets: Facets, e: tuple[int, int]) -> int:
    return max(abs(v) for v in facets.forms[e][:-1])


def judged(net: Network, F: TropicalRationalMap, domain: Any = None, *, optimum: bool = True) -> TropicalRationalMap:
    """The reduced map, after all that is to be said about it."""
    G = F.reduce()
    facets = Facets.of(net, domain)
    examine(net, G, domain, facets=facets)
    assert not_more(G, F)
    assert len(G.proofs) == F.output_dim
    kinds = [proof.kind for proof in G.proofs]
    assert G.decomposition == ("minimal" if set(kinds) == {"minimal"} else "irreducible")
    before, after = weights(F, facets), weights(G, facets)
    for proof, (f, _, old), (g, p, q) in zip(G.proofs, before, after, strict=True):
        assert proof.check() is True
        assert f == g
        assert all(q[e] <= old[e] for e in q)
        assert not common_summand(facets, p, q)
        low = {e: max(Fraction(0), -w) for e, w in f.items()}
        if proof.kind == "minimal":
            assert q == low
        elif optimum:
            reached = float(sum((size(facets, e) * w for e, w in q.items()), Fraction(0)))
            assert least(facets, low, old) == pytest.approx(reached, rel=1e-6, abs=1e-9)
    return G


# --- every kind of node ------------------------------------------------------------------------------------------------------

KIND = {
    "identity": "minimal",
    "sort2": "minimal",
    "|x| + |y| - |x + y|": "minimal",
    "max(-y, min(0, -x))": "irreducible",
    "concurrent": "minimal",
    "concurrent, deep": "irreducible",
    "three inputs": "irreducible",
    "tent": "minimal",
    "constant": "minimal",
    "deep relu": "irreducible",
    "pooling behind pooling": "minimal",
}


@pytest.mark.parametrize("name", [n for n in ZOO if n != "2^-60 apart"])
def test_reduction(name: str) -> None:
    net = ZOO[name]()
    G = judged(net, extract(net), optimum=name not in POOLING)
    assert G.decomposition == KIND.get(name, G.decomposition)
    assert G.reduce() is G


def test_weights_2_to_the_minus_60_apart() -> None:
    """One hidden layer; no float linear program is asked."""
    net = ZOO["2^-60 apart"]()
    G = judged(net, extract(net), optimum=False)
    assert G.decomposition == "minimal"


def test_the_judge_sees_what_is_in_common() -> None:
    """The construction of the identity has max(x, 0) in numerator and denominator; so have others, more than that."""
    for name in ("identity", "max(x, y)", "dead units", "residual", "three inputs", "deep abs"):
        net = ZOO[name]()
        facets, F = Facets.of(net), extract(net)
        assert any(common_summand(facets, p, q) for _, p, q in weights(F, facets)), name


@law(15)
@given(graphs(nodes=6, spatial=False))
def test_any_graph(net: Network) -> None:
    if net.input_dim > 3 or not few(net, most=25):
        return
    judged(net, extract(net), optimum=False)


@law(12)
@given(chains(st.integers(1, 3), depth=2, units=PIECEWISE), st.data())
def test_chains_on_domains(c: Any, data: Any) -> None:
    net = c.network()
    domain = polyhedron(data.draw(domains(net.input_dim)), net.input_dim)
    if domain.is_empty() or domain.dimension < net.input_dim or not few(net, domain, most=25):
        return
    judged(net, extract(net, domain), domain, optimum=False)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("d", [1, 3])
def test_deep_chains_of_each_unit(unit: str, d: int) -> None:
    net = chain((d, 3, 2, 1), unit, seed=20 + d)
    if few(net, most=30):
        judged(net, extract(net))


@pytest.mark.parametrize("domain", [xn.Box([-1, -1], [2, 1]), xn.Polyhedron([[1, 1]], [1]), xn.Polyhedron([[1, -1], [-1, -2]], [0, 3])])
def test_domains(domain: Any) -> None:
    """On a domain there are fewer facets: what is irreducible there need not be everywhere."""
    for name in ("deep relu", "residual", "concurrent, deep", "sort2"):
        net = ZOO[name]()
        G = judged(net, extract(net, domain), domain)
        assert G.domain == domain


def test_the_last_shift_makes_no_difference() -> None:
    net = ZOO["deep hardtanh"]()
    assert extract(net, nonnegative=False).reduce() == extract(net).reduce() == extract(net, method="search").reduce()


# --- one hidden layer --------------------------------------------------------------------------------------------------------


def by_normal_form(net: Network, j: int) -> tuple[int, int]:
    """The numbers of regions of the sums over the positive and over the negative kinks of output j."""
    kinks = xn.symmetry.normal_form(net).kinks
    found = []
    for sign in (1, -1):
        planes = [h for h, J in kinks.items() if J[j] * sign > 0]
        found.append(xn.regions.chambers([h[:-1] for h in planes], [h[-1] for h in planes]) if planes else 1)
    return found[0], found[1]


@law(30)
@given(shallows(st.integers(1, 3), width=4, outputs=2))
def test_one_hidden_layer_is_minimal(s: Any) -> None:
    """The sums over positive and negative kinks of the normal form have one term for each chamber of their hyperplanes."""
    net = s.network()
    if not few(net):
        return
    F = extract(net)
    G = F.reduce()
    assert G.decomposition == "minimal"
    assert all(proof.check() for proof in G.proofs)
    assert list(zip(*sizes(G), strict=True)) == [by_normal_form(net, j) for j in range(net.output_dim)]
    assert not_more(G, F)
    assert G.equals(F)
    witnessed(G)


@pytest.mark.parametrize("k", range(2, 6))
def test_one_variable_is_minimal(k: int) -> None:
    """There are no ridges: the terms are one more than the kinks of each sign."""
    G = extract(tent(k)).reduce()
    assert G.decomposition == "minimal"
    assert sizes(G) == ([2 ** (k - 1) + 2], [2 ** (k - 1) + 1])


# --- maps that no network made -----------------------------------------------------------------------------------------------


@law(15)
@given(st.integers(1, 2).flatmap(lambda d: st.tuples(*[polynomials(d, 3)] * 3)), st.booleans())
def test_maps_made_by_algebra(parts: Any, boxed: bool) -> None:
    p, q, common = parts
    d = p.dimension
    domain = xn.Box([-1] * d, [2] * d) if boxed else None
    F = R((p * common, common), (q * common, p * common), domain=domain)
    G = F.reduce()
    assert G.equals(F)
    assert not_more(G, F.reduced())
    assert all(proof.check() for proof in G.proofs)
    assert G.decomposition in ("irreducible", "minimal")
    assert G.domain == domain
    witnessed(G, domain)
    for x in itertools.product((-1, Fraction(1, 3), 2), repeat=d):
        assert G(x) == F(x)


def test_outputs_of_a_map_and_maps_of_maps() -> None:
    F = extract(ZOO["deep relu"]())
    whole = F.reduce()
    for j in range(2):
        one = F[j].reduce()
        assert one.equals(F[j])
        assert not_more(one, F[j])
        assert one.proofs[0].check()
        assert (whole * 0)[j].equals(one)
    again = (whole * 0).reduce()  # the same map, as algebra makes it
    assert again.equals(F)
    assert not_more(again, whole)
    assert all(proof.check() for proof in again.proofs)


def test_what_is_in_common_goes() -> None:
    x, y = P.variables(2)
    p, q, c = x + y + 0, x * 2 + y * y, (x + y * 3) * (x * y + 1)
    G = R((p * c,), (q * c,)).reduce()
    assert sizes(G) == ([3], [2])
    assert G.equals(R((p,), (q,)))
    assert sizes(R((c,), (c,)).reduce()) == ([1], [1])


# --- degenerate ridges -------------------------------------------------------------------------------------------------------


def eliminations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that the known functions did not suffice."""
    found: list[int] = []
    original = _weights.Classes._eliminated

    def counted(self: Any) -> Any:
        found.append(self.count)
        return original(self)

    monkeypatch.setattr(_weights.Classes, "_eliminated", counted)
    return found


FAN = [[1, 0], [0, 1], [1, 1], [2, -1]]


def concurrent() -> dict[str, tuple[Network, bool]]:
    """Ridges where more than two hyperplanes meet; and whether the units' own functions are too few there."""

    def fan(lines: int, at: int = 0, more: int = 0, second: int = 2) -> Network:
        rows, offsets = [[*r, *[0] * more] for r in FAN[:lines]], [-at * sum(r) for r in FAN[:lines]]
        weight = [[(1, -1, 1, -2)[(i + j) % 4] for j in range(lines)] for i in range(second)]
        return xn.mlp([(rows, offsets), (weight, [0] * second), ([[1, -2][:second]], [0])])

    old_ridge = [([[1, 0], [0, 1]], [0, 0]), ([[1, -1], [2, -3], [1, -4]], [0] * 3), ([[1, -2, 1], [-1, 1, -1]], [0, 0])]
    return {
        "three lines": (fan(3), False),
        "walls through an older ridge": (xn.mlp(old_ridge), False),
        "four lines": (fan(4), True),
        "four lines off the origin": (fan(4, at=2), True),
        "four lines, one wall": (fan(4, second=1), True),
        "four planes through a line": (fan(4, more=1), True),
    }


@pytest.mark.parametrize("name", concurrent())
def test_concurrent_lines(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, eliminated = concurrent()[name]
    reached = eliminations(monkeypatch)
    judged(net, extract(net))
    assert bool(reached) == eliminated


def test_elimination_finds_the_same_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exact elimination in place of the known functions."""
    names = ("deep relu", "three inputs", "residual", "dead units")
    usual = {name: extract(ZOO[name]()).reduce() for name in names}
    monkeypatch.setattr(_weights.Classes, "basis", property(lambda self: tuple(self._eliminated())))
    for name in names:
        other = judged(ZOO[name](), extract(ZOO[name]()))
        for a, b in zip(usual[name].proofs, other.proofs, strict=True):
            assert value(a) == value(b)
            assert a.check()


@law(30)
@given(chains(st.integers(1, 3)))
def test_the_functions_of_the_units_span_all_where_ridges_are_simple(given_net: Any) -> None:
    net = given_net.network()
    complex_, _, _ = complex_of(read_program([net]), Clock(), 2_000)
    classes = _weights.Classes(complex_, Clock())
    if complex_.simple:
        assert len(classes.basis) == len(list(classes._eliminated()))


def value(proof: Decomposition) -> Fraction:
    return sum((c * w for c, w in zip(proof.objective, proof.weights, strict=True)), Fraction(0))


# --- proofs ------------------------------------------------------------------------------------------------------------------


@functools.cache
def irreducible(name: str = "deep relu") -> Decomposition:
    return next(proof for proof in extract(ZOO[name]()).reduce().proofs if proof.kind == "irreducible")


@pytest.mark.parametrize("name", ["deep relu", "three inputs", "concurrent, deep"])
@pytest.mark.parametrize("field", ["weights", "jumps", "objective", "lower_multipliers", "upper_multipliers"])
@pytest.mark.parametrize("step", [Fraction(-1), TINY])
def test_any_changed_number_is_seen(name: str, field: str, step: Fraction) -> None:
    proof = irreducible(name)
    numbers = getattr(proof, field)
    for k in range(0, len(numbers), 1 + len(numbers) // 7):
        changed = tuple(v + step * (i == k) for i, v in enumerate(numbers))
        with pytest.raises(AssertionError, match="does not check"):
            replace(proof, **{field: changed}).check()


def test_what_is_not_minimal_is_not_called_so() -> None:
    proof = irreducible()
    with pytest.raises(AssertionError, match="above its lower bound"):
        replace(proof, kind="minimal").check()
    with pytest.raises(AssertionError):  # the weights that were there before close, but are not the least
        replace(proof, weights=proof.upper).check()
    with pytest.raises(AssertionError, match="objective"):
        replace(proof, objective=tuple(Fraction(0) for _ in proof.objective)).check()


def test_a_minimal_proof_with_another_weight_fails() -> None:
    (proof,) = extract(ZOO["concurrent"]()).reduce().proofs
    assert proof.kind == "minimal"
    for k in range(len(proof.weights)):
        with pytest.raises(AssertionError, match="does not check"):
            replace(proof, weights=tuple(w + (i == k) for i, w in enumerate(proof.weights))).check()


def test_the_proof_is_about_this_function() -> None:
    """Its jumps are the weights of the network's own maps, facet by facet."""
    for name in ("deep relu", "three inputs", "residual"):
        net = ZOO[name]()
        facets, G = Facets.of(net), extract(net).reduce()
        for j, proof in enumerate(G.proofs):
            own = facets.weights([maps[j] for maps in facets.maps])
            assert sorted(proof.jumps) == sorted(own.values())


# --- limits ------------------------------------------------------------------------------------------------------------------


def test_limits() -> None:
    F = extract(chain((2, 6, 5, 2), seed=11))
    with pytest.raises(Incomplete):
        F.reduce(time_limit=0)
    with pytest.raises(Incomplete, match="max_regions"):
        F.reduce(max_regions=5)
    for wrong in ({"time_limit": -1}, {"max_regions": -1}, {"max_regions": 1.5}):
        with pytest.raises(ArgumentError):
            F.reduce(**wrong)  # type: ignore[arg-type]


def test_beyond_six_inputs() -> None:
    net = hidden([[1, 0, 0, 0, 0, 0, -1], [0, 1, 1, 0, 0, 0, 0]], [0, 1])
    with pytest.raises(ArgumentError, match=r"reduce.*6 inputs.*restrict"):
        extract(net).reduce()


def test_a_proof_is_of_its_map() -> None:
    """Of the very polynomials: not of others, not of another output, and not without its kind or its numbers."""
    G = extract(ZOO["deep relu"]()).reduce()
    assert G.check() is True
    other = extract(ZOO["deep relu"](), xn.Box(0, 1)).reduce()
    first, *others = G.proofs
    moved = replace(G, numerators=(G.numerators[0] * 1, *G.numerators[1:]))
    turned = replace(G, proofs=(*others, first))
    for wrong in (moved, turned, replace(G, proofs=other.proofs), replace(G, proofs=(replace(first, kind="foo"), *others))):
        with pytest.raises(AssertionError, match="the proof of a decomposition does not check"):
            wrong.check()
    short = replace(first, weights=first.weights[1:])
    with pytest.raises(AssertionError, match="a number for each of"):
        replace(G, proofs=(short, *others)).check()
    with pytest.raises(ArgumentError, match="carries no proofs"):
        extract(ZOO["deep relu"]()).check()


def test_maps_of_one_network_are_compared_region_by_region(monkeypatch: pytest.MonkeyPatch) -> None:
    F = extract(chain((2, 8, 8, 3), seed=2))
    R = F.reduce()
    wrong = replace(R, numerators=(R.numerators[0] * 1, *R.numerators[1:]))  # not what its regions say
    assert not wrong.equals(F)
    monkeypatch.setattr(TropicalPolynomial, "equals", None)  # the other way would take long
    assert R.equals(F)
    assert F.equals(R)
