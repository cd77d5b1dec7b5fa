"""Networks of one variable, at any depth, are decided completely; against `Line`, the exact breakpoints."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, Polyhedron, Verdict, check, mlp, verify_equal, verify_zero
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, AveragePool, Builder, Conv, Input, MaxPool, Reshape, relu
from tests.strategies import PIECEWISE, TINY, Chain, Rows, chains, deep_pairs, graphs, law, renamed, weights, with_weight
from tests.verify._oracles import Line, as_lines, assert_sound, same_on_the_line, value, z3_differ

ENDS = st.sampled_from([None, *(Fraction(q) for q in (-3, -1, 0, "1/3", 1, TINY, 2**70))])


def interval(low: Fraction | None, high: Fraction | None) -> tuple[Polyhedron, Rows]:
    rows: Rows = [((Fraction(0),), Fraction(1))]  # a row that says nothing
    if low is not None:
        rows.append(((Fraction(-2),), -2 * low))
    if high is not None:
        rows += [((Fraction(1),), high), ((Fraction(1, 3),), high / 3 + 1)]
    return Polyhedron([list(a) for a, _ in rows], [b for _, b in rows]), rows


def ordered(low: Fraction | None, high: Fraction | None) -> tuple[Fraction | None, Fraction | None]:
    return (high, low) if low is not None and high is not None and low > high else (low, high)


def proved(verdict: Verdict) -> bool:
    assert verdict.proved, str(verdict)
    return check(verdict.certificate)


def sawtooth(depth: int, apex: Any = "1/2", copies: int = 1) -> Network:
    """The tent map x -> 2 s(x) - 4 s(x - apex) + 2 s(x - 1), composed with itself; each neuron `copies` times with shared weight."""
    rows = [[1]] * 3 * copies
    bias = [0, -Fraction(apex), -1] * copies
    out = [Fraction(q, copies) for q in (2, -4, 2) * copies]
    layers: list[tuple[Any, Any]] = [(rows, bias)]
    layers += [([out] * 3 * copies, bias)] * (depth - 1)
    return mlp([*layers, ([out], [0])])


# --- the judge itself -----------------------------------------------------------------------------------------------------


@given(chains(st.just(1), units=PIECEWISE), st.lists(st.fractions(-9, 9, max_denominator=7), min_size=3, max_size=3))
@law(20)
def test_lines_have_the_network_s_values(f: Chain, places: list[Fraction]) -> None:
    net = f.network()
    for line, j in zip(as_lines(net), range(net.output_dim), strict=True):
        for x in (*places, Fraction(2**80), *line.xs):
            assert line.at(x) == value(net, [x])[j] == net([x])[j]


def test_the_positive_part_of_a_line() -> None:
    x = Line.identity()
    assert (x.positive() - (x * -1).positive()).same(x, None, None)
    assert (x.positive() + (x * -1).positive()).same((x + 5).positive() - 5, Fraction(0), None)
    assert not (x + TINY).positive().same(x.positive(), None, None)


# --- sawtooth functions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [2, 4, 6])
def test_a_sawtooth_against_its_flat_form(depth: int) -> None:
    """T composed d times has slopes +-2^d between the multiples of 2^-d in [0, 1], and is 0 elsewhere."""
    n = 2**depth
    jumps = [n, *(2 * n * (-1) ** k for k in range(1, n)), n]
    flat = mlp([([[1]] * (n + 1), [Fraction(-k, n) for k in range(n + 1)]), ([jumps], [0])])
    f = sawtooth(depth)
    assert proved(verify_equal(f, flat))
    jumps[n // 2] += TINY
    other = mlp([([[1]] * (n + 1), [Fraction(-k, n) for k in range(n + 1)]), ([jumps], [0])])
    assert assert_sound(verify_equal(f, other), f, other) == "refuted"


def test_a_sawtooth_with_one_tooth_moved() -> None:
    f, g = sawtooth(5), sawtooth(5, Fraction(1, 2) + TINY)
    assert assert_sound(verify_equal(f, g), f, g) == "refuted"
    far, rows = interval(Fraction(2), None)  # both are 0 there
    assert not same_on_the_line(f, g, Fraction(0), Fraction(1))
    assert assert_sound(verify_equal(f, g, domain=far), f, g, rows) == ("proved" if same_on_the_line(f, g, Fraction(2)) else "refuted")
    assert proved(verify_zero(f, domain=Box(-5, 0)))


def test_too_many_teeth_are_no_obstacle_to_a_proof_by_neurons() -> None:
    """2^30 breakpoints, but the second network only has each neuron twice."""
    verdict = verify_equal(sawtooth(30), sawtooth(30, copies=2), time_limit=60)
    assert verdict.proved
    assert verdict.certificate is not None
    assert verdict.certificate.kind == "forms"
    assert check(verdict.certificate)


@pytest.mark.slow
def test_too_many_teeth_are_unknown_in_time() -> None:
    f, g = sawtooth(26), sawtooth(25)
    verdict = verify_equal(f, g, domain=Box(0, 1), time_limit=2)
    assert assert_sound(verdict, f, g) in ("unknown", "refuted")


# --- kinds of domains -----------------------------------------------------------------------------------------------------


def test_agreeing_on_an_interval_only() -> None:
    f = mlp([([[1], [-1]], [0, 0]), ([[1, 1]], [0]), ([[1]], [0])])  # |x|
    identity = mlp([([[1]], [0])])
    for low, high, same in ((0, 1, True), (0, None, True), (None, 0, False), (-TINY, 1, False), (0, 0, True), (-1, -1, False)):
        domain, rows = interval(*(None if q is None else Fraction(q) for q in (low, high)))
        assert assert_sound(verify_equal(f, identity, domain=domain), f, identity, rows) == ("proved" if same else "refuted")


def test_a_difference_beyond_every_breakpoint() -> None:
    """Slopes that differ only to the left, or only to the right, of all kinks."""
    f = mlp([([[1], [1]], [0, 1]), ([[1, -1]], [5]), ([[1]], [0])])  # s(5 + s(x) - s(x + 1)): constant to both sides
    for side, bias in ((1, -(2**40)), (-1, -(2**40))):
        g = mlp([([[1], [1], [side]], [0, 1, bias]), ([[1, -1, 0], [0, 0, 1]], [5, 0]), ([[1, TINY]], [0])])
        assert assert_sound(verify_equal(f, g), f, g) == "refuted"
        inside = Box(-(2**40), 2**40)
        assert proved(verify_equal(f, g, domain=inside))


def test_kinks_at_the_ends_of_the_interval() -> None:
    f = mlp([([[1], [1]], [0, -1]), ([[1, -1]], [0]), ([[1]], [0])])  # s(s(x) - s(x - 1)): x on [0, 1]
    identity = mlp([([[1]], [0])])
    assert proved(verify_equal(f, identity, domain=Box(0, 1)))
    domain, rows = interval(Fraction(0), 1 + TINY)
    assert assert_sound(verify_equal(f, identity, domain=domain), f, identity, rows) == "refuted"


# --- operations -----------------------------------------------------------------------------------------------------------


def pooled(order: tuple[int, ...], shift: Any = 0) -> Network:
    """x -> max of four affine functions (in any order), through images, a convolution and pooling."""
    lines = [([1], 0), ([-1], 1), ([2], -3), ([Fraction(-1, 2)], shift)]
    b = Builder()
    x = b.add("x", Input((1, 1, 1)))
    flat = b.add("flat", Reshape((1,)), x)
    rows = b.add("rows", Affine(RationalArray.of([lines[i][0] for i in order]), RationalArray.of([lines[i][1] for i in order])), flat)
    image = b.add("image", Reshape((1, 2, 2)), rows)
    largest = b.add("largest", MaxPool((2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)), image)
    seen = b.add("conv", Conv(RationalArray.of([[[[3]]]]), RationalArray.of([-1]), (1, 1), ((1, 1), (0, 0)), (1, 1), 1), largest)
    mean = b.add("mean", AveragePool((3, 1), (1, 1), ((0, 0), (0, 0)), True), b.add("relu", relu(), seen))
    return b.build([x], [mean])


def test_max_pooling_and_images() -> None:
    f, g = pooled((0, 1, 2, 3)), pooled((3, 1, 0, 2))
    assert proved(verify_equal(f, g))
    h = pooled((3, 1, 0, 2), TINY)
    assert assert_sound(verify_equal(f, h), f, h) == ("proved" if same_on_the_line(f, h) else "refuted")


def test_a_single_pooling_layer_is_complete_too() -> None:
    """Max pooling of three is one node with kinks, and no network with one hidden layer."""
    nets = []
    for order in ((0, 1, 2), (2, 0, 1)):
        b = Builder()
        x = b.add("x", Input((1,)))
        lines = [([1], 0), ([-1], 1), ([2], -3)]
        rows = b.add("rows", Affine(RationalArray.of([lines[i][0] for i in order]), RationalArray.of([lines[i][1] for i in order])), x)
        image = b.add("image", Reshape((1, 3)), rows)
        nets.append(b.build([x], [b.add("max", MaxPool((3,), (1,), ((0, 0),), (1,)), image)]))
    assert proved(verify_equal(*nets))
    assert proved(verify_equal(*nets, domain=Box(-1, 1)))


# --- laws -----------------------------------------------------------------------------------------------------------------


@given(chains(st.just(1), units=PIECEWISE), st.data())
@law(25)
def test_any_two_chains_on_any_interval(f: Chain, data: st.DataObject) -> None:
    g = data.draw(chains(st.just(1), units=[f.unit]).filter(lambda g: len(g.layers[-1][1]) == len(f.layers[-1][1])))
    if data.draw(st.booleans()):
        g = f.nudged(data.draw(st.integers(0, 10**6)), data.draw(st.sampled_from([TINY, Fraction(1)])))
    low, high = ordered(data.draw(ENDS), data.draw(ENDS))
    domain, rows = interval(low, high)
    f_net, g_net = f.network(), g.network()
    status = assert_sound(verify_equal(f_net, g_net, domain=domain), f_net, g_net, rows)
    assert status == ("proved" if same_on_the_line(f_net, g_net, low, high) else "refuted")


@given(deep_pairs(st.just(1), units=PIECEWISE[:5]), st.integers(0, 10**6), st.data())
@law(20)
def test_equal_pairs_and_one_changed_parameter(pair: tuple[Chain, Chain], place: int, data: st.DataObject) -> None:
    f, g = (c.network() for c in pair)
    low, high = ordered(data.draw(ENDS), data.draw(ENDS))
    domain, rows = interval(low, high)
    assert proved(verify_equal(f, g, domain=domain))
    h = pair[1].nudged(place).network()
    status = assert_sound(verify_equal(f, h, domain=domain), f, h, rows)
    assert status == ("proved" if same_on_the_line(f, h, low, high) else "refuted")


@given(graphs(spatial=False), st.data())
@law(20)
def test_graphs_restricted_to_a_line(net: Network, data: st.DataObject) -> None:
    """A graph behind an affine map from R."""
    f = behind_a_line(net)
    g = renamed(f, "other ")
    assert proved(verify_equal(f, g))
    places = weights(g)
    if places:
        h = with_weight(g, data.draw(st.sampled_from(places)), data.draw(st.sampled_from([TINY, Fraction(1)])))
        status = assert_sound(verify_equal(f, h), f, h)
        assert status == ("proved" if same_on_the_line(f, h) else "refuted")


@given(chains(st.just(1), units=("relu", "abs"), depth=2), st.integers(0, 10**6))
@law(12)
def test_against_z3(f: Chain, place: int) -> None:
    g = f.nudged(place)
    differ = z3_differ(f.network(), g.network())
    status = verify_equal(f.network(), g.network()).status
    assert status in ("proved", "refuted")
    assert differ is None or differ is (status == "refuted")


def behind_a_line(net: Network) -> Network:
    """x -> net(A x + b): every input read from one variable."""
    b = Builder()
    x = b.add("the line", Input((1,)))
    names = {}
    for k, name in enumerate(net.inputs):
        size = int(RationalArray.zeros(net.shape(name)).size)
        slope = [[Fraction(i + k - 1, 2)] for i in range(size)]
        image = b.add(f"on {name}", Affine(RationalArray.of(slope), RationalArray.of(list(range(size)))), x)
        names[name] = b.add(f"as {name}", Reshape(net.shape(name)), image)
    for name in net.order:
        if name not in names:
            names[name] = b.add(name, net.operation(name), *(names[o] for o in net.operands(name)))
    return b.build([x], [names[n] for n in net.outputs])
