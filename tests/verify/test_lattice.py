"""The joint face lattice decides as the search does, with proofs of its own: degenerate weights, all kinds of domains, tolerances."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exactnn import Box, Network, Polyhedron, check, mlp
from exactnn.cells import Subdivision
from exactnn.certificate import Rejected
from exactnn.certificate import check as checked
from exactnn.claims import Certificate, SameDecisionClaim
from exactnn.errors import CertificateRejected, EmptyDomain, Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.network import Affine
from exactnn.testing import degenerate_networks, equal_pairs
from exactnn.verify import _joint
from exactnn.verify._alike import Alike
from exactnn.verify._complete import Complete
from exactnn.verify._domain import coordinates
from exactnn.verify._faces import ByFaces
from exactnn.verify._lattice import ByLattice
from tests._networks import with_spare
from tests.certificate.test_mutations import at, changes, paths
from tests.strategies import TINY, domains, graphs, law, polyhedron, replaced, weights, with_weight
from tests.verify._oracles import value
from tests.verify.test_complete import claim_of, judged, random_net, realisations, sides, sort3

FEW = 2.0**-40
DEGENERATE = degenerate_networks(inputs=(2, 3), depth=(1, 2), width=(1, 4))


def by_lattice(f: Network, g: Network | None, domain: Polyhedron | None = None, tolerance: Any = 0) -> str:
    """The answer of the lattice alone."""
    claim, where = claim_of(f, g, domain, tolerance), coordinates(domain, f.input_dim)
    return judged(claim, where, ByLattice(claim, where, Clock()).decide())


def by_search(f: Network, g: Network | None, domain: Polyhedron | None = None, tolerance: Any = 0) -> str:
    found = Complete(claim_of(f, g, domain, tolerance), coordinates(domain, f.input_dim), Clock(), None).decide()
    return "proved" if isinstance(found, dict) else "refuted"


def both(f: Network, g: Network | None, domain: Polyhedron | None = None, tolerance: Any = 0) -> str:
    found = by_lattice(f, g, domain, tolerance)
    assert found == by_search(f, g, domain, tolerance)
    return found


def test_what_was_stopped_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a number of cells, at the end of its turn; and not beyond what it cannot do."""
    f, g = sort3([(0, 1), (1, 2), (0, 1)]), sort3([(1, 2), (0, 1), (1, 2)])
    claim, where = claim_of(f, g, None, 0), coordinates(None, 3)
    whole = ByLattice(claim, where, Clock())
    expected = whole.decide()
    started, start = [], Subdivision.start
    monkeypatch.setattr(Subdivision, "start", lambda self: started.append(1) or start(self))
    lattice = ByLattice(claim, where, Clock())
    seen = []
    for most in range(1, whole.cells):
        with pytest.raises(Incomplete, match=f"more than {most} cells"):
            lattice.decide(most=most)
        seen.append((lattice.cells, lattice.found))
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]
    while True:
        try:
            found = lattice.decide(Clock(0))
        except Incomplete:
            continue
        break
    assert found == expected
    assert len(started) == 1
    assert lattice.found == lattice.cells == whole.cells
    assert lattice.ended is None
    monkeypatch.setattr(_joint, "most_cells", lambda _: 2)
    lattice = ByLattice(claim, where, Clock())
    for _ in range(2):
        with pytest.raises(Incomplete, match="more than 2 regions"):
            lattice.decide()
    assert len(started) == 2
    assert "more than 2 regions" in lattice.progress


Layers = list[tuple[Any, Any]]


def hidden(rng: np.random.Generator, sizes: tuple[int, ...], offset: Fraction | int = -1) -> tuple[Layers, Layers]:
    """f, and f with a neuron |a + b| - |a| - |b| + offset in the second hidden layer that the third one reads, all permuted and scaled."""
    f: Layers = [(rng.integers(-3, 4, (n, m)).astype(object), rng.integers(-3, 4, n).astype(object)) for m, n in itertools.pairwise(sizes)]
    (first, bias), (second, own), (third, last), *rest = f
    a, b = rng.integers(1, 4, (2, sizes[0]))
    b[0] = -b[0] - 4
    more = np.array([s * v for v in (a, b, a + b) for s in (1, -1)], dtype=object)
    reads = np.array([0] * len(bias) + [-1] * 4 + [1] * 2, dtype=object)
    one = np.vstack([first, more]), np.append(bias, [0] * 6)
    two = np.vstack([np.hstack([second, np.zeros((len(own), 6), dtype=int)]), reads]), np.append(own, [offset])
    three = np.hstack([third, np.ones((len(last), 1), dtype=int)]), last
    order = rng.permutation(len(one[1]))
    one = 2 * one[0][order], 2 * one[1][order]
    return f, [one, (two[0][:, order], 2 * two[1]), (three[0] / Fraction(2), three[1]), *rest]


def drawn_domain(data: st.DataObject, inputs: int) -> Polyhedron | None:
    """Of dimension 1 at least."""
    domain = polyhedron(data.draw(domains(inputs)), inputs) if data.draw(st.booleans()) else None
    try:
        assume(coordinates(domain, inputs).dimension > 0)
    except EmptyDomain:
        assume(False)
    return domain


# --- pairs for which the answer is known -------------------------------------------------------------------------------------


def test_sorting_networks() -> None:
    f, g = sort3([(0, 1), (1, 2), (0, 1)]), sort3([(1, 2), (0, 1), (1, 2)])
    wrong = sort3([(0, 1), (1, 2)])
    assert by_lattice(f, g) == by_lattice(f, g, Box(-1, 1).in_dimension(3)) == "proved"
    assert by_lattice(f, g, Polyhedron([[1, 1, 1], [-1, -1, -1]], [1, -1])) == "proved"
    assert by_lattice(f, wrong) == by_lattice(f, wrong, Box(-1, 1).in_dimension(3)) == "refuted"
    assert by_lattice(f, wrong, Polyhedron([[1, -1, 0], [0, 1, -1]], [0, 0])) == "proved"  # sorted already, a cone with a line in it


def test_maxima_in_the_plane() -> None:
    off = mlp([([[1, -1], [0, 1], [0, -1]], [TINY, 0, 0]), ([[1, 1, -1]], [0])])
    for f, g in itertools.combinations(realisations(), 2):
        assert by_lattice(f, g) == by_lattice(f, g, Box(-1, 1).in_dimension(2), "1/10") == "proved"
    for f in realisations():
        assert by_lattice(f, off) == by_lattice(f, off, tolerance=TINY / 2) == "refuted"
        assert by_lattice(f, off, tolerance=TINY) == by_lattice(f, off, Polyhedron([[1, -1]], [-TINY])) == "proved"


def test_a_segment_a_strip_and_a_cone() -> None:
    f = mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0]), ([[1]], [0])])
    g = mlp([([[1, 1]], [0]), ([[1]], [0])])  # the same where both inputs have one sign
    segment = Polyhedron([[1, -1], [-1, 1], [1, 0], [-1, 0]], [0, 0, 3, 3])
    assert by_lattice(f, g, segment) == by_lattice(f, g, Polyhedron([[-1, 0], [0, -1]], [0, 0])) == "proved"
    assert by_lattice(f, g, Polyhedron([[1, 1], [-1, -1]], [1, 1])) == by_lattice(f, g) == "refuted"
    assert by_lattice(f, g, Polyhedron([[1, -1], [-1, 1]], [1, 1]), 1) == "proved"
    assert by_lattice(f, g, Polyhedron([[1, -1], [-1, 1]], [1, 1]), Fraction(49, 100)) == "refuted"


def test_a_ray_along_which_the_difference_grows() -> None:
    f = mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0]), ([[1]], [0])])
    g = mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0]), ([[1 + TINY]], [0])])
    assert by_lattice(f, g) == by_lattice(f, g, tolerance=10**9) == "refuted"
    assert by_lattice(f, g, Box(-1, 1).in_dimension(2), 2 * TINY) == "proved"
    assert by_lattice(f, g, Box(-1, 1).in_dimension(2), Fraction(3, 2) * TINY) == "refuted"


@pytest.mark.parametrize("inputs", [2, 3])
def test_a_change_of_2_to_the_minus_40_is_found(inputs: int) -> None:
    rng = np.random.default_rng(inputs)
    layers = [(rng.integers(-3, 4, (n, m)), rng.integers(-3, 4, n)) for m, n in ((inputs, 5), (5, 4), (4, 1))]
    order = rng.permutation(5)
    (first, bias), (second, own), last = layers
    f = mlp(layers)
    g = mlp([(2 * first[order], 2 * bias[order]), ((second / 2)[:, order], own), last])
    assert both(f, g) == "proved"
    found = []
    for place in range(4):
        moved = own.astype(float)
        moved[place] += FEW
        h = mlp([(2 * first[order], 2 * bias[order]), ((second / 2)[:, order], moved), last])
        seen = any(value(f, x) != value(h, x) for x in itertools.product(range(-8, 9, 4), repeat=inputs))
        found += [both(f, h), both(f, h, Box(-9, 9).in_dimension(inputs))]
        assert not seen or found[-2:] == ["refuted"] * 2
    assert found.count("refuted") > 2


# --- the search as the judge -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_random_networks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 4))
    unit = ["relu", "leaky_relu(1/2)", "hardtanh", "abs"][seed % 4]
    f = random_net(rng, d, 3, 2, 1, unit=unit)
    g = [f, random_net(rng, d, 2, 2, 1, unit=unit), None][seed % 3]
    domain, _ = sides(rng, d, int(rng.integers(0, 4)))
    for tolerance in (Fraction(0), Fraction(1), TINY):
        both(f, g, domain, tolerance)


@law(40)
@given(equal_pairs(inputs=(2, 3)), st.data())
def test_equal_pairs(pair: Any, data: st.DataObject) -> None:
    f, g = pair
    domain = drawn_domain(data, f.input_dim)
    assert by_lattice(f, g, domain) == "proved"
    assert by_lattice(f, g, domain, data.draw(st.sampled_from([TINY, Fraction(1)]))) == "proved"


@law(40)
@given(
    degenerate_networks(inputs=(2, 3), depth=(1, 2), width=(1, 4)),
    degenerate_networks(inputs=(2, 3), depth=(1, 2), width=(1, 3)),
    st.data(),
)
def test_degenerate_networks(f: Network, g: Network, data: st.DataObject) -> None:
    domain = drawn_domain(data, f.input_dim)
    other = g if (g.input_dim, g.output_dim) == (f.input_dim, f.output_dim) else data.draw(st.sampled_from([f, None]))
    both(f, other, domain, data.draw(st.sampled_from([Fraction(0), TINY, Fraction(1)])))


@pytest.mark.slow
@law(30)
@given(graphs(nodes=5), st.data())
def test_graphs(f: Network, data: st.DataObject) -> None:
    assume(f.input_dim <= 4)
    domain = drawn_domain(data, f.input_dim)
    both(f, data.draw(st.sampled_from([f, None])), domain, data.draw(st.sampled_from([Fraction(0), Fraction(1)])))


# --- certificates ------------------------------------------------------------------------------------------------------------


def certificates() -> list[Certificate]:
    f, g = sort3([(0, 1), (1, 2), (0, 1)]), sort3([(1, 2), (0, 1), (1, 2)])
    a, b = realisations()[0], realisations()[3]
    one, two = (mlp(layers) for layers in hidden(np.random.default_rng(3), (2, 4, 4, 3, 1)))
    asked = [
        (f, g, None, 0),
        (a, b, None, 0),
        (a, b, Box(-1, 1).in_dimension(2), "1/10"),
        (one, two, None, 0),
        (a, b, Polyhedron([[1, 2], [-1, -2]], [1, -1]), 0),
    ]
    found = []
    for left, right, domain, tolerance in asked:
        claim = claim_of(left, right, domain, tolerance)
        evidence = ByLattice(claim, coordinates(domain, left.input_dim), Clock()).decide()
        assert isinstance(evidence, dict)
        found.append(Certificate(claim, "proved", evidence))
    return found


@pytest.mark.parametrize("number", range(5))
def test_a_changed_tree_is_rejected(number: int) -> None:
    """A changed tree may be a proof of the same claim, which is true; but most are none."""
    document = certificates()[number].document
    assert checked(document)
    generator, rejected, tried = random.Random(number), 0, 0
    places = [p for p in paths(document) if p[:2] == ("evidence", "tree")]
    for path in generator.sample(places, min(120, len(places))):
        for other in changes(at(document, path)):
            holder, old = at(document, path[:-1]), at(document, path)
            holder[path[-1]] = other
            tried += 1
            try:
                checked(document)
            except Rejected:
                rejected += 1
            holder[path[-1]] = old
    assert rejected > 0.8 * tried
    assert checked(document)


@pytest.mark.parametrize("number", range(4))
def test_a_tree_proves_nothing_about_other_networks(number: int) -> None:
    certificate = certificates()[number]
    f, g = certificate.models["f"], certificate.models["g"]
    tolerance, domain = certificate._claim.tolerance, certificate._claim.domain  # type: ignore[attr-defined]
    different = 0
    for place in weights(g)[::3]:
        other = with_weight(g, place, Fraction(FEW))
        claim = claim_of(f, other, domain, tolerance)
        moved = Certificate(claim, "proved", certificate.evidence)
        try:
            assert check(moved)
        except CertificateRejected:
            different += 1
            continue
        assert by_search(f, other, domain, tolerance) == "proved"
    assert different > (0 if tolerance else 5)


def test_the_cells_have_a_limit_and_the_clock_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = (random_net(np.random.default_rng(seed), 3, 8, 8, 1) for seed in (0, 1))
    with pytest.raises(Incomplete, match="time limit"):
        ByLattice(claim_of(f, g, None, 0), coordinates(None, 3), Clock(0)).decide()
    monkeypatch.setattr(_joint, "most_cells", lambda _: 20)
    with pytest.raises(Incomplete, match="more than 20"):
        ByLattice(claim_of(f, g, None, 0), coordinates(None, 3), Clock()).decide()


# --- decisions ---------------------------------------------------------------------------------------------------------------


@law(30)
@given(st.integers(0, 10**6), st.data())
def test_decisions_on_faces_are_those_of_the_search(seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    d, outputs = data.draw(st.integers(2, 3)), data.draw(st.integers(1, 3))
    f = random_net(rng, d, 3, 2, outputs)
    factor = data.draw(st.sampled_from([1, 2, -1]))
    last = f.operation(f.order[-1])
    assert isinstance(last, Affine)
    g = replaced(f, f.order[-1], Affine(last.weight * RationalArray.of(factor), last.bias * RationalArray.of(factor)))
    g = data.draw(st.sampled_from([g, random_net(rng, d, 2, 2, outputs)]))
    domain = drawn_domain(data, d)
    claim, where = SameDecisionClaim(f, g, domain), coordinates(domain, d)
    found, judge = ByFaces(claim, where, Clock()).decide(), Alike(claim, where, Clock()).decide()
    assert isinstance(found, dict) == isinstance(judge, dict)
    if isinstance(found, dict):
        assert check(Certificate(claim, "proved", found))
    else:
        assert found is not None
        assert domain is None or domain.contains(found)
        a, b = value(f, found), value(g, found)
        assert [v == max(a) for v in a] != [v == max(b) for v in b]


@pytest.mark.parametrize("spare", ["input", "relu1", "layer3"])
@pytest.mark.parametrize("sides", [([-1, -1], [1, 1]), ([-1, 0], [1, 0])])
def test_units_that_no_output_depends_on_are_counted(spare: str, sides: tuple[list[int], list[int]]) -> None:
    """Also on a domain of lower dimension, where the networks are read in coordinates of its own."""
    layers = [([[1, 2], [-1, 1], [2, -3]], [0, 1, 0]), ([[1, -1, 1], [2, 1, -1]], [0, -1]), ([[1, 1], [1, -1]], [0, 0])]
    f, g = (with_spare(mlp([*layers[:2], (layers[2][0], [c, 0])]), spare) for c in (0, 1))
    domain = Box(*sides)
    assert by_lattice(f, f, domain) == "proved"
    assert by_lattice(f, g, domain, 1) == "proved"
    where, claim = coordinates(domain, 2), SameDecisionClaim(f, f, domain)
    evidence = ByFaces(claim, where, Clock()).decide()
    assert isinstance(evidence, dict)
    assert check(Certificate(claim, "proved", evidence))
