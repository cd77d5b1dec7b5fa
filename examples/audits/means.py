"""Small means that several rows share: ways through files and memory, and layers of a module."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import exactnn as xn


def by_files(model: Any, made: Callable[[str, str], Any]) -> Any:
    """What a function writes to its second file for the ONNX model in its first one."""
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        before, after = f"{folder}/before.onnx", f"{folder}/after.onnx"
        onnx.save(model, before)
        made(before, after)
        return onnx.load(after)


def optimised(model: Any, level: str) -> Any:
    """The ONNX model as onnxruntime saves it at this level; its own layouts (NCHWc), which are no ONNX, are left out."""
    import onnxruntime

    def save(before: str, after: str) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.optimized_model_filepath = after
        options.log_severity_level = 3
        onnxruntime.InferenceSession(before, options, providers=["CPUExecutionProvider"], disabled_optimizers=["NchwcTransformer"])

    return by_files(model, save)


def loaded(model: Any) -> xn.Network:
    """The ONNX model as an exact network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        path.write_bytes(model.SerializeToString())
        return xn.load(path)


def read(model: Any) -> xn.Network:
    """An ONNX model or a torch module as an exact network."""
    return loaded(model) if hasattr(model, "SerializeToString") else xn.from_torch(model, model.input_shape)


def exported(module: Any, **options: Any) -> Any:
    """The module as an ONNX model, by torch.onnx.export with these options."""
    import onnx
    import torch

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/exported.onnx"
        torch.onnx.export(module, example(module), path, verbose=False, **options)
        return onnx.load(path)


def through_memory(program: Any, save: Callable[[Any, Any], Any], load: Callable[[Any], Any]) -> Any:
    """Saved, and loaded again."""
    buffer = io.BytesIO()
    save(program, buffer)
    buffer.seek(0)
    return load(buffer)


def example(module: Any) -> tuple[Any, ...]:
    """What the module may be called with."""
    import torch

    first = next(module.parameters())
    return (torch.ones(1, *module.input_shape, dtype=first.dtype),)


def weighted(module: Any) -> list[Any]:
    """The linear and convolutional layers, in their order."""
    from torch import nn

    return [layer for layer in module.modules() if isinstance(layer, (nn.Linear, nn.Conv2d))]


def neighbours(module: Any, first: str, second: str, fuse: Callable[[Any, Any], Any]) -> Any:
    """The Sequential with each pair of these neighbours replaced by what `fuse` makes of it."""
    from torch import nn

    layers: list[Any] = []
    for layer in module:
        if layers and isinstance(layers[-1], getattr(nn, first)) and isinstance(layer, getattr(nn, second)):
            layers[-1] = fuse(layers[-1], layer)
        else:
            layers.append(layer)
    made: Any = nn.Sequential(*layers).eval()
    made.input_shape = module.input_shape
    return made
