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
from tests.certificate._account import account_of
from tests.certificate._build import act, box, certificate, forms, network, node
from tests.certificate._cases import CASES
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


def ends_where_it_is_used_up(document):
    """The step that is named where all but one operation of what the check takes may be done."""
    work = spent(document).work
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_budget, "WORK", (work, 0))
        assert check(document)
        patch.setattr(_budget, "WORK", (work - 1, 0))
        return exceeded(document).step


def test_cells_of_a_tree(monkeypatch):
    kinks = [[f"{k}/32", -64 if k % 2 else 64] for k in range(1, 32)]  # as one unit, so that each piece is a cell
    document = by_tree(
        tents(5), network([node("x", "input", shape=[1]), act("y", "x", {"slope": 32, "constant": 0, "kinks": kinks})]), box((0, 1))
    )
    assert check(document)
    monkeypatch.setattr(_budget, "WORK", (4_000, 0))
    found = exceeded(document)
    assert found.step.startswith("tree: node")
    assert "4000 operations" in found.reason


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
    monkeypatch.setattr(_budget, "ROOM", (19, 0))
    assert exceeded(by_forms(doubled(8))).step.endswith("forms")


def test_forms_that_are_written_entry_by_entry(monkeypatch):
    """One form for a channel of many entries; where a value is read entry by entry, one for each."""
    net = network([node("x", "input", shape=[1, 1000]), act("r", "x")])
    lines = {"r": [["atom", 0, 1, 1]]}
    document = certificate("equal", "proved", (net, net), forms(lines, lines))
    assert check(document)
    monkeypatch.setattr(_budget, "ROOM", (10_000, 0))
    assert exceeded(document).step == "forms"


def test_bits_of_an_enclosure():
    f, g = doubled(5, "tanh"), doubled(5, "sigmoid")

    def at(bits):
        return certificate("equal", "refuted", (f, g), {"method": "enclosure", "point": [0], "output": 3, "bits": bits})

    assert spent(at(4096)).work > 4 * spent(at(64)).work
    assert ends_where_it_is_used_up(at(64)).endswith("node s")


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


def test_products_of_an_enclosure():
    f, g = wide(20, 2, "tanh"), wide(20, 2, "sigmoid")
    document = certificate("equal", "refuted", (f, g), {"method": "enclosure", "point": [0] * 20, "output": 3, "bits": 32})
    assert ends_where_it_is_used_up(document).endswith("node s")


def test_long_spans():
    """Of 4,096 bits."""
    f, g = (network([node("x", "input", shape=[1]), node("s", "smooth", "x", function=u), *after()]) for u in ("tanh", "sigmoid"))
    document = certificate("equal", "refuted", (f, g), {"method": "enclosure", "point": [0], "output": 0, "bits": 4096})
    assert ends_where_it_is_used_up(document).endswith("node w")


def after():
    """Two outputs, one product each."""
    return [node("w", "affine", "s", weight={"shape": [2, 1], "denominator": 1, "numerators": [1, 1]}, bias=zeros(2))]


# --- every kind ----------------------------------------------------------------------------------------------------------------


def spent(document):
    """The account of a check."""
    return account_of(document)[1]


@pytest.mark.parametrize("name", CASES)
def test_what_a_certificate_needs_is_what_it_may_have(monkeypatch, name):
    """With one operation, or one number, less it is not decided; and what it needs is far below what it has."""
    account = spent(CASES[name])
    assert account.work * 30 < _budget.WORK[0] + _budget.WORK[1] * account.bytes
    assert account.most * 30 < _budget.ROOM[0] + _budget.ROOM[1] * account.bytes
    for limit, needed in (("WORK", account.work), ("ROOM", account.most)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_budget, limit, (needed, 0))
            assert check(CASES[name])
            patch.setattr(_budget, limit, (needed - 1, 0))
            if needed:
                exceeded(CASES[name])


# --- what the engines write ------------------------------------------------------------------------------------------------


@given(graphs(), st.integers(1, 60))
@law(30)
def test_the_engine_has_a_limit_of_forms(f, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_numbering, "FORMS", limit)
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
    f = two_images()
    verdict = verify_equal(f, renamed(f, "g"))
    assert (verdict.certificate.kind == "forms") == (limit >= 14)  # two inputs of one channel, two images of six entries; else cells
    assert check_again(verdict.certificate)
