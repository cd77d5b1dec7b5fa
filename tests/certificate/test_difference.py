"""Evidence "pass": the checker's own bounds contain every exact difference, agree with the engine's, and support no claim beyond them."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box
from exactnn.certificate import BudgetExceeded, Rejected, _budget, _intervals, _relu, check
from exactnn.certificate._claim import Domain
from exactnn.certificate._common import pack
from exactnn.certificate._difference import Pass
from exactnn.certificate._network import read_network
from exactnn.difference import difference_bounds
from exactnn.network import Network
from exactnn.network.document import document
from tests.certificate._build import ABS, LEAKY, act, affine, box, certificate, mlp, network, node, number, rehash, shallow, tensor
from tests.difference.test_pass import boxes, nearby, points, spelled_out
from tests.strategies import PIECEWISE, TINY, chains, graphs, law

F = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, -2]], [3]))
G = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, "-2001/1000"]], [3]))
UNIT = box((-1, 1), (0, 1))
SLACK = Fraction(1, 250) + TINY  # 1/1000 times the largest value of the second neuron, 4, and room for rounding
PASS = {"method": "pass", "bits": 64}


def claim(tolerance: Any, **change: Any) -> dict[str, Any]:
    return certificate("equal", "proved", (F, G), change.pop("evidence", PASS), **{"domain": UNIT, "tolerance": tolerance, **change})


def read(net: Network) -> Any:
    return read_network(document(net), "network")


def domain(where: Box) -> Domain:
    A, b = where.rows
    return Domain(pack(list(A.to_fractions()), A.shape), list(b.to_fractions()))


def ends(found: _intervals.Bounds, bits: int) -> tuple[list[Fraction], list[Fraction]]:
    return [Fraction(n, 1 << bits) for n in found.lo], [Fraction(n, 1 << bits) for n in found.hi]


def contains(found: Any, low: list[Fraction], high: list[Fraction]) -> bool:
    """Whether the engine's bounds hold those of the checker, which joins at least the nodes that the engine joins."""
    pairs = zip(found.lo.to_fractions(), low, high, found.hi.to_fractions(), strict=True)
    return all(a <= b <= c <= d for a, b, c, d in pairs)


@law(40)
@given(st.data(), st.integers(0, 1000), st.sampled_from([16, 64, 100]))
def test_the_checker_contains_every_difference_and_agrees_with_the_engine(data: Any, seed: int, bits: int) -> None:
    f = data.draw(st.one_of(graphs(), chains(units=PIECEWISE).map(lambda c: c.network())))
    g = data.draw(nearby(f))
    where = data.draw(boxes(f.input_dim))
    low, high = ends(Pass(read(f), read(g), bits).outputs(_intervals.box_of(domain(where), bits, [])), bits)
    x = points(where, seed, 6)
    for row in (f.evaluate(x) - g.evaluate(x)).to_rows():
        assert all(a <= v <= b for a, v, b in zip(low, row, high, strict=True))
    found = difference_bounds(f, g, where, bits=bits)
    assert contains(found, low, high)


@law(25)
@given(st.data())
def test_folding_agrees_with_the_engine(data: Any) -> None:
    f = data.draw(chains(units=PIECEWISE)).network()
    g = spelled_out(data.draw(nearby(f).filter(lambda net: net.order[0] == net.inputs[0])))
    where = data.draw(boxes(f.input_dim))
    for pair in ((f, g), (g, f)):
        low, high = ends(Pass(*map(read, pair), 64).outputs(_intervals.box_of(domain(where), 64, [])), 64)
        found = difference_bounds(*pair, where)
        assert contains(found, low, high)


def test_a_planted_rule_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    x = node("x", "input", shape=[1])
    f, g = (read_network(network([x, affine("h", "x", [[1]], [b]), act("r", "h")]), "network") for b in (0, 1))
    where = Domain(pack([Fraction(1), Fraction(-1)], (2, 1)), [Fraction(1), Fraction(1)])

    def holds() -> bool:
        low, high = ends(Pass(f, g, 64).outputs(_intervals.box_of(where, 64, [])), 64)
        return low[0] <= -1 and high[0] >= 0  # at x = 1 and at x = -1

    assert holds()
    monkeypatch.setattr(_relu, "_rise", lambda x, y, d: 0)
    assert not holds()


# --- claims ---------------------------------------------------------------------------------------------------------------------


def test_accepted_to_the_tolerance_that_it_proves() -> None:
    assert check(claim(SLACK))
    assert check(claim(SLACK + Fraction(1, 1000), evidence={"method": "pass", "bits": 16}))
    assert check(certificate("equal", "proved", (F, F), PASS, domain=UNIT))
    assert check(certificate("zero", "proved", (F,), PASS, domain=UNIT, tolerance=20))


MOVED = {
    "a tolerance below the bound": claim(SLACK - 2 * TINY),
    "no tolerance": claim(0),
    "no domain": claim(SLACK, domain=None),
    "a wider domain": claim(SLACK, domain=box((-1, "1001/1000"), (0, 1))),
    "a domain without an upper bound": claim(SLACK, domain={"A": copy.deepcopy(UNIT["A"]), "b": copy.deepcopy(UNIT["b"])}),
    "too few bits": claim(SLACK, evidence={"method": "pass", "bits": 15}),
    "too many bits": claim(SLACK, evidence={"method": "pass", "bits": 4097}),
    "bits that are no number": claim(SLACK, evidence={"method": "pass", "bits": "64"}),
    "bits true": claim(SLACK, evidence={"method": "pass", "bits": True}),
    "no bits": claim(SLACK, evidence={"method": "pass"}),
    "more than bits": claim(SLACK, evidence={**PASS, "cube": []}),
    "refuted": {**claim(SLACK), "claim": {**claim(SLACK)["claim"], "answer": "refuted"}},
    "a box that is no list": claim(SLACK, evidence={**PASS, "box": {}}),
    "a side of no input": claim(SLACK, evidence={**PASS, "box": [[2, 1, []]]}),
    "a side without rows": claim(SLACK, evidence={**PASS, "box": [[0, 1, []]]}),
    "another question": certificate("deviation", "proved", (F, G), PASS, domain=UNIT, tolerance=SLACK),
    "zero": certificate("zero", "proved", (F,), PASS, domain=UNIT, tolerance=SLACK),
    "an empty domain": claim(SLACK, domain=box((1, -1), (0, 1))),
}
MOVED["a domain without an upper bound"]["claim"]["domain"]["A"]["numerators"][0] = 0


@pytest.mark.parametrize("name", MOVED)
def test_rejected(name: str) -> None:
    with pytest.raises(Rejected):
        check(MOVED[name])


TRIANGLE = {"A": tensor([[1, 1], [-1, 0], [0, -1]]), "b": tensor([1, 0, 0])}
SIDES = [[0, 1, [0, 2]], [1, 1, [0, 1]]]


def on_a_triangle(sides: Any) -> dict[str, Any]:
    return claim(SLACK, domain=TRIANGLE, evidence={**PASS, "box": sides})


def test_sides_by_combinations_of_rows() -> None:
    assert check(on_a_triangle(SIDES))
    with pytest.raises(Rejected, match="not bounded"):
        check(on_a_triangle(SIDES[:1]))


@pytest.mark.parametrize("place", [(0,), (1,), (2,), (2, 0), (2, 1)])
@pytest.mark.parametrize("other", [0, -1, 2, "1/2", True, None])
def test_changed_sides(place: tuple[int, ...], other: Any) -> None:
    sides = copy.deepcopy(SIDES)
    inner: Any = sides[0]
    for i in place[:-1]:
        inner = inner[i]
    if inner[place[-1]] == other and type(inner[place[-1]]) is type(other):
        return
    inner[place[-1]] = other
    with pytest.raises(Rejected):
        check(on_a_triangle(sides))


def test_every_changed_weight_is_seen() -> None:
    stated = claim(SLACK)
    weights = stated["models"]["g"]["inline"]["nodes"]
    for k in (1, 3):
        for i in range(len(weights[k]["weight"]["numerators"])):
            moved = copy.deepcopy(stated)
            moved["models"]["g"]["inline"]["nodes"][k]["weight"]["numerators"][i] += weights[k]["weight"]["denominator"]
            with pytest.raises(Rejected, match="exceeds"):
                check(rehash(moved))


def test_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_budget, "WORK", (20, 0))
    with pytest.raises(BudgetExceeded, match="operations"):
        check(claim(SLACK))


def test_structures_that_differ_are_bounded_by_their_values() -> None:
    other = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, -2]], [3]), activation=ABS)
    assert check(certificate("equal", "proved", (F, other), PASS, domain=UNIT, tolerance=40))
    deep = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, 0], [0, 1]], [0, 0]), ([[1, -2]], [3]))
    assert check(certificate("equal", "proved", (F, deep), PASS, domain=UNIT, tolerance=40))
    with pytest.raises(Rejected, match="exceeds"):
        check(certificate("equal", "proved", (F, deep), PASS, domain=UNIT, tolerance=1))


def test_two_outputs_against_one_of_two_entries() -> None:
    x = node("x", "input", shape=[2])
    one = network([x, affine("y", "x", [[1, 0], [0, 1]], [0, 0])])
    two = network([x, affine("a", "x", [[1, 0]], [0]), affine("b", "x", [[0, 1]], [0])], outputs=["a", "b"])
    assert check(certificate("equal", "proved", (one, two), PASS, domain=UNIT, tolerance=2))


def test_kinks_exactly_at_the_ends() -> None:
    """|x| and max(x, 0) agree on [0, 1]; relu and a leaky one differ below 0 by at most 1/10 there."""
    plain, bent = shallow([(1, 1, 0)], activation=ABS), shallow([(1, 1, 0)])
    assert check(certificate("equal", "proved", (plain, plain), PASS, domain=box((0, 1))))
    assert check(certificate("equal", "proved", (plain, bent), PASS, domain=box((0, 1))))
    relu, leaky = shallow([(1, 1, 0)]), shallow([(1, 1, 0)], activation=LEAKY)
    assert check(certificate("equal", "proved", (relu, leaky), PASS, domain=box((-1, 1)), tolerance="1/9"))
    with pytest.raises(Rejected, match="exceeds"):
        check(certificate("equal", "proved", (relu, leaky), PASS, domain=box((-1, 1)), tolerance=number(Fraction(99, 1000))))


def test_rational_nodes_are_refused() -> None:
    x = node("x", "input", shape=[1])
    net = network([x, node("r", "rational", "x", numerator=[0, 1], denominator=[1, 0, 1])])
    with pytest.raises(Rejected, match="rational"):
        check(certificate("equal", "proved", (net, net), PASS, domain=box((0, 1)), tolerance=5))


SMOOTH = {"tanh": 1, "sigmoid": Fraction(1, 4), "softplus": 1, "silu": Fraction(11, 10), "gelu": Fraction(113, 100)}


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_units_by_their_slope(name: str) -> None:
    x = node("x", "input", shape=[1])
    pair = [network([x, affine("h", "x", [[1]], [b]), node("s", "smooth", "h", function=name)]) for b in (0, Fraction(1, 100))]
    reach = SMOOTH[name] / 100 + TINY
    assert check(certificate("equal", "proved", pair, PASS, domain=box((-3, 3)), tolerance=reach))
    with pytest.raises(Rejected, match="exceeds"):
        check(certificate("equal", "proved", pair, PASS, domain=box((-3, 3)), tolerance=reach / 2))


def test_units_by_name() -> None:
    x = node("x", "input", shape=[1])
    pair = [network([x, act("a", "x", fields)]) for fields in (ABS, LEAKY)]
    assert check(certificate("equal", "proved", pair, PASS, domain=box((-1, 1)), tolerance=Fraction(11, 10) + TINY))
