"""One small torch module for each operation of a network; all values have the batch axis in front."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from exactnn import network as ops
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.network import Operation
from exactnn.network.operations import Shape
from exactnn.network.windows import Padding

_SMOOTH: dict[str, Callable[..., torch.Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "softplus": partial(F.softplus, threshold=50),  # beyond it torch returns x, which at 50 is closer than a rounding
}
_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE_POOL: dict[int, Callable[..., torch.Tensor]] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def unit(operation: Operation, shapes: tuple[Shape, ...], dtype: torch.dtype) -> nn.Module:
    """The module that computes an operation on operands of these shapes, its numbers rounded to `dtype`."""
    for kind, make in _UNITS.items():
        if isinstance(operation, kind):
            made: nn.Module = make(operation, shapes, dtype)
            return made
    raise ArgumentError(f"to_torch: an operation of exactnn.network is needed, got {type(operation).__name__}")


def rounded(array: RationalArray, dtype: torch.dtype) -> torch.Tensor:
    """The numbers rounded to float64 and from there to `dtype`; ArgumentError beyond the range of `dtype`."""
    tensor = torch.from_numpy(array.to_float()).to(dtype)
    if not torch.isfinite(tensor).all():
        raise ArgumentError(f"dtype: the network holds a number beyond the range of {dtype}; choose a wider dtype")
    return tensor


def _number(value: Fraction, dtype: torch.dtype) -> float:
    return float(rounded(RationalArray.of(value), dtype).item())


class _Affine(nn.Module):
    def __init__(self, operation: ops.Affine | ops.Conv, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(rounded(operation.weight, dtype))
        self.bias = nn.Parameter(rounded(operation.bias, dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight, self.bias)


class _Conv(_Affine):
    def __init__(self, operation: ops.Conv, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__(operation, shapes, dtype)
        self.stride, self.dilation, self.groups = operation.stride, operation.dilation, operation.groups
        self.padding, self.before = _split_padding(operation.padding, symmetric=all(b == e for b, e in operation.padding))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = _padded(x, self.before, 0.0)
        convolution = _CONV[len(self.stride)]
        return convolution(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class _PiecewiseLinear(nn.Module):
    def __init__(self, operation: ops.PiecewiseLinear, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.kind = operation.name.partition("(")[0]
        self.slope = _number(operation.slope, dtype)
        self.constant = _number(operation.constant, dtype)
        self.kinks = [(_number(at, dtype), _number(jump, dtype)) for at, jump in operation.kinks]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        match self.kind:
            case "relu":
                return torch.relu(x)
            case "abs":
                return torch.abs(x)
            case "leaky_relu":
                return F.leaky_relu(x, self.slope)
            case "clip":
                return torch.clamp(x, self.kinks[0][0], self.kinks[1][0])
        result = x * self.slope + self.constant
        for at, jump in self.kinks:
            result = result + torch.relu(x - at) * jump
        return result


class _PRelu(nn.Module):
    def __init__(self, operation: ops.PRelu, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.slopes = nn.Parameter(rounded(operation.slopes, dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.prelu(x, self.slopes)


class _Smooth(nn.Module):
    def __init__(self, operation: ops.Smooth, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.function = operation.function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _SMOOTH[self.function](x)


class _Rational(nn.Module):
    numerator: torch.Tensor
    denominator: torch.Tensor

    def __init__(self, operation: ops.Rational, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("numerator", rounded(RationalArray.of(operation.numerator), dtype))
        self.register_buffer("denominator", rounded(RationalArray.of(operation.denominator), dtype))

    def exact(self) -> ops.Rational:
        """The function of the coefficients as they are now."""
        return ops.Rational.of(self.numerator.tolist(), self.denominator.tolist())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _horner(self.numerator, x) / _horner(self.denominator, x)


class _BatchNorm(nn.Module):
    """scale (x - mean) + bias, in this order, so that no number is rounded beforehand but the scale."""

    mean: torch.Tensor

    def __init__(self, operation: ops.BatchNorm, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        ones = (1,) * (len(shapes[0]) - 1)
        self.scale = nn.Parameter(rounded(operation.scale, dtype).reshape(-1, *ones))
        self.bias = nn.Parameter(rounded(operation.bias, dtype).reshape(-1, *ones))
        self.register_buffer("mean", rounded(operation.mean, dtype).reshape(-1, *ones))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) * self.scale + self.bias


class _MaxPool(nn.Module):
    def __init__(self, operation: ops.MaxPool, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.kernel, self.stride, self.dilation = operation.kernel, operation.stride, operation.dilation
        mode = _ceil_mode(operation, shapes[0][1:])
        self.ceil_mode = bool(mode)
        self.padding, self.before = _split_padding(operation.padding, symmetric=mode is not None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = _padded(x, self.before, float("-inf"))
        pool = _MAX_POOL[len(self.kernel)]
        result: torch.Tensor = pool(x, self.kernel, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode)
        return result


class _AveragePool(nn.Module):
    """Without a mode of torch that does it: the mean over zeros as padding, corrected by the share of entries that count."""

    share: torch.Tensor | None

    def __init__(self, operation: ops.AveragePool, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.kernel, self.stride, self.counted = operation.kernel, operation.stride, operation.count_padding
        spatial = shapes[0][1:]
        mode = _ceil_mode(operation, spatial)
        if mode and self.counted:  # torch does not count what ceil mode adds
            mode = None
        self.ceil_mode = bool(mode)
        self.padding, self.before = _split_padding(operation.padding, symmetric=mode is not None)
        share = None
        if mode is None and not self.counted:
            ones = RationalArray.zeros((1, 1, *spatial)) + 1
            counting = ops.AveragePool(operation.kernel, operation.stride, operation.padding, count_padding=True)
            share = rounded(1 / counting.evaluate(ones)[0], dtype)
        self.register_buffer("share", share)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = _padded(x, self.before, 0.0)
        pool = _AVERAGE_POOL[len(self.kernel)]
        counted = self.counted or self.share is not None
        result = pool(x, self.kernel, self.stride, self.padding, self.ceil_mode, counted)
        return result if self.share is None else result * self.share


class _Reshape(nn.Module):
    def __init__(self, operation: ops.Reshape, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.shape = operation.shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0], *self.shape)


class _Transpose(nn.Module):
    def __init__(self, operation: ops.Transpose, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.axes = (0, *(a + 1 for a in operation.axes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(self.axes)


class _Slice(nn.Module):
    def __init__(self, operation: ops.Slice, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        bounds = zip(operation.starts, operation.stops, operation.steps, strict=True)
        self.index = (slice(None), *itertools.starmap(slice, bounds))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[self.index]


class _Gather(nn.Module):
    index: torch.Tensor

    def __init__(self, operation: ops.Gather, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.shape = operation.index.shape
        self.register_buffer("index", torch.from_numpy(operation.places.copy()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0], -1)[:, self.index].reshape(x.shape[0], *self.shape)


class _Concat(nn.Module):
    def __init__(self, operation: ops.Concat, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.axis = operation.axis + 1

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return torch.cat(values, dim=self.axis)


class _Sum(nn.Module):
    """First operand plus or minus the second, both brought to the same number of axes behind the batch axis."""

    def __init__(self, operation: ops.Add | ops.Subtract, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.negative = isinstance(operation, ops.Subtract)
        longest = max(map(len, shapes))
        self.shapes = tuple(None if len(s) == longest else (1,) * (longest - len(s)) + s for s in shapes)

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        a, b = (v if s is None else v.reshape(v.shape[0], *s) for v, s in zip(values, self.shapes, strict=True))
        return a - b if self.negative else a + b


class _Scale(nn.Module):
    def __init__(self, operation: ops.Scale, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.factor = nn.Parameter(rounded(operation.factor, dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


class Stored(nn.Module):
    """A constant; called with any value of the batch, whose size it takes."""

    value: torch.Tensor

    def __init__(self, operation: ops.Constant, shapes: tuple[Shape, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("value", rounded(operation.value, dtype))

    def forward(self, like: torch.Tensor) -> torch.Tensor:
        return self.value.expand(like.shape[0], *self.value.shape)


_UNITS: dict[type[Operation], Any] = {
    ops.Affine: _Affine,
    ops.Conv: _Conv,
    ops.PiecewiseLinear: _PiecewiseLinear,
    ops.PRelu: _PRelu,
    ops.Smooth: _Smooth,
    ops.Rational: _Rational,
    ops.BatchNorm: _BatchNorm,
    ops.MaxPool: _MaxPool,
    ops.AveragePool: _AveragePool,
    ops.Reshape: _Reshape,
    ops.Transpose: _Transpose,
    ops.Slice: _Slice,
    ops.Gather: _Gather,
    ops.Concat: _Concat,
    ops.Add: _Sum,
    ops.Subtract: _Sum,
    ops.Scale: _Scale,
    ops.Constant: Stored,
}


def _ceil_mode(pool: ops.MaxPool | ops.AveragePool, spatial: Shape) -> bool | None:
    """Whether torch pools with these windows in floor mode (False), in ceil mode (True), or in neither (None)."""
    if any(2 * begin > k for (begin, _), k in zip(pool.padding, pool.kernel, strict=True)):
        return None
    if all(begin == end for begin, end in pool.padding):
        return False
    axes = zip(spatial, pool.kernel, pool.stride, pool.padding, pool.dilation, pool.places(spatial), strict=True)
    for n, k, s, (begin, end), d, size in axes:
        ceiling = -(-(n + 2 * begin - d * (k - 1) - 1) // s) + 1
        if end < begin or size != ceiling - ((ceiling - 1) * s >= n + begin):
            return None
    return True


def _split_padding(padding: Padding, *, symmetric: bool) -> tuple[tuple[int, ...], list[int]]:
    """Padding for torch's function, and padding to put around the operand before it (as torch.nn.functional.pad takes it)."""
    if symmetric:
        return tuple(begin for begin, _ in padding), []
    return (0,) * len(padding), [margin for pair in reversed(padding) for margin in pair]


def _padded(x: torch.Tensor, margins: list[int], value: float) -> torch.Tensor:
    return F.pad(x, margins, value=value) if margins else x


def _horner(coefficients: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    total = torch.zeros_like(x)
    for c in coefficients.flip(0).unbind():
        total = total * x + c
    return total
