"""Evidence "tree": numbers of regions, and equality cell by cell; what is right is accepted, what is changed or false is not."""

from __future__ import annotations

import copy
import itertools
import json
import random
from fractions import Fraction

import numpy as np
import pytest

import exactnn as xn
from exactnn.certificate import BudgetExceeded, Rejected, _budget, check, examine
from exactnn.certificate.telling import sentence
from exactnn.claims import Certificate, EqualClaim
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.writing import json_tensor as tensor_of
from exactnn.export.json import document as json_document
from exactnn.load.json import network_from_document
from exactnn.network import Affine, Builder, Input, MaxPool, Reshape
from exactnn.regions.certified import count_with_tree
from exactnn.verify._complete import Complete
from exactnn.verify._domain import coordinates
from tests.certificate import _oracle
from tests.certificate._build import HARDTANH, affine, box, certificate, inline, mlp, network, node, rehash, shallow, tensor
from tests.certificate.test_mutations import at, changes, paths

RELU = shallow([(1, 1, 0)])
CORNER = shallow([(1, [1, 0], 0), (1, [0, 1], 0)])
DEEP = mlp(([[1], [-1]], [0, 1]), ([[1, -1], [1, 1]], [0, -2]), ([[1, 1]], [0]))


def leaf(facts=(), end=None):
    return ["leaf", list(facts), end]


def split(unit, facts=()):
    return ["split", list(facts), unit]


def tree(*nodes, hull=None):
    return {"method": "tree", "hull": hull, "tree": list(nodes)}


def regions(f, count, *nodes, domain=None):
    found = certificate("regions", "proved", (f,), tree(*nodes), domain=domain, count=count)
    del found["claim"]["tolerance"]
    return found


def equal(f, g, *nodes, **claim):
    hull = claim.pop("hull", None)
    return certificate("equal", "proved", (f, g), tree(*nodes, hull=hull), **claim)


def rejection(document):
    with pytest.raises(Rejected) as caught:
        check(document)
    return str(caught.value)


# --- accepted ------------------------------------------------------------------------------------------------------------

MAX = shallow([(1, [1, -1], 0), (1, [0, 1], 0), (-1, [0, -1], 0)])
MAX_MIRRORED = shallow([(1, [-1, 1], 0), (1, [1, 0], 0), (-1, [-1, 0], 0)])
AFTER = mlp(([[1]], [0]), ([[1]], [0]), ([[1]], [0]))  # max(max(x, 0), 0)
WIDE = mlp(([[1], [-1]], [0, 0]), ([[1, -1], [-1, 1]], [0, 0]), ([[1, -1]], [0]))  # the identity: both layers open and shut together
POOLED = network([node("x", "input", shape=[1, 2]), node("m", "max_pool", "x", kernel=[2], stride=[1], padding=[[0, 0]], dilation=[1])])
POOLED_FLAT = network([*POOLED["nodes"], node("f", "reshape", "m", shape=[1])])
THREE = network([node("x", "input", shape=[1, 3]), node("m", "max_pool", "x", kernel=[3], stride=[1], padding=[[0, 0]], dilation=[1])])
SWAPPED = affine("back", "x", [[0, 0, 1], [0, 1, 0], [1, 0, 0]], [0, 0, 0])
THREE_BACK = network([THREE["nodes"][0], SWAPPED, {**THREE["nodes"][1], "operands": ["back"]}])

GOOD = {
    "a ray of regions": regions(RELU, 2, split(0), leaf(end=[1, [1]]), leaf(end=[2, [-1]])),
    "four quarters": regions(
        CORNER,
        4,
        split(1),
        split(0),
        leaf(end=[1, [1, 1]]),
        leaf(end=[1, [-1, 1]]),
        split(0),
        leaf(end=[1, [1, -1]]),
        leaf(end=[1, [-1, -1]]),
    ),
    "one on a box": regions(CORNER, 1, leaf([[1, 1, [1, [[3, 1]]]], [0, 1, [1, [[1, 1]]]]], [2, [1, 1]]), domain=box((0, 1), (0, 1))),
    "two on a box": regions(
        shallow([(1, [1, 0], 0), (1, [1, 1], -3)]),
        2,
        split(0, [[1, -1, [1, [[0, 1], [2, 1]]]]]),
        leaf(end=[2, [1, 1]]),
        leaf(end=[2, [-1, 1]]),
        domain=box((-1, 1), (0, 1)),
    ),
    "a copy and an opposite": regions(
        shallow([(1, 1, 0), (2, 3, 0), (1, -1, 0)]),
        2,
        split(0),
        leaf([[1, 1, [1, [[0, 1]]]], [2, -1, [1, [[0, 1]]]]], [1, [1]]),
        leaf([[2, 1, [1, [[0, 1]]]], [1, -1, [1, [[0, 1]]]]], [1, [-1]]),
    ),
    "constant units": regions(shallow([(1, [0, 0], 1), (1, [0, 0], 0), (1, [0, 0], -1)]), 1, leaf(end=[1, [5, 7]])),
    "three pieces": regions(
        shallow([(1, 1, 0)], activation=HARDTANH),
        3,
        split(0),
        split(1),
        leaf(end=[1, [2]]),
        leaf(end=[1, [0]]),
        leaf([[1, -1, [1, [[0, 1]]]]], [1, [-2]]),
    ),
    "a row without variables": regions(
        RELU, 1, leaf([[0, 1, [1, [[1, 1]]]]], [1, [1]]), domain={"A": tensor([[0], [-1]]), "b": tensor([0, 0])}
    ),
    "deep": regions(
        DEEP,
        6,
        split(0),
        split(1),
        split(2),
        leaf(end=[4, [3]]),
        leaf(end=[4, [1]]),
        split(3, [[2, 1, [1, [[0, 1]]]]]),
        leaf(end=[1, [3]]),
        leaf(end=[2, [3]]),
        split(3, [[1, 1, [1, [[0, 1]]]], [2, -1, [1, [[0, 1]]]]]),
        leaf(end=[1, [-2]]),
        leaf(end=[2, [-1]]),
    ),
    "equal, all open": equal(MAX, MAX_MIRRORED, leaf()),
    "equal, all fixed": equal(RELU, RELU, split(0), leaf([[1, 1, [1, [[0, 1]]]]]), leaf([[1, -1, [1, [[0, 1]]]]])),
    "equal, inner fixed": equal(AFTER, RELU, split(0), leaf([[1, 1, [1, [[0, 1]]]]]), leaf()),
    "zero": certificate("zero", "proved", (shallow([(1, [1, 2], 3), (-1, [2, 4], 6), ("1/2", [2, 4], 6)], 0),), tree(leaf())),
    "identity": equal(
        WIDE,
        network([node("x", "input", shape=[1]), affine("h", "x", [[1]], [0])]),
        split(0),
        leaf([[1, -1, [1, [[0, 1]]]]]),
        leaf([[1, 1, [1, [[0, 1]]]]]),
    ),
    "pooling": equal(POOLED_FLAT, MAX, leaf()),
    "pooling from both ends": equal(
        THREE,
        THREE_BACK,
        split(0),
        split(2),
        leaf([[3, -1, [1, [[0, 1]]]]]),
        leaf([[3, -1, [1, [[0, 1], [1, 1]]]]]),
        split(2),
        leaf([[1, -1, [1, [[0, 1], [1, 1]]]], [3, 1, [1, [[0, 1]]]]]),
        leaf(),
    ),
    "tolerance": equal(
        RELU,
        network([node("x", "input", shape=[1]), affine("h", "x", [["1/2"]], ["1/4"])]),
        split(0),
        leaf(end=[[[1, [[0, 1]]], [1, [[2, 1]]]]]),
        leaf(end=[[[1, [[1, 1]]], [1, [[2, 1]]]]]),
        domain=box((-1, 1)),
        tolerance="1/4",
    ),
    "on a segment": equal(
        CORNER,
        shallow([(2, [0, 1], 0)]),
        leaf(),
        domain={"A": tensor([[1, -1], [-1, 1]]), "b": tensor([0, 0])},
        hull={
            "origin": [0, 0],
            "directions": [[1, 1]],
            "coordinates": [[0, 1]],
            "equalities": [{"row": 0, "coefficients": [1, 0], "farkas": [1, [[1, 1]]]}],
        },
    ),
    "rows alone": equal(
        RELU,
        network([node("x", "input", shape=[1]), affine("h", "x", [["1/2"]], ["1/4"])]),
        split(0),
        leaf(end=[[[0], [2]]]),
        leaf(end=[[[1], [1, [[2, 1]]]]]),
        domain=box((-1, 1)),
        tolerance="1/4",
    ),
    "a corner, by its rows": regions(
        shallow([(1, [1, 0], 0), (1, [0, 1], 0), (1, [1, 1], 5), (1, [-2, -1], 1)]),
        1,
        leaf([[0, 1, [1]], [1, 1, [3]], [2, 1, [1, 3]], [3, -1, [3, 1]]], [1, [2, 2]]),
        domain=box((1, 3), (1, 3)),
    ),
    "known hyperplanes": equal(
        mlp(([[1], [-2]], [0, 0]), ([[1, -1], [3, 0]], [-1, 0]), ([[1, 1]], [0])),
        mlp(([[3], [-1]], [0, 0]), ([[1, 0], ["1/3", -2]], [0, -1]), ([[1, 1]], [0])),
        split(0),
        leaf([[1, -1, [0]]]),
        leaf([[1, 1, [0]]]),
    ),
    "an open unit fixed late": equal(
        shallow([(1, [1, 0], 0), (-1, [1, 0], 1)]),
        network([node("x", "input", shape=[2]), affine("h", "x", [[0, 0]], [-1])]),
        leaf([[0, 1, [1, [[1, 1]]]], [1, 1, [1, [[1, 1]]]]]),
        domain=box((0, 1), (0, 1)),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_right(name):
    assert check(GOOD[name])
    assert check(json.loads(json.dumps(GOOD[name])))


# --- changed -------------------------------------------------------------------------------------------------------------


def units(net, x):
    """The value of each unit at x, by the definitions."""
    values = _oracle.values(net, x)
    found = []
    for n in net["nodes"]:
        if n["op"] == "piecewise_linear":
            found += [e - Fraction(t) for t, _ in n["kinks"] for e in values[n["operands"][0]].values()]
        elif n["op"] == "prelu":
            found += values[n["operands"][0]].values()
        elif n["op"] == "max_pool":
            a = values[n["operands"][0]]
            windows = []
            for c, *out in values[n["name"]]:
                places = (p for _, p in _oracle.windows(n, n["kernel"], a, out))
                windows.append([a[(c, *p)] for p in places if p is not None])
            for k in range(1, max(map(len, windows))):
                found += [w[k] - max(w[:k]) for w in windows if len(w) > k]
    return found


def holds_at(document, x):
    """Whether the facts of all cells that hold x are true there."""
    models = document["models"]
    z = [v for name in "fg" if name in models for v in units(models[name]["inline"], x)]
    nodes = iter(document["evidence"]["tree"])

    def visit(here):
        kind, facts, rest = next(nodes)
        true = not here or all(s * z[u] >= 0 for u, s, *_ in facts)
        if kind == "leaf":
            return true
        above = visit(here and z[rest] >= 0)
        return visit(here and z[rest] <= 0) and above and true

    return visit(True) and next(nodes, None) is None


def is_right(document):
    """A second opinion: the number of regions by another algorithm; equality and the facts at many points."""
    claim, models = document["claim"], document["models"]
    f = models["f"]["inline"]
    if any(not holds_at(document, x) for x in _oracle.sample(claim["domain"], _oracle.dimension(f), 12)):
        return False
    if claim["question"] != "regions":
        return _oracle.proves(document, count=40)
    domain = claim["domain"]
    if domain is not None:
        matrix = _oracle.stored(domain["A"])
        rows, d = matrix.shape
        domain = xn.Polyhedron([[matrix[(r, k)] for k in range(d)] for r in range(rows)], _oracle.entries(domain["b"]))
    return xn.regions.count(network_from_document(f), domain) == claim["count"]


def mutants(document, generator):
    """All changes to claim and evidence, and some to the models, their hashes made right again."""
    places = [p for p in paths(document) if p and p[0] in ("claim", "evidence")]
    inner = [p for p in paths(document) if p[:1] == ("models",) and "inline" in p[:-1]]
    for path in places + generator.sample(inner, min(40, len(inner))):
        value = at(document, path)
        words = {"split": ["leaf"], "leaf": ["split"], "regions": ["equal"], "tree": ["pass", "forms"]}
        for other in words.get(value, []) if isinstance(value, str) and value in words else changes(value):
            found = copy.deepcopy(document)
            at(found, path[:-1])[path[-1]] = other
            yield path, other, rehash(found)


def made(f, g=None, domain=None, tolerance=0):
    """The certificate that the engine writes for f = g, or for the number of regions of f."""
    if g is None:
        count, evidence = count_with_tree(f, domain)
        model = inline(json_document(f))
        where = None if domain is None else {k: tensor_of(v) for k, v in zip("Ab", domain.rows, strict=True)}
        return {**regions(RELU, count), "claim": {"question": "regions", "answer": "proved", "count": count, "domain": where}} | {
            "models": {"f": model},
            "evidence": evidence,
        }
    claim = EqualClaim(f, g, domain, Fraction(tolerance))
    evidence = Complete(claim, coordinates(domain, f.input_dim), Clock(), None).decide()
    assert isinstance(evidence, dict)
    return Certificate(claim, "proved", evidence).document


def tent_and_flat():
    tent = ([[1], [1], [1]], [0, Fraction(-1, 2), -1])
    f = xn.mlp([tent, ([[2, -4, 2]] * 3, tent[1]), ([[2, -4, 2]], [0])])
    g = xn.mlp([([[1]] * 5, [0, Fraction(-1, 4), Fraction(-1, 2), Fraction(-3, 4), -1]), ([[4, -8, 8, -8, 4]], [0])])
    return f, g


def small(seed, *widths):
    rng = np.random.default_rng(seed)
    return xn.mlp([(rng.integers(-2, 3, (n, m)), rng.integers(-2, 3, n)) for m, n in itertools.pairwise(widths)])


MADE = {
    "made: tents": made(*tent_and_flat()),
    "made: tents on an interval": made(*tent_and_flat(), domain=xn.Polyhedron([[1], [-1]], [1, 0])),
    "made: tents within a tolerance": made(*tent_and_flat(), tolerance="1/8", domain=xn.Box([0], [2])),
    "made: regions": made(small(1, 2, 3, 2, 1)),
    "made: regions on a triangle": made(small(2, 2, 3, 2, 1), domain=xn.Polyhedron([[-1, 0], [0, -1], [1, 1]], [0, 0, 2])),
    "made: a segment": made(small(3, 2, 2, 2, 1), small(3, 2, 2, 2, 1), domain=xn.Box([0, 1], [1, 1])),
}


SLOW = ("made: a segment", "made: tents within a tolerance", "made: tents on an interval", "made: regions", "made: regions on a triangle")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in [*GOOD, *MADE]])
def test_a_changed_certificate_is_rejected_unless_it_is_right_too(name):
    document = {**GOOD, **MADE}[name]
    assert check(document)
    assert is_right(document)
    rejected = 0
    for path, value, mutant in mutants(document, random.Random(name)):
        try:
            check(mutant)
        except Rejected as found:
            rejected += bool(found.step) and bool(found.reason)
            continue
        assert is_right(mutant), (path, value)
    assert rejected > 20


# --- false ---------------------------------------------------------------------------------------------------------------

INTERVAL = box((-1, 1))
NEGATED = shallow([(1, -1, 0)])
IDENTITY = network([node("x", "input", shape=[1]), affine("h", "x", [[1]], [0])])
ON, OFF = leaf(end=[1, [1]]), leaf(end=[1, [-1]])
EMPTY = {"A": tensor([[0], [1]]), "b": tensor([-1, 0])}
HALF = [[1, [[0, 1]]], [1, [[0, 1]]]]

FALSE = {
    # regions
    "a unit left open": (regions(RELU, 1, leaf(end=[1, [1]])), "not fixed"),
    "a unit of an earlier layer left open": (regions(DEEP, 1, split(2), ON, ON), "not fixed"),
    "a fact without reason": (regions(RELU, 1, leaf([[0, 1, [1, []]]], [1, [1]])), "add up"),
    "a factor 0": (regions(RELU, 1, leaf([[0, 1, [0, []]]], [1, [1]])), "factor"),
    "a factor below 0": (regions(RELU, 1, leaf([[0, 1, [-1, [[0, 1]]]]], [1, [1]]), domain=box((0, 1))), "factor"),
    "a multiplier below 0": (regions(RELU, 1, leaf([[0, 1, [1, [[0, -1]]]]], [1, [1]]), domain=INTERVAL), "not positive"),
    "a multiplier 0": (regions(RELU, 1, leaf([[0, 1, [1, [[1, 1], [0, 0]]]]], [2, [1]]), domain=box((0, 1))), "not positive"),
    "a negative rest": (regions(RELU, 1, leaf([[0, 1, [1, [[1, 1]]]]], [2, [1]]), domain=INTERVAL), "constant that remains"),
    "a unit half true": (regions(RELU, 1, leaf([[0, True, [1, [[1, 1]]]]], [2, [1]]), domain=box((0, 1))), "side"),
    "side 0": (regions(RELU, 1, leaf([[0, 0, [1, []]]], [1, [1]])), "side"),
    "the other side": (regions(RELU, 1, leaf([[0, -1, [1, [[1, 1]]]]], [2, [1]]), domain=box((0, 1))), "add up"),
    "rows that are not independent": (regions(RELU, 1, leaf([[0, 1, [1, 1]]], [2, [1]]), domain=box((0, 1))), "independent"),
    "opposite rows": (regions(CORNER, 1, leaf([[0, 1, [0, 1]]], [2, [1, 1]]), domain=box((0, 1), (0, 1))), "independent"),
    "the row of the other side": (regions(RELU, 1, leaf([[0, 1, [0]]], [2, [1]]), domain=box((0, 1))), "negative"),
    "rows of another corner": (
        regions(shallow([(1, [1, 1], 0)]), 1, leaf([[0, 1, [0, 3]]], [2, [1, 1]]), domain=box((0, 1), (0, 1))),
        "negative",
    ),
    "too few rows": (regions(shallow([(1, [1, 1], 0)]), 1, leaf([[0, 1, [1]]], [2, [1, 1]]), domain=box((0, 1), (0, 1))), "add up"),
    "rows that leave less than 0": (regions(RELU, 1, leaf([[0, 1, [1]]], [2, [1]]), domain=INTERVAL), "constant that remains"),
    "rows without their list": (
        regions(shallow([(1, [1, 1], 0)]), 1, leaf([[0, 1, 1, 3]], [2, [1, 1]]), domain=box((0, 1), (0, 1))),
        "expected 3 entries",
    ),
    "rows behind a factor 0": (regions(RELU, 1, leaf([[0, 1, [0, [1]]]], [2, [1]]), domain=box((0, 1))), "factor"),
    "a proof without its list": (regions(RELU, 1, leaf([[0, 1, 1, [[1, 1]]]], [2, [1]]), domain=box((0, 1))), "expected 3 entries"),
    "a row from the end, alone": (regions(RELU, 1, leaf([[0, 1, [-1]]], [2, [1]]), domain=box((0, 1))), "index"),
    "a hyperplane known on the other half only": (
        equal(mlp(([[1], [1]], [0, 1]), ([[1, 0]], [0]), ([[1]], [0])), RELU, split(1), leaf(), leaf([[0, -1, [0]]])),
        "not the same",
    ),
    "one leaf too many": (regions(RELU, 3, split(0), ON, OFF), "2 leaves, not 3"),
    "a leaf behind the end": (regions(RELU, 3, split(0), ON, OFF, OFF), "complete before"),
    "a leaf missing": (regions(RELU, 1, split(0), ON), "missing"),
    "no tree": (regions(RELU, 0), "missing"),
    "a point on the hyperplane": (regions(RELU, 2, split(0), leaf(end=[1, [0]]), OFF), "strictly"),
    "a point on the other side": (regions(RELU, 2, split(0), OFF, ON), "strictly"),
    "a denominator 0": (regions(RELU, 2, split(0), leaf(end=[0, [1]]), OFF), "denominator"),
    "a negative denominator": (regions(RELU, 2, split(0), leaf(end=[-1, [-1]]), OFF), "denominator"),
    "an empty cell": (
        regions(shallow([(1, 1, 0), (1, 1, 0)]), 3, split(0), split(1), ON, ON, leaf([[1, -1, [1, [[0, 1]]]]], [1, [-1]])),
        "strictly",
    ),
    "a point on the boundary of the domain": (regions(RELU, 2, split(0), ON, leaf(end=[2, [-1]]), domain=INTERVAL), "strictly"),
    "a domain that is a point": (regions(RELU, 1, leaf([[0, 1, [1, [[1, 1]]]]], [1, [1]]), domain=box((1, 1))), "strictly"),
    "an empty domain": (regions(RELU, 2, split(0), ON, OFF, domain=EMPTY), "strictly"),
    "a region split at 0": (regions(shallow([(1, 0, 0)]), 2, split(0), ON, OFF), "constant"),
    "a region split twice": (regions(RELU, 3, split(0), split(0), ON, ON, OFF), "strictly inside"),
    "a unit that is none": (regions(RELU, 2, split(1), ON, OFF), "none|not fixed"),
    "a unit below 0": (regions(RELU, 2, split(-1), ON, OFF), "integer >= 0"),
    "a unit that is a truth": (regions(RELU, 2, split(False), ON, OFF), "integer >= 0"),
    "a row that is none": (regions(RELU, 1, leaf([[0, 1, [1, [[2, 1]]]]], [1, [1]]), domain=INTERVAL), "index"),
    "a row from the end": (regions(RELU, 1, leaf([[0, 1, [1, [[-1, 1]]]]], [1, [1]]), domain=INTERVAL), "index"),
    "a split that is not above": (
        regions(CORNER, 3, split(0), leaf([[1, 1, [1, [[1, 1]]]]], [1, [1, 1]]), split(1), leaf(end=[1, [-1, 1]]), leaf(end=[1, [-1, -1]])),
        "index",
    ),
    "an inequality of the other side": (
        regions(
            shallow([(1, 1, 0), (1, 1, 1)]), 2, split(0), leaf([[1, 1, [1, [[0, 1]]]]], [1, [1]]), leaf([[1, 1, [1, [[0, 1]]]]], [2, [-1]])
        ),
        "add up",
    ),
    "max pooling": (regions(POOLED_FLAT, 2, split(0), leaf(end=[1, [0, 1]]), leaf(end=[1, [1, 0]])), "pooling"),
    "a smooth node": (
        regions(network([node("x", "input", shape=[1]), node("s", "smooth", "x", function="tanh")]), 1, leaf(end=[1, [0]])),
        "piecewise",
    ),
    "regions by forms": (
        {**GOOD["a ray of regions"], "evidence": {"method": "forms", "hull": None, "f": {}, "g": {}, "output": None}},
        "cannot support",
    ),
    "refuted by a tree": ({**GOOD["zero"], "claim": {**GOOD["zero"]["claim"], "answer": "refuted"}}, "cannot support"),
    "another word": (regions(RELU, 2, ["cut", [], 0], ON, OFF), "expected"),
    "a hull for regions": (
        {
            **GOOD["on a segment"],
            "claim": {"question": "regions", "answer": "proved", "count": 1, "domain": GOOD["on a segment"]["claim"]["domain"]},
            "models": {"f": GOOD["on a segment"]["models"]["f"]},
        },
        "hull",
    ),
    # equality
    "max(x, 0) and max(-x, 0)": (equal(RELU, NEGATED, leaf()), "not the same"),
    "a mirror without its affine part": (
        equal(shallow([(1, 1, 0), (-1, -1, 0)]), network([X := node("x", "input", shape=[1]), affine("h", "x", [[0]], [0])]), leaf()),
        "not the same",
    ),
    "2 max(x, 0)": (equal(RELU, shallow([(1, 2, 0)]), leaf()), "not the same"),
    "shifted": (equal(RELU, shallow([(1, 1, "1/1000000000")]), leaf()), "not the same"),
    "right on one side only": (equal(RELU, IDENTITY, split(0), leaf(), leaf()), "not the same"),
    "a unit behind open ones": (equal(AFTER, RELU, split(1), leaf(), leaf()), "left open"),
    "a late fact without reason": (equal(RELU, IDENTITY, leaf([[0, 1, [1, []]]])), "add up"),
    "an open unit fixed late on the wrong side": (
        equal(shallow([(1, 1, 0), (1, -1, 0)]), IDENTITY, split(0), leaf([[1, 1, [1, [[0, 1]]]]]), leaf()),
        "add up",
    ),
    "proofs without a tolerance": (equal(RELU, RELU, leaf(end=[HALF])), "without a tolerance"),
    "proofs with open units": (equal(RELU, shallow([(2, 1, 0)]), leaf(end=[HALF]), domain=INTERVAL, tolerance=1), "left open"),
    "one proof for two outputs": (
        equal(*[mlp(([[1]], [0]), ([[1], [k]], [0, 0])) for k in (1, 2)], split(0), leaf(end=[HALF]), leaf(), domain=INTERVAL, tolerance=2),
        "entries",
    ),
    "beyond the tolerance": (
        equal(
            IDENTITY,
            network([X, affine("h", "x", [[0]], [0])]),
            leaf(end=[[[1, [[0, 2]]], [1, [[1, 2]]]]]),
            domain=INTERVAL,
            tolerance="1/2",
        ),
        "remains",
    ),
    "the same proof twice": (
        equal(IDENTITY, network([X, affine("h", "x", [[0]], [0])]), leaf(end=[HALF]), domain=INTERVAL, tolerance=1),
        "add up",
    ),
    "zero, but constant": (certificate("zero", "proved", (shallow([(1, 0, 1)]),), tree(leaf())), "not the same"),
    "another segment": (
        {
            **GOOD["on a segment"],
            "evidence": {**GOOD["on a segment"]["evidence"], "hull": {**GOOD["on a segment"]["evidence"]["hull"], "directions": [[1, 2]]}},
        },
        "hull",
    ),
    "a hull without a domain": (
        equal(RELU, RELU, leaf(), hull={"origin": [0], "directions": [], "coordinates": [], "equalities": []}),
        "hull",
    ),
    "a key too many": ({**GOOD["zero"], "evidence": {**GOOD["zero"]["evidence"], "output": None}}, "unknown key"),
}


@pytest.mark.parametrize("name", FALSE)
def test_false(name):
    document, reason = FALSE[name]
    with pytest.raises(Rejected, match=reason):
        check(document)


def test_a_chain_of_kinks_that_the_tree_crosses():
    """A kink's unit is compared with its own place: two kinks of one node are two stages."""
    f = shallow([(1, 1, 0)], activation=HARDTANH)
    assert "remains" in rejection(
        regions(f, 2, split(0), leaf([[1, 1, [1, [[0, 1]]]]], [1, [2]]), leaf([[1, -1, [1, [[0, 1]]]]], [1, [-2]]))
    )


# --- the rest ------------------------------------------------------------------------------------------------------------


def test_words():
    claim = GOOD["a ray of regions"]
    assert sentence(examine(claim, (), None)).startswith("proved: f has exactly 2 activation regions on all of R^1")
    for wrong in ({"count": "2"}, {"count": 2.0}, {"count": None}, {"tolerance": 0}, {"answer": "refuted"}):
        assert rejection({**claim, "claim": {**claim["claim"], **wrong}})


def exceeded(document):
    with pytest.raises(BudgetExceeded) as caught:
        check(document)
    return str(caught.value)


def test_work_is_bounded(monkeypatch):
    document = MADE["made: regions"]
    for limit in ("WORK", "ROOM"):
        with monkeypatch.context() as patch:
            patch.setattr(_budget, limit, (20, 0))
            assert "more than 20" in exceeded(document)
    wide = network([node("x", "input", shape=[2**14]), node("s", "slice", "x", starts=[0], stops=[1], steps=[1])])
    assert "numbers are needed at a time" in exceeded(equal(wide, wide, leaf()))


@pytest.mark.slow
def test_deep_trees_need_no_recursion():
    """Hundreds of splits below each other; the engine's own tree is balanced, and has few proofs."""
    count = 300
    f = shallow([(1, 1, -k) for k in range(count)])
    chain = [split(k) for k in range(count)] + [leaf(end=[1, [count]])]
    for k in reversed(range(count)):
        chain.append(leaf([[j, -1, [1, [[k, 1]]]] for j in range(k + 1, count)], [2, [2 * k - 1]]))
    assert check(regions(f, count + 1, *chain))
    n, evidence = count_with_tree(network_from_document(f))
    assert n == count + 1
    assert check({**regions(f, n), "evidence": evidence})
    assert sum(len(facts) for _, facts, _ in evidence["tree"]) < 10 * count


@pytest.mark.parametrize("seed", range(12))
def test_what_the_engine_writes_is_accepted(seed):
    """Random degenerate networks, on R^2 and on domains; the number is that of the face lattice."""
    f = small(seed, 2, 4, 3, 1)
    for domain in (None, xn.Box([-1, 0], [1, 2]), xn.Polyhedron([[1, 1], [0, 0]], [1, 0])):
        document = made(f, domain=domain)
        assert check(json.loads(json.dumps(document)))
        assert document["claim"]["count"] == xn.regions.count(f, domain)


def test_pooling_as_the_engine_writes_it():
    def pooled(order):
        b = Builder()
        b.add("x", Input((4,)))
        b.add("p", Affine(RationalArray(np.eye(4, dtype=int)[list(order)]), RationalArray.zeros((4,))), "x")
        b.add("r", Reshape((1, 2, 2)), "p")
        b.add("m", MaxPool((2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)), "r")
        return b.build(["x"], ["m"])

    assert check(made(pooled((0, 1, 2, 3)), pooled((3, 1, 0, 2))))


def test_decisions_where_open_units_cancel():
    """The shortfalls are forms in t at a leaf without facts: both outputs of f rest on max(x, 0); not so where one of g does."""
    f = mlp(([[1]], [0]), ([[1], [1]], [0, 1]))
    never, always = [[0, 1, []], [0, 1, []]], [[1, 0, []], [1, 0, []]]  # output 0 is maximal for none, output 1 for both
    for g, said in ((mlp(([[2]], [0]), ([[1], [1]], [0, 2])), True), (mlp(([[2]], [0]), ([[0], [1]], [0, 2])), False)):
        found = certificate("same_decision", "proved", (f, g), tree(leaf(end=[never, always])), domain=box((-1, 1)))
        del found["claim"]["tolerance"]
        if said:
            assert check(found)
        else:
            assert "that were left open" in rejection(found)
