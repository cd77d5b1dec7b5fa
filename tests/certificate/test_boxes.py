"""Evidence "boxes": the joint zonotopes contain every exact value and agree with a slow oracle; trees are accepted, wrong ones not."""

from __future__ import annotations

import copy
import random
import time
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from exactnn import Box, Polyhedron, verify_same_decision
from exactnn import mlp as build
from exactnn.certificate import BudgetExceeded, Rejected, _budget, _packed, _words, _zonotope, check
from exactnn.certificate._claim import read_claim
from exactnn.certificate._intervals import Bounds
from exactnn.certificate._network import read_network
from exactnn.certificate._packed import Form
from exactnn.certificate._zonotope import Joint, reach
from exactnn.claims import DeviationClaim
from exactnn.load.json import network_from_document as mlp_of
from exactnn.network import Network
from exactnn.network.document import document
from tests.certificate._account import watched
from tests.certificate._build import LEAKY, act, affine, box, certificate, mlp, network, node, tensor
from tests.certificate._forms_oracle import bounds
from tests.difference.test_pass import boxes, nearby, points
from tests.strategies import PIECEWISE, TINY, chains, graphs, law


def read(net: Network) -> Any:
    return read_network(document(net), "network")


def joint(f: Any, g: Any, bits: int = 64) -> Joint:
    return Joint(f, g, bits)


def units(where: Box, bits: int) -> Bounds:
    """The box, rounded outwards."""
    low, high = where.bounds
    return Bounds([int(q * (1 << bits) // 1) for q in low.to_fractions()], [-int(-q * (1 << bits) // 1) for q in high.to_fractions()])


def fractions(found: Any, bits: int) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(a, 1 << bits), Fraction(b, 1 << bits)) for a, b in found]


def assert_contained(f: Network, g: Network | None, where: Box, couplings: int, seed: int, bits: int = 64) -> None:
    """All values and differences at corners and other points of the box."""
    run = joint(read(f), None if g is None else read(g), bits)
    found = run.outputs(units(where, bits), couplings & ((1 << run.pairs) - 1))
    x = points(where, seed, 6)
    values = [net.evaluate(x) for net in (f, g) if net is not None]
    ranges = [fractions([reach(form) for form in forms], bits) for forms in (found.f, found.g)][: len(values)]
    differences = fractions(zip(*found.differences, strict=True), bits)
    for rows, expected in zip([*values, values[0] - values[1] if g is not None else values[0]], [*ranges, differences], strict=True):
        for row in rows.to_rows():
            assert all(a <= v <= b for v, (a, b) in zip(row, expected, strict=True))


COUPLINGS = st.one_of(st.just(0), st.just(-1), st.integers(0, 2**64))


@law(40)
@given(st.data(), COUPLINGS, st.integers(0, 1000), st.sampled_from([16, 64, 100]))
def test_graphs_and_copies_nearby(data: Any, couplings: int, seed: int, bits: int) -> None:
    f = data.draw(st.one_of(graphs(), chains(units=PIECEWISE).map(lambda c: c.network())))
    assert_contained(f, data.draw(nearby(f)), data.draw(boxes(f.input_dim)), couplings, seed, bits)


@settings(law(15), suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data(), st.integers(0, 1000))
def test_networks_that_are_not_paired(data: Any, seed: int) -> None:
    f = data.draw(graphs(spatial=False, nodes=4))
    g = data.draw(graphs(spatial=False, nodes=4))
    assume((g.input_dim, g.output_dim) == (f.input_dim, f.output_dim))
    assert_contained(f, g, data.draw(boxes(f.input_dim)), 0, seed)


@law(15)
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
    """Two documents with small numbers: a chain with a residual sum, a prelu, perhaps a pool; the second one near it, or without units."""
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


@law(30)
@given(st.data(), st.sampled_from([64, 90]))
def test_the_slow_oracle_agrees(data: Any, bits: int) -> None:
    f, g, d = data.draw(tame())
    first, second = read_network(f, "f"), None if data.draw(st.integers(0, 4)) == 0 else read_network(g, "g")
    run = joint(first, second, bits)
    couplings = data.draw(COUPLINGS) & ((1 << run.pairs) - 1)
    lo = [data.draw(st.integers(-16, 16)) for _ in range(d)]
    hi = [a + data.draw(st.sampled_from([0, 1, 2, 8, 32])) for a in lo]
    found = run.outputs(Bounds([a << bits - 3 for a in lo], [a << bits - 3 for a in hi]), couplings)
    expected = bounds(first, second, [(Fraction(a, 8), Fraction(b, 8)) for a, b in zip(lo, hi, strict=True)], couplings)
    f_ends, g_ends = ([reach(form) for form in forms] for forms in (found.f, found.g))
    ranges = f_ends, g_ends, list(zip(*found.differences, strict=True))
    for ours, theirs in zip(ranges, expected, strict=True):
        for (low, high), (a, b) in zip(fractions(ours, bits), theirs, strict=True):
            assert -TINY <= a - low <= Fraction(1, 2**40)
            assert -TINY <= high - b <= Fraction(1, 2**40)


def test_packed_entries_are_divided_one_by_one() -> None:
    generator = random.Random(3)
    for width in (4, 8, 20):
        for _ in range(300):
            most = 2 ** (8 * width - 1) - 1
            numbers = [generator.choice((most, -most, 0, -1, generator.randint(-most, most))) for _ in range(generator.randint(1, 5))]
            packed = _packed.pack(numbers, width)
            for denominator in (1, 2, 3, 7 << 9, 1 << 8, 1 << 8 * width - 2):
                assert _packed.unpack([packed, 0], len(numbers), width, denominator) == [
                    [n // denominator for n in numbers],
                    [0] * len(numbers),
                ]


@law(30)
@given(st.data(), st.sampled_from([1, 3, 1 << 10]))
def test_affine_functions_of_forms(data: Any, denominator: int) -> None:
    """Coefficients are those of the sums, rounded down; the error and the interval hold what is lost."""
    whole, few = st.integers(-(2**20), 2**20), st.integers(1, 3)
    rows = [{key: data.draw(whole) for key in range(3)} for _ in range(2)]
    forms = {key: Form([data.draw(whole) for _ in range(data.draw(few))], (), data.draw(few)) for key in range(3)}
    ends = {key: sorted((data.draw(whole), data.draw(whole))) for key in forms}
    known = {key: form.within(*ends[key]) for key, form in forms.items()}
    found = _packed.Rows([0, 1], denominator, [([0, 1, 2], rows)]).forms([known], 2**21, "step")
    for row, form in zip(rows, found, strict=True):
        slots = [sum(row[key] * v for key, f in forms.items() for v in f.own[s : s + 1]) for s in range(len(form.own))]
        assert list(form.own) == [n // denominator for n in slots]
        lost = sum(Fraction(n, denominator) - n // denominator for n in slots)
        assert lost + Fraction(sum(abs(row[key]) * f.error for key, f in forms.items()), denominator) <= form.error
        corners = [sorted((row[key] * low, row[key] * high)) for key, (low, high) in ends.items()]
        assert form.sum - form.length == 2 * (sum(low for low, _ in corners) // denominator)
        assert form.sum + form.length == -2 * (sum(-high for _, high in corners) // denominator)


# --- certificates -----------------------------------------------------------------------------------------------------------

F = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, -2], [1, 1]], [3, 0]))
G = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, "-2001/1000"], [1, 1]], [3, "1/1000"]))
UNIT = box((-1, 1), (0, 1))
HALF = 1 << 63
EXACT = ["exact", None, [["leaf", [], None]]]  # for networks that are the same
CUT = [["split", 0, 0], ["leaf", "3"], ["split", 1, HALF], ["leaf", "2"], ["pass"]]
LEAF = [["leaf", "3"]]


def test_coefficients_that_are_rounded_to_0_count() -> None:
    """40 coupled differences, each just below 2 units in front of a slope just below 1: what is lost of them is not to be forgotten."""
    n, unit, shift = 40, Fraction(1, 1 << 16), Fraction(1, 4)
    weight = Fraction(3998, 1000) * unit / shift
    same = [[int(i == j) for j in range(n + 1)] for i in range(n + 1)]
    f, g = (build([(same, [0] + [c] * n), ([[1] + [weight] * n], [-2 * unit]), ([[1]], [0])]) for c in (shift, 0))
    where = Box([0] + [-1] * n, [4] + [1] * n)
    couplings = ((1 << n) - 1) << 1
    low, high = fractions(zip(*joint(read(f), read(g), 16).outputs(units(where, 16), couplings).differences, strict=True), 16)[0]
    for side in (1, -1):
        (a,), (b,) = (net([4] + [side] * n) for net in (f, g))
        assert low <= a - b <= high


def boxes_evidence(tree: Any, **change: Any) -> dict[str, Any]:
    return {"method": "boxes", "bits": 64, "tree": tree, **change}


def equal(tree: Any, tolerance: Any = "3/500", models: Any = (F, G), **change: Any) -> dict[str, Any]:
    evidence = boxes_evidence(tree, **change.pop("evidence", {}))
    return certificate("equal", "proved", models, evidence, **{"domain": UNIT, "tolerance": tolerance, **change})


def test_trees_are_accepted() -> None:
    for tree in (CUT, LEAF, [["pass"]], [["split", 1, 1], *LEAF, ["pass"]]):
        assert check(equal(tree))
    assert check(equal([EXACT], 0, (F, F)))
    assert check(equal([["split", 1, 5], EXACT, ["leaf", "3"]], 0, (F, F)))


@law(20)
@given(st.data())
def test_random_trees(data: Any) -> None:
    """A bound that holds on every leaf holds for the tree; one sampled difference more is too much."""
    f, g, d = data.draw(tame())
    nets = read_network(f, "f"), read_network(g, "g")
    run = joint(*nets)
    left, tree, worst = [([-HALF] * d, [HALF] * d)], [], Fraction(0)
    while left:
        lo, hi = left.pop()
        j = data.draw(st.integers(0, d - 1))
        if len(tree) < 6 and hi[j] - lo[j] > 1 and data.draw(st.booleans()):
            cut = data.draw(st.integers(lo[j] + 1, hi[j] - 1))
            tree.append(["split", j, cut])
            left += [([cut if i == j else v for i, v in enumerate(lo)], hi), (lo, [cut if i == j else v for i, v in enumerate(hi)])]
            continue
        coupled = data.draw(COUPLINGS) & ((1 << run.pairs) - 1)
        tree.append(["leaf", f"{coupled:x}"])
        worst = max(worst, *(max(-a, b) for a, b in fractions(zip(*run.outputs(Bounds(lo, hi), coupled).differences, strict=True), 64)))
    where = box(*[(Fraction(-1, 2), Fraction(1, 2))] * d)
    assert check(certificate("equal", "proved", (f, g), boxes_evidence(tree), domain=where, tolerance=worst))
    if worst:
        with pytest.raises(Rejected, match="exceeds the tolerance"):
            check(certificate("equal", "proved", (f, g), boxes_evidence(tree), domain=where, tolerance=worst - TINY / 64))


# |f_0 - g_0| = max(z, 0)/1000, z = 3 x_0 - x_1 + 1, at most 1/250, and |f_1 - g_1| = 1/1000; z is unit 1
ABOVE = ["leaf", [], [[[1, [[4, 3], [7, 1]]], [1, [[8, 1]]]], [[1, []], [1, []]]]]
BELOW = ["leaf", [], [[[1, []], [1, []]], [[1, []], [1, []]]]]
NESTED = ["exact", None, [["split", [], 1], ABOVE, BELOW]]


def test_nested_trees() -> None:
    """Rows 4 to 7 are the sides of the box."""
    tree = [["split", 0, 0], NESTED, NESTED]
    assert check(equal(tree, "1/250"))
    changed = copy.deepcopy(tree)
    changed[1][2][1][2][0][0][1][0][0] = 5
    for wrong in (changed, [["split", 0, 0], ["exact", None, NESTED[2][:2]], NESTED], [["exact", None, [BELOW]]]):
        with pytest.raises(Rejected, match=r"boxes: node \d: tree"):
            check(equal(wrong, "1/250"))
    with pytest.raises(Rejected, match="hull"):
        check(equal([["exact", {}, NESTED[2]]], "1/250"))


def test_a_nested_tree_is_about_its_box_alone() -> None:
    """With x_0 <= 0, z <= 1; this does not hold for x_0 >= 0, and not without the rows of the box."""
    above = ["leaf", [], [[[1, [[4, 3], [7, 1]]], [1, [[8, 1]]]], [[1, []], [1, []]]]]
    small = ["exact", None, [["split", [], 1], above, BELOW]]
    claims = {
        place: equal(tree, "1/1000", domain=where)
        for place, tree, where in (
            ("left", [small], box((-1, 0), (0, 1))),
            ("both", [["split", 0, 0], small, small], UNIT),
        )
    }
    assert check(claims["left"])
    with pytest.raises(Rejected, match="node 2: tree: node 1"):
        check(claims["both"])


def test_what_is_beyond_the_bound_is_rejected() -> None:
    """At (1, 0) the second output's neuron is 4, so that the first outputs differ by 1/250."""
    assert check(equal(CUT, "5/1000"))
    with pytest.raises(Rejected, match="exceeds the tolerance"):
        check(equal(CUT, "399/100000"))


def without(key: str) -> dict[str, Any]:
    evidence = boxes_evidence(CUT)
    del evidence[key]
    return evidence


WRONG_TREES: dict[str, Any] = {
    "nothing": [],
    "no list": {},
    "a missing node": CUT[:-1],
    "a further node": [*CUT, ["pass"]],
    "a cut on the side": [["split", 0, -2 * HALF], *LEAF, *LEAF],
    "a cut outside": [["split", 1, -1], *LEAF, *LEAF],
    "a cut outside a part": [["split", 0, 0], ["split", 0, 1], *LEAF, *LEAF, *LEAF],
    "a cut that is no integer": [["split", 0, "0"], *LEAF, *LEAF],
    "a cut that is true": [["split", 1, True], *LEAF, *LEAF],
    "an input that is not there": [["split", 2, 0], *LEAF, *LEAF],
    "a split with an entry more": [["split", 0, 0, 0], *LEAF, *LEAF],
    "an unknown kind": [["leaves", "3"]],
    "a node that is no list": ["pass"],
    "an empty node": [[]],
    "a kind that is no text": [[0]],
    "a pass with an entry more": [["pass", 0]],
    "a leaf without couplings": [["leaf"]],
    "a leaf with an entry more": [["leaf", "3", 0]],
    "too many couplings": [["leaf", "4"]],
    "couplings in capitals": [["leaf", "A"]],
    "couplings that begin with 0": [["leaf", "03"]],
    "couplings with a sign": [["leaf", "-3"]],
    "couplings with a line": [["leaf", "3\n"]],
    "couplings that are a number": [["leaf", 3]],
    "no couplings": [["leaf", ""]],
    "exact without a tree": [["exact", None]],
}


@pytest.mark.parametrize("name", WRONG_TREES)
def test_wrong_trees_are_rejected(name: str) -> None:
    with pytest.raises(Rejected):
        check(equal(WRONG_TREES[name]))


@pytest.mark.parametrize(
    "evidence",
    [
        without("bits"),
        without("tree"),
        boxes_evidence(CUT, more=0),
        boxes_evidence(CUT, bits=15),
        boxes_evidence(CUT, bits=4097),
        boxes_evidence(CUT, bits=True),
        boxes_evidence(CUT, box=[[0, 1, [0, 0]]]),
        boxes_evidence(CUT, point=[0, 0]),
    ],
)
def test_wrong_evidence_is_rejected(evidence: Any) -> None:
    with pytest.raises(Rejected):
        check(certificate("equal", "proved", (F, G), evidence, domain=UNIT, tolerance="3/500"))


def test_a_domain_is_needed() -> None:
    for where in (None, {"A": tensor([[1, 0]]), "b": tensor([1])}):
        with pytest.raises(Rejected, match="domain"):
            check(equal(CUT, domain=where))


def test_smooth_networks_have_the_pass_only() -> None:
    net = network([node("x", "input", shape=[1]), node("s", "smooth", "x", function="tanh")])
    claims = [equal(tree, "1/2", (net, net), domain=box((0, 1))) for tree in ([["pass"]], [["leaf", "0"]])]
    assert check(claims[0])
    with pytest.raises(Rejected, match="not piecewise linear"):
        check(claims[1])


def test_zero_and_symmetry() -> None:
    small = mlp(([[1, 2]], [-3]), ([["1/100"]], [0]))
    zero = certificate("zero", "proved", (small,), boxes_evidence([["leaf", "0"]]), domain=UNIT, tolerance="1/300")
    assert check(zero)
    zero["evidence"]["tree"] = [["leaf", "1"]]  # there are no pairs
    with pytest.raises(Rejected, match="more couplings"):
        check(zero)
    steps = [{"kind": "permutation", "layer": "r0", "order": [0, 1]}]
    symmetry = certificate("symmetry", "proved", (F,), boxes_evidence(LEAF), domain=UNIT, transformation=steps)
    assert check(symmetry)
    symmetry["claim"]["transformation"][0]["order"] = [1, 0]
    with pytest.raises(Rejected, match="exceeds the tolerance"):
        check(symmetry)


# --- deviations and decisions -------------------------------------------------------------------------------------------------


def deviation(evidence: dict[str, Any], tolerance: Any, **change: Any) -> dict[str, Any]:
    evidence = {**evidence, "point": change.pop("point", [1, 0])}
    return certificate("deviation", "proved", (F, G), evidence, domain=UNIT, tolerance=tolerance, **change)


PASS = {"method": "pass", "bits": 64}
SIGNS = [[1, [[0, 3], [3, 1]]], [1, [[0, 3], [3, 1]]], [1, [[4, 1]]], [1, [[4, 1]]]]
SIGNED = {"method": "tree", "hull": None, "tree": [["split", [], 1], ["leaf", [], SIGNS], ["leaf", [], [[1, []]] * 4]]}


def test_brackets() -> None:
    """The largest difference is 1/250, the largest sum of differences 1/200, both at (1, 0)."""
    for evidence in (PASS, boxes_evidence(CUT), boxes_evidence([["split", 0, 0], NESTED, NESTED])):
        assert check(deviation(evidence, "1/200", lower="1/250"))
        assert check(deviation(evidence, "1/200", lower="1/500", point=["1/2", "1/2"], norm="linf"))
        for wrong in ({"lower": "1/249"}, {"lower": "1/250", "point": [0, 0]}, {}, {"lower": "1/199"}, {"lower": "-1/2"}, {"lower": None}):
            with pytest.raises(Rejected):
                check(deviation(evidence, "1/200", **wrong))
        for tolerance in ("1/251", "1/300"):
            with pytest.raises(Rejected):
                check(deviation(evidence, tolerance, lower="1/500"))


def test_sums_of_differences() -> None:
    for evidence in (PASS, boxes_evidence(CUT), SIGNED, boxes_evidence([["pass"]])):
        assert check(deviation(evidence, "6/1000", lower="1/200", norm="l1"))
        for wrong in (
            {"lower": "1/199", "norm": "l1"},
            {"lower": "1/200"},
            {"lower": "1/250", "norm": "l2"},
            {"lower": "1/250", "norm": ["l1"]},
        ):
            with pytest.raises(Rejected):
                check(deviation(evidence, "6/1000", **wrong))
        with pytest.raises(Rejected):
            check(deviation(evidence, "9/2000", lower="1/250", norm="l1"))
    assert check(deviation(SIGNED, "1/200", norm="l1"))
    short = {**SIGNED, "tree": [*SIGNED["tree"][:2], ["leaf", [], [[1, []]] * 2]]}
    with pytest.raises(Rejected, match="expected 4 entries"):
        check(deviation(short, "1/200", norm="l1"))
    with pytest.raises(Rejected):
        check(deviation(SIGNED, "1/200"))
    wide = mlp(([[1]] * 9, [0] * 9))
    signs = {"method": "tree", "hull": None, "tree": [["leaf", [], [[1, []]] * 512]], "point": [0]}
    with pytest.raises(BudgetExceeded, match="too many signs"):
        check(certificate("deviation", "proved", (wide, wide), signs, box((0, 1)), 1, lower=0, norm="l1"))


def test_a_point_is_needed_and_only_deviations_have_brackets() -> None:
    with pytest.raises(Rejected, match="missing key 'point'"):
        check(certificate("deviation", "proved", (F, G), boxes_evidence(CUT), domain=UNIT, tolerance="1/200"))
    for key, value in (("lower", 0), ("norm", "l1")):
        with pytest.raises(Rejected, match="unknown key"):
            check(equal(CUT, **{key: value}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "max |f_j - g_j| = 1/200 on"),
        ({"lower": "1/200", "norm": "linf"}, "max |f_j - g_j| = 1/200 on"),
        ({"lower": "1/250"}, "1/250 <= max |f_j - g_j| <= 1/200 on"),
        ({"norm": "l1"}, "max sum_j |f_j - g_j| = 1/200 on"),
        ({"lower": 0, "norm": "l1"}, "0 <= max sum_j |f_j - g_j| <= 1/200 on"),
    ],
)
def test_the_sentence(change: Any, words: str) -> None:
    document = deviation(PASS, "1/200", **change)
    sentence = _words.sentence(read_claim(document["claim"]), read_network(document["models"]["f"]["inline"], "f"))
    assert sentence.startswith(f"proved: {words}")


def test_claims_write_what_they_say() -> None:
    f, g = mlp_of(F), mlp_of(G)
    where = Box([-1, 0], [1, 1])
    plain = DeviationClaim(f, g, where, Fraction(1, 200))
    assert set(plain.stated("proved")) == {"question", "answer", "domain", "tolerance"}
    more = DeviationClaim(f, g, where, Fraction(1, 200), lower=Fraction(1, 250), norm="l1").stated("proved")
    assert (more["lower"], more["norm"]) == ("1/250", "l1")
    assert check(deviation(PASS, "6/1000", norm="l1", lower=more["lower"]))


NEARBY = box((Fraction(1, 2), 1), (0, Fraction(1, 4)))  # here z >= 9/4, and f_1 - f_0 = 3 z - 3


def decision(tree: Any, where: Any = NEARBY, models: Any = (F, G)) -> dict[str, Any]:
    document = certificate("same_decision", "proved", models, boxes_evidence(tree), domain=where)
    del document["claim"]["tolerance"]
    return document


def test_decisions() -> None:
    assert check(decision([["leaf", "0", 1]]))
    assert check(decision([["split", 1, HALF // 4], ["leaf", "0", 1], ["leaf", "3", 1]]))
    for tree in ([["leaf", "0", 0]], [["leaf", "0", 2]], [["leaf", "0"]], [["pass"]], [["leaf", "0", 1, 1]]):
        with pytest.raises(Rejected):
            check(decision(tree))
    with pytest.raises(Rejected, match="may not be above"):
        check(decision([["leaf", "0", 1]], UNIT))
    other = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, -2], [1, 1]], [30, 0]))
    for models in ((F, other), (other, F)):
        with pytest.raises(Rejected, match="may not be above"):
            check(decision([["leaf", "0", 1]], models=models))


def test_a_nested_tree_of_decisions() -> None:
    """The engine's trees for parts of the domain, with the rows of the box behind those of the domain."""
    twice = mlp(([[1, 2], [3, -1]], [0, 1]), ([[2, -4], [2, 2]], [6, 0]))
    last = Fraction(1, 4)

    def nested(low: Any, high: Any) -> Any:
        sides = Polyhedron([[1, 0], [-1, 0], [0, 1], [0, -1]] * 2, [1, 1, last, 0, high, -low, last, 0])
        evidence = verify_same_decision(mlp_of(F), mlp_of(twice), domain=sides).certificate.document["evidence"]
        assert evidence["method"] == "tree"
        return ["exact", evidence["hull"], evidence["tree"]]

    parts = nested(-1, 0), nested(0, last)
    cuts = [["split", 0, 0], ["split", 0, HALF // 2]]
    where = box((-1, 1), (0, last))
    assert check(decision([cuts[0], parts[0], cuts[1], parts[1], ["leaf", "0", 1]], where, (F, twice)))
    with pytest.raises(Rejected, match=r"boxes: node [13]: tree"):
        check(decision([cuts[0], parts[1], cuts[1], parts[0], ["leaf", "0", 1]], where, (F, twice)))


# --- rules that would be wrong ------------------------------------------------------------------------------------------------


def everything_contained() -> bool:
    """At corners and other points of boxes, for networks whose units are all across their kinks."""
    generator = random.Random(7)

    def near(rows: Any, step: int) -> Any:
        return [[q + Fraction(generator.randint(-step, step), 16) for q in row] for row in rows]

    for couplings in (0, -1):
        for _ in range(12):
            sizes = (2, 3, 3, 2)
            layers = [[[Fraction(generator.randint(-8, 8), 4) for _ in range(n)] for _ in range(m)] for n, m in pairwise(sizes)]
            biases = [[generator.choice((0, 0, 9)) for _ in rows] for rows in layers]
            f = mlp(*zip(layers, biases, strict=True))
            g = mlp(*((near(rows, 4), near([bias], 4)[0]) for rows, bias in zip(layers, biases, strict=True)))
            try:
                assert_contained(mlp_of(f), mlp_of(g), Box([-1, -1], [1, 1]), couplings, generator.randint(0, 99))
            except AssertionError:
                return False
    return True


def test_the_rules_as_they_are() -> None:
    assert everything_contained()


def _half_way(self: Any, d: Form, low: int, high: int) -> Form:
    """delta between 0 and d/2."""
    own, other = [n >> 2 for n in d.own], [n >> 2 for n in d.other]
    self.count[_zonotope.DIFFERENCE] += 1
    return Form(own, _zonotope._added(other, self.count[_zonotope.DIFFERENCE] - 1, max(-low, high) // 4 + 1), d.error + 9)


def _steep(self: Any, *of: Any, line: Any = _zonotope._Run.line) -> Any:
    """A slope above 1, with the shift as if it were not."""
    found, slope = line(self, *of), 3 << self.bits - 1
    return found._replace(slope=slope, shift=slope * -of[1] >> self.bits + 1) if found.place else found


def _no_shift(self: Any, *of: Any, line: Any = _zonotope._Run.line) -> Any:
    return line(self, *of)._replace(shift=0)


def _same_symbol(self: Any, *of: Any, line: Any = _zonotope._Run.line) -> Any:
    found = line(self, *of)
    return found._replace(place=self.slots) if found.place else found


def _too_sharp(a: Any, b: Any, d: Any, sharpened: Any = _zonotope.sharpened) -> Any:
    """0 is said to be a bound of the difference."""
    first, second, ends = sharpened(a, b, d)
    pairs = [(max(low, 0), high) if low + high > 0 else (low, min(high, 0)) for low, high in zip(*ends, strict=True)]
    return first, second, Bounds([low for low, _ in pairs], [high for _, high in pairs])


def _shared(self: Any, a: Any, d: Any, first: Any, second: Any, relaxed: Any = _zonotope._Run.relaxed) -> Any:
    """The symbol of g is taken to be that of f, so that the shifts cancel."""
    found = relaxed(self, a, d, first, second)
    if not (first.place and second.place):
        return found
    return found._replace(own=[*found.own[:-1], first.shift - second.shift], other=[*found.other[:-1], 0])


@pytest.mark.parametrize(
    ("name", "rule"),
    [("coupled", _half_way), ("line", _steep), ("line", _no_shift), ("line", _same_symbol), ("relaxed", _shared)],
)
def test_a_wrong_rule_is_caught(name: str, rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_zonotope._Run, name, rule)
    assert not everything_contained()


def test_ranges_that_are_too_sharp_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_zonotope, "sharpened", _too_sharp)
    assert not everything_contained()


def test_forgotten_rounding_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 16 bits."""
    f, g = (mlp(([[Fraction(1, 3)]] * 2, [0, 0]), ([[1, q], [1, 1]], [0, 0]), ([[2**9, 2**9]], [0])) for q in (1, Fraction(2, 3)))
    where = Box([Fraction(1, 2)], [Fraction(1, 2)])
    assert_contained(mlp_of(f), mlp_of(g), where, 0, 1, bits=16)
    rounded = _packed.Rows.forms
    monkeypatch.setattr(_packed.Rows, "forms", lambda *a: [form._replace(error=0) for form in rounded(*a)])
    with pytest.raises(AssertionError):
        assert_contained(mlp_of(f), mlp_of(g), where, 0, 1, bits=16)


# --- limits -------------------------------------------------------------------------------------------------------------------


def wide(count: int) -> Any:
    return mlp(([[1]] * count, [0] * count), ([[1] * count], [0]))


def seconds(document: Any, match: str) -> float:
    begin = time.process_time()
    with pytest.raises(BudgetExceeded, match=match):
        check(document)
    return time.process_time() - begin


def chain(count: int) -> list[Any]:
    """So many cuts, each of the upper part."""
    return [node for k in range(1, count) for node in (["split", 0, k], ["leaf", "0"])] + [["leaf", "0"]]


def test_many_leaves_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    net = wide(500)
    monkeypatch.setattr(_budget, "WORK", (2**25, 0))
    assert seconds(equal(chain(50000), 10**6, (net, net), domain=box((-1, 1))), "boxes: 50000 leaves: more than") < 5


def test_the_work_of_leaves_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    net = wide(40)
    document = equal(chain(20), 10**6, (net, net), domain=box((-1, 1)))
    assert check(document)
    monkeypatch.setattr(_budget, "WORK", (160000, 0))
    assert seconds(document, "boxes: node .*more than 160000 operations") < 5
    monkeypatch.undo()
    monkeypatch.setattr(_budget, "ROOM", (50, 0))
    assert seconds(document, "more than 50 numbers") < 5


def test_nested_trees_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    nested = equal([["split", 0, 0], NESTED, NESTED])
    for work in range(50, 10000, 50):
        monkeypatch.setattr(_budget, "WORK", (work, 0))
        try:
            assert check(equal([NESTED]))
            break
        except BudgetExceeded:
            pass
    assert seconds(nested, f"more than {work} operations") < 5


def test_a_box_keeps_what_later_stages_read() -> None:
    """With n stages of two units, all relaxed, the symbols are 2n: kept for one stage they take room like n, for all like n^2."""

    def room(stages: int) -> int:
        layer = [[1, Fraction(1, 2)], [-1, Fraction(1, 2)]], [0, 0]
        net = read_network(mlp(*[layer] * stages, ([[1, 1]], [0])), "net")
        with watched() as account:
            assert len(Joint(net, net, 32).outputs(Bounds([-(2**32)] * 2, [2**32] * 2)).differences.lo) == 1
        return account.most

    assert room(80) < 3 * room(40)
