"""The shift that a network's numerators share: bounds by hand, the denominator node by node, and what it refuses."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given

import exactnn as xn
from exactnn.errors import Incomplete, NotPiecewiseLinear
from exactnn.network import Builder, Input, MaxPool, Network, PRelu, Reshape
from exactnn.tropical import extract
from exactnn.tropical._shift import shift_of
from tests.strategies import graphs, law
from tests.tropical._recursion import Kinks, kinks
from tests.tropical._zoo import ZOO, affine, chain

Entry = list[tuple[Fraction, Fraction]]


def bounds(net: Network) -> dict[str, Entry]:
    return {node: [*zip(low.to_fractions(), high.to_fractions(), strict=True)] for node, (low, high) in shift_of(net).bounds.items()}


def test_by_hand() -> None:
    """Theory, section 1: W2 = (1, -1), so that Lo = (0, -1), Hi = (1, 0), and at the input Lo W+ - Hi W- with [0, 1] behind each unit."""
    net = ZOO["identity"]()
    assert bounds(net) == {"relu1": [(0, 1), (-1, 0)]}
    assert shift_of(net).inputs.to_fractions() == (1,)
    assert shift_of(net, nonnegative=False).inputs.to_fractions() == (0,)


def test_several_outputs_share_their_bounds() -> None:
    net = xn.mlp([([[1], [1], [-3]], [0, 0, 0]), ([[1, -2, 0], [3, "1/2", 5]], [0, 7])])
    assert bounds(net) == {"relu1": [(0, 3), (-2, Fraction(1, 2)), (0, 5)]}
    assert shift_of(net).inputs.to_fractions() == (15,)  # 3 relu(-3 x) has 5 times -3


@pytest.mark.parametrize(
    ("unit", "before"),
    [
        ("relu", (0, 5)),  # B + 2 on the right
        ("abs", (-3, 7)),  # -B on the left, -B + 2 (B + 2) on the right
        ("leaky_relu(3)", (-6, 9)),  # 3 B on the left, 3 B + 2 (3 - B) on the right
        ("leaky_relu(1/2)", (-1, 4)),  # B/2 on the left, B/2 + (B + 2)/2 on the right
        ("hardtanh", (0, 5)),  # B + 2 in the middle, B + 2 + 3 - B on the right
        ("identity", (-2, 3)),
    ],
)
def test_units_by_hand(unit: str, before: tuple[int, int]) -> None:
    """With -2 <= B <= 3 behind a unit; the interval in front of it is seen at the input, which is shifted by its lower end."""
    for sign, end in ((1, -before[0]), (-1, before[1])):
        net = xn.mlp([([[sign]], [0]), ([[3], [-2]], [0, 0])], activation=unit)
        assert shift_of(net).inputs.to_fractions() == (end,)


def pool(weight: Any) -> Network:
    b = Builder()
    x = b.add("x", Input((1, 3)))
    p = b.add("pool", MaxPool((2,), (1,), ((0, 0),), (1,)), x)
    return b.build([x], [b.add("y", affine(weight), b.add("flat", Reshape((2,)), p))])


def test_windows_by_hand() -> None:
    """Each entry gets [0, Hi - Lo] of each window that holds it, the first entry Lo more."""
    assert bounds(pool([[2, -3]])) == {"pool": [(0, 2), (-3, 0)]}
    assert shift_of(pool([[2, -3]])).inputs.to_fractions() == (0, 3, 0)
    assert shift_of(pool([[-1, -3]])).inputs.to_fractions() == (1, 3, 0)


def test_a_node_that_no_output_reads_has_no_bounds() -> None:
    b = Builder()
    x = b.add("x", Input((2,)))
    b.add("unread", PRelu(affine([[1, 2]]).weight.reshape(2)), x)
    net = b.build([x], [b.add("y", affine([[1, -2]], [3]), x)])
    assert bounds(net) == {}
    assert shift_of(net).inputs.to_fractions() == (0, 2)


def test_branches_add_up() -> None:
    """x + |x|: at the input both branches are seen."""
    b = Builder()
    x = b.add("x", Input((1,)))
    net = b.build([x], [b.add("y", xn.network.Subtract(), x, b.add("unit", xn.network.activation("relu"), x))])
    assert bounds(net) == {"unit": [(-1, 0)]}
    (p,), (q,) = extract(net).numerators, extract(net).denominators
    assert (dict(p.terms), dict(q.terms)) == ({(1,): 0}, {(0,): 0, (1,): 0})


def expansion(net: Network, node: str) -> list[Kinks]:
    """(q, r, kinks) for each entry of an activation node."""
    operation: Any = net.operation(node)
    size = math.prod(net.shape(node))
    if isinstance(operation, PRelu):
        slopes = operation.slopes.to_fractions()
        return [kinks(f"leaky_relu({s})") for s in slopes for _ in range(size // len(slopes))]
    return [kinks(operation.name)] * size


def values(net: Network, node: str, x: Any) -> tuple[Fraction, ...]:
    """The flat value of a node at a point."""
    b = Builder()
    for name in net.order:
        b.add(name, net.operation(name), *net.operands(name))
    return b.build(list(net.inputs), [node])(x)


def denominator(net: Network, x: Any) -> Fraction:
    """Q(x) = K . x + sum of -Lo phi+(z) + Hi phi-(z) over the units, and -Lo (maximum - first entry) over the windows."""
    shift = shift_of(net)
    total = sum((k * v for k, v in zip(shift.inputs.to_fractions(), x, strict=True)), Fraction(0))
    for node, (low, high) in shift.bounds.items():
        (operand,) = net.operands(node)
        z = values(net, operand, x)
        operation: Any = net.operation(node)
        if isinstance(operation, MaxPool):
            top, index = values(net, node, x), operation.index(tuple(net.shape(operand)[1:]))
            size = len(z) // net.shape(operand)[0]
            for i, (lo, best) in enumerate(zip(low.to_fractions(), top, strict=True)):
                channel, place = divmod(i, len(index))
                first = next(int(k) for k in index[place] if k >= 0)
                total -= lo * (best - z[channel * size + first])
            continue
        for v, lo, hi, (_, _, bends) in zip(z, low.to_fractions(), high.to_fractions(), expansion(net, node), strict=True):
            for t, p in bends:
                total += (-lo * p if p > 0 else -hi * p) * max(v - t, Fraction(0))
    return total


@pytest.mark.parametrize("name", ZOO)
def test_the_denominator_node_by_node(name: str) -> None:
    net = ZOO[name]()
    q, draw = extract(net).denominators[0], random.Random(5)
    for _ in range(4):
        x = tuple(Fraction(draw.randint(-9, 9), draw.choice((1, 3))) for _ in range(net.input_dim))
        assert q(x) == denominator(net, x)


@law(15)
@given(graphs(nodes=6))
def test_bounds_hold_zero_and_what_units_see(net: Network) -> None:
    """Lo <= 0 <= Hi, and no output's slope in a unit's value leaves its bounds."""
    for entries in bounds(net).values():
        assert all(low <= 0 <= high for low, high in entries)
    try:
        if net.input_dim > 3 or xn.regions.count(net, max_regions=20) > 20:
            return
    except Incomplete:
        return
    q = extract(net).denominators[0]
    for x in ((Fraction(1, 3),) * net.input_dim, (Fraction(-2),) * net.input_dim):
        assert q(x) == denominator(net, x)


def test_smooth_nodes_are_named() -> None:
    net = chain((2, 2, 1), "tanh")
    with pytest.raises(NotPiecewiseLinear, match=r"node 'tanh1': tanh is not piecewise linear.*verify_equal"):
        shift_of(net)


def test_numbers_far_beyond_floats() -> None:
    net = xn.mlp([([[10**40], [-1]], [0, 0]), ([[Fraction(1, 10**50), 3]], [0])])
    assert shift_of(net).inputs.to_fractions() == (3,)
    F = extract(net)
    assert F([1]) == net([1]) == (Fraction(1, 10**10),)
    assert F([-1]) == net([-1]) == (3,)
