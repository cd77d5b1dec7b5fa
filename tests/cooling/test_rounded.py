"""Numbers of float64 with bounds, on networks of all operations and numbers of all sizes: what is true is always within the bound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exactnn as xn
from exactnn.cooling import identities, iterate_measurements
from exactnn.cooling._rounded import Rounded
from exactnn.cooling._rounded_network import RoundedPass
from exactnn.errors import ArgumentError, AssumptionBroken
from exactnn.exact.array import RationalArray
from exactnn.network import Affine, Builder, Conv, Input, MaxPool, Operation, Reshape, Scale, activation
from exactnn.network.activations import PRelu
from tests.cooling.test_measure import every_operation, holds
from tests.strategies import graphs, law, tensors

F = Fraction
POWERS = (0, 0, 0, 1, -1, 52, -53, -60, 60, 500, -500, 511, 512, -537, -540, 1000, -1000, 1060, -1060, -1074, 1100, -1100)
MANTISSAS = (0, 1, -1, 3, -5, F(1, 3), F(-7, 5), 2**53 - 1, -(2**53) + 1, 2**60 + 1)


@st.composite
def extremes(draw: st.DrawFn, shape: tuple[int, ...]) -> RationalArray:
    """Numbers far below and far above those of float64, and some between them that are no floats."""
    powers = st.sampled_from(POWERS[: draw(st.sampled_from([3, 7, 12, len(POWERS)]))])
    number = st.builds(lambda m, p: F(m) * F(2) ** p, st.sampled_from(MANTISSAS), powers)
    return RationalArray.from_fractions([draw(number) for _ in range(math.prod(shape))], shape)


@st.composite
def convolutional(draw: st.DrawFn) -> xn.Network:
    """Convolutions, units and pooling with such numbers, 12 inputs."""
    b = Builder()
    last = b.add("x", Input((2, 2, 3)))
    last = b.add("conv", Conv(draw(extremes((4, 1, 2, 2))), draw(extremes((4,))), (1, 1), ((0, 1), (1, 0)), (1, 1), 2), last)
    for i in range(draw(st.integers(0, 3))):
        kind = draw(
            st.sampled_from(["relu", "abs", "relu6", "leaky_relu(1/3)", f"leaky_relu({1 - F(1, 2**1076)})", "prelu", "max", "scale"])
        )
        if kind == "max":
            last = b.add(f"n{i}", MaxPool((2, 2), (1, 1), ((1, 0), (0, 1)), (1, 1)), last)
        elif kind == "scale":
            last = b.add(f"n{i}", Scale(draw(extremes((4, 1, 1)))), last)
        else:
            last = b.add(f"n{i}", PRelu(draw(extremes((4,)))) if kind == "prelu" else activation(kind), last)
    return b.build(["x"], [b.add("flat", Reshape((24,)), last)])


def inside(net: xn.Network, points: RationalArray, sent: RationalArray) -> RoundedPass:
    """All values and all gradients, against the exact ones."""
    found = RoundedPass(net, points)
    for name, value in net.trace(points).items():
        assert holds(found.values[name], value, value), name
    exact = net.gradient(points, sent).parameters
    for (name, field), value in found.parameters(Rounded.of(sent)).items():
        assert holds(value, exact[name][field], exact[name][field]), (name, field)
    return found


@law(60)
@given(st.data())
def test_numbers_of_all_sizes(data: st.DataObject) -> None:
    net = data.draw(convolutional())
    inside(net, data.draw(extremes((2, 12))), data.draw(extremes((2, 24))))


@law(60)
@given(st.data())
def test_graphs_of_all_operations(data: st.DataObject) -> None:
    net = data.draw(graphs())
    inside(net, data.draw(tensors((2, net.input_dim))), data.draw(tensors((2, net.output_dim))))


@law(30)
@given(st.data())
def test_identities_never_differ(data: st.DataObject) -> None:
    """Two layers with such numbers: every identity that is not refused agrees, or is open."""
    net = xn.mlp([(data.draw(extremes(shape)), data.draw(extremes(shape[:1]))) for shape in ((3, 2), (2, 3))], "leaky_relu(1/10)")
    name = data.draw(st.sampled_from(["I1", "I2", "I8", "I10", "I12", "I13", "I14", "I15", "I16", "I20", "I22", "I25"]))
    try:
        found = identities[name].measure(net, (data.draw(extremes((3, 2))), [0, 1, 1]))
    except AssumptionBroken:
        return
    assert found.outcome != "differs", str(found)


def _concrete(kind: type[Operation]) -> Iterator[str]:
    for below in kind.__subclasses__():
        if below.__module__.startswith("exactnn.") and isinstance(getattr(below, "kind", None), str):
            yield below.kind
        yield from _concrete(below)


def test_no_operation_is_left_out() -> None:
    """The network of `test_every_operation` has each one, but the two that have no gradients here."""
    net, _ = every_operation()
    assert {net.operation(name).kind for name in net.order} == set(_concrete(Operation)) - {"smooth", "rational"}


@law(40)
@given(st.data())
def test_nearest_floats(data: st.DataObject) -> None:
    """Radius 0 exactly where the float is the number."""
    array = data.draw(extremes((4,)) | tensors((4,)))
    if data.draw(st.booleans()):
        array = array * data.draw(st.sampled_from([F(1, 3), F(1, 2**61 - 1), F(1, 3**45), F(1, 2**950)]))
    found = Rounded.of(array)
    assert holds(found, array, array)
    for middle, radius, number in zip(found.middle, found.radius, array.to_fractions(), strict=True):
        assert bool(radius > 0) is (F(middle) != number), number


# --- each was wrong once -----------------------------------------------------------------------------------------------------


def matrix(*rows: list[float]) -> Rounded:
    return Rounded.of(RationalArray.of(list(rows)))


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_products_beyond_float64_are_unknown() -> None:
    """10^155 10^155 is infinite, its rounding is not: nothing is known of it, rather than that it is near infinity."""
    huge = matrix([1e155]) @ matrix([1e155])
    assert (huge.middle.item(), huge.radius.item()) == (0, math.inf)
    assert (huge - huge).radius.item() == math.inf
    net = xn.mlp([([[1e155, -1e155]], [0]), ([[1]], [0])])
    found = RoundedPass(net, RationalArray.of([[-1.7e155, 1e154]]))
    assert found.unsure == 1  # -1.8e310, of which float64 has no sign
    assert np.isinf(found.output.radius).all()


def test_what_underflows_in_a_bound_is_counted() -> None:
    """u 2^-1074 is 0 in float64, but times 2^1023 it is not."""
    tiny = [3 * 2.0**-1074] * 3
    numbers = [(1 + 2.0**-52) * 2.0**1000, 2.0**1000 / 3, 2.0**1000 / 7]
    found = matrix(numbers) @ matrix(tiny).T
    true = sum((F(a) * F(b) for a, b in zip(numbers, tiny, strict=True)), F(0))
    off = abs(F(found.middle.item()) - true)
    assert 0 < off <= F(found.radius.item())


def test_unknown_entries_of_a_window_are_rivals() -> None:
    """10^400 - 10^400 is no number in float64, and 0 in truth: the other entry is the largest."""
    b = Builder()
    b.add("x", Input((2,)))
    b.add("affine", Affine(RationalArray.of([[1e200, -1e200], [0, 1e-200]]), RationalArray.of([0, 0])), "x")
    b.add("line", Reshape((1, 2)), "affine")
    net = b.build(["x"], [b.add("max", MaxPool((2,), (1,), ((0, 0),), (1,)), "line")])
    assert inside(net, RationalArray.of([[1e200, 1e200]]), RationalArray.of([[1]])).unsure == 1


def test_a_unit_exactly_at_its_kink_is_sure() -> None:
    """relu of relu: its zeros are exact, and the left side counts, as in exact gradients; a zero that is computed is not known."""
    b = Builder()
    b.add("x", Input((3,)))
    b.add("first", activation("relu"), "x")
    b.add("scale", Scale(RationalArray.of([2, 3, 4])), "first")
    b.add("second", activation("relu"), "first")
    net = b.build(["x"], ["second", "scale"])
    sent = RationalArray.of([[1, 1, 1, 1, 1, 1]])
    assert inside(net, RationalArray.of([[-1, 0, 2]]), sent).unsure == 0
    again = xn.mlp([([[0.1, -0.1]], [0]), ([[1]], [0])])
    assert inside(again, RationalArray.of([[1, 1]]), RationalArray.of([[1]])).unsure == 1


def test_one_identity_does_not_stop_the_others() -> None:
    """Logits of 10^310: I5 scales them, I21 refuses them by name; what float64 has no bound for is open."""
    net = xn.mlp([([[1e155, 1], [1, 2]], [0, 0]), ([[1e155, 1], [0, 1]], [0, 1])])
    found = dict(iterate_measurements(net, ([[1, 2], [2, -1.5]], [0, 1])))
    assert list(found) == list(identities)
    assert {m.outcome for m in found.values() if not isinstance(m, AssumptionBroken)} == {"open"}
    assert "the least is about -2" in str(found["I21"])
    assert str(found["I13"]) == "I13 tau dl/dtau = <W_1, G_1> + sum_i <b_i, g_i>: numbers of which float64 knows no bound: not told apart"


def test_temperatures_of_huge_logits() -> None:
    """I5 exactly: log(4)/(4 10^400)."""
    net = xn.mlp([([[F(10) ** 400], [0]], [0, 0])])
    assert identities["I5"].check(net, ([[4]] * 5, [0, 0, 0, 0, 1])).proved


@pytest.mark.parametrize("names", [3, [["I1"]], "I28", [None]])
def test_names_that_are_none(names: Any) -> None:
    net = xn.mlp([([[1], [0]], [0, 0])])
    with pytest.raises(ArgumentError, match="names: some of I1, I2"):
        list(iterate_measurements(net, ([[4]], [0]), names=names))
