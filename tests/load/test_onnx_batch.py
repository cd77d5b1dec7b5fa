"""Batch axes of ONNX inputs: points without one, several inputs of which some have one, and files for a fixed number of points."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from exactnn.errors import LoadError, ShapeError
from exactnn.exact.array import RationalArray
from exactnn.load import from_torch, load

from ._onnx_models import disagreement, model, node, random_inputs, read, run

RNG = np.random.default_rng(1)
N = "n"


def whole(*shape: int) -> np.ndarray:
    """Small whole numbers as float32."""
    return RNG.integers(-4, 5, shape).astype(np.float32)


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


POINTS: dict[str, Callable[[], onnx.ModelProto]] = {
    "W x + b, column": lambda: model(
        [node("MatMul", "w x", "p"), node("Add", "p b", "h"), node("Relu", "h", "r"), node("MatMul", "v r")],
        {"x": (5, 1)},
        {"w": whole(3, 5), "b": whole(3, 1), "v": whole(2, 3)},
    ),
    "W x + b, column, bias a vector": lambda: model(
        [node("MatMul", "w x", "p"), node("Add", "p b")], {"x": (5, 1)}, {"w": whole(3, 5), "b": whole(3)}
    ),
    "W x by Gemm": lambda: model([node("Gemm", "w x b")], {"x": (5, 1)}, {"w": whole(3, 5), "b": whole(3, 1)}),
    "W x by Gemm, transposed": lambda: model([node("Gemm", "w x b", transA=1)], {"x": (5, 1)}, {"w": whole(5, 3), "b": whole(1)}),
    "x' by Gemm": lambda: model([node("Gemm", "x w", transA=1)], {"x": (5, 1)}, {"w": whole(5, 3)}),
    "x x' by Gemm": lambda: model([node("Gemm", "w x", transB=1)], {"x": (1, 5)}, {"w": whole(3, 5)}),
    "column to row": lambda: model([node("Transpose", "x", "t"), node("MatMul", "t w")], {"x": (5, 1)}, {"w": whole(5, 3)}),
    "row to column": lambda: model([node("Transpose", "x", "t"), node("MatMul", "w t")], {"x": (1, 5)}, {"w": whole(3, 5)}),
    "flatten 0 of a column": lambda: model([node("Flatten", "x", "t", axis=0), node("MatMul", "t w")], {"x": (5, 1)}, {"w": whole(5, 3)}),
    "flatten 1 of a column": lambda: model([node("Flatten", "x", "t", axis=1), node("MatMul", "w t")], {"x": (5, 1)}, {"w": whole(3, 5)}),
    "flatten 2 of a column": lambda: model([node("Flatten", "x", "t", axis=2), node("MatMul", "w t")], {"x": (5, 1)}, {"w": whole(3, 5)}),
    "flatten 0 of a row": lambda: model([node("Flatten", "x", "t", axis=0), node("MatMul", "t w")], {"x": (1, 5)}, {"w": whole(5, 3)}),
    "flatten 2 of a row": lambda: model([node("Flatten", "x", "t", axis=2), node("MatMul", "w t")], {"x": (1, 5)}, {"w": whole(3, 5)}),
    "flatten 0 of a vector": lambda: model([node("Flatten", "x", "t", axis=0), node("MatMul", "t w")], {"x": (5,)}, {"w": whole(5, 3)}),
    "flatten 1 of a vector": lambda: model([node("Flatten", "x", "t", axis=1), node("MatMul", "w t")], {"x": (5,)}, {"w": whole(3, 5)}),
    "flatten 0 of an image": lambda: model([node("Flatten", "x", "t", axis=0), node("Gemm", "t w")], {"x": (2, 3, 2)}, {"w": whole(12, 3)}),
    "flatten 0 with batch 1": lambda: model([node("Flatten", "x", "t", axis=0), node("Gemm", "t w")], {"x": (1, 3, 2)}, {"w": whole(6, 3)}),
    "reshape to a row": lambda: model(
        [node("Reshape", "x s", "t"), node("Gemm", "t w")], {"x": (5, 1)}, {"w": whole(5, 3), "s": integers(1, -1)}
    ),
    "reshape to a column": lambda: model(
        [node("Reshape", "x s", "t"), node("MatMul", "w t")], {"x": (1, 5)}, {"w": whole(3, 5), "s": integers(5, 1)}
    ),
    "squeeze a column": lambda: model(
        [node("Squeeze", "x a", "t"), node("MatMul", "w t")], {"x": (5, 1)}, {"w": whole(3, 5), "a": integers(1)}
    ),
    "squeeze a row": lambda: model(
        [node("Squeeze", "x a", "t"), node("MatMul", "w t")], {"x": (1, 5)}, {"w": whole(3, 5), "a": integers(0)}
    ),
    "unsqueeze a vector": lambda: model(
        [node("Unsqueeze", "x a", "t"), node("MatMul", "w t")], {"x": (5,)}, {"w": whole(3, 5), "a": integers(1)}
    ),
    "unsqueeze a vector in front, conv": lambda: model(
        [node("Unsqueeze", "x a", "t"), node("Conv", "t w")], {"x": (5,)}, {"w": whole(2, 1, 3), "a": integers(0, 1)}
    ),
    "image without batch": lambda: model(
        [node("Unsqueeze", "x a", "t"), node("Conv", "t w", "c"), node("Relu", "c", "r"), node("Flatten", "r", "f"), node("Gemm", "f v")],
        {"x": (2, 4, 4)},
        {"a": integers(0), "w": whole(2, 2, 3, 3), "v": whole(8, 2)},
    ),
    "row plus column": lambda: model([node("Add", "a b")], {"a": (1, 5), "b": (5, 1)}),
    "row plus vector": lambda: model([node("Add", "a b")], {"a": (1, 5), "b": (5,)}),
    "row minus vector, other order": lambda: model([node("Sub", "b a")], {"a": (1, 5), "b": (5,)}),
    "row with image": lambda: model([node("Add", "b a")], {"a": (1, 5), "b": (2, 3, 5)}),
    "row and column joined": lambda: model([node("Transpose", "b", "t"), node("Concat", "a t", axis=1)], {"a": (1, 5), "b": (4, 1)}),
    "column and row joined, axis 0": lambda: model(
        [node("Transpose", "a", "t"), node("Concat", "b t", axis=0)], {"a": (1, 5), "b": (4, 1)}
    ),
    "rows below a row": lambda: model([node("Concat", "b a", axis=0)], {"a": (1, 5), "b": (3, 5)}),
    "a number and a row": lambda: model([node("Add", "a b")], {"a": (1, 5), "b": ()}),
    "a number alone": lambda: model([node("Add", "x b")], {"x": ()}, {"b": whole(3)}),
    "one of batch and one without, multiplied": lambda: model(
        [node("MatMul", "a w", "h"), node("MatMul", "v b", "g"), node("Add", "h g")],
        {"a": (1, 5), "b": (4, 1)},
        {"w": whole(5, 3), "v": whole(2, 4)},
    ),
    "max of row and column": lambda: model([node("Max", "a b")], {"a": (1, 3), "b": (4, 1)}),
    "conv and a point": lambda: model([node("Conv", "a w", "c"), node("Add", "c b")], {"a": (1, 1, 5), "b": (2, 1)}, {"w": whole(2, 1, 3)}),
    "sum over axis 0 of a column": lambda: model([node("ReduceSum", "x a")], {"x": (5, 1)}, {"a": integers(0)}),
    "sum over axis 0 of a matrix": lambda: model([node("ReduceSum", "x a", keepdims=0)], {"x": (5, 3)}, {"a": integers(0)}),
    "gather rows of a column": lambda: model([node("Gather", "x i", axis=0)], {"x": (5, 1)}, {"i": integers(3, 0)}),
    "slice a column": lambda: model(
        [node("Slice", "x a b", "t"), node("MatMul", "w t")], {"x": (5, 1)}, {"a": integers(1), "b": integers(4), "w": whole(2, 3)}
    ),
    "split a column": lambda: model([node("Split", "x", "s t"), node("Sub", "s t")], {"x": (6, 1)}, opset=13),
    "scaled column": lambda: model([node("Mul", "x c")], {"x": (5, 1)}, {"c": whole(5, 1)}),
    "a constant column minus": lambda: model([node("Sub", "c x")], {"x": (5, 1)}, {"c": whole(5, 1)}),
    "prelu of a column": lambda: model([node("PRelu", "x s")], {"x": (5, 1)}, {"s": whole(5, 1)}),
    "prelu of a row": lambda: model([node("PRelu", "x s")], {"x": (1, 5)}, {"s": whole(1, 5)}),
    "pad a column": lambda: model([node("Pad", "x p")], {"x": (5, 1)}, {"p": integers(1, 0, 2, 0)}),
    "expand a column": lambda: model(
        [node("Expand", "x s", "t"), node("MatMul", "w t")], {"x": (5, 1)}, {"w": whole(2, 5), "s": integers(5, 3)}
    ),
    "expand a row": lambda: model(
        [node("Expand", "x s", "t"), node("MatMul", "w t")], {"x": (1, 5)}, {"w": whole(2, 3), "s": integers(3, 5)}
    ),
    "batch norm of a vector unsqueezed": lambda: model(
        [node("Unsqueeze", "x a", "t"), node("BatchNormalization", "t s b m v", epsilon=0.0)],
        {"x": (3,)},
        {"a": integers(0), "s": [1, 2, 3], "b": [1, 0, 1], "m": [1, -2, 0], "v": [1, 4, 0.25]},
    ),
    "vector times matrix times vector": lambda: model(
        [node("MatMul", "x w", "h"), node("MatMul", "h v")], {"x": (5,)}, {"w": whole(5, 3), "v": whole(3)}
    ),
    "row times vector": lambda: model([node("MatMul", "x v")], {"x": (1, 5)}, {"v": whole(5)}),
    "vector times row": lambda: model([node("MatMul", "v x")], {"x": (1, 5)}, {"v": whole(1)}),
    "vector times column": lambda: model([node("MatMul", "v x")], {"x": (5, 1)}, {"v": whole(5)}),
    "open batch and a point": lambda: model([node("Add", "a b")], {"a": (N, 3), "b": (3,)}),
    "open batch and a row": lambda: model([node("Concat", "a b", axis=1)], {"a": (N, 3), "b": (1, 4)}),
}


@pytest.mark.parametrize("name", POINTS)
def test_points_without_a_batch_axis(name: str, tmp_path: Path) -> None:
    proto = POINTS[name]()
    net = read(proto, tmp_path)
    assert disagreement(proto, net) == 0


# --- files for a fixed number of points ------------------------------------------------------------------------------


def agreement(proto: onnx.ModelProto, folder: Path, batch: int) -> None:
    """Each row of what onnxruntime computes is the network's value at that row of the inputs."""
    net = read(proto, folder)
    assert any(f"batches of {batch} points" in sentence for sentence in net.reading)
    rng = np.random.default_rng(7)
    for _ in range(3):
        values = random_inputs(proto, rng, batch)
        points = np.concatenate([v.reshape(batch, -1) for v in values.values()], axis=1)
        wanted = np.concatenate([np.asarray(v, dtype=np.float64).reshape(batch, -1) for v in run(proto, values)], axis=1)
        exact = net.evaluate(RationalArray.of(points))
        assert exact.shape == wanted.shape
        assert np.abs(exact.to_float() - wanted).max() == 0
    assert net.source is not None
    assert not net.source.checkable


def same(*shape: int, batch: int = 4) -> np.ndarray:
    """A constant that is the same for all points of a batch."""
    return np.repeat(whole(1, *shape), batch, axis=0)


B = 4
PER_SAMPLE: dict[str, Callable[[], onnx.ModelProto]] = {
    "gemm, relu, gemm": lambda: model(
        [node("Gemm", "x w b", "h", transB=1), node("Relu", "h", "r"), node("Gemm", "r v", "g"), node("Add", "g c")],
        {"x": (B, 3)},
        {"w": whole(5, 3), "b": whole(5), "v": whole(5, 2), "c": whole(2)},
    ),
    "C with all rows": lambda: model([node("Gemm", "x w b")], {"x": (B, 3)}, {"w": whole(3, 5), "b": same(5)}),
    "C, one number for each row": lambda: model([node("Gemm", "x w b")], {"x": (B, 3)}, {"w": whole(3, 5), "b": same(1)}),
    "as many outputs as points": lambda: model([node("Gemm", "x w b")], {"x": (B, 3)}, {"w": whole(3, B), "b": whole(B)}),
    "reshape 4, -1": lambda: model(
        [node("Reshape", "x s", "f"), node("Gemm", "f w")], {"x": (B, 2, 3)}, {"s": integers(B, -1), "w": whole(6, 2)}
    ),
    "reshape 4, 6": lambda: model(
        [node("Reshape", "x s", "f"), node("Gemm", "f w")], {"x": (B, 2, 3)}, {"s": integers(B, 6), "w": whole(6, 2)}
    ),
    "reshape 0, -1": lambda: model([node("Reshape", "x s")], {"x": (B, 2, 3)}, {"s": integers(0, -1)}),
    "reshape -1, 6": lambda: model([node("Reshape", "x s")], {"x": (B, 2, 3)}, {"s": integers(-1, 6)}),
    "reshape -1, 3, 2": lambda: model([node("Reshape", "x s")], {"x": (B, 2, 3)}, {"s": integers(-1, 3, 2)}),
    "flatten": lambda: model([node("Flatten", "x")], {"x": (B, 2, 3)}),
    "flatten 2 of one channel": lambda: model([node("Flatten", "x", axis=2)], {"x": (B, 1, 3)}),
    "add rows alike": lambda: model([node("Add", "x c")], {"x": (B, 3)}, {"c": same(3)}),
    "subtract from rows alike": lambda: model([node("Sub", "c x")], {"x": (B, 2, 3)}, {"c": same(2, 3)}),
    "multiply by rows alike": lambda: model([node("Mul", "x c")], {"x": (B, 2, 3)}, {"c": same(1, 3)}),
    "scaled to more columns": lambda: model([node("Mul", "x c")], {"x": (B, 1)}, {"c": whole(1, 3)}),
    "divide": lambda: model([node("Div", "x c")], {"x": (B, 2)}, {"c": np.array([[2, 0.5]] * B, dtype=np.float32)}),
    "constant with one row": lambda: model([node("Add", "x c")], {"x": (B, 3)}, {"c": whole(1, 3)}),
    "concat with rows alike": lambda: model([node("Concat", "x c x", axis=1)], {"x": (B, 3)}, {"c": same(2)}),
    "concat, last axis": lambda: model([node("Neg", "x", "h"), node("Concat", "h x", axis=-1)], {"x": (B, 3, 2)}),
    "expand": lambda: model([node("Expand", "x s")], {"x": (B, 1, 3)}, {"s": integers(B, 2, 3)}),
    "expand, ones": lambda: model([node("Expand", "x s")], {"x": (B, 1, 3)}, {"s": integers(1, 2, 1)}),
    "expand a constant to all points": lambda: model(
        [node("Expand", "c s", "e"), node("Concat", "e x", axis=1)], {"x": (B, 2, 3)}, {"c": whole(1, 1, 3), "s": integers(B, 1, 3)}
    ),
    "a shape computation": lambda: model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n"),
            node("Unsqueeze", "n axis", "first"),
            node("Concat", "first rest", "target", axis=0),
            node("Reshape", "x target"),
        ],
        {"x": (B, 2, 3)},
        {"zero": np.array(0, dtype=np.int64), "axis": integers(0), "rest": integers(-1)},
    ),
    "zeros of a computed shape": lambda: model(
        [
            node("Shape", "x", "s"),
            node("Slice", "s a b", "n"),
            node("Concat", "n two", "target", axis=0),
            node("ConstantOfShape", "target", "zeros"),
            node("Concat", "zeros x", "h", axis=1),
            node("Gemm", "h w"),
        ],
        {"x": (B, 3)},
        {"a": integers(0), "b": integers(1), "two": integers(2), "w": whole(5, 2)},
    ),
    "expand to a computed shape": lambda: model(
        [node("Shape", "x", "s"), node("Expand", "c s", "e"), node("Add", "e x")], {"x": (B, 3)}, {"c": whole(3)}
    ),
    "conv": lambda: model(
        [
            node("Conv", "x w b", "c", pads=[1, 1]),
            node("Relu", "c", "r"),
            node("MaxPool", "r", "m", kernel_shape=[2], strides=[2]),
            node("Reshape", "m s", "f"),
            node("Gemm", "f v"),
        ],
        {"x": (B, 2, 6)},
        {"w": whole(3, 2, 3), "b": whole(3), "s": integers(B, 9), "v": whole(9, 2)},
    ),
    "batch norm": lambda: model(
        [node("BatchNormalization", "x s b m v", epsilon=0.0)],
        {"x": (B, 3, 2)},
        {"s": [1, 2, 3], "b": [1, 0, 1], "m": [1, -2, 0], "v": [1, 4, 0.25]},
    ),
    "prelu": lambda: model([node("PRelu", "x s")], {"x": (B, 3)}, {"s": same(3)}),
    "transpose within": lambda: model([node("Transpose", "x", perm=[0, 2, 1])], {"x": (B, 2, 3)}),
    "transpose within a square": lambda: model([node("Transpose", "x", perm=[0, 2, 1])], {"x": (B, B, B)}),
    "matmul from the left, within": lambda: model([node("MatMul", "w x")], {"x": (B, 3, 2)}, {"w": whole(4, 3)}),
    "matmul with a vector": lambda: model([node("MatMul", "x w")], {"x": (B, 2, 3)}, {"w": whole(3)}),
    "sum within": lambda: model([node("ReduceSum", "x a", keepdims=0)], {"x": (B, 2, 3)}, {"a": integers(-1)}),
    "two inputs": lambda: model([node("MatMul", "x w", "h"), node("Sub", "h z")], {"x": (B, 3), "z": (B, 2)}, {"w": whole(3, 2)}),
    "two outputs": lambda: model([node("Relu", "x", "y"), node("MatMul", "x w", "z")], {"x": (B, 3)}, {"w": whole(3, 2)}, outputs="y z"),
    "slice within": lambda: model([node("Slice", "x a b c")], {"x": (B, 5)}, {"a": integers(1), "b": integers(4), "c": integers(1)}),
    "slice of all": lambda: model([node("Slice", "x a b c")], {"x": (B, 5)}, {"a": integers(0), "b": integers(2**40), "c": integers(0)}),
    "gather within": lambda: model([node("Gather", "x i", axis=1)], {"x": (B, 5)}, {"i": integers(3, 0, 0)}),
    "split within": lambda: model([node("Split", "x", "s t", axis=1), node("Sub", "s t")], {"x": (B, 6)}, opset=13),
    "squeeze and unsqueeze": lambda: model(
        [node("Squeeze", "x a", "h"), node("Unsqueeze", "h b")], {"x": (B, 1, 3)}, {"a": integers(1), "b": integers(-1)}
    ),
    "pad within": lambda: model([node("Pad", "x p")], {"x": (B, 3)}, {"p": integers(0, 1, 0, 2)}),
    "max with rows alike": lambda: model([node("Max", "x c")], {"x": (B, 3)}, {"c": same(3)}),
    "square": lambda: model([node("Mul", "x x")], {"x": (B, 3)}),
    "columns": lambda: model([node("MatMul", "x w", "h"), node("Relu", "h")], {"x": (B, 1)}, {"w": whole(1, 3)}),
}


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_a_file_for_several_points_is_read_for_one(name: str, tmp_path: Path) -> None:
    agreement(PER_SAMPLE[name](), tmp_path, B)


def rows(*shape: int) -> np.ndarray:
    """A constant with another row for each point."""
    return np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)


WHOLE: dict[str, Callable[[], onnx.ModelProto]] = {
    "W x": lambda: model([node("MatMul", "w x")], {"x": (B, 3)}, {"w": whole(B, B)}),
    "W x, column": lambda: model([node("MatMul", "w x")], {"x": (5, 1)}, {"w": whole(5, 5)}),
    "x'": lambda: model([node("Transpose", "x")], {"x": (B, B)}),
    "rows exchanged": lambda: model([node("Gather", "x i")], {"x": (B, 3)}, {"i": integers(1, 0, 2, 3)}),
    "rows turned": lambda: model(
        [node("Slice", "x a b", "h"), node("Slice", "x c a", "g"), node("Concat", "h g", axis=0)],
        {"x": (B, 3)},
        {"a": integers(2), "b": integers(4), "c": integers(0)},
    ),
    "added rows that differ": lambda: model([node("Add", "x c")], {"x": (B, 3)}, {"c": rows(B, 3)}),
    "scaled by rows that differ": lambda: model([node("Mul", "x c")], {"x": (B, 3)}, {"c": rows(B, 1)}),
    "C with rows that differ": lambda: model([node("Gemm", "x w c")], {"x": (B, 3)}, {"w": whole(3, B), "c": rows(B, B)}),
    "joined to rows that differ": lambda: model([node("Concat", "x c", axis=1)], {"x": (B, 3)}, {"c": rows(B, 2)}),
    "flatten 0": lambda: model([node("Flatten", "x", axis=0)], {"x": (B, 3)}),
    "flatten 2": lambda: model([node("Flatten", "x", axis=2)], {"x": (B, 2, 3)}),
    "reshape to fewer rows": lambda: model([node("Reshape", "x s")], {"x": (B, 6)}, {"s": integers(2, 12)}),
    "reshape to more rows and back": lambda: model(
        [node("Reshape", "x s", "h"), node("Relu", "h", "r"), node("Reshape", "r t")],
        {"x": (B, 6)},
        {"s": integers(8, 3), "t": integers(B, 6)},
    ),
    "sum over the rows": lambda: model([node("ReduceSum", "x a")], {"x": (B, 3)}, {"a": integers(0)}),
    "sum over all": lambda: model([node("ReduceSum", "x", keepdims=1)], {"x": (B, 3)}),
    "the mean subtracted": lambda: model([node("ReduceMean", "x", "m", axes=[0]), node("Sub", "x m")], {"x": (B, 3)}),
    "an output without the rows": lambda: model(
        [node("Relu", "x"), node("ReduceSum", "x a", "z")], {"x": (B, 3)}, {"a": integers(0)}, outputs="y z"
    ),
    "an output of one axis": lambda: model([node("ReduceSum", "x a", keepdims=0)], {"x": (B, 3)}, {"a": integers(1)}),
    "a constant output": lambda: model([node("Relu", "x"), node("Neg", "c", "z")], {"x": (B, 3)}, {"c": whole(B, 3)}, outputs="y z"),
    "an axis in front": lambda: model([node("Unsqueeze", "x a")], {"x": (B, 3)}, {"a": integers(0)}),
    "more axes": lambda: model([node("Add", "x c")], {"x": (B, 3)}, {"c": whole(B, B, 3)}),
    "two values of other ranks": lambda: model([node("Add", "x z")], {"x": (B, B), "z": (B, B, B)}),
    "an image": lambda: model(
        [node("Unsqueeze", "x a", "h"), node("Conv", "h w")], {"x": (2, 4, 4)}, {"a": integers(0), "w": whole(2, 2, 3, 3)}
    ),
    "padded rows": lambda: model(
        [node("Pad", "x p", "h"), node("Slice", "h a b")], {"x": (B, 3)}, {"p": integers(1, 0, 0, 0), "a": integers(0), "b": integers(B)}
    ),
    "expanded rows": lambda: model([node("Expand", "x s")], {"x": (B, 3)}, {"s": integers(B, B, 3)}),
    "two inputs, another number of rows": lambda: model(
        [node("Relu", "x"), node("Relu", "z", "v")], {"x": (B, 3), "z": (2, 3)}, outputs="y v"
    ),
    "one input a vector": lambda: model([node("Add", "x z")], {"x": (B, 3), "z": (3,)}),
}


@pytest.mark.parametrize("name", WHOLE)
def test_rows_that_mix_are_one_point(name: str, tmp_path: Path) -> None:
    proto = WHOLE[name]()
    net = read(proto, tmp_path)
    assert net.input_dim == sum(
        int(np.prod([d.dim_value for d in v.type.tensor_type.shape.dim])) for v in proto.graph.input if v.name in "xz"
    )
    assert not any("per sample" in sentence for sentence in net.reading)
    assert disagreement(proto, net) == 0


def test_the_reading_says_which_it_is(tmp_path: Path) -> None:
    net = read(WHOLE["W x"](), tmp_path)
    assert "read as a whole: the 4 rows" in net.info
    assert "'y' (MatMul)" in net.info
    assert "read per sample: the file is for batches of 4 points" in read(PER_SAMPLE["flatten"](), tmp_path).info
    for shape in ((N, 3), (3,)):
        assert len(read(model([node("Relu", "x")], {"x": shape}), tmp_path).reading) == 1


def test_what_is_read_neither_way_says_both(tmp_path: Path) -> None:
    from exactnn.errors import UnsupportedOperation

    proto = model([node("Transpose", "x", "t"), node("Softmax", "t")], {"x": (B, 3)})
    with pytest.raises(UnsupportedOperation, match="logits") as caught:
        read(proto, tmp_path)
    assert "export the model with an open first axis" in str(caught.value)
    assert "4 rows" in str(caught.value)


def test_what_has_nothing_to_do_with_rows_is_said_once(tmp_path: Path) -> None:
    for proto in (model([node("Softmax", "x")], {"x": (B, 3)}), model([node("Relu", "x")], {"x": (B, "m")})):
        with pytest.raises((LoadError, ShapeError)) as caught:
            read(proto, tmp_path)
        assert "rows" not in str(caught.value)


def test_a_model_of_torch_for_several_points(tmp_path: Path) -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 5),
        nn.ReLU(),
        nn.Unflatten(1, (5, 1)),
        nn.Flatten(),
        nn.Linear(5, 3),
    )
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.round_()
            parameter.copy_(torch.randint(-3, 4, parameter.shape))
    path = tmp_path / "net.onnx"
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (torch.randn(6, 1, 6, 6),), path, dynamo=True, external_data=False, verbose=False)
    agreement(onnx.load(path), tmp_path, 6)
    wanted = from_torch(module, (1, 6, 6))
    points = RationalArray(np.random.default_rng(0).integers(-9, 9, (3, 36)))
    assert load(path).evaluate(points) == wanted.evaluate(points)


MOVES: dict[str, tuple[bool, Callable[[], onnx.ModelProto]]] = {  # whether each is read for one point
    "tile": (True, lambda: model([node("Tile", "x r")], {"x": (B, 3)}, {"r": integers(1, 2)})),
    "tile the rows": (False, lambda: model([node("Tile", "x r")], {"x": (B, 3)}, {"r": integers(2, 1)})),
    "gather, alike": (
        True,
        lambda: model([node("GatherElements", "x k", axis=1)], {"x": (B, 6)}, {"k": np.tile(integers(3, 1), (B, 1))}),
    ),
    "gather, not alike": (
        False,
        lambda: model([node("GatherElements", "x k", axis=1)], {"x": (B, 3)}, {"k": np.array([[0, 1], [1, 0], [2, 1], [0, 2]])}),
    ),
    "gather from fewer rows": (False, lambda: model([node("GatherElements", "x k", axis=1)], {"x": (2, 6)}, {"k": np.array([[3, 1]])})),
    "scatter": (
        False,
        lambda: model([node("ScatterElements", "x k u", axis=1)], {"x": (B, 6)}, {"k": np.tile(integers(3, 1), (B, 1)), "u": rows(B, 2)}),
    ),
    "einsum": (True, lambda: model([node("Einsum", "x w", equation="bi,ij->bj")], {"x": (B, 3)}, {"w": whole(3, 2)})),
    "einsum over the rows": (False, lambda: model([node("Einsum", "x w", equation="bi,bj->ij")], {"x": (B, 3)}, {"w": whole(B, 2)})),
    "einsum, rows that differ": (
        False,
        lambda: model([node("Einsum", "x w", equation="bi,bij->bj")], {"x": (B, 3)}, {"w": rows(B, 3, 2)}),
    ),
    "a stack of matrices": (False, lambda: model([node("MatMul", "x w")], {"x": (B, 2, 3)}, {"w": rows(B, 3, 2)})),
    "stacks within": (True, lambda: model([node("MatMul", "x w")], {"x": (B, B, 2, 3)}, {"w": rows(B, 3, 2)})),
    "depth to space": (True, lambda: model([node("DepthToSpace", "x", blocksize=2)], {"x": (B, 4, 2, 2)})),
    "reversed": (
        True,
        lambda: model([node("Slice", "x a b c a")], {"x": (B, 3)}, {"a": integers(-1), "b": integers(-9), "c": integers(1)}),
    ),
    "rows reversed": (
        False,
        lambda: model([node("Slice", "x a b c a")], {"x": (B, 3)}, {"a": integers(-1), "b": integers(-9), "c": integers(0)}),
    ),
    "reflected": (True, lambda: model([node("Pad", "x p", mode="reflect")], {"x": (B, 6)}, {"p": integers(0, 1, 0, 2)})),
    "rows repeated": (False, lambda: model([node("Pad", "x p", mode="edge")], {"x": (B, 6)}, {"p": integers(1, 0, 0, 0)})),
    "choices alike": (
        True,
        lambda: model([node("Where", "c x z")], {"x": (B, 3), "z": (B, 3)}, {"c": np.array([[True, False, True]] * B)}),
    ),
    "choices, not alike": (
        False,
        lambda: model([node("Where", "c x z")], {"x": (B, 3), "z": (B, 3)}, {"c": np.eye(4, 3, dtype=bool)}),
    ),
    "lengths alike": (
        True,
        lambda: model([node("ReverseSequence", "x l", batch_axis=0, time_axis=1)], {"x": (B, 5)}, {"l": integers(3, 3, 3, 3)}),
    ),
    "lengths, not alike": (
        False,
        lambda: model([node("ReverseSequence", "x l", batch_axis=0, time_axis=1)], {"x": (B, 5)}, {"l": integers(1, 2, 3, 4)}),
    ),
    "triangles within": (True, lambda: model([node("Trilu", "x")], {"x": (B, 3, 3)})),
    "a triangle of rows": (False, lambda: model([node("Trilu", "x")], {"x": (B, 4)})),
    "sums so far": (True, lambda: model([node("CumSum", "x a")], {"x": (B, 3)}, {"a": np.array(1)})),
    "sums of rows so far": (False, lambda: model([node("CumSum", "x a")], {"x": (B, 3)}, {"a": np.array(0)})),
    "some columns": (True, lambda: model([node("Compress", "x c", axis=1)], {"x": (B, 3)}, {"c": np.array([True, False, True])})),
    "some rows": (False, lambda: model([node("Compress", "x c", axis=0)], {"x": (B, 3)}, {"c": np.array([True, False, True, True])})),
}


@pytest.mark.parametrize("name", MOVES)
def test_moves_within_points_and_between_them(name: str, tmp_path: Path) -> None:
    for_one, make = MOVES[name]
    proto = make()
    if for_one:
        agreement(proto, tmp_path, B)
    else:
        net = read(proto, tmp_path)
        assert any("read as a whole" in sentence for sentence in net.reading)
        assert disagreement(proto, net) == 0


# --- an open batch whose size enters the function ----------------------------------------------------------------------------

SIZED: dict[str, Callable[[], onnx.ModelProto]] = {
    "divided by the size": lambda: model(
        [node("Shape", "x", "s", start=0, end=1), node("Cast", "s", "n", to=1), node("Div", "x n")], {"x": ("n", 3)}
    ),
    "a choice by the size": lambda: model(
        [
            node("Shape", "x", "s", start=0, end=1),
            node("Equal", "s one", "k"),
            node("Neg", "x", "h"),
            node("Where", "k x h"),
        ],
        {"x": ("n", 3)},
        {"one": np.array([1], dtype=np.int64)},
    ),
    "the number of the row": lambda: model(
        [
            node("Shape", "x", "s", start=0, end=1),
            node("Squeeze", "s axis", "n"),
            node("Range", "zero n one", "r"),
            node("Cast", "r", "f", to=1),
            node("Unsqueeze", "f last", "c"),
            node("Add", "x c"),
        ],
        {"x": ("n", 3)},
        {k: np.array(v, dtype=np.int64) for k, v in {"axis": [0], "zero": 0, "one": 1, "last": [1]}.items()},
    ),
    "a slice by the size": lambda: model(
        [node("Shape", "x", "s", start=0, end=1), node("Slice", "x zero s axis")],
        {"x": ("n", 3)},
        {"zero": np.array([0]), "axis": np.array([1])},
    ),
    "a triangle over the batch": lambda: model([node("Trilu", "x", upper=0)], {"x": ("n", 3)}),
    "sizes for one point": lambda: model([node("Resize", "x - - s", mode="nearest")], {"x": ("n", 2)}, {"s": np.array([1, 4])}),
}


@pytest.mark.parametrize("name", SIZED)
def test_a_size_of_the_batch_that_enters_the_function_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(LoadError):
        read(SIZED[name](), tmp_path)


def test_a_shape_that_is_computed_for_any_batch_is_read(tmp_path: Path) -> None:
    nodes = [node("Shape", "x", "s", start=0, end=1), node("Concat", "s rest", "t", axis=0), node("Reshape", "x t", "h"), node("Relu", "h")]
    net = read(model(nodes, {"x": ("n", 2, 3)}, {"rest": np.array([6])}), tmp_path)
    assert net([1, -1, 2, -2, 3, -3]) == (1, 0, 2, 0, 3, 0)
