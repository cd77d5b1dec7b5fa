from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exactnn.errors import ArgumentError, NotRational, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Concat,
    Constant,
    Conv,
    Gather,
    Input,
    MaxPool,
    PiecewiseLinear,
    PRelu,
    Rational,
    Reshape,
    Scale,
    Slice,
    Smooth,
    Subtract,
    Transpose,
    activation,
    clip,
    leaky_relu,
    relu,
)
from tests.strategies import law

F = torch.nn.functional
SEEDS = st.integers(0, 2**32 - 1)


def integers(rng: np.random.Generator, *shape: int) -> RationalArray:
    """Small integers, so that float64 computes with them exactly."""
    return RationalArray(np.asarray(rng.integers(-9, 10, shape)))


def floats(array: RationalArray) -> torch.Tensor:
    return torch.from_numpy(np.array(array.to_float()))


def equal(array: RationalArray, tensor: torch.Tensor) -> bool:
    return array == RationalArray.of(tensor)


# --- elementwise ---------------------------------------------------------------------------------------------------------

POINTS = st.lists(st.fractions(-20, 20, max_denominator=50), min_size=1, max_size=6)
CLOSED_FORMS = {
    "relu": lambda t: max(t, 0),
    "leaky_relu(1/10)": lambda t: t if t > 0 else t / 10,
    "leaky_relu": lambda t: t if t > 0 else t / 100,
    "abs": abs,
    "relu6": lambda t: min(max(t, 0), 6),
    "hardtanh": lambda t: min(max(t, -1), 1),
    "hardtanh(-2, 1/2)": lambda t: min(max(t, -2), Fraction(1, 2)),
    "clip(0, 6)": lambda t: min(max(t, 0), 6),
    "identity": lambda t: t,
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
@law(40)
@given(POINTS)
def test_named_activations(name: str, points: list[Fraction]) -> None:
    unit = activation(name)
    expected = [Fraction(CLOSED_FORMS[name](t)) for t in points]
    assert list(unit.evaluate(RationalArray.of([points])).to_fractions()) == expected
    assert isinstance(unit, PiecewiseLinear)
    assert activation(unit.name) == unit  # the name says it all


@law(40)
@given(st.lists(st.tuples(st.integers(-3, 3), st.fractions(-2, 2, max_denominator=3)), max_size=5), POINTS)
def test_piecewise_linear_functions_are_canonical(kinks: list[tuple[int, Fraction]], points: list[Fraction]) -> None:
    unit = PiecewiseLinear.of("1/2", 3, kinks)
    assert PiecewiseLinear.of("1/2", 3, reversed(kinks)) == unit
    assert PiecewiseLinear.of("1/2", 3, [*kinks, (7, 1), (7, -1)]) == unit
    assert list(unit.kinks) == sorted(unit.kinks)
    assert all(jump for _, jump in unit.kinks)
    expected = [t / 2 + 3 + sum(p * max(t - at, 0) for at, p in kinks) for t in points]
    assert list(unit.evaluate(RationalArray.of([points])).to_fractions()) == expected
    expansion = unit.expansion()
    assert (expansion.slope.item(), expansion.constant.item()) == (unit.slope, unit.constant)
    assert tuple((at, p.item()) for at, p in expansion.kinks) == unit.kinks


def test_names() -> None:
    assert relu().name == "relu"
    assert leaky_relu("1/10").name == "leaky_relu(1/10)"
    assert activation("abs").name == "abs"
    assert leaky_relu(1) == activation("identity")
    assert leaky_relu(-1) == activation("abs")
    assert clip(0, 6).name == "clip(0, 6)"
    assert clip(None, None).name == "identity"
    assert clip(0, None) == relu()
    assert clip(None, 3).evaluate(RationalArray.of([[2, 5]])).to_fractions() == (2, 3)
    assert clip(2, 2).evaluate(RationalArray.of([[1, 5]])).to_fractions() == (2, 2)
    assert PiecewiseLinear.of(1, 2, [(3, 4)]).name == "piecewise_linear"
    assert activation("swish") == Smooth("silu")
    assert activation(" ReLU ") == relu()
    assert activation(relu()) == relu()
    assert Rational.of([1, 2], [1, 0, 1]).name == "rational(1/2)"
    assert PRelu(RationalArray.of([1])).name == "prelu"


@pytest.mark.parametrize("text", ["", "elu", "relu(1)", "clip(0)", "clip(1, 2, 3)", "relu6(6)", "tanh(1)", "leaky_relu(1, 2)", 3, None])
def test_what_is_no_activation(text: Any) -> None:
    with pytest.raises(ArgumentError, match=r"activation: 'relu', .* or a rational function is needed"):
        activation(text)


def test_bad_numbers_of_activations() -> None:
    with pytest.raises(ArgumentError, match="low <= high is needed, got low 2, high 1"):
        clip(2, 1)
    with pytest.raises(ArgumentError, match=r"activation 'leaky_relu\(x\)': a number like"):
        activation("leaky_relu(x)")
    with pytest.raises(ArgumentError, match=r"smooth function: one of tanh.* is needed, got 'elu'"):
        Smooth("elu")
    with pytest.raises(ArgumentError, match="a polynomial that is not zero is needed"):
        Rational.of([1], [0, 0])


@law(40)
@given(SEEDS, st.lists(st.integers(1, 3), max_size=2))
def test_prelu(seed: int, rest: list[int]) -> None:
    rng = np.random.default_rng(seed)
    slopes, x = integers(rng, 3), integers(rng, 2, 3, *rest)
    unit = PRelu(slopes)
    assert equal(unit.evaluate(x), F.prelu(floats(x), floats(slopes)))
    assert unit.output_shape((3, *rest)) == (3, *rest)
    expansion = unit.expansion()
    assert (expansion.slope, expansion.kinks) == (slopes, ((0, 1 - slopes),))


def test_prelu_shapes() -> None:
    with pytest.raises(ShapeError, match=r"one slope for each channel, shape \(channels,\), is needed"):
        PRelu(RationalArray.of([[1]]))
    for shape in ((), (2,), (2, 3)):
        with pytest.raises(ShapeError, match="prelu: 3 channels on the first axis are needed"):
            PRelu(RationalArray.of([1, 2, 3])).output_shape(shape)


@law(40)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=4), st.lists(st.integers(-3, 3), max_size=3), POINTS)
def test_rational_functions(top: list[int], bottom: list[int], points: list[Fraction]) -> None:
    bottom = [*bottom, 1]
    unit = Rational.of(top, bottom)
    assert Rational.of([2 * c for c in top], [2 * c for c in bottom]) == unit
    product = [a - b for a, b in zip([0, *top], [*top, 0], strict=True)], [a - b for a, b in zip([0, *bottom], [*bottom, 0], strict=True)]
    assert Rational.of(*product) == unit  # both times (t - 1)
    assert unit.denominator[-1] == 1
    for t in points:
        value, below = (sum(c * t**k for k, c in enumerate(p)) for p in (top, bottom))
        if below:
            assert unit.evaluate(RationalArray.of([[t]])).item() == Fraction(value) / below


def test_what_has_no_rational_value() -> None:
    with pytest.raises(NotRational, match="tanh takes irrational values"):
        activation("tanh").evaluate(RationalArray.of([[0]]))
    with pytest.raises(NotRational, match=r"rational\(0/1\) has a pole at 1/2"):
        Rational.of([1], [-1, 2]).evaluate(RationalArray.of([["1/2"]]))


def test_a_rational_function_from_an_object() -> None:
    class Quotient:
        numerator = (1, "1/2")
        denominator = (1.0, 0, 1)

    assert activation(Quotient()) == Rational.of([1, "1/2"], [1, 0, 1])


# --- affine --------------------------------------------------------------------------------------------------------------


@law(40)
@given(SEEDS, st.lists(st.integers(1, 3), max_size=2))
def test_affine_acts_on_the_last_axis(seed: int, lead: list[int]) -> None:
    rng = np.random.default_rng(seed)
    weight, bias, x = integers(rng, 2, 4), integers(rng, 2), integers(rng, 3, *lead, 4)
    operation = Affine(weight, bias)
    assert equal(operation.evaluate(x), F.linear(floats(x), floats(weight), floats(bias)))
    assert operation.output_shape((*lead, 4)) == (*lead, 2)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@law(40)
@given(SEEDS, st.lists(st.integers(1, 3), max_size=2))
def test_batch_norm(precision: str, seed: int, rest: list[int]) -> None:
    rng = np.random.default_rng(seed)
    mean, weight, bias = (RationalArray.of(rng.standard_normal(3)) for _ in range(3))
    variance = RationalArray.of(rng.random(3))
    operation = BatchNorm(mean, variance, weight, bias, Fraction(1, 1000), precision)
    x = RationalArray.of(rng.standard_normal((2, 3, *rest)))
    expected = F.batch_norm(floats(x), floats(mean), floats(variance), floats(weight), floats(bias), eps=1e-3)
    got = operation.evaluate(x).to_float()
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-6 if precision == "float32" else 1e-12, atol=1e-6)
    assert all(Fraction(float(np.dtype(precision).type(s))) == s for s in operation.scale.to_fractions())
    assert operation.shift == bias - operation.scale * mean
    assert operation.output_shape((3, *rest)) == (3, *rest)


def test_batch_norm_errors() -> None:
    one, two = RationalArray.of([1]), RationalArray.of([1, 1])
    with pytest.raises(ShapeError, match="mean, variance, weight and bias need one shape"):
        BatchNorm(one, one, two, one, Fraction(0), "float32")
    with pytest.raises(ArgumentError, match="a positive number is needed, got -1/2"):
        BatchNorm(one, -one, one, one, Fraction(1, 2), "float32")
    with pytest.raises(ArgumentError, match="precision: one of"):
        BatchNorm(one, one, one, one, Fraction(0), "single")
    with pytest.raises(ShapeError, match="batch_norm: 1 channels on the first axis are needed"):
        BatchNorm(one, one, one, one, Fraction(0), "float32").output_shape((2,))


# --- windows -------------------------------------------------------------------------------------------------------------


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    """Attributes of a window that fits into its operand."""
    axes = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    kernel, stride, dilation, begin, end = each(1, 3), each(1, 3), each(1, 2), each(0, 2), each(0, 2)
    spatial = tuple(d * (k - 1) + 1 + draw(st.integers(0, 3)) for k, d in zip(kernel, dilation, strict=True))
    padding = tuple(zip(begin, end, strict=True))
    return {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding, "spatial": spatial}


def padded(x: torch.Tensor, padding: tuple[tuple[int, int], ...], value: float) -> torch.Tensor:
    return F.pad(x, list(itertools.chain(*reversed(padding))), value=value)


@given(windows(), SEEDS, st.sampled_from([(1, 1, 1), (3, 2, 1), (4, 6, 2), (3, 3, 3), (4, 2, 2)]))
@law(40)
def test_convolution_as_torch(window: dict[str, Any], seed: int, channels: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(seed)
    outputs, inputs, groups = channels
    weight, bias = integers(rng, outputs, inputs // groups, *window["kernel"]), integers(rng, outputs)
    x = integers(rng, 2, inputs, *window["spatial"])
    operation = Conv(weight, bias, window["stride"], window["padding"], window["dilation"], groups)
    function = [F.conv1d, F.conv2d, F.conv3d][len(window["kernel"]) - 1]
    expected = function(
        padded(floats(x), window["padding"], 0), floats(weight), floats(bias), window["stride"], 0, window["dilation"], groups
    )
    assert equal(operation.evaluate(x), expected)
    assert operation.output_shape(x.shape[1:]) == tuple(expected.shape[1:])


@given(windows(), SEEDS)
@law(40)
def test_max_pooling_as_torch(window: dict[str, Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = integers(rng, 2, 3, *window["spatial"]) - 20  # negative, so that a padding with zeros would show
    operation = MaxPool(window["kernel"], window["stride"], window["padding"], window["dilation"])
    function = [F.max_pool1d, F.max_pool2d, F.max_pool3d][len(window["kernel"]) - 1]
    whole = padded(floats(x), window["padding"], -math.inf)
    expected = function(whole, window["kernel"], window["stride"], 0, window["dilation"])
    if torch.isinf(expected).any():
        with pytest.raises(ShapeError, match="every window must hold an entry"):
            operation.output_shape(x.shape[1:])
    else:
        assert equal(operation.evaluate(x), expected)
        assert operation.output_shape(x.shape[1:]) == tuple(expected.shape[1:])


@given(windows(), SEEDS, st.booleans())
@law(40)
def test_average_pooling_by_its_definition(window: dict[str, Any], seed: int, count_padding: bool) -> None:
    rng = np.random.default_rng(seed)
    axes, kernel, stride = len(window["kernel"]), window["kernel"], window["stride"]
    x = integers(rng, 2, 3, *window["spatial"])
    operation = AveragePool(kernel, stride, window["padding"], count_padding)
    function = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][axes - 1]
    # torch gives the sums; how many entries a window holds, it gives as the sum over ones
    sums = function(padded(floats(x), window["padding"], 0), kernel, stride) * math.prod(kernel)
    counts = function(padded(torch.ones_like(floats(x)), window["padding"], 0), kernel, stride) * math.prod(kernel)
    if (counts.round() == 0).any():
        with pytest.raises(ShapeError, match="every window must hold an entry"):
            operation.output_shape(x.shape[1:])
        return
    below = [math.prod(kernel)] * sums.numel() if count_padding else counts.round().flatten().tolist()
    expected = [Fraction(round(s), round(c)) for s, c in zip(sums.flatten().tolist(), below, strict=True)]
    assert list(operation.evaluate(x).to_fractions()) == expected
    assert operation.output_shape(x.shape[1:]) == tuple(sums.shape[1:])


def test_average_pooling_as_torch_counts() -> None:
    x = integers(np.random.default_rng(0), 1, 2, 5, 5)
    for count in (True, False):
        operation = AveragePool((3, 3), (2, 2), ((1, 1), (1, 1)), count)
        expected = F.avg_pool2d(floats(x), 3, 2, 1, count_include_pad=count)
        np.testing.assert_allclose(operation.evaluate(x).to_float(), expected.numpy(), rtol=1e-14)


WEIGHT = RationalArray.zeros((2, 3, 2, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv(RationalArray.zeros((2, 3)), RationalArray.zeros((2,)), (), (), (), 1), "conv weight: .* is needed, got"),
        (lambda: Conv(RationalArray.zeros((2, 0, 1)), RationalArray.zeros((2,)), (1,), ((0, 0),), (1,), 1), "conv weight"),
        (lambda: Conv(WEIGHT, RationalArray.zeros((3,)), (1, 1), ((0, 0),) * 2, (1, 1), 1), r"conv bias: shape \(2,\) is needed"),
        (lambda: Conv(WEIGHT, RationalArray.zeros((2,)), (1, 1), ((0, 0),) * 2, (1, 1), 3), "conv groups: a divisor of 2"),
        (lambda: Conv(WEIGHT, RationalArray.zeros((2,)), (1, 1), ((0, 0),) * 2, (1, 1), 0), "conv groups"),
        (lambda: Conv(WEIGHT, RationalArray.zeros((2,)), (1,), ((0, 0),) * 2, (1, 1), 1), "one entry for each spatial axis"),
        (lambda: Conv(WEIGHT, RationalArray.zeros((2,)), (0, 1), ((0, 0),) * 2, (1, 1), 1), "stride, dilation >= 1"),
        (lambda: Conv(WEIGHT, RationalArray.zeros((2,)), (1, 1), ((-1, 0),) * 2, (1, 1), 1), "padding >= 0"),
        (lambda: MaxPool((2,), (1,), ((0, 0),), (0,)), "stride, dilation >= 1"),
        (lambda: MaxPool((), (), (), ()), "one entry for each spatial axis"),
        (lambda: AveragePool((2, 2), (1,), ((0, 0),), True), "one entry for each spatial axis"),
        (lambda: MaxPool((2,), (1,), ((0, 0),), (1,)).output_shape((3,)), r"max_pool: \(channels, 1 spatial axes\) is needed"),
        (lambda: MaxPool((4,), (1,), ((0, 0),), (1,)).output_shape((1, 3)), "does not fit into"),
        (lambda: AveragePool((2,), (1,), ((0, 0),), True).output_shape((1, 3, 3)), "average_pool: "),
        (
            lambda: Conv(WEIGHT, RationalArray.zeros((2,)), (1, 1), ((0, 0),) * 2, (1, 1), 1).output_shape((2, 4, 4)),
            r"conv: \(3, 2 spatial axes\) is needed, got shape \(2, 4, 4\)",
        ),
        (lambda: Affine(RationalArray.zeros((0, 2)), RationalArray.zeros((0,))), "weight: a non-empty matrix"),
        (lambda: Affine(RationalArray.zeros((2,)), RationalArray.zeros((2,))), "weight: a non-empty matrix"),
        (lambda: Affine(RationalArray.zeros((2, 3)), RationalArray.zeros((3,))), r"bias: shape \(2,\) is needed"),
        (lambda: Affine(RationalArray.zeros((2, 3)), RationalArray.zeros((2,))).output_shape((3, 2)), "needs 3 inputs on the last axis"),
        (lambda: Affine(RationalArray.zeros((2, 3)), RationalArray.zeros((2,))).output_shape(()), "needs 3 inputs on the last axis"),
        (lambda: Scale(RationalArray.zeros((2, 3))).output_shape((3,)), r"scale: a factor that broadcasts to \(3,\)"),
        (lambda: Add().output_shape((2,), (3,)), "shapes that broadcast to one are needed"),
        (lambda: Reshape((2, 2)).output_shape((3,)), r"reshape: \(2, 2\) needs 4 entries, got shape \(3,\)"),
        (lambda: Transpose((0, 0)).output_shape((2, 3)), r"transpose: a permutation of the 2 axes of \(2, 3\) is needed"),
        (lambda: Slice((0,), (4,), (1,)).output_shape((3,)), "0 <= start < stop <= 3"),
        (lambda: Gather(RationalArray.of([0, 6])).output_shape((2, 3)), "an index below 6"),
        (lambda: Gather(RationalArray.of([-1])), "whole numbers >= 0"),
        (lambda: Gather(RationalArray.of(["1/2"])), "whole numbers >= 0"),
        (lambda: Slice((0,), (2,), (0,)).output_shape((3,)), "step > 0"),
        (lambda: Slice((1,), (1,), (1,)).output_shape((3,)), "0 <= start < stop <= 3"),
        (lambda: Slice((0,), (2,), (1,)).output_shape((3, 3)), "one start, stop and step for each axis"),
        (lambda: Concat(0).output_shape((2, 3), (2, 4)), "shapes that agree off axis 0"),
        (lambda: Concat(0).output_shape((2,), (2, 1)), "shapes that agree off axis 0"),
        (lambda: Concat(1).output_shape((2,), (2,)), "shapes that agree off axis 1"),
        (lambda: Concat(-1).output_shape((2,), (2,)), "shapes that agree off axis -1"),
    ],
)
def test_shapes_that_do_not_fit(make: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        make()


# --- rearranging ---------------------------------------------------------------------------------------------------------


def test_rearranging_as_numpy() -> None:
    x = integers(np.random.default_rng(1), 2, 3, 4, 5)
    values = x.numerators
    for operation, expected in (
        (Reshape((5, 12)), values.reshape(2, 5, 12)),
        (Reshape((60,)), values.reshape(2, 60)),
        (Transpose((2, 0, 1)), values.transpose(0, 3, 1, 2)),
        (Slice((0, 1, 1), (3, 4, 5), (2, 1, 3)), values[:, 0:3:2, 1:4, 1:5:3]),
        (Gather(RationalArray.of([[0, 59], [7, 7]])), values.reshape(len(values), 60)[:, [[0, 59], [7, 7]]]),
        (Scale(x[0, :, :1]), values * values[0, :, :1]),
        (Scale(x[0, 0, 0]), values * values[0, 0, 0]),
        (Scale(RationalArray.of(3)), values * 3),
    ):
        assert operation.evaluate(x) == RationalArray(expected)
        assert operation.output_shape((3, 4, 5)) == expected.shape[1:]


@law(40)
@given(SEEDS, st.sampled_from([((3,), (3,)), ((2, 3), (3,)), ((2, 3), (2, 1)), ((4, 1, 3), (2, 1)), ((3,), ()), ((), (2,))]))
def test_sums_broadcast_behind_the_batch_axis(seed: int, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(seed)
    a, b = (integers(rng, 2, *s) for s in shapes)
    for operation, function in ((Add(), np.add), (Subtract(), np.subtract)):
        rows = [function(a.numerators[i], b.numerators[i]) for i in range(2)]
        assert operation.evaluate(a, b) == RationalArray(np.stack(rows))
        assert operation.output_shape(*shapes) == rows[0].shape


def test_concatenation() -> None:
    rng = np.random.default_rng(2)
    a, b, c = integers(rng, 2, 3, 1), integers(rng, 2, 3, 4) / 3, integers(rng, 2, 3, 2)
    joined = Concat(1).evaluate(a, b, c)
    assert joined.shape == (2, 3, 7)
    assert (joined[:, :, :1], joined[:, :, 1:5], joined[:, :, 5:]) == (a, b, c)
    assert Concat(1).output_shape((3, 1), (3, 4), (3, 2)) == (3, 7)


def test_operations_are_values() -> None:
    assert Input((2,)) == Input((2,))
    assert hash(Affine(RationalArray.eye(2), RationalArray.zeros((2,)))) == hash(Affine(RationalArray.eye(2), RationalArray.zeros((2,))))
    assert Constant(RationalArray.of([1, 2])).output_shape() == (2,)
    assert relu() != leaky_relu(1)
    with pytest.raises(AttributeError):
        Reshape((2,)).shape = (3,)  # type: ignore[misc]
