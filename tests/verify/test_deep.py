"""Deep networks of several variables: what is proved, what is refuted, and that nothing else is claimed."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exactnn import Box, Network, Polyhedron, Verdict, check, load, mlp, verify_equal, verify_symmetry, verify_zero
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Concat,
    Conv,
    Input,
    MaxPool,
    PRelu,
    Reshape,
    Slice,
    Subtract,
    activation,
    relu,
)
from exactnn.network.rewrite import simplify
from exactnn.symmetry import Permutation, Scaling
from tests.strategies import (
    HOMOGENEOUS,
    TINY,
    Chain,
    Rows,
    box,
    box_rows,
    chains,
    deep_pairs,
    domains,
    graphs,
    law,
    polyhedron,
    renamed,
    weights,
    with_weight,
)
from tests.verify._oracles import assert_sound, inside, value, z3_differ

TWIN = Path(__file__).parents[3] / "shared" / "data" / "twin"


def proved(verdict: Verdict) -> bool:
    assert verdict.proved, str(verdict)
    return check(verdict.certificate)


def refuted(f: Network, g: Network, **more: Any) -> bool:
    return assert_sound(verify_equal(f, g, **more), f, g) == "refuted"


# --- structures -----------------------------------------------------------------------------------------------------------


class Parts:
    """Random dyadic weights, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def tensor(self, *shape: int) -> RationalArray:
        return RationalArray(self.rng.integers(-9, 10, shape) * 2 + 1, 8)  # odd, so that no weight is 0

    def affine(self, out: int, width: int) -> Affine:
        return Affine(self.tensor(out, width), self.tensor(out))

    def conv(self, out: int, width: int, kernel: tuple[int, ...], padding: int = 0, stride: int = 1, groups: int = 1) -> Conv:
        n = len(kernel)
        weight = self.tensor(out, width // groups, *kernel)
        return Conv(weight, self.tensor(out), (stride,) * n, ((padding, padding),) * n, (1,) * n, groups)

    def norm(self, channels: int) -> BatchNorm:
        variance = RationalArray(self.rng.integers(1, 30, channels), 8)
        mean, weight, bias = (self.tensor(channels) for _ in range(3))
        return BatchNorm(mean, variance, weight, bias, Fraction(1, 1000), "float32")


def build(inputs: tuple[int, ...], *nodes: tuple[str, Any, Sequence[str]]) -> Network:
    """A graph from (name, operation, operands); the input is called x, the last node is the output."""
    b = Builder()
    b.add("x", Input(inputs))
    for name, operation, operands in nodes:
        b.add(name, operation, *operands)
    return b.build(["x"], [nodes[-1][0]])


def dense(parts: Parts) -> Network:
    return build(
        (3,),
        ("a1", parts.affine(5, 3), ["x"]),
        ("u1", relu(), ["a1"]),
        ("a2", parts.affine(4, 5), ["u1"]),
        ("n2", parts.norm(4), ["a2"]),
        ("u2", activation("leaky_relu(1/8)"), ["n2"]),
        ("a3", parts.affine(2, 4), ["u2"]),
    )


def convolutional(parts: Parts) -> Network:
    return build(
        (2, 6, 6),
        ("c1", parts.conv(4, 2, (3, 3), padding=1), ["x"]),
        ("n1", parts.norm(4), ["c1"]),
        ("u1", relu(), ["n1"]),
        ("p1", MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)), ["u1"]),
        ("c2", parts.conv(3, 4, (2, 2), padding=1, stride=2), ["p1"]),
        ("u2", relu(), ["c2"]),
        ("p2", AveragePool((2, 2), (1, 1), ((0, 0), (0, 0)), True), ["u2"]),
        ("flat", Reshape((3,)), ["p2"]),
        ("a3", parts.affine(2, 3), ["flat"]),
    )


def signal(parts: Parts) -> Network:
    """One spatial axis, a prelu by channel, average pooling that counts its padding."""
    return build(
        (2, 7),
        ("c1", parts.conv(4, 2, (3,), padding=1), ["x"]),
        ("u1", PRelu(parts.tensor(4)), ["c1"]),
        ("p1", AveragePool((2,), (2,), ((1, 0),), True), ["u1"]),
        ("c2", parts.conv(3, 4, (2,), groups=1), ["p1"]),
        ("u2", relu(), ["c2"]),
        ("flat", Reshape((9,)), ["u2"]),
        ("a3", parts.affine(2, 9), ["flat"]),
    )


def residual(parts: Parts) -> Network:
    """x -> h = u(a x);  h + W2 u(W1 h);  a concatenation of both; the inner layer is one that can be permuted."""
    return build(
        (3,),
        ("a1", parts.affine(4, 3), ["x"]),
        ("u1", relu(), ["a1"]),
        ("inner", parts.affine(5, 4), ["u1"]),
        ("u2", relu(), ["inner"]),
        ("outer", parts.affine(4, 5), ["u2"]),
        ("sum", Add(), ["u1", "outer"]),
        ("u3", relu(), ["sum"]),
        ("joined", Concat(0), ["u3", "x"]),
        ("last", parts.affine(2, 7), ["joined"]),
    )


def residual_image(parts: Parts) -> Network:
    return build(
        (1, 4, 4),
        ("c1", parts.conv(2, 1, (3, 3), padding=1), ["x"]),
        ("u1", relu(), ["c1"]),
        ("c2", parts.conv(3, 2, (3, 3), padding=1), ["u1"]),
        ("u2", relu(), ["c2"]),
        ("c3", parts.conv(2, 3, (1, 1)), ["u2"]),
        ("sum", Add(), ["u1", "c3"]),
        ("joined", Concat(0), ["sum", "x"]),
        ("u3", relu(), ["joined"]),
        ("p", MaxPool((4, 4), (1, 1), ((0, 0), (0, 0)), (1, 1)), ["u3"]),
        ("flat", Reshape((3,)), ["p"]),
        ("last", parts.affine(2, 3), ["flat"]),
    )


STRUCTURES = [dense, convolutional, signal, residual, residual_image]
MOVABLE = {dense: ("u1", "u2"), convolutional: ("u1", "u2"), signal: ("u1", "u2"), residual: ("u2",), residual_image: ("u2",)}
WIDTH = {"u1": {dense: 5, convolutional: 4, signal: 4}, "u2": {dense: 4, convolutional: 3, signal: 3, residual: 5, residual_image: 3}}


def moved(f: Network, make: Any, seed: int) -> Network:
    """Each movable layer permuted, and scaled by powers of two (which a batch norm's rounded scale allows)."""
    rng = np.random.default_rng(seed)
    for layer in MOVABLE[make]:
        width = WIDTH[layer][make]
        f = Permutation(layer, rng.permutation(width).tolist()).apply(f)
        f = Scaling(layer, [Fraction(2) ** int(k) for k in rng.integers(-3, 4, width)]).apply(f)
    return f


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("make", STRUCTURES)
def test_a_permuted_and_scaled_copy_is_proved_and_one_changed_weight_refuted(make: Any, seed: int) -> None:
    f = make(Parts(seed))
    g = moved(f, make, seed)
    rng = np.random.default_rng(seed)
    x = [Fraction(int(q), 3) for q in rng.integers(-9, 10, f.input_dim)]
    assert value(f, x) == value(g, x) == f(x)
    assert f != g
    assert proved(verify_equal(f, g))
    assert proved(verify_equal(f, renamed(g, "g ")))
    places = weights(g)
    for k in rng.integers(0, len(places), 2):
        h = with_weight(g, places[int(k)], Fraction(1, 2**40))
        assert assert_sound(verify_equal(f, h), f, h) == "refuted"


@pytest.mark.parametrize("make", STRUCTURES)
def test_symmetries_are_proved_with_a_certificate_that_names_them(make: Any) -> None:
    f = make(Parts(3))
    layer = MOVABLE[make][-1]
    width = WIDTH[layer][make]
    turn = Permutation(layer, [*range(1, width), 0])
    both = Scaling(layer, [Fraction(4)] * width) @ turn
    for transformation in (turn, both, both.inverse()):
        verdict = verify_symmetry(f, transformation)
        assert proved(verdict)
        assert verdict.certificate is not None
        assert [s["kind"] for s in verdict.certificate.document["claim"]["transformation"]].count("permutation") == 1


def test_a_scaling_is_no_symmetry_of_hardtanh() -> None:
    f = mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1], [1, -1]], [0, 0]), ([[1, 1]], [0])], activation="hardtanh")
    verdict = verify_symmetry(f, Scaling(1, [2, 1]))
    assert assert_sound(verdict, f, Scaling(1, [2, 1]).apply(f)) == "refuted"


# --- other ways to write one function -------------------------------------------------------------------------------------


def test_stable_neurons_on_a_box_are_proved() -> None:
    f = mlp([([[1, 1], [1, -1]], [3, 3]), ([[1, 1], [-1, -1]], [0, 5]), ([[1, 7]], [0])])
    g = mlp([([[2, 0]], ["6"])])  # on [-1, 1]^2 all first neurons are on: (x+y+3) + (x-y+3) = 2x + 6; then 5 - (2x + 6) <= 1 is not stable
    assert verify_equal(f, g, domain=Box(-1, 1)).status != "proved"
    g = mlp([([[1, 0]], [3]), ([[2], [-2]], [0, 5]), ([[1, 7]], [0])])
    assert proved(verify_equal(f, g, domain=Box(-1, 1)))
    assert refuted(f, g)


def test_neurons_that_the_layers_before_keep_off() -> None:
    """Theory section 3, (a) and (b): rows that are negative, or positive, on the image of the first layer."""
    f = mlp([([[1, 2], [3, -4]], [0, 1]), ([[-1, -2], [2, 1]], [-1, 3]), ([[5, 2]], [0])])
    g = mlp([([[1, 2], [3, -4]], [0, 1]), ([[2, 1]], [3]), ([[2]], [0])])
    h = build(
        (2,),
        ("a", Affine(RationalArray.of([[1, 2], [3, -4]]), RationalArray.of([0, 1])), ["x"]),
        ("u", relu(), ["a"]),
        ("b", Affine(RationalArray.of([[4, 2]]), RationalArray.of([6])), ["u"]),
    )
    for left, right in itertools.combinations([f, g, h], 2):
        assert proved(verify_equal(left, right))


def test_an_affine_family_of_stably_active_neurons() -> None:
    """(W_A, b_A, V_A, c) -> (Q W_A, Q b_A + delta, V_A Q^-1, c - V_A Q^-1 delta), Q near I: not a permutation and scaling."""
    first = ([[1, 2], [3, -4]], [0, 1])
    f = mlp([first, ([[1, 2], [2, 1]], [1, 3]), ([[5, 2]], [0])])
    # Q = [[1, 1/4], [0, 1]], delta = (1/2, 0)
    rows, bias = [[Fraction(3, 2), Fraction(9, 4)], [2, 1]], [1 + Fraction(3, 4) + Fraction(1, 2), 3]
    g = mlp([first, (rows, bias), ([[5, 2 - Fraction(5, 4)]], [-Fraction(5, 2)])])
    assert value(f, [1, -3]) == value(g, [1, -3])
    assert proved(verify_equal(f, g))


def test_a_convolution_against_its_matrix() -> None:
    parts = Parts(5)
    conv = parts.conv(2, 1, (2,), padding=1)
    f = build(
        (1, 3),
        ("c", conv, ["x"]),
        ("u", relu(), ["c"]),
        ("flat", Reshape((8,)), ["u"]),
        ("a", parts.affine(3, 8), ["flat"]),
        ("v", relu(), ["a"]),
        ("last", parts.affine(1, 3), ["v"]),
    )
    weight = conv.weight.to_fractions()
    matrix = [[weight[2 * o + j - p + 1] if 0 <= j - p + 1 < 2 else 0 for j in range(3)] for o in range(2) for p in range(4)]
    bias = [b for b in conv.bias.to_fractions() for _ in range(4)]
    second, last = f.operation("a"), f.operation("last")
    assert isinstance(second, Affine)
    assert isinstance(last, Affine)
    g = mlp([(matrix, bias), (second.weight, second.bias), (last.weight, last.bias)])
    assert value(f, [1, -2, 5]) == value(g, [1, -2, 5])
    assert proved(verify_equal(f, g))
    assert proved(verify_equal(f, g, domain=Box([0, -1, 0], [1, 1, 0])))


def test_max_pooling_against_comparisons() -> None:
    f = build(
        (1, 3),
        ("m", MaxPool((3,), (1,), ((0, 0),), (1,)), ["x"]),
        ("u", relu(), ["m"]),
    )
    g = build(
        (3,),
        ("d", Affine(RationalArray.of([[-1, 1, 0]]), RationalArray.of([0])), ["x"]),
        ("r", relu(), ["d"]),
        ("first", Slice((0,), (1,), (1,)), ["x"]),
        ("m", Add(), ["first", "r"]),
        ("third", Slice((2,), (3,), (1,)), ["x"]),
        ("d2", Subtract(), ["third", "m"]),
        ("r2", relu(), ["d2"]),
        ("m2", Add(), ["m", "r2"]),
        ("u", relu(), ["m2"]),
    )
    assert proved(verify_equal(f, g))
    assert proved(verify_equal(f, g, domain=Box(-1, 1)))


# --- what only the cells show, and what is not decided -------------------------------------------------------------------


def maxima(size: int = 3) -> tuple[Network, Network]:
    """max(max(x, y), z) and max(x, max(y, z)): equal, and no permutation of each other; or the same of more numbers."""
    nets = []
    for order in (range(size), [*range(1, size), 0]):
        nodes: list[tuple[str, Any, list[str]]] = [(f"e{i}", Slice((i,), (i + 1,), (1,)), ["x"]) for i in range(size)]
        best = f"e{order[0]}"
        for k in order[1:]:
            nodes += [(f"d{k}", Subtract(), [best, f"e{k}"]), (f"r{k}", relu(), [f"d{k}"]), (f"m{k}", Add(), [f"e{k}", f"r{k}"])]
            best = f"m{k}"
        nets.append(build((size,), *nodes))
    return nets[0], nets[1]


DOMAINS = [
    None,
    Box(-1, 1),
    Box([-1, -1, 0], [1, 1, 0]),
    Box([-1, 0, 0], [1, 0, 0]),
    Polyhedron([[1, 1, 1], [-1, -1, -1]], [0, 0]),
    Polyhedron([[-1, 0, 0]], [0]),
    Box([1, 2, 3], [1, 2, 3]),
]
_BOXES = (1, 2)  # of DOMAINS, where boxes are tried first for seconds


@pytest.mark.parametrize(
    ("domain", "tolerance"),
    [
        pytest.param(domain, tolerance, marks=[pytest.mark.slow] if tolerance and k in _BOXES else [])
        for k, domain in enumerate(DOMAINS)
        for tolerance in (0, "1/1000")
    ],
)
def test_equal_in_a_way_that_the_cells_show(domain: Polyhedron | None, tolerance: Any) -> None:
    f, g = maxima()
    assert proved(verify_equal(f, g, domain=domain, tolerance=tolerance, time_limit=30))


def test_a_very_small_difference_is_found() -> None:
    """A bump of width 2^-30 in a corner of R^3, behind two layers."""
    f, g = maxima()
    place = [Fraction(10**6), Fraction(-(10**5)), Fraction(12345)]
    corner = mlp(
        [
            ([[int(i == j) * s for j in range(3)] for i in range(3) for s in (1, -1)], [-s * p for p in place for s in (1, -1)]),
            ([[-1] * 6], [TINY]),
            ([[1]], [0]),
        ]
    )
    assert value(corner, place) == (TINY,)
    b = Builder()
    b.add("x", Input((3,)))
    for name, net in (("g", g), ("corner", corner)):
        for node in net.order:
            if node not in net.inputs:
                b.add(f"{name} {node}", net.operation(node), *("x" if o in net.inputs else f"{name} {o}" for o in net.operands(node)))
    h = b.build(["x"], [b.add("sum", Add(), f"g {g.outputs[0]}", f"corner {corner.outputs[0]}")])
    assert assert_sound(verify_equal(f, h, time_limit=20), f, h) == "refuted"
    assert assert_sound(verify_zero(corner, time_limit=20), corner) == "refuted"


def test_unknown_says_why_and_carries_nothing() -> None:
    verdict = verify_equal(*maxima(16), time_limit=2)
    assert verdict.unknown
    assert "time limit" in verdict.reason
    assert verdict.certificate is None
    assert verdict.counterexample is None
    assert verdict.values is None
    assert str(verdict).startswith("UNKNOWN")


def test_no_time_is_unknown() -> None:
    for f, g in (maxima(), (dense(Parts(0)), dense(Parts(0))), (mlp([([[1]], [0])]), mlp([([[1]], [1])]))):
        for limit in (0, "0", 0.0, Fraction(0), Fraction(1, 10**400)):
            verdict = verify_equal(f, g, time_limit=limit)
            assert verdict.unknown
            assert "time limit" in verdict.reason


@pytest.mark.parametrize("limit", [None, 10**400, float("inf"), "1e9"])
def test_all_the_time_in_the_world(limit: Any) -> None:
    assert proved(verify_equal(dense(Parts(0)), dense(Parts(0)), time_limit=limit))


def test_a_time_limit_is_kept() -> None:
    rng = np.random.default_rng(0)
    sizes = [6, 40, 40, 40, 1]
    layers = [(rng.integers(-9, 10, (n, m)), rng.integers(-9, 10, n)) for m, n in itertools.pairwise(sizes)]
    f = mlp(layers)
    other = [*layers[:-1], (layers[-1][0], layers[-1][1])]
    other[1] = (other[1][0] * 1, other[1][1] + 0)
    stay = mlp([*other[:-1], (np.concatenate([other[-1][0], [[0] * 40]])[:1], other[-1][1])])
    g = build((6,), *((n, stay.operation(n), ["x" if o == "input" else o for o in stay.operands(n)]) for n in stay.order[1:]))
    assert proved(verify_equal(f, g))
    first, second = maxima(16)
    for limit in (0.05, 0.5):
        start = time.monotonic()
        verdict = verify_equal(first, second, domain=Box(-1, 1), time_limit=limit)
        assert verdict.unknown
        assert time.monotonic() - start < limit + 5  # torch may have to be imported, which no clock stops


TOO_LARGE = """
import numpy as np
from exactnn import Box, mlp, verify_equal
rng = np.random.default_rng(0)
sizes = [10, 100, 100, 2]
layers = [(rng.standard_normal((n, m)).astype(np.float32) / 8, rng.standard_normal(n).astype(np.float32)) for m, n in zip(sizes, sizes[1:])]
f = mlp(layers)
layers[0][0][0, 0] = np.nextafter(layers[0][0][0, 0], np.float32(9))
print(verify_equal(f, mlp(layers), domain=Box(0, 1), tolerance="1/100", time_limit=1).status)
"""


def test_a_time_limit_is_kept_inside_a_linear_program() -> None:
    folder = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", TOO_LARGE], cwd=folder, timeout=30, capture_output=True, text=True, check=True)
    assert found.stdout.strip() in ("unknown", "proved")


def test_time_that_runs_out_between_two_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of the time can be negative when the next method asks for it."""
    from exactnn.verify._decision import Decision

    original = Decision._by_forms

    def slow(self: Any, **options: Any) -> Any:
        found = original(self, **options)
        if options.get("decide") is not None:
            time.sleep(max(self.clock.left() + 0.1, 0))
        return found

    monkeypatch.setattr(Decision, "_by_forms", slow)
    verdict = verify_equal(*maxima(), time_limit=3)
    assert verdict.unknown
    assert "time limit" in verdict.reason


def test_floats_that_cannot_tell_signs_do_not_stop_a_proof() -> None:
    """l = x - y + 2 >= 0 on a box at 2^70, where float64 has x and y in steps of 2^18; beside it a deep stable neuron."""
    f = mlp([([[1, -1, 0], [0, 0, 1]], [2, 0]), ([[1, 0], [0, 1]], [0, 1]), ([[1, 1]], [0])])
    g = build(
        (3,),
        ("h", Affine(RationalArray.of([[1, -1, 0], [0, 0, 1]]), RationalArray.of([2, 1])), ["x"]),
        ("l", Slice((0,), (1,), (1,)), ["h"]),
        ("z", Slice((2,), (3,), (1,)), ["x"]),
        ("s", relu(), ["z"]),
        ("p", Affine(RationalArray.of([[1]]), RationalArray.of([1])), ["s"]),
        ("sum", Add(), ["l", "p"]),
    )
    c = 2**70 + 2**17
    assert proved(verify_equal(f, g, domain=Box([c - 1, c - 1, -1], [c + 1, c + 1, 1])))
    domain, rows = box([c - 1, c - 1, -1], [c + 1, c + 1 + TINY, 1])
    assert assert_sound(verify_equal(f, g, domain=domain), f, g, rows) != "proved"


# --- the twin networks ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not TWIN.is_dir(), reason="../shared/data/twin is not on this machine (it is not part of the project)")
@pytest.mark.parametrize("size", ["5_inp-2", "10_inp-4", pytest.param("25_inp-5", marks=pytest.mark.slow)])
def test_twin_networks_are_constant(size: str) -> None:
    (path,) = TWIN.glob(f"twin_ladder-{size}_*.nnet")
    f = load(path)
    constant = f([0] * f.input_dim)
    g = mlp([([[0] * f.input_dim], list(constant))])
    assert proved(verify_equal(f, g))
    h = mlp([([[0] * f.input_dim], [constant[0] + TINY])])
    assert assert_sound(verify_equal(f, h), f, h) == "refuted"


# --- laws -----------------------------------------------------------------------------------------------------------------


@given(deep_pairs())
@law(20)
def test_equal_chains_are_proved(pair: tuple[Chain, Chain]) -> None:
    f, g = (c.network() for c in pair)
    assert proved(verify_equal(f, g))


@given(deep_pairs(units=HOMOGENEOUS[:2]), st.integers(0, 10**6), st.data())
@law(20)
def test_chains_with_one_changed_parameter(pair: tuple[Chain, Chain], place: int, data: st.DataObject) -> None:
    f, g = pair[0].network(), pair[1].nudged(place, data.draw(st.sampled_from([TINY, Fraction(1)]))).network()
    domain = data.draw(domains(f.input_dim))
    whole = polyhedron(domain, f.input_dim)
    if whole.is_empty():
        return
    status = assert_sound(verify_equal(f, g, domain=whole, time_limit=10), f, g, domain)
    differ = z3_differ(f, g, domain, milliseconds=3000)
    assert differ is None or status == "unknown" or status == ("refuted" if differ else "proved")


@given(chains(st.integers(2, 3), depth=2, units=("relu", "leaky_relu(1/10)")), st.data())
@law(25)
def test_any_two_chains_against_z3(f: Chain, data: st.DataObject) -> None:
    size = len(f.layers[0][0][0])
    g = data.draw(chains(st.just(size), depth=2, units=[f.unit]).filter(lambda g: len(g.layers[-1][1]) == len(f.layers[-1][1])))
    reach = data.draw(st.sampled_from([Fraction(1), Fraction(100)]))
    rows = box_rows([-reach] * size, [reach] * size)
    f_net, g_net = f.network(), g.network()
    status = assert_sound(verify_equal(f_net, g_net, domain=Box([-reach] * size, [reach] * size), time_limit=10), f_net, g_net, rows)
    differ = z3_differ(f_net, g_net, rows, milliseconds=3000)
    assert differ is None or status == "unknown" or status == ("refuted" if differ else "proved")


@given(graphs(), st.data())
@law(30)
def test_any_graph_equals_itself_renamed_and_simplified(f: Network, data: st.DataObject) -> None:
    assert proved(verify_equal(f, renamed(f, "again ")))
    simple = simplify(f).network
    reach = data.draw(st.sampled_from([None, 0, 1]))
    domain = None if reach is None else Box(-reach, 1)
    assert assert_sound(verify_equal(f, simple, domain=domain, time_limit=20), f, simple) == "proved"


@given(graphs(), st.data())
@law(30)
def test_any_graph_with_one_changed_weight(f: Network, data: st.DataObject) -> None:
    places = weights(f)
    if not places:
        return
    g = with_weight(f, data.draw(st.sampled_from(places)), data.draw(st.sampled_from([TINY, Fraction(1), Fraction(2**70)])))
    rows = data.draw(regions(f.input_dim))
    domain = polyhedron(rows, f.input_dim) if rows else None
    status = assert_sound(verify_equal(f, g, domain=domain, time_limit=10), f, g, rows)
    if status == "proved":
        rng = np.random.default_rng(0)
        for _ in range(20):
            x = [Fraction(int(q), 8) for q in rng.integers(-64, 65, f.input_dim)]
            if inside(x, rows):
                assert value(f, x) == value(g, x)


@st.composite
def regions(draw: st.DrawFn, size: int) -> Rows:
    """Nothing, a box (or a point), a half-space, a hyperplane, a ray."""
    kind = draw(st.sampled_from(("all", "box", "half", "flat", "ray")))
    first = tuple(Fraction(i == 0) for i in range(size))
    minus = tuple(-q for q in first)
    if kind == "box":
        return box_rows([draw(st.sampled_from([-1, 0, 1]))] * size, [1] * size)
    if kind == "half":
        return [((Fraction(1),) * size, Fraction(draw(st.sampled_from([-1, 0, 3]))))]
    if kind == "flat":
        return [(first, Fraction(1)), (minus, Fraction(-1)), ((Fraction(1),) * size, Fraction(2))]
    if kind == "ray":
        return [*box_rows([0] * size, [0] * size)[2:], (minus, Fraction(1))]
    return []


@given(graphs(), st.lists(st.integers(-9, 9), min_size=16, max_size=16))
@law(30)
def test_the_judge_and_the_network_agree(f: Network, numerators: list[int]) -> None:
    x = [Fraction(numerators[i % 16], 1 + i % 4) for i in range(f.input_dim)]
    assert value(f, x) == f(x)
