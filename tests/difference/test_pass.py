"""The bounds contain every exact difference, at random points and corners, whatever the operations; and they are as small as promised."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from exactnn import Box, Network, Polyhedron, check, mlp, symmetry, verify_equal, verify_symmetry, verify_zero
from exactnn.certificate import _budget, _smooth
from exactnn.certificate import _units as _checker_units
from exactnn.certificate._piecewise import Piecewise
from exactnn.difference import NotBounded, UpperBound, _pass, _units, bounding_box, difference_bounds, upper_bound
from exactnn.difference._bounds import Ends, Exact, times
from exactnn.difference._maximum import Maximum
from exactnn.difference._smooth import SLOPES, smooth_step, smooth_values
from exactnn.difference._units import unit
from exactnn.errors import CheckBudgetExceeded, Incomplete
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.clock import Clock
from exactnn.network import (
    Affine,
    BatchNorm,
    Builder,
    Constant,
    Conv,
    Input,
    MaxPool,
    Rational,
    Reshape,
    Smooth,
    Subtract,
    activation,
    relu,
)
from tests.strategies import PIECEWISE, SMOOTH, TINY, chains, domains, graphs, law, polyhedron, renamed, replaced, weights, with_weight

STEPS = st.sampled_from([Fraction(0), TINY, Fraction(1, 2**11), Fraction(-1, 3), Fraction(2)])


@st.composite
def boxes(draw: st.DrawFn, dimension: int) -> Box:
    """Boxes about a point, some sides of them without any width."""
    centre = [draw(st.sampled_from([Fraction(q) for q in (0, 0, 1, -1, "1/3", 5)])) for _ in range(dimension)]
    widths = [draw(st.sampled_from([Fraction(q) for q in (0, TINY, "1/2", 1, 3)])) for _ in range(dimension)]
    return Box([c - w for c, w in zip(centre, widths, strict=True)], [c + w for c, w in zip(centre, widths, strict=True)])


@st.composite
def nearby(draw: st.DrawFn, net: Network) -> Network:
    """The network with some weights, and some units, changed; its nodes renamed and in another order."""
    places = weights(net)
    for _ in range(draw(st.integers(0, 3)) if places else 0):
        net = with_weight(net, draw(st.sampled_from(places)), draw(STEPS))
    named = [n for n in net.order if net.operation(n).kind == "piecewise_linear"]
    if named and draw(st.booleans()):
        net = replaced(net, draw(st.sampled_from(named)), activation(draw(st.sampled_from(PIECEWISE))))
    return renamed(net, "g_")


def points(box: Box, seed: int, count: int = 12) -> RationalArray:
    """Corners and points inside."""
    low, high = box.bounds
    generator = np.random.default_rng(seed)
    shares = np.concatenate([generator.integers(0, 2, (count, low.size)) * 8, generator.integers(0, 9, (count, low.size))])
    return low + (high - low) * RationalArray.of(shares) / 8


def assert_contained(f: Network, g: Network | None, box: Box, seed: int) -> None:
    found = difference_bounds(f, g, box)
    x = points(box, seed)
    values = f.evaluate(x) - g.evaluate(x) if g is not None else f.evaluate(x)
    assert ((values - found.lo).sign() >= 0).all()
    assert ((found.hi - values).sign() >= 0).all()


@law(60)
@given(st.data(), st.integers(0, 1000))
def test_graphs_and_copies_nearby(data: Any, seed: int) -> None:
    f = data.draw(graphs())
    assert_contained(f, data.draw(nearby(f)), data.draw(boxes(f.input_dim)), seed)


@law(20)
@given(st.data(), st.integers(0, 1000))
def test_chains(data: Any, seed: int) -> None:
    f = data.draw(chains(units=PIECEWISE)).network()
    assert_contained(f, data.draw(nearby(f)), data.draw(boxes(f.input_dim)), seed)


@settings(law(15), suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data(), st.integers(0, 1000))
def test_networks_that_do_not_match(data: Any, seed: int) -> None:
    f = data.draw(graphs(spatial=False, nodes=4))
    g = data.draw(graphs(spatial=False, nodes=4))
    assume((g.input_dim, g.output_dim) == (f.input_dim, f.output_dim))
    assert_contained(f, g, data.draw(boxes(f.input_dim)), seed)


@law(15)
@given(st.data(), st.integers(0, 1000))
def test_one_network_and_zero(data: Any, seed: int) -> None:
    f = data.draw(graphs(nodes=5))
    assert_contained(f, None, data.draw(boxes(f.input_dim)), seed)


@law(20)
@given(st.data())
def test_a_network_and_itself(data: Any) -> None:
    f = data.draw(graphs())
    found = difference_bounds(f, renamed(f, "g_"), data.draw(boxes(f.input_dim)))
    assert found.largest == 0


# --- planted errors -------------------------------------------------------------------------------------------------------------


def chain(*units: str) -> tuple[Network, Network]:
    """x -> unit of 2 x - 1 -> ... and a copy with a bias changed, so that signs differ."""
    pair = []
    for bias in (-1, Fraction(-3, 2)):
        b = Builder()
        now = b.add("x", Input((1,)))
        now = b.add("h", Affine(RationalArray.of([[2]]), RationalArray.of([bias])), now)
        for k, name in enumerate(units):
            now = b.add(f"u{k}", activation(name), now)
        pair.append(b.build(["x"], [now]))
    return pair[0], pair[1]


def corners_contained(f: Network, g: Network, box: Box) -> bool:
    try:
        for seed in range(4):
            assert_contained(f, g, box, seed)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("name", PIECEWISE)
def test_every_unit_across_its_kinks(name: str) -> None:
    f, g = chain(name)
    for low, high in itertools.combinations_with_replacement([Fraction(q) for q in (-2, "1/4", "1/2", "3/4", 1, 5)], 2):
        assert corners_contained(f, g, Box([low], [high]))


@pytest.fixture
def fresh_units() -> Iterator[None]:
    """Units are kept, with the numbers that a planted error replaces."""
    _units.unit.cache_clear()
    yield
    _units.unit.cache_clear()


@pytest.mark.usefixtures("fresh_units")
def test_a_rule_that_forgets_pieces_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = chain("abs")
    assert corners_contained(f, g, Box([-2], [2]))
    monkeypatch.setattr(_units.Unit, "slopes", [1, 1])
    _units.unit.cache_clear()
    assert not corners_contained(f, g, Box([-2], [2]))


@pytest.mark.usefixtures("fresh_units")
def test_one_lipschitz_for_a_slope_of_2_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = chain("leaky_relu(2)")
    assert corners_contained(f, g, Box([-2], [Fraction(1, 4)]))
    monkeypatch.setattr(_units.Unit, "slopes", [0, 1])
    _units.unit.cache_clear()
    assert not corners_contained(f, g, Box([-2], [Fraction(1, 4)]))


def test_a_known_sign_is_used() -> None:
    """a in [1, 2] is on, d = 9/10: b = a - 9/10 in [-1, 1/2] for all that g's own interval says; so the difference is min(d, a) = 9/10."""
    x, y, d = (
        Ends.around(RationalArray.of([[low]]), RationalArray.of([[high]]), 64) for low, high in ((1, 2), (-1, "1/2"), ("9/10", "9/10"))
    )
    found = unit(relu(), 1, 64).step(x, y, d).down().bounds(64)
    assert Fraction(9, 10) - TINY <= found.lo.item() <= Fraction(9, 10) <= found.hi.item() <= Fraction(9, 10) + TINY
    scale = 2**64
    theirs = _checker_units.Unit(Piecewise(Fraction(0), Fraction(0), [(Fraction(0), Fraction(1))]), 64)
    ends = theirs.step((scale, 2 * scale), (-scale, scale // 2), (9 * scale // 10, 9 * scale // 10))
    assert [Fraction(e, scale) for e in ends] == [Fraction(9 * scale // 10, scale)] * 2


@law(15)
@given(st.data())
def test_many_boxes_at_once(data: Any) -> None:
    f = data.draw(graphs())
    g = data.draw(nearby(f))
    where = [data.draw(boxes(f.input_dim)) for _ in range(3)]
    low, high = (concatenate([box.bounds[side].reshape(1, -1) for box in where]) for side in (0, 1))
    found = _pass.Pass(f, g).bounds(low, high)
    single = [difference_bounds(f, g, box) for box in where]
    assert found.lo == concatenate([s.lo for s in single])
    assert found.hi == concatenate([s.hi for s in single])


@pytest.mark.usefixtures("fresh_units")
def test_the_rule_of_convex_units_for_a_concave_one_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    f, g = chain("clip(0, 1)")
    assert corners_contained(f, g, Box([-1], [3]))
    monkeypatch.setattr(_units.Unit, "is_convex", True)
    _units.unit.cache_clear()
    assert not corners_contained(f, g, Box([-1], [3]))


def test_a_maximum_with_single_ends_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = []
    for step in (0, 1):
        b = Builder()
        x = b.add("x", Input((2,)))
        h = b.add("h", Affine(RationalArray.of([[1, 0], [0, 1]]), RationalArray.of([0, step])), x)
        s = b.add("s", Reshape((1, 2)), h)
        pair.append(b.build(["x"], [b.add("m", MaxPool((2,), (2,), ((0, 0),), (1,)), s)]))
    f, g = pair
    assert corners_contained(f, g, Box([0, 0], [1, 1]))
    step = Maximum.step
    monkeypatch.setattr(Maximum, "step", lambda self, d: step(self, Ends(d.array[..., :1].repeat(2, axis=-1))))
    assert not corners_contained(f, g, Box([0, 0], [1, 1]))


def test_rounding_inwards_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    third = mlp([([["1/3"]], [0])]), mlp([([["2/3"]], [0])])
    assert corners_contained(*third, Box([1], [1]))
    monkeypatch.setattr(Exact, "down", lambda self: Ends(-(-self.array // self.over)))
    assert not corners_contained(*third, Box([1], [1]))


@pytest.mark.parametrize("step", [Fraction(1, 3**50), Fraction(10**30, 7)])
def test_a_bias_changed_by_a_number_of_many_bits(step: Fraction) -> None:
    """The weights are the same: then the change is a constant alone."""
    f, g = (mlp([([[1, -1]], [Fraction(-1, 5) + k * step]), ([[2]], [0])]) for k in (0, 1))
    found = difference_bounds(f, g, Box([-1, 0], [1, 1]))
    assert abs(found.lo.item() + 2 * step) <= TINY
    assert_contained(f, g, Box([-1, 0], [1, 1]), 0)


# --- sizes promised -------------------------------------------------------------------------------------------------------------


def dense(sizes: tuple[int, ...], seed: int, rounded: Any = np.float32) -> Network:
    """A network with weights as torch draws them."""
    generator = np.random.default_rng(seed)
    layers = []
    for n, m in itertools.pairwise(sizes):
        reach = 1 / np.sqrt(n)
        w, b = (generator.uniform(-reach, reach, shape).astype(np.float32).astype(rounded) for shape in ((m, n), (m,)))
        layers.append((w, b))
    return mlp(layers)


@pytest.mark.parametrize(
    ("sizes", "box", "tolerance"), [((4, 16, 3), Box(-1, 1), "1/20"), ((16, 64, 3), Box(-1, 1), "1/20"), ((784, 200, 80, 10), Box(0, 1), 1)]
)
def test_float16_copies(sizes: tuple[int, ...], box: Box, tolerance: Any) -> None:
    verdict = verify_equal(dense(sizes, 1), dense(sizes, 1, np.float16), domain=box, tolerance=tolerance, time_limit=10)
    assert verdict.proved, str(verdict)
    assert verdict.certificate is not None
    assert verdict.certificate.kind == "pass"
    assert check(verdict.certificate)


def test_one_weight_of_a_deep_network() -> None:
    f = dense((5, 50, 50, 50, 50, 5), 2)
    g = with_weight(f, next(p for p in weights(f) if p[2] == 7), Fraction(1, 2**40))
    verdict = verify_equal(f, g, domain=Box(-1, 1), tolerance="1/1000", time_limit=10)
    assert verdict.proved, str(verdict)
    assert verdict.certificate is not None
    assert check(verdict.certificate)


def normed(step: float, *, folded: bool) -> Network:
    """conv, batch norm, ReLU, max pooling, flat, affine; or with the batch norm folded, in float32."""
    generator = np.random.default_rng(3)
    weight, bias = generator.normal(size=(4, 3, 3, 3)).astype(np.float32), generator.normal(size=4).astype(np.float32)
    mean, gamma, beta = (generator.normal(size=4).astype(np.float32) for _ in range(3))
    variance = generator.uniform(0.5, 2, size=4).astype(np.float32)
    last = generator.normal(size=(3, 64)).astype(np.float32) / 8
    b = Builder()
    now = b.add("x", Input((3, 8, 8)))
    if folded:
        scale = gamma / np.sqrt(variance + np.float32(1e-5)) + np.float32(step)
        weight, bias = weight * scale[:, None, None, None], (bias - mean) * scale + beta
    conv = Conv(RationalArray.of(weight), RationalArray.of(bias), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    now = b.add("conv", conv, now)
    if not folded:
        parts = (RationalArray.of(a) for a in (mean, variance, gamma, beta))
        now = b.add("norm", BatchNorm(*parts, Fraction(float(np.float32(1e-5))), "float32"), now)
    now = b.add("pool", MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)), b.add("unit", relu(), now))
    now = b.add("flat", Reshape((64,)), now)
    return b.build(["x"], [b.add("last", Affine(RationalArray.of(last), RationalArray.zeros((3,))), now)])


def test_batch_norm_folded_in_float32() -> None:
    f = normed(0, folded=False)
    verdict = verify_equal(f, normed(0, folded=True), domain=Box(-1, 1), tolerance="1/10000", time_limit=10)
    assert verdict.proved, str(verdict)
    assert verdict.certificate is not None
    assert check(verdict.certificate)
    box = Box(-1, 1).in_dimension(192)
    wrong = normed(1e-2, folded=True)
    assert difference_bounds(f, wrong, box).largest > Fraction(1, 100)
    assert_contained(f, wrong, box, 5)


# --- smooth units ---------------------------------------------------------------------------------------------------------------


def smooth_pair(name: str, step: Fraction) -> tuple[Network, Network]:
    f = mlp([([[1, -2], [3, 1], ["1/2", 1]], [0, -1, 2]), ([[1, -1, 2], [1, 1, 1]], [0, 1])], activation=name)
    place = weights(f)
    return f, with_weight(f, place[2], step)


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_copies(name: str) -> None:
    """Against float values in double precision, and within a tolerance that only the slope rule reaches."""
    f, g = smooth_pair(name, Fraction(1, 100))
    found = difference_bounds(f, g, Box([-1, -1], [1, 1]))
    x = points(Box([-1, -1], [1, 1]), 3)
    runs = [net.to_torch()(torch.tensor(x.to_float())).detach().numpy() for net in (f, g)]
    gaps = runs[0] - runs[1]
    assert (gaps >= found.lo.to_float() - 1e-12).all()
    assert (gaps <= found.hi.to_float() + 1e-12).all()
    verdict = verify_equal(f, g, domain=Box(-1, 1), tolerance="1/10", time_limit=5)
    assert verdict.proved, str(verdict)
    assert verdict.certificate is not None
    assert verdict.certificate.kind == "pass"
    assert check(verdict.certificate)


@law(20)
@given(st.sampled_from(SMOOTH), st.integers(-400, 400), st.integers(0, 80), st.sampled_from([16, 64]))
def test_the_checkers_enclosures_lie_inside(name: str, start: int, width: int, bits: int) -> None:
    low, high = Fraction(start, 16), Fraction(start + width, 16)
    x = Ends.around(RationalArray.of([[low]]), RationalArray.of([[high]]), bits)
    ours = smooth_values(Smooth(name), x, bits)
    bounds = _smooth.values(name, (Fraction(x.lo.item(), 1 << bits), Fraction(x.hi.item(), 1 << bits)), bits)
    theirs = [q * (1 << bits) for q in bounds]
    assert ours.lo.item() <= theirs[0] <= theirs[1] <= ours.hi.item()


@law(30)
@given(st.sampled_from(SMOOTH), st.integers(-200, 200), st.integers(0, 40), st.sampled_from([16, 64, 96]))
def test_slopes_on_an_interval(name: str, start: int, width: int, bits: int) -> None:
    """They hold the mean slope between any two points, in balls of 200 bits; and the checker's lie inside."""
    low, high = Fraction(start, 16), Fraction(start + width, 16)
    x = Ends.around(RationalArray.of([[low]]), RationalArray.of([[high]]), bits)
    unit_step = Ends.around(RationalArray.of([[1]]), RationalArray.of([[1]]), bits)
    found = smooth_step(Smooth(name), x, x, unit_step, bits).down()
    theirs = [q * (1 << bits) for q in _smooth.slopes(name, (low, high), bits)]
    assert found.lo.item() <= theirs[0] <= theirs[1] <= found.hi.item()
    assert found.hi.item() - theirs[1] <= 10**4  # units: those of the gates, times t m'(t), which is 700 at the most
    points = [low + (high - low) * Fraction(k, 4) for k in range(5)]
    values = [[Fraction(int(end), 1 << 200) for end in (e.lo.item(), e.hi.item())] for e in (enclosed(name, t) for t in points)]
    for (a, u), (b, v) in itertools.combinations(list(zip(points, values, strict=True)), 2):
        if a != b:
            assert (v[0] - u[1]) / (b - a) <= Fraction(found.hi.item(), 1 << bits)
            assert (v[1] - u[0]) / (b - a) >= Fraction(found.lo.item(), 1 << bits)


def enclosed(name: str, t: Fraction) -> Ends:
    point = RationalArray.of([[t]])
    return smooth_values(Smooth(name), Ends.around(point, point, 200), 200)


def test_slopes_of_smooth_functions() -> None:
    """phi' by differences of doubles stays within the table, and comes near its ends."""
    t = torch.linspace(-12, 12, 4001, dtype=torch.float64, requires_grad=True)
    functions = {"gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu, "softplus": torch.nn.functional.softplus}
    functions |= {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu_tanh": lambda t: torch.nn.functional.gelu(t, approximate="tanh")}
    for name, (least, most) in SLOPES.items():
        (slope,) = torch.autograd.grad(functions[name](t).sum(), t)
        assert float(least) <= slope.min() + 1e-15
        assert slope.max() <= float(most) + 1e-15
        assert slope.min() < float(least) + 0.002
        assert slope.max() > float(most) - 0.002
    assert SLOPES == _smooth.SLOPES


def spelled_out(net: Network) -> Network:
    """A network of affine maps and units as an ONNX file may write it: an input of three axes, moved, flat; biases by themselves."""
    b = Builder()
    n = net.input_dim
    shift = RationalArray.of([Fraction(k, 7) for k in range(n)])
    now = b.add("x", Input((1, 1, n)))
    now = b.add("less", Subtract(), now, b.add("mean", Constant(-shift)))
    now = b.add("flat", Reshape((n,)), now)
    for name in net.order[1:]:
        operation = net.operation(name)
        if isinstance(operation, Affine):
            size = operation.bias.size
            bias = operation.bias - operation.weight @ shift if now == "flat" else operation.bias
            now = b.add(f"{name}_product", Affine(operation.weight, RationalArray.zeros((size,))), now)
            now = b.add(f"{name}_sum", Affine(RationalArray.eye(size) * 2, bias * 2), now)
            now = b.add(f"{name}_half", Affine(RationalArray.eye(size) / -2, RationalArray.zeros((size,))), now)
            now = b.add(f"{name}_minus", Subtract(), b.add(f"{name}_zero", Constant(RationalArray.zeros((1,)))), now)
        else:
            now = b.add(name, operation, now)
    return b.build(["x"], [now])


@law(25)
@given(st.data())
def test_maps_written_apart_are_joined(data: Any) -> None:
    """The function is the same, and so are the weights after folding: nothing is lost."""
    f = data.draw(chains(units=PIECEWISE)).network()
    assert difference_bounds(f, spelled_out(f), data.draw(boxes(f.input_dim))).largest == 0


@law(25)
@given(st.data(), st.integers(0, 1000))
def test_maps_written_apart_in_copies(data: Any, seed: int) -> None:
    f = data.draw(chains(units=PIECEWISE)).network()
    g = spelled_out(f)
    g = with_weight(g, data.draw(st.sampled_from(weights(g))), data.draw(STEPS))
    box = data.draw(boxes(f.input_dim))
    assert_contained(f, g, box, seed)
    assert_contained(g, f, box, seed)


# --- domains, and what is passed on ---------------------------------------------------------------------------------------------


F = mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1], [-1, 2]], [1, 0]), ([[1, -2]], [3])])
G = mlp([([[1, 2], [3, -1]], [0, 1]), ([[1, 1], [-1, 2]], [1, 0]), ([[1, "-2001/1000"]], [3])])


def test_the_box_around_a_polyhedron() -> None:
    simplex = Polyhedron([[2, 0], [1, 0], [-1, 0], [0, -3], [1, 1]], [4, 3, 0, 0, "3/2"])
    found = bounding_box(simplex)
    assert found is not None
    assert (found.box.lower, found.box.upper) == ((0, 0), (Fraction(3, 2), Fraction(3, 2)))
    verdict = verify_equal(F, G, domain=simplex, tolerance="1/10")
    assert verdict.proved
    assert verdict.certificate is not None
    assert verdict.certificate.kind == "pass"
    assert check(verdict.certificate)
    assert bounding_box(Polyhedron([[1, 0], [-1, 0], [0, 1]], [1, 0, 1])) is None
    assert bounding_box(Polyhedron([[1, 1], [-1, 0], [1, 0]], [1, 0, 1])) is None
    assert bounding_box(None) is None


def test_the_text_of_a_bound_says_no_less() -> None:
    for value in (Fraction(0), Fraction(1, 3), Fraction(999999, 1000), Fraction(1, 2**60), Fraction(10**300)):
        assert Fraction(UpperBound(value, {}).text) >= value
    found = upper_bound(F, G, Box([0, 0], [1, 1]))
    assert found is not None
    assert found.evidence == {"method": "pass", "bits": 64}
    with pytest.raises(NotBounded, match="domain is not bounded"):
        upper_bound(F, G, None)


def test_sides_that_rows_state_are_kept_in_many_dimensions() -> None:
    n = 9
    rows = [[s * (i == j) for i in range(n)] for j in range(n) for s in (1, -1)] + [[1] * n]
    found = bounding_box(Polyhedron(rows[1:], [0, *[1] * (2 * n - 2), 2]))  # no row with x_0 <= 1
    assert found is not None
    assert found.proofs[0][:2] == [0, 1]
    assert len(found.proofs) == 1
    assert found.box.upper[0] == 10  # type: ignore[index]


def test_rows_with_one_entry_need_no_proof() -> None:
    found = bounding_box(Polyhedron([[2, 0], [1, 0], [-1, 0], [0, 1], [0, -3]], [4, 3, 0, 1, 0]))
    assert found == (Box([0, 0], [2, 1]), [])


@law(15)
@given(st.data())
def test_domains(data: Any) -> None:
    """Whatever the domain, the box holds its vertices, and the checker follows."""
    domain = polyhedron(data.draw(domains(2)), 2)
    if domain.is_empty():
        return
    found = bounding_box(domain if len(domain.rows[0]) else None)
    if found is None:
        assert not domain.is_bounded()
        return
    assert all(found.box.contains(v) for v in domain.vertices())
    verdict = verify_equal(F, G, domain=domain, tolerance=Fraction(10**60), time_limit=5)
    assert verdict.proved
    assert verdict.certificate is not None
    assert verdict.certificate.kind == "pass"
    assert check(verdict.certificate)


def test_only_with_a_tolerance() -> None:
    """Of networks that are not the same: neurons in another order, a bias a little off."""
    other = symmetry.Permutation(0, [1, 0]).apply(F)
    near = mlp([([[1, 2], [3, -1]], [0, 1 + TINY]), ([[1, 1], [-1, 2]], [1, 0]), ([[1, -2]], [3])])
    for g, arguments, kind in ((other, {"domain": Box(0, 1)}, "forms"), (near, {"tolerance": 10}, "pass")):
        verdict = verify_equal(F, g, **arguments)  # type: ignore[arg-type]
        assert verdict.certificate is not None
        assert verdict.certificate.kind == kind


def test_zero_and_symmetries() -> None:
    small = mlp([([[1, 2], [3, -1]], [0, 1]), ([["1/100", "-1/100"]], [0])])
    nearly = mlp([([[1, 2], [1, "2001/1000"]], [0, 0]), ([[1, 1]], [0])])
    for verdict in (
        verify_zero(small, domain=Box(-1, 1), tolerance="1/10"),
        verify_symmetry(nearly, symmetry.Permutation(0, [1, 0]), domain=Box(-1, 1), tolerance="1/10"),
    ):
        assert verdict.proved
        assert verdict.certificate is not None
        assert verdict.certificate.kind == "pass"
        assert check(verdict.certificate)


def test_rational_units_are_passed_on() -> None:
    unit = Rational.of([0, 1], [1, 0, 1])
    net = mlp([([[1]], [0]), ([[1]], [0])], activation=unit)
    with pytest.raises(NotBounded, match="rational"):
        difference_bounds(net, net, Box([0], [1]))
    other = mlp([([["9/8"]], [0]), ([[1]], [0])], activation=unit)
    verdict = verify_equal(net, other, domain=Box(0, 1), tolerance=1, time_limit=2)
    assert verdict.unknown
    assert "layer by layer" in verdict.reason


def test_more_products_than_the_checker_would_repeat_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box([0, 0], [1, 1])
    verdict = verify_equal(F, G, domain=box, tolerance="1/10")
    monkeypatch.setattr(_pass, "PRODUCTS", 50)
    with pytest.raises(NotBounded, match="more than 50 products"):
        difference_bounds(F, G, box)
    assert verdict.certificate is not None
    assert check(verdict.certificate)
    monkeypatch.setattr(_budget, "WORK", (100, 0))
    with pytest.raises(CheckBudgetExceeded, match="operations"):
        check(verdict.certificate)


def test_the_clock_is_looked_at() -> None:
    with pytest.raises(Incomplete):
        difference_bounds(F, G, Box([0, 0], [1, 1]), clock=Clock(0))


@pytest.mark.parametrize("factor", [2**63 + 3, -(2**63) - 3])
def test_a_factor_without_axes_may_be_long(factor: int) -> None:
    ends = np.array([[[1, 2]], [[3, -4]]], dtype=object)
    assert times(ends, np.array(factor, dtype=object)).tolist() == times(ends, factor).tolist()
