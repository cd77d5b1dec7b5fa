"""Local functions that slide a window over spatial axes: convolution and pooling, one to three spatial axes.

Shapes are (channels, spatial...). A convolution keeps its weight (out channels, in channels / groups, kernel...); it is never written as
a dense matrix. With p the padded operand:  y[o, i] = b[o] + sum_{c, k} W[o, c, k] p[c, i stride + k dilation].
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar

import numpy as np

from exactnn.errors import ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.network.operations import Operation, Shape, signed_part

Padding = tuple[tuple[int, int], ...]


class Windowed(Operation):
    """What slides a window over spatial axes."""

    kernel: Shape
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.padding, self.dilation)

    def places(self, spatial: Shape) -> Shape:
        """The spatial axes of the result."""
        return output_size(spatial, self.kernel, self.stride, self.padding, self.dilation)

    def index(self, spatial: Shape) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The entries that each window reads; see `window_index`."""
        return window_index(spatial, self.kernel, self.stride, self.padding, self.dilation)


@dataclass(frozen=True, repr=False)
class Conv(Windowed):
    """Cross-correlation with zero padding and one bias for each output channel."""

    weight: RationalArray
    bias: RationalArray
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    groups: int
    kind: ClassVar[str] = "conv"
    is_affine: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.weight.ndim < 3 or 0 in self.weight.shape:
            raise ShapeError(f"conv weight: (out, in / groups, kernel...) is needed, got shape {self.weight.shape}")
        if self.bias.shape != self.weight.shape[:1]:
            raise ShapeError(f"conv bias: shape {self.weight.shape[:1]} is needed, got {self.bias.shape}")
        if self.groups < 1 or self.weight.shape[0] % self.groups:
            raise ShapeError(f"conv groups: a divisor of {self.weight.shape[0]} output channels is needed, got {self.groups}")
        super().__post_init__()

    @property
    def kernel(self) -> Shape:  # type: ignore[override]
        """Size of the window."""
        return self.weight.shape[2:]

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        channels = self.weight.shape[1] * self.groups
        if len(shape) != len(self.kernel) + 1 or shape[0] != channels:
            raise ShapeError(f"conv: ({channels}, {len(self.kernel)} spatial axes) is needed, got shape {shape}")
        return (self.weight.shape[0], *self.places(shape[1:]))

    def evaluate(self, *values: RationalArray) -> RationalArray:
        (x,) = values
        out = self.output_shape(x.shape[1:])
        index = self.index(x.shape[2:])
        flat = x.reshape(len(x), x.shape[1], -1)
        padded = concatenate([flat, RationalArray.zeros((len(x), x.shape[1], 1))], axis=2)  # index -1 reads this zero
        width, height = self.weight.shape[1], out[0] // self.groups
        parts = []
        for group in range(self.groups):
            columns = padded[:, group * width : (group + 1) * width][:, :, index]  # (batch, channels, places, kernel)
            rows = columns.transpose(0, 2, 1, 3).reshape(len(x) * index.shape[0], width * index.shape[1])
            kernel = self.weight[group * height : (group + 1) * height].reshape(height, -1)
            parts.append((kernel @ rows.T).reshape(height, len(x), index.shape[0]).transpose(1, 0, 2))
        result = parts[0] if len(parts) == 1 else concatenate(parts, axis=1)
        return (result + self.bias.reshape(-1, 1)).reshape(len(x), *out)

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        (shape,) = shapes
        index = self.index(shape[1:])
        weight = signed_part(self.weight, part)
        width, height, count = weight.shape[1], weight.shape[0] // self.groups, len(rows)
        flat = rows.reshape(count, weight.shape[0], -1)
        parts = []
        for group in range(self.groups):
            kernel = weight[group * height : (group + 1) * height].reshape(height, -1)
            own = flat[:, group * height : (group + 1) * height].transpose(1, 0, 2).reshape(height, -1)
            columns = (kernel.T @ own).reshape(width, index.shape[1], count, index.shape[0])
            parts.append(_gathered_back(columns.transpose(2, 0, 3, 1), index, math.prod(shape[1:])))
        result = parts[0] if len(parts) == 1 else concatenate(parts, axis=1)
        return (result.reshape(count, *shape),)


class _Pool(Windowed):
    """A function of the entries in each window; every window must hold one."""

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != len(self.kernel) + 1:
            raise ShapeError(f"{self.kind}: (channels, {len(self.kernel)} spatial axes) is needed, got shape {shape}")
        if not (self.index(shape[1:]) >= 0).any(axis=1).all():
            raise ShapeError(f"{self.kind}: every window must hold an entry, but padding {self.padding} makes an empty one")
        return (shape[0], *self.places(shape[1:]))


@dataclass(frozen=True, repr=False)
class MaxPool(_Pool):
    """Maximum over each window; padding counts as minus infinity, and every window must hold an entry."""

    kernel: Shape
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    kind: ClassVar[str] = "max_pool"

    def evaluate(self, *values: RationalArray) -> RationalArray:
        (x,) = values
        index = self.index(x.shape[2:])
        inside = np.where(index >= 0, index, index.max(axis=1, keepdims=True))  # padding repeats an entry of the window
        flat = x.reshape(len(x), x.shape[1], -1)
        return flat[:, :, inside].max(axis=3).reshape(len(x), *self.output_shape(x.shape[1:]))


@dataclass(frozen=True, repr=False)
class AveragePool(_Pool):
    """Mean over each window; with `count_padding` zeros of the padding count, else only entries inside."""

    kernel: Shape
    stride: tuple[int, ...]
    padding: Padding
    count_padding: bool
    kind: ClassVar[str] = "average_pool"
    is_affine: ClassVar[bool] = True

    @property
    def dilation(self) -> tuple[int, ...]:  # type: ignore[override]
        """1 on every axis."""
        return (1,) * len(self.kernel)

    def evaluate(self, *values: RationalArray) -> RationalArray:
        (x,) = values
        index = self.index(x.shape[2:])
        flat = x.reshape(len(x), x.shape[1], -1)
        padded = concatenate([flat, RationalArray.zeros((len(x), x.shape[1], 1))], axis=2)
        total = padded[:, :, index].sum(axis=3)
        if self.count_padding:
            total = total / math.prod(self.kernel)
        else:
            counts = (index >= 0).sum(axis=1)
            common = math.lcm(*map(int, counts))
            total = total * RationalArray(np.array([common // int(c) for c in counts], dtype=object), 1) / common
        return total.reshape(len(x), *self.output_shape(x.shape[1:]))

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        (shape,) = shapes
        index = self.index(shape[1:])
        if part == -1:
            return (RationalArray.zeros((len(rows), *shape)),)
        counts = [math.prod(self.kernel)] * len(index) if self.count_padding else (index >= 0).sum(axis=1).tolist()
        share = RationalArray.from_fractions([Fraction(1, c) for c in counts], (len(index), 1))
        each = rows.reshape(len(rows), shape[0], -1, 1) * share * RationalArray(np.ones(index.shape[1], dtype=np.int64))
        return (_gathered_back(each, index, math.prod(shape[1:])).reshape(len(rows), *shape),)


def _gathered_back(entries: RationalArray, index: np.ndarray[Any, np.dtype[np.int64]], size: int) -> RationalArray:
    """(n, channels, size): the entries (n, channels, places, window) added up where the windows read; those in the padding are dropped."""
    dtype = np.int64 if entries.numerators.dtype != object and entries.bound * index.shape[1] < 1 << 62 else object
    result = np.zeros((*entries.shape[:2], size + 1), dtype=dtype)  # the last one takes the padding, index -1
    for k in range(index.shape[1]):  # at one offset, windows in different places read different entries
        live = np.flatnonzero(index[:, k] >= 0)
        result[:, :, index[live, k]] += entries.numerators[:, :, live, k]
    return RationalArray(result[:, :, :size], entries.denominator)


def whole_pool(kernel: Shape, stride: tuple[int, ...], *, maximum: bool) -> MaxPool | AveragePool:
    """The maximum or the mean over windows of this size without padding."""
    none = ((0, 0),) * len(kernel)
    return MaxPool(kernel, stride, none, (1,) * len(kernel)) if maximum else AveragePool(kernel, stride, none, False)


def turned(weight: RationalArray, groups: int) -> RationalArray:
    """The weight (in, out / groups, k...) of a transposed convolution as (out, in / groups, k...), each kernel turned round.

    y[o, i s + k d] += W[c, o, k] x[c, i] is the convolution with it of x with s - 1 zeros between its entries.
    """
    channels, each, *kernel = weight.shape
    parts = weight.reshape(groups, channels // groups, each, *kernel)
    swapped = parts.transpose(0, 2, 1, *range(3, parts.ndim)).reshape(groups * each, channels // groups, *kernel)
    return swapped[(slice(None), slice(None), *(slice(None, None, -1) for _ in kernel))]


def output_size(spatial: Shape, kernel: Shape, stride: tuple[int, ...], padding: Padding, dilation: tuple[int, ...]) -> Shape:
    """floor((size + begin + end - dilation (kernel - 1) - 1) / stride) + 1 on each spatial axis."""
    sizes = []
    for n, k, s, (begin, end), d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        size = (n + begin + end - d * (k - 1) - 1) // s + 1
        if size < 1:
            raise ShapeError(f"window: kernel {kernel} with dilation {dilation} does not fit into {spatial} padded by {padding}")
        sizes.append(size)
    return tuple(sizes)


@cache
def window_index(
    spatial: Shape, kernel: Shape, stride: tuple[int, ...], padding: Padding, dilation: tuple[int, ...]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(places, window): flat spatial index of the entry that each window place reads, -1 in the padding."""
    out = output_size(spatial, kernel, stride, padding, dilation)
    index = np.zeros((*out, *kernel), dtype=np.int64)
    inside = np.ones((*out, *kernel), dtype=bool)
    axes = len(spatial)
    for axis in range(axes):
        places = np.arange(out[axis])[:, None] * stride[axis] + np.arange(kernel[axis])[None, :] * dilation[axis]
        places -= padding[axis][0]
        shape = [1] * (2 * axes)
        shape[axis], shape[axes + axis] = places.shape
        places = places.reshape(shape)
        index = index * spatial[axis] + places
        inside &= (places >= 0) & (places < spatial[axis])
    return np.where(inside, index, -1).reshape(math.prod(out), math.prod(kernel))


def _check_window(kernel: Shape, stride: tuple[int, ...], padding: Padding, dilation: tuple[int, ...]) -> None:
    lengths = {len(kernel), len(stride), len(padding), len(dilation)}
    if len(lengths) > 1 or not kernel:
        raise ShapeError(
            "window: kernel, stride, padding and dilation need one entry for each spatial axis, "
            f"got {kernel}, {stride}, {padding}, {dilation}"
        )
    if min(itertools.chain(kernel, stride, dilation)) < 1 or min(itertools.chain(*padding)) < 0:
        raise ShapeError(
            f"window: kernel, stride, dilation >= 1 and padding >= 0 are needed, got {kernel}, {stride}, {dilation}, {padding}"
        )
