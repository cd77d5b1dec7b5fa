"""ONNX out: loading it back gives the same function to the last bit, onnxruntime agrees, and nothing is rounded unasked."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from exactnn.errors import ArgumentError, NotRepresentable, SaveError
from exactnn.exact.array import RationalArray
from exactnn.exact.rounding import round_rational
from exactnn.export import save
from exactnn.export._floats import float_type, to_floats
from exactnn.export.onnx import MAX_DEGREE, to_onnx
from exactnn.load import _limits, load
from exactnn.load._file import ModelFile
from exactnn.load.onnx import read_onnx
from exactnn.network import (
    Affine,
    BatchNorm,
    Builder,
    Constant,
    Conv,
    Input,
    Network,
    PiecewiseLinear,
    Rational,
    Smooth,
    activation,
    leaky_relu,
    mlp,
)
from exactnn.rational import ERA
from tests.strategies import law

from ._zoo import DYADIC, EXACT, norm, single

#: an operation ONNX has not, so that others stand for it when the file is loaded
REWRITTEN = {
    "three kinks",
    "tent",
    "affine",
    "constant",
    "affine on rows",
    "identity",
    "batch norm, epsilon no float",
    "batch norm of half precision",
    "residual",
    "several",
    "constant only",
    "rational that is constant",
    "rational that is a line over three",
}


def points(net: Network, count: int = 6) -> RationalArray:
    return RationalArray(np.random.default_rng(1).integers(-12, 13, (count, net.input_dim)), 4)


def onnxruntime_values(path: Path, at: RationalArray, dtype: str) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    flat, values = at.to_float().astype(dtype), {}
    for value in session.get_inputs():
        assert value.shape[0] == "batch"
        size = int(np.prod(value.shape[1:]))
        values[value.name], flat = flat[:, :size].reshape(len(flat), *value.shape[1:]), flat[:, size:]
    return np.concatenate([v.reshape(len(v), -1) for v in session.run(None, values)], axis=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DYADIC)
def test_round_trip(name: str, dtype: str, tmp_path: Path) -> None:
    net, path = DYADIC[name](), tmp_path / "net.onnx"
    if name == "wide leaky" and dtype == "float32":
        with pytest.raises(NotRepresentable, match="slope"):
            save(net, path, dtype=dtype)
        return
    save(net, path, dtype=dtype)
    again = load(path)
    at = points(net)
    assert again.evaluate(at) == net.evaluate(at)
    if dtype == "float32" and name not in REWRITTEN:
        assert (again.inputs, again.outputs, again.order) == (net.inputs, net.outputs, net.order)
        assert again == net
    if dtype == "float32":
        wanted = net.evaluate(at).to_float()
        found = onnxruntime_values(path, at, dtype)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["relu", "abs", "relu6", "reshape", "scale", "several"])
def test_float64_in_onnxruntime(name: str, tmp_path: Path) -> None:
    net, path = DYADIC[name](), tmp_path / "net.onnx"
    save(net, path, dtype=torch.float64)
    at = points(net)
    assert RationalArray.of(onnxruntime_values(path, at, "float64")) == net.evaluate(at)


@pytest.mark.parametrize("function", ["tanh", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus"])
def test_smooth_functions(function: str, tmp_path: Path) -> None:
    net, path = EXACT[function](), tmp_path / "net.onnx"
    save(net, path)
    again = load(path)
    assert again == net
    at = points(net)
    found = onnxruntime_values(path, at, "float32")
    wanted = net.to_torch()(torch.tensor(at.to_float())).detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_plain_chain_is_checkable(tmp_path: Path) -> None:
    net = mlp([([[1, "1/2"], [-3, 0]], [0, "1/4"]), ([[1, 1]], [0])])
    save(net, tmp_path / "net.onnx")
    again = load(tmp_path / "net.onnx")
    assert again.source is not None
    assert again.source.checkable


def test_batch_norm_keeps_its_tensors_where_they_mean_the_same(tmp_path: Path) -> None:
    kept = single(norm("float32", Fraction(1, 1024)), 3, 2)
    save(kept, tmp_path / "kept.onnx")
    assert load(tmp_path / "kept.onnx") == kept
    other = single(norm("float32", Fraction(1, 100000)), 3, 2)
    save(other, tmp_path / "other.onnx")
    operation = load(tmp_path / "other.onnx").operation("y")
    assert isinstance(operation, BatchNorm)
    original = other.operation("y")
    assert isinstance(original, BatchNorm)
    assert (operation.scale, operation.mean, operation.bias) == (original.scale, original.mean, original.bias)
    wide = single(norm("float64", Fraction(1, 100000)), 3, 2)
    with pytest.raises(NotRepresentable, match="weight"):  # its scale has 53 bits
        save(wide, tmp_path / "wide.onnx")
    save(wide, tmp_path / "wide.onnx", dtype="float64")
    assert load(tmp_path / "wide.onnx").evaluate(points(wide)) == wide.evaluate(points(wide))


def test_the_message_names_operators_without_a_float64_kernel(tmp_path: Path) -> None:
    third = RationalArray.of([[["1/3"]]])
    conv = Conv(third.reshape(1, 1, 1), RationalArray.of([0]), (1,), ((0, 0),), (1,), 1)
    builder = Builder()
    net = builder.build([builder.add("x", Input((1, 2)))], [builder.add("y", conv, "x")])
    with pytest.raises(NotRepresentable, match=r"dtype='float32', rounding=True.*no float64 kernel for Conv"):
        save(net, tmp_path / "net.onnx")
    save(net, tmp_path / "net.onnx", dtype="float32", rounding=True)
    rounded = Fraction(*np.float32(1 / 3).item().as_integer_ratio())
    assert load(tmp_path / "net.onnx")([1, 2]) == (rounded, 2 * rounded)


def test_weights_that_are_no_floats_are_refused_and_named(tmp_path: Path) -> None:
    net = mlp([([[1, 0.5], ["1/3", "2/3"]], [0, 0]), ([[1, 1]], ["0.1"])])
    path = tmp_path / "net.onnx"
    with pytest.raises(NotRepresentable) as caught:
        save(net, path)
    message = str(caught.value)
    assert "'layer1'" in message
    assert "weight" in message
    assert "1/3 at index (1, 0)" in message
    assert "1 more of its 4" in message
    assert "rounding=True" in message
    assert list(tmp_path.iterdir()) == []
    save(net, path, rounding=True)
    found = load(path).operation("layer1")
    assert isinstance(found, Affine)
    assert found.weight == RationalArray.of(np.array([[1, 0.5], [1 / 3, 2 / 3]], dtype=np.float32))


def test_float64_weights_need_float64(tmp_path: Path) -> None:
    net = mlp([(np.array([[0.1]]), np.array([0.0]))])
    with pytest.raises(NotRepresentable, match="float64"):
        save(net, tmp_path / "net.onnx")
    save(net, tmp_path / "net.onnx", dtype=np.float64)
    assert load(tmp_path / "net.onnx") == net


def test_numbers_beyond_the_largest_float(tmp_path: Path) -> None:
    net = mlp([([[2**200]], [0])])
    for rounding in (False, True):
        with pytest.raises(NotRepresentable, match="beyond the largest float32"):
            save(net, tmp_path / "net.onnx", rounding=rounding)
    save(net, tmp_path / "net.onnx", dtype="float64")
    assert load(tmp_path / "net.onnx") == net


def test_a_slope_that_is_no_attribute_becomes_a_tensor(tmp_path: Path) -> None:
    net = single(leaky_relu(0.01), 3)  # a float64, while attributes are float32
    save(net, tmp_path / "net.onnx", dtype="float64")
    assert load(tmp_path / "net.onnx") == net
    with pytest.raises(NotRepresentable, match="slope"):
        save(net, tmp_path / "net.onnx")


def era() -> Network:
    """Coefficients that are sums of products of float32 numbers."""
    unit = ERA(linear=(0.5, 1), fractions=[(0, np.float32(-1.6), np.float32(0.3), np.float32(1.3))], epsilon=1e-6)
    return single(activation(unit), 3)


def test_rational_functions_are_rounded_only_if_asked_for(tmp_path: Path) -> None:
    net, path = era(), tmp_path / "net.onnx"
    with pytest.raises(NotRepresentable, match=r"'y', numerator: .* is no float32"):
        save(net, path)
    assert list(tmp_path.iterdir()) == []
    save(net, path, rounding=True)
    found, wanted = load(path), net.evaluate(points(net)).to_float()
    np.testing.assert_allclose(found.evaluate(points(net)).to_float(), wanted, rtol=1e-6)
    np.testing.assert_allclose(onnxruntime_values(path, points(net), "float32"), wanted, rtol=1e-5)
    save(found, path)
    assert load(path) == found


def test_rounding_makes_no_pole(tmp_path: Path) -> None:
    """(x - 1)^2 + 2^-40 is (x - 1)^2 in float32."""
    net, path = single(Rational.of([1], [1 + Fraction(1, 2**40), -2, 1]), 1), tmp_path / "net.onnx"
    with pytest.raises(NotRepresentable, match="real pole"):
        save(net, path, rounding=True)
    save(net, path, dtype="float64")
    assert load(path) == net
    pole = single(Rational.of([1], [Fraction(-1, 3**20), 1]), 1)
    save(pole, path, rounding=True)  # it has had one before
    assert load(path).operation("y") != pole.operation("y")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_polynomials_of_any_floats_keep_their_quotient(dtype: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for m, n in ((5, 4), (0, 3), (3, 0), (1, 1)):
        top, bottom = rng.normal(size=m + 1).astype(dtype) / 1024, rng.normal(size=n + 1).astype(dtype) * 2**20
        net = single(Rational.of(top.tolist(), bottom.tolist()), 2)
        save(net, tmp_path / "net.onnx", dtype=dtype)
        assert load(tmp_path / "net.onnx") == net


DEGREES = [(0, 1), (0, 2), (1, 1), (1, 2), (2, 0), (2, 1), (5, 4), (4, 5)]


@given(st.sampled_from(DEGREES), st.randoms(use_true_random=False), st.booleans())
@law(60)
def test_a_rational_function_comes_back_as_one_node(degrees: tuple[int, int], random: Random, sparse: bool) -> None:
    top, bottom = ([Fraction(random.randint(-8, 8), 4) if not sparse or random.random() < 0.5 else 0 for _ in range(n)] for n in degrees)
    rational = Rational.of([*top, random.choice([1, Fraction(3, 4)])], [*bottom, random.choice([1, 4, -2])])
    if max(len(rational.numerator) - 1, 2 * len(rational.denominator) - 2) < 2:
        return  # a line
    net = single(rational, 2)
    assert read_onnx(ModelFile("net.onnx", to_onnx(net).SerializeToString())) == net


@pytest.mark.parametrize(
    ("numerator", "denominator", "kinds"),
    [
        ([1], [0, 1], ["Div"]),  # 1/x
        ([3], [2, 1], ["Add", "Mul", "Add", "Div"]),  # (0 x + 3)/(x + 2)
        ([0, 1], [1, 0, 1], ["Mul", "Add", "Div"]),
        ([0, 0, 0.5], [1], ["Mul", "Mul"]),
        ([0, 0, 1], [1], ["Mul"]),
    ],
)
def test_coefficients_that_are_floats_are_written_as_they_are(numerator: list[float], denominator: list[float], kinds: list[str]) -> None:
    model = to_onnx(single(Rational.of(numerator, denominator), 2))
    assert sorted(n.op_type for n in model.graph.node) == sorted(kinds)
    numbers = {Fraction(c) for c in (0, *numerator, *denominator)}
    assert {Fraction(float(c)) for i in model.graph.initializer for c in numpy_helper.to_array(i).ravel()} <= numbers


def test_constants_and_lines_come_back_affine(tmp_path: Path) -> None:
    for numerator in ([3], [3, 2]):
        save(single(Rational.of(numerator, [1]), 2), tmp_path / "net.onnx")
        kinds = {again.operation(n).kind for again in [load(tmp_path / "net.onnx")] for n in again.order}
        assert kinds <= {"input", "scale", "affine"}


@pytest.mark.parametrize(("numerator", "denominator"), [([0] * 64 + [1], [1]), ([1], [1] + [0] * 63 + [1])])
def test_degrees_that_files_are_read_with_are_written(numerator: list[int], denominator: list[int], tmp_path: Path) -> None:
    assert MAX_DEGREE == _limits.MAX_DEGREE
    net, path = single(Rational.of(numerator, denominator), 1), tmp_path / "net.onnx"
    save(net, path)
    assert load(path) == net
    higher = single(Rational.of([0, *numerator] if len(numerator) > 1 else numerator, [1, *denominator[1:], 1]), 1)
    with pytest.raises(SaveError, match=r"'y': degrees of at most 64 .*got 65"):
        save(higher, tmp_path / "other.onnx")
    assert not (tmp_path / "other.onnx").exists()


def test_the_pole_of_a_rounded_function_is_sought_in_no_time(tmp_path: Path) -> None:
    random = Random(0)
    net = single(Rational.of([1], [1, *(Fraction(random.randint(-(10**9), 10**9), 3 * 10**9) for _ in range(63)), 3]), 1)
    start = time.process_time()
    save(net, tmp_path / "net.onnx", rounding=True)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("dtype", ["float16", "int32", "nonsense", 5, torch.bfloat16])
def test_other_dtypes(dtype: object, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="dtype"):
        save(mlp([([[1]], [0])]), tmp_path / "net.onnx", dtype=dtype)


def test_dtypes_by_their_names() -> None:
    for dtype in ("float64", np.float64, np.dtype("float64"), torch.float64, float):
        assert float_type(dtype) == "float64"
    assert float_type(torch.float32) == float_type("f4") == "float32"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_is_to_nearest_even_once(dtype: str) -> None:
    bits = 24 if dtype == "float32" else 53
    rng = np.random.default_rng(0)
    values = [Fraction(int(rng.integers(1, 10**9)), int(rng.integers(1, 10**9))) for _ in range(50)]
    half = Fraction(1, 2**bits)
    for tiny in (Fraction(0), Fraction(1, 2**90), -Fraction(1, 2**90)):  # next to the middle between two floats
        values += [1 + half + tiny, 1 + 3 * half + tiny, -1 - half + tiny]
        values += [(1 + half + tiny) * Fraction(1, 2**140), Fraction(3, 2**150) + tiny / 2**140, Fraction(1, 2**1075) + tiny / 2**1000]
    array = RationalArray.from_fractions(values, (len(values),))
    found = to_floats(array, "values", dtype, rounding=True)
    assert found.dtype == dtype
    assert [Fraction(float(v)) for v in found] == [round_rational(v, dtype) for v in values]


def test_names_with_odd_characters(tmp_path: Path) -> None:
    from exactnn.network import Builder, Input

    b = Builder()
    b.add("batch", Input((2,)))
    b.add("y.weight", Affine(RationalArray.eye(2), RationalArray.zeros((2,))), "batch")
    b.add("y/relu0 €", PiecewiseLinear.of(1, 0, [(1, 2), (2, -3)]), "y.weight")
    b.add("y", Affine(RationalArray.eye(2), RationalArray.zeros((2,))), "y/relu0 €")
    net = b.build(["batch"], ["y", "batch"])
    save(net, tmp_path / "net.onnx")
    again = load(tmp_path / "net.onnx")
    assert again.evaluate(points(net)) == net.evaluate(points(net))


def test_the_model_is_deterministic_and_valid() -> None:
    net = DYADIC["residual"]()
    model = to_onnx(net)
    onnx.checker.check_model(model, full_check=True)
    assert model.SerializeToString(deterministic=True) == to_onnx(net).SerializeToString(deterministic=True)
    stored = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    assert {a.dtype for name, a in stored.items() if "shape" not in name} == {np.dtype("float32")}


def test_gelu_raises_the_operator_set() -> None:
    assert to_onnx(DYADIC["relu"]()).opset_import[0].version == 17
    assert to_onnx(single(Smooth("gelu"), 2)).opset_import[0].version == 20


def test_a_constant_is_repeated_along_the_batch(tmp_path: Path) -> None:
    net = DYADIC["constant only"]()
    assert any(isinstance(net.operation(n), Constant) for n in net.order)
    save(net, tmp_path / "net.onnx")
    assert onnxruntime_values(tmp_path / "net.onnx", points(net), "float32").shape == (6, 6)
