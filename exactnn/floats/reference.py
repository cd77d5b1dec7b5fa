"""What was read against a run of the model itself: the network's values and a bound on that run's rounding, at the same points.

A value of the run may differ from the network's by the bound of `exactnn.floats.running` (../docs/theory.md); where the bound says
little, more than 10^-3 of the output, a run in float64 decides, within 10^-6 of the largest value met.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from exactnn.floats.running import Format, run
from exactnn.network import Network

Values = np.ndarray[Any, Any]

#: a bound beyond this part of the output says little, and how near float64 must be then, relative to the largest value met
_LITTLE, _NEAR = 1e-3, 1e-6
#: roundings that a run may be off in practice, where there is no better bound
_STEPS, _FOLDED = 64, 16
#: points: standard normal, uniform in [0, 1], and far out, where bounds and thresholds show
POINTS = 3
_FAR = 100.0


@dataclass(frozen=True)
class Difference:
    """The place where a run and the network disagree."""

    point: int
    output: int
    found: float
    expected: float


@dataclass(frozen=True)
class _Run:
    """What is expected at the points: values, bounds, how far runs are off at most in practice, the largest value that each output is made
    of and the largest of all, what cannot overflow, the roundoff.
    """

    values: Values
    bounds: Values
    loose: Values
    sizes: Values
    largest: Values
    fits: Values
    roundoff: float


class Reference:
    """A network's values at points, for comparing with runs in the format `dtype` ("float32" say).

    Without `bounded` nothing is known about the rounding of such a run, and a float64 run is needed.
    """

    def __init__(self, net: Network, dtype: str, *, bounded: bool = True) -> None:
        self.net, self._bounded = net, bounded
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.points = _points(net.input_dim).to(self.dtype).double()

    @property
    def sizes(self) -> list[int]:
        """How many numbers each output has."""
        return [math.prod(self.net.shape(n)) for n in self.net.outputs]

    @cached_property
    def _run(self) -> _Run:
        format = Format.of(self.dtype)
        found = run(self.net, self.points, format, bounded=self._bounded)
        largest = found.largest.numpy()
        # the float64 run here rounds as well
        bounds = found.errors.numpy() * (1 + 2.0**-53 / format.roundoff) + 2.0**-1000
        sizes = found.sizes.numpy() + 2.0**-1000
        loose = max(_LITTLE, _STEPS * format.roundoff) * sizes
        return _Run(found.values.numpy(), bounds, loose, sizes, largest, 2 * largest < format.largest, format.roundoff)

    @property
    def is_sharp(self) -> bool:
        """Whether the bounds tell something about every output at every point."""
        run = self._run
        output = np.minimum(np.abs(run.values).max(axis=1, keepdims=True), run.sizes)  # a mask of -10^9 is none of the others' size
        return bool(run.fits.all() and (run.bounds <= _LITTLE * output + 2.0**-900).all())

    def difference(self, rows: list[int], values: Values) -> Difference | None:
        """Where values (one row for each of these points) differ by more than the bound, or by far more than runs do.

        Points at which the format may overflow are left out.
        """
        run = self._run
        return self._first(rows, values, np.minimum(run.bounds, run.loose), run.fits)

    def is_small(self, gap: Difference) -> bool:
        """Whether a difference beyond the bound may still be rounding, of steps that the network does not have (a float64 run tells)."""
        return bool(abs(gap.found - gap.expected) <= self._run.loose[gap.point, gap.output])

    def is_nearly_rounding(self, gap: Difference) -> bool:
        """Whether a difference is not far beyond the bound: coordinates of interpolation, say, have a rounding that it leaves out."""
        return bool(abs(gap.found - gap.expected) <= 16 * self._run.bounds[gap.point, gap.output])

    @property
    def nearness(self) -> float:
        """How near a float64 run must be, relative to the largest value that an output is made of."""
        return max(_NEAR, _FOLDED * self._run.roundoff)  # constants that were computed in the format are rounded to it

    def near(self, rows: list[int], values: Values) -> Difference | None:
        """Where values of a float64 run differ by more than 10^-6 of the largest value that they are made of."""
        run = self._run
        return self._first(rows, values, self.nearness * run.sizes, run.largest < np.inf)

    def alike(self, rows: list[int], first: Values, second: Values) -> bool:
        """Whether two runs of one batch gave the same, but for the last digits (sums in parallel may be in another order)."""
        run = self._run
        slack = _STEPS * (2.0**-52 if self.dtype.itemsize == 8 else 2.0**-24) * run.sizes[rows]
        with np.errstate(invalid="ignore"):
            same = (np.abs(first - second) <= slack) | (first == second) | ~run.fits[rows, None]
        return bool(same.all())

    def _first(self, rows: list[int], values: Values, bounds: Values, fits: Values) -> Difference | None:
        for row, found in zip(rows, values, strict=True):
            expected = self._run.values[row]
            with np.errstate(invalid="ignore"):
                gaps = np.where(np.isfinite(found), np.abs(found - expected), np.inf)
            wrong = gaps > bounds[row]
            if fits[row] and wrong.any():
                place = int(np.argmax(np.where(wrong, gaps, -1)))
                return Difference(row, place, float(found[place]), float(expected[place]))
        return None

    def described(self, gap: Difference, names: str = "output") -> str:
        """The difference in words."""
        point = ", ".join(f"{v:.6g}" for v in self.points[gap.point, :4].tolist())
        more = ", ..." if self.points.shape[1] > 4 else ""
        return f"{names} {gap.output} at the point ({point}{more}) is {gap.found:.9g} there, {gap.expected:.9g} in the network read"


def _points(dimension: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    normal, far = torch.randn(2, dimension, generator=generator, dtype=torch.float64)
    return torch.stack([normal, torch.rand(dimension, generator=generator, dtype=torch.float64), far * _FAR])
