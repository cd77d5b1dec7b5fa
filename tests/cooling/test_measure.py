"""Identities in float64: bounds hold what exact arithmetic finds, true ones agree, wrong ones differ beyond rounding."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cooling import identities, iterate_measurements
from exactnn.cooling._identity_enclosed import enclosing
from exactnn.cooling._identity_evaluate import Evaluator
from exactnn.cooling._identity_expressions import minus, plus, times
from exactnn.cooling._identity_formula import Formula
from exactnn.cooling._identity_measure import InFloat64, Passes, measured
from exactnn.cooling._rounded import Rounded
from exactnn.cooling._rounded_network import RoundedPass
from exactnn.errors import ArgumentError, AssumptionBroken
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Concat,
    Constant,
    Conv,
    Gather,
    Input,
    MaxPool,
    Reshape,
    Scale,
    Slice,
    Subtract,
    Transpose,
    activation,
)
from exactnn.network.activations import PRelu
from tests.cooling.test_identities import binary, changed, convolutional
from tests.strategies import HOMOGENEOUS, law


def normal(seed: int = 0, widths: tuple[int, ...] = (3, 4, 3, 3), unit: str = "relu", count: int = 4) -> tuple[xn.Network, Any]:
    """Numbers like those that training leaves: no kinks, and every product is rounded."""
    rng = np.random.default_rng(seed)
    layers = [(rng.normal(size=(n, m)), rng.normal(size=n)) for m, n in itertools.pairwise(widths)]
    net = xn.mlp(layers, unit)
    points = rng.normal(size=(count, widths[0]))
    best = net.evaluate(points).to_float().argmax(axis=1)
    return net, (points, [*best[:-1], (best[-1] + 1) % widths[-1]])


def holds(found: Rounded, low: RationalArray, high: RationalArray) -> bool:
    """Whether every number from low to high, the ends of an enclosure that is far narrower, is within the radius."""
    flat = zip(found.middle.ravel(), found.radius.ravel(), low.to_fractions(), high.to_fractions(), strict=True)
    return all(r == math.inf or (Fraction(m) - Fraction(r) <= b and a <= Fraction(m) + Fraction(r)) for m, r, a, b in flat)


def everything(formula: Formula) -> None:
    """All sides and definitions, and all coefficients of what depends on t, against balls or exact numbers."""
    exact = enclosing(formula.networks, formula.points, formula.definitions, 300)
    floats = Evaluator(formula.networks, len(formula.points), formula.definitions, InFloat64(formula.points, Passes()))
    sides: list[Any] = [side for e in formula.equations for side in (e.left, e.right)] + [name for name, _ in formula.definitions]
    for side in [*sides, *(["derivative", k, name] for name, _ in formula.definitions for k in (1, 2))]:
        found, true = floats.value(side), exact.value(side)
        assert found.shape == true.shape
        assert holds(found, *true.ends()), side
        assert np.isfinite(found.radius).all()


@pytest.mark.parametrize("name", identities)
def test_bounds_hold_and_true_ones_agree(name: str) -> None:
    net, data = binary() if name == "I21" else normal()
    found = identities[name].measure(net, data)
    assert (found.outcome, found.unsure) == ("agrees", 0), str(found)
    assert max(e.bound for e in found.equations) < 1e-9
    assert len(str(found).splitlines()) == len(found.equations)
    assert all(text.startswith(f"{found.title} ") and "rounding explains" in text for text in str(found).splitlines())
    everything(identities[name].formula(net, data))


@law(20)
@given(st.integers(0, 10**6), st.sampled_from(HOMOGENEOUS), st.sampled_from(list(identities)), st.integers(1, 3), st.integers(-8, 2))
def test_law(seed: int, unit: str, name: str, depth: int, power: int) -> None:
    """Random networks, on kinks too (small integers), with units of logits that make the softmax flat or steep."""
    rng = np.random.default_rng(seed)
    if seed % 2:
        net, data = normal(seed, (2, *rng.integers(1, 4, depth), 2), unit)
    else:
        layers = [rng.integers(-3, 4, (n, m)) for m, n in ((2, 3), (3, 2))]
        net, data = xn.mlp([(w * 2.0**power, rng.integers(-2, 3, len(w))) for w in layers], unit), (rng.integers(-2, 3, (3, 2)), [0, 1, 1])
    try:
        formula = identities[name].formula(net, data)
    except AssumptionBroken:
        formula = identities["I12"].formula(net, data)
    everything(formula)
    found = measured(formula)
    assert found.outcome != "differs", str(found)
    assert found.outcome == "agrees" or found.unsure


@pytest.mark.parametrize("name", identities)
def test_wrong_equations_differ_beyond_rounding(name: str) -> None:
    """Each side moved by 2^-20 of 1, or of what the sides are: far more than rounding."""
    net, data = binary() if name == "I21" else normal()
    formula = identities[name].formula(net, data)
    for e, own in zip(formula.equations, measured(formula).equations, strict=True):
        if e.relation == "=":
            moved = e._replace(right=plus(e.right, "1/1048576"))
        else:
            gap = minus(e.left, e.right)
            moved = e._replace(left=plus(e.left, ["sum", times(gap, gap)], 1))
        found = measured(replace(formula, equations=(moved,)))
        assert own.bound < 2**-21
        assert found.outcome == "differs", str(found)
        assert "refuted beyond rounding" in str(found)
        assert found.equations[0].largest > found.equations[0].bound


@pytest.mark.parametrize(
    ("name", "words", "old", "new"),
    [
        ("I9", "G_2 is divided", "4/3", "16/9"),
        ("I16", "g_2 is divided", "25/16", "5/4"),
        ("I18", "g_2 is divided", "25/16", "5/4"),
        ("I15", "|W_2|", "1/100", "1/10"),
        ("I25", "dl/dV", "2/3", "4/9"),
        ("I22", "(C - 1)/C", "2/3", "1/3"),
        ("I24", "G(W, b)/c", "3/2", "9/4"),
    ],
)
def test_wrong_exponents_differ(name: str, words: str, old: Any, new: Any) -> None:
    formula = identities[name].formula(*normal())
    chosen = [e for e in formula.equations if words in e.words and "g(c W" not in e.words]
    assert chosen
    for e in chosen:
        wrong = e._replace(left=changed(e.left, old, new), right=changed(e.right, old, new))
        assert wrong != e
        assert measured(replace(formula, equations=(wrong,))).outcome == "differs"


def test_a_difference_below_rounding_is_not_seen_and_not_claimed() -> None:
    formula = identities["I13"].formula(*normal())
    (e,) = formula.equations
    near = replace(formula, equations=(e._replace(right=plus(e.right, "1/1208925819614629174706176")),))
    assert measured(near).outcome == "agrees"
    assert near.check().refuted


def test_kinks_are_not_told_apart() -> None:
    """A unit at 0 at the point: exactly so, which float64 does not know; what has no gradients is told all the same."""
    net, data = xn.mlp([([[1, -1], [1, 1]], [0, 0]), ([[1, 2], [3, 4]], [0, 1])]), ([[1, 1], [2, 1]], [0, 1])
    found = identities["I12"].measure(net, data)
    assert (found.outcome, found.unsure) == ("open", 1)
    assert "not told apart" in str(found)
    assert identities["I3"].measure(net, data).outcome == "agrees"
    assert identities["I12"].check(net, data).proved
    huge = xn.mlp([([[1e200], [1]], [0, 0]), ([[1e200, 1], [0, 1]], [0, 1])])
    beyond = identities["I14"].measure(huge, ([[1], [2]], [0, 1]), upstream=[[1, 2], [3, 4]])
    assert (beyond.outcome, beyond.unsure) == ("open", 0)


def every_operation() -> tuple[xn.Network, Any]:
    """A network with each operation that float64 walks, 36 inputs."""
    rng = np.random.default_rng(5)

    def numbers(*shape: int) -> RationalArray:
        return RationalArray.of(rng.normal(size=shape))

    one = (1, 1)
    b = Builder()
    b.add("x", Input((2, 3, 6)))
    b.add("conv", Conv(numbers(4, 1, 2, 2), numbers(4), (1, 2), ((1, 0), (0, 1)), one, 2), "x")  # (4, 3, 3)
    b.add("norm", BatchNorm(numbers(4), RationalArray.of([1, 2, 3, "1/3"]), numbers(4), numbers(4), Fraction(1, 1000), "float32"), "conv")
    b.add("prelu", PRelu(RationalArray.of([0.1, "1/3", -1, 0])), "norm")
    b.add("max", MaxPool((2, 2), one, ((1, 0), (0, 0)), one), "prelu")  # (4, 3, 2)
    b.add("mean", AveragePool((2, 2), one, ((1, 0), (0, 0)), False), "prelu")
    b.add("padded", AveragePool((2, 2), one, ((1, 0), (0, 0)), True), "prelu")
    b.add("sum", Add(), "max", "mean")
    b.add("difference", Subtract(), "sum", "padded")
    b.add("factor", Scale(numbers(4, 1, 1)), "difference")
    b.add("turned", Transpose((2, 0, 1)), "factor")  # (2, 4, 3)
    b.add("part", Slice((0, 1, 0), (2, 4, 3), (1, 2, 2)), "turned")  # (2, 2, 2)
    b.add("some", Gather(RationalArray.of([0, 5, 5, 7])), "part")
    b.add("flat", Reshape((24,)), "turned")
    b.add("both", Concat(0), "flat", "some")
    b.add("constant", Constant(numbers(28)))
    b.add("shifted", Add(), "both", "constant")
    b.add("clipped", activation("relu6"), "shifted")
    b.add("rows", Reshape((4, 7)), "clipped")
    b.add("each", Affine(numbers(2, 7), numbers(2)), "rows")
    b.add("column", Reshape((8, 1)), "each")
    b.add("line", Reshape((8,)), "each")
    b.add("table", Add(), "column", "line")  # (8, 8)
    b.add("all", Reshape((64,)), "table")
    net = b.build(["x"], [b.add("last", Affine(numbers(3, 64), numbers(3)), "all"), "norm"])
    return net, rng.normal(size=(3, 36))


def test_every_operation() -> None:
    net, points = every_operation()
    rows = RationalArray.of(points)
    found = RoundedPass(net, rows)
    assert found.unsure == 0
    for name, value in net.trace(rows).items():
        assert holds(found.values[name], value, value), name
    sent = RationalArray.of(np.random.default_rng(1).normal(size=(3, net.output_dim)))
    exact, near = net.gradient(rows, sent).parameters, found.parameters(Rounded.of(sent))
    assert {(n, f) for n, f in near} == {
        (n, f) for n in exact for f in exact[n] if f in ("weight", "factor") or ("norm" not in n and f == "bias")
    }
    for (name, field), value in near.items():
        own = exact[name][field]
        assert holds(value, own, own), (name, field)
        assert value.radius.max() < 1e-10


def test_rational_functions_and_refusals() -> None:
    net = xn.mlp([([[1.1], [0.3]], [0, 1]), ([[1, 2], [0.7, 1]], [0, 1])], xn.rational.RationalFunction([0, 1], [1, 0, 1]))
    everything(identities["I3"].formula(net, ([[1.5], [-0.2]], [0, 1])))
    points = RationalArray.of([[1.5]])
    with pytest.raises(ArgumentError, match="piecewise linear nodes are needed"):
        RoundedPass(net, points).parameters(Rounded.of(RationalArray.of([[1, 1]])))
    smooth = xn.mlp([([[1], [2]], [0, 0]), ([[1, 1], [2, 1]], [0, 0])], "gelu")
    with pytest.raises(AssumptionBroken, match="rational logits"):
        identities["I3"].measure(smooth, ([[1]], [0]))
    with pytest.raises(ArgumentError, match="nodes with rational values"):
        RoundedPass(smooth, points)
    with pytest.raises(ArgumentError, match="eta: a parameter"):
        identities["I3"].measure(net, ([[1]], [0]), eta=1)


def test_all_at_once() -> None:
    net = convolutional()
    data = (np.random.default_rng(7).normal(size=(4, 16)), [0, 1, 2, 0])
    found = dict(iterate_measurements(net, data))
    assert list(found) == list(identities)
    assert {name for name, m in found.items() if isinstance(m, AssumptionBroken)} <= {"I5", "I10", "I14", "I21"}
    assert {m.outcome for m in found.values() if not isinstance(m, AssumptionBroken)} == {"agrees"}
    for name in ("I12", "I24"):
        everything(identities[name].formula(net, data))


@law(60)
@given(st.lists(st.floats(-800, 800), min_size=1, max_size=4), st.sampled_from([0.0, 1e-300, 1e-16, 1e-5, 0.3, 1.0, 3.0]))
def test_exponentials_and_logarithms(values: list[float], radius: float) -> None:
    """At the ends of each interval, by mpmath."""
    x = Rounded(np.array(values), np.full(len(values), radius))
    with np.errstate(all="ignore"):
        found = {"exp": x.exp(), "log": x.log()}
    with mpmath.workdps(60):
        for i, value in enumerate(values):
            for end in (mpmath.mpf(value) - mpmath.mpf(radius), mpmath.mpf(value) + mpmath.mpf(radius)):
                for name, y in found.items():
                    if math.isfinite(y.radius[i]):
                        assert abs(getattr(mpmath, name)(end) - mpmath.mpf(y.middle[i])) <= mpmath.mpf(y.radius[i]), (name, value, radius)
    if radius <= 1e-16 and max(map(abs, values)) < 600:
        assert (found["exp"].radius <= 1e-14 * found["exp"].middle).all()


@law(60)
@given(st.data())
def test_arithmetic(data: st.DataObject) -> None:
    """Numbers at the ends of the intervals, in Fractions; sizes that cancel."""
    size = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 1e-310, 1e16, -1e16])

    def drawn() -> tuple[Rounded, np.ndarray[Any, Any]]:
        middle = np.array(data.draw(st.lists(size, min_size=6, max_size=6))).reshape(2, 3)
        radius = np.array(data.draw(st.lists(st.sampled_from([0.0, 1e-320, 1e-9, 2.0]), min_size=6, max_size=6))).reshape(2, 3)
        ends = [
            Fraction(m) + data.draw(st.sampled_from([-1, 0, 1])) * Fraction(r) for m, r in zip(middle.ravel(), radius.ravel(), strict=True)
        ]
        return Rounded(middle, radius), np.array(ends, dtype=object).reshape(2, 3)

    def inside(found: Rounded, true: Any) -> None:
        flat = RationalArray.from_fractions(list(np.ravel(true)), found.shape)
        assert holds(found, flat, flat)

    (a, x), (b, y) = drawn(), drawn()
    inside(a + b, x + y)
    inside(a - b, x - y)
    inside(a * b, x * y)
    inside(a @ b.T, x @ y.T)
    inside(a.sum([1]), x.sum(axis=1, keepdims=True))
    inside(a.sum(None), x.sum())
    inside(a.largest(), x.max(axis=1, keepdims=True))
    with np.errstate(all="ignore"):
        quotient = a / b
    if all(y.ravel()):
        inside(Rounded(np.nan_to_num(quotient.middle), np.where(np.isfinite(quotient.middle), quotient.radius, math.inf)), x / y)
