"""How far confidences are from how often they are right: reliability diagrams and calibration errors, without rounding.

    gap_j = |accuracy of bin B_j - mean confidence of B_j|,   w_j = |B_j|/n
    l1 (ECE)  sum_j w_j gap_j      l2  (sum_j w_j gap_j^2)^(1/2)      max (MCE)  max_j gap_j,  weighted: max_j w_j gap_j

Floats are the dyadic rationals they are. Every bin is decided exactly and every sum is exact, so that nothing depends on the order of the
samples; numpy works in bulk, and gives what rational arithmetic gives.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from exactnn.cooling._occupied import Occupied, occupied
from exactnn.cooling._predictions import read_predictions
from exactnn.cooling._reading import Numbers, comparable
from exactnn.errors import ArgumentError
from exactnn.exact.array import RationalArray
from exactnn.exact.calls import helpful
from exactnn.exact.numbers import shown
from exactnn.exact.rounding import round_quotient_by_root
from exactnn.texts import number
from exactnn.value import Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NORMS = ("l1", "l2", "max")
BINNINGS = ("width", "mass")
SIDES = ("right", "left")
#: More bins are refused: no data fills them, and a diagram lists them all.
MOST_BINS = 1_000_000


@dataclass(frozen=True, repr=False)
class Bin(Value):
    """One bin: its ends (equal mass: the least and greatest confidence in it), how many samples, their mean confidence and accuracy."""

    lower: Fraction | None
    upper: Fraction | None
    count: int
    confidence: Fraction | None
    accuracy: Fraction | None

    @property
    def gap(self) -> Fraction:
        """|accuracy - mean confidence|, 0 for an empty bin."""
        return Fraction(0) if self.confidence is None or self.accuracy is None else abs(self.accuracy - self.confidence)


@dataclass(frozen=True, repr=False)
class ReliabilityDiagram(Value):
    """The bins of a set of predictions, all of them, empty ones as well; its errors are exact.

    Attributes
    ----------
    bins : the bins, from confidence 0 to 1
    mode : "top-label" or "binary"
    binning : "width" or "mass"
    closed : "right" or "left"
    """

    bins: tuple[Bin, ...]
    mode: str
    binning: str
    closed: str

    def _summary(self) -> str:
        return f"{self.count} samples in {len(self.bins)} bins, expected error {number(self.expected_error)}"

    def _rows(self) -> list[tuple[str, str]]:
        rows = [("samples", str(self.count)), ("accuracy", number(self.accuracy)), ("confidence", number(self.confidence))]
        return [*rows, *((f"bin {i}", repr(b)) for i, b in enumerate(self.bins) if b.count)]

    @property
    def count(self) -> int:
        """How many samples there are."""
        return sum(b.count for b in self.bins)

    @property
    def accuracy(self) -> Fraction:
        """The share of hits."""
        return sum((b.count * b.accuracy for b in self.bins if b.accuracy is not None), Fraction(0)) / self.count

    @property
    def confidence(self) -> Fraction:
        """The mean confidence."""
        return sum((b.count * b.confidence for b in self.bins if b.confidence is not None), Fraction(0)) / self.count

    @property
    def expected_error(self) -> Fraction:
        """sum_j w_j gap_j."""
        return sum((b.count * b.gap for b in self.bins), Fraction(0)) / self.count

    @property
    def squared_error(self) -> Fraction:
        """sum_j w_j gap_j^2, whose square root is the l2 error."""
        return sum((b.count * b.gap**2 for b in self.bins), Fraction(0)) / self.count

    @property
    def maximum_error(self) -> Fraction:
        """max_j gap_j."""
        return max(b.gap for b in self.bins)

    @property
    def weighted_maximum_error(self) -> Fraction:
        """max_j w_j gap_j."""
        return max(b.count * b.gap for b in self.bins) / self.count

    def plot(self, *, ax: Axes | None = None, path: str | os.PathLike[str] | None = None) -> Axes:
        """Draw it: bars of accuracy, their gaps to the mean confidence, the diagonal, and the number of samples in each bin.

        `ax` : the matplotlib Axes to draw in; None for a new figure. Nothing is shown: that is for the caller to do.
        `path` : where to write the figure, too: .png, .pdf or .svg.
        """
        from exactnn.cooling._diagram import draw

        return draw(self, ax, path)


def _check(bins: Any, binning: str, closed: str) -> int:
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or not 1 <= bins <= MOST_BINS:
        raise ArgumentError(f"bins: an integer from 1 to {MOST_BINS} is needed, got {shown(bins)}")
    for name, value, allowed in (("binning", binning, BINNINGS), ("closed", closed, SIDES)):
        if value not in allowed:
            raise ArgumentError(f"{name}: one of {', '.join(allowed)} is needed, got {shown(value)}")
    return int(bins)


def _errors(probabilities: Any, labels: Any, bins: Any, binning: str, closed: str, **options: Any) -> Iterator[Occupied]:
    size = _check(bins, binning, closed)
    return (occupied(p, size, binning, closed) for p in read_predictions(probabilities, labels, **options)[1])


@helpful
def reliability_diagram(
    probabilities: Any,
    labels: Any,
    *,
    bins: int = 15,
    binning: str = "width",
    closed: str = "right",
    mode: str | None = None,
    ties: str = "first",
    class_axis: int = -1,
    ignore_label: int | None = None,
) -> ReliabilityDiagram:
    """The bins B_1, ..., B_N of the confidences, with mean confidence and accuracy of each, as exact values.

    Parameters are those of `expected_calibration_error`; "classwise" has a diagram for each class k: that of probabilities[:, k] and
    labels == k.

    Examples
    --------
    >>> diagram = reliability_diagram(["1/4", "1/4", "11/20", "3/4", "3/4"], [0, 0, 1, 1, 1], bins=2)
    >>> diagram.bins[1]
    Bin(lower=1/2 = 0.5, upper=1, count=3, confidence=41/60, about 0.6833, accuracy=1)
    >>> diagram.expected_error, diagram.maximum_error, diagram.squared_error
    (Fraction(29, 100), Fraction(19, 60), Fraction(511, 6000))
    """
    size = _check(bins, binning, closed)
    found, predictions = read_predictions(probabilities, labels, mode=mode, ties=ties, class_axis=class_axis, ignore_label=ignore_label)
    if found == "classwise":
        raise ArgumentError(
            "mode: 'top-label' or 'binary' is needed for a diagram, got 'classwise'; "
            "that of class k is that of probabilities[:, k], labels == k"
        )
    one = next(predictions)
    filled = occupied(one, size, binning, closed)
    if binning == "mass":
        ends = dict(zip(filled.places, _extremes(one.confidences, filled.sizes), strict=True))
    else:
        ends = {j: (Fraction(j, size), Fraction(j + 1, size)) for j in range(size)}
    known = dict(zip(filled.places, zip(filled.sizes, filled.confidences, filled.hits, strict=True), strict=True))
    rows = []
    for j in range(size):
        count, confidence, hits = known.get(j, (0, None, None))
        means = (None, None) if confidence is None or hits is None else (confidence / count, hits / count)
        lower, upper = ends.get(j, (None, None))
        rows.append(Bin(lower, upper, count, *means))
    return ReliabilityDiagram(tuple(rows), found, binning, closed)


def _extremes(values: Numbers, sizes: Sequence[int]) -> list[tuple[Fraction, Fraction]]:
    """The least and the greatest in each bin of equal mass, of which these are the sizes: greater values lie in later bins."""
    ordered, one = np.sort(comparable(values)).tolist(), values.denominator if isinstance(values, RationalArray) else 1
    stops = itertools.accumulate(sizes)
    return [(Fraction(ordered[stop - size]) / one, Fraction(ordered[stop - 1]) / one) for size, stop in zip(sizes, stops, strict=True)]


@helpful
def expected_calibration_error(
    probabilities: Any,
    labels: Any,
    *,
    bins: int = 15,
    norm: str = "l1",
    binning: str = "width",
    closed: str = "right",
    mode: str | None = None,
    ties: str = "first",
    class_axis: int = -1,
    ignore_label: int | None = None,
) -> Fraction | float:
    """The calibration error sum_j |B_j|/n |accuracy(B_j) - confidence(B_j)|, exactly.

    Parameters
    ----------
    probabilities : (..., classes) rows of class probabilities, or an array of P(class 1) with the shape of the labels. Lists of ints,
        Fractions and texts like "1/3" or "0.3" are taken exactly, and must sum to exactly 1; floats (numpy, tensors, lists) are the
        dyadic rationals they are, and rows may miss 1 by 1e-4 (half precision: 1e-2)
    labels : integers from 0; for P(class 1) 0 and 1
    bins : how many
    norm : "l1", "l2" (the square root of the weighted mean of the squared gaps), "max" (the largest gap, as `maximum_calibration_error`)
    binning : "width": bins of width 1/N; "mass": by the share of samples that are at most as confident, ties kept together
    closed : "right": ((j - 1)/N, j/N], 0 counted in the first bin; "left": [(j - 1)/N, j/N), 1 counted in the last
    mode : "top-label": max_k p_k, and whether the label attains it; the default for rows. "binary": P(class 1), and whether the label is
        1; the default for a vector. "classwise": the binary error of each class, their mean (l1), root mean square (l2), maximum (max)
    ties : which of several largest probabilities is the predicted class: "first", "last"; "share": each in equal parts
    class_axis : the axis of the classes
    ignore_label : samples with this label are left out

    Returns
    -------
    Fraction; for "l2" the nearest float of the root (its exact square is `reliability_diagram(...).squared_error`)

    Raises
    ------
    ArgumentError, NotFiniteError, ShapeError

    Examples
    --------
    >>> rows = [["0.25", "0.20", "0.55"], ["0.55", "0.05", "0.40"], ["0.10", "0.30", "0.60"], ["0.90", "0.05", "0.05"]]
    >>> expected_calibration_error(rows, [0, 1, 2, 0], bins=3)
    Fraction(1, 5)
    >>> expected_calibration_error(rows, [0, 1, 2, 0], bins=3, norm="l2")
    0.20816659994661327
    >>> expected_calibration_error([0.5, 0.5], [0, 1], bins=2, closed="left") == 0
    True
    """
    if norm not in NORMS:
        raise ArgumentError(f"norm: one of {', '.join(NORMS)} is needed, got {shown(norm)}")
    options: dict[str, Any] = {"mode": mode, "ties": ties, "class_axis": class_axis, "ignore_label": ignore_label}
    if norm == "max":
        return maximum_calibration_error(probabilities, labels, bins=bins, binning=binning, closed=closed, **options)
    errors = []
    for one in _errors(probabilities, labels, bins, binning, closed, **options):
        n = sum(one.sizes)
        if norm == "l1":
            errors.append(sum(one.gaps, Fraction(0)) / n)
        else:
            errors.append(sum((g * g / size for g, size in zip(one.gaps, one.sizes, strict=True)), Fraction(0)) / n)
    mean = sum(errors, Fraction(0)) / len(errors)
    if norm == "l1":
        return mean
    return float(round_quotient_by_root(mean, mean, "float64")) if mean else 0.0


@helpful
def maximum_calibration_error(
    probabilities: Any,
    labels: Any,
    *,
    bins: int = 15,
    weighted: bool = False,
    binning: str = "width",
    closed: str = "right",
    mode: str | None = None,
    ties: str = "first",
    class_axis: int = -1,
    ignore_label: int | None = None,
) -> Fraction:
    """The largest gap max_j |accuracy(B_j) - confidence(B_j)| of a bin that is not empty, exactly.

    Parameters
    ----------
    weighted : False: as above (Guo et al. 2017); True: max_j |B_j|/n |accuracy(B_j) - confidence(B_j)|
    others : as for `expected_calibration_error`; "classwise" has the maximum over the classes

    Examples
    --------
    >>> p, y = ["1/4", "1/4", "11/20", "3/4", "3/4"], [0, 0, 1, 1, 1]
    >>> maximum_calibration_error(p, y, bins=2), maximum_calibration_error(p, y, bins=2, weighted=True)
    (Fraction(19, 60), Fraction(19, 100))
    """
    options = {"mode": mode, "ties": ties, "class_axis": class_axis, "ignore_label": ignore_label}
    return max(
        max(g / (sum(one.sizes) if weighted else size) for g, size in zip(one.gaps, one.sizes, strict=True))
        for one in _errors(probabilities, labels, bins, binning, closed, **options)
    )
