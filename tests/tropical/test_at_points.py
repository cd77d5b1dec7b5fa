"""TropEx: own terms are maximal at their own points, the map equals the network there, terms by another derivation in plain fractions."""

from __future__ import annotations

import dataclasses
import itertools
import random
import time
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.claims import EqualAtClaim
from exactnn.errors import ArgumentError, Incomplete, NotFiniteError, NotPiecewiseLinear, ShapeError
from exactnn.exact import clock
from exactnn.exact.array import RationalArray
from exactnn.floats.own_terms import FloatTerms
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Concat,
    Constant,
    Conv,
    Input,
    MaxPool,
    PiecewiseLinear,
    PRelu,
    Reshape,
    Subtract,
    activation,
    clip,
    leaky_relu,
    relu,
)
from exactnn.tropical import PointwiseMap, TropicalPolynomial, at_points, extract_at
from exactnn.tropical._networks import max_pool_network
from exactnn.tropical._own_terms import ExactTerms
from tests.strategies import graphs, law

UNITS = {
    "relu": relu(),
    "leaky": leaky_relu("1/10"),
    "leaky 3": leaky_relu(3),
    "leaky -1/2": leaky_relu("-1/2"),
    "abs": activation("abs"),
    "relu6": activation("relu6"),
    "hardtanh": activation("hardtanh"),
    "clip": clip("-1/3", 2),
    "min": clip(None, 0),
    "zigzag": PiecewiseLinear.of("1/2", 1, [(-1, -2), (0, 3), (1, "-5/2")]),
}


def numbers(source: random.Random, *shape: int) -> RationalArray:
    """Small rationals."""
    size = int(np.prod(shape))
    return RationalArray.from_fractions([Fraction(source.randint(-6, 6), source.choice([1, 2, 3])) for _ in range(size)], shape)


def chain(unit: Any, sizes: tuple[int, ...], seed: int) -> xn.Network:
    source = random.Random(seed)
    return xn.mlp([(numbers(source, m, n), numbers(source, m)) for n, m in itertools.pairwise(sizes)], unit)


def grid(net: xn.Network, count: int, seed: int, *, integers: bool = False) -> RationalArray:
    """Random points; integers hit kinks and ties."""
    source = random.Random(seed)
    if integers:
        return RationalArray(np.array([source.randint(-2, 2) for _ in range(count * net.input_dim)]).reshape(count, -1))
    return RationalArray.from_fractions(
        [Fraction(source.randint(-4000, 4000), 1024) for _ in range(count * net.input_dim)], (count, net.input_dim)
    )


def not_maximal(x: RationalArray, found: PointwiseMap) -> list[int]:
    """The polynomials in which an own term is not maximal among all terms at its own point; the denominator is the last."""
    wrong = []
    for j, p in enumerate((*found.numerators, found.denominators[0])):
        table = p.terms.table()
        values = x @ table[:, 1:].T + table[:, 0]
        if values[np.arange(len(x)), found.owners[:, j]] != values.max(axis=1):
            wrong.append(j)
    return wrong


def assert_terms_fit(net: xn.Network, x: RationalArray, found: PointwiseMap | None = None, *, nonnegative: bool = True) -> None:
    """Each own term is maximal at its own point among all terms, exponents are >= 0, and numerator - denominator is the network."""
    found = extract_at(net, x, nonnegative=nonnegative) if found is None else found
    assert not_maximal(x, found) == []
    tops = []
    for j, p in enumerate((*found.numerators, found.denominators[0])):
        table = p.terms.table()
        assert len(set(map(tuple, table.numerators[:, 1:].tolist()))) == len(table) == len(p.terms)
        if nonnegative:
            assert table.numerators[:, 1:].min() >= 0
        values = x @ table[:, 1:].T + table[:, 0]
        tops.append(values[np.arange(len(x)), found.owners[:, j]])
    outputs = net.evaluate(x)
    for j in range(net.output_dim):
        assert tops[j] - tops[-1] == outputs[:, j]


@pytest.mark.parametrize("name", [*UNITS, "prelu"])
@pytest.mark.parametrize("integers", [False, True])
def test_own_terms_are_maximal(name: str, integers: bool) -> None:
    unit = PRelu(RationalArray.of(["1/4", -1, 2, 1])) if name == "prelu" else UNITS[name]
    for seed, sizes in enumerate([(3, 4, 4, 2), (2, 4, 4, 4, 1)]):
        net = chain(unit, sizes, seed)
        assert_terms_fit(net, grid(net, 150, seed, integers=integers))


def images(*, unit: Any, pool: Any, padding: int) -> xn.Network:
    source = random.Random(5)
    builder = Builder()
    builder.add("x", Input((2, 4, 5)))
    builder.add("c", Conv(numbers(source, 3, 2, 2, 2), numbers(source, 3), (1, 1), ((padding, padding),) * 2, (1, 1), 1), "x")
    variance = RationalArray.of([1, 2, 3])
    builder.add(
        "n", BatchNorm(numbers(source, 3), variance, RationalArray.of([1, -1, 2]), numbers(source, 3), Fraction(1, 100), "float32"), "c"
    )
    builder.add("r", unit, "n")
    builder.add("p", pool, "r")
    shape = pool.output_shape((3, 3 + 2 * padding, 4 + 2 * padding))
    size = int(np.prod(shape))
    builder.add("f", Reshape((size,)), "p")
    builder.add("y", Affine(numbers(source, 2, size), numbers(source, 2)), "f")
    return builder.build(["x"], ["y"])


POOLS = {
    "overlapping": MaxPool((2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    "padded": MaxPool((3, 2), (2, 2), ((1, 1), (0, 1)), (1, 1)),
    "dilated": MaxPool((2, 2), (1, 1), ((0, 0), (0, 0)), (2, 1)),
    "average": AveragePool((2, 2), (1, 2), ((1, 0), (0, 1)), False),
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("unit", ["relu", "leaky 3", "abs"])
def test_images(pool: str, unit: str) -> None:
    net = images(unit=UNITS[unit], pool=POOLS[pool], padding=int(pool == "padded"))
    assert_terms_fit(net, grid(net, 40, 1))
    flat = np.zeros((6, net.input_dim), dtype=np.int64)  # constant images, one with a single bright pixel: windows of ties
    flat[1:4] = [[1], [-1], [3]]
    flat[5, 7] = 1
    assert_terms_fit(net, RationalArray(flat))


def residual() -> xn.Network:
    """Units at the inputs, units that follow each other, joins, two inputs, two outputs, an output that is read again."""
    source = random.Random(9)
    builder = Builder()
    builder.add("x", Input((2,)))
    builder.add("z", Input((3,)))
    builder.add("a", activation("abs"), "x")
    builder.add("b", leaky_relu(-2), "a")
    builder.add("c", Concat(0), "b", "z")
    builder.add("h", Affine(numbers(source, 4, 5), numbers(source, 4)), "c")
    builder.add("r", activation("hardtanh"), "h")
    builder.add("s", Add(), "h", "r")
    builder.add("t", relu(), "s")
    builder.add("u", relu(), "t")
    builder.add("v", Subtract(), "u", "h")
    builder.add("k", Affine(numbers(source, 2, 4), numbers(source, 2)), "v")
    builder.add("w", activation("abs"), "k")
    return builder.build(["x", "z"], ["w", "s", "w"])


@pytest.mark.parametrize("integers", [False, True])
def test_joins(integers: bool) -> None:
    net = residual()
    assert net.output_dim == 8
    assert_terms_fit(net, grid(net, 150, 2, integers=integers))
    assert_terms_fit(net, grid(net, 50, 3, integers=integers), nonnegative=False)


@law(60)
@given(graphs(), st.data())
def test_any_graph_on_kinks_and_off(net: xn.Network, data: st.DataObject) -> None:
    values = [Fraction(q) for q in ("0", "0", "0", "1", "-1", "1/2", "2", "-3/7", "5", "-9/2")]
    row = st.lists(st.sampled_from(values), min_size=net.input_dim, max_size=net.input_dim)
    x = RationalArray.of(data.draw(st.lists(row, min_size=1, max_size=10)))
    found = extract_at(net, x)
    assert_terms_fit(net, x, found)
    for i in range(min(2, len(x))):
        assert found(x[i].to_fractions()) == net(x[i].to_fractions())


@law(15)
@given(graphs(nodes=4), st.data())
def test_certificates(net: xn.Network, data: st.DataObject) -> None:
    row = st.lists(st.integers(-2, 2), min_size=net.input_dim, max_size=net.input_dim)
    found = extract_at(net, data.draw(st.lists(row, min_size=1, max_size=4)))
    assert xn.check(found.certificate)
    assert found.certificate.kind == "values"


# --- another derivation -------------------------------------------------------------------------------------------------------


class Recursion:
    """Own terms of a dense chain at a generic point, layer by layer in fractions: (B - Lo) phi+ + (Hi - B) phi- behind each unit."""

    def __init__(self, layers: list[tuple[list[list[Fraction]], list[Fraction]]], unit: PiecewiseLinear, x: list[Fraction]) -> None:
        self.layers, self.unit = layers, unit
        self.before: list[list[Fraction]] = []  # what the units of each layer read
        values = x
        for weight, bias in layers:
            self.before.append([sum((w * v for w, v in zip(row, values, strict=True)), b) for row, b in zip(weight, bias, strict=True)])
            values = [self.phi(t)[2] for t in self.before[-1]]

    def phi(self, t: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        """Slopes of phi+ and phi- at t, and phi(t)."""
        up = sum((p for at, p in self.unit.kinks if p > 0 and t > at), Fraction(0))
        down = sum((-p for at, p in self.unit.kinks if p < 0 and t > at), Fraction(0))
        return up, down, self.unit.slope * t + self.unit.constant + sum((p * max(t - at, 0) for at, p in self.unit.kinks), Fraction(0))

    def terms(self) -> list[tuple[list[Fraction], Fraction]]:
        """(exponents, constant) of all numerators and, last, of the denominator."""
        last, bias = self.layers[-1]
        rows = [([*row], b) for row, b in zip(last, bias, strict=True)] + [([Fraction(0)] * len(last[0]), Fraction(0))]
        low = [min(row[i] for row, _ in rows) for i in range(len(last[0]))]
        high = [max(row[i] for row, _ in rows) for i in range(len(last[0]))]
        for (weight, bias), z in zip(reversed(self.layers[:-1]), reversed(self.before[:-1]), strict=True):
            rows, low, high = self.through_unit(rows, low, high, z)
            width = range(len(weight[0]))
            rows = [
                ([sum(b * weight[i][k] for i, b in enumerate(row)) for k in width], c + sum(b * v for b, v in zip(row, bias, strict=True)))
                for row, c in rows
            ]
            columns = [[line[k] for line in weight] for k in width]
            below = [sum(min(lo * w, hi * w) for lo, hi, w in zip(low, high, column, strict=True)) for column in columns]
            above = [sum(max(lo * w, hi * w) for lo, hi, w in zip(low, high, column, strict=True)) for column in columns]
            low, high = below, above
        return [([b + max(Fraction(0), -lo) for b, lo in zip(row, low, strict=True)], c) for row, c in rows]

    def through_unit(self, rows: Any, low: Any, high: Any, z: list[Fraction]) -> Any:
        unit = self.unit
        found = []
        for row, c in rows:
            new = []
            for b, lo, hi, t in zip(row, low, high, z, strict=True):
                up, down, _ = self.phi(t)
                new.append(b * unit.slope + (b - lo) * up + (hi - b) * down)
                c += b * unit.constant
                c -= sum(((b - lo) * p if p > 0 else (b - hi) * p) * at for at, p in unit.kinks if t > at)
            found.append((new, c))
        ends: list[list[Fraction]] = []
        for lo, hi in zip(low, high, strict=True):
            slopes = [self.phi(at)[:2] for at, _ in unit.kinks] + [self.phi(unit.kinks[-1][0] + 1)[:2]]
            ends.append([b * unit.slope + (b - lo) * up + (hi - b) * down for b in (lo, hi) for up, down in slopes])
        return found, [min(e) for e in ends], [max(e) for e in ends]


@pytest.mark.parametrize("name", UNITS)
def test_terms_by_the_row_recursion(name: str) -> None:
    net = chain(UNITS[name], (3, 4, 3, 2), 7)
    operations = [net.operation(f"layer{k}") for k in (1, 2, 3)]
    layers = [([list(r) for r in o.weight.to_rows()], list(o.bias.to_fractions())) for o in operations]  # type: ignore[attr-defined]
    x = grid(net, 12, 8)
    found = extract_at(net, x)
    for i, point in enumerate(x.to_rows()):
        own = found.own_terms(i)
        expected = Recursion(layers, UNITS[name], list(point)).terms()  # type: ignore[arg-type]
        assert [(list(a), c) for a, c in (*own.numerators, own.denominator)] == expected
        for j, p in enumerate((*found.numerators, found.denominators[0])):
            assert list(p.terms.items())[found.owners[i, j]] == (*own.numerators, own.denominator)[j]


def test_numerator_minus_denominator_is_the_gradient() -> None:
    net = images(unit=relu(), pool=POOLS["overlapping"], padding=0)
    x = grid(net, 2, 4)
    found = extract_at(net, x)
    step = Fraction(1, 2**40)
    for i, point in enumerate(x.to_rows()):
        own, here = found.own_terms(i), net(point)
        for k in range(0, net.input_dim, 7):
            beside = net([v + step * (m == k) for m, v in enumerate(point)])
            for (exponents, _), a, b in zip(own.numerators, here, beside, strict=True):
                assert (exponents[k] - own.denominator[0][k]) * step == b - a


@pytest.mark.parametrize("name", ["relu", "abs", "leaky 3"])
def test_a_planted_mistake_in_the_shift_is_caught(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Lo of one unit raised halfway towards 0, or Hi lowered: equal to the network at all points still, but terms are not maximal."""
    net = chain(UNITS[name], (2, 4, 4, 2), 3)
    x = grid(net, 250, 3)
    shift_of, caught = at_points.shift_of, 0
    node = net.hidden_layers[1]
    for place in range(4):
        for side in (0, 1):

            def wrong(net: xn.Network, *, nonnegative: bool = True, place: int = place, side: int = side) -> Any:
                shift = shift_of(net, nonnegative=nonnegative)
                bounds = list(shift.bounds[node])
                half = [Fraction(1, 2) if i == place else Fraction(1) for i in range(4)]
                bounds[side] = bounds[side] * RationalArray.of(half)
                return dataclasses.replace(shift, bounds={**shift.bounds, node: tuple(bounds)})

            monkeypatch.setattr(at_points, "shift_of", wrong)
            found = extract_at(net, x)
            caught += bool(not_maximal(x, found))
            for i in (0, 100):
                own, point = found.own_terms(i), x[i].to_fractions()
                values = [c + sum(a * v for a, v in zip(e, point, strict=True)) for e, c in (*own.numerators, own.denominator)]
                assert tuple(v - values[-1] for v in values[:-1]) == net(point)
    assert caught >= 2


# --- the map ------------------------------------------------------------------------------------------------------------------


def test_equal_terms_stand_once() -> None:
    """Points of one region, regions with one affine map (a unit that nothing reads), and the worked example of the theory."""
    net = xn.mlp([([[1], [-1], [1]], [0, 0, -5]), ([[1, -1, 0]], [0])])
    found = extract_at(net, [[1], [2], [7], [-1], [-8], [0]])
    assert [dict(p.terms) for p in (found.numerators[0], found.denominators[0])] == [{(2,): 0, (1,): 0}, {(1,): 0, (0,): 0}]
    assert found.owners.tolist() == [[0, 0]] * 3 + [[1, 1]] * 2 + [[0, 0]]
    assert found.count == 6
    assert repr(found) == "PointwiseMap(6 points, 1 -> 1, exact; terms: 2 in the numerator, 2 in the denominator)"
    assert found.points == RationalArray.of([[1], [2], [7], [-1], [-8], [0]])


def test_equal_exponents_are_told_apart_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fingerprints only propose: with useless ones the terms are the same."""
    net = chain(relu(), (2, 4, 4, 2), 3)
    x = grid(net, 60, 3)
    expected = extract_at(net, x)
    monkeypatch.setattr(at_points.ExactTerms, "marks", lambda self: self.constants * 0)
    found = extract_at(net, x)
    assert (found.owners == expected.owners).all()
    assert [dict(p.terms) for p in found.numerators] == [dict(p.terms) for p in expected.numerators]


def test_values_at_new_points() -> None:
    net = chain(UNITS["hardtanh"], (3, 5, 4, 2), 4)
    found = extract_at(net, grid(net, 40, 4))
    new = grid(net, 30, 5)
    values = found.evaluate(new.to_float())
    module = found.to_torch()
    np.testing.assert_allclose(module(torch.from_numpy(new.to_float())).numpy(), values, rtol=1e-9)
    floats = extract_at(net, grid(net, 40, 4), arithmetic="float64")
    for i, point in enumerate(new.to_rows()):
        exact = tuple(p(point) - q(point) for p, q in zip(found.numerators, found.denominators, strict=True))
        assert found(point) == exact
        np.testing.assert_allclose(values[i], [float(v) for v in exact], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose([float(v) for v in floats(point)], [float(v) for v in exact], rtol=1e-9, atol=1e-9)
    network = max_pool_network(found.numerators, found.denominators)
    assert network.evaluate(new) == RationalArray.of([found(p) for p in new.to_rows()]) == found.values(new)
    half = found.to_torch(torch.float32)
    assert half(torch.zeros(1, 3)).dtype == torch.float32
    with pytest.raises(ArgumentError, match="dtype: "):
        found.to_torch(torch.int64)


def test_cross_terms() -> None:
    net = chain(relu(), (2, 6, 6, 2), 1)
    x = grid(net, 30, 6)
    found = extract_at(net, x)
    at_home = found.cross_terms(x.to_float())
    assert at_home.share < Fraction(1, 10)  # own points, but for ties within rounding
    new = grid(net, 200, 7)
    mask = found.cross_terms(new.to_float()).mask
    assert mask.shape == (200, 2)
    assert 0 < found.cross_terms(new.to_float()).share < 1
    tables = [p.terms.table() for p in (*found.numerators, found.denominators[0])]
    for i in range(0, 200, 10):  # by brute force, exactly
        tops = [(t @ RationalArray.of([1, *new[i].to_fractions()])).to_fractions() for t in tables]
        winners = [{n for n, v in enumerate(top) if v == max(top)} for top in tops]
        for j in range(2):
            common = any(found.owners[k, j] in winners[j] and found.owners[k, 2] in winners[2] for k in range(30))
            assert mask[i, j] == (not common)


@pytest.mark.parametrize(
    "make", [residual, *(lambda p=p: images(unit=UNITS["zigzag"], pool=POOLS[p], padding=int(p == "padded")) for p in POOLS)]
)
def test_floats_are_the_same_terms(make: Any) -> None:
    net = make()
    x = grid(net, 25, 8)
    exact, floats = extract_at(net, x), extract_at(net, x.to_float(), arithmetic="float64")
    assert floats.arithmetic == "float64"
    for j in range(net.output_dim + 1):
        rows = []
        for found in (exact, floats):
            table = (*found.numerators, found.denominators[0])[j].terms.table()
            rows.append(table.to_float()[found.owners[:, j]])
        np.testing.assert_allclose(rows[1], rows[0], rtol=1e-9, atol=1e-7)
    values = floats.evaluate(x.to_float())
    np.testing.assert_allclose(values, net.evaluate(x).to_float(), rtol=1e-7, atol=1e-6)


@law(40)
@given(graphs(), st.data())
def test_floats_of_any_graph(net: xn.Network, data: st.DataObject) -> None:
    """Own terms at their own points, up to rounding of the numbers that they are made of."""
    row = st.lists(st.sampled_from([0.0, 0.5, -1.0, 3.0, -2.75]), min_size=net.input_dim, max_size=net.input_dim)
    x = np.array(data.draw(st.lists(row, min_size=1, max_size=6)))
    found = extract_at(net, x, arithmetic="float64")
    expected = net.evaluate(RationalArray.of(x)).to_float()
    tables = [np.concatenate([b.floats() for b in p.terms.blocks]) for p in (*found.numerators, found.denominators[0])]  # type: ignore[attr-defined]
    own = np.stack([t[found.owners[:, j]] for j, t in enumerate(tables)])
    values = own[:, :, 0] + (own[:, :, 1:] * x).sum(axis=2)
    size = (np.abs(own[:, :, 0]) + (np.abs(own[:, :, 1:]) * np.abs(x)).sum(axis=2)).max(axis=0)
    assert (np.abs((values[:-1] - values[-1]).T - expected) <= 1e-9 * (1 + size[:, None])).all()


def test_many_kinks() -> None:
    """More pieces than a byte can number."""
    unit = PiecewiseLinear.of(0, 0, [(k, (-1) ** k) for k in range(300)])
    net = xn.mlp([([[1], [-1]], [0, 150]), ([[1, 2]], [0])], unit)
    x = RationalArray.of([[Fraction(2 * k + 1, 2)] for k in range(-5, 310, 7)])
    assert_terms_fit(net, x)
    floats = extract_at(net, x.to_float(), arithmetic="float64")
    np.testing.assert_allclose(floats.evaluate(x.to_float()), net.evaluate(x).to_float(), atol=1e-8)


def test_inputs_without_axes_and_outputs_without_inputs() -> None:
    builder = Builder()
    builder.add("s", Input(()))
    builder.add("x", Input((2,)))
    builder.add("r", relu(), "s")
    builder.add("c", Constant(RationalArray.of([3, 4])))
    builder.add("a", activation("abs"), "c")
    builder.add("y", Add(), "x", "r")
    builder.add("z", leaky_relu(3), "y")
    net = builder.build(["s", "x"], ["z", "a", "r"])
    x = grid(net, 30, 1)
    assert_terms_fit(net, x)
    floats = extract_at(net, x.to_float(), arithmetic="float64")
    np.testing.assert_allclose(floats.evaluate(x.to_float()), net.evaluate(x).to_float(), atol=1e-8)


def test_floats_share_terms_of_one_pattern() -> None:
    net = chain(relu(), (2, 4, 2), 1)
    points = torch.rand(500, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 8 - 4
    found = extract_at(net, points, arithmetic="float64")
    exact = extract_at(net, points)
    assert len(exact.numerators[0].terms) <= len(found.numerators[0].terms) <= 16
    with pytest.raises(ArgumentError, match="arithmetic='exact'"):
        _ = found.certificate


def test_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    net = chain(UNITS["leaky"], (3, 4, 4, 2), 2)
    x = grid(net, 50, 2)
    whole = extract_at(net, x), extract_at(net, x, arithmetic="float64")
    monkeypatch.setattr(at_points, "_ENTRIES", 7 * sum(int(np.prod(net.shape(n))) for n in net.order))
    parts = extract_at(net, x), extract_at(net, x, arithmetic="float64")
    for one, other in zip(whole, parts, strict=True):
        assert len(other.numerators[0].terms.blocks) > len(one.numerators[0].terms.blocks) == 1
        if one is whole[0]:  # products of floats are rounded as the size of a block has it
            assert [dict(p.terms) for p in one.numerators] == [dict(p.terms) for p in other.numerators]
            assert one(x[3].to_fractions()) == other(x[3].to_fractions())
        np.testing.assert_allclose(one.evaluate(x.to_float()), other.evaluate(x.to_float()))
    assert_terms_fit(net, x, parts[0])


@pytest.mark.parametrize("arithmetic", ["exact", "float64"])
def test_the_time_limit_keeps_what_there_is(monkeypatch: pytest.MonkeyPatch, arithmetic: str) -> None:
    net = chain(relu(), (2, 4, 2), 1)
    x = grid(net, 30, 1)
    with pytest.raises(Incomplete, match=r"time limit of 0\.0 s was reached") as stopped:
        extract_at(net, x, arithmetic=arithmetic, time_limit=0)
    assert stopped.value.partial is None
    monkeypatch.setattr(at_points, "_per_block", lambda net: 10)
    blocks = iter(range(3))

    def after_two_blocks(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            found = function(*args)
            if next(blocks) == 1:
                later = time.monotonic() + 100
                monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: later))
            return found

        return call

    monkeypatch.setattr(ExactTerms, "marks", after_two_blocks(ExactTerms.marks))
    monkeypatch.setattr(FloatTerms, "add", after_two_blocks(FloatTerms.add))
    with pytest.raises(Incomplete, match="at 20 of 30 points") as stopped:
        extract_at(net, x, arithmetic=arithmetic, time_limit=60)
    partial = stopped.value.partial
    assert isinstance(partial, PointwiseMap)
    assert partial.points == x[:20]
    point = x[13].to_fractions()
    np.testing.assert_allclose([float(v) for v in partial(point)], [float(v) for v in net(point)])


def test_certificates_beyond_the_checker_are_refused_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    net = chain(relu(), (2, 4, 2), 1)
    found = extract_at(net, grid(net, 30, 1))
    own, each = EqualAtClaim.work_at_a_point(net) + 2 + (5 + 39) * 3, 2 + 5 + 39
    monkeypatch.setattr(EqualAtClaim, "WORK", 12000)
    with pytest.raises(ArgumentError, match=r"more than 2\^28 products; a map at (\d+) points or fewer") as error:
        _ = found.certificate
    most = int(str(error.value).split(" a map at ")[1].split()[0])
    assert most == max(n for n in range(100) if n * own + n * n * each * 3 <= 12000)
    assert xn.check(extract_at(net, grid(net, most, 1)).certificate)
    monkeypatch.setattr(EqualAtClaim, "WORK", 40)
    with pytest.raises(ArgumentError, match="the network alone is too large"):
        _ = found.certificate


def test_the_certificate_counts_what_the_checker_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that is made is never too large for the checker."""
    from exactnn.certificate import BudgetExceeded, _budget, check

    net = images(unit=relu(), pool=POOLS["overlapping"], padding=0)
    found = extract_at(net, grid(net, 5, 1))
    terms = sum(len(p.terms) for p in (*found.numerators, found.denominators[0]))
    each = EqualAtClaim.work_at_a_point(net) + net.input_dim + (5 + 39) * (1 + net.output_dim) + (net.input_dim + 5 + 39) * terms
    estimate = 5 * each
    document = found.certificate.document
    monkeypatch.setattr(_budget, "WORK", (8 * estimate, 0))
    assert check(document)
    monkeypatch.setattr(_budget, "WORK", (estimate // 20, 0))
    with pytest.raises(BudgetExceeded, match="too large for this checker"):
        check(document)


def test_bad_input() -> None:
    net = chain(relu(), (2, 4, 2), 1)
    for unit, words in [("tanh", "tanh is not piecewise linear"), (xn.rational.RationalFunction([1], [1, 0, 1]), "not piecewise linear")]:
        with pytest.raises(NotPiecewiseLinear, match=words):
            extract_at(xn.mlp([([[1, 1]], [0]), ([[1]], [0])], unit), [[0, 0]])
    for arithmetic in ("exact", "float64"):
        for points, kind, words in [
            ([1, 2], ShapeError, "that is one point: write"),
            ([[1, 2, 3]], ShapeError, r"shape \(n, 2\) is needed"),
            ([], ArgumentError, "at least one point"),
            (np.zeros((0, 2)), ArgumentError, "at least one point"),
            (np.array([[0.0, np.nan]]), NotFiniteError, r"index \(0, 1\)"),
            (torch.tensor([[0.0, np.inf]]), NotFiniteError, r"index \(0, 1\)"),
            ([["a", 1]], ArgumentError, "points"),
        ]:
            with pytest.raises(kind, match=words):
                extract_at(net, points, arithmetic=arithmetic)
    with pytest.raises(ArgumentError, match="'exact' or 'float64' is needed, got 'float32'"):
        extract_at(net, [[0, 0]], arithmetic="float32")
    with pytest.raises(ArgumentError, match="net: a Network"):
        extract_at("net", [[0, 0]])  # type: ignore[arg-type]
    found = extract_at(net, [[0, 0]])
    with pytest.raises(ArgumentError, match="point: an integer from 0 to 0 is needed, got 1"):
        found.own_terms(1)
    with pytest.raises(ShapeError, match="2 numbers are needed"):
        found([1])
    with pytest.raises(ShapeError, match=r"shape \(n, 2\)"):
        found.evaluate([[1, 2, 3]])
    with pytest.raises(ArgumentError, match="at least one term"):
        max_pool_network([TropicalPolynomial({}, 2)], [TropicalPolynomial({(0, 0): 1})])


def test_points_as_images() -> None:
    net = images(unit=relu(), pool=POOLS["overlapping"], padding=0)
    points = np.random.default_rng(0).integers(0, 3, (3, 2, 4, 5))
    assert extract_at(net, points).points == extract_at(net, points.reshape(3, 40)).points
    assert (
        extract_at(net, points, arithmetic="float64").evaluate(points)
        == extract_at(net, points.reshape(3, 40), arithmetic="float64").evaluate(points)
    ).all()
