"""The slope of the loss in the temperature, in float64 with every rounding counted, for many samples at once.

    L'(tau) = sum_n T_n - Q_n V_n,   T = sum_j q_j d_j,  Q = sum_j q_j,  V = sum_j d_j e_j / sum_j e_j,
    d_j = max z - z_j,  e_j = exp(-tau d_j),  q the target (1 at the label),
    L''(tau) = sum_n Q_n (W_n - V_n^2),   W = sum_j d_j^2 e_j / sum_j e_j

All terms of T, Q, V are >= 0, so that each is known up to a small factor, in whatever order sums are made (C classes, u = 2^-53):

    d, tau d      factors within 2.1 u of 1;  e: 9 u + 2.1 u tau d, by _proved_exp
    sum e         (C + 9) u and 2.1 u tau V;  sum d e: (C + 11) u and 2.1 u tau W / V
    Q V           (3 C + 26) u Q V + 4.3 u tau Q W, since V^2 <= W;  T: (C + 4) u T, the last difference included

and what underflows, or is clipped at tau d = 700, adds less than 8 C 2^-1000. Logits are divided by a power of two first, so that
|z| < 1. The sum over n is math.fsum, rounded once; a factor 1.1 covers the rounding of the bound itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from exactnn.cooling._proved_exp import LARGEST, exp_minus
from exactnn.cooling._reading import Floats, Integers

_BLOCK = 1 << 14  # entries that are worked on at once
_UNIT = 2.0**-53
_TINY = 2.0**-997
#: Scaled temperatures beyond these are left to balls.
LEAST, MOST = 2.0**-900, 2.0**100


class Slope(NamedTuple):
    """L' within `error` (inf where that was not asked for), L'', and the largest error that the proof would count here."""

    value: float
    error: float
    curvature: float
    noise: float


class Samples:
    """Logits (n, classes) with labels, or with targets (n, classes).

    Temperatures here are those of the data times 2^exponent.
    """

    def __init__(self, logits: Floats, labels: Integers | None, targets: Floats | None) -> None:
        top = max(float(logits.max()), -float(logits.min()))
        self.exponent = math.frexp(top)[1]
        scaled = np.ldexp(logits, -self.exponent)
        self.distances: Floats = scaled.max(axis=1, keepdims=True) - scaled
        if labels is not None:
            self.target: Floats = np.take_along_axis(self.distances, labels[:, None], axis=1)[:, 0]
            self.mass: Floats = np.ones(len(logits))
        else:
            assert targets is not None
            self.target, self.mass = np.einsum("ij,ij->i", targets, self.distances), targets.sum(axis=1)

    def some(self, count: int) -> Samples:
        """About so many of them, spread evenly, for a first guess."""
        step = max(len(self.target) // count, 1)
        part = object.__new__(Samples)
        part.exponent = self.exponent
        part.distances, part.target, part.mass = self.distances[::step], self.target[::step], self.mass[::step]
        return part

    def near(self, tau: float) -> Slope:
        """L' and L'' by numpy's exp, to propose."""
        return self._slope(tau, [_moments(np.exp(d * -tau), d) for d in self._blocks()], proved=False)

    def proved(self, tau: float) -> Slope:
        """L' with a bound of its error; 0 or LEAST <= tau <= MOST."""
        moments = []
        room: tuple[Floats, ...] = ()
        for d in self._blocks():
            if not room or room[0].shape != d.shape:
                room = (np.empty_like(d), np.empty_like(d), np.empty_like(d))
            x, k, r = room
            if not tau:
                x.fill(1.0)  # exp(0)
                moments.append(_moments(x, d))
                continue
            np.multiply(d, tau, out=x)
            np.minimum(x, LARGEST, out=x)
            moments.append(_moments(exp_minus(x, k, r), d))
        return self._slope(tau, moments, proved=True)

    def _blocks(self) -> Iterator[Floats]:
        rows = max(_BLOCK // self.distances.shape[1], 1)
        for start in range(0, len(self.distances), rows):
            yield self.distances[start : start + rows]

    def _slope(self, tau: float, moments: Sequence[tuple[Floats, Floats]], *, proved: bool) -> Slope:
        first, second = (np.concatenate(parts) for parts in zip(*moments, strict=True))
        classes = self.distances.shape[1]
        means = self.mass * first
        error = (3 * classes + 26) * means + (4.3 * tau) * (self.mass * second) + (classes + 4) * self.target
        each = self.target - means
        value = math.fsum(each.tolist()) if proved else float(each.sum())
        noise = 1.1 * (_UNIT * (float(error.sum()) + abs(value)) + 8 * classes * len(means) * _TINY)
        curvature = float((self.mass * (second - first * first)).sum())
        return Slope(value, noise if proved else math.inf, curvature, noise)


def _moments(e: Floats, d: Floats) -> tuple[Floats, Floats]:
    """V and W; e is written over."""
    total = e.sum(axis=1)
    np.multiply(e, d, out=e)
    first = e.sum(axis=1) / total
    np.multiply(e, d, out=e)
    return first, e.sum(axis=1) / total
