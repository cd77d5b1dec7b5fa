"""What is asked of a temperature or a scaling: logits in rows with their targets; and whether a temperature has an answer.

    L'(0) = sum_n mean(z_n) - z_(n, y_n),   L'(inf) = sum_n max(z_n) - z_(n, y_n) >= 0

The loss L is convex, so that there is an optimum tau > 0 exactly if L'(0) < 0 < L'(inf). Both signs are decided over Q.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from exactnn.cooling._reading import Floats, Given, Integers, check_probabilities, classes_of, comparable, label_array, read, read_labels
from exactnn.cooling._slope import Samples
from exactnn.cooling._sums import exact_sum
from exactnn.errors import ArgumentError, NoOptimalTemperature, ShapeError
from exactnn.exact.array import RationalArray, concatenate
from exactnn.exact.rounding import are_floats


@dataclass(frozen=True)
class Problem:
    """Logits in rows, with a class or a target distribution for each."""

    logits: Given
    labels: Integers | None
    targets: Given | None

    @property
    def floats(self) -> tuple[Floats, Floats | None]:
        """Logits and targets as the nearest floats."""
        logits = nearest(self.logits)
        if not np.isfinite(logits).all():
            raise ArgumentError("logits: numbers below 2^1024 are needed; divide all of them by one number, and tau is multiplied by it")
        return logits, None if self.targets is None else nearest(self.targets)

    @property
    def exact(self) -> tuple[RationalArray, RationalArray | None]:
        """Logits and targets as rationals."""
        return RationalArray.of(self.logits.numbers), None if self.targets is None else RationalArray.of(self.targets.numbers)

    @property
    def is_float(self) -> bool:
        """Whether every number is a float64."""
        given = [self.logits, *([] if self.targets is None else [self.targets])]
        return all(not isinstance(g.numbers, RationalArray) or are_floats(g.numbers, "float64") for g in given)


def nearest(given: Given) -> Floats:
    """The numbers as floats."""
    return given.numbers.to_float() if isinstance(given.numbers, RationalArray) else given.numbers


def read_problem(logits: Any, labels: Any, *, class_axis: int, ignore_label: int | None) -> Problem:
    """The arguments, checked, with one row for each sample that counts."""
    given = read(logits, "logits")
    wanted = label_array(labels)
    axis = class_axis
    if len(given.shape) == 1:
        if not given.numbers.size:
            raise ArgumentError("logits: at least one sample is needed, got an empty vector")
        given, axis = Given(_against_zero(given.numbers), given.slack), -1
    classes = classes_of(given, axis, "logits") if given.shape else 0
    if not classes:
        raise ShapeError("logits: rows over the classes are needed, got one number")
    if wanted.shape == given.shape:
        targets = read(labels, "labels").rows(axis)
        if ignore_label is not None:
            raise ArgumentError("ignore_label: it is for integer labels; leave out rows of targets instead")
        check_probabilities(targets, "labels")
        return Problem(given.rows(axis), None, targets)
    found, used = read_labels(wanted, given.samples(axis), classes, ignore_label)
    return Problem(given.rows(axis).at(used), found, None)


def _against_zero(values: Floats | RationalArray) -> Floats | RationalArray:
    if isinstance(values, RationalArray):
        column = values.reshape(-1, 1)
        return concatenate([RationalArray.zeros(column.shape), column], axis=1)
    return np.stack([np.zeros_like(values), values], axis=1)


# --- existence -------------------------------------------------------------------------------------------------------------


def refuse_without_optimum(problem: Problem, samples: Samples) -> None:
    """NoOptimalTemperature unless L'(0) < 0 < L'(inf)."""
    values = comparable(problem.logits.numbers)
    top = values.max(axis=1)
    if (top == values.min(axis=1)).all():
        raise NoOptimalTemperature(
            "logits: a sample whose logits differ is needed, but each has equal logits for all classes, so that every temperature has the "
            "same loss",
            "constant",
        )
    if problem.labels is not None:
        missed = np.take_along_axis(values, problem.labels[:, None], axis=1)[:, 0] != top
    else:
        assert problem.targets is not None
        missed = ((comparable(problem.targets.numbers) > 0) & (values != top[:, None])).any(axis=1)
    if not missed.any():
        raise NoOptimalTemperature(
            f"labels: a target that is not on the largest logit is needed, but all {len(top)} samples are classified correctly, so that "
            "the loss falls for ever as tau grows; use samples that were not trained on, or label smoothing",
            "accuracy-1",
            math.inf,
        )
    chance = samples.proved(0.0)
    sign = chance.value if abs(chance.value) > chance.error and problem.is_float else _slope_at_zero(problem)
    if sign >= 0:
        raise NoOptimalTemperature(
            f"logits: targets must have larger logits than classes have on average, but are {'smaller' if sign else 'equal'}, so "
            "that the loss does not fall from tau = 0 on, and a tau < 0 would turn the order of all classes; look at the order of the "
            "labels, or at the model",
            "worse-than-chance",
            0.0,
        )


def _slope_at_zero(problem: Problem) -> Fraction:
    """classes L'(0), exactly."""
    values = problem.logits.numbers
    if problem.labels is not None and not isinstance(values, RationalArray):
        own = np.take_along_axis(values, problem.labels[:, None], axis=1)
        return exact_sum(values) - int(values.shape[1]) * exact_sum(own)
    exact, targets = problem.exact
    classes = exact.shape[1]
    if targets is None:
        assert problem.labels is not None
        own_exact = exact[np.arange(len(exact)), problem.labels]
        return exact.sum().item() - classes * own_exact.sum().item()
    return (targets.sum(axis=1) * exact.sum(axis=1)).sum().item() - classes * (targets * exact).sum().item()
