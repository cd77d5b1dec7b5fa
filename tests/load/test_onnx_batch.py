"""Batch axes of ONNX inputs: points without one, several inputs of which some have one, and files for a fixed number of points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from ._onnx_models import disagreement, model, node, read

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
    "scaled column, wider": lambda: model([node("Mul", "x c")], {"x": (5, 1)}, {"c": whole(1, 3)}),
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
