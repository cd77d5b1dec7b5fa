"""Small ONNX models for the tests, made with onnx.helper and run with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from exactnn.exact.array import RationalArray
from exactnn.load import load
from exactnn.network import Network

Shape = Sequence[int | str | None]


def node(kind: str, inputs: str, outputs: str = "y", **attributes: Any) -> onnx.NodeProto:
    """A node; the names are separated by spaces, "-" stands for an operand that is left out."""
    names = [[name if name != "-" else "" for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(kind, *names, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape],
    constants: Mapping[str, Any] | None = None,
    *,
    outputs: str = "y",
    opset: int = 17,
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A model; constants that are no arrays become float32."""
    arrays = {k: v if isinstance(v, np.ndarray) else np.array(v, dtype=np.float32) for k, v in (constants or {}).items()}
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs.split()],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9 if opset < 22 else 10)


def read(proto: onnx.ModelProto, folder: Path, *, compare: bool = True) -> Network:
    """The model written to a file and loaded."""
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return load(path, compare=compare)


def run(proto: onnx.ModelProto, values: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What onnxruntime computes, without its optimisations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(values))


def random_inputs(proto: onnx.ModelProto, rng: np.random.Generator, batch: int) -> dict[str, np.ndarray]:
    """Small whole numbers, so that a float run of a model with small weights makes no rounding."""
    made = {}
    constants = {i.name for i in proto.graph.initializer}
    for value in proto.graph.input:
        if value.name not in constants:
            tensor = value.type.tensor_type
            shape = [d.dim_value if d.HasField("dim_value") else batch for d in tensor.shape.dim]
            dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
            made[value.name] = rng.integers(-8, 9, shape).astype(dtype)
    return made


def disagreement(proto: onnx.ModelProto, net: Network, *, rounds: int = 3, batch: int = 1) -> float:
    """The largest difference between onnxruntime and the network, relative to the largest value, at random points."""
    rng = np.random.default_rng(5)
    worst = 0.0
    for _ in range(rounds):
        values = random_inputs(proto, rng, batch)
        found = [np.asarray(v, dtype=np.float64) for v in run(proto, values)]
        points = np.concatenate([v.reshape(batch, -1) for v in values.values()], axis=1)
        exact = net.evaluate(RationalArray.of(points))
        wanted = np.concatenate([v.reshape(batch, -1) for v in found], axis=1)
        assert exact.shape == wanted.shape
        worst = max(worst, float(np.abs(exact.to_float() - wanted).max()) / max(1.0, float(np.abs(wanted).max())))
    return worst
