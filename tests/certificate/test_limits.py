"""Small certificates that would ask for hours are not decided, naming the step; what the engines write is within the limits."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import check as check_again
from exactnn import verify_equal
from exactnn.certificate import BudgetExceeded, Rejected, _budget, check
from exactnn.forms import _numbering
from exactnn.network import Builder, Input, PiecewiseLinear
from tests.certificate._build import act, box, certificate, forms, network, node
from tests.certificate._trees import by_tree
from tests.strategies import graphs, law, renamed

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


def by_forms(net):
    return certificate("equal", "proved", (net, net), forms({}, {}))


def exceeded(document):
    with pytest.raises(BudgetExceeded) as caught:
        check(document)
    return caught.value


def test_cells_of_a_tree(monkeypatch):
    document = by_tree(tents(6), tents(6), box((0, 1)))
    assert check(document)
    monkeypatch.setattr(_budget, "WORK", (50_000, 0))
    found = exceeded(document)
    assert found.step.startswith("tree: node")
    assert "50000 operations" in found.reason


def repeated(entries, times):
    """One value, listed so many times as output: a few bytes for each."""
    nodes = [node("x", "input", shape=[1]), node("r", "reshape", "x", shape=[1, 1])]
    one = {"weight": {"shape": [1, 1, 1], "denominator": 1, "numerators": [1]}, "bias": zeros(1)}
    nodes.append(node("y", "conv", "r", **one, stride=[1], padding=[[0, entries - 1]], dilation=[1], groups=1))
    return network(nodes, outputs=["y"] * times)


def test_an_output_that_is_listed_many_times():
    """It counts as often as it is listed."""

    def document(net):
        return certificate("equal", "proved", (net, net), {"method": "tree", "hull": None, "tree": [["leaf", [], None]]})

    assert check(document(repeated(4, 3)))
    found = exceeded(document(repeated(2**16, 2**10)))
    assert found.step.endswith(": outputs")


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
    """Counted before any is made."""
    document = at_a_point(wide(30, 2), [0] * 30)
    with pytest.raises(Rejected, match="differ by at most 0"):
        check(document)
    monkeypatch.setattr(_budget, "WORK", (1000, 0))
    assert "node" in exceeded(document).step


def test_long_numbers_at_a_point(monkeypatch):
    """A coordinate of a million bits, from which each of many matrices makes a hundred numbers as long: it ends in time."""
    document = at_a_point(wide(100, 40), [hex(1 << 2**20)] + [0] * 99)
    start = time.perf_counter()
    assert exceeded(document).step.startswith("point: f: node w")
    assert time.perf_counter() - start < 30
    few = at_a_point(wide(2), [hex(1 << 2**20), 0])
    with pytest.raises(Rejected, match="output 0"):
        check(few)


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
