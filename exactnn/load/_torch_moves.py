"""ATen operations that move entries, repeat them, leave them out or put constants in their places: torch says where each one goes.

The operation is run on tensors whose entries are their own numbers, once and once with doubled numbers: what doubles was moved, what
stays is a constant. Numbers say point and place, so that an operation that mixes points of a batch shows. The result is one `gather` of
the operand, or of several operands joined.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from exactnn.exact.array import RationalArray
from exactnn.load._torch_graph import Handler, TracedValue, Translator
from exactnn.network import Concat, Gather


def moved(t: Translator, **_: Any) -> Any:
    """What the current node makes of its operands' entries."""
    node, target = t.node, t.node.target
    assert isinstance(target, torch._ops.OpOverload)
    sources = [n for n in node.all_input_nodes if isinstance(t.value_of(n), TracedValue) and not t.value_of(n).is_constant]
    values = [t.value_of(n) for n in sources]
    numbers, start = {}, 0
    for source, value in zip(sources, values, strict=True):
        numbers[source] = _numbered(value, start, t.trace.batch)
        start += math.prod(value.shape)
    once = t.called(node, target, numbers)
    twice = t.called(node, target, {n: 2 * number for n, number in numbers.items()})
    if isinstance(once, torch.Tensor):
        return _gathered(t, values, once, twice)
    return tuple(_gathered(t, values, a, b, str(i)) for i, (a, b) in enumerate(zip(once, twice, strict=True)))


def _numbered(value: TracedValue, start: int, batch: int) -> torch.Tensor:
    """1 + (start + place) batch + point for each entry, in float64, which has whole numbers up to 2^53."""
    places = torch.arange(math.prod(value.shape), dtype=torch.float64).reshape(value.shape) + start
    if value.batch is None:  # at batch size 1
        return 1 + places
    points = torch.arange(batch, dtype=torch.float64).reshape(batch, *(1,) * len(value.shape))
    return (1 + places * batch + points).movedim(0, value.batch)


def _gathered(t: Translator, values: list[TracedValue], once: torch.Tensor, twice: torch.Tensor, suffix: str = "") -> TracedValue:
    batch = t.trace.batch
    is_moved = once != twice
    if bool((twice[is_moved] != 2 * once[is_moved]).any()):
        t.refuse("it adds to the entries that it moves, which is not supported")
    numbers = (once - 1).to(torch.int64)
    axis = _batch_axis(t, numbers, is_moved, once, batch)
    one, own, kept = (v if axis is None else v.select(axis, 0) for v in (once, numbers, is_moved))
    shape, fixed = tuple(one.shape), ~kept.numpy()
    places = np.where(fixed, -1, torch.div(own, batch, rounding_mode="floor").numpy())
    values, places = _read(values, places)
    parts = [t.reshape_point(v, (math.prod(v.shape),), f"flat{i or ''}") for i, v in enumerate(values)]
    if fixed.any():
        constants, which = np.unique(one.numpy()[fixed], return_inverse=True)
        places[fixed] = sum(math.prod(v.shape) for v in values) + which
        parts.append(TracedValue(RationalArray.of(constants), constants.shape))
    elif len(values) == 1:
        if np.array_equal(places.ravel(), np.arange(math.prod(values[0].shape))):
            return t.placed(t.reshape_point(values[0], shape, suffix), axis)
        parts = [t.placed(values[0], 0)]
    joined = parts[0] if len(parts) == 1 else t.apply(Concat(0), *parts, suffix="joined")
    return t.placed(t.apply(Gather(RationalArray(places)), joined, suffix=suffix), axis)


def _read(values: list[TracedValue], places: np.ndarray[Any, Any]) -> tuple[list[TracedValue], np.ndarray[Any, Any]]:
    """The operands that entries come from, and the places of these entries among theirs."""
    kept, found, start, count = [], places.copy(), 0, 0
    for value in values:
        size = math.prod(value.shape)
        own = (places >= start) & (places < start + size)
        if own.any():
            found[own] += count - start
            kept.append(value)
            count += size
        start += size
    return kept, found


def _batch_axis(t: Translator, numbers: torch.Tensor, is_moved: torch.Tensor, once: torch.Tensor, batch: int) -> int | None:
    """The axis along which each point holds its own entries, all of them alike; at batch size 1 there may be none."""
    if not once.numel():
        t.refuse("its result is empty")
    for axis in range(numbers.ndim):
        if numbers.shape[axis] == batch:
            points = torch.arange(batch).reshape(batch, *(1,) * (numbers.ndim - 1))
            kept = is_moved.movedim(axis, 0)
            alike = torch.where(kept, (numbers.movedim(axis, 0) - points).double(), once.movedim(axis, 0))
            if bool((kept == kept[0]).all()) and bool((alike == alike[0]).all()):
                return axis
    if batch > 1:
        t.refuse("it acts along the batch axis and so mixes the points of a batch")
    return None


def _nearest(axes: int) -> Handler:
    """The nearest entries: torch finds their coordinates in the type of the operand, one axis at a time."""

    def handler(t: Translator, x: TracedValue, **_: Any) -> TracedValue:
        x = t.per_point(x)
        node, target = t.node, t.node.target
        assert isinstance(target, torch._ops.OpOverload)
        if x.batch != 0 or len(x.shape) != axes + 1:
            t.refuse(f"(batch, channels, {axes} spatial axes) is needed, got {x.shape} for one point")
        channels, *spatial = x.shape
        dtype = torch.float64 if t.dtype(0) == torch.float64 else torch.float32  # in which narrower types compute, too
        places = np.zeros((), dtype=np.int64)
        for axis, n in enumerate(spatial):
            shape = [n if a == axis else 1 for a in range(axes)]
            coordinate = torch.arange(n, dtype=dtype).reshape(1, 1, *shape).expand(1, 1, *spatial)
            found = t.called(node, target, {node.all_input_nodes[0]: coordinate})[0, 0]
            places = places * n + found.to(torch.int64).numpy()
        area = math.prod(spatial)
        index = np.arange(channels).reshape(-1, *(1,) * axes) * area + places
        return t.apply(Gather(RationalArray(index)), x)

    return handler


_MOVED: Mapping[str, Handler] = dict.fromkeys(
    (
        *("flip", "roll", "tile", "unfold", "im2col", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "diagonal", "diag_embed"),
        *("tril", "triu", "repeat_interleave", "rot90"),
        *(f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)),
        "_pad_circular",
        *("index", "index_select", "gather", "take", "take_along_dim", "masked_select"),
        *("index_put", "index_fill", "index_copy", "masked_fill", "masked_scatter", "scatter.src", "scatter.value", "diagonal_scatter"),
        *("select_scatter", "slice_scatter"),
    ),
    moved,
)
TABLE: Mapping[str, Handler] = {
    **_MOVED,
    **{f"{kind}{n}d": _nearest(n) for n in (1, 2, 3) for kind in ("upsample_nearest", "_upsample_nearest_exact")},
}
