"""Convolutions, means and maxima over windows, batch norms of channels: proofs/rocq/Windows.v and Graphs.v, repeated to write evidence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import lcm, prod
from typing import Any

from exactnn.errors import SaveError
from exactnn.export._rocq_graph import Pool
from exactnn.export._rocq_state import Affine, Axis, Windows


def convolution(node: Any, shape: tuple[int, ...]) -> Affine:
    """A `conv` node that reads entries of this shape, (channels, grid)."""
    weight, bias, groups = node.fields["weight"], node.fields["bias"], node.fields["groups"]
    out, many = weight.shape[:2]
    common, taps = lcm(weight.denominator, bias.denominator), prod(weight.shape[1:])
    w, b = common // weight.denominator, common // bias.denominator
    kernels = [
        (o * groups // out * many, [bias.numerators[o] * b, *(v * w for v in weight.numerators[o * taps : (o + 1) * taps])])
        for o in range(out)
    ]
    return _affine(common, Windows(shape[0], many, _axes(node.fields["window"], shape, node.shape), kernels))


def mean(node: Any, shape: tuple[int, ...], label: str) -> Affine:
    """An `average_pool` node: each channel by itself."""
    window = node.fields["window"]
    if window.padded and not node.fields["count_padding"]:
        raise SaveError(f"{label}: node {node.name!r} takes means of fewer entries at the edges, which is not written for Rocq")
    size = prod(window.kernel)
    return _affine(size, Windows(shape[0], 1, _axes(window, shape, node.shape), [(c, [0] + [1] * size) for c in range(shape[0])]))


def maximum(node: Any, shape: tuple[int, ...]) -> Pool:
    """A `max_pool` node."""
    axes = _axes(node.fields["window"], shape, node.shape)
    area, places = prod(a.grid for a in axes), _places(axes)
    return Pool(shape[0], axes, [[c * area + p for p in taps if p >= 0] for c in range(shape[0]) for taps in places])


def by_channel(scale: Any, shift: Any, shape: tuple[int, ...]) -> Affine:
    """scale[c] x + shift[c], c the channel: a window of one tap."""
    common = lcm(scale.denominator, shift.denominator)
    s, t = common // scale.denominator, common // shift.denominator
    axes = [Axis(size, 1, 1, 0, 1, size) for size in shape[1:]]
    kernels = [(c, [shift.numerators[c] * t, scale.numerators[c] * s]) for c in range(shape[0])]
    return _affine(common, Windows(shape[0], 1, axes, kernels))


def _axes(window: Any, shape: tuple[int, ...], result: tuple[int, ...]) -> list[Axis]:
    parts = zip(shape[1:], window.kernel, window.stride, window.padding, window.dilation, result[1:], strict=True)
    return [Axis(grid, taps, stride, before, dilation, places) for grid, taps, stride, (before, _), dilation, places in parts]


def _places(axes: Sequence[Axis]) -> list[list[int]]:
    """For each place of the window, row-major, the flat places of its taps; -1 on the padding."""
    lines = []
    for a in axes:
        taps = [[i * a.stride - a.before + k * a.dilation for k in range(a.taps)] for i in range(a.places)]
        lines.append([[t if 0 <= t < a.grid else -1 for t in row] for row in taps])
    found = []
    for rows in product(*lines):
        flat = [0]
        for a, row in zip(axes, rows, strict=True):
            flat = [-1 if f < 0 or t < 0 else f * a.grid + t for f in flat for t in row]
        found.append(flat)
    return found


def _affine(denominator: int, windows: Windows) -> Affine:
    area, places, rows = prod(a.grid for a in windows.axes), _places(windows.axes), []
    for first, (bias, *weights) in windows.kernels:
        for window in places:
            row = [bias] + [0] * (windows.channels * area)
            taps = [-1 if p < 0 else (first + c) * area + p for c in range(windows.many) for p in window]
            for place, w in zip(taps, weights, strict=True):
                if place >= 0:
                    row[1 + place] += w
            rows.append(row)
    return Affine(denominator, rows, windows)
