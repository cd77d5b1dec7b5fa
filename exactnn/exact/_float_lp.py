"""Float proposals for an exact linear program: a basis, right or wrong; `_simplex` decides.

Small systems go to a dense tableau in numpy (a pivot is one rank-one update, about 10 microseconds), large
ones to HiGHS. Nothing here is trusted: whatever comes out is only where the exact method starts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from exactnn.exact._integer_rows import IntegerRows
from exactnn.exact._simplex import Guess

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

#: Above this many entries of A, HiGHS.
DENSE_LIMIT = 60_000
_SMALL = 1e-9
_RANGE = 900  # bits; integers below 2^900 convert to floats and can be divided by one another


class FloatRows:
    """The system with each row, and each column where they differ much, divided by its greatest entry."""

    def __init__(self, system: IntegerRows) -> None:
        shape = (len(system.rows), system.width)
        width = max([*system.bits, *(abs(b).bit_length() for b in system.rhs), 0])
        entries = [a for row in system.rows for a in row]
        if width < _RANGE:
            a = np.array(entries, dtype=np.float64).reshape(shape)
            b = np.array(system.rhs, dtype=np.float64)
            b /= _scale_rows(a)
            self.columns = np.ones(shape[1])
            top = np.abs(a).max(axis=0, initial=0.0)
            if top.size and top.min() < 1e-4 * top.max():
                self.columns = np.where(top > 0, top, 1.0)
                a /= self.columns
                b /= _scale_rows(a)
        else:
            a, b, self.columns = _scaled_by_exponents(entries, system.rhs, shape)
        reach = np.abs(b).max(initial=0.0)
        self.a, self.b = a, b / reach if reach > 1e6 else b

    def cost(self, cost: Sequence[int]) -> FloatArray:
        """The objective in the scaled variables."""
        mantissa, exponent = _split(cost)
        scaled = np.ldexp(mantissa, np.maximum(exponent - exponent.max(initial=0), -1000)) / self.columns
        top = float(np.abs(scaled).max(initial=0.0))
        unit: FloatArray = scaled / top if 0 < top < np.inf else np.sign(scaled)
        return unit


def propose(rows: FloatRows, cost: Sequence[int] | None, seconds: float = math.inf) -> Guess | None:
    """A basis that a float solver thinks is the last one, or the one it has after so many seconds; None if it failed."""
    c = rows.cost(cost) if cost is not None else np.zeros(rows.a.shape[1])
    with np.errstate(all="ignore"):
        if rows.a.size <= DENSE_LIMIT:
            return _tableau(rows.a, rows.b, c, seconds)
        return _highs(rows.a, rows.b, c, seconds)


def _tableau(a: FloatArray, b: FloatArray, c: FloatArray, seconds: float) -> Guess | None:
    """The two-phase simplex method on the dense tableau [a | slack; cost], as in `_simplex` but in floats."""
    m, n = a.shape
    table = np.empty((m + 1, n + 1))
    table[:m, :n], table[:m, n] = a, b
    table[m, :n], table[m, n] = c, 0.0
    slack, dual, left = table[:m, n], table[m, :n], table[:m, :n]
    label = [~j for j in range(n)]  # ~j: column j is held at 0
    loose = np.ones(n, dtype=bool)
    hint = -1
    if m == 0:
        return None
    end = time.monotonic() + seconds
    for step in range(4 * (m + n) + 20):
        if step % 64 == 63 and time.monotonic() > end:
            break
        row = int(slack.argmin())
        if slack[row] < -_SMALL:
            reach = left[row]
            column = _leaving(reach, dual, loose)
            if column < 0:
                hint = row
                break
        else:
            column = int(np.where(loose, np.abs(dual), -dual).argmax()) if n else -1
            if column < 0 or (abs(dual[column]) if loose[column] else -dual[column]) < _SMALL:
                break
            side = 1.0 if loose[column] and dual[column] > 0 else -1.0
            rise = side * left[:, column]
            ratio = np.where(rise > _SMALL, np.maximum(slack, 0.0) / rise, np.inf)
            row = int(ratio.argmin())
            if not ratio[row] < np.inf:
                break
        pivot = table[row, column]
        factor = table[:, column] / pivot
        line = table[row].copy()
        line[column] -= 1.0
        table -= factor[:, None] * line
        label[column], loose[column] = row, False
    if not np.isfinite(slack).all():
        return None
    return Guess([i for i in label if i >= 0], [~i for i in label if i < 0], hint)


def _leaving(reach: FloatArray, dual: FloatArray, loose: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """The column that leaves for a violated row: a held one, else by the ratio test; -1 if none."""
    if loose.any():
        size = np.where(loose, np.abs(reach), 0.0)
        column = int(size.argmax())
        if size[column] > _SMALL:
            return column
    able = (reach > _SMALL) & ~loose
    if not able.any():
        return -1
    if (np.where(loose, -np.abs(dual), dual) >= -_SMALL).all():
        ratio = np.where(able, np.maximum(dual, 0.0) / reach, np.inf)
        return int(np.where(ratio <= ratio.min() + _SMALL, reach, 0.0).argmax())
    return int(np.where(able, reach, 0.0).argmax())


def _highs(a: FloatArray, b: FloatArray, c: FloatArray, seconds: float) -> Guess | None:
    """The last basis of HiGHS's simplex method."""
    import highspy

    m, n = a.shape
    solver: Any = getattr(highspy, "_Highs", highspy.Highs)()  # the subclass Highs prints a banner, and makes callbacks
    for option, value in (("output_flag", False), ("presolve", "off"), ("solver", "simplex"), ("threads", 1)):
        solver.setOptionValue(option, value)
    solver.setOptionValue("simplex_iteration_limit", 20 * (m + n) + 1000)
    solver.setOptionValue("time_limit", max(seconds, 0.0))
    live = a != 0.0
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n, m
    infinity = highspy.kHighsInf
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = -c, np.full(n, -infinity), np.full(n, infinity)
    lp.row_lower_, lp.row_upper_ = np.full(m, -infinity), b
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate([[0], live.sum(axis=1).cumsum()]).astype(np.int32)
    lp.a_matrix_.index_ = np.nonzero(live)[1].astype(np.int32)
    lp.a_matrix_.value_ = a[live]
    if solver.passModel(lp) == highspy.HighsStatus.kError or solver.run() == highspy.HighsStatus.kError:
        return None
    basis = solver.getBasis()
    if not basis.valid:
        return None
    basic = highspy.HighsBasisStatus.kBasic
    tight = [i for i, status in enumerate(basis.row_status) if status != basic]
    return Guess(tight, [j for j, status in enumerate(basis.col_status) if status != basic])


def _scale_rows(a: FloatArray) -> FloatArray:
    top: FloatArray = np.abs(a).max(axis=1, initial=0.0)
    top[top == 0] = 1.0
    a /= top[:, None]
    return top


def _split(values: Sequence[int]) -> tuple[FloatArray, np.ndarray[Any, np.dtype[np.int64]]]:
    """value = mantissa 2^exponent with 1/2 <= |mantissa| < 1, for integers of any size."""
    exponents = [abs(v).bit_length() for v in values]
    mantissas = [float(v >> (e - 60)) * 2.0**-60 if e > 60 else float(v) * 2.0**-e for v, e in zip(values, exponents, strict=True)]
    return np.array(mantissas, dtype=np.float64), np.array(exponents, dtype=np.int64)


def _scaled_by_exponents(entries: Sequence[int], rhs: Sequence[int], shape: tuple[int, int]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same scaling where the integers are too large for floats: on exponents, clipped at the end."""
    flat, powers = _split(entries)
    mantissa, exponent = flat.reshape(shape), powers.reshape(shape).astype(np.float64)
    exponent[mantissa == 0] = -np.inf
    right, height = _split(rhs)
    level = height.astype(np.float64)
    rows, columns = np.zeros(shape[0]), np.zeros(shape[1])
    for _ in range(2):
        rows = np.nan_to_num((exponent - columns).max(axis=1, initial=-np.inf), neginf=0.0)
        columns = np.nan_to_num((exponent - rows[:, None]).max(axis=0, initial=-np.inf), neginf=0.0)
    a = np.ldexp(mantissa, _clip(exponent - rows[:, None] - columns))
    level -= rows
    level[right == 0] = -np.inf
    reach = level.max(initial=-np.inf)
    b = np.ldexp(right, _clip(level - (reach if reach > 20 else 0.0)))
    return a, b, np.ldexp(np.ones(shape[1]), _clip(columns))


def _clip(exponent: FloatArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.clip(exponent, -1000, 1000).astype(np.int64)
