"""ATen operations that are linear and have no operation of their own: transposed convolution, stacks of matrices, einsum, sums so far.

Zeros between entries are moves (`gather`); what is left is a convolution or an affine map along an axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exactnn.exact.array import RationalArray
from exactnn.load._torch_graph import Handler, TracedValue, Translator
from exactnn.load._torch_shapes import cut
from exactnn.network import Affine, Concat, Conv, Gather
from exactnn.network.operations import Shape
from exactnn.network.windows import turned


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
    kernels = turned(kernel, groups)
    shift = RationalArray.zeros(kernels.shape[:1]) if bias is None else t.constant(bias, "bias")
    return t.apply(Conv(kernels, shift, (1,) * axes, positive, spread, groups), value)


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


TABLE: Mapping[str, Handler] = {
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), transposed_conv),
    "einsum": _einsum,
    "cumsum": _cumulated,
}
