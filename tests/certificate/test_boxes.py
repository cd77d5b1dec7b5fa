"""Evidence "boxes": the joint zonotopes contain every exact value and agree with a slow oracle; trees are accepted, and nothing that is wrong."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from exactnn import Box
from exactnn.certificate import Rejected, _boxes, _budget, _packed, _zonotope, check
from exactnn.certificate._budget import Budget
from exactnn.certificate._network import read_network
from exactnn.certificate._zonotope import Joint, reach
from exactnn.network import Network
from exactnn.network.document import document
from tests.certificate._build import LEAKY, act, affine, box, certificate, mlp, network, node, number, rehash, tensor
from tests.certificate._forms_oracle import bounds
from tests.difference.test_pass import boxes, nearby, points
from tests.strategies import PIECEWISE, chains, graphs, law


def read(net: Network) -> Any:
    return read_network(document(net), "network")


def joint(f: Any, g: Any, bits: int = 64) -> Joint:
    return Joint(f, g, bits, Budget(_budget.BOXES, "products", "boxes"))


def units(where: Box, bits: int) -> tuple[list[int], list[int]]:
    """The box, rounded outwards."""
    low, high = where.bounds
    return [int(q * (1 << bits) // 1) for q in low.to_fractions()], [-int(-q * (1 << bits) // 1) for q in high.to_fractions()]


def fractions(found: Any, bits: int) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(a, 1 << bits), Fraction(b, 1 << bits)) for a, b in found]


def assert_contained(f: Network, g: Network | None, where: Box, couplings: int, seed: int, bits: int = 64) -> None:
    """All values and differences at corners and other points of the box."""
    run = joint(read(f), None if g is None else read(g), bits)
    found = run.outputs(*units(where, bits), couplings & ((1 << run.pairs) - 1))
    x = points(where, seed, 6)
    values = [net.evaluate(x) for net in (f, g) if net is not None]
    ranges = [fractions([reach(*form) for form in forms], bits) for forms in (found.f, found.g)][: len(values)]
    for rows, expected in zip(
        [*values, values[0] - values[1] if g is not None else values[0]], [*ranges, fractions(found.differences, bits)], strict=True
    ):
        for row in rows.to_rows():
            assert all(a <= v <= b for v, (a, b) in zip(row, expected, strict=True))


COUPLINGS = st.one_of(st.just(0), st.just(-1), st.integers(0, 2**64))


@law(80)
@given(st.data(), COUPLINGS, st.integers(0, 1000), st.sampled_from([16, 64, 100]))
def test_graphs_and_copies_nearby(data: Any, couplings: int, seed: int, bits: int) -> None:
    f = data.draw(st.one_of(graphs(), chains(units=PIECEWISE).map(lambda c: c.network())))
    assert_contained(f, data.draw(nearby(f)), data.draw(boxes(f.input_dim)), couplings, seed, bits)


@settings(law(30), suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data(), st.integers(0, 1000))
def test_networks_that_are_not_paired(data: Any, seed: int) -> None:
    f = data.draw(graphs(spatial=False, nodes=4))
    g = data.draw(graphs(spatial=False, nodes=4))
    assume((g.input_dim, g.output_dim) == (f.input_dim, f.output_dim))
    assert_contained(f, g, data.draw(boxes(f.input_dim)), 0, seed)


@law(30)
@given(st.data(), st.integers(0, 1000))
def test_one_network_and_zero(data: Any, seed: int) -> None:
    f = data.draw(graphs(nodes=5))
    assert_contained(f, None, data.draw(boxes(f.input_dim)), 0, seed)


SMALL = st.integers(-6, 6).map(lambda n: Fraction(n, 3))
UNITS: tuple[Any, ...] = (
    None,
    LEAKY,
    {"slope": 2, "constant": "1/3", "kinks": [[-1, "1/2"], ["1/3", -2]]},
    {"slope": 0, "constant": -1, "kinks": [[-1, 1], [1, -1]]},
)


@st.composite
def tame(draw: st.DrawFn) -> tuple[Any, Any, int]:
    """Two documents with small numbers: a chain with a pool, a residual sum and a prelu; the second one near the first, or without units."""
    d, m = draw(st.integers(1, 3)), draw(st.integers(1, 4))

    def matrix(rows: int, columns: int) -> list[list[Fraction]]:
        return [[draw(SMALL) for _ in range(columns)] for _ in range(rows)]

    fields, pool, slopes = draw(st.sampled_from(UNITS)), draw(st.booleans()), [draw(SMALL) for _ in range(m)]
    layers = [(matrix(m, d), matrix(1, m)[0]), (matrix(m, m), matrix(1, m)[0]), (matrix(2, m), matrix(1, 2)[0])]
    found = []
    for _ in range(2):
        nodes = [node("x", "input", shape=[d]), affine("h", "x", *layers[0]), act("r", "h", fields), affine("k", "r", *layers[1])]
        nodes += [node("p", "prelu", "k", slopes=tensor(slopes)), node("s", "add", "p", "r")]
        if pool:
            nodes += [node("grid", "reshape", "s", shape=[1, m])]
            nodes += [node("top", "max_pool", "grid", kernel=[2], stride=[1], padding=[[1, 0]], dilation=[1])]
            nodes += [node("flat", "reshape", "top", shape=[m])]
        nodes += [affine("out", nodes[-1]["name"], *layers[2])]
        found.append(network(nodes))
        layers = [([[q + draw(SMALL) / 64 for q in row] for row in weight], bias) for weight, bias in layers]
    if draw(st.integers(0, 4)) == 0:
        found[1] = network([node("x", "input", shape=[d]), affine("out", "x", matrix(2, d), matrix(1, 2)[0])])
    return (*found, d)


@law(60)
@given(st.data(), st.sampled_from([64, 90]))
def test_the_slow_oracle_agrees(data: Any, bits: int) -> None:
    f, g, d = data.draw(tame())
    first, second = read_network(f, "f"), None if data.draw(st.integers(0, 4)) == 0 else read_network(g, "g")
    run = joint(first, second, bits)
    couplings = data.draw(COUPLINGS) & ((1 << run.pairs) - 1)
    lo = [data.draw(st.integers(-16, 16)) for _ in range(d)]
    hi = [a + data.draw(st.sampled_from([0, 1, 2, 8, 32])) for a in lo]
    found = run.outputs([a << bits - 3 for a in lo], [a << bits - 3 for a in hi], couplings)
    expected = bounds(first, second, [(Fraction(a, 8), Fraction(b, 8)) for a, b in zip(lo, hi, strict=True)], couplings)
    ranges = [reach(*form) for form in found.f], [reach(*form) for form in found.g], found.differences
    for ours, theirs in zip(ranges, expected, strict=True):
        for (low, high), (a, b) in zip(fractions(ours, bits), theirs, strict=True):
            assert abs(low - a) <= Fraction(1, 2**40) and abs(high - b) <= Fraction(1, 2**40)
            assert low <= a + Fraction(1, 2**60) and high >= b - Fraction(1, 2**60)


# --- certificates -----------------------------------------------------------------------------------------------------------

F = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, -2], [1, 1]], [3, 0]))
G = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, "-2001/1000"], [1, 1]], [3, "1/1000"]))
UNIT = box((-1, 1), (0, 1))
HALF = 1 << 63
EXACT = ["exact", None, [["leaf", [], None]]]  # for networks that are the same
CUT = [["split", 0, 0], ["leaf", "3"], ["split", 1, HALF], ["leaf", "2"], ["pass"]]
LEAF = [["leaf", "3"]]


def boxes_evidence(tree: Any, **change: Any) -> dict[str, Any]:
    return {"method": "boxes", "bits": 64, "tree": tree, **change}


def equal(tree: Any, tolerance: Any = "3/500", models: Any = (F, G), **change: Any) -> dict[str, Any]:
    return certificate(
        "equal", "proved", models, boxes_evidence(tree, **change.pop("evidence", {})), **{"domain": UNIT, "tolerance": tolerance, **change}
    )


def test_trees_are_accepted() -> None:
    for tree in (CUT, LEAF, [["pass"]], [["split", 1, 1], *LEAF, ["pass"]]):
        assert check(equal(tree))
    assert check(equal([EXACT], 0, (F, F)))
    assert check(equal([["split", 1, 5], EXACT, ["leaf", "3"]], 0, (F, F)))


def test_what_is_beyond_the_bound_is_rejected() -> None:
    """At (1, 0) the second output's neuron is 4, so that the first outputs differ by 1/250."""
    assert check(equal(CUT, "5/1000"))
    with pytest.raises(Rejected, match="exceeds the tolerance"):
        check(equal(CUT, "399/100000"))
