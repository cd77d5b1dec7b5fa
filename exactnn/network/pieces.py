"""The pieces that entries of a node are in, and what they do to values and to rows: slopes and constants, the places that windows take."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from exactnn.exact.array import RationalArray, concatenate
from exactnn.network.activations import PiecewiseLinear, PRelu, Rational
from exactnn.network.operations import Operation, along_channels
from exactnn.network.windows import MaxPool

Integers = np.ndarray[Any, np.dtype[Any]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Table = TypeVar("Table", RationalArray, np.ndarray[Any, np.dtype[np.float64]])


def levels(operation: Operation) -> tuple[RationalArray, RationalArray]:
    """Slopes and constants of a piecewise linear function's pieces, from left to right: (pieces, channels), or (pieces, 1) for all."""
    assert isinstance(operation, (PiecewiseLinear, PRelu))
    kinks = operation.expansion()
    slopes, constants = [kinks.slope.reshape(1, -1)], [kinks.constant.reshape(1, -1) + kinks.slope.reshape(1, -1) * 0]
    for at, jump in kinks.kinks:
        slopes.append(slopes[-1] + jump.reshape(1, -1))
        constants.append(constants[-1] - jump.reshape(1, -1) * at)
    return concatenate(slopes), concatenate(constants)


def pieces_at(operation: Operation, before: RationalArray, slopes: RationalArray | None = None) -> tuple[Integers, Mask]:
    """The pieces at these values, with derivatives `slopes` along a direction; and what is tied.

    For a unit the mask has the shape of its value; for pooling (n, channels, places, window), all places of a window that win together.
    """
    if isinstance(operation, MaxPool):
        return _winners(operation, before, slopes)
    assert isinstance(operation, (PiecewiseLinear, PRelu))
    kinks = operation.expansion().kinks
    below = np.zeros(before.shape, dtype=np.uint8 if len(kinks) < 256 else np.int64)
    tied = np.zeros(before.shape, dtype=bool)
    for at, jump in kinks:
        side = (before - at if at else before).sign()
        if slopes is not None:
            side = np.where(side == 0, slopes.sign(), side)
        below += side > 0
        tied |= (side == 0) & along_channels(jump, before.ndim - 1).nonzero()
    return below, tied


def _winners(operation: MaxPool, before: RationalArray, slopes: RationalArray | None) -> tuple[Integers, Mask]:
    index = operation.index(before.shape[2:])
    best = np.broadcast_to(index >= 0, (*before.shape[:2], *index.shape))
    for found in (before,) if slopes is None else (before, slopes):
        entries = found.numerators.reshape(*found.shape[:2], -1)[:, :, index]
        lowest = min(int(entries.min()), 0) - 1
        entries = np.where(best, entries, lowest)
        best = best & (entries == entries.max(axis=3, keepdims=True))
    first = np.asarray(best.argmax(axis=3), dtype=np.uint8 if index.shape[1] < 256 else np.int64)
    return first, best & (best.sum(axis=3, keepdims=True) > 1)


def tangent(operation: Rational, before: RationalArray) -> tuple[RationalArray, RationalArray]:
    """Slope and constant of the tangents of P / Q:  (P' Q - P Q') / Q^2."""
    operation.evaluate(before)  # refuses a pole
    slopes, constants = [], []
    for t in before.to_fractions():
        (p, dp), (q, dq) = (_with_derivative(c, t) for c in (operation.numerator, operation.denominator))
        slope = (dp * q - p * dq) / q**2
        slopes.append(slope)
        constants.append(p / q - slope * t)
    return RationalArray.from_fractions(slopes, before.shape), RationalArray.from_fractions(constants, before.shape)


def _with_derivative(coefficients: tuple[Any, ...], t: Any) -> tuple[Any, Any]:
    value = slope = t * 0
    for c in reversed(coefficients):
        value, slope = value * t + c, slope * t + value
    return value, slope


# --- what the pieces do ------------------------------------------------------------------------------------------------------


def looked_up(table: Table, pieces: Integers) -> Table:
    """Entries of a table (pieces, channels or 1), exact or in floats, for each entry (n, channels, ...)."""
    if table.shape[1] == 1:
        return table[:, 0][pieces]
    channels = np.arange(table.shape[1]).reshape(-1, *(1,) * (pieces.ndim - 2))
    return table[pieces, channels]


def times_slope(slopes: RationalArray, pieces: Integers, values: RationalArray) -> RationalArray:
    """Each value times the slope of its piece."""
    numbers = slopes.numerators
    if slopes.denominator == 1 and slopes.shape[1] == 1 and ((numbers == 0) | (numbers == 1)).all():
        return RationalArray(np.where((numbers[:, 0] == 1)[pieces], values.numerators, 0), values.denominator)
    return values * looked_up(slopes, pieces)


def chosen(operation: MaxPool, values: RationalArray, pieces: Integers) -> RationalArray:
    """The entries that windows take."""
    count, channels, *spatial = values.shape
    index = operation.index(tuple(spatial))
    places = index[np.arange(len(index)), pieces]  # (n, channels, places)
    taken = np.take_along_axis(values.numerators.reshape(count, channels, -1), places, axis=2)
    return RationalArray(taken.reshape(count, channels, *operation.places(tuple(spatial))), values.denominator)


def sent_back(operation: MaxPool, rows: RationalArray, pieces: Integers, shape: tuple[int, ...]) -> RationalArray:
    """Rows at results as rows at the entries that the windows take."""
    channels, *spatial = shape
    index = operation.index(tuple(spatial))
    dtype = np.int64 if rows.numerators.dtype != object and rows.bound * index.shape[1] < 1 << 62 else object
    result = np.zeros((len(rows), channels, math.prod(spatial)), dtype=dtype)
    flat = rows.numerators.reshape(len(rows), channels, -1)
    for k in range(index.shape[1]):  # at one place of the window, different windows read different entries
        live = np.flatnonzero(index[:, k] >= 0)
        result[:, :, index[live, k]] += np.where(pieces[:, :, live] == k, flat[:, :, live], 0)
    return RationalArray(result.reshape(len(rows), *shape), rows.denominator)
