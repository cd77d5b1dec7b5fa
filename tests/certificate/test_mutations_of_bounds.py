"""Certificates of the kinds about domains, changed in every place: what is accepted holds, by vertices of arrangements or by the engines.

The others have theirs in test_mutations, test_tree, test_fibre (those of `extra` too), test_poles, test_at_points and test_identity; the
last test here sees that no kind is left out.
"""

import json
import random
from fractions import Fraction
from itertools import combinations

import pytest

import exactnn as xn
from exactnn.certificate import BudgetExceeded, Rejected, _claim, check
from exactnn.errors import EmptyDomain
from exactnn.load.json import network_from_document
from tests.certificate import _cases, _oracle, test_at_points, test_fibre, test_identity, test_poles, test_tree
from tests.certificate._build import box, certificate, mlp, rehash
from tests.certificate.test_boxes import PASS, SIGNED, boxes_evidence, decision, deviation
from tests.certificate.test_execution import GOOD as RUN
from tests.certificate.test_mutations import mutants

UNIT = box((-1, 1), (0, 1))
F = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, -2], [1, 1]], [3, 0]))
G = mlp(([[1, 2], [3, -1]], [0, 1]), ([[1, "-2001/1000"], [1, 1]], [3, "1/1000"]))
TURNED = mlp(
    ([["3/2", "-1/2"], [1, 2]], ["1/2", 0]), ([["-4002/1000", 1], [2, 1]], [3, "1/1000"])
)  # G with its neurons exchanged, one scaled
STEPS = [
    {"kind": "permutation", "layer": "r0", "order": [1, 0]},
    {"kind": "scaling", "layer": "r0", "factors": [1, 2]},
]
CUT = [["split", 0, 0], ["leaf", "3"], ["split", 1, 1 << 63], ["leaf", "2"], ["pass"]]
SIDES = {
    "A": {"shape": [4, 2], "denominator": 1, "numerators": [1, 1, 1, -1, -1, 0, 0, -1]},
    "b": box((0, 1))["b"] | {"shape": [4], "numerators": [1, 1, 0, 0]},
}


def equal(evidence, tolerance="3/500", where=UNIT, g=G):
    return certificate("equal", "proved", (F, g), evidence, domain=where, tolerance=tolerance)


CASES = {
    "pass": equal(PASS),
    "pass, sides": equal({**PASS, "box": [[0, 1, [0, 1]], [1, 1, [0, 2]]]}, where=SIDES, tolerance="1/50"),
    "pass, matched": equal({**PASS, "matched": STEPS}, g=TURNED),
    "boxes": equal(boxes_evidence(CUT)),
    "deviation, pass": deviation(PASS, "1/200", lower="1/250"),
    "deviation, tree": deviation(SIGNED, "1/100", norm="l1", lower=0),
    "deviation, boxes": deviation(boxes_evidence(CUT), "1/200", lower=0),
    "decision, boxes": decision([["leaf", "3", 1]]),
    "rounding": RUN,
}


def decided(f, g):
    """What the engine writes of whether f and g decide alike."""
    nets = map(network_from_document, (f, g))
    return json.loads(json.dumps(xn.verify_same_decision(*nets, domain=xn.Box([-1, 0], [1, 1])).certificate.document))


NARROW = mlp(([[1, -1], [1, 1]], [0, 0]), ([[1, 0], [0, 1]], [0, 0]))
CASES["decision, tree"] = decided(NARROW, mlp(([[2, -2], [2, 2]], [0, 0]), ([[1, 0], [0, 1]], [1, 1])))
CASES["decision, point"] = decided(NARROW, mlp(([[1, -1], [1, 1]], [0, 0]), ([[2, 0], [0, 1]], [0, "1/10"])))


def largest(document):
    """The largest and the summed |f - g| of networks with one hidden layer over a polygon, at the vertices of the arrangement of kinks."""
    claim, nets = document["claim"], [document["models"][name]["inline"] for name in "fg"]
    rows = list(zip(_rows(claim["domain"]["A"]), _entries(claim["domain"]["b"]), strict=True))
    lines = rows + [
        (w, -b) for net in nets for w, b in zip(_rows(net["nodes"][1]["weight"]), _entries(net["nodes"][1]["bias"]), strict=True)
    ]
    corners = set()
    for ((a, b), r), ((c, d), s) in combinations(lines, 2):
        if a * d != b * c:
            corners.add(((r * d - b * s) / (a * d - b * c), (a * s - r * c) / (a * d - b * c)))
    inside = [x for x in corners if all(a[0] * x[0] + a[1] * x[1] <= b for a, b in rows)]
    gaps = [[abs(u - v) for u, v in zip(*(_oracle.evaluate(net, list(x)) for net in nets), strict=True)] for x in inside]
    return max(map(max, gaps), default=Fraction(0)), max(map(sum, gaps), default=Fraction(0))


def _entries(tensor):
    return [Fraction(int(n), int(tensor["denominator"])) for n in tensor["numerators"]]


def _rows(tensor):
    entries, d = _entries(tensor), tensor["shape"][1]
    return [tuple(entries[i : i + d]) for i in range(0, len(entries), d)]


def is_right(document):
    claim, evidence = document["claim"], document["evidence"]
    question = claim["question"]
    f, g = (network_from_document(document["models"][n]["inline"]) if n in document["models"] else None for n in "fg")
    domain = None if claim["domain"] is None else xn.Polyhedron(_rows(claim["domain"]["A"]), _entries(claim["domain"]["b"]))
    if question == "same_decision":
        try:
            return xn.verify_same_decision(f, g, domain=domain).status == claim["answer"]
        except EmptyDomain:
            return claim["answer"] == "proved"
    if question == "execution_error":
        sides = [
            (row, b) for row, b in zip(_rows(claim["domain"]["A"]), _entries(claim["domain"]["b"]), strict=True) if sum(map(bool, row)) == 1
        ]
        ends = [{1: None, -1: None} for _ in range(claim["domain"]["A"]["shape"][1])]
        for row, b in sides:
            k, a = next((k, a) for k, a in enumerate(row) if a)
            sign = 1 if a > 0 else -1
            ends[k][sign] = b / a if ends[k][sign] is None else sign * min(sign * ends[k][sign], sign * b / a)
        where = xn.Box([e[-1] for e in ends], [e[1] for e in ends])
        bounds = xn.execution_error(f, domain=where, dtype=claim["dtype"], accumulation=claim["accumulation"]).per_output
        return all(Fraction(a) >= b - b / 2**20 for a, b in zip(claim["bounds"], bounds, strict=True))
    most, total = largest(document)
    if claim.get("norm") == "l1":
        most = total
    if question == "deviation" and "lower" in claim:
        x = [Fraction(v) for v in evidence["point"]]
        gaps = [abs(u - v) for u, v in zip(*(_oracle.evaluate(document["models"][n]["inline"], x) for n in "fg"), strict=True)]
        reached = sum(gaps) if claim.get("norm") == "l1" else max(gaps)
        if not (domain.contains(x) and reached >= Fraction(claim["lower"])):
            return False
    return most <= Fraction(claim["tolerance"])


@pytest.mark.parametrize("name", CASES)
def test_a_changed_certificate_is_rejected_unless_it_is_right_too(name):
    assert check(CASES[name])
    assert is_right(CASES[name])
    rejected = 0
    generator = random.Random(name)
    every = list(mutants(CASES[name], generator))
    for path, value, mutant in generator.sample(every, min(len(every), 250)):
        try:
            check(mutant)
        except (Rejected, BudgetExceeded) as found:
            rejected += bool(found.step) and bool(found.reason)
            continue
        assert is_right(mutant), (path, value)
    assert rejected > 20


def test_the_oracle_sees_what_is_wrong():
    """One thousandth less is too little, where the bound is sharp."""
    most, total = largest(CASES["pass"])
    assert 0 < most <= total
    for name, size in (("pass", most), ("boxes", most)):
        wrong = {**CASES[name], "claim": {**CASES[name]["claim"], "tolerance": str(size * Fraction(999, 1000))}}
        assert not is_right(rehash(wrong))


def test_no_kind_is_left_out():
    everything = [
        *_cases.CASES.values(),
        *CASES.values(),
        *test_fibre.CASES.values(),
        *test_poles.RIGHT.values(),
        *test_at_points.CASES.values(),
    ]
    everything += [*test_identity.CASES.values(), *test_tree.GOOD.values()]
    found = {(c["claim"]["question"], c["claim"]["answer"], c["evidence"]["method"]) for c in everything}
    known = {
        (question, answer, method)
        for question, name in _claim.QUESTIONS.items()
        for answer, methods in _claim.load(name).methods.items()
        for method in methods
    }
    same = {("zero", "equal"), ("symmetry", "equal")}  # read by one class
    missing = {(q, a, m) for q, a, m in known - found if not any((other, a, m) in found for one, other in same if one == q)}
    assert missing == set()
