"""What passes are tried on: planted models, and models that `exactnn.testing` draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exactnn import testing

KINDS = ("dense", "convolutional", "residual")


def drawn_onnx() -> dict[str, Any]:
    """ONNX models that are drawn."""
    return {"drawn models": testing.onnx_models()}


def onnx_models() -> dict[str, Any]:
    """ONNX models: drawn ones, and planted ones."""
    from audits import planted

    return {**drawn_onnx(), **planted.planted()}


def drawn_modules(*, kinds: tuple[str, ...] = ("dense",), norm: bool | None = None, dtype: str = "float32") -> dict[str, Any]:
    """Torch modules that are drawn."""
    return {"drawn modules": testing.torch_modules(kinds=kinds, batch_norm=norm, dtype=dtype)}


def modules(*, kinds: tuple[str, ...] = KINDS, norm: bool | None = None, dtype: str = "float32") -> dict[str, Any]:
    """Torch modules: drawn ones, and planted ones."""
    from audits import planted_torch

    return {**drawn_modules(kinds=kinds, norm=norm, dtype=dtype), **planted_torch.planted(dtype)}


class Samples:
    """Four points for the calibration of an ONNX model, the corners' middle and three others; onnxruntime asks `get_next`."""

    def __init__(self, model: Any) -> None:
        import numpy as np

        given = model.graph.input[0]
        shape = [d.dim_value or 1 for d in given.type.tensor_type.shape.dim]
        chosen = np.random.default_rng(0)
        self.points = [{given.name: chosen.uniform(-1, 1, shape).astype(np.float32)} for _ in range(4)]
        self._rest: Iterator[dict[str, Any]] = iter(self.points)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._rest, None)
