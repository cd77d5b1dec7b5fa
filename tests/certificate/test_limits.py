"""Small certificates that would ask for hours are not decided, naming the step; what the engines write is within the limits."""

from __future__ import annotations

import json
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import check as check_again
from exactnn import mlp, verify_equal
from exactnn.certificate import BudgetExceeded, Rejected, _budget, check
from exactnn.claims import Certificate, EqualClaim
from exactnn.errors import Incomplete
from exactnn.exact.clock import Clock
from exactnn.forms import _numbering
from exactnn.network import Builder, Input, MaxPool, PiecewiseLinear, Reshape
from exactnn.verify import _line
from tests.certificate._build import act, box, certificate, forms, network, node
from tests.strategies import deep_pairs, graphs, law, renamed

TENT = {"slope": 2, "constant": 0, "kinks": [["1/2", -4]]}


def tents(count):
    """2^count pieces on [0, 1]."""
    nodes = [node("x", "input", shape=[1])]
    for k in range(count):
        nodes.append(act(f"t{k}", nodes[-1]["name"], TENT))
    return network(nodes)


def doubled(count, unit=None):
    nodes = [node("x", "input", shape=[1])]
    for k in range(count):
        nodes.append(node(f"c{k}", "concat", *[nodes[-1]["name"]] * 2, axis=0))
    if unit is not None:
        nodes.append(node("s", "smooth", nodes[-1]["name"], function=unit))
    return network(nodes)


def on_the_line(net):
    return certificate("equal", "proved", (net, net), {"method": "line"}, domain=box((0, 1)))


def by_forms(net):
    return certificate("equal", "proved", (net, net), forms({}, {}))


def exceeded(document):
    with pytest.raises(BudgetExceeded) as caught:
        check(document)
    return caught.value


def test_cells_of_a_line(monkeypatch):
    assert check(on_the_line(tents(6)))
    monkeypatch.setattr(_budget, "LINE", 20_000)
    assert check(on_the_line(tents(6)))
    start = time.perf_counter()
    found = exceeded(on_the_line(tents(40)))
    assert time.perf_counter() - start < 5
    assert found.step.startswith("line: ")
    assert "node t" in found.step
    assert "20000 steps" in found.reason


def repeated(entries, times):
    """One value, listed so many times as output: a few bytes for each."""
    nodes = [node("x", "input", shape=[1]), node("r", "reshape", "x", shape=[1, 1])]
    one = {"weight": {"shape": [1, 1, 1], "denominator": 1, "numerators": [1]}, "bias": zeros(1)}
    nodes.append(node("y", "conv", "r", **one, stride=[1], padding=[[0, entries - 1]], dilation=[1], groups=1))
    return network(nodes, outputs=["y"] * times)


def test_an_output_that_is_listed_many_times(monkeypatch):
    """It counts as often as it is listed: in all, and on each cell of a line."""
    assert check(on_the_line(repeated(4, 3)))
    found = exceeded(on_the_line(repeated(2**16, 2**10)))
    assert found.step == "model f: outputs"
    monkeypatch.setattr(_budget, "LINE", 4_000)
    assert check(on_the_line(repeated(4, 400)))
    assert exceeded(on_the_line(repeated(4, 2_000))).step == "line: f: outputs"


def test_pairs_under_a_maximum(monkeypatch):
    """One node, one cell, and four million pairs."""
    size = 3000
    wide = network(
        [
            node("x", "input", shape=[1]),
            node("w", "affine", "x", weight={"shape": [size, 1], "denominator": 1, "numerators": list(range(size))}, bias=zeros(size)),
            node("r", "reshape", "w", shape=[1, size]),
            node("m", "max_pool", "r", kernel=[size], stride=[1], padding=[[0, 0]], dilation=[1]),
        ]
    )
    monkeypatch.setattr(_budget, "LINE", 4_000_000)
    assert exceeded(on_the_line(wide)).step == "line: f: node m"


def zeros(size):
    return {"shape": [size], "denominator": 1, "numerators": [0] * size}


def test_forms_of_a_network(monkeypatch):
    assert check(by_forms(doubled(8)))
    monkeypatch.setattr(_budget, "FORMS", 511)
    assert check(by_forms(doubled(8)))  # 1 + 2 + ... + 256
    assert exceeded(by_forms(doubled(9))).step == "forms: f: node c8"


def test_forms_that_are_written_entry_by_entry(monkeypatch):
    nodes = [node("x", "input", shape=[1, 1000]), act("r", "x"), node("f", "reshape", "r", shape=[1000])]
    net = network(nodes)
    document = certificate("equal", "proved", (net, net), forms({"r": [["atom", 0, 1, 1]]}, {"r": [["atom", 0, 1, 1]]}))
    assert check(document)
    monkeypatch.setattr(_budget, "FORMS", 2002)  # one channel at each of two nodes, its entries, the entries of the result
    assert check(document)
    monkeypatch.setattr(_budget, "FORMS", 999)
    assert exceeded(document).step == "forms: f: node f"


def test_bits_of_an_enclosure(monkeypatch):
    f, g = doubled(5, "tanh"), doubled(5, "sigmoid")

    def at(bits):
        return certificate("equal", "refuted", (f, g), {"method": "enclosure", "point": [0], "output": 3, "bits": bits})

    assert check(at(4096))
    monkeypatch.setattr(_budget, "ENCLOSURE", 32 * 64)
    assert check(at(64))
    assert exceeded(at(65)).step == "enclosure: f: node s"


def wide(size, layers=1, unit=None):
    """Matrices of ones, some kB each when compressed."""
    nodes = [node("x", "input", shape=[size])]
    for k in range(layers):
        weight = {"shape": [size, size], "denominator": 1, "numerators": [1] * size**2}
        nodes.append(node(f"w{k}", "affine", nodes[-1]["name"], weight=weight, bias=zeros(size)))
    if unit is not None:
        nodes.append(node("s", "smooth", nodes[-1]["name"], function=unit))
    return network(nodes)


def at_a_point(f, x, **values):
    return certificate("equal", "refuted", (f, f), {"method": "point", "point": x, "f": [0] * len(x), "g": [0] * len(x), **values})


def test_products_at_a_point(monkeypatch):
    """Counted before any is made: 30 entries of x, 900 products of each matrix."""
    document = at_a_point(wide(30, 2), [0] * 30)
    monkeypatch.setattr(_budget, "VALUES", 30 + 2 * 900)
    with pytest.raises(Rejected, match="differ by at most 0"):
        check(document)
    monkeypatch.setattr(_budget, "VALUES", 30 + 2 * 900 - 1)
    assert exceeded(document).step == "point: f"


def test_long_numbers_at_a_point(monkeypatch):
    """A coordinate of a million bits, from which each of many matrices makes a hundred numbers as long: it ends in time."""
    document = at_a_point(wide(100, 40), [hex(1 << 2**20)] + [0] * 99)
    monkeypatch.setattr(_budget, "VALUES", 2**27)
    start = time.perf_counter()
    assert exceeded(document).step.startswith("point: f: node w")
    assert time.perf_counter() - start < 30
    few = at_a_point(wide(2), [hex(1 << 2**20), 0])
    with pytest.raises(Rejected, match="output 0"):
        check(few)


def test_products_on_a_line(monkeypatch):
    """On one cell: slopes and intercepts, 900 products each, of f and of g."""
    nodes = [
        node("x", "input", shape=[1]),
        node("v", "affine", "x", weight={"shape": [30, 1], "denominator": 1, "numerators": [1] * 30}, bias=zeros(30)),
    ]
    weight = {"shape": [30, 30], "denominator": 1, "numerators": [1] * 900}
    net = network([*nodes, node("w", "affine", "v", weight=weight, bias=zeros(30))])
    monkeypatch.setattr(_budget, "VALUES", 2 * 2 * 930)
    assert check(on_the_line(net))
    monkeypatch.setattr(_budget, "VALUES", 2 * 2 * 930 - 1)
    assert exceeded(on_the_line(net)).step == "line: g: node w"


def test_products_of_an_enclosure(monkeypatch):
    f, g = wide(20, 2, "tanh"), wide(20, 2, "sigmoid")
    document = certificate("equal", "refuted", (f, g), {"method": "enclosure", "point": [0] * 20, "output": 3, "bits": 32})
    monkeypatch.setattr(_budget, "SPANS", 20 + 2 * 400 + 20)
    assert check(document)
    monkeypatch.setattr(_budget, "SPANS", 20 + 2 * 400 + 19)
    assert exceeded(document).step == "enclosure: f"


def test_long_spans(monkeypatch):
    """Of 4,096 bits: four words more for each product, and 16 for each entry."""
    f, g = (network([node("x", "input", shape=[1]), node("s", "smooth", "x", function=u), *after()]) for u in ("tanh", "sigmoid"))
    document = certificate("equal", "refuted", (f, g), {"method": "enclosure", "point": [0], "output": 0, "bits": 4096})
    monkeypatch.setattr(_budget, "SPANS", 4 + 2 * (4 + 16) - 1)
    assert exceeded(document).step == "enclosure: f: node w"
    monkeypatch.setattr(_budget, "SPANS", 4 + 2 * (4 + 16))
    assert check(document)


def after():
    """Two outputs, one product each."""
    return [node("w", "affine", "s", weight={"shape": [2, 1], "denominator": 1, "numerators": [1, 1]}, bias=zeros(2))]


# --- what the engines write ------------------------------------------------------------------------------------------------


@given(deep_pairs(st.just(1)), st.booleans(), st.integers(1, 4000), st.booleans())
@law(30)
def test_the_engine_knows_the_limit_of_lines(pair, pooled, limit, steps):
    f, g = (pool_at_end(c.network()) if pooled else c.network() for c in pair)
    points = _line.breakpoints([f, g], None, Clock(None))
    written = Certificate(EqualClaim(f, g, None, Fraction(0)), "proved", {"method": "line"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_line, "CHECKER" if steps else "PRODUCTS", limit)
        patch.setattr(_budget, "LINE" if steps else "VALUES", limit)
        try:
            _line.check_steps([f, g], points)
        except Incomplete:
            return
        assert check_again(written)


def pool_at_end(net):
    """The maximum of the outputs, two at a time."""
    b = Builder()
    for name in net.order:
        b.add(name, net.operation(name), *net.operands(name))
    (last,) = net.outputs
    size = net.output_dim
    reshaped = b.add("grid", Reshape((1, size)), last)
    window = min(2, size)
    return b.build(net.inputs, [b.add("pool", MaxPool((window,), (1,), ((0, 0),), (1,)), reshaped)])


def test_a_line_too_large_for_the_checker_is_unknown(monkeypatch):
    f = mlp([([[1], [1]], [0, -1]), ([[1, 1]], [0]), ([[1]], [0])])
    g = mlp([([[1]], [0]), ([[1], [1]], [0, -1]), ([[1, 1]], [0])])  # equal, and no two neurons alike but the first
    verdict = verify_equal(f, g)
    assert verdict.proved
    assert verdict.certificate.kind == "line"
    monkeypatch.setattr(_line, "CHECKER", 100)
    verdict = verify_equal(f, g)
    assert verdict.unknown
    assert "too large for a certificate" in verdict.reason


@given(graphs(), st.integers(1, 60))
@law(30)
def test_the_engine_knows_the_limit_of_forms(f, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_numbering, "FORMS", limit)
        patch.setattr(_budget, "FORMS", limit)
        verdict = verify_equal(f, renamed(f, "g"))
        if verdict.certificate is not None:
            assert check_again(verdict.certificate)
        else:
            assert f"more than {limit} forms" in verdict.reason


def two_images():
    """Two outputs in channel layout."""
    b = Builder()
    x, y = (b.add(name, Input((1, 2, 3))) for name in "xy")
    n = [b.add(f"n{k}", PiecewiseLinear.of(0, 0, [(0, 1)]), v) for k, v in enumerate((x, y))]
    return b.build([x, y], n)


@pytest.mark.parametrize("limit", range(1, 25))
def test_the_engine_counts_the_entries_of_every_output(monkeypatch, limit):
    monkeypatch.setattr(_numbering, "FORMS", limit)
    monkeypatch.setattr(_budget, "FORMS", limit)
    f = two_images()
    verdict = verify_equal(f, renamed(f, "g"))
    assert (verdict.certificate.kind == "forms") == (limit >= 14)  # two inputs of one channel, two images of six entries; else cells
    assert check_again(verdict.certificate)


def test_a_small_certificate():
    """The attack is small: this is what the limits are for."""
    assert len(json.dumps(on_the_line(tents(40)))) < 20_000
