"""Two checkers, made apart from one document, make the same T(f) of random networks, and allow the same steps as `matched`."""

import collections
import random
from fractions import Fraction
from math import prod

import pytest

from tests.certificate import second
from tests.certificate._build import ABS, HARDTANH, LEAKY, act, box, certificate, mlp, network, node, number, tensor
from tests.certificate._cases import norm, smooth_net
from tests.certificate._random import OPERATIONS, grown, some
from tests.certificate.second.core import read_network, sizes
from tests.certificate.second.functions import evaluated
from tests.certificate.second.moves import ACTIVATIONS, Layer, moved_by
from tests.certificate.test_second import agree, agree_on_mutants, opinions

ODD = HARDTANH


def a_chain(pick):
    """A network with layers of several kinds: what lies between their affine maps, on channels or on rows."""
    grid = pick.random() < 0.6
    n = pick.choice((2, 3))
    nodes = [node("x", "input", shape=[2, 9] if grid else pick.choice(([2], [3, 2])))]
    for k in range(pick.choice((1, 2))):
        size = read_network(network(nodes))["nodes"][nodes[-1]["name"]]["shape"]
        if len(size) == 1:
            grid = False
        if grid:
            window = {"stride": [1], "padding": pick.choice(([[0, 0]], [[1, 0]])), "dilation": [1]}
            groups = pick.choice((1, 1, 1, 2)) if size[0] == 2 == n else 1
            fields = {"weight": some(pick, n, size[0] // groups, 2), "bias": some(pick, n), "groups": groups, **window}
            nodes.append(node(f"h{k}", "conv", nodes[-1]["name"], **fields))
        else:
            nodes.append(node(f"h{k}", "affine", nodes[-1]["name"], weight=some(pick, 2 * n, size[-1]), bias=some(pick, 2 * n)))
            if len(size) == 1 and pick.random() < 0.5:
                nodes.append(node(f"g{k}", "reshape", f"h{k}", shape=pick.choice(([n, 2], [2 * n, 1], [1, 2 * n]))))
        for j in range(pick.choice((1, 1, 2, 3))):
            between(pick, nodes, f"{j}of{k}")
        nodes.append(act(f"r{k}", nodes[-1]["name"], pick.choice((None, LEAKY, ABS, ODD))))
        for j in range(pick.choice((0, 0, 1, 2))):
            between(pick, nodes, f"{j}behind{k}")
    size = read_network(network(nodes))["nodes"][nodes[-1]["name"]]["shape"]
    if grid and len(size) > 1 and pick.random() < 0.4:
        groups = pick.choice((1, size[0]))
        weight = some(pick, size[0], size[0] // groups, 1)
        fields = {"stride": [1], "padding": [[0, 0]], "dilation": [1], "groups": groups}
        nodes.append(node("y", "conv", nodes[-1]["name"], weight=weight, bias=some(pick, size[0]), **fields))
        return network(nodes)
    if len(size) > 1 and pick.random() < 0.8:
        size = (prod(size),)
        nodes.append(node("z", "reshape", nodes[-1]["name"], shape=list(size)))
    nodes.append(node("y", "affine", nodes[-1]["name"], weight=some(pick, 2, size[-1]), bias=some(pick, 2)))
    return network(nodes)


def between(pick, nodes, name):
    """One more node that may carry neurons."""
    size, last = read_network(network(nodes))["nodes"][nodes[-1]["name"]]["shape"], nodes[-1]["name"]
    kind = pick.choice(("norm", "prelu", "pool", "average", "act", "reshape", "scale"))
    if kind == "norm":
        numbers = [[Fraction(pick.choice((-2, 1, 2))) for _ in range(size[0])] for _ in range(3)]
        nodes.append(norm(name, last, numbers[0], [3] * size[0], *numbers[1:], epsilon=1))
    elif kind == "prelu":
        nodes.append(node(name, "prelu", last, slopes=tensor([Fraction(pick.choice((0, "1/3", -1, -2))) for _ in range(size[0])])))
    elif kind in ("pool", "average") and len(size) == 2 and size[1] > 1:
        more = {"dilation": [1]} if kind == "pool" else {"count_padding": True}
        op = "max_pool" if kind == "pool" else "average_pool"
        nodes.append(node(name, op, last, kernel=[2], stride=[1], padding=[[0, 0]], **more))
    elif kind == "act":
        nodes.append(act(name, last, pick.choice((None, LEAKY, ODD))))
    elif kind == "reshape" and len(size) == 2:
        nodes.append(node(name, "reshape", last, shape=[size[0] * size[1]]))
    elif kind == "scale" and pick.random() < 0.2:
        nodes.append(node(name, "scale", last, factor=some(pick)))


def a_step(pick, f):
    """A step about a layer that there is, mostly as it should be."""
    net = read_network(f)
    layer = pick.choice([n["name"] for n in net["nodes"].values() if n["op"] in ACTIVATIONS] or ["x"])
    try:
        n = Layer(net, layer).n
    except second.Rejected:
        n = pick.choice((1, 2, 3))
    n = pick.choice((*[n] * 9, n + 1))
    kind = pick.choice(("permutation", "scaling", "flip", "sign_flip"))
    if kind == "permutation":
        return {"kind": kind, "layer": layer, "order": pick.sample(range(n), n)}
    if kind == "scaling":
        return {"kind": kind, "layer": layer, "factors": [number(Fraction(pick.choice((1, 2, "1/3", 5)))) for _ in range(n)]}
    return {"kind": kind, "layer": layer, "neurons": pick.sample(range(n), pick.randint(0, n))}


def both_make(f, steps, pick, *, matched):
    """ "made" or "refused" or "not covered" by the second; the first says the same, and the values are the same."""
    net = read_network(f)
    d = sum(sizes(net, net["inputs"]))
    wide = {"method": "pass", "bits": 16}
    claim = {"domain": box(*[(-1, 1)] * d), "tolerance": 10**60}
    if matched:
        document = certificate("equal", "proved", (f, f), {**wide, "matched": steps}, **claim)
    else:
        document = certificate("symmetry", "proved", (f,), wide, transformation=steps, **claim)
    one, _ = opinions(document)
    try:
        moved = moved_by(net, steps, keeps=matched)
    except second.NotCovered:
        return "not covered"
    except second.Rejected:
        assert one == "rejected", (f, steps)
        return "refused"
    assert one == "accepted", (f, steps)
    point = [Fraction(pick.randint(-9, 9), pick.choice((1, 2, 3))) for _ in range(d)]
    here, there = evaluated(net, point), evaluated(moved, point)
    if matched:
        assert here == there, (f, steps)
    elif here != there:
        values = {"f": [number(v) for v in here], "g": [number(v) for v in there]}
        evidence = {"method": "point", "point": [number(v) for v in point], **values}
        assert agree(certificate("symmetry", "refuted", (f,), evidence, transformation=steps)) == "accepted", (f, steps)
        return "another function"
    return "made"


def steps_by_chance(pick, count, matched):
    seen = collections.Counter()
    operations = [op for op in OPERATIONS if op != "rational"]
    for _ in range(count):
        f = a_chain(pick) if pick.random() < 0.8 else grown(pick, 6, operations)
        steps = [a_step(pick, f) for _ in range(pick.choice((1, 1, 2)))]
        seen[both_make(f, steps, pick, matched=matched)] += 1
    assert min(seen["made"], seen["refused"]) > count / 15
    assert matched or seen["another function"] > count / 15
    assert seen["not covered"] < count / 5


@pytest.mark.parametrize("matched", [True, False])
def test_steps_by_chance(matched):
    steps_by_chance(random.Random(20 + matched), 250, matched)


@pytest.mark.slow
@pytest.mark.parametrize("matched", [True, False])
def test_many_steps_by_chance(matched):
    steps_by_chance(random.Random(22 + matched), 4000, matched)


PAIR = mlp(([[1, 2], [3, 4], [1, 0]], [1, 0, -1]), ([[1, 2, 3]], [0]))
HARD = mlp(([[1, 2], [3, 4], [1, 0]], [1, 0, -1]), ([[1, 2, 3]], [0]), activation=ODD)
SMOOTH = smooth_net("tanh", [(1, [1, 2], 3), (2, [1, 1], 1)])


@pytest.mark.parametrize(
    ("f", "lines", "step", "said"),
    [
        (PAIR, [["atom", k, 1, 1] for k in (2, 0, 1)], {"kind": "permutation", "order": [2, 0, 1]}, "accepted"),
        (PAIR, [["atom", k, 1, 1] for k in (0, 1, 2)], {"kind": "permutation", "order": [2, 0, 1]}, "rejected"),
        (PAIR, [["atom", k, 1, k + 1] for k in range(3)], {"kind": "scaling", "factors": [1, 2, 3]}, "accepted"),
        (PAIR, [["atom", k, 1, 1] for k in range(3)], {"kind": "sign_flip", "neurons": [1]}, "rejected"),
        (SMOOTH, [["atom", 0, 1], ["atom", 1, -1]], {"kind": "sign_flip", "neurons": [1]}, "accepted"),
        (SMOOTH, [["atom", 0, 1], ["atom", 1, 1]], {"kind": "scaling", "factors": [1, 2]}, "rejected"),
        (SMOOTH, [["atom", 0, 1], ["atom", 1, 1]], {"kind": "flip", "neurons": []}, "rejected"),
    ],
)
def test_matched(f, lines, step, said):
    own = [["atom", k, 1, 1] for k in range(3)] if f is PAIR else [["atom", 0, 1], ["atom", 1, 1]]
    evidence = {"method": "forms", "hull": None, "f": {"r0": own}, "g": {"r0": lines}, "output": None}
    document = certificate("equal", "proved", (f, f), {**evidence, "matched": [{"layer": "r0", **step}]})
    assert opinions(document) == (said, said)
    seen = collections.Counter()
    agree_on_mutants(document, random.Random(24), 60, seen)
    assert seen["rejected", "rejected"] > 20


def test_matched_of_an_odd_function():
    steps = [{"kind": "sign_flip", "layer": "r0", "neurons": [0, 2]}, {"kind": "flip", "layer": "r0", "neurons": []}]
    assert both_make(HARD, steps[:1], random.Random(25), matched=True) == "made"
    assert both_make(HARD, steps, random.Random(25), matched=True) == "refused"
