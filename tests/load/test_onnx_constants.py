"""Constants of ONNX files: arithmetic in their own element types, as onnxruntime and numpy do it, or refused where programs differ."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from exactnn.errors import LoadError, NotFiniteError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.exact.rounding import round_rational
from exactnn.load._onnx.typed import cast, holds, settled, tensor_of
from exactnn.load._onnx.values import Tensor
from exactnn.network import Network

from ..strategies import law
from ._onnx_models import model, node, read, run

N = "n"
FLOAT_KINDS = {"float16": 10, "float32": 1, "float64": 11}
INTEGER_KINDS = {"int8": 3, "uint8": 2, "int16": 5, "uint16": 4, "int32": 6, "uint32": 12, "int64": 7, "uint64": 13}


def folded(nodes: Sequence[onnx.NodeProto], constants: dict[str, np.ndarray], *, opset: int = 18) -> onnx.ModelProto:
    """A model with an output y made of constants alone, and one of its input."""
    return model([*nodes, node("Relu", "x", "kept")], {"x": (1, 1)}, constants, outputs="y kept", opset=opset)


def found(proto: onnx.ModelProto, folder: Path) -> list[Fraction]:
    net = read(proto, folder)
    return list(net([0])[:-1])


def expected(proto: onnx.ModelProto) -> list[Fraction]:
    """By onnxruntime, or by onnx's own evaluator where it has no kernel."""
    x = {"x": np.zeros((1, 1), dtype=np.float32)}
    for output in proto.graph.output:
        output.ClearField("type")  # onnxruntime infers it
    try:
        value = run(proto, x)[0]
    except Exception:  # noqa: BLE001 - of many classes
        with np.errstate(all="ignore"):
            value = ReferenceEvaluator(proto).run(None, x)[0]
    return [Fraction(*v.as_integer_ratio()) if isinstance(v, float) else Fraction(int(v)) for v in np.asarray(value).ravel().tolist()]


def agrees(nodes: Sequence[onnx.NodeProto], constants: dict[str, np.ndarray], folder: Path, *, opset: int = 18) -> None:
    proto = folded(nodes, constants, opset=opset)
    assert found(proto, folder) == expected(proto)


# --- quantised weights -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16"])
@pytest.mark.parametrize("scale", ["float32", "float16"])
@pytest.mark.parametrize(("axis", "count"), [(None, ()), (None, (1,)), (0, (2,)), (1, (3,)), (-1, (3,))])
@pytest.mark.parametrize("zero", [False, True])
def test_quantised_weights(kind: str, scale: str, axis: int | None, count: tuple[int, ...], zero: bool, tmp_path: Path) -> None:
    chosen, info = np.random.default_rng(len(kind) + sum(count)), np.iinfo(kind)
    constants = {
        "q": chosen.integers(info.min, info.max + 1, (2, 3)).astype(kind),
        "s": chosen.uniform(1e-3, 0.1, count).astype(scale),
        "z": chosen.integers(info.min, info.max + 1, count).astype(kind),
    }
    inputs = ["q", "s", "z"] if zero else ["q", "s"]
    options: dict[str, Any] = {} if axis is None else {"axis": axis}
    constants = {name: constants[name] for name in inputs}
    proto = folded([node("DequantizeLinear", " ".join(inputs), "y", **options)], constants, opset=21)
    whole = constants["q"].astype(object) - (0 if not zero else constants["z"].astype(object) if not count else 0)
    if zero and count:
        whole = constants["q"].astype(object) - _along(constants["z"], axis).astype(object)
    scales = np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(_along(constants["s"], axis))
    exact = [Fraction(q) for q in np.broadcast_to(whole * scales, (2, 3)).ravel().tolist()]
    assert found(proto, tmp_path) == [round_rational(q, scale) for q in exact]


def _along(array: np.ndarray, axis: int | None) -> np.ndarray:
    return array if array.ndim == 0 or array.size == 1 else array.reshape((-1, 1) if axis == 0 else (1, -1))


def test_quantised_weights_as_onnxruntime_has_them(tmp_path: Path) -> None:
    constants = {"q": np.array([[1, -2, 3], [127, -128, 0]], "i1"), "s": np.array([0.1, 0.3], "f4"), "z": np.array([0, 5], "i1")}
    agrees([node("DequantizeLinear", "q s z", "y", axis=0)], constants, tmp_path, opset=13)


def test_quantised_values_and_odd_weights_are_refused(tmp_path: Path) -> None:
    def refused(*, q: Any = ((1, 1, 1, 1),) * 2, s: Any = 1, z: Any = 0, kinds: str = "i1 i1", **options: Any) -> str:
        given = {name: np.array(value, kind) for name, value, kind in zip("qzs", (q, z, s), [*kinds.split(), "f4"], strict=True)}
        proto = folded([node("DequantizeLinear", "q s z", "y", **options)], given, opset=21)
        with pytest.raises((LoadError, UnsupportedOperation)) as caught:
            read(proto, tmp_path)
        return str(caught.value)

    assert "axis: -2 to 1 is needed, got 2" in refused(s=[1, 1], z=[0, 0], axis=2)
    assert "shape [4] is needed, got [2]" in refused(s=[1, 1], z=[0, 0], axis=1)
    assert "shape [2] is needed, got []" in refused(s=[1, 1], axis=0)
    assert "the type of the integers, int8, is needed, got uint8" in refused(kinds="i1 u1")
    assert "int8, uint8, int16, uint16 are needed, got int32" in refused(kinds="i4 i4")
    assert "block_size" in refused(s=[[1, 1], [1, 1]], z=[[0, 0], [0, 0]], axis=1, block_size=2)
    quantised = model(
        [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")],
        {"x": (1, 2)},
        {"s": np.float32(1), "z": np.array(0, "i1")},
        outputs="y",
        opset=13,
    )
    with pytest.raises(UnsupportedOperation, match=r"QuantizeLinear.*whose values jump"):
        read(quantised, tmp_path)


# --- integers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", INTEGER_KINDS)
def test_integers_wrap_at_their_width(kind: str, tmp_path: Path) -> None:
    info = np.iinfo(kind)
    a = np.array([info.max, info.min, 3, 100], dtype=kind)
    b = np.array([1, 1, 5, 100], dtype=kind)
    with np.errstate(all="ignore"):
        wanted = {"Add": a + b, "Sub": a - b, "Mul": a * b}
    for operator, value in wanted.items():
        proto = folded([node(operator, "a b")], {"a": a, "b": b})
        assert found(proto, tmp_path) == [Fraction(int(v)) for v in value]
    for operator in ("Abs", "Neg") if info.min < 0 else ("Abs",):
        with np.errstate(all="ignore"):
            value = np.abs(a) if operator == "Abs" else -a
        assert found(folded([node(operator, "a")], {"a": a}), tmp_path) == [Fraction(int(v)) for v in value]


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_integers_are_onnxruntimes(kind: str, tmp_path: Path) -> None:
    most = np.iinfo(kind).max
    a = np.array([[most, 5, -7], [1, most, most]], dtype=kind)
    agrees([node("CumSum", "a s")], {"a": a, "s": np.array(1)}, tmp_path)
    agrees([node("ReduceMax", "a", keepdims=0)], {"a": a}, tmp_path, opset=13)
    agrees([node("Add", "a a", "b"), node("Mul", "b a")], {"a": a}, tmp_path)
    b = np.array([[4, 5, -7], [1, 0, 2**20 + 1]], dtype=kind)
    for operator in ("ReduceSum", "ReduceProd", "ReduceL1", "ReduceMin"):
        agrees([node(operator, "b", keepdims=0)], {"b": b}, tmp_path, opset=12)
        agrees([node(operator, "b", axes=[-1])], {"b": b}, tmp_path, opset=12)
    for operator in ("ReduceSum", "ReduceProd", "ReduceL1", "ReduceSumSquare"):  # onnxruntime saturates, numpy wraps
        with pytest.raises(UnsupportedOperation, match="saturate"):
            read(folded([node(operator, "a")], {"a": a}, opset=12), tmp_path)


def test_quotients_and_remainders_of_integers(tmp_path: Path) -> None:
    a, b = np.array([7, -7, 7, -7, 0], dtype=np.int64), np.array([2, 2, -2, -2, 5], dtype=np.int64)
    for operator, attributes in (("Div", {}), ("Mod", {}), ("Mod", {"fmod": 1})):
        agrees([node(operator, "a b", **attributes)], {"a": a, "b": b}, tmp_path)
    agrees([node("Div", "a b")], {"a": np.array([250, 3], dtype=np.uint8), "b": np.array([7, 4], dtype=np.uint8)}, tmp_path)


def test_long_quotients_are_those_of_integers(tmp_path: Path) -> None:
    a = np.array([2**62 + 1, -(2**62) - 1], dtype=np.int64)
    assert found(folded([node("Div", "a b")], {"a": a, "b": np.array(1, dtype=np.int64)}), tmp_path) == [2**62 + 1, -(2**62) - 1]


def test_powers_of_integers(tmp_path: Path) -> None:
    agrees([node("Pow", "a b")], {"a": np.array([2, -3, 10]), "b": np.array([10, 3, 15])}, tmp_path)
    agrees([node("Pow", "a b")], {"a": np.array([2, -3], dtype=np.int32), "b": np.array(3.0, dtype=np.float32)}, tmp_path)
    agrees([node("Pow", "a b")], {"a": np.array([2.0, -3.0], dtype=np.float32), "b": np.array([3, 2])}, tmp_path)


INTEGERS_REFUSED = {
    "a divisor of 0": ([node("Div", "a z")], "without zeros"),
    "a remainder by 0": ([node("Mod", "a z")], "without zeros"),
    "the least by -1": ([node("Div", "l m")], "-1"),
    "a long power": ([node("Pow", "a n")], "power"),
    "a negative power": ([node("Pow", "a m")], "power"),
    "a mean that is none": ([node("ReduceMean", "a")], "no whole number"),
    "two types": ([node("Add", "a f")], "one element type"),
    "two widths": ([node("Mul", "a s")], "one element type"),
    "a float beyond": ([node("Cast", "f", to=6)], "beyond int32"),
    "logic of numbers": ([node("And", "a a")], "truth values"),
}


@pytest.mark.parametrize("name", INTEGERS_REFUSED)
def test_integers_that_programs_treat_in_several_ways(name: str, tmp_path: Path) -> None:
    nodes, words = INTEGERS_REFUSED[name]
    constants = {
        "a": np.array([3, 4]),
        "z": np.array([1, 0]),
        "l": np.array([-(2**63)]),
        "m": np.array([-1]),
        "n": np.array([40]),
        "f": np.array([1e10, 1.0], dtype=np.float32),
        "s": np.array([1, 2], dtype=np.int32),
    }
    with pytest.raises(LoadError, match=words) as caught:
        read(folded(nodes, constants, opset=13), tmp_path)
    assert f"node 'y' ({nodes[0].op_type})" in str(caught.value)


# --- floats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FLOAT_KINDS)
def test_floats_are_rounded_in_their_type(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    a, b = (rng.normal(size=50).astype(kind) for _ in range(2))
    for operator in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
        agrees([node(operator, "a b")], {"a": a, "b": b}, tmp_path)
    for operator in ("Neg", "Abs", "Floor", "Ceil", "Round", "Sign", "Relu", "Reciprocal"):
        agrees([node(operator, "a")], {"a": a}, tmp_path)
    agrees([node("Sqrt", "a")], {"a": np.abs(a)}, tmp_path)
    agrees([node("Sum", "a b")], {"a": a, "b": b}, tmp_path)
    agrees([node("Mean", "a b")], {"a": a, "b": b}, tmp_path)
    for operator in ("Sum", "Mean"):  # onnxruntime rounds sums of float16 once, and multiplies by 1/3
        proto = folded([node(operator, "a b a")], {"a": a, "b": b})
        net = read(proto, tmp_path)
        assert "last place" in net.reading[0]
        wanted = np.array([float(q) for q in expected(proto)])
        assert np.abs(np.array([float(q) for q in net([0])[:-1]]) - wanted).max() <= 4 * np.finfo(kind).eps
    agrees([node("Mod", "a b", fmod=1)], {"a": a, "b": b}, tmp_path)


def test_a_sum_of_floats_is_not_the_exact_one(tmp_path: Path) -> None:
    a, b = np.array([2.0**24], dtype=np.float32), np.array([1.0], dtype=np.float32)
    assert found(folded([node("Add", "a b")], {"a": a, "b": b}), tmp_path) == [2**24]


def test_bfloat16_is_rounded_as_such(tmp_path: Path) -> None:
    for a, b, total in ((1.0, 2.0**-8, 1.0), (1.0, 3 * 2.0**-9, 1 + 2.0**-7), (3.0, 2.0**-7, 3.0)):
        proto = folded([node("Add", "a b", "s"), node("Cast", "s", to=1)], {})
        for name, value in (("a", a), ("b", b)):
            proto.graph.initializer.append(helper.make_tensor(name, TensorProto.BFLOAT16, (1,), [value]))
        assert found(proto, tmp_path) == [Fraction(total)]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("operator", ["Exp", "Log", "Sin", "Cos", "Tanh", "Sigmoid", "Erf"])
def test_other_functions_are_right_up_to_the_last_place_and_the_network_says_so(operator: str, kind: str, tmp_path: Path) -> None:
    a = np.linspace(0.1, 3, 30).astype(kind)
    proto = folded([node(operator, "a")], {"a": a})
    net = read(proto, tmp_path)
    wanted = np.array([float(q) for q in expected(proto)])
    assert (
        np.abs(np.array([float(q) for q in net([0])[:-1]]) - wanted).max() <= (4e-7 if kind == "float32" else 1e-6) * np.abs(wanted).max()
    )
    assert net.reading[0] == f"node 'y': {operator} of constants is computed in {kind}; programs may differ in the last place"


def test_sums_and_products_of_matrices_are_exact_and_rounded_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    a, b = (rng.normal(size=s).astype(np.float32) for s in ((3, 7), (7, 2)))
    exact = RationalArray.of(a) @ RationalArray.of(b)
    assert found(folded([node("MatMul", "a b")], {"a": a, "b": b}), tmp_path) == [
        Fraction(float(np.float32(q))) for q in exact.to_float().ravel()
    ]
    assert (
        "MatMul of constants is exact and rounded once to float32" in read(folded([node("MatMul", "a b")], {"a": a, "b": b}), tmp_path).info
    )
    total = sum(Fraction(float(v)) for v in a.ravel())
    assert found(folded([node("ReduceSum", "a")], {"a": a}), tmp_path) == [Fraction(float(np.float32(float(total))))]


def test_a_network_says_only_so_much(tmp_path: Path) -> None:
    nodes = [node("Exp", "a", f"e{i}") for i in range(30)]
    proto = model([*nodes, node("Sum", " ".join(["x", *(f"e{i}" for i in range(30))]))], {"x": (N, 1)}, {"a": np.float32([0.5])})
    reading = read(proto, tmp_path).reading
    assert len(reading) == 22  # the last one says whether it was compared
    assert reading[-2] == "and 10 nodes more"


def test_infinite_constants_are_refused_where_they_matter(tmp_path: Path) -> None:
    zero, one = np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.float32)
    nodes = [node("Div", "one zero", "inf"), node("Min", "inf one")]
    assert found(folded(nodes, {"one": one, "zero": zero}), tmp_path) == [1]
    with pytest.raises(NotFiniteError, match="'inf'"):
        read(model([node("Div", "one zero", "inf"), node("Add", "x inf")], {"x": (N, 1)}, {"one": one, "zero": zero}), tmp_path)


# --- truth values and shapes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor"])
def test_truth_values(operator: str, tmp_path: Path) -> None:
    a, b = np.array([[1, 2, 3], [3, 2, 1]]), np.array([1, 2, 2])
    if operator in ("And", "Or", "Xor"):
        a, b = a > 1, b > 1
    agrees([node(operator, "a b", "m"), node("Not", "m", "n"), node("Cast", "n", to=1)], {"a": a, "b": b}, tmp_path)


def test_masks_multiply(tmp_path: Path) -> None:
    nodes = [node("Greater", "c t", "m"), node("Cast", "m", "f", to=1), node("Mul", "x f")]
    net = read(model(nodes, {"x": (N, 3)}, {"c": [1.0, 2.0, 3.0], "t": 2.0}), tmp_path)
    assert net([5, 6, 7]) == (0, 0, 7)


SHAPES: dict[str, tuple[list[onnx.NodeProto], dict[str, Any]]] = {
    "size": ([node("Size", "a")], {"a": np.zeros((2, 3, 4))}),
    "range": ([node("Range", "s l d")], {"s": np.array(3), "l": np.array(11), "d": np.array(3)}),
    "range down": ([node("Range", "s l d")], {"s": np.array(3), "l": np.array(-4), "d": np.array(-2)}),
    "range of floats": ([node("Range", "s l d")], {"s": np.float32(0), "l": np.float32(2), "d": np.float32(0.5)}),
    "non-zero": ([node("NonZero", "a")], {"a": np.array([[0, 1], [2, 0]])}),
    "a shape of ones": ([node("ConstantOfShape", "s", value=helper.make_tensor("", 7, [1], [3]))], {"s": np.array([2, 2])}),
    "an empty slice": (
        [node("Slice", "a z z", "e"), node("Concat", "e a", axis=0)],
        {"a": np.array([4, 5]), "z": np.array([0])},
    ),
    "where": ([node("Where", "m a b")], {"m": np.array([True, False]), "a": np.array([[1], [2]]), "b": np.array([7, 8])}),
    "tile": ([node("Tile", "a r")], {"a": np.array([[1, 2]]), "r": np.array([2, 2])}),
    "scatter": ([node("ScatterND", "a i u")], {"a": np.arange(5), "i": np.array([[1], [3]]), "u": np.array([9, 8])}),
    "compress": ([node("Compress", "a m")], {"a": np.arange(4), "m": np.array([True, False, True])}),
    "triangle": ([node("Trilu", "a k", upper=0)], {"a": np.ones((3, 3), dtype=np.float32), "k": np.array(0)}),
    "einsum": ([node("Einsum", "a b", equation="ij,jk->ki")], {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(6.0).reshape(3, 2)}),
    "pad": ([node("Pad", "a p v", "b"), node("Add", "b b")], {"a": np.array([3, -4]), "p": np.array([1, 2]), "v": np.array(7)}),
    "clip from above": ([node("Clip", "a - h")], {"a": np.array([3, 9]), "h": np.array(7)}),
    "pad away": ([node("Pad", "a p")], {"a": np.float32([0.1, 2.5]), "p": np.array([-1, 2])}),
    "joined and added": ([node("Concat", "a a", "b", axis=0), node("Sub", "b c")], {"a": np.float32([0.1]), "c": np.float32(3.3)}),
    "prelu": ([node("PRelu", "a b")], {"a": np.float32([-0.1, 2.5]), "b": np.float32([0.1, 0.7])}),
    "resize": ([node("Resize", "a - s")], {"a": np.arange(4, dtype=np.float32).reshape(1, 1, 4), "s": np.float32([1, 1, 2])}),
    "pool": ([node("MaxPool", "a", kernel_shape=[2])], {"a": np.arange(4, dtype=np.float32).reshape(1, 1, 4)}),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_and_moves_of_constants(name: str, tmp_path: Path) -> None:
    nodes, constants = SHAPES[name]
    agrees(nodes, {k: np.asarray(v) for k, v in constants.items()}, tmp_path, opset=17)


def test_widening_an_open_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOperation, match="batch"):
        read(model([node("Expand", "x s")], {"x": (N, 3)}, {"s": np.array([5, 3])}), tmp_path)


@pytest.mark.parametrize("kind", ["Add", "Mul", "Div", "MatMul", "Max", "Concat", "Greater"])
def test_integers_do_not_meet_values(kind: str, tmp_path: Path) -> None:
    attributes = {"axis": 1} if kind == "Concat" else {}
    with pytest.raises(LoadError, match=r"'h' .*one element type.*'c' has int64"):
        read(model([node(kind, "x c", "h", **attributes), node("Relu", "h")], {"x": (1, 2)}, {"c": np.array([[1, 2], [3, 4]])}), tmp_path)


def test_steps_that_rounding_moves_are_refused(tmp_path: Path) -> None:
    constants = {"s": np.float32(0), "l": np.float32(1), "d": np.float32(0.1)}
    with pytest.raises(UnsupportedOperation, match="steps that float32 rounds"):
        read(folded([node("Range", "s l d")], {k: np.asarray(v) for k, v in constants.items()}), tmp_path)


# --- casts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [*FLOAT_KINDS, *INTEGER_KINDS])
@pytest.mark.parametrize("end", [*FLOAT_KINDS, *INTEGER_KINDS, "bool"])
def test_casts_of_constants(start: str, end: str, tmp_path: Path) -> None:
    """Wrapped among integers, cut off from floats to integers, rounded to floats."""
    if start in FLOAT_KINDS:
        values = np.array([0.0, 1.75, 2.5, 100.3, *(() if end.startswith("uint") else (-3.9,))]).astype(start)
    else:
        info = np.iinfo(start)
        values = np.array([0, 1, info.max, info.min, info.max // 3], dtype=start)
        if end == "float16":
            values = values[abs(values.astype(float)) < 60000]
    number = {**FLOAT_KINDS, **INTEGER_KINDS, "bool": 9}[end]
    with np.errstate(all="ignore"):
        wanted = [Fraction(v) if isinstance(v, float) else Fraction(int(v)) for v in values.astype(end).ravel().tolist()]
    assert found(folded([node("Cast", "a", to=number)], {"a": values}), tmp_path) == wanted
    like = np.zeros(1, dtype=end)
    assert found(folded([node("CastLike", "a b")], {"a": values, "b": like}), tmp_path) == wanted


def test_a_cast_that_programs_round_twice_is_refused() -> None:
    value = 1 + 2.0**-11 + 2.0**-30  # above the middle of two float16 numbers, as a float32 on it
    for kind, wide in (("float16", value), ("bfloat16", 1 + 2.0**-8 + 2.0**-30)):
        with pytest.raises(UnsupportedOperation, match="once or twice"):
            cast(Tensor("a", "float64", np.array([wide])), kind)
    assert cast(Tensor("a", "float64", np.array([1 + 2.0**-11])), "float16").rational.item() == 1


VALUES_CAST = {"float32 to float64 and back": ([11, 1], 1), "float16 to float32": ([1], 10), "float16 and back": ([1, 11, 10], 10)}


@pytest.mark.parametrize("name", VALUES_CAST)
def test_casts_of_values_that_round_no_more_than_the_input_are_read(name: str, tmp_path: Path) -> None:
    numbers, kind = VALUES_CAST[name]
    nodes = [node("Cast", f"v{i}" if i else "x", f"v{i + 1}", to=number) for i, number in enumerate(numbers)]
    net = read(model([*nodes, node("Relu", f"v{len(numbers)}")], {"x": (N, 2)}, kind=kind), tmp_path)
    assert net.order == ("x", "y")


@pytest.mark.parametrize(
    ("to", "kind", "words"),
    [(10, 1, "float16 rounds"), (16, 1, "bfloat16 rounds"), (1, 11, "float32 rounds"), (10, 16, "float16"), (7, 1, "int64")],
)
def test_casts_of_values_that_round_are_refused(to: int, kind: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOperation, match=words) as caught:
        read(model([node("Cast", "x", "c", to=to), node("Relu", "c")], {"x": (N, 2)}, kind=kind, opset=19), tmp_path)
    assert "node 'c' (Cast)" in str(caught.value)


def test_which_types_hold_which() -> None:
    order = ("float16", "bfloat16", "float32", "float64")
    table = {(a, b): holds(a, b) for a in order for b in order}
    assert {pair for pair, held in table.items() if held} == {
        *((k, k) for k in order),
        ("float32", "float16"),
        ("float32", "bfloat16"),
        *(("float64", k) for k in order),
    }


# --- laws ------------------------------------------------------------------------------------------------------------


@law(60)
@given(
    st.lists(st.fractions(max_denominator=2**40), min_size=1, max_size=5), st.sampled_from(["float16", "bfloat16", "float32", "float64"])
)
def test_exact_results_are_rounded_once(values: list[Fraction], kind: str) -> None:
    from exactnn.exact.rounding import round_rational

    values = [max(min(q, Fraction(60000)), Fraction(-60000)) for q in values]
    rounded = settled(Tensor("a", kind, RationalArray.from_fractions(values, (len(values),)))).rational.to_fractions()
    assert list(rounded) == [round_rational(q, kind) for q in values]


@law(60)
@given(st.integers(0, 2**23 - 1), st.integers(-30, 30), st.sampled_from([0, 1, -1]))
def test_rounding_near_the_middle(mantissa: int, exponent: int, nudge: int) -> None:
    """Exact numbers half way between two float32 or float16 numbers, subnormal ones too, and 2^-80 beside."""
    from exactnn.exact.rounding import round_rational

    for kind, bits, least in (("float32", 23, -149), ("float16", 10, -24)):
        odd = 2 * (mantissa % 2**bits) + 1
        for value in (Fraction(2 ** (bits + 1) + odd) * Fraction(2) ** (exponent // 8), odd * Fraction(2) ** (least - 1)):
            exact = value * (1 + Fraction(nudge, 2**80))
            assert settled(Tensor("a", kind, RationalArray.of([exact]))).rational.item() == round_rational(exact, kind)


@law(40)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=6))
def test_bfloat16_is_that_of_onnx(values: list[float]) -> None:
    tensor = numpy_helper.to_array(helper.make_tensor("a", TensorProto.BFLOAT16, (len(values),), values)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(tensor_of("a", "bfloat16", np.array(values, dtype=np.float32)).data), tensor)


def test_the_network_does_not_change(tmp_path: Path) -> None:
    """What is folded makes no node."""
    net = read(model([node("Add", "a b", "c"), node("Mul", "x c")], {"x": (N, 1)}, {"a": [1.0], "b": [2.0]}), tmp_path)
    assert isinstance(net, Network)
    assert net.order == ("x", "y")
