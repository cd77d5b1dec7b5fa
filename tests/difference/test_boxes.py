"""Trees of boxes: the checker proves what the engine claims, whatever the sizes of weights, domains and differences."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, Polyhedron, check, mlp
from exactnn.claims import Certificate, DeviationClaim
from exactnn.difference import Distance, NotBounded, Splitting, bounding_box
from exactnn.difference._boxes import Grid
from exactnn.errors import CertificateRejected
from exactnn.exact.clock import Clock
from exactnn.exact.writing import json_number
from exactnn.verify._boxes import distance, sizes
from tests.difference.test_pass import nearby
from tests.difference.test_zonotope import areas, copies
from tests.strategies import PIECEWISE, TINY, chains, graphs, law

NORMS = ("linf", "l1")


def grown(f: Network, g: Network, domain: Polyhedron, norm: str = "linf", rounds: int = 3) -> Splitting:
    """A tree after some rounds of cutting."""
    around = bounding_box(domain)
    assert around is not None
    question = Distance(norm)
    tree = Splitting(f, g, domain, around, question, sizes(f, g, question))
    for _ in range(rounds):
        tree.boxes.refine(0.0)
    return tree


def claimed(tree: Splitting, f: Network, g: Network, domain: Polyhedron, norm: str, upper: Fraction) -> Certificate:
    """The bracket from the best point of the tree up to `upper`."""
    assert tree.points.point is not None
    point = tree.points.point
    claim = DeviationClaim(f, g, domain, upper, distance(f(point), g(point), norm), norm)
    return Certificate(claim, "proved", {**tree.evidence(), "point": [json_number(q) for q in point]}, Clock())


def accepted(f: Network, g: Network, domain: Polyhedron, norm: str, rounds: int = 3) -> Splitting:
    """The bracket of the tree is proved for the checker too; True is asserted."""
    tree = grown(f, g, domain, norm, rounds)
    assert tree.points.value is not None
    assert tree.points.value <= tree.upper
    assert check(claimed(tree, f, g, domain, norm, tree.upper))
    return tree


@law(15)
@given(st.data())
def test_the_checker_proves_what_the_engine_claims(data: Any) -> None:
    f = data.draw(st.one_of(graphs(nodes=6), chains(units=PIECEWISE).map(lambda c: c.network())))
    g = data.draw(st.one_of(nearby(f), copies(f)))
    accepted(f, g, data.draw(areas(f.input_dim)), data.draw(st.sampled_from(NORMS)), data.draw(st.integers(0, 6)))


# --- sizes ----------------------------------------------------------------------------------------------------------------------

LAYERS = [
    ([[1, "1/2", -1], ["-1/4", 1, "3/8"], ["7/8", -1, "1/8"], [-1, "-1/2", "5/8"]], ["1/8", "-1/4", 0, "1/2"]),
    ([["3/4", -1, "1/2", 1], [-1, "1/4", 1, "-5/8"], ["1/2", "1/2", "-3/4", 1]], ["-1/8", "1/4", 0]),
    ([[1, "-3/4", "1/2"], ["-1/2", 1, 1]], [0, "1/8"]),
]


def scaled(factors: Sequence[Fraction], step: Fraction = Fraction(0)) -> Network:
    """The layers, each times its factor, so that f(x) is multiplied by their product; the weights changed by the step."""
    total, found = Fraction(1), []
    for (weight, bias), factor in zip(LAYERS, factors, strict=True):
        total *= factor
        rows = [[Fraction(w) * factor * (1 + step * (i + 2 * j)) for j, w in enumerate(row)] for i, row in enumerate(weight)]
        found.append((rows, [Fraction(b) * total for b in bias]))
    return mlp(found)


SIZES = [Fraction(1), Fraction(1, 10**9), Fraction(1, 10**30), Fraction(10**30), Fraction(1, 10**100)]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("factors", [(q, Fraction(1), 1 / q) for q in SIZES] + [(Fraction(1), q, 1 / q) for q in SIZES[1:]])
def test_a_layer_of_small_numbers_before_one_of_large_ones(factors: tuple[Fraction, ...], norm: str) -> None:
    """The checker counts units of 2^-bits, which the large layer makes larger: it needs more bits then."""
    tree = accepted(scaled(factors), scaled(factors, Fraction(1, 2**11)), Box([-1] * 3, [1] * 3), norm, 8)
    plain = grown(scaled([Fraction(1)] * 3), scaled([Fraction(1)] * 3, Fraction(1, 2**11)), Box([-1] * 3, [1] * 3), norm, 8)
    assert tree.upper < plain.upper * Fraction(101, 100)  # and the bound does not suffer


@pytest.mark.parametrize("bits", [20, 60, 200, 900])
def test_small_differences(bits: int) -> None:
    f, g = (scaled([Fraction(1)] * 3, Fraction(step, 2**bits)) for step in (0, 1))
    tree = accepted(f, g, Box([-1] * 3, [1] * 3), "linf", 2)
    assert tree.upper < Fraction(2**8, 2**bits)


@pytest.mark.parametrize("width", [Fraction(1, 10**9), TINY, Fraction(1, 2**300), Fraction(1, 2**1050)])
@pytest.mark.parametrize("centre", [0, 1, 10**6])
def test_narrow_domains(width: Fraction, centre: int) -> None:
    """Floats are rounded outwards, so that their middle may be outside of the box itself: nothing is cut there."""
    one = Fraction(1)
    f, g = (mlp([([[1 / width, -one], [-one / width, one]], [-centre / width, shift]), ([[1, 2]], [0])]) for shift in (0, "1/3"))
    domain = Box([centre, -1], [centre + width, 1])
    if width * 2**1000 < 1:  # the weights are beyond float64
        with pytest.raises(NotBounded, match="float64"):
            grown(f, g, domain)
    else:
        accepted(f, g, domain, "linf", 30)


def test_cuts_towards_a_corner_end_inside_the_box() -> None:
    """The maximum is at a corner, where the boxes become so small that floats cannot tell the sides apart."""
    f, g = mlp([([[1], [-1]], [0, "1/3"]), ([[1, 1]], [0])]), mlp([([[1], [-1]], ["1/3", 0]), ([["1/3", "1/7"]], [0])])
    tree = accepted(f, g, Box(["-1/3"], [1]), "l1", 70)
    assert tree.boxes.stuck


@pytest.mark.parametrize("side", [10**9, 2**300, 2**990])
def test_wide_domains(side: int) -> None:
    f, g = scaled([Fraction(1)] * 3), scaled([Fraction(1)] * 3, Fraction(1, 2**11))
    accepted(f, g, Box([-side] * 3, [side] * 3), "linf", 4)


def test_a_domain_beyond_float64() -> None:
    f, g = scaled([Fraction(1)] * 3), scaled([Fraction(1)] * 3, Fraction(1, 2**11))
    with pytest.raises(NotBounded, match="side"):
        grown(f, g, Box([0] * 3, [10**400] * 3))


def test_a_spike_that_floats_do_not_see() -> None:
    """f and g differ by 1e-60 where a unit is active that is so on a small part of the box only."""
    cross = [[s if i == j else 0 for j in range(3)] for s in (1, -1) for i in range(3)]
    layers: list[Any] = [(cross, ["-1/7"] * 3 + ["1/7"] * 3), ([[-1] * 6], ["1/50"])]
    f, g = (mlp([*layers, ([[weight]], [0])]) for weight in (1, 1 + Fraction(1, 10**60)))
    tree = accepted(f, g, Box([-1] * 3, [1] * 3), "linf", 12)
    assert 0 < tree.upper < Fraction(1, 10**30)


def test_constant_layers() -> None:
    """A layer that reads nothing, and one whose units are never active."""
    for weight, bias in ((0, 1), (0, -1), (0, 0), (1, -5)):
        f, g = (mlp([([[weight, weight]], [bias]), ([[2], [-1]], [0, shift]), ([[1, 1]], [shift])]) for shift in (0, "1/3"))
        for norm in NORMS:
            accepted(f, g, Box([-1, 0], [1, 1]), norm)


# --- polyhedra ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "domain",
    [
        Polyhedron([[-1, 0, 0], [0, -1, 0], [0, 0, -1], [3, 5, 7]], [0, 0, 0, 1]),
        Polyhedron([[-1, 0, 0], [0, -1, 0], [0, 0, -1], [1, 1, 1], [-1, -1, -1]], [0, 0, 0, 1, -1]),
        Polyhedron([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], ["1/3", "-1/3", 1, 1, "2/7", "-2/7"]),
        Box(["1/3"] * 3, ["1/3"] * 3),
    ],
    ids=["simplex", "flat", "segment", "point"],
)
def test_polyhedra_and_flat_domains(domain: Polyhedron) -> None:
    f, g = scaled([Fraction(1)] * 3), scaled([Fraction(1)] * 3, Fraction(1, 2**4))
    for norm in NORMS:
        tree = accepted(f, g, domain, norm, 6)
        assert tree.points.point is not None
        assert domain.contains(tree.points.point)


# --- wrong evidence -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proof() -> tuple[Splitting, Certificate]:
    f, g = scaled([Fraction(1)] * 3), scaled([Fraction(1)] * 3, Fraction(1, 2**4))
    domain = Box([-1] * 3, [1] * 3)
    tree = grown(f, g, domain, "linf", 4)
    return tree, claimed(tree, f, g, domain, "linf", tree.upper)


def mutations(document: Any, tree: Splitting) -> list[tuple[str, Any]]:
    """Documents that claim more, or whose tree does not cover the domain."""
    found = []

    def changed(name: str, change: Any) -> None:
        copied = copy.deepcopy(document)
        change(copied["claim"], copied["evidence"])
        found.append((name, copied))

    nodes = document["evidence"]["tree"]
    cuts = [i for i, node in enumerate(nodes) if node[0] == "split"]
    leaves = [i for i, node in enumerate(nodes) if node[0] == "leaf"]
    unit = 1 << tree.grid.bits
    for i in cuts[:3]:
        for place in (-unit, unit, 2 * unit, nodes[i][2] / 2, str(nodes[i][2])):
            changed(f"cut {place}", lambda c, e, i=i, place=place: e["tree"][i].__setitem__(2, place))
        changed("input", lambda c, e, i=i: e["tree"][i].__setitem__(1, 3))
    changed("truncated", lambda c, e: e["tree"].pop())
    changed("longer", lambda c, e: e["tree"].append(["leaf", "0"]))
    changed("leaf forgotten", lambda c, e: e["tree"].pop(leaves[0]))
    changed("all pairs and one more", lambda c, e: e["tree"][leaves[0]].__setitem__(1, f"{1 << tree.stages.units:x}"))
    changed("negative", lambda c, e: e["tree"][leaves[0]].__setitem__(1, "-1"))
    changed("intervals alone", lambda c, e: e.__setitem__("tree", [["pass"]]))
    changed("one leaf alone", lambda c, e: e.__setitem__("tree", [["leaf", "0"]]))
    changed("bits", lambda c, e: e.__setitem__("bits", e["bits"] + 32))
    changed("below lower", lambda c, e: c.__setitem__("tolerance", c["lower"]))
    changed("lower above", lambda c, e: c.__setitem__("lower", c["tolerance"]))
    changed("tolerance", lambda c, e: c.__setitem__("tolerance", json_number(tree.upper * (1 - Fraction(1, 2**16)))))
    changed("another norm", lambda c, e: c.__setitem__("norm", "l1"))
    changed("no point", lambda c, e: e.pop("point"))
    changed("a point outside", lambda c, e: e.__setitem__("point", [2, 0, 0]))
    return found


def test_mutations_are_rejected(proof: tuple[Splitting, Certificate]) -> None:
    tree, certificate = proof
    assert check(certificate)
    for name, document in mutations(certificate.document, tree):
        with pytest.raises(CertificateRejected):
            assert not check(document), name


def test_couplings_are_what_proves_a_leaf(proof: tuple[Splitting, Certificate]) -> None:
    """Whatever is coupled, what the checker proves holds; without the couplings of the worst leaf its bound is not proved."""
    tree, certificate = proof
    worst = max(tree.boxes.leaves.values(), key=lambda leaf: leaf.bound)
    assert worst.couplings.any()
    others = {node: [*leaf.written()] for node, leaf in tree.boxes.leaves.items()}
    rejected = 0
    for flips in itertools.chain(range(tree.stages.units), [None]):
        for node, leaf in tree.boxes.leaves.items():
            number = int(leaf.written()[1], 16)
            others[node][1] = f"{0 if flips is None else number ^ (1 << flips):x}"
        document = copy.deepcopy(certificate.document)
        document["evidence"]["tree"] = tree.boxes.written(others)
        try:
            assert check(document)
        except CertificateRejected:
            rejected += 1
    assert rejected > 0


# --- the grid -------------------------------------------------------------------------------------------------------------------


@law(30)
@given(st.data(), st.sampled_from([64, 96, 1024]))
def test_the_grid_holds_the_box(data: Any, bits: int) -> None:
    domain = data.draw(areas(2))
    grid = Grid(domain, bits)
    for j, (low, high) in enumerate(zip(domain.lower, domain.upper, strict=True)):
        below, above = Fraction(grid.low[j], 1 << bits), Fraction(grid.high[j], 1 << bits)
        assert low - Fraction(1, 1 << bits) < below <= low
        assert high <= above < high + Fraction(1, 1 << bits)
        assert Fraction(grid.lo[j]) <= below
        assert above <= Fraction(grid.hi[j])
        middle = Fraction(float(grid.middle(grid.lo, grid.hi)[j]))
        assert (middle * (1 << bits)).denominator == 1
        assert grid.inside(j, float(middle)) == (below < middle < above)
