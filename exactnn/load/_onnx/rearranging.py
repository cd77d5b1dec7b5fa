"""ONNX operators that move, repeat or leave out entries at constant places."""

from __future__ import annotations

import math

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.exact.array import RationalArray
from exactnn.load._onnx.moves import axis_of, checked_result, indices_of, moved, one_of, picked, tried_on_two, wrapped, zero
from exactnn.load._onnx.reader import Node, operator
from exactnn.load._onnx.typed import Array, numbers, tensor_of, truths
from exactnn.load._onnx.values import OnnxValue, Operand, Tensor, exact, full_shape
from exactnn.network import Add

_MOST_ROUNDS = 64  # updates of one entry that are added up


@operator("Tile")
def tile(node: Node) -> Operand:
    """The whole repeated along axes."""
    operand, repeats = node.operand(), indices_of(node, 1, "the repeats")
    full = full_shape(operand)
    if repeats.shape != (len(full),) or (repeats < 0).any():
        raise LoadError(f"repeats: {len(full)} numbers are needed, got {repeats.tolist()}")
    checked_result(node, tuple(n * int(r) for n, r in zip(full, repeats, strict=True)))
    return moved(node, operand, lambda x: np.tile(x, tuple(map(int, repeats))))


@operator("DepthToSpace", attributes="blocksize mode")
def depth_to_space(node: Node) -> Operand:
    """Channels moved into blocks of a grid."""
    size = node.attributes.integer("blocksize")
    mode = one_of(node.attributes.text("mode", "DCR"), "DCR", "CRD", what="mode")
    operand = _grid(node, size)

    def move(x: Array) -> Array:
        n, c, h, w = x.shape
        if mode == "DCR":
            parts = x.reshape(n, size, size, c // size**2, h, w).transpose(0, 3, 4, 1, 5, 2)
        else:
            parts = x.reshape(n, c // size**2, size, size, h, w).transpose(0, 1, 4, 2, 5, 3)
        return parts.reshape(n, c // size**2, h * size, w * size)

    return moved(node, operand, move)


@operator("SpaceToDepth", attributes="blocksize mode")
def space_to_depth(node: Node) -> Operand:
    """Blocks of a grid moved into channels."""
    size = node.attributes.integer("blocksize")
    mode = one_of(node.attributes.text("mode", "DCR"), "DCR", "CRD", what="mode")
    operand = _grid(node, size)

    def move(x: Array) -> Array:
        n, c, h, w = x.shape
        parts = x.reshape(n, c, h // size, size, w // size, size)
        parts = parts.transpose(0, 3, 5, 1, 2, 4) if mode == "DCR" else parts.transpose(0, 1, 3, 5, 2, 4)
        return parts.reshape(n, c * size**2, h // size, w // size)

    return moved(node, operand, move)


def _grid(node: Node, size: int) -> Operand:
    operand = node.operand()
    if len(full_shape(operand)) != 4 or not 1 <= size <= 1 << 15:
        raise LoadError(f"four axes and a positive blocksize are needed, got shape {list(full_shape(operand))} and {size}")
    return operand


@operator("ReverseSequence", attributes="batch_axis time_axis")
def reverse_sequence(node: Node) -> Operand:
    """The first entries along an axis turned round, so many for each place of another axis."""
    operand, lengths = node.operand(), indices_of(node, 1, "the lengths")
    batch, time = node.attributes.integer("batch_axis", 1), node.attributes.integer("time_axis", 0)
    if {batch, time} != {0, 1} or len(full_shape(operand)) < 2:
        raise LoadError(f"axes 0 and 1 are needed, got batch_axis {batch}, time_axis {time}")
    if (lengths < 0).any() or (lengths > full_shape(operand)[time]).any():
        raise LoadError(f"lengths of at most {full_shape(operand)[time]} are needed, got {lengths.tolist()}")

    def move(x: Array) -> Array:
        rows = np.array(x.swapaxes(0, batch))
        if len(lengths) != len(rows):
            raise ValueError("one length for each place is needed")
        for row, n in zip(rows, lengths, strict=True):
            row[:n] = row[:n][::-1]
        return np.asarray(rows.swapaxes(0, batch))

    return moved(node, operand, move)


@operator("GatherND", attributes="batch_dims")
def gather_nd(node: Node) -> Operand:
    """Slices at constant places."""
    operand, indices = node.operand(), indices_of(node, 1)
    common = node.attributes.integer("batch_dims", 0)
    full = full_shape(operand)
    depth = indices.shape[-1] if indices.ndim else 0
    if not 0 <= common < min(len(full), indices.ndim) or not 1 <= depth <= len(full) - common:
        raise LoadError(f"indices for shape {list(full)} are needed, got shape {list(indices.shape)} and batch_dims {common}")
    checked_result(node, (*indices.shape[:-1], *(n or 1 for n in full[common + depth :])))

    if indices.shape[:common] != full[:common]:
        raise LoadError(f"indices whose first axes are those of {list(full)} are needed, got shape {list(indices.shape)}")

    def move(x: Array) -> Array:
        if x.shape[:common] != full[:common]:
            raise ValueError("indices for one point only")
        own = np.ix_(*(np.arange(n) for n in indices.shape[:-1]))[:common]
        last = [wrapped(indices[..., k], x.shape[common + k]) for k in range(depth)]
        return np.asarray(x[(*own, *last)])

    return moved(node, operand, move)


@operator("GatherElements", attributes="axis")
def gather_elements(node: Node) -> Operand:
    """Entries at constant places along an axis, each in its own line."""
    operand, indices = node.operand(), indices_of(node, 1)
    full = full_shape(operand)
    axis = axis_of(node, len(full), 0)
    if indices.ndim != len(full):
        raise LoadError(f"indices with {len(full)} axes are needed, got shape {list(indices.shape)}")
    places = wrapped(indices, full[axis])

    def move(x: Array) -> Array:
        lines = tuple(slice(None) if a == axis else slice(0, n) for a, n in enumerate(places.shape))
        return np.take_along_axis(x[lines], places, axis=axis)

    return moved(node, operand, move)


@operator("Compress", attributes="axis")
def compress(node: Node) -> Operand:
    """The entries along an axis, or of all in a row, where a constant condition holds."""
    operand, condition = node.operand(), truths(node.tensor(1, "the condition"))
    axis = axis_of(node, len(full_shape(operand))) if "axis" in node.attributes else None
    return moved(node, operand, lambda x: np.compress(condition, x, axis=axis))


@operator("Trilu", attributes="upper")
def triangle(node: Node) -> Operand:
    """The entries above, or below, a diagonal of each matrix; zeros elsewhere."""
    operand, diagonal = node.operand(), node.optional_tensor(1, "the diagonal")
    k = 0 if diagonal is None else int(diagonal.rational.item())
    side = np.triu if node.attributes.flag("upper", True) else np.tril
    full = full_shape(operand)
    if len(full) < 2:
        raise LoadError(f"matrices are needed, got shape {list(full)}")
    k = max(-full[-2] - 1, min(k, full[-1] + 1))
    nothing = tensor_of("", operand.kind, np.zeros(())) if isinstance(operand, Tensor) else zero()
    if isinstance(operand, Tensor):
        return picked(node, [operand, nothing], lambda x, _: side(x, k))
    kept = side(np.ones(full[-2:], dtype=bool), k)
    return picked(node, [operand, nothing], lambda x, none: np.asarray(np.where(kept, x, none)))


@operator("ScatterElements", "Scatter", attributes="axis reduction")
def scatter_elements(node: Node) -> Operand:
    """Entries at constant places along an axis replaced, or added to."""
    operand, indices, updates = node.operand(0), indices_of(node, 1), node.operand(2)
    full = full_shape(operand)
    axis = axis_of(node, len(full), 0)
    if indices.ndim != len(full) or full_shape(updates) != indices.shape:
        raise LoadError(f"indices and updates of one shape are needed, got {list(indices.shape)} and {list(full_shape(updates))}")
    places: list[Array] = list(np.indices(indices.shape))
    places[axis] = wrapped(indices, full[axis])
    if any(p.size and p.max() >= n for p, n in zip(places, full, strict=True)):
        raise LoadError(f"indices inside shape {list(full)} are needed, got shape {list(indices.shape)}")
    target = np.ravel_multi_index(tuple(places), full) if indices.size else indices
    return _scattered(node, operand, updates, np.asarray(target))


@operator("ScatterND", attributes="reduction")
def scatter_nd(node: Node) -> Operand:
    """Slices at constant places replaced, or added to."""
    operand, indices, updates = node.operand(0), indices_of(node, 1), node.operand(2)
    full = full_shape(operand)
    depth = indices.shape[-1] if indices.ndim else 0
    if not 1 <= depth <= len(full) or full_shape(updates) != (*indices.shape[:-1], *full[depth:]):
        raise LoadError(f"indices and updates for shape {list(full)} are needed, got {list(indices.shape)}, {list(full_shape(updates))}")
    heads = [wrapped(indices[..., k], full[k]) for k in range(depth)]
    inner = math.prod(full[depth:])
    first = np.ravel_multi_index(tuple(heads), full[:depth]) * inner
    target = (first[..., None] + np.arange(inner)).reshape(full_shape(updates))
    return _scattered(node, operand, updates, target)


def _scattered(node: Node, operand: Operand, updates: Operand, target: Array) -> Operand:
    """The operand with updates at these places of all its entries in a row (at batch size 1, as the places say)."""
    kind = one_of(node.attributes.text("reduction", "none"), "none", "add", what="reduction")
    node.reader.plain = False
    flat = target.ravel()
    if kind == "none" and len(np.unique(flat)) < len(flat):
        raise UnsupportedOperation("an entry is replaced twice; in which order, the standard leaves open")
    if isinstance(operand, Tensor) and isinstance(updates, Tensor):
        return _scattered_constants(node, operand, updates, flat, add=kind == "add")
    batched = isinstance(operand, OnnxValue) and operand.batched
    if tried_on_two(node, operand) or tried_on_two(node, updates):
        node.reader.refuse_dynamic()
    if kind == "none":
        return _replaced(node, operand, updates, flat)
    whole, new = node.reader.unbatched(operand), node.reader.unbatched(updates)
    for places in _rounds(flat):
        whole = node.emit(Add(), whole, _spread_out(node, whole, new, flat, places))
    return node.reader.batched(whole) if batched else whole


def _replaced(node: Node, whole: Operand, new: Operand, flat: Array) -> Operand:
    def pick(x: Array, u: Array) -> Array:
        result = np.array(x)
        result.reshape(-1)[flat] = u.ravel()
        return result

    return picked(node, [whole, new], pick)


def _spread_out(node: Node, whole: Operand, new: Operand, flat: Array, places: Array) -> Operand:
    """Zeros in the shape of the whole, and some of the updates at their places."""

    if isinstance(new, Tensor):
        numerators = np.zeros(math.prod(whole.shape), dtype=object)
        numerators[flat[places]] = new.rational.numerators.ravel()[places]
        return exact(RationalArray(numerators.reshape(whole.shape), new.rational.denominator))

    def pick(u: Array, none: Array) -> Array:
        result = np.full(math.prod(whole.shape), none)
        result[flat[places]] = u.ravel()[places]
        return result.reshape(whole.shape)

    return picked(node, [new, zero()], pick)


def _rounds(flat: Array) -> list[Array]:
    """The updates in groups, in each of which no place occurs twice."""
    order = np.argsort(flat, kind="stable")
    ranked = flat[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(flat) else np.zeros(0, dtype=np.int64)
    depth = np.arange(len(flat)) - np.repeat(starts, np.diff(np.r_[starts, len(flat)]))
    if len(flat) and depth.max() >= _MOST_ROUNDS:
        raise UnsupportedOperation(f"at most {_MOST_ROUNDS} updates of one entry are added up, got {int(depth.max()) + 1}")
    return [order[depth == d] for d in range(int(depth.max()) + 1 if len(flat) else 0)]


def _scattered_constants(node: Node, operand: Tensor, updates: Tensor, flat: Array, *, add: bool) -> Tensor:
    result = np.array(numbers(operand))
    if add:
        for places in _rounds(flat):
            result.reshape(-1)[flat[places]] += numbers(updates).ravel()[places]
    else:
        result.reshape(-1)[flat] = numbers(updates).ravel()
    return tensor_of(node.outputs[0], operand.kind, result)
