"""Torch modules to draw, with weights that their floats hold exactly. torch is imported when the first one is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from exactnn.errors import ArgumentError
from exactnn.testing._numbers import Size, Weights, float_numbers, size_of, weights_of

if TYPE_CHECKING:
    import torch

KINDS = ("dense", "convolutional", "residual")
_UNITS = ("ReLU", "LeakyReLU", "Hardtanh")


@st.composite
def torch_modules(
    draw: st.DrawFn,
    *,
    kinds: Sequence[str] = KINDS,
    inputs: Size | None = None,
    outputs: Size | None = None,
    depth: Size | None = None,
    width: Size | None = None,
    units: Sequence[str] = _UNITS,
    batch_norm: bool | None = None,
    dtype: str = "float32",
    weights: Weights = None,
) -> torch.nn.Module:
    """nn.Sequential in eval mode, every weight a number of its dtype; its attribute `input_shape` is what `from_torch` needs.

    Parameters
    ----------
    kinds : of which to choose: "dense" (Linear, units), "convolutional" (Conv2d, a unit, at times MaxPool2d, AvgPool2d or ZeroPad2d, a
        Linear), "residual" (Linear, x + body(x), Linear)
    inputs, outputs, depth, width : sizes as in `networks`; inputs and width are channels of convolutional modules
    units : names of activations in torch.nn; "LeakyReLU" has the slope 1/4
    batch_norm : whether layers are followed by a batch norm; None for both
    dtype : "float32" or "float64"
    weights : a strategy of numbers, or numbers to choose from, that the dtype holds; by default `float_numbers(dtype)`
    """
    if isinstance(kinds, str) or not isinstance(kinds, Sequence) or not kinds or any(kind not in KINDS for kind in kinds):
        raise ArgumentError(f"kinds: a list of some of {', '.join(KINDS)} is needed, got {kinds!r}")
    if dtype not in ("float32", "float64"):
        raise ArgumentError(f"dtype: 'float32' or 'float64' is needed, got {dtype!r}")
    from torch import nn

    if isinstance(units, str) or not isinstance(units, Sequence) or not units or not all(map(_is_unit, units)):
        raise ArgumentError(f"units: a sequence of names of activations in torch.nn is needed, got {units!r}")
    if batch_norm not in (None, True, False):
        raise ArgumentError(f"batch_norm: True, False or None (for both) is needed, got {batch_norm!r}")
    maker = _Maker(draw, float_numbers(dtype) if weights is None else weights_of(weights), dtype, units, batch_norm)
    kind = draw(st.sampled_from(tuple(kinds)))
    hidden = [draw(size_of(width, (1, 3), "width")) for _ in range(draw(size_of(depth, (1, 2), "depth", 1)))]
    n, m = draw(size_of(inputs, (1, 3) if kind != "convolutional" else (1, 2), "inputs")), draw(size_of(outputs, (1, 2), "outputs"))
    if kind == "convolutional":
        layers, shape = maker.convolutional(n, hidden[:1], m)
    else:
        layers, shape = maker.dense(n, hidden, m, residual=kind == "residual")
    module = nn.Sequential(*layers).eval()
    module.input_shape = shape  # type: ignore[assignment]
    return module


def _is_unit(name: object) -> bool:
    """Whether it is a class of torch.nn.modules.activation that needs no arguments."""
    from torch.nn.modules import activation

    try:
        return isinstance(name, str) and name in activation.__all__ and getattr(activation, name)() is not None
    except TypeError:
        return False


class _Maker:
    """Layers with drawn weights."""

    def __init__(self, draw: Any, entries: st.SearchStrategy[Fraction], dtype: str, units: Sequence[str], norm: bool | None) -> None:
        import torch

        self._draw, self._entries, self._units = draw, entries, units
        self._dtype, self._torch = getattr(torch, dtype), torch
        self._norm = draw(st.booleans()) if norm is None else norm

    def dense(self, inputs: int, hidden: list[int], outputs: int, *, residual: bool) -> tuple[list[Any], tuple[int, ...]]:
        nn, layers, width = self._torch.nn, [], inputs
        for n in hidden:
            layers += [self._filled(nn.Linear(width, n)), *self._normed(nn.BatchNorm1d, n), self._unit()]
            if residual:
                from exactnn.testing._torch_residual import Residual

                layers.append(Residual(nn.Sequential(self._filled(nn.Linear(n, n)), self._unit())))
            width = n
        return [*layers, self._filled(nn.Linear(width, outputs))], (inputs,)

    def convolutional(self, inputs: int, hidden: list[int], outputs: int) -> tuple[list[Any], tuple[int, ...]]:
        nn, draw = self._torch.nn, self._draw
        channels, side, kernel, padding = hidden[0], 3, draw(st.integers(1, 2)), draw(st.integers(0, 1))
        layers = [self._filled(nn.Conv2d(inputs, channels, kernel, padding=padding)), *self._normed(nn.BatchNorm2d, channels)]
        layers.append(self._unit())
        grid = side + 2 * padding - kernel + 1
        pool = draw(st.sampled_from(("none", "max", "average", "pad and max")))
        if pool == "pad and max":
            layers.append(nn.ZeroPad2d(1))
            grid += 2
        if pool != "none":
            layers.append(nn.AvgPool2d(2) if pool == "average" else nn.MaxPool2d(2))
            grid = (grid - 2) // 2 + 1
        layers += [nn.Flatten(), self._filled(nn.Linear(channels * grid * grid, outputs))]
        return layers, (inputs, side, side)

    def _unit(self) -> Any:
        name = self._draw(st.sampled_from(tuple(self._units)))
        kind = getattr(self._torch.nn, name)
        return kind(0.25) if name == "LeakyReLU" else kind()

    def _normed(self, kind: Any, size: int) -> list[Any]:
        if not self._norm:
            return []
        layer = self._filled(kind(size, eps=2.0**-10))
        variances = [self._draw(st.sampled_from([1.0, 0.25, 2.0])) for _ in range(size)]
        layer.running_var.copy_(self._torch.tensor(variances, dtype=self._dtype))
        layer.running_mean.copy_(self._numbers(size))
        return [layer]

    def _filled(self, layer: Any) -> Any:
        layer = layer.to(self._dtype)
        with self._torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(self._numbers(*parameter.shape))
        return layer

    def _numbers(self, *shape: int) -> Any:
        values = [self._draw(self._entries) for _ in range(math.prod(shape))]
        tensor = self._torch.tensor([float(q) for q in values], dtype=self._dtype).reshape(shape)
        if any(Fraction(float(t)) != q for t, q in zip(tensor.flatten().tolist(), values, strict=True)):
            raise ArgumentError(f"weights: numbers that {self._dtype} holds are needed, got one of {', '.join(map(str, values[:8]))}")
        return tensor
