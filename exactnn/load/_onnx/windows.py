"""ONNX operators with windows: convolution, pooling, and the zero padding in front of them."""

from __future__ import annotations

import math

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._limits import MAX_WINDOW_NUMBER
from exactnn.load._onnx.moves import moved
from exactnn.load._onnx.reader import Node, axis_in, operator
from exactnn.load._onnx.values import OnnxValue, Operand, Tensor, exact, full_shape
from exactnn.network import AveragePool, Concat, Conv, MaxPool, Scale, Slice
from exactnn.network.operations import Shape
from exactnn.network.windows import Padding, whole_pool

WINDOW = "auto_pad dilations kernel_shape pads strides"


class _Window:
    """Kernel, stride, dilation and padding of a node, `auto_pad` and `ceil_mode` worked out for the operand's shape."""

    def __init__(self, node: Node, shape: Shape, kernel: Shape | None = None) -> None:
        attributes = node.attributes
        given = attributes.integers("kernel_shape")
        if kernel is None:
            if given is None:
                raise LoadError("attribute kernel_shape: it is needed, but not given")
            kernel = tuple(given)
        elif given is not None and tuple(given) != kernel:
            raise LoadError(f"attribute kernel_shape: {list(kernel)}, as the weight says, is needed, got {given}")
        axes = len(kernel)
        if not 1 <= axes == len(shape) - 1:
            raise LoadError(f"a kernel for each spatial axis is needed, got {list(kernel)} for shape {[1, *shape]}")
        self.kernel = kernel
        self.spatial = shape[1:]
        self.stride = tuple(attributes.integers("strides") or (1,) * axes)
        self.dilation = tuple(attributes.integers("dilations") or (1,) * axes)
        pads = attributes.integers("pads") or [0] * (2 * axes)
        if not len(self.stride) == len(self.dilation) == axes or len(pads) != 2 * axes:
            raise LoadError(f"strides, dilations and pads for {axes} spatial axes are needed")
        if min(*kernel, *self.stride, *self.dilation) < 1 or min(pads) < 0:
            raise LoadError("kernel, strides and dilations of at least 1 and pads of at least 0 are needed")
        if max(*kernel, *self.stride, *self.dilation, *pads) > MAX_WINDOW_NUMBER:
            raise LoadError("kernel, strides, dilations and pads of at most 2^31 are needed")
        self.padding: Padding = tuple(zip(pads[:axes], pads[axes:], strict=True))
        #: the padding as the file has it, before the end is enlarged for `ceil_mode`
        self.explicit = self.padding
        mode = attributes.text("auto_pad", "NOTSET")
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            self.padding = self.explicit = self._same(upper=mode == "SAME_UPPER")
        elif mode == "VALID":
            self.padding = self.explicit = ((0, 0),) * axes
        elif mode != "NOTSET":
            raise LoadError(f"attribute auto_pad: NOTSET, VALID, SAME_UPPER or SAME_LOWER is needed, got {mode!r}")

    def _same(self, *, upper: bool) -> Padding:
        """Padding for an output of size ceil(size / stride), the odd entry at the end if `upper`."""
        pairs = []
        for n, k, s, d in zip(self.spatial, self.kernel, self.stride, self.dilation, strict=True):
            total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            small, large = total // 2, total - total // 2
            pairs.append((small, large) if upper else (large, small))
        return tuple(pairs)

    def round_up(self) -> None:
        """`ceil_mode`: enlarge the end so that a last, incomplete window counts, unless it starts beyond the entries."""
        pairs = []
        for n, k, s, d, (begin, end) in zip(self.spatial, self.kernel, self.stride, self.dilation, self.padding, strict=True):
            span = d * (k - 1) + 1
            places = -(-(n + begin + end - span) // s) + 1
            if (places - 1) * s >= n + begin:
                places -= 1
            pairs.append((begin, max((places - 1) * s + span - n - begin, 0)))
        self.padding = tuple(pairs)

    def places(self, axis: int) -> int:
        """Size of the result on an axis."""
        begin, end = self.padding[axis]
        span = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (self.spatial[axis] + begin + end - span) // self.stride[axis] + 1

    def counts(self, *, with_padding: bool) -> RationalArray:
        """How many places of each window count: those inside, or inside the explicit padding."""
        result = RationalArray.of(1)
        for axis, (n, k) in enumerate(zip(self.spatial, self.kernel, strict=True)):
            first, last = (-self.explicit[axis][0], n + self.explicit[axis][1]) if with_padding else (0, n)
            starts = np.arange(self.places(axis)) * self.stride[axis] - self.padding[axis][0]
            reads = starts[:, None] + np.arange(k)[None, :] * self.dilation[axis]
            count = ((reads >= first) & (reads < last)).sum(axis=1).astype(np.int64)
            result = result.reshape(*result.shape, 1) * RationalArray(count) if axis else RationalArray(count)
        return result


@operator("Conv", attributes=f"{WINDOW} group")
def convolution(node: Node) -> Operand:
    """Cross-correlation; a zero padding in front of it is taken over."""
    value, weight, bias = node.value(), node.tensor(1, "the weight"), node.optional_tensor(2, "the bias")
    source, extra = node.reader.padded.get(value.node, (value, ((0, 0),) * (len(value.shape) - 1)))
    if node.attributes.text("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        source, extra = value, ((0, 0),) * (len(value.shape) - 1)
    window = _Window(node, value.shape, weight.shape[2:])
    padding = tuple((b + eb, e + ee) for (b, e), (eb, ee) in zip(window.padding, extra, strict=True))
    array = weight.rational
    added = RationalArray.zeros(array.shape[:1]) if bias is None else bias.rational
    groups = node.attributes.integer("group", 1)
    return node.apply(Conv(array, added, window.stride, padding, window.dilation, groups), source)


@operator("MaxPool", attributes=f"{WINDOW} ceil_mode storage_order")
def max_pool(node: Node) -> Operand:
    """Maximum over each window."""
    node.one_output()
    value = node.value()
    window = _Window(node, value.shape)
    if node.attributes.flag("ceil_mode"):
        window.round_up()
    node.attributes.flag("storage_order")
    return node.apply(MaxPool(window.kernel, window.stride, window.padding, window.dilation), value)


@operator("AveragePool", attributes=f"{WINDOW} ceil_mode count_include_pad")
def average_pool(node: Node) -> Operand:
    """Mean over each window, of what is inside, or inside the padding the file names (not what `ceil_mode` adds)."""
    value, counted = node.value(), node.attributes.flag("count_include_pad")
    window = _Window(node, value.shape)
    if node.attributes.flag("ceil_mode"):
        window.round_up()
    dense = max(window.dilation) == 1
    extended = any(new > old for (_, new), (_, old) in zip(window.padding, window.explicit, strict=True))
    if dense and not (counted and extended):
        return node.apply(AveragePool(window.kernel, window.stride, window.padding, counted), value)
    places = math.prod(window.places(axis) for axis in range(len(window.kernel)))
    node.reader.budget.tensor((places, max(window.kernel)))
    size, channels = math.prod(window.kernel), value.shape[0]
    if dense:
        total = node.apply(AveragePool(window.kernel, window.stride, window.padding, True), value)
    else:
        kernel = RationalArray(np.ones((channels, 1, *window.kernel), dtype=np.int64), size)
        bias = RationalArray.zeros((channels,))
        total = node.apply(Conv(kernel, bias, window.stride, window.padding, window.dilation, channels), value)
    counts = window.counts(with_padding=counted).to_fractions()
    if 0 in counts:
        raise LoadError("every window must hold an entry, but the padding makes an empty one")
    if set(counts) == {size}:
        return total
    factors = RationalArray.from_fractions([size / c for c in counts], total.shape[1:])
    return node.apply(Scale(factors), total)


@operator("GlobalAveragePool", "GlobalMaxPool")
def global_pool(node: Node) -> Operand:
    """Mean or maximum over all spatial axes."""
    value = node.value()
    kernel = value.shape[1:]
    return node.apply(whole_pool(kernel, (1,) * len(kernel), maximum=node.type == "GlobalMaxPool"), value)


@operator("Pad", attributes="mode pads value")
def pad(node: Node) -> Operand:
    """Constant padding: of spatial axes with zeros as a convolution with unit kernel, else by concatenation; other modes move entries."""
    mode = node.attributes.text("mode", "constant")
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise UnsupportedOperation(f"mode 'constant', 'reflect', 'edge' or 'wrap' is known here, got {mode!r}")
    operand, pairs = node.operand(), _pads(node)
    if not any(n for pair in pairs for n in pair):
        return operand
    if mode != "constant":
        return _moved(node, operand, pairs, mode)
    fill = node.optional_tensor(2, "the constant")
    filler = RationalArray.of(node.attributes.number("value", 0.0)) if fill is None else RationalArray.of(fill.rational.item())
    if isinstance(operand, OnnxValue) and operand.batched:
        if pairs[0] == (0, 0):
            pairs = pairs[1:]
        else:
            operand = node.reader.unbatched(operand)
    operand = _cropped(node, operand, pairs)
    pairs = [(max(b, 0), max(e, 0)) for b, e in pairs]
    if isinstance(operand, OnnxValue) and operand.batched and filler.is_zero() and pairs[0] == (0, 0) and len(pairs) > 1:
        return _zero_padded(node, operand, tuple(pairs[1:]))
    for axis, (begin, end) in enumerate(pairs):
        parts: list[Operand] = [operand]
        if begin:
            parts.insert(0, _filled(node, operand.shape, axis, begin, filler))
        if end:
            parts.append(_filled(node, operand.shape, axis, end, filler))
        if len(parts) > 1:
            operand = node.emit(Concat(axis), *parts, batched=isinstance(operand, OnnxValue) and operand.batched)
    return operand


def _pads(node: Node) -> list[tuple[int, int]]:
    """What is added in front of each axis and behind it."""
    pads, rank = node.integers("pads", 1, "the padding"), len(full_shape(node.operand()))
    listed = node.optional_tensor(3, "the list of axes")
    axes = list(range(rank)) if listed is None else [axis_in(a, rank) for a in listed.integers()]
    if pads is None or len(pads) != 2 * len(axes) or len(set(axes)) < len(axes):
        raise LoadError(f"pads: two numbers for each of {len(axes)} axes are needed, got {pads}")
    pairs = [(0, 0)] * rank
    for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        if max(abs(begin), abs(end)) > MAX_WINDOW_NUMBER:
            raise LoadError(f"pads: numbers of at most 2^31 are needed, got {begin}, {end}")
        pairs[axis] = (begin, end)
    return pairs


def _moved(node: Node, operand: Operand, pairs: list[tuple[int, int]], mode: str) -> Operand:
    """Entries of the operand mirrored at its ends, repeated from them, or from the other end."""
    full = full_shape(operand)
    for n, (begin, end) in zip(full, pairs, strict=True):
        if min(begin, end) < 0 or (mode == "reflect" and max(begin, end) >= n) or (mode == "wrap" and max(begin, end) > n):
            raise UnsupportedOperation(
                f"pads of at least 0 and less than the size of the axis are needed for mode {mode!r}, got {pairs} for {list(full)}"
            )
    node.reader.budget.tensor(tuple(n + b + e for n, (b, e) in zip(full, pairs, strict=True)))
    return moved(node, operand, lambda x: np.pad(x, pairs, mode=mode))  # type: ignore[call-overload]


def _cropped(node: Node, operand: Operand, pairs: list[tuple[int, int]]) -> Operand:
    """Negative padding takes entries away."""
    if all(b >= 0 and e >= 0 for b, e in pairs):
        return operand
    starts = tuple(max(-b, 0) for b, _ in pairs)
    stops = tuple(n + min(e, 0) for n, (_, e) in zip(operand.shape, pairs, strict=True))
    return node.apply(Slice(starts, stops, (1,) * len(pairs)), operand)


def _zero_padded(node: Node, value: OnnxValue, padding: Padding) -> Operand:
    channels, axes = value.shape[0], len(padding)
    ones = RationalArray(np.ones((channels, 1, *(1,) * axes), dtype=np.int64))
    unit = Conv(ones, RationalArray.zeros((channels,)), (1,) * axes, padding, (1,) * axes, channels)
    result = node.apply(unit, value)
    assert isinstance(result, OnnxValue)
    node.reader.padded[result.node] = (value, padding)
    return result


def _filled(node: Node, shape: Shape, axis: int, length: int, filler: RationalArray) -> Tensor:
    whole = node.reader.budget.tensor((*shape[:axis], length, *shape[axis + 1 :]))
    return exact(RationalArray.zeros(whole) + filler)
