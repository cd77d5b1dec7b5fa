"""ATen operations that resize the spatial axes: linear interpolation, and adaptive pooling with windows of unequal sizes.

One axis after the other: an affine map along it, or a maximum over gathered windows.
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
from exactnn.load._torch_linear import along
from exactnn.network import Gather, MaxPool

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
    "upsample_linear1d": _interpolated(1),
    "upsample_bilinear2d": _interpolated(2),
    "upsample_trilinear3d": _interpolated(3),
}
