"""Any model as an exact network: networks, torch modules, model files, ONNX as bytes or as a ModelProto."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exactnn.errors import ArgumentError, ExactnnError, ShapeError
from exactnn.load import load
from exactnn.network import Network

#: what a kind of model is called in messages
KINDS = {
    "network": "a Network",
    "module": "a torch module",
    "path": "the path of a model file",
    "bytes": "ONNX bytes",
    "proto": "an onnx.ModelProto",
}
#: what a transformation may be said to return -> kinds, and what they are called together
RETURNED = {
    "network": (("network",), "a Network"),
    "module": (("module",), "a torch module"),
    "onnx": (("path", "bytes", "proto"), "ONNX (a path, bytes or a ModelProto)"),
}


@dataclass(frozen=True)
class Model:
    """A model as it was given, the network that it is, and the float format of its weights (None for exact ones)."""

    given: Any
    kind: str
    net: Network
    precision: str | None


def kind_of(model: object) -> str | None:
    """The key of KINDS; None for what is no model."""
    torch = sys.modules.get("torch")  # who has a module has imported torch
    if isinstance(model, Network):
        return "network"
    if torch is not None and isinstance(model, (torch.nn.Module, torch.export.ExportedProgram)):
        return "module"
    if isinstance(model, (str, os.PathLike)):
        return "path"
    if isinstance(model, (bytes, bytearray, memoryview)):
        return "bytes"
    return "proto" if hasattr(model, "SerializeToString") and hasattr(model, "graph") else None


def read_model(model: Any, argument: str, input_shape: Any = None) -> Model:
    """The model as a network, without rounding; ArgumentError for what is no model, and the errors of `load` and `from_torch`.

    `input_shape` is for torch modules, as in `exactnn.from_torch`; by default the attribute `input_shape` of the module, which the modules
    of `torch_modules` have, or what the first layer tells.
    """
    kind = kind_of(model)
    if kind == "network":
        return Model(model, kind, model, None)
    if kind == "module":
        shape = getattr(model, "input_shape", None) if input_shape is None else input_shape
        from exactnn.load import from_torch  # both import torch
        from exactnn.testing._torch_plain import plain_network

        try:
            net = plain_network(model, shape) or from_torch(model, shape)
        except ExactnnError as error:
            raise error from None  # its message has the reason; torch's own error has pages of it
        return Model(model, kind, net, _precision_of_module(model))
    if kind == "path":
        return Model(model, kind, load(model), _precision_of_file(Path(os.fspath(model))))
    if kind == "bytes":
        return _of_bytes(model, kind, bytes(model))
    if kind == "proto":
        return _of_bytes(model, kind, model.SerializeToString(deterministic=True))
    raise ArgumentError(f"{argument}: one of {', '.join(KINDS.values())} is needed, got {type(model).__name__}")


def _of_bytes(model: Any, kind: str, data: bytes) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        path.write_bytes(data)
        try:
            net, precision = load(path), _precision_of_file(path)
        except ExactnnError as error:
            error.args = (str(error).removeprefix(f"{path}: "), *error.args[1:])  # no file that anybody has seen
            raise
    return Model(model, kind, unbound(net), precision)  # the file is gone


def unbound(net: Network) -> Network:
    """The network without its file, so that a certificate holds it and does not need the file."""
    return net if net.source is None else Network(net.graph.copy(), net.inputs, net.outputs, reading=net.reading)


def _precision_of_module(module: Any) -> str | None:
    weights = module.state_dict
    for tensor in (weights() if callable(weights) else weights).values():  # that of an ExportedProgram is a property
        if tensor.is_floating_point():
            return str(tensor.dtype).removeprefix("torch.")
    return None


def _precision_of_file(path: Path) -> str | None:
    if path.suffix.lower() != ".onnx":
        return None
    import onnx

    names = {
        onnx.TensorProto.FLOAT16: "float16",
        onnx.TensorProto.BFLOAT16: "bfloat16",
        onnx.TensorProto.FLOAT: "float32",
        onnx.TensorProto.DOUBLE: "float64",
    }
    graph = onnx.load(path, load_external_data=False).graph
    found = (names.get(tensor.data_type) for tensor in graph.initializer)
    return next((name for name in found if name), None)


def file_shapes(model: Model) -> list[list[int | None]] | None:
    """The shapes of an ONNX model's inputs and outputs, with None for open sizes; None for other models, and where they do not follow.

    Those of the inputs are declared, those of the outputs follow from the nodes: what a file declares of them may be wrong.
    """
    if model.kind not in ("proto", "bytes", "path") or (model.kind == "path" and Path(os.fspath(model.given)).suffix.lower() != ".onnx"):
        return None
    import onnx

    if model.kind == "path":
        proto = onnx.load(os.fspath(model.given), load_external_data=False)
    else:
        proto = onnx.load_from_string(bytes(model.given) if model.kind == "bytes" else model.given.SerializeToString())
    graph = proto.graph
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        graph = onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True).graph
    except onnx.shape_inference.InferenceError:
        return None
    weights = {tensor.name for tensor in graph.initializer}
    tensors = [v.type.tensor_type for v in [*graph.input, *graph.output] if v.name not in weights]
    if not all(tensor.HasField("shape") for tensor in tensors):
        return None
    return [[d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim] for tensor in tensors]


def check_sizes(f: Network, g: Network) -> None:
    """ShapeError unless both have equal numbers of inputs and outputs."""
    if (f.input_dim, f.output_dim) != (g.input_dim, g.output_dim):
        raise ShapeError(
            f"f and g: models of equal input and output sizes are needed, got {f.input_dim} -> {f.output_dim} "
            f"and {g.input_dim} -> {g.output_dim}"
        )
