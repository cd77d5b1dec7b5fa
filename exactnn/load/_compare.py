"""What was read against a run of the model itself: the network's values and a bound on that run's rounding, at the same points.

A value of the run may differ from the network's by the bound of `exactnn.floats.running` (../docs/theory.md); where the bound says
little, more than 10^-3 of the output, a run in float64 decides, within 10^-6 of the largest value met.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from exactnn.network import Network

if TYPE_CHECKING:
    import torch

#: a bound beyond this part of the output says little, and how near float64 must be then, relative to the largest value met
_LITTLE, _NEAR = 1e-3, 1e-6
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


class Reference:
    """A network's values at points, for comparing with runs in the format `dtype` ("float32" say)."""

    def __init__(self, net: Network, dtype: str) -> None:
        import torch

        self.net = net
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.points = _points(net.input_dim).to(self.dtype).double()

    @property
    def sizes(self) -> list[int]:
        """How many numbers each output has."""
        return [math.prod(self.net.shape(n)) for n in self.net.outputs]

    @cached_property
    def _run(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        from exactnn.floats.running import Format, run

        format = Format.of(self.dtype)
        found = run(self.net, self.points, format)
        # the float64 run here rounds as well
        bounds = found.errors.numpy() * (1 + 2.0**-53 / format.roundoff) + 2.0**-1000
        return found.values.numpy(), bounds, found.largest.numpy(), format.largest

    @property
    def is_sharp(self) -> bool:
        """Whether the bounds tell something about every point."""
        values, bounds, _, _ = self._run
        return bool((bounds <= _LITTLE * np.abs(values).max(axis=1, keepdims=True)).all())

    def difference(self, rows: list[int], values: np.ndarray) -> Difference | None:
        """Where values (one row for each of these points) differ by more than the bound; what may overflow is left out."""
        expected, bounds, largest, limit = self._run
        for row, found in zip(rows, values, strict=True):
            if largest[row] * 2 < limit:
                gap = self._first(row, found, expected[row], bounds[row])
                if gap is not None:
                    return gap
        return None

    def near(self, rows: list[int], values: np.ndarray, part: float = _NEAR) -> Difference | None:
        """Where values of a float64 run differ by more than this part of the largest value met."""
        expected, _, largest, _ = self._run
        for row, found in zip(rows, values, strict=True):
            gap = self._first(row, found, expected[row], np.full(len(found), part * largest[row]))
            if gap is not None:
                return gap
        return None

    def _first(self, row: int, found: np.ndarray, expected: np.ndarray, bounds: np.ndarray) -> Difference | None:
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(found - expected) <= bounds)  # NaN is wrong, too
        wrong &= ~np.isposinf(bounds) | ~np.isfinite(found)
        if not wrong.any():
            return None
        place = int(np.argmax(np.where(np.isfinite(found), np.abs(found - expected), np.inf) * wrong))
        return Difference(row, place, float(found[place]), float(expected[place]))

    def described(self, gap: Difference, names: str = "output") -> str:
        """The difference in words."""
        point = ", ".join(f"{v:.6g}" for v in self.points[gap.point, :4].tolist())
        more = ", ..." if self.points.shape[1] > 4 else ""
        return f"{names} {gap.output} at the point ({point}{more}) is {gap.found:.9g} there, {gap.expected:.9g} in the network read"


def _points(dimension: int) -> torch.Tensor:
    import torch

    generator = torch.Generator().manual_seed(0)
    normal, far = torch.randn(2, dimension, generator=generator, dtype=torch.float64)
    return torch.stack([normal, torch.rand(dimension, generator=generator, dtype=torch.float64), far * _FAR])
