"""Sequentials of plain torch layers as networks, hundreds of times faster than by tracing: what `from_torch` gives, node by node.

Only what is exactly a class of the table, in eval mode and without hooks, is read here: its `forward` is then torch's own, and known. All
else goes to `exactnn.from_torch`, which traces and runs the module. tests/testing compare the two.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import nn

from exactnn.errors import ExactnnError
from exactnn.exact.array import RationalArray
from exactnn.network import (
    Add,
    Affine,
    AveragePool,
    BatchNorm,
    Builder,
    Concat,
    Constant,
    Conv,
    Input,
    MaxPool,
    Network,
    Operation,
    Reshape,
    activation,
    clip,
    leaky_relu,
)
from exactnn.testing._torch_residual import Residual

Shape = tuple[int, ...]


def plain_network(module: nn.Module, input_shape: Any) -> Network | None:
    """The network of a module made of plain layers; None for any other."""
    if type(module) is not nn.Sequential or not all(map(_is_plain, module.modules())):
        return None
    tensors = list(module.state_dict().values())
    dtypes = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    shape = _shape(module, input_shape)
    if shape is None or len(dtypes) != 1 or dtypes - {torch.float32, torch.float64} or any(t.device.type != "cpu" for t in tensors):
        return None
    reader = _Reader(str(dtypes.pop()).removeprefix("torch."))
    try:
        reader.builder.add("input", Input(shape))
        last = reader.sequence(module, "", "input", shape)
        return None if last is None or last[0] == "input" else reader.builder.build(["input"], [last[0]])
    except ExactnnError:  # `from_torch` says more
        return None


def _is_plain(module: Any) -> bool:
    known = type(module) in _LAYERS or type(module) in (nn.Sequential, nn.Flatten, nn.ZeroPad2d, Residual)
    tensors = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    # others compute as their class says, or hold numbers in another way
    known &= all(type(tensor) in (torch.Tensor, nn.Parameter) and tensor.layout is torch.strided for tensor in tensors)
    hooks = any(getattr(module, name) for name in ("_forward_hooks", "_forward_pre_hooks"))
    return known and not module.training and not hooks and "forward" not in vars(module)


def _shape(module: nn.Sequential, given: Any) -> Shape | None:
    if isinstance(given, int) and not isinstance(given, bool):
        return (given,)
    if isinstance(given, (tuple, list, torch.Size)) and given and all(type(n) is int for n in given):
        return tuple(given)
    first: Any = module[0] if len(module) else None
    return (first.in_features,) if given is None and isinstance(first, nn.Linear) else None


class _Reader:
    """Adds the nodes of layers, named by their paths."""

    def __init__(self, precision: str) -> None:
        self.builder, self.precision = Builder(), precision

    def sequence(self, module: nn.Sequential, path: str, name: str, shape: Shape) -> tuple[str, Shape] | None:
        for key, layer in module._modules.items():  # named_children() leaves out a layer's second use
            after = self.layer(layer, f"{path}{key}", name, shape)
            if after is None:
                return None
            name, shape = after
        return name, shape

    def layer(self, layer: Any, path: str, name: str, shape: Shape) -> tuple[str, Shape] | None:
        if isinstance(layer, nn.Sequential):
            return self.sequence(layer, f"{path}.", name, shape)
        if isinstance(layer, Residual):
            inner = self.layer(layer.body, f"{path}.body", name, shape)
            if inner is None or inner[1] != shape:
                return None
            return self.added(f"{path}.add", Add(), [name, inner[0]], shape, shape)
        if isinstance(layer, nn.Flatten):
            flat = (layer.start_dim, layer.end_dim) == (1, -1) and len(shape) > 1
            return self.added(path, Reshape((int(np.prod(shape)),)), [name], shape) if flat else None
        if isinstance(layer, nn.ZeroPad2d):
            return self.padded(layer, path, name, shape)
        operation = _LAYERS[type(layer)](layer, shape, self.precision)
        return None if operation is None else self.added(path, operation, [name], shape)

    def added(self, name: str, operation: Operation, operands: list[str], *shapes: Shape) -> tuple[str, Shape]:
        return self.builder.add(name, operation, *operands), operation.output_shape(*shapes)

    def padded(self, layer: nn.ZeroPad2d, path: str, name: str, shape: Shape) -> tuple[str, Shape] | None:
        sides = set(layer.padding)
        if len(shape) != 3 or len(sides) != 1 or min(sides) < 1:
            return None
        (width,) = sides
        for axis, end in ((1, ""), (2, "_2")):
            zeros = RationalArray.zeros((*shape[:axis], width, *shape[axis + 1 :]))
            side = self.builder.add(f"{path}.constant{end}", Constant(zeros))
            name, shape = self.added(f"{path}.padding{end}", Concat(axis), [side, name, side], zeros.shape, shape, zeros.shape)
        return name, shape


def _array(tensor: torch.Tensor) -> RationalArray:
    return RationalArray.of(tensor.detach().numpy())


def _bias(layer: Any) -> RationalArray:
    return RationalArray.zeros(layer.weight.shape[:1]) if layer.bias is None else _array(layer.bias)


def _linear(layer: Any, shape: Shape, _: str) -> Operation | None:
    return Affine(_array(layer.weight), _bias(layer)) if len(shape) == 1 else None


def _conv(layer: Any, shape: Shape, _: str) -> Operation | None:
    if len(shape) != 3 or layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        return None
    padding = tuple((n, n) for n in layer.padding)
    return Conv(_array(layer.weight), _bias(layer), tuple(layer.stride), padding, tuple(layer.dilation), layer.groups)


def _norm(axes: int) -> Callable[[Any, Shape, str], Operation | None]:
    def read(layer: Any, shape: Shape, precision: str) -> Operation | None:
        if len(shape) != axes or not layer.affine or layer.running_mean is None:
            return None
        mean, variance, weight, bias = map(_array, (layer.running_mean, layer.running_var, layer.weight, layer.bias))
        return BatchNorm(mean, variance, weight, bias, Fraction(layer.eps), precision)

    return read


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _max_pool(layer: Any, shape: Shape, _: str) -> Operation | None:
    if len(shape) != 3 or layer.ceil_mode or layer.return_indices:
        return None
    padding = tuple((n, n) for n in _pair(layer.padding))
    return MaxPool(_pair(layer.kernel_size), _pair(layer.stride), padding, _pair(layer.dilation))


def _average_pool(layer: Any, shape: Shape, _: str) -> Operation | None:
    if len(shape) != 3 or layer.ceil_mode or _pair(layer.padding) != (0, 0) or layer.divisor_override is not None:
        return None
    return AveragePool(_pair(layer.kernel_size), _pair(layer.stride), ((0, 0), (0, 0)), False)


_LAYERS: dict[type[nn.Module], Callable[[Any, Shape, str], Operation | None]] = {
    nn.Linear: _linear,
    nn.Conv2d: _conv,
    nn.BatchNorm1d: _norm(1),
    nn.BatchNorm2d: _norm(3),
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _average_pool,
    nn.ReLU: lambda layer, shape, _: activation("relu"),
    nn.LeakyReLU: lambda layer, shape, _: leaky_relu(layer.negative_slope),
    nn.Hardtanh: lambda layer, shape, _: clip(layer.min_val, layer.max_val),
}
