"""Logits, probabilities and labels as they are given: rows over the classes, and a target for each row.

Floats stay a numpy array, so that large data is handled in bulk; each is the dyadic rational it is. Other numbers are a RationalArray.
Tensors need no torch here.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.errors import ArgumentError, NotFiniteError, ShapeError
from exactnn.exact.array import RationalArray, tensor_numbers
from exactnn.exact.numbers import approximately, as_fraction

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Numbers = Floats | RationalArray

_EXACT = 1 << 53  # integers below it are floats
#: By how much a row of rounded probabilities may miss 1: that of float32 and wider formats, and of half precision.
ROUNDED, HALF = Fraction(1, 10**4), Fraction(1, 100)


@dataclass(frozen=True)
class Given:
    """Numbers, and how far from 1 the sum of a row of probabilities among them may be: 0 for exact ones."""

    numbers: Numbers
    slack: Fraction

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(int(n) for n in self.numbers.shape)

    def rows(self, axis: int) -> Given:
        """(rows, classes), the classes along this axis."""
        order = [i for i in range(len(self.shape)) if i != axis % len(self.shape)]
        moved = self.numbers.transpose(*order, axis % len(self.shape))
        return Given(moved.reshape(-1, self.shape[axis]), self.slack)

    def samples(self, axis: int) -> tuple[int, ...]:
        """The lengths of the other axes."""
        place = axis % len(self.shape)
        return self.shape[:place] + self.shape[place + 1 :]

    def at(self, chosen: Mask) -> Given:
        """These rows."""
        return self if chosen.all() else Given(self.numbers[chosen], self.slack)


def comparable(values: Numbers) -> np.ndarray[Any, Any]:
    """The floats, or integers in the same order."""
    return values.numerators if isinstance(values, RationalArray) else values


def read(values: Any, argument: str) -> Given:
    """The numbers of an array, a tensor or nested lists; NotFiniteError, with the index, for NaN and infinity."""
    if isinstance(values, RationalArray):
        return Given(values, Fraction(0))
    slack = HALF if str(getattr(values, "dtype", "")).endswith("float16") else ROUNDED
    if hasattr(values, "detach"):
        values = tensor_numbers(values, argument)
    if isinstance(values, (list, tuple)):
        leaves = _leaves(values)
        kinds = set(map(type, leaves))
        if float in kinds and kinds <= {float, int} and all(abs(v) < _EXACT for v in leaves):
            values = np.array(values, dtype=np.float64)
        else:
            rounded = any(issubclass(k, (float, np.floating)) or hasattr(k, "detach") for k in kinds)
            return Given(RationalArray.of(values, argument), slack if rounded else Fraction(0))
    if (
        isinstance(values, np.ndarray)
        and values.dtype.kind == "f"
        and values.dtype.itemsize <= 8
        and not isinstance(values, np.ma.MaskedArray)
    ):
        with np.errstate(invalid="ignore"):  # a signalling NaN
            floats = np.asarray(values, dtype=np.float64)
        if not np.isfinite(floats).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(floats))[0])
            raise NotFiniteError(f"{argument}: finite numbers are needed, got {floats[index]} at index {index}")
        return Given(floats, slack)
    return Given(RationalArray.of(values, argument), slack if getattr(values, "dtype", np.dtype(int)).kind == "f" else Fraction(0))


def _leaves(values: Any) -> list[Any]:
    """The entries of nested lists; none of ragged ones, whose place RationalArray names."""
    try:
        return list(np.array(values, dtype=object).ravel().tolist())
    except ValueError:
        return []


def classes_of(given: Given, axis: int, argument: str) -> int:
    """How many classes there are along the axis, two at least."""
    dimensions = len(given.shape)
    if not isinstance(axis, int) or isinstance(axis, bool) or not -dimensions <= axis < dimensions:
        raise ArgumentError(f"class_axis: an axis of {argument}, of shape {given.shape}, is needed, got {axis!r}")
    if given.numbers.size == 0:
        raise ArgumentError(f"{argument}: at least one sample is needed, got shape {given.shape}")
    if given.shape[axis] < 2:
        raise ArgumentError(
            f"{argument}: at least two classes are needed along axis {axis}, got one (shape {given.shape}); "
            "what is about class 1 alone is given without that axis, as a vector with labels 0 and 1"
        )
    return given.shape[axis]


def label_array(labels: Any) -> np.ndarray[Any, Any]:
    """An array, a tensor or nested lists of labels as an array."""
    if hasattr(labels, "detach"):
        return tensor_numbers(labels, "labels")
    try:
        return np.asarray(labels)
    except ValueError:
        raise ShapeError("labels: rows of equal length are needed, got a ragged list") from None


def read_labels(array: np.ndarray[Any, Any], shape: tuple[int, ...], classes: int, ignore: int | None) -> tuple[Integers, Mask]:
    """The classes of all rows, one after the other, and which rows count; ArgumentError for labels outside 0, ..., classes - 1."""
    if array.dtype.kind == "f" and array.size and not np.isfinite(array).all():
        raise NotFiniteError("labels: integers are needed, got NaN or infinity")
    if array.dtype.kind not in "iubf" or (array.dtype.kind == "f" and (array != np.rint(array)).any()):
        raise ArgumentError(f"labels: integers from 0 to {classes - 1} are needed, got an array of {array.dtype}")
    if array.shape != shape:
        raise ShapeError(f"labels: one for each sample, shape {shape}, is needed, got shape {array.shape}")
    if ignore is not None and (isinstance(ignore, bool) or not isinstance(ignore, (int, np.integer))):
        raise ArgumentError(f"ignore_label: an integer or None is needed, got {ignore!r}")
    flat = array.ravel()
    used = np.ones(flat.shape, dtype=bool) if ignore is None else np.asarray(flat != ignore, dtype=bool)
    wrong = used & ((flat < 0) | (flat >= classes))
    if wrong.any():
        place = int(np.argmax(wrong))
        index = tuple(int(i) for i in np.unravel_index(place, array.shape))
        raise ArgumentError(
            f"labels: integers from 0 to {classes - 1} are needed, got {flat[place]} at index {index}; "
            "a label that marks samples without a class is named by ignore_label"
        )
    if not used.any():
        raise ArgumentError("labels: at least one sample is needed" + ("" if ignore is None else f", but every label is {ignore}, ignored"))
    return flat[used].astype(np.int64), used


def check_probabilities(given: Given, argument: str) -> None:
    """ArgumentError unless entries lie in [0, 1] and rows of several classes sum to 1."""
    values = given.numbers
    if isinstance(values, RationalArray):
        numerators, one = values.numerators, values.denominator
        wrong = np.asarray((numerators < 0) | (numerators > one), dtype=bool)
    else:
        wrong = (values < 0) | (values > 1)
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ArgumentError(
            f"{argument}: numbers from 0 to 1 are needed, got {_entry(values, index)} at index {index}; logits go through softmax first"
        )
    if len(given.shape) == 1:
        return
    if isinstance(values, RationalArray):
        sums = values.sum(axis=1)
        off = (sums - 1).exceeds(given.slack)
    else:
        off = np.abs(values.sum(axis=1) - 1) > float(given.slack)
    if off.any():
        row = int(np.argmax(off))
        total = sum((as_fraction(v) for v in _row(values, row)), Fraction(0))
        raise ArgumentError(
            f"{argument}: rows that sum to 1 are needed, got a sum of {approximately(total)} in row {row}, "
            f"off by {approximately(total - 1)}" + (f" (rounded numbers may be off by {given.slack})" if given.slack else "")
        )


def _entry(values: Numbers, index: tuple[int, ...]) -> str:
    return approximately(values[index].item()) if isinstance(values, RationalArray) else repr(float(values[index]))


def _row(values: Numbers, row: int) -> Any:
    return values[row].to_fractions() if isinstance(values, RationalArray) else values[row].tolist()
