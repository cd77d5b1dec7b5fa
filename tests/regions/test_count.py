"""Counts of linear regions under every definition: published values, brute force, laws."""

from __future__ import annotations

import itertools
import math
import re
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cells import Statistics, Subdivision, read_program
from exactnn.errors import ArgumentError, DomainError, EmptyDomain, ExactnnError, Incomplete, NotPiecewiseLinear, Undecided
from exactnn.exact.array import RationalArray
from exactnn.exact.clock import Clock
from exactnn.exact.progress import Progress, reached
from exactnn.regions import collect
from tests.cells._oracles import all_patterns, cells, merged, patterns
from tests.strategies import TINY, box_rows, graphs, law, polyhedron

DEFINITIONS = ("pattern", "activation", "connected", "closed-connected", "affine")
HALF = Fraction(1, 2)


def counts(net: xn.Network, domain: Any = None) -> list[int]:
    return [xn.regions.count(net, domain, definition=d) for d in DEFINITIONS]


def hidden(rows: Any, offsets: Any) -> xn.Network:
    """One hidden layer whose hyperplanes are all kinks."""
    return xn.mlp([(rows, offsets), ([[1] * len(rows)], [0])])


SEPARATING = {
    "max(-y, min(0, -x))": (
        [([[1, 0], [0, 1], [0, -1]], [0] * 3), ([[1, 0, 0], [1, -1, 1]], [0, 0]), ([[-1, 1]], [0])],
        [7, 5, 3, 3, 3],
    ),
    "|x| + |y| - |x + y|": (
        [([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]], [0] * 6), ([[1, 1, 1, 1, -1, -1]], [0])],
        [13, 6, 6, 5, 5],
    ),
    "relu(x) - 2 relu(x - 1) + relu(x - 2)": ([([[1], [1], [1]], [0, -1, -2]), ([[1, -2, 1]], [0])], [4, 4, 4, 4, 3]),
    "identity": ([([[1], [-1]], [0, 0]), ([[1, -1]], [0])], [3, 2, 1, 1, 1]),
    "max(x, y)": ([([[1, -1], [0, 1], [0, -1]], [0] * 3), ([[1, 1, -1]], [0])], [6, 4, 2, 2, 2]),
    "sort2": (
        [([[1, -1], [1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 5), ([[1, 0, 0, 1, -1], [-1, 1, -1, 0, 0]], [0, 0])],
        [11, 6, 2, 2, 2],
    ),
    "relu(x) - relu(x)": ([([[1], [1]], [0, 0]), ([[1, -1]], [0])], [2, 2, 1, 1, 1]),
}


@pytest.mark.parametrize("name", SEPARATING)
def test_networks_that_separate_the_definitions(name: str) -> None:
    layers, wanted = SEPARATING[name]
    assert counts(xn.mlp(layers)) == wanted


def test_convex_regions_are_bounded_only() -> None:
    """Row 1 of the table: 4 convex regions, 3 connected ones, 5 cells."""
    layers, _ = SEPARATING["max(-y, min(0, -x))"]
    with pytest.raises(Undecided, match=r"between 3 .* and 5") as caught:
        xn.regions.count(xn.mlp(layers), definition="convex")
    assert (caught.value.lower, caught.value.upper) == (3, 5)
    layers, _ = SEPARATING["|x| + |y| - |x + y|"]
    assert xn.regions.count(xn.mlp(layers), definition="convex") == 6


def test_a_closed_region_that_runs_through_the_interior_of_a_cell() -> None:
    """f = clip(y, -u, u), u = relu(1 - |x|): {f = 0} is joined along the segment y = 0 inside the cell where f = y."""
    a = ([[1, 0], [-1, 0], [0, 1], [0, -1]], [0] * 4)  # x+, x-, y+, y-
    b = ([[-1, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], [1, 0, 0])  # u, y+, y-
    c = ([[1, 1, -1], [-1, 1, -1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [0] * 5)  # relu(u + y), relu(y - u), u, y+, y-
    # clip(y, -u, u) = -u + relu(y + u) - relu(y - u)
    net = xn.mlp([a, b, c, ([[1, -1, -1, 0, 0]], [0])])
    assert [net(p)[0] for p in ((0, HALF), (0, 3), (0, -3), (2, 5), (HALF, "1/4"))] == [HALF, 1, -1, 0, Fraction(1, 4)]
    assert xn.regions.count(net, definition="connected") == 7
    assert xn.regions.count(net, definition="closed-connected") == xn.regions.count(net, definition="affine") == 6


@pytest.mark.parametrize("k", range(2, 9))
def test_tents(k: int) -> None:
    layers: list[Any] = [([[1], [1]], [0, -HALF])] + [([[2, -4], [2, -4]], [0, -HALF])] * (k - 1) + [([[2, -4]], [0])]
    net = xn.mlp(layers)
    assert xn.regions.count(net, definition="connected") == 2**k + 2
    assert xn.regions.count(net, definition="affine") == 2**k + 1
    assert xn.regions.count(net, xn.Box(0, 1), definition="connected") == 2**k


def zigzag(n: int, k: int) -> xn.Network:
    """The n-fold zigzag of [0, 1], composed k times."""
    first = ([[1]] * n, [Fraction(-i, n) for i in range(n)])
    out = [n, *(2 * n * (-1) ** i for i in range(1, n))]
    return xn.mlp([first] + [([out] * n, [Fraction(-i, n) for i in range(n)])] * (k - 1) + [([out], [0])])


@pytest.mark.parametrize(
    ("n", "k", "connected", "affine"), [(3, 1, 4, 3), (3, 2, 10, 9), (3, 3, 28, 27), (4, 2, 18, 17), (4, 3, 66, 65), (5, 2, 26, 25)]
)
def test_zigzags(n: int, k: int, connected: int, affine: int) -> None:
    net = zigzag(n, k)
    assert xn.regions.count(net, definition="connected") == connected
    assert xn.regions.count(net, definition="affine") <= connected
    assert xn.regions.count(net, xn.Box(0, 1), definition="connected") == n**k


@pytest.mark.parametrize(("n", "k", "plane", "square"), [(2, 1, 9, 4), (2, 2, 36, 16), (2, 3, 100, 64), (3, 1, 16, 9)])
def test_products_of_zigzags(n: int, k: int, plane: int, square: int) -> None:
    one = zigzag(n, k)
    weights = [(one.operation(f"layer{i + 1}").weight, one.operation(f"layer{i + 1}").bias) for i in range(k + 1)]  # type: ignore[attr-defined]

    def twice(w: Any) -> list[list[Fraction]]:
        rows = [w[i].to_fractions() for i in range(len(w))]
        return [[*r, *[Fraction(0)] * len(r)] for r in rows] + [[*[Fraction(0)] * len(r), *r] for r in rows]

    net = xn.mlp([(twice(w), [*b.to_fractions()] * 2) for w, b in weights])
    assert xn.regions.count(net, definition="connected") == plane
    assert xn.regions.count(net, xn.Box(0, 1), definition="connected") == square


def braid(n: int) -> Any:
    return [[int(k == i) - int(k == j) for k in range(n)] for i in range(n) for j in range(i + 1, n)]


def test_arrangements() -> None:
    rng = np.random.default_rng(0)
    assert xn.regions.count(hidden(braid(4), [0] * 6)) == 24
    assert xn.regions.count(hidden(braid(5), [0] * 10)) == 120
    shi = [(row, -level) for row in braid(3) for level in (0, 1)]
    assert xn.regions.count(hidden([r for r, _ in shi], [c for _, c in shi])) == 16
    catalan = [(row, -level) for row in braid(3) for level in (-1, 0, 1)]
    assert xn.regions.count(hidden([r for r, _ in catalan], [c for _, c in catalan])) == 6 * 5
    assert xn.regions.count(hidden(rng.normal(size=(7, 3)), rng.normal(size=7))) == 64
    assert xn.regions.count(hidden(rng.normal(size=(12, 4)), rng.normal(size=12))) == 794
    threshold = [(1, *row) for row in itertools.product((0, 1), repeat=3)]
    assert xn.regions.count(hidden(threshold, [0] * 8)) == 104
    resonance = [row for row in itertools.product((0, 1), repeat=4) if any(row)]
    assert xn.regions.count(hidden(resonance, [0] * 15)) == xn.regions.chambers(resonance) == 370


def test_nearly_degenerate() -> None:
    """Where a tolerance of 1e-8 gives another number."""
    assert counts(xn.mlp([([[1], [1]], [0, Fraction(-1, 2**40)]), ([[1, -1]], [0])])) == [3] * 5
    lines = [[1, 0], [0, 1], [1, 1]]
    assert xn.regions.count(hidden(lines, [0, 0, -TINY])) == 7
    assert xn.regions.count(hidden(lines, [0, 0, 0])) == 6
    assert xn.regions.count(hidden([[1, 0], [1, TINY]], [0, 0])) == 4
    assert xn.regions.count(hidden([[1, 0], [1, 0]], [0, 0])) == 2
    assert xn.regions.count(hidden([[TINY * v for v in r] for r in lines], [0, 0, -TINY])) == 7


def test_numbers_beyond_floats() -> None:
    huge, small = Fraction(2) ** 2000, Fraction(1, 2**2000)
    assert xn.regions.count(hidden([[huge, 0], [0, small], [huge, huge]], [0, 0, small])) == 7
    assert xn.regions.count(hidden([[huge, 0], [0, small], [1, 1]], [huge, 0, huge]), xn.Box(-huge * huge, huge * huge)) == 7
    assert xn.regions.count(hidden([[1], [1]], [0, -small])) == 3


def test_values_that_overflow_floats() -> None:
    """A difference, or a partial sum, beyond the range of float64 decides nothing."""
    k, w = 2**600, 2**423
    net = xn.mlp([([[2 * w, -3 * w], [1, 1]], [0, -k]), ([[1, 1]], [0])])
    assert xn.regions.count(net, xn.Box([Fraction(9 * k, 10), 0], [k, k])) == 3
    k, w = 2**1000, 2**23
    net = xn.mlp([([[2 * w, 2 * w, -3 * w, -3 * w], [1, -1, 0, 0]], [0, 0]), ([[1, 1]], [0])])
    assert xn.regions.count(net, xn.Box([Fraction(9 * k, 10)] * 4, [k] * 4)) == 2


@pytest.mark.parametrize("n", [3, pytest.param(66, marks=pytest.mark.slow)])
def test_windows_of_any_size(n: int) -> None:
    """max over i of i x - i^2 has n pieces, one for each maximiser, however many there are."""
    from exactnn.network import Affine, Builder, Input, MaxPool, Reshape

    b = Builder()
    x = b.add("x", Input((1,)))
    lines = b.add("lines", Affine(RationalArray.of([[i] for i in range(n)]), RationalArray.of([-i * i for i in range(n)])), x)
    pool = b.add("pool", MaxPool((n,), (n,), ((0, 0),), (1,)), b.add("row", Reshape((1, n)), lines))
    net = b.build([x], [pool])
    assert xn.regions.count(net) == n
    if n < 10:
        assert xn.regions.count(net, definition="affine") == n
        assert xn.regions.count(net, definition="pattern") == 2 * n - 1
    assert {r.pattern for r in xn.regions.iterate(net)} == {((1 << i,),) for i in range(n)}


# --- brute force -------------------------------------------------------------------------------------------------------------


@st.composite
def problems(draw: st.DrawFn, outputs: int = 1, most: int = 4) -> tuple[Any, Any, Any, Any]:
    """(hidden layers, last layer, rows of the domain, domain), entries in {-1, 0, 1}, some moved by 2^-60."""
    d = draw(st.integers(1, 3))
    tiny = draw(st.sampled_from([Fraction(0), TINY]))
    entry = st.builds(lambda a, b: a + b * tiny, st.integers(-1, 1), st.integers(-1, 1))
    layers, width = [], d
    for _ in range(draw(st.integers(1, 3))):
        n = draw(st.integers(1, most))
        layers.append(([[draw(entry) for _ in range(width)] for _ in range(n)], [draw(entry) for _ in range(n)]))
        width = n
    last = ([[draw(st.integers(-1, 1)) for _ in range(width)] for _ in range(outputs)], [0] * outputs)
    kind = draw(st.sampled_from(["all", "box", "rows"]))
    rows: list[Any] = []
    domain: Any = None
    if kind == "box":
        rows, domain = box_rows([-1] * d, [1] * d), xn.Box([-1] * d, [1] * d)
    elif kind == "rows":
        rows = [(tuple(Fraction(draw(st.integers(-1, 1))) for _ in range(d)), Fraction(draw(st.integers(0, 2)))) for _ in range(3)]
        domain = polyhedron(rows, d)
        rows = [row for row in rows if any(row[0])]  # 0 x <= b says nothing; the oracle takes rows strictly
        if domain.dimension < d:
            rows, domain = [], None
    return layers, last, rows, domain


@pytest.mark.slow
@given(problems())
@law(150)
def test_activation_patterns_against_all_patterns(problem: Any) -> None:
    layers, last, rows, domain = problem
    wanted = {p for p, _ in patterns(layers, rows)}
    net = xn.mlp([*layers, last])
    program = read_program([net], domain)
    for piece in (None, 2):
        run = Subdivision(program, Clock(), piece=piece)
        found = [tuple(row) for p in run.pieces() for row in program.patterns(p.signs).tolist()]
        assert len(found) == len(wanted)
        assert set(found) == wanted


@given(problems(most=3))
@law(40)
def test_lower_dimensional_patterns(problem: Any) -> None:
    layers, last, rows, domain = problem
    assert xn.regions.count(xn.mlp([*layers, last]), domain, definition="pattern") == len(all_patterns(layers, rows))


@pytest.mark.slow
@given(problems(outputs=2, most=3))
@law(40)
def test_merged_regions(problem: Any) -> None:
    layers, last, rows, domain = problem
    found = cells(layers, last, rows)
    if len(found) <= 14:
        assert counts(xn.mlp([*layers, last]), domain)[2:] == list(merged(found))


@st.composite
def sliced(draw: st.DrawFn) -> xn.Network:
    """Any piecewise linear graph (convolutions, pooling, sums) on a slice of its inputs with at most 3 dimensions."""
    net = draw(graphs(nodes=6).filter(lambda n: n.is_piecewise_linear and n.input_dim <= 40))
    d = draw(st.integers(1, min(3, net.input_dim)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    directions = rng.integers(-2, 3, (d, net.input_dim))
    directions[:, :d] = np.triu(directions[:, :d], 1) + np.eye(d, dtype=int)
    return xn.regions.restrict(net, rng.integers(-2, 3, net.input_dim), directions)


@given(sliced())
@law(60)
def test_any_graph_both_ways(net: xn.Network) -> None:
    """The search by linear programs shares nothing with the lattice but the stages."""
    assume(0 < read_program([net]).unit_count <= 40)
    for definition in ("activation", "affine"):
        both = [xn.regions.count(net, definition=definition, method=m, time_limit=60) for m in ("lattice", "search")]
        assert both[0] == both[1]


@given(sliced(), st.integers(0, 2**32))
@law(60)
def test_regions_hold_their_points(net: xn.Network, seed: int) -> None:
    """A random point lies in a region; and at points of it, and at its interior point, the affine map gives the exact value."""
    assume(0 < read_program([net]).unit_count <= 40)
    point = [Fraction(int(v), 97) for v in np.random.default_rng(seed).integers(-300, 300, net.input_dim)]
    regions = list(xn.regions.iterate(net))
    inside = [r for r in regions if r.polyhedron.contains(point)]
    assert inside
    assert len({r.pattern for r in regions}) == len(regions)
    for region in inside:
        for x in (point, region.interior_point):
            A, b = region.affine_map
            assert tuple(c + sum(u * v for u, v in zip(row, x, strict=True)) for row, c in zip(A, b, strict=True)) == net(x)


# --- laws ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(problems(outputs=2), st.randoms(use_true_random=False))
@law(40)
def test_permutation_scaling_and_change_of_input_keep_the_counts(problem: Any, rng: Any) -> None:
    layers, last, _, _ = problem
    net = xn.mlp([*layers, last])
    wanted = counts(net)
    assert wanted == sorted(wanted, reverse=True)
    other = net
    for k, (weight, _) in enumerate(layers):
        order = list(range(len(weight)))
        rng.shuffle(order)
        other = xn.symmetry.Permutation(k, order).apply(other)
        other = xn.symmetry.Scaling(k, [Fraction(rng.randint(1, 5), 3) for _ in order]).apply(other)
    d = net.input_dim
    shear = [[Fraction(int(i == j)) + (rng.randint(-2, 2) if j > i else 0) for j in range(d)] for i in range(d)]
    other = xn.regions.restrict(other, [rng.randint(-2, 2) for _ in range(d)], shear)
    assert counts(other) == wanted


def trained_like(rng: np.random.Generator, sizes: list[int]) -> xn.Network:
    shapes = itertools.pairwise(sizes)
    return xn.mlp([(np.float32(rng.normal(size=(n, m)) / m**0.5), np.float32(rng.normal(size=n) * 0.3)) for m, n in shapes])


def test_pieces_tasks_and_wholes_agree(tmp_path: Any) -> None:
    net = trained_like(np.random.default_rng(3), [2, 6, 6, 2])
    for domain, chosen in (
        (None, ("activation", "pattern", "connected", "affine")),
        (xn.Polyhedron([[1, 1], [-1, 0]], [1, 3]), ("connected",)),
    ):
        for definition in chosen:
            whole = xn.regions.count(net, domain, definition=definition)
            file = tmp_path / f"{definition}{domain is None}.checkpoint"
            assert xn.regions.count(net, domain, definition=definition, checkpoint=file) == whole
            assert xn.regions.count(net, domain, definition=definition, checkpoint=file) == whole


def test_float_signs_are_decided_by_error_bounds() -> None:
    """On trained weights nearly all signs; and with every one of them exact the count is the same."""
    net = trained_like(np.random.default_rng(4), [2, 20, 20, 1])
    program = read_program([net], xn.Box([-1, -1], [1, 1]))
    run = Subdivision(program, Clock())
    total = sum(p.cells for p in run.pieces())
    found = run.statistics
    assert found.exact <= found.floating // 1000
    again = Subdivision(program, Clock())
    for form in again.vertices.forms:
        form.usable = False
    assert sum(p.cells for p in again.pieces()) == total
    assert again.statistics.exact > found.floating // 2
    assert isinstance(found, Statistics)


def test_error_bounds_hold() -> None:
    """Every float coordinate is as near to the exact one as its bound says."""
    rng = np.random.default_rng(5)
    for domain in (None, xn.Box(-1, 1).in_dimension(3)):
        program = read_program([trained_like(rng, [3, 6, 6, 1])], domain)
        run = Subdivision(program, Clock(), piece=None)
        (piece,) = run.pieces()
        exact = run.vertices.exact_points(piece.ids)
        mid, rad = run.vertices.points.mid[piece.ids], run.vertices.points.rad[piece.ids]  # type: ignore[index]
        for k, (zero, one, q) in enumerate(exact):
            for part, values in enumerate((zero, one)[: mid.shape[1]]):
                for j, v in enumerate(values):
                    assert abs(Fraction(float(mid[k, part, j])) - Fraction(v, q)) <= Fraction(float(rad[k, part, j]))


# --- limits and bad input ------------------------------------------------------------------------------------------------------


def test_limits() -> None:
    net = trained_like(np.random.default_rng(6), [4, 14, 14, 1])
    large = trained_like(np.random.default_rng(6), [6, 40, 40, 1])
    with pytest.raises(Incomplete, match="time limit") as caught:
        xn.regions.count(large, time_limit=0.5)
    assert isinstance(caught.value.partial, int)
    with pytest.raises(Incomplete, match="more than 100 regions") as caught:
        xn.regions.count(net, max_regions=100)
    assert caught.value.partial > 100
    start = time.monotonic()
    with pytest.raises(Incomplete):
        xn.regions.count(large, definition="connected", time_limit=1)
    assert time.monotonic() - start < 10


def test_a_search_without_a_limit_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 64 inputs it would not, in anyone's time; it says what to do, and how far it is while it works."""
    net = trained_like(np.random.default_rng(6), [64, 20, 1])
    assert f"it ends after {collect.SECONDS:.0f} s" in (xn.regions.count.__doc__ or "")
    assert f"ends after {collect.SECONDS:.0f} s" in (xn.certified_region_count.__doc__ or "")
    monkeypatch.setattr(collect, "SECONDS", 2.0)
    seen = []
    real = Progress.update

    def update(self: Progress, count: int = 1) -> None:
        real(self, count)
        seen.append(reached())

    monkeypatch.setattr(Progress, "update", update)
    for ask in (xn.regions.count, xn.certified_region_count):
        start = time.monotonic()
        with pytest.raises(
            Incomplete, match=r"time limit of 2\.0 s .* give a time_limit .* a smaller domain .* exactnn\.regions\.restrict"
        ) as caught:
            ask(net)
        assert time.monotonic() - start < 10
        assert isinstance(caught.value.partial, int)
        assert caught.value.partial > 0
    assert re.fullmatch(r"finding regions: \d+ regions", seen[0])


def test_limits_of_a_search_are_those_that_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    net = trained_like(np.random.default_rng(6), [7, 6, 1])
    monkeypatch.setattr(collect, "SECONDS", 0.0)
    whole = xn.regions.count(net, time_limit=math.inf)
    assert whole == xn.regions.count(net, max_regions=whole) == xn.certified_region_count(net, time_limit=600).value
    with pytest.raises(Incomplete, match="without a limit a search ends there"):
        xn.regions.count(net)
    assert xn.regions.count(trained_like(np.random.default_rng(6), [2, 6, 1])) > 0  # a lattice is not a search


def test_what_was_counted_is_a_lower_bound() -> None:
    """A constant network of many cells: one affine map, one connected set, wherever the count stops."""
    rng = np.random.default_rng(0)
    shapes = [(40, 2), (40, 40)]
    layers = [(rng.integers(-3, 4, shape), rng.integers(-3, 4, shape[0])) for shape in shapes]
    net = xn.mlp([*layers, ([[0] * 40], [0])])
    for definition, method in (("closed-connected", "lattice"), ("connected", "lattice"), ("affine", "lattice"), ("affine", "search")):
        for limit in ({"max_regions": 50}, {"time_limit": 0}):
            with pytest.raises(Incomplete) as caught:
                xn.regions.count(net, definition=definition, method=method, **limit)  # type: ignore[arg-type]
            assert caught.value.partial in (0, 1)


def test_bad_input(tmp_path: Any) -> None:
    net = xn.mlp([([[1, 0], [0, 1]], [0, 0]), ([[1, 1]], [0])])
    with pytest.raises(NotPiecewiseLinear, match="tanh"):
        xn.regions.count(xn.mlp([([[1]], [0]), ([[1]], [0])], activation="tanh"))
    with pytest.raises(EmptyDomain):
        xn.regions.count(net, xn.Polyhedron([[1, 0], [-1, 0]], [0, -1]))
    with pytest.raises(DomainError, match="affine_hull"):
        xn.regions.count(net, xn.Box([0, 0], [0, 1]))
    with pytest.raises(DomainError, match="R\\^2"):
        xn.regions.count(net, xn.Box([0], [1]))
    for question in (xn.regions.count, xn.regions.adjacency, xn.certified_region_count, lambda *a, **k: list(xn.regions.iterate(*a, **k))):
        with pytest.raises(ArgumentError, match="net: a Network"):
            question("net")  # type: ignore[operator]
        with pytest.raises(DomainError, match="domain: a Box"):
            question(net, [0, 1])  # type: ignore[operator]
        with pytest.raises(ArgumentError, match="max_regions"):
            question(net, max_regions="3")  # type: ignore[operator]
        for wrong in (-1, 0.5, float("nan"), True):
            with pytest.raises(ArgumentError, match="max_regions"):
                question(net, max_regions=wrong)  # type: ignore[operator]
    with pytest.raises(ArgumentError, match="definition"):
        xn.regions.count(net, definition="open")
    with pytest.raises(ArgumentError, match="method"):
        xn.regions.count(net, method="fast")
    with pytest.raises(ArgumentError, match="search"):
        xn.regions.count(hidden(np.eye(7, dtype=int), [0] * 7), method="lattice")
    with pytest.raises(ArgumentError, match="definition"):
        xn.regions.count(hidden(np.eye(7, dtype=int), [0] * 7), definition="connected")
    with pytest.raises(ExactnnError):
        xn.regions.count(net, time_limit=-1)
    foreign = tmp_path / "notes.txt"
    foreign.write_text("dear diary\n", encoding="utf-8")
    with pytest.raises(ExactnnError, match="no checkpoint"):
        xn.regions.count(net, checkpoint=foreign)
    assert foreign.read_text(encoding="utf-8") == "dear diary\n"


def test_networks_without_kinks() -> None:
    net = xn.mlp([([[1, 2], [3, 4]], [0, 1])])
    assert counts(net) == [1] * 5
    (region,) = xn.regions.iterate(net)
    assert region.inequalities == ()
    assert not region.is_bounded
    assert region.affine_map == (((1, 2), (3, 4)), (0, 1))
