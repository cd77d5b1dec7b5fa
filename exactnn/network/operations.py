"""The local functions of a network (thesis Definition 4.2), as frozen values: those that are affine, and the base class.

An operation knows the shape of its result, its exact value on a batch (axis 0 counts the points of the batch, shapes elsewhere are without
it) and, if it is affine, its adjoint, by which rows of coefficients go backwards:  r . (L x) = (L^T r) . x  for its linear part L. The
fields are the ones of docs/network-format.md.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from exactnn.errors import ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.rounding import round_quotient_by_root
from exactnn.value import Value

Shape = tuple[int, ...]


class Operation(Value):
    """A local function: `output_shape` checks the operands' shapes, `evaluate` gives exact values on a batch."""

    kind: ClassVar[str]
    #: whether the result is an affine function of all operands together
    is_affine: ClassVar[bool] = False
    #: how many operands it takes; None for any number >= 1
    arity: ClassVar[int | None] = 1

    def output_shape(self, *shapes: Shape) -> Shape:
        """Shape of the result; ShapeError if the operands do not fit."""
        raise NotImplementedError  # pragma: no cover - every operation overrides this

    def evaluate(self, *values: RationalArray) -> RationalArray:
        """Exact values for a batch of operands."""
        raise NotImplementedError  # pragma: no cover - every operation overrides this

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        """L^T r for the linear part L of an affine operation.

        Parameters
        ----------
        rows : (n, *shape of the result)
        shapes : of the operands
        part : 1 for max(L, 0), -1 for max(-L, 0), entry by entry, in place of L

        Returns
        -------
        tuple of (n, *shape), one for each operand
        """
        raise NotImplementedError  # pragma: no cover - every affine operation overrides this


@dataclass(frozen=True, repr=False)
class Input(Operation):
    """An input of the network."""

    shape: Shape
    kind: ClassVar[str] = "input"
    arity: ClassVar[int | None] = 0

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.shape


@dataclass(frozen=True, repr=False)
class Constant(Operation):
    """A tensor that does not depend on the input."""

    value: RationalArray
    kind: ClassVar[str] = "constant"
    is_affine: ClassVar[bool] = True
    arity: ClassVar[int | None] = 0

    def output_shape(self, *shapes: Shape) -> Shape:
        return self.value.shape

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        return ()


@dataclass(frozen=True, repr=False)
class Affine(Operation):
    """x -> W x + b on the last axis; weight W (m, n), bias b (m)."""

    weight: RationalArray
    bias: RationalArray
    kind: ClassVar[str] = "affine"
    is_affine: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or 0 in self.weight.shape:
            raise ShapeError(f"weight: a non-empty matrix (out, in) is needed, got shape {self.weight.shape}")
        if self.bias.shape != self.weight.shape[:1]:
            raise ShapeError(f"bias: shape {self.weight.shape[:1]} is needed to go with the weight, got {self.bias.shape}")

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if not shape or shape[-1] != self.weight.shape[1]:
            raise ShapeError(f"affine: the weight {self.weight.shape} needs {self.weight.shape[1]} inputs on the last axis, got {shape}")
        return (*shape[:-1], self.weight.shape[0])

    def evaluate(self, *values: RationalArray) -> RationalArray:
        (x,) = values
        rows = x.reshape(-1, x.shape[-1])
        return (self.weight @ rows.T).T.reshape(*x.shape[:-1], self.weight.shape[0]) + self.bias

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        weight = signed_part(self.weight, part)
        return ((rows.reshape(-1, weight.shape[0]) @ weight).reshape(*rows.shape[:-1], weight.shape[1]),)


@dataclass(frozen=True, repr=False)
class BatchNorm(Operation):
    """x -> s (x - mean) + bias by channel (axis 0), s = weight / sqrt(variance + epsilon) rounded once to `precision`.

    The rounding makes s rational; docs/network-format.md states how far a float run is from it.
    """

    mean: RationalArray
    variance: RationalArray
    weight: RationalArray
    bias: RationalArray
    epsilon: Fraction
    precision: str
    kind: ClassVar[str] = "batch_norm"
    is_affine: ClassVar[bool] = True

    def __post_init__(self) -> None:
        shapes = {self.mean.shape, self.variance.shape, self.weight.shape, self.bias.shape}
        if len(shapes) > 1 or self.mean.ndim != 1:
            raise ShapeError(f"batch_norm: mean, variance, weight and bias need one shape (channels,), got {sorted(shapes)}")
        self.scale  # noqa: B018 - a variance + epsilon that is not positive is refused here

    @cached_property
    def scale(self) -> RationalArray:
        """The factor of each channel."""
        pairs = zip(self.weight.to_fractions(), self.variance.to_fractions(), strict=True)
        return RationalArray.from_fractions(
            (round_quotient_by_root(w, v + self.epsilon, self.precision) for w, v in pairs), self.weight.shape
        )

    @cached_property
    def shift(self) -> RationalArray:
        """What is added after scaling: bias - scale mean."""
        return self.bias - self.scale * self.mean

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if not shape or shape[0] != self.mean.shape[0]:
            raise ShapeError(f"batch_norm: {self.mean.shape[0]} channels on the first axis are needed, got {shape}")
        return shape

    def evaluate(self, *values: RationalArray) -> RationalArray:
        (x,) = values
        return x * along_channels(self.scale, x.ndim - 1) + along_channels(self.shift, x.ndim - 1)

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        return (rows * along_channels(signed_part(self.scale, part), rows.ndim - 1),)


@dataclass(frozen=True, repr=False)
class Scale(Operation):
    """x -> factor x, entrywise, the factor broadcast to the shape of x."""

    factor: RationalArray
    kind: ClassVar[str] = "scale"
    is_affine: ClassVar[bool] = True

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if broadcast(shape, self.factor.shape) != shape:
            raise ShapeError(f"scale: a factor that broadcasts to {shape} is needed, got {self.factor.shape}")
        return shape

    def evaluate(self, *values: RationalArray) -> RationalArray:
        return values[0] * self.factor

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        return (rows * signed_part(self.factor, part),)


class _Sum(Operation):
    """First operand plus `sign` times the second, shapes broadcast."""

    sign: ClassVar[int]
    is_affine: ClassVar[bool] = True
    arity: ClassVar[int | None] = 2

    def output_shape(self, *shapes: Shape) -> Shape:
        return broadcast(*shapes)

    def evaluate(self, *values: RationalArray) -> RationalArray:
        a, b = aligned(*values)
        return a + b if self.sign == 1 else a - b

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        first, second = (unbroadcast(rows, shape) for shape in shapes)
        signs = {0: (1, self.sign), 1: (1, int(self.sign == 1)), -1: (0, int(self.sign == -1))}[part]
        return first * signs[0], second * signs[1]


@dataclass(frozen=True, repr=False)
class Add(_Sum):
    """Sum of two operands, shapes broadcast."""

    kind: ClassVar[str] = "add"
    sign: ClassVar[int] = 1


@dataclass(frozen=True, repr=False)
class Subtract(_Sum):
    """First operand minus second, shapes broadcast."""

    kind: ClassVar[str] = "subtract"
    sign: ClassVar[int] = -1


@dataclass(frozen=True, repr=False)
class Reshape(Operation):
    """Row-major reshape."""

    shape: Shape
    kind: ClassVar[str] = "reshape"
    is_affine: ClassVar[bool] = True

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if math.prod(shape) != math.prod(self.shape):
            raise ShapeError(f"reshape: {self.shape} needs {math.prod(self.shape)} entries, got shape {shape}")
        return self.shape

    def evaluate(self, *values: RationalArray) -> RationalArray:
        return values[0].reshape(len(values[0]), *self.shape)

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        return (_moved(rows, part).reshape(len(rows), *shapes[0]),)


@dataclass(frozen=True, repr=False)
class Transpose(Operation):
    """Axis i of the result is axis axes[i] of the operand."""

    axes: tuple[int, ...]
    kind: ClassVar[str] = "transpose"
    is_affine: ClassVar[bool] = True

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if sorted(self.axes) != list(range(len(shape))):
            raise ShapeError(f"transpose: a permutation of the {len(shape)} axes of {shape} is needed, got {self.axes}")
        return tuple(shape[a] for a in self.axes)

    def evaluate(self, *values: RationalArray) -> RationalArray:
        return values[0].transpose(0, *(a + 1 for a in self.axes))

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        return (_moved(rows, part).transpose(0, *(self.axes.index(a) + 1 for a in range(len(self.axes)))),)


@dataclass(frozen=True, repr=False)
class Slice(Operation):
    """x[start:stop:step] on every axis, 0 <= start <= stop, step > 0."""

    starts: tuple[int, ...]
    stops: tuple[int, ...]
    steps: tuple[int, ...]
    kind: ClassVar[str] = "slice"
    is_affine: ClassVar[bool] = True

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if not len(shape) == len(self.starts) == len(self.stops) == len(self.steps):
            raise ShapeError(f"slice: one start, stop and step for each axis of {shape} is needed, got {self.starts}")
        result = []
        for n, start, stop, step in zip(shape, self.starts, self.stops, self.steps, strict=True):
            if not (0 <= start < stop <= n and step > 0):
                raise ShapeError(f"slice: 0 <= start < stop <= {n}, step > 0 is needed, got {start}:{stop}:{step}")
            result.append(len(range(start, stop, step)))
        return tuple(result)

    def evaluate(self, *values: RationalArray) -> RationalArray:
        cut = zip(self.starts, self.stops, self.steps, strict=True)
        return values[0][(slice(None), *(slice(*c) for c in cut))]

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        rows = _moved(rows, part)
        result = np.zeros((len(rows), *shapes[0]), dtype=rows.numerators.dtype)
        result[(slice(None), *(slice(*c) for c in zip(self.starts, self.stops, self.steps, strict=True)))] = rows.numerators
        return (RationalArray(result, rows.denominator),)


@dataclass(frozen=True, repr=False)
class Gather(Operation):
    """Entry i of the result is entry index[i] of the operand, both counted row-major; index has the result's shape, its entries >= 0."""

    index: RationalArray
    kind: ClassVar[str] = "gather"
    is_affine: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.index.denominator != 1 or self.index.size == 0 or self.index.numerators.min() < 0:
            raise ShapeError("gather: an index of whole numbers >= 0, one for each entry of the result, is needed")

    @property
    def places(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The index, flat."""
        return np.asarray(self.index.numerators.ravel(), dtype=np.int64)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        largest = int(self.index.numerators.max())
        if largest >= math.prod(shape):
            raise ShapeError(f"gather: an index below {math.prod(shape)}, the number of entries of {shape}, is needed, got {largest}")
        return self.index.shape

    def evaluate(self, *values: RationalArray) -> RationalArray:
        (x,) = values
        return x.reshape(len(x), -1)[:, self.places].reshape(len(x), *self.index.shape)

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        rows = _moved(rows, part)
        return (scattered(rows.reshape(len(rows), -1), self.places, math.prod(shapes[0])).reshape(len(rows), *shapes[0]),)


@dataclass(frozen=True, repr=False)
class Concat(Operation):
    """All operands joined along an axis."""

    axis: int
    kind: ClassVar[str] = "concat"
    is_affine: ClassVar[bool] = True
    arity: ClassVar[int | None] = None

    def output_shape(self, *shapes: Shape) -> Shape:
        first, axis = shapes[0], self.axis
        rest = {(*s[:axis], *s[axis + 1 :]) for s in shapes}
        if not 0 <= axis < len(first) or len(rest) > 1 or len({len(s) for s in shapes}) > 1:
            raise ShapeError(f"concat: shapes that agree off axis {axis} are needed, got {list(shapes)}")
        return (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])

    def evaluate(self, *values: RationalArray) -> RationalArray:
        return concatenate(values, axis=self.axis + 1)

    def adjoint(self, rows: RationalArray, *shapes: Shape, part: int = 0) -> tuple[RationalArray, ...]:
        rows = _moved(rows, part)
        ends = np.cumsum([0, *(shape[self.axis] for shape in shapes)]).tolist()
        whole = (slice(None),) * (self.axis + 1)
        return tuple(rows[(*whole, slice(a, b))] for a, b in itertools.pairwise(ends))


def signed_part(weight: RationalArray, part: int) -> RationalArray:
    """max(weight, 0) for part 1, max(-weight, 0) for part -1, the weight itself for part 0."""
    return weight if part == 0 else (weight * part).relu()


def scattered(rows: RationalArray, places: np.ndarray[Any, np.dtype[np.int64]], size: int) -> RationalArray:
    """(n, size): entry places[i] is the sum of the entries i of the rows (n, len(places)) that have this place."""
    most = int(np.bincount(places, minlength=1).max())
    dtype = np.int64 if rows.numerators.dtype != object and rows.bound * most < 1 << 62 else object
    result = np.zeros((size, len(rows)), dtype=dtype)
    np.add.at(result, places, rows.numerators.astype(dtype).T)
    return RationalArray(np.ascontiguousarray(result.T), rows.denominator)


def _moved(rows: RationalArray, part: int) -> RationalArray:
    """The rows behind an operation that only moves entries: all its coefficients are 1 or 0."""
    return RationalArray.zeros(rows.shape) if part == -1 else rows


def unbroadcast(rows: RationalArray, shape: Shape) -> RationalArray:
    """Summed over the axes along which an operand of this shape was repeated."""
    extra = rows.ndim - 1 - len(shape)
    repeated = (*range(1, 1 + extra), *(1 + extra + i for i, n in enumerate(shape) if n == 1 != rows.shape[1 + extra + i]))
    return (rows.sum(axis=repeated) if repeated else rows).reshape(len(rows), *shape)


def broadcast(*shapes: Shape) -> Shape:
    """The shape numpy broadcasts to; ShapeError if there is none."""
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        raise ShapeError(f"shapes that broadcast to one are needed, got {list(shapes)}") from None


def aligned(a: RationalArray, b: RationalArray) -> tuple[RationalArray, RationalArray]:
    """Two batches given the same number of axes (ones go in behind the batch axis, as broadcasting aligns at the last axis)."""
    longest = max(a.ndim, b.ndim)
    return tuple(v.reshape(len(v), *(1,) * (longest - v.ndim), *v.shape[1:]) for v in (a, b))  # type: ignore[return-value]


def along_channels(values: RationalArray, ndim: int) -> RationalArray:
    """One number for each channel, shaped to act on axis 0 of an operand with `ndim` axes."""
    return values.reshape(values.shape[0], *(1,) * (ndim - 1)) if values.ndim else values
