"""The complete procedure: deep piecewise linear networks that are equal for no reason that shows layer by layer, or differ in a corner."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from benchmarks import equality_map
from exactnn import Box, Network, Polyhedron, check, mlp, verify_equal, verify_zero
from exactnn.claims import Certificate, Comparison, EqualClaim, SymmetryClaim, ZeroClaim
from exactnn.errors import Incomplete
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.network import Affine, Builder, Input, MaxPool, Reshape, relu
from exactnn.symmetry import Permutation, Scaling
from exactnn.verify import _decision, _joint
from exactnn.verify._complete import Complete
from exactnn.verify._domain import Coordinates, coordinates
from exactnn.verify._lattice import ByLattice
from tests.strategies import TINY
from tests.verify._oracles import assert_sound, value, z3_differ


def claim_of(f: Network, g: Network | None, domain: Polyhedron | None, tolerance: Any) -> Comparison:
    return ZeroClaim(f, domain, Fraction(tolerance)) if g is None else EqualClaim(f, g, domain, Fraction(tolerance))


def decide(f: Network, g: Network | None, domain: Polyhedron | None = None, tolerance: Any = 0) -> str:
    """The answer of the search alone."""
    claim, where = claim_of(f, g, domain, tolerance), coordinates(domain, f.input_dim)
    return judged(claim, where, Complete(claim, where, Clock(60), None).decide())


def judged(claim: Comparison, where: Coordinates, found: RationalArray | dict[str, Any]) -> str:
    """The answer of a complete engine; its certificate checked, its point confirmed by another evaluation."""
    f, g, domain = claim.f, claim.g, claim.domain
    if isinstance(found, dict):
        assert check(Certificate(claim, "proved", found))
        return "proved"
    x = where.to_input(found.reshape(1, -1))[0].to_fractions()
    assert domain is None or domain.contains(x)
    left, right = value(f, x), value(g, x) if g is not None else (Fraction(0),) * f.output_dim
    assert any(abs(a - b) > claim.tolerance for a, b in zip(left, right, strict=True))
    return "refuted"


# --- one variable, where the line decides as well ---------------------------------------------------------------------------


def tents(count: int) -> Network:
    bias = [0, Fraction(-1, 2), -1]
    return mlp([([[1]] * 3, bias), *[([[2, -4, 2]] * 3, bias)] * (count - 1), ([[2, -4, 2]], [0])])


def flat_tents(count: int, shift: Fraction = Fraction(0)) -> Network:
    """The same function with one hidden layer; one kink moved."""
    teeth = 2**count
    jumps = [teeth] + [2 * teeth * (-1) ** k for k in range(1, teeth)] + [teeth]
    bias = [Fraction(-k, teeth) for k in range(teeth + 1)]
    bias[teeth // 2] += shift
    return mlp([([[1]] * (teeth + 1), bias), ([jumps], [0])])


@pytest.mark.parametrize("count", [2, 3, 4])
def test_tents(count: int) -> None:
    f, g, h = tents(count), flat_tents(count), flat_tents(count, TINY)
    for domain in (None, Box([0], [1]), Polyhedron([[1]], [Fraction(1, 3)])):
        assert decide(f, g, domain) == decide(g, f, domain) == "proved"
        assert decide(f, f, domain) == "proved"
    assert decide(f, h) == decide(f, h, Box([0], [1])) == "refuted"
    assert decide(f, h, Box([0], [Fraction(1, 3)])) == "proved"
    width = 2 ** (count + 1) * TINY  # the jump of that kink times its shift
    assert decide(f, h, tolerance=width) == "proved"
    assert decide(f, h, tolerance=width * Fraction(99, 100)) == "refuted"


# --- several variables -------------------------------------------------------------------------------------------------------


def sort3(order: list[tuple[int, int]]) -> Network:
    """The numbers sorted by a network of comparisons: (min, max) = (a - s(a - b), b + s(a - b))."""
    b = Builder()
    name = b.add("x", Input((3,)))
    for step, (i, j) in enumerate(order):
        row = [int(k == i) - int(k == j) for k in range(3)]
        table = np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int), [row]])
        name = b.add(f"a{step}", Affine(RationalArray(table), RationalArray.zeros((7,))), name)
        name = b.add(f"r{step}", relu(), name)
        back = np.concatenate(
            [np.eye(3, dtype=int), -np.eye(3, dtype=int), np.array([[int(k == j) - int(k == i) for k in range(3)]]).T.reshape(1, 3)]
        )
        name = b.add(f"b{step}", Affine(RationalArray(back.T), RationalArray.zeros((3,))), name)
    return b.build(["x"], [name])


def test_sorting_networks() -> None:
    f, g = sort3([(0, 1), (1, 2), (0, 1)]), sort3([(1, 2), (0, 1), (1, 2)])
    wrong = sort3([(0, 1), (1, 2)])
    assert value(f, [3, 1, 2]) == value(g, [3, 1, 2]) == (1, 2, 3)
    assert decide(f, g) == "proved"
    assert decide(f, g, Polyhedron([[1, 1, 1], [-1, -1, -1]], [1, -1])) == "proved"
    assert decide(f, wrong) == decide(f, wrong, Box(-1, 1).in_dimension(3)) == "refuted"
    assert decide(f, wrong, Polyhedron([[1, -1, 0], [0, 1, -1]], [0, 0])) == "proved"  # sorted already
    verdict = verify_equal(f, g)
    assert assert_sound(verdict, f, g) == "proved"
    assert verdict.certificate is not None
    assert verdict.certificate.kind == "tree"


def realisations() -> list[Network]:
    """max(x, y), in several ways."""
    shallow = [
        mlp([([[1, -1], [0, 1], [0, -1]], [0, 0, 0]), ([[1, 1, -1]], [0])]),
        mlp([([[-1, 1], [1, 0], [-1, 0]], [0, 0, 0]), ([[1, 1, -1]], [0])]),
        mlp([([[1, -1], [-1, 1], [1, 1], [-1, -1]], [0] * 4), ([["1/2", "1/2", "1/2", "-1/2"]], [0])]),
    ]
    deep = mlp(
        [([[1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 4), ([[1, -1, -1, 1], [0, 0, 1, -1], [0, 0, -1, 1]], [0] * 3), ([[1, 1, -1]], [0])]
    )
    b = Builder()
    b.add("x", Input((2,)))
    b.add("image", Reshape((1, 2)), "x")
    b.add("max", MaxPool((2,), (1,), ((0, 0),), (1,)), "image")
    b.add("y", Reshape((1,)), "max")
    return [*shallow, deep, b.build(["x"], ["y"])]


def test_maxima_in_the_plane() -> None:
    for f, g in itertools.combinations(realisations(), 2):
        assert decide(f, g) == "proved"
        assert decide(f, g, Box(-1, 1).in_dimension(2), "1/10") == "proved"
    off = mlp([([[1, -1], [0, 1], [0, -1]], [TINY, 0, 0]), ([[1, 1, -1]], [0])])
    for f in realisations():
        assert decide(f, off) == "refuted"
        assert decide(f, off, tolerance=TINY) == "proved"
        assert decide(f, off, tolerance=TINY / 2) == "refuted"
        assert decide(f, off, Polyhedron([[1, -1]], [-TINY])) == "proved"  # where y is greater, and nothing moved


def test_a_difference_in_one_small_cell() -> None:
    """A pyramid of height 2^-60 over a point of R^3, behind two layers, on either side of the equation."""
    place = [Fraction(1000), Fraction(-77, 3), Fraction(5, 7)]
    rows = [[int(i == j) * s for j in range(3)] for i in range(3) for s in (1, -1)]
    bias = [-s * p for p in place for s in (1, -1)]
    corner = mlp([(rows, bias), ([[-1] * 6], [TINY]), ([[1]], [0])])
    assert value(corner, place) == (TINY,)
    assert decide(corner, None) == "refuted"
    assert decide(corner, None, tolerance=TINY) == "proved"
    assert decide(corner, None, tolerance=TINY * Fraction(1023, 1024)) == "refuted"
    assert decide(corner, None, Polyhedron([[1, 0, 0]], [1000 - TINY])) == "proved"
    assert decide(corner, None, Box(place, place)) == "refuted"
    assert verify_zero(corner).refuted


# --- against z3 --------------------------------------------------------------------------------------------------------------


def random_net(rng: np.random.Generator, *widths: int, unit: str = "relu") -> Network:
    layers = []
    for m, n in itertools.pairwise(widths):
        layers.append((rng.integers(-1, 2, (n, m)), [Fraction(int(v)) + TINY * int(rng.random() < 0.1) for v in rng.integers(-1, 2, n)]))
    return mlp(layers, activation=unit)


def sides(rng: np.random.Generator, d: int, kind: int) -> tuple[Polyhedron | None, list[tuple[list[Fraction], Fraction]]]:
    if kind == 0:
        return None, []
    if kind == 1:
        rows = [([Fraction(s * int(i == j)) for j in range(d)], Fraction(2)) for i in range(d) for s in (1, -1)]
        return Box([-2] * d, [2] * d), rows
    A = rng.integers(-1, 2, (2, d)).tolist()
    rows = [([Fraction(v) for v in a], Fraction(1)) for a in A] + [([Fraction(-v) for v in A[0]], Fraction(-1 if kind == 3 else 3))]
    if kind == 3 and not any(A[0]):
        return None, []
    domain = Polyhedron([a for a, _ in rows], [b for _, b in rows])
    return (None, []) if domain.is_empty() else (domain, rows)


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_against_z3(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 4))
    unit = ["relu", "leaky_relu(1/2)", "hardtanh", "abs"][seed % 4]
    f = random_net(rng, d, 3, 2, 1, unit=unit)
    g = [f, random_net(rng, d, 2, 2, 1, unit=unit), mlp([(np.zeros((1, d), dtype=int), [0])])][seed % 3]
    domain, rows = sides(rng, d, int(rng.integers(0, 4)))
    for tolerance in (Fraction(0), Fraction(1), TINY):
        differ = z3_differ(f, g, rows, tolerance)
        found = decide(f, g, domain, tolerance)
        assert differ is None or found == ("refuted" if differ else "proved")


@pytest.mark.parametrize("seed", range(12))
def test_zero_networks_that_are_deep(seed: int) -> None:
    """f - f in one network with twice the neurons, the second copy's last layer turned over; then one weight changed by 2^-60."""
    rng = np.random.default_rng(seed)
    first = rng.integers(-2, 3, (3, 2)), rng.integers(-2, 3, 3)
    second = rng.integers(-2, 3, (2, 3)), rng.integers(-2, 3, 2)
    turned = -second[0], -second[1]
    # s(z) - s(-z) = z: the difference of both is affine in s(first), which a third part takes away
    table = np.concatenate([second[0], turned[0]])
    last = np.array([[1, 2, -1, -2]])
    carried = (np.array([[1, 2]]) @ second[0]).ravel()
    linear = np.concatenate([table, np.eye(3, dtype=int)])
    f = mlp([first, (linear, [*second[1], *turned[1], 0, 0, 0]), ([[*last.ravel(), *(-carried)]], [-int(np.array([1, 2]) @ second[1])])])
    assert decide(f, None) == "proved"
    weights = f.operation(f.order[-1])
    assert isinstance(weights, Affine)
    assert verify_zero(f).proved
    off = mlp(
        [first, (linear, [*second[1], *turned[1], 0, 0, TINY]), ([[*last.ravel(), *(-carried)]], [-int(np.array([1, 2]) @ second[1])])]
    )
    differ = z3_differ(off, mlp([([[0, 0]], [0])]))
    assert differ is None or decide(off, None) == ("refuted" if differ else "proved")


def test_a_symmetry_is_named_and_rebuilt_by_the_checker() -> None:
    f = random_net(np.random.default_rng(1), 2, 4, 3, 1)
    T = Scaling(1, [2, 3, 4]) @ Permutation(0, [2, 0, 3, 1])
    claim = SymmetryClaim(f, T.apply(f), None, Fraction(0), tuple(T.steps(f)))
    found = Complete(claim, coordinates(None, 2), Clock(), None).decide()
    assert isinstance(found, dict)
    certificate = Certificate(claim, "proved", found)
    assert check(certificate)
    assert set(certificate.document["models"]) == {"f"}


@pytest.mark.parametrize("slope", [Fraction(1, 10**30), Fraction(3, 2**61), Fraction(10**30), Fraction(2**62 + 1, 2**31 - 1)])
@pytest.mark.parametrize("level", [Fraction(0), Fraction(1, 10**19), Fraction(2**62 + 3, 7)])
def test_a_line_with_long_numbers(slope: Fraction, level: Fraction) -> None:
    """Coordinates on it need more than 64 bits, though each of origin and directions may not."""
    domain = Polyhedron([[1, slope], [-1, -slope]], [level, -level])
    f = mlp([([[1, slope], [0, 1]], [-level, 0]), ([[1, 1]], [0]), ([[1]], [0])])
    g = mlp([([[0, 1]], [0]), ([[1]], [0]), ([[1]], [0])])
    h = mlp([([[0, 1], [0, 1]], [0, -1]), ([[1, TINY]], [0]), ([[1]], [0])])
    assert decide(f, g, domain) == "proved"
    assert decide(f, h, domain) == "refuted"


# --- where it ends -----------------------------------------------------------------------------------------------------------


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    f = random_net(rng, 3, 8, 8, 1)
    claim = EqualClaim(f, f, None, Fraction(0))
    with pytest.raises(Incomplete, match="limit of 3 cells"):
        Complete(claim, coordinates(None, 3), Clock(), 3).decide()
    g, h = sort3([(0, 1), (1, 2), (0, 1)]), sort3([(1, 2), (0, 1), (1, 2)])
    monkeypatch.setattr(_decision._search, "proposed_point", lambda *_: None)
    monkeypatch.setattr(_joint, "most_cells", lambda _: 2)
    monkeypatch.setattr(_decision, "_QUICK_CELLS", 1)
    monkeypatch.setattr(_decision, "_CELLS", 2)
    verdict = verify_equal(g, h)
    assert verdict.unknown
    assert "the search cell by cell ended after 2 cells without a difference: the limit of 2 cells" in verdict.reason
    assert "the face lattice had 2 cells, 0 of them without a difference (" in verdict.reason
    assert "time_limit" in verdict.reason
    assert verify_equal(g, h, time_limit=60).proved


@pytest.mark.parametrize("domain", [None, Box([-1] * 4, [1] * 4)])
def test_a_cell_takes_few_bytes(domain: Polyhedron | None) -> None:
    """Half of the 585 that it took when each unit had a proof of its own, and no unit was left out (with multipliers: 1,466)."""
    layers = equality_map.drawn((4, 8, 8, 1))
    claim = EqualClaim(mlp(layers), mlp(equality_map.rewritten(layers)), domain, Fraction(0))
    evidence = Complete(claim, coordinates(domain, 4), Clock(), None).decide()
    assert isinstance(evidence, dict)
    cells = sum(node[0] == "leaf" for node in evidence["tree"])
    assert cells > 100
    assert len(json.dumps(evidence["tree"], separators=(",", ":"))) < 250 * cells


def test_counterexamples_have_few_bits() -> None:
    rng = np.random.default_rng(5)
    f = random_net(rng, 3, 6, 4, 1)
    g = random_net(rng, 3, 6, 4, 1)
    verdict = verify_equal(f, g)
    assert verdict.refuted
    assert verdict.counterexample is not None
    assert max(q.denominator.bit_length() + q.numerator.bit_length() for q in verdict.counterexample) <= 12


@pytest.mark.parametrize("many", [False, True])
def test_four_inputs_by_turns(monkeypatch: pytest.MonkeyPatch, many: bool) -> None:
    """The lattice and the search go on from where they were; either may be the one that ends, or give up."""
    f, g = (mlp(net) for net in equality_map.maxima(4, 12, 2)[1:])
    monkeypatch.setattr(_decision._search, "proposed_point", lambda *_: None)
    for name, limit in (("_FEW_CELLS", 1), ("_QUICK_CELLS", 1), ("_TURN", 1e-3)):
        monkeypatch.setattr(_decision, name, limit)
    if many:
        monkeypatch.setattr(_joint, "most_cells", lambda _: 1)
    turns: list[bool] = []
    by_cells = _decision.Decision._by_cells

    def counted(self: Any, *limits: Any) -> Any:
        turns.append(True)
        return by_cells(self, *limits)

    monkeypatch.setattr(_decision.Decision, "_by_cells", counted)
    moved = mlp(equality_map.moved(equality_map.maxima(4, 12, 2).g))
    for seconds in (None, 60):
        turns.clear()
        assert verify_equal(f, g, time_limit=seconds).proved
        assert len(turns) > 1
        assert verify_equal(f, moved, time_limit=seconds).refuted


@pytest.mark.parametrize("seed", range(30))
def test_equal_units_put_together_change_no_answer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 5))
    unit = ["relu", "leaky_relu(1/2)", "hardtanh", "abs"][seed % 4]
    f = random_net(rng, d, 3, 3, 2, unit=unit)
    g = [mlp([*layers_of(f)[:-1], other_last(f)], activation=unit), random_net(rng, d, 2, 2, 2, unit=unit), f, None][seed // 4 % 4]
    domain, _ = sides(rng, d, int(rng.integers(0, 4)))
    where = coordinates(domain, d)
    for tolerance in (Fraction(0), Fraction(1), TINY) if where.dimension else ():
        claim = claim_of(f, g, domain, tolerance)
        part = ByLattice(claim, where, Clock(60)).needed(Clock(60))
        found = Complete(claim, where, Clock(60), None, part=part).decide()
        assert judged(claim, where, found) == decide(f, g, domain, tolerance)


def layers_of(net: Network) -> list[tuple[Any, Any]]:
    affine = [net.operation(name) for name in net.order if isinstance(net.operation(name), Affine)]
    return [(a.weight, a.bias) for a in affine if isinstance(a, Affine)]


def other_last(net: Network) -> tuple[Any, Any]:
    """The last layer with one weight changed by 2^-40 or so."""
    weight, bias = layers_of(net)[-1]
    entries = weight.to_fractions()
    entries = (entries[0] + TINY, *entries[1:])
    return RationalArray.from_fractions(entries, weight.shape), bias
