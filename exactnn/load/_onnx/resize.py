"""Resize and Upsample: nearest entries are moves, linear interpolation is a sum of two multiples of moves for each axis.

Coordinates are exact rationals of the sizes, or of the float32 scales in the file. Where one lies so near to a border between two entries
that a runtime's float32 may see it beyond, the file is refused; linear interpolation is continuous and needs no such care.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from exactnn.errors import LoadError, UnsupportedOperation
from exactnn.load._onnx.moves import checked_result, moved, one_of
from exactnn.load._onnx.reader import Node, axis_in, operator
from exactnn.load._onnx.typed import Array
from exactnn.load._onnx.values import OnnxValue, Operand, Tensor, full_shape
from exactnn.network import Add, Scale

_HALF = Fraction(1, 2)
_LONGEST = 1 << 16
_NEAR = Fraction(1, 1 << 20)  # times the size, more than what float32 errs in a coordinate
_MODES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn")

#: a coordinate of an operand -> a whole number, before it is brought inside
_NEAREST: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda q: math.ceil(q - _HALF),
    "round_prefer_ceil": lambda q: math.floor(q + _HALF),
    "floor": math.floor,
    "ceil": math.ceil,
}


@dataclass(frozen=True)
class _Axis:
    """One axis: its sizes before and after, and the scale."""

    axis: int
    before: int
    after: int
    scale: Fraction

    def coordinates(self, mode: str) -> list[Fraction]:
        """Where the entries of the result lie in the operand."""
        return [self._coordinate(mode, Fraction(i)) for i in range(self.after)]

    def _coordinate(self, mode: str, x: Fraction) -> Fraction:
        if mode == "asymmetric":
            return x / self.scale
        if mode == "tf_half_pixel_for_nn":
            return (x + _HALF) / self.scale
        if mode == "align_corners":
            return x * (self.before - 1) / (self.after - 1) if self.after > 1 else Fraction(0)
        if mode == "pytorch_half_pixel" and self.after == 1:
            return Fraction(0)
        centred = (x + _HALF) / self.scale - _HALF
        if mode == "half_pixel_symmetric":
            return centred + Fraction(self.before, 2) * (1 - self.after / (self.scale * self.before))
        return centred

    def is_doubtful(self, mode: str, coordinate: Fraction, border: Fraction) -> bool:
        """Whether float32 might see this coordinate on the other side of a border between two entries."""
        if abs(coordinate - border) > _NEAR * (self.before + 1):
            return False
        if mode == "align_corners":  # a whole number is divided, with one rounding
            return not _is_float(coordinate)
        whole = mode != "half_pixel_symmetric" or self.scale * self.before == self.after
        return not (whole and _is_float(self.scale) and _is_float(coordinate) and _is_float(coordinate + _HALF))


def _is_float(value: Fraction) -> bool:
    """Whether it is a number of float32."""
    return Fraction(float(np.float32(float(value)))) == value


@operator("Upsample", attributes="mode scales")
def upsample(node: Node) -> Operand:
    """The older form: entries repeated, or interpolated, from the first one on."""
    operand = node.operand()
    listed = node.attributes.floats("scales")
    scales = listed if listed is not None else _floats(node, 1)
    full = full_shape(operand)
    if scales is None or len(scales) != len(full) or min(scales) < 1:
        raise LoadError(f"scales: {len(full)} numbers of at least 1 are needed, got {scales}")
    mode = one_of(node.attributes.text("mode", "nearest"), "nearest", "linear", what="mode")
    axes = [_scaled_axis(i, n, s) for i, (n, s) in enumerate(zip(full, scales, strict=True))]
    return _resized(node, operand, axes, mode, "asymmetric", "floor")


@operator(
    "Resize",
    attributes="antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
    "keep_aspect_ratio_policy mode nearest_mode",
)
def resize(node: Node) -> Operand:
    """Nearest entries, or linear interpolation, at coordinates that the attributes say."""
    operand, attributes = node.operand(), node.attributes
    mode = attributes.text("mode", "nearest")
    if mode not in ("nearest", "linear"):
        raise UnsupportedOperation(f"mode 'nearest' or 'linear' is known here, got {mode!r}; export the model with one of them")
    if attributes.flag("antialias"):
        raise UnsupportedOperation("antialias is not known here; export the model without it")
    if node.opset < 11:
        axes = _axes(node, operand, _floats(node, 1), None)
        if mode == "nearest" and any(a.scale < 1 and (1 / a.scale).denominator != 1 for a in axes):
            raise UnsupportedOperation(
                "nearest entries of a smaller grid, for which operator set 10 leaves the rounding open; convert the model"
            )
        return _resized(node, operand, axes, mode, "asymmetric", "floor")
    transformation = attributes.text("coordinate_transformation_mode", "half_pixel")
    if transformation not in _MODES:
        raise UnsupportedOperation(f"coordinate_transformation_mode {', '.join(_MODES)} is known here, got {transformation!r}")
    nearest = one_of(attributes.text("nearest_mode", "round_prefer_floor"), *_NEAREST, what="nearest_mode")
    return _resized(node, operand, _axes(node, operand, _floats(node, 2), _sizes(node)), mode, transformation, nearest)


def _floats(node: Node, position: int) -> list[float] | None:
    tensor = node.optional_tensor(position, "the scales")
    if tensor is None or 0 in tensor.shape:
        return None
    return [float(q) for q in tensor.rational.to_fractions()]


def _sizes(node: Node) -> list[int] | None:
    tensor = node.optional_tensor(3, "the sizes")
    return None if tensor is None or 0 in tensor.shape else tensor.integers()


def _axes(node: Node, operand: Operand, scales: list[float] | None, sizes: list[int] | None) -> list[_Axis]:
    full = full_shape(operand)
    listed = node.attributes.integers("axes")
    axes = list(range(len(full))) if listed is None else [axis_in(a, len(full)) for a in listed]
    if (scales is None) is (sizes is None):
        raise LoadError("either scales or sizes are needed")
    given = scales if scales is not None else sizes
    assert given is not None
    if len(given) != len(axes) or len(set(axes)) < len(axes) or min(given) <= 0:
        raise LoadError(f"a positive scale or size for each of the axes {axes} is needed, got {given}")
    if scales is not None:
        return [_scaled_axis(a, full[a], s) for a, s in zip(axes, scales, strict=True)]
    assert sizes is not None
    policy = one_of(
        node.attributes.text("keep_aspect_ratio_policy", "stretch"), "stretch", "not_larger", "not_smaller", what="keep_aspect_ratio_policy"
    )
    quotients = [Fraction(n, full[a]) for a, n in zip(axes, sizes, strict=True)]
    if policy == "stretch":
        return [_Axis(a, full[a], n, q) for a, n, q in zip(axes, sizes, quotients, strict=True)]
    scale = min(quotients) if policy == "not_larger" else max(quotients)
    return [_Axis(a, full[a], math.floor(scale * full[a] + _HALF), scale) for a in axes]


def _scaled_axis(axis: int, size: int, scale: float) -> _Axis:
    if not 0 < scale < 1 << 31:
        raise LoadError(f"scales: positive numbers below 2^31 are needed, got {scale}")
    # the product in float32, as runtimes and the standard's own shape inference have it
    return _Axis(axis, size, math.floor(np.float32(scale) * np.float32(size)), Fraction(scale))


def _resized(node: Node, operand: Operand, axes: list[_Axis], mode: str, transformation: str, nearest: str) -> Operand:
    target = list(full_shape(operand))
    for axis in axes:
        target[axis.axis] = axis.after
    checked_result(node, tuple(target))
    if max((a.after for a in axes), default=0) > _LONGEST:
        raise LoadError(f"at most {_LONGEST} entries on an axis are needed, got {[a.after for a in axes]}")
    changing = [a for a in axes if a.after != a.before or a.scale != 1]
    if changing and all(a.after == a.before for a in axes):
        raise UnsupportedOperation(
            "scales that leave all sizes as they are, where some programs leave the entries, too; give sizes instead"
        )
    for axis in changing:
        _check_size(axis, transformation)
    if mode == "nearest":
        taken = {a.axis: _nearest(a, transformation, nearest) for a in changing}
        return moved(node, operand, lambda x: _take(x, taken))
    for axis in changing:
        operand = _interpolated(node, operand, axis, transformation)
    return operand


def _take(x: Array, taken: dict[int, Array]) -> Array:
    for axis, places in taken.items():
        x = np.take(x, places, axis=axis)
    return x


def _check_size(axis: _Axis, transformation: str) -> None:
    """The size of the result enters these coordinates, which some programs round and others do not."""
    size = np.float32(float(axis.scale)) * np.float32(axis.before)
    if size != axis.after and (transformation == "align_corners" or (transformation == "pytorch_half_pixel" and size < 2)):
        raise UnsupportedOperation(
            f"coordinates {transformation!r} with a scale that gives no whole number of entries, which programs read in two ways; "
            "give sizes instead of scales"
        )


def _nearest(axis: _Axis, transformation: str, mode: str) -> Array:
    """The entry that each entry of the result takes."""
    found = []
    for i, coordinate in enumerate(axis.coordinates(transformation)):
        border = math.floor(2 * coordinate + _HALF) * _HALF  # the nearest one, of entries and of middles between them
        sides = {_inside(axis, _NEAREST[mode](border + k * _NEAR)) for k in (-1, 0, 1)}
        if len(sides) > 1 and axis.is_doubtful(transformation, coordinate, border):
            raise UnsupportedOperation(
                f"entry {i} of axis {axis.axis} lies between two entries of the operand, {min(sides)} and {max(sides)}, so near that "
                "rounding decides which is taken; give a scale that is a whole number or a power of 2, or use linear interpolation"
            )
        found.append(_inside(axis, _NEAREST[mode](coordinate)))
    return np.array(found, dtype=np.int64)


def _inside(axis: _Axis, place: int) -> int:
    return min(max(place, 0), axis.before - 1)


def _interpolated(node: Node, operand: Operand, axis: _Axis, transformation: str) -> Operand:
    """(1 - w) x[i] + w x[i + 1] along an axis, i + w the coordinate, brought inside."""
    coordinates = [min(max(q, Fraction(0)), Fraction(axis.before - 1)) for q in axis.coordinates(transformation)]
    low = np.array([math.floor(q) for q in coordinates], dtype=np.int64)
    high = np.minimum(low + 1, axis.before - 1)
    weights = [q - int(i) for q, i in zip(coordinates, low, strict=True)]
    below = moved(node, operand, lambda x: np.take(x, low, axis=axis.axis))
    if not any(weights):
        return below
    above = moved(node, operand, lambda x: np.take(x, high, axis=axis.axis))
    batched = isinstance(below, OnnxValue) and below.batched
    shape = tuple(axis.after if i == axis.axis else 1 for i in range(len(full_shape(below))))[batched:]
    parts = []
    for part, factors in ((below, [1 - w for w in weights]), (above, weights)):
        factor = node.reader.budget.fractions(factors, shape)
        parts.append(node.emit(Scale(factor), _exact(part), batched=batched))
    return node.emit(Add(), *parts, batched=batched)


def _exact(operand: Operand) -> Operand:
    """Between the steps of a computation with constants nothing is rounded."""
    return Tensor(operand.name, operand.kind, operand.rational) if isinstance(operand, Tensor) else operand
