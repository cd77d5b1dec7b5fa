"""ONNX in: the exact function is the one onnxruntime computes, and what has no exact meaning is refused by name."""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from exactnn.errors import ExactnnError, LoadError, NotFiniteError, ShapeError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load import from_torch, load
from exactnn.network import Affine, Network, PiecewiseLinear, PRelu, Smooth

from ._onnx_models import disagreement, model, node, random_inputs, read, run

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real networks of {DATA} are not on this machine")
RNG = np.random.default_rng(0)


def whole(*shape: int) -> np.ndarray:
    """Small whole numbers as float32."""
    return RNG.integers(-4, 5, shape).astype(np.float32)


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def i32(value: int) -> np.ndarray:
    return np.array(value, dtype=np.int64)


# Each model with what is read exactly from it: onnxruntime's floats make no rounding on these whole numbers
# unless a tolerance is named. The batch axis is open unless a shape says 1.
N = "n"
EXACT: dict[str, Callable[[], onnx.ModelProto]] = {
    "gemm": lambda: model([node("Gemm", "x w b")], {"x": (N, 3)}, {"w": whole(3, 4), "b": whole(4)}),
    "gemm transB alpha beta": lambda: model(
        [node("Gemm", "x w b", transB=1, alpha=0.5, beta=-2.0)], {"x": (N, 3)}, {"w": whole(4, 3), "b": whole(1, 4)}
    ),
    "gemm without C": lambda: model([node("Gemm", "x w")], {"x": (N, 3)}, {"w": whole(3, 4)}),
    "gemm scalar C": lambda: model([node("Gemm", "x w b")], {"x": (N, 3)}, {"w": whole(3, 4), "b": 3.0}),
    "gemm C from input": lambda: model([node("Gemm", "x w x", beta=2.0)], {"x": (N, 3)}, {"w": whole(3, 3)}),
    "gemm transA, batch 1": lambda: model([node("Gemm", "x w", transA=1)], {"x": (1, 3)}, {"w": whole(1, 2)}),
    "gemm constant left, batch 1": lambda: model([node("Gemm", "w x", transB=1)], {"x": (1, 3)}, {"w": whole(2, 3)}),
    "matmul": lambda: model([node("MatMul", "x w")], {"x": (N, 3)}, {"w": whole(3, 4)}),
    "matmul of vectors": lambda: model([node("MatMul", "x w")], {"x": (N, 5, 3)}, {"w": whole(3, 4)}),
    "matmul with a vector": lambda: model([node("MatMul", "x w")], {"x": (N, 5, 3)}, {"w": whole(3)}),
    "matmul constant left": lambda: model([node("MatMul", "w x")], {"x": (N, 3, 2)}, {"w": whole(4, 3)}),
    "matmul row left": lambda: model([node("MatMul", "w x")], {"x": (N, 3, 2)}, {"w": whole(3)}),
    "matmul stack of one": lambda: model([node("MatMul", "x w")], {"x": (N, 2, 3)}, {"w": whole(1, 3, 4)}),
    "matmul without batch": lambda: model([node("MatMul", "x w")], {"x": (3,)}, {"w": whole(3, 4)}),
    "matmul without batch, left": lambda: model([node("MatMul", "w x")], {"x": (3,)}, {"w": whole(4, 3)}),
    "add, last axis": lambda: model([node("Add", "x c")], {"x": (N, 2, 3)}, {"c": whole(3)}),
    "add, channels": lambda: model([node("Add", "c x")], {"x": (N, 2, 3, 3)}, {"c": whole(2, 1, 1)}),
    "add, all entries": lambda: model([node("Add", "c x")], {"x": (N, 2, 3)}, {"c": whole(1, 2, 3)}),
    "add, wider constant": lambda: model([node("Add", "x c")], {"x": (N, 1, 3)}, {"c": whole(2, 1)}),
    "add, more axes, batch 1": lambda: model([node("Add", "x c")], {"x": (1, 3)}, {"c": whole(2, 1, 1)}),
    "add constants": lambda: model([node("Add", "a b", "c"), node("Mul", "x c")], {"x": (N, 3)}, {"a": whole(3), "b": 2.0}),
    "sub from constant": lambda: model([node("Sub", "c x")], {"x": (N, 3)}, {"c": whole(3)}),
    "sub from number": lambda: model([node("Sub", "c x")], {"x": (N, 2, 3)}, {"c": 5.0}),
    "residual": lambda: model([node("MatMul", "x w", "h"), node("Sub", "h x")], {"x": (N, 3)}, {"w": whole(3, 3)}),
    "x + x": lambda: model([node("Add", "x x")], {"x": (N, 3)}),
    "sum of three": lambda: model([node("Sum", "x c x")], {"x": (N, 3)}, {"c": whole(3)}),
    "two inputs of other rank": lambda: model([node("Add", "a b")], {"a": (1, 3), "b": (1, 2, 3)}),
    "mul": lambda: model([node("Mul", "x c")], {"x": (N, 2, 3)}, {"c": whole(2, 1)}),
    "mul, wider constant": lambda: model([node("Mul", "c x")], {"x": (N, 1)}, {"c": whole(3)}),
    "square": lambda: model([node("Mul", "x x")], {"x": (N, 3)}),
    "div": lambda: model([node("Div", "x c")], {"x": (N, 3)}, {"c": [4.0, -2.0, 0.5]}),
    "neg": lambda: model([node("Neg", "x")], {"x": (N, 3)}),
    "relu": lambda: model([node("Relu", "x")], {"x": (N, 3)}),
    "abs": lambda: model([node("Abs", "x")], {"x": (N, 3)}),
    "leaky": lambda: model([node("LeakyRelu", "x", alpha=0.25)], {"x": (N, 3)}),
    "prelu, one slope": lambda: model([node("PRelu", "x s")], {"x": (N, 3, 2)}, {"s": [0.5]}),
    "prelu, channels": lambda: model([node("PRelu", "x s")], {"x": (N, 3, 2)}, {"s": [[0.5], [2.0], [-1.0]]}),
    "prelu, entries": lambda: model([node("PRelu", "x s")], {"x": (N, 2, 2)}, {"s": [[0.5, 1.0], [2.0, -1.0]]}),
    "prelu, last axis": lambda: model([node("PRelu", "x s")], {"x": (N, 3, 2)}, {"s": [0.5, 2.0]}),
    "clip 6": lambda: model([node("Clip", "x", min=-1.5, max=2.0)], {"x": (N, 3)}, opset=8),
    "clip 6, one side": lambda: model([node("Clip", "x", min=0.0, max=3.4028234663852886e38)], {"x": (N, 3)}, opset=8),
    "clip 11": lambda: model([node("Clip", "x a b")], {"x": (N, 3)}, {"a": -1.0, "b": 2.5}),
    "clip 11, upper only": lambda: model([node("Clip", "x - b")], {"x": (N, 3)}, {"b": 2.5}),
    "clip 11, infinite": lambda: model([node("Clip", "x a b")], {"x": (N, 3)}, {"a": 0.0, "b": np.float32(np.inf)}),
    "max, number": lambda: model([node("Max", "x c")], {"x": (N, 3)}, {"c": 1.5}),
    "min, tensor": lambda: model([node("Min", "c x")], {"x": (N, 3)}, {"c": [1.0, 0.0, -2.0]}),
    "max of values": lambda: model([node("Neg", "x", "h"), node("Max", "x h c")], {"x": (N, 3)}, {"c": 2.0}),
    "hard sigmoid": lambda: model([node("HardSigmoid", "x", alpha=0.25, beta=0.5)], {"x": (N, 3)}),
    "reduce sum, last axis": lambda: model([node("ReduceSum", "x a", keepdims=0)], {"x": (N, 2, 3)}, {"a": integers(-1)}),
    "reduce sum, first axis": lambda: model([node("ReduceSum", "x a")], {"x": (N, 2, 3)}, {"a": integers(1)}),
    "reduce mean, spatial 13": lambda: model([node("ReduceMean", "x", axes=[2, 3])], {"x": (N, 2, 4, 2)}, opset=13),
    "reduce mean, spatial 18": lambda: model(
        [node("ReduceMean", "x a", keepdims=0)], {"x": (N, 2, 4, 2)}, {"a": integers(-1, -2)}, opset=18
    ),
    "reduce mean, channels": lambda: model([node("ReduceMean", "x", axes=[1])], {"x": (N, 4, 3, 2)}, opset=13),
    "reduce max": lambda: model([node("ReduceMax", "x", axes=[2, 3])], {"x": (N, 2, 3, 2)}, opset=13),
    "reduce all, batch 1": lambda: model([node("ReduceSum", "x")], {"x": (1, 2, 3)}),
    "identity dropout": lambda: model([node("Identity", "x", "h"), node("Dropout", "h")], {"x": (N, 3)}),
    "cast": lambda: model([node("Cast", "x", "h", to=11), node("Cast", "h", to=1)], {"x": (N, 3)}),
    "constant node": lambda: model([node("Constant", "", "c", value_floats=[1.0, 2.0, 3.0]), node("Add", "x c")], {"x": (N, 3)}),
    "flatten": lambda: model([node("Flatten", "x")], {"x": (N, 2, 3)}),
    "flatten 0, batch 1": lambda: model([node("Flatten", "x", axis=0)], {"x": (1, 2, 3)}),
    "flatten 2, batch 1": lambda: model([node("Flatten", "x", axis=-1)], {"x": (1, 2, 3)}),
    "reshape 0 -1": lambda: model([node("Reshape", "x s")], {"x": (N, 2, 3)}, {"s": integers(0, -1)}),
    "reshape -1 first": lambda: model([node("Reshape", "x s")], {"x": (N, 2, 3)}, {"s": integers(-1, 3, 2)}),
    "reshape to a vector, batch 1": lambda: model([node("Reshape", "x s")], {"x": (1, 6)}, {"s": integers(-1)}),
    "shape computation": lambda: model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n"),
            node("Unsqueeze", "n axis", "first"),
            node("Concat", "first rest", "target", axis=0),
            node("Reshape", "x target"),
        ],
        {"x": (N, 2, 3)},
        {"zero": i32(0), "axis": integers(0), "rest": integers(-1)},
    ),
    "flat size computed": lambda: model(
        [
            node("Shape", "x", "s"),
            node("Slice", "s one end", "rest"),
            node("Gather", "s one0", "a"),
            node("Gather", "s two0", "b"),
            node("Mul", "a b", "ab"),
            node("Div", "ab one0", "flat"),
            node("Unsqueeze", "flat zero", "flat1"),
            node("Concat", "minus flat1", "target", axis=0),
            node("Reshape", "x target"),
        ],
        {"x": (N, 2, 3)},
        {"one": integers(1), "end": integers(3), "one0": i32(1), "two0": i32(2), "zero": integers(0), "minus": integers(-1)},
    ),
    "shape turned and chosen": lambda: model(
        [
            node("Shape", "x", "s"),
            node("Slice", "s a b c a1", "turned"),
            node("Equal", "turned two", "is_two"),
            node("Where", "is_two three turned", "chosen"),
            node("Cast", "chosen", "f", to=1),
            node("CastLike", "f s", "i"),
            node("Gather", "i one", "inner"),
            node("Concat", "minus inner", "target", axis=0),
            node("Reshape", "x target"),
        ],
        {"x": (N, 2, 3)},  # turned [3, 2, n], chosen [3, 6, n], inner [6]
        {
            "a": integers(-1),
            "b": integers(-(2**62)),
            "c": integers(0),
            "a1": integers(-1),
            "two": i32(2),
            "three": i32(6),
            "one": integers(1),
            "minus": integers(-1),
        },
    ),
    "transpose": lambda: model([node("Transpose", "x", perm=[0, 2, 1])], {"x": (N, 2, 3)}),
    "transpose with batch 1": lambda: model([node("Transpose", "x")], {"x": (1, 2, 3)}),
    "there and back, batch 1": lambda: model(
        [
            node("Transpose", "x", "h", perm=[1, 0, 2]),
            node("Relu", "h", "r"),
            node("Transpose", "r", "t", perm=[1, 0, 2]),
            node("Conv", "t w"),
        ],
        {"x": (1, 2, 4)},
        {"w": whole(3, 2, 2)},
    ),
    "squeeze and unsqueeze": lambda: model(
        [node("Squeeze", "x a", "h"), node("Unsqueeze", "h b")], {"x": (N, 1, 3)}, {"a": integers(1), "b": integers(-1, 2)}
    ),
    "squeeze 11": lambda: model([node("Squeeze", "x", axes=[2])], {"x": (N, 3, 1)}, opset=11),
    "squeeze all, batch 1": lambda: model([node("Squeeze", "x")], {"x": (1, 3, 1)}),
    "unsqueeze in front, batch 1": lambda: model([node("Unsqueeze", "x a")], {"x": (1, 3)}, {"a": integers(0)}),
    "concat": lambda: model([node("Neg", "x", "h"), node("Concat", "x h x", axis=-1)], {"x": (N, 2, 3)}),
    "concat constant, batch 1": lambda: model([node("Concat", "x c", axis=1)], {"x": (1, 3)}, {"c": whole(1, 2)}),
    "slice": lambda: model(
        [node("Slice", "x a b c d")],
        {"x": (N, 4, 5)},
        {"a": integers(1, -4), "b": integers(2**62, -1), "c": integers(1, 2), "d": integers(2, 1)},
    ),
    "slice 9": lambda: model([node("Slice", "x", starts=[1], ends=[3], axes=[1])], {"x": (N, 4)}, opset=9),
    "split": lambda: model([node("Split", "x", "y z", axis=1)], {"x": (N, 4)}, outputs="z y"),
    "split sizes": lambda: model([node("Split", "x s", "y z", axis=-1)], {"x": (N, 2, 4)}, {"s": integers(1, 3)}, outputs="y z"),
    "split 18": lambda: model([node("Split", "x", "y z", axis=1, num_outputs=2)], {"x": (N, 5)}, outputs="y z", opset=18),
    "gather one": lambda: model([node("Gather", "x i", axis=1)], {"x": (N, 4, 2)}, {"i": i32(-1)}),
    "gather range": lambda: model([node("Gather", "x i", axis=2)], {"x": (N, 2, 5)}, {"i": integers(0, 2, 4)}),
    "gather any": lambda: model([node("Gather", "x i", axis=1)], {"x": (N, 4)}, {"i": np.array([[3, 0, 1], [1, 2, -1]])}),
    "expand": lambda: model([node("Expand", "x s")], {"x": (N, 1, 3)}, {"s": integers(1, 2, 1)}),
    "constant of shape": lambda: model(
        [node("Shape", "x", "s"), node("ConstantOfShape", "s", "c", value=helper.make_tensor("", 1, [1], [2.0])), node("Add", "x c")],
        {"x": (1, 2, 3)},
    ),
    "pad spatial": lambda: model([node("Pad", "x p")], {"x": (N, 2, 3)}, {"p": integers(0, 0, 1, 0, 0, 2)}),
    "pad and conv": lambda: model(
        [node("Pad", "x p", "h"), node("Conv", "h w b", pads=[1, 0], strides=[2])],
        {"x": (N, 2, 4)},
        {"p": integers(0, 0, 1, 0, 0, 2), "w": whole(3, 2, 2), "b": whole(3)},
    ),
    "pad channels, value": lambda: model([node("Pad", "x p v")], {"x": (N, 2, 3)}, {"p": integers(0, 1, 0, 0, 0, 1), "v": np.float32(7)}),
    "pad away": lambda: model([node("Pad", "x", pads=[0, -1, 0, 2], value=1.0)], {"x": (N, 4)}, opset=10),
    "pad axes": lambda: model([node("Pad", "x p - a")], {"x": (N, 2, 3)}, {"p": integers(1, 2), "a": integers(-1)}, opset=18),
    "conv 1d": lambda: model(
        [node("Conv", "x w b", strides=[2], pads=[1, 2], dilations=[2])], {"x": (N, 2, 9)}, {"w": whole(3, 2, 3), "b": whole(3)}
    ),
    "conv 2d groups": lambda: model([node("Conv", "x w", group=2, kernel_shape=[3, 2])], {"x": (N, 4, 5, 4)}, {"w": whole(6, 2, 3, 2)}),
    "conv 3d": lambda: model([node("Conv", "x w")], {"x": (N, 2, 3, 3, 3)}, {"w": whole(2, 2, 2, 2, 2)}),
    **{
        f"conv {mode} {n}": (
            lambda mode=mode, n=n: model(
                [node("Conv", "x w", auto_pad=mode, strides=[2, 1])], {"x": (N, 1, n, 5)}, {"w": whole(2, 1, 3, 2)}
            )
        )
        for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")
        for n in (5, 6)
    },
    "global max pool": lambda: model([node("GlobalMaxPool", "x")], {"x": (N, 2, 3, 2)}),
    "global average pool": lambda: model([node("GlobalAveragePool", "x")], {"x": (N, 2, 4, 2)}),
}
TOLERANT: dict[str, Callable[[], onnx.ModelProto]] = {
    "batch norm": lambda: model(
        [node("BatchNormalization", "x s b m v", epsilon=0.01)],
        {"x": (N, 2, 3)},
        {"s": [1.5, -0.3], "b": [0.1, 0.2], "m": [1.0, -2.0], "v": [0.5, 2.0]},
    ),
    "batch norm 7": lambda: model(
        [node("BatchNormalization", "x s b m v")],
        {"x": (N, 2)},
        {"s": [1.5, -0.3], "b": [0.1, 0.2], "m": [1.0, -2.0], "v": [0.5, 2.0]},
        opset=8,
    ),
    "div by three": lambda: model([node("Div", "x c")], {"x": (N, 3)}, {"c": 3.0}),
    "reduce mean, 7 entries": lambda: model([node("ReduceMean", "x", axes=[1])], {"x": (N, 7, 2)}, opset=13),
    "leaky default": lambda: model([node("LeakyRelu", "x")], {"x": (N, 3)}),
    "hard sigmoid default": lambda: model([node("HardSigmoid", "x")], {"x": (N, 3)}),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_value_is_onnxruntimes(name: str, tmp_path: Path) -> None:
    proto = EXACT[name]()
    batch = 1 if any(d.HasField("dim_value") for d in proto.graph.input[0].type.tensor_type.shape.dim[:1]) else 3
    assert disagreement(proto, read(proto, tmp_path), batch=batch) == 0


@pytest.mark.parametrize("name", TOLERANT)
def test_the_value_is_onnxruntimes_up_to_its_rounding(name: str, tmp_path: Path) -> None:
    proto = TOLERANT[name]()
    assert disagreement(proto, read(proto, tmp_path), batch=3) < 1e-6


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize(("kernel", "stride", "pad"), [(2, 1, 0), (2, 2, 1), (3, 2, 1), (2, 3, 1), (3, 3, 0), (3, 4, 1)])
def test_pooling_windows(ceil: int, size: int, kernel: int, stride: int, pad: int, tmp_path: Path) -> None:
    window: dict[str, Any] = {"kernel_shape": [kernel], "strides": [stride], "pads": [pad, pad], "ceil_mode": ceil}
    proto = model([node("MaxPool", "x", **window)], {"x": (N, 2, size)})
    assert disagreement(proto, read(proto, tmp_path), batch=2, rounds=1) == 0
    for counted in (0, 1):
        proto = model([node("AveragePool", "x", **window, count_include_pad=counted)], {"x": (N, 2, size)})
        assert disagreement(proto, read(proto, tmp_path), batch=2, rounds=1) < 1e-6


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 0, 1, 1]])
def test_dilated_pooling(ceil: int, counted: int, pads: list[int], tmp_path: Path) -> None:
    window: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": pads, "dilations": [1, 2], "ceil_mode": ceil}
    proto = model([node("AveragePool", "x", **window, count_include_pad=counted)], {"x": (N, 2, 6, 7)}, opset=19)
    assert disagreement(proto, read(proto, tmp_path), batch=2, rounds=1) < 1e-6
    proto = model([node("MaxPool", "x", **window)], {"x": (N, 2, 6, 7)})
    assert disagreement(proto, read(proto, tmp_path), batch=2, rounds=1) == 0


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_padding_of_pools(mode: str, tmp_path: Path) -> None:
    window: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 1], "auto_pad": mode}
    for kind in ("MaxPool", "AveragePool"):
        proto = model([node(kind, "x", **window)], {"x": (N, 2, 6, 5)})
        assert disagreement(proto, read(proto, tmp_path), batch=2, rounds=1) < 1e-6


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE])
def test_weights_are_the_stored_floats(kind: int, tmp_path: Path) -> None:
    numbers = [0.1, -3.0, 2.0**-14, 1000.0]
    proto = model([node("Gemm", "x w")], {"x": (N, 2)}, kind=kind)
    for packed in (True, False):
        del proto.graph.initializer[:]
        tensor = helper.make_tensor("w", kind, (2, 2), numbers)
        if packed:
            tensor = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), "w")
        proto.graph.initializer.append(tensor)
        operation = read(proto, tmp_path).operation("y")
        stored = onnx.numpy_helper.to_array(tensor).astype(np.float64)
        assert isinstance(operation, Affine)
        assert RationalArray.of(stored) == operation.weight.T
        assert operation.weight.T[0, 1].item() == -3


def test_the_size_of_a_point(tmp_path: Path) -> None:
    for shape, dimension in (((N, 2), 2), ((1, 2), 2), ((2, 2), 2), ((2,), 2)):
        net = read(model([node("Relu", "x")], {"x": shape}), tmp_path)
        assert net.input_dim == net.output_dim == dimension


def test_attributes_are_float32(tmp_path: Path) -> None:
    net = read(model([node("LeakyRelu", "x")], {"x": (N, 1)}), tmp_path)
    operation = net.operation("y")
    assert isinstance(operation, PiecewiseLinear)
    assert operation.slope == Fraction(float(np.float32(0.01)))


def test_names_are_the_first_outputs(tmp_path: Path) -> None:
    proto = model(
        [node("MatMul", "x w", "product"), node("Add", "product b", "biased"), node("Relu", "biased", "act"), node("Gemm", "act v")],
        {"x": (N, 3)},
        {"w": whole(3, 4), "b": whole(4), "v": whole(4, 2)},
    )
    net = read(proto, tmp_path)
    assert net.order == ("x", "product", "biased", "act", "y")
    added = net.operation("biased")
    assert added == Affine(RationalArray.eye(4), RationalArray.of(onnx.numpy_helper.to_array(proto.graph.initializer[1])))


def test_helper_nodes_take_no_name_of_the_file(tmp_path: Path) -> None:
    proto = model(
        [node("Neg", "x", "z/transpose"), node("MatMul", "w z/transpose", "z"), node("Relu", "z")],
        {"x": (N, 3, 2)},
        {"w": whole(2, 3)},
    )
    net = read(proto, tmp_path)
    assert disagreement(proto, net, batch=2) == 0
    assert {"z", "z/transpose", "z/transpose_2"} <= set(net.order)


def test_source(tmp_path: Path) -> None:
    proto = model([node("Gemm", "x w", "h"), node("Relu", "h")], {"x": (N, 3)}, {"w": whole(3, 4)})
    source = read(proto, tmp_path).source
    assert source is not None
    assert source.path == str(tmp_path / "model.onnx")
    assert source.sha256 == hashlib.sha256(proto.SerializeToString()).hexdigest()
    assert (source.format, source.raw, source.checkable) == ("onnx", False, True)


def plain_cases() -> dict[str, tuple[bool, onnx.ModelProto]]:
    chain = [node("Gemm", "x w b", "h"), node("Relu", "h", "r"), node("Gemm", "r v")]
    weights: dict[str, Any] = {"w": whole(3, 4), "b": whole(4), "v": whole(4, 2)}
    return {
        "chain": (True, model(chain, {"x": (N, 3)}, weights)),
        "batch 1": (True, model(chain, {"x": (1, 3)}, weights)),
        "matmul": (True, model([node("MatMul", "x w", "h"), node("Sub", "h b")], {"x": (N, 2, 3)}, weights)),
        "flatten": (True, model([node("Flatten", "x", "f"), node("Gemm", "f w")], {"x": (N, 3, 1, 1)}, weights)),
        "reshape": (True, model([node("Reshape", "x s", "f"), node("Gemm", "f w")], {"x": (N, 3, 1)}, {"s": integers(0, -1), **weights})),
        "no batch": (True, model([node("MatMul", "x w")], {"x": (3,)}, weights)),
        "channels added": (True, model([node("Add", "x c")], {"x": (N, 2, 3)}, {"c": whole(2, 1)})),
        "residual": (False, model([node("Relu", "x", "r"), node("Add", "x r")], {"x": (N, 3)})),
        "abs": (False, model([node("Abs", "x")], {"x": (N, 3)})),
        "float16": (False, model([node("Gemm", "x w")], {"x": (N, 3)}, {"w": whole(3, 2).astype(np.float16)}, kind=TensorProto.FLOAT16)),
        "two inputs": (False, model([node("Relu", "x")], {"x": (N, 3), "z": (N, 1)})),
        "dead node": (False, model([*chain, node("Relu", "h", "dead")], {"x": (N, 3)}, weights)),
        "a fixed batch": (False, model([node("MatMul", "x w")], {"x": (2, 3)}, weights)),
        "moved batch": (False, model([node("Reshape", "x s")], {"x": (1, 3)}, {"s": integers(3)})),
    }


@pytest.mark.parametrize("name", plain_cases())
def test_checkable_files_are_read_alike_by_the_checker(name: str, tmp_path: Path) -> None:
    from exactnn.certificate import _evaluate, _onnx

    expected, proto = plain_cases()[name]
    net = read(proto, tmp_path)
    assert net.source is not None
    assert net.source.checkable is expected
    if expected:
        theirs = _onnx.read_onnx(proto.SerializeToString(), "f")
        activations = [node.name for node in theirs.nodes if node.op == "piecewise_linear"]
        assert activations == list(net.hidden_layers)
        point = [Fraction(3 * k % 7 - 3, 2) for k in range(net.input_dim)]
        assert list(net(point)) == list(_evaluate.evaluate(theirs, point, "f"))


# --- torch -----------------------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """What torch exports for the usual layers, functions and shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding="same")
        self.slopes = nn.PReLU(4)
        self.last = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.norm(self.first(x)))
        h = self.slopes(h + self.second(h))
        h = nn.functional.max_pool2d(h, 2, ceil_mode=True)
        h = nn.functional.avg_pool2d(h, 2, padding=1, count_include_pad=False)
        h = nn.functional.hardtanh(h).mean((2, 3))
        h = h.view(h.size(0), -1)
        return self.last(h) * 2 - torch.cat([h, h[:, :1]], 1) / 3


class Shapes(nn.Module):
    """Rearrangements, two inputs, several outputs."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        a, b = x.chunk(2, 1)
        first = torch.clamp(a, min=0.5) - b.abs()
        second = torch.maximum(y, torch.tensor(0.25)).permute(0, 2, 1).reshape(-1, 6)[:, ::2]
        third = x.unsqueeze(1).squeeze(1) @ torch.ones(4, 2) + nn.functional.pad(x, (1, 1))[:, 1:3]
        return first, second, third


def exported(module: nn.Module, *inputs: torch.Tensor, dynamic: bool = False, opset: int = 18) -> onnx.ModelProto:
    size = torch.export.Dim("n")
    shapes = tuple({0: size} for _ in inputs) if dynamic else None
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module.eval(), inputs, dynamo=True, dynamic_shapes=shapes, opset_version=opset)
    assert program is not None
    return program.model_proto


@pytest.mark.parametrize("dynamic", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_torch_export_residual(dynamic: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    proto = exported(Residual(), torch.randn(2 if dynamic else 1, 3, 9, 9), dynamic=dynamic)
    net = read(proto, tmp_path)
    assert net.input_dim == 243
    assert disagreement(proto, net, batch=3 if dynamic else 1, rounds=1) < 1e-5


@pytest.mark.slow
def test_torch_export_shapes(tmp_path: Path) -> None:
    proto = exported(Shapes(), torch.randn(1, 4), torch.randn(1, 2, 3))
    net = read(proto, tmp_path)
    assert (net.input_dim, net.output_dim) == (10, 7)
    assert disagreement(proto, net) == 0


def test_torch_export_of_linear_layers_on_sequences(tmp_path: Path) -> None:
    proto = exported(nn.Sequential(nn.Linear(3, 4), nn.ReLU6(), nn.Linear(4, 2), nn.LeakyReLU(0.3)), torch.randn(2, 7, 3), dynamic=True)
    assert disagreement(proto, read(proto, tmp_path), batch=2) < 1e-6


def test_torch_export_of_smooth_functions(tmp_path: Path) -> None:
    smooth = [nn.Softplus(), nn.SiLU(), nn.GELU(), nn.GELU(approximate="tanh"), nn.Tanh(), nn.Sigmoid()]
    proto = exported(nn.Sequential(nn.Linear(3, 4), *smooth), torch.randn(1, 3), opset=20)
    net = read(proto, tmp_path)
    operations = [net.operation(n) for n in net.hidden_layers]
    assert operations == [Smooth(f) for f in ("softplus", "silu", "gelu", "gelu_tanh", "tanh", "sigmoid")]
    at = random_inputs(proto, np.random.default_rng(0), 1)
    (wanted,) = run(proto, at)
    found = net.to_torch()(torch.tensor(next(iter(at.values())), dtype=torch.float64))
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-4)


def test_old_torch_export_is_the_network_of_the_module(tmp_path: Path) -> None:
    """Without its constant folding, which rounds, torch writes the very weights that `from_torch` reads."""
    module = nn.Sequential(
        nn.ZeroPad2d((1, 0, 0, 1)),
        nn.Conv2d(1, 2, 3, bias=False),
        nn.BatchNorm2d(2, eps=2.0**-10),
        nn.LeakyReLU(0.25),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 3),
    )
    nn.init.uniform_(module[2].running_mean, -1, 1)
    nn.init.uniform_(module[2].running_var, 0.5, 2)
    buffer = io.BytesIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (torch.randn(1, 1, 6, 6),), buffer, dynamo=False, opset_version=13, do_constant_folding=False)
    proto = onnx.load_from_string(buffer.getvalue())
    net, wanted = read(proto, tmp_path), from_torch(module, (1, 6, 6))
    points = RationalArray(np.random.default_rng(0).integers(-9, 9, (5, 36)), 7)
    assert net.evaluate(points) == wanted.evaluate(points)
    assert disagreement(proto, net) < 1e-5


# --- the real files --------------------------------------------------------------------------------------------------


@needs_data
def test_acasxu_is_the_nnet_after_rounding_to_float32() -> None:
    folder = DATA / "acasxu"
    net = load(folder / "ACASXU_experimental_v2a_1_1.onnx")
    raw = load(folder / "ACASXU_experimental_v2a_1_1.nnet", raw=True)
    assert net.shape("input") == (1, 1, 5)
    products = [net.operation(n) for n in net.order if "MatMul" in n]
    sums = [net.operation(n) for n in net.order if n.endswith("_Add")]
    layers = [raw.operation(n) for n in raw.order if n.startswith("layer")]
    assert len(products) == len(sums) == len(layers) == 7
    for product, added, layer in zip(products, sums, layers, strict=True):
        assert isinstance(product, Affine)
        assert isinstance(added, Affine)
        assert isinstance(layer, Affine)
        assert product.weight == RationalArray.of(layer.weight.to_float().astype(np.float32))
        assert added.bias == RationalArray.of(layer.bias.to_float().astype(np.float32))
        assert product.weight != layer.weight
    point = [Fraction(k, 8) for k in (-3, 1, 4, -1, 2)]
    difference = max(abs(a - b) for a, b in zip(net(point), raw(point), strict=True))
    assert 0 < difference < Fraction(1, 10**4)


@needs_data
@pytest.mark.parametrize("name", ["acasxu/ACASXU_experimental_v2a_1_1", "small/fc1", "small/fc_2-2-3"])
def test_real_files_agree_with_onnxruntime(name: str) -> None:
    path = DATA / f"{name}.onnx"
    net = load(path)
    assert net.source is not None
    assert net.source.checkable
    assert disagreement(onnx.load(path), net) < 1e-5


@needs_data
def test_the_toy_is_the_same_in_both_formats() -> None:
    one, other = (load(DATA / "small" / f"fc_2-2-3.{suffix}") for suffix in ("onnx", "nnet"))
    points = RationalArray(np.random.default_rng(0).integers(-20, 20, (20, 2)), 3)
    assert one.evaluate(points) == other.evaluate(points)


# --- refused ---------------------------------------------------------------------------------------------------------


def refused(proto: onnx.ModelProto, folder: Path, kind: type[ExactnnError] = LoadError) -> str:
    with pytest.raises(kind) as caught:
        read(proto, folder)
    assert isinstance(caught.value, (LoadError, ShapeError))
    return str(caught.value)


def test_an_unknown_operation_is_named(tmp_path: Path) -> None:
    message = refused(model([node("Det", "x", "weird")], {"x": (N, 3, 3)}, outputs="weird"), tmp_path, UnsupportedOperation)
    assert "'Det'" in message
    assert "'weird'" in message
    proto = model([node("FancyOp", "x", domain="com.example")], {"x": (N, 3)})
    assert "com.example" in refused(proto, tmp_path, UnsupportedOperation)


def test_an_unknown_operation_that_nothing_needs_is_no_matter(tmp_path: Path) -> None:
    proto = model([node("Erf", "x", "z"), node("Relu", "x")], {"x": (N, 3)})
    assert read(proto, tmp_path).order == ("x", "y")


def test_the_order_is_the_files_among_many_nodes_that_nothing_needs(tmp_path: Path) -> None:
    live = [node("Relu" if k % 2 else "Abs", "x", f"h{k}") for k in range(8)]
    dead = [node("Relu", "x", f"d{k}") for k in range(40)]
    proto = model([*dead[:20], *live, *dead[20:]], {"x": (N, 3)}, outputs=" ".join(f"h{k}" for k in range(8)))
    assert read(proto, tmp_path).order == ("x", *(f"h{k}" for k in range(8)))


def test_nodes_in_any_order(tmp_path: Path) -> None:
    proto = model(
        [
            node("Gemm", "r v"),
            node("Relu", "h", "r"),
            node("Add", "m b", "h"),
            node("MatMul", "x w", "m"),
            node("Constant", "", "b", value_floats=[1.0, -2.0, 3.0, 4.0]),
        ],
        {"x": (N, 3)},
        {"w": whole(3, 4), "v": whole(4, 2)},
    )
    net = read(proto, tmp_path)
    assert net.source is not None
    assert not net.source.checkable
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes[::-1])
    assert net == read(proto, tmp_path)
    assert net.order == ("x", "m", "h", "r", "y")
    assert disagreement(proto, net) == 0


@pytest.mark.parametrize("seed", range(5))
def test_order_at_random(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    nodes = [node("Add" if k > 1 else "Sub", f"h{rng.integers(k)} h{rng.integers(k)}", f"h{k}") for k in range(1, 12)]
    first = [node("Relu", "x", "h0"), *nodes, node("Add", "h11 h5")]
    wanted = read(model(first, {"x": (N, 3)}), tmp_path)
    shuffled = [first[i] for i in rng.permutation(len(first))]
    assert read(model(shuffled, {"x": (N, 3)}), tmp_path) == wanted


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "ArgMax"])
def test_a_last_softmax_comes_with_advice(kind: str, tmp_path: Path) -> None:
    message = refused(model([node(kind, "x")], {"x": (N, 3)}), tmp_path, UnsupportedOperation)
    assert "logits" in message
    assert "at the end" in message
    assert "verify_same_decision" in message


@pytest.mark.parametrize(
    ("nodes", "constants", "words"),
    [
        ([node("Mul", "x z")], {}, "product of two values"),
        ([node("MatMul", "x z")], {}, "product of two values"),
        ([node("Div", "x z")], {}, "must be constant"),
        ([node("Conv", "x z")], {}, "must be constant"),
        ([node("Where", "x x z")], {}, "comparison"),
        ([node("Transpose", "x")], {}, "across the batch axis"),
        ([node("ReduceSum", "x a")], {"a": integers(0)}, "across the batch axis"),
        ([node("Concat", "x z", axis=0)], {}, "across the batch axis"),
        ([node("Reshape", "x s")], {"s": integers(-1)}, "across the batch axis"),
        ([node("Reshape", "x s")], {"s": integers(2, -1)}, "across the batch axis"),
        (
            [node("Slice", "x a b c d")],
            {"a": integers(-1), "b": integers(-9), "c": integers(0), "d": integers(-1)},
            "across the batch axis",
        ),
        ([node("Pad", "x p", mode="symmetric")], {"p": integers(0, 1, 0, 1)}, "constant"),
        ([node("Dropout", "x - t")], {"t": np.array(True)}, "training"),
        ([node("BatchNormalization", "x s s s s", training_mode=1)], {"s": np.ones(4, np.float32)}, "inference"),
        ([node("Cast", "x", to=7)], {}, "cast"),
        ([node("MaxPool", "x4", "y i", kernel_shape=[2])], {}, "first output"),
        ([node("Gelu", "x", approximate="rough")], {}, "approximate"),
    ],
)
def test_no_exact_meaning(nodes: list[onnx.NodeProto], constants: dict[str, Any], words: str, tmp_path: Path) -> None:
    outputs = "y i" if len(nodes[0].output) == 2 else "y"
    inputs: dict[str, Any] = {"x": (N, 4), "z": (N, 4), "x4": (N, 1, 4)}
    message = refused(model(nodes, inputs, constants, outputs=outputs, opset=20), tmp_path, UnsupportedOperation)
    assert words in message
    assert nodes[0].op_type in message


@pytest.mark.parametrize(
    ("nodes", "constants", "words"),
    [
        ([node("Gemm", "x w")], {"w": whole(5, 2)}, "4"),
        ([node("Gemm", "x nothing")], {}, "'nothing'"),
        ([node("Add", "x b", "a"), node("Abs", "a", "b"), node("Relu", "b")], {}, "'a' <- 'b' <- 'a'"),
        ([node("Add", "x y")], {}, "cycle"),
        ([node("Relu", "x", "h"), node("Abs", "x", "h"), node("Add", "h h")], {}, "twice"),
        ([node("Relu", "x", "x"), node("Relu", "x")], {}, "twice"),
        ([node("Relu", "x", "h")], {}, "output 'y'"),
        ([node("Reshape", "x s")], {"s": integers(0, 3)}, "shape"),
        ([node("Reshape", "x s")], {"s": integers(-1, 0, 0)}, "shape"),
        ([node("Relu", "x", slope=1.0)], {}, "'slope'"),
        ([node("LeakyRelu", "x", alpha=1)], {}, "alpha"),
        ([node("LeakyRelu", "x", alpha=float("nan"))], {}, "alpha"),
        ([node("Gather", "x i", axis=1)], {"i": i32(9)}, "indices"),
        ([node("Concat", "x", axis=7)], {}, "axis"),
        ([node("Concat", "x")], {}, "axis"),
        ([node("Div", "x c")], {"c": 0.0}, "divisor"),
        ([node("Clip", "x a b")], {"a": 2.0, "b": 1.0}, "min <= max"),
        ([node("Conv", "x4 w", pads=[-1, 0])], {"w": whole(1, 1, 2)}, "pads"),
        ([node("Conv", "x4 w", strides=[0])], {"w": whole(1, 1, 2)}, "strides"),
        ([node("Conv", "x4 w", kernel_shape=[3])], {"w": whole(1, 1, 2)}, "kernel_shape"),
        ([node("Conv", "x4 w")], {"w": whole(1, 1, 9)}, "fit"),
        ([node("MaxPool", "x4", kernel_shape=[2], strides=[2**62])], {}, "2^31"),
        ([node("BatchNormalization", "x s s s v")], {"s": np.ones(4, np.float32), "v": -np.ones(4, np.float32)}, "variance"),
        ([node("Constant", "", "c", value_float=float("nan")), node("Add", "x c")], {}, "finite"),
        ([node("ConstantOfShape", "s", "c"), node("Add", "x c")], {"s": integers(10**6, 10**6)}, "entries"),
        ([node("Expand", "x s")], {"s": integers(10**6, 10**6, 4)}, "entries"),
        ([node("Pad", "x p")], {"p": integers(0, 2**40, 0, 0)}, "2^31"),
        ([node("Pad", "x4 p")], {"p": integers(0, 0, 2**30, 0, 0, 0)}, "entries"),
    ],
)
def test_contradictions(nodes: list[onnx.NodeProto], constants: dict[str, Any], words: str, tmp_path: Path) -> None:
    inputs: dict[str, Any] = {"x": (N, 4), "x4": (N, 1, 4)}
    with pytest.raises((LoadError, ShapeError)) as caught:
        read(model(nodes, inputs, constants), tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        (node("Clip", "x a b"), "'y' (Clip): inputs: at most 1 in operator set 9, got 3"),
        (node("Relu", "x a"), "'y' (Relu): inputs: at most 1 in"),
        (node("Slice", "x s s"), "'y' (Slice): inputs: at most 1 in"),
    ],
)
def test_inputs_that_an_older_operator_set_does_not_have(proto: onnx.NodeProto, words: str, tmp_path: Path) -> None:
    made = model([proto], {"x": (N, 4)}, {"a": -1.0, "b": 2.5, "s": integers(0)}, opset=9)
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(made, full_check=True)
    with pytest.raises(LoadError) as caught:
        read(made, tmp_path)
    assert words in str(caught.value)


@pytest.mark.parametrize(("value", "shape"), [(np.nan, (2, 3)), (np.inf, (2, 3)), (-np.inf, (2, 3))])
def test_not_finite_weights_are_named(value: float, shape: tuple[int, int], tmp_path: Path) -> None:
    weight = np.zeros(shape, dtype=np.float32)
    weight[1, 2] = value
    with pytest.raises(NotFiniteError) as caught:
        read(model([node("Gemm", "x w")], {"x": (N, 2)}, {"w": weight}), tmp_path)
    assert isinstance(caught.value, LoadError)
    assert "'w'" in str(caught.value)
    assert "(1, 2)" in str(caught.value)


def test_a_signalling_nan(tmp_path: Path) -> None:
    weight = np.zeros((2, 3), dtype=np.float32)
    weight.view(np.uint32)[0, 1] = 0x7F800001
    with pytest.raises(NotFiniteError, match=r"'w'.*\(0, 1\)"):
        read(model([node("Gemm", "x w")], {"x": (N, 2)}, {"w": weight}), tmp_path)


def test_fields_that_nobody_knows_make_a_file_uncheckable(tmp_path: Path) -> None:
    data = model([node("Gemm", "x w")], {"x": (N, 3)}, {"w": whole(3, 4)}).SerializeToString()
    for extra, checkable in ((b"", True), (b"\xf2\x3e\x01a", False)):
        (tmp_path / "m.onnx").write_bytes(data + extra)
        source = load(tmp_path / "m.onnx").source
        assert source is not None
        assert source.checkable is checkable


def test_names_must_be_texts(tmp_path: Path) -> None:
    data = model([node("Gemm", "xx ww", "yy")], {"xx": (N, 3)}, {"ww": whole(3, 4)}, outputs="yy").SerializeToString()
    for name in (b"xx", b"yy", b"ww", b"Gemm"):
        (tmp_path / "m.onnx").write_bytes(data.replace(name, b"\xff" * len(name)))
        with pytest.raises(LoadError, match="UTF-8"):
            load(tmp_path / "m.onnx")


def test_inputs_must_have_a_shape_and_floats(tmp_path: Path) -> None:
    relu = [node("Relu", "x")]
    assert "fixed sizes" in refused(model(relu, {"x": (N, "m")}), tmp_path)
    assert "entries" in refused(model(relu, {"x": (N, 10**6, 10**6)}), tmp_path)
    assert "entries" in refused(model(relu, {"x": (N, 0)}), tmp_path)
    assert "floats" in refused(model(relu, {"x": (N, 3)}, kind=TensorProto.INT64), tmp_path)
    shapeless = model(relu, {"x": (N, 3)})
    shapeless.graph.input[0].type.tensor_type.ClearField("shape")
    assert "shape" in refused(shapeless, tmp_path)
    nothing = model(relu, {"x": (N, 3)}, {"x": whole(1, 3)})
    assert "at least one input" in refused(nothing, tmp_path)
    no_outputs = model(relu, {"x": (N, 3)})
    del no_outputs.graph.output[:]
    assert "outputs" in refused(no_outputs, tmp_path)


def test_headers_are_not_trusted(tmp_path: Path) -> None:
    proto = model([node("Gemm", "x w")], {"x": (N, 3)}, {"w": whole(3, 4)})
    for dims in ([10**12], [0, 10**12], [3, 4, 10**12], [-3, -4], [3, 3], [2**40, 2**40]):
        del proto.graph.initializer[0].dims[:]
        proto.graph.initializer[0].dims.extend(dims)
        assert "'w'" in refused(proto, tmp_path)
    proto.graph.initializer[0].data_type = 8
    assert "type number 8" in refused(proto, tmp_path)


@pytest.mark.parametrize("version", [0, 6, 99])
def test_operator_sets_that_are_not_known(version: int, tmp_path: Path) -> None:
    proto = model([node("Relu", "x")], {"x": (N, 3)})
    proto.opset_import[0].version = version
    assert "operator set" in refused(proto, tmp_path)
    del proto.opset_import[:]
    assert "operator set" in refused(proto, tmp_path)


def test_every_truncation_and_many_mutations_are_errors_or_networks(tmp_path: Path) -> None:
    proto = model(
        [
            node("Conv", "x w b", "c", pads=[1, 1]),
            node("Relu", "c", "r"),
            node("MaxPool", "r", "m", kernel_shape=[2], strides=[2]),
            node("Reshape", "m s", "f"),
            node("Gemm", "f v", "g", transB=1, alpha=0.5),
            node("Clip", "g lo hi"),
        ],
        {"x": (N, 1, 4)},
        {"w": whole(2, 1, 3), "b": whole(2), "s": integers(0, -1), "v": whole(2, 4), "lo": -1.0, "hi": 1.0},
    )
    data = proto.SerializeToString()
    path = tmp_path / "m.onnx"

    def outcome(content: bytes) -> bool:
        path.write_bytes(content)
        try:
            return isinstance(load(path), Network)
        except (LoadError, ShapeError):
            return False

    assert outcome(data)
    assert not any(outcome(data[:k]) for k in range(0, len(data) - 6, 2))
    rng = np.random.default_rng(7)
    loaded = 0
    for _ in range(800):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            changed[place] = rng.integers(0, 256)
        loaded += outcome(bytes(changed))
    assert 0 < loaded < 800  # changed weights and names load; most other changes do not


def test_no_onnx_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from exactnn.errors import MissingDependency

    path = tmp_path / "m.onnx"
    path.write_bytes(model([node("Relu", "x")], {"x": (N, 3)}).SerializeToString())
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingDependency, match=r"exactnn\[onnx\]"):
        load(path)


def test_prelu_keeps_its_slopes(tmp_path: Path) -> None:
    net = read(model([node("PRelu", "x s")], {"x": (N, 3, 2)}, {"s": [[0.5], [2.0], [-1.0]]}), tmp_path)
    assert net.operation("y") == PRelu(RationalArray.of([0.5, 2, -1]))
