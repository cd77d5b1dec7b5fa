"""The same maximal outputs everywhere: against z3, points, and cases with ties."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
import pytest
import z3
from hypothesis import assume, given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import CertificateRejected, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Input, relu
from exactnn.verify._lattice import ByLattice
from tests.regions.test_count import trained_like
from tests.strategies import TINY, law, replaced


def highest(values: Any) -> set[int]:
    return {j for j, v in enumerate(values) if v == max(values)}


def positive(v: Any) -> Any:
    return z3.If(v > 0, v, 0)


def terms(layers: Any, x: list[Any]) -> list[Any]:
    for k, (weight, bias) in enumerate(layers):
        rows = [[z3.Q(w.numerator, w.denominator) for w in (*row, c)] for row, c in zip(weight, bias, strict=True)]
        x = [sum((w * v for w, v in zip(row, x, strict=False)), row[-1]) for row in rows]
        if k < len(layers) - 1:
            x = [positive(v) for v in x]
    return x


def z3_decides_alike(f: Any, g: Any, d: int, boxed: bool) -> bool | None:
    x = [z3.Real(f"x{i}") for i in range(d)]
    a, b = terms(f, x), terms(g, x)
    is_top = [[z3.And([v >= w for w in values]) for v in values] for values in (a, b)]
    solver = z3.Solver()
    solver.set("timeout", 20_000)
    if boxed:
        solver.add([z3.And(v >= -1, v <= 1) for v in x])
    solver.add(z3.Or([u != v for u, v in zip(*is_top, strict=True)]))
    found = solver.check()
    return None if found == z3.unknown else found == z3.unsat


def test_nodes_that_no_output_reads() -> None:
    """The checker counts their units."""

    def affine(weight: Any) -> Affine:
        return Affine(RationalArray.of(weight), RationalArray.zeros((len(weight),)))

    graph: Any = nx.DiGraph()
    for name, operation, operand in (
        ("x", Input((2,)), None),
        ("dead", affine([[1, 3], [2, 1]]), "x"),
        ("unread", relu(), "dead"),
        ("hidden", affine([[1, -1], [2, 1]]), "x"),
        ("relu", relu(), "hidden"),
        ("y", affine([[1, -1], [2, 1]]), "relu"),
    ):
        graph.add_node(name, operation=operation)
        if operand is not None:
            graph.add_edge(operand, name, positions=(0,))
    f = xn.Network(graph, ["x"], ["y"])
    g = xn.mlp([([[1, -1], [2, 1]], [0, 0]), ([[2, -2], [4, 2]], [0, 0])])
    for pair in ((f, f), (f, g), (g, f)):
        verdict = xn.verify_same_decision(*pair, domain=xn.Box(-1, 1))
        assert verdict.proved
        assert xn.check(verdict.certificate)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any, int]:
    d, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    entry = st.sampled_from([Fraction(v) for v in (-1, 0, 1, 2)] + [1 + TINY])
    sizes = [d, *(draw(st.integers(1, 2)) for _ in range(draw(st.integers(0, 2)))), outputs]
    f = [([[draw(entry) for _ in range(m)] for _ in range(n)], [draw(entry) for _ in range(n)]) for m, n in itertools.pairwise(sizes)]
    kind = draw(st.sampled_from(["same", "scaled", "shifted", "other", "nudged"]))
    weight, bias = f[-1]
    if kind == "scaled":
        last = ([[3 * v for v in r] for r in weight], [3 * v for v in bias])
    elif kind == "shifted":  # the same form is added to all outputs
        more = [draw(entry) for _ in weight[0]]
        last = ([[v + w for v, w in zip(r, more, strict=True)] for r in weight], [v + 5 for v in bias])
    elif kind == "nudged":
        last = (weight, [bias[0] + TINY, *bias[1:]])
    elif kind == "other":
        last = ([[draw(entry) for _ in r] for r in weight], bias)
    else:
        last = (weight, bias)
    return f, [*f[:-1], last], d


@given(pairs(), st.booleans())
@law(40)
def test_against_z3(pair: Any, boxed: bool) -> None:
    f, g, d = pair
    wanted = z3_decides_alike(f, g, d, boxed)
    a, b = xn.mlp(f), xn.mlp(g)
    verdict = xn.verify_same_decision(a, b, domain=xn.Box(-1, 1) if boxed else None)
    assert verdict.status in ("proved", "refuted")
    if wanted is not None:
        assert verdict.proved == wanted
    if verdict.refuted:
        x = verdict.counterexample
        assert x is not None
        assert highest(a(x)) != highest(b(x))
        assert verdict.values == (a(x), b(x))
        assert not boxed or all(-1 <= v <= 1 for v in x)
    else:
        for point in np.random.default_rng(0).integers(-8, 9, (20, d)):
            x = tuple(Fraction(int(v), 8) for v in point)
            assert highest(a(x)) == highest(b(x))
    assert verdict.certificate is not None
    assert xn.check(verdict.certificate)


def test_a_tie_counts() -> None:
    """max(x, 0) against 0, and x against 0: the same class where x > 0, but a tie on x <= 0 for the first only."""
    f, g = xn.mlp([([[1]], [0]), ([[1], [0]], [0, 0])]), xn.mlp([([[1], [0]], [0, 0])])
    verdict = xn.verify_same_decision(f, g, domain=xn.Box(-1, 1))
    assert verdict.refuted
    assert verdict.counterexample is not None
    assert verdict.counterexample[0] < 0
    assert xn.verify_same_decision(f, g, domain=xn.Box(0, 1)).proved


def test_a_difference_on_a_line_only() -> None:
    """relu(x) + relu(-x) = |x| against |x| + |y|: outputs (., 0) are tied at x = 0 for f, at the origin only for g."""
    f = xn.mlp([([[1, 0], [-1, 0]], [0, 0]), ([[1, 1], [0, 0]], [0, 0])])
    g = xn.mlp([([[1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 4), ([[1] * 4, [0] * 4], [0, 0])])
    verdict = xn.verify_same_decision(f, g, domain=None)
    assert verdict.refuted
    assert verdict.counterexample is not None
    assert verdict.counterexample[0] == 0 != verdict.counterexample[1]
    assert xn.verify_same_decision(f, g, domain=xn.Box([0, 0], [1, 0])).proved


def test_the_point_lies_in_an_unbounded_domain() -> None:
    f, g = xn.mlp([([[-2], [-1]], [-3, -1])]), xn.mlp([([[1], [-1]], [0, 1])])
    verdict = xn.verify_same_decision(f, g, domain=xn.Polyhedron([[-1]], [-6]))
    assert verdict.refuted
    assert verdict.counterexample is not None
    assert verdict.counterexample[0] >= 6
    assert verdict.certificate is not None
    assert xn.check(verdict.certificate)


@given(pairs(), st.data())
@law(30)
def test_on_unbounded_polyhedra(pair: Any, data: st.DataObject) -> None:
    f, g, d = pair
    rows = data.draw(st.lists(st.tuples(*[st.integers(-1, 1)] * d), min_size=1, max_size=2))
    bounds = [data.draw(st.integers(-6, 6)) for _ in rows]
    domain = xn.Polyhedron(rows, bounds)
    assume(not domain.is_empty())
    verdict = xn.verify_same_decision(xn.mlp(f), xn.mlp(g), domain=domain)
    assert verdict.counterexample is None or domain.contains(verdict.counterexample)
    assert verdict.certificate is not None
    assert xn.check(verdict.certificate)


def test_temperature_keeps_every_decision() -> None:
    """Logits times a positive number (theory of calibration, I26), or with one number added to all."""
    f = trained_like(np.random.default_rng(0), [2, 10, 10, 4])
    *hidden, (weight, bias) = [(f.operation(f"layer{k}").weight, f.operation(f"layer{k}").bias) for k in (1, 2, 3)]  # type: ignore[attr-defined]
    for last in ((weight * Fraction(3, 7), bias * Fraction(3, 7)), (weight, bias + Fraction(1, 2**30))):
        verdict = xn.verify_same_decision(f, xn.mlp([*hidden, last]), domain=xn.Box(-1, 1))
        assert verdict.proved
        assert verdict.certificate is not None
        assert xn.check(verdict.certificate)


def doubled(net: xn.Network) -> xn.Network:
    """Twice the outputs."""
    last = net.operation(net.order[-1])
    assert isinstance(last, Affine)
    return replaced(net, net.order[-1], Affine(last.weight * RationalArray.of(2), last.bias * RationalArray.of(2)))


def test_limits_and_bad_input() -> None:
    rng = np.random.default_rng(0)
    f = trained_like(rng, [7, 8, 2])
    verdict = xn.verify_same_decision(f, doubled(f), domain=xn.Box(-1, 1))  # 7 dimensions, more than the vertices of cells are listed in
    assert verdict.proved
    assert verdict.certificate is not None
    assert xn.check(verdict.certificate)
    large = trained_like(rng, [5, 30, 30, 3])
    verdict = xn.verify_same_decision(large, doubled(large), domain=xn.Box(-1, 1), time_limit=1)
    assert verdict.unknown
    assert "time limit" in verdict.reason
    with pytest.raises(ShapeError):
        xn.verify_same_decision(f, large, domain=None)


@pytest.mark.parametrize("domain", [None, xn.Box(-1, 1)])
def test_networks_that_differ_at_a_glance_are_not_tried_for_equal_ones(domain: xn.Box | None, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    layers = [(rng.integers(-9, 10, (n, m)), rng.integers(-9, 10, n)) for m, n in ((2, 5), (5, 4), (4, 3))]
    twice = [*layers[:-1], (2 * layers[-1][0], 2 * layers[-1][1])]
    monkeypatch.setattr(ByLattice, "decide", None)
    verdict = xn.verify_same_decision(xn.mlp(layers), xn.mlp(twice), domain=domain)
    assert verdict.proved
    assert verdict.certificate is not None
    assert verdict.certificate.kind == "tree"


def test_equal_networks_decide_alike_at_once() -> None:
    """Whatever their size; the evidence says that they are equal, which is more than is claimed."""
    rng = np.random.default_rng(0)
    sizes = [100, 60, 60, 4]
    layers = [(rng.integers(-9, 10, (n, m)), rng.integers(-9, 10, n)) for m, n in itertools.pairwise(sizes)]
    order = rng.permutation(60)
    (first, bias), (second, own), last = layers
    copy = [(first[order], bias[order]), (second[:, order], own), last]
    for other in (layers, copy):
        verdict = xn.verify_same_decision(xn.mlp(layers), xn.mlp(other), domain=xn.Box(-1, 1), time_limit=60)
        assert verdict.proved
        assert "f = g" in verdict.reason
        assert xn.check(verdict.certificate)
        assert verdict.certificate is not None
        assert verdict.certificate.kind == "equal"
        document = verdict.certificate.document
        assert document["claim"]["question"] == "same_decision"
        for changed in (
            {"method": "equal", "evidence": document["evidence"]},  # one "equal" in another
            {**document["evidence"], "more": 1},
            {"method": "equal", "evidence": []},
            {"method": "equal"},
        ):
            with pytest.raises(CertificateRejected):
                xn.check({**document, "evidence": changed})
        for claim in ({"answer": "refuted"}, {"question": "equal", "tolerance": 0}):  # whose evidence it is not
            with pytest.raises(CertificateRejected):
                xn.check({**document, "claim": {**document["claim"], **claim}})
        swapped = xn.mlp([*layers[:2], (last[0][::-1], last[1])])
        others = xn.verify_same_decision(xn.mlp(layers), swapped, domain=xn.Box(-1, 1), time_limit=5)
        assert others.refuted  # two networks about which the same evidence says nothing
        assert others.certificate is not None
        with pytest.raises(CertificateRejected):
            xn.check({**document, "models": others.certificate.document["models"]})
    moved = [*copy[:2], (last[0], last[1] + np.array([Fraction(1, 2**40), 0, 0, 0]))]
    verdict = xn.verify_same_decision(xn.mlp(layers), xn.mlp(moved), domain=xn.Box(-1, 1), time_limit=2)
    assert not verdict.proved


def test_equal_on_the_domain_only() -> None:
    f = xn.mlp([([[1, 0], [0, 1], [1, 1]], [0, 0, 0]), ([[1, 1, 0], [0, 0, 1]], [0, 0])])  # max(x, 0) + max(y, 0) and max(x + y, 0)
    g = xn.mlp([([[1, 1]], [0]), ([[1], [1]], [0, 0])])
    assert xn.verify_same_decision(f, g, domain=xn.Box(0, 1)).proved
    assert xn.verify_same_decision(f, g, domain=xn.Box(-1, 1)).refuted
