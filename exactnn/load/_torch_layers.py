"""ATen operations that are whole layers: affine maps, convolution, batch norm, pooling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import as_fraction
from exactnn.exact.rounding import FORMATS
from exactnn.load._torch_graph import Handler, TracedValue, Translator
from exactnn.load._torch_linear import each, times_stack, transposed_conv
from exactnn.load._torch_moves import moved
from exactnn.load._torch_resize import uneven_pool
from exactnn.load._torch_shapes import pad_margins, padded
from exactnn.network import Add, Affine, AveragePool, BatchNorm, Conv, MaxPool, Operation
from exactnn.network.windows import Padding, whole_pool


def _first_of(handler: Handler, count: int = 2) -> Handler:
    """For an operation of several results, of which only the first has an exact meaning."""

    def several(t: Translator, *given: Any, **named: Any) -> tuple[TracedValue | None, ...]:
        return handler(t, *given, **named), *[None] * (count - 1)

    return several


# --- affine maps -----------------------------------------------------------------------------------------------------------


def _linear(t: Translator, x: TracedValue, weight: TracedValue, bias: TracedValue | None = None) -> TracedValue:
    matrix = t.constant(weight, "weight")
    shift = RationalArray.zeros(matrix.shape[:1]) if bias is None else t.constant(bias, "bias")
    t.axis(x, -1)
    return t.apply(Affine(matrix, shift), x)


def _affine(t: Translator, x: TracedValue, matrix: RationalArray, suffix: str = "") -> TracedValue:
    return t.apply(Affine(matrix, RationalArray.zeros(matrix.shape[:1])), x, suffix=suffix)


def _matmul(t: Translator, x: TracedValue, suffix: str = "", **others: Any) -> TracedValue:
    """x W or W x, the constant W a matrix or a vector."""
    y: TracedValue = next(iter(others.values()))
    if y.array is not None:
        weight = y.array
        if 2 < weight.ndim <= x.ndim and set(weight.shape[:-2]) == {1}:
            weight = weight.reshape(*weight.shape[-2:])
        if weight.ndim > 2:
            return times_stack(t, x, y)
        t.axis(x, -1)
        if weight.ndim == 2:
            return _affine(t, x, weight.T, suffix)
        return t.reshape(_affine(t, x, weight.reshape(1, -1), suffix or "product"), t.result_shape())
    if x.array is None:
        t.refuse("it multiplies two values that both depend on the input")
    weight = x.array
    if y.ndim < 2:
        t.refuse(f"factors of shapes {x.shape} and {t.result_shape()} are not a matrix times vectors")
    if weight.ndim > 2:  # W x = (x^T W^T)^T
        last = [*range(weight.ndim - 2), weight.ndim - 1, weight.ndim - 2]
        transposed = TracedValue(weight.transpose(*last), tuple(weight.shape[i] for i in last))
        product = times_stack(t, t.permute(y, [*range(y.ndim - 2), y.ndim - 1, y.ndim - 2], "turned"), transposed)
        return t.permute(product, [*range(product.ndim - 2), product.ndim - 1, product.ndim - 2])
    order = [*range(y.ndim - 2), y.ndim - 1, y.ndim - 2]
    t.axis(y, -2)
    turned = t.permute(y, order, "turned")
    result = _affine(t, turned, weight.reshape(-1, weight.shape[-1]), "product")
    return t.reshape(t.permute(result, order), t.result_shape())


def _addmm(t: Translator, x: TracedValue, mat1: TracedValue, mat2: TracedValue, beta: Any, alpha: Any) -> TracedValue:
    if x.array is not None and x.ndim == 1 and mat2.array is not None and mat1.array is None and (beta, alpha) == (1, 1):
        return _linear(t, mat1, TracedValue(mat2.array.T, mat2.shape[::-1]), x)
    product = t.scale(_matmul(t, mat1, mat2=mat2, suffix="product"), t.number(alpha, "alpha"), "scaled")
    a, b = t.aligned(t.scale(x, t.number(beta, "beta"), "beta"), product)
    return t.apply(Add(), a, b)


def _baddbmm(t: Translator, x: TracedValue, batch1: TracedValue, batch2: TracedValue, beta: Any, alpha: Any) -> TracedValue:
    product = t.scale(_matmul(t, batch1, mat2=batch2, suffix="product"), t.number(alpha, "alpha"), "scaled")
    a, b = t.aligned(t.scale(x, t.number(beta, "beta"), "beta"), product)
    return t.apply(Add(), a, b)


def _extremes(t: Translator, x: TracedValue, dim: Any = None, keepdim: bool = False) -> tuple[TracedValue, TracedValue]:
    return _amin(t, x, dim, keepdim), _amax(t, x, dim, keepdim)


def _conv(t: Translator, x: TracedValue, weight: TracedValue, bias: TracedValue | None, **options: Any) -> TracedValue:
    if options.pop("transposed", False):
        return transposed_conv(t, x, weight, bias, **options)
    kernel = t.constant(weight, "weight")
    axes = kernel.ndim - 2
    x = t.per_point(x)
    if x.batch != 0 or len(x.shape) != axes + 1:
        t.refuse(f"(batch, channels, {axes} spatial axes) is needed, got {x.shape} for one point")
    dilation = each(options["dilation"], axes)
    padding = options["padding"]
    if isinstance(padding, str):
        totals = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, kernel.shape[2:], strict=True)]
        margins: Padding = tuple((n // 2, n - n // 2) for n in totals)
    else:
        margins = tuple((p, p) for p in each(padding, axes))
    shift = RationalArray.zeros(kernel.shape[:1]) if bias is None else t.constant(bias, "bias")
    return t.apply(Conv(kernel, shift, each(options["stride"], axes), margins, dilation, options["groups"]), x)


def _batch_norm(
    t: Translator, x: TracedValue, weight: TracedValue | None, bias: TracedValue | None, eps: float, **rest: Any
) -> TracedValue:
    mean, variance = rest["running_mean"], rest["running_var"]
    if rest.get("training") or mean is None or variance is None:
        t.refuse(
            "batch norm takes the statistics of the batch, so that it is no function of one point; call module.eval(), and use "
            "track_running_stats=True"
        )
    mu, var = t.constant(mean, "running_mean"), t.constant(variance, "running_var")
    ones, zeros = RationalArray.zeros(mu.shape) + 1, RationalArray.zeros(mu.shape)
    gamma = ones if weight is None else t.constant(weight, "weight")
    beta = zeros if bias is None else t.constant(bias, "bias")
    precision = str(t.dtype(4)).removeprefix("torch.")
    if precision not in FORMATS:
        t.refuse(f"its statistics are {precision}; {', '.join(FORMATS)} have an exact meaning")
    return t.by_channel(BatchNorm(mu, var, gamma, beta, as_fraction(eps, "eps"), precision), x)


# --- pooling ---------------------------------------------------------------------------------------------------------------


def _pooled(t: Translator, x: TracedValue, axes: int, operation: Operation, suffix: str = "") -> TracedValue:
    """Pool the last `axes` axes of (batch, channels, ...) or (batch, ...); the axes before them only need the batch among them."""
    x = t.per_point(x)
    lead = x.ndim - axes
    if x.batch is None or not x.batch < lead <= 2:
        t.refuse(f"(batch, channels, {axes} spatial axes) is needed, got {x.shape} for one point")
    if lead == 2:
        return t.apply(operation, x, suffix=suffix)
    inner = t.apply(operation, t.reshape(x, (t.trace.batch, 1, *x.shape), "channel"), suffix="pool")
    return t.reshape(inner, (t.trace.batch, *inner.shape[1:]), suffix)


def _ceil_margins(
    spatial: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Padding:
    """Torch's ceil mode as padding: one more window where it would start inside the operand or its left padding."""
    margins = []
    for n, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        size = -(-(n + 2 * p - reach) // s) + 1
        if (size - 1) * s >= n + p:
            size -= 1
        margins.append((p, max(p, (size - 1) * s + reach - n - p)))
    return tuple(margins)


def _max_pool(axes: int) -> Handler:
    def handler(t: Translator, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
        kernel, dilations, pads = (each(v, axes) for v in (kernel_size, dilation, padding))
        strides = each(stride, axes) if stride else kernel
        extra: Padding = ((0, 0),) * axes
        if isinstance(x, tuple):  # an operand that was padded with minus infinity
            x, extra = x
            if len(extra) > axes or ceil_mode:
                t.refuse("the padding with minus infinity before it is not on its window's axes, or it uses ceil_mode")
            extra = ((0, 0),) * (axes - len(extra)) + extra
        margins: Padding = tuple((p, p) for p in pads)
        if ceil_mode:
            margins = _ceil_margins(x.shape[-axes:], kernel, strides, pads, dilations)
        margins = tuple((a + c, b + d) for (a, b), (c, d) in zip(margins, extra, strict=True))
        return _pooled(t, x, axes, MaxPool(kernel, strides, margins, dilations))

    return handler


def _average_pool(axes: int) -> Handler:
    def handler(t: Translator, x: TracedValue, kernel_size: Any, stride: Any, padding: Any, **options: Any) -> TracedValue:
        kernel, pads = each(kernel_size, axes), each(padding, axes)
        strides = each(stride, axes) if stride else kernel
        margins: Padding = tuple((p, p) for p in pads)
        if options["ceil_mode"]:
            margins = _ceil_margins(x.shape[-axes:], kernel, strides, pads, (1,) * axes)
        divisor = options.get("divisor_override")
        if divisor is not None:  # the sum over the window divided by a number of its own
            result = _pooled(t, x, axes, AveragePool(kernel, strides, margins, True), suffix="mean")
            return t.scale(result, as_fraction(math.prod(kernel)) / divisor)
        counted = options["count_include_pad"] and any(pads)
        if counted and any(end > p for (_, end), p in zip(margins, pads, strict=True)):
            # what ceil mode adds behind the padding does not count, though the padding does: make the padding entries
            x = padded(t, x, [(p, p) for p in pads])
            margins = tuple((0, end - p) for (_, end), p in zip(margins, pads, strict=True))
            counted = False
        return _pooled(t, x, axes, AveragePool(kernel, strides, margins, counted))

    return handler


def _adaptive_pool(axes: int, maximum: bool) -> Handler:
    def handler(t: Translator, x: TracedValue, output_size: Any) -> Any:
        sizes = each(output_size, axes)
        spatial = x.shape[-axes:]
        sizes = tuple(n if out is None else out for n, out in zip(spatial, sizes, strict=True))
        if any(n % out for n, out in zip(spatial, sizes, strict=True)):
            return uneven_pool(t, x, sizes, maximum=maximum)
        kernel = tuple(n // out for n, out in zip(spatial, sizes, strict=True))
        return _pooled(t, x, axes, whole_pool(kernel, kernel, maximum=maximum))

    return handler


def _reduced(t: Translator, x: TracedValue, dims: Any, keepdim: bool, maximum: bool, suffix: str = "") -> TracedValue:
    """Mean or maximum over axes, as one pooling window."""
    given = range(x.ndim) if dims is None or dims == [] else [dims] if isinstance(dims, int) else dims
    chosen = {d % max(x.ndim, 1) for d in given}
    axes = sorted(t.axis(x, d) for d in chosen)
    spatial = tuple(x.shape[a] for a in axes)
    shape = [1 if d in chosen else n for d, n in enumerate(x.full_shape(t.trace.batch)) if keepdim or d not in chosen]
    if not axes:
        return x
    if x.batch == 0 and axes == list(range(1, len(x.shape))) and len(axes) <= 3:
        flat, window = x, spatial
    else:
        rest = [d for d in range(x.ndim) if d not in chosen]
        moved = t.permute(x, [*rest, *sorted(chosen)], "turned")
        window = (math.prod(spatial),)
        lead = math.prod(x.shape) // window[0]
        if x.batch is None:
            flat = t.reshape(moved, (lead, *window), "flat")
        else:  # with the batch axis in front for a moment: pooling acts on each point by itself
            flat = t.reshape(TracedValue(moved.held, moved.shape, 0), (t.trace.batch, lead, *window), "flat")
    result = t.apply(whole_pool(window, window, maximum=maximum), flat, suffix=suffix)
    place = None if x.batch is None else x.batch - (0 if keepdim else sum(d < x.batch for d in chosen))
    if place is None:
        return t.reshape(result, shape)
    final = t.reshape(result, (t.trace.batch, *(n for d, n in enumerate(shape) if d != place)), "shape")
    return TracedValue(final.held, final.shape, place)


def _mean(t: Translator, x: TracedValue, dim: Any = None, keepdim: bool = False, **_: Any) -> TracedValue:
    return _reduced(t, x, dim, keepdim, maximum=False)


def _sum(t: Translator, x: TracedValue, dim: Any = None, keepdim: bool = False, **_: Any) -> TracedValue:
    mean = _reduced(t, x, dim, keepdim, maximum=False, suffix="mean")
    return t.scale(mean, math.prod(x.shape) // math.prod(mean.shape))


def _amax(t: Translator, x: TracedValue, dim: Any = None, keepdim: bool = False) -> TracedValue:
    return _reduced(t, x, dim, keepdim, maximum=True)


def _amin(t: Translator, x: TracedValue, dim: Any = None, keepdim: bool = False) -> TracedValue:
    return t.scale(_reduced(t, t.scale(x, -1, "negative"), dim, keepdim, maximum=True, suffix="max"), -1)


def _pad(t: Translator, x: TracedValue, pad: list[int], mode: str = "constant", value: Any = None) -> Any:
    """Constant padding; minus infinity only where nothing but max pooling reads the result."""
    if mode != "constant":
        return moved(t)
    margins = pad_margins(pad)
    if value == -math.inf and min(map(min, margins)) >= 0:
        targets = [getattr(user.target, "_opname", "") for user in t.node.users]
        if all(name.startswith("max_pool") for name in targets):
            return x, tuple(margins)
    return padded(t, x, margins, 0 if value is None else t.number(value, "value"))


TABLE: Mapping[str, Handler] = {
    "linear": _linear,
    "matmul": _matmul,
    "mm": _matmul,
    "mv": _matmul,
    "bmm": _matmul,
    "addmm": _addmm,
    "baddbmm": _baddbmm,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), _conv),
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _first_of(_batch_norm, 3),
    **{f"max_pool{n}d": _max_pool(n) for n in (1, 2, 3)},
    **{f"max_pool{n}d_with_indices": _first_of(_max_pool(n)) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": _average_pool(n) for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": _adaptive_pool(n, maximum=False) for n in (1, 2, 3)},
    **{f"_adaptive_avg_pool{n}d": _adaptive_pool(n, maximum=False) for n in (2, 3)},  # of decomposed programs
    **{f"adaptive_max_pool{n}d": _first_of(_adaptive_pool(n, maximum=True)) for n in (1, 2, 3)},
    "mean": _mean,
    "sum": _sum,
    "aminmax": _extremes,
    "amax": _amax,
    "amin": _amin,
    "max": _amax,
    "min": _amin,
    "max.dim": _first_of(_amax),
    "min.dim": _first_of(_amin),
    "pad": _pad,
    "constant_pad_nd": _pad,
}
