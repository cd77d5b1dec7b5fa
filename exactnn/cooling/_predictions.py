"""Which numbers are compared with which outcomes: top-label, binary, classwise.

top-label   confidence max_k p_k, a hit if the label is the class that attains it
binary      confidence P(class 1), a hit if the label is 1
classwise   for each class k the binary question with p_k
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from exactnn.cooling._reading import (
    Given,
    Integers,
    Mask,
    Numbers,
    check_probabilities,
    classes_of,
    comparable,
    label_array,
    read,
    read_labels,
)
from exactnn.errors import ArgumentError, ShapeError
from exactnn.exact.array import RationalArray, concatenate

MODES = ("top-label", "classwise", "binary")
TIES = ("first", "last", "share")


@dataclass(frozen=True)
class Predictions:
    """Confidences with their outcomes; an outcome counts 1/shares[i] where `shares` classes tie, and 1 where there are none."""

    confidences: Numbers
    hits: Mask
    shares: Integers | None = None


def read_predictions(
    probabilities: Any, labels: Any, *, mode: str | None, ties: str, class_axis: int, ignore_label: int | None
) -> tuple[str, Iterator[Predictions]]:
    """The mode, and one set of predictions, or one for each class."""
    given = read(probabilities, "probabilities")
    wanted = label_array(labels)
    shape = tuple(int(n) for n in wanted.shape)
    if ties not in TIES:
        raise ArgumentError(f"ties: one of {', '.join(TIES)} is needed, got {ties!r}")
    if given.shape == shape:
        if given.numbers.size == 0:
            raise ArgumentError(f"probabilities: at least one sample is needed, got shape {shape}")
        _refuse_one_hot(given, wanted, class_axis)
        classes, flat = 2, Given(given.numbers.reshape(-1), given.slack)
    else:
        if not given.shape:
            raise ShapeError("probabilities: rows of class probabilities, or a vector of P(class 1), are needed, got one number")
        classes = classes_of(given, class_axis, "probabilities")
        shape, flat = given.samples(class_axis), given.rows(class_axis)
    found, used = read_labels(wanted, shape, classes, ignore_label)
    flat = flat.at(used)
    check_probabilities(flat, "probabilities")
    mode = mode if mode is not None else "binary" if len(flat.shape) == 1 else "top-label"
    if mode not in MODES:
        raise ArgumentError(f"mode: one of {', '.join(MODES)}, or None, is needed, got {mode!r}")
    values = flat.numbers
    if mode == "binary":
        if len(flat.shape) == 2:
            if classes != 2:
                raise ArgumentError(f"mode: 'binary' is for two classes, got {classes}; 'top-label' and 'classwise' are for more")
            values = values[:, 1]
        return mode, iter([Predictions(values, found == 1)])
    if len(flat.shape) == 1:
        values = _two_classes(values)
    if mode == "classwise":
        return mode, (Predictions(values[:, k], found == k) for k in range(classes))
    return mode, iter([_top(values, found, ties)])


def _refuse_one_hot(given: Given, labels: np.ndarray[Any, Any], axis: int) -> None:
    """ArgumentError for rows of class probabilities with one-hot rows; as P(class 1) of each entry they would have another error."""
    dimensions = len(given.shape)
    if dimensions < 2 or not isinstance(axis, int) or not -dimensions <= axis < dimensions or labels.dtype.kind not in "iubf":
        return
    if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=axis) == 1).all()):
        return
    sums = given.rows(axis).numbers.sum(axis=1)
    off = sums - 1
    if (off.exceeds(given.slack) if isinstance(off, RationalArray) else np.abs(off) > float(given.slack)).any():
        return
    raise ArgumentError(
        f"labels: integers of shape {given.samples(axis)} are needed, got "
        f"one-hot rows of shape {given.shape}; use labels.argmax({axis}). If each number is P(class 1) of a sample of its own, flatten both"
    )


def _two_classes(values: Numbers) -> Numbers:
    """(1 - p, p), exactly: floats stay floats where no 1 - p is rounded."""
    if not isinstance(values, RationalArray):
        other = 1 - values
        if np.array_equal(1 - other, values):  # 1 - fl(1 - p) has no rounding error (Dekker's fast two-sum)
            return np.stack([other, values], axis=1)
        values = RationalArray.of(values, "probabilities")
    return concatenate([(1 - values).reshape(-1, 1), values.reshape(-1, 1)], axis=1)


def _top(values: Numbers, labels: Integers, ties: str) -> Predictions:
    numbers = comparable(values)
    largest = numbers.max(axis=1)
    confidences: Numbers = values.max(axis=1) if isinstance(values, RationalArray) else largest
    if ties == "share":
        own = np.take_along_axis(numbers, labels[:, None], axis=1)[:, 0]
        return Predictions(confidences, np.asarray(own == largest, dtype=bool), (numbers == largest[:, None]).sum(axis=1).astype(np.int64))
    chosen = numbers.argmax(axis=1) if ties == "first" else numbers.shape[1] - 1 - numbers[:, ::-1].argmax(axis=1)
    return Predictions(confidences, np.asarray(chosen == labels, dtype=bool))
