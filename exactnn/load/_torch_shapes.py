"""ATen operations that only move entries: reshapes, transposes, slices, concatenation, padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from exactnn.exact.array import RationalArray
from exactnn.load._torch_graph import BATCH_SIZE, Handler, TracedValue, Translator
from exactnn.network import Concat, Slice

# --- reshape, transpose ----------------------------------------------------------------------------------------------------


def _reshape(t: Translator, x: TracedValue, **_: Any) -> TracedValue:
    return t.reshape(x, t.result_shape())


def _at_least(t: Translator, x: TracedValue | None = None, tensors: Sequence[TracedValue] = ()) -> Any:
    """With more axes, of size 1: one tensor, or several."""
    if x is not None:
        return t.reshape(x, t.result_shape())
    return tuple(t.reshape(y, shape, str(i)) for i, (y, shape) in enumerate(zip(tensors, t.result_shapes(), strict=True)))


def _expand(t: Translator, x: TracedValue, **_: Any) -> TracedValue:
    shape = t.result_shape()
    if x.array is not None:
        return TracedValue(x.array + RationalArray.zeros(shape), shape)
    if x.batch is None:  # at batch size 1
        return t.placed(t.expand(t.placed(x, 0), shape), None)
    place = len(shape) - x.ndim + x.batch
    if shape[place] != t.trace.batch:
        t.refuse("it repeats the batch axis")
    target = shape[:place] + shape[place + 1 :]
    longer = (1,) * (len(target) - len(x.shape)) + x.shape
    flat = t.reshape(TracedValue(x.held, x.shape, 0), (t.trace.batch, *longer), "shape")
    return TracedValue(t.expand(flat, target).held, target, place)


def _repeat(t: Translator, x: TracedValue, repeats: list[int]) -> TracedValue:
    ones = len(repeats) - x.ndim
    x = t.reshape(x, [1] * ones + x.full_shape(t.trace.batch), "shape")
    for dim, times in enumerate(repeats):
        if times != 1:
            x = t.apply(Concat(t.axis(x, dim)), *[x] * int(t.number(times, "repeat")))
    return x


def _permute(t: Translator, x: TracedValue, dims: list[int]) -> TracedValue:
    return t.permute(x, dims)


def _transpose(t: Translator, x: TracedValue, *, dim0: int | None = None, dim1: int | None = None, **axes: int) -> TracedValue:
    first, second = axes.get("axis0", dim0), axes.get("axis1", dim1)
    assert first is not None and second is not None  # noqa: PT018
    order = list(range(x.ndim))
    order[first], order[second] = order[second], order[first]
    return t.permute(x, order)


def _turned(t: Translator, x: TracedValue) -> TracedValue:
    """.t(), .T and .mT: the last two axes change places."""
    if x.ndim > 2 and "numpy" in str(t.node.target):
        return t.permute(x, range(x.ndim)[::-1])
    return x if x.ndim < 2 else _transpose(t, x, dim0=-2, dim1=-1)


def _movedim(t: Translator, x: TracedValue, source: Any, destination: Any) -> TracedValue:
    origins = [source] if isinstance(source, int) else source
    places = [destination] if isinstance(destination, int) else destination
    moved = dict(zip([p % x.ndim for p in places], [o % x.ndim for o in origins], strict=True))
    rest = iter(d for d in range(x.ndim) if d not in moved.values())
    return t.permute(x, [moved[d] if d in moved else next(rest) for d in range(x.ndim)])


# --- slices ----------------------------------------------------------------------------------------------------------------


def cut(t: Translator, x: TracedValue, axis: int, entries: range, suffix: str = "") -> TracedValue:
    """The entries of one axis (without the batch axis) at an increasing range."""
    n = x.shape[axis]
    if entries == range(n):
        return x
    if not entries:
        t.refuse("its result is empty")
    starts, stops, steps = [0] * len(x.shape), list(x.shape), [1] * len(x.shape)
    starts[axis], stops[axis], steps[axis] = entries.start, entries[-1] + 1, entries.step
    return t.apply(Slice(tuple(starts), tuple(stops), tuple(steps)), x, suffix=suffix)


def _slice(t: Translator, x: TracedValue, dim: int, start: Any, end: Any, step: Any) -> TracedValue:
    whole = start in (None, 0) and (end is None or (end is not BATCH_SIZE and end >= 1 << 60)) and step == 1
    if whole or (x.batch is not None and dim % x.ndim == x.batch and t.result_shape()[x.batch] == t.trace.batch and step == 1):
        return x
    axis = t.axis(x, dim)
    bounds = [None if b is None else int(t.number(b, "bound")) for b in (start, end, step)]
    return cut(t, x, axis, range(*slice(*bounds).indices(x.shape[axis])))


def _select(t: Translator, x: TracedValue, dim: int, index: Any) -> TracedValue:
    axis = t.axis(x, dim)
    at = int(t.number(index, "index")) % x.shape[axis]
    shape = x.full_shape(t.trace.batch)
    del shape[dim % x.ndim]
    return t.reshape(cut(t, x, axis, range(at, at + 1), "slice"), shape)


def _narrow(t: Translator, x: TracedValue, dim: int, start: Any, length: int) -> TracedValue:
    axis = t.axis(x, dim)
    first = int(t.number(start, "start")) % x.shape[axis]
    return cut(t, x, axis, range(first, first + int(t.number(length, "length"))))


# --- into parts, and together ----------------------------------------------------------------------------------------------


def _parts(t: Translator, x: TracedValue, dim: int, lengths: Sequence[int]) -> tuple[TracedValue, ...]:
    axis = t.axis(x, dim)
    parts, start = [], 0
    for number, length in enumerate(lengths):
        parts.append(cut(t, x, axis, range(start, start + length), str(number)))
        start += length
    return tuple(parts)


def _split(t: Translator, x: TracedValue, dim: int, **_: Any) -> tuple[TracedValue, ...]:
    t.axis(x, dim)
    return _parts(t, x, dim, [int(part.shape[dim]) for part in t.node.meta["val"]])


def _unbind(t: Translator, x: TracedValue, dim: int) -> tuple[TracedValue, ...]:
    axis = t.axis(x, dim)
    shape = x.full_shape(t.trace.batch)
    del shape[dim % x.ndim]
    parts = [cut(t, x, axis, range(i, i + 1), f"{i}.slice") for i in range(x.shape[axis])]
    return tuple(t.reshape(part, shape, str(i)) for i, part in enumerate(parts))


def _concatenated(t: Translator, tensors: list[TracedValue], dim: int, **_: Any) -> TracedValue:
    tensors = t.aligned(*tensors)
    like = next((x for x in tensors if not x.is_constant), tensors[0])
    return t.apply(Concat(t.axis(like, dim)), *tensors)


def _stack(t: Translator, tensors: list[TracedValue], dim: int) -> TracedValue:
    shape = list(t.result_shape())
    dim %= len(shape)
    shape[dim] = 1
    return _concatenated(t, [t.reshape(x, shape, f"{i}.shape") for i, x in enumerate(tensors)], dim)


def _copy(t: Translator, src: TracedValue, **_: Any) -> TracedValue:
    return src if t.shape_of(1) == t.result_shape() else _expand(t, src)


def pad_margins(pad: Sequence[int]) -> list[tuple[int, int]]:
    """Torch's padding, which begins with the last axis, as (begin, end) of the last axes in their order."""
    return [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]


def padded(t: Translator, x: TracedValue, margins: Sequence[tuple[int, int]], value: Fraction | int = 0) -> TracedValue:
    """Constant entries put before and behind the last axes; a negative margin cuts."""
    for offset, (begin, end) in enumerate(margins):
        if (begin, end) == (0, 0):
            continue
        axis = t.axis(x, x.ndim - len(margins) + offset)
        n = x.shape[axis]
        x = cut(t, x, axis, range(max(-begin, 0), n - max(-end, 0)), "cut")
        parts = [x]
        for margin, index in ((begin, 0), (end, len(parts) + 1)):
            if margin > 0:
                shape = (*x.shape[:axis], margin, *x.shape[axis + 1 :])
                parts.insert(index, TracedValue(RationalArray.zeros(shape) + value, shape))
        if len(parts) > 1:
            x = t.apply(Concat(axis), *parts, suffix="padding")
    return x


TABLE: Mapping[str, Handler] = {
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze"), _reshape),
    **dict.fromkeys(("view_as", "reshape_as"), _reshape),
    **{f"atleast_{n}d{kind}": _at_least for n in (1, 2, 3) for kind in ("", ".Sequence")},
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), _expand),
    "repeat": _repeat,
    "permute": _permute,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), _transpose),
    **dict.fromkeys(("t", "mT", "numpy_T"), _turned),
    **dict.fromkeys(("movedim", "moveaxis"), _movedim),
    "slice": _slice,
    "select": _select,
    "narrow": _narrow,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "tensor_split"), _split),
    "unbind": _unbind,
    **dict.fromkeys(("cat", "concat", "concatenate"), _concatenated),
    "stack": _stack,
    "copy": _copy,
}
