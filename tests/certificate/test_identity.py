"""Claims of identities: accepted where right, rejected when a number, an operation or a key is changed; a second opinion in mpmath."""

from __future__ import annotations

import copy
import itertools
import random
from fractions import Fraction
from math import prod

import mpmath
import numpy as np
import pytest

from exactnn.certificate import BudgetExceeded, Rejected, _budget, _real, _sides, check
from exactnn.certificate._check import examine
from exactnn.certificate.telling import sentence
from tests.certificate import _oracle
from tests.certificate._build import LEAKY, act, affine, certificate, mlp, network, node, rehash, tensor
from tests.certificate.test_mutations import mutants, verdict

DIGITS = 90
NET = mlp(([[1, -2], [3, 1]], [0, "1/2"]), ([[1, "1/3"], [-1, 2]], ["1/4", -1]))
SCALED = mlp(([[2, -4], [6, 2]], [0, 1]), ([[3, 1], [-3, 6]], ["3/2", -6]))
POINTS = [[1, "1/2"], ["-1/3", 2]]
V = {"v": tensor([["1/2", "-1/2"], ["-2/3", "2/3"]])}
SOFT = {"q": tensor([[1, 0], [0, 1]]), "z": ["output", "f"], "p": ["softmax", ["*", "3/2", "z"]]}
LOSS = {"loss": ["-", ["logsumexp", ["*", ["+", "3/2", "t"], "z"]], ["*", ["+", "3/2", "t"], ["sum", ["*", "q", "z"], [1]]]]}


def identity(answer, models, definitions, equations, tolerance=0, points=POINTS, **evidence):
    found = certificate("identity", answer, models, {"method": "sides", "bits": 320 if tolerance else 64, **evidence})
    found["claim"] = {
        "question": "identity",
        "answer": answer,
        "points": tensor(points),
        "definitions": [list(pair) for pair in definitions.items()],
        "equations": equations,
        "tolerance": tolerance,
    }
    return found


def flow(name, field, sent="v", model="f"):
    return ["sum", ["*", ["parameter", model, name, field], ["gradient", model, name, field, sent]]]


SMALL = "1/1000000000000000000000000000000"
CASES = {
    "conservation": identity("proved", (NET,), V, [[flow("h1", "weight"), "=", ["+", flow("h0", "weight"), flow("h0", "bias")]]]),
    "no bias": identity("refuted", (NET,), V, [[flow("h1", "weight"), "=", flow("h0", "weight")]], equation=0, entry=0),
    "rescaled": identity(
        "proved",
        (NET, SCALED),
        V,
        [
            [["output", "g"], "=", ["*", 6, ["output", "f"]]],
            [["*", 2, ["gradient", "g", "h0", "weight", "v"]], "=", ["gradient", "f", "h0", "weight", ["*", 6, "v"]]],
        ],
    ),
    "by temperature": identity(
        "proved",
        (NET,),
        SOFT | LOSS,
        [
            [["derivative", 1, "loss"], "=", ["-", ["sum", ["*", "p", "z"], [1]], ["sum", ["*", "q", "z"], [1]]]],
            [0, "<=", ["derivative", 2, "loss"]],
            [["max", "p"], "<=", ["exp", 0]],
        ],
        SMALL,
    ),
    "wrong moment": identity(
        "refuted",
        (NET,),
        SOFT | LOSS,
        [[["derivative", 2, "loss"], "=", ["sum", ["*", "p", "z", "z"], [1]]], [1, "<=", ["reshape", "q", [4]]]],
        SMALL,
        equation=1,
        entry=1,
    ),
    "softmax sent back": identity(
        "proved",
        (NET,),
        SOFT | LOSS | {"u": ["-", "p", "q"]},
        [[["+", flow("h1", "weight", "u"), flow("h1", "bias", "u")], "=", ["derivative", 1, ["sum", "loss"]]]],
        SMALL,
    ),
}


# --- the second opinion: values by nested loops over fractions, gradients by differences, derivatives in t by mpmath ------------------


def value(document, definitions, a, t):
    """The expression as an array of mpmath numbers."""
    claim, models = document["claim"], document["models"]
    if isinstance(a, dict):
        return np.array([number(q) for q in _oracle.entries(a)], dtype=object).reshape(a["shape"])
    if isinstance(a, str) and a[0].isalpha():
        return np.array(t, dtype=object) if a == "t" else value(document, definitions, definitions[a], t)
    if not isinstance(a, list):
        return np.array(number(Fraction(a)), dtype=object)
    kind, *rest = a
    if kind in ("output", "parameter", "gradient"):
        net = models[rest[0]]["inline"]
        if kind == "output":
            return np.array([[number(v) for v in row] for row in outputs(net, claim)], dtype=object)
        (found,) = [n for n in net["nodes"] if n["name"] == rest[1]]
        if kind == "parameter":
            return np.array([number(q) for q in _oracle.entries(found[rest[2]])], dtype=object).reshape(found[rest[2]]["shape"])
        return slopes(net, claim, found, rest[2], value(document, definitions, rest[3], mpmath.mpf(0)))
    if kind == "derivative":
        parts = value(document, definitions, rest[1], mpmath.mpf(0))
        flat = [
            mpmath.diff(lambda s, i=i: np.ravel(value(document, definitions, rest[1], s))[i], 0, rest[0]) if rest[0] else np.ravel(parts)[i]
            for i in range(parts.size)
        ]
        return np.array(flat, dtype=object).reshape(parts.shape)
    if kind == "sum":
        first = value(document, definitions, rest[0], t)
        return np.array(first.sum(axis=tuple(rest[1]), keepdims=True) if len(rest) > 1 else first.sum(), dtype=object)
    if kind == "reshape":
        return value(document, definitions, rest[0], t).reshape(rest[1])
    values = [value(document, definitions, b, t) for b in rest]
    if kind in ("+", "-", "*"):
        result = values[0]
        for other in values[1:]:
            result = result + other if kind == "+" else result - other if kind == "-" else result * other
        return np.array(result, dtype=object)
    if kind == "exp":
        return np.array(np.frompyfunc(mpmath.exp, 1, 1)(values[0]), dtype=object)
    if kind == "max":
        return values[0].max(axis=-1, keepdims=True)
    total = np.frompyfunc(mpmath.exp, 1, 1)(values[0]).sum(axis=-1, keepdims=True)
    return np.frompyfunc(mpmath.log, 1, 1)(total) if kind == "logsumexp" else np.frompyfunc(mpmath.exp, 1, 1)(values[0]) / total


def number(q):
    return mpmath.mpf(q.numerator) / q.denominator


def outputs(net, claim):
    count, size = claim["points"]["shape"]
    flat = _oracle.entries(claim["points"])
    return [_oracle.evaluate(net, flat[i * size : (i + 1) * size]) for i in range(count)]


def slopes(net, claim, found, field, sent):
    """Differences to the left of the field's numbers, so small that no other kink is passed."""
    step, result = Fraction(1, 2**300), []
    for k in range(prod(found[field]["shape"])):
        ends = []
        for sign in (-1, 1):
            moved = copy.deepcopy(net)
            (here,) = [n for n in moved["nodes"] if n["name"] == found["name"]]
            entries = _oracle.entries(here[field])
            entries[k] += sign * step
            here[field] = tensor(entries, here[field]["shape"])
            ends.append(outputs(moved, claim))
        rows = [[(b - a) / (2 * step) for a, b in zip(*pair, strict=True)] for pair in zip(*ends, strict=True)]
        result.append(sum(number(s) * u for row, us in zip(rows, sent, strict=True) for s, u in zip(row, us, strict=True)))
    return np.array(result, dtype=object).reshape(found[field]["shape"])


def is_right(document):
    claim = document["claim"]
    definitions, limit = dict(claim["definitions"]), number(Fraction(claim["tolerance"]))
    slack = mpmath.mpf(10) ** (-DIGITS // 4)  # of mpmath's differences; no mutant is that near
    refuted = {}
    chosen = [document["evidence"]["equation"]] if claim["answer"] == "refuted" else range(len(claim["equations"]))
    with mpmath.workdps(DIGITS):
        for i in chosen:
            left, relation, right = claim["equations"][i]
            gap = value(document, definitions, left, mpmath.mpf(0)) - value(document, definitions, right, mpmath.mpf(0))
            bad = [(g > limit + slack) or (relation == "=" and g < -limit - slack) for g in np.ravel(gap)]
            refuted[i] = bad
    if claim["answer"] == "proved":
        return not any(map(any, refuted.values()))
    evidence = document["evidence"]
    return refuted[evidence["equation"]][evidence["entry"]]


@pytest.mark.parametrize("name", CASES)
def test_true_claims_are_accepted(name):
    assert is_right(CASES[name])
    assert check(CASES[name]) is True
    said = sentence(examine(CASES[name], (), None))
    assert CASES[name]["claim"]["answer"] in said
    assert "the claim has the sha256" in said


def turned(document):
    """Operations in the place of others: + and -, softmax and exp, = and <=."""
    others = {"+": "*", "-": "+", "*": "+", "softmax": "exp", "logsumexp": "max", "exp": "logsumexp", "=": "<=", "<=": "="}

    def walk(a, path=()):
        if isinstance(a, list):
            for i, b in enumerate(a):
                yield from walk(b, (*path, i))
        elif isinstance(a, dict):
            for key, b in a.items():
                yield from walk(b, (*path, key))
        elif a in others and isinstance(a, str):
            yield path, others[a]

    for path, new in walk(document["claim"]):
        found = copy.deepcopy(document)
        place = found["claim"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = new
        yield path, new, rehash(found)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("most", [25, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_changed_certificate_is_rejected_unless_it_is_right_too(name, most):
    rejected = 0
    generator = random.Random(name)
    every = list(itertools.chain(mutants(CASES[name], generator), turned(CASES[name])))
    for path, changed, mutant in generator.sample(every, min(len(every), most)):
        found = verdict(mutant)
        if found is not None:
            assert all(found)
            rejected += 1
        else:
            assert is_right(mutant), (path, changed)
    assert rejected > 10


# --- gradients of every operation --------------------------------------------------------------------------------------------

GRAPH = network(
    [
        node("x", "input", shape=[1, 3, 3]),
        node(
            "c",
            "conv",
            "x",
            weight=tensor([[[[1, 2], [-1, 3]]], [[[0, "1/2"], [1, 1]]]]),
            bias=tensor([1, "-1/3"]),
            stride=[1, 1],
            padding=[[1, 0], [0, 0]],
            dilation=[1, 1],
            groups=1,
        ),
        node("a", "piecewise_linear", "c", **LEAKY),
        node("m", "max_pool", "a", kernel=[2, 1], stride=[1, 1], padding=[[0, 0], [0, 0]], dilation=[1, 1]),
        node("k", "prelu", "m", slopes=tensor(["1/5", -1])),
        node(
            "g",
            "conv",
            "k",
            weight=tensor([[[[2]]], [[["1/7"]]]]),
            bias=tensor([0, 1]),
            stride=[1, 1],
            padding=[[0, 0], [0, 0]],
            dilation=[1, 1],
            groups=2,
        ),
        node("v", "average_pool", "g", kernel=[2, 2], stride=[1, 1], padding=[[1, 0], [0, 0]], count_padding=False),
        node("s", "scale", "v", factor=tensor([[[2]], [["-1/3"]]])),
        node("t", "transpose", "s", axes=[1, 2, 0]),
        node("r", "reshape", "t", shape=[4]),
        node("l", "slice", "r", starts=[0], stops=[4], steps=[2]),
        node("n", "gather", "r", index=tensor([1, 1, 3])),
        node("j", "concat", "l", "n", axis=0),
        affine("f", "j", [[1, 2, 3, 4, 5], [1, -1, 1, -1, 1], [0, 1, 0, 2, 0]], [0, 1, 2]),
        node("b", "constant", value=tensor([1])),
        node("d", "subtract", "f", "b"),
        node("e", "add", "d", "f"),
        act("o", "e"),
        affine("y", "o", [[1, 1, 1], [2, 0, -1]], [0, 0]),
    ]
)


@pytest.mark.parametrize(
    ("name", "field"), [("c", "weight"), ("c", "bias"), ("g", "weight"), ("g", "bias"), ("s", "factor"), ("f", "weight"), ("f", "bias")]
)
def test_gradients_of_every_operation(name, field):
    """Against differences of exact values; the points keep away from kinks."""
    points = [[1, 2, "-1/3", 4, "1/7", -2, 3, "5/3", -1], ["1/2", -1, 2, "1/11", 3, 1, -3, "2/3", 1]]
    sent = [["1/2", -1], ["2/3", 3]]
    (found,) = [n for n in GRAPH["nodes"] if n["name"] == name]
    claim = {"points": tensor(points)}
    with mpmath.workdps(DIGITS):
        expected = slopes(GRAPH, claim, found, field, np.array([[number(Fraction(u)) for u in row] for row in sent], dtype=object))
        rounded = [Fraction(int(mpmath.nint(v * 10**9 * 7**6 * 11**3)), 10**9 * 7**6 * 11**3) for v in np.ravel(expected)]
    equations = [[["gradient", "f", name, field, "v"], "=", tensor(rounded, found[field]["shape"])]]
    assert check(identity("proved", (GRAPH,), {"v": tensor(sent)}, equations, SMALL[:-20], points))


def test_at_kinks_the_left_slope_counts_and_of_ties_the_first():
    tied = network(
        [
            node("x", "input", shape=[1, 2]),
            node("w", "scale", "x", factor=tensor([[2, 3]])),
            node("m", "max_pool", "w", kernel=[2], stride=[1], padding=[[0, 0]], dilation=[1]),
            act("r", "m", LEAKY),
        ]
    )
    found = [["gradient", "f", "w", "factor", "v"], "=", tensor([["1/10", 0]])]
    case = identity("proved", (tied,), {"v": tensor([[1]])}, [found], points=[[0, 0]])
    assert not check_fails(
        case | {"claim": case["claim"] | {"equations": [[["gradient", "f", "w", "factor", "v"], "=", tensor([[0, 0]])]]}}
    )
    moved = identity(
        "proved", (tied,), {"v": tensor([[1]])}, [[["gradient", "f", "w", "factor", "v"], "=", tensor([["3/10", 0]])]], points=[[3, 2]]
    )
    assert check_fails(moved)  # 6 = 6: the first, and above the kink the slope is 1
    right = [["gradient", "f", "w", "factor", "v"], "=", tensor([[3, 0]])]
    assert check(moved | {"claim": moved["claim"] | {"equations": [right]}})
    at_zero = network([node("x", "input", shape=[1]), affine("h", "x", [[1]], [-1]), act("r", "h", LEAKY)])
    bias = [["gradient", "f", "h", "bias", "v"], "=", tensor(["1/10"])]
    assert check(identity("proved", (at_zero,), {"v": tensor([[1]])}, [bias], points=[[1]]))


def check_fails(document):
    return verdict(document) is not None


# --- what is rejected --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equation", "reason"),
    [
        ([["+", 1], "=", 1], "is followed by 2, not by 1"),
        ([["softmax", "v", "v"], "=", 1], "is followed by 1, not by 2"),
        ([["sin", "v"], "=", 1], "unknown operation 'sin'"),
        ([["output", "h"], "=", 1], "f or g is expected"),
        (["w", "=", 1], "no definition of 'w'"),
        ([["derivative", 9, "t"], "=", 1], "derivative"),
        ([["sum", "v", [2]], "=", 1], "no such axis"),
        ([["sum", "v", []], "=", 1], "no axes"),
        ([["reshape", "v", [3]], "=", 1], "cannot become"),
        ([["max", 1], "=", 1], "max of a single number"),
        ([["softmax", 1], "=", 1], "softmax of a single number"),
        ([["derivative", 1, ["max", ["*", "t", "v"]]], "=", 1], "depends on t"),
        ([["parameter", "f", "r0", "weight"], "=", 1], "no gradient by 'weight'"),
        ([["parameter", "f", "nowhere", "weight"], "=", 1], "no such node"),
        ([["gradient", "f", "h0", "weight", 1], "=", 1], "has the shape"),
        ([["+", "v", tensor([[1, 2, 3]])], "=", 1], "do not fit together"),
        ([1, ">=", 1], "unknown relation"),
        ([1, "=", {"shape": [1], "denominator": 0, "numerators": [1]}], "positive"),
        ([[], "=", 1], "operation is expected"),
    ],
)
def test_what_is_no_equation_is_rejected(equation, reason):
    with pytest.raises(Rejected, match=reason):
        check(identity("proved", (NET,), V, [equation]))


@pytest.mark.parametrize("order", range(9))
def test_all_derivatives_by_t(order):
    """Of exp(2 t) the derivatives are 2^k, of log(1 + exp(t)) and its slope those of the other one."""
    pair = ["*", "t", tensor([0, 1])]
    exponential = [["derivative", order, ["exp", ["*", 2, "t"]]], "=", 2**order]
    assert check(identity("proved", (NET,), {}, [exponential], SMALL))
    assert check_fails(identity("proved", (NET,), {}, [[*exponential[:2], 2**order + 1]], SMALL))
    if order:
        slope = ["derivative", order - 1, ["sum", ["*", tensor([0, 1]), ["softmax", pair]]]]
        both = [["derivative", order, ["sum", ["logsumexp", pair]]], "=", slope]
        assert check(identity("proved", (NET,), {}, [both], SMALL))
        if order % 2 == 0:  # log(1 + exp(t)) - t/2 is even
            assert check_fails(identity("proved", (NET,), {}, [["0", "=", slope]], SMALL))


@pytest.mark.parametrize(("operation", "total"), [("+", 1000), ("*", 1)])
def test_sums_and_products_of_many_are_no_deeper_than_of_few(operation, total):
    many = [operation, *[["derivative", 0, 1]] * 1000]
    assert check(identity("proved", (NET,), {}, [[many, "=", total]]))
    assert verdict(identity("proved", (NET,), {}, [[many, "=", total + 1]])) is not None


def test_an_argument_that_is_too_large_is_not_decided():
    with pytest.raises(BudgetExceeded, match="too large to be enclosed"):
        check(identity("proved", (NET,), V, [[["exp", 5000], "=", 1]]))


def test_more_rejections(monkeypatch):
    good = CASES["conservation"]
    for changes, reason in (
        ({"definitions": [["v", 1], ["v", 1]]}, "no new name"),
        ({"definitions": [["t", 1]]}, "no new name"),
        ({"definitions": [["_v", 1]]}, "no new name"),
        ({"equations": []}, "there is none"),
        ({"tolerance": -1}, "negative tolerance"),
        ({"points": tensor([[1, 2, 3]])}, "3 entries for 2 inputs"),
    ):
        with pytest.raises(Rejected, match=reason):
            check(good | {"claim": good["claim"] | changes})
    with pytest.raises(Rejected, match="at least 16 bits"):
        check(good | {"evidence": {"method": "sides", "bits": 15}})
    with pytest.raises(Rejected, match="may be, too far apart"):
        check(CASES["by temperature"] | {"evidence": {"method": "sides", "bits": 64}})
    smooth = network([node("x", "input", shape=[2]), affine("h", "x", [[1, 1], [2, 0]], [0, 0]), node("s", "smooth", "h", function="tanh")])
    with pytest.raises(Rejected, match="irrational"):
        check(identity("proved", (smooth,), V, [[["output", "f"], "=", 0]]))
    monkeypatch.setattr(_budget, "WORK", (100, 0))
    with pytest.raises(BudgetExceeded, match="more than 100 operations"):
        check(good)


def test_numbers_that_grow_are_stopped():
    """Squared again and again: a few bytes ask for numbers of any length."""
    squares = {"a0": "1/3"} | {f"a{i + 1}": ["*", f"a{i}", f"a{i}"] for i in range(60)}
    with pytest.raises(BudgetExceeded, match="operations are needed"):
        check(identity("proved", (NET,), squares, [["a60", "=", 0]]))


def test_work_is_counted_before_it_is_done(monkeypatch):
    """An outer sum is wide though its operands are short."""

    def unexpected(*_):
        raise AssertionError("the exponentials are computed")

    wide = {"a": tensor([[i] for i in range(64)]), "b": tensor([list(range(64))])}
    monkeypatch.setattr(_budget, "WORK", (2**18, 0))
    monkeypatch.setattr(_sides, "exponential", unexpected)
    with pytest.raises(BudgetExceeded, match="operations are needed"):
        check(identity("proved", (NET,), wide, [[["exp", ["*", "t", ["+", "a", "b"]]], "<=", 1]]))


@pytest.mark.parametrize("around", [lambda a: ["+", a, tensor([[0] * 64] * 64)], lambda a: ["gradient", "f", "h0", "bias", ["+", a, "v"]]])
def test_long_numbers_cost_more_in_every_operation(around, monkeypatch):
    squares = V | {"a0": "1/3"} | {f"a{i + 1}": ["*", f"a{i}", f"a{i}"] for i in range(14)}
    spent, plain = [], _budget.charge
    monkeypatch.setattr(_budget, "charge", lambda work, step: (spent.append(work), plain(work, step)))
    costs = []
    for side in ("a14", around("a14"), around("a11")):
        spent.clear()
        assert check(identity("proved", (NET,), squares, [["a14", "<=", 1], [["*", 0, ["sum", side]], "=", 0]]))
        costs.append(sum(spent))
    assert costs[1] - costs[0] > 4 * (costs[2] - costs[0])


def test_long_numbers_are_shortened_before_they_are_exponents(monkeypatch):
    seen = []

    def recorded(x, bits, plain=_real.exp):
        seen.append(x.denominator.bit_length())
        return plain(x, bits)

    monkeypatch.setattr(_real, "exp", recorded)
    third = f"1/{3**2000}"
    assert check(identity("proved", (NET,), {"a": ["+", third, "1/3"]}, [[["exp", "a"], "<=", "7/5"]], SMALL))
    assert 0 < max(seen) < 400


def test_logarithms_are_enclosed():
    generator = random.Random(1)
    with mpmath.workdps(120):
        for _ in range(300):
            x = Fraction(generator.randrange(1, 10**6), generator.randrange(1, 10**6)) * Fraction(2) ** generator.randrange(-40, 41)
            bits = generator.choice((16, 64, 200))
            low, high = _real.log(x, bits)
            exact = mpmath.log(mpmath.mpf(x.numerator) / x.denominator) * mpmath.mpf(2) ** bits
            assert low <= exact <= high
            assert high - low <= 3
    with pytest.raises(Rejected, match="not positive"):
        _real.log(Fraction(0), 64)
    assert _real.log(Fraction(1), 64)[0] <= 0 <= _real.log(Fraction(1), 64)[1]
