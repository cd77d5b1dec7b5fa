"""The assertion about probabilities: a calibration error is at most a bound, compared exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from exactnn.cooling import expected_calibration_error, reliability_diagram
from exactnn.errors import ArgumentError, PropertyFailed
from exactnn.exact.numbers import Number, approximately, as_fraction

_SHOWN = 5  # bins


def assert_calibrated(probabilities: Any, labels: Any, *, bound: Number, norm: str = "l1", **options: Any) -> Fraction:
    """sum_j |B_j|/n |accuracy(B_j) - confidence(B_j)| <= bound (norm "l1"), or the largest gap of a bin ("max"), in rational arithmetic.

    Parameters
    ----------
    probabilities, labels : as for `exactnn.cooling.expected_calibration_error`
    bound : a number >= 0
    norm : "l1" or "max"
    options : bins, binning, closed, mode, ties, class_axis, ignore_label, as there

    Returns
    -------
    Fraction
        The error.

    Raises
    ------
    PropertyFailed
        An AssertionError that shows the bins with the largest share of the error.
    ArgumentError, NotFiniteError, ShapeError

    Examples
    --------
    >>> import exactnn as xn
    >>> xn.testing.assert_calibrated(["1/4", "1/4", "3/4", "3/4"], [0, 1, 1, 1], bound="1/4", bins=2)
    Fraction(1, 4)
    """
    __tracebackhide__ = True
    most = as_fraction(bound, "bound")
    if most < 0:
        raise ArgumentError(f"bound: a number >= 0 is needed, got {bound!r}")
    if norm not in ("l1", "max"):
        raise ArgumentError(f'norm: "l1" or "max" is needed, whose values are rational, got {norm!r}')
    found = expected_calibration_error(probabilities, labels, norm=norm, **options)
    assert isinstance(found, Fraction)
    if found <= most:
        return found
    lines = [f"the calibration error ({norm}) is {approximately(found)}, more than {approximately(most)}"]
    if options.get("mode") != "classwise":
        diagram = reliability_diagram(probabilities, labels, **options)
        rows = sorted((b for b in diagram.bins if b.count), key=lambda b: -(b.gap if norm == "max" else b.count * b.gap))
        for b in rows[:_SHOWN]:
            ends, means = (
                tuple(approximately(v) for v in pair if v is not None) for pair in ((b.lower, b.upper), (b.confidence, b.accuracy))
            )
            lines.append(f"  confidence from {ends[0]} to {ends[1]}: {b.count} of {diagram.count}, mean {means[0]}, accuracy {means[1]}")
    raise PropertyFailed("\n".join(lines))
