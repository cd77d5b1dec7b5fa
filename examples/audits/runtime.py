"""A model run at one point: torch modules by torch, ONNX models by onnxruntime without its optimisations. Independent of exactnn."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np


class NotRun(Exception):
    """The runtime refuses the model or the point; the message is its reason."""


def run(model: Any, point: Sequence[Fraction] | Fraction) -> list[float]:
    """All outputs at the point, in a row; one number is for all entries of the input."""
    return [float(v) for output in outputs(model, point) for v in output.reshape(-1)]


def outputs(model: Any, point: Sequence[Fraction] | Fraction = Fraction(1)) -> list[Any]:
    """The outputs at the point, as arrays."""
    data = model.SerializeToString() if hasattr(model, "SerializeToString") else None
    try:
        return [np.asarray(output) for output in (_run_onnx(data, point) if data is not None else _run_torch(model, point))]
    except Exception as error:
        raise NotRun(_short(error)) from error


def _run_onnx(data: bytes, point: Sequence[Fraction] | Fraction) -> list[Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    kind = {"tensor(float)": np.float32, "tensor(double)": np.float64}[given.type]
    shape = [n if isinstance(n, int) else 1 for n in given.shape]
    values = _values(point, math.prod(shape)).astype(kind).reshape(shape)
    found: list[Any] = session.run(None, {given.name: values})
    return found


def _run_torch(model: Any, point: Sequence[Fraction] | Fraction) -> list[Any]:
    torch = sys.modules["torch"]
    if isinstance(model, torch.export.ExportedProgram):
        module, shape = model.module(), model.example_inputs[0][0].shape[1:]
    else:
        module, shape = copy.deepcopy(model), model.input_shape
    kind = next((t.dtype for t in module.state_dict().values() if t.is_floating_point()), torch.float32)
    with torch.no_grad():
        value = module(torch.tensor(_values(point, math.prod(shape))).to(kind).reshape(1, *shape))
    return [v.double().numpy() for v in (value if isinstance(value, (tuple, list)) else [value])]


def _values(point: Sequence[Fraction] | Fraction, size: int) -> Any:
    return np.array([float(q) for q in ([point] * size if isinstance(point, Fraction) else point)])


def _short(error: Exception) -> str:
    """The first line, without the paths of the machine that the runtime was built on."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    words = [word for word in line.split() if "/onnxruntime_src/" not in word]
    return " ".join(words)[:300]
