"""What a pass over boxes is asked: a bound for each box, which is to fall below a threshold, and points where it may be exceeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from exactnn.difference._stages import Floats
from exactnn.difference._zonotope import Pass, less_chosen

#: what a bound may lack of a tolerance
MARGIN = 2.0**-20
_LEAST = 2.0**-40  # a margin

Indices = np.ndarray[Any, np.dtype[np.intp]]


class Judged(NamedTuple):
    """For each box a bound, the number of an output if a leaf names one, and a direction (inputs, boxes) in which to look for a point."""

    bounds: Floats
    chosen: Indices | None
    towards: Floats


@dataclass(frozen=True)
class Distance:
    """|f - g| in a norm over the outputs: "linf" (the largest) or "l1" (the sum)."""

    norm: str = "linf"

    def judge(self, found: Pass) -> Judged:
        """The largest |f - g| on each box."""
        low, high = found.outputs[2]
        reach = np.maximum(-low, high)
        sign = np.where(high >= -low, 1.0, -1.0)
        slopes = found.forms[2].parts[0][:, :, 1:]
        if self.norm == "l1":
            return Judged(reach.sum(axis=0) * (1 + 2.0**-40), None, np.einsum("eb,ebi->ib", sign, slopes))
        worst, boxes = reach.argmax(axis=0), np.arange(reach.shape[1])
        return Judged(reach[worst, boxes], None, (sign[worst, boxes, None] * slopes[worst, boxes]).T)

    def threshold(self, tolerance: Fraction, rounding: float) -> float:
        """Bounds up to it are proved to be within the tolerance, by the checker too, which rounds otherwise, by no more than this.

        A bound is 0 only where nothing is rounded: identical functions.
        """
        try:
            found = float(tolerance)
        except OverflowError:
            found = float(np.finfo(np.float64).max)
        return max(found * (1 - MARGIN) - rounding, 0.0)

    def sizes(self, values: Sequence[Floats]) -> Floats:
        """The norm at points, of values (outputs, points) of each network."""
        size = np.abs(_apart(values))
        return np.asarray(size.sum(axis=0) if self.norm == "l1" else size.max(axis=0))

    def rows(self, values: Sequence[Floats]) -> list[Floats]:
        """The gradient of the norm with respect to the outputs of each network."""
        apart = _apart(values)
        sign = np.sign(apart)
        if self.norm != "l1":
            worst, columns = np.abs(apart).argmax(axis=0), np.arange(apart.shape[1])
            only = np.zeros_like(apart)
            only[worst, columns] = sign[worst, columns]
            sign = only
        return [sign, -sign][: len(values)]


@dataclass(frozen=True)
class Margin:
    """How far the outputs other than the chosen one are from being maximal, in f and in g; negative: both decide alike."""

    def judge(self, found: Pass) -> Judged:
        """max over j of f_j - f_i and g_j - g_i, i the maximal output of f in the middle of the box."""
        f, g, _ = found.forms
        assert g is not None
        chosen = f.parts[0][:, :, 0].argmax(axis=0)
        boxes = np.arange(len(chosen))
        bounds = np.full(len(chosen), -np.inf)
        towards = np.zeros((f.parts[0].shape[2] - 1, len(chosen)))
        for form in (f, g):
            gap = less_chosen(form, chosen)
            reach = gap.range().hi
            reach[chosen, boxes] = -np.inf
            worst = reach.argmax(axis=0)
            towards = np.where(reach[worst, boxes] > bounds, gap.parts[0][worst, boxes, 1:].T, towards)
            bounds = np.maximum(bounds, reach[worst, boxes])
        return Judged(bounds, chosen, towards)

    def threshold(self, tolerance: Fraction, rounding: float) -> float:
        """Margins up to it are negative for the checker too, which rounds otherwise, by no more than this."""
        return -_LEAST - rounding

    def sizes(self, values: Sequence[Floats]) -> Floats:
        """Positive where the maximal output of one network is not maximal in the other."""
        f, g = values
        columns = np.arange(f.shape[1])
        first, second = f.argmax(axis=0), g.argmax(axis=0)
        return np.asarray(f[first, columns] - f[second, columns] + g[second, columns] - g[first, columns])

    def rows(self, values: Sequence[Floats]) -> list[Floats]:
        """The gradient of what remains until the runner-up of f is maximal in f, and less so in g."""
        f, g = values
        columns = np.arange(f.shape[1])
        order = np.argsort(f, axis=0)
        last, best = order[-2] if len(f) > 1 else order[-1], order[-1]
        found = np.zeros_like(f)
        found[last, columns] += 1
        found[best, columns] -= 1
        return [found, np.zeros_like(g)]


Question = Distance | Margin


def _apart(values: Sequence[Floats]) -> Floats:
    with np.errstate(invalid="ignore"):  # proposals only
        return values[0] - values[1] if len(values) > 1 else values[0]
