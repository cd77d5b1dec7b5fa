"""The one meaning of the operations: each way to read it gives the values of the second opinion."""

import random
from fractions import Fraction

import pytest

from exactnn.certificate import Rejected
from exactnn.certificate._evaluate import Numbers, value
from exactnn.certificate._meaning import linear, steps
from exactnn.certificate._network import read_network
from exactnn.certificate._operations import operation
from exactnn.certificate._others import OTHERS
from exactnn.certificate._piecewise import piecewise
from exactnn.certificate._rows import by_entry
from exactnn.certificate._stages import ONE, staged
from exactnn.certificate._walk import walk
from tests.certificate import _oracle
from tests.certificate._build import HARDTANH, act, network, node, tensor
from tests.certificate._random import OPERATIONS, grown


def drawn(seed, kinds=None):
    generator = random.Random(seed)
    document = grown(generator, 12, *(() if kinds is None else (kinds,)))
    size = _oracle.dimension(document)
    return document, read_network(document, "f"), [Fraction(generator.randint(-9, 9), generator.choice((1, 2, 5))) for _ in range(size)]


@pytest.mark.parametrize("seed", range(25))
def test_rows_blocks_and_terms_say_the_same(seed):
    document, net, point = drawn(seed)
    values = walk(net, Numbers(point, "f"), steps(net))
    assert [v for i in net.outputs for v in values[i].fractions()] == _oracle.evaluate(document, point)
    for i, found in enumerate(net.nodes):
        if not operation(found.op, "f").rule:
            continue
        rule = linear(found, [net.nodes[p].shape for p in found.operands])
        x = [v for p in found.operands for v in values[p].fractions()]
        constants = [Fraction(c, rule.over) for c in rule.constants] or [Fraction(0)] * len(values[i].numerators)
        rows = list(by_entry(rule))
        assert all(p >= 0 for places, _ in rows for p in places)
        sums = [sum((Fraction(w, rule.denominator) * x[p] for p, w in zip(*row, strict=True)), Fraction(0)) for row in rows]
        assert [s + c for s, c in zip(sums, constants, strict=True)] == values[i].fractions()
        assert value(rule, [values[p] for p in found.operands], constants=False).fractions() == sums


@pytest.mark.parametrize("seed", range(25))
def test_stages_of_units(seed):
    """Every unit, and every output, from rows over the inputs and the units before it."""
    document, net, point = drawn(seed, [op for op in OPERATIONS if op != "rational"])
    found = staged(net, "f")
    known = {ONE: Fraction(1), **dict(enumerate(point))}
    for stage in found.stages:
        made = [sum((Fraction(n, stage.denominator) * known[key] for key, n in row.items()), Fraction(0)) for row in stage.rows]
        known |= {max(known) + 1 + k: max(z, Fraction(0)) for k, z in enumerate(made)}
    last = found.outputs
    outputs = [sum((Fraction(n, last.denominator) * known[key] for key, n in row.items()), Fraction(0)) for row in last.rows]
    assert outputs == _oracle.evaluate(document, point)


def test_every_operation_has_a_meaning():
    curved = {"prelu", "max_pool", "smooth", "rational"}
    assert {name for name, kind in OTHERS.items() if not kind.rule} == curved


def test_units_of_a_node_with_kinks():
    """First all entries of one kink, then those of the next; a relu is one step."""
    net = read_network(network([node("x", "input", shape=[2]), act("t", "x", HARDTANH), act("r", "t")]), "f")
    kinds = [(step.node, step.kind) for step in steps(net)]
    assert kinds == [(0, "input"), *[(1, "linear"), (1, "positive")] * 2, (1, "linear"), (2, "positive")]
    assert [step.kind for step in steps(net, whole=True)] == ["input", "function", "function"]
    sizes = staged(net, "f").sizes
    assert sizes == [2, 2, 2]
    for t in (-2, Fraction(-1, 2), 3):
        (f,) = piecewise(net.nodes[1])
        assert f.slope * t + f.constant + sum(p * max(t - k, 0) for k, p in f.kinks) == min(max(t, -1), 1)


def test_what_is_not_piecewise_linear_has_no_stages():
    smooth = read_network(network([node("x", "input", shape=[1]), node("s", "smooth", "x", function="tanh")]), "f")
    with pytest.raises(Rejected, match="node s: smooth is not piecewise linear"):
        staged(smooth, "f")
    assert staged(smooth, "f", whole=True).sizes == [1]
    pooled = network([node("x", "input", shape=[1, 2]), node("m", "max_pool", "x", kernel=[2], stride=[1], padding=[[0, 0]], dilation=[1])])
    with pytest.raises(Rejected, match="max_pool"):
        staged(read_network(pooled, "f"), "f", whole=True)
    slopes = node("p", "prelu", "x", slopes=tensor([1, "1/2"]))
    assert staged(read_network(network([node("x", "input", shape=[2]), slopes]), "f"), "f").sizes == [2]
