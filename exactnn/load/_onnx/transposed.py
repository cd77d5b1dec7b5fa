"""ConvTranspose: the entries moved apart by zeros, then a convolution with the kernel turned round."""

from __future__ import annotations

import numpy as np

from exactnn.errors import LoadError
from exactnn.exact.array import RationalArray
from exactnn.load._limits import MAX_WINDOW_NUMBER
from exactnn.load._onnx.moves import Pick, picked, zero
from exactnn.load._onnx.reader import Node, operator
from exactnn.load._onnx.typed import Array
from exactnn.load._onnx.values import Operand
from exactnn.network import Conv
from exactnn.network.operations import Shape
from exactnn.network.windows import Padding, turned


class _Geometry:
    """Stride, dilation and padding of a node; the padding is what is left out of the full result at both ends."""

    def __init__(self, node: Node, spatial: Shape, kernel: Shape) -> None:
        attributes, axes = node.attributes, len(kernel)
        given = attributes.integers("kernel_shape")
        if given is not None and tuple(given) != kernel:
            raise LoadError(f"attribute kernel_shape: {list(kernel)}, as the weight says, is needed, got {given}")
        if not 1 <= axes == len(spatial):
            raise LoadError(f"a kernel for each spatial axis is needed, got {list(kernel)} for {list(spatial)}")
        self.stride = tuple(attributes.integers("strides") or (1,) * axes)
        self.dilation = tuple(attributes.integers("dilations") or (1,) * axes)
        self.added = tuple(attributes.integers("output_padding") or (0,) * axes)
        pads = attributes.integers("pads") or [0] * (2 * axes)
        lengths = {len(self.stride), len(self.dilation), len(self.added), axes}
        if len(lengths) > 1 or len(pads) != 2 * axes:
            raise LoadError(f"strides, dilations, output_padding and pads for {axes} spatial axes are needed")
        if min(*self.stride, *self.dilation) < 1 or min(*self.added, *pads) < 0:
            raise LoadError("strides and dilations of at least 1, pads and output_padding of at least 0 are needed")
        if max(*self.stride, *self.dilation, *self.added, *pads, *kernel) > MAX_WINDOW_NUMBER >> 8:
            raise LoadError(f"strides, dilations, pads and output_padding of at most {MAX_WINDOW_NUMBER >> 8} are needed")
        #: size of the full result, before padding is left out
        self.full = tuple(
            s * (n - 1) + a + d * (k - 1) + 1 for n, s, a, d, k in zip(spatial, self.stride, self.added, self.dilation, kernel, strict=True)
        )
        self.padding = self._padding(node, spatial, tuple(zip(pads[:axes], pads[axes:], strict=True)))

    def _padding(self, node: Node, spatial: Shape, pads: Padding) -> Padding:
        """As given, or so that the result has the size asked for."""
        mode = node.attributes.text("auto_pad", "NOTSET")
        wanted = node.attributes.integers("output_shape")
        if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
            raise LoadError(f"attribute auto_pad: NOTSET, VALID, SAME_UPPER or SAME_LOWER is needed, got {mode!r}")
        if wanted is not None:
            wanted = wanted[-len(spatial) :]
            if len(wanted) != len(spatial) or min(wanted) < 1:
                raise LoadError(f"attribute output_shape: a size for each of {len(spatial)} spatial axes is needed, got {wanted}")
        elif mode.startswith("SAME"):
            wanted = [n * s for n, s in zip(spatial, self.stride, strict=True)]
        elif mode == "VALID":
            return ((0, 0),) * len(spatial)
        else:
            return pads
        pairs = []
        for full, size in zip(self.full, wanted, strict=True):
            total = full - size
            if total < 0:
                raise LoadError(f"attribute output_shape: at most {list(self.full)} is needed, got {wanted}; use output_padding")
            half = total // 2
            pairs.append((half, total - half) if mode == "SAME_UPPER" else (total - half, half))
        return tuple(pairs)


@operator("ConvTranspose", attributes="auto_pad dilations group kernel_shape output_padding output_shape pads strides")
def transposed_convolution(node: Node) -> Operand:
    """The transpose of a convolution."""
    value, weight, bias = node.value(), node.tensor(1, "the weight"), node.optional_tensor(2, "the bias")
    groups = node.attributes.integer("group", 1)
    array, channels = weight.rational, value.shape[0] if value.shape else 0
    if array.ndim < 3 or array.shape[0] != channels or groups < 1 or channels % groups:
        raise LoadError(f"a weight for {channels} channels in {groups} groups is needed, got shape {list(array.shape)}")
    kernel = array.shape[2:]
    geometry = _Geometry(node, value.shape[1:], kernel)
    # the grid of the entries, moved apart, reaches so far over both ends (less, where it is cut off)
    around = [
        (d * (k - 1) - b, d * (k - 1) - e + a)
        for d, k, a, (b, e) in zip(geometry.dilation, kernel, geometry.added, geometry.padding, strict=True)
    ]
    padding = tuple((max(b, 0), max(e, 0)) for b, e in around)
    cut = [(max(-b, 0), max(-e, 0)) for b, e in around]
    spread: Operand = value
    if max(geometry.stride) > 1 or any(b or e for b, e in cut):
        grid = tuple(s * (n - 1) + 1 - b - e for n, s, (b, e) in zip(value.shape[1:], geometry.stride, cut, strict=True))
        if min(grid) < 1:
            raise LoadError(f"padding that leaves an entry is needed, got {list(geometry.padding)} of {list(geometry.full)}")
        node.reader.budget.tensor((channels, *grid))
        spread = picked(node, [value, zero()], _apart(geometry.stride, cut, grid))
    kernels = turned(array, groups)
    added = RationalArray.zeros(kernels.shape[:1]) if bias is None else bias.rational
    node.reader.plain = False
    return node.apply(Conv(kernels, added, (1,) * len(kernel), padding, geometry.dilation, groups), spread)


def _apart(stride: tuple[int, ...], cut: list[tuple[int, int]], grid: Shape) -> Pick:
    def move(x: Array, none: Array) -> Array:
        wide = np.full((*x.shape[:2], *(s * (n - 1) + 1 for n, s in zip(x.shape[2:], stride, strict=True))), none)
        wide[(slice(None), slice(None), *(slice(None, None, s) for s in stride))] = x
        return wide[(slice(None), slice(None), *(slice(b, b + n) for (b, _), n in zip(cut, grid, strict=True)))]

    return move
