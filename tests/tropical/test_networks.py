"""Maps as networks, both ways: the same function at points, by the verifier's own proof, and extracted again."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from math import lcm
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.errors import ArgumentError
from exactnn.network import Add, Affine, Concat, Input, MaxPool, Network, Reshape, Subtract, relu
from exactnn.tropical import TropicalPolynomial, TropicalRationalMap, extract
from exactnn.tropical._networks import integer_network, max_pool_network
from tests.strategies import TINY, law
from tests.tropical._drawn import naive, points, polynomials
from tests.tropical._judge import sizes
from tests.tropical._zoo import ZOO, chain

P, R = TropicalPolynomial, TropicalRationalMap
SMALL = ("identity", "sort2", "|x| + |y| - |x + y|", "bump", "constant", "affine", "residual", "dead units")


@st.composite
def maps(draw: st.DrawFn, d: int) -> R:
    m = draw(st.integers(1, 3))
    numerators, denominators = ([draw(polynomials(d, 5)) for _ in range(m)] for _ in range(2))
    if draw(st.booleans()):
        denominators = denominators[:1] * m
    if draw(st.booleans()):
        numerators[-1] = denominators[0]
    return R(tuple(numerators), tuple(denominators))


def value(F: R, x: Any) -> tuple[Fraction, ...]:
    return tuple(naive(p.terms.items(), x) - naive(q.terms.items(), x) for p, q in zip(F.numerators, F.denominators, strict=True))


def scale(F: R) -> int:
    return lcm(*(a.denominator for p in (*F.numerators, *F.denominators) for e in p.terms for a in e))


def is_of_the_theorem(net: Network) -> bool:
    """Whether it has integer weights, and units max(x, 0) and no others."""
    for name in net.order:
        operation = net.operation(name)
        if isinstance(operation, Affine):
            if operation.weight.denominator != 1:
                return False
        elif operation != relu() and not isinstance(operation, (Input, Add, Subtract, Concat)):
            return False
    return True


@law(30)
@given(st.data())
def test_any_map(data: Any) -> None:
    d = data.draw(st.integers(1, 3))
    F = data.draw(maps(d))
    pooled, exact, s = F.to_network(), F.to_network(integer=True), scale(F)
    assert is_of_the_theorem(exact)
    assert not is_of_the_theorem(pooled) or all(len(p) == 1 for p in (*F.numerators, *F.denominators))
    assert all(isinstance(pooled.operation(n), (Input, Affine, MaxPool, Reshape, Concat, Subtract)) for n in pooled.order)
    for x in [data.draw(points(d)) for _ in range(3)]:
        wanted = value(F, x)
        assert pooled(x) == F(x) == wanted
        assert exact(x) == tuple(s * v for v in wanted)


@pytest.mark.parametrize("terms", range(1, 18))
def test_maxima_of_any_number_of_terms(terms: int) -> None:
    """Paired again and again, one left over or none; each of them wins somewhere."""
    p = P({(a,): Fraction(-(a**2), 2) for a in range(terms)})
    F = R((p,), (P.constant(0, 1),))
    pooled, exact = F.to_network(), F.to_network(integer=True)
    for k in range(-2, 2 * terms + 2):
        x = (Fraction(k, 2),)
        assert pooled(x) == exact(x) == (naive(p.terms.items(), x),)
    assert sum(exact.operation(n) == relu() for n in exact.order) == (terms - 1).bit_length()


def test_the_scale_and_what_the_network_says_of_it() -> None:
    F = R((P({("1/2", 0): "1/7", (0, "1/3"): 0}),), (P.constant("1/5", 2),))
    net = F.to_network(integer=True)
    assert "6 times" in str(net.reading)
    assert net([4, 9]) == tuple(6 * v for v in F([4, 9]))
    whole = R((P({(2, 0): "1/7", (0, 1): 0}),), (P.constant("1/5", 2),))
    net = whole.to_network(integer=True)
    assert not net.reading
    assert net([4, 9]) == whole([4, 9])
    assert len({n for n in net.order if n.startswith("denominator")}) == 1


def test_what_stands_several_times_is_built_once() -> None:
    F = extract(ZOO["deep relu"]())
    for integer in (False, True):
        net = F.to_network(integer=integer)
        assert not [n for n in net.order if n.startswith("denominator1")]
        assert [n for n in net.order if n.startswith("denominator0")]
    p = P.variables(2)[0] + 0
    assert max_pool_network([p, p], [p, p])([3, 4]) == (0, 0)
    assert integer_network([p, p], [p, p], 1)([3, 4]) == (0, 0)


def test_a_polynomial_without_terms_is_no_network() -> None:
    with pytest.raises(ArgumentError, match="denominator0: a polynomial with at least one term"):
        max_pool_network([P.constant(0, 1)], [P({}, 1)])
    with pytest.raises(ArgumentError, match="integer: True or False"):
        R.identity(1).to_network(integer="yes")  # type: ignore[arg-type]


# --- and back ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SMALL, "max(-y, min(0, -x))", "concurrent, deep"])
def test_round_trip(name: str) -> None:
    """Theorem 8.3 both ways: network, map, network, map."""
    net = ZOO[name]()
    F = extract(net).reduce()
    assert extract(F.to_network()).equals(F)
    s = scale(F)
    assert extract(F.to_network(integer=True)).scaled(Fraction(1, s)).equals(F)
    draw = random.Random(1)
    for _ in range(4):
        x = tuple(Fraction(draw.randint(-9, 9), draw.choice((1, 2, 5))) for _ in range(net.input_dim))
        assert F.to_network()(x) == net(x)
        assert F.to_network(integer=True)(x) == tuple(s * v for v in net(x))


@law(10)
@given(polynomials(2, 4), polynomials(2, 4))
def test_round_trip_of_any_map(p: P, q: P) -> None:
    F = R((p,), (q,))
    G = extract(F.to_network())
    assert G.equals(F)
    assert sizes(G)[0][0] >= 1


# --- by the verifier ---------------------------------------------------------------------------------------------------------


def changed(F: R, j: int = 0, step: Fraction = TINY) -> R:
    """One coefficient of a numerator changed; its term wins somewhere."""
    p = F.numerators[j]
    e = max(p.terms)
    other = P({**dict(p.terms.items()), e: p.terms[e] + step})
    return replace(F, numerators=(*F.numerators[:j], other, *F.numerators[j + 1 :]))


@pytest.mark.parametrize("name", ["identity", "sort2", "bump", "max(-y, min(0, -x))", "residual"])
def test_the_verifier_proves_it(name: str) -> None:
    net = ZOO[name]()
    F = extract(net)
    verdict = xn.verify_equal(net, F.to_network())
    assert verdict.status == "proved"
    for step in (TINY, -TINY):
        wrong = xn.verify_equal(net, changed(F, step=step).to_network())
        assert wrong.status == "refuted"
        x = wrong.counterexample
        assert x is not None
        assert changed(F, step=step)(x) != net(x)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deep relu", "deep abs", "deep leaky_relu(3)", "three inputs", "max pooling", "dead units"])
def test_the_verifier_proves_larger_ones(name: str) -> None:
    net = ZOO[name]()
    F = extract(net)
    for G in (F, F.reduce()):
        assert xn.verify_equal(net, G.to_network()).status == "proved"
    assert xn.verify_equal(net, changed(F.reduce(), F.output_dim - 1).to_network()).status == "refuted"


def test_the_verifier_on_a_domain() -> None:
    """On a domain the map stands for the network there, and need not elsewhere."""
    net, domain = chain((2, 3, 2, 1), seed=8), xn.Box([1, 1], [2, 2])
    F = extract(net, domain)
    assert xn.verify_equal(net, F.to_network(), domain=domain).status == "proved"
    assert len(F.regions) < len(extract(net).regions)
