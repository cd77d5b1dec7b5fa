"""ATen operations that are linear and have no operation of their own: transposed convolution, interpolation, stacks of matrices, sums.

Zeros between entries, windows of unequal sizes and repeated entries are moves (`gather`); what is left is a convolution, an affine map
along an axis or a pooling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.exact.numbers import as_fraction
from exactnn.load._torch_graph import Handler, TracedValue, Translator
from exactnn.load._torch_shapes import cut
from exactnn.network import Affine, Concat, Conv, Gather, MaxPool
from exactnn.network.operations import Shape


def each(given: int | Sequence[int], axes: int) -> tuple[int, ...]:
    """One number for each spatial axis, where one number may stand for all."""
    numbers = [given] if isinstance(given, int) else list(given)
    return tuple(numbers * axes if len(numbers) == 1 else numbers)


def along(t: Translator, x: TracedValue, axis: int, matrix: RationalArray, suffix: str = "") -> TracedValue:
    """A matrix (out, in) on one axis, counted without the batch axis."""
    inner = t.placed(x, 0)
    order = [d for d in range(inner.ndim) if d != axis + 1] + [axis + 1]
    affine = Affine(matrix, RationalArray.zeros(matrix.shape[:1]))
    whole = order[-1] == inner.ndim - 1 and axis + 1 == inner.ndim - 1
    product = t.apply(affine, t.permute(inner, order, "turned"), suffix=suffix if whole else f"{suffix or 'product'}")
    return t.placed(t.permute(product, np.argsort(order).tolist(), suffix), x.batch)


# --- transposed convolution ------------------------------------------------------------------------------------------------


def transposed_conv(
    t: Translator,
    x: TracedValue,
    weight: TracedValue,
    bias: TracedValue | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> TracedValue:
    """y[o, i s + k d - p] += W[c, o, k] x[c, i]: zeros between the entries, then cross-correlation with the kernel turned round."""
    kernel = t.constant(weight, "weight")
    axes = kernel.ndim - 2
    x = t.per_point(x)
    if x.batch != 0 or len(x.shape) != axes + 1:
        t.refuse(f"(batch, channels, {axes} spatial axes) is needed, got {x.shape} for one point")
    steps, spread = each(stride, axes), each(dilation, axes)
    value = _with_zeros(t, x, steps)
    reach = [d * (k - 1) for d, k in zip(spread, kernel.shape[2:], strict=True)]
    pads, extra = each(padding, axes), each(output_padding, axes)
    margins = [(r - p, r - p + e) for r, p, e in zip(reach, pads, extra, strict=True)]
    for axis, (begin, end) in enumerate(margins, 1):
        value = cut(t, value, axis, range(max(-begin, 0), value.shape[axis] - max(-end, 0)), "cut")
    positive = tuple((max(b, 0), max(e, 0)) for b, e in margins)
    turned = _turned_kernel(kernel, groups)
    shift = RationalArray.zeros(turned.shape[:1]) if bias is None else t.constant(bias, "bias")
    return t.apply(Conv(turned, shift, (1,) * axes, positive, spread, groups), value)


def _with_zeros(t: Translator, x: TracedValue, steps: Sequence[int]) -> TracedValue:
    """stride - 1 zeros between neighbours on each spatial axis."""
    if set(steps) <= {1}:
        return x
    shape = (x.shape[0], *((n - 1) * s + 1 for n, s in zip(x.shape[1:], steps, strict=True)))
    places = np.full(shape, math.prod(x.shape), dtype=np.int64)
    places[(slice(None), *(slice(None, None, s) for s in steps))] = np.arange(math.prod(x.shape)).reshape(x.shape)
    flat = t.reshape_point(x, (math.prod(x.shape),), "spread.flat")
    joined = t.apply(Concat(0), flat, TracedValue(RationalArray.zeros((1,)), (1,)), suffix="spread.joined")
    return t.apply(Gather(RationalArray(places)), joined, suffix="spread")


def _turned_kernel(kernel: RationalArray, groups: int) -> RationalArray:
    """(in, out / groups, k...) turned round, as (out, in / groups, k...)."""
    inner, outer, *size = kernel.shape
    numerators = kernel.numerators[(slice(None), slice(None), *(slice(None, None, -1),) * len(size))]
    grouped = numerators.reshape(groups, inner // groups, outer, *size).swapaxes(1, 2)
    return RationalArray(np.ascontiguousarray(grouped.reshape(groups * outer, inner // groups, *size)), kernel.denominator)


# --- matrices --------------------------------------------------------------------------------------------------------------


def times_stack(t: Translator, x: TracedValue, y: TracedValue) -> TracedValue:
    """x W for a constant stack W (..., k, n): one group of a convolution for each matrix."""
    assert y.array is not None
    if x.ndim < 2:
        t.refuse(f"a vector times matrices of shape {y.shape} is not supported; write it as x.unsqueeze(-2) @ w")
    t.axis(x, -1)
    x = t.per_point(x)
    if x.batch is None:
        t.refuse("a stack of matrices times values whose batch axis is joined with another one is not supported")
    rows_are_points = x.batch == x.ndim - 2  # each row is a point of its own
    rank = max(x.ndim, y.ndim)
    weight = y.array.reshape(*(1,) * (rank - y.ndim), *y.shape)
    if not rows_are_points:
        weight = t.without_batch(TracedValue(weight, weight.shape), x.batch + rank - x.ndim)
    lead_x, lead_w = (x.shape[:-1] if rows_are_points else x.shape[:-2]), weight.shape[:-2]
    lead: Shape = tuple(np.broadcast_shapes(lead_x, lead_w))
    rows, inner, outer = (1 if rows_are_points else x.shape[-2]), x.shape[-1], weight.shape[-1]
    count = math.prod(lead)
    whole = t.expand(t.placed(x, 0), (*lead, inner) if rows_are_points else (*lead, rows, inner))
    stacked = t.reshape_point(whole, (count, rows, inner), "stacked")
    channels = t.reshape_point(t.permute(stacked, (0, 1, 3, 2), "turned"), (count * inner, rows), "channels")
    numerators = np.broadcast_to(weight.numerators, (*lead, inner, outer)).reshape(count, inner, outer).swapaxes(1, 2)
    kernel = RationalArray(np.ascontiguousarray(numerators.reshape(count * outer, inner, 1)), weight.denominator)
    conv = Conv(kernel, RationalArray.zeros((count * outer,)), (1,), ((0, 0),), (1,), count)
    product = t.reshape_point(t.apply(conv, channels, suffix="products"), (count, outer, rows), "matrices")
    turned = t.permute(product, (0, 1, 3, 2), "rows")
    result = t.reshape_point(turned, (*lead, outer) if rows_are_points else (*lead, rows, outer), "product")
    return t.placed(result, len(lead) if rows_are_points else x.batch + rank - x.ndim)


def _einsum(t: Translator, equation: str, tensors: list[TracedValue], **_: Any) -> TracedValue:
    """Sums of products of one value with constants, one constant after the other."""
    terms, result = _labels(t, equation, tensors)
    values = [i for i, x in enumerate(tensors) if not x.is_constant]
    if len(values) != 1:
        t.refuse("it multiplies two values that both depend on the input")
    value = t.per_point(tensors[values[0]])
    if value.batch is None:
        t.refuse("values whose batch axis is joined with another one are not supported in an equation")
    x, labels = _without_repeats(t, value, terms[values[0]])
    rest = [(y, term) for i, (y, term) in enumerate(zip(tensors, terms, strict=True)) if i != values[0]]
    for i, (y, term) in enumerate(rest):
        later = {label for _, other in rest[i + 1 :] for label in other} | set(result)
        x, labels = _contracted(t, x, labels, y, term, later)
    x, labels = _summed(t, x, labels, set(result))
    return t.permute(x, [labels.index(label) for label in result])


def _labels(t: Translator, equation: str, tensors: list[TracedValue]) -> tuple[list[str], str]:
    """The labels of each operand and of the result."""
    equation = equation.replace(" ", "")
    if "." in equation:
        t.refuse("an equation with an ellipsis is not supported; write all its labels")
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    if not arrow:
        result = "".join(sorted(label for label in set(left) - {","} if left.count(label) == 1))
    if len(terms) != len(tensors) or any(len(term) != x.ndim for term, x in zip(terms, tensors, strict=True)):
        t.refuse(f"the equation {equation!r} does not fit its operands")
    return terms, result


def _without_repeats(t: Translator, x: TracedValue, labels: str) -> tuple[TracedValue, str]:
    """The diagonal, where a label stands twice."""
    if len(set(labels)) == len(labels):
        return x, labels
    assert x.batch is not None
    if labels.count(labels[x.batch]) > 1:
        t.refuse("it takes a diagonal of the batch axis")
    own = labels[: x.batch] + labels[x.batch + 1 :]
    kept = "".join(dict.fromkeys(own))
    numbers = np.arange(math.prod(x.shape)).reshape(x.shape)
    places = np.einsum(f"{own}->{kept}", numbers)
    found = t.apply(Gather(RationalArray(places.copy())), t.placed(x, 0), suffix="diagonal")
    return found, labels[x.batch] + kept


def _contracted(t: Translator, x: TracedValue, labels: str, y: TracedValue, term: str, later: set[str]) -> tuple[TracedValue, str]:
    """The product with one constant, summed over the labels that nothing reads later."""
    assert x.batch is not None
    point = labels[x.batch]
    lengths = {**dict(zip(term, y.shape, strict=True)), **dict(zip(labels, x.full_shape(t.trace.batch), strict=True))}
    if term.count(point) > 1 or any(lengths[a] != n for a, n in zip(term, y.shape, strict=True)):
        t.refuse("a diagonal of the batch axis, or a label of axes with unequal sizes, is not supported in an equation")
    if point in term:
        y, term = TracedValue(t.without_batch(y, term.index(point)), ()), term.replace(point, "")
    assert y.array is not None
    array = _alone(y.array, term, set(labels) | later)
    term = "".join(label for label in dict.fromkeys(term) if label in labels or label in later)
    stacked = "".join(a for a in labels if a in term and a in later and a != point)
    inner = "".join(a for a in labels if a in term and a not in later)
    outer = "".join(a for a in term if a not in labels)
    rows = "".join(a for a in labels if a not in term and a != point)
    sizes = {**dict(zip(labels, x.full_shape(t.trace.batch), strict=True)), **dict(zip(term, array.shape, strict=True))}
    size = {name: math.prod(sizes[a] for a in group) for name, group in (("s", stacked), ("k", inner), ("n", outer), ("m", rows))}
    turned = t.permute(x, [labels.index(a) for a in point + stacked + rows + inner])
    flat = t.reshape_point(turned, (size["s"], size["m"], size["k"]), "einsum.rows")
    weight = array.transpose(*(term.index(a) for a in stacked + inner + outer)).reshape(size["s"], size["k"], size["n"])
    if size["s"] == 1:
        matrix = weight.reshape(size["k"], size["n"]).T
        product = t.apply(Affine(matrix, RationalArray.zeros(matrix.shape[:1])), flat, suffix="einsum.product")
    else:
        product = times_stack(t, flat, TracedValue(weight, weight.shape))
    shape = tuple(sizes[a] for a in stacked + rows + outer)
    return t.reshape_point(product, shape, "einsum"), point + stacked + rows + outer


def _alone(array: RationalArray, term: str, needed: set[str]) -> RationalArray:
    """The constant with its diagonals taken, and summed over labels that nothing else has."""
    kept = "".join(label for label in dict.fromkeys(term) if label in needed)
    numerators = np.einsum(f"{term}->{kept}", array.numerators.astype(object))
    return RationalArray(np.asarray(numerators, dtype=object), array.denominator)


def _summed(t: Translator, x: TracedValue, labels: str, needed: set[str]) -> tuple[TracedValue, str]:
    """Summed over labels that the result does not have."""
    gone = [a for a in labels if a not in needed]
    if not gone:
        return x, labels
    assert x.batch is not None
    if labels[x.batch] in gone:
        t.refuse("it sums over the batch axis")
    kept = [a for a in labels if a in needed and a != labels[x.batch]]
    sizes = dict(zip(labels, x.full_shape(t.trace.batch), strict=True))
    turned = t.permute(x, [labels.index(a) for a in [labels[x.batch], *kept, *gone]])
    flat = t.reshape_point(turned, (*(sizes[a] for a in kept), math.prod(sizes[a] for a in gone)), "einsum.rows")
    ones = RationalArray.zeros((1, flat.shape[-1])) + 1
    total = t.apply(Affine(ones, RationalArray.zeros((1,))), flat, suffix="einsum.sum")
    return t.reshape_point(total, tuple(sizes[a] for a in kept), "einsum"), labels[x.batch] + "".join(kept)


def _cumulated(t: Translator, x: TracedValue, dim: int, **_: Any) -> TracedValue:
    axis = t.axis(x, dim)
    n = x.shape[axis]
    return along(t, x, axis, RationalArray(np.tril(np.ones((n, n), dtype=np.int64))))


# --- interpolation, windows of unequal sizes -------------------------------------------------------------------------------


_SCALES = {1: ("scales",), 2: ("scales_h", "scales_w"), 3: ("scales_d", "scales_h", "scales_w")}


def _interpolated(axes: int) -> Handler:
    """Linear between the nearest entries, torch's coordinates in real arithmetic."""

    def handler(t: Translator, x: TracedValue, align_corners: bool, **given: Any) -> TracedValue:
        x = t.per_point(x)
        sizes = t.result_shape()[-axes:]
        scales = given.get("scale_factors") or [given.get(name) for name in _SCALES[axes]]
        if x.batch is None or x.batch >= x.ndim - axes:
            t.refuse("it interpolates along the batch axis")
        value = x
        for offset, (out, scale) in enumerate(zip(sizes, scales, strict=True)):
            axis = len(x.shape) - axes + offset
            n = x.shape[axis]
            if out != n:  # torch copies, whatever the scale, where the size stays
                value = along(t, value, axis, linear_weights(n, out, align_corners, scale), f"axis{offset}")
        return value

    return handler


def linear_weights(n: int, out: int, align_corners: bool, scale: float | None) -> RationalArray:
    """Row i holds 1 - l at floor(s) and l at floor(s) + 1, for the place s = floor(s) + l that entry i of the result stands for."""
    rows = []
    ratio = Fraction(n, out) if scale is None else 1 / as_fraction(scale, "scale")
    for i in range(out):
        if align_corners:
            place = Fraction(i * (n - 1), out - 1) if out > 1 else Fraction(0)
        else:
            place = max((i + Fraction(1, 2)) * ratio - Fraction(1, 2), Fraction(0))
        low = min(math.floor(place), n - 1)
        part = place - low if low < n - 1 else Fraction(0)
        row = [Fraction(0)] * n
        row[low] = 1 - part
        if part:
            row[low + 1] = part
        rows += row
    return RationalArray.from_fractions(rows, (out, n))


def uneven_pool(t: Translator, x: TracedValue, sizes: Sequence[int], *, maximum: bool) -> TracedValue:
    """Adaptive pooling: window i of n entries into m goes from floor(i n / m) to ceil((i + 1) n / m)."""
    x = t.per_point(x)
    if x.batch is None or x.batch >= x.ndim - len(sizes):
        t.refuse("it pools along the batch axis")
    value = x
    for offset, out in enumerate(sizes):
        axis = len(x.shape) - len(sizes) + offset
        n = x.shape[axis]
        windows = [range(i * n // out, -(-(i + 1) * n // out)) for i in range(out)]
        value = _maxima(t, value, axis, windows, f"axis{offset}") if maximum else along(t, value, axis, _means(n, windows), f"axis{offset}")
    return value


def _means(n: int, windows: Sequence[range]) -> RationalArray:
    entries = [Fraction(1, len(w)) if j in w else Fraction(0) for w in windows for j in range(n)]
    return RationalArray.from_fractions(entries, (len(windows), n))


def _maxima(t: Translator, x: TracedValue, axis: int, windows: Sequence[range], suffix: str) -> TracedValue:
    """Maxima over windows of one axis, shorter ones filled up with their last entry."""
    longest = max(map(len, windows))
    index = np.array([[w[min(k, len(w) - 1)] for k in range(longest)] for w in windows])
    numbers = np.arange(math.prod(x.shape)).reshape(x.shape).take(index.ravel(), axis=axis)
    lead = math.prod(x.shape[:axis])
    tail = math.prod(x.shape[axis + 1 :])
    places = numbers.reshape(lead, len(windows), longest, tail).swapaxes(2, 3).reshape(1, -1)
    gathered = t.apply(Gather(RationalArray(np.ascontiguousarray(places))), t.placed(x, 0), suffix=f"{suffix}.windows")
    pooled = t.apply(MaxPool((longest,), (longest,), ((0, 0),), (1,)), gathered, suffix=f"{suffix}.max")
    shape = (*x.shape[:axis], len(windows), *x.shape[axis + 1 :])
    return t.placed(t.reshape_point(pooled, shape, suffix), x.batch)


TABLE: Mapping[str, Handler] = {
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), transposed_conv),
    "einsum": _einsum,
    "cumsum": _cumulated,
    "upsample_linear1d": _interpolated(1),
    "upsample_bilinear2d": _interpolated(2),
    "upsample_trilinear3d": _interpolated(3),
}
