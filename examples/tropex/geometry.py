"""The regions around data points: their affine maps, patterns and sizes. Exact, but for norms, angles and what is estimated by samples."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

import exactnn as xn
from exactnn.exact.array import RationalArray, concatenate
from exactnn.network import Network
from exactnn.network.linearise import Linearisation, linearise

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Around:
    """The regions that hold so many points: a point on a boundary gets one of the regions beside it."""

    def __init__(self, net: Network, points: RationalArray) -> None:
        self.net, self.points = net, points
        self.linear: Linearisation = linearise(net, points)
        #: (n, units): on which side of its kink each unit is
        self.patterns: Integers = np.concatenate([p.reshape(len(points), -1) for p in self.linear.pieces.values()], axis=1)
        #: (n, outputs, inputs)
        self.gradients: RationalArray = self.linear.jacobian()
        zeros = RationalArray.zeros((len(points), net.input_dim))
        values = self.linear.values(zeros)
        self.constants = concatenate([values[name].reshape(len(points), -1) for name in net.outputs], axis=1)

    @property
    def pattern_keys(self) -> list[bytes]:
        """Equal exactly for points in one activation region."""
        return [row.tobytes() for row in np.ascontiguousarray(self.patterns)]

    def map_keys(self, digits: int | None = None) -> list[tuple[int, ...]] | list[tuple[float, ...]]:
        """Equal exactly for points with one affine map; with `digits`, after rounding to so many, as the paper's code does."""
        table = concatenate([self.gradients, self.constants.reshape(*self.constants.shape, 1)], axis=2)
        rows = table.numerators if digits is None else np.round(table.to_float(), digits) + 0.0
        return [tuple(row) for row in rows.reshape(len(self.points), -1).tolist()]

    def gradient_of(self, outputs: Sequence[int]) -> Floats:
        """(k, inputs): the gradient of one output at each of the first k points, rounded."""
        return self.gradients[np.arange(len(outputs)), np.asarray(outputs)].to_float()


def share_of_distinct(keys: Sequence[Any]) -> float:
    """The number of different ones in per cent of all."""
    return 100 * len(set(keys)) / len(keys)


def share_met(keys: Sequence[Any], before: Sequence[Any]) -> float:
    """How many were there before, in per cent."""
    known = set(before)
    return 100 * sum(key in known for key in keys) / len(keys)


def angles(first: Floats, second: Floats | None = None) -> Floats:
    """In degrees: between all pairs of different rows, or between rows of the same number of two matrices. Rows of zeros have none."""
    if second is None:
        i, j = np.triu_indices(len(first), 1)
        first, second = first[i], first[j]
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    there = lengths > 0
    cosines = (first * second).sum(axis=1)[there] / lengths[there]
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def similarity(patterns: Integers, labels: Integers) -> tuple[float, float]:
    """The share of units on the same side, in per cent: mean over pairs of one class, and of two. NaN where there is no such pair."""
    i, j = np.triu_indices(len(patterns), 1)
    alike, same = 100 * (patterns[i] == patterns[j]).mean(axis=1), labels[i] == labels[j]
    return tuple(float(alike[part].mean()) if part.any() else math.nan for part in (same, ~same))  # type: ignore[return-value]


def settled(patterns: Integers) -> float:
    """The share of units, in per cent, that are on one side at all points: without them the network is the same there."""
    return 100 * float((patterns == patterns[0]).all(axis=0).mean())


# --- sizes -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """A natural logarithm with its standard error."""

    value: float
    error: float


def radii(net: Network, points: RationalArray, directions: RationalArray, low: Fraction, high: Fraction) -> list[Fraction]:
    """How far point i can go in direction i until its region ends, or the box [low, high]^d: exactly. For units with one kink, at 0.

    On the region each pre-activation is z + t dz, so that it ends at the least |z| / |dz| over the units that move towards their kink.
    """
    around = linearise(net, points)
    before = {name: net.operands(name)[0] for name in around.pieces}
    here, there = (around.values(p, keep=before.values()) for p in (points, points + directions))
    found = []
    ends = [_to_kinks(around.pieces[name], here[node], there[node] - here[node]) for name, node in before.items()]
    for i, (point, direction) in enumerate(zip(points.to_rows(), directions.to_rows(), strict=True)):
        walls = [((high if u > 0 else low) - x) / u for x, u in zip(point, direction, strict=True) if u]
        found.append(min([*walls, *(end[i] for end in ends if end[i] is not None)]))  # type: ignore[type-var]
    return found


def _to_kinks(pieces: Integers, values: RationalArray, steps: RationalArray) -> list[Fraction | None]:
    """For each point the least |z| / |dz|; None where no unit moves towards its kink."""
    moving = np.where(pieces == 1, steps.sign() < 0, steps.sign() > 0).reshape(len(pieces), -1)
    z, dz = (a.numerators.reshape(len(pieces), -1) for a in (values, steps))
    factor = Fraction(steps.denominator, values.denominator)
    found: list[Fraction | None] = []
    for row, value, step in zip(moving, z, dz, strict=True):
        units = np.flatnonzero(row)
        found.append(factor * min(Fraction(abs(int(value[u])), abs(int(step[u]))) for u in units) if len(units) else None)
    return found


def unit_directions(dimension: int, count: int, seed: int) -> RationalArray:
    """So many directions, uniform on the sphere, rounded to multiples of 2^-20."""
    drawn = np.random.default_rng(seed).standard_normal((count, dimension))
    return RationalArray.of(np.round(drawn / np.linalg.norm(drawn, axis=1, keepdims=True) * 2**20) / 2**20)


def volume(lengths: Sequence[float], dimension: int) -> Estimate:
    """log volume of a region by its radii r in uniform directions:  V_d E[r^d],  V_d the volume of the unit ball.

    In many dimensions the mean hangs on the few longest radii: the error bar, made of the same sample, is then too small.
    """
    largest = max(lengths)
    powers = (np.asarray(lengths, dtype=float) / largest) ** dimension
    error = float(powers.std(ddof=1) / powers.mean()) / math.sqrt(len(powers))
    return Estimate(_ball(dimension) + dimension * math.log(largest) + math.log(powers.mean()), error)


def volume_from_below(lengths: Sequence[float], dimension: int) -> Estimate:
    """log of  V_d exp(d E[log r]) <= V_d E[r^d]  (Jensen), of positive radii: a lower bound with an honest error bar."""
    logs = np.log(np.asarray(lengths, dtype=float))
    error = dimension * float(logs.std(ddof=1)) / math.sqrt(len(logs))
    return Estimate(_ball(dimension) + dimension * float(logs.mean()), error)


def _ball(dimension: int) -> float:
    return dimension / 2 * math.log(math.pi) - math.lgamma(dimension / 2 + 1)


@dataclass(frozen=True)
class Slice:
    """The plane through three data points, in coordinates where they are (0, 0), (1, 0), (0, 1), cut off to a square around them."""

    regions: int
    #: areas of the regions of the three points, exact and by radii (with its standard error)
    own: tuple[float, ...]
    estimated: tuple[tuple[float, float], ...]
    #: area E[1 / area of the region of a uniform point] = the number of regions: its estimate, and the standard error
    number: tuple[float, float]


LOW, HIGH = Fraction(-1, 4), Fraction(5, 4)


def cut(net: Network, corners: RationalArray, samples: int, seed: int) -> Slice:
    """The exact regions of the slice through three points, and what samples say of them."""
    plane = xn.regions.restrict(net, *xn.regions.through(corners.to_rows()))
    regions = {r.pattern: r for r in xn.regions.iterate(plane, xn.Box([LOW] * 2, [HIGH] * 2))}
    area = cache(lambda pattern: regions[pattern].volume())  # of few of them
    here = RationalArray.of([[0, 0], [1, 0], [0, 1]])
    own = [area(pattern) for pattern in patterns_as_tuples(plane, here)]
    estimated = []
    for i in range(3):
        repeated = here[np.full(samples, i)]
        found = volume(list(map(float, radii(plane, repeated, unit_directions(2, samples, seed + i), LOW, HIGH))), 2)
        estimated.append((math.exp(found.value), math.exp(found.value) * found.error))
    source = random.Random(seed)
    drawn = [[LOW + (HIGH - LOW) * Fraction(source.getrandbits(30), 2**30) for _ in range(2)] for _ in range(samples)]
    inverse = np.array([float(1 / area(pattern)) for pattern in patterns_as_tuples(plane, RationalArray.of(drawn))])
    whole = float((HIGH - LOW) ** 2)
    number = (whole * float(inverse.mean()), whole * float(inverse.std(ddof=1)) / math.sqrt(samples))
    return Slice(len(regions), tuple(map(float, own)), tuple(estimated), number)


def patterns_as_tuples(net: Network, points: RationalArray) -> list[tuple[tuple[int, ...], ...]]:
    """The patterns as those of `regions.iterate`: a tuple for each activation node."""
    pieces = linearise(net, points).pieces
    return [tuple(tuple(map(int, p[i].ravel())) for p in pieces.values()) for i in range(len(points))]
