"""Claims that two networks agree at given points: accepted where right, rejected when a number, an entry or a key is changed."""

import random
from fractions import Fraction

import pytest

import exactnn as xn
from exactnn.certificate import BudgetExceeded, Rejected, _budget, check
from exactnn.certificate._check import examine
from exactnn.certificate.telling import sentence
from exactnn.claims import Certificate, EqualAtClaim
from exactnn.exact.array import RationalArray
from exactnn.exact.writing import json_tensor
from exactnn.network import Affine, Builder, Gather, Input, MaxPool, Reshape
from tests.certificate import _oracle
from tests.certificate._build import act, affine, certificate, mlp, network, node, rehash, shallow, tensor
from tests.certificate.test_mutations import mutants, verdict

RELU, IDENTITY = shallow([(1, 1, 0)]), shallow([(1, 1, 0), (-1, -1, 0)])
DEEP = mlp(([[1, 2], [3, -1]], [0, "1/3"]), ([[1, 1], [2, -1]], [-1, 1]), ([[1, 2], [0, 1]], [0, 5]))
POOLED = network(
    [
        node("x", "input", shape=[2]),
        affine("h", "x", [[1, 1], [2, 0], [0, 0]], [0, -1, "1/2"]),
        node("s", "reshape", "h", shape=[1, 3]),
        node("m", "max_pool", "s", kernel=[3], stride=[1], padding=[[0, 0]], dilation=[1]),
        node("y", "reshape", "m", shape=[1]),
    ]
)
LARGEST = network(
    [
        node("x", "input", shape=[2]),
        affine("h", "x", [[-1, 1], [1, 1]], [1, "-1/2"]),
        act("r", "h"),
        affine("k", "r", [[1, 0], [0, 1]], [0, "1/2"]),
        affine("y", "k", [[0, 1]], [0]),
    ]
)


def equal_at(answer, f, g, points, evidence):
    found = certificate("equal_at", answer, (f, g), evidence)
    found["claim"] = {"question": "equal_at", "answer": answer, "points": tensor(points)}
    return found


def values(rows):
    return {"method": "values", "values": tensor(rows)}


CASES = {
    "line": equal_at("proved", RELU, IDENTITY, [[0], [1], ["7/3"]], values([[0], [1], ["7/3"]])),
    "itself": equal_at(
        "proved", DEEP, DEEP, [[1, 0], ["-1/2", 2]], values([_oracle.evaluate(DEEP, p) for p in ([1, 0], [Fraction(-1, 2), 2])])
    ),
    "pooling": equal_at("proved", POOLED, LARGEST, [[0, 1], [0, 0], [1, 1]], values([[1], ["1/2"], [2]])),
    "refuted": equal_at("refuted", RELU, IDENTITY, [[1], ["-1/2"]], {"method": "point", "index": 1, "f": [0], "g": ["-1/2"]}),
}


def is_right(found):
    """A second opinion, by nested loops over fractions."""
    claim, evidence = found["claim"], found["evidence"]
    count, size = claim["points"]["shape"]
    flat = _oracle.entries(claim["points"])
    f, g = (found["models"][name]["inline"] for name in "fg")
    if claim["answer"] == "refuted":
        i = evidence["index"]
        point = flat[i * size : (i + 1) * size]
        both = [_oracle.evaluate(net, point) for net in (f, g)]
        return both == [list(map(Fraction, evidence[name])) for name in "fg"] and both[0] != both[1]
    points = [flat[i * size : (i + 1) * size] for i in range(count)]
    given = _oracle.entries(evidence["values"])
    return all([v for p in points for v in _oracle.evaluate(net, p)] == given for net in (f, g))


@pytest.mark.parametrize("name", CASES)
def test_true_claims_are_accepted(name):
    assert is_right(CASES[name])
    assert check(CASES[name]) is True


@pytest.mark.parametrize("name", CASES)
def test_a_changed_certificate_is_rejected_unless_it_is_right_too(name):
    rejected = 0
    for path, value, mutant in mutants(CASES[name], random.Random(name)):
        if verdict(mutant) is None:
            assert is_right(mutant), (path, value)
        else:
            rejected += 1
    assert rejected > 10


@pytest.mark.parametrize("name", ["line", "itself", "pooling"])
def test_every_number_of_claim_and_evidence_counts(name):
    """With the values in the evidence, no point and no value can be another one."""
    for key, tensor_ in (("claim", "points"), ("evidence", "values")):
        for i in range(len(CASES[name][key][tensor_]["numerators"])):
            changed = {**CASES[name], key: {**CASES[name][key], tensor_: dict(CASES[name][key][tensor_])}}
            numbers = list(changed[key][tensor_]["numerators"])
            numbers[i] += 1
            changed[key][tensor_]["numerators"] = numbers
            assert verdict(rehash(changed)) is not None or is_right(changed)


def test_sentences():
    def said(name):
        return sentence(examine(CASES[name], (), None))

    assert said("line") == "proved: f = g at 3 points of R^1: (0), (1), (7/3)"
    assert said("refuted") == "refuted: f differs from g at one of 2 points of R^1: (1), (-1/2)"
    many = equal_at("proved", RELU, IDENTITY, [[i] for i in range(300)], values([[i] for i in range(300)]))
    assert sentence(examine(many, (), None)).startswith("proved: f = g at 300 points of R^1; the claim has the sha256 ")


def test_bad_documents_are_rejected_by_name():
    smooth = network([node("x", "input", shape=[1]), node("t", "smooth", "x", function="tanh")])
    cases = {
        "irrational": equal_at("proved", smooth, smooth, [[0]], values([[0]])),
        "entries for 1 inputs": equal_at("proved", RELU, IDENTITY, [[0, 0]], values([[0]])),
        "one row for each point": equal_at("proved", RELU, IDENTITY, [0], values([[0]])),
        "expected shape": equal_at("proved", RELU, IDENTITY, [[0]], values([[0, 0]])),
        "cannot support": equal_at("proved", RELU, IDENTITY, [[0]], {"method": "tree"}),
        "index from 0 to 0": equal_at("refuted", RELU, IDENTITY, [[-1]], {"method": "point", "index": 1, "f": [0], "g": [-1]}),
        "are the same": equal_at("refuted", RELU, IDENTITY, [[1]], {"method": "point", "index": 0, "f": [1], "g": [1]}),
        "unknown key": {**CASES["line"], "claim": {**CASES["line"]["claim"], "domain": None}},
        "integer >= 1": {
            **CASES["line"],
            "claim": {**CASES["line"]["claim"], "points": {"shape": [0, 1], "denominator": 1, "numerators": []}},
        },
    }
    for words, found in cases.items():
        with pytest.raises(Rejected, match=words):
            check(found)


def test_what_would_take_hours_is_not_decided(monkeypatch):
    monkeypatch.setattr(_budget, "WORK", (2000, 0))
    assert check(equal_at("proved", IDENTITY, IDENTITY, [[0]], values([[0]]))) is True
    with pytest.raises(BudgetExceeded, match="more than 2000 operations"):
        check(equal_at("proved", IDENTITY, IDENTITY, [[0]] * 100, values([[0]] * 100)))


def test_the_question():
    f, g = xn.mlp([([[1]], [0]), ([[1]], [0])]), xn.mlp([([[1]], [0])])
    proved = xn.verify_equal_at(f, g, [[0], ["1/3"]])
    assert proved.proved
    assert proved.certificate.kind == "values"
    assert xn.check(proved.certificate)
    refuted = xn.verify_equal_at(f, g, [[1], ["-1/3"], [-1]])
    assert (refuted.status, refuted.counterexample, refuted.values) == ("refuted", (Fraction(-1, 3),), ((0,), (Fraction(-1, 3),)))
    assert "2 of 3 points, first at point 1" in refuted.reason
    assert xn.check(refuted.certificate)
    with pytest.raises(xn.errors.ShapeError, match="equal input and output sizes"):
        xn.verify_equal_at(f, xn.mlp([([[1, 2]], [0])]), [[0]])
    with pytest.raises(xn.errors.NotRational):
        xn.verify_equal_at(xn.mlp([([[1]], [0]), ([[1]], [0])], "tanh"), g, [[0]])


def test_more_points_than_one_certificate_takes_are_unknown(monkeypatch):
    f, g = xn.mlp([([[1]], [0]), ([[1]], [0])]), xn.mlp([([[2]], [0]), ([["1/2"]], [0])])
    each = EqualAtClaim.work_at_a_point(f) + EqualAtClaim.work_at_a_point(g)
    monkeypatch.setattr(EqualAtClaim, "WORK", 2 * each)
    assert xn.verify_equal_at(f, g, [[0], [1]]).proved
    verdict = xn.verify_equal_at(f, g, [[0], [1], [2]])
    assert verdict.unknown
    assert "ask about at most 2 points at a time" in verdict.reason
    assert xn.verify_equal_at(f, xn.mlp([([[1]], [0])]), [[0], [1], [-2]]).refuted  # one point is enough
    assert xn.check(xn.verify_equal_at(f, g, [[0], [1]]).certificate)


def test_small_files_cannot_ask_for_long_work():
    """Windows as large as their grid count entry by entry; numbers that double their length with each node count by the square of it."""
    b = Builder()
    x = b.add("x", Input((1,)))
    wide = b.add("wide", Reshape((1, 4096)), b.add("a", Affine(RationalArray.of([[1]] * 4096), RationalArray.zeros((4096,))), x))
    pool = b.add("pool", MaxPool((4096,), (1,), ((4095, 2048),), (1,)), wide)
    f = b.build([x], [b.add("y", Gather(RationalArray.zeros((1,))), pool)])
    document = values_of(f, xn.mlp([([[1]], [0])]), [[i] for i in range(8)])
    with pytest.raises(BudgetExceeded, match="too large for this checker"):
        check(document)
    squares = xn.mlp([([[1]], [0])] * 25, xn.rational.RationalFunction([0, 0, 1], [1]))
    document = values_of(squares, xn.mlp([([[1]], [0])]), [["3/7"]])
    with pytest.raises(BudgetExceeded, match="too large for this checker"):
        check(document)


def values_of(f, g, points):
    """A certificate that states 0 everywhere: evaluation comes first."""
    rows = RationalArray.of(points)
    evidence = {"method": "values", "values": json_tensor(RationalArray.zeros((len(rows), 1)))}
    return Certificate(EqualAtClaim(f, g, rows), "proved", evidence).document
