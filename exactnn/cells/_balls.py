"""Floats with bounds of their errors: values at points x_0 + M x_1, affine forms of them, and the place where one changes its sign.

The bounds are rigorous (docs/theory.md 11): every rounding is counted, a NaN or an infinity decides nothing, and what is exactly 0 has the
bound 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exactnn.cells._maps import StageMap
from exactnn.exact.array import RationalArray, nearest_float

Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Ids = np.ndarray[Any, np.dtype[np.int64]]
Signs = np.ndarray[Any, np.dtype[np.int8]]

UNIT = 2.0**-53
FLOOR = 1e-120  # added to every error bound that is not 0, so that underflow cannot hide an error
_SMALLEST, _LARGEST = 1e-150, 1e150


@dataclass
class Balls:
    """Values (points, parts, columns), part 0 the constants and part 1 the factors of M, and bounds of their errors (None: ignored)."""

    mid: Floats
    rad: Floats | None

    def take(self, rows: Any) -> Balls:
        """Some of the points."""
        return Balls(self.mid[rows], None if self.rad is None else self.rad[rows])

    def put(self, rows: Any, balls: Balls) -> None:
        """Other values at some of the points."""
        self.mid[rows] = balls.mid
        if self.rad is not None and balls.rad is not None:
            self.rad[rows] = balls.rad

    def grown(self, used: int, room: int) -> Balls:
        """The first points, with room for more."""
        return Balls(grown(self.mid, used, room), None if self.rad is None else grown(self.rad, used, room))

    @staticmethod
    def join(parts: Sequence[Balls], axis: int = 0) -> Balls:
        """Points, or columns (axis 2), side by side."""
        mid = np.concatenate([p.mid for p in parts], axis=axis)
        return Balls(mid, None if parts[0].rad is None else np.concatenate([p.rad for p in parts if p.rad is not None], axis=axis))


class Table:
    """Balls to which points are added at the end, again and again."""

    def __init__(self, balls: Balls) -> None:
        self._balls, self._count = balls, len(balls.mid)

    @property
    def count(self) -> int:
        """The number of points."""
        return self._count

    def take(self, rows: Any) -> Balls:
        """Some of the points."""
        return self._balls.take(rows)

    def kept(self, rows: Ids) -> Table:
        """The table of those of its points that are among these, which are in increasing order."""
        return Table(self.take(rows[rows < self._count]))

    def append(self, balls: Balls) -> None:
        """More points."""
        n, new = self._count, len(balls.mid)
        if n + new > len(self._balls.mid):
            self._balls = self._balls.grown(n, 2 * (n + new))
        self._balls.put(slice(n, n + new), balls)
        self._count = n + new


class FloatMap:
    """A stage's form for balls: z = sum_k y_k B_k^T + c, with the errors of floating point accounted for."""

    def __init__(self, form: StageMap) -> None:
        self.matrices = {k: b.to_float().T.copy() for k, b in form.blocks.items()}
        self.sizes = {k: np.abs(m) for k, m in self.matrices.items()}
        self.constant = form.constant.to_float()
        terms = sum(len(m) for m in self.matrices.values())
        self.unit = (terms + 16) * UNIT
        self.usable = all(
            _in_range(m, b) for m, b in zip([*self.matrices.values(), self.constant], [*form.blocks.values(), form.constant], strict=True)
        )

    def apply(self, values: dict[int, Balls]) -> Balls:
        """The pre-activations; `values` holds every source that the form reads."""
        some = next(iter(values.values()))
        points, parts = some.mid.shape[:2]
        mid = np.zeros((points, parts, len(self.constant)))
        mid[:, 0] = self.constant
        for k, m in self.matrices.items():
            mid += _product(values[k].mid, m)
        if some.rad is None:
            return Balls(mid, None)
        rad = np.zeros_like(mid)
        rad[:, 0] = self.unit * np.abs(self.constant)
        for k, m in self.sizes.items():
            rad += _product(_radius(values[k]) + self.unit * np.abs(values[k].mid), m)
        rad = _inflated(rad)
        rad[~np.isfinite(mid)] = np.inf
        if not self.usable:
            rad[:] = np.inf
        return Balls(mid, rad)


def interpolate(left: Balls, right: Balls, column: int, finite: Bools) -> Balls:
    """Values at the zero of one column between two points (positive at the left, negative at the right), all columns being affine.

    With f = f_0 + M f_1 the ratio t = f_a / (f_a - f_b) is t_1 + tau / M + ..., t_1 = f_a1 / (f_a1 - f_b1),
    tau = (f_a1 f_b0 - f_a0 f_b1) / (f_a1 - f_b1)^2, where the denominator is not 0; and the 1/M part of the result vanishes.
    """
    parts = left.mid.shape[1]
    fa, fb = left.mid[:, :, column], right.mid[:, :, column]
    ra, rb = (None, None) if left.rad is None or right.rad is None else (left.rad[:, :, column], right.rad[:, :, column])
    mid = np.empty_like(left.mid)
    rad = None if ra is None else np.empty_like(left.mid)
    far = np.zeros(len(fa), dtype=bool)
    if parts == 2:
        far = (fa[:, 1] != 0) | (fb[:, 1] != 0)
        if ra is not None and rb is not None:
            far |= (ra[:, 1] != 0) | (rb[:, 1] != 0)
    level = np.where(far, parts - 1, 0)
    every = np.arange(len(fa))
    f1, g1 = fa[every, level], fb[every, level]
    t, error = _ratio(f1, g1, None if ra is None else ra[every, level], None if rb is None else rb[every, level])
    for p in range(parts):
        mid[:, p], own = _between(left, right, p, t, error)
        if rad is not None and own is not None:
            rad[:, p] = own
    if parts == 2:
        rows = np.flatnonzero(far)
        if len(rows):
            near = [None if r is None else r[rows] for r in (ra, rb)]
            tau, doubt = _second(fa[rows], fb[rows], near[0], near[1])
            slope = right.mid[rows, 1] - left.mid[rows, 1]
            mid[rows, 0] += tau[:, None] * slope
            if rad is not None and left.rad is not None and right.rad is not None and doubt is not None:
                size = np.abs(left.mid[rows, 1]) + np.abs(right.mid[rows, 1])
                wide = left.rad[rows, 1] + right.rad[rows, 1]
                more = doubt[:, None] * (np.abs(slope) + wide) + np.abs(tau)[:, None] * (wide + 8 * UNIT * size)
                rad[rows, 0] = _inflated(rad[rows, 0] + more + 8 * UNIT * np.abs(mid[rows, 0]))
        mid[finite, 1] = 0.0
        if rad is not None:
            rad[finite, 1] = 0.0
    return Balls(mid, rad)


def _ratio(f: Floats, g: Floats, rf: Floats | None, rg: Floats | None) -> tuple[Floats, Floats | None]:
    """t = f / (f - g) for f >= 0 >= g, and its error: |t* - t| <= ((1 - t) r_f + t r_g) / (f - g - r_f - r_g)."""
    gap = f - g
    t = f / gap
    if rf is None or rg is None:
        return t, None
    room = gap * (1 - 8 * UNIT) - rf - rg
    error = ((1 - t + 4 * UNIT) * rf + (t + 4 * UNIT) * rg) / room
    return t, np.where((room > 0) & np.isfinite(gap), error * (1 + 1e-9) + 4 * UNIT, np.inf)


def _between(left: Balls, right: Balls, p: int, t: Floats, error: Floats | None) -> tuple[Floats, Floats | None]:
    a, b = left.mid[:, p], right.mid[:, p]
    step = t[:, None]
    mid = a + step * (b - a)
    if error is None or left.rad is None or right.rad is None:
        return mid, None
    ra, rb, doubt = left.rad[:, p], right.rad[:, p], error[:, None]
    rad = (1 - step + doubt) * ra + (step + doubt) * rb + doubt * np.abs(b - a) + 8 * UNIT * (np.abs(a) + np.abs(b))
    return mid, _inflated(rad)


def _second(fa: Floats, fb: Floats, ra: Floats | None, rb: Floats | None) -> tuple[Floats, Floats | None]:
    """tau and a bound of its error."""
    gap = fa[:, 1] - fb[:, 1]
    square = gap * gap
    first, second = fa[:, 1] * fb[:, 0], fa[:, 0] * fb[:, 1]
    tau = (first - second) / square
    if ra is None or rb is None:
        return tau, None
    wide = ra[:, 1] + rb[:, 1]
    room = gap * (1 - 8 * UNIT) - wide
    error = np.abs(fa[:, 1]) * rb[:, 0] + (np.abs(fb[:, 0]) + rb[:, 0]) * ra[:, 1]
    error += np.abs(fb[:, 1]) * ra[:, 0] + (np.abs(fa[:, 0]) + ra[:, 0]) * rb[:, 1]
    error += 8 * UNIT * (np.abs(first) + np.abs(second))
    doubt = (error + np.abs(tau) * (wide * (2 * gap + wide) + 16 * UNIT * square)) / (room * room)
    return tau, np.where(room > 0, doubt * (1 + 1e-9) + FLOOR, np.inf)


def nearest(tops: Sequence[Any], bottoms: Sequence[Any]) -> tuple[Floats, Floats]:
    """Quotients of integers as floats, and bounds of their errors (0 for 0)."""
    mid = np.array([nearest_float(int(p), int(q)) for p, q in zip(tops, bottoms, strict=True)], dtype=np.float64)
    exact = np.array([not p for p in tops], dtype=bool)
    with np.errstate(invalid="ignore"):
        rad = np.where(exact, 0.0, np.abs(mid) * (4 * UNIT) + FLOOR)
    return mid, np.where(np.isfinite(mid), rad, np.inf)


def gated(z: Balls, signs: Signs) -> Balls:
    """max(z, 0), the signs being known."""
    active = (signs > 0)[:, None, :]
    return Balls(np.where(active, z.mid, 0.0), None if z.rad is None else np.where(active, z.rad, 0.0))


def _product(values: Floats, matrix: Floats) -> Floats:
    """(points, parts, n) times (n, m) as one product of matrices, which is much faster than one for each point."""
    points, parts, n = values.shape
    return (values.reshape(points * parts, n) @ matrix).reshape(points, parts, matrix.shape[1])


def _radius(values: Balls) -> Floats:
    assert values.rad is not None
    return values.rad


def _inflated(rad: Floats) -> Floats:
    """A little larger than the rounding of the bound itself; 0 stays 0, and NaN stays NaN, which decides nothing."""
    return np.where(rad == 0, 0.0, rad * (1 + 1e-6) + FLOOR)


def _in_range(matrix: Floats, exact: RationalArray) -> bool:
    """Whether float arithmetic with these numbers neither underflows nor overflows."""
    live = np.abs(matrix[matrix != 0])
    if len(live) != int(exact.nonzero().sum()):
        return False
    return not len(live) or bool(live.min() > _SMALLEST and live.max() < _LARGEST)


def grown(array: Any, used: int, room: int) -> Any:
    """The first `used` rows in an array with room for `room` rows."""
    result = np.empty((room, *array.shape[1:]), dtype=array.dtype)
    result[:used] = array[:used]
    return result
